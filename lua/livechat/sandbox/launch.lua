-- SPDX-License-Identifier: MIT
--- Runs an nginx with the Lua module from a folder of its own, without privileges and with nothing
-- but the shell: found, configured, started, stopped, and its folder removed.
local launch = {}

--- One shell word, whatever the text holds.
---@param text string
---@return string
function launch.quote(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end

--- Runs a shell command; Lua 5.1 reports the status as a number, later ones as a boolean.
---@param command string
---@return boolean succeeded
function launch.execute(command)
  local result = os.execute(command)
  return result == true or result == 0
end

--- What a shell command prints, without the last line end.
---@param command string
---@return string
function launch.output(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read("*a")
  pipe:close()
  return (text:gsub("\n$", ""))
end

---@param path string
---@return string|nil text
function launch.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

---@param path string
---@param text string
function launch.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

--- A new folder that only this user may read.
---@return string path
function launch.folder()
  local path = launch.output('mktemp -d "${TMPDIR:-/tmp}/livechat.XXXXXX"')
  assert(path:sub(1, 1) == "/", "livechat: no temporary folder could be made")
  return path
end

---@param path string
function launch.remove(path)
  launch.execute("rm -rf -- " .. launch.quote(path))
end

--- Removes a folder once a process has ended: nginx complains where its own is gone before it.
---@param path string
---@param pid integer
function launch.remove_after(path, pid)
  launch.execute(("(for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; kill -0 %d || break; done; " ..
    "rm -rf -- %s) >/dev/null 2>&1 &"):format(pid, launch.quote(path)))
end

--- An nginx string parameter: quoted, so that a path may hold spaces, quotes and dollars.
---@param text string
---@return string
function launch.parameter(text)
  return '"' .. text:gsub('[\\"]', "\\%0") .. '"'
end

local PLACES = "/usr/local/openresty/nginx/sbin:/usr/local/sbin:/usr/sbin:/opt/nginx/sbin"
local MODULE_FOLDERS = { "/usr/lib/nginx/modules", "/usr/lib64/nginx/modules",
  "/usr/local/nginx/modules" }

--- Finds nginx and, where it is not built in, its Lua module.
---@param binary string|nil a path or name to use instead of looking for one
---@return table|nil nginx { binary=, modules=<load_module lines>, built=<the text of nginx -V> }
---@return string|nil message
function launch.find(binary)
  local names = binary and launch.quote(binary) or "openresty nginx"
  local found = launch.output("PATH=$PATH:" .. PLACES .. "; for n in " .. names ..
    "; do command -v -- $n && break; done")
  if found == "" then
    return nil, (binary or "nginx") .. " was not found: install nginx with its Lua module " ..
      "(Debian: nginx libnginx-mod-http-lua) or OpenResty"
  end
  local built = launch.output(launch.quote(found) .. " -V 2>&1")
  if not built:find("nginx", 1, true) then return nil, found .. " is not nginx" end
  local path = built:match("%-%-modules%-path=(%S+)")
  local folders = path and { path } or MODULE_FOLDERS
  local lines = {}
  for _, folder in ipairs(folders) do
    if launch.read(folder .. "/ngx_http_lua_module.so") then
      for _, name in ipairs({ "ndk_http_module.so", "ngx_http_lua_module.so" }) do
        if launch.read(folder .. "/" .. name) then
          lines[#lines + 1] = "load_module " .. launch.parameter(folder .. "/" .. name) .. ";"
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
-- which runs as whoever starts it and dies as a whole.
---@param options table { nginx=, folder=, http=, main=, workers=, daemon=, error_log= }
---@return string
function launch.conf(options)
  local folder = options.folder
  local temp = { "client_body_temp_path " .. launch.parameter(folder .. "/body") .. ";" }
  for _, name in ipairs({ "proxy", "fastcgi", "uwsgi", "scgi" }) do
    if not options.nginx.built:find("--without-http_" .. name .. "_module", 1, true) then
      temp[#temp + 1] = name .. "_temp_path " .. launch.parameter(folder .. "/" .. name) .. ";"
    end
  end
  return table.concat({
    options.nginx.modules,
    "daemon " .. (options.daemon and "on" or "off") .. ";",
    options.workers and "worker_processes " .. options.workers .. ";" or "master_process off;",
    "pid " .. launch.parameter(folder .. "/nginx.pid") .. ";",
    "error_log " .. (options.error_log or launch.parameter(folder .. "/error.log") .. " notice")
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
  return launch.quote(nginx.binary) .. " -p " .. launch.quote(folder .. "/") .. " -c " ..
    launch.quote(folder .. "/nginx.conf")
end

--- Starts nginx in the background. It listens when this returns: nginx binds before it detaches.
---@param nginx table from `find`
---@param folder string
---@param conf string from `conf`, with daemon = true
---@return integer|nil pid
---@return string|nil message what nginx said
function launch.start(nginx, folder, conf)
  launch.write(folder .. "/nginx.conf", conf)
  local said = folder .. "/start.log"
  if not launch.execute(command(nginx, folder) .. " >" .. launch.quote(said) .. " 2>&1") then
    return nil, launch.read(said)
  end
  for _ = 1, 500 do
    local pid = tonumber(launch.read(folder .. "/nginx.pid") or "")
    if pid then return math.floor(pid) end
    launch.execute("sleep 0.01")
  end
  return nil, "nginx wrote no pid file within 5 seconds"
end

-- `lua` notices a signal only between two of its own instructions, where it raises an error:
-- nginx's lines, of which one comes every fifth of a second, give it that chance.
local function pass_on(pipe, say)
  for line in pipe:lines() do
    if line ~= "" then say(line) end
  end
end

-- Does something in spite of the signal, which may come late but raises no second error.
local function surely(action, ...)
  local _, done = pcall(pcall, action, ...)
  if done ~= true then action(...) end
end

--- Runs nginx until it ends, by itself or by ^C, here or there, and removes its folder.
---@param nginx table from `find`
---@param folder string
---@param conf string from `conf`; nginx must print an empty line every now and then
---@param say fun(line: string) is given the other lines that nginx prints
---@return boolean succeeded whether it came so far as to print one of those
function launch.foreground(nginx, folder, conf, say)
  launch.write(folder .. "/nginx.conf", conf)
  local pipe, announced = assert(io.popen("exec " .. command(nginx, folder), "r")), false
  -- The signal comes as an error or, where it also breaks off the read, as a second one after it.
  local _, ended = pcall(pcall, pass_on, pipe, function(line)
    announced = true
    say(line)
  end)
  surely(function() -- each step may be done twice
    local pid = tonumber(launch.read(folder .. "/nginx.pid") or "")
    if ended ~= true and pid then launch.stop(math.floor(pid)) end
    if io.type(pipe) == "file" then pipe:close() end
    launch.remove(folder)
  end)
  return announced
end

--- Whether a process runs; one that has ended and is only not yet reaped does not.
---@param pid integer
---@return boolean
function launch.alive(pid)
  local stat = launch.read(("/proc/%d/stat"):format(pid))
  if stat then return not stat:find("%) Z") end
  return launch.execute(("kill -0 %d 2>/dev/null"):format(pid))
end

--- Ends a process: politely, and by force when it is still there after five seconds.
---@param pid integer
function launch.stop(pid)
  launch.execute(("kill -TERM %d 2>/dev/null"):format(pid))
  for _ = 1, 500 do
    if not launch.alive(pid) then return end
    launch.execute("sleep 0.01")
  end
  launch.execute(("kill -KILL %d 2>/dev/null"):format(pid))
end

return launch
