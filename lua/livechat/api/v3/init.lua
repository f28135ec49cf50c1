-- SPDX-License-Identifier: MIT
--- The Configuration and Agent Chat APIs of version 3.6 as data; see v2/init.lua for what the rows
--- say. Resources whose wire differs from v2's by more than data have a file each, which gives
--- their rows, their kinds of records, and where in an answer those are.
local wire = require "livechat.api.v3.wire"

local v3 = {
  name = "v3",
  service = { name = "livechat", base_url = "https://api.livechatinc.com", headers = wire.headers,
    failure = wire.failure },
  services = { wire.accounts },
  records = {},
  -- What is done has no answer, or {}.
  answers = { done = { what = "a result" } },
  resources = {},
}

local function add(room)
  for name, data in pairs(room.records) do v3.records[name] = data end
  for name, data in pairs(room.answers) do v3.answers[name] = data end
end

for _, name in ipairs { "agents" } do
  local room = require("livechat.api.v3." .. name)
  add(room)
  v3.resources[name] = room.resources
end

return v3
