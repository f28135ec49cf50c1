-- SPDX-License-Identifier: MIT
--- A file of handlers, for `livechat listen` and `livechat drain`: a Lua program that returns a
--- table of functions by the event's type, or "*" for every event: see examples/handlers.lua. With
--- `allow_unknown = true` in the table a type may be one that the library does not know.
local text = require "livechat.text"

local handlers = {}

--- Runs the file.
---@param path string
---@return table<string, fun(event: livechat.Event)>|nil
---@return string|nil message
function handlers.load(path)
  local chunk, problem = loadfile(path)
  if not chunk then
    return nil, problem
  end
  local fine, found = xpcall(chunk, function(raised)
    return debug.traceback(text.describe(raised), 2)
  end)
  if not fine then
    return nil, text.describe(found)
  elseif type(found) ~= "table" or next(found) == nil then
    return nil, path .. " must return a table of functions by the event's type"
  end
  for kind, handler in pairs(found) do
    if kind == "allow_unknown" and type(handler) == "boolean" then -- luacheck: ignore 542
    elseif type(kind) ~= "string" or type(handler) ~= "function" then
      return nil, ("%s must return functions by the event's type, not a %s under %s"):format(path,
        type(handler), tostring(kind))
    end
  end
  return found
end

--- The events that it handles, in the order of their names.
---@param found table<string, function>
---@return string[]
function handlers.kinds(found)
  local kinds = {}
  for kind in pairs(found) do
    if kind ~= "allow_unknown" then
      kinds[#kinds + 1] = kind
    end
  end
  table.sort(kinds)
  return kinds
end

--- Registers all of them, in the order of their names.
---@param receiver livechat.Receiver
---@param found table<string, function>
---@return boolean|nil registered
---@return string|nil message
function handlers.register(receiver, found)
  local allow = found.allow_unknown == true
  for _, kind in ipairs(handlers.kinds(found)) do
    local known, problem = receiver:knows(kind)
    if not known and not allow then
      return nil, ("'%s' %s; with allow_unknown = true in the file it is taken all the same")
        :format(kind, problem)
    end
    receiver:on(kind, found[kind], { allow_unknown = allow })
  end
  return true
end

return handlers
