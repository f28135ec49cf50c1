-- SPDX-License-Identifier: MIT
--- The calls that faulty_spec.lua makes under every fault, in a plain script and in nginx.
local livechat = require "livechat"

local faulty = {}

--- In the order of the table. What is ", written" goes to a service where only what writes meets
--- the fault: the look before an update, and the search for a lost create, go well there.
faulty.calls = { "list", "get", "create", "update", "tag", "delete",
  "create, written", "update, written", "tag, written" }

local CALLS = {
  list = function(client) return client.tickets:list() end,
  get = function(client, id) return client.tickets:get(id) end,
  create = function(client, id) -- as no other row of the table has made it
    return client.tickets:create { message = "made after " .. id, subject = "made",
      requester = { mail = "mary@example.net" } }
  end,
  update = function(client, id) return client.tickets:update(id, { subject = "changed" }) end,
  tag = function(client, id) return client.tickets:tag(id, { "vip" }) end,
  delete = function(client, id) return client[faulty.deleted]:delete(id) end,
}

--- A client that waits for no more than half a second, tries twice and does not sleep for long.
function faulty.client(options)
  local with = { timeout = 0.5, retry = { attempts = 2, base = 0.01, cap = 0.02 },
    throttle = false, reconcile = 0.5, max_response = 2 ^ 20 }
  for name, value in pairs(options) do with[name] = value end
  faulty.deleted = with.api == "v3" and "tickets" or "canned_responses" -- what may be deleted
  return livechat.check(livechat.new(with))
end

local function client_for(clients, name)
  return name:find(", written", 1, true) and clients.written or clients.all
end

--- What the calls work on, each on something of its own: made while the services are well.
---@param clients { all: livechat.Client, written: livechat.Client }
---@return table<string, string> ids by the call's name
function faulty.prepare(clients)
  local ids = {}
  for i, name in ipairs(faulty.calls) do
    local client = client_for(clients, name)
    local made
    if name == "delete" and faulty.deleted == "canned_responses" then
      made = client.canned_responses:create { text = "gone soon", tags = { "gone" } }
    else
      made = client.tickets:create { message = name,
        requester = { mail = ("a%d@example.net"):format(i) } }
    end
    ids[name] = livechat.check(made).id
  end
  return ids
end

--- Makes all calls at once; gives what came of each, as docs/faults.md writes it.
---@return string[]
function faulty.try(clients, ids)
  local results = livechat.gather(faulty.calls, function(name)
    return CALLS[name:match "^%a+"](client_for(clients, name), ids[name])
  end, { concurrency = #faulty.calls })
  local texts = {}
  for i, result in ipairs(results) do
    local err = result[2]
    texts[i] = result[1] and "done" or err.outcome and err.kind .. ", " .. err.outcome
      or tostring(err)
  end
  return texts
end

return faulty
