-- SPDX-License-Identifier: MIT
-- v2's calls about agents. A handler answers a value, or nil, a status and a body.
local json = require "livechat.json"
local views = require "livechat.sandbox.v2.views"
local checks = require "livechat.sandbox.v2.checks"

local agents = {}

local STATUSES = { "accepting chats", "not accepting chats", "offline" }
local LOGIN_STATUSES = { "accepting chats", "not accepting chats" }
local PERMISSIONS = { "administrator", "normal" }
local NOTIFICATIONS = { "new_visitor", "incoming_chat", "returning_visitor", "queued_visitor",
  "visitor_is_typing", "new_goal" }
local DAYS = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }

local function count(value)
  local number = checks.whole(value)
  if number and number >= 1 and number <= 1000 then return number end
  return nil, "must be a whole number above 0"
end

local function password(value)
  if type(value) ~= "string" or #value < 5 then return nil, "must have at least 5 characters" end
  return value
end

-- Some of them or none: the others stay as they are.
local function notifications(value)
  if type(value) ~= "table" then return nil, "must be an object" end
  local result = {}
  for name, each in pairs(value) do
    result[name] = checks.bit(each)
    if not checks.contains(NOTIFICATIONS, name) or not result[name] then
      return nil, "must hold 0 or 1 for: " .. table.concat(NOTIFICATIONS, ", ")
    end
  end
  return result
end

local function time_of_day(value)
  local hour, minute = tostring(value):match("^(%d%d):(%d%d)$")
  return hour and tonumber(hour) < 24 and tonumber(minute) < 60 and value or nil
end

local HOURS = { enabled = checks.bit, start = time_of_day, ["end"] = time_of_day }

-- Some of the days, and of each some of its members.
local function work_scheduler(value)
  if type(value) ~= "table" then return nil, "must be an object of days" end
  local result = {}
  for day, hours in pairs(value) do
    local right = checks.contains(DAYS, day) and type(hours) == "table"
    result[day] = {}
    for name, each in pairs(right and hours or {}) do
      result[day][name] = HOURS[name] and HOURS[name](each)
      right = right and result[day][name] ~= nil
    end
    if not right then
      return nil, 'must hold for each day {"enabled": 0 or 1, "start": "HH:MM", "end": "HH:MM"}'
    end
  end
  return result
end

local CREATE = { name = checks.text, job_title = checks.text, password = password,
  login_status = checks.one_of(LOGIN_STATUSES), permission = checks.one_of(PERMISSIONS),
  groups = checks.groups, notifications = notifications, daily_summary = checks.bit,
  max_chats_count = count }
local UPDATE = { current_password = checks.text, status = checks.one_of(STATUSES),
  work_scheduler = work_scheduler }
for name, check in pairs(CREATE) do UPDATE[name] = check end

local function view(service, agent)
  return views.agent(agent, service)
end

local function find(service, login)
  local agent = service.agents.by_login[login]
  if not agent then return nil, 404, { error = "Agent not found" } end
  return agent
end

--- GET /agents
function agents.list(service, call)
  local status = call.query.status
  if status ~= nil and not checks.contains(STATUSES, status) then
    return nil, 400, { errors = { "status must be one of: " .. table.concat(STATUSES, ", ") } }
  end
  local list = json.array()
  for _, agent in ipairs(service.agents.list_of) do
    if not status or agent.status == status then
      list[#list + 1] = views.agent_in_list(agent, service)
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
  local taken, errors = checks.take(service, call.fields, CREATE)
  if not checks.mail(login) then
    table.insert(errors, 1, "login must be a valid e-mail address")
  elseif service.agents.by_login[login] then
    table.insert(errors, 1, "login is taken by another agent")
  end
  if call.fields.name == nil then errors[#errors + 1] = "name is required" end
  if #errors > 0 then return nil, 400, { errors = errors } end
  local agent = service.agents:add(login, taken)
  service:tell("agent_created", agent, call.now)
  return view(service, agent)
end

--- PUT /agents/{login}: what is left out stays.
function agents.update(service, call)
  local agent, status, body = find(service, call.id)
  if not agent then return nil, status, body end
  local taken, errors = checks.take(service, call.fields, UPDATE)
  if taken.password and not taken.current_password then
    errors[#errors + 1] = "current_password is required to change the password"
  end
  if #errors > 0 then return nil, 400, { errors = errors } end
  taken.password, taken.current_password = nil, nil -- what is not kept cannot leak
  if agent.status == "offline" then taken.status = nil end
  for name, value in pairs(taken.notifications or {}) do agent.notifications[name] = value end
  service.agents:schedule(agent, taken.work_scheduler or {})
  local changes = {}
  for name in pairs(taken) do changes[name] = true end
  taken.notifications, taken.work_scheduler = nil, nil
  if taken.groups and #taken.groups == 0 then taken.groups = { 0 } end
  for name, value in pairs(taken) do agent[name] = value end
  service:tell("agent_updated", agent, call.now, changes)
  return view(service, agent)
end

--- DELETE /agents/{login}
function agents.delete(service, call)
  local agent, status, body = find(service, call.id)
  if not agent then return nil, status, body end
  service.agents:remove(agent)
  service:tell("agent_deleted", agent, call.now)
  return { result = agent.login .. " removed successfully" }
end

return agents
