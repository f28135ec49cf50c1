-- SPDX-License-Identifier: MIT
--- Runs an nginx with the Lua module from a private folder, without privileges: found, configured,
--- started, watched and stopped. `livechat listen` and the local service are such processes.
local process = {}

--- One shell word, whatever the text holds.
---@param text string
---@return string
function process.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

--- Runs a shell command; Lua 5.1 reports the status as a number, later ones as a boolean.
---@param command string
---@return boolean succeeded
function process.execute(command)
  local result = os.execute(command)
  return result == true or result == 0
end

--- What a shell command prints, without the last line end.
---@param command string
---@return string
function process.output(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("\n$", ""))
end

---@param path string
---@return string|nil text
function process.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

---@param path string
---@param text string
function process.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

--- A new folder that only this user may read.
---@return string path
function process.folder()
  local path = process.output('mktemp -d "${TMPDIR:-/tmp}/livechat.XXXXXX"')
  assert(path:sub(1, 1) == "/", "livechat: no temporary folder could be made")
  return path
end

---@param path string
---@return boolean removed
function process.remove(path)
  return process.execute("rm -rf -- " .. process.quote(path))
end

--- Removes a folder once a process has ended: nginx complains where its own is gone before it.
---@param path string
---@param pid integer
function process.remove_after(path, pid)
  process.execute(("(for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; kill -0 %d || break; done; " ..
    "rm -rf -- %s) >/dev/null 2>&1 &"):format(pid, process.quote(path)))
end

