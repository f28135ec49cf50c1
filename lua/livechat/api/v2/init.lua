-- SPDX-License-Identifier: MIT
--- The service's REST API, version 2, as data: methods, validation and the README's table come from
--- it. `resources` holds a row for each method:
---   verb, path        path arguments in braces, in the order of the method's arguments; another
---                     order, or one that goes into the body: args = { "login", { "id", "body" } }
---   query | fields    specs of check.lua, for the table that the method takes last
---   value             the same for a list as the last argument: { name = <in the body>, spec = }
---   returns           what the answer holds, a name of `answers`
---   safe              the call may be sent again although it may have acted
---   once              unless it has one of these fields
---   gone              "not_found" where that is a success, after an attempt that may have acted
---   pick              which of the answer's list is the new one: the fields that it has in common
---   walk              "pages" or "cursor": the method `each` gives the whole list
---   run               a function of this folder that makes the calls, where one is not enough
---   lost              how a thing is found whose create was not answered: see lost_create.lua
---   operation         the name that the published connector gives it
---   doc               one line
local events = require "livechat.api.v2.events"
local habits = require "livechat.api.v2.tickets"

local STATUS = { "accepting chats", "not accepting chats", "offline" }
local LOGIN_STATUS = { "accepting chats", "not accepting chats" }
local DAYS = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }
local TICKET_STATUS = { "open", "pending", "solved", "spam" }

local function text(more)
  local spec = { type = "string", one_line = true, min = 1 }
  for name, value in pairs(more or {}) do
    spec[name] = value
  end
  return spec
end

local FLAG, NEEDED_FLAG = { type = "flag" }, { type = "flag", required = true }
local EMAIL, DATE, TIME = { type = "email" }, { type = "date" }, { type = "time" }
local GROUP = { type = "group", min = 0 }

-- ---- agents ----------------------------------------------------------------------------------

local function agent_fields(more)
  local fields = {
    job_title = { type = "string", one_line = true },
    login_status = { type = "enum", of = LOGIN_STATUS },
    permission = { type = "enum", of = { "administrator", "normal" } },
    password = { type = "string", one_line = true, min = 5 },
    max_chats_count = { type = "integer", min = 0 },
    groups = { type = "list", of = GROUP },
    daily_summary = FLAG,
  }
  for name, spec in pairs(more) do
    fields[name] = spec
  end
  return fields
end

local agents = {
  {
    name = "list", verb = "GET", path = "/agents", safe = true, returns = "agents",
    operation = "ListAgents",
    query = { status = { type = "enum", of = STATUS } },
    doc = "all agents, of one status where asked",
  },
  {
    name = "get", verb = "GET", path = "/agents/{login}", safe = true, returns = "agent",
    doc = "one agent",
  },
  {
    name = "create", verb = "POST", path = "/agents", returns = "agent",
    operation = "CreateAgent",
    fields = agent_fields {
      login = { type = "email", required = true }, name = text { required = true },
      notifications = {
        type = "object",
        fields = { -- where any is given, the service wants all six
          new_visitor = NEEDED_FLAG, incoming_chat = NEEDED_FLAG, returning_visitor = NEEDED_FLAG,
          queued_visitor = NEEDED_FLAG, visitor_is_typing = NEEDED_FLAG, new_goal = NEEDED_FLAG,
        },
      },
    },
    doc = "adds an agent; without a password they get an activation e-mail",
  },
  {
    name = "update", verb = "PUT", path = "/agents/{login}", safe = true, returns = "agent",
    fields = agent_fields {
      name = text(), current_password = { type = "string", one_line = true },
      status = { type = "enum", of = STATUS },
      notifications = {
        type = "object",
        fields = { new_visitor = FLAG, returning_visitor = FLAG, queued_visitor = FLAG,
          visitor_is_typing = FLAG },
      },
      work_scheduler = {
        type = "map", names = DAYS,
        of = { type = "object", fields = { enabled = FLAG, start = TIME, ["end"] = TIME } },
      },
    },
    once = { "password" }, -- sent again, current_password would be the wrong one
    doc = "changes what is given; what is left out stays",
  },
  {
    name = "delete", verb = "DELETE", path = "/agents/{login}", safe = true, returns = "result",
    gone = "not_found", operation = "DeleteAgent",
    doc = "removes an agent",
  },
}

