-- SPDX-License-Identifier: MIT
--- The options of livechat.new: what they are, checked by name, completed from the environment and
--- with defaults. A mistake raises: it is the programmer's. Pure but for `getenv`, an argument.
local errors = require "livechat.errors"
local schema = require "livechat.api.check"

---@class livechat.Options
---@field username? string the account's e-mail address
---@field api_key? string API key or personal access token, sent as HTTP Basic
---@field access_token? string instead of the two: OAuth bearer; `dal:` or `fra:` sets X-Region
---@field base_url? string default "https://api.livechatinc.com"
---@field timeout? number seconds for an attempt, default 30
---@field connect_timeout? number seconds, default 10
---@field deadline? number seconds for a whole call: throttle, attempts and backoff together
---@field retry? { attempts?: integer, base?: number, cap?: number }|false default 4, 0.5 s, 30 s
---@field throttle? table|false limits or a throttle; default 100 calls in 60 seconds
---@field verify? boolean the peer's certificate, default true
---@field ca_file? string PEM bundle instead of the system's
---@field proxy? string default: none, whatever the environment says
---@field user_agent? string
---@field max_response? integer bytes of a decoded body, default 64 MiB
---@field reconcile? number|false seconds to look for a ticket whose answer was lost, default 30
---@field on_wait? fun(seconds: number) a call is about to wait for the throttle or a retry
---@field on_attempt? fun(info: table) method, path, status or error, seconds, attempt
---@field on_notice? fun(text: string) once for an endpoint that the service calls deprecated
---@field wait? fun(fd: integer, seconds: number) another event loop's way to wait

local FNAME = "livechat.new"

local DEFAULTS = {
  timeout = 30, connect_timeout = 10, max_response = 64 * 2 ^ 20, reconcile = 30,
}
local RETRY_DEFAULTS = { attempts = 4, base = 0.5, cap = 30 }

local function of_type(expected)
  return function(value)
    return type(value) == expected, expected .. " expected, got " .. type(value)
  end
end

local function seconds(value)
  return type(value) == "number" and value > 0 and value < math.huge, "seconds above 0 expected"
end

local function credential(value)
  if type(value) ~= "string" then
    return false, "string expected, got " .. type(value)
  end
  return value ~= "" and not value:find("%c"), "must not be empty or hold control characters"
end

local function one_line(value)
  if type(value) ~= "string" then
    return false, "string expected, got " .. type(value)
  end
  return value ~= "" and not value:find("%c"), "must be one line of text"
end

local function proxy(value)
  if type(value) ~= "string" then
    return false, "string expected, got " .. type(value)
  end
  return not value:find("%c"), "must not hold control characters" -- empty: none at all
end

local function whole(value)
  return type(value) == "number" and value >= 1 and value % 1 == 0, "a whole number from 1 expected"
end

local function table_or_false(value)
  return type(value) == "table" or value == false, "table or false expected, got " .. type(value)
end

local function is_throttle(value)
  local fine, reserve = pcall(function() return value.reserve end)
  return fine and type(reserve) == "function"
end

local function throttle(value)
  return type(value) == "userdata" and is_throttle(value) or table_or_false(value),
    "a throttle, limits or false expected"
end

local function seconds_or_false(value)
  return value == false or (type(value) == "number" and value >= 0 and value < math.huge),
    "seconds or false expected"
end

local OPTIONS = {
  username = credential, api_key = credential, access_token = credential,
  base_url = one_line, timeout = seconds, connect_timeout = seconds, deadline = seconds,
  retry = table_or_false, throttle = throttle, verify = of_type("boolean"),
  ca_file = one_line, proxy = proxy, user_agent = one_line, max_response = whole,
  reconcile = seconds_or_false, on_wait = of_type("function"), on_attempt = of_type("function"),
  on_notice = of_type("function"), wait = of_type("function"),
}

local RETRY = {
  attempts = whole,
  base = function(value)
    return type(value) == "number" and value >= 0 and value < math.huge, "seconds from 0 expected"
  end,
  cap = seconds,
}

local ENVIRONMENT = {
  username = "LIVECHAT_USERNAME", api_key = "LIVECHAT_API_KEY",
  access_token = "LIVECHAT_ACCESS_TOKEN", base_url = "LIVECHAT_BASE_URL",
}

local function check(known, options, prefix)
  for name, value in pairs(options) do
    local test = known[name]
    if not test then
      local problem = schema.unknown(name, known, "option")
      errors.raise_argument(prefix .. tostring(name), FNAME, problem)
    end
    local fine, expected = test(value)
    if not fine then
      errors.raise_argument(prefix .. name, FNAME, expected)
    end
  end
end

local function from_environment(options, getenv)
  local filled = {}
  for name, value in pairs(options) do
    filled[name] = value
  end
  local function fill(name)
    local value = getenv(ENVIRONMENT[name])
    if filled[name] == nil and value ~= "" then
      filled[name] = value
    end
  end
  fill("base_url")
  if options.access_token == nil then
    fill("username")
    fill("api_key")
    if not (filled.username and filled.api_key) and not (options.username or options.api_key) then
      fill("access_token")
    end
    if filled.access_token then -- one of the two alone, in the environment, is of no use
      filled.username, filled.api_key = nil, nil
    end
  end
  return filled
end

local function complete(options)
  if options.access_token and options.api_key then
    errors.raise_argument("access_token", FNAME, "either this or username and api_key")
  end
  if not options.access_token then
    for _, name in ipairs { "username", "api_key" } do
      if not options[name] then
        errors.raise_argument(name, FNAME, "missing, and " .. ENVIRONMENT[name] .. " is not set")
      end
    end
  end
end

local function with_defaults(given, defaults)
  for name, value in pairs(defaults) do
    if given[name] == nil then
      given[name] = value
    end
  end
  return given
end

--- The options as they hold. Raises where one is wrong, misspelt or missing.
---@param given livechat.Options
---@param getenv fun(name: string): string|nil
---@return livechat.Options
local function resolve(given, getenv)
  if type(given) ~= "table" then
    errors.raise_argument("options", FNAME, "table expected, got " .. type(given))
  end
  check(OPTIONS, given, "")
  local options = from_environment(given, getenv)
  check(OPTIONS, options, "")
  complete(options)
  if options.retry ~= false then
    check(RETRY, options.retry or {}, "retry.")
    local retry = {}
    for name, value in pairs(options.retry or {}) do
      retry[name] = value
    end
    options.retry = with_defaults(retry, RETRY_DEFAULTS)
  end
  return with_defaults(options, DEFAULTS)
end

return { resolve = resolve }
