-- SPDX-License-Identifier: MIT
--- What the commands' own data say about them: --help, and from the same the man page and the
--- completions.
local cli_text = require "livechat.cli.text"

local help = {}

function help.sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- An option as it is written: "--status WORD".
function help.option(option)
  return "--" .. option.name .. (option.value and " " .. option.value or "")
end

--- The line that shows how a command is called.
---@param command livechat.Command
function help.usage(command)
  return (("livechat %s [OPTIONS] %s"):format(command.name, command.usage):gsub(" $", ""))
end

---@param command livechat.Command
---@return string
function help.command(command)
  local rows = {}
  for i, option in ipairs(command.options) do
    rows[i] = { "  " .. help.option(option), option.help }
  end
  return ("usage: %s\n\n%s\n\n%s%s%s"):format(help.usage(command), command.summary,
    cli_text.table(rows), command.more and "\n" .. command.more or "",
    command.example and "\nexample: " .. command.example .. "\n" or "")
end

---@param name string
---@param group table
---@return string
function help.group(name, group)
  local rows = {}
  for i, verb in ipairs(group.order) do
    rows[i] = { "  " .. verb .. " " .. group.verbs[verb].usage, group.verbs[verb].summary }
  end
  return ("usage: livechat %s VERB …\n\n%s\nlivechat %s VERB --help tells more.\n"):format(name,
    cli_text.table(rows), name)
end

---@param all livechat.Commands
---@return string
function help.all(all)
  local rows = {}
  for _, name in ipairs(help.sorted(all.groups)) do
    rows[#rows + 1] = { "  " .. name, all.groups[name].summary }
  end
  local resources = cli_text.table(rows)
  rows = {}
  for i, name in ipairs(all.order) do
    rows[i] = { "  " .. name, all.single[name].summary }
  end
  return "usage: livechat COMMAND …\n       livechat RESOURCE VERB …\n\n" .. resources .. "\n"
    .. cli_text.table(rows)
    .. "\nlivechat COMMAND --help tells more. --version tells the version.\n"
    .. "Status: 0, 1 where something failed, 2 for a wrong call, 4 without an account.\n"
end

return help
