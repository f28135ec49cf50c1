-- SPDX-License-Identifier: MIT
--- The throttle of a fleet: the ring of csrc/throttle.c in a Redis hash, changed by one script on
--- Redis's clock, in one round trip a reservation. Verbs: see throttle.lua.
---
--- Where Redis loses the ring (a restart without persistence, an eviction), nobody goes before the
--- calls that are still remembered by those who ask are a period old.
---
--- With `fallback = "local"` a process that cannot reach Redis keeps to `share` (0.1) of the calls
--- on a ring of its own, which also holds its latest calls through Redis; it tries Redis again each
--- second, and first enters there what it granted itself meanwhile. So while Redis is away, and
--- afterwards, the limit holds as long as the shares add up to no more than 1. What it cannot know
--- are the calls of others: those of the last period before Redis went away, and those of whoever
--- still reaches it.
local core = require "livechat.core"
local errors = require "livechat.errors"
local redis = require "livechat.redis"

local throttle_redis = {}

local SHARE = 0.1
local RETRY = 1 -- seconds between attempts to reach Redis again
local MOST_US = 2 ^ 52 -- so that a moment fits into a double

--- KEYS: the hash. ARGV: verb, calls, period, guard, the generation that the caller knows, for how
--- long its calls still count, a pause, the verb's two arguments, and the ages of grants made
--- without Redis, oldest first. All times are microseconds.
---
--- The hash: the limits; slots 0 to calls - 1, each the moment of a grant, negative once given
--- back; `head`, the slot of the oldest; `holes`, 0 where surely none was given back; `paused`; and
--- a clock that never goes back: `offset` from Redis's, last `seen`.
throttle_redis.SCRIPT = [[
local key, verb = KEYS[1], ARGV[1]
local calls, period, guard = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted, late, window = tonumber(ARGV[8]), tonumber(ARGV[9]), period + guard

local function whole(n) return string.format("%.0f", n) end

local ring = redis.call("HMGET", key, "calls", "period", "guard", "generation", "head", "holes",
  "paused", "offset", "seen")
if ring[1] and (ring[1] ~= ARGV[2] or ring[2] ~= ARGV[3] or ring[3] ~= ARGV[4]) then
  return { "mismatch", ring[1], ring[2], ring[3] }
end
local head, holes, paused = tonumber(ring[5] or 0), tonumber(ring[6] or 0), tonumber(ring[7] or 0)
local offset, seen = tonumber(ring[8] or 0), tonumber(ring[9] or 0)

local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2] + offset
if now < seen then -- the clock was set back
  offset = offset + seen - now
  now = seen
end
local generation = ring[4] or whole(now)
if generation ~= ARGV[5] then -- the ring that the caller knows is lost
  paused = math.max(paused, now + tonumber(ARGV[6]))
end
paused = math.max(paused, now + tonumber(ARGV[7]))

-- The grants in order: 0 is the oldest.
local function place(i) return (head + i) % calls end
local function word(i) return tonumber(redis.call("HGET", key, place(i)) or 0) end
local function moment(i) return math.abs(word(i)) end
local function set(i, value) redis.call("HSET", key, place(i), whole(value)) end
local function append(at)
  set(0, at)
  head = place(1)
end

for i = 10, #ARGV do
  append(math.max(now - tonumber(ARGV[i]), moment(calls - 1)))
end

-- A grant that was given back goes first: the earliest one ahead, or the latest that has passed.
local function next_moment()
  local from, at, hole = math.max(now, paused), nil, nil
  local i = holes > 0 and calls - 1 or -1
  while i >= 0 and at ~= from do
    local value = word(i)
    if value < 0 then at, hole = math.max(from, -value), i end
    i = i - 1
  end
  if hole then return at, hole end
  return math.max(from, moment(0) + window, moment(calls - 1))
end

-- Those in between move down.
local function fill(hole, at)
  while hole + 1 < calls and moment(hole + 1) < at do
    set(hole, word(hole + 1))
    hole = hole + 1
  end
  set(hole, at)
end

local function grant(at, hole)
  if hole then return fill(hole, at) end
  holes = 0
  append(at)
end

local function find(at)
  for i = calls - 1, 0, -1 do
    local value = word(i)
    if value == at then return i end
    if math.abs(value) < at then return end
  end
end

local said, more = "done", 0
local at, hole = next_moment()
if verb == "reserve" then
  more = at
  if at - now > wanted then said = "late" else grant(at, hole) end
elseif verb == "release" and find(wanted) then
  set(find(wanted), -wanted)
  holes = 1
elseif verb == "settle" then
  if find(wanted) then
    fill(find(wanted), wanted + late - guard)
  else
    paused = math.max(paused, wanted + late + period)
  end
elseif verb == "state" then
  for i = 0, calls - 1 do
    if word(i) > now - period then more = more + 1 end
  end
end

local counts = math.max(0, moment(calls - 1) + window - now)
redis.call("HMSET", key, "calls", ARGV[2], "period", ARGV[3], "guard", ARGV[4],
  "generation", generation, "head", whole(head), "holes", whole(holes), "paused", whole(paused),
  "offset", whole(offset), "seen", whole(now))
redis.call("PEXPIRE", key, whole(math.ceil(math.max(counts, paused - now) / 1000) + 1000))
return { said, generation, at - now, more, counts, math.max(0, paused - now) }
]]

