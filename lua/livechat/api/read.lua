-- SPDX-License-Identifier: MIT
--- What comes in, answers and webhooks alike, is normalised by a dialect's data. Pure.
---
--- `records` describes each kind of thing: the reading of each of its members. A reading is a name:
--- of a type (time, id, text, integer, boolean, groups, group, person, string, scalar, plain) or of
--- a kind; or `{ list = <reading> }` or `{ map = <reading> }`; or, for a time that is written as a
--- clock shows it, `{ beside = <the member that holds the same moment as a number>, shown =
--- <function(text, zone) -> epoch seconds or nil>, zone = <the member of the whole that names the
--- zone> }`, of which the last two may be missing. A member without a reading, and what is not of
--- the expected type, comes through as it is, without nulls; a caller that wants to know of the
--- latter gives a function that is told its path. Where a kind has a `shape`, that is given what
--- came, without nulls, and gives what is read: our names for the service's.
---
--- `answers` says where in an answer the thing asked for is: `kind` of records, `id` (the member
--- without which it is none), `within` (the wrapper that may be around it), `list` for a list of
--- them, `page` for a list with the counts beside it, `number` for a count that stands alone or in
--- the wrapper, `plain` for a table that is given as it came (one that has the member `with`),
--- `what` for the error. Without any of these, that it was answered is all there is to it.
local html_title = require "livechat.text".html_title
local json = require "livechat.json"

local read = {}

-- ---- values ----------------------------------------------------------------------------------

