-- SPDX-License-Identifier: MIT
--- The control interface under /_sandbox/, for tests and for `livechat trigger`: no credentials, no
-- rate limit, not in the list of calls. Bodies and answers are JSON; an error is 400 {"error": …}.
--
-- GET    state       { now=, tickets=, agents=, webhooks=, accepted=, refused=, applied=,
--                      deliveries={ waiting=, sending=, delivered=, failed= }, faults=, options= }
-- GET    calls       { accepted=[times], refused=[times], count=, applied={ "POST /tickets": n },
--                      log=[{ at=, api=, method=, path=, query=, status=, applied=, fault= }, …] }:
--                      the log holds the last 10,000 calls; times are epoch seconds; `applied`
--                      counts the calls that did what they asked, whether their answer was spoilt
--                      or not
-- DELETE calls       forgets them, and with them the rate limit's window
-- GET    tickets     { ids=[…] } of every ticket, the last change first, without any lag
-- GET    visitors    { visitors=[{ id=, name=, state=, details={ "<set>": { fields=, icon= } } }] }
--                      of those on the pages
-- GET    routes      { routes=[{ api=, method=, path= }, …] }
-- POST   start_chat  { visitor={ id=, name=, email= }, agent=<login>, text=<the visitor's>, tags=,
--                      group= } all optional; tells every webhook. Answers { id=, visitor= }
-- POST   end_chat    { id= } ends it and tells every webhook
-- GET    deliveries  { waiting=, sending=, delivered=, failed=, deliveries=[{ id=, event_type=,
--                      hook=, about=<the event's or object's id>, state=, host=, port=, queued=,
--                      due=, attempts=[{ at=, status=, error= }] }, …] }
-- GET    mails       { count=, mails=[{ to=, ticket=, text=, at= }, …] }: what HelpDesk has mailed
--                      to requesters, the last 10,000
-- GET    faults      { faults=[{ fault=, matched=, done= }, …] }
-- POST   faults      { fault="…" } or { faults=["…", …] } adds some, after those that there are
-- DELETE faults      removes all of them
-- POST   seed        { tickets=n } replaces every ticket
-- POST   touch       { ids=[…] } changes when these tickets were modified, as others might
-- POST   options     { lag=, update=, wrapper=, variants=, calls=, period=, retry_after=, speed=,
--                      delivery_timeout=, webhook_answer=, errors=, region=, seats=, today= }
--                      changes some; { advance=seconds } moves the service's clock forward, for the
--                      rate limit, tokens and deliveries too
-- POST   trigger     { event_type="…", count=1, … } sends events to the webhooks registered for
--                      them; other members are merged over the event: { event_type="chat_ended",
--                      chat={ id="X" } }; null removes one. v3's and HelpDesk's events are known
--                      by their own names (incoming_chat, tickets.create), and changed in their
--                      payload; application_installed and payment_… go to apps. Answers
--                      { events=, deliveries=, ids= }
-- POST   tokens      { kind="token" (an access token and what renews it), "code" or "personal",
--                      client_id=, public=true, agent=<login>, scope="a,b", expires_in=seconds,
--                      token=<a personal token's own text>, redirect_uri=, challenge=,
--                      method="plain" or "S256" } issues one;
--                      answers as the service does, { code= } or { account_id=, token= }
-- POST   clients     { client_id=, client_secret=<none: a public one>, redirect_uri=, webhook=<URL
--                      for the app's own life: application_installed, …> } adds an app
-- POST   reset       back to how it was when it began
local json = require "livechat.json"
local options = require "livechat.sandbox.options"
local faults = require "livechat.sandbox.faults"
local guard = require "livechat.sandbox.guard"
local issue = require "livechat.sandbox.accounts.issue"
local helpdesk_tickets = require "livechat.sandbox.helpdesk.tickets"
local Calls = require "livechat.sandbox.calls"

local control = {}

local MOST_EVENTS, MOST_SECONDS = 100000, 31557600000

local function fault_list(service)
  local list = json.array()
  for i, fault in ipairs(service.faults) do
    list[i] = { fault = fault.text, matched = fault.matched, done = fault.done }
  end
  return list
end

-- Each answers a value, or nil and what is wrong with the request.
local VERBS = {}

VERBS["GET state"] = function(service, _, now)
  local deliveries = service.deliveries:report()
  deliveries.deliveries = nil
  local shown, tickets = {}, 0
  for _, name in ipairs({ "lag", "update", "wrapper", "variants", "calls", "period", "retry_after",
    "speed", "delivery_timeout", "webhook_answer", "errors", "region", "seats", "today" }) do
    shown[name] = service.options[name]
  end
  for _ in pairs(service.tickets.by_id) do tickets = tickets + 1 end
  return { now = now, tickets = tickets, agents = #service.agents.list_of,
    webhooks = #service.v2.hooks + #service.v3.hooks + #service.helpdesk.hooks,
    accepted = #service.calls.accepted,
    refused = #service.calls.refused, applied = service.calls.applied, deliveries = deliveries,
    faults = fault_list(service), options = shown }
end

VERBS["GET calls"] = function(service)
  return service.calls:report()
end

VERBS["DELETE calls"] = function(service)
  service.calls = Calls.new()
  return {}
end

VERBS["GET tickets"] = function(service)
  local all, ids = {}, json.array()
  for _, ticket in pairs(service.tickets.by_id) do all[#all + 1] = ticket end
  table.sort(all, function(a, b) return a.version > b.version end)
  for i, ticket in ipairs(all) do ids[i] = ticket.id end
  return { ids = ids }
end

VERBS["GET visitors"] = function(service)
  local list = json.array()
  for i, visitor in ipairs(service.visitors:present()) do
    list[i] = { id = visitor.id, name = visitor.name, state = visitor.state,
      details = visitor.details }
  end
  return { visitors = list }
end

VERBS["GET routes"] = function(service)
  return { routes = service:routes() }
end

VERBS["POST start_chat"] = function(service, fields, now)
  local chat = service:start_chat(fields, now)
  return { id = chat.id, visitor = chat.visitor.id }
end

VERBS["POST end_chat"] = function(service, fields, now)
  local chat = service.chats.by_id[fields.id]
  if not chat or chat.ended then return nil, "id must be of a chat that is going on" end
  service.chats:finish(chat, now)
  service:tell("chat_ended", chat, now)
  return { id = chat.id }
end

VERBS["GET deliveries"] = function(service)
  return service.deliveries:report()
end

VERBS["GET mails"] = helpdesk_tickets.mails

VERBS["GET faults"] = function(service)
  return { faults = fault_list(service) }
end

VERBS["POST faults"] = function(service, fields)
  local texts, added = fields.faults or { fields.fault }, {}
  if type(texts) ~= "table" or #texts == 0 then return nil, "fault or faults is missing" end
  for i, text in ipairs(texts) do
    local fault, message = faults.parse(text)
    if not fault then return nil, message end
    added[i] = fault
  end
  for _, fault in ipairs(added) do service.faults[#service.faults + 1] = fault end
  return { faults = fault_list(service) }
end

VERBS["DELETE faults"] = function(service)
  service.faults = {}
  return {}
end

VERBS["POST seed"] = function(service, fields)
  local count = fields.tickets
  local right, message = options.seed(count)
  if not right then return nil, "tickets " .. message end
  service:seed(count)
  return { tickets = count }
end

VERBS["POST touch"] = function(service, fields, now)
  if type(fields.ids) ~= "table" then return nil, "ids must be a list" end
  for _, id in ipairs(fields.ids) do
    if not service.tickets:touch(id, now) then return nil, "no such ticket: " .. tostring(id) end
  end
  return {}
end

VERBS["POST options"] = function(service, fields)
  local advance = fields.advance
  if advance ~= nil and (type(advance) ~= "number" or advance < 0
    or service.advance + advance > MOST_SECONDS) then
    return nil, "advance must be a number of seconds, no more than a thousand years together"
  end
  fields.advance = nil
  local message = options.set(service.options, fields, true)
  if message then return nil, message end
  service.advance = service.advance + (advance or 0)
  return {}
end

VERBS["POST tokens"] = issue.token
VERBS["POST clients"] = issue.client

VERBS["POST reset"] = function(service)
  service:reset()
  return {}
end

VERBS["POST trigger"] = function(service, fields, now)
  local event_type, count = fields.event_type, fields.count or 1
  if type(event_type) ~= "string" then return nil, "event_type must be the name of an event" end
  if type(count) ~= "number" or count < 1 or count > MOST_EVENTS then
    return nil, "count must be a number from 1 to " .. MOST_EVENTS
  end
  fields.event_type, fields.count = nil, nil
  local answer = { events = count, deliveries = 0, ids = json.array() }
  for i = 1, count do
    local about, deliveries = service:trigger(event_type, fields, now)
    if not about then return nil, deliveries end
    answer.ids[i], answer.deliveries = about, answer.deliveries + deliveries
  end
  return answer
end

local function respond(status, value)
  return { status = status, headers = { ["Content-Type"] = "application/json; charset=utf-8" },
    body = json.encode(value) }
end

---@param service table Service
---@param request table as for Service:handle
---@param now number
---@return table response
function control.handle(service, request, now)
  local refusal = guard.refusal(request.headers)
  if refusal then return respond(403, { error = refusal }) end
  local verb = VERBS[request.method .. " " .. request.path:sub(#"/_sandbox/" + 1)]
  if not verb then return respond(404, { error = "no such verb of the sandbox" }) end
  local fields = {}
  if (request.body or "") ~= "" then
    local message
    fields, message = json.decode(request.body)
    if type(fields) ~= "table" or fields == json.null then
      return respond(400, { error = "the body is not a JSON object: " .. tostring(message) })
    end
  end
  local value, message = verb(service, json.fold(fields), now)
  if not value then return respond(400, { error = message }) end
  return respond(200, value)
end

return control
