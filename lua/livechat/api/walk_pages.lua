-- SPDX-License-Identifier: MIT
--- Iterates over every item of a list that changes while it is read. The list shows the newest
-- change first, in pages, and has no cursor. Between two answers an item that has not been read
-- can move in two ways:
--
-- 1. Forward, because items before it left the list: by at most the fall of `total`. The walk
--    keeps a bound, the number of leading places in which no unread item stands, takes each fall
--    off it, and reads on from there.
--      Pages of 2, [A B][C D]. The loop's body solves A and B. Page 2 of [C D] comes empty and
--      `total` fell from 4 to 2: the bound is 2 - 2 = 0, so page 1 is read: C, D.
--    The page that told of the fall was read too. Where the page before it then shows one of its
--    items, nothing can stand between the two, and the bound is behind that page at once.
-- 2. To page 1, because it changed. After the last page, page 1 is read again, and the pages behind
--    it down to the first item that has not changed since the walk began. What moved during that
--    reading is looked for by another one, until one of them is a single page, which shows one
--    moment, or shows no sign that the list moved: no item twice, no page that begins with a
--    newer change than the page before it ended with.
--
-- The walk counts. The first answer's `total` is how many items are owed, and an item that has not
-- changed since then is one of them: when as many have been met, the loop is complete, whatever
-- else moved. Else the front is read until a reading shows that all has been met that there is.
-- Items of one second may come in another order each time: `livechat.api.ties` tells which page has
-- to be read again, before the walk goes on.
--
-- With the oldest change first, what moves goes to the end, and opens gaps that `total` does not
-- show. Unless the count is complete, the list is read in the other order after that.
--
-- In a list in which items keep their places one may come in and one go out anywhere, and `total`
-- tells nothing. It is read again where one may have left it, until a reading brings nothing new.
local add = require "livechat.api.id_set".add
local errors = require "livechat.errors"
local ties = require "livechat.api.ties"

local pages = {}

-- Seconds by which what the list shows may be older than an answer's date: 15 by which the list
-- lags the service's writes, one that each of the two whole seconds may hide, and some that the
-- service takes for the answer.
local LAG = 20

-- Fetches allowed for each page that the list has at the start, and besides.
local FETCHES_A_PAGE, FETCHES_BESIDES = 20, 1000

-- Readings in a row that brought nothing, after which there is nothing more to find: of a front
-- that moves; of a list of which fewer have been met than it has; of such a list that holds still:
-- there it is an error.
local IDLE, IDLE_SHORT, IDLE_STILL = 2, 3, 8

-- Fetches for each page so far, and besides, after which a walk goes back no more.
local PATIENCE_A_PAGE, PATIENCE_BESIDES = 2.5, 6

-- Answers in a row that are the same as the one before them, after which the service does not know
-- pages, whatever it counts. One may come of a list that moved by a whole page.
local SAME_PAGES = 8

local RESTLESS = "the list did not hold still for as long as it takes to read it"

local function protocol(message)
  errors.throw(errors.new { kind = "protocol", message = message })
end

-- What an answer says of the list.
local function look_at(answer, modified)
  local count = #answer
  return { count = count, total = tonumber(answer.total), pages = tonumber(answer.pages),
    date = answer.date, first = count > 0 and modified(answer[1]) or nil,
    last = count > 0 and modified(answer[count]) or nil }
end

-- An item that the list shows as changed at or before this moment has stood in it, unchanged,
-- since that answer. Not known where items may have moved forward unnoticed.
local function mark_of(look)
  if not (look.date and look.first and look.total) then return nil end
  return math.min(look.date - LAG, look.first)
end

---@class livechat.pages.Loop
local Loop = {}
Loop.__index = Loop

-- A reading of the whole list, from a page on. `met` is what it has met, with what is read of the
-- front after it.
function Loop:read_all(page, order, met)
  self.round = { met = met or {}, count = 0, given = 0, owed_met = self.owed_met }
  self.idle_fronts = 0
  self.walk = { page = page, order = order, asc = self.asc and order == nil, met = self.round.met,
    fetches = 0, given = 0, same = 0 }
end

-- A reading of the front, down to the first item not changed after `mark`; a `peek` is one page.
function Loop:read_front(mark, peek)
  self.walk = { page = 1, order = self.walk.order, mark = mark, front = true, peek = peek, met = {},
    fetches = 0, given = 0, same = 0 }
