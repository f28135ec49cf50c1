-- SPDX-License-Identifier: MIT
--- Agents: the Configuration API, with their routing statuses of Agent Chat and their names of the
--- accounts API, as v2 has all of it in one record. [D] docs/service.md
local accounts = require "livechat.api.accounts"
local json = require "livechat.json"
local wire = require "livechat.api.v3.wire"

local agents = {}

-- What comes only where it is asked for.
local FIELDS = json.array { "work_scheduler", "groups", "email_subscriptions", "notifications",
  "job_title", "mobile", "max_chats_count", "suspended", "awaiting_approval", "last_logout" }
local STATUS = { "accepting chats", "not accepting chats" }
local V2_NOTIFICATIONS = { "new_visitor", "incoming_chat", "returning_visitor", "queued_visitor",
  "visitor_is_typing", "new_goal" }
local MORE_NOTIFICATIONS = { "unassigned_chats", "unassigned_chat_messages", "ticket",
  "inactive_notifications", "mute_all_sounds", "repeat_sound_notifications",
  "ticket_notifications", "incoming_message_for_focused_chat" }
local DAYS = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }

-- ---- as read -----------------------------------------------------------------------------------

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do set[name] = 1 end
  return set
end

-- A day may have several spans: v2's form has its first, and `more` has the others.
local function days_of(scheduler)
  local days = {}
  for _, each in ipairs(scheduler.schedule) do
    if type(each) == "table" and each.day then
      local hours = { enabled = each.enabled and 1 or 0, start = each.start, ["end"] = each["end"] }
      local first = days[each.day]
      if first then
        first.more = first.more or json.array {}
        table.insert(first.more, hours)
      else
        days[each.day] = hours
      end
    end
  end
  return days
end

--- A decoded agent with v2's names beside its own members, which change their form where v2 has
--- another under the same name.
---@param own table a copy
---@return table own
function agents.shape(own)
  own.login, own.permission = own.id, own.role
  own.status = wire.status(own.routing_status)
  own.avatar = own.avatar or own.avatar_path
  local summaries = own.email_subscriptions or own.summaries
  if type(summaries) == "table" then
    own.daily_summary = set_of(summaries).daily_summary or 0
  end
  if type(own.notifications) == "table" then
    local set = set_of(own.notifications)
    for _, name in ipairs(V2_NOTIFICATIONS) do set[name] = set[name] or 0 end
    own.notifications = set
  end
  local scheduler = own.work_scheduler
  if type(scheduler) == "table" and type(scheduler.schedule) == "table" then
    own.work_scheduler, own.timezone = days_of(scheduler), scheduler.timezone
  end
  return own
end

agents.records = {
  agent = {
    name = "livechat.Agent", id = "login", resource = "agents", methods = { "delete" },
    shape = agents.shape,
    members = {
      id = "id", login = "id", account_id = "id", daily_summary = "integer",
      max_chats_count = "integer", last_logout = "time", groups = "groups",
      notifications = { map = "integer" }, work_scheduler = { map = "day" },
      suspended = "boolean", awaiting_approval = "boolean",
    },
  },
  day = { members = { enabled = "integer" } },
}

agents.answers = {
  agent = { kind = "agent", what = "an agent", id = "id" },
  agents = { kind = "agent", what = "a list of agents", id = "id", list = true },
  statuses = { kind = "status", what = "a list of routing statuses", id = "agent_id", list = true },
}
agents.records.status = { members = { agent_id = "id" } }

-- ---- as written --------------------------------------------------------------------------------

