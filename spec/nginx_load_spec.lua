-- SPDX-License-Identifier: MIT
-- once, alone: it measures
--- The client inside nginx under load: how the worker serves everyone else meanwhile, what becomes
--- of the calls when it is reloaded or ended, and what it keeps.
local core = require "livechat.core"
local embed = require "spec.embed"
local helper = require "spec.helper"
local process = require "livechat.nginx_process"
local socket = require "socket"
local stats = require "bench.stats"

local SLOW, CALLS = 0.05, 50

-- Answers after `wait` seconds with a body of `size` bytes.
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
      local wait, size = tonumber(ngx.var.arg_wait), tonumber(ngx.var.arg_size)
      if wait then ngx.sleep(wait) end
      local body = '{"text":"' .. ("x"):rep((size or 30) - 11) .. '"}'
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

-- Requests from light threads of another nginx, each on a connection of its own, until it is told
-- to halt. Answers how many were answered, how many were not, and what went wrong first.
local DRIVER = [[
  access_log off;
  lua_socket_log_errors off;
  init_by_lua_block {
    state = {}
    function ask(port, path)
      local sock = ngx.socket.tcp()
      sock:settimeouts(5000, 5000, 20000)
      local fine, why = sock:connect("127.0.0.1", port)
      if not fine then return nil, "connect: " .. why end
      sock:send("GET " .. path .. " HTTP/1.0\r\n\r\n")
      local text, part
      text, why, part = sock:receive("*a")
      sock:close()
      if not text then return nil, why .. ": " .. part end
      if not text:find("^HTTP/1.1 200") or not text:find("\r\n\r\nfine$") then return nil, text end
      return true
    end
  }
  server {
    listen 127.0.0.1:$PORT;
    location / { content_by_lua_block {
      local fine, lost, first = 0, 0, ""
      state.halted = ngx.var.arg_once == "1"
      local function work()
        repeat
          local answered, why = ask(ngx.var.arg_port, "/call")
          fine = fine + (answered and 1 or 0)
          lost = lost + (answered and 0 or 1)
          first = first == "" and why or first
        until state.halted
      end
      local threads = {}
      for i = 1, ngx.var.arg_threads do threads[i] = ngx.thread.spawn(work) end
      for _, thread in ipairs(threads) do ngx.thread.wait(thread) end
      local text = fine .. " " .. lost .. " " .. first
      ngx.header["Content-Length"] = #text
      ngx.print(text)
    } }
    location = /halt { content_by_lua_block { state.halted = true } }
  }
]]

local SERVER = [[
  location = /call { content_by_lua_block {
    local wait = tostring(math.random() / 20)
    local answer, err = client:request { path = "/x", query = { wait = wait } }
    ngx.print(answer and "fine" or tostring(err))
  } }
]]

describe("under load", function()
  local driver

  setup(function() driver = helper.nginx { http = DRIVER } end)

  --- Begins to send requests, one for each light thread or many; the function that it gives brings
  --- that to an end, and tells { fine=, lost=, first= }.
  local function drive(port, threads, once)
    local connection = assert(helper.connect(driver.port, 60))
    connection.sock:send(("GET /?port=%d&threads=%d&once=%s HTTP/1.0\r\n\r\n"):format(port,
      threads, once and "1" or "0"))
    return function()
      helper.http { port = driver.port, path = "/halt" }
      local text = assert(connection.sock:receive("*a"))
      connection:close()
      local fine, lost, first = text:match("\r\n\r\n(%d+) (%d+) (.*)$")
      return { fine = tonumber(fine), lost = tonumber(lost), first = first }
    end
  end

  it("20 reloads lose no answer and leave nothing behind", function()
    local nginx = start { workers = 2, server = SERVER }
    local finish = drive(nginx.port, 24)
    local began = core.clock()
    for _ = 1, 20 do
      helper.sleep(0.05)
      nginx.reload()
    end
    local took = core.clock() - began
    local found = finish()
    print(("note: 20 reloads in %.1f s under load: %d answers, %d lost"):format(took, found.fine,
      found.lost))
    assert.equal("", found.first)
    assert.equal(0, found.lost)
    assert.is_true(found.fine > 1000, found.fine)
    assert.same({}, nginx.complaints())
    assert.equal("", nginx.leftovers())
    helper.stop(nginx.pid)
  end)

  it("20 exits lose no answer, and 5 stops crash nothing", function()
    local longest = 0
    for round = 1, 25 do
      local nginx = start { server = SERVER }
      local finish = drive(nginx.port, 24, true)
      helper.wait_until(function() return tonumber(nginx.run "return pending()") > 0 end)
      helper.sleep(round % 5 / 100)
      local began = core.clock()
      helper.kill(nginx.pid, round > 20 and "TERM" or "QUIT")
      assert.is_true(helper.wait_exit(nginx.pid, 10))
      longest = math.max(longest, core.clock() - began)
      local found = finish()
      if round <= 20 then assert.same({ 24, "" }, { found.fine, found.first }) end
      assert.same({}, nginx.complaints())
      assert.equal("", nginx.leftovers())
    end
    print("note: 20 exits and 5 stops under load: the longest took " .. ms(longest))
    assert.is_true(longest < 2, longest)
  end)

  it("a worker that is killed leaves nothing behind, at whatever moment", function()
    local nginx = start { server = SERVER }
    for round = 1, 10 do
      local finish = drive(nginx.port, 8)
      helper.sleep(round / 500)
      for _, pid in ipairs(nginx.workers()) do helper.kill(pid, "KILL") end
      finish()
      helper.wait_until(function() return (nginx.run "return burst(client, 3, 0)") == "3" end)
    end
    assert.equal("", nginx.leftovers())
    for _, line in ipairs(nginx.complaints()) do
      assert.matches("worker process %d+ exited on signal 9", line)
    end
    helper.stop(nginx.pid)
  end)
end)

describe("one worker", function()
  local function resident(pid)
    local status = helper.read("/proc/" .. pid .. "/status")
    return tonumber(status:match("VmRSS:%s+(%d+)")) / 1024
  end

  it("keeps its size over 50,000 calls of 46 KB", function()
    local nginx = start()
    local program = [[
      local left, fine = 10000, 0
      local slots = {}
      for i = 1, 50 do slots[i] = i end
      livechat.gather(slots, function()
        while left > 0 do
          left = left - 1
          if #assert(client:request { path = "/x", query = { size = "46000" } }).text == 45989 then
            fine = fine + 1
          end
        end
      end, { concurrency = 50 })
      return fine .. " " .. pending()]]
    local sizes, began = {}, core.clock()
    for round = 1, 5 do
      assert.equal("10000 0", nginx.run(program, 120))
      sizes[round] = resident(nginx.workers()[1])
    end
    print(("note: 50,000 calls of 46 KB in %.1f s: %.1f MB after 10,000, %.1f MB after all"):format(
      core.clock() - began, sizes[1], sizes[5]))
    assert.is_true(sizes[1] < 150, sizes[1])
    assert.is_true(sizes[5] - sizes[1] < 10, sizes[5] - sizes[1])
    local fds = tonumber((process.output("ls /proc/" .. nginx.workers()[1] .. "/fd | wc -l")))
    assert.is_true(fds < 100, fds)
    assert.same({}, nginx.complaints())
  end)

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
