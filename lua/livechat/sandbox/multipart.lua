-- SPDX-License-Identifier: MIT
-- Bodies of multipart/form-data (RFC 7578). Of a part only its name, type and size are kept.
local today = require "livechat.sandbox.today"

local multipart = {}

local MOST_PARTS, LONGEST_HEADER = 100, 4096

-- The parameter of a header's value, quoted or not: name="a \"b\".txt".
local function parameter(text, name)
  local at = select(2, (";" .. text):lower():find(";%s*" .. name .. "="))
  if not at then return nil end
  local rest = text:sub(at)
  if rest:sub(1, 1) ~= '"' then return rest:match("^[^;%s]*") end
  local quoted = rest:match('^"([^"\\]*)"')
  if quoted then return quoted end
  local out, place = {}, 2
  while place <= #rest do
    local char = rest:sub(place, place)
    if char == '"' then return table.concat(out) end
    if char == "\\" then place = place + 1 char = rest:sub(place, place) end
    out[#out + 1], place = char, place + 1
  end
end

local function part(headers, size)
  if #headers > LONGEST_HEADER then return nil end
  local lower = {}
  for line in headers:gmatch("[^\r\n]+") do
    local name, value = line:match("^([^:]+):[ \t]*(.*)$")
    if name then lower[name:lower()] = value end
  end
  local disposition = lower["content-disposition"] or ""
  local name = disposition:find("^form%-data") and parameter(disposition, "name")
  if not name then return nil end
  local file = parameter(disposition, "filename")
  return { field = today.clean(name), name = file and today.clean(file), size = size,
    type = today.clean(lower["content-type"] or "application/octet-stream") }
end

--- Reads the parts of a request's body.
---@param request table { headers=, body= }
---@return table[]|nil parts { field=, name=<of the file, nil where it is none>, type=, size= }
---@return string|nil message
function multipart.read(request)
  local kind = tostring(request.headers["content-type"])
  local boundary = kind:lower():find("^multipart/form%-data") and parameter(kind, "boundary")
  if not boundary or boundary == "" or #boundary > 70 then
    return nil, "the body must be multipart/form-data with a boundary"
  end
  local body, line = "\r\n" .. (request.body or ""), "\r\n--" .. boundary
  local _, at = body:find(line, 1, true)
  local parts = {}
  while at do
    if body:sub(at + 1, at + 2) == "--" then return parts end
    local _, head = body:find("\r\n\r\n", at + 1, true)
    local stop, after = body:find(line, at + 1, true)
    if not head or not stop or body:sub(at + 1, at + 2) ~= "\r\n" then break end
    -- A part without a header has none of a name.
    local found = head < stop + 4 and part(body:sub(at + 3, head - 4), stop - head - 1)
    if not found or #parts == MOST_PARTS then break end
    parts[#parts + 1], at = found, after
  end
  return nil, "the parts of the body cannot be read"
end

return multipart
