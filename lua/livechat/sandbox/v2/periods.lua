-- SPDX-License-Identifier: MIT
-- The period of a report and its parts: hours, days or months as a clock in a time zone shows them.
-- A day on which the clock changes has 23 or 25 hours and one row, like any other.
local json = require "livechat.json"
local dates = require "livechat.sandbox.dates"
local zones = require "livechat.sandbox.zones"

local periods = {}

local DAY, HOUR, MOST_PARTS = 86400, 3600, 10000
local FORMATS = { hour = "!%Y-%m-%d %H:00", day = "!%Y-%m-%d", month = "!%Y-%m" }

-- Where the part after the one that begins at `shown` begins.
local function after(shown, group_by)
  if group_by == "hour" then return shown + HOUR end
  if group_by == "day" then return shown + DAY end
  local t = os.date("!*t", shown)
  return dates.days(t.year, t.month + 1, 1) * DAY
end

local function parts_of(period)
  local parts, shown = {}, period.from
  while shown < period.to do
    if #parts == MOST_PARTS then return nil end
    local next_one = after(shown, period.group_by)
    parts[#parts + 1] = { label = os.date(period.format, shown),
      begins = os.date(FORMATS.day, shown),
      ends = os.date(FORMATS.day, math.min(next_one, period.to) - 1) }
    shown = next_one
  end
  return parts
end

local function day(query, name, errors)
  if query[name] == nil then return nil end
  local seconds = type(query[name]) == "string" and dates.day(query[name])
  if not seconds then errors[#errors + 1] = name .. " must be a day, YYYY-MM-DD" end
  return seconds or nil
end

local function midnight(shown)
  return math.floor(shown / DAY) * DAY
end

--- Reads date_from, date_to, timezone and group_by.
---@param first number|nil when the first record is from: "the beginning of time"
---@return table|nil period { parts={ { label=, begins=, ends= } … }, single=<one day>,
--- place(time)=<the label, or nil outside> }
---@return string[]|nil errors
function periods.read(service, query, first, now)
  local errors = json.array()
  local zone = zones.find(query.timezone or service.options.timezone)
  if not zone then
    return nil, json.array({ "timezone must be the name of a time zone" })
  end
  local from, to = day(query, "date_from", errors), day(query, "date_to", errors)
  if query.group_by ~= nil and not FORMATS[query.group_by] then
    errors[1] = "group_by must be one of: hour, day, month"
  end
  if #errors > 0 then return nil, errors end
  to = (to or midnight(zone.clock(now))) + DAY
  from = from or math.min(midnight(zone.clock(first or now)), to - DAY)
  if from >= to then return nil, json.array({ "date_from must not be after date_to" }) end
  local single = to - from == DAY
  local same = query.date_from ~= nil and query.date_from == query.date_to
  local group_by = query.group_by or same and "hour" or "day"
  local period = { from = from, to = to, single = single, group_by = group_by, zone = zone,
    format = single and group_by == "hour" and "!%H:00" or FORMATS[group_by] }
  period.parts = parts_of(period)
  if not period.parts then
    return nil, json.array({ "the period has more than " .. MOST_PARTS .. " parts" })
  end
  function period.place(time)
    local shown = zone.clock(time)
    if shown < from or shown >= to then return nil end
    return os.date(period.format, math.floor(shown))
  end
  return period
end

local WEEKDAYS = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" }

--- The last four days of a week's day, or those of the period that is asked for.
---@return table|nil days { [1…]={ label=, shown= } of each hour }
---@return table|string[] zone or, without `days`, the errors
function periods.weekdays(service, query, now)
  local weekday
  for i, name in ipairs(WEEKDAYS) do
    if name == query.weekday then weekday = i - 1 end
  end
  if not weekday then
    return nil, json.array({ "weekday must be one of: " .. table.concat(WEEKDAYS, ", ") })
  end
  local wanted = { date_from = query.date_from, date_to = query.date_to,
    timezone = query.timezone, group_by = "day" }
  local period, errors = periods.read(service, wanted, now, now)
  if not period then return nil, errors end
  local from = query.date_from and period.from or period.to - 28 * DAY
  local hours, shown = {}, from + (weekday - (from / DAY + 4)) % 7 * DAY
  while shown < period.to do
    for hour = 0, 23 do
      hours[#hours + 1] = { shown = shown + hour * HOUR,
        label = os.date(FORMATS.hour, shown + hour * HOUR) }
    end
    shown = shown + 7 * DAY
  end
  return hours, period.zone
end

return periods
