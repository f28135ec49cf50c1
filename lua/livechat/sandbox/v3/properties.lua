-- SPDX-License-Identifier: MIT
-- The Agent Chat API's actions about properties of chats, threads and events. A handler answers a
-- value, or nil, an error's type and its message.
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local chat_views = require "livechat.sandbox.v3.chat_views"
local events = require "livechat.sandbox.v3.events"
local extras = require "livechat.sandbox.v3.extras"
local hooks = require "livechat.sandbox.v3.hooks"

local object, text = schema.object, schema.text

local ID = text(64, 1)
local NAMES = schema.map(schema.list(text(128, 1), 100))

-- Each finds where the properties are kept, and the thread that the webhooks hear of.
local KEEPERS = {}

function KEEPERS.chat(service, fields)
  local threads = chat_views.threads(service, fields.id)
  if not threads[1] then return nil, "not_found", "Chat not found" end
  return chat_views.chat_of(service, threads[1]).properties, threads[#threads]
end

function KEEPERS.thread(service, fields)
  local thread, kind, message = chat_views.find_thread(service, fields)
  if not thread then return nil, kind, message end
  local own = extras.of(service, thread)
  own.properties = own.properties or {}
  return own.properties, thread
end

function KEEPERS.event(service, fields)
  local properties, thread, message = KEEPERS.thread(service, fields)
  if not properties then return nil, thread, message end
  for _, event in ipairs(chat_views.events(service, thread)) do
    if event.id == fields.event_id then
      local own = extras.of(service, thread)
      own.event_properties = own.event_properties or {}
      own.event_properties[event.id] = own.event_properties[event.id] or event.properties or {}
      return own.event_properties[event.id], thread
    end
  end
  return nil, "not_found", "Event not found"
end

local function update(kept, given)
  for namespace, values in pairs(given) do
    kept[namespace] = kept[namespace] or {}
    for name, value in pairs(values) do kept[namespace][name] = value end
  end
end

local function delete(kept, given)
  for namespace, names in pairs(given) do
    for _, name in ipairs(names) do
      if kept[namespace] then kept[namespace][name] = nil end
    end
  end
end

local function action(kind, change, members, check)
  local past = change == update and "updated" or "deleted"
  members["properties*"] = check
  return { function(service, call)
    local kept, thread, message = KEEPERS[kind](service, call.fields)
    if not kept then return nil, thread, message end
    change(kept, call.fields.properties)
    hooks.publish(service, kind .. "_properties_" .. past, {
      chat_id = call.fields.chat_id or call.fields.id, thread_id = call.fields.thread_id,
      event_id = call.fields.event_id, properties = call.fields.properties },
      { thread = thread, caller = call.caller }, call.now)
    return today.NOTHING
  end, object(members), scopes = "chats--all:rw chats--access:rw" }
end

local actions = {}
for kind, members in pairs({ chat = { "id*" }, thread = { "chat_id*", "thread_id*" },
  event = { "chat_id*", "thread_id*", "event_id*" } }) do
  for verb, change in pairs({ update = update, delete = delete }) do
    local own = {}
    for _, name in ipairs(members) do own[name] = ID end
    actions[verb .. "_" .. kind .. "_properties"] = action(kind, change, own,
      verb == "update" and events.PROPERTIES or NAMES)
  end
end

return actions
