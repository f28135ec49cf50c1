-- SPDX-License-Identifier: MIT
--- Groups and tags of the Configuration API. [D] docs/service.md
local json = require "livechat.json"
local wire = require "livechat.api.v3.wire"

local groups = {}

local FIELDS = json.array { "agent_priorities", "routing_status" }

-- ---- as read -----------------------------------------------------------------------------------

--- A decoded group with v2's names beside its own members.
---@param own table a copy
---@return table own
function groups.shape(own)
  own.language, own.status = own.language_code, wire.status(own.routing_status)
  if type(own.agent_priorities) == "table" then
    own.agents = json.array {}
    for login in pairs(own.agent_priorities) do own.agents[#own.agents + 1] = login end
    table.sort(own.agents)
  end
  return own
end

--- The same for a tag.
function groups.shape_tag(own)
  own.author, own.creation_date = own.author_id, own.created_at
  own.group = type(own.group_ids) == "table" and own.group_ids[1] or nil
  return own
end

groups.records = {
  own_group = { name = "livechat.Group", id = "id", resource = "groups", methods = { "delete" },
    shape = groups.shape, members = { id = "integer" } },
  tag = { shape = groups.shape_tag, members = { group = "integer", created_at = "time",
    creation_date = "time", group_ids = { list = "integer" } } },
}

groups.answers = {
  own_group = { kind = "own_group", what = "a group", id = "id" },
  own_groups = { kind = "own_group", what = "a list of groups", id = "id", list = true },
  tags = { kind = "tag", what = "a list of tags", id = "name", list = true },
}

-- ---- calls -------------------------------------------------------------------------------------

local function action(name, row)
  return wire.action("configuration", name, row)
end

local LIST = action("list_groups", { safe = true, returns = "own_groups" })
local GET = action("get_group", { safe = true, returns = "own_group" })
local CREATE = action("create_group", { returns = "done" })
local UPDATE = action("update_group", { safe = true, returns = "done" })
local TAGS = action("list_tags", { safe = true, returns = "tags" })
local NEW_TAG = action("create_tag", { returns = "done" })

-- Those who stay keep their priorities.
local function priorities_of(logins, before)
  local old, made = before and before.agent_priorities or {}, {}
  for _, login in ipairs(logins) do made[login] = old[login] or "normal" end
  return made
end

local function id_of(id)
  return json.integer(tonumber(id) or id)
end

local function list(op)
  return op:result(LIST, {}, nil, { fields = FIELDS })
end

local function read(op, id)
  return op:perform(GET, {}, nil, { id = id_of(id), fields = FIELDS })
end

-- Changes take up to two minutes to spread, so what was just taken is shown over what is read.
local function shown(op, own, sent)
  for name, value in pairs(sent) do own[name] = value end
  return op.dialect:one("own_group", own, op.client)
end

local function get(op, _, fields)
  local own, err = read(op, fields.id)
  if not own then
    return nil, err
  end
  return op.dialect:one("own_group", own, op.client)
end

-- The id of a group that was made: where the answer does not tell it, of the newest of that name.
local function new_id(op, made, name, answer)
  if type(made) == "table" and made.id ~= nil then
    return made.id
  end
  local newest
  for _, group in ipairs(op:perform(LIST, {}, nil, {}) or {}) do
    local id = tonumber(group.id)
    if group.name == name and id and id > (newest or -1) then newest = id end
  end
  if not newest then
    return nil, op:protocol_error(answer, "the answer does not tell the new group's id")
  end
  return newest
end

local function create(op, _, fields)
  local body = { name = fields.name, language_code = fields.language,
    agent_priorities = priorities_of(fields.agents) }
  local made, err, answer = op:perform(CREATE, {}, nil, body)
  if made then
    made, err = new_id(op, made, fields.name, answer)
  end
  if not made then
    return nil, err
  end
  body.id = id_of(made)
  return shown(op, read(op, made) or {}, body)
end

local function update(op, _, fields)
  local before, err = read(op, fields.id)
  if not before then
    return nil, err
  end
  local body = { id = id_of(fields.id), name = fields.name, language_code = fields.language,
    agent_priorities = fields.agents and priorities_of(fields.agents, before) }
  local done
  done, err = op:perform(UPDATE, {}, nil, body)
  if not done then
    return nil, err
  end
  return shown(op, before, body)
end

local function delete(op, _, fields)
  return op:result(op.row, {}, nil, { id = id_of(fields.id) })
end

-- The service wants to know of which groups: all of them, where none is asked for.
local function list_tags(op, _, filter)
  local ids = json.array {}
  if filter.group then
    ids[1] = filter.group
  else
    local all, err = op:perform(LIST, {}, nil, {})
    if not all then
      return nil, err
    end
    for i, group in ipairs(all) do ids[i] = id_of(group.id) end
  end
  return op:result(TAGS, {}, nil, { filters = { group_ids = ids } })
end

local function create_tag(op, _, fields)
  local ids = json.array { fields.group }
  local done, err = op:perform(NEW_TAG, {}, nil, { name = fields.tag, group_ids = ids })
  if not done then
    return nil, err
  end
  return op.dialect:thing("tag", { name = fields.tag, group_ids = ids })
end

-- ---- rows --------------------------------------------------------------------------------------

local function text(more)
  local spec = { type = "string", one_line = true, min = 1 }
  for name, value in pairs(more or {}) do spec[name] = value end
  return spec
end

local ID = { { "id", "body" } }
local GROUP = { type = "group", min = 0 }

groups.resources = {
  { name = "list", path = LIST.path, returns = "own_groups", run = list, query = {},
    doc = "all groups" },
  { name = "get", path = GET.path, args = ID, returns = "own_group", run = get,
    doc = "one group" },
  {
    name = "create", path = CREATE.path, returns = "own_group", run = create,
    fields = { name = text { required = true }, language = text(),
      agents = { type = "list", of = text(), required = true } },
    doc = "adds a group; its agents have the priority 'normal'",
  },
  {
    name = "update", path = UPDATE.path, args = ID, returns = "own_group", run = update,
    fields = { name = text(), language = text(), agents = { type = "list", of = text() } },
    doc = "changes what is given; agents who stay keep their priorities",
  },
  action("delete_group", { name = "delete", args = ID, safe = true, gone = "not_found",
    returns = "done", run = delete, doc = "removes a group" }),
}

groups.tags = {
  { name = "list", path = TAGS.path, returns = "tags", run = list_tags, query = { group = GROUP },
    doc = "the tags of chats, of one group where asked" },
  {
    name = "create", path = NEW_TAG.path, returns = "tags", run = create_tag,
    fields = { tag = text { required = true }, group = { type = "group", min = 0, required = true },
      author = text() },
    doc = "adds a tag for chats; its author is who calls, whatever `author` says",
  },
  action("delete_tag", { name = "delete", args = { { "tag", "body:name" } }, safe = true,
    gone = "not_found", returns = "done", doc = "removes a tag" }),
}

return groups
