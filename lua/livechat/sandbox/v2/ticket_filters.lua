-- SPDX-License-Identifier: MIT
-- The query of GET /tickets, as one predicate.
local filters = require "livechat.sandbox.v2.filters"

local ticket_filters = {}

local holds = filters.holds

local function in_text(ticket, part)
  if holds(ticket.subject, part) or holds(ticket.id, part) or holds(ticket.requester.mail, part) or
      holds(ticket.requester.name, part) then
    return true
  end
  for _, event in ipairs(ticket.events) do
    if holds(event.message, part) then return true end
  end
  for _, tag in ipairs(ticket.tags) do
    if holds(tag, part) then return true end
  end
  return false
end

local function of_requester(value)
  local mail = type(value) == "table" and value.mail
  if type(mail) ~= "string" then return nil, "must be given as requester[mail]" end
  mail = mail:lower()
  return function(ticket) return ticket.requester.mail:lower() == mail end
end

local function is_assignee(ticket, login)
  return ticket.assignee ~= nil and ticket.assignee.id == login
end

local MAKERS = {
  assigned = filters.flag(function(ticket) return ticket.assignee ~= nil end),
  tagged = filters.flag(function(ticket) return #ticket.tags > 0 end),
  status = filters.known({ "open", "pending", "solved", "spam" },
    function(ticket, status) return ticket.status == status end),
  source = filters.known({ "lc2", "mail", "facebook", "agent-app-manual", "chat-window" },
    function(ticket, source) return ticket.source.type == source end),
  assignee = filters.text(is_assignee),
  tag = filters.text(filters.tagged),
  source_id = filters.text(function(ticket, id) return ticket.source.id == id end),
  query = filters.query(in_text),
  requester = of_requester,
  group = filters.group,
  agent = filters.any_of("agent", is_assignee),
}

-- One activity must lie between the two days, both included.
local function between(from, to)
  local function inside(time) return time >= from and time < to end
  return function(ticket)
    if inside(ticket.modified) then return true end
    for _, event in ipairs(ticket.events) do
      if inside(event.date) then return true end
    end
    return false
  end
end

--- As filters.read.
function ticket_filters.read(service, query)
  return filters.read(service, query, MAKERS, between)
end

return ticket_filters
