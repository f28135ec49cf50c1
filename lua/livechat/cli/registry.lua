-- SPDX-License-Identifier: MIT
--- Which commands there are: those that are written by hand, and for each dialect of the API those
--- of its rows.
local account = require "livechat.cli.account"
local args = require "livechat.cli.args"
local client_of = require "livechat.client".connection
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
  { "livechat.cli.events", { "listen" } },
  { "livechat.cli.watch", { "watch" } },
  { "livechat.cli.events", { "drain", "inbox" } },
  { "livechat.cli.sandbox", { "sandbox", "trigger" } },
  { "livechat.cli.completion", { "completion" } },
  { "livechat.cli.man", { "man" } },
}

---@class livechat.Commands
---@field single table<string, livechat.Command>
---@field order string[] of the single ones
---@field groups table<string, livechat.CommandGroup> by resource

---@class livechat.CommandGroup a resource
---@field summary string
---@field verbs table<string, livechat.Command>
---@field order string[] of the verbs

local single, order

-- The commands that are the same for every account.
local function load_single()
  if single then return end
  single, order = {}, {}
  for _, file in ipairs(FILES) do
    local commands = require(file[1])
    commands = commands.commands or commands
    for _, name in ipairs(file[2]) do
      local command = assert(commands[name], name)
      command.name = name
      single[name] = command
      order[#order + 1] = name
    end
  end
end

-- The dialects of an API, as a client has them: nil, and what is wrong with its name.
local function dialects(api)
  local fine, made = pcall(livechat.new, { username = "-", api_key = "-", api = api,
    base_url = "http://127.0.0.1", throttle = false })
  if not fine then return nil, account.plainly(made) end
  local found = client_of(made, "livechat").dialects
  made:close()
  return found
end

local made_of = {}

-- The resources of an API with their verbs.
local function groups_of(api)
  if made_of[api] then return made_of[api] end
  local found, problem = dialects(api)
  if not found then return nil, problem end
  local groups = resources.commands(found)
  for name, group in pairs(groups) do
    export.add(name, group)
    group.summary = table.concat(group.order, ", ")
  end
  made_of[api] = groups
  return groups
end

--- Every command of an API.
---@param api string
---@return livechat.Commands|nil
---@return string|nil problem where there is no such API
function registry.all(api)
  load_single()
  local groups, problem = groups_of(api)
  return groups and { single = single, order = order, groups = groups }, problem
end

-- Adds a verb to a group, or its options to those that the verb has there.
local function join(group, verb, command)
  local known = group.verbs[verb]
  if not known then
    known = { name = command.name, summary = command.summary, options = {} }
    group.verbs[verb] = known
    table.insert(group.order, verb)
  end
  local has = {}
  for _, option in ipairs(known.options) do has[option.name] = true end
  for _, option in ipairs(command.options) do
    if not has[option.name] then table.insert(known.options, option) end
  end
end

--- Every command of every API, each with the options that it has in any: what a shell completes.
---@return livechat.Commands
function registry.union()
  load_single()
  local union = { single = single, order = order, groups = {} }
  for _, api in ipairs(account.APIS) do
    for name, group in pairs(groups_of(api)) do
      local into = union.groups[name] or { verbs = {}, order = {}, summary = "" }
      union.groups[name] = into
      for _, verb in ipairs(group.order) do join(into, verb, group.verbs[verb]) end
      into.summary = table.concat(into.order, ", ")
    end
  end
  return union
end

local function names_of(groups)
  local names = {}
  for name in pairs(single) do names[#names + 1] = name end
  for name in pairs(groups) do names[#names + 1] = name end
  return names
end

local function rest_of(words, from)
  local rest = {}
  for i = from, #words do rest[#rest + 1] = words[i] end
  return rest
end

-- "; --api v3 has it", where that is so.
local function elsewhere(api, name, verb)
  for _, other in ipairs(account.APIS) do
    local group = other ~= api and groups_of(other)[name]
    if group and (not verb or group.verbs[verb]) then return "; --api " .. other .. " has it" end
  end
end

-- Where a resource can only be read, its verb need not be said: `livechat reports NAME`.
local function only_verb(group)
  return #group.order == 1 and group.verbs[group.order[1]] or nil
end

--- Whether there is such a word, and it is no option.
---@param words string[]
---@param i integer
function registry.is_word(words, i)
  return words[i] ~= nil and words[i]:sub(1, 1) ~= "-"
end

--- The command that the words begin with, and the words that are left; nil, nil, what is wrong, and
--- the group where the first word is one.
---@param words string[]
---@param api_of fun(): string asked where the command may be a resource's
---@return livechat.Command|nil
---@return string[]|nil rest
---@return string|nil problem
---@return livechat.CommandGroup|nil group
function registry.find(words, api_of)
  load_single()
  local name = words[1]
  if not name then return nil, nil, "which command?" end
  if single[name] then return single[name], rest_of(words, 2) end
  if not registry.is_word(words, 1) then
    return nil, nil, "a command comes before its options: livechat COMMAND " .. name
  end
  local api = api_of()
  local groups, problem = groups_of(api)
  if not groups then return nil, nil, problem end
  local resource, verb = name:gsub("_", "-"), (words[2] or ""):gsub("_", "-")
  local group = groups[resource]
  if not group then
    return nil, nil, "no such command: " .. name
      .. (elsewhere(api, resource) or args.suggestion(name, names_of(groups)))
  end
  if group.verbs[verb] then return group.verbs[verb], rest_of(words, 3), nil, group end
  if only_verb(group) and verb ~= "--help" and verb ~= "-h" then
    return only_verb(group), rest_of(words, 2), nil, group
  elseif not registry.is_word(words, 2) then
    return nil, nil, "livechat " .. name .. ": which verb?", group
  end
  return nil, nil, ("no such command: %s %s%s"):format(name, words[2],
    elsewhere(api, resource, verb) or args.suggestion(verb, group.order, name .. " ")), group
end

return registry
