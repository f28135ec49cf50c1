-- SPDX-License-Identifier: MIT
--- Records that a service gave: what is assigned, saved, shown and copied.
local helper = require "spec.helper"
local local_client = require "spec.local_client"

local STAMP = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"
local NEW = { message = "It broke.", requester = { mail = "mary@example.com" } }
local connect, failed = local_client.connect, local_client.failed

local client

setup(function() local_client.start() end)
teardown(helper.cleanup)
before_each(function() client = local_client.fresh() end)

describe("records", function()
  it("stage what is assigned until it is saved", function()
    local ticket = assert(client.tickets:create(NEW))
    ticket.subject = "Staged"
    ticket.requester = { name = "Mary B." }
    assert.equal("Staged", ticket.subject)
    assert.equal("(no subject)", assert(client.tickets:get(ticket.id)).subject)
    assert.equal(ticket, assert(ticket:save()))
    local fresh = assert(client.tickets:get(ticket.id))
    assert.equal("Staged", fresh.subject)
    assert.equal("Mary B.", fresh.requester.name)
    ticket.subject = "Still staged"
    assert(ticket:tag { "x" })
    assert(ticket:update { message = "more" })
    assert.equal("Still staged", ticket.subject)
    assert.equal("Staged", assert(client.tickets:get(ticket.id)).subject)
    assert(ticket:reload())
    assert.equal("Staged", ticket.subject)
    ticket.subjcet = "x"
    assert.equal("subjcet", failed("invalid", ticket:save()).field)
    assert.equal("x", ticket.subjcet)
    assert.has_error(function() ticket.save = 1 end)
  end)

  it("show, compare and copy themselves", function()
    local list = assert(client.tickets:list())
    local ticket = list[1]
    assert.equal("livechat.Ticket: " .. ticket.id, tostring(ticket))
    local again = assert(client.tickets:get(ticket.id))
    assert.is_true(ticket == again)
    assert.is_false(ticket == list[2])
    assert.is_true(ticket == assert(connect().tickets:get(ticket.id)))
    local copy = ticket:totable()
    copy.subject = "other"
    copy.events[1].date = nil
    assert.not_equal("other", ticket.subject)
    assert.truthy(ticket.events[1].date)
    assert.equal("number", type(again:raw().modified))
  end)

  if _VERSION ~= "Lua 5.1" then
    it("can be walked with pairs", function()
      local members = {}
      for name, value in pairs(assert(client.tickets:list())[1]) do
        members[name] = value
      end
      assert.truthy(members.id and members.subject and members.modified:find(STAMP))
    end)
  end
end)
