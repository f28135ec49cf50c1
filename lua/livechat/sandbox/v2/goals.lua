-- SPDX-License-Identifier: MIT
-- v2's calls about goals. A handler answers a value, or nil, a status and a body.
local json = require "livechat.json"
local views = require "livechat.sandbox.v2.views"
local checks = require "livechat.sandbox.v2.checks"

local goals = {}

local TYPES = { "custom_variable", "url", "api", "sales_tracker" }

-- What a goal has besides name, type and active, by its type.
local MEMBERS = {
  custom_variable = { custom_variable_name = checks.scalar, custom_variable_value = checks.scalar },
  url = { url = checks.text, match_type = checks.one_of({ "substring", "exact" }) },
  api = {},
  sales_tracker = { value_type = checks.one_of({ "set", "not_set", "dynamic" }),
    value = checks.scalar, currency = checks.any_text, time_range = checks.scalar,
    order_field_name = checks.any_text, value_field_name = checks.any_text,
    sales_tracker_id = checks.scalar },
}
local REQUIRED = { custom_variable = { "custom_variable_name", "custom_variable_value" },
  url = { "url" } }

local function view(service, goal, whole)
  local style = views.style(service, goal.id)
  local result = { id = style.number(goal.id), name = goal.name, type = goal.type,
    active = style.number(goal.active) }
  for name, value in pairs(whole and goal.members or {}) do result[name] = value end
  return result
end

local function find(service, id)
  local goal = service.goals.by_id[checks.whole(id) or -1]
  if not goal then return nil, 404, { error = "Goal not found" } end
  return goal
end

--- GET /goals
function goals.list(service, call)
  local taken, errors = checks.take(service, call.query, { type = checks.one_of(TYPES) })
  if #errors > 0 then return nil, 400, { errors = errors } end
  local list = json.array()
  for _, goal in ipairs(service.goals.list_of) do
    if not taken.type or goal.type == taken.type then list[#list + 1] = view(service, goal) end
  end
  return list
end

--- GET /goals/{id}
function goals.get(service, call)
  local goal, status, body = find(service, call.id)
  if not goal then return nil, status, body end
  return view(service, goal, true)
end

-- Reads name, type and active, then what the type has; `old` is the goal that is changed.
local function read(service, fields, old)
  local taken, errors = checks.take(service, fields,
    { name = checks.text, type = checks.one_of(TYPES), active = checks.flag },
    not old and { "name", "type" } or nil)
  local kind = taken.type or old and old.type
  if not kind then return nil, errors end
  local same = old and old.type == kind
  local members, more = checks.take(service, fields, MEMBERS[kind], not same and REQUIRED[kind])
  for _, message in ipairs(more) do errors[#errors + 1] = message end
  if #errors > 0 then return nil, errors end
  for name, value in pairs(same and old.members or {}) do
    if members[name] == nil then members[name] = value end
  end
  if kind == "url" then members.match_type = members.match_type or "substring" end
  return { name = taken.name or old.name, type = kind, members = members,
    active = taken.active or old and old.active or 1 }
end

--- POST /goals
function goals.create(service, call)
  local goal, errors = read(service, call.fields)
  if not goal then return nil, 400, { errors = errors } end
  return view(service, service.goals:add(goal), true)
end

--- PUT /goals/{id}: what is left out stays, unless the type is another.
function goals.update(service, call)
  local goal, status, body = find(service, call.id)
  if not goal then return nil, status, body end
  local changed, errors = read(service, call.fields, goal)
  if not changed then return nil, 400, { errors = errors } end
  for name, value in pairs(changed) do goal[name] = value end
  return view(service, goal, true)
end

--- DELETE /goals/{id}: chats that reached it keep it.
function goals.delete(service, call)
  local goal, status, body = find(service, call.id)
  if not goal then return nil, status, body end
  service.goals:remove(goal)
  return { result = "goal removed successfully" }
end

-- A period and nothing else may separate.
local function price(value)
  value = type(value) == "number" and ("%.15g"):format(value) or value
  if type(value) == "string" and value:find("^%d+%.?%d*$") then return value end
  return nil, "must be a number with a period"
end

--- POST /goals/{id}/mark_as_successful: the visitor's last chat has reached the goal.
function goals.reach(service, call)
  local goal, status, body = find(service, call.id)
  if not goal then return nil, status, body end
  local taken, errors = checks.take(service, call.fields, { visitor_id = checks.text,
    order_id = checks.scalar, order_description = checks.any_text, order_price = price,
    order_currency = checks.any_text }, { "visitor_id" })
  if #errors > 0 then return nil, 400, { errors = errors } end
  local visitor = service.visitors.by_id[taken.visitor_id]
  if not visitor then return nil, 404, { error = "Visitor not found" } end
  if visitor.chat then
    service.chats:reach(visitor.chat, goal, { id = taken.order_id or "",
      description = taken.order_description or "", price = taken.order_price or "0",
      currency = taken.order_currency or "" }, call.now)
  end
  return { result = "goal marked as successful" }
end

return goals
