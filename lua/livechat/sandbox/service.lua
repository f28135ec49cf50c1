-- SPDX-License-Identifier: MIT
--- LiveChat's REST API v2 as a state machine: a request goes in, a response comes out, and nothing
-- else happens. No sockets, no clock, no files: whoever runs it brings them.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local form = require "livechat.sandbox.form"
local random = require "livechat.sandbox.random"
local options = require "livechat.sandbox.options"
local faults = require "livechat.sandbox.faults"
local Calls = require "livechat.sandbox.calls"
local Agents = require "livechat.sandbox.agents"
local Tickets = require "livechat.sandbox.tickets"
local Deliveries = require "livechat.sandbox.deliveries"
local Webhooks = require "livechat.sandbox.webhooks"
local events = require "livechat.sandbox.events"
local seed = require "livechat.sandbox.seed"
local control = require "livechat.sandbox.control"

local Service = {}
Service.__index = Service

-- Whose method answers; `{id}` is any one segment.
local ROUTES = {
  ["GET /agents"] = { "agents", "list" },
  ["POST /agents"] = { "agents", "create" },
  ["GET /agents/{id}"] = { "agents", "get" },
  ["PUT /agents/{id}"] = { "agents", "update" },
  ["DELETE /agents/{id}"] = { "agents", "delete" },
  ["GET /tickets"] = { "tickets", "list" },
  ["POST /tickets"] = { "tickets", "create" },
  ["GET /tickets/{id}"] = { "tickets", "get" },
  ["PUT /tickets/{id}/tags"] = { "tickets", "tag" },
  ["GET /webhooks"] = { "webhooks", "list" },
  ["POST /webhooks"] = { "webhooks", "create" },
  ["DELETE /webhooks/{id}"] = { "webhooks", "delete" },
}

---@param given table|nil options, see server.lua; an unknown or ill-formed one raises
function Service.new(given)
  local self = setmetatable({ options = {}, given = given or {} }, Service)
  local message = options.set({}, self.given)
  if message then error("livechat.sandbox: " .. message, 2) end
  self:reset()
  return self
end

