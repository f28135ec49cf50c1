-- SPDX-License-Identifier: MIT
-- What an account has at its start: tags, canned responses, goals, greetings, a month of chats up
-- to the first moment of 2026, and the visitors of that moment. The same every time.
local random = require "livechat.sandbox.random"

local history = {}

local LENGTH = 31 * 86400 -- seconds
local MOST_VISITORS = 500

local TAGS = { { "sales", 1 }, { "support", 2 }, { "feedback", 1 }, { "vip", 0 }, { "urgent", 2 },
  { "invoice", 3 }, { "refund", 3 }, { "bug", 2 }, { "50% off & more", 1 }, { "für später/😀", 0 } }
local CANNED = {
  { 0, "Can I help you with anything else?", { "hello", "welcome" } },
  { 0, "Have a great day, goodbye.", { "cu", "bye" } },
  { 1, "What product are you interested in?", { "product", "interest" } },
  { 1, "I will transfer you to the agent responsible for this matter.", { "transfer", "matter" } },
}
local GOALS = {
  { name = "purchase", type = "url", active = 1, members = { match_type = "substring",
    url = "https://shop.example.com/thank-you" } },
  { name = "newsletter", type = "api", active = 1, members = {} },
  { name = "full basket", type = "custom_variable", active = 0,
    members = { custom_variable_name = "basket", custom_variable_value = "full" } },
  { name = "sales", type = "sales_tracker", active = 1, members = { value_type = "set",
    value = "20", currency = "EUR", time_range = "30", order_field_name = "order",
    value_field_name = "total", sales_tracker_id = "K3bS0nrZ" } },
}
local GREETINGS = {
  { "Time on site: 5 sec", "visit_time_site", "5", "equals", "Hello, how may I help you?", 0 },
  { "Returning visitor", "visits_number", "2", "greater_or_equal", "Hello again!", 1 },
}
local TALKS = { { "Where is my order?", "It is on its way." },
  { "Do you have this in blue?", "From next week on.", "Thank you!", "You are welcome." },
  { "The basket is <b>empty</b> & I \"lost\" 2 items 😟", "I am sorry. I have put them back." } }
local TAG_SETS = { {}, {}, { "sales" }, { "support" }, { "sales", "feedback" }, { "vip" } }
local ENGAGEMENTS = { "immediate_start", "immediate_start", "auto_invite", "manual_invite" }
local RATES = { "not_rated", "not_rated", "not_rated", "rated_good", "rated_good", "rated_bad" }
local STATES = { "browsing", "browsing", "queued", "invited", "refused invitation",
  "chat closed" }

local function plant_settings(service, first)
  local owner = service.options.username
  for i, tag in ipairs(TAGS) do
    service.tags:add({ name = tag[1], group = tag[2], author = owner, created = first + i })
  end
  for i, canned in ipairs(CANNED) do
    service.canned_responses:add({ group = canned[1], text = canned[2], tags = canned[3],
      author = owner, created = first + i })
  end
  for _, goal in ipairs(GOALS) do
    local own = {}
    for name, value in pairs(goal) do own[name] = value end
    service.goals:add(own)
  end
  for _, each in ipairs(GREETINGS) do
    local rule = { id = service.greetings.next_rule, type = each[2], value = each[3],
      operator = each[4], condition = "and" }
    service.greetings.next_rule = rule.id + 10
    service.greetings:add({ name = each[1], rules = { rule }, message = each[5], group = each[6],
      active = 1 })
  end
end

