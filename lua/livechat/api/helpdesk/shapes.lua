-- SPDX-License-Identifier: MIT
--- Our names for what HelpDesk sends. Each function is given what came, without nulls, and changes
--- it; a member without a name of ours stays as it is. ([D] docs/service.md) Pure.
local json = require "livechat.json"
local names = require "livechat.api.helpdesk.names"

local shapes = {}

local function is_object(value)
  return type(value) == "table" and value[1] == nil
end

-- Moves a member to its name of ours.
local function rename(made, from, to)
  if made[from] ~= nil then
    made[to], made[from] = made[from], nil
  end
end

local function person(value)
  if is_object(value) then
    rename(value, "ID", "id")
    rename(value, "email", "mail")
  end
  return value
end

local function people(list)
  for _, each in ipairs(type(list) == "table" and list or {}) do person(each) end
  return list
end

local function text(value)
  return type(value) == "number" and json.encode(value) or value
end

--- One event of a ticket: the text of a message stands in the event, as in v2.
function shapes.event(made)
  rename(made, "ID", "id")
  person(made.author)
  local message = made.message
  if is_object(message) then
    made.message = message.text
    rename(message, "isPrivate", "is_private")
    for name, member in pairs(message) do
      if made[name] == nil and name ~= "text" then made[name] = member end
    end
  elseif is_object(made.attachments) then
    made.is_private = made.attachments.isPrivate
  end
  return made
end

local function groups_of(made, team)
  local list = json.array {}
  local ids = type(made.teamIDs) == "table" and made.teamIDs or {}
  for i, id in ipairs(ids) do
    id = text(id)
    list[i] = { id = id, name = is_object(team) and text(team.id) == id and team.name or nil }
  end
  made.groups, made.teamIDs = list, nil
end

local RENAMED = { ID = "id", createdAt = "date", updatedAt = "modified",
  customFields = "custom_fields" }

---@param made table
---@param client livechat.Client|nil whose names of tags are known
function shapes.ticket(made, client)
  for from, to in pairs(RENAMED) do rename(made, from, to) end
  if made.silo == "spam" then made.status = "spam" end
  person(made.requester)
  people(made.cc)
  local assignment = is_object(made.assignment) and made.assignment or {}
  made.assignee, made.currentGroup = person(assignment.agent), person(assignment.team)
  made.assignment = nil
  groups_of(made, made.currentGroup)
  made.tags = names.tags(client, made.tagIDs)
  made.tagIDs = nil
  if is_object(made.source) then rename(made.source, "referenceURL", "url") end
  for _, event in ipairs(type(made.events) == "table" and made.events or {}) do
    if is_object(event) then shapes.event(event) end
  end
  return made
end

--- A team, a tag, an agent, a canned response: what has an ID and a name.
function shapes.named(made)
  rename(made, "ID", "id")
  rename(made, "teamID", "group")
  return made
end

--- A tag, with what v2 calls its author and when it was made.
function shapes.tag(made)
  rename(made, "createdAt", "creation_date")
  rename(made, "createdBy", "author")
  return shapes.named(made)
end

return shapes
