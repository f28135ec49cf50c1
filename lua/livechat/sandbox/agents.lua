-- SPDX-License-Identifier: MIT
-- The account's agents. A handler answers `value`, or `nil, status, body`.
local json = require "livechat.json"
local views = require "livechat.sandbox.views"

local Agents = {}
Agents.__index = Agents

local STATUSES = { "accepting chats", "not accepting chats", "offline" }
local LOGIN_STATUSES = { "accepting chats", "not accepting chats" }
local PERMISSIONS = { "administrator", "normal" }
local NOTIFICATIONS = { "new_visitor", "incoming_chat", "returning_visitor", "queued_visitor",
  "visitor_is_typing", "new_goal" }
local DAYS = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }
local DEFAULT_AVATAR = "livechat.s3.amazonaws.com/default/avatars/" ..
  "45bcb5f592dbf5aac8f88dcfd6bc937c.png"

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

-- The agents ---------------------------------------------------------------------------------

---@param owner string the login of the account's owner
---@param options table { variants=, license_id= } the service's, read at each answer
function Agents.new(owner, options)
  local self = setmetatable({ options = options, list_of = {}, by_login = {} }, Agents)
  local people = {
    { owner, "John Doe", "owner", "accepting chats", { 1, 2 } },
    { "jane.doe@example.com", "Jane Doe", "administrator", "accepting chats", { 1 } },
    { "peter.novak@example.com", "Peter Novak", "normal", "not accepting chats", { 2 } },
    { "zofia.maj@example.com", "Zofia Maj", "normal", "offline", { 2, 3 } },
    { "omar.haddad@example.com", "Omar Haddad", "normal", "offline", { 3 } },
  }
  for _, person in ipairs(people) do
    local agent = self:add(person[1], { name = person[2], permission = person[3],
      groups = person[5] })
    agent.status = person[4]
  end
  return self
end

function Agents:add(login, fields)
  local agent = { login = login, name = fields.name,
    login_status = fields.login_status or "accepting chats",
    permission = fields.permission or "normal", daily_summary = fields.daily_summary or 1,
    job_title = fields.job_title or "Support Agent", avatar = DEFAULT_AVATAR,
    notifications = fields.notifications or { new_visitor = 0, returning_visitor = 0,
      queued_visitor = 0, visitor_is_typing = 0, new_goal = 0 },
    max_chats_count = fields.max_chats_count or 6, groups = fields.groups or { 0 },
    status = "offline", last_logout = 0 }
  self.list_of[#self.list_of + 1] = agent
  self.by_login[login] = agent
  return agent
end

--- { id=, name= } of an agent, for tickets; nil where there is no such agent.
function Agents:reference(login)
  local agent = type(login) == "string" and self.by_login[login]
  return agent and { id = agent.login, name = agent.name } or nil
end

function Agents:view(agent)
  return views.agent(agent, self.options.variants, self.options.license_id)
end

function Agents:find(login)
  local agent = self.by_login[login]
  if not agent then return nil, 404, { error = "Agent not found" } end
  return agent
end

--- GET /agents
function Agents:list(call)
  local status = call.query.status
  if status ~= nil and not contains(STATUSES, status) then
    return nil, 400, { errors = { "status must be one of: " .. table.concat(STATUSES, ", ") } }
  end
  local list = json.array()
  for _, agent in ipairs(self.list_of) do
    if not status or agent.status == status then
      list[#list + 1] = views.agent_in_list(agent, self.options.variants)
    end
  end
  return list
end

--- GET /agents/{login}
function Agents:get(call)
  local agent, status, body = self:find(call.id)
  if not agent then return nil, status, body end
  return self:view(agent)
end

--- POST /agents
function Agents:create(call)
  local login = call.fields.login
  local taken, errors = take(call.fields, CREATE)
  if type(login) ~= "string" or not login:find("^[^%s@]+@[^%s@]+$") then
    table.insert(errors, 1, "login must be a valid e-mail address")
  elseif self.by_login[login] then
    table.insert(errors, 1, "login is taken by another agent")
  end
  if call.fields.name == nil then errors[#errors + 1] = "name is required" end
  if #errors > 0 then return nil, 400, { errors = errors } end
  return self:view(self:add(login, taken))
end

--- PUT /agents/{login}: what is left out stays.
function Agents:update(call)
  local agent, status, body = self:find(call.id)
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
  return self:view(agent)
end

--- DELETE /agents/{login}
function Agents:delete(call)
  local agent, status, body = self:find(call.id)
  if not agent then return nil, status, body end
  self.by_login[agent.login] = nil
  for i, each in ipairs(self.list_of) do
    if each == agent then table.remove(self.list_of, i) break end
  end
  return { result = agent.login .. " removed successfully" }
end

return Agents
