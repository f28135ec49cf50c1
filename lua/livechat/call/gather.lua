-- SPDX-License-Identifier: MIT
--- Many calls at once: one function over many items, in coroutines of their own.
---
--- One scheduler runs the coroutines of an outermost gather and of those nested in it. A task
--- yields the scheduler itself when a call of the client makes it wait; anything else that it
--- yields belongs to the loop around, and is handed up and answered from there.
---
--- Example: gather over 100 items, concurrency 16, in a plain script. 16 tasks begin, each submits
--- a call and yields. The scheduler drives the engine; the third call finishes; its task goes on,
--- ends its item, begins item 17 and yields with that call. When item 5's function calls gather
--- over 3 items, these are 3 tasks more in the same scheduler; then the task of item 5 goes on.
local core = require "livechat.core"
local errors = require "livechat.errors"
local options = require "livechat.options"
local wait = require "livechat.call.wait"
local wait_nginx = require "livechat.call.wait_nginx"

local NO_LOOP = "livechat.gather: a function yielded, and there is no loop around to yield to"

--- The outermost call of `livechat.gather` and those nested in it each make a group of items.
---@class livechat.Group
---@field left integer items without a result
---@field next integer the item that is begun next
---@field waiter livechat.Task|nil the task that goes on when nothing is left

--- A coroutine that works on one item of a group after the other.
---@class livechat.Task
---@field co thread
---@field choose fun(own: table|nil): table for wait.lua
---@field index integer the item at hand
---@field id integer|nil of the call that it waits for
---@field due number|nil until when

---@class livechat.Scheduler
local Scheduler = {}
Scheduler.__index = Scheduler

-- The tasks that wait for a call, by engine and id. A task that asks an engine what has finished
-- may hear of another scheduler's calls: those tasks are made ready for theirs.
local waiting = setmetatable({}, { __mode = "k" })

local function waiting_at(engine)
  waiting[engine] = waiting[engine] or setmetatable({}, { __mode = "v" })
  return waiting[engine]
end

local function new_scheduler(outer)
  local self = setmetatable({
    outer = outer, tasks = {}, ready = {}, nearest = math.huge,
  }, Scheduler)

  local function joined(call, code, text)
    if call and self.notifier then
      call:join(self.notifier)
    end
    return call, code, text
  end

  self.strategy = {
    engine = function() return self.loop.engine() end,
    submit = function(request) return joined(self.loop.submit(request)) end,
    park = function() return joined(self.loop.park()) end,
    await = function(call, seconds) return self:await(call, seconds) end,
  }
  self.choose = function(own)
    if not self.loop then
      local fine, code, text = self:choose_loop(own or self.outer)
      if not fine then -- the next call of a task tries again
        local function fail() return nil, code, text end
        return { engine = fail, submit = fail, park = fail }
      end
    end
    return self.strategy
  end
  return self
end

--- The first client to wait decides how all of them wait: its own `wait`, or as the outer loop
--- does.
---@return boolean|nil fine
---@return string|nil code why there is nothing to wait on
---@return string|nil text
function Scheduler:choose_loop(loop)
  local engine, code, text = loop.engine()
  if not engine then
    return nil, code, text
  end
  local notifier
  if loop.poll then
    notifier, code, text = loop.park()
    if not notifier then
      return nil, code, text
    end
  end
  self.loop, self.engine, self.notifier = loop, engine, notifier
  self.strategy.blocks = loop.blocks
  self.waiting = waiting_at(engine)
  self:listen()
  return true
end

-- ---- in a task -------------------------------------------------------------------------------

--- The running task yields until its call has finished, or the time is up.
function Scheduler:await(call, seconds)
  if not wait.may_yield() then
    return wait.block(call, seconds)
  elseif not call:done() then
    local task = wait.task()
    task.id, task.due = call:id(), core.clock() + seconds
    self.nearest = math.min(self.nearest, task.due)
    self.waiting[task.id] = task
    coroutine.yield(self)
  end
  return call:done()
end

local function keep(group, index, ...)
  group.results[index] = { n = select("#", ...), ... }
  group.left = group.left - 1
  if group.left == 0 and group.waiter then
    group.waiter.scheduler:wake(group.waiter)
  end
end

--- Begins one item after the other; ends with the first that raises.
local function work(task)
  local group = task.group
  while group.next <= group.n do
    local index = group.next
    group.next = index + 1
    task.index = index
    keep(group, index, group.fn(group.items[index], index))
  end
end

