-- SPDX-License-Identifier: MIT
-- Starts the local service and, for its events, `livechat listen`; runs triage.lua against it; and
-- stops what it started. With --stay it leaves the service's page open until ^C, an hour at most.
local core = require "livechat.core"
local livechat = require "livechat"
local server = require "livechat.sandbox.server"

local stay = arg[1] == "--stay"
local sandbox = assert(server.start { seed = 110, lifetime = stay and 3600 or 300 })
print("The local service listens on " .. sandbox.url .. "\n")

local folder = arg[0]:match("^(.*)/") or "."
local environment = {
  LIVECHAT_USERNAME = sandbox.username, LIVECHAT_API_KEY = sandbox.api_key,
  LIVECHAT_BASE_URL = sandbox.url,
}
local getenv = os.getenv
os.getenv = function(name) -- luacheck: ignore 122
  return environment[name] or getenv(name)
end

--- Starts the command as somebody else would, in a shell; it is ready when the service knows it.
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
  dofile(folder .. "/triage.lua")
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
