-- SPDX-License-Identifier: MIT
-- JSON over whichever lua-cjson is installed: Debian's 2.1.0, its successors, OpenResty's.
-- Decoding is a private cjson instance. Encoding is done here: 2.1.0 writes 14 digits of a number
-- and cannot tell an empty list from an empty object.

local cjson = require "cjson"

local MAX_DEPTH = 1000
local EXACT = 2 ^ 53 -- beyond it a double no longer holds every integer

local json = {
  --- What `null` decodes to and encodes from; the same value in every cjson and in nginx.
  null = cjson.null,
}

--- A decoder with settings of its own: the host's stay as they are.
local function new_decoder(max_depth)
  local instance = cjson.new()
  instance.decode_invalid_numbers(false)
  instance.decode_max_depth(max_depth)
  if instance.decode_array_with_array_mt then instance.decode_array_with_array_mt(true) end
  return instance
end

local decoders = { [MAX_DEPTH] = new_decoder(MAX_DEPTH) } -- by the depth that they go to
local keeps_lists = decoders[MAX_DEPTH].decode_array_with_array_mt ~= nil

-- Where the installed cjson has an array metatable, lists made here carry that one, so that its
-- own encode writes them as lists too.
local array_mt = type(cjson.array_mt) == "table" and cjson.array_mt or {}

--- Marks a table as a list, so that it encodes as `[]` also while it is empty.
---@generic T: table
---@param list T|nil
---@return T list the same table
function json.array(list)
  return setmetatable(list or {}, array_mt)
end

---@return boolean # whether the table was marked by json.array
function json.is_array(value)
  return type(value) == "table" and getmetatable(value) == array_mt
end

-- UTF-8 -------------------------------------------------------------------------------------

-- RFC 3629, section 4, as one anchored pattern for each shape of a character of several bytes.
local MULTIBYTE = {
  "^[\194-\223][\128-\191]()",
  "^[\225-\236\238\239][\128-\191][\128-\191]()",
  "^\224[\160-\191][\128-\191]()",
  "^\237[\128-\159][\128-\191]()",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]()",
  "^\240[\144-\191][\128-\191][\128-\191]()",
  "^\244[\128-\143][\128-\191][\128-\191]()",
}

local function utf8_by_pattern(text)
  -- An anchored run of ASCII takes a third of the time of an unanchored search for the rest.
  local at = text:match("^[^\128-\255]*()")
  while at <= #text do
    local after
    for i = 1, #MULTIBYTE do
      after = text:match(MULTIBYTE[i], at)
      if after then break end
    end
    if not after then return false end
    at = text:match("^[^\128-\255]*()", after)
  end
  return true
end

local utf8_library = rawget(_G, "utf8") -- a program may forbid to read globals that there are not
local utf8_len = type(utf8_library) == "table" and utf8_library.len
local refuses_surrogates = utf8_len and not utf8_len("\237\160\128") -- Lua 5.3's does not

local function utf8_by_library(text)
  if not utf8_len(text) then return false end
  return refuses_surrogates
    or not (text:find("\237", 1, true) and text:find("\237[\160-\191]"))
end

--- Whether the text is UTF-8 and nothing else: no overlong forms, surrogates, or code points above
--- U+10FFFF.
---@param text string
---@return boolean
json.utf8 = utf8_len and utf8_by_library or utf8_by_pattern

-- Numbers -----------------------------------------------------------------------------------

local math_type = math.type -- Lua 5.3 on

--- Folds an integral float to an integer on the Luas that tell them apart. Any other value is
--- returned as it is.
function json.integer(value)
  if math_type and math_type(value) == "float" and value % 1 == 0
      and value >= -EXACT and value <= EXACT then
    return math.tointeger(value)
  end
  return value
end

--- json.integer for every number of a decoded tree, in place: cjson 2.1.0 decodes 12 as 12.0.
---@return any value the same tree
function json.fold(value)
  if not math_type then return value end
  if type(value) ~= "table" then return json.integer(value) end
  for key, member in pairs(value) do
    local kind = type(member)
    if kind == "number" then
      value[key] = json.integer(member) -- assigns to a key that exists: pairs allows it
    elseif kind == "table" then
      json.fold(member)
    end
  end
  return value
