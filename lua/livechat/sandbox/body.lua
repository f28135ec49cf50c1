-- SPDX-License-Identifier: MIT
-- The bodies of requests: JSON and forms.
local json = require "livechat.json"
local form = require "livechat.sandbox.form"

local body = {}

local function without_null(value)
  for name, member in pairs(value) do
    if member == json.null then
      value[name] = nil
    elseif type(member) == "table" then
      without_null(member)
    end
  end
  return value
end

-- The documentation's JSON samples have names with brackets too: { "agents[0]": "…" }.
local function without_brackets(value)
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names)
  local found = false
  for _, name in ipairs(names) do found = found or name:find("[", 1, true) ~= nil end
  if not found then return value end
  local at = 0
  return form.nest(function()
    at = at + 1
    return names[at], value[names[at]]
  end)
end

--- Reads either kind of body; without one there are no fields.
---@param request table { headers=, body= }
---@return table|nil fields
---@return string|nil message
function body.read(request)
  if (request.body or "") == "" then return {} end
  local kind = tostring(request.headers["content-type"]):lower():match("^[^;%s]*")
  if kind == "application/json" then
    local value, message = json.decode(request.body)
    if type(value) ~= "table" or value[1] ~= nil then
      return nil, "The body is not a JSON object" .. (message and ": " .. message or "")
    end
    return without_brackets(without_null(json.fold(value)))
  elseif kind == "application/x-www-form-urlencoded" then
    return form.decode(request.body)
  end
  return nil, "The body must be JSON or a form"
end

return body
