-- SPDX-License-Identifier: MIT
--- Handlers: which run, in what order, and what becomes of one that fails.
local core = require "livechat.core"
local deliveries = require "spec.deliveries"
local json = require "livechat.json"
local livechat = require "livechat"
local v2_events = require "livechat.api.v2.events"

local TOKEN = deliveries.TOKEN
local chat_ended, ticket_created = deliveries.chat_ended, deliveries.ticket_created
local recording, deliver = deliveries.recording, deliveries.deliver

describe("handlers", function()
  it("may be for events that the library does not know, where that is said", function()
    local receiver, order = livechat.receiver { token = TOKEN }, {}
    receiver:on("something_new", function(event) order[1] = event.type end,
      { allow_unknown = true })
    assert.equal(200, (deliver(receiver, { event_type = "something_new", token = TOKEN })))
    assert.same({ "something_new" }, order)
    for kind in pairs(v2_events.data_types) do receiver:on(kind, print, {}) end
  end)

  it("run in the order of registration, those of the type and of every type", function()
    local receiver, order = livechat.receiver { token = TOKEN }, {}
    local function note(name) return function() order[#order + 1] = name end end
    assert.equal(receiver, receiver:on("chat_ended", note "a"))
    receiver:on("*", note "b"):on("chat_started", note "c"):on("chat_ended", note "d")
    assert.equal(200, (deliver(receiver, chat_ended())))
    assert.equal("a b d", table.concat(order, " "))
    assert.equal(200, (deliver(receiver, ticket_created())))
    assert.equal("a b d b", table.concat(order, " "))
  end)

  it("need not be there", function()
    local receiver = livechat.receiver { token = TOKEN }
    assert.equal(200, (deliver(receiver, chat_ended())))
  end)

  it("that fail do not keep others from running, and are told with a traceback", function()
    local said, ran = {}, {}
    local receiver = livechat.receiver { token = TOKEN, on_error = function(text, event)
      said[#said + 1] = { text = text, event = event }
    end }
    receiver:on("*", function() ran[#ran + 1] = 1 error("first trouble") end)
    receiver:on("*", function() ran[#ran + 1] = 2 error({ "no", "string" }) end)
    receiver:on("*", function() ran[#ran + 1] = 3 end)
    receiver:on("*", function() ran[#ran + 1] = 4 error() end)
    assert.equal(500, (deliver(receiver, chat_ended())))
    assert.same({ 1, 2, 3, 4 }, ran)
    assert.equal(3, #said)
    assert.matches("^livechat.Event: chat_ended %x+: .*dispatch_spec.lua:%d+: first trouble\n"
      .. "stack traceback:.*dispatch_spec.lua", said[1].text)
    assert.equal("chat_ended", said[1].event.type)
    assert.matches("table: ", said[2].text)
    assert.matches("nil\nstack traceback", said[3].text)
  end)

  it("that fail raise nothing when on_error fails too", function()
    local receiver = livechat.receiver { token = TOKEN, on_error = function() error("again") end }
    receiver:on("*", function() error("trouble") end)
    local log, nginx = {}, require "livechat.nginx"
    local original = nginx.log
    finally(function() nginx.log = original end)
    nginx.log = function(text) log[#log + 1] = text end
    assert.equal(500, (deliver(receiver, chat_ended())))
    assert.matches("on_error failed: .*again", log[1])
  end)

  it("run once for an event, however often it is delivered", function()
    local receiver, got = recording()
    assert.equal(200, (deliver(receiver, chat_ended())))
    for _ = 1, 3 do
      assert.same({ 200, "handled already\n" }, { deliver(receiver, chat_ended()) })
    end
    assert.equal(1, #got)
    assert.equal(200, (deliver(receiver, ticket_created())))
    assert.equal(200, (deliver(receiver, ticket_created())))
    assert.equal(2, #got)
  end)

  it("run again where they failed, and only those", function()
    local receiver, runs, broken = livechat.receiver { token = TOKEN, on_error = function() end },
      {}, true
    receiver:on("*", function() runs[#runs + 1] = "a" end)
    receiver:on("*", function()
      runs[#runs + 1] = "b"
      if broken then error("not now") end
    end)
    receiver:on("*", function() runs[#runs + 1] = "c" end)
    assert.equal(500, (deliver(receiver, chat_ended())))
    assert.equal(500, (deliver(receiver, chat_ended())))
    broken = false
    assert.equal(200, (deliver(receiver, chat_ended())))
    assert.equal(200, (deliver(receiver, chat_ended())))
    assert.equal("a b c b b", table.concat(runs, " "))
  end)

  it("may yield, and a second delivery meanwhile does not start them again", function()
    local receiver, runs = livechat.receiver { token = TOKEN, on_error = function() end }, 0
    receiver:on("*", function()
      runs = runs + 1
      assert.equal("answer", coroutine.yield("question"))
      assert.equal("second", coroutine.yield(1, 2))
      if runs == 1 then error("after all") end
    end)
    local function delivery()
      local co = coroutine.create(function() return deliver(receiver, chat_ended()) end)
      return function(...) return select(2, assert(coroutine.resume(co, ...))) end
    end
    local first = delivery()
    assert.equal("question", first())
    assert.same({ 500, "it is being handled\n" }, { deliver(receiver, chat_ended()) })
    assert.equal(1, first("answer"))
    assert.equal(500, first("second"))
    local again = delivery()
    assert.equal("question", again())
    assert.equal(1, again("answer"))
    assert.equal(200, again("second"))
    assert.equal(200, (deliver(receiver, chat_ended())))
    assert.equal(2, runs)
  end)

  it("that are never resumed do not hold their event for ever", function()
    local runs = 0
    local receiver = livechat.receiver { token = TOKEN }
    receiver:on("*", function()
      runs = runs + 1
      if runs < 3 then coroutine.yield() end
    end)
    local function begin()
      local co = coroutine.create(function() return deliver(receiver, chat_ended()) end)
      assert(coroutine.resume(co))
      return co
    end
    local kept = begin()
    assert.same({ 500, "it is being handled\n" }, { deliver(receiver, chat_ended()) })
    if coroutine.close then coroutine.close(kept) end
    kept = nil -- luacheck: ignore 311
    for _ = 1, 2 do collectgarbage() end -- a redelivery looks through a part of all that is here
    kept = begin()
    assert.equal(2, runs)
    local clock, real = core.clock() + 3601, core.clock
    finally(function() core.clock = real end)
    assert.same({ 500, "it is being handled\n" }, { deliver(receiver, chat_ended()) })
    core.clock = function() return clock end
    assert.same({ 200, "handled\n" }, { deliver(receiver, chat_ended()) })
    assert.equal(3, runs)
    -- What comes back after all undoes nothing.
    assert.truthy(coroutine.resume(kept))
    assert.equal("dead", coroutine.status(kept))
    assert.same({ 200, "handled already\n" }, { deliver(receiver, chat_ended()) })
    assert.equal(3, runs)
  end)

  it("may raise anything", function()
    local function raising(metamethods) return setmetatable({}, metamethods) end
    local function deep(n) return 1 + deep(n + 1) end
    local ways = {
      function() error() end,
      function() error(false) end,
      function() error(io.stdout) end,
      function() error(coroutine.create(print)) end,
      function() error(raising { __tostring = function() error("again") end }) end,
      function() error(raising { __tostring = function() error() end }) end,
      function() error(raising { __tostring = function() return {} end }) end,
      function() error(raising { __tostring = function() return nil end }) end,
      function() error(raising { __tostring = function() coroutine.yield() end }) end,
      function() error(raising { __tostring = deep }) end,
      function() error(raising { __name = {}, __index = error }) end,
      function() error(("x"):rep(2 ^ 20)) end,
      function() error("a\0b") end,
      function() deep(1) end,
      function() error(("x"):rep(100000, "\n")) end,
      function(event)
        for name in pairs(event) do event[name] = nil end
        error("it has no type any more")
      end,
      function(event) setmetatable(event, raising { __tostring = error }) error(event) end,
    }
    for i, way in ipairs(ways) do
      local said, broken = {}, true
      local receiver = livechat.receiver { token = TOKEN, on_error = function(text)
        said[#said + 1] = text
        error(raising { __tostring = function() error("again") end })
      end }
      receiver:on("*", function(event) if broken then way(event) end end)
      local log, nginx = {}, require "livechat.nginx"
      local original = nginx.log
      nginx.log = function(text) log[#log + 1] = text error("no") end
      local fine, problem = pcall(function()
        for _ = 1, 2 do
          assert.same({ 500, "a handler failed\n" }, { deliver(receiver, chat_ended()) })
        end
        broken = false
        assert.same({ 200, "handled\n" }, { deliver(receiver, chat_ended()) })
      end)
      nginx.log = original
      assert(fine, ("way %d: %s"):format(i, tostring(problem)))
      assert.equal(2, #said)
      assert.equal(2, #log)
      assert.matches("^livechat.Event: chat_ended %x+: ", said[1])
      assert.truthy(#said[1] < 20000, #said[1])
    end
  end)

  it("are interrupted by ^C, which the program sees", function()
    local receiver, runs = livechat.receiver { token = TOKEN, on_error = function() end }, 0
    receiver:on("*", function()
      runs = runs + 1
      if runs == 1 then error("interrupted!") elseif runs == 2 then error("was interrupted!") end
    end)
    local fine, message = pcall(receiver.handle, receiver, json.encode(chat_ended()))
    assert.is_false(fine)
    assert.matches("interrupted!\n", message)
    assert.same({ 500, "a handler failed\n" }, { deliver(receiver, chat_ended()) })
    assert.same({ 200, "handled\n" }, { deliver(receiver, chat_ended()) })
  end)

  it("are remembered for seven hours, and not without end", function()
    local receiver, got = recording()
    local clock, real = core.clock(), core.clock
    finally(function() core.clock = real end)
    core.clock = function() return clock end
    local function send(id)
      local body = chat_ended()
      body.event_unique_id = id
      assert.equal(200, (deliver(receiver, body)))
      return #got
    end
    assert.equal(1, send("first"))
    clock = clock + 6 * 3600
    assert.equal(2, send("second"))
    clock = clock + 3600 - 1
    assert.equal(2, send("first"))
    clock = clock + 3600
    assert.equal(2, send("second"))
    clock = clock + 15 * 3600
    assert.equal(3, send("first"))
    clock = clock + 8 * 3600
    assert.equal(4, send("third"))
    clock = clock + 8 * 3600
    assert.equal(5, send("first"))
  end)

  it("leave no more than so many ids in memory", function()
    local receiver, got = recording()
    local sent = 0
    local function send(n)
      for _ = 1, n do
        sent = sent + 1
        local body = chat_ended()
        body.event_unique_id = "e" .. sent
        assert.equal(200, (deliver(receiver, body)))
      end
    end
    send(10)
    receiver.memory.count = 49990 -- as if there had been so many more
    send(15)
    assert.truthy(receiver.memory.old.e20 and not receiver.memory.young.e20)
    assert.truthy(receiver.memory.young.e21)
    receiver.memory.count = 49999
    send(2)
    assert.is_nil(receiver.memory.old.e20)
    assert.truthy(receiver.memory.old.e21)
    sent = sent - 4
    send(4)
    assert.equal(27, #got)
  end)
end)
