-- SPDX-License-Identifier: MIT
--- Which page a walk has to read again where items of one second change places.
local ties = require "livechat.api.ties"

--- A page of three of a list such as "D9 C8 C8": the letter is the id, the digit the second.
local function view(page, total, text)
  local ids, seconds = {}, {}
  for id, second in text:gmatch "(%a+)(%d+)" do
    ids[#ids + 1], seconds[#seconds + 1] = id, tonumber(second)
  end
  return { page = page, before = (page - 1) * 3, total = total, ids = ids, seconds = seconds }
end

--- Follows pages; returns the page that is to be read after the last of them, nil where none is.
local function follow(...)
  local tie, page
  for _, one in ipairs { ... } do tie, page = ties.follow(tie, one, true) end
  return page
end

describe("a second that goes over the end of a page", function()
  it("needs nothing where all of its items have been met", function()
    assert.is_nil(follow(view(1, 6, "a9 b8 c8"), view(2, 6, "d8 e7 f6")))
  end)

  it("is read again from its beginning where one of them came twice", function()
    assert.equal(1, follow(view(1, 6, "a9 b8 c8"), view(2, 6, "b8 e7 f6")))
  end)

  it("is read until the hidden one has been met", function()
    local first, second = view(1, 6, "a9 b8 c8"), view(2, 6, "b8 e7 f6")
    assert.equal(2, follow(first, second, view(1, 6, "a9 c8 b8")))
    assert.is_nil(follow(first, second, view(1, 6, "a9 d8 b8")))
    assert.is_nil(follow(first, second, view(1, 6, "a9 c8 b8"), view(2, 6, "d8 e7 f6")))
  end)

  it("is counted anew where an older item left the list between two answers", function()
    -- From b on stood 5; from e on stands 1: four may have been of that second.
    local first, second = view(1, 6, "a9 b8 c8"), view(2, 5, "d8 e7")
    assert.equal(1, follow(first, second))
    assert.equal(2, follow(first, second, view(1, 5, "a9 b8 c8")))
    assert.is_nil(follow(first, second, view(1, 5, "a9 b8 c8"), second))
  end)

  it("may go over several pages", function()
    local one, two = view(1, 9, "a9 b8 c8"), view(2, 9, "d8 e8 f8")
    assert.is_nil(follow(one, two, view(3, 9, "g8 h7 i6")))
    assert.equal(1, follow(one, two, view(3, 9, "c8 h7 i6")))
    assert.equal(2, follow(one, two, view(3, 9, "c8 h7 i6"), one))
    assert.equal(3, follow(one, two, view(3, 9, "c8 h7 i6"), one, two))
  end)

  it("may go over several pages and end with one", function()
    local one, last = view(1, 9, "a9 b8 c8"), view(3, 9, "g7 h6 i5")
    assert.is_nil(follow(one, view(2, 9, "d8 e8 f8"), last))
    assert.equal(1, follow(one, view(2, 9, "c8 e8 f8"), last))
    assert.is_nil(follow(view(2, 9, "d8 e8 f8"), last))
  end)

  it("may have moved to the page behind, or in front", function()
    local one, two = view(1, 7, "a9 b8 c8"), view(2, 7, "b8 e7 f6")
    assert.equal(2, follow(one, two, view(1, 8, "x9 y9 a9")))
    assert.is_nil(follow(one, two, view(1, 8, "x9 y9 a9"), view(2, 8, "d8 c8 b8"),
      view(3, 8, "e7 f6")))
    assert.equal(1, follow(view(1, 9, "z9 a9 b9"), view(2, 9, "b9 c9 d7"), view(2, 9, "d7 e7 f7")))
  end)

  it("is not waited for without end", function()
    local tie, page = nil, 1
    local pages = { view(1, 6, "a9 b8 c8"), view(2, 6, "b8 e7 f6") }
    for readings = 1, 40 do
      tie, page = ties.follow(tie, pages[page or 2], false)
      if readings > 2 and not page then return end
    end
    error("read for ever")
  end)

  it("is nothing to look for where an item does not tell its second", function()
    local odd = view(1, 6, "a9 b8 c8")
    odd.seconds[2] = nil
    assert.is_nil((ties.follow(nil, odd, true)))
    assert.is_nil((ties.follow(nil, view(1, 0, ""), true)))
  end)
end)

describe("the order of one second's items", function()
  local function learn(...)
    local order = ties.order()
    for _, text in ipairs { ... } do
      local one = view(1, 9, text)
      order:learn(one.ids, one.seconds, 10)
    end
    return order
  end

  it("is steady after many that came in one order", function()
    local same = {}
    for i = 1, 11 do same[i] = "a8 b8 c8" end
    assert.is_true(learn((table.unpack or unpack)(same)):is_steady())
    same[11] = nil
    assert.is_false(learn((table.unpack or unpack)(same)):is_steady())
    same[10] = "b8 a8"
    for i = 11, 40 do same[i] = "a8 b8 c8" end
    assert.is_false(learn((table.unpack or unpack)(same)):is_steady())
  end)

  it("tells nothing in a second that is not over", function()
    local young = {}
    for i = 1, 40 do young[i] = i % 2 == 0 and "a11 b11" or "b11 a11" end
    local order = learn((table.unpack or unpack)(young))
    assert.is_false(order.shuffled)
    assert.equal(0, order.pairs)
  end)

  it("is that of two items, not of one that changed", function()
    assert.is_false(learn("a8 b8 c8", "b9 a8 c8").shuffled)
    assert.is_true(learn("a8 b8 c8", "b8 a8 c8").shuffled)
  end)
end)