local Throttle = { __name = "livechat.throttle_redis" }
Throttle.__index = Throttle

local function to_us(seconds)
  return math.min(math.max(math.ceil(seconds * 1e6), 0), MOST_US)
end

-- ---- this process's own last grants ----------------------------------------------------------

--- Keeps the moment of a grant: the last `share` of them, in order.
function Throttle:note(at, untold)
  local own, i = self.own, #self.own
  while i > 0 and own[i].at > at do
    i = i - 1
  end
  table.insert(own, i + 1, { at = at, untold = untold })
  if #own > self.share then
    table.remove(own, 1)
  end
end

function Throttle:next_own(now)
  local own = self.own
  local at = math.max(now, self.paused_until)
  if #own > 0 then
    at = math.max(at, own[#own].at)
  end
  if #own == self.share then
    at = math.max(at, own[1].at + self.limits.period + self.limits.guard)
  end
  return at
end

function Throttle:reserve_alone(max_wait)
  local now = core.clock()
  local at = self:next_own(now)
  if max_wait and at - now > max_wait then
    return nil, at - now
  end
  self:note(at, true)
  return at - now
end

function Throttle:state_alone()
  local now, used = core.clock(), 0
  for _, grant in ipairs(self.own) do
    if grant.at > now - self.limits.period then
      used = used + 1
    end
  end
  return {
    calls = self.share, period = self.limits.period, used = used, wait = self:next_own(now) - now,
    unreachable = self.trouble,
  }
end

-- ---- asking Redis ----------------------------------------------------------------------------

local function limits_text(calls, period_us, guard_us)
  return ("%d calls per %.14g s with a guard of %.14g s"):format(calls, period_us / 1e6,
    guard_us / 1e6)
end

function Throttle:mismatch(reply)
  local limits = self.limits
  return ('the throttle "%s" in Redis is %s, not %s'):format(self.key,
    limits_text(tonumber(reply[2]), tonumber(reply[3]), tonumber(reply[4])),
    limits_text(limits.calls, to_us(limits.period), to_us(limits.guard)))
end

function Throttle:arguments(verb, wanted_us, late_us, now)
  local limits = self.limits
  return {
    verb, limits.calls, to_us(limits.period), to_us(limits.guard), self.generation,
    to_us(self.counts_until - now), to_us(self.paused_until - now), wanted_us, late_us,
  }
end

--- One round trip.
---@return table|nil reply
---@return string|nil code
---@return string|nil text
function Throttle:ask(verb, wanted_us, late_us)
  if self.closed then
    errors.raise("attempt to use a closed throttle")
  end
  local now = core.clock()
  if now < self.away_until then
    return nil, "network", self.trouble
  end
  local args, telling = self:arguments(verb, wanted_us, late_us or 0, now), {}
  for _, grant in ipairs(self.own) do
    if grant.untold then
      grant.untold = false -- nor is it told by others while this one waits for the answer
      telling[#telling + 1] = grant
      args[#args + 1] = math.floor((now - grant.at) * 1e6)
    end
  end
  local reply, text = redis.eval(self.connection, throttle_redis.SCRIPT, { self.key }, args)
  now = core.clock()
  if reply and reply[1] ~= "mismatch" then
    self.trouble = nil
    self.generation = reply[2]
    self.counts_until = math.max(self.counts_until, now + reply[5] / 1e6)
    self.held_until = math.max(self.held_until, now + reply[6] / 1e6)
    return reply
  end
  for _, grant in ipairs(telling) do
    grant.untold = true
  end
  if reply then
    return nil, "mismatch", self:mismatch(reply)
  end
  self.trouble = text
  self.away_until = self.share and now + RETRY or 0
  return nil, "network", text
end

-- ---- the verbs -------------------------------------------------------------------------------

---@param max_wait number|nil seconds
---@return number|nil wait seconds
---@return any grant or what nil comes with: the wait it would take, or a code and a text
---@return string|nil text
function Throttle:reserve(max_wait)
  local reply, code, text = self:ask("reserve", to_us(max_wait or math.huge))
  if not reply then
    if self.share and code == "network" then
      return self:reserve_alone(max_wait)
    end
    return nil, code, text
  end
  local wait = reply[3] / 1e6
  if reply[1] == "late" then
    return nil, wait
  end
  if self.share then
    self:note(core.clock() + wait)
  end
  return wait, reply[4]
end

--- Where Redis is away the grant is lost, which makes others wait, never go too early.
function Throttle:release(grant)
  if grant then -- nil: made without Redis
    self:ask("release", grant)
  end
end

--- A second round trip only where the call took longer than the guard.
function Throttle:settle(grant, seconds)
  if grant and seconds > self.limits.guard then
    self:ask("settle", grant, to_us(seconds))
  end
end

--- Also reaches those who share it when Redis is away now: it is told with whatever is asked next.
---@param seconds number
function Throttle:pause(seconds)
  self.paused_until = math.max(self.paused_until, core.clock() + seconds)
  self:ask("pause", 0)
end

--- A round trip of its own, for calls that had to wait: others may have paused meanwhile. Where
--- Redis is away, what this process knows.
function Throttle:paused()
  self:ask("pause", 0) -- any answer tells
  return math.max(0, math.max(self.paused_until, self.held_until) - core.clock())
end

--- While Redis is away, and there is a fallback, the state of that: `calls` is this process's
--- share, and `unreachable` says why.
function Throttle:state()
  local reply, code, text = self:ask("state", 0)
  if not reply then
    if self.share and code == "network" then
      return self:state_alone()
    end
    return nil, code, text
  end
  return {
    calls = self.limits.calls, period = self.limits.period, used = reply[4],
    wait = reply[3] / 1e6,
  }
end

--- The connection stays open where it is the caller's own object. Idempotent.
function Throttle:close()
  if not self.closed then
    self.closed = true
    redis.close(self.connection)
  end
end

--- As throttle.new calls it, with options that it has checked.
---@param limits { calls: integer, period: number, guard: number }
---@param options { redis: livechat.Redis, key: string, fallback?: "local", share?: number }
---@param fname string
---@return table throttle nothing is sent to Redis before it is first used
function throttle_redis.new(limits, options, fname)
  if not options.key then
    errors.raise_argument("key", fname, "the throttle's name in Redis expected")
  end
  local share = options.fallback
    and math.max(1, math.floor(limits.calls * (options.share or SHARE)))
  return setmetatable({
    limits = limits, connection = options.redis, key = options.key,
    share = share,
    own = {}, paused_until = 0, away_until = 0,
    generation = "", counts_until = 0, held_until = 0, -- what Redis said of the ring
  }, Throttle)
end

return throttle_redis
