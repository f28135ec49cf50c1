-- SPDX-License-Identifier: MIT
--- How a record is written on the wire. The service was met writing the same thing in several ways;
--- `variants` picks one of them for every answer:
---   docs     epoch integers, groups as integers, absent members left out: the documentation's
---   objects  ISO dates, groups as objects, a null for a missing URL: the webhooks' and connector's
---   strings  every number as a string of digits, a date too
---   php      ISO dates with milliseconds, [] for an empty object, null for what is absent
---   mixed    one of these for each record, by its id
--   gaps     as docs, and each list of a record is an object, as PHP writes a list with gaps:
--            {"0":"a","2":"b"}
local json = require "livechat.json"
local dates = require "livechat.sandbox.dates"

local views = {}

local function whole(number)
  return math.floor(number)
end

local function digits(number)
  return ("%d"):format(math.floor(number))
end

local STYLES = {
  docs = { date = whole, number = whole },
  objects = { date = dates.iso, number = whole, group_objects = true, null_url = true,
    license_id = true },
  gaps = { date = whole, number = whole, gaps = true },
  strings = { date = digits, number = digits },
  php = { date = dates.iso_milliseconds, number = whole, group_objects = true, nulls = true,
    empty_arrays = true, api_key = true },
}
local MIXED = { "docs", "objects", "strings", "php" }

---@return boolean
function views.known(variants)
  return STYLES[variants] ~= nil or variants == "mixed"
end

--- How a record is written: { date=, number=, … } as above.
---@param service table
---@param id string|number
function views.style(service, id)
  local variants = service.options.variants
  if variants ~= "mixed" then return STYLES[variants] end
  id = tostring(id)
  local sum = 0
  for i = 1, #id do sum = sum + id:byte(i) end
  return STYLES[MIXED[sum % #MIXED + 1]]
end

local style_of = views.style

local function copy(record)
  local result = {}
  for name, value in pairs(record) do result[name] = value end
  return result
end

local function group_list(ids, style, service, always_objects)
  local list = json.array()
  for i, id in ipairs(ids) do
    if style.group_objects or always_objects then
      list[i] = { id = style.number(id), name = service.groups:name(id) }
    else
      list[i] = style.number(id)
    end
  end
  return list
end

local function source(from, style)
  local result = copy(from)
  if style.nulls or style.null_url then result.url = result.url or json.null end
  if style.nulls then result.id = result.id or json.null end
  return result
end

local function event(from, style)
  local result = copy(from)
  result.date, result.team = style.date(from.date), nil
  if from.source then
    result.source = { type = from.source.type, url = from.source.url }
    if style.null_url or style.nulls then result.source.url = from.source.url or json.null end
  end
  return result
end

local function ticket(from, style, service)
  local events, opened = json.array(), json.array()
  for _, each in ipairs(from.events) do -- v2 has two kinds of events
    if each.type == "message" or each.type == "assignee_changed" and each.to then
      events[#events + 1] = event(each, style)
    end
  end
  for i, each in ipairs(from.opened) do
    opened[i] = { from = style.date(each.from), to = each.to and style.date(each.to) }
  end
  local requester = copy(from.requester)
  if style.nulls then requester.ip = requester.ip or json.null end
  return {
    id = from.id, subject = from.subject, status = from.status, requester = requester,
    assignee = from.assignee or style.nulls and json.null or nil,
    groups = group_list(from.groups, style, service), source = source(from.source, style),
    tags = json.array(from.tags), events = events, opened = opened,
    date = style.date(from.date), modified = style.date(from.modified),
    firstResponse = style.empty_arrays and json.array() or {},
  }
end

---@param from table a ticket of tickets.lua
---@param service table
function views.ticket(from, service)
  return ticket(from, style_of(service, from.id), service)
end

--- The form that webhooks deliver: fewer members, objects for groups, ISO dates, and more of the
-- requester.
function views.ticket_in_event(from, service)
  local result = ticket(from, STYLES.objects, service)
  result.date, result.modified, result.opened, result.firstResponse = nil, nil, nil, nil
  result.requester.utc_offset = result.requester.utc_offset or service.options.timezone
  for i, group in ipairs(result.groups) do group.inherited = from.groups[i] == 0 end
  return result
end

---@param tickets table[] the tickets of the page
function views.ticket_page(tickets, pages, total, service)
  local style, list = style_of(service, "page"), json.array()
  for i, each in ipairs(tickets) do list[i] = views.ticket(each, service) end
  return { pages = style.number(pages), total = style.number(total), tickets = list }
end

--- What a list of agents holds of each.
function views.agent_in_list(from, service)
  local style, group_ids = style_of(service, from.login), json.array()
  for i, id in ipairs(from.groups) do group_ids[i] = style.number(id) end
  return { login = from.login, name = from.name, permission = from.permission,
    status = from.status, avatar = from.avatar, group_ids = group_ids }
end

---@param from table an agent of agents.lua
---@param service table
function views.agent(from, service)
  local style = style_of(service, from.login)
  local notifications = {}
  for name, value in pairs(from.notifications) do notifications[name] = style.number(value) end
  local result = copy(from)
  result.notifications = notifications
  result.groups = group_list(from.groups, style, service, true)
  for _, name in ipairs({ "daily_summary", "max_chats_count", "last_logout" }) do
    result[name] = style.number(from[name])
  end
  if from.work_scheduler then
    result.work_scheduler = {}
    for day, hours in pairs(from.work_scheduler) do
      result.work_scheduler[day] = copy(hours)
      result.work_scheduler[day].enabled = style.number(hours.enabled)
    end
  elseif style.empty_arrays then
    result.work_scheduler = json.array()
  end
  -- Answers of 2013 to 2017 carried a key: a client must never show a whole agent.
  if style.api_key then result.api_key = ("0123456789abcdef"):rep(2) end
  if style.license_id then result.license_id = service.options.license_id end
  return result
end

-- `inside` a record every list that holds anything gets a gap after its first item.
local function with_gaps(value, inside)
  if type(value) ~= "table" then return value end
  local list = json.is_array(value)
  if list and #value == 0 then return value end
  local result = list and not inside and json.array() or {}
  for name, member in pairs(value) do
    local key = list and inside and ("%d"):format(name == 1 and 0 or name) or name
    result[key] = with_gaps(member, inside or not list)
  end
  return result
end

--- Writes lists with gaps, where the variant is "gaps".
---@param value any a record, a list of records, or a page of them
function views.finish(value, service)
  if service.options.variants ~= "gaps" or type(value) ~= "table" then return value end
  local page, result = value.id == nil and (value.tickets or value.chats or value.events), {}
  if not json.is_array(page) then return with_gaps(value, false) end
  for name, member in pairs(value) do result[name] = with_gaps(member, false) end
  return result
end

return views
