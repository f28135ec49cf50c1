-- SPDX-License-Identifier: MIT
-- What the page shows of a service, as plain values: the document is written from them, and the
-- browser's script puts the same values into it as they change. Every list is bounded, every text
-- is cut and cleaned, and no credential is among them.
--
-- A list: { total=, count=<what is counted, where it is not the rows>, rows={ { id=, cells={…} },
-- … } }, the newest row first. A cell is text, or a table with one of
--   text, tone         a word with a colour: "good", "warn", "bad", "quiet"
--   at                 a time, epoch seconds
--   code               text in a fixed pitch
--   steps              a list of { at=, text=, tone= }: the attempts of a delivery
--   act, fields, text, label   a button: what it does, with what, what it says, what is read out
local json = require "livechat.json"
local faults = require "livechat.sandbox.faults"
local text = require "livechat.sandbox.page.text"

local view = {}

local clean = text.clean
local COLUMNS_OF_WINDOW = 60

-- Times in order: how many of them are above `time`.
local function count_after(times, time)
  local low, high = 1, #times + 1
  while low < high do
    local middle = math.floor((low + high) / 2)
    if times[middle] > time then high = middle else low = middle + 1 end
  end
  return #times - low + 1
end

-- How many calls came in each sixtieth of the window, the last one still filling.
local function columns(times, now, period)
  local width, list = period / COLUMNS_OF_WINDOW, json.array()
  local edge = math.floor(now / width) * width -- where the last one begins
  local above = 0
  for i = COLUMNS_OF_WINDOW, 1, -1 do
    local upto = count_after(times, edge - (COLUMNS_OF_WINDOW - i) * width)
    list[i], above = upto - above, upto
  end
  return list
end

