-- SPDX-License-Identifier: MIT
--- Throttles: exact sliding windows over a process, a machine or a fleet, with the same verbs:
---   reserve(max_wait)  wait, grant | nil, the wait it would take | nil, code, text
---   release(grant)     gives back what was not used
---   settle(grant, s)   the call that used it had arrived s seconds after its moment at the latest
---   pause(seconds)     nobody who shares the throttle goes before
---   paused()           the seconds that are left of a pause, 0 without
---   state()            { calls=, period=, used=, wait= } | nil, code, text
local core = require "livechat.core"
local errors = require "livechat.errors"

local throttle = {}

local KNOWN = {
  calls = true, period = true, guard = true, path = true, mode = true,
  redis = true, key = true, fallback = true, share = true,
}

local ONLY_WITH = { mode = "path", key = "redis", fallback = "redis", share = "redis" }

local function mode_of(mode, fname)
  if mode == nil then
    return nil
  end
  local bits = type(mode) == "string" and mode:match("^0?[0-7][0-7][0-7]$") and tonumber(mode, 8)
  if not bits then
    errors.raise_argument("mode", fname, 'octal permission bits in a string expected, like "0660"')
  end
  return bits
end

local function positive(options, name, default, fname)
  local value = options[name]
  if value == nil then
    return default
  end
  if type(value) ~= "number" or not (value > 0) or value == math.huge then
    errors.raise_argument(name, fname, "a number above 0 expected")
  end
  return value
end

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
---@param options livechat.ThrottleOptions
---@param fname? string the function to blame for a bad option
---@return table|nil throttle
---@return table|nil err a file that cannot be shared: kind `invalid`, field `path`
function throttle.new(options, fname)
  fname = fname or "livechat.throttle"
  if type(options) ~= "table" then
    errors.raise_argument("options", fname, "table expected, got " .. type(options))
  end
  for name in pairs(options) do
    if not KNOWN[name] then
      errors.raise_argument(tostring(name), fname, "no such option")
    elseif ONLY_WITH[name] and options[ONLY_WITH[name]] == nil then
      errors.raise_argument(name, fname, "only with " .. ONLY_WITH[name])
    end
  end
  local calls = positive(options, "calls", 100, fname)
  if calls % 1 ~= 0 or calls > 1e6 then
    errors.raise_argument("calls", fname, "a whole number from 1 to 1000000 expected")
  end
  local guard = options.guard or 0.05
  if type(guard) ~= "number" or not (guard >= 0) or guard == math.huge then
    errors.raise_argument("guard", fname, "seconds from 0 expected")
  end
  local limits = {
    calls = calls, period = positive(options, "period", 60, fname), guard = guard,
    path = options.path, mode = mode_of(options.mode, fname),
  }
  if options.redis ~= nil then
    return require "livechat.throttle.redis".new(limits, options, fname)
  end
  if limits.path ~= nil and type(limits.path) ~= "string" then
    errors.raise_argument("path", fname, "string expected, got " .. type(limits.path))
  end
  local made, _, text = core.throttle(limits)
  if not made then
    return nil, errors.invalid("path", text)
  end
  return made
end

return throttle
