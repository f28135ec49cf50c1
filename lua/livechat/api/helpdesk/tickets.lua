-- SPDX-License-Identifier: MIT
--- What a ticket of HelpDesk is sent as, and the changes that take several calls. A change of a
--- ticket always says which team and agent have it, because HelpDesk else may move it. ([D]
--- docs/service.md) Pure: the calls are made by the operation that is handed in.
local attachments = require "livechat.api.helpdesk.attachments"
local errors = require "livechat.errors"
local json = require "livechat.json"
local names = require "livechat.api.helpdesk.names"
local trim = require "livechat.text".trim

local tickets = {}

-- A row but for some members.
local function with(row, more)
  return setmetatable(more, { __index = row })
end

local function is_object(value)
  return type(value) == "table" and value[1] == nil
end

local function id_of(value)
  return is_object(value) and value.ID or nil
end

-- ---- what goes out -----------------------------------------------------------------------------

local function people(list)
  local made = json.array {}
  for i, each in ipairs(list) do
    made[i] = { email = each.mail, name = each.name }
  end
  return made
end

-- The team and the agent that shall have a ticket. `present` is the ticket as it is, nil for a new
-- one.
local function assign(op, body, fields, present)
  local before = present and is_object(present.assignment) and present.assignment or {}
  local team, teams, agent = id_of(before.team), present and present.teamIDs, id_of(before.agent)
  if fields.group then
    teams = json.array(type(fields.group) == "table" and fields.group or { fields.group })
    team = teams[1]
  end
  if fields.assignee then
    local found, err = names.agent(op, fields.assignee.id, "assignee.id")
    if not found then
      return nil, err
    end
    agent = found.ID
    if not team and type(found.teamIDs) == "table" then
      team = found.teamIDs[1]
    end
  end
  if team and not (type(teams) == "table" and teams[1]) then
    teams = json.array { team }
  end
  if team then
    body.teamIDs = teams
  end
  op.keeps = agent and not fields.assignee
  if team or agent then
    body.assignment = { team = team and { ID = team },
      agent = agent and { ID = agent } or json.null }
  end
  return true
end

local SAME = { "subject", "status", "priority" }

-- The body of a create or a change: nothing that HelpDesk does not know, which it refuses.
local function body_of(op, fields, present)
  local body = { customFields = fields.custom_fields }
  for _, name in ipairs(SAME) do body[name] = fields[name] end
  if fields.message then body.message = { text = fields.message } end
  local requester = fields.requester
  local own = present and is_object(present.requester) and present.requester or {}
  if requester and (requester.mail and requester.mail ~= own.email
    or requester.name and requester.name ~= own.name) then
    body.requester = { email = requester.mail or own.email, name = requester.name }
  end
  body.cc = fields.cc and people(fields.cc)
  for i, who in ipairs(fields.followers or {}) do
    local agent, err = names.agent(op, who, ("followers[%d]"):format(i))
    if not agent then return nil, err end
    body.followers = body.followers or json.array {}
    body.followers[i] = agent.ID
  end
  if fields.followers and not fields.followers[1] then body.followers = json.array {} end
  if fields.tags then
    local ids, err = names.tag_ids(op, fields.tags, fields.create_tags == 1)
    if not ids then return nil, err end
    body.tagIDs = ids
  end
  local fine, err = assign(op, body, fields, present)
  if not fine then return nil, err end
  return body
end

-- Files are looked at before anything is sent, and sent before what they belong to.
local function attach(op, body, files, ticket)
  if not files then
    return true
  end
  local id, err = attachments.send(op, files, ticket)
  if not id then
    return nil, err
  end
  body.transactionID = id
  return true
end

-- ---- create ------------------------------------------------------------------------------------

function tickets.create(op, args, fields)
  local files, err = attachments.read(op, fields.attachments)
  if err then
    return nil, err
  end
  local body
  body, err = body_of(op, fields)
  if not body then
    return nil, err
  end
  body.author = { type = fields.author or "client" }
  local fine
  fine, err = attach(op, body, files)
  if not fine then
    return nil, err
  end
  local value
  value, err = op:create(args, body)
  if not value then
    return nil, err
  end
  return op:made("ticket", value)
end

local function text_of(value)
  return type(value) == "string" and trim((value:gsub("\r\n?", "\n"))) or ""
end

local function same_address(a, b)
  return type(a) == "string" and type(b) == "string" and a:lower() == b:lower()
end

