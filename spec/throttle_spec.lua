-- SPDX-License-Identifier: MIT
local core = require "livechat.core"
local errors = require "livechat.errors"
local helper = require "spec.helper"
local throttle = require "livechat.throttle"

local function near(expected, value, within)
  assert.is_true(math.abs(value - expected) <= (within or 0.1),
    ("%s is not about %s"):format(value, expected))
end

--- What a throttle does wherever it lives. `new(options)` makes one that is empty.
local function behaves(new)
  it("lets calls go at once until the allowance is used, and then as the oldest ends", function()
    local one = new { calls = 3, period = 0.3, guard = 0.05 }
    local began = core.clock()
    for _ = 1, 3 do assert.equal(0, (one:reserve())) end
    near(began + 0.35, core.clock() + one:reserve())
    near(began + 0.35, core.clock() + one:reserve())
    near(began + 0.35, core.clock() + one:reserve())
    near(began + 0.70, core.clock() + one:reserve())
  end)

  it("never lets more go in any period, and wastes nothing", function()
    local one = new { calls = 5, period = 0.1, guard = 0.01 }
    local times = {}
    while #times < 41 do
      local wait, moment = one:reserve()
      local due = core.clock() + wait
      while core.clock() < due do helper.sleep(due - core.clock()) end
      times[#times + 1] = moment / 1e6 -- not when this process was let run: the machine is shared
    end
    for i = 1, #times - 5 do assert.is_true(times[i + 5] - times[i] >= 0.1) end
    near(8 * 0.11, times[41] - times[1], 0.4)
  end)

  it("grants nothing beyond the longest wait, and tells what it would be", function()
    local one = new { calls = 1, period = 10 }
    assert.equal(0, (one:reserve(0)))
    for _ = 1, 3 do
      local wait, longer, more = one:reserve(5)
      assert.is_nil(wait)
      near(10.05, longer)
      assert.is_nil(more)
    end
    assert.equal(1, one:state().used)
    near(10.05, (one:reserve(11)))
    near(20.10, (one:reserve()))
  end)

  it("takes back what was not used", function()
    local one = new { calls = 2, period = 10 }
    one:reserve()
    one:reserve()
    local _, first = one:reserve()
    local _, second = one:reserve()
    one:release(second)
    near(10.05, (one:reserve()))
    one:release(first)
    near(10.05, (one:reserve()))
    near(20.10, (one:reserve()))
  end)

  it("keeps the allowance from when a call arrived, where that was late", function()
    local one = new { calls = 2, period = 10, guard = 0.5 }
    local _, first = one:reserve()
    local _, second = one:reserve()
    one:settle(first, 0.5) -- what the guard is for
    near(10.5, one:state().wait)
    one:settle(first, 3)
    near(10.5, (one:reserve()))
    near(13, (one:reserve()))
    near(21, one:state().wait)
    assert.equal(0, one:paused())
    one:settle(second, 3) -- two more were granted since
    near(13, one:paused())
  end)

  it("pauses, and a shorter pause ends no longer one", function()
    local one = new { calls = 5, period = 10 }
    assert.equal(0, one:paused())
    one:pause(2)
    one:pause(1)
    near(2, (one:reserve()))
    assert.is_nil((one:reserve(1)))
    one:pause(3)
    near(3, (one:reserve()))
    near(3, one:paused())
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
    one:close()
    one:close()
    for _, verb in ipairs { "reserve", "state", "paused" } do
      assert.error_matches(function() one[verb](one) end, "attempt to use a closed throttle")
    end
    assert.error_matches(function() one:release(1) end, "attempt to use a closed throttle")
    assert.error_matches(function() one:settle(1, 1) end, "attempt to use a closed throttle")
    assert.error_matches(function() one:pause(1) end, "attempt to use a closed throttle")
    assert.matches("closed", tostring(one))
  end)
end

describe("a throttle of this process", function()
  behaves(function(options) return assert(throttle.new(options)) end)

  it("allows 100 calls in 60 seconds, unless told otherwise", function()
    local one = throttle.new {}
    for _ = 1, 100 do assert.equal(0, (one:reserve())) end
    near(60.05, (one:reserve()))
    assert.same({ 100, 60 }, { one:state().calls, one:state().period })
  end)

  it("is nobody else's", function()
    local a, b = throttle.new { calls = 1 }, throttle.new { calls = 1 }
    assert.equal(0, (a:reserve()))
    assert.equal(0, (b:reserve()))
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
        assert(one:reserve() == 0)
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
    near(30, one:paused())
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
        location / { content_by_lua_block { ngx.print(one:reserve(), " ", ngx.worker.pid()) } }
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