end

-- Notes what tells that the list moved between the walk's last page and this one.
local function watch(walk, look)
  if walk.fetches == 0 then
    walk.next_mark = mark_of(look)
  elseif not look.total then
    walk.moved = true
  elseif not walk.asc and walk.last and look.first and look.first > walk.last then
    walk.moved = true
  end
  walk.last = look.last
end

-- The page that was read behind a gap: its items by id, and the place of its last one, which is
-- the bound as soon as nothing unread can stand before its first.
local function new_island(page, ids, size, second)
  local island = { page = page, stop = page * size, second = second }
  for i, id in ipairs(ids) do island[id] = i end
  return island
end

-- Whether nothing stands between a page and the island: it shows an item of the island. On page 1
-- that may be one that moved. Of one second, others may stand there that neither page has shown.
local function touches(walk, island, ids, look, steady)
  if island.second == look.last and not steady then return false end
  for i = 1, walk.page > 1 and #ids or 0 do
    if island[ids[i]] then return true end
  end
  return false
end

-- Moves the bound and turns to the page behind it. A page that begins further on leaves a gap, and
-- the walk goes back. Where it leaves one again and again, and no new item comes to light, the
-- list shrinks as fast as it is read: the walk goes on in doubt, and all is read again after it.
-- Returns whether the page joined on to what was read before.
local function advance(walk, look, size, ids, seen_count, steady)
  local before = (walk.page - 1) * size
  local bound = walk.bound or before
  local fall = walk.total and look.total and math.max(0, walk.total - look.total) or 0
  local island = walk.island
  bound = math.max(0, bound - fall)
  if island then island.stop = island.stop - fall end
  local joined = before <= bound
  if not joined then
    walk.doubt = walk.doubt or walk.gap == walk.page and walk.gap_seen == seen_count
      and walk.fetches > PATIENCE_A_PAGE * walk.page + PATIENCE_BESIDES
    walk.gap, walk.gap_seen = walk.page, seen_count
    walk.island = island and island.page == walk.page and island
      or new_island(walk.page, ids, size, look.first)
  end
  if joined or walk.doubt then
    bound = math.max(bound, before + size)
    if island and touches(walk, island, ids, look, steady) then
      bound = math.max(bound, island.stop)
    end
    if island and bound >= island.stop then walk.island = nil end
  end
  walk.bound, walk.total = bound, look.total
  walk.page = math.floor(bound / size) + 1
  return joined or walk.doubt
end

local function ended(walk, look, joined, start)
  if walk.peek then return true end
  if walk.again then return false end
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

-- With a first page of the caller's: whether an item stood before it when the loop began.
function Loop:stood_before(modified)
  local edge, date = self.start.edge, self.start.date
  if self.first_page == 1 or not modified or not edge then return false end
  if self.asc then return modified < edge end
  return modified > edge and date ~= nil and modified < date
end

-- Whether an item was created after the loop began. A whole second holds both sides of that
-- moment; there the items that the list had tell, by their changes or by their number.
function Loop:is_later(item)
  local start = self.start
  local created, began = self.created(item), start.date or start.top
  if not created or not began then return false end
  created = math.floor(created)
  if created ~= math.floor(began) then return created > began end
  if start.top and created > start.top then return true end
  return not self.asc and self.walks > 1 and start.total ~= nil and self.given >= start.total
end

-- What the first answer shows belongs to the list as it was, whatever the clocks say.
function Loop:belongs(item)
  return self.fetches == 1
    or not (self:is_later(item) or self:stood_before(self.modified(item)))
end

-- Counts an item that is given where it is certain that the list had it when the loop began.
function Loop:count_owed(modified)
  local mark = self.start.mark
  if self.fetches == 1 or modified and mark and modified <= mark then
    self.owed_met = self.owed_met + 1
  end
end

-- Whether all have been met that the list had when the loop began.
function Loop:is_complete()
  local total = self.start.total
  return total ~= nil and self.owed_met >= total - (self.first_page - 1) * self.size
end

-- Looks for items of one second that another order has hidden: a page may have to be read again.
function Loop:look_for_ties(view, gained)
  local walk = self.walk
  walk.again = nil
  if walk.asc or not view.total or self.keeps_place or self.order:is_steady() then
    walk.tie = nil
    return
  end
  walk.tie, walk.again = ties.follow(walk.tie, view, gained)
  if walk.again and walk.mark and walk.tie.second <= walk.mark then
    walk.tie, walk.again = nil, nil
  end
  walk.page = walk.again or walk.page
