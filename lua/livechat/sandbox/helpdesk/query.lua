-- SPDX-License-Identifier: MIT
-- The query of GET /tickets: filters, order, pages and cursors.
--
-- A cursor is the place after (next.*) or before (prev.*) a row: the row's time in the order asked
-- for, and its ID, which decides between equal times. A ticket that is made, removed or changed
-- meanwhile moves no other ticket over the cursor.
local json = require "livechat.json"
local dates = require "livechat.sandbox.dates"
local form = require "livechat.sandbox.form"
local today = require "livechat.sandbox.today"
local views = require "livechat.sandbox.helpdesk.views"
local Identities = require "livechat.sandbox.identities"

local query = {}

local SILOS = { tickets = true, archive = true, trash = true, spam = true }
local STATUSES = { open = true, pending = true, onhold = true, solved = true, closed = true }
local PRIORITIES = { ["-10"] = -10, ["0"] = 0, ["10"] = 10, ["20"] = 20 }
local SORTS = {
  createdAt = function(ticket) return ticket.date end,
  updatedAt = function(ticket) return ticket.modified end,
  lastMessageAt = views.last_message,
}

-- Dates ------------------------------------------------------------------------------------------

local UNITS = { n = 60, h = 3600, d = 86400, H = 3600, D = 86400 }

-- `months` from a time, which may be that of a month's start alone.
local function months_away(seconds, months, from_start)
  local year, month, day, rest = tonumber(os.date("!%Y", seconds)),
    tonumber(os.date("!%m", seconds)) + months, tonumber(os.date("!%d", seconds)), seconds % 86400
  year, month = year + math.floor((month - 1) / 12), (month - 1) % 12 + 1
  if from_start then day, rest = 1, 0 end
  local start
  repeat -- there is no 31st of June: the last day there is
    start = dates.day(("%04d-%02d-%02d"):format(year, month, day))
    day = day - 1
  until start or day == 0
  return start and start + rest
end

--- Reads a date: RFC 3339, a day, or relative to now as `-2d`, `+3h`, or to the start of the hour,
-- day or month as `-1M`.
---@return integer|nil milliseconds
function query.date(text, now)
  if type(text) ~= "string" then return nil end
  local sign, count, unit = text:match("^([+-])(%d%d?%d?%d?)([nhdmHDM])$")
  if not sign then
    local day = dates.day(text)
    return day and day * 1000 or today.time(text)
  end
  local steps, seconds = tonumber(sign .. count), math.floor(now)
  if unit == "m" or unit == "M" then
    local away = months_away(seconds, steps, unit == "M")
    return away and away * 1000
  end
  if unit:find("%u") then seconds = seconds - seconds % UNITS[unit] end
  return (seconds + steps * UNITS[unit]) * 1000
end

-- Filters ----------------------------------------------------------------------------------------

local function holds(text, part)
  return type(text) == "string" and text:lower():find(part, 1, true) ~= nil
end

local function in_text(ticket, part)
  if holds(ticket.subject, part) or holds(ticket.id, part) or holds(ticket.requester.mail, part)
    or holds(ticket.requester.name, part) then
    return true
  end
  for _, event in ipairs(ticket.events) do
    if holds(event.message, part) then return true end
  end
  return false
end

-- Each takes the parameter's value and the service and gives a test, or nil and what is wrong.
local FILTERS = {}

function FILTERS.status(value)
  if not STATUSES[value] then
    return nil, "must be one of [open, pending, onhold, solved, closed]"
  end
  return function(ticket) return views.status(ticket) == value end
end

function FILTERS.query(value)
  if type(value) ~= "string" then return nil, "must be a string" end
  local part = value:lower()
  return function(ticket) return in_text(ticket, part) end
end

function FILTERS.subject(value)
  if type(value) ~= "string" then return nil, "must be a string" end
  local part = value:lower()
  return function(ticket) return holds(ticket.subject, part) end
end

