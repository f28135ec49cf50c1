-- SPDX-License-Identifier: MIT
-- HelpDesk's webhooks: one event type each, no secret but what the URL holds.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local views = require "livechat.sandbox.helpdesk.views"
local changes = require "livechat.sandbox.helpdesk.changes"
local Deliveries = require "livechat.sandbox.deliveries"
local Identities = require "livechat.sandbox.identities"
local Tickets = require "livechat.sandbox.tickets"

local webhooks = {}

webhooks.TYPES = { "tickets.create", "tickets.update", "tickets.statusChange",
  "tickets.events.status", "tickets.events.priority", "tickets.events.assignment",
  "tickets.events.message", "tickets.events.tags", "tickets.events.followers" }

local KNOWN = {}
for _, name in ipairs(webhooks.TYPES) do KNOWN[name] = true end

-- Any 2xx ends a delivery. Else it is sent again after 1, 2, 4, … 128 minutes, then every 4 hours:
-- together a day and a quarter of an hour.
local RULES = {
  takes = function(status) return status >= 200 and status < 300 end,
  wait = function(attempts)
    if attempts > 13 then return nil end
    return attempts <= 8 and 60 * 2 ^ (attempts - 1) or 14400
  end,
}

-- Registering ------------------------------------------------------------------------------------

local URL, NAME = schema.url, schema.nullable(schema.text(256))
local TYPE = schema.one_of(webhooks.TYPES)
local CREATE = schema.object({ ["url*"] = URL, ["eventType*"] = TYPE, name = NAME })
local UPDATE = schema.object({ url = URL, eventType = TYPE, name = NAME })

local function view(service, hook)
  local function date(seconds) return today.date(service, seconds, views.DECIMALS, hook.id) end
  local by = views.agent_id(service, hook.by)
  return { ID = hook.id, licenseID = today.id(service, service.options.license_id),
    name = hook.name or json.null, url = hook.url, eventType = hook.event_type,
    createdAt = date(hook.created), createdBy = by, createdByType = "agent",
    updatedAt = date(hook.updated), updatedBy = by }
end

local function find(service, id)
  for i, hook in ipairs(service.helpdesk.hooks) do
    if hook.id == id then return hook, i end
  end
end

local function not_found()
  return nil, 404, { type = "notFound", message = "webhook not found" }
end

local function check(form, fields)
  local path, message = form(fields)
  if not path and fields.url and not Deliveries.target(fields.url) then
    path, message = "url", "must be a valid uri"
  end
  return path, message
end

--- GET /webhooks
function webhooks.list(service)
  local list = json.array()
  for i, hook in ipairs(service.helpdesk.hooks) do list[i] = view(service, hook) end
  return list
end

--- GET /webhooks/{id}
function webhooks.get(service, call)
  local hook = find(service, call.id)
  if not hook then return not_found() end
  return view(service, hook)
end

