-- SPDX-License-Identifier: MIT
local cjson = require "cjson"
local json = require "livechat.json"

-- A random tree of what JSON can hold and Lua can compare.
local function tree(depth)
  local kind = math.random(depth > 0 and 7 or 5)
  if kind == 1 then return math.random() < 0.5 end
  if kind == 2 then return math.random(-2 ^ 31 + 1, 2 ^ 31 - 1) end
  if kind == 3 then return (math.random() - 0.5) * 10 ^ math.random(-20, 20) end
  if kind == 4 then return json.null end
  local chars = {}
  for i = 1, math.random(0, 12) do
    chars[i] = ({ "a", '"', "\\", "/", "\n", "\0", "é", "€", "𝄞", "\127", " " })[math.random(11)]
  end
  if kind == 5 then return table.concat(chars) end
  local value = {}
  for i = 1, math.random(0, 4) do
    value[kind == 6 and i or "k" .. table.concat(chars) .. i] = tree(depth - 1)
  end
  return value
end

describe("json.decode", function()
  it("reads every kind of value", function()
    local value = json.decode('{"a":[1,2.5,"x",true,false,null],"b":{}}')
    assert.same({ a = { 1, 2.5, "x", true, false, json.null }, b = {} }, value)
    assert.equal("x", json.decode('"x"'))
    assert.is_false(json.decode("false"))
    assert.equal(json.null, json.decode("null"))
    assert.same({ 1 }, json.decode("\239\187\191[1]"))
    assert.equal("é𝄞", json.decode('"\\u00e9\\ud834\\udd1e"'))
  end)

  it("tells what it cannot read and never raises", function()
    for _, text in ipairs { "", " ", "{", "[1", "[1,]", '{"a":1,}', "nope", "[NaN]", "[Infinity]",
      "[-Infinity]", "[nan]", "[inf]", "[0x10]", "[01]", "[1] x", "[1]\0", "[1]\0[2]", '"a\0b"',
      '"\\ud800"', "[1]\255", "<html></html>", '{"a" "b"}', "{1:2}" } do
      local value, message = json.decode(text)
      assert.is_nil(value, text)
      assert.is_string(message, text)
    end
    assert.is_nil((json.decode(nil)))
    assert.is_nil((json.decode(12)))
  end)

  it("refuses nesting that would exhaust the stack, and large garbage", function()
    for _, n in ipairs { 1001, 10000, 1000000 } do
      assert.is_nil((json.decode(("["):rep(n) .. ("]"):rep(n))))
      assert.is_nil((json.decode(('{"a":'):rep(n))))
    end
    assert.is_table(json.decode(("["):rep(1000) .. ("]"):rep(1000)))
    for _, piece in ipairs { "\1\200", "[[{", "\\u", '"', "a", "\237\159\191" } do
      assert.is_nil((json.decode(piece:rep(math.floor(2 ^ 21 / #piece)))))
    end
  end)

  it("uses the checker that it is given for UTF-8", function()
    local seen
    assert.same({ 1 }, json.decode("[1]", function(text) seen = text return true end))
    assert.equal("[1]", seen)
    assert.is_nil((json.decode("[1]", function() return false end)))
  end)

  it("leaves the settings of the host's cjson alone", function()
    local before = { cjson.encode_number_precision(), cjson.decode_max_depth(),
      cjson.decode_invalid_numbers(), cjson.encode_sparse_array() }
    package.loaded["livechat.json"] = nil
    require "livechat.json"
    package.loaded["livechat.json"] = json
    assert.same(before, { cjson.encode_number_precision(), cjson.decode_max_depth(),
      cjson.decode_invalid_numbers(), cjson.encode_sparse_array() })
    assert.equal(16, cjson.decode("[0x10]")[1])
  end)
end)

describe("json.utf8", function()
  it("accepts UTF-8 and the edges of its ranges", function()
    for _, text in ipairs { "", "plain", "a\0b", "\127", "\194\128", "\223\191", "\224\160\128",
      "\237\159\191", "\238\128\128", "\239\191\191", "\240\144\128\128", "\244\143\191\191",
      "zoë@exämple.org", ("é"):rep(10000) } do
      assert.is_true(json.utf8(text), text)
    end
  end)

  it("refuses everything else", function()
    for _, text in ipairs { "\128", "\191", "\192\128", "\193\191", "\194", "\195x", "\224\159\191",
      "\224\160", "\237\160\128", "\237\191\191", "\240\143\191\191", "\244\144\128\128",
      "\245\128\128\128", "\248\136\128\128\128", "\255", "\254", "é\195", "\195\169\169" } do
      assert.is_false(json.utf8(text), text)
      assert.is_false(json.utf8("abc " .. text), text)
      for _, right in ipairs { " é", " €", "\224\160\128", "\237\159\191", "𝄞", "\241\128\128\128",
        "\244\143\191\191" } do
        assert.is_false(json.utf8(text .. right), text .. right)
      end
    end
  end)
end)

describe("json.encode", function()
  it("writes sorted keys, exact integers and the shortest other numbers", function()
    assert.equal('{"a":1,"b":{"c":[1,2]},"d":"x"}',
      json.encode { d = "x", b = { c = { 1, 2 } }, a = 1.0 })
    assert.equal("[9007199254740992,-9007199254740991,12345678,0]",
      json.encode { 2 ^ 53, -(2 ^ 53 - 1), 12345678.0, -0.0 })
    assert.equal("[0.1,2.5,1e+300,0.3333333333333333]", json.encode { 0.1, 2.5, 1e300, 1 / 3 })
  end)

  it("tells an empty list from an empty object", function()
    assert.equal('{"a":{},"b":[]}', json.encode { a = {}, b = json.array {} })
    assert.equal("[]", json.encode(json.array()))
    assert.is_true(json.is_array(json.array()))
    assert.is_false(json.is_array {})
  end)

  it("marks lists as the installed cjson marks them, where it does", function()
    local richer = setmetatable({ array_mt = { "cjson's own" } }, { __index = cjson })
    package.loaded.cjson, package.loaded["livechat.json"] = richer, nil
    local other = require "livechat.json"
    package.loaded.cjson, package.loaded["livechat.json"] = cjson, json
    assert.equal(richer.array_mt, getmetatable(other.array()))
    assert.equal("[]", other.encode(other.array()))
  end)

  it("escapes what JSON wants escaped and nothing else", function()
    assert.equal([["\"\\/\n\r\t\b\f\u0000\u001b\u007fé"]], json.encode('"\\/\n\r\t\b\f\0\27\127é'))
  end)

  it("names the path of what has no JSON form", function()
    local loop = {}
    loop.self = loop
    for value, message in pairs {
      [{ a = { b = { 1, print } } }] = "cannot encode a function at a.b[2]",
      [{ x = 0 / 0 }] = "nan at x",
      [{ x = 1 / 0 }] = "inf at x",
      [{ x = -1 / 0 }] = "-inf at x",
      [{ "\255" }] = "cannot encode a string that is not UTF-8 at [1]",
      [{ { 1, { x = { 2, { print } } } } }] = "cannot encode a function at [1][2].x[2][1]",
      [{ a = { { ["\255"] = 1 } } }] = "cannot encode a string that is not UTF-8 at a[1].\255",
      [{ 1, [0] = 1 }] = "cannot encode a table that mixes a list with named members",
      [{ 1, [0.5] = 1 }] = "cannot encode a table that mixes a list with named members",
      [{ list = { 1, 2, n = 2 } }] = "cannot encode a table that mixes a list with named members"
        .. " at list",
      [json.array { 1, x = 1 }] = "cannot encode a table that mixes a list with named members",
      [{ x = { [7] = 1 } }] = "cannot encode a table with the key 7 at x",
      [{ [true] = 1 }] = "cannot encode a table with the key true",
      [loop] = "a table in itself",
    } do
      local ok, text = pcall(json.encode, value)
      assert.is_false(ok)
      assert.truthy(text:find(message, 1, true), text)
    end
  end)

  it("writes what is 1000 deep and refuses what is deeper", function()
    local value = {}
    for _ = 1, 999 do value = { value } end
    assert.equal(("["):rep(999) .. "{}" .. ("]"):rep(999), json.encode(value))
    assert.is_false((pcall(json.encode, { value })))
  end)

  it("refuses a list with a hole", function()
    local list = { 1, 2, 3, 4 }
    list[2] = nil
    local ok, text = pcall(json.encode, list)
    assert.is_false(ok)
    assert.truthy(text:find("list with holes", 1, true), text)
  end)

  it("writes what decode reads back, for random trees", function()
    math.randomseed(20140818)
    for _ = 1, 300 do
      local value = tree(4)
      local text = json.encode(value)
      local again, message = json.decode(text)
      assert.is_nil(message)
      assert.same(value, again)
      assert.equal(text, json.encode(again))
    end
  end)
end)

describe("json.fold", function()
  it("makes integers of integral floats where the Lua has them", function()
    local value = json.fold(json.decode('{"id":12345678,"list":[1,2.5,{"n":-3}],"s":"1.0"}'))
    assert.equal("12345678", tostring(value.id))
    assert.equal("1", tostring(value.list[1]))
    assert.equal("2.5", tostring(value.list[2]))
    assert.equal("-3", tostring(value.list[3].n))
    assert.equal("1.0", value.s)
    assert.equal("7", tostring(json.fold(7.0)))
  end)

  it("leaves what is no exact integer", function()
    assert.equal(2 ^ 60, json.integer(2 ^ 60))
    assert.equal(math.huge, json.integer(math.huge))
    assert.equal(0.5, json.integer(0.5))
    assert.equal("12", json.integer("12"))
    assert.equal(math.huge, json.decode("1e999"))
  end)
end)

describe("an empty list", function()
  local function again(text) return json.encode(assert(json.decode(text))) end

  it("stays one, and an empty object stays one", function()
    for _, text in ipairs { "[]", "{}", "[[]]", "[{}]", "[[],{},[[]]]", '{"a":[],"b":{"c":[{}]}}',
      "[null]", "[0]", '["[]"]', '"[]"', '{"[]":[]}', '{"tags[]":"x[]"}', '{"a[]":{"b[][]":[[]]}}',
      '{"a":"-7.13e-297","b":[]}', '["[-7.13e-297]","[]"]' } do
      assert.equal(text, again(text))
    end
    assert.is_true(json.is_array(json.decode('{"a":[]}').a))
    assert.is_false(json.is_array(json.decode('{"a":{}}').a))
    assert.equal('["[ ]",[],[[]]]', again '["[ ]",[ ],[\n[\t\r ]]]')
    assert.equal('{"a[ ]":[]}', again '{"a[ ]":[ ]}')
    -- Where the text has all that could stand in for one, nothing else changes.
    local all = '"-7.13e-297 -8.29e-293 -9.47e-291 [] [ ]"'
    assert.equal(all, again(all))
    assert.equal("[" .. all .. ",[1]]", again("[" .. all .. ",[1]]"))
  end)

  it("is found in a time that grows with the text", function()
    for _, part in ipairs { "[]", "[ ", "[", "] [", "[-7.13e-297]" } do
      local text = '["' .. part:rep(2 ^ 18) .. '"]'
      local began = os.clock()
      assert.equal(part:rep(2 ^ 18), json.decode(text)[1])
      assert.truthy(os.clock() - began < 3)
    end
    assert.equal(2 ^ 17 + 1, #json.decode("[" .. ("[],"):rep(2 ^ 17) .. "[]]"))
  end)

  it("is read as deep as is allowed", function()
    local function nested(n) return ("["):rep(n) .. ("]"):rep(n) end
    assert.equal(nested(100), json.encode((json.decode(nested(100), nil, 100))))
    local value, message = json.decode(nested(101), nil, 100)
    assert.is_nil(value)
    assert.matches("^Found too many nested", message)
    assert.is_nil((json.decode(('{"a":'):rep(101) .. "1" .. ("}"):rep(101), nil, 100)))
    assert.equal(nested(101), json.encode((json.decode(nested(101)))))
  end)
end)

describe("an infinite number", function()
  it("has a form only where that is asked for", function()
    assert.has_error(function() json.encode { a = 1 / 0 } end)
    assert.has_error(function() json.encode({ a = 0 / 0 }, true) end)
    local text = json.encode({ a = 1 / 0, b = { -1 / 0 } }, true)
    assert.equal('{"a":1e999,"b":[-1e999]}', text)
    assert.same({ a = 1 / 0, b = { -1 / 0 } }, json.decode(text))
  end)
end)
