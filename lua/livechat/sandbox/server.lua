-- SPDX-License-Identifier: MIT
--- Starts the local LiveChat: an nginx process of its own that listens on loopback only, keeps
-- everything in memory and ends by itself.
--
--     local sandbox = assert(server.start { seed = 60, http = <function> })
--     … sandbox.url …
--     sandbox.control("POST", "faults", { fault = "http500@2/POST /tickets" })
--     sandbox.stop()
--
-- Options, all of them optional:
--   port = 0              0 takes a free one
--   username, api_key     what HTTP Basic must say (server.USERNAME, server.API_KEY)
--   account_id            what it may say instead of the username, as with personal access tokens
--   access_token          what a Bearer header may say instead (server.ACCESS_TOKEN)
--   client_id, client_secret, public_client_id   the apps of the organization: a server's, and one
--                         without a secret
--   region                where the organization is: v3 refuses calls without X-Region of it
--   seats                 how many agents HelpDesk's subscription allows
--   today                 how today's APIs write: see today.lua
--   calls = 100, period = 60   the rate limit; calls = false for none
--   retry_after = true    whether its 429 carries Retry-After
--   seed = 0              how many tickets there are at first
--   chats = 60            how many chats there were in the month before
--   history_ends          epoch seconds: the end of that month, and the last change of a ticket;
--                         without it 2026-01-01T00:00:00Z
--   timezone = "UTC"      the account's
--   random_seed = 1       the same numbers, the same data
--   fault                 a fault or a list of faults: see faults.lua for how one is written
--   lag = 0               seconds by which the list of tickets lags writes
--   update = "apply"      whether PUT /tickets/{id}/tags takes the members that the connector sends
--                         besides `tag`, or is deaf to them ("ignore")
--   wrapper = false       whether a single ticket comes as { pages=, total=, tickets=[…] }
--   variants = "docs"     how records are written: see views.lua
--   errors = "list"       whether several errors come as a list or as one "text"
--   webhook_answer = "all"   what POST /webhooks answers: all hooks, or only the "new" one
--   license_id = 1520     the account
--   token                 the token of every webhook; without it each gets one of its own
--   speed = 1             divides the waits between the attempts to deliver a webhook
--   delivery_timeout = 10 seconds that one attempt may take
--   senders = 8           deliveries under way at the same time
--   ca_file               what signs the certificates of https webhooks
--   resolver              the name servers to ask, as nginx takes them: "192.0.2.1:53"; without it
--                         the machine's. /etc/hosts comes first
--   tls = { cert=, key= } serves HTTPS on `port` with these files
--   lifetime = 600        seconds after which it ends by itself
--   nginx                 the nginx to use
--   http                  what `control` calls: http{ url=, method=, headers=, body= } ->
--                         { status=, body= } | nil, message
--
-- The handle: url, port, pid, username, api_key, account_id, access_token, client_id,
-- client_secret, public_client_id, folder, log (nginx's error log, with a line for each attempt to
-- deliver a webhook), control_url, control(method, verb, fields) -> table (raises what went wrong;
-- the verbs are in control.lua), stop(). A browser that opens the url is shown a page.
local json = require "livechat.json"
local hosts = require "livechat.sandbox.hosts"
local process = require "livechat.nginx_process"
local options = require "livechat.sandbox.options"

local server = {}

server.USERNAME = options.defaults().username
server.API_KEY = options.defaults().api_key
server.ACCESS_TOKEN = options.defaults().access_token

local OWN = { port = true, senders = true, ca_file = true, tls = true, lifetime = true,
  nginx = true, http = true, resolver = true }
local CA_FILES = { "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem" }

-- Where the modules are: nginx's own Lua reads the same files.
local function root()
  local source = debug.getinfo(1, "S").source:match("^@(.*)livechat/sandbox/server%.lua$")
  if source:sub(1, 1) == "/" then return source end
  return process.output("pwd") .. "/" .. source
end

-- Ports in use, where the system says so.
local function used_ports()
  local used = {}
  for port in (process.read("/proc/net/tcp") or ""):gmatch("%x+:(%x+) %x+:%x+ 0A") do
    used[tonumber(port, 16)] = true
  end
  return used
end

-- Below the range from which systems take the ports of outgoing connections.
local function free_port()
  local random, used = assert(io.open("/dev/urandom", "rb")), used_ports()
  local port
  repeat
    local a, b = random:read(2):byte(1, 2)
    port = 20000 + (a * 256 + b) % 12000
  until not used[port]
  random:close()
  return port
end

