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

local function text(value)
  return type(value) == "number" and json.encode(value) or value
end

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

-- The id of a tag by its name, or by the id itself. Names of one account are unique but for case.
local function tag_id(store, name)
  if store.by_id[name] then
    return name
  end
  local near
  for _, tag in ipairs(store.list) do
    if tag.name == name then return text(tag.ID) end
    near = near or type(tag.name) == "string" and tag.name:lower() == name:lower()
      and text(tag.ID) or nil
  end
  return near
end

local CREATE = { verb = "POST", path = "/tags", returns = "tag" }

local function create_tag(op, name)
  local tag, err = op:perform(CREATE, {}, nil, { name = name, teamID = json.null })
  names.forget(op.client)
  if not tag then
    return nil, err
  end
  return text(tag.ID)
end

--- The ids of tags that are named. A name that was made a moment ago by another is looked for anew.
---@param op livechat.Operation
---@param wanted string[]
---@param create boolean|nil makes those that there are not
---@return string[]|nil ids
---@return livechat.Error|nil err
function names.tag_ids(op, wanted, create)
  local ids, seen = json.array {}, {}
  if #wanted == 0 then
    return ids
  end
  local store, err = list_of(op, "tags", KEEP)
  for i, name in ipairs(wanted) do
    local id = store and tag_id(store, name)
    if store and not id then
      store, err = list_of(op, "tags", 0)
      id = store and tag_id(store, name)
    end
    if store and not id and create then
      id, err = create_tag(op, name)
      if id then store, err = list_of(op, "tags", 0) end
    elseif store and not id then
      err = errors.invalid(("tags[%d]"):format(i),
        "is the name of no tag; create_tags = true makes it")
    end
    if not id or not store then
      err.outcome = "not_sent" -- the ticket is as it was
      return nil, err
    end
    if not seen[id] then ids[#ids + 1] = id end
    seen[id] = true
  end
  return ids
end

--- An agent by ID or e-mail address.
---@return table|nil agent in the wire's form; without `ID` only where the list cannot say it
---@return livechat.Error|nil err
function names.agent(op, who, field)
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
    if try == 1 and op.clock() - found.at > 1 then
      found, err = list_of(op, "agents", 0)
      if not found then return nil, err end
    end
  end
  return nil, errors.invalid(field, "is neither the ID nor the address of an agent")
end

--- The ID of the agent who calls, nil where it is not known.
---@param client livechat.Client
---@param account string the account's id, or the address, with which the client signs in
function names.own(client, account)
  local store = of(client)
  if store.own == nil then
    local list = client:request { service = "helpdesk", path = "/agents" }
    for _, agent in ipairs(type(list) == "table" and list or {}) do
      if agent.accountID == account or agent.email == account then store.own = text(agent.ID) end
    end
  end
  return store.own
end

return names
