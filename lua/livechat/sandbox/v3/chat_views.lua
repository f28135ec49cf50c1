-- SPDX-License-Identifier: MIT
-- How v3 writes chats, threads, events and the people in them. v3 writes microseconds.
--
-- The events of a thread: the pre-chat survey, the messages, those of other kinds that v3 sent,
-- which v2 does not show, and the system message that ends it. Their ids are the thread's with a
-- number that never changes. A message that v3 sent may hold more than one of v2: its `event` has
-- that.
local json = require "livechat.json"
local today = require "livechat.sandbox.today"
local extras = require "livechat.sandbox.v3.extras"
local Identities = require "livechat.sandbox.identities"

local chat_views = {}

local DECIMALS = 6

function chat_views.date(service, seconds, about)
  return today.date(service, seconds, DECIMALS, about)
end

--- A time as precise as it is shown, for what lists are ordered by.
function chat_views.shown(service, seconds, about)
  return today.shown(service, seconds, DECIMALS, about)
end

local date = chat_views.date

--- Lists of properties hold an object for each namespace, and are objects also while empty.
local function properties(of)
  local result = {}
  for namespace, values in pairs(of or {}) do
    if next(values) ~= nil then result[namespace] = values end
  end
  return result
end

-- Chats and threads ------------------------------------------------------------------------------

--- The chat that a thread belongs to, one for all of its threads.
---@param thread table a chat of chats.lua
---@return table { id=, properties=, threads=<ids, the first one first> }
function chat_views.chat_of(service, thread)
  local own = extras.of(service, thread)
  own.chat = own.chat or { id = thread.id:reverse(), properties = {}, threads = { thread.id } }
  return own.chat
end

--- The id of the chat that a thread belongs to.
function chat_views.chat_id(service, thread)
  return chat_views.chat_of(service, thread).id
end

