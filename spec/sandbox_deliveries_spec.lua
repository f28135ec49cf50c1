-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
-- Webhooks on real HTTP: what goes out, when it goes out again, and where it goes.
local socket = require "socket"
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local server = require "livechat.sandbox.server"
local helper = require "spec.helper"

local BASIC = "Basic " .. base64.encode(server.USERNAME .. ":" .. server.API_KEY)
local NEW_TICKET = { message = "It is broken", requester = { mail = "mary@example.net" } }

local function call(sandbox, method, path, fields)
  return helper.http({ url = sandbox.url .. "/v2" .. path, method = method,
    headers = { Authorization = BASIC, ["Content-Type"] = "application/json" },
    body = fields and json.encode(fields) or nil })
end

-- A name server in a process of its own: every name is 127.0.0.1 but those that begin with "no",
-- which are unknown, and those that begin with "slow", about which it never says anything.
local NAMES = [[
  local socket = require "socket"
  local udp = assert(socket.udp())
  assert(udp:setsockname("127.0.0.1", %d))
  udp:settimeout(60)
  local asked = 0
  while asked < 1000 do
    local query, ip, port = udp:receivefrom()
    if not query then break end
    asked = asked + 1
    local first = query:sub(14, 17):lower()
    local kind = query:sub(-3, -3)
    if first:find("^no") then
      udp:sendto(query:sub(1, 2) .. "\129\131" .. query:sub(5, 6) .. ("\0"):rep(6) ..
        query:sub(13), ip, port)
    elseif first ~= "slow" then
      local found = kind == "\1"
      udp:sendto(query:sub(1, 2) .. "\129\128" .. query:sub(5, 6) .. (found and "\0\1" or "\0\0")
        .. ("\0"):rep(4) .. query:sub(13) .. (found and
        "\192\12\0\1\0\1\0\0\0\60\0\4\127\0\0\1" or ""), ip, port)
    end
  end]]

describe("where deliveries go", function()
  local sandbox, receiver

  setup(function()
    local port = helper.free_port()
    helper.spawn(helper.lua_argv(helper.lua_version, "-e", NAMES:format(port)))
    sandbox = helper.sandbox({ calls = false, speed = 100000, delivery_timeout = 1.5,
      resolver = "127.0.0.1:" .. port })
    receiver = helper.nginx({ http = [[
      server { listen 127.0.0.1:$PORT; listen [::1]:$PORT;
        location /away { return 302 /elsewhere; }
        location / { return 200 "ok"; } }]] })
  end)

  teardown(helper.cleanup)

  local function deliver(url)
    sandbox.control("POST", "reset")
    assert.equal(200, call(sandbox, "POST", "/webhooks", { event_type = "visitor_queued",
      data_types = { "visitor" }, url = url }).status)
    sandbox.control("POST", "trigger", { event_type = "visitor_queued" })
    return helper.wait_until(function()
      local delivery = sandbox.control("GET", "deliveries").deliveries[1]
      return delivery.attempts[1] and delivery
    end, 10, "an attempt")
  end

  it("go to a name, which is asked for again and again until it is known", function()
    for _, host in ipairs({ "shop.example", "SHOP.Example", "a-b.c.d.example" }) do
      local delivery = deliver(("http://%s:%d/x"):format(host, receiver.port))
      assert.equal(200, delivery.attempts[1].status, delivery.attempts[1].error)
      assert.equal(host, delivery.host)
    end
    local unknown = deliver(("http://nowhere.example:%d/"):format(receiver.port))
    assert.truthy(unknown.attempts[1].error:find("^connect: .*nowhere%.example"))
  end)

  it("go to localhost and to the other names of /etc/hosts without a name server", function()
    for line in (helper.read("/etc/hosts") or ""):gmatch("[^\n]+") do
      local name = line:match("^127%.0%.0%.1%s+(%S+)")
      if name and not name:find("^slow") then
        assert.equal(200, deliver(("http://%s:%d/"):format(name, receiver.port)).attempts[1].status)
      end
    end
    assert.equal(200, deliver(("http://LocalHost:%d/"):format(receiver.port)).attempts[1].status)
  end)

  it("go to an address of IPv6", function()
    local delivery = deliver(("http://[::1]:%d/x"):format(receiver.port))
    assert.equal(200, delivery.attempts[1].status, delivery.attempts[1].error)
  end)

  it("of a new ticket tell where its requester is", function()
    sandbox.control("POST", "reset")
    local seen = helper.folder() .. "/seen"
    local nosy = helper.nginx({ http = ([[
      server { listen 127.0.0.1:$PORT; location / { content_by_lua_block {
        ngx.req.read_body()
        local file = assert(io.open(%q, "w"))
        file:write(ngx.req.get_body_data())
        file:close()
        ngx.say("ok") } } }]]):format(seen) })
    assert.equal(200, call(sandbox, "POST", "/webhooks", { event_type = "ticket_created",
      data_types = { "ticket" }, url = ("http://127.0.0.1:%d/"):format(nosy.port) }).status)
    assert.equal(200, call(sandbox, "POST", "/tickets", { message = "x",
      requester = { mail = "a@b.c" } }).status)
    local ticket = json.decode(helper.wait_until(function()
      local text = helper.read(seen)
      return text ~= "" and text
    end)).ticket
    assert.same({ mail = "a@b.c", name = "", ip = "127.0.0.1", utc_offset = "UTC" },
      ticket.requester)
    assert.same({ { id = 0, name = "All operators", inherited = true } }, json.fold(ticket.groups))
  end)

  it("do not follow a redirect, which is not 200", function()
    local delivery = deliver(("http://127.0.0.1:%d/away"):format(receiver.port))
    assert.equal(302, delivery.attempts[1].status)
  end)

  it("hold nothing up where a name server says nothing", function()
    sandbox.control("POST", "reset")
    local started = helper.now()
    local url = ("http://slow.example:%d/"):format(receiver.port)
    assert.equal(200, call(sandbox, "POST", "/webhooks", { event_type = "visitor_queued",
      data_types = { "visitor" }, url = url }).status)
    sandbox.control("POST", "trigger", { event_type = "visitor_queued" })
    for _ = 1, 20 do
      assert.equal(200, call(sandbox, "GET", "/agents").status)
    end
    assert.is_true(helper.now() - started < 1)
    local delivery = helper.wait_until(function()
      local first = sandbox.control("GET", "deliveries").deliveries[1]
      return first.attempts[1] and first
    end, 10, "the end of an attempt")
    assert.truthy(delivery.attempts[1].error:find("^connect: "))
  end)
end)

