-- SPDX-License-Identifier: MIT
-- The account's agents, whichever API asks for them.
local Agents = {}
Agents.__index = Agents

local DEFAULT_AVATAR = "livechat.s3.amazonaws.com/default/avatars/" ..
  "45bcb5f592dbf5aac8f88dcfd6bc937c.png"

---@param owner string the login of the account's owner
function Agents.new(owner)
  local self = setmetatable({ list_of = {}, by_login = {} }, Agents)
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

-- As the documentation shows them for a new agent.
local function notifications(given)
  local result = { new_visitor = 1, returning_visitor = 1, queued_visitor = 1,
    visitor_is_typing = 0, new_goal = 1 }
  for name, value in pairs(given or {}) do result[name] = value end
  return result
end

--- Adds an agent; the caller has checked `fields`.
---@return table agent
function Agents:add(login, fields)
  local groups = fields.groups
  local agent = { login = login, name = fields.name,
    login_status = fields.login_status or "accepting chats",
    permission = fields.permission or "normal", daily_summary = fields.daily_summary or 1,
    job_title = fields.job_title or "Support Agent", avatar = DEFAULT_AVATAR,
    notifications = notifications(fields.notifications),
    max_chats_count = fields.max_chats_count or 6,
    groups = groups and #groups > 0 and groups or { 0 }, status = "offline", last_logout = 0 }
  self.list_of[#self.list_of + 1] = agent
  self.by_login[login] = agent
  return agent
end

local WEEK = { monday = 1, tuesday = 1, wednesday = 1, thursday = 1, friday = 1, saturday = 0,
  sunday = 0 }

--- Changes an agent's working hours; what is not given stays, and at first is nine to five.
---@param days table<string, table> { monday = { enabled=, start=, end= }, … }, each part optional
function Agents:schedule(agent, days)
  agent.work_scheduler = agent.work_scheduler or {}
  for day, enabled in pairs(WEEK) do
    local hours = agent.work_scheduler[day] or
      { enabled = enabled, start = "09:00", ["end"] = "17:00" }
    for name, value in pairs(days[day] or {}) do hours[name] = value end
    agent.work_scheduler[day] = hours
  end
end

--- { id=, name= } of an agent, for tickets; nil where there is no such agent.
function Agents:reference(login)
  local agent = type(login) == "string" and self.by_login[login]
  return agent and { id = agent.login, name = agent.name } or nil
end

--- { id=, name= } of every agent.
function Agents:references()
  local people = {}
  for i, agent in ipairs(self.list_of) do people[i] = self:reference(agent.login) end
  return people
end

function Agents:remove(agent)
  self.by_login[agent.login] = nil
  for i, each in ipairs(self.list_of) do
    if each == agent then table.remove(self.list_of, i) break end
  end
end

return Agents
