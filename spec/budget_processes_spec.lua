-- SPDX-License-Identifier: MIT
-- once: processes of every Lua share one file
--- The budget of a month in processes that are killed.
local budget = require "livechat.throttle.budget"
local helper = require "spec.helper"

describe("a budget", function()
  teardown(helper.cleanup)

  it("is never overdrawn by processes that are killed", function()
    local folder = helper.folder()
    local path, log = folder .. "/budget", folder .. "/log"
    local script = ([[
      local budget = require "livechat.throttle.budget"
      local own = assert(budget.new({ calls = 20000, path = %q }, "f"))
      local log = assert(io.open(%q, "a"))
      log:setvbuf("no")
      local tries = 0
      while tries < 1e6 do
        tries = tries + 1
        local month, err = own:take()
        if month then log:write("x") elseif err.code ~= "busy" then break end
      end
    ]]):format(path, log)
    local versions, started, pids = helper.lua_versions(), 0, {}
    local function start(i)
      started = started + 1
      pids[i] = helper.spawn(helper.lua_argv(versions[started % #versions + 1], "-e", script))
    end
    for i = 1, 4 do start(i) end
    for i = 1, 20 do
      helper.sleep(0.02)
      local which = (i - 1) % 4 + 1
      helper.kill(pids[which], "KILL")
      start(which)
    end
    for _, pid in ipairs(pids) do assert.is_true(helper.wait_exit(pid, 60)) end
    local went = #helper.read(log)
    assert.is_true(went <= 20000, went .. " went")
    assert.is_true(went >= 20000 - 20, went .. " went") -- each kill costs one at most
    assert.is_nil((assert(budget.new({ calls = 20000, path = path }, "f")):take()))
  end)
end)
