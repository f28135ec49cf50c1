-- SPDX-License-Identifier: MIT
-- What customers and programs wrote, made fit to be looked at: cut to a line, valid UTF-8, nothing
-- in it that moves text about, and escaped where it becomes HTML.
local json = require "livechat.json"

local text = {}

local REPLACEMENT = "\239\191\189" -- U+FFFD
local ELLIPSIS = "\226\128\166"

-- Characters that reorder what stands around them, by name.
local BIDI = { ["\226\128\170"] = "LRE", ["\226\128\171"] = "RLE", ["\226\128\172"] = "PDF",
  ["\226\128\173"] = "LRO", ["\226\128\174"] = "RLO", ["\226\129\166"] = "LRI",
  ["\226\129\167"] = "RLI", ["\226\129\168"] = "FSI", ["\226\129\169"] = "PDI" }

local function bidi(character)
  return BIDI[character] and "[" .. BIDI[character] .. "]"
end

-- U+2400 and on: the pictures of control characters.
local function picture(control)
  local byte = control:byte()
  return "\226\144" .. string.char(byte == 127 and 161 or 128 + byte)
end

-- The first `most` characters of valid UTF-8, with an ellipsis where there are more.
local function cut(value, most, more)
  local count = 0
  for at in value:gmatch("()[^\128-\191]") do
    count = count + 1
    if count > most then return value:sub(1, at - 1) .. ELLIPSIS end
  end
  return more and value .. ELLIPSIS or value
end

--- One line of any text: at most `most` (120) characters, control characters as pictures.
---@param value any
---@param most integer|nil
---@return string
function text.clean(value, most)
  most = most or 120
  value = tostring(value == nil and "" or value)
  local more = #value > most * 4
  -- Cut before it is looked at; a character that the cut went through goes whole.
  if more then value = value:sub(1, most * 4):gsub("[\192-\255][\128-\191]*$", "") end
  if not json.utf8(value) then value = value:gsub("[\128-\255]", REPLACEMENT) end
  value = value:gsub("[\t\r\n]+", " "):gsub("[%z\1-\31\127]", picture)
    :gsub("\194[\128-\159]", REPLACEMENT):gsub("\226\128[\168\169]", " ")
    :gsub("\226\128[\170-\174]", bidi):gsub("\226\129[\166-\169]", bidi)
  return cut(value, most, more)
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;",
  ["'"] = "&#39;" }

--- Text as HTML, between tags and between quotes.
---@param value any
---@return string
function text.escape(value)
  return (tostring(value):gsub("[&<>\"']", ENTITIES))
end

--- A URL without what may be a secret: user and password, and the values of its query.
---@param url string
---@return string
function text.mask_url(url)
  local front, query = text.clean(url, 400):match("^([^?]*)%??(.*)$")
  front = front:gsub("^(%a+://)[^/]*@", "%1•••@")
  if query == "" then return front end
  return front .. "?" .. query:gsub("[^&]+", function(pair)
    return (pair:match("^[^=]*=") or "") .. "•••"
  end)
end

--- "3 tickets", "1 ticket".
---@param count integer
---@param noun string
---@return string
function text.plural(count, noun)
  return ("%d %s%s"):format(count, noun, count == 1 and "" or "s")
end

--- "90 seconds" as people say it: "1 minute 30 seconds", at most two units.
---@param seconds number
---@return string
function text.duration(seconds)
  local parts, left = {}, math.floor(seconds)
  for _, unit in ipairs { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } } do
    local count = math.floor(left / unit[1])
    if count > 0 and #parts < 2 then parts[#parts + 1] = text.plural(count, unit[2]) end
    left = left - count * unit[1]
  end
  return #parts > 0 and table.concat(parts, " ") or "no time"
end

return text
