-- SPDX-License-Identifier: MIT
-- From a call's parts to what goes on the wire, and from raw header lines to values. Pure.
local errors = require "livechat.errors"
local json = require "livechat.json"
local trim = require "livechat.text".trim

local request = {}

-- Encoding ----------------------------------------------------------------------------------

local function percent(char)
  return ("%%%02X"):format(char:byte())
end

-- Percent-encodes everything but RFC 3986's unreserved characters. No %w: it follows the locale.
local function encode(text)
  return (text:gsub("[^A-Za-z0-9%-._~]", percent))
end

local function check_text(text, field)
  if text:find("[%z\r\n]") then
    return nil, errors.invalid(field, "must not hold CR, LF or NUL")
  end
  if not json.utf8(text) then return nil, errors.invalid(field, "is not UTF-8") end
  return text
end

-- Base URL ----------------------------------------------------------------------------------

--- Checks a base URL: http or https, a host, perhaps a port and a path prefix. Plain http, which
--- sends the credential in clear text, is what a caller gets who asks for it: a test, a gateway.
---@param url string
---@return string|nil base without a slash at its end; for request.build
---@return livechat.Error|nil err its field is "base_url"
function request.base(url)
  local function refuse(message)
    return nil, errors.invalid("base_url", message)
  end
  if type(url) ~= "string" then return refuse("string expected, got " .. type(url)) end
  if url:find("[^\33-\126]") then
    return refuse("must not hold spaces, control characters or anything but ASCII")
  end
  local scheme, authority, path = url:match("^(%a+)://([^/?#]+)([^?#]*)$")
  scheme = scheme and scheme:lower()
  if scheme ~= "http" and scheme ~= "https" then
    return refuse("an http or https URL without query or fragment expected")
  end
  if authority:find("@", 1, true) then return refuse("must not hold user names or passwords") end
  local host, port = authority:match("^(%[[%x:.]+%])(.*)$")
  if not host then host, port = authority:match("^([%w.%-_]+)(.*)$") end
  if not host then return refuse("has no proper host") end
  local number = tonumber(port:match("^:(%d+)$"))
  if port ~= "" and not (number and number >= 1 and number <= 65535) then
    return refuse("has no proper port")
  end
  if (path .. "/"):find("/%.%.?/") then return refuse("must not hold dot segments") end
  return scheme .. "://" .. authority .. (path:match("^(.*[^/])/*$") or "")
end

-- Path --------------------------------------------------------------------------------------

-- One segment of the path, from an id as the caller has it; 12 and "12" are the same id.
local function segment(value, field)
  if type(value) == "number" and value % 1 == 0 then value = json.encode(value) end
  if type(value) == "string" and value:find("^[A-Za-z0-9]+$") then return value end -- most are so
  if type(value) ~= "string" then
    return nil, errors.invalid(field, "string expected, got " .. type(value))
  end
  -- libcurl would resolve the dots, however they are written.
  if value == "" or value == "." or value == ".." then
    return nil, errors.invalid(field, "must not be " .. (value == "" and "empty" or value))
  end
  local text, err = check_text(value, field)
  return text and encode(text), err
end

-- A path that the caller wrote: escapes in it stay, what is missing is escaped.
local function raw_path(path)
  local text, err = check_text(path, "path")
  if not text then return nil, err end
  if text:find("[?#]") then
    return nil, errors.invalid("path", "must not hold '?' or '#': parameters go into query")
  end
  if text:gsub("%%%x%x", ""):find("%", 1, true) then
    return nil, errors.invalid("path", "holds a '%' that escapes nothing")
  end
  text = "/" .. text:gsub("^/+", "")
  local dots = text:gsub("%%2[eE]", ".") .. "/"
  if dots:find("/%.%.?/") then return nil, errors.invalid("path", "must not hold dot segments") end
  return (text:gsub("[^A-Za-z0-9%-._~!$&'()*+,;=:@/%%]", percent))
end

-- "/tickets/{id}/tags" and { id = "5FUED" }
local function build_path(path, args)
  if not args then return raw_path(path) end
  local failed
  local built = path:gsub("{([%w_]+)}", function(name)
    if failed then return nil end
    local text, err = segment(args[name], name)
    failed = failed or err
    return text
  end)
  if failed then return nil, failed end
  return built
end

-- Query -------------------------------------------------------------------------------------

local MAX_NAME = 200 -- also ends a table that holds itself

local add_value

local function add_list(out, name, field, list)
  local count = 0
  for _ in pairs(list) do count = count + 1 end
  if count ~= #list then return errors.invalid(field, "is a list with holes or named members") end
  for i = 1, count do
    local index = type(list[i]) == "table" and i - 1 or ""
    local err = add_value(out, name .. "[" .. index .. "]", field .. "[" .. i .. "]", list[i])
    if err then return err end
  end
end

-- Members in the order of their names, so that the same query is always the same text.
local function add_members(out, name, field, members)
  local keys = {}
  for key in pairs(members) do
    if type(key) ~= "string" then
      return errors.invalid(field, "holds a member whose name is no string")
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local top = name == ""
    local err = add_value(out, top and key or name .. "[" .. key .. "]",
      top and key or field .. "." .. key, members[key])
    if err then return err end
  end
