-- SPDX-License-Identifier: MIT
-- once: the receiver runs inside nginx
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"
local socket = require "socket"

local TOKEN = "27f41c8da685c81a890f9e5f8ce48387"

local function body_of(id, more)
  local body = { event_type = "chat_started", event_unique_id = id, token = TOKEN,
    chat = { id = "PR8G5BAYCT", started_timestamp = 1557766017 } }
  for name, value in pairs(more or {}) do body[name] = value end
  return json.encode(body)
end

--- An nginx whose workers run `setup`, which makes the global `receiver`.
local function start(setup, options)
  options = options or {}
  options.http = ([[
    access_log off;
    client_max_body_size 0;
    client_body_buffer_size 8k;
    lua_package_path "%s/lua/?.lua;%s/lua/?/init.lua;;";
    lua_package_cpath "%s/build/5.1/?.so;;";
    init_by_lua_block {
      livechat = require "livechat"
      json = require "livechat.json"
      %s
    }
    init_worker_by_lua_block { if start_worker then start_worker() end }
    server {
      listen 127.0.0.1:$PORT;
      location /livechat {
        content_by_lua_block { require("livechat.nginx").serve(receiver) }
      }
      %s
      location /pid { content_by_lua_block { ngx.print(ngx.worker.pid()) } }
      location /got { content_by_lua_block { ngx.print(json.encode(json.array(got))) } }
    }
  ]]):format(helper.root, helper.root, helper.root, setup,
    options.locations or "")
  return helper.nginx(options)
end

local function post(nginx, body, headers)
  return assert(helper.http { port = nginx.port, path = "/livechat", method = "POST", body = body,
    headers = headers })
end

local function get(nginx, path)
  return assert(helper.http { port = nginx.port, path = path }).body
end

