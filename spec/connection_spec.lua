-- SPDX-License-Identifier: MIT
--- The life of a call: what fails, what is sent again, what a lost answer leads to.
local helper = require "spec.helper"
local local_client = require "spec.local_client"

local NEW = { message = "It broke.", requester = { mail = "mary@example.com" } }
local connect, fault = local_client.connect, local_client.fault
local calls, failed = local_client.calls, local_client.failed

local sandbox, client

setup(function() sandbox = local_client.start() end)
teardown(helper.cleanup)
before_each(function() client = local_client.fresh() end)

describe("a failed call", function()
  it("tells an expired credential", function()
    local err = failed("auth", connect({ api_key = "wrong" }).agents:list())
    assert.equal(401, err.status)
    assert.equal("refused", err.outcome)
    assert.truthy(err.message:find("no rights"))
    assert.is_nil(tostring(err):find("\n"))
  end)

  it("is repeated where that is safe", function()
    for _, name in ipairs { "http500", "http502", "http503", "http504", "reset-before", "truncate",
      "http429" } do
      sandbox.control("POST", "reset")
      fault(name .. "@2/GET /agents")
      local seen = {}
      local agents = assert(connect({ on_attempt = function(info)
        seen[#seen + 1] = info
      end }).agents:list())
      assert.equal(5, #agents, name)
      assert.equal(3, #seen, name)
      assert.same({ "GET", "/agents", 3, 200 },
        { seen[3].method, seen[3].path, seen[3].attempt, seen[3].status })
    end
  end)

  it("ends after its attempts", function()
    fault("http500@every/GET /agents")
    local err = failed("server", client.agents:list())
    assert.same({ 500, 4, "/agents" }, { err.status, err.attempts, err.path })
    failed("server", connect({ retry = false }).agents:list())
    assert.equal(5, calls().count)
  end)

  it("is a protocol error where the answer is no answer", function()
    for _, name in ipairs { "html", "garbage", "empty", "redirect" } do
      sandbox.control("POST", "reset")
      fault(name .. "@every")
      failed("protocol", client.agents:list())
    end
    sandbox.control("POST", "reset")
    fault("huge=2@every")
    failed("protocol", connect({ max_response = 2 ^ 20 }).agents:list())
  end)

  it("ends at its time-out", function()
    fault("slow=3@every")
    local err = failed("timeout", connect({ timeout = 0.2, retry = false }).agents:list())
    assert.is_true(err.seconds < 2, err.seconds)
    err = failed("timeout", connect({ deadline = 0.3 }).agents:list())
    assert.is_true(err.seconds < 2, err.seconds)
  end)

  it("waits for what Retry-After says", function()
    fault("http429=1/GET /agents")
    local waits = {}
    assert(connect({ on_wait = function(seconds) waits[#waits + 1] = seconds end }).agents:list())
    assert.equal(1, waits[1])
    fault("http429=9@every")
    local err = failed("throttled", connect({ deadline = 1 }).agents:list())
    assert.equal(9, err.retry_after)
  end)

  it("is of kind network where no program listens", function()
    local err = failed("network", connect({ base_url = "http://127.0.0.1:" .. helper.free_port() })
      .tickets:create(NEW))
    assert.equal("not_sent", err.outcome)
    assert.equal(4, err.attempts)
  end)
end)

describe("a create", function()
  local function created()
    return calls().applied["POST /tickets"] or 0
  end

  it("is repeated where the service did not act", function()
    fault("http503@2/POST /tickets", "http429=0@1/POST /tickets")
    assert(client.tickets:create(NEW))
    assert.equal(1, created())
  end)

  for _, name in ipairs { "reset-after-apply", "http500-after-apply", "truncate",
    "garbage-after-apply", "empty-after-apply", "html-after-apply", "slow=3" } do
    it("whose answer was lost finds its ticket: " .. name, function()
      sandbox.control("POST", "options", { lag = 0.5 })
      client = connect { timeout = 1, reconcile = 8 }
      local older = assert(client.tickets:create(NEW))
      fault(name .. "@1/POST /tickets")
      local ticket = assert(client.tickets:create(NEW))
      assert.not_equal(older.id, ticket.id)
      assert.equal(2, created())
    end)
  end

  it("that may have been lost is not sent again", function()
    fault("reset-before@1/POST /tickets")
    local err = failed("network", connect({ reconcile = 1 }).tickets:create(NEW))
    assert.equal("unknown", err.outcome)
    assert.equal(0, created())
    fault("reset-after-apply@1/POST /tickets")
    err = failed("network", connect({ reconcile = false }).tickets:create(NEW))
    assert.equal("unknown", err.outcome)
    assert.equal(1, created())
  end)

  it("on a kept connection that dies is not sent again by libcurl", function()
    assert(client.agents:list())
    fault("reset-after-apply@1/POST /agents")
    failed("network", client.agents:create { login = "n@example.com", name = "N" })
    assert.equal(1, calls().applied["POST /agents"])
  end)
end)

describe("a repeated DELETE", function()
  it("that finds nothing has succeeded before", function()
    fault("reset-after-apply@1/DELETE")
    assert.is_true((client.agents:delete("omar.haddad@example.com")))
    failed("not_found", client.agents:delete("omar.haddad@example.com"))
  end)
end)
