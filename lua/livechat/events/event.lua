-- SPDX-License-Identifier: MIT
--- What an event is: the decoded body of a delivery, checked, identified and normalised by the data
--- of a dialect.
local core = require "livechat.core"
local json = require "livechat.json"
local records = require "livechat.api.record"
local shape = require "livechat.api.shape"

---@class livechat.Event
---@field type string
---@field id string the wire's, else derived from the content: the same for a redelivery
---@field license_id string|nil
---@field chat table|nil
---@field visitor table|nil
---@field pre_chat_survey table[]|nil
---@field ticket livechat.Ticket|nil live where the receiver was given a client
---@field canned_response table|nil
---@field raw fun(self: livechat.Event): table

local texts = setmetatable({}, { __mode = "k" }) -- of events: what they were decoded from

---@class livechat.EventDialect
---@field token string the member that holds the token
---@field license string the member that holds the account's number
local Dialect = {}
Dialect.__index = Dialect

--- Normalises a decoded body in place.
---@param wire any
---@return string|nil problem what keeps it from being an event of this dialect
function Dialect:read(wire)
  local read, path = self.shape(wire)
  if not read then
    return path == "" and "not an object" or "wrong type of " .. path
  elseif (wire[self.data.type] or "") == "" then
    return "no " .. self.data.type
  end
  return nil
end

--- The event of a body that was read. Members that nobody knows come along.
---@param body table
---@param id string
---@param text string what the body was decoded from
---@param client livechat.Client|nil
---@return livechat.Event
function Dialect:event(body, id, text, client)
  local data = self.data
  local event = setmetatable({
    type = body[data.type], id = id, license_id = body[data.license],
  }, self.meta)
  for name, member in pairs(body) do
    if data.records[name] then
      member = records.of(self.api, data.records[name], member, client)
    end
    if event[name] == nil then
      event[name] = member
    end
  end
  texts[event] = text
  return event
end

local function new_meta(data)
  local Event = { __name = "livechat.Event" }
  Event.__index = Event

  --- The decoded wire form as it came, but for the token: that is a key to the account, so no
  --- handler can print it, and no inbox holds it. Decoded anew at each call.
  ---@return table
  function Event:raw()
    local wire = json.decode(texts[self])
    wire[data.token] = nil
    return wire
  end

  function Event:__tostring()
    return "livechat.Event: " .. self.type .. " " .. self.id
  end

  return Event
end

--- What may be part of an id: it has to do as the name of a file and in a key of Redis.
local function is_plain(text, length)
  return type(text) == "string" and #text <= length
    and text:find("^[A-Za-z0-9_][A-Za-z0-9_-]*$") ~= nil
end

--- The event's own id where it has one. Else its type, the id of what it is about, and a digest of
--- all that it says: a redelivery says the same, in whatever order, and another event something
--- else. (Two events that say the same, without a time in either, cannot be told from one that was
--- delivered twice.)
---@param body table one that was read
---@param text string what it was decoded from
---@return string id
function Dialect:identify(body, text)
  local data = self.data
  local unique = body[data.unique]
  if is_plain(unique, 64) then
    return unique
  elseif type(unique) == "string" and unique ~= "" then
    return "x-" .. core.digest(unique) -- never seen, and no name for a file
  end
  local parts, content = { is_plain(body[data.type], 40) and body[data.type] or "event" }, {}
  for _, name in ipairs(data.objects) do
    local about = type(body[name]) == "table" and body[name].id
    if not parts[2] and is_plain(about, 40) then
      parts[2] = about
    end
  end
  for name, member in pairs(body) do
    content[name] = member
  end
  for _, name in ipairs(data.volatile) do
    content[name] = nil
  end
  local fine, canonical = pcall(json.encode, content) -- an infinite number has no JSON form
  parts[#parts + 1] = core.digest(fine and canonical or text)
  return table.concat(parts, "-")
end

--- Makes a dialect out of its data.
---@param data table as api/v2_events.lua
---@param api table what its records are made of: as api/v2.lua
---@return livechat.EventDialect
local function dialect(data, api)
  return setmetatable({
    data = data, api = api, names = data.data_types, token = data.token, license = data.license,
    shape = shape.compile(data.shape, core.timestamp), meta = new_meta(data),
  }, Dialect)
end

return { dialect = dialect }
