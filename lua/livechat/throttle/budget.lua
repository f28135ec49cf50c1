-- SPDX-License-Identifier: MIT
--- How many calls may go in a calendar month (UTC): those of one client, or those of all processes
--- of a machine that name the same file, or those of all machines that share a Redis server.
---
--- A call is counted before it goes, so that a process which is killed leaves one counted that
--- never went, and none that went uncounted. What certainly was not sent is given back.
---
--- The file is one line: two months, each with its count, and a digest of them. A call takes the
--- file's lock, which the kernel gives back for a process that dies, reads the line and writes over
--- it. It is not the throttle's shared memory, because that begins anew with each boot.
---
--- Two months, because clocks differ around midnight: at the end of November one process counts in
--- December already while another still goes by what November has left. A clock that is behind both
--- months counts in the older one.
local core = require "livechat.core"
local errors = require "livechat.errors"
local options = require "livechat.options"

local budget = {}

local is = options.is
local NONE = "0000-00"
local LINE = "^livechat budget (%d%d%d%d%-%d%d) (%d+) (%d%d%d%d%-%d%d) (%d+) (%S+)\n$"

-- ---- months ------------------------------------------------------------------------------------

--- The month of a moment, as "2026-11", and the seconds to the next.
local function month_of(now)
  local month = os.date("!%Y-%m", math.floor(now))
  local year, number = month:match("^(%d+)-(%d+)$")
  year, number = tonumber(year), tonumber(number) + 1
  if number == 13 then
    year, number = year + 1, 1
  end
  return month, core.time(("%04d-%02d-01T00:00:00Z"):format(year, number)) - now
end

--- The months that are known, the later first, with the one that a call of `month` counts in.
local function with_month(months, month)
  local later, older = months[1], months[2]
  if month == later.month or month == older.month or month < older.month then
    return months, month == later.month and later or older
  end
  local new = { month = month, calls = 0 }
  return month > later.month and { new, later } or { later, new }, new
end

-- ---- in this process ---------------------------------------------------------------------------

local function no_months()
  return { { month = NONE, calls = 0 }, { month = NONE, calls = 0 } }
end

---@class livechat.Budget
---@field limit integer calls a month
---@field price number|nil what 1000 calls cost
local Budget = {}
Budget.__index = Budget

--- Changes the months by `change(months)`, which gives the new ones, or nil where they stay, and a
--- result.
---@return any result nil where they could not be read or written
---@return table|nil err { code=, message= }
function Budget:edit(change)
  local months, result = change(self.months)
  self.months = months or self.months
  return result
end

-- ---- in a file ---------------------------------------------------------------------------------

local function line_of(months)
  local text = ("%s %015.0f %s %015.0f"):format(months[1].month, months[1].calls, months[2].month,
    months[2].calls)
  return "livechat budget " .. text .. " " .. core.digest(text) .. "\n"
end

local function months_of(line)
  local later, calls, older, old_calls, digest = line:match(LINE)
  local months = later and { { month = later, calls = tonumber(calls) },
    { month = older, calls = tonumber(old_calls) } }
  return months and line == line_of(months) and digest and months or nil
end

---@class livechat.BudgetFile: livechat.Budget
local File = setmetatable({}, { __index = Budget })
File.__index = File

local function create(self)
  local folder, name = self.path:match("^(.*)/([^/]+)$")
  folder = folder == "" and "/" or folder or "."
  return core.spool.store(folder, folder, name or self.path, line_of(no_months()), self.mode)
end

-- The lock of the file, which is made where it is missing.
local function lock(self)
  for _ = 1, 3 do
    local held, code, text = core.spool.lock(self.path)
    if held or code ~= "missing" then
      return held, code, text
    end
    local made
    made, code, text = create(self)
    if not made and code ~= "exists" then
      return nil, code, text
    end
  end
  return nil, "busy", "it is removed again and again"
end

local function fail(self, code, text)
  return nil, { code = code, message = self.path .. ": " .. text }
end