local function http_block(given, folder, port, plain_port)
  local ca_file, resolver = given.ca_file, given.resolver or hosts.resolver()
  for _, path in ipairs(CA_FILES) do ca_file = ca_file or process.read(path) and path end
  local lines = {
    "init_by_lua_file " .. process.parameter(folder .. "/init.lua") .. ";",
    'init_worker_by_lua_block { require("livechat.sandbox.nginx").init_worker() }',
    'exit_worker_by_lua_block { require("livechat.sandbox.nginx").exit_worker() }',
    ca_file and "lua_ssl_trusted_certificate " .. process.parameter(ca_file) .. ";" or "",
    "lua_ssl_verify_depth 3;",
    resolver and "resolver " .. resolver .. " valid=5s; resolver_timeout 5s;" or "",
    "lua_socket_log_errors off;",
    "access_log off;",
    "server_tokens off;",
    "client_max_body_size 16m;",
    "client_body_buffer_size 16m;",
    "keepalive_requests 1000000;",
    "reset_timedout_connection on;",
    "server {",
    ("listen 127.0.0.1:%d%s;"):format(port, given.tls and " ssl" or ""),
  }
  if given.tls then
    lines[#lines + 1] = ("listen 127.0.0.1:%d;"):format(plain_port)
    lines[#lines + 1] = "ssl_certificate " .. process.parameter(given.tls.cert) .. ";"
    lines[#lines + 1] = "ssl_certificate_key " .. process.parameter(given.tls.key) .. ";"
  end
  lines[#lines + 1] = 'location / { content_by_lua_block { require("livechat.sandbox.nginx")' ..
    ".content() } }\n}"
  return table.concat(lines, "\n")
end

-- The options split in two; raises what is wrong with them.
local function check(given)
  local own, service = {}, {}
  for name, value in pairs(given) do
    local side = OWN[name] and own or service
    side[name] = value
  end
  local message = options.set({}, service)
  if message then error("livechat.sandbox.server: " .. message, 3) end
  return own, service
end

-- Writes the folder from which nginx runs.
local function prepare(own, service, port, foreground)
  local nginx, message = process.find(own.nginx)
  if not nginx then return nil, message end
  local folder = process.folder()
  local plain_port = own.tls and free_port() or port
  process.write(folder .. "/options.json", json.encode({ service = service, folder = folder,
    senders = own.senders or 8, lifetime = own.lifetime, foreground = foreground }))
  local where = root()
  process.write(folder .. "/init.lua", ("package.path = %q .. package.path\n" ..
    "require(\"livechat.sandbox.nginx\").init(%q)\n"):format(
    where .. "?.lua;" .. where .. "?/init.lua;", folder .. "/options.json"))
  local conf = process.conf({ nginx = nginx, folder = folder, daemon = not foreground,
    error_log = foreground and "stderr warn" or nil,
    http = http_block(own, folder, port, plain_port) })
  return { nginx = nginx, folder = folder, conf = conf, plain_port = plain_port }
end

local function control(http, url)
  return function(method, verb, fields)
    assert(http, "livechat.sandbox.server: control needs the option http")
    local response = assert(http({ url = url .. "/_sandbox/" .. verb, method = method,
      headers = { ["Content-Type"] = "application/json" },
      body = fields and json.encode(fields) or nil }))
    local value = json.fold(assert(json.decode(response.body)))
    if response.status ~= 200 then error("livechat.sandbox: " .. tostring(value.error), 2) end
    return value
  end
end

--- Starts a service in the background. It answers when this returns.
---@param given table|nil the options above; an unknown or ill-formed one raises
---@return table|nil handle
---@return string|nil message
function server.start(given)
  local own, service = check(given or {})
  own.lifetime = own.lifetime or 600
  local port, pid, message, ready
  for _ = 1, 5 do
    port = own.port and own.port ~= 0 and own.port or free_port()
    ready, message = prepare(own, service, port)
    if not ready then return nil, message end
    pid, message = process.start(ready.nginx, ready.folder, ready.conf)
    if pid then break end
    process.remove(ready.folder)
    if port == own.port or not message:find("Address already in use", 1, true) then break end
  end
  if not pid then return nil, message end
  local handle = { port = port, pid = pid, folder = ready.folder,
    log = ready.folder .. "/error.log", username = service.username or server.USERNAME,
    api_key = service.api_key or server.API_KEY,
    account_id = service.account_id or options.defaults().account_id,
    access_token = service.access_token or server.ACCESS_TOKEN,
    url = (own.tls and "https" or "http") .. "://127.0.0.1:" .. port,
    control_url = "http://127.0.0.1:" .. ready.plain_port }
  for _, name in ipairs({ "client_id", "client_secret", "public_client_id" }) do
    handle[name] = service[name] or options.defaults()[name]
  end
  handle.control = control(own.http, handle.control_url)
  function handle.stop()
    process.stop(pid)
    process.remove(ready.folder)
  end
  return handle
end

--- Runs a service in the foreground until ^C, or until the program that called this is gone. Prints
-- where it is and where its page is, in two lines on stdout, as soon as it answers.
---@param given table|nil as for `start`; without `lifetime` it has no end, without `seed` there are
--- 60 tickets
---@return boolean|nil succeeded
---@return string|nil message
function server.run(given)
  local own, service = check(given or {})
  service.seed = service.seed or 60
  local port = own.port and own.port ~= 0 and own.port or free_port()
  local key = service.api_key and "as given" or server.API_KEY
  local url = (own.tls and "https" or "http") .. "://127.0.0.1:" .. port
  local ready, message = prepare(own, service, port, ("LiveChat sandbox on %s " ..
    "(username %s, API key %s); ^C ends it\nIts page, for a browser: %s/"):format(url,
    service.username or server.USERNAME, key, url))
  if not ready then return nil, message end
  local succeeded, problem = process.foreground(ready.nginx, ready.folder, ready.conf)
  if not succeeded then return nil, problem end
  return true
end

return server
