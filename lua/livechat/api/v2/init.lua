-- SPDX-License-Identifier: MIT
--- The service's REST API, version 2, as data: methods, validation and the README's table come from
--- it. A method is a table of
---   verb, path        path arguments in braces, in the order of the method's arguments
---   query | fields    specs of schema.lua, for the table that the method takes last
---   returns           what the answer holds: agent, agents, ticket, page, hooks, result
---   operation         the name that the published connector gives it
---   doc               one line
--- and where more than the call is needed: `carry` (members that every update must send along, from
--- the record as it is now), `confirm` (the answer must show that the fields were taken), `once`
--- (with one of these fields the call must not act twice), `reconcile` (a lost answer is looked for
--- in the list), `each` (the list can be walked), `among` (which of the answer's list is the new
--- one).
local events = require "livechat.api.v2.events"

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
    name = "list", verb = "GET", path = "/agents", returns = "agents", operation = "ListAgents",
    query = { status = { type = "enum", of = STATUS } },
    doc = "all agents, of one status where asked",
  },
  {
    name = "get", verb = "GET", path = "/agents/{login}", returns = "agent",
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
    name = "update", verb = "PUT", path = "/agents/{login}", returns = "agent",
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
    name = "delete", verb = "DELETE", path = "/agents/{login}", returns = "result",
    operation = "DeleteAgent",
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
    name = "list", verb = "GET", path = "/tickets", returns = "page", operation = "ListTickets",
    each = true,
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
    name = "get", verb = "GET", path = "/tickets/{id}", returns = "ticket",
    operation = "GetTicket",
    doc = "one ticket",
  },
  {
    name = "create", verb = "POST", path = "/tickets", returns = "ticket",
    operation = "CreateTicket", reconcile = true,
    fields = with(ticket_fields(true), { group = { type = "list", of = GROUP } }),
    doc = "creates a ticket",
  },
  {
    -- The connector's UpdateTicket goes to the tags, and sends none, which clears them or does
    -- nothing. This one always sends them, and looks at what came of it.
    name = "update", verb = "PUT", path = "/tickets/{id}/tags", returns = "ticket",
    operation = "UpdateTicket", carry = true, confirm = true,
    fields = with(ticket_fields(false), { tags = TAGS }),
    rename = { tags = "tag" },
    once = { "message" }, -- sent again, it would stand there twice
    doc = "changes a ticket and keeps its tags; tells which fields the service did not take",
  },
  {
    name = "tag", verb = "PUT", path = "/tickets/{id}/tags", returns = "ticket",
    value = { name = "tag", spec = TAGS },
    doc = "replaces the ticket's tags",
  },
}

-- ---- webhooks --------------------------------------------------------------------------------

local webhooks = {
  {
    name = "list", verb = "GET", path = "/webhooks", returns = "hooks",
    doc = "all registered webhooks",
  },
  {
    name = "create", verb = "POST", path = "/webhooks", returns = "hooks", among = "url",
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
    name = "delete", verb = "DELETE", path = "/webhooks/{id}", returns = "result",
    operation = "DeleteHook",
    doc = "removes a webhook",
  },
}

-- ---- what comes back --------------------------------------------------------------------------

local function list(of) return { list = of } end
local function map(of) return { map = of } end

--- How each member of a record is read; the others come through as they are.
local kinds = {
  ticket = {
    id = "id", date = "time", modified = "time", requester = "person", assignee = "person",
    groups = "groups", currentGroup = "group", source = "source", tags = list "text",
    events = list "ticket_event", opened = list "span", firstResponse = "span",
  },
  ticket_event = {
    date = "time", author = "person", to = "person", is_private = "boolean", source = "source",
  },
  source = { id = "id" },
  span = { from = "time", to = "time", date = "time" },
  agent = {
    daily_summary = "integer", max_chats_count = "integer", last_logout = "time",
    groups = "groups", group_ids = list "integer", notifications = map "integer",
    license_id = "id", work_scheduler = map "day",
  },
  day = { enabled = "integer" },
  hook = { id = "id", licence = "integer", verified = "boolean", data_types = list "plain" },
  chat = {
    id = "id", started_timestamp = "time", ended_timestamp = "time", groups = "groups",
    messages = list "chat_line", events = list "chat_line", agents = list "plain",
    tags = list "plain", attachments = list "plain",
  },
  chat_line = { timestamp = "time" },
  visitor = { id = "id", custom_variables = list "plain" },
  survey_item = { id = "id", answers = list "survey_answer" },
  survey_answer = { chosen = "boolean" },
  canned_response = {
    id = "id", group = "integer", creation_date = "time", modification_date = "time",
    tags = list "plain",
  },
}

--- Where in an answer the thing asked for is: `id` is the member without which it is none, `within`
--- the wrapper that may be around it.
local answers = {
  agent = { what = "an agent", id = "login" },
  agents = { what = "a list of agents", id = "login", list = true },
  ticket = { what = "a ticket", id = "id", within = "tickets" },
  page = { what = "a page of tickets", id = "id", page = "tickets" },
  hooks = { what = "a list of webhooks", id = "id", list = true, within = "events" },
  result = { what = "a result" },
}

return {
  name = "v2",
  base_url = "https://api.livechatinc.com",
  headers = { ["X-API-Version"] = "2" },
  kinds = kinds,
  answers = answers,
  resources = { agents = agents, tickets = tickets, webhooks = webhooks },
  data_types = events.data_types,
}
