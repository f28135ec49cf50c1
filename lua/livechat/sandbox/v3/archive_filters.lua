-- SPDX-License-Identifier: MIT
-- The filters of list_archives, list_chats and list_threads: what they look like, and one test.
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local chat_views = require "livechat.sandbox.v3.chat_views"
local extras = require "livechat.sandbox.v3.extras"

local archive_filters = {}

local object, text, list, one_of = schema.object, schema.text, schema.list, schema.one_of
local boolean = schema.boolean

-- RFC 3339 with microseconds and an offset, as the documentation wants it.
local function moment(value)
  local zone = type(value) == "string" and value:match("%.%d%d%d%d%d%d(.+)$")
  if not zone or not (zone == "Z" or zone:find("^[+-]%d%d:%d%d$")) or not today.time(value) then
    return "", "must be a date in RFC 3339 with microseconds"
  end
end

local IDS = list(text(254, 1), 1000)
local GROUPS = list(schema.integer(0, 2 ^ 31), 200)
local CHOOSE = object({ exists = boolean, values = IDS, exclude_values = IDS,
  require_every_value = boolean })
local GOALS = object({ exists = boolean, values = list(schema.integer(0, 2 ^ 31), 1000),
  exclude_values = list(schema.integer(0, 2 ^ 31), 1000), require_every_value = boolean })
local EVENTS = list(one_of({ "message", "file", "filled_form", "form", "rich_message",
  "system_message", "custom", "system" }), 10)
local KINDS = list(one_of({ "human", "chatbot", "ai_agent" }), 3)
local PROPERTIES = schema.map(schema.map(object({ exists = boolean, values = list(schema.any),
  exclude_values = list(schema.any) })))

archive_filters.ARCHIVES = object({ query = text(1000), from = moment, to = moment,
  chat_ids = IDS, thread_ids = list(text(64, 1), 20, 1), group_ids = GROUPS, agents = CHOOSE,
  tags = CHOOSE, sales = CHOOSE, goals = GOALS, customer_countries = CHOOSE,
  properties = PROPERTIES, event_types = object({ values = EVENTS, exclude_values = EVENTS }),
  greetings = GOALS, forms = object({ type = one_of({ "pre_chat", "post_chat" }) }),
  agent_response = object({ exists = boolean, first = boolean, agents = CHOOSE, groups = GOALS }),
  agent_types = object({ all_values = KINDS, any_values = KINDS, exclude_values = KINDS }),
  customer_id = text(64, 1), customer_email = text(254, 1) })
archive_filters.CHATS = object({ active = boolean, include_chats_without_threads = boolean,
  group_ids = GROUPS, properties = PROPERTIES })
archive_filters.THREADS = object({ from = moment, to = moment })

-- Tests ------------------------------------------------------------------------------------------

local function set_of(values)
  local set = {}
  for _, value in ipairs(values) do set[value] = true end
  return set
end

-- exists xor values xor exclude_values, over what a thread has.
local function choose(filter, has)
  local own = set_of(has)
  if filter.exists ~= nil then return (has[1] ~= nil) == filter.exists end
  for _, value in ipairs(filter.exclude_values or {}) do
    if own[value] then return false end
  end
  if not filter.values then return true end
  local count = 0
  for _, value in ipairs(filter.values) do
    if own[value] then count = count + 1 end
  end
  if filter.require_every_value then return count == #filter.values end
  return count > 0
end

local function list_of(records, name)
  local result = {}
  for i, each in ipairs(records or {}) do result[i] = each[name] end
  return result
end

local function said(thread, sides)
  for _, message in ipairs(thread.messages) do
    if sides[message.side] then return true end
  end
  return false
end

-- Each takes the filter's value, the service and the thread.
local TESTS = {}

function TESTS.query(value, _, thread)
  local part = value:lower()
  for _, message in ipairs(thread.messages) do
    if (message.text or ""):lower():find(part, 1, true) then return true end
  end
  return thread.visitor.name:lower():find(part, 1, true) ~= nil
    or (thread.visitor.email or ""):lower():find(part, 1, true) ~= nil