describe("require('livechat.nginx').serve", function()
  after_each(helper.cleanup)

  local RECORDING = ([[
    got = {}
    receiver = livechat.receiver { token = %q }
    receiver:on("*", function(event) got[#got + 1] = event.id .. " " .. tostring(event.pad) end)
  ]]):format(TOKEN)

  it("answers what the receiver answers", function()
    local nginx = start(RECORDING)
    local answer = post(nginx, body_of "a")
    assert.equal(200, answer.status)
    assert.equal("handled\n", answer.body)
    assert.equal("8", answer.headers["content-length"])
    assert.equal("text/plain", answer.headers["content-type"])
    assert.equal("handled already\n", post(nginx, body_of "a").body)
    assert.equal(400, post(nginx, "{").status)
    answer = post(nginx, body_of("b", { token = "x" }))
    assert.equal(401, answer.status)
    assert.is_nil(answer.headers["www-authenticate"])
    assert.equal('["a nil"]', get(nginx, "/got"))
  end)

  it("handles an event again whose handler was killed", function()
    local nginx = start(([[
      got = {}
      receiver = livechat.receiver { token = %q }
      local ways = {
        exit = function() ngx.exit(200) end,
        abort = function() ngx.sleep(20) end,
        kill = function() ngx.sleep(20) end,
      }
      receiver:on("*", function(event)
        local n = #got
        got[n + 1] = event.id
        if got[n] ~= event.id then
          ngx.sleep(0.001)
          ways[event.id]()
        end
      end)
      function serve_by_thread()
        ngx.req.read_body()
        local body = ngx.req.get_body_data()
        local thread = ngx.thread.spawn(function() ngx.sleep(0) receiver:handle(body) end)
        ngx.sleep(0.05)
        ngx.thread.kill(thread)
        ngx.print("killed")
      end
    ]]):format(TOKEN), { locations = [[
      location /abort {
        lua_check_client_abort on;
        content_by_lua_block { require("livechat.nginx").serve(receiver) }
      }
      location /thread { content_by_lua_block { serve_by_thread() } }
    ]] })
    local function again(id)
      local answer
      for _ = 1, 10 do -- the collector may need more than one look
        answer = post(nginx, body_of(id))
        if answer.status == 200 then break end
      end
      assert.equal("handled\n", answer.body)
      assert.equal("handled already\n", post(nginx, body_of(id)).body)
    end
    post(nginx, body_of "exit")
    again "exit"
    local client, body = assert(socket.connect("127.0.0.1", nginx.port)), body_of "abort"
    client:send("POST /abort HTTP/1.1\r\nHost: x\r\nContent-Length: " .. #body .. "\r\n\r\n"
      .. body)
    helper.wait_until(function() return get(nginx, "/got"):find("abort", 1, true) end, 5, "it")
    assert.equal("it is being handled\n", post(nginx, body).body)
    client:close()
    helper.sleep(0.1)
    again "abort"
    assert.equal("killed", assert(helper.http { port = nginx.port, path = "/thread",
      method = "POST", body = body_of "kill" }).body)
    again "kill"
    assert.equal('["exit","exit","abort","abort","kill","kill"]', get(nginx, "/got"))
  end)

  it("takes nothing but POST", function()
    local nginx = start(RECORDING)
    for _, method in ipairs { "GET", "HEAD", "PUT", "DELETE", "OPTIONS" } do
      local answer = assert(helper.http { port = nginx.port, path = "/livechat", method = method,
        body = method == "PUT" and body_of "a" or nil })
      assert.equal(405, answer.status)
      assert.equal("POST", answer.headers["allow"])
    end
    assert.equal("[]", get(nginx, "/got"))
  end)

  it("reads a body that nginx has put into a file", function()
    local nginx = start(RECORDING)
    local pad = ("0123456789"):rep(20000)
    assert.equal(200, post(nginx, body_of("big", { pad = pad })).status)
    assert.truthy(helper.read(nginx.log):find("buffered to a temporary file", 1, true))
    assert.equal(json.encode { "big " .. pad }, get(nginx, "/got"))
  end)

  it("refuses what is too large, announced or not", function()
    local nginx = start(RECORDING)
    -- Announced: answered before any of it was sent.
    local sock = assert(socket.connect("127.0.0.1", nginx.port))
    sock:settimeout(5)
    sock:send("POST /livechat HTTP/1.1\r\nHost: x\r\nContent-Length: 2097152\r\n\r\n")
    assert.equal("HTTP/1.1 413 Request Entity Too Large", sock:receive("*l"))
    sock:close()
    -- In chunks, whose sum is not known beforehand.
    sock = assert(socket.connect("127.0.0.1", nginx.port))
    sock:settimeout(5)
    sock:send("POST /livechat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ = 1, 32 do sock:send("10000\r\n" .. (" "):rep(65536) .. "\r\n") end
    sock:send("0\r\n\r\n")
    assert.equal("HTTP/1.1 413 Request Entity Too Large", sock:receive("*l"))
    sock:close()
    assert.equal(413, post(nginx, (" "):rep(2 ^ 20 + 1)).status)
    assert.equal(400, post(nginx, (" "):rep(2 ^ 20)).status)
    sock = assert(socket.connect("127.0.0.1", nginx.port))
    sock:settimeout(5)
    sock:send("POST /livechat HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    local text = body_of "chunked"
    sock:send(("%x\r\n%s\r\n0\r\n\r\n"):format(#text, text))
    assert.equal("HTTP/1.1 200 OK", sock:receive("*l"))
    sock:close()
  end)

  it("asks for the credentials of the registered URL", function()
    local nginx = start([[receiver = livechat.receiver { token = false,
      basic_auth = { user = "u", password = "abc" } }]])
    local answer = post(nginx, body_of "a")
    assert.equal(401, answer.status)
    assert.equal('Basic realm="livechat"', answer.headers["www-authenticate"])
    assert.equal(401, post(nginx, body_of "a", { Authorization = "Basic dTphYmQ=" }).status)
    assert.equal(200, post(nginx, body_of "a", { authorization = "Basic dTphYmM=" }).status)
  end)

  it("survives every malformed body in one and the same worker", function()
    local nginx = start(RECORDING)
    local worker = get(nginx, "/pid")
    local start_of = '{"event_type":"x","token":"' .. TOKEN .. '",'
    local bodies = {
      "", "not json", "[]", "5", "null", '"x"', "[" .. body_of "a" .. "]", ("["):rep(10000),
      ("["):rep(10000) .. ("]"):rep(10000), ('{"a":'):rep(10000) .. "1" .. ("}"):rep(10000),
      ("x"):rep(2 * 2 ^ 20), '{"token":"' .. TOKEN .. '"}', start_of .. '"a":"\255"}',
      start_of .. '"a":"\192\175"}', start_of .. '"event_type":"y"}', start_of .. '"a":"\0"}',
      start_of .. '"a":1,"\\u0061":2}', start_of .. '"n":1e999,"chat":5}', body_of("a"):sub(1, -5),
    }
    for _, value in ipairs { 5, true, "x", { 1 }, { { { 1 } } }, { a = { b = 1 } }, { id = {} } } do
      for _, member in ipairs { "chat", "visitor", "pre_chat_survey", "ticket", "canned_response",
        "license_id", "event_unique_id", "lc_version", "token", "event_type" } do
        bodies[#bodies + 1] = body_of("a", { [member] = value })
      end
    end
    local counts = {}
    for _, body in ipairs(bodies) do
      local status = post(nginx, body).status
      counts[status] = (counts[status] or 0) + 1
    end
    assert.equal(worker, get(nginx, "/pid"))
    assert.equal(1, counts[413])
    assert.is_nil(counts[500])
    -- What has a member in an unforeseen form is an event all the same.
    assert.same({ 19, 9 }, { counts[400], counts[401] })
    assert.equal(#bodies, counts[200] + counts[400] + counts[401] + counts[413])
    local log = helper.read(nginx.log)
    for line in log:gmatch("[^\n]*%[error%][^\n]*") do
      assert.truthy(line:find("livechat: a delivery was refused with 4", 1, true)
        or line:find(" came in an unforeseen form, which handlers get as it is", 1, true), line)
    end
    assert.equal(4, select(2, log:gsub("livechat: a delivery was refused with", "")))
    assert.is_nil(log:find(TOKEN, 1, true))
    assert.equal(200, post(nginx, body_of "fine").status)
  end)

  it("lets handlers call the API while other requests go on", function()
    local sandbox = helper.sandbox { seed = 1, fault = "slow=1/PUT /tickets/*" }
    local nginx = start(([[
      client = livechat.new { base_url = %q, username = %q, api_key = %q }
      got = {}
      receiver = livechat.receiver { token = false, client = client }
      receiver:on("ticket_created", function(event)
        local ticket = assert(event.ticket:tag { "seen" })
        got[#got + 1] = ticket.id .. " " .. table.concat(ticket.tags, ",")
      end)
    ]]):format(sandbox.url, sandbox.username, sandbox.api_key))
    local id = sandbox.control("GET", "tickets").ids[1]
    local connection = assert(helper.connect(nginx.port))
    local text = json.encode { event_type = "ticket_created", ticket = { id = id } }
    connection.sock:send(("POST /livechat HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s")
      :format(#text, text))
    local began = helper.now()
    helper.sleep(0.1)
    for _ = 1, 5 do get(nginx, "/pid") end
    assert.truthy(helper.now() - began < 0.8)
    assert.equal("HTTP/1.1 200 OK", connection.sock:receive("*l"))
    assert.truthy(helper.now() - began >= 0.9)
    connection:close()
    assert.equal(json.encode { id .. " seen" }, get(nginx, "/got"))
  end)

  it("writes what a handler raises into nginx's log", function()
    local nginx = start([[receiver = livechat.receiver { token = false }
      receiver:on("*", function() error("trouble here") end)]])
    assert.equal(500, post(nginx, body_of "a").status)
    local log = helper.read(nginx.log)
    assert.matches("%[error%].*livechat.Event: chat_started a: .*trouble here\nstack trace", log)
    assert.is_nil(log:find(TOKEN, 1, true))
    helper.http { port = nginx.port, method = "POST", path = "/livechat?token=" .. TOKEN,
      body = json.encode { eventType = "tickets.create", payload = { ID = "t1" } } }
    helper.wait_until(function()
      return helper.read(nginx.log):find("ticket_created create-t1: ", 1, true)
    end, 10, "the line of the error log")
    assert.is_nil(helper.read(nginx.log):find(TOKEN, 1, true))
  end)
end)

describe("examples/nginx.conf", function()
  after_each(helper.cleanup)

  it("is in docs/webhooks.md, and works but for its places", function()
    local conf = helper.read("examples/nginx.conf")
    assert.truthy(helper.read("docs/webhooks.md"):find("```nginx\n" .. conf .. "```\n", 1, true))
    local folder, port = helper.folder(), helper.free_port()
    local function put(old, new)
      local count
      conf, count = conf:gsub(old:gsub("%p", "%%%0"), (new:gsub("%%", "%%%%")))
      assert.truthy(count > 0, old)
    end
    put("/usr/local/share/lua/5.1/", helper.root .. "/lua/")
    put("/usr/local/lib/lua/5.1/", helper.root .. "/build/5.1/")
    put("/var/spool/livechat", folder .. "/inbox")
    put("/run/livechat-nginx.pid", folder .. "/nginx.pid")
    local user = select(2, helper.run("id -un")):gsub("%s+$", "")
    put("/var/log/nginx/access.log", folder .. "/access.log")
    put("user www-data;", ("user %s; daemon off; error_log stderr;"):format(user))
    put("8080", tostring(port))
    helper.write(folder .. "/nginx.conf", conf)
    local argv = { "nginx", "-c", folder .. "/nginx.conf" }
    local pid, output = helper.spawn(argv)
    assert.truthy(helper.wait_exit(pid))
    assert.matches("neither token nor basic_auth is given", helper.read(output))
    pid, output = helper.spawn(argv, { env = { LIVECHAT_WEBHOOK_TOKEN = TOKEN } })
    helper.wait_port(port)
    assert.equal(401, post({ port = port }, body_of("a", { token = "x" })).status)
    local answer = post({ port = port }, body_of "a")
    assert.equal("200 stored\n", answer.status .. " " .. answer.body)
    assert.truthy(helper.read(folder .. "/inbox/new/a"))

    -- HelpDesk's, whose token stands in the URL: not in what nginx writes down.
    local function deliver(token, id)
      return helper.http { port = port, method = "POST", path = "/livechat?token=" .. token,
        body = json.encode { eventType = "tickets.create", payload = { ID = id } } }.status
    end
    assert.equal(200, deliver(TOKEN, "t1"))
    assert.equal(401, deliver("not-" .. TOKEN, "t2"))
    helper.wait_until(function()
      return helper.read(output):find("its token is wrong", 1, true)
    end, 10, "the line of the error log")
    helper.stop(pid)
    for _, log in ipairs { helper.read(folder .. "/access.log"), helper.read(output) } do
      assert.is_nil(log:find(TOKEN, 1, true))
      assert.truthy(log:find("/livechat", 1, true) or log:find("token is wrong", 1, true))
    end
  end)
end)

describe("an inbox in nginx", function()
  after_each(helper.cleanup)

  local function with_inbox(inbox)
    return ([[receiver = livechat.receiver { token = %q, inbox = livechat.inbox(%s) }]]):format(
      TOKEN, inbox)
  end

  local function drained(inbox)
    local receiver, ids, count = livechat.receiver { token = false, inbox = inbox }, {}, 0
    receiver:on("*", function(event)
      count = count + 1
      ids[event.id] = (ids[event.id] or 0) + 1
    end)
    local _, failed = receiver:drain()
    assert.equal(0, failed)
    return ids, count
  end

  it("takes the events of several workers, for scripts to handle", function()
    local path = helper.folder() .. "/inbox"
    local nginx = start(with_inbox(("%q"):format(path)), { workers = 2 })
    local pids, workers = {}, 0
    for i = 1, 200 do
      local answer = post(nginx, body_of("e" .. i))
      assert.equal("200 stored\n", answer.status .. " " .. answer.body)
      assert.equal("known already\n", post(nginx, body_of("e" .. i)).body)
      pids[get(nginx, "/pid")] = true
    end
    for _ in pairs(pids) do workers = workers + 1 end
    assert.equal(2, workers)
    local ids, count = drained(livechat.inbox(path))
    assert.equal(200, count)
    for i = 1, 200 do assert.equal(1, ids["e" .. i]) end
    assert.equal("known already\n", post(nginx, body_of "e1").body)
  end)

  it("loses nothing while nginx is reloaded again and again", function()
    local path = helper.folder() .. "/inbox"
    local nginx = start(with_inbox(("%q"):format(path)), { workers = 2 })
    local sent, reloads, next_reload = 0, 0, helper.now()
    while reloads < 8 do
      if helper.now() >= next_reload then
        helper.kill(nginx.pid, "HUP")
        reloads, next_reload = reloads + 1, helper.now() + 0.15
      end
      sent = sent + 1
      local answer, message = helper.http { port = nginx.port, path = "/livechat", method = "POST",
        body = body_of("e" .. sent) }
      assert.truthy(answer, message)
      assert.equal(200, answer.status)
    end
    local ids, count = drained(livechat.inbox(path))
    assert.equal(sent, count)
    for i = 1, sent do assert.equal(1, ids["e" .. i]) end
  end)

  it("may be worked off by a timer of the worker", function()
    local path = helper.folder() .. "/inbox"
    local nginx = start(with_inbox(("%q"):format(path)) .. [[
      got = {}
      receiver:on("*", function(event)
        ngx.sleep(0.01)
        got[#got + 1] = event.id
      end)
      function start_worker()
        ngx.timer.at(0, function() receiver:run { poll = 0.05 } end)
      end
    ]])
    for i = 1, 3 do
      assert.equal("stored\n", post(nginx, body_of("e" .. i)).body)
      helper.wait_until(function() return get(nginx, "/got"):find("e" .. i, 1, true) end)
    end
    nginx.stop()
    assert.is_nil(helper.read(nginx.log):find("[error]", 1, true))
  end)

  it("lets the worker go that works it off", function()
    local path = helper.folder() .. "/inbox"
    local nginx = start(with_inbox(("%q"):format(path)) .. [[
      got = {}
      receiver:on("*", function(event) got[#got + 1] = event.id end)
      function start_worker()
        ngx.timer.at(0, function() receiver:run { poll = 0.1 } end)
      end
    ]])
    local before = tonumber(get(nginx, "/pid"))
    post(nginx, body_of "early")
    helper.wait_until(function() return get(nginx, "/got"):find("early", 1, true) end)
    helper.kill(nginx.pid, "HUP")
    assert.truthy(helper.wait_exit(before, 10))
    post(nginx, body_of "late")
    helper.wait_until(function() return get(nginx, "/got"):find("late", 1, true) end)
    assert.not_equal(before, tonumber(get(nginx, "/pid")))
  end)

  it("may be in Redis", function()
    local server = helper.redis()
    local nginx = start(with_inbox(([[{ redis = function()
      local connection = require("nginx.redis"):new()
      connection:set_timeout(1000)
      assert(connection:connect("127.0.0.1", %d))
      return connection
    end }]]):format(server.port)), { workers = 2 })
    for i = 1, 50 do
      assert.equal("stored\n", post(nginx, body_of("e" .. i)).body)
      assert.equal("known already\n", post(nginx, body_of("e" .. i)).body)
    end
    package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
    local ids, count = drained(livechat.inbox { redis = function()
      return require("redis").connect("127.0.0.1", server.port)
    end })
    assert.equal(50, count)
    for i = 1, 50 do assert.equal(1, ids["e" .. i]) end
    server.stop()
    assert.equal(500, post(nginx, body_of "late").status)
    assert.matches("event late was not stored: the inbox livechat:inbox of Redis", helper.read(
      nginx.log))
  end)

  it("may be worked off in nginx from Redis", function()
    local server = helper.redis()
    local nginx = start(with_inbox(([[{ redis = function()
      local connection = require("nginx.redis"):new()
      connection:set_timeout(1000)
      assert(connection:connect("127.0.0.1", %d))
      return connection
    end }]]):format(server.port)) .. [[
      got = {}
      receiver:on("*", function(event) got[#got + 1] = event.id end)
      function start_worker()
        ngx.timer.at(0, function() receiver:run { poll = 0.05 } end)
      end
    ]])
    for i = 1, 3 do
      assert.equal("stored\n", post(nginx, body_of("e" .. i)).body)
      helper.wait_until(function() return get(nginx, "/got"):find("e" .. i, 1, true) end)
    end
  end)
end)