-- The events of a ticket that are messages, in their order.
local function messages_of(ticket)
  local made = {}
  for _, event in ipairs(type(ticket.events) == "table" and ticket.events or {}) do
    if is_object(event) and event.type == "message" and is_object(event.message) then
      made[#made + 1] = event
    end
  end
  return made
end

local function created_at(ticket, time)
  local value = ticket.createdAt
  return (type(value) == "string" or type(value) == "number") and time(value) or nil
end

local DAY = 86400

--- How a ticket is found whose create was not answered: see lost_create.lua. The list shows what
--- was created last first.
tickets.lost = {
  list = "list", id = "ID", created = created_at, modified = created_at,
  filter = function(wanted, began)
    return { requester = { email = wanted.requester.email }, sortBy = "createdAt", order = "desc",
      pageSize = 100, eventsScope = "full",
      createdDateFrom = os.date("!%Y-%m-%dT%H:%M:%S.000Z", math.floor(began - DAY)) }
  end,
  same = function(ticket, wanted)
    local requester, first = ticket.requester, messages_of(ticket)[1]
    return is_object(requester) and first ~= nil
      and same_address(requester.email, wanted.requester.email)
      and (wanted.subject == nil or text_of(ticket.subject) == text_of(wanted.subject))
      and text_of(first.message.text) == text_of(wanted.message.text)
  end,
  fingerprint = function(wanted)
    return table.concat({ "helpdesk", wanted.requester.email:lower(), text_of(wanted.subject),
      text_of(wanted.message.text) }, "\0")
  end,
}

-- ---- change ------------------------------------------------------------------------------------

-- The ticket as it is, in the wire's form.
local function present_of(op, args)
  local ticket, err = op:perform(op.rows.get, args)
  if not ticket then
    err.outcome = err.outcome == "unknown" and "not_sent" or err.outcome -- what was lost is a read
    return nil, err
  end
  return ticket
end

-- Whether a change was refused because of the agent whom the ticket has: one who is no more.
local function names_agent(op, err)
  return op.keeps and err.status == 422
    and tostring(err.body):find("assignment", 1, true) ~= nil
end

-- Sends a change; the ticket in the wire's form, read again where the answer does not tell it.
local function patch(op, id, body)
  local row = with(op.rows.update, { returns = "anything", once = { "message", "transactionID" } })
  local value, err = op:perform(row, { id = id }, nil, body)
  if not value and names_agent(op, err) then
    body.assignment.agent = json.null
    value, err = op:perform(row, { id = id }, nil, body)
  end
  if not value then
    return nil, err
  elseif value.ID == nil then
    value, err = op:perform(op.rows.get, { id = id })
    if not value then
      err.done = { "update" }
      err.outcome = "unknown"
    end
  end
  return value, err
end

local function number_of(event)
  return tonumber(event.ID) or event.ID
end

-- The name of a message that stands in a ticket, was not there before, and says what was sent: what
-- a call has written, and no other call is known to have.
local function written(ticket, body, known, registry)
  for _, event in ipairs(messages_of(ticket)) do
    local name = ticket.ID .. " " .. tostring(number_of(event))
    local message = event.message
    if not known[number_of(event)] and text_of(message.text) == text_of(body.message.text)
      and (message.isPrivate == true) == (body.isPrivate == true)
      and not (registry and registry:is_taken(name)) then
      return name
    end
  end
end

-- A message is mailed: it is never sent twice, and looked for where the answer was lost.
local function say(op, present, body)
  local id, known = present.ID, {}
  for _, event in ipairs(messages_of(present)) do known[number_of(event)] = true end
  local print = table.concat({ "reply", id, text_of(body.message.text) }, "\0")
  local name
  return op:once(print, function()
    return patch(op, id, body)
  end, function(due, registry)
    local ticket = op:perform(op.rows.get, { id = id }, nil, nil, due)
    name = ticket and written(ticket, body, known, registry)
    return name and ticket
  end, function(ticket)
    return name or written(ticket, body, known)
  end)
end

-- Changes a ticket that has been read.
local function change(op, present, body)
  if body.message then
    return say(op, present, body)
  end
  return patch(op, present.ID, body)
end

--- Changes a ticket. `message` is a reply, which is mailed, or with `private` a note.
function tickets.update(op, args, fields)
  local private = fields.private == 1
  if private and not fields.message then
    return nil, errors.invalid("private", "only goes with message")
  elseif private and fields.author == "client" then
    return nil, errors.invalid("author", "must be 'agent' with private")
  elseif fields.author and not fields.message then
    return nil, errors.invalid("author", "only goes with message")
  end
  local files, err = attachments.read(op, fields.attachments)
  if err then
    return nil, err
  end
  local present, body, fine
  present, err = present_of(op, args)
  if not present then
    return nil, err
  end
  body, err = body_of(op, fields, present)
  if not body then
    return nil, err
  end
  if fields.message then
    body.isPrivate = private or nil
    body.author = { type = fields.author or "agent" }
  end
  fine, err = attach(op, body, files, present.ID)
  if not fine then
    return nil, err
  end
  local value
  value, err = change(op, present, body)
  if not value then
    return nil, err
  end
  return op:made("ticket", value)
end

-- ---- tags --------------------------------------------------------------------------------------

--- Replaces the tags.
function tickets.tag(op, args, fields)
  return tickets.update(op, args, { tags = fields.tag, create_tags = fields.create_tags })
end

local TRIES = 3 -- readings after which another's writes are not run after any more

local function changed(ids, named, wanted)
  local made, set, differs = json.array {}, {}, false
  for _, id in ipairs(named) do set[names.text(id)] = true end
  for _, id in ipairs(type(ids) == "table" and ids or {}) do
    local is_named = set[names.text(id)]
    if wanted or not is_named then made[#made + 1] = id else differs = true end
    if wanted then set[names.text(id)] = nil end
  end
  for _, id in ipairs(wanted and named or {}) do
    if set[names.text(id)] then
      made[#made + 1], differs = id, true
      set[names.text(id)] = nil
    end
  end
  return made, differs
end

-- Reads, changes, writes and looks again, because another may write in between: what is written is
-- the whole list.
local function change_tags(op, args, named, wanted)
  local wrote = false
  for try = 0, TRIES do
    local present, err = present_of(op, args)
    if not present then
      err.outcome = wrote and "unknown" or err.outcome
      return nil, err
    end
    local ids, differs = changed(present.tagIDs, named, wanted)
    if not differs then
      return op:made("ticket", present)
    elseif try < TRIES then
      local body = { tagIDs = ids }
      assign(op, body, {}, present)
      local value
      value, err = patch(op, present.ID, body)
      if not value then
        return nil, err
      end
      wrote = true
    end
  end
  return nil, errors.new { kind = "rejected", ignored = { "tags" }, outcome = "unknown",
    message = "the service did not take tags", method = "PATCH", path = op.row.path }
end

function tickets.add_tags(op, args, fields)
  local named, err = names.tag_ids(op, fields.tag, fields.create_tags == 1)
  if not named then
    return nil, err
  end
  return change_tags(op, args, named, true)
end

--- Removes tags. One that there is not is on no ticket.
function tickets.remove_tags(op, args, fields)
  local there = json.array {}
  for _, name in ipairs(fields.tag) do
    local ids, err = names.tag_ids(op, { name })
    if ids then
      there[#there + 1] = ids[1]
    elseif err.kind ~= "invalid" then
      return nil, err
    end
  end
  return change_tags(op, args, there, false)
end

-- ---- delete ------------------------------------------------------------------------------------

--- Puts a ticket into the trash. By its shortID, which HelpDesk documents for reading alone, it is
--- found first where that does not do.
function tickets.delete(op, args)
  local value, err = op:perform(op.row, args)
  if not value and err.kind == "not_found" then
    local present = op:perform(op.rows.get, args)
    if present and names.text(present.ID) ~= names.text(args.id) then
      value, err = op:perform(op.row, { id = present.ID })
    end
  end
  if not value then
    return nil, err
  end
  return true, value
end

-- ---- merge -------------------------------------------------------------------------------------

local function has(list, id)
  for _, each in ipairs(type(list) == "table" and list or {}) do
    local one = is_object(each) and each.ID or each
    if names.text(one) == names.text(id) then return true end
  end
  return false
end

local function same_place(a, b)
  local function place(ticket)
    local of = is_object(ticket.assignment) and ticket.assignment or {}
    local teams = {}
    for i, id in ipairs(type(ticket.teamIDs) == "table" and ticket.teamIDs or {}) do
      teams[i] = tostring(id)
    end
    table.sort(teams)
    return table.concat(teams, " ") .. "|" .. tostring(id_of(of.team)) .. "|"
      .. tostring(id_of(of.agent))
  end
  return place(a) == place(b)
end

-- Whether a ticket was put into another, by what either of them says.
local function is_merged(op, parent, child)
  if has(parent.childTickets, child.ID) then
    return true
  end
  local now = op:perform(op.rows.get, { id = child.ID })
  return now ~= nil and has({ now.parentTicket }, parent.ID)
end

--- Puts a ticket into another, and puts the team back that the service moves.
function tickets.merge(op, args)
  local parent, child, err
  parent, err = present_of(op, { id = args.id })
  if parent then child, err = present_of(op, { id = args.child_id }) end
  if not child then
    return nil, err
  end
  local value
  value, err = op:perform(with(op.row, { returns = "anything" }), { id = parent.ID }, nil,
    { childTicketID = child.ID })
  if not value and err.outcome ~= "unknown" then
    return nil, err
  end
  local now, failed = op:perform(op.rows.get, { id = parent.ID })
  if not now or not value and not is_merged(op, now, child) then
    if value then failed.outcome, failed.done = "unknown", { "merge" } end
    return nil, value and failed or err
  end
  if not same_place(parent, now) then
    local body = {}
    assign(op, body, {}, parent)
    now, err = patch(op, parent.ID, body)
    if not now then
      err.outcome, err.done = "unknown", { "merge" }
      return nil, err
    end
  end
  return op:made("ticket", now)
end

return tickets
