-- SPDX-License-Identifier: MIT
local core = require "livechat.core"
local event_module = require "livechat.events.event"
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"
local v2_events = require "livechat.api.v2.events"

local TOKEN = "27f41c8da685c81a890f9e5f8ce48387"

local function chat_ended()
  return {
    event_type = "chat_ended", event_unique_id = "0123456789abcdef0123456789abcdef", token = TOKEN,
    license_id = "1520", lc_version = "2",
    chat = {
      id = "PR8G5BAYCT", started_timestamp = 1557766017, ended_timestamp = 1557766317.25,
      url = "https://shop.example.com/", referer = "https://www.example.com/",
      messages = {
        { user_type = "agent", author_name = "John", agent_id = "john.doe@example.com",
          text = "Hello\nthere", json = "{}", timestamp = 1557766017 },
        { user_type = "visitor", author_name = "Mary", text = "Żółć", timestamp = "1557766027" },
      },
      attachments = json.array {}, tags = { "sales" }, groups = { 0, 3 },
      events = { { user_type = "visitor", text = "closed", timestamp = 1557766317,
        type = "closed" } },
      agents = { { name = "John", login = "john.doe@example.com" } },
    },
    visitor = {
      id = "S1557766017.8e5480fb0a", name = "Mary", email = "mary@example.net",
      custom_variables = { { key = "Customer", value = "X1" }, { key = "Items", value = 3 } },
      country = "Poland", city = "Wrocław", language = "pl", timezone = "Europe/Warsaw",
      page_current = "https://shop.example.com/?s=1",
    },
    pre_chat_survey = {
      { id = "135963440121804757", type = "name", label = "Your name", answer = "Mary" },
      { id = "135963440121804758", type = "checkbox", label = "What?",
        answers = { { label = "A", chosen = true }, { label = "B", chosen = false } } },
    },
  }
end

local function ticket_created()
  return {
    event_type = "ticket_created", token = TOKEN, license_id = "1520",
    ticket = {
      id = "CCWWM", subject = "Welcome", status = "open",
      requester = { mail = "mary@example.net", name = "Mary", utc_offset = "Pacific/Fiji",
        ip = "192.0.2.1" },
      assignee = { id = "john.doe@example.com", name = "John" },
      groups = { { id = 0, name = "All operators", inherited = false } }, tags = { "support" },
      source = { type = "lc2", url = json.null, id = "NO4Y5FAERW" },
      events = { { type = "message", author = { id = "mary@example.net", name = "Mary",
        type = "client" }, date = "2014-08-18T10:05:05Z", is_private = false,
        message = "How are you?", source = { type = "lc2", url = json.null } } },
    },
  }
end

