-- SPDX-License-Identifier: MIT
-- once: the watch runs inside nginx, over a slow disk (spec/sync_shim.c)
local helper = require "spec.helper"
local livechat = require "livechat"

teardown(function() helper.cleanup() end)

local HTTP = [[
  access_log off;
  lua_package_path "$ROOT/lua/?.lua;$ROOT/lua/?/init.lua;;";
  lua_package_cpath "$ROOT/build/5.1/?.so;;";
  init_worker_by_lua_block {
    got = 0
    local livechat = require "livechat"
    local client = livechat.new { api = "v3", username = "$USER", api_key = "$KEY",
      base_url = "$URL", helpdesk_url = "$URL", throttle = false }
    ngx.timer.at(0, function()
      local given = { state = "$FOLDER/watch", poll = 0.05, status = "open" }
      for ticket in client.tickets:watch(given) do
        livechat.check(ticket:reply { message = "Thank you", attachments = { "$FOLDER/file" } })
        got = got + 1
      end
    end)
  }
  server {
    listen 127.0.0.1:$PORT;
    location /idle { content_by_lua_block { ngx.print(got) } }
  }
]]

describe("a watch in nginx on a disk that takes 300 ms a sync", function()
  it("holds up nothing else, and sends files with its replies", function()
    local sandbox, folder = helper.sandbox { calls = false }, helper.folder()
    helper.write(folder .. "/file", "some text")
    local shim = folder .. "/shim.so"
    local status, said = helper.run(("${CC:-cc} -shared -fPIC -O1 -D_GNU_SOURCE -o %s "
      .. "spec/sync_shim.c -ldl"):format(helper.quote(shim)))
    assert.equal(0, status, said)
    local values = { FOLDER = folder, ROOT = helper.root, USER = sandbox.account_id,
      KEY = sandbox.api_key, URL = sandbox.url }
    local nginx = helper.nginx { before = { "env", "LD_PRELOAD=" .. shim, "SYNC_MS=300" },
      http = HTTP:gsub("%$(%u+)", values) }
    helper.wait_until(function() return io.open(folder .. "/watch") end, 20, "the first look")
    local client = assert(livechat.new { api = "v3", username = sandbox.account_id,
      api_key = sandbox.api_key, base_url = sandbox.url, helpdesk_url = sandbox.url,
      throttle = false })
    local ids = {}
    for i = 1, 3 do
      ids[i] = assert(client.tickets:create { message = "m", subject = "s",
        requester = { mail = "mary@example.net" } }).id
    end
    local idle = assert(helper.connect(nginx.port, 20))
    local answers, longest, until_when, got = 0, 0, helper.now() + 30, "0"
    while got ~= "3" and helper.now() < until_when do
      local began = helper.now()
      got = assert(idle:request { path = "/idle" }).body
      answers, longest = answers + 1, math.max(longest, helper.now() - began)
      helper.sleep(0.005)
    end
    idle:close()
    assert.equal("3", got, helper.read(nginx.log))
    assert.truthy(answers > 50 and longest < 0.25, answers .. " " .. longest)
    for _, id in ipairs(ids) do
      local files = 0
      for _, event in ipairs(assert(client.tickets:get(id)).events) do
        files = files + (event.attachments and #event.attachments.files or 0)
      end
      assert.equal(1, files)
    end
  end)
end)
