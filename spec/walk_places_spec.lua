-- SPDX-License-Identifier: MIT
--- The walk over a list in which items keep their places, as chats do: one may come in anywhere,
-- and one leave in the same moment, so that `total` tells nothing.
local walk_pages = require "livechat.api.walk_pages"
local chats = require "livechat.api.v2.chats"

local PAGE, DATE = 25, 1700000000

--- `list` holds the items; `before[n]` changes it before the n-th answer.
local function walk(list, before, options)
  local given, fetches = {}, 0
  local function fetch(page)
    fetches = fetches + 1
    assert(fetches < 200, "reads for ever")
    if before[fetches] then before[fetches](list) end
    local answer = { total = #list, pages = math.ceil(#list / PAGE), date = DATE + fetches }
    for place = (page - 1) * PAGE + 1, math.min(#list, page * PAGE) do
      answer[#answer + 1] = list[place]
    end
    return answer
  end
  for item in walk_pages.each(fetch, {
    id = function(item) return item.id end, keeps_place = true, loses = options and options.loses,
    modified = function(item) return item.started end,
    created = function(item) return item.started end,
    page = options and options.page,
  }) do
    assert.is_nil(given[item.id], "given twice: " .. item.id)
    given[item.id] = true
  end
  return given, fetches
end

local function list_of(count)
  local list = {}
  for i = 1, count do list[i] = { id = "C" .. i, started = DATE - 60 * i } end
  return list
end

local function assert_all(given, count, left)
  for i = 1, count do
    if i ~= left then assert.is_true(given["C" .. i], "lost C" .. i) end
  end
end

describe("a list in which items keep their places", function()
  it("costs its pages and one more while nothing moves", function()
    local given, fetches = walk(list_of(100), {})
    assert_all(given, 100)
    assert.equal(5, fetches)
    assert.equal(1, select(2, walk(list_of(25), {})))
  end)

  it("costs no more where new ones come in front, none of which is given", function()
    local before = {}
    for n = 2, 5 do
      before[n] = function(list)
        table.insert(list, 1, { id = "N" .. n, started = DATE + n - 1 })
      end
    end
    local given, fetches = walk(list_of(100), before)
    assert_all(given, 100)
    assert.is_true(fetches <= 7, fetches .. " calls")
    assert.is_nil(given.N2)
  end)

  it("loses none where one comes in front in the moment in which another leaves", function()
    for at = 2, 4 do
      local given = walk(list_of(100), { [at] = function(list)
        table.remove(list, 3)
        table.insert(list, 1, { id = "new", started = DATE + 1 })
      end })
      assert_all(given, 100, 3)
    end
  end)

  it("loses none where one comes in behind, of a list that can lose some", function()
    for at = 2, 4 do
      local given, fetches = walk(list_of(100), { [at] = function(list)
        table.remove(list, 3)
        list[#list + 1] = { id = "old", started = DATE - 86400 }
      end }, { loses = true })
      assert_all(given, 100, 3)
      assert.is_true(fetches <= 12, fetches .. " calls")
    end
  end)

  it("loses none where that happens again while it is looked for", function()
    local before = {}
    for _, at in ipairs { 2, 4, 7 } do
      before[at] = function(list)
        table.remove(list, at)
        list[#list + 1] = { id = "old" .. at, started = DATE - 86400 - at }
      end
    end
    local given, fetches = walk(list_of(100), before, { loses = true })
    for i = 1, 100 do assert.is_true(given["C" .. i] or i <= 10, "lost C" .. i) end
    assert.is_true(fetches <= 16, fetches .. " calls")
  end)

  it("gives none of what stood before a first page of the caller's", function()
    local given = walk(list_of(100), {}, { page = 3, loses = true })
    for i = 1, 100 do assert.equal(i > 50 or nil, given["C" .. i]) end
  end)
end)

describe("the chats of version 2", function()
  it("leave a list only by what can change in them", function()
    local loses = chats.moments.loses
    assert.is_false(loses {})
    assert.is_false(loses { date_from = "2026-01-01", timezone = "Europe/Warsaw", page = 2 })
    for name in ("tag tagged rate query goal has_goal agent group"):gmatch "%S+" do
      assert.is_true(loses { [name] = "x" }, name)
    end
  end)
end)
