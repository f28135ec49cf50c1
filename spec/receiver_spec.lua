-- SPDX-License-Identifier: MIT
--- A delivery: its size, who sent it, what is answered and counted.
local core = require "livechat.core"
local deliveries = require "spec.deliveries"
local json = require "livechat.json"
local livechat = require "livechat"

local TOKEN = deliveries.TOKEN
local chat_ended, ticket_created = deliveries.chat_ended, deliveries.ticket_created
local recording, deliver = deliveries.recording, deliveries.deliver

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

