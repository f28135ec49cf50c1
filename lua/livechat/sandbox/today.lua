-- SPDX-License-Identifier: MIT
--- What today's APIs (v3, HelpDesk, accounts) have in common on the wire. They were met, or are
-- documented, writing the same thing in several ways; the option `today` picks them, each left out
-- for the documentation's way:
--   spread    seconds until get_agent and list_agents show what v3 changes ("up to 2 minutes")
--   deliveries   "2019": v3's webhooks as they were then: license_id, no additional_data,
--             `recipients`, `last_visit` and `value` for `visibility`, `visit` and `answer`
--   impossible   true: one of five records was changed on the 17th of the 22nd month, as a canned
--             response of the documentation
--   dates     0 to 6 decimals, "offset" (+01:00) or "mixed" (another way for each record); HelpDesk
--             writes 3 decimals without it, v3 6
--   ids       "text" or "number": numbers that name something (group ids, event IDs, license ids)
--   success   what a call answers that has nothing to say: "object" ({}), "empty" or "no_content"
--             (204; HelpDesk alone)
--   lists     "bare": lists of agents without name, role and what else can be missing
--   totals    false: lists of tickets without X-Total-Results and X-Total-Pages
--   errors    HelpDesk's error bodies: "object", "text", "list", "message", "errors",
--             "validation" or "mixed"
--   error_status   the status of v3's error envelopes, 200 for those met on HTTP 200
--   refuse    an error's type ("license_expired", "internal", …) that v3 answers to every call
--   created   201: the status of HelpDesk's creating calls
-- for example today = { dates = "mixed", success = "empty" }.
local json = require "livechat.json"
local dates = require "livechat.sandbox.dates"

local today = {}

--- What a handler answers that has nothing to say.
today.NOTHING = {}

local function words(text)
  local set = {}
  for word in text:gmatch("%S+") do set[word] = true end
  return function(value) return set[value] ~= nil end
end

local KNOWN = {
  dates = function(value)
    return value == "offset" or value == "mixed" or
      type(value) == "number" and value >= 0 and value <= 6 and value % 1 == 0
  end,
  ids = words "number text",
  success = words "object empty no_content",
  lists = words "full bare",
  refuse = function(value) return type(value) == "string" and value:find("^[%l_]+$") ~= nil end,
  spread = function(value) return type(value) == "number" and value >= 0 end,
  deliveries = words "2019 2026",
  impossible = function(value) return type(value) == "boolean" end,
  totals = function(value) return type(value) == "boolean" end,
  errors = words "object text list message errors validation mixed",
  error_status = function(value) return value == 200 end,
  created = function(value) return value == 200 or value == 201 end,
}

--- Whether the option can have this value.
---@return boolean
---@return string|nil message
function today.check(value)
  if type(value) ~= "table" then return false, "must be a table" end
  for name, each in pairs(value) do
    if not KNOWN[name] or not KNOWN[name](each) then
      return false, "has a wrong member: " .. tostring(name)
    end
  end
  return true
end

