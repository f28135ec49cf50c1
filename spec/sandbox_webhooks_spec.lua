-- SPDX-License-Identifier: MIT
-- The local LiveChat's webhooks: registration, bodies, and when each delivery is due.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local Deliveries = require "livechat.sandbox.deliveries"
local account = require "spec.account"
local helper = require "spec.helper"

local NOW, LOGIN = account.NOW, account.LOGIN

describe("webhooks", function()
  local URL = "http://127.0.0.1:1/hook"

  local function hook(event_type, data_types, url)
    return { json = { event_type = event_type, data_types = data_types, url = url or URL } }
  end

  it("are registered, listed and removed", function()
    local own = account.new()
    local _, _, empty = own.call("GET", "/webhooks")
    assert.equal('{"events":[]}', empty.body)
    local status, first = own.call("POST", "/webhooks", hook("ticket_created", { "ticket" }))
    assert.equal(200, status)
    local made = first.events[1]
    assert.same({ licence = 1520, event_type = "ticket_created", data_types = { "ticket" },
      url = URL, verified = true, token = made.token, id = made.id }, made)
    assert.truthy(made.token:find("^%x+$") and #made.token == 32)
    assert.truthy(made.id:find("^%x+$") and #made.id == 32)
    local _, second = own.call("POST", "/webhooks", { form =
      "event_type=chat_ended&data_types[]=chat&data_types[]=visitor&url=https%3A%2F%2Fx.example" })
    assert.equal(2, #second.events)
    assert.same({ "chat", "visitor" }, second.events[2].data_types)
    local _, listed = own.call("GET", "/webhooks")
    assert.same(second, listed)
    local removed, result = own.call("DELETE", "/webhooks/" .. made.id)
    assert.equal(200, removed)
    assert.same({ result = "Push notification removed successfully" }, result)
    assert.equal(404, (own.call("DELETE", "/webhooks/" .. made.id)))
    _, listed = own.call("GET", "/webhooks")
    assert.equal(1, #listed.events)
    own.control("POST", "options", { webhook_answer = "new" })
    local _, new = own.call("POST", "/webhooks", hook("ticket_created", { "ticket" }))
    assert.equal(1, #new.events)
  end)

  it("are refused where something is missing or not allowed", function()
    local own = account.new()
    for _, case in ipairs({
      { "event_type", { data_types = { "chat" }, url = URL } },
      { "event_type", { event_type = "chat_transferred", data_types = { "chat" }, url = URL } },
      { "data_types", { event_type = "chat_ended", url = URL } },
      { "data_types", { event_type = "chat_ended", data_types = {}, url = URL } },
      { "data_types", { event_type = "chat_ended", data_types = "chat", url = URL } },
      { "data_types", { event_type = "chat_ended", data_types = { "ticket" }, url = URL } },
      { "data_types", { event_type = "chat_changed", data_types = { "pre_chat_survey" },
        url = URL } },
      { "url", { event_type = "chat_ended", data_types = { "chat" } } },
      { "url", { event_type = "chat_ended", data_types = { "chat" }, url = "ftp://x/" } },
      { "url", { event_type = "chat_ended", data_types = { "chat" }, url = "http:///x" } },
      { "url", { event_type = "chat_ended", data_types = { "chat" }, url = "http://a b/" } } }) do
      local status, body = own.call("POST", "/webhooks", { json = case[2] })
      assert.equal(400, status)
      assert.equal(1, (body.errors[1]:find(case[1], 1, true)))
    end
    assert.equal(0, own.control("GET", "state").webhooks)
  end)

  -- The bodies that wait after something happened.
  local function bodies(own)
    local list = {}
    for i, delivery in ipairs(own.service:due_deliveries(own.now, 1000)) do
      list[i] = json.fold(json.decode(delivery.body))
    end
    return list
  end

  it("hear of a new ticket in the form that webhooks have", function()
    local own = account.new()
    local _, hooks = own.call("POST", "/webhooks", hook("ticket_created", { "ticket" }))
    own.call("POST", "/webhooks", hook("chat_started", { "chat" }))
    local _, ticket = own.call("POST", "/tickets", { json = account.ticket({
      source = { type = "chat-window" }, assignee = { id = LOGIN } }) })
    own.call("POST", "/tickets", { json = {} })
    local list = bodies(own)
    assert.equal(1, #list)
    local john = { id = LOGIN, name = "John Doe" }
    assert.same({ event_type = "ticket_created", license_id = "1520",
      token = hooks.events[1].token, ticket = { id = ticket.id, subject = "(no subject)",
      status = "open", requester = { mail = "mary@example.net", name = "", utc_offset = "UTC" },
      tags = {}, assignee = john, groups = { { id = 0, name = "All operators", inherited = true } },
      source = { type = "chat-window", url = json.null }, events = {
        { type = "message", date = "2027-01-15T08:00:00Z", message = "It is broken",
          is_private = false, source = { type = "chat-window", url = json.null },
          author = { id = "mary@example.net", name = "", type = "client" } },
        { type = "assignee_changed", date = "2027-01-15T08:00:00Z", to = john,
          author = john } } } }, list[1])
  end)

  it("hear of a ticket also where its answer was spoilt, but not where it was not made", function()
    for fault, count in pairs({ ["reset-after-apply"] = 1, ["reset-before"] = 0 }) do
      local own = account.new({ fault = fault .. "/POST /tickets" })
      own.call("POST", "/webhooks", hook("ticket_created", { "ticket" }))
      own.call("POST", "/tickets", { json = account.ticket() })
      assert.equal(count, #bodies(own))
    end
  end)

  local ALL = { chat_started = { "chat", "visitor", "pre_chat_survey" },
    chat_ended = { "chat", "visitor", "pre_chat_survey" }, chat_changed = { "chat", "visitor" },
    visitor_queued = { "visitor" }, ticket_created = { "ticket" },
    canned_response_changed = { "canned_response" } }

  local function triggered(event_type, fields, data_types)
    local own = account.new()
    own.call("POST", "/webhooks", hook(event_type, data_types or ALL[event_type]))
    local request = { event_type = event_type }
    for name, value in pairs(fields or {}) do request[name] = value end
    local answer = own.control("POST", "trigger", request)
    return bodies(own), answer, own
  end

  it("are sent every kind of event when asked, with all that was met in deliveries", function()
    for event_type, data_types in pairs(ALL) do
      local list, answer = triggered(event_type)
      local event = list[1]
      assert.same({ 1, 1, 1 }, { #list, answer.events, answer.deliveries })
      assert.equal(event_type, event.event_type)
      assert.equal("1520", event.license_id)
      assert.equal(32, #event.token)
      for _, name in ipairs(data_types) do assert.is_table(event[name]) end
      local chat = event_type:find("^chat_")
      assert.equal(chat and 32 or nil, event.event_unique_id and #event.event_unique_id)
      assert.equal((chat or event_type == "visitor_queued") and "2" or nil, event.lc_version)
    end
  end)

  it("are sent chats with messages, survey and visitor in full", function()
    local event = triggered("chat_ended")[1]
    local chat, visitor = event.chat, event.visitor
    assert.truthy(chat.id:find("^[A-Z0-9]+$") and #chat.id == 10)
    assert.same({ NOW - 600, NOW }, { chat.started_timestamp, chat.ended_timestamp })
    assert.same({ "agent", "visitor", "supervisor", "agent" }, { chat.messages[1].user_type,
      chat.messages[2].user_type, chat.messages[3].user_type, chat.messages[4].user_type })
    assert.is_nil(chat.messages[2].agent_id)
    assert.is_string(chat.messages[1].agent_id)
    assert.equal("{}", chat.messages[1].json)
    assert.truthy(chat.messages[2].text:find("\n"))
    assert.equal("closed", chat.events[1].type)
    assert.same({ {}, { 0 } }, { chat.attachments, chat.groups })
    assert.is_string(chat.agents[1].login)
    assert.is_string(chat.url)
    assert.is_string(chat.referer)
    assert.truthy(visitor.id:find("^S%d+%.%x+$"))
    for _, name in ipairs({ "name", "email", "country", "city", "language", "page_current",
      "timezone" }) do
      assert.is_string(visitor[name])
    end
    assert.same({ "string", "number" }, { type(visitor.custom_variables[1].value),
      type(visitor.custom_variables[2].value) })
    local survey = event.pre_chat_survey
    assert.same({ "name", "email", "checkbox" }, { survey[1].type, survey[2].type, survey[3].type })
    assert.equal(visitor.name, survey[1].answer)
    assert.same({ label = "An order", chosen = true }, survey[3].answers[1])
    assert.is_nil(triggered("chat_started")[1].chat.ended_timestamp)
    assert.same({ "sales" }, triggered("chat_changed")[1].chat.tags)
    local response = triggered("canned_response_changed")[1].canned_response
    assert.same({ group = 0, id = response.id, modification_date = NOW,
      tags = { "hello", "welcome" }, text = response.text }, response)
  end)

  it("are sent only the data they asked for", function()
    local event = triggered("chat_started", nil, { "visitor" })[1]
    assert.is_table(event.visitor)
    assert.is_nil(event.chat or event.pre_chat_survey)
  end)

  it("are sent what the trigger says instead", function()
    local list, answer = triggered("chat_ended", { event_unique_id = "same", token = "t",
      lc_version = json.null, chat = { id = "X", messages = {}, tags = { "a" }, url = json.null },
      visitor = { name = "N", custom_variables = { { key = "k", value = 1 } } },
      pre_chat_survey = json.array(), extra = { a = 1 } })
    local event = list[1]
    assert.same({ "same", "t", "X", "N" },
      { event.event_unique_id, event.token, event.chat.id, event.visitor.name })
    assert.is_nil(event.lc_version or event.chat.url)
    assert.same({ {}, { "a" }, {}, { { key = "k", value = 1 } }, { a = 1 } },
      { event.chat.messages, event.chat.tags, event.pre_chat_survey,
        event.visitor.custom_variables, event.extra })
    assert.is_number(event.chat.started_timestamp)
    assert.same({ "same" }, answer.ids)
  end)

  it("are sent many events, all different, and nothing where none are registered", function()
    local list, answer = triggered("chat_started", { count = 50 })
    local seen, count = {}, 0
    for _, event in ipairs(list) do
      if not seen[event.event_unique_id] then count = count + 1 end
      seen[event.event_unique_id] = true
    end
    assert.same({ 50, 50, 50, 50 }, { #list, count, answer.deliveries, #answer.ids })
    assert.is_true(seen[answer.ids[50]])
    local none = account.new().control("POST", "trigger", { event_type = "chat_ended" })
    assert.same({ 1, 0 }, { none.events, none.deliveries })
  end)

  it("are sent a ticket that there is", function()
    local list, answer, own = triggered("ticket_created", { ticket = { subject = "Mine",
      requester = { mail = "x@y.z" } } })
    assert.equal("Mine", list[1].ticket.subject)
    assert.equal("x@y.z", list[1].ticket.requester.mail)
    local status, ticket = own.call("GET", "/tickets/" .. answer.ids[1])
    assert.equal(200, status)
    assert.equal("Mine", ticket.subject)
    local _, bad = own.control("POST", "trigger",
      { event_type = "ticket_created", ticket = { requester = { mail = "nobody" } } })
    assert.equal(400, bad)
  end)

  it("share a token that was given", function()
    local own = account.new({ token = ("ab"):rep(16) })
    own.call("POST", "/webhooks", hook("ticket_created", { "ticket" }))
    own.control("POST", "trigger", { event_type = "ticket_created" })
    assert.equal(("ab"):rep(16), bodies(own)[1].token)
  end)
end)

describe("deliveries", function()
  it("know where a URL leads", function()
    assert.same({ tls = false, host = "127.0.0.1", port = 8080, path = "/a?b=c" },
      Deliveries.target("http://127.0.0.1:8080/a?b=c"))
    assert.same({ tls = true, host = "x.example", port = 443, path = "/" },
      Deliveries.target("https://x.example"))
    assert.same({ tls = false, host = "h", port = 80, path = "/?q", authorization =
      "Basic " .. base64.encode("us@er:p:w") }, Deliveries.target("http://us%40er:p%3Aw@h?q"))
    for _, url in ipairs({ "", "x", "ftp://a", "http://", "http:///x", "http://a\r\nb/",
      "http://a b", "http://user@", "http://a/x y" }) do
      assert.is_nil(Deliveries.target(url))
    end
  end)

  local function waiting(options, count)
    local own = account.new(options)
    own.call("POST", "/webhooks", { json = { event_type = "chat_ended", data_types = { "chat" },
      url = "http://u:secret@127.0.0.1:1/" } })
    own.control("POST", "trigger", { event_type = "chat_ended", count = count or 1 })
    return own
  end

  it("are repeated ten times within six hours, at growing intervals, then given up", function()
    local own = waiting()
    local service, times = own.service, {}
    for attempt = 1, 11 do
      local wait = assert(service:delivery_wait(own.now), "attempt " .. attempt)
      if attempt > 1 then
        assert.same({}, service:due_deliveries(own.now + wait - 0.001, 10))
        assert.equal("waiting", own.control("GET", "deliveries").deliveries[1].state)
      end
      own.now = own.now + wait
      local list = service:due_deliveries(own.now, 10)
      assert.equal(1, #list)
      assert.equal(1, own.control("GET", "state").deliveries.sending)
      times[attempt] = own.now
      own.now = own.now + 10 -- each takes as long as it may
      service:delivered(list[1], attempt % 2 == 0 and { status = 503 } or { error = "timeout" },
        own.now)
    end
    assert.is_nil(service:delivery_wait(own.now))
    assert.same({}, service:due_deliveries(own.now + 1e9, 10))
    assert.is_true(own.now - times[1] <= 6 * 3600)
    for i = 3, 11 do assert.is_true(times[i] - times[i - 1] > times[i - 1] - times[i - 2]) end
    local report = own.control("GET", "deliveries")
    assert.equal(1, report.failed)
    local delivery = report.deliveries[1]
    assert.same({ "failed", 11, "timeout", 503 }, { delivery.state, #delivery.attempts,
      delivery.attempts[11].error, delivery.attempts[10].status })
    assert.is_nil(json.encode(report):find("secret", 1, true))
  end)

  it("end with 200 and with nothing else", function()
    for _, status in ipairs({ 199, 201, 204, 302, 400, 410, 500 }) do
      local own = waiting()
      own.service:delivered(own.service:due_deliveries(own.now, 1)[1], { status = status }, own.now)
      assert.equal("waiting", own.control("GET", "deliveries").deliveries[1].state)
    end
    local own = waiting()
    own.service:delivered(own.service:due_deliveries(own.now, 1)[1], { status = 200 }, own.now)
    local report = own.control("GET", "deliveries")
    assert.same({ "delivered", 1, 0 }, { report.deliveries[1].state, report.delivered,
      report.waiting })
    assert.is_nil(own.service:delivery_wait(own.now))
  end)

  it("wait less on a faster clock, and come in their order", function()
    local own = waiting({ speed = 1000 }, 5)
    local first = own.service:due_deliveries(own.now, 2)
    assert.same({ 1, 2 }, { first[1].id, first[2].id })
    own.service:delivered(first[1], { error = "x" }, own.now)
    assert.equal(0, own.service:delivery_wait(own.now))
    local second = own.service:due_deliveries(own.now, 10)
    assert.same({ 3, 4, 5 }, { second[1].id, second[2].id, second[3].id })
    local wait = own.service:delivery_wait(own.now)
    assert.is_true(wait > 0.019 and wait < 0.021)
    own.control("POST", "options", { advance = 1 })
    assert.equal(1, #own.service:due_deliveries(own.now, 10))
  end)
end)

describe("published samples", function()
  local samples = helper.payload("v2_webhook_doc_samples.json")
  local read_it = samples and it or function(name)
    print("skipped, there is no ../shared/payloads: published samples " .. name)
  end

  read_it("of deliveries have no member that this service lacks", function()
    local own = account.new()
    for event, types in pairs({ chat_ended = { "chat", "visitor", "pre_chat_survey" },
      ticket_created = { "ticket" }, canned_response_changed = { "canned_response" } }) do
      own.call("POST", "/webhooks", { json = { event_type = event, data_types = types,
        url = "http://x" } })
    end
    own.control("POST", "trigger", { event_type = "chat_ended" })
    own.control("POST", "trigger", { event_type = "ticket_created",
      ticket = { source = { id = "NO4Y5FAERW" }, assignee = { id = "x", name = "y" },
        tags = { "support" } } })
    own.control("POST", "trigger", { event_type = "canned_response_changed" })
    local ours = {}
    for _, delivery in ipairs(own.service:due_deliveries(own.now, 9)) do
      for name, value in pairs(json.decode(delivery.body)) do ours[name] = value end
    end
    for _, sample in ipairs(json.decode(samples)) do
      local covered, name = helper.covers(sample, ours)
      assert.is_true(covered, tostring(name))
    end
  end)
end)
