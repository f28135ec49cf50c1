-- SPDX-License-Identifier: MIT
-- Base64 as HTTP Basic wants it (RFC 4648, section 4), in arithmetic that every Lua has.
local base64 = {}

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function digit(number, weight)
  local index = math.floor(number / weight) % 64 + 1
  return DIGITS:sub(index, index)
end

---@param text string
---@return string
function base64.encode(text)
  local out = {}
  for at = 1, #text, 3 do
    local a, b, c = text:byte(at, at + 2)
    local number = a * 65536 + (b or 0) * 256 + (c or 0)
    out[#out + 1] = digit(number, 262144) .. digit(number, 4096) ..
      (b and digit(number, 64) or "=") .. (c and digit(number, 1) or "=")
  end
  return table.concat(out)
end

return base64
