-- SPDX-License-Identifier: MIT
--- LiveChat helpdesk automation: the public face.
local client = require "livechat.client"
local core = require "livechat.core"
local errors = require "livechat.errors"
local gather = require "livechat.call.gather"
local resources = require "livechat.api.methods"
local throttle = require "livechat.throttle"
local v2 = require "livechat.api.v2"

local livechat = {
  _VERSION = "0.1.0",
  gather = gather,
}

--- A client of one account. What is missing comes from LIVECHAT_USERNAME, LIVECHAT_API_KEY,
--- LIVECHAT_ACCESS_TOKEN and LIVECHAT_BASE_URL. A wrong option raises; a throttle that cannot be
--- shared (another process set other limits) gives nil and an error.
---@param options? livechat.Options
---@return livechat.Client|nil client
---@return livechat.Error|nil err
function livechat.new(options)
  local made, err = client.new(options or {}, {
    api = v2, resources = resources, getenv = os.getenv,
    user_agent = "livechat-lua/" .. livechat._VERSION,
  })
  return made, err
end

--- A throttle that clients, processes or machines share: see the README, "Throttle".
---@param options livechat.ThrottleOptions
---@return table|nil throttle
---@return livechat.Error|nil err
function livechat.throttle(options)
  local made, err = throttle.new(options, "livechat.throttle")
  return made, err
end

-- What only some programs need is loaded when it is asked for.
local dialect

--- What receives the service's webhooks: `receiver:on(type, handler)`, then `receiver:handle(body,
--- headers)` for each delivery. Needs a token or credentials to know the service by.
---@param options livechat.ReceiverOptions
---@return livechat.Receiver
function livechat.receiver(options)
  dialect = dialect or require "livechat.events.event".dialect(require "livechat.api.v2.events", v2)
  local made = require "livechat.events.receiver".new(options, dialect)
  return made
end

--- A durable queue for a receiver's events: a folder, or a stream of a Redis server.
---@param options string|livechat.InboxOptions the folder's path, or a table
---@return livechat.Inbox
function livechat.inbox(options)
  local made = require "livechat.events.inbox".new(options, "livechat.inbox")
  return made
end

--- Epoch seconds of a timestamp in any form of the wire.
---@param timestamp string|number
---@return number|nil seconds nil where it cannot be read
function livechat.time(timestamp)
  if type(timestamp) ~= "string" and type(timestamp) ~= "number" then
    errors.argument("timestamp", "livechat.time", "string expected, got " .. type(timestamp), 2)
  end
  return core.time(timestamp)
end

--- The library's one text form, `yyyy-MM-ddTHH:mm:ss.fffZ`, of epoch seconds.
---@param seconds number
---@return string|nil timestamp nil outside the years 1 to 9999
function livechat.timestamp(seconds)
  if type(seconds) ~= "number" then
    errors.argument("seconds", "livechat.timestamp", "number expected, got " .. type(seconds), 2)
  end
  -- Beyond the year 5000 the core, which reads what comes from the wire, takes it for milliseconds.
  return core.timestamp(math.abs(seconds) < 1e11 and seconds or seconds * 1000.0)
end

return livechat
