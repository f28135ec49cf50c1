-- SPDX-License-Identifier: MIT
--- `livechat listen`: an nginx in the foreground that receives webhooks for a file of handlers. One
--- part runs in the command's own Lua and looks after nginx, the other inside nginx.
local account = require "livechat.cli.account"
local core = require "livechat.core"
local display = require "livechat.cli.display"
local handlers = require "livechat.cli.handlers"
local json = require "livechat.json"
local process = require "livechat.nginx_process"
local livechat = require "livechat"
local text = require "livechat.text"

local listen = {}

local USER = "livechat-listen" -- in the URLs that are registered here

-- ---- inside nginx -----------------------------------------------------------------------------

local function short(value)
  local line = display.visible(text.one_line(tostring(value)))
  return #line > 120 and text.cut(line, 117) .. "..." or line
end

-- A member at the end of these names; nil where something on the way has an unforeseen form.
local function at(value, ...)
  for i = 1, select("#", ...) do
    local kind = type(value)
    value = (kind == "table" or kind == "userdata") and value[select(i, ...)] or nil
  end
  return (type(value) == "string" or type(value) == "number") and value or nil
end

--- What an event is about, on one line of a terminal.
---@param event livechat.Event
---@return string
function listen.describe(event)
  local words = { short(event.type) }
  local function add(value)
    words[#words + 1] = value and short(value) or nil
  end
  if event.ticket then
    add(at(event, "ticket", "id"))
    add(at(event, "ticket", "subject"))
    add(at(event, "ticket", "requester", "mail"))
  elseif event.canned_response then
    add(at(event, "canned_response", "id"))
    add(at(event, "canned_response", "text"))
  else
    add(at(event, "chat", "id"))
    add(at(event, "visitor", "name"))
    add(at(event, "visitor", "email") or at(event, "visitor", "id"))
  end
  return table.concat(words, "  ")
end

--- The line that is printed of an event.
---@param event livechat.Event
---@param as_json? boolean
---@return string
function listen.line(event, as_json)
  return as_json and display.json(event:raw())
    or livechat.timestamp(core.now()) .. "  " .. listen.describe(event)
end

local function announce(as_json)
  return function(event) print(listen.line(event, as_json)) end
end

-- In nginx `print` is a line of its log; a file of handlers means the terminal.
local function print_to_stdout(...)
  local words = {}
  for i = 1, select("#", ...) do
    words[i] = tostring((select(i, ...)))
  end
  io.stdout:write(table.concat(words, "\t"), "\n")
end

local function nothing() end

-- The handlers of the file; without one, an empty handler for each event that is wanted.
local function handlers_of(settings)
  if settings.handlers then return handlers.load(settings.handlers) end
  local found = {}
  for _, kind in ipairs(settings.events or { "*" }) do found[kind] = nothing end
  return found
end

-- Registers what sees every event, or those that were asked for.
local function each_event(receiver, events, handler)
  for _, kind in ipairs(events or { "*" }) do
    receiver:on(kind, handler, { allow_unknown = true })
  end
end

local NOT_HANDED_ON = "not handed on: "

local function unescape(value)
  return (value:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- The parts of a URL that events are handed on to.
---@param url string
---@return { origin: string, path: string, query: table<string, string> }|nil
---@return string|nil problem
function listen.target(url)
  local origin, path, query = url:match("^(%a+://[^/?#%s]+)([^?#%s]*)%??([^#%s]*)$")
  if not origin or not origin:lower():find("^https?:") then
    return nil, "must be an http or https URL"
  end
  local parts = { origin = origin, path = path == "" and "/" or path, query = {} }
  for pair in query:gmatch("[^&]+") do
    local name, value = pair:match("^([^=]*)=?(.*)$")
    name = unescape(name)
    if parts.query[name] then return nil, "names " .. name .. " twice" end
    parts.query[name] = unescape((value:gsub("+", " ")))
  end
  return parts
end

-- An event as the service sends it: with the token, which the receiver has taken out of it, where
-- the event's dialect has it.
local function as_it_came(event, dialects, token, query)
  local body, sent = event:raw(), {}
  for name, value in pairs(query) do sent[name] = value end
  for _, dialect in ipairs(token and dialects or {}) do
    if dialect.is(body) then
      local in_query = dialect.secret_in_query
      local place = in_query and sent or body
      place[in_query or dialect.secret] = token
      break
    end
  end
  return body, sent
end

-- Posts each event as it came. An answer that is no success is the handler's failure, so that the
-- service delivers the event again.
local function forward(url, dialects, token)
  local target = assert(listen.target(url))
  local client = assert(livechat.new { username = USER, api_key = "none", api = "v2",
    base_url = target.origin, throttle = false, retry = false })
  return function(event)
    local body, query = as_it_came(event, dialects, token, target.query)
    local answer, err = client:request { method = "POST", path = target.path, query = query,
      body = body }
    if not answer and not (err.status and err.status >= 200 and err.status < 300) then
      error(NOT_HANDED_ON .. tostring(err), 0)
    end
  end
end

-- Where an event was not handed on, no line of this program is to blame.
local function tell(line)
  io.stderr:write(line:find(NOT_HANDED_ON, 1, true) and line:match("^[^\n]*") or line, "\n")
end

--- Makes the receiver, which nginx's content handler then uses.
---@param path string what `run` has written
function listen.init(path)
  local settings = assert(json.decode(assert(process.read(path))))
  assert(os.remove(path)) -- it holds what the events are known by
  io.stdout:setvbuf("line")
  print = print_to_stdout -- luacheck: ignore 121
  local found, problem = handlers_of(settings)
  if not found then
    error(problem, 0)
  end
  listen.receiver = livechat.receiver {
    token = settings.token, basic_auth = settings.basic_auth,
    client = settings.account and account.quiet(os.getenv, settings.account) or nil,
    on_error = tell,
  }
  each_event(listen.receiver, settings.events, announce(settings.json))
  if settings.forward_to then
    each_event(listen.receiver, settings.events, forward(settings.forward_to,
      listen.receiver.dialects, settings.token and settings.token[1]))
  end
  local registered
  registered, problem = handlers.register(listen.receiver, found)
  if not registered then
    error(tostring(settings.handlers or "--events") .. ": " .. problem, 0)
  end
  listen.found, listen.folder = found, settings.folder
end

--- The registrations that lead to these handlers.
local function wanted(found, data_types)
  local list = json.array {}
  for _, kind in ipairs(handlers.kinds(found["*"] and data_types or found)) do
    if data_types[kind] then
      list[#list + 1] = { event_type = kind, data_types = data_types[kind] }
    end
  end
  return list
end

--- Tells the command that nginx answers, and what for.
function listen.init_worker()
  local data_types = listen.receiver.dialects[1].data_types
  process.write(listen.folder .. "/ready.tmp", json.encode(wanted(listen.found, data_types)))
  assert(os.rename(listen.folder .. "/ready.tmp", listen.folder .. "/ready"))
end

-- ---- the configuration ------------------------------------------------------------------------

-- A template of package.path or cpath for LuaJIT, which reads what is installed for Lua 5.1: the
-- version is changed only where the layout that all Luas share has it, right before the module.
local function for_luajit(template)
  local before, after = template:match("^(.*/lua/)5%.%d(/%?.*)$")
  return before and before .. "5.1" .. after
end

--- Templates for LuaJIT, as those of this Lua: what is built for one is beside what is built for
--- the others. This program's own modules come first, from where they were loaded.
---@param path string package.path
---@param cpath string package.cpath
---@return string path
---@return string cpath
function listen.paths(path, cpath)
  local lua, c = {}, {}
  local here = debug.getinfo(1, "S").source:match("^@(.*)livechat/cli/listen%.lua$")
  if here then lua = { here .. "?.lua", here .. "?/init.lua" } end
  for template in path:gmatch("[^;]+") do
    lua[#lua + 1] = for_luajit(template)
    lua[#lua + 1] = template -- most are written for every Lua
  end
  for template in cpath:gmatch("[^;]+") do
    local name = template:gsub("%?", "livechat/core")
    local before = name:match("^(.*/)5%.%d/livechat/core%.so$")
    if before and process.read(name) then table.insert(c, 1, before .. "5.1/?.so") end
    c[#c + 1] = for_luajit(template) or template
  end
  return table.concat(lua, ";"), table.concat(c, ";")
end

-- nginx hides its environment from what runs in it.
local function environment()
  local lines = {}
  for line in process.output("env"):gmatch("[^\n]+") do
    local name = line:match("^([%a_][%w_]*)=")
    lines[#lines + 1] = name and "env " .. name .. ";"
  end
  return table.concat(lines, "\n")
end

local function http_block(options, folder)
  return table.concat({
    "init_by_lua_file " .. process.parameter(folder .. "/init.lua") .. ";",
    'init_worker_by_lua_block { require("livechat.cli.listen").init_worker() }',
    "access_log off;",
    "server_tokens off;",
    "client_max_body_size 2m;",
    "client_body_buffer_size 1m;",
    "server {",
    ("listen %s:%d;"):format(options.host, options.port),
    "location / { content_by_lua_block {",
    'require("livechat.nginx").serve(require("livechat.cli.listen").receiver)',
    "} } }",
  }, "\n")
end

local function prepare(options, folder, nginx)
  local settings = {
    handlers = options.handlers, events = options.events, forward_to = options.forward_to,
    folder = folder, json = options.json, account = options.account,
    token = options.token or false, basic_auth = options.basic_auth,
  }
  process.write(folder .. "/settings.json", json.encode(settings))
  local path, cpath = listen.paths(package.path, package.cpath)
  process.write(folder .. "/init.lua", ([[
    package.path, package.cpath = %q .. package.path, %q .. package.cpath
    local fine, problem = pcall(require, "livechat.cli.listen")
    if not fine then
      error("nginx runs LuaJIT: livechat must be built for Lua 5.1 too\n" .. problem, 0)
    end
    problem.init(%q)
  ]]):format(path .. ";", cpath .. ";", folder .. "/settings.json"))
  return process.conf {
    nginx = nginx, folder = folder, http = http_block(options, folder), main = environment(),
    error_log = "stderr warn",
  }
end

-- ---- registering ------------------------------------------------------------------------------

--- A URL with credentials that the service will send along; those it has are kept.
---@return string url
---@return { user: string, password: string } basic_auth
function listen.with_credentials(url)
  local user, password = url:match("^%a+://([^/?#:@]*):([^/?#@]*)@")
  if user then
    return url, { user = unescape(user), password = unescape(password) }
  end
  local random = assert(io.open("/dev/urandom", "rb"))
  password = random:read(16):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
  random:close()
  return (url:gsub("^(%a+://)", "%1" .. USER .. ":" .. password .. "@", 1)),
    { user = USER, password = password }
end

local function without_credentials(url)
  return (url:gsub("^(%a+://)[^/?#@]*@", "%1", 1))
end

--- Removes what an earlier run left behind for this address, because it was killed outright.
local function remove_stale(client, url)
  local hooks, err = client.webhooks:list()
  for _, hook in ipairs(hooks or {}) do
    local ours = tostring(hook.url):find("://" .. USER .. ":", 1, true)
    if ours and without_credentials(hook.url) == without_credentials(url) then
      local removed
      removed, err = client.webhooks:delete(hook.id)
      err = not removed and err or nil
    end
  end
  return err
end

--- Registers the URL for each event. What was registered is in `ids`, also after a failure.
---@param list { event_type: string, data_types: string[] }[]
---@return livechat.Error|nil err
local function register(client, url, list, ids)
  local err = remove_stale(client, url)
  if err then
    return err
  end
  for _, each in ipairs(list) do
    local hook, problem = client.webhooks:create {
      event_type = each.event_type, data_types = each.data_types, url = url,
    }
    if not hook then
      return problem
    end
    ids[#ids + 1] = hook.id
  end
end

local function unregister(client, ids, say)
  for _, id in ipairs(ids) do
    local removed, err = client.webhooks:delete(id)
    if not removed then
      say("the webhook " .. id .. " was not removed: " .. tostring(err))
    end
  end
  if #ids > 0 then
    say("removed " .. #ids .. " webhooks")
  end
end

-- ---- running ----------------------------------------------------------------------------------

--- What `process.foreground` asks: whether nginx answers, and then whether all is registered.
---@return fun(): boolean|nil, string|nil
local function starter(folder, options, url, ids, say)
  return function()
    local ready = process.read(folder .. "/ready")
    if not ready then return false end
    say(("listening on http://%s:%d/"):format(options.host, options.port))
    local err = url and register(options.client, url, json.decode(ready), ids)
    if err then
      return nil, "not registered: " .. tostring(err)
    elseif url then
      say("registered " .. #ids .. " webhooks for " .. without_credentials(url))
    end
    return true
  end
end

---@class livechat.ListenOptions
---@field handlers? string a path
---@field events? string[] these alone
---@field forward_to? string a URL that gets each event
---@field host string
---@field port integer
---@field token? string[]
---@field basic_auth? { user: string, password: string }
---@field json boolean prints events as JSON
---@field register? string a URL that leads here
---@field client? livechat.Client for registering; the handlers have one of their own
---@field account? { profile?: string, api?: string } whose it is

--- Runs until nginx ends or a signal comes. What was registered is removed then.
---@param options livechat.ListenOptions
---@param say fun(text: string) tells the person at the terminal
---@return boolean|nil succeeded
---@return string|nil message
function listen.run(options, say)
  local nginx, message = process.find()
  if not nginx then
    return nil, message
  end
  local folder, ids, url = process.folder(), {}, options.register
  if url then
    url, options.basic_auth = listen.with_credentials(url)
  end
  local succeeded, problem = process.foreground(nginx, folder, prepare(options, folder, nginx),
    starter(folder, options, url, ids, say))
  unregister(options.client, ids, say)
  return succeeded, problem
end

return listen
