-- SPDX-License-Identifier: MIT
-- The account's groups. Who is in one stands with the agents, so that the two cannot disagree.
-- Group 0 has every agent; it cannot be changed.
local Groups = {}
Groups.__index = Groups

---@param agents table Agents
function Groups.new(agents)
  local self = setmetatable({ agents = agents, list_of = {}, by_id = {}, names = {}, next = 0 },
    Groups)
  for _, name in ipairs({ "All operators", "Sales", "Technical Support", "Invoicing" }) do
    self:add(name, "en")
  end
  return self
end

---@return table group { id=, name=, language= }
function Groups:add(name, language)
  local group = { id = self.next, name = name, language = language }
  self.next = self.next + 1
  self.list_of[#self.list_of + 1] = group
  self.by_id[group.id] = group
  self:rename(group, name)
  return group
end

function Groups:rename(group, name)
  group.name, self.names[group.id] = name, name
end

--- The name of a group that there is or was: old chats and tickets keep theirs.
---@return string|nil
function Groups:name(id)
  return self.names[id]
end

local function position(list, value)
  for i, each in ipairs(list) do
    if each == value then return i end
  end
end

--- The agents of a group, in the order in which the account has them.
---@return table[] agents
function Groups:members(id)
  local members = {}
  for _, agent in ipairs(self.agents.list_of) do
    if id == 0 or position(agent.groups, id) then members[#members + 1] = agent end
  end
  return members
end

-- An agent of no group of its own is in group 0.
local function without(ids, id)
  local rest = {}
  for _, each in ipairs(ids) do
    if each ~= id then rest[#rest + 1] = each end
  end
  return rest
end

--- Makes these agents, and no others, members of a group.
---@param logins string[]
function Groups:set_members(id, logins)
  local wanted = {}
  for _, login in ipairs(logins) do wanted[login] = true end
  for _, agent in ipairs(self.agents.list_of) do
    local rest = without(without(agent.groups, 0), id)
    if wanted[agent.login] then rest[#rest + 1] = id end
    if wanted[agent.login] ~= (position(agent.groups, id) and true) then
      agent.groups = #rest > 0 and rest or { 0 }
    end
  end
end

function Groups:remove(group)
  self:set_members(group.id, {})
  table.remove(self.list_of, position(self.list_of, group))
  self.by_id[group.id] = nil
end

--- "accepting chats" where one of its agents is, "not accepting chats" where one is there at least,
--- else "offline".
---@return string
function Groups:status(id)
  local status = "offline"
  for _, agent in ipairs(self:members(id)) do
    if agent.status == "accepting chats" then return agent.status end
    if agent.status ~= "offline" then status = agent.status end
  end
  return status
end

return Groups
