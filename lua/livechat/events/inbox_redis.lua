-- SPDX-License-Identifier: MIT
--- A durable queue of events for several machines, over a stream of a Redis server (6.2 or newer).
--- The verbs are those of inbox.lua.
---
---   <stream>             what is to be handled, with a consumer group: what one of its members has
---                        taken is no other's until a lease has run out
---   {<stream>}:later     what failed, by the time at which it is due again
---   {<stream>}:failed    a stream of what no attempt could handle
---   {<stream>}:id:<id>   a key for each known id, which expires
---
--- Every verb is one script and one round trip, so whatever dies in between, an event is in exactly
--- one of these places. A script writes to where an event goes before it takes it from where it
--- was: one that Redis breaks off (no memory, a key of another type) leaves the event where it is
--- found. How durable they are is Redis's affair: `appendonly yes`, and `appendfsync always` where
--- not even a second may be lost.
---
--- A handler that takes longer than the lease is taken for dead, and another process handles its
--- event too. Redis counts how often it has handed an entry out; a claim carries that count, and
--- only the claim that carries the last one may put the event back or set it aside. Success counts
--- whichever process reports it, and takes the event out of wherever it is by then.
local json = require "livechat.json"
local redis = require "livechat.redis"

local inbox_redis = {}

local REMEMBER = 7 * 3600

---@class livechat.RedisInbox: livechat.Inbox
local Inbox = { fault = "network" }
Inbox.__index = Inbox

function Inbox:__tostring()
  return "livechat.inbox: " .. self.stream .. " (Redis)"
end

-- All scripts get the same keys. An event is the list of fields id, text, attempts, handled, error.
-- Liveness is a matter of leases, not of names: one consumer is all of them, and none is left over.
local PRELUDE = [[
local stream, later, failed, known = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local group, consumer = "livechat", "livechat"
local time = redis.call("TIME")
local now = time[1] + time[2] / 1000000

local function fields(id, text, attempts, handled, problem)
  return { "id", id, "text", text, "attempts", attempts, "handled", handled, "error", problem }
end

local function member(list, name)
  for i = 1, #list, 2 do
    if list[i] == name then return list[i + 1] end
  end
end

local function remove(entry)
  local pending = redis.call("XACK", stream, group, entry) == 1
  return redis.call("XDEL", stream, entry) == 1 and pending
end

-- Whether the claim that was the entry's n-th is still the last.
local function is_holder(entry, n)
  local found = redis.call("XPENDING", stream, group, entry, entry, 1)[1]
  return found ~= nil and found[4] == tonumber(n)
end

-- Where an event is that is not in the stream, and a function that takes it out there.
local function find(id)
  for _, entry in ipairs(redis.call("XRANGE", failed, "-", "+")) do
    if member(entry[2], "id") == id then
      return entry[2], function() redis.call("XDEL", failed, entry[1]) end
    end
  end
  for _, packed in ipairs(redis.call("ZRANGE", later, 0, -1)) do
    local event = cmsgpack.unpack(packed)
    if member(event, "id") == id then
      return event, function() redis.call("ZREM", later, packed) end
    end
  end
end
]]

-- The event first, its id second: an id that is known without its event would keep every redelivery
-- out.
local STORE = PRELUDE .. [[
if redis.call("EXISTS", known) == 1 then return "known" end
local entry = redis.call("XADD", stream, "*", unpack(fields(ARGV[1], ARGV[2], 0, "[]", "")))
local set = redis.pcall("SET", known, 1, "EX", ARGV[3])
if set.err then
  redis.call("XDEL", stream, entry)
  return redis.error_reply(set.err)
end
return "stored"
]]

