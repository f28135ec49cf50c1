-- SPDX-License-Identifier: MIT
-- A morning's triage: who is there, what is new, who takes what.
--
--   lua5.4 examples/triage.lua
--
-- The account comes from LIVECHAT_USERNAME and LIVECHAT_API_KEY (or LIVECHAT_ACCESS_TOKEN), the
-- service from LIVECHAT_BASE_URL; LIVECHAT_API=v3 chooses today's APIs, for which nothing else
-- changes here. `make demo` runs it against the local service. On a real account it does what it
-- says: it creates a ticket, assigns and tags open tickets that no agent has, adds and removes an
-- agent.
local livechat = require "livechat"

local function say(...)
  print(string.format(...))
end

local client = livechat.new {
  on_wait = function(seconds)
    io.stderr:write(("  waiting %.1f s: the service allows 100 calls a minute\n"):format(seconds))
  end,
}

say("Agents")
local agents = assert(client.agents:list())
for _, agent in ipairs(agents) do
  say("  %-28s %-22s %s", agent.login, agent.name, agent.status or "")
end

say("\nA ticket comes in")
local ticket = assert(client.tickets:create {
  subject = "Parcel arrived open",
  message = "The box was open and one cup is missing.",
  requester = { mail = "mary.brown@example.com", name = "Mary Brown" },
})
say("  %s  %s", ticket.id, ticket.subject)

say("\nAll tickets")
local by_status, seen = {}, 0
for each in client.tickets:each() do
  seen = seen + 1
  by_status[each.status] = (by_status[each.status] or 0) + 1
  if seen % 25 == 0 then
    io.stderr:write(("  %d tickets read\n"):format(seen))
  end
end
say("  %d in all", seen)
for _, status in ipairs { "open", "pending", "solved", "spam" } do
  say("  %-8s %d", status, by_status[status] or 0)
end

say("\nOpen ones that no agent has")
local turn, taken = 0, 0
for each in client.tickets:each { status = "open", assigned = 0 } do
  turn = turn % #agents + 1
  local agent = agents[turn]
  local updated, err = each:update { assignee = { id = agent.login } }
  if not updated and err.kind == "rejected" then
    say("  %s: the service did not take %s", each.id, table.concat(err.ignored or {}, ", "))
  else
    updated = assert(updated, err)
    assert(updated:add_tags({ "triage" }, { create_tags = true }))
    taken = taken + 1
    say("  %s -> %-28s %s", updated.id, updated.assignee.name, updated.subject)
  end
end
say("  %d assigned and tagged", taken)

say("\nAn agent for the day")
local agent = assert(client.agents:create {
  login = "temp.worker@example.com", name = "Temp Worker", permission = "normal",
})
say("  added    %s (%s)", agent.login, agent.name)
assert(agent:delete())
say("  removed  %s", agent.login)

local state = assert(client:throttled())
say("\nThrottle: %d of %d calls used in the last %d s, the next one waits %.1f s",
  state.used, state.calls, state.period, state.wait)
client:close()
