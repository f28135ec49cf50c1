-- SPDX-License-Identifier: MIT
-- once: the inbox runs inside nginx, over disks that are slow, that fail, that hang
--- What an inbox in nginx makes of a bad disk. The disk is spec/sync_shim.c, loaded before the C
--- library: what it does, and when, is the spec's to say.
local helper = require "spec.helper"
local livechat = require "livechat"

local quote = helper.quote
local shim

local function post_text(id, path, pad)
  local body = ('{"event_type":"e","event_unique_id":"%s","token":"t","pad":"%s"}'):format(id,
    pad or "")
  return ("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"):format(path, #body, body)
end

describe("an inbox in nginx on a disk", function()
  local folder, nginx

  setup(function()
    shim = os.tmpname()
    local status, said = helper.run(("${CC:-cc} -shared -fPIC -O1 -D_GNU_SOURCE -o %s "
      .. "spec/sync_shim.c -ldl"):format(quote(shim)))
    assert.equal(0, status, said)
  end)
  teardown(function() os.remove(shim) end)
  before_each(function() folder = helper.folder() end)
  after_each(helper.cleanup)

  --- nginx with such a disk: `with` are the shim's settings.
  local function start(with, inbox_options, more)
    local before = { "env", "LD_PRELOAD=" .. shim }
    for name, value in pairs(with) do before[#before + 1] = name .. "=" .. value end
    nginx = helper.nginx { before = before, http = ([[
      access_log off;
      keepalive_requests 1000000;
      lua_package_path "%s/lua/?.lua;%s/lua/?/init.lua;;";
      lua_package_cpath "%s/build/5.1/?.so;;";
      init_by_lua_block {
        livechat = require "livechat"
        receiver = livechat.receiver { token = "t",
          inbox = livechat.inbox { path = %q, %s } }
        receiver:on("*", function(event)
          if event.id == "stuck" then ngx.sleep(60) end
        end)
        function try()
          for _, step in ipairs { "handle", "drain" } do
            local fine, err = pcall(receiver[step], receiver, step == "handle" and
              '{"event_type":"e","event_unique_id":"phase","token":"t"}' or nil)
            phases[#phases + 1] = step .. " in " .. ngx.get_phase() .. ": " .. tostring(fine)
              .. " " .. tostring(err)
          end
        end
        %s
      }
      server {
        listen 127.0.0.1:$PORT;
        lua_check_client_abort on;
        location /livechat { content_by_lua_block { require("livechat.nginx").serve(receiver) } }
        location /idle { content_by_lua_block { ngx.print(ngx.worker.pid()) } }
        location /stats { content_by_lua_block { ngx.print(receiver:stats().stored) } }
        location /load {
          content_by_lua_block { ngx.print((receiver.inbox.writing:load())) }
        }
        location /drain { content_by_lua_block { ngx.print(receiver:drain()) } }
        location /phases {
          set_by_lua_block $here { phases = {} try() return "" }
          content_by_lua_block { ngx.print("x") }
          header_filter_by_lua_block { try() }
          body_filter_by_lua_block { try() }
          log_by_lua_block { try() }
        }
        location /said { content_by_lua_block { ngx.print(table.concat(phases, "\n")) } }
      }
    ]]):format(helper.root, helper.root, helper.root, folder .. "/inbox", inbox_options or "",
      more or "") }
    return nginx
  end

  local function connect()
    local connection = assert(helper.connect(nginx.port, 20))
    helper.defer(function() connection:close() end)
    return connection
  end

  local function send(id)
    local connection = connect()
    assert(connection.sock:send(post_text(id, "/livechat")))
    return connection
  end

  local function status_of(connection)
    return tonumber((assert(connection.sock:receive("*l"))):match("^HTTP/1.1 (%d+)"))
  end

  local function get(path)
    return assert(helper.http { port = nginx.port, path = path }).body
  end

  local function drained()
    local receiver, ids = livechat.receiver { token = false,
      inbox = livechat.inbox(folder .. "/inbox") }, {}
    receiver:on("*", function(event) ids[event.id] = (ids[event.id] or 0) + 1 end)
    receiver:drain()
    return ids
  end

  it("is not waited for in a phase that cannot: a mistake, named before any step", function()
    start {}
    get "/phases"
    local said = get "/said"
    for _, phase in ipairs { "set", "header_filter", "body_filter", "log" } do
      for _, step in ipairs { "handle", "drain" } do
        assert.matches(step .. " in " .. phase
          .. ": false [^\n]*livechat: a call cannot wait in the phase '"
          .. phase .. "'", said)
      end
    end
    assert.is_nil(said:find(": true", 1, true))
    assert.equal(1, (helper.run("test -e " .. quote(folder .. "/inbox")))) -- nothing was made
  end)

  it("is let go of within a second by a light thread that was killed", function()
    start {}
    assert.equal(200, status_of(send "stuck"))
    local draining = connect()
    assert(draining.sock:send("GET /drain HTTP/1.1\r\nHost: x\r\n\r\n"))
    local inbox = livechat.inbox(folder .. "/inbox")
    helper.wait_until(function()
      return (helper.read(folder .. "/inbox/new/stuck") or ""):find("began", 1, true)
    end, 10, "the handler")
    assert.is_nil((inbox:claim()))
    draining:close()
    local closed = helper.now()
    local claim = helper.wait_until(function() return (inbox:claim()) end, 10, "the lock")
    assert.truthy(helper.now() - closed < 2, helper.now() - closed)
    assert.equal(2, claim.attempts)
    assert.equal(200, status_of(send "other")) -- the worker lives
  end)

  it("that takes 300 ms a sync, goes on with everything else, and syncs together", function()
    start { SYNC_MS = 300 }
    assert.equal(200, status_of(send "first")) -- makes the folder
    local idle, began, waiting = connect(), helper.now(), {}
    for i = 1, 40 do waiting[i] = send("e" .. i) end
    local answers, longest = 0, 0
    while helper.now() - began < 0.6 do
      local at = helper.now()
      local answer, why = idle:request({ path = "/idle" })
      assert(answer, why)
      answers, longest = answers + 1, math.max(longest, helper.now() - at)
    end
    for i = 1, 40 do assert.equal(200, status_of(waiting[i])) end
    -- One alone would be two syncs: 40 one after the other 24 s.
    assert.truthy(helper.now() - began < 5)
    assert.truthy(answers > 50 and longest < 0.25, answers .. " " .. longest)
    assert.equal("41", get "/stats")
    local ids = drained()
    for i = 1, 40 do assert.equal(1, ids["e" .. i]) end
  end)

  it("that fails every third sync, acknowledges nothing that is not on it", function()
    local trace = folder .. "/trace"
    start { SYNC_FAIL = 3, SYNC_TRACE = trace }
    local acknowledged, refused = {}, 0
    for i = 1, 60 do
      local status = status_of(send("e" .. i))
      if status == 200 then acknowledged[#acknowledged + 1] = "e" .. i else
        assert.equal(500, status)
        refused = refused + 1
      end
    end
    assert.truthy(refused > 5 and #acknowledged > 20, refused)
    assert.matches("was not stored: the inbox .*: Input/output error", helper.read(nginx.log))
    for i = 1, 60 do -- the service sends again what was refused
      for _ = 1, 5 do
        if status_of(send("e" .. i)) == 200 then break end
      end
    end
    assert.equal("", select(2, helper.run("ls " .. quote(folder .. "/inbox/tmp"))))
    local ids = drained()
    for i = 1, 60 do assert.equal(1, ids["e" .. i]) end
  end)

  it("that hangs, answers 503 past its queue, tells once, and stores when it is back", function()
    local gate = folder .. "/gate"
    start({ SYNC_GATE = gate }, "queue = 5")
    assert.equal(200, status_of(send "first"))
    helper.write(gate, "")
    local waiting = {}
    for i = 1, 5 do
      waiting[i] = send("e" .. i)
      helper.wait_until(function() return get "/load" == tostring(i) end, 10, "the delivery")
    end
    for i = 1, 20 do assert.equal(503, status_of(send("too many " .. i))) end
    helper.wait_until(function()
      return helper.read(nginx.log):find("takes long: %d+%.%d s so far")
    end, 10, "a line in the log")
    os.remove(gate)
    for i = 1, 5 do assert.equal(200, status_of(waiting[i])) end
    local log = helper.read(nginx.log)
    assert.equal(1, select(2, log:gsub("takes long", "")))
    assert.equal(1, select(2, log:gsub("too much waits for the disk", "")))
    assert.equal(200, status_of(send "too many 1" and send "again"))
    local ids = drained()
    for i = 1, 5 do assert.equal(1, ids["e" .. i]) end
  end)

  it("that never comes back, lets a worker go that is told to quit", function()
    local gate = folder .. "/gate"
    start { SYNC_GATE = gate }
    assert.equal(200, status_of(send "first"))
    local worker = tonumber(get "/idle")
    helper.write(gate, "")
    local left = send "left"
    helper.sleep(0.1)
    left:close()
    helper.kill(nginx.pid, "HUP")
    assert.truthy(helper.wait_exit(worker, 50))
    assert.is_nil(helper.read(nginx.log):find("signal 11", 1, true))
    os.remove(gate)
    assert.equal(200, status_of(send "left"))
    assert.equal(1, drained().left)
  end)

  it("keeps what a client did not wait for, and knows it when it comes again", function()
    local gate = folder .. "/gate"
    start { SYNC_GATE = gate }
    assert.equal(200, status_of(send "first"))
    helper.write(gate, "")
    local waiting = {}
    for i = 1, 20 do waiting[i] = send("e" .. i) end
    helper.wait_until(function() return get "/load" == "20" end, 10, "the deliveries")
    for i = 1, 20 do waiting[i]:close() end
    helper.sleep(1.5) -- until the worker has noticed
    os.remove(gate)
    helper.wait_until(function()
      return select(2, helper.run("ls " .. quote(folder .. "/inbox/new"))):find("e20", 1, true)
    end, 10, "the last event")
    for i = 1, 20 do
      local answer = assert(helper.http { port = nginx.port, path = "/livechat", method = "POST",
        body = post_text("e" .. i, "/"):match("\r\n\r\n(.*)$") })
      assert.equal("known already\n", answer.body)
    end
    assert.equal("210", get "/drain")
  end)

  --- What would be there if the power went at each moment: only what was written before a sync
  -- began that has ended.
  local function replay(trace)
    local data, names, syncs, begun = {}, {}, 0, {}
    local written, named = {}, {}
    local base = folder .. "/inbox"
    for line in io.lines(trace) do
      local what, n, one, other = line:match("^(%S+) (%d+) (%S+) ?(.-)$")
      if what == "wrote" then
        written[one] = (written[one] or 0) + tonumber(n)
      elseif what == "named" then
        named[other] = one
      elseif what == "syncing" then
        local sync = { data = {}, names = {} }
        local whole = one == "syncfs"
        for path, bytes in pairs(written) do
          if whole or path == other then sync.data[path] = bytes end
        end
        for path, draft in pairs(named) do
          if whole or path:match("^(.*)/") == other then sync.names[path] = draft end
        end
        begun[n] = sync
      elseif what == "synced" then
        syncs = syncs + 1
        for path, bytes in pairs(begun[n].data) do data[path] = bytes end
        for path, draft in pairs(begun[n].names) do names[path] = draft end
        for path, draft in pairs(names) do -- at every moment: a name has its data
          assert(data[draft] == written[draft], path .. " would be there without its data")
        end
      elseif what == "answered" then
        local draft = names[base .. "/new/" .. one]
        assert(draft and data[draft] == written[draft], one .. " was answered too early")
      end
    end
    return syncs
  end

  it("acknowledges nothing before its data and its name are on it", function()
    local trace = folder .. "/trace"
    start { SYNC_MS = 5, SYNC_TRACE = trace, SYNC_FAIL = 17 }
    status_of(send "first")
    local file = assert(io.open(trace, "a"))
    file:setvbuf("no")
    local connections, serial, answered = {}, 0, 0
    for i = 1, 20 do connections[i] = connect() end
    local function next_event(connection)
      serial = serial + 1
      connection.id = "e" .. serial
      assert(connection.sock:send(post_text(connection.id, "/livechat")))
    end
    for i = 1, 20 do next_event(connections[i]) end
    while answered < 400 do
      for i = 1, 20 do
        local connection = connections[i]
        local status = status_of(connection)
        repeat
          local line = connection.sock:receive("*l")
        until line == "" or not line
        connection.sock:receive(status == 200 and 7 or 23)
        if status == 200 then
          answered = answered + 1
          file:write("answered 0 " .. connection.id .. "\n")
        end
        next_event(connection)
      end
    end
    file:close()
    local syncs = replay(trace)
    assert.truthy(syncs > 20 and syncs < answered, syncs)
  end)
end)
