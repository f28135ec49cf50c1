-- SPDX-License-Identifier: MIT
-- The state machine of the local LiveChat, judged by what is documented of the service. No sockets.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local Service = require "livechat.sandbox.service"
local Tickets = require "livechat.sandbox.tickets"
local account = require "spec.account"

local NOW, LOGIN, KEY, BASIC = account.NOW, account.LOGIN, account.KEY, account.BASIC

local function text_of(lists)
  return table.concat(lists, " | ")
end

describe("access", function()
  local WRONG = { error =
    "You have no rights to access this data. Check your API Key and/or username" }

  it("wants the account's credentials", function()
    local own = account.new({ access_token = "dal:secret" })
    for _, header in ipairs({ false, "Basic " .. base64.encode(LOGIN .. ":" .. KEY .. "x"),
      "Basic " .. base64.encode("x:" .. KEY), "Basic", "Bearer", "Bearer dal:other", "Digest x",
      "Bearer " .. base64.encode(LOGIN .. ":" .. KEY), KEY }) do
      local status, body = own.call("GET", "/agents", { headers = { authorization = header } })
      assert.equal(401, status)
      assert.same(WRONG, body)
    end
    for _, header in ipairs({ BASIC, (BASIC:gsub("Basic", "basic")), "Bearer dal:secret" }) do
      assert.equal(200, (own.call("GET", "/agents", { headers = { authorization = header } })))
    end
    local bare = account.new()
    assert.equal(401, (bare.call("GET", "/agents", { headers = { authorization = "Bearer nil" } })))
  end)

  it("is taken from the options", function()
    local own = account.new({ username = "me", api_key = "k" })
    assert.equal(401, (own.call("GET", "/agents")))
    local header = "Basic " .. base64.encode("me:k")
    assert.equal(200, (own.call("GET", "/agents", { headers = { authorization = header } })))
  end)

  it("answers 404 for an unknown path even with wrong credentials", function()
    local own = account.new()
    for _, path in ipairs({ "/", "/agent", "/tickets/X/tags/more", "/status/0/1", "/group",
      "/tag/x", "/canned_responses/1/2", "/v3.6/agents", "/agents/x/y", "/other_webhook/webhooks",
      "/agents/x/reset_api_key", "/reports", "/reports/dashboard", "/chats/x/y/z/1" }) do
      local status, body = own.call("GET", path, { headers = { authorization = "Basic eDp5" } })
      assert.equal(404, status)
      assert.is_string(body.error)
    end
    for _, method in ipairs({ "PATCH", "PUT", "DELETE" }) do
      assert.equal(404, (own.call(method, "/tickets")))
    end
  end)

  it("wants version 2 in a header or in the path", function()
    local own = account.new()
    for _, version in ipairs({ false, "1", "3.6" }) do
      local status, body = own.call("GET", "/agents", { headers = { ["x-api-version"] = version } })
      assert.equal(400, status)
      assert.truthy(body.error:find("X-API-Version: 2", 1, true))
    end
    assert.equal(200, (own.call("GET", "/v2/agents", { headers = { ["x-api-version"] = false } })))
    assert.equal(200, (own.call("GET", "/v2/agents")))
  end)

  it("wants a body that can be read", function()
    local own = account.new()
    for _, case in ipairs({ { "application/json", "{" }, { "application/json", "[1]" },
      { "application/json", "null" }, { "application/json", '"x"' }, { "text/plain", "a=b" },
      { "multipart/form-data; boundary=x", "--x" }, { false, "a=b" },
      { "application/x-www-form-urlencoded", "a=%FF" } }) do
      local status, body = own.call("POST", "/tickets",
        { body = case[2], headers = { ["content-type"] = case[1] } })
      assert.equal(400, status)
      assert.is_string(body.error)
    end
    assert.equal(200, (own.call("POST", "/tickets", { body = json.encode(account.ticket()),
      headers = { ["content-type"] = "Application/JSON; charset=utf-8" } })))
  end)

  it("answers JSON, and JSONP to a GET that asks for it", function()
    local own = account.new()
    local _, _, plain = own.call("GET", "/agents/" .. LOGIN)
    assert.equal("application/json; charset=utf-8", plain.headers["Content-Type"])
    local _, _, padded = own.call("GET", "/agents/" .. LOGIN, { query = "callback=my.call_1" })
    assert.equal("my.call_1(" .. plain.body .. ");", padded.body)
    assert.equal("application/javascript; charset=utf-8", padded.headers["Content-Type"])
    local status, body = own.call("GET", "/agents", { query = "callback=alert(1)//" })
    assert.equal(400, status)
    assert.is_string(body.error)
  end)

  it("answers HEAD like GET", function()
    local own = account.new({ seed = 1 })
    assert.equal(200, (own.call("HEAD", "/tickets")))
    assert.equal(404, (own.call("HEAD", "/tickets/NONE0")))
  end)

  it("raises for an option that it does not know or cannot use", function()
    for name, value in pairs({ colour = "red", calls = 0, period = "60", lag = -1, update = "maybe",
      variants = "new", fault = "http200", wrapper = 1, seed = "many" }) do
      local ok, message = pcall(Service.new, { [name] = value })
      assert.is_false(ok)
      assert.truthy(message:find(name, 1, true))
    end
  end)
end)

