-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
--- The client inside nginx under load: what becomes of the calls when the worker is reloaded, ended
--- or killed, and what it keeps.
local core = require "livechat.core"
local embed = require "spec.embed"
local helper = require "spec.helper"
local process = require "livechat.nginx_process"

-- Answers after `wait` seconds with a body of `size` bytes.
local UPSTREAM = [[
  access_log off;
  lua_socket_log_errors off;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:$PORT;
    location / { content_by_lua_block {
      local wait, size = tonumber(ngx.var.arg_wait), tonumber(ngx.var.arg_size)
      if wait then ngx.sleep(wait) end
      local body = '{"text":"' .. ("x"):rep((size or 30) - 11) .. '"}'
      ngx.header["Content-Type"] = "application/json"
      ngx.header["Content-Length"] = #body
      ngx.print(body)
    } }
  }
]]

local INIT = [[
  client = livechat.new { username = "a@example.com", api_key = "k", base_url = "$URL",
    throttle = false }
  --- n calls at once: how many were answered.
  function burst(n)
    local items, fine = {}, 0
    for i = 1, n do items[i] = i end
    for _, result in ipairs(livechat.gather(items, function()
      return client:request { path = "/x", query = { wait = "0" } }
    end, { concurrency = n })) do
      fine = fine + (result[1] and 1 or 0)
    end
    return fine
  end
]]

local url

local function start(options)
  options = options or {}
  options.init = INIT:gsub("%$URL", url)
  return embed.start(options)
end

setup(function() url = "http://127.0.0.1:" .. helper.nginx({ http = UPSTREAM }).port end)
teardown(helper.cleanup)

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
    print(("note: 20 exits and 5 stops under load: the longest took %.1f ms"):format(
      longest * 1000))
    assert.is_true(longest < 2, longest)
  end)

  it("a worker that is killed leaves nothing behind, at whatever moment", function()
    local nginx = start { server = SERVER }
    for round = 1, 10 do
      local finish = drive(nginx.port, 8)
      helper.sleep(round / 500)
      for _, pid in ipairs(nginx.workers()) do helper.kill(pid, "KILL") end
      finish()
      helper.wait_until(function() return (nginx.run "return burst(3)") == "3" end)
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
end)
