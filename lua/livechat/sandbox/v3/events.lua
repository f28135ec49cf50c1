-- SPDX-License-Identifier: MIT
-- Events that are sent: what each kind may hold, and how one comes into a thread.
local schema = require "livechat.sandbox.schema"
local chat_views = require "livechat.sandbox.v3.chat_views"
local extras = require "livechat.sandbox.v3.extras"
local hooks = require "livechat.sandbox.v3.hooks"

local events = {}

local object, text, list, any = schema.object, schema.text, schema.list, schema.any

local LONGEST = 16384 -- bytes

local function message_text(value)
  if type(value) ~= "string" then return "", "must be a string" end
  if #value > LONGEST then return "", "must have at most 16384 bytes" end
  if value == "" then return "", "must not be empty" end
end

--- Properties: { <namespace> = { <name> = <value> } }.
events.PROPERTIES = schema.map(schema.map(any))

local COMMON = { ["type*"] = any, custom_id = text(256),
  visibility = schema.one_of({ "all", "agents" }), properties = events.PROPERTIES }

local function kind(members)
  for name, check in pairs(COMMON) do members[name] = check end
  return object(members)
end

local POSTBACK = object({ ["id*"] = text(256), ["thread_id*"] = text(64), ["event_id*"] = text(64),
  type = text(64), value = text(1000) })

local KINDS = {
  message = kind({ ["text*"] = message_text, postback = POSTBACK }),
  file = kind({ ["url*"] = schema.url, alternative_text = text(1000) }),
  custom = kind({ content = any }),
  rich_message = kind({ ["template_id*"] = schema.one_of({ "cards", "quick_replies", "sticker" }),
    elements = list(any, 10) }),
  system_message = kind({ ["text*"] = message_text, ["system_message_type*"] = text(256, 1),
    text_vars = any }),
  form = kind({ ["form_id*"] = text(64), form_type = text(64), ["fields*"] = list(any, 100) }),
}

--- The check of an event that is sent.
function events.check(value)
  local own = type(value) == "table" and KINDS[value.type]
  if type(value) ~= "table" or value[1] ~= nil then return "", "must be of type object" end
  if not own then
    return "type", value.type == nil and "is required" or "is not a type that can be sent"
  end
  return own(value)
end

--- The agents of a thread, a supervisor among them.
---@return boolean
function events.present(thread, login)
  for _, side in ipairs({ thread.agents, thread.supervisors }) do
    for _, agent in ipairs(side) do
      if agent.id == login then return true end
    end
  end
  return false
end

--- The active thread of a chat whose requester is in it, or nil, an error's type and its message.
---@param present boolean whether the requester must be in the chat
function events.active(service, call, id, present)
  local threads = chat_views.threads(service, id)
  local thread = threads[#threads]
  if not thread then return nil, "not_found", "Chat not found" end
  if thread.ended then return nil, "chat_inactive", "Chat is inactive" end
  if present and not events.present(thread, call.login) then
    return nil, "missing_access", "Requester is not in the chat"
  end
  return thread
end

--- Has an agent say an event, and tells the webhooks.
---@param event table checked
---@return string event_id
function events.say(service, thread, event, call)
  local author = service.agents:reference(call.login)
  local own = {}
  for name, value in pairs(event) do own[name] = value end
  if event.type == "file" then
    own.name = event.url:match("([^/]*)$")
    for name, value in pairs(service.v3.files[event.url] or {}) do own[name] = value end
  end
  if event.type == "message" then
    local side = event.visibility == "agents" and "supervisor" or "agent"
    service.chats:say(thread, side, author, event.text, call.now)
    thread.messages[#thread.messages].event = own
  else
    local of = extras.of(service, thread)
    of.events = of.events or {}
    of.events[#of.events + 1] = { side = "agent", author = author, text = event.text,
      at = math.floor(call.now), event = own, after = #thread.messages }
    service.chats:changed()
  end
  local written = chat_views.last_event(service, thread, event.type ~= "message")
  hooks.publish(service, "incoming_event", { thread_id = thread.id, event = written,
    chat_id = chat_views.chat_id(service, thread) },
    { thread = thread, author_type = "agent", caller = call.caller, id = written.id }, call.now)
  return written.id
end

return events
