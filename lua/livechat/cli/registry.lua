-- SPDX-License-Identifier: MIT
--- Which commands there are: those of the dialect's rows, and those that are written by hand.
local args = require "livechat.cli.args"
local client = require "livechat.client"
local credentials = require "livechat.credentials"
local export = require "livechat.cli.export"
local livechat = require "livechat"
local resources = require "livechat.cli.resources"

local registry = {}

-- Files of commands, in the order in which the help names them.
local FILES = {
  { "livechat.cli.account", { "login", "logout", "whoami" } },
  { "livechat.cli.request", { "api" } },
  { "livechat.cli.doctor", { "doctor" } },
  { "livechat.cli.throttle", { "throttle", "spent" } },
  { "livechat.cli.events", { "listen", "drain", "inbox" } },
  { "livechat.cli.sandbox", { "sandbox", "trigger" } },
  { "livechat.cli.completion", { "completion" } },
  { "livechat.cli.man", { "man" } },
}

-- The dialects of the API that the environment or the account asks for, as a client has them.
local function dialects(shell)
  local api = shell.getenv("LIVECHAT_API")
  if not api or api == "" then
    local profile = credentials.profile(shell.getenv)
    api = profile and profile.api
  end
  local made = livechat.new { username = "-", api_key = "-", base_url = "http://127.0.0.1",
    throttle = false, api = api or "v2" }
  local found = client.connection(made, "livechat").dialects
  made:close()
  return found
end

---@class livechat.CommandGroup a resource
---@field summary string
---@field verbs table<string, livechat.Command>
---@field order string[] of the verbs

---@class livechat.Commands
---@field single table<string, livechat.Command>
---@field groups table<string, livechat.CommandGroup>
---@field order string[] of the single ones

--- Every command.
---@param shell livechat.Shell
---@return livechat.Commands
function registry.all(shell)
  if shell.commands then return shell.commands end
    local all = { single = {}, order = {}, groups = resources.commands(dialects(shell)) }
  for _, file in ipairs(FILES) do
    local commands = require(file[1])
    commands = commands.commands or commands
    for _, name in ipairs(file[2]) do
      local command = assert(commands[name], name)
      command.name = name
      all.single[name] = command
      all.order[#all.order + 1] = name
    end
  end
  for name, group in pairs(all.groups) do
    export.add(name, group)
    group.summary = table.concat(group.order, ", ")
  end
  shell.commands = all
  return all
end

local function names_of(all)
  local names = {}
  for name in pairs(all.single) do names[#names + 1] = name end
  for name in pairs(all.groups) do names[#names + 1] = name end
  return names
end

local function rest_of(words, from)
  local rest = {}
  for i = from, #words do rest[#rest + 1] = words[i] end
  return rest
end

-- Where a resource can only be read, its verb need not be said: `livechat reports NAME`.
local function only_verb(group)
  return #group.order == 1 and group.verbs[group.order[1]] or nil
end

--- The command that the words begin with, and the words that are left; nil, nil, what is wrong, and
--- the group where the first word is one.
---@return livechat.Command|nil
---@return string[]|nil rest
---@return string|nil problem
---@return table|nil group
function registry.find(shell, words)
  local all, name = registry.all(shell), words[1]
  if not name then return nil, nil, "which command?" end
  if all.single[name] then return all.single[name], rest_of(words, 2) end
  local group = all.groups[name:gsub("_", "-")]
  if not group then
    return nil, nil, "no such command: " .. name .. args.suggestion(name, names_of(all))
  end
  local verb = (words[2] or ""):gsub("_", "-")
  if group.verbs[verb] then return group.verbs[verb], rest_of(words, 3), nil, group end
  if only_verb(group) and verb ~= "--help" and verb ~= "-h" then
    return only_verb(group), rest_of(words, 2), nil, group
  elseif verb == "" or verb:sub(1, 1) == "-" then
    return nil, nil, "livechat " .. name .. ": which verb?", group
  end
  return nil, nil, ("no such command: %s %s%s"):format(name, words[2],
    args.suggestion(verb, group.order, name .. " ")), group
end

return registry
