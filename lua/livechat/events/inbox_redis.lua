-- SPDX-License-Identifier: MIT
--- A durable queue of events for several machines, over a stream of a Redis server (6.2 or newer).
--- The verbs are those of inbox.lua.
---
---   <stream>             what is to be handled, with a consumer group: what one of its members has
---                        taken is nobody else's until a lease has run out
---   {<stream>}:later     what failed, by the time at which it is due again
---   {<stream>}:failed    a stream of what nobody could handle
---   {<stream>}:id:<id>   a key for each known id, which expires
---
--- Every verb is one script and one round trip, so whatever dies in between, an event is in exactly
--- one of these places. How durable they are is Redis's affair: `appendonly yes`, and `appendfsync
--- always` where not even a second may be lost. A handler that takes longer than the lease is taken
--- for dead, and its event is handled by somebody else too.
local errors = require "livechat.errors"
local json = require "livechat.json"
local redis = require "livechat.redis"

local inbox_redis = {}

local REMEMBER = 7 * 3600

---@class livechat.RedisInbox
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

local function take_out(entry)
  local mine = redis.call("XACK", stream, group, entry) == 1
  redis.call("XDEL", stream, entry)
  return mine
end

local function find(id)
  for _, entry in ipairs(redis.call("XRANGE", failed, "-", "+")) do
    if member(entry[2], "id") == id then
      redis.call("XDEL", failed, entry[1])
      return entry[2]
    end
  end
  for _, packed in ipairs(redis.call("ZRANGE", later, 0, -1)) do
    local event = cmsgpack.unpack(packed)
    if member(event, "id") == id then
      redis.call("ZREM", later, packed)
      return event
    end
  end
end
]]

local STORE = PRELUDE .. [[
if not redis.call("SET", known, 1, "NX", "EX", ARGV[3]) then return "known" end
redis.call("XADD", stream, "*", unpack(fields(ARGV[1], ARGV[2], 0, "[]", "")))
return "stored"
]]

local CLAIM = PRELUDE .. [[
redis.pcall("XGROUP", "CREATE", stream, group, 0, "MKSTREAM")
for _, packed in ipairs(redis.call("ZRANGEBYSCORE", later, "-inf", now, "LIMIT", 0, 100)) do
  redis.call("ZREM", later, packed)
  redis.call("XADD", stream, "*", unpack(cmsgpack.unpack(packed)))
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
return { taken[1], times + member(event, "attempts"), member(event, "id"), member(event, "text"),
  member(event, "handled"), member(event, "error") }
]]

local DONE = PRELUDE .. [[
take_out(ARGV[1])
redis.call("SET", known, 1, "EX", ARGV[2])
return 1
]]

-- Nothing, where the lease ran out and somebody else has come to an end with it.
local LATER = PRELUDE .. [[
local event = fields(unpack(ARGV, 3))
if take_out(ARGV[1]) then redis.call("ZADD", later, now + ARGV[2], cmsgpack.pack(event)) end
return 1
]]

local FAIL = PRELUDE .. [[
local event = fields(unpack(ARGV, 2))
if take_out(ARGV[1]) then redis.call("XADD", failed, "*", unpack(event)) end
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

local RETRY = PRELUDE .. [[
local event = find(ARGV[1])
if not event then return false end
redis.call("XADD", stream, "*", unpack(fields(ARGV[1], member(event, "text"), 0,
  member(event, "handled"), member(event, "error"))))
return 1
]]

local PURGE = PRELUDE .. [[
if not find(ARGV[1]) then return false end
redis.call("SET", known, 1, "EX", ARGV[2])
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
    entry = found[1], attempts = found[2], id = found[3], text = found[4],
    handled = json.decode(found[5]) or {}, error = found[6],
  }
end

---@param claim livechat.Claim
---@return true|nil
---@return string|nil message
function Inbox:done(claim)
  local done, problem = run(self, DONE, claim.id, claim.entry, REMEMBER)
  return done and true or nil, problem
end

local function encode(handled)
  return json.encode(json.array(handled))
end

---@param claim livechat.Claim
---@param seconds number
---@param report { error: string, handled: string[] }
---@return true|nil
---@return string|nil message
function Inbox:later(claim, seconds, report)
  local done, problem = run(self, LATER, claim.id, claim.entry, seconds, claim.id, claim.text,
    claim.attempts, encode(report.handled), report.error)
  return done and true or nil, problem
end

---@param claim livechat.Claim
---@param report { error: string, handled: string[] }
---@return true|nil
---@return string|nil message
function Inbox:fail(claim, report)
  local done, problem = run(self, FAIL, claim.id, claim.entry, claim.id, claim.text, claim.attempts,
    encode(report.handled), report.error)
  return done and true or nil, problem
end

---@param claim livechat.Claim
function Inbox:release(claim)
  run(self, LATER, claim.id, claim.entry, 0, claim.id, claim.text, claim.attempts - 1,
    encode(claim.handled), claim.error)
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

---@param options livechat.InboxOptions
---@param fname string the function to blame for a bad option
---@return livechat.RedisInbox nothing is sent to Redis before it is first used
function inbox_redis.new(options, fname)
  local stream, lease = options.stream or "livechat:inbox", options.lease or 300
  if not redis.is_connection(options.redis) then
    errors.argument("redis", fname, "a connection, or a function that makes one, expected", 4)
  elseif type(stream) ~= "string" or stream == "" then
    errors.argument("stream", fname, "the name of a key expected", 4)
  elseif type(lease) ~= "number" or lease <= 0 or lease ~= lease then
    errors.argument("lease", fname, "seconds above 0 expected", 4)
  elseif options.path or options.mode then
    errors.argument(options.path and "path" or "mode", fname, "either this or redis", 4)
  end
  -- All keys belong to one slot of a cluster.
  local prefix = stream:find("{", 1, true) and stream .. ":" or "{" .. stream .. "}:"
  return setmetatable({ connection = options.redis, stream = stream, prefix = prefix,
    lease = lease }, Inbox)
end

return inbox_redis
