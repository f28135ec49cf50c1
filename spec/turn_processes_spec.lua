-- SPDX-License-Identifier: MIT
-- once: processes that end, and nginx's own Lua
--- Calls that wait for the throttle in a process or a request that ends: the next call waits no
--- longer than the window asks for, a second later at the latest.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"

local core = require "livechat.core"
local embed = require "spec.embed"
local helper = require "spec.helper"
local livechat = require "livechat"

local CALLS, PERIOD = 2, 3

describe("a process that is killed", function()
  local sandbox, server

  setup(function()
    sandbox = helper.sandbox { calls = false, seed = 3 }
    server = helper.redis()
  end)
  teardown(helper.cleanup)

  local WORKER = [[
    package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
    local livechat = require "livechat"
    local client = assert(livechat.new { username = "$USER", api_key = "$KEY", base_url = "$URL",
      retry = false, throttle = { calls = $CALLS, period = $PERIOD, $SHARED } })
    livechat.gather({ 1, 2, 3, 4, 5, 6 }, function()
      assert(client:request { method = "GET", path = "/tickets" })
    end)
  ]]

  for where, shared in pairs {
    file = 'path = "$FOLDER/throttle"',
    redis = [[key = "killed",
      redis = function() return require("redis").connect("127.0.0.1", $REDIS) end]],
  } do
    it("holds nothing up: " .. where, function()
      local folder = helper.folder()
      local values = { USER = sandbox.username, KEY = sandbox.api_key, URL = sandbox.url,
        CALLS = tostring(CALLS), PERIOD = tostring(PERIOD), FOLDER = folder,
        REDIS = tostring(server.port) }
      values.SHARED = shared:gsub("%$(%u+)", values)
      sandbox.control("DELETE", "calls")
      local began, pids = core.clock(), {}
      for i = 1, 4 do
        pids[i] = helper.spawn(helper.lua_argv(helper.lua_version, "-e",
          (WORKER:gsub("%$(%u+)", values))))
      end
      helper.wait_until(function()
        return #sandbox.control("GET", "calls").accepted == CALLS
      end, 10, "the first calls")
      local due = core.clock() + PERIOD + 0.05
      helper.sleep(0.7)
      for _, pid in ipairs(pids) do
        helper.kill(pid, "KILL")
        helper.wait_exit(pid)
      end
      helper.sleep(1)
      local client = assert(livechat.new { username = sandbox.username, api_key = sandbox.api_key,
        base_url = sandbox.url, retry = false, throttle = where == "file"
          and { calls = CALLS, period = PERIOD, path = folder .. "/throttle" }
          or { calls = CALLS, period = PERIOD, key = "killed", redis = function()
            return require("redis").connect("127.0.0.1", server.port)
          end } })
      local soon, wait = core.clock() - began < PERIOD, client:throttled().wait
      if soon then assert.is_true(wait <= due - core.clock() + 0.3, "waits " .. wait) end
      assert(client:request { method = "GET", path = "/tickets" })
      if soon then
        assert.is_true(core.clock() <= due + 1, "went " .. core.clock() - due .. " s late")
      end
      client:close()
    end)
  end
end)

describe("in nginx", function()
  local sandbox, nginx

  setup(function() sandbox = helper.sandbox { calls = false, seed = 3 } end)
  teardown(helper.cleanup)

  local INIT = [[
    limited = assert(livechat.new { username = "$USER", api_key = "$KEY", base_url = "$URL",
      retry = { base = 30, cap = 30 }, throttle = { calls = 2, period = $PERIOD } })
    function get() return limited:request { method = "GET", path = "/tickets" } end
    function use_up() assert(get()) assert(get()) end
  ]]

  local function start(period, more)
    more = more or {}
    more.init = INIT:gsub("%$(%u+)", { USER = sandbox.username, KEY = sandbox.api_key,
      URL = sandbox.url, PERIOD = tostring(period) })
    nginx = embed.start(more)
  end

  -- Seconds of a window of 4 that are left a second later, with the throttle's guard.
  local LEFT = 4 - 1 + 0.05

  local function wait_now()
    return tonumber((nginx.run "return limited:throttled().wait"))
  end

  it("a light thread that is killed, and a request that exits, hold none up", function()
    start(4)
    nginx.run "use_up()"
    nginx.run [[
      for i = 1, 25 do
        local thread = ngx.thread.spawn(get)
        ngx.sleep(0.002)
        assert(ngx.thread.kill(thread))
      end]]
    helper.sleep(1)
    assert.is_true(wait_now() <= LEFT)
    helper.sleep(wait_now())
    nginx.run "use_up()"
    nginx.run [[
      for i = 1, 25 do ngx.thread.spawn(get) end
      ngx.sleep(0.01)
      ngx.exit(200)]]
    helper.sleep(1)
    assert.is_true(wait_now() <= LEFT)
    assert.same({}, nginx.complaints())
    nginx.stop()
  end)

  it("clients that go away hold none up", function()
    start(4, { server = "location /get { content_by_lua_block { get() } }" })
    nginx.run "use_up()"
    for _ = 1, 10 do
      local connection = assert(helper.connect(nginx.port))
      connection.sock:send("GET /get HTTP/1.1\r\nHost: x\r\n\r\n")
      helper.sleep(0.02)
      connection:close()
    end
    helper.sleep(1)
    assert.is_true(wait_now() <= LEFT)
    nginx.stop()
  end)

  it("a worker that exits waits neither for the throttle nor for a retry", function()
    for _, fault in ipairs { "slow=0.01@every", "http503@every" } do
      sandbox.control("POST", "faults", { faults = { fault } })
      start(30)
      nginx.run [[
        ngx.timer.at(0, function()
          for i = 1, 3 do
            local _, err = get()
            if err then ngx.log(ngx.WARN, "ended: ", err.kind, " ", err.outcome) end
          end
        end)]]
      helper.sleep(0.5)
      local began = core.clock()
      helper.kill(nginx.pid, "QUIT")
      assert.is_true(helper.wait_exit(nginx.pid, 20))
      assert.is_true(core.clock() - began < 3, "took " .. core.clock() - began)
      local log = helper.read(nginx.log)
      assert.truthy(log:find(fault:find("slow") and "ended: closed not_sent"
        or "ended: closed refused", 1, true), log)
      sandbox.control("DELETE", "faults")
    end
  end)
end)
