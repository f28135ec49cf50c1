-- SPDX-License-Identifier: MIT
-- v2's calls about agents. A handler answers a value, or nil, a status and a body.
local json = require "livechat.json"
local views = require "livechat.sandbox.v2.views"

local agents = {}

local STATUSES = { "accepting chats", "not accepting chats", "offline" }
local LOGIN_STATUSES = { "accepting chats", "not accepting chats" }
local PERMISSIONS = { "administrator", "normal" }
local NOTIFICATIONS = { "new_visitor", "incoming_chat", "returning_visitor", "queued_visitor",
  "visitor_is_typing", "new_goal" }
local DAYS = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }

local function contains(list, value)
  for _, each in ipairs(list) do
    if each == value then return true end
  end
  return false
end

-- Checks: the value as it is kept, or nil and what it should have been -----------------------

local function text(value)
  if type(value) ~= "string" or value == "" then return nil, "must be a text" end
  return value
end

local function one_of(list)
  return function(value)
    if contains(list, value) then return value end
    return nil, "must be one of: " .. table.concat(list, ", ")
  end
end

local function bit(value)
  local number = tonumber(value)
  if type(value) ~= "boolean" and (number == 0 or number == 1) then return math.floor(number) end
  return nil, "must be 0 or 1"
end

local function count(value)
  local number = tonumber(value)
  if number and number >= 1 and number <= 1000 and number % 1 == 0 then
    return math.floor(number)
  end
  return nil, "must be a whole number above 0"
end

local function password(value)
  if type(value) ~= "string" or #value < 5 then return nil, "must have at least 5 characters" end
  return value
end

local function groups(value)
  if type(value) ~= "table" or not json.is_array(value) and next(value) ~= nil and not value[1] then
    return nil, "must be a list of group ids"
  end
  local ids = {}
  for i, each in ipairs(value) do
    local id = tonumber(each)
    if not id or not views.GROUPS[id] then return nil, "must hold ids of existing groups" end
    ids[i] = math.floor(id)
  end
  return ids
end

local function named_bits(names)
  return function(value)
    if type(value) ~= "table" then return nil, "must be an object" end
    local result = {}
    for name, each in pairs(value) do
      local number = bit(each)
      if not contains(names, name) or not number then
        return nil, "must hold 0 or 1 for: " .. table.concat(names, ", ")
      end
      result[name] = number
    end
    return result
  end
end

local function work_scheduler(value)
  if type(value) ~= "table" then return nil, "must be an object of days" end
  local result = {}
  for day, hours in pairs(value) do
    local enabled = type(hours) == "table" and bit(hours.enabled)
    if not contains(DAYS, day) or not enabled or
        not tostring(hours.start):find("^[0-2]%d:[0-5]%d$") or
        not tostring(hours["end"]):find("^[0-2]%d:[0-5]%d$") then
      return nil, 'must hold for each day {"enabled": 0 or 1, "start": "HH:MM", "end": "HH:MM"}'
    end
    result[day] = { enabled = enabled, start = hours.start, ["end"] = hours["end"] }
  end
  return result
end

local CREATE = { name = text, job_title = text, login_status = one_of(LOGIN_STATUSES),
  password = password, permission = one_of(PERMISSIONS), groups = groups,
  notifications = named_bits(NOTIFICATIONS), daily_summary = bit, max_chats_count = count }
local UPDATE = { current_password = text, status = one_of(STATUSES),
  work_scheduler = work_scheduler }
for name, check in pairs(CREATE) do UPDATE[name] = check end

local function take(fields, checks)
  local taken, errors = {}, json.array()
  for name, check in pairs(checks) do
    if fields[name] ~= nil then
      local value, message = check(fields[name])
      if value == nil then errors[#errors + 1] = name .. " " .. message end
      taken[name] = value
    end
  end
  table.sort(errors)
  return taken, errors
end

local function view(service, agent)
  return views.agent(agent, service.options.variants, service.options.license_id)
end

local function find(service, login)
  local agent = service.agents.by_login[login]
  if not agent then return nil, 404, { error = "Agent not found" } end
  return agent
end

--- GET /agents
function agents.list(service, call)
  local status = call.query.status
  if status ~= nil and not contains(STATUSES, status) then
    return nil, 400, { errors = { "status must be one of: " .. table.concat(STATUSES, ", ") } }
  end
  local list = json.array()
  for _, agent in ipairs(service.agents.list_of) do
    if not status or agent.status == status then
      list[#list + 1] = views.agent_in_list(agent, service.options.variants)
    end
  end
  return list
end

--- GET /agents/{login}
function agents.get(service, call)
  local agent, status, body = find(service, call.id)
  if not agent then return nil, status, body end
  return view(service, agent)
end

--- POST /agents
function agents.create(service, call)
  local login = call.fields.login
  local taken, errors = take(call.fields, CREATE)
  if type(login) ~= "string" or not login:find("^[^%s@]+@[^%s@]+$") then
    table.insert(errors, 1, "login must be a valid e-mail address")
  elseif service.agents.by_login[login] then
    table.insert(errors, 1, "login is taken by another agent")
  end
  if call.fields.name == nil then errors[#errors + 1] = "name is required" end
  if #errors > 0 then return nil, 400, { errors = errors } end
  return view(service, service.agents:add(login, taken))
end

--- PUT /agents/{login}: what is left out stays.
function agents.update(service, call)
  local agent, status, body = find(service, call.id)
  if not agent then return nil, status, body end
  local taken, errors = take(call.fields, UPDATE)
  if taken.password and not taken.current_password then
    errors[#errors + 1] = "current_password is required to change the password"
  end
  if #errors > 0 then return nil, 400, { errors = errors } end
  taken.password, taken.current_password = nil, nil -- what is not kept cannot leak
  if agent.status == "offline" then taken.status = nil end
  for name, value in pairs(taken.notifications or {}) do agent.notifications[name] = value end
  taken.notifications = nil
  for name, value in pairs(taken) do agent[name] = value end
  agent.work_scheduler = agent.work_scheduler or {
    monday = { enabled = 1, start = "09:00", ["end"] = "17:00" },
    sunday = { enabled = 0, start = "11:00", ["end"] = "17:00" },
  }
  return view(service, agent)
end

--- DELETE /agents/{login}
function agents.delete(service, call)
  local agent, status, body = find(service, call.id)
  if not agent then return nil, status, body end
  service.agents:remove(agent)
  return { result = agent.login .. " removed successfully" }
end

return agents
