-- SPDX-License-Identifier: MIT
-- once: dialects_proof_spec has the programs of LuaJIT and nginx, helpdesk_spec every Lua
--- One table of scenarios (spec/scenarios.lua), from the same source on both APIs.
local helper = require "spec.helper"
local livechat = require "livechat"
local scenarios = require "spec.scenarios"

teardown(function() helper.cleanup() end)

local APIS = scenarios.apis

local function open(api)
  local sandbox = helper.sandbox { calls = false, token = "0123456789abcdef" }
  return assert(livechat.new { api = api, username = sandbox[APIS[api].account],
    api_key = sandbox.api_key, base_url = sandbox.url, helpdesk_url = sandbox.url .. "/v1",
    accounts_url = sandbox.url, throttle = false, retry = false }), sandbox
end

-- Keeps the first delivery that comes.
local RECEIVING = [[
  server {
    listen 127.0.0.1:$PORT;
    location /hook {
      content_by_lua_block {
        ngx.req.read_body()
        local file = io.open("$FOLDER/new", "wb")
        file:write(ngx.var.args or "", "\n", ngx.req.get_body_data())
        file:close()
        os.rename("$FOLDER/new", "$FOLDER/got")
        ngx.print("taken")
      }
    }
  }
]]

local function receive(api)
  local client, sandbox = open(api)
  local folder = helper.folder()
  local nginx = helper.nginx { http = (RECEIVING:gsub("%$FOLDER", folder)) }
  local hook = assert(client.webhooks:create { event_type = "ticket_created",
    data_types = { "ticket" }, url = "http://127.0.0.1:" .. nginx.port .. "/hook" })
  assert.equal("ticket_created", hook.event_type)
  local receiver, seen = livechat.receiver { token = hook.token or sandbox.token,
    client = client }, {}
  receiver:on("ticket_created", function(event)
    seen[#seen + 1] = { event.type, event.ticket.subject, event.ticket.requester.mail }
    assert(event.ticket:update { subject = "Received" })
  end)
  local ticket = assert(client.tickets:create { subject = "Parcel", message = "It is open",
    requester = { mail = "mary@example.net" } })
  local delivery
  helper.wait_until(function()
    local file = io.open(folder .. "/got", "rb")
    delivery = file and file:read("*a")
    return file and file:close() and delivery ~= ""
  end, 20, "a delivery")
  local query, body = delivery:match("^([^\n]*)\n(.*)$")
  assert.equal(200, (receiver:handle(body, {}, query)))
  assert.equal(200, (receiver:handle(body, {}, query)))
  local other = livechat.receiver { token = "another", client = client }
  assert.equal(401, (other:handle(body, {}, query)))
  assert.same({ { "ticket_created", "Parcel", "mary@example.net" } }, seen)
  assert.equal("Received", assert(client.tickets:get(ticket.id)).subject)
  assert(client.webhooks:delete(hook.id))
end

for api, its in pairs(APIS) do
  describe("on " .. api, function()
    for name, scenario in pairs(scenarios) do
      if type(scenario) == "table" and scenario.run and not scenario.large then
        it(name, function()
          local sandbox = helper.sandbox { calls = false, seed = 0,
            fault = scenario.fault and scenario.fault(its) }
          scenarios.run(name, { api = api, url = sandbox.url, api_key = sandbox.api_key,
            username = sandbox.username, account = sandbox[its.account] })
        end)
      end
    end

    it("a webhook is registered, received, and received again", function() receive(api) end)
  end)
end
