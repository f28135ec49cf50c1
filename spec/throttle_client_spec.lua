-- SPDX-License-Identifier: MIT
--- What a throttle means for a client's calls; the local service counts them.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"

local core = require "livechat.core"
local errors = require "livechat.errors"
local helper = require "spec.helper"
local livechat = require "livechat"

describe("a client's throttle", function()
  local sandbox, clients

  setup(function() sandbox = helper.sandbox { calls = false, seed = 3 } end)
  teardown(helper.cleanup)

  before_each(function()
    clients = {}
    sandbox.control("POST", "reset")
    sandbox.control("POST", "options", { calls = false })
  end)
  after_each(function()
    for _, client in ipairs(clients) do client:close() end
  end)

  local function new(options)
    local with = { username = sandbox.username, api_key = sandbox.api_key,
      base_url = sandbox.url, retry = { base = 0.01 } }
    for name, value in pairs(options or {}) do with[name] = value end
    local client, err = livechat.new(with)
    clients[#clients + 1] = client
    return client, err
  end

  local function get(client)
    return client:request { method = "GET", path = "/tickets" }
  end

  local function arrived()
    return sandbox.control("GET", "calls").accepted
  end

  it("tells calls, period, used and wait", function()
    local client = new()
    assert.same({ calls = 100, period = 60, used = 0, wait = 0 }, client:throttled())
    assert(get(client))
    assert.same({ calls = 100, period = 60, used = 1, wait = 0 }, client:throttled())
    client = new { throttle = { calls = 1, period = 10 } }
    assert(get(client))
    local state = client:throttled()
    assert.same({ 1, 10, 1 }, { state.calls, state.period, state.used })
    assert.is_true(state.wait > 9 and state.wait <= 10.05)
  end)

  it("spaces calls, and tells on_wait before each wait", function()
    local waits = {}
    local client = new { throttle = { calls = 2, period = 0.4 }, on_wait = function(seconds)
      waits[#waits + 1] = { seconds, #arrived() }
    end }
    for _ = 1, 5 do assert(get(client)) end
    local times = arrived()
    for i = 1, 3 do assert.is_true(times[i + 2] - times[i] >= 0.4) end
    assert.is_true(times[5] - times[1] < 1.5)
    assert.equal(2, waits[1][2])
    assert.is_true(waits[1][1] > 0.2 and waits[1][1] <= 0.45)
    assert.is_true(#waits == 2 or #waits == 3)
  end)

  it("is off where it is false", function()
    local client = new { throttle = false }
    local began = core.clock()
    for _ = 1, 120 do assert(get(client)) end
    assert.is_true(core.clock() - began < 30)
    assert.equal(120, #arrived())
    assert.equal(0, client:throttled().wait)
  end)

  it("fails at once where the wait would pass the deadline", function()
    local waited = 0
    local client = new { throttle = { calls = 1, period = 20 }, deadline = 5,
      on_wait = function() waited = waited + 1 end }
    assert(get(client))
    local began = core.clock()
    for _ = 1, 2 do
      local decoded, err = get(client)
      assert.is_nil(decoded)
      assert.same({ "throttled", "not_sent", 0 }, { err.kind, err.outcome, err.attempts })
      assert.is_true(err.retry_after > 19 and err.retry_after <= 20.05)
    end
    assert.is_true(core.clock() - began < 1)
    assert.equal(0, waited)
    assert.equal(1, #arrived())
    assert.equal(1, client:throttled().used)
  end)

  it("counts retries too", function()
    sandbox.control("POST", "faults", { fault = "http500@2/GET /tickets" })
    local client = new()
    assert(get(client))
    assert.equal(3, client:throttled().used)
  end)

  it("may be one object for several clients", function()
    local shared = livechat.throttle { calls = 10, period = 5 }
    assert(get(new { throttle = shared }))
    assert(get(new { throttle = shared }))
    assert.equal(2, new { throttle = shared }:throttled().used)
  end)

  it("lets go of a call that waits when the client is closed", function()
    local shared = livechat.throttle { calls = 1, period = 20 }
    local client = new { throttle = shared }
    assert(get(client))
    local began = core.clock()
    local results = livechat.gather({ 1, 2 }, function(item)
      if item == 1 then return get(client) end
      client:close()
    end)
    assert.is_true(core.clock() - began < 5)
    local err = results[1][2]
    assert.same({ "closed", "not_sent" }, { err.kind, err.outcome })
    assert.is_true(shared:state().wait <= 20.05, "its grant was given back")
    assert.equal(1, #arrived())
  end)

  for _, case in ipairs {
    { "a 429 with Retry-After", "http429=0.6/GET /tickets", 0.6, 0.7 },
    { "a 429 without", "http429/GET /tickets", 0, 4 },
    { "a 503 with Retry-After", "http503=0.6/GET /tickets", 0.6, 0.7 },
  } do
    it(case[1] .. " pauses everyone who shares it", function()
      local folder = helper.folder()
      local options = { path = folder .. "/throttle" }
      local first = new { throttle = options, retry = false }
      local second = new { throttle = options, deadline = 0.001 }
      sandbox.control("POST", "faults", { fault = case[2] })
      local _, err = get(first)
      assert.is_true(errors.is(err))
      local paused = second:throttled().wait
      assert.is_true(paused > case[3] - 0.5 and paused <= case[4], "paused " .. paused)
      if case[3] > 0 then
        assert.equal(case[3], err.retry_after)
        assert.equal("throttled", (select(2, get(second))).kind)
      end
    end)
  end

  it("is told of a 429 before a hook that raises", function()
    sandbox.control("POST", "faults", { fault = "http429=5/GET /tickets" })
    local client = new { retry = false, on_attempt = function() error("not now", 0) end }
    local fine, err = pcall(get, client)
    assert.same({ false, "not now" }, { fine, err })
    assert.is_true(client:throttled().wait > 4)
  end)

  it("holds calls that already wait when a pause begins", function()
    local shared = livechat.throttle { calls = 2, period = 0.3 }
    local client = new { throttle = shared }
    for _ = 1, 2 do assert(get(client)) end
    sandbox.control("POST", "faults", { fault = "http429=0.5/GET /tickets" })
    -- Two go as soon as they may, and the first is refused: those behind them wait by then.
    local results = livechat.gather({ 1, 2, 3, 4, 5, 6 }, function() return get(client) end)
    for i = 1, 6 do assert.truthy(results[i][1], tostring(results[i][2])) end
    local log = sandbox.control("GET", "calls").log
    local refused
    for i, entry in ipairs(log) do
      if entry.status == 429 then refused = i end
    end
    local held = 0
    for i = refused + 1, #log do
      local since = log[i].at - log[refused].at
      assert.is_true(since < 0.1 or since >= 0.45, "sent " .. since .. " s into the pause")
      if since >= 0.45 then held = held + 1 end
    end
    assert.is_true(held >= 5)
  end)

  it("keeps the law at the service, however long the way there was", function()
    sandbox.control("POST", "options", { calls = 2, period = 0.4 })
    local server = helper.redis()
    local slow = helper.nginx { http = ([[
      server {
        listen 127.0.0.1:$PORT;
        location / {
          access_by_lua_block {
            if not arrived then
              arrived = true
              ngx.sleep(0.25)
            end
          }
          proxy_pass http://127.0.0.1:%d;
        }
      }]]):format(sandbox.port) }
    for _, where in ipairs { {}, { path = helper.folder() .. "/throttle" },
      { key = "account", redis = function()
        return require("redis").connect("127.0.0.1", server.port)
      end } } do
      slow.stop()
      slow.start()
      sandbox.control("DELETE", "calls")
      where.calls, where.period = 2, 0.4
      local client = new { base_url = "http://127.0.0.1:" .. slow.port, retry = false,
        throttle = where }
      -- The first arrives 0.25 s late: the third may not until 0.4 s after that.
      for _ = 1, 4 do assert(get(client)) end
      assert.equal(0, #sandbox.control("GET", "calls").refused)
    end
  end)

  it("is refused where another process set other limits, and both are named", function()
    local file = helper.folder() .. "/throttle"
    assert(new { throttle = { path = file, calls = 50 } })
    local client, err = new { throttle = { path = file, calls = 60 } }
    assert.is_nil(client)
    assert.same({ "invalid", "path" }, { err.kind, err.field })
    assert.truthy(err.message:find("50", 1, true) and err.message:find("60", 1, true))
    assert.error_matches(function() new { throttle = { calls = 0 } } end,
      "bad argument 'calls' to 'livechat.new'")
  end)

  it("in Redis, says when it is unreachable or has other limits", function()
    local server = helper.redis()
    local function connect() return require("redis").connect("127.0.0.1", server.port) end
    local client = new { throttle = { redis = connect, key = "account" } }
    assert(get(client))
    assert.same({ calls = 100, period = 60, used = 1, wait = 0 }, client:throttled())
    local _, err = get(new { throttle = { redis = connect, key = "account", calls = 7 } })
    assert.same({ "invalid", "throttle", "not_sent" }, { err.kind, err.field, err.outcome })
    assert.truthy(err.message:find("is 100 calls per 60 s", 1, true))
    assert.truthy(err.message:find("not 7 calls per 60 s", 1, true))
    server.stop()
    _, err = get(client)
    assert.same({ "network", "not_sent", 0 }, { err.kind, err.outcome, err.attempts })
    assert.truthy(err.message:find("the throttle is unreachable: ", 1, true))
    _, err = client:throttled()
    assert.equal("network", err.kind)
    assert.truthy(err.message:find("the throttle is unreachable: ", 1, true))
    local alone = new { throttle = { redis = connect, key = "account", fallback = "local" } }
    assert(get(alone))
    assert.equal(10, alone:throttled().calls)
    assert.equal(2, #arrived())
  end)
end)
