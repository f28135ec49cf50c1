-- SPDX-License-Identifier: MIT
--- What is done to text that strangers wrote: customers, gateways, the senders of webhooks. Pure.
---
--- Everything here takes time in proportion to the text's length, whatever is in it. Many patterns
--- do not, because they try again from each place: over 60,000 blanks `^%s*(.*%S)`, `^%s*(.-)%s*$`
--- and `%s+$` take seconds, as `[^:]+:` does over as many letters. None of them is used on such
--- text anywhere; spec/text_spec.lua holds every reader of it to that. One greedy run in front of
--- a single character, from a fixed place, is linear. Blanks are those of ASCII, because %s follows
--- the host's locale, where a byte of a letter may be one.
local text = {}

local RAISED_MAX = 8192

local BLANK = "[ \t-\r]"
local NOT_BLANK = "[^ \t-\r]"

--- Without the blanks at its end.
---@param value string
---@return string
function text.trim_end(value)
  return value:match("^.*" .. NOT_BLANK) or ""
end

--- Without the blanks at both ends.
---@param value string
---@return string
function text.trim(value)
  local first = value:find(NOT_BLANK)
  return first and value:match("^.*" .. NOT_BLANK, first) or ""
end

--- One blank for each run of control characters, so that what a stranger wrote neither ends a line
--- nor moves a terminal's cursor: ASCII's, and the second set's in UTF-8.
---@param value string
---@return string
function text.one_line(value)
  if value:find("\194[\128-\159]") then value = value:gsub("\194[\128-\159]", "\127") end
  return (value:gsub("[%z\1-\31\127]+", " "))
end

--- At most `max` bytes, not ending within a character.
---@param value string
---@param max integer
---@return string
function text.cut(value, max)
  if #value <= max then return value end
  local stop = max -- a character's first byte is at most three bytes before its last
  while stop > max - 3 and value:find("^[\128-\191]", stop + 1) do stop = stop - 1 end
  return value:sub(1, stop)
end

--- A text for whatever was raised: at most 8 KiB, and never an error itself, also for a value whose
--- own __tostring fails.
---@param value any
---@return string
function text.describe(value)
  local made = value
  if type(made) ~= "string" then
    local fine, result = pcall(tostring, value)
    made = fine and type(result) == "string" and result
      or "a " .. type(value) .. " that cannot be shown was raised"
  end
  return #made <= RAISED_MAX and made or text.cut(made, RAISED_MAX) .. "..."
end

--- The title of a page of HTML, one line of it; nil where it has none in its first 4 KiB.
---@param page string
---@return string|nil
function text.html_title(page)
  page = page:sub(1, 4096)
  local _, name = page:lower():find("<title", 1, true)
  local _, open = page:find(">", name or #page + 1, true)
  local close = open and page:find("</", open + 1, true)
  if not close then return nil end
  local title = text.trim(page:sub(open + 1, close - 1))
  if title == "" or title:find("<", 1, true) then return nil end
  return (title:gsub(BLANK .. "+", " "))
end

-- Redaction ---------------------------------------------------------------------------------

-- A name is found by its end, so refresh_token, client_secret and form brackets are covered.
local SECRETS = { "token", "secret_key", "secret", "api_key", "password", "authorization" }

local BACKSLASH = ("\\"):byte()

-- The last position of a quoted value: before the quote that has as many backslashes in front as
-- the one that opened it (or, where that has none, an even number). A value that is never closed
-- goes to the end of the text, and what is doubtful is taken as part of it.
local function quoted_end(value, first, opening)
  local quote, depth, from = opening:sub(-1), #opening - 1, first
  while true do
    local at = value:find(quote, from, true)
    if not at then return #value end
    local slash = at - 1 -- no backslash is counted twice: a quote lies between any two runs
    while slash >= from and value:byte(slash) == BACKSLASH do slash = slash - 1 end
    local slashes = at - 1 - slash
    if slashes == depth or depth == 0 and slashes % 2 == 0 then return at - 1 - depth end
    from = at + 1
  end
end

-- Where a member's value lies, if one begins at `at`, right behind the member's name: its first and
-- last position, and whether it is a bare JSON value, which a string has to stand in for. Knows
-- JSON, JSON inside a JSON string (its quotes are escaped) and forms.
local function value_after(value, at)
  local _, stop, quote, sign = value:find("^%]?(\\*[\"']?)%s*([:=])%s*", at)
  if not stop then _, stop, quote, sign = value:find("^%%5[dD]()(=)", at) end
  if not stop then return nil end
  local first = stop + 1
  local opening = value:match("^\\*[\"']", first)
  if opening then
    first = first + #opening
    return first, quoted_end(value, first, opening)
  end
  if sign == "=" then return first, (value:find("[&%s\"'<]", first) or #value + 1) - 1 end
  if quote == "" then return nil end -- prose: "invalid token: …"
  local _, last = value:find("^%b[]", first)
  if not last then _, last = value:find("^%b{}", first) end
  if not last and value:find("^[%[{]", first) then last = #value end
  return first, last or (value:find("[,}%]%s]", first) or #value + 1) - 1, true
end

local function blank(value, name, replace)
  local lower, out, from, at = value:lower(), {}, 1, 1
  while true do
    local start, stop = lower:find(name, at, true)
    if not start then break end
    at = stop + 1
    local first, last, bare = value_after(value, at)
    if not first and name == "authorization" then -- a header line
      first = value:match("^%s*:%s*()", at)
      last = first and (value:find("[\r\n]", first) or #value + 1) - 1
    end
    if first and last >= first then
      out[#out + 1] = value:sub(from, first - 1)
      out[#out + 1] = replace(value:sub(first, last), bare)
      from, at = last + 1, last + 1
    end
  end
  out[#out + 1] = value:sub(from)
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
---@param value string
---@return string
function text.redact(value)
  value = value:gsub("(:\\?/\\?/[^/@:%s\"'<>\\]*):[^/@%s\"'<>\\]+@", "%1:***@")
  for _, name in ipairs(SECRETS) do
    value = blank(value, name, stars)
  end
  return blank(value, "page_current", function(found)
    local url = without_query(found)
    return #url < #found and url .. "?***" or found
  end)
end

return text