end

-- Decoding ----------------------------------------------------------------------------------

-- cjson looks for the locale's decimal point when an instance is made, and reads no fraction any
-- more where the host has changed the locale since.
local locale = os.setlocale(nil, "numeric")

-- Empty lists. To cjson 2.1.0 they are empty tables, as empty objects are. So each gets one element
-- before it decodes them, a number that is nowhere in the text, and is emptied again afterwards.
-- Where fewer come out than were put in, some of the brackets stood in strings (or in the names of
-- members, as "tags[]"): these are taken back.
local MARKS = { "-80270163e-16", "-82910347e-15", "-94730519e-14" }

local BLANKS = { [9] = true, [10] = true, [13] = true, [32] = true }

-- Where the empty lists end, to all appearance. Of all the ways to find them, to look at what
-- stands before each "]" is the quickest: a pattern takes five times as long. Blanks are looked at
-- once.
local function ends_of_empty_lists(text)
  local ends, count = {}, 0
  local at = text:find("]", 1, true)
  while at do
    local before = at - 1
    local byte = text:byte(before)
    while BLANKS[byte] do
      before = before - 1
      byte = text:byte(before)
    end
    if byte == 91 then
      count = count + 1
      ends[count] = at
    end
    at = text:find("]", at + 1, true)
  end
  return ends, count
end

local function mark_lists(text)
  local ends, count = ends_of_empty_lists(text)
  if count == 0 then return text end
  for _, mark in ipairs(MARKS) do
    if not text:find(mark, 1, true) then
      local parts, from = {}, 1
      for i = 1, count do
        parts[i] = text:sub(from, ends[i] - 1)
        from = ends[i]
      end
      parts[count + 1] = text:sub(from)
      return table.concat(parts, mark), count, mark
    end
  end
  return text -- a text with all three of them gets objects for lists
end

local function empty_lists(value, number)
  local count = 0
  for _, member in next, value do
    if type(member) == "table" then
      if member[1] == number and member[2] == nil then
        member[1] = nil
        setmetatable(member, array_mt)
        count = count + 1
      else
        count = count + empty_lists(member, number)
      end
    end
  end
  return count
end

local function restore(value, pattern)
  if type(value) == "string" then return (value:gsub(pattern, "]")) end
  if type(value) ~= "table" then return value end
  local renamed
  for key, member in pairs(value) do
    value[key] = restore(member, pattern)
    if type(key) == "string" and key:find(pattern) then
      renamed = renamed or {}
      renamed[key] = true
    end
  end
  for key in pairs(renamed or {}) do
    value[key:gsub(pattern, "]")], value[key] = value[key], nil
  end
  return value
end

local function decode(decoder, text)
  local count, mark
  if not keeps_lists then text, count, mark = mark_lists(text) end
  local ok, value = pcall(decoder.decode, text)
  if ok and mark then
    local whole = { value }
    if empty_lists(whole, tonumber(mark)) < count then
      value = restore(value, mark:gsub("%p", "%%%0") .. "%]")
    end
  end
  return ok, value
end

--- Decodes any JSON value; `null` becomes json.null, an empty list one that json.is_array knows.
--- Never raises. A number above a double's range (1e999) is infinite. Integral numbers may be
--- floats: see json.fold.
---@param text string
---@param is_utf8? fun(text: string): boolean used instead of json.utf8
---@param max_depth? integer of lists and objects in one another, 1000
---@return any value nil after an error
---@return string|nil message
function json.decode(text, is_utf8, max_depth)
  max_depth = max_depth or MAX_DEPTH
  if type(text) ~= "string" then return nil, "a string expected, got " .. type(text) end
  if text:sub(1, 3) == "\239\187\191" then text = text:sub(4) end
  if text:find("\0", 1, true) then return nil, "a NUL byte" end -- cjson takes it for the end
  if not (is_utf8 or json.utf8)(text) then return nil, "not UTF-8" end
  decoders[max_depth] = decoders[max_depth] or new_decoder(max_depth)
  local ok, value = decode(decoders[max_depth], text)
  if not ok and locale ~= os.setlocale(nil, "numeric") then
    locale = os.setlocale(nil, "numeric")
    cjson.new()
    ok, value = decode(decoders[max_depth], text)
  end
  if ok then return value end
  return nil, tostring(value)
