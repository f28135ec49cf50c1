-- SPDX-License-Identifier: MIT
-- A browser that looks on. It is sent, as one event, the parts that differ from what it was sent
-- before: a reader has no queue, one that is slow misses what came between, never the last state.
-- What all readers see alike is built once.
local json = require "livechat.json"
local view = require "livechat.sandbox.page.view"

local Reader = {}
Reader.__index = Reader

local MOST = 64

--- What the readers of one service share.
---@return table
function Reader.none()
  return { count = 0, built = {} }
end

---@param service table Service
---@param limits table<string, integer> rows by the list's name
---@return table|nil reader nil where there are too many; the caller closes it
function Reader.new(service, limits)
  local crowd = service.readers
  if crowd.count >= MOST then return nil end
  crowd.count = crowd.count + 1
  return setmetatable({ service = service, crowd = crowd, limits = limits, sent = {} }, Reader)
end

function Reader:close()
  if self.crowd then self.crowd.count = self.crowd.count - 1 end
  self.crowd = nil
end

-- One part as JSON, as new as the service's last change and, where time changes it too, as `now`.
local function part(self, name, now)
  local service, limit = self.service, self.limits[name] or 0
  local built, key = self.crowd.built, name .. " " .. limit
  local known, moment = built[key], view.TIMED[name] and now
  if not known or known.changes ~= service.changes or known.moment ~= moment then
    known = { changes = service.changes, moment = moment,
      text = json.encode(view.build(service, name, limit, now)) }
    built[key] = known
  end
  return known.text
end

--- What the reader has not seen, as an event of text/event-stream; nil where there is nothing.
---@param now number the time of the machine that runs the service
---@return string|nil
function Reader:next(now)
  local service, parts = self.service, {}
  local changed = service.changes ~= self.seen
  self.seen = service.changes
  local function look(name)
    if not changed and not view.TIMED[name] then return end
    local text = part(self, name, now + service.advance)
    if self.sent[name] ~= text then
      self.sent[name] = text
      parts[#parts + 1] = ("%q:"):format(name) .. text
    end
  end
  for name in pairs(view.VALUES) do look(name) end
  for _, each in ipairs(view.LISTS) do look(each.name) end
  return #parts > 0 and "retry: 1000\ndata: {" .. table.concat(parts, ",") .. "}\n\n" or nil
end

return Reader
