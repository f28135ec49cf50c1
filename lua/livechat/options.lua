-- SPDX-License-Identifier: MIT
--- Options in one table, checked by name: the one checker of every public function, the tests that
--- they share, and livechat.new's own options. Pure but for the sources of what is missing, which
--- are arguments.
local errors = require "livechat.errors"

local options = {}

-- Did you mean --------------------------------------------------------------------------------

-- Steps from one text to another: a letter more, less, other, or two swapped.
local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do
    rows[0][j] = j
  end
  for i = 1, #a do
    rows[i] = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1,
        rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, rows[i - 2][j - 2] + 1)
      end
      rows[i][j] = best
    end
  end
  return rows[#a][#b]
end

local LONGEST_NAME = 40 -- what is longer is no slip of the finger, and takes long to compare

--- The known name that is meant, where one is near: a letter or two away, or the same within an
--- object ("mail" for "requester.mail").
---@param name any
---@param names string[]
---@return string|nil
function options.nearest(name, names)
  if type(name) ~= "string" or #name > LONGEST_NAME then return nil end
  local nearest, steps
  for _, candidate in ipairs(names) do
    local d = math.min(distance(name:lower(), candidate),
      distance(name:lower(), candidate:match("[^.]*$")))
    if not steps or d < steps or d == steps and candidate < nearest then
      nearest, steps = candidate, d
    end
  end
  return steps and steps <= math.max(1, math.floor(#name / 3)) and nearest or nil
end

--- "is no option", with the name that is meant where one is near.
---@param name any
---@param names string[] those that there are
---@param what? string default "option"
---@param prefix? string of the path at which the names stand
---@return string
function options.unknown(name, names, what, prefix)
  local nearest = options.nearest(name, names)
  return "is no " .. (what or "option")
    .. (nearest and "; did you mean '" .. (prefix or "") .. nearest .. "'?" or "")
end

-- Tests of values: whether it is fine, and what was expected ------------------------------------

local is = {}
options.is = is

local function is_number(value)
  return type(value) == "number" and value == value and value < math.huge
end

function is.above_0(value)
  return is_number(value) and value > 0, "a number above 0 expected"
end

function is.seconds(value)
  return is_number(value) and value > 0, "seconds above 0 expected"
end

function is.seconds_from_0(value)
  return is_number(value) and value >= 0, "seconds from 0 expected"
end

function is.whole(value)
  return is_number(value) and value >= 1 and value % 1 == 0, "a whole number from 1 expected"
end

--- A test for a type of Lua's.
---@param name string
function is.type(name)
  return function(value) return type(value) == name, name .. " expected, got " .. type(value) end
end

--- A test for a text that is not empty and has no control characters.
---@param expected string what is said of one that does not do
function is.line(expected)
  return function(value)
    if type(value) ~= "string" then return false, "string expected, got " .. type(value) end
    return value ~= "" and not value:find("%c"), expected
  end
end

--- A test for the path of a file or folder.
---@param expected string
function is.path(expected)
  return function(value)
    return type(value) == "string" and value ~= "" and not value:find("%z"), expected
  end
end

--- "0660" and the like: see options.permissions.
function is.permissions(value)
  return type(value) == "string" and value:find("^0?[0-7][0-7][0-7]$") ~= nil,
    'octal permission bits in a string expected, like "0660"'
end

--- A connection to a Redis server: see redis.lua.
function is.redis(value)
  return type(value) == "function" or type(value) == "table" and type(value.raw_cmd) == "function",
    "a connection, or a function that makes one, expected"
end

-- Checking --------------------------------------------------------------------------------------

---@alias livechat.OptionTest fun(value: any): boolean, string
---@class livechat.OptionRule
---@field [1] livechat.OptionTest
---@field with? string the option without which this one means nothing
---@field without? string the option beside which it must not stand

local function problem_of(rule, value, given)
  if type(rule) == "function" then rule = { rule } end
  if rule.with and given[rule.with] == nil then return "only with " .. rule.with end
  if rule.without and given[rule.without] ~= nil then return "either this or " .. rule.without end
  local fine, expected = rule[1](value)
  return not fine and expected or nil
end

--- Looks at a table of options.
---@param rules table<string, livechat.OptionTest|livechat.OptionRule> by the option's name
---@param given any
---@param prefix? string of the names in the answer: "retry."
---@return string|nil name of an option at fault, the first by its name
---@return string|nil problem
function options.check(rules, given, prefix)
  if type(given) ~= "table" then
    return prefix and prefix:sub(1, -2) or "options", "table expected, got " .. type(given)
  end
  local at_fault, problem
  for name, value in pairs(given) do
    local rule = rules[name]
    local wrong = rule and problem_of(rule, value, given)
    if not rule then
      local names = {}
      for known in pairs(rules) do names[#names + 1] = known end
      wrong = options.unknown(name, names, "option", prefix)
    end
    if wrong and (not at_fault or tostring(name) < at_fault) then
      at_fault, problem = tostring(name), wrong
    end
  end
  if not at_fault then return nil end
  return (prefix or "") .. at_fault, problem
end

--- The same for a public function: raises where an option is wrong.
---@param rules table
---@param given any
---@param fname string the function, as its caller writes it
---@param prefix? string
function options.must_fit(rules, given, fname, prefix)
  local name, problem = options.check(rules, given, prefix)
  if name then errors.raise_argument(name, fname, problem) end
end

-- livechat.new's options ------------------------------------------------------------------------

---@class livechat.Options
---@field username? string the account's e-mail address
---@field api_key? string API key or personal access token, sent as HTTP Basic
---@field api_key_file? string a file that holds the API key, and that others may not read
---@field access_token? string instead of the two: OAuth bearer; `dal:` or `fra:` sets X-Region
---@field oauth? livechat.OAuthOptions instead of the two: an access token that is renewed
---@field api? "v2"|"v3" which of the service's APIs; default "v2"
---@field access_token_file? string a file that holds the access token
---@field base_url? string default "https://api.livechatinc.com"
---@field helpdesk_url? string default "https://api.helpdesk.com"; of "v3"
---@field accounts_url? string default "https://accounts.livechat.com"; of "v3"
---@field client_id? string of an app of the account's; of "v3"
---@field timeout? number seconds for an attempt, default 30
---@field connect_timeout? number seconds, default 10
---@field deadline? number seconds for a whole call: throttle, attempts and backoff together
---@field retry? { attempts?: integer, base?: number, cap?: number }|false default 4, 0.5 s, 30 s
---@field throttle? table|false limits or a throttle; default 100 calls in 60 seconds
---@field budget? livechat.BudgetOptions calls a calendar month
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
  api = "v2", timeout = 30, connect_timeout = 10, max_response = 64 * 2 ^ 20, reconcile = 30,
}

local function proxy(value)
  if type(value) ~= "string" then
    return false, "string expected, got " .. type(value)
  end
  return not value:find("%c"), "must not hold control characters" -- empty: none at all
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

local credential = is.line "must not be empty or hold control characters"
local one_line = is.line "must be one line of text"

local OPTIONS = {
  username = credential, api_key = credential, access_token = credential,
  api_key_file = { one_line, without = "api_key" },
  access_token_file = { one_line, without = "access_token" },
  api = is.type "string", base_url = one_line, helpdesk_url = one_line, accounts_url = one_line,
  client_id = one_line, timeout = is.seconds, connect_timeout = is.seconds, deadline = is.seconds,
  retry = table_or_false, throttle = throttle, budget = is.type "table",
  oauth = is.type "table", verify = is.type "boolean",
  ca_file = one_line, proxy = proxy, user_agent = one_line, max_response = is.whole,
  reconcile = seconds_or_false, on_wait = is.type "function", on_attempt = is.type "function",
  on_notice = is.type "function", wait = is.type "function",
}

local RETRY = { attempts = is.whole, base = is.seconds_from_0, cap = is.seconds }

local ENVIRONMENT = {
  username = "LIVECHAT_USERNAME", api_key = "LIVECHAT_API_KEY",
  access_token = "LIVECHAT_ACCESS_TOKEN", base_url = "LIVECHAT_BASE_URL", api = "LIVECHAT_API",
  helpdesk_url = "LIVECHAT_HELPDESK_URL", accounts_url = "LIVECHAT_ACCOUNTS_URL",
  client_id = "LIVECHAT_CLIENT_ID",
}

-- What `livechat login` keeps: who, with what, and the services that it was kept for.
local KEPT = { "username", "api_key", "access_token", "api", "base_url", "helpdesk_url",
  "accounts_url", "client_id" }

local function from_files(filled, secret)
  for _, name in ipairs { "api_key", "access_token" } do
    local path = filled[name .. "_file"]
    if path then
      local problem
      filled[name], problem = secret(path)
      if problem then errors.raise_argument(name .. "_file", FNAME, problem) end
      filled[name .. "_file"] = nil
    end
  end
end

-- What the environment says of what is missing. A key is for one user, and an access token for
-- itself: where the caller names one of them, the environment's other one is not meant.
local function from_environment(filled, getenv)
  local named = filled.username or filled.api_key
  local function fill(name)
    local value = getenv(ENVIRONMENT[name])
    if filled[name] == nil and value ~= "" then
      filled[name] = value
    end
  end
  for _, name in ipairs { "api", "base_url", "helpdesk_url", "accounts_url", "client_id" } do
    fill(name)
  end
  if filled.access_token == nil and filled.oauth == nil then
    fill("username")
    fill("api_key")
    if not (filled.username and filled.api_key) and not named then
      fill("access_token")
    end
    if filled.access_token then -- one of the two alone, in the environment, is of no use
      filled.username, filled.api_key = nil, nil
    end
  end
end

local function is_complete(filled)
  return filled.oauth or filled.access_token or filled.username and filled.api_key
end

-- What `livechat login` wrote, where nothing else is said; never for another user than it was
-- written for, and never sent to another service.
local function from_login(filled, login)
  if is_complete(filled) then return end
  local profile, problem = login()
  if problem then errors.raise_argument("api_key", FNAME, problem) end
  if not profile then return end
  local same = filled.api_key == nil
  for _, name in ipairs { "username", "base_url", "helpdesk_url", "accounts_url" } do
    same = same and (filled[name] == nil or filled[name] == profile[name])
  end
  if not same then return end
  for _, name in ipairs(KEPT) do
    if filled[name] == nil then filled[name] = profile[name] end
  end
end

-- A copy of the options with all that they leave to the environment and to files.
local function filled_in(given, sources)
  local filled = {}
  for name, value in pairs(given) do
    filled[name] = value
  end
  from_files(filled, sources.secret)
  from_environment(filled, sources.getenv)
  from_login(filled, sources.login)
  return filled
end

local function require_credentials(made)
  if made.oauth then
    for _, name in ipairs { "access_token", "api_key" } do
      if made[name] then errors.raise_argument("oauth", FNAME, "either this or " .. name) end
    end
    return
  end
  if made.access_token and made.api_key then
    errors.raise_argument("access_token", FNAME, "either this or username and api_key")
  end
  if not made.access_token then
    for _, name in ipairs { "username", "api_key" } do
      if not made[name] then
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

---@class livechat.OptionSources where what is missing comes from
---@field getenv fun(name: string): string|nil
---@field secret fun(path: string): string|nil, string|nil what a file holds, or what is wrong
---@field login fun(): table|nil, string|nil what `livechat login` wrote, or what is wrong
---@field not_file fun(path: string): string|nil why what stands at a path is no file

--- The options as they hold. Raises where one is wrong, misspelt or missing.
---@param given livechat.Options
---@param sources livechat.OptionSources
---@return livechat.Options
function options.resolve(given, sources)
  options.must_fit(OPTIONS, given, FNAME)
  local made = filled_in(given, sources)
  options.must_fit(OPTIONS, made, FNAME)
  require_credentials(made)
  -- The engine's thread opens it for each connection: one that is a pipe would hold it for ever.
  local problem = made.ca_file and sources.not_file(made.ca_file)
  if problem then errors.raise_argument("ca_file", FNAME, problem) end
  if made.retry ~= false then
    options.must_fit(RETRY, made.retry or {}, FNAME, "retry.")
    local retry = {}
    for name, value in pairs(made.retry or {}) do
      retry[name] = value
    end
    made.retry = with_defaults(retry, require "livechat.call.retry".DEFAULTS)
  end
  return with_defaults(made, DEFAULTS)
end

return options
