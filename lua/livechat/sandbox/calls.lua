-- SPDX-License-Identifier: MIT
-- Which calls came, when, and what became of them; and the rate limit, counted with the dumbest
-- correct code, a list of times: it judges the throttles of others.
local json = require "livechat.json"

local KEPT = 10000 -- entries of the log; the lists of times are kept whole

local LONGEST = 4096 -- bytes of a path or query in the log

local Calls = {}
Calls.__index = Calls

function Calls.new()
  return setmetatable({ accepted = json.array(), refused = json.array(), applied = {}, log = {},
    count = 0 }, Calls)
end

-- What came may be any bytes, and the log is written as JSON.
local function printable(text)
  text = text:sub(1, LONGEST)
  if json.utf8(text) then return text end
  return (text:gsub("[\128-\255]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

--- Writes down a call's arrival.
---@param query string|nil
---@return table entry `refused` is the seconds until a call would be accepted
function Calls:arrive(now, method, path, limit, period, query)
  local entry = { at = now, method = method, path = printable(path), applied = false,
    query = query and printable(query) }
  self.count = self.count + 1
  self.log[(self.count - 1) % KEPT + 1] = entry
  if limit then
    local recent = 0
    for i = #self.accepted, 1, -1 do
      if self.accepted[i] <= now - period then break end
      recent = recent + 1
      if recent == limit then
        entry.refused = self.accepted[i] + period - now
        self.refused[#self.refused + 1] = now
        return entry
      end
    end
  end
  self.accepted[#self.accepted + 1] = now
  return entry
end

--- Counts a call that was done, under its method and the route's path.
function Calls:apply(entry, route)
  entry.applied = true
  self.applied[route] = (self.applied[route] or 0) + 1
end

--- The last calls, the newest first.
---@param most integer
---@return table[] entries
function Calls:latest(most)
  local entries = {}
  for i = self.count, math.max(1, self.count - math.min(most, KEPT) + 1), -1 do
    entries[#entries + 1] = self.log[(i - 1) % KEPT + 1]
  end
  return entries
end

--- Everything, the log in the order of arrival.
function Calls:report()
  local log = json.array()
  for i = math.max(1, self.count - KEPT + 1), self.count do
    log[#log + 1] = self.log[(i - 1) % KEPT + 1]
  end
  return { accepted = self.accepted, refused = self.refused, applied = self.applied, log = log,
    count = self.count }
end

return Calls
