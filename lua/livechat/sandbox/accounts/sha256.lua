-- SPDX-License-Identifier: MIT
-- SHA-256 (FIPS 180-4) in arithmetic that every Lua has: for the verifiers of public clients, which
-- are short.
local WORD = 2 ^ 32

-- Four bits of each side at a time, out of a table.
local function bitwise(of_bits)
  local digits = {}
  for a = 0, 15 do
    for b = 0, 15 do
      local result = 0
      for bit = 0, 3 do
        local weight = 2 ^ bit
        result = result + weight * of_bits(math.floor(a / weight) % 2, math.floor(b / weight) % 2)
      end
      digits[a * 16 + b] = result
    end
  end
  return function(x, y)
    local result, weight = 0, 1
    for _ = 1, 8 do
      local a, b = x % 16, y % 16
      result = result + digits[a * 16 + b] * weight
      x, y, weight = (x - a) / 16, (y - b) / 16, weight * 16
    end
    return result
  end
end

local xor = bitwise(function(a, b) return (a + b) % 2 end)
local band = bitwise(function(a, b) return a * b end)

local function rotate(x, n)
  local low = x % 2 ^ n
  return (x - low) / 2 ^ n + low * 2 ^ (32 - n)
end

local function shift(x, n)
  return math.floor(x / 2 ^ n)
end

-- The first 32 bits of the fractions of roots of the first primes.
local function fractions(count, root)
  local list, n = {}, 2
  while #list < count do
    local prime = true
    for divisor = 2, math.floor(n ^ 0.5) do prime = prime and n % divisor ~= 0 end
    if prime then list[#list + 1] = math.floor(n ^ root % 1 * WORD) end
    n = n + 1
  end
  return list
end

local K, START = fractions(64, 1 / 3), fractions(8, 1 / 2)

local function schedule(text, at)
  local w = {}
  for i = 1, 16 do
    local a, b, c, d = text:byte(at + i * 4 - 4, at + i * 4 - 1)
    w[i] = a * 2 ^ 24 + b * 2 ^ 16 + c * 2 ^ 8 + d
  end
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    local s0 = xor(xor(rotate(x, 7), rotate(x, 18)), shift(x, 3))
    local s1 = xor(xor(rotate(y, 17), rotate(y, 19)), shift(y, 10))
    w[i] = (w[i - 16] + s0 + w[i - 7] + s1) % WORD
  end
  return w
end

local function compress(state, w)
  local a, b, c, d, e, f, g, h = (table.unpack or unpack)(state)
  for i = 1, 64 do
    local s1 = xor(xor(rotate(e, 6), rotate(e, 11)), rotate(e, 25))
    local choice = xor(band(e, f), band(WORD - 1 - e, g))
    local first = (h + s1 + choice + K[i] + w[i]) % WORD
    local s0 = xor(xor(rotate(a, 2), rotate(a, 13)), rotate(a, 22))
    local majority = xor(xor(band(a, b), band(a, c)), band(b, c))
    a, b, c, d, e, f, g, h = (first + s0 + majority) % WORD, a, b, c, (d + first) % WORD, e, f, g
  end
  for i, word in ipairs({ a, b, c, d, e, f, g, h }) do state[i] = (state[i] + word) % WORD end
end

--- The 32 bytes of a text's digest.
---@param text string
---@return string
return function(text)
  local bits, state, out = #text * 8, {}, {}
  local padded = text .. "\128" .. ("\0"):rep((55 - #text) % 64) .. ("\0"):rep(4)
  for i = 3, 0, -1 do padded = padded .. string.char(math.floor(bits / 256 ^ i) % 256) end
  for i = 1, 8 do state[i] = START[i] end
  for at = 1, #padded, 64 do compress(state, schedule(padded, at)) end
  for _, word in ipairs(state) do
    for i = 3, 0, -1 do out[#out + 1] = string.char(math.floor(word / 256 ^ i) % 256) end
  end
  return table.concat(out)
end