describe("webhook deliveries over HTTP", function()
  local sandbox, listener, port

  setup(function()
    sandbox = helper.sandbox({ calls = false, speed = 1000, delivery_timeout = 0.3 })
    listener = assert(socket.bind("127.0.0.1", 0))
    listener:settimeout(5)
    port = math.floor(tonumber((select(2, listener:getsockname()))))
  end)

  teardown(function()
    listener:close()
    helper.cleanup()
  end)

  local function register(event_type, data_types, url)
    sandbox.control("POST", "reset")
    local response = assert(call(sandbox, "POST", "/webhooks",
      { event_type = event_type, data_types = data_types, url = url }))
    assert.equal(200, response.status)
    return json.decode(response.body).events[1]
  end

  -- Takes one request and answers with these bytes; without any, says nothing.
  local function receive(answer)
    local connection = assert(listener:accept())
    connection:settimeout(5)
    local request = { line = connection:receive("*l"), headers = {} }
    repeat
      local line = connection:receive("*l")
      local name, value = line:match("^([^:]+): (.*)$")
      if name then request.headers[name:lower()] = value end
    until line == ""
    request.body = connection:receive(tonumber(request.headers["content-length"]))
    if answer then
      connection:send(answer)
      connection:close()
    end
    return request, connection
  end

  local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

  local function first_delivery(wanted)
    return helper.wait_until(function()
      local delivery = sandbox.control("GET", "deliveries").deliveries[1]
      return delivery and delivery.state == wanted and delivery
    end, 10, "a delivery " .. wanted)
  end

  it("are POSTs of JSON, with the credentials of the URL", function()
    local hook = register("ticket_created", { "ticket" },
      ("http://me:p%%40ss@localhost:%d/hooks/a%%20b?x=1"):format(port))
    local ticket = json.decode(call(sandbox, "POST", "/tickets", NEW_TICKET).body)
    local request = receive(OK)
    assert.equal("POST /hooks/a%20b?x=1 HTTP/1.1", request.line)
    assert.equal("application/json", request.headers["content-type"])
    assert.equal("localhost:" .. port, request.headers.host)
    assert.equal("Basic " .. base64.encode("me:p@ss"), request.headers.authorization)
    local event = json.decode(request.body)
    assert.same({ "ticket_created", hook.token, ticket.id },
      { event.event_type, event.token, event.ticket.id })
    local delivery = first_delivery("delivered")
    assert.equal(ticket.id, delivery.about)
    assert.equal(200, delivery.attempts[1].status)
    assert.truthy(helper.read(sandbox.log):find("webhook ticket_created " .. ticket.id ..
      " attempt 1: 200, now delivered", 1, true))
  end)

  it("are repeated, the same bytes, until they are answered with 200", function()
    register("chat_ended", { "chat", "visitor" }, ("http://127.0.0.1:%d/"):format(port))
    sandbox.control("POST", "trigger", { event_type = "chat_ended" })
    local bodies = {}
    bodies[1] = receive("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n").body
    bodies[2] = receive("HTTP/1.1 204 No Content\r\n\r\n").body
    bodies[3] = receive("what is this\r\n\r\n").body
    bodies[4] = receive("").body
    local silent, hung = receive()
    bodies[5] = silent.body
    bodies[6] = receive(OK).body
    hung:close()
    for i = 2, 6 do assert.equal(bodies[1], bodies[i]) end
    local attempts = first_delivery("delivered").attempts
    assert.same({ 500, 204, "receive: not HTTP", "receive: closed", "receive: timeout", 200 },
      { attempts[1].status, attempts[2].status, attempts[3].error, attempts[4].error,
        attempts[5].error, attempts[6].status })
    assert.is_true(attempts[5].at - attempts[4].at >= 0.3)
  end)

  it("do not wait for a body that drips, once there is a status", function()
    register("chat_ended", { "chat" }, ("http://127.0.0.1:%d/"):format(port))
    sandbox.control("POST", "trigger", { event_type = "chat_ended" })
    local _, connection = receive()
    connection:send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ = 1, 12 do
      connection:send("x")
      helper.sleep(0.05)
    end
    local delivery = first_delivery("delivered")
    connection:close()
    assert.is_true(delivery.attempts[1].at - delivery.queued < 0.55)
  end)

  it("are given up after ten repetitions, and not in silence", function()
    register("chat_ended", { "chat" }, ("http://127.0.0.1:%d/"):format(helper.free_port()))
    sandbox.control("POST", "options", { speed = 1000000 })
    local id = sandbox.control("POST", "trigger", { event_type = "chat_ended" }).ids[1]
    local delivery = first_delivery("failed")
    assert.equal(11, #delivery.attempts)
    assert.equal("connect: connection refused", delivery.attempts[11].error)
    assert.truthy(helper.read(sandbox.log):find("%[warn%][^\n]* webhook chat_ended " .. id ..
      " attempt 11: connect: connection refused, now failed"))
  end)

  it("go out by the hundreds, no more than allowed at a time", function()
    local receiver = helper.nginx({ http = [[
      lua_shared_dict seen 10m;
      server { listen 127.0.0.1:$PORT; location / { content_by_lua_block {
        local seen = ngx.shared.seen
        ngx.req.read_body()
        local id = ngx.req.get_body_data():match('"event_unique_id":"(%x+)"')
        if ngx.var.uri == "/count" then
          ngx.say(seen:get("most"), " ", seen:get("events"))
          return
        end
        local now = seen:incr("now", 1, 0)
        if now > (seen:get("most") or 0) then seen:set("most", now) end
        if seen:add(id, true) then seen:incr("events", 1, 0) end
        ngx.sleep(0.005)
        seen:incr("now", -1)
        ngx.status = math.random(5) == 1 and 503 or 200
        ngx.say("ok")
      } } }]] })
    register("chat_ended", { "chat", "visitor", "pre_chat_survey" },
      ("http://127.0.0.1:%d/"):format(receiver.port))
    local answer = sandbox.control("POST", "trigger", { event_type = "chat_ended", count = 500 })
    assert.equal(500, answer.deliveries)
    helper.wait_until(function()
      local state = sandbox.control("GET", "state").deliveries
      return state.delivered == 500
    end, 15, "500 deliveries")
    local most, events = helper.http({ port = receiver.port, path = "/count", method = "POST",
      body = "{}" }).body:match("(%d+) (%d+)")
    assert.equal("500", events)
    assert.is_true(tonumber(most) <= 8 and tonumber(most) >= 2, most)
  end)
end)
