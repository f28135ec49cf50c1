-- SPDX-License-Identifier: MIT
-- Webhook events with every member that was met in deliveries of 2017 to 2019.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
local views = require "livechat.sandbox.v2.views"
local chat_views = require "livechat.sandbox.v2.chat_views"
local canned_responses = require "livechat.sandbox.v2.canned_responses"

local events = {}

--- Writes an event about a record: the envelope and all of its data, without a token.
---@param event_type string one of the six
---@param record table a ticket, a chat, a visitor or a canned response, as the event is about
---@return table event
function events.make(service, event_type, record)
  local event = { event_type = event_type,
    license_id = ("%d"):format(service.options.license_id) }
  if event_type == "ticket_created" then
    event.ticket = views.ticket_in_event(record, service)
    return event
  elseif event_type == "canned_response_changed" then
    event.canned_response = canned_responses.in_event(record)
    return event
  end
  event.lc_version = "2"
  event.visitor = chat_views.visitor_in_event(record.visitor or record)
  if event_type == "visitor_queued" then return event end
  event.chat = chat_views.chat_in_event(record)
  event.pre_chat_survey = chat_views.survey_in_event(record)
  event.event_unique_id = random.hex(service.draw, 32)
  return event
end

--- The id by which an event can be found again.
---@return string
function events.about(event)
  local object = event.ticket or event.chat or event.visitor or event.canned_response or {}
  return tostring(event.event_unique_id or object.id)
end

-- Events on request --------------------------------------------------------------------------

-- cjson decodes [] and {} alike: an empty table over a list is a list.
local function merge(target, over)
  for name, value in pairs(over) do
    if value == json.null then
      target[name] = nil
    elseif type(value) ~= "table" then
      target[name] = value
    elseif json.is_array(target[name]) then
      target[name] = json.array(value)
    elseif value[1] == nil and type(target[name]) == "table" then
      merge(target[name], value)
    else
      target[name] = value
    end
  end
  return target
end

--- Changes an event as a caller wants it; json.null removes a member.
events.merge = merge

local function part(over, name)
  return type(over[name]) == "table" and over[name] or {}
end

-- What a chat's record must have, so that it and the event agree.
local function wanted_of(over)
  local chat = part(over, "chat")
  local tags = type(chat.tags) == "table" and chat.tags or nil
  for _, tag in ipairs(tags or {}) do
    if type(tag) ~= "string" then tags = nil break end
  end
  return { id = type(chat.id) == "string" and chat.id or nil, tags = tags }
end

local function new_chat(service, over, now, wanted)
  local people = service.agents:references()
  local agent = people[service.draw(#people)] or { id = service.options.username, name = "Agent" }
  local visitor = service.visitors:come(service.draw, now, part(over, "visitor"))
  return service.chats:start(service.draw, visitor, agent, now, wanted), agent
end

-- Ten minutes of talk, over now.
local function ended_chat(service, over, now, wanted)
  wanted.tags = wanted.tags or { "sales", "feedback" }
  local started = math.floor(now) - 600
  local chat, agent = new_chat(service, over, started, wanted)
  local first = service.agents:references()[1] or agent
  service.chats:say(chat, "visitor", chat.visitor, "Where is my order?\nIt is late.", started + 20)
  service.chats:say(chat, "supervisor", first, "Offer a refund.", started + 40)
  service.chats:say(chat, "agent", agent, "It is on its way.", started + 60)
  chat.supervisors = { first }
  return chat
end

local SOURCES = {}

function SOURCES.chat_started(service, over, now)
  local wanted = wanted_of(over)
  return service.chats.by_id[wanted.id] or new_chat(service, over, now, wanted)
end

function SOURCES.chat_ended(service, over, now)
  local wanted = wanted_of(over)
  local chat = service.chats.by_id[wanted.id] or ended_chat(service, over, now, wanted)
  if not chat.ended then service.chats:finish(chat, now) end
  service.visitors:leave(chat.visitor)
  return chat
end

function SOURCES.chat_changed(service, over, now)
  local wanted = wanted_of(over)
  local chat = service.chats.by_id[wanted.id] or new_chat(service, over, now, { id = wanted.id })
  service.chats:tag(chat, wanted.tags or { "sales" })
  return chat
end

function SOURCES.visitor_queued(service, over, now)
  local visitor = service.visitors:come(service.draw, now, part(over, "visitor"))
  visitor.state, visitor.queued = "queued", math.floor(now)
  return visitor
end

function SOURCES.canned_response_changed(service, _, now)
  local response = service.canned_responses.list_of[1] or service.canned_responses:add({
    group = 0, text = "Can I help you with anything else?", tags = { "hello", "welcome" },
    author = service.options.username, created = math.floor(now) })
  response.modified, response.modifier = math.floor(now), service.options.username
  return response
end

--- Has happen what an event tells: a chat starts, a visitor queues.
---@param event_type string any but ticket_created
---@param over table what the event will be changed by: the record has the same id, name, tags
---@return table record
function events.happen(service, event_type, over, now)
  return (SOURCES[event_type](service, over, now))
end

return events
