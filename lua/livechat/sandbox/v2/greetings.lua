-- SPDX-License-Identifier: MIT
-- v2's calls about greetings. A handler answers a value, or nil, a status and a body.
local json = require "livechat.json"
local views = require "livechat.sandbox.v2.views"
local checks = require "livechat.sandbox.v2.checks"

local greetings = {}

local RULES = { "visit_time_site", "visit_time_page", "url_current", "url_visited",
  "pages_view_number", "url_referrer", "geolocation", "visits_number", "search_keyword",
  "custom_variable", "url_funnel" }
local OPERATOR = checks.one_of({ "equals", "doesnt_equal", "lower_than", "lower_or_equal",
  "greater_than", "greater_or_equal", "contains", "doesnt_contain" })
local MESSAGE = "Hello, would you like to talk about our products?"

-- The documentation's own sample says "custom" for a custom variable.
local function rule_type(value)
  if value == "custom" then return "custom_variable" end
  return checks.one_of(RULES)(value)
end

local function url_list(value)
  if type(value) ~= "table" or value[1] == nil then return nil end
  local urls = json.array()
  for i, each in ipairs(value) do
    local operator = type(each) == "table" and (each.operator or "equals")
    if not operator or not checks.text(each.url) or not OPERATOR(operator) then return nil end
    urls[i] = { url = each.url, operator = operator }
  end
  return urls
end

local function rule(value, service)
  if type(value) ~= "table" or not rule_type(value.type) then return nil end
  local kept = { type = rule_type(value.type), condition = "and",
    operator = OPERATOR(value.operator or "equals") }
  if kept.type == "url_funnel" then
    kept.operator, kept.urls = nil, url_list(value.urls)
    if not kept.urls then return nil end
  elseif kept.type == "custom_variable" then
    kept.variable_name = checks.scalar(value.variable_name)
    kept.variable_value = checks.scalar(value.variable_value)
    if not (kept.operator and kept.variable_name and kept.variable_value) then return nil end
  else
    kept.value = checks.scalar(value.value)
    if not (kept.operator and kept.value) then return nil end
  end
  kept.id = service.greetings.next_rule
  service.greetings.next_rule = kept.id + 10
  return kept
end

local rule_list = checks.list_of(rule, "rules, each with its type, operator and value")

local function rules(value, service)
  local list, message = rule_list(value, service)
  if list and #list == 0 then return nil, "must not be empty" end
  return list, message
end

local function properties(value)
  local message = type(value) == "table" and value["greeting-message_text"]
  if message ~= nil and checks.any_text(message) then return message end
  return nil, "must hold greeting-message_text"
end

local FIELDS = { name = checks.text, rules = rules, active = checks.flag, group = checks.group,
  subtype = checks.one_of({ "announcement" }), message = checks.any_text,
  properties = properties }

local function view(service, greeting)
  local style, list = views.style(service, greeting.id), json.array()
  for i, each in ipairs(greeting.rules) do
    list[i] = {}
    for name, value in pairs(each) do list[i][name] = value end
    list[i].id = style.number(each.id)
  end
  return { id = style.number(greeting.id), active = greeting.active == 1, name = greeting.name,
    subtype = greeting.subtype, rules = list, properties = {
      active = ("%d"):format(greeting.active), ["greeting-message_text"] = greeting.message } }
end

local function find(service, id)
  local greeting = service.greetings.by_id[checks.whole(id) or -1]
  if not greeting then return nil, 404, { error = "Greeting not found" } end
  return greeting
end

--- GET /greetings
function greetings.list(service, call)
  local taken, errors = checks.take(service, call.query, { group = checks.group })
  if #errors > 0 then return nil, 400, { errors = errors } end
  local list = json.array()
  for _, greeting in ipairs(service.greetings.list_of) do
    if not taken.group or greeting.group == taken.group then
      list[#list + 1] = view(service, greeting)
    end
  end
  return list
end

--- GET /greetings/{id}
function greetings.get(service, call)
  local greeting, status, body = find(service, call.id)
  if not greeting then return nil, status, body end
  return view(service, greeting)
end

--- POST /greetings
function greetings.create(service, call)
  local taken, errors = checks.take(service, call.fields, FIELDS, { "name", "rules" })
  if #errors > 0 then return nil, 400, { errors = errors } end
  return view(service, service.greetings:add({ name = taken.name, rules = taken.rules,
    group = taken.group or 0, active = taken.active or 1, subtype = taken.subtype,
    message = taken.properties or taken.message or MESSAGE }))
end

--- PUT /greetings/{id}: what is left out stays.
function greetings.update(service, call)
  local greeting, status, body = find(service, call.id)
  if not greeting then return nil, status, body end
  local taken, errors = checks.take(service, call.fields, FIELDS)
  if #errors > 0 then return nil, 400, { errors = errors } end
  taken.message, taken.properties = taken.properties or taken.message, nil
  for name, value in pairs(taken) do greeting[name] = value end
  return view(service, greeting)
end

--- DELETE /greetings/{id}
function greetings.delete(service, call)
  local greeting, status, body = find(service, call.id)
  if not greeting then return nil, status, body end
  service.greetings:remove(greeting)
  return { ok = true }
end

return greetings
