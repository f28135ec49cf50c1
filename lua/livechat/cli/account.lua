-- SPDX-License-Identifier: MIT
--- Who calls: the client of a command, and signing in and out.
local client_of = require "livechat.client".connection
local credentials = require "livechat.credentials"
local display = require "livechat.cli.display"
local livechat = require "livechat"
local output = require "livechat.cli.output"
local terminal = require "livechat.cli.terminal"
local text = require "livechat.text"

local account = {}

account.NOT_SIGNED_IN = 4

account.APIS = { "v2", "v3" }

--- The options of every command that calls the service.
account.OPTIONS = {
  { name = "profile", kind = "text", value = "NAME", help = "whose account (LIVECHAT_PROFILE)" },
  { name = "api", kind = "word", value = "WORD", of = account.APIS,
    help = "which of the service's APIs: v2 | v3 (LIVECHAT_API)" },
}

-- Waits are told where a person looks on.
local function on_wait(shell)
  return shell.is_terminal(2) and function(seconds)
    if seconds >= 1 then shell.say(("waiting %d s for the rate limit"):format(seconds)) end
  end or nil
end

-- Options of livechat.new for what a command was given; nil and what is wrong.
local function options_of(shell, given)
  local made = { on_wait = on_wait(shell), api = given.api }
  local path = shell.getenv("LIVECHAT_THROTTLE")
  if path and path ~= "" then made.throttle = { path = path } end
  if not given.profile then return made end
  local profile, problem = credentials.profile(shell.getenv, given.profile)
  if not profile then return nil, problem or "no such profile: " .. given.profile end
  for key, value in pairs(profile) do
    if made[key] == nil then made[key] = value end
  end
  return made
end

--- The API that a command means, by its words, its profile, the environment or what login kept.
---@param shell livechat.Shell
---@param given { api?: string, profile?: string }
---@return string
function account.api(shell, given)
  for _, api in ipairs(account.APIS) do
    if given.api == api then return api end
  end
  local named = shell.getenv("LIVECHAT_API")
  local options = options_of(shell, { profile = given.profile }) or {}
  options.throttle = false
  local fine, client = pcall(livechat.new, options)
  if not fine or not client then return options.api or named ~= "" and named or "v2" end
  local api = client_of(client, "livechat").dialects[1].name
  client:close()
  return api
end

--- What livechat.new raises about an argument, without the place and the words of a programmer.
function account.plainly(raised)
  local which, problem = tostring(raised):match(
    "bad argument '([%w_.]+)' to 'livechat%.new' %((.*)%)$")
  return which and which .. ": " .. problem or tostring(raised)
end

--- The client of a command; without one, the command's status, when the reason is told.
---@param shell livechat.Shell
---@param given { profile?: string, api?: string }
---@param more? livechat.Options
---@return livechat.Client|nil client
---@return integer|nil status
function account.client(shell, given, more)
  local options, problem = options_of(shell, given)
  for name, value in pairs(options and more or {}) do options[name] = value end
  local fine, client, err
  if options then fine, client, err = pcall(livechat.new, options) end
  if fine and client then return client end
  if fine or not options then
    shell.say(tostring(problem or err))
    return nil, options and 1 or account.NOT_SIGNED_IN
  end
  if tostring(client):find("(missing, and LIVECHAT_", 1, true) then
    shell.say("not signed in: say livechat login, or set LIVECHAT_USERNAME and LIVECHAT_API_KEY")
    return nil, account.NOT_SIGNED_IN
  end
  shell.say(account.plainly(client))
  return nil, tostring(client):find("'api_key'", 1, true) and account.NOT_SIGNED_IN or 2
end

--- The client of a command that can do without: nil where no account is signed in, and what is
--- wrong where one is.
---@param getenv fun(name: string): string|nil
---@param given { profile?: string, api?: string }
---@param more? livechat.Options
---@return livechat.Client|nil client
---@return string|nil problem
function account.quiet(getenv, given, more)
  local told
  local shell = { getenv = getenv, say = function(line) told = line end,
    is_terminal = function() return false end }
  local client = account.client(shell, given, more)
  if client or told:find("^not signed in") then return client end
  return nil, told
end

--- Tells what went wrong; the command's status.
---@param shell livechat.Shell
---@param err livechat.Error|string
---@return integer
function account.failed(shell, err)
  shell.say(tostring(err))
  local kind = type(err) == "table" and err.kind
  return kind == "auth" and account.NOT_SIGNED_IN or kind == "invalid" and 2 or 1
end

-- ---- login, logout, whoami ---------------------------------------------------------------------

local commands = {}

-- What of the environment belongs to an account: the key goes to these services alone.
local PLACES = { base_url = "LIVECHAT_BASE_URL", helpdesk_url = "LIVECHAT_HELPDESK_URL",
  accounts_url = "LIVECHAT_ACCOUNTS_URL", client_id = "LIVECHAT_CLIENT_ID", api = "LIVECHAT_API" }

