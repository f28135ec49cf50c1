-- SPDX-License-Identifier: MIT
--- The client against the local service, over real HTTP.
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"
local local_client = require "spec.local_client"

local STAMP = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"
local NEW = { message = "It broke.", requester = { mail = "mary@example.com" } }
local fault, calls, failed = local_client.fault, local_client.calls, local_client.failed

local sandbox, client

setup(function() sandbox = local_client.start() end)
teardown(helper.cleanup)
before_each(function() client = local_client.fresh() end)

describe("livechat.new", function()
  it("raises for what a programmer got wrong, naming argument and function", function()
    for name, options in pairs {
      colour = { colour = 1 }, username = { username = 7 }, api_key = { api_key = "a\r\nb" },
      base_url = { base_url = "ftp://example.com" }, timeout = { timeout = 0 },
      ["retry.tries"] = { retry = { tries = 2 } }, on_wait = { on_wait = true },
      max_response = { max_response = 0.5 }, access_token = { access_token = "t", api_key = "k" },
      calls = { throttle = { calls = 0 } },
    } do
      if not options.username then options.username = "a@example.com" end
      if not options.api_key then options.api_key = "k" end
      local ok, message = pcall(livechat.new, options)
      assert.is_false(ok, name)
      assert.truthy(message:find("'" .. name .. "'", 1, true), message)
      assert.truthy(message:find("livechat.new", 1, true), message)
    end
  end)

  it("names the credential that is missing", function()
    local ok, message = pcall(livechat.new, { username = "a@example.com" })
    assert.is_false(ok)
    assert.truthy(message:find("LIVECHAT_API_KEY", 1, true), message)
  end)

  it("shows no credential", function()
    assert.is_nil(tostring(client):find(sandbox.api_key, 1, true))
    for _, member in pairs(client) do
      assert.is_nil(tostring(member):find(sandbox.api_key, 1, true))
    end
  end)
end)

