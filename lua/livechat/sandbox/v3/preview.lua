-- SPDX-License-Identifier: MIT
-- What only version 3.7 has: canned responses, allowed domains, translations.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"
local extras = require "livechat.sandbox.v3.extras"
local pages = require "livechat.sandbox.v3.pages"

local object, text, list = schema.object, schema.text, schema.list

local GROUP = schema.integer(0, 2 ^ 31)
local TEXT, TAGS = text(16384, 1), list(text(200, 1), 100)

-- Canned responses -------------------------------------------------------------------------------

-- "sanitized": what looks like a tag is taken out.
local function sanitized(value)
  return (value:gsub("<[^<>]*>", ""))
end

local function find(service, call)
  local response = service.canned_responses.by_id[today.number(call.fields.id) or -1]
  if not response then return nil, "not_found", "Canned response not found" end
  return response
end

local function view(service, from)
  local function date(seconds)
    return today.date(service, seconds, 6, tostring(from.id))
  end
  return { id = today.id(service, from.id), text = from.text, tags = json.array(from.tags),
    group_id = today.id(service, from.group), author_id = from.author,
    is_private = extras.of(service, from).private == true, created_at = date(from.created),
    updated_at = today.changed(service, from.modified or from.created, 6, tostring(from.id)) }
end

local function take(service, response, fields)
  if fields.text then response.text = sanitized(fields.text) end
  response.tags = fields.tags or response.tags
  response.group = fields.group_id or response.group
  if fields.is_private ~= nil then extras.of(service, response).private = fields.is_private end
end

local function create(service, call)
  if not service.groups.by_id[call.fields.group_id] then
    return nil, "group_not_found", "Group not found"
  end
  local response = service.canned_responses:add({ author = call.login,
    created = math.floor(call.now) })
  take(service, response, call.fields)
  service:tell("canned_response_changed", response, call.now)
  return { id = today.id(service, response.id) }
end

local function update(service, call)
  local response, kind, message = find(service, call)
  if not response then return nil, kind, message end
  if call.fields.group_id and not service.groups.by_id[call.fields.group_id] then
    return nil, "group_not_found", "Group not found"
  end
  take(service, response, call.fields)
  response.modified, response.modifier = math.floor(call.now), call.login
  service:tell("canned_response_changed", response, call.now)
  return {}
end

local function delete(service, call)
  local response, kind, message = find(service, call)
  if not response then return nil, kind, message end
  service.canned_responses:remove(response)
  service:tell("canned_response_changed", response, call.now)
  return {}
end

local function list_responses(service, call)
  local fields, place, message = pages.read(service, call, "list_canned_responses")
  if not fields then return nil, place, message end
  local groups
  for _, id in ipairs(fields.group_ids or {}) do
    groups = groups or {}
    groups[id] = true
  end
  local rows = {}
  for _, response in ipairs(service.canned_responses.list_of) do
    local private = extras.of(service, response).private
    local seen = not private or fields.include_all_private
      or fields.include_private and response.author == call.login
    if seen and (not groups or groups[response.group]) then
      rows[#rows + 1] = { time = 0, id = response.id, response = response }
    end
  end
  local shown, next_id = pages.cut(service, rows, { action = "list_canned_responses",
    fields = fields, ascending = true, limit = fields.limit or 100, bytes = #call.request.body },
    place, call.now)
  local result = json.array()
  for i, row in ipairs(shown) do result[i] = view(service, row.response) end
  return { canned_responses = result, found_canned_responses = #rows, next_page_id = next_id }
end

-- Domains and translations -----------------------------------------------------------------------

local DOMAIN = object({ ["domain*"] = text(253, 1) })

local function domain_at(service, domain)
  for i, each in ipairs(service.v3.domains) do
    if each == domain then return i end
  end
end

local function add_domain(service, call)
  if domain_at(service, call.fields.domain) then
    return nil, "already_exists", "Domain already exists"
  end
  table.insert(service.v3.domains, call.fields.domain)
  return {}
end

local function delete_domain(service, call)
  local at = domain_at(service, call.fields.domain)
  if not at then return nil, "not_found", "Domain not found" end
  table.remove(service.v3.domains, at)
  return today.NOTHING
end

local LANGUAGE = { ["group_id*"] = GROUP, ["language*"] = text(10, 2) }

local function phrases_of(service, fields)
  local key = ("%d %s"):format(fields.group_id, fields.language)
  service.v3.phrases[key] = service.v3.phrases[key] or {}
  return service.v3.phrases[key]
end

local function update_translations(service, call)
  local phrases = phrases_of(service, call.fields)
  for name, value in pairs(call.fields.phrases) do phrases[name] = value end
  return {}
end

local function list_translations(service, call)
  return { phrases = phrases_of(service, call.fields) }
end

local READ = "canned_responses--groups:ro canned_responses--all:ro"
local WRITE = "canned_responses--groups:rw canned_responses--all:rw"
local ID = schema.any

return {
  create_canned_response = { create, object({ ["text*"] = TEXT, ["tags*"] = TAGS,
    ["group_id*"] = GROUP, is_private = schema.boolean }), scopes = WRITE, since = "3.7" },
  update_canned_response = { update, object({ ["id*"] = ID, text = TEXT, tags = TAGS,
    group_id = GROUP, is_private = schema.boolean }), scopes = WRITE, since = "3.7" },
  delete_canned_response = { delete, object({ ["id*"] = ID }), scopes = WRITE, since = "3.7" },
  list_canned_responses = { list_responses, object({ group_ids = list(GROUP, 200),
    include_private = schema.boolean, include_all_private = schema.boolean,
    limit = schema.integer(1, 100000), page_id = text(64, 1) }), scopes = READ, since = "3.7" },
  add_allowed_domain = { add_domain, DOMAIN, since = "3.7" },
  delete_allowed_domain = { delete_domain, DOMAIN, since = "3.7" },
  list_allowed_domains = { function(service)
    local result = json.array()
    for i, each in ipairs(service.v3.domains) do result[i] = each end
    return { domains = result }
  end, object({}), since = "3.7" },
  update_translations = { update_translations, object({ ["group_id*"] = GROUP,
    ["language*"] = LANGUAGE["language*"], ["phrases*"] = schema.map(text(1000)) }),
    since = "3.7" },
  list_translations = { list_translations, object(LANGUAGE), since = "3.7" },
}
