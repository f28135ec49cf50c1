-- SPDX-License-Identifier: MIT
--- How this program waits. A strategy is a table of
---   engine()              the engine behind it, of this process
---   submit(request)       hands a request to it: call
---   park()                a call that ends only when it is cancelled: something to sleep on
---   await(call, seconds)  returns once the call has finished (true) or the time is up (false)
--- and, where an event loop is told of a descriptor, `poll(fd, seconds)`; `blocks` where nothing
--- else runs on the caller's thread, so that it may wait in any way. The first three give nil,
--- a code and a text where there is no descriptor, memory or thread left for it.
---
--- Which one holds is asked anew for every call: the same client may be used inside a loop and
--- outside of it. Everything that is global to a process is keyed by pid: nginx forks.
local core = require "livechat.core"
local new_engine = require "livechat.call.engine"
local until_done = require "livechat.call.until_done"
local wait_nginx = require "livechat.call.wait_nginx"

local wait = {}

-- A long wait in C would keep ^C waiting: Lua's signal hook runs between the slices.
wait.SLICE = 0.25

local engines = {} ---@type table<string, table> by kind

-- A forked child makes its own: a thread does not survive a fork, and a connection must not be
-- used by two processes.
local function engine_of(kind)
  local pid = core.pid()
  if engines.pid ~= pid then
    engines = { pid = pid }
  end
  if engines[kind] then
    return engines[kind]
  end
  local engine, code, text = new_engine(kind == "threaded")
  engines[kind] = engine
  return engine, code, text
end

local function submit_to(kind, request)
  local engine, code, text = engine_of(kind)
  if not engine then
    return nil, code, text
  end
  return engine:submit(request)
end

local function park_at(kind, notify)
  local engine, code, text = engine_of(kind)
  if not engine then
    return nil, code, text
  end
  return engine:park(notify)
end

--- Waits on this thread, whatever else there is to do on it.
---@type fun(call: userdata, seconds: number): boolean
wait.block = until_done(function(call, seconds)
  call:wait(math.min(wait.SLICE, seconds))
end)

--- A plain script: the transfers run on the caller's own thread, and there is no other.
local plain = { await = wait.block, blocks = true }
wait.plain = plain

function plain.engine()
  return engine_of("pumped")
end

function plain.submit(request)
  return submit_to("pumped", request)
end

function plain.park()
  return park_at("pumped")
end

--- Another event loop: the transfers run on the engine's thread, and the loop is told when to
--- come back by a descriptor that belongs to the one call.
---@param poll fun(fd: integer, seconds: number) returns when fd is readable or the time is up
function wait.foreign(poll)
  local strategy = { poll = poll }

  function strategy.engine()
    return engine_of("threaded")
  end

  function strategy.submit(request)
    request.notify = true
    return submit_to("threaded", request)
  end

  function strategy.park()
    return park_at("threaded", true)
  end

  strategy.await = until_done(function(call, seconds)
    poll(call:fd(), seconds)
  end)

  return strategy
end

-- ---- what there is around a coroutine ----------------------------------------------------------

-- Lua 5.1 and 5.2 do not tell, but the stack shows what a yield cannot pass: in 5.2 a C function,
-- but these; in 5.1 also what an instruction other than a call calls, an iterator or a metamethod,
-- and there such a function has no name. (One that a tail call has replaced is not seen, but for
-- the C function below it.)
local STOPS = {
  ["Lua 5.1"] = function(frame, caller)
    return frame.what == "C" or frame.name == "(for generator)" or frame.namewhat == ""
      and frame.what ~= "tail" and caller ~= nil and caller.what ~= "tail"
  end,
  ["Lua 5.2"] = function(frame)
    return frame.what == "C" and frame.func ~= pcall and frame.func ~= xpcall
  end,
}

local function stack_may_yield()
  local co, is_main = coroutine.running()
  if not co or is_main then
    return false
  end
  local stops, level = STOPS[_VERSION], 2
  local frame = debug.getinfo(level, "nSf")
  while frame do
    level = level + 1
    local caller = debug.getinfo(level, "nSf")
    if stops(frame, caller) then
      return false
    end
    frame = caller
  end
  return true
end

--- Whether the running coroutine may yield from where it is.
---@type fun(): boolean
wait.may_yield = coroutine.isyieldable or stack_may_yield

-- A loop of cqueues fails as a whole where a descriptor that it has seen is closed untold.
local in_cqueues = wait.foreign(function(fd, seconds)
  local cqueues = package.loaded["cqueues"]
  cqueues.poll({ pollfd = fd, events = "r" }, seconds)
  cqueues.cancel(fd)
end)

--- The strategy of the loop around the running coroutine, or of a plain script.
function wait.outer_loop()
  local in_nginx = wait_nginx.strategy and wait_nginx.strategy()
  if in_nginx then
    return in_nginx
  end
  local cqueues = package.loaded["cqueues"]
  if type(cqueues) == "table" and cqueues.running then
    local _, inside = cqueues.running()
    if inside and wait.may_yield() then
      return in_cqueues
    end
  end
  return plain
end

-- The innermost task that is being resumed: control comes back through wait.resume before anything
-- else can run, so that a variable is enough.
local current_task ---@type { co: thread, choose: fun(own: table|nil): table }|nil

local function came_back(outer, ...)
  current_task = outer
  return ...
end

--- Resumes `task.co`. What that coroutine itself awaits, not what those await that it runs, is
--- awaited by the strategy that `task.choose(own)` gives.
function wait.resume(task, ...)
  local outer = current_task
  current_task = task
  return came_back(outer, coroutine.resume(task.co, ...))
end

--- The task that is running right now, nil for any other coroutine.
function wait.task()
  return current_task and current_task.co == coroutine.running() and current_task or nil
end

--- The strategy of the running coroutine; `own` is the one that a client was made with.
function wait.current(own)
  local running = wait.task()
  if running then
    return running.choose(own)
  end
  return own or wait.outer_loop()
end

return wait
