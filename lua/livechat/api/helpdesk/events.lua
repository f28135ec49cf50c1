-- SPDX-License-Identifier: MIT
--- HelpDesk's webhook deliveries as data: {eventType, createdAt, payload}. How their members are
--- read stands with the other kinds, in init.lua. ([R] [W] docs/service.md) Pure.
local json = require "livechat.json"
local names = require "livechat.api.helpdesk.names"

local WIRE = { "tickets.create", "tickets.update", "tickets.statusChange", "tickets.events.status",
  "tickets.events.priority", "tickets.events.assignment", "tickets.events.message",
  "tickets.events.tags", "tickets.events.followers" }

local events = {
  -- Our names by the wire's; a handler of either sees the event.
  names = {}, ours = { ["tickets.create"] = "ticket_created" },
  wire_names = { ticket_created = "tickets.create" },
  -- What a webhook can be registered for.
  registrable = { "ticket_created" },
  type = "eventType",
  payload = function(wire)
    local payload = wire.payload
    if type(payload) ~= "table" then return wire end
    return payload.ID ~= nil and { ticket = payload } or payload
  end,
  account = function(wire)
    local payload = wire.payload
    local ticket = type(payload) == "table" and (payload.ID ~= nil and payload or payload.ticket)
    local id = type(ticket) == "table" and ticket.licenseID
    return type(id) == "number" and json.encode(json.integer(id)) or id or nil
  end,
  -- It stands in the URL's query: nothing in the body is secret.
  secret_in_query = "token",
  members = "event",
  records = { ticket = "ticket", event = "ticket_event" },
  volatile = {},
}
--- The event that a thing of a list is which is new: what a watch stands in for.
events.watched = {
  resource = "tickets",
  wire = function(ticket) return { eventType = "tickets.create", payload = ticket } end,
}

for _, name in ipairs(WIRE) do
  events.names[name] = true
  events.registrable[#events.registrable + 1] = name
end

--- What percent-encoding stands for, of a value of a query.
---@param text string
---@return string
function events.decode(text)
  return (text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

--- Whether a decoded body is an event of this dialect.
---@param wire table
---@return boolean
function events.is(wire)
  return wire.eventType ~= nil
end

local function text(value)
  if type(value) == "number" then return json.encode(json.integer(value)) end
  return type(value) == "string" and value ~= "" and value or nil
end

--- What tells the event from others: the ticket and, of a change that is told by itself, the event.
--- An update tells the whole ticket, and is told by all that it says.
---@return string|nil unique
---@return any about the ticket
function events.identity(wire)
  local payload = events.payload(wire)
  local ticket = type(payload.ticket) == "table" and text(payload.ticket.ID)
  local event = type(payload.event) == "table" and text(payload.event.ID)
  local kind = type(wire.eventType) == "string" and wire.eventType:match("%.(%a+)$")
  if not ticket or not kind then
    return nil, ticket or nil
  elseif event then
    return kind .. "-" .. ticket .. "-" .. event, ticket
  elseif wire.eventType == "tickets.create" then
    return kind .. "-" .. ticket, ticket
  end
  return nil, ticket
end

local function is_object(value)
  return type(value) == "table" and value[1] == nil
end

-- Who did what an event tells, and by which way: an author and the type of a source.
local function origin(payload, created)
  local ticket = is_object(payload.ticket) and payload.ticket or {}
  local list = type(ticket.events) == "table" and ticket.events or {}
  local event = is_object(payload.event) and payload.event or list[created and 1 or #list]
  event = is_object(event) and event or {}
  local source = created and ticket.source or event.source
  return is_object(event.author) and event.author or {}, is_object(source) and source.type or nil
end

--- Whether the client itself did what an event tells; nil where that is not known.
---@param own string|nil the ID of the agent whom the client signs in as
local function is_own(payload, kind, own)
  local author, source = origin(payload, kind == "tickets.create")
  if source ~= nil and source ~= "api" then
    return false -- a letter, a chat, HelpDesk's own pages
  elseif author.type == "client" then
    -- A ticket may be created in the name of its requester, by any program with a token.
    if kind == "tickets.create" then return nil end
    return false
  elseif own == nil or author.ID == nil then
    return nil
  end
  return names.text(author.ID) == own
end

--- What is read of a delivery. `own` says whether the client itself caused it, as far as it shows.
function events.shape(payload, wire)
  return { ticket = payload.ticket, event = payload.event, own = is_own(payload, wire.eventType) }
end

--- Finds out whether the client itself caused an event, where the delivery alone does not show it.
---@param event livechat.Event
---@param client livechat.Client
---@param account string|nil the account's id, or the address, with which the client signs in
---@param now number seconds of a clock that only goes forward
function events.complete(event, client, account, now)
  if event.own == nil and account then
    local id = names.own(client, account, now)
    local wire = event:raw()
    if id then
      event.own = is_own(events.payload(wire), wire.eventType, id)
    end
  end
  return true
end

return events
