-- SPDX-License-Identifier: MIT
--- HelpDesk's API, version 1, as data; see v2/init.lua for what the rows say. The names are v2's
--- where there is one. ([D] docs/service.md)
local answers_of = require "livechat.api.helpdesk.answers"
local events = require "livechat.api.helpdesk.events"
local habits = require "livechat.api.helpdesk.tickets"
local list = require "livechat.api.helpdesk.list"
local names = require "livechat.api.helpdesk.names"
local shapes = require "livechat.api.helpdesk.shapes"
local tags_of = require "livechat.api.helpdesk.tags"
local webhooks_of = require "livechat.api.helpdesk.webhooks"

local TICKET_STATUS = { "open", "pending", "onhold", "solved", "closed" }
local LISTED = { "open", "pending", "onhold", "solved", "closed", "spam" }
local SILO = { "tickets", "archive", "trash", "spam" }

local function text(more)
  local spec = { type = "string", one_line = true, min = 1 }
  for name, value in pairs(more or {}) do spec[name] = value end
  return spec
end

local function with(fields, more)
  for name, spec in pairs(more) do fields[name] = spec end
  return fields
end

local function list_of(spec) return { type = "list", of = spec } end

local FLAG, EMAIL, DATE = { type = "flag" }, { type = "email" }, { type = "date" }
local TAGS = list_of(text())

-- ---- tickets -----------------------------------------------------------------------------------

local function ticket_fields(required)
  return {
    message = { type = "string", min = 1, required = required },
    subject = { type = "string", one_line = true },
    requester = { type = "object", required = required, fields = {
      mail = { type = "email", required = required }, name = { type = "string", one_line = true },
    } },
    assignee = { type = "object", fields = { id = text { required = true } } },
    group = { type = "some", of = { type = "id" }, min = 1 },
    tags = TAGS, create_tags = FLAG,
    status = { type = "enum", of = TICKET_STATUS },
    priority = { type = "enum", of = { -10, 0, 10, 20 } },
    custom_fields = { type = "map", of = { type = "string" } },
    cc = list_of { type = "object", fields = { mail = { type = "email", required = true },
      name = { type = "string", one_line = true } } },
    followers = list_of(text()),
    author = { type = "enum", of = { "client", "agent" } },
    attachments = list_of { type = "file" },
  }
end

local tickets = {
  {
    name = "list", verb = "GET", path = "/tickets", safe = true, returns = "page",
    run = list.page, walk = "cursor", fetch = list.fetch,
    moments = { created = habits.lost.created },
    query = {
      status = { type = "enum", of = LISTED }, silo = { type = "enum", of = SILO },
      requester = { type = "object", fields = { mail = EMAIL } }, assignee = text(),
      assigned = FLAG, group = { type = "some", of = { type = "id" }, min = 1 }, tag = text(),
      tagged = FLAG, query = text(), date_from = DATE, date_to = DATE, modified_from = DATE,
      modified_to = DATE, order = { type = "enum", of = { "asc", "desc" } },
      page = { type = "integer", min = 1 },
    },
    doc = "one page of 25, last change first, of one silo; `each` reads archive and spam too, "
      .. "unless `silo` or `status` leaves them out",
  },
  {
    name = "get", verb = "GET", path = "/tickets/{id}", safe = true, returns = "ticket",
    doc = "one ticket, by its id or its shortID",
  },
  {
    name = "create", verb = "POST", path = "/tickets", returns = "ticket", lost = habits.lost,
    run = habits.create,
    fields = with(ticket_fields(true), {
      source = { type = "object", fields = { type = text(), url = text() } }, -- HelpDesk's own
    }),
    doc = "creates a ticket; the requester is mailed where the author is 'agent'",
  },
  {
    name = "update", verb = "PATCH", path = "/tickets/{id}", safe = true, returns = "ticket",
    run = habits.update,
    fields = with(ticket_fields(false), { private = FLAG }),
    doc = "changes a ticket, and keeps its team; a message is mailed, a private one is a note",
  },
  {
    name = "reply", verb = "PATCH", path = "/tickets/{id}", returns = "ticket",
    run = habits.update,
    fields = {
      message = { type = "string", min = 1, required = true }, private = FLAG,
      author = { type = "enum", of = { "client", "agent" } },
      status = { type = "enum", of = TICKET_STATUS }, attachments = list_of { type = "file" },
    },
    doc = "mails a reply to the requester, or writes a private note",
  },
  {
    name = "tag", verb = "PATCH", path = "/tickets/{id}", safe = true, returns = "ticket",
    value = { name = "tag", spec = TAGS }, options = { create_tags = FLAG }, run = habits.tag,
    doc = "replaces the ticket's tags",
  },
  {
    name = "add_tags", verb = "PATCH", path = "/tickets/{id}", safe = true, returns = "ticket",
    value = { name = "tag", spec = TAGS }, options = { create_tags = FLAG },
    run = habits.add_tags,
    doc = "adds tags to the ticket's own",
  },
  {
    name = "remove_tags", verb = "PATCH", path = "/tickets/{id}", safe = true, returns = "ticket",
    value = { name = "tag", spec = TAGS }, run = habits.remove_tags,
    doc = "removes tags; the others stay",
  },
  {
    name = "delete", verb = "DELETE", path = "/tickets/{id}", safe = true, returns = "anything",
    gone = "not_found", run = habits.delete,
    doc = "puts a ticket into the trash",
  },
  {
    name = "merge", verb = "POST", path = "/tickets/{id}/childTickets", returns = "ticket",
    args = { "id", "child_id" }, run = habits.merge,
    doc = "puts another ticket into this one, which keeps its team",
  },
}

