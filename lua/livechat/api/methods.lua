-- SPDX-License-Identifier: MIT
--- The methods of a client's resources, each made from its row of a dialect's data.
local check = require "livechat.api.check"
local client = require "livechat.client"
local compose = require "livechat.api.compose"
local core = require "livechat.core"
local errors = require "livechat.errors"
local operation = require "livechat.api.operation"
local page = require "livechat.api.page"
local reconcile = require "livechat.api.reconcile"
local record = require "livechat.api.record"
local unknown = require "livechat.options".unknown
local walk_cursor = require "livechat.api.walk_cursor"
local walk_pages = require "livechat.api.walk_pages"

local methods = {}

-- ---- arguments ---------------------------------------------------------------------------------

--- The names of a method's arguments in their order, of those that go into the body, and which of
--- them may be left out.
---@param row table
---@return string[] names
---@return table<string, string> in_body
---@return table<string, boolean> optional
function methods.argument_names(row)
  local names, in_body, optional = {}, {}, {}
  for name in not row.args and row.path:gmatch("{([%w_]+)}") or function() end do
    names[#names + 1] = name
  end
  for i, argument in ipairs(row.args or {}) do
    local name, place = argument, nil
    if type(argument) == "table" then
      name, place = argument[1], argument[2]
      optional[name] = argument.optional
    end
    names[i] = name
    in_body[name] = place and (place:match("^body:(.+)$") or name)
  end
  return names, in_body, optional
end

local function check_type(wanted, value, name, fname)
  if type(value) ~= wanted then
    errors.raise_argument(name, fname, wanted .. " expected, got " .. type(value))
  end
end

local function check_id(value, name, fname)
  if type(value) ~= "string" and type(value) ~= "number" then
    errors.raise_argument(name, fname, "string expected, got " .. type(value))
  end
end

--- What the row is for these arguments, where it has one for each value of one of them.
local function variant_of(row, args)
  if not row.variants then
    return row
  end
  local value = args[row.variants.by]
  local variant = row.variants.of[value]
  if not variant then
    local names = {}
    for name in pairs(row.variants.of) do
      names[#names + 1] = name
    end
    return nil, errors.invalid(row.variants.by, unknown(value, names, row.variants.what))
  end
  return variant
end

-- A value that stands alone as the last argument, and the options that may stand behind it.
local function check_last(row, last, options, fname)
  local is_list = row.value.spec.type == "list"
  local name = is_list and row.value.name .. "s" or row.value.name
  check_type(is_list and "table" or "string", last, name, fname)
  local value, err = check.value(row.value.spec, last, name)
  local fields
  if not err then
    if options ~= nil then check_type("table", options, "options", fname) end
    fields, err = check.fields(row.options or {}, options or {})
  end
  if err then
    return nil, err
  end
  fields[row.value.name] = value
  return fields
end

--- What a method's arguments are, checked: ids, then the last table if it takes one.
---@return table|nil args by name
---@return table|livechat.Error fields as they are sent, or the error
---@return table|nil row that is called
local function arguments(row, names, optional, fname, ...)
  local args = {}
  for i, name in ipairs(names) do
    local value = select(i, ...)
    if value == nil and row.defaults then
      value = row.defaults[name]
    end
    if value ~= nil or not optional[name] then check_id(value, name, fname) end
    args[name] = value
  end
  local last, options = select(#names + 1, ...)
  local called, err = variant_of(row, args)
  local fields
  if not called then
    return nil, err
  elseif called.value then
    fields, err = check_last(called, last, options, fname)
  else
    if called.fields or last ~= nil then
      check_type("table", last, called.fields and "fields" or "filter", fname)
    end
    fields, err = check.fields(called.fields or called.query or {}, last or {})
  end
  if not fields then
    return nil, err
  end
  return args, fields, called
end

-- ---- methods -----------------------------------------------------------------------------------

local CONTEXT = {} -- the key under which a resource keeps its client and connection

local function context(self, fname)
  local found = type(self) == "table" and rawget(self, CONTEXT)
  if not found then
    errors.raise_argument("self", fname, "call it with a colon")
  elseif found.conn.closed then
    errors.raise_argument("self", fname, client.CLOSED)
  end
  return found
end

--- The one of a list that was just made: the last that has the same fields.
local function pick(list, fields, names)
  for i = #list, 1, -1 do
    local same = true
    for _, name in ipairs(names) do
      same = same and list[i][name] == fields[name]
    end
    if same then
      return list[i]
    end
  end
end

-- Makes the call of a row, however it has to be made.
local function call(op, here, args, fields)
  local row, dialect = op.row, op.dialect
  if row.run then
    function op.page(_, found, filter)
      return page.of(here, op, found, filter, op:made(row.returns, found))
    end
    return row.run(op, args, fields)
  end
  local value, err, answer
  if row.lost then
    value, err = op:create(args, fields)
  elseif not row.in_body and (row.query or not (row.fields or row.value or next(fields))) then
    value, err, answer = op:perform(row, args, row.query and fields)
  else
    value, err, answer = op:perform(row, args, nil, fields)
  end
  if not value then
    return nil, err
  elseif row.pick then
    local one = pick(value, fields, row.pick)
    if not one then
      return nil, op:protocol_error(answer, "the answer lacks what was made")
    end
    return dialect:thing(dialect.api.answers[row.returns].kind, one, op.client)
  elseif dialect.api.answers[row.returns].page then
    return page.of(here, op, value, fields, dialect:one(row.returns, value, op.client))
  end
  return dialect:one(row.returns, value, op.client)
end

-- What the arguments are, as `arguments`. A field that is another API's is said to be that.
local function arguments_of(here, row, names, optional, fname, ...)
  local args, fields, called = arguments(row, names, optional, fname, ...)
  local knowing = here.conn.knowing
  if not args and fields.field and knowing then
    local api = not check.knows(row.fields or row.query or {}, fields.field)
      and knowing(fname, fields.field)
    if api then
      fields.message = ("is a field of API %s; this client speaks %s (option 'api')"):format(
        api.other, api.own)
    end
  end
  return args, fields, called
end

--- A method made from its row.
local function method(dialect, rows, fname, row)
  local names, in_body, optional = methods.argument_names(row)
  return function(self, ...)
    local here = context(self, fname)
    local args, fields, called = arguments_of(here, row, names, optional, fname, ...)
    if not args then
      return nil, fields
    end
    for name, place in pairs(in_body) do
      fields[place], args[name] = args[name], nil
    end
    return call(operation.new(here, dialect, rows, called), here, args, fields)
  end
end

--- Calls a resource's method with what a delivery brought instead of the account's credentials.
---@param self livechat.Client
---@param api table the dialect's data
---@param place { resource: string, method: string }
---@param key livechat.Key
---@param fname string how a mistake names it
function methods.with_key(self, api, place, key, fname, ...)
  local here, row = context(self[place.resource], fname), nil
  for _, each in ipairs(api.resources[place.resource]) do
    row = each.name == place.method and each or row
  end
  local names, _, optional = methods.argument_names(row)
  local args, fields, called = arguments(row, names, optional, fname, ...)
  if not args then
    return nil, fields
  end
  for name, value in pairs(key.fields) do
    fields[name] = value
  end
  local op = operation.new(here, record.dialect(api), {}, called)
  op.key = key
  return call(op, here, args, fields)
end

-- ---- whole lists -------------------------------------------------------------------------------

-- What fetches a page of a list, by number or by token.
local function fetcher(here, dialect, rows, row, filter)
  if row.fetch then
    return function(place)
      return row.fetch(operation.new(here, dialect, rows, row), filter, place)
    end
  end
  return function(place, order)
    local query = record.copy(filter)
    if row.walk == "cursor" then
      query[row.cursor] = place
    else
      query.page, query.order = place, order or filter.order
    end
    local op = operation.new(here, dialect, rows, row)
    local value, err, answer
    if not row.in_body then
      value, err, answer = op:perform(row, {}, query)
    else
      value, err, answer = op:perform(row, {}, nil, query)
    end
    if not value then
      return nil, err
    end
    value.date = reconcile.server_date(answer)
    return value
  end
end

--- each: a walk over every page. Raises what goes wrong, as io.lines does.
local function each(dialect, rows, fname, row)
  local kind = dialect.api.answers[row.returns].kind
  local id_name = dialect.api.answers[row.returns].id
  local read_id = dialect.reader:member(kind)
  local id_of = row.identity or function(thing)
    local id = read_id(id_name, thing[id_name])
    return (type(id) == "string" or type(id) == "number") and tostring(id) or nil
  end
  local function moment(name)
    return function(thing) return row.moments[name](thing, core.time) end
  end
  return function(self, ...)
    local here = context(self, fname)
    local args, filter = arguments_of(here, row, {}, {}, fname, ...)
    if not args then
      errors.throw(filter)
    end
    local fetch = fetcher(here, dialect, rows, row, filter)
    local next_thing
    if row.walk == "cursor" then
      next_thing = walk_cursor.each(fetch, id_of)
    else
      next_thing = walk_pages.each(fetch, { id = id_of,
        modified = moment "modified", created = moment "created",
        order = filter.order, page = filter.page,
        keeps_place = row.moments.keeps_place,
        loses = row.moments.loses and row.moments.loses(filter),
        most = row.reach and row.reach.most,
        beyond = function(total) return page.beyond_reach(row, total) end })
    end
    return function()
      local thing = next_thing()
      return thing and dialect:thing(kind, thing, here.client)
    end
  end
end

-- ---- resources ---------------------------------------------------------------------------------

local made = setmetatable({}, { __mode = "k" })

-- The methods of a resource of one dialect, each as { row =, call = }.
local function methods_in(dialect, name, list, into)
  local rows = {}
  for _, row in ipairs(list) do
    rows[row.name] = row
  end
  for _, row in ipairs(list) do
    compose.add(into, row.name, row, method(dialect, rows, name .. ":" .. row.name, row))
    if row.walk then
      compose.add(into, "each", row, each(dialect, rows, name .. ":each", row))
    end
    local created = row.walk and row.moments and row.moments.created
    if created then
      compose.add(into, "watch", row, function(self, given)
        local fname = name .. ":watch"
        return require "livechat.api.watch".each(context(self, fname), created, given, fname)
      end)
    end
  end
end

--- The methods of every resource of some dialects, by its name.
local function methods_of(dialects)
  if made[dialects] then
    return made[dialects]
  end
  local resources = {}
  for _, api in ipairs(dialects) do
    local dialect = record.dialect(api)
    for name, list in pairs(api.resources) do
      resources[name] = resources[name] or {}
      methods_in(dialect, name, list, resources[name])
    end
  end
  for name, parts in pairs(resources) do
    resources[name] = compose.methods(parts)
  end
  made[dialects] = resources
  return resources
end

--- Gives a client its resources.
---@param self livechat.Client
---@param conn livechat.Connection
---@param dialects table[] their data
function methods.attach(self, conn, dialects)
  for name, own in pairs(methods_of(dialects)) do
    local here = { client = self, conn = conn, methods = own }
    here.resource = setmetatable({ [CONTEXT] = here }, { __index = function(_, method_name)
      if own[method_name] == nil and type(method_name) == "string" then
        conn.lacks(name, method_name)
      end
      return own[method_name]
    end })
    self[name] = here.resource
  end
end

return methods
