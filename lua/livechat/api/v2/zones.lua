-- SPDX-License-Identifier: MIT
--- What a clock in a time zone shows, as epoch seconds: by the machine's own files (RFC 9636).
local zones = {}

local FOLDERS = { "/usr/share/zoneinfo/", "/usr/lib/zoneinfo/", "/usr/share/lib/zoneinfo/" }
local LARGEST = 65536 -- bytes of a file; the largest of today has 4 KB
local DAY = 86400

--- Days from 1970-01-01 to a date of the Gregorian calendar; a month or day too many goes on.
---@return integer
function zones.days(year, month, day)
  year = year + math.floor((month - 1) / 12)
  month = (month - 1) % 12 + 1
  local y = month > 2 and year or year - 1
  local era = math.floor(y / 400)
  local of_era = y - era * 400
  local of_year = math.floor((153 * (month > 2 and month - 3 or month + 9) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + math.floor(of_era / 4) - math.floor(of_era / 100) + of_year
    - 719468
end

-- ---- the rule after the last change: "EST5EDT,M3.2.0,M11.1.0" -----------------------------------

local function duration(text)
  local sign, h, m, s = text:match("^([+-]?)(%d+):?(%d*):?(%d*)$")
  if not h then return nil end
  local value = tonumber(h) * 3600 + (tonumber(m) or 0) * 60 + (tonumber(s) or 0)
  return sign == "-" and -value or value
end

-- The clock's time of a change in a year: the week-th weekday of a month, the last for 5.
local function change(text)
  local month, week, weekday, at = text:match("^M(%d+)%.(%d)%.(%d)/?(.*)$")
  at = month and (at == "" and 7200 or duration(at))
  if not at then return nil end
  month, week, weekday = tonumber(month), tonumber(week), tonumber(weekday)
  return function(year)
    local first = zones.days(year, month, 1)
    local day = first + (weekday - first - 4) % 7 + (week - 1) * 7
    if day >= zones.days(year, month + 1, 1) then day = day - 7 end
    return day * DAY + at
  end
end

local function year_of(seconds)
  local year = 1970 + math.floor(seconds / (365.2425 * DAY))
  if zones.days(year, 1, 1) * DAY > seconds then return year - 1 end
  return zones.days(year + 1, 1, 1) * DAY > seconds and year or year + 1
end

-- The offset at any time, or nil for a text of another form.
local function rule_of(text)
  local name = text:match("^<[^>]*>") or text:match("^%a+")
  local offset, rest = text:sub(#(name or "") + 1):match("^([+-]?[%d:]+)(.*)$")
  local standard = name and offset and duration(offset)
  if not standard then return nil end
  standard = -standard
  if rest == "" then return function() return standard end end
  local summer_name = rest:match("^<[^>]*>") or rest:match("^%a+") or ""
  local other, from, to = rest:sub(#summer_name + 1):match("^([^,]*),([^,]+),([^,]+)$")
  local summer = other == "" and standard + 3600 or other and duration(other) and -duration(other)
  local starts, ends = from and change(from), to and change(to)
  if not (summer and starts and ends) then return nil end
  return function(time)
    local year = year_of(time + standard)
    local on, off = starts(year) - standard, ends(year) - summer
    local inside = time >= on and time < off
    if off < on then inside = time >= on or time < off end
    return inside and summer or standard
  end
end

-- ---- files -----------------------------------------------------------------------------------

local function number(bytes, at, width)
  local value = bytes:byte(at)
  value = value > 127 and value - 256 or value
  for i = at + 1, at + width - 1 do value = value * 256 + bytes:byte(i) end
  return value
end

-- The counts of a block whose header begins at `at`, and the lengths of its parts.
local function block_at(bytes, at, width)
  local count = {}
  for i, name in ipairs { "isut", "isstd", "leap", "time", "type", "char" } do
    count[name] = number(bytes, at + 16 + i * 4, 4)
  end
  local size = count.time * (width + 1) + count.type * 6 + count.char + count.leap * (width + 4)
    + count.isstd + count.isut
  return { time = count.time, type = count.type, at = at + 44, after = at + 44 + size,
    width = width }
end

local function parse(bytes)
  if #bytes < 44 or bytes:sub(1, 4) ~= "TZif" then return nil end
  local block = block_at(bytes, 1, 4)
  if bytes:byte(5) >= 50 and #bytes >= block.after + 43 then
    block = block_at(bytes, block.after, 8)
  end
  if #bytes < block.after - 1 or block.type < 1 then return nil end
  local kinds_at = block.at + block.time * block.width
  local types_at = kinds_at + block.time
  local zone = { times = {}, offsets = {}, first = number(bytes, types_at, 4) }
  for i = 1, block.time do
    zone.times[i] = number(bytes, block.at + (i - 1) * block.width, block.width)
    zone.offsets[i] = number(bytes, types_at + bytes:byte(kinds_at + i - 1) * 6, 4)
  end
  local footer = block.width == 8 and bytes:sub(block.after):match("^\n([^\n]*)\n")
  zone.rule = footer and rule_of(footer)
  return zone
end

local function offset_at(zone, time)
  local times = zone.times
  local low, high = 0, #times
  if zone.rule and (high == 0 or time >= times[high]) then return zone.rule(time) end
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if times[middle] <= time then low = middle else high = middle - 1 end
  end
  return zone.offsets[low] or zone.first
end

local known = { UTC = { times = {}, offsets = {}, first = 0 } }
local missed = 0 -- names that are no zone's are remembered too, but not any number of them

local function find(name)
  if type(name) ~= "string" or #name > 64 or not name:find("^%u[%w_+/-]*$") then return nil end
  local zone = known[name]
  if zone ~= nil then return zone or nil end
  for _, folder in ipairs(FOLDERS) do
    local file = io.open(folder .. name, "rb")
    local bytes = file and file:read(LARGEST)
    if file then file:close() end
    zone = zone or bytes and parse(bytes)
  end
  if zone then
    known[name] = zone
  elseif missed < 1000 then
    known[name], missed = false, missed + 1
  end
  return zone
end

--- The moment at which a clock in that zone shows a time. Of an hour that it shows twice the first
--- one; a time that it leaps over is counted from the leap.
---@param clock number the time that is shown, as the seconds at which a clock in UTC shows it
---@param name any the zone's name, as Europe/Paris
---@return number|nil seconds nil where the machine knows no zone of that name
function zones.seconds(clock, name)
  local zone = find(name)
  if not zone then return nil end
  local before, after = offset_at(zone, clock - DAY), offset_at(zone, clock + DAY)
  if offset_at(zone, clock - before) ~= before and offset_at(zone, clock - after) == after then
    return clock - after
  end
  return clock - before
end

return zones