--- Back to how it was when it began: data, faults, counts, options.
function Service:reset()
  for name in pairs(self.options) do self.options[name] = nil end
  options.set(self.options, options.defaults())
  options.set(self.options, self.given)
  self.advance = 0
  self.calls = Calls.new()
  self.draw = random.stream(self.options.random_seed)
  self.agents = Agents.new(self.options.username, self.options)
  self.deliveries = Deliveries.new(self.options)
  self.webhooks = Webhooks.new(self.options, self.deliveries, self.draw)
  self:seed(self.options.seed)
  self.faults = {}
  local texts = self.options.fault
  for _, text in ipairs(type(texts) == "table" and texts or { texts }) do
    self.faults[#self.faults + 1] = faults.parse(text)
  end
end

--- Replaces every ticket by `count` new ones.
function Service:seed(count)
  self.tickets = Tickets.new(self.agents, self.options)
  seed.plant(self.tickets, self:people(), count, self.options.random_seed)
end

--- { id=, name= } of every agent.
function Service:people()
  local people = {}
  for i, agent in ipairs(self.agents.list_of) do people[i] = self.agents:reference(agent.login) end
  return people
end

-- Answers ------------------------------------------------------------------------------------

local function respond(status, value)
  return { status = status, headers = {}, body = json.encode(value) }
end

local function refuse(status, text)
  return respond(status, { error = text })
end

function Service:knows(authorization)
  if type(authorization) ~= "string" then return false end
  local scheme, value = authorization:match("^(%a+) +(.-) *$")
  local own = self.options
  if not scheme then return false end
  if scheme:lower() == "basic" then
    return value == base64.encode(own.username .. ":" .. own.api_key)
  end
  return scheme:lower() == "bearer" and value == own.access_token
end

local function without_null(value)
  for name, member in pairs(value) do
    if member == json.null then
      value[name] = nil
    elseif type(member) == "table" then
      without_null(member)
    end
  end
  return value
end

-- Both kinds of body that the documentation allows for every write.
local function read_body(request)
  if (request.body or "") == "" then return {} end
  local kind = tostring(request.headers["content-type"]):lower():match("^[^;%s]*")
  if kind == "application/json" then
    local value, message = json.decode(request.body)
    if type(value) ~= "table" or value[1] ~= nil then
      return nil, "The body is not a JSON object" .. (message and ": " .. message or "")
    end
    return without_null(json.fold(value))
  elseif kind == "application/x-www-form-urlencoded" then
    return form.decode(request.body)
  end
  return nil, "The body must be JSON or a form"
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

--- The answer of the API itself; marks `entry` as applied where the call did what it asked.
function Service:answer(request, path, entry, now)
  local route, name, id = route_of(request.method, path)
  if not route then return refuse(404, "Resource not found") end
  if path == request.path and request.headers["x-api-version"] ~= "2" then
    return refuse(400, "The header X-API-Version: 2 is missing")
  end
  if not self:knows(request.headers.authorization) then
    return refuse(401,
      "You have no rights to access this data. Check your API Key and/or username")
  end
  local query, message = form.decode(request.query or "")
  local fields = query and {}
  if query and request.method ~= "GET" and request.method ~= "HEAD" then
    fields, message = read_body(request)
  end
  if not fields then return refuse(400, message) end
  local callback = request.method == "GET" and query.callback
  if callback and not (type(callback) == "string" and callback:find("^[%a_$][%w_$.]*$")) then
    return refuse(400, "callback must be the name of a function")
  end

  local store = self[route[1]]
  local value, status, body, ticket = store[route[2]](store,
    { id = id, query = query, fields = fields, login = self.options.username, now = now })
  local response = respond(value and 200 or status, value or body)
  if value then self.calls:apply(entry, name) end
  if ticket then self:announce(ticket, now) end
  return callback and wrap(response, callback) or response
end

function Service:struck(method, path)
  for _, fault in ipairs(self.faults) do
    if faults.strikes(fault, method, path, self.draw) then return fault end
  end
end

--- Answers one request.
---@param request table { method=, path=<as sent>, query=<as sent>, headers=<lower-case names>,
--- body=, now=<epoch seconds> }
---@return table response { status=, headers=, body= }; `wire` names what else happens to it on its
--- way ("reset", "truncate", "slow", "drip", "huge") and `amount` is that fault's argument
function Service:handle(request)
  local now = request.now + self.advance
  if request.path:find("^/_sandbox/") then return control.handle(self, request, now) end
  local path = request.path:gsub("^/v2/", "/")
  local entry = self.calls:arrive(now, request.method, path, self.options.calls,
    self.options.period)
  entry.query = request.query
  local response
  if entry.refused then
    response = refuse(429, "Too many requests")
    if self.options.retry_after then
      response.headers["Retry-After"] = ("%d"):format(math.ceil(entry.refused))
    end
  else
    local fault = self:struck(request.method, path)
    entry.fault = fault and fault.name
    if not fault or fault.kind.applies then response = self:answer(request, path, entry, now) end
    if fault then response = faults.spoil(fault, response, now) end
  end
  entry.status = response.status
  response.headers["Content-Type"] = response.headers["Content-Type"] or
    "application/json; charset=utf-8"
  return response
end

-- Events and their deliveries ----------------------------------------------------------------

--- Makes an event's content; a `ticket` is needed for ticket_created.
function Service:event(event_type, now, ticket)
  return events.make(event_type, { draw = self.draw, now = now, agents = self:people(),
    license_id = self.options.license_id, ticket = ticket })
end

--- Tells the webhooks about a new ticket.
function Service:announce(ticket, now)
  self.webhooks:publish(self:event("ticket_created", now, ticket), ticket.id, now)
end

--- Takes at most `limit` deliveries whose time has come; each goes out as a POST of `body` to
-- `target` and comes back through `delivered`.
---@return table[] deliveries
function Service:due_deliveries(now, limit)
  return self.deliveries:take(now + self.advance, limit)
end

--- Takes the outcome of one delivery: { status= } or { error= }.
function Service:delivered(delivery, outcome, now)
  self.deliveries:finish(delivery, outcome, now + self.advance)
end

--- Seconds until a delivery is due, or nil where none waits.
function Service:delivery_wait(now)
  return self.deliveries:wait(now + self.advance)
end

return Service
