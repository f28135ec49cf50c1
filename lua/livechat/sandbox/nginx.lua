-- SPDX-License-Identifier: MIT
-- The service on real HTTP: requests in, responses out, the faults that only a wire can have, and
-- the sender of webhooks. One nginx process, one service.
local ffi = require "ffi"
local semaphore = require "ngx.semaphore"
local json = require "livechat.json"
local hosts = require "livechat.sandbox.hosts"
local process = require "livechat.nginx_process"
local Service = require "livechat.sandbox.service"

ffi.cdef "int kill(int pid, int signal); int getpid(void); int getppid(void);"

local SIGTERM = 15
local CHUNK = ("x"):rep(65536)
local LOOK_EVERY, SAY_SOMETHING, STREAM_ENDS = 0.25, 5, 600 -- seconds of a reader of events

local glue = {}
local service, settings, wake, parent

local function now()
  ngx.update_time()
  return ngx.now()
end

--- Reads what server.lua wrote, and removes it: it holds the API key.
---@param path string
function glue.init(path)
  settings = assert(json.decode(assert(process.read(path))))
  assert(os.remove(path))
  service = Service.new(settings.service)
end

local function finish()
  if not parent then
    process.remove(settings.folder) -- with the log in which nginx says that its own file is gone
  end
  ffi.C.kill(ffi.C.getpid(), SIGTERM)
end

--- What stops it removes its folder. Where the program that waited for it was killed, it does so
--- itself.
function glue.exit_worker()
  if parent and ffi.C.getppid() ~= parent then
    process.remove_after(settings.folder, ffi.C.getpid())
  end
end

-- Webhooks -----------------------------------------------------------------------------------

-- lua-resty-core 0.1.25 fails an assertion where a handshake fails without having had to wait.
local function handshake(sock, host)
  local ok, session, message = pcall(sock.sslhandshake, sock, nil, host, true)
  if not ok then return nil, "the handshake failed" end
  return session, message
end

-- Connects to the first of a name's addresses that can be reached; nginx's resolver finds those of
-- a name that /etc/hosts has not.
local function connect(sock, target, left)
  local host = target.host:lower()
  local message
  for _, address in ipairs(host:find("%a") and hosts.find(host) or {}) do
    local ok
    left()
    ok, message = sock:connect(address, target.port)
    if ok then return true end
  end
  if message then return nil, message end
  left()
  return sock:connect(host, target.port)
end

