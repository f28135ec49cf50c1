-- SPDX-License-Identifier: MIT
--- Reports of API version 2: one row for each, chosen by its name. ([D] docs/service.md)
local fields = require "livechat.api.v2.fields"
local reports = require "livechat.api.v2.reports"

local text = fields.text
local ID = { type = "integer", min = 0 }

local COMMON = {
  date_from = fields.DATE, date_to = fields.DATE, timezone = fields.ZONE, group = fields.GROUP,
  agent = text(), group_by = fields.enum("hour", "day", "month"), tag = fields.TEXTS,
}

-- What some take besides.
local MORE = {
  ["chats/agents_occupancy"] = {
    weekday = fields.needed(fields.enum("mon", "tue", "wed", "thu", "fri", "sat", "sun")),
  },
  ["chats/goals"] = { goal = ID, sales_tracker = ID, currency = text() },
  ["chats/greetings"] = { goal = ID, greeting = ID },
  ["chats/not_replied_chats"] = { groups = fields.GROUPS, agents = fields.TEXTS },
}
local WITHOUT = { ["chats/not_replied_chats"] = { "group", "agent" } }

local NAMES = {
  "availability", "chats/total_chats", "chats/engagement", "chats/not_replied_chats",
  "chats/ratings", "chats/ratings/ranking", "chats/queued_visitors",
  "chats/queued_visitors/waiting_times", "chats/chatting_time", "chats/first_response_time",
  "chats/response_time", "chats/agents_occupancy", "chats/goals", "chats/greetings",
  "tickets/new_tickets", "tickets/first_response_time", "tickets/solved_tickets",
  "tickets/resolution_time", "tickets/ticket_sources", "tickets/ratings",
  "tickets/ratings/ranking",
}

local variants, all = {}, {}
for _, name in ipairs(NAMES) do
  local query = fields.with(COMMON, MORE[name])
  for _, other in ipairs(WITHOUT[name] or {}) do
    query[other] = nil
  end
  variants[name] = { name = "get", verb = "GET", path = "/reports/" .. name, args = {},
    query = query, safe = true, returns = "report", run = reports.get }
  for field, spec in pairs(query) do
    all[field] = fields.with(spec, { required = false })
  end
end

return {
  resources = { reports = { {
    name = "get", verb = "GET", path = "/reports/{name}", safe = true, returns = "report",
    query = all, variants = { by = "name", of = variants, what = "report" },
    doc = "rows in the order of their dates, each with its `date`; names as `chats/total_chats`, "
      .. "`tickets/ratings/ranking`, `availability`",
  } } },
  records = {},
  answers = { report = { plain = true, what = "a report" } },
}
