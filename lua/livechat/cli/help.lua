-- SPDX-License-Identifier: MIT
--- What the commands' own data say about them: --help, and from the same the man page and the
--- completions.
local display = require "livechat.cli.display"
local text = require "livechat.text"

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

-- A text in lines of at most so many columns, broken at blanks; a longer word stands alone.
local function wrapped(value, columns)
  local lines, line = {}, ""
  for word in value:gmatch("%S+") do
    local longer = line == "" and word or line .. " " .. word
    if line ~= "" and display.width(longer) > columns then
      lines[#lines + 1], line = line, word
    else
      line = longer
    end
  end
  lines[#lines + 1] = line
  return lines
end

-- Names with what they are for, in two columns; a long name has a line of its own.
local function entries(rows, columns)
  local widest, lines = 0, {}
  for _, row in ipairs(rows) do
    local width = display.width(row[1])
    if width <= columns * 0.4 then widest = math.max(widest, width) end
  end
  local indent = 2 + (widest > 0 and widest + 2 or 4)
  for _, row in ipairs(rows) do
    local before = "  " .. row[1]
    local width = display.width(before)
    if width + 2 > indent then
      lines[#lines + 1], width = before, 0
      before = ""
    end
    for _, line in ipairs(wrapped(row[2], math.max(16, columns - indent))) do
      lines[#lines + 1] = text.trim_end(before .. (" "):rep(indent - width) .. line)
      before, width = "", 0
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function paragraph(value, columns)
  return table.concat(wrapped(value, columns), "\n") .. "\n"
end

--- What one command is for and takes, in lines of so many columns.
---@param command livechat.Command
---@param columns integer
---@return string
function help.command(command, columns)
  local rows = {}
  for i, option in ipairs(command.options) do
    rows[i] = { help.option(option), option.help }
  end
  return ("usage: %s\n\n%s\n%s%s%s"):format(help.usage(command),
    paragraph(command.summary, columns), entries(rows, columns),
    command.more and "\n" .. command.more or "",
    command.example and "\nexample: " .. command.example .. "\n" or "")
end

---@param name string
---@param group livechat.CommandGroup
---@param columns integer
---@return string
function help.group(name, group, columns)
  local rows = {}
  for i, verb in ipairs(group.order) do
    local call = (verb .. " " .. group.verbs[verb].usage):gsub(" $", "")
    rows[i] = { call, group.verbs[verb].summary }
  end
  return ("usage: livechat %s VERB …\n\n%s\nlivechat %s VERB --help tells more.\n"):format(name,
    entries(rows, columns), name)
end

---@param all livechat.Commands
---@param columns integer
---@return string
function help.all(all, columns)
  local resources, single = {}, {}
  for i, name in ipairs(help.sorted(all.groups)) do
    resources[i] = { name, all.groups[name].summary }
  end
  for i, name in ipairs(all.order) do single[i] = { name, all.single[name].summary } end
  return "usage: livechat COMMAND …\n       livechat RESOURCE VERB …\n\n"
    .. entries(resources, columns) .. "\n" .. entries(single, columns)
    .. "\nlivechat COMMAND --help tells more. --version tells the version.\n"
    .. paragraph("Status: 0, 1 where something failed, 2 for a wrong call, 4 without an account.",
      columns)
end

return help
