-- SPDX-License-Identifier: MIT
local errors = require "livechat.errors"
local json = require "livechat.json"
local schema = require "livechat.api.check"

-- What the error says about one field of one spec; nil where the value is fine.
local function problem(spec, value)
  local _, err = schema.check({ x = spec }, { x = value })
  if err then
    assert.is_true(errors.is(err))
    assert.equal("invalid", err.kind)
    assert.equal("not_sent", err.outcome)
  end
  return err and err.field
end

local function accepts(spec, ...)
  for i = 1, select("#", ...) do
    assert.is_nil(problem(spec, (select(i, ...))), tostring((select(i, ...))))
  end
end

local function refuses(spec, ...)
  for i = 1, select("#", ...) do
    assert.equal("x", problem(spec, (select(i, ...))), tostring((select(i, ...))))
  end
end

describe("schema.check, types", function()
  it("text", function()
    accepts({ type = "string" }, "", "a\nb", "ë", ("x"):rep(1e5))
    refuses({ type = "string" }, 5, true, {}, json.null, "a\0", "\255")
    accepts({ type = "string", one_line = true }, "", "a b", "a\tb")
    refuses({ type = "string", one_line = true }, "a\nb", "a\r")
    accepts({ type = "string", min = 5 }, "12345", "ëëëëë")
    refuses({ type = "string", min = 5 }, "1234", "ëëë", "")
  end)

  it("e-mail addresses, internationalised ones among them", function()
    accepts({ type = "email" }, "a@b", "john.doe+x@my.co", "zoë@exämple.org", "o'neil@x.org",
      "a/b@c")
    refuses({ type = "email" }, "", "a", "@b", "a@", "a b@c", "a@b c", "a@b\n", "a\r\n@b", "a@b@c",
      "John <a@b>", "a@b,c@d", "a@\0", "\255@b", 12, {})
  end)

  it("whole numbers, also as digits", function()
    accepts({ type = "integer" }, 0, -3, 6.0, "6", "-6", 2 ^ 53)
    refuses({ type = "integer" }, 1.5, "six", "", "1.5", "0x10", "1e3", " 6", 1 / 0, -1 / 0, 0 / 0,
      2 ^ 60, true, {}, json.null)
    accepts({ type = "integer", min = 1, max = 3 }, 1, 3, "2")
    refuses({ type = "integer", min = 1, max = 3 }, 0, 4, "4")
    refuses({ type = "integer", max = 3 }, 4)
    assert.equal('{"x":6}', json.encode(schema.check({ x = { type = "integer" } }, { x = "6" })))
    assert.equal('{"x":6}', json.encode(schema.check({ x = { type = "integer" } }, { x = 6.0 })))
  end)

  it("flags, sent as 0 or 1", function()
    for given, sent in pairs { [true] = 1, [false] = 0, [1] = 1, [0] = 0, ["1"] = 1, ["0"] = 0 } do
      assert.equal(sent, schema.check({ x = { type = "flag" } }, { x = given }).x)
    end
    refuses({ type = "flag" }, 2, "yes", "", {}, json.null)
  end)

  it("closed enumerations, named in the error", function()
    local spec = { type = "enum", of = { "asc", "desc" } }
    accepts(spec, "asc", "desc")
    refuses(spec, "ASC", "", 1, {}, true)
    local _, err = schema.check({ x = spec }, { x = "up" })
    assert.equal("must be one of 'asc', 'desc'", err.message)
    _, err = schema.check({ x = { type = "string", min = 1 } }, { x = "" })
    assert.equal("must not be empty", err.message)
    _, err = schema.check({ x = { type = "string", min = 5 } }, { x = "" })
    assert.equal("must have at least 5 characters", err.message)
  end)

  it("dates that exist", function()
    accepts({ type = "date" }, "2014-08-18", "2000-02-29", "2024-02-29", "1999-12-31",
      "2014-01-01")
    refuses({ type = "date" }, "2014-8-18", "2023-02-29", "1900-02-29", "2014-13-01", "2014-00-10",
      "2014-04-31", "2014-01-00", "18.08.2014", "2014-08-18T00:00:00Z", " 2014-08-18", "", 20140818)
  end)

  it("times of day", function()
    accepts({ type = "time" }, "00:00", "23:59", "24:00")
    refuses({ type = "time" }, "9:00", "25:00", "10:60", "10:00:00", "", 900)
  end)

  it("http and https URLs", function()
    accepts({ type = "url" }, "https://x.org", "HTTP://x.org:80/a?b=c#d", "https://u:p@x.org/ë")
    refuses({ type = "url" }, "x.org", "ftp://x.org", "javascript:alert(1)", "https://",
      "https:///a", "1https://x.org",
      "https://x.org/a b", "https://x.org\r\nX: y", "", 12, "https://x\0")
  end)

  it("lists, whose elements are named by their place", function()
    local spec = { type = "list", of = { type = "integer", min = 0 } }
    accepts(spec, {}, { 1, 2 }, { "3" })
    refuses(spec, 1, "1", { a = 1 }, { 1, n = 2 }, { [0] = 1 }, { [1.5] = 1 }, { 1, [0] = 1 },
      { 1, [0.5] = 1 })
    assert.equal("x[2]", problem(spec, { 1, -1 }))
    refuses({ type = "list", min = 1, of = { type = "integer" } }, {})
    assert.equal("[]", json.encode(schema.check({ x = spec }, { x = {} }).x))
  end)

  it("maps of given names", function()
    local spec = { type = "map", names = { "monday", "sunday" }, of = { type = "flag" } }
    assert.same({ x = { monday = 1 } }, schema.check({ x = spec }, { x = { monday = true } }))
    assert.equal("x.moonday", problem(spec, { moonday = true }))
    assert.equal("x.sunday", problem(spec, { sunday = 7 }))
    refuses(spec, "monday")
  end)
end)

