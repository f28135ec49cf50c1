-- SPDX-License-Identifier: MIT
--- The local LiveChat as a state machine: a request goes in, a response comes out, and nothing else
-- happens. No sockets and no clock: the caller brings them (nginx.lua, the specs). No files but the
-- machine's time zones. The stores hold what there is; each API that LiveChat speaks is a folder
-- that reads and writes them in its own words.
local base64 = require "livechat.sandbox.base64"
local random = require "livechat.sandbox.random"
local options = require "livechat.sandbox.options"
local faults = require "livechat.sandbox.faults"
local Calls = require "livechat.sandbox.calls"
local Agents = require "livechat.sandbox.agents"
local Chats = require "livechat.sandbox.chats"
local Identities = require "livechat.sandbox.identities"
local Groups = require "livechat.sandbox.groups"
local Shelf = require "livechat.sandbox.shelf"
local Tags = require "livechat.sandbox.tags"
local Tickets = require "livechat.sandbox.tickets"
local Visitors = require "livechat.sandbox.visitors"
local Deliveries = require "livechat.sandbox.deliveries"
local tokens = require "livechat.sandbox.accounts.tokens"
local seed = require "livechat.sandbox.seed"
local history = require "livechat.sandbox.history"
local control = require "livechat.sandbox.control"
local page = require "livechat.sandbox.page"

local Service = {}
Service.__index = Service

-- Every API; v2/init.lua says what one has. A path is the first one's that says so; v2 takes what
-- is left.
local APIS = {
  { name = "accounts", api = require "livechat.sandbox.accounts" },
  { name = "v3", api = require "livechat.sandbox.v3" },
  { name = "helpdesk", api = require "livechat.sandbox.helpdesk" },
  { name = "v2", api = require "livechat.sandbox.v2" },
}