function File:edit(change)
  local held, code, text = lock(self)
  if not held then
    return fail(self, code, text)
  end
  local line, months, result
  line, code, text = held:read()
  local known = line and months_of(line)
  if known then
    months, result = change(known)
    if months then
      local written
      written, code, text = held:write(line_of(months))
      result = written and result or nil
    end
  elseif line then
    code, text = "damaged", "is no budget's, or was cut short; where it is removed, the month "
      .. "begins anew"
  end
  held:close()
  if result == nil then
    return fail(self, code, text)
  end
  return result
end

-- ---- verbs -------------------------------------------------------------------------------------

-- Why no call goes in the month of this moment.
local function used_up(limit, now)
  local month, rest = month_of(now)
  return { code = "spent", wait = rest,
    message = ("the budget of %d calls for %s is used up"):format(limit, month) }
end

--- What was spent, as `spent` gives it.
local function tell(self, month, calls)
  return { calls = calls, limit = self.limit, month = month,
    cost = self.price and calls * self.price / 1000 }
end

--- Counts a call that is about to go.
---@return string|nil month in which it was counted, for `give_back`
---@return table|nil err { code=, message=, wait=<seconds to the next month, where it is used up> };
---   code "busy": another process holds the file just now
function Budget:take()
  local now = self.now()
  local month = month_of(now)
  local result, err = self:edit(function(months)
    local changed, own = with_month(months, month)
    if own.calls >= self.limit then
      return nil, false
    end
    own.calls = own.calls + 1
    return changed, own.month
  end)
  if result then
    return result
  end
  return nil, err or used_up(self.limit, now)
end

--- The call of a `take` was certainly not sent.
---@param month string
function Budget:give_back(month)
  self:edit(function(months)
    for _, own in ipairs(months) do
      if own.month == month and own.calls > 0 then
        own.calls = own.calls - 1
        return months, true
      end
    end
    return nil, false
  end)
end

---@return { calls: integer, limit: integer, month: string, cost: number|nil }|nil
---@return table|nil err { code=, message= }
function Budget:spent()
  local month = month_of(self.now())
  local calls, err = self:edit(function(months)
    local _, own = with_month(months, month)
    return nil, own.calls
  end)
  if not calls then
    return nil, err
  end
  return tell(self, month, calls)
end

-- ---- making ------------------------------------------------------------------------------------

---@class livechat.BudgetOptions
---@field calls integer a calendar month (UTC)
---@field price? number what 1000 calls cost, for client:spent()
---@field path? string a file: shared with every process of this machine that names it
---@field mode? string the permission bits of that file, "0600"
---@field redis? livechat.Redis a connection: shared with all who name the same server and key
---@field key? string

--- What a budget may be told.
budget.RULES = {
  calls = is.whole, price = is.seconds_from_0,
  path = { is.path "the path of a file expected", without = "redis" },
  mode = { is.permissions, with = "path" },
  redis = is.redis,
  key = { is.line "the budget's name in Redis expected", with = "redis" },
}

--- Makes a budget; a file that cannot be used is told of right away, and nothing is sent to Redis
--- before it is first used.
---@param given livechat.BudgetOptions
---@param fname string the function to blame for a wrong option
---@param now? fun(): number epoch seconds
---@return livechat.Budget|nil budget
---@return livechat.Error|nil err
function budget.new(given, fname, now)
  options.must_fit(budget.RULES, given, fname, "budget.")
  if not given.calls then
    errors.raise_argument("budget.calls", fname, "a whole number from 1 expected, got nil")
  end
  if given.redis ~= nil then
    return require "livechat.throttle.budget_redis".new({ limit = given.calls,
      price = given.price, tell = tell, used_up = used_up }, given, fname)
  end
  local made = setmetatable({
    limit = given.calls, price = given.price, now = now or core.now, months = no_months(),
    path = given.path, mode = tonumber(given.mode or "0600", 8),
  }, given.path and File or Budget)
  local state, err = made:spent()
  if not state and err.code ~= "busy" then
    return nil, errors.invalid("budget.path", err.message)
  end
  return made
end

return budget
