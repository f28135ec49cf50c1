-- SPDX-License-Identifier: MIT
--- Ids for events that have nothing of their own: no id, and no time. Where a tag is set, taken
--- away and set again, two of the three deliveries say the same, and so do those of one event that
--- is delivered twice. The latter come within a minute or two, with nothing new about the same
--- subject in between; whatever else says the same is taken for another event, because handlers can
--- bear an event that comes twice, and not one that is lost.
---
--- This is known to one process: a redelivery that another one gets is handled again.
local core = require "livechat.core"

local recent = {}

local WINDOW = 120 -- seconds: the service tries four times, of ten seconds each, within a minute
local MOST = 10000 -- subjects of a generation, of which there are two

---@class livechat.Recent
local Recent = {}
Recent.__index = Recent

-- Told from those of all processes, in the past and to come.
local function suffix()
  return ("%.0f%05d"):format(core.now() * 1e6, math.floor(core.random() * 1e5))
end

--- The id of an event.
---@param id string made of its content
---@param subject string what it is about
---@return string
function Recent:name(id, subject)
  local now = core.clock()
  local last = self.young[subject] or self.old[subject]
  if last and last.id == id and now - last.at < WINDOW then
    return last.name
  end
  if self.count >= MOST then
    self.old, self.young, self.count = self.young, {}, 0
  end
  local name = id .. "-" .. suffix()
  self.count = self.count + (self.young[subject] and 0 or 1)
  self.young[subject] = { id = id, at = now, name = name }
  return name
end

---@return livechat.Recent
function recent.new()
  return setmetatable({ young = {}, old = {}, count = 0 }, Recent)
end

return recent
