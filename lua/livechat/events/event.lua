-- SPDX-License-Identifier: MIT
--- What an event is: the decoded body of a delivery, identified and normalised by a dialect. The
--- decoded body itself is never changed: it is what `raw` gives, and what an inbox holds.
local clients = require "livechat.client"
local core = require "livechat.core"
local errors = require "livechat.errors"
local json = require "livechat.json"
local methods = require "livechat.api.methods"
local read = require "livechat.api.read"
local record = require "livechat.api.record"

local event = {}

-- Real bodies have six levels; whatever a handler does with more, it recurses.
local MAX_DEPTH = 100

---@class livechat.Event
---@field type string our name for it, where we have one
---@field wire_type string the service's own, which handlers may be registered by as well
---@field id string the wire's, else derived from the content: the same for a redelivery
---@field license_id string|nil
---@field chat table|nil
---@field visitor table|nil
---@field pre_chat_survey table[]|nil
---@field ticket livechat.Ticket|nil live where the receiver was given a client
---@field canned_response table|nil
---@field payload table|nil of today's chat webhooks: what the delivery says, under the wire's names
---@field raw fun(self: livechat.Event): table
---@field visitor_details fun(self: livechat.Event, fields: table): true|nil, any

local wires = setmetatable({}, { __mode = "k" }) -- of events: what they were made from
local means = setmetatable({}, { __mode = "k" }) -- of events: by what their calls go

local unfinished = setmetatable({}, { __mode = "k" }) -- of events: what they need before handlers

local Event = { __name = "livechat.Event" }
Event.__index = Event

--- The decoded wire form as it came, but for the token: that is a key to the account, so no handler
--- can print it, and no inbox holds it. A copy, of which empty lists are lists: livechat.json
--- encodes them so, and so does a lua-cjson that knows `array_mt`.
---@return table
function Event:raw()
  return record.copy(wires[self])
end

function Event:__tostring()
  return "livechat.Event: " .. self.type .. " " .. self.id
end

-- ---- calls -----------------------------------------------------------------------------------

--- By what the calls of an event go.
---@class livechat.EventMeans
---@field client livechat.Client|nil the receiver's
---@field token string|nil the delivery's own, where it was not stored in between
---@field connect fun(token: string, api: string): livechat.Client one that has the token alone

-- Whether a client has the dialect's service: it may speak another API.
local function reaches(client, api)
  return clients.connection(client, "receiver").services[api.service] ~= nil
end

-- An event's call: with the delivery's own key and without the account's credentials, as long as
-- the key is there; no inbox holds it, and then it takes the receiver's client.
local function call_of(dialect, name, place)
  local fname = "event:" .. name
  return function(self, ...)
    local wire, by = wires[self], means[self]
    if not wire then
      errors.raise_argument("self", fname, "call it with a colon")
    end
    local thing = self[place.about]
    local id = type(thing) == "table" and thing.id
    if not id then
      return nil, errors.invalid(place.about, "is not in this event")
    end
    if by.token and not by.token:find("^[\33-\126]+$") then
      return nil, errors.invalid(dialect.secret, "is none that could be sent")
    end
    local client = by.client
    if by.token and not (client and reaches(client, dialect.api)) then
      client = by.connect and by.connect(by.token, dialect.api.name)
    end
    if not client then
      errors.raise("'" .. fname .. "' needs a receiver with a client: an inbox holds no token")
    elseif not by.token then
      local resource = client[place.resource]
      return resource[place.method](resource, id, ...)
    end
    local key = clients.connection(client, fname):key(by.token, {
      [dialect.account] = wire[dialect.account], [dialect.secret] = by.token,
    })
    return methods.with_key(client, dialect.api, place, key, fname, id, ...)
  end
end

-- The class of a dialect's events.
local function class_of(dialect)
  local class = { __name = Event.__name, __tostring = Event.__tostring, __index = {} }
  for name, method in pairs(Event) do
    class.__index[name] = method
  end
  for name, place in pairs(dialect.calls or {}) do
    class.__index[name] = call_of(dialect, name, place)
  end
  return class