local function talk(chat, draw)
  local at, agent = chat.started + draw(20), chat.agents[1]
  for i, text in ipairs(TALKS[draw(#TALKS)]) do
    local mine = i % 2 == 0
    chat.messages[#chat.messages + 1] = { side = mine and "agent" or "visitor", text = text,
      author = mine and agent or chat.visitor, at = at }
    at = at + 5 + draw(90)
  end
  if draw(12) == 1 then -- the agent has gone
    for i = #chat.messages, 2, -1 do
      if chat.messages[i].side == "agent" then table.remove(chat.messages, i) end
    end
  end
  return at
end

local function reach(service, chat, draw)
  local goal = service.goals.list_of[draw(#service.goals.list_of)]
  local sale = goal.type == "sales_tracker"
  chat.goals = { { id = goal.id, name = goal.name, type = goal.type, at = chat.ended,
    order = { id = sale and random.code(draw, 6) or "", description = sale and "shoes" or "",
      price = sale and "199.00" or "0", currency = sale and "EUR" or "" } } }
end

local function chat_of(service, visitor, people, started, draw)
  local chat = { id = random.code(draw, 10), visitor = visitor, agents = { people[draw(#people)] },
    supervisors = {}, groups = { draw(4) - 1 }, tags = TAG_SETS[draw(#TAG_SETS)],
    rate = RATES[draw(#RATES)], engagement = ENGAGEMENTS[draw(#ENGAGEMENTS)], started = started,
    url = "https://shop.example.com/", referrer = visitor.referrer, goals = {},
    queue = draw(5) == 1 and draw(120) or nil, survey = visitor.survey, messages = {} }
  chat.messages[1] = { side = "agent", author = chat.agents[1], at = started,
    text = "Hello. How may I help you?" }
  if chat.rate ~= "not_rated" then
    chat.comment = draw(3) == 1 and "Quick & friendly" or nil
    chat.postchat = { { key = "How would you rate the quality of support?", id = "137164167769201",
      value = chat.rate == "rated_good" and "Good" or "Bad" } }
  end
  if chat.engagement == "auto_invite" then
    chat.greeting, chat.shown = service.greetings.list_of[draw(2)].id, draw(4)
  end
  return chat
end

-- The survey that each of a visitor's planted chats has.
local function survey(visitor, draw)
  local function id() return ("%d"):format(100000000 + draw(899999999)) end
  return { { id = id(), type = "name", label = "Name:", answer = visitor.name },
    { id = id(), type = "email", label = "E-mail:", answer = visitor.email } }
end

local function plant_chats(service, count, draw, first)
  local people, pool = service.agents:references(), {}
  for i = 1, math.min(count, MOST_VISITORS) do
    pool[i] = service.visitors:come(draw, first + i)
    pool[i].survey = survey(pool[i], draw)
  end
  local apart = (LENGTH - 3600) / math.max(count, 1)
  for n = 1, count do
    local started = math.floor(first + (n - 1) * apart) + draw(math.max(1, math.floor(apart)))
    local chat = chat_of(service, pool[draw(#pool)], people, started, draw)
    chat.ended = talk(chat, draw)
    if draw(8) == 1 then reach(service, chat, draw) end
    if draw(10) == 1 then
      service.chats.left_queue[#service.chats.left_queue + 1] = { at = started, group = 0,
        waited = draw(300) }
    end
    chat.visitor.chat = service.chats:keep(chat)
  end
  for _, visitor in ipairs(pool) do service.visitors:leave(visitor) end
end

-- Six who look around and two who chat.
local function plant_visitors(service, draw, last)
  for i, state in ipairs(STATES) do
    local visitor = service.visitors:come(draw, last - 600 + i)
    visitor.state, visitor.group = state, i % 3
    visitor.queued = state == "queued" and visitor.came or nil
    local refused = state == "refused invitation"
    visitor.greetings = { all = 2, accepted = refused and 0 or 1, refused = refused and 2 or 1 }
  end
  local people = service.agents:references()
  for i = 1, 2 do
    local visitor = service.visitors:come(draw, last - 300 + i)
    service.chats:start(draw, visitor, people[i], last - 200 + i)
  end
end

--- Plants everything into empty stores. Without chats there are no visitors either.
---@param service table Service
---@param count integer chats that have ended
---@param number integer the seed of the numbers
---@param last integer epoch seconds: its end
function history.plant(service, count, number, last)
  local draw, first = random.stream(number), last - LENGTH
  plant_settings(service, first)
  if count == 0 then return end
  plant_chats(service, count, draw, first)
  plant_visitors(service, draw, last)
end

return history
