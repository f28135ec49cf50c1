-- SPDX-License-Identifier: MIT
-- The service's published sample bodies, read by what reads its answers. They are not part of the
-- project: where their folder is absent, each of these says that it skipped.
local helper = require "spec.helper"
local json = require "livechat.json"
local read = require "livechat.api.read"
local records = require "livechat.api.record"
local v2 = require "livechat.api.v2"

local STAMP = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"

--- A spec over one of the files, decoded.
local function over(name, what, check)
  it(what, function()
    local text = helper.payload(name)
    if not text then
      pending(name .. " is absent")
      return
    end
    check(assert(json.decode(text)))
  end)
end

local function sample(list, path)
  for _, entry in ipairs(list) do
    if entry.path == path then
      return entry.sample
    end
  end
  error("no sample of " .. path)
end

local reader = records.dialect(v2).reader

describe("the published samples", function()
  over("v2_doc_samples.json", "of agents are read", function(samples)
    local list = assert(reader:find("agents", sample(samples, "GET /agents")))
    assert.equal("john.doe@mycompany.com", records.of(v2, "agent", list[1]).login)
    for _, path in ipairs { "GET /agents/<LOGIN>", "POST /agents", "PUT /agents/<LOGIN>" } do
      local agent = records.of(v2, "agent", assert(reader:find("agent", sample(samples, path))))
      assert.same({ { id = 1, name = "Sales" }, { id = 2, name = "Technical Support" } },
        agent:totable().groups)
      assert.truthy(agent.last_logout:find(STAMP))
      assert.equal(1, agent.notifications.new_visitor)
    end
    assert.equal("jenny.doe@mycompany.com removed successfully",
      assert(reader:find("result", sample(samples, "DELETE /agents/<LOGIN>"))).result)
  end)

  over("v2_doc_samples.json", "of tickets are read, in the wrapper too", function(samples)
    local page = assert(reader:find("page", sample(samples, "GET /tickets")))
    assert.equal(15, page.total)
    for _, path in ipairs { "GET /tickets/<TICKET_ID>", "POST /tickets" } do
      local wire = assert(reader:find("ticket", sample(samples, path)))
      local ticket = records.of(v2, "ticket", wire)
      assert.equal("5FUED", ticket.id)
      assert.equal("2013-11-18T16:06:42.000Z", ticket.modified)
      assert.equal("2013-11-15T22:24:20.000Z", ticket.opened[1].from)
      assert.same({ { id = 0 } }, ticket.groups)
      assert.equal("assignee_changed", ticket.events[2].type)
      assert.equal("2013-11-15T22:24:30.000Z", ticket.events[2].date)
      assert.is_true(ticket.events[3].is_private)
      assert.same({ "sales", "support", "feedback" }, ticket:totable().tags)
      assert.same({}, ticket.firstResponse)
      assert.equal(wire, ticket:raw())
    end
  end)

  over("v2_doc_samples.json", "of webhooks are read", function(samples)
    for _, path in ipairs { "GET /webhooks", "POST /webhooks" } do
      local hooks = assert(reader:find("hooks", sample(samples, path)))
      local hook = reader:read("hook", hooks[1])
      assert.same({ 12345, true }, { hook.licence, hook.verified })
    end
  end)

  over("v2_webhook_doc_samples.json", "of a ticket in an event are read", function(samples)
    for _, entry in ipairs(samples) do
      if entry.ticket then
        local ticket = records.of(v2, "ticket", entry.ticket)
        assert.equal("2014-08-18T10:05:05.000Z", ticket.events[1].date)
        assert.same({ { id = 0, name = "All operators" } }, ticket.groups)
        assert.same({ type = "lc2", id = "NO4Y5FAERW" }, ticket.source)
        return
      end
    end
    error("no ticket among the samples")
  end)

  over("v2_error_bodies.json", "of errors give their text", function(samples)
    for _, entry in ipairs(samples) do
      local text = read.error_text(entry.body)
      assert.equal("string", type(text))
      assert.truthy(json.encode(entry.body):find(text, 1, true))
    end
  end)

  for _, name in ipairs { "agent", "agents" } do
    over("v2_rest_fixture_" .. name .. ".json", "of years ago are read: " .. name, function(body)
      local value = assert(reader:find(name, body))
      local agent = records.of(v2, "agent", value[1] or value)
      assert.equal("john.doe@mycompany.com", agent.login)
      assert.is_nil(tostring(agent):find("0000"))
    end)
  end
end)