describe("a program that has made a client", function()
  it("has loaded nothing yet that it does not use", function()
    local file = helper.folder() .. "/names.lua"
    helper.write(file, [[
      local livechat = require "livechat"
      local client = livechat.new { username = "a@example.com", api_key = "k" }
      local function loaded()
        local names = {}
        for name in pairs(package.loaded) do
          local room = name:match("^livechat%.(.*)")
          if room and (room:find("^api%.") or room:find("^cli%.") or room:find("^sandbox")
            or room:find("^events") or room:find("budget") or room:find("signin")
            or room:find("gather")) then
            names[#names + 1] = room
          end
        end
        table.sort(names)
        return table.concat(names, " ")
      end
      print(loaded())
      assert(client.tickets and client.agents)
      assert(not loaded():find("v3") and not loaded():find("helpdesk"))
      assert(not loaded():find("cli%."))
      assert(not loaded():find("watch"))
    ]])
    local argv = helper.lua_argv(helper.lua_version, file)
    for i, word in ipairs(argv) do argv[i] = helper.quote(word) end
    local status, output = helper.run(table.concat(argv, " "))
    assert.equal(0, status, output)
    assert.equal("api.accounts api.read api.v2 call.gather", (output:gsub("%s+$", "")))
  end)
end)

describe("agents", function()
  it("are listed, with a filter", function()
    local agents = assert(client.agents:list())
    assert.equal(5, #agents)
    assert.equal("john.doe@example.com", agents[1].login)
    local some = assert(client.agents:list { status = "offline" })
    assert.equal(2, #some)
  end)

  it("are created, read, changed and removed, whatever the login holds", function()
    for _, login in ipairs { "zoë@exämple.org", "a/b@example.com", "a%20b@example.com",
      "a+b@example.com" } do
      local agent = assert(client.agents:create {
        login = login, name = "Zoë", max_chats_count = "7", daily_summary = false,
        groups = { 1, 2 },
      })
      assert.equal(login, agent.login)
      assert.equal(7, agent.max_chats_count)
      assert.equal(0, agent.daily_summary)
      assert.same({ 1, 2 }, { agent.groups[1].id, agent.groups[2].id })
      assert.equal("Zoë", assert(client.agents:get(login)).name)
      agent.job_title = "Night shift"
      assert.equal(agent, assert(agent:save()))
      assert.equal("Night shift", assert(client.agents:get(login)).job_title)
      local done, result = agent:delete()
      assert.is_true(done)
      assert.equal(login .. " removed successfully", result)
      failed("not_found", client.agents:get(login))
    end
  end)

  it("are not sent with a field that is wrong", function()
    for field, fields in pairs {
      login = { login = "nobody", name = "A" }, name = { login = "a@example.com" },
      password = { login = "a@example.com", name = "A", password = "1234" },
      permission = { login = "a@example.com", name = "A", permission = "owner" },
      ["groups[2]"] = { login = "a@example.com", name = "A", groups = { 1, "x" } },
      ["notifications.new_gaol"] = { login = "a@example.com", name = "A",
        notifications = { new_gaol = 1 } }, ["notifications.new_goal"] = {
        login = "a@example.com", name = "A", notifications = { new_goal = 2 } },
      nmae = { login = "a@example.com", nmae = "A", name = "A" },
    } do
      local err = failed("invalid", client.agents:create(fields))
      assert.equal(field, err.field)
      assert.equal("not_sent", err.outcome)
    end
    assert.equal(0, calls().count)
    assert.has_error(function() client.agents:create("name") end)
    assert.has_error(function() client.agents.list() end)
  end)
end)

describe("tickets", function()
  it("are created with what was given", function()
    local ticket = assert(client.tickets:create {
      message = "Line 1\nLine 2", subject = "Žluťoučký kůň",
      requester = { mail = "mary@example.com", name = "Mary" },
      assignee = { id = "jane.doe@example.com" },
      source = { type = "chat-window", url = "https://example.com/shop" }, group = { 1 },
    })
    assert.equal("Žluťoučký kůň", ticket.subject)
    assert.equal("Line 1\nLine 2", ticket.events[1].message)
    assert.equal("jane.doe@example.com", ticket.assignee.id)
    assert.equal("https://example.com/shop", ticket.source.url)
    assert.equal(1, ticket.groups[1].id)
    assert.truthy(ticket.date:find(STAMP))
    assert.equal(ticket, assert(client.tickets:get(ticket.id)))
  end)

  it("are not created from a field that is wrong", function()
    for field, fields in pairs {
      message = { requester = NEW.requester }, ["requester.mail"] = { message = "x" },
      ["source.url"] = { message = "x", requester = NEW.requester,
        source = { type = "mail", url = "https://example.com" } },
      ["source.type"] = { message = "x", requester = NEW.requester,
        source = { type = "facebook" } },
      subject = { message = "x", requester = NEW.requester, subject = "a\r\nb" },
      ["assignee.id"] = { message = "x", requester = NEW.requester, assignee = {} },
    } do
      assert.equal(field, failed("invalid", client.tickets:create(fields)).field)
    end
    assert.equal(0, calls().count)
  end)

  it("are listed page by page, by every filter", function()
    local page = assert(client.tickets:list { order = "asc" })
    assert.same({ 25, 1, 3, 60 }, { #page, page.page, page.pages, page.total })
    local ids = {}
    while page do
      for _, ticket in ipairs(page) do
        ids[ticket.id] = true
      end
      local err
      page, err = page:next()
      assert.is_nil(err)
    end
    local count = 0
    for _ in pairs(ids) do count = count + 1 end
    assert.equal(60, count)
    local mine = assert(client.tickets:create(NEW))
    local found = assert(client.tickets:list {
      requester = { mail = "mary@example.com" }, status = "open", assigned = false,
      date_from = "2020-01-01", group = 0, source = "lc2", tagged = 0, query = "broke",
    })
    assert.equal(1, found.total)
    assert.equal(mine, found[1])
    local no_day = { date_from = "2023-02-29" }
    assert.equal("date_from", failed("invalid", client.tickets:list(no_day)).field)
    assert.equal("status", failed("invalid", client.tickets:list { status = "closed" }).field)
  end)

  it("have an id that must be one", function()
    assert.has_error(function() client.tickets:get() end)
    for _, id in ipairs { "", ".", "..", "a\nb", "a\0b" } do
      assert.equal("id", failed("invalid", client.tickets:get(id)).field)
    end
    failed("not_found", client.tickets:get("a/../b"))
  end)

  it("keep their tags through an update", function()
    local ticket = assert(client.tickets:create(NEW))
    assert(ticket:tag { "sales", "é/x" })
    local updated = assert(client.tickets:update(ticket.id, { subject = "New" }))
    assert.same({ "sales", "é/x" }, updated.tags)
    assert.equal("New", updated.subject)
    updated = assert(client.tickets:update(ticket.id, {
      message = "More", assignee = { id = "jane.doe@example.com" }, tags = { "one" },
    }))
    assert.same({ "one" }, updated.tags)
    assert.equal("mary@example.com", updated.requester.mail)
    assert.same({}, assert(ticket:tag {}).tags)
  end)

  it("tell which fields of an update were not taken", function()
    local ticket = assert(client.tickets:create(NEW))
    assert(ticket:tag { "keep" })
    sandbox.control("POST", "options", { update = "ignore" })
    local err = failed("rejected", client.tickets:update(ticket.id, {
      subject = "New", requester = { name = "M" }, message = "x",
    }))
    assert.same({ "message", "requester.name", "subject" }, err.ignored)
    assert.same({ "keep" }, assert(client.tickets:get(ticket.id)).tags)
  end)

  it("read the same in every variant of the wire", function()
    local wanted
    for _, variants in ipairs { "docs", "objects", "strings", "php" } do
      for _, wrapper in ipairs { false, true } do
        sandbox.control("POST", "options", { variants = variants, wrapper = wrapper })
        local ticket = assert(client.tickets:get(client.tickets:list()[1].id))
        assert.truthy(ticket.modified:find(STAMP), ticket.modified)
        assert.truthy(ticket.events[1].date:find(STAMP))
        assert.equal("number", type(ticket.groups[1].id))
        assert.equal("table", type(ticket.firstResponse))
        assert.is_nil(next(ticket.firstResponse) and nil)
        local plain = { id = ticket.id, modified = ticket.modified, subject = ticket.subject,
          status = ticket.status, requester = ticket.requester.mail, group = ticket.groups[1].id }
        wanted = wanted or plain
        assert.same(wanted, plain)
        assert.truthy(json.encode(ticket:totable()))
      end
    end
  end)
end)

describe("webhooks", function()
  it("are registered, listed and removed", function()
    sandbox.control("POST", "options", { webhook_answer = "all" })
    assert(client.webhooks:create { event_type = "chat_started", data_types = { "chat" },
      url = "https://example.com/a" })
    local hook = assert(client.webhooks:create { event_type = "ticket_created",
      data_types = { "ticket" }, url = "https://example.com/b" })
    assert.equal("https://example.com/b", hook.url)
    assert.equal(2, #assert(client.webhooks:list()))
    assert.is_true((client.webhooks:delete(hook.id)))
    assert.equal(1, #assert(client.webhooks:list()))
    local err = failed("invalid", client.webhooks:create { event_type = "ticket_created",
      data_types = { "ticket", "chat" }, url = "https://example.com" })
    assert.equal("data_types[2]", err.field)
  end)
end)

describe("client:request", function()
  it("reaches anything else, and tells the answer's headers", function()
    local decoded, response = client:request { path = "/tickets", query = { page = 2 } }
    assert.equal(25, #decoded.tickets)
    assert.equal(200, response.status)
    assert.truthy(response.headers["content-type"]:find("json"))
    local err = failed("not_found", client:request { method = "PUT", path = "/nothing",
      body = { a = 1 } })
    assert.equal("/nothing", err.path)
    assert.equal("PUT", err.method)
    assert.equal("path", failed("invalid", client:request { path = "/a\r\nX: b" }).field)
    assert.has_error(function() client:request { method = "GET" } end)
  end)
end)

describe("tickets:each", function()
  it("gives every ticket once while the loop changes them all", function()
    local seen, count = {}, 0
    for ticket in client.tickets:each { tagged = 0 } do
      assert.is_nil(seen[ticket.id])
      seen[ticket.id], count = true, count + 1
      assert(ticket:tag { "done" })
    end
    assert.equal(0, assert(client.tickets:list { tagged = 0 }).total)
    assert.is_true(count > 10)
  end)

  it("raises the error object, and refuses a wrong filter", function()
    fault("http500@2-9/GET /tickets")
    local ok, err = pcall(function()
      for _ in client.tickets:each() do end -- luacheck: ignore 542
    end)
    assert.is_false(ok)
    assert.equal("server", err.kind)
    ok, err = pcall(function() return client.tickets:each { sttaus = "open" } end)
    assert.is_false(ok)
    assert.equal("sttaus", err.field)
  end)
end)

describe("client:close", function()
  it("wipes the credential and refuses further use", function()
    client:close()
    client:close()
    assert.truthy(tostring(client):find("closed"))
    local ok, message = pcall(function() return client.agents:list() end)
    assert.is_false(ok)
    assert.truthy(message:find("closed"))
  end)

  it("ends what waits with an error of kind closed", function()
    fault("slow=5@every")
    local results = livechat.gather({ "call", "close" }, function(what)
      if what == "close" then
        client:close()
        return true
      end
      return client.agents:list()
    end)
    assert.equal("closed", results[1][2].kind)
  end)
end)
