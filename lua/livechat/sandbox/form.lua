-- SPDX-License-Identifier: MIT
-- Query strings and form bodies as PHP reads them: `a=1`, `b[c]=2`, `d[]=3`, `e[0][name]=4`.
local json = require "livechat.json"

local form = {}

-- PHP's own limits: max_input_vars and max_input_nesting_level.
local MAX_VARIABLES, MAX_DEPTH = 1000, 64

--- Undoes percent-encoding once.
---@param text string
---@return string
function form.unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function keys_of(name)
  local base, rest = name:match("^([^%[]+)(.*)$")
  if not base then return { name } end
  local keys = { base }
  for key in rest:gmatch("%[([^%]]*)%]") do keys[#keys + 1] = key end
  return keys
end

-- `[]` takes the index after the highest one so far.
local function index_of(tree, key)
  if key ~= "" then return key:find("^%d+$") and #key < 10 and tonumber(key) or key end
  local index = 0
  for other in pairs(tree) do
    if type(other) == "number" and other >= index then index = other + 1 end
  end
  return index
end

local function put(tree, keys, value)
  for i = 1, #keys - 1 do
    local index = index_of(tree, keys[i])
    if type(tree[index]) ~= "table" then tree[index] = {} end
    tree = tree[index]
  end
  tree[index_of(tree, keys[#keys])] = value
end

-- A table with nothing but indices is a list, in their order; elsewhere they are names like others.
local function settle(tree, named)
  local indices, names = {}, {}
  for key, value in pairs(tree) do
    if type(value) == "table" then tree[key] = settle(value) end
    local kind = type(key) == "number" and indices or names
    kind[#kind + 1] = key
  end
  if named or #names > 0 then
    for _, index in ipairs(indices) do
      tree[("%d"):format(index)], tree[index] = tree[index], nil
    end
    return tree
  end
  table.sort(indices)
  local list = json.array()
  for i, index in ipairs(indices) do list[i] = tree[index] end
  return list
end

--- Decodes `application/x-www-form-urlencoded` text.
---@param text string
---@return table|nil tree values are strings, json.array lists and tables by name
---@return string|nil message
function form.decode(text)
  local tree, count = {}, 0
  for pair in text:gmatch("[^&]+") do
    count = count + 1
    if count > MAX_VARIABLES then return nil, "too many parameters" end
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = form.unescape((name:gsub("%+", " ")))
    value = form.unescape((value:gsub("%+", " ")))
    if not json.utf8(name) or not json.utf8(value) then return nil, "parameters must be UTF-8" end
    local keys = keys_of(name)
    if #keys > MAX_DEPTH then return nil, "parameters are nested too deeply" end
    if name ~= "" then put(tree, keys, value) end
  end
  return settle(tree, true)
end

return form
