-- SPDX-License-Identifier: MIT
--- Signing in by OAuth: renewal before the end and after a 401, the file of a pair.
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

  it("is not used before it is on disk, and not renewed again for that", function()
    local given = options { refresh_token = pair().refresh_token, store = new_path() }
    local client = assert(livechat.new(given))
    local sync = core.spool.sync_folder
    core.spool.sync_folder = function() return nil, "system", "No space left on device" end
    finally(function() core.spool.sync_folder = sync end)
    for _ = 1, 2 do
      local list, err = client.agents:list()
      assert.is_nil(list)
      assert.same({ "invalid", "oauth.store" }, { err.kind, err.field })
      assert.truthy(err.message:find("No space left on device", 1, true))
    end
    given.timeout = 0.2
    local other = assert(livechat.new(given))
    assert.equal("timeout", select(2, other.agents:list()).kind) -- waits for the one that has it
    core.spool.sync_folder = sync
    assert(client.agents:list())
    assert(other.agents:list())
  end)

  it("of two machines: the second one is told that it was used up", function()
    local given = options { refresh_token = pair().refresh_token }
    assert(assert(livechat.new(given)).agents:list())
    local list, err = assert(livechat.new(given)).agents:list()
    assert.is_nil(list)
    assert.same({ "auth", "invalid_grant", "not_sent" }, { err.kind, err.code, err.outcome })
    assert.truthy(err.message:find("used up", 1, true))
    given.api = "v2"
    assert.same({ "auth", "invalid_grant" }, { select(2, assert(livechat.new(given))
      .agents:list()).kind, select(2, assert(livechat.new(given)).agents:list()).code })
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

  -- No file may grow: what the process is told of a full disk, and of a quota.
  it("is not asked for where the disk is full, and is there when it is not", function()
    local given = { client_id = sandbox.public_client_id, refresh_token = pair().refresh_token,
      store = new_path() }
    local script = ([[
      local client = assert(require("livechat").new { api = "v3", base_url = %q, accounts_url = %q,
        throttle = false, oauth = { client_id = %q, refresh_token = %q, store = %q } })
      local list, err = client.agents:list()
      io.stdout:write(list and "fine" or err.kind .. " " .. err.field .. " " .. err.message)
    ]]):format(sandbox.url, sandbox.url, given.client_id, given.refresh_token, given.store)
    local words = helper.lua_argv(helper.lua_version, "-e", script)
    for i, word in ipairs(words) do words[i] = helper.quote(word) end
    local line = table.concat(words, " ")
    for _ = 1, 2 do
      local _, said = helper.run("trap '' XFSZ; ulimit -f 0; " .. line .. " | cat")
      assert.matches("^invalid oauth.store .*File too large$", said)
    end
    assert.equal("fine", (select(2, helper.run(line))))
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

describe("work apart", function()
  it("gives a text from a process of its own", function()
    local work = assert(core.apart(function() return tostring(core.pid()) end))
    local told = helper.wait_until(function() return (work:wait(0.1)) end, 10, "the work")
    assert.are_not.equal(core.pid(), tonumber(told))
    work:close()
    work:close()
    assert.has_error(function() work:wait(0) end)
    work = assert(core.apart(function()
      helper.sleep(0.3)
      error("raised")
    end))
    assert.same({ nil, "timeout" }, { [2] = select(2, work:wait(0)) })
    assert.equal("", helper.wait_until(function() return (work:wait(0.1)) end, 10, "the work"))
    work:close()
    assert.has_error(function() core.apart("text") end)
  end)
end)
