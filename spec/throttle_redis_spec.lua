-- SPDX-License-Identifier: MIT
-- Where redis-lua is not installed for this Lua, the one of another does: it is pure Lua.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"

local core = require "livechat.core"
local helper = require "spec.helper"
local redis_lua = require "redis"
local throttle = require "livechat.throttle"
local throttle_redis = require "livechat.throttle.redis"

-- The script by itself ----------------------------------------------------------------------

local unpack = table.unpack or unpack

-- What Redis makes of a number that a script gives it.
local function text(value)
  return type(value) == "number" and ("%.17g"):format(value) or value
end

--- The script on a hash in memory and a clock that the spec turns.
local function machine(calls, period, guard)
  local hash = {}
  local it = { hash = hash, now = 1.7e15, generation = "" }
  local commands = {}
  function commands.TIME()
    return { ("%.0f"):format(math.floor(it.now / 1e6)), ("%.0f"):format(it.now % 1e6) }
  end
  function commands.HMGET(...)
    local values = {}
    for i = 1, select("#", ...) do values[i] = hash[select(i, ...)] or false end
    return values
  end
  function commands.HGET(field) return hash[field] or false end
  function commands.HMSET(...)
    local pairs_of = { ... }
    for i = 1, #pairs_of, 2 do
      assert.matches("^%-?%d+$", pairs_of[i + 1])
      hash[pairs_of[i]] = pairs_of[i + 1]
    end
  end
  commands.HSET = commands.HMSET
  function commands.PEXPIRE(ms) it.ttl = tonumber(ms) * 1000 end
  local env = { string = string, math = math, tonumber = tonumber, KEYS = { "key" }, redis = {} }
  function env.redis.call(name, key, ...)
    if name ~= "TIME" then assert.equal("key", key, "the script may touch no other key") end
    local args = { ... }
    for i = 1, #args do args[i] = text(args[i]) end
    return commands[name](unpack(args))
  end
  local script
  if rawget(_G, "setfenv") then
    script = setfenv(assert(loadstring(throttle_redis.SCRIPT)), env)
  else
    script = assert(load(throttle_redis.SCRIPT, "script", "t", env))
  end
  function it.ask(verb, argument, options)
    options = options or {}
    local argv = { verb, calls, period, guard, it.generation, options.remember or 0,
      options.pause or 0, argument or 0, options.late or 0, unpack(options.ages or {}) }
    for i = 1, #argv do argv[i] = text(argv[i]) end
    env.ARGV = argv
    local reply = script()
    if reply[1] ~= "mismatch" then it.generation = reply[2] end
    return reply
  end
  return it
end

--- How many of its grants were given back.
local function holes(it)
  local n = 0
  for field, word in pairs(it.hash) do
    if tonumber(field) and word:sub(1, 1) == "-" then n = n + 1 end
  end
  return n
end

--- Whether its ring still holds a grant of that moment.
local function kept(it, at)
  for field, word in pairs(it.hash) do
    if tonumber(field) and tonumber(word) == at then return true end
  end
end

--- Whether any `calls` + 1 of the sorted moments lie within less than `window`.
local function crowded(moments, calls, window)
  for i = 1, #moments - calls do
    if moments[i + calls] - moments[i] < window then return true end
  end
  return false
end