describe("schema.check, members", function()
  local FIELDS = {
    message = { type = "string", min = 1, required = true },
    subject = { type = "string" },
    job_title = { type = "string" },
    requester = { type = "object", required = true, fields = {
      mail = { type = "email", required = true }, name = { type = "string" } } },
    assignee = { type = "object", fields = { id = { type = "string", required = true } } },
    source = { type = "object", fields = {
      type = { type = "enum", of = { "mail", "chat-window" } },
      url = { type = "url", only_with = { type = "chat-window" } } } },
    kind = { type = "enum", of = { "ticket", "chat" } },
    data = { type = "list", of = { type = "string" },
      allowed_by = { field = "kind",
        of = { ticket = { "ticket" }, chat = { "chat", "visitor" } } } },
  }

  local function with(more)
    local value = { message = "m", requester = { mail = "a@b.org" } }
    for name, member in pairs(more) do value[name] = member end
    return value
  end

  local function field_of(value)
    local _, err = schema.check(FIELDS, value)
    return err and err.field, err and err.message
  end

  it("copies what is fine and shares no table with the caller", function()
    local given = with { assignee = { id = "x" }, data = { "chat" }, kind = "chat" }
    local made = schema.check(FIELDS, given)
    assert.same(given, made)
    for _, name in ipairs { "requester", "assignee", "data" } do
      assert.is_false(rawequal(given[name], made[name]))
    end
  end)

  it("names what is missing, also within an object that is missing", function()
    assert.equal("message", field_of { requester = { mail = "a@b.org" } })
    assert.equal("requester.mail", field_of { message = "m" })
    assert.equal("requester.mail", field_of { message = "m", requester = {} })
    assert.is_nil(field_of(with {}))
    assert.equal("assignee.id", field_of(with { assignee = {} }))
  end)

  it("names what it does not know and what was meant", function()
    for given, meant in pairs { subjet = "subject", Subject = "subject", sbuject = "subject",
      jobTitle = "job_title", mail = "requester.mail", assigneee = "assignee",
      ["requester.mial"] = "requester.mail" } do
      local field, message = field_of(with { [given] = "x" })
      assert.equal(given, field)
      assert.equal("is no field; did you mean '" .. meant .. "'?", message)
    end
    local field, message = field_of(with { requester = { mail = "a@b.org", nam = "x" } })
    assert.equal("requester.nam", field)
    assert.equal("is no field; did you mean 'requester.name'?", message)
    for _, given in ipairs { "colour", "", ("x"):rep(1e5), 1, true } do
      field, message = field_of(with { [given] = "x" })
      assert.equal(tostring(given), field)
      assert.equal("is no field", message)
    end
  end)

  it("gives the same error for the same mistakes", function()
    for _ = 1, 20 do
      assert.equal("aaa", field_of(with { zzz = 1, aaa = 1, mmm = 1, subject = 5 }))
    end
  end)

  it("takes members of an object by their path", function()
    assert.same({ message = "m", requester = { mail = "a@b.org", name = "n" } },
      schema.check(FIELDS, { message = "m", ["requester.mail"] = "a@b.org",
        ["requester.name"] = "n" }))
    assert.same({ message = "m", requester = { mail = "a@b.org", name = "n" } },
      schema.check(FIELDS, with { ["requester.name"] = "n" }))
    local given = with { requester = { mail = "a@b.org" }, ["requester.name"] = "n" }
    schema.check(FIELDS, given)
    assert.is_nil(given.requester.name)
    assert.equal("n", given["requester.name"])
    assert.equal("requester.mail", field_of { message = "m", ["requester.mail"] = "nope" })
    assert.equal("requester.name", field_of { message = "m", requester = "x",
      ["requester.name"] = "n" })
  end)

  it("refuses a table that is none", function()
    assert.equal("requester", field_of { message = "m", requester = "a@b.org" })
    assert.equal("source", field_of(with { source = "mail" }))
  end)

  it("knows which fields only go together", function()
    assert.is_nil(field_of(with { source = { type = "chat-window", url = "https://x.org" } }))
    local field, message = field_of(with { source = { type = "mail", url = "https://x.org" } })
    assert.equal("source.url", field)
    assert.equal("only goes with source.type = 'chat-window'", message)
    assert.equal("source.url", field_of(with { source = { url = "https://x.org" } }))
    assert.is_nil(field_of(with { kind = "chat", data = { "visitor", "chat" } }))
    field, message = field_of(with { kind = "ticket", data = { "ticket", "chat" } })
    assert.equal("data[2]", field)
    assert.equal("must be one of 'ticket' for ticket", message)
  end)

  it("checks one value by itself", function()
    assert.equal(3, (schema.value({ type = "integer" }, "3", "page")))
    local _, err = schema.value({ type = "list", of = { type = "email" } }, { "x" }, "tags")
    assert.equal("tags[1]", err.field)
  end)
end)

