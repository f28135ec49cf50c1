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
      create(client, "four") -- while nothing watches, and three is not done with
      watch = client.tickets:watch { state = state, poll = 0.05 }
      seen = { [watch().subject] = true, [watch().subject] = true }
      assert.same({ three = true, four = true }, seen)
      create(client, "five")
      for ticket in client.tickets:watch { state = state, poll = 0.05 } do
        seen[#seen + 1] = ticket.subject
        if ticket.subject == "five" then break end
      end
      assert.is_true(#seen <= 2) -- the last one before, and five
      create(client, "six")
      watch = client.tickets:watch { state = state, poll = 0.05 }
      local subject = watch().subject
      if _VERSION ~= "Lua 5.4" and subject == "five" then subject = watch().subject end
      assert.equal("six", subject)
      assert.truthy(helper.read(state):find("^livechat watch 1\nlooked %d+%.\n"))
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

-- Watches, writes down what it has done with, and gets killed at it again and again.
local KILLED = [[
  local livechat = require "livechat"
  local client = livechat.new { username = %q, api_key = %q, base_url = %q, throttle = false }
  for ticket in client.tickets:watch { state = %q, poll = 0.02 } do
    local file = io.open(%q, "ab")
    file:write(ticket.subject, "\n")
    file:close()
  end
]]

describe("a watch", function()
  it("loses nothing where its program is killed, and repeats only what it had in hand", function()
    local sandbox = helper.sandbox { calls = false }
    local client, folder = client_of(sandbox, "v2"), helper.folder()
    local done = folder .. "/done"
    helper.write(done, "")
    helper.write(folder .. "/watch.lua", KILLED:format(sandbox.username, sandbox.api_key,
      sandbox.url, folder .. "/state", done))
    local argv = helper.lua_argv(helper.lua_version, folder .. "/watch.lua")
    local pid = helper.spawn(argv)
    helper.wait_until(function() return io.open(folder .. "/state") end, 20, "the first look")
    local kills = 0
    for i = 1, 60 do
      create(client, "ticket " .. i)
      if i % 6 == 0 then
        helper.sleep(i / 1000)
        helper.kill(pid, "KILL")
        helper.wait_exit(pid)
        kills, pid = kills + 1, helper.spawn(argv)
      end
    end
    local counts, all = nil, 0
    helper.wait_until(function()
      counts, all = {}, 0
      for subject in helper.read(done):gmatch("[^\n]+") do
        counts[subject], all = (counts[subject] or 0) + 1, all + 1
      end
      for i = 1, 60 do if not counts["ticket " .. i] then return false end end
      return true
    end, 30, "every ticket")
    helper.stop(pid)
    assert.is_true(all <= 60 + kills)
  end)

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
