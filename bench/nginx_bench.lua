-- SPDX-License-Identifier: MIT
--- What calls made in an nginx worker cost that worker, and the other requests that it serves.
package.path = "./?.lua;" .. package.path
local core = require "livechat.core"
local embed = require "spec.embed"
local helper = require "spec.helper"
local stats = require "bench.stats"

-- A ticket of 500 bytes.
local TICKET = [[{"id":"5FUED","status":"open","subject":"My cup is broken","modified":1384790000,
"requester":{"mail":"mary@example.com","name":"Mary Brown"},"tags":["sales"],"events":[
{"type":"message","date":1384554260,"message":"Hello,\n\nThe cup of order 4711 arrived broken, and
 the saucer which belongs to it is missing. The parcel itself had no damage that I could see. Could
 you send another one, or shall I send everything back? I have kept the box. It is a present, and
 the party is on Saturday.\n\nMary"}]}]]
TICKET = TICKET:gsub("\n", "")
assert(#TICKET == 500, #TICKET)

local folder = helper.folder()
helper.write(folder .. "/5FUED", TICKET)
local upstream = helper.nginx { http = [[
  access_log off;
  keepalive_requests 100000000;
  open_file_cache max=16;
  default_type application/json;
  init_by_lua_block { body = [==[]] .. TICKET .. [[]==] }
  server {
    listen 127.0.0.1:$PORT;
    location /tickets/ { alias ]] .. folder .. [[/; }
    location /slow { content_by_lua_block {
      ngx.sleep(tonumber(ngx.var.arg_wait))
      ngx.header["Content-Length"] = #body
      ngx.print(body)
    } }
  }
]] }

local nginx = embed.start { init = ([[
  client = livechat.new { username = "a@example.com", api_key = "k", throttle = false,
    base_url = "http://127.0.0.1:%d" }
  slots = {}
  for i = 1, 50 do slots[i] = i end
  --- 50 slow calls always in flight, for so many seconds. They do not end together: each takes
  --- between half of the time and half as much again.
  function keep_slow(wait, seconds)
    local ends = core.clock() + seconds
    livechat.gather(slots, function()
      repeat
        local query = { wait = tostring(wait * (0.5 + math.random())) }
        assert(client:request { path = "/slow", query = query })
      until core.clock() >= ends
    end, { concurrency = 50 })
  end
  function fetch(calls)
    local left = calls
    livechat.gather(slots, function()
      while left > 0 do
        left = left - 1
        assert(client.tickets:get("5FUED"))
      end
    end, { concurrency = 50 })
  end
]]):format(upstream.port) }

-- ---- an unrelated location ---------------------------------------------------------------------

local SECONDS, TURNS = 1.5, 10

local connection = assert(helper.connect(nginx.port, 30))

--- Answers' times of an unrelated location in microseconds, one request each half millisecond.
local function probe(seconds)
  local times, ends = {}, core.clock() + seconds
  repeat
    helper.sleep(0.0005)
    local began = core.clock()
    assert(connection:request { path = "/idle" })
    times[#times + 1] = (core.clock() - began) * 1e6
  until core.clock() > ends
  return { p50 = stats.percentile(times, 0.5), p99 = stats.percentile(times, 0.99) }
end

local function probe_during(wait)
  local finish = nginx.begin(("return keep_slow(%g, %g)"):format(wait, SECONDS + 0.2))
  helper.sleep(wait + 0.05)
  local found = probe(SECONDS)
  local status, text = finish()
  assert(status == 200, text)
  return found
end

local function compare(name, wait, goals)
  local idle, during, ratio = { p50 = {}, p99 = {} }, { p50 = {}, p99 = {} }, { p50 = {}, p99 = {} }
  for turn = 0, TURNS do
    local first, second
    if turn % 2 == 0 then
      first, second = probe(SECONDS), probe_during(wait)
    else
      second = probe_during(wait)
      first = probe(SECONDS)
    end
    for _, p in ipairs(turn > 0 and { "p50", "p99" } or {}) do
      idle[p][turn], during[p][turn] = first[p], second[p]
      ratio[p][turn] = second[p] / first[p]
    end
  end
  for _, p in ipairs { "p50", "p99" } do
    stats.report(("unrelated location, idle, %s"):format(p), stats.median(idle[p]), "us")
    stats.report(("with %s, %s"):format(name, p), stats.median(during[p]), "us")
    stats.report(("with %s, %s, over idle"):format(name, p), stats.median(ratio[p]), "x",
      goals and { at_most = goals[p] })
  end
end

compare("50 slow calls (1 s) in flight", 1, { p50 = 1.2, p99 = 1.5 })
compare("50 calls of 50 ms in flight", 0.05)

-- ---- CPU ---------------------------------------------------------------------------------------

local CALLS = 20000
local worker = nginx.workers()[1]
nginx.run "fetch(5000)"

--- CPU in microseconds of each thread of the worker so far: nginx's own, and the engine's.
local function cpu()
  local own, engine = 0, 0
  local pipe = assert(io.popen("ls /proc/" .. worker .. "/task"))
  for task in pipe:lines() do
    local text = helper.read(("/proc/%d/task/%s/schedstat"):format(worker, task))
    local spent = tonumber(text:match("%d+")) / 1e3
    if tonumber(task) == worker then own = spent else engine = engine + spent end
  end
  pipe:close()
  return own, engine
end

local own, engine, rates = {}, {}, {}
for turn = 1, 9 do
  local own_before, engine_before = cpu()
  local began = core.clock()
  nginx.run("fetch(" .. CALLS .. ")")
  rates[turn] = CALLS / (core.clock() - began)
  local own_after, engine_after = cpu()
  own[turn] = (own_after - own_before) / CALLS
  engine[turn] = (engine_after - engine_before) / CALLS
end
stats.report("tickets:get of 500 B, 50 in flight: CPU of nginx's thread", stats.median(own), "us",
  { at_most = 15 })
stats.report("the least of 9 turns", stats.percentile(own, 0), "us")
stats.report("CPU of the engine's thread", stats.median(engine), "us")
stats.report("calls a second", stats.median(rates), "")

connection:close()
helper.cleanup()
stats.finish()
