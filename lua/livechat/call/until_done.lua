-- SPDX-License-Identifier: MIT
--- The loop that waits for a call, over a function that waits for it once: until it has finished,
--- the time is up, or for no reason.
local core = require "livechat.core"

---@param wait_once fun(call: userdata, seconds: number)
---@return fun(call: userdata, seconds: number): boolean await true: the call has finished
return function(wait_once)
  return function(call, seconds)
    local due = core.clock() + seconds
    local done = call:done()
    while not done and seconds >= 0 do
      wait_once(call, seconds)
      done = call:done()
      seconds = due - core.clock()
    end
    return done
  end
end
