-- SPDX-License-Identifier: MIT
--- What chats and visitors of API version 2 need besides data.
local zones = require "livechat.api.v2.zones"

local chats = {}

-- ---- times -----------------------------------------------------------------------------------

--- Epoch seconds of a time as chats show it: "Wed, 01/23/13 11:40:53 am", in the chat's zone. [R]
---@param text string
---@param zone any the zone's name
---@return number|nil seconds nil where the text has another form or the zone is not known
function chats.shown_time(text, zone)
  local month, day, year, hour, minute, second, half =
    text:match("^%a%a%a, (%d%d)/(%d%d)/(%d%d) (%d%d?):(%d%d):(%d%d) ([AaPp])[Mm]$")
  month, hour = tonumber(month), tonumber(hour)
  if not month or month < 1 or month > 12 or hour < 1 or hour > 12 then
    return nil
  end
  hour = hour % 12 + (half:lower() == "p" and 12 or 0)
  local days = zones.days(2000 + tonumber(year), month, tonumber(day))
  local clock = days * 86400 + hour * 3600 + tonumber(minute) * 60 + tonumber(second)
  return zones.seconds(clock, zone)
end

local function seconds_of(value, time)
  local kind = type(value)
  return (kind == "number" or kind == "string") and time(value) or nil
end

local function started_at(chat, time)
  return seconds_of(chat.started_timestamp, time)
end

-- What a chat has from its start on: a list by these alone loses none.
local LASTING = { date_from = true, date_to = true, timezone = true, page = true, visitor_id = true,
  include_pending = true, city = true, region = true, country = true }

--- By what a walk knows the list's order, which is that of the starts: a chat that comes to match,
--- as one that ends or is tagged, stands where it started.
chats.moments = {
  created = started_at, modified = started_at, keeps_place = true,
  loses = function(filter)
    for name in pairs(filter) do
      if not LASTING[name] then return true end
    end
    return false
  end,
}

-- ---- visitors --------------------------------------------------------------------------------

--- The list, or with `count` the number that is answered instead of it.
function chats.list_visitors(operation, args, query)
  local row = operation.row
  if query.count == 1 then
    row = setmetatable({ returns = "visitor_count" }, { __index = row })
  end
  return operation:result(row, args, query)
end

return chats
