-- SPDX-License-Identifier: MIT
--- API v3 by a client against the local service: agents, groups, tags, chats, customers.
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"

local sandbox, client

local function connect(more)
  local wanted = { api = "v3", username = sandbox.account_id, api_key = sandbox.api_key,
    base_url = sandbox.url, helpdesk_url = sandbox.url .. "/v1", accounts_url = sandbox.url,
    client_id = sandbox.client_id, throttle = false, retry = { base = 0.01 } }
  for name, value in pairs(more or {}) do wanted[name] = value end
  return assert(livechat.new(wanted))
end

setup(function()
  sandbox = helper.sandbox { api_key = "us-south1:key-of-this-spec", calls = false, seed = 5 }
  client = connect()
end)

teardown(function() helper.cleanup() end)

describe("agents of v3", function()
  it("are listed with v2's names", function()
    local list = assert(client.agents:list())
    assert.is_true(#list > 1)
    local own = list[1]
    assert.equal("livechat.Agent: " .. sandbox.username, tostring(own))
    assert.same({ sandbox.username, "owner" }, { own.login, own.permission })
    assert.truthy(own.status)
    assert.is_nil(own.status:find("_", 1, true))
    assert.is_table(own.groups[1])
    assert.is_nil(own:raw().login)
    assert.equal(own.login, own:raw().id)
    for _, each in ipairs(assert(client.agents:list { status = "offline" })) do
      assert.equal("offline", each.status)
    end
  end)

  it("are created, changed and removed", function()
    local made = assert(client.agents:create { login = "new@example.com", name = "New",
      permission = "administrator", groups = { 0 }, daily_summary = true,
      notifications = { new_visitor = true }, max_chats_count = 3 })
    assert.same({ "new@example.com", "New", "administrator", 1, 3 }, { made.login, made.name,
      made.permission, made.daily_summary, made.max_chats_count })
    assert.same({ 1, 0 }, { made.notifications.new_visitor, made.notifications.new_goal })
    made.job_title, made.name, made.status = "Hero", "Newer", "accepting chats"
    assert(made:save())
    assert.same({ "Hero", "Newer", "accepting chats" }, { made.job_title, made.name, made.status })
    local again = assert(client.agents:get("new@example.com"))
    assert.same({ "Hero", "Newer", "accepting chats" },
      { again.job_title, again.name, again.status })
    assert(client.agents:update("new@example.com", { notifications = { new_goal = true } }))
    again = assert(again:reload())
    assert.same({ 1, 1, 1 }, { again.notifications.new_visitor, again.notifications.new_goal,
      again.daily_summary })
    assert(again:delete())
    local gone, err = client.agents:get("new@example.com")
    assert.is_nil(gone)
    assert.same({ "not_found", "not_found" }, { err.kind, err.code })
  end)

  it("have no password, and say why", function()
    local made, err = client.agents:create { login = "a@example.com", name = "A",
      password = "12345" }
    assert.is_nil(made)
    assert.same({ "invalid", "password", "not_sent" }, { err.kind, err.field, err.outcome })
    assert.truthy(err.message:find("invitation", 1, true))
  end)

  it("tell what of a change was done", function()
    local made = assert(client.agents:create { login = "part@example.com", name = "Part" })
    local cut = connect { accounts_url = "http://127.0.0.1:" .. helper.free_port(), retry = false }
    local changed, err = cut.agents:update("part@example.com", { job_title = "T", name = "N" })
    assert.is_nil(changed)
    assert.same({ "network", "unknown" }, { err.kind, err.outcome })
    assert.same({ "job_title" }, err.done)
    assert(made:delete())
  end)
end)

describe("groups and tags of v3", function()
  it("are made, changed and removed", function()
    local made = assert(client.groups:create { name = "Shoes", agents = { sandbox.username } })
    assert.same({ "Shoes", { sandbox.username } }, { made.name, made.agents })
    assert.equal(made.id, assert(client.groups:get(tostring(made.id))).id)
    local changed = assert(client.groups:update(made.id, { name = "Boots" }))
    assert.same({ "Boots", { sandbox.username } }, { changed.name, changed.agents })
    local found
    for _, group in ipairs(assert(client.groups:list())) do
      found = found or group.id == made.id and group.name
    end
    assert.equal("Boots", found)
    assert.is_true((assert(client.groups:delete(made.id))))
    assert.equal("not_found", select(2, client.groups:get(made.id)).kind)
  end)

  it("of chats have their groups", function()
    local made = assert(client.tags:create { tag = "odd one", group = 0, author = "x" })
    assert.same({ "odd one", 0 }, { made.name, made.group })
    local names = {}
    for _, tag in ipairs(assert(client.tags:list())) do names[tag.name] = tag.creation_date end
    assert.truthy(names["odd one"]:find("^%d+%-%d+%-%d+T.*%.%d%d%dZ$"))
    assert.equal("already_exists",
      select(2, client.tags:create { tag = "Odd one", group = 0 }).code)
    assert(client.tags:delete("odd one"))
  end)
end)

describe("chats of v3", function()
  it("are walked, thread by thread, and read with v2's fields", function()
    local total, seen, one = assert(client.chats:list { limit = 1 }).total, 0, nil
    for chat in client.chats:each { limit = 3 } do
      seen = seen + 1
      one = one or chat.messages[1] and chat
    end
    assert.is_true(total > 3)
    assert.equal(total, seen)
    local chat = assert(client.chats:get(one.id, one.thread.id))
    assert.same(one.messages, chat.messages)
    assert.truthy(chat.started_timestamp:find("%.%d%d%dZ$"))
    assert.truthy(chat.ended_timestamp >= chat.started_timestamp)
    assert.is_table(chat.tags)
    assert.is_number(chat.groups[1].id)
    assert.truthy(chat.visitor.id)
    assert.truthy(chat.messages[1].timestamp)
    local old = connect { api = "v2", username = sandbox.username }
    local same = assert(old:request { path = "/chats/" .. chat.thread.id })
    assert.equal(#same.messages, #chat.messages)
    local page = assert(client.chats:list { limit = 2 })
    assert.equal(2, #page)
    assert.equal(2, #assert(page:next()))
  end)

  it("are filtered", function()
    for _, filter in ipairs { { date_from = "2100-01-01" }, { date_to = "2001-01-01" },
      { visitor_email = "none@example.com" }, { query = "never said by anyone" } } do
      assert.equal(0, #assert(client.chats:list(filter)))
    end
    assert.is_true(#assert(client.chats:list { group = 0 }) > 0)
  end)

  it("are led", function()
    local started = assert(client:call("agent", "start_chat", { chat = {}, active = true }))
    local id, thread = started.chat_id, started.thread_id
    local sent, event = client.chats:send(id, { text = "Hello" })
    assert.is_true(sent)
    assert.is_string(event)
    assert.is_true((assert(client.chats:tag(id, thread, "vip"))))
    assert.same({ "vip" }, assert(client.chats:get(id)).tags)
    assert(client.chats:untag(id, thread, "vip"))
    assert(client.chats:follow(id))
    assert(client.chats:unfollow(id))
    local found
    for chat in client.chats:each { active = true } do found = found or chat.id == id end
    assert.is_true(found)
    local _, err = client.chats:transfer(id, {})
    assert.same({ "invalid", "group" }, { err.kind, err.field })
    assert(client.chats:transfer(id, { group = 0 }))
    assert(client.chats:close(id))
    assert.equal("chat_inactive", select(2, client.chats:close(id)).code)
    assert.equal("not_found", select(2, client.chats:get("NONE")).kind)
  end)

  it("lead to customers", function()
    local chat = assert(client.chats:list { limit = 1 })[1]
    local customer = assert(client.customers:get(chat.visitor.id))
    assert.equal(chat.visitor.id, customer.id)
    local changed = assert(client.customers:update(customer.id, { name = "Zoe",
      session_fields = { plan = "gold" } }))
    assert.equal("Zoe", changed.name)
  end)
end)

describe("chats of v3 that go on", function()
  it("are listed by group alone, and say so", function()
    for name, value in pairs { agent = "a", tag = { "t" }, tagged = 0, query = "q",
      date_from = "2026-01-01" } do
      local list, err = client.chats:list { active = true, [name] = value }
      assert.is_nil(list)
      assert.same({ "invalid", name }, { err.kind, err.field })
      local fine, problem = pcall(function()
        client.chats:each { active = true, [name] = value }()
      end)
      assert.is_false(fine)
      assert.equal(name, problem.field)
    end
    assert(client.chats:list { active = true, group = 0, order = "asc", limit = 5 })
  end)
end)

describe("records of v3", function()
  it("are read, written and read anew as v2's are", function()
    local row = assert(client.chats:list { limit = 1 })[1]
    assert.equal(row.thread.id, row:raw().thread.id)
    assert.is_nil(row:raw().started_timestamp)
    assert.equal(row.started_timestamp, row:totable().started_timestamp)
    local new = assert(client:call("agent", "resume_chat", { chat = { id = row.id } }))
    assert.are_not.equal(row.thread.id, new.thread_id)
    assert.equal(new.thread_id, assert(client.chats:get(row.id)).thread.id)
    assert.equal(row.thread.id, assert(row:reload()).thread.id) -- of that thread, not of the last
    assert.is_true((row:close()))
    local group = assert(client.groups:create { name = "Records", agents = { sandbox.username } })
    group.name = "Changed"
    assert.equal("Changed", assert(group:save()).name)
    assert.is_true((group:delete()))
    local customer = assert(client.customers:get(row.visitor.id))
    assert.equal("Ann", assert(customer:update { name = "Ann" }).name)
  end)
end)

describe("actions without a method", function()
  it("are called by their names", function()
    assert.is_table(assert(client:call("configuration", "list_agents")))
    local none, err = client:call("agent", "no_such_action", {})
    assert.is_nil(none)
    assert.same({ "not_found", "not_found" }, { err.kind, err.code })
    assert.has_error(function() client:call("other", "list_agents") end)
  end)

  it("are of the API that has them", function()
    local old = connect { api = "v2" }
    assert.has_error(function() old:call("agent", "list_chats") end)
  end)
end)

describe("a service of v3", function()
  local server, answers

  setup(function()
    server = helper.nginx { http = [[
      server {
        listen 127.0.0.1:$PORT;
        location / {
          content_by_lua_block {
            local cjson = require "cjson"
            ngx.req.read_body()
            local path = ngx.var.uri:match("[^/]*$")
            local region = ngx.req.get_headers()["X-Region"]
            if path == "tag_thread" then return ngx.print("") end
            if path == "untag_thread" then return ngx.print("{}") end
            if path == "list_groups" then
              return ngx.print('[{"id":3,"name":"Night"},{"id":"12","name":"Night"},'
                .. '{"id":9,"name":"Night"},{"id":40,"name":"Day"}]')
            end
            if path == "list_agents" and region ~= "fra-b" then
              ngx.status = 400
              return ngx.print('{"error":{"type":"misdirected_request","message":"Wrong region",'
                .. '"data":{"region":"fra-b"}}}')
            end
            if path == "list_agents" then return ngx.print('[{"id":"a@example.com"},{"id":7}]') end
            if path == "list_routing_statuses" then
              ngx.status = 403
              return ngx.print('{"error":{"type":"authorization","message":"Missing scope"}}')
            end
            if path == "token" then
              local sent = ngx.req.get_post_args()
              if sent.refresh_token ~= "a b&c=+%" or sent.grant_type ~= "refresh_token" then
                return ngx.exit(422)
              end
              tokens = (tokens or 0) + 1
              ngx.status = 201
              return ngx.print(cjson.encode { access_token = "fra-" .. tokens .. "%3Atoken",
                expires_in = "3600", refresh_token = cjson.null })
            elseif path == "create_tag" and tokens == 1 then
              ngx.status = 401
              return ngx.print('{"error":{"type":"authentication","message":"Invalid token"}}')
            elseif path == "create_tag" then
              created = (created or 0) + 1
              return ngx.print("{}")
            elseif path == "created" then
              return ngx.print(cjson.encode { created = created, tokens = tokens })
            elseif path == "deactivate_chat" then
              return ngx.print('{"error":{"message":"of no type"}}')
            elseif path == "list_bots" then
              ngx.status = 502
              return ngx.print("<html><head><title>502 Bad Gateway</title></head></html>")
            elseif path == "echo" then
              return ngx.print(cjson.encode { region = region,
                authorization = ngx.req.get_headers()["Authorization"] })
            end
            count = (count or 0) + 1
            if path == "follow_chat" and count < 3 then
              return ngx.print('{"error":{"type":"too_many_requests","message":"slow down"}}')
            end
            if path == "send_event" then
              return ngx.print('{"error":{"type":"internal","message":"broken"}}')
            end
            ngx.print("{}")
          }
        }
      }
    ]] }
    answers = connect { base_url = "http://127.0.0.1:" .. server.port }
  end)

  it("says nothing, or {}, where all is well", function()
    assert.is_true((answers.chats:tag("C", "T", "t")))
    assert.is_true((answers.chats:untag("C", "T", "t")))
  end)

  it("makes a group without a word of its id", function()
    local made = assert(answers.groups:create { name = "Night", agents = { "a@example.com" } })
    assert.same({ 12, "Night", { "a@example.com" } }, { made.id, made.name, made.agents })
    local none, err = answers.groups:create { name = "Dusk", agents = { "a@example.com" } }
    assert.is_nil(none)
    assert.same({ "protocol", "unknown" }, { err.kind, err.outcome })
  end)

  it("fails where it says so, whatever the status and the form", function()
    local done, err = answers.chats:close("C")
    assert.is_nil(done)
    assert.same({ "rejected", "of no type", "refused" }, { err.kind, err.message, err.outcome })
    done, err = answers:call("configuration", "list_bots")
    assert.is_nil(done)
    assert.same({ "server", "502 Bad Gateway", 502 }, { err.kind, err.message, err.status })
  end)

  it("gets a token that holds its region and a colon, also as a URL writes it", function()
    for _, given in ipairs { { api_key = "us-south1:key" }, { api_key = "us-south1%3Akey" },
      { access_token = "fra-a%3akey" }, { access_token = "key" }, { api_key = "a:b:c%3A" } } do
      given.username = given.api_key and "b7eff798-f8df" or nil
      given.base_url = "http://127.0.0.1:" .. server.port
      given.api, given.throttle = "v3", false
      local told = assert(assert(livechat.new(given)):call("agent", "echo"))
      local token = (given.access_token or given.api_key):gsub("^([%w-]+)%%3[Aa]", "%1:")
      local expected = given.access_token and "Bearer " .. token
        or "Basic " .. core.base64(given.username .. ":" .. token)
      assert.same({ expected, token:match("^([%w-]+):") },
        { told.authorization, told.region })
    end
  end)

  it("gives a token to a form, and takes a call again that came as the token ended", function()
    local url = "http://127.0.0.1:" .. server.port
    local own = assert(livechat.new { api = "v3", base_url = url, accounts_url = url,
      oauth = { client_id = "a", client_secret = "b", refresh_token = "a b&c=+%" },
      throttle = false, retry = false })
    local told = assert(own:call("agent", "echo"))
    assert.same({ "Bearer fra-1:token", "fra-1" }, { told.authorization, told.region })
    assert(own.tags:create { tag = "t", group = 0 })
    assert.same({ created = 1, tokens = 2 }, own:call("agent", "created"))
    told = assert(own:call("agent", "echo"))
    assert.same({ "Bearer fra-2:token", "fra-2" }, { told.authorization, told.region })
  end)

  it("is called once more, in the region that it names, and there from then on", function()
    local list = assert(answers.agents:list())
    assert.same({ "a@example.com", "7" }, { list[1].login, list[2].login })
    assert.is_nil(list[1].name)
    local attempts = 0
    local counting = connect { base_url = "http://127.0.0.1:" .. server.port,
      on_attempt = function() attempts = attempts + 1 end }
    assert(counting.agents:list())
    assert(counting.agents:list())
    assert.equal(5, attempts) -- of the first list two, of its statuses one; then one and one
  end)

  it("is asked again where it was asked too often, as a 200 may say", function()
    assert.is_true((answers.chats:follow("C")))
  end)

  it("is not told anything twice", function()
    local attempts = 0
    local counting = connect { base_url = "http://127.0.0.1:" .. server.port,
      on_attempt = function() attempts = attempts + 1 end }
    local sent, err = counting.chats:send("C", { text = "Hello" })
    assert.is_nil(sent)
    assert.same({ "server", "internal", "unknown", 1 },
      { err.kind, err.code, err.outcome, attempts })
  end)
end)
