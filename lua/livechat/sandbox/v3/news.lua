-- SPDX-License-Identifier: MIT
-- What v3's webhooks hear of changes in the stores, whichever API caused them.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local agent_views = require "livechat.sandbox.v3.agent_views"
local chat_views = require "livechat.sandbox.v3.chat_views"
local hooks = require "livechat.sandbox.v3.hooks"

local news = {}

-- Chats ------------------------------------------------------------------------------------------

local function ids_of(service, thread)
  return { chat_id = chat_views.chat_id(service, thread), thread_id = thread.id }
end

local function tag_changes(service, thread, old)
  local list, before, after = {}, {}, {}
  for _, name in ipairs(old or {}) do before[name] = true end
  for _, name in ipairs(thread.tags) do after[name] = true end
  local function add(action, name)
    local payload = ids_of(service, thread)
    payload.tag = name
    list[#list + 1] = { action, payload }
  end
  for _, name in ipairs(thread.tags) do
    if not before[name] then add("thread_tagged", name) end
  end
  for _, name in ipairs(old or {}) do
    if not after[name] then add("thread_untagged", name) end
  end
  return list
end

-- Agents -----------------------------------------------------------------------------------------

-- The members that v2, HelpDesk, accounts and v3 change, as v3 calls them.
local AS_V3 = { permission = "role", role = "role", daily_summary = "email_subscriptions",
  email_subscriptions = "email_subscriptions" }
local PLAIN = { name = true, login_status = true }

local function member(service, agent, name)
  if name == "role" then return agent_views.role(service, agent) end
  if name == "avatar" then return "https://" .. agent.avatar end
  if PLAIN[name] then return agent[name] end
  return agent_views.member(service, agent, name)
end

local WRITTEN = { role = true, avatar = true, name = true, login_status = true }
for _, name in ipairs(agent_views.FIELDS) do WRITTEN[name] = true end

local function agent_changes(service, agent, changes)
  local payload = { id = agent.login }
  for name in pairs(changes or {}) do
    local own = AS_V3[name] or name
    if WRITTEN[own] then payload[own] = member(service, agent, own) end
  end
  return payload
end

local function new_agent(service, agent)
  local payload = { id = agent.login, name = agent.name, role = agent_views.role(service, agent),
    login_status = agent.login_status }
  for _, name in ipairs({ "awaiting_approval", "groups", "notifications", "email_subscriptions",
    "work_scheduler", "job_title", "max_chats_count" }) do
    payload[name] = agent_views.member(service, agent, name)
  end
  return payload
end

-- Groups and tags --------------------------------------------------------------------------------

local function priorities(service, group)
  local result = {}
  for _, each in ipairs(service.groups:members(group.id)) do
    for _, own in ipairs(agent_views.member(service, each, "groups")) do
      if today.number(own.id) == group.id then result[each.login] = own.priority end
    end
  end
  return result
end

local function group_payload(service, group, changes)
  local payload = { id = today.id(service, group.id) }
  if not changes or changes.name then payload.name = group.name end
  if not changes or changes.language_code or changes.language then
    payload.language_code = group.language
  end
  if not changes or changes.agent_priorities or changes.agents then
    payload.agent_priorities = priorities(service, group)
  end
  return payload
end

-- The store has a record for each group of a tag.
local function tag_payload(service, tag, whole)
  local ids = json.array()
  for _, each in ipairs(service.tags.list_of) do
    if each.name == tag.name then ids[#ids + 1] = today.id(service, each.group) end
  end
  return { name = tag.name, group_ids = ids, author_id = whole and tag.author or nil,
    created_at = whole and today.date(service, tag.created, 6, tag.name) or nil }
end

-- Events -----------------------------------------------------------------------------------------

-- Each gives { action, payload } of what has happened to a record.
local EVENTS = {}

function EVENTS.chat_started(service, thread)
  local chat = chat_views.chat(service, thread, "")
  chat.is_followed = nil
  return { { "incoming_chat", { chat = chat } } }
end

function EVENTS.chat_ended(service, thread, _, caller)
  local payload = ids_of(service, thread)
  payload.user_id = caller and caller.login
    or chat_views.customer_id(service, thread.visitor)
  return { { "chat_deactivated", payload } }
end

function EVENTS.chat_changed(service, thread, old)
  return tag_changes(service, thread, old)
end

function EVENTS.agent_created(service, agent)
  return { { "agent_created", new_agent(service, agent) } }
end

function EVENTS.agent_status(_, agent)
  return { { "routing_status_set", { agent_id = agent.login, status = agent.status } } }
end

function EVENTS.agent_updated(service, agent, changes)
  local list, payload = {}, agent_changes(service, agent, changes)
  if next(payload, (next(payload))) ~= nil then list[1] = { "agent_updated", payload } end
  if changes and changes.status then
    list[#list + 1] = EVENTS.agent_status(service, agent)[1]
  end
  return list
end

for _, what in ipairs({ "agent_deleted", "agent_suspended", "agent_unsuspended",
  "agent_approved" }) do
  EVENTS[what] = function(_, agent) return { { what, { id = agent.login } } } end
end

function EVENTS.group_created(service, group)
  return { { "group_created", group_payload(service, group) } }
end

function EVENTS.group_updated(service, group, changes)
  return { { "group_updated", group_payload(service, group, changes) } }
end

function EVENTS.group_deleted(service, group)
  return { { "group_deleted", { id = today.id(service, group.id) } } }
end

function EVENTS.tag_created(service, tag)
  return { { "tag_created", tag_payload(service, tag, true) } }
end

function EVENTS.tag_updated(service, tag)
  return { { "tag_updated", tag_payload(service, tag) } }
end

function EVENTS.tag_deleted(_, tag)
  return { { "tag_deleted", { name = tag.name } } }
end

--- Writes what has happened to a record.
---@return table[] list of { action, payload }
---@return table about what the filters ask for
local function write(service, what, record, before, caller)
  local configuration = what:find("^agent_") or what:find("^group_") or what:find("^tag_")
  local about = { caller = caller, configuration = configuration ~= nil,
    thread = what:find("^chat_") and record or nil,
    agent_id = what:find("^agent_") and record.login or nil,
    id = record.login or record.id or record.name }
  return EVENTS[what](service, record, before, caller), about
end

--- Tells the webhooks what has happened, where it is one of v3's events.
function news.tell(service, what, record, now, before, caller)
  if not EVENTS[what] or not service.v3.hooks[1] then return end
  local list, about = write(service, what, record, before, caller)
  for _, each in ipairs(list) do hooks.publish(service, each[1], each[2], about, now) end
end

-- Events on request ------------------------------------------------------------------------------

-- The newest thread, or one that starts now.
local function some_thread(service, now, active)
  local order = service.chats.order
  for i = #order, 1, -1 do
    if not (active and order[i].ended) then return order[i] end
  end
  return service:start_chat({}, now)
end

-- Has happen what an action tells, where the stores can show it; gives the store's event, its
-- record and what it was before.
local CAUSES = {}

function CAUSES.chat_deactivated(service, now)
  local thread = some_thread(service, now, true)
  service.chats:finish(thread, now)
  return "chat_ended", thread
end

function CAUSES.thread_tagged(service, now)
  local thread, tags = some_thread(service, now), {}
  local old = thread.tags
  for i, name in ipairs(old) do tags[i] = name end
  tags[#tags + 1] = "sandbox " .. #tags + 1
  service.chats:tag(thread, tags)
  return "chat_changed", thread, old
end

function CAUSES.thread_untagged(service, now)
  local thread = some_thread(service, now)
  local old = thread.tags[1] and thread.tags or { "sandbox" }
  service.chats:tag(thread, {})
  return "chat_changed", thread, old
end

function CAUSES.routing_status_set(service)
  local agent = service.agents.list_of[2] or service.agents.list_of[1]
  agent.status = agent.status == "accepting chats" and "not accepting chats" or "accepting chats"
  return "agent_status", agent
end

-- What only an event shows: its payload is made of the newest thread.
local PAYLOADS = {}

function PAYLOADS.incoming_event(service, thread, now)
  service.chats:say(thread, "visitor", thread.visitor, "Hello?", now)
  local payload = ids_of(service, thread)
  payload.event = chat_views.last_event(service, thread)
  return payload, { author_type = "customer" }
end

function PAYLOADS.event_updated(service, thread, now)
  local payload = ids_of(service, thread)
  payload.event = chat_views.events(service, thread)[1]
  if not payload.event then payload = PAYLOADS.incoming_event(service, thread, now) end
  return payload
end

function PAYLOADS.event_deleted(service, thread, now)
  local payload = PAYLOADS.event_updated(service, thread, now)
  payload.event_id, payload.event = payload.event.id, nil
  return payload
end

function PAYLOADS.chat_access_updated(service, thread)
  return { id = chat_views.chat_id(service, thread), access = chat_views.access(service, thread) }
end

function PAYLOADS.chat_transferred(service, thread)
  local payload = ids_of(service, thread)
  payload.reason, payload.transferred_to = "manual", chat_views.access(service, thread)
  return payload
end

function PAYLOADS.user_added_to_chat(service, thread)
  local payload = ids_of(service, thread)
  local users = chat_views.users(service, thread)
  payload.user, payload.reason = users[2] or users[1], "assigned"
  return payload
end

function PAYLOADS.user_removed_from_chat(service, thread)
  local payload = ids_of(service, thread)
  local gone = thread.agents[1] or service.agents:references()[1]
  payload.user_id, payload.user_type, payload.reason = gone.id, "agent", "manual"
  return payload
end

function PAYLOADS.incoming_rich_message_postback(service, thread, now)
  local payload = PAYLOADS.event_deleted(service, thread, now)
  payload.user_id = chat_views.customer_id(service, thread.visitor)
  payload.postback = { id = "action_yes", toggled = true }
  return payload
end

function PAYLOADS.customer_session_fields_updated(service, thread)
  return { id = chat_views.customer_id(service, thread.visitor), active_chat =
    ids_of(service, thread), session_fields = json.array({ { key = "value" } }) }
end

function PAYLOADS.events_marked_as_seen(service, thread, now)
  return { user_id = chat_views.customer_id(service, thread.visitor),
    chat_id = chat_views.chat_id(service, thread),
    seen_up_to = chat_views.date(service, now, thread.id) }
end

function PAYLOADS.thread_summary_set(service, thread, now)
  local payload = ids_of(service, thread)
  payload.summary = { status = "ok", text = "• A customer asked.",
    updated_at = chat_views.date(service, now, thread.id) }
  return payload
end

for _, of in ipairs({ "chat", "thread", "event" }) do
  PAYLOADS[of .. "_properties_updated"] = function(service, thread, now)
    local payload = PAYLOADS.event_deleted(service, thread, now)
    payload.properties = { sandbox = { name = "value" } }
    if of ~= "event" then payload.event_id = nil end
    if of == "chat" then payload.thread_id = nil end
    return payload
  end
  PAYLOADS[of .. "_properties_deleted"] = function(service, thread, now)
    local payload = PAYLOADS[of .. "_properties_updated"](service, thread, now)
    payload.properties = { sandbox = json.array({ "name" }) }
    return payload
  end
end

-- What the stores know nothing of: the payload is an example.
local BOT = "5c9871d5372c824cbf22d860a707a578"
local EXAMPLES = {
  bot_created = function(service)
    return { id = BOT, name = "Bot", default_group_priority = "first", groups = json.array(),
      owner_client_id = service.options.client_id }
  end,
  bot_updated = function() return { id = BOT, name = "Other Bot" } end,
  bot_deleted = function() return { id = BOT } end,
  auto_accesses_updated = function()
    return json.array({ { id = "a2710c4680fa15700ae046940a11a329", status = "deleted" } })
  end,
}

local function settings_event(service, action)
  local kind = action:match("^(%a+)_")
  local records = { agent = service.agents.list_of, group = service.groups.list_of,
    tag = service.tags.list_of }
  local record = records[kind] and records[kind][#records[kind]]
  if not record then return nil end
  local list, about = write(service, action, record,
    { name = true, agent_priorities = true })
  return list[1][2], about
end

local function chat_payload(service, action, now)
  local thread = some_thread(service, now, action == "incoming_event")
  local payload, about = PAYLOADS[action](service, thread, now)
  about = about or {}
  about.thread = thread
  return payload, about
end

--- Sends one event to the webhooks that are registered for it; what the stores can show has
--- happened in them, and other APIs' webhooks hear of it.
---@param action string
---@param over table what is merged over the payload; json.null removes a member
---@return string|nil about
---@return integer|string|nil deliveries
function news.trigger(service, action, over, now)
  if not hooks.ACTIONS[action] then return nil end
  local _, wrong = schema.any(over)
  if action == "auto_accesses_updated" and next(over) ~= nil then
    wrong = "is a list, over which nothing can be merged"
  end
  if wrong then return nil, action .. " " .. wrong end
  local payload, about
  if action == "incoming_chat" or CAUSES[action] then
    local what, record, before
    if CAUSES[action] then
      what, record, before = CAUSES[action](service, now)
    else
      what, record = "chat_started", service:start_chat({}, now, "v3")
    end
    local list
    list, about = write(service, what, record, before)
    payload = list[1][2]
    if CAUSES[action] then service:tell(what, record, now, before, "v3") end
  elseif PAYLOADS[action] then
    payload, about = chat_payload(service, action, now)
  elseif EXAMPLES[action] then
    payload, about = EXAMPLES[action](service), { configuration = true, id = action }
  else
    payload, about = settings_event(service, action)
    if not payload then return nil, "there is nothing that " .. action .. " could be about" end
  end
  payload = today.merge(payload, over)
  local id = tostring(about.id or about.thread and about.thread.id or action)
  return id, hooks.publish(service, action, payload, about, now)
end

return news
