-- SPDX-License-Identifier: MIT
--- How calls wait in nginx with the Lua module (OpenResty).
---
--- Transfers run on one engine thread per worker. When calls finish it writes a byte to a private
--- Unix socket; one dispatcher light thread reads it and posts the semaphore of each waiting light
--- thread. So the event loop never sees a handshake, a certificate file or a dead resolver.
local core = require "livechat.core"
local errors = require "livechat.errors"
local new_engine = require "livechat.call.engine"
local until_done = require "livechat.call.until_done"

local wait_nginx = {}

local ngx = rawget(_G, "ngx")

if not ngx then -- any other program, where there is no wait_nginx.strategy
  --- Whether this is a process of nginx's in which no event loop runs yet.
  function wait_nginx.is_starting()
    return false
  end

  return wait_nginx
end

local semaphore = require "ngx.semaphore"

errors.in_nginx = true

local ENDLESS_MS = 2 ^ 31 - 1 -- a read that times out is a line in the error log
local DAY = 86400
local TICK = 1 -- seconds after which the transfer of a killed light thread is cancelled
local POLL = 0.02 -- seconds between the looks of a light thread that no dispatcher would wake

-- Phases whose light threads may yield.
local YIELDS = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  ssl_cert = true, ssl_session_fetch = true, ssl_client_hello = true, preread = true,
}

---@class livechat.Worker
---@field engine userdata
---@field waiters table<number, { semaphore: table, call: userdata }> by the id of the call
---@field spare table[] semaphores that no light thread waits for
---@field dispatching boolean while a dispatcher runs, or is about to
---@field again number when one may be started, on the clock of core.clock
---@field signalled_at number when the dispatcher last got a byte of its own
local Worker = {}
Worker.__index = Worker

local worker ---@type livechat.Worker|nil of this process; that of a process that forked is not ours

local function this_worker()
  local pid = ngx.worker.pid()
  if not worker or worker.pid ~= pid then
    local engine, code, text = new_engine(true)
    if not engine then
      return nil, code, text
    end
    engine:finished() -- from the first look on, what finishes is kept for the dispatcher
    worker = setmetatable({
      pid = pid, engine = engine, waiters = {}, spare = {}, dispatching = false, again = 0,
      signalled_at = core.clock(),
    }, Worker)
  end
  return worker
end

--- The light thread that waits for a call looks at it now. One that was killed meanwhile no longer
--- waits for its semaphore, and leaves no other trace: its transfer is cancelled.
function Worker:wake(id)
  local waiter = self.waiters[id]
  if not waiter then
    return
  end
  self.waiters[id] = nil
  if waiter.semaphore:count() < 0 then
    waiter.semaphore:post()
  else
    waiter.call:drop()
  end
end

--- A byte for the dispatcher, also where the engine has not let it in yet: a call that has ended,
--- and that no light thread waits for.
function Worker:signal()
  local call = self.engine:park()
  if not call then
    return -- no memory; the next tick tries again
  end
  self.waiters[call:id()] = { semaphore = semaphore.new(), call = call }
  self.signalled_at = core.clock()
  call:cancel()
end

--- Each second, and once when the worker begins to exit. A byte also comes once a day, long
--- before the dispatcher's time for a read is up.
function Worker:on_timer(exiting)
  for id, waiter in pairs(self.waiters) do
    if waiter.semaphore:count() >= 0 then
      self:wake(id)
    end
  end
  if self.dispatching and (exiting or core.clock() > self.signalled_at + DAY) then
    self:signal()
  end
end

--- A socket from which a byte can be read whenever calls have finished.
function Worker:connect()
  local path, _, text = self.engine:listen()
  if not path then
    return nil, text
  end
  local socket = ngx.socket.tcp()
  socket:settimeouts(1000, 1000, ENDLESS_MS)
  local fine
  fine, text = socket:connect("unix:" .. path)
  return fine and socket, text
end

--- Runs in a timer of its own: no request's end is its end. Nothing may hold up the exit of a
--- worker: then the dispatcher goes, and each light thread that still waits looks for itself.
function Worker:dispatch()
  local socket, text = self:connect()
  while socket and not ngx.worker.exiting() do
    local byte
    byte, text = socket:receive(1)
    if not byte then
      break
    end
    for _, id in ipairs(self.engine:finished()) do
      self:wake(id)
    end
  end
  if text then
    ngx.log(ngx.ERR, "livechat: calls are waited for by looking every ", POLL * 1000, " ms: ", text)
  end
  self.dispatching, self.again = false, core.clock() + TICK
  for id in pairs(self.waiters) do
    self:wake(id)
  end
end

--- Sees to it that there is a dispatcher, where there can be one.
function Worker:ensure_dispatcher()
  if self.dispatching or ngx.worker.exiting() or core.clock() < self.again then
    return
  end
  self.timer = self.timer or ngx.timer.every(TICK, function(exiting) self:on_timer(exiting) end)
  self.dispatching = self.timer and ngx.timer.at(0, function() self:dispatch() end) or false
end

--- The running light thread waits until the dispatcher wakes it, or the time is up.
function Worker:wait(call, seconds)
  self:ensure_dispatcher()
  local id, spare = call:id(), self.spare
  local sema = spare[#spare] or semaphore.new()
  spare[#spare] = nil
  self.waiters[id] = { semaphore = sema, call = call }
  local time = math.min(seconds, self.dispatching and DAY or POLL)
  sema:wait((math.ceil(time * 1000) + 0.5) / 1000) -- nginx cuts at a millisecond
  self.waiters[id] = nil
  spare[#spare + 1] = sema -- perhaps posted too late: then its next wait ends at once, and again
end

local strategy = {}

function strategy.engine()
  local here, code, text = this_worker()
  return here and here.engine, code, text
end

function strategy.submit(request)
  local engine, code, text = strategy.engine()
  if not engine then
    return nil, code, text
  end
  return engine:submit(request)
end

function strategy.park()
  local engine, code, text = strategy.engine()
  if not engine then
    return nil, code, text
  end
  return engine:park()
end

strategy.await = until_done(function(call, seconds)
  this_worker():wait(call, seconds)
end)

local exit_by

--- How long a call may still sleep, for the throttle or before a retry: a worker that is to exit
--- waits a second for all of them together, and what would take longer is not begun.
function strategy.patience()
  if not ngx.worker.exiting() then
    return math.huge
  end
  exit_by = exit_by or core.clock() + 1
  return exit_by - core.clock()
end

--- The way to wait inside nginx; raises in a phase where waiting would block the worker.
function wait_nginx.strategy()
  local phase = ngx.get_phase()
  if not YIELDS[phase] then
    errors.raise("livechat: a call cannot wait in the phase '" .. phase .. "' without blocking " ..
      "the worker; make it in ngx.timer.at(0, function() ... end)")
  end
  return strategy
end

function wait_nginx.is_starting()
  local phase = ngx.get_phase()
  return phase == "init" or phase == "init_worker"
end

--- livechat.gather with one light thread for each of `concurrency` at a time.
function wait_nginx.gather(items, fn, concurrency)
  local n, next_index, results = #items, 1, {}
  local function keep(index, fine, ...)
    results[index] = fine and { n = select("#", ...), ... } or { n = 2, nil, (...) }
  end
  local function work()
    while next_index <= n do
      local index = next_index
      next_index = index + 1
      keep(index, pcall(fn, items[index], index))
    end
  end
  local threads = {}
  for i = 1, math.min(concurrency, n) do
    threads[i] = ngx.thread.spawn(work)
  end
  for _, thread in ipairs(threads) do
    ngx.thread.wait(thread)
  end
  return results
end

return wait_nginx
