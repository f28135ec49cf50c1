-- SPDX-License-Identifier: MIT
-- once, alone: it measures
--- The client inside nginx under load: how the worker serves other requests meanwhile.
local core = require "livechat.core"
local embed = require "spec.embed"
local helper = require "spec.helper"
local process = require "livechat.nginx_process"
local socket = require "socket"
local stats = require "bench.stats"

local SLOW, CALLS = 0.05, 50

-- Answers after `wait` seconds.
local UPSTREAM = [[
  access_log off;
  lua_socket_log_errors off;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:$PORT;
    listen 127.0.0.1:$TLS ssl;
    ssl_certificate $CERT;
    ssl_certificate_key $KEY;
    if ($scheme = https) { set $once 1; }
    location / { content_by_lua_block {
      local wait = tonumber(ngx.var.arg_wait)
      if wait then ngx.sleep(wait) end
      local body = '{"text":"' .. ("x"):rep(19) .. '"}'
      ngx.header["Content-Type"] = "application/json"
      ngx.header["Content-Length"] = #body
      if ngx.var.scheme == "https" then ngx.header["Connection"] = "close" end
      ngx.print(body)
    } }
  }
]]

local INIT = [[
  function connect(options)
    local with = { username = "a@example.com", api_key = "k", base_url = "$URL", throttle = false }
    for name, value in pairs(options or {}) do with[name] = value end
    return livechat.new(with)
  end
  client = connect()
  secure = connect { base_url = "$SECURE", ca_file = "$CERT" }
  --- n calls at once: how many were answered, in what time.
  function burst(by, n, wait)
    local items, fine, began = {}, 0, core.clock()
    for i = 1, n do items[i] = i end
    for _, result in ipairs(livechat.gather(items, function()
      return by:request { path = "/x", query = { wait = tostring(wait) } }
    end, { concurrency = n })) do
      fine = fine + (result[1] and 1 or 0)
    end
    return fine, core.clock() - began
  end
  --- A client that waits without nginx's knowing: the worker stands still.
  local ffi = require "ffi"
  ffi.cdef "struct pollfd { int fd; short events; short revents; };"
  ffi.cdef "int poll(struct pollfd *fds, unsigned long n, int timeout);"
  blocking = connect { wait = function(fd, seconds)
    ffi.C.poll(ffi.new("struct pollfd[1]", { { fd, 1, 0 } }), 1, math.ceil(seconds * 1000))
  end }
]]

local upstream, values

local function fill(text)
  return (text:gsub("%$(%u+)", values))
end

local function start(options)
  options = options or {}
  options.init = fill(INIT)
  return embed.start(options)
end

setup(function()
  values = { PORT = "$PORT", TLS = tostring(helper.free_port()) }
  values.CERT, values.KEY = helper.certificate()
  upstream = helper.nginx { http = fill(UPSTREAM) }
  values.URL = "http://127.0.0.1:" .. upstream.port
  values.SECURE = "https://127.0.0.1:" .. values.TLS
end)
teardown(helper.cleanup)

local function ms(seconds)
  return ("%.1f ms"):format(seconds * 1000)
end