-- ---- tickets ---------------------------------------------------------------------------------

local function ticket_fields(required)
  return {
    message = { type = "string", min = 1, required = required },
    subject = { type = "string", one_line = true },
    requester = {
      type = "object", required = required,
      fields = {
        mail = { type = "email", required = required },
        name = { type = "string", one_line = true },
      },
    },
    assignee = {
      type = "object", fields = { id = { type = "string", one_line = true, min = 1,
        required = true } },
    },
    source = {
      type = "object",
      fields = {
        type = { type = "enum", of = { "chat-window", "mail", "lc2" } },
        url = { type = "url", only_with = { type = "chat-window" } },
      },
    },
  }
end

local function with(fields, more)
  for name, spec in pairs(more) do
    fields[name] = spec
  end
  return fields
end

local TAGS = { type = "list", of = text() }

local tickets = {
  {
    name = "list", verb = "GET", path = "/tickets", safe = true, returns = "page",
    operation = "ListTickets", walk = "pages", moments = habits.moments,
    query = {
      date_from = DATE, date_to = DATE, page = { type = "integer", min = 1 }, assigned = FLAG,
      order = { type = "enum", of = { "asc", "desc" } },
      status = { type = "enum", of = TICKET_STATUS }, assignee = text(), query = text(),
      requester = { type = "object", fields = { mail = EMAIL } }, group = GROUP,
      source = { type = "enum",
        of = { "lc2", "mail", "facebook", "agent-app-manual", "chat-window" } },
      tag = text(), tagged = FLAG, source_id = text(), agent = { type = "list", of = text() },
    },
    doc = "one page of 25, last change first",
  },
  {
    name = "get", verb = "GET", path = "/tickets/{id}", safe = true, returns = "ticket",
    operation = "GetTicket",
    doc = "one ticket",
  },
  {
    name = "create", verb = "POST", path = "/tickets", returns = "ticket",
    operation = "CreateTicket", lost = habits.lost,
    fields = with(ticket_fields(true), { group = { type = "list", of = GROUP } }),
    doc = "creates a ticket",
  },
  {
    -- The connector's UpdateTicket goes to the tags, and sends none, which clears them or does
    -- nothing. This one always sends them, and looks at what came of it.
    name = "update", verb = "PUT", path = "/tickets/{id}/tags", safe = true, returns = "ticket",
    operation = "UpdateTicket", run = habits.update,
    fields = with(ticket_fields(false), { tags = TAGS }),
    once = { "message" }, -- sent again, it would stand there twice
    doc = "changes a ticket and keeps its tags; tells which fields the service did not take",
  },
  {
    name = "tag", verb = "PUT", path = "/tickets/{id}/tags", safe = true, returns = "ticket",
    value = { name = "tag", spec = TAGS },
    doc = "replaces the ticket's tags",
  },
  {
    name = "add_tags", verb = "PUT", path = "/tickets/{id}/tags", safe = true, returns = "ticket",
    value = { name = "tag", spec = TAGS }, run = habits.add_tags,
    doc = "adds tags to the ticket's own",
  },
  {
    name = "remove_tags", verb = "PUT", path = "/tickets/{id}/tags", safe = true,
    returns = "ticket", value = { name = "tag", spec = TAGS }, run = habits.remove_tags,
    doc = "removes tags; the others stay",
  },
}

-- ---- webhooks --------------------------------------------------------------------------------

local webhooks = {
  {
    name = "list", verb = "GET", path = "/webhooks", safe = true, returns = "hooks",
    doc = "all registered webhooks",
  },
  {
    name = "create", verb = "POST", path = "/webhooks", returns = "hooks",
    pick = { "url", "event_type" },
    operation = "WebhookTicketCreated, WebhookChatStarted, WebhookChatEnded",
    fields = {
      event_type = { type = "enum", required = true, of = { "chat_started", "chat_ended",
        "chat_changed", "visitor_queued", "ticket_created", "canned_response_changed" } },
      data_types = { type = "list", required = true, min = 1, of = text(),
        allowed_by = { field = "event_type", of = events.data_types } },
      url = { type = "url", required = true },
    },
    doc = "registers a URL for an event",
  },
  {
    name = "delete", verb = "DELETE", path = "/webhooks/{id}", safe = true, returns = "result",
    gone = "not_found", operation = "DeleteHook",
    doc = "removes a webhook",
  },
}

