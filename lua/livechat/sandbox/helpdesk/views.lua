-- SPDX-License-Identifier: MIT
-- How HelpDesk writes the stores' records.
local json = require "livechat.json"
local today = require "livechat.sandbox.today"
local Identities = require "livechat.sandbox.identities"

local views = {}

local null = json.null
local BEGAN = 1577836800 -- 2020-01-01: when the account was made

--- HelpDesk writes milliseconds.
views.DECIMALS = 3

local function date(service, seconds, about)
  return today.date(service, seconds, views.DECIMALS, about)
end

-- References -------------------------------------------------------------------------------------

function views.agent_id(service, login)
  return service.identities:of("agent", login)
end

function views.team_id(service, group)
  return service.identities:of("team", group)
end

function views.tag_id(service, name)
  return service.identities:of("tag", name)
end

--- The name of the agent or, once the agent has gone, the login.
local function agent_reference(service, login)
  local agent = service.agents.by_login[login]
  return { ID = views.agent_id(service, login), name = agent and agent.name or login }
end

local function team_reference(service, group)
  return { ID = views.team_id(service, group), name = service.groups:name(group) or "" }
end

local function ids(list, id_of, service)
  local result = json.array()
  for i, each in ipairs(list) do result[i] = id_of(service, each) end
  return result
end

-- Tickets ----------------------------------------------------------------------------------------

local V2_STATUSES = { open = "open", pending = "pending", solved = "solved", spam = "open" }

--- v2 has four statuses; the finer ones are kept beside them.
function views.status(ticket)
  return ticket.fine_status or V2_STATUSES[ticket.status]
end

--- Where a ticket lies: v2's status spam is a place here.
function views.silo(ticket)
  return ticket.silo or ticket.status == "spam" and "spam" or "tickets"
end

--- The team that has the ticket.
function views.team_of(ticket)
  return ticket.team or ticket.groups[1] or 0
end

function views.last_message(ticket)
  for i = #ticket.events, 1, -1 do
    if ticket.events[i].type == "message" then return ticket.events[i].date end
  end
  return ticket.date
end

local SOURCES = { mail = { "email" }, ["chat-window"] = { "integration", "livechat" },
  facebook = { "integration", "facebook" } }

local function source(ticket)
  local kind = SOURCES[ticket.source.type] or { "api" }
  return { type = kind[1], integrationType = kind[2], detailedSource = ticket.source.type,
    referenceURL = ticket.source.url }
end

local function author(service, from)
  if from.type == "client" then
    return { ID = service.identities:of("client", from.id), name = from.name, email = from.id,
      type = "client" }
  end
  return { ID = views.agent_id(service, from.id), name = from.name, type = "agent" }
end

local function people(list)
  local result = json.array()
  for i, each in ipairs(list) do
    result[i] = { email = each.email, name = each.name or null }
  end
  return result
end

local function references(list, service)
  local result = json.array()
  for i, each in ipairs(list) do result[i] = agent_reference(service, each) end
  return result
end

local function changed(write)
  return function(service, event)
    return { old = write(event.old, service), new = write(event.new, service) }
  end
end

local function plain(value) return value end

-- What an event holds beside what all have, by the store's name of its type.
local MEMBERS = {}

function MEMBERS.message(_, event)
  return "message", { text = event.message, isPrivate = event.is_private, richTextObj = null,
    richTextHtml = null }
end

local function member(name, write)
  local make = changed(write)
  MEMBERS[name] = function(service, event) return name, make(service, event) end
end

member("status", plain)
member("priority", plain)
member("cc", people)
member("followers", references)
member("tags", function(names, service) return ids(names, views.tag_id, service) end)

function MEMBERS.attachments(_, event)
  local files = json.array()
  for i, each in ipairs(event.files) do files[i] = each end
  return "attachments", { files = files, isPrivate = event.is_private }
end

local function assignment(service, team, login)
  return { team = team_reference(service, team),
    agent = login and agent_reference(service, login) or null }
end