end

-- Puts those that are to be given into the queue. In the first walk, met and seen are one.
function Loop:take(answer)
  local walk, round, queue, count = self.walk, self.round, self.queue, 0
  local ids, seconds = {}, {}
  for i = 1, #answer do
    local item = answer[i]
    local id = self.id(item)
    if not id then protocol("an item of the list has no id") end
    ids[i], seconds[i] = id, self.modified(item)
    local new = add(self.seen, id)
    local first = round.met == self.seen and new or round.met ~= self.seen and add(round.met, id)
    if first then round.count = round.count + 1 end
    if walk.met ~= round.met then first = add(walk.met, id) end
    if not first then walk.moved = true end
    if new then
      self.seen_count = self.seen_count + 1
      if self.fetches > 1 and self:is_later(item) then
        self.later = self.later + 1
      elseif self:belongs(item) then
        count = count + 1
        queue[count] = item
        self:count_owed(self.modified(item))
      end
    end
  end
  self.head, self.count = 1, count
  self.given, walk.given = self.given + count, walk.given + count
  round.given = round.given + count
  local all = table.concat(ids, "\0")
  walk.same = all == walk.ids and walk.same + 1 or 0
  walk.ids = all
  return ids, seconds
end

function Loop:begin(look)
  local mark = mark_of(look)
  if self.asc then mark = look.date and look.date - LAG end
  if self.keeps_place then mark = nil end
  self.start = { date = look.date, total = look.total, edge = look.first, mark = mark,
    top = self.first_page == 1 and not self.asc and look.first or nil, pages = look.pages or 0,
    fetches = FETCHES_A_PAGE * (look.pages or 0) + FETCHES_BESIDES }
end

-- Reads the next page of the walk into the queue.
function Loop:read()
  local walk = self.walk
  local answer, err = self.fetch(walk.page, walk.order)
  if not answer then errors.throw(err) end
  local look = look_at(answer, self.modified)
  if look.count == 0 and look.pages and walk.page < look.pages
    and self.seen_count < (look.total or 0) then
    protocol(("page %.0f of the list's %.0f came empty"):format(walk.page, look.pages))
  end
  self.fetches = self.fetches + 1
  self.size = math.max(self.size, look.count)
  if self.fetches == 1 then self:begin(look) end
  if self.fetches > self.start.fetches then
    protocol(RESTLESS)
  end
  watch(walk, look)
  walk.fetches = walk.fetches + 1
  local page, met_before = walk.page, self.seen_count
  local ids, seconds = self:take(answer)
  local mark = self.start.mark
  local newer = mark and look.first and look.first > mark
  if look.total ~= self.start.total or newer or not mark and walk.moved then self.stirred = true end
  local joined = advance(walk, look, self.size, ids, self.seen_count,
    self.order:is_steady())
  self.order:learn(ids, seconds, look.date and look.date - LAG)
  if joined then
    self:look_for_ties({ page = page, before = (page - 1) * self.size, total = look.total,
      ids = ids, seconds = seconds }, self.seen_count > met_before)
  end
  local over = ended(walk, look, joined, self.start)
  if self:reaches_no_further(look, over) then
    self.walk, self.cut_off = nil, look.total or self.most + 1
  elseif over then
    self:follow()
  end
end

-- Whether the list goes on where no page of it can be had.
function Loop:reaches_no_further(look, over)
  if not self.most then return false end
  local last = math.ceil(self.most / self.size)
  return (look.total or 0) > self.most and over or not over and self.walk.page > last
end

-- What follows the reading of the whole list.
function Loop:after_all(walk)
  self.round.doubt = walk.doubt
  if walk.asc then
    if walk.cut or not self:is_complete() then self:read_all(1, "desc") end
  elseif self.keeps_place then
    if self.loses then self:after_round(walk) else self:read_front(nil, true) end
  elseif walk.next_mark then
    self:read_front(walk.next_mark, not walk.moved)
  elseif not walk.moved and not walk.doubt then
    self:read_front(nil, true)
  else
    self:after_round(walk)
  end
end

