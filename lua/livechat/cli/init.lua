-- SPDX-License-Identifier: MIT
--- The command line: `livechat COMMAND …` and `livechat RESOURCE VERB …`. Results go to stdout,
--- everything else to stderr; the status is 0, 1 where something failed, 2 for a mistake in how it
--- was called, 4 where nobody is signed in, 130 after ^C.
local args = require "livechat.cli.args"
local help = require "livechat.cli.help"
local livechat = require "livechat"
local registry = require "livechat.cli.registry"
local terminal = require "livechat.cli.terminal"

local cli = {}

---@class livechat.Command
---@field name string as it is called: "tickets list"
---@field summary string
---@field usage string what follows the name and the options
---@field example string a call that works, as the help shows it
---@field options table[] see args.lua
---@field run fun(options: table, rest: string[], shell: livechat.Shell): integer|nil, string|nil
--- the status; nil and a message for a mistake in how it was called

local INTERRUPTED = 130 -- as a shell says of what ^C ended
local USAGE = 2

-- Whether `lua` has raised what it makes of ^C, perhaps with a traceback behind it.
local function was_interrupted(raised)
  local line = type(raised) == "string" and raised:match("^[^\n]*") or ""
  return line:sub(-#"interrupted!") == "interrupted!"
end

local function asks_for_help(words)
  for _, word in ipairs(words) do
    if word == "--" then
      return false
    elseif word == "--help" or word == "-h" then
      return true
    end
  end
  return false
end

-- The status of what a command raised.
local function status_of(raised, shell)
  if raised == terminal.CLOSED then return 1 end
  if was_interrupted(raised) then return INTERRUPTED end
  local text = tostring(raised)
  if text:find("^stdout: ") then
    shell.say(text)
    return 1
  end
  local _, blamed = text:find("bad argument ", 1, true)
  if not blamed or not text:find(" to 'livechat.", blamed, true) then error(raised, 0) end
  return nil, (text:gsub("^[^\n]-:%d+: ", ""))
end

local function run(command, words, shell)
  if asks_for_help(words) then
    shell.out(help.command(command))
    return 0
  end
  local options, rest = args.parse(words, command.options, shell)
  local fine, status, problem = true, nil, rest
  if options then
    fine, status, problem = pcall(command.run, options, rest, shell)
  end
  if not fine then status, problem = status_of(status, shell) end
  if not status then
    shell.say(problem)
    shell.say("livechat " .. command.name .. " --help tells how it is called")
    return USAGE
  end
  return status
end

-- What the first words mean: a command and the words that are left, or a status.
local function find(words, shell)
  local name = words[1]
  if name == "--version" then
    shell.out("livechat " .. livechat._VERSION .. "\n")
    return nil, 0
  end
  local wants_help = name == "--help" or name == "-h" or name == "help"
  if wants_help then
    table.remove(words, 1)
    name = words[1]
    if not name then
      shell.out(help.all(registry.all(shell)))
      return nil, 0
    end
  end
  local command, rest, problem, group = registry.find(shell, words)
  if command and wants_help or group and (wants_help or asks_for_help(words)) then
    shell.out(command and help.command(command) or help.group(words[1], group))
    return nil, 0
  elseif not command then
    shell.say(problem)
    if not name or group then
      shell.say(group and help.group(words[1], group) or help.all(registry.all(shell)))
    end
    return nil, USAGE
  end
  return command, rest
end

--- Runs a command.
---@param words string[] without the program's name
---@param shell? livechat.Shell
---@return integer status
function cli.main(words, shell)
  shell = shell or terminal.shell()
  local list = {}
  for i = 1, #words do list[i] = words[i] end
  local fine, command, rest = pcall(find, list, shell)
  local status
  if not fine then
    status = status_of(command, shell) or USAGE
  else
    status = command and run(command, rest, shell) or rest
  end
  local flushed, raised = pcall(terminal.flush)
  if not flushed and raised ~= terminal.CLOSED then shell.say(tostring(raised)) end
  return flushed and status or math.max(1, status)
end

return cli