---@param given table|nil options, see server.lua; an unknown or ill-formed one raises
function Service.new(given)
  local self = setmetatable({ options = {}, given = given or {}, changes = 0,
    readers = page.readers() }, Service)
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
  self.agents = Agents.new(self.options.username)
  self.groups = Groups.new(self.agents)
  self.tags, self.visitors = Tags.new(), Visitors.new()
  self.canned_responses, self.goals = Shelf.new(3151, 10), Shelf.new(1041, 10)
  self.greetings = Shelf.new(2291, 10)
  self.greetings.next_rule = 8191
  self.deliveries = Deliveries.new(self.options)
  self.identities = Identities.new(self.options)
  for _, row in ipairs(APIS) do self[row.name] = row.api.new() end
  self:seed(self.options.seed)
  self.chats = Chats.new(self.visitors)
  history.plant(self, self.options.chats, self.options.random_seed,
    self.options.history_ends)
  self.faults = {}
  local texts = self.options.fault
  for _, text in ipairs(type(texts) == "table" and texts or { texts }) do
    self.faults[#self.faults + 1] = faults.parse(text)
  end
end

--- Replaces every ticket by `count` new ones.
function Service:seed(count)
  self.tickets = Tickets.new(self.options)
  seed.plant(self.tickets, self.agents:references(), count, self.options.random_seed,
    self.options.history_ends)
end

--- Whether an Authorization header holds the account's credentials: an API key or personal access
-- token by the login or the account's id, or an access token.
---@param authorization string|nil
---@param now number
function Service:knows(authorization, now)
  if type(authorization) ~= "string" then return false end
  if tokens.identify(self, authorization, now) then return true end
  local scheme, at = authorization:match("^(%a+) +()")
  local value = scheme and authorization:match("^%S*", at)
  if not scheme or authorization:find("%S", at + #value) then return false end
  local own = self.options
  if scheme:lower() == "basic" then
    return value == base64.encode(own.username .. ":" .. own.api_key)
  end
  return false
end

--- Whether a delivery brought this token, whichever API it was of.
---@param token string
function Service:knows_token(token)
  for _, row in ipairs(APIS) do
    if row.api.knows_token(self, token) then return true end
  end
  return false
end

local function api_of(path)
  for _, row in ipairs(APIS) do
    if not row.api.owns or row.api.owns(path) then return row.api, row.name end
  end
end

function Service:struck(method, path)
  for _, fault in ipairs(self.faults) do
    if faults.strikes(fault, method, path, self.draw) then return fault end
  end
end

--- Answers one request.
---@param request table { method=, path=<as sent>, query=<as sent>, headers=<lower-case names>,
--- body=, ip=<the caller's>, now=<epoch seconds> }
---@return table response { status=, headers=, body= }; `wire` names what else happens to it on its
--- way ("reset", "truncate", "slow", "drip", "huge") and `amount` is that fault's argument; with
--- "events" the body comes piece by piece from `reader` (page/reader.lua), which must be closed
function Service:handle(request)
  local now = request.now + self.advance
  self.changes = self.changes + 1 -- any request may change what there is to see
  if page.is_asked(request) then return page.handle(self, request, now) end
  if request.path:find("^/_sandbox/") then return control.handle(self, request, now) end
  local api, name = api_of(request.path)
  local path = api.path(request.path)
  local entry = self.calls:arrive(now, request.method, path, self.options.calls,
    self.options.period, request.query)
  entry.api = name
  local response
  if entry.refused then
    response = api.refuse(429, "Too many requests")
    if self.options.retry_after then
      response.headers["Retry-After"] = ("%d"):format(math.ceil(entry.refused))
    end
  else
    local fault, route = self:struck(request.method, path)
    entry.fault = fault and fault.name
    if not fault or fault.kind.applies then response, route = api.answer(self, request, now) end
    if route then self.calls:apply(entry, route) end
    if fault then response = faults.spoil(fault, response, now) end
  end
  entry.status = response.status
  response.headers["Content-Type"] = response.headers["Content-Type"] or
    "application/json; charset=utf-8"
  return response
end

-- Events and their deliveries ----------------------------------------------------------------

--- Tells every API what has happened to a record, so that each sends the events it has for it.
-- An API passes over what it has no event for.
---@param what string "ticket_created" and "_updated"; "chat_started", "_ended", "_changed", …;
--- "agent_", "group_" and "tag_" with "created", "updated" and "deleted"; "visitor_queued",
--- "canned_response_changed"
---@param before table|nil a ticket's version before; of an agent, group or tag what has changed
---@param except string|nil the name of the API that has told its own webhooks
---@param caller table|nil who caused it, for those that say so
function Service:tell(what, record, now, before, except, caller)
  for _, row in ipairs(APIS) do
    if row.name ~= except then row.api.tell(self, what, record, now, before, caller) end
  end
end

--- Starts a chat and tells every API; see control.lua.
---@param fields table { visitor=, agent=, text=, tags=, group= }
---@param except string|nil the API that tells its own webhooks
---@return table chat
function Service:start_chat(fields, now, except)
  local people = self.agents:references()
  local agent = self.agents:reference(fields.agent) or people[1] or { id = "", name = "" }
  local visitor = self.visitors:come(self.draw, now,
    type(fields.visitor) == "table" and fields.visitor or nil)
  local chat = self.chats:start(self.draw, visitor, agent, now, {
    tags = type(fields.tags) == "table" and fields.tags or nil,
    groups = self.groups.by_id[fields.group] and { fields.group } or nil })
  if type(fields.text) == "string" then
    self.chats:say(chat, "visitor", visitor, fields.text, now)
  end
  self:tell("chat_started", chat, now, nil, except)
  return chat
end

--- Every call that can be made, for pages and specs that list them.
---@return table[] routes { api=, method=, path= }
function Service:routes()
  local list = {}
  for _, row in ipairs(APIS) do
    for _, route in ipairs(row.api.routes) do
      list[#list + 1] = { api = row.name, method = route[1], path = route[2] }
    end
  end
  return list
end

--- Has the API that knows an event of this name send one; see control.lua.
---@return string|nil about
---@return integer|string deliveries or, without `about`, what is wrong
function Service:trigger(event_type, over, now)
  for _, row in ipairs(APIS) do
    local about, deliveries = row.api.trigger(self, event_type, over, now)
    if about or deliveries then return about, deliveries end
  end
  return nil, "event_type must be the name of an event"
end

--- Takes at most `limit` deliveries whose time has come; each goes out as a POST of `body` to
-- `target` and comes back through `delivered`.
---@return table[] deliveries
function Service:due_deliveries(now, limit)
  self.changes = self.changes + 1
  return self.deliveries:take(now + self.advance, limit)
end

--- Takes the outcome of one delivery: { status= } or { error= }.
function Service:delivered(delivery, outcome, now)
  self.changes = self.changes + 1
  self.deliveries:finish(delivery, outcome, now + self.advance)
end

--- Seconds until a delivery is due, or nil where none waits.
function Service:delivery_wait(now)
  return self.deliveries:wait(now + self.advance)
end

return Service
