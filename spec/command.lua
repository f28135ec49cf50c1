-- SPDX-License-Identifier: MIT
--- Runs bin/livechat as a person does, in a shell or at a terminal, for its specs.
local helper = require "spec.helper"

local quote = helper.quote

local command = {}

local ENDS = { "LIVECHAT_USERNAME", "LIVECHAT_API_KEY", "LIVECHAT_ACCESS_TOKEN", "LIVECHAT_API",
  "LIVECHAT_BASE_URL", "LIVECHAT_HELPDESK_URL", "LIVECHAT_ACCOUNTS_URL", "LIVECHAT_CLIENT_ID",
  "LIVECHAT_PROFILE", "LIVECHAT_THROTTLE", "LIVECHAT_INBOX",
  "LIVECHAT_WEBHOOK_TOKEN", "HOME", "XDG_CONFIG_HOME", "NO_COLOR", "COLUMNS", "LC_ALL" }

--- The words before a command: an environment that names nothing but what is given.
---@param env table<string, string>|nil
---@param version string|nil of Lua
function command.prefix(env, version)
  version = version or "5.4"
  local words = "env -u " .. table.concat(ENDS, " -u ") .. " " .. helper.lua_env(version)
  for name, value in pairs(env or {}) do words = words .. " " .. name .. "=" .. quote(value) end
  return words .. " " .. helper.lua_program(version) .. " bin/livechat "
end

--- The environment of an account of a local service, by the name that every API knows.
function command.account(sandbox, more)
  local env = { LIVECHAT_BASE_URL = sandbox.url, LIVECHAT_USERNAME = sandbox.account_id,
    LIVECHAT_API_KEY = sandbox.api_key, LIVECHAT_HELPDESK_URL = sandbox.url .. "/v1",
    LIVECHAT_ACCOUNTS_URL = sandbox.url, LIVECHAT_CLIENT_ID = sandbox.client_id }
  for name, value in pairs(more or {}) do env[name] = value or nil end
  return env
end

--- Runs a command to its end.
---@param words string as a shell takes them, redirections of stdin included
---@return integer status
---@return string out
---@return string said on stderr
function command.run(words, env, version)
  local said = helper.folder() .. "/stderr"
  local status, out = helper.run(command.prefix(env, version) .. words .. " 2>" .. quote(said))
  return status, out, helper.read(said)
end

--- The same at a terminal, where `input` is typed; what the terminal was sent, with its own line
--- ends as plain ones.
---@return integer status
---@return string shown
function command.at_terminal(words, env, input, version)
  local typed = helper.folder() .. "/typed"
  helper.write(typed, input or "")
  local line = ("(sleep 0.5; cat %s; sleep 0.5) | script -qefc %s /dev/null"):format(quote(typed),
    quote(command.prefix(env, version) .. words))
  if not input then
    line = ("script -qec %s /dev/null"):format(quote(command.prefix(env, version) .. words))
  end
  local status, shown = helper.run(line)
  return status, (shown:gsub("\r\n", "\n"))
end

return command
