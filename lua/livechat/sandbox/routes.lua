-- SPDX-License-Identifier: MIT
-- Which row of a table of routes is a path's: { method, path, …, } with {name} for any one segment.
local form = require "livechat.sandbox.form"

local routes = {}

local MOST_SEGMENTS = 16

---@param list table[] rows
---@return table tree to find in
function routes.plant(list)
  local tree = { names = {}, methods = {} }
  for _, row in ipairs(list) do
    local node = tree
    for segment in row[2]:gmatch("/([^/]*)") do
      local name = segment:match("^{(.*)}$")
      local next = name and node.any or node.names[segment]
      if not next then next = { names = {}, methods = {} } end
      if name then node.any, node.called = next, name else node.names[segment] = next end
      node = next
    end
    node.methods[row[1]] = row
  end
  return tree
end

--- Finds a row; a name goes before any segment.
---@return table|nil row
---@return table|boolean found the segments by name or, without a row, whether the path is known
function routes.find(tree, method, path)
  local node, values, count = tree, {}, 0
  for segment in path:gmatch("/([^/]*)") do
    count = count + 1
    if count > MOST_SEGMENTS then return nil, false end
    if node.names[segment] then
      node = node.names[segment]
    elseif node.any and segment ~= "" then
      values[node.called], node = form.unescape(segment), node.any
    else
      return nil, false
    end
  end
  local row = node.methods[method]
  if row then return row, values end
  return nil, next(node.methods) ~= nil
end

return routes
