-- SPDX-License-Identifier: MIT
--- Where the engine's library, its descriptors and its thread come from, and that there are none.
local helper = require "spec.helper"

local server

setup(function()
  server = helper.nginx { http = [[
    server {
      listen 127.0.0.1:$PORT;
      location /large { content_by_lua_block { ngx.print(("x"):rep(24 * 2 ^ 20)) } }
      location / { return 200 "[]"; }
    }
  ]] }
end)
teardown(helper.cleanup)

local PRELUDE = [[
  local livechat = require "livechat"
  local function connect(options)
    local with = { username = "u", api_key = "k", base_url = arg[1], retry = false, timeout = 2,
      throttle = { calls = 1, period = 0.1 } }
    for name, value in pairs(options or {}) do with[name] = value end
    return livechat.new(with)
  end
  local held = {}
  local function fill()
    while true do
      local file = io.open("/dev/null")
      if not file then break end
      held[#held + 1] = file
    end
  end
  local function free()
    for _, file in ipairs(held) do file:close() end
    held = {}
  end
  local function failed(agents, err)
    assert(agents == nil and type(err) == "table", tostring(agents))
    assert(err.kind == "network" and err.outcome == "not_sent", tostring(err))
    assert(not tostring(err):find("\n"), tostring(err))
  end
]]

--- Runs a script with 40 descriptors, or within other limits.
local function run(script, limit)
  local path = helper.folder() .. "/script.lua"
  helper.write(path, PRELUDE .. script)
  local words = helper.lua_argv(helper.lua_version, path, "http://127.0.0.1:" .. server.port)
  for i, word in ipairs(words) do words[i] = helper.quote(word) end
  local status, output = helper.run((limit or "ulimit -n 40") .. "; " ..
    table.concat(words, " "), 30)
  assert.equal(0, status, output)
  return output
end

describe("a ca_file", function()
  it("that is no file is refused before a thread opens it", function()
    local folder = helper.folder()
    assert.equal(0, helper.run("mkfifo " .. folder .. "/pipe && ln -s loop " .. folder .. "/loop"))
    for _, name in ipairs { "pipe", "loop", "none", "" } do
      local path = folder .. "/" .. name
      local fine, problem = pcall(require("livechat").new, { username = "u", api_key = "k",
        base_url = "https://127.0.0.1:9", ca_file = path })
      assert.is_false(fine, path)
      assert.matches("bad argument 'ca_file' to 'livechat.new'", problem)
    end
  end)
end)

describe("a call for which no descriptor is left", function()
  it("fails, also before the engine is loaded, and the next one works", function()
    run [[
      local client = connect()
      fill()
      for _ = 1, 3 do
        local agents, err = client.agents:list()
        failed(agents, err)
        assert(err.message:lower():find("open files"), err.message)
        local fine, raised = pcall(function() for _ in client.tickets:each() do end end)
        failed(fine or nil, raised)
      end
      free()
      assert(client.agents:list())
    ]]
  end)

  it("fails in a loop of its own, which needs one for each call", function()
    run [[
      local socket = require "socket"
      local client = connect { wait = function() socket.sleep(0.01) end }
      fill()
      for _ = 1, 3 do failed(client.agents:list()) end
      free()
      assert(client.agents:list())
      assert(client.agents:list())
    ]]
  end)

  it("fails in each function of a gather, whose others go on", function()
    run [[
      local socket = require "socket"
      require "livechat.engine"
      for _, wait in ipairs { false, function() socket.sleep(0.01) end } do
        local client = connect { wait = wait or nil, throttle = false }
        fill()
        local results = livechat.gather({ 1, 2, 3 }, function() return client.agents:list() end)
        for i = 1, 3 do failed(results[i][1], results[i][2]) end
        results = livechat.gather({ 1, 2 }, function(i)
          if i == 2 then free() end
          return client.agents:list()
        end)
        assert(results[2][1], tostring(results[2][2]))
        free()
      end
    ]]
  end)

  it("waits for the throttle all the same", function()
    run [[
      local client = connect { throttle = { calls = 2, period = 0.3 } }
      assert(client.agents:list())
      fill()
      held[#held]:close()
      held[#held] = nil
      local from = os.time()
      for _ = 1, 4 do assert(client.agents:list()) end
      assert(os.time() - from < 5)
    ]]
  end)
end)

describe("a call for which no memory is left", function()
  it("fails, and the next one works", function()
    for kib = 60000, 100000, 40000 do
      local output = run([[
        local core = require "livechat.core"
        local client = connect { throttle = false }
        local function text(n) return ("a"):rep(math.floor(n * 2 ^ 20)) end
        local good, failed = 0, 0
        local function try(fn, ...)
          local fine, value, err = pcall(fn, ...)
          collectgarbage()
          if fine and value then good = good + 1 else failed = failed + 1 end
          return fine and (value or err) or tostring(value)
        end
        for n = 1, 22, 7 do
          try(function() return core.base64(text(n)) end)
          try(function() return core.utf8(text(n)) and core.digest(text(n)) end)
          try(function()
            return client:request { method = "POST", path = "/", body = { a = text(n / 8) } }
          end)
          try(function() return client:request { method = "GET", path = "/large" } end)
          try(function() return core.secret("bearer", text(n), arg[1]) end)
        end
        assert(client.agents:list())
        print(good, failed)
      ]], "ulimit -v " .. kib)
      assert.truthy(output:match("%d+%s+%d+%s*$"), output)
    end
  end)
end)

describe("a program that is executed", function()
  it("is given no descriptor of ours", function()
    local output = run [[
      local socket = require "socket"
      local client = connect { wait = function() socket.sleep(0.01) end }
      local plain = connect()
      assert(client.agents:list() and plain.agents:list())
      os.execute("ls /proc/self/fd | wc -l")
      io.stdout:flush()
    ]]
    local bare = run [[os.execute("ls /proc/self/fd | wc -l")]]
    assert.equal(bare:match("%d+"), output:match("%d+"))
  end)
end)
