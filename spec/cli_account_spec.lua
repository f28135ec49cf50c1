-- SPDX-License-Identifier: MIT
-- once: runs the command with every Lua itself
--- Signing in and out, and the files that hold credentials.
local command = require "spec.command"
local credentials = require "livechat.credentials"
local helper = require "spec.helper"
local livechat = require "livechat"

local sandbox, home, env

setup(function() sandbox = helper.sandbox {} end)
teardown(helper.cleanup)

before_each(function()
  home = helper.folder()
  env = { HOME = home, LIVECHAT_BASE_URL = sandbox.url }
end)

local function mode(path)
  local _, text = helper.run("stat -c %a " .. helper.quote(path))
  return text:match("%d+")
end

local function typed(user, key)
  local path = helper.folder() .. "/typed"
  helper.write(path, user .. "\n" .. key .. "\n")
  return "<" .. path
end

local function sign_in(words)
  return command.run("login " .. (words or "") .. typed(sandbox.username, sandbox.api_key), env)
end

describe("livechat login", function()
  it("keeps what works in a file for this user alone, on every Lua", function()
    for _, version in ipairs(helper.lua_versions()) do
      local status, out, said = command.run("login " .. typed(sandbox.username, sandbox.api_key),
        env, version)
      assert.same({ 0, "" }, { status, out }, said)
      assert.is_nil(said:find(sandbox.api_key, 1, true))
      assert.equal("600", mode(home .. "/.config/livechat/credentials"))
      assert.equal("700", mode(home .. "/.config/livechat"))
      status, out = command.run("whoami", env, version)
      assert.equal(0, status)
      assert.truthy(out:find("username\t" .. sandbox.username, 1, true), out)
      -- The service is that of the file where the environment names none.
      status = command.run("tickets list", { HOME = home }, version)
      assert.equal(0, status)
      status = command.run("logout", env, version)
      assert.equal(0, status)
      assert.equal(4, (command.run("whoami", env, version)))
      helper.run("rm -rf " .. helper.quote(home .. "/.config"))
    end
  end)

  it("asks at a terminal, without showing the key", function()
    local status, shown = command.at_terminal("login", env,
      sandbox.username .. "\n" .. sandbox.api_key .. "\n")
    assert.equal(0, status, shown)
    assert.truthy(shown:find("E-mail address: ", 1, true), shown)
    assert.truthy(shown:find("signed in as " .. sandbox.username, 1, true), shown)
    assert.equal("600", mode(home .. "/.config/livechat/credentials"))
  end)

  it("changes nothing for credentials that do not work, or for none", function()
    sign_in()
    local before = helper.read(home .. "/.config/livechat/credentials")
    local status, _, said = command.run("login " .. typed(sandbox.username, "wrong"), env)
    assert.equal(4, status)
    assert.is_nil(said:find("wrong", 1, true))
    assert.equal(1, (command.run("login </dev/null", env)))
    assert.equal(before, helper.read(home .. "/.config/livechat/credentials"))
  end)

  it("has profiles", function()
    sign_in()
    sign_in "--profile other "
    assert.equal(0, (command.run("whoami --profile other", env)))
    assert.equal(0, (command.run("whoami --profile default", env)))
    local status, _, said = command.run("whoami --profile missing", env)
    assert.equal(4, status)
    assert.truthy(said:find("no such profile: missing", 1, true))
    assert.equal(0, (command.run("logout --profile other", env)))
    assert.equal(4, (command.run("whoami --profile other", env)))
    assert.equal(0, (command.run("whoami", env)))
  end)

  it("needs a place to keep them", function()
    local status, _, said = command.run("login " .. typed("a@example.com", "k"), {})
    assert.equal(1, status)
    assert.truthy(said:find("neither XDG_CONFIG_HOME nor HOME", 1, true))
  end)
end)

describe("the file of login", function()
  it("is refused where others may read it, or where it is something else", function()
    sign_in()
    local path = home .. "/.config/livechat/credentials"
    helper.run("chmod 640 " .. path)
    local status, _, said = command.run("whoami", env)
    assert.equal(4, status)
    assert.truthy(said:find("others may read it; say chmod 600 " .. path, 1, true), said)
    assert.equal(1, (command.run("login " .. typed("a", "b"), env)))
    helper.run("chmod 600 " .. path)
    helper.write(path, '{"profiles":{"default":5},"default":"default"}')
    status, _, said = command.run("whoami", env)
    assert.equal(4, status)
    assert.truthy(said:find("is not what livechat login writes", 1, true), said)
  end)

  it("is for the service that it was written for, and for no other", function()
    sign_in()
    local status, _, said = command.run("whoami", { HOME = home,
      LIVECHAT_BASE_URL = "http://127.0.0.1:9" })
    assert.equal(4, status)
    assert.truthy(said:find("not signed in", 1, true), said)
  end)
end)

describe("livechat.new", function()
  it("takes a secret from a file that others may not read", function()
    local path = helper.folder() .. "/key"
    helper.write(path, sandbox.api_key .. "\n")
    local options = { username = sandbox.username, api_key_file = path, base_url = sandbox.url }
    helper.run("chmod 644 " .. path)
    local fine, problem = pcall(livechat.new, options)
    assert.is_false(fine)
    assert.truthy(problem:find("bad argument 'api_key_file' to 'livechat.new'", 1, true), problem)
    assert.truthy(problem:find("others may read it", 1, true), problem)
    assert.is_nil(problem:find(sandbox.api_key, 1, true))
    helper.run("chmod 600 " .. path)
    local client = assert(livechat.new(options))
    assert.truthy(client.tickets:list())
    client:close()
    for _, contents in ipairs { "", "\n", "a\nb", ("x"):rep(70000) } do
      helper.write(path, contents)
      assert.is_false((pcall(livechat.new, options)))
    end
    options.api_key = "both"
    assert.is_false((pcall(livechat.new, options)))
  end)
end)

describe("credentials", function()
  it("say where they are, or that they are nowhere", function()
    local function getenv(values) return function(name) return values[name] end end
    assert.equal("/x/livechat/credentials", credentials.path(getenv { XDG_CONFIG_HOME = "/x" }))
    assert.equal("/h/.config/livechat/credentials",
      credentials.path(getenv { XDG_CONFIG_HOME = "relative", HOME = "/h" }))
    assert.is_nil(credentials.path(getenv {}))
    assert.same({ default = "default", profiles = {} }, credentials.load(getenv {}))
  end)
end)
