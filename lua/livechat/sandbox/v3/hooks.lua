-- SPDX-License-Identifier: MIT
-- v3's registered webhooks, and which of them hear of what.
local json = require "livechat.json"
local chat_views = require "livechat.sandbox.v3.chat_views"

local hooks = {}

-- Any 2xx ends a delivery; else three more tries within about a minute.
local WAITS = { 5, 15, 30 }
hooks.RULES = {
  takes = function(status) return status >= 200 and status < 300 end,
  wait = function(attempts) return WAITS[attempts] end,
}

-- Each action with its filters; those of chats bring additional data.
hooks.ACTIONS = {}
hooks.NAMES = {}

local function add(names, filters, additional)
  for name in names:gmatch("%S+") do
    hooks.NAMES[#hooks.NAMES + 1] = name
    hooks.ACTIONS[name] = { filters = {}, additional = additional == true }
    for filter in filters:gmatch("%S+") do hooks.ACTIONS[name].filters[filter] = true end
  end
end

local CHAT = "chat_presence only_my_chats source_type"
add("incoming_chat chat_deactivated chat_access_updated chat_transferred user_added_to_chat " ..
  "user_removed_from_chat", CHAT, true)
add("incoming_event event_deleted event_updated", CHAT .. " author_type", true)
add("incoming_rich_message_postback chat_properties_updated chat_properties_deleted " ..
  "thread_properties_updated thread_properties_deleted event_properties_updated " ..
  "event_properties_deleted thread_tagged thread_untagged", CHAT, true)
add("routing_status_set", "agent_ids source_type")
add("customer_session_fields_updated events_marked_as_seen thread_summary_set", CHAT, true)
add("agent_created agent_approved agent_updated agent_suspended agent_unsuspended agent_deleted",
  "agent_ids source_type")
add("bot_created bot_updated bot_deleted group_created group_updated group_deleted " ..
  "auto_accesses_updated tag_created tag_updated tag_deleted", "source_type")
table.sort(hooks.NAMES)

--- Whether one of the hooks has this secret.
function hooks.knows(service, token)
  for _, hook in ipairs(service.v3.hooks) do
    if hook.secret == token then return true end
  end
  return false
end

-- Filters ----------------------------------------------------------------------------------------

local function contains(list, value)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end

-- `values` wants one of them there, `exclude_values` none.
local function among(filter, has)
  for _, value in ipairs(filter.exclude_values or {}) do
    if has(value) then return false end
  end
  if not filter.values then return true end
  for _, value in ipairs(filter.values) do
    if has(value) then return true end
  end
  return false
end

-- Each takes the filter's value, what has happened, and the hook.
local TESTS = {}

function TESTS.author_type(wanted, about)
  return about.author_type == nil or about.author_type == wanted
end

function TESTS.only_my_chats(wanted, about, hook)
  return not wanted or contains(about.present, hook.by)
end

function TESTS.chat_presence(wanted, about)
  return not wanted.user_ids or among(wanted.user_ids, function(id)
    return contains(about.present, id)
  end)
end

function TESTS.agent_ids(wanted, about)
  return among(wanted, function(id) return id == about.agent_id end)
end

function TESTS.source_type(wanted, about, hook)
  local source = "system"
  if about.caller then
    source = about.caller.client_id == hook.owner and "my_client" or "other_clients"
  end
  return contains(wanted, source)
end

local function hears(service, hook, action, about)
  -- A bot's hooks are silent while it is offline, and there is none here that could be online.
  if hook.event_type ~= action or hook.type == "bot" or service.v3.disabled[hook.owner] then
    return false
  end
  for name, value in pairs(hook.filters or {}) do
    if not TESTS[name](value, about, hook) then return false end
  end
  return true
end

-- Deliveries -------------------------------------------------------------------------------------

local function requester(service, caller)
  if not caller then return nil end
  return { user_id = caller.login, account_id = service.identities:of("account", caller.login),
    client_id = caller.client_id or service.options.client_id }
end

local OLD_NAMES = { visibility = "recipients", visit = "last_visit", answer = "value" }

-- A payload as it was in 2019.
local function as_of_old(value)
  if type(value) ~= "table" then return value end
  local result = json.is_array(value) and json.array() or {}
  for name, member in pairs(value) do result[OLD_NAMES[name] or name] = as_of_old(member) end
  return result
end

local function envelope(service, hook, action, payload, about)
  local more = {}
  if about.thread and contains(hook.additional, "chat_properties") then
    more.chat_properties = chat_views.chat_properties(service, about.thread)
  end
  if about.thread and contains(hook.additional, "chat_presence_user_ids") then
    more.chat_presence_user_ids = json.array(about.present)
  end
  local license = service.options.license_id
  if service.options.today.deliveries == "2019" then
    return { webhook_id = hook.id, secret_key = hook.secret, action = action, license_id = license,
      payload = as_of_old(payload) }
  end
  return { webhook_id = hook.id, secret_key = hook.secret, action = action, payload = payload,
    organization_id = service.identities:of("organization", license), additional_data = more,
    requester = about.configuration and requester(service, about.caller) or nil }
end

--- Puts an event in line for every hook that hears of it.
---@param action string
---@param payload table
---@param about table { thread=, agent_id=, author_type=, caller=, configuration=<whether the
--- requester is told>, id=<for the report> }
---@return integer deliveries
function hooks.publish(service, action, payload, about, now)
  local count = 0
  about.present = about.thread and chat_views.user_ids(service, about.thread) or {}
  for _, hook in ipairs(service.v3.hooks) do
    if hears(service, hook, action, about) then
      local body = json.encode(envelope(service, hook, action, payload, about))
      service.deliveries:queue(hook, body, tostring(about.id or (about.thread or {}).id or action),
        now)
      count = count + 1
    end
  end
  return count
end

return hooks
