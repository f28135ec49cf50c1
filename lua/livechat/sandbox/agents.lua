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

--- Adds an agent; whoever asks has checked `fields`.
---@return table agent
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
