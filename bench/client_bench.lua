-- SPDX-License-Identifier: MIT
--- What a call costs over bare libcurl, with decoding; what loading costs; what `each` keeps.
package.path = "./?.lua;" .. package.path
local helper = require "spec.helper"
local stats = require "bench.stats"

local started = os.clock()
local livechat = require "livechat"
local core = require "livechat.core"
local client = livechat.new { username = "a@example.com", api_key = "k", throttle = false,
  base_url = "http://127.0.0.1:1" }
stats.report("require 'livechat' and new (CPU)", (os.clock() - started) * 1e3, "ms",
  { at_most = 5 })
client:close()

local function ticket(n)
  return ([[{"assignee":{"id":"jane.doe@example.com","name":"Jane Doe"},"events":[
{"author":{"id":"mary@example.com","name":"Mary Brown","type":"client"},"date":1384554260,
"is_private":false,"message":"Hello,\n\nThe cup of order %d arrived broken. What can we do?",
"type":"message","source":{"type":"mail"}},{"to":{"id":"jane.doe@example.com","name":"Jane Doe"},
"author":{"id":"john.doe@example.com","name":"John Doe"},"date":1384554270,
"type":"assignee_changed"}],"id":"T%04d","requester":{"mail":"mary@example.com",
"name":"Mary Brown"},"groups":[0],"status":"open","subject":"My cup is broken","modified":%d,
"source":{"type":"mail"},"opened":[{"from":1384554260}],"firstResponse":{},
"tags":["sales","support"]}]]):format(n, n, 1384790000 - n)
end

local tickets = {}
for n = 1, 25 do
  tickets[n] = ticket(n)
end
local small = ticket(1)
local page = '{"pages":4,"total":100,"tickets":[' .. table.concat(tickets, ",") .. "]}"

local folder = helper.folder()
for name, body in pairs { ["5FUED"] = small, list = page } do
  local file = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(body)
  file:close()
end
local server = helper.nginx { http = [[
  keepalive_requests 100000000;
  open_file_cache max=16;
  default_type application/json;
  server {
    listen 127.0.0.1:$PORT;
    location = /tickets { alias ]] .. folder .. [[/list; }
    location /tickets/ { alias ]] .. folder .. [[/; }
  }
]] }
local base = "http://127.0.0.1:" .. server.port
client = livechat.new { username = "a@example.com", api_key = "k", base_url = base,
  throttle = false }

-- What the client sends, so that both sides transfer the same bytes.
local HEADERS = { "Accept: application/json", "X-API-Version: 2", "Accept-Encoding: deflate, gzip",
  "User-Agent: livechat-lua/bench", "Authorization: Basic YUBleGFtcGxlLmNvbTpr" }

local function microseconds(calls, fn)
  return function()
    local from = core.clock()
    for _ = 1, calls do
      fn()
    end
    return (core.clock() - from) * 1e6 / calls
  end
end

local function bare(path, calls)
  return function()
    return stats.bare(base .. path, { calls = calls, headers = HEADERS })
  end
end

local get = stats.paired(15, microseconds(1000, function()
  assert(client.tickets:get("5FUED"))
end), bare("/tickets/5FUED", 300))
stats.report("tickets:get, small", get.a, "us")
stats.report("tickets:get, small, over bare libcurl", get.ratio, "x", { at_most = 1.25 })

local cjson = require "cjson"
local decode = stats.median { microseconds(2000, function() cjson.decode(page) end)(),
  microseconds(2000, function() cjson.decode(page) end)(),
  microseconds(2000, function() cjson.decode(page) end)() }
local list = stats.paired(15, microseconds(500, function()
  assert(client.tickets:list())
end), bare("/tickets", 200))
stats.report("tickets:list, 25 tickets", list.a, "us")
stats.report("cjson.decode of that page", decode, "us")
stats.report("its time over bare libcurl, in decodings", list.difference / decode, "x",
  { at_most = 1.3 })

helper.cleanup()
stats.finish()
