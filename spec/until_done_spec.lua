-- SPDX-License-Identifier: MIT
--- The loop that waits for a call over a function that waits once, which may come back for no
--- reason.
local core = require "livechat.core"
local until_done = require "livechat.call.until_done"

describe("livechat.call.until_done", function()
  local now, real, waits, done_at

  before_each(function()
    now, waits, real, done_at = 100, {}, core.clock, math.huge
    core.clock = function() return now end
  end)
  after_each(function() core.clock = real end)

  --- Awaits a call that is done at `done_at`; each wait takes what `takes` gives, of what is left.
  local function await(seconds, takes)
    local call = { done = function() return now >= done_at end }
    return until_done(function(given, remaining)
      assert.equal(call, given)
      waits[#waits + 1] = remaining
      assert.is_true(#waits < 100)
      now = now + takes(remaining)
    end)(call, seconds)
  end

  it("comes back once the call is done", function()
    done_at = 101
    assert.is_true(await(10, function() return 1 end))
    assert.same({ 10 }, waits)
  end)

  it("does not wait for a call that is done", function()
    done_at = 0
    assert.is_true(await(10, error))
    assert.is_true(await(-1, error))
  end)

  it("waits again for the rest where it came back too early", function()
    done_at = 104
    assert.is_true(await(10, function() return 1.5 end))
    assert.same({ 10, 8.5, 7 }, waits)
  end)

  it("ends with the time, having looked once more", function()
    assert.is_false(await(10, function(remaining) return remaining + 0.25 end))
    assert.same({ 10 }, waits)
    waits, done_at = {}, now + 10.25
    assert.is_true(await(10, function(remaining) return remaining + 0.25 end))
  end)

  it("looks once where there is no time", function()
    assert.is_false(await(0, function() return 0.001 end))
    assert.same({ 0 }, waits)
    waits = {}
    assert.is_false(await(-1, error))
  end)
end)
