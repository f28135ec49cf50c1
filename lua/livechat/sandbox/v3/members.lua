-- SPDX-License-Identifier: MIT
-- The Agent Chat API's actions about who has a chat, and its tags. A handler answers a value, or
-- nil, an error's type and its message.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local chat_views = require "livechat.sandbox.v3.chat_views"
local events = require "livechat.sandbox.v3.events"
local extras = require "livechat.sandbox.v3.extras"
local hooks = require "livechat.sandbox.v3.hooks"

local object, text, boolean, one_of = schema.object, schema.text, schema.boolean, schema.one_of

local ID, LOGIN = text(64, 1), text(254, 1)

local function publish(service, action, thread, call, payload)
  payload.thread_id = payload.thread_id or thread.id
  hooks.publish(service, action, payload, { thread = thread, caller = call.caller }, call.now)
end

-- Members ----------------------------------------------------------------------------------------

local function add_user(service, call)
  local fields = call.fields
  local thread, kind, message = events.active(service, call, fields.chat_id,
    not (fields.ignore_requester_presence or fields.user_id == call.login))
  if not thread then return nil, kind, message end
  if fields.user_type == "customer" then
    return nil, "validation", "The chat has its customer"
  end
  local agent = service.agents:reference(fields.user_id)
  if not agent then return nil, "not_found", "Agent not found" end
  if events.present(thread, agent.id) then
    return nil, "validation", "The user is in the chat already"
  end
  local side = fields.visibility == "agents" and thread.supervisors or thread.agents
  side[#side + 1] = agent
  service.chats:changed()
  local written
  for _, user in ipairs(chat_views.users(service, thread)) do
    if user.id == agent.id then written = user end
  end
  publish(service, "user_added_to_chat", thread, call, { chat_id = fields.chat_id, user = written,
    reason = "manual", requester_id = call.login })
  return today.NOTHING
end

-- v3 still shows who has been there.
local function remember(service, thread, agent)
  local own = extras.of(service, thread)
  own.gone = own.gone or {}
  for _, each in ipairs(own.gone) do
    if each.id == agent.id then return end
  end
  own.gone[#own.gone + 1] = agent
end

-- Takes an agent out.
local function leave(service, thread, login)
  for _, side in ipairs({ thread.agents, thread.supervisors }) do
    for i, agent in ipairs(side) do
      if agent.id == login then
        remember(service, thread, table.remove(side, i))
        service.chats:changed()
        return true
      end
    end
  end
  return false
end

local function remove_user(service, call)
  local fields = call.fields
  local thread, kind, message = events.active(service, call, fields.chat_id,
    not fields.ignore_requester_presence)
  if not thread then return nil, kind, message end
  if not leave(service, thread, fields.user_id) then
    return nil, "not_found", "The user is not in the chat"
  end
  publish(service, "user_removed_from_chat", thread, call, { chat_id = fields.chat_id,
    user_id = fields.user_id, user_type = "agent", reason = "manual", requester_id = call.login })
  return today.NOTHING
end

local function follow(value)
  return function(service, call)
    local threads = chat_views.threads(service, call.fields.id)
    local thread = threads[#threads]
    if not thread then return nil, "not_found", "Chat not found" end
    local own = extras.of(service, thread)
    own.followers = own.followers or {}
    own.followers[call.login] = value
    return today.NOTHING
  end
end

-- Transfers --------------------------------------------------------------------------------------

-- Where a chat shall go: groups and the agent, or nil, an error's type and its message.
local function target_of(service, thread, fields)
  local target, anyway = fields.target, fields.ignore_agents_availability
  target = target or { type = "group", ids = thread.groups }
  if target.type == "agent" then
    for _, login in ipairs(target.ids) do
      local agent = service.agents.by_login[login]
      if not agent then return nil, "not_found", "Agent not found: " .. tostring(login) end
      if anyway or agent.status == "accepting chats" then
        return thread.groups, service.agents:reference(login)
      end
    end
    return nil, "agent_offline", "Agent is offline"
  end
  local groups, taker = {}, nil
  for i, id in ipairs(target.ids) do
    groups[i] = today.number(id)
    if not service.groups.by_id[groups[i]] then
      return nil, "group_not_found", "Group not found"
    end
    for _, agent in ipairs(service.groups:members(groups[i])) do
      if not taker and (anyway or agent.status == "accepting chats") then taker = agent end
    end
  end
  if not taker then return nil, "groups_offline", "No agent of the groups accepts chats" end
  return groups, service.agents:reference(taker.login)
end

local function transfer(service, call)
  local fields = call.fields
  local thread, kind, message = events.active(service, call, fields.id,
    not fields.ignore_requester_presence)
  if not thread then return nil, kind, message end
  local groups, agent, why = target_of(service, thread, fields)
  if not groups then return nil, agent, why end
  for i = #thread.agents, 1, -1 do
    if thread.agents[i].id ~= agent.id then leave(service, thread, thread.agents[i].id) end
  end
  thread.agents, thread.groups = { agent }, groups
  service.chats:changed()
  local ids = chat_views.access(service, thread).group_ids
  publish(service, "chat_transferred", thread, call, { chat_id = fields.id, reason = "manual",
    requester_id = call.login, transferred_to = { group_ids = ids, agent_ids = { agent.id } } })
  if fields.target and fields.target.type == "group" then
    hooks.publish(service, "chat_access_updated", { id = fields.id, access = { group_ids = ids } },
      { thread = thread, caller = call.caller }, call.now)
  end
  return today.NOTHING
end

local function agents_for_transfer(service, call)
  local threads = chat_views.threads(service, call.fields.chat_id)
  local thread = threads[#threads]
  if not thread then return nil, "not_found", "Chat not found" end
  local active = {}
  for _, each in ipairs(service.chats.order) do
    for _, agent in ipairs(each.ended and {} or each.agents) do
      active[agent.id] = (active[agent.id] or 0) + 1
    end
  end
  local result = json.array()
  for _, agent in ipairs(service.agents.list_of) do
    if agent.status == "accepting chats" and not events.present(thread, agent.login) then
      result[#result + 1] = { agent_id = agent.login,
        total_active_chats = active[agent.login] or 0 }
    end
  end
  return result
end

-- Tags -------------------------------------------------------------------------------------------

local function retag(service, thread, tags, call)
  local old = thread.tags
  service.chats:tag(thread, tags)
  service:tell("chat_changed", thread, call.now, old, nil, call.caller)
  return today.NOTHING
end

local function tag(service, call)
  local thread, kind, message = chat_views.find_thread(service, call.fields)
  if not thread then return nil, kind, message end
  local tags = {}
  for i, each in ipairs(thread.tags) do
    if each == call.fields.tag then return today.NOTHING end
    tags[i] = each
  end
  tags[#tags + 1] = call.fields.tag
  return retag(service, thread, tags, call)
end

local function untag(service, call)
  local thread, kind, message = chat_views.find_thread(service, call.fields)
  if not thread then return nil, kind, message end
  local tags = {}
  for _, each in ipairs(thread.tags) do
    if each ~= call.fields.tag then tags[#tags + 1] = each end
  end
  if #tags == #thread.tags then return nil, "not_found", "Tag not found" end
  return retag(service, thread, tags, call)
end

local READ = "chats--all:ro chats--access:ro"
local WRITE = "chats--all:rw chats--access:rw"
local TAG = object({ ["chat_id*"] = ID, ["thread_id*"] = ID, ["tag*"] = text(200, 1) })
local OF_CHAT = object({ ["id*"] = ID })

return {
  add_user_to_chat = { add_user, object({ ["chat_id*"] = ID, ["user_id*"] = LOGIN,
    ["user_type*"] = one_of({ "agent", "customer" }), ["visibility*"] =
    one_of({ "all", "agents" }), ignore_requester_presence = boolean }), scopes = WRITE },
  remove_user_from_chat = { remove_user, object({ ["chat_id*"] = ID, ["user_id*"] = LOGIN,
    ["user_type*"] = one_of({ "agent" }), ignore_requester_presence = boolean }),
    scopes = WRITE },
  follow_chat = { follow(true), OF_CHAT, scopes = READ },
  unfollow_chat = { follow(nil), OF_CHAT, scopes = READ },
  transfer_chat = { transfer, object({ ["id*"] = ID, target = object({
    ["type*"] = one_of({ "group", "agent" }), ["ids*"] = schema.list(schema.any, 10, 1) }),
    ignore_agents_availability = boolean, ignore_requester_presence = boolean }),
    scopes = WRITE },
  list_agents_for_transfer = { agents_for_transfer, object({ ["chat_id*"] = ID }), scopes = "" },
  tag_thread = { tag, TAG, scopes = WRITE },
  untag_thread = { untag, TAG, scopes = WRITE },
}
