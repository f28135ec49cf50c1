-- SPDX-License-Identifier: MIT
--- Texts as a terminal shows them: made visible, measured in columns, cut. Pure.
---
--- What customers wrote must not move the cursor, ring, colour, or turn the direction of a line:
--- such characters are shown as escapes (`\x1b`, `\n`, `\u{202e}`), and so is what is not UTF-8.
local json = require "livechat.json"

local display = {}

-- Unicode 14's ranges of characters that take no column (Mn, Me, Cf, Hangul's vowels) and two
-- (East Asian wide and full-width): from the end of the last range to the first of this one, and
-- how many follow, in hexadecimal.
local ZERO = [[
  300+6f 114+6 108+2c 2 2+1 2+1 2 39+5 b+a 2 2f+14 11 66+7 2+5 3+1 2+3 22 2 1f+1a 5c+a 3b+8 a
  19+3 2+8 2+2 2+4 2c+2 35+f 2b+38 38 2 5+7 5 4+6 b+1 1e 3b 5+3 9 15+1 1b+4 3a 5+10 1f+1 4 c+1
  3a 5+7 5 15+1 17+7 3b 3 2+3 9+9 c+1 1f 3e d 33 4 38 2+2 6+10 c+1 1e 3b 3 7 6+1 15+1 1d+1 3a+1
  5+3 9 15+1 1e 49 8+4 5b 3+6 d+7 63 3+8 c+5 4b+1 1c 2 2 38+d 2+4 2+1 6+2f a 67+3 2+5 2+1 3+1
  1a+1 5+2 11+3 e 3+1 7 10 c3+9f 15e+2 3b3+2 1e+1 1f+1 1f+1 41+1 2+6 9 3+a a 2e+4 76+1 23 77+2
  5+1 a 7+2 dc+1 3 3b 2+8 2 3+7 7+c 31+53 31 2+4 2 6 29+8 d+1 21+3 3+1 2+2 39 2+1 4 2+2 3b+7 3+1
  99+2 2+c 2+6 5 7 4+1 c7+3f 20c+4 1b+4 32+f 61+20 bff+2 8e 61+1f 22b+3 6c+1 75d5+3 2+9 21+1
  51+1 111 4 5 1a+1 6 98+1 1b+11 e 27+7 1a+a 2f+2 31 3+3 3+1 28 44+5 3+1 3+1 d 9 30 34 2+2 3+1
  6+1 2 2b+1 9 ef 3 5 4f31 2e2+f 11+f d0 fa+2 202 e3 96+4 687+e 29+7 a6+1 23e+3 184+1 9a+a 32+3
  7c 37+e 2a 3+1 b+2 32+3 3+1 3 5+b 33+2 25+4 2+7 3f d+1 35+8 b+3 3 60+2 3 2+1 7 a1 4+7 16+1
  3a+1 4 26+e c4+7 3+2 2 18 55+5 2 5+1 2+1 ef+3 7+1 2+1 1c+1 56+7 3 2+1 6b 2 3+5 2 66+2 3+3 2+4
  104+8 2+1 101+1 2 5 91+7 5 21+9 29+5 3+3 9 a+5 3+2 2f+c 2+1 197+d 2 53+15 3+6 2+1 2+1 7b+14 2
  49+1 4 2 15c+1 153c+8 36b8+4 3c+6 419 40+3 52 4cb9+1 2+12a6 221+2 a+f 3+6 1f+3 95+2 7bc+36
  5+31 9 f 17+14 551+2a 106+6 178 3e+3 5e1+6 6e+6 c16b7+1ee
]]
local WIDE = [[
  1100+5f 11bb+1 e+1 bf+3 4 3 20a+1 16+1 33+b 2c 14 e 9+1 12+1 6+1 9 6 16 8+1 2 5 3 8 5+1 1d 24
  2 5+2 2 3e+2 19 f 35c+1 34 5 32b+1be 3+206 9+1b6f 41+56c6 49a+1c 284+2ba3 215d+1d9 337+9 17+3b
  96+5f 80+6 6ffa+431b 3d09 cb bf 3+9 66+120 d+8 2+45 2+15 d+2a 5+4 d+10 4 4+46 2 2+ba 3+3e e+3
  2+17 13 1b+1 e 57+54 31+45 7 4+2 3+a c+1 8+8 e4+10 11c+2e 2+9 2+b8 71+86 50a+1fffd
]]

