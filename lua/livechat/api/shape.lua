-- SPDX-License-Identifier: MIT
--- Reads what a stranger sent: in one pass, refuses what is not of the documented types and puts
--- the normalised form in its place. Pure.
---
--- A shape is "any", "text", "id", "integer", "time", "flag", "scalar", "group",
--- { list = <shape> }, { object = { name = <shape> } }, or { keep = <shape> }, which is looked at
--- and left as it is. A member may be missing or null, and then is absent. One that is not named
--- may be anything, and comes along without its nulls.
local json = require "livechat.json"

local shape = {}

local null = json.null

-- ---- single values: nil is a refusal ---------------------------------------------------------

local function is_whole(value)
  return type(value) == "number" and value % 1 == 0 and value >= -2 ^ 53 and value <= 2 ^ 53
end

local function text(value)
  return type(value) == "string" and value or nil
end

--- Ids and versions are text, and come as whole numbers too.
local function id(value)
  return is_whole(value) and ("%.0f"):format(value) or text(value)
end

local function integer(value)
  if type(value) == "string" and value:find("^%-?%d+$") then
    value = tonumber(value)
  end
  return is_whole(value) and json.integer(value) or nil
end

local FLAGS = {
  [true] = true, [1] = true, ["1"] = true, ["true"] = true,
  [false] = false, [0] = false, ["0"] = false, ["false"] = false,
}

local function flag(value)
  return FLAGS[value]
end

local function scalar(value)
  if type(value) == "table" or value ~= value or value == math.huge or value == -math.huge then
    return nil
  end
  return json.integer(value)
end

-- ---- what holds others -----------------------------------------------------------------------

local function without_nulls(list)
  local n = 0
  for i = 1, #list do
    local item = list[i]
    list[i] = nil
    if item ~= null then
      n = n + 1
      list[n] = item
    end
  end
end

--- Whatever it is, without nulls, and with integers as such.
local function any(value)
  if type(value) ~= "table" then
    return json.integer(value)
  elseif value[1] ~= nil then
    without_nulls(value)
  end
  for key, member in pairs(value) do
    if member == null then
      value[key] = nil
    else
      value[key] = any(member)
    end
  end
  return value
end

local compile

-- An empty list and an empty object decode alike, and PHP writes the one for the other.
local function compile_list(of, keep, timestamp)
  local read = compile(of, keep, timestamp)
  return function(list)
    if type(list) ~= "table" or list[1] == nil and next(list) ~= nil then
      return nil
    elseif not keep then
      without_nulls(json.array(list))
    end
    for i = 1, #list do
      local item = list[i]
      local made, path = read(item)
      if made == nil and item ~= null then
        return nil, "[" .. i .. "]" .. (path or "")
      elseif not keep then
        list[i] = made
      end
    end
    return list
  end
end

local function compile_object(members, keep, timestamp)
  local readers = {}
  for name, of in pairs(members) do
    readers[name] = compile(of, keep, timestamp)
  end
  return function(object)
    if type(object) ~= "table" or object[1] ~= nil then
      return nil
    end
    for name, member in pairs(object) do
      local read, made = readers[name] or not keep and any, nil
      if member ~= null and read then
        local path
        made, path = read(member)
        if made == nil then
          return nil, "." .. name .. (path or "")
        end
      end
      if not keep then
        object[name] = made
      end
    end
    return object
  end
end

-- Groups come as numbers or as objects.
local function compile_group(keep, timestamp)
  local members = { id = "integer", name = "text", inherited = "flag" }
  local read = compile_object(members, keep, timestamp)
  return function(value)
    if type(value) == "table" then
      return read(value)
    end
    local number = integer(value)
    return number and { id = number }
  end
end

local NAMES = { any = any, text = text, id = id, integer = integer, flag = flag, scalar = scalar }

function compile(of, keep, timestamp)
  if of == "time" then
    return function(value)
      local kind = type(value)
      return (kind == "number" or kind == "string") and timestamp(value) or nil
    end
  elseif of == "group" then
    return compile_group(keep, timestamp)
  elseif of == "any" and keep then
    return function(value) return value end
  elseif type(of) == "string" then
    return assert(NAMES[of], of)
  elseif of.list then
    return compile_list(of.list, keep, timestamp)
  elseif of.keep then
    return compile(of.keep, true, timestamp)
  end
  return compile_object(of.object, keep, timestamp)
end

--- Makes a reader out of a shape.
---@param of table|string
---@param timestamp fun(value: string|number): string|nil the text form of a moment in any form
---@return fun(value: any): any, string|nil the normalised value, which is the same table; or nil
--- and the path to what is of the wrong type, empty for the value itself
function shape.compile(of, timestamp)
  local read = compile(of, false, timestamp)
  return function(value)
    local made, path = read(value)
    if made == nil then
      return nil, ((path or ""):gsub("^%.", ""))
    end
    return made
  end
end

return shape
