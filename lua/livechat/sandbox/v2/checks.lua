-- SPDX-License-Identifier: MIT
-- What a call's fields may be. A check takes the value and the service and gives the value as it is
-- kept, or nil and what it should have been.
local json = require "livechat.json"

local checks = {}

---@return boolean
function checks.contains(list, value)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end

function checks.text(value)
  if type(value) ~= "string" or value == "" then return nil, "must be a text" end
  return value
end

--- A text that may be empty.
function checks.any_text(value)
  if type(value) ~= "string" then return nil, "must be a text" end
  return value
end

--- What a form can only write as text: a text, a number or a truth value, kept as text.
function checks.scalar(value)
  if type(value) == "boolean" then return value and "true" or "false" end
  if type(value) == "number" then return ("%.15g"):format(value) end
  return checks.text(value)
end

function checks.mail(value)
  if type(value) ~= "string" or not value:find("^[^%s@]+@[^%s@]+$") then
    return nil, "must be a valid e-mail address"
  end
  return value
end

---@param list string[]
function checks.one_of(list)
  return function(value)
    if checks.contains(list, value) then return value end
    return nil, "must be one of: " .. table.concat(list, ", ")
  end
end

--- A whole number from 0 that a double holds, as JSON's number or a form's digits.
---@return integer|nil
function checks.whole(value)
  if type(value) == "string" and #value <= 15 and value:find("^%d+$") then
    return math.floor(tonumber(value))
  elseif type(value) == "number" and value >= 0 and value < 2 ^ 53 and value % 1 == 0 then
    return math.floor(value)
  end
  return nil, "must be a whole number"
end

function checks.bit(value)
  local number = checks.whole(value)
  if number == 0 or number == 1 then return number end
  return nil, "must be 0 or 1"
end

--- 0 or 1, or JSON's truth values.
function checks.flag(value)
  if type(value) == "boolean" then return value and 1 or 0 end
  return checks.bit(value)
end

-- An empty list cannot be told from an empty object in JSON as it is decoded here.
local function is_list(value)
  return type(value) == "table" and (value[1] ~= nil or next(value) == nil)
end

--- A list without repetitions, each item checked.
---@param item fun(value: any, service: table): any, string|nil
---@param what string
function checks.list_of(item, what)
  return function(value, service)
    if not is_list(value) then return nil, "must be a list of " .. what end
    local list, seen = json.array(), {}
    for i = 1, #value do
      local kept = item(value[i], service)
      if kept == nil then return nil, "must hold " .. what end
      if not seen[kept] then list[#list + 1] = kept end
      seen[kept] = true
    end
    return list
  end
end

checks.names = checks.list_of(checks.text, "names")

function checks.group(value, service)
  local id = checks.whole(value)
  if id and service.groups.by_id[id] then return id end
  return nil, "must be the id of a group"
end

checks.groups = checks.list_of(checks.group, "ids of existing groups")

function checks.login(value, service)
  if type(value) == "string" and service.agents.by_login[value] then return value end
  return nil, "must be the login of an agent"
end

checks.logins = checks.list_of(checks.login, "logins of agents")

--- Reads the fields that are known; others are let pass, as the service does.
---@param fields table
---@param known table<string, fun(value: any, service: table): any, string|nil>
---@param required string[]|nil
---@return table taken
---@return string[] errors json.array, sorted
function checks.take(service, fields, known, required)
  local taken, errors = {}, json.array()
  for name, check in pairs(known) do
    if fields[name] ~= nil then
      local value, message = check(fields[name], service)
      if value == nil then errors[#errors + 1] = name .. " " .. message end
      taken[name] = value
    end
  end
  for _, name in ipairs(required or {}) do
    if fields[name] == nil then errors[#errors + 1] = name .. " is required" end
  end
  table.sort(errors)
  return taken, errors
end

return checks
