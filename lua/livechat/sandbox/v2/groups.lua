-- SPDX-License-Identifier: MIT
-- v2's calls about groups, and whether one takes chats now. A handler answers a value, or nil, a
-- status and a body.
local json = require "livechat.json"
local views = require "livechat.sandbox.v2.views"
local checks = require "livechat.sandbox.v2.checks"

local groups = {}

local FIELDS = { name = checks.text, language = checks.text, agents = checks.logins }

local function view(service, group)
  local style = views.style(service, group.id)
  local result = { id = style.number(group.id), name = group.name, language = group.language,
    status = service.groups:status(group.id) }
  if group.id ~= 0 then
    result.agents = json.array()
    for i, agent in ipairs(service.groups:members(group.id)) do result.agents[i] = agent.login end
  end
  return result
end

local function find(service, id)
  local group = service.groups.by_id[checks.whole(id) or -1]
  if not group then return nil, 404, { error = "Group not found" } end
  return group
end

--- GET /groups
function groups.list(service)
  local list = json.array()
  for i, group in ipairs(service.groups.list_of) do list[i] = view(service, group) end
  return list
end

--- GET /groups/{id}
function groups.get(service, call)
  local group, status, body = find(service, call.id)
  if not group then return nil, status, body end
  return view(service, group)
end

--- POST /groups
function groups.create(service, call)
  local taken, errors = checks.take(service, call.fields, FIELDS, { "name", "agents" })
  if taken.agents and #taken.agents == 0 then errors[#errors + 1] = "agents must not be empty" end
  if #errors > 0 then return nil, 400, { errors = errors } end
  local group = service.groups:add(taken.name, taken.language or "en")
  service.groups:set_members(group.id, taken.agents)
  service:tell("group_created", group, call.now)
  return view(service, group)
end

-- Group 0 always holds all agents.
local function find_own(service, id)
  local group, status, body = find(service, id)
  if group and group.id == 0 then
    return nil, 400, { errors = { "group 0 cannot be modified" } }
  end
  return group, status, body
end

--- PUT /groups/{id}: what is left out stays.
function groups.update(service, call)
  local group, status, body = find_own(service, call.id)
  if not group then return nil, status, body end
  local taken, errors = checks.take(service, call.fields, FIELDS)
  if #errors > 0 then return nil, 400, { errors = errors } end
  if taken.name then service.groups:rename(group, taken.name) end
  group.language = taken.language or group.language
  if taken.agents then service.groups:set_members(group.id, taken.agents) end
  service:tell("group_updated", group, call.now, taken)
  return view(service, group)
end

--- DELETE /groups/{id}
function groups.delete(service, call)
  local group, status, body = find_own(service, call.id)
  if not group then return nil, status, body end
  service.groups:remove(group)
  service:tell("group_deleted", group, call.now)
  return { result = "group removed successfully" }
end

--- GET /status, with the group in the query or in the path.
function groups.status(service, call)
  local wanted = call.id or call.query.group or "0"
  local group, status, body = find(service, wanted)
  if not group and not call.id and not checks.whole(wanted) then
    return nil, 400, { errors = { "group must be the id of a group" } }
  elseif not group then
    return nil, status, body
  end
  local online = service.groups:status(group.id) == "accepting chats"
  return { status = online and "online" or "offline" }
end

return groups