describe("schema.new", function()
  -- Knows only whole seconds and one text; the core's own has its own tests.
  local function timestamp(value)
    value = tonumber(value)
    local fine = value and value >= 0 and value < 1e11 and value % 1 == 0
    return fine and "stamp " .. value / 1 or nil
  end

  local shapes = schema.new(timestamp, {
    kinds = {
      thing = {
        id = "id", at = "time", count = "integer", private = "boolean", owner = "person",
        groups = "groups", parts = { list = "part" }, flags = { map = "integer" },
        words = { list = "text" },
        part = "part", plain = "plain",
      },
      part = { id = "id", at = "time" },
    },
    answers = {
      thing = { what = "a thing", id = "id", within = "things" },
      things = { what = "a list of things", id = "id", list = true },
      wrapped = { what = "a list of things", id = "id", list = true, within = "events" },
      page = { what = "a page of things", id = "id", page = "things" },
      result = { what = "a result" },
    },
  })
  local read = shapes:reader "thing"

  local function text_of(value)
    return value == nil and "nil" or json.encode(value)
  end

  it("reads every form that a member may come in", function()
    for _, case in ipairs {
      { "id", 12345678, '"12345678"' }, { "id", "5FUED", '"5FUED"' }, { "id", 1.5, '"1.5"' },
      { "id", 2 ^ 60, '"1152921504606846976"' }, { "id", 2 ^ 53, '"9007199254740992"' },
      { "id", -12, '"-12"' }, { "id", json.null, "nil" },
      { "at", 12, json.encode(timestamp(12)) }, { "at", "12", json.encode(timestamp(12)) },
      { "at", "soon", '"soon"' }, { "at", "", '""' }, { "at", true, "true" }, { "at", {}, "{}" },
      { "at", -1, "-1" }, { "at", json.null, "nil" },
      { "count", 6, "6" }, { "count", "6", "6" }, { "count", true, "1" },
      { "count", "six", '"six"' }, { "count", "1x", '"1x"' }, { "count", "x1", '"x1"' },
      { "count", 1.5, "1.5" }, { "count", json.null, "nil" },
      { "private", true, "true" }, { "private", 1, "true" }, { "private", "0", "false" },
      { "private", "1", "true" }, { "private", "true", "true" }, { "private", 0, "false" },
      { "private", "false", "false" }, { "private", "maybe", '"maybe"' },
      { "private", json.null, "nil" },
      { "owner", { id = 7, name = "N" }, '{"id":"7","name":"N"}' }, { "owner", json.null, "nil" },
      { "owner", {}, "nil" }, { "owner", { id = json.null }, "nil" }, { "owner", "me", '"me"' },
      { "groups", { 0, 3 }, '[{"id":0},{"id":3}]' }, { "groups", { "3" }, '[{"id":3}]' },
      { "groups", { { id = "3", name = "S", inherited = true } },
        '[{"id":3,"inherited":true,"name":"S"}]' },
      { "groups", {}, "[]" }, { "groups", json.null, "nil" }, { "groups", 3, '[{"id":3}]' },
      { "groups", { json.null, 3, "Sales" }, '[{"id":3},{"name":"Sales"}]' },
      { "groups", "4", '[{"id":4}]' }, { "groups", { id = "4" }, '[{"id":4}]' },
      { "groups", { ["0"] = 5, ["12"] = 7, ["3"] = 6 }, '[{"id":5},{"id":6},{"id":7}]' },
      { "words", { "a", 2024, json.null, 1.5 }, '["a","2024","1.5"]' }, { "words", {}, "[]" },
      { "words", { ["2"] = "b", ["0"] = "a" }, '["a","b"]' }, { "words", { a = 1 }, '{"a":1}' },
      { "parts", { { id = 1, at = 5, x = json.null } },
        '[{"at":' .. json.encode(timestamp(5)) .. ',"id":"1"}]' },
      { "parts", { "odd", 3 }, '["odd",3]' },
      { "flags", { a = "1", b = true, c = json.null }, '{"a":1,"b":1}' }, { "flags", {}, "{}" },
      { "flags", "x", '"x"' },
      { "part", {}, "{}" }, { "part", "x", '"x"' }, { "part", { "a", "b" }, '["a","b"]' },
      { "plain", { a = { json.null, 2, { b = json.null } } }, '{"a":[2,{}]}' },
      { "unknown", 3, "3" }, { "unknown", json.null, "nil" }, { "unknown", false, "false" },
      { "unknown", { 1, { x = 2.5 } }, '[1,{"x":2.5}]' },
    } do
      local name, wire, expected = case[1], case[2], case[3]
      assert.equal(expected, text_of(read(name, wire)), name .. " " .. text_of(wire))
    end
  end)

  it("gives integers where the Lua has them", function()
    local wire = json.decode('{"unknown":{"n":12345678},"count":3,"groups":[4],"id":12345678}')
    assert.equal("12345678", tostring(read("unknown", wire.unknown).n))
    assert.equal("3", tostring(read("count", wire.count)))
    assert.equal("4", tostring(read("groups", wire.groups)[1].id))
    assert.equal("12345678", read("id", wire.id))
  end)

  it("never changes what it reads, raises, or lets a null through", function()
    math.randomseed(20140818)
    local names = { "id", "at", "count", "private", "owner", "groups", "parts", "flags", "part",
      "plain", "name", "x" }
    local function tree(depth)
      local kind = math.random(depth > 0 and 8 or 6)
      if kind == 1 then return math.random() < 0.5 end
      if kind == 2 then return math.random(-10, 10) end
      if kind == 3 then return ({ 1 / 0, -1 / 0, 1e300, 0.5, 2 ^ 63, -2 ^ 63 })[math.random(6)] end
      if kind == 4 then return json.null end
      if kind == 5 then return ({ "", "12", "x\0", "1e999", ("9"):rep(40) })[math.random(5)] end
      local value = {}
      for i = 1, math.random(0, 5) do
        value[kind == 7 and i or names[math.random(#names)]] = tree(depth - 1)
      end
      return value
    end
    local function same(a, b)
      if type(a) ~= "table" or type(b) ~= "table" then return rawequal(a, b) end
      for key in pairs(a) do if not same(a[key], b[key]) then return false end end
      for key in pairs(b) do if a[key] == nil then return false end end
      return true
    end
    local function copy(value)
      if type(value) ~= "table" then return value end
      local made = {}
      for key, member in pairs(value) do made[key] = copy(member) end
      return made
    end
    local function has_null(value)
      if value == json.null then return true end
      for _, member in pairs(type(value) == "table" and value or {}) do
        if has_null(member) then return true end
      end
      return false
    end
    for _ = 1, 3000 do
      local wire = { value = tree(4) }
      local before = copy(wire)
      local name = names[math.random(#names)]
      local value = read(name, wire.value)
      assert.is_true(same(before, wire))
      assert.is_false(has_null(value))
      assert.is_false(has_null(shapes:read("thing", wire)))
    end
  end)

  it("reads a whole record", function()
    assert.same({ id = "7", count = 3, extra = "x" },
      shapes:read("thing", { id = 7, count = "3", extra = "x", owner = json.null, at = json.null }))
    assert.equal("odd", shapes:read("thing", "odd"))
  end)

  it("finds the thing asked for in every form of an answer", function()
    local a, b = { id = "A" }, { id = 2 }
    assert.equal(a, shapes:shape("thing", a))
    assert.equal(b, shapes:shape("thing", b))
    assert.equal(a, shapes:shape("thing", { pages = 1, total = 15, things = { a, b } }))
    assert.equal(a, shapes:shape("thing", { pages = 1, things = a }))
    local nested = { id = "C", things = { a } }
    assert.equal(nested, shapes:shape("thing", nested))
    assert.same({ a, b }, shapes:shape("things", { a, b }))
    assert.same({}, shapes:shape("things", {}))
    assert.same({ a }, shapes:shape("wrapped", { events = { a } }))
    assert.same({}, shapes:shape("wrapped", { events = {} }))
    assert.same({ a }, shapes:shape("wrapped", { events = a }))
    assert.same({ a }, shapes:shape("wrapped", a))
    assert.same({ a, b }, shapes:shape("things", { ["0"] = a, ["2"] = b }))
    assert.same({ a, b }, shapes:shape("things", { a, json.null, b }))
    assert.same({ things = {} }, shapes:shape("page", { things = json.null }))
    for _, done in ipairs { "done", true, json.null, {} } do
      assert.same({}, shapes:shape("result", done))
    end
    assert.same({ pages = 2, things = { a } }, shapes:shape("page", { pages = 2, things = { a } }))
    assert.same({ things = {} }, shapes:shape("page", { things = {} }))
    assert.same({ result = "x" }, shapes:shape("result", { result = "x" }))
  end)

  it("says what an answer of the wrong shape is not", function()
    local values = { json.null, true, 12, "text", { { { } } }, { "A" }, { 1, 2 }, { id = true },
      { id = "" }, { things = "x" }, { things = { "x" } }, { things = { x = 1 } }, { events = 3 },
      { { id = "A" }, { name = "no id" } } }
    for _, value in ipairs(values) do
      for _, name in ipairs { "thing", "things", "wrapped", "page" } do
        local found, text = shapes:shape(name, value)
        assert.is_nil(found, name .. " " .. text_of(value))
        assert.truthy(text:find("^the answer is not a "), text)
      end
    end
    assert.is_nil((shapes:shape("thing", nil)))
    assert.is_nil((shapes:shape("thing", {})))
    assert.is_nil((shapes:shape("thing", { things = {} })))
    assert.is_nil((shapes:shape("things", { id = "A" })))
    assert.is_nil((shapes:shape("page", { total = 3 })))
    assert.equal("the answer is empty", select(2, shapes:shape("thing", nil)))
  end)

  it("reads counts in any form", function()
    assert.equal(3, schema.count(3))
    assert.equal(3, schema.count("3"))
    assert.equal("3", tostring(schema.count(3.0)))
    for _, value in ipairs { "many", {}, json.null } do assert.is_nil(schema.count(value)) end
    assert.is_nil(schema.count(nil))
  end)
end)

describe("schema.error_text", function()
  local function text(body)
    return schema.error_text((json.decode(body)), body)
  end

  it("finds the first text in every shape that the service has", function()
    for body, expected in pairs {
      ['{"error":"no rights"}'] = "no rights",
      ['{"error":["first","second"]}'] = "first",
      ['{"errors":["first","second"]}'] = "first",
      ['{"errors":"one"}'] = "one",
      ['{"message":"m"}'] = "m",
      ['{"error":{"type":"authentication","message":"Authentication error"}}'] =
        "Authentication error",
      ['{"error":{"type":"authentication"}}'] = "authentication",
      ['{"error":{"error":{"message":"deep"}}}'] = "deep",
      ['{"errors":[{"path":"subject","message":"too long"}]}'] = "too long",
      ['{"errors":[null,7,"late"]}'] = "late",
      ['{"error":null,"errors":[],"message":"m"}'] = "m",
      ['{"error":"","message":"m"}'] = "m",
      ['{"error":"e","errors":["f"],"message":"m"}'] = "e",
      ['["bare"]'] = "bare", ['"text"'] = "text",
      ["<html><head><title>502 Bad\n Gateway</title></head></html>"] = "502 Bad Gateway",
    } do
      assert.equal(expected, text(body), body)
    end
  end)

  it("finds nothing where there is nothing, and is no crash", function()
    for _, body in ipairs { "", "{}", "[]", "null", "12", "garbage", "<html></html>",
      '{"error":12}', '{"error":{}}', '{"error":[[],{}]}', '{"code":7}', "<title></title>",
      ("["):rep(900) .. ("]"):rep(900), ("\1\200"):rep(1000) } do
      assert.is_nil(text(body), body)
    end
    assert.is_nil(schema.error_text(nil, nil))
  end)
end)
