-- SPDX-License-Identifier: MIT
--- Records (Ticket, Agent, Chat, …): the classes of the core's userdata, with their methods, made
--- from a dialect's data.
local client = require "livechat.client"
local core = require "livechat.core"
local errors = require "livechat.errors"
local json = require "livechat.json"
local read = require "livechat.api.read"

local record = {}

--- A deep copy of a plain table; what is marked as a list stays so.
function record.copy(value)
  if type(value) ~= "table" then
    return value
  end
  local made = json.is_array(value) and json.array {} or {}
  for key, member in pairs(value) do
    made[key] = record.copy(member)
  end
  return made
end

local function owner_of(self, fname)
  local _, _, owner = core.record_get(self)
  if not owner then
    errors.raise("'" .. fname .. "' needs a client, and this record has none")
  end
  return owner
end

-- ---- changes in place --------------------------------------------------------------------------

-- Tables that were staged because they were changed where they had been handed out: of them, only
-- what differs is sent.
local in_place = setmetatable({}, { __mode = "k" })

local function same_value(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, member in pairs(a) do
    if not same_value(member, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

-- Stages each table that the record handed out and that its holder has changed since, so that it
-- is sent and outlives the next answer.
local function stage_changes(self, reads)
  local wire, staged, _, handed_out = core.record_get(self)
  for key, value in pairs(handed_out or {}) do
    if type(value) == "table" and (staged == nil or staged[key] == nil)
      and not same_value(value, reads(key, wire[key], wire)) then
      in_place[value] = true
      self[key] = value
    end
  end
  local _, now = core.record_get(self)
  return wire, now
end

-- What is sent of a table that was changed in place: a list whole, of an object the members that
-- differ.
local function difference(name, value, before)
  if value[1] ~= nil or json.is_array(value) or type(before) ~= "table" then
    return record.copy(value)
  end
  local made = {}
  for key, member in pairs(value) do
    if not same_value(member, before[key]) then
      made[key] = record.copy(member)
    end
  end
  for key in pairs(before) do
    if value[key] == nil then
      return nil, errors.invalid(name .. "." .. tostring(key), "cannot be taken away")
    end
  end
  return made
end

-- What is staged, as it is sent, or nil and an error.
local function fields_of(wire, staged, reads)
  local fields = {}
  for key, value in pairs(staged) do
    local err
    if type(value) == "table" and in_place[value] then
      fields[key], err = difference(key, value, reads(key, wire[key], wire))
    else
      fields[key] = record.copy(value)
    end
    if err then
      return nil, err
    end
  end
  return fields
end

local function first_name(fields)
  local first
  for name in pairs(fields) do
    first = (not first or name < first) and name or first
  end
  return first
end

-- ---- methods -----------------------------------------------------------------------------------

--- The record after a call whose answer is `fresh`, another record of the same thing.
local function take_over(self, keep_staged, fresh, err)
  if not fresh then
    return nil, err
  end
  core.record_set(self, (core.record_get(fresh)), keep_staged)
  return self
end

-- A failed save tells how to go on without what is staged, and what the service cannot change.
local function explain(err, class, wire)
  local name = err.kind == "invalid" and err.field and err.field:match("^[^.%[]*")
  if not name then
    return err
  end
  local other = class.instead and class.instead[name]
  if other then
    err = errors.invalid(err.field, ("is changed by %s:%s()"):format(class.word, other))
  elseif not (class.fields and class.fields[name])
    and (wire[name] ~= nil or class.members[name]) then
    err = errors.invalid(err.field, "cannot be changed with API " .. class.api)
  end
  err.message = err.message .. "; " .. class.word .. ":discard() drops what is staged"
  return err
end

-- What came, by what a dialect's `shape` made of it: names of ours for the service's.
local came_as = setmetatable({}, { __mode = "k" })

local function shaped(shape, wire, owner)
  local own = shape(read.plain(wire), owner, core.time)
  came_as[own] = wire
  return own
end

-- The methods of every kind of record. `class` tells the resource with its methods, the id's name,
-- and which fields an update takes; `reads` gives a member's normalised form.

local function add_readers(methods, reads)
  --- A plain table of what the record holds, staged changes included; ready for cjson.encode.
  function methods.totable(self)
    local wire, staged, _, handed_out = core.record_get(self)
    local made = {}
    for key, value in pairs(wire) do
      made[key] = reads(key, value, wire)
    end
    for key, value in pairs(handed_out or {}) do
      if type(value) == "table" then
        made[key] = record.copy(value)
      end
    end
    for key, value in pairs(staged or {}) do
      made[key] = record.copy(value)
    end
    return made
  end

  --- The decoded answer of the service as it came.
  function methods.raw(self)
    local wire = core.record_get(self)
    return came_as[wire] or wire
  end
end

local function add_changers(methods, class, reads)
  local resource, id = class.resource, class.id

  --- Reads the record anew; what was staged is dropped.
  function methods.reload(self)
    local owner = owner_of(self, "reload")
    local part = class.part and class.part((core.record_get(self)))
    return take_over(self, false, owner[resource]:get(self[id], part))
  end

  --- Changes the record at the service; the record then holds the answer, and still what is staged.
  methods.update = class.fields and function(self, fields)
    local owner = owner_of(self, "update")
    stage_changes(self, reads)
    return take_over(self, true, owner[resource]:update(self[id], fields))
  end

  --- Sends what was assigned, and what was changed in a table that the record handed out. After an
  --- error it is still staged.
  function methods.save(self)
    local wire, staged = stage_changes(self, reads)
    if not staged or next(staged) == nil then
      return self
    end
    local owner = owner_of(self, "save")
    local fields, err = fields_of(wire, staged, reads)
    if fields and not class.fields then
      fields, err = nil, errors.invalid(first_name(fields), "is no field that can be changed")
    elseif fields then
      fields, err = owner[resource]:update(self[id], fields)
    end
    if not fields then
      return nil, explain(err, class, wire)
    end
    return take_over(self, false, fields)
  end

  --- Drops what was assigned or changed and not saved.
  function methods.discard(self)
    core.record_set(self, (core.record_get(self)), false)
    return self
  end
end

-- Those that the dialect names: the resource's of the same name, given the record's id.
local function add_own(methods, class, reads)
  local resource, id = class.resource, class.id
  for _, name in ipairs(class.methods or {}) do
    methods[name] = methods[name] or function(self, ...)
      local owner = owner_of(self, name)
      stage_changes(self, reads)
      local value, err = owner[resource][name](owner[resource], self[id], ...)
      if type(value) ~= "userdata" then
        return value, err
      end
      return take_over(self, true, value, err)
    end
  end
end

local function record_methods(class, reads)
  local methods = {}
  add_readers(methods, reads)
  add_changers(methods, class, reads)
  add_own(methods, class, reads)
  return methods
end

local function same_account(a, b)
  if a == nil or b == nil then
    return a == b
  end
  return client.connection(a, "=="):same_account(client.connection(b, "=="))
end

-- ---- dialects ----------------------------------------------------------------------------------

---@class livechat.Dialect
---@field api table the dialect's data
---@field reader livechat.Reader
---@field make table<string, fun(wire: table, owner: livechat.Client|nil): userdata> by kind
local Dialect = { copy = record.copy }
Dialect.__index = Dialect

-- The fields that an update of a resource takes, nil where it has none.
local function update_fields(rows)
  for _, row in ipairs(rows or {}) do
    if row.name == "update" then
      return row.fields
    end
  end
end

local function class_of(api, reader, data)
  local class = {
    resource = data.resource, id = data.id, part = data.part,
    methods = data.methods, members = data.members,
    instead = data.instead, fields = update_fields(api.resources[data.resource]), api = api.name,
    word = data.name:match("[^.]*$"):lower(),
  }
  local reads = reader:member(data.kind)
  return core.class {
    name = data.name, id = data.id, methods = record_methods(class, reads), read = reads,
    same_account = same_account,
  }
end

--- What one thing of an answer is given as: a record where its kind has a name, else a plain table.
function Dialect:thing(kind, wire, owner)
  local shape = self.api.records[kind].shape
  if shape then
    wire = shaped(shape, wire, owner)
  end
  local make = self.make[kind]
  if make then
    return make(wire, owner)
  end
  return self.reader:read(kind, wire)
end

--- What the useful part of an answer is given as: a record, a list of them, or true and what the
--- service said.
---@param name string of the dialect's answers
function Dialect:one(name, value, owner)
  local answer = self.api.answers[name]
  if not answer.kind then
    if answer.number or answer.plain then
      return read.plain(value)
    end
    return true, read.plain(answer.value and value[answer.value])
  elseif not answer.list and not answer.page then
    return self:thing(answer.kind, value, owner)
  end
  local list = json.array {}
  for i = 1, #value do
    list[i] = self:thing(answer.kind, value[i], owner)
  end
  return list
end

local dialects = setmetatable({}, { __mode = "k" })

--- What is made once of a dialect's data.
---@param api table
---@return livechat.Dialect
function record.dialect(api)
  local dialect = dialects[api]
  if not dialect then
    local reader = read.new(core.timestamp, api)
    dialect = setmetatable({ api = api, reader = reader, make = {} }, Dialect)
    dialects[api] = dialect
    for kind, data in pairs(api.records) do
      if data.name then
        dialect.make[kind] = class_of(api, reader, setmetatable({ kind = kind },
          { __index = data }))
      end
    end
  end
  return dialect
end

--- A record of a decoded answer; `owner`, a client, lets its methods make calls.
---@param api table the dialect's data
---@param kind string
---@param wire table
---@param owner livechat.Client|nil
function record.of(api, kind, wire, owner)
  return record.dialect(api):thing(kind, wire, owner)
end

return record
