-- SPDX-License-Identifier: MIT
--- A made-up service: another host, POST for everything, arguments in the body, errors by type,
--- lists by cursor, webhooks in an envelope of its own. Nothing outside this file knows of it.
local KINDS = { missing = "not_found", busy = "throttled", denied = "auth" }

local function call(name, path, more)
  local row = { name = name, verb = "POST", path = path, in_body = true, doc = name }
  for member, value in pairs(more) do row[member] = value end
  return row
end

local TITLE = { type = "string", one_line = true, min = 1 }

local trial = {
  name = "trial",
  service = {
    base_url = "https://api.example.org",
    headers = function() return { ["X-Trial"] = "1" } end,
    failure = function(_, decoded)
      local problem = type(decoded) == "table" and decoded.error or {}
      return KINDS[problem.type], problem.type
    end,
  },
  records = {
    ticket = {
      name = "trial.Ticket", id = "key", resource = "tickets", methods = { "close" },
      members = { key = "id", opened_at = "time", labels = { list = "text" } },
    },
    event = { members = { ticket = "ticket", at = "time" } },
  },
  answers = {
    ticket = { kind = "ticket", id = "key", within = "ticket", what = "a ticket" },
    page = { kind = "ticket", id = "key", within = "items", page = true, next = "next_cursor",
      what = "a page of tickets" },
    done = { what = "a result", value = "done" },
  },
  resources = {
    tickets = {
      call("list", "/list_tickets", { safe = true, walk = "cursor", cursor = "cursor",
        query = { title = TITLE, cursor = TITLE }, returns = "page" }),
      call("get", "/get_ticket", { safe = true, args = { { "key", "body" } }, returns = "ticket" }),
      call("update", "/update_ticket", { args = { { "key", "body:ticket_key" } },
        fields = { title = TITLE, labels = { type = "list", of = TITLE } }, returns = "ticket" }),
      call("close", "/close_ticket", { args = { { "key", "body" } }, returns = "done" }),
    },
  },
}

trial.events = {
  names = { ["ticket.opened"] = true, ["ticket.closed"] = true },
  type = "topic", secret = "code", account = "workspace", payload = "data",
  members = "event", records = { ticket = "ticket" }, volatile = {},
}

function trial.events.is(wire)
  return wire.topic ~= nil
end

function trial.events.identity(wire)
  return wire.delivery
end

return trial
