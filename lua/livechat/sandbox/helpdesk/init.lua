-- SPDX-License-Identifier: MIT
-- HelpDesk's API of version 1 over the stores; see v2/init.lua for what service.lua wants of an
-- API.
--
-- What the stores know by other names:
--   ticket   shortID is the store's id (v2's five letters and digits), ID a UUID that holds it;
--            v2's status "spam" is the silo spam, "onhold" and "closed" are pending and solved in
--            v2, and what lies in the trash is not found there
--   agent    ID and accountID are UUIDs made of the login, which is the e-mail address
--   team     a group; the account's default team is group 0
--   tag      one for each name, of one team where a single group has it, of all teams else
-- Members that HelpDesk alone has stay with the ticket, so that each version keeps its own.
local json = require "livechat.json"
local today = require "livechat.sandbox.today"
local routes = require "livechat.sandbox.routes"
local tokens = require "livechat.sandbox.accounts.tokens"
local tickets = require "livechat.sandbox.helpdesk.tickets"
local transactions = require "livechat.sandbox.helpdesk.transactions"
local settings = require "livechat.sandbox.helpdesk.settings"
local webhooks = require "livechat.sandbox.helpdesk.webhooks"

local helpdesk = {}

helpdesk.routes = {
  { "GET", "/v1/tickets", tickets.list },
  { "POST", "/v1/tickets", tickets.create },
  { "GET", "/v1/tickets/{id}", tickets.get },
  { "PATCH", "/v1/tickets/{id}", tickets.update },
  { "DELETE", "/v1/tickets/{id}", tickets.delete },
  { "GET", "/v1/tickets/{id}/message", tickets.message },
  { "PUT", "/v1/tickets/{id}/silo", tickets.silo },
  { "POST", "/v1/tickets/{id}/rating", tickets.rate },
  { "POST", "/v1/tickets/{id}/childTickets", tickets.merge },
  { "POST", "/v1/tickets/{id}/tags", tickets.add_tags },
  { "DELETE", "/v1/tickets/{id}/tags", tickets.remove_tags },
  { "POST", "/v1/tickets/{id}/followers", tickets.follow },
  { "DELETE", "/v1/tickets/{id}/followers", tickets.unfollow },
  { "DELETE", "/v1/tickets/{id}/attachments", tickets.delete_attachments },
  { "POST", "/v1/transactions", transactions.create },
  { "POST", "/v1/transactions/{id}/attachments", transactions.attach, raw = true },
  { "GET", "/v1/agents", settings.agents },
  { "POST", "/v1/agents", settings.invite },
  { "GET", "/v1/agents/{id}", settings.agent },
  { "PATCH", "/v1/agents/{id}", settings.change_agent },
  { "DELETE", "/v1/agents/{id}", settings.remove_agent },
  { "GET", "/v1/teams", settings.teams },
  { "POST", "/v1/teams", settings.create_team },
  { "GET", "/v1/tags", settings.tags },
  { "POST", "/v1/tags", settings.create_tag },
  { "DELETE", "/v1/tags/{id}", settings.delete_tag },
  { "GET", "/v1/customFields", settings.custom_fields },
  { "POST", "/v1/customFields", settings.create_custom_field },
  { "GET", "/v1/cannedResponses", settings.canned_responses },
  { "GET", "/v1/licenses", settings.license },
  { "GET", "/v1/webhooks", webhooks.list },
  { "POST", "/v1/webhooks", webhooks.create },
  { "GET", "/v1/webhooks/{id}", webhooks.get },
  { "PATCH", "/v1/webhooks/{id}", webhooks.update },
  { "DELETE", "/v1/webhooks/{id}", webhooks.delete },
}

local TREE = routes.plant(helpdesk.routes)

function helpdesk.new()
  return { people = {}, transactions = {}, memo = {}, hooks = {}, hook_count = 0,
    mails = { count = 0 },
    custom_fields = settings.first_custom_fields() }
end

--- Whether a path is this API's.
function helpdesk.owns(path)
  return path:find("^/v1/") ~= nil
