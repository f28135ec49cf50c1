-- SPDX-License-Identifier: MIT
-- The service's three ways to write a time; inside the sandbox a time is epoch seconds.
local dates = {}

--- "2014-08-18T10:05:05Z"
---@param seconds number
---@return string
function dates.iso(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds))
end

--- "2014-08-18T10:05:05.250Z"
---@param seconds number
---@return string
function dates.iso_milliseconds(seconds)
  local milliseconds = math.floor(seconds * 1000)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(milliseconds / 1000)) ..
    (".%03dZ"):format(milliseconds % 1000)
end

--- The first second of a day, in UTC.
---@param text string "YYYY-MM-DD"
---@return integer|nil seconds nil for anything that is not a day of the calendar
function dates.day(text)
  local year, month, day = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)$")
  if not year then return nil end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  -- Days before a year that starts in March: leap days then come last.
  local y = month > 2 and year or year - 1
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400) +
    math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1 - 719468
  if os.date("!%Y-%m-%d", days * 86400) ~= text then return nil end
  return days * 86400
end

return dates
