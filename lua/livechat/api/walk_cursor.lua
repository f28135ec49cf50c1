-- SPDX-License-Identifier: MIT
--- Iterates over a list that is walked by cursor: each answer holds items and the token of the next
--- answer. A cursor stands still while the list moves. Pure.
local add = require "livechat.api.id_set".add
local errors = require "livechat.errors"

local walk_cursor = {}

--- `fetch(token)` returns a list of items with the member `next`, the token of the next answer (nil
--- or "" for the last), or nil and an error object, which is raised: the loop can go on after it. A
--- token that comes again would go on for ever: a protocol error. No item is given twice.
---@param fetch fun(token: string|nil): table|nil, any
---@param id fun(item: any): string|nil
---@return fun(): any
function walk_cursor.each(fetch, id)
  local seen, tokens = {}, {}
  local items, at, token, last = {}, 0, nil, false

  local function read()
    local page, err = fetch(token)
    if not page then errors.throw(err) end
    items, at = page, 0
    token = page.next
    last = token == nil or token == ""
    if not last and tokens[token] then
      errors.throw(errors.new { kind = "protocol", message = "the list's cursor goes in a circle" })
    end
    if not last then tokens[token] = true end
  end

  return function()
    while true do
      at = at + 1
      local item = items[at]
      if item == nil then
        if last then return nil end
        read()
      else
        items[at] = nil
        local name = id(item)
        if not name then
          errors.throw(errors.new { kind = "protocol", message = "an item of the list has no id" })
        end
        if add(seen, name) then return item end
      end
    end
  end
end

return walk_cursor
