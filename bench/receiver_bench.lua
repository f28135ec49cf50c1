-- SPDX-License-Identifier: MIT
--- What a delivery of 2 KB costs one nginx worker: verified, decoded, normalised and handed to a
--- handler that reads it, against a location that decodes the same body; and how many a second an
--- inbox stores.
package.path = "./?.lua;" .. package.path
local helper = require "spec.helper"
local json = require "livechat.json"
local stats = require "bench.stats"

local TOKEN = "27f41c8da685c81a890f9e5f8ce48387"
local SECONDS, TURNS = 3, 5

local messages = {}
for n = 1, 8 do
  local agent = n % 2 == 1
  messages[n] = {
    user_type = agent and "agent" or "visitor", author_name = agent and "John Doe" or "Mary Brown",
    agent_id = agent and "john.doe@example.com" or nil, json = "{}", timestamp = 1557766017 + n,
    text = "Line " .. n .. " of what the two have to say to each other",
  }
end
local body = json.encode {
  event_type = "chat_ended", event_unique_id = "SERIAL", token = TOKEN, license_id = "1520",
  lc_version = "2",
  chat = {
    id = "PR8G5BAYCT", started_timestamp = 1557766017, ended_timestamp = 1557766317,
    url = "https://shop.example.com/basket", referer = "https://www.example.com/",
    messages = messages, attachments = json.array {}, tags = { "sales", "feedback" },
    events = { { user_type = "visitor", type = "closed", text = "Mary Brown has closed the chat.",
      timestamp = 1557766317 } },
    agents = { { name = "John Doe", login = "john.doe@example.com" } }, groups = { 0 },
  },
  visitor = {
    id = "S1557766017.8e5480fb0a", name = "Mary Brown", email = "mary.brown@example.net",
    custom_variables = { { key = "Customer ID", value = "POQ51023XZA" } }, country = "Poland",
    city = "PLACE", language = "en", page_current = "https://shop.example.com/basket",
    timezone = "Europe/Warsaw",
  },
  pre_chat_survey = { { id = "135963440121804757", type = "name", label = "Your name",
    answer = "Mary Brown" } },
}

local folder = helper.folder()
local _, memory = helper.run("mktemp -d /dev/shm/livechat.XXXXXX 2>/dev/null")
memory = memory:match("^/%S+") or folder
helper.defer(function() helper.run("rm -rf " .. helper.quote(memory)) end)

-- Each delivery is an event of its own: a redelivery would be answered without being handled. And
-- each is a little longer than the one before: LuaJIT, which looks at 16 bytes of a string, would
-- give all of them one hash.
helper.write(folder .. "/deliver.lua", ([[
local first, middle, last = %q, %q, %q
local serial, run = 0, ("%%08x"):format(os.time() %% 2 ^ 32)
function request()
  serial = serial + 1
  return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, first .. run
    .. ("%%024x"):format(serial) .. middle .. ("x"):rep(serial %% 100) .. last)
end
]]):format(body:match("^(.*)SERIAL(.*)PLACE(.*)$")))

local nginx = helper.nginx { http = ([[
  access_log off;
  client_body_buffer_size 16k;
  keepalive_requests 100000000;
  lua_package_path "%s/lua/?.lua;%s/lua/?/init.lua;;";
  lua_package_cpath "%s/build/5.1/?.so;;";
  init_by_lua_block {
    cjson = require "cjson"
    livechat = require "livechat"
    handled, lines = 0, 0
    receiver = livechat.receiver { token = %q }
    receiver:on("chat_ended", function(event)
      handled, lines = handled + 1, lines + #event.chat.messages
    end)
    keeping = livechat.receiver { token = %q, inbox = livechat.inbox(%q) }
  }
  server {
    listen 127.0.0.1:$PORT;
    default_type text/plain;
    location = /bare {
      content_by_lua_block {
        ngx.req.read_body()
        ngx.print(#cjson.decode(ngx.req.get_body_data()).chat.messages)
      }
    }
    location = /full { content_by_lua_block { require("livechat.nginx").serve(receiver) } }
    location = /inbox { content_by_lua_block { require("livechat.nginx").serve(keeping) } }
    location = /handled { content_by_lua_block { ngx.print(handled, " ", lines) } }
  }
]]):format(helper.root, helper.root, helper.root, TOKEN, TOKEN, memory .. "/inbox") }

--- Requests a second; nothing but 200 may come back.
local function rate(path)
  return function()
    local _, said = helper.run(("wrk -t1 -c8 -d%d -s %s/deliver.lua http://127.0.0.1:%d%s"):format(
      SECONDS, folder, nginx.port, path), SECONDS + 30)
    assert(not said:find("Non-2xx", 1, true), said)
    return assert(tonumber(said:match("Requests/sec:%s+([%d.]+)")), said)
  end
end

print(("a chat_ended of about %d bytes"):format(#body + 71))
local result = stats.paired(TURNS, rate "/full", rate "/bare")
stats.report("receiver: events a second", result.a, "/s")
stats.report("a location that decodes the body", result.b, "/s")
stats.report("receiver / decoding alone", result.ratio, "x", { at_least = 0.5 })
local counts = helper.http { port = nginx.port, path = "/handled" }.body
local handled, lines = counts:match("(%d+) (%d+)")
assert(tonumber(handled) > 1000 and tonumber(lines) == 8 * tonumber(handled), "not all handled")

local stored = {}
for turn = 1, TURNS do
  helper.run("rm -rf " .. memory .. "/inbox")
  stored[turn] = rate "/inbox" ()
  local _, files = helper.run("ls " .. memory .. "/inbox/new | wc -l")
  assert(tonumber(files) >= stored[turn] * SECONDS * 0.9, "not all stored")
end
stats.report("inbox on tmpfs: events stored a second", stats.median(stored), "/s",
  { at_least = 5000 })
helper.cleanup()
stats.finish()
