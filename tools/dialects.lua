-- SPDX-License-Identifier: MIT
--- What the dialects' data says, in the words of the reference and in the types of the language
--- server: whatever rows there are. tools/reference.lua and tools/types.lua write with it.
local dialects = {}

--- The names of a table, sorted.
function dialects.names(given)
  local list = {}
  for name in pairs(given or {}) do list[#list + 1] = name end
  table.sort(list, function(a, b) return tostring(a) < tostring(b) end)
  return list
end

--- Every dialect that there is below lua/livechat/api/, by its folder's name.
---@return table[]
function dialects.all()
  local pipe = assert(io.popen("ls lua/livechat/api/*/init.lua | LC_ALL=C sort"))
  local list = {}
  for path in pipe:lines() do
    list[#list + 1] = require("livechat.api." .. path:match("api/(.-)/init%.lua$"))
  end
  pipe:close()
  assert(#list > 0, "no dialect: run it in the folder of the checkout")
  return list
end

-- ---- methods -----------------------------------------------------------------------------------

--- The names of a method's arguments, in order; the last may be the table that it takes.
function dialects.arguments(row)
  local list = {}
  for name in not row.args and (row.path or ""):gmatch("{([%w_]+)}") or function() end do
    list[#list + 1] = name
  end
  for _, argument in ipairs(row.args or {}) do
    list[#list + 1] = type(argument) == "table" and argument[1] or argument
  end
  list.last = row.value and row.value.name .. "s" or row.fields and "fields"
    or row.query and "filter" or nil
  list[#list + 1] = list.last
  return list
end

local function camel(name)
  return (("_" .. name):gsub("_(%w)", string.upper))
end

--- The class of a kind of thing, as the language server knows it.
function dialects.class(api, kind)
  return api.records[kind].name or "livechat." .. camel(kind)
end

--- What a method gives: "Ticket", "list of Agent", "Page of Ticket", "true, result".
function dialects.returns(api, row)
  local answer = api.answers[row.returns] or {}
  if not answer.kind then return "true, result", "true, any" end
  local class = dialects.class(api, answer.kind)
  local name = api.records[answer.kind].name and class:match("[^.]*$")
    or answer.kind:gsub("_", " ")
  if row.pick or not (answer.list or answer.page) then return name, class end
  if answer.page then return "Page of " .. name, "livechat.Page<" .. class .. ">" end
  return "list of " .. name, class .. "[]"
end

-- ---- fields ------------------------------------------------------------------------------------

local function code(list)
  return "`" .. table.concat(list, "` `") .. "`"
end

local function bounds(spec)
  return (spec.min and " from " .. spec.min or "") .. (spec.max and " to " .. spec.max or "")
end

local WORDS = {}

local function words(spec)
  return (WORDS[spec.type] or function() return spec.type end)(spec)
end

function WORDS.string(spec)
  return (spec.one_line and "one line of text" or "text")
    .. ((spec.min or 0) > 1 and (", %d or more characters"):format(spec.min) or "")
end
function WORDS.email() return "e-mail address" end
function WORDS.url() return "http or https URL" end
function WORDS.date() return "date, `2026-01-31`" end
function WORDS.time() return "time of day, `08:30`" end
function WORDS.integer(spec) return "whole number" .. bounds(spec) end
function WORDS.flag() return "`true` or `false`" end
function WORDS.group() return "a group's id, or a group with its `id`" end
function WORDS.enum(spec) return "one of " .. code(spec.of) end
function WORDS.id() return "id" end
function WORDS.scalar() return "text, number or boolean" end
function WORDS.boolean() return "`true` or `false`" end
function WORDS.file() return "path, or `{ name =, data = }`" end
function WORDS.none() return "refused: this API has none" end
function WORDS.some(spec) return words(spec.of) .. ", or a list of them" end
function WORDS.list(spec) return "list of: " .. words(spec.of) end
function WORDS.object(spec) return "table of " .. code(dialects.names(spec.fields)) end
function WORDS.map(spec)
  return (spec.names and "by " .. code(spec.names) or "by name") .. ": " .. words(spec.of)
end

local function describe(spec, required, prefix)
  local text = (required and "**required**; " or "") .. words(spec)
  if spec.required and not required and prefix ~= "" then
    text = text .. "; wanted where `" .. prefix:sub(1, -2) .. "` is given"
  end
  for name, value in pairs(spec.only_with or {}) do
    text = text .. ("; only where `%s` beside it is `%s`"):format(name, tostring(value))
  end
  if spec.allowed_by then
    for _, value in ipairs(dialects.names(spec.allowed_by.of)) do
      text = text .. ("; for `%s`: %s"):format(value, code(spec.allowed_by.of[value]))
    end
  end
  return text
end

--- Every field of a table that a method takes, those of its objects by their paths, the required
--- ones first: { { name=, text=, required= }, … }.
function dialects.fields(fields)
  local list = {}
  local function add(specs, prefix, required)
    for name, spec in pairs(specs) do
      local must = required and spec.required
      if spec.type == "object" and spec.fields then
        add(spec.fields, prefix .. name .. ".", must)
      else
        list[#list + 1] = { name = prefix .. name, text = describe(spec, must, prefix),
          required = must or false }
      end
    end
  end
  add(fields or {}, "", true)
  table.sort(list, function(a, b)
    if a.required ~= b.required then return a.required end
    return a.name < b.name
  end)
  return list
end

local TYPES = {
  string = "string", email = "string", url = "string", date = "string", time = "string",
  integer = "integer", flag = "boolean|0|1", group = "integer|string|livechat.GroupRef",
}

--- The type of a field that is no table, for the language server.
function dialects.type_of(spec)
  if spec.type == "enum" then
    return '"' .. table.concat(spec.of, '"|"') .. '"'
  end
  return TYPES[spec.type] or "any"
end

-- ---- what is read ------------------------------------------------------------------------------

-- How a reading of read.lua is told, and its type.
local READINGS = {
  time = { "timestamp, `2026-01-31T08:15:00.000Z`", "string" }, id = { "id, text", "string" },
  text = { "text", "string" }, string = { "text", "string" },
  integer = { "whole number", "integer" }, boolean = { "`true` or `false`", "boolean" },
  groups = { "list of `{ id, name }`", "livechat.GroupRef[]" },
  group = { "`{ id, name }`", "livechat.GroupRef" },
  person = { "`{ id, name, mail, … }`", "livechat.Person" },
  scalar = { "text or number", "string|number|boolean" },
}

--- How a member of a record is told, and its type.
---@return string words
---@return string type
function dialects.reading(api, reading)
  if type(reading) == "table" then
    local text, kind = dialects.reading(api, reading.list or reading.map)
    if reading.list then return "list of: " .. text, "(" .. kind .. ")[]" end
    return "by name: " .. text, "table<string, " .. kind .. ">"
  elseif READINGS[reading] then
    return READINGS[reading][1], READINGS[reading][2]
  elseif api.records[reading] then
    return "[" .. reading:gsub("_", " ") .. "](#" .. api.name .. "-" .. reading:gsub("_", "-")
      .. ")", dialects.class(api, reading)
  end
  return "as it comes", "any"
end

return dialects
