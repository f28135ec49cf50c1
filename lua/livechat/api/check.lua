-- SPDX-License-Identifier: MIT
--- What goes out is checked, and what comes in is normalised, by a dialect's data. Pure.
---
--- Out: a field's spec is a table: `type`, and by type
---   string   one_line, min (characters)    email
---   integer  min, max                      date (YYYY-MM-DD), time (HH:MM), url (http, https)
---   enum     of = { "a", "b" }             flag (0, 1 or a boolean; sent as 0 or 1)
---   list     of = <spec>, min              map   of = <spec>, names = { "a", "b" }
---   group    as integer; or a table as a record has it, { id = }
---   object   fields = { name = <spec> }
--- and for any of them `required = true`, `only_with = { other = value }` (of no meaning unless the
--- field beside it has that value) and, for a list, `allowed_by = { field =, of = }` (what it may
--- hold depends on the value of another field).
---
--- In: the reading of a member is the name of a type (time, id, text, integer, boolean, groups,
--- group, person, plain) or of a kind of the dialect, `{ list = <reading> }` or
--- `{ map = <reading> }`.
--- What is not of the expected type comes through as it is.
local errors = require "livechat.errors"
local json = require "livechat.json"
local unknown = require "livechat.options".unknown
local html_title = require "livechat.text".html_title

local schema = {}

-- ---- what goes out ---------------------------------------------------------------------------

local function is_text(value)
  return type(value) == "string" and not value:find("%z") and json.utf8(value)
end

local checks = {}

-- Characters of a UTF-8 text.
local function length(text)
  return #text:gsub("[\128-\191]", "")
end

function checks.string(spec, value)
  if not is_text(value) then
    return nil, "must be UTF-8 text without NUL"
  elseif spec.one_line and value:find("[\r\n]") then
    return nil, "must be one line"
  elseif spec.min and length(value) < spec.min then
    return nil, spec.min == 1 and "must not be empty" or
      ("must have at least %d characters"):format(spec.min)
  end
  return value
end

-- Permissive: what an address may hold is the mail system's business.
function checks.email(_, value)
  if not is_text(value) or not value:find("^[^\1-\32\127@<>,;]+@[^\1-\32\127@<>,;]+$") then
    return nil, "must be an e-mail address"
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
    return nil, "must be a date that exists, as YYYY-MM-DD"
  end
  return value
end

function checks.time(_, value)
  local hour, minute
  if type(value) == "string" then
    hour, minute = value:match("^(%d%d):(%d%d)$")
  end
  if not hour or tonumber(hour) > 24 or tonumber(minute) > 59 then
    return nil, "must be a time of day, as HH:MM"
  end
  return value
end

function checks.url(_, value)
  if not is_text(value) or value:find("[\1-\32\127]") or
    not value:lower():find("^https?://[^/?#]") then
    return nil, "must be an http or https URL"
  end
  return value
end

function checks.integer(spec, value)
  if type(value) == "string" and value:find("^%-?%d+$") and #value < 16 then
    value = tonumber(value)
  end
  if type(value) ~= "number" or value % 1 ~= 0 or math.abs(value) > 2 ^ 53 then
    return nil, "must be a whole number"
  end
  if (spec.min and value < spec.min) or (spec.max and value > spec.max) then
    local from = spec.min and (" from %d"):format(spec.min) or ""
    return nil, "must be a number" .. from .. (spec.max and (" to %d"):format(spec.max) or "")
  end
  return json.integer(value)
end

function checks.group(spec, value)
  if type(value) == "table" then
    value = value.id
  end
  return checks.integer(spec, value)
end

function checks.flag(_, value)
  if value == true or value == 1 or value == "1" then
    return 1
  elseif value == false or value == 0 or value == "0" then
    return 0
  end
  return nil, "must be a boolean, 0 or 1"
end

function checks.enum(spec, value)
  for _, known in ipairs(spec.of) do
    if value == known then
      return value
    end
  end
  return nil, "must be one of '" .. table.concat(spec.of, "', '") .. "'"
end

local check_value, check_fields

function checks.list(spec, value, path)
  if type(value) ~= "table" then
    return nil, "must be a list, not a " .. type(value)
  end
  local made, n = json.array {}, #value
  for key in pairs(value) do
    if type(key) ~= "number" or key < 1 or key > n or key % 1 ~= 0 then
      return nil, "must be a list without holes or named members"
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
    return nil, "must be a table, not a " .. type(value)
  end
  local fields = {}
  for _, name in ipairs(spec.names) do
    fields[name] = spec.of
  end
  return check_fields(fields, value, path .. ".")
