-- SPDX-License-Identifier: MIT
--- What is new in a list, without webhooks: on both APIs.
local helper = require "spec.helper"
local livechat = require "livechat"

teardown(function() helper.cleanup() end)

local function client_of(sandbox, api)
  return assert(livechat.new { api = api, base_url = sandbox.url, throttle = false, retry = false,
    username = api == "v3" and sandbox.account_id or sandbox.username, api_key = sandbox.api_key,
    helpdesk_url = sandbox.url .. "/v1" })
end

local function create(client, subject)
  assert(client.tickets:create { message = "m", subject = subject,
    requester = { mail = "mary@example.net" } })
end

for _, api in ipairs { "v2", "v3" } do
  describe("a watch on " .. api, function()
    it("gives each new ticket once, over restarts, and none that was there before", function()
      local sandbox = helper.sandbox { calls = false, seed = 30 }
      local client = client_of(sandbox, api)
      create(client, "before")
      local state = helper.folder() .. "/watch"
      local watch = client.tickets:watch { state = state, poll = 0.05 }
      create(client, "one")
      create(client, "two")
      local seen = { [watch().subject] = true, [watch().subject] = true }
      assert.same({ one = true, two = true }, seen)
      create(client, "three")
      assert.equal("three", watch().subject)
      create(client, "four") -- while nothing watches
      watch = client.tickets:watch { state = state, poll = 0.05 }
      assert.equal("four", watch().subject)
      create(client, "five")
      assert.equal("five", watch().subject)
      assert.truthy(io.open(state, "rb"):read("*a"):find("^livechat watch 1\nlooked %d+%.\n"))
    end)

    it("ends with its client, raises what goes wrong, and goes on after it", function()
      local sandbox = helper.sandbox { calls = false }
      local client = client_of(sandbox, api)
      local watch = client.tickets:watch { state = helper.folder() .. "/watch", poll = 0.05 }
      sandbox.control("POST", "faults", { fault = "http502" })
      local fine, err = pcall(watch)
      assert.same({ false, "server" }, { fine, err.kind })
      create(client, "after")
      assert.equal("after", watch().subject)
      client:close()
      assert.is_false((pcall(watch)))
    end)

    it("becomes events of a receiver", function()
      local sandbox = helper.sandbox { calls = false }
      local client = client_of(sandbox, api)
      local receiver = livechat.receiver { token = "0123456789", client = client,
        on_error = function() end }
      local seen, failed = {}, false
      receiver:on("ticket_created", function(event)
        if not failed then
          failed = true
          error("once")
        end
        seen[#seen + 1] = event.ticket.subject
        client:close()
      end)
      local state = helper.folder() .. "/watch"
      client.tickets:watch { state = state }
      create(client, "new")
      local fine, problem = pcall(receiver.watch, receiver, client, { state = state, poll = 0.05 })
      assert.is_false(fine)
      assert.truthy(tostring(problem):find("closed"))
      assert.same({ "new" }, seen)
    end)
  end)
end

describe("a watch", function()
  it("refuses options that mean nothing, and a file that is another's", function()
    local sandbox = helper.sandbox { calls = false }
    local client = client_of(sandbox, "v2")
    local function refused(options)
      return select(2, pcall(client.tickets.watch, client.tickets, options))
    end
    assert.truthy(refused({}):find("'state' to 'tickets:watch'", 1, true))
    assert.truthy(refused({ state = "x", poll = 0 }):find("'poll'", 1, true))
    assert.truthy(refused({ state = "x", date_from = "2020-01-01" }):find("'date_from'", 1, true))
    local path = helper.folder() .. "/other"
    local file = io.open(path, "wb")
    file:write("precious\n")
    file:close()
    assert.equal("state", refused({ state = path }).field)
    assert.equal("precious\n", io.open(path, "rb"):read("*a"))
  end)
end)