local function names_of(set)
  local names = json.array {}
  for _, list in ipairs { V2_NOTIFICATIONS, MORE_NOTIFICATIONS } do
    for _, name in ipairs(list) do
      if set[name] == 1 then names[#names + 1] = name end
    end
  end
  return names
end

-- The agent's groups keep the priorities that they have in those they stay in.
local function groups_of(ids, before)
  local priorities, list = {}, json.array {}
  for _, group in ipairs(before and before.groups or {}) do
    if type(group) == "table" then priorities[tostring(group.id)] = group.priority end
  end
  for i, id in ipairs(ids) do
    list[i] = { id = id, priority = priorities[tostring(id)] or "normal" }
  end
  return list
end

local function subscriptions_of(daily, before)
  local list = json.array {}
  for _, name in ipairs(before and (before.email_subscriptions or before.summaries) or {}) do
    if name ~= "daily_summary" then list[#list + 1] = name end
  end
  if daily == 1 then table.insert(list, 1, "daily_summary") end
  return list
end

local function merged(set, before)
  local all = set_of(before and type(before.notifications) == "table" and before.notifications
    or {})
  for name, value in pairs(set) do all[name] = value end
  return all
end

-- The days that are not given stay as they are, with all their spans.
local function scheduler_of(days, before)
  local old = before and type(before.work_scheduler) == "table" and before.work_scheduler or {}
  local schedule, known = json.array {}, old.schedule or {}
  for _, day in ipairs(DAYS) do
    local hours = days[day]
    for i = 1, hours and 1 + #(hours.more or {}) or 0 do
      local span = i == 1 and hours or hours.more[i - 1]
      schedule[#schedule + 1] = { day = day, enabled = span.enabled == 1, start = span.start,
        ["end"] = span["end"] }
    end
    for _, each in ipairs(hours and {} or known) do
      if each.day == day then schedule[#schedule + 1] = each end
    end
  end
  return { timezone = old.timezone or "UTC", schedule = schedule }
end

-- Which of our fields the Configuration API takes, and how it calls them.
local PLAIN = { login_status = "login_status", job_title = "job_title", mobile = "mobile",
  max_chats_count = "max_chats_count", permission = "role" }
local MADE = {
  groups = { "groups", groups_of }, daily_summary = { "email_subscriptions", subscriptions_of },
  notifications = { "notifications", function(set, before)
    return names_of(merged(set, before))
  end },
  work_scheduler = { "work_scheduler", scheduler_of },
}

--- What is sent of our fields.
---@param fields table checked
---@param before table|nil the decoded agent as it is, of which what is not given stays
---@return table body
---@return string[] names of ours that are in it
function agents.body(fields, before)
  local body, names = {}, {}
  for name, value in pairs(fields) do
    local made = MADE[name]
    if made then
      body[made[1]] = made[2](value, before)
    elseif PLAIN[name] then
      body[PLAIN[name]] = value
    end
    if made or PLAIN[name] then names[#names + 1] = name end
  end
  table.sort(names)
  return body, names
end

-- ---- calls -------------------------------------------------------------------------------------

local GET = wire.action("configuration", "get_agent", { safe = true, returns = "agent" })
local LIST = wire.action("configuration", "list_agents", { safe = true, returns = "agents" })
local CREATE = wire.action("configuration", "create_agent", { returns = "done" })
local UPDATE = wire.action("configuration", "update_agent", { safe = true, returns = "done" })
local STATUSES = wire.action("agent", "list_routing_statuses", { safe = true,
  returns = "statuses" })
local SET_STATUS = wire.action("agent", "set_routing_status", { safe = true, returns = "done" })
local RENAME = { verb = "PATCH", path = "/v2/accounts/{account}", safe = true, returns = "done",
  service = accounts }

-- Routing statuses by login; who is refused them, as by a token that may not see bots, sees agents
-- without.
local function statuses_of(op, needed)
  local list, err = op:perform(STATUSES, {}, nil, {})
  if not list and (needed or err.outcome ~= "refused" or err.kind == "throttled") then
    return nil, err
  end
  local statuses = {}
  for _, each in ipairs(list or {}) do statuses[each.agent_id] = each.status end
  return statuses
end

local function with_status(own, statuses)
  own.routing_status = own.routing_status or statuses[own.id]
  return own
end

local function list(op, _, filter)
  local found, err = op:perform(LIST, {}, nil, { fields = FIELDS })
  local statuses
  if found then
    statuses, err = statuses_of(op, filter.status ~= nil)
  end
  if not statuses then
    return nil, err
  end
  local shown = {}
  for _, own in ipairs(found) do
    with_status(own, statuses)
    if not filter.status or wire.status(own.routing_status) == filter.status then
      shown[#shown + 1] = own
    end
  end
  return op.dialect:one("agents", shown, op.client)
end

local function read(op, login)
  return op:perform(GET, {}, nil, { id = login, fields = FIELDS })
end

local function get(op, _, fields)
  local own, err = read(op, fields.id)
  local statuses
  if own then
    statuses, err = statuses_of(op)
  end
  if not statuses then
    return nil, err
  end
  return op.dialect:one("agent", with_status(own, statuses), op.client)
end

-- Changes take up to two minutes to spread, so what was just taken is shown over what is read.
local function shown(op, own, sent)
  for name, value in pairs(sent) do own[name] = value end
  return op.dialect:one("agent", own, op.client)
end

local function create(op, _, fields)
  local body = agents.body(fields)
  body.id, body.name = fields.login, fields.name
  local done, err = op:perform(CREATE, {}, nil, body)
  if not done then
    return nil, err
  end
  return shown(op, read(op, fields.login) or {}, body)
end

-- What was done before a failure: then the whole may have acted.
local function partly(err, done)
  if #done > 0 then
    err.done, err.outcome = done, "unknown"
  end
  return nil, err
end

local function add_all(into, names)
  for _, name in ipairs(names) do into[#into + 1] = name end
end

-- Name and status are not the Configuration API's.
local function update_elsewhere(op, before, fields, done)
  local fine, err = true, nil
  if fields.name then
    fine, err = op:perform(RENAME, { account = before.account_id or before.id }, nil,
      { name = fields.name })
    add_all(done, fine and { "name" } or {})
  end
  if fine and fields.status then
    fine, err = op:perform(SET_STATUS, {}, nil, { agent_id = before.id,
      status = fields.status:gsub(" ", "_") })
    add_all(done, fine and { "status" } or {})
  end
  return fine, err
end

local function update(op, _, fields)
  local login, done = fields.id, {}
  local before, err = read(op, login)
  if not before then
    return nil, err
  end
  local body, names = agents.body(fields, before)
  if #names > 0 then
    body.id = login
    local fine
    fine, err = op:perform(UPDATE, {}, nil, body)
    if not fine then
      return nil, err
    end
    add_all(done, names)
  end
  local fine
  fine, err = update_elsewhere(op, before, fields, done)
  if not fine then
    return partly(err, done)
  end
  body.name, body.id = fields.name, before.id
  body.routing_status = fields.status and fields.status:gsub(" ", "_") or nil
  return shown(op, before, body)
end

-- ---- rows --------------------------------------------------------------------------------------

local FLAG = { type = "flag" }
local TIME = { type = "time" }
local SPAN = { type = "object", fields = { enabled = FLAG, start = TIME, ["end"] = TIME } }

local function text(more)
  local spec = { type = "string", one_line = true, min = 1 }
  for name, value in pairs(more or {}) do spec[name] = value end
  return spec
end

local function fields(more)
  local flags = {}
  for _, names in ipairs { V2_NOTIFICATIONS, MORE_NOTIFICATIONS } do
    for _, name in ipairs(names) do flags[name] = FLAG end
  end
  local all = {
    job_title = { type = "string", one_line = true },
    mobile = { type = "string", one_line = true },
    login_status = { type = "enum", of = STATUS },
    permission = { type = "enum", of = { "administrator", "normal", "viceowner" } },
    password = { type = "none", why = "is not set by this API: agents choose theirs by the "
      .. "invitation that they get" },
    max_chats_count = { type = "integer", min = 0, max = 20 },
    groups = { type = "list", of = { type = "group", min = 0 } },
    daily_summary = FLAG, notifications = { type = "object", fields = flags },
    work_scheduler = { type = "map", names = DAYS,
      of = { type = "object", fields = { enabled = FLAG, start = TIME, ["end"] = TIME,
        more = { type = "list", of = SPAN } } } },
  }
  for name, spec in pairs(more) do all[name] = spec end
  return all
end

local LOGIN = { { "login", "body:id" } }

agents.resources = {
  {
    name = "list", path = LIST.path, returns = "agents", run = list,
    query = { status = { type = "enum", of = { STATUS[1], STATUS[2], "offline" } } },
    operation = "ListAgents", doc = "all agents, of one status where asked",
  },
  { name = "get", path = GET.path, args = LOGIN, returns = "agent", run = get, doc = "one agent" },
  {
    name = "create", path = CREATE.path, returns = "agent", run = create,
    fields = fields { login = { type = "email", required = true },
      name = text { required = true } },
    operation = "CreateAgent", doc = "adds an agent, who gets an invitation by e-mail",
  },
  {
    name = "update", path = UPDATE.path, args = LOGIN, returns = "agent", run = update,
    fields = fields { name = text(), status = { type = "enum", of = STATUS } },
    doc = "changes what is given; what is left out stays",
  },
  wire.action("configuration", "delete_agent", {
    name = "delete", args = LOGIN, safe = true, gone = "not_found", returns = "done",
    operation = "DeleteAgent", doc = "removes an agent",
  }),
}

return agents
