-- SPDX-License-Identifier: MIT
--- A chat of v3 with the fields that a chat of v2 has, where they mean the same, beside the wire's
--- own members. A row of an archive is one thread of a chat. Pure. [D] docs/service.md
local json = require "livechat.json"

local chat_shape = {}

local function table_or_empty(value)
  return type(value) == "table" and value or {}
end

-- Rows that are tables, of a list that may hold anything.
local function rows(list)
  local made = {}
  for _, row in ipairs(table_or_empty(list)) do
    if type(row) == "table" then made[#made + 1] = row end
  end
  return made
end

-- ---- people ------------------------------------------------------------------------------------

local function agent_of(user)
  return { name = user.name, display_name = user.name, login = user.id, email = user.email or
    user.id }
end

-- [{ key: value }, …] as [{ key =, value = }, …], each object's members in order.
local function variables_of(fields)
  local made = json.array {}
  for _, field in ipairs(rows(fields)) do
    local names = {}
    for name in pairs(field) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do made[#made + 1] = { key = name, value = field[name] } end
  end
  return made
end

--- A customer as v2 writes a visitor.
---@param user table decoded
---@return table
function chat_shape.visitor(user)
  local visit = table_or_empty(user.visit or user.last_visit)
  local place, pages = table_or_empty(visit.geolocation), rows(visit.last_pages)
  local page = pages[#pages] or {}
  return { id = user.id, name = user.name, email = user.email, ip = visit.ip,
    user_agent = visit.user_agent, country = place.country, country_code = place.country_code,
    region = place.region, city = place.city, timezone = place.timezone, page_current = page.url,
    referrer = visit.referrer, custom_variables = variables_of(user.session_fields) }
end

-- ---- what was said -----------------------------------------------------------------------------

local function message_of(event, users)
  local author = users[tostring(event.author_id)] or {}
  local text = event.text
  if event.type == "file" then text = event.url end
  return { id = event.id, type = event.type, text = text, timestamp = event.created_at,
    author_name = author.name, user_type = author.type == "customer" and "visitor" or author.type,
    agent_id = author.type == "agent" and event.author_id or nil }
end

-- The last moment of a thread: there is no other end on the wire.
local function last_moment(thread, time)
  local latest, at
  for _, event in ipairs(rows(thread.events)) do
    local moment = event.created_at and time(event.created_at)
    if moment and (not at or moment >= at) then
      latest, at = event.created_at, moment
    end
  end
  return latest
end

-- ---- the form before a chat --------------------------------------------------------------------

local function label_of(answer)
  if type(answer) == "table" then
    return answer.label or answer.id
  end
  return answer
end

local function answer_of(field)
  local item = { id = field.id, type = field.type, label = field.label }
  local given = field.answer
  if given == nil then given = field.value end
  item.answer = label_of(given)
  if type(field.answers) == "table" then
    item.answers = json.array {}
    for i, answer in ipairs(field.answers) do
      item.answers[i] = { label = label_of(answer), chosen = true }
    end
  end
  return item
end

--- The answers that a customer gave before the chat, as v2's `pre_chat_survey`.
---@param events table[]|nil of a thread
---@return table[]|nil
function chat_shape.survey(events)
  for _, event in ipairs(rows(events)) do
    local kind = event.form_type
    if event.type == "filled_form" and (kind == nil or kind == "prechat" or kind == "pre_chat") then
      local survey = json.array {}
      for i, field in ipairs(rows(event.fields)) do survey[i] = answer_of(field) end
      return survey
    end
  end
end

-- ---- the whole ---------------------------------------------------------------------------------

local function add_people(own)
  local users, by_id = rows(own.users), {}
  own.agents = json.array {}
  for _, user in ipairs(users) do
    by_id[tostring(user.id)] = user
    if user.type == "agent" then
      own.agents[#own.agents + 1] = agent_of(user)
    elseif user.type == "customer" and not own.visitor then
      own.visitor = chat_shape.visitor(user)
    end
  end
  return by_id
end

-- A row of a list of chats has its last thread in a summary, and of that the last event of each
-- type.
local function thread_of(own)
  local threads = rows(own.threads) -- as the objects' reference has it
  local thread = own.thread or own.last_thread_summary or own.last_thread_info or threads[#threads]
  if type(thread) ~= "table" then
    return nil
  end
  return thread
end

--- Of which of a chat's threads this tells.
---@param own table decoded, or as it is read
---@return string|nil
function chat_shape.thread_id(own)
  local id = (thread_of(own) or {}).id
  return type(id) == "number" and ("%.0f"):format(id) or id
end

--- A decoded chat with v2's fields.
---@param own table a copy, which is changed
---@param _ livechat.Client|nil whose it is
---@param time fun(text: string|number): number|nil epoch seconds
---@return table own
function chat_shape.chat(own, _, time)
  local users, thread = add_people(own), thread_of(own)
  if not thread then
    return own
  end
  own.started_timestamp = thread.created_at
  if thread.active == false then own.ended_timestamp = last_moment(thread, time) end
  own.tags = type(thread.tags) == "table" and thread.tags or json.array {}
  own.groups = table_or_empty(thread.access or own.access).group_ids
  own.pre_chat_survey = chat_shape.survey(thread.events)
  if type(thread.events) == "table" then
    own.messages = json.array {}
    for _, event in ipairs(rows(thread.events)) do
      if event.type == "message" or event.type == "file" then
        own.messages[#own.messages + 1] = message_of(event, users)
      end
    end
  end
  return own
end

return chat_shape
