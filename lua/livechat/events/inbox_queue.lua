-- SPDX-License-Identifier: MIT
--- Which event of an inbox's new/ is next: what is due, the oldest first. Of a full folder a part
--- is read first, with which the first claim need not wait for the rest.
local core = require "livechat.core"

local inbox_queue = {
  -- No event waits longer than the longest pause between two attempts: a file whose time lies
  -- farther ahead was written before the clock was set back.
  FARTHEST = 3600,
  FIRST_LOOK = 10000, FURTHER = 500, -- files to read: 50 ms; 2 ms with each claim
}

---@class livechat.InboxQueue
---@field files livechat.Disk
---@field folder string
---@field listing userdata|nil what a look has found
---@field unread boolean there is more in the folder than that
---@field waiting table<string, { size: integer, due: number }> what this process knows to be due
--- later, by its id
local Queue = {}
Queue.__index = Queue

---@param moment number epoch seconds
---@param now number
---@return boolean
function inbox_queue.is_due(moment, now)
  return moment <= now or moment > now + inbox_queue.FARTHEST
end

local is_due = inbox_queue.is_due

--- Looks at the folder anew.
---@return boolean
---@return string|nil problem
function Queue:look()
  local now = core.now()
  for id, known in pairs(self.waiting) do
    if is_due(known.due, now) then
      self.waiting[id] = nil
    end
  end
  local word, problem
  self.listing, word, problem = self.files:run("look", self.folder,
    inbox_queue.FIRST_LOOK)
  self.unread = self.listing ~= nil
  return self.listing ~= nil or word == "missing", problem
end

--- Reads a little more of the folder. A listing that does not come back, because the disk does not
--- answer or its coroutine was killed, is left: the next look begins anew.
local function look_further(self, listing)
  self.listing = nil
  local more = self.files:on(listing, "more", inbox_queue.FURTHER)
  self.unread = more or false
  self.listing = listing:is_open() and listing or nil
end

--- The next of what has been read that may be due. What follows one that is not is due later.
local function next_read(self)
  local now = core.now()
  local name, size, time = self.listing:next()
  while name and is_due(time, now) do
    local known = self.waiting[name]
    if not known or known.size ~= size or is_due(known.due, now) then
      return name -- unknown, or something has happened to it
    end
    name, size, time = self.listing:next()
  end
  return nil
end

--- The next that may be due; nothing where a new look is needed to know.
---@return string|nil id
function Queue:next()
  while self.listing do
    if self.unread then
      look_further(self, self.listing)
    end
    local name = self.listing and next_read(self)
    if name then
      return name
    elseif not self.unread then
      self.listing = nil
    end
  end
  return nil
end

--- Notes when an event is due. It holds for as long as its file keeps that size.
---@param id string
---@param size integer
---@param due number epoch seconds
function Queue:put_off(id, size, due)
  self.waiting[id] = { size = size, due = due }
end

---@param files livechat.Disk
---@param folder string
---@return livechat.InboxQueue
function inbox_queue.new(files, folder)
  return setmetatable({ files = files, folder = folder, unread = false, waiting = {} }, Queue)
end

return inbox_queue
