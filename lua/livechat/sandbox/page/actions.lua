-- SPDX-License-Identifier: MIT
-- What the page's buttons do. Each of RUN takes the fields of its form and answers what it did, in
-- words, or nil and what is wrong with the form. DONE says the same to a browser without scripts,
-- which is led to the page anew: fixed words, so that no link can put others there.
local faults = require "livechat.sandbox.faults"
local tickets = require "livechat.sandbox.v2.tickets"
local text = require "livechat.sandbox.page.text"

local actions = { RUN = {} }

actions.DONE = { ["tickets"] = "The ticket was created.", ["chats/start"] = "A chat has started.",
  ["chats/end"] = "The chat has ended.", ["faults/on"] = "The fault is on.",
  ["faults/off"] = "The fault is off.", ["clock"] = "The clock was turned forward." }

local run = actions.RUN

local MOST_FAULTS = 100
local FURTHEST = 366 * 86400 -- seconds that the clock may be turned at once

local function given(value)
  return type(value) == "string" and value:find("%S") ~= nil
end

--- A customer writes a ticket: not a call of the account's, so it counts against no limit.
run["tickets"] = function(service, fields, now)
  local requester = type(fields.requester) == "table" and fields.requester or {}
  if not given(fields.message) then return nil, "The ticket needs a message." end
  if not given(requester.mail) then return nil, "The ticket needs an e-mail address." end
  local wanted, errors = tickets.check(service, { subject = given(fields.subject) and
    fields.subject or nil, message = fields.message, requester = { mail = requester.mail,
    name = given(requester.name) and requester.name or nil } })
  if not wanted then return nil, text.clean(table.concat(errors, "; "), 400) end
  local ticket = service.tickets:open(wanted, now)
  service.tickets:put(ticket, now)
  service:tell("ticket_created", ticket, now)
  return ("Ticket %s was created."):format(ticket.id)
end

run["chats/start"] = function(service, _, now)
  local people = service.agents:references()
  if #people == 0 then return nil, "There is no agent to chat with." end
  local chat = service:start_chat({ agent = people[service.draw(#people)].id }, now)
  return ("A chat with %s has started."):format(text.clean(chat.visitor.name, 60))
end

run["chats/end"] = function(service, fields, now)
  local chat = service.chats.by_id[fields.id]
  if not chat then return nil, "There is no such chat." end
  local name = text.clean(chat.visitor.name, 60)
  if chat.ended then return ("The chat with %s has ended already."):format(name) end
  service.chats:finish(chat, now)
  service:tell("chat_ended", chat, now)
  return ("The chat with %s has ended."):format(name)
end

run["faults/on"] = function(service, fields)
  -- From the first character that is no blank to the last, in linear time.
  local first = given(fields.fault) and fields.fault:find("%S")
  local written = first and fields.fault:match("^.*%S", first)
  if not written then return nil, "Which fault? For example http500@2/POST /tickets" end
  local fault, message = faults.parse(written)
  if not fault then return nil, text.clean("That is no fault: " .. message .. ".", 300) end
  if #service.faults >= MOST_FAULTS then return nil, "There are enough faults already." end
  service.faults[#service.faults + 1] = fault
  return ("The fault %s is on."):format(text.clean(written, 100))
end

--- All that are written alike.
run["faults/off"] = function(service, fields)
  if not given(fields.fault) then return nil, "Which fault?" end
  local kept = {}
  for _, fault in ipairs(service.faults) do
    if fault.text ~= fields.fault then kept[#kept + 1] = fault end
  end
  service.faults = kept
  return ("The fault %s is off."):format(text.clean(fields.fault, 100))
end

--- The clock goes forward only: the rate limit and the deliveries live by it.
run["clock"] = function(service, fields)
  local seconds = tonumber(fields.advance)
  if not seconds or not (seconds > 0 and seconds <= FURTHEST) then
    return nil, ("By how many seconds? A number up to %d."):format(FURTHEST)
  end
  service.advance = service.advance + seconds
  return ("The clock was turned %s forward."):format(
    seconds < 1 and ("%.3g seconds"):format(seconds) or text.duration(seconds))
end

return actions
