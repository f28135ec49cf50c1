-- SPDX-License-Identifier: MIT
-- HelpDesk's calls about tickets. A handler answers a value, or nil, a status and what is wrong.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local views = require "livechat.sandbox.helpdesk.views"
local query = require "livechat.sandbox.helpdesk.query"
local changes = require "livechat.sandbox.helpdesk.changes"
local transactions = require "livechat.sandbox.helpdesk.transactions"
local Identities = require "livechat.sandbox.identities"
local Tickets = require "livechat.sandbox.tickets"

local tickets = {}

local object, text, list = schema.object, schema.text, schema.list
local ID = text(64, 1)
local MAILS_KEPT = 10000

local MEMBERS = {
  subject = text(1000), status = schema.one_of({ "open", "pending", "onhold", "solved", "closed" }),
  priority = schema.one_of({ -10, 0, 10, 20 }), teamIDs = list(ID, 100, 1), tagIDs = list(ID, 100),
  assignment = object({ team = object({ ["ID*"] = ID }),
    agent = schema.nullable(object({ ["ID*"] = ID })) }),
  customFields = schema.map(text()), followers = list(ID, 100),
  author = object({ ["type*"] = schema.one_of({ "agent", "client" }) }),
  cc = list(object({ ["email*"] = schema.email, name = schema.nullable(text(256)) }), 100),
  transactionID = ID,
}
local MESSAGE = object({ ["text*"] = text(262144, 1) })
local REQUESTER = object({ ["email*"] = schema.email, name = schema.nullable(text(256)) })

local function with(members)
  for name, check in pairs(MEMBERS) do members[name] = check end
  return object(members)
end

local CREATE = with({ ["requester*"] = REQUESTER, ["message*"] = MESSAGE })
local UPDATE = with({ requester = REQUESTER, message = MESSAGE, isPrivate = schema.boolean })

local function unprocessable(path, message)
  return nil, 422, { path = path, message = message }
end

local function not_found()
  return nil, 404, { type = "notFound", message = "ticket not found" }
end

--- A ticket by its ID or shortID, one in the trash too.
local function find(service, text_id)
  local id = Identities.ticket_id(text_id)
  return id and (service.tickets.by_id[id] or service.tickets.trash[id])
end

-- A ticket that may be changed: archive, spam and trash are read-only.
local function writable(service, id)
  local ticket = find(service, id)
  if not ticket then return not_found() end
  if views.silo(ticket) ~= "tickets" then
    return unprocessable("silo", "tickets in " .. views.silo(ticket) .. " are read-only")
  end
  return ticket
end

local function author(service, call, kind, requester)
  if kind == "client" then
    return { id = requester.mail, name = requester.name, type = "client" }
  end
  local agent = service.agents:reference(call.caller.login)
  return { id = agent.id, name = agent.name, type = "agent" }
end

local function name_of(requester)
  return requester.name ~= json.null and requester.name or nil
end

-- Reading ----------------------------------------------------------------------------------------

--- GET /tickets. Only with eventsScope=full do rows hold their events.
function tickets.list(service, call)
  local asked, name, message = query.read(service, call.query, call.now)
  if not asked then return unprocessable(name, message) end
  local page, total = query.page(service, asked, call.now)
  local rows = json.array()
  for i, ticket in ipairs(page) do
    rows[i] = views.ticket(service, ticket, asked.scope == "full")
  end
  if service.options.today.totals ~= false then
    call.headers["X-Total-Results"] = ("%d"):format(total)
    call.headers["X-Total-Pages"] = ("%d"):format(math.ceil(total / asked.size))
  end
  return rows
end

--- GET /tickets/{id}: never lags.
function tickets.get(service, call)
  local ticket = find(service, call.id)
  if not ticket then return not_found() end
  return views.ticket(service, ticket, true)
end

--- GET /tickets/{id}/message: the first message.
function tickets.message(service, call)
  local ticket = find(service, call.id)
  if not ticket then return not_found() end
  return { text = ticket.events[1].message, isPrivate = ticket.events[1].is_private,
    richTextObj = json.null, richTextHtml = json.null }
end

-- Writing ----------------------------------------------------------------------------------------

local function answer(service, ticket)
  return views.ticket(service, ticket, true)
end

