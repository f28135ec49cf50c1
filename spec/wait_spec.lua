-- SPDX-License-Identifier: MIT
--- Waiting inside other programs' loops: cqueues, which is recognised, libuv, and any other.
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"
local socket = require "socket"
local wait = require "livechat.call.wait"

local has_cqueues, cqueues = pcall(require, "cqueues")
local has_luv, luv = pcall(require, "luv")

local sandbox, client, ids

local function connect(options)
  local with = {
    username = sandbox.username, api_key = sandbox.api_key, base_url = sandbox.url,
    throttle = false, retry = { base = 0.01 }, timeout = 10,
  }
  for name, value in pairs(options or {}) do with[name] = value end
  return assert(livechat.new(with))
end

local function fault(...)
  sandbox.control("POST", "faults", { faults = { ... } })
end

local function arrived()
  return sandbox.control("GET", "calls").accepted
end

--- The language's own assert: busted's changes what is raised.
local function must(value, err)
  if not value then error(err, 0) end
  return value
end

local function get(id)
  return must(client.tickets:get(id)).id
end

local function in_flight()
  return wait.foreign(error).engine():pending()
end

--- Threads of this process.
local function threads()
  local _, text = helper.run("ls /proc/" .. core.pid() .. "/task | wc -l")
  return tonumber(text:match("%d+"))
end

setup(function()
  sandbox = helper.sandbox { seed = 40, calls = false }
  ids = sandbox.control("GET", "tickets").ids
end)
teardown(helper.cleanup)
before_each(function()
  sandbox.control("DELETE", "faults")
  sandbox.control("DELETE", "calls")
  client = connect()
end)
after_each(function()
  client:close()
end)

describe("a plain script", function()
  it("is its own loop, in the main program and in coroutines", function()
    assert.equal(ids[1], get(ids[1]))
    assert.equal(ids[2], coroutine.wrap(function() return get(ids[2]) end)())
    assert.equal(wait.plain, wait.current())
    assert.equal(1, threads())
  end)

  it("a coroutine that another one resumes is not taken for its task", function()
    local seen = {}
    local task = {
      co = coroutine.create(function()
        seen.inside = wait.current()
        seen.task = wait.task()
        seen.deeper = coroutine.wrap(function() return wait.current() end)()
        coroutine.yield()
        seen.again = wait.current()
      end),
      choose = function() return "chosen" end,
    }
    wait.resume(task)
    seen.between = wait.current()
    wait.resume(task)
    assert.same({ inside = "chosen", task = task, deeper = wait.plain, between = wait.plain,
      again = "chosen" }, seen)
    assert.is_nil(wait.task())
  end)
end)