local function request_of(delivery)
  local target = delivery.target
  return { "POST ", target.path, " HTTP/1.1\r\nHost: ", target.host, ":",
    tostring(target.port), "\r\nContent-Type: application/json\r\nContent-Length: ",
    tostring(#delivery.body), "\r\n", target.authorization and
    "Authorization: " .. target.authorization .. "\r\n" or "", "Connection: close\r\n\r\n",
    delivery.body }
end

-- One POST, whole within `timeout` seconds. A redirect is an answer like any other, and not 200.
local function post(delivery, timeout)
  local deadline, target, sock = now() + timeout, delivery.target, ngx.socket.tcp()
  local function left()
    local seconds = deadline - now()
    sock:settimeout(math.max(1, seconds * 1000))
    return seconds > 0
  end
  local function failed(what, message)
    sock:close()
    return { error = what .. ": " .. tostring(message) }
  end
  local ok, message = connect(sock, target, left)
  if not ok then return failed("connect", message) end
  if target.tls then
    left()
    ok, message = handshake(sock, (target.host:gsub("[%[%]]", "")))
    if not ok then return failed("TLS", message) end
  end
  left()
  ok, message = sock:send(request_of(delivery))
  if not ok then return failed("send", message) end
  left()
  local line
  line, message = sock:receive("*l")
  if not line then return failed("receive", message) end
  local status = tonumber(line:match("^HTTP/1%.%d (%d%d%d)"))
  if not status then return failed("receive", "not HTTP") end
  while left() and sock:receiveany(16384) do end
  sock:close()
  return { status = status }
end

local function report(delivery, outcome)
  local level = delivery.state == "failed" and ngx.WARN or ngx.NOTICE
  ngx.log(level, "webhook ", delivery.event_type, " ", delivery.about, " attempt ",
    #delivery.attempts, ": ", outcome.status or outcome.error, ", now ", delivery.state)
end

local function send_for_ever(premature)
  while not premature do
    local delivery = service:due_deliveries(now(), 1)[1]
    if delivery then
      local ok, outcome = pcall(post, delivery, service.options.delivery_timeout)
      if not ok then outcome = { error = tostring(outcome) } end
      service:delivered(delivery, outcome, now())
      report(delivery, outcome)
    else
      local seconds = service:delivery_wait(now()) or 60
      wake:wait(math.max(0.001, math.min(seconds, 60)))
    end
  end
end

--- Starts the senders, and sees to it that nothing is left running: with a lifetime, or with the
-- program that waits for it.
function glue.init_worker()
  wake = semaphore.new()
  for _ = 1, settings.senders do assert(ngx.timer.at(0, send_for_ever)) end
  if settings.lifetime then
    assert(ngx.timer.at(settings.lifetime, function(premature)
      if not premature then finish() end
    end))
  end
  if settings.foreground then
    parent = ffi.C.getppid()
    assert(ngx.timer.every(0.2, function()
      if ffi.C.getppid() ~= parent then finish() end
    end))
    io.stdout:write(settings.foreground, "\n")
    io.stdout:flush()
  end
end

-- Answers ------------------------------------------------------------------------------------

local WIRE = {}

function WIRE.reset()
  return ngx.exit(444) -- with reset_timedout_connection: a TCP reset
end

function WIRE.slow(response)
  ngx.sleep(response.amount)
  return glue.send(response)
end

-- Past nginx, which would not announce more bytes than it sends.
function WIRE.truncate(response)
  local sock = assert(ngx.req.socket(true))
  sock:send({ "HTTP/1.1 ", tostring(response.status), " Truncated\r\nContent-Type: ",
    response.headers["Content-Type"], "\r\nContent-Length: ", tostring(#response.body),
    "\r\n\r\n", response.body:sub(1, response.amount) })
end

function WIRE.drip(response)
  ngx.header["Content-Length"] = #response.body
  for i = 1, #response.body do
    if not ngx.print(response.body:sub(i, i)) or not ngx.flush(true) then return end
    ngx.sleep(response.amount)
  end
end

function WIRE.huge(response)
  ngx.print('{"pages":1,"total":1,"tickets":[],"padding":"')
  for _ = 1, response.amount * 16 do
    if not ngx.print(CHUNK) or not ngx.flush(true) then return end
  end
  ngx.print('"}')
end

-- A browser that looks on. Where it does not read, `flush` has this light thread wait alone, and
-- gives up after nginx's send_timeout; a browser that has gone is met when it is told something.
function WIRE.events(response)
  local reader, started, said = response.reader, now(), now()
  local ok, message = pcall(function()
    while now() - started < STREAM_ENDS do
      local event = reader:next(now()) or now() - said > SAY_SOMETHING and ": nothing new\n\n"
      if event then
        if not ngx.print(event) or not ngx.flush(true) then return end
        said = now()
      end
      ngx.sleep(LOOK_EVERY)
    end
  end)
  reader:close()
  if not ok then ngx.log(ngx.ERR, "the page's events: ", message) end
end

function glue.send(response)
  ngx.header["Content-Length"] = #response.body
  ngx.print(response.body)
end

--- Answers the request at hand.
function glue.content()
  ngx.req.read_body()
  local headers = ngx.req.get_headers(0)
  for name, value in pairs(headers) do
    if type(value) == "table" then headers[name] = value[1] end
  end
  local path, query = ngx.var.request_uri:match("^([^?]*)%??(.*)$")
  local response = service:handle({ method = ngx.req.get_method(), path = path, query = query,
    headers = headers, body = ngx.req.get_body_data(), ip = ngx.var.remote_addr, now = now() })
  if service:delivery_wait(now()) == 0 and wake:count() < settings.senders then
    wake:post(settings.senders)
  end
  ngx.status = response.status
  for name, value in pairs(response.headers) do ngx.header[name] = value end
  return (WIRE[response.wire] or glue.send)(response)
end

return glue
