-- SPDX-License-Identifier: MIT
-- Error objects: what an expected failure returns after nil.
local text = require "livechat.text"

local errors = {}

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
local Error = { __name = "livechat.Error" }

local KINDS = { invalid = true, auth = true, not_found = true, rejected = true, throttled = true,
  server = true, network = true, timeout = true, protocol = true, cancelled = true, closed = true }

-- Objects -----------------------------------------------------------------------------------

-- Cut first, because a body may be large, and again, because redaction may make it longer.
local function short(value, max)
  return text.cut(text.redact(text.cut(value, max)), max)
end

--- An error object of these fields. Body and message are redacted and cut here.
---@param fields table kind and message are required
---@return livechat.Error
function errors.new(fields)
  assert(KINDS[fields.kind], "no such kind of error")
  local err = {}
  for name, value in pairs(fields) do err[name] = value end
  err.message = short(tostring(fields.message), MESSAGE_MAX)
  err.body = fields.body and short(fields.body, BODY_MAX)
  return setmetatable(err, Error)
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

-- One line: "livechat: not_found: no such ticket (GET /tickets/5FUED, status 404, attempt 1)"
function Error:__tostring()
  local about = {}
  if self.method or self.path then
    about[1] = (self.method or "") .. (self.method and self.path and " " or "") .. (self.path or "")
  end
  if self.status then about[#about + 1] = "status " .. self.status end
  if self.attempts then about[#about + 1] = "attempt " .. self.attempts end
  -- No string.format here: before Lua 5.3 its %s ends at a NUL.
  local line = "livechat: " .. self.kind .. ": " .. (self.field and self.field .. " " or "")
    .. self.message
  if #about > 0 then line = line .. " (" .. table.concat(about, ", ") .. ")" end
  return text.one_line(line)
end

-- So that "failed: " .. err reads as it does with the strings of Lua's own libraries.
function Error.__concat(left, right)
  return tostring(left) .. tostring(right)
end

--- Raises a programmer's mistake: "bad argument 'name' to 'livechat.new' (…)". Call it as a
--- statement, not as a tail call, which would take its place in the levels.
---@param which integer|string the argument's number or name
---@param fname string the public function, as its caller writes it
---@param message string
---@param level? integer as for `error`, seen from the caller of this function; 2, its caller
function errors.argument(which, fname, message, level)
  which = type(which) == "number" and "#" .. which or "'" .. which .. "'"
  local line = "bad argument " .. which .. " to '" .. fname .. "' (" .. message .. ")"
  error(text.one_line(line), (level or 2) + 1)
end

return errors
