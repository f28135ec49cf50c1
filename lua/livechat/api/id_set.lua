-- SPDX-License-Identifier: MIT
--- A set of ids in little more than their characters take: those of one bucket share one string. An
--- id is kept whole, so that no two are ever taken for one. Pure.
local id_set = {}

local BUCKETS = 4096
local SPREAD = 36 -- characters of an id, of its end, that tell its bucket

local function bucket_of(id)
  local sum = 0
  for i = math.max(1, #id - SPREAD + 1), #id do sum = (sum * 33 + id:byte(i)) % 2 ^ 32 end
  return sum % BUCKETS
end

--- Adds an id to a set, which is made as an empty table.
---@param set table
---@param id string
---@return boolean new whether it was not in the set
function id_set.add(set, id)
  if id:find("\0", 1, true) then -- which separates the others
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
