-- SPDX-License-Identifier: MIT
--- Tickets on HelpDesk, through the client and the local service.
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"

teardown(function() helper.cleanup() end)

local function open(options, more)
  local given = { calls = false }
  for name, value in pairs(options or {}) do given[name] = value end
  local sandbox = helper.sandbox(given)
  local with = { api = "v3", username = sandbox.account_id, api_key = sandbox.api_key,
    base_url = sandbox.url, helpdesk_url = sandbox.url .. "/v1", throttle = false, retry = false,
    reconcile = 2 }
  for name, value in pairs(more or {}) do with[name] = value end
  return assert(livechat.new(with)), sandbox
end

local REQUESTER = { mail = "mary@example.net", name = "Mary" }

local function create(client, more)
  local fields = { message = "It is broken", subject = "Broken", requester = REQUESTER }
  for name, value in pairs(more or {}) do fields[name] = value end
  return assert(client.tickets:create(fields))
end

local function count(client, filter)
  local ids, n = {}, 0
  for ticket in client.tickets:each(filter) do
    assert.is_nil(ids[ticket.id])
    ids[ticket.id], n = true, n + 1
  end
  return n
end

describe("a ticket on HelpDesk", function()
  local client, sandbox = nil, nil
  setup(function() client, sandbox = open { seed = 40 } end)

  it("has v2's names, and is found by its ID and its shortID", function()
    local ticket = create(client)
    assert.same({ "Broken", "open", "mary@example.net", "Mary", "It is broken", false },
      { ticket.subject, ticket.status, ticket.requester.mail, ticket.requester.name,
        ticket.events[1].message, ticket.events[1].is_private })
    assert.equal("client", ticket.events[1].author.type)
    assert.truthy(ticket.date:find("^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"))
    assert.equal(ticket.id, assert(client.tickets:get(ticket.shortID)).id)
    assert.equal(ticket.id, ticket:raw().ID)
    assert.is_nil(ticket.ID)
  end)

  it("goes to an agent by address, with the agent's team, and stays there", function()
    local ticket = create(client, { assignee = { id = sandbox.username } })
    local team = ticket.currentGroup.id
    assert.equal("John Doe", ticket.assignee.name)
    ticket = assert(ticket:update { status = "pending", priority = 10, tags = { "sales wish" },
      create_tags = true })
    assert.same({ "pending", 10, { "sales wish" }, team, "John Doe" }, { ticket.status,
      ticket.priority, ticket.tags, ticket.currentGroup.id, ticket.assignee.name })
    ticket = assert(ticket:remove_tags { "sales wish", "no such" })
    assert.same({ {}, team }, { ticket.tags, ticket.currentGroup.id })
    local other = create(client, { group = team })
    assert.equal(team, assert(ticket:merge(other.id)).currentGroup.id)
  end)

  it("is changed also where the agent whom it has is no more", function()
    assert(client.agents:create { login = "gone@example.com", name = "Gone" })
    local ticket = create(client, { assignee = { id = "gone@example.com" } })
    assert.equal("Gone", ticket.assignee.name)
    assert(client.agents:delete("gone@example.com"))
    ticket = assert(ticket:update { message = "We look into it" })
    local messages = {}
    for _, event in ipairs(ticket.events) do messages[#messages + 1] = event.message end
    assert.same({ "It is broken", "We look into it" }, messages) -- once
    assert.same({ "sales wish" }, assert(client.tickets:add_tags(ticket.id, { "sales wish" },
      { create_tags = true })).tags)
    local _, err = ticket:update { assignee = { id = "gone@example.com" } }
    assert.equal("rejected", err.kind) -- who is asked for is not left out
  end)

  it("takes a reply, and a note with files", function()
    local ticket = create(client)
    ticket = assert(client.tickets:reply(ticket.id, { message = "Which one?" }))
    assert.same({ "Which one?", false }, { ticket.events[2].message, ticket.events[2].is_private })
    ticket = assert(ticket:reply { message = "A picture", private = true,
      attachments = { { name = 'a "b".txt', data = "xyz" }, { name = "empty", data = "" } } })
    local last = ticket.events[#ticket.events]
    assert.same({ "attachments", true, 'a "b".txt', 3 },
      { last.type, last.is_private, last.attachments.files[1].name,
        last.attachments.files[1].size })
  end)

  it("says which field is wrong before anything is sent", function()
    local id = create(client).id
    local function field(...)
      local value, err = client.tickets:update(id, ...)
      assert.is_nil(value)
      assert.same({ "invalid", "not_sent" }, { err.kind, err.outcome })
      return err.field
    end
    assert.equal("tags[1]", field { tags = { "no such tag" } })
    assert.equal("assignee.id", field { assignee = { id = "no@example.net" } })
    assert.equal("followers[1]", field { followers = { "no@example.net" } })
    assert.equal("private", field { private = true })
    assert.equal("author", field { message = "x", private = true, author = "client" })
    assert.equal("attachments[1]", field { message = "x", attachments = { "/no/such/file" } })
    assert.equal("attachments[1]", field { message = "x",
      attachments = { { name = "a", data = ("x"):rep(10 * 2 ^ 20 + 1) } } })
    local many = {}
    for i = 1, 21 do many[i] = { name = "a", data = "x" } end
    assert.equal("attachments", field { message = "x", attachments = many })
  end)

  it("goes to the trash", function()
    local ticket = create(client)
    assert.is_true((ticket:delete()))
    assert.equal("not_found", select(2, client.tickets:delete(ticket.id)).kind)
  end)
end)

describe("lists of HelpDesk", function()
  it("are walked whole, also where all were made in one moment, and while they change", function()
    local client = open { seed = 250, today = { dates = 0, totals = false } }
    local all = count(client)
    assert.is_true(all > 200)
    local seen, changed = {}, 0
    for ticket in client.tickets:each() do
      assert.is_nil(seen[ticket.id])
      seen[ticket.id] = true
      changed = changed + 1
      if changed % 10 == 0 and ticket.status ~= "spam" then
        assert(ticket:update { status = "solved" })
      end
    end
    assert.equal(all, changed)
  end)

  it("hold what is spam or archived too, but where the filter leaves it out", function()
    local client = open { seed = 0 }
    local where = { tickets = create(client), archive = create(client), spam = create(client),
      trash = create(client) }
    for silo, ticket in pairs(where) do
      assert(client:request { service = "helpdesk", method = "PUT", body = { silo = silo },
        path = "/tickets/" .. ticket.id .. "/silo" })
    end
    assert(client:request { service = "helpdesk", method = "PUT", body = { silo = "tickets" },
      path = "/tickets/" .. where.archive.id .. "/silo" })
    assert(where.archive:update { status = "closed" })
    assert(client:request { service = "helpdesk", method = "PUT", body = { silo = "archive" },
      path = "/tickets/" .. where.archive.id .. "/silo" })
    local function found(filter)
      local list = {}
      for ticket in client.tickets:each(filter) do list[#list + 1] = ticket.status end
      return table.concat(list, " ")
    end
    assert.equal("open closed spam", found())
    assert.equal("open closed spam", found { assigned = false })
    assert.equal("open", found { status = "open" })
    assert.equal("closed", found { status = "closed" })
    assert.equal("spam", found { status = "spam" })
    assert.equal("closed", found { silo = "archive" })
    assert.equal(1, count(client, { silo = "trash" }))
    assert.equal(3, #assert(client.tickets:list { assigned = false }))
    assert.equal("spam", assert(client.tickets:list { status = "spam" })[1].status)
  end)

  it("are filtered by the service, and here where it cannot", function()
    local client, sandbox = open { seed = 120 }
    local all = count(client)
    create(client, { assignee = { id = sandbox.username }, tags = { "mine" }, create_tags = true })
    assert.equal(1, count(client, { requester = { mail = "MARY@example.net" } }))
    assert.equal(1, count(client, { tag = "mine" }))
    assert.equal(0, count(client, { tag = "no such tag" }))
    assert.equal(all + 1, count(client, { assigned = true }) + count(client, { assigned = false }))
    assert.equal(all + 1, count(client, { tagged = true }) + count(client, { tagged = false }))
    assert.equal(count(client, { assignee = sandbox.username }),
      #assert(client.tickets:list { assignee = sandbox.username }))
    local today = os.date("!%Y-%m-%d")
    assert.is_true(count(client, { date_from = today, date_to = today }) >= 1)
    local page, total = assert(client.tickets:list()), 0
    assert.equal(25, #page)
    while page do
      total = total + #page
      page = page:next()
    end
    assert.equal(count(client, { silo = "tickets" }), total)
  end)
end)

describe("tags of today's APIs", function()
  it("are those of chats and those of tickets, and one where both have the name", function()
    local client = open()
    assert(client.tags:create { tag = "chat", group = 0 }) -- the local service has one list of them
    local made = assert(client.tags:create { name = "tickets alone" })
    assert.truthy(made.id:find("^%x+%-%x+%-%x+%-%x+%-%x+$"))
    local function named(name)
      local found
      for _, tag in ipairs(assert(client.tags:list())) do
        if tag.name == name then
          assert.is_nil(found)
          found = tag
        end
      end
      return found
    end
    local tag = named "chat"
    assert.truthy(tag.id and tag.group_ids and tag.creation_date)
    assert.same({ "chat" }, create(client, { tags = { "Chat" } }).tags)
    assert(client.tags:delete("tickets alone"))
    assert.is_nil(named "tickets alone")
    assert(client.tags:delete("chat"))
    assert.is_nil(named "chat")
    assert.equal("not_found", select(2, client.tags:delete("chat")).kind)
    assert.equal("invalid", select(2, client.tags:create {}).kind)
  end)
end)

describe("an answer of HelpDesk that is lost", function()
  it("makes no second ticket and no second mail", function()
    local client, sandbox = open { seed = 0 }
    for _, fault in ipairs { "reset-after-apply", "empty-after-apply", "http500-after-apply" } do
      sandbox.control("POST", "faults", { fault = fault .. "/POST /v1/tickets" })
      local ticket = create(client, { subject = fault })
      sandbox.control("POST", "faults", { fault = fault .. "/PATCH /v1/tickets/*" })
      ticket = assert(client.tickets:reply(ticket.id, { message = "once " .. fault }))
      local said = 0
      for _, event in ipairs(ticket.events) do
        if event.message == "once " .. fault then said = said + 1 end
      end
      assert.equal(1, said)
    end
    assert.equal(3, count(client))
  end)

  it("is unknown where nothing came of it, and nothing is sent again", function()
    local client, sandbox = open({ seed = 0 }, { reconcile = 0.5, retry = { attempts = 3 } })
    local ticket = create(client)
    sandbox.control("POST", "faults", { fault = "reset-before@every/PATCH /v1/tickets/*" })
    local value, err = client.tickets:reply(ticket.id, { message = "lost" })
    assert.is_nil(value)
    assert.same({ "network", "unknown", 1 }, { err.kind, err.outcome, err.attempts })
  end)
end)

describe("an error of HelpDesk", function()
  it("gives its kind, its code and its text in every form", function()
    local client, sandbox = open { seed = 1 }
    for _, form in ipairs { "object", "text", "list", "message", "errors", "validation" } do
      sandbox.control("POST", "options", { today = { errors = form, success = "no_content" } })
      local _, err = client.tickets:get("zzz")
      assert.equal("not_found", err.kind)
      if form == "object" then assert.equal("notFound", err.code) end
      _, err = client:request { service = "helpdesk", method = "POST", path = "/tickets",
        body = { nonsense = 1 } }
      assert.same({ "rejected", 422 }, { err.kind, err.status })
      assert.truthy(err.message:find("is not allowed", 1, true) or
        err.message:find("is required", 1, true), err.message)
    end
  end)

  it("is read from an envelope of status 200 too", function()
    local failure = require "livechat.api.helpdesk.answers".failure
    assert.same({ "not_found", "notFound" },
      { failure(200, { error = { type = "notFound", message = "x" } }) })
    assert.same({ "rejected", "limitExceeded" },
      { failure(200, { error = { type = "limitExceeded" } }) })
    assert.same({ "rejected" }, { failure(200, { error = "Request failed" }) })
    assert.is_nil((failure(200, { ID = "1", error = "a field" })))
    assert.is_nil((failure(200, json.decode "[]")))
    assert.same({ nil, "limitExceeded" }, { failure(409, { error = { type = "limitExceeded" } }) })
  end)
end)

describe("webhooks of HelpDesk", function()
  it("are registered once, with a secret in the URL that the receiver is given", function()
    local client = open()
    local hook = assert(client.webhooks:create { event_type = "ticket_created",
      data_types = { "ticket" }, url = "http://127.0.0.1:9/hook?a=1" })
    assert.equal(64, #hook.token)
    assert.equal("http://127.0.0.1:9/hook?a=1&token=" .. hook.token, hook.url)
    local again = assert(client.webhooks:create { event_type = "tickets.create",
      url = "http://127.0.0.1:9/hook?a=1" })
    assert.same({ hook.id, hook.token }, { again.id, again.token })
    again = assert(client.webhooks:create { event_type = "tickets.create", secret = "s e/c",
      url = "http://127.0.0.1:9/hook?a=1" })
    assert.same({ hook.id, "s e/c" }, { again.id, again.token })
    assert.is_true((client.webhooks:delete(hook.id)))
    assert.equal("not_found", select(2, client.webhooks:delete(hook.id)).kind)
  end)

  it("are received once, by either name, with the token of the query", function()
    local client = open()
    local receiver, seen = livechat.receiver { token = "0123456789", client = client }, {}
    for _, name in ipairs { "ticket_created", "tickets.create", "tickets.events.message" } do
      receiver:on(name, function(event)
        seen[#seen + 1] = { name, event.type, event.ticket.subject, event.own }
      end)
    end
    local ticket = create(client)
    local wire = ticket:raw()
    local body = json.encode { eventType = "tickets.create", createdAt = "x", payload = wire }
    assert.equal(200, (receiver:handle(body, {}, "a=1&token=0123456789")))
    assert.equal(200, (receiver:handle(body, {}, "token=%30123456789")))
    for _, query in ipairs { "", "token=", "token=012345678", "x=1",
      "token=0123456789&token=0123456789" } do
      assert.equal(401, (receiver:handle(body, {}, query)))
    end
    assert.equal(401, (receiver:handle(body)))
    wire = assert(ticket:reply { message = "hello" }):raw()
    for i = 1, 2 do
      assert.equal(200, (receiver:handle(json.encode { eventType = "tickets.events.message",
        createdAt = "try " .. i, payload = { ticket = wire, event = wire.events[2] } }, {},
        "token=0123456789")))
    end
    assert.same({ { "ticket_created", "ticket_created", "Broken" },
      { "tickets.create", "ticket_created", "Broken" },
      { "tickets.events.message", "tickets.events.message", "Broken", true } }, seen)
  end)
end)