-- ---- what comes back --------------------------------------------------------------------------

local function list(of) return { list = of } end
local function map(of) return { map = of } end

--- How each member of a thing is read; the others come through as they are. What has a name is
--- given as a record of that name: `id` tells one from another, `resource` has its methods, of
--- which those in `methods` are the record's own as well.
local records = {
  ticket = {
    name = "livechat.Ticket", id = "id", resource = "tickets",
    methods = { "tag", "add_tags", "remove_tags" },
    members = {
      id = "id", date = "time", modified = "time", requester = "person", assignee = "person",
      groups = "groups", currentGroup = "group", source = "source", tags = list "text",
      subject = "string", status = "string",
      events = list "ticket_event", opened = list "span", firstResponse = "span",
    },
  },
  ticket_event = { members = {
    type = "string", message = "string", date = "time", author = "person", to = "person",
    is_private = "boolean", source = "source",
  } },
  source = { members = { type = "string", url = "string", id = "id" } },
  span = { members = { from = "time", to = "time", date = "time" } },
  agent = {
    name = "livechat.Agent", id = "login", resource = "agents", methods = { "delete" },
    members = {
      daily_summary = "integer", max_chats_count = "integer", last_logout = "time",
      groups = "groups", group_ids = list "integer", notifications = map "integer",
      license_id = "id", work_scheduler = map "day",
    },
  },
  day = { members = { enabled = "integer" } },
  hook = { members = {
    id = "id", licence = "integer", verified = "boolean", data_types = list "plain",
  } },
  event = { members = {
    event_type = "string", event_unique_id = "string", license_id = "id", lc_version = "id",
    chat = "chat", visitor = "visitor", pre_chat_survey = list "survey_item", ticket = "ticket",
    canned_response = "canned_response",
  } },
  chat = { members = {
    id = "id", started_timestamp = "time", ended_timestamp = "time", groups = "groups",
    url = "string", referer = "string", messages = list "chat_line", events = list "chat_line",
    agents = list "chat_agent", tags = list "string", attachments = list "plain",
  } },
  chat_line = { members = {
    user_type = "string", author_name = "string", agent_id = "string", text = "string",
    json = "string", type = "string", timestamp = "time",
  } },
  chat_agent = { members = { name = "string", login = "string" } },
  visitor = { members = {
    id = "id", name = "string", email = "string", country = "string", city = "string",
    language = "string", page_current = "string", timezone = "string",
    custom_variables = list "custom_variable",
  } },
  custom_variable = { members = { key = "string", value = "scalar" } },
  survey_item = { members = {
    id = "id", type = "string", label = "string", answer = "string",
    answers = list "survey_answer",
  } },
  survey_answer = { members = { label = "string", chosen = "boolean" } },
  canned_response = { members = {
    id = "id", group = "integer", creation_date = "time", modification_date = "time",
    text = "string", tags = list "string",
  } },
}

--- Where in an answer the thing asked for is: see read.lua.
local answers = {
  agent = { kind = "agent", what = "an agent", id = "login" },
  agents = { kind = "agent", what = "a list of agents", id = "login", list = true },
  ticket = { kind = "ticket", what = "a ticket", id = "id", within = "tickets" },
  page = { kind = "ticket", what = "a page of tickets", id = "id", within = "tickets",
    page = true },
  hooks = { kind = "hook", what = "a list of webhooks", id = "id", list = true, within = "events" },
  result = { what = "a result", value = "result" },
}

-- ---- the service ------------------------------------------------------------------------------

--- The header lines of every request. The region in front of a token (`fra:…`) is sent on, as the
--- service once asked for it.
---@param options { access_token?: string, api_key?: string }
---@return table<string, string>
local function headers(options)
  local token = options.access_token or options.api_key or ""
  local region = token:match("^(dal):") or token:match("^(fra):")
  return { ["X-API-Version"] = "2", ["X-Region"] = region }
end

return {
  name = "v2",
  service = { name = "livechat", base_url = "https://api.livechatinc.com", headers = headers },
  records = records,
  answers = answers,
  resources = { agents = agents, tickets = tickets, webhooks = webhooks },
  events = events,
}
