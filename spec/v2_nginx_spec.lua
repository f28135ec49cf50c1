-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
--- Every call of version 2 from a content handler of a real nginx, against the local service; and
--- the visitor's details with the key of a delivery.
local helper = require "spec.helper"
local v2 = require "livechat.api.v2"

--- What the handler runs. `call` notes what was called; each part is a resource's life.
local VERBS = [[
  local client, username, hook = ...
  local livechat = require "livechat"
  local called = {}

  local function call(resource, method, ...)
    called[#called + 1] = resource .. ":" .. method
    local value, err = client[resource][method](client[resource], ...)
    if value == nil then error(resource .. ":" .. method .. ": " .. tostring(err), 0) end
    return value
  end

  --- Makes a thing, finds it in the list, reads it, changes it, and removes it.
  local function life(resource, fields, changes)
    local made = call(resource, "create", fields)
    local id = made.id or made.login
    local found = false
    for _, one in ipairs(call(resource, "list")) do found = found or (one.id or one.login) == id end
    assert(found, resource .. ": the new one is not in the list")
    assert((call(resource, "get", id).id or made.login) == id)
    call(resource, "update", id, changes)
    local name, value = next(changes)
    assert(client[resource]:get(id)[name] == value,
      resource .. ": the change of " .. name .. " is not there")
    return id, function()
      call(resource, "delete", id)
      local gone, err = client[resource]:get(id)
      assert(gone == nil and err.kind == "not_found", resource .. ": is still there")
    end
  end

  local _, drop = life("agents", { login = "new@example.com", name = "New" },
    { job_title = "Boss" })
  drop()
  local group, drop_group = life("groups", { name = "Night", agents = { username } },
    { name = "Day" })
  assert(call("status", "get", group))
  drop_group()
  _, drop = life("canned_responses", { text = "Hello", tags = { "hi" } }, { text = "Bye" })
  drop()
  _, drop = life("greetings", { name = "Greet", rules = {
    { type = "visit_time_site", value = "15", operator = "greater_than" } } }, { name = "Hi" })
  drop()
  local goal, drop_goal = life("goals", { name = "Goal", type = "url", url = "https://a.b/" },
    { name = "Aim" })
  local visitor = call("visitors", "list")[1]
  assert(call("goals", "reach", goal, { visitor_id = visitor.id }))
  drop_goal()
  assert(call("visitors", "details", visitor.id,
    { id = "crm", fields = { { name = "plan", value = "gold" } } }))

  call("tags", "create", { author = username, tag = "caf\195\169 / 1", group = 0 })
  local tags = call("tags", "list")
  assert(#tags > 0)
  call("tags", "delete", "caf\195\169 / 1", { group = 0 })

  local ticket = call("tickets", "create", { message = "It is broken", subject = "Help",
    requester = { mail = "a@example.com" } })
  assert(call("tickets", "list", { requester = { mail = "a@example.com" } })[1].id == ticket.id)
  assert(call("tickets", "tag", ticket.id, { "one" }).tags[1] == "one")
  assert(#call("tickets", "add_tags", ticket.id, { "two" }).tags == 2)
  assert(#call("tickets", "remove_tags", ticket.id, { "one" }).tags == 1)
  assert(call("tickets", "update", ticket.id, { message = "more" }).id == ticket.id)
  assert(call("tickets", "get", ticket.id).tags[1] == "two")
  local count = 0
  for one in client.tickets:each() do count = count + (one.id and 1 or 0) end
  assert(count == client.tickets:list().total)

  local chat = call("chats", "list")[1]
  assert(call("chats", "get", chat.id).id == chat.id)
  assert(call("chats", "tag", chat.id, { "sale" }).tags[1] == "sale")
  assert(call("chats", "send_transcript", chat.id, "a@example.com"))
  count = 0
  for _ in client.chats:each { tag = { "sale" } } do count = count + 1 end
  assert(count >= 1)

  call("webhooks", "create", { event_type = "chat_started",
    data_types = { "chat", "visitor" }, url = hook })
  assert(#call("webhooks", "list") > 0)
  local spare = client.webhooks:create { event_type = "chat_ended", data_types = { "chat" },
    url = hook }
  call("webhooks", "delete", spare.id)

  for name, variant in pairs(require("livechat.api.v2").resources.reports[1].variants.of) do
    local query = variant.query.weekday and variant.query.weekday.required
      and { weekday = "mon" } or nil
    assert(type(call("reports", "get", name, query)) == "table")
  end
  return called
]]

local HTTP = [[
  lua_package_path "$ROOT/lua/?.lua;$ROOT/lua/?/init.lua;;";
  lua_package_cpath "$ROOT/build/5.1/?.so;;";
  access_log off;
  init_by_lua_block {
    livechat = require "livechat"
    client = assert(livechat.new { username = "$USER", api_key = "$KEY", base_url = "$URL",
      throttle = false, retry = false })
    receiver = livechat.receiver { token = false, client = client }
    receiver:on("chat_started", function(event)
      local told, result = event:visitor_details { id = "crm",
        fields = { { name = "from", value = "nginx" } } }
      local file = assert(io.open("$FOLDER/told", "w"))
      file:write(tostring(told), " ", tostring(result))
      file:close()
    end)
  }
  server {
    listen 127.0.0.1:$PORT;
    location /hook { content_by_lua_block { require("livechat.nginx").serve(receiver) } }
    location /verbs { content_by_lua_block {
      local verbs = assert(loadfile("$FOLDER/verbs.lua"))
      local fine, called = pcall(verbs, client, "$USER", "http://127.0.0.1:$PORT/hook")
      ngx.status = fine and 200 or 500
      ngx.print(fine and table.concat(called, "\n") or tostring(called))
    } }
  }
]]

describe("v2 in nginx", function()
  local sandbox, nginx, folder

  setup(function()
    sandbox, folder = helper.sandbox { seed = 30, calls = false }, helper.folder()
    helper.write(folder .. "/verbs.lua", VERBS)
    nginx = helper.nginx { http = HTTP:gsub("%$(%u+)", { ROOT = helper.root, URL = sandbox.url,
      USER = sandbox.username, KEY = sandbox.api_key, FOLDER = folder }) }
  end)
  teardown(helper.cleanup)

  it("makes every call of the dialect", function()
    local answer = assert(helper.http { port = nginx.port, path = "/verbs" })
    assert.equal(200, answer.status, answer.body)
    local called = {}
    for name in answer.body:gmatch "[^\n]+" do called[name] = true end
    for resource, rows in pairs(v2.resources) do
      for _, row in ipairs(rows) do
        assert.is_true(called[resource .. ":" .. row.name], resource .. ":" .. row.name)
      end
    end
  end)

  it("shows a visitor's details with the key of the delivery", function()
    assert.equal(1, sandbox.control("POST", "trigger", { event_type = "chat_started" }).deliveries)
    local told = helper.wait_until(function() return helper.read(folder .. "/told") end, 10, "it")
    assert.equal("true Visitor details added", told)
    assert.equal("", (helper.read(nginx.log):match("%[error%][^\n]*") or ""))
  end)
end)
