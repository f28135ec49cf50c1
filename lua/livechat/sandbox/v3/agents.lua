-- SPDX-License-Identifier: MIT
-- The Configuration API's actions about agents. A handler answers a value, or nil, an error's type
-- and its message.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local tokens = require "livechat.sandbox.accounts.tokens"
local extras = require "livechat.sandbox.v3.extras"
local agent_views = require "livechat.sandbox.v3.agent_views"

local object, text, list, one_of = schema.object, schema.text, schema.list, schema.one_of

local LOGIN = text(254, 1)
local ROLES = { "viceowner", "administrator", "normal" }
local PRIORITIES = { "first", "normal", "last", "supervisor" }
local DAYS = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }
local CLOCK = schema.match("^[012]%d:[0-5]%d$", "must be a time, HH:MM")

local MEMBERS = {
  role = one_of(ROLES), login_status = one_of({ "accepting chats", "not accepting chats" }),
  job_title = text(256), mobile = text(64), max_chats_count = schema.integer(0, 20),
  awaiting_approval = schema.boolean,
  groups = list(object({ ["id*"] = schema.integer(0, 2 ^ 31),
    ["priority*"] = one_of(PRIORITIES) })),
  notifications = list(one_of(agent_views.NOTIFICATIONS)),
  email_subscriptions = list(one_of({ "daily_summary", "weekly_summary" })),
  work_scheduler = object({ ["timezone*"] = text(64, 1), schedule = list(object({
    ["day*"] = one_of(DAYS), ["enabled*"] = schema.boolean, ["start*"] = CLOCK, ["end*"] = CLOCK }),
    50) }),
}
local CREATE = { ["id*"] = schema.email, ["name*"] = text(191, 1) }
local UPDATE = { ["id*"] = LOGIN }
for name, check in pairs(MEMBERS) do CREATE[name], UPDATE[name] = check, check end
CREATE, UPDATE = object(CREATE), object(UPDATE)
local ID = object({ ["id*"] = LOGIN })
local FIELDS = list(one_of(agent_views.FIELDS))

local agents = {}

local function find(service, call, scope)
  local agent = service.agents.by_login[call.fields.id]
  if not agent then return nil, "not_found", "Agent not found" end
  if agent.login ~= call.login and not tokens.allowed(call.caller, scope) then
    return nil, "authorization", "Missing required scope: " .. scope
  end
  return agent
end

local function owner_stays(agent)
  if agent.permission == "owner" then
    return nil, "validation", "`id` must not be the owner's"
  end
  return agent
end

-- What must be true of a body beside its form.
local function group_error(service, fields)
  for _, each in ipairs(fields.groups or {}) do
    if not service.groups.by_id[each.id] then return each.id end
  end
end

local function take_notifications(service, agent, names)
  local own, wanted = extras.of(service, agent), {}
  for _, name in ipairs(names) do wanted[name] = true end
  own.notifications = {}
  for _, name in ipairs(agent_views.NOTIFICATIONS) do
    if agent.notifications[name] ~= nil or agent_views.IN_V2[name] then
      agent.notifications[name] = wanted[name] and 1 or 0
    elseif wanted[name] then
      own.notifications[name] = true
    end
  end
end

-- The store has hours once a day: of several the last ones stay.
local function take_schedule(service, agent, scheduler)
  local days = {}
  for _, each in ipairs(scheduler.schedule or {}) do
    days[each.day] = { enabled = each.enabled and 1 or 0, start = each.start,
      ["end"] = each["end"] }
  end
  service.agents:schedule(agent, days)
  extras.of(service, agent).timezone = scheduler.timezone
end

local function take(service, agent, fields)
  local own = extras.of(service, agent)
  if fields.role then
    agent.permission = fields.role == "viceowner" and "administrator" or fields.role
    own.role = fields.role
  end
  for _, name in ipairs({ "login_status", "job_title", "max_chats_count" }) do
    if fields[name] ~= nil then agent[name] = fields[name] end
  end
  for _, name in ipairs({ "mobile", "awaiting_approval", "email_subscriptions" }) do
    if fields[name] ~= nil then own[name] = fields[name] end
  end
  if fields.email_subscriptions then
    agent.daily_summary = 0
    for _, name in ipairs(fields.email_subscriptions) do
      if name == "daily_summary" then agent.daily_summary = 1 end
    end
  end
  if fields.groups then
    local ids = {}
    own.priorities = {}
    for i, each in ipairs(fields.groups) do
      ids[i], own.priorities[each.id] = each.id, each.priority
    end
    agent.groups = ids[1] and ids or { 0 }
  end
  if fields.notifications then take_notifications(service, agent, fields.notifications) end
  if fields.work_scheduler then take_schedule(service, agent, fields.work_scheduler) end
end

local function changed(service, what, agent, call, changes)
  service:tell(what, agent, call.now, changes, nil, call.caller)
  return today.NOTHING
end

