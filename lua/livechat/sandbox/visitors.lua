-- SPDX-License-Identifier: MIT
-- The people on the account's web pages: the last ones that came and have not left. Who has had a
-- chat is remembered by the id for as long as the chat is.
local random = require "livechat.sandbox.random"

local Visitors = {}
Visitors.__index = Visitors

local MOST_PRESENT = 1000

-- Who comes: name, mail, country, its code, region, city, time zone, latitude, longitude.
local PEOPLE = {
  { "Mary Brown", "mary.brown@example.net", "United States", "US", "North Carolina", "Greenville",
    "America/New_York", "35.6127", "-77.3663" },
  { "Liu Wei", "liu.wei@example.net", "Singapore", "SG", "", "Singapore", "Asia/Singapore",
    "1.2931", "103.8558" },
  { "Zoë Müller", "zoe.mueller@example.net", "Germany", "DE", "Nordrhein-Westfalen", "Köln",
    "Europe/Berlin", "50.9333", "6.9500" },
  { "Ana Souza", "ana.souza@example.net", "Brazil", "BR", "Bahia", "Salvador", "America/Bahia",
    "-12.9833", "-38.5167" },
  { "Tomáš Dvořák", "tomas.dvorak@example.net", "Czech Republic", "CZ", "Jihomoravský kraj",
    "Brno", "Europe/Prague", "49.2000", "16.6333" },
  { "Aisha Khan", "aisha.khan@example.net", "India", "IN", "Maharashtra", "Mumbai",
    "Asia/Kolkata", "18.9750", "72.8258" },
}
local AGENTS = { "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Gecko/20100101 Firefox/115.0",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/114.0 Safari/537.36" }

function Visitors.new()
  return setmetatable({ by_id = {}, came = {}, first = 1, last = 0 }, Visitors)
end

--- Makes a visitor who has just come, drawn from a stream of numbers.
---@param wanted table|nil { id=, name=, email= } that the visitor shall have
---@return table visitor
function Visitors:come(draw, now, wanted)
  local person, seconds = PEOPLE[draw(#PEOPLE)], math.floor(now)
  local visitor = { id = ("S%d.%s"):format(seconds, random.hex(draw, 10)), name = person[1],
    email = person[2], country = person[3], country_code = person[4], region = person[5],
    city = person[6], timezone = person[7], latitude = person[8], longitude = person[9],
    language = "en", ip = ("203.0.113.%d"):format(draw(254)), user_agent = AGENTS[draw(#AGENTS)],
    came = seconds, state = "browsing", group = 0, visits = draw(9), views = draw(30), chats = 0,
    page = "https://shop.example.com/basket?session=" .. random.hex(draw, 16),
    referrer = "https://www.example.com/search", greetings = { all = 0, accepted = 0, refused = 0 },
    custom_variables = { { key = "Customer ID", value = random.code(draw, 11) },
      { key = "Items in basket", value = draw(9) } }, details = {} }
  for _, name in ipairs({ "id", "name", "email" }) do
    local value = wanted and wanted[name]
    if type(value) == "string" then visitor[name] = value end
  end
  visitor = self.by_id[visitor.id] or visitor
  if visitor.present then return visitor end
  self.by_id[visitor.id], visitor.present = visitor, true
  self.last = self.last + 1
  self.came[self.last] = visitor
  if self.last - self.first >= MOST_PRESENT then self:leave(self.came[self.first]) end
  return visitor
end

--- Forgets a visitor who is neither here nor in a chat that is kept.
function Visitors:forget(visitor)
  if not visitor.present and visitor.chats == 0 then self.by_id[visitor.id] = nil end
end

--- Takes a visitor off the pages.
function Visitors:leave(visitor)
  visitor.present = false
  self:forget(visitor)
  while self.came[self.first] and not self.came[self.first].present do
    self.came[self.first] = nil
    self.first = self.first + 1
  end
end

--- Those on the pages, the first to come first.
---@return table[]
function Visitors:present()
  local list = {}
  for i = self.first, self.last do
    if self.came[i].present then list[#list + 1] = self.came[i] end
  end
  return list
end

return Visitors
