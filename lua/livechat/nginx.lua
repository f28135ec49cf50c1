-- SPDX-License-Identifier: MIT
--- What is particular to nginx with the Lua module (OpenResty); of no effect elsewhere.
---
--- Transfers run on one engine thread per worker. When calls finish it writes a byte to a private
--- Unix socket; one dispatcher light thread reads it and posts the semaphore of each waiting light
--- thread. So the event loop never sees a handshake, a certificate file or a dead resolver.
local core = require "livechat.core"

local nginx = {}

local ngx = rawget(_G, "ngx")

if not ngx then
  --- The way to wait inside nginx, nil in any other program.
  function nginx.strategy()
    return nil
  end

  --- A line for whoever looks after this program: nginx's error log, or stderr.
  ---@param text string
  function nginx.log(text)
    io.stderr:write(text, "\n")
  end
  return nginx
end

local semaphore = require "ngx.semaphore"

local ENDLESS_MS = 2 ^ 31 - 1 -- a read that times out is a line in the error log
local FAR_AWAY = 10 * 365 * 86400
local SWEEP = 1 -- seconds after which the transfer of a killed light thread is cancelled

-- Phases whose light threads may yield.
local YIELDS = {
  rewrite = true, server_rewrite = true, access = true, content = true, timer = true,
  ssl_cert = true, ssl_session_fetch = true, ssl_client_hello = true, preread = true,
}

---@class livechat.Worker
local Worker = {}
Worker.__index = Worker

local worker ---@type livechat.Worker|nil of this process; the master's is not inherited

local function this_worker()
  if not worker or worker.pid ~= core.pid() then
    local engine = assert(core.engine())
    assert(engine:start())
    worker = setmetatable({ pid = core.pid(), engine = engine, waiters = {}, waiting = 0 }, Worker)
  end
  return worker
end

--- Forgets the waiter of a call and wakes it.
function Worker:wake(id)
  local waiter = self.waiters[id]
  if not waiter then
    return
  end
  self:forget(id)
  if waiter.semaphore:count() < 0 then
    waiter.semaphore:post()
  else
    waiter.call:drop() -- its light thread is gone
  end
end

function Worker:forget(id)
  if self.waiters[id] then
    self.waiters[id] = nil
    self.waiting = self.waiting - 1
  end
end

--- Cancels what nobody waits for any more: a light thread that was killed leaves no other trace.
function Worker:sweep()
  for id, waiter in pairs(self.waiters) do
    if waiter.semaphore:count() >= 0 then
      self:forget(id)
      waiter.call:drop()
    end
  end
  self.sweeping = self.waiting > 0 and ngx.timer.at(SWEEP, function(premature)
    if not premature then
      self:sweep()
    end
  end)
end

--- Runs in a timer of its own for as long as the worker lives.
function Worker:dispatch(socket)
  while not (self.exiting and self.waiting == 0) do
    local byte = socket:receive(1)
    if not byte then
      break
    end
    for _, id in ipairs(self.engine:finished()) do
      self:wake(id)
    end
  end
  socket:close()
end

function Worker:start()
  self.dispatching = true
  local ok, err = ngx.timer.at(0, function()
    local path, _, text = self.engine:listen()
    local socket = ngx.socket.tcp()
    socket:settimeouts(1000, 1000, ENDLESS_MS)
    local connected
    if path then
      connected, text = socket:connect("unix:" .. path)
    end
    if connected then
      self:dispatch(socket)
    else
      ngx.log(ngx.ERR, "livechat: no dispatcher: ", text)
    end
    self.dispatching = false
    for id in pairs(self.waiters) do -- each looks for itself
      self:wake(id)
    end
  end)
  if not ok then
    self.dispatching = false
    error("livechat: cannot start the dispatcher: " .. err, 0)
  end
  self:watch_exit()
end

--- A timer that is far away fires early when the worker exits, and lets the dispatcher go.
function Worker:watch_exit()
  if self.watching then
    return
  end
  self.watching = ngx.timer.at(FAR_AWAY, function(premature)
    if premature then
      self.exiting = true
      local call = self.engine:park()
      call:cancel() -- a byte for the dispatcher
      call:drop()
    end
  end)
end

local strategy = {}

function strategy.submit(request)
  return this_worker().engine:submit(request)
end

function strategy.park()
  return this_worker().engine:park()
end

function strategy.await(call, seconds)
  if call:done() then
    return true
  end
  local self = this_worker()
  local id = call:id()
  local waiter = { semaphore = semaphore.new(), call = call }
  self.waiters[id] = waiter
  self.waiting = self.waiting + 1
  if not self.dispatching then
    self:start()
  end
  if not self.sweeping then
    self.sweeping = ngx.timer.at(SWEEP, function(premature)
      if not premature then
        self:sweep()
      end
    end)
  end
  waiter.semaphore:wait(seconds)
  self:forget(id)
  return call:done()
end

--- The way to wait inside nginx; raises in a phase where waiting would block the worker.
function nginx.strategy()
  local phase = ngx.get_phase()
  if not YIELDS[phase] then
    error("livechat: a call cannot wait in the phase '" .. phase .. "' without blocking the " ..
      "worker; make it in ngx.timer.at(0, function() ... end)", 0)
  end
  return strategy
end

--- livechat.gather with one light thread for each of `concurrency` at a time.
function nginx.gather(items, fn, concurrency)
  local n, next_index, results = #items, 1, {}
  local function work()
    while next_index <= n do
      local index = next_index
      next_index = index + 1
      local function keep(ok, ...)
        results[index] = ok and { n = select("#", ...), ... } or { n = 2, nil, (...) }
      end
      keep(pcall(fn, items[index], index))
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

function nginx.log(text)
  ngx.log(ngx.ERR, text)
end

-- ---- receiving webhooks -----------------------------------------------------------------------

local function answer(status, text)
  ngx.status = status
  ngx.header["Content-Type"] = "text/plain"
  ngx.header["Content-Length"] = #text
  ngx.print(text)
end

--- The body, also where nginx has put it into a file because it is larger than its buffer
--- (client_body_buffer_size): it was written just now, so that reading rarely waits for a disk.
local function read_body()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  if not path then
    return body or ""
  end
  local file = io.open(path, "rb")
  body = file and file:read("*a")
  if file then file:close() end
  return body
end

--- Answers one delivery: `content_by_lua_block { require("livechat.nginx").serve(receiver) }`.
--- Nothing here waits but the handlers, which yield, and with an inbox in a folder the sync of the
--- event's file, for which the worker stands still: as long as the disk takes.
---@param receiver livechat.Receiver
function nginx.serve(receiver)
  if ngx.req.get_method() ~= "POST" then
    ngx.header["Allow"] = "POST"
    return answer(405, "only POST\n")
  elseif (tonumber(ngx.var.http_content_length) or 0) > receiver.max_body then
    ngx.req.discard_body()
    return answer(413, "larger than " .. receiver.max_body .. " bytes\n")
  end
  local body = read_body()
  if not body then
    nginx.log("livechat: the file of a request's body could not be read")
    return answer(500, "the body could not be read\n")
  end
  local status, text = receiver:handle(body, { authorization = ngx.var.http_authorization })
  if status == 401 and receiver.basic then
    ngx.header["WWW-Authenticate"] = 'Basic realm="livechat"'
  end
  answer(status, text)
end

return nginx