function FILTERS.priority(value)
  local wanted = PRIORITIES[value]
  if not wanted then return nil, "must be one of [-10, 0, 10, 20]" end
  return function(ticket) return (ticket.priority or 0) == wanted end
end

function FILTERS.shortID(value)
  if type(value) ~= "string" then return nil, "must be a string" end
  local id = value:upper()
  return function(ticket) return ticket.id == id end
end

-- requester[email]=a@b.c, or requester={"email":"a@b.c"}
function FILTERS.requester(value)
  if type(value) == "string" then value = json.decode(value) end
  local mail = type(value) == "table" and value.email
  if type(mail) ~= "string" or next(value, (next(value))) ~= nil then
    return nil, "must be of type object with email"
  end
  mail = mail:lower()
  return function(ticket) return ticket.requester.mail:lower() == mail end
end

local function any_of(key_of, list_of)
  return function(value, service)
    if not json.is_array(value) then return nil, "must be an array" end
    local wanted = {}
    for _, id in ipairs(value) do
      local key = key_of(service, id)
      if key then wanted[key] = true end
    end
    return function(ticket)
      for _, each in ipairs(list_of(ticket)) do
        if wanted[each] then return true end
      end
      return false
    end
  end
end

FILTERS.teamIDs = any_of(function(service, id)
  return service.identities:key("team", id, service.groups.list_of, "id")
end, function(ticket) return ticket.groups end)

FILTERS.tagIDs = any_of(function(service, id)
  return service.identities:key("tag", id, service.tags.list_of, "name")
end, function(ticket) return ticket.tags end)

local function milliseconds(seconds)
  return math.floor(seconds * 1000 + 0.5)
end

local function range(name, read)
  FILTERS[name .. "From"] = function(value, _, now)
    local from = query.date(value, now)
    if not from then return nil, "must be a valid date" end
    return function(ticket) return milliseconds(read(ticket)) >= from end
  end
  FILTERS[name .. "To"] = function(value, _, now)
    local to = query.date(value, now)
    if not to then return nil, "must be a valid date" end
    return function(ticket) return milliseconds(read(ticket)) < to end
  end
end

range("createdDate", SORTS.createdAt)
range("updatedDate", SORTS.updatedAt)
range("lastMessage", SORTS.lastMessageAt)

-- What is no filter of its own; `silo` goes by itself.
local OTHERS = { silo = true, sortBy = true, order = true, pageSize = true, page = true,
  eventsScope = true, priorityOp = true, ["next.value"] = true, ["next.ID"] = true,
  ["prev.value"] = true, ["prev.ID"] = true }

local function whole(value, least, most)
  local number = type(value) == "string" and #value < 10 and value:find("^%d+$") and tonumber(value)
  return number and number >= least and number <= most and math.floor(number) or nil
end

local function cursor(given, side)
  local value, id = given[side .. ".value"], given[side .. ".ID"]
  if value == nil and id == nil then return nil end
  local time = today.time(value)
  if not time then return nil, side .. ".value", "must be a valid date" end
  if type(id) ~= "string" or not Identities.ticket_id(id) then
    return nil, side .. ".ID", "must be a valid ID"
  end
  return { time = time, id = id:lower() }
end

local function choice(given, name, values, default)
  local value = given[name] == nil and default or given[name]
  if type(value) == "string" and values[value] then return value end
end

-- The members of the answer that are no filter; or nil, a parameter and what is wrong with it.
local function form_of(given)
  local asked = { silo = choice(given, "silo", SILOS, "tickets"),
    sort = choice(given, "sortBy", SORTS, "createdAt"),
    order = choice(given, "order", { asc = true, desc = true }, "desc"),
    scope = choice(given, "eventsScope", { none = true, full = true }, "none"),
    op = choice(given, "priorityOp", { eq = true }, "eq"),
    size = whole(given.pageSize or "20", 1, 100), page = whole(given.page or "1", 1, 1e9) }
  for name, member in pairs({ silo = "silo", sortBy = "sort", order = "order",
    eventsScope = "scope", priorityOp = "op", pageSize = "size", page = "page" }) do
    if not asked[member] then return nil, name, "is not one of the allowed values" end
  end
  for _, side in ipairs({ "next", "prev" }) do
    local place, name, message = cursor(given, side)
    if name then return nil, name, message end
    asked[side] = place
  end
  return asked
