-- SPDX-License-Identifier: MIT
--- nginx with the Lua module (OpenResty): its endpoint for webhooks, and what a program that may be
--- one of its workers asks. How calls wait there: call/wait_nginx.lua.
local nginx = {}

local ngx = rawget(_G, "ngx")

if not ngx then
  --- Whether this is a worker that is to end: a loop for ever must then leave it.
  ---@return boolean
  function nginx.exiting()
    return false
  end

  --- A line for the program's owner: nginx's error log, or stderr.
  ---@param text string
  function nginx.log(text)
    io.stderr:write(text, "\n")
  end

  --- Has nginx call a function later, in a light thread of its own.
  ---@param seconds number
  ---@param fn fun(exiting: boolean) true: the worker is to end, and it is called early
  ---@return boolean whether it will
  function nginx.after(seconds, fn) -- luacheck: ignore 212
    return false
  end
  return nginx
end

function nginx.exiting()
  return ngx.worker.exiting()
end

function nginx.after(seconds, fn)
  return ngx.get_phase() ~= "init" and ngx.timer.at(seconds, fn) ~= nil
end

local REQUEST = { rewrite = true, access = true, content = true }

-- To what is logged for a request nginx adds the request's line, in whose query a token may stand.
-- Such a line is logged by a timer, which has no request.
function nginx.log(text)
  if not REQUEST[ngx.get_phase()] or not ngx.var.args then
    ngx.log(ngx.ERR, text)
  elseif not nginx.after(0, function() ngx.log(ngx.ERR, text) end) then
    io.stderr:write(text, "\n") -- more timers wait than nginx allows
  end
end

local function answer(status, text)
  ngx.status = status
  ngx.header["Content-Type"] = "text/plain"
  ngx.header["Content-Length"] = #text
  ngx.print(text)
end

--- The body, also where nginx has put it into a file because it is larger than its buffer
--- (client_body_buffer_size): it was written just now, so that reading rarely waits for a disk.
local function read_body()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  if not path then
    return body or ""
  end
  local file = io.open(path, "rb")
  body = file and file:read("*a")
  if file then file:close() end
  return body
end

--- Answers one delivery: `content_by_lua_block { require("livechat.nginx").serve(receiver) }`.
--- Nothing here waits but the handlers, which yield, and with an inbox in a folder the light thread
--- for a disk's thread.
---@param receiver livechat.Receiver
function nginx.serve(receiver)
  if ngx.req.get_method() ~= "POST" then
    ngx.header["Allow"] = "POST"
    return answer(405, "only POST\n")
  elseif (tonumber(ngx.var.http_content_length) or 0) > receiver.max_body then
    ngx.req.discard_body()
    return answer(receiver:refuse_size())
  end
  local body = read_body()
  if not body then
    nginx.log("livechat: the file of a request's body could not be read")
    return answer(500, "the body could not be read\n")
  end
  local status, text = receiver:handle(body, { authorization = ngx.var.http_authorization },
    ngx.var.args)
  if status == 401 and receiver.basic then
    ngx.header["WWW-Authenticate"] = 'Basic realm="livechat"'
  end
  answer(status, text)
end

return nginx
