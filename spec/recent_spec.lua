-- SPDX-License-Identifier: MIT
--- Ids for events that have nothing of their own: a redelivery has the name of before, another
--- event of the same content has not.
local core = require "livechat.core"
local recent = require "livechat.events.recent"

describe("livechat.events.recent", function()
  local now, real, names

  before_each(function()
    now, real, names = 1000, core.clock, recent.new()
    core.clock = function() return now end
  end)
  after_each(function() core.clock = real end)

  it("gives a redelivery of the last two minutes its name", function()
    local name = names:name("tagged", "chat 1")
    assert.matches("^tagged%-%d+$", name)
    now = now + 119.9
    assert.equal(name, names:name("tagged", "chat 1"))
    now = now + 0.2
    assert.are_not.equal(name, names:name("tagged", "chat 1"))
  end)

  it("gives a new name where something else was said of the subject meanwhile", function()
    local set = names:name("tagged", "chat 1")
    local other = names:name("tagged", "chat 2")
    local taken = names:name("untagged", "chat 1")
    local again = names:name("tagged", "chat 1")
    local all = { set, other, taken, again }
    for i = 1, 4 do
      for j = i + 1, 4 do assert.are_not.equal(all[i], all[j]) end
    end
    assert.equal(other, names:name("tagged", "chat 2"))
  end)

  it("forgets the oldest subjects, in halves, and no others", function()
    local first = names:name("x", "subject 1")
    for i = 2, 10000 do names:name("x", "subject " .. i) end
    assert.equal(first, names:name("x", "subject 1"))
    local late = names:name("x", "subject 10001")
    assert.equal(first, names:name("x", "subject 1"))
    for i = 10002, 20001 do names:name("x", "subject " .. i) end
    assert.equal(late, names:name("x", "subject 10001"))
    assert.are_not.equal(first, names:name("x", "subject 1"))
  end)
end)