--- A receiver that records what its handler of every event got.
local function recording(options)
  options = options or {}
  if options.token == nil and not options.basic_auth then options.token = TOKEN end
  local said = {}
  options.on_error = options.on_error or function(text) said[#said + 1] = text end
  local receiver, got = livechat.receiver(options), {}
  receiver:on("*", function(event) got[#got + 1] = event end)
  return receiver, got, said
end

local function deliver(receiver, body, headers)
  local status, text = receiver:handle(type(body) == "table" and json.encode(body) or body, headers)
  assert.equal("string", type(text))
  assert.matches("^[^\n]+\n$", text)
  assert.is_nil(text:find(TOKEN, 1, true))
  return status, text
end

describe("livechat.receiver", function()
  it("wants to know the service by something, unless it is told not to", function()
    local _, message = pcall(function() livechat.receiver {} end)
    assert.matches("receiver_spec.lua:%d+: bad argument 'token' to 'livechat.receiver' %(.*"
      .. "token = false", message)
    assert.error_matches(function() livechat.receiver { license_id = "1" } end, "'token'")
    assert.truthy(livechat.receiver { token = false })
    assert.truthy(livechat.receiver { token = "a" })
    assert.truthy(livechat.receiver { token = { "a", "b" } })
    assert.truthy(livechat.receiver { basic_auth = { user = "", password = "p" } })
  end)

  it("names a wrong option", function()
    local _, place = pcall(function() livechat.receiver { token = "" } end)
    assert.matches("receiver_spec.lua:%d+: bad argument 'token'", place)
    for _, row in ipairs {
      { { token = "" }, "token" }, { { token = {} }, "token" }, { { token = true }, "token" },
      { { token = { "a", "" } }, "token" }, { { token = { "a", 5 } }, "token" },
      { { basic_auth = "a:b" }, "basic_auth" }, { { basic_auth = { user = "u" } }, "basic_auth" },
      { { basic_auth = { user = "u:", password = "p" } }, "basic_auth" },
      { { basic_auth = { user = "u", password = "" } }, "basic_auth" },
      { { license_id = {} }, "license_id" }, { { max_body = 0 }, "max_body" },
      { { max_body = "1" }, "max_body" }, { { client = "c" }, "client" },
      { { inbox = "/tmp" }, "inbox" }, { { inbox = {} }, "inbox" },
      { { on_error = 1 }, "on_error" }, { { tokens = "a" }, "tokens" },
    } do
      if row[1].token == nil then row[1].token = "t" end
      local fine, message = pcall(livechat.receiver, row[1])
      assert.is_false(fine)
      assert.truthy(message:find("'" .. row[2] .. "' to 'livechat.receiver'", 1, true), message)
    end
    assert.error_matches(function() livechat.receiver { token = "t", max_bdy = 1 } end,
      "did you mean 'max_body'")
    assert.error_matches(function() livechat.receiver() end, "'options'")
  end)

  it("names a wrong argument of a method", function()
    local receiver = livechat.receiver { token = "t" }
    local with_inbox = livechat.receiver { token = "t", inbox = livechat.inbox("/nowhere") }
    for message, call in pairs {
      ["bad argument #1 to 'receiver:on'"] = function() receiver:on(1, print) end,
      ["bad argument #1 to 'receiver:on' (an"] = function() receiver:on("", print) end,
      ["bad argument #2 to 'receiver:on'"] = function() receiver:on("*", {}) end,
      ["bad argument #3 to 'receiver:on'"] = function() receiver:on("*", print, true) end,
      ["bad argument 'alow_unknown' to 'receiver:on' (is no option; did you mean 'allow_unknown'?)"]
        = function() receiver:on("*", print, { alow_unknown = true }) end,
      ["bad argument #1 to 'receiver:on' ('ticket_creatd' is no event; did you mean "
        .. "'ticket_created'?; { allow_unknown = true } takes it all the same)"] = function()
        receiver:on("ticket_creatd", print)
      end,
      ["bad argument #1 to 'receiver:on' ('Chat_Ended' is no event; did you mean 'chat_ended'?"]
        = function() receiver:on("Chat_Ended", print) end,
      ["bad argument #1 to 'receiver:on' ('xyz' is no event; {"] = function()
        receiver:on("xyz", print, { allow_unknown = false })
      end,
      ["'" .. ("x"):rep(10) ] = function() receiver:on(("x"):rep(2 ^ 20), print) end,
      ["bad argument 'body' to 'receiver:handle'"] = function() receiver:handle(nil) end,
      ["'receiver:drain' needs an inbox"] = function() receiver:drain() end,
      ["'receiver:run' needs an inbox"] = function() receiver:run() end,
      ["bad argument 'lmit' to 'receiver:drain'"] = function() with_inbox:drain { lmit = 1 } end,
      ["bad argument 'limit' to 'receiver:drain'"] = function() with_inbox:drain { limit = 0 } end,
      ["bad argument 'poll' to 'receiver:run'"] = function() with_inbox:run { poll = "1" } end,
    } do
      local fine, raised = pcall(call)
      assert.is_false(fine)
      assert.matches("^[^:]*receiver_spec.lua:%d+: ", raised)
      assert.truthy(raised:find(message, 1, true), raised)
    end
  end)
end)

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

describe("a delivery", function()
  it("must carry one of the tokens", function()
    local receiver, got = recording { token = { TOKEN, "second" } }
    local body = chat_ended()
    assert.equal(200, (deliver(receiver, body)))
    body.token, body.event_unique_id = "second", "e2"
    assert.equal(200, (deliver(receiver, body)))
    body.event_unique_id = "e3"
    for _, wrong in ipairs { "", "secon", "second ", "Second", TOKEN:upper(), TOKEN:sub(2),
      json.null, true, 1, {}, { TOKEN } } do
      body.token = wrong
      assert.equal(401, (receiver:handle(json.encode(body))))
    end
    body.token = nil
    assert.equal(401, (deliver(receiver, body)))
    assert.equal(2, #got)
  end)

  it("is not looked at any further before that", function()
    local receiver = recording()
    for _, body in ipairs { {}, { event_type = 5 }, { event_type = {}, chat = 5 } } do
      body.token = "wrong"
      assert.equal(401, (deliver(receiver, body)))
      body.token = TOKEN
      assert.equal(400, (deliver(receiver, body)))
    end
  end)

  it("must carry the credentials of the registered URL", function()
    local receiver = recording { token = false,
      basic_auth = { user = "live", password = "pässword: x" } }
    local right = "Basic bGl2ZTpww6Rzc3dvcmQ6IHg="
    for _, headers in ipairs { { Authorization = right }, { authorization = right },
      { AUTHORIZATION = { right } }, { authorization = "basic  bGl2ZTpww6Rzc3dvcmQ6IHg= " } } do
      assert.equal(200, (deliver(receiver, chat_ended(), headers)))
    end
    for _, headers in ipairs { {}, { authorization = "" }, { authorization = "Basic" },
      { authorization = "Basic " }, { authorization = "Bearer bGl2ZTpww6Rzc3dvcmQ6IHg=" },
      { authorization = right .. "=" }, { authorization = right:lower() }, { authorization = {} },
      { authorization = { right, right } }, { authorization = right, Authorization = right },
      { authorization = 5 }, { ["x-authorization"] = right }, { right } } do
      assert.equal(401, (deliver(receiver, chat_ended(), headers)))
    end
    assert.equal(401, (deliver(receiver, chat_ended())))
    for password, encoded in pairs { a = "dTph", ab = "dTphYg==", abc = "dTphYmM=" } do
      receiver = recording { token = false, basic_auth = { user = "u", password = password } }
      assert.equal(200, (deliver(receiver, chat_ended(), { authorization = "Basic " .. encoded })))
    end
  end)

  it("must carry both, and the account's number, where all are set", function()
    local receiver = recording { token = TOKEN, license_id = 1520,
      basic_auth = { user = "u", password = "abc" } }
    local good = { authorization = "Basic dTphYmM=" }
    local function status(change)
      local body = chat_ended()
      change(body)
      return (deliver(receiver, body, good))
    end
    assert.equal(200, status(function() end))
    assert.equal(200, status(function(body) body.license_id = 1520 end))
    assert.equal(401, status(function(body) body.license_id = "1521" end))
    assert.equal(401, status(function(body) body.license_id = nil end))
    assert.equal(401, status(function(body) body.license_id = {} end))
    assert.equal(401, status(function(body) body.token = "x" end))
    assert.equal(401, (deliver(receiver, chat_ended())))
    receiver = recording { license_id = "1520" }
    assert.equal(200, (deliver(receiver, chat_ended())))
  end)

  it("is compared whole with every token and credential, whatever the first difference", function()
    local equal, calls = core.equal, nil
    finally(function() core.equal = equal end)
    core.equal = function(a, b)
      calls[#calls + 1] = { #a, b }
      return equal(a, b)
    end
    local receiver = recording { token = { TOKEN, ("b"):rep(32), ("c"):rep(32) },
      license_id = "1520", basic_auth = { user = "u", password = "abc" } }
    local expected
    local function check(token, authorization, license)
      calls = {}
      local body = chat_ended()
      body.token, body.license_id = token, license
      receiver:handle(json.encode(body), { authorization = authorization })
      expected = expected or calls
      assert.same(expected, calls)
    end
    check(TOKEN, "Basic dTphYmM=", "1520")
    assert.equal(5, #expected)
    for i = 1, 32 do
      check(TOKEN:sub(1, i - 1) .. "_" .. TOKEN:sub(i + 1), "Basic dTphYmM=", "1520")
    end
    check(("c"):rep(32), "Basic dTphYmX=", "1521")
    check(("d"):rep(32), "Basic XTphYmM=", "2520")
  end)

  it("may be as large as max_body, and no larger", function()
    local receiver = recording { max_body = 1000 }
    local text = json.encode { event_type = "x", token = TOKEN, pad = "" }
    local fit = text:gsub('"pad":""', '"pad":"' .. ("p"):rep(1000 - #text) .. '"')
    assert.equal(1000, #fit)
    assert.equal(200, (receiver:handle(fit)))
    assert.equal(413, (receiver:handle(fit .. " ")))
    assert.equal(413, (receiver:handle(("x"):rep(1001))))
    receiver = recording()
    assert.equal(413, (receiver:handle(("x"):rep(2 * 2 ^ 20))))
    assert.equal(400, (receiver:handle((" "):rep(2 ^ 20))))
  end)

  it("that is no webhook gets 400", function()
    local receiver, got = recording()
    local good = json.encode(chat_ended())
    for _, text in ipairs {
      "", " ", "x", "null", "true", "5", '"x"', "{", good:sub(1, -2), good .. "x", good .. good,
      ("["):rep(10000), ("["):rep(10000) .. ("]"):rep(10000),
      ('{"a":'):rep(10000) .. "1" .. ("}"):rep(10000),
      ('{"token":"%s","event_type":"x","deep":%s}'):format(TOKEN, ("["):rep(100) .. ("]"):rep(100)),
      '{"token":"' .. TOKEN .. '"}',
      '{"event_type":"x","token":"' .. TOKEN .. '","a":"\255"}',
      '{"event_type":"x","token":"' .. TOKEN .. '","a":"\237\160\128"}',
      '{"event_type":"x","token":"' .. TOKEN .. '","a":"\192\128"}',
      '{"event_type":"x","token":"' .. TOKEN .. '","a":"\0"}',
      '{"event_type":"","token":"' .. TOKEN .. '"}',
      '{"event_type":null,"token":"' .. TOKEN .. '"}',
      '{"event_type":"x","token":"' .. TOKEN .. '","n":NaN}',
      '{"event_type":"x","token":"' .. TOKEN .. '","n":0x10}',
    } do
      assert.equal(400, (deliver(receiver, text)), text:sub(1, 80))
    end
    for _, text in ipairs { "[]", "[1]", '[{"event_type":"x","token":"' .. TOKEN .. '"}]', "{}" } do
      assert.equal(401, (deliver(receiver, text)), text)
    end
    receiver = recording { token = false }
    for _, text in ipairs { "[]", "[1]", '[{"event_type":"x"}]', "{}" } do
      assert.equal(400, (deliver(receiver, text)), text)
    end
    assert.equal(0, #got)
  end)

  it("that names a member twice is verified by what is handled", function()
    local receiver, got = recording()
    local function status(text)
      local code = receiver:handle((text:gsub("TOKEN", TOKEN)))
      for _, event in ipairs(got) do assert.is_nil(event.token or event:raw().token) end
      return code
    end
    assert.equal(401, status '{"event_type":"x","token":"TOKEN","token":"wrong"}')
    assert.equal(401, status '{"event_type":"x","token":"TOKEN","to\\u006ben":"wrong"}')
    assert.equal(0, #got)
    assert.equal(200, status '{"event_type":"x","token":"wrong","to\\u006ben":"TOKEN"}')
    assert.equal(200, status('{"event_type":"a","event_type":"b","token":"TOKEN",'
      .. '"chat":{"id":"1","id":"2"}}'))
    assert.equal("b", got[2].type)
    assert.equal("2", got[2].chat.id)
    assert.equal("b", got[2]:raw().event_type)
  end)

  it("with an unforeseen form anywhere is handled as it came, and that is told once", function()
    local nothing = {
      string = { 5, true, false, { 1 }, { a = 1 } }, id = { true, { 1 }, { a = 1 } },
      text = { true, { 1 } },
      integer = { "x", "1.5", { 1 }, { a = 1 }, ("9"):rep(20) },
      time = { "yesterday", true, { 1 }, { a = 1 }, 1e300 }, boolean = { "x", 2, { 1 }, { a = 1 } },
      shown = { true, { 1 }, { a = 1 } },
      scalar = { { 1 }, { a = 1 } }, group = { { id = "x" }, { id = { 1 } } },
      groups = { { { id = "x" } } }, list = { 5, "x", true, { a = 1 } },
      object = { 5, "x", true, { 1 } }, person = { 5, "x", true, { 1 } }, plain = {},
    }
    local tried, receiver, got, said = 0, recording()
    local records = require("livechat.api.v2").records
    local told = {}
    local function try(wrap, value, path)
      local body = wrap(value)
      body.event_unique_id = body.event_unique_id or "e" .. tried
      local status = deliver(receiver, body)
      tried = tried + 1
      if status ~= 200 or #got ~= tried then error(path .. " = " .. json.encode(value), 0) end
      body.token = nil
      assert.same(body, got[tried]:raw())
      assert.equal(told[path] and 0 or 1, #said, path .. " = " .. json.encode(value))
      if said[1] then
        assert.equal("livechat: " .. path .. " came in an unforeseen form, which handlers get as "
          .. "it is", said[1])
      end
      told[path], said[1] = true, nil
    end
    local function visit(reading, wrap, path)
      local shown = type(reading) == "table" and reading.beside
      local list = type(reading) == "table" and not shown
      if shown then reading = "shown" end
      for _, value in ipairs(nothing[list and "list" or reading] or nothing.object) do
        local inner = type(value) == "table"
        try(wrap, value, path .. (reading == "group" and inner and ".id"
          or reading == "groups" and "[].id" or ""))
      end
      if list then
        visit(reading.list, function(value) return wrap { value } end, path .. "[]")
      end
      for name, of in pairs(records[reading] and records[reading].members or {}) do
        visit(of, function(value) return wrap { [name] = value } end,
          (path == "" and "" or path .. ".") .. name)
      end
    end
    for name, reading in pairs(records.event.members) do
      if name ~= "event_type" then
        visit(reading, function(value)
          return { token = TOKEN, event_type = "x", [name] = value }
        end, name)
      end
    end
    assert.truthy(tried > 400, tried)
  end)

  it("with an unforeseen form gives handlers what came", function()
    local receiver, got = recording()
    local body = ticket_created()
    body.ticket.tags, body.ticket.date = { ["0"] = "a", ["2"] = "b" }, "soon"
    body.pre_chat_survey = { { id = "1", answer = 5 } }
    body.visitor = { custom_variables = { { key = "k", value = { deep = json.array {} } } } }
    body.chat, body.extra = "gone", { ["0"] = "x" }
    assert.equal(200, (deliver(receiver, body)))
    local event = got[1]
    assert.same({ "a", "b" }, event.ticket.tags) -- a list that PHP wrote as an object
    assert.equal("soon", event.ticket.date)
    assert.equal("CCWWM", event.ticket.id)
    assert.equal(5, event.pre_chat_survey[1].answer)
    assert.equal('{"deep":[]}', json.encode(event.visitor.custom_variables[1].value))
    assert.equal("gone", event.chat)
    assert.same({ ["0"] = "x" }, event.extra)
    for _, ticket in ipairs { 5, "x", true, { 1 }, {}, { id = {} }, { id = json.null },
      { id = 5, subject = {} } } do
      assert.equal(200, (deliver(receiver, { event_type = "ticket_created", token = TOKEN,
        ticket = ticket })))
      local came = got[#got].ticket
      assert.truthy(tostring(came))
      if type(came) == "userdata" then assert.truthy(came:totable()) end
    end
  end)

  it("keeps empty lists lists", function()
    local receiver, got = recording()
    local text = '{"chat":{"attachments":[],"more":{"a":[[],{}],"b[]":"[]"},"tags":[]},'
      .. '"event_type":"chat_ended","event_unique_id":"e","extra":[],"ticket":{"assignee":{},'
      .. '"events":[],"tags":[]}}'
    assert.equal(200, (receiver:handle((text:gsub("}$", ',"token":"' .. TOKEN .. '"}')))))
    assert.equal(text, json.encode(got[1]:raw()))
    assert.equal('{"attachments":[],"more":{"a":[[],{}],"b[]":"[]"},"tags":[]}',
      json.encode(got[1].chat))
    assert.equal("[]", json.encode(got[1].extra))
    got[1]:raw().chat.tags[1] = "mine"
    assert.equal(text, json.encode(got[1]:raw()))
  end)
end)

describe("a receiver's counts and traces", function()
  it("tell what came, and what became of it", function()
    local receiver, _, said = recording { token = TOKEN, license_id = "1520", max_body = 5000,
      basic_auth = { user = "u", password = "abc" } }
    local good = { authorization = "Basic dTphYmM=" }
    assert.same({ came = 0, refused = {}, known = 0, stored = 0, not_stored = 0, handled = 0,
      failed = 0 }, receiver:stats())
    local function send(change, headers)
      local body = chat_ended()
      change(body)
      return (deliver(receiver, body, headers or good))
    end
    assert.equal(200, send(function() end))
    assert.equal(200, send(function() end))
    assert.equal(0, #said)
    for _ = 1, 3 do assert.equal(401, send(function(body) body.token = "guess-" .. _ end)) end
    assert.equal(401, send(function() end, {}))
    assert.equal(401, send(function(body) body.license_id = "guess" end))
    assert.equal(400, send(function(body) body.event_type = nil end))
    assert.equal(400, (deliver(receiver, "{ guess", good)))
    assert.equal(413, (deliver(receiver, ("guess"):rep(2000), good)))
    receiver:on("*", function() error("no") end)
    assert.equal(500, send(function(body) body.event_unique_id = "other" end))
    assert.same({ came = 11, refused = { token = 3, basic_auth = 1, license_id = 1, no_event = 1,
      not_json = 1, too_large = 1 }, known = 1, stored = 0, not_stored = 0, handled = 1,
      failed = 1 }, receiver:stats())
    receiver:stats().refused.token = 7
    assert.equal(3, receiver:stats().refused.token)
    assert.equal(7, #said)
    for i, text in ipairs { "401: its token is wrong", "401: its basic_auth is wrong",
      "401: its license_id is wrong", "400: not a webhook: no event_type",
      "400: not a webhook: ", "413: larger than 5000 bytes" } do
      text = "livechat: a delivery was refused with " .. text
      assert.equal(text, said[i]:sub(1, #text))
      assert.is_nil(said[i]:find("guess", 1, true))
      assert.is_nil(said[i]:find(TOKEN, 1, true))
    end
  end)

  it("do not fill a log", function()
    local receiver, _, said = recording()
    local clock, real = core.clock(), core.clock
    finally(function() core.clock = real end)
    core.clock = function() return clock end
    for _ = 1, 1000 do deliver(receiver, { token = "x" }) end
    assert.equal(1, #said)
    clock = clock + 61
    deliver(receiver, { token = "x" })
    assert.equal("livechat: a delivery was refused with 401: its token is wrong (and 999 more "
      .. "since the last such line)", said[2])
    clock = clock + 61
    deliver(receiver, { token = "x" })
    assert.equal("livechat: a delivery was refused with 401: its token is wrong", said[3])
  end)
end)

describe("handlers", function()
  it("may be for events that the library does not know, where that is said", function()
    local receiver, order = livechat.receiver { token = TOKEN }, {}
    receiver:on("something_new", function(event) order[1] = event.type end,
      { allow_unknown = true })
    assert.equal(200, (deliver(receiver, { event_type = "something_new", token = TOKEN })))
    assert.same({ "something_new" }, order)
    for kind in pairs(v2_events.data_types) do receiver:on(kind, print, {}) end
  end)

  it("run in the order of registration, those of the type and of every type", function()
    local receiver, order = livechat.receiver { token = TOKEN }, {}
    local function note(name) return function() order[#order + 1] = name end end
    assert.equal(receiver, receiver:on("chat_ended", note "a"))
    receiver:on("*", note "b"):on("chat_started", note "c"):on("chat_ended", note "d")
    assert.equal(200, (deliver(receiver, chat_ended())))
    assert.equal("a b d", table.concat(order, " "))
    assert.equal(200, (deliver(receiver, ticket_created())))
    assert.equal("a b d b", table.concat(order, " "))
  end)

  it("need not be there", function()
    local receiver = livechat.receiver { token = TOKEN }
    assert.equal(200, (deliver(receiver, chat_ended())))
  end)

  it("that fail do not keep others from running, and are told with a traceback", function()
    local said, ran = {}, {}
    local receiver = livechat.receiver { token = TOKEN, on_error = function(text, event)
      said[#said + 1] = { text = text, event = event }
    end }
    receiver:on("*", function() ran[#ran + 1] = 1 error("first trouble") end)
    receiver:on("*", function() ran[#ran + 1] = 2 error({ "no", "string" }) end)
    receiver:on("*", function() ran[#ran + 1] = 3 end)
    receiver:on("*", function() ran[#ran + 1] = 4 error() end)
    assert.equal(500, (deliver(receiver, chat_ended())))
    assert.same({ 1, 2, 3, 4 }, ran)
    assert.equal(3, #said)
    assert.matches("^livechat.Event: chat_ended %x+: .*receiver_spec.lua:%d+: first trouble\n"
      .. "stack traceback:.*receiver_spec.lua", said[1].text)
    assert.equal("chat_ended", said[1].event.type)
    assert.matches("table: ", said[2].text)
    assert.matches("nil\nstack traceback", said[3].text)
  end)

  it("that fail raise nothing when on_error fails too", function()
    local receiver = livechat.receiver { token = TOKEN, on_error = function() error("again") end }
    receiver:on("*", function() error("trouble") end)
    local log, nginx = {}, require "livechat.nginx"
    local original = nginx.log
    finally(function() nginx.log = original end)
    nginx.log = function(text) log[#log + 1] = text end
    assert.equal(500, (deliver(receiver, chat_ended())))
    assert.matches("on_error failed: .*again", log[1])
  end)

  it("run once for an event, however often it is delivered", function()
    local receiver, got = recording()
    assert.equal(200, (deliver(receiver, chat_ended())))
    for _ = 1, 3 do
      assert.same({ 200, "handled already\n" }, { deliver(receiver, chat_ended()) })
    end
    assert.equal(1, #got)
    assert.equal(200, (deliver(receiver, ticket_created())))
    assert.equal(200, (deliver(receiver, ticket_created())))
    assert.equal(2, #got)
  end)

  it("run again where they failed, and only those", function()
    local receiver, runs, broken = livechat.receiver { token = TOKEN, on_error = function() end },
      {}, true
    receiver:on("*", function() runs[#runs + 1] = "a" end)
    receiver:on("*", function()
      runs[#runs + 1] = "b"
      if broken then error("not now") end
    end)
    receiver:on("*", function() runs[#runs + 1] = "c" end)
    assert.equal(500, (deliver(receiver, chat_ended())))
    assert.equal(500, (deliver(receiver, chat_ended())))
    broken = false
    assert.equal(200, (deliver(receiver, chat_ended())))
    assert.equal(200, (deliver(receiver, chat_ended())))
    assert.equal("a b c b b", table.concat(runs, " "))
  end)

  it("may yield, and a second delivery meanwhile does not start them again", function()
    local receiver, runs = livechat.receiver { token = TOKEN, on_error = function() end }, 0
    receiver:on("*", function()
      runs = runs + 1
      assert.equal("answer", coroutine.yield("question"))
      assert.equal("second", coroutine.yield(1, 2))
      if runs == 1 then error("after all") end
    end)
    local function delivery()
      local co = coroutine.create(function() return deliver(receiver, chat_ended()) end)
      return function(...) return select(2, assert(coroutine.resume(co, ...))) end
    end
    local first = delivery()
    assert.equal("question", first())
    assert.same({ 500, "it is being handled\n" }, { deliver(receiver, chat_ended()) })
    assert.equal(1, first("answer"))
    assert.equal(500, first("second"))
    local again = delivery()
    assert.equal("question", again())
    assert.equal(1, again("answer"))
    assert.equal(200, again("second"))
    assert.equal(200, (deliver(receiver, chat_ended())))
    assert.equal(2, runs)
  end)

  it("that are never resumed do not hold their event for ever", function()
    local runs = 0
    local receiver = livechat.receiver { token = TOKEN }
    receiver:on("*", function()
      runs = runs + 1
      if runs < 3 then coroutine.yield() end
    end)
    local function abandon()
      local co = coroutine.create(function() return deliver(receiver, chat_ended()) end)
      assert(coroutine.resume(co))
      return co
    end
    local kept = abandon()
    assert.same({ 500, "it is being handled\n" }, { deliver(receiver, chat_ended()) })
    if coroutine.close then coroutine.close(kept) end
    kept = nil -- luacheck: ignore 311
    for _ = 1, 2 do collectgarbage() end -- a redelivery looks through a part of all that is here
    kept = abandon()
    assert.equal(2, runs)
    local clock, real = core.clock() + 3601, core.clock
    finally(function() core.clock = real end)
    assert.same({ 500, "it is being handled\n" }, { deliver(receiver, chat_ended()) })
    core.clock = function() return clock end
    assert.same({ 200, "handled\n" }, { deliver(receiver, chat_ended()) })
    assert.equal(3, runs)
    -- What comes back after all undoes nothing.
    assert.truthy(coroutine.resume(kept))
    assert.equal("dead", coroutine.status(kept))
    assert.same({ 200, "handled already\n" }, { deliver(receiver, chat_ended()) })
    assert.equal(3, runs)
  end)

  it("may raise anything", function()
    local function raising(metamethods) return setmetatable({}, metamethods) end
    local function deep(n) return 1 + deep(n + 1) end
    local ways = {
      function() error() end,
      function() error(false) end,
      function() error(io.stdout) end,
      function() error(coroutine.create(print)) end,
      function() error(raising { __tostring = function() error("again") end }) end,
      function() error(raising { __tostring = function() error() end }) end,
      function() error(raising { __tostring = function() return {} end }) end,
      function() error(raising { __tostring = function() return nil end }) end,
      function() error(raising { __tostring = function() coroutine.yield() end }) end,
      function() error(raising { __tostring = deep }) end,
      function() error(raising { __name = {}, __index = error }) end,
      function() error(("x"):rep(2 ^ 20)) end,
      function() error("a\0b") end,
      function() deep(1) end,
      function() error(("x"):rep(100000, "\n")) end,
      function(event)
        for name in pairs(event) do event[name] = nil end
        error("it has no type any more")
      end,
      function(event) setmetatable(event, raising { __tostring = error }) error(event) end,
    }
    for i, way in ipairs(ways) do
      local said, broken = {}, true
      local receiver = livechat.receiver { token = TOKEN, on_error = function(text)
        said[#said + 1] = text
        error(raising { __tostring = function() error("again") end })
      end }
      receiver:on("*", function(event) if broken then way(event) end end)
      local log, nginx = {}, require "livechat.nginx"
      local original = nginx.log
      nginx.log = function(text) log[#log + 1] = text error("no") end
      local fine, problem = pcall(function()
        for _ = 1, 2 do
          assert.same({ 500, "a handler failed\n" }, { deliver(receiver, chat_ended()) })
        end
        broken = false
        assert.same({ 200, "handled\n" }, { deliver(receiver, chat_ended()) })
      end)
      nginx.log = original
      assert(fine, ("way %d: %s"):format(i, tostring(problem)))
      assert.equal(2, #said)
      assert.equal(2, #log)
      assert.matches("^livechat.Event: chat_ended %x+: ", said[1])
      assert.truthy(#said[1] < 20000, #said[1])
    end
  end)

  it("are interrupted by ^C, which the program sees", function()
    local receiver, runs = livechat.receiver { token = TOKEN, on_error = function() end }, 0
    receiver:on("*", function()
      runs = runs + 1
      if runs == 1 then error("interrupted!") elseif runs == 2 then error("was interrupted!") end
    end)
    local fine, message = pcall(receiver.handle, receiver, json.encode(chat_ended()))
    assert.is_false(fine)
    assert.matches("interrupted!\n", message)
    assert.same({ 500, "a handler failed\n" }, { deliver(receiver, chat_ended()) })
    assert.same({ 200, "handled\n" }, { deliver(receiver, chat_ended()) })
  end)

  it("are remembered for seven hours, and not without end", function()
    local receiver, got = recording()
    local clock, real = core.clock(), core.clock
    finally(function() core.clock = real end)
    core.clock = function() return clock end
    local function send(id)
      local body = chat_ended()
      body.event_unique_id = id
      assert.equal(200, (deliver(receiver, body)))
      return #got
    end
    assert.equal(1, send("first"))
    clock = clock + 6 * 3600
    assert.equal(2, send("second"))
    clock = clock + 3600 - 1
    assert.equal(2, send("first"))
    clock = clock + 3600
    assert.equal(2, send("second"))
    clock = clock + 15 * 3600
    assert.equal(3, send("first"))
    clock = clock + 8 * 3600
    assert.equal(4, send("third"))
    clock = clock + 8 * 3600
    assert.equal(5, send("first"))
  end)

  it("leave no more than so many ids in memory", function()
    local receiver, got = recording()
    local sent = 0
    local function send(n)
      for _ = 1, n do
        sent = sent + 1
        local body = chat_ended()
        body.event_unique_id = "e" .. sent
        assert.equal(200, (deliver(receiver, body)))
      end
    end
    send(10)
    receiver.memory.count = 49990 -- as if there had been so many more
    send(15)
    assert.truthy(receiver.memory.old.e20 and not receiver.memory.young.e20)
    assert.truthy(receiver.memory.young.e21)
    receiver.memory.count = 49999
    send(2)
    assert.is_nil(receiver.memory.old.e20)
    assert.truthy(receiver.memory.old.e21)
    sent = sent - 4
    send(4)
    assert.equal(27, #got)
  end)
end)

describe("the way of a delivery", function()
  it("goes through six rooms to a handler, and a seventh in nginx", function()
    if rawget(_G, "jit") then return end -- whose compiled code calls no hook
    local receiver, rooms = livechat.receiver { token = TOKEN }, {}
    receiver:on("chat_ended", function() debug.sethook() end)
    local body = json.encode(chat_ended())
    debug.sethook(function()
      local room = debug.getinfo(2, "S").source:match("^@.*/livechat/(.*)%.lua$")
      if room then rooms[room] = true end
    end, "c")
    local status = receiver:handle(body)
    debug.sethook()
    assert.equal(200, status)
    local names = {}
    for room in pairs(rooms) do names[#names + 1] = room end
    table.sort(names)
    assert.equal("api/read api/v2/events events/dispatch events/event events/receiver json",
      table.concat(names, " "))
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