-- What follows a reading of the front.
function Loop:after_front(walk)
  if self:is_complete() then return end
  self.idle_fronts = walk.given == 0 and self.idle_fronts + 1 or 0
  if walk.peek and walk.given > 0 then
    if walk.mark then self:read_front(walk.mark) else self:read_all(1, walk.order) end
  elseif walk.fetches > 1 and walk.moved and self.idle_fronts < IDLE then
    self:read_front(walk.next_mark or walk.mark)
  else
    self:after_round(walk)
  end
end

-- Whether items can have left a list in which they keep their places: then others behind them may
-- have slipped by, although the total tells nothing where as many came.
function Loop:has_lost(total)
  local start = self.start.total
  return self.keeps_place and (self.loses or total ~= nil and start ~= nil
    and start + self.later > total)
end

-- Whether the whole list has to be read again, because an item may not have been met.
function Loop:is_doubtful(walk)
  local total, met = walk.total, self.seen_count
  if self.keeps_place then met = self.round.count end
  if total and met < total - (self.first_page - 1) * self.size then
    local again = self.idle < (self.stirred and IDLE_SHORT or IDLE_STILL)
    if not again and not self.stirred then
      protocol(("the list has %.0f items, and shows %.0f of them"):format(total, met))
    end
    return again
  end
  local doubt, before = self.round.doubt or walk.doubt or self:has_lost(total), self.doubt
  self.doubt = doubt
  if doubt then return self.idle < 1 or not before end -- two readings may be in doubt, not one
  return not walk.front and self.idle < IDLE
end

-- Reads all again where that may bring something. What is certain to have been in the list does;
-- what may have entered it later counts where nothing is certain.
function Loop:after_round(walk)
  if self:is_complete() then return end
  local round = self.round
  local gained = self.start.mark and self.owed_met > round.owed_met
    or not self.start.mark and round.given > 0
  self.idle = not gained and self.idle + 1 or 0
  if self:is_doubtful(walk) then self:read_all(1, walk.order) end
end

-- Begins the reading that has to follow the one just ended, if any. One answer alone shows one
-- moment.
function Loop:follow()
  local walk = self.walk
  self.walks = self.walks + 1
  if walk.front then
    self:after_front(walk)
  elseif walk.fetches > 1 or walk.cut then
    self:after_all(walk)
  end
  if self.walk == walk then self.walk = nil end
end

function Loop:next()
  while self.head > self.count do
    if self.cut_off then errors.throw(self.beyond(self.cut_off)) end
    if not self.walk then return nil end
    self:read()
  end
  local item = self.queue[self.head]
  self.queue[self.head] = nil
  self.head = self.head + 1
  return item
end

---@class livechat.pages.Options
---@field id fun(item: any): string|nil
---@field modified fun(item: any): number|nil epoch seconds of the last change
---@field created fun(item: any): number|nil epoch seconds
---@field order? "asc"|"desc" what the caller's filter asks for; default desc
---@field page? integer where to begin; what stands before that page is not given
---@field keeps_place? boolean what changes stays where it stands, and may come into the list there
---@field loses? boolean of such a list: items may leave it as well
---@field most? integer items of the list that can be had at all
---@field beyond? fun(total: number): livechat.Error what is raised, after them, for a longer list

--- Every item that matched when the loop began, once, in a loop that may change them all. Those
--- created later are not given, as far as the time of their creation is known.
---
--- `fetch(page, order)` returns a list of items with the members `pages` and `total` (numbers,
--- digits or nil) and `date` (the answer's Date header in epoch seconds, or nil), or nil and an
--- error object, which is raised. `order` is nil where the caller's own is meant.
---
--- Raises a protocol error where the list cannot be read to its end. A list without `total`, and
--- one that moved and whose items have no `modified`, is read again until nothing new comes.
---@param fetch fun(page: integer, order: string|nil): table|nil, any
---@param options livechat.pages.Options
---@return fun(): any
function pages.each(fetch, options)
  local loop = setmetatable({ fetch = fetch, id = options.id, modified = options.modified,
    created = options.created, keeps_place = options.keeps_place,
    loses = options.loses, most = options.most, beyond = options.beyond,
    asc = options.order == "asc", first_page = options.page or 1,
    seen = {}, seen_count = 0, given = 0, owed_met = 0, later = 0, fetches = 0, walks = 1, idle = 0,
    size = 1, queue = {}, head = 1, count = 0, order = ties.order() }, Loop)
  loop:read_all(loop.first_page, nil, loop.seen)
  return function() return loop:next() end
end

return pages
