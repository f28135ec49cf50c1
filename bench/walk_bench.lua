-- SPDX-License-Identifier: MIT
--- What `tickets:each` keeps of 100,000 tickets.
package.path = "./?.lua;" .. package.path
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"
local stats = require "bench.stats"

local function resident()
  local file = assert(io.open("/proc/self/statm"))
  local pages = tonumber((file:read("*l"):match("^%d+ (%d+)")))
  file:close()
  return pages * 4096
end

-- v2's list is walked by pages, HelpDesk's by cursor.
for _, api in ipairs { "v2", "v3" } do
  local sandbox = helper.sandbox { seed = 100000, calls = false }
  local client = livechat.new { api = api, api_key = sandbox.api_key, base_url = sandbox.url,
    username = api == "v2" and sandbox.username or sandbox.account_id,
    helpdesk_url = sandbox.url, throttle = false }
  local seen, from, began = 0, nil, core.clock()
  for _ in client.tickets:each() do
    seen = seen + 1
    if seen == 2500 then -- the heap has its working size
      from = resident()
    end
  end
  stats.report("walking 100,000 tickets by " .. api, core.clock() - began, "s")
  stats.report("tickets given", seen, "", { at_least = 100000, at_most = 100000 })
  stats.report("growth of the process", (resident() - from) / (seen - 2500), "bytes a ticket",
    { at_most = 100 })
  client:close()
  sandbox.stop()
end

helper.cleanup()
stats.finish()
