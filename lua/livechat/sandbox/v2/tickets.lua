-- SPDX-License-Identifier: MIT
-- v2's calls about tickets. A handler answers a value, or nil, a status and a body.
local json = require "livechat.json"
local views = require "livechat.sandbox.v2.views"
local checks = require "livechat.sandbox.v2.checks"
local filters = require "livechat.sandbox.v2.ticket_filters"
local Tickets = require "livechat.sandbox.tickets"

local tickets = {}

local PAGE = 25
local SOURCES = { ["chat-window"] = true, mail = true, lc2 = true }

-- Answers ------------------------------------------------------------------------------------

local function answer(service, ticket)
  if service.options.wrapper then
    return views.ticket_page({ ticket }, 1, 1, service)
  end
  return views.ticket(ticket, service)
end

--- GET /tickets
function tickets.list(service, call)
  local matches, key, errors = filters.read(service, call.query)
  errors = errors or json.array()
  local order, page = call.query.order or "desc", call.query.page or "1"
  if order ~= "asc" and order ~= "desc" then
    errors[#errors + 1] = "order must be asc or desc"
  end
  page = type(page) == "string" and #page < 10 and page:find("^%d+$") and tonumber(page)
  if not page or page < 1 then errors[#errors + 1] = "page must be a number from 1" end
  if #errors > 0 then return nil, 400, { errors = errors } end

  local found = service.tickets:find(matches, key, call.now)
  local total, shown = #found, {}
  for place = (page - 1) * PAGE + 1, math.min(page * PAGE, total) do
    shown[#shown + 1] = found[order == "desc" and total - place + 1 or place]
  end
  return views.ticket_page(shown, math.ceil(total / PAGE), total, service)
end

--- GET /tickets/{id}: never lags.
function tickets.get(service, call)
  local ticket = service.tickets.by_id[call.id]
  if not ticket then return nil, 404, { error = "Ticket not found" } end
  return answer(service, ticket)
end

-- Writes -------------------------------------------------------------------------------------

local function text(value)
  return type(value) == "string" and value ~= ""
end

local function part(fields, name, errors)
  local value = fields[name]
  if value == nil then return {} end
  if type(value) ~= "table" then errors[#errors + 1] = name .. " must be an object" return {} end
  return value
end

-- What POST /tickets and the connector's UpdateTicket share. Nothing is kept of a refused call.
local function read(service, fields, errors)
  local requester, source = part(fields, "requester", errors), part(fields, "source", errors)
  local assignee = part(fields, "assignee", errors)
  local taken = { message = fields.message, subject = fields.subject }
  if not text(requester.mail) or not requester.mail:find("^[^%s@]+@[^%s@]+$") then
    errors[#errors + 1] = "requester[mail] must be a valid e-mail address"
  end
  for name, value in pairs({ message = fields.message, subject = fields.subject,
    ["requester[name]"] = requester.name, ["source[url]"] = source.url }) do
    if type(value) ~= "string" then errors[#errors + 1] = name .. " must be a text" end
  end
  if source.type ~= nil and not SOURCES[source.type] then
    errors[#errors + 1] = "source[type] must be one of: chat-window, mail, lc2"
  end
  taken.requester = { mail = requester.mail, name = requester.name }
  if source.type ~= nil or source.url ~= nil then taken.source = source end
  if assignee.id ~= nil then
    taken.assignee = service.agents:reference(assignee.id)
    if not taken.assignee then errors[#errors + 1] = "assignee[id] must be an agent" end
  end
  return taken
end

local function group_ids(service, value, errors)
  if value == nil then return { 0 } end
  local ids, message = checks.groups(value, service)
  if not ids or #ids == 0 then
    errors[#errors + 1] = "group " .. (message or "must be a list of group ids")
  end
  return ids
end

-- Only the chat window has a URL; `id` is the related chat's.
local function source_of(wanted, kind, id)
  kind = wanted.type or kind
  return { type = kind, url = kind == "chat-window" and wanted.url or nil, id = id }
end

local function agent(service, login)
  return service.agents:reference(login) or { id = login, name = login }
end

--- Reads what a new ticket is made of.
---@param fields table as for POST /tickets
---@param ip string|nil where the requester is
---@return table|nil wanted what Tickets:open takes, and `assignee`
---@return string[]|nil errors
function tickets.check(service, fields, ip)
  local errors = json.array()
  local taken = read(service, fields, errors)
  local groups = group_ids(service, fields.group, errors)
  if not text(fields.message) then errors[#errors + 1] = "message is required" end
  table.sort(errors)
  if #errors > 0 then return nil, errors end
  return { message = taken.message, groups = groups, assignee = taken.assignee,
    subject = text(taken.subject) and taken.subject or "(no subject)",
    requester = { mail = taken.requester.mail, name = taken.requester.name or "", ip = ip },
    source = source_of(taken.source or {}, "lc2") }
end

--- POST /tickets
function tickets.create(service, call)
  local wanted, errors = tickets.check(service, call.fields, call.ip)
  if not wanted then return nil, 400, { error = errors } end -- `error`, and yet a list
  local ticket = service.tickets:open(wanted, call.now)
  if wanted.assignee then
    Tickets.assign(ticket, wanted.assignee, agent(service, call.login), call.now)
  end
  service.tickets:put(ticket, call.now)
  service:tell("ticket_created", ticket, call.now)
  return answer(service, ticket)
end

local CONNECTOR = { "message", "requester", "subject", "assignee", "source" }

--- PUT /tickets/{id}/tags. `tag` replaces the tags, and without it there are none left. What the
-- service does with the other members that the connector sends is not known: with update = "apply"
-- they are taken and want requester[mail], as the connector's definition says; with "ignore" only
-- `tag` counts, as the documentation says.
function tickets.tag(service, call)
  local old = service.tickets.by_id[call.id]
  if not old then return nil, 404, { error = "Ticket not found" } end
  local fields, errors, taken = call.fields, json.array(), {}
  local tags, message = checks.names(fields.tag or {}, service)
  if not tags then errors[1] = "tag " .. message end
  if service.options.update == "apply" then
    for _, name in ipairs(CONNECTOR) do
      if fields[name] ~= nil then taken = read(service, fields, errors) break end
    end
  end
  table.sort(errors)
  if #errors > 0 then return nil, 400, { errors = errors } end
  local ticket = Tickets.edition(old)
  Tickets.tag(ticket, tags, agent(service, call.login), call.now)
  ticket.subject = taken.subject or old.subject
  for name, value in pairs(taken.requester or {}) do ticket.requester[name] = value end
  if taken.source then
    ticket.source = source_of(taken.source, old.source.type, old.source.id)
  end
  if taken.assignee and (not old.assignee or old.assignee.id ~= taken.assignee.id) then
    Tickets.assign(ticket, taken.assignee, agent(service, call.login), call.now)
  end
  if text(taken.message) then
    Tickets.say(ticket, agent(service, call.login), "agent", taken.message, { type = "lc2" },
      call.now)
  end
  service.tickets:put(ticket, call.now)
  service:tell("ticket_updated", ticket, call.now, old)
  return answer(service, ticket)
end

return tickets
