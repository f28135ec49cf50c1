-- SPDX-License-Identifier: MIT
--- A set of ids that share strings: none is taken for another.
local id_set = require "livechat.api.id_set"

describe("livechat.api.id_set", function()
  it("tells which id is new", function()
    local set = {}
    for round = 1, 2 do
      for i = 1, 20000 do assert.equal(round == 1, id_set.add(set, "T" .. i)) end
    end
  end)

  it("takes no id for one that begins, ends or goes on like it", function()
    local set, ids = {}, { "", "a", "aa", "aaa", "ab", "b", "ba", "a\1", "%a", "^a$", "[a]", "é" }
    for n = 1, 200 do ids[#ids + 1] = ("x"):rep(n) .. ("y"):rep(40) end -- one bucket: see SPREAD
    for _, id in ipairs(ids) do assert.is_true(id_set.add(set, id), id) end
    for _, id in ipairs(ids) do assert.is_false(id_set.add(set, id), id) end
  end)

  it("takes no id for one that holds what separates the others", function()
    local set = {}
    for _, id in ipairs { "a", "b", "a\0b", "\0", "\0a\0", "a\0" } do
      assert.is_true(id_set.add(set, id))
      assert.is_false(id_set.add(set, id))
    end
  end)

  it("holds fifty thousand ids in little more than their characters", function()
    local set = {}
    collectgarbage()
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 50000 do id_set.add(set, ("%010d"):format(i)) end
    collectgarbage()
    collectgarbage()
    local used = (collectgarbage "count" - before) * 1024 / 50000
    assert.is_true(used < 30, used .. " bytes an id of ten")
  end)
end)
