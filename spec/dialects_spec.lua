-- SPDX-License-Identifier: MIT
--- One table of scenarios, from the same source on both APIs.
local helper = require "spec.helper"
local livechat = require "livechat"

teardown(function() helper.cleanup() end)

-- What is particular about an API: how one signs in, and how its service is told to lose an answer.
local APIS = {
  v2 = { account = "username", create = "POST /tickets" },
  v3 = { account = "account_id", create = "POST /v1/tickets" },
}

local function open(api, seed)
  local sandbox = helper.sandbox { calls = false, seed = seed or 0, token = "0123456789abcdef" }
  return assert(livechat.new { api = api, username = sandbox[APIS[api].account],
    api_key = sandbox.api_key, base_url = sandbox.url, helpdesk_url = sandbox.url .. "/v1",
    accounts_url = sandbox.url, throttle = false, retry = false, reconcile = 5 }), sandbox
end

local function create(client, subject)
  return assert(client.tickets:create { subject = subject or "Parcel", message = "It is open",
    requester = { mail = "mary@example.net", name = "Mary" } })
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

local SCENARIOS = {
  ["a ticket is created and found"] = function(api)
    local client = open(api)
    local ticket = create(client)
    local found = assert(client.tickets:get(ticket.id))
    assert.is_true(found == ticket)
    assert.same({ "Parcel", "open", "mary@example.net", "Mary", "It is open" }, { found.subject,
      found.status, found.requester.mail, found.requester.name, found.events[1].message })
    assert.equal(1, #assert(client.tickets:list { requester = { mail = "Mary@example.net" } }))
    assert.equal(0, #assert(client.tickets:list { requester = { mail = "m@example.net" } }))
  end,

  ["a ticket is answered, assigned, tagged and solved"] = function(api)
    local client, sandbox = open(api)
    local ticket = create(client)
    ticket = assert(ticket:update { assignee = { id = sandbox.username } })
    assert.equal("John Doe", ticket.assignee.name)
    ticket = assert(ticket:update { message = "Which cup?" })
    local last
    for _, event in ipairs(ticket.events) do last = event.message or last end
    assert.equal("Which cup?", last)
    ticket = assert(ticket:add_tags({ "triage" }, { create_tags = true }))
    ticket = assert(ticket:add_tags({ "cups" }, { create_tags = true }))
    assert.same({ "triage", "cups" }, ticket.tags)
    ticket = assert(ticket:remove_tags { "triage" })
    assert.same({ "cups" }, ticket.tags)
    assert.equal("John Doe", ticket.assignee.name)
    ticket.subject = "Cups"
    assert.equal("Cups", assert(ticket:save()).subject)
    assert.equal(1, #assert(client.tickets:list { tag = "cups", assigned = true }))
  end,

  ["a list is walked whole while the loop changes it"] = function(api)
    local client = open(api)
    for i = 1, 60 do create(client, "Parcel " .. i) end
    local seen, count = {}, 0
    for ticket in client.tickets:each { status = "open" } do
      assert.is_nil(seen[ticket.id])
      seen[ticket.id], count = true, count + 1
      if count % 3 == 0 then
        assert(ticket:update { subject = "Seen " .. count })
        create(client, "Later " .. count)
      end
    end
    assert.is_true(count >= 60)
  end,

  ["a lost answer makes no second ticket"] = function(api)
    local client, sandbox = open(api)
    for i = 1, 3 do
      sandbox.control("POST", "faults",
        { fault = "reset-after-apply/" .. APIS[api].create })
      assert.equal("Parcel " .. i, create(client, "Parcel " .. i).subject)
    end
    local count = 0
    for _ in client.tickets:each() do count = count + 1 end
    assert.equal(3, count)
  end,

  ["a mistake is found before anything is sent"] = function(api)
    local client = open(api)
    local value, err = client.tickets:create { message = "m", requester = { mail = "nobody" } }
    assert.is_nil(value)
    assert.same({ "invalid", "requester.mail", "not_sent" }, { err.kind, err.field, err.outcome })
    assert.equal("not_found", select(2, client.tickets:get("zzzzz")).kind)
  end,

  ["a webhook is registered, received, and received again"] = function(api)
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
    local ticket = create(client)
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
  end,
}

for api in pairs(APIS) do
  describe("on " .. api, function()
    for name, scenario in pairs(SCENARIOS) do
      it(name, function() scenario(api) end)
    end
  end)
end
