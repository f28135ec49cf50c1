-- SPDX-License-Identifier: MIT
local json = require "livechat.json"
local read = require "livechat.api.read"

describe("read.new", function()
  -- Knows only whole seconds and one text; the core's own has its own tests.
  local function timestamp(value)
    value = tonumber(value)
    local fine = value and value >= 0 and value < 1e11 and value % 1 == 0
    return fine and "stamp " .. value / 1 or nil
  end

  local reader = read.new(timestamp, {
    records = {
      thing = { members = {
        id = "id", at = "time", count = "integer", private = "boolean", owner = "person",
        groups = "groups", parts = { list = "part" }, flags = { map = "integer" },
        words = { list = "text" },
        part = "part", plain = "plain",
      } },
      part = { members = { id = "id", at = "time" } },
    },
    answers = {
      thing = { what = "a thing", id = "id", within = "things" },
      things = { what = "a list of things", id = "id", list = true },
      wrapped = { what = "a list of things", id = "id", list = true, within = "events" },
      page = { what = "a page of things", id = "id", within = "things", page = true },
      result = { what = "a result" },
    },
  })
  local member = reader:member "thing"

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
      assert.equal(expected, text_of(member(name, wire)), name .. " " .. text_of(wire))
    end
  end)

  it("gives integers where the Lua has them", function()
    local wire = json.decode('{"unknown":{"n":12345678},"count":3,"groups":[4],"id":12345678}')
    assert.equal("12345678", tostring(member("unknown", wire.unknown).n))
    assert.equal("3", tostring(member("count", wire.count)))
    assert.equal("4", tostring(member("groups", wire.groups)[1].id))
    assert.equal("12345678", member("id", wire.id))
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
      for key, part in pairs(value) do made[key] = copy(part) end
      return made
    end
    local function has_null(value)
      if value == json.null then return true end
      for _, part in pairs(type(value) == "table" and value or {}) do
        if has_null(part) then return true end
      end
      return false
    end
    for _ = 1, 3000 do
      local wire = { value = tree(4) }
      local before = copy(wire)
      local name = names[math.random(#names)]
      local value = member(name, wire.value)
      assert.is_true(same(before, wire))
      assert.is_false(has_null(value))
      assert.is_false(has_null(reader:read("thing", wire)))
    end
  end)

  it("reads a whole record", function()
    assert.same({ id = "7", count = 3, extra = "x" },
      reader:read("thing", { id = 7, count = "3", extra = "x", owner = json.null, at = json.null }))
    assert.equal("odd", reader:read("thing", "odd"))
  end)

  it("tells the path of what is not of the expected type, and passes it as it came", function()
    local paths = {}
    local made = reader:read("thing", { id = { 1 }, at = "soon", count = 3, private = "no",
      parts = { { id = true }, "x" }, words = { ["1"] = "x", ["2"] = 5 }, flags = 7,
      groups = { 1, { id = "x" } }, plain = { {} }, new = { 1 } },
      function(path) paths[#paths + 1] = path end)
    table.sort(paths)
    assert.same({ "thing.at", "thing.flags", "thing.groups[2].id", "thing.id", "thing.parts[1].id",
      "thing.parts[2]", "thing.private" }, paths)
    assert.same({ { 1 }, "soon", 7 }, { made.id, made.at, made.flags })
    assert.same({ { id = true }, "x" }, made.parts)
    assert.same({ "x", "5" }, made.words)
  end)

  it("finds the thing asked for in every form of an answer", function()
    local a, b = { id = "A" }, { id = 2 }
    assert.equal(a, reader:find("thing", a))
    assert.equal(b, reader:find("thing", b))
    assert.equal(a, reader:find("thing", { pages = 1, total = 15, things = { a, b } }))
    assert.equal(a, reader:find("thing", { pages = 1, things = a }))
    local nested = { id = "C", things = { a } }
    assert.equal(nested, reader:find("thing", nested))
    assert.same({ a, b }, reader:find("things", { a, b }))
    assert.same({}, reader:find("things", {}))
    assert.same({ a }, reader:find("wrapped", { events = { a } }))
    assert.same({}, reader:find("wrapped", { events = {} }))
    assert.same({ a }, reader:find("wrapped", { events = a }))
    assert.same({ a }, reader:find("wrapped", a))
    assert.same({ a, b }, reader:find("things", { ["0"] = a, ["2"] = b }))
    assert.same({ a, b }, reader:find("things", { a, json.null, b }))
    assert.same({}, reader:find("page", { things = json.null }))
    for _, done in ipairs { "done", true, json.null, {} } do
      assert.same({}, reader:find("result", done))
    end
    assert.same({ a, pages = 2 }, reader:find("page", { pages = 2, things = { a } }))
    assert.same({}, reader:find("page", { things = {} }))
    assert.same({ result = "x" }, reader:find("result", { result = "x" }))
  end)

  it("says what an answer of the wrong shape is not", function()
    local values = { json.null, true, 12, "text", { { { } } }, { "A" }, { 1, 2 }, { id = true },
      { id = "" }, { things = "x" }, { things = { "x" } }, { things = { x = 1 } }, { events = 3 },
      { { id = "A" }, { name = "no id" } } }
    for _, value in ipairs(values) do
      for _, name in ipairs { "thing", "things", "wrapped", "page" } do
        local found, text = reader:find(name, value)
        assert.is_nil(found, name .. " " .. text_of(value))
        assert.truthy(text:find("^the answer is not a "), text)
      end
    end
    assert.is_nil((reader:find("thing", nil)))
    assert.is_nil((reader:find("thing", {})))
    assert.is_nil((reader:find("thing", { things = {} })))
    assert.is_nil((reader:find("things", { id = "A" })))
    assert.is_nil((reader:find("page", { total = 3 })))
    assert.equal("the answer is empty", select(2, reader:find("thing", nil)))
  end)

  it("reads counts in any form", function()
    assert.equal(3, read.count(3))
    assert.equal(3, read.count("3"))
    assert.equal("3", tostring(read.count(3.0)))
    for _, value in ipairs { "many", {}, json.null, 2.5, "2.5", -1, 1 / 0, 2 ^ 60 } do
      assert.is_nil(read.count(value))
    end
    assert.is_nil(read.count(nil))
  end)
end)

describe("read.error_text", function()
  local function text(body)
    return read.error_text((json.decode(body)), body)
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
    assert.is_nil(read.error_text(nil, nil))
  end)
end)
