-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
--- The client inside nginx, against the local service.
local embed = require "spec.embed"
local helper = require "spec.helper"

local sandbox, ids

local function fill(text)
  return (text:gsub("%$(%u+)", {
    USER = sandbox.username, KEY = sandbox.api_key, URL = sandbox.url, ONE = ids[1], TWO = ids[2],
  }))
end

local INIT = [[
  function connect(options)
    local with = { username = "$USER", api_key = "$KEY", base_url = "$URL", throttle = false,
      retry = { base = 0.01 } }
    for name, value in pairs(options or {}) do with[name] = value end
    return livechat.new(with)
  end
  client, kept = connect(), {}
  function get(id) return assert((client.tickets:get(id or "$ONE"))).id end
  function try() -- what a phase makes of a call
    local fine, text = pcall(get)
    return fine and text or "raised: " .. text
  end
]]

local function fault(...)
  sandbox.control("POST", "faults", { faults = { ... } })
end

local function arrived()
  return sandbox.control("GET", "calls").accepted
end

setup(function()
  sandbox = helper.sandbox { seed = 40, calls = false }
  ids = sandbox.control("GET", "tickets").ids
end)
teardown(helper.cleanup)
before_each(function()
  sandbox.control("DELETE", "faults")
  sandbox.control("DELETE", "calls")
end)

local function start(options)
  options = options or {}
  options.init = fill(INIT .. (options.init or ""))
  return embed.start(options)
end

--- What must hold after each test of a server: nothing waits, nothing was complained of.
local function is_clean(nginx)
  assert.equal("0", nginx.run "return pending()")
  assert.same({}, nginx.complaints())
  assert.equal("", nginx.leftovers())
end

