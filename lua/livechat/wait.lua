-- SPDX-License-Identifier: MIT
--- How this program waits. A strategy is a table of
---   submit(request)       hands a request to the engine: call | nil, code, text
---   park()                a call that ends only when it is cancelled: something to sleep on
---   await(call, seconds)  returns once the call has finished (true) or the time is up (false)
--- Which one holds is asked anew for every attempt: the same client may be used inside a loop and
--- outside of it. Everything that is global to a process is keyed by pid: nginx forks.
local core = require "livechat.core"
local nginx = require "livechat.nginx"

local wait = {}

-- A long wait in C would keep ^C waiting: Lua's signal hook runs between the slices.
local SLICE = 0.25

local engines = {} ---@type table<string, table> by kind

--- The engine of this process and kind. A forked child makes its own: a thread does not survive
--- a fork, and a connection must not be used by two processes.
---@param kind "pumped"|"threaded"
function wait.engine(kind)
  local pid = core.pid()
  if engines.pid ~= pid then
    engines = { pid = pid }
  end
  local engine = engines[kind]
  if not engine then
    engine = assert(core.engine())
    if kind == "threaded" then
      assert(engine:start())
    end
    engines[kind] = engine
  end
  return engine
end

--- A plain script: the transfers run on the caller's own thread.
local plain = {}
wait.plain = plain

function plain.submit(request)
  return wait.engine("pumped"):submit(request)
end

function plain.park()
  return wait.engine("pumped"):park()
end

function plain.await(call, seconds)
  local due = core.clock() + seconds
  while not call:wait(math.max(0, math.min(SLICE, due - core.clock()))) do
    if core.clock() >= due then
      return false
    end
  end
  return true
end

--- Another event loop: the transfers run on the engine's thread, and the loop is told when to
--- come back by a descriptor that belongs to the one call.
---@param poll fun(fd: integer, seconds: number) returns when fd is readable or the time is up
function wait.foreign(poll)
  local strategy = { poll = poll }

  function strategy.submit(request)
    request.notify = true
    return wait.engine("threaded"):submit(request)
  end

  function strategy.park()
    return wait.engine("threaded"):park(true)
  end

  function strategy.await(call, seconds)
    local due = core.clock() + seconds
    while not call:done() do
      local left = due - core.clock()
      if left <= 0 then
        return false
      end
      poll(call:fd(), left)
    end
    return true
  end

  return strategy
end

local in_cqueues = wait.foreign(function(fd, seconds)
  package.loaded["cqueues"].poll({ pollfd = fd, events = "r" }, seconds)
end)

--- What the program around the running coroutine is.
function wait.host()
  local hosted = nginx.strategy()
  if hosted then
    return hosted
  end
  local cqueues = package.loaded["cqueues"]
  if type(cqueues) == "table" and cqueues.running then
    local _, inside = cqueues.running()
    if inside then
      return in_cqueues
    end
  end
  return plain
end

local adopted = setmetatable({}, { __mode = "k" })

--- What this coroutine itself awaits, not what those await that it runs, is the adopter's affair:
--- `choose(own)` gives the strategy.
---@param choose fun(own: table|nil): table
function wait.adopt(co, choose)
  adopted[co] = choose
end

--- The strategy of the running coroutine; `own` is the one that a client was made with.
function wait.current(own)
  local co = coroutine.running()
  local choose = co and adopted[co]
  if choose then
    return choose(own)
  end
  return own or wait.host()
end

return wait
