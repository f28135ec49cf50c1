-- SPDX-License-Identifier: MIT
--- The budget of a fleet: the script's calendar, its count, a client over a real Redis.
-- Where redis-lua is not installed for this Lua, the one of another does: it is pure Lua.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"

local budget = require "livechat.throttle.budget"
local budget_redis = require "livechat.throttle.budget_redis"
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"

--- The script on a hash in memory and a clock that the spec turns.
local function machine()
  local hash, env, it = {}, { tonumber = tonumber, math = math, string = string }, { now = 0 }
  local commands = {}
  function commands.TIME() return { ("%.0f"):format(it.now), "5" } end
  function commands.HGET(_, field) return hash[field] or false end
  function commands.HINCRBY(_, field, by)
    hash[field] = ("%.0f"):format(tonumber(hash[field] or 0) + by)
  end
  env.redis = { call = function(name, ...) return commands[name](...) end }
  local run = rawget(_G, "setfenv") and setfenv(loadstring(budget_redis.SCRIPT), env)
    or load(budget_redis.SCRIPT, "script", "t", env)
  function it.run(verb, limit, month)
    env.KEYS, env.ARGV = { "key" }, { verb, tostring(limit), month or "" }
    return run()
  end
  return it
end

describe("the script of a budget in Redis", function()
  it("knows the month of each first and last second until 2200", function()
    local it = machine()
    for month = 0, 230 * 12 do
      local first = core.time(("%04d-%02d-01T00:00:00Z"):format(1970 + math.floor(month / 12),
        month % 12 + 1))
      for _, now in ipairs { first, first + 1e6, math.max(first - 1, 0) } do
        it.now = now
        assert.equal(os.date("!%Y-%m", now), it.run("state", 1)[2])
      end
    end
  end)

  it("counts to the limit, gives back, and begins anew with the month", function()
    local it = machine()
    it.now = core.time "2026-11-30T23:59:59Z"
    assert.same({ 1, 1, 0 }, { it.run("take", 2)[4], it.run("take", 2)[4], it.run("take", 2)[4] })
    it.run("back", 2, "2026-11")
    assert.same({ it.now, "2026-11", 1, 0 }, it.run("state", 2))
    it.now = it.now + 1
    assert.same({ it.now, "2026-12", 1, 1 }, it.run("take", 2))
    it.run("back", 2, "2026-11")
    it.run("back", 2, "2026-11")
    assert.same({ it.now, "2026-12", 1, 0 }, it.run("state", 2))
    it.now = it.now - 1
    assert.same({ it.now, "2026-11", 0, 0 }, it.run("state", 2))
  end)
end)

describe("a budget in Redis", function()
  local redis_lua = require "redis"
  local server, sandbox

  setup(function()
    server = helper.redis()
    sandbox = helper.sandbox { calls = false }
  end)
  teardown(helper.cleanup)

  local function connect() return redis_lua.connect("127.0.0.1", server.port) end

  local function client(key, calls)
    return assert(livechat.new { username = sandbox.username, api_key = sandbox.api_key,
      base_url = sandbox.url, throttle = false, retry = false,
      budget = { calls = calls, price = 1000, redis = connect, key = key } })
  end

  it("ends for all who share it, with what there is to wait", function()
    local one, other = client("a", 2), client("a", 2)
    assert(one.agents:list())
    assert(other.agents:list())
    local list, err = one.agents:list()
    assert.is_nil(list)
    assert.same({ "throttled", "not_sent" }, { err.kind, err.outcome })
    assert.is_true(err.retry_after > 0 and err.retry_after <= 31 * 86400)
    assert.same({ calls = 2, limit = 2, month = os.date("!%Y-%m"), cost = 2 }, other:spent())
  end)

  it("lets nothing go while Redis is away, and says so", function()
    local own = assert(budget.new({ calls = 5, key = "a",
      redis = function() return redis_lua.connect("127.0.0.1", helper.free_port()) end }, "f"))
    local month, err = own:take()
    assert.is_nil(month)
    assert.equal("network", err.code)
    assert.equal("network", select(2, own:spent()).code)
    own:give_back("2026-11")
  end)

  it("is never overdrawn by processes that are killed", function()
    local log = helper.folder() .. "/log"
    local script = ([[
      package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
      local budget = require "livechat.throttle.budget"
      local own = assert(budget.new({ calls = 5000, key = "killed",
        redis = function() return require("redis").connect("127.0.0.1", %d) end }, "f"))
      local log = assert(io.open(%q, "a"))
      log:setvbuf("no")
      while own:take() do log:write("x") end
    ]]):format(server.port, log)
    local pids = {}
    local function start(i)
      pids[i] = helper.spawn(helper.lua_argv(helper.lua_version, "-e", script))
    end
    for i = 1, 3 do start(i) end
    for i = 1, 4 do
      helper.kill(pids[i % 3 + 1], "KILL")
      start(i % 3 + 1)
    end
    for _, pid in ipairs(pids) do assert.is_true(helper.wait_exit(pid, 60)) end
    local went = #helper.read(log)
    assert.is_true(went <= 5000 and went >= 5000 - 4, went .. " went")
  end)

  it("has a name, and no file", function()
    assert.has_error(function() client(nil, 1) end)
    assert.has_error(function()
      budget.new({ calls = 1, redis = connect, key = "a", path = "/tmp/x" }, "f")
    end)
    assert.has_error(function() budget.new({ calls = 1, key = "a" }, "f") end)
  end)
end)
