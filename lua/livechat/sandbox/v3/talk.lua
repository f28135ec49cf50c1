-- SPDX-License-Identifier: MIT
-- The Agent Chat API's actions that start, lead and end a chat. A handler answers a value, or nil,
-- an error's type and its message.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local multipart = require "livechat.sandbox.multipart"
local chat_views = require "livechat.sandbox.v3.chat_views"
local events = require "livechat.sandbox.v3.events"
local extras = require "livechat.sandbox.v3.extras"
local hooks = require "livechat.sandbox.v3.hooks"

local object, text, list, boolean = schema.object, schema.text, schema.list, schema.boolean

local ID = text(64, 1)
local ACCESS = object({ ["group_ids*"] = list(schema.integer(0, 2 ^ 31), 1, 1) })
local THREAD = object({ events = list(events.check, 100), properties = events.PROPERTIES,
  tags = list(text(200, 1), 100) })
local USERS = list(object({ ["id*"] = text(254, 1), ["type*"] =
  schema.one_of({ "customer", "agent" }) }), 5)
local LARGEST_FILE, FILES_KEPT = 10 * 2 ^ 20, 1000

-- Starting ---------------------------------------------------------------------------------------

-- Who shall be in a new chat: its visitor, and its agents after the requester.
local function people(service, chat, call)
  local visitor, agents = nil, { service.agents:reference(call.login) }
  for _, user in ipairs(chat.users or {}) do
    if user.type == "customer" then
      local found, kind, message = chat_views.visitor(service, user.id)
      if not found then return nil, kind, message end
      visitor = found
    elseif user.id ~= call.login then
      local agent = service.agents:reference(user.id)
      if not agent then return nil, "not_found", "Agent not found: " .. user.id end
      agents[#agents + 1] = agent
    end
  end
  return visitor or service.visitors:come(service.draw, call.now), agents
end

local function open(service, visitor, agents, chat, call)
  local groups, given = chat.access and chat.access.group_ids or { 0 }, chat.thread or {}
  for _, id in ipairs(groups) do
    if not service.groups.by_id[id] then return nil, "validation", "`group_ids` is not known" end
  end
  local thread = service.chats:start(service.draw, visitor, agents[1], call.now, {
    agents = agents, groups = groups, messages = {}, survey = {}, tags = given.tags or {} })
  extras.of(service, thread).properties = given.properties
  return thread
end

-- Says what a new thread begins with, after the webhooks have heard of it.
local function begin(service, thread, chat, call)
  service:tell("chat_started", thread, call.now, nil, nil, call.caller)
  local ids = json.array()
  for i, event in ipairs(chat.thread and chat.thread.events or {}) do
    ids[i] = events.say(service, thread, event, call)
  end
  if call.fields.active == false then
    service.chats:finish(thread, call.now)
    service:tell("chat_ended", thread, call.now, nil, nil, call.caller)
  end
  return ids[1] and ids or nil
end

local function start_chat(service, call)
  local chat = call.fields.chat or {}
  local visitor, agents, message = people(service, chat, call)
  if not visitor then return nil, agents, message end
  local thread, kind, why = open(service, visitor, agents, chat, call)
  if not thread then return nil, kind, why end
  chat_views.chat_of(service, thread).properties = chat.properties or {}
  local ids = begin(service, thread, chat, call)
  return { chat_id = chat_views.chat_id(service, thread), thread_id = thread.id, event_ids = ids }
end

local function resume_chat(service, call)
  local chat = call.fields.chat
  local threads = chat_views.threads(service, chat.id)
  local last = threads[#threads]
  if not last then return nil, "not_found", "Chat not found" end
  if not last.ended then return nil, "validation", "Chat is already active" end
  local agents = { service.agents:reference(call.login) }
  local thread, kind, message = open(service, last.visitor, agents, chat, call)
  if not thread then return nil, kind, message end
  local whole = chat_views.chat_of(service, last)
  whole.threads[#whole.threads + 1] = thread.id
  whole.properties = chat.properties or whole.properties
  extras.of(service, thread).chat = whole
  local ids = begin(service, thread, chat, call)
  return { thread_id = thread.id, event_ids = ids }
end

local function deactivate_chat(service, call)
  local thread, kind, message = events.active(service, call, call.fields.id,
    not call.fields.ignore_requester_presence)
  if not thread then return nil, kind, message end
  service.chats:finish(thread, call.now)
  service:tell("chat_ended", thread, call.now, nil, nil, call.caller)
  return today.NOTHING
end

-- Talking ----------------------------------------------------------------------------------------

local function send_event(service, call)
  local thread, kind, message = events.active(service, call, call.fields.chat_id, true)
  if not thread then return nil, kind, message end
  return { event_id = events.say(service, thread, call.fields.event, call) }
end

-- What leaves nothing behind.
local function passing(service, call)
  local thread, kind, message = events.active(service, call, call.fields.chat_id, true)
  if not thread then return nil, kind, message end
  return today.NOTHING
end

local function upload_file(service, call)
  local parts, message = multipart.read(call.request)
  local file = parts and #parts == 1 and parts[1]
  if not file or file.field ~= "file" or not file.name then
    return nil, "validation", message or "`file` is required, and nothing else"
  end
  if file.size > LARGEST_FILE then return nil, "entity_too_large", "File is larger than 10 MB" end
  local url = ("https://files.example.com/lc/att/%s/%s"):format(random.hex(service.draw, 32),
    (file.name:sub(-100):gsub("[^%w.-]", "_")))
  local state = service.v3
  local place = state.file_count % FILES_KEPT + 1
  state.file_count = state.file_count + 1
  if state.files[place] then state.files[state.files[place]] = nil end
  state.files[place] = url
  state.files[url] = { name = file.name, content_type = file.type, size = file.size }
  return { url = url }
end

local function postback(service, call)
  local fields = call.fields
  local thread, kind, message = chat_views.find_thread(service, fields)
  if not thread then return nil, kind, message end
  hooks.publish(service, "incoming_rich_message_postback", { user_id = call.login,
    chat_id = fields.chat_id, thread_id = thread.id, event_id = fields.event_id,
    postback = fields.postback }, { thread = thread, caller = call.caller }, call.now)
  return today.NOTHING
end

local function seen(service, call)
  local threads = chat_views.threads(service, call.fields.chat_id)
  local thread = threads[#threads]
  if not thread then return nil, "not_found", "Chat not found" end
  if not today.time(call.fields.seen_up_to) then
    return nil, "validation", "`seen_up_to` must be a date"
  end
  extras.of(service, thread).seen = call.fields.seen_up_to
  hooks.publish(service, "events_marked_as_seen", { user_id = call.login,
    chat_id = call.fields.chat_id, seen_up_to = call.fields.seen_up_to },
    { thread = thread, caller = call.caller }, call.now)
  return today.NOTHING
end

local function summarize(service, call)
  local thread, kind, message = chat_views.find_thread(service, call.fields)
  if not thread then return nil, kind, message end
  local own = extras.of(service, thread)
  if thread.ended and own.summary then
    return nil, "already_exists", "Summary already exists"
  end
  own.summary = { status = "ok", updated_at = chat_views.date(service, call.now, thread.id),
    text = ("• %s wrote %d messages."):format(thread.visitor.name, #thread.messages) }
  hooks.publish(service, "thread_summary_set", { chat_id = call.fields.chat_id,
    thread_id = thread.id, summary = own.summary }, { thread = thread, caller = call.caller },
    call.now)
  return today.NOTHING
end

local READ = "chats--all:ro chats--access:ro"
local WRITE = "chats--all:rw chats--access:rw"
local VISIBILITY = schema.one_of({ "all", "agents" })

return {
  start_chat = { start_chat, object({ chat = object({ users = USERS, access = ACCESS,
    properties = events.PROPERTIES, thread = THREAD }), active = boolean, continuous = boolean }),
    scopes = WRITE },
  resume_chat = { resume_chat, object({ ["chat*"] = object({ ["id*"] = ID, users = USERS,
    access = ACCESS, properties = events.PROPERTIES, thread = THREAD }), active = boolean,
    continuous = boolean }), scopes = WRITE },
  deactivate_chat = { deactivate_chat, object({ ["id*"] = ID,
    ignore_requester_presence = boolean }), scopes = WRITE },
  send_event = { send_event, object({ ["chat_id*"] = ID, ["event*"] = events.check,
    attach_to_last_thread = boolean }), scopes = WRITE },
  send_event_preview = { passing, object({ ["chat_id*"] = ID, ["event*"] = events.check }),
    scopes = WRITE },
  send_typing_indicator = { passing, object({ ["chat_id*"] = ID, ["is_typing*"] = boolean,
    visibility = VISIBILITY }), scopes = WRITE },
  send_thinking_indicator = { passing, object({ ["chat_id*"] = ID, title = text(256),
    description = text(1000), visibility = VISIBILITY, custom_id = text(256) }), scopes = WRITE },
  upload_file = { upload_file, object({}), scopes = WRITE, raw = true },
  send_rich_message_postback = { postback, object({ ["chat_id*"] = ID, ["thread_id*"] = ID,
    ["event_id*"] = ID, ["postback*"] = schema.map(schema.any) }), scopes = WRITE },
  mark_events_as_seen = { seen, object({ ["chat_id*"] = ID, ["seen_up_to*"] = text(64) }),
    scopes = READ },
  request_thread_summary = { summarize, object({ ["chat_id*"] = ID, ["thread_id*"] = ID }),
    scopes = WRITE },
  multicast = { function() return today.NOTHING end, object({ ["recipients*"] =
    schema.map(schema.any), ["content*"] = schema.any, type = text(64) }),
    scopes = "multicast:rw" },
}
