-- SPDX-License-Identifier: MIT
local errors = require "livechat.errors"
local walk_cursor = require "livechat.api.walk_cursor"

--- Pages by token; the first by "first".
local function each(pages)
  local asked = {}
  return walk_cursor.each(function(token)
    asked[#asked + 1] = token or "first"
    local page = pages[token or "first"]
    if type(page) == "function" then page = page() end
    if not page then return nil, errors.new { kind = "server", message = "no" } end
    local copy = { next = page.next }
    for i, item in ipairs(page) do copy[i] = item end
    return copy
  end, function(item) return item ~= "" and item or nil end), asked
end

local function all(next_item)
  local list = {}
  for item in next_item do list[#list + 1] = item end
  return list
end

describe("a list that is walked by cursor", function()
  it("gives the items of every answer, and asks as the loop needs them", function()
    local next_item, asked = each { first = { "a", "b", next = "2" }, ["2"] = { next = "3" },
      ["3"] = { "c", next = "" } }
    assert.same({}, asked)
    assert.equal("a", next_item())
    assert.same({ "first" }, asked)
    assert.same({ "b", "c" }, all(next_item))
    assert.same({ "first", "2", "3" }, asked)
    assert.is_nil(next_item())
  end)

  it("gives no item twice", function()
    assert.same({ "a", "b", "c" }, all((each { first = { "a", "b", next = "2" },
      ["2"] = { "b", "c" } })))
  end)

  it("keeps ids whole: those that are alike, and those with any character", function()
    local ids = {}
    for i = 1, 5000 do
      ids[i] = i % 7 .. ("-0000"):rep(9) .. (i % 2 > 0 and "\0" or "") .. i
    end
    for _, id in ipairs { "b", "a\0b", "\0", "a", "\0a", "b\0" } do ids[#ids + 1] = id end
    local met = all((each { first = ids }))
    assert.same(ids, met)
    assert.same({}, all((each { first = { next = "2" }, ["2"] = {} })))
  end)

  it("takes no two UUIDs for one, however near they are to each other", function()
    local ids, known = {}, {}
    local half = { "0", "f" }
    for i = 1, 4096 do -- each byte 00, 0f, f0 or ff: the end of one and the start of another is one
      local id, rest = "", i
      for place = 1, 32 do
        id = id .. half[1 + rest % 2] .. ((place == 8 or place == 12 or place == 16 or place == 20)
          and "-" or "")
        rest = place % 12 == 0 and i or math.floor(rest / 2)
      end
      if i % 5 == 0 then id = id:upper() end
      if not known[id] then ids[#ids + 1], known[id] = id, true end
    end
    assert.is_true(#ids > 3000)
    assert.same(ids, all((each { first = ids })))
  end)

  it("keeps less than 100 bytes of each item", function()
    local page = 0
    local next_item = walk_cursor.each(function()
      local list = {}
      for i = 1, 100 do list[i] = ("%08x-1111-4222-8333-%012x"):format(page * 7919 + i, page) end
      page = page + 1
      list.next = page < 200 and list[100] or nil
      return list
    end, function(item) return item end)
    next_item()
    collectgarbage()
    local before = collectgarbage "count"
    for _ = 1, 19998 do next_item() end
    collectgarbage()
    assert.is_true((collectgarbage "count" - before) * 1024 / 19998 < 100)
  end)

  it("raises an error as it is, and goes on after it", function()
    local calls = 0
    local next_item = each { first = { "a", next = "2" }, ["2"] = function()
      calls = calls + 1
      return calls > 1 and { "b" } or nil
    end }
    assert.equal("a", next_item())
    local ok, err = pcall(next_item)
    assert.is_false(ok)
    assert.equal("server", err.kind)
    assert.same({ "b" }, all(next_item))
  end)

  it("does not go in a circle, nor take what has no id", function()
    for _, pages in ipairs { { first = { "a", next = "2" }, ["2"] = { "b", next = "2" } },
      { first = { "a", "" } } } do
      local ok, err = pcall(all, (each(pages)))
      assert.is_false(ok)
      assert.equal("protocol", err.kind)
    end
  end)
end)