--- An nginx string parameter: quoted, so that a path may hold spaces, quotes and dollars.
---@param text string
---@return string
function process.parameter(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local PLACES = "/usr/local/openresty/nginx/sbin:/usr/local/sbin:/usr/sbin:/opt/nginx/sbin"
local MODULE_FOLDERS = { "/usr/lib/nginx/modules", "/usr/lib64/nginx/modules",
  "/usr/local/nginx/modules" }

--- Finds nginx and, where it is not built in, its Lua module.
---@param binary string|nil a path or name to use instead of looking for one
---@return table|nil nginx { binary=, modules=<load_module lines>, built=<the text of nginx -V> }
---@return string|nil message
function process.find(binary)
  local names = binary and process.quote(binary) or "openresty nginx"
  local found = process.output("PATH=$PATH:" .. PLACES .. "; for n in " .. names ..
    "; do command -v -- $n && break; done")
  if found == "" then
    return nil, (binary or "nginx") .. " was not found: install nginx with its Lua module " ..
      "(Debian: nginx libnginx-mod-http-lua) or OpenResty"
  end
  local built = process.output(process.quote(found) .. " -V 2>&1")
  if not built:find("nginx", 1, true) then return nil, found .. " is not nginx" end
  local path = built:match("%-%-modules%-path=(%S+)")
  local folders = path and { path } or MODULE_FOLDERS
  local lines = {}
  for _, folder in ipairs(folders) do
    if process.read(folder .. "/ngx_http_lua_module.so") then
      for _, name in ipairs({ "ndk_http_module.so", "ngx_http_lua_module.so" }) do
        if process.read(folder .. "/" .. name) then
          lines[#lines + 1] = "load_module " .. process.parameter(folder .. "/" .. name) .. ";"
        end
      end
      break
    end
  end
  if #lines == 0 and not built:find("ngx_lua", 1, true) and
      not built:find("lua-nginx-module", 1, true) then
    return nil, found .. " has no Lua module: install Debian's libnginx-mod-http-lua or OpenResty"
  end
  return { binary = found, modules = table.concat(lines, "\n"), built = built }
end

--- A whole nginx.conf around the text of an http block. Without `workers` nginx is one process,
-- which runs as the user who starts it and dies as a whole.
---@param options table { nginx=, folder=, http=, main=, workers=, daemon=, error_log= }
---@return string
function process.conf(options)
  local folder = options.folder
  local temp = { "client_body_temp_path " .. process.parameter(folder .. "/body") .. ";" }
  for _, name in ipairs({ "proxy", "fastcgi", "uwsgi", "scgi" }) do
    if not options.nginx.built:find("--without-http_" .. name .. "_module", 1, true) then
      temp[#temp + 1] = name .. "_temp_path " .. process.parameter(folder .. "/" .. name) .. ";"
    end
  end
  return table.concat({
    options.nginx.modules,
    "daemon " .. (options.daemon and "on" or "off") .. ";",
    options.workers and "worker_processes " .. options.workers .. ";" or "master_process off;",
    "pid " .. process.parameter(folder .. "/nginx.pid") .. ";",
    "error_log " .. (options.error_log or process.parameter(folder .. "/error.log") .. " notice")
      .. ";",
    options.main or "",
    "events { worker_connections 4096; }",
    "http {",
    table.concat(temp, "\n"),
    options.http,
    "}",
    "",
  }, "\n")
end

local function command(nginx, folder)
  return process.quote(nginx.binary) .. " -p " .. process.quote(folder .. "/") .. " -c " ..
    process.quote(folder .. "/nginx.conf")
end

--- Starts nginx in the background. It listens when this returns: nginx binds before it detaches.
---@param nginx table from `find`
---@param folder string
---@param conf string from `conf`, with daemon = true
---@return integer|nil pid
---@return string|nil message what nginx said
function process.start(nginx, folder, conf)
  process.write(folder .. "/nginx.conf", conf)
  local said = folder .. "/start.log"
  if not process.execute(command(nginx, folder) .. " >" .. process.quote(said) .. " 2>&1") then
    return nil, process.read(said)
  end
  for _ = 1, 500 do
    local pid = tonumber(process.read(folder .. "/nginx.pid") or "")
    if pid then return math.floor(pid) end
    process.execute("sleep 0.01")
  end
  return nil, "nginx wrote no pid file within 5 seconds"
end

local ASK, WATCH = 0.05, 0.2 -- seconds between two looks, before and after it has begun

-- The child's exit status, nil where it still runs; and the signal that came for this process.
local function look(child, seconds)
  local status, second, third = child:wait(seconds)
  if status then return status, second end
  return nil, third
end

local function watch(child, began)
  local waiting = began ~= nil
  while true do
    local status, signal = look(child, waiting and ASK or WATCH)
    if signal then return nil end
    if status and (waiting or status ~= 0) then
      return "nginx " .. (waiting and "did not start" or "failed") .. ": see its message above"
    elseif status then
      return nil
    elseif waiting then
      local done, problem = began()
      if problem then return problem end
      waiting = not done
    end
  end
end

-- Removes it in spite of ^C, which may come late: as an error here, and as the end of the shell.
local function surely_remove(folder)
  for _ = 1, 3 do
    local _, fine, removed = pcall(pcall, process.remove, folder)
    if fine == true and removed then return end
  end
end

--- Runs nginx until it ends, or until a signal (^C, TERM, HUP, QUIT) ends this process and so both:
--- such signals are held back until nginx has ended, then forgotten. It dies with this process,
--- however that dies. Then its folder is removed.
---@param nginx table from `find`
---@param folder string
---@param conf string from `conf`
---@param began? fun(): boolean|nil, string|nil is asked until it says true, and then it has begun;
--- with a second value, what is wrong, nginx is ended
---@return boolean|nil succeeded
---@return string|nil problem
function process.foreground(nginx, folder, conf, began)
  process.write(folder .. "/nginx.conf", conf)
  -- Loaded late: what runs inside nginx needs this file, and no core.
  local child, _, text = require "livechat.core".spawn {
    nginx.binary, "-p", folder .. "/", "-c", folder .. "/nginx.conf",
  }
  if not child then
    process.remove(folder)
    return nil, "nginx could not be started: " .. text
  end
  local fine, problem = pcall(watch, child, began)
  child:close()
  surely_remove(folder)
  return fine and not problem or nil, problem
end

--- Whether a process runs; one that has ended and is only not yet reaped does not.
---@param pid integer
---@return boolean
function process.alive(pid)
  local stat = process.read(("/proc/%d/stat"):format(pid))
  if stat then return not stat:find("%) Z") end
  return process.execute(("kill -0 %d 2>/dev/null"):format(pid))
end

--- Ends a process: politely, and by force when it is still there after five seconds.
---@param pid integer
function process.stop(pid)
  process.execute(("kill -TERM %d 2>/dev/null"):format(pid))
  for _ = 1, 500 do
    if not process.alive(pid) then return end
    process.execute("sleep 0.01")
  end
  process.execute(("kill -KILL %d 2>/dev/null"):format(pid))
end

return process
