-- SPDX-License-Identifier: MIT
-- The account's tags, each of one group. How often one is used stands with the tickets and chats.
local Tags = {}
Tags.__index = Tags

function Tags.new()
  return setmetatable({ list_of = {} }, Tags)
end

--- Counts how often each tag is used: takes the old ones out and the new ones in.
---@param counts table<string, integer>
---@param old string[]|nil
---@param new string[]|nil
function Tags.count(counts, old, new)
  for _, name in ipairs(old or {}) do
    counts[name] = counts[name] > 1 and counts[name] - 1 or nil
  end
  for _, name in ipairs(new or {}) do counts[name] = (counts[name] or 0) + 1 end
end

---@param group integer|nil nil for the first of any group
---@return table|nil tag
---@return integer|nil at
function Tags:find(name, group)
  for i, tag in ipairs(self.list_of) do
    if tag.name == name and (not group or tag.group == group) then return tag, i end
  end
end

---@param fields table { name=, author=<login>, group=<id>, created=<seconds> }
---@return table tag the same
function Tags:add(fields)
  self.list_of[#self.list_of + 1] = fields
  return fields
end

--- Removes a tag from a group; what carries it keeps it.
---@return boolean found
function Tags:remove(name, group)
  local _, at = self:find(name, group)
  if at then table.remove(self.list_of, at) end
  return at ~= nil
end

return Tags
