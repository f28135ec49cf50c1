-- SPDX-License-Identifier: MIT
-- What a service can be told, at its start or, where it makes sense, while it runs.
local views = require "livechat.sandbox.v2.views"
local faults = require "livechat.sandbox.faults"
local Chats = require "livechat.sandbox.chats"
local today = require "livechat.sandbox.today"
local zones = require "livechat.sandbox.zones"

local options = {}

local MOST_TICKETS = 1000000

local function kind(expected)
  return function(value)
    return type(value) == expected, "must be a " .. expected
  end
end

local function at_least(least)
  return function(value)
    return type(value) == "number" and value >= least, "must be a number from " .. least
  end
end

local function either(a, b)
  return function(value)
    return value == a or value == b, ("must be %q or %q"):format(a, b)
  end
end

local function fault_texts(value)
  for _, text in ipairs(type(value) == "table" and value or { value }) do
    local _, message = faults.parse(text)
    if message then return false, "is wrong: " .. message end
  end
  return true
end

--- How many tickets there may be at first.
---@return boolean right
---@return string message
function options.seed(value)
  return at_least(0)(value) and value <= MOST_TICKETS, "must be a number to " .. MOST_TICKETS
end

-- name = { default, check, may be changed while the service runs }
local KNOWN = {
  username = { "john.doe@example.com", kind "string" },
  api_key = { "0123456789abcdef0123456789abcdef", kind "string" },
  account_id = { "3b9d6c2e-5f0a-4c1d-8e7b-0a1b2c3d4e5f", kind "string" },
  access_token = { "dal:0123456789abcdef0123456789abcdef", kind "string" },
  client_id = { "5a0c1d2e3f405162738495a6b7c8d9e0", kind "string" },
  client_secret = { "f1e2d3c4b5a697887960514233241506", kind "string" },
  public_client_id = { "0d9c8b7a695847362514039f8e7d6c5b", kind "string" },
  region = { nil, kind "string", true },
  seats = { nil, at_least(1), true },
  today = { {}, today.check, true },
  license_id = { 1520, at_least(1) },
  token = { nil, kind "string" },
  seed = { 0, options.seed },
  chats = { 60, function(value)
    return at_least(0)(value) and value <= Chats.MOST, "must be a number to " .. Chats.MOST
  end },
  history_ends = { 1767225600, at_least(0) }, -- 2026-01-01T00:00:00Z
  timezone = { "UTC", function(value)
    return zones.find(value) ~= nil, "must be the name of a time zone that this machine knows"
  end },
  random_seed = { 1, at_least(1) },
  fault = { nil, fault_texts },
  calls = { 100, function(value)
    return value == false or at_least(1)(value), "must be a number from 1, or false"
  end, true },
  period = { 60, at_least(0.001), true },
  retry_after = { true, kind "boolean", true },
  lag = { 0, at_least(0), true },
  update = { "apply", either("apply", "ignore"), true },
  wrapper = { false, kind "boolean", true },
  variants = { "docs", function(value)
    return views.known(value), "must be docs, objects, strings, php, gaps or mixed"
  end, true },
  errors = { "list", either("list", "text"), true },
  webhook_answer = { "all", either("all", "new"), true },
  speed = { 1, at_least(0.001), true },
  delivery_timeout = { 10, at_least(0.001), true },
}

--- Sets the options that are given, all or none.
---@param target table
---@param given table
---@param running boolean|nil only those that may change while the service runs
---@return string|nil message what was wrong
function options.set(target, given, running)
  for name, value in pairs(given) do
    local known = KNOWN[name]
    if not known or running and not known[3] then
      return "unknown option: " .. tostring(name)
    end
    local right, message = known[2](value)
    if not right then return "option " .. name .. " " .. message end
  end
  for name, value in pairs(given) do target[name] = value end
end

---@return table options every default
function options.defaults()
  local target = {}
  for name, known in pairs(KNOWN) do target[name] = known[1] end
  return target
end

---@return boolean
function options.known(name)
  return KNOWN[name] ~= nil
end

return options