end

-- ---- dialects --------------------------------------------------------------------------------

--- A dialect's `events`, as api/v2/events.lua.
---@class livechat.EventDialect
---@field name string
---@field is fun(wire: table): boolean
---@field names table<string, any> the events that there are
---@field type string the member that holds the event's type
---@field secret string the member that holds the token
---@field ours table<string, string>|nil names of ours for the wire's: an event goes by both
---@field account string|string[]|function the member that holds the account's number, the first
--- there is, or what gives it of the whole
---@field shape nil|fun(payload: table, wire: table, time: function): table what is read
---@field complete nil|fun(event: livechat.Event, client: livechat.Client, account: string|nil, now:
--- number): boolean|nil, any fetches what the delivery lacks, before handlers run
---@field payload string|function|nil the member that holds what the event is about, or what gives
--- it of the whole; else they stand beside
---@field secret_in_query string|nil the parameter of the URL's query that holds the token instead
local Dialect = {}
Dialect.__index = Dialect

--- Makes it out of the data.
---@param api table a dialect, as api/v2
---@return livechat.EventDialect
function event.dialect(api)
  local dialect = { name = api.name, api = api, reader = record.dialect(api).reader }
  for name, value in pairs(api.events) do
    dialect[name] = value
  end
  dialect.class = class_of(dialect)
  dialect.names = {}
  for name, value in pairs(api.events.names) do
    dialect.names[name] = value
  end
  for wire_name, name in pairs(api.events.ours or {}) do
    dialect.names[wire_name], dialect.names[name] = true, true
  end
  return setmetatable(dialect, Dialect)
end

-- The part of a decoded body that tells what happened.
local function payload_of(dialect, wire)
  local payload = dialect.payload
  if type(payload) == "function" then
    return payload(wire)
  end
  payload = payload and wire[payload]
  return type(payload) == "table" and payload or wire
end

--- The normalised members of a decoded body.
---@param wire table
---@param found? fun(path: string) told of each place where the body has an unforeseen form: what is
--- there comes along as it is
---@return table
function Dialect:read(wire, found)
  local payload = payload_of(self, wire)
  if self.shape then
    payload = self.shape(read.plain(payload), read.plain(wire), core.time)
  end
  return self.reader:read(self.members, payload, found)
end

--- The account's number, as text where it is one.
---@return any
function Dialect:account_of(wire)
  local names = self.account
  if type(names) == "function" then
    return names(wire)
  end
  for _, name in ipairs(type(names) == "table" and names or { names }) do
    local value = wire[name]
    if value ~= nil and value ~= json.null then
      return type(value) == "number" and ("%.0f"):format(value) or value
    end
  end
end

--- What keeps a decoded body from being an event, nil where it is one.
---@return string|nil problem
function Dialect:problem(wire)
  local kind = wire[self.type]
  if kind == nil or kind == json.null or kind == "" then
    return "no " .. self.type
  end
  return type(kind) ~= "string" and "wrong type of " .. self.type or nil
end

--- The event of a body, for handlers. Members that the library does not know come along.
---@param wire table
---@param id string
---@param by livechat.EventMeans|nil
---@param members table what `read` gives of it
---@return livechat.Event
function Dialect:event(wire, id, by, members)
  by = by or {}
  local kind_of_event = wire[self.type]
  local made = setmetatable({ type = self.ours and self.ours[kind_of_event] or kind_of_event,
    wire_type = kind_of_event, id = id, license_id = self:account_of(wire) }, self.class)
  local payload = payload_of(self, wire)
  for name, member in pairs(members) do
    local kind = self.records[name]
    if kind and type(member) == "table" and payload[name][1] == nil then
      member = record.of(self.api, kind, payload[name], by.client)
    end
    if made[name] == nil then
      made[name] = member
    end
  end
  wires[made], means[made] = wire, by
  local client = by.client
  if self.complete and client and reaches(client, self.api) then
    unfinished[made] = function()
      local conn = clients.connection(client, "livechat.receiver")
      return self.complete(made, client, conn.username, core.clock())
    end
  end
  return made
