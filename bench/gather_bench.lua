-- SPDX-License-Identifier: MIT
--- gather of 1,000 small gets, 64 at a time, against a bare loop over libcurl's multi interface
--- with as many in flight.
package.path = "./?.lua;" .. package.path
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"
local stats = require "bench.stats"

local CALLS, CONCURRENCY = 1000, 64

-- What the client sends, so that both sides transfer the same bytes.
local function headers(authorization)
  return { "Accept: application/json", "X-API-Version: 2", "Accept-Encoding: deflate, gzip",
    "User-Agent: livechat-lua/bench", "Authorization: Basic " .. authorization }
end

local function compare(name, url, id, options, goal)
  local client = livechat.new { username = options.username, api_key = options.api_key,
    base_url = url, throttle = false }
  local items = {}
  for i = 1, CALLS do items[i] = id end
  local function fetch(each)
    return assert(client.tickets:get(each))
  end
  local function gather()
    local began = core.clock()
    local results = livechat.gather(items, fetch, { concurrency = CONCURRENCY })
    local spent = core.clock() - began
    for i = 1, CALLS do assert(results[i][1], results[i][2]) end
    return CALLS / spent
  end
  local function bare()
    return 1e6 / stats.bare(url .. "/tickets/" .. id, {
      calls = CALLS, concurrency = CONCURRENCY, headers = headers(options.authorization),
    })
  end
  local found = stats.paired(11, gather, bare)
  stats.report(name .. ", gather", found.a, "/s")
  stats.report(name .. ", bare libcurl", found.b, "/s")
  stats.report(name .. ", gather over bare libcurl", found.ratio, "x", goal)
  client:close()
end

-- The local service spends some 150 us on a call, less than any service at the end of a wire.
local sandbox = helper.sandbox { seed = 10, calls = false }
compare("the local service", sandbox.url, sandbox.control("GET", "tickets").ids[1], {
  username = sandbox.username, api_key = sandbox.api_key,
  authorization = "am9obi5kb2VAZXhhbXBsZS5jb206MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
}, { at_least = 0.8 })
sandbox.stop()

-- Here the server costs next to nothing, so that what remains is the client.
local folder = helper.folder()
helper.write(folder .. "/5FUED", [[{"id":"5FUED","subject":"My cup is broken","status":"open",
"tags":["sales","support"],"modified":1384790000}]])
local server = helper.nginx { http = [[
  access_log off;
  keepalive_requests 100000000;
  open_file_cache max=16;
  default_type application/json;
  server { listen 127.0.0.1:$PORT; location /tickets/ { alias ]] .. folder .. [[/; } }
]] }
compare("a static file", "http://127.0.0.1:" .. server.port, "5FUED", {
  username = "a@example.com", api_key = "k", authorization = "YUBleGFtcGxlLmNvbTpr",
})

helper.cleanup()
stats.finish()
