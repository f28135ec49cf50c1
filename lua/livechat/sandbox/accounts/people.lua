-- SPDX-License-Identifier: MIT
-- Accounts, their avatars, the organization and its region. A handler answers a value and perhaps a
-- status, or nil, a status and what is wrong.
local json = require "livechat.json"
local form = require "livechat.sandbox.form"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local multipart = require "livechat.sandbox.multipart"
local extras = require "livechat.sandbox.v3.extras"
local tokens = require "livechat.sandbox.accounts.tokens"

local people = {}

-- The accounts of another organization: there is none here, so a domain stands for it.
local ELSEWHERE = "@elsewhere%.example%.com$"
local LARGEST_AVATAR = 2 ^ 20
local MADE = 1577836800 -- 2020-01-01

local function organization_id(service)
  return service.identities:of("organization", service.options.license_id)
end

local function not_found(resource, id)
  return nil, 404, { resource = resource, id = id }
end

local function invalid(path, message)
  return nil, 422, { fields = { [path == "" and "body" or path] = message } }
end

local ROLES = { owner = "owner", viceowner = "viceowner", administrator = "administrator",
  normal = "normal" }

local function view(service, person, with_roles)
  local id = service.identities:of("account", person.login)
  local made = today.date(service, person.created or MADE, 3, id)
  local avatar = person.avatar and "https://" .. person.avatar or nil
  local roles = json.array()
  if not person.outside then
    roles[1] = { role_id = service.identities:of("role", person.permission), product = "LiveChat",
      role = ROLES[person.permission] or "normal", type = "primary", predefined = true }
  end
  return { account_id = id, name = person.name, email = person.login, email_verified = true,
    default_product = "LiveChat", default_organization_id = organization_id(service),
    avatar_url = avatar or json.null, roles = with_roles and roles or nil,
    properties = { active = true, mfa = false, avatar_url = avatar,
      LiveChat = { suspended = extras.of(service, person).suspended == true } },
    created_at = made, updated_at = made }
end

local function sees_roles(call)
  return tokens.allowed(call.caller, "accounts.roles--all:ro")
end

-- An agent or another person of the organization; `me` is the caller.
local function find(service, call)
  local login = call.caller.login
  if call.account ~= "me" then
    login = service.identities:key("account", call.account, service.agents.list_of, "login")
  end
  local person = service.agents.by_login[login] or service.accounts.others[login]
  if not person then return not_found("account", call.account) end
  local own = person.login == call.caller.login
  local write = call.request.method ~= "GET"
  if not own and not tokens.allowed(call.caller, "accounts--all:" .. (write and "rw" or "ro")) then
    return nil, 403, { sub_error = "insufficient_scope" }
  end
  return person
end