end

--- What a watch of a client's gives as events: of the dialect that the client speaks.
---@param client livechat.Client
---@param list livechat.EventDialect[]
---@return livechat.EventDialect|nil
function event.watched(client, list)
  for _, dialect in ipairs(list) do
    if dialect.watched and reaches(client, dialect.api) then
      return dialect
    end
  end
end

--- Fetches what the delivery lacks, once. Raises what goes wrong.
---@param made livechat.Event
function event.complete(made)
  local fetch = unfinished[made]
  if fetch then
    local done, err = fetch()
    if not done then
      error(err, 0)
    end
    unfinished[made] = nil
  end
end

-- ---- identity --------------------------------------------------------------------------------

--- What may be part of an id: it has to do as the name of a file and in a key of Redis.
local function is_plain(text, length)
  return type(text) == "string" and #text <= length
    and text:find("^[A-Za-z0-9_][A-Za-z0-9_-]*$") ~= nil
end

-- What is not read as a list or an object: PHP writes the one for the other where it is empty.
local function without_lists(value)
  if type(value) ~= "table" then
    return value
  end
  local made = {}
  for key, member in pairs(value) do
    made[key] = without_lists(member)
  end
  return made
end

-- What an event says, but for what may differ between two deliveries of it.
local function content_of(dialect, wire, members)
  local content = {}
  for name, member in pairs(members) do
    content[name] = dialect.records[name] and without_lists(payload_of(dialect, wire)[name])
      or member
  end
  for _, name in ipairs(dialect.volatile) do
    content[name] = nil
  end
  return content
end

--- The event's own id where it has one. Else its type, the id of what it is about, and a digest of
--- all that it says: a redelivery says the same, in whatever order, and another event something
--- else. Where another event may say the same, the subject of both is given too: see recent.lua.
---@param wire table
---@param members? table what `read` gives of it, where that is known
---@return string id
---@return string|nil subject
function Dialect:identify(wire, members)
  local unique, about, key, subject = self.identity(wire)
  if is_plain(unique, 64) then
    return unique
  elseif type(unique) == "string" and unique ~= "" then
    return "x-" .. core.digest(unique) -- never seen, and no name for a file
  end
  local content = key or content_of(self, wire, members or self:read(wire))
  about = type(about) == "number" and about % 1 == 0 and ("%.0f"):format(about) or about
  local parts = { is_plain(wire[self.type], 40) and wire[self.type] or "event" }
  parts[2] = is_plain(about, 40) and about or nil
  parts[#parts + 1] = core.digest(json.encode(content, true))
  return table.concat(parts, "-"), subject
end

-- ---- bodies ----------------------------------------------------------------------------------

--- Decodes a delivery. UTF-8 is checked by the core, the depth by the decoder; of a member that is
--- there twice the last one counts, for what is verified as for what is handled.
---@param body string
---@return table|nil wire
---@return string|nil problem
function event.decode(body)
  local wire, problem = json.decode(body, core.utf8, MAX_DEPTH)
  if type(wire) ~= "table" then
    return nil, problem or "not a JSON object"
  end
  return wire
end

--- How an inbox holds an event: one line, which begins with the dialect's name, so that a later
--- version knows what it reads.
---@param dialect livechat.EventDialect
---@param wire table
---@return string
function event.pack(dialect, wire)
  return dialect.name .. " " .. json.encode(wire, true)
end

--- The decoded body of what an inbox holds, and the name of its dialect. The first version wrote no
--- name, and the body as it had come.
---@param text string
---@return table|nil wire
---@return string|nil name of the dialect; where there is no wire, what is wrong
function event.unpack(text)
  local name, body = text:match("^(%l%w*) (.*)$")
  local wire, problem = event.decode(body or text)
  return wire, wire and name or problem
end

return event
