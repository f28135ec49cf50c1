-- SPDX-License-Identifier: MIT
--- Webhooks of HelpDesk, which carry no secret: it stands in the query of their URL. ([W]
--- docs/service.md) Pure: the calls are made by the operation that is handed in.
local errors = require "livechat.errors"
local events = require "livechat.api.helpdesk.events"

local webhooks = {}

local function encode(text)
  return (text:gsub("[^A-Za-z0-9%-._~]", function(char)
    return ("%%%02X"):format(char:byte())
  end))
end

-- A URL without its token, and the token.
local function split(url)
  local base, query = url:match("^([^?]*)%?(.*)$")
  if not base then
    return url, nil
  end
  local rest, token = {}, nil
  for part in query:gmatch("[^&]+") do
    local value = part:match("^token=(.*)$")
    if value then
      token = token or events.decode(value)
    else
      rest[#rest + 1] = part
    end
  end
  return base .. (#rest > 0 and "?" .. table.concat(rest, "&") or ""), token
end

local function join(url, token)
  return url .. (url:find("?", 1, true) and "&" or "?") .. "token=" .. encode(token)
end

--- Our names of a registered webhook; `token` is what the receiver is given.
function webhooks.shape(made)
  made.id, made.ID = made.ID, nil
  made.event_type = events.ours[made.eventType] or made.eventType
  if type(made.url) == "string" then
    local _, token = split(made.url)
    made.token = token
  end
  return made
end

local BYTES = 32 -- of the secret

-- The hook of a list for that event at that place, and perhaps with that very URL.
local function find(list, event_type, url, whole)
  for _, hook in ipairs(list) do
    if hook.eventType == event_type and type(hook.url) == "string"
      and (whole and hook.url == whole or not whole and split(hook.url) == url) then
      return hook
    end
  end
end

--- Registers a URL, once: one that is registered already is given back, with the secret that it
--- has, unless another is asked for.
function webhooks.create(op, args, fields)
  local event_type = events.wire_names[fields.event_type] or fields.event_type
  if fields.url:find("#", 1, true) then
    return nil, errors.invalid("url", "must not have a fragment")
  end
  local url, given = split(fields.url)
  local secret = fields.secret or given
  local list, err = op:perform(op.rows.list, {})
  if not list then
    return nil, err
  end
  local hook = find(list, event_type, url)
  local _, known = split(hook and hook.url or "")
  if hook and known and (not secret or known == secret) then
    return op:made("hook", hook)
  end
  local whole = join(url, secret or op.random(BYTES))
  local value
  if hook then -- another secret, or one that had none
    local row = { verb = "PATCH", path = "/webhooks/{id}", safe = true, returns = "hook" }
    value, err = op:perform(row, { id = hook.ID }, nil, { url = whole })
  else
    value, err = op:perform(op.row, args, nil, { eventType = event_type, url = whole })
  end
  if not value and err.outcome == "unknown" then -- the answer was lost, or was empty
    list = op:perform(op.rows.list, {})
    value = list and find(list, event_type, url, whole)
  end
  if not value then
    return nil, err
  end
  return op:made("hook", value)
end

return webhooks
