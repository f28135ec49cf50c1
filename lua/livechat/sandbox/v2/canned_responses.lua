-- SPDX-License-Identifier: MIT
-- v2's calls about canned responses. A handler answers a value, or nil, a status and a body.
local json = require "livechat.json"
local views = require "livechat.sandbox.v2.views"
local checks = require "livechat.sandbox.v2.checks"

local canned_responses = {}

local FIELDS = { text = checks.text, tags = checks.names, group = checks.group }

local function view(service, response)
  local style = views.style(service, response.id)
  local changed = response.modified and style.date(response.modified)
  return { id = style.number(response.id), group = style.number(response.group),
    text = response.text, tags = json.array(response.tags),
    creation_date = style.date(response.created), created_by = response.author,
    modification_date = changed or style.nulls and json.null or nil,
    modified_by = response.modifier or style.nulls and json.null or nil }
end

--- The form that webhooks deliver: nothing tells a new one, a changed one and a removed one apart.
function canned_responses.in_event(response)
  return { group = response.group, id = response.id, text = response.text,
    modification_date = math.floor(response.modified or response.created),
    tags = json.array(response.tags) }
end

local function find(service, id)
  local response = service.canned_responses.by_id[checks.whole(id) or -1]
  if not response then return nil, 404, { error = "Canned response not found" } end
  return response
end

--- GET /canned_responses, of one group: 0 where none is named.
function canned_responses.list(service, call)
  local taken, errors = checks.take(service, call.query, { group = checks.group })
  if #errors > 0 then return nil, 400, { errors = errors } end
  local list = json.array()
  for _, response in ipairs(service.canned_responses.list_of) do
    if response.group == (taken.group or 0) then list[#list + 1] = view(service, response) end
  end
  return list
end

--- GET /canned_responses/{id}
function canned_responses.get(service, call)
  local response, status, body = find(service, call.id)
  if not response then return nil, status, body end
  return view(service, response)
end

--- POST /canned_responses
function canned_responses.create(service, call)
  local taken, errors = checks.take(service, call.fields, FIELDS, { "text", "tags" })
  if #errors > 0 then return nil, 400, { errors = errors } end
  local response = service.canned_responses:add({ text = taken.text, tags = taken.tags,
    group = taken.group or 0, author = call.login, created = math.floor(call.now) })
  service:tell("canned_response_changed", response, call.now)
  return view(service, response)
end

--- PUT /canned_responses/{id}: what is left out stays.
function canned_responses.update(service, call)
  local response, status, body = find(service, call.id)
  if not response then return nil, status, body end
  local taken, errors = checks.take(service, call.fields, FIELDS)
  if #errors > 0 then return nil, 400, { errors = errors } end
  for name, value in pairs(taken) do response[name] = value end
  response.modified, response.modifier = math.floor(call.now), call.login
  service:tell("canned_response_changed", response, call.now)
  return view(service, response)
end

--- DELETE /canned_responses/{id}
function canned_responses.delete(service, call)
  local response, status, body = find(service, call.id)
  if not response then return nil, status, body end
  service.canned_responses:remove(response)
  service:tell("canned_response_changed", response, call.now)
  return { result = "Canned response removed successfully" }
end

return canned_responses
