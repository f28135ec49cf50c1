-- SPDX-License-Identifier: MIT
--- How HelpDesk says what is wrong: in several forms, one of them with status 200. ([R] [W]
--- docs/service.md) Pure.
local answers = {}

local KINDS = { notfound = "not_found", unauthorized = "auth", forbidden = "auth",
  toomanyrequests = "throttled", internalservererror = "server", servererror = "server" }

-- One word, as limitExceeded; a sentence is no code.
local function code_of(problem)
  local code = type(problem) == "table" and problem.type or problem
  return type(code) == "string" and #code <= 100 and code:match("^[%w_.-]+$") or nil
end

--- See call/services.lua. What has an ID is no error, whatever else stands in it.
function answers.failure(status, decoded)
  local problem = type(decoded) == "table" and decoded.ID == nil and decoded.error
  if type(problem) ~= "table" and type(problem) ~= "string" then
    return nil
  end
  local code = code_of(problem)
  if status >= 300 then
    return nil, code
  end
  return code and KINDS[code:lower():gsub("[_.-]", "")] or "rejected", code
end

-- An entry of a list of problems: the member, and what is wrong with it.
local function entry_text(entry)
  if type(entry) == "string" then return entry end
  if type(entry) ~= "table" then return nil end
  local name = entry.path or entry.field or entry.param or entry.property
  local said = entry.message or entry.error or entry.reason
  if type(said) ~= "string" then return nil end
  if type(name) == "table" then name = table.concat(name, ".") end
  if type(name) ~= "string" or said:find(name, 1, true) then return said end
  return name .. ": " .. said
end

local function list_text(list)
  if type(list) == "string" then return list end
  local said = {}
  for i = 1, type(list) == "table" and math.min(#list, 20) or 0 do
    said[#said + 1] = entry_text(list[i])
  end
  if #said == 0 then return nil end
  return table.concat(said, "; ")
end

--- What an error's body says, nil where it has none of HelpDesk's forms.
---@param decoded any
---@return string|nil
function answers.error_text(decoded)
  if type(decoded) ~= "table" then return nil end
  local problem = decoded.error
  local said = type(problem) == "table" and entry_text(problem)
    or type(problem) == "string" and problem or nil
  local details = list_text(type(problem) == "table" and problem.details or decoded.details)
  if said and details and not said:find(details, 1, true) and not details:find(said, 1, true) then
    return said .. ": " .. details
  end
  return said and details and #details > #said and details or said or details
    or list_text(decoded.errors) or list_text(decoded.validation) or entry_text(decoded)
end

return answers
