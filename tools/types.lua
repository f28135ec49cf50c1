-- SPDX-License-Identifier: MIT
--- Writes library/livechat.lua, the definitions for the Lua language server: the resources and
--- records from the dialects' data, the rest from the annotations in the sources.
---
---     eval "$(make -s env LUA_VERSION=5.4)" && lua5.4 tools/types.lua
package.path = "./?.lua;" .. package.path
local dialects = require "tools.dialects"

local FUNCTIONS = { "init", "client", "api/page", "events/receiver", "events/drain" }

-- Whose functions are public, and the class to which they belong; a folder's `drain.drain` is the
-- receiver's own.
local OWNERS = { livechat = "livechat", Client = "Client", Page = "Page", Receiver = "Receiver" }
local HIDDEN = { ["Receiver:verify"] = true, ["Receiver:knows"] = true,
  ["Receiver:refuse_size"] = true }
local HEAD = [[
-- SPDX-License-Identifier: MIT
---@meta livechat
-- Written by `make pages`; do not edit it. For the Lua language server: name this folder in
-- "workspace.library" of .luarc.json.

---@class livechat
---@field _VERSION string
local livechat = {}

---@class livechat.GroupRef
---@field id integer|string
---@field name? string

---@class livechat.Person
---@field id? string
---@field name? string
---@field mail? string

---@class livechat.Page<T>: { [integer]: T }
---@field page integer
---@field pages? integer
---@field total? integer
local Page = {}

---@class livechat.Receiver
local Receiver = {}

---@alias livechat.Redis table|fun(): table a connection of redis-lua or lua-resty-redis

---@class livechat.Throttle made by livechat.throttle; several clients may be given one
]]

-- ---- from the sources --------------------------------------------------------------------------

local function read(path)
  local file = assert(io.open(path, "r"))
  local text = file:read("*a")
  file:close()
  return text
end

