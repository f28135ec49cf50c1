-- SPDX-License-Identifier: MIT
--- Walking a list that moves. It shows the last change first, so two things can happen to a ticket
-- that has not been read yet:
--
-- * Tickets before it leave the list, and it slips forward, perhaps onto a page already read. No
--   ticket slips further than `total` falls: a walk keeps a bound, the number of leading places
--   where no unread ticket stands, takes every fall off it, and reads on from there.
-- * It changes, and moves in front of the reader. That pushes others back, so a ticket is met twice
--   in one walk, or a page begins with a later change than the page before it ended with. Then the
--   front is read again, down to the first ticket that has not changed since the walk began, and so
--   on until a walk sees nothing move.
--
-- A walk without such a sign has met every ticket that its first answer could have shown; even so
-- page 1 is looked at once more. One answer alone shows one moment and needs no such care.
-- Oldest change first, moves go to the end and open gaps that `total` does not show. Where there
-- was any sign of one, a walk in the other order brings what was missed.
local errors = require "livechat.errors"

local pages = {}

-- Seconds by which the service's list may lag its writes.
local LAG = 15

-- Fetches allowed for each page that the list has at the start, and besides.
local FETCHES_A_PAGE, FETCHES_BESIDES = 20, 1000

-- Walks in a row that brought nothing, though the list moved, after which there is nothing more to
-- find: with as many tickets met as the list has, and otherwise.
local IDLE_WALKS, IDLE_WALKS_SHORT = 2, 8

-- Answers in a row that are the same as the one before them, after which the service does not know
-- pages, whatever it counts. One may come of a list that moved by a whole page.
local SAME_PAGES = 8

local function protocol(message)
  error(errors.new { kind = "protocol", message = message }, 0)
end

-- A set of ids in little more than their characters take: those that end alike share one string.
-- Returns whether the id was new.
local function add(set, id)
  local ending = id:sub(-2)
  local known = set[ending] or "\0"
  if known:find("\0" .. id .. "\0", 1, true) then return false end
  set[ending] = known .. id .. "\0"
  return true
end

---@class livechat.pages.Loop
local Loop = {}
Loop.__index = Loop

-- A walk reads on from a page to the end of the list, or to the first ticket not changed after
-- `mark`. A peek reads one page.
function Loop:walk_from(page, order, mark, peek)
  self.walk = { page = page, order = order, mark = mark, peek = peek, met = {}, fetches = 0,
    given = 0, same = 0, asc = self.asc and order == nil }
end

-- Where the next walk may stop: what the list shows from now on as changed, changed after this
-- moment. Not known where tickets may have slipped forward unnoticed.
local function mark_of(look)
  if not (look.date and look.first and look.total) then return nil end
  return math.min(look.date - LAG, look.first)
end

-- Notes what tells that the list moved between the walk's last page and this one.
local function watch(walk, look, start)
  if walk.fetches == 0 then
    walk.next_mark = mark_of(look)
  elseif not look.total then
    walk.moved = true
  elseif not walk.asc and walk.last and look.first and look.first > walk.last then
    walk.moved = true
  end
  -- Oldest change first, whatever moved stands at the end.
  walk.fresh = walk.asc and not (look.last and start.date and look.last < start.date)
  walk.last = look.last
end

-- Moves the bound and turns to the page behind it. A page that begins further on leaves a gap, and
-- is read again after the gap. Where it then leaves one again, and no new ticket came to light, the
-- list shrinks as fast as it is read: the walk goes on in doubt, and all is read again after it.
-- Returns whether the page joined on to what was read before.
local function advance(walk, look, size, seen_count)
  local before = (walk.page - 1) * size
  local bound = walk.bound or before
  if walk.total and look.total and look.total < walk.total then
    bound = math.max(0, bound - (walk.total - look.total))
  end
  local joined = before <= bound
  if not joined then
    walk.doubt = walk.doubt or walk.gap == walk.page and walk.gap_seen == seen_count
    walk.gap, walk.gap_seen = walk.page, seen_count
    joined = walk.doubt
  end
  if joined then bound = before + size end
  walk.bound, walk.total = bound, look.total
  walk.page = math.floor(bound / size) + 1
  return joined
end

local function ended(walk, look, joined, start)
  if walk.peek then return true end
  if walk.same >= (look.pages and SAME_PAGES or 1) then
    walk.doubt = true
    return true
  end
  if look.pages then
    if walk.page > look.pages then return true end
  elseif look.total then
    if walk.bound >= look.total then return true end
  elseif look.count == 0 then
    return true
  end
  if joined and walk.mark and look.last and look.last <= walk.mark then return true end
  walk.cut = walk.asc and look.last and start.date and look.last > start.date
  return walk.cut
end

-- With a first page of the caller's: whether a ticket stood before it when the loop began.
function Loop:stood_before(modified)
  local edge, date = self.start.edge, self.start.date
  if self.first_page == 1 or not modified or not edge then return false end
  if self.asc then return modified < edge end
  return modified > edge and date ~= nil and modified < date
end

-- Whether a ticket was created after the loop began. A whole second holds both sides of that
-- moment; there the tickets that the list had tell, by their changes or by their number.
function Loop:is_later(ticket)
  local start = self.start
  local created, began = self.created(ticket), start.date or start.top
  if not created or not began then return false end
  created = math.floor(created)
  if created ~= math.floor(began) then return created > began end
  if start.top and created > start.top then return true end
  return not self.asc and self.walks > 1 and start.total ~= nil and self.given >= start.total
