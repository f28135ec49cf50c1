-- SPDX-License-Identifier: MIT
--- The command line: `livechat COMMAND …` and `livechat RESOURCE VERB …`. Results go to stdout,
--- everything else to stderr; the status is 0, 1 where something failed, 2 for a mistake in how it
--- was called, 4 without an account, 130 after ^C.
local cli = {
  -- Where a stream is closed, one of these has its number, so that no socket gets it and with it
  -- what the command prints. Before anything else is opened.
  streams = { io.open("/dev/null"), io.open("/dev/null"), io.open("/dev/null") },
}

local account = require "livechat.cli.account"
local args = require "livechat.cli.args"
local errors = require "livechat.errors"
local help = require "livechat.cli.help"
local livechat = require "livechat"
local registry = require "livechat.cli.registry"
local terminal = require "livechat.cli.terminal"


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
local COLUMNS = 100 -- of a help that no terminal shows

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
  local blames = errors.is(raised) or text:find("bad argument '[%w_.]+' to '[%w_.:]+'")
  if not blames then error(raised, 0) end
  shell.say((text:gsub("^[^\n]-:%d+: ", "")))
  return USAGE
end

-- `--api` and `--profile` decide which commands and options there are, before the words can be
-- read by them: they are guessed, and where the command reads them otherwise, it is found anew.
local function guess(words)
  local found = {}
  for i, word in ipairs(words) do
    if word == "--" then break end
    for _, name in ipairs { "api", "profile" } do
      local value = word == "--" .. name and words[i + 1] or word:match("^%-%-" .. name .. "=(.+)$")
      found[name] = value or found[name]
    end
  end
  return found
end

local function usage(shell, problem, name)
  shell.say(problem)
  if name then shell.say("livechat " .. name .. " --help tells how it is called") end
  return USAGE
end

-- What there is to tell where the words are no call of a command: help that was asked for, or what
-- is wrong.
local function tell(shell, words, asked, api_of)
  local command, _, problem, group = registry.find(words, api_of)
  local columns, text = shell.is_terminal(1) and shell.columns() or COLUMNS, nil
  if command or group then
    text = command and help.command(command, columns) or help.group(words[1], group, columns)
  elseif not registry.is_word(words, 1) then
    local all, why = registry.all(api_of())
    text, problem = all and help.all(all, columns), why or problem
  end
  if text and asked then
    shell.out(text)
    return 0
  end
  shell.say(problem)
  local is_short = not registry.is_word(words, 1) or group and not registry.is_word(words, 2)
  if text and is_short then shell.say(text) end
  return USAGE
end

-- Runs what the words call. Nil and the options where these mean another account than was guessed.
local function attempt(words, shell, asked, guessed, is_settled)
  local function api_of() return account.api(shell, guessed) end
  local command, rest = registry.find(words, api_of)
  if asked or not command then return tell(shell, words, asked, api_of) end
  local options
  options, rest = args.parse(rest, command.options, shell)
  if not options then return usage(shell, rest, command.name) end
  local as_guessed = options.api == guessed.api and options.profile == guessed.profile
  if not (as_guessed or is_settled) then return nil, options end
  local status, problem = command.run(options, rest, shell)
  return status or usage(shell, problem, command.name)
end

local function run(words, shell)
  if words[1] == "--version" then
    shell.out("livechat " .. livechat._VERSION .. "\n")
    return 0
  end
  local asked = words[1] == "help" or asks_for_help(words)
  if words[1] == "help" or words[1] == "--help" or words[1] == "-h" then table.remove(words, 1) end
  local status, options = attempt(words, shell, asked, guess(words))
  return status or attempt(words, shell, asked, options, true)
end

--- Runs a command.
---@param words string[] without the program's name
---@param shell? livechat.Shell
---@return integer status
function cli.main(words, shell)
  shell = shell or terminal.shell()
  local list = {}
  for i = 1, #words do list[i] = words[i] end
  local fine, status = pcall(run, list, shell)
  if not fine then status = status_of(status, shell) end
  local flushed, raised = pcall(terminal.flush)
  if not flushed and raised ~= terminal.CLOSED then shell.say(tostring(raised)) end
  return flushed and status or math.max(1, status)
end

return cli
