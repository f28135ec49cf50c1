-- SPDX-License-Identifier: MIT
-- What a body asks of a ticket: found in the stores (`resolve`), then done to an edition (`apply`),
-- each change with its event.
local views = require "livechat.sandbox.helpdesk.views"
local transactions = require "livechat.sandbox.helpdesk.transactions"

local changes = {}

-- HelpDesk's default team is v2's group of all.
changes.DEFAULT_TEAM = 0

local V2_STATUS = { open = "open", pending = "pending", onhold = "pending", solved = "solved",
  closed = "solved" }
local LONGEST = { singleLine = 120, multiLine = 1000, date = 32, url = 1000 }

local function unprocessable(path, message)
  return nil, 422, { path = path, message = message }
end

-- Finding ----------------------------------------------------------------------------------------

local function contains(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

--- The group of a team's ID.
---@param old table|nil a ticket, which keeps teams that were removed
---@return integer|nil
function changes.group(service, id, old)
  local group = service.identities:key("team", id, service.groups.list_of, "id")
  return (service.groups.by_id[group] or old and contains(old.groups, group)) and group or nil
end

--- The login of an agent's ID.
---@return string|nil
function changes.login(service, id)
  local login = service.identities:key("agent", id, service.agents.list_of, "login")
  return service.agents.by_login[login] and login
end

local function each(list, find, path, message)
  local found, seen = {}, {}
  for i, id in ipairs(list) do
    local key = find(id)
    if key == nil then return unprocessable(("%s[%d]"):format(path, i - 1), message) end
    if not seen[key] then found[#found + 1] = key end
    seen[key] = true
  end
  return found
end

-- A tag of one team cannot be used by another. What the ticket has it may keep: v2's tags need not
-- be among the account's.
local function tags_of(service, list, teams, old)
  local own = old and old.tags or {}
  local names, status, wrong = each(list, function(id)
    local name = service.identities:key("tag", id, service.tags.list_of, "name")
    return (contains(own, name) or service.tags:find(name)) and name
  end, "tagIDs", "must be the ID of a tag")
  if not names then return nil, status, wrong end
  for i, name in ipairs(names) do
    local usable = contains(own, name)
    for _, tag in ipairs(service.tags.list_of) do
      usable = usable or tag.name == name and (tag.group == 0 or contains(teams, tag.group))
    end
    if not usable then
      return unprocessable(("tagIDs[%d]"):format(i - 1), "must be a tag of one of teamIDs")
    end
  end
  return names
end

-- The team and the agent; `teamIDs` alone lets the service put its default team there, and then
-- refuse the ticket because that team is not among them.
local function assignment_of(service, fields, wanted, old)
  local given, teams = fields.assignment, nil
  local function group_of(id) return changes.group(service, id, old) end
  if fields.teamIDs then
    local status, wrong
    teams, status, wrong = each(fields.teamIDs, group_of, "teamIDs", "must be the ID of a team")
    if not teams then return nil, status, wrong end
  end
  local team = given == nil and old and not teams and views.team_of(old) or changes.DEFAULT_TEAM
  if given and given.team then
    team = group_of(given.team.ID)
    if not team then return unprocessable("assignment.team.ID", "must be the ID of a team") end
  elseif given and old then
    team = views.team_of(old)
  elseif given and teams and teams[1] then
    team = teams[1]
  end
  if given and type(given.agent) == "table" then
    wanted.login = changes.login(service, given.agent.ID)
    if not wanted.login then
      return unprocessable("assignment.agent.ID", "must be the ID of an agent")
    end
  end
  teams = teams or given and given.team and { team } or old and old.groups or { team }
  if not contains(teams, team) then
    return unprocessable("assignment.team", "must be one of teamIDs")
  end
  wanted.teams, wanted.team = teams, team
  return wanted
end

local function custom_fields(service, given)
  for name, value in pairs(given) do
    local field = service.helpdesk.custom_fields[name]
    local path = "customFields." .. name
    if not field then return unprocessable(path, "is not allowed") end
    if #value > LONGEST[field.type] then
      return unprocessable(path, ("length must be less than or equal to %d characters long")
        :format(LONGEST[field.type]))
    end
  end
  return given
end

--- Finds what a checked body names: nothing is changed yet.
---@param old table|nil the ticket, nil for a new one
---@return table|nil wanted
---@return integer|nil status
---@return table|nil wrong
function changes.resolve(service, fields, old, now)
  local wanted, status, wrong = assignment_of(service, fields, {}, old)
  if wanted and fields.tagIDs then
    wanted.tags, status, wrong = tags_of(service, fields.tagIDs, wanted.teams, old)
    if not wanted.tags then return nil, status, wrong end
  end
  if wanted and fields.followers then
    wanted.followers, status, wrong = each(fields.followers,
      function(id) return changes.login(service, id) end, "followers", "must be the ID of an agent")
    if not wanted.followers then return nil, status, wrong end
  end
  if wanted and fields.customFields then
    wanted.custom_fields, status, wrong = custom_fields(service, fields.customFields)
    if not wanted.custom_fields then return nil, status, wrong end
  end
  if wanted and fields.transactionID then
    wanted.files, status, wrong =
      transactions.files(service, fields.transactionID, old and old.id, now)
    if not wanted.files then return nil, status, wrong end
  end
  return wanted, status, wrong
end

-- Doing ------------------------------------------------------------------------------------------

local function note(ticket, by, now, event)
  event.date, event.author = now, by
  ticket.events[#ticket.events + 1] = event
end

--- Sets a status in HelpDesk's words; v2 sees the nearest of its own.
function changes.set_status(ticket, status)
  ticket.status, ticket.fine_status = V2_STATUS[status], status
end

--- Gives an edition to a team and an agent.
---@param login string|nil
function changes.assign(service, ticket, team, login, by, now)
  local before = ticket.assignee and ticket.assignee.id
  if team == views.team_of(ticket) and login == before then return end
  ticket.team, ticket.assignee = team, service.agents:reference(login)
  note(ticket, by, now, { type = "assignee_changed", to = ticket.assignee, team = team })
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  if #a ~= #b then return false end
  for i = 1, #a do
    if type(a[i]) == "table" then
      if a[i].email ~= b[i].email or a[i].name ~= b[i].name then return false end
    elseif a[i] ~= b[i] then
      return false
    end
  end
  return true
end

local function replace(ticket, by, now, kind, member, old, new)
  if new == nil or same(old, new) then return false end
  ticket[member] = new
  note(ticket, by, now, { type = kind, old = old, new = new })
  return true
end

--- Does what a checked and resolved body asks to an edition. A status or tags that change without
-- teamIDs and assignment beside them move the ticket to the account's default team.
---@param by table the author { id=, name=, type= }
function changes.apply(service, ticket, fields, wanted, by, now)
  if fields.message then
    note(ticket, by, now, { type = "message", message = fields.message.text,
      is_private = fields.isPrivate == true, source = { type = "lc2" } })
  end
  if wanted.files and #wanted.files > 0 then
    note(ticket, by, now, { type = "attachments", files = wanted.files,
      is_private = fields.isPrivate == true })
  end
  local moved, status = false, views.status(ticket)
  if fields.status and fields.status ~= status then
    changes.set_status(ticket, fields.status)
    note(ticket, by, now, { type = "status", old = status, new = fields.status })
    moved = true
  end
  moved = replace(ticket, by, now, "tags", "tags", ticket.tags, wanted.tags) or moved
  replace(ticket, by, now, "priority", "priority", ticket.priority or 0, fields.priority)
  replace(ticket, by, now, "cc", "cc", ticket.cc or {}, fields.cc)
  replace(ticket, by, now, "followers", "followers", ticket.followers or {}, wanted.followers)
  local login = ticket.assignee and ticket.assignee.id
  if fields.assignment and fields.assignment.agent ~= nil then login = wanted.login end
  if fields.teamIDs or fields.assignment then
    ticket.groups = wanted.teams
    changes.assign(service, ticket, wanted.team, login, by, now)
  end
  if moved and not (fields.teamIDs and fields.assignment) then
    ticket.groups = { changes.DEFAULT_TEAM }
    changes.assign(service, ticket, changes.DEFAULT_TEAM, login, by, now)
  end
  if fields.subject then ticket.subject = fields.subject end
  for name, value in pairs(wanted.custom_fields or {}) do
    ticket.custom_fields = ticket.custom_fields or {}
    ticket.custom_fields[name] = value
  end
end

return changes
