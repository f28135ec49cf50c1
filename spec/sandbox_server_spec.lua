-- SPDX-License-Identifier: MIT
--- The start and the end of the local LiveChat, in the background and in the foreground.
local socket = require "socket"
local server = require "livechat.sandbox.server"
local helper = require "spec.helper"

local KEY = "key-of-this-spec-7d1f"

describe("starting and ending", function()
  teardown(helper.cleanup)

  it("raises for options that it does not know or cannot use", function()
    for name, value in pairs({ colour = 1, calls = "many", fault = "nonsense" }) do
      local ok, message = pcall(function() server.start({ [name] = value }) end)
      assert.is_false(ok)
      assert.truthy(message:find("^%S*sandbox_server_spec.lua:%d+: livechat%.sandbox%.server: .*" ..
        name), message)
    end
  end)

  it("stops when told to, and leaves nothing", function()
    local sandbox = helper.sandbox()
    assert.equal(401, helper.http({ url = sandbox.url .. "/v2/agents" }).status)
    sandbox.stop()
    assert.is_false(helper.alive(sandbox.pid))
    assert.is_nil(helper.read(sandbox.folder .. "/nginx.conf"))
    assert.is_nil((socket.connect("127.0.0.1", sandbox.port)))
    sandbox.stop()
  end)

  it("says why it cannot start", function()
    local none, message = server.start({ nginx = "/nowhere/nginx" })
    assert.is_nil(none)
    assert.truthy(message:find("/nowhere/nginx was not found", 1, true))
    none, message = server.start({ nginx = "true" })
    assert.is_nil(none)
    assert.truthy(message:find("is not nginx", 1, true))
    local bare = helper.folder() .. "/nginx"
    helper.write(bare, "#!/bin/sh\necho nginx version: x --modules-path=/nowhere\n")
    helper.run("chmod +x " .. bare)
    none, message = server.start({ nginx = bare })
    assert.is_nil(none)
    assert.truthy(message:find("no Lua module", 1, true))
  end)

  it("leaves nothing of a start that failed", function()
    local taken, temporary = assert(socket.bind("127.0.0.1", 0)), helper.folder()
    local pid, output = helper.spawn(helper.lua_argv(helper.lua_version, "-e", ([[
      print(require("livechat.sandbox.server").start({ port = %d }))]]):format(
      (select(2, taken:getsockname())))), { env = { TMPDIR = temporary } })
    assert.is_true(helper.wait_exit(pid, 20))
    taken:close()
    assert.truthy(helper.read(output):find("^nil\t.*Address already in use"))
    assert.equal("", (select(2, helper.run("ls " .. temporary))))
  end)

  -- The sandbox in the foreground, as the command line runs it.
  local function foreground(options)
    local temporary = helper.folder()
    local pid, output = helper.spawn(helper.lua_argv(helper.lua_version, "-e",
      'print(require("livechat.sandbox.server").run({' .. options .. "}))"),
      { env = { TMPDIR = temporary } })
    local url = helper.wait_until(function()
      return helper.read(output):match("(http://127%.0%.0%.1:%d+)")
    end)
    local function left() return (select(2, helper.run("ls " .. temporary))) end
    assert.truthy(left():find("^livechat%."))
    -- What a terminal's ^C sends: one signal to the program and one to its nginx. The `timeout`
    -- that watches over both would pass on a second one.
    local function interrupt()
      helper.run(("kill -INT %d $(cat %s/livechat.*/nginx.pid)"):format(pid, temporary))
    end
    return pid, url, output, left, interrupt
  end

  it("runs in the foreground until ^C", function()
    local pid, url, output, left, interrupt = foreground("seed = 2")
    assert.equal(401, helper.http({ url = url .. "/v2/agents" }).status)
    assert.truthy(helper.read(output):find("username " .. server.USERNAME .. ", API key " ..
      server.API_KEY, 1, true))
    interrupt()
    assert.is_true(helper.wait_exit(pid, 5))
    assert.is_nil((socket.connect("127.0.0.1", tonumber(url:match("%d+$")))))
    assert.truthy(helper.read(output):find("\ntrue%s*$"))
    assert.equal("", left())
  end)

  it("ends with the program that runs it, and does not print a key that it was given", function()
    local pid, url, output, left = foreground("api_key = '" .. KEY .. "'")
    helper.kill(pid, "KILL")
    helper.wait_until(function()
      return not socket.connect("127.0.0.1", tonumber(url:match("%d+$")))
    end, 5, "the sandbox's end")
    assert.is_nil(helper.read(output):find(KEY, 1, true))
    helper.wait_until(function() return left() == "" end, 5, "the folder's end")
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
