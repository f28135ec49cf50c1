-- SPDX-License-Identifier: MIT
-- Webhook events with every member that was met in deliveries of 2017 to 2019.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
local views = require "livechat.sandbox.v2.views"

local events = {}

local VISITORS = {
  { "Mary Brown", "mary.brown@example.net", "United States", "Greenville", "America/New_York" },
  { "Liu Wei", "liu.wei@example.net", "Singapore", "Singapore", "Asia/Singapore" },
  { "Zoë Müller", "zoe.mueller@example.net", "Germany", "Köln", "Europe/Berlin" },
}

local function visitor(draw, now)
  local person = VISITORS[draw(#VISITORS)]
  return { id = ("S%d.%s"):format(math.floor(now), random.hex(draw, 10)), name = person[1],
    email = person[2], country = person[3], city = person[4], language = "en",
    timezone = person[5], custom_variables = json.array({
      { key = "Customer ID", value = random.code(draw, 11) },
      { key = "Items in basket", value = draw(9) } }),
    page_current = "https://shop.example.com/basket?session=" .. random.hex(draw, 16) }
end

local function chat(draw, now, agents, from, ended)
  local agent, started = agents[draw(#agents)], math.floor(now) - (ended and 600 or 0)
  local function message(side, name, id, text, after)
    return { user_type = side, author_name = name, agent_id = id, text = text, json = "{}",
      timestamp = started + after }
  end
  local messages = json.array({
    message("agent", agent.name, agent.id, "Hello. How may I help you?", 0) })
  if ended then
    messages[2] = message("visitor", from.name, nil, "Where is my order?\nIt is late.", 20)
    messages[3] = message("supervisor", agents[1].name, agents[1].id, "Offer a refund.", 40)
    messages[4] = message("agent", agent.name, agent.id, "It is on its way.", 60)
  end
  return { id = random.code(draw, 10), started_timestamp = started,
    ended_timestamp = ended and math.floor(now) or nil, url = "https://shop.example.com/basket",
    referer = "https://www.example.com/search", messages = messages, attachments = json.array(),
    events = json.array(ended and { { user_type = "visitor", type = "closed",
      text = from.name .. " has closed the chat.", timestamp = math.floor(now) } } or {}),
    agents = json.array({ { name = agent.name, login = agent.id } }),
    tags = json.array(ended and { "sales", "feedback" } or {}), groups = json.array({ 0 }) }
end

local function survey(draw, from)
  local function id() return ("%d"):format(100000000 + draw(899999999)) end
  return json.array({
    { id = id(), type = "name", label = "Your name:", answer = from.name },
    { id = id(), type = "email", label = "Your e-mail:", answer = from.email },
    { id = id(), type = "checkbox", label = "What is it about?", answers = json.array({
      { label = "An order", chosen = true }, { label = "Something else", chosen = false } }) },
  })
end

local function canned_response(draw, now)
  return { group = 0, id = draw(9999), modification_date = math.floor(now),
    tags = json.array({ "hello", "welcome" }), text = "Can I help you with anything else?" }
end

--- Makes an event: the envelope and all of its data, without a token.
---@param event_type string one of the six
---@param context table { draw=, now=, agents=<{id=, name=}…>, license_id=, ticket=<tickets.lua's> }
---@return table event
function events.make(event_type, context)
  local draw, now = context.draw, context.now
  local event = { event_type = event_type, license_id = ("%d"):format(context.license_id) }
  if event_type == "ticket_created" then
    event.ticket = views.ticket_in_event(context.ticket)
    return event
  elseif event_type == "canned_response_changed" then
    event.canned_response = canned_response(draw, now)
    return event
  end
  event.visitor = visitor(draw, now)
  event.lc_version = "2"
  if event_type == "visitor_queued" then return event end
  event.chat = chat(draw, now, context.agents, event.visitor, event_type == "chat_ended")
  if event_type == "chat_changed" then event.chat.tags = json.array({ "sales" }) end
  event.pre_chat_survey = survey(draw, event.visitor)
  event.event_unique_id = random.hex(draw, 32)
  return event
end

--- The id by which an event can be found again.
---@return string
function events.about(event)
  local object = event.ticket or event.chat or event.visitor or event.canned_response or {}
  return tostring(event.event_unique_id or object.id)
end

return events
