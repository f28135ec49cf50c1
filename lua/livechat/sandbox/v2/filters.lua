-- SPDX-License-Identifier: MIT
-- The query of GET /tickets, as one predicate.
local json = require "livechat.json"
local dates = require "livechat.sandbox.dates"
local views = require "livechat.sandbox.v2.views"

local filters = {}

local STATUSES = { open = true, pending = true, solved = true, spam = true }
local SOURCES = { lc2 = true, mail = true, facebook = true, ["agent-app-manual"] = true,
  ["chat-window"] = true }

local function holds(text, part)
  return text ~= nil and text:lower():find(part, 1, true) ~= nil
end

local function has_tag(ticket, tag)
  for _, each in ipairs(ticket.tags) do
    if each == tag then return true end
  end
  return false
end

local function in_text(ticket, part)
  if holds(ticket.subject, part) or holds(ticket.id, part) or holds(ticket.requester.mail, part) or
      holds(ticket.requester.name, part) then
    return true
  end
  for _, event in ipairs(ticket.events) do
    if holds(event.message, part) then return true end
  end
  for _, tag in ipairs(ticket.tags) do
    if holds(tag, part) then return true end
  end
  return false
end

local function flag(test)
  return function(value)
    if value ~= "0" and value ~= "1" then return nil, "must be 0 or 1" end
    local wanted = value == "1"
    return function(ticket) return test(ticket) == wanted end
  end
end

local function text(test)
  return function(value)
    if type(value) ~= "string" then return nil, "must be a text" end
    return function(ticket) return test(ticket, value) end
  end
end

local function known(values, test)
  return function(value)
    if not values[value] then return nil, "is not known" end
    return function(ticket) return test(ticket) == value end
  end
end

-- Each takes the parameter's value and gives a predicate, or nil and what is wrong.
local MAKERS = {
  assigned = flag(function(ticket) return ticket.assignee ~= nil end),
  tagged = flag(function(ticket) return #ticket.tags > 0 end),
  status = known(STATUSES, function(ticket) return ticket.status end),
  source = known(SOURCES, function(ticket) return ticket.source.type end),
  assignee = text(function(ticket, login)
    return ticket.assignee ~= nil and ticket.assignee.id == login
  end),
  tag = text(has_tag),
  source_id = text(function(ticket, id) return ticket.source.id == id end),
  query = function(value)
    if type(value) ~= "string" then return nil, "must be a text" end
    local part = value:lower()
    return function(ticket) return in_text(ticket, part) end
  end,
  requester = function(value)
    local mail = type(value) == "table" and value.mail
    if type(mail) ~= "string" then return nil, "must be given as requester[mail]" end
    mail = mail:lower()
    return function(ticket) return ticket.requester.mail:lower() == mail end
  end,
  group = function(value)
    local id = tonumber(value)
    if not id or not views.GROUPS[id] then return nil, "must be the id of a group" end
    return function(ticket)
      for _, each in ipairs(ticket.groups) do
        if each == id then return true end
      end
      return false
    end
  end,
  agent = function(value)
    if not json.is_array(value) then return nil, "must be given as agent[]" end
    local logins = {}
    for _, login in ipairs(value) do logins[login] = true end
    return function(ticket) return ticket.assignee ~= nil and logins[ticket.assignee.id] == true end
  end,
}

-- One activity must lie between the two days, both included.
local function between(from, to)
  local function inside(time) return time >= from and time < to end
  return function(ticket)
    if inside(ticket.modified) then return true end
    for _, event in ipairs(ticket.events) do
      if inside(event.date) then return true end
    end
    return false
  end
end

local function day(query, name, errors)
  if query[name] == nil then return nil end
  local seconds = type(query[name]) == "string" and dates.day(query[name])
  if not seconds then errors[#errors + 1] = name .. " must be a day, YYYY-MM-DD" end
  return seconds or nil
end

--- Reads the filters of a decoded query.
---@return fun(ticket: table): boolean|nil matches nil where there is no filter, or after an error
---@return string|nil key the same text for the same filters
---@return string[]|nil errors
function filters.read(query)
  local tests, key, errors = {}, {}, json.array()
  for name, make in pairs(MAKERS) do
    if query[name] ~= nil then
      local test, message = make(query[name])
      if not test then errors[#errors + 1] = name .. " " .. message end
      tests[#tests + 1] = test
      key[name] = query[name]
    end
  end
  local from, to = day(query, "date_from", errors), day(query, "date_to", errors)
  if from or to then
    tests[#tests + 1] = between(from or -math.huge, to and to + 86400 or math.huge)
    key.date_from, key.date_to = query.date_from, query.date_to
  end
  table.sort(errors)
  if #errors > 0 then return nil, nil, errors end
  if #tests == 0 then return nil end
  return function(ticket)
    for i = 1, #tests do
      if not tests[i](ticket) then return false end
    end
    return true
  end, json.encode(key)
end

return filters