end

-- The text of a value that is no table; an error where it has none.
local function scalar(value, field)
  if type(value) == "boolean" then return value and "1" or "0" end
  if type(value) == "number" and value == value and math.abs(value) ~= math.huge then
    return json.encode(value)
  end
  if type(value) == "string" then return check_text(value, field) end
  local what = type(value) == "number" and tostring(value) or "a " .. type(value)
  return nil, errors.invalid(field, "cannot send " .. what .. " in a query")
end

function add_value(out, name, field, value)
  if #name > MAX_NAME then return errors.invalid(field:sub(1, MAX_NAME), "is too deep") end
  if value == json.null then return nil end
  if type(value) == "table" then
    local add = (json.is_array(value) or value[1] ~= nil) and add_list or add_members
    return add(out, name, field, value)
  end
  local text, err = check_text(name, field)
  if text then text, err = scalar(value, field) end
  if not text then return err end
  out[#out + 1] = encode(name) .. "=" .. encode(text)
end

--- A query with PHP's brackets, in a stable order: requester[mail]=…, tag[]=…; booleans as 1, 0.
---@param query table
---@return string|nil text without "?"; "" where there is nothing to say
---@return livechat.Error|nil err
function request.query(query)
  local out = {}
  local err = add_members(out, "", "query", query)
  if err then return nil, err end
  return table.concat(out, "&")
end

-- The whole ---------------------------------------------------------------------------------

--- The header lines of a request, in a stable order; made once for many requests.
---@param given table<string, string>|nil
---@param has_body boolean
---@return string[]|nil lines
---@return livechat.Error|nil err its field is the header's name
function request.lines(given, has_body)
  local all = { Accept = "application/json" }
  if has_body then all["Content-Type"] = "application/json" end
  for name, value in pairs(given or {}) do all[name] = tostring(value) end
  local lines = {}
  for name, value in pairs(all) do
    if not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
      return nil, errors.invalid(name, "is no name of a header")
    end
    if value:find("[%z\r\n]") then
      return nil, errors.invalid(name, "must not hold CR, LF or NUL")
    end
    lines[#lines + 1] = name .. ": " .. value
  end
  table.sort(lines)
  return lines
end

---@class livechat.RequestSpec
---@field method string
---@field path string with `args` a template ("/tickets/{id}"), else a path as the caller wrote it
---@field args? table<string, string|number> each is one segment, percent-encoded once
---@field query? table
---@field body? table|string a table is sent as JSON, a string as it is
---@field headers? table<string, string>
---@field lines? string[] from request.lines, instead of `headers`

--- What the engine sends. `err` is of kind `invalid` and names the argument at fault.
---@param base string from request.base
---@param spec livechat.RequestSpec
---@return { method: string, url: string, path: string, headers: string[], body: string|nil }|nil
---@return livechat.Error|nil err
function request.build(base, spec)
  if type(spec.method) ~= "string" or not spec.method:find("^%u+$") then
    return nil, errors.invalid("method", "must be upper-case letters, as GET")
  end
  if type(spec.path) ~= "string" then return nil, errors.invalid("path", "string expected") end
  local path, err = build_path(spec.path, spec.args)
  if not path then return nil, err end
  local query
  if spec.query then
    query, err = request.query(spec.query)
    if not query then return nil, err end
  end
  local body = spec.body
  if type(body) == "table" then
    local ok, text = pcall(json.encode, body)
    if not ok then return nil, errors.invalid("body", text) end
    body = text
  elseif body ~= nil and type(body) ~= "string" then
    return nil, errors.invalid("body", "table or string expected, got " .. type(body))
  end
  local headers = spec.lines
  if not headers then
    headers, err = request.lines(spec.headers, body ~= nil)
    if not headers then return nil, err end
  end
  return {
    method = spec.method,
    url = base .. path .. (query and query ~= "" and "?" .. query or ""),
    path = path,
    headers = headers,
    body = body,
  }
end

-- Answers -----------------------------------------------------------------------------------

-- Each "Name: value" of a block of lines: the name in lower case, and the value without blanks
-- around it. Lines without a colon, such as the status, are passed over.
local function each_header(block)
  local next_line = block:gmatch("[^\r\n]+")
  return function()
    for line in next_line do
      local colon = line:find(":", 1, true)
      if colon and colon > 1 then
        return line:sub(1, colon - 1):lower(), trim(line:sub(colon + 1))
      end
    end
  end
end

--- The value of the first such header of a block of "Name: value\r\n" lines.
---@param block string
---@param name string in any case
---@return string|nil value
function request.header(block, name)
  name = name:lower()
  for key, value in each_header(block) do
    if key == name then return value end
  end
end

--- Every header of such a block by its lower-case name; values of a repeated one joined by ", ".
---@param block string
---@return table<string, string>
function request.headers(block)
  local values, all = {}, {}
  for key, value in each_header(block) do
    values[key] = values[key] or {}
    table.insert(values[key], value)
  end
  for key, list in pairs(values) do all[key] = table.concat(list, ", ") end
  return all
end

return request
