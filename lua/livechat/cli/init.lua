-- SPDX-License-Identifier: MIT
--- The command line: `livechat COMMAND …`. Results go to stdout, everything else to stderr; the
--- status is 0, 1 where something failed, 2 for a mistake in how it was called.
local cli_text = require "livechat.cli.text"
local livechat = require "livechat"

local cli = {}

-- What a command gets: its program's environment.
---@class livechat.Shell
---@field getenv fun(name: string): string|nil
---@field out fun(text: string)
---@field say fun(text: string) a line for people, on stderr

---@class livechat.Command
---@field summary string
---@field usage string what follows the name
---@field options table[] { name=, kind=, value=, help=, list= }
---@field run fun(options: table, rest: string[], shell: livechat.Shell): integer|nil, string|nil
--- the status; nil and a message for a mistake in how it was called

local commands, order = {}, {}

--- Adds a file of commands, in the order in which the usage names them.
local function add(found, names)
  for _, name in ipairs(names) do
    commands[name] = assert(found[name])
    order[#order + 1] = name
  end
end

add(require "livechat.cli.events", { "listen", "drain", "inbox", "sandbox", "trigger" })

local function usage()
  local rows = {}
  for i, name in ipairs(order) do
    rows[i] = { "  " .. name, commands[name].summary }
  end
  return "usage: livechat COMMAND …\n\n" .. cli_text.table(rows)
    .. "\nlivechat COMMAND --help tells more. --version tells the version.\n"
end

local function usage_of(name)
  local command, rows = commands[name], {}
  for i, option in ipairs(command.options) do
    rows[i] = { "  --" .. option.name .. (option.value and " " .. option.value or ""), option.help }
  end
  return ("usage: livechat %s [OPTIONS] %s"):format(name, command.usage):gsub(" $", "")
    .. "\n\n" .. command.summary .. "\n\n" .. cli_text.table(rows)
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

local INTERRUPTED = 130 -- as a shell says of what ^C ended

-- Whether `lua` has raised what it makes of ^C, perhaps with a traceback behind it.
local function was_interrupted(raised)
  local line = type(raised) == "string" and raised:match("^[^\n]*") or ""
  return line:sub(-#"interrupted!") == "interrupted!"
end

local function run(name, words, shell)
  local command = commands[name]
  if asks_for_help(words) then
    shell.out(usage_of(name))
    return 0
  end
  local options, rest = cli_text.parse(words, command.options)
  local fine, status, problem = true, nil, rest
  if options then
    fine, status, problem = pcall(command.run, options, rest, shell)
  end
  if not fine then
    if was_interrupted(status) then return INTERRUPTED end
    local _, blamed = tostring(status):find("bad argument ", 1, true)
    if not blamed or not tostring(status):find(" to 'livechat.", blamed, true) then
      error(status, 0)
    end
    status, problem = nil, tostring(status):gsub("^[^\n]-:%d+: ", "")
  end
  if not status then
    shell.say(problem)
    shell.say("livechat " .. name .. " --help tells how it is called")
    return 2
  end
  return status
end

---@return livechat.Shell
local function terminal()
  return {
    getenv = os.getenv,
    out = function(text) io.stdout:write(text) end,
    say = function(text) io.stderr:write("livechat: ", (text:gsub("^livechat: ", "")), "\n") end,
  }
end

--- Runs a command.
---@param words string[] without the program's name
---@param shell? livechat.Shell
---@return integer status
function cli.main(words, shell)
  shell = shell or terminal()
  local name = words[1]
  if name == "--version" then
    shell.out("livechat " .. livechat._VERSION .. "\n")
    return 0
  elseif name == "--help" or name == "-h" or name == "help" then
    shell.out(usage())
    return 0
  elseif not commands[name or ""] then
    if name then
      shell.say("no such command: " .. name)
    end
    shell.say(usage())
    return 2
  end
  local rest = {}
  for i = 2, #words do
    rest[#rest + 1] = words[i]
  end
  return run(name, rest, shell)
end

return cli