end

function TESTS.from(value, _, thread) return thread.started * 1000 >= today.time(value) end
function TESTS.to(value, _, thread) return thread.started * 1000 < today.time(value) end

function TESTS.chat_ids(value, service, thread)
  return set_of(value)[chat_views.chat_id(service, thread)] ~= nil
end

function TESTS.thread_ids(value, _, thread) return set_of(value)[thread.id] ~= nil end

function TESTS.group_ids(value, _, thread) return choose({ values = value }, thread.groups) end

function TESTS.agents(value, _, thread) return choose(value, list_of(thread.agents, "id")) end
function TESTS.tags(value, _, thread) return choose(value, thread.tags) end
function TESTS.goals(value, _, thread) return choose(value, list_of(thread.goals, "id")) end
function TESTS.greetings(value, _, thread) return choose(value, { thread.greeting }) end

function TESTS.sales(value, _, thread)
  local sales = {}
  for _, goal in ipairs(thread.goals) do
    if goal.type == "sales_tracker" then sales[#sales + 1] = tostring(goal.id) end
  end
  return choose(value, sales)
end

function TESTS.customer_countries(value, _, thread)
  return choose(value, { thread.visitor.country_code })
end

function TESTS.event_types(value, service, thread)
  return choose(value, list_of(chat_views.events(service, thread), "type"))
end

function TESTS.forms(value, _, thread)
  local form = value.type == "post_chat" and thread.postchat or thread.survey
  return form ~= nil and form[1] ~= nil
end

function TESTS.agent_response(value, _, thread)
  local answered = said(thread, { agent = true })
  if value.exists ~= nil and value.exists ~= answered then return false end
  if value.agents and not choose(value.agents, list_of(thread.agents, "id")) then return false end
  return not value.groups or choose(value.groups, thread.groups)
end

-- Every agent here is human.
function TESTS.agent_types(value, _, thread)
  local kinds = thread.agents[1] and { "human" } or {}
  return choose({ values = value.all_values, require_every_value = true }, kinds)
    and choose({ values = value.any_values, exclude_values = value.exclude_values }, kinds)
end

function TESTS.customer_id(value, service, thread)
  return chat_views.customer_id(service, thread.visitor) == value
end

function TESTS.customer_email(value, _, thread)
  return (thread.visitor.email or ""):lower() == value:lower()
end

function TESTS.active(value, _, thread) return (not thread.ended) == value end
function TESTS.include_chats_without_threads() return true end

local function property_fits(filter, value)
  local has = {}
  if value ~= nil then has[1] = value end
  return choose(filter, has)
end

function TESTS.properties(value, service, thread)
  local own = extras.of(service, thread).properties or {}
  local chat = chat_views.chat_of(service, thread).properties
  for namespace, names in pairs(value) do
    for name, filter in pairs(names) do
      local here = (own[namespace] or {})[name]
      if here == nil then here = (chat[namespace] or {})[name] end
      if not property_fits(filter, here) then return false end
    end
  end
  return true
end

--- Whether a thread is what the filters want.
---@param filters table|nil checked
function archive_filters.fits(service, thread, filters)
  for name, value in pairs(filters or {}) do
    if not TESTS[name](value, service, thread) then return false end
  end
  return true
end

local ONE_OF_THREE = { "agents", "tags", "sales", "goals", "customer_countries", "greetings" }

--- What is wrong with filters that are each right by themselves.
---@return string|nil message
function archive_filters.conflict(filters)
  if filters.thread_ids then
    for name in pairs(filters) do
      if name ~= "thread_ids" then return "`filters.thread_ids` must come alone" end
    end
  end
  for _, name in ipairs(ONE_OF_THREE) do
    local filter, count = filters[name] or {}, 0
    for _, part in ipairs({ "exists", "values", "exclude_values" }) do
      if filter[part] ~= nil then count = count + 1 end
    end
    if count > 1 then
      return ("`filters.%s` must have exists, values or exclude_values"):format(name)
    end
  end
end

return archive_filters