local function throttle(service, now)
  local calls, period = service.calls, service.options.period
  local limit = service.options.calls and math.floor(service.options.calls)
  local used = count_after(calls.accepted, now - period)
  local refused = count_after(calls.refused, now - period)
  local shown = { used = used, limit = limit or 0, refused = refused,
    accepted = columns(calls.accepted, now, period), turned = columns(calls.refused, now, period),
    window = ("last %.15g s"):format(period), since = ("%.15g s ago"):format(period) }
  if not limit then
    shown.summary, shown.note = text.plural(used, "call"), "There is no limit."
    return shown
  end
  shown.summary = ("%d of %d calls"):format(used, limit)
  local oldest = used >= limit and calls.accepted[#calls.accepted - limit + 1]
  if oldest then
    shown.note = ("Full: the next call is accepted in %.1f s."):format(oldest + period - now)
  else
    shown.note = ("%s may follow at once."):format(text.plural(limit - used, "call"))
  end
  return shown
end

local function clock(service)
  local ahead = service.advance
  return { ahead = ahead, note = ahead == 0 and "The clock is right."
    or ("The clock is %s ahead."):format(text.duration(ahead)) }
end

-- Lists --------------------------------------------------------------------------------------

-- A few of many names, in one line.
local function join(names)
  local some = {}
  for i = 1, math.min(#names, 8) do some[i] = clean(names[i], 30) end
  if #names > #some then some[#some + 1] = "…" end
  return table.concat(some, ", ")
end

-- Whether a button may hold this: what cannot be shown as it is is not put there either.
local function may_be_sent_back(name)
  return clean(name) == name
end

local function list(total)
  return { total = total, rows = json.array() }
end

local function status_cell(entry)
  local status = entry.status
  if status == nil then return { text = "…", tone = "quiet" } end
  if status == 0 then return { text = "reset", tone = "bad" } end
  local tone = status >= 500 and "bad" or status >= 400 and "warn" or "good"
  return { text = ("%d"):format(status), tone = tone }
end

local function calls(service, limit)
  local shown = list(service.calls.count)
  for i, entry in ipairs(service.calls:latest(limit)) do
    shown.rows[i] = { id = ("%d"):format(shown.total - i + 1), cells = {
      { at = entry.at }, entry.api or "", { code = clean(entry.method, 10) },
      { code = clean(entry.path) }, status_cell(entry), clean(entry.fault) } }
  end
  return shown
end

local STATES = { delivered = "good", waiting = "warn", sending = "quiet", failed = "bad" }

local function deliveries(service, limit)
  local all = service.deliveries.all
  local shown = list(#all)
  for i = #all, math.max(1, #all - limit + 1), -1 do
    local delivery, steps = all[i], json.array()
    for n, attempt in ipairs(delivery.attempts) do
      local took = delivery.state == "delivered" and n == #delivery.attempts
      steps[n] = { at = attempt.at, tone = took and "good" or "bad",
        text = attempt.status and ("%d"):format(attempt.status) or clean(attempt.error, 80) }
    end
    local state = { text = delivery.state, tone = STATES[delivery.state] }
    if delivery.state == "waiting" and #steps > 0 then
      steps[#steps + 1] = { at = delivery.due, text = "next", tone = "quiet" }
    end
    shown.rows[#shown.rows + 1] = { id = ("%d"):format(delivery.id), cells = {
      clean(delivery.event_type, 60), { code = clean(delivery.about, 60) },
      { code = clean(("%s:%d"):format(delivery.target.host, delivery.target.port), 80) },
      state, { steps = steps } } }
  end
  return shown
end

local TICKET_TONES = { open = "good", pending = "warn", spam = "bad" }

local function tickets(service, limit, now)
  local latest, total = service.tickets:latest(limit, now)
  local shown = list(total)
  for i, ticket in ipairs(latest) do
    local from = ticket.requester
    shown.rows[i] = { id = ticket.id, cells = {
      { code = ticket.id }, clean(ticket.subject), clean(from.name or from.mail, 60),
      { text = clean(ticket.status, 20), tone = TICKET_TONES[ticket.status] or "quiet" },
      clean(ticket.assignee and ticket.assignee.name, 60),
      join(ticket.tags), { at = ticket.modified } } }
  end
  return shown
end

local function chats(service, limit)
  local order = service.chats:all()
  local shown = list(#order)
  for i = #order, math.max(1, #order - limit + 1), -1 do
    local chat = order[i]
    local agent, last = chat.agents[1], chat.messages[#chat.messages]
    local name = clean(chat.visitor.name, 60)
    local ends = not chat.ended and may_be_sent_back(chat.id)
    shown.rows[#shown.rows + 1] = { id = clean(chat.id), cells = {
      { code = clean(chat.id, 40) }, name, clean(agent and agent.name, 60),
      clean(last and last.text, 80), { at = chat.started },
      ends and { act = "chats/end", fields = { id = chat.id }, text = "End",
        label = "End the chat with " .. name }
        or { text = chat.ended and "ended" or "open", tone = "quiet" } } }
  end
  return shown
end

local function agents(service, limit)
  local all = service.agents.list_of
  local shown = list(#all)
  for i = 1, math.min(limit, #all) do
    local agent = all[i]
    shown.rows[i] = { id = clean(agent.login), cells = {
      clean(agent.name, 60), { code = clean(agent.login, 80) }, clean(agent.permission, 30),
      { text = clean(agent.status, 30), tone = agent.status == "accepting chats" and "good"
        or "quiet" } } }
  end
  return shown
end

local function webhooks(service, limit)
  local all = {}
  for _, api in ipairs { "v2", "v3", "helpdesk" } do
    for _, hook in ipairs(service[api] and service[api].hooks or {}) do
      all[#all + 1] = { api = api, hook = hook }
    end
  end
  local shown = list(#all)
  for i = #all, math.max(1, #all - limit + 1), -1 do
    local hook = all[i].hook
    shown.rows[#shown.rows + 1] = { id = all[i].api .. "/" .. clean(hook.id), cells = {
      all[i].api, clean(hook.event_type or hook.action, 60), { code = text.mask_url(hook.url) },
      (hook.token or hook.secret_key) and "••••••••" or "" } }
  end
  return shown
end

-- What people like to try; any other fault can be written.
local SWITCHES = {
  { "http500@every", "Every call answers 500" },
  { "http503=2@p0.3", "Three calls in ten answer 503" },
  { "http429=5@every", "Every call is told to wait 5 s" },
  { "slow=2@every", "Answers come 2 s late" },
  { "truncate@every", "Answers are cut off" },
  { "html@every", "A gateway's page for JSON" },
  { "reset-after-apply@p0.5/POST", "Half of all POSTs lose their answer" },
}

local function fault_row(written, words, on)
  local met = ""
  if on and on.done == 0 then
    met = "not met yet"
  elseif on then
    met = on.done == 1 and "met once" or ("met %d times"):format(on.done)
  end
  local shown, label = clean(written, 100), words or "Written by hand"
  local switch = { text = "on", tone = "warn" }
  if may_be_sent_back(written) then
    switch = { act = on and "faults/off" or "faults/on", fields = { fault = written },
      switch = on ~= nil, text = on and "On" or "Off", label = words or shown }
  end
  return { id = clean(written), cells = { label, { code = shown }, met, switch } }
end

local function fault_list(service, limit)
  local running, shown = {}, list(#SWITCHES)
  for _, fault in ipairs(service.faults) do
    running[fault.text] = { done = fault.done + (running[fault.text] or { done = 0 }).done }
  end
  for i, switch in ipairs(SWITCHES) do
    shown.rows[i] = fault_row(switch[1], switch[2], running[switch[1]])
    running[switch[1]] = nil
  end
  for _, fault in ipairs(service.faults) do
    local on = running[fault.text]
    running[fault.text] = nil
    if on then shown.total = shown.total + 1 end
    if on and #shown.rows < limit then
      shown.rows[#shown.rows + 1] = fault_row(fault.text, nil, on)
    end
  end
  shown.count = #service.faults
  return shown
end

for _, switch in ipairs(SWITCHES) do assert(faults.parse(switch[1])) end

--- The lists in the order of the page.
view.LISTS = {
  { name = "calls", title = "Calls", build = calls,
    columns = { "Time", "API", "Method", "Path", "Status", "Fault" },
    none = "No call has come yet. Whatever a client asks of this address appears here." },
  { name = "deliveries", title = "Webhook deliveries", build = deliveries,
    columns = { "Event", "About", "To", "State", "Attempts" },
    none = "Nothing was sent. Register a webhook, then create a ticket or start a chat." },
  { name = "tickets", title = "Tickets", build = tickets,
    columns = { "Id", "Subject", "From", "Status", "Assigned to", "Tags", "Changed" },
    none = "There is no ticket." },
  { name = "chats", title = "Chats", build = chats,
    columns = { "Id", "Visitor", "Agent", "Last message", "Started", "State" },
    none = "There is no chat." },
  { name = "webhooks", title = "Webhooks", build = webhooks,
    columns = { "API", "Event", "URL", "Token" },
    none = "No webhook is registered." },
  { name = "agents", title = "Agents", build = agents,
    columns = { "Name", "Login", "Role", "Status" }, none = "There is no agent." },
  { name = "faults", title = "Faults", build = fault_list,
    columns = { "What happens", "Written", "Met", "Switch" }, none = "There is no fault." },
}

--- What is no list.
view.VALUES = { throttle = throttle, clock = clock }

--- Of these, what changes with time alone.
view.TIMED = { throttle = true }

--- Builds one part: a list of at most `limit` rows, or a value.
---@param service table Service
---@param name string
---@param limit integer
---@param now number the service's own time
---@return table
function view.build(service, name, limit, now)
  if view.VALUES[name] then return view.VALUES[name](service, now) end
  for _, each in ipairs(view.LISTS) do
    if each.name == name then return each.build(service, limit, now) end
  end
  error("livechat.sandbox.page: no such part: " .. name)
end

return view
