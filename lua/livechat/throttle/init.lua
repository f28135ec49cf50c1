-- SPDX-License-Identifier: MIT
--- Throttles: exact sliding windows over a process, a machine or a fleet, with the same verbs:
---   reserve(max_wait, reservation, open)
---       asks to go: reservation | nil, err. The first time without a reservation; where its `wait`
---       is above 0, again with it, after that time, its `again` or throttle.BEAT, whichever is
---       shortest. `open`: seconds after which the call certainly is not sent any more; it is in
---       every window until record_arrival or release tells what became of it, or they are over.
---       Without: it has arrived when it goes.
---   release(reservation)            it waits no longer, or its call was certainly not sent
---   record_arrival(reservation, s)  its call had arrived s seconds after `at`, at the latest
---   pause(seconds)                  none that shares the throttle goes before
---   state()                         { calls=, period=, used=, wait= } | nil, err
--- Nothing is held by one that waits: who does not ask again for a second has left.
--- An err is { code=, message=, wait=<the seconds it would take, where it may not wait so long> }.
local core = require "livechat.core"
local errors = require "livechat.errors"
local options = require "livechat.options"

local throttle = {
  --- Seconds after which a caller that waits asks again, so that it is known to be there.
  BEAT = 0.25,
}

---@class livechat.Reservation
---@field wait number seconds; 0: the call goes now
---@field again number|nil seconds after which it may go earlier than it was told
---@field sending userdata|nil the open call, for the engine, which tells the throttle of it itself
---@field at number|nil when it went, on the throttle's own clock, in microseconds

local is = options.is

local MOST_CALLS = 1e6

local RULES = {
  calls = function(value)
    return is.whole(value) and value <= MOST_CALLS, "a whole number from 1 to 1000000 expected"
  end,
  period = is.above_0, guard = is.seconds_from_0,
  path = { is.path "the path of a file expected", without = "redis" },
  mode = { is.permissions, with = "path" },
  redis = is.redis,
  key = { function(value)
    return type(value) == "string" and value ~= "", "the throttle's name in Redis expected"
  end, with = "redis" },
  fallback = { function(value) return value == "local", '"local" expected' end, with = "redis" },
  share = { function(value)
    return is.above_0(value) and value <= 1, "a number above 0, at most 1, expected"
  end, with = "fallback" },
}

---@class livechat.ThrottleOptions
---@field calls? integer 100
---@field period? number seconds; no window of that length, wherever it starts, holds more (60)
---@field guard? number seconds added to the period: calls that leave apart may arrive closer (0.05)
---@field path? string a file: shared with every process of this machine that names it
---@field mode? string the permission bits of that file, "0600"
---@field redis? livechat.Redis a connection: shared with all who name the same server and key
---@field key? string
---@field fallback? "local" what to do while that server cannot be reached, other than fail
---@field share? number then: this process's part of the calls (0.1)

--- Makes a throttle.
---@param given livechat.ThrottleOptions
---@param fname? string the function to blame for a bad option
---@return table|nil throttle
---@return table|nil err a file that cannot be shared: kind `invalid`, field `path`
function throttle.new(given, fname)
  options.must_fit(RULES, given, fname or "livechat.throttle")
  local limits = {
    calls = given.calls or 100, period = given.period or 60, guard = given.guard or 0.05,
    path = given.path, mode = given.mode and tonumber(given.mode, 8),
  }
  if given.redis ~= nil then
    return require "livechat.throttle.redis".new(limits, given, fname or "livechat.throttle")
  end
  local made, _, text = core.throttle(limits)
  if not made then
    return nil, errors.invalid("path", text)
  end
  return made
end

return throttle
