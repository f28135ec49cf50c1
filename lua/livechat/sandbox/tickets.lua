-- SPDX-License-Identifier: MIT
-- The account's tickets, whichever API asks for them. A ticket is never changed: a write makes a
-- new version, so that the list, which lags writes, goes on showing the old one.
local Tags = require "livechat.sandbox.tags"

local Tickets = {}
Tickets.__index = Tickets

local ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

--- The id of the nth ticket: five letters and digits, no two alike below 36^5, in no visible order.
---@param n integer
---@return string
function Tickets.id(n)
  local number, out = n * 7919191 % 60466176, {}
  for i = 1, 5 do
    local digit = number % 36 + 1
    out[i] = ALPHABET:sub(digit, digit)
    number = math.floor(number / 36)
  end
  return table.concat(out)
end

---@param options table { lag= } the service's, read at each call
function Tickets.new(options)
  return setmetatable({ options = options, count = 0, version = 0, by_id = {}, tagged = {},
    index = {}, indexed = {}, memo = {}, pending = {}, first_pending = 1, last_pending = 0,
    shown = 0, trash = {} }, Tickets)
end

-- Versions and the index ---------------------------------------------------------------------

-- `index` is the list as it shows, oldest change first, dense, so that any page is at hand; `shown`
-- counts its changes.
function Tickets:show(ticket)
  local index, old = self.index, self.indexed[ticket.id]
  if old then
    local low, high = 1, #index
    while low < high do
      local middle = math.floor((low + high) / 2)
      if index[middle].version < old.version then low = middle + 1 else high = middle end
    end
    table.remove(index, low)
  end
  if not ticket.discarded then index[#index + 1] = ticket end
  self.indexed[ticket.id] = not ticket.discarded and ticket or nil
  self.memo, self.shown = {}, self.shown + 1
end

-- Brings the index to where the writes were `lag` seconds ago.
function Tickets:settle(now)
  local pending, lag = self.pending, self.options.lag
  while pending[self.first_pending] and pending[self.first_pending].at <= now - lag do
    self:show(pending[self.first_pending].ticket)
    pending[self.first_pending] = nil
    self.first_pending = self.first_pending + 1
  end
end

--- Stores a new version of a ticket as the last change of all.
function Tickets:put(ticket, now)
  self.version = self.version + 1
  ticket.version, ticket.modified = self.version, now
  local old = self.by_id[ticket.id]
  Tags.count(self.tagged, old and old.tags, ticket.tags)
  self.by_id[ticket.id], self.trash[ticket.id], ticket.discarded = ticket, nil, nil
  self.last_pending = self.last_pending + 1
  self.pending[self.last_pending] = { at = now, ticket = ticket }
end

--- Throws a ticket away: it is no ticket any more, until it is put again. Only `trash` has it.
---@param ticket table an edition
function Tickets:discard(ticket, now)
  self:put(ticket, now)
  Tags.count(self.tagged, ticket.tags, nil)
  self.by_id[ticket.id], self.trash[ticket.id], ticket.discarded = nil, ticket, true
end

--- Everything that was thrown away, in no order.
---@return table[]
function Tickets:in_trash()
  local list = {}
  for _, ticket in pairs(self.trash) do list[#list + 1] = ticket end
  return list
end

--- Stores a finished ticket of the seed at once, in the order of `modified`.
function Tickets:plant(ticket)
  self.count, self.version = self.count + 1, self.version + 1
  ticket.version = self.version
  Tags.count(self.tagged, nil, ticket.tags)
  self.by_id[ticket.id], self.indexed[ticket.id] = ticket, ticket
  self.index[#self.index + 1] = ticket
end

--- A copy to change and `put`; `events` and `requester` are copied too.
function Tickets.edition(ticket)
  local new = {}
  for name, value in pairs(ticket) do new[name] = value end
  new.events, new.requester = {}, {}
  for i, event in ipairs(ticket.events) do new.events[i] = event end
  for name, value in pairs(ticket.requester) do new.requester[name] = value end
  return new
end

--- Changes nothing of a ticket but when it was modified, as anything that a client cannot see does.
---@return boolean found
function Tickets:touch(id, now)
  local ticket = self.by_id[id]
  if ticket then self:put(Tickets.edition(ticket), now) end
  return ticket ~= nil
end

--- The tickets as the list shows them, the oldest change first.
---@param matches (fun(ticket: table): boolean)|nil nil for all of them
---@param key string|nil the same text for the same question: the pages of a walk ask it again
---@return table[] tickets not the caller's to change
function Tickets:find(matches, key, now)
  self:settle(now)
  if not matches then return self.index end
  if self.memo.key == key then return self.memo.found end
  local found = {}
  for _, ticket in ipairs(self.index) do
    if matches(ticket) then found[#found + 1] = ticket end
  end
  self.memo = { key = key, found = found }
  return found
end

--- The tickets that were changed last, the newest change first, without any lag.
---@param most integer
---@return table[] tickets not the caller's to change
---@return integer total of all that there are
function Tickets:latest(most, now)
  self:settle(now)
  local latest, seen, total = {}, {}, #self.index
  local function take(id)
    local ticket = not seen[id] and self.by_id[id]
    if ticket and #latest < most then latest[#latest + 1] = ticket end
  end
  for i = self.last_pending, self.first_pending, -1 do -- what the list does not show yet
    local id = self.pending[i].ticket.id
    take(id)
    if not seen[id] then
      total = total + (self.by_id[id] and 1 or 0) - (self.indexed[id] and 1 or 0)
    end
    seen[id] = true
  end
  for i = #self.index, 1, -1 do
    if #latest >= most then break end
    take(self.index[i].id)
  end
  return latest, total
end

--- A new ticket with its first message, to finish and `put`.
---@param fields table { subject=, message=, requester={mail=, name=}, groups=, source= }
---@return table ticket
function Tickets:open(fields, now)
  self.count = self.count + 1
  local requester = fields.requester
  local ticket = { id = Tickets.id(self.count), status = "open", groups = fields.groups, tags = {},
    subject = fields.subject, source = fields.source, requester = requester, date = now,
    opened = { { from = now } }, events = {} }
  Tickets.say(ticket, { id = requester.mail, name = requester.name }, "client", fields.message,
    fields.source, now)
  return ticket
end

--- Adds a message to an edition.
---@param author table { id=, name= }
---@param kind string "client" or "agent"
function Tickets.say(ticket, author, kind, message, source, now)
  ticket.events[#ticket.events + 1] = { type = "message", date = now, message = message,
    is_private = false, source = source,
    author = { id = author.id, name = author.name, type = kind } }
end

--- Gives an edition to an agent.
---@param assignee table { id=, name= }
---@param by table { id=, name= }
function Tickets.assign(ticket, assignee, by, now)
  ticket.assignee = assignee
  ticket.events[#ticket.events + 1] = { type = "assignee_changed", date = now, to = assignee,
    author = by }
end

--- Replaces an edition's tags.
---@param tags string[]
---@param by table { id=, name=, type= }
function Tickets.tag(ticket, tags, by, now)
  local old, same = ticket.tags, #tags == #ticket.tags
  for i, name in ipairs(tags) do same = same and name == old[i] end
  ticket.tags = tags
  if same then return end
  ticket.events[#ticket.events + 1] = { type = "tags", date = now, old = old, new = tags,
    author = by }
end

return Tickets
