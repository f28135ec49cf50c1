-- SPDX-License-Identifier: MIT
--- The handlers of events: registered by an event's type, and run so that one that fails keeps no
--- other from running. Whatever a handler raises, and whatever it does to its event, running it
--- gives a text and does not raise.
local complete = require "livechat.events.event".complete
local core = require "livechat.core"
local nginx = require "livechat.nginx"
local text = require "livechat.text"

local dispatch = {}

local TRACE_EVERY = 60 -- seconds

---@class livechat.Dispatcher
---@field on_error fun(text: string, event: livechat.Event|nil)
local Dispatcher = {}
Dispatcher.__index = Dispatcher

-- ---- protected calls -------------------------------------------------------------------------

-- This one may fail where the stack is exhausted; what xpcall gives then is described below.
local function explain(err)
  return debug.traceback(text.describe(err), 2)
end

--- pcall with a traceback, through which the function may yield on every Lua.
local function protected(fn, argument)
  return xpcall(fn, explain, argument)
end

-- In PUC Lua 5.1 nothing yields through pcall: there the function runs in a coroutine of its own,
-- and what it yields is handed up.
local yields_through_pcall = rawget(_G, "jit") ~= nil or _VERSION ~= "Lua 5.1"
if not yields_through_pcall then
  local function relay(co, ok, ...)
    if coroutine.status(co) == "dead" then
      return ok, ok or debug.traceback(co, text.describe((...)))
    end
    return relay(co, coroutine.resume(co, coroutine.yield(...)))
  end
  protected = function(fn, argument)
    local co = coroutine.create(fn)
    return relay(co, coroutine.resume(co, argument))
  end
end

-- What lua's own ^C raises, with or without a place in front.
local function is_interrupt(problem)
  return (problem:find("^interrupted!\n") or problem:find("^[^\n]*:%d+: interrupted!\n")) ~= nil
end

-- ---- handlers --------------------------------------------------------------------------------

--- A handler's name for as long as its source stays as it is: what a later attempt, also of another
--- process, knows it by. An edited file's handlers may run again.
local function name_handler(self, kind, fn)
  local about = debug.getinfo(fn, "S")
  local name = kind .. " " .. about.short_src .. ":" .. about.linedefined
  self.names[name] = (self.names[name] or 0) + 1
  return self.names[name] == 1 and name or name .. "#" .. self.names[name]
end

---@param kind string an event's type, or "*" for every event
---@param fn fun(event: livechat.Event)
function Dispatcher:add(kind, fn)
  local name = name_handler(self, kind, fn)
  self.handlers[#self.handlers + 1] = { kind = kind, fn = fn, name = name }
end

--- Tells the program's owner. A hook that fails changes nothing of what becomes of an event.
---@param line string
---@param event? livechat.Event
function Dispatcher:report(line, event)
  local fine, problem = pcall(self.on_error, line, event)
  if not fine then
    pcall(nginx.log, "livechat: on_error failed: " .. text.describe(problem))
  end
end

--- The same for what may come a thousand times a second: told at once, then at most once a minute,
--- with how often it came meanwhile.
---@param reason string one of a few
---@param line string
function Dispatcher:trace(reason, line)
  local now, last = core.clock(), self.traces[reason]
  if last and now - last.at < TRACE_EVERY then
    last.missed = last.missed + 1
    return
  end
  self.traces[reason] = { at = now, missed = 0 }
  if last and last.missed > 0 then
    line = ("%s (and %d more since the last such line)"):format(line, last.missed)
  end
  self:report(line)
end

--- Reads a body for its handlers. A form that is unforeseen is told once for each place: handlers
--- get what came.
---@param dialect livechat.EventDialect
---@param wire table
---@return table members
function Dispatcher:read(dialect, wire)
  return dialect:read(wire, function(path)
    path = path:gsub("^[^.]*%.", ""):gsub("%[%d+%]", "[]")
    if not self.unforeseen[path] then -- the paths are the dialect's own, so that there are few
      self.unforeseen[path] = true
      self:report(("livechat: %s came in an unforeseen form, which handlers get as it is")
        :format(path))
    end
  end)
end

-- A problem as it is told, and whether it is ^C instead.
local function problem_of(self, event, label, problem)
  problem = type(problem) == "string" and problem or text.describe(problem)
  if is_interrupt(problem) then
    return problem, true
  end
  problem = label .. ": " .. problem
  self:report(problem, event)
  return problem
end

-- The handlers that an event of these names is for, but for those that succeeded.
local function due(self, kind, wire_kind, succeeded)
  local list = {}
  for _, handler in ipairs(self.handlers) do
    if (handler.kind == kind or handler.kind == wire_kind or handler.kind == "*")
      and not succeeded[handler.name] then
      list[#list + 1] = handler
    end
  end
  return list
end

--- Runs those handlers that have not succeeded before, and adds those that do now. What the
--- delivery lacks is fetched first; where that fails, none runs.
---@param event livechat.Event
---@param succeeded table<string, true> by the handler's name; changed
---@return string|nil problem the first
---@return boolean|nil interrupted ^C, and no failure of the handler's
function Dispatcher:run(event, succeeded)
  local first
  local label = tostring(event) -- a handler may change its event
  local handlers = due(self, event.type, event.wire_type, succeeded)
  if handlers[1] then
    local fine, problem = protected(complete, event)
    if not fine then
      return problem_of(self, event, label, problem)
    end
  end
  for _, handler in ipairs(handlers) do
    local fine, problem = protected(handler.fn, event)
    if fine then
      succeeded[handler.name] = true
    else
      local interrupted
      problem, interrupted = problem_of(self, event, label, problem)
      if interrupted then
        return problem, true
      end
      first = first or problem
    end
  end
  return first
end

---@param on_error fun(text: string, event: livechat.Event|nil)
---@return livechat.Dispatcher
function dispatch.new(on_error)
  return setmetatable({ on_error = on_error, handlers = {}, names = {}, traces = {},
    unforeseen = {} }, Dispatcher)
end

return dispatch
