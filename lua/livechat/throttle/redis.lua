-- SPDX-License-Identifier: MIT
--- The throttle of a fleet: the ring and the queue of csrc/throttle.h in a Redis hash, changed by
--- one script on Redis's clock. Verbs: see throttle/init.lua.
---
--- One round trip a call that need not wait. A process whose calls wait makes one more in each
--- BEAT, which tells Redis that all of them are still there, and tells each when it may go.
---
--- Example, 100 calls in 60 s, used up, and 50 light threads that wait in one worker. Every 0.25 s
--- they wake; the first asks, with the tickets of all 50, and Redis answers with 50 moments. If the
--- worker is killed, its 50 tickets no longer count 0.7 s later. If one light thread is killed, its
--- ticket is no longer sent 0.3 s later, and no longer counts 0.7 s after that.
---
--- Where Redis loses the ring (a restart without persistence, an eviction), no call goes before
--- those that are still remembered by the processes that ask are a period old.
---
--- With `fallback = "local"` a process that cannot reach Redis keeps to `share` (0.1) of the
--- calls with a throttle of its own, which also holds its latest calls through Redis. It tries
--- Redis again each second, and first enters there what it let go itself meanwhile. So while
--- Redis is away, and afterwards, the limit holds as long as the shares add up to no more than 1.
--- What it cannot know are the calls of others: those of the last period before Redis went away,
--- and those of processes that still reach it.
local core = require "livechat.core"
local errors = require "livechat.errors"
local redis = require "livechat.redis"

local throttle_redis = {}

local SHARE = 0.1
local RETRY = 1 -- seconds between attempts to reach Redis again
local BEAT = 0.25 -- seconds between two looks of a caller that waits; it may be late by a fifth
local MOST_US = 2 ^ 52 -- so that a moment fits into a double

