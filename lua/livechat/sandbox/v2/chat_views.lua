-- SPDX-License-Identifier: MIT
-- How v2 writes a chat and a visitor: in its answers, and in the events that webhooks deliver. The
-- variants are those of views.lua; "objects" writes a chat's visitor as answers of 2013 did.
local json = require "livechat.json"
local dates = require "livechat.sandbox.dates"
local zones = require "livechat.sandbox.zones"
local views = require "livechat.sandbox.v2.views"

local chat_views = {}

local function copy_list(from, write)
  local list = json.array()
  for i, each in ipairs(from or {}) do list[i] = write(each) end
  return list
end

local function person(from)
  return { display_name = from.name, email = from.id }
end

local function key_value(from)
  return { key = from.key, value = from.value, id = from.id }
end

-- What the visitor answered, whatever the kind of the question.
local function answer(from)
  local chosen = {}
  for _, each in ipairs(from.answers or {}) do
    if each.chosen then chosen[#chosen + 1] = each.label end
  end
  return { key = from.label, id = from.id, value = from.answer or table.concat(chosen, ", ") }
end

local function in_list(from, style)
  return { id = from.id, name = from.name, email = from.email, ip = from.ip, city = from.city,
    region = from.region, country = from.country, country_code = from.country_code,
    timezone = from.timezone, user_agent = from.user_agent,
    custom_variables = style.nulls and json.null or nil }
end

local function goal(style, zone)
  return function(from)
    return { id = style.number(from.id), name = from.name, timestamp = style.number(from.at),
      type = from.type == "sales_tracker" and from.type or nil,
      date = dates.chat(zone.clock(from.at)), order = from.order }
  end
end

local function message(style, zone)
  return function(from)
    return { author_name = from.author.name, text = from.text, user_type = from.side,
      agent_id = from.side ~= "visitor" and from.author.id or nil,
      date = dates.chat(zone.clock(from.at)), timestamp = style.number(from.at) }
  end
end

local function event_list(chat, style, zone)
  local write = message(style, zone)
  local list = copy_list(chat.messages, function(from)
    local event = write(from)
    event.type = "message"
    return event
  end)
  if chat.ended then
    list[#list + 1] = { text = chat.visitor.name .. " closed the chat.", type = "event",
      event_type = "closed", user_type = "visitor", date = dates.chat(zone.clock(chat.ended)),
      timestamp = style.number(chat.ended) }
  end
  return list
end

-- Answers of 2013 and 2015 had the visitor's name and id, later ones an object: one or both.
local function add_visitor(result, visitor, style)
  if not style.nulls then result.visitor_name, result.visitor_id = visitor.name, visitor.id end
  if style.nulls or not style.group_objects then result.visitor = in_list(visitor, style) end
end

--- A chat as GET /chats has it.
---@param chat table of chats.lua
---@param zone table|nil in which its dates are written; nil for the account's
function chat_views.chat(chat, service, zone)
  local style = views.style(service, chat.id)
  zone = zone or zones.find(service.options.timezone)
  local last = chat.messages[#chat.messages] -- there may be none yet: v3 starts silent chats
  local until_when = chat.ended or last and last.at or chat.started
  local none = style.nulls and json.null or nil
  local result = { type = "chat", id = chat.id, agents = copy_list(chat.agents, person),
    supervisors = copy_list(chat.supervisors, person), rate = chat.rate, comment = chat.comment,
    duration = style.number(until_when - chat.started), chat_start_url = chat.url,
    referrer = chat.referrer or none, group = copy_list(chat.groups, style.number),
    started = dates.chat(zone.clock(chat.started)), started_timestamp = style.number(chat.started),
    prechat_survey = copy_list(chat.survey, answer),
    postchat_survey = copy_list(chat.postchat, key_value),
    custom_variables = copy_list(chat.visitor.custom_variables, key_value),
    tags = json.array(chat.tags), timezone = zone.name, engagement = chat.engagement,
    messages = copy_list(chat.messages, message(style, zone)),
    events = event_list(chat, style, zone),
    queue = chat.queue and { duration = style.number(chat.queue) } or
      (style.empty_arrays and json.array() or nil) }
  if #chat.goals > 0 then result.goals = copy_list(chat.goals, goal(style, zone)) end
  if chat.ended then
    result.ended, result.ended_timestamp = dates.chat(zone.clock(chat.ended)),
      style.number(chat.ended)
  else
    result.pending = true
  end
  add_visitor(result, chat.visitor, style)
  return result
end

--- A visitor as GET /visitors has it.
---@param visitor table of visitors.lua
function chat_views.visitor(visitor, service)
  local style = views.style(service, visitor.id)
  local came, chat = dates.plain(visitor.came), visitor.state == "chatting" and visitor.chat
  local result = { id = visitor.id, name = visitor.name, email = visitor.email, ip = visitor.ip,
    host = visitor.ip, browser = visitor.user_agent, language = visitor.language,
    city = visitor.city, region = visitor.region, country = visitor.country,
    country_code = visitor.country_code, timezone = visitor.timezone,
    latitude = visitor.latitude, longitude = visitor.longitude, state = visitor.state,
    referrer = visitor.referrer, page_current = visitor.page, page_address = visitor.page,
    page_title = "Your basket", page_entered = came, page_entered_ts = style.number(visitor.came),
    page_time = came, page_time_ts = style.number(visitor.came), last_visit = came,
    last_visit_ts = style.number(visitor.came), page_views = style.number(visitor.views),
    visits = style.number(visitor.visits), chats = style.number(visitor.chats),
    group = style.number(visitor.group), greetings_all = style.number(visitor.greetings.all),
    greetings_accepted = style.number(visitor.greetings.accepted),
    greetings_refused = style.number(visitor.greetings.refused),
    invitation = visitor.state == "invited" and "Time on site: 30 sec" or "",
    custom_variables = copy_list(visitor.custom_variables, key_value),
    chat_id = chat and chat.id or "", chat_start_time = chat and dates.plain(chat.started) or "",
    chat_start_time_ts = chat and style.number(chat.started) or nil,
    chat = style.empty_arrays and json.array() or {},
    operators = copy_list(chat and chat.agents, function(from)
      return { id = from.id, display_name = from.name }
    end),
    prechat_survey = copy_list(chat and chat.survey, answer),
    queue_start_time = not visitor.queued and style.group_objects and "" or
      style.number(visitor.queued or 0),
    visit_path = json.array({ { page = visitor.page, title = "Your basket", invitation = "",
      time = came, time_ts = style.number(visitor.came),
      time_ref = style.number(visitor.came) } }) }
  return result
end

-- Events -------------------------------------------------------------------------------------

--- A visitor as webhooks deliver it.
function chat_views.visitor_in_event(visitor)
  return { id = visitor.id, name = visitor.name, email = visitor.email, country = visitor.country,
    city = visitor.city, language = visitor.language, timezone = visitor.timezone,
    page_current = visitor.page,
    custom_variables = copy_list(visitor.custom_variables, key_value) }
end

--- The pre-chat survey as webhooks deliver it.
function chat_views.survey_in_event(chat)
  return copy_list(chat.survey, function(from)
    return { id = from.id, type = from.type, label = from.label, answer = from.answer,
      answers = from.answers and copy_list(from.answers, function(each)
        return { label = each.label, chosen = each.chosen }
      end) }
  end)
end

--- A chat as webhooks deliver it.
function chat_views.chat_in_event(chat)
  local closed = chat.ended and { { user_type = "visitor", type = "closed",
    text = chat.visitor.name .. " has closed the chat.", timestamp = chat.ended } } or {}
  return { id = chat.id, started_timestamp = chat.started, ended_timestamp = chat.ended,
    url = chat.url, referer = chat.referrer, attachments = json.array(),
    messages = copy_list(chat.messages, function(from)
      return { user_type = from.side, author_name = from.author.name, text = from.text,
        agent_id = from.side ~= "visitor" and from.author.id or nil, json = "{}",
        timestamp = from.at }
    end),
    events = json.array(closed), agents = copy_list(chat.agents, function(from)
      return { name = from.name, login = from.id }
    end),
    tags = copy_list(chat.tags, tostring), groups = copy_list(chat.groups, math.floor) }
end

return chat_views
