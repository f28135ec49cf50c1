-- SPDX-License-Identifier: MIT
-- The service's ways to write a time; inside the sandbox a time is epoch seconds.
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

local WEEKDAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }

--- "Wed, 01/23/13 11:40:53 am", as chats have it.
---@param shown number what a clock shows, see zones.lua
---@return string
function dates.chat(shown)
  local t = os.date("!*t", math.floor(shown))
  return ("%s, %02d/%02d/%02d %02d:%02d:%02d %s"):format(WEEKDAYS[t.wday], t.month, t.day,
    t.year % 100, (t.hour + 11) % 12 + 1, t.min, t.sec, t.hour < 12 and "am" or "pm")
end

--- "2017-02-16 12:54:26", as visitors have it.
---@param shown number
---@return string
function dates.plain(shown)
  return os.date("!%Y-%m-%d %H:%M:%S", math.floor(shown))
end

--- Days from 1970-01-01; a month may be 13, which is the next January.
---@return integer
function dates.days(year, month, day)
  if month > 12 then year, month = year + 1, month - 12 end
  -- Years that start in March: leap days then come last.
  local y = month > 2 and year or year - 1
  return 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400) +
    math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1 - 719468
end

--- The first second of a day, in UTC.
---@param text string "YYYY-MM-DD"
---@return integer|nil seconds nil for anything that is not a day of the calendar
function dates.day(text)
  local year, month, day = text:match("^(%d%d%d%d)-(%d%d)-(%d%d)$")
  if not year then return nil end
  local days = dates.days(tonumber(year), tonumber(month), tonumber(day))
  if os.date("!%Y-%m-%d", days * 86400) ~= text then return nil end
  return days * 86400
end

return dates
