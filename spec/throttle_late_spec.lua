-- SPDX-License-Identifier: MIT
-- once: the throttle is C's and Redis's
--- A request that leaves long after the throttle let its call go, judged by the service's count.
--- spec/late_shim.c holds it on its last step. It must count when it leaves: 5 calls in a second
--- went at 0, one of them leaves at 1.6, and of those which go from 1.05 on it is one.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"

local core = require "livechat.core"
local embed = require "spec.embed"
local helper = require "spec.helper"
local livechat = require "livechat"

local CALLS, PERIOD, LATE = 5, 1, 1.6

describe("a request that leaves late", function()
  local sandbox, shim, before

  setup(function()
    sandbox = helper.sandbox { calls = CALLS, period = PERIOD }
    shim = os.tmpname()
    local status, said = helper.run(("${CC:-cc} -shared -fPIC -O1 -D_GNU_SOURCE -o %s "
      .. "spec/late_shim.c -ldl"):format(helper.quote(shim)))
    assert.equal(0, status, said)
    before = { "env", "LD_PRELOAD=" .. shim, "LATE_MS=" .. LATE * 1000 }
  end)
  teardown(function()
    os.remove(shim)
    helper.cleanup()
  end)
  before_each(function() sandbox.control("POST", "reset") end)

  local OPTIONS = [[{ username = "$USER", api_key = "$KEY", base_url = "$URL", retry = false,
    throttle = { calls = $CALLS, period = $PERIOD, $MORE } }]]

  local function options_of(more)
    return (OPTIONS:gsub("%$(%u+)", { USER = sandbox.username, KEY = sandbox.api_key,
      URL = sandbox.url, CALLS = tostring(CALLS), PERIOD = tostring(PERIOD), MORE = more }))
  end

  -- The late one is among them, and the windows were full.
  local function judge(at_least)
    local calls = sandbox.control("GET", "calls")
    assert.equal(0, #calls.refused)
    assert.is_true(#calls.accepted >= at_least, #calls.accepted .. " calls")
  end

  --- A process makes the late call, this one as many as it may meanwhile.
  local function share(more)
    local options = options_of(more)
    local pid, output = helper.spawn { "sh", "-c", ("exec %s %s %s -e %s"):format(
      table.concat(before, " "), helper.lua_env("5.4"), helper.lua_program("5.4"),
      helper.quote('package.path = package.path .. ";/usr/share/lua/5.3/?.lua" '
        .. 'assert(require("livechat").new(' .. options .. '):request { path = "/tickets" })')) }
    local client = assert(livechat.new((assert((loadstring or load)("return " .. options)))()))
    helper.wait_until(function() return client:throttled().used == 1 end, 10, "the late call")
    local due = core.clock() + 3
    while core.clock() < due do assert(client:request { path = "/tickets" }) end
    assert.is_true(helper.wait_exit(pid, 10))
    assert.equal("", helper.read(output))
    client:close()
    judge(3 * CALLS - 1)
  end

  it("counts when it leaves, in a file", function()
    share(('path = %q'):format(helper.folder() .. "/throttle"))
  end)

  it("counts when it leaves, in Redis", function()
    share(('key = "late", redis = function() return require("redis").connect("127.0.0.1", %d) end')
      :format(helper.redis().port))
  end)

  it("counts when it leaves, in the process, with all that the engine had to send", function()
    local nginx = embed.start { before = before, init = "client = livechat.new" .. options_of("") }
    assert.equal("15", (nginx.run [[
      local threads, n = {}, 0
      for i = 1, 15 do
        threads[i] = ngx.thread.spawn(function() return client:request { path = "/tickets" } end)
      end
      for i = 1, 15 do
        local _, fine, err = ngx.thread.wait(threads[i])
        if not fine then error(err) end
        n = n + 1
      end
      return n]]))
    nginx.stop()
    judge(15)
  end)
end)
