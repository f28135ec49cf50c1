-- SPDX-License-Identifier: MIT
--- Working off an inbox: each event is claimed, handed to the handlers, and put where the outcome
--- says. The functions are methods of a receiver that has an inbox.
local core = require "livechat.core"
local errors = require "livechat.errors"
local event = require "livechat.events.event"
local nginx = require "livechat.nginx"
local options = require "livechat.options"
local text = require "livechat.text"
local wait = require "livechat.call.wait"

local drain = {}

--- What a receiver needs of an inbox: inbox.lua has a folder's, inbox_redis.lua Redis's. No verb
--- raises but for an id that can be none. What fails gives nil and a message; a message with true
--- is for the log.
---@class livechat.Inbox
---@field fault livechat.ErrorKind the kind of the error that trouble with it is told as
---@field own? table the strategy of a loop that the library does not recognise
---@field exists fun(self: livechat.Inbox): boolean|nil, string|nil
---@field store fun(self: livechat.Inbox, id: string, text: string, watch: fun(seconds: number)):
--- "stored"|"known"|nil, string|nil, "busy"|nil
---@field claim fun(self: livechat.Inbox): livechat.Claim|nil, string|nil
---@field done fun(self: livechat.Inbox, claim: livechat.Claim): true|nil, string|nil
---@field later fun(self: livechat.Inbox, claim: livechat.Claim, seconds: number,
--- report: livechat.Report): true|nil, string|nil
---@field fail fun(self: livechat.Inbox, claim: livechat.Claim, report: livechat.Report): true|nil,
--- string|nil
---@field release fun(self: livechat.Inbox, claim: livechat.Claim): true|nil, string|nil
---@field list fun(self: livechat.Inbox): table[]|nil, string|nil
---@field retry fun(self: livechat.Inbox, id: string): true|nil, string|nil
---@field purge fun(self: livechat.Inbox, id: string): true|nil, string|nil
---@field sweep fun(self: livechat.Inbox, now: number|nil)

---@alias livechat.Report { error: string, handled: string[] }

local ATTEMPTS = 10
local FIRST_PAUSE, LONGEST_PAUSE = 1, 3600 -- seconds

--- Seconds until the next attempt: 1, 4, 16, … to an hour. Ten attempts take over three hours.
local function pause_after(attempts)
  return math.min(LONGEST_PAUSE, FIRST_PAUSE * 4 ^ (attempts - 1))
end

local function keys(set)
  local list = {}
  for key in pairs(set) do
    list[#list + 1] = key
  end
  table.sort(list)
  return list
end

local function set_of(list)
  local set = {}
  for _, key in ipairs(list) do
    set[key] = true
  end
  return set
end

local function dialect_named(self, name)
  for _, dialect in ipairs(self.dialects) do
    if dialect.name == (name or self.dialects[1].name) then
      return dialect
    end
  end
  return nil
end

--- Runs the handlers over a stored event.
---@return string|nil problem
---@return boolean|nil final it is not to be tried again
---@return boolean|nil interrupted
local function try(self, claim, succeeded, attempts)
  if claim.attempts > attempts then -- each of them ended with its process
    return "no attempt came to an end", true
  end
  local wire, name = event.unpack(claim.text)
  if not wire then
    return "not a webhook: " .. name, true
  end
  local dialect = dialect_named(self, name)
  local problem = dialect and dialect:problem(wire)
  if problem or not dialect then
    return "not a webhook: " .. (problem or "of the unknown dialect " .. name), true
  end
  local made = dialect:event(wire, claim.id, { client = self.client },
    self.dispatcher:read(dialect, wire))
  local failure, interrupted = self.dispatcher:run(made, succeeded)
  return failure, claim.attempts == attempts, interrupted
end

---@return boolean handled
---@return string|nil problem of the inbox
local function work_off(self, claim, attempts)
  if claim.problem then
    self.dispatcher:report("livechat: attempt " .. claim.attempts .. " at event " .. claim.id
      .. " was not counted: " .. claim.problem)
  end
  local succeeded = set_of(claim.handled)
  local problem, final, interrupted = try(self, claim, succeeded, attempts)
  local done, why
  local outcome = problem and "failed" or "handled"
  self.counts[outcome] = self.counts[outcome] + (interrupted and 0 or 1)
  if interrupted then
    self.inbox:release(claim)
    error(problem, 0)
  elseif not problem then
    done, why = self.inbox:done(claim)
  else
    local report = { error = text.redact(problem), handled = keys(succeeded) }
    if final then
      done, why = self.inbox:fail(claim, report)
    else
      done, why = self.inbox:later(claim, pause_after(claim.attempts), report)
    end
  end
  if done and why then
    self.dispatcher:report("livechat: " .. why)
  end
  return not problem, not done and why or nil
end

local is = options.is

local function count(value)
  return (is.whole(value)) or value == math.huge, "a whole number from 1 expected"
end

local DRAIN = { limit = count, attempts = count }
local RUN = { poll = is.above_0, attempts = count }

local function check_inbox(self, fname)
  if not self.inbox then
    errors.raise("'" .. fname .. "' needs an inbox, and this receiver has none")
  end
end

local function work_through(self, limit, attempts)
  local handled, failed = 0, 0
  while handled + failed < limit do
    local claim, problem = self.inbox:claim()
    if claim then
      local fine
      fine, problem = work_off(self, claim, attempts)
      handled, failed = handled + (fine and 1 or 0), failed + (fine and 0 or 1)
    end
    if problem then
      return nil, errors.new { kind = self.inbox.fault, message = problem }
    elseif not claim then
      break
    end
  end
  return handled, failed
end

--- Runs the handlers over what the inbox holds and is due, the oldest first, to its end.
--- An event whose handler failed is due again after a pause that grows, and after `attempts` (10)
--- stays in failed/ with the reason.
---@param given? { limit?: integer, attempts?: integer } limit: so many events at most
---@return integer|nil handled events whose handlers all succeeded
---@return integer|livechat.Error failed events with a handler that failed; an error where the inbox
--- cannot be used
function drain.drain(self, given)
  check_inbox(self, "receiver:drain")
  given = given == nil and {} or given
  options.must_fit(DRAIN, given, "receiver:drain")
  return work_through(self, given.limit or math.huge, given.attempts or ATTEMPTS)
end

local CHUNK = 100 -- events between two looks at whether the worker is to end
local SLICE = 0.5 -- seconds of a pause between two such looks

local function pause(how, parked, seconds)
  local due = core.clock() + seconds
  while core.clock() < due and not nginx.exiting() do
    how.await(parked, math.min(SLICE, due - core.clock()))
  end
end

--- Drains for ever, looking again `poll` (1) seconds after there was nothing to do. In nginx, where
--- it runs in a timer, it ends with the worker.
---@param given? { poll?: number, attempts?: integer }
function drain.run(self, given)
  check_inbox(self, "receiver:run")
  given = given == nil and {} or given
  options.must_fit(RUN, given, "receiver:run")
  local how = wait.current(self.inbox.own)
  local parked, _, why = how.park() -- once: later there may be no descriptor left for it
  if not parked then
    error("receiver:run cannot wait: " .. why, 0)
  end
  local said
  while not nginx.exiting() do
    local handled, failed = work_through(self, CHUNK, given.attempts or ATTEMPTS)
    local problem = not handled and tostring(failed) or nil
    if problem and problem ~= said then
      self.dispatcher:report(problem)
    end
    said = problem
    if not handled or handled + failed < CHUNK then
      pause(how, parked, given.poll or 1)
    end
  end
  parked:drop()
end

return drain
