-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
-- Today's APIs on real HTTP, all of them on the port of v2.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local helper = require "spec.helper"

describe("today's APIs over HTTP", function()
  local sandbox, headers

  setup(function()
    sandbox = helper.sandbox({ seed = 30, api_key = "us-south1:key-of-this-spec", calls = false,
      speed = 1000 })
    headers = { ["Content-Type"] = "application/json", Authorization = "Basic " ..
      base64.encode(sandbox.account_id .. ":" .. sandbox.api_key) }
  end)

  teardown(helper.cleanup)

  local function call(method, path, fields, more)
    local with = {}
    for name, value in pairs(headers) do with[name] = value end
    for name, value in pairs(more or {}) do with[name] = value or nil end
    local body = type(fields) == "table" and json.encode(fields) or fields
    local response = assert(helper.http({ url = sandbox.url .. path, method = method,
      headers = with, body = body, timeout = 20 }))
    return response.status, response.body ~= "" and json.fold(json.decode(response.body)) or nil,
      response
  end

  it("answer each on its own paths", function()
    local status, rows, response = call("GET", "/v1/tickets?pageSize=3")
    assert.same({ 200, 3 }, { status, #rows })
    assert.is_string(response.headers["x-total-results"])
    assert.equal(200, (call("POST", "/v3.6/configuration/action/list_agents", "{}")))
    assert.equal(200, (call("POST", "/v3.6/agent/action/list_chats", "{}")))
    response = select(3, call("POST", "/agent/action/list_chats", "{}",
      { ["X-API-Version"] = "3.5" }))
    assert.equal(200, response.status)
    assert.is_string(response.headers.legacy)
    assert.equal(200, (call("GET", "/v2/accounts/me")))
    assert.equal(200, (call("GET", "/v2/agents")))
    assert.equal(404, (call("GET", "/v2/other")))
  end)

  it("take PATCH and DELETE, and answer nothing where they are told to", function()
    local _, made = call("POST", "/v1/tickets", { message = { text = "Zoë: it is broken" },
      requester = { email = "mary@example.net" } })
    local status, changed = call("PATCH", "/v1/tickets/" .. made.ID, { priority = 10 })
    assert.same({ 200, 10, "Zoë: it is broken" }, { status, changed.priority,
      changed.events[1].message.text })
    sandbox.control("POST", "options", { today = { success = "no_content" } })
    local response
    status, _, response = call("DELETE", "/v1/tickets/" .. made.ID)
    sandbox.control("POST", "options", { today = json.decode("{}") })
    assert.same({ 204, "" }, { status, response.body })
  end)

  it("take files of 10 MB", function()
    local _, transaction = call("POST", "/v1/transactions", { type = "ticket" })
    local content = ("x"):rep(10 * 2 ^ 20)
    local status, answer = call("POST", "/v1/transactions/" .. transaction.ID .. "/attachments",
      '--b\r\nContent-Disposition: form-data; name="attachments"; filename="a.bin"\r\n\r\n' ..
      content .. "\r\n--b--\r\n", { ["Content-Type"] = "multipart/form-data; boundary=b" })
    assert.same({ 200, #content }, { status, answer.attachments[1].size })
  end)

  it("issue tokens, and take them until they end", function()
    local pair = sandbox.control("POST", "tokens", { public = true })
    local refresh = ("grant_type=refresh_token&refresh_token=%s&client_id=%s")
      :format(pair.refresh_token, sandbox.public_client_id)
    local form = { ["Content-Type"] = "application/x-www-form-urlencoded", Authorization = false }
    local status, renewed = call("POST", "/v2/token", refresh, form)
    assert.equal(200, status)
    assert.equal(403, (call("POST", "/v2/token", refresh, form)))
    local bearer = { Authorization = "Bearer " .. renewed.access_token }
    assert.equal(200, (call("GET", "/v1/teams", nil, bearer)))
    sandbox.control("POST", "options", { advance = 28800 })
    assert.equal(401, (call("GET", "/v1/teams", nil, bearer)))
  end)

  it("deliver to the webhooks' own URL", function()
    local secret = "not-for-the-log"
    call("POST", "/v1/webhooks", { eventType = "tickets.create",
      url = sandbox.url .. "/v1/elsewhere?token=" .. secret })
    sandbox.control("POST", "trigger", { event_type = "tickets.create" })
    helper.wait_until(function()
      return sandbox.control("GET", "deliveries").deliveries[1].attempts[1] ~= nil
    end, 10, "the delivery")
    local delivery = sandbox.control("GET", "deliveries").deliveries[1]
    assert.same({ "tickets.create", 404 }, { delivery.event_type, delivery.attempts[1].status })
    local arrived
    for _, entry in ipairs(sandbox.control("GET", "calls").log) do
      if entry.path == "/v1/elsewhere" then arrived = entry end
    end
    assert.same({ "POST", "token=" .. secret }, { arrived.method, arrived.query })
  end)
end)