describe("inside cqueues", function()
  if not has_cqueues then
    pending("cqueues is not installed for this Lua")
    return
  end

  --- Runs each function in a coroutine of one loop; gives the time and the ticks of another one.
  local function run(functions)
    local loop, left, ticks, began = cqueues.new(), #functions, 0, core.clock()
    for _, fn in ipairs(functions) do
      loop:wrap(function()
        fn(loop)
        left = left - 1
      end)
    end
    loop:wrap(function()
      while left > 0 do
        cqueues.sleep(0.01)
        ticks = ticks + 1
      end
    end)
    must(loop:loop())
    return core.clock() - began, ticks
  end

  local function many(n, fn)
    local list = {}
    for i = 1, n do list[i] = function(loop) fn(i, loop) end end
    return list
  end

  it("calls yield to the loop: many more at once than there are spare descriptors", function()
    fault("slow=0.1@every")
    local got = {}
    local took, ticks = run(many(150, function(i)
      got[i] = get(ids[i % 40 + 1])
      got[i] = got[i] .. get(ids[1])
    end))
    for i = 1, 150 do assert.equal(ids[i % 40 + 1] .. ids[1], got[i]) end
    assert.is_true(took < 3, took)
    assert.is_true(ticks >= 8, ticks)
    assert.equal(0, in_flight())
    assert.equal(2, threads())
  end)

  it("so do waits for the throttle and for a retry", function()
    fault("http503=1@1")
    local limited = connect { throttle = { calls = 3, period = 0.3, guard = 0.01 } }
    local took, ticks = run(many(7, function(i) must(limited.tickets:get(ids[i])) end))
    assert.is_true(took >= 1 and took < 2.5, took)
    assert.is_true(ticks >= 20, ticks)
    local times = arrived()
    assert.equal(8, #times)
    for i = 4, 8 do assert.is_true(times[i] - times[i - 3] >= 0.299) end
    limited:close()
  end)

  it("gather takes part in the loop", function()
    fault("slow=0.1@every")
    local results
    local took, ticks = run { function()
      results = livechat.gather({ 1, 2, 3, 4, 5, 6 }, function(i)
        if i == 2 then error("two", 0) end
        if i == 3 then cqueues.sleep(0.05) end
        if i == 4 then return livechat.gather({ ids[4], ids[5] }, get)[2][1] end
        return get(ids[i])
      end)
    end, function()
      livechat.gather({ 1, 2, 3 }, function(i) get(ids[i]) end)
    end, function() get(ids[1]) end }
    for i = 1, 6 do
      if i == 2 then
        assert.same({ nil, "two", n = 2 }, results[i])
      else
        assert.same({ ids[i == 4 and 5 or i], n = 1 }, results[i])
      end
    end
    assert.is_true(took < 0.8, took)
    assert.is_true(ticks >= 5, ticks)
    assert.equal(0, in_flight())
  end)

  it("closing the client ends what waits", function()
    fault("slow=5@every")
    local kinds = {}
    local took = run { function()
      local _, err = client.tickets:get(ids[1])
      kinds[1] = err.kind
    end, function()
      local results = livechat.gather({ 1, 2 }, function(i) return client.tickets:get(ids[i]) end)
      kinds[2], kinds[3] = results[1][2].kind, results[2][2].kind
    end, function()
      cqueues.sleep(0.1)
      client:close()
    end }
    assert.same({ "closed", "closed", "closed" }, kinds)
    assert.is_true(took < 2, took)
    assert.equal(0, in_flight())
  end)

  it("a coroutine that cannot yield waits without the loop, as does one that it runs", function()
    local found = {}
    run { function()
      local list = { 2, 1 }
      table.sort(list, function(a, b) return get(ids[1]) == ids[1] and a < b end)
      found[1] = list[1]
      found[2] = coroutine.wrap(function() return get(ids[2]) end)()
      for ticket in client.tickets:each() do found[3] = found[3] or ticket.id end
      found[4] = select(2, pcall(get, ids[3]))
    end }
    assert.same({ 1, ids[2], ids[1], ids[3] }, found)
  end)

  it("a loop that is given up leaves nothing in flight", function()
    fault("slow=5@every")
    local loop = cqueues.new()
    for i = 1, 3 do loop:wrap(function() get(ids[i]) end) end
    loop:step(0.2)
    loop:step(0.2)
    assert.equal(3, in_flight())
    loop, client = nil, connect() -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    assert.equal(0, in_flight())
  end)
end)

describe("another loop", function()
  --- A loop in twenty lines, over select: coroutines by the descriptor that they wait for.
  local function new_loop()
    local loop = { waiting = {}, polls = 0 }

    function loop.wait(fd, seconds)
      loop.polls = loop.polls + 1
      loop.waiting[coroutine.running()] = {
        due = core.clock() + seconds, getfd = function() return fd end,
        dirty = function() return false end,
      }
      coroutine.yield()
    end

    function loop.spawn(fn, ...)
      must(coroutine.resume(coroutine.create(fn), ...))
    end

    function loop.run()
      while next(loop.waiting) do
        local list, due = {}, math.huge
        for _, one in pairs(loop.waiting) do
          list[#list + 1] = one
          due = math.min(due, one.due)
        end
        local ready = socket.select(list, nil, math.max(0, due - core.clock()))
        local now = core.clock()
        local going = {}
        for co, one in pairs(loop.waiting) do
          if ready[one] or one.due <= now then going[#going + 1] = co end
        end
        for _, co in ipairs(going) do
          loop.waiting[co] = nil
          must(coroutine.resume(co))
        end
      end
    end
    return loop
  end

  it("is given a descriptor and a time", function()
    fault("slow=0.1@every", "http503=1@1")
    local loop = new_loop()
    local own = connect { wait = loop.wait, throttle = { calls = 20, period = 0.3 } }
    local got, began = {}, core.clock()
    for i = 1, 30 do
      loop.spawn(function() got[i] = must(own.tickets:get(ids[i])).id end)
    end
    loop.spawn(function()
      got[31] = livechat.gather({ ids[1], ids[2] }, function(id)
        return must(own.tickets:get(id)).id
      end)[2][1]
    end)
    loop.run()
    local took = core.clock() - began
    for i = 1, 30 do assert.equal(ids[i], got[i]) end
    assert.equal(ids[2], got[31])
    assert.is_true(took >= 0.45 and took < 2.5, took)
    assert.is_true(loop.polls < 150, loop.polls)
    assert.equal(0, in_flight())
    own:close()
  end)

  it("may come back too early, as often as it likes", function()
    fault("slow=0.1@every")
    local count = 0
    local own = connect { throttle = { calls = 1, period = 0.1, guard = 0 }, wait = function()
      count = count + 1
      socket.sleep(0.005)
    end }
    for i = 1, 3 do assert.equal(ids[i], must(own.tickets:get(ids[i])).id) end
    assert.is_true(count >= 30)
    local times = arrived()
    for i = 2, 3 do assert.is_true(times[i] - times[i - 1] >= 0.099) end
    own:close()
  end)

  it("ends a call that its loop never finishes, at its time-out", function()
    fault("slow=5@every")
    local own = connect { timeout = 0.2, retry = false, wait = function(fd, seconds)
      socket.select({ { getfd = function() return fd end, dirty = function() return false end } },
        nil, seconds)
    end }
    local began = core.clock()
    local _, err = own.tickets:get(ids[1])
    assert.equal("timeout", err.kind)
    assert.is_true(core.clock() - began < 2)
    assert.equal(0, in_flight())
    own:close()
  end)
end)

describe("libuv", function()
  if not has_luv then
    pending("luv is not installed for this Lua")
    return
  end

  it("runs examples/luv.lua", function()
    fault("slow=0.1@every")
    assert.truthy(luv.version())
    local status, output = helper.run(table.concat({
      "LIVECHAT_USERNAME=" .. sandbox.username, "LIVECHAT_API_KEY=" .. sandbox.api_key,
      "LIVECHAT_BASE_URL=" .. sandbox.url, helper.lua_env(helper.lua_version),
      helper.lua_program(helper.lua_version), "examples/luv.lua",
    }, " "))
    assert.equal(0, status, output)
    local n, total, ticks = output:match("(%d+) of (%d+) tickets, and the loop ticked (%d+) times")
    local listed = select(2, output:gsub("[^\n]+  [^\n]+\n", ""))
    assert.truthy(n, output)
    assert.is_true(tonumber(n) > 5 and tonumber(n) <= 25 and tonumber(total) >= tonumber(n), output)
    assert.equal(tonumber(n), listed, output)
    assert.is_true(tonumber(ticks) >= 10, output)
    assert.equal(tonumber(n) + 1, #arrived())
  end)
end)
