-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
--- The local LiveChat on real HTTP: what nginx adds to the state machine.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local server = require "livechat.sandbox.server"
local helper = require "spec.helper"

local KEY = "key-of-this-spec-7d1f"

local function headers_for(sandbox)
  return { Authorization = "Basic " .. base64.encode(sandbox.username .. ":" .. sandbox.api_key),
    ["X-API-Version"] = "2", ["Content-Type"] = "application/json" }
end

local function call(sandbox, method, path, fields, timeout)
  return helper.http({ url = sandbox.control_url .. path, method = method, timeout = timeout,
    headers = headers_for(sandbox), body = fields and json.encode(fields) or nil })
end

local NEW_TICKET = { message = "It is broken", requester = { mail = "mary@example.net" } }

describe("the local service over HTTP", function()
  local sandbox

  setup(function()
    sandbox = helper.sandbox({ seed = 30, api_key = KEY, calls = false, speed = 1000 })
  end)

  teardown(helper.cleanup)

  before_each(function()
    sandbox.control("DELETE", "faults")
    sandbox.control("DELETE", "calls")
  end)

  it("answers with the headers of a JSON service", function()
    local response = assert(call(sandbox, "GET", "/tickets"))
    assert.equal(200, response.status)
    assert.equal("application/json; charset=utf-8", response.headers["content-type"])
    assert.equal(tostring(#response.body), response.headers["content-length"])
    assert.truthy(response.headers.date:find("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$"))
    assert.equal(30, json.fold(json.decode(response.body)).total)
    local head = assert(call(sandbox, "HEAD", "/tickets"))
    assert.equal(response.headers["content-length"], head.headers["content-length"])
    assert.equal(401, helper.http({ url = sandbox.url .. "/v2/agents" }).status)
  end)

  it("keeps a connection for any number of calls", function()
    local connection = assert(helper.connect(sandbox.port))
    for _ = 1, 50 do
      local response = assert(connection:request({ path = "/agents",
        headers = headers_for(sandbox) }))
      assert.equal(200, response.status)
    end
    connection:close()
  end)

  it("takes paths and queries as they were sent, and bodies of any size", function()
    assert.equal(200, call(sandbox, "POST", "/agents", { login = "a/b%20@c.d", name = "N" }).status)
    local response = call(sandbox, "GET", "/agents/a%2Fb%2520@c.d")
    assert.equal("a/b%20@c.d", json.decode(response.body).login)
    assert.equal(404, call(sandbox, "GET", "/agents/a%2Fb%20@c.d").status)
    local message = ("long "):rep(400000)
    response = call(sandbox, "POST", "/tickets",
      { message = message, subject = "Long", requester = { mail = "long@example.net" } })
    assert.equal(message, json.decode(response.body).events[1].message)
    response = call(sandbox, "GET", "/tickets?requester%5Bmail%5D=long%40example.net&page=1")
    assert.equal(1, json.fold(json.decode(response.body)).total)
  end)

  it("listens on loopback only", function()
    local found = {}
    for address, port in helper.read("/proc/net/tcp"):gmatch("(%x+):(%x+) %x+:%x+ 0A") do
      if tonumber(port, 16) == sandbox.port then found[#found + 1] = address end
    end
    assert.same({ "0100007F" }, found)
  end)

  it("shows its key nowhere", function()
    helper.http({ url = sandbox.url .. "/agents", headers = { Authorization = "Basic " .. KEY } })
    call(sandbox, "POST", "/tickets", { [KEY] = KEY })
    local shown = helper.read(("/proc/%d/cmdline"):format(sandbox.pid))
    for _, secret in ipairs({ KEY, base64.encode(sandbox.username .. ":" .. KEY) }) do
      assert.is_nil(shown:find(secret, 1, true))
      assert.equal("", (select(2, helper.run("grep -rl -- " .. helper.quote(secret) .. " " ..
        helper.quote(sandbox.folder)))))
      assert.is_nil(json.encode(sandbox.control("GET", "calls")):find(secret, 1, true))
    end
    assert.truthy(helper.read(sandbox.log):find("epoll", 1, true)) -- the log is where we look
    assert.equal("drwx------", (select(2, helper.run("ls -ld " .. sandbox.folder))):sub(1, 10))
  end)

  it("tells control what was wrong", function()
    local ok, message = pcall(sandbox.control, "POST", "faults", { fault = "nonsense" })
    assert.is_false(ok)
    assert.truthy(message:find("no such fault: nonsense", 1, true))
  end)
end)

describe("a fault on the wire", function()
  local sandbox, prober

  setup(function()
    sandbox = helper.sandbox({ api_key = KEY, calls = false })
    -- An nginx socket tells a reset from an orderly end; luasocket says "closed" for both.
    prober = helper.nginx({ http = ([[
      lua_socket_log_errors off;
      server { listen 127.0.0.1:$PORT; location / { content_by_lua_block {
        local sock = ngx.socket.tcp()
        assert(sock:connect("127.0.0.1", %d))
        assert(sock:send("GET /agents HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        local data, message = sock:receive("*a")
        ngx.print(data and "end after " .. #data or message)
      } } }]]):format(sandbox.port) })
  end)

  teardown(helper.cleanup)

  before_each(function()
    sandbox.control("POST", "reset")
  end)

  local function create_with(fault, timeout)
    sandbox.control("POST", "faults", { fault = fault .. "/POST" })
    local response, message, part = call(sandbox, "POST", "/tickets", NEW_TICKET, timeout)
    return sandbox.control("GET", "state").tickets, response, message, part
  end

  it("resets the connection, before or after the call is done", function()
    for fault, made in pairs({ ["reset-before"] = 0, ["reset-after-apply"] = 1 }) do
      sandbox.control("POST", "reset")
      local count, response, message, part = create_with(fault)
      assert.same({ made, nil, "closed", nil }, { count, response, message, part })
      assert.equal(200, call(sandbox, "GET", "/agents").status)
      sandbox.control("POST", "faults", { fault = fault })
      assert.equal("connection reset by peer", helper.http({ port = prober.port }).body)
    end
    assert.truthy(helper.http({ port = prober.port }).body:find("^end after %d+$"))
  end)

  it("ends an answer before its announced length", function()
    local count, response, message, part = create_with("truncate=20")
    assert.same({ 1, nil, "closed" }, { count, response, message })
    assert.equal(20, #part.body)
    assert.is_true(tonumber(part.headers["content-length"]) > 100)
    assert.equal(200, part.status)
    local _, _, _, half = create_with("truncate")
    assert.equal(math.floor(tonumber(half.headers["content-length"]) / 2), #half.body)
  end)

  it("delays an answer without holding up others", function()
    sandbox.control("POST", "faults", { fault = "slow=0.8/POST" })
    local started = helper.now()
    local slow = assert(helper.connect(sandbox.port))
    local body = json.encode(NEW_TICKET)
    local head = { "POST /tickets HTTP/1.1", "Host: x", "Content-Length: " .. #body }
    for name, value in pairs(headers_for(sandbox)) do head[#head + 1] = name .. ": " .. value end
    assert(slow.sock:send(table.concat(head, "\r\n") .. "\r\n\r\n" .. body))
    assert.equal(200, call(sandbox, "GET", "/agents").status)
    assert.is_true(helper.now() - started < 0.7)
    assert.equal(1, sandbox.control("GET", "state").tickets) -- done at once
    assert.equal("HTTP/1.1 200 OK", slow.sock:receive("*l"))
    assert.is_true(helper.now() - started >= 0.79)
    slow:close()
  end)

  it("sends an answer byte by byte", function()
    sandbox.control("POST", "faults", { fault = "drip=0.01/GET" })
    local started = helper.now()
    local response = assert(call(sandbox, "GET", "/nowhere"))
    assert.equal('{"error":"Resource not found"}', response.body)
    local seconds = helper.now() - started
    assert.is_true(seconds >= 0.2 and seconds < 3, seconds)
    sandbox.control("POST", "faults", { fault = "drip=0.05/GET" })
    local none, message, part = call(sandbox, "GET", "/nowhere", nil, 0.02)
    assert.same({ nil, "timeout" }, { none, message })
    assert.is_true(#part.body < 5)
    assert.equal(200, call(sandbox, "GET", "/agents").status)
  end)

  it("sends more than anyone wants", function()
    local count, response = create_with("huge=3")
    assert.equal(0, count)
    assert.is_true(#response.body > 3 * 2 ^ 20)
    assert.equal(1, json.fold(json.decode(response.body)).total)
    sandbox.control("POST", "faults", { fault = "huge=4096" })
    local connection = assert(helper.connect(sandbox.port))
    assert(connection.sock:send("GET /agents HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert(connection.sock:receive(2 ^ 20))
    connection:close() -- and nobody goes on sending
    assert.equal(200, call(sandbox, "GET", "/agents").status)
  end)

  it("answers in the place of the service", function()
    for fault, expected in pairs({ http500 = { 500, "^{\"error\"" }, http502 = { 502, "^<html>" },
      ["http429=2"] = { 429, "^{\"error\"" }, html = { 200, "^<html>" }, empty = { 200, "^$" },
      garbage = { 200, "^{.*%z?\255 %]$" }, redirect = { 302, "^$" },
      ["http500-after-apply"] = { 500, "^{\"error\"", 1 } }) do
      sandbox.control("POST", "reset")
      local count, response = create_with(fault)
      assert.same({ expected[1], expected[3] or 0 }, { response.status, count })
      assert.truthy(response.body:find(expected[2]), fault)
      assert.equal(fault == "http429=2" and "2" or nil, response.headers["retry-after"])
      assert.equal(fault == "redirect" and "http://127.0.0.1:1/" or nil,
        response.headers.location)
      assert.equal(expected[2] == "^<html>", response.headers["content-type"] == "text/html")
      assert.equal(200, call(sandbox, "POST", "/tickets", NEW_TICKET).status)
    end
  end)
end)

describe("the rate limit in real time", function()
  teardown(helper.cleanup)

  it("holds in every window, and every call is in the lists", function()
    local sandbox = helper.sandbox({ calls = 5, period = 0.4 })
    local connection, statuses, started = assert(helper.connect(sandbox.port)), {}, helper.now()
    repeat
      local response = assert(connection:request({ path = "/agents",
        headers = headers_for(sandbox) }))
      statuses[response.status] = (statuses[response.status] or 0) + 1
      helper.sleep(0.005)
    until helper.now() - started > 1.5
    local calls = sandbox.control("GET", "calls")
    assert.same({ statuses[200], statuses[429] }, { #calls.accepted, #calls.refused })
    assert.is_true(#calls.accepted >= 10 and #calls.accepted <= 20, #calls.accepted)
    for i = 6, #calls.accepted do
      assert.is_true(calls.accepted[i] - calls.accepted[i - 5] >= 0.4)
    end
    assert.is_true(math.abs(calls.accepted[1] - started) < 1)
  end)
end)

describe("a service of its own", function()
  teardown(helper.cleanup)

  it("takes faults, data and every other option from the start", function()
    local sandbox = helper.sandbox({ seed = 3, fault = { "http500@2-2", "http503" }, lag = 5,
      update = "ignore", wrapper = true, variants = "php", username = "me@example.org" })
    assert.equal("me@example.org", sandbox.username)
    assert.equal(server.API_KEY, sandbox.api_key)
    local state = sandbox.control("GET", "state")
    assert.same({ 3, 5, "ignore", true, "php", 100, 2 }, { state.tickets, state.options.lag,
      state.options.update, state.options.wrapper, state.options.variants, state.options.calls,
      #state.faults })
    local statuses = {}
    for i = 1, 3 do statuses[i] = call(sandbox, "GET", "/agents").status end
    assert.same({ 503, 500, 200 }, statuses)
  end)

  it("ends by itself when its life is over", function()
    local sandbox = helper.sandbox({ lifetime = 0.3 })
    assert.is_true(helper.alive(sandbox.pid))
    assert.is_true(helper.wait_exit(sandbox.pid, 5))
    -- nginx complains of a folder that is gone before itself: what removes it waits for the exit.
    helper.wait_until(function()
      return not helper.read(sandbox.folder .. "/nginx.conf")
    end, 5, "the folder to go")
  end)
end)

describe("HTTPS", function()
  teardown(helper.cleanup)

  it("is served with a certificate, and webhooks go to https where it can be verified", function()
    local cert, key = helper.certificate()
    local sandbox = helper.sandbox({ tls = { cert = cert, key = key }, ca_file = cert,
      speed = 1000 })
    assert.truthy(sandbox.url:find("^https://127%.0%.0%.1:%d+$"))
    local target_port = helper.free_port()
    local prober = helper.nginx({ http = ([[
      lua_ssl_trusted_certificate %s;
      server { listen 127.0.0.1:$PORT; location / { content_by_lua_block {
        local sock = ngx.socket.tcp()
        assert(sock:connect("127.0.0.1", %d))
        assert(sock:sslhandshake(nil, "localhost", true))
        assert(sock:send("GET /v2/agents HTTP/1.1\r\nHost: x\r\n\r\n"))
        ngx.print(sock:receive("*l"))
      } } }
      server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s;
        location / { return 200 "ok"; } }]]):format(cert, sandbox.port, target_port, cert, key) })
    assert.equal("HTTP/1.1 401 Unauthorized", helper.http({ port = prober.port }).body)
    local function deliver(to, ca_file)
      local from = helper.sandbox({ ca_file = ca_file })
      call(from, "POST", "/webhooks", { event_type = "chat_ended", data_types = { "chat" },
        url = to })
      from.control("POST", "trigger", { event_type = "chat_ended" })
      return helper.wait_until(function()
        return from.control("GET", "deliveries").deliveries[1].attempts[1]
      end)
    end
    local target = ("https://localhost:%d/x"):format(target_port)
    assert.equal(200, deliver(target, cert).status)
    for _ = 1, 5 do assert.truthy(deliver(target, nil).error:find("^TLS: ")) end
  end)
end)