--- POST /webhooks
function webhooks.create(service, call)
  local path, message = check(CREATE, call.fields)
  if path then return nil, 422, { path = path, message = message } end
  local state = service.helpdesk
  state.hook_count = state.hook_count + 1
  local hook = { id = service.identities:of("webhook", state.hook_count), url = call.fields.url,
    event_type = call.fields.eventType, name = call.fields.name, by = call.caller.login,
    created = call.now, updated = call.now, rules = RULES }
  state.hooks[#state.hooks + 1] = hook
  return view(service, hook), nil, nil, "created"
end

--- PATCH /webhooks/{id}
function webhooks.update(service, call)
  local hook = find(service, call.id)
  if not hook then return not_found() end
  local path, message = check(UPDATE, call.fields)
  if path then return nil, 422, { path = path, message = message } end
  hook.url, hook.event_type = call.fields.url or hook.url, call.fields.eventType or hook.event_type
  if call.fields.name ~= nil then hook.name = call.fields.name end
  hook.updated = call.now
  return view(service, hook)
end

--- DELETE /webhooks/{id}; what is already in line still goes out.
function webhooks.delete(service, call)
  local hook, at = find(service, call.id)
  if not hook then return not_found() end
  table.remove(service.helpdesk.hooks, at)
  return today.NOTHING
end

-- Deliveries -------------------------------------------------------------------------------------

local function wanted(service, event_type)
  for _, hook in ipairs(service.helpdesk.hooks) do
    if hook.event_type == event_type then return true end
  end
  return false
end

local function publish(service, event_type, payload, about, now)
  local count, body = 0, nil
  for _, hook in ipairs(service.helpdesk.hooks) do
    if hook.event_type == event_type then
      body = body or json.encode({ eventType = event_type, payload = payload,
        createdAt = today.date(service, now, views.DECIMALS, about) })
      service.deliveries:queue(hook, body, about, now)
      count = count + 1
    end
  end
  return count
end

-- The ticket without its silo, with its whole history.
local function payload_of(service, ticket)
  local payload = views.ticket(service, ticket, true)
  payload.silo = nil
  return payload
end

-- What hooks hear of a change: { event_type, payload }, those that a hook wants or `name`.
local function news(service, ticket, old, name)
  local list, payload = {}, nil
  local function add(event_type, event)
    if event_type ~= name and not wanted(service, event_type) then return end
    payload = payload or payload_of(service, ticket)
    list[#list + 1] = { event_type, event and { ticket = payload, event = event } or payload }
  end
  if not old then
    add("tickets.create")
    return list
  end
  add("tickets.update")
  local first = #old.events + 1
  for i = first, #ticket.events do
    local kind = ticket.events[i].type
    if kind == "assignee_changed" then kind = "assignment" end
    if kind == "status" then add("tickets.statusChange") end
    if KNOWN["tickets.events." .. kind] then
      payload = payload or payload_of(service, ticket)
      add("tickets.events." .. kind, payload.events[i])
    end
  end
  return list
end

--- Tells the webhooks what has happened to a ticket, whichever API caused it.
---@param what string "ticket_created", "ticket_updated"; anything else is no concern of HelpDesk's
---@param old table|nil the version before
function webhooks.tell(service, what, ticket, now, old)
  if what ~= "ticket_created" and what ~= "ticket_updated" then return end
  for _, each in ipairs(news(service, ticket, old)) do
    publish(service, each[1], each[2], Identities.ticket(ticket.id), now)
  end
end

-- Events on request ------------------------------------------------------------------------------

local function open(service, now)
  local ticket = service.tickets:open({ subject = "Sent by the sandbox", groups = { 0 },
    message = "The sandbox was asked to send this.", source = { type = "lc2" },
    requester = { mail = "mary.brown@example.net", name = "Mary Brown" } }, now)
  service.tickets:put(ticket, now)
  return ticket
end

-- What each type asks of a ticket, as a body's fields and what they name.
local function change_for(service, name, ticket)
  local kind = name:match("^tickets%.events%.(%a+)$")
  local team, other = views.team_of(ticket), service.agents.list_of[2] or service.agents.list_of[1]
  local fields, found = {}, { teams = ticket.groups, team = team }
  if kind == "status" or name == "tickets.statusChange" then
    fields.status = views.status(ticket) == "open" and "pending" or "open"
    fields.teamIDs, fields.assignment = {}, {}
  elseif kind == "priority" then
    fields.priority = (ticket.priority or 0) == 0 and 10 or 0
  elseif kind == "tags" then
    found.tags = ticket.tags[1] and {} or { "support" }
    fields.teamIDs, fields.assignment = {}, {}
  elseif kind == "followers" then
    found.followers = (ticket.followers or {})[1] and {} or { other.login }
  elseif kind == "assignment" then
    fields.assignment = { agent = {} }
    found.login = (ticket.assignee or {}).id ~= other.login and other.login or nil
  else
    fields.message = { text = "The sandbox was asked to send this." }
  end
  return fields, found
end

--- Sends one event to the webhooks that are registered for it, and has happen what it tells.
---@param name string one of TYPES
---@param over table what is merged over the payload; json.null removes a member
---@return string|nil about
---@return integer|string|nil deliveries
function webhooks.trigger(service, name, over, now)
  if not KNOWN[name] then return nil end
  local _, wrong = schema.any(over)
  if wrong then return nil, name .. " " .. wrong end
  local newest = service.tickets:latest(1, now)[1]
  local old = name ~= "tickets.create" and (newest or open(service, now)) or nil
  local ticket
  if old then
    local agent = service.agents.list_of[1]
    ticket = Tickets.edition(old)
    local fields, found = change_for(service, name, ticket)
    changes.apply(service, ticket, fields, found,
      { id = agent.login, name = agent.name, type = "agent" }, now)
    service.tickets:put(ticket, now)
  else
    ticket = open(service, now)
  end
  local about, count = Identities.ticket(ticket.id), 0
  for _, each in ipairs(news(service, ticket, old, name)) do
    local payload = each[1] == name and today.merge(each[2], over) or each[2]
    count = count + publish(service, each[1], payload, about, now)
  end
  service:tell(old and "ticket_updated" or "ticket_created", ticket, now, old, "helpdesk")
  return about, count
end

return webhooks