local function ask_for(shell, given)
  local made = {}
  for name, variable in pairs(PLACES) do
    local value = shell.getenv(variable)
    made[name] = value ~= "" and value or nil
  end
  made.base_url, made.api = given.url or made.base_url, given.api or made.api
  if given.token then
    made.access_token = terminal.ask(shell, "Access token: ", true)
    return made.access_token and made
  end
  made.username = given.username or terminal.ask(shell, "E-mail address: ", false)
  made.api_key = made.username and terminal.ask(shell, "API key: ", true)
  return made.api_key and made
end

-- Whether the service knows these credentials; the client, or the command's status.
local function try(shell, made)
  local options = { throttle = false }
  for _, name in ipairs { "username", "api_key", "access_token" } do
    made[name] = made[name] and text.trim(made[name])
  end
  for name, value in pairs(made) do options[name] = value end
  local fine, client, err = pcall(livechat.new, options)
  if not fine then
    shell.say(account.plainly(client))
    return nil, 2
  elseif not client then
    return nil, account.failed(shell, err)
  end
  made.base_url = client_of(client, "livechat login").base_url
  local answer
  answer, err = client.agents:list()
  client:close()
  if not answer then
    return nil, account.failed(shell, err)
  end
  return true
end

commands.login = {
  summary = "sign in: asks for the credentials and keeps them in a file that only you may read",
  usage = "",
  options = {
    { name = "profile", kind = "text", value = "NAME",
      help = "keep them under this name (default)" },
    { name = "username", kind = "text", value = "ADDRESS", help = "the account's e-mail address" },
    { name = "token", kind = "flag", help = "ask for an access token instead" },
    { name = "url", kind = "text", value = "URL", help = "of the service (LIVECHAT_BASE_URL)" },
    account.OPTIONS[2],
  },
  example = "livechat login --profile work",
  run = function(given, rest, shell)
    if #rest > 0 then return nil, "no argument expected: the key is asked for" end
    if not credentials.path(shell.getenv) then
      shell.say("neither XDG_CONFIG_HOME nor HOME says where to keep it")
      return 1
    end
    local data, problem = credentials.load(shell.getenv)
    if not data then
      shell.say(problem)
      return 1
    end
    local made = ask_for(shell, given)
    if not made then
      shell.say("nothing was typed, and nothing is changed")
      return 1
    end
    local fine, status = try(shell, made)
    if not fine then return status end
    local name = given.profile or "default"
    data.profiles[name], data.default = made, name
    local path
    path, problem = credentials.save(shell.getenv, data)
    if not path then
      shell.say(problem)
      return 1
    end
    local who = made.username or "the token's owner"
    shell.say(("signed in as %s (profile %s, %s)"):format(who, name, path))
    return 0
  end,
}

commands.logout = {
  summary = "forget the credentials that login has kept",
  usage = "",
  options = {
    { name = "profile", kind = "text", value = "NAME", help = "of this profile alone" },
    { name = "all", kind = "flag", help = "of every profile" },
  },
  example = "livechat logout --all",
  run = function(given, rest, shell)
    if #rest > 0 then return nil, "no argument expected: " .. rest[1] end
    local data, problem = credentials.load(shell.getenv)
    if not data then
      shell.say(problem)
      return 1
    end
    local name = given.profile or data.default
    if given.all then
      data.profiles = {}
    elseif not data.profiles[name] then
      shell.say("not signed in" .. (given.profile and " as " .. name or ""))
      return 1
    else
      data.profiles[name] = nil
    end
    if not data.profiles[data.default] then data.default = next(data.profiles) or "default" end
    local path
    path, problem = credentials.save(shell.getenv, data)
    if not path then
      shell.say(problem)
      return 1
    end
    shell.say(given.all and "signed out everywhere" or "signed out: " .. name)
    return 0
  end,
}

commands.whoami = {
  summary = "tell which account commands act for, and whether the service knows it",
  usage = "",
  options = {
    account.OPTIONS[1], account.OPTIONS[2],
    { name = "json", kind = "flag", help = "for programs" },
  },
  example = "livechat whoami",
  run = function(given, rest, shell)
    if #rest > 0 then return nil, "no argument expected: " .. rest[1] end
    local client, status = account.client(shell, given)
    if not client then return status end
    local conn = client_of(client, "livechat whoami")
    local name = conn.account and conn.account:match("\n(.*)$")
    local agents, err = client.agents:list()
    if not agents then return account.failed(shell, err) end
    local found = { username = name, service = conn.base_url, api = conn.dialects[1].name,
      agents = #agents }
    for _, agent in ipairs(agents) do
      if name and agent.login == name then
        found.name, found.permission = agent.name, agent.permission
      end
    end
    client:close()
    if given.json then
      shell.out(display.json(found) .. "\n")
    else
      output.one(shell, given, found)
    end
    return 0
  end,
}

account.commands = commands

return account
