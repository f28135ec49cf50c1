-- SPDX-License-Identifier: MIT
-- Starts the local service and, for its events, `livechat listen`; runs triage.lua against it, once
-- on version 2 of the API and once on today's, and migrate.lua, which compares them; and stops what
-- it started. With --stay it leaves the service's page open until ^C, an hour at most.
local core = require "livechat.core"
local livechat = require "livechat"
local server = require "livechat.sandbox.server"

local stay = arg[1] == "--stay"
-- The three programs have a throttle each, as if on accounts of their own.
local sandbox = assert(server.start { seed = 110, calls = 300, history_ends = os.time(),
  lifetime = stay and 3600 or 300 })
print("The local service listens on " .. sandbox.url .. "\n")

local folder = arg[0]:match("^(.*)/") or "."
local environment = {
  LIVECHAT_API = "v2", LIVECHAT_USERNAME = sandbox.username, LIVECHAT_API_KEY = sandbox.api_key,
  LIVECHAT_BASE_URL = sandbox.url, LIVECHAT_HELPDESK_URL = sandbox.url,
  LIVECHAT_ACCOUNTS_URL = sandbox.url, LIVECHAT_ACCOUNT = sandbox.account_id,
  LIVECHAT_TOKEN = sandbox.api_key,
}
local getenv = os.getenv
os.getenv = function(name) -- luacheck: ignore 122
  return environment[name] or getenv(name)
end

--- Starts the command as a user would, in a shell; it is ready when the service knows it.
local function listen()
  local port = 19000 + sandbox.port % 1000
  -- By a file in the service's private folder: what a program's arguments are, everybody sees.
  local file = assert(io.open(sandbox.folder .. "/environment", "w"))
  for name, value in pairs(environment) do
    file:write(("export %s='%s'\n"):format(name, value))
  end
  file:close()
  local words = { "/bin/sh", "-c", '. "$0"; exec "$@"', sandbox.folder .. "/environment",
    "/usr/bin/env", arg[-1], folder .. "/../bin/livechat", "listen", "--port", tostring(port),
    "--register", "http://127.0.0.1:" .. port .. "/", folder .. "/handlers.lua" }
  local listener = assert(core.spawn(words))
  local client = livechat.new { throttle = false }
  while #assert(client.webhooks:list()) == 0 do
    assert(not listener:wait(0.1), "livechat listen has ended")
  end
  client:close()
  return listener
end

local listener
local ok, err = xpcall(function()
  listener = listen()
  print("---- triage.lua on API v2 ----\n")
  dofile(folder .. "/triage.lua")
  listener:wait(1)
  print("\n---- triage.lua on API v3: agents by Configuration, tickets by HelpDesk ----\n")
  environment.LIVECHAT_API, environment.LIVECHAT_USERNAME = "v3", sandbox.account_id
  dofile(folder .. "/triage.lua")
  print("\n---- migrate.lua: what a v2 account's script would meet ----\n")
  environment.LIVECHAT_USERNAME = sandbox.username
  dofile(folder .. "/migrate.lua")
  listener:wait(1)
  if stay then
    print("\nLook at it in a browser: " .. sandbox.url .. "/ (^C ends it)")
    listener:wait(3600) -- returns at a signal
  end
end, debug.traceback)
if listener then
  listener:close()
end
sandbox.stop()
if not ok then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
print("\nThe local service has stopped.")
