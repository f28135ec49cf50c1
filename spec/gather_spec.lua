-- SPDX-License-Identifier: MIT
--- Many calls at once, in a plain script and with a loop's own `wait`; the local service tells when
--- each call arrived.
local core = require "livechat.core"
local errors = require "livechat.errors"
local helper = require "spec.helper"
local livechat = require "livechat"
local wait = require "livechat.call.wait"
local socket = require "socket"

local unpack = table.unpack or unpack
local yields_through_all = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

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

--- The most calls that arrived within one span of so many seconds.
local function fullest(times, seconds)
  local most, first = 0, 1
  for last = 1, #times do
    while times[last] - times[first] >= seconds do first = first + 1 end
    most = math.max(most, last - first + 1)
  end
  return most
end

local function some(n)
  local list = {}
  for i = 1, n do list[i] = ids[(i - 1) % #ids + 1] end
  return list
end

--- The language's own assert: busted's changes what is raised.
local function must(value, err)
  if not value then error(err, 0) end
  return value
end

local function get(id)
  return must(client.tickets:get(id)).id
end

local function timed(fn, ...)
  local began = core.clock()
  local result = fn(...)
  return core.clock() - began, result
end

--- What a program with a loop of its own would give: here it blocks, and counts.
local function selecting(log)
  return function(fd, seconds)
    log[#log + 1] = { fd, seconds }
    socket.select({ { getfd = function() return fd end, dirty = function() return false end } },
      nil, seconds)
  end
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
  assert.equal(0, wait.plain.engine():pending())
end)

describe("livechat.gather", function()
  it("overlaps calls, and keeps the order of the items", function()
    fault("slow=0.3@1-3", "slow=0.1@every")
    local items = some(12)
    local took, results = timed(livechat.gather, items, function(id, index)
      return get(id), index
    end, { concurrency = 12 })
    for i, id in ipairs(items) do
      assert.same({ id, i, n = 2 }, results[i])
    end
    assert.equal(12, #results)
    assert.is_true(took >= 0.3 and took < 0.9, took)
  end)

  it("has as many calls in flight as it may, and no more", function()
    fault("slow=0.1@every")
    for _, concurrency in ipairs { 1, 4, 16 } do
      sandbox.control("DELETE", "calls")
      local options = concurrency ~= 16 and { concurrency = concurrency } or nil
      livechat.gather(some(concurrency == 1 and 3 or 24), get, options)
      assert.equal(concurrency, fullest(arrived(), 0.08)) -- nginx counts in milliseconds
    end
  end)

  it("gives what the functions return, nil and nothing too", function()
    local values = { { n = 0 }, { n = 1 }, { 1, n = 3 }, { nil, false, nil, n = 3 } }
    local results = livechat.gather({ 1, 2, 3, 4 }, function(index)
      return unpack(values[index], 1, values[index].n)
    end)
    assert.same(values, results)
    assert.same({}, livechat.gather({}, get))
    assert.same({ { 7, n = 1 } }, livechat.gather({ 7 }, function(x) return x end,
      { concurrency = 1000 }))
  end)

  it("keeps errors apart, of any kind", function()
    local object = errors.invalid("subject", "too long")
    local items = { "call", "raise", "assert", "object", "nothing", "return", ids[2] }
    local results = livechat.gather(items, function(item)
      if item == "raise" then error("no such thing", 0) end
      if item == "assert" then must(client.tickets:get("NONE")) end
      if item == "object" then get(ids[1]) error(object) end
      if item == "nothing" then error() end
      if item == "return" then return client.tickets:get("NONE") end
      return get(item == "call" and ids[1] or item)
    end, { concurrency = 2 })
    assert.same({ ids[1], n = 1 }, results[1])
    assert.same({ nil, "no such thing", n = 2 }, results[2])
    assert.equal("not_found", results[3][2].kind)
    assert.equal(object, results[4][2])
    assert.is_nil(results[5][1])
    assert.equal(2, results[5].n)
    assert.is_nil(results[6][1])
    assert.equal("not_found", results[6][2].kind)
    assert.same({ ids[2], n = 1 }, results[7])
  end)

  it("may be used within itself: all calls overlap", function()
    fault("slow=0.1@every")
    local took, results = timed(livechat.gather, { 1, 2, 3 }, function(outer)
      local inner = livechat.gather(some(4), function(id, index)
        if outer == 2 and index == 3 then error("inner") end
        return get(id)
      end)
      if outer == 3 then error("outer", 0) end
      return #inner, inner[3][1], get(ids[outer])
    end)
    assert.is_true(took < 0.8, took)
    assert.same({ 4, ids[3], ids[1], n = 3 }, results[1])
    assert.same({ 4, nil, ids[2], n = 3 }, results[2])
    assert.same({ nil, "outer", n = 2 }, results[3])
    assert.equal(11, fullest(arrived(), 0.08))
    assert.same({ { 0, n = 1 } }, livechat.gather({ 1 }, function()
      return #livechat.gather({}, get)
    end))
  end)

  it("lets the functions use coroutines of their own", function()
    local results = livechat.gather({ 0, 10, 20 }, function(from)
      local found = {}
      local next_id = coroutine.wrap(function()
        for i = 1, 3 do coroutine.yield(get(ids[from + i])) end
        return livechat.gather({ ids[from + 4] }, get)[1][1]
      end)
      for i = 1, 4 do found[i] = next_id() end
      return table.concat(found, " ")
    end)
    for i = 0, 2 do
      assert.equal(table.concat(ids, " ", 10 * i + 1, 10 * i + 4), results[i + 1][1])
    end
  end)

  it("lets calls be made where nothing can yield, or only in some versions of Lua", function()
    fault("slow=0.05@every")
    local took, results = timed(livechat.gather, some(8), function(id)
      local fine, got = pcall(get, id)
      return fine and got
    end)
    for i = 1, 8 do assert.same({ ids[i], n = 1 }, results[i]) end
    assert.equal(yields_through_all, took < 0.3)
    sandbox.control("DELETE", "faults")
    results = livechat.gather({ 1, 2, 3 }, function(index)
      local count, list = 0, { 3, 1, 2 }
      for _ in client.tickets:each() do count = count + 1 end
      table.sort(list, function(a, b)
        return get(ids[1]) == ids[1] and #livechat.gather({ ids[2] }, get) == 1 and a < b
      end)
      local last = setmetatable({}, { __index = function(_, id)
        local got = get(id)
        return got
      end })
      local nested = select(2, pcall(livechat.gather, some(3), get))
      return count, list[1], last[ids[index]], #nested
    end)
    for i = 1, 3 do assert.same({ 40, 1, ids[i], 3, n = 4 }, results[i]) end
  end)

  it("hands up what else the functions yield, and brings the answer", function()
    local asked = {}
    local co = coroutine.create(function()
      return livechat.gather({ 5, 6, 7 }, function(item)
        local a, b, c = coroutine.yield("question", item, nil)
        return get(ids[item]), a, b, c, coroutine.yield()
      end)
    end)
    local answer = { coroutine.resume(co) }
    while coroutine.status(co) ~= "dead" do
      asked[#asked + 1] = answer[3] or "nothing"
      answer = { coroutine.resume(co, answer[3], nil, #asked) }
    end
    assert.is_true(answer[1], answer[2])
    for i, result in ipairs(answer[2]) do
      assert.same({ ids[i + 4], i + 4, nil, result[4], nil, nil, result[7], n = 7 }, result)
      assert.equal(i + 4, asked[result[4]])
      assert.equal("nothing", asked[result[7]])
    end
    assert.equal(6, #asked)
  end)

  it("fails a function that yields where there is no loop to yield to", function()
    local results = livechat.gather({ 1, 2, 3 }, function(index)
      if index == 2 then coroutine.yield() end
      return get(ids[index])
    end, { concurrency = 1 })
    assert.same({ ids[1], n = 1 }, results[1])
    assert.is_nil(results[2][1])
    assert.matches("yielded", results[2][2])
    assert.same({ ids[3], n = 1 }, results[3])
  end)

  it("leaves the order of leaving to the throttle", function()
    local limited = connect { throttle = { calls = 5, period = 0.4, guard = 0.02 } }
    local took, results = timed(livechat.gather, some(15), function(id)
      return must(limited.tickets:get(id)).id
    end, { concurrency = 15 })
    for i = 1, 15 do assert.same({ ids[i], n = 1 }, results[i]) end
    local times = arrived()
    assert.equal(15, #times)
    assert.equal(5, fullest(times, 0.4))
    assert.is_true(took >= 0.84 and took < 1.6, took)
    limited:close()
  end)

  it("does not let one that waits for its retry hold up the others", function()
    fault("http503=1/GET /tickets/" .. ids[1])
    local ended = {}
    local took, results = timed(livechat.gather, some(6), function(id)
      local got = get(id)
      ended[#ended + 1] = id
      return got
    end)
    assert.same({ ids[1], n = 1 }, results[1])
    assert.equal(ids[1], ended[6])
    assert.is_true(took >= 1 and took < 2, took)
  end)

  it("ends one call at its time-out and goes on with the others", function()
    fault("slow=5/GET /tickets/" .. ids[2])
    local hasty = connect { timeout = 0.3, retry = false }
    local took, results = timed(livechat.gather, some(4), function(id)
      return must(hasty.tickets:get(id)).id
    end)
    assert.is_true(took < 2, took)
    for i = 1, 4 do
      assert.equal(i == 2 and "timeout" or ids[i], i == 2 and results[i][2].kind or results[i][1])
    end
    hasty:close()
  end)

  it("ends with the client", function()
    fault("slow=5@3-99")
    local limited = connect { throttle = { calls = 10, period = 60 } }
    local took, results = timed(livechat.gather, some(14), function(id, index)
      local got = must(limited.tickets:get(id)).id
      if index == 2 then limited:close() end -- 8 in flight, 4 asleep
      return got
    end)
    assert.is_true(took < 2, took)
    local closed = 0
    for i = 1, 14 do
      local err = results[i][2]
      if err then
        assert.equal("closed", err.kind)
        closed = closed + 1
      end
    end
    assert.is_true(closed >= 12)
  end)

  it("waits as the client was told to", function()
    fault("slow=0.1@every")
    local log = {}
    local own = connect { wait = selecting(log), throttle = { calls = 8, period = 0.3 } }
    local took, results = timed(livechat.gather, some(12), function(id)
      return must(own.tickets:get(id)).id
    end)
    for i = 1, 12 do assert.same({ ids[i], n = 1 }, results[i]) end
    assert.is_true(took >= 0.35 and took < 1.2, took)
    assert.is_true(#log >= 2)
    for _, asked in ipairs(log) do
      assert.equal("number", type(asked[1]))
      assert.is_true(asked[2] >= 0 and asked[2] <= 15)
    end
    assert.is_true(#log < 60, #log) -- it sleeps in between
    own:close()
    assert.equal(0, wait.foreign(error).engine():pending())
  end)

  it("raises what the client's `wait` raises", function()
    fault("slow=0.2@every")
    local own = connect { wait = function() error("the loop is gone", 0) end }
    local fine, message = pcall(livechat.gather, some(3), function(id)
      return own.tickets:get(id)
    end)
    assert.is_false(fine)
    assert.equal("the loop is gone", message)
    own:close()
    collectgarbage()
    collectgarbage()
    assert.equal(0, wait.foreign(error).engine():pending())
  end)

  it("names the argument that is wrong", function()
    for what, args in pairs {
      items = { "x", get }, fn = { {}, 1 }, options = { {}, get, 3 },
      concurrency = { {}, get, { concurrency = 0 } }, wait = { {}, get, { wait = print } },
    } do
      local fine, message = pcall(livechat.gather, unpack(args, 1, 3))
      assert.is_false(fine)
      assert.matches("bad argument '" .. what .. "' to 'livechat.gather'", message, 1, true)
    end
    for _, concurrency in ipairs { 1.5, -1, 0 / 0, "2" } do
      assert.is_false(pcall(livechat.gather, {}, get, { concurrency = concurrency }))
    end
  end)

  it("keeps nothing", function()
    local items = some(40)
    local function round()
      livechat.gather(items, function(id, index)
        if index % 10 == 0 then error("x") end
        return get(id)
      end)
    end
    local function used()
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    for _ = 1, 3 do round() end
    local before = used()
    for _ = 1, 20 do round() end
    assert.is_true(used() - before < 20, used() - before)
  end)
end)

it("no thread is started in a plain script", function()
  local program = ([[
    local livechat = require "livechat"
    local client = livechat.new { username = %q, api_key = %q, base_url = %q, throttle = false }
    local items = {}
    for i = 1, 200 do items[i] = i end
    for _ = 1, 20 do assert(client.tickets:list()) end
    for _ = 1, 3 do
      for _, result in ipairs(livechat.gather(items, function()
        return client.tickets:list()
      end)) do assert(result[1], result[2]) end
    end
    client:close()
    local pipe = io.popen("ls /proc/" .. require("livechat.core").pid() .. "/task | wc -l")
    print(pipe:read("*n"))
    pipe:close()
  ]]):format(sandbox.username, sandbox.api_key, sandbox.url)
  local file = helper.folder() .. "/plain.lua"
  helper.write(file, program)
  local status, output = helper.run(table.concat({ helper.lua_env(helper.lua_version),
    helper.lua_program(helper.lua_version), file }, " "))
  assert.equal(0, status, output)
  assert.equal("1", (output:match("%S+")))
end)