end

-- Every name that may be meant, those within objects by their paths.
local function known_names(fields, prefix, into)
  for name, spec in pairs(fields) do
    into[#into + 1] = prefix .. name
    if type(spec) == "table" and spec.type == "object" then
      known_names(spec.fields, prefix .. name .. ".", into)
    end
  end
  return into
end

-- What one field says about another.
local function check_beside(spec, made, name, prefix)
  for other, needed in pairs(spec.only_with or {}) do
    if made[other] ~= needed then
      return errors.invalid(prefix .. name,
        ("only goes with %s%s = '%s'"):format(prefix, other, needed))
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

local function sorted_names(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return names
end

-- A copy in which { ["requester.mail"] = x } has become { requester = { mail = x } }.
local function nested(fields, value)
  local made = {}
  for name, member in pairs(value) do
    made[name] = member
  end
  for name, member in pairs(value) do
    local outer, inner = tostring(name):match("^([^.]+)%.(.+)$")
    local spec, given = fields[outer], made[outer]
    if spec and spec.type == "object" and (given == nil or type(given) == "table") then
      made[outer], made[name] = { [inner] = member }, nil
      for key, old in pairs(given or {}) do
        made[outer][key] = old
      end
    end
  end
  return made
end

-- In the order of the names: the same mistake always gives the same error.
function check_fields(fields, value, prefix)
  value = nested(fields, value)
  for _, name in ipairs(sorted_names(value)) do
    if not fields[name] then
      local problem = unknown(name, known_names(fields, "", {}), "field", prefix)
      return nil, errors.invalid(prefix .. tostring(name), problem)
    end
  end
  local made, names = {}, sorted_names(fields)
  for _, name in ipairs(names) do
    local spec, member = fields[name], value[name]
    if member == nil and spec.required and spec.type == "object" then
      member = {} -- so that the missing member is named
    end
    if member == nil and spec.required then
      return nil, errors.invalid(prefix .. name, "is missing")
    elseif member ~= nil then
      local err
      made[name], err = check_value(spec, member, prefix .. name)
      if err then
        return nil, err
      end
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

function checks.object(spec, value, path)
  if type(value) ~= "table" then
    return nil, "must be a table, not a " .. type(value)
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

local function to_text(value)
  if type(value) ~= "number" then
    return plain(value)
  elseif value % 1 ~= 0 then
    return tostring(value)
  end
  return (math.abs(value) < 2 ^ 53 and "%d" or "%.0f"):format(value)
end

local function to_boolean(value)
  if value == 1 or value == "1" or value == "true" then
    return true
  elseif value == 0 or value == "0" or value == "false" then
    return false
  end
  return plain(value)
end

-- Groups come as numbers, as objects, or by their names.
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
  return id and { name = id }
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

local object_with_id = object_of { id = to_text }

-- Somebody. An empty object or list is nobody, as PHP writes it.
local function to_person(value)
  local person = object_with_id(value)
  if type(person) == "table" and next(person) == nil then
    return nil
  end
  return person
end

-- A list that PHP took something out of comes as an object: {"0":…,"2":…}.
local function relisted(object)
  local keys, list = {}, {}
  for key in pairs(object) do
    if type(key) ~= "string" or not key:find("^%d+$") then
      return nil
    end
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tonumber(a) < tonumber(b)
  end)
  for i, key in ipairs(keys) do
    list[i] = object[key]
  end
  return list
end

-- The list that a decoded value is, nil for what is none.
local function as_list(value)
  if type(value) ~= "table" then
    return nil
  end
  return (value[1] ~= nil or next(value) == nil) and value or relisted(value)
end

local function list_of(read)
  return function(value)
    local list = as_list(value)
    if not list then
      return plain(value)
    end
    local made = json.array {}
    for i = 1, #list do
      made[#made + 1] = read(list[i])
    end
    return made
  end
end

local group_list = list_of(to_group)

-- A list of groups, also where one stands alone.
local function to_groups(value)
  if value == json.null then
    return nil
  end
  return group_list(as_list(value) or { value })
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

local function time_with(timestamp)
  return function(value)
    local kind = type(value)
    if kind == "number" or kind == "string" then
      return timestamp(value) or plain(value)
    end
    return plain(value)
  end
end

-- The function for a reading of the data.
local function reader_of(reading, types, kinds)
  if type(reading) == "string" then
    return types[reading] or object_of(kinds[reading])
  elseif reading.list then
    return list_of(reader_of(reading.list, types, kinds))
  end
  return map_of(reader_of(reading.map, types, kinds))
end

---@class livechat.Shapes
---@field kinds table<string, table<string, fun(value: any): any>> a function for each member
local Shapes = {}
Shapes.__index = Shapes

--- What reads a dialect's records. `timestamp` gives the library's text form of a moment in any
--- form of the wire, nil for what is none.
---@param timestamp fun(value: string|number): string|nil
---@param dialect { kinds: table, answers: table }
---@return livechat.Shapes
function schema.new(timestamp, dialect)
  local types = { time = time_with(timestamp), id = to_text, text = to_text, integer = to_integer,
    boolean = to_boolean, groups = to_groups, group = to_group, person = to_person, plain = plain }
  local kinds = {}
  for kind in pairs(dialect.kinds) do
    kinds[kind] = {}
  end
  for kind, members in pairs(dialect.kinds) do
    for member, reading in pairs(members) do
      kinds[kind][member] = reader_of(reading, types, kinds)
    end
  end
  return setmetatable({ kinds = kinds, answers = dialect.answers }, Shapes)
end

--- Reads one member of a record of that kind: its normalised form, or nil where it is null.
---@param kind string
---@return fun(key: string, value: any): any
function Shapes:reader(kind)
  local readers = self.kinds[kind]
  return function(key, value)
    return (readers[key] or plain)(value)
  end
end

--- A whole record of that kind as a plain table; never changes `value`.
---@param kind string
---@param value any
function Shapes:read(kind, value)
  return object_of(self.kinds[kind])(value)
end

-- ---- shapes of answers -----------------------------------------------------------------------

local function is_object(value)
  return type(value) == "table" and value[1] == nil
end

local function has_id(value, name)
  local id = is_object(value) and value[name]
  return (type(id) == "string" and id ~= "") or type(id) == "number"
end

-- The records of a list without its nulls; nil where anything else is among them.
local function records_of(value, id)
  local list, made = as_list(value), {}
  for i = 1, list and #list or 0 do
    if has_id(list[i], id) then
      made[#made + 1] = list[i]
    elseif list[i] ~= json.null then
      return nil
    end
  end
  return list and made
end

local function shape_of(answer, decoded)
  local name = answer.page or answer.within
  local within = name and is_object(decoded) and decoded[name] or nil
  if within == json.null then
    within = {}
  end
  if answer.page then
    local list = records_of(within or decoded, answer.id)
    return list and { [name] = list, pages = within and decoded.pages,
      total = within and decoded.total }
  elseif answer.list then
    -- Where there is a wrapper, a record may stand alone, in it or instead of it.
    local alone = name and has_id(within or decoded, answer.id)
    return alone and { within or decoded } or records_of(within or decoded, answer.id)
  elseif not answer.id then
    return type(decoded) == "table" and decoded or {} -- that it was answered is all there is to it
  end
  -- One record comes bare, or in the wrapper of a list.
  local list = has_id(within, answer.id) and { within } or as_list(within)
  if list and type(decoded[answer.id]) ~= "string" then
    decoded = list[1]
  end
  return has_id(decoded, answer.id) and decoded or nil
end

--- The part of a decoded answer that is the thing asked for.
---@param name string of the dialect's answers
---@param decoded any
---@return table|nil value
---@return string|nil problem
function Shapes:shape(name, decoded)
  local answer = self.answers[name]
  local value = shape_of(answer, decoded)
  if value then
    return value
  end
  return nil, decoded == nil and "the answer is empty" or "the answer is not " .. answer.what
end

--- A count that may come as a number or as digits; nil where it is no whole number.
function schema.count(value)
  value = to_integer(value)
  local is_count = type(value) == "number" and value >= 0 and value % 1 == 0 and value < 2 ^ 53
  return is_count and value or nil
end

-- The first text in a value of any of the shapes in which the service tells what is wrong.
local function first_text(value)
  if type(value) == "string" then
    return value:find("%S") and value or nil
  elseif type(value) ~= "table" then
    return nil
  end
  local text = first_text(value.message) or first_text(value.error) or first_text(value.type)
  for i = 1, text and 0 or #value do
    text = text or first_text(value[i])
  end
  return text
end

--- What an error's body says: the first text in `error`, then in `errors`, then in `message`, then
--- in a bare list; of an HTML page its title. nil where it says nothing that can be read.
---@param decoded any the decoded body, nil where it is not JSON
---@param raw? string the body as it came
---@return string|nil
function schema.error_text(decoded, raw)
  if type(decoded) == "table" then
    return first_text(decoded.error) or first_text(decoded.errors) or first_text(decoded)
  end
  return first_text(decoded) or raw and html_title(raw) or nil
end

return schema
