-- SPDX-License-Identifier: MIT
-- once, alone
--- Throttles in real processes, judged by the service's own list of times.
local helper = require "spec.helper"

local CALLS, PERIOD, GUARD, SECONDS = 50, 2, 0.05, 20
local WINDOW = PERIOD + GUARD
local PROCESSES = 8 -- besides nginx's two workers

-- Makes calls as fast as it may, for $SECONDS from the moment that the file $BEGIN tells: however
-- long the processes take to start, all begin together.
local WORKER = [[
  local core, livechat = require "livechat.core", require "livechat"
  local client = assert(livechat.new { username = "$USER", api_key = "$KEY", base_url = "$URL",
    verify = false, retry = false, throttle = { calls = $CALLS, period = $PERIOD, $SHARED } })
  local begin
  repeat
    $SLEEP(0.05)
    local file = io.open("$BEGIN")
    if file then
      begin = file:read("*n")
      file:close()
    end
  until begin
  $SLEEP(math.max(0, begin - core.now()))
  while core.now() < begin + $SECONDS do
    local fine, err = client:request { method = "GET", path = "/tickets",
      query = { worker = $NAME } }
    if not fine then error(tostring(err), 0) end
  end
  client:close()
]]

-- In a plain Lua, to which Debian does not give redis-lua in every version.
local PLAIN = [[
  package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
  local function sleep(seconds) os.execute("sleep " .. seconds) end
]]

local function fill(text, values)
  return (text:gsub("%$(%u+)", function(name) return values[name] end))
end

local function start_lua(version, program, prefix)
  local file = helper.folder() .. "/worker.lua"
  helper.write(file, program)
  local pid, output = helper.spawn { "sh", "-c", ("exec %s env %s %s %s"):format(prefix or "",
    helper.lua_env(version), helper.lua_program(version), file) }
  return { pid = pid, output = output }
end

local function start_nginx(program)
  return helper.nginx { workers = 2, http = fill([[
    lua_package_path "$ROOT/lua/?.lua;$ROOT/lua/?/init.lua;;";
    lua_package_cpath "$ROOT/build/5.1/?.so;;";
    init_worker_by_lua_block { ngx.timer.at(0, function() $PROGRAM end) }
    server { listen 127.0.0.1:$PORT; location / { return 204; } }
  ]], { ROOT = helper.root, PROGRAM = program, PORT = "$PORT" }) }
end

