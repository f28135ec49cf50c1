-- SPDX-License-Identifier: MIT
--- Error objects, which an expected failure returns after nil, and raising a caller's mistake.
local text = require "livechat.text"

local errors = {
  in_nginx = false, -- nginx.lua says so
}

local BODY_MAX = 4096
local MESSAGE_MAX = 500

---@alias livechat.ErrorKind
---| "invalid" found before anything was sent; `field` names it
---| "auth" 401 or 403
---| "not_found" 404
---| "rejected" any other 4xx, or an update that the service did not take: `ignored`
---| "throttled" 429 to the end, or a wait beyond the deadline: `retry_after`
---| "server" 5xx to the end
---| "network" DNS, connect, TLS, a lost connection
---| "timeout"
---| "protocol" not JSON, truncated, too large, of the wrong shape
---| "cancelled"
---| "closed"

---@class livechat.Error
---@field kind livechat.ErrorKind
---@field message string
---@field field string|nil the offending field, as "requester.mail" or "groups[2]"
---@field status integer|nil
---@field method string|nil
---@field path string|nil
---@field attempts integer|nil
---@field seconds number|nil the whole call
---@field body string|nil the answer's first 4 KiB, secrets blanked
---@field outcome "not_sent"|"refused"|"unknown"|nil whether the service may have acted
---@field retry_after number|nil seconds
---@field ignored string[]|nil the fields that an update did not take
---@field taken string[]|nil those that it did take: the outcome is then "unknown"
---@field done string[]|nil what was done of several calls before one of them failed
---@field code string|nil the service's own word for what is wrong (today's APIs)
---@field text fun(self: livechat.Error): string the same line as `tostring` gives
local Error = { __name = "livechat.Error" }

-- An error's table holds its text and nothing else, because what prints in nginx takes lists of
-- texts and refuses a table with names. What an error tells is in here, by the error.
local fields_of = setmetatable({}, { __mode = "k" })

local KINDS = { invalid = true, auth = true, not_found = true, rejected = true, throttled = true,
  server = true, network = true, timeout = true, protocol = true, cancelled = true, closed = true }

-- Objects -----------------------------------------------------------------------------------

-- Cut first, because a body may be large, and again, because redaction may make it longer.
local function short(value, max)
  return text.cut(text.redact(text.cut(value, max)), max)
end

-- "livechat: not_found: no such ticket (GET /tickets/5FUED, status 404, attempt 1)"
local function line_of(err)
  local about = {}
  if err.method or err.path then
    about[1] = (err.method or "") .. (err.method and err.path and " " or "") .. (err.path or "")
  end
  if err.status then about[#about + 1] = "status " .. err.status end
  if err.attempts then about[#about + 1] = "attempt " .. err.attempts end
  -- No string.format here: before Lua 5.3 its %s ends at a NUL.
  local line = "livechat: " .. err.kind .. ": " .. (err.field and err.field .. " " or "")
    .. err.message
  if #about > 0 then line = line .. " (" .. table.concat(about, ", ") .. ")" end
  return text.one_line(line)
end

--- An error object of these fields. Body and message are redacted and cut here.
---@param fields table kind and message are required
---@return livechat.Error
function errors.new(fields)
  assert(KINDS[fields.kind], "no such kind of error")
  local own = {}
  for name, value in pairs(fields) do own[name] = value end
  own.message = short(tostring(fields.message), MESSAGE_MAX)
  own.body = fields.body and short(fields.body, BODY_MAX)
  local err = setmetatable({ line_of(own) }, Error)
  fields_of[err] = own
  return err
end

--- What is wrong with an argument's field; nothing was sent.
---@param field string
---@param message string without the field's name, which stands before it: "is missing"
---@return livechat.Error
function errors.invalid(field, message)
  return errors.new { kind = "invalid", field = field, message = message, outcome = "not_sent" }
end

---@return boolean
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == Error
end

function Error.__index(err, name)
  local value = fields_of[err][name]
  if value == nil and name == "text" then return Error.__tostring end
  return value
end

function Error.__newindex(err, name, value)
  fields_of[err][name] = value
  rawset(err, 1, line_of(fields_of[err]))
end

function Error.__tostring(err)
  return err[1]
end

-- So that "failed: " .. err reads as it does with the strings of Lua's own libraries.
function Error.__concat(left, right)
  return tostring(left) .. tostring(right)
end

-- Raising -----------------------------------------------------------------------------------

-- Where this library lies, as Lua calls its files; in a bundle of many files, that one.
local SOURCE = debug.getinfo(1, "S").source
local TREE = SOURCE:match("^(@.*livechat[/\\])errors%.lua$")

local function is_ours(source)
  return source == SOURCE or TREE ~= nil and source:sub(1, #TREE) == TREE
end

-- The place of the innermost Lua function that is not the library's: its caller, through however
-- many of its own functions, tail calls and C functions. Empty where the stack does not show it.
local function callers_place()
  local level = 2
  local about = debug.getinfo(level, "Sl")
  while about and (about.what == "C" or about.what == "tail" or is_ours(about.source)) do
    level = level + 1
    about = debug.getinfo(level, "Sl")
  end
  if not about or about.currentline <= 0 then return "" end
  return about.short_src .. ":" .. about.currentline .. ": "
end

--- Raises a text with the place of the library's caller before it.
---@param message string
function errors.raise(message)
  error(callers_place() .. text.one_line(message), 0)
end

--- Raises a programmer's mistake: "bad argument 'name' to 'livechat.new' (…)".
---@param which integer|string the argument's number or name
---@param fname string the public function, as its caller writes it
---@param message string
function errors.raise_argument(which, fname, message)
  which = type(which) == "number" and "#" .. which or "'" .. which .. "'"
  errors.raise("bad argument " .. which .. " to '" .. fname .. "' (" .. message .. ")")
end

-- Whether the program shows an uncaught error object as its text: that of Lua 5.1 does not, the
-- `assert` of Lua 5.2 refuses one, and nginx tells of an "unknown reason".
local LUA_SHOWS_OBJECTS = rawget(_G, "jit") ~= nil
  or _VERSION ~= "Lua 5.1" and _VERSION ~= "Lua 5.2"

local function shows_objects()
  return LUA_SHOWS_OBJECTS and not errors.in_nginx
end

-- Whether something around the running function catches what it raises: a pcall that the stack
-- shows or, outside nginx, whatever resumed its coroutine.
local function is_caught()
  local level = 2
  local about = debug.getinfo(level, "f")
  while about do
    if about.func == pcall or about.func == xpcall then return true end
    level = level + 1
    about = debug.getinfo(level, "f")
  end
  local co, is_main = coroutine.running()
  return co ~= nil and not is_main and not errors.in_nginx
end

--- Raises an error object as an iterator does: whole for a caller that catches it, and as text with
--- the caller's place where it would end a program that cannot show it.
---@param err livechat.Error
function errors.throw(err)
  if shows_objects() or is_caught() then error(err, 0) end
  errors.raise(err[1])
end

--- See livechat.check. Texts have the caller's place in front; what is neither a text nor an error
--- object of ours is raised as it is.
function errors.check(value, err, ...)
  if value then return value, err, ... end
  if errors.is(err) then
    if shows_objects() then error(err, 0) end
    errors.raise(err[1])
  elseif err == nil or type(err) == "string" then
    errors.raise(err or "check failed")
  end
  error(err, 0)
end

return errors
