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

-- `a[b][]` is { "a", "b", "" }. A bracket that nothing closes is part of the name, and what stands
-- between or after brackets is dropped, as PHP does.
local function keys_of(name)
  local open = name:find("[", 2, true)
  local close = open and name:find("]", open, true)
  if not close or name:byte() == 91 then return { name } end
  local keys = { name:sub(1, open - 1) }
  while open and close do
    keys[#keys + 1] = name:sub(open + 1, close - 1)
    if #keys > MAX_DEPTH then return nil end
    open = name:find("[", close, true)
    close = open and name:find("]", open, true)
  end
  return keys
end

-- `[]` takes the index after the highest one so far, which `after` remembers for every table.
local function index_of(tree, key, after)
  local index = key
  if key == "" then
    index = after[tree] or 0
  elseif #key < 10 and key:find("^%d+$") then
    index = math.floor(tonumber(key))
  end
  if type(index) == "number" then after[tree] = math.max(after[tree] or 0, index + 1) end
  return index
end

local function put(tree, keys, value, after)
  for i = 1, #keys - 1 do
    local index = index_of(tree, keys[i], after)
    if type(tree[index]) ~= "table" then tree[index] = {} end
    tree = tree[index]
  end
  tree[index_of(tree, keys[#keys], after)] = value
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

--- Puts names with brackets where they belong, one after the other.
---@param pairs_of fun(): string|nil, any gives a name and its value, nil after the last
---@return table|nil tree values as they came, json.array lists and tables by name
---@return string|nil message
function form.nest(pairs_of)
  local tree, after, count = {}, {}, 0
  for name, value in pairs_of do
    count = count + 1
    if count > MAX_VARIABLES then return nil, "too many parameters" end
    local keys = keys_of(name)
    if not keys then return nil, "parameters are nested too deeply" end
    put(tree, keys, value, after)
  end
  return settle(tree, true)
end

--- Decodes `application/x-www-form-urlencoded` text. Blanks before a name are not part of it: the
-- documentation's own samples have line ends and blanks after their `&`.
---@param text string
---@return table|nil tree values are strings, json.array lists and tables by name
---@return string|nil message
function form.decode(text)
  local next_pair, message = text:gmatch("[^&]+"), nil
  local tree, wrong = form.nest(function()
    for pair in next_pair do
      local name, value = pair:match("^([^=]*)=?(.*)$")
      name = form.unescape((name:gsub("%+", " "))):match("^%s*(.*)$")
      value = form.unescape((value:gsub("%+", " ")))
      if not json.utf8(name) or not json.utf8(value) then
        message = "parameters must be UTF-8"
        return nil
      end
      if name ~= "" then return name, value end
    end
  end)
  if message or not tree then return nil, message or wrong end
  return tree
end

return form
