-- SPDX-License-Identifier: MIT
-- The query of GET /chats, as one predicate.
local filters = require "livechat.sandbox.v2.filters"
local checks = require "livechat.sandbox.v2.checks"

local chat_filters = {}

local holds = filters.holds

local function in_text(chat, part)
  local visitor = chat.visitor
  if holds(chat.id, part) or holds(visitor.name, part) or holds(visitor.email, part) then
    return true
  end
  for _, message in ipairs(chat.messages) do
    if holds(message.text, part) then return true end
  end
  for _, tag in ipairs(chat.tags) do
    if holds(tag, part) then return true end
  end
  return false
end

local function has_goal(kind)
  return function(chat)
    for _, goal in ipairs(chat.goals) do
      if not kind or goal.type == kind then return true end
    end
    return false
  end
end

-- The id of a goal which the chat reached; of a sale where `kind` says so.
local function goal_maker(kind)
  return function(value)
    local id, message = checks.whole(value)
    if not id then return nil, message end
    return function(chat)
      for _, goal in ipairs(chat.goals) do
        if goal.id == id and (not kind or goal.type == kind) then return true end
      end
      return false
    end
  end
end

local RATES = {
  rated = function(rate) return rate ~= "not_rated" end,
  not_rated = function(rate) return rate == "not_rated" end,
  rated_good = function(rate) return rate == "rated_good" end,
  rated_bad = function(rate) return rate == "rated_bad" end,
}

--- Whether one of the chat's agents has this login.
function chat_filters.is_agent(chat, login)
  for _, agent in ipairs(chat.agents) do
    if agent.id == login then return true end
  end
  return false
end

local MAKERS = {
  visitor_id = filters.text(function(chat, id) return chat.visitor.id == id end),
  query = filters.query(in_text),
  agent = filters.text(chat_filters.is_agent),
  group = filters.group,
  goal = goal_maker(),
  has_goal = filters.flag(has_goal()),
  sale = goal_maker("sales_tracker"),
  has_sale = filters.flag(has_goal("sales_tracker")),
  queued = filters.flag(function(chat) return chat.queue ~= nil end),
  rate = filters.known({ "rated", "not_rated", "rated_good", "rated_bad" },
    function(chat, rate) return RATES[rate](chat.rate) end),
  tag = filters.any_of("tag", filters.tagged),
  tagged = filters.flag(function(chat) return #chat.tags > 0 end),
  comment = filters.flag(function(chat) return chat.comment ~= nil end),
  city = filters.same(function(chat) return chat.visitor.city end),
  region = filters.same(function(chat) return chat.visitor.region end),
  country = filters.same(function(chat) return chat.visitor.country end),
}

local function between(from, to)
  return function(chat) return chat.started >= from and chat.started < to end
end

--- As filters.read.
---@param zone table|nil whose days date_from and date_to are
function chat_filters.read(service, query, zone)
  return filters.read(service, query, MAKERS, between, zone)
end

return chat_filters