local CLAIM = PRELUDE .. [[
if redis.call("EXISTS", stream) == 0 and redis.call("EXISTS", later) == 0 then return false end
redis.pcall("XGROUP", "CREATE", stream, group, 0, "MKSTREAM")
for _, packed in ipairs(redis.call("ZRANGEBYSCORE", later, "-inf", now, "LIMIT", 0, 100)) do
  redis.call("XADD", stream, "*", unpack(cmsgpack.unpack(packed)))
  redis.call("ZREM", later, packed)
end
local cursor, taken = "0-0", nil
repeat
  local found = redis.call("XAUTOCLAIM", stream, group, consumer, ARGV[1], cursor, "COUNT", 1)
  cursor, taken = found[1], found[2][1]
until taken or cursor == "0-0"
if not taken then
  local read = redis.call("XREADGROUP", "GROUP", group, consumer, "COUNT", 1, "STREAMS", stream,
    ">")
  taken = read and read[1] and read[1][2][1]
end
if not taken then return false end
local times = redis.call("XPENDING", stream, group, taken[1], taken[1], 1)[1][4]
local event = taken[2]
return { taken[1], times, times + member(event, "attempts"), member(event, "id"),
  member(event, "text"), member(event, "handled"), member(event, "error") }
]]

-- Where the lease ran out, the event may have been put elsewhere by who took it over, also back
-- into the stream, as another entry.
local DONE = PRELUDE .. [[
redis.call("SET", known, 1, "EX", ARGV[3])
if remove(ARGV[2]) then return 1 end
local event, take_out = find(ARGV[1])
if event then take_out() end
for _, entry in ipairs(redis.call("XRANGE", stream, "-", "+")) do
  if member(entry[2], "id") == ARGV[1] then remove(entry[1]) end
end
return 0
]]

-- 0: the lease ran out, and the event is another's by now, or handled.
local LATER = PRELUDE .. [[
if not is_holder(ARGV[1], ARGV[2]) then return 0 end
redis.call("ZADD", later, now + ARGV[3], cmsgpack.pack(fields(unpack(ARGV, 4))))
remove(ARGV[1])
return 1
]]

local FAIL = PRELUDE .. [[
if not is_holder(ARGV[1], ARGV[2]) then return 0 end
redis.call("XADD", failed, "*", unpack(fields(unpack(ARGV, 3))))
remove(ARGV[1])
return 1
]]

local LIST = PRELUDE .. [[
local out = {}
local function add(state, at, event)
  out[#out + 1] = { state, at, member(event, "id"), member(event, "text"),
    member(event, "attempts"), member(event, "error") }
end
local function since(entry) return string.format("%.3f", entry:match("^%d+") / 1000) end
for _, entry in ipairs(redis.call("XRANGE", stream, "-", "+")) do
  add("pending", since(entry[1]), entry[2])
end
local waiting = redis.call("ZRANGE", later, 0, -1, "WITHSCORES")
for i = 1, #waiting, 2 do add("pending", waiting[i + 1], cmsgpack.unpack(waiting[i])) end
for _, entry in ipairs(redis.call("XRANGE", failed, "-", "+")) do
  add("failed", since(entry[1]), entry[2])
end
return out
]]

local EXISTS = PRELUDE .. [[
return redis.call("EXISTS", stream, later, failed)
]]

local RETRY = PRELUDE .. [[
local event, take_out = find(ARGV[1])
if not event then return false end
redis.call("XADD", stream, "*", unpack(fields(ARGV[1], member(event, "text"), 0,
  member(event, "handled"), member(event, "error"))))
take_out()
return 1
]]

local PURGE = PRELUDE .. [[
local event, take_out = find(ARGV[1])
if not event then return false end
redis.call("SET", known, 1, "EX", ARGV[2])
take_out()
return 1
]]

---@return any value
---@return string|nil message
local function run(self, script, id, ...)
  local keys = { self.stream, self.prefix .. "later", self.prefix .. "failed",
    self.prefix .. "id:" .. id }
  local value, text = redis.eval(self.connection, script, keys, { ... })
  return value, text and "the inbox " .. self.stream .. " of Redis: " .. text
end

--- See inbox.lua: these verbs do the same.
---@return boolean|nil
---@return string|nil message
function Inbox:exists()
  local count, problem = run(self, EXISTS, "")
  if problem then
    return nil, problem
  end
  return count > 0