--- Times of an unrelated location for so many seconds.
local function probe(nginx, seconds)
  local connection, times = assert(helper.connect(nginx.port, 30)), {}
  local ends = core.clock() + seconds
  repeat
    local began = core.clock()
    assert(connection:request { path = "/idle" })
    times[#times + 1] = core.clock() - began
    helper.sleep(0.001)
  until core.clock() > ends
  connection:close()
  return { p50 = stats.percentile(times, 0.5), p99 = stats.percentile(times, 0.99),
    max = stats.percentile(times, 1), n = #times }
end

--- The same while bursts follow each other in the worker; also the median time of a burst.
local function probe_during(nginx, by, seconds)
  local finish = nginx.begin(([[
    local began, times = core.clock(), {}
    while core.clock() - began < %g do
      local fine, took = burst(%s, %d, %g)
      assert(fine == %d, fine .. " answers")
      times[#times + 1] = took
    end
    table.sort(times)
    return times[math.ceil(#times / 2)] ]]):format(seconds, by, CALLS, SLOW, CALLS))
  local found = probe(nginx, seconds)
  local status, text = finish()
  assert.equal(200, status, text)
  found.burst = assert(tonumber(text), text)
  return found
end

local function tell(what, found)
  print(("note: %s: p50 %s, p99 %s, longest %s%s"):format(what, ms(found.p50), ms(found.p99),
    ms(found.max), found.burst and "; 50 calls in " .. ms(found.burst) or ""))
end

describe("50 calls of 50 ms at once in one worker", function()
  local nginx, idle

  setup(function()
    nginx = start()
    nginx.run "burst(client, 50, 0) burst(secure, 50, 0)"
    idle = probe(nginx, 1.5)
    tell("an unrelated location, idle", idle)
  end)

  it("take 50 ms, and an unrelated location answers as if idle", function()
    local found = probe_during(nginx, "client", 2)
    tell("with calls in flight", found)
    assert.is_true(found.burst >= SLOW and found.burst < 2 * SLOW, found.burst)
    assert.is_true(found.p50 < 2 * idle.p50 + 0.001, found.p50)
    assert.is_true(found.p99 < 0.02, found.p99)
  end)

  it("so too where each makes a TLS connection of its own", function()
    local found = probe_during(nginx, "secure", 2)
    tell("with new TLS connections", found)
    assert.is_true(found.burst < 12 * SLOW, found.burst)
    assert.is_true(found.p50 < 2 * idle.p50 + 0.001, found.p50)
    assert.is_true(found.p99 < 0.03, found.p99)
  end)

  it("in contrast, a client that blocks stops the worker", function()
    local found = probe_during(nginx, "blocking", 0.1)
    tell("with a client that blocks", found)
    assert.is_true(found.burst > 0.9 * CALLS * SLOW, found.burst)
    assert.is_true(found.max > 0.9 * CALLS * SLOW, found.max)
  end)
end)

describe("one worker", function()
  --- Others go on while calls to `where` wait for nothing; gives the errors of those.
  local function hang(nginx, where)
    local finish = nginx.begin(([[
      local dead, slots, kinds = connect { base_url = "%s", timeout = 1, retry = false }, {}, {}
      for i = 1, 20 do slots[i] = i end
      local began = core.clock()
      for i, result in ipairs(livechat.gather(slots, function()
        return dead:request { path = "/x" }
      end, { concurrency = 20 })) do
        kinds[i] = result[2].kind .. "/" .. result[2].outcome
      end
      return core.clock() - began .. " " .. table.concat(kinds, " ")]]):format(where))
    helper.sleep(0.2)
    local found = probe(nginx, 0.5)
    local took = core.clock()
    assert.equal("50", (nginx.run("return (burst(client, 50, 0.05))")))
    took = core.clock() - took
    assert.is_true(took < 0.5, took)
    assert.is_true(found.p99 < 0.03, found.p99)
    local status, text = finish()
    assert.equal(200, status, text)
    local seconds, kinds = text:match("^(%S+) (.*)$")
    assert.is_true(tonumber(seconds) >= 0.99 and tonumber(seconds) < 2, seconds)
    assert.equal("0", nginx.run "return pending()")
    return found, kinds, tonumber(seconds)
  end

  it("goes on while an upstream accepts and never answers", function()
    local listener = assert(socket.bind("127.0.0.1", 0, 64))
    local _, port = listener:getsockname()
    local nginx = start()
    local found, kinds, seconds = hang(nginx, "http://127.0.0.1:" .. port)
    tell(("with a silent upstream, 20 calls ended after %.2f s"):format(seconds), found)
    assert.equal(("timeout/unknown "):rep(20), kinds .. " ")
    assert.same({}, nginx.complaints())
    listener:close()
  end)

  it("goes on while DNS never answers, and can exit", function()
    local silent = socket.udp()
    if not process.execute "unshare -m true 2>/dev/null"
      or not silent:setsockname("127.0.0.77", 53)
    then
      pending("needs root: a resolv.conf of its own, and port 53")
      return
    end
    local resolv = helper.folder() .. "/resolv.conf"
    helper.write(resolv, "nameserver 127.0.0.77\n")
    local nginx = start { before = { "unshare", "-m", "sh", "-c",
      "mount --bind " .. resolv .. ' /etc/resolv.conf && exec "$@"', "sh" } }
    local found, kinds, seconds = hang(nginx, "https://service.example.com")
    tell(("with a silent resolver, 20 calls ended after %.2f s"):format(seconds), found)
    assert.equal(("timeout/not_sent "):rep(20), kinds .. " ")
    silent:settimeout(1)
    assert.truthy(silent:receivefrom()) -- it was asked
    local began = core.clock()
    helper.kill(nginx.pid, "QUIT")
    assert.is_true(helper.wait_exit(nginx.pid, 20))
    assert.is_true(core.clock() - began < 2, core.clock() - began)
    assert.same({}, nginx.complaints())
    silent:close()
  end)
end)
