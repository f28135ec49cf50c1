-- SPDX-License-Identifier: MIT
--- What goes out is checked by a dialect's data. Pure. A field's spec is a table: `type`, and by it
---   string   one_line, min (characters), like = { <pattern>, <what it must be> }
---   number   also as text, min             scalar (a text, a number or a boolean), email
---   integer  min, max                      date (YYYY-MM-DD), time (HH:MM), url (http, https)
---   enum     of = { "a", "b" }             flag (0, 1 or a boolean; sent as 0 or 1), boolean
---   list     of = <spec>, min              map   of = <spec>, names = { "a", "b" }, else any
---   group    as integer; or a table as a record has it, { id = }
---   id       as string; or a table as a record has it, { id = }
---   some     one <spec> or a list of it: of = <spec>; sent as a list
---   file     a path, or { name =, data = }
---   object   fields = { name = <spec> }
---   none     why: a field of another dialect, which this one cannot send
---   unused   a field of another dialect, which says nothing here: not sent
--- and for any of them `required = true`, or `required_with = { other = value }` (where the field
--- beside it has that value), `only_with = { other = value }` (of no meaning unless the field
--- beside it has that value; a set of values does too in both) and, for a list, `allowed_by =
--- { field =, of = }` (what it may hold depends on the value of another field).
local errors = require "livechat.errors"
local json = require "livechat.json"
local unknown = require "livechat.options".unknown

local check = {}

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
  elseif spec.like and not value:find(spec.like[1]) then
    return nil, "must be " .. spec.like[2]
  end
  return value
end

local function is_finite(value)
  return type(value) == "number" and value == value and value ~= math.huge and value ~= -math.huge
end

-- What came as text is sent as text: "19.90" is a price.
function checks.number(spec, value)
  local number = value
  if type(value) == "string" and #value < 40 and value:find("^%-?%d+%.?%d*$") then
    number = tonumber(value)
  end
  if not is_finite(number) then
    return nil, "must be a number, with a period where it has a fraction"
  elseif spec.min and number < spec.min then
    return nil, ("must be a number from %d"):format(spec.min)
  end
  return type(value) == "string" and value or json.integer(number)
end

function checks.scalar(_, value)
  if is_finite(value) or type(value) == "boolean" or is_text(value) then
    return value
  end
  return nil, "must be a text, a number or a boolean"
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

function checks.none(spec)
  return nil, spec.why
end

function checks.unused()
  return nil
end

function checks.id(_, value)
  if type(value) == "table" then
    value = value.id
  end
  if type(value) == "number" then
    value = json.encode(value)
  end
  return checks.string({ one_line = true, min = 1 }, value)
end

function checks.file(_, value)
  local is_file = type(value) == "table" and is_text(value.name) and type(value.data) == "string"
  if is_file or type(value) == "string" and value ~= "" and not value:find("%z") then
    return value
  end
  return nil, "must be a path, or { name =, data = }"
end

function checks.flag(_, value)
  if value == true or value == 1 or value == "1" then
    return 1
  elseif value == false or value == 0 or value == "0" then
    return 0
  end
  return nil, "must be a boolean, 0 or 1"
end

function checks.boolean(_, value)
  if type(value) ~= "boolean" then
    return nil, "must be a boolean"
  end
  return value
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

function checks.some(spec, value, path)
  local is_list = type(value) == "table" and (value[1] ~= nil or json.is_array(value))
  return checks.list(spec, is_list and value or { value }, path)
end

function checks.map(spec, value, path)
  if type(value) ~= "table" then
    return nil, "must be a table, not a " .. type(value)
  end
  local fields = {}
  for _, name in ipairs(spec.names or {}) do
    fields[name] = spec.of
  end
  for name in pairs(spec.names and {} or value) do
    if type(name) ~= "string" or name == "" then
      return nil, "must be a table with names, not a list"
    end
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

-- Whether a field has the value that another one asks for, or one of them.
local function has(value, needed)
  return type(needed) == "table" and needed[value] or value == needed
end

-- What one field says about another.
local function check_beside(spec, made, name, prefix)
  for other, needed in pairs(made[name] == nil and spec.required_with or {}) do
    if made[other] ~= nil and has(made[other], needed) then
      return errors.invalid(prefix .. name, "is missing")
    end
  end
  for other, needed in pairs(made[name] ~= nil and spec.only_with or {}) do
    if made[other] == nil or not has(made[other], needed) then
      local values = type(needed) == "table" and sorted_names(needed) or { needed }
      return errors.invalid(prefix .. name,
        ("only goes with %s%s = '%s'"):format(prefix, other, table.concat(values, "', '")))
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
    local err = check_beside(fields[name], made, name, prefix)
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
function check.value(spec, value, path)
  return check_value(spec, value, path)
end

--- Whether specs have a field, by the path that an error names: "requester.mail", "cc[1].mail".
---@param fields table<string, table> specs by name
---@param path string
---@return boolean
function check.knows(fields, path)
  local name, rest = path:match("^([^.%[]+)(.*)$")
  local spec = fields[name]
  local inner = rest and rest:match("^%.(.+)$")
  if spec and inner and spec.type == "object" then
    return check.knows(spec.fields, inner)
  end
  return spec ~= nil
end

--- A copy of `value` as it is sent, or nil and an error that names the first field at fault.
---@param fields table<string, table> specs by name
---@param value table
---@return table|nil
---@return livechat.Error|nil err
function check.fields(fields, value)
  return check_fields(fields, value, "")
end

return check
