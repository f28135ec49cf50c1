-- SPDX-License-Identifier: MIT
-- What the control interface has issued, as an agent does in the console or on the page that asks
-- for leave. Each answers a value, or nil and what is wrong with the request.
local random = require "livechat.sandbox.random"
local Deliveries = require "livechat.sandbox.deliveries"
local oauth = require "livechat.sandbox.accounts.oauth"
local tokens = require "livechat.sandbox.accounts.tokens"

local issue = {}

local TEXTS = { "kind", "client_id", "agent", "scope", "token", "redirect_uri", "challenge",
  "method" }

local function read(service, fields)
  for _, name in ipairs(TEXTS) do
    if fields[name] ~= nil and type(fields[name]) ~= "string" then
      return nil, name .. " must be a text"
    end
  end
  local lifetime, own = fields.expires_in, service.options
  if lifetime ~= nil and (type(lifetime) ~= "number" or lifetime < 0) then
    return nil, "expires_in must be a number of seconds"
  end
  local client = fields.client_id or fields.public and own.public_client_id or own.client_id
  if not tokens.clients(service)[client] then return nil, "client_id must be that of an app" end
  if fields.method and fields.method ~= "S256" and fields.method ~= "plain" then
    return nil, "method must be S256 or plain"
  end
  local login = fields.agent or own.username
  if not service.agents.by_login[login] then return nil, "agent must be the login of an agent" end
  return { login = login, client_id = client, scope = fields.scope, lifetime = lifetime,
    challenge = fields.challenge, method = fields.method or "plain",
    redirect_uri = fields.redirect_uri or tokens.clients(service)[client].redirect_uri }
end

--- POST tokens
function issue.token(service, fields, now)
  local owner, message = read(service, fields)
  if not owner then return nil, message end
  local kind = fields.kind or "token"
  if kind == "code" then
    return { code = tokens.code(service, owner, now), redirect_uri = owner.redirect_uri }
  elseif kind == "personal" then
    local text = fields.token or
      tokens.region(service) .. ":" .. random.hex(service.draw, 40)
    return { account_id = tokens.personal(service, owner.login, text, owner.scope), token = text }
  elseif kind == "token" then
    return oauth.answer(service, tokens.issue(service, owner, nil, now), now)
  end
  return nil, "kind must be token, code or personal"
end

--- POST clients
function issue.client(service, fields)
  if type(fields.client_id) ~= "string" or fields.client_id == "" then
    return nil, "client_id must be a text"
  end
  for _, name in ipairs({ "client_secret", "redirect_uri", "webhook" }) do
    if fields[name] ~= nil and type(fields[name]) ~= "string" then
      return nil, name .. " must be a text"
    end
  end
  if fields.webhook and not Deliveries.target(fields.webhook) then
    return nil, "webhook must be an http or https URL"
  end
  tokens.clients(service)[fields.client_id] = { secret = fields.client_secret,
    redirect_uri = fields.redirect_uri or "https://app.example.com", webhook = fields.webhook }
  return { client_id = fields.client_id }
end

return issue
