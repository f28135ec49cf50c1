-- SPDX-License-Identifier: MIT
-- Error objects: what an expected failure returns after nil.

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

-- Redaction ---------------------------------------------------------------------------------

-- A name is found by its end, so refresh_token, client_secret and form brackets are covered.
local SECRETS = { "token", "secret_key", "secret", "api_key", "password", "authorization" }

-- The last position of a quoted value: before the quote that has as many backslashes in front as
-- the one that opened it (or, where that has none, an even number). What is never closed ends the
-- text, and what is doubtful is taken as part of the value.
local function quoted_end(text, first, opening)
  local quote, depth, from = opening:sub(-1), #opening - 1, first
  while true do
    local at = text:find(quote, from, true)
    if not at then return #text end
    local slashes = #text:sub(first, at - 1):match("\\*$")
    if slashes == depth or depth == 0 and slashes % 2 == 0 then return at - 1 - depth end
    from = at + 1
  end
end

-- Where a member's value lies, if one begins at `at`, right behind the member's name: its first and
-- last position, and whether it is a bare JSON value, which a string has to stand in for. Knows
-- JSON, JSON inside a JSON string (its quotes are escaped) and forms.
local function value_after(text, at)
  local _, stop, quote, sign = text:find("^%]?(\\*[\"']?)%s*([:=])%s*", at)
  if not stop then _, stop, quote, sign = text:find("^%%5[dD]()(=)", at) end
  if not stop then return nil end
  local first = stop + 1
  local opening = text:match("^\\*[\"']", first)
  if opening then
    first = first + #opening
    return first, quoted_end(text, first, opening)
  end
  if sign == "=" then return first, (text:find("[&%s\"'<]", first) or #text + 1) - 1 end
  if quote == "" then return nil end -- prose: "invalid token: …"
  local _, last = text:find("^%b[]", first)
  if not last then _, last = text:find("^%b{}", first) end
  if not last and text:find("^[%[{]", first) then last = #text end
  return first, last or (text:find("[,}%]%s]", first) or #text + 1) - 1, true
end

local function blank(text, name, replace)
  local lower, out, from, at = text:lower(), {}, 1, 1
  while true do
    local start, stop = lower:find(name, at, true)
    if not start then break end
    at = stop + 1
    local first, last, bare = value_after(text, at)
    if not first and name == "authorization" then -- a header line
      first = text:match("^%s*:%s*()", at)
      last = first and (text:find("[\r\n]", first) or #text + 1) - 1
    end
    if first and last >= first then
      out[#out + 1] = text:sub(from, first - 1)
      out[#out + 1] = replace(text:sub(first, last), bare)
      from, at = last + 1, last + 1
    end
  end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

local function stars(_, bare)
  return bare and '"***"' or "***"
end

local function without_query(url)
  local base = url:match("^(.-)[?#]") or url
  return base:match("^(.-)%%[23][fF3]") or base
end

--- Blanks the values of what must never be shown, in JSON, form or header text, whole or cut:
--- members whose name ends in token, secret, secret_key, api_key or password, the Authorization
--- header, the query of page_current, and passwords in URLs.
---@param text string
---@return string
function errors.redact(text)
  text = text:gsub("(:\\?/\\?/[^/@:%s\"'<>\\]*):[^/@%s\"'<>\\]+@", "%1:***@")
  for _, name in ipairs(SECRETS) do
    text = blank(text, name, stars)
  end
  return blank(text, "page_current", function(value)
    local url = without_query(value)
    return #url < #value and url .. "?***" or value
  end)
end

-- Objects -----------------------------------------------------------------------------------

-- At most `max` bytes, not ending within a character.
local function cut(text, max)
  if #text <= max then return text end
  text = text:sub(1, max)
  local lead, rest = text:match("([\192-\255])([\128-\191]*)$")
  if lead then
    local length = lead < "\224" and 2 or lead < "\240" and 3 or 4
    if #rest + 1 < length then text = text:sub(1, max - #rest - 1) end
  end
  return text
end

-- Cut first, because a body may be large, and again, because redaction may make it longer.
local function short(text, max)
  return cut(errors.redact(cut(text, max)), max)
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
  local text = "livechat: " .. self.kind .. ": " .. (self.field and self.field .. " " or "")
    .. self.message
  if #about > 0 then text = text .. " (" .. table.concat(about, ", ") .. ")" end
  return (text:gsub("[%z\1-\31\127]+", " "))
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
  local text = "bad argument " .. which .. " to '" .. fname .. "' (" .. message .. ")"
  error((text:gsub("[%z\1-\31\127]+", " ")), (level or 2) + 1)
end

return errors
