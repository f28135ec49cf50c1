-- SPDX-License-Identifier: MIT
-- Where redis-lua is not installed for this Lua, the one of another does: it is pure Lua.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"

local helper = require "spec.helper"
local options = require "livechat.options"
local redis = require "livechat.redis"
local redis_lua = require "redis"

describe("redis, over redis-lua,", function()
  local server

  local function connect()
    return redis_lua.connect("127.0.0.1", server.port)
  end

  --- A function to make connections with, and how many it made.
  local function counted()
    local made = { n = 0 }
    return function()
      made.n = made.n + 1
      return connect()
    end, made
  end

  local function kill_all()
    connect():raw_cmd("CLIENT KILL TYPE normal SKIPME yes")
  end

  setup(function() server = helper.redis() end)
  teardown(helper.cleanup)
  before_each(function() connect():flushall() end)

  it("gives a text for whatever its function raises", function()
    for _, raised in ipairs { { setmetatable({}, { __tostring = function() error("again") end }) },
      { setmetatable({}, { __tostring = function() return {} end }) }, { {} }, { false }, {} } do
      local value, text, lost = redis.command(function() error(raised[1]) end, "PING")
      assert.is_nil(value)
      assert.equal("string", type(text))
      assert.is_true(lost)
      value, text = redis.command(function() return nil, raised[1] end, "PING")
      assert.is_nil(value)
      assert.equal("string", type(text))
    end
  end)

  it("is an object or a function", function()
    assert.is_true((options.is.redis(connect())))
    assert.is_true((options.is.redis(connect)))
    for _, value in ipairs { {}, { host = "127.0.0.1" }, "127.0.0.1", 6379, true } do
      assert.is_false((options.is.redis(value)))
    end
  end)

  it("answers as Redis does, whatever the command", function()
    for _, connection in ipairs { connect, connect() } do
      assert.equal("OK", redis.command(connection, "SET", "text", "a\r\nb\0c"))
      assert.equal("a\r\nb\0c", redis.command(connection, "GET", "text"))
      assert.equal("OK", redis.command(connection, "SET", "number", 1.7e15))
      assert.equal("1700000000000000", redis.command(connection, "GET", "number"))
      assert.equal("OK", redis.command(connection, "SET", "number", 0.1))
      assert.equal(0.1, tonumber(redis.command(connection, "GET", "number")))
      assert.same({ nil, nil, nil }, { redis.command(connection, "GET", "none") })
      assert.equal(1, redis.command(connection, "HSET", "hash", "field", ""))
      assert.same({ "field", "" }, redis.command(connection, "HGETALL", "hash"))
      local list = redis.command(connection, "MGET", "text", "none", "number")
      assert.is_nil(list[2])
      assert.equal(0.1, tonumber(list[3]))
      assert.matches("^%d+%-%d+$", redis.command(connection, "XADD", "stream", "*", "a", "b"))
      assert.equal(1, redis.command(connection, "DEL", "hash"))
    end
  end)

  it("gives what Redis says is wrong, and goes on", function()
    local source, made = counted()
    redis.command(source, "SET", "text", "x")
    local value, text, lost = redis.command(source, "LPUSH", "text", "y")
    assert.is_nil(value)
    assert.matches("^WRONGTYPE ", text)
    assert.is_nil(lost)
    assert.matches("^ERR unknown command", (select(2, redis.command(source, "NONESUCH"))))
    assert.equal("x", redis.command(source, "GET", "text"))
    assert.equal(1, made.n)
  end)

  it("keeps a connection that a function made, and makes it anew when it is lost", function()
    local source, made = counted()
    redis.command(source, "SET", "text", "x")
    redis.command(source, "GET", "text")
    assert.equal(1, made.n)
    kill_all()
    assert.equal("x", redis.command(source, "GET", "text"))
    assert.equal(2, made.n)
    redis.close(source)
    redis.close(source)
    assert.equal("x", redis.command(source, "GET", "text"))
    assert.equal(3, made.n)
  end)

  it("says that a connection is lost, and does not use it again", function()
    local own = connect()
    assert.equal("PONG", redis.command(own, "PING"))
    kill_all()
    local value, text, lost = redis.command(own, "PING")
    assert.is_nil(value)
    assert.equal("connection error: closed", text)
    assert.is_true(lost)
    assert.is_true((select(3, redis.command(own, "PING"))))
  end)

  it("never takes a late answer for that of the next command", function()
    local own = redis_lua.connect { host = "127.0.0.1", port = server.port, timeout = 0.1 }
    redis.command(own, "SET", "text", "x")
    redis.command(connect, "CLIENT", "PAUSE", 300, "ALL")
    local _, text, lost = redis.command(own, "GET", "text")
    assert.equal("connection error: timeout", text)
    assert.is_true(lost)
    helper.sleep(0.4)
    assert.is_true((select(3, redis.command(own, "PING"))))
  end)

  it("says why no connection could be made", function()
    local port = helper.free_port()
    local value, text, lost = redis.command(function()
      return redis_lua.connect("127.0.0.1", port)
    end, "PING")
    assert.is_nil(value)
    assert.equal(("could not connect to 127.0.0.1:%d [connection refused]"):format(port), text)
    assert.is_true(lost)
    assert.same({ nil, "no way", true }, { redis.command(function()
      return nil, "no way"
    end, "PING") })
    assert.same({ nil, "the function made no connection", true },
      { redis.command(function() end, "PING") })
  end)

  it("runs scripts by their digest, also after SCRIPT FLUSH", function()
    local script = "return { KEYS[1], KEYS[2], ARGV[1], 12345678901234, false }"
    local expected = { "k1", "k2", "1.5", 12345678901234 }
    assert.same(expected, redis.eval(connect, script, { "k1", "k2" }, { 1.5 }))
    redis.command(connect, "CONFIG", "RESETSTAT")
    assert.same(expected, redis.eval(connect, script, { "k1", "k2" }, { 1.5 }))
    local stats = redis.command(connect, "INFO", "commandstats")
    assert.matches("cmdstat_evalsha:calls=1,", stats)
    assert.is_nil(stats:match("cmdstat_eval:"))
    redis.command(connect, "SCRIPT", "FLUSH")
    assert.same(expected, redis.eval(connect, script, { "k1", "k2" }, { 1.5 }))
    assert.same({ nil, nil }, { redis.eval(connect, "return false", {}, {}) })
    assert.matches("boom", (select(2, redis.eval(connect, "error('boom')", {}, {}))))
    assert.matches("compiling", (select(2, redis.eval(connect, "not Lua", {}, {}))))
  end)
end)
