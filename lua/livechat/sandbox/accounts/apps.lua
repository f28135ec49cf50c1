-- SPDX-License-Identifier: MIT
-- The life of an app in the organization, told to the app's own webhook: another envelope than
-- those of chats and tickets, and on request alone. Control's POST clients says where, with
-- `webhook`.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local hooks = require "livechat.sandbox.v3.hooks"
local tokens = require "livechat.sandbox.accounts.tokens"

local apps = {}

local function of_application(application)
  return { applicationID = application }
end

local function of_payment(more)
  return function(_, payment)
    local payload = { paymentID = payment }
    for name, value in pairs(more) do payload[name] = value end
    return payload
  end
end

-- Each makes the payload of an event from the application's and a payment's id.
local EVENTS = {
  application_installed = of_application, application_uninstalled = of_application,
  payment_trialstarted = of_payment({}), payment_activated = of_payment({ quantity = 1 }),
  payment_collected = of_payment({ total = 400 }), payment_cancelled = of_payment({}),
}

-- "2020-09-14T15:29:53+02:00"
local function date(now)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(now) + 7200) .. "+02:00"
end

local function event_of(service, name, client_id, now)
  local application = service.identities:of("application", client_id):sub(1, 8)
  return { event = name, applicationID = application, applicationName = "An app of the sandbox",
    clientID = client_id, date = date(now), licenseID = service.options.license_id,
    organizationID = service.identities:of("organization", service.options.license_id),
    userID = service.options.account_id,
    payload = EVENTS[name](application, ("%s-0000-4000-8000-%s"):format(
      random.hex(service.draw, 8), random.hex(service.draw, 12))) }
end

--- Sends one event to every app that has a webhook.
---@param name string
---@param over table what is merged over the event; json.null removes a member
---@return string|nil about
---@return integer|string|nil deliveries
function apps.trigger(service, name, over, now)
  if not EVENTS[name] then return nil end
  local _, wrong = schema.any(over)
  if wrong then return nil, name .. " " .. wrong end
  local count, ids = 0, {}
  for id, client in pairs(tokens.clients(service)) do
    if client.webhook then ids[#ids + 1] = id end
  end
  table.sort(ids)
  for _, id in ipairs(ids) do
    local hook = { id = id, event_type = name, url = tokens.clients(service)[id].webhook,
      rules = hooks.RULES }
    local event = today.merge(event_of(service, name, id, now), over)
    service.deliveries:queue(hook, json.encode(event), id, now)
    count = count + 1
  end
  return ids[1] or name, count
end

return apps
