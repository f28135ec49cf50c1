-- SPDX-License-Identifier: MIT
--- client.agents, client.tickets, client.webhooks: methods made from a dialect's data.
local client = require "livechat.client"
local core = require "livechat.core"
local errors = require "livechat.errors"
local json = require "livechat.json"
local pages = require "livechat.api.walk_pages"
local reconcile = require "livechat.api.lost_create"
local records = require "livechat.api.record"
local request = require "livechat.call.request"
local retry = require "livechat.call.retry"
local schema = require "livechat.api.check"

local resources = {}

-- ---- answers ---------------------------------------------------------------------------------

--- What is wrong with an answer; `fields` are those that it does not tell itself.
local function answer_error(answer, spec, fields)
  fields.method, fields.path, fields.status = spec.verb, answer.path, answer.status
  fields.attempts, fields.seconds = answer.attempts, answer.seconds
  return errors.new(fields)
end

local function protocol_error(conn, answer, spec, problem)
  return answer_error(answer, spec, {
    kind = "protocol", message = problem, body = conn:hide(answer.body), outcome = "unknown",
  })
end

local Page = {}
Page.__index = Page

-- By page: the client, and the filter that it was listed with.
local origins = setmetatable({}, { __mode = "k" })

local function same_tickets(a, b)
  for i = 1, math.max(#a, #b) do
    if a[i] ~= b[i] then
      return false
    end
  end
  return true
end

--- The page after this one; nil after the last, nil and an error where it cannot be had.
---@return livechat.Page|nil page
---@return livechat.Error|nil err
function Page:next()
  if self.pages and self.page >= self.pages or #self == 0 then
    return nil
  end
  local origin = origins[self]
  local filter = records.copy(origin.filter)
  filter.page = self.page + 1
  local page, err = origin.owner.tickets:list(filter)
  if page and not self.pages and same_tickets(page, self) then
    return nil -- a service that does not know pages answers the same to every one
  end
  return page, err
end

local read = {}

function read.agent(dialect, decoded, owner)
  return dialect.agent(decoded, owner)
end

function read.ticket(dialect, decoded, owner)
  return dialect.ticket(decoded, owner)
end

function read.agents(dialect, decoded, owner)
  local list = {}
  for i = 1, #decoded do
    list[i] = dialect.agent(decoded[i], owner)
  end
  return list
end

function read.page(dialect, decoded, owner, filter)
  local list = setmetatable({
    page = filter.page or 1, pages = schema.count(decoded.pages),
    total = schema.count(decoded.total),
  }, Page)
  origins[list] = { owner = owner, filter = filter }
  for i = 1, #decoded.tickets do
    list[i] = dialect.ticket(decoded.tickets[i], owner)
  end
  return list
end

function read.hooks(dialect, decoded)
  local list = {}
  for i = 1, #decoded do
    list[i] = dialect.shapes:read("hook", decoded[i])
  end
  return list
end

function read.result(_, decoded)
  return true, schema.plain(decoded.result)
end

-- ---- methods made from data ------------------------------------------------------------------

local SAFE = { GET = true, PUT = true, DELETE = true }

-- Whether the call may be repeated although it may have acted.
local function is_safe(spec, body)
  for _, name in ipairs(spec.once or {}) do
    if body and body[name] ~= nil then
      return false
    end
  end
  return SAFE[spec.verb] or false
end

--- Performs the call of a method: the answer's useful part, or nil and an error.
---@return table|nil value
---@return livechat.Error|nil err
---@return table|nil answer the whole of it
local function perform(conn, spec, args, query, body, due)
  local answer, err = conn:call {
    method = spec.verb, path = spec.path, args = args, query = query, body = body,
    safe = is_safe(spec, body), due = due,
  }
  if not answer then
    return nil, err
  end
  local value, problem = records.dialect(conn.api).shapes:shape(spec.returns, answer.decoded)
  if not value then
    return nil, protocol_error(conn, answer, spec, problem)
  end
  return value, nil, answer
end

--- The names of the path's arguments, in order.
local function path_arguments(path)
  local names = {}
  for name in path:gmatch("{([%w_]+)}") do
    names[#names + 1] = name
  end
  return names
end

local function check_table(value, name, fname)
  if type(value) ~= "table" then
    errors.raise_argument(name, fname, "table expected, got " .. type(value))
  end
end

local function check_id(value, name, fname)
  if type(value) ~= "string" and type(value) ~= "number" then
    errors.raise_argument(name, fname, "string expected, got " .. type(value))
  end
end

--- What a method's arguments are, checked: path arguments, then the last table if it takes one.
---@return table|nil args by name
---@return table|livechat.Error fields as they are sent, or the error
local function arguments(spec, names, fname, ...)
  local args = {}
  for i, name in ipairs(names) do
    local value = select(i, ...)
    check_id(value, name, fname)
    args[name] = value
  end
  local last = select(#names + 1, ...)
  if spec.value then
    check_table(last, spec.value.name .. "s", fname)
    local value, err = schema.value(spec.value.spec, last, spec.value.name .. "s")
    if not value then
      return nil, err
    end
    return args, { [spec.value.name] = value }
  elseif spec.fields then
    check_table(last, "fields", fname)
  elseif last ~= nil then
    check_table(last, "filter", fname)
  else
    return args, {}
  end
  local fields, err = schema.check(spec.fields or spec.query or {}, last or {})
  if not fields then
    return nil, err
  end
  return args, fields
end

local function renamed(fields, names)
  for from, to in pairs(names or {}) do
    fields[to], fields[from] = fields[from], nil
  end
  return fields
end

-- ---- updates that keep what they do not name --------------------------------------------------

--- A ticket's tags as they are sent; nil where they are no list of texts.
local function tags_of(ticket)
  local tags, made = ticket.tags, json.array {}
  if tags ~= nil and not json.is_array(tags) then
    return nil
  end
  for i, tag in ipairs(tags or {}) do
    if type(tag) ~= "string" then
      return nil
    end
    made[i] = tag
  end
  return made
end

--- Adds what the service wants or would clear: the ticket's own tags and requester.
---@return table|nil present the ticket as it was, or an empty table where it did not matter
---@return livechat.Error|nil err
local function carry(owner, conn, get, args, fields, due)
  local mail = fields.requester and fields.requester.mail
  if fields.tags and mail then
    return {}
  end
  local value, err, answer = perform(conn, get, args, nil, nil, due)
  if not value then
    return nil, err
  end
  local present = records.dialect(conn.api).ticket(value, owner)
  fields.tags = fields.tags or tags_of(present)
  if not fields.tags then
    return nil, protocol_error(conn, answer, get, "an update would clear the ticket's tags, " ..
      "which are not a list of texts")
  elseif not mail then
    local requester = present.requester
    fields.requester = fields.requester or {}
    fields.requester.mail = type(requester) == "table" and requester.mail or nil
  end
  return present
end

local function count_message(ticket, message)
  local count = 0
  for _, event in ipairs(type(ticket.events) == "table" and ticket.events or {}) do
    if type(event) == "table" and reconcile.same_text(event.message, message) then
      count = count + 1
    end
  end
  return count
end

local function same_set(a, b)
  local set, other = {}, {}
  for _, value in ipairs(a) do
    set[value] = true
  end
  for _, value in ipairs(type(b) == "table" and b or {}) do
    other[value] = true
    if not set[value] then
      return false
    end
  end
  for value in pairs(set) do
    if not other[value] then
      return false
    end
  end
  return true
end

-- Addresses are compared as such.
local SAME = {
  ["requester.mail"] = reconcile.same_address, ["assignee.id"] = reconcile.same_address,
}

--- The names of the given fields that the ticket of the answer does not show, sorted. `present` is
--- the ticket before the update, as far as it is known.
local function not_taken(given, present, ticket)
  local missing = {}
  local function check(name, taken)
    if not taken then
      missing[#missing + 1] = name
    end
  end
  for name, value in pairs(given) do
    if name == "message" then
      check(name, count_message(ticket, value) > count_message(present, value))
    elseif name == "tags" then
      check(name, same_set(value, ticket.tags))
    elseif type(value) == "table" then
      local shown = type(ticket[name]) == "table" and ticket[name] or {}
      for member, wanted in pairs(value) do
        local path = name .. "." .. member
        check(path, (SAME[path] or reconcile.same_text)(shown[member], wanted))
      end
    else
      check(name, reconcile.same_text(ticket[name], value))
    end
  end
  table.sort(missing)
  return missing
end

local function ignored_error(answer, spec, ignored)
  return answer_error(answer, spec, {
    kind = "rejected", ignored = ignored, outcome = "refused",
    message = "the service did not take " .. table.concat(ignored, ", "),
  })
end

-- ---- a ticket whose answer was lost -----------------------------------------------------------

local function server_date(answer)
  local date = request.header(answer.headers, "Date")
  return date and retry.http_date(date, core.now())
end

--- Looks for the ticket that a create may have made; its answer, or nil where it is not found in
--- time. `due` is when the whole call has to end.
local function look_for(conn, list, wanted, token, began, due)
  local now = core.clock()
  -- A tenth of what is left of the deadline is for the answer to the last look.
  local limit = math.min(conn.reconcile, 0.9 * ((due or math.huge) - now))
  local ends = now + limit
  conn.ledger:lost(token)
  for pause in reconcile.schedule(limit) do
    if not conn:sleep(math.min(pause, math.max(0, ends - core.clock()))) then
      return nil
    end
    local page, _, answer = perform(conn, list, {}, reconcile.filter(wanted, began),
      nil, math.min(due or math.huge, math.max(ends, core.clock() + 1)))
    if conn.closed then
      return nil
    elseif page and not conn.ledger:is_contended(token) then
      local found = reconcile.match(page.tickets, wanted, {
        since = reconcile.since(began, core.now(), server_date(answer)),
        ledger = conn.ledger, time = core.time,
      })
      if found then
        return found
      end
    end
  end
end

--- A create whose answer was lost is never sent again: the ticket is looked for.
local function create(conn, spec, list, args, fields)
  local token, began, due = conn.ledger:begin(fields), core.now(), conn:due()
  local value, err = perform(conn, spec, args, nil, fields, due)
  if not value and err.outcome == "unknown" and conn.reconcile and not conn.closed then
    value = look_for(conn, list, fields, token, began, due)
    if not value and conn.closed then
      err = answer_error(err, spec, {
        kind = "closed", message = "the client was closed while it looked for the ticket",
        outcome = "unknown",
      })
    end
  end
  conn.ledger:finish(token, value and value.id)
  return value, err
end

-- ---- the resources ----------------------------------------------------------------------------

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

--- The one of a list of webhooks that was just registered.
local function among(shapes, hooks, fields)
  for i = #hooks, 1, -1 do
    local hook = hooks[i]
    if hook.url == fields.url and hook.event_type == fields.event_type then
      return shapes:read("hook", hook)
    end
  end
end

local function update(owner, conn, resource, spec, args, fields)
  local given, due = records.copy(fields), conn:due()
  local present, err = carry(owner, conn, resource.get, args, fields, due)
  if not present then
    -- What was lost is a read: the update itself was not sent.
    err.outcome = err.outcome == "unknown" and "not_sent" or err.outcome
    return nil, err
  end
  local value, failed, answer = perform(conn, spec, args, nil, renamed(fields, spec.rename), due)
  if not value then
    return nil, failed
  end
  local ticket = records.dialect(conn.api).ticket(value, owner)
  local ignored = not_taken(given, present, ticket)
  if #ignored > 0 then
    return nil, ignored_error(answer, spec, ignored)
  end
  return ticket
end

--- A method made from its data.
local function method(resource, spec)
  local fname, names = resource.name .. ":" .. spec.name, path_arguments(spec.path)
  return function(self, ...)
    local here = context(self, fname)
    local args, fields = arguments(spec, names, fname, ...)
    if not args then
      return nil, fields
    end
    if spec.carry then
      return update(here.client, here.conn, resource, spec, args, fields)
    end
    local value, err, answer
    if spec.reconcile then
      value, err = create(here.conn, spec, resource.list, args, fields)
    elseif spec.query then
      value, err, answer = perform(here.conn, spec, args, fields)
    else
      local body = (spec.fields or spec.value) and fields or nil
      value, err, answer = perform(here.conn, spec, args, nil, body)
    end
    if not value then
      return nil, err
    end
    if spec.among then
      local one = among(records.dialect(here.conn.api).shapes, value, fields)
      if not one then
        return nil, protocol_error(here.conn, answer, spec, "the answer lacks the new webhook")
      end
      return one
    end
    return read[spec.returns](records.dialect(here.conn.api), value, here.client, fields)
  end
end

--- Epoch seconds of a ticket's creation, nil where it does not tell.
local function created_at(ticket)
  local opened, events = ticket.opened, ticket.events
  local first = type(opened) == "table" and type(opened[1]) == "table" and opened[1].from
  first = first or (type(events) == "table" and type(events[1]) == "table" and events[1].date)
  local stamp = type(ticket.date) ~= "userdata" and ticket.date or first
  return (type(stamp) == "string" or type(stamp) == "number") and core.time(stamp) or nil
end

local function modified_at(ticket)
  local stamp = ticket.modified
  return (type(stamp) == "string" or type(stamp) == "number") and core.time(stamp) or nil
end

--- tickets:each: a walk over every page. Raises what goes wrong, as io.lines does.
local function each(resource)
  local fname = resource.name .. ":each"
  return function(self, ...)
    local here = context(self, fname)
    local args, filter = arguments(resource.list, {}, fname, ...)
    if not args then
      errors.throw(filter)
    end
    local function fetch(page, order)
      local query = records.copy(filter)
      query.page, query.order = page, order or filter.order
      local value, err, answer = perform(here.conn, resource.list, args, query)
      if not value then
        return nil, err
      end
      local list = value.tickets
      list.pages, list.total = schema.count(value.pages), schema.count(value.total)
      list.date = server_date(answer)
      return list
    end
    local dialect = records.dialect(here.conn.api)
    local read_id = dialect.shapes.kinds.ticket.id
    local next_ticket = pages.each(fetch, {
      id = function(ticket) return read_id(ticket.id) end,
      modified = modified_at, created = created_at,
      order = filter.order, page = filter.page,
    })
    return function()
      local ticket = next_ticket()
      return ticket and dialect.ticket(ticket, here.client)
    end
  end
end

local made = setmetatable({}, { __mode = "k" })

--- The methods of every resource of a dialect, by its name.
local function methods_of(api)
  if made[api] then
    return made[api]
  end
  made[api] = {}
  for name, specs in pairs(api.resources) do
    local resource, methods = { name = name }, {}
    for _, spec in ipairs(specs) do
      if spec.name == "list" or spec.name == "get" then
        resource[spec.name] = spec
      end
    end
    for _, spec in ipairs(specs) do
      methods[spec.name] = method(resource, spec)
      if spec.each then
        methods.each = each(resource)
      end
    end
    made[api][name] = methods
  end
  return made[api]
end

--- Gives a client its resources.
function resources.attach(self, conn, api)
  conn.ledger = reconcile.ledger(core.clock)
  for name, methods in pairs(methods_of(api)) do
    self[name] = setmetatable({ [CONTEXT] = { client = self, conn = conn } }, { __index = methods })
  end
end

return resources
