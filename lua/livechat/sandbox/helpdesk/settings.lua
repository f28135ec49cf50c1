-- SPDX-License-Identifier: MIT
-- HelpDesk's calls about agents, teams, tags and custom fields. A handler answers a value, or nil,
-- a status and what is wrong. Lists are bare arrays without pages.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local views = require "livechat.sandbox.helpdesk.views"
local changes = require "livechat.sandbox.helpdesk.changes"

local settings = {}

local object, text, list = schema.object, schema.text, schema.list
local ID = text(64, 1)

local function unprocessable(path, message)
  return nil, 422, { path = path, message = message }
end

local function not_found(what)
  return nil, 404, { type = "notFound", message = what .. " not found" }
end

local function each(records, view, service)
  local result = json.array()
  for i, record in ipairs(records) do result[i] = view(service, record) end
  return result
end

-- Agents -----------------------------------------------------------------------------------------

local ROLES = { owner = "administrator", normal = "normal", viewer = "normal" }
local ROLE = schema.one_of({ "owner", "normal", "viewer" })
local AGENT = { name = schema.nullable(text(191)), roles = list(ROLE, 1, 1),
  teamIDs = list(ID, 100), jobTitle = schema.nullable(text(256)),
  avatar = schema.nullable(text(500)) }
local INVITE = { ["email*"] = schema.email }
for name, check in pairs(AGENT) do INVITE[name] = check end
AGENT, INVITE = object(AGENT), object(INVITE)

local function groups_of(service, ids)
  local found = {}
  for i, id in ipairs(ids or {}) do
    found[i] = changes.group(service, id)
    if not found[i] then
      return unprocessable(("teamIDs[%d]"):format(i - 1), "must be the ID of a team")
    end
  end
  return found
end

local function given(value)
  return value ~= json.null and value or nil
end

local function find(service, id)
  return service.agents.by_login[changes.login(service, id)]
end

--- GET /agents
function settings.agents(service)
  return each(service.agents.list_of, views.agent, service)
end

--- GET /agents/{id}
function settings.agent(service, call)
  local agent = find(service, call.id)
  if not agent then return not_found("agent") end
  return views.agent(service, agent)
end

--- POST /agents: sends an invitation and takes a seat.
function settings.invite(service, call)
  local fields, seats = call.fields, service.options.seats
  local path, message = INVITE(fields)
  if path then return unprocessable(path, message) end
  local groups, status, wrong = groups_of(service, fields.teamIDs)
  if not groups then return nil, status, wrong end
  if service.agents.by_login[fields.email] then
    return nil, 409, { type = "alreadyExists", message = "agent with this email already exists" }
  end
  local count = #service.agents.list_of + 1
  if seats and count > seats then
    return nil, 409, { type = "limitExceeded", message =
      ("agents count (%d) is greater than subscription allows (%d)"):format(count, seats) }
  end
  local role = fields.roles and fields.roles[1] or "normal"
  local agent = service.agents:add(fields.email, { permission = ROLES[role], groups = groups,
    name = given(fields.name) or fields.email, job_title = given(fields.jobTitle) })
  local own = views.own(service, agent.login)
  own.status, own.roles, own.created = "invited", { role }, call.now
  if given(fields.avatar) then agent.avatar = fields.avatar:gsub("^https?://", "") end
  service:tell("agent_created", agent, call.now, nil, nil, call.caller)
  return views.agent(service, agent), nil, nil, "created"
end

--- PATCH /agents/{id}: teamIDs replaces the list; there is no membership of its own.
function settings.change_agent(service, call)
  local agent, fields = find(service, call.id), call.fields
  if not agent then return not_found("agent") end
  local path, message = AGENT(fields)
  if path then return unprocessable(path, message) end
  local groups, status, wrong = groups_of(service, fields.teamIDs)
  if not groups then return nil, status, wrong end
  if fields.teamIDs then agent.groups = groups[1] and groups or { 0 } end
  if given(fields.name) then agent.name = fields.name end
  if given(fields.jobTitle) then agent.job_title = fields.jobTitle end
  if given(fields.avatar) then agent.avatar = fields.avatar:gsub("^https?://", "") end
  if fields.roles then views.own(service, agent.login).roles = fields.roles end
  service:tell("agent_updated", agent, call.now, nil, nil, call.caller)
  return views.agent(service, agent)
end

--- DELETE /agents/{id}
function settings.remove_agent(service, call)
  local agent = find(service, call.id)
  if not agent then return not_found("agent") end
  if agent.permission == "owner" then
    return nil, 403, { message = "the owner cannot be removed" }
  end
  service.agents:remove(agent)
  service:tell("agent_deleted", agent, call.now, nil, nil, call.caller)
  return today.NOTHING
end

-- Teams ------------------------------------------------------------------------------------------

local TEAM = object({ ["name*"] = text(180, 1) })

--- GET /teams
function settings.teams(service)
  return each(service.groups.list_of, views.team, service)
end

--- POST /teams
function settings.create_team(service, call)
  local path, message = TEAM(call.fields)
  if path then return unprocessable(path, message) end
  local group = service.groups:add(call.fields.name, "en")
  service:tell("group_created", group, call.now, nil, nil, call.caller)
  return views.team(service, group), nil, nil, "created"
