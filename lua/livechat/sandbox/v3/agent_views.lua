-- SPDX-License-Identifier: MIT
-- How v3 writes an agent.
local json = require "livechat.json"
local today = require "livechat.sandbox.today"
local extras = require "livechat.sandbox.v3.extras"

local agent_views = {}

agent_views.NOTIFICATIONS = { "new_visitor", "incoming_chat", "returning_visitor",
  "queued_visitor", "visitor_is_typing", "new_goal", "unassigned_chats", "unassigned_chat_messages",
  "ticket", "inactive_notifications", "mute_all_sounds", "repeat_sound_notifications",
  "ticket_notifications", "incoming_message_for_focused_chat" }

--- Those that v2 has too.
agent_views.IN_V2 = { new_visitor = true, incoming_chat = true, returning_visitor = true,
  queued_visitor = true, visitor_is_typing = true, new_goal = true }

--- What comes only where it is asked for.
agent_views.FIELDS = { "work_scheduler", "groups", "email_subscriptions", "notifications",
  "job_title", "mobile", "max_chats_count", "suspended", "awaiting_approval", "last_logout" }

local DAYS = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }

--- An agent's role; v2 has no viceowner.
function agent_views.role(service, agent)
  local role = extras.of(service, agent).role
  if role == "viceowner" and agent.permission == "administrator" then return role end
  return agent.permission
end

-- Each gives a member's value, nil where there is none.
local WRITE = {}

function WRITE.work_scheduler(service, agent)
  if not agent.work_scheduler then return nil end
  local schedule = json.array()
  for i, day in ipairs(DAYS) do
    local hours = agent.work_scheduler[day]
    schedule[i] = { day = day, enabled = hours.enabled == 1, start = hours.start,
      ["end"] = hours["end"] }
  end
  return { timezone = extras.of(service, agent).timezone or service.options.timezone,
    schedule = schedule }
end

function WRITE.groups(service, agent)
  local result, priorities = json.array(), extras.of(service, agent).priorities or {}
  for i, id in ipairs(agent.groups) do
    result[i] = { id = today.id(service, id), priority = priorities[id] or "normal" }
  end
  return result
end

function WRITE.email_subscriptions(service, agent)
  local weekly = false
  for _, name in ipairs(extras.of(service, agent).email_subscriptions or {}) do
    weekly = weekly or name == "weekly_summary"
  end
  local result = json.array()
  if agent.daily_summary == 1 then result[1] = "daily_summary" end
  if weekly then result[#result + 1] = "weekly_summary" end
  return result
end

function WRITE.notifications(service, agent)
  local result, more = json.array(), extras.of(service, agent).notifications or {}
  for _, name in ipairs(agent_views.NOTIFICATIONS) do
    if agent.notifications[name] == 1 or more[name] then result[#result + 1] = name end
  end
  return result
end

function WRITE.last_logout(service, agent)
  return agent.last_logout > 0 and today.date(service, agent.last_logout, 6, agent.login) or nil
end

function WRITE.suspended(service, agent)
  return extras.of(service, agent).suspended == true
end

function WRITE.awaiting_approval(service, agent)
  return extras.of(service, agent).awaiting_approval == true
end

function WRITE.mobile(service, agent) return extras.of(service, agent).mobile or "" end
function WRITE.job_title(_, agent) return agent.job_title end
function WRITE.max_chats_count(_, agent) return agent.max_chats_count end

--- One member as it is written.
function agent_views.member(service, agent, name)
  return WRITE[name](service, agent)
end

---@param fields string[]|nil what is asked for besides what always comes
function agent_views.agent(service, agent, fields)
  local result = { id = agent.login, account_id = service.identities:of("account", agent.login),
    name = agent.name, avatar = "https://" .. agent.avatar, role = agent_views.role(service, agent),
    login_status = agent.login_status }
  for _, name in ipairs(fields or {}) do result[name] = WRITE[name](service, agent) end
  return result
end

--- Remembers what is shown of an agent who is about to change.
function agent_views.remember(service, agent, now)
  local own, spread = extras.of(service, agent), service.options.today.spread
  if spread and not (own.before and now < own.before.until_time) then
    own.before = { until_time = now + spread,
      view = agent_views.agent(service, agent, agent_views.FIELDS) }
  end
end

--- An agent as get_agent has it: changes take their time to spread.
---@return table|nil nil for an agent who is not seen yet
function agent_views.shown(service, agent, fields, now)
  local own = extras.of(service, agent)
  if own.appears and now < own.appears then return nil end
  local result = agent_views.agent(service, agent, fields)
  if own.before and now < own.before.until_time then
    for name in pairs(result) do result[name] = own.before.view[name] end
  end
  return result
end

--- As list_agents has it, where much may be missing.
function agent_views.in_list(service, agent, fields, now)
  local result = agent_views.shown(service, agent, fields, now)
  if result and service.options.today.lists == "bare" then
    result.name, result.role, result.avatar, result.account_id = nil, nil, nil, nil
    result.avatar_path = agent.avatar
  end
  return result
end

return agent_views
