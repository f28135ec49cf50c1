-- SPDX-License-Identifier: MIT
--- Tickets, tags and canned responses of API version 2. ([D] [M] docs/service.md)
local fields = require "livechat.api.v2.fields"
local habits = require "livechat.api.v2.tickets"

local DATE, FLAG, GROUP, LINE = fields.DATE, fields.FLAG, fields.GROUP, fields.LINE
local text, enum, needed = fields.text, fields.enum, fields.needed

-- Tags need not exist before they are used: what HelpDesk is told there says nothing here.
local CREATE_TAGS = { create_tags = { type = "unused" } }

-- ---- tickets ---------------------------------------------------------------------------------

local function ticket_fields(required)
  return {
    message = { type = "string", min = 1, required = required },
    subject = LINE,
    requester = {
      type = "object", required = required,
      fields = { mail = { type = "email", required = required }, name = LINE },
    },
    assignee = { type = "object", fields = { id = text { required = true } } },
    source = {
      type = "object",
      fields = {
        type = enum("chat-window", "mail", "lc2"),
        url = { type = "url", only_with = { type = "chat-window" } },
      },
    },
  }
end

local tickets = {
  {
    name = "list", verb = "GET", path = "/tickets", safe = true, returns = "page",
    operation = "ListTickets", walk = "pages", moments = habits.moments,
    query = {
      date_from = DATE, date_to = DATE, page = { type = "integer", min = 1 }, assigned = FLAG,
      order = enum("asc", "desc"), status = enum("open", "pending", "solved", "spam"),
      assignee = text(), query = text(),
      requester = { type = "object", fields = { mail = fields.EMAIL } }, group = GROUP,
      source = enum("lc2", "mail", "facebook", "agent-app-manual", "chat-window"),
      tag = text(), tagged = FLAG, source_id = text(), agent = fields.TEXTS,
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
    fields = fields.with(ticket_fields(true), { group = fields.GROUPS }),
    doc = "creates a ticket",
  },
  {
    -- The connector's UpdateTicket goes to the tags, and sends none, which clears them or does
    -- nothing. This one always sends them, and looks at what came of it.
    name = "update", verb = "PUT", path = "/tickets/{id}/tags", safe = true, returns = "ticket",
    operation = "UpdateTicket", run = habits.update,
    fields = fields.with(ticket_fields(false), { tags = fields.TEXTS }),
    once = { "message" }, -- sent again, it would stand there twice
    doc = "changes a ticket and keeps its tags; tells which fields the service did not take",
  },
  {
    name = "tag", verb = "PUT", path = "/tickets/{id}/tags", safe = true, returns = "ticket",
    value = { name = "tag", spec = fields.TEXTS }, options = CREATE_TAGS,
    doc = "replaces the ticket's tags",
  },
  {
    name = "add_tags", verb = "PUT", path = "/tickets/{id}/tags", safe = true, returns = "ticket",
    value = { name = "tag", spec = fields.TEXTS }, options = CREATE_TAGS, run = habits.add_tags,
    doc = "adds tags to the ticket's own",
  },
  {
    name = "remove_tags", verb = "PUT", path = "/tickets/{id}/tags", safe = true,
    returns = "ticket", value = { name = "tag", spec = fields.TEXTS }, run = habits.remove_tags,
    doc = "removes tags; the others stay",
  },
}

-- ---- tags ------------------------------------------------------------------------------------

local tags = {
  {
    name = "list", verb = "GET", path = "/tags", safe = true, returns = "tags",
    query = { group = GROUP },
    doc = "the tags that agents may choose from, and how often each is used",
  },
  {
    name = "create", verb = "POST", path = "/tags", returns = "tag",
    fields = { author = needed(fields.EMAIL), tag = text { required = true },
      group = needed(GROUP) },
    doc = "adds a tag to a group; the author is the owner or an administrator",
  },
  {
    -- [D] `group` is required; [C] the PHP client sends none.
    name = "delete", verb = "DELETE", path = "/tags/{tag}", safe = true, returns = "result",
    gone = "not_found", fields = { group = needed(GROUP) },
    doc = "takes a tag from a group; what carries it keeps it",
  },
}

-- ---- canned responses ------------------------------------------------------------------------

local TEXT = { type = "string", min = 1 }

local canned_responses = {
  {
    name = "list", verb = "GET", path = "/canned_responses", safe = true,
    returns = "canned_responses", query = { group = GROUP },
    doc = "those of a group, 0 where none is named",
  },
  {
    name = "get", verb = "GET", path = "/canned_responses/{id}", safe = true,
    returns = "canned_response",
    doc = "one canned response",
  },
  {
    name = "create", verb = "POST", path = "/canned_responses", returns = "canned_response",
    fields = { text = needed(TEXT), tags = needed(fields.TEXTS), group = GROUP },
    doc = "adds a canned response; its tags are what an agent types for it",
  },
  {
    name = "update", verb = "PUT", path = "/canned_responses/{id}", safe = true,
    returns = "canned_response", fields = { text = TEXT, tags = fields.TEXTS },
    doc = "changes what is given; `tags` replaces the list",
  },
  {
    name = "delete", verb = "DELETE", path = "/canned_responses/{id}", safe = true,
    returns = "result", gone = "not_found",
    doc = "removes a canned response",
  },
}

-- ---- what comes back -------------------------------------------------------------------------

return {
  resources = { tickets = tickets, tags = tags, canned_responses = canned_responses },
  records = {
    ticket = {
      name = "livechat.Ticket", id = "id", resource = "tickets",
      methods = { "tag", "add_tags", "remove_tags" },
      members = {
        id = "id", date = "time", modified = "time", requester = "person", assignee = "person",
        groups = "groups", currentGroup = "group", source = "source", tags = { list = "text" },
        subject = "string", status = "string",
        events = { list = "ticket_event" }, opened = { list = "span" }, firstResponse = "span",
      },
    },
    ticket_event = { members = {
      type = "string", message = "string", date = "time", author = "person", to = "person",
      is_private = "boolean", source = "source",
    } },
    source = { members = { type = "string", url = "string", id = "id" } },
    span = { members = { from = "time", to = "time", date = "time" } },
    tag = { members = {
      name = "text", author = "string", creation_date = "time", count = { map = "integer" },
      group = "integer",
    } },
    canned_response = {
      name = "livechat.CannedResponse", id = "id", resource = "canned_responses",
      methods = { "delete" },
      members = {
        id = "id", group = "integer", creation_date = "time", modification_date = "time",
        text = "string", tags = { list = "text" },
      },
    },
  },
  answers = {
    ticket = { kind = "ticket", what = "a ticket", id = "id", within = "tickets" },
    page = { kind = "ticket", what = "a page of tickets", id = "id", within = "tickets",
      page = true },
    tag = { kind = "tag", what = "a tag", id = "name" },
    tags = { kind = "tag", what = "a list of tags", id = "name", list = true },
    canned_response = { kind = "canned_response", what = "a canned response", id = "id" },
    canned_responses = { kind = "canned_response", what = "a list of canned responses", id = "id",
      list = true },
  },
}
