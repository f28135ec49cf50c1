-- SPDX-License-Identifier: MIT
--- What a command runs in: its environment, its streams, and whether they are a terminal. The
--- questions that only the system can answer are asked of `test` and `stty`, once each.
local core = require "livechat.core"
local display = require "livechat.cli.display"
local process = require "livechat.nginx_process"

local terminal = {}

--- What a command gets of its program's environment.
---@class livechat.Shell
---@field getenv fun(name: string): string|nil
---@field out fun(text: string) the result, on stdout
---@field say fun(text: string) a line for people, on stderr
---@field is_terminal fun(fd: integer): boolean
---@field columns fun(): integer of the terminal
---@field colours fun(): boolean
---@field ellipsis string
---@field text_of fun(option: table, value: string, how: string|nil): string|nil, string|nil
---@field now fun(): number epoch seconds

--- stdout was closed by its reader; the command ends without a word.
terminal.CLOSED = setmetatable({}, { __tostring = function() return "stdout is closed" end })

local function write(text)
  local done, problem = io.stdout:write(text)
  if not done then
    if tostring(problem):find("Broken pipe", 1, true) then error(terminal.CLOSED, 0) end
    error("stdout: " .. tostring(problem), 0)
  end
end

--- Writes what is still held back.
function terminal.flush()
  local done, problem = io.stdout:flush()
  if not done then
    if tostring(problem):find("Broken pipe", 1, true) then error(terminal.CLOSED, 0) end
    error("stdout: " .. tostring(problem), 0)
  end
end

local function memo(ask)
  local answers = {}
  return function(key)
    if answers[key or 0] == nil then answers[key or 0] = ask(key) end
    return answers[key or 0]
  end
end

local function is_utf8(getenv)
  for _, name in ipairs { "LC_ALL", "LC_CTYPE", "LANG" } do
    local value = getenv(name)
    if value and value ~= "" then return value:lower():find("utf%-?8") ~= nil end
  end
  return false
end

local function columns(getenv)
  local given = tonumber(getenv("COLUMNS") or "")
  if given and given >= 1 then return math.floor(given) end
  local told = process.output("stty size </dev/tty 2>/dev/null"):match("^%d+ (%d+)")
  told = tonumber(told or "") or 0
  return told > 0 and told or 80
end

-- stdin can be read once, for one option.
local function stdin_reader()
  local taken, text, problem
  return function(name)
    if taken and taken ~= name then
      return nil, "--" .. name .. " -: stdin is read already, for --" .. taken
    elseif not taken then
      taken = name
      text, problem = io.stdin:read("*a")
    end
    return text, problem
  end
end

local function file_text(path)
  local file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  local text
  text, problem = file:read("*a")
  file:close()
  return text, problem
end

--- A line from the terminal that is not shown while it is typed, whatever ends the asking. From
--- stdin where that is no terminal.
---@param shell livechat.Shell
---@param prompt string
---@param hidden boolean
---@return string|nil line nil at the end of the input
function terminal.ask(shell, prompt, hidden)
  if not shell.is_terminal(0) then
    return io.stdin:read("*l")
  end
  io.stderr:write(prompt)
  io.stderr:flush()
  -- The shell owns the terminal's mode: it gives it back also where ^C ends it.
  local script = hidden
    and "old=$(stty -g) || exit 1; trap 'stty \"$old\"; echo >&2; exit 130' INT TERM HUP; "
      .. 'stty -echo; IFS= read -r line; status=$?; stty "$old"; echo >&2; '
      .. '[ $status = 0 ] && printf "%sx" "$line"'
    or 'IFS= read -r line && printf "%sx" "$line"'
  local line = process.output(script)
  return line ~= "" and line:sub(1, -2) or nil
end

--- The program's own.
---@return livechat.Shell
function terminal.shell()
  io.stdout:setvbuf("line") -- who reads a long list has each row at once
  local shell = { getenv = os.getenv, out = write, now = core.now }
  local stdin = stdin_reader()
  shell.is_terminal = memo(function(fd) return process.execute("test -t " .. fd) end)
  shell.columns = memo(function() return columns(os.getenv) end)
  function shell.colours()
    local no = os.getenv("NO_COLOR")
    return shell.is_terminal(1) and (no == nil or no == "") and os.getenv("TERM") ~= "dumb"
  end
  shell.ellipsis = is_utf8(os.getenv) and "…" or "..."
  function shell.say(text)
    text = text:gsub("^livechat: ", ""):gsub("\n$", "")
    io.stderr:write("livechat: ", (text:gsub("[^\n]+", display.visible)), "\n")
  end
  --- Where a field's text is read from: `-` for stdin, a file for `--x-file`.
  function shell.text_of(option, value, how)
    local problem
    if how == "file" and value ~= "-" then
      value, problem = file_text(value)
    elseif value == "-" and option.secret and shell.is_terminal(0) then
      value = terminal.ask(shell, option.name .. ": ", true)
      problem = not value and "--" .. option.name .. " -: nothing was typed" or nil
    elseif value == "-" then
      value, problem = stdin(option.name)
    elseif option.secret then
      return nil, ("--%s would be seen by others on this machine: say --%s - and write it to stdin,"
        .. " or --%s-file PATH"):format(option.name, option.name, option.name)
    else
      return value
    end
    -- The line's end that an editor or `echo` leaves behind is no part of the text.
    return value and value:gsub("\r?\n$", "") or nil, problem
  end
  return shell
end

return terminal
