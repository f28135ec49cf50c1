-- SPDX-License-Identifier: MIT
-- The binding: handles that are closed, collected and misused; records; small functions.
local core = require "livechat.core"
local new_engine = require "livechat.engine"
local helper = require "spec.helper"

local URL = "http://127.0.0.1:1/x"

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("an engine", function()
  local server

  setup(function()
    server = helper.nginx { http = [[
      server {
        listen 127.0.0.1:$PORT;
        location = /slow { content_by_lua_block { ngx.sleep(20) } }
        location / { add_header X-Path $uri; return 200 "hello"; }
      }
    ]] }
  end)

  teardown(helper.cleanup)

  local function get(path, more)
    local url = "http://127.0.0.1:" .. server.port .. path
    local request = { method = "GET", url = url, timeout = 5 }
    for name, value in pairs(more or {}) do
      request[name] = value
    end
    return request
  end

  it("performs a request and gives its answer once", function()
    local engine = assert(new_engine())
    local call = assert(engine:submit(get "/a"))
    assert.is_true(call:wait(5))
    assert.is_true(call:done())
    local before = core.clock()
    local answer = call:take()
    assert.same({ 200, "hello", true }, { answer.status, answer.body, answer.sent })
    assert.truthy(answer.headers:find("X-Path: /a\r\n", 1, true))
    assert.is_true(answer.seconds > 0 and answer.seconds < 5)
    assert.is_true(answer.sent_at > before - answer.seconds - 0.1 and answer.sent_at < before)
    assert.is_nil(answer.code)
    assert.same({ code = "closed", text = "closed", sent = true, seconds = 0 }, call:take())
    assert.equal(0, engine:pending())
    engine:close()
  end)

  it("drops what no variable holds", function()
    local engine = assert(new_engine())
    for _ = 1, 20 do
      assert(engine:submit(get "/slow"))
    end
    collect()
    assert.equal(0, engine:pending())
    engine:close()
  end)

  it("can be closed, twice, under its calls", function()
    for _, threaded in ipairs { false, true } do
      local engine = assert(new_engine())
      if threaded then assert(engine:start()) end
      local call = assert(engine:submit(get("/slow", { notify = true })))
      engine:close()
      engine:close()
      assert.truthy(tostring(engine):find("closed"))
      assert.is_true(call:done())
      assert.equal("closed", call:take().code)
      assert.is_nil(call:fd())
      call:cancel()
      call:drop()
      assert.has_error(function() engine:submit(get "/a") end, "attempt to use a closed engine")
      assert.has_error(function() engine:park() end)
    end
  end)

  it("and its calls can be collected together", function()
    for _ = 1, 50 do
      local engine = assert(new_engine())
      local calls = {}
      for i = 1, 5 do
        calls[i] = assert(engine:submit(get "/a"))
      end
      calls[1]:wait(0.01)
    end
    collect()
  end)

  it("keeps a call's engine alive", function()
    local call = assert(assert(new_engine()):submit(get "/a"))
    collect()
    assert.is_true(call:wait(5))
    assert.equal(200, call:take().status)
  end)

  it("ends a parked call when it is cancelled, and raises descriptors", function()
    local engine = assert(new_engine())
    assert(engine:start())
    local group, call = assert(engine:park(true)), assert(engine:park(true))
    call:join(group)
    assert.equal("number", type(call:fd()))
    assert.not_equal(call:fd(), group:fd())
    assert.is_false(call:wait(0.01))
    call:cancel()
    assert.is_true(call:wait(1))
    assert.equal("cancelled", call:take().code)
    group:clear()
    group:drop()
    engine:close()
  end)

  it("refuses what would break out of a request", function()
    local engine = assert(new_engine())
    for what, more in pairs {
      method = { method = "GE T" }, url = { url = "http://127.0.0.1:1/a\r\nX: b" },
      header = { headers = { "X: a\r\nY: b" } }, scheme = { url = "ftp://127.0.0.1/" },
      user = { url = "http://a:b@127.0.0.1/" },
    } do
      local call, code, text = engine:submit(get("/a", more))
      assert.is_nil(call, what)
      assert.equal("invalid", code, what)
      assert.equal("string", type(text))
    end
    local elsewhere = assert(core.secret("bearer", "t", "https://example.com"))
    assert.equal("invalid", select(2, engine:submit(get("/a", { secret = elsewhere }))))
    assert.has_error(function() engine:submit(get("/a", { timeout = "soon" })) end)
    assert.has_error(function() engine:submit(get("/a", { headers = { "a\0b" } })) end)
    assert.equal(0, engine:pending())
    engine:close()
  end)
end)

