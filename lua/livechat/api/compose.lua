-- SPDX-License-Identifier: MIT
--- One resource of several dialects: whose method a call of it is. It is said by the rows:
---   by       the field that decides, one of type enum: the dialect that knows its value
---   a list   of things, without an id: those of each dialect, one after the other; with `joins`
---            those are one that have the same in this member
---   each     every dialect that has the thing, as to remove it
---   else     by id: the first dialect that has the thing
--- A method that one dialect alone has is that one's. Pure.
local errors = require "livechat.errors"
local unknown = require "livechat.options".unknown

local compose = {}

-- What a field may be, in one list.
local function add_all(into, list)
  for _, value in ipairs(list) do into[#into + 1] = value end
  return into
end

local function knows(row, value)
  for _, known in ipairs(row.fields[row.by].of) do
    if known == value then return true end
  end
  return false
end

local function by_field(parts, by)
  local names = {}
  for _, part in ipairs(parts) do add_all(names, part.row.fields[by].of) end
  return function(self, fields, ...)
    local value = type(fields) == "table" and fields[by] or nil
    for _, part in ipairs(parts) do
      if knows(part.row, value) then return part.call(self, fields, ...) end
    end
    if value == nil then return parts[1].call(self, fields, ...) end -- which says what is missing
    local problem = unknown(value, names, by)
    return nil, errors.invalid(by, problem)
  end
end

-- Things of the same name as one, which has the members of all.
local function joined(list, name)
  local made, known = {}, {}
  for _, thing in ipairs(list) do
    local same = known[thing[name]]
    if same then
      for member, value in pairs(thing) do
        if same[member] == nil then same[member] = value end
      end
    else
      made[#made + 1] = thing
      known[thing[name] or thing] = thing
    end
  end
  return made
end

-- One that cannot be asked, because the client was not given what that needs, has none.
local function all_of(parts, joins)
  return function(...)
    local list, asked, problem = {}, false, nil
    for _, part in ipairs(parts) do
      local found, err = part.call(...)
      if not found and err.kind ~= "invalid" then return nil, err end
      asked, problem = asked or found ~= nil, problem or err
      add_all(list, found or {})
    end
    if not asked then return nil, problem end
    return joins and joined(list, joins) or list
  end
end

-- What fails after another has done its part says so.
local function each_of(parts)
  return function(...)
    local done, more, problem
    for _, part in ipairs(parts) do
      local value, err = part.call(...)
      if value then
        if done == nil then done, more = value, err end
      elseif err.kind == "invalid" or err.kind == "not_found" then
        problem = err.kind == "not_found" and err or problem or err
      else
        if done ~= nil then err.outcome = "unknown" end
        return nil, err
      end
    end
    if done == nil then return nil, problem end
    return done, more
  end
end

-- What a row of one of them says.
local function said(list, name)
  for _, part in ipairs(list) do
    if part.row[name] then return part.row[name] end
  end
end

-- How much a failure says of an id: one that is of another form than a service's own is rejected.
local WEIGHT = { invalid = 1, not_found = 2, rejected = 3 }

local function first_of(parts)
  return function(...)
    local problem
    for _, part in ipairs(parts) do
      local value, more = part.call(...)
      if value then return value, more end
      local weight = WEIGHT[more.kind]
      if not weight then return nil, more end
      problem = problem and WEIGHT[problem.kind] >= weight and problem or more
    end
    return nil, problem
  end
end

--- Notes a dialect's method under its name.
---@param into table<string, table[]>
function compose.add(into, name, row, call)
  into[name] = into[name] or {}
  table.insert(into[name], { row = row, call = call })
end

--- The methods of a resource, of what was noted.
---@param parts table<string, table[]>
---@return table<string, function>
function compose.methods(parts)
  local made = {}
  for name, list in pairs(parts) do
    local row = list[1].row
    if #list == 1 then
      made[name] = list[1].call
    elseif row.by then
      made[name] = by_field(list, row.by)
    elseif said(list, "each") then
      made[name] = each_of(list)
    elseif row.path:find("{", 1, true) or row.args or row.fields then
      made[name] = first_of(list)
    else
      made[name] = all_of(list, said(list, "joins"))
    end
  end
  return made
end

return compose