--- The threads of a chat, the first one first; none where there is no such chat.
---@param id any
---@return table[]
function chat_views.threads(service, id)
  local first = type(id) == "string" and service.chats.by_id[id:reverse()]
  local chat, list = first and chat_views.chat_of(service, first), {}
  if not chat or chat.id ~= id then return list end
  for _, each in ipairs(chat.threads) do list[#list + 1] = service.chats.by_id[each] end
  return list
end

--- One thread of a chat, or nil, an error's type and its message.
---@param fields table { chat_id=, thread_id= }
function chat_views.find_thread(service, fields)
  for _, thread in ipairs(chat_views.threads(service, fields.chat_id)) do
    if thread.id == fields.thread_id then return thread end
  end
  return nil, "not_found", "Thread not found"
end

function chat_views.access(service, thread)
  local ids = json.array()
  for i, id in ipairs(thread.groups) do ids[i] = today.id(service, id) end
  return { group_ids = ids }
end

function chat_views.customer_id(service, visitor)
  return service.identities:of("customer", visitor.id)
end

--- The visitor of a customer's id, or nil, an error's type and its message.
function chat_views.visitor(service, id)
  local all = {}
  for _, visitor in pairs(service.visitors.by_id) do all[#all + 1] = visitor end
  local visitor = service.visitors.by_id[service.identities:key("customer", id, all, "id")]
  if not visitor then return nil, "not_found", "Customer not found" end
  return visitor
end

--- The ids of those who are in a thread, or were.
function chat_views.user_ids(service, thread)
  local list, seen = json.array(), {}
  local function add(id)
    if not seen[id] then list[#list + 1], seen[id] = id, true end
  end
  add(chat_views.customer_id(service, thread.visitor))
  for _, agent in ipairs(thread.agents) do add(agent.id) end
  for _, agent in ipairs(thread.supervisors) do add(agent.id) end
  for _, agent in ipairs(extras.of(service, thread).gone or {}) do add(agent.id) end
  return list
end

-- Events -----------------------------------------------------------------------------------------

local FIELD_TYPES = { name = "name", email = "email", checkbox = "checkbox" }

local function answers_of(field)
  local result = { type = FIELD_TYPES[field.type] or "question", id = field.id,
    label = field.label }
  if field.answers then
    result.answers = json.array()
    for i, each in ipairs(field.answers) do
      if each.chosen then
        result.answers[#result.answers + 1] = { id = ("%d"):format(i - 1), label = each.label }
      end
    end
  else
    result.answer = field.answer or ""
  end
  return result
end

local function survey(service, thread, id)
  local fields = json.array()
  for i, field in ipairs(thread.survey) do fields[i] = answers_of(field) end
  return { id = id, type = "filled_form", form_id = "1002", form_type = "prechat",
    author_id = chat_views.customer_id(service, thread.visitor), visibility = "all",
    created_at = date(service, thread.started, thread.id), fields = fields }
end

local function message(service, thread, from, id)
  local event = { type = "message", text = from.text, visibility = "all" }
  if from.side == "supervisor" then event.visibility = "agents" end
  for name, value in pairs(from.event or {}) do event[name] = value end
  event.id, event.created_at = id, date(service, from.at, thread.id)
  event.author_id = from.side == "visitor" and chat_views.customer_id(service, thread.visitor)
    or from.author.id
  if event.type == "system_message" then event.author_id = nil end
  return event
end

local function closing(service, thread, id)
  return { id = id, type = "system_message", visibility = "all",
    created_at = date(service, thread.ended, thread.id),
    system_message_type = "manual_archived_customer",
    text_vars = { customer = thread.visitor.name },
    text = thread.visitor.name .. " closed the chat" }
end

-- The nth message, and the nth event of another kind.
local function nth_message(service, thread, n)
  return message(service, thread, thread.messages[n], ("%s_%d"):format(thread.id, n + 1))
end

local function nth_other(service, thread, n)
  return message(service, thread, extras.of(service, thread).events[n],
    ("%s_x%d"):format(thread.id, n))
end

--- The last message that was said or, with `other`, the last event of another kind.
function chat_views.last_event(service, thread, other)
  if other then return nth_other(service, thread, #extras.of(service, thread).events) end
  return nth_message(service, thread, #thread.messages)
end

--- A thread's events.
function chat_views.events(service, thread)
  local list, own, others = json.array(), extras.of(service, thread), 1
  if thread.survey and thread.survey[1] then
    list[1] = survey(service, thread, thread.id .. "_1")
  end
  for i = 0, #thread.messages do
    if i > 0 then list[#list + 1] = nth_message(service, thread, i) end
    while own.events and own.events[others] and own.events[others].after == i do
      list[#list + 1] = nth_other(service, thread, others)
      others = others + 1
    end
  end
  if thread.ended then
    list[#list + 1] = closing(service, thread, ("%s_%d"):format(thread.id, #thread.messages + 2))
  end
  for _, event in ipairs(list) do
    local of = own.event_properties and own.event_properties[event.id]
    if of then event.properties = properties(of) end
  end
  return list
end

-- A thread of a chat ------------------------------------------------------------------------------

local function neighbours(service, thread, result)
  local list = chat_views.chat_of(service, thread).threads
  for i, id in ipairs(list) do
    if id == thread.id then
      result.previous_thread_id, result.next_thread_id = list[i - 1], list[i + 1]
      result.previous_accessible_thread_id = list[i - 1]
      result.next_accessible_thread_id = list[i + 1]
    end
  end
end

--- A thread without its events, as summaries have it.
function chat_views.thread_summary(service, thread)
  local own = extras.of(service, thread)
  local result = { id = thread.id, active = not thread.ended,
    created_at = date(service, thread.started, thread.id),
    user_ids = chat_views.user_ids(service, thread), properties = properties(own.properties),
    access = chat_views.access(service, thread) }
  if thread.tags[1] then result.tags = json.array(thread.tags) end
  if not thread.ended and thread.queue then
    result.queue = { position = 1, wait_time = thread.queue,
      queued_at = date(service, thread.started, thread.id) }
  end
  return result
end

function chat_views.thread(service, thread)
  local result, visitor = chat_views.thread_summary(service, thread), thread.visitor
  result.events = chat_views.events(service, thread)
  result.summary = extras.of(service, thread).summary
  neighbours(service, thread, result)
  result.customer_visit = { ip = visitor.ip, user_agent = visitor.user_agent,
    geolocation = chat_views.geolocation(visitor) }
  return result
end

-- People -----------------------------------------------------------------------------------------

function chat_views.geolocation(visitor)
  return { country = visitor.country, country_code = visitor.country_code, region = visitor.region,
    city = visitor.city, timezone = visitor.timezone, latitude = visitor.latitude,
    longitude = visitor.longitude }
end

-- The tickets of each requester, made anew after a ticket has changed.
local function tickets_by_mail(service)
  local memo, tickets = service.v3.tickets or {}, service.tickets
  if memo.tickets ~= tickets or memo.version ~= tickets.version then
    memo = { tickets = tickets, version = tickets.version, by_mail = {} }
    for _, ticket in pairs(tickets.by_id) do
      local mail = ticket.requester.mail:lower()
      memo.by_mail[mail] = memo.by_mail[mail] or {}
      table.insert(memo.by_mail[mail], ticket)
    end
    for _, list in pairs(memo.by_mail) do
      table.sort(list, function(a, b) return a.version < b.version end)
    end
    service.v3.tickets = memo
  end
  return memo.by_mail
end

local function session_fields(visitor)
  local list = json.array()
  for i, each in ipairs(visitor.custom_variables) do
    list[i] = { [each.key] = tostring(each.value) }
  end
  return list
end

--- A customer, who is a visitor; `tickets` leads to HelpDesk.
function chat_views.customer(service, visitor)
  local id, own = chat_views.customer_id(service, visitor), extras.of(service, visitor)
  local tickets = json.array()
  for i, ticket in ipairs(tickets_by_mail(service)[(visitor.email or ""):lower()] or {}) do
    local ticket_id = Identities.ticket(ticket.id)
    tickets[i] = { ticket_id = ticket_id, created_at = date(service, ticket.date, ticket_id) }
  end
  return { id = id, type = "customer", created_at = date(service, visitor.came, id),
    name = visitor.name, email = visitor.email, email_verified = false, present = true,
    avatar = own.avatar, phone_number = own.phone_number, omnichannel = own.omnichannel,
    address = own.address, session_fields = session_fields(visitor),
    visit = { started_at = date(service, visitor.came, id), referrer = visitor.referrer,
      ip = visitor.ip, user_agent = visitor.user_agent,
      geolocation = chat_views.geolocation(visitor),
      last_pages = json.array({ { opened_at = date(service, visitor.came, id), url = visitor.page,
        title = "Your basket" } }) },
    statistics = { chats_count = visitor.chats, threads_count = visitor.chats,
      visits_count = visitor.visits, page_views_count = visitor.views, tickets_count = #tickets },
    tickets = tickets }
end

local function agent(service, reference, thread, present, visibility)
  local known = service.agents.by_login[reference.id]
  return { id = reference.id, type = "agent", name = known and known.name or reference.name,
    email = reference.id, present = present, visibility = visibility,
    avatar = known and "https://" .. known.avatar or "",
    events_seen_up_to = extras.of(service, thread).seen }
end

--- Those who are in a thread, or were.
function chat_views.users(service, thread)
  local list, seen = json.array({ chat_views.customer(service, thread.visitor) }), {}
  local function add(references, present, visibility)
    for _, reference in ipairs(references or {}) do
      if not seen[reference.id] then
        seen[reference.id] = true
        list[#list + 1] = agent(service, reference, thread, present, visibility)
      end
    end
  end
  local active = not thread.ended
  list[1].present = active
  add(thread.agents, active, "all")
  add(thread.supervisors, active, "agents")
  add(extras.of(service, thread).gone, false, "all")
  return list
end

-- Chats ------------------------------------------------------------------------------------------

local function followed(service, thread, login)
  local followers = extras.of(service, thread).followers
  return followers ~= nil and followers[login] == true
end

--- What a chat's properties are, for its deliveries.
function chat_views.chat_properties(service, thread)
  return properties(chat_views.chat_of(service, thread).properties)
end

--- A chat with one of its threads, as get_chat and list_archives have it.
---@param login string who asks
function chat_views.chat(service, thread, login)
  return { id = chat_views.chat_id(service, thread), thread = chat_views.thread(service, thread),
    users = chat_views.users(service, thread), access = chat_views.access(service, thread),
    properties = chat_views.chat_properties(service, thread),
    is_followed = followed(service, thread, login) }
end

--- A chat as list_chats has it; in 3.7 `last_thread_info` takes the place of the summary and holds
-- the last events.
function chat_views.summary(service, thread, login, version)
  local last = {}
  for _, event in ipairs(chat_views.events(service, thread)) do
    last[event.type] = { thread_id = thread.id, event = event,
      thread_created_at = date(service, thread.started, thread.id) }
  end
  local summary = chat_views.thread_summary(service, thread)
  local result = { id = chat_views.chat_id(service, thread),
    users = chat_views.users(service, thread), access = chat_views.access(service, thread),
    properties = chat_views.chat_properties(service, thread),
    is_followed = followed(service, thread, login) }
  if version == "3.7" then
    summary.last_event_per_type = last
    result.last_thread_info = summary
  else
    result.last_event_per_type, result.last_thread_summary = last, summary
  end
  return result
end

return chat_views