describe("agents", function()
  it("are listed as a bare array, by status where asked", function()
    local own = account.new()
    local status, list = own.call("GET", "/agents")
    assert.equal(200, status)
    assert.equal(5, #list)
    assert.same({ login = LOGIN, name = "John Doe", permission = "owner", group_ids = { 1, 2 },
      status = "accepting chats", avatar = list[1].avatar }, list[1])
    assert.is_nil(list[1].avatar:find("://", 1, true))
    local _, offline = own.call("GET", "/agents", { query = "status=offline" })
    assert.equal(2, #offline)
    assert.equal("offline", offline[1].status)
    local bad, body = own.call("GET", "/agents", { query = "status=INVALID" })
    assert.equal(400, bad)
    assert.is_string(body.errors[1])
    for _, name in ipairs({ "jane.doe", "peter.novak" }) do
      own.call("DELETE", "/agents/" .. name .. "@example.com")
    end
    local _, _, none = own.call("GET", "/agents", { query = "status=not+accepting+chats" })
    assert.equal("[]", none.body)
  end)

  it("are created with every default", function()
    local own = account.new()
    local status, agent = own.call("POST", "/agents",
      { json = { login = "zoë@exämple.org", name = "Zoë" } })
    assert.equal(200, status)
    assert.same({ login = "zoë@exämple.org", name = "Zoë", login_status = "accepting chats",
      permission = "normal", daily_summary = 1, job_title = "Support Agent",
      avatar = agent.avatar, notifications = { new_visitor = 1, returning_visitor = 1,
      queued_visitor = 1, visitor_is_typing = 0, new_goal = 1 }, max_chats_count = 6,
      groups = { { id = 0, name = "All operators" } }, status = "offline", last_logout = 0 }, agent)
    local again, body = own.call("POST", "/agents", { json = { login = agent.login, name = "Z" } })
    assert.equal(400, again)
    assert.truthy(body.errors[1]:find("taken"))
  end)

  it("are created from a form as from JSON", function()
    local own = account.new()
    local fields = { name = "N", job_title = "Boss", login_status = "not accepting chats",
      permission = "administrator", password = "12345", max_chats_count = 9, daily_summary = 0,
      groups = { 1, 3 }, notifications = { new_goal = 1, incoming_chat = 0 } }
    fields.login = "json@example.com"
    local _, from_json = own.call("POST", "/agents", { json = fields })
    local _, from_form = own.call("POST", "/agents", { form = "login=form@example.com&name=N" ..
      "&job_title=Boss&login_status=not+accepting+chats&permission=administrator&password=12345" ..
      "&max_chats_count=9&daily_summary=0&groups[]=1&groups[]=3&notifications[new_goal]=1" ..
      "&notifications[incoming_chat]=0" })
    assert.equal("form@example.com", from_form.login)
    from_form.login = from_json.login
    assert.same(from_json, from_form)
    assert.same({ { id = 1, name = "Sales" }, { id = 3, name = "Invoicing" } }, from_json.groups)
    assert.equal(9, from_json.max_chats_count)
    assert.is_nil(from_json.password)
  end)

  it("are refused with a list under errors", function()
    local own = account.new()
    local function errors(fields)
      local status, body = own.call("POST", "/agents", { json = fields })
      assert.equal(400, status)
      assert.is_nil(body.error)
      return text_of(body.errors)
    end
    assert.truthy(errors({ name = "x" }):find("^login"))
    assert.truthy(errors({ login = "no-address", name = "x" }):find("^login"))
    assert.equal("name is required", errors({ login = "a@b" }))
    for name, value in pairs({ login_status = "offline", permission = "owner", password = "1234",
      max_chats_count = 0, daily_summary = 2, groups = { 99 }, notifications = { loud = 1 },
      job_title = 5, name = "" }) do
      local fields = { login = "a@b.c", name = "x" }
      fields[name] = value
      assert.equal(1, (errors(fields):find(name, 1, true)))
    end
    local _, list = own.call("GET", "/agents")
    assert.equal(5, #list)
  end)

  it("are found by their login, whatever it holds, decoded once", function()
    local own = account.new()
    for login, path in pairs({ ["zoë@exämple.org"] = "zo%C3%AB%40ex%C3%A4mple.org",
      ["a/b@example.org"] = "a%2Fb@example.org", ["a%20b@c.d"] = "a%2520b%40c.d",
      ["x+y@c.d"] = "x+y@c.d" }) do
      own.call("POST", "/agents", { json = { login = login, name = "N" } })
      local status, agent = own.call("GET", "/agents/" .. path)
      assert.equal(200, status)
      assert.equal(login, agent.login)
    end
    local status, body = own.call("GET", "/agents/nobody@example.com")
    assert.equal(404, status)
    assert.is_string(body.error)
  end)

  it("are updated where something is given; the rest stays", function()
    local own = account.new()
    local path = "/agents/jane.doe@example.com"
    local _, before = own.call("GET", path)
    local status, after = own.call("PUT", path, { json = { job_title = "Lead",
      notifications = { new_goal = 1 }, groups = { 2 }, status = "not accepting chats",
      work_scheduler = { monday = { enabled = 1, start = "08:00", ["end"] = "16:30" } } } })
    assert.equal(200, status)
    assert.equal("Lead", after.job_title)
    assert.equal("not accepting chats", after.status)
    assert.same({ { id = 2, name = "Technical Support" } }, after.groups)
    local week = {}
    for day in ("monday tuesday wednesday thursday friday saturday sunday"):gmatch("%a+") do
      week[day] = { enabled = day:find("^s") and 0 or 1, start = "09:00", ["end"] = "17:00" }
    end
    week.monday = { enabled = 1, start = "08:00", ["end"] = "16:30" }
    assert.same(week, after.work_scheduler)
    before.job_title, before.groups, before.status = "Lead", after.groups, after.status
    before.notifications.new_goal, before.work_scheduler = 1, after.work_scheduler
    assert.same(before, after)
    local _, read = own.call("GET", path)
    assert.same(after, read)
  end)

  it("keep their status while they are offline, and want the old password for a new one", function()
    local own = account.new()
    local _, zofia = own.call("PUT", "/agents/zofia.maj@example.com",
      { json = { status = "accepting chats", name = "Z" } })
    assert.equal("offline", zofia.status)
    assert.equal("Z", zofia.name)
    local path = "/agents/" .. LOGIN
    local status, body = own.call("PUT", path, { json = { password = "123456" } })
    assert.equal(400, status)
    assert.truthy(body.errors[1]:find("current_password"))
    local right, agent = own.call("PUT", path,
      { json = { password = "123456", current_password = "abcdef" } })
    assert.equal(200, right)
    assert.is_nil(agent.password or agent.current_password)
    local bad, errors = own.call("PUT", path, { json = { work_scheduler = { someday = 1 } } })
    assert.equal(400, bad)
    assert.truthy(errors.errors[1]:find("work_scheduler"))
    assert.equal(404, (own.call("PUT", "/agents/nobody", { json = { name = "x" } })))
  end)

  it("are deleted once", function()
    local own = account.new()
    local path = "/agents/jane.doe%40example.com"
    local status, body = own.call("DELETE", path)
    assert.equal(200, status)
    assert.same({ result = "jane.doe@example.com removed successfully" }, body)
    assert.equal(404, (own.call("DELETE", path)))
    assert.equal(404, (own.call("GET", path)))
    local _, list = own.call("GET", "/agents")
    assert.equal(4, #list)
  end)
end)

describe("tickets", function()
  it("are created with every default and found at once", function()
    local own = account.new()
    local status, ticket = own.call("POST", "/tickets", { json = account.ticket() })
    assert.equal(200, status)
    local mary = { id = "mary@example.net", name = "", type = "client" }
    assert.same({ id = ticket.id, subject = "(no subject)", status = "open", tags = {},
      requester = { mail = "mary@example.net", name = "" }, groups = { 0 }, date = NOW,
      modified = NOW, source = { type = "lc2" }, opened = { { from = NOW } }, firstResponse = {},
      events = { { type = "message", author = mary, date = NOW, message = "It is broken",
        is_private = false, source = { type = "lc2" } } } }, ticket)
    assert.truthy(ticket.id:find("^[A-Z0-9][A-Z0-9][A-Z0-9][A-Z0-9][A-Z0-9]$"))
    local found, same = own.call("GET", "/tickets/" .. ticket.id)
    assert.equal(200, found)
    assert.same(ticket, same)
    assert.equal(404, (own.call("GET", "/tickets/NONE0")))
  end)

  it("are created from a form as from JSON", function()
    local own = account.new()
    local _, from_json = own.call("POST", "/tickets", { json = { message = "M", subject = "S",
      requester = { mail = "a@b.c", name = "A" }, assignee = { id = "jane.doe@example.com" },
      source = { type = "chat-window", url = "https://x.example/?a=1&b" }, group = { 1, 2 } } })
    local _, from_form = own.call("POST", "/tickets", { form = "message=M&subject=S" ..
      "&requester[mail]=a@b.c&requester[name]=A&assignee[id]=jane.doe@example.com" ..
      "&source[type]=chat-window&source[url]=https://x.example/?a%3D1%26b&group[]=1&group[]=2" })
    assert.not_equal(from_json.id, from_form.id)
    from_form.id = from_json.id
    assert.same(from_json, from_form)
    assert.same({ id = "jane.doe@example.com", name = "Jane Doe" }, from_form.assignee)
    assert.same({ type = "chat-window", url = "https://x.example/?a=1&b" }, from_form.source)
    assert.same({ 1, 2 }, from_form.groups)
    assert.equal("assignee_changed", from_form.events[2].type)
    assert.same(from_form.assignee, from_form.events[2].to)
    assert.same({ id = LOGIN, name = "John Doe" }, from_form.events[2].author)
  end)

  it("are refused with a list under error", function()
    local own = account.new()
    local function errors(fields)
      local status, body = own.call("POST", "/tickets", { json = fields })
      assert.equal(400, status)
      assert.is_nil(body.errors)
      return text_of(body.error)
    end
    assert.equal("message is required", errors({ requester = { mail = "a@b.c" } }))
    assert.truthy(errors({ message = "x" }):find("requester[mail]", 1, true))
    assert.truthy(errors(account.ticket({ message = json.null })):find("message is required"))
    for name, more in pairs({ ["requester[mail]"] = { requester = { mail = "nobody" } },
      requester = { requester = "a@b.c" }, ["assignee[id]"] = { assignee = { id = "nobody@x" } },
      ["source[type]"] = { source = { type = "facebook" } }, group = { group = { 7 } },
      subject = { subject = 5 }, ["source[url]"] = { source = { url = {} } },
      assignee = { assignee = 7 }, message = { message = 1 } }) do
      assert.truthy(errors(account.ticket(more)):find(name, 1, true))
    end
    assert.same({}, own.ids())
  end)

  it("take null for a member that is left out", function()
    local own = account.new()
    local status, ticket = own.call("POST", "/tickets", { json = account.ticket({
      subject = json.null, assignee = { id = json.null }, source = json.null }) })
    assert.equal(200, status)
    assert.equal("(no subject)", ticket.subject)
  end)

  it("take a source's URL only with the chat window", function()
    local own = account.new()
    local _, ticket = own.call("POST", "/tickets",
      { json = account.ticket({ source = { type = "mail", url = "https://x" } }) })
    assert.same({ type = "mail" }, ticket.source)
  end)

  it("have ids that never meet", function()
    local seen = {}
    for n = 1, 50000 do
      local id = Tickets.id(n)
      if seen[id] then error("twice: " .. id) end
      seen[id] = true
    end
    -- 36^5 is 2^10 * 3^10: a factor that shares neither prime meets no id twice.
    assert.not_equal(Tickets.id(1), Tickets.id(1 + 36 ^ 5 / 2))
    assert.not_equal(Tickets.id(1), Tickets.id(1 + 36 ^ 5 / 3))
  end)
end)

describe("a ticket's tags", function()
  local function made(options)
    local own = account.new(options)
    local _, ticket = own.call("POST", "/tickets", { json = account.ticket({ subject = "S" }) })
    own.now = own.now + 5
    own.path = "/tickets/" .. ticket.id .. "/tags"
    own.ticket = ticket
    return own
  end

  it("are replaced by JSON and by a form", function()
    local own = made()
    local status, first = own.call("PUT", own.path, { json = { tag = { "a", "b", "a" } } })
    assert.equal(200, status)
    assert.same({ "a", "b" }, first.tags)
    assert.equal(NOW + 5, first.modified)
    local _, second = own.call("PUT", own.path, { form = "tag[]=c+d&tag[]=%C3%A9" })
    assert.same({ "c d", "é" }, second.tags)
    assert.equal(404, (own.call("PUT", "/tickets/NONE0/tags", { json = { tag = { "a" } } })))
  end)

  it("are cleared by a body without any", function()
    for _, body in ipairs({ { form = "requester[mail]=mary@example.net" }, { form = "" },
      { json = { requester = { mail = "mary@example.net" } } }, { json = { tag = {} } } }) do
      local own = made()
      own.call("PUT", own.path, { json = { tag = { "a" } } })
      local _, _, response = own.call("PUT", own.path, body)
      assert.truthy(response.body:find('"tags":[]', 1, true))
    end
  end)

  it("must be a list of names", function()
    local own = made()
    for _, tag in ipairs({ "a", { { "a" } }, { "" }, { a = "b" }, 5 }) do
      local status, body = own.call("PUT", own.path, { json = { tag = tag } })
      assert.equal(400, status)
      assert.truthy(body.errors[1]:find("^tag"))
    end
  end)

  it("come with what the connector sends, and the service takes it", function()
    local own = made()
    local _, ticket = own.call("PUT", own.path, { json = { tag = { "t" }, message = "More",
      subject = "New", requester = { mail = "new@example.net", name = "N" },
      assignee = { id = "jane.doe@example.com" },
      source = { type = "chat-window", url = "https://x" } } })
    assert.equal("New", ticket.subject)
    assert.same({ mail = "new@example.net", name = "N" }, ticket.requester)
    assert.same({ id = "jane.doe@example.com", name = "Jane Doe" }, ticket.assignee)
    assert.same({ type = "chat-window", url = "https://x" }, ticket.source)
    assert.equal(3, #ticket.events)
    assert.equal("assignee_changed", ticket.events[2].type)
    assert.equal("More", ticket.events[3].message)
    assert.same({ id = LOGIN, name = "John Doe", type = "agent" }, ticket.events[3].author)
    assert.same({ "t" }, ticket.tags)
    local _, again = own.call("PUT", own.path, { json = { tag = { "t" },
      requester = { mail = "new@example.net" }, assignee = { id = "jane.doe@example.com" } } })
    assert.equal(3, #again.events)
    assert.same({ mail = "new@example.net", name = "N" }, again.requester)
  end)

  it("leave a related chat where it is when the source changes", function()
    local own = account.new({ seed = 50 })
    local _, page = own.call("GET", "/tickets", { query = "source=chat-window" })
    local old = page.tickets[1]
    local _, ticket = own.call("PUT", "/tickets/" .. old.id .. "/tags", { json = {
      requester = { mail = "a@b.c" }, source = { type = "mail" } } })
    assert.same({ type = "mail", id = old.source.id }, ticket.source)
    local other = page.tickets[2]
    _, ticket = own.call("PUT", "/tickets/" .. other.id .. "/tags", { json = {
      requester = { mail = "a@b.c" }, source = { url = "https://new.example" } } })
    assert.same({ type = "chat-window", url = "https://new.example", id = other.source.id },
      ticket.source)
  end)

  it("with the connector's members want the requester's address, as its definition says", function()
    local own = made()
    own.call("PUT", own.path, { json = { tag = { "kept" } } })
    for _, fields in ipairs({ { subject = "x" }, { message = "x" }, { source = { type = "mail" } },
      { assignee = { id = LOGIN } }, { requester = { name = "x" } } }) do
      fields.tag = { "lost" }
      local status, body = own.call("PUT", own.path, { json = fields })
      assert.equal(400, status)
      assert.truthy(body.errors[1]:find("requester[mail]", 1, true))
    end
    local _, ticket = own.call("GET", "/tickets/" .. own.ticket.id)
    assert.same({ "kept" }, ticket.tags)
    assert.equal("S", ticket.subject)
  end)

  it("are all that counts with update = ignore", function()
    local own = made({ update = "ignore" })
    local status, ticket = own.call("PUT", own.path, { json = { tag = { "t" }, subject = "New",
      message = "More", assignee = { id = "nobody" } } })
    assert.equal(200, status)
    own.ticket.tags, own.ticket.modified = { "t" }, NOW + 5
    assert.same(own.ticket, ticket)
  end)
end)
