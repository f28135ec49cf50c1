-- SPDX-License-Identifier: MIT
--- The webhook deliveries of version 3 as data; how their members are read stands with the other
--- kinds. Pure. [D] api-reference 4.2 "Webhook delivery (v3)"
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
  -- Names of ours for the wire's: an event goes by both.
  ours = { incoming_chat = "chat_started", chat_deactivated = "chat_ended" },
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

--- What the event is about. It has no id of its own: `webhook_id` is the hook's.
---@param wire table
---@return nil unique
---@return any about
function events.identity(wire)
  local payload = wire.payload
  return nil, value_in(payload, "chat_id") or value_in(value_in(payload, "chat"), "id")
    or value_in(payload, "id") or value_in(payload, "agent_id")
end

local function add_chat(own, chat, time)
  own.chat = chat_shape.chat(chat, nil, time)
  own.visitor, own.pre_chat_survey = chat.visitor, chat.pre_chat_survey
end

--- The members of an event: those of its payload, and what v2's events have.
---@param payload table a copy, without nulls
---@param wire table the whole body
---@param time fun(text: string|number): number|nil epoch seconds
---@return table own
function events.shape(payload, wire, time)
  local own = {}
  for name, value in pairs(payload[1] == nil and payload or {}) do own[name] = value end
  if payload[1] ~= nil then own.payload = payload end
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
