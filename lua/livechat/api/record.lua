-- SPDX-License-Identifier: MIT
--- Ticket and Agent: the classes of the core's records, with their methods.
local client = require "livechat.client"
local core = require "livechat.core"
local errors = require "livechat.errors"
local json = require "livechat.json"
local schema = require "livechat.api.check"

local records = {}

--- A deep copy of a plain table; what is marked as a list stays so.
function records.copy(value)
  if type(value) ~= "table" then
    return value
  end
  local made = json.is_array(value) and json.array {} or {}
  for key, member in pairs(value) do
    made[key] = records.copy(member)
  end
  return made
end

local function owner_of(record, fname)
  local _, _, owner = core.record_get(record)
  if not owner then
    errors.raise("'" .. fname .. "' needs a client, and this record has none")
  end
  return owner
end

--- The record after a call whose answer is `fresh`, another record of the same thing.
local function take_over(record, keep_staged, fresh, err)
  if not fresh then
    return nil, err
  end
  core.record_set(record, (core.record_get(fresh)), keep_staged)
  return record
end

--- Methods of both kinds of record. `resource` is the name of the client's resource, `read` gives a
--- member's normalised form.
local function record_methods(resource, id, read)
  local methods = {}

  --- A plain table of what the record holds, staged changes included; ready for cjson.encode.
  function methods.totable(record)
    local wire, staged = core.record_get(record)
    local made = {}
    for key, value in pairs(wire) do
      made[key] = read(key, value)
    end
    for key, value in pairs(staged or {}) do
      made[key] = records.copy(value)
    end
    return made
  end

  --- The decoded answer of the service as it came.
  function methods.raw(record)
    return (core.record_get(record))
  end

  --- Reads the record anew; what was staged is dropped.
  function methods.reload(record)
    local owner = owner_of(record, "reload")
    return take_over(record, false, owner[resource]:get(record[id]))
  end

  --- Changes the record at the service; the record then holds the answer, and still what is staged.
  function methods.update(record, fields)
    local owner = owner_of(record, "update")
    return take_over(record, true, owner[resource]:update(record[id], fields))
  end

  --- Sends what was assigned. After an error it is still staged.
  function methods.save(record)
    local _, staged = core.record_get(record)
    if not staged or next(staged) == nil then
      return record
    end
    local owner = owner_of(record, "save")
    return take_over(record, false, owner[resource]:update(record[id], records.copy(staged)))
  end

  return methods
end

local function same_account(a, b)
  if a == nil or b == nil then
    return a == b
  end
  return client.connection(a, "=="):same_account(client.connection(b, "=="))
end

local special = { ticket = {}, agent = {} } -- methods that one kind of record has

--- Replaces the ticket's tags; what is staged stays so.
function special.ticket.tag(record, tags)
  local owner = owner_of(record, "tag")
  return take_over(record, true, owner.tickets:tag(record.id, tags))
end

--- Removes the agent.
function special.agent.delete(record)
  return owner_of(record, "delete").agents:delete(record.login)
end

-- ---- dialects --------------------------------------------------------------------------------

local function class(shapes, kind, name, id, resource)
  local read = shapes:reader(kind)
  local methods = record_methods(resource, id, read)
  for own, method in pairs(special[kind]) do
    methods[own] = method
  end
  return core.class {
    name = name, id = id, methods = methods, read = read, same_account = same_account,
  }
end

local dialects = setmetatable({}, { __mode = "k" })

--- What is made once of a dialect's data: the shapes of answers, and the classes of records,
--- functions(wire, owner).
---@return { shapes: livechat.Shapes, ticket: function, agent: function }
function records.dialect(api)
  local dialect = dialects[api]
  if not dialect then
    local shapes = schema.new(core.timestamp, api)
    dialect = {
      shapes = shapes,
      ticket = class(shapes, "ticket", "livechat.Ticket", "id", "tickets"),
      agent = class(shapes, "agent", "livechat.Agent", "login", "agents"),
    }
    dialects[api] = dialect
  end
  return dialect
end

--- A record of a decoded answer; `owner`, a client, lets its methods make calls.
---@param api table the dialect's data
---@param kind "ticket"|"agent"
---@param wire table
---@param owner livechat.Client|nil
function records.of(api, kind, wire, owner)
  return records.dialect(api)[kind](wire, owner)
end

return records
