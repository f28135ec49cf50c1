-- SPDX-License-Identifier: MIT
--- A file of handlers, for `livechat listen` and `livechat drain`: a Lua program that returns a
--- table of functions by the event's type, or "*" for every event: see examples/handlers.lua.
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
  local fine, found = xpcall(chunk, debug.traceback)
  if not fine then
    return nil, tostring(found)
  elseif type(found) ~= "table" or next(found) == nil then
    return nil, path .. " must return a table of functions by the event's type"
  end
  for kind, handler in pairs(found) do
    if type(kind) ~= "string" or type(handler) ~= "function" then
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
    kinds[#kinds + 1] = kind
  end
  table.sort(kinds)
  return kinds
end

--- Registers all of them, in the order of their names.
---@param receiver livechat.Receiver
---@param found table<string, function>
function handlers.register(receiver, found)
  for _, kind in ipairs(handlers.kinds(found)) do
    receiver:on(kind, found[kind])
  end
end

return handlers
