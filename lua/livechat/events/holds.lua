-- SPDX-License-Identifier: MIT
--- What light threads of nginx hold while they handle an event. One that is killed, because its
--- client went away, never comes back to let go of the event's lock: the collector does, when it
--- has found that nothing refers to it any more. So that this is within a second, and not whenever
--- there is enough garbage, it is helped along while something is held for long.
local core = require "livechat.core"
local nginx = require "livechat.nginx"

local holds = {}

local TICK = 0.1 -- seconds
local LONG = 0.3 -- seconds after which the holder may have been killed
local COLLECT_FOR = 0.002 -- seconds of each tick

local held = setmetatable({}, { __mode = "k" }) ---@type table<table, number> since when
local ticking = false
local cycles = 0 -- of the collector that are to come to their end

--- A part of that; the next tick goes on with it.
local function collect()
  local due = core.clock() + COLLECT_FOR
  repeat
    cycles = cycles - (collectgarbage("step", 16) and 1 or 0)
  until cycles == 0 or core.clock() > due
end

local tick

local function start()
  ticking = nginx.after(TICK, tick)
end

function tick(exiting)
  local now, any = core.clock(), false
  for _, since in pairs(held) do
    any = true
    if now - since > LONG then
      cycles = 2 -- one that is under way may have seen it; the lock is closed after it is missed
    end
  end
  if cycles > 0 then
    collect()
  end
  ticking = false
  if not exiting and (any or cycles > 0) then
    start()
  end
end

--- Notes that the running light thread holds what `thing` refers to, until holds.remove(thing), or
--- until nothing refers to `thing` any more.
---@param thing table
---@return table thing
function holds.add(thing)
  held[thing] = core.clock()
  if not ticking then start() end
  return thing
end

---@param thing table
function holds.remove(thing)
  held[thing] = nil
end

return holds
