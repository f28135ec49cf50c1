-- SPDX-License-Identifier: MIT
local core = require "livechat.core"
local errors = require "livechat.errors"
local helper = require "spec.helper"
local throttle = require "livechat.throttle"

local function near(expected, value, within)
  assert.is_true(math.abs(value - expected) <= (within or 0.1),
    ("%s is not about %s"):format(value, expected))
end

local kept = {} -- so that none is collected, which would end its wait

--- What a newcomer would wait: it asks, and waits.
local function wait_of(one, ...)
  kept[#kept + 1] = assert(one:reserve(...))
  return kept[#kept].wait
end

--- What a throttle does wherever it lives. `new(options)` makes one that is empty.
local function behaves(new)
  it("lets calls go at once until the allowance is used, and then as the oldest ends", function()
    local one = new { calls = 3, period = 0.3, guard = 0.05 }
    local began = core.clock()
    for _ = 1, 3 do
      local reservation = one:reserve()
      assert.equal(0, reservation.wait)
      assert.is_number(reservation.at)
    end
    near(began + 0.35, core.clock() + wait_of(one))
    near(began + 0.35, core.clock() + wait_of(one))
    near(began + 0.35, core.clock() + wait_of(one))
    near(began + 0.70, core.clock() + wait_of(one))
  end)

  it("never lets more go in any period, and wastes nothing", function()
    local one = new { calls = 5, period = 0.1, guard = 0.01 }
    local times = {}
    while #times < 41 do
      local reservation = one:reserve()
      while reservation.wait > 0 do
        helper.sleep(reservation.wait)
        reservation = one:reserve(nil, reservation)
      end
      times[#times + 1] = reservation.at / 1e6
    end
    for i = 1, #times - 5 do assert.is_true(times[i + 5] - times[i] >= 0.1) end
    near(8 * 0.11, times[41] - times[1], 0.4)
  end)

  it("lets none wait beyond the longest wait, and tells what it would be", function()
    local one = new { calls = 1, period = 10 }
    assert.equal(0, wait_of(one, 0))
    for _ = 1, 3 do
      local reservation, err = one:reserve(5)
      assert.is_nil(reservation)
      near(10.05, err.wait)
    end
    assert.equal(1, one:state().used)
    near(10.05, one:state().wait)
    near(10.05, wait_of(one, 11))
    near(20.10, wait_of(one))
  end)

  it("lets those who wait go in the order in which they came", function()
    local one = new { calls = 2, period = 0.4, guard = 0 }
    local began, waiting, went = core.clock(), {}, {}
    for _ = 1, 2 do one:reserve() end
    for i = 1, 6 do waiting[i] = one:reserve() end
    while #went < 6 do
      for i = 6, 1, -1 do -- the last one asks first
        if waiting[i] and one:reserve(nil, waiting[i]).wait == 0 then
          went[#went + 1] = i
          waiting[i] = nil
        end
      end
      helper.sleep(0.01)
    end
    for n = 1, 6 do assert.is_true(math.abs(went[n] - n) <= 1, table.concat(went, " ")) end
    near(began + 1.2, core.clock(), 0.3)
  end)

  it("forgets one that waits, and does not ask again, within a second", function()
    local one = new { calls = 2, period = 2, guard = 0 }
    for _ = 1, 2 do one:reserve() end
    local first = one:reserve()
    for _ = 1, 25 do wait_of(one) end
    assert.is_true(one:state().wait > 20)
    local due = core.clock() + 1
    while core.clock() < due do
      helper.sleep(0.2)
      one:reserve(nil, first)
    end
    near(1, one:state().wait, 0.2) -- behind the first, which is there
    helper.sleep(first.wait)
    assert.equal(0, one:reserve(nil, first).wait)
    assert.equal(0, wait_of(one))
  end)

  it("keeps the place of one that was slow to ask again", function()
    local one = new { calls = 1, period = 1.5, guard = 0 }
    one:reserve()
    local first, second = one:reserve(), one:reserve()
    near(3, second.wait)
    for _ = 1, 4 do
      helper.sleep(0.25)
      one:reserve(nil, second)
    end
    near(0.5, second.wait, 0.2) -- the first was not seen for a second
    near(0.5, one:reserve(nil, first).wait, 0.2)
    near(2, one:reserve(nil, second).wait, 0.2)
  end)

  it("takes back what was not sent, and those who wait no longer", function()
    local one = new { calls = 2, period = 10 }
    local went = one:reserve()
    one:reserve()
    local first, second = one:reserve(), one:reserve()
    near(20.10, one:state().wait)
    one:release(first)
    near(10.05, one:state().wait)
    one:release(went)
    assert.equal(1, one:state().used)
    near(10.05, wait_of(one)) -- the second is before it
    assert.equal(0, one:reserve(nil, second).wait)
  end)

  it("keeps the allowance from when a call arrived, where that was late", function()
    local one = new { calls = 2, period = 10, guard = 0.5 }
    local first, second = one:reserve(), one:reserve()
    one:record_arrival(first, 0.5) -- what the guard is for
    near(10.5, one:state().wait)
    one:record_arrival(first, 3)
    near(10.5, wait_of(one))
    near(13, wait_of(one))
    one:record_arrival(second, 3)
    near(23.5, one:state().wait)
  end)

  it("pauses, and a shorter pause ends no longer one", function()
    local one = new { calls = 5, period = 10 }
    one:pause(2)
    one:pause(1)
    local reservation = one:reserve()
    near(2, reservation.wait)
    assert.is_nil((one:reserve(1)))
    one:pause(3)
    near(3, wait_of(one))
    near(3, one:reserve(nil, reservation).wait)
  end)

  it("tells its state", function()
    local one = new { calls = 2, period = 0.5, guard = 0 }
    assert.same({ calls = 2, period = 0.5, used = 0, wait = 0 }, one:state())
    one:reserve()
    assert.same({ calls = 2, period = 0.5, used = 1, wait = 0 }, one:state())
    one:reserve()
    local state = one:state()
    assert.equal(2, state.used)
    near(0.5, state.wait)
    helper.sleep(0.51)
    assert.same({ calls = 2, period = 0.5, used = 0, wait = 0 }, one:state())
  end)

  it("raises once it is closed, and closes twice", function()
    local one = new {}
    local reservation = one:reserve()
    one:close()
    one:close()
    for _, verb in ipairs { "reserve", "state" } do
      assert.error_matches(function() one[verb](one) end, "attempt to use a closed throttle")
    end
    assert.error_matches(function() one:release(reservation) end,
      "attempt to use a closed throttle")
    assert.error_matches(function() one:record_arrival(reservation, 1) end,
      "attempt to use a closed throttle")
    assert.error_matches(function() one:pause(1) end, "attempt to use a closed throttle")
    assert.matches("closed", tostring(one))
  end)
end

describe("a throttle of this process", function()
  behaves(function(options) return assert(throttle.new(options)) end)

  it("allows 100 calls in 60 seconds, unless told otherwise", function()
    local one = throttle.new {}
    for _ = 1, 100 do assert.equal(0, wait_of(one)) end
    near(60.05, wait_of(one))
    assert.same({ 100, 60 }, { one:state().calls, one:state().period })
  end)

  it("is nobody else's", function()
    local a, b = throttle.new { calls = 1 }, throttle.new { calls = 1 }
    assert.equal(0, wait_of(a))
    assert.equal(0, wait_of(b))
  end)

  it("goes with its last reference", function()
    for _ = 1, 200 do throttle.new { calls = 100000 }:reserve() end -- 160 MB, were it kept
    collectgarbage()
    collectgarbage()
  end)
end)

describe("a throttle in a file", function()
  local folder, n = nil, 0

  setup(function() folder = helper.folder() end)
  teardown(helper.cleanup)

  local function path()
    n = n + 1
    return folder .. "/throttle" .. n
  end

  behaves(function(options)
    options.path = path()
    return assert(throttle.new(options))
  end)

  local function run(version, program)
    local status, output = helper.run(("%s %s -e %s"):format(helper.lua_env(version),
      helper.lua_program(version), helper.quote(program)))
    assert.equal(0, status, output)
    return (output:gsub("\n$", ""))
  end

  it("is one for all Luas that name the file, and remembers between them", function()
    local file = path()
    for i, version in ipairs(helper.lua_versions()) do
      assert.equal(("%d"):format(i), run(version, ([[
        local one = assert(require("livechat.throttle").new { path = %q, calls = 100, period = 60 })
        assert(one:reserve().wait == 0)
        print(("%%d"):format(one:state().used))]]):format(file)))
    end
    local all = #helper.lua_versions()
    local one = assert(throttle.new { path = file })
    assert.equal(all, one:state().used)
    local two = assert(throttle.new { path = file })
    two:reserve()
    two:pause(30)
    assert.equal(all + 1, one:state().used)
    near(30, one:state().wait)
  end)

  it("is for its user alone, or for whom the mode says", function()
    local mine, ours = path(), path()
    throttle.new { path = mine }
    throttle.new { path = ours, mode = "0660" }
    local _, listing = helper.run("umask 0; stat -c %a " .. mine .. " " .. ours)
    assert.matches("^600%s660%s*$", listing)
  end)

  it("has one set of limits: another is an error that names both", function()
    local file = path()
    assert(throttle.new { path = file, calls = 50, period = 2 })
    for _, case in ipairs { { { calls = 49, period = 2 }, "50", "49" },
      { { calls = 50, period = 3 }, "2", "3" },
      { { calls = 50, period = 2, guard = 0.25 }, "0.05", "0.25" } } do
      case[1].path = file
      local one, err = throttle.new(case[1])
      assert.is_nil(one)
      assert.is_true(errors.is(err))
      assert.same({ "invalid", "path", "not_sent" }, { err.kind, err.field, err.outcome })
      for _, part in ipairs { file, case[2], case[3] } do
        assert.truthy(err.message:find(part, 1, true), err.message)
      end
    end
    assert(throttle.new { path = file, calls = 50, period = 2 })
  end)

  it("says why a file cannot be shared", function()
    local text = path()
    helper.write(text, "not a throttle\n")
    for _, case in ipairs { { text, text }, { folder, folder },
      { folder .. "/none/throttle", "No such file" } } do
      local one, err = throttle.new { path = case[1] }
      assert.is_nil(one)
      assert.same({ "invalid", "path" }, { err.kind, err.field })
      assert.truthy(err.message:find(case[2], 1, true), err.message)
    end
    assert.equal("not a throttle\n", helper.read(text))
  end)

  it("serves the processes that are forked after it was opened", function()
    local file = path()
    local nginx = helper.nginx { workers = 2, http = ([[
      lua_package_path "$ROOT/lua/?.lua;;";
      lua_package_cpath "$ROOT/build/5.1/?.so;;";
      access_log off;
      init_by_lua_block { one = assert(require("livechat.throttle").new { path = "$FILE" }) }
      server {
        listen 127.0.0.1:$PORT;
        location / { content_by_lua_block { ngx.print(one:reserve().wait, " ", ngx.worker.pid()) } }
      }]]):gsub("%$(%u+)", { ROOT = helper.root, FILE = file }) }
    local pids, calls = {}, 0
    helper.wait_until(function()
      local wait, pid = helper.http { port = nginx.port }.body:match("^(%S+) (%d+)$")
      assert.equal("0", wait)
      calls = calls + 1
      pids[pid] = true
      return next(pids, next(pids)) or calls == 90
    end, 20, "both workers")
    assert.truthy(next(pids, next(pids)))
    assert.equal(calls, assert(throttle.new { path = file }):state().used)
    nginx.stop()
    assert.equal(calls, assert(throttle.new { path = file }):state().used)
  end)
end)

describe("livechat.throttle", function()
  local function refused(name, options)
    local fine, message = pcall(throttle.new, options)
    assert.is_false(fine)
    assert.truthy(message:find("bad argument '" .. name .. "' to 'livechat.throttle'", 1, true),
      message)
  end

  it("says which option is wrong", function()
    refused("options", 100)
    refused("limit", { limit = 100 })
    for _, calls in ipairs { 0, -1, 1.5, 1e6 + 1, 0 / 0, math.huge, "100" } do
      refused("calls", { calls = calls })
    end
    for _, period in ipairs { 0, -1, 0 / 0, math.huge, "60" } do
      refused("period", { period = period })
    end
    for _, guard in ipairs { -1, 0 / 0, math.huge, "0" } do refused("guard", { guard = guard }) end
    refused("path", { path = true })
    refused("mode", { mode = "0660" })
    for _, mode in ipairs { 660, "rw", "0888", "06600" } do
      refused("mode", { path = "x", mode = mode })
    end
    for _, name in ipairs { "key", "fallback", "share" } do refused(name, { [name] = "x" }) end
  end)

  it("blames the function that it was called by", function()
    assert.error_matches(function() throttle.new({ calls = 0 }, "livechat.new") end,
      "bad argument 'calls' to 'livechat.new'")
  end)
end)
