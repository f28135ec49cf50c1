-- SPDX-License-Identifier: MIT
-- Records with numbers of their own, in the order in which they came.
local Shelf = {}
Shelf.__index = Shelf

---@param first integer the first number
---@param step integer from one number to the next
function Shelf.new(first, step)
  return setmetatable({ next = first, step = step, list_of = {}, by_id = {} }, Shelf)
end

--- Numbers a record and keeps it.
---@return table record the same
function Shelf:add(record)
  record.id = self.next
  self.next = self.next + self.step
  self.list_of[#self.list_of + 1] = record
  self.by_id[record.id] = record
  return record
end

function Shelf:remove(record)
  self.by_id[record.id] = nil
  for i, each in ipairs(self.list_of) do
    if each == record then table.remove(self.list_of, i) break end
  end
end

return Shelf
