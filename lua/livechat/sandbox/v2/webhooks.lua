-- SPDX-License-Identifier: MIT
-- v2's registered webhooks, and the bodies that go to them. A handler answers a value, or nil, a
-- status and a body.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
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

local function check(fields)
  local errors, wanted, known = json.array(), json.array(), {}
  local allowed = type(fields.event_type) == "string" and webhooks.DATA_TYPES[fields.event_type]
  if not allowed then errors[1] = "event_type must be the name of an event" end
  if type(fields.url) ~= "string" or not Deliveries.target(fields.url) then
    errors[#errors + 1] = "url must be an http or https URL"
  end
  for i, name in ipairs(type(fields.data_types) == "table" and fields.data_types or {}) do
    wanted[i] = name
  end
  if #wanted == 0 then errors[#errors + 1] = "data_types must be a list of data types" end
  for _, name in ipairs(allowed or {}) do known[name] = true end
  for _, name in ipairs(allowed and wanted or {}) do
    if not known[name] then
      errors[#errors + 1] = "data_types of " .. fields.event_type .. " are: " ..
        table.concat(allowed, ", ")
      break
    end
  end
  return errors, wanted
end

--- POST /webhooks
function webhooks.create(service, call)
  local errors, data_types = check(call.fields)
  if #errors > 0 then return nil, 400, { errors = errors } end
  local options, draw, hooks = service.options, service.draw, service.v2.hooks
  local hook = { licence = options.license_id, event_type = call.fields.event_type,
    data_types = data_types, url = call.fields.url, verified = true,
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
      service.deliveries:queue(hook, json.encode(body), about, now)
      count = count + 1
    end
  end
  return count
end

return webhooks
