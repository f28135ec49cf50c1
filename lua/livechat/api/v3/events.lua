-- SPDX-License-Identifier: MIT
--- The webhook deliveries of version 3 as data; how their members are read stands with the other
--- kinds. Pure. [D] docs/service.md
local chat_shape = require "livechat.api.v3.chat_shape"

local ACTIONS = "incoming_chat chat_deactivated chat_access_updated chat_transferred "
  .. "user_added_to_chat user_removed_from_chat incoming_event event_deleted event_updated "
  .. "incoming_rich_message_postback chat_properties_updated chat_properties_deleted "
  .. "thread_properties_updated thread_properties_deleted event_properties_updated "
  .. "event_properties_deleted thread_tagged thread_untagged routing_status_set "
  .. "customer_session_fields_updated events_marked_as_seen thread_summary_set agent_created "
  .. "agent_approved agent_updated agent_suspended agent_unsuspended agent_deleted bot_created "
  .. "bot_updated bot_deleted group_created group_updated group_deleted auto_accesses_updated "
  .. "tag_created tag_updated tag_deleted"

local events = {
  names = {},
  -- Names of ours for the wire's: an event goes by both. (The last is one of the service's own: its
  -- list of names has the one, its samples have the other.)
  ours = { incoming_chat = "chat_started", chat_deactivated = "chat_ended",
    auto_access_added = "auto_accesses_updated" },
  type = "action",
  secret = "secret_key",
  account = { "organization_id", "license_id" }, -- the latter before 3.4
  payload = "payload",
  members = "event",
  records = {},
  -- Who is in a chat may differ between two deliveries of one event.
  volatile = { "additional_data" },
}

for name in ACTIONS:gmatch("%S+") do events.names[name] = true end

--- Whether a decoded body is an event of this dialect.
---@param wire table
---@return boolean
function events.is(wire)
  return type(wire.action) == "string" and (wire.payload ~= nil or wire.webhook_id ~= nil)
end

local function value_in(value, name)
  return type(value) == "table" and value[name] or nil
end

-- ---- identity ----------------------------------------------------------------------------------

-- What the members at these places name happens to that once: they tell the event from all others.
local ONCE = {
  incoming_event = { "chat_id", "thread_id", "event.id" },
  event_deleted = { "chat_id", "thread_id", "event_id" },
  chat_deactivated = { "chat_id", "thread_id" },
}
-- With these the content as a whole does.
local TOLD_BY = {
  incoming_chat = "chat.thread.id", chat_transferred = "queue.queued_at",
  events_marked_as_seen = "seen_up_to", thread_summary_set = "summary.updated_at",
  tag_created = "created_at", group_created = "id", group_deleted = "id", bot_created = "id",
  bot_deleted = "id",
}
-- What is done and what undoes it are about the same.
local FAMILY = { user_added_to_chat = "user", user_removed_from_chat = "user" }
local SUBJECT = { "chat_id", "thread_id", "event_id", "event.id", "user_id", "user.id", "agent_id",
  "id", "tag", "name" }

local function text_at(payload, place)
  local value = payload
  for name in place:gmatch("[^.]+") do value = value_in(value, name) end
  if type(value) == "number" then -- ids come as both
    return (value % 1 == 0 and "%.0f" or "%.17g"):format(value)
  end
  return type(value) == "string" and value or nil
end

local function key_of(action, payload)
  local key = ONCE[action] and {}
  for i, place in ipairs(ONCE[action] or {}) do
    key[i] = text_at(payload, place)
    if not key[i] then
      return nil
    end
  end
  return key
end

local function subject_of(action, payload)
  local parts = { FAMILY[action] or action:match("^(.*)_%l+$") or action }
  for _, place in ipairs(SUBJECT) do
    local text = place == "name" and #parts > 1 and "" or text_at(payload, place)
    parts[#parts + 1] = text ~= "" and text or nil
  end
  return table.concat(parts, "\n")
end

--- What the event is about, and what tells it from others. It has no id of its own: `webhook_id` is
--- the hook's.
---@param wire table
---@return nil unique
---@return any about
---@return string[]|nil key which no other event of this type has
---@return string|nil subject where another event may say the same
function events.identity(wire)
  local payload, action = wire.payload, wire.action
  local about = value_in(payload, "chat_id") or value_in(value_in(payload, "chat"), "id")
    or value_in(payload, "id") or value_in(payload, "agent_id")
  local key = key_of(action, payload)
  local told = key or TOLD_BY[action] and text_at(payload, TOLD_BY[action])
  return nil, about, key, not told and subject_of(action, payload) or nil
end

-- ---- as read -----------------------------------------------------------------------------------

local function add_chat(own, chat, time)
  own.chat = chat_shape.chat(chat, nil, time)
  own.visitor, own.pre_chat_survey = chat.visitor, chat.pre_chat_survey
end

--- The members of an event: those of its payload, the payload itself, and what v2's events have.
---@param payload table a copy, without nulls
---@param wire table the whole body
---@param time fun(text: string|number): number|nil epoch seconds
---@return table own
function events.shape(payload, wire, time)
  local own = {}
  for name, value in pairs(payload[1] == nil and payload or {}) do own[name] = value end
  own.payload = wire.payload -- whose `id` is no event's
  own.additional_data = own.additional_data or wire.additional_data
  own.requester = own.requester or wire.requester
  if type(own.chat) == "table" then
    add_chat(own, own.chat, time)
  elseif own.chat_id ~= nil then
    own.chat = { id = own.chat_id, thread_id = own.thread_id }
  end
  return own
end

--- The end of a chat comes as ids alone: the chat is read by a client that can.
---@param event livechat.Event
---@param client livechat.Client
---@return boolean|nil done
---@return livechat.Error|nil err
function events.complete(event, client)
  if event.type ~= "chat_ended" or not event.chat_id then
    return true
  end
  local chat, err = client.chats:get(event.chat_id, event.thread_id)
  if not chat then
    return nil, err
  end
  event.chat, event.visitor = chat, chat.visitor
  event.pre_chat_survey = chat.pre_chat_survey
  return true
end

events.record = { members = {
  chat = "chat", visitor = "visitor", pre_chat_survey = { list = "survey_item" },
} }

return events
