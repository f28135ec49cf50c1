-- SPDX-License-Identifier: MIT
--- Which event of an inbox's folder is next.
local core = require "livechat.core"
local disk = require "livechat.events.disk"
local helper = require "spec.helper"
local inbox_queue = require "livechat.events.inbox_queue"

local folder, queue

before_each(function()
  folder = helper.folder()
  queue = inbox_queue.new(disk.new(), folder)
end)
after_each(helper.cleanup)

-- A file of that time, seconds from now.
local function file(name, seconds)
  helper.write(folder .. "/" .. name, "x")
  assert(helper.run(("touch -d @%.3f %s"):format(core.now() + seconds, folder .. "/" .. name)) == 0)
end

local function names()
  assert(queue:look())
  local list = {}
  for name in function() return queue:next() end do list[#list + 1] = name end
  return table.concat(list, " ")
end

describe("the next event of a folder", function()
  it("is the oldest that is due", function()
    file("late", -5)
    file("first", -50)
    file("tomorrow", 100)
    file("middle", -20)
    assert.equal("first middle late", names())
  end)

  it("is also one whose file was written before the clock was set back", function()
    file("ahead", inbox_queue.FARTHEST + 60)
    assert.equal("ahead", names())
  end)

  it("is none that was put off, until that is due or its file has changed", function()
    file("a", -30)
    file("b", -20)
    queue:put_off("a", 1, core.now() + 60)
    queue:put_off("b", 2, core.now() + 60)
    assert.equal("b", names()) -- whose size is another
    queue:put_off("a", 1, core.now() - 1)
    assert.equal("a b", names())
  end)

  it("is found in a folder that is read in parts", function()
    local first, further = inbox_queue.FIRST_LOOK, inbox_queue.FURTHER
    finally(function() inbox_queue.FIRST_LOOK, inbox_queue.FURTHER = first, further end)
    inbox_queue.FIRST_LOOK, inbox_queue.FURTHER = 3, 2
    for i = 1, 20 do file("e" .. i, -i) end
    local seen, count = {}, 0
    for name in names():gmatch "%S+" do
      assert.is_nil(seen[name])
      seen[name], count = true, count + 1
    end
    assert.equal(20, count)
  end)

  it("is not there where the folder is missing or empty", function()
    assert.equal("", names())
    queue = inbox_queue.new(disk.new(), folder .. "/none")
    assert.is_true((queue:look()))
    assert.is_nil(queue:next())
  end)
end)
