-- SPDX-License-Identifier: MIT
-- Who calls: personal access tokens, access tokens of eight hours, and what renews them. All times
-- are the sandbox's, so that a test moves its clock instead of waiting.
--
-- A caller: { login=, client_id=, scopes=<set, nil for every scope>, expires=<nil for never>, … }.
-- Of a server's app the refresh token stays; of a public client each is for one use, and the answer
-- brings the next. A client has 25 of either kind for an account; the oldest gives way.
local base64 = require "livechat.sandbox.base64"
local random = require "livechat.sandbox.random"
local sha256 = require "livechat.sandbox.accounts.sha256"

local tokens = {}

local LIFETIME, CODE_LIFETIME, MOST = 28800, 300, 25

--- The state of the accounts API; see `clients` for who may ask.
function tokens.new()
  return { access = {}, refresh = {}, codes = {}, personal = {}, lists = {}, clients = nil }
end

--- The apps of the organization, by client id: { secret=<nil for a public one>, redirect_uri= }.
function tokens.clients(service)
  local state, own = service.accounts, service.options
  if not state.clients then
    state.clients = {
      [own.client_id] = { secret = own.client_secret, redirect_uri = "https://app.example.com" },
      [own.public_client_id] = { redirect_uri = "https://public.example.com" } }
  end
  return state.clients
end

---@param text string|nil "chats--all:ro,agents--all:ro"
---@return table|nil set nil for every scope
function tokens.scopes(text)
  if not text then return nil end
  local set = {}
  for scope in text:gmatch("[^,%s]+") do set[scope] = true end
  return set
end

--- The region of the organization, with which tokens begin.
function tokens.region(service)
  local region = service.options.region
  return region and region ~= "" and region or "dal"
end

-- Keeps a token among the last ones of its kind, client and account.
local function keep(state, kind, token)
  local key = ("%s %s %s"):format(kind, token.client_id, token.login)
  local list = state.lists[key] or {}
  state.lists[key], state[kind][token.text] = list, token
  list[#list + 1] = token
  if #list > MOST then state[kind][table.remove(list, 1).text] = nil end
  return token
end

local function forget(state, kind, token)
  if not token then return end
  state[kind][token.text] = nil
  local list = state.lists[("%s %s %s"):format(kind, token.client_id, token.login)] or {}
  for i, each in ipairs(list) do
    if each == token then table.remove(list, i) break end
  end
end

local function refresh_token(service, owner)
  return keep(service.accounts, "refresh", { text = random.hex(service.draw, 40),
    login = owner.login, client_id = owner.client_id, scope = owner.scope })
end

--- Issues an access token and, without `refresh`, a refresh token.
---@param owner table { login=, client_id=, scope=<text or nil>, lifetime=<seconds or nil> }
---@param refresh table|nil the refresh token that goes on
---@return table token
function tokens.issue(service, owner, refresh, now)
  refresh = refresh or refresh_token(service, owner)
  local token = keep(service.accounts, "access", {
    text = tokens.region(service) .. ":" .. random.hex(service.draw, 40),
    login = owner.login, client_id = owner.client_id, scope = owner.scope,
    scopes = tokens.scopes(owner.scope), refresh = refresh,
    expires = now + (owner.lifetime or LIFETIME) })
  refresh.access = token
  return token
end

--- Renews by a refresh token, or answers nil where it is not good any more.
function tokens.renew(service, text, client_id, now)
  local state = service.accounts
  local old = state.refresh[text]
  if not old or old.client_id ~= client_id then return nil end
  if tokens.clients(service)[client_id].secret then return tokens.issue(service, old, old, now) end
  forget(state, "refresh", old)
  return tokens.issue(service, old, nil, now)
end

--- Issues a code, as the page does that asks an agent for leave.
---@param owner table as for `issue`, with redirect_uri=, challenge= and method= ("S256" or "plain")
---@return string code
function tokens.code(service, owner, now)
  local text = tokens.region(service) .. ":" .. random.hex(service.draw, 24)
  service.accounts.codes[text] = { owner = owner, expires = now + CODE_LIFETIME }
  return text
end

-- RFC 7636: the verifier is the challenge or, with S256, what it is made of; 43 to 128 characters.
local function proves(owner, verifier)
  if not owner.challenge or owner.method ~= "S256" then return owner.challenge == verifier end
  if type(verifier) ~= "string" or #verifier > 128 then return false end
  local digest = base64.encode(sha256(verifier)):gsub("[+/=]", { ["+"] = "-", ["/"] = "_",
    ["="] = "" })
  return digest == owner.challenge
end

--- Takes a code: it is good once, and for five minutes.
---@return table|nil owner
function tokens.redeem(service, text, client_id, redirect_uri, verifier, now)
  local code = service.accounts.codes[text]
  service.accounts.codes[text] = nil
  local owner = code and code.expires > now and code.owner
  if not owner or owner.client_id ~= client_id or owner.redirect_uri ~= redirect_uri
    or not proves(owner, verifier) then
    return nil
  end
  return owner
end

--- Ends a token and the one that belongs to it.
---@return boolean found
function tokens.revoke(service, text)
  local state = service.accounts
  local access = state.access[text] or state.refresh[text] and state.refresh[text].access
  local refresh = state.refresh[text] or access and access.refresh
  forget(state, "access", access)
  forget(state, "refresh", refresh)
  return (access or refresh) ~= nil
end

--- Makes a personal access token of an agent.
---@param text string its own text may hold colons: "us-south1:…"
function tokens.personal(service, login, text, scope)
  local account = service.identities:of("account", login)
  service.accounts.personal[base64.encode(account .. ":" .. text)] =
    { login = login, scope = scope, scopes = tokens.scopes(scope), account = account }
  return account
end

local function bearer(service, text, now)
  local own = service.options
  if own.access_token and text == own.access_token then return { login = own.username } end
  local token = service.accounts.access[text]
  return token and token.expires > now and token or nil
end

--- Who calls with this Authorization header; nil where it is not known, or not any more.
---@param authorization string|nil
---@return table|nil caller
function tokens.identify(service, authorization, now)
  if type(authorization) ~= "string" then return nil end
  local scheme, value = authorization:match("^(%a+) +(%S+) *$")
  scheme = scheme and scheme:lower()
  local caller
  if scheme == "bearer" then
    caller = bearer(service, value, now)
  elseif scheme == "basic" then
    local own = service.options
    caller = service.accounts.personal[value]
    if value == base64.encode(own.account_id .. ":" .. own.api_key) then
      caller = { login = own.username }
    end
  end
  return caller and service.agents.by_login[caller.login] and caller or nil
end

--- Whether a caller has one of these scopes; "a&b" wants both.
---@param list string "chats--all:ro chats--access:ro"; "" for none
function tokens.allowed(caller, list)
  if list == "" or not caller.scopes then return true end
  for group in list:gmatch("%S+") do
    local all = true
    for scope in group:gmatch("[^&]+") do
      -- Who may write may read.
      all = all and (caller.scopes[scope] or caller.scopes[(scope:gsub(":ro$", ":rw"))]) ~= nil
    end
    if all then return true end
  end
  return false
end

return tokens
