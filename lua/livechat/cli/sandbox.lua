-- SPDX-License-Identifier: MIT
--- The commands of the local service: sandbox, trigger.
local args = require "livechat.cli.args"
local cli_text = require "livechat.cli.text"
local client_of = require "livechat.client".connection
local json = require "livechat.json"
local livechat = require "livechat"
local process = require "livechat.nginx_process"
local server = require "livechat.sandbox.server"

local commands = {} ---@type table<string, livechat.Command>

local fail, plural = cli_text.fail, cli_text.plural

local FAULTS = [==[
FAULT is NAME[=ARG][@WHEN][/METHOD[ PATH]]
  NAME    http500 http429=2 (Retry-After: 2) … reset-before reset-after-apply slow=5 drip=0.1
          truncate=100 huge=128 html garbage empty redirect, and with -after-apply behind it what
          happens after the call was done
  WHEN    2 (the first two calls that match), 2-5, every, p0.1 (each with that probability);
          without it the first one
  METHOD  GET, POST, PUT, DELETE or *; PATH where * stands for any text
  for example  http429=2@3/POST /tickets   slow=1@every   reset-after-apply@p0.1/* /tickets*
]==]

local LIFETIME = 3600 -- seconds, of one that no terminal holds

local function start(options)
  options.lifetime = options.lifetime or LIFETIME
  options.seed = options.seed or 60
  return server.start(options)
end

-- For `eval "$(livechat sandbox --env)"`. Every API knows the account by its id; by its address
-- only v2.
local function print_environment(shell, sandbox, username)
  for _, row in ipairs {
    { "LIVECHAT_BASE_URL", sandbox.url }, { "LIVECHAT_HELPDESK_URL", sandbox.url },
    { "LIVECHAT_ACCOUNTS_URL", sandbox.url }, { "LIVECHAT_CLIENT_ID", sandbox.client_id },
    { "LIVECHAT_USERNAME", username or sandbox.account_id },
    { "LIVECHAT_API_KEY", sandbox.api_key },
    { "LIVECHAT_SANDBOX_PID", ("%d"):format(sandbox.pid) },
  } do
    shell.out(("export %s=%s\n"):format(row[1], process.quote(row[2])))
  end
  shell.out("unset LIVECHAT_ACCESS_TOKEN LIVECHAT_PROFILE LIVECHAT_API\n")
  shell.say("the local service is on " .. sandbox.url
    .. '; kill "$LIVECHAT_SANDBOX_PID" ends it')
end

commands.sandbox = {
  summary = "run a local service that behaves as LiveChat's does",
  usage = "",
  more = FAULTS,
  example = "livechat sandbox --port 8090 --fault 'http500@2/POST /tickets'",
  options = {
    { name = "port", kind = "port", value = "N", help = "where to listen (a free port)" },
    { name = "env", kind = "flag",
      help = "start it in the background, and print what a shell needs: eval \"$(… --env)\"" },
    { name = "lifetime", kind = "seconds", value = "SECONDS", help = "with --env: its end (3600)" },
    { name = "empty", kind = "flag", help = "no tickets and no chats at first" },
    { name = "username", kind = "text", value = "NAME", help = "what clients must say" },
    { name = "api-key", kind = "text", value = "KEY", help = "what clients must say" },
    { name = "calls", kind = "whole", value = "N", help = "allowed in a period (100)" },
    { name = "period", kind = "seconds", value = "SECONDS", help = "(60)" },
    { name = "fault", kind = "text", value = "FAULT", list = true,
      help = "a fault, as http500@2/POST /tickets; may be repeated" },
    { name = "seed", kind = "whole", value = "N", help = "so many tickets at first (60)" },
    { name = "chats", kind = "whole", value = "N", help = "and chats in the month before (60)" },
    { name = "timezone", kind = "text", value = "ZONE", help = "of the account (UTC)" },
    { name = "lag", kind = "number", value = "SECONDS", help = "of the ticket list behind writes" },
    { name = "token", kind = "text", value = "TOKEN", help = "of the webhooks" },
    { name = "speed", kind = "number", value = "N", help = "redelivers so many times faster" },
  },
  run = function(options, rest, shell)
    if #rest > 0 then
      return nil, "no argument expected: " .. rest[1]
    end
    options.api_key, options["api-key"] = options["api-key"], nil
    if options.empty then
      options.seed, options.chats, options.empty = options.seed or 0, options.chats or 0, nil
    end
    local in_background = options.env
    options.env = nil
    if not in_background and options.lifetime then return nil, "--lifetime: only with --env" end
    options.history_ends = os.time() -- reports of the last days have something to show
    local fine, done, message = pcall(in_background and start or server.run, options)
    if not fine then
      return nil, tostring(done):gsub("^.-livechat%.sandbox%.server: ", "")
    end
    if done and in_background then print_environment(shell, done, options.username) end
    return done and 0 or fail(shell, message)
  end,
}

-- Those that the library knows.
local function event_names()
  local client = livechat.new { username = "-", api_key = "-", base_url = "http://127.0.0.1",
    throttle = false }
  local names = {}
  for _, dialect in ipairs(client_of(client, "livechat trigger").dialects) do
    for name in pairs(dialect.events and dialect.events.data_types or {}) do
      names[#names + 1] = name
    end
  end
  client:close()
  table.sort(names)
  return names
end

commands.trigger = {
  summary = "have the local service send an event",
  usage = "EVENT",
  example = "livechat trigger ticket_created --url http://127.0.0.1:8090",
  options = {
    { name = "url", kind = "text", value = "URL", help = "its address (LIVECHAT_BASE_URL)" },
    { name = "count", kind = "whole", value = "N", help = "so many of them" },
    { name = "data", kind = "object", value = "JSON", help = 'changes, as {"chat":{"id":"X"}}' },
    { name = "list", kind = "flag", help = "the events that there are" },
    { name = "json", kind = "flag", help = "the result for programs" },
  },
  run = function(options, rest, shell)
    if options.list then
      for _, name in ipairs(event_names()) do shell.out(name .. "\n") end
      return 0
    end
    local url = options.url or shell.getenv("LIVECHAT_BASE_URL")
    if #rest ~= 1 then
      return nil, "one event expected: ticket_created, chat_started, chat_ended, …"
    elseif not url or url == "" then
      return nil, "which service? Say --url URL, or set LIVECHAT_BASE_URL"
    end
    local body = options.data or {}
    body.event_type, body.count = rest[1], options.count
    -- No credentials of an account go to a service that is told what to do.
    local client = livechat.new { username = "sandbox", api_key = "none", base_url = url,
      throttle = false, retry = false }
    local answer, err = client:request {
      method = "POST", path = "/_sandbox/trigger", body = body,
    }
    client:close()
    if not answer then
      local said = err.kind == "rejected" and args.suggestion(rest[1], event_names()) or ""
      return fail(shell, tostring(err) .. said)
    end
    if options.json then
      shell.out(json.encode(answer) .. "\n")
    else
      shell.out(("%s, sent to %s\n"):format(plural(answer.events, "event"),
        plural(answer.deliveries, "webhook")))
    end
    return 0
  end,
}

return commands
