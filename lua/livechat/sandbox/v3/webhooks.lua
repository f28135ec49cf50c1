-- SPDX-License-Identifier: MIT
-- The Configuration API's actions about webhooks. A handler answers a value, or nil, an error's
-- type and its message.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local tokens = require "livechat.sandbox.accounts.tokens"
local hooks = require "livechat.sandbox.v3.hooks"
local Deliveries = require "livechat.sandbox.deliveries"

local object, text, list, one_of = schema.object, schema.text, schema.list, schema.one_of

local MOST = 3 -- hooks for each action and client

local IDS = list(text(254, 1), 200)
local VALUES = object({ values = IDS, exclude_values = IDS })
local FILTERS = object({
  author_type = one_of({ "customer", "agent" }), only_my_chats = schema.boolean,
  chat_presence = object({ user_ids = VALUES, my_bots = schema.boolean }), agent_ids = VALUES,
  source_type = list(one_of({ "my_client", "other_clients", "system" }), 3, 1) })
local OWNER = text(64, 1)

local REGISTER = object({ ["action*"] = one_of(hooks.NAMES), ["secret_key*"] = text(256, 1),
  ["url*"] = text(500, 1), ["owner_client_id*"] = OWNER, ["type*"] = one_of({ "license", "bot" }),
  description = text(1000), filters = FILTERS,
  additional_data = list(one_of({ "chat_properties", "chat_presence_user_ids" })) })

-- The app must be one of the organization: a token alone cannot own a webhook.
local function owned(service, call)
  local owner = call.fields.owner_client_id or call.caller.client_id
  if not owner then return nil, "validation", "`owner_client_id` is required" end
  if not tokens.clients(service)[owner] then
    return nil, "validation", "`owner_client_id` is not a client of the organization"
  end
  if call.caller.client_id and call.caller.client_id ~= owner then
    return nil, "authorization", "`owner_client_id` is another client's"
  end
  return owner
end

local function filter_error(fields)
  local action = hooks.ACTIONS[fields.action]
  for name, value in pairs(fields.filters or {}) do
    if not action.filters[name] then return "`filters." .. name .. "` is not allowed" end
    local ids = name == "chat_presence" and value.user_ids or name == "agent_ids" and value
    if ids and (ids.values == nil) == (ids.exclude_values == nil) then
      return "`filters." .. name .. "` must have values or exclude_values"
    end
  end
  if fields.additional_data and fields.additional_data[1] and not action.additional then
    return "`additional_data` is not allowed"
  end
end

local function register(service, call)
  local fields, state = call.fields, service.v3
  local owner, kind, message = owned(service, call)
  if not owner then return nil, kind, message end
  message = filter_error(fields)
  if not Deliveries.target(fields.url) then message = "`url` must be a valid URL" end
  if message then return nil, "validation", message end
  local count = 0
  for _, hook in ipairs(state.hooks) do
    if hook.owner == owner and hook.event_type == fields.action then count = count + 1 end
  end
  if count == MOST then
    return nil, "limit_reached", "Webhooks limit reached for " .. fields.action
  end
  local hook = { id = random.hex(service.draw, 24), url = fields.url, event_type = fields.action,
    secret = fields.secret_key, owner = owner, type = fields.type, filters = fields.filters,
    description = fields.description, additional = fields.additional_data or {}, by = call.login,
    rules = hooks.RULES }
  state.hooks[#state.hooks + 1] = hook
  return { id = hook.id }
end

local function list_webhooks(service, call)
  local owner, kind, message = owned(service, call)
  if not owner then return nil, kind, message end
  local result = json.array()
  for _, hook in ipairs(service.v3.hooks) do
    if hook.owner == owner then
      result[#result + 1] = { id = hook.id, url = hook.url, description = hook.description,
        action = hook.event_type, filters = hook.filters, owner_client_id = hook.owner,
        type = hook.type, additional_data = hook.additional[1] and hook.additional or nil }
    end
  end
  return result
end

local function unregister(service, call)
  local owner, kind, message = owned(service, call)
  if not owner then return nil, kind, message end
  for i, hook in ipairs(service.v3.hooks) do
    if hook.id == call.fields.id and hook.owner == owner then
      table.remove(service.v3.hooks, i)
      return today.NOTHING
    end
  end
  return nil, "not_found", "Webhook not found"
end

local function sorted(set)
  local result = json.array()
  for name in pairs(set) do result[#result + 1] = name end
  table.sort(result)
  return result
end

local function names(_, call)
  local version = call.fields.version
  if version and not (version == "3.4" or version == "3.5" or version == "3.6" or
    version == "3.7") then
    return nil, "unsupported_version", "Unsupported API version: " .. version
  end
  local result = json.array()
  for i, name in ipairs(hooks.NAMES) do
    local action = hooks.ACTIONS[name]
    result[i] = { action = name, filters = sorted(action.filters),
      additional_data = action.additional and
        json.array({ "chat_properties", "chat_presence_user_ids" }) or nil }
  end
  return result
end

local function switch(disabled)
  return function(service, call)
    local owner, kind, message = owned(service, call)
    if not owner then return nil, kind, message end
    service.v3.disabled[owner] = disabled
    return today.NOTHING
  end
end

local function state(service, call)
  local owner, kind, message = owned(service, call)
  if not owner then return nil, kind, message end
  return { license_webhooks_enabled = not service.v3.disabled[owner] }
end

local WRITE, OF_OWNER = "webhooks.configuration:rw", object({ owner_client_id = OWNER })

return {
  register_webhook = { register, REGISTER, scopes = WRITE },
  list_webhooks = { list_webhooks, object({ ["owner_client_id*"] = OWNER }), scopes = WRITE },
  unregister_webhook = { unregister, object({ ["id*"] = text(64, 1),
    ["owner_client_id*"] = OWNER }), scopes = WRITE },
  list_webhook_names = { names, object({ version = text(8) }), open = true },
  enable_license_webhooks = { switch(nil), OF_OWNER, scopes = "webhooks.state:rw" },
  disable_license_webhooks = { switch(true), OF_OWNER, scopes = "webhooks.state:rw" },
  get_license_webhooks_state = { state, OF_OWNER, scopes = "webhooks.state:ro" },
}
