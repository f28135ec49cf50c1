-- SPDX-License-Identifier: MIT
-- A file of handlers: it returns functions by the event's type, "*" for every event.
--
--   livechat listen --port 8080 examples/handlers.lua            receives and handles at once
--   livechat drain --inbox /var/spool/livechat examples/handlers.lua
--                                           works off what an nginx has put into an inbox
--
-- A handler that raises has failed: the event comes again, and only the handlers that failed run
-- again. Where LIVECHAT_USERNAME and LIVECHAT_API_KEY are set, event.ticket is a live one.
local handlers = {}

function handlers.ticket_created(event)
  local ticket = event.ticket
  print(("  %s from %s"):format(ticket.id, ticket.requester.mail))
  if os.getenv("LIVECHAT_API_KEY") and ticket.subject:lower():find("refund", 1, true) then
    assert(ticket:add_tags { "refund" })
  end
end

function handlers.chat_ended(event)
  local chat, lines = event.chat, 0
  for _, message in ipairs(chat and chat.messages or {}) do
    if message.user_type == "visitor" then
      lines = lines + 1
    end
  end
  local name = event.visitor and event.visitor.name or "somebody"
  print(("  %s wrote %d lines"):format(name, lines))
end

return handlers
