-- SPDX-License-Identifier: MIT
-- The Configuration API's actions about groups. A handler answers a value, or nil, an error's type
-- and its message.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local extras = require "livechat.sandbox.v3.extras"

local object, text = schema.object, schema.text

local PRIORITIES = schema.map(schema.one_of({ "first", "normal", "last", "supervisor" }))
local FIELDS = schema.list(schema.one_of({ "agent_priorities", "routing_status" }))
local ID = schema.integer(0, 2 ^ 31)
local NAME, LANGUAGE = text(180, 1), text(10, 2)

local STATUSES = { ["accepting chats"] = "accepting_chats",
  ["not accepting chats"] = "not_accepting_chats", offline = "offline" }

local function priorities_of(service, group)
  local result = {}
  for _, agent in ipairs(service.groups:members(group.id)) do
    local own = extras.of(service, agent).priorities or {}
    result[agent.login] = own[group.id] or "normal"
  end
  return result
end

local function view(service, group, fields)
  local result = { id = today.id(service, group.id), language_code = group.language,
    name = group.id == 0 and "General" or group.name }
  for _, name in ipairs(fields or {}) do
    if name == "routing_status" then
      result.routing_status = STATUSES[service.groups:status(group.id)]
    else
      result.agent_priorities = priorities_of(service, group)
    end
  end
  return result
end

local function find(service, call, to_change)
  local group = service.groups.by_id[call.fields.id]
  if not group then return nil, "group_not_found", "Group not found" end
  if to_change and group.id == 0 then
    return nil, "validation", "`id` must not be that of the group General"
  end
  return group
end

local function take_priorities(service, group, priorities)
  local logins = {}
  for login in pairs(priorities) do
    if not service.agents.by_login[login] then
      return nil, "not_found", "Agent not found: " .. login
    end
    logins[#logins + 1] = login
  end
  if not group then return true end
  service.groups:set_members(group.id, logins)
  for login, priority in pairs(priorities) do
    local own = extras.of(service, service.agents.by_login[login])
    own.priorities = own.priorities or {}
    own.priorities[group.id] = priority
  end
  return true
end

local function create(service, call)
  local fields = call.fields
  local right, kind, message = take_priorities(service, nil, fields.agent_priorities)
  if not right then return nil, kind, message end
  local group = service.groups:add(fields.name, fields.language_code or "en")
  take_priorities(service, group, fields.agent_priorities)
  service:tell("group_created", group, call.now, nil, nil, call.caller)
  return { id = today.id(service, group.id) }
end

local function update(service, call)
  local fields = call.fields
  local group, kind, message = find(service, call, true)
  if not group then return nil, kind, message end
  local right
  right, kind, message = take_priorities(service, nil, fields.agent_priorities or {})
  if not right then return nil, kind, message end
  if fields.agent_priorities then take_priorities(service, group, fields.agent_priorities) end
  if fields.name then service.groups:rename(group, fields.name) end
  group.language = fields.language_code or group.language
  service:tell("group_updated", group, call.now, fields, nil, call.caller)
  return today.NOTHING
end

local function delete(service, call)
  local group, kind, message = find(service, call, true)
  if not group then return nil, kind, message end
  service.groups:remove(group)
  service:tell("group_deleted", group, call.now, nil, nil, call.caller)
  return today.NOTHING
end

local function get(service, call)
  local group, kind, message = find(service, call)
  if not group then return nil, kind, message end
  return view(service, group, call.fields.fields)
end

local function list(service, call)
  local result = json.array()
  for i, group in ipairs(service.groups.list_of) do
    result[i] = view(service, group, call.fields.fields)
  end
  return result
end

local READ, WRITE = "groups--all:ro", "groups--all:rw"

return {
  create_group = { create, object({ ["name*"] = NAME, ["agent_priorities*"] = PRIORITIES,
    language_code = LANGUAGE }), scopes = WRITE },
  update_group = { update, object({ ["id*"] = ID, name = NAME, agent_priorities = PRIORITIES,
    language_code = LANGUAGE }), scopes = WRITE },
  delete_group = { delete, object({ ["id*"] = ID }), scopes = WRITE },
  get_group = { get, object({ ["id*"] = ID, fields = FIELDS }), scopes = READ },
  list_groups = { list, object({ fields = FIELDS }), scopes = READ },
}