end

---@param id string
---@param text string
---@return "stored"|"known"|nil
---@return string|nil message
function Inbox:store(id, text)
  return run(self, STORE, id, id, text, REMEMBER)
end

---@return livechat.Claim|nil
---@return string|nil message
function Inbox:claim()
  local found, problem = run(self, CLAIM, "", math.floor(self.lease * 1000))
  if not found then
    return nil, problem
  end
  return {
    entry = found[1], nth = found[2], attempts = found[3], id = found[4], text = found[5],
    handled = json.decode(found[6]) or {}, error = found[7],
  }
end

--- What a verb over a claim gives. That the entry was not this claim's any more is no failure of
--- the inbox: another has the event, or it is handled.
local function outcome(self, claim, done, problem)
  if done == 0 then
    return true, "event " .. claim.id .. " was no longer this process's: its handlers took longer "
      .. "than the lease of " .. self.lease .. " s, or the connection was lost"
  end
  return done and true or nil, problem
end

--- The verbs over a claim. With true a text may come, which tells that the lease had run out.
---@param claim livechat.Claim
---@return true|nil
---@return string|nil message
function Inbox:done(claim)
  return outcome(self, claim, run(self, DONE, claim.id, claim.id, claim.entry, REMEMBER))
end

local function encode(handled)
  return json.encode(json.array(handled))
end

---@param claim livechat.Claim
---@param seconds number
---@param report livechat.Report
---@return true|nil
---@return string|nil message
function Inbox:later(claim, seconds, report)
  return outcome(self, claim, run(self, LATER, claim.id, claim.entry, claim.nth, seconds, claim.id,
    claim.text, claim.attempts, encode(report.handled), report.error))
end

---@param claim livechat.Claim
---@param report livechat.Report
---@return true|nil
---@return string|nil message
function Inbox:fail(claim, report)
  return outcome(self, claim, run(self, FAIL, claim.id, claim.entry, claim.nth, claim.id,
    claim.text, claim.attempts, encode(report.handled), report.error))
end

---@param claim livechat.Claim
---@return true|nil
---@return string|nil message
function Inbox:release(claim)
  return outcome(self, claim, run(self, LATER, claim.id, claim.entry, claim.nth, 0, claim.id,
    claim.text, claim.attempts - 1, encode(claim.handled), claim.error))
end

---@return table[]|nil
---@return string|nil message
function Inbox:list()
  local found, problem = run(self, LIST, "")
  if not found then
    return nil, problem
  end
  local out = {}
  for i, row in ipairs(found) do
    out[i] = {
      state = row[1], time = tonumber(row[2]), id = row[3], text = row[4],
      attempts = tonumber(row[5]), error = row[6] ~= "" and row[6] or nil,
    }
  end
  return out
end

local function done_by_hand(self, id, done, problem)
  if not done and not problem then
    problem = "there is no event " .. id .. " that failed in " .. self.stream
  end
  return done and true or nil, problem
end

---@param id string
---@return true|nil
---@return string|nil message
function Inbox:retry(id)
  return done_by_hand(self, id, run(self, RETRY, id, id))
end

---@param id string
---@return true|nil
---@return string|nil message
function Inbox:purge(id)
  return done_by_hand(self, id, run(self, PURGE, id, id, REMEMBER))
end

--- Redis forgets by itself.
function Inbox:sweep() end -- luacheck: ignore 212

---@param given livechat.InboxOptions as inbox.new has checked them
---@return livechat.RedisInbox nothing is sent to Redis before it is first used
function inbox_redis.new(given)
  local stream = given.stream or "livechat:inbox"
  -- All keys belong to one slot of a cluster.
  local prefix = stream:find("{", 1, true) and stream .. ":" or "{" .. stream .. "}:"
  return setmetatable({ connection = given.redis, stream = stream, prefix = prefix,
    lease = given.lease or 300 }, Inbox)
end

return inbox_redis
