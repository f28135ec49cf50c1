-- SPDX-License-Identifier: MIT
--- API v3 by a client against the local service: agents, groups, tags, chats, customers.
local helper = require "spec.helper"
local livechat = require "livechat"

local sandbox, client

local function connect(more)
  local wanted = { api = "v3", username = sandbox.account_id, api_key = sandbox.api_key,
    base_url = sandbox.url, helpdesk_url = sandbox.url .. "/v1", accounts_url = sandbox.url,
    client_id = sandbox.client_id, throttle = false, retry = { base = 0.01 } }
  for name, value in pairs(more or {}) do wanted[name] = value end
  return assert(livechat.new(wanted))
end

setup(function()
  sandbox = helper.sandbox { api_key = "us-south1:key-of-this-spec", calls = false, seed = 5 }
  client = connect()
end)

teardown(function() helper.cleanup() end)

describe("agents of v3", function()
  it("are listed with v2's names", function()
    local list = assert(client.agents:list())
    assert.is_true(#list > 1)
    local own = list[1]
    assert.equal("livechat.Agent: " .. sandbox.username, tostring(own))
    assert.same({ sandbox.username, "owner" }, { own.login, own.permission })
    assert.truthy(own.status)
    assert.is_nil(own.status:find("_", 1, true))
    assert.is_table(own.groups[1])
    assert.is_nil(own:raw().login)
    assert.equal(own.login, own:raw().id)
    for _, each in ipairs(assert(client.agents:list { status = "offline" })) do
      assert.equal("offline", each.status)
    end
  end)

  it("are created, changed and removed", function()
    local made = assert(client.agents:create { login = "new@example.com", name = "New",
      permission = "administrator", groups = { 0 }, daily_summary = true,
      notifications = { new_visitor = true }, max_chats_count = 3 })
    assert.same({ "new@example.com", "New", "administrator", 1, 3 }, { made.login, made.name,
      made.permission, made.daily_summary, made.max_chats_count })
    assert.same({ 1, 0 }, { made.notifications.new_visitor, made.notifications.new_goal })
    made.job_title, made.name, made.status = "Hero", "Newer", "accepting chats"
    assert(made:save())
    assert.same({ "Hero", "Newer", "accepting chats" }, { made.job_title, made.name, made.status })
    local again = assert(client.agents:get("new@example.com"))
    assert.same({ "Hero", "Newer", "accepting chats" },
      { again.job_title, again.name, again.status })
    assert(client.agents:update("new@example.com", { notifications = { new_goal = true } }))
    again = assert(again:reload())
    assert.same({ 1, 1, 1 }, { again.notifications.new_visitor, again.notifications.new_goal,
      again.daily_summary })
    assert(again:delete())
    local gone, err = client.agents:get("new@example.com")
    assert.is_nil(gone)
    assert.same({ "not_found", "not_found" }, { err.kind, err.code })
  end)

  it("have no password, and say why", function()
    local made, err = client.agents:create { login = "a@example.com", name = "A",
      password = "12345" }
    assert.is_nil(made)
    assert.same({ "invalid", "password", "not_sent" }, { err.kind, err.field, err.outcome })
    assert.truthy(err.message:find("invitation", 1, true))
  end)

  it("tell what of a change was done", function()
    local made = assert(client.agents:create { login = "part@example.com", name = "Part" })
    local cut = connect { accounts_url = "http://127.0.0.1:" .. helper.free_port(), retry = false }
    local changed, err = cut.agents:update("part@example.com", { job_title = "T", name = "N" })
    assert.is_nil(changed)
    assert.same({ "network", "unknown" }, { err.kind, err.outcome })
    assert.same({ "job_title" }, err.done)
    assert(made:delete())
  end)
end)
