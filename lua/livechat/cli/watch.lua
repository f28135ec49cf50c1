-- SPDX-License-Identifier: MIT
--- `livechat watch`: new tickets as they come, for those whom no webhook reaches. They are asked
--- for again and again, and are events to a file of handlers, or printed.
local account = require "livechat.cli.account"
local client_of = require "livechat.client".connection
local errors = require "livechat.errors"
local handlers = require "livechat.cli.handlers"
local listen = require "livechat.cli.listen"
local livechat = require "livechat"
local terminal = require "livechat.cli.terminal"

local POLL = 60 -- seconds
local FINAL = { auth = true, invalid = true, closed = true } -- kinds that do not pass by themselves

-- Registers the file's handlers; without one, what prints each event.
local function register(receiver, path, shell, given)
  if not path then
    return receiver:on("*", function(event)
      shell.out(listen.line(event, given.json) .. "\n")
      terminal.flush()
    end)
  end
  local found, problem = handlers.load(path)
  if not found then return nil, problem end
  local registered
  registered, problem = handlers.register(receiver, found)
  return registered, problem and path .. ": " .. problem
end

-- Watches until an error that does not pass, and tells of the others.
local function watch(shell, receiver, client, options)
  while true do
    local fine, raised = pcall(receiver.watch, receiver, client, options)
    if fine or not errors.is(raised) then error(raised, 0) end
    if FINAL[raised.kind] then return account.failed(shell, raised) end
    shell.say(tostring(raised))
    client_of(client, "livechat watch"):sleep(options.poll)
  end
end

local command = {
  summary = "print new tickets as they come, or run handlers over them, without webhooks",
  usage = "[HANDLERS.lua]",
  example = "livechat watch --state /var/lib/livechat/watch --poll 60",
  more = "What is there when it begins for the first time is not new. With --state that time was "
    .. "once,\nand what came since is given now; without, it is each time.\n",
  options = {
    { name = "state", kind = "text", value = "FILE",
      help = "remembers what was given, over restarts" },
    { name = "poll", kind = "seconds", value = "SECONDS", help = "between two looks (60)" },
    { name = "json", kind = "flag", help = "print the events as JSON, one a line" },
    account.OPTIONS[1], account.OPTIONS[2],
  },
}

function command.run(given, rest, shell)
  if #rest > 1 then return nil, "one file of handlers expected" end
  local client, status = account.client(shell, given)
  if not client then return status end
  local receiver = livechat.receiver { token = false, client = client, on_error = shell.say }
  local registered, problem = register(receiver, rest[1], shell, given)
  if not registered then return account.failed(shell, problem) end
  local state = given.state or os.tmpname()
  if not given.state then os.remove(state) end -- the library makes it
  local fine, raised = pcall(watch, shell, receiver, client,
    { state = state, poll = given.poll or POLL })
  if not given.state then os.remove(state) end
  client:close()
  if not fine then error(raised, 0) end
  return raised
end

return { watch = command }
