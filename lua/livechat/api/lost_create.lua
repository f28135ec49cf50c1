-- SPDX-License-Identifier: MIT
--- Finding the ticket whose answer was lost. Pure: the clocks are arguments.
---
--- A ticket that was asked for is known again by its requester, its subject and its message, and by
--- having been created since the request left, by the service's clock. One that was already given
--- to a caller is somebody else's.
local trim = require "livechat.text".trim

local reconcile = {}

local NO_SUBJECT = "(no subject)" -- what the service writes where there is none
local SLACK = 1 -- seconds: between the clocks of the machines that the service is made of
local DAY = 86400

local function text_of(value)
  return type(value) == "string" and trim((value:gsub("\r\n?", "\n"))) or nil
end

local function subject_of(value)
  local text = text_of(value)
  return text ~= nil and text ~= "" and text or NO_SUBJECT
end

local function address_of(value)
  return type(value) == "string" and value:lower() or nil
end

--- Whether two texts are the same but for what a service changes that stores them: the ends of
--- lines, and blanks at both ends.
function reconcile.same_text(a, b)
  return text_of(a) == text_of(b) and text_of(a) ~= nil
end

--- The same for two e-mail addresses.
function reconcile.same_address(a, b)
  return address_of(a) == address_of(b) and address_of(a) ~= nil
end

local function first_message(ticket)
  for _, event in ipairs(type(ticket.events) == "table" and ticket.events or {}) do
    if type(event) == "table" and event.type == "message" then
      return event
    end
  end
end

-- Epoch seconds of the creation, nil where the ticket does not tell.
local function created_at(ticket, time)
  local opened, first = ticket.opened, first_message(ticket)
  local candidates = {
    ticket.date or false,
    type(opened) == "table" and type(opened[1]) == "table" and opened[1].from or false,
    first and first.date or false,
  }
  for _, value in ipairs(candidates) do
    local kind = type(value)
    local seconds = (kind == "string" or kind == "number") and time(value)
    if seconds then
      return seconds
    end
  end
end

local function same(ticket, wanted)
  local requester, message = ticket.requester, first_message(ticket)
  return type(requester) == "table" and message ~= nil
    and address_of(requester.mail) == address_of(wanted.requester.mail)
    and subject_of(ticket.subject) == subject_of(wanted.subject)
    and text_of(message.message) == text_of(wanted.message)
end

--- The oldest of the tickets that is the wanted one, or nil.
---@param tickets table[] in the wire's form
---@param wanted table the fields as they were sent
---@param options { since: number, ledger: table, time: fun(value: any): number|nil }
---   since: epoch seconds by the service's clock
---@return table|nil ticket
function reconcile.match(tickets, wanted, options)
  local oldest, oldest_at
  for i = 1, #tickets do
    local ticket = tickets[i]
    local created = same(ticket, wanted) and created_at(ticket, options.time)
    if created and created >= options.since and not options.ledger:is_claimed(ticket.id)
      and (not oldest or created <= oldest_at) then
      oldest, oldest_at = ticket, created
    end
  end
  return oldest
end

--- What to ask the list for. The date is by the local clock, with a day of room.
---@param began number epoch seconds when the request left, by the local clock
function reconcile.filter(wanted, began)
  return {
    requester = { mail = wanted.requester.mail }, order = "desc",
    date_from = os.date("!%Y-%m-%d", math.floor(began - DAY)),
  }
end

--- When to look: soon, then at doubling intervals (the list lags writes by some seconds, and each
--- look costs a call), the last time at the limit.
---@param limit number seconds
---@return fun(): number|nil wait before the next look
function reconcile.schedule(limit)
  local pause, left = 0.25, limit
  return function()
    if left <= 0 then
      return nil
    end
    -- Where the next wait would not fit in as well, this is the last.
    local wait = left < 2 * pause and left or pause
    pause, left = pause * 2, left - wait
    return wait
  end
end

--- The moment from which the ticket can be, by the service's clock. Date is a whole second that has
--- begun, so this is never later than the true moment, and up to a second earlier.
---@param began number epoch seconds when the request left, by the local clock
---@param now number the same clock now
---@param server_date number|nil the Date of an answer that came now
function reconcile.since(began, now, server_date)
  return math.floor(began + ((server_date or now) - now)) - SLACK
end

-- ---- who has which ticket ---------------------------------------------------------------------

---@class livechat.Ledger
local Ledger = {}
Ledger.__index = Ledger

-- The same id may come as a number and as text.
local function id_text(id)
  return type(id) == "number" and ("%.0f"):format(id) or tostring(id)
end

local REMEMBER = 600 -- seconds: longer than any look goes back

local function fingerprint(wanted)
  return table.concat({ address_of(wanted.requester.mail), subject_of(wanted.subject),
    text_of(wanted.message) }, "\0")
end

--- Remembers which tickets callers have been given, and which creates are under way.
---@param clock fun(): number seconds
function reconcile.ledger(clock)
  return setmetatable({ clock = clock, given = {}, open = {}, swept = clock() }, Ledger)
end

local function sweep(self)
  local now = self.clock()
  if now - self.swept < REMEMBER then
    return
  end
  self.swept = now
  for id, at in pairs(self.given) do
    if now - at > REMEMBER then
      self.given[id] = nil
    end
  end
  for print, alike in pairs(self.open) do
    if next(alike) == nil then -- its creates have died
      self.open[print] = nil
    end
  end
end

--- A create begins: its answer may come. The token lives as long as the create itself: where that
--- dies of an error, the collector ends it.
---@return table token
function Ledger:begin(wanted)
  local print = fingerprint(wanted)
  local token = { print = print }
  self.open[print] = self.open[print] or setmetatable({}, { __mode = "k" })
  self.open[print][token] = true
  return token
end

--- The answer will not come any more: the ticket is looked for.
function Ledger:lost(token)
  local alike = self.open[token.print]
  if alike then
    alike[token] = nil
    if next(alike) == nil then
      self.open[token.print] = nil
    end
  end
end

--- The create has ended, with that ticket where it has one.
function Ledger:finish(token, id)
  self:lost(token)
  if id ~= nil then
    sweep(self)
    self.given[id_text(id)] = self.clock()
  end
end

--- Whether another create with the same fields may still be answered: a ticket that is found may
--- be its own.
function Ledger:is_contended(token)
  return self.open[token.print] ~= nil and next(self.open[token.print]) ~= nil
end

--- Whether a caller has been given that ticket.
function Ledger:is_claimed(id)
  return self.given[id_text(id)] ~= nil
end

return reconcile