end

--- As sent: without its version it would be one of v2's.
---@param path string
---@return string
function helpdesk.path(path)
  return path
end

-- Answers ----------------------------------------------------------------------------------------

local TYPES = { [400] = "badRequest", [401] = "unauthorized", [403] = "forbidden",
  [404] = "notFound", [405] = "methodNotAllowed", [413] = "entityTooLarge",
  [422] = "validationError", [429] = "tooManyRequests" }

-- Every shape that was met. A validation error says which member is wrong.
local SHAPES = {}

function SHAPES.object(kind, text, path)
  return { error = { type = kind, message = text,
    details = path and json.array({ { path = path, message = text } }) or json.array() } }
end

function SHAPES.text(_, text)
  return { error = "Request failed", details = text }
end

function SHAPES.list(_, text, path)
  return { error = text, details = json.array({ { field = path, error = text } }) }
end

function SHAPES.message(_, text)
  return { message = text }
end

function SHAPES.errors(_, text, path)
  return { errors = json.array({ { path = path, message = text } }) }
end

function SHAPES.validation(_, text, path)
  return { validation = json.array({ { property = path, reason = text } }) }
end

local ALL_SHAPES = { "object", "text", "list", "message", "errors", "validation" }

local function refuse(status, wrong, shape)
  local text = wrong.message
  if wrong.path and status == 422 then text = ('"%s" %s'):format(wrong.path, wrong.message) end
  if shape == "mixed" then shape = today.pick(ALL_SHAPES, text) end
  return { status = status, headers = {}, body = json.encode(
    SHAPES[shape or "object"](wrong.type or TYPES[status] or "error", text, wrong.path)) }
end

---@param status integer
---@param text string
---@return table response
function helpdesk.refuse(status, text)
  return refuse(status, { message = text })
end

local function respond(service, value, headers, created)
  local own, status = service.options.today, 200
  local body
  if value ~= today.NOTHING then
    status, body = created and own.created or 200, json.encode(value)
  elseif own.success == "no_content" then
    status, body = 204, ""
  else
    body = own.success == "empty" and "" or "{}"
  end
  return { status = status, headers = headers, body = body }
end

-- The body's fields; a call that takes the body as it is reads it by itself.
local function fields_of(request, row)
  if row.raw or request.method == "GET" or (request.body or "") == "" then return {} end
  local kind = tostring(request.headers["content-type"]):lower():match("^[^;%s]*")
  if kind ~= "application/json" then return nil, "the body must be JSON" end
  return today.object(request.body)
end

--- Answers one request.
---@return table response
---@return string|nil route
function helpdesk.answer(service, request, now)
  local shape, method = service.options.today.errors, request.method
  local row, found = routes.find(TREE, method, request.path)
  if not row then
    local status = found and 405 or 404
    return refuse(status, { message = found and "method not allowed" or "not found" }, shape)
  end
  local caller = tokens.identify(service, request.headers.authorization, now)
  if not caller then return refuse(401, { message = "invalid credentials" }, shape) end
  if not tokens.allowed(caller, "accounts--my:ro") then
    return refuse(403, { message = "the token has not the scope accounts--my:ro" }, shape)
  end
  local fields, message = fields_of(request, row)
  if not fields then return refuse(400, { message = message }, shape) end
  local headers = {}
  if caller.expires then
    headers["x-token-expires-in"] = ("%d"):format(math.floor(caller.expires - now))
  end
  local value, status, wrong, created = row[3](service, { id = found.id, fields = fields,
    query = request.query or "", headers = headers, caller = caller, request = request, now = now })
  if value == nil then return refuse(status, wrong, shape) end
  return respond(service, value, headers, created), method .. " " .. row[2]
end

-- Events -----------------------------------------------------------------------------------------

helpdesk.tell = webhooks.tell
helpdesk.trigger = webhooks.trigger

--- Its deliveries bring no token.
function helpdesk.knows_token()
  return false
end

return helpdesk
