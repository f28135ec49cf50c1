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

--- What a newcomer would wait.
local function wait_of(one, ...)
  return assert(one:reserve(...)).wait
end

-- What Redis makes of a number that a script gives it.
local function text(value)
  return type(value) == "number" and ("%.17g"):format(value) or value
end

--- The script on a hash in memory and a clock that the spec turns.
local function machine(calls, period, guard)
  local hash = {}
  local it = { hash = hash, now = 1.7e15, generation = "" } -- microseconds
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
      assert.matches("^[%d: ]*$", pairs_of[i + 1])
      hash[pairs_of[i]] = pairs_of[i + 1]
    end
  end
  commands.HSET = commands.HMSET
  function commands.PEXPIRE(ms) it.ttl = tonumber(ms) * 1000 end
  local env = { string = string, math = math, table = table, ipairs = ipairs,
    tonumber = tonumber, KEYS = { "key" }, redis = {} }
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
    local ages, tickets = options.ages or {}, options.tickets or {}
    local argv = { verb, calls, period, guard, it.generation, options.remember or 0,
      options.pause or 0, argument or 0, options.second or 0, options.open or 0, #ages }
    for _, age in ipairs(ages) do argv[#argv + 1] = age end
    for _, ticket in ipairs(tickets) do argv[#argv + 1] = ticket end
    for i = 1, #argv do argv[i] = text(argv[i]) end
    env.ARGV = argv
    local reply = script()
    if reply[1] ~= "mismatch" then it.generation = reply[2] end
    return reply
  end
  return it
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
  local W, LEASE = 1050000, 700000

  --- When a caller before whom those tickets wait may go.
  local function best_for(ring, moments, calls, waiters, ticket, from, open)
    local ahead = { unpack(moments) }
    for _ = 1, #open do
      ahead[#ahead + 1] = earliest(ahead, calls, W, from)
      table.sort(ahead)
    end
    for _, waiter in ipairs(waiters) do
      if waiter.ticket < ticket and waiter.seen > ring.now - LEASE then
        ahead[#ahead + 1] = earliest(ahead, calls, W, from)
        table.sort(ahead)
      end
    end
    return earliest(ahead, calls, W, from)
  end

  local function remove(list, ticket)
    for i, waiter in ipairs(list) do
      if waiter.ticket == ticket then return table.remove(list, i) end
    end
  end

  local Drive = {}
  Drive.__index = Drive

  --- A call went at that moment, or arrived then.
  function Drive:count(at)
    self.moments[#self.moments + 1] = at
    table.sort(self.moments)
    assert.is_false(crowded(self.moments, self.calls, W))
  end

  --- Those of which no more is known count from when they are not sent any more.
  function Drive:end_open()
    for i = #self.open, 1, -1 do
      if self.open[i].ends <= self.ring.now then
        self:count(table.remove(self.open, i).ends)
      end
    end
  end

  --- An open call arrived, or was not sent.
  function Drive:close()
    local call = table.remove(self.open, math.random(#self.open))
    if math.random(3) == 1 then return self.ring.ask("release", call.at) end
    local late = math.random(0, self.ring.now - call.at)
    self.ring.ask("arrived", call.at, { second = late, open = 1 })
    self:count(call.at + math.max(0, late - 25000))
    self.ring.ask("arrived", call.at, { second = late, open = 1 }) -- of no effect
  end

  --- A newcomer asks, or one that waits.
  function Drive:reserve(waiter)
    local ring, wanted = self.ring, math.random(3) == 1 and math.random(0, 600000) or 1e9
    local best = best_for(ring, self.moments, self.calls, self.waiters,
      waiter and waiter.ticket or math.huge, math.max(ring.now, self.paused), self.open)
    local lifetime = math.random(2) == 1 and math.random(1, 2000000) or nil
    local reply = ring.ask("reserve", wanted, { second = waiter and waiter.ticket,
      open = lifetime })
    assert.equal(best - ring.now, reply[3])
    assert.equal(best == ring.now and "go" or best - ring.now <= wanted and "wait" or "late",
      reply[1])
    if reply[1] == "wait" then
      waiter = waiter or { ticket = reply[4] }
      assert.equal(waiter.ticket, reply[4])
      remove(self.waiters, waiter.ticket)
      waiter.seen = ring.now
      self.waiters[#self.waiters + 1] = waiter
      table.sort(self.waiters, function(a, b) return a.ticket < b.ticket end)
      return
    end
    if waiter then remove(self.waiters, waiter.ticket) end
    if reply[1] == "go" then
      assert.equal(ring.now, reply[4])
      if lifetime then
        self.open[#self.open + 1] = { at = ring.now, ends = ring.now + lifetime }
      else
        self:count(ring.now)
      end
      assert.is_true(ring.ttl >= W)
    end
  end

  --- A process says which of its callers are there.
  function Drive:beat()
    local ring, tickets = self.ring, {}
    for _, waiter in ipairs(self.waiters) do
      if math.random(2) == 1 then
        tickets[#tickets + 1] = waiter.ticket
        waiter.seen = ring.now
      end
    end
    local reply = ring.ask("state", 0, { tickets = tickets })
    for i, ticket in ipairs(tickets) do
      assert.equal(best_for(ring, self.moments, self.calls, self.waiters, ticket,
        math.max(ring.now, self.paused), self.open) - ring.now, reply[5 + i])
    end
  end

  --- Where the ring still holds it, else it has no effect.
  function Drive:release_or_arrive()
    local ring, i = self.ring, math.random(#self.moments)
    local at = self.moments[i]
    if not kept(ring, at) then return end
    if math.random(2) == 1 then
      ring.ask("release", at)
      table.remove(self.moments, i)
      return
    end
    local late, rest = math.random(0, 300000), { unpack(self.moments) }
    table.remove(rest, i)
    rest[#rest + 1] = at + late
    table.sort(rest)
    if at + late <= ring.now and not crowded(rest, self.calls, W) then
      ring.ask("arrived", at, { second = late + 50000 })
      self.moments = rest
    end
  end

  function Drive:step()
    local ring, dice = self.ring, math.random(100)
    ring.now = ring.now + 1 -- no two calls go in one microsecond
    self:end_open()
    local waiter = #self.waiters > 0 and self.waiters[math.random(#self.waiters)]
    if dice <= 30 and #self.waiters < 8 then
      self:reserve()
    elseif dice <= 60 and waiter then
      self:reserve(waiter)
    elseif dice <= 65 and waiter then
      remove(self.waiters, waiter.ticket)
      if waiter.seen > ring.now - LEASE then ring.ask("leave", waiter.ticket) end
    elseif dice <= 75 then
      self:beat()
    elseif dice <= 83 and #self.moments > 0 then
      self:release_or_arrive()
    elseif dice <= 87 and #self.open > 0 then
      self:close()
    elseif dice <= 89 then
      self.paused = math.max(self.paused, ring.now + 300000)
      ring.ask("pause", 0, { pause = 300000 })
    else
      ring.now = ring.now + math.random(0, math.random(4) == 1 and 3000000 or 300000)
    end
    while self.moments[1] and self.moments[1] < ring.now - 3 * W do
      table.remove(self.moments, 1)
    end
  end

  it("lets no window have too many, and none wait longer than it must, whatever happens",
    function()
      math.randomseed(42)
      for calls = 1, 5 do
        local drive = setmetatable({ ring = machine(calls, 1000000, 50000), calls = calls,
          moments = {}, waiters = {}, open = {}, paused = 0 }, Drive)
        for _ = 1, 1500 do drive:step() end
      end
    end)

  it("counts what went, and takes back what was not sent", function()
    local ring = machine(3, 1000000, 50000)
    local began, waits = ring.now, {}
    for i = 1, 5 do
      waits[i] = ring.ask("reserve", 1e9)[3]
      ring.now = ring.now + 1
    end
    assert.same({ 0, 0, 0, 1049997, 1049997 }, waits)
    assert.equal(3, ring.ask("state")[4])
    ring.ask("release", began + 1)
    ring.ask("release", began + 7) -- none went then
    assert.equal(2, ring.ask("state")[4])
    ring.now = ring.now + LEASE
    assert.equal(0, ring.ask("reserve", 1e9)[3])
    assert.equal(1050000 - 5 - LEASE, ring.ask("state")[3])
  end)

  it("counts a call that arrived late and is no longer in the ring", function()
    local ring = machine(2, 1000000, 50000)
    local first = ring.ask("reserve", 1e9)[4]
    ring.now = ring.now + 400000
    ring.ask("reserve", 1e9)
    ring.now = ring.now + 700000
    ring.ask("reserve", 1e9)
    ring.ask("arrived", first, { second = 1100000 }) -- less the guard
    ring.now = ring.now + 400000
    assert.equal(1050000 - 450000, ring.ask("reserve", 1e9)[3])
  end)

  it("keeps a call in every window until it is known to have arrived, or cannot be sent", function()
    local ring = machine(2, 1000000, 50000)
    local first = ring.ask("reserve", 1e9, { open = 9000000 })[4]
    ring.now = ring.now + 1
    local second = ring.ask("reserve", 1e9, { open = 9000000 })
    assert.equal(10050000, second[5]) -- so long may they still count
    ring.now = first + 5000000
    assert.equal("late", ring.ask("reserve", 0)[1])
    assert.equal(2, ring.ask("state")[4])
    ring.ask("arrived", first, { second = 4900000, open = 1 }) -- half of the guard is taken off
    assert.equal(4875000 + 1050000 - 5000000, ring.ask("reserve", 0)[3])
    ring.ask("release", second[4])
    assert.equal(0, ring.ask("reserve", 0, { open = 2000000 })[3])
    ring.now = ring.now + 2500000
    assert.equal("go", ring.ask("reserve", 0)[1]) -- the lost one counts from its end
    assert.equal(2000000 + 1050000 - 2500000, ring.ask("reserve", 0)[3])
  end)

  it("goes on counting where Redis's clock is set back", function()
    local ring = machine(2, 1000000, 50000)
    ring.ask("reserve", 1e9)
    ring.ask("reserve", 1e9)
    ring.now = ring.now - 5e12
    assert.equal(1050000, ring.ask("reserve", 1e9)[3])
    ring.now = ring.now + 1050000
    assert.equal(0, ring.ask("reserve", 1e9)[3])
  end)

  it("pauses for what the caller remembers, where the ring is gone", function()
    local ring = machine(2, 1000000, 50000)
    assert.equal(0, ring.ask("state")[5])
    local counts = ring.ask("reserve", 1e9)[5]
    assert.equal(1050000, counts)
    assert.equal(0, ring.ask("reserve", 1e9, { remember = counts })[3]) -- it is there
    local ticket = ring.ask("reserve", 1e9)[4]
    for field in pairs(ring.hash) do ring.hash[field] = nil end
    ring.now = ring.now + 200000
    assert.equal(850000, ring.ask("reserve", 1e9, { remember = 850000, second = ticket })[3])
    assert.is_true(ring.ask("reserve", 1e9)[4] > ticket)
    local newcomer = ring.generation
    ring.generation = "an older one"
    assert.equal(900000, ring.ask("reserve", 1e9, { remember = 900000, second = ticket })[3])
    assert.equal(newcomer, ring.generation)
  end)

  it("takes over what went without it", function()
    local ring = machine(3, 1000000, 50000)
    assert.equal(150000, ring.ask("reserve", 1e9, { ages = { 900000, 800000, 10000 } })[3])
    assert.equal(250000, ring.ask("reserve", 1e9)[3])
    -- What went through it at the same time comes between.
    assert.equal(350000, ring.ask("reserve", 0, { ages = { 700000 } })[3] - 690000)
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
    assert.equal(0, wait_of(a))
    assert.equal(0, wait_of(b))
    assert.equal(0, wait_of(a))
    local waiting = b:reserve()
    assert.is_true(waiting.wait > 0.5 and waiting.wait <= 1.05)
    local behind = a:state().wait
    assert.is_true(behind >= waiting.wait - 0.05)
    b:release(waiting)
    assert.is_true(wait_of(a) <= behind)
    local state = a:state()
    assert.same({ 3, 1, 3 }, { state.calls, state.period, state.used })
    assert.equal(0, wait_of(new { key = "another" }))
  end)

  it("keeps the allowance from when a call arrived, and asks only where that was late", function()
    local one, watch = new { period = 2 }, connect()
    local first = one:reserve()
    for _ = 1, 2 do one:reserve() end
    watch:config("resetstat")
    one:record_arrival(first, 0.05)
    assert.is_nil(watch:raw_cmd("INFO commandstats"):match("cmdstat_evalsha"))
    one:record_arrival(first, 1.05)
    assert.is_true(math.abs(wait_of(one) - 2.05) < 0.1)
    one:reserve()
    assert.is_true(math.abs(wait_of(one) - 3.05) < 0.1)
  end)

  it("lets none wait longer than it may, and tells the wait", function()
    local one = new()
    for _ = 1, 3 do assert.equal(0, wait_of(one, 0)) end
    local reservation, err = one:reserve(0.5)
    assert.is_nil(reservation)
    assert.is_true(err.wait > 0.5 and err.wait <= 1.05)
    assert.equal(3, one:state().used)
  end)

  it("pauses everyone", function()
    local a, b = new(), new()
    a:pause(0.5)
    local wait = wait_of(b)
    assert.is_true(wait > 0.4 and wait <= 0.5)
    a:pause(0.1) -- shortens nothing
    wait = wait_of(b)
    assert.is_true(wait > 0.3 and wait <= 0.5)
  end)

  it("asks once in a beat for all of a process that wait", function()
    local one, watch = new { calls = 1, period = 5 }, connect()
    local other = new { calls = 1, period = 5 }
    one:reserve()
    local waiting, began = {}, core.clock()
    for i = 1, 20 do waiting[i] = one:reserve() end
    watch:config("resetstat")
    while core.clock() < began + 1.4 do -- longer than a lease
      for i = 1, 20 do
        local due = began + 5.05 * i - core.clock()
        assert.is_true(math.abs(one:reserve(nil, waiting[i]).wait - due) < 0.2)
      end
      helper.sleep(0.25)
    end
    local asked = tonumber(watch:raw_cmd("INFO commandstats"):match("cmdstat_evalsha:calls=(%d+)"))
    assert.is_true(asked >= 4 and asked <= 8, asked .. " round trips")
    assert.is_true(math.abs(other:state().wait - (began + 21 * 5.05 - core.clock())) < 0.2)
    for _ = 1, 4 do -- all but the last are gone: killed, collected
      helper.sleep(0.25)
      one:reserve(nil, waiting[20])
    end
    local first = began + 5.05 - core.clock()
    assert.is_true(math.abs(waiting[20].wait - first) < 0.3, "waits " .. waiting[20].wait)
    helper.sleep(1) -- and then the last
    assert.is_true(other:state().wait <= began + 5.05 - core.clock() + 0.01)
  end)

  it("lets a call go that is due, and takes it back", function()
    local one = new { calls = 2, period = 0.5 }
    for _ = 1, 2 do one:reserve() end
    local waiting = one:reserve()
    while waiting.wait > 0 do
      helper.sleep(math.min(waiting.wait, 0.25))
      one:reserve(nil, waiting)
    end
    assert.is_number(waiting.at)
    assert.equal(1, one:state().used)
    one:release(waiting)
    assert.equal(0, one:state().used)
  end)

  it("costs one round trip, knows its script by its digest, and survives SCRIPT FLUSH", function()
    local one, watch = new(), connect()
    one:reserve()
    watch:config("resetstat")
    for _ = 1, 5 do one:release(one:reserve()) end
    local stats = watch:raw_cmd("INFO commandstats")
    assert.equal("10", stats:match("cmdstat_evalsha:calls=(%d+)"))
    assert.is_nil(stats:match("cmdstat_eval:"))
    assert.is_nil(stats:match("cmdstat_script"))
    watch:raw_cmd("SCRIPT FLUSH")
    assert.is_number(wait_of(one))
    assert.equal("1", watch:raw_cmd("INFO commandstats"):match("cmdstat_eval:calls=(%d+)"))
    one:reserve()
    assert.equal("1", watch:raw_cmd("INFO commandstats"):match("cmdstat_eval:calls=(%d+)"))
  end)

  it("leaves one key, which goes by itself once nothing of it counts", function()
    local one, watch = new(), connect()
    for _ = 1, 4 do one:reserve() end
    assert.same({ "test" }, watch:keys("*"))
    local ms = watch:pttl("test")
    assert.is_true(ms > 1900 and ms <= 2050 + 50)
    one:pause(60)
    assert.is_true(watch:pttl("test") > 60000)
  end)

  it("refuses other limits than those in Redis, and names both", function()
    new():reserve()
    for _, other in ipairs { { calls = 4 }, { period = 2 }, { guard = 0.1 } } do
      local reservation, err = new(other):reserve()
      assert.is_nil(reservation)
      assert.equal("mismatch", err.code)
      local message = err.message
      assert.truthy(message:find("is 3 calls per 1 s with a guard of 0.05 s, not", 1, true))
      assert.truthy(message:find(other.calls and "not 4 calls" or other.period and "per 2 s"
        or "guard of 0.1 s", 1, true))
    end
    local reservation, err = new { calls = 4, fallback = "local" }:reserve()
    assert.is_nil(reservation)
    assert.equal("mismatch", err.code)
    assert.equal("mismatch", select(2, new { calls = 4 }:state()).code)
  end)

  it("says what Redis says", function()
    connect():set("test", "something else")
    local reservation, err = new():reserve()
    assert.is_nil(reservation)
    assert.equal("network", err.code)
    assert.matches("^WRONGTYPE", err.message)
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
    assert.equal(0, wait_of(new()))
  end)

  it("makes the connection anew where it can", function()
    local own = connect()
    local by_function, by_object = new(), new { redis = own }
    by_function:reserve()
    by_object:reserve()
    connect():raw_cmd("CLIENT KILL TYPE normal SKIPME yes")
    assert.equal(0, wait_of(by_function))
    local reservation, err = by_object:reserve()
    assert.is_nil(reservation)
    assert.equal("network", err.code)
    assert.matches("closed", err.message)
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
    assert.is_true(wait_of(new()) > 0.5)
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
      local reservation, err = one:reserve()
      assert.is_nil(reservation)
      assert.equal("network", err.code)
      assert.matches("connection refused", err.message)
    end
    assert.equal("network", select(2, one:state()).code)
    one:pause(0.5) -- is told later
    start(server.port)
    assert.is_true(wait_of(one) > 0)
    assert.is_true(wait_of(new()) > 0)
  end)

  it("holds the limit where Redis comes back with nothing", function()
    local a, b = new { period = 2 }, new { period = 2 }
    for _ = 1, 5 do assert.equal(0, wait_of(a)) end
    for _ = 1, 5 do assert.equal(0, wait_of(b)) end
    local due = core.clock() + 2.05
    stop()
    start(server.port)
    local asked = core.clock()
    local wait = wait_of(b)
    assert.is_true(wait > 0.1 and wait <= due - asked + 0.02)
    assert.is_true(core.clock() + wait_of(a) >= due - 0.05)
  end)

  it("goes on with a share, its own calls through Redis counted", function()
    local one = new { fallback = "local", share = 0.3 }
    one:reserve()
    local began = core.clock()
    stop()
    assert.equal(0, wait_of(one))
    assert.equal(0, wait_of(one))
    local waiting = one:reserve()
    assert.is_true(math.abs(core.clock() + waiting.wait - began - 1.05) < 0.1)
    one:release(waiting)
    local late, err = one:reserve(0.1)
    assert.is_nil(late)
    assert.is_true(err.wait > 0.5)
    local state = one:state()
    assert.same({ 3, 1, 3 }, { state.calls, state.period, state.used })
    assert.matches("refused", state.unreachable)
    one:pause(1.5)
    assert.is_true(wait_of(one) > 1.4)
  end)

  it("has a tenth for its share, one call at the least", function()
    stop()
    for _, case in ipairs { { 100, 10 }, { 25, 2 }, { 3, 1 } } do
      local one = new { calls = case[1], fallback = "local" }
      for _ = 1, case[2] do assert.equal(0, wait_of(one)) end
      assert.is_true(wait_of(one) > 0)
    end
  end)

  it("tells Redis, when it is back, what was granted without it", function()
    local one = new { period = 9, fallback = "local", share = 0.5 }
    stop()
    for _ = 1, 5 do assert.equal(0, wait_of(one)) end
    helper.sleep(1.01) -- it tries again each second
    assert.is_true(one:reserve(0) == nil)
    start(server.port)
    helper.sleep(1.01)
    assert.equal(0, wait_of(one))
    local other = new { period = 9 }
    assert.equal(6, other:state().used)
    assert.equal(0, wait_of(one))
    assert.equal(7, other:state().used)
    assert.is_nil(one:state().unreachable)
    for _ = 1, 3 do assert.equal(0, wait_of(other)) end
    assert.is_true(wait_of(other) > 0.5)
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
