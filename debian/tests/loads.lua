-- SPDX-License-Identifier: MIT
-- What is built or installed can be loaded by this Lua and makes a call, which nothing answers.
local livechat = require "livechat"
local client = livechat.new {
  username = "john.doe@example.com", api_key = "key", base_url = "http://127.0.0.1:1",
  retry = false,
}
local agents, err = client.agents:list()
assert(agents == nil and err.kind == "network" and err.outcome == "not_sent", tostring(err))
assert(client:throttled().used == 1)
client:close()
print(_VERSION .. ": livechat " .. livechat._VERSION)
