-- SPDX-License-Identifier: MIT
--- The budget of a fleet: how many calls went in each calendar month (UTC), in a Redis hash with a
--- field a month, counted by one script on Redis's clock. Verbs: see throttle/budget.lua.
---
--- A command that is sent once more, because the connection was lost, may count twice: then calls
--- are left over, and none goes beyond the limit. Where Redis loses the hash the month begins anew,
--- which its persistence keeps it from.
local errors = require "livechat.errors"
local redis = require "livechat.redis"

local budget_redis = {}

--- KEYS: the hash. ARGV: verb, limit, month (of a call that is given back). Gives the moment in
--- epoch seconds, its month, what went in it, and whether the call goes. The days of a month are
--- counted from March, so that a leap day is a year's last.
budget_redis.SCRIPT = [[
local verb, limit = ARGV[1], tonumber(ARGV[2])
local now = tonumber(redis.call("TIME")[1])
local days = math.floor(now / 86400) + 719468
local century4 = math.floor(days / 146097)
local day = days - century4 * 146097
local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524)
  - math.floor(day / 146096)) / 365)
local month = math.floor((5 * (day - 365 * year - math.floor(year / 4) + math.floor(year / 100))
  + 2) / 153)
year = year + century4 * 400 + (month > 9 and 1 or 0)
month = month > 9 and month - 9 or month + 3
local name = string.format("%04d-%02d", year, month)
if verb == "back" then name = ARGV[3] end
local calls = tonumber(redis.call("HGET", KEYS[1], name) or 0)
local change = 0
if verb == "take" and calls < limit then change = 1 end
if verb == "back" and calls > 0 then change = -1 end
if change ~= 0 then redis.call("HINCRBY", KEYS[1], name, change) end
return { now, name, calls + change, change }
]]

---@class livechat.BudgetRedis: livechat.Budget
local Budget = {}
Budget.__index = Budget

local function ask(self, verb, month)
  local reply, text = redis.eval(self.redis, budget_redis.SCRIPT, { self.key },
    { verb, self.limit, month or "" })
  if not reply then
    return nil, { code = "network", message = text }
  end
  return reply
end

function Budget:take()
  local reply, err = ask(self, "take")
  if not reply then
    return nil, err
  elseif reply[4] == 1 then
    return reply[2]
  end
  return nil, self.used_up(self.limit, reply[1])
end

function Budget:give_back(month)
  ask(self, "back", month) -- where Redis is away, the call stays counted
end

function Budget:spent()
  local reply, err = ask(self, "state")
  if not reply then
    return nil, err
  end
  return self:tell(reply[2], reply[3])
end

--- As budget.new calls it, with options that it has checked.
---@param own table what both have in common: limit, price, tell, used_up
---@param given { redis: livechat.Redis, key: string }
---@param fname string
---@return livechat.BudgetRedis
function budget_redis.new(own, given, fname)
  if not given.key then
    errors.raise_argument("budget.key", fname, "the budget's name in Redis expected")
  end
  own.redis, own.key = given.redis, given.key
  return setmetatable(own, Budget)
end

return budget_redis
