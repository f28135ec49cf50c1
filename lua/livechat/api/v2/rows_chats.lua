-- SPDX-License-Identifier: MIT
--- Chats and visitors of API version 2. ([D] docs/service.md)
local chats = require "livechat.api.v2.chats"
local fields = require "livechat.api.v2.fields"

local DATE, FLAG, GROUP, text = fields.DATE, fields.FLAG, fields.GROUP, fields.text
local ID = { type = "integer", min = 0 }

local REACH = { most = 25000, split = { "date_from", "date_to" } } -- [D] 1000 pages of 25

local chat_rows = {
  {
    name = "list", verb = "GET", path = "/chats", safe = true, returns = "chat_page",
    walk = "pages", moments = chats.moments, reach = REACH,
    query = {
      date_from = DATE, date_to = DATE, timezone = fields.ZONE,
      page = { type = "integer", min = 1, max = 1000 }, visitor_id = text(), query = text(),
      agent = text(), group = GROUP, goal = ID, has_goal = FLAG, sale = ID, has_sale = FLAG,
      queued = FLAG, rate = fields.enum("rated", "not_rated", "rated_good", "rated_bad"),
      include_pending = FLAG, tag = fields.TEXTS, tagged = FLAG, comment = FLAG, city = text(),
      region = text(), country = text(),
    },
    doc = "one page of 25, last start first; 25,000 chats are within reach",
  },
  {
    name = "get", verb = "GET", path = "/chats/{id}", safe = true, returns = "chat",
    doc = "one chat",
  },
  {
    name = "tag", verb = "PUT", path = "/chats/{id}/tags", safe = true, returns = "chat",
    value = { name = "tag", spec = fields.TEXTS },
    doc = "replaces the chat's tags",
  },
  {
    name = "send_transcript", verb = "POST", path = "/chats/{id}/send_transcript",
    returns = "result", value = { name = "to", spec = fields.EMAIL },
    doc = "mails the chat to an address",
  },
}

local visitors = {
  {
    name = "list", verb = "GET", path = "/visitors", safe = true, returns = "visitors",
    run = chats.list_visitors,
    query = { state = text(), group = fields.GROUPS, count = FLAG },
    doc = "those on the pages now; with `count = true` how many they are",
  },
  {
    name = "details", verb = "POST", path = "/visitors/{visitor_id}/details", returns = "result",
    fields = {
      id = text { required = true, like = { "^[%w%p]+$", "letters, digits and punctuation" } },
      fields = fields.list({
        type = "object",
        fields = { name = text { required = true }, value = fields.needed(fields.SCALAR),
          url = { type = "url" } },
      }, { required = true, min = 1 }),
      icon = text { like = { "^[%w.-]+/", "a host and a path without https:// in front" } },
    },
    doc = "shows agents a set of fields beside the visitor; `id` names the set",
  },
}

-- ---- what comes back -------------------------------------------------------------------------

local function list(of) return { list = of } end

-- [R] The text is the time in the chat's own zone.
local function shown(beside)
  return { beside = beside, shown = chats.shown_time, zone = "timezone" }
end

return {
  resources = { chats = chat_rows, visitors = visitors },
  records = {
    chat = {
      name = "livechat.Chat", id = "id", resource = "chats",
      methods = { "tag", "send_transcript" }, instead = { tags = "tag" },
      members = {
        id = "id", type = "string", timezone = "string", duration = "integer",
        started = shown "started_timestamp", started_timestamp = "time",
        ended = shown "ended_timestamp", ended_timestamp = "time", pending = "boolean",
        group = "groups", groups = "groups", url = "string", referer = "string",
        messages = list "chat_line", events = list "chat_line", agents = list "chat_agent",
        supervisors = list "chat_agent", tags = list "text", attachments = list "plain",
        visitor = "visitor", visitor_id = "id", prechat_survey = list "answer",
        postchat_survey = list "answer", custom_variables = list "custom_variable",
        integration_variables = list "custom_variable", goals = list "chat_goal",
        goal = "chat_goal", queue = "queue",
      },
    },
    chat_line = { members = {
      user_type = "string", author_name = "string", agent_id = "string", text = "string",
      json = "string", type = "string", date = shown "timestamp", timestamp = "time",
    } },
    chat_agent = { members = { name = "string", login = "string", display_name = "string",
      email = "string" } },
    chat_goal = { members = { id = "id", date = shown "timestamp", timestamp = "time" } },
    queue = { members = { duration = "integer" } },
    answer = { members = { id = "id", key = "string", value = "scalar" } },
    visitor = { members = {
      id = "id", name = "string", email = "string", country = "string", city = "string",
      language = "string", page_current = "string", timezone = "string", chat_id = "id",
      custom_variables = list "custom_variable", prechat_survey = list "answer",
      operators = list "person", visit_path = list "visited_page", group = "integer",
      chats = "integer", visits = "integer", page_views = "integer",
      greetings_all = "integer", greetings_accepted = "integer", greetings_refused = "integer",
      chat_start_time = { beside = "chat_start_time_ts" }, chat_start_time_ts = "time",
      last_visit = { beside = "last_visit_ts" }, last_visit_ts = "time",
      page_entered = { beside = "page_entered_ts" }, page_entered_ts = "time",
      page_time = { beside = "page_time_ts" }, page_time_ts = "time",
    } },
    visited_page = { members = { time = { beside = "time_ts" }, time_ts = "time" } },
    custom_variable = { members = { key = "string", value = "scalar" } },
  },
  answers = {
    chat = { kind = "chat", what = "a chat", id = "id", within = "chats" },
    chat_page = { kind = "chat", what = "a page of chats", id = "id", within = "chats",
      page = true },
    visitors = { kind = "visitor", what = "a list of visitors", id = "id", list = true },
    visitor_count = { number = true, what = "a count of visitors", within = "count" },
  },
}
