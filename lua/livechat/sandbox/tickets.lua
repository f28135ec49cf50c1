-- SPDX-License-Identifier: MIT
-- The account's tickets. A ticket is never changed: a write makes a new version, so that the list,
-- which lags writes, goes on showing the old one.
local json = require "livechat.json"
local views = require "livechat.sandbox.views"
local filters = require "livechat.sandbox.filters"

local Tickets = {}
Tickets.__index = Tickets

local PAGE = 25
local SOURCES = { ["chat-window"] = true, mail = true, lc2 = true }
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

---@param agents table Agents
---@param options table { lag=, update=, wrapper=, variants= } the service's, read at each call
function Tickets.new(agents, options)
  return setmetatable({ agents = agents, options = options, count = 0, version = 0, by_id = {},
    index = {}, indexed = {}, memo = {}, pending = {}, first_pending = 1, last_pending = 0 },
    Tickets)
end

-- Versions and the index ---------------------------------------------------------------------

-- `index` is the list as it shows, oldest change first, dense, so that any page is at hand.
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
  index[#index + 1] = ticket
  self.indexed[ticket.id] = ticket
  self.memo = {}
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
  self.by_id[ticket.id] = ticket
  self.last_pending = self.last_pending + 1
  self.pending[self.last_pending] = { at = now, ticket = ticket }
end

--- Stores a finished ticket of the seed at once, in the order of `modified`.
function Tickets:plant(ticket)
  self.count, self.version = self.count + 1, self.version + 1
  ticket.version = self.version
  self.by_id[ticket.id], self.indexed[ticket.id] = ticket, ticket
  self.index[#self.index + 1] = ticket
end

--- A copy to change and `put`; `events` and `requester` are copied too.
local function edition(ticket)
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
  if ticket then self:put(edition(ticket), now) end
  return ticket ~= nil
end

-- Answers ------------------------------------------------------------------------------------

function Tickets:answer(ticket)
  if self.options.wrapper then
    return views.ticket_page({ ticket }, 1, 1, self.options.variants)
  end
  return views.ticket(ticket, self.options.variants)
end

--- GET /tickets
function Tickets:list(call)
  self:settle(call.now)
  local matches, key, errors = filters.read(call.query)
  errors = errors or json.array()
  local order, page = call.query.order or "desc", call.query.page or "1"
  if order ~= "asc" and order ~= "desc" then
    errors[#errors + 1] = "order must be asc or desc"
  end
  page = type(page) == "string" and #page < 10 and page:find("^%d+$") and tonumber(page)
  if not page or page < 1 then errors[#errors + 1] = "page must be a number from 1" end
  if #errors > 0 then return nil, 400, { errors = errors } end

  local found = self.index
  if matches and self.memo.key == key then
    found = self.memo.found
  elseif matches then
    found = {}
    for _, ticket in ipairs(self.index) do
      if matches(ticket) then found[#found + 1] = ticket end
    end
    self.memo = { key = key, found = found }
  end
  local total, tickets = #found, {}
  for place = (page - 1) * PAGE + 1, math.min(page * PAGE, total) do
    tickets[#tickets + 1] = found[order == "desc" and total - place + 1 or place]
  end
  return views.ticket_page(tickets, math.ceil(total / PAGE), total, self.options.variants)
end

--- GET /tickets/{id}: never lags.
function Tickets:get(call)
  local ticket = self.by_id[call.id]
  if not ticket then return nil, 404, { error = "Ticket not found" } end
  return self:answer(ticket)
end

-- Writes -------------------------------------------------------------------------------------

local function text(value)
  return type(value) == "string" and value ~= ""
end

local function part(fields, name, errors)
  local value = fields[name]
  if value == nil then return {} end
  if type(value) ~= "table" then errors[#errors + 1] = name .. " must be an object" return {} end
  return value
end

-- What POST /tickets and the connector's UpdateTicket share. Nothing is kept of a refused call.
function Tickets:read(fields, errors)
  local requester, source = part(fields, "requester", errors), part(fields, "source", errors)
  local assignee = part(fields, "assignee", errors)
  local taken = { message = fields.message, subject = fields.subject }
  if not text(requester.mail) or not requester.mail:find("^[^%s@]+@[^%s@]+$") then
    errors[#errors + 1] = "requester[mail] must be a valid e-mail address"
  end
  for name, value in pairs({ message = fields.message, subject = fields.subject,
    ["requester[name]"] = requester.name, ["source[url]"] = source.url }) do
    if type(value) ~= "string" then errors[#errors + 1] = name .. " must be a text" end
  end
  if source.type ~= nil and not SOURCES[source.type] then
    errors[#errors + 1] = "source[type] must be one of: chat-window, mail, lc2"
  end
  taken.requester = { mail = requester.mail, name = requester.name }
  if source.type ~= nil or source.url ~= nil then taken.source = source end
  if assignee.id ~= nil then
    taken.assignee = self.agents:reference(assignee.id)
    if not taken.assignee then errors[#errors + 1] = "assignee[id] must be an agent" end
  end
  return taken
end

local function group_ids(value, errors)
  if value == nil then return { 0 } end
  local ids = {}
  for i, each in ipairs(type(value) == "table" and value or {}) do
    ids[i] = tonumber(each) and math.floor(tonumber(each))
    if not views.GROUPS[ids[i] or -1] then
      errors[#errors + 1] = "group must hold ids of existing groups"
      return nil
    end
  end
  if #ids == 0 then errors[#errors + 1] = "group must be a list of group ids" end
  return ids
end

-- Only the chat window has a URL; `id` is the related chat's.
local function source_of(wanted, kind, id)
  kind = wanted.type or kind
  return { type = kind, url = kind == "chat-window" and wanted.url or nil, id = id }
end

local function message_event(author, kind, message, source, now)
  return { type = "message", date = now, message = message, is_private = false, source = source,
    author = { id = author.id, name = author.name, type = kind } }
end

function Tickets:assign(ticket, assignee, by, now)
  ticket.assignee = assignee
  ticket.events[#ticket.events + 1] = { type = "assignee_changed", date = now, to = assignee,
    author = self.agents:reference(by) or { id = by, name = by } }
end

--- POST /tickets; `ticket` is the new one, for whoever tells others about it.
---@return table|nil value, integer|nil status, table|nil body, table|nil ticket
function Tickets:create(call)
  local fields, errors = call.fields, json.array()
  local taken = self:read(fields, errors)
  local groups = group_ids(fields.group, errors)
  if not text(fields.message) then errors[#errors + 1] = "message is required" end
  table.sort(errors)
  if #errors > 0 then return nil, 400, { error = errors } end -- `error`, and yet a list
  self.count = self.count + 1
  local source = source_of(taken.source or {}, "lc2")
  local ticket = { id = Tickets.id(self.count), status = "open", groups = groups, tags = {},
    subject = text(taken.subject) and taken.subject or "(no subject)", source = source,
    requester = { mail = taken.requester.mail, name = taken.requester.name or "" },
    date = call.now, opened = { { from = call.now } }, events = {} }
  ticket.events[1] = message_event({ id = taken.requester.mail, name = ticket.requester.name },
    "client", taken.message, source, call.now)
  if taken.assignee then self:assign(ticket, taken.assignee, call.login, call.now) end
  self:put(ticket, call.now)
  return self:answer(ticket), nil, nil, ticket
end

local CONNECTOR = { "message", "requester", "subject", "assignee", "source" }

local function tag_list(value, errors)
  local tags, seen = {}, {}
  if value ~= nil and (type(value) ~= "table" or next(value) ~= nil and value[1] == nil) then
    errors[#errors + 1] = "tag must be a list of names"
    return tags
  end
  for _, tag in ipairs(value or {}) do
    if not text(tag) then errors[#errors + 1] = "tag must hold names" return tags end
    if not seen[tag] then tags[#tags + 1] = tag end
    seen[tag] = true
  end
  return tags
end

--- PUT /tickets/{id}/tags. `tag` replaces the tags, and without it there are none left. What the
-- service does with the other members that the connector sends is not known: with update = "apply"
-- they are taken and want requester[mail], as the connector's definition says; with "ignore" only
-- `tag` counts, as the documentation says.
function Tickets:tag(call)
  local old = self.by_id[call.id]
  if not old then return nil, 404, { error = "Ticket not found" } end
  local fields, errors, taken = call.fields, json.array(), {}
  local tags = tag_list(fields.tag, errors)
  if self.options.update == "apply" then
    for _, name in ipairs(CONNECTOR) do
      if fields[name] ~= nil then taken = self:read(fields, errors) break end
    end
  end
  table.sort(errors)
  if #errors > 0 then return nil, 400, { errors = errors } end
  local ticket = edition(old)
  ticket.tags = tags
  ticket.subject = taken.subject or old.subject
  for name, value in pairs(taken.requester or {}) do ticket.requester[name] = value end
  if taken.source then
    ticket.source = source_of(taken.source, old.source.type, old.source.id)
  end
  if taken.assignee and (not old.assignee or old.assignee.id ~= taken.assignee.id) then
    self:assign(ticket, taken.assignee, call.login, call.now)
  end
  if text(taken.message) then
    ticket.events[#ticket.events + 1] = message_event(self.agents:reference(call.login) or
      { id = call.login, name = call.login }, "agent", taken.message, { type = "lc2" }, call.now)
  end
  self:put(ticket, call.now)
  return self:answer(ticket)
end

return Tickets
