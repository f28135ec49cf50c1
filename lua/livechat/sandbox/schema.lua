-- SPDX-License-Identifier: MIT
-- What a decoded JSON body must look like. A check takes a value and answers nothing where it fits,
-- else the path of the first member that does not, as "requester.email", and what is wrong with it.
-- A check never changes a value, and looks at each part of it once.
local json = require "livechat.json"

local schema = {}

local function join(name, path)
  if path == "" then return name end
  return name .. (path:byte() == 91 and "" or ".") .. path -- "["
end

local DEEPEST = 64 -- what holds the value must be no deeper than JSON can be written

local function writable(value, depth)
  if type(value) == "number" then return value - value == 0 end -- 1e999 is infinite
  if type(value) ~= "table" then return true end
  if depth == DEEPEST then return false end
  for _, member in pairs(value) do
    if not writable(member, depth + 1) then return false end
  end
  return true
end

--- Any value that can be written again, null included.
function schema.any(value)
  if not writable(value, 0) then return "", "is nested too deeply or holds no number" end
end

---@param most integer|nil characters, 65,536 without it
---@param least integer|nil
function schema.text(most, least)
  most, least = most or 65536, least or 0
  return function(value)
    if type(value) ~= "string" then return "", "must be a string" end
    local _, length = value:gsub("[^\128-\191]", "")
    if length < least and least == 1 then return "", "is not allowed to be empty" end
    if length < least then
      return "", ("length must be at least %d characters long"):format(least)
    end
    if length > most then
      return "", ("length must be less than or equal to %d characters long"):format(most)
    end
  end
end

---@param pattern string a Lua pattern, anchored
---@param message string
function schema.match(pattern, message)
  return function(value)
    if type(value) ~= "string" then return "", "must be a string" end
    if #value > 2048 or not value:find(pattern) then return "", message end
  end
end

schema.email = schema.match("^[^%s@]+@[^%s@]+$", "must be a valid email")
schema.url = schema.match("^https?://[^%s%c/]+[^%s%c]*$", "must be a valid uri")

---@param least integer
---@param most integer
function schema.integer(least, most)
  return function(value)
    if type(value) ~= "number" then return "", "must be a number" end
    if value % 1 ~= 0 then return "", "must be an integer" end
    if value < least then return "", ("must be greater than or equal to %d"):format(least) end
    if value > most then return "", ("must be less than or equal to %d"):format(most) end
  end
end

function schema.boolean(value)
  if type(value) ~= "boolean" then return "", "must be a boolean" end
end

--- One of these numbers or texts.
function schema.one_of(list)
  local known, words = {}, {}
  for i, each in ipairs(list) do known[each], words[i] = true, tostring(each) end
  local message = "must be one of [" .. table.concat(words, ", ") .. "]"
  return function(value)
    if not known[value] then return "", message end
  end
end

--- Null, or what `check` takes.
function schema.nullable(check)
  return function(value)
    if value ~= json.null then return check(value) end
  end
end

--- A list; [] and {} cannot be told apart once they are decoded.
---@param item function
---@param most integer|nil items
---@param least integer|nil
function schema.list(item, most, least)
  return function(value)
    if type(value) ~= "table" or value[1] == nil and next(value) ~= nil then
      return "", "must be an array"
    end
    if #value > (most or 1000) then
      return "", ("must contain less than or equal to %d items"):format(most or 1000)
    end
    if #value < (least or 0) then
      return "", ("must contain at least %d items"):format(least)
    end
    for i = 1, #value do
      local path, message = item(value[i])
      if path then return join("[" .. i - 1 .. "]", path), message end
    end
  end
end

local function is_object(value)
  return type(value) == "table" and value[1] == nil
end

--- An object with members of any name, each of one kind.
function schema.map(member)
  return function(value)
    if not is_object(value) then return "", "must be of type object" end
    for name, each in pairs(value) do
      local path, message = member(each)
      if path then return join(name, path), message end
    end
  end
end

--- An object with these members and no others.
---@param members table<string, function> a member whose name ends in "*" must be there
function schema.object(members)
  local names, checks, required = {}, {}, {}
  for written, check in pairs(members) do
    local name = written:gsub("%*$", "")
    names[#names + 1] = name
    checks[name], required[name] = check, name ~= written
  end
  table.sort(names)
  return function(value)
    if not is_object(value) then return "", "must be of type object" end
    for _, name in ipairs(names) do
      local member = value[name]
      if member ~= nil then
        local path, message = checks[name](member)
        if path then return join(name, path), message end
      elseif required[name] then
        return name, "is required"
      end
    end
    local unknown
    for name in pairs(value) do
      if not checks[name] and (not unknown or name < unknown) then unknown = name end
    end
    if unknown then return unknown, "is not allowed" end
  end
end

return schema