end

--- Reads the query.
---@param text string as sent
---@return table|nil asked
---@return string|nil name the parameter that is wrong
---@return string|nil message
function query.read(service, text, now)
  local given, wrong = form.decode(text)
  if not given then return nil, "query", wrong end
  local asked, name, message = form_of(given)
  if not asked then return nil, name, message end
  asked.tests = {}
  local names = {}
  for each in pairs(given) do names[#names + 1] = each end
  table.sort(names)
  for _, each in ipairs(names) do
    if FILTERS[each] then
      local test
      test, message = FILTERS[each](given[each], service, now)
      if not test then return nil, each, message end
      asked.tests[#asked.tests + 1] = test
    elseif not OTHERS[each] then
      return nil, each, "is not allowed"
    end
  end
  -- The question without its place: the pages of a walk ask it again.
  local key = { asked.silo, asked.sort, asked.order, tostring(service.options.today.dates) }
  for _, each in ipairs(names) do
    if FILTERS[each] then
      local value = given[each]
      local relative = type(value) == "string" and value:find("^[+-]")
      key[#key + 1] = { each, value, relative and math.floor(now) or nil }
    end
  end
  asked.key = json.encode(key)
  return asked
end

-- Rows -------------------------------------------------------------------------------------------

local function matches(ticket, asked)
  if views.silo(ticket) ~= asked.silo then return false end
  for i = 1, #asked.tests do
    if not asked.tests[i](ticket) then return false end
  end
  return true
end

local function before(a, b)
  if a.time ~= b.time then return a.time < b.time end
  return a.id < b.id
end

-- Every ticket that matches, in the order asked for: { time=, id=, ticket= }.
local function rows(service, asked, now)
  local tickets, memo = service.tickets, service.helpdesk.memo
  local index = asked.silo == "trash" and tickets:in_trash() or tickets:find(nil, nil, now)
  if memo.key == asked.key and memo.tickets == tickets and memo.shown == tickets.shown then
    return memo.rows
  end
  local found, read = {}, SORTS[asked.sort]
  for _, ticket in ipairs(index) do
    if matches(ticket, asked) then
      local id = Identities.ticket(ticket.id)
      found[#found + 1] = { ticket = ticket, id = id,
        time = today.shown(service, read(ticket), views.DECIMALS, id) }
    end
  end
  local ascending = asked.order == "asc"
  table.sort(found, function(a, b)
    if ascending then return before(a, b) end
    return before(b, a)
  end)
  service.helpdesk.memo = { key = asked.key, tickets = tickets, shown = tickets.shown,
    rows = found }
  return found
end

-- How many rows come before a place, the row at the place itself among them with `with`.
local function count_before(found, place, ascending, with)
  local low, high = 0, #found
  while low < high do
    local middle = math.floor((low + high) / 2)
    local row = found[middle + 1]
    local first, second = row, place
    if not ascending then first, second = place, row end
    local earlier = before(first, second)
    if earlier or with and not before(second, first) then low = middle + 1 else high = middle end
  end
  return low
end

--- The page that is asked for.
---@param asked table from `read`
---@return table[] tickets
---@return integer total of all that match, wherever the page is
function query.page(service, asked, now)
  local found, ascending = rows(service, asked, now), asked.order == "asc"
  local from, to = 1, #found
  if asked.next then from = count_before(found, asked.next, ascending, true) + 1 end
  if asked.prev then
    to = count_before(found, asked.prev, ascending, false)
    if not asked.next then from = math.max(1, to - asked.size + 1) end
  end
  from = from + (asked.page - 1) * asked.size
  local shown = {}
  for place = from, math.min(from + asked.size - 1, to) do
    shown[#shown + 1] = found[place].ticket
  end
  return shown, #found
end

return query
