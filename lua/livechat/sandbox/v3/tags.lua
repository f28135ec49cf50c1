-- SPDX-License-Identifier: MIT
-- The Configuration API's actions about tags: one for each name, of several groups. The store has
-- one for each group. A handler answers a value, or nil, an error's type and its message.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"

local object = schema.object

local NAME = schema.text(200, 1)
local GROUPS = schema.list(schema.integer(0, 2 ^ 31), 200)

-- Every name with its groups, in the order in which the names came.
local function tags_of(service)
  local found, by_name = {}, {}
  for _, tag in ipairs(service.tags.list_of) do
    local known = by_name[tag.name]
    if not known then
      known = { name = tag.name, author = tag.author, created = tag.created, groups = {} }
      by_name[tag.name], found[#found + 1] = known, known
    end
    known.groups[#known.groups + 1] = tag.group
  end
  return found, by_name
end

local function unknown_group(service, ids)
  for _, id in ipairs(ids or {}) do
    if not service.groups.by_id[id] then return true end
  end
end

local function add(service, name, groups, author, created)
  for _, group in ipairs(groups) do
    if not service.tags:find(name, group) then
      service.tags:add({ name = name, author = author, group = group, created = created })
    end
  end
end

local function create(service, call)
  local name, groups = call.fields.name, call.fields.group_ids or {}
  if unknown_group(service, groups) then return nil, "group_not_found", "Group not found" end
  for _, tag in ipairs(service.tags.list_of) do
    if tag.name:lower() == name:lower() then
      return nil, "already_exists", "Tag already exists"
    end
  end
  add(service, name, groups[1] and groups or { 0 }, call.login, call.now)
  local _, by_name = tags_of(service)
  service:tell("tag_created", by_name[name], call.now, nil, nil, call.caller)
  return today.NOTHING
end

local function update(service, call)
  local name, groups = call.fields.name, call.fields.group_ids or {}
  local _, by_name = tags_of(service)
  local old = by_name[name]
  if not old then return nil, "not_found", "Tag not found" end
  if unknown_group(service, groups) then return nil, "group_not_found", "Group not found" end
  repeat until not service.tags:remove(name)
  add(service, name, groups[1] and groups or { 0 }, old.author, old.created)
  _, by_name = tags_of(service)
  service:tell("tag_updated", by_name[name], call.now, nil, nil, call.caller)
  return today.NOTHING
end

local function delete(service, call)
  local _, by_name = tags_of(service)
  local old = by_name[call.fields.name]
  if not old then return nil, "not_found", "Tag not found" end
  repeat until not service.tags:remove(old.name)
  service:tell("tag_deleted", old, call.now, nil, nil, call.caller)
  return today.NOTHING
end

local function list(service, call)
  local wanted
  for _, id in ipairs(call.fields.filters and call.fields.filters.group_ids or {}) do
    wanted = wanted or {}
    wanted[id] = true
  end
  local result = json.array()
  for _, tag in ipairs(tags_of(service)) do
    local inside, ids = not wanted, json.array()
    for i, id in ipairs(tag.groups) do
      ids[i], inside = today.id(service, id), inside or wanted[id]
    end
    if inside then
      result[#result + 1] = { name = tag.name, group_ids = ids, author_id = tag.author,
        created_at = today.date(service, tag.created, 6, tag.name) }
    end
  end
  return result
end

local READ = "tags--all:ro tags--groups:ro"
local WRITE = "tags--all:rw tags--groups:rw"

return {
  create_tag = { create, object({ ["name*"] = NAME, group_ids = GROUPS }), scopes = WRITE },
  update_tag = { update, object({ ["name*"] = NAME, ["group_ids*"] = GROUPS }), scopes = WRITE },
  delete_tag = { delete, object({ ["name*"] = NAME }), scopes = WRITE },
  list_tags = { list, object({ filters = object({ ["group_ids*"] = GROUPS }) }), scopes = READ },
}
