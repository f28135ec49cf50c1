-- SPDX-License-Identifier: MIT
--- Many calls at once: one function over many items, each in a coroutine of its own.
---
--- One scheduler runs the coroutines of an outermost gather and of those nested in it. A task
--- yields the scheduler itself when a call of the client makes it wait; anything else that it
--- yields belongs to the loop around, and is handed up and answered from there.
local core = require "livechat.core"
local errors = require "livechat.errors"
local nginx = require "livechat.nginx"
local wait = require "livechat.wait"

local unpack = table.unpack or unpack
local MAX_PAUSE = 3600

local Scheduler = {}
Scheduler.__index = Scheduler

local function pack(...)
  return { n = select("#", ...), ... }
end

local tasks = setmetatable({}, { __mode = "k" }) -- by coroutine

--- What the tasks of a scheduler wait by. `host` waits for any of them at once.
local function strategy_of(scheduler)
  local strategy = {}

  local function joined(call, code, text)
    if call and scheduler.group then
      call:join(scheduler.group)
    end
    return call, code, text
  end

  function strategy.submit(request)
    return joined(scheduler.host.submit(request))
  end

  function strategy.park()
    return joined(scheduler.host.park())
  end

  function strategy.await(call, seconds)
    if not call:done() then
      scheduler:suspend(call, core.clock() + seconds, nil)
    end
    return call:done()
  end

  return strategy
end

local function new_scheduler()
  local self = setmetatable({ ready = {}, waiting = {} }, Scheduler)
  self.strategy = strategy_of(self)
  --- The first client to wait decides how the whole gather waits: its own `wait`, or the host's.
  self.choose = function(own)
    if not self.host then
      self.host = own or self.around
      self.group = self.host.poll and wait.engine("threaded"):park(true)
    end
    return self.strategy
  end
  return self
end

--- The running task stands still until the call has finished, the moment has come, or the group
--- is complete.
function Scheduler:suspend(call, due, group)
  local task = tasks[coroutine.running()]
  task.call, task.due, task.group = call, due, group
  coroutine.yield(self)
end

local function start_next(group)
  if group.next > group.n then
    return
  end
  local index = group.next
  group.next = index + 1
  local co = coroutine.create(group.fn)
  local task = { co = co, owner = group, index = index }
  tasks[co] = task
  wait.adopt(co, group.scheduler.choose)
  table.insert(group.scheduler.ready, task)
end

local function finish(task, results)
  local group = task.owner
  if results[1] then
    group.results[task.index] = { n = results.n - 1, unpack(results, 2, results.n) }
  else
    group.results[task.index] = { n = 2, nil, results[2] }
  end
  group.left = group.left - 1
  start_next(group)
end

function Scheduler:resume(task)
  local args = pack(task.owner.items[task.index], task.index)
  if task.started then
    args = { n = 0 }
  end
  task.started = true
  while true do
    local results = pack(coroutine.resume(task.co, unpack(args, 1, args.n)))
    if coroutine.status(task.co) == "dead" then
      return finish(task, results)
    elseif results[2] == self then
      table.insert(self.waiting, task)
      return
    end
    args = pack(coroutine.yield(unpack(results, 2, results.n)))
  end
end

--- Moves the tasks that need not wait any longer to `ready`; the time until the next is due.
function Scheduler:awake()
  local now, nearest, still = core.clock(), MAX_PAUSE, {}
  for _, task in ipairs(self.waiting) do
    local due = task.due and task.due <= now
    if due or (task.call and task.call:done()) or (task.group and task.group.left == 0) then
      table.insert(self.ready, task)
    else
      still[#still + 1] = task
      nearest = math.min(nearest, task.due and task.due - now or MAX_PAUSE)
    end
  end
  self.waiting = still
  return nearest
end

function Scheduler:pause(seconds)
  local host = self.host or wait.plain
  if host.poll then
    host.poll(self.group:fd(), seconds)
    self.group:clear()
  else
    wait.engine("pumped"):pump(math.min(seconds, 0.25))
  end
end

function Scheduler:run(group)
  while group.left > 0 do
    local ready = self.ready
    self.ready = {}
    for _, task in ipairs(ready) do
      self:resume(task)
    end
    local nearest = self:awake()
    if #self.ready == 0 and group.left > 0 then
      self:pause(nearest)
    end
  end
end

local function check(items, fn, options)
  if type(items) ~= "table" then
    errors.argument("items", "livechat.gather", "table expected, got " .. type(items), 4)
  end
  if type(fn) ~= "function" then
    errors.argument("fn", "livechat.gather", "function expected, got " .. type(fn), 4)
  end
  for name in pairs(options) do
    if name ~= "concurrency" and name ~= "wait" then
      errors.argument(tostring(name), "livechat.gather", "no such option", 4)
    end
  end
  local concurrency = options.concurrency or 16
  if type(concurrency) ~= "number" or concurrency < 1 or concurrency % 1 ~= 0 then
    errors.argument("concurrency", "livechat.gather", "a whole number from 1 expected", 4)
  end
  return concurrency
end

--- Runs `fn(item, index)` for each item, up to `concurrency` at a time; the client's calls inside
--- overlap. Errors stay apart: a function that raises gives `{ nil, err, n = 2 }` in its place.
--- In PUC Lua 5.1 a call cannot wait inside pcall, as nothing can yield there.
---@generic T
---@param items T[]
---@param fn fun(item: T, index: integer): ...
---@param options? { concurrency?: integer, wait?: fun(fd: integer, seconds: number) } default 16
---@return { [integer]: any, n: integer }[] results in the order of the items
local function gather(items, fn, options)
  options = options or {}
  local concurrency = check(items, fn, options)
  if nginx.strategy() then
    return nginx.gather(items, fn, concurrency)
  end
  local co = coroutine.running()
  local parent = co and tasks[co] and tasks[co].owner.scheduler
  local scheduler = parent or new_scheduler()
  local n = #items
  local group = {
    scheduler = scheduler, items = items, fn = fn, n = n, left = n, next = 1, results = {},
  }
  if not parent then
    scheduler.around = options.wait and wait.foreign(options.wait) or wait.host()
  end
  for _ = 1, math.min(concurrency, n) do
    start_next(group)
  end
  if not parent then
    scheduler:run(group)
    if scheduler.group then
      scheduler.group:drop()
    end
  elseif n > 0 then
    scheduler:suspend(nil, nil, group)
  end
  return group.results
end

return gather
