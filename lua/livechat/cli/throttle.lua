-- SPDX-License-Identifier: MIT
--- `livechat throttle` and `spent`: how much of what may be called is used.
local account = require "livechat.cli.account"
local client_of = require "livechat.client".connection
local core = require "livechat.core"
local json = require "livechat.json"
local livechat = require "livechat"
local output = require "livechat.cli.output"
local terminal = require "livechat.cli.terminal"

local commands = {}

local BAR = 30 -- columns

local function line_of(state, columns)
  local numbers = ("%d of %d in %g s, next call %s"):format(state.used, state.calls, state.period,
    state.wait > 0 and ("in %.1f s"):format(state.wait) or "now")
  local room = math.min(BAR, columns - #numbers - 4)
  if room < 5 then return numbers:sub(1, math.max(1, columns - 1)) end
  local full = math.min(room, math.floor(room * state.used / state.calls + 0.5))
  return ("[%s%s] %s"):format(("#"):rep(full), (" "):rep(room - full), numbers)
end

local function show(shell, given, state)
  if given.json then
    shell.out(json.encode { calls = state.calls, period = state.period, used = state.used,
      wait = state.wait } .. "\n")
  else
    shell.out(line_of(state, shell.is_terminal(1) and shell.columns() or 80) .. "\n")
  end
end

-- Writes the line over itself at a terminal, and one after the other elsewhere.
local function watch(shell, given, throttle)
  -- A connection knows how to wait in a way that ^C ends.
  local client = assert(livechat.new { username = "-", api_key = "-", throttle = false,
    base_url = "http://127.0.0.1" })
  local conn = client_of(client, "livechat throttle")
  local over = shell.is_terminal(1) and not given.json
  while true do
    local state, _, problem = throttle:state()
    if not state then
      client:close()
      return nil, problem
    end
    if over then
      shell.out("\r\27[K" .. line_of(state, shell.columns()))
    else
      show(shell, given, state)
    end
    terminal.flush()
    conn:sleep(given.every or 1)
  end
end

commands.throttle = {
  summary = "show how full a shared throttle is",
  usage = "",
  example = "livechat throttle --path /run/livechat/throttle --watch",
  options = {
    { name = "path", kind = "text", value = "FILE", help = "its file (LIVECHAT_THROTTLE)" },
    { name = "calls", kind = "whole", value = "N", help = "its limit (100)" },
    { name = "period", kind = "seconds", value = "SECONDS", help = "(60)" },
    { name = "watch", kind = "flag", help = "again and again, until ^C" },
    { name = "every", kind = "seconds", value = "SECONDS", help = "between two looks (1)" },
    { name = "json", kind = "flag", help = "for programs" },
  },
  run = function(given, rest, shell)
    local path = given.path or shell.getenv("LIVECHAT_THROTTLE")
    if #rest > 0 then return nil, "no argument expected: " .. rest[1] end
    if not path or path == "" then
      return nil, "which throttle? Say --path FILE, or set LIVECHAT_THROTTLE"
    elseif not core.spool.exists(path) then
      shell.say("there is no throttle " .. path .. ": the first call that names it makes it")
      return 1
    end
    local throttle, problem = livechat.throttle { path = path, calls = given.calls or 100,
      period = given.period or 60 }
    local state
    if throttle and given.watch then
      state, problem = watch(shell, given, throttle)
    elseif throttle then
      local _, why
      state, _, why = throttle:state()
      problem = why
    end
    if not state then
      shell.say(tostring(problem))
      return 1
    end
    show(shell, given, state)
    return 0
  end,
}

commands.spent = {
  summary = "show how many calls of this month's budget are used",
  usage = "",
  example = "livechat spent --path /run/livechat/budget --calls 50000 --price 0.27",
  options = {
    { name = "path", kind = "text", value = "FILE", help = "the budget's file (LIVECHAT_BUDGET)" },
    { name = "calls", kind = "whole", value = "N", help = "its calls a month; needed" },
    { name = "price", kind = "number", value = "AMOUNT", help = "what 1000 calls cost" },
    { name = "json", kind = "flag", help = "for programs" },
  },
  run = function(given, rest, shell)
    local path = given.path or shell.getenv("LIVECHAT_BUDGET")
    if #rest > 0 then return nil, "no argument expected: " .. rest[1] end
    if not path or path == "" then
      return nil, "which budget? Say --path FILE, or set LIVECHAT_BUDGET"
    elseif not given.calls then
      return nil, "--calls N is needed: how many the budget allows"
    elseif not core.spool.exists(path) then
      shell.say("there is no budget " .. path .. ": the first call that names it makes it")
      return 1
    end
    local client, err = livechat.new { username = "-", api_key = "-", throttle = false,
      base_url = "http://127.0.0.1",
      budget = { path = path, calls = given.calls, price = given.price } }
    local spent
    if client then
      spent, err = client:spent()
      client:close()
    end
    if not spent then return account.failed(shell, err) end
    output.one(shell, given, spent)
    return 0
  end,
}

return commands