end

-- What the first answer shows belongs to the list as it was, whatever the clocks say.
function Loop:belongs(ticket)
  return self.fetches == 1
    or not (self:is_later(ticket) or self:stood_before(self.modified(ticket)))
end

-- Puts those that are to be given into the queue. In the first walk, met and seen are one.
function Loop:take(answer)
  local walk, queue, count, ids = self.walk, self.queue, 0, {}
  for i = 1, #answer do
    local ticket = answer[i]
    local id = self.id(ticket)
    if not id then protocol("a ticket of the list has no id") end
    ids[i] = id
    local new = add(self.seen, id)
    local again = not new
    if self.walks > 1 then again = not add(walk.met, id) end
    if again then walk.moved = true end
    if new then
      self.seen_count = self.seen_count + 1
      if self:belongs(ticket) then
        count = count + 1
        queue[count] = ticket
      end
    end
  end
  self.head, self.count = 1, count
  self.given, walk.given = self.given + count, walk.given + count
  ids = table.concat(ids, "\0")
  walk.same = ids == walk.ids and walk.same + 1 or 0
  walk.ids = ids
end

function Loop:begin(look)
  self.start = { date = look.date, total = look.total, edge = look.first,
    top = self.first_page == 1 and not self.asc and look.first or nil,
    fetches = FETCHES_A_PAGE * (look.pages or 0) + FETCHES_BESIDES }
end

-- Reads the next page of the walk into the queue.
function Loop:read()
  local walk = self.walk
  local answer, err = self.fetch(walk.page, walk.order)
  if not answer then error(err, 0) end
  local count = #answer
  local look = { count = count, total = tonumber(answer.total), pages = tonumber(answer.pages),
    date = answer.date, first = count > 0 and self.modified(answer[1]) or nil,
    last = count > 0 and self.modified(answer[count]) or nil }
  if count == 0 and look.pages and walk.page < look.pages
    and self.seen_count < (look.total or 0) then
    protocol(("page %d of the list's %d came empty"):format(walk.page, look.pages))
  end
  self.fetches = self.fetches + 1
  self.size = math.max(self.size, count)
  if self.fetches == 1 then self:begin(look) end
  if self.fetches > self.start.fetches then
    protocol("the list did not hold still for as long as it takes to read it")
  end
  watch(walk, look, self.start)
  walk.fetches = walk.fetches + 1
  self:take(answer)
  local joined = advance(walk, look, self.size, self.seen_count)
  if ended(walk, look, joined, self.start) then self:follow() end
end

-- Begins the walk that has to follow the one just ended, if any.
function Loop:follow()
  local walk = self.walk
  self.walk, self.walks = nil, self.walks + 1
  if walk.peek then
    if walk.given > 0 then self:walk_from(1, walk.order, walk.mark) end
  elseif walk.asc then
    if walk.cut or walk.fetches > 1 and (walk.moved or walk.fresh) then
      self:walk_from(1, "desc")
    end
  elseif walk.fetches > 1 and not walk.moved then
    self:walk_from(1, walk.order, walk.next_mark, true)
  elseif walk.fetches > 1 then
    self.idle = walk.given == 0 and self.idle + 1 or 0
    local short = walk.total and self.seen_count < walk.total
    if self.idle < (short and IDLE_WALKS_SHORT or IDLE_WALKS) then
      self:walk_from(1, walk.order, not walk.doubt and walk.next_mark or nil)
    end
  end
end

function Loop:next()
  while self.head > self.count do
    if not self.walk then return nil end
    self:read()
  end
  local ticket = self.queue[self.head]
  self.queue[self.head] = nil
  self.head = self.head + 1
  return ticket
end

---@class livechat.pages.Options
---@field id fun(ticket: any): string|nil
---@field modified fun(ticket: any): number|nil epoch seconds of the last change
---@field created fun(ticket: any): number|nil epoch seconds
---@field order? "asc"|"desc" what the caller's filter asks for; default desc
---@field page? integer where to begin; what stands before that page is not given

--- Every ticket that matched when the loop began, once, in a loop that may change them all. Those
--- created later are not given, as far as the time of their creation is known.
---
--- `fetch(page, order)` returns a list of tickets with the members `pages` and `total` (numbers,
--- digits or nil) and `date` (the answer's Date header in epoch seconds, or nil), or nil and an
--- error object, which is raised. `order` is nil where the caller's own is meant.
---
--- Raises a protocol error where the list cannot be read to its end. A list without `total`, and
--- one that moved and whose tickets have no `modified`, is read again until nothing new comes.
---@param fetch fun(page: integer, order: string|nil): table|nil, any
---@param options livechat.pages.Options
---@return fun(): any
function pages.each(fetch, options)
  local loop = setmetatable({ fetch = fetch, id = options.id, modified = options.modified,
    created = options.created, asc = options.order == "asc", first_page = options.page or 1,
    seen = {}, seen_count = 0, given = 0, fetches = 0, walks = 1, idle = 0, size = 1,
    queue = {}, head = 1, count = 0 }, Loop)
  loop:walk_from(loop.first_page)
  return function() return loop:next() end
end

return pages