--- What the service saw. `used` is the share of what could have been used: in a window after the
--- first call as many calls again, and so on, until the last that is whole.
local function judge(sandbox)
  local calls = sandbox.control("GET", "calls")
  local times, counts, workers = calls.accepted, {}, 0
  for _, entry in ipairs(calls.log) do
    local name = entry.query:match("worker=(%w+)")
    workers = workers + (counts[name] and 0 or 1)
    counts[name] = (counts[name] or 0) + 1
  end
  local fullest, least = 0, math.huge
  for i = 1, #times do
    local n = 1
    while times[i + n] and times[i + n] < times[i] + PERIOD do n = n + 1 end
    fullest = math.max(fullest, n)
  end
  for _, count in pairs(counts) do least = math.min(least, count) end
  local rounds = math.floor((#times - 1) / CALLS)
  return { n = #times, refused = #calls.refused, workers = workers, fullest = fullest,
    rounds = rounds, used = rounds * WINDOW / (times[rounds * CALLS + 1] - times[1]),
    served = least / (#times / workers) }
end

local function confirm(what, seen)
  print(("\nnote: %s: %d calls of %d processes, at most %d of %d in a window, %.2f %% of the " ..
    "allowance used, the least served got %.0f %% of its share"):format(what, seen.n,
    seen.workers, seen.fullest, CALLS, seen.used * 100, seen.served * 100))
  assert.equal(PROCESSES + 2, seen.workers)
  assert.equal(0, seen.refused)
  assert.is_true(seen.fullest <= CALLS)
  assert.is_true(seen.rounds >= math.floor(SECONDS / WINDOW))
  assert.is_true(seen.used >= 0.99)
  assert.is_true(seen.served >= 0.5)
end

--- Starts ten processes, which wait for the file `begin`. `shared(i)` gives the options with which
--- process i, or nginx, shares the throttle, the URL of the service there, and what stands before
--- the command.
---@return fun() judge waits for them
local function start(what, sandbox, begin, shared)
  local values = { USER = sandbox.username, KEY = sandbox.api_key, CALLS = tostring(CALLS),
    PERIOD = tostring(PERIOD), BEGIN = begin, SECONDS = tostring(SECONDS) }
  local processes = {}
  for i = 1, PROCESSES do
    local prefix
    values.NAME, values.SLEEP = ("%q"):format("lua" .. i), "sleep"
    values.SHARED, values.URL, prefix = shared(i)
    processes[i] = start_lua("5." .. (i - 1) % 4 + 1, PLAIN .. fill(WORKER, values), prefix)
  end
  values.NAME, values.SLEEP = '"nginx" .. ngx.worker.id()', "ngx.sleep"
  values.SHARED, values.URL = shared("nginx")
  local nginx = start_nginx(fill(WORKER, values))
  return function()
    for _, process in ipairs(processes) do
      assert.is_true(helper.wait_exit(process.pid, SECONDS + 10))
      assert.equal("", helper.read(process.output))
    end
    local from = tonumber(helper.read(begin))
    helper.sleep(math.max(0, from + SECONDS + WINDOW - helper.now())) -- nginx's last calls
    assert.is_nil(helper.read(nginx.log):match("[^\n]*%[error%][^\n]*"))
    confirm(what, judge(sandbox))
  end
end

--- Makes a network namespace, where this user may.
---@return string|nil prefix the command that enters it
---@return string|nil address this machine's in it
local function namespace(i, id)
  local name, address = ("livechat%d-%d"):format(id, i), "10.213." .. i
  local status = helper.run(fill([[
    ip netns add $NAME &&
    ip link add lc$ID type veth peer name eth0 netns $NAME &&
    ip addr add $ADDRESS.1/30 dev lc$ID && ip link set lc$ID up &&
    ip -n $NAME addr add $ADDRESS.2/30 dev eth0 && ip -n $NAME link set eth0 up
  ]], { NAME = name, ID = ("%x-%d"):format(id, i), ADDRESS = address }))
  helper.defer(function() helper.run("ip netns del " .. name) end)
  if status == 0 then return "ip netns exec " .. name, address .. ".1" end
end

--- The service on this machine's other addresses: by itself it listens on loopback only.
local function forward(sandbox, addresses)
  local listen = {}
  for i, address in ipairs(addresses) do listen[i] = "listen " .. address .. ":$PORT;" end
  return helper.nginx { http = fill([[
    upstream service { server 127.0.0.1:$SERVICE; keepalive 32; }
    keepalive_requests 1000000;
    access_log off;
    server {
      listen 127.0.0.1:$PORT;
      $LISTEN
      location / {
        proxy_pass http://service;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
      }
    }
  ]], { SERVICE = tostring(sandbox.port), LISTEN = table.concat(listen, " "), PORT = "$PORT" }) }
    .port
end

local function start_with_file(begin)
  local sandbox = helper.sandbox { calls = CALLS, period = PERIOD }
  local options = ('path = "%s/throttle"'):format(helper.folder())
  return start("a shared file", sandbox, begin, function() return options, sandbox.url end)
end

local function start_with_redis(begin)
  local sandbox = helper.sandbox { calls = CALLS, period = PERIOD }
  local prefixes, addresses = {}, {}
  for i = 1, PROCESSES do
    prefixes[i], addresses[i] = namespace(i, sandbox.pid)
    if not prefixes[i] then break end
  end
  local apart = #prefixes == PROCESSES
  local redis_port, port = helper.free_port(), apart and forward(sandbox, addresses)
  helper.spawn { "redis-server", "--port", tostring(redis_port), "--bind",
    "127.0.0.1 " .. (apart and table.concat(addresses, " ") or ""), "--protected-mode", "no",
    "--save", "", "--dir", helper.folder() }
  helper.wait_port(redis_port)
  local what = apart and "Redis, eight networks" or "Redis, a connection each"
  return start(what, sandbox, begin, function(i)
    if i == "nginx" then
      return fill([[key = "account", redis = function()
        local connection = require("nginx.redis"):new()
        assert(connection:connect("127.0.0.1", $PORT))
        return connection
      end]], { PORT = tostring(redis_port) }), sandbox.url
    end
    local host = apart and addresses[i] or "127.0.0.1"
    return fill([[key = "account", redis = function()
      return require("redis").connect("$HOST", $PORT)
    end]], { HOST = host, PORT = tostring(redis_port) }),
      apart and ("http://%s:%d"):format(host, port) or sandbox.url, prefixes[i]
  end)
end

describe("ten processes share one allowance exactly", function()
  local finish_file, finish_redis

  -- At the same time, because each takes its time.
  setup(function()
    local begin = helper.folder() .. "/begin"
    finish_file, finish_redis = start_with_file(begin), start_with_redis(begin)
    helper.write(begin .. ".new", ("%.3f\n"):format(helper.now() + 1))
    assert(os.rename(begin .. ".new", begin))
  end)
  teardown(helper.cleanup)

  it("through a file", function() finish_file() end)
  it("through Redis, from networks of their own", function() finish_redis() end)
end)

describe("a file whose users are killed", function()
  teardown(helper.cleanup)

  it("stays usable, and its limit holds, 200 times", function()
    local folder = helper.folder()
    helper.write(folder .. "/env", "export " .. helper.lua_env("5.4") .. "\n")
    -- Writes down the moment of each grant.
    helper.write(folder .. "/holder.lua", fill([[
      local one = assert(require("livechat.throttle").new { path = "$FOLDER/throttle", calls = 20,
        period = 0.2, guard = 0 })
      local log = assert(io.open("$FOLDER/log" .. arg[1], "a"))
      log:setvbuf("no")
      while not io.open("$FOLDER/end") do
        for _ = 1, 1000 do
          local went, err = one:reserve(0)
          if went then
            log:write(("%.0f\n"):format(went.at))
          elseif not err.wait then
            error(err.message)
          end
        end
      end
    ]], { FOLDER = folder }))
    math.randomseed(os.time())
    local killers = {}
    for k = 1, 2 do
      local lines = { ". " .. folder .. "/env" }
      for i = 2, 101 do
        lines[i] = ("lua5.4 %s/holder.lua %d & p=$!; sleep %.4f; kill -9 $p; wait $p"):format(
          folder, k, 0.01 + 0.04 * math.random())
      end
      helper.write(folder .. "/killer" .. k, table.concat(lines, "\n"))
      killers[k] = helper.spawn { "sh", folder .. "/killer" .. k }
    end
    local survivor, output = helper.spawn { "sh", "-c", ". $0/env; exec lua5.4 $0/holder.lua 3",
      folder }
    for _, pid in ipairs(killers) do assert.is_true(helper.wait_exit(pid, 60)) end
    helper.write(folder .. "/end", "")
    assert.is_true(helper.wait_exit(survivor, 5), "a process died with the lock")
    assert.equal("", helper.read(output))
    local times = {}
    for k = 1, 3 do
      for line in helper.read(folder .. "/log" .. k):gmatch("(%d+)\n") do
        times[#times + 1] = tonumber(line)
      end
    end
    table.sort(times)
    for i = 1, #times - 20 do assert.is_true(times[i + 20] - times[i] >= 200000) end
    -- The dead took with them what they had not yet written down, and nothing more.
    assert.is_true(#times > 0.9 * 20 * (times[#times] - times[1]) / 200000)
  end)
end)