--- GET /v2/accounts: a bare array.
function people.list(service, call)
  local list, roles = json.array(), sees_roles(call)
  for i, agent in ipairs(service.agents.list_of) do list[i] = view(service, agent, roles) end
  local logins = {}
  for login in pairs(service.accounts.others) do logins[#logins + 1] = login end
  table.sort(logins)
  for _, login in ipairs(logins) do
    list[#list + 1] = view(service, service.accounts.others[login], roles)
  end
  return list
end

--- GET /v2/accounts/{account}
function people.get(service, call)
  local person, status, wrong = find(service, call)
  if not person then return nil, status, wrong end
  return view(service, person, sees_roles(call))
end

local function tell(service, person, changes, call)
  if person.outside then return end
  service:tell("agent_updated", person, call.now, changes, nil, call.caller)
end

local NAME = schema.object({ ["name*"] = schema.text(191, 1) })

--- PATCH /v2/accounts/{account}: the name, which the Configuration API does not change any more.
function people.update(service, call)
  local person, status, wrong = find(service, call)
  if not person then return nil, status, wrong end
  local path, message = NAME(call.fields)
  if path then return invalid(path, message) end
  person.name = call.fields.name
  tell(service, person, { name = true }, call)
  return view(service, person, sees_roles(call))
end

--- DELETE /v2/accounts/{account}
function people.delete(service, call)
  local person, status, wrong = find(service, call)
  if not person then return nil, status, wrong end
  if person.permission == "owner" then
    return nil, 403, { description = "The owner cannot be removed." }
  end
  if person.outside then
    service.accounts.others[person.login] = nil
  else
    service.agents:remove(person)
    service:tell("agent_deleted", person, call.now, nil, nil, call.caller)
  end
  return today.NOTHING
end

local PERSON = schema.object({ ["email*"] = schema.email, name = schema.text(191, 1) })

--- POST /v2/accounts: makes one, or answers the one that there is.
function people.create(service, call)
  local path, message = PERSON(call.fields)
  if path then return invalid(path, message) end
  local email = call.fields.email
  if email:find(ELSEWHERE) then return nil, 409, { resource = "account", id = email } end
  local person = service.agents.by_login[email] or service.accounts.others[email]
  if not person then
    person = { login = email, name = call.fields.name or email, outside = true,
      created = call.now }
    service.accounts.others[email] = person
    return view(service, person, sees_roles(call)), 201
  end
  return view(service, person, sees_roles(call))
end

local INVITATION = schema.object({ ["email*"] = schema.email, name = schema.text(191, 1),
  product = schema.one_of({ "LiveChat", "HelpDesk", "ChatBot", "OpenWidget" }) })

--- POST /v2/accounts/invitations: an invitation that is there is sent once more.
function people.invite(service, call)
  local path, message = INVITATION(call.fields)
  if path then return invalid(path, message) end
  local email, state = call.fields.email, service.accounts
  if service.agents.by_login[email] or email:find(ELSEWHERE) then
    return nil, 409, { resource = "account", id = email }
  end
  state.invited = state.invited or {}
  local known = state.invited[email]
  state.invited[email] = true
  return { invitation_id = service.identities:of("invitation", email) }, known and 200 or 201
end

-- Avatars ----------------------------------------------------------------------------------------

local function is_mine(service, id)
  return id == "my" or id == organization_id(service)
end

local function settings_view(person)
  return { avatar_url = person.avatar and "https://" .. person.avatar or json.null }
end

--- GET /v2/accounts/{account}/organization_settings/{organization}
function people.settings(service, call)
  if not is_mine(service, call.organization) then
    return not_found("organization", call.organization)
  end
  local person, status, wrong = find(service, call)
  if not person then return nil, status, wrong end
  return settings_view(person)
end

local AVATAR = schema.object({ ["avatar_url*"] = schema.url })

-- JSON, a form, or a picture in the field `avatar`.
local function avatar_of(service, request)
  local kind = tostring(request.headers["content-type"]):lower():match("^[^;%s]*")
  if kind ~= "multipart/form-data" then
    local fields
    if kind == "application/json" then
      fields = today.object(request.body)
    elseif kind == "application/x-www-form-urlencoded" then
      fields = form.decode(request.body or "")
    end
    local path, message = AVATAR(fields or {})
    if path then return invalid(path, message) end
    return (fields.avatar_url:gsub("^https?://", ""))
  end
  local parts, message = multipart.read(request)
  local picture = parts and #parts == 1 and parts[1]
  if not picture or picture.field ~= "avatar" or not picture.name then
    return invalid("avatar", message or "is required, and nothing else")
  elseif picture.type ~= "image/png" and picture.type ~= "image/jpeg" then
    return invalid("avatar", "must be PNG or JPEG")
  elseif picture.size > LARGEST_AVATAR then
    return invalid("avatar", "must have at most 1 MB")
  end
  service.accounts.pictures = (service.accounts.pictures or 0) + 1
  return "files.example.com/avatars/" ..
    service.identities:of("avatar", service.accounts.pictures) .. ".png"
end

--- PATCH /v2/accounts/{account}/organization_settings/{organization}
function people.change_settings(service, call)
  if not is_mine(service, call.organization) then
    return not_found("organization", call.organization)
  end
  local person, status, wrong = find(service, call)
  if not person then return nil, status, wrong end
  local avatar
  avatar, status, wrong = avatar_of(service, call.request)
  if not avatar then return nil, status, wrong end
  person.avatar = avatar
  tell(service, person, { avatar = true }, call)
  return settings_view(person)
end

-- The organization -------------------------------------------------------------------------------

--- GET /v2/organizations/my
function people.organization(service, call)
  if not is_mine(service, call.organization) then
    return not_found("organization", call.organization)
  end
  return { organization_id = organization_id(service), name = "Example Ltd" }
end

--- GET /globalmapper/organization_id/{organization}/region: no credentials, and its own error.
function people.region(service, call)
  if call.organization ~= organization_id(service) then
    return { error_message = "organization not found" }, 404
  end
  return { region = tokens.region(service) }
end

return people
