-- SPDX-License-Identifier: MIT
--- Calls that wait for the throttle and are never resumed: whatever became of them, the next call
--- waits no longer than the window asks for, a second later at the latest.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"

local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"

local CALLS, PERIOD = 2, 3
local COLLECTED_IN_REDIS = "collected redis" -- the collector does not speak to a server

describe("a wait for the throttle that is cancelled", function()
  local sandbox, server, clients, cases

  local function new(options)
    local with = { username = sandbox.username, api_key = sandbox.api_key,
      base_url = sandbox.url, retry = false }
    for name, value in pairs(options) do with[name] = value end
    local client = assert(livechat.new(with))
    clients[#clients + 1] = client
    return client
  end

  local function get(client)
    return client:request { method = "GET", path = "/tickets" }
  end

  -- Each of the three throttles that can be shared, made anew for a case.
  local SHARED = {
    process = function() return livechat.throttle { calls = CALLS, period = PERIOD } end,
    file = function()
      return { calls = CALLS, period = PERIOD, path = helper.folder() .. "/throttle" }
    end,
    redis = function(name)
      return { calls = CALLS, period = PERIOD, key = name,
        redis = function() return require("redis").connect("127.0.0.1", server.port) end }
    end,
  }

  -- How 25 waits end. Each notes a client that shares their throttle, and when its call may go.
  local WAYS = {}

  local function use_up(options)
    local client = new(options)
    for _ = 1, CALLS do assert(get(client)) end
    return client, core.clock() + client:throttled().wait
  end

  function WAYS.suspended(options, case)
    case.client, case.due = use_up(options)
    options.wait = function() coroutine.yield() end
    for i = 1, 25 do
      local other = new(options)
      case[i] = coroutine.create(function() return get(other) end)
      assert(coroutine.resume(case[i]))
    end
  end

  function WAYS.raised(options, case)
    case.client, case.due = use_up(options)
    options.on_wait = function() error("not now", 0) end
    local client = new(options)
    for i = 1, 25 do case[i] = { pcall(get, client) } end
  end

  function WAYS.collected(options, case)
    case.client, case.due = use_up(options)
    local kept = clients
    clients = {}
    options.wait = function() coroutine.yield() end
    for _ = 1, 25 do
      local other = new(options)
      assert(coroutine.resume(coroutine.create(function() return get(other) end)))
    end
    clients = kept
    collectgarbage()
    collectgarbage()
  end

  local function note_wait(case)
    case.noted = { wait = case.client:throttled().wait, at = core.clock() }
  end

  -- All cases at once, so that their windows elapse together.
  setup(function()
    sandbox = helper.sandbox { calls = false, seed = 3 }
    server = helper.redis()
    clients, cases = {}, {}
    for way, begin in pairs(WAYS) do
      for where, shared in pairs(SHARED) do
        local case, name = {}, way .. " " .. where
        if name ~= COLLECTED_IN_REDIS then
          cases[name], cases[#cases + 1] = case, case
          begin({ throttle = shared(name) }, case)
          if way ~= "suspended" then note_wait(case) end
        end
      end
    end
    helper.sleep(1)
    for _, case in ipairs(cases) do
      if not case.noted then note_wait(case) end
    end
    for _, case in ipairs(cases) do
      local began = core.clock()
      case.result, case.err = get(case.client)
      case.late = core.clock() - math.max(began, case.due)
    end
  end)

  teardown(function()
    for _, client in ipairs(clients) do client:close() end
    helper.cleanup()
  end)

  for way in pairs(WAYS) do
    for where in pairs(SHARED) do
      local name = way .. " " .. where
      if name ~= COLLECTED_IN_REDIS then
        it("holds nothing up: " .. name, function()
          local case = cases[name]
          local wait, remaining = case.noted.wait, case.due - case.noted.at
          assert.is_true(wait <= math.max(remaining, 0) + 0.3, "waits " .. wait)
          assert(case.result, case.err)
          assert.is_true(case.late <= 1, "went " .. case.late .. " s late")
        end)
      end
    end
  end

  it("ends as its way is", function()
    for where in pairs(SHARED) do
      for i = 1, 25 do
        assert.equal("suspended", coroutine.status(cases["suspended " .. where][i]))
        assert.same({ false, "not now" }, cases["raised " .. where][i])
      end
    end
  end)

  it("is not gone on with by a client that was closed while its throttle answered", function()
    local client, released
    local throttle = {
      reserve = function()
        coroutine.yield()
        return { wait = 0, at = 1 }
      end,
      release = function(_, reservation) released = reservation.at end,
      record_arrival = function() end, pause = function() end, state = function() return {} end,
    }
    client = new { throttle = throttle }
    local co = coroutine.create(function() return get(client) end)
    assert(coroutine.resume(co))
    client:close()
    local fine, result, err = coroutine.resume(co)
    assert.same({ true, nil }, { fine, result })
    assert.same({ "closed", "not_sent" }, { err.kind, err.outcome })
    assert.equal(1, released)
  end)
end)