-- ---- the rest ----------------------------------------------------------------------------------

local teams = {
  {
    name = "list", verb = "GET", path = "/teams", safe = true, returns = "teams",
    doc = "all teams",
  },
}

local tags = {
  {
    name = "list", verb = "GET", path = "/tags", safe = true, returns = "tags", joins = "name",
    doc = "all tags of tickets",
  },
  {
    name = "create", verb = "POST", path = "/tags", returns = "tag", run = tags_of.create,
    fields = { name = text { required = true }, group = { type = "id" } },
    doc = "adds a tag for tickets, of one team or of all",
  },
  {
    name = "delete", verb = "DELETE", path = "/tags/{tag}", safe = true, returns = "anything",
    gone = "not_found", each = true, run = tags_of.delete,
    doc = "removes a tag of tickets, by its name or its id",
  },
}

local canned_responses = {
  {
    name = "list", verb = "GET", path = "/cannedResponses", safe = true, returns = "canned",
    doc = "all canned responses",
  },
}

local webhooks = {
  {
    name = "list", verb = "GET", path = "/webhooks", safe = true, returns = "hooks",
    doc = "all registered webhooks of tickets",
  },
  {
    name = "create", verb = "POST", path = "/webhooks", returns = "hook", by = "event_type",
    run = webhooks_of.create,
    fields = {
      event_type = { type = "enum", required = true, of = events.registrable },
      url = { type = "url", required = true }, secret = text(), data_types = list_of(text()),
    },
    doc = "registers a URL for an event, once; hook.token is for the receiver",
  },
  {
    name = "delete", verb = "DELETE", path = "/webhooks/{id}", safe = true, returns = "anything",
    gone = "not_found",
    doc = "removes a webhook",
  },
}

-- ---- what comes back --------------------------------------------------------------------------

local function list_reading(of) return { list = of } end

local records = {
  ticket = {
    name = "livechat.Ticket", id = "id", resource = "tickets", shape = shapes.ticket,
    prepare = names.prepare,
    methods = { "reply", "tag", "add_tags", "remove_tags", "delete", "merge" },
    members = {
      id = "id", date = "time", modified = "time", lastMessageAt = "time", licenseID = "id",
      requester = "person", assignee = "person", currentGroup = "person",
      groups = list_reading "person", tags = list_reading "text", subject = "string",
      status = "string", source = "source", events = list_reading "ticket_event",
      cc = list_reading "person", followers = list_reading "text", priority = "integer",
    },
  },
  ticket_event = { shape = shapes.event, members = {
    id = "id", type = "string", date = "time", author = "person", is_private = "boolean",
    source = "source", message = "string",
  } },
  source = { members = { type = "string", url = "string" } },
  team = { shape = shapes.named, members = { id = "id", licenseID = "id" } },
  tag = { shape = shapes.tag, members = { id = "id", licenseID = "id", creation_date = "time",
    updatedAt = "time" } },
  agent = { members = { ID = "id" } },
  canned_response = { shape = shapes.named, members = { id = "id" } },
  hook = { shape = webhooks_of.shape, members = { id = "id", licenseID = "id", createdAt = "time",
    updatedAt = "time" } },
  transaction = { members = {} },
  event = { members = { ticket = "plain", event = "plain", own = "boolean" } },
}

local function answer(kind, what, more)
  return with({ kind = kind, what = what, id = "ID" }, more or {})
end

local answers = {
  ticket = answer("ticket", "a ticket"),
  page = answer("ticket", "a page of tickets", { page = true }),
  teams = answer("team", "a list of teams", { list = true }),
  tags = answer("tag", "a list of tags", { list = true }),
  tag = answer("tag", "a tag"),
  agents = answer("agent", "a list of agents", { list = true }),
  canned = answer("canned_response", "a list of canned responses", { list = true }),
  hooks = answer("hook", "a list of webhooks", { list = true }),
  hook = answer("hook", "a webhook"),
  transaction = answer("transaction", "a transaction"),
  anything = { what = "a result" },
}

return {
  name = "helpdesk",
  service = {
    name = "helpdesk", option = "helpdesk_url", base_url = "https://api.helpdesk.com",
    folder = "/v1",
    headers = function() return {} end, failure = answers_of.failure,
    error_text = answers_of.error_text,
  },
  records = records,
  answers = answers,
  resources = { tickets = tickets, teams = teams, tags = tags, webhooks = webhooks,
    canned_responses = canned_responses },
  events = events,
}
