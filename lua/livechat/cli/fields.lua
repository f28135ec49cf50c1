-- SPDX-License-Identifier: MIT
--- A row's fields as options, and options as fields. An option has the field's own name, with dots
--- into objects; what may be said several times is a list.
local json = require "livechat.json"

local fields = {}

local SAYS = { email = "an e-mail address", date = "YYYY-MM-DD", time = "HH:MM",
  url = "an http or https URL", integer = "a whole number", group = "a group's id",
  flag = "--no-… for the opposite",
  boolean = "--no-… for the opposite", number = "a number" }
local WORDS = { email = "ADDRESS", date = "DATE", time = "TIME", url = "URL", integer = "N",
  group = "ID", string = "TEXT", number = "N", scalar = "VALUE" }

local function is_secret(name)
  return name:find("password", 1, true) ~= nil or name:find("secret", 1, true) ~= nil
end

local function help_of(spec, needed)
  local item = spec.type == "list" and spec.of or spec
  local says = {}
  if needed then says[1] = "needed" end
  if type(item) == "table" and item.type == "enum" then
    says[#says + 1] = table.concat(item.of, " | ")
  elseif SAYS[item.type] then
    says[#says + 1] = SAYS[item.type]
  end
  if spec.type == "list" then says[#says + 1] = "may be repeated; '' for none" end
  if spec.doc then says[#says + 1] = spec.doc end
  return table.concat(says, "; ")
end

local NESTED = { list = true, object = true, map = true }

local function option_of(name, spec, needed)
  local option = { name = name, kind = "any", help = help_of(spec, needed),
    value = WORDS[spec.type], required = needed, spec = spec }
  if spec.type == "flag" or spec.type == "boolean" then
    option.kind = "switch"
  elseif spec.type == "enum" then
    option.of, option.value = spec.of, "WORD"
  elseif spec.type == "list" and type(spec.of) == "table" and not NESTED[spec.of.type] then
    option.list, option.of = true, spec.of.of
    option.value = WORDS[spec.of.type] or "WORD"
  elseif spec.type == "string" then
    option.from_file, option.secret = true, is_secret(name)
    option.help = option.help .. (option.help == "" and "" or "; ")
      .. (option.secret and "- asks for it" or "- reads stdin")
  elseif not WORDS[spec.type] then
    option.kind, option.value = "json", "JSON"
  end
  return option
end

-- The specs of an object's members or of a map's, by name; nil for anything else.
local function members(spec)
  if spec.type == "object" and spec.fields then return spec.fields end
  if spec.type ~= "map" or not spec.names then return nil end
  local made = {}
  for _, name in ipairs(spec.names) do made[name] = spec.of end
  return made
end

-- What is required in an object is needed where the object is.
local function each_option(specs, prefix, needed, into)
  for name, spec in pairs(specs) do
    local inner, needs = members(spec), needed and spec.required == true
    if inner then
      each_option(inner, prefix .. name .. ".", needs, into)
    elseif spec.type ~= "none" then -- that is for another dialect, and cannot be sent
      into[#into + 1] = option_of(prefix .. name, spec, needs)
    end
  end
end

--- The options of a row's fields: what is needed first, then by name.
---@param specs table<string, table>|nil
---@return table[]
function fields.options(specs)
  local list = {}
  each_option(specs or {}, "", true, list)
  table.sort(list, function(a, b)
    if a.required ~= b.required then return a.required end
    return a.name < b.name
  end)
  return list
end

local function put(into, path, value)
  local place = into
  local outer, last = path:match("^(.*)%.([^.]+)$")
  for name in (outer or ""):gmatch("[^.]+") do
    place[name] = place[name] or {}
    place = place[name]
  end
  place[last or path] = value
end

--- What the options say of the fields, as a method takes them.
---@param specs table<string, table>
---@param given table<string, any> by the option's name
---@return table
function fields.collect(specs, given)
  local made = {}
  for _, option in ipairs(fields.options(specs)) do
    local value = given[option.name]
    if value ~= nil and option.list then
      local list = json.array {}
      for _, item in ipairs(value) do
        if item ~= "" then list[#list + 1] = item end
      end
      value = list
    end
    if value ~= nil then put(made, option.name, value) end
  end
  return made
end

return fields
