-- SPDX-License-Identifier: MIT
-- v2's registered webhooks, and the bodies that go to them. A handler answers a value, or nil, a
-- status and a body.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
local views = require "livechat.sandbox.v2.views"
local checks = require "livechat.sandbox.v2.checks"
local Deliveries = require "livechat.sandbox.deliveries"

local webhooks = {}

--- What each event may carry, in the documentation's order.
webhooks.DATA_TYPES = {
  chat_started = { "chat", "visitor", "pre_chat_survey" },
  chat_ended = { "chat", "visitor", "pre_chat_survey" },
  chat_changed = { "chat", "visitor" },
  visitor_queued = { "visitor" },
  ticket_created = { "ticket" },
  canned_response_changed = { "canned_response" },
}

local IS_DATA_TYPE = { chat = true, visitor = true, pre_chat_survey = true, ticket = true,
  canned_response = true }

local function list_view(hooks)
  local events = json.array()
  for i, hook in ipairs(hooks) do events[i] = hook end
  return { events = events }
end

--- GET /webhooks
function webhooks.list(service)
  return list_view(service.v2.hooks)
end

local function url(value)
  if type(value) == "string" and Deliveries.target(value) then return value end
  return nil, "must be an http or https URL"
end

local function event_type(value)
  if webhooks.DATA_TYPES[value] then return value end
  return nil, "must be the name of an event"
end

local function data_types(value)
  local list = checks.names(value)
  if list and #list > 0 then return list end
  return nil, "must be a list of data types"
end

local FIELDS = { url = url, event_type = event_type, data_types = data_types }

local function check(service, fields)
  local taken, errors = checks.take(service, fields, FIELDS, { "event_type", "data_types", "url" })
  local allowed = webhooks.DATA_TYPES[taken.event_type] or {}
  for _, name in ipairs(taken.event_type and taken.data_types or {}) do
    if not checks.contains(allowed, name) then
      errors[#errors + 1] = "data_types of " .. taken.event_type .. " are: " ..
        table.concat(allowed, ", ")
      break
    end
  end
  return taken, errors
end

--- POST /webhooks
function webhooks.create(service, call)
  local taken, errors = check(service, call.fields)
  if #errors > 0 then return nil, 400, { errors = errors } end
  local options, draw, hooks = service.options, service.draw, service.v2.hooks
  local hook = { licence = options.license_id, event_type = taken.event_type,
    data_types = taken.data_types, url = taken.url, verified = true,
    token = options.token or random.hex(draw, 32), id = random.hex(draw, 32) }
  hooks[#hooks + 1] = hook
  return list_view(options.webhook_answer == "all" and hooks or { hook })
end

--- DELETE /webhooks/{id}; what is already in line still goes out.
function webhooks.delete(service, call)
  local hooks = service.v2.hooks
  for i, hook in ipairs(hooks) do
    if hook.id == call.id then
      table.remove(hooks, i)
      return { result = "Push notification removed successfully" }
    end
  end
  return nil, 404, { error = "Webhook not found" }
end

--- Puts an event in line for every hook that is registered for it: the envelope whole, of the data
-- what the hook asked for. An event with a token of its own keeps it.
---@param event table from events.lua
---@param about string
---@return integer deliveries
function webhooks.publish(service, event, about, now)
  local count = 0
  for _, hook in ipairs(service.v2.hooks) do
    if hook.event_type == event.event_type then
      local body = { token = hook.token }
      for name, value in pairs(event) do
        if not IS_DATA_TYPE[name] then body[name] = value end
      end
      for _, name in ipairs(hook.data_types) do body[name] = event[name] end
      service.deliveries:queue(hook, json.encode(views.finish(body, service)), about, now)
      count = count + 1
    end
  end
  return count
end

return webhooks
