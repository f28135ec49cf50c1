-- SPDX-License-Identifier: MIT
--- What specs share: temporary folders, free ports, processes that end by themselves, and a dumb
-- blocking HTTP/1.1 client over luasocket, so that no spec judges our servers by our own client.
-- A spec that starts anything calls `helper.cleanup()` in its teardown.
local socket = require "socket"
local json = require "livechat.json"
local process = require "livechat.nginx_process"

local helper = {}

local unpack = table.unpack or unpack
local LIFETIME = 600
local undo = {}

helper.root = process.output("pwd")
helper.now, helper.sleep = socket.gettime, socket.sleep
helper.read, helper.write, helper.quote = process.read, process.write, process.quote
helper.alive = process.alive -- of a pid

--- Has something undone at the next cleanup, the last first.
---@param action fun()
function helper.defer(action)
  undo[#undo + 1] = action
end

--- Ends everything that was started through this module and removes its folders.
function helper.cleanup()
  while #undo > 0 do table.remove(undo)() end
end

--- A new folder, gone at the next cleanup.
---@return string path
function helper.folder()
  local path = process.folder()
  helper.defer(function() process.remove(path) end)
  return path
end

---@return integer port that nothing listens on now
function helper.free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return math.floor(tonumber(port))
end

--- Calls `check` until it returns something true, for at most `seconds` (10); returns that.
---@param check fun(): any
---@param seconds number|nil
---@param what string|nil for the message of the error that a time-out raises
function helper.wait_until(check, seconds, what)
  local limit = helper.now() + (seconds or 10)
  repeat
    local result = check()
    if result then return result end
    helper.sleep(0.01)
  until helper.now() > limit
  error("timed out waiting for " .. (what or "a condition"), 2)
end

---@param port integer
---@param seconds number|nil
function helper.wait_port(port, seconds)
  helper.wait_until(function()
    local connection = socket.connect("127.0.0.1", port)
    if connection then connection:close() end
    return connection
  end, seconds, "port " .. port)
end

-- Processes ----------------------------------------------------------------------------------

--- Starts a program in the background; it ends at the next cleanup, or after ten minutes.
---@param argv string[] a program and its arguments
---@param options table|nil { env={ NAME=value }, output=<file>, input=<file>, cd=<folder> }
---@return integer pid of the program itself
---@return string output the file with what it prints on stdout and stderr
function helper.spawn(argv, options)
  options = options or {}
  local folder = helper.folder()
  local output = options.output or folder .. "/output"
  local words = {}
  for name, value in pairs(options.env or {}) do
    words[#words + 1] = name .. "=" .. process.quote(value)
  end
  words[#words + 1] = ("timeout -k 5 %d sh -c 'echo $$ >\"$0\"; exec \"$@\"' %s"):format(
    LIFETIME, process.quote(folder .. "/pid"))
  for _, word in ipairs(argv) do words[#words + 1] = process.quote(word) end
  local line = ("%s >%s 2>&1 <%s &"):format(table.concat(words, " "), process.quote(output),
    process.quote(options.input or "/dev/null"))
  if options.cd then line = "cd " .. process.quote(options.cd) .. " && " .. line end
  assert(process.execute(line))
  local pid = helper.wait_until(function()
    return tonumber(process.read(folder .. "/pid") or "")
  end, 5, "the start of " .. argv[1])
  pid = math.floor(pid)
  helper.defer(function() helper.stop(pid) end)
  return pid, output
end

---@param pid integer
---@param signal string|nil default TERM
function helper.kill(pid, signal)
  process.execute(("kill -%s %d 2>/dev/null"):format(signal or "TERM", pid))
end

helper.stop = process.stop -- a pid: TERM, and KILL when it is still there after five seconds

--- Waits for a process to end; false when it is still there after `seconds` (30).
---@param pid integer
---@param seconds number|nil
---@return boolean ended
function helper.wait_exit(pid, seconds)
  local limit = helper.now() + (seconds or 30)
  while helper.alive(pid) do
    if helper.now() > limit then return false end
    helper.sleep(0.01)
  end
  return true
end

--- Runs a shell command to its end, for at most `seconds` (60).
---@param command string
---@param seconds number|nil
---@return integer status 124 when the time was up
---@return string output stdout and stderr
function helper.run(command, seconds)
  local line = "timeout -k 5 %d sh -c %s 2>&1 </dev/null; s=$?; echo; echo $s"
  local text = process.output(line:format(seconds or 60, process.quote(command)))
  local output, status = text:match("^(.-)\n?(%d+)$")
  return math.floor(tonumber(status)), output
end

-- Lua ----------------------------------------------------------------------------------------

local VERSIONS = { "5.1", "5.2", "5.3", "5.4", "jit" }

local function lua_paths(version)
  local root, abi = helper.root, version == "jit" and "5.1" or version
  return ("%s/lua/?.lua;%s/lua/?/init.lua;;"):format(root, root),
    ("%s/build/%s/?.so;;"):format(root, abi)
end

--- The shell assignments that make the build tree's modules visible to one Lua.
---@param version string "5.1", "5.2", "5.3", "5.4" or "jit"
---@return string
function helper.lua_env(version)
  local path, cpath = lua_paths(version)
  return ("LUA_PATH=%s LUA_CPATH=%s"):format(process.quote(path), process.quote(cpath))
end

---@param version string
---@return string program
function helper.lua_program(version)
  return version == "jit" and "luajit" or "lua" .. version
end

--- The words that `spawn` wants to run one Lua on the build tree: lua_argv("5.4", "-e", "…").
---@param version string
---@return string[]
function helper.lua_argv(version, ...)
  local path, cpath = lua_paths(version)
  return { "env", "LUA_PATH=" .. path, "LUA_CPATH=" .. cpath, helper.lua_program(version), ... }
end

--- The versions of Lua that this machine has.
---@return string[]
function helper.lua_versions()
  local found = {}
  for _, version in ipairs(VERSIONS) do
    if process.execute("command -v " .. helper.lua_program(version) .. " >/dev/null") then
      found[#found + 1] = version
    end
  end
  return found
end

--- The version of the Lua that runs this spec, in the same spelling.
helper.lua_version = rawget(_G, "jit") and "jit" or _VERSION:match("%d%.%d")

-- HTTP ---------------------------------------------------------------------------------------

local Connection = {}
Connection.__index = Connection

--- Opens a connection that serves any number of requests, one after another.
---@param port integer
---@param timeout number|nil seconds for each read and write, default 10
function helper.connect(port, timeout)
  local sock, message = socket.connect("127.0.0.1", port)
  if not sock then return nil, message end
  sock:settimeout(timeout or 10)
  sock:setoption("tcp-nodelay", true)
  return setmetatable({ sock = sock, port = port }, Connection)
end

function Connection:close()
  self.sock:close()
end

local function read_head(sock)
  local line, message = sock:receive("*l")
  if not line then return nil, message end
  local status = tonumber(line:match("^HTTP/1%.%d (%d%d%d)"))
  if not status then return nil, "not HTTP: " .. line end
  local headers = {}
  while true do
    line, message = sock:receive("*l")
    if not line then return nil, message end
    if line == "" then return math.floor(status), headers end
    local name, value = line:match("^([^:]+):%s*(.-)%s*$")
    if not name then return nil, "not a header: " .. line end
    headers[name:lower()] = value
  end
end

local function read_chunked(sock)
  local parts = {}
  while true do
    local line, message = sock:receive("*l")
    if not line then return nil, message, table.concat(parts) end
    local size = tonumber(line:match("^%x+") or "", 16)
    if not size then return nil, "not a chunk size: " .. line, table.concat(parts) end
    if size > 0 then
      local chunk, why, part = sock:receive(size)
      parts[#parts + 1] = chunk or part
      if not chunk then return nil, why, table.concat(parts) end
    end
    sock:receive("*l")
    if size == 0 then return table.concat(parts) end
  end
end

--- Sends one request and reads its answer.
---@param request table { method=, path=, headers=, body= }
---@return table|nil response { status=, headers=<lower-case names>, body= }
---@return string|nil message "closed", "timeout" or what was wrong
---@return table|nil part the answer as far as it came: { status=, headers=, body= }
function Connection:request(request)
  local body, headers = request.body or "", {}
  headers["Host"] = "127.0.0.1:" .. self.port
  if body ~= "" or request.method == "POST" or request.method == "PUT" then
    headers["Content-Length"] = tostring(#body)
  end
  for name, value in pairs(request.headers or {}) do headers[name] = value end
  local lines = { (request.method or "GET") .. " " .. (request.path or "/") .. " HTTP/1.1" }
  for name, value in pairs(headers) do lines[#lines + 1] = name .. ": " .. value end
  local sent, message = self.sock:send(table.concat(lines, "\r\n") .. "\r\n\r\n" .. body)
  if not sent then return nil, message end
  local status, answer = read_head(self.sock)
  if not status then return nil, answer end
  local text, why, part
  if request.method == "HEAD" or status == 204 or status == 304 then
    text = ""
  elseif answer["transfer-encoding"] == "chunked" then
    text, why, part = read_chunked(self.sock)
  elseif answer["content-length"] == "0" then
    text = ""
  else
    text, why, part = self.sock:receive(tonumber(answer["content-length"]) or "*a")
  end
  if not text then return nil, why, { status = status, headers = answer, body = part or "" } end
  return { status = status, headers = answer, body = text }
end

--- One request on a connection of its own: `helper.http{ port=, path=, … }` or `{ url=, … }`,
-- with `timeout` in seconds; answers as `Connection:request` does.
function helper.http(request)
  local port, path = request.port, request.path
  if request.url then
    port, path = request.url:match("^http://127%.0%.0%.1:(%d+)(.*)$")
    port = assert(tonumber(port), "not an address on loopback: " .. request.url)
    if path == "" then path = "/" end
  end
  local connection, message = helper.connect(port, request.timeout)
  if not connection then return nil, message end
  local response, why, part = connection:request({ method = request.method, path = path,
    headers = request.headers, body = request.body })
  connection:close()
  return response, why, part
end

-- Servers ------------------------------------------------------------------------------------

--- A key pair for 127.0.0.1 and localhost, signed by itself; use the certificate as ca_file.
---@return string cert, string key  files
function helper.certificate()
  local folder = helper.folder()
  local cert, key = folder .. "/cert.pem", folder .. "/key.pem"
  local status, output = helper.run(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 " ..
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 " ..
    "-keyout %s -out %s"):format(process.quote(key), process.quote(cert)))
  assert(status == 0, output)
  return cert, key
end

--- Starts an nginx with the Lua module.
---@param options table { http=<text of the http block; $PORT is the free port>, main=<text before
--- it>, workers=1, folder=<a folder that survives>, port=, before=<words of what runs it> }
---@return table nginx { port=, pid=<the master>, folder=, log=<error log>, stop=, restart= }
function helper.nginx(options)
  local found = assert(process.find())
  local nginx = { port = options.port or helper.free_port(),
    folder = options.folder or helper.folder() }
  nginx.log = nginx.folder .. "/error.log"
  local user = process.output("id -un") == "root" and "user root;\n" or ""
  local conf = process.conf({ nginx = found, folder = nginx.folder, workers = options.workers or 1,
    main = user .. (options.main or ""), http = options.http:gsub("%$PORT", nginx.port) })
  process.write(nginx.folder .. "/nginx.conf", conf)
  local command = { unpack(options.before or {}) }
  for _, word in ipairs { found.binary, "-p", nginx.folder .. "/", "-c",
    nginx.folder .. "/nginx.conf" } do
    command[#command + 1] = word
  end
  function nginx.start()
    nginx.pid, nginx.output = helper.spawn(command)
    helper.wait_until(function()
      local connection = socket.connect("127.0.0.1", nginx.port)
      if connection then connection:close() end
      if not connection and not helper.alive(nginx.pid) then error(helper.read(nginx.output), 0) end
      return connection
    end, 10, "nginx")
  end
  function nginx.stop() helper.stop(nginx.pid) end
  nginx.start()
  return nginx
end

--- Starts a Redis server that keeps nothing.
---@return table redis { port=, pid=, stop= }
function helper.redis()
  local port = helper.free_port()
  local pid = helper.spawn({ "redis-server", "--port", tostring(port), "--bind", "127.0.0.1",
    "--save", "", "--appendonly", "no", "--dir", helper.folder() })
  helper.wait_port(port)
  return { port = port, pid = pid, stop = function() helper.stop(pid) end }
end

--- Starts the local LiveChat; the options and the handle are those of livechat.sandbox.server.
---@param options table|nil
function helper.sandbox(options)
  local with = { http = helper.http }
  for name, value in pairs(options or {}) do with[name] = value end
  local sandbox = assert(require("livechat.sandbox.server").start(with))
  helper.defer(sandbox.stop)
  return sandbox
end

--- The text of a published sample body, or nil on a machine that has no such folder.
---@param name string
---@return string|nil
function helper.payload(name)
  return process.read(helper.root .. "/../shared/payloads/" .. name)
end

--- Whether a decoded body has every member of a sample, each of the same JSON type. A member that
--- is null in the sample may be anything.
---@return boolean
---@return string|nil name of the first member that it lacks
function helper.covers(sample, ours)
  if sample == json.null then return true end
  if type(sample) ~= type(ours) then return false end
  if type(sample) ~= "table" then return true end
  if sample[1] == nil then
    for name, value in pairs(sample) do
      if ours[name] == nil or not helper.covers(value, ours[name]) then return false, name end
    end
    return true
  end
  for _, each in ipairs(sample) do
    local found = false
    for _, own in ipairs(ours) do found = found or helper.covers(each, own) end
    if not found then return false end
  end
  return true
end

return helper
