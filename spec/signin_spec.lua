-- SPDX-License-Identifier: MIT
--- Signing in by OAuth: renewal before the end and after a 401, the file that processes share.
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"
local core = require "livechat.core"

local sandbox, folder

setup(function()
  sandbox = helper.sandbox { calls = false }
  folder = helper.folder()
end)

teardown(function() helper.cleanup() end)

local n = 0
local function new_path()
  n = n + 1
  return folder .. "/token" .. n
end

local function options(given)
  local oauth = { client_id = sandbox.public_client_id }
  for name, value in pairs(given) do oauth[name] = value end
  return { api = "v3", oauth = oauth, base_url = sandbox.url, accounts_url = sandbox.url,
    helpdesk_url = sandbox.url .. "/v1", throttle = false, retry = { base = 0.01 } }
end

local function pair(more)
  local fields = { public = true }
  for name, value in pairs(more or {}) do fields[name] = value end
  return sandbox.control("POST", "tokens", fields)
end

describe("oauth", function()
  it("renews a token that ended, and one that is refused, once", function()
    local path = new_path()
    local client = assert(livechat.new(options { refresh_token = pair().refresh_token,
      store = path }))
    assert(client.agents:list())
    local first = json.decode(helper.read(path))
    assert.equal(tonumber("600", 8), core.spool.about(path, false).mode)
    assert(client.agents:list())
    assert.equal(first.access_token, json.decode(helper.read(path)).access_token)
    sandbox.control("POST", "options", { advance = 28800 }) -- ended there, not by our clock: 401
    assert(client.agents:list())
    local second = json.decode(helper.read(path))
    assert.are_not.equal(first.access_token, second.access_token)
    assert.are_not.equal(first.refresh_token, second.refresh_token)
    local other = assert(livechat.new(options { refresh_token = "stale", store = path }))
    assert.equal("auth", select(2, other.agents:list()).kind) -- another sign-in's beginning
  end)

  it("goes on from the file after a restart, whatever it was given at first", function()
    local path, given = new_path(), pair().refresh_token
    for _ = 1, 3 do
      local client = assert(livechat.new(options { refresh_token = given, store = path }))
      assert(client.agents:list())
      client:close()
      sandbox.control("POST", "options", { advance = 28800 })
    end
  end)

  it("is renewed once for calls that overlap", function()
    for _, store in ipairs { false, new_path() } do
      local client = assert(livechat.new(options { refresh_token = pair().refresh_token,
        store = store or nil }))
      local results = livechat.gather({ 1, 2, 3, 4, 5, 6, 7, 8 }, function()
        return client.agents:list()
      end, { concurrency = 8 })
      for i = 1, 8 do
        assert.is_nil(results[i][2]) -- a second renewal with the same token would be refused
      end
    end
  end)

  it("signs in to v2 as well", function()
    local given = options { refresh_token = pair().refresh_token }
    given.api = "v2"
    local client = assert(livechat.new(given))
    assert(client.agents:list())
  end)

  it("says what is wrong, and no secret", function()
    local client = assert(livechat.new(options { refresh_token = "no-such-refresh-token" }))
    local list, err = client.agents:list()
    assert.is_nil(list)
    assert.same({ "auth", "invalid_grant", "not_sent" }, { err.kind, err.code, err.outcome })
    assert.is_nil(tostring(err):find("no-such-refresh-token", 1, true))
    assert.has_error(function() livechat.new(options { refresh_token = 1 }) end)
    assert.has_error(function() livechat.new(options {}) end)
  end)

  it("asks for no token that it could not keep", function()
    local given = pair().refresh_token
    local client = assert(livechat.new(options { refresh_token = given,
      store = folder .. "/none/token" }))
    local list, err = client.agents:list()
    assert.is_nil(list)
    assert.same({ "invalid", "oauth.store" }, { err.kind, err.field })
    local wide = new_path()
    helper.write(wide, "{}")
    helper.run("chmod 644 " .. helper.quote(wide))
    client = assert(livechat.new(options { refresh_token = given, store = wide }))
    assert.equal("oauth.store", select(2, client.agents:list()).field)
    client = assert(livechat.new(options { refresh_token = given })) -- it was not used up
    assert(client.agents:list())
  end)

  it("finds the answer that a process which was killed had written down", function()
    local path, given = new_path(), pair().refresh_token
    local client = assert(livechat.new(options { refresh_token = given, store = path }))
    assert(client.agents:list())
    os.rename(path, path .. ".next") -- killed between the two
    client = assert(livechat.new(options { refresh_token = given, store = path }))
    assert(client.agents:list())
    assert.truthy(helper.read(path))
  end)
end)

describe("oauth, shared by processes", function()
  -- Eight programs that call until a file says that it is enough; each writes what went wrong.
  local function start(given, stop, log)
    local oauth = ("client_id = %q, refresh_token = %q, store = %q%s"):format(given.client_id,
      given.refresh_token, given.store,
      given.client_secret and (", client_secret = %q"):format(given.client_secret) or "")
    local script = ([[
      local livechat = require "livechat"
      local client = assert(livechat.new { api = "v3", oauth = { %s }, base_url = %q,
        accounts_url = %q, throttle = false, retry = { base = 0.01 } })
      local log = assert(io.open(%q, "a"))
      log:setvbuf("no")
      for _ = 1, 1e5 do
        local list, err = client.agents:list()
        log:write(list and "." or tostring(err) .. "\\n")
        if io.open(%q) then break end
      end
    ]]):format(oauth, sandbox.url, sandbox.url, log, stop)
    return (helper.spawn(helper.lua_argv(helper.lua_version, "-e", script)))
  end

  local function run(given, disturb)
    local stop, log, pids = new_path(), new_path(), {}
    local function begin(i) pids[i] = start(given, stop, log) end
    for i = 1, 8 do begin(i) end
    disturb(pids, begin)
    helper.write(stop, "")
    for _, pid in ipairs(pids) do assert.is_true(helper.wait_exit(pid, 30)) end
    local wrong = helper.read(log):gsub("%.", "")
    assert.equal("", wrong)
    local client = assert(livechat.new(options(given)))
    assert(client.agents:list())
  end

  it("uses each refresh token once, whoever of them renews", function()
    run({ client_id = sandbox.public_client_id, refresh_token = pair().refresh_token,
      store = new_path() }, function()
      for _ = 1, 6 do
        helper.sleep(0.5) -- so that no call meets the end of two tokens
        sandbox.control("POST", "options", { advance = 28800 })
      end
      helper.sleep(0.2)
    end)
  end)

  -- The refresh token of a server's app stays: what is at stake is the file. That of a public app
  -- would be lost with a process that is killed while the service's answer is on its way.
  it("keeps its file whole although they are killed", function()
    run({ client_id = sandbox.client_id, client_secret = sandbox.client_secret,
      refresh_token = pair({ public = false }).refresh_token, store = new_path() },
      function(pids, begin)
        for i = 1, 24 do
          helper.kill(pids[i % 8 + 1], "KILL")
          begin(i % 8 + 1)
          if i % 4 == 0 then sandbox.control("POST", "options", { advance = 28800 }) end
        end
        helper.sleep(0.2)
      end)
  end)
end)
