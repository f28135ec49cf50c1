-- SPDX-License-Identifier: MIT
--- A call that must not be made twice, and whose answer was lost: what it made is looked for, and
--- never taken for what another call made.
local core = require "livechat.core"
local lost_create = require "livechat.api.lost_create"
local request = require "livechat.call.request"
local retry = require "livechat.call.retry"

local reconcile = {}

--- Epoch seconds of an answer's Date, nil where it has none.
function reconcile.server_date(answer)
  local date = request.header(answer.headers, "Date")
  return date and retry.http_date(date, core.now())
end

-- What the creates of each account know of each other. By the account's name, because what a client
-- was given is another create's also for the next client of the account; by the connections where
-- a token says nothing but itself.
local registries, swept = {}, core.clock()
local sharers = setmetatable({}, { __mode = "k" })

local function sweep()
  local now = core.clock()
  if now - swept < lost_create.REMEMBER then
    return
  end
  swept = now
  for key, registry in pairs(registries) do
    if registry:is_empty() then
      registries[key] = nil
    end
  end
end

local function registry_of(conn)
  local key = conn.account
  if key then
    sweep()
    registries[key] = registries[key] or lost_create.registry(core.clock)
    return registries[key]
  end
  for other, registry in pairs(sharers) do
    if conn:same_account(other) then
      return registry
    end
  end
  sharers[conn] = lost_create.registry(core.clock)
  return sharers[conn]
end

-- One look, over as many pages as may hold it until `due`; the thing, or nil.
local function look(op, wanted, registry, began, due)
  local lost, found = op.row.lost, {}
  local filter, number = lost.filter(wanted, began), 1
  while true do
    filter.page = number > 1 and number or nil
    local page, _, answer = op:perform(op.rows[lost.list], {}, filter, nil, due)
    if not page then
      break
    end
    local options = { lost = lost, time = core.time,
      since = lost_create.since(began, core.now(), reconcile.server_date(answer)) }
    lost_create.match(found, page, wanted, options)
    if not lost_create.goes_on(page, number, options) or core.clock() >= due then
      break
    end
    number = number + 1
  end
  return lost_create.oldest(found, registry, lost.id)
end

-- Looks again and again for what a call may have made, for as long as the client's option allows;
-- nil where `seek(due)` does not find it in time, or it may be another call's.
local function look_for(op, registry, token, seek)
  local conn, now = op.conn, core.clock()
  -- A tenth of what is left of the deadline is for the answer to the last look.
  local limit = math.min(conn.reconcile, 0.9 * ((op.due or math.huge) - now))
  local ends = now + limit
  registry:lost(token)
  for pause in lost_create.schedule(limit) do
    if not conn:sleep(math.min(pause, math.max(0, ends - core.clock()))) then
      return nil
    end
    local found = seek(math.min(op.due or math.huge, math.max(ends, core.clock() + 1)), registry)
    if conn.closed then
      return nil
    elseif found and not registry:is_ambiguous(token) then
      return found
    end
  end
end

--- Makes a call that must not be made twice, and where its answer was lost finds what it made.
---@param op livechat.Operation
---@param print string what two such calls have in common that could not be told apart
---@param call fun(): table|nil, livechat.Error|nil
---@param seek fun(due: number, registry: livechat.Registry): table|nil one look
---@param id_of fun(value: table): any the id of what a call made
---@return table|nil value
---@return livechat.Error|nil err
function reconcile.once(op, print, call, seek, id_of)
  local conn = op.conn
  local registry = registry_of(conn)
  local token = registry:begin(print)
  local value, err = call()
  local answered = value ~= nil
  if not value and err.outcome == "unknown" and conn.reconcile and not conn.closed then
    value = look_for(op, registry, token, seek)
    if not value and conn.closed then
      err = op:error(err, {
        kind = "closed", message = "the client was closed while it looked for what was created",
        outcome = "unknown",
      })
    end
  end
  registry:finish(token, value and id_of(value), answered)
  return value, err
end

--- A create whose answer was lost is never sent again: what it made is looked for.
---@param op livechat.Operation
---@param fields table as they are sent
---@return table|nil value in the wire's form
---@return livechat.Error|nil err
function reconcile.create(op, args, fields)
  local lost, began = op.row.lost, core.now()
  return reconcile.once(op, lost.fingerprint(fields), function()
    return op:perform(op.row, args, nil, fields)
  end, function(due, registry)
    return look(op, fields, registry, began, due)
  end, function(value)
    return value[lost.id or "id"]
  end)
end

return reconcile
