-- SPDX-License-Identifier: MIT
-- Park and Miller's generator: the same numbers from the same seed on every Lua, which
-- math.random does not promise. Products stay below 2^53, so doubles hold them exactly.
local random = {}

--- A stream of numbers. `stream(n)` draws an integer from 1 to n, `stream()` a number in [0, 1).
---@param seed integer 1 to 2147483646
---@return fun(n?: integer): number
function random.stream(seed)
  local state = seed
  return function(n)
    state = state * 16807 % 2147483647
    local fraction = (state - 1) / 2147483646
    if not n then return fraction end
    return math.floor(fraction * n) + 1
  end
end

local function text_of(alphabet)
  return function(stream, length)
    local out = {}
    for i = 1, length do
      local at = stream(#alphabet)
      out[i] = alphabet:sub(at, at)
    end
    return table.concat(out)
  end
end

--- `length` hexadecimal digits, as in tokens and event ids.
random.hex = text_of("0123456789abcdef")

--- `length` upper-case letters and digits, as in chat ids.
random.code = text_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")

return random
