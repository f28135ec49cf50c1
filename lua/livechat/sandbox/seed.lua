-- SPDX-License-Identifier: MIT
-- Tickets to begin with: the same ones every time, each modified at a second of its own. Parts that
-- are alike are shared: a hundred thousand fit easily.
local random = require "livechat.sandbox.random"
local Tickets = require "livechat.sandbox.tickets"

local seed = {}

local APART = 97 -- seconds between two last changes

local PEOPLE = { "Mary Brown", "Liu Wei", "Aisha Khan", "Zoë Müller", "Jonas Berg", "Ana Souza",
  "Tomáš Dvořák", "Emma Wilson", "Hiro Tanaka", "Fatima Ali", "Lucas Martin", "Olga Petrova" }
local SUBJECTS = {
  { "My new shoes are broken", "It seems that the sole of my new shoes is coming off.", "returns" },
  { "Invoice for last month", "Could you send me the invoice for order %d once more?", "invoice" },
  { "Where is my parcel?", "Tracking of parcel %d has not moved for five days.", "shipping" },
  { "Cannot log in", "The password reset e-mail never reaches me. My account is %d.", "login" },
  { "Change of address", "Please send order %d to the office instead of my home.", "shipping" },
  { "Refund not received", "You confirmed the refund of order %d two weeks ago.", "refund" },
  { "Question about sizes", "Is model %d cut smaller than the one before?", "sales" },
  { "Discount for a school", "We would like to order %d pairs for our pupils.", "sales" },
  { "Bug in the shop", "The basket is emptied whenever I open article %d.", "bug" },
  { "Thank you", "Order %d came a day early. Well done!", "feedback" },
}
local REPLIES = { "Thank you for writing. I am looking into it.",
  "I have passed this on to our warehouse and will write again tomorrow.",
  "This is solved now. Is there anything else I can do?" }
local STATUSES = { "open", "open", "open", "pending", "pending", "solved", "solved", "solved",
  "spam" }
local RATES = { "not_rated", "rated_good", "rated_good", "rated_bad" }
local SOURCES = { { type = "mail" }, { type = "lc2" }, { type = "facebook" },
  { type = "agent-app-manual" }, { type = "chat-window", url = "https://shop.example.com/help" } }
local GROUPS = { { 0 }, { 1 }, { 2 }, { 3 }, { 1, 2 } }
local TAG_SETS = { {}, {}, { "support" }, { "vip" }, { "support", "urgent" } }

local function source(draw)
  local plain = SOURCES[draw(#SOURCES)]
  if plain.type ~= "chat-window" then return plain end
  return { type = plain.type, url = plain.url, id = random.code(draw, 10) }
end

local function ticket(n, modified, agents, draw)
  local who, about = draw(#PEOPLE), SUBJECTS[draw(#SUBJECTS)]
  local requester = { name = PEOPLE[who], mail = ("customer%d@example.net"):format(draw(5000)),
    ip = who % 3 == 0 and "203.0.113." .. draw(254) or nil,
    utc_offset = who % 4 == 0 and "Europe/Warsaw" or nil }
  local created = modified - draw(5 * 86400)
  local from, steps = source(draw), draw(4) - 1
  local function author(agent) return { id = agent.id, name = agent.name, type = "agent" } end
  local events = { { type = "message", date = created, message = about[2]:format(1000 + draw(9000)),
    is_private = false, source = from,
    author = { id = requester.mail, name = requester.name, type = "client" } } }
  local assignee
  for step = 1, steps do
    local date = modified - math.floor((modified - created) * (steps - step) / steps)
    local agent = agents[draw(#agents)]
    if step == 1 then
      assignee = agent
      events[2] = { type = "assignee_changed", date = date, to = agent,
        author = { id = agents[1].id, name = agents[1].name } }
    else
      events[#events + 1] = { type = "message", date = date, message = REPLIES[draw(#REPLIES)],
        is_private = draw(4) == 1, source = SOURCES[2], author = author(assignee) }
    end
  end
  local tags = TAG_SETS[draw(#TAG_SETS)]
  if draw(3) == 1 then tags = { about[3] } end
  local status = STATUSES[draw(#STATUSES)]
  return { id = Tickets.id(n), subject = about[1], status = status,
    rate = status == "solved" and RATES[n % #RATES + 1] or "not_rated",
    requester = requester, assignee = assignee, groups = GROUPS[draw(#GROUPS)], source = from,
    tags = tags, date = created, modified = modified, opened = { { from = created } },
    events = events }
end

--- Plants `count` tickets into an empty store.
---@param tickets table Tickets
---@param agents table[] { id=, name= } of those who may be assigned
---@param count integer
---@param number integer the seed of the numbers
---@param last integer epoch seconds: when the last one was modified
function seed.plant(tickets, agents, count, number, last)
  local draw = random.stream(number)
  for n = 1, count do
    tickets:plant(ticket(n, last - (count - n) * APART, agents, draw))
  end
end

return seed
