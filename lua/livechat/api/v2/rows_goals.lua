-- SPDX-License-Identifier: MIT
--- Goals and greetings of API version 2. ([D] docs/service.md)
local fields = require "livechat.api.v2.fields"

local FLAG, SCALAR, LINE = fields.FLAG, fields.SCALAR, fields.LINE
local text, enum, needed = fields.text, fields.enum, fields.needed

-- ---- goals -----------------------------------------------------------------------------------

-- What a goal has by its type.
local MEMBERS = {
  custom_variable = { custom_variable_name = text(), custom_variable_value = SCALAR },
  url = { url = text(), match_type = enum("substring", "exact") },
  sales_tracker = {
    value_type = enum("set", "not_set", "dynamic"), value = SCALAR, currency = LINE,
    time_range = SCALAR, order_field_name = LINE, value_field_name = LINE,
    sales_tracker_id = SCALAR,
  },
}
local REQUIRED = { custom_variable_name = true, custom_variable_value = true, url = true }
local TYPE = enum("custom_variable", "url", "api", "sales_tracker")

-- A create tells the type, so that each member can be held to it; an update may leave it out.
local function goal_fields(creates)
  local made = { name = text { required = creates }, active = FLAG,
    type = creates and needed(TYPE) or TYPE }
  for kind, members in pairs(MEMBERS) do
    for name, spec in pairs(members) do
      made[name] = creates and fields.with(spec, { only_with = { type = kind },
        required_with = REQUIRED[name] and { type = kind } or nil }) or spec
    end
  end
  return made
end

local goals = {
  {
    name = "list", verb = "GET", path = "/goals", safe = true, returns = "goals",
    query = { type = TYPE },
    doc = "all goals, of one type where asked",
  },
  {
    name = "get", verb = "GET", path = "/goals/{id}", safe = true, returns = "goal",
    doc = "one goal, with what its type has",
  },
  {
    name = "create", verb = "POST", path = "/goals", returns = "goal", fields = goal_fields(true),
    doc = "adds a goal; which fields it takes depends on its type",
  },
  {
    name = "update", verb = "PUT", path = "/goals/{id}", safe = true, returns = "goal",
    fields = goal_fields(false),
    doc = "changes what is given",
  },
  {
    name = "delete", verb = "DELETE", path = "/goals/{id}", safe = true, returns = "result",
    gone = "not_found",
    doc = "removes a goal; chats that reached it keep it",
  },
  {
    name = "reach", verb = "POST", path = "/goals/{id}/mark_as_successful", returns = "result",
    fields = {
      visitor_id = text { required = true }, order_id = SCALAR, order_description = LINE,
      order_price = { type = "number", min = 0 }, order_currency = LINE,
    },
    doc = "says that a visitor has reached it, perhaps by an order",
  },
}

-- ---- greetings -------------------------------------------------------------------------------

local OPERATOR = enum("equals", "doesnt_equal", "lower_than", "lower_or_equal", "greater_than",
  "greater_or_equal", "contains", "doesnt_contain")

-- The documentation's own sample says "custom" for a custom variable.
local RULES = { "visit_time_site", "visit_time_page", "url_current", "url_visited",
  "pages_view_number", "url_referrer", "geolocation", "visits_number", "search_keyword",
  "custom_variable", "custom", "url_funnel" }
local VARIABLE, BY_VALUE = { custom_variable = true, custom = true }, {}
for _, kind in ipairs(RULES) do
  BY_VALUE[kind] = not VARIABLE[kind] and kind ~= "url_funnel" or nil
end

local RULE = {
  type = "object",
  fields = {
    type = { type = "enum", of = RULES, required = true }, operator = OPERATOR,
    value = fields.with(SCALAR, { required_with = { type = BY_VALUE } }),
    variable_name = text { required_with = { type = VARIABLE } },
    variable_value = fields.with(SCALAR, { required_with = { type = VARIABLE } }),
    urls = fields.list({
      type = "object", fields = { url = text { required = true }, operator = OPERATOR },
    }, { min = 1, required_with = { type = "url_funnel" } }),
    id = SCALAR, condition = enum("and"), -- as a greeting has them, to be sent back
  },
}

local rules = fields.list(RULE, { min = 1 })

local greetings = {
  {
    name = "list", verb = "GET", path = "/greetings", safe = true, returns = "greetings",
    query = { group = fields.GROUP },
    doc = "all greetings, of one group where asked",
  },
  {
    name = "get", verb = "GET", path = "/greetings/{id}", safe = true, returns = "greeting",
    doc = "one greeting",
  },
  {
    name = "create", verb = "POST", path = "/greetings", returns = "greeting",
    fields = { name = text { required = true }, rules = needed(rules), group = fields.GROUP,
      active = FLAG, subtype = enum("announcement") },
    doc = "adds a greeting that is shown where all of its rules hold",
  },
  {
    name = "update", verb = "PUT", path = "/greetings/{id}", safe = true, returns = "greeting",
    fields = { name = text(), message = { type = "string" }, active = FLAG, rules = rules },
    doc = "changes what is given; `rules` replaces the list",
  },
  {
    -- The answer is {"ok":true}, or a text under `result`.
    name = "delete", verb = "DELETE", path = "/greetings/{id}", safe = true, returns = "result",
    gone = "not_found",
    doc = "removes a greeting",
  },
}

-- ---- what comes back -------------------------------------------------------------------------

return {
  resources = { goals = goals, greetings = greetings },
  records = {
    goal = {
      name = "livechat.Goal", id = "id", resource = "goals", methods = { "delete", "reach" },
      members = { id = "id", name = "string", active = "integer" },
    },
    greeting = {
      name = "livechat.Greeting", id = "id", resource = "greetings", methods = { "delete" },
      members = { id = "id", name = "string", active = "boolean", rules = { list = "rule" } },
    },
    rule = { members = { id = "id", value = "scalar", type = "string", operator = "string",
      urls = { list = "plain" } } },
  },
  answers = {
    goal = { kind = "goal", what = "a goal", id = "id" },
    goals = { kind = "goal", what = "a list of goals", id = "id", list = true },
    greeting = { kind = "greeting", what = "a greeting", id = "id" },
    greetings = { kind = "greeting", what = "a list of greetings", id = "id", list = true },
  },
}
