-- SPDX-License-Identifier: MIT
-- The Agent Chat API's actions about customers, who are the account's visitors. A handler answers a
-- value, or nil, an error's type and its message.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local chat_views = require "livechat.sandbox.v3.chat_views"
local extras = require "livechat.sandbox.v3.extras"
local hooks = require "livechat.sandbox.v3.hooks"

local object, text = schema.object, schema.text

local ID = text(64, 1)

local function threads_of(service, visitor)
  local result = {}
  for _, thread in ipairs(service.chats.order) do
    if thread.visitor == visitor then result[#result + 1] = thread end
  end
  return result
end

local function get(service, call)
  local visitor, kind, message = chat_views.visitor(service, call.fields.id)
  if not visitor then return nil, kind, message end
  local result, seen = chat_views.customer(service, visitor), {}
  result.chat_ids = json.array()
  for _, thread in ipairs(threads_of(service, visitor)) do
    local id = chat_views.chat_id(service, thread)
    if not seen[id] then result.chat_ids[#result.chat_ids + 1], seen[id] = id, true end
  end
  return result
end

-- Session fields take the place of those with the same key.
local function take_fields(visitor, fields)
  local list, places = visitor.custom_variables, {}
  for i, each in ipairs(list) do places[each.key] = i end
  for _, field in ipairs(fields) do
    for key, value in pairs(field) do
      local place = places[key] or #list + 1
      list[place], places[key] = { key = key, value = value }, place
    end
  end
end

local function update(service, call)
  local visitor, kind, message = chat_views.visitor(service, call.fields.id)
  if not visitor then return nil, kind, message end
  local fields, own = call.fields, extras.of(service, visitor)
  if next(fields, (next(fields))) == nil then
    return nil, "validation", "At least one optional parameter is required"
  end
  visitor.name, visitor.email = fields.name or visitor.name, fields.email or visitor.email
  for _, name in ipairs({ "avatar", "phone_number", "omnichannel", "address" }) do
    if fields[name] ~= nil then own[name] = fields[name] end
  end
  if fields.session_fields then
    take_fields(visitor, fields.session_fields)
    local threads = threads_of(service, visitor)
    local last = threads[#threads]
    hooks.publish(service, "customer_session_fields_updated", { id = fields.id,
      session_fields = json.array(fields.session_fields),
      active_chat = last and not last.ended and { chat_id = chat_views.chat_id(service, last),
        thread_id = last.id } or nil },
      { thread = last, caller = call.caller, id = fields.id }, call.now)
  end
  service.chats:changed()
  return {}
end

local function ban(service, call)
  local visitor, kind, message = chat_views.visitor(service, call.fields.id)
  if not visitor then return nil, kind, message end
  service.v3.bans[call.fields.id] = call.now + call.fields.ban.days * 86400
  return today.NOTHING
end

local E164 = schema.match("^%+[1-9]%d%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?%d?$",
  "must be a phone number as of E.164")

return {
  get_customer = { get, object({ ["id*"] = ID }), scopes = "customers:ro" },
  update_customer = { update, object({ ["id*"] = ID, name = text(255), email = schema.email,
    avatar = text(500), phone_number = E164, omnichannel = schema.any, address = schema.any,
    session_fields = schema.list(schema.map(text(1000)), 100) }), scopes = "customers:rw" },
  ban_customer = { ban, object({ ["id*"] = ID, ["ban*"] = object({
    ["days*"] = schema.integer(1, 1000) }) }), scopes = "customers.ban:rw" },
}
