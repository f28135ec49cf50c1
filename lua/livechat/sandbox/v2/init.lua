-- SPDX-License-Identifier: MIT
-- The helpdesk's API of version 2: its routes, its ways to be asked and to answer, its events.
--
-- What service.lua wants of an API, in a folder beside this one:
--   new()                            its own state, kept at service[<its name>]
--   path(path)                       the one way to write a path, for faults and the log of calls
--   refuse(status, text)             how it says what the service says for all: 429
--   answer(service, request, now)    -> response, and the route's name where the call did what it
--                                       asked
--   tell(service, what, record, now) something has happened to a record, whichever API caused it
--   trigger(service, name, over, now) -> about, deliveries | nil, message | nothing at all where it
--                                       has no event of that name
local json = require "livechat.json"
local body = require "livechat.sandbox.body"
local form = require "livechat.sandbox.form"
local agents = require "livechat.sandbox.v2.agents"
local tickets = require "livechat.sandbox.v2.tickets"
local webhooks = require "livechat.sandbox.v2.webhooks"
local events = require "livechat.sandbox.v2.events"

local v2 = {}

-- `{id}` is any one segment.
local ROUTES = {
  ["GET /agents"] = agents.list,
  ["POST /agents"] = agents.create,
  ["GET /agents/{id}"] = agents.get,
  ["PUT /agents/{id}"] = agents.update,
  ["DELETE /agents/{id}"] = agents.delete,
  ["GET /tickets"] = tickets.list,
  ["POST /tickets"] = tickets.create,
  ["GET /tickets/{id}"] = tickets.get,
  ["PUT /tickets/{id}/tags"] = tickets.tag,
  ["GET /webhooks"] = webhooks.list,
  ["POST /webhooks"] = webhooks.create,
  ["DELETE /webhooks/{id}"] = webhooks.delete,
}

function v2.new()
  return { hooks = {} }
end

--- A path without its version.
---@param path string
---@return string
function v2.path(path)
  return (path:gsub("^/v2/", "/"))
end

-- Answers ------------------------------------------------------------------------------------

local function respond(status, value)
  return { status = status, headers = {}, body = json.encode(value) }
end

---@param status integer
---@param text string
---@return table response
function v2.refuse(status, text)
  return respond(status, { error = text })
end

local function route_of(method, path)
  local segments = {}
  for segment in path:gmatch("/([^/]*)") do segments[#segments + 1] = segment end
  local shape = "/" .. (segments[1] or "")
  if segments[2] then shape = shape .. "/{id}" end
  for i = 3, #segments do shape = shape .. "/" .. segments[i] end
  local name = (method == "HEAD" and "GET" or method) .. " " .. shape
  return ROUTES[name], name, segments[2] and form.unescape(segments[2])
end

-- GET answers JSONP where it is asked to.
local function wrap(response, callback)
  response.body = callback .. "(" .. response.body .. ");"
  response.headers["Content-Type"] = "application/javascript; charset=utf-8"
  return response
end

--- Answers one request.
---@return table response
---@return string|nil route
function v2.answer(service, request, now)
  local path = v2.path(request.path)
  local handler, name, id = route_of(request.method, path)
  if not handler then return v2.refuse(404, "Resource not found") end
  if path == request.path and request.headers["x-api-version"] ~= "2" then
    return v2.refuse(400, "The header X-API-Version: 2 is missing")
  end
  if not service:knows(request.headers.authorization) then
    return v2.refuse(401,
      "You have no rights to access this data. Check your API Key and/or username")
  end
  local query, message = form.decode(request.query or "")
  local fields = query and {}
  if query and request.method ~= "GET" and request.method ~= "HEAD" then
    fields, message = body.read(request)
  end
  if not fields then return v2.refuse(400, message) end
  local callback = request.method == "GET" and query.callback
  if callback and not (type(callback) == "string" and callback:find("^[%a_$][%w_$.]*$")) then
    return v2.refuse(400, "callback must be the name of a function")
  end
  local value, status, refusal = handler(service,
    { id = id, query = query, fields = fields, login = service.options.username, now = now })
  local response = respond(value and 200 or status, value or refusal)
  return callback and wrap(response, callback) or response, value and name
end

-- Events -------------------------------------------------------------------------------------

local function make(service, event_type, now, ticket)
  return events.make(event_type, { draw = service.draw, now = now,
    agents = service.agents:references(), license_id = service.options.license_id,
    ticket = ticket })
end

--- Tells the webhooks what has happened.
---@param what string "ticket_created"
function v2.tell(service, what, record, now)
  webhooks.publish(service, make(service, what, now, record), record.id, now)
end

-- cjson decodes [] and {} alike: an empty table over a list is a list.
local function merge(target, over)
  for name, value in pairs(over) do
    if value == json.null then
      target[name] = nil
    elseif type(value) ~= "table" then
      target[name] = value
    elseif json.is_array(target[name]) then
      target[name] = json.array(value)
    elseif value[1] == nil and type(target[name]) == "table" then
      merge(target[name], value)
    else
      target[name] = value
    end
  end
  return target
end

-- An event about a new ticket has a ticket to be about.
local function new_ticket(service, over, now)
  local wanted = type(over.ticket) == "table" and over.ticket or {}
  local requester = merge({ mail = "mary.brown@example.net", name = "Mary Brown" },
    type(wanted.requester) == "table" and wanted.requester or {})
  local fields, message = tickets.check(service, { subject = wanted.subject or
    "Sent by the sandbox", message = "Somebody asked the sandbox to send this.",
    requester = requester })
  if not fields then return nil, table.concat(message, "; ") end
  local ticket = service.tickets:open(fields, now)
  service.tickets:put(ticket, now)
  return ticket
end

--- Sends one event to the webhooks that are registered for it.
---@param event_type string
---@param over table what is merged over the event; json.null removes a member
---@return string|nil about the id by which the event can be found again
---@return integer|string|nil deliveries or, without `about`, what is wrong
function v2.trigger(service, event_type, over, now)
  if not webhooks.DATA_TYPES[event_type] then return nil end
  local ticket, message
  if event_type == "ticket_created" then
    ticket, message = new_ticket(service, over, now)
    if not ticket then return nil, message end
  end
  local event = merge(make(service, event_type, now, ticket), over)
  local about = events.about(event)
  return about, webhooks.publish(service, event, about, now)
end

return v2
