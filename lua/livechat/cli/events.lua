-- SPDX-License-Identifier: MIT
--- The commands about events: inbox, drain, listen.
local account = require "livechat.cli.account"
local args = require "livechat.cli.args"
local cli_text = require "livechat.cli.text"
local core = require "livechat.core"
local display = require "livechat.cli.display"
local handlers = require "livechat.cli.handlers"
local json = require "livechat.json"
local livechat = require "livechat"
local unpack_event = require "livechat.events.event".unpack

local commands = {} ---@type table<string, livechat.Command>

local fail, plural = cli_text.fail, cli_text.plural

-- ---- inboxes ----------------------------------------------------------------------------------

local INBOX = {
  { name = "inbox", kind = "text", value = "PATH", help = "the inbox's folder (LIVECHAT_INBOX)" },
  { name = "redis", kind = "text", value = "HOST:PORT", help = "or the Redis server that has it" },
  { name = "stream", kind = "text", value = "KEY", help = "its stream there (livechat:inbox)" },
}

local function with(list, more)
  local made = {}
  for _, options in ipairs { list, more } do
    for _, option in ipairs(options) do
      made[#made + 1] = option
    end
  end
  return made
end

---@return livechat.Inbox|nil
---@return string|nil problem
local function inbox_of(options, shell)
  if options.redis then
    local host, port = options.redis:match("^(.+):(%d+)$")
    if not host then
      return nil, "--redis " .. options.redis .. ": must be HOST:PORT"
    end
    return livechat.inbox { stream = options.stream, redis = function()
      return require("redis").connect(host, tonumber(port))
    end }
  end
  local path = options.inbox or shell.getenv("LIVECHAT_INBOX")
  if not path or path == "" then
    return nil, "which inbox? Say --inbox PATH, or set LIVECHAT_INBOX"
  end
  return livechat.inbox(path)
end

local function no_inbox(inbox)
  return "there is no " .. tostring(inbox):gsub("^livechat%.inbox: ", "inbox ")
end

--- When the next attempt is due, or when the last one failed.
local function time_of(event)
  local time = livechat.timestamp(event.time) or ""
  if event.state ~= "pending" then
    return time
  end
  return event.time <= core.now() and "now" or "next " .. time
end

--- An error without what stands in front of it: the event, which the line names anyway.
local function error_of(event, kind)
  local text, label = event.error or "", "livechat.Event: " .. kind .. " " .. event.id .. ": "
  if text:sub(1, #label) == label then
    text = text:sub(#label + 1)
  end
  return cli_text.first_line(text)
end

local function show_event(event)
  local kind = tostring((unpack_event(event.text) or {}).event_type or "?")
  return {
    event.id, event.state, tostring(event.attempts), time_of(event), kind, error_of(event, kind),
  }
end

--- A mistyped path must not look like an inbox in which there is nothing.
---@return string|nil problem
local function unusable(inbox)
  local there, problem = inbox:exists()
  return not there and (problem or no_inbox(inbox)) or nil
end

local actions = {}

function actions.list(inbox, _, options, shell)
  local problem, events = unusable(inbox), nil
  if not problem then
    events, problem = inbox:list()
  end
  if problem then
    return fail(shell, problem)
  elseif options.json then
    local list = json.array {}
    for i, event in ipairs(events) do
      list[i] = {
        id = event.id, state = event.state, attempts = event.attempts, error = event.error,
        time = livechat.timestamp(event.time), event = (unpack_event(event.text)),
        next = event.state == "pending" and livechat.timestamp(event.time) or nil,
      }
    end
    shell.out(display.json(list) .. "\n")
  elseif #events == 0 then
    shell.say("the inbox is empty")
  else
    local rows = { { "ID", "STATE", "ATTEMPTS", "TIME", "EVENT", "ERROR" } }
    for i, event in ipairs(events) do
      rows[i + 1] = show_event(event)
    end
    shell.out(cli_text.table(rows))
  end
  return 0
end

--- The ids that were named, or those of all that failed.
local function chosen(inbox, ids, options)
  if options.all and #ids > 0 then
    return nil, "either ids or --all"
  elseif not options.all and #ids == 0 then
    return nil, "which events? Name their ids, or say --all for what failed"
  elseif not options.all then
    return ids
  end
  local events, problem = inbox:list()
  for _, event in ipairs(events or {}) do
    if event.state == "failed" then
      ids[#ids + 1] = event.id
    end
  end
  return ids, problem
end

local function each_chosen(verb, outcome)
  return function(inbox, ids, options, shell)
    local list, problem = chosen(inbox, ids, options)
    if not list then
      return nil, problem
    end
    problem = unusable(inbox) or problem
    if problem then
      return fail(shell, problem)
    end
    local count = 0
    for _, id in ipairs(list) do
      local fine, done_so, why = pcall(inbox[verb], inbox, id) -- what cannot be an id raises
      if fine and done_so then
        count = count + 1
      else
        shell.say(tostring(why or done_so))
      end
    end
    shell.say(plural(count, "event") .. " " .. outcome)
    return count == #list and 0 or 1
  end
end

actions.retry = each_chosen("retry", "to be handled again")
actions.purge = each_chosen("purge", "removed")

commands.inbox = {
  summary = "show and mend an inbox",
  usage = "list | retry ID… | purge ID…",
  example = "livechat inbox list --inbox /var/lib/livechat/inbox",
  options = with(INBOX, {
    { name = "all", kind = "flag", help = "retry or purge: everything that failed" },
    { name = "json", kind = "flag", help = "list: for programs" },
  }),
  run = function(options, rest, shell)
    local name = table.remove(rest, 1) or ""
    local action = actions[name]
    if not action or action == actions.list and #rest > 0 then
      return nil, "list, retry or purge?" .. args.suggestion(name, { "list", "retry", "purge" })
    end
    local inbox, problem = inbox_of(options, shell)
    if not inbox then
      return nil, problem
    end
    return action(inbox, rest, options, shell)
  end,
}

-- ---- drain ------------------------------------------------------------------------------------

--- Handles what there is, telling from time to time how far it is.
local function drain(receiver, options, shell)
  local handled, failed, told = 0, 0, core.clock()
  local limit = options.limit or math.huge
  while handled + failed < limit do
    local more, bad = receiver:drain {
      limit = math.min(100, limit - handled - failed), attempts = options.attempts,
    }
    if not more then
      return nil, bad
    elseif more + bad == 0 then
      break
    end
    handled, failed = handled + more, failed + bad
    if core.clock() - told > 1 then
      shell.say(("%s handled, %d failed so far"):format(plural(handled, "event"), failed))
      told = core.clock()
    end
  end
  return handled, failed
end

commands.drain = {
  summary = "run the handlers over what an inbox holds",
  usage = "HANDLERS.lua",
  example = "livechat drain --inbox /var/lib/livechat/inbox handlers.lua",
  options = with(INBOX, {
    { name = "limit", kind = "whole", value = "N", help = "at most so many events" },
    { name = "attempts", kind = "whole", value = "N", help = "before an event is set aside (10)" },
    { name = "watch", kind = "flag", help = "wait for more, until ^C" },
    { name = "poll", kind = "seconds", value = "SECONDS", help = "how often to look then (1)" },
    { name = "json", kind = "flag", help = "the result for programs" },
    account.OPTIONS[1], account.OPTIONS[2],
  }),
  run = function(options, rest, shell)
    if #rest ~= 1 then
      return nil, "one file of handlers expected"
    end
    local inbox, problem = inbox_of(options, shell)
    if not inbox then
      return nil, problem
    end
    local found, message = handlers.load(rest[1])
    if not found then
      return fail(shell, message)
    end
    local client, unknown = account.quiet(shell.getenv, options)
    if unknown then
      return fail(shell, unknown)
    end
    local receiver = livechat.receiver {
      token = false, inbox = inbox, client = client, on_error = shell.say,
    }
    local registered
    registered, unknown = handlers.register(receiver, found)
    if not registered then
      return fail(shell, rest[1] .. ": " .. unknown)
    end
    problem = unusable(inbox)
    if problem and not (options.watch and inbox:exists() == false) then
      return fail(shell, problem)
    elseif problem then
      shell.say(problem .. " yet: waiting for it")
    end
    if options.watch then
      receiver:run { poll = options.poll, attempts = options.attempts }
    end
    local handled, failed = drain(receiver, options, shell)
    if not handled then
      return fail(shell, failed)
    end
    shell.out(options.json and json.encode { handled = handled, failed = failed } .. "\n"
      or ("%s handled, %d failed\n"):format(plural(handled, "event"), failed))
    return failed > 0 and 1 or 0
  end,
}

-- ---- listen -----------------------------------------------------------------------------------

local REGISTER = 20 -- seconds for a call that registers or removes: ^C waits for it

commands.listen = {
  summary = "receive webhooks and run handlers",
  usage = "[HANDLERS.lua]",
  example = "livechat listen --port 8080 --events ticket_created",
  more = "Without a file of handlers the events are printed, and nothing else.\n",
  options = {
    { name = "port", kind = "port", value = "N", help = "where to listen (8080)" },
    { name = "host", kind = "text", value = "ADDRESS", help = "on which address (127.0.0.1)" },
    { name = "token", kind = "text", value = "TOKEN", list = true,
      help = "what an event must carry (LIVECHAT_WEBHOOK_TOKEN); may be repeated" },
    { name = "register", kind = "text", value = "URL",
      help = "register this URL, which leads here, until the end" },
    { name = "events", kind = "names", value = "A,B", help = "these alone, as chat_started" },
    { name = "forward-to", kind = "text", value = "URL",
      help = "post each event to it, too; what it refuses the service delivers again" },
    { name = "json", kind = "flag", help = "print the events as JSON, one a line" },
    account.OPTIONS[1], account.OPTIONS[2],
  },
  run = function(options, rest, shell)
    local token = shell.getenv("LIVECHAT_WEBHOOK_TOKEN")
    token = options.token or token and token ~= "" and { token } or nil
    local forward_to, wrong = options["forward-to"], nil
    if forward_to then
      wrong = select(2, require("livechat.cli.listen").target(forward_to))
    end
    if #rest > 1 then
      return nil, "one file of handlers expected"
    elseif wrong then
      return nil, "--forward-to " .. forward_to .. ": " .. wrong
    elseif options.register and not options.register:find("^https?://[^/%s]") then
      return nil, "--register " .. options.register .. ": must be an http or https URL"
    end
    local client, problem = account.quiet(shell.getenv, options, { deadline = REGISTER })
    if problem then
      return fail(shell, problem)
    elseif options.register and not client then
      return nil, "to register, say livechat login, or set LIVECHAT_USERNAME and LIVECHAT_API_KEY"
    elseif not token and not options.register then
      shell.say("events are taken from anyone: say --token or --register to know the service")
    end
    local done, message = require("livechat.cli.listen").run({
      handlers = rest[1], host = options.host or "127.0.0.1", port = options.port or 8080,
      token = token, json = options.json or false, register = options.register, client = client,
      account = client and { profile = options.profile, api = options.api },
      events = options.events, forward_to = forward_to,
    }, shell.say)
    return done and 0 or fail(shell, message)
  end,
}

return commands