--- The comments of a file that are annotations: { text, code = <the line below> }.
local function blocks(text)
  local list, block = {}, {}
  for line in text:gmatch("([^\n]*)\n") do
    if line:find("^%-%-%-") then
      block[#block + 1] = line
    else
      if #block > 0 then
        list[#list + 1] = { text = table.concat(block, "\n"), code = line }
      end
      block = {}
    end
  end
  return list
end

local function add_function(out, block)
  local owner, mark, name, arguments = block.code:match("^function (%w+)([.:])([%a][%w_]*)%((.*)%)")
  if block.code:find("^function drain%.") then -- drain.drain(self, given)
    owner, mark, name, arguments = "Receiver", ":", block.code:match("%.(%w+)%(self, (.*)%)")
  end
  if owner and OWNERS[owner] and not HIDDEN[owner .. mark .. name] then
    out[#out + 1] = ("%s\nfunction %s%s%s(%s) end\n"):format(block.text, OWNERS[owner], mark, name,
      arguments)
  end
end

--- Every class and alias of the sources by its name, as it is annotated there.
local function annotated()
  local found = {}
  local pipe = assert(io.popen("find lua/livechat -name '*.lua' -not -path '*/sandbox/*' "
    .. "-not -path '*/cli/*' | LC_ALL=C sort"))
  for path in pipe:lines() do
    for _, block in ipairs(blocks(read(path))) do
      local text = block.text:match("%-%-%-@class livechat%..*$")
        or block.text:match("%-%-%-@alias livechat%..*$")
      if text then found[text:match("livechat%.%w+")] = text end
    end
  end
  pipe:close()
  return found
end

--- Adds the classes that are named and not defined, and those that they name.
local function add_named(out)
  local found, text = annotated(), table.concat(out, "\n")
  local defined = {}
  for name in text:gmatch("%-%-%-@class (livechat%.%w+)") do defined[name] = true end
  for name in text:gmatch("%-%-%-@alias (livechat%.%w+)") do defined[name] = true end
  local function add_all(given)
    for name in given:gmatch("livechat%.%u%w*") do
      if not defined[name] and found[name] then
        defined[name] = true
        out[#out + 1] = found[name] .. "\n"
        add_all(found[name])
      end
    end
  end
  add_all(text)
end

-- ---- from the dialects -------------------------------------------------------------------------

local function once(list, value)
  for _, known in ipairs(list) do
    if known == value then return end
  end
  list[#list + 1] = value
end

--- What several dialects say of one name, as lists of what each of them says.
local function merged()
  local classes = {}
  local function class(name)
    classes[name] = classes[name] or { members = {} }
    return classes[name].members
  end
  return classes, function(name, member, kind, api)
    local members = class(name)
    members[member] = members[member] or { types = {}, apis = {} }
    once(members[member].types, kind)
    once(members[member].apis, api.name)
  end, class
end

local function name_of_key(name)
  return name:find("^%a[%w_]*$") and name or '["' .. name .. '"]'
end

local function camel(name)
  return (("_" .. name):gsub("_(%w)", string.upper))
end

-- A union of many texts stands in an alias below its class, a text a line.
local function write_enum(out, name, kind)
  out[#out + 1] = ("---@alias %s\n---| %s\n"):format(name, (kind:gsub("|", "\n---| ")))
end

local function write_classes(out, classes, count)
  for _, name in ipairs(dialects.names(classes)) do
    local members, enums = classes[name].members, {}
    out[#out + 1] = "---@class " .. name
    for _, member in ipairs(dialects.names(members)) do
      local about = members[member]
      local only = #about.apis < count and " " .. table.concat(about.apis, ", ") .. " only" or ""
      local kind = table.concat(about.types, "|")
      if #kind > 60 and kind:find('^"') then
        kind, enums[name .. camel(member)] = name .. camel(member), kind
      end
      out[#out + 1] = ("---@field %s%s %s%s"):format(name_of_key(member),
        about.required == count and "" or "?", kind, only)
    end
    out[#out + 1] = ""
    for _, enum in ipairs(dialects.names(enums)) do write_enum(out, enum, enums[enum]) end
  end
end

local function class_of_fields(resource, row)
  return ("livechat.%s%s%s"):format(camel(resource), camel(row.name),
    row.fields and "Fields" or row.value and "Item" or "Filter")
end

-- The type of what a method takes as a list, by its class_of_fields.
local values = {}

--- The classes of the tables that methods take, and of the tables in those.
local function field_classes(apis)
  local classes, add, class = merged()
  local fill
  local function kind_of(name, spec, api)
    if spec.type == "object" and spec.fields then
      fill(name, spec.fields, api)
      return name
    elseif spec.type == "list" then
      return "(" .. kind_of(name, spec.of, api) .. ")[]"
    elseif spec.type == "map" then
      return "table<string, " .. kind_of(name, spec.of, api) .. ">"
    end
    return dialects.type_of(spec)
  end
  function fill(name, fields, api)
    class(name)
    for member, spec in pairs(fields) do
      add(name, member, kind_of(name .. camel(member), spec, api), api)
      local about = class(name)[member]
      about.required = (about.required or 0) + (spec.required and 1 or 0)
    end
  end
  for _, api in ipairs(apis) do
    for resource, rows in pairs(api.resources) do
      for _, row in ipairs(rows) do
        local name, fields = class_of_fields(resource, row), row.fields or row.query
        if fields then fill(name, fields, api) end
        if row.value then values[name] = kind_of(name, row.value.spec, api) end
      end
    end
  end
  return classes
end

local function record_classes(apis)
  local classes, add, class = merged()
  for _, api in ipairs(apis) do
    for kind, data in pairs(api.records) do
      if kind ~= "event" then
        class(dialects.class(api, kind))
        for member, reading in pairs(data.members) do
          add(dialects.class(api, kind), member, select(2, dialects.reading(api, reading)), api)
        end
      end
    end
  end
  return classes
end

--- By resource and method: its annotations and its signature; the first dialect's where they agree.
local function signature(api, resource, row)
  local out, arguments = {}, dialects.arguments(row)
  for _, name in ipairs(arguments) do
    local kind = "string|integer"
    if name == arguments.last then
      kind = class_of_fields(resource, row)
      kind = values[kind] or kind
    end
    out[#out + 1] = ("---@param %s%s %s"):format(name,
      name == arguments.last and row.query and "?" or "", kind)
  end
  local _, kind = dialects.returns(api, row)
  if kind == "true, any" then
    out[#out + 1] = "---@return true|nil done\n"
      .. "---@return any result what the service said, or the error"
  else
    out[#out + 1] = ("---@return %s|nil\n---@return livechat.Error|nil err"):format(kind)
  end
  return table.concat(out, "\n"), table.concat(arguments, ", "), kind
end

-- What a row says of itself, in lines of a comment.
local function doc_of(row)
  local lines, line = {}, "---"
  for word in (row.doc or row.name):gmatch("%S+") do
    if #line + #word >= 96 then
      lines[#lines + 1], line = line, "---"
    end
    line = line .. " " .. word
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n")
end

-- What walks a list, and what gives the new ones of it.
local function walks(out, class, resource, row, kind)
  local item = kind:match("Page<(.*)>") or kind:gsub("%[%]$", "")
  out[#out + 1] = ("--- each one of the whole list, once; raises what goes wrong\n"
    .. "---@param filter? %s\n---@return fun(): %s|nil\nfunction %s:each(filter) end\n")
    :format(class_of_fields(resource, row), item, class)
  if row.moments and row.moments.created then
    out[#out + 1] = ("--- each new one, once over restarts, for ever; raises what goes wrong\n"
      .. "---@param options %s|{ state: string, poll?: number } `state`: the path of a file\n"
      .. "---@return fun(): %s\nfunction %s:watch(options) end\n")
      :format(class_of_fields(resource, row), item, class)
  end
end

local function resources(out, apis)
  local seen = {}
  for _, api in ipairs(apis) do
    for _, resource in ipairs(dialects.names(api.resources)) do
      local class = camel(resource)
      if not seen[resource] then
        out[#out + 1] = ("---@class livechat.%s\nlocal %s = {}\n"):format(class, class)
        seen[resource] = {}
      end
      for _, row in ipairs(api.resources[resource]) do
        if not seen[resource][row.name] then
          seen[resource][row.name] = true
          local notes, arguments, kind = signature(api, resource, row)
          out[#out + 1] = ("%s\n%s\nfunction %s:%s(%s) end\n"):format(doc_of(row), notes, class,
            row.name, arguments)
          if row.walk and not seen[resource].each then
            seen[resource].each = true
            walks(out, class, resource, row, kind)
          end
        end
      end
    end
  end
  out[#out + 1] = "---@class livechat.Client"
  for _, resource in ipairs(dialects.names(seen)) do
    out[#out + 1] = ("---@field %s livechat.%s"):format(resource, camel(resource))
  end
  out[#out + 1] = "local Client = {}\n"
end

-- The methods of every record and what they give, %s for the record.
local RECORD = { { "totable", "table" }, { "raw", "table" }, { "discard", "%s" },
  { "reload", "%s|nil" }, { "save", "%s|nil" } }

local function find_row(api, resource, name)
  for _, row in ipairs(api.resources[resource] or {}) do
    if row.name == name then return row end
  end
end

-- A record's own method, as the first dialect has it that has it.
local function record_method(out, api, data, row)
  local short, arguments = data.name:match("[^.]*$"), dialects.arguments(row)
  local notes = signature(api, data.resource, row)
  notes = notes:gsub("^%-%-%-@param %w+ string|integer\n", "") -- the record's own id
  table.remove(arguments, 1)
  out[#out + 1] = ("%s\n%s\nfunction %s:%s(%s) end\n"):format(doc_of(row), notes, short, row.name,
    table.concat(arguments, ", "))
end

--- The methods that a record has, in whatever dialect.
local function record_methods(out, apis)
  local seen = {}
  for _, api in ipairs(apis) do
    for _, kind in ipairs(dialects.names(api.records)) do
      local data = api.records[kind]
      local short = data.name and data.name:match("[^.]*$")
      if data.name and not seen[data.name] then
        seen[data.name] = {}
        out[#out + 1] = ("---@class %s\nlocal %s = {}\n"):format(data.name, short)
        for _, method in ipairs(RECORD) do
          local kind_of = method[2]:gsub("%%s", data.name)
          out[#out + 1] = ("---@return %s%s\nfunction %s:%s() end\n"):format(kind_of,
            kind_of:find("nil") and "\n---@return livechat.Error|nil err" or "", short, method[1])
        end
      end
      local own = { "update" }
      for _, name in ipairs(data.methods or {}) do own[#own + 1] = name end
      for _, name in ipairs(data.name and own or {}) do
        local row = find_row(api, data.resource, name)
        if row and not seen[data.name][name] then
          seen[data.name][name] = true
          record_method(out, api, data, row)
        end
      end
    end
  end
end

--- The whole file.
local function definitions()
  local apis, out = dialects.all(), { HEAD }
  write_classes(out, record_classes(apis), #apis)
  write_classes(out, field_classes(apis), #apis)
  record_methods(out, apis)
  resources(out, apis)
  for _, source in ipairs(FUNCTIONS) do
    for _, block in ipairs(blocks(read("lua/livechat/" .. source .. ".lua"))) do
      add_function(out, block)
    end
  end
  add_named(out)
  out[#out + 1] = "return livechat\n"
  return (table.concat(out, "\n"):gsub("\n\n\n+", "\n\n"):gsub(" +\n", "\n"))
end

if arg and arg[0] and arg[0]:find("tools/types%.lua$") then
  local text = definitions() -- before the file is emptied
  os.execute("mkdir -p library")
  local file = assert(io.open("library/livechat.lua", "w"))
  file:write(text)
  file:close()
end

return definitions
