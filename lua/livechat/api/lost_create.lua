-- SPDX-License-Identifier: MIT
--- Finding the thing whose create was not answered. Pure: the clocks are arguments.
---
--- What a thing is known by is the business of the dialect, whose row has a `lost`:
---   filter(wanted, began)    what to ask the list for
---   same(thing, wanted)      whether one of the list may be the one that was asked for
---   created(thing, time), modified(thing, time)    epoch seconds, nil where it does not tell
---   fingerprint(wanted)      what two creates have in common that could not be told apart
---   id                       the member of a thing that is its id, default "id"
--- It has to have been created since the request left, by the service's clock. One that was already
--- given to a caller is another create's.
local lost_create = {}

local SLACK = 1 -- seconds: between the clocks of the machines that the service is made of

--- Adds the things of a page that may be the wanted one to those that were found before.
---@param found { thing: table, created: number }[]
---@param things table[] in the wire's form
---@param wanted table the fields as they were sent
---@param options { lost: table, since: number, time: fun(value: any): number|nil }
---   since: epoch seconds by the service's clock
function lost_create.match(found, things, wanted, options)
  for i = 1, #things do
    local thing = things[i]
    local created = options.lost.same(thing, wanted) and options.lost.created(thing, options.time)
    if created and created >= options.since then
      found[#found + 1] = { thing = thing, created = created }
    end
  end
end

--- The oldest of those found that no caller has been given, or nil. Asked for after the last page,
--- because other creates look at the same time, and take theirs.
---@param registry livechat.Registry
---@param id? string the member that holds it, default "id"
---@return table|nil thing
function lost_create.oldest(found, registry, id)
  local best
  for _, one in ipairs(found) do
    local taken = registry:is_taken(one.thing[id or "id"])
    if not taken and (not best or one.created <= best.created) then
      best = one
    end
  end
  return best and best.thing
end

--- Whether what was created since then may stand behind a page of a list that shows the last change
--- first.
function lost_create.goes_on(page, number, options)
  local last = page[#page]
  local modified = last and options.lost.modified(last, options.time)
  return last ~= nil and (page.pages == nil or number < page.pages)
    and (modified == nil or modified >= options.since)
end

--- When to look: soon, then at doubling intervals (the list lags writes by some seconds, and each
--- look costs calls), the last time at the limit.
---@param limit number seconds
---@return fun(): number|nil wait before the next look
function lost_create.schedule(limit)
  local pause, remaining = 0.25, limit
  return function()
    if remaining <= 0 then
      return nil
    end
    -- Where the next wait would not fit in as well, this is the last.
    local wait = remaining < 2 * pause and remaining or pause
    pause, remaining = pause * 2, remaining - wait
    return wait
  end
end

--- The moment from which the thing can be, by the service's clock. Date is a whole second that has
--- begun, so this is never later than the true moment, and up to a second earlier.
---@param began number epoch seconds when the request left, by the local clock
---@param now number the same clock now
---@param server_date number|nil the Date of an answer that came now
function lost_create.since(began, now, server_date)
  return math.floor(began + ((server_date or now) - now)) - SLACK
end

-- ---- which create has which thing --------------------------------------------------------------

--- What an account's creates know of each other. The clients of a process that are of one account
--- share it.
---@class livechat.Registry
local Registry = {}
Registry.__index = Registry

-- The same id may come as a number and as text.
local function id_text(id)
  return type(id) == "number" and ("%.0f"):format(id) or tostring(id)
end

local REMEMBER = 600 -- seconds: longer than any look goes back
lost_create.REMEMBER = REMEMBER

--- Remembers which things callers have been given, and which creates are under way.
---@param clock fun(): number seconds
---@return livechat.Registry
function lost_create.registry(clock)
  return setmetatable({ clock = clock, given = {}, open = {}, swept = clock() }, Registry)
end

local function forget(self, now)
  self.swept = now
  for id, at in pairs(self.given) do
    if now - at > REMEMBER then
      self.given[id] = nil
    end
  end
  for print, alike in pairs(self.open) do
    if next(alike) == nil then -- its creates have died
      self.open[print] = nil
    end
  end
end

local function sweep(self)
  local now = self.clock()
  if now - self.swept >= REMEMBER then
    forget(self, now)
  end
end

--- Whether there is nothing to remember any more.
function Registry:is_empty()
  forget(self, self.clock())
  return next(self.given) == nil and next(self.open) == nil
end

--- A create begins: its answer may come. The token lives as long as the create itself: where that
--- dies of an error, the collector ends it.
---@param print string the fingerprint of what is created
---@return table token
function Registry:begin(print)
  local token = { print = print }
  self.open[print] = self.open[print] or setmetatable({}, { __mode = "k" })
  self.open[print][token] = true
  return token
end

--- The answer will not come any more: the thing is looked for.
function Registry:lost(token)
  local alike = self.open[token.print]
  if alike then
    alike[token] = nil
    if next(alike) == nil then
      self.open[token.print] = nil
    end
  end
end

--- The create has ended, with the thing of that id where it has one. A create that is answered with
--- an id that was given before says that the service counts anew, as one does that was set back:
--- what was given until then are other things.
---@param answered? boolean the id is of the create's own answer
function Registry:finish(token, id, answered)
  self:lost(token)
  if id ~= nil then
    sweep(self)
    if answered and self:is_taken(id) then
      self.given = {}
    end
    self.given[id_text(id)] = self.clock()
  end
end

--- Whether another create with the same fields may still be answered: what is found may be its own.
function Registry:is_ambiguous(token)
  return self.open[token.print] ~= nil and next(self.open[token.print]) ~= nil
end

--- Whether a caller has been given the thing of that id.
function Registry:is_taken(id)
  return self.given[id_text(id)] ~= nil
end

return lost_create
