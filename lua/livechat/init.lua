-- SPDX-License-Identifier: MIT
--- LiveChat helpdesk automation: the public face.
local client = require "livechat.client"
local core = require "livechat.core"
local errors = require "livechat.errors"
local gather = require "livechat.call.gather"
local throttle = require "livechat.throttle"

local livechat = {}

-- The one place of the version: the rockspec, the Debian package and opm take it from this line.
livechat._VERSION = "0.2.0"

-- The dialects that an API consists of, the account's own first. What a program does not use is not
-- loaded.
local APIS = {
  v2 = { "livechat.api.v2" },
  v3 = { "livechat.api.v3", "livechat.api.helpdesk" },
}
local NAMES = {}
for name in pairs(APIS) do NAMES[#NAMES + 1] = name end
table.sort(NAMES)
local loaded = {}

local function dialects_of(api)
  if not APIS[api] then
    errors.raise_argument("api", "livechat.new", "'" .. table.concat(NAMES, "' or '")
      .. "' expected")
  end
  if not loaded[api] then
    local list = {}
    for i, name in ipairs(APIS[api]) do list[i] = require(name) end
    loaded[api] = list
  end
  return loaded[api]
end

-- Whether dialects have a resource or, of that, a method.
local function have(dialects, resource, method)
  for _, dialect in ipairs(dialects) do
    local rows = dialect.resources[resource]
    if rows and not method then return true end
    for _, row in ipairs(rows or {}) do
      local walks = row.walk and (method == "each" or method == "watch" and row.moments)
      if row.name == method or walks then
        return true
      end
    end
  end
  return false
end

-- Raises where another API has what a client's own has not.
local function raise_lacking(api, resource, method)
  for _, other in ipairs(NAMES) do
    if other ~= api and have(dialects_of(other), resource, method) then
      errors.raise(("client.%s%s is of API %s; this client speaks %s (option 'api')"):format(
        resource, method and ":" .. method or "", other, api))
    end
  end
end
-- Loaded when they are asked for: most programs name their credentials.
local SOURCES = {
  getenv = function(name) return os.getenv(name) end,
  secret = function(path) return require "livechat.credentials".secret(path) end,
  login = function() return require "livechat.credentials".profile(os.getenv) end,
  not_file = function(path) return require "livechat.credentials".not_file(path) end,
}

-- The API whose method of that name has a field, where a client's own has it not.
local function knowing(api, fname, field)
  local knows = require "livechat.api.check".knows
  local resource, name = fname:match("^([%w_]+):([%w_]+)$")
  for _, other in ipairs(NAMES) do
    for _, dialect in ipairs(other ~= api and dialects_of(other) or {}) do
      for _, row in ipairs(dialect.resources[resource] or {}) do
        local same = row.name == name or row.walk and name == "each"
        if same and knows(row.fields or row.query or {}, field) then
          return { other = other, own = api }
        end
      end
    end
  end
end

-- The methods, and the rows that they are made of, are more than half of the library: they are
-- loaded when a program first uses one.
local function attach(...)
  return require "livechat.api.methods".attach(...)
end

-- livechat:new{…} would take the module for the options.
local function refuse_colon(first, name)
  if first == livechat then
    errors.raise("'livechat:" .. name .. "' is called with a colon: write livechat." .. name)
  end
end

--- A client of one account. What is missing comes from LIVECHAT_USERNAME, LIVECHAT_API_KEY,
--- LIVECHAT_ACCESS_TOKEN, LIVECHAT_BASE_URL, LIVECHAT_API and the like, and then from the file that
--- `livechat login` wrote. A wrong option raises; a throttle that cannot be shared (another process
--- set other limits) gives nil and an error.
---@param options? livechat.Options
---@return livechat.Client|nil client
---@return livechat.Error|nil err
function livechat.new(options)
  refuse_colon(options, "new")
  local made, err = client.new(options or {}, {
    dialects = dialects_of, lacks = raise_lacking, knowing = knowing, attach = attach,
    sources = SOURCES,
    user_agent = "livechat-lua/" .. livechat._VERSION,
  })
  return made, err
end

--- A throttle that clients, processes or machines share: see docs/throttle.md.
---@param options livechat.ThrottleOptions
---@return table|nil throttle
---@return livechat.Error|nil err
function livechat.throttle(options)
  refuse_colon(options, "throttle")
  local made, err = throttle.new(options, "livechat.throttle")
  return made, err
end

-- What tells the deliveries of every API apart.
local event_dialects

local function make_event_dialects()
  local event, list = require "livechat.events.event", {}
  for _, api in ipairs(NAMES) do
    for _, dialect in ipairs(dialects_of(api)) do
      list[#list + 1] = dialect.events and event.dialect(dialect) or nil
    end
  end
  return list
end

--- What receives the service's webhooks: `receiver:on(type, handler)`, then `receiver:handle(body,
--- headers)` for each delivery. Needs a token or credentials to know the service by.
---@param options livechat.ReceiverOptions
---@return livechat.Receiver
function livechat.receiver(options)
  refuse_colon(options, "receiver")
  event_dialects = event_dialects or make_event_dialects()
  local bare = {} -- clients for the calls of events that bring their own key, by their API
  local function connect(token, api)
    bare[api] = bare[api] or livechat.new { access_token = token, api = api }
    return bare[api]
  end
  local made = require "livechat.events.receiver".new(options, event_dialects, connect)
  return made
end

--- A durable queue for a receiver's events: a folder, or a stream of a Redis server.
---@param options string|livechat.InboxOptions the folder's path, or a table
---@return livechat.Inbox
function livechat.inbox(options)
  refuse_colon(options, "inbox")
  local made = require "livechat.events.inbox".new(options, "livechat.inbox")
  return made
end

--- Runs `fn(item, index)` for each item, up to `concurrency` (16) at a time; the client's calls
--- inside overlap: see call/gather.lua.
---@generic T
---@param items T[]
---@param fn fun(item: T, index: integer): ...
---@param options? { concurrency?: integer }
---@return { [integer]: any, n: integer }[] results in the order of the items
function livechat.gather(items, fn, options)
  refuse_colon(items, "gather")
  return gather(items, fn, options)
end

--- Gives back what it is given, as `assert` does, or raises `err` where the value is nil or false:
--- the error object where the program can show one, else (in nginx, under resty, on Lua 5.1 and
--- 5.2) its text with the caller's line before it.
---@generic T
---@param value T|nil
---@param err? livechat.Error|string
---@return T value
---@return any ... the rest
function livechat.check(value, err, ...)
  refuse_colon(value, "check")
  return errors.check(value, err, ...)
end

--- Epoch seconds of a timestamp in any form of the wire.
---@param timestamp string|number
---@return number|nil seconds nil where it cannot be read
function livechat.time(timestamp)
  refuse_colon(timestamp, "time")
  if type(timestamp) ~= "string" and type(timestamp) ~= "number" then
    errors.raise_argument("timestamp", "livechat.time", "string expected, got " .. type(timestamp))
  end
  return core.time(timestamp)
end

--- The library's one text form, `yyyy-MM-ddTHH:mm:ss.fffZ`, of epoch seconds.
---@param seconds number
---@return string|nil timestamp nil outside the years 1 to 9999
function livechat.timestamp(seconds)
  refuse_colon(seconds, "timestamp")
  if type(seconds) ~= "number" then
    errors.raise_argument("seconds", "livechat.timestamp", "number expected, got " .. type(seconds))
  end
  -- Beyond the year 5000 the core, which reads what comes from the wire, takes it for milliseconds.
  return core.timestamp(math.abs(seconds) < 1e11 and seconds or seconds * 1000.0)
end

return livechat
