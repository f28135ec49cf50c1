-- SPDX-License-Identifier: MIT
--- Which tag has which name, and which agent which address: asked of the service and kept for a
--- while, because each call is billed. Pure: the calls are made by the operation that is handed in.
local errors = require "livechat.errors"
local json = require "livechat.json"

local names = {}

local KEEP = 300 -- seconds
local LOOK_EVERY = 30 -- seconds, for a tag that the list had not

-- By client: { tags = <a list kept>, agents = <a list kept> }.
local kept = setmetatable({}, { __mode = "k" })

local function of(client)
  kept[client] = kept[client] or {}
  return kept[client]
end

local ROWS = {
  tags = { verb = "GET", path = "/tags", safe = true, returns = "tags" },
  agents = { verb = "GET", path = "/agents", safe = true, returns = "agents" },
}

-- An id as text, however the service writes it.
local function text(value)
  return type(value) == "number" and json.encode(json.integer(value)) or value
end
names.text = text

-- A list as it is kept, not older than `age` seconds; nil and the error where it cannot be had.
local function list_of(op, what, age)
  local store, now = of(op.client), op.clock()
  local found = store[what]
  if found and now - found.at < age then
    return found
  end
  local list, err = op:perform(ROWS[what], {})
  if not list then
    return nil, err
  end
  found = { at = op.clock(), list = list, by_id = {} }
  for _, each in ipairs(list) do found.by_id[text(each.ID)] = each end
  store[what] = found
  return found
end

--- What was known of tags is so no more.
function names.forget(client)
  of(client).tags = nil
end

-- ---- reading -----------------------------------------------------------------------------------

local function unknown(store, ids)
  for _, id in ipairs(type(ids) == "table" and ids or {}) do
    if not store or not store.by_id[text(id)] then return true end
  end
  return false
end

--- Sees to it that the names of the tags of such tickets are known, as far as they can be. That
--- they cannot keeps no ticket from being read: its tags then are ids.
---@param op livechat.Operation
---@param found table a ticket or a list of them, in the wire's form
function names.prepare(op, found)
  local store, now = of(op.client), op.clock()
  local known = store.tags and now - store.tags.at < KEEP and store.tags
  local wanted = false
  for _, ticket in ipairs(found.ID and { found } or found) do
    wanted = wanted or unknown(known, ticket.tagIDs)
  end
  -- A tag that the list does not have is looked for once in a while, not with each ticket.
  if wanted and now - (store.looked or -math.huge) >= LOOK_EVERY then
    store.looked = now
    list_of(op, "tags", 0)
  end
end

--- The names of a ticket's tags.
---@param client livechat.Client|nil
---@param ids any
---@return any names a list, with the id of one that is not known
function names.tags(client, ids)
  if type(ids) ~= "table" then
    return ids
  end
  local store, list = client and of(client).tags, json.array {}
  for i, id in ipairs(ids) do
    local tag = store and store.by_id[text(id)]
    list[i] = tag and type(tag.name) == "string" and tag.name or text(id)
  end
  return list
end

-- ---- writing -----------------------------------------------------------------------------------

-- A tag by its name, or by its id. Names of one account are unique but for case.
local function tag_named(store, name)
  if store.by_id[name] then
    return store.by_id[name]
  end
  local near
  for _, tag in ipairs(store.list) do
    if tag.name == name then return tag end
    near = near or type(tag.name) == "string" and tag.name:lower() == name:lower() and tag or nil
  end
  return near
end

local CREATE = { verb = "POST", path = "/tags", returns = "tag" }

--- Makes a tag. One whose answer was lost, or held nothing, is looked for: names are unique.
---@param op livechat.Operation
---@param team any the ID of the one team that may use it, nil for all
---@return table|nil tag in the wire's form
---@return livechat.Error|nil err
function names.create_tag(op, name, team)
  local tag, err = op:perform(CREATE, {}, nil, { name = name, teamID = team or json.null })
  names.forget(op.client)
  if not tag and err.outcome == "unknown" then
    local store = list_of(op, "tags", 0)
    tag = store and tag_named(store, name)
  end
  if not tag then
    return nil, err
  end
  return tag
end

-- The tag of a name. One that was made a moment ago by another is looked for anew.
local function tag_of(op, name, create, field)
  local store, err = list_of(op, "tags", KEEP)
  local tag = store and tag_named(store, name)
  if store and not tag then
    store, err = list_of(op, "tags", 0)
    tag = store and tag_named(store, name)
  end
  if store and not tag and create then
    tag, err = names.create_tag(op, name)
    if tag then list_of(op, "tags", 0) end
  elseif store and not tag then
    err = errors.invalid(field, "is the name of no tag; create_tags = true makes it")
  end
  return tag, err
end

--- The ids of tags that are named, as the service writes them.
---@param op livechat.Operation
---@param wanted string[]
---@param create boolean|nil makes those that there are not
---@return (string|number)[]|nil ids
---@return livechat.Error|nil err
function names.tag_ids(op, wanted, create)
  local ids, seen = json.array {}, {}
  for i, name in ipairs(wanted) do
    local tag, err = tag_of(op, name, create, ("tags[%d]"):format(i))
    if not tag then
      err.outcome = "not_sent" -- the ticket is as it was
      return nil, err
    end
    if not seen[text(tag.ID)] then ids[#ids + 1] = tag.ID end
    seen[text(tag.ID)] = true
  end
  return ids
end

--- An agent by ID or e-mail address.
---@return table|nil agent in the wire's form; without `ID` only where the list cannot say it
---@return livechat.Error|nil err
function names.agent(op, who, field)
  local began = op.clock()
  local found, err = list_of(op, "agents", KEEP)
  if not found then
    err.outcome = "not_sent"
    return nil, err
  end
  for try = 1, 2 do
    for _, agent in ipairs(found.list) do
      if text(agent.ID) == who
        or type(agent.email) == "string" and agent.email:lower() == who:lower() then
        return agent
      end
    end
    if try == 1 and found.at < began then -- one that was made a moment ago
      found, err = list_of(op, "agents", 0)
      if not found then return nil, err end
    end
  end
  return nil, errors.invalid(field, "is neither the ID nor the address of an agent")
end

--- The ID of the agent who calls, nil where it is not known. A list that does not tell is not
--- asked for again before it is old.
---@param client livechat.Client
---@param account string the account's id, or the address, with which the client signs in
---@param now number seconds of a clock that only goes forward
function names.own(client, account, now)
  local store = of(client)
  if store.own == nil and now - (store.asked or -math.huge) >= LOOK_EVERY then
    local list = client:request { service = "helpdesk", path = "/agents" }
    for _, agent in ipairs(type(list) == "table" and list or {}) do
      if agent.accountID == account or agent.email == account then store.own = text(agent.ID) end
    end
    store.asked = list and now + KEEP - LOOK_EVERY or now
  end
  return store.own
end

return names
