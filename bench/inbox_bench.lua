-- SPDX-License-Identifier: MIT
--- An inbox on a disk that takes 5 ms a sync: events stored a second by one worker from 50
--- connections, and what an unrelated location of that worker takes meanwhile.
package.path = "./?.lua;" .. package.path
local helper = require "spec.helper"
local stats = require "bench.stats"

local SECONDS, TURNS = 3, 5
local folder = helper.folder()
local shim = folder .. "/shim.so"
-- In memory, where there is such a file system: what a sync takes is then the shim's 5 ms alone.
local _, memory = helper.run("mktemp -d /dev/shm/livechat.XXXXXX 2>/dev/null")
memory = memory:match("^/%S+") or folder
helper.defer(function() helper.run("rm -rf " .. helper.quote(memory)) end)
local built, said = helper.run(("${CC:-cc} -shared -fPIC -O1 -D_GNU_SOURCE -o %s spec/sync_shim.c "
  .. "-ldl"):format(shim))
assert(built == 0, said)

helper.write(folder .. "/deliver.lua", [[
-- A body that is quick to make, and whose strings get hashes of their own: LuaJIT looks at 16
-- bytes.
local serial, run, pads = 0, ("%08x"):format(os.time() % 2 ^ 32), {}
for i = 1, 4096 do pads[i] = ("%08x"):format(i * 2654435 % 2 ^ 32):rep(188) end
local first = '{"event_type":"e","token":"t","event_unique_id":"' .. run
local middle, last = '","pad":"', '"}'
local head = "POST /inbox HTTP/1.1\r\nHost: x\r\nContent-Length: "
  .. #first + 24 + #middle + #pads[1] + #last .. "\r\n\r\n" .. first
function request()
  serial = serial + 1
  return head .. ("%024x"):format(serial) .. middle .. pads[serial % 4096 + 1] .. last
end
]])

local nginx = helper.nginx { before = { "env", "LD_PRELOAD=" .. shim, "SYNC_MS=5" }, http = ([[
  access_log off;
  client_body_buffer_size 16k;
  keepalive_requests 100000000;
  lua_package_path "%s/lua/?.lua;%s/lua/?/init.lua;;";
  lua_package_cpath "%s/build/5.1/?.so;;";
  init_by_lua_block {
    livechat = require "livechat"
    receiver = livechat.receiver { token = "t", inbox = livechat.inbox(%q) }
  }
  server {
    listen 127.0.0.1:$PORT;
    location = /inbox { content_by_lua_block { require("livechat.nginx").serve(receiver) } }
    location = /idle { return 200 "x"; }
  }
]]):format(helper.root, helper.root, helper.root, memory .. "/inbox") }

local UNITS = { us = 1, ms = 1e3, s = 1e6 }

local function microseconds(text, share)
  local number, unit = text:match(share .. "%%%s+([%d.]+)(%a+)")
  return tonumber(number) * UNITS[unit]
end

local function idle()
  local _, text = helper.run(("wrk -t1 -c1 -d%d --latency http://127.0.0.1:%d/idle"):format(
    SECONDS, nginx.port), SECONDS + 30)
  return text
end

local rates, p50s, p99s = {}, {}, {}
for turn = 1, TURNS do
  local quiet = microseconds(idle(), 50)
  local job = io.popen(("wrk -t1 -c50 -d%d -s %s/deliver.lua http://127.0.0.1:%d/inbox"):format(
    SECONDS + 1, folder, nginx.port))
  helper.sleep(0.5)
  local loaded = idle()
  local text = job:read("*a")
  job:close()
  assert(not text:find("Non-2xx", 1, true), text)
  rates[turn] = tonumber(text:match("Requests/sec:%s+([%d.]+)"))
  p50s[turn], p99s[turn] = microseconds(loaded, 50) / quiet, microseconds(loaded, 99)
end
stats.report("inbox, 5 ms a sync: events stored a second", stats.median(rates), "/s",
  { at_least = 3000 })
stats.report("an unrelated location meanwhile, p50 / idle", stats.median(p50s), "x",
  { at_most = 1.5 })
stats.report("the same, p99", stats.median(p99s), "us", { at_most = 2000 })
helper.cleanup()
stats.finish()
