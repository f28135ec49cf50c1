-- SPDX-License-Identifier: MIT
-- accounts.livechat.com and the global mapper over the stores; see v2/init.lua for what service.lua
-- wants of an API. Its paths begin with /v2/ as v2's do: /v2/token, /v2/info, /v2/accounts and
-- /v2/organizations are its own.
--
-- An account is an agent; its account_id is a UUID made of the login, that of the owner the option
-- `account_id`. Those who were given an account and are no agents are kept here.
local json = require "livechat.json"
local body = require "livechat.sandbox.body"
local form = require "livechat.sandbox.form"
local random = require "livechat.sandbox.random"
local routes = require "livechat.sandbox.routes"
local today = require "livechat.sandbox.today"
local apps = require "livechat.sandbox.accounts.apps"
local oauth = require "livechat.sandbox.accounts.oauth"
local people = require "livechat.sandbox.accounts.people"
local tokens = require "livechat.sandbox.accounts.tokens"

local accounts = {}

-- `open` calls need no credentials, or look at them by themselves.
accounts.routes = {
  { "POST", "/v2/token", oauth.token, open = true },
  { "DELETE", "/v2/token", oauth.revoke, open = true },
  { "GET", "/v2/info", oauth.info, open = true },
  { "GET", "/v2/accounts", people.list, scopes = "accounts--all:ro" },
  { "POST", "/v2/accounts", people.create, scopes = "accounts--all:rw" },
  { "POST", "/v2/accounts/invitations", people.invite, scopes = "accounts--all:rw" },
  { "GET", "/v2/accounts/{account}", people.get, scopes = "accounts--my:ro accounts--all:ro" },
  { "PATCH", "/v2/accounts/{account}", people.update, scopes = "accounts--my:rw accounts--all:rw" },
  { "DELETE", "/v2/accounts/{account}", people.delete,
    scopes = "accounts--my:rw accounts--all:rw" },
  { "GET", "/v2/accounts/{account}/organization_settings/{organization}", people.settings,
    scopes = "accounts--my:ro accounts--all:ro" },
  { "PATCH", "/v2/accounts/{account}/organization_settings/{organization}", people.change_settings,
    scopes = "accounts--my:rw accounts--all:rw", raw = true },
  { "GET", "/v2/organizations/{organization}", people.organization, scopes = "" },
  { "GET", "/globalmapper/organization_id/{organization}/region", people.region, open = true },
}

local TREE = routes.plant(accounts.routes)
local OWN = { token = true, info = true, accounts = true, organizations = true }

function accounts.new()
  local state = tokens.new()
  state.others = {}
  return state
end

--- Whether a path is this API's.
function accounts.owns(path)
  return OWN[path:match("^/v2/([^/]*)")] ~= nil or path:find("^/globalmapper/") ~= nil
end

--- As sent: without its version it would look like one of v2's.
function accounts.path(path)
  return path
end

-- Answers ----------------------------------------------------------------------------------------

local WORDS = {
  [400] = { "bad_request", "The request is malformed." },
  [401] = { "unauthorized", "The account is not authorized." },
  [403] = { "access_denied", "The resource owner or authorization server denied the request." },
  [404] = { "resource_not_found", "The requested resource couldn't be found." },
  [409] = { "conflict", "The request couldn't be processed because of conflict in the current " ..
    "state of the resource." },
  [422] = { "invalid_request", "The request is missing a required parameter, includes an " ..
    "invalid parameter value, includes a parameter more than once, or is otherwise malformed." },
  [429] = { "temporarily_unavailable", "The server is currently unable to handle the request " ..
    "due to a temporary overloading or maintenance of the server." },
}

-- `wrong`: { error=, description=, sub_error=, fields=<422's>, resource=, id=<404's and 409's> }
local function refuse(status, wrong, request_id)
  local word = WORDS[status]
  local result = { error = wrong.error or word[1], error_description = wrong.description or word[2],
    request_id = request_id, sub_error = wrong.sub_error }
  if status == 401 then result.sub_error = wrong.sub_error or json.null end
  if status == 422 then result.invalid_fields = wrong.fields or {} end
  if status == 404 or status == 409 then
    result.resource_name = wrong.resource or ""
    result.resource_id = today.clean(wrong.id or "")
  end
  return { status = status, headers = {}, body = json.encode(result) }
end

local REFUSED = "00000000-0000-4000-8000-000000000000"

---@param status integer
---@return table response
function accounts.refuse(status)
  return refuse(status, {}, REFUSED)
end

local function request_id(service)
  local draw = service.draw
  return ("%s-%s-4%s-a%s-%s"):format(random.hex(draw, 8), random.hex(draw, 4), random.hex(draw, 3),
    random.hex(draw, 3), random.hex(draw, 12))
end

local function bearer(request)
  local header = request.headers.authorization
  return type(header) == "string" and header:match("^[Bb][Ee][Aa][Rr][Ee][Rr] +(%S+) *$") or nil
end

local function read(request, row)
  local query, message = form.decode(request.query or "")
  if not query then return nil, message end
  local fields = {}
  if not row.raw and request.method ~= "GET" and (request.body or "") ~= "" then
    fields, message = body.read(request)
    if not fields then return nil, message end
  end
  return { query = query, fields = fields, request = request, bearer = bearer(request) }
end

--- Answers one request.
---@return table response
---@return string|nil route
function accounts.answer(service, request, now)
  local row, found = routes.find(TREE, request.method, request.path)
  local function wrong(status, what) return refuse(status, what or {}, request_id(service)) end
  if not row then return wrong(404) end
  local caller = tokens.identify(service, request.headers.authorization, now)
  if not row.open then
    if not caller then return wrong(401) end
    if not tokens.allowed(caller, row.scopes) then
      return wrong(403, { sub_error = "insufficient_scope" })
    end
  end
  local call, message = read(request, row)
  if not call then return wrong(400, { description = message }) end
  for name, value in pairs(found) do call[name] = value end
  call.caller, call.now = caller, now
  local value, status, what = row[3](service, call)
  if value == nil then return wrong(status, what) end
  local answer = value == today.NOTHING and "{}" or json.encode(value)
  return { status = status or 200, headers = {}, body = answer },
    request.method .. " " .. row[2]
end

-- Events -----------------------------------------------------------------------------------------

--- Nothing that happens in the stores is news of an app's life.
function accounts.tell() end

accounts.trigger = apps.trigger

function accounts.knows_token()
  return false
end

return accounts
