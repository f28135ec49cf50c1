-- SPDX-License-Identifier: MIT
-- once: the receiver runs inside nginx
--- Every webhook that HelpDesk has, registered, sent by the local service over HTTP, and received.
local helper = require "spec.helper"
local livechat = require "livechat"

teardown(function() helper.cleanup() end)

local TYPES = { "ticket_created", "tickets.update", "tickets.events.status",
  "tickets.events.priority", "tickets.events.assignment", "tickets.events.message",
  "tickets.events.tags", "tickets.events.followers" }

local HTTP = [[
  log_format without_query '$remote_addr "$request_method $uri" $status';
  access_log $FOLDER/access.log without_query;
  client_max_body_size 1m;
  client_body_buffer_size 1m;
  lua_package_path "$ROOT/lua/?.lua;$ROOT/lua/?/init.lua;;";
  lua_package_cpath "$ROOT/build/5.1/?.so;;";
  init_by_lua_block {
    local livechat = require "livechat"
    local client = livechat.new { api = "v3", username = "$USER", api_key = "$KEY",
      base_url = "$URL", helpdesk_url = "$URL", throttle = false }
    receiver = livechat.receiver { token = "0123456789", client = client }
    failed = false
    receiver:on("*", function(event)
      if not failed then
        failed = true
        error("once") -- so that it is delivered again
      end
      local file = io.open("$FOLDER/seen", "ab")
      file:write(event.type, " ", event.ticket.subject, " ", tostring(event.own), " ",
        event.id, "\n")
      file:close()
    end)
  }
  server {
    listen 127.0.0.1:$PORT;
    location /hook { content_by_lua_block { require("livechat.nginx").serve(receiver) } }
  }
]]

describe("HelpDesk's webhooks, received in nginx", function()
  it("are all there is, each handled once, told to be one's own, and show no token", function()
    local sandbox = helper.sandbox { calls = false, speed = 600 }
    local folder = helper.folder()
    local values = { FOLDER = folder, ROOT = helper.root, USER = sandbox.account_id,
      KEY = sandbox.api_key, URL = sandbox.url }
    local nginx = helper.nginx { http = HTTP:gsub("%$(%u+)", values) }
    local client = assert(livechat.new { api = "v3", username = sandbox.account_id,
      api_key = sandbox.api_key, base_url = sandbox.url, helpdesk_url = sandbox.url,
      throttle = false })
    for _, kind in ipairs(TYPES) do
      assert(client.webhooks:create { event_type = kind, secret = "0123456789",
        url = "http://127.0.0.1:" .. nginx.port .. "/hook" })
    end
    assert.equal(#TYPES, #assert(client.webhooks:list()))
    local agent = assert(client.agents:list())[1].login
    local ticket = assert(client.tickets:create { message = "It broke", subject = "Cup",
      requester = { mail = "mary@example.net" } })
    for _, fields in ipairs { { message = "Which?" }, { status = "pending" }, { priority = 10 },
      { assignee = { id = agent } }, { followers = { agent } },
      { tags = { "cups" }, create_tags = true } } do
      ticket = assert(ticket:update(fields))
    end
    local seen
    helper.wait_until(function()
      local file = io.open(folder .. "/seen", "rb")
      seen = {}
      for kind, subject, own, id in (file and file:read "*a" or ""):gmatch(
        "(%S+) (%S+) (%S+) (%S+)\n") do
        assert.is_nil(seen[id], id)
        seen[id] = { kind, subject, own }
        seen[kind] = (seen[kind] or 0) + 1
      end
      if file then file:close() end
      for _, kind in ipairs(TYPES) do if not seen[kind] then return false end end
      return seen["tickets.update"] == 6
    end, 30, "every event")
    for id, event in pairs(seen) do
      if type(event) == "table" then
        assert.equal("Cup", event[2])
        assert.equal(event[1] == "ticket_created" and "nil" or "true", event[3], id)
      end
    end
    nginx.stop()
    local log = helper.read(nginx.log)
    assert.truthy(log:find("once", 1, true))
    for _, text in ipairs { log, helper.read(folder .. "/access.log") } do
      assert.is_nil(text:find("0123456789", 1, true))
    end
  end)
end)