end

-- Encoding ----------------------------------------------------------------------------------

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
  ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(char)
  return ESCAPES[char] or ("\\u%04x"):format(char:byte())
end

-- `trail` holds the keys that lead to the value at hand, for the message alone.
local function refuse(what, trail, depth)
  local path = {}
  for i = 1, depth do
    local key = trail[i]
    path[i] = type(key) == "number" and "[" .. key .. "]" or (i > 1 and "." or "") .. tostring(key)
  end
  path = table.concat(path)
  error("cannot encode " .. what .. (path == "" and "" or " at " .. path), 0)
end

local function encode_string(text, trail, depth)
  if not json.utf8(text) then refuse("a string that is not UTF-8", trail, depth) end
  return '"' .. text:gsub('[%z\1-\31\127"\\]', escape) .. '"'
end

local function encode_number(number, trail, depth)
  if trail.infinite and (number == math.huge or number == -math.huge) then
    return number > 0 and "1e999" or "-1e999"
  elseif number ~= number or number == math.huge or number == -math.huge then
    refuse(tostring(number), trail, depth)
  end
  if math_type and math_type(number) == "integer" or
      number % 1 == 0 and number >= -EXACT and number <= EXACT then
    return ("%d"):format(number)
  end
  local text
  for digits = 14, 17 do
    text = ("%." .. digits .. "g"):format(number)
    if tonumber(text) == number then break end
  end
  return (text:gsub(",", ".")) -- a host's locale may write a comma
end

-- The length of a table that is to be a list: one that json.array marked, or a sequence of at
-- least one element; nil for an object. Anything between the two is refused.
local function list_length(value, trail, depth)
  local length, count = #value, 0
  local marked = json.is_array(value)
  if length == 0 and not marked then return nil end
  for key in pairs(value) do
    if type(key) ~= "number" or key < 1 or key > length or key % 1 ~= 0 then
      refuse("a table that mixes a list with named members", trail, depth)
    end
    count = count + 1
  end
  if count ~= length then refuse("a list with holes", trail, depth) end
  return length
end

local encode_value

local function encode_table(value, out, trail, depth)
  if depth >= MAX_DEPTH then refuse("a table in itself, or too deep", trail, 10) end
  local length = list_length(value, trail, depth)
  if length then
    out[#out + 1] = "["
    for i = 1, length do
      if i > 1 then out[#out + 1] = "," end
      trail[depth + 1] = i
      encode_value(value[i], out, trail, depth + 1)
    end
    out[#out + 1] = "]"
    return
  end
  local keys = {}
  for key in pairs(value) do
    if type(key) ~= "string" then
      refuse("a table with the key " .. tostring(key), trail, depth)
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  out[#out + 1] = "{"
  for i, key in ipairs(keys) do
    if i > 1 then out[#out + 1] = "," end
    trail[depth + 1] = key
    out[#out + 1] = encode_string(key, trail, depth + 1)
    out[#out + 1] = ":"
    encode_value(value[key], out, trail, depth + 1)
  end
  out[#out + 1] = "}"
end

function encode_value(value, out, trail, depth)
  local kind = type(value)
  if kind == "table" then
    encode_table(value, out, trail, depth)
  elseif kind == "string" then
    out[#out + 1] = encode_string(value, trail, depth)
  elseif kind == "number" then
    out[#out + 1] = encode_number(value, trail, depth)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == json.null then
    out[#out + 1] = "null"
  else
    refuse("a " .. kind, trail, depth)
  end
end

--- Encodes a tree with its keys sorted. A table is a list where json.array marked it or where it is
--- a sequence of at least one element; an empty plain table is `{}`. Integers are exact up to
--- 2^53, other numbers the shortest text that reads back as the same double.
--- Raises a string that names the path of what has no JSON form: NaN, infinities, functions, text
--- that is not UTF-8, keys that are not strings, lists with holes, tables in themselves.
---@param value any
---@param infinite? boolean an infinite number has a form too: 1e999, which decodes to it
---@return string
function json.encode(value, infinite)
  local out = {}
  encode_value(value, out, { infinite = infinite }, 0)
  return table.concat(out)
end

return json
