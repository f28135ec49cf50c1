-- SPDX-License-Identifier: MIT
--- What a reservation costs, in the core and from Lua, in a process, a file and Redis; and the
-- service's own limit, once, in full.
package.path = "./?.lua;" .. package.path .. ";/usr/share/lua/5.3/?.lua"
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"
local redis_lua = require "redis"
local stats = require "bench.stats"

local file = helper.folder() .. "/throttle"

--- Microseconds of bench/throttle.c.
local function in_core(what, reservations, processes)
  return function()
    local pipe = assert(io.popen(("build/bench/throttle -n %d -p %d %s"):format(reservations,
      processes, what)))
    local text = pipe:read("*a")
    pipe:close()
    return assert(tonumber(text), "build/bench/throttle gave no figure") / 1e3
  end
end

local function from_lua(times, fn)
  return function()
    local from = core.clock()
    for _ = 1, times do fn() end
    return (core.clock() - from) / times * 1e6
  end
end

local pair = stats.paired(5, in_core("local", 2000000, 1), in_core("clock", 2000000, 1))
stats.report("reserve, this process", pair.a * 1e3, "ns", { at_most = 200 })
stats.report("  over reading the clock", pair.difference * 1e3, "ns")
pair = stats.paired(5, in_core(file, 2000000, 1), in_core("lock", 2000000, 1))
stats.report("reserve, a shared file", pair.a * 1e3, "ns", { at_most = 1000 })
stats.report("  over a robust mutex and the clock", pair.difference * 1e3, "ns")
pair = stats.paired(5, in_core("-w local", 500000, 1), in_core("-w " .. file, 500000, 1))
stats.report("a call let go, sent, answered, this process", pair.a * 1e3, "ns")
stats.report("a call let go, sent, answered, a shared file", pair.b * 1e3, "ns")
pair = stats.paired(5, in_core(file, 100000, 8), in_core("lock", 100000, 8))
stats.report("reserve, a shared file, 8 processes", pair.a * 1e3, "ns", { at_most = 10000 })
stats.report("  over a robust mutex and the clock", pair.difference * 1e3, "ns")

-- Every call may go at once, as nearly every one of a well-behaved program may.
local mine = livechat.throttle { period = 1e-6, guard = 0 }
local shared = livechat.throttle { period = 1e-6, guard = 0, path = file }
pair = stats.paired(5, from_lua(1000000, function() mine:reserve() end),
  from_lua(1000000, function() shared:reserve() end))
stats.report("reserve from Lua, this process", pair.a * 1e3, "ns")
stats.report("reserve from Lua, a shared file", pair.b * 1e3, "ns")

local server = helper.redis()
local connection = redis_lua.connect("127.0.0.1", server.port)
local fleet = livechat.throttle { redis = connection, key = "bench", period = 1e-6, guard = 0 }
fleet:reserve()
pair = stats.paired(5, from_lua(5000, function() fleet:reserve() end),
  from_lua(5000, function() connection:ping() end))
stats.report("reserve, Redis", pair.a, "us")
stats.report("  over PING on the same connection", pair.ratio, "times")
connection:config("resetstat")
for _ = 1, 1000 do fleet:reserve() end
local commands = 0
for n in connection:raw_cmd("INFO commandstats"):gmatch("cmdstat_eval%a*:calls=(%d+)") do
  commands = commands + tonumber(n)
end
stats.report("round trips a reservation, Redis", commands / 1000, "", { at_most = 1 })

-- Two periods and guards, and the last 50 calls: the service's own rule decides.
local sandbox = helper.sandbox {}
local client = livechat.new { username = sandbox.username, api_key = sandbox.api_key,
  base_url = sandbox.url, retry = false }
local from, failed = core.clock(), 0
for _ = 1, 250 do
  if not client:request { method = "GET", path = "/tickets" } then failed = failed + 1 end
end
stats.report("250 calls at 100 in 60 s", core.clock() - from, "s", { at_most = 121.3 })
stats.report("  least that the rule allows", 2 * 60.05, "s")
stats.report("  refused by the service", #sandbox.control("GET", "calls").refused, "",
  { at_most = 0 })
stats.report("  failed", failed, "", { at_most = 0 })
client:close()
helper.cleanup()
stats.finish()
