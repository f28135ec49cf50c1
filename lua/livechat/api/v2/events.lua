-- SPDX-License-Identifier: MIT
--- The webhook deliveries of API version 2 as data: what the body's members are called, and of
--- which types they were ever documented or seen. Pure.
---
--- Shapes are those of shape.lua.

local function list(of) return { list = of } end
local function object(members) return { object = members } end

local CHAT = { "chat", "visitor", "pre_chat_survey" }

local person = object {
  id = "id", name = "text", mail = "text", ip = "text", utc_offset = "text", type = "text",
}
local source = object { type = "text", url = "text", id = "id" }
local groups = list "group"
local tags = list "text"
local span = object { from = "time", to = "time" }

return {
  -- The events that there are, and which data each may carry.
  data_types = {
    chat_started = CHAT, chat_ended = CHAT, chat_changed = { "chat", "visitor" },
    visitor_queued = { "visitor" }, ticket_created = { "ticket" },
    canned_response_changed = { "canned_response" },
  },
  type = "event_type",
  unique = "event_unique_id",
  token = "token",
  license = "license_id",
  -- What may differ between two deliveries of one event.
  volatile = { "token", "lc_version" },
  -- Whose id names the event where it has none of its own, the first that is there.
  objects = { "ticket", "chat", "canned_response", "visitor" },
  -- What becomes a record, which normalises the members that it is asked for.
  records = { ticket = "ticket" },
  shape = object {
    event_type = "text", event_unique_id = "text", license_id = "id", lc_version = "id",
    chat = object {
      id = "id", started_timestamp = "time", ended_timestamp = "time", url = "text",
      referer = "text", attachments = list "any", tags = tags, groups = groups,
      agents = list(object { name = "text", login = "text" }),
      messages = list(object {
        user_type = "text", author_name = "text", agent_id = "text", text = "text", json = "text",
        timestamp = "time",
      }),
      events = list(object {
        user_type = "text", text = "text", timestamp = "time", type = "text",
      }),
    },
    visitor = object {
      id = "id", name = "text", email = "text", country = "text", city = "text", language = "text",
      page_current = "text", timezone = "text",
      custom_variables = list(object { key = "text", value = "scalar" }),
    },
    pre_chat_survey = list(object {
      id = "id", type = "text", label = "text", answer = "text",
      answers = list(object { label = "text", chosen = "flag" }),
    }),
    ticket = {
      keep = object {
        id = "id", subject = "text", status = "text", requester = person, assignee = person,
        groups = groups, currentGroup = "group", source = source, tags = tags, date = "time",
        modified = "time", opened = list(span), firstResponse = span,
        events = list(object {
          type = "text", author = person, to = person, date = "time", message = "text",
          is_private = "flag", source = source,
        }),
      },
    },
    canned_response = object {
      id = "id", group = "integer", text = "text", tags = tags, creation_date = "time",
      modification_date = "time",
    },
  },
}
