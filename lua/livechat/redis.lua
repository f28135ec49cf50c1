-- SPDX-License-Identifier: MIT
--- One way to talk to Redis over the two clients that Lua programs have: redis-lua
--- (`require "redis"`) and lua-resty-redis (`resty.redis`, Debian's `nginx.redis`).
---
--- A connection is either the client's object, used as it is for as long as it lives, or a
--- function that makes one. The function is what lets a lost connection be made anew, and in nginx,
--- where a connection belongs to one request, it is the only thing that works:
---
---   redis = function() return require("redis").connect("127.0.0.1", 6379) end
---
---   redis = function()
---     local connection = require("resty.redis"):new()
---     connection:set_timeout(1000)
---     assert(connection:connect("127.0.0.1", 6379))
---     return connection
---   end
---
--- A connection that a function made is kept by this process for the next command. One that has a
--- `set_keepalive` goes to nginx's pool after each command, and the function gets it from there.
local core = require "livechat.core"
local describe = require "livechat.text".describe

local redis = {}

local unpack = table.unpack or unpack

-- By the function that made the connection: { pid=, connection= }.
local kept = setmetatable({}, { __mode = "k" })
local digests = {} -- by script: what EVALSHA calls it, the same on every server

---@alias livechat.Redis table|fun(): table|nil, string|nil

-- ---- one command on one connection ----------------------------------------------------------

local function word(value)
  if type(value) == "number" then
    return (value % 1 == 0 and "%.0f" or "%.17g"):format(value)
  end
  return tostring(value)
end

--- The protocol's form without its last line end, which redis-lua adds.
local function encode(words)
  local lines = { "*" .. #words }
  for _, text in ipairs(words) do
    lines[#lines + 1] = "$" .. #text
    lines[#lines + 1] = text
  end
  return table.concat(lines, "\r\n")
end

--- An error without the place in the client's source.
local function what_failed(raised)
  return (describe(raised):gsub("^[^\n]-:%d+: ", ""))
end

--- What the two clients have different names for: null, and the status "OK".
local function plain(value)
  if type(value) == "userdata" then
    return nil
  elseif value == true then
    return "OK"
  elseif type(value) == "table" then
    for i, item in pairs(value) do
      value[i] = plain(item)
    end
  end
  return value
end

local function over_redis_lua(connection, words)
  local fine, value = pcall(connection.raw_cmd, connection, encode(words))
  if fine then
    return plain(value)
  end
  local said = describe(value):match("redis error: (.*)")
  if said then
    return nil, said
  end
  -- An answer that comes late must not be taken for that of the next command.
  pcall(function() connection.network.socket:close() end)
  return nil, what_failed(value), true
end

local function over_resty_redis(connection, words)
  local method = connection[words[1]:lower()]
  local fine, value, text = pcall(method, connection, unpack(words, 2))
  if not fine then
    return nil, what_failed(value), true
  elseif value == nil then
    return nil, text, true
  elseif value == false then
    return nil, text
  end
  return plain(value)
end

local function exchange(connection, words)
  -- lua-resty-redis has a method of every name, but no table.
  if type(connection.network) == "table" then
    return over_redis_lua(connection, words)
  end
  return over_resty_redis(connection, words)
end

-- ---- connections that a function makes -------------------------------------------------------

local function make(source)
  local fine, connection, text = pcall(source)
  if not fine then
    return nil, what_failed(connection)
  elseif not connection then
    return nil, text and describe(text) or "the function made no connection"
  end
  return connection
end

local function is_pooled(connection)
  return type(connection.network) ~= "table"
end

--- Uses the kept connection or makes one.
---@return any value
---@return string|nil text
---@return boolean|nil lost
---@return boolean|nil old the connection was not new: making another may help
local function through(source, words)
  local entry = kept[source]
  local old = entry ~= nil and entry.pid == core.pid() -- a forked child makes its own
  local connection, problem
  if old then
    connection = entry.connection
  else
    connection, problem = make(source)
    if not connection then
      return nil, problem, true
    end
    old = is_pooled(connection) and (connection:get_reused_times() or 0) > 0
  end
  local value, text, lost = exchange(connection, words)
  if is_pooled(connection) then
    pcall(lost and connection.close or connection.set_keepalive, connection)
  else
    kept[source] = not lost and { pid = core.pid(), connection = connection } or nil
  end
  return value, text, lost, old
end

--- Performs one command. Over a function's connection that turns out to be lost it is sent once
--- more, over a new one: the server may then have acted twice.
---@param connection livechat.Redis
---@param name string
---@param ... string|number
---@return any value string, integer, list or nil; a null inside a list is a hole
---@return string|nil text what went wrong: what Redis said, or how the connection was lost
---@return boolean|nil lost true where there was no answer
function redis.command(connection, name, ...)
  local words = { name, ... }
  for i = 2, select("#", ...) + 1 do
    words[i] = word(words[i])
  end
  if type(connection) ~= "function" then
    return exchange(connection, words)
  end
  local value, text, lost, old = through(connection, words)
  if lost and old then
    value, text, lost = through(connection, words)
  end
  return value, text, lost
end

--- Runs a script, which the server knows from the second time on: one round trip.
---@param connection livechat.Redis
---@param script string
---@param keys string[]
---@param args (string|number)[]
---@return any value as `redis.command`
---@return string|nil text
---@return boolean|nil lost
function redis.eval(connection, script, keys, args)
  if not digests[script] then
    local digest, text, lost = redis.command(connection, "SCRIPT", "LOAD", script)
    if not digest then
      return nil, text, lost
    end
    digests[script] = digest
  end
  local rest = { #keys }
  for _, key in ipairs(keys) do
    rest[#rest + 1] = key
  end
  for _, arg in ipairs(args) do
    rest[#rest + 1] = arg
  end
  local value, text, lost = redis.command(connection, "EVALSHA", digests[script], unpack(rest))
  if text and not lost and text:find("^NOSCRIPT") then
    return redis.command(connection, "EVAL", script, unpack(rest))
  end
  return value, text, lost
end

--- Closes the connection that a function made; the next command makes another.
---@param source livechat.Redis
function redis.close(source)
  local entry = kept[source]
  kept[source] = nil
  if entry and entry.pid == core.pid() then
    pcall(function() entry.connection.network.socket:close() end)
  end
end

return redis