end

--- GET /licenses
function settings.license(service)
  return { ID = today.id(service, service.options.license_id),
    defaultTeamID = views.team_id(service, changes.DEFAULT_TEAM),
    defaultTemplateID = service.identities:of("template", 0), flags = {},
    settings = { companyName = "Example Ltd", maxChildTicketsPerTicket = 50 } }
end

-- Tags -------------------------------------------------------------------------------------------

local TAG = object({ ["name*"] = text(200, 1), teamID = schema.nullable(ID) })

-- One for each name, in the order in which the names came: of one team only where a single group
-- has it.
local function tags_of(service)
  local found, by_name = {}, {}
  for _, tag in ipairs(service.tags.list_of) do
    local known = by_name[tag.name]
    if known then
      known.group = 0
    else
      by_name[tag.name] = { name = tag.name, group = tag.group, created = tag.created,
        author = tag.author }
      found[#found + 1] = by_name[tag.name]
    end
  end
  return found
end

local function tag_view(service, tag)
  local id = views.tag_id(service, tag.name)
  local created, by = today.date(service, tag.created, views.DECIMALS, id),
    views.agent_id(service, tag.author)
  return { ID = id, licenseID = today.id(service, service.options.license_id), name = tag.name,
    teamID = tag.group ~= 0 and views.team_id(service, tag.group) or json.null,
    count = service.tickets.tagged[tag.name] or 0, createdAt = created, createdBy = by,
    updatedAt = created, updatedBy = by }
end

--- GET /tags
function settings.tags(service)
  return each(tags_of(service), tag_view, service)
end

--- POST /tags
function settings.create_tag(service, call)
  local fields = call.fields
  local path, message = TAG(fields)
  if path then return unprocessable(path, message) end
  local group = 0
  if given(fields.teamID) then group = changes.group(service, fields.teamID) end
  if not group then return unprocessable("teamID", "must be the ID of a team") end
  if service.tags:find(fields.name) then
    return nil, 409, { type = "alreadyExists", message = "tag with this name already exists" }
  end
  local tag = service.tags:add({ name = fields.name, author = call.caller.login, group = group,
    created = math.floor(call.now) })
  service:tell("tag_created", tag, call.now, nil, nil, call.caller)
  return tag_view(service, tag), nil, nil, "created"
end

--- DELETE /tags/{id}: what carries the tag keeps it.
function settings.delete_tag(service, call)
  local name = service.identities:key("tag", call.id, service.tags.list_of, "name")
  local tag = name and service.tags:find(name)
  if not tag then return not_found("tag") end
  repeat until not service.tags:remove(name)
  service:tell("tag_deleted", tag, call.now, nil, nil, call.caller)
  return today.NOTHING
end

-- Custom fields, canned responses ----------------------------------------------------------------

local FIELD = object({ ["apiKey*"] = schema.match("^[%w_-]+$", "must be an API key"),
  ["displayName*"] = text(120, 1), teamIDs = list(ID, 100),
  ["type*"] = schema.one_of({ "singleLine", "multiLine", "date", "url" }),
  roleLevel = schema.one_of({ "owner", "normal", "readOnly" }),
  status = schema.one_of({ "active", "deactivated" }) })

--- The field with which an account begins.
function settings.first_custom_fields()
  return { ["order-id"] = { type = "singleLine", name = "Order", groups = {}, level = "normal",
    status = "active" } }
end

local function field_view(service, key, field)
  local teams = json.array()
  for i, group in ipairs(field.groups) do teams[i] = views.team_id(service, group) end
  return { ID = service.identities:of("field", key), apiKey = key, displayName = field.name,
    type = field.type, teamIDs = teams, roleLevel = field.level, status = field.status,
    licenseID = today.id(service, service.options.license_id) }
end

--- GET /customFields
function settings.custom_fields(service)
  local keys = {}
  for key in pairs(service.helpdesk.custom_fields) do keys[#keys + 1] = key end
  table.sort(keys)
  return each(keys, function(_, key)
    return field_view(service, key, service.helpdesk.custom_fields[key])
  end, service)
end

--- POST /customFields
function settings.create_custom_field(service, call)
  local fields = call.fields
  local path, message = FIELD(fields)
  if path then return unprocessable(path, message) end
  local groups, status, wrong = groups_of(service, fields.teamIDs)
  if not groups then return nil, status, wrong end
  if service.helpdesk.custom_fields[fields.apiKey] then
    return nil, 409, { type = "alreadyExists", message = "custom field already exists" }
  end
  local field = { type = fields.type, name = fields.displayName, groups = groups,
    level = fields.roleLevel or "normal", status = fields.status or "active" }
  service.helpdesk.custom_fields[fields.apiKey] = field
  return field_view(service, fields.apiKey, field), nil, nil, "created"
end

--- GET /cannedResponses
function settings.canned_responses(service)
  return each(service.canned_responses.list_of, function(_, from)
    return { ID = service.identities:of("canned", from.id), text = from.text,
      shortcuts = json.array(from.tags), richTextObj = json.null, attachments = json.array(),
      teamID = from.group ~= 0 and views.team_id(service, from.group) or json.null }
  end, service)
end

return settings