local function put(service, ticket, old, now)
  service.tickets:put(ticket, now)
  service:tell(old and "ticket_updated" or "ticket_created", ticket, now, old)
  return ticket
end

-- What an agent writes is mailed to the requester, unless it is a note.
local function mail(service, ticket, by, private, message, now)
  if by.type ~= "agent" or private then return end
  local mails = service.helpdesk.mails
  mails.count = mails.count + 1
  mails[mails.count], mails[mails.count - MAILS_KEPT] = { to = ticket.requester.mail, at = now,
    ticket = ticket.id, text = message }, nil
end

--- The last mails that went out, the first one first.
function tickets.mails(service)
  local mails, last = service.helpdesk.mails, json.array()
  for i = math.max(1, mails.count - MAILS_KEPT + 1), mails.count do last[#last + 1] = mails[i] end
  return { count = mails.count, mails = last }
end

--- POST /tickets
function tickets.create(service, call)
  local fields, now = call.fields, call.now
  local path, message = CREATE(fields)
  if path then return unprocessable(path, message) end
  local wanted, status, wrong = changes.resolve(service, fields, nil, now)
  if not wanted then return nil, status, wrong end
  local requester = { mail = fields.requester.email, name = name_of(fields.requester) or "" }
  local kind = fields.author and fields.author.type or "agent"
  local by = author(service, call, kind, requester)
  local ticket = service.tickets:open({ subject = fields.subject or "", groups = wanted.teams,
    message = fields.message.text, requester = requester, source = { type = "lc2" } }, now)
  ticket.events[1].author = by
  mail(service, ticket, by, false, fields.message.text, now)
  ticket.team, ticket.created_by, ticket.created_by_type = wanted.team, by.id, kind
  ticket.tags, ticket.custom_fields = wanted.tags or {}, wanted.custom_fields
  ticket.priority, ticket.cc, ticket.followers = fields.priority, fields.cc, wanted.followers
  if fields.status then changes.set_status(ticket, fields.status) end
  if wanted.files then
    changes.apply(service, ticket, {}, { files = wanted.files }, by, now)
    transactions.take(service, fields.transactionID)
  end
  if wanted.login then
    changes.assign(service, ticket, wanted.team, wanted.login, by, now)
  end
  return answer(service, put(service, ticket, nil, now)), nil, nil, "created"
end

--- PATCH /tickets/{id}: `message` is a reply, with isPrivate a note.
function tickets.update(service, call)
  local old, status, wrong = writable(service, call.id)
  if not old then return nil, status, wrong end
  local fields = call.fields
  local path, message = UPDATE(fields)
  if not path and next(fields) == nil then path, message = "value", "must have at least 1 key" end
  if not path and fields.isPrivate ~= nil and not fields.message then
    path, message = "message", "is required"
  end
  local kind = fields.author and fields.author.type or "agent"
  if not path and fields.isPrivate and kind == "client" then
    path, message = "author.type", "must be [agent] where isPrivate is true"
  end
  if path then return unprocessable(path, message) end
  local wanted
  wanted, status, wrong = changes.resolve(service, fields, old, call.now)
  if not wanted then return nil, status, wrong end
  local ticket = Tickets.edition(old)
  if fields.requester then
    ticket.requester.mail = fields.requester.email
    ticket.requester.name = name_of(fields.requester) or ticket.requester.name
  end
  local custom = {}
  for name, value in pairs(old.custom_fields or {}) do custom[name] = value end
  ticket.custom_fields = custom
  local by = author(service, call, kind, ticket.requester)
  changes.apply(service, ticket, fields, wanted, by, call.now)
  if fields.message then
    mail(service, ticket, by, fields.isPrivate, fields.message.text, call.now)
  end
  if wanted.files then transactions.take(service, fields.transactionID) end
  return answer(service, put(service, ticket, old, call.now))
end

--- DELETE /tickets/{id}: to the trash.
function tickets.delete(service, call)
  local ticket = find(service, call.id)
  if not ticket or views.silo(ticket) == "trash" then return not_found() end
  local gone = Tickets.edition(ticket)
  gone.silo = "trash"
  service.tickets:discard(gone, call.now)
  return today.NOTHING
end

local SILO = object({ ["silo*"] = schema.one_of({ "tickets", "archive", "trash", "spam" }) })

--- PUT /tickets/{id}/silo
function tickets.silo(service, call)
  local old = find(service, call.id)
  if not old then return not_found() end
  local path, message = SILO(call.fields)
  if path then return unprocessable(path, message) end
  local ticket, silo = Tickets.edition(old), call.fields.silo
  ticket.silo = silo ~= "tickets" and silo or nil
  if silo == "spam" then
    ticket.status = "spam"
  elseif old.status == "spam" then
    ticket.status = "open"
  end
  if silo == "trash" then
    service.tickets:discard(ticket, call.now)
  else
    put(service, ticket, old, call.now)
  end
  return answer(service, ticket)
end

local CHILD = object({ ["childTicketID*"] = ID })

--- POST /tickets/{id}/childTickets: merges, and moves the parent to the account's default team.
function tickets.merge(service, call)
  local parent, status, wrong = writable(service, call.id)
  if not parent then return nil, status, wrong end
  local path, message = CHILD(call.fields)
  if path then return unprocessable(path, message) end
  local child
  child, status, wrong = writable(service, call.fields.childTicketID)
  if not child then return nil, status, wrong end
  if child.id == parent.id or child.parent or parent.parent or child.children then
    return unprocessable("childTicketID", "must be a ticket that is merged with no other")
  end
  local by, now = author(service, call, "agent"), call.now
  local changed, merged = Tickets.edition(parent), Tickets.edition(child)
  merged.parent = parent.id
  changes.apply(service, merged, { status = "closed", teamIDs = {}, assignment = {} },
    { teams = child.groups, team = views.team_of(child) }, by, now)
  put(service, merged, child, now)
  changed.children = {}
  for i, id in ipairs(parent.children or {}) do changed.children[i] = id end
  changed.children[#changed.children + 1] = child.id
  changed.groups = { changes.DEFAULT_TEAM }
  changes.assign(service, changed, changes.DEFAULT_TEAM, changed.assignee and changed.assignee.id,
    by, now)
  return answer(service, put(service, changed, parent, now))
end

local RATING = object({ ["rating*"] = schema.one_of({ "great", "ok", "bad" }),
  comment = schema.nullable(text(1000)) })

--- POST /tickets/{id}/rating
function tickets.rate(service, call)
  local old, status, wrong = writable(service, call.id)
  if not old then return nil, status, wrong end
  local path, message = RATING(call.fields)
  if path then return unprocessable(path, message) end
  local ticket = Tickets.edition(old)
  ticket.rating = { value = call.fields.rating, comment = call.fields.comment or json.null }
  return answer(service, put(service, ticket, old, call.now))
end

-- POST and DELETE of a list's members; the bodies are in no client, so they are like PATCH's.
local function members(name, change)
  local check = object({ [name .. "*"] = list(ID, 100, 1) })
  return function(service, call)
    local old, status, wrong = writable(service, call.id)
    if not old then return nil, status, wrong end
    local path, message = check(call.fields)
    if path then return unprocessable(path, message) end
    local view, wanted, seen = views.ticket(service, old), {}, {}
    for _, id in ipairs(call.fields[name]) do seen[id] = true end
    for _, id in ipairs(view[name]) do
      if change == "add" or not seen[id] then wanted[#wanted + 1] = id end
      if change == "add" then seen[id] = nil end
    end
    for _, id in ipairs(change == "add" and call.fields[name] or {}) do
      if seen[id] then wanted[#wanted + 1], seen[id] = id, nil end
    end
    call.fields = { [name] = json.array(wanted) }
    return tickets.update(service, call)
  end
end

tickets.add_tags, tickets.remove_tags = members("tagIDs", "add"), members("tagIDs", "remove")
tickets.follow, tickets.unfollow = members("followers", "add"), members("followers", "remove")

--- DELETE /tickets/{id}/attachments: takes the files out of the history.
function tickets.delete_attachments(service, call)
  local old, status, wrong = writable(service, call.id)
  if not old then return nil, status, wrong end
  local ticket = Tickets.edition(old)
  for i, event in ipairs(ticket.events) do
    if event.type == "attachments" then
      ticket.events[i] = { type = event.type, files = {}, is_private = event.is_private,
        date = event.date, author = event.author }
    end
  end
  put(service, ticket, old, call.now)
  return today.NOTHING
end

return tickets
