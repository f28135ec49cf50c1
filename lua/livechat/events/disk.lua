-- SPDX-License-Identifier: MIT
--- How an inbox, or the file of a token, gets at the disk: the functions of core.spool, from
--- wherever the caller runs. In a plain script each is done at once. In an event loop each is a job
--- for a thread that belongs to this disk alone, and is awaited as a call is: no step on the loop's
--- thread waits for a disk.
local core = require "livechat.core"
local wait = require "livechat.call.wait"
local wait_nginx = require "livechat.call.wait_nginx"

local spool = core.spool

local disk = {
  LONGEST = 30, -- seconds: an answer later than that helps none of the services that wait for it
}

local WATCHED = 3 -- seconds after which one who watches is told, although it is not done

---@class livechat.Disk
---@field own table|nil the strategy of a loop that the library does not recognise
---@field thread userdata|nil made for `engine`, which is this process's
---@field engine userdata|nil
local Disk = {}
Disk.__index = Disk

local function strategy(self)
  return wait_nginx.is_starting() and wait.plain or wait.current(self.own)
end

-- An engine belongs to one process, and so does the thread that ends its calls.
local function thread_for(self, how)
  local engine, code, text = how.engine()
  if not engine then
    return nil, code, text
  end
  if self.engine ~= engine then
    self.thread, code, text = core.disk(engine:ender())
    self.engine = self.thread and engine
  end
  return self.thread, code, text
end

local function await(how, call, watch)
  if watch and not how.await(call, WATCHED) then
    watch(WATCHED)
    watch = nil
  end
  return how.await(call, disk.LONGEST), watch
end

local function hand_over(self, how, watch, verb, ...)
  local thread, code, text = thread_for(self, how)
  if not thread then
    return nil, code, text
  end
  local call
  call, code, text = how.park()
  if not call then
    return nil, code, text
  end
  local job
  job, code, text = thread:submit(call:id(), verb, ...)
  if not job then
    call:drop()
    return nil, code, text
  end
  local began = core.clock()
  local done, still_watched = await(how, call, watch)
  call:drop()
  if still_watched then
    still_watched(core.clock() - began)
  end
  if not done then
    job:drop()
    return nil, "timeout", ("the disk has not answered for %d s"):format(disk.LONGEST)
  end
  return job:take((...))
end

local function done_here(watch, began, ...)
  watch(core.clock() - began)
  return ...
end

--- Does what spool[verb] does with these arguments, and gives what it gives; also nil, "timeout",
--- and a text, where a thread's disk does not answer: then it may be done later.
---@param verb string
---@return any
---@return string|nil word
---@return string|nil text
function Disk:run(verb, ...)
  return self:watch(nil, verb, ...)
end

--- The same with one of a lock's or folder's methods. No other may be under way.
function Disk:on(lock, verb, ...)
  local how = strategy(self)
  if how.blocks then
    return lock[verb](lock, ...)
  elseif not lock:is_open() then -- it went with a job that was not waited for
    return nil, "closed", "the lock was given up"
  end
  return hand_over(self, how, nil, verb, lock, ...)
end

--- Disk:run, which tells how long it took, or is taking: once, after three seconds at the latest.
---@param watch fun(seconds: number)|nil
function Disk:watch(watch, verb, ...)
  local how = strategy(self)
  if not how.blocks then
    return hand_over(self, how, watch, verb, ...)
  elseif watch then
    return done_here(watch, core.clock(), spool[verb](...))
  end
  return spool[verb](...)
end

--- What waits for the thread.
---@return integer jobs
---@return integer bytes
function Disk:load()
  if self.thread and not strategy(self).blocks then
    return self.thread:load()
  end
  return 0, 0
end

---@param own? table the strategy of a loop that the library does not recognise
---@return livechat.Disk
function disk.new(own)
  return setmetatable({ own = own }, Disk)
end

-- By connection.
local kept = setmetatable({}, { __mode = "k" })

--- The one for the files that a client's calls need.
---@param conn livechat.Connection
---@return livechat.Disk
function disk.of(conn)
  kept[conn] = kept[conn] or setmetatable({ own = conn.strategy }, Disk)
  return kept[conn]
end

return disk
