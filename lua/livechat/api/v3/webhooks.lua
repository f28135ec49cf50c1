-- SPDX-License-Identifier: MIT
--- Webhooks of chats, which belong to an app of the account's: registered once, with a secret that
--- each delivery carries. [D] docs/service.md
local events = require "livechat.api.v3.events"
local wire = require "livechat.api.v3.wire"

local webhooks = {}

local SECRET = 32 -- random bytes

-- ---- as read -----------------------------------------------------------------------------------

--- A decoded webhook with v2's names beside its own members.
---@param own table a copy
---@return table own
function webhooks.shape(own)
  own.event_type = events.ours[own.action] or own.action
  own.token = own.secret_key
  return own
end

webhooks.records = { hook = { shape = webhooks.shape, members = { id = "id" } } }

webhooks.answers = {
  hook = { kind = "hook", what = "a webhook", id = "id" },
  hooks = { kind = "hook", what = "a list of webhooks", id = "id", list = true },
}

-- ---- calls -------------------------------------------------------------------------------------

local function action(name, row)
  return wire.action("configuration", name, row)
end

local LIST = action("list_webhooks", { safe = true, returns = "hooks" })
local REGISTER = action("register_webhook", { returns = "done" })
local UNREGISTER = action("unregister_webhook", { safe = true, gone = "not_found",
  returns = "done" })

-- The app, without which the service knows of no webhooks.
local function owner_of(op)
  local owner = op.conn.client_id
  if not owner then
    return nil, op.invalid("client_id", "is needed for webhooks of chats: an app of the account's, "
      .. "given to livechat.new")
  end
  return owner
end

-- Sends the row's body with the app in it.
local function with_owner(op, row, body)
  local owner, err = owner_of(op)
  if not owner then
    return nil, err
  end
  body.owner_client_id = owner
  return op:perform(row, {}, nil, body)
end

local function list(op)
  local found, err = with_owner(op, LIST, {})
  if not found then
    return nil, err
  end
  return op.dialect:one("hooks", found, op.client)
end

local function delete(op, _, fields)
  local done, err = with_owner(op, UNREGISTER, { id = fields.id })
  if not done then
    return nil, err
  end
  return op.dialect:one("done", done)
end

local WIRE_NAMES = {}
for name, our in pairs(events.ours) do WIRE_NAMES[our] = events.names[name] and name or our end

