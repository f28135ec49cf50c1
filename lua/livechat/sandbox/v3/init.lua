-- SPDX-License-Identifier: MIT
-- The Configuration and Agent Chat APIs of version 3 over the stores; see v2/init.lua for what
-- service.lua wants of an API.
--
-- What the stores know by other names:
--   agent     id is the login, v2's permission the role; accounts give it the account_id
--   group     a group, its agents by priority; group 0 is General
--   tag       one for each name; the store has one for each of its groups
--   thread    a chat of the store and of v2: thread_id is v2's chat id
--   chat      threads one after the other; its id is that of its first thread, read backwards
--   customer  a visitor; its id is a UUID made of the visitor's
-- What v3 alone knows is kept beside the records (extras.lua), so that v2 shows none of it.
--
-- Version 3.6 is the stable one, 3.7 the preview with more actions, 3.5 and 3.4 carry the day of
-- their end in `Legacy` and `Deprecation`; there are no others.
local json = require "livechat.json"
local today = require "livechat.sandbox.today"
local tokens = require "livechat.sandbox.accounts.tokens"
local extras = require "livechat.sandbox.v3.extras"
local hooks = require "livechat.sandbox.v3.hooks"
local news = require "livechat.sandbox.v3.news"

local v3 = {}

local STABLE = "3.6"
local VERSIONS = { ["3.7"] = {}, ["3.6"] = {}, ["3.5"] = { Legacy = "2027-02-07" },
  ["3.4"] = { Deprecation = "2026-12-31" } }
local LATEST = "3.7"

-- Each action: { handler, <check of the body>, scopes=, since=<a version>, open=<no credentials>,
-- raw=<takes the body as it is> }.
local ACTIONS = { configuration = {}, agent = {} }
for folder, rooms in pairs({
  configuration = { "agents", "groups", "tags", "webhooks", "company", "preview" },
  agent = { "lists", "talk", "members", "properties", "routing", "customers" },
}) do
  for _, room in ipairs(rooms) do
    for name, action in pairs(require("livechat.sandbox.v3." .. room)) do
      ACTIONS[folder][name] = action
    end
  end
end

v3.routes = {}
for folder, actions in pairs(ACTIONS) do
  for name in pairs(actions) do
    v3.routes[#v3.routes + 1] = { "POST", ("/%s/action/%s"):format(folder, name) }
  end
end
table.sort(v3.routes, function(a, b) return a[2] < b[2] end)

function v3.new()
  return extras.new()
end

--- Whether a path is this API's.
function v3.owns(path)
  return path:find("^/v3%.%d+/%a+/action/") ~= nil or path:find("^/configuration/action/") ~= nil
    or path:find("^/agent/action/") ~= nil
end

--- A path without its version, which may stand in a header instead.
function v3.path(path)
  return (path:gsub("^/v3%.%d+/", "/"))
end

-- Answers ----------------------------------------------------------------------------------------

-- What was seen (401, 400, 409) and, where nothing was, what the word says.
local STATUSES = { authentication = 401, authorization = 403, missing_access = 403,
  not_found = 404, group_not_found = 404, already_exists = 409, too_many_requests = 429,
  entity_too_large = 413, internal = 500, service_unavailable = 503, request_timeout = 504 }

local function refuse(kind, message, data)
  return { status = STATUSES[kind] or 400, headers = {},
    body = json.encode({ error = { type = kind, message = message, data = data } }) }
end

---@param status integer 429
---@param text string
---@return table response
function v3.refuse(status, text)
  return refuse(status == 429 and "too_many_requests" or "internal", text)
end

local function respond(service, value)
  if value ~= today.NOTHING then return json.encode(value) end
  return service.options.today.success == "empty" and "" or "{}"
end

--- Says what a check found, as the service does: "`id` is required".
local function validation(path, message)
  return refuse("validation", ("`%s` %s"):format(path == "" and "body" or path, message))
end

local function version_of(request)
  return request.path:match("^/v(3%.%d+)/") or request.headers["x-api-version"] or STABLE
end

local function action_of(request, version)
  local folder, name = v3.path(request.path):match("^/(%a+)/action/([%w_]+)$")
  local action = folder and ACTIONS[folder] and ACTIONS[folder][name]
  if action and (not action.since or version >= action.since) then return action end
end

-- Who calls, from the right region and with the scopes; or nil and the refusal.
local function caller_of(service, request, action, now)
  if action.open then return {} end
  local authorization = request.headers.authorization
  if not authorization then
    return nil, refuse("authentication", "No `Authorization` header provided")
  end
  local caller = tokens.identify(service, authorization, now)
  if not caller then return nil, refuse("authentication", "Invalid access token") end
  local region = service.options.region
  if region and region ~= "" and request.headers["x-region"] ~= region then
    return nil, refuse("misdirected_request", "Wrong region", { region = region })
  end
  if not tokens.allowed(caller, action.scopes or "") then
    return nil, refuse("authorization", "Missing required scope: " .. action.scopes)
  end
  local agent = service.agents.by_login[caller.login]
  if extras.of(service, agent).suspended then
    return nil, refuse("authorization", "Agent is suspended")
  end
  return caller
end

-- Answers one call of an action; batches call this once for each of theirs.
local function run(service, action, call)
  local path, message = action[2](call.fields)
  if path then return nil, validation(path, message) end
  local value, kind, text, data = action[1](service, call)
  if value == nil then return nil, refuse(kind, text, data) end
  return value
end

local function answer(service, request, now, version)
  if not VERSIONS[version] then
    return refuse("unsupported_version", "Unsupported API version: " .. today.clean(version))
  end
  local action = action_of(request, version)
  if not action or request.method ~= "POST" then
    return refuse("not_found", "No such action")
  end
  local caller, refusal = caller_of(service, request, action, now)
  if not caller then return refusal end
  local wanted = service.options.today.refuse
  if wanted then return refuse(wanted, "Refused as the option says") end
  local fields, message = {}, nil
  if not action.raw then fields, message = today.object(request.body or "") end
  if not fields then return refuse("validation", message) end
  local value, wrong = run(service, action, { fields = fields, caller = caller, now = now,
    request = request, version = version, login = caller.login, run = run })
  if value == nil then return wrong end
  return { status = 200, headers = {}, body = respond(service, value) }, true
end

--- Answers one request.
---@return table response
---@return string|nil route
function v3.answer(service, request, now)
  local version = version_of(request)
  local response, done = answer(service, request, now, version)
  for name, value in pairs(VERSIONS[version] or {}) do response.headers[name] = value end
  if not done and service.options.today.error_status then
    response.status = service.options.today.error_status
  end
  return response, done and "POST " .. v3.path(request.path) or nil
end

--- The newest version, for those that try every action.
v3.latest = LATEST

-- Events -----------------------------------------------------------------------------------------

v3.tell, v3.trigger = news.tell, news.trigger

--- Whether one of the webhooks has this secret.
function v3.knows_token(service, token)
  return hooks.knows(service, token)
end

return v3
