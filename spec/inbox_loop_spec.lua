-- SPDX-License-Identifier: MIT
--- An inbox in another program's event loop: no step on the loop's thread touches a file.
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"
local socket = require "socket"

local has_cqueues, cqueues = pcall(require, "cqueues")

local EVENT = '{"event_type":"e","event_unique_id":"%s","token":"t"}'
local FREE = { user = true, close = true, is_open = true, next = true } -- these touch no file

describe("an inbox in an event loop", function()
  local folder, touched, restore

  --- From here on a function that touches files says so, instead of doing it.
  local function forbid(functions)
    for name, fn in pairs(functions) do
      if type(fn) == "function" and not FREE[name] then
        restore[#restore + 1] = function() functions[name] = fn end
        functions[name] = function() touched[#touched + 1] = name end
      end
    end
  end

  before_each(function()
    folder, touched, restore = helper.folder(), {}, {}
    local file = folder .. "/any"
    helper.write(file, "")
    local methods = getmetatable(core.spool.lock(file)).__index
    forbid(core.spool)
    forbid(methods)
  end)
  after_each(function()
    while #restore > 0 do table.remove(restore)() end
    helper.cleanup()
  end)

  --- Stores twenty events at once, and works them off; the handler fails at one of them, once.
  local function work(receiver, spawn)
    local counts = { handled = 0 }
    receiver:on("*", function(event)
      counts[event.id] = (counts[event.id] or 0) + 1
      counts.handled = counts.handled + 1
      if event.id == "e3" and counts[event.id] == 1 then error("once") end
    end)
    for i = 1, 20 do
      spawn(function()
        local status, text = receiver:handle(EVENT:format("e" .. i))
        counts[text] = (counts[text] or 0) + (status == 200 and 1 or 0)
      end)
    end
    spawn(function() receiver:run { poll = 0.02 } end)
    return counts
  end

  local function check(counts)
    assert.same({}, touched)
    assert.equal(20, counts["stored\n"])
    assert.equal(21, counts.handled)
    for i = 1, 20 do assert.equal(i == 3 and 2 or 1, counts["e" .. i]) end
  end

  it("of cqueues", function()
    if not has_cqueues then return pending("cqueues is not installed for this Lua") end
    local receiver = livechat.receiver { token = "t", inbox = livechat.inbox(folder .. "/inbox"),
      on_error = function() end }
    local loop = cqueues.new()
    local counts = work(receiver, function(fn) loop:wrap(fn) end)
    local due = core.clock() + 20
    while counts.handled < 21 and core.clock() < due do assert(loop:step(0.1)) end
    check(counts)
  end)

  it("that is told how to wait", function()
    -- The smallest loop: each coroutine waits for one descriptor, or until its time is up.
    local waiting, ready = {}, {}
    local function poll(fd, seconds)
      coroutine.yield(fd, core.clock() + seconds)
    end
    local function resume(co)
      local fine, fd, due = coroutine.resume(co)
      assert(fine, fd)
      if coroutine.status(co) ~= "dead" then
        waiting[co] = { fd = fd, due = due, getfd = function(self) return self.fd end }
      end
    end
    local receiver = livechat.receiver { token = "t", on_error = function() end,
      inbox = livechat.inbox { path = folder .. "/inbox", wait = poll } }
    local counts = work(receiver, function(fn) ready[#ready + 1] = coroutine.create(fn) end)
    local due = core.clock() + 20
    while counts.handled < 21 and core.clock() < due do
      local now, fds = core.clock(), {}
      for co, what in pairs(waiting) do
        fds[#fds + 1] = what
        if what.due <= now then ready[#ready + 1], waiting[co] = co, nil end
      end
      local readable = #ready == 0 and #fds > 0 and socket.select(fds, nil, 0.01) or {}
      for _, what in ipairs(readable) do
        for co, other in pairs(waiting) do
          if other == what then ready[#ready + 1] = co end
        end
      end
      local now_ready = ready
      ready = {}
      for _, co in ipairs(now_ready) do
        waiting[co] = nil
        resume(co)
      end
    end
    check(counts)
  end)
end)