describe("a phase", function()
  local nginx

  setup(function()
    local cert, key = helper.certificate()
    local tls_port = helper.free_port()
    nginx = start {
      init = [[
        in_init, in_gather = try(), select(2, pcall(livechat.gather, { 1 }, get))
        limited = connect { throttle = { calls = 1, period = 60 } }
        function note(name) notes:set(name, (notes:get(name) or "") .. try()) end
      ]],
      http = ([[
        init_worker_by_lua_block {
          note "init_worker"
          ngx.timer.at(0, function() note "timer" end)
        }
        exit_worker_by_lua_block { ngx.log(ngx.NOTICE, "exit_worker: ", try()) }
        upstream elsewhere {
          server 127.0.0.1:9;
          balancer_by_lua_block {
            note "balancer"
            require("ngx.balancer").set_current_peer("127.0.0.1", $PORT)
          }
        }
        server {
          listen 127.0.0.1:$TLS ssl;
          ssl_certificate $CERT;
          ssl_certificate_key $FILE;
          ssl_session_tickets off;
          ssl_certificate_by_lua_block { note "ssl_cert" }
          location / { return 204; }
        }
        ssl_session_store_by_lua_block { note "ssl_session_store" }
      ]]):gsub("%$(%u+)", { TLS = tostring(tls_port), CERT = cert, FILE = key }),
      server = [[
        location /rewrite { rewrite_by_lua_block { ngx.print(try()) ngx.exit(200) } }
        location /access { access_by_lua_block { ngx.print(try()) ngx.exit(200) } }
        location /content { content_by_lua_block { ngx.print(try()) } }
        location /coroutine { content_by_lua_block {
          ngx.print((coroutine.wrap(function() coroutine.yield(try()) end)()))
        } }
        location /inner { content_by_lua_block {
          ngx.print(ngx.location.capture("/content").body)
        } }
        location /set { set_by_lua_block $found { return try() } return 200 $found; }
        location /header { header_filter_by_lua_block { note "header_filter" } return 204; }
        location /body { body_filter_by_lua_block { note "body_filter" } return 200 x; }
        location /log { log_by_lua_block { note "log" } return 204; }
        location /balancer { proxy_pass http://elsewhere/idle; }
      ]],
    }
    nginx.tls_port = tls_port
  end)

  local function path(name)
    return helper.http { port = nginx.port, path = "/" .. name }.body
  end

  local function note(name)
    return helper.wait_until(function()
      local text = nginx.run("return notes:get('" .. name .. "')")
      return text ~= "nil" and text
    end, 5, name)
  end

  local function handshake(options)
    helper.run(("echo | timeout 10 openssl s_client -connect 127.0.0.1:%d %s"):format(
      nginx.tls_port, options))
  end

  it("that may wait, does", function()
    for _, name in ipairs { "rewrite", "access", "content", "coroutine", "inner" } do
      assert.equal(ids[1], path(name))
    end
    assert.equal(ids[1], note "timer")
    handshake ""
    assert.equal(ids[1], note "ssl_cert")
    is_clean(nginx)
  end)

  it("that cannot wait, raises what to do instead, and sends nothing", function()
    local texts = { init = nginx.run "return in_init", set = path "set" }
    for _, name in ipairs { "header", "body", "log", "balancer" } do path(name) end
    for _, name in ipairs { "header_filter", "body_filter", "log", "balancer", "init_worker" } do
      texts[name] = note(name)
    end
    handshake "-tls1_2"
    texts.ssl_session_store = note "ssl_session_store"
    sandbox.control("DELETE", "calls")
    nginx.reload()
    texts.exit_worker = helper.wait_until(function()
      return helper.read(nginx.log):match("exit_worker: (raised: [^\n]*)")
    end, 5, "exit_worker")
    local count = 0
    for name, text in pairs(texts) do
      assert.matches("raised: .*in the phase '" .. name .. "'.*ngx%.timer%.at%(0, ", text)
      count = count + 1
    end
    assert.equal(9, count)
    assert.matches("in the phase 'init'", nginx.run "return in_gather", 1, true)
    assert.is_true(#arrived() <= 1) -- the new worker's timer
    is_clean(nginx)
  end)

  it("that cannot wait, costs no slot of the throttle", function()
    assert.equal("false 0", nginx.run(fill [[
      local body = ngx.location.capture("/set").body
      local get_phase = ngx.get_phase
      ngx.get_phase = function() return "log" end
      local fine = pcall(limited.tickets.get, limited.tickets, "$ONE")
      ngx.get_phase = get_phase
      return tostring(fine) .. " " .. limited:throttled().used]]))
  end)
end)

describe("a worker", function()
  local nginx

  setup(function()
    nginx = start { workers = 3, init = [[
      early = livechat.new { username = "$USER", api_key = "$KEY", base_url = "$URL" }
      shared = livechat.new { username = "$USER", api_key = "$KEY", base_url = "$URL",
        throttle = { calls = 1000, period = 60, path = ngx.config.prefix() .. "throttle" } }
    ]] }
  end)

  local function threads(pid)
    return tonumber((select(2, helper.run("ls /proc/" .. pid .. "/task | wc -l")):match("%d+")))
  end

  it("has an engine of its own once it needs one, and nothing before", function()
    for _, pid in ipairs(nginx.workers()) do assert.equal(1, threads(pid)) end
    local calls, workers = {}, 0
    helper.wait_until(function()
      local pid, used = nginx.run(fill [[
        assert(early.tickets:get("$ONE"))
        assert(shared.tickets:get("$ONE"))
        return ngx.worker.pid() .. " " .. early:throttled().used]]):match("(%d+) (%d+)")
      if not calls[pid] then workers = workers + 1 end
      calls[pid] = (calls[pid] or 0) + 1
      assert.equal(calls[pid], tonumber(used)) -- the default throttle is the process's
      return workers == 3
    end, 20, "all workers")
    local all = 0
    for pid, n in pairs(calls) do
      all = all + n
      assert.equal(2, threads(pid))
    end
    assert.equal(1, threads(nginx.pid))
    assert.equal(tostring(all), nginx.run "return shared:throttled().used")
    is_clean(nginx)
  end)

  it("does not take over the engine of the process that it came from", function()
    local other = start { init = [[
      local get_phase = ngx.get_phase
      ngx.get_phase = function() return "timer" end
      wait.current().park():drop()
      ngx.get_phase = get_phase
    ]] }
    assert.equal(2, threads(other.pid))
    assert.equal(1, threads(other.workers()[1]))
    assert.equal(ids[1], other.run "return get()")
    assert.equal(2, threads(other.workers()[1]))
    is_clean(other)
    helper.kill(other.pid, "QUIT")
    assert.is_true(helper.wait_exit(other.pid, 10))
    assert.same({}, other.complaints())
    assert.equal("", other.leftovers())
  end)

  it("that is killed leaves nothing behind, and the next one works", function()
    fault("slow=3@1-3")
    local finish = {}
    for i = 1, 3 do finish[i] = nginx.begin("return get()") end
    helper.wait_until(function() return #arrived() == 3 end, 5, "three calls in flight")
    local before = nginx.workers()
    for _, pid in ipairs(before) do helper.kill(pid, "KILL") end
    for i = 1, 3 do assert.is_nil((finish[i]())) end
    helper.wait_until(function()
      for _, pid in ipairs(before) do
        if helper.alive(pid) then return false end
      end
      return #nginx.workers() == 3
    end, 5, "new workers")
    for _ = 1, 6 do assert.equal(ids[1], nginx.run "return get()") end
    assert.equal("", nginx.leftovers())
    local complaints = nginx.complaints() -- the master says whom it missed
    assert.equal(3, #complaints, table.concat(complaints, "\n"))
    for _, line in ipairs(complaints) do
      assert.matches("worker process %d+ exited on signal 9", line)
    end
  end)
end)

describe("in one worker", function()
  local nginx

  setup(function()
    nginx = start { server = [[
      location = /begun { content_by_lua_block { -- a call that is left alone soon
        local thread = ngx.thread.spawn(get)
        ngx.sleep(0.1)
        ngx.thread.kill(thread)
        ngx.print(pending())
      } }
    ]] }
  end)
  after_each(function() is_clean(nginx) end)

  it("a call waits without a light thread's noticing others", function()
    fault("slow=0.3@1")
    local finish = nginx.begin("return get()")
    helper.wait_until(function() return #arrived() == 1 end, 5, "the call")
    local began = helper.now()
    assert.equal(204, helper.http { port = nginx.port, path = "/idle" }.status)
    assert.equal(ids[2], nginx.run("return get('" .. ids[2] .. "')"))
    assert.is_true(helper.now() - began < 0.25)
    assert.same({ 200, ids[1] }, { finish() })
  end)

  it("an answer is noticed when it comes", function()
    assert.is_true(tonumber(nginx.run [[
      local began = core.clock()
      for _ = 1, 100 do get() end
      return core.clock() - began]]) < 1.3)
  end)

  it("a call waits once, and no wait is so short that nginx would not wait at all", function()
    fault("slow=0.3@1")
    assert.equal("true", nginx.run(fill [[
      local semaphore, shortest, count = require "ngx.semaphore", math.huge, 0
      local wait = semaphore.wait
      function semaphore.wait(self, seconds)
        shortest, count = math.min(shortest, seconds), count + 1
        return wait(self, seconds)
      end
      get()
      assert(count == 1, count .. " waits")
      local limited = connect { throttle = { calls = 1, period = 0.0023, guard = 0 } }
      for _ = 1, 20 do assert(limited.tickets:get("$ONE")) end
      semaphore.wait = wait
      return shortest >= 0.001]]))
  end)

  it("the throttle's waits block no other request, and no call leaves early", function()
    local program = [[
      local limited = connect { throttle = { calls = 2, period = 0.25, guard = 0.005 } }
      local results = livechat.gather({ 1, 2, 3, 4, 5, 6, 7 }, function()
        return assert(limited.tickets:get("$ONE")).id
      end)
      for i = 1, 7 do assert(results[i][1] == "$ONE", results[i][2]) end
      return "fine"]]
    local finish = nginx.begin(fill(program))
    local slowest = 0
    for _ = 1, 40 do
      local began = helper.now()
      helper.http { port = nginx.port, path = "/idle" }
      slowest = math.max(slowest, helper.now() - began)
      helper.sleep(0.01)
    end
    assert.same({ 200, "fine" }, { finish() })
    assert.is_true(slowest < 0.2, slowest)
    local times = arrived()
    assert.equal(7, #times)
    for i = 3, 7 do -- nginx, which tells the times, knows milliseconds
      assert.is_true(times[i] - times[i - 2] >= 0.25 - 0.0011, times[i] - times[i - 2])
    end
  end)

  it("backoff blocks no other request", function()
    fault("http503=1@1")
    local finish = nginx.begin("return get()")
    helper.wait_until(function() return #sandbox.control("GET", "calls").log == 1 end)
    local began = helper.now()
    for _ = 1, 20 do assert.equal(204, helper.http { port = nginx.port, path = "/idle" }.status) end
    assert.is_true(helper.now() - began < 0.5)
    assert.same({ 200, ids[1] }, { finish() })
    assert.is_true(helper.now() - began > 0.7)
  end)

  it("the transfer of a killed light thread is cancelled", function()
    fault("slow=8@1")
    assert.equal("1", helper.http { port = nginx.port, path = "/begun" }.body)
    local began = helper.now()
    helper.wait_until(function() return nginx.run("return pending()") == "0" end, 5, "the sweep")
    assert.is_true(helper.now() - began < 2)
  end)

  it("so is that of a client that goes away, also while it waits for the throttle", function()
    fault("slow=8@1")
    local _, first = nginx.begin("return get()")
    local _, second = nginx.begin [[
      local limited = connect { throttle = { calls = 1, period = 60 } }
      limited.throttle = nil
      livechat.gather({ 1, 2 }, function() return limited:request { path = "/tickets" } end)
    ]]
    helper.wait_until(function()
      return #arrived() == 2 and nginx.run("return pending()") == "2"
    end, 5, "two light threads")
    first:close()
    second:close()
    local began = helper.now()
    helper.wait_until(function() return nginx.run("return pending()") == "0" end, 5, "the sweep")
    assert.is_true(helper.now() - began < 2.5)
  end)

  it("a call ends at its time-out", function()
    fault("slow=8@1")
    local began = helper.now()
    assert.equal("timeout unknown", nginx.run(fill [[
      local hasty = connect { timeout = 0.2, retry = false }
      local _, err = hasty.tickets:get("$ONE")
      return err.kind .. " " .. err.outcome]]))
    assert.is_true(helper.now() - began < 2)
  end)

  it("a client that is closed ends the calls of other requests", function()
    fault("slow=8@1")
    nginx.run "kept.mortal = connect { throttle = { calls = 1, period = 60 } }"
    local program = fill [[
      local _, err = kept.mortal.tickets:get("$ONE")
      return err.kind]]
    local finish = { nginx.begin(program), nginx.begin(program) }
    helper.wait_until(function() return nginx.run("return pending()") == "2" end)
    nginx.run "kept.mortal:close() kept.mortal = nil"
    local began = helper.now()
    assert.same({ 200, "closed" }, { finish[1]() })
    assert.same({ 200, "closed" }, { finish[2]() })
    assert.is_true(helper.now() - began < 0.5)
  end)

  it("gather runs light threads: order, errors, concurrency, nesting, coroutines", function()
    fault("slow=0.1@every")
    assert.equal("fine", nginx.run(fill [[
      local began = core.clock()
      local function fetch(id) return get(id) end
      local items = { "$ONE", "$TWO", "NONE", 4, 5, 6, 7, 8 }
      local results = livechat.gather(items, function(item, index)
        if item == 4 then error({ own = true }) end
        if item == 5 then return end
        if item == 6 then
          local inner = livechat.gather({ "$TWO", "$ONE" }, fetch, { concurrency = 2 })
          return inner[1][1], inner[2][1]
        end
        if item == 7 then
          return coroutine.wrap(function() coroutine.yield((get("$TWO"))) end)(), nil
        end
        if item == 8 then return client.tickets:get("NONE") end
        return assert(client.tickets:get(item)).id, index
      end, { concurrency = 4 })
      local function is(index, n, ...)
        local got = results[index]
        assert(got.n == n, index)
        for i = 1, n do
          assert(got[i] == select(i, ...), index .. ": " .. tostring(got[i]))
        end
      end
      assert(#results == 8)
      is(1, 2, "$ONE", 1)
      is(2, 2, "$TWO", 2)
      assert(results[3].n == 2 and results[3][2].kind == "not_found")
      assert(results[4].n == 2 and results[4][1] == nil and results[4][2].own)
      is(5, 0)
      is(6, 2, "$TWO", "$ONE")
      is(7, 2, "$TWO", nil)
      assert(results[8].n == 2 and results[8][2].kind == "not_found")
      assert(#livechat.gather({}, get) == 0)
      local took = core.clock() - began
      assert(took < 0.5, took)
      return "fine"]]))
    sandbox.control("DELETE", "calls")
    nginx.run [[
      local items = {}
      for i = 1, 24 do items[i] = i end
      livechat.gather(items, function() return get() end, { concurrency = 6 })]]
    local times, most = arrived(), 0
    for last = 1, #times do
      local n = 0
      for i = 1, last do
        if times[last] - times[i] < 0.08 then n = n + 1 end
      end
      most = math.max(most, n)
    end
    assert.equal(24, #times)
    assert.equal(6, most)
  end)

  it("each() walks the pages", function()
    assert.equal("40", nginx.run [[
      local count = 0
      for ticket in client.tickets:each() do count = count + (ticket.id and 1 or 0) end
      return count]])
  end)
end)

describe("a worker that exits", function()
  it("lets the requests that it has end, whatever calls they still make", function()
    local nginx = start()
    fault("slow=0.2@every")
    local program = fill [[
      local limited = connect { throttle = { calls = 3, period = 0.5 } }
      for i = 1, 5 do
        for _ = 1, i == 4 and 500 or 0 do
          if not ngx.worker.exiting() then ngx.sleep(0.01) end
        end
        assert(limited.tickets:get("$ONE"))
      end
      return ngx.worker.pid() .. " " .. tostring(ngx.worker.exiting())]]
    nginx.run "return get()"
    local begun = { nginx.begin(program), nginx.begin(program) }
    helper.wait_until(function() return #arrived() == 3 end)
    local old = nginx.workers()[1]
    nginx.reload()
    for i = 1, 2 do assert.same({ 200, old .. " true" }, { begun[i]() }) end
    assert.equal(ids[1], nginx.run "return get()")
    is_clean(nginx)
    -- One that never made a call before it began to exit.
    nginx.reload()
    local finish = nginx.begin [[
      for _ = 1, 500 do if not ngx.worker.exiting() then ngx.sleep(0.01) end end
      return get() .. tostring(ngx.worker.exiting())]]
    helper.sleep(0.1)
    nginx.reload()
    assert.same({ 200, ids[1] .. "true" }, { finish() })
    is_clean(nginx)
  end)

  it("does so at once where no call waits, also when it is told to stop", function()
    local nginx = start()
    nginx.run "return get()"
    local began = helper.now()
    helper.kill(nginx.pid, "QUIT")
    assert.is_true(helper.wait_exit(nginx.pid, 10))
    assert.is_true(helper.now() - began < 2)
    assert.same({}, nginx.complaints())
    assert.equal("", nginx.leftovers())

    nginx = start()
    fault("slow=8@every")
    local finish = nginx.begin "return get()"
    helper.wait_until(function() return nginx.run("return pending()") == "1" end)
    began = helper.now()
    helper.kill(nginx.pid, "TERM")
    assert.is_true(helper.wait_exit(nginx.pid, 10))
    assert.is_true(helper.now() - began < 2)
    finish()
    assert.same({}, nginx.complaints())
    assert.equal("", nginx.leftovers())
  end)
end)

describe("without a dispatcher", function()
  local function works(nginx)
    fault("slow=0.1@every")
    local began = helper.now()
    assert.equal("20", nginx.run [[
      local items, fine = {}, 0
      for i = 1, 20 do items[i] = i end
      for _, result in ipairs(livechat.gather(items, function() return get() end,
        { concurrency = 20 })) do
        fine = fine + (result[1] and 1 or 0)
      end
      return fine]])
    assert.is_true(helper.now() - began < 1)
    assert.equal("0", nginx.run "return pending()")
    began = helper.now()
    helper.kill(nginx.pid, "QUIT")
    assert.is_true(helper.wait_exit(nginx.pid, 10))
    assert.is_true(helper.now() - began < 2)
  end

  it("calls are waited for by looking: no folder for the socket", function()
    local nginx = start { tmp = "/nonexistent" }
    for _ = 1, 10 do assert.equal(ids[1], nginx.run "return get()") end
    works(nginx)
    local complaints = nginx.complaints()
    assert.is_true(#complaints >= 1 and #complaints <= 3, table.concat(complaints, "\n"))
    for _, line in ipairs(complaints) do
      assert.matches("livechat: calls are waited for by looking", line, 1, true)
    end
  end)

  it("calls are waited for by looking: no timers", function()
    local nginx = start { http = "lua_max_pending_timers 1;" }
    works(nginx)
    assert.same({}, nginx.complaints())
  end)
end)

describe("examples/calls.conf", function()
  it("works but for its places", function()
    local conf, folder = helper.read("examples/calls.conf"), helper.folder()
    local port = helper.free_port()
    local function put(old, new)
      local count
      conf, count = conf:gsub(old:gsub("%p", "%%%0"), (new:gsub("%%", "%%%%")))
      assert.truthy(count > 0, old)
    end
    put("/usr/local/share/lua/5.1/", helper.root .. "/lua/")
    put("/usr/local/lib/lua/5.1/", helper.root .. "/build/5.1/")
    put("/run/livechat-throttle", folder .. "/throttle")
    put("/run/livechat-calls.pid", folder .. "/nginx.pid")
    put("ngx.timer.every(60,", "ngx.timer.every(0.2,")
    put("8081;", tostring(port) .. ";")
    local user = select(2, helper.run("id -un")):gsub("%s+$", "")
    put("user www-data;", ("user %s; daemon off;"):format(user))
    put("/var/log/nginx/livechat-calls.log", "stderr")
    helper.write(folder .. "/nginx.conf", conf)
    local pid, output = helper.spawn({ "nginx", "-c", folder .. "/nginx.conf" }, { env = {
      LIVECHAT_USERNAME = sandbox.username, LIVECHAT_API_KEY = sandbox.api_key,
      LIVECHAT_BASE_URL = sandbox.url,
    } })
    helper.wait_port(port)
    local function ask(path, body)
      return helper.http { port = port, path = path, method = body and "POST", body = body,
        headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } }
    end
    local answer = ask("/contact", "mail=mary%40example.com&message=It+broke.")
    assert.equal(201, answer.status)
    local id = answer.body:match("Your ticket is (%w+)%.")
    assert.truthy(helper.wait_until(function()
      for _, each in ipairs(sandbox.control("GET", "tickets").ids) do
        if each == id then return true end
      end
    end, 5, id))
    assert.equal(400, ask("/contact", "message=It+broke.").status)
    assert.equal(400, ask("/contact").status)
    assert.matches("^open %d+\npending %d+\nsolved %d+\nspam %d+\n$", ask("/overview").body)
    helper.wait_until(function()
      return helper.read(output):find("%d+ open tickets without an agent")
    end, 5, "the timer")
    helper.kill(pid, "QUIT")
    assert.is_true(helper.wait_exit(pid, 10))
    assert.is_nil((helper.read(output):match("[^\n]+%[error%][^\n]+")))
    assert.is_nil((helper.read(output):match("[^\n]+%[alert%][^\n]+")))
  end)
end)