-- The store remembers who and what a ticket was given to; what it had before is the event before.
local function events(service, ticket)
  local list, before, about = json.array(), {}, Identities.ticket(ticket.id)
  for i, from in ipairs(ticket.events) do
    local event = { ID = today.id(service, i), date = date(service, from.date, about),
      type = from.type, author = author(service, from.author), source = { type = "api" } }
    if from.type == "assignee_changed" then
      local now = assignment(service, from.team or views.team_of(ticket), from.to and from.to.id)
      event.type, event.assignment = "assignment", { old = before, new = now }
      before = now
    else
      local name, value = MEMBERS[from.type](service, from)
      event[name] = value
    end
    if from.type == "message" then
      event.deliveryStatus = json.array()
    end
    list[i] = event
  end
  return list
end

local function related(list)
  local result = json.array()
  for i, id in ipairs(list or {}) do result[i] = Identities.ticket(id) end
  return result
end

local function who(service, by, kind)
  if kind == "client" then return service.identities:of("client", by) end
  return views.agent_id(service, by)
end

--- A ticket, with or without its events. Webhooks deliver it without its silo.
---@param from table a ticket of tickets.lua
---@param with_events boolean
function views.ticket(service, from, with_events)
  local id, first = Identities.ticket(from.id), from.events[1]
  local by, kind = from.created_by or first.author.id, from.created_by_type or first.author.type
  local last = from.events[#from.events].author
  return {
    ID = id, licenseID = today.id(service, service.options.license_id), shortID = from.id,
    createdAt = date(service, from.date, id), createdBy = who(service, by, kind),
    createdByType = kind, updatedAt = today.changed(service, from.modified, views.DECIMALS, id),
    updatedBy = who(service, last.id, last.type),
    lastMessageAt = date(service, views.last_message(from), id),
    status = views.status(from), priority = from.priority or 0,
    subject = from.subject, teamIDs = ids(from.groups, views.team_id, service),
    requester = { email = from.requester.mail, name = from.requester.name },
    cc = people(from.cc or {}), tagIDs = ids(from.tags, views.tag_id, service),
    followers = ids(from.followers or {}, views.agent_id, service),
    assignment = assignment(service, views.team_of(from), from.assignee and from.assignee.id),
    customFields = from.custom_fields or {}, silo = views.silo(from),
    parentTicket = from.parent and Identities.ticket(from.parent) or null,
    childTickets = related(from.children), detectedLanguage = null,
    events = with_events and events(service, from) or nil, integrations = {},
    rating = from.rating or null, ratingRequestSent = false, source = source(from),
    spam = { status = from.status == "spam" and "spam" or "notSpam", reason = null },
  }
end

-- Agents, teams, tags ----------------------------------------------------------------------------

local ROLES = { owner = "owner", administrator = "owner", viceowner = "owner", normal = "normal" }

---@param login string
---@return table own what HelpDesk alone knows of an agent
function views.own(service, login)
  local people_of = service.helpdesk.people
  people_of[login] = people_of[login] or {}
  return people_of[login]
end

---@param from table an agent of agents.lua
function views.agent(service, from)
  local own, id = views.own(service, from.login), views.agent_id(service, from.login)
  local bare = service.options.today.lists == "bare"
  local created = date(service, own.created or BEGAN, id)
  local teams = ids(from.groups, views.team_id, service)
  local roles = own.roles or { ROLES[from.permission] or "normal" }
  return {
    ID = id, accountID = service.identities:of("account", from.login),
    licenseID = today.id(service, service.options.license_id), email = from.login,
    name = not bare and from.name or null, roles = not bare and json.array(roles) or nil,
    status = own.status or "active", teamIDs = teams, autoassignment = false,
    autoassignmentTeamIDs = json.array(), avatar = "https://" .. from.avatar,
    jobTitle = from.job_title, emailVerified = own.status ~= "invited", flags = {},
    organizationOwner = from.permission == "owner",
    settings = { emailNotificationsActive = true, theme = "light", timeZone = "Europe/Warsaw" },
    signature = {}, createdAt = created, createdBy = id, updatedAt = created, updatedBy = id,
  }
end

---@param group table a group of groups.lua
function views.team(service, group)
  local id = views.team_id(service, group.id)
  return {
    ID = id, licenseID = today.id(service, service.options.license_id), name = group.name,
    replyAddressID = service.identities:of("address", group.id), replyName = group.name,
    templateID = service.identities:of("template", 0), integrations = {},
    settings = { notifyTeamAboutAssignedTicket = true, notifyTeamAboutRequestersActivity = true,
      tagReminder = false, unauthReplyCreatesNewTicket = false },
  }
end

return views
