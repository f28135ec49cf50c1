-- SPDX-License-Identifier: MIT
-- once: processes of every Lua share one pair
--- Signing in by OAuth in several processes, and in processes that are killed.
local helper = require "spec.helper"
local livechat = require "livechat"

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

describe("oauth, shared by processes", function()
  local versions, started = helper.lua_versions(), 0

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
    started = started + 1
    local version = versions[started % #versions + 1]
    return (helper.spawn(helper.lua_argv(version, "-e", script)))
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