--- A decoded value without nulls, integral floats folded; a copy where it is a table.
---@param value any
---@return any
function read.plain(value)
  if value == json.null then
    return nil
  elseif type(value) ~= "table" then
    return json.integer(value)
  end
  local made, n = {}, #value
  if n > 0 then
    json.array(made)
    for i = 1, n do
      made[#made + 1] = read.plain(value[i])
    end
    return made
  elseif json.is_array(value) then
    return json.array(made)
  end
  for key, member in pairs(value) do
    made[key] = read.plain(member)
  end
  return made
end

local plain = read.plain

-- A note is handed along where the caller wants to know what is not of the expected type: `tell`,
-- and the names on the way to the value at hand. The path is put together only for what is told.
---@class livechat.Note
---@field tell fun(path: string)
---@field depth integer
---@field [integer] string|integer

local function path_of(note)
  local path = note[1]
  for i = 2, note.depth do
    path = path .. (type(note[i]) == "number" and "[" .. note[i] .. "]" or "." .. note[i])
  end
  return path
end

-- What is not of the expected type: comes through, and is noted.
local function foreign(value, note)
  if note and value ~= nil and value ~= json.null then
    note.tell(path_of(note))
  end
  return plain(value)
end

-- A reader is a function of the value, the note, the object whose member the value is, and the
-- outermost object that is read.

-- Reads a member, or the item of a list, of the value at hand.
local function inside(reader, value, note, name, object, whole)
  if not note then
    return reader(value, nil, object, whole)
  end
  note.depth = note.depth + 1
  note[note.depth] = name
  local made = reader(value, note, object, whole)
  note.depth = note.depth - 1
  return made
end

local function to_string(value, note)
  return type(value) == "string" and value or foreign(value, note)
end

local function to_scalar(value, note)
  return type(value) == "table" and foreign(value, note) or plain(value)
end

local function to_integer(value, note)
  if type(value) == "number" then
    return json.integer(value)
  elseif type(value) == "string" and #value < 16 and value:find("^%-?%d+$") then
    return json.integer(tonumber(value))
  elseif type(value) == "boolean" then
    return value and 1 or 0
  end
  return foreign(value, note)
end

local function to_text(value, note)
  if type(value) == "string" then
    return value
  elseif type(value) ~= "number" then
    return foreign(value, note)
  elseif value % 1 ~= 0 then
    return tostring(value)
  end
  return (math.abs(value) < 2 ^ 53 and "%d" or "%.0f"):format(value)
end

local FLAGS = {
  [true] = true, [1] = true, ["1"] = true, ["true"] = true,
  [false] = false, [0] = false, ["0"] = false, ["false"] = false,
}

local function to_boolean(value, note)
  if value ~= nil and FLAGS[value] ~= nil then
    return FLAGS[value]
  end
  return foreign(value, note)
end

--- A count that may come as a number or as digits; nil where it is no whole number.
---@param value any
---@return integer|nil
function read.count(value)
  value = to_integer(value)
  local is_count = type(value) == "number" and value >= 0 and value % 1 == 0 and value < 2 ^ 53
  return is_count and value or nil
end

-- ---- what holds others -----------------------------------------------------------------------

local function object_of(readers)
  return function(value, note, _, whole)
    if type(value) ~= "table" or note and value[1] ~= nil then
      return foreign(value, note)
    end
    local made = {}
    for key, member in pairs(value) do
      local reader = readers[key]
      if reader then
        made[key] = inside(reader, member, note, key, value, whole or value)
      else
        made[key] = plain(member)
      end
    end
    return made
  end
end

-- Groups come as numbers, as objects, or by their names.
local function to_group(value, note)
  if type(value) == "table" then
    local group = plain(value)
    group.id = inside(to_integer, value.id, note, "id")
    return group
  end
  local id = to_integer(value, note)
  if type(id) == "number" then
    return { id = id }
  end
  return id and { name = id }
end

local object_with_id = object_of { id = to_text }

-- A person. An empty object or list is none, as PHP writes it.
local function to_person(value, note)
  local person = object_with_id(value, note)
  if type(person) == "table" and next(person) == nil then
    return nil
  end
  return person
end

-- A list that PHP took something out of comes as an object: {"0":…,"2":…}.
local function relisted(object)
  local keys, list = {}, {}
  for key in pairs(object) do
    if type(key) ~= "string" or #key > 15 or not key:find("^%d+$") then
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

--- The list that a decoded value is, nil for what is none.
---@param value any
---@return table|nil
function read.list(value)
  if type(value) ~= "table" then
    return nil
  end
  return (value[1] ~= nil or next(value) == nil) and value or relisted(value)
end

local as_list = read.list

local function list_of(reader)
  return function(value, note, object, whole)
    local list = as_list(value)
    if not list then
      return foreign(value, note)
    end
    local made = json.array {}
    for i = 1, #list do
      made[#made + 1] = inside(reader, list[i], note, i, object, whole)
    end
    return made
  end
end

local group_list = list_of(to_group)

-- A list of groups, also where one stands alone.
local function to_groups(value, note)
  if value == json.null then
    return nil
  end
  return group_list(as_list(value) or { value }, note)
end

local function map_of(reader)
  return function(value, note, object, whole)
    if type(value) ~= "table" then
      return foreign(value, note)
    end
    local made = {}
    for key, member in pairs(value) do
      made[key] = inside(reader, member, note, tostring(key), object, whole)
    end
    return made
  end
end

local function time_with(timestamp)
  return function(value, note)
    local kind = type(value)
    local stamp = (kind == "number" or kind == "string") and timestamp(value)
    return stamp or foreign(value, note)
  end
end

-- A time as a clock shows it says which moment it is by a number beside it, else by its zone; where
-- it has neither it comes through: any moment that is made of it would be a guess.
local function shown_time(reading, timestamp)
  local to_time = time_with(timestamp)
  return function(value, note, object, whole)
    if type(value) ~= "string" then
      return to_time(value, note)
    end
    local beside = object and object[reading.beside]
    local exact = value ~= "" and (type(beside) == "number" or type(beside) == "string")
      and timestamp(beside)
    local seconds = not exact and reading.shown
      and reading.shown(value, whole and whole[reading.zone])
    return exact or seconds and timestamp(seconds) or value
  end
end

-- The function for a reading of the data.
local function reader_of(reading, types, kinds)
  if type(reading) == "string" then
    return types[reading] or object_of(assert(kinds[reading], reading))
  elseif reading.beside then
    return shown_time(reading, types.timestamp)
  elseif reading.list then
    return list_of(reader_of(reading.list, types, kinds))
  end
  return map_of(reader_of(reading.map, types, kinds))
end

-- ---- readers of a dialect --------------------------------------------------------------------

---@class livechat.Reader
---@field kinds table<string, table<string, fun(value: any): any>> a function for each member
local Reader = {}
Reader.__index = Reader

--- What reads a dialect's records. `timestamp` gives the library's text form of a moment in any
--- form of the wire, nil for what is none.
---@param timestamp fun(value: string|number): string|nil
---@param dialect { records: table, answers: table }
---@return livechat.Reader
function read.new(timestamp, dialect)
  local types = { time = time_with(timestamp), id = to_text, text = to_text, integer = to_integer,
    boolean = to_boolean, groups = to_groups, group = to_group, person = to_person, plain = plain,
    string = to_string, scalar = to_scalar, timestamp = timestamp }
  local kinds = {}
  for kind in pairs(dialect.records) do
    assert(types[kind] == nil, kind) -- a reading is one or the other
    kinds[kind] = {}
  end
  for kind, record in pairs(dialect.records) do
    for member, reading in pairs(record.members) do
      kinds[kind][member] = reader_of(reading, types, kinds)
    end
  end
  return setmetatable({ kinds = kinds, answers = dialect.answers }, Reader)
end

--- Reads one member of a record of that kind: its normalised form, or nil where it is null.
---@param kind string
---@return fun(key: string, value: any, record: table|nil): any
function Reader:member(kind)
  local readers = self.kinds[kind]
  return function(key, value, record)
    return (readers[key] or plain)(value, nil, record, record)
  end
end

--- A whole record of that kind as a plain table; never changes `value`.
---@param kind string
---@param value any
---@param note? fun(path: string) told the path of each value that is not of the expected type
function Reader:read(kind, value, note)
  return object_of(self.kinds[kind])(value, note and { tell = note, depth = 1, kind })
end

-- ---- the thing asked for ---------------------------------------------------------------------

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

local function find(answer, decoded)
  local within = answer.within and is_object(decoded) and decoded[answer.within] or nil
  if within == json.null then
    within = {}
  end
  if answer.number then
    return read.count(within or decoded)
  elseif answer.plain then
    return type(decoded) == "table" and (not answer.with or decoded[answer.with] ~= nil)
      and decoded or nil
  elseif answer.page then
    local list = records_of(within or decoded, answer.id)
    if list and within then
      list.pages = read.count(decoded.pages)
      list.total = read.count(decoded[answer.total or "total"])
      list.next = answer.next and plain(decoded[answer.next])
    end
    return list
  elseif answer.list then
    -- Where there is a wrapper, a record may stand alone, in it or instead of it.
    local alone = answer.within and has_id(within or decoded, answer.id)
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

--- The part of a decoded answer that is the thing asked for. A page is a list with the members
--- `pages`, `total` and `next` beside, as far as the answer has them.
---@param name string of the dialect's answers
---@param decoded any
---@return table|integer|nil value
---@return string|nil problem
function Reader:find(name, decoded)
  local answer = self.answers[name]
  local value = find(answer, decoded)
  if value then
    return value
  end
  return nil, decoded == nil and "the answer is empty" or "the answer is not " .. answer.what
end

-- ---- what an error says ----------------------------------------------------------------------

-- The first text in a value of any of the forms in which the service tells what is wrong.
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
function read.error_text(decoded, raw)
  if type(decoded) == "table" then
    local text = first_text(decoded.error) or first_text(decoded.errors) or first_text(decoded)
    local more = first_text(decoded.error_description) -- OAuth's
    return text and more and text .. ": " .. more or text or more
  end
  return first_text(decoded) or raw and html_title(raw) or nil
end

return read
