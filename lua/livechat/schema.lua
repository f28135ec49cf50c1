-- SPDX-License-Identifier: MIT
--- What goes out is checked against a dialect's data; what comes in is normalised. Pure.
---
--- A field's spec is a table: `type`, and by type
---   string   one_line, min (characters)    email, date (YYYY-MM-DD), url (http, https)
---   integer  min, max                      flag (0, 1 or a boolean; sent as 0 or 1)
---   enum     of = { "a", "b" }             list  of = <spec>
---   object   fields = { name = <spec> }    map   of = <spec> (any names)
--- and for any of them `required = true`, `only_with = { other = value }` (of no meaning unless the
--- field beside it has that value) and, for a list, `allowed_by = { field =, of = }` (what it may
--- hold depends on the value of another field).
local errors = require "livechat.errors"
local json = require "livechat.json"

local schema = {}

-- ---- what goes out ---------------------------------------------------------------------------

local function is_text(value)
  return type(value) == "string" and not value:find("%z") and json.utf8(value)
end

local checks = {}

function checks.string(spec, value)
  if not is_text(value) then
    return nil, "UTF-8 text without NUL expected"
  elseif spec.one_line and value:find("[\r\n]") then
    return nil, "must be one line"
  elseif spec.min and #value < spec.min then
    return nil, spec.min == 1 and "must not be empty" or
      ("at least %d characters expected"):format(spec.min)
  end
  return value
end

function checks.email(_, value)
  if not is_text(value) or not value:find("^[^%s%c@]+@[^%s%c@]+$") then
    return nil, "an e-mail address expected"
  end
  return value
end

local MONTH_DAYS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

function checks.date(_, value)
  local year, month, day
  if type(value) == "string" then
    year, month, day = value:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
  end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  local days = MONTH_DAYS[month]
  if days and month == 2 and (year % 4 ~= 0 or (year % 100 == 0 and year % 400 ~= 0)) then
    days = 28
  end
  if not days or day < 1 or day > days then
    return nil, "a date YYYY-MM-DD expected"
  end
  return value
end

function checks.url(_, value)
  if not is_text(value) or value:find("[%s%c]") or
    not value:lower():find("^https?://[^/?#]") then
    return nil, "an http or https URL expected"
  end
  return value
end

function checks.integer(spec, value)
  if type(value) == "string" and value:find("^%-?%d+$") and #value < 16 then
    value = tonumber(value)
  end
  if type(value) ~= "number" or value % 1 ~= 0 or math.abs(value) > 2 ^ 53 then
    return nil, "a whole number expected"
  end
  if (spec.min and value < spec.min) or (spec.max and value > spec.max) then
    return nil, spec.max and ("a number from %d to %d expected"):format(spec.min, spec.max) or
      ("a number from %d expected"):format(spec.min)
  end
  return json.integer(value)
end

function checks.flag(_, value)
  if value == true or value == 1 or value == "1" then
    return 1
  elseif value == false or value == 0 or value == "0" then
    return 0
  end
  return nil, "0, 1 or a boolean expected"
end

function checks.enum(spec, value)
  for _, known in ipairs(spec.of) do
    if value == known then
      return value
    end
  end
  return nil, "one of '" .. table.concat(spec.of, "', '") .. "' expected"
end

local check_value

function checks.list(spec, value, path)
  if type(value) ~= "table" then
    return nil, "a list expected"
  end
  local made, n = json.array {}, #value
  for key in pairs(value) do
    if type(key) ~= "number" or key < 1 or key > n or key % 1 ~= 0 then
      return nil, "a list without holes or named members expected"
    end
  end
  if spec.min and n < spec.min then
    return nil, "must not be empty"
  end
  for i = 1, n do
    local err
    made[i], err = check_value(spec.of, value[i], ("%s[%d]"):format(path, i))
    if err then
      return nil, err
    end
  end
  return made
end

