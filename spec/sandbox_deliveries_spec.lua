-- SPDX-License-Identifier: MIT
-- Where webhooks go: to names, to IPv6, and not where a redirect points; and how the local service
-- ends while it runs in the foreground.
local socket = require "socket"
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local hosts = require "livechat.sandbox.hosts"
local server = require "livechat.sandbox.server"
local helper = require "spec.helper"

local BASIC = "Basic " .. base64.encode(server.USERNAME .. ":" .. server.API_KEY)

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

describe("deliveries", function()
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
    local response = assert(helper.http({ url = sandbox.url .. "/v2/webhooks", method = "POST",
      headers = { Authorization = BASIC, ["Content-Type"] = "application/json" },
      body = json.encode({ event_type = "visitor_queued", data_types = { "visitor" },
        url = url }) }))
    assert.equal(200, response.status, response.body)
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
    local headers = { Authorization = BASIC, ["Content-Type"] = "application/json" }
    local seen = helper.folder() .. "/seen"
    local nosy = helper.nginx({ http = ([[
      server { listen 127.0.0.1:$PORT; location / { content_by_lua_block {
        ngx.req.read_body()
        local file = assert(io.open(%q, "w"))
        file:write(ngx.req.get_body_data())
        file:close()
        ngx.say("ok") } } }]]):format(seen) })
    local function post(path, body)
      assert.equal(200, helper.http({ url = sandbox.url .. "/v2/" .. path, method = "POST",
        headers = headers, body = json.encode(body) }).status)
    end
    post("webhooks", { event_type = "ticket_created", data_types = { "ticket" },
      url = ("http://127.0.0.1:%d/"):format(nosy.port) })
    post("tickets", { message = "x", requester = { mail = "a@b.c" } })
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
    assert(helper.http({ url = sandbox.url .. "/v2/webhooks", method = "POST",
      headers = { Authorization = BASIC, ["Content-Type"] = "application/json" },
      body = json.encode({ event_type = "visitor_queued", data_types = { "visitor" },
        url = url }) }))
    sandbox.control("POST", "trigger", { event_type = "visitor_queued" })
    for _ = 1, 20 do
      assert.equal(200, helper.http({ url = sandbox.url .. "/v2/agents",
        headers = { Authorization = BASIC } }).status)
    end
    assert.is_true(helper.now() - started < 1)
    local delivery = helper.wait_until(function()
      local first = sandbox.control("GET", "deliveries").deliveries[1]
      return first.attempts[1] and first
    end, 10, "the end of an attempt")
    assert.truthy(delivery.attempts[1].error:find("^connect: "))
  end)
end)

describe("the file of hosts", function()
  teardown(helper.cleanup)

  it("gives every address of a name, in its order", function()
    local path = helper.folder() .. "/hosts"
    helper.write(path, "# 1.2.3.4 shop\n127.0.0.1\tlocalhost Shop # shop.example\n" ..
      "  ::1 localhost shop\nnonsense\n10.0.0.1 other\n")
    assert.same({ "127.0.0.1", "[::1]" }, hosts.find("SHOP", path))
    assert.same({}, hosts.find("shop.example", path))
    assert.same({ "10.0.0.1" }, hosts.find("other", path))
    assert.same({ "127.0.0.1" }, hosts.find("localhost", path .. ".absent"))
    helper.write(path, "# nameserver 1.1.1.1\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\n" ..
      "nameserver dead\n nameserver 2001:db8::53 \nsearch example\n")
    assert.equal("10.0.0.1 [2001:db8::53]", (hosts.resolver(path):gsub(" ipv6=off$", "")))
    assert.is_nil(hosts.resolver(path .. ".absent"))
  end)
end)

describe("the local service in the foreground", function()
  teardown(helper.cleanup)

  it("ends at once and without a word at an INT or a TERM of its own", function()
    for _, signal in ipairs({ "INT", "TERM" }) do
      local temporary = helper.folder()
      local pid, output = helper.spawn(helper.lua_argv(helper.lua_version, "-e",
        'require("livechat.sandbox.server").run({})'), { env = { TMPDIR = temporary } })
      local port = tonumber(helper.wait_until(function()
        return helper.read(output):match("http://127%.0%.0%.1:(%d+)")
      end))
      assert.truthy(socket.connect("127.0.0.1", port))
      local announced = helper.read(output)
      helper.kill(pid, signal)
      assert.is_true(helper.wait_exit(pid, 5), signal)
      helper.wait_until(function()
        return not socket.connect("127.0.0.1", port) and
          select(2, helper.run("ls " .. temporary)) == ""
      end, 5, "the end of everything")
      assert.equal(announced, helper.read(output))
    end
  end)
end)
