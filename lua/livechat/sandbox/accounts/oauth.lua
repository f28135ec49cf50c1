-- SPDX-License-Identifier: MIT
-- POST /v2/token, DELETE /v2/token, GET /v2/info. A handler answers a value and perhaps a status,
-- or nil, a status and what is wrong.
local today = require "livechat.sandbox.today"
local tokens = require "livechat.sandbox.accounts.tokens"

local oauth = {}

local function organization(service)
  return service.identities:of("organization", service.options.license_id)
end

local ALL_SCOPES = "accounts--all:rw,accounts--my:rw,accounts.roles.lc--all:rw,agents--all:rw," ..
  "agents--my:rw,agents-bot--all:rw,chats--access:rw,chats--all:rw,customers:rw," ..
  "customers.ban:rw,groups--all:rw,multicast:rw,tags--all:rw,webhooks.configuration:rw," ..
  "webhooks.state:rw"

--- A token as the service tells of it.
function oauth.answer(service, token, now)
  return { access_token = token.text, account_id = service.identities:of("account", token.login),
    expires_in = math.floor(token.expires - now), organization_id = organization(service),
    scope = token.scope or ALL_SCOPES, refresh_token = token.refresh and token.refresh.text,
    token_type = "Bearer" }
end

local function missing(fields, names)
  local wrong
  for _, name in ipairs(names) do
    if type(fields[name]) ~= "string" or fields[name] == "" then
      wrong = wrong or {}
      wrong[name] = "is required"
    end
  end
  return wrong
end

local GRANTS = {}

function GRANTS.authorization_code(service, fields, now)
  local wrong = missing(fields, { "code", "client_id", "redirect_uri" })
  if wrong then return nil, 422, { fields = wrong } end
  local owner = tokens.redeem(service, fields.code, fields.client_id, fields.redirect_uri,
    fields.code_verifier, now)
  if not owner then
    return nil, 403, { error = "invalid_grant",
      description = "The code is wrong, was used or has ended." }
  end
  return tokens.issue(service, owner, nil, now)
end

function GRANTS.refresh_token(service, fields, now)
  local wrong = missing(fields, { "refresh_token", "client_id" })
  if wrong then return nil, 422, { fields = wrong } end
  local token = tokens.renew(service, fields.refresh_token, fields.client_id, now)
  if not token then
    return nil, 403, { error = "invalid_grant",
      description = "The refresh token is wrong, was used or was revoked." }
  end
  return token
end

-- A server's app proves itself; a public client has nothing to prove itself with.
local function client_error(service, fields)
  local client = tokens.clients(service)[fields.client_id]
  if not client or client.secret and fields.client_secret ~= client.secret then
    return { error = "invalid_client", description = "The client is not allowed." }
  end
end

--- POST /v2/token, a form or JSON.
function oauth.token(service, call)
  local fields, now = call.fields, call.now
  local wrong = missing(fields, { "grant_type", "client_id" })
  if wrong then return nil, 422, { fields = wrong } end
  local grant = GRANTS[fields.grant_type]
  if not grant then
    return nil, 403, { error = "unsupported_grant_type",
      description = "The authorization grant type is not supported." }
  end
  wrong = client_error(service, fields)
  if wrong then return nil, 401, wrong end
  local token, status, what = grant(service, fields, now)
  if not token then return nil, status, what end
  return oauth.answer(service, token, now)
end

-- The token in the header, or in `code`.
local function token_of(call)
  return call.bearer or type(call.query.code) == "string" and call.query.code or nil
end

--- GET /v2/info: of an access token alone; a refresh token cannot be checked.
function oauth.info(service, call)
  local text = token_of(call)
  local token = text and service.accounts.access[text]
  if text and text == service.options.access_token then
    token = { text = text, login = service.options.username, client_id = service.options.client_id,
      expires = call.now + 28800 }
  end
  if not token or token.expires <= call.now then
    return nil, 422, { fields = { code = "is not a valid token" } }
  end
  local result = oauth.answer(service, token, call.now)
  result.client_id, result.refresh_token = token.client_id, nil
  return result
end

--- DELETE /v2/token: ends an access token and its refresh token, whichever is named.
function oauth.revoke(service, call)
  local text = token_of(call)
  if not text then return nil, 422, { fields = { code = "is required" } } end
  if not tokens.revoke(service, text) then
    return nil, 404, { resource = "token", id = "" }
  end
  return today.NOTHING
end

return oauth
