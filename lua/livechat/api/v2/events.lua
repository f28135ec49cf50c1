-- SPDX-License-Identifier: MIT
--- The webhook deliveries of API version 2 as data. How their members are read stands with the
--- other kinds, in init.lua. Pure.
local CHAT = { "chat", "visitor", "pre_chat_survey" }

local events = {
  -- The events that there are, and which data each may carry.
  data_types = {
    chat_started = CHAT, chat_ended = CHAT, chat_changed = { "chat", "visitor" },
    visitor_queued = { "visitor" }, ticket_created = { "ticket" },
    canned_response_changed = { "canned_response" },
  },
  -- The members that hold the event's type, what it is known by, and the account's number.
  type = "event_type",
  secret = "token",
  account = "license_id",
  -- The kind that tells how its members are read, and which of them become records.
  members = "event",
  records = { ticket = "ticket" },
  -- The calls that an event makes: a resource's method, about one of its members. The pair of the
  -- account's number and the token does for them. ([D] 2018, docs/service.md)
  calls = { visitor_details = { resource = "visitors", method = "details", about = "visitor" } },
  -- What may differ between two deliveries of one event.
  volatile = { "lc_version" },
}
events.names = events.data_types

--- The event that a thing of a list is which is new: what a watch stands in for.
events.watched = {
  resource = "tickets",
  wire = function(ticket) return { event_type = "ticket_created", ticket = ticket } end,
}

--- Whether a decoded body is an event of this dialect.
---@param wire table
---@return boolean
function events.is(wire)
  return wire[events.type] ~= nil
end

-- What an event without an id of its own is named by, the first that is there.
local OBJECTS = { "ticket", "chat", "canned_response", "visitor" }

--- What tells the event from others.
---@param wire table
---@return any unique the event's own id, the same in every delivery of it; nil where it has none
---@return any about the id of what it is about
function events.identity(wire)
  for _, name in ipairs(OBJECTS) do
    local about = wire[name]
    if type(about) == "table" and about.id ~= nil then
      return wire.event_unique_id, about.id
    end
  end
  return wire.event_unique_id, nil
end

return events
