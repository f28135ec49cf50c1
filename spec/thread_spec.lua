-- SPDX-License-Identifier: MIT
-- once: helgrind and many short processes
--- The engine's thread under programs in Lua: no race, and no crash at the end.
local helper = require "spec.helper"

local sandbox

local function run(version, program, before, seconds)
  local file = helper.folder() .. "/program.lua"
  helper.write(file, (program:gsub("%$(%u+)", {
    USER = sandbox.username, KEY = sandbox.api_key, URL = sandbox.url, CERT = sandbox.cert,
  })))
  return helper.run(table.concat({ helper.lua_env(version), before or "",
    helper.lua_program(version), file }, " "), seconds)
end

setup(function()
  local cert, key = helper.certificate()
  sandbox = helper.sandbox { seed = 10, calls = false, tls = { cert = cert, key = key } }
  sandbox.cert = cert
end)
teardown(helper.cleanup)

it("helgrind sees no race between a loop's Lua and the thread", function()
  sandbox.control("POST", "faults", { faults = { "slow=0.05@5-20", "reset-before@21-23",
    "slow=5@every/GET /agents", "http503=0.05@24-26" } })
  local status, output = run("5.4", [[
    local livechat, socket = require "livechat", require "socket"
    local function wait(fd, seconds)
      socket.select({ { getfd = function() return fd end, dirty = function() return false end } },
        nil, seconds)
    end
    local function connect(options)
      options.username, options.api_key, options.base_url = "$USER", "$KEY", "$URL"
      options.ca_file, options.wait = "$CERT", wait
      return livechat.new(options)
    end
    local client = connect { throttle = { calls = 40, period = 0.5 } }
    local other = connect { throttle = false }
    local items, fine = {}, 0
    for i = 1, 59 do items[i] = i end
    for _, result in ipairs(livechat.gather(items, function(i)
      return (i % 2 == 0 and client or other).tickets:list()
    end)) do
      fine = fine + (result[1] and 1 or 0)
    end
    local hasty = connect { throttle = false, timeout = 0.5, retry = false }
    local closed = livechat.gather({ 1, 2, 3 }, function(i)
      if i == 3 then
        wait(0, 0.2)
        other:close()
      end
      return (i == 1 and hasty or other):request { path = "/agents" }
    end)
    client:close()
    print(fine, closed[1][2] and closed[1][2].kind, closed[2][2].kind)
  ]], "valgrind --tool=helgrind -q", 120)
  assert.equal(0, status, output)
  assert.matches("59%s+timeout%s+closed", output)
  assert.is_nil(output:find("data race", 1, true), output)
  assert.is_nil(output:find("lock order", 1, true), output)
end)

it("a program may end with calls in flight, also by os.exit", function()
  for _, version in ipairs { "5.4", "5.1", "jit" } do
    for _, ending in ipairs { "os.exit(0)", "error 'the end'" } do
      for _ = 1, 10 do
        local status, output = run(version, [[
          local livechat, cqueues = require "livechat", require "cqueues"
          local client = livechat.new { username = "$USER", api_key = "$KEY", base_url = "$URL",
            ca_file = "$CERT", throttle = false }
          local loop = cqueues.new()
          for _ = 1, 20 do
            loop:wrap(function()
              while true do client:request { path = "/tickets" } end
            end)
          end
          loop:wrap(function()
            cqueues.sleep(0.03 + math.random() / 30)
            ]] .. ending .. [[
          end)
          loop:loop()
        ]])
        assert.equal(0, status, output)
      end
    end
  end
end)
