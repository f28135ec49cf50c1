-- SPDX-License-Identifier: MIT
--- What an event is: its members, its id, whose dialect it is.
local deliveries = require "spec.deliveries"
local event_module = require "livechat.events.event"
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"

local TOKEN = deliveries.TOKEN
local chat_ended, ticket_created = deliveries.chat_ended, deliveries.ticket_created
local recording, deliver = deliveries.recording, deliveries.deliver

describe("an event", function()
  it("is normalised", function()
    local receiver, got = recording()
    assert.equal(200, (deliver(receiver, chat_ended())))
    local event = got[1]
    assert.equal("chat_ended", event.type)
    assert.equal("0123456789abcdef0123456789abcdef", event.id)
    assert.equal("1520", event.license_id)
    assert.equal("2", event.lc_version)
    assert.equal("2019-05-13T16:46:57.000Z", event.chat.started_timestamp)
    assert.equal("2019-05-13T16:51:57.250Z", event.chat.ended_timestamp)
    assert.same({ { id = 0 }, { id = 3 } }, event.chat.groups)
    assert.equal("2019-05-13T16:46:57.000Z", event.chat.messages[1].timestamp)
    assert.equal("2019-05-13T16:47:07.000Z", event.chat.messages[2].timestamp)
    assert.equal("Hello\nthere", event.chat.messages[1].text)
    assert.equal("Żółć", event.chat.messages[2].text)
    assert.equal("2019-05-13T16:51:57.000Z", event.chat.events[1].timestamp)
    assert.same({ { key = "Customer", value = "X1" }, { key = "Items", value = 3 } },
      event.visitor.custom_variables)
    assert.equal("3", tostring(event.visitor.custom_variables[2].value))
    assert.same({ { label = "A", chosen = true }, { label = "B", chosen = false } },
      event.pre_chat_survey[2].answers)
    assert.equal("[]", json.encode(event.chat.attachments))
    assert.is_nil(event.ticket)
    assert.equal("livechat.Event: chat_ended " .. event.id, tostring(event))
  end)

  it("takes every variant of the wire", function()
    local receiver, got = recording()
    local body = chat_ended()
    body.license_id, body.lc_version = 1520, 2
    body.chat.groups = { "3", { id = "4", name = "Sales" } }
    body.chat.id = 12345678
    body.chat.started_timestamp = "2019-05-13T18:46:57+02:00"
    body.pre_chat_survey[2].answers[1].chosen = 1
    body.pre_chat_survey[2].answers[2].chosen = "false"
    body.visitor.custom_variables[1].value = true
    assert.equal(200, (deliver(receiver, body)))
    local event = got[1]
    assert.equal("1520", event.license_id)
    assert.equal("2", event.lc_version)
    assert.same({ { id = 3 }, { id = 4, name = "Sales" } }, event.chat.groups)
    assert.equal("12345678", event.chat.id)
    assert.equal("2019-05-13T16:46:57.000Z", event.chat.started_timestamp)
    assert.is_true(event.pre_chat_survey[2].answers[1].chosen)
    assert.is_false(event.pre_chat_survey[2].answers[2].chosen)
    assert.is_true(event.visitor.custom_variables[1].value)
    local canned = { event_type = "canned_response_changed", token = TOKEN, canned_response = {
      group = "0", id = 1, modification_date = 1494230856, tags = { "a" }, text = "Can I help?" } }
    assert.equal(200, (deliver(receiver, canned)))
    assert.same({ group = 0, id = "1", modification_date = "2017-05-08T08:07:36.000Z",
      tags = { "a" }, text = "Can I help?" }, got[2].canned_response)
  end)

  it("needs nothing but a type, and nulls are absent", function()
    local receiver, got = recording()
    assert.equal(200, (deliver(receiver, { event_type = "chat_started", token = TOKEN })))
    assert.is_nil(got[1].chat)
    assert.is_nil(got[1].license_id)
    local body = chat_ended()
    body.event_unique_id, body.visitor, body.license_id = json.null, json.null, json.null
    body.pre_chat_survey, body.chat.url = json.array {}, json.null
    body.chat.messages[1].text, body.chat.messages[3] = json.null, json.null
    body.chat.tags = { json.null, "x", json.null }
    assert.equal(200, (deliver(receiver, body)))
    assert.is_nil(got[2].visitor)
    assert.is_nil(got[2].license_id)
    assert.same({}, got[2].pre_chat_survey)
    assert.is_nil(got[2].chat.url)
    assert.is_nil(got[2].chat.messages[1].text)
    assert.equal(2, #got[2].chat.messages)
    assert.same({ "x" }, got[2].chat.tags)
  end)

  it("reads PHP's empty list as an empty object", function()
    local receiver, got = recording()
    local body = ticket_created()
    body.visitor, body.ticket.assignee, body.ticket.firstResponse = json.array {}, json.array {},
      json.array {}
    assert.equal(200, (deliver(receiver, body)))
    assert.same({}, got[1].visitor)
    assert.is_nil(got[1].ticket.assignee)
  end)

  it("keeps unknown types and members", function()
    local receiver, got = recording()
    assert.equal(200, (deliver(receiver, { event_type = "something_new", token = TOKEN, more = {
      a = { 1, json.null, { b = json.null, c = 2 } }, d = json.null } })))
    assert.equal("something_new", got[1].type)
    assert.same({ a = { 1, { c = 2 } } }, got[1].more)
    assert.equal("1", tostring(got[1].more.a[1]))
    -- What the library itself means by a name goes before what the wire says under it.
    assert.equal(200, (deliver(receiver, { event_type = "x", token = TOKEN, raw = 1, id = "other",
      type = "other", event_unique_id = "mine" })))
    assert.equal("x", got[2].type)
    assert.equal("mine", got[2].id)
    assert.same({ event_type = "x", raw = 1, id = "other", type = "other",
      event_unique_id = "mine" }, got[2]:raw())
  end)

  it("has a ticket without a client, or with one", function()
    local receiver, got = recording()
    assert.equal(200, (deliver(receiver, ticket_created())))
    local ticket = got[1].ticket
    assert.equal("userdata", type(ticket))
    assert.equal("CCWWM", ticket.id)
    assert.equal("2014-08-18T10:05:05.000Z", ticket.events[1].date)
    assert.same({ { id = 0, name = "All operators", inherited = false } }, ticket.groups)
    assert.is_nil(ticket.source.url)
    assert.error_matches(function() ticket:tag { "x" } end, "needs a client")
    local client = livechat.new { username = "u@example.com", api_key = "k",
      base_url = "http://127.0.0.1:1", retry = false, throttle = false }
    receiver, got = recording { client = client }
    assert.equal(200, (deliver(receiver, ticket_created())))
    local none, err = got[1].ticket:tag { "x" }
    assert.is_nil(none)
    assert.equal("network", err.kind) -- so it has a client
    client:close()
  end)

  it("gives the wire's own form, but for the token", function()
    local receiver, got = recording()
    local body = ticket_created()
    deliver(receiver, body)
    body.token = nil
    assert.same(body, got[1]:raw())
    assert.equal(json.null, got[1]:raw().ticket.source.url)
    assert.same({ { id = 0, name = "All operators", inherited = false } },
      got[1]:raw().ticket.groups)
    body = chat_ended()
    deliver(receiver, body)
    body.token = nil
    assert.same(body, got[2]:raw())
    assert.equal(1557766017, got[2]:raw().chat.started_timestamp)
  end)

  it("shows its token nowhere", function()
    local receiver, got, said = recording()
    local function search(value, seen)
      if type(value) == "table" and not seen[value] then
        seen[value] = true
        for key, member in pairs(value) do search(key, seen) search(member, seen) end
        search(getmetatable(value), seen)
      elseif type(value) == "string" then
        assert.is_nil(value:find(TOKEN, 1, true))
      end
    end
    receiver:on("*", function(event) error(tostring(event) .. " fails") end)
    deliver(receiver, chat_ended())
    assert.equal(1, #said)
    search(got[1], {})
    search(got[1]:raw(), {})
    search(said, {})
    assert.is_nil((tostring(receiver)):find(TOKEN, 1, true))
  end)

  it("is read from the published samples", function()
    local text = helper.payload("v2_webhook_doc_samples.json")
    if not text then return pending("no published samples here") end
    local receiver, got = recording { token = false }
    local envelope
    for i, sample in ipairs(assert(json.decode(text))) do
      envelope = envelope or sample
      for name, value in pairs(envelope) do sample[name] = sample[name] or value end
      assert.equal(200, (deliver(receiver, sample)))
      assert.equal(i, #got)
      assert.equal("1025707", got[i].license_id)
    end
    assert.equal("2013-01-23T10:40:53.000Z", got[3].chat.started_timestamp)
    assert.equal("CCWWM", got[6].ticket.id)
    assert.equal("1", got[7].canned_response.id)
  end)
end)

describe("the id of an event", function()
  local function id_of(body)
    local receiver, got = recording()
    assert.equal(200, (deliver(receiver, body)))
    return got[1].id
  end

  it("is the wire's own where that can be the name of a file", function()
    local body = chat_ended()
    assert.equal(body.event_unique_id, id_of(body))
    local seen = {}
    for _, odd in ipairs { "../../etc/passwd", ".", "..", ".hidden", "a/b", "a b", "a\0b", "-rf",
      "a\nb", ("x"):rep(65), "ä", "a.b" } do
      body.event_unique_id = odd
      local id = id_of(body)
      assert.matches("^x%-%x+$", id)
      assert.equal(34, #id)
      assert.is_nil(seen[id])
      seen[id] = true
      assert.equal(id, id_of(body))
    end
  end)

  it("is derived from what the event says where it has none", function()
    local first = id_of(ticket_created())
    assert.matches("^ticket_created%-CCWWM%-%x+$", first)
    assert.equal(first, id_of(ticket_created()))
    local body = ticket_created()
    body.ticket.subject = "Welcome!"
    assert.not_equal(first, id_of(body))
    body = ticket_created()
    body.ticket.id = "CCWWN"
    assert.not_equal(first, id_of(body))
    body = ticket_created()
    body.event_unique_id = ""
    assert.matches("^ticket_created%-CCWWM%-", id_of(body))
    assert.matches("^event%-%x+$", id_of { event_type = "../x", token = TOKEN })
    assert.matches("^visitor_queued%-%x+$", id_of { event_type = "visitor_queued", token = TOKEN,
      visitor = { id = "S1.2/../x" } })
  end)

  it("tells one change of a chat from another", function()
    local function changed(tags)
      local body = chat_ended()
      body.event_type, body.event_unique_id, body.chat.tags = "chat_changed", nil, tags
      return body
    end
    local first = id_of(changed { "a" })
    assert.matches("^chat_changed%-PR8G5BAYCT%-%x+$", first)
    assert.equal(first, id_of(changed { "a" }))
    assert.not_equal(first, id_of(changed { "a", "b" }))
    assert.not_equal(first, id_of(changed {}))
  end)

  it("does not depend on the order of members, blanks, spelling, token or version", function()
    local function status_of(text)
      local receiver, got = recording { token = { "one", "two" } }
      assert.equal(200, (receiver:handle(text)))
      return got[1].id
    end
    local first = status_of('{"event_type":"visitor_queued","token":"one","visitor":{"id":"S1",' ..
      '"name":"é"},"lc_version":"2"}')
    assert.equal(first, status_of(' { "lc_version" : "3", "visitor":\n{"name":"\\u00e9",' ..
      '"id":"S1"},"token":"two","event_type":"visitor_queued"}'))
    assert.equal(first, status_of('{"event_type":"visitor_queued","token":"one",' ..
      '"visitor":{"id":"S1","name":"é"}}'))
    assert.not_equal(first, status_of('{"event_type":"visitor_queued","token":"one",' ..
      '"visitor":{"id":"S1","name":"e"}}'))
  end)

  it("is the one that earlier versions gave it", function()
    for id, body in pairs {
      ["ticket_created-CCWWM-c70a76233dc0db47645378bb0b72137f"] =
        [[{"event_type":"ticket_created","token":"t","license_id":"1520","lc_version":"2","ticket":{
        "id":"CCWWM","subject":"Welcome","status":"open","requester":{"mail":"mary@example.net",
        "name":"Mary"},"assignee":[],"groups":[{"id":0,"name":"All","inherited":false},3],"tags":[],
        "source":{"type":"lc2","url":null,"id":"NO4"},"date":"2014-08-18T10:05:05Z","events":[{
        "type":"message","date":1408356305,"is_private":0,"author":{"id":"m"},
        "message":"a [] b"}]}}]],
      ["chat_changed-PR8G5BAYCT-270dd53c5c0886dcfe43d2e6a9f29af3"] =
        [[{"event_type":"chat_changed","token":"t","license_id":1520,"chat":{"id":"PR8G5BAYCT",
        "started_timestamp":1557766017,"ended_timestamp":"1557766317.25","tags":[],
        "attachments":[],"groups":[0,"3",{"id":"4","name":"x"}],"messages":[{"text":"hi",
        "timestamp":1557766017,"json":"{}"},null],"url":null,"agents":[{"name":"J"}],
        "more":{"a":[null,{"b":null}]}},"visitor":{"id":5,"custom_variables":[{"key":"k",
        "value":3.5}]}}]],
      ["canned_response_changed-1-6466c99c9b8c4455ba2e933cf30897d8"] =
        [[{"event_type":"canned_response_changed","token":"t","canned_response":{"group":"0",
        "id":1,"modification_date":1494230856,"tags":["a"],"text":"Can I help?"}}]],
    } do
      local receiver, got = recording { token = "t" }
      assert.equal(200, (receiver:handle(body)))
      assert.equal(id, got[1].id)
    end
  end)

  it("comes also from an event that has no JSON form", function()
    local receiver, got = recording()
    local text = '{"event_type":"x","token":"' .. TOKEN .. '","n":1e999}'
    assert.equal(200, (receiver:handle(text)))
    assert.matches("^x%-%x+$", got[1].id)
    assert.equal("handled already\n", select(2, receiver:handle(text)))
  end)
end)

describe("a dialect", function()
  it("is data: another's members are read by the same code", function()
    local dialect = event_module.dialect {
      name = "made", answers = {}, resources = {}, records = {
        thing = { members = { id = "id", at = "time" } },
        event = { members = { kind = "string", account = "id", thing = "thing" } },
      },
      events = {
        is = function(wire) return wire.kind ~= nil end, names = { made = true }, type = "kind",
        secret = "secret", account = "account", members = "event", records = {}, volatile = {},
        identity = function(wire) return wire.nr, wire.thing and wire.thing.id end,
      },
    }
    local body = { kind = "made", thing = { id = 5, at = 0 }, account = 7, nr = json.null }
    assert.is_nil(dialect:problem(body))
    assert.matches("^made%-5%-%x+$", dialect:identify(body))
    local event = dialect:event(body, "x", nil, dialect:read(body))
    assert.equal("1970-01-01T00:00:00.000Z", event.thing.at)
    assert.equal("7", event.license_id)
    assert.same(body, event:raw())
    assert.equal("no kind", dialect:problem {})
    local wire, name = event_module.unpack(event_module.pack(dialect, body))
    assert.equal("made", name)
    assert.same(body, wire)
  end)

  it("is chosen by what comes, and known by what is stored", function()
    local other = event_module.dialect {
      name = "other", answers = {}, resources = {}, records = { event = { members = {} } },
      events = {
        is = function(wire) return wire.action ~= nil end, names = { opened = true },
        type = "action", secret = "key", account = "organization", members = "event", records = {},
        volatile = {}, identity = function(wire) return wire.nr end,
      },
    }
    local first = event_module.dialect(require "livechat.api.v2")
    local inbox = livechat.inbox(helper.folder() .. "/inbox")
    finally(helper.cleanup)
    local receiver, got = require("livechat.events.receiver").new({ token = "t", inbox = inbox,
      on_error = function() end }, { first, other }), {}
    receiver:on("*", function(event) got[#got + 1] = event.type .. " " .. event.id end)
    receiver:on("opened", print):on("chat_ended", print)
    assert.equal(200, (receiver:handle '{"action":"opened","key":"t","nr":"n1"}'))
    assert.equal(401, (receiver:handle '{"action":"opened","token":"t","nr":"n2"}'))
    assert.equal(200, (receiver:handle '{"event_type":"x","token":"t","event_unique_id":"u1"}'))
    assert.equal(401, (receiver:handle '{"type":"x","key":"t"}'))
    inbox:store("u0", ' {"event_type":"y","token":null}') -- as the first version wrote
    inbox:store("u2", 'v9 {"event_type":"z"}') -- of a version to come
    local texts = {}
    for _, stored in ipairs(inbox:list()) do texts[#texts + 1] = stored.text end
    assert.same({ 'other {"action":"opened","nr":"n1"}',
      'v2 {"event_type":"x","event_unique_id":"u1"}', ' {"event_type":"y","token":null}',
      'v9 {"event_type":"z"}' }, texts)
    receiver.dispatcher.handlers[2], receiver.dispatcher.handlers[3] = nil, nil
    assert.same({ 3, 1 }, { receiver:drain { attempts = 1 } })
    assert.equal("opened n1, x u1, y u0", table.concat(got, ", "))
    assert.equal("not a webhook: of the unknown dialect v9", inbox:list()[1].error)
  end)
end)
