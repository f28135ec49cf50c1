-- SPDX-License-Identifier: MIT
--- The budget of a month: counting, months, the file.
local budget = require "livechat.throttle.budget"
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"

local NOVEMBER = core.time "2026-11-30T23:59:50Z"
local folder

setup(function() folder = helper.folder() end)
teardown(function() helper.cleanup() end)

local n = 0
local function new_path()
  n = n + 1
  return folder .. "/budget" .. n
end

local function new(given, now)
  return assert(budget.new(given, "f", type(now) == "function" and now or
    function() return now or NOVEMBER end))
end

describe("a budget", function()
  it("lets so many calls go in a month, and tells when the next one begins", function()
    for _, path in ipairs { false, new_path() } do
      local now = NOVEMBER
      local own = new({ calls = 2, price = 270, path = path or nil }, function() return now end)
      assert.equal("2026-11", own:take())
      assert.equal("2026-11", own:take())
      local month, err = own:take()
      assert.is_nil(month)
      assert.same({ "spent", 10, "the budget of 2 calls for 2026-11 is used up" },
        { err.code, err.wait, err.message })
      assert.same({ calls = 2, limit = 2, month = "2026-11", cost = 0.54 }, own:spent())
      own:give_back("2026-11")
      assert.equal("2026-11", own:take())
      assert.is_nil(own:take())
      now = NOVEMBER + 10
      assert.equal("2026-12", own:take())
      now = core.time "2026-12-31T23:59:59.500Z"
      assert.equal("2026-12", own:take())
      assert.near(0.5, select(2, own:take()).wait, 1e-3)
      now = now + 0.5
      assert.equal("2027-01", own:take())
    end
  end)

  it("keeps the months of two clocks around midnight apart", function()
    local path = new_path()
    local slow, fast = new({ calls = 3, path = path }), new({ calls = 3, path = path },
      NOVEMBER + 11)
    assert.equal("2026-11", slow:take())
    assert.equal("2026-12", fast:take())
    for _ = 1, 2 do
      assert.equal("2026-11", slow:take())
      assert.equal("2026-12", fast:take())
    end
    assert.same({ "spent", "spent" }, { select(2, slow:take()).code, select(2, fast:take()).code })
  end)

  it("keeps counting beside a clock that is years ahead, or was never set", function()
    local path = new_path()
    local odd = new({ calls = 2, path = path }, core.time "2031-05-01T00:00:00Z")
    assert.equal("2031-05", odd:take())
    local own = new({ calls = 2, path = path }, NOVEMBER)
    assert.same({ "2026-11", "2026-11" }, { own:take(), (own:take()) })
    assert.is_nil(own:take())
    local unset = new({ calls = 2, path = path }, 0)
    assert.is_nil(unset:take())
    local next_month = new({ calls = 2, path = path }, NOVEMBER + 20)
    assert.equal("2026-12", next_month:take())
  end)

  it("lets nothing go by a file that was cut short or is another's, and says so", function()
    local path = new_path()
    local own = new({ calls = 9, path = path })
    for _ = 1, 5 do own:take() end
    local whole = helper.read(path)
    for length = 0, #whole - 1 do
      helper.write(path, whole:sub(1, length))
      local month, err = own:take()
      assert.is_nil(month)
      assert.equal("damaged", err.code)
      local made, problem = budget.new({ calls = 9, path = path }, "f")
      assert.is_nil(made)
      assert.same({ "invalid", "budget.path" }, { problem.kind, problem.field })
    end
    helper.write(path, (whole:gsub("5", "4", 1)))
    assert.is_nil(own:take())
    helper.write(path, whole)
    assert.equal(5, own:spent().calls)
  end)

  it("is in a file of its user's alone, and says where it cannot be", function()
    local path = new_path()
    new { calls = 1, path = path }
    assert.equal(tonumber("600", 8), core.spool.about(path, false).mode)
    local made, err = budget.new({ calls = 1, path = folder .. "/none/budget" }, "f")
    assert.is_nil(made)
    assert.equal("budget.path", err.field)
    local link = new_path()
    helper.run("ln -s " .. helper.quote(path) .. " " .. helper.quote(link))
    assert.is_nil((budget.new({ calls = 1, path = link }, "f")))
  end)

  it("is told of a stopped process that holds its file", function()
    local path = new_path()
    local own = new { calls = 9, path = path }
    local held = assert(core.spool.lock(path))
    assert.equal("busy", select(2, own:take()).code)
    held:close()
    assert.equal("2026-11", own:take())
  end)
end)

describe("a client with a budget", function()
  local sandbox
  setup(function() sandbox = helper.sandbox { calls = false } end)

  local function client(given, more)
    local wanted = { username = sandbox.username, api_key = sandbox.api_key,
      base_url = sandbox.url, budget = given, throttle = false, retry = false }
    for name, value in pairs(more or {}) do wanted[name] = value end
    return assert(livechat.new(wanted))
  end

  it("ends at the limit, for all who share the file, with what there is to wait", function()
    local path = new_path()
    local one, other = client({ calls = 3, path = path, price = 0.27 }),
      client({ calls = 3, path = path })
    assert(one.agents:list())
    assert(other.agents:list())
    assert.equal("not_found", select(2, one.tickets:get("NONE0")).kind) -- is billed as well
    local list, err = other.agents:list()
    assert.is_nil(list)
    assert.same({ "throttled", "not_sent" }, { err.kind, err.outcome })
    assert.is_true(err.retry_after > 0 and err.retry_after <= 31 * 86400)
    assert.truthy(err.message:find("the budget of 3 calls for %d+%-%d+ is used up"))
    local spent = assert(one:spent())
    assert.same({ 3, 3, os.date("!%Y-%m") }, { spent.calls, spent.limit, spent.month })
    assert.near(0.00081, spent.cost, 1e-9)
    assert.same({ "invalid", "budget" }, { select(2, client(nil):spent()).kind,
      select(2, client(nil):spent()).field })
  end)

  it("is told what was spent while another process counts", function()
    local path = new_path()
    local own, held = client { calls = 3, path = path }, assert(core.spool.lock(path))
    assert.equal("network", select(2, own:spent()).kind) -- stopped with the file in its hands
    held:close()
    held = assert(core.spool.lock(path))
    local looks, lock = 0, core.spool.lock
    core.spool.lock = function(...)
      looks = looks + 1
      if looks == 3 then held:close() end
      return lock(...)
    end
    finally(function() core.spool.lock = lock end)
    assert.equal(0, assert(own:spent()).calls)
    assert.equal(3, looks)
  end)

  it("does not count what never left", function()
    local own = client({ calls = 1 }, { base_url = "http://127.0.0.1:" .. helper.free_port() })
    for _ = 1, 3 do
      assert.equal("network", select(2, own.agents:list()).kind)
    end
    assert.equal(0, own:spent().calls)
  end)

  it("says which of its options is wrong", function()
    assert.has_error(function() client { calls = 0 } end)
    assert.has_error(function() client { path = new_path() } end)
    local made, err = livechat.new { username = "a", api_key = "b", budget = { calls = 1,
      path = folder .. "/none/budget" } }
    assert.is_nil(made)
    assert.equal("budget.path", err.field)
  end)
end)
