-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
--- API v3 in a real nginx of two workers: deliveries and the chats that they speak of, signing in
--- by OAuth with a file that the workers share, over a disk that is slow.
local helper = require "spec.helper"
local livechat = require "livechat"

local HTTP = [[
  lua_package_path "$ROOT/lua/?.lua;$ROOT/lua/?/init.lua;;";
  lua_package_cpath "$ROOT/build/5.1/?.so;;";
  access_log off;
  keepalive_requests 1000000;
  init_by_lua_block {
    livechat = require "livechat"
    client = assert(livechat.new { api = "v3", base_url = "$URL", accounts_url = "$URL",
      helpdesk_url = "$URL/v1", throttle = false, retry = { base = 0.01 },
      oauth = { client_id = "$APP", refresh_token = "$TOKEN", store = "$FOLDER/token" } })
    receiver = livechat.receiver { token = "$SECRET", client = client }
    receiver:on("*", function(event)
      local file = assert(io.open("$FOLDER/seen", "a"))
      file:write(event.type, " ", event.chat and event.chat.id or "-", " ",
        event.visitor and event.visitor.id and "visitor" or "-", "\n")
      file:close()
    end)
  }
  server {
    listen 127.0.0.1:$PORT;
    location /hook { content_by_lua_block { require("livechat.nginx").serve(receiver) } }
    location /groups { content_by_lua_block {
      local list, err = client.groups:list()
      local text = list and #list > 0 and "fine" or tostring(err)
      ngx.header["Content-Length"] = #text
      ngx.print(text)
    } }
    location /idle { content_by_lua_block { ngx.print(ngx.worker.pid()) } }
  }
]]
local SECRET = ("s"):rep(32)

describe("v3 in nginx", function()
  local sandbox, folder, nginx, shim

  setup(function()
    sandbox = helper.sandbox { calls = false }
    folder, shim = helper.folder(), os.tmpname()
    local status, said = helper.run(("${CC:-cc} -shared -fPIC -O1 -D_GNU_SOURCE -o %s "
      .. "spec/sync_shim.c -ldl"):format(helper.quote(shim)))
    assert.equal(0, status, said)
    local pair = sandbox.control("POST", "tokens", { public = true })
    nginx = helper.nginx { workers = 2, before = { "env", "LD_PRELOAD=" .. shim, "SYNC_MS=700" },
      http = HTTP:gsub("%$(%u+)", { ROOT = helper.root, URL = sandbox.url, FOLDER = folder,
        APP = sandbox.public_client_id, TOKEN = pair.refresh_token, SECRET = SECRET }) }
  end)
  teardown(function()
    os.remove(shim)
    helper.cleanup()
  end)

  local function send(path)
    local connection = assert(helper.connect(nginx.port, 20))
    assert(connection.sock:send("GET " .. path .. " HTTP/1.1\r\nHost: x\r\n\r\n"))
    return connection
  end

  -- The service refuses a public app's refresh token that was used before.
  it("renews a token once for all workers, and holds none of them up", function()
    local idle = assert(helper.connect(nginx.port, 20))
    local answers, longest = 0, 0
    for _ = 1, 2 do
      local waiting = {}
      for i = 1, 20 do waiting[i] = send("/groups") end
      local until_then = helper.now() + 0.6
      while helper.now() < until_then do
        local at = helper.now()
        assert(idle:request { path = "/idle" })
        answers, longest = answers + 1, math.max(longest, helper.now() - at)
      end
      for i = 1, 20 do
        local line, length
        repeat
          line = assert(waiting[i].sock:receive("*l"))
          length = line:match("^[Cc]ontent%-[Ll]ength: (%d+)") or length
        until line == ""
        local body = waiting[i].sock:receive(tonumber(length))
        assert.equal("fine", body)
        waiting[i]:close()
      end
      sandbox.control("POST", "options", { advance = 28800 }) -- ended
    end
    idle:close()
    assert.truthy(answers > 50 and longest < 0.65, answers .. " " .. longest) -- a sync takes 0.7
  end)

  it("receives what happens, and a chat's end with the chat", function()
    local own = assert(livechat.new { api = "v3", username = sandbox.account_id,
      api_key = sandbox.api_key, base_url = sandbox.url, accounts_url = sandbox.url,
      helpdesk_url = sandbox.url .. "/v1", client_id = sandbox.client_id, throttle = false })
    for _, event_type in ipairs { "chat_started", "chat_ended", "incoming_event" } do
      assert(own.webhooks:create { event_type = event_type, secret = SECRET,
        url = "http://127.0.0.1:" .. nginx.port .. "/hook" })
    end
    local chat = assert(own:call("agent", "start_chat", { chat = { users = {}, thread = {
      events = { { type = "message", text = "Hello" } } } } }))
    assert(own.chats:send(chat.chat_id, { text = "Good-bye" }))
    assert(own.chats:close(chat.chat_id))
    local text = helper.wait_until(function()
      local seen = helper.read(folder .. "/seen") or ""
      return seen:find("chat_ended", 1, true) and seen:find("chat_started", 1, true) and seen
    end, 20, "the deliveries")
    assert.equal(1, select(2, text:gsub("chat_started " .. chat.chat_id, "")))
    assert.equal(1, select(2, text:gsub("chat_ended " .. chat.chat_id, "")))
    local refused = assert(helper.http { port = nginx.port, method = "POST", path = "/hook",
      body = '{"action":"incoming_chat","secret_key":"wrong","payload":{}}' })
    assert.equal(401, refused.status)
    assert.is_nil(helper.read(nginx.log):find(SECRET, 1, true))
  end)
end)
