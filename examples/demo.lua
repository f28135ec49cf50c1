-- SPDX-License-Identifier: MIT
-- Starts the local service, runs triage.lua against it, and stops what it started.
local server = require "livechat.sandbox.server"

local sandbox = assert(server.start { seed = 110, lifetime = 300 })
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

local ok, err = xpcall(dofile, debug.traceback, folder .. "/triage.lua")
sandbox.stop()
if not ok then
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end
print("\nThe local service has stopped.")
