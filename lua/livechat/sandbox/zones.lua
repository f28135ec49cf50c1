-- SPDX-License-Identifier: MIT
-- Time zones by their IANA name, out of the machine's own files (RFC 8536), and UTC without any.
local dates = require "livechat.sandbox.dates"

local zones = {}

local FOLDERS = { "/usr/share/zoneinfo/", "/usr/lib/zoneinfo/", "/usr/share/lib/zoneinfo/" }
local LONGEST_NAME, LARGEST_FILE = 64, 65536

local function number(text, at, bytes)
  local value = text:byte(at)
  if value > 127 then value = value - 256 end
  for i = at + 1, at + bytes - 1 do value = value * 256 + text:byte(i) end
  return value
end

-- The header's six counts of a block at `at`, and where its data begins.
local function counts(text, at)
  local result = {}
  for i, name in ipairs({ "isut", "isstd", "leap", "time", "type", "char" }) do
    result[name] = number(text, at + 16 + i * 4, 4)
  end
  return result, at + 44
end

local function size(count, width)
  return count.time * (width + 1) + count.type * 6 + count.char + count.leap * (width + 4) +
    count.isstd + count.isut
end

-- The rule after the last change (POSIX TZ) --------------------------------------------------

local function clock(text)
  local sign, hours, minutes, seconds = text:match("^([+-]?)(%d+):?(%d*):?(%d*)$")
  if not hours then return nil end
  local value = tonumber(hours) * 3600 + (tonumber(minutes) or 0) * 60 + (tonumber(seconds) or 0)
  return sign == "-" and -value or value
end

-- `M3.5.0/2`, the only kind that is in use: the nth weekday of a month, 5 for the last.
local function change_rule(text)
  local month, week, day, at = text:match("^M(%d+)%.(%d)%.(%d)/?(.*)$")
  if not month then return nil end
  month, week, day = tonumber(month), tonumber(week), tonumber(day)
  at = at == "" and 7200 or clock(at)
  return at and function(year)
    local first = dates.days(year, month, 1)
    local days = first + (day - (first + 4)) % 7 + (week - 1) * 7
    if days >= dates.days(year, month + 1, 1) then days = days - 7 end
    return days * 86400 + at
  end
end

-- Gives the offset at any time, or nil for text that is no such rule.
local function footer_rule(text)
  local name = "[%a<][%w+<>-]-"
  local offset, rest = text:match("^%a+([+-]?[%d:]+)(.*)$")
  if not offset then offset, rest = text:match("^<[%w+-]+>([+-]?[%d:]+)(.*)$") end
  local standard = offset and clock(offset)
  if not standard then return nil end
  standard = -standard
  if rest == "" then return function() return standard end end
  local other, from, to = rest:match("^" .. name .. "([+-]?[%d:]*),([^,]+),([^,]+)$")
  if not other then return nil end
  local summer = other ~= "" and -clock(other) or standard + 3600
  local starts, ends = change_rule(from), change_rule(to)
  if not (starts and ends) then return nil end
  return function(time)
    local year = tonumber(os.date("!%Y", math.floor(time + standard)))
    local from_time, to_time = starts(year) - standard, ends(year) - summer
    local inside
    if from_time < to_time then
      inside = time >= from_time and time < to_time
    else
      inside = time >= from_time or time < to_time
    end
    return inside and summer or standard
  end
end

-- Zones --------------------------------------------------------------------------------------

local function parse(text)
  if #text < 44 or text:sub(1, 4) ~= "TZif" then return nil end
  local count, at = counts(text, 1)
  local width = 4
  if text:byte(5) >= 50 then -- "2": a second block with 64 bits follows
    count, at = counts(text, at + size(count, 4))
    width = 8
  end
  if #text < at - 1 + size(count, width) then return nil end
  local types_at = at + count.time * (width + 1)
  local offsets, times, kinds = {}, {}, {}
  for i = 0, count.type - 1 do offsets[i] = number(text, types_at + i * 6, 4) end
  for i = 1, count.time do
    times[i] = number(text, at + (i - 1) * width, width)
    kinds[i] = text:byte(at + count.time * width + i - 1)
  end
  local footer = width == 8 and text:sub(at + size(count, width)):match("^\n([^\n]*)\n")
  return { offsets = offsets, times = times, kinds = kinds,
    rule = footer and footer_rule(footer) }
end

local function offset_of(data, time)
  local times, low, high = data.times, 0, #data.times
  if high > 0 and time >= times[high] and data.rule then return data.rule(time) end
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if times[middle] <= time then low = middle else high = middle - 1 end
  end
  if low == 0 then return high == 0 and data.rule and data.rule(time) or data.offsets[0] end
  return data.offsets[data.kinds[low]]
end

---@param name string
---@param offset fun(time: number): integer seconds east of UTC at a time
local function make(name, offset)
  local zone = { name = name, offset = offset }

  --- What a clock there shows, as the seconds that UTC's clock would show so.
  function zone.clock(time)
    return time + offset(time)
  end

  --- When a clock there first shows a time or, where it leaps over it, leaps.
  function zone.epoch(shown)
    local before, after = offset(shown - 86400), offset(shown + 86400)
    if offset(shown - before) == before or offset(shown - after) ~= after then
      return shown - before
    end
    return shown - after
  end

  return zone
end

local UTC = make("UTC", function() return 0 end)
local found = { UTC = UTC }

local function read(name)
  for _, folder in ipairs(FOLDERS) do
    local file = io.open(folder .. name, "rb")
    local text = file and file:read(LARGEST_FILE)
    if file then file:close() end
    if text then return text end
  end
end

--- The zone of a name, or nil where the machine knows none of that name.
---@param name any
---@return table|nil zone { name=, offset(time)=, clock(time)=, epoch(shown)= }
function zones.find(name)
  if type(name) ~= "string" or #name > LONGEST_NAME or not name:find("^%u[%w_+/-]*$") then
    return nil
  end
  if not found[name] then
    local text = read(name)
    local data = text and parse(text)
    if not data then return nil end
    found[name] = make(name, function(time) return offset_of(data, time) end)
  end
  return found[name]
end

return zones
