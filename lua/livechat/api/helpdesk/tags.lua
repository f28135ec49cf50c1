-- SPDX-License-Identifier: MIT
--- Tags of tickets are made and removed, and what was known of their names is forgotten. Pure: the
--- calls are made by the operation that is handed in.
local names = require "livechat.api.helpdesk.names"

local tags = {}

--- Adds a tag: `group` is the ID of the one team that may use it.
function tags.create(op, _, fields)
  local value, err = names.create_tag(op, fields.name, fields.group)
  if not value then
    return nil, err
  end
  return op:made("tag", value)
end

--- Removes a tag, by its name or its ID.
function tags.delete(op, args)
  local ids, err = names.tag_ids(op, { args.tag })
  if not ids and err.kind ~= "invalid" then
    return nil, err
  end
  local value
  value, err = op:perform(op.row, { tag = ids and ids[1] or args.tag })
  names.forget(op.client)
  if not value then
    return nil, err
  end
  return true
end

return tags
