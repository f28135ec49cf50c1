-- SPDX-License-Identifier: MIT
-- The local LiveChat's rate limit, faults and control interface.
local json = require "livechat.json"
local faults = require "livechat.sandbox.faults"
local random = require "livechat.sandbox.random"
local account = require "spec.account"

local NOW, LOGIN, KEY = account.NOW, account.LOGIN, account.KEY

describe("the rate limit", function()
  it("lets 100 calls into any 60 seconds, and tells when the next may come", function()
    local own = account.new()
    for i = 1, 100 do
      own.now = NOW + i / 10
      assert.equal(200, (own.call("GET", "/agents")))
    end
    own.now = NOW + 30
    local status, body, response = own.call("POST", "/tickets", { json = account.ticket() })
    assert.equal(429, status)
    assert.is_string(body.error)
    assert.equal("31", response.headers["Retry-After"]) -- at NOW + 60.1
    own.now = NOW + 60.05
    assert.equal(429, (own.call("GET", "/agents")))
    own.now = NOW + 60.1
    assert.equal(200, (own.call("GET", "/agents")))
    assert.equal(429, (own.call("GET", "/agents")))
    local calls = own.control("GET", "calls")
    assert.equal(101, #calls.accepted)
    assert.same({ NOW + 30, NOW + 60.05, NOW + 60.1 }, calls.refused)
    assert.same({ ["GET /agents"] = 101 }, calls.applied)
    assert.equal(0, own.control("GET", "state").tickets)
  end)

  it("never lets more through, however calls arrive", function()
    local own = account.new({ calls = 7, period = 3 })
    local draw = random.stream(3)
    for _ = 1, 3000 do
      own.now = own.now + draw() ^ 6 * 4
      own.call("GET", "/agents")
    end
    local accepted = own.control("GET", "calls").accepted
    assert.is_true(#accepted > 1000 and #accepted < 2900)
    for i = 8, #accepted do assert.is_true(accepted[i] - accepted[i - 7] >= 3) end
  end)

  it("counts every call, and none of the control interface", function()
    local own = account.new({ calls = 3 })
    own.call("GET", "/nowhere")
    own.call("GET", "/agents", { headers = { authorization = false } })
    own.control("GET", "state")
    own.control("POST", "faults", { fault = "http500" })
    own.call("GET", "/agents")
    assert.equal(429, (own.call("GET", "/agents")))
    own.control("DELETE", "calls")
    assert.equal(200, (own.call("GET", "/agents")))
  end)

  it("can be off, silent about when, or changed while it runs", function()
    local own = account.new({ calls = false })
    for _ = 1, 500 do own.call("GET", "/agents") end
    assert.equal(500, own.control("GET", "state").accepted)
    own.control("POST", "options", { calls = 10, period = 1, retry_after = false })
    local status, _, response = own.call("GET", "/agents")
    assert.equal(429, status)
    assert.is_nil(response.headers["Retry-After"])
    own.control("POST", "options", { advance = 2 })
    assert.equal(200, (own.call("GET", "/agents")))
  end)
end)

describe("faults", function()
  it("are read from their text, or refused", function()
    for _, text in ipairs({ "reset-before", "truncate=10", "slow", "drip=0.01@every", "huge=1@3",
      "http429=2@2-4/POST /tickets", "http503-after-apply",
      "http429=date+3@every", "html=502@p0.5/GET",
      "redirect=http://127.0.0.1:9/a/b@every/* /tickets*", "empty@p1", "garbage@p0" }) do
      local fault, message = faults.parse(text)
      assert.is_table(fault, message)
      assert.equal(text, fault.text)
    end
    for _, text in ipairs({ "", "explode", "http200", "http600", "reset", "truncate-after-apply",
      "huge-after-apply", "slow=long", "html@0", "html@3-2", "html@p1.5", "html@often", "html@-1",
      "slow=-1", "http429=date+x", "slow=date+1" }) do
      local fault, message = faults.parse(text)
      assert.is_nil(fault, text)
      assert.is_string(message)
    end
    assert.is_nil((faults.parse(5)))
  end)

  local function struck(text, calls)
    local fault, out = assert(faults.parse(text)), {}
    local draw = random.stream(1)
    for i, call in ipairs(calls) do
      out[i] = faults.strikes(fault, call[1], call[2], draw) and "x" or "."
    end
    return table.concat(out)
  end

  it("strike when and where they were asked to", function()
    local calls = {}
    for i = 1, 6 do calls[i] = { i % 2 == 0 and "POST" or "GET", "/tickets" } end
    calls[7], calls[8] = { "PUT", "/tickets/ABC12/tags" }, { "POST", "/agents" }
    assert.equal("x.......", struck("empty", calls))
    assert.equal("xxx.....", struck("empty@3", calls))
    assert.equal(".xxx....", struck("empty@2-4", calls))
    assert.equal("xxxxxxxx", struck("empty@every", calls))
    assert.equal("xxxxxxxx", struck("empty@p1", calls))
    assert.equal("........", struck("empty@p0", calls))
    assert.equal(".x......", struck("empty/POST", calls))
    assert.equal(".x.x.x..", struck("empty@every/POST /tickets", calls))
    assert.equal("......x.", struck("empty@every/PUT /tickets/*", calls))
    assert.equal("xxxxxx..", struck("empty@every/* /tickets", calls))
    assert.equal("......x.", struck("empty@every/* /tickets/*/tags", calls))
    assert.equal("...x....", struck("empty@2-2/POST /tickets", calls))
    local many = {}
    for i = 1, 1000 do many[i] = { "GET", "/agents" } end
    local _, count = struck("empty@p0.1", many):gsub("x", "")
    assert.is_true(count > 60 and count < 140, count)
    assert.equal(struck("empty@p0.1", many), struck("empty@p0.1", many))
  end)

  -- What comes back, whether the ticket was made, and how the answer is sent.
  local function create_with(fault)
    local own = account.new({ fault = fault })
    local status, _, response = own.call("POST", "/tickets", { json = account.ticket() })
    local calls = own.control("GET", "calls")
    local made = own.control("GET", "state").tickets
    assert.equal(made == 1 and 1 or nil, calls.applied["POST /tickets"])
    assert.equal(made == 1, calls.log[1].applied)
    assert.equal(fault:match("^[%w-]+"), calls.log[1].fault)
    return status, made, response
  end

  it("come before the call is done, or after it", function()
    for _, case in ipairs({
      { "reset-before", 0, 0, "reset" }, { "reset-after-apply", 0, 1, "reset" },
      { "http400", 400, 0 }, { "http429", 429, 0 }, { "http500", 500, 0 },
      { "http502", 502, 0 }, { "http500-after-apply", 500, 1 }, { "http504-after-apply", 504, 1 },
      { "html", 200, 0 }, { "html=503", 503, 0 }, { "html-after-apply", 200, 1 },
      { "garbage", 200, 0 }, { "garbage-after-apply", 200, 1 }, { "empty", 200, 0 },
      { "empty-after-apply", 200, 1 }, { "redirect", 302, 0 }, { "redirect-after-apply", 302, 1 },
      { "huge", 200, 0, "huge" }, { "truncate", 200, 1, "truncate" }, { "slow", 200, 1, "slow" },
      { "drip", 200, 1, "drip" } }) do
      local status, made, response = create_with(case[1])
      assert.same({ case[2], case[3], case[4] }, { status, made, response.wire })
    end
  end)

  it("answer as a failing service or gateway does", function()
    local _, _, refused = create_with("http429=2")
    assert.equal("2", refused.headers["Retry-After"])
    assert.is_string(json.decode(refused.body).error)
    assert.is_nil((select(3, create_with("http429"))).headers["Retry-After"])
    assert.equal("7", (select(3, create_with("http503=7"))).headers["Retry-After"])
    assert.equal("Fri, 15 Jan 2027 08:00:05 GMT",
      (select(3, create_with("http429=date+5"))).headers["Retry-After"])
    assert.equal('{"error":"Internal server error"}', (select(3, create_with("http500"))).body)
    for _, fault in ipairs({ "html", "http502", "http504" }) do
      local _, _, response = create_with(fault)
      assert.equal("text/html", response.headers["Content-Type"])
      assert.truthy(response.body:find("^<html>"))
    end
    local _, _, garbage = create_with("garbage")
    assert.truthy(garbage.headers["Content-Type"]:find("json"))
    assert.is_nil((json.decode(garbage.body)))
    assert.equal("", (select(3, create_with("empty"))).body)
    local _, _, away = create_with("redirect=https://elsewhere.example/x")
    assert.equal("https://elsewhere.example/x", away.headers.Location)
  end)

  it("that spoil a true answer's way leave the answer whole", function()
    local _, _, slow = create_with("slow=0.5")
    assert.equal(0.5, slow.amount)
    assert.equal("mary@example.net", json.decode(slow.body).requester.mail)
    local _, _, cut = create_with("truncate")
    assert.equal(math.floor(#cut.body / 2), cut.amount)
    assert.equal(10, (select(3, create_with("truncate=10"))).amount)
    assert.equal(3, (select(3, create_with("huge=3"))).amount)
  end)

  it("are added and removed while it runs; the first that strikes wins", function()
    local own = account.new({ fault = { "http500@2", "http503@every" } })
    local function statuses(count)
      local out = {}
      for i = 1, count do out[i] = own.call("GET", "/agents") end
      return out
    end
    assert.same({ 500, 500, 503 }, statuses(3))
    own.control("DELETE", "faults")
    assert.same({ 200 }, statuses(1))
    own.control("POST", "faults", { faults = { "http502", "html=404" } })
    assert.same({ 502, 404, 200 }, statuses(3))
    local listed = own.control("GET", "faults").faults
    assert.same({ fault = "http502", matched = 3, done = 1 }, listed[1])
    local value, status = own.control("POST", "faults", { faults = { "http500", "nonsense" } })
    assert.equal(400, status)
    assert.truthy(value.error:find("nonsense"))
    assert.same({ 200 }, statuses(1))
    assert.equal(400, select(2, own.control("POST", "faults", {})))
  end)

  it("strike every caller, but not the control interface or a call over the limit", function()
    local own = account.new({ fault = "http500@every", calls = 1 })
    assert.equal(200, select(2, own.control("GET", "state")))
    assert.equal(500, (own.call("GET", "/nowhere", { headers = { authorization = false } })))
    assert.equal(429, (own.call("GET", "/agents")))
  end)
end)

describe("the control interface", function()
  it("tells what came", function()
    local own = account.new({ seed = 3 })
    own.call("GET", "/tickets", { query = "page=1" })
    own.call("POST", "/tickets", { json = {} })
    own.call("GET", "/v2/agents/" .. LOGIN)
    local calls = own.control("GET", "calls")
    assert.equal(3, calls.count)
    assert.same({ at = NOW, method = "GET", path = "/tickets", query = "page=1", status = 200,
      api = "v2", applied = true }, calls.log[1])
    assert.same({ 400, false }, { calls.log[2].status, calls.log[2].applied })
    assert.same({ ["GET /tickets"] = 1, ["GET /agents/{id}"] = 1 }, calls.applied)
    local state = own.control("GET", "state")
    assert.same({ 3, 5, 0, 3, 0 },
      { state.tickets, state.agents, state.webhooks, state.accepted, state.refused })
    assert.equal("docs", state.options.variants)
    local _, _, response = own.call("GET", "/_sandbox/state")
    assert.is_nil(response.body:find(KEY, 1, true))
  end)

  it("keeps the last 10,000 calls and every time", function()
    local own = account.new({ calls = false })
    for i = 1, 10005 do
      own.now = NOW + i
      own.call("GET", "/nowhere")
    end
    local calls = own.control("GET", "calls")
    assert.equal(10005, #calls.accepted)
    assert.equal(10000, #calls.log)
    assert.equal(NOW + 6, calls.log[1].at)
    assert.equal(NOW + 10005, calls.log[10000].at)
  end)

  it("goes back to the beginning", function()
    local own = account.new({ seed = 5, fault = "http500", lag = 3 })
    own.call("GET", "/agents")
    own.call("DELETE", "/agents/jane.doe@example.com")
    own.call("POST", "/tickets", { json = account.ticket() })
    own.control("POST", "options", { lag = 0, variants = "php", advance = 5 })
    own.control("POST", "faults", { fault = "http502@every" })
    own.control("POST", "reset")
    local state = own.control("GET", "state")
    assert.same({ 5, 5, 0, 3, "docs", NOW }, { state.tickets, state.agents, state.accepted,
      state.options.lag, state.options.variants, state.now })
    assert.equal(500, (own.call("GET", "/agents")))
    assert.equal(200, (own.call("GET", "/agents")))
  end)

  it("refuses what it does not know", function()
    local own = account.new()
    for _, case in ipairs({ { "POST", "options", { colour = 1 } },
      { "POST", "options", { lag = -1 } },
      { "POST", "options", { api_key = "x" } }, { "POST", "options", { advance = "x" } },
      { "POST", "seed", {} }, { "POST", "touch", {} }, { "POST", "trigger", {} },
      { "POST", "trigger", { event_type = "x" } },
      { "POST", "trigger", { event_type = "chat_ended", count = 0 } },
      { "POST", "trigger", { event_type = "chat_ended", count = 100001 } } }) do
      local value, status = own.control(case[1], case[2], case[3])
      assert.equal(400, status)
      assert.is_string(value.error)
    end
    assert.equal(404, select(2, own.control("GET", "nothing")))
    assert.equal(400, (own.call("POST", "/_sandbox/seed", { body = "{" })))
  end)
end)