local function create(service, call)
  local fields, seats = call.fields, service.options.seats
  if service.agents.by_login[fields.id] then
    return nil, "already_exists", "Agent already exists"
  end
  if seats and #service.agents.list_of >= seats then
    return nil, "limit_reached", "Agents limit reached"
  end
  if group_error(service, fields) then return nil, "group_not_found", "Group not found" end
  local agent = service.agents:add(fields.id, { name = fields.name,
    login_status = "not accepting chats" })
  local spread = service.options.today.spread
  extras.of(service, agent).appears = spread and call.now + spread
  take(service, agent, fields)
  service:tell("agent_created", agent, call.now, fields, nil, call.caller)
  return { id = agent.login }
end

local function get(service, call)
  local agent, kind, message = find(service, call, "agents--all:ro")
  if not agent then return nil, kind, message end
  local shown = agent_views.shown(service, agent, call.fields.fields, call.now)
  if not shown then return nil, "not_found", "Agent not found" end
  return shown
end

local function list_agents(service, call)
  local filters, result = call.fields.filters or {}, json.array()
  local groups
  for _, id in ipairs(filters.group_ids or {}) do
    groups = groups or {}
    groups[id] = true
  end
  for _, agent in ipairs(service.agents.list_of) do
    local inside = not groups or groups[0]
    for _, id in ipairs(agent.groups) do inside = inside or groups[id] end
    local suspended = extras.of(service, agent).suspended == true
    if inside and (filters.suspended == nil or filters.suspended == suspended) then
      result[#result + 1] = agent_views.in_list(service, agent, call.fields.fields, call.now)
    end
  end
  return result
end

local function update(service, call)
  local agent, kind, message = find(service, call, "agents--all:rw")
  if not agent then return nil, kind, message end
  if call.fields.role and not tokens.allowed(call.caller, "accounts.roles.lc--all:rw") then
    return nil, "authorization", "Missing required scope: accounts.roles.lc--all:rw"
  end
  if call.fields.role then
    agent, kind, message = owner_stays(agent)
    if not agent then return nil, kind, message end
  end
  if group_error(service, call.fields) then return nil, "group_not_found", "Group not found" end
  agent_views.remember(service, agent, call.now)
  take(service, agent, call.fields)
  return changed(service, "agent_updated", agent, call, call.fields)
end

local function delete(service, call)
  local agent, kind, message = find(service, call, "agents--all:rw&accounts--all:rw")
  if agent then agent, kind, message = owner_stays(agent) end
  if not agent then return nil, kind, message end
  service.agents:remove(agent)
  return changed(service, "agent_deleted", agent, call)
end

-- An agent's state that an action switches.
local function switch(member, value, what)
  return function(service, call)
    local agent, kind, message = find(service, call, "agents--all:rw")
    if agent then agent, kind, message = owner_stays(agent) end
    if not agent then return nil, kind, message end
    extras.of(service, agent)[member] = value
    if member == "suspended" and value then agent.status = "offline" end
    return changed(service, what, agent, call)
  end
end

agents.create_agent = { create, CREATE, scopes = "accounts--all:rc accounts--all:rw" }
agents.get_agent = { get, object({ ["id*"] = LOGIN, fields = FIELDS }),
  scopes = "agents--my:ro agents--all:ro" }
agents.list_agents = { list_agents, object({ fields = FIELDS, filters = object({
  group_ids = list(schema.integer(0, 2 ^ 31)), suspended = schema.boolean }) }),
  scopes = "agents--all:ro" }
agents.update_agent = { update, UPDATE, scopes = "agents--my:rw agents--all:rw" }
agents.delete_agent = { delete, ID,
  scopes = "agents--my:rw&accounts--my:rw agents--all:rw&accounts--all:rw" }
agents.suspend_agent = { switch("suspended", true, "agent_suspended"), ID,
  scopes = "agents--all:rw" }
agents.unsuspend_agent = { switch("suspended", nil, "agent_unsuspended"), ID,
  scopes = "agents--all:rw" }
agents.approve_agent = { switch("awaiting_approval", nil, "agent_approved"), ID,
  scopes = "agents--all:rw" }
agents.request_agent_unsuspension = { function() return today.NOTHING end, object({}) }

-- Batches: the requests one after the other, each with an answer of its own.
local REQUESTS = object({ ["requests*"] = list(schema.any, 100, 1) })

local function batch(action)
  return { function(service, call)
    local responses = json.array()
    for i, fields in ipairs(call.fields.requests) do
      local own = {}
      for name, value in pairs(call) do own[name] = value end
      own.fields = fields
      local value, refusal = call.run(service, action, own)
      if value == nil then
        responses[i] = json.decode(refusal.body)
      else
        responses[i] = value ~= today.NOTHING and value or {}
      end
    end
    return { responses = responses }
  end, REQUESTS, scopes = action.scopes }
end

for _, name in ipairs({ "create", "update", "delete", "suspend", "unsuspend", "approve" }) do
  agents["batch_" .. name .. "_agents"] = batch(agents[name .. "_agent"])
end

return agents