local function ranges(text)
  local list, last = {}, 0
  for gap, more in text:gmatch("(%x+)%+?(%x*)") do
    local first = last + tonumber(gap, 16)
    last = first + (tonumber(more, 16) or 0)
    list[#list + 1] = { first, last }
  end
  return list
end

local zero, wide -- read when a text first needs them

local function is_among(list, code)
  local low, high = 1, #list
  while low <= high do
    local middle = math.floor((low + high) / 2)
    if code < list[middle][1] then
      high = middle - 1
    elseif code > list[middle][2] then
      low = middle + 1
    else
      return true
    end
  end
  return false
end

-- By the character, the columns that it takes.
local known = setmetatable({}, { __mode = "k" })

local function code_point(char)
  local lead = char:byte()
  local code = lead < 0xe0 and lead - 0xc0 or lead < 0xf0 and lead - 0xe0 or lead - 0xf0
  for i = 2, #char do
    code = code * 64 + char:byte(i) - 0x80
  end
  return code
end

local function columns_of(char)
  if #char == 1 then return 1 end
  local columns = known[char]
  if not columns then
    zero, wide = zero or ranges(ZERO), wide or ranges(WIDE)
    local code = code_point(char)
    columns = is_among(zero, code) and 0 or is_among(wide, code) and 2 or 1
    known[char] = columns
  end
  return columns
end

-- What is seen nowhere and does something all the same: the second set of controls, marks of
-- direction, joiners of words, separators of lines, tags. The joiner of emoji is not among them.
local HIDDEN = { { 0x80, 0x9f }, { 0x61c, 0x61c }, { 0x180e, 0x180e }, { 0x200b, 0x200b },
  { 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
  { 0xfff9, 0xfffb }, { 0xe0000, 0xe007f } }

local NAMED = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(byte)
  return NAMED[byte] or ("\\x%02x"):format(byte:byte())
end

local function escape_all(bytes)
  return (bytes:gsub(".", escape))
end

-- A lead byte and what continues it, or bytes that continue nothing.
local function shown(char)
  if not json.utf8(char) then
    local whole, rest = char:match("^([\194-\223][\128-\191])(.*)$")
    if not whole then whole, rest = char:match("^([\224-\239][\128-\191][\128-\191])(.*)$") end
    if not whole then
      whole, rest = char:match("^([\240-\244][\128-\191][\128-\191][\128-\191])(.*)$")
    end
    if whole and rest ~= "" and json.utf8(whole) then
      return shown(whole) .. escape_all(rest)
    end
    return escape_all(char)
  end
  local code = code_point(char)
  if is_among(HIDDEN, code) then return ("\\u{%x}"):format(code) end
  return char
end

--- One line that shows every character, and moves nothing.
---@param value string
---@return string
function display.visible(value)
  if not value:find("[%z\1-\31\127-\255]") then return value end
  value = value:gsub("[%z\1-\31\127]", escape)
  value = value:gsub("[\192-\255][\128-\191]*", shown)
  return (value:gsub("^[\128-\191]+", escape_all)
    :gsub("([%z\1-\127])([\128-\191]+)", function(before, bytes) -- continuing no character
      return before .. escape_all(bytes)
    end))
end

-- The lead bytes of what is hidden.
local MAY_HIDE = "[\194\216\225\226\239\243][\128-\191]+"

local function as_json(char)
  local code = json.utf8(char) and code_point(char)
  if not code or not is_among(HIDDEN, code) then return nil end
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  code = code - 0x10000
  return ("\\u%04x\\u%04x"):format(0xd800 + math.floor(code / 0x400), 0xdc00 + code % 0x400)
end

--- JSON of a value that moves nothing either, members in the order of their names: what is hidden
--- stands as \u202e, which every reader of JSON takes for the character itself.
---@param value any
---@return string
function display.json(value)
  local encoded = json.encode(value, true):gsub("\127", "\\u007f")
  return (encoded:gsub(MAY_HIDE, as_json))
end

--- How many columns a visible text takes.
---@param value string
---@return integer
function display.width(value)
  if not value:find("[\128-\255]") then return #value end
  local columns = 0
  for char in value:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    columns = columns + columns_of(char)
  end
  return columns
end

--- A visible text in at most so many columns; where it is cut, it ends with `ellipsis`.
---@param value string
---@param columns integer
---@param ellipsis string
---@return string
function display.cut(value, columns, ellipsis)
  if display.width(value) <= columns then return value end
  local room, used, stop = math.max(0, columns - #ellipsis:gsub("[\128-\191]", "")), 0, 0
  for at, char in value:gmatch("()([%z\1-\127\192-\255][\128-\191]*)") do
    used = used + columns_of(char)
    if used > room then break end
    stop = at + #char - 1
  end
  return value:sub(1, stop) .. (columns > room and ellipsis or "")
end

return display
