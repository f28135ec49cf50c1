-- SPDX-License-Identifier: MIT
-- Which webhook deliveries are waiting, under way, done or given up. The sender (nginx.lua) asks
-- for those that are due and tells how each ended. Nothing is dropped: all of them stay in the
-- report.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local form = require "livechat.sandbox.form"

local Deliveries = {}
Deliveries.__index = Deliveries

-- Which status ends a delivery, and how many seconds after so many attempts the next one comes, nil
-- for none. A hook may have `rules` of its own; these are v2's: only 200 counts, and "up to 10
-- times within 6 hours" is 20 s, 40 s, … 10,240 s after the attempt before. Together 5 hours and 41
-- minutes, so that eleven attempts of 10 s fit into the six hours.
local RULES = {
  takes = function(status) return status == 200 end,
  wait = function(attempts) return attempts <= 10 and 20 * 2 ^ (attempts - 1) or nil end,
}

---@param options table { speed= } the service's, read when an attempt fails
function Deliveries.new(options)
  return setmetatable({ options = options, all = {}, waiting = {}, line = 0 }, Deliveries)
end

-- The line: a binary heap, whose top is due first and, of those, stands in line longest ------

local function before(a, b)
  if a.due ~= b.due then return a.due < b.due end
  return a.line < b.line
end

function Deliveries:stand(delivery)
  local heap, at = self.waiting, #self.waiting + 1
  self.line = self.line + 1
  delivery.line, delivery.state = self.line, "waiting"
  while at > 1 do
    local parent = math.floor(at / 2)
    if before(heap[parent], delivery) then break end
    heap[at], at = heap[parent], parent
  end
  heap[at] = delivery
end

function Deliveries:first()
  local heap = self.waiting
  local top, last, count = heap[1], heap[#heap], #heap - 1
  heap[count + 1] = nil
  local at = 1
  while count > 0 do
    local child = at * 2
    if child > count then break end
    if child < count and before(heap[child + 1], heap[child]) then child = child + 1 end
    if before(last, heap[child]) then break end
    heap[at], at = heap[child], child
  end
  if count > 0 then heap[at] = last end
  return top
end

-- Deliveries ---------------------------------------------------------------------------------

--- Where a URL leads: { tls=, host=, port=, path=, authorization= }, or nil for what is no URL.
---@param url string
---@return table|nil
function Deliveries.target(url)
  local scheme, authority, path = url:match("^(https?)://([^/?#%s%c]+)([^#%s%c]*)$")
  if not scheme then return nil end
  local user, place = authority:match("^(.*)@(.-)$")
  place = place or authority
  local host, port = place:match("^(.-):(%d+)$")
  host = host or place
  if host == "" then return nil end
  if path:sub(1, 1) ~= "/" then path = "/" .. path end
  return { tls = scheme == "https", host = host, path = path,
    port = port and math.floor(tonumber(port)) or scheme == "https" and 443 or 80,
    authorization = user and "Basic " .. base64.encode(form.unescape(user)) or nil }
end

--- Puts a body in line for a hook.
---@param about string what the event is about, for the report
---@return table delivery
function Deliveries:queue(hook, body, about, now)
  local delivery = { id = #self.all + 1, event_type = hook.event_type, hook = hook.id,
    about = about, rules = hook.rules or RULES, target = Deliveries.target(hook.url), body = body,
    due = now, queued = now, attempts = json.array() }
  self.all[delivery.id] = delivery
  self:stand(delivery)
  return delivery
end

--- Takes at most `limit` of the deliveries whose time has come, those in line longest first.
---@return table[] deliveries { target=, body=, … }; each must come back through `finish`
function Deliveries:take(now, limit)
  local taken = {}
  while #taken < limit and self.waiting[1] and self.waiting[1].due <= now do
    taken[#taken + 1] = self:first()
    taken[#taken].state = "sending"
  end
  return taken
end

--- Takes the end of one attempt.
---@param outcome table { status= } or { error= }
function Deliveries:finish(delivery, outcome, now)
  delivery.attempts[#delivery.attempts + 1] = { at = now, status = outcome.status,
    error = outcome.error }
  local wait = delivery.rules.wait(#delivery.attempts)
  if outcome.status and delivery.rules.takes(outcome.status) then
    delivery.state, delivery.body = "delivered", nil
  elseif not wait then
    delivery.state, delivery.body = "failed", nil
  else
    delivery.due = now + wait / self.options.speed
    self:stand(delivery)
  end
end

--- Seconds until the next delivery is due (0 where one is), or nil where none waits.
function Deliveries:wait(now)
  local top = self.waiting[1]
  return top and math.max(0, top.due - now)
end

--- Every delivery without its body and credentials, and how many are in each state.
function Deliveries:report()
  local report = { waiting = 0, sending = 0, delivered = 0, failed = 0, deliveries = json.array() }
  for i, delivery in ipairs(self.all) do
    report[delivery.state] = report[delivery.state] + 1
    report.deliveries[i] = { id = delivery.id, event_type = delivery.event_type,
      hook = delivery.hook, about = delivery.about, state = delivery.state,
      host = delivery.target.host, port = delivery.target.port,
      queued = delivery.queued, due = delivery.state == "waiting" and delivery.due or nil,
      attempts = delivery.attempts }
  end
  return report
end

return Deliveries