-- ---- around the tasks --------------------------------------------------------------------------

function Scheduler:begin(group)
  local task = {
    co = coroutine.create(work), choose = self.choose, scheduler = self, group = group,
  }
  self.tasks[task] = true
  table.insert(self.ready, task)
end

function Scheduler:wake(task)
  if task.id then
    self.waiting[task.id] = nil
    task.id, task.due = nil, nil
  end
  table.insert(self.ready, task)
end

--- A task that raised is gone; another one goes on with what has not begun.
function Scheduler:fail(task, err)
  local group = task.group
  self.tasks[task] = nil
  keep(group, task.index, nil, err)
  if group.next <= group.n then
    self:begin(group)
  end
end

function Scheduler:came_back(task, fine, yielded, ...)
  if yielded == self then
    return
  elseif not fine then
    return self:fail(task, yielded)
  elseif coroutine.status(task.co) == "dead" then
    self.tasks[task] = nil
    return
  elseif not wait.may_yield() then
    return self:fail(task, NO_LOOP)
  end
  return self:came_back(task, wait.resume(task, coroutine.yield(yielded, ...)))
end

--- Makes ready whose calls have finished.
function Scheduler:listen()
  for _, id in ipairs(self.engine:finished()) do
    local task = self.waiting[id]
    if task then
      task.scheduler:wake(task)
    end
  end
end

--- Makes ready whose time is up.
function Scheduler:expire()
  local now, late = core.clock(), {}
  if now < self.nearest then
    return
  end
  self.nearest = math.huge
  for task in pairs(self.tasks) do
    local due = task.due or math.huge
    if due <= now then
      late[#late + 1] = task
    else
      self.nearest = math.min(self.nearest, due)
    end
  end
  for _, task in ipairs(late) do
    self:wake(task)
  end
end

function Scheduler:pause()
  local seconds = self.nearest - core.clock()
  if self.notifier then
    self.loop.poll(self.notifier:fd(), math.max(0, seconds))
    self.notifier:clear() -- before listening: what finishes in between notifies again
  else
    self.engine:pump(math.min(seconds, wait.SLICE))
  end
end

--- Runs until the group is complete.
function Scheduler:run(group)
  while group.left > 0 do
    local ready = self.ready
    self.ready = {}
    for _, task in ipairs(ready) do
      self:came_back(task, wait.resume(task, task))
    end
    if self.engine then
      self:listen()
      self:expire()
      if #self.ready == 0 and group.left > 0 then
        self:pause()
      end
    end
  end
  if self.notifier then
    self.notifier:drop()
  end
end

-- ---- the public face ---------------------------------------------------------------------------

local FNAME = "livechat.gather"

local RULES = { concurrency = options.is.whole }

local function check(items, fn, given)
  if type(items) ~= "table" then
    errors.raise_argument("items", FNAME, "table expected, got " .. type(items))
  elseif type(fn) ~= "function" then
    errors.raise_argument("fn", FNAME, "function expected, got " .. type(fn))
  end
  options.must_fit(RULES, given, FNAME)
  return given.concurrency or 16
end

--- Runs `fn(item, index)` for each item, up to `concurrency` at a time; the client's calls inside
--- overlap. Errors stay apart: a function that raises gives `{ nil, err, n = 2 }` in its place.
---
--- Only calls overlap. Anything else that makes a function wait (a loop's own sleep, a call in a
--- coroutine that the function runs, and in PUC Lua 5.1 a call inside pcall or an iterator) is
--- waited for before another function goes on; in nginx, where each is a light thread, it is not.
---@generic T
---@param items T[]
---@param fn fun(item: T, index: integer): ...
---@param given? { concurrency?: integer } options; 16
---@return { [integer]: any, n: integer }[] results in the order of the items
local function gather(items, fn, given)
  local concurrency = check(items, fn, given == nil and {} or given)
  if wait_nginx.strategy and wait_nginx.strategy() then
    return wait_nginx.gather(items, fn, concurrency)
  end
  local parent = wait.may_yield() and wait.task() or nil
  local scheduler = parent and parent.scheduler or new_scheduler(not parent and wait.outer_loop())
  local n = #items
  local group = {
    items = items, fn = fn, n = n, left = n, next = 1, results = {}, waiter = parent,
  }
  for _ = 1, math.min(concurrency, n) do
    scheduler:begin(group)
  end
  if not parent then
    scheduler:run(group)
  elseif n > 0 then
    coroutine.yield(scheduler)
  end
  return group.results
end

return gather
