-- SPDX-License-Identifier: MIT
-- The helpdesk's API of version 2: its routes, its ways to be asked and to answer, its events.
--
-- What service.lua wants of an API, in a folder beside this one:
--   routes                           { { method, path, … }, … }: for pages and specs that list them
--   new()                            its own state, kept at service[<its name>]
--   owns(path)                       whether a path is its own; v2 takes what no other one owns
--   path(path)                       the one way to write a path, for faults and the log of calls:
--                                       no two APIs write theirs alike
--   refuse(status, text)             how it says what the service says for all: 429
--   answer(service, request, now)    -> response, and the route's name where the call did what it
--                                       asked
--   tell(service, what, record, now, before, caller)
--                                       something has happened to a record, whichever API caused
--                                       it; what it has no event for, it passes over
--   trigger(service, name, over, now) -> about, deliveries | nil, message | nothing at all where it
--                                       has no event of that name
--   knows_token(service, token)      whether a delivery brought this token
local json = require "livechat.json"
local body = require "livechat.sandbox.body"
local form = require "livechat.sandbox.form"
local agents = require "livechat.sandbox.v2.agents"
local canned_responses = require "livechat.sandbox.v2.canned_responses"
local chats = require "livechat.sandbox.v2.chats"
local goals = require "livechat.sandbox.v2.goals"
local greetings = require "livechat.sandbox.v2.greetings"
local groups = require "livechat.sandbox.v2.groups"
local reports = require "livechat.sandbox.v2.reports"
local tags = require "livechat.sandbox.v2.tags"
local tickets = require "livechat.sandbox.v2.tickets"
local views = require "livechat.sandbox.v2.views"
local webhooks = require "livechat.sandbox.v2.webhooks"
local events = require "livechat.sandbox.v2.events"

local v2 = {}

