-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
local helper = require "spec.helper"

local HTTP = [[
  lua_package_path "$ROOT/lua/?.lua;;";
  lua_package_cpath "$ROOT/build/5.1/?.so;;";
  access_log off;
  init_by_lua_block {
    redis = require "livechat.redis"
    throttle = require "livechat.throttle"
    function blocking() return require("redis").connect("127.0.0.1", $REDIS) end
    redis.command(blocking, "PING") -- kept by this process, which forks the workers
    function pooled()
      local fine, client = pcall(require, "resty.redis")
      local connection = (fine and client or require "nginx.redis"):new()
      connection:set_timeout(2000)
      assert(connection:connect("127.0.0.1", $REDIS))
      return connection
    end
    shared = assert(throttle.new { calls = 5, period = 2, redis = pooled, key = "fleet" })
    spending = assert(require "livechat.throttle.budget".new({ calls = 5, redis = pooled,
      key = "budget" }, "init_by_lua"))
  }
  init_worker_by_lua_block { early = { redis.command(pooled, "PING") } }
  server {
    listen 127.0.0.1:$PORT;
    location /run { content_by_lua_block {
      ngx.req.read_body()
      local fine, text = pcall(assert(loadstring(ngx.req.get_body_data())))
      if not fine then ngx.status = 500 end
      ngx.print(tostring(text))
    } }
    location /idle { return 204; }
  }
]]

describe("in nginx", function()
  local server, nginx

  local function run(program)
    local response = assert(helper.http { port = nginx.port, method = "POST", path = "/run",
      body = program })
    assert.equal(200, response.status, response.body)
    return response.body
  end

  setup(function()
    server = helper.redis()
    nginx = helper.nginx { workers = 2, http = HTTP:gsub("%$(%u+)", { ROOT = helper.root,
      REDIS = tostring(server.port) }) }
  end)
  teardown(helper.cleanup)

  it("lua-resty-redis answers as redis-lua does", function()
    assert.equal("OK x nil 1700000000000000 nil", run [[
      local set = redis.command(pooled, "SET", "text", "x")
      redis.command(pooled, "SET", "number", 1.7e15)
      local list = redis.command(pooled, "MGET", "text", "none", "number")
      return table.concat({ set, list[1], tostring(list[2]), list[3],
        tostring((redis.command(pooled, "GET", "none"))) }, " ")]])
    assert.matches("^WRONGTYPE .* nil$", run [[
      local _, text, lost = redis.command(pooled, "LPUSH", "text", "y")
      return text .. " " .. tostring(lost)]])
    assert.equal("k 1.5 2", run [[
      redis.command(pooled, "SCRIPT", "FLUSH")
      local script = "return { KEYS[1], ARGV[1], 2 }"
      redis.eval(pooled, script, { "k" }, { 1.5 })
      redis.command(pooled, "SCRIPT", "FLUSH")
      return table.concat(redis.eval(pooled, script, { "k" }, { 1.5 }), " ")]])
  end)

  it("connections come from the pool and go back", function()
    local before = tonumber(run [[
      for _ = 1, 20 do redis.command(pooled, "PING") end
      return redis.command(pooled, "INFO", "stats"):match("total_connections_received:(%d+)")]])
    local after = tonumber(run [[
      for _ = 1, 20 do redis.command(pooled, "PING") end
      return redis.command(pooled, "INFO", "stats"):match("total_connections_received:(%d+)")]])
    assert.is_true(after - before <= 1) -- the other worker's first
  end)

  it("a lost connection is made anew, and one that cannot be made says why", function()
    for _ = 1, 4 do -- both workers
      assert.equal("PONG", run [[
        redis.command(pooled, "PING")
        redis.command(blocking, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return redis.command(pooled, "PING")]])
    end
    assert.equal("connection refused true", run [[
      local _, text, lost = redis.command(function()
        local connection = require("nginx.redis"):new()
        local fine, why = connection:connect("127.0.0.1", 1)
        if not fine then return nil, why end
        return connection
      end, "PING")
      return text .. " " .. tostring(lost)]])
    assert.matches("^nil .*API disabled.* true$", run [[
      return tostring(early[1]) .. " " .. early[2] .. " " .. tostring(early[3])]])
  end)

  it("workers do not share the connection that was made before they were", function()
    local ids = {}
    helper.wait_until(function()
      local pid, id = run([[
        return ngx.worker.pid() .. " " .. redis.command(blocking, "CLIENT", "ID")
      ]]):match("(%d+) (%d+)")
      ids[pid] = ids[pid] or id
      return next(ids, next(ids)) ~= nil
    end, 10, "both workers")
    local first, second = next(ids), next(ids, next(ids))
    assert.not_equal(ids[first], ids[second])
  end)

  it("one throttle holds for all workers, and waiting for Redis blocks no one", function()
    local granted, workers = 0, {}
    local began = helper.now()
    while helper.now() - began < 1.5 do
      local wait, pid = run([[
        local went = shared:reserve(0)
        return tostring(went and went.wait) .. " " .. ngx.worker.pid()]]):match("(%S+) (%d+)")
      workers[pid] = true
      if wait ~= "nil" then granted = granted + 1 end
    end
    assert.equal(5, granted)
    assert.truthy(next(workers, next(workers)))
    run [[redis.command(blocking, "CLIENT", "PAUSE", 800, "ALL")]]
    local asking = {}
    for i = 1, 4 do -- on connections of their own, both workers
      asking[i] = assert(helper.connect(nginx.port))
      asking[i].sock:send("POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 25\r\n\r\n" ..
        "return shared:reserve(10)")
    end
    began = helper.now()
    for _ = 1, 20 do
      assert.equal(204, helper.http { port = nginx.port, path = "/idle" }.status)
    end
    assert.is_true(helper.now() - began < 0.4)
    for i = 1, 4 do
      assert.matches(" 200 ", (asking[i].sock:receive("*l")))
      asking[i]:close()
    end
    assert.is_true(helper.now() - began > 0.4)
  end)

  it("workers spend one budget", function()
    local went = 0
    for _ = 1, 8 do
      if run [[return spending:take() and "went" or "spent"]] == "went" then went = went + 1 end
    end
    assert.equal(5, went)
    assert.equal(os.date("!%Y-%m") .. " 4", run [[
      spending:give_back((spending:spent()).month)
      local spent = spending:spent()
      return spent.month .. " " .. spent.calls]])
  end)
end)
