-- SPDX-License-Identifier: MIT
-- v2's reports, computed from the chats that have ended and the tickets that there are. A handler
-- answers a value, or nil, a status and a body.
local json = require "livechat.json"
local periods = require "livechat.sandbox.v2.periods"
local filters = require "livechat.sandbox.v2.filters"
local checks = require "livechat.sandbox.v2.checks"
local chat_filters = require "livechat.sandbox.v2.chat_filters"

local reports = {}

local function round(number)
  return math.floor(number * 100 + 0.5) / 100
end

-- What is counted: each item is { at=, … } and passes `matches` ------------------------------

local function any_agent(record, login)
  if record.messages then return chat_filters.is_agent(record, login) end
  return record.assignee ~= nil and record.assignee.id == login
end

local function in_group(record, id)
  return checks.contains(record.groups, checks.whole(id))
end

local MAKERS = { group = filters.group, agent = filters.text(any_agent),
  tag = filters.any_of("tag", filters.tagged), groups = filters.any_of("groups", in_group),
  agents = filters.any_of("agents", any_agent) }

local function always() return true end

local function ended_chats(service)
  local list = {}
  for _, chat in ipairs(service.chats:all()) do
    if chat.ended then list[#list + 1] = chat end
  end
  return list
end

local function all_tickets(service)
  local list = {}
  for _, ticket in pairs(service.tickets.by_id) do list[#list + 1] = ticket end
  return list
end

-- The records that a query asks for, whatever their time.
local function matching(service, query, records)
  local matches, _, errors = filters.read(service, { group = query.group, agent = query.agent,
    tag = query.tag, groups = query.groups, agents = query.agents }, MAKERS, always)
  if errors then return nil, errors end
  local found = {}
  for _, record in ipairs(records) do
    if not matches or matches(record) then found[#found + 1] = record end
  end
  return found
end

-- Rows ---------------------------------------------------------------------------------------

--- Makes a handler that answers a row for each part of the period.
---@param records fun(service: table): table[] what is filtered
---@param events fun(record: table, query: table): { at: number }[] what of a record is counted
---@param write fun(events: table[], period: table, part: table): any the row of a part
local function rows(records, events, write)
  return function(service, call)
    local found, errors = matching(service, call.query, records(service))
    if not found then return nil, 400, { errors = errors } end
    local all, first = {}, nil
    for _, record in ipairs(found) do
      for _, event in ipairs(events(record, call.query)) do
        all[#all + 1] = event
        if not first or event.at < first then first = event.at end
      end
    end
    local period, wrong = periods.read(service, call.query, first, call.now)
    if not period then return nil, 400, { errors = wrong } end
    local placed = {}
    for _, event in ipairs(all) do
      local label = period.place(event.at)
      if label then
        placed[label] = placed[label] or {}
        table.insert(placed[label], event)
      end
    end
    local result = {}
    for _, part in ipairs(period.parts) do
      result[part.label] = write(placed[part.label] or {}, period, part)
    end
    return result
  end
end

local function count(events, test)
  local number = 0
  for _, event in ipairs(events) do
    if not test or test(event) then number = number + 1 end
  end
  return number
end

local function with_dates(row, part)
  row.begin, row["end"] = part.begins, part.ends
  return row
end

local function mean(events)
  local sum = 0
  for _, event in ipairs(events) do sum = sum + event.seconds end
  return #events > 0 and sum / #events or nil
end

-- Chats --------------------------------------------------------------------------------------

local function chat_event(chat)
  return { { at = chat.started, chat = chat } }
end

local function is_not_replied(event)
  for i, message in ipairs(event.chat.messages) do
    if i > 1 and message.side == "agent" then return false end
  end
  return true
end

local function ratings(events, part, key)
  return with_dates({
    good = count(events, function(event) return event[key].rate == "rated_good" end),
    bad = count(events, function(event) return event[key].rate == "rated_bad" end),
  }, part)
end

-- How long each answer of an agent took; `only_first` for the first one.
local function answers(only_first)
  return function(chat)
    local list, asked = {}, nil
    for _, message in ipairs(chat.messages) do
      if message.side == "visitor" then
        asked = asked or message.at
      elseif message.side == "agent" and asked and not (only_first and list[1]) then
        list[#list + 1] = { at = message.at, seconds = message.at - asked }
        asked = nil
      end
    end
    return list
  end
end

local function response_row(name)
  return function(events)
    local seconds = mean(events)
    return { [name] = { count = #events, seconds = seconds and round(seconds) or json.null } }
  end
end

-- Hours a day or, of one day, minutes an hour.
local function time_row(seconds, period)
  if period.single and period.group_by == "hour" then return { minutes = round(seconds / 60) } end
  return { hours = round(seconds / 3600) }
end

-- An agent was available from the first chat's start to the last one's end.
local function availability_row(events, period)
  local from, to
  for _, event in ipairs(events) do
    from = math.min(from or event.at, event.at)
    to = math.max(to or 0, event.chat.ended)
  end
  return time_row(from and to - from or 0, period)
end

local function chatting_row(events, period)
  local seconds = 0
  for _, event in ipairs(events) do seconds = seconds + event.chat.ended - event.at end
  return time_row(seconds, period)
end

local function wanted(value, own)
  return value == nil or checks.whole(value) == own
end

local function goal_events(chat, query)
  local list = {}
  for _, goal in ipairs(chat.goals) do
    local sale = query.sales_tracker == nil
      or goal.type == "sales_tracker" and wanted(query.sales_tracker, goal.id)
    if wanted(query.goal, goal.id) and sale
      and (query.currency == nil or goal.order.currency == query.currency) then
      list[#list + 1] = goal
    end
  end
  return list
end

local function greeting_events(chat, query)
  if not chat.greeting or not wanted(query.greeting, chat.greeting) then return {} end
  return { { at = chat.started, shown = chat.shown, goals = #goal_events(chat, query) } }
end

local function greeting_row(events, _, part)
  local row = { displayed = 0, accepted = #events, goals = 0 }
  for _, event in ipairs(events) do
    row.displayed, row.goals = row.displayed + event.shown, row.goals + event.goals
  end
  return with_dates(row, part)
end

-- The queue ----------------------------------------------------------------------------------

-- Those who got a chat, and those who left; both have groups, as filters want.
local function queue(service)
  local list = {}
  for _, chat in ipairs(ended_chats(service)) do
    if chat.queue then
      list[#list + 1] = { at = chat.started, seconds = chat.queue, entered = true,
        groups = chat.groups, tags = chat.tags, messages = {}, agents = chat.agents }
    end
  end
  for _, each in ipairs(service.chats.left_queue) do
    list[#list + 1] = { at = each.at, seconds = each.waited, entered = false,
      groups = { each.group }, tags = {}, messages = {}, agents = {} }
  end
  return list
end

local function itself(record) return { record } end

local function times(events)
  local least, most
  for _, event in ipairs(events) do
    least = math.min(least or event.seconds, event.seconds)
    most = math.max(most or event.seconds, event.seconds)
  end
  local average = mean(events)
  return { count = #events, min = { seconds = least or json.null },
    max = { seconds = most or json.null },
    average = { seconds = average and math.floor(average + 0.5) or json.null } }
end

local function queue_row(write)
  return function(events)
    local entered, left = {}, {}
    for _, event in ipairs(events) do
      local list = event.entered and entered or left
      list[#list + 1] = event
    end
    return { queued = write(events), entered_chat = write(entered), left_queue = write(left) }
  end
end

-- Occupancy ----------------------------------------------------------------------------------

-- The most chats at the same time within each hour: a chat's start counts up, its end down.
local function occupancy(service, call)
  local hours, zone = periods.weekdays(service, call.query, call.now)
  if not hours then return nil, 400, { errors = zone } end
  local found, errors = matching(service, call.query, ended_chats(service))
  if not found then return nil, 400, { errors = errors } end
  local steps = {}
  for _, chat in ipairs(found) do
    steps[#steps + 1] = { at = zone.clock(chat.started), by = 1 }
    steps[#steps + 1] = { at = zone.clock(chat.ended), by = -1 }
  end
  table.sort(steps, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.by < b.by
  end)
  local result, open, at = {}, 0, 1
  for _, hour in ipairs(hours) do
    while steps[at] and steps[at].at <= hour.shown do
      open, at = open + steps[at].by, at + 1
    end
    local most = open
    while steps[at] and steps[at].at < hour.shown + 3600 do
      open, at = open + steps[at].by, at + 1
      most = math.max(most, open)
    end
    result[hour.label] = most
  end
  return result
end

-- Ranking ------------------------------------------------------------------------------------

-- The lower end of Wilson's interval; this z gives the documentation's own figures.
local Z = 2.68

local function score(good, total)
  local p, z2 = good / total, Z * Z
  return (p + z2 / (2 * total) - Z * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total))) /
    (1 + z2 / total)
end

---@param who fun(record: table): string|nil the login that a rating is about
local function ranking(records, time, who)
  return function(service, call)
    local found, errors = matching(service, call.query, records(service))
    local period, wrong = periods.read(service, { date_from = call.query.date_from,
      date_to = call.query.date_to, group_by = "month" }, 0, call.now)
    if not found or not period then return nil, 400, { errors = errors or wrong } end
    local by_login, list = {}, json.array()
    for _, record in ipairs(found) do
      local login = record.rate and record.rate ~= "not_rated" and who(record)
      -- A removed agent's statistics go, the chats stay.
      if login and service.agents.by_login[login] and period.place(time(record)) then
        if not by_login[login] then
          by_login[login] = { name = login, good = 0, bad = 0, total = 0 }
          list[#list + 1] = by_login[login]
        end
        local row, kind = by_login[login], record.rate == "rated_good" and "good" or "bad"
        row[kind], row.total = row[kind] + 1, row.total + 1
      end
    end
    for _, row in ipairs(list) do row.score = score(row.good, row.total) end
    table.sort(list, function(a, b)
      if a.score ~= b.score then return a.score > b.score end
      return a.name < b.name
    end)
    return { ranking = list }
  end
end

-- Tickets ------------------------------------------------------------------------------------

local function created(ticket)
  return { { at = ticket.date, ticket = ticket } }
end

local function solved_at(ticket)
  return ticket.solved or ticket.modified
end

local function solved(ticket)
  if ticket.status ~= "solved" then return {} end
  return { { at = solved_at(ticket), seconds = solved_at(ticket) - ticket.date, ticket = ticket } }
end

local function first_answer(ticket)
  for _, event in ipairs(ticket.events) do
    if event.type == "message" and event.author.type == "agent" and not event.is_private then
      return { { at = event.date, seconds = event.date - ticket.date } }
    end
  end
  return {}
end

local function hours_row(events)
  local seconds = mean(events)
  return { count = #events, hours = seconds and round(seconds / 3600) or json.null }
end

local function from_source(name)
  return function(event) return event.ticket.source.type == name end
end

-- The calls ----------------------------------------------------------------------------------

local CHATS = {
  total_chats = rows(ended_chats, chat_event, function(events) return { chats = #events } end),
  engagement = rows(ended_chats, chat_event, function(events)
    local row = {}
    for _, name in ipairs({ "auto_invite", "manual_invite", "immediate_start" }) do
      row["chats_from_" .. name] = count(events, function(event)
        return event.chat.engagement == name
      end)
    end
    return row
  end),
  not_replied_chats = rows(ended_chats, chat_event, function(events)
    return { not_replied = count(events, is_not_replied) }
  end),
  ratings = rows(ended_chats, chat_event, function(events, _, part)
    local row = ratings(events, part, "chat")
    row.chats = #events
    return row
  end),
  ["ratings/ranking"] = ranking(ended_chats, function(chat) return chat.started end,
    function(chat) return chat.agents[1] and chat.agents[1].id end),
  queued_visitors = rows(queue, itself, queue_row(function(events)
    return { count = #events }
  end)),
  ["queued_visitors/waiting_times"] = rows(queue, itself, queue_row(times)),
  chatting_time = rows(ended_chats, chat_event, chatting_row),
  first_response_time = rows(ended_chats, answers(true), response_row("first_response_time")),
  response_time = rows(ended_chats, answers(false), response_row("avg_response_time")),
  agents_occupancy = occupancy,
  goals = rows(ended_chats, goal_events, function(events, _, part)
    return with_dates({ goals = #events }, part)
  end),
  greetings = rows(ended_chats, greeting_events, greeting_row),
}

local TICKETS = {
  new_tickets = rows(all_tickets, created, function(events) return { new_tickets = #events } end),
  first_response_time = rows(all_tickets, first_answer, hours_row),
  solved_tickets = rows(all_tickets, solved, function(events)
    return { solved_tickets = #events }
  end),
  resolution_time = rows(all_tickets, solved, hours_row),
  ticket_sources = rows(all_tickets, created, function(events)
    return { tickets_from_chat_window = count(events, from_source("chat-window")),
      tickets_from_mail = count(events, from_source("mail")),
      tickets_from_chat = count(events, from_source("lc2")) }
  end),
  ratings = rows(all_tickets, created, function(events, _, part)
    return ratings(events, part, "ticket")
  end),
  ["ratings/ranking"] = ranking(all_tickets, function(ticket) return ticket.date end,
    function(ticket) return ticket.assignee and ticket.assignee.id end),
}

local availability = rows(ended_chats, chat_event, availability_row)

--- { method, path, handler }, with the paths that the service had before and that old clients use.
reports.routes = {
  { "GET", "/reports/availability", availability },
  { "GET", "/reports/chats", CHATS.total_chats },
  { "GET", "/reports/ratings", CHATS.ratings },
  { "GET", "/reports/ratings/ranking", CHATS["ratings/ranking"] },
  { "GET", "/reports/queued_visitors", CHATS.queued_visitors },
  { "GET", "/reports/queued_visitors/waiting_times", CHATS["queued_visitors/waiting_times"] },
  { "GET", "/reports/chatting_time", CHATS.chatting_time },
  { "GET", "/reports/queued_visitors_waiting_times", CHATS["queued_visitors/waiting_times"] },
  { "GET", "/reports/goals", CHATS.goals },
  { "GET", "/reports/greetings", CHATS.greetings },
  { "GET", "/reports/chats/source", CHATS.engagement },
}

local function add(folder, handlers)
  local names = {}
  for name in pairs(handlers) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    reports.routes[#reports.routes + 1] = { "GET", "/reports/" .. folder .. "/" .. name,
      handlers[name] }
  end
end

add("chats", CHATS)
add("tickets", TICKETS)

return reports