describe("a credential", function()
  it("compares, hides and wipes itself", function()
    local a = assert(core.secret("basic", "john@example.com", "key", URL))
    local b = assert(core.secret("basic", "john@example.com", "key", "http://127.0.0.1:1/other"))
    local c = assert(core.secret("basic", "john@example.com", "kez", URL))
    assert.is_true(a:equal(b))
    assert.is_false(a:equal(c))
    assert.is_false(a:equal(assert(core.secret("basic", "john@example.com", "key", "http://a"))))
    assert.equal("livechat.secret", tostring(a))
    a:wipe()
    a:wipe()
    assert.is_false(a:equal(b))
    assert.equal("livechat.secret (wiped)", tostring(a))
    local engine = assert(new_engine())
    assert.has_error(function() engine:submit { method = "GET", url = URL, secret = a } end)
  end)

  it("is not made of what could break a header", function()
    for _, given in ipairs { { "basic", "a:b", "k" }, { "basic", "a", "k\r\n" },
      { "basic", "a\0", "k" }, { "bearer", "t\n" } } do
      given[#given + 1] = URL
      local secret, code = core.secret(given[1], given[2], given[3], given[4])
      assert.is_nil(secret)
      assert.equal("invalid", code)
    end
  end)
end)

describe("a record", function()
  local reads
  local new = core.class {
    name = "livechat.Thing", id = "id", methods = {
      totable = function(self) return { id = self.id } end,
      hello = function() return "hello" end,
    },
    read = function(key, value)
      reads[key] = (reads[key] or 0) + 1
      return value ~= "null" and key .. "=" .. value or nil
    end,
    same_account = function(a, b) return a == b end,
  }

  before_each(function()
    reads = {}
  end)

  it("reads a member once, and what is null as absent", function()
    local thing = new({ id = "1", name = "x", gone = "null" }, "me")
    assert.equal("name=x", thing.name)
    assert.equal("name=x", thing.name)
    assert.same({ name = 1 }, reads)
    assert.is_nil(thing.gone)
    assert.is_nil(thing.nothing)
    assert.is_nil(thing[1])
    assert.equal("hello", thing:hello())
    assert.equal("livechat.Thing: id=1", tostring(thing))
  end)

  it("stages and gives back what was assigned", function()
    local wire = { id = "1", name = "x" }
    local thing = new(wire, nil)
    thing.name = "y"
    assert.equal("y", thing.name)
    local got, staged, owner = core.record_get(thing)
    assert.equal(wire, got)
    assert.same({ name = "y" }, staged)
    assert.is_nil(owner)
    thing.name = nil
    assert.equal("name=x", thing.name)
    thing.name = false
    core.record_set(thing, { id = "2" })
    assert.is_nil(thing.name)
    assert.equal("id=2", thing.id)
    assert.has_error(function() thing.hello = 1 end)
    assert.has_error(function() thing[1] = 1 end)
    assert.has_error(function() core.record_get({}) end)
    assert.has_error(function() core.record_get(io.stdout) end)
  end)

  it("is equal to the same id of the same account", function()
    assert.is_true(new({ id = "1" }, "a") == new({ id = "1" }, "a"))
    assert.is_false(new({ id = "1" }, "a") == new({ id = "1" }, "b"))
    assert.is_false(new({ id = "1" }, "a") == new({ id = "2" }, "a"))
    assert.is_false(new({}, "a") == new({}, "a"))
    assert.is_false(new({ id = "1" }, "a") == core.secret("bearer", "t", URL))
  end)

  it("lives through a collector that never rests", function()
    collectgarbage("setpause", 1)
    collectgarbage("setstepmul", 10000)
    for i = 1, 2000 do
      local thing = new({ id = tostring(i), list = "x" }, {})
      thing.name = "n" .. i
      assert(thing.id == "id=" .. i and thing.name == "n" .. i and thing.list)
    end
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
  end)
end)

describe("small functions", function()
  it("tell times and numbers", function()
    assert.is_true(math.abs(core.now() - os.time()) < 3)
    local before = core.clock()
    assert.is_true(core.clock() >= before)
    for _ = 1, 1000 do
      local x = core.random()
      assert.is_true(x >= 0 and x < 1)
    end
    assert.equal("2013-11-15T22:24:20.000Z", core.timestamp(1384554260))
    assert.equal("2013-11-15T22:24:20.250Z", core.timestamp("1384554260250"))
    assert.is_nil(core.timestamp("soon"))
    assert.is_nil(core.timestamp({}))
    assert.equal(1384554260, core.time("2013-11-15T22:24:20Z"))
    assert.equal(0.5, core.time("1970-01-01T00:00:00.500Z"))
    assert.same({ "", "Zg==", "Zm8=", "AAEC/w==" },
      { core.base64 "", core.base64 "f", core.base64 "fo", core.base64 "\0\1\2\255" })
    assert.is_true(core.equal("abc", "abc"))
    assert.is_false(core.equal("abc", "abd"))
    assert.is_false(core.equal("abc", "ab"))
  end)
end)
