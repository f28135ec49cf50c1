-- SPDX-License-Identifier: MIT
--- A set of ids in little more than their characters take: those of one bucket share one string. An
--- id is kept whole, a UUID as its 16 bytes, so that no two are ever taken for one. Pure.
local id_set = {}

local BUCKETS = 4096
local SPREAD = 36 -- characters of an id, of its end, that tell its bucket
local UUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"
local SIZE = 16 -- bytes of a UUID

local BYTES = {} -- by two hexadecimal digits
for byte = 0, 255 do BYTES[("%02x"):format(byte)] = string.char(byte) end

local function bucket_of(id)
  local sum = 0
  for i = math.max(1, #id - SPREAD + 1), #id do sum = (sum * 33 + id:byte(i)) % 2 ^ 32 end
  return sum % BUCKETS
end

-- Whether a string of UUIDs holds one, and not the end of one and the beginning of the next.
local function has(known, bytes)
  local at = known:find(bytes, 1, true)
  while at and at % SIZE ~= 1 do at = known:find(bytes, at + 1, true) end
  return at ~= nil
end

local function add_uuid(set, id)
  local bucket, bytes = -1 - bucket_of(id), id:gsub("%-?(%x%x)", BYTES)
  local known = set[bucket] or ""
  if has(known, bytes) then return false end
  set[bucket] = known .. bytes
  return true
end

--- Adds an id to a set, which is made as an empty table.
---@param set table
---@param id string
---@return boolean new whether it was not in the set
function id_set.add(set, id)
  if #id == 36 and id:find(UUID) and not id:find("%u") then
    return add_uuid(set, id)
  elseif id:find("\0", 1, true) then -- which separates the others
    local new = not set[id]
    set[id] = true
    return new
  end
  local bucket = bucket_of(id)
  local known = set[bucket] or "\0"
  if known:find("\0" .. id .. "\0", 1, true) then return false end
  set[bucket] = known .. id .. "\0"
  return true
end

return id_set