-- A small number that is always the same for the same text.
local function spread(text, n)
  local sum = 0
  for i = 1, math.min(#text, 64) do sum = sum + text:byte(i) * i end
  return sum % n + 1
end

--- Picks one of several ways for a record.
function today.pick(ways, about)
  return ways[spread(tostring(about), #ways)]
end

-- Times ------------------------------------------------------------------------------------------

local MIXED = { 0, 3, "offset", 6, 1 }

local function way_of(service, decimals, about)
  local way = service.options.today.dates or decimals
  return way == "mixed" and today.pick(MIXED, about) or way
end

--- A time in whole milliseconds as precise as it is shown: what lists are ordered by, so that a
-- time that came from an answer finds its place again.
---@param seconds number
---@param decimals integer the API's own
---@param about string the record's id
---@return integer
function today.shown(service, seconds, decimals, about)
  local way = way_of(service, decimals, about)
  local milliseconds = math.floor(seconds * 1000 + 0.5)
  local unit = (way == "offset" or way >= 3) and 1 or 10 ^ (3 - way)
  return math.floor(milliseconds - milliseconds % unit)
end

--- Writes a time, RFC 3339.
---@return string
function today.date(service, seconds, decimals, about)
  local way = way_of(service, decimals, about)
  local milliseconds = math.floor(seconds * 1000 + 0.5)
  local whole, zone = math.floor(milliseconds / 1000), "Z"
  if way == "offset" then whole, zone, way = whole + 3600, "+01:00", 6 end
  local fraction = ("%03d000"):format(milliseconds % 1000):sub(1, way)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (way > 0 and "." .. fraction or "") .. zone
end

--- Writes when a record was changed, which may be impossible.
---@return string
function today.changed(service, seconds, decimals, about)
  local text = today.date(service, seconds, decimals, about)
  if not service.options.today.impossible or spread(tostring(about), 5) > 1 then return text end
  return (text:gsub("^(%d+)%-%d+%-%d+", "%1-22-17"))
end

--- Reads RFC 3339.
---@param text any
---@return integer|nil milliseconds nil for what is no time of the calendar
function today.time(text)
  if type(text) ~= "string" or #text > 64 then return nil end
  local day, hour, minute, second, rest =
    text:match("^(%d%d%d%d%-%d%d%-%d%d)[Tt](%d%d):(%d%d):(%d%d)(.*)$")
  local start = day and dates.day(day)
  if not start then return nil end
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if hour > 23 or minute > 59 or second > 59 then return nil end
  local fraction, zone = rest:match("^%.(%d+)(.+)$")
  zone = zone or rest
  local offset = 0
  if zone ~= "Z" and zone ~= "z" then
    local sign, hours, minutes = zone:match("^([+-])(%d%d):(%d%d)$")
    if not sign or tonumber(hours) > 23 or tonumber(minutes) > 59 then return nil end
    offset = (tonumber(hours) * 60 + tonumber(minutes)) * (sign == "-" and -60 or 60)
  end
  local thousandths = tonumber(((fraction or "") .. "000"):sub(1, 3))
  return math.floor((start + hour * 3600 + minute * 60 + second - offset) * 1000 + thousandths)
end

-- Ids --------------------------------------------------------------------------------------------

--- Writes a number that names something.
function today.id(service, number)
  return service.options.today.ids == "text" and ("%d"):format(number) or math.floor(number)
end

--- Reads one, whichever way it came.
---@return integer|nil
function today.number(value)
  if type(value) == "string" and #value <= 15 and value:find("^%d+$") then
    return math.floor(tonumber(value))
  elseif type(value) == "number" and value >= 0 and value < 2 ^ 53 and value % 1 == 0 then
    return math.floor(value)
  end
end

-- Bodies -----------------------------------------------------------------------------------------

--- Text of a request's line or headers as JSON can hold it.
---@param text string
---@return string
function today.clean(text)
  return json.utf8(text) and text or (text:gsub("[\128-\255]", "?"))
end

--- Changes a delivery as a caller wants it; json.null removes a member.
---@param target table
---@param over table
function today.merge(target, over)
  for name, value in pairs(over) do
    if value == json.null then
      target[name] = nil
    elseif type(value) == "table" and value[1] == nil and type(target[name]) == "table"
      and not json.is_array(target[name]) then
      today.merge(target[name], value)
    elseif json.is_array(target[name]) and type(value) == "table"
      and (value[1] ~= nil or next(value) == nil) then
      target[name] = json.array(value) -- [] and {} are one once they are decoded
    else
      target[name] = value
    end
  end
  return target
end

--- Decodes a body that must be a JSON object.
---@return table|nil fields
---@return string|nil message
function today.object(body)
  local value, message = json.decode(body)
  if message or type(value) ~= "table" or value[1] ~= nil then
    return nil, "the body is not a JSON object" .. (message and ": " .. message or "")
  end
  return json.fold(value)
end

return today
