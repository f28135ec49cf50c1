-- SPDX-License-Identifier: MIT
--- HelpDesk's webhook deliveries as data: {eventType, createdAt, payload}. How their members are
--- read stands with the other kinds, in init.lua. ([R] [W] api-reference 4.4) Pure.
local json = require "livechat.json"

local WIRE = { "tickets.create", "tickets.update", "tickets.statusChange", "tickets.events.status",
  "tickets.events.priority", "tickets.events.assignment", "tickets.events.message",
  "tickets.events.tags", "tickets.events.followers" }

local events = {
  -- Our names by the wire's; a handler of either sees the event.
  names = { ["tickets.create"] = "ticket_created" },
  wire_names = { ticket_created = "tickets.create" },
  -- What a webhook can be registered for.
  registrable = { "ticket_created" },
  type = "eventType",
  payload = function(wire)
    local payload = wire.payload
    if type(payload) ~= "table" then return wire end
    return payload.ID ~= nil and { ticket = payload } or payload
  end,
  -- It stands in the URL's query: nothing in the body is secret.
  secret_in_query = "token",
  members = "event",
  records = { ticket = "ticket", event = "ticket_event" },
  volatile = {},
}
for _, name in ipairs(WIRE) do
  events.names[name] = events.names[name] or name
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

local function last(list)
  return type(list) == "table" and list[#list] or nil
end

--- Whether the client itself did what the event tells; nil where that cannot be known.
---@param made table the event, for handlers
---@param wire table
---@param own string|nil the ID of the agent whom the client signs in as
---@return boolean|nil
function events.own(made, wire, own)
  local payload = events.payload(wire)
  local ticket = type(payload.ticket) == "table" and payload.ticket or {}
  local event = type(payload.event) == "table" and payload.event or last(ticket.events)
  local created = made.type == "ticket_created"
  local author = type(event) == "table" and event.author or nil
  local source = created and ticket.source or type(event) == "table" and event.source or nil
  local kind = type(source) == "table" and source.type
  if type(kind) == "string" and kind ~= "api" then
    return false
  elseif type(author) ~= "table" then
    return nil
  elseif created and type(ticket.createdBy) == "string" and own then
    return ticket.createdBy == own or author.ID == own
  elseif author.type == "client" and not created then
    return false
  elseif own == nil then
    return nil
  end
  return author.ID == own
end

return events
