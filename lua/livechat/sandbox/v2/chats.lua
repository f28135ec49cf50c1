-- SPDX-License-Identifier: MIT
-- v2's calls about chats and visitors. A handler answers a value, or nil, a status and a body.
local json = require "livechat.json"
local zones = require "livechat.sandbox.zones"
local views = require "livechat.sandbox.v2.views"
local chat_views = require "livechat.sandbox.v2.chat_views"
local checks = require "livechat.sandbox.v2.checks"
local filters = require "livechat.sandbox.v2.chat_filters"

local chats = {}

local PAGE, MOST_PAGES = 25, 1000

--- The zone that a query names, the account's where it names none.
---@return table|nil zone
function chats.zone(service, query, errors)
  local zone = zones.find(query.timezone or service.options.timezone)
  if not zone then errors[#errors + 1] = "timezone must be the name of a time zone" end
  return zone
end

local function page_of(found, page, service, zone)
  local style, list = views.style(service, "page"), json.array()
  for place = (page - 1) * PAGE + 1, math.min(page * PAGE, #found) do
    list[#list + 1] = chat_views.chat(found[#found - place + 1], service, zone)
  end
  return { chats = list, total = style.number(#found),
    pages = style.number(math.min(math.ceil(#found / PAGE), MOST_PAGES)) }
end

--- GET /chats, the last to start first. `total` counts all that match; only the first 25,000 are
-- within reach.
function chats.list(service, call)
  local query, errors = call.query, json.array()
  local zone = chats.zone(service, query, errors)
  local matches, key, wrong = filters.read(service, query, zone)
  local taken, more = checks.take(service, query,
    { page = checks.whole, include_pending = checks.bit })
  for _, list in ipairs({ wrong or {}, more }) do
    for _, message in ipairs(list) do errors[#errors + 1] = message end
  end
  local page = taken.page or 1
  if page < 1 or page > MOST_PAGES then
    errors[#errors + 1] = "page must be a number from 1 to " .. MOST_PAGES
  end
  if #errors > 0 then return nil, 400, { errors = errors } end
  local pending = taken.include_pending == 1
  local found = service.chats:find(function(chat)
    return (pending or chat.ended ~= nil) and (not matches or matches(chat))
  end, (pending and "pending " or "ended ") .. (key or ""))
  return page_of(found, page, service, zone)
end

local function find(service, id)
  local chat = service.chats.by_id[id]
  if not chat then return nil, 404, { error = "Chat not found" } end
  return chat
end

--- GET /chats/{id}
function chats.get(service, call)
  local chat, status, body = find(service, call.id)
  if not chat then return nil, status, body end
  return chat_views.chat(chat, service)
end

--- PUT /chats/{id}/tags: replaces them. The documentation prints the list's wrapper for the answer,
-- live tests a chat: the option `wrapper` decides.
function chats.tag(service, call)
  local chat, status, body = find(service, call.id)
  if not chat then return nil, status, body end
  local tags, message = checks.names(call.fields.tag or {}, service)
  if not tags then return nil, 400, { errors = { "tag " .. message } } end
  local old = chat.tags
  service.chats:tag(chat, tags)
  service:tell("chat_changed", chat, call.now, old)
  if service.options.wrapper then return page_of({ chat }, 1, service) end
  return chat_views.chat(chat, service)
end

--- POST /chats/{id}/send_transcript
function chats.send_transcript(service, call)
  local chat, status, body = find(service, call.id)
  if not chat then return nil, status, body end
  local taken, errors = checks.take(service, call.fields, { to = checks.mail }, { "to" })
  if #errors > 0 then return nil, 400, { errors = errors } end
  return { result = "E-mail has been sent to " .. taken.to .. "." }
end

-- Visitors -----------------------------------------------------------------------------------

local STATES = { "browsing", "chatting", "logging into chat", "queued", "invited",
  "refused invitation", "chat closed" }

--- GET /visitors: those on the pages now, or with count=1 how many they are.
function chats.visitors(service, call)
  local fields = { state = call.query.state, count = call.query.count, group = call.query.group }
  local taken, errors = checks.take(service, fields, { state = checks.one_of(STATES),
    count = checks.bit, group = checks.groups })
  if #errors > 0 then return nil, 400, { errors = errors } end
  local list = json.array()
  for _, visitor in ipairs(service.visitors:present()) do
    if (not taken.state or visitor.state == taken.state)
      and (not taken.group or checks.contains(taken.group, visitor.group)) then
      list[#list + 1] = visitor
    end
  end
  if taken.count == 1 then return #list end
  for i, visitor in ipairs(list) do list[i] = chat_views.visitor(visitor, service) end
  return list
end

--- GET /visitors/chatting, the old way to ask for them.
function chats.chatting(service, call)
  call.query.state = "chatting"
  return chats.visitors(service, call)
end

local function detail(value)
  if type(value) ~= "table" or not checks.text(value.name) then return nil end
  local text = checks.scalar(value.value)
  if not text or value.url ~= nil and not checks.text(value.url) then return nil end
  return { name = value.name, value = text, url = value.url }
end

-- "letters, digits, punctuation marks"
local function set_id(value)
  if type(value) == "string" and value:find("^[%w%p]+$") then return value end
  return nil, "must hold letters, digits and punctuation marks"
end

local DETAILS = { id = set_id, icon = checks.text,
  fields = checks.list_of(detail, "fields, each with name and value") }

-- The account's credentials, or the pair that a webhook brought.
local function may_add(service, call)
  if service:knows(call.authorization, call.now) then return true end
  local license, token = call.fields.license_id, call.fields.token
  return checks.whole(license) == service.options.license_id and type(token) == "string"
    and service:knows_token(token)
end

--- POST /visitors/{id}/details: replaces what is there under the same set's id.
function chats.details(service, call)
  if not may_add(service, call) then
    return nil, 401, { error =
      "You have no rights to access this data. Check your API Key and/or username" }
  end
  local visitor = service.visitors.by_id[call.id]
  if not visitor then return nil, 404, { error = "Visitor not found" } end
  local taken, errors = checks.take(service, call.fields, DETAILS, { "id", "fields" })
  if #errors > 0 then return nil, 400, { errors = errors } end
  visitor.details[taken.id] = { fields = taken.fields, icon = taken.icon }
  return { result = "Visitor details added" }
end

return chats