function checks.map(spec, value, path)
  if type(value) ~= "table" then
    return nil, "a table expected"
  end
  local made = {}
  for key, member in pairs(value) do
    if type(key) ~= "string" then
      return nil, "names must be strings"
    end
    local err
    made[key], err = check_value(spec.of, member, path .. "." .. key)
    if err then
      return nil, err
    end
  end
  return made
end

-- Steps from one text to another: a letter more, less, other, or two swapped.
local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do
    rows[0][j] = j
  end
  for i = 1, #a do
    rows[i] = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1,
        rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = best
    end
  end
  return rows[#a][#b]
end

--- "no such field", with the nearest known name where one is near.
function schema.unknown(name, known, what)
  local nearest, steps
  if type(name) == "string" and #name <= 40 then
    for candidate in pairs(known) do
      local d = distance(name, candidate)
      if not steps or d < steps or (d == steps and candidate < nearest) then
        nearest, steps = candidate, d
      end
    end
  end
  local text = "no such " .. (what or "field")
  if nearest and steps <= math.max(1, math.floor(#name / 3)) then
    text = text .. "; did you mean '" .. nearest .. "'?"
  end
  return text
end

-- What one field says about another.
local function check_beside(spec, made, name, prefix)
  for other, needed in pairs(spec.only_with or {}) do
    if made[other] ~= needed then
      return errors.invalid(prefix .. name, ("only goes with %s = '%s'"):format(other, needed))
    end
  end
  local by = spec.allowed_by
  for i, item in ipairs(by and made[name] or {}) do
    local allowed = by.of[made[by.field]]
    local _, problem = checks.enum({ of = allowed }, item)
    if problem then
      return errors.invalid(("%s%s[%d]"):format(prefix, name, i),
        ("%s for %s"):format(problem, made[by.field]))
    end
  end
end

local function check_fields(fields, value, prefix)
  local made = {}
  for name in pairs(value) do
    if not fields[name] then
      return nil, errors.invalid(prefix .. tostring(name), schema.unknown(name, fields))
    end
  end
  local names = {}
  for name in pairs(fields) do
    names[#names + 1] = name
  end
  table.sort(names) -- the same mistake gives the same error
  for _, name in ipairs(names) do
    local spec, member = fields[name], value[name]
    if member == nil and spec.required then
      return nil, errors.invalid(prefix .. name, "is missing")
    elseif member ~= nil then
      local err
      made[name], err = check_value(spec, member, prefix .. name)
      if err then
        return nil, err
      end
    elseif spec.type == "object" and schema.requires(spec.fields) then
      local _, err = check_fields(spec.fields, {}, prefix .. name .. ".")
      return nil, err
    end
  end
  for _, name in ipairs(names) do
    local err = made[name] ~= nil and check_beside(fields[name], made, name, prefix)
    if err then
      return nil, err
    end
  end
  return made
end

--- Whether a table of field specs holds a required one.
function schema.requires(fields)
  for _, spec in pairs(fields) do
    if spec.required or (spec.type == "object" and schema.requires(spec.fields)) then
      return true
    end
  end
  return false
end

function checks.object(spec, value, path)
  if type(value) ~= "table" then
    return nil, "a table expected, got " .. type(value)
  end
  return check_fields(spec.fields, value, path .. ".")
end

function check_value(spec, value, path)
  local checked, problem = checks[spec.type](spec, value, path)
  if type(problem) == "string" then
    return nil, errors.invalid(path, problem)
  end
  return checked, problem
end

--- One value against a spec.
---@param path string how an error names it
---@return any value as it is sent
---@return livechat.Error|nil err
function schema.value(spec, value, path)
  return check_value(spec, value, path)
end

--- A copy of `value` as it is sent, or nil and an error that names the first field at fault.
---@param fields table<string, table> specs by name
---@param value table
---@return table|nil
---@return livechat.Error|nil err
function schema.check(fields, value)
  return check_fields(fields, value, "")
end

-- ---- what comes in ---------------------------------------------------------------------------

--- A decoded value without nulls, integral floats folded; a copy where it is a table.
local function plain(value)
  if value == json.null then
    return nil
  elseif type(value) ~= "table" then
    return json.integer(value)
  end
  local made, n = {}, #value
  if n > 0 then
    for i = 1, n do
      made[#made + 1] = plain(value[i])
    end
    return made
  end
  for key, member in pairs(value) do
    made[key] = plain(member)
  end
  return made
end
schema.plain = plain

local function to_integer(value)
  if type(value) == "string" and value:find("^%-?%d+$") and #value < 16 then
    return json.integer(tonumber(value))
  elseif type(value) == "boolean" then
    return value and 1 or 0
  end
  return plain(value)
end

local function to_id(value)
  if type(value) == "number" and value % 1 == 0 and math.abs(value) <= 2 ^ 53 then
    return ("%d"):format(value)
  end
  return plain(value)
end

local function to_boolean(value)
  if value == 1 or value == "1" or value == "true" then
    return true
  elseif value == 0 or value == "0" or value == "false" then
    return false
  end
  return plain(value)
end

-- Groups come as numbers or as objects.
local function to_group(value)
  if type(value) == "table" then
    local group = plain(value)
    group.id = to_integer(value.id)
    return group
  end
  local id = to_integer(value)
  if type(id) == "number" then
    return { id = id }
  end
  return id
end

local function list_of(read)
  return function(value)
    if type(value) ~= "table" or (next(value) ~= nil and #value == 0) then
      return plain(value)
    end
    local made = {}
    for i = 1, #value do
      made[#made + 1] = read(value[i])
    end
    return made
  end
end

local function object_of(readers)
  return function(value)
    if type(value) ~= "table" then
      return plain(value)
    end
    local made = {}
    for key, member in pairs(value) do
      made[key] = (readers[key] or plain)(member)
    end
    return made
  end
end

local function map_of(read)
  return function(value)
    if type(value) ~= "table" then
      return plain(value)
    end
    local made = {}
    for key, member in pairs(value) do
      made[key] = read(member)
    end
    return made
  end
end

--- Readers of every kind of record, for one way to read a timestamp.
---@param timestamp fun(value: string|number): string|nil
local function make_kinds(timestamp)
  local function time(value)
    local kind = type(value)
    if kind == "number" or kind == "string" then
      return timestamp(value) or plain(value)
    end
    return plain(value)
  end

  local kinds = {}
  local person = object_of { id = to_id }
  local source = object_of { id = to_id }
  local groups = list_of(to_group)
  local event = object_of {
    date = time, author = person, to = person, is_private = to_boolean, source = source,
  }
  kinds.ticket = {
    id = to_id, date = time, modified = time, requester = person, assignee = person,
    groups = groups, currentGroup = to_group, source = source, events = list_of(event),
    opened = list_of(object_of { from = time, to = time }),
    firstResponse = object_of { date = time, from = time, to = time },
  }
  kinds.agent = {
    daily_summary = to_integer, max_chats_count = to_integer, last_logout = time, groups = groups,
    group_ids = list_of(to_integer), notifications = map_of(to_integer), license_id = to_id,
    work_scheduler = map_of(object_of { enabled = to_integer }),
  }
  kinds.hook = { id = to_id, licence = to_integer, verified = to_boolean }
  local line = object_of { timestamp = time }
  kinds.chat = {
    id = to_id, started_timestamp = time, ended_timestamp = time, messages = list_of(line),
    events = list_of(line), groups = groups,
  }
  kinds.visitor = { id = to_id }
  kinds.survey_item = { id = to_id, answers = list_of(object_of { chosen = to_boolean }) }
  kinds.canned_response = {
    id = to_id, group = to_integer, creation_date = time, modification_date = time,
  }
  return kinds
end

---@class livechat.Shapes
local Shapes = {}
Shapes.__index = Shapes

--- What reads the service's records. `timestamp` gives the library's text form of a moment in any
--- form of the wire, nil for what is none.
---@param timestamp fun(value: string|number): string|nil
function schema.new(timestamp)
  return setmetatable({ kinds = make_kinds(timestamp) }, Shapes)
end

--- Reads one member of a record of that kind: its normalised form, or nil where it is null. What is
--- not of the expected type comes through as it is.
---@param kind "ticket"|"agent"|"hook"|"chat"|"visitor"|"survey_item"|"canned_response"
---@return fun(key: string, value: any): any
function Shapes:reader(kind)
  local readers = self.kinds[kind]
  return function(key, value)
    return (readers[key] or plain)(value)
  end
end

--- A whole record of that kind as a plain table.
function Shapes:read(kind, value)
  return object_of(self.kinds[kind])(value)
end

-- ---- shapes of answers -----------------------------------------------------------------------

local function is_list(value)
  return type(value) == "table" and (value[1] ~= nil or next(value) == nil)
end

local function is_object(value)
  return type(value) == "table" and value[1] == nil
end

local function has_id(value, name)
  local id = is_object(value) and value[name]
  return (type(id) == "string" and id ~= "") or type(id) == "number"
end

local function all_have_id(list, name)
  for i = 1, #list do
    if not has_id(list[i], name) then
      return false
    end
  end
  return true
end

local shapes = {}

--- A ticket comes bare or in the wrapper of a list.
function shapes.ticket(decoded)
  if is_object(decoded) and is_list(decoded.tickets) and type(decoded.id) ~= "string" then
    decoded = decoded.tickets[1]
  end
  return has_id(decoded, "id") and decoded or nil, "a ticket"
end

function shapes.agent(decoded)
  return has_id(decoded, "login") and decoded or nil, "an agent"
end

function shapes.agents(decoded)
  return is_list(decoded) and all_have_id(decoded, "login") and decoded or nil, "a list of agents"
end

function shapes.page(decoded)
  local page = decoded
  if is_list(decoded) then
    page = { tickets = decoded }
  end
  local fine = is_object(page) and is_list(page.tickets) and all_have_id(page.tickets, "id")
  return fine and page or nil, "a page of tickets"
end

function shapes.hooks(decoded)
  local hooks = is_list(decoded) and decoded or (is_object(decoded) and decoded.events)
  return is_list(hooks) and all_have_id(hooks, "id") and hooks or nil, "a list of webhooks"
end

function shapes.result(decoded)
  return type(decoded) == "table" and decoded or nil, "a result"
end

--- The part of a decoded answer that is the thing asked for.
---@param kind "ticket"|"agent"|"agents"|"page"|"hooks"|"result"
---@return table|nil value
---@return string|nil problem what was expected
function schema.shape(kind, decoded)
  local value, expected = shapes[kind](decoded)
  if value then
    return value
  end
  return nil, "the answer is not " .. expected
end

--- A count that may come as a number or as digits.
function schema.count(value)
  value = to_integer(value)
  return type(value) == "number" and value or nil
end

-- The first text in a value of any of the shapes in which the service tells what is wrong.
local function first_text(value)
  if type(value) == "string" then
    return value:find("%S") and value or nil
  elseif type(value) ~= "table" then
    return nil
  end
  local text = first_text(value.message) or first_text(value.type)
  for i = 1, text and 0 or #value do
    text = text or first_text(value[i])
  end
  return text
end

--- What an error's body says: the first text in `error`, then in `errors`, then in `message`.
---@param decoded any the decoded body, nil where it is not JSON
---@return string|nil
function schema.error_text(decoded)
  if type(decoded) ~= "table" then
    return nil
  end
  return first_text(decoded.error) or first_text(decoded.errors) or first_text(decoded.message)
end

return schema
