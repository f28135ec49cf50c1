-- SPDX-License-Identifier: MIT
-- The UUIDs by which today's APIs know what the stores know by other names: made of the name, so
-- that nothing has to be kept with a record, and the same in each API.
--
-- A ticket's ID holds the store's id (v2's five letters and digits, HelpDesk's shortID) and gives
-- it back. Of every other kind the names behind the UUIDs are remembered, or found by going through
-- the names that there are.
local random = require "livechat.sandbox.random"

local Identities = {}
Identities.__index = Identities

local SCATTER = 2097143 -- times 36^5 below 2^47: a double holds it, and so do twelve digits

---@param options table { username=, account_id= } the service's
function Identities.new(options)
  return setmetatable({ options = options, ids = {}, keys = {} }, Identities)
end

local function number_of(text, factor)
  local number = factor
  for i = 1, #text do number = (number * factor + text:byte(i)) % 2147483646 end
  return number + 1
end

local function make(text)
  local one, other = random.stream(number_of(text, 31)), random.stream(number_of(text, 257))
  return ("%s-%s-4%s-%s%s-%s"):format(random.hex(one, 8), random.hex(other, 4),
    random.hex(one, 3), ("89ab"):sub(other(4)):sub(1, 1), random.hex(one, 3),
    random.hex(other, 12))
end

--- The UUID of what has this name.
---@param kind string "account", "agent", "team", "tag", …
---@param key string|number
---@return string
function Identities:of(kind, key)
  if kind == "account" and key == self.options.username then return self.options.account_id end
  local ids = self.ids[kind]
  if not ids then
    ids = {}
    self.ids[kind], self.keys[kind] = ids, {}
  end
  if not ids[key] then
    ids[key] = make(kind .. " " .. tostring(key))
    self.keys[kind][ids[key]] = key
  end
  return ids[key]
end

--- The name of what has this UUID.
---@param records table[] what there is
---@param name string the member of a record that is its name
---@return string|number|nil
function Identities:key(kind, id, records, name)
  if kind == "account" and id == self.options.account_id then return self.options.username end
  if not (self.keys[kind] and self.keys[kind][id]) then
    for _, record in ipairs(records) do self:of(kind, record[name]) end
  end
  return self.keys[kind] and self.keys[kind][id]
end

--- A ticket's ID.
---@param id string the store's
---@return string
function Identities.ticket(id)
  local n = math.floor(tonumber(id, 36))
  return ("%08x-%04x-4%03x-%04x-%012x"):format(n * 40503 % 4294967296, n * 48271 % 65536,
    n * 31 % 4096, 32768 + n * 7919 % 16384, n * SCATTER)
end

local DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

--- The store's id of a ticket's ID or shortID, whatever the case of its letters.
---@param text string
---@return string|nil
function Identities.ticket_id(text)
  if text:find("^%w%w%w%w%w$") then return text:upper() end
  local scattered = #text == 36 and tonumber(text:match("%-(%x+)$") or "", 16)
  local n = scattered and scattered / SCATTER
  if not n or n % 1 ~= 0 or n >= 36 ^ 5 then return nil end
  local id = ""
  for _ = 1, 5 do
    local digit = n % 36 + 1
    id = DIGITS:sub(digit, digit) .. id
    n = math.floor(n / 36)
  end
  return Identities.ticket(id) == text:lower() and id or nil
end

return Identities
