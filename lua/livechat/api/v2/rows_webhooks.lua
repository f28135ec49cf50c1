-- SPDX-License-Identifier: MIT
--- Webhooks of API version 2 and what their deliveries hold. ([D] docs/service.md)
local events = require "livechat.api.v2.events"
local fields = require "livechat.api.v2.fields"

local EVENTS = {}
for name in pairs(events.data_types) do EVENTS[#EVENTS + 1] = name end
table.sort(EVENTS)

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
      event_type = { type = "enum", required = true, of = EVENTS },
      data_types = { type = "list", required = true, min = 1, of = fields.text(),
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

return {
  resources = { webhooks = webhooks },
  records = {
    hook = { members = {
      id = "id", licence = "integer", verified = "boolean", data_types = { list = "plain" },
    } },
    event = { members = {
      event_type = "string", event_unique_id = "string", license_id = "id", lc_version = "id",
      chat = "chat", visitor = "visitor", pre_chat_survey = { list = "survey_item" },
      ticket = "ticket", canned_response = "canned_response",
    } },
    survey_item = { members = {
      id = "id", type = "string", label = "string", answer = "string",
      answers = { list = "survey_answer" },
    } },
    survey_answer = { members = { label = "string", chosen = "boolean" } },
  },
  answers = {
    hooks = { kind = "hook", what = "a list of webhooks", id = "id", list = true,
      within = "events" },
  },
}
