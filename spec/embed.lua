-- SPDX-License-Identifier: MIT
--- An nginx that has the client in it, for specs and benches: it runs what Lua it is sent.
local helper = require "spec.helper"
local process = require "livechat.nginx_process"

local embed = {}

local HTTP = [[
  access_log off;
  lua_package_path "$ROOT/lua/?.lua;$ROOT/lua/?/init.lua;;";
  lua_package_cpath "$ROOT/build/5.1/?.so;;";
  lua_shared_dict notes 1m;
  lua_check_client_abort on;
  keepalive_requests 1000000;
  init_by_lua_block {
    livechat = require "livechat"
    core, wait = require "livechat.core", require "livechat.call.wait"
    notes = ngx.shared.notes
    function pending() return wait.current().engine():pending() end
    function run()
      ngx.req.read_body()
      local fine, text = pcall(assert(loadstring(ngx.req.get_body_data())))
      if not fine then ngx.status = 500 end
      text = tostring(text)
      ngx.header["Content-Length"] = #text
      ngx.print(text)
    end
    $INIT
  }
  $HTTP
  server {
    listen 127.0.0.1:$PORT;
    location = /run { content_by_lua_block { run() } }
    location = /idle { return 204; }
    $SERVER
  }
]]

--- Children of a process, in the order of their ids.
---@param pid integer
---@return integer[]
function embed.children(pid)
  local list = {}
  for child in process.output("pgrep -P " .. pid .. " | sort -n"):gmatch("%d+") do
    list[#list + 1] = math.floor(tonumber(child))
  end
  return list
end

--- Starts it; `options` are those of helper.nginx and init=<Lua for init_by_lua, which sets
--- globals>, server=<text of the server block>, tmp=<TMPDIR of the workers>.
---@return table nginx that of helper.nginx, and run, workers, reload, complaints, tmp
function embed.start(options)
  local values = {
    ROOT = helper.root, INIT = options.init or "", HTTP = options.http or "",
    SERVER = options.server or "", PORT = "$PORT",
  }
  local tmp = options.tmp or helper.folder()
  local nginx = helper.nginx {
    workers = options.workers, before = options.before,
    main = "env TMPDIR=" .. tmp .. ";\n" .. (options.main or ""),
    http = HTTP:gsub("%$(%u+)", values),
  }
  nginx.tmp = tmp

  --- Runs a chunk of Lua in a request's content phase; gives what it returns, as text.
  function nginx.run(program, timeout)
    local response = assert(helper.http {
      port = nginx.port, method = "POST", path = "/run", body = program, timeout = timeout,
    })
    assert(response.status == 200, response.body)
    return response.body
  end

  --- Sends a request and does not wait for the answer, which the function that it gives reads.
  function nginx.begin(program)
    local connection = assert(helper.connect(nginx.port, 30))
    connection.sock:send(("POST /run HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" ..
      "Content-Length: %d\r\n\r\n%s"):format(#program, program))
    return function()
      local text, why, part = connection.sock:receive("*a")
      connection:close()
      text = text or part
      return tonumber(text:match("^HTTP/1.1 (%d+)")), text:match("\r\n\r\n(.*)$") or why
    end, connection
  end

  function nginx.workers()
    return embed.children(nginx.pid)
  end

  --- Reloads, and returns once no worker of before is left.
  function nginx.reload(seconds)
    local before = nginx.workers()
    helper.kill(nginx.pid, "HUP")
    helper.wait_until(function()
      for _, pid in ipairs(before) do
        if helper.alive(pid) then return false end
      end
      return #nginx.workers() == #before
    end, seconds or 20, "the workers of before to exit")
  end

  --- Lines of the error log that are worse than a notice.
  function nginx.complaints()
    local list = {}
    for line in helper.read(nginx.log):gmatch("[^\n]+") do
      if line:find("%[warn%]") or line:find("%[error%]") or line:find("%[crit%]")
        or line:find("%[alert%]") or line:find("%[emerg%]") or line:find("exited on signal") then
        list[#list + 1] = line
      end
    end
    return list
  end

  function nginx.leftovers()
    return process.output("ls -A " .. process.quote(tmp))
  end

  return nginx
end

return embed