--- KEYS: the hash. ARGV: verb, calls, period, guard, the generation that the caller knows, for how
--- long its calls still count, a pause, the verb's two arguments, how long its call is open (0: it
--- is not), how many ages follow, the ages of calls that went without Redis, oldest first, and the
--- tickets of the process's callers that wait. All times are microseconds.
---
--- The hash: the limits; slots 0 to calls - 1, each the moment of a call; `head`, the slot of the
--- oldest; `paused`; `open`, the calls that are, each with its moment and its end; `queue`, the
--- tickets that wait and when they were seen, in order; `last`, the latest ticket; and a clock that
--- never goes back: `offset` from Redis's, last `seen`.
throttle_redis.SCRIPT = [[
local key, verb = KEYS[1], ARGV[1]
local calls, period, guard = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local wanted, second, lifetime = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local n_ages = tonumber(ARGV[11])
local window, lease = period + guard, 700000

local function whole(n) return string.format("%.0f", n) end

local ring = redis.call("HMGET", key, "calls", "period", "guard", "generation", "head", "paused",
  "offset", "seen", "last", "queue", "open")
if ring[1] and (ring[1] ~= ARGV[2] or ring[2] ~= ARGV[3] or ring[3] ~= ARGV[4]) then
  return { "mismatch", ring[1], ring[2], ring[3] }
end
local head, paused = tonumber(ring[5] or 0), tonumber(ring[6] or 0)
local offset, seen, last = tonumber(ring[7] or 0), tonumber(ring[8] or 0), tonumber(ring[9] or 0)

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

-- The moments in order: 0 is the oldest.
local function place(i) return (head + i) % calls end
local function moment(i) return tonumber(redis.call("HGET", key, place(i)) or 0) end
local function set(i, value) redis.call("HSET", key, place(i), whole(value)) end

-- The i-th becomes a later one; those in between move down.
local function put_off(i, at)
  while i + 1 < calls and moment(i + 1) < at do
    set(i, moment(i + 1))
    i = i + 1
  end
  set(i, at)
end
-- The oldest is forgotten.
local function add(at)
  if at <= moment(0) then return end
  head = place(1)
  local i = calls - 1
  while i > 0 and moment(i - 1) > at do
    set(i, moment(i - 1))
    i = i - 1
  end
  set(i, at)
end
local function find(at)
  for i = calls - 1, 0, -1 do
    local value = moment(i)
    if value == at then return i end
    if value < at then return end
  end
end

-- Calls that are not known to have arrived: when each went, and when it is not sent any more.
local open = {}
for at, ends in string.gmatch(ring[11] or "", "(%d+):(%d+)") do
  at, ends = tonumber(at), tonumber(ends)
  if ends > now then open[#open + 1] = { at, ends } else add(ends) end
end
local function close(at)
  for i, call in ipairs(open) do
    if call[1] == at then return table.remove(open, i) end
  end
end

-- Those who wait, in order of their tickets.
local queue = {}
for ticket, at in string.gmatch(ring[10] or "", "(%d+):(%d+)") do
  ticket, at = tonumber(ticket), tonumber(at)
  if at > now - lease then queue[#queue + 1] = { ticket, at } end
end
local function rank(ticket)
  local low, high = 1, #queue + 1
  while ticket and low < high do
    local middle = math.floor((low + high) / 2)
    if queue[middle][1] < ticket then low = middle + 1 else high = middle end
  end
  return ticket and low - 1 or #queue
end
local function leave(ticket)
  local i = ticket and rank(ticket) + 1
  if i and queue[i] and queue[i][1] == ticket then table.remove(queue, i) end
end
local function see(ticket)
  local i = rank(ticket) + 1
  if queue[i] and queue[i][1] == ticket then
    queue[i][2] = now
  else
    table.insert(queue, i, { ticket, now })
  end
  last = math.max(last, ticket)
end

-- When a caller behind so many others may go: an open call counts as one that is before it.
local function when(before)
  before = before + #open
  local from = math.max(now, paused, moment(calls - 1))
  return math.max(from, moment(before % calls) + window) + math.floor(before / calls) * window
end

for i = 12, 11 + n_ages do add(now - tonumber(ARGV[i])) end
for i = 12 + n_ages, #ARGV do see(tonumber(ARGV[i])) end

local said, more, wait = "done", 0
if verb == "reserve" then
  local ticket = second > 0 and second or nil
  local at = when(rank(ticket))
  wait = at - now
  if wait <= 0 or wait > wanted then
    leave(ticket)
    said = wait <= 0 and "go" or "late"
    more = now
  else
    more = ticket or math.max(last + 1, now) -- also new where the ring was lost
    see(more)
    said = "wait"
  end
  if said == "go" and lifetime > 0 then
    open[#open + 1] = { now, now + lifetime }
  elseif said == "go" then
    set(0, now)
    head = place(1)
  end
elseif verb == "release" then
  local from = not close(wanted) and find(wanted)
  for i = from or 0, 1, -1 do set(i, moment(i - 1)) end
  if from then set(0, 0) end
elseif verb == "leave" then
  leave(wanted)
elseif verb == "arrived" and close(wanted) then
  add(math.min(wanted + math.max(0, second - math.floor(guard / 2)), now))
elseif verb == "arrived" and lifetime == 0 then
  local i, at = find(wanted), wanted + second - guard
  if i then put_off(i, at) else add(at) end
elseif verb == "state" then
  for i = 0, calls - 1 do
    if moment(i) > now - period then more = more + 1 end
  end
  more = more + #open
end

local waiting = {}
for i, waiter in ipairs(queue) do waiting[i] = whole(waiter[1]) .. ":" .. whole(waiter[2]) end
local counts, calls_open = math.max(0, moment(calls - 1) + window - now), {}
for i, call in ipairs(open) do
  counts = math.max(counts, call[2] + window - now)
  calls_open[i] = whole(call[1]) .. ":" .. whole(call[2])
end
redis.call("HMSET", key, "calls", ARGV[2], "period", ARGV[3], "guard", ARGV[4],
  "generation", generation, "head", whole(head), "paused", whole(paused),
  "offset", whole(offset), "seen", whole(now), "last", whole(last),
  "queue", table.concat(waiting, " "), "open", table.concat(calls_open, " "))
redis.call("PEXPIRE", key, whole(math.ceil(math.max(counts, paused - now, lease) / 1000) + 1000))
local reply = { said, generation, wait or when(#queue) - now, more, counts }
for i = 12 + n_ages, #ARGV do reply[#reply + 1] = when(rank(tonumber(ARGV[i]))) - now end
return reply
]]

local Throttle = { __name = "livechat.throttle_redis" }
Throttle.__index = Throttle

local function to_us(seconds)
  return math.min(math.max(math.ceil(seconds * 1e6), 0), MOST_US)
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

--- The reservations of this process that wait and are still seen to.
function Throttle:present(now)
  local present = {}
  for reservation in pairs(self.waiting) do
    if reservation.seen >= now - 1.2 * BEAT then
      present[#present + 1] = reservation
    end
  end
  return present
end

function Throttle:arguments(verb, first, second, lifetime, now)
  local limits, untold = self.limits, self.untold
  local args = {
    verb, limits.calls, to_us(limits.period), to_us(limits.guard), self.generation,
    to_us(self.counts_until - now), to_us(self.paused_until - now), first, second,
    to_us(lifetime), #untold,
  }
  for _, call in ipairs(untold) do
    args[#args + 1] = call.open and 0 or to_us(now - call.at)
  end
  local present = self:present(now)
  for _, reservation in ipairs(present) do
    args[#args + 1] = reservation.turn
  end
  return args, present
end

--- What an answer tells beside what was asked.
function Throttle:learn(reply, present)
  local now = core.clock()
  self.trouble = nil
  self.generation = reply[2]
  self.counts_until = math.max(self.counts_until, now + reply[5] / 1e6)
  for i, reservation in ipairs(present) do
    reservation.due = now + reply[5 + i] / 1e6
  end
end

--- One round trip.
---@return table|nil reply
---@return table|nil err { code=, message= }
function Throttle:ask(verb, first, second, lifetime)
  if self.closed then
    errors.raise("attempt to use a closed throttle")
  end
  local now = core.clock()
  if now < self.away_until then
    return nil, { code = "network", message = self.trouble }
  end
  local args, present = self:arguments(verb, first, second or 0, lifetime or 0, now)
  local telling = self.untold
  self.untold = {} -- nor is it told by others while this one waits for the answer
  self.asked = now
  local reply, text = redis.eval(self.connection, throttle_redis.SCRIPT, { self.key }, args)
  if reply and reply[1] ~= "mismatch" then
    self:learn(reply, present)
    for _, call in ipairs(telling) do
      call.told = now
    end
    return reply
  end
  for _, call in ipairs(self.untold) do
    telling[#telling + 1] = call
  end
  self.untold = telling
  if reply then
    return nil, { code = "mismatch", message = self:mismatch(reply) }
  end
  self.trouble = text
  self.away_until = self.own and core.clock() + RETRY or 0
  return nil, { code = "network", message = text }
end

-- ---- the verbs -------------------------------------------------------------------------------

--- Redis is yet to be told of that call.
function Throttle:keep(call)
  table.insert(self.untold, call)
  if #self.untold > self.limits.calls then table.remove(self.untold, 1) end
end

function Throttle:reserve_alone(max_wait, reservation, open)
  local err
  reservation, err = self.own:reserve(max_wait, reservation, open)
  if reservation then
    reservation.alone = true
    if reservation.at then
      reservation.alone = { at = core.clock(), open = open }
      self:keep(reservation.alone)
    end
  end
  return reservation, err
end

--- Whether one that waits need not ask: another has asked for all of them lately.
local function may_sleep_on(self, reservation, max_wait, now)
  local due = reservation.due
  return due and now < due and now < self.asked + 0.8 * BEAT
    and (not max_wait or due - now <= max_wait)
end

---@param max_wait number|nil seconds
---@param reservation livechat.Reservation|nil one that waits
---@param open number|nil seconds after which the call certainly is not sent any more; nil: it has
---   arrived when it goes
---@return livechat.Reservation|nil reservation
---@return table|nil err { code=, message=, wait= }
function Throttle:reserve(max_wait, reservation, open)
  local now = core.clock()
  if reservation then
    reservation.seen = now
    if may_sleep_on(self, reservation, max_wait, now) then
      reservation.wait = reservation.due - now
      return reservation
    end
  end
  local reply, err = self:ask("reserve", to_us(max_wait or math.huge),
    reservation and reservation.turn, open)
  if not reply then
    if self.own and err.code == "network" then
      return self:reserve_alone(max_wait, reservation, open)
    end
    return nil, err
  end
  reservation = reservation or {} ---@type livechat.Reservation
  local said, wait = reply[1], reply[3] / 1e6
  local waits = said == "wait"
  self.waiting[reservation] = waits or nil
  reservation.turn, reservation.wait = waits and reply[4] or nil, waits and wait or 0
  reservation.seen, reservation.due = core.clock(), waits and core.clock() + wait or nil
  reservation.alone, reservation.ticket = nil, nil
  if said == "late" then
    return nil, { code = "timeout", message = "it would wait longer than it may", wait = wait }
  elseif said == "go" then
    reservation.at, reservation.open = reply[4], open
    if self.own then
      self.own:add(0)
    end
  end
  return reservation
end

--- Where Redis is away it has no effect, which makes others wait, never go too early.
function Throttle:release(reservation)
  self.waiting[reservation] = nil
  if reservation.alone then
    self.own:release(reservation)
  elseif reservation.turn then
    self:ask("leave", reservation.turn)
  elseif reservation.at then
    self:ask("release", reservation.at)
  end
end

--- It went without Redis, which may have been told of it while it was open.
local function record_alone(self, reservation, seconds)
  local call = reservation.alone
  self.own:record_arrival(reservation, seconds)
  call.at = call.at + math.max(0, seconds - self.limits.guard / 2)
  if call.open and call.told and call.told < call.at then
    self:keep(call)
  end
  call.open = nil
end

--- A round trip of its own, for a call that is not open only where it took longer than the guard.
function Throttle:record_arrival(reservation, seconds)
  local late = seconds > self.limits.guard
  if reservation.alone then
    record_alone(self, reservation, seconds)
  elseif reservation.at and (reservation.open or late) then
    self:ask("arrived", reservation.at, to_us(seconds), reservation.open)
    if self.own and late then
      self.own:add(0)
    end
  end
end

--- Also reaches those who share it when Redis is away now: it is told with whatever is asked next.
---@param seconds number
function Throttle:pause(seconds)
  self.paused_until = math.max(self.paused_until, core.clock() + seconds)
  if self.own then
    self.own:pause(seconds)
  end
  self:ask("pause", 0)
end

--- While Redis is away, and there is a fallback, the state of that: `calls` is this process's
--- share, and `unreachable` says why.
function Throttle:state()
  local reply, err = self:ask("state", 0)
  if reply then
    return {
      calls = self.limits.calls, period = self.limits.period, used = reply[4],
      wait = reply[3] / 1e6,
    }
  elseif not (self.own and err.code == "network") then
    return nil, err
  end
  local state = self.own:state()
  state.unreachable = self.trouble
  return state
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
    own = share and core.throttle {
      calls = share, period = limits.period, guard = limits.guard,
    },
    waiting = setmetatable({}, { __mode = "k" }), ---@type table<livechat.Reservation, true>
    untold = {}, -- calls that went without Redis: when, whether still open, when Redis was told
    asked = 0, paused_until = 0, away_until = 0, -- on the clock of core.clock
    generation = "", counts_until = 0, -- what Redis said of the ring
  }, Throttle)
end

return throttle_redis