-- What is in braces is any one segment. `pair` says that the call may come with a webhook's
-- license_id and token instead of the account's credentials, and looks for itself.
v2.routes = {
  { "GET", "/agents", agents.list },
  { "POST", "/agents", agents.create },
  { "GET", "/agents/{id}", agents.get },
  { "PUT", "/agents/{id}", agents.update },
  { "DELETE", "/agents/{id}", agents.delete },
  { "GET", "/tickets", tickets.list },
  { "POST", "/tickets", tickets.create },
  { "GET", "/tickets/{id}", tickets.get },
  { "PUT", "/tickets/{id}/tags", tickets.tag },
  { "GET", "/webhooks", webhooks.list },
  { "POST", "/webhooks", webhooks.create },
  { "DELETE", "/webhooks/{id}", webhooks.delete },
  { "GET", "/status", groups.status },
  { "GET", "/status/{group}", groups.status },
  { "GET", "/groups", groups.list },
  { "POST", "/groups", groups.create },
  { "GET", "/groups/{id}", groups.get },
  { "PUT", "/groups/{id}", groups.update },
  { "DELETE", "/groups/{id}", groups.delete },
  { "GET", "/tags", tags.list },
  { "POST", "/tags", tags.create },
  { "DELETE", "/tags/{tag}", tags.delete },
  { "GET", "/canned_responses", canned_responses.list },
  { "POST", "/canned_responses", canned_responses.create },
  { "GET", "/canned_responses/{id}", canned_responses.get },
  { "PUT", "/canned_responses/{id}", canned_responses.update },
  { "DELETE", "/canned_responses/{id}", canned_responses.delete },
  { "GET", "/chats", chats.list },
  { "GET", "/chats/{id}", chats.get },
  { "PUT", "/chats/{id}/tags", chats.tag },
  { "POST", "/chats/{id}/send_transcript", chats.send_transcript },
  { "GET", "/visitors", chats.visitors },
  { "GET", "/visitors/chatting", chats.chatting },
  { "POST", "/visitors/{id}/details", chats.details, pair = true },
  { "GET", "/goals", goals.list },
  { "POST", "/goals", goals.create },
  { "GET", "/goals/{id}", goals.get },
  { "PUT", "/goals/{id}", goals.update },
  { "DELETE", "/goals/{id}", goals.delete },
  { "POST", "/goals/{id}/mark_as_successful", goals.reach },
  { "GET", "/greetings", greetings.list },
  { "POST", "/greetings", greetings.create },
  { "GET", "/greetings/{id}", greetings.get },
  { "PUT", "/greetings/{id}", greetings.update },
  { "DELETE", "/greetings/{id}", greetings.delete },
}
for _, row in ipairs(reports.routes) do v2.routes[#v2.routes + 1] = row end

function v2.new()
  return { hooks = {} }
end

-- Routes -------------------------------------------------------------------------------------

local MOST_SEGMENTS = 4

local function segments_of(path)
  local list = {}
  for segment in path:gmatch("/([^/]*)") do
    if #list == MOST_SEGMENTS + 1 then break end
    list[#list + 1] = segment
  end
  return list
end

-- Rows by their method and the number of their segments.
local TABLE = {}
for _, row in ipairs(v2.routes) do
  local segments = segments_of(row[2])
  local key = row[1] .. #segments
  TABLE[key] = TABLE[key] or {}
  table.insert(TABLE[key], { segments = segments, handler = row[3], pair = row.pair,
    name = row[1] .. " " .. row[2] })
end

local function fits(row, segments)
  local id
  for i, segment in ipairs(row.segments) do
    if segment:byte() == 123 then -- "{"
      id = segments[i]
    elseif segment ~= segments[i] then
      return false
    end
  end
  return true, id
end

local function route_of(method, path)
  local segments = segments_of(path)
  for _, row in ipairs(TABLE[(method == "HEAD" and "GET" or method) .. #segments] or {}) do
    local found, id = fits(row, segments)
    if found then return row, id and form.unescape(id) end
  end
end

-- The connector's gateway gives the three triggers paths of their own.
local LABELS = { ticket_created_webhook = true, chat_starts_webhook = true,
  chat_ends_webhook = true }

local function without_label(path)
  local label = path:match("^/([%l_]+)/webhooks$")
  if label and LABELS[label] then return "/webhooks", true end
  return path, false
end

local function plain(path)
  local last = #path
  while last > 1 and path:byte(last) == 47 do last = last - 1 end -- "/"
  return without_label((path:sub(1, last):gsub("^/v2/", "/")))
end

--- A path without its version, without a slash at its end, and without a label of the connector's.
---@param path string
---@return string
function v2.path(path)
  return (plain(path))
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

-- PHP clients are ready for a text under `errors` too.
local function as_text(refusal)
  return { error = refusal.error, errors = refusal.errors and table.concat(refusal.errors, ". ") }
end

-- GET answers JSONP where it is asked to.
local function wrap(response, callback)
  response.body = callback .. "(" .. response.body .. ");"
  response.headers["Content-Type"] = "application/javascript; charset=utf-8"
  return response
end

-- The parameters of a write may stand in the query; what the body has wins.
local function fields_of(request, query)
  if request.method == "GET" or request.method == "HEAD" then return {} end
  local fields, message = body.read(request)
  if not fields then return nil, message end
  for name, value in pairs(query) do
    if fields[name] == nil then fields[name] = value end
  end
  return fields
end

-- data_types is required, and the connector's definition has none for chats: its gateway adds them.
local function add_data_types(fields)
  if fields.data_types == nil then fields.data_types = webhooks.DATA_TYPES[fields.event_type] end
end

local function read(request)
  local query, message = form.decode(request.query or "")
  if not query then return nil, message end
  local callback = request.method == "GET" and query.callback or nil
  if callback and not (type(callback) == "string" and callback:find("^[%a_$][%w_$.]*$")) then
    return nil, "callback must be the name of a function"
  end
  local fields, wrong = fields_of(request, query)
  if not fields then return nil, wrong end
  return { query = query, fields = fields, callback = callback, ip = request.ip,
    authorization = request.headers.authorization }
end

--- Answers one request.
---@return table response
---@return string|nil route
function v2.answer(service, request, now)
  local path, labelled = plain(request.path)
  local route, id = route_of(request.method, path)
  if not route then return v2.refuse(404, "Resource not found") end
  if request.headers["x-api-version"] ~= "2" and not labelled
    and not request.path:find("^/v2/") then
    return v2.refuse(400, "The header X-API-Version: 2 is missing")
  end
  if not route.pair and not service:knows(request.headers.authorization, now) then
    return v2.refuse(401,
      "You have no rights to access this data. Check your API Key and/or username")
  end
  local call, message = read(request)
  if not call then return v2.refuse(400, message) end
  call.id, call.login, call.now = id, service.options.username, now
  if labelled then add_data_types(call.fields) end
  local value, status, refusal = route.handler(service, call)
  local response
  if value then
    response = respond(200, views.finish(value, service))
  else
    response = respond(status, service.options.errors == "text" and as_text(refusal) or refusal)
  end
  return call.callback and wrap(response, call.callback) or response, value and route.name
end

-- Events -------------------------------------------------------------------------------------

--- Tells the webhooks what has happened, where it is one of the six events.
function v2.tell(service, what, record, now)
  if not webhooks.DATA_TYPES[what] then return end
  local event = events.make(service, what, record)
  webhooks.publish(service, event, events.about(event), now)
end

-- An event about a new ticket has a ticket to be about.
local function new_ticket(service, over, now)
  local wanted = type(over.ticket) == "table" and over.ticket or {}
  local requester = events.merge({ mail = "mary.brown@example.net", name = "Mary Brown" },
    type(wanted.requester) == "table" and wanted.requester or {})
  local fields, message = tickets.check(service, { subject = wanted.subject or
    "Sent by the sandbox", message = "Somebody asked the sandbox to send this.",
    requester = requester }, "203.0.113.7")
  if not fields then return nil, table.concat(message, "; ") end
  local ticket = service.tickets:open(fields, now)
  service.tickets:put(ticket, now)
  return ticket
end

--- Sends one event to the webhooks that are registered for it, and has happen what it tells.
---@param event_type string
---@param over table what is merged over the event; json.null removes a member
---@return string|nil about the id by which the event can be found again
---@return integer|string|nil deliveries or, without `about`, what is wrong
function v2.trigger(service, event_type, over, now)
  if not webhooks.DATA_TYPES[event_type] then return nil end
  local record, message
  if event_type == "ticket_created" then
    record, message = new_ticket(service, over, now)
  else
    record = events.happen(service, event_type, over, now)
  end
  if not record then return nil, message end
  service:tell(event_type, record, now, nil, "v2")
  local event = events.merge(events.make(service, event_type, record), over)
  local about = events.about(event)
  return about, webhooks.publish(service, event, about, now)
end

--- Whether one of the webhooks has this token.
---@param token string
function v2.knows_token(service, token)
  for _, hook in ipairs(service.v2.hooks) do
    if hook.token == token then return true end
  end
  return false
end

return v2
