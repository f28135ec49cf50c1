-- SPDX-License-Identifier: MIT
-- The Agent Chat API's actions about routing statuses. A handler answers a value, or nil, an
-- error's type and its message.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local tokens = require "livechat.sandbox.accounts.tokens"

local object = schema.object

-- People go offline by leaving, bots by this action, and there are no bots.
local function set(service, call)
  local fields = call.fields
  local agent = service.agents.by_login[fields.agent_id or call.login]
  if not agent then return nil, "not_found", "Agent not found" end
  if agent.login ~= call.login and not tokens.allowed(call.caller, "agents--all:rw") then
    return nil, "authorization", "Missing required scope: agents--all:rw"
  end
  if fields.status == "offline" then
    return nil, "validation", "`status` offline is for bots only"
  end
  agent.status = fields.status:gsub("_", " ")
  service:tell("agent_status", agent, call.now, nil, nil, call.caller)
  return today.NOTHING
end

local function list(service, call)
  local wanted
  for _, id in ipairs(call.fields.filters and call.fields.filters.group_ids or {}) do
    wanted = wanted or {}
    wanted[id] = true
  end
  local result = json.array()
  for _, agent in ipairs(service.agents.list_of) do
    local inside = not wanted or wanted[0]
    for _, id in ipairs(agent.groups) do inside = inside or wanted[id] end
    if inside then
      result[#result + 1] = { agent_id = agent.login, status = agent.status:gsub(" ", "_") }
    end
  end
  return result
end

return {
  set_routing_status = { set, object({ ["status*"] = schema.one_of({ "accepting_chats",
    "not_accepting_chats", "offline" }), agent_id = schema.text(254, 1) }),
    scopes = "agents--my:rw agents--all:rw" },
  list_routing_statuses = { list, object({ filters = object({
    group_ids = schema.list(schema.integer(0, 2 ^ 31), 200) }) }),
    scopes = "agents--all:ro&agents-bot--all:ro" },
}