--- The earliest moment from `from` on that could be added: found by trying all there are.
local function earliest(moments, calls, window, from)
  local tries = { from }
  for _, moment in ipairs(moments) do tries[#tries + 1] = moment + window end
  table.sort(tries)
  for _, at in ipairs(tries) do
    if at >= from then
      local with = { at, unpack(moments) }
      table.sort(with)
      if not crowded(with, calls, window) then return at end
    end
  end
end

describe("the script", function()
  local W = 1050

  local function drive(calls, steps)
    local ring = machine(calls, 1000, 50)
    local moments, paused = {}, 0
    for _ = 1, steps do
      local dice = math.random(100)
      if dice <= 55 then
        local wanted = math.random(3) == 1 and math.random(0, 600) or 4000
        local from = math.max(ring.now, paused)
        local best = earliest(moments, calls, W, from)
        local reply = ring.ask("reserve", wanted)
        local at = ring.now + reply[3]
        assert.equal(best, at)
        assert.equal(at - ring.now <= wanted and "done" or "late", reply[1])
        if reply[1] == "done" then
          assert.equal(at, reply[4])
          moments[#moments + 1] = at
          table.sort(moments)
          assert.is_false(crowded(moments, calls, W))
          assert.is_true(ring.ttl >= moments[#moments] + W - ring.now)
        end
      elseif dice <= 75 and #moments > 0 then
        local i = math.random(#moments)
        local at = moments[i]
        if kept(ring, at) then -- else `calls` later ones were granted: no effect
          local before = holes(ring)
          ring.ask("release", at)
          if holes(ring) > before then table.remove(moments, i) end
        end
      elseif dice <= 80 and #moments > 0 then
        local i = math.random(#moments)
        local at, rest = moments[i], { unpack(moments) }
        local late = math.random(0, 300)
        table.remove(rest, i)
        table.insert(rest, at + late)
        table.sort(rest)
        if at + late <= ring.now and kept(ring, at) and not crowded(rest, calls, W) then
          ring.ask("settle", at, { late = late + 50 })
          moments = rest
        end
      elseif dice <= 83 then
        paused = math.max(paused, ring.now + 300)
        ring.ask("pause", 0, { pause = 300 })
      else
        ring.now = ring.now + math.random(0, math.random(4) == 1 and 3000 or 300)
      end
      while moments[1] and moments[1] < ring.now - 3 * W do table.remove(moments, 1) end
    end
  end

  it("grants no window too many, and nothing later than it must, whatever happens", function()
    math.randomseed(42)
    for calls = 1, 5 do drive(calls, 1000) end
  end)

  it("counts what it granted, and gives back what was not used", function()
    local ring = machine(3, 1000, 50)
    local began, grants = ring.now, {}
    for i = 1, 5 do
      grants[i] = ring.ask("reserve", 1e6)[4] - began
      ring.now = ring.now + 1
    end
    assert.same({ 0, 1, 2, 1050, 1051 }, grants)
    ring.ask("release", began + 1050)
    assert.equal(1045, ring.ask("state")[3])
    assert.equal(began + 1050, ring.ask("reserve", 1e6)[4])
    assert.equal(3, ring.ask("state")[4])
    ring.ask("release", began + 1) -- left the ring: of no effect
    assert.equal(1047, ring.ask("state")[3])
    ring.ask("release", began + 2)
    assert.equal(0, ring.ask("state")[3])
  end)

  it("pauses where a call arrived late and its place in the ring is gone", function()
    local ring = machine(2, 1000, 50)
    local first = ring.ask("reserve", 1e6)[4]
    ring.now = ring.now + 1
    for _ = 1, 2 do ring.ask("reserve", 1e6) end
    ring.now = ring.now + 199
    ring.ask("settle", first, { late = 200 })
    assert.equal(1000, ring.ask("state")[6])
  end)

  it("goes on counting where Redis's clock is set back", function()
    local ring = machine(2, 1000, 50)
    ring.ask("reserve", 1e6)
    ring.ask("reserve", 1e6)
    ring.now = ring.now - 5e9
    assert.equal(1050, ring.ask("reserve", 1e6)[3])
    ring.now = ring.now + 1050
    assert.equal(0, ring.ask("reserve", 1e6)[3])
  end)

  it("pauses for what the caller remembers, where the ring is gone", function()
    local ring = machine(2, 1000, 50)
    assert.equal(0, ring.ask("state")[5])
    local counts = ring.ask("reserve", 1e6)[5]
    assert.equal(1050, counts)
    assert.equal(0, ring.ask("reserve", 1e6, { remember = counts })[3]) -- it is there
    for field in pairs(ring.hash) do ring.hash[field] = nil end
    ring.now = ring.now + 200
    assert.equal(850, ring.ask("reserve", 1e6, { remember = 850 })[3])
    local newcomer = ring.generation
    ring.generation = "an older one"
    assert.equal(900, ring.ask("state", 0, { remember = 900 })[3])
    assert.equal(newcomer, ring.generation)
  end)

  it("takes over what was granted without it", function()
    local ring = machine(3, 1000, 50)
    assert.equal(150, ring.ask("reserve", 1e6, { ages = { 900, 800, 10 } })[3])
    assert.equal(250, ring.ask("reserve", 1e6)[3])
    -- What others granted at the same time comes between: later than it was, never earlier.
    assert.is_true(ring.ask("reserve", 1e6, { ages = { 700 } })[3] >= 1040)
  end)
end)

-- On a server ---------------------------------------------------------------------------------

describe("the throttle in Redis", function()
  local server

  local function connect()
    return redis_lua.connect("127.0.0.1", server.port)
  end

  local function new(options)
    local with = { calls = 3, period = 1, guard = 0.05, redis = connect, key = "test" }
    for name, value in pairs(options or {}) do with[name] = value end
    return throttle.new(with)
  end

  setup(function() server = helper.redis() end)
  teardown(helper.cleanup)
  before_each(function() connect():flushall() end)

  it("is one ring for all who name the key", function()
    local a, b = new(), new { redis = connect() }
    assert.equal(0, (a:reserve()))
    assert.equal(0, (b:reserve()))
    assert.equal(0, (a:reserve()))
    local wait, grant = b:reserve()
    assert.is_true(wait > 0.5 and wait <= 1.05)
    assert.is_true(math.abs(b:state().wait - wait) < 0.05)
    b:release(grant)
    local again, same = a:reserve()
    assert.is_true(again <= wait)
    assert.equal(grant, same)
    local state = a:state()
    assert.same({ 3, 1, 3 }, { state.calls, state.period, state.used })
    assert.equal(0, (new { key = "another" }:reserve()))
  end)

  it("keeps the allowance from when a call arrived, and asks only where that was late", function()
    local one, watch = new { period = 2 }, connect()
    local _, first = one:reserve()
    for _ = 1, 2 do one:reserve() end
    watch:config("resetstat")
    one:settle(first, 0.05)
    assert.is_nil(watch:raw_cmd("INFO commandstats"):match("cmdstat_evalsha"))
    one:settle(first, 1.05)
    assert.is_true(math.abs(one:reserve() - 2.05) < 0.1)
    one:reserve()
    assert.is_true(math.abs(one:reserve() - 3.05) < 0.1)
  end)

  it("grants nothing where the wait would be too long, and tells the wait", function()
    local one = new()
    for _ = 1, 3 do assert.equal(0, (one:reserve(0))) end
    local wait, longer = one:reserve(0.5)
    assert.is_nil(wait)
    assert.is_true(longer > 0.5 and longer <= 1.05)
    assert.equal(3, one:state().used)
  end)

  it("pauses everyone", function()
    local a, b = new(), new()
    assert.equal(0, a:paused())
    a:pause(0.5)
    assert.is_true(a:paused() > 0.4)
    assert.is_true(b:paused() > 0.3)
    local wait = b:reserve()
    assert.is_true(wait > 0.4 and wait <= 0.5)
    a:pause(0.1) -- shortens nothing
    wait = b:reserve()
    assert.is_true(wait > 0.3 and wait <= 0.5)
  end)

  it("costs one round trip, knows its script by its digest, and survives SCRIPT FLUSH", function()
    local one, watch = new(), connect()
    one:reserve()
    watch:config("resetstat")
    for _ = 1, 5 do one:release(select(2, one:reserve())) end
    local stats = watch:raw_cmd("INFO commandstats")
    assert.equal("10", stats:match("cmdstat_evalsha:calls=(%d+)"))
    assert.is_nil(stats:match("cmdstat_eval:"))
    assert.is_nil(stats:match("cmdstat_script"))
    watch:raw_cmd("SCRIPT FLUSH")
    assert.is_number(one:reserve())
    assert.equal("1", watch:raw_cmd("INFO commandstats"):match("cmdstat_eval:calls=(%d+)"))
    one:reserve()
    assert.equal("1", watch:raw_cmd("INFO commandstats"):match("cmdstat_eval:calls=(%d+)"))
  end)

  it("leaves one key, which goes by itself once nothing of it counts", function()
    local one, watch = new(), connect()
    for _ = 1, 4 do one:reserve() end
    assert.same({ "test" }, watch:keys("*"))
    local ms = watch:pttl("test")
    assert.is_true(ms > 2050 and ms <= 3100 + 50)
    one:pause(60)
    assert.is_true(watch:pttl("test") > 60000)
  end)

  it("refuses other limits than those in Redis, and names both", function()
    new():reserve()
    for _, other in ipairs { { calls = 4 }, { period = 2 }, { guard = 0.1 } } do
      local wait, code, message = new(other):reserve()
      assert.is_nil(wait)
      assert.equal("mismatch", code)
      assert.truthy(message:find("is 3 calls per 1 s with a guard of 0.05 s, not", 1, true))
      assert.truthy(message:find(other.calls and "not 4 calls" or other.period and "per 2 s"
        or "guard of 0.1 s", 1, true))
    end
    local wait, code = new { calls = 4, fallback = "local" }:reserve()
    assert.same({ nil, "mismatch" }, { wait, code })
    assert.equal("mismatch", (select(2, new { calls = 4 }:state())))
  end)

  it("says what Redis says", function()
    connect():set("test", "something else")
    local wait, code, message = new():reserve()
    assert.is_nil(wait)
    assert.equal("network", code)
    assert.matches("^WRONGTYPE", message)
  end)

  it("raises where it is closed, and keeps the caller's own connection open", function()
    local mine = connect()
    local one = new { redis = mine }
    one:reserve()
    one:close()
    one:close()
    assert.has_error(function() one:reserve() end, "attempt to use a closed throttle")
    assert.is_true(mine:ping())
    local other = new()
    other:reserve()
    other:close()
    assert.equal(0, (new():reserve()))
  end)

  it("makes the connection anew where it can", function()
    local own = connect()
    local by_function, by_object = new(), new { redis = own }
    by_function:reserve()
    by_object:reserve()
    connect():raw_cmd("CLIENT KILL TYPE normal SKIPME yes")
    assert.equal(0, (by_function:reserve()))
    local wait, code, message = by_object:reserve()
    assert.is_nil(wait)
    assert.equal("network", code)
    assert.matches("closed", message)
  end)

  it("remembers the window when the process starts again", function()
    local program = ([[
      package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
      local one = require("livechat.throttle").new { calls = 3, period = 1, guard = 0.05,
        redis = require("redis").connect("127.0.0.1", %d), key = "test" }
      for _ = 1, 2 do one:reserve() end
      os.exit(0, false)]]):format(server.port)
    local command = ("%s %s -e %s"):format(helper.lua_env(helper.lua_version),
      helper.lua_program(helper.lua_version), helper.quote(program))
    assert.same({ 0, "" }, { helper.run(command) })
    assert.same({ 0, "" }, { helper.run(command) })
    assert.is_true(new():reserve() > 0.5)
  end)
end)

describe("where Redis goes away", function()
  local server

  local function start(port)
    local pid = helper.spawn { "redis-server", "--port", tostring(port), "--bind", "127.0.0.1",
      "--save", "", "--appendonly", "no", "--dir", helper.folder() }
    helper.wait_port(port)
    server = { port = port, pid = pid }
  end

  local function stop()
    helper.stop(server.pid)
    helper.wait_exit(server.pid)
  end

  local function new(options)
    local with = { calls = 10, period = 1, guard = 0.05, key = "test", redis = function()
      return redis_lua.connect("127.0.0.1", server.port)
    end }
    for name, value in pairs(options or {}) do with[name] = value end
    return throttle.new(with)
  end

  before_each(function() start(helper.free_port()) end)
  after_each(helper.cleanup)

  it("says that there is no answer", function()
    local one = new()
    one:reserve()
    stop()
    for _ = 1, 2 do
      local wait, code, message = one:reserve()
      assert.same({ nil, "network" }, { wait, code })
      assert.matches("connection refused", message)
    end
    assert.equal("network", (select(2, one:state())))
    one:pause(0.3) -- is told later
    assert.is_true(one:paused() > 0.1)
    start(server.port)
    local wait = one:reserve()
    assert.is_true(wait > 0)
    assert.is_true(new():reserve() > 0)
  end)

  it("holds the limit where Redis comes back with nothing", function()
    local a, b = new(), new()
    for _ = 1, 5 do assert.equal(0, (a:reserve())) end
    for _ = 1, 5 do assert.equal(0, (b:reserve())) end
    local due = core.clock() + 1.05
    stop()
    start(server.port)
    local wait = b:reserve()
    assert.is_true(wait > 0.1 and wait <= due - core.clock() + 0.02)
    assert.is_true(core.clock() + a:reserve() >= due - 0.05)
  end)

  it("goes on with a share, its own calls through Redis counted", function()
    local one = new { fallback = "local", share = 0.3 }
    one:reserve()
    local began = core.clock()
    stop()
    assert.equal(0, (one:reserve()))
    assert.equal(0, (one:reserve()))
    local wait, grant = one:reserve()
    assert.is_true(math.abs(core.clock() + wait - began - 1.05) < 0.1)
    one:release(grant)
    local late, longer = one:reserve(0.1)
    assert.is_nil(late)
    assert.is_true(longer > 0.5)
    local state = one:state()
    assert.same({ 3, 1, 3 }, { state.calls, state.period, state.used })
    assert.matches("refused", state.unreachable)
    one:pause(1.5)
    assert.is_true(one:reserve() > 1.4)
  end)

  it("has a tenth for its share, one call at the least", function()
    stop()
    for _, case in ipairs { { 100, 10 }, { 25, 2 }, { 3, 1 } } do
      local one = new { calls = case[1], fallback = "local" }
      for _ = 1, case[2] do assert.equal(0, (one:reserve())) end
      assert.is_true(one:reserve() > 0)
    end
  end)

  it("tells Redis, when it is back, what was granted without it", function()
    local one = new { period = 9, fallback = "local", share = 0.5 }
    stop()
    for _ = 1, 5 do assert.equal(0, (one:reserve())) end
    helper.sleep(1.01) -- it tries again each second
    assert.is_true(one:reserve(0) == nil)
    start(server.port)
    helper.sleep(1.01)
    assert.equal(0, (one:reserve()))
    local other = new { period = 9 }
    assert.equal(6, other:state().used)
    assert.equal(0, (one:reserve()))
    assert.equal(7, other:state().used)
    assert.is_nil(one:state().unreachable)
    for _ = 1, 3 do assert.equal(0, (other:reserve())) end
    assert.is_true(other:reserve() > 0.5)
  end)
end)

describe("livechat.throttle{ redis= }", function()
  local function refused(pattern, options)
    local with = { redis = function() end, key = "k" }
    for name, value in pairs(options) do with[name] = value end
    if with.redis == 0 then with.redis = nil end
    local fine, message = pcall(throttle.new, with)
    assert.is_false(fine)
    assert.truthy(message:find("bad argument '" .. pattern .. "' to 'livechat.throttle'", 1, true),
      message)
  end

  it("says which option is wrong", function()
    refused("redis", { redis = "127.0.0.1:6379" })
    refused("redis", { redis = { host = "127.0.0.1" } })
    refused("key", { key = false })
    refused("key", { key = "" })
    refused("key", { redis = 0 })
    refused("path", { path = "throttle" })
    refused("fallback", { fallback = "remote" })
    refused("share", { share = 0.5 })
    refused("share", { fallback = "local", share = 0 })
    refused("share", { fallback = "local", share = 2 })
    refused("mode", { mode = "0660" })
    refused("calls", { calls = 0 })
  end)
end)
