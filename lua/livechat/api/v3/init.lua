-- SPDX-License-Identifier: MIT
--- The Configuration and Agent Chat APIs of version 3.6 as data; see v2/init.lua for what the rows
--- say. Resources whose wire differs from v2's by more than data have a file each, which gives
--- their rows, their kinds of records, and where in an answer those are.
local accounts = require "livechat.api.accounts"
local agents = require "livechat.api.v3.agents"
local chats = require "livechat.api.v3.chats"
local events = require "livechat.api.v3.events"
local groups = require "livechat.api.v3.groups"
local webhooks = require "livechat.api.v3.webhooks"
local wire = require "livechat.api.v3.wire"

local v3 = {
  name = "v3",
  service = { name = "livechat", base_url = "https://api.livechatinc.com", headers = wire.headers,
    failure = wire.failure },
  services = { accounts },
  records = {
    event = events.record,
    survey_item = { members = { id = "id", answer = "scalar",
      answers = { list = "survey_answer" } } },
    survey_answer = { members = { chosen = "boolean" } },
  },
  -- What is done has no answer, or {}.
  answers = { done = { what = "a result" } },
  events = events,
}

local function add(room)
  for name, data in pairs(room.records) do v3.records[name] = data end
  for name, data in pairs(room.answers) do v3.answers[name] = data end
end

add(agents)
add(groups)
add(chats)
add(webhooks)
v3.resources = { agents = agents.resources, groups = groups.resources, tags = groups.tags,
  chats = chats.resources, customers = chats.customers,
  webhooks = webhooks.resources }

--- Any other action, for client:call.
---@param folder string
---@param name string
---@return table|nil row
function v3.action(folder, name)
  if (folder == "configuration" or folder == "agent") and name:find("^%l[%l%d_]*$") then
    return wire.action(folder, name, { safe = name:find("^get_") or name:find("^list_") })
  end
end

return v3