-- Those that are there for the same, the one whose secret is known to be right first.
local function same_hooks(hooks, body, secret)
  local same = {}
  for _, hook in ipairs(hooks) do
    if hook.action == body.action and hook.url == body.url and (hook.type or body.type) == body.type
    then
      table.insert(same, hook.secret_key == secret and secret ~= nil and 1 or #same + 1, hook)
    end
  end
  return same
end

-- Secrets of webhooks that a client registered: the service may keep them to itself.
local secrets = setmetatable({}, { __mode = "k" }) -- by connection, then by id

local function remember(op, id, secret)
  local own = secrets[op.conn] or {}
  secrets[op.conn] = own
  own[tostring(id)] = secret
end

local function known_secret(op, hook)
  return hook.secret_key or secrets[op.conn] and secrets[op.conn][tostring(hook.id)] or nil
end

-- The id of a webhook that was registered, of which no answer told: what was not there before.
local function find_new(op, body, before)
  local known = {}
  for _, hook in ipairs(before) do known[tostring(hook.id)] = true end
  for _, hook in ipairs(same_hooks(with_owner(op, LIST, {}) or {}, body, body.secret_key)) do
    if not known[tostring(hook.id)] then
      return hook.id
    end
  end
end

local function register(op, body, before)
  local made, err, answer = with_owner(op, REGISTER, body)
  local id = type(made) == "table" and made.id
  if not id and (made or err.outcome == "unknown") then
    id = find_new(op, body, before)
  end
  if not id then
    return nil, err or op:protocol_error(answer, "the answer is not a webhook")
  end
  body.id = id
  remember(op, id, body.secret_key)
  return true
end

-- There is no call that changes a webhook: it is made anew, then the old one is removed.
local function replace(op, body, old, before)
  local made, err = register(op, body, before)
  if not made then
    return nil, err
  end
  local done = true
  if old then
    done, err = with_owner(op, UNREGISTER, { id = old.id })
  end
  if not done and err.kind ~= "not_found" then
    err.done, err.outcome = { "registered" }, "unknown"
    return nil, err
  end
  return true
end

local function create(op, _, fields)
  local body = { action = WIRE_NAMES[fields.event_type] or fields.event_type, url = fields.url,
    type = fields.type or "license", description = fields.description, filters = fields.filters,
    additional_data = fields.additional_data }
  local hooks, err = with_owner(op, LIST, {})
  if not hooks then
    return nil, err
  end
  local old = same_hooks(hooks, body, fields.secret)[1]
  local known = old and known_secret(op, old)
  if old and (not fields.secret or not known or known == fields.secret) then
    old.secret_key = known or fields.secret
    return op.dialect:one("hook", old, op.client)
  end
  body.secret_key = fields.secret or op.random(SECRET)
  local made
  made, err = replace(op, body, old, hooks)
  if not made then
    return nil, err
  end
  return op.dialect:one("hook", body, op.client)
end

local function switch(name)
  local row = action(name, { safe = true, returns = "done" })
  return function(op)
    local done, err = with_owner(op, row, {})
    if not done then
      return nil, err
    end
    return true
  end
end

local STATE = action("get_license_webhooks_state", { safe = true, returns = "done" })

local function state(op)
  local found, err = with_owner(op, STATE, {})
  if not found then
    return nil, err
  end
  return { enabled = found.license_webhooks_enabled }
end

-- ---- rows --------------------------------------------------------------------------------------

local NAMES = {}
for name in pairs(events.names) do NAMES[#NAMES + 1] = events.ours[name] or name end
for name in pairs(events.ours) do NAMES[#NAMES + 1] = events.names[name] and name or nil end
table.sort(NAMES)

local function text(more)
  local spec = { type = "string", one_line = true, min = 1 }
  for name, value in pairs(more or {}) do spec[name] = value end
  return spec
end

local TEXTS = { type = "list", of = text() }
local CHOICE = { type = "object", fields = { values = TEXTS, exclude_values = TEXTS } }

local FILTERS = { type = "object", fields = {
  author_type = { type = "enum", of = { "customer", "agent" } },
  only_my_chats = { type = "boolean" }, agent_ids = CHOICE,
  chat_presence = { type = "object", fields = { user_ids = CHOICE,
    my_bots = { type = "boolean" } } },
  source_type = { type = "list", of = { type = "enum",
    of = { "my_client", "other_clients", "system" } } },
} }

local function row(name, called, run, doc)
  return action(called, { name = name, returns = "done", run = run, doc = doc })
end

webhooks.resources = {
  { name = "list", path = LIST.path, returns = "hooks", run = list, query = {},
    doc = "all registered webhooks of the app" },
  {
    name = "create", path = REGISTER.path, returns = "hook", run = create, by = "event_type",
    operation = "WebhookChatStarted, WebhookChatEnded",
    fields = {
      event_type = { type = "enum", required = true, of = NAMES },
      url = { type = "url", required = true }, secret = text(), description = text(),
      type = { type = "enum", of = { "license", "bot" } }, filters = FILTERS, data_types = TEXTS,
      additional_data = { type = "list", of = { type = "enum",
        of = { "chat_properties", "chat_presence_user_ids" } } },
    },
    doc = "registers a URL for an event, once; `token` is what the receiver is given",
  },
  { name = "delete", path = UNREGISTER.path, args = { { "id", "body" } }, returns = "done",
    run = delete, operation = "DeleteHook", doc = "removes a webhook" },
  row("enable", "enable_license_webhooks", switch "enable_license_webhooks", "undoes a disable"),
  row("disable", "disable_license_webhooks", switch "disable_license_webhooks",
    "no webhook of the license is delivered"),
  row("state", "get_license_webhooks_state", state, "whether they are: { enabled = }"),
}

return webhooks
