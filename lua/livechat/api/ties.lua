-- SPDX-License-Identifier: MIT
--- Items of one second, which a list of whole seconds may show in another order in each answer: one
--- of them may then come on two pages that follow each other, and another one on none.
---
--- In a list that shows the newest change first, what changes goes to the front. So the number of
--- items that are at most as new as a given second only falls. An answer that shows where a second
--- begins tells how many items are of that second or older, a later one that shows where it ends
--- how many are older. The difference is at least the number of items that the second had at the
--- first of the two moments: when as many have been met since then, all of them have.
---   Pages of 3, [D C C] [C B A]. From the first C on there are 5 items, from B on 2: 3 are Cs.
---   Where they change places in between, page 2 may show one of page 1's: then 2 of 3 are met, and
---   the two pages are read again.
--- What leaves the list between the two answers makes the difference too large: each reading of the
--- beginning opens another count. A list whose answers overlap in one order again and again is
--- taken to keep its order: there is nothing to look for. Pure.
local ties = {}

-- Neighbours of one second, seen twice and always in the same order, after which the list is taken
-- to keep its order: by chance that comes about once in a million lists.
local STEADY = 20

-- Answers with which a new one is compared.
local ANSWERS = 3

-- Counts of one second that are open at a time.
local COUNTS = 6

-- Readings without a new item, for each page on which the second stands, after which no more are
-- expected: a page of two shows an item with a chance of a half at least.
local PATIENCE = 7

---@class livechat.ties.Order
local Order = {}
Order.__index = Order

--- What is known of the order of one second's items.
function ties.order()
  return setmetatable({ pairs = 0, shuffled = false, answers = {} }, Order)
end

-- The last answer before that has the item, unchanged.
function Order:before(id, second)
  for _, answer in ipairs(self.answers) do
    local place = answer.places[id]
    if place and answer.seconds[place] == second then return answer, place end
  end
end

--- Learns from an answer: of two items that stood together in the last answer that has them. Those
--- that may still change in their second move with each change.
---@param ids string[]
---@param seconds number[] of each item's last change
---@param mark number|nil what changed later may still do so within its second
function Order:learn(ids, seconds, mark)
  if self.shuffled then return end
  local places, answer, place = {}, nil, nil
  for i, id in ipairs(ids) do
    local last_answer, last_place = answer, place
    if mark and seconds[i] and seconds[i] <= mark then
      answer, place = self:before(id, seconds[i])
    else
      answer = nil
    end
    if answer and answer == last_answer and seconds[i] == seconds[i - 1] then
      self.pairs = self.pairs + 1
      self.shuffled = self.shuffled or place < last_place
    end
    places[id] = i
  end
  table.insert(self.answers, 1, { places = places, seconds = seconds })
  self.answers[ANSWERS + 1] = nil
end

function Order:is_steady()
  return not self.shuffled and self.pairs >= STEADY
end

-- ---- one second that goes over the end of a page -----------------------------------------------

---@class livechat.ties.View one page of the list, at one moment
---@field page integer
---@field before integer items on the pages before it
---@field total integer
---@field ids string[]
---@field seconds number[]

-- How many items stand at the given place of a page and behind it.
local function from_place(view, place)
  return view.total - view.before - (place - 1)
end

local function is_last(view)
  return from_place(view, #view.ids) <= 1
end

local function meet(count, ids, from, to)
  for i = from, to do
    if not count.met[ids[i]] then
      count.met[ids[i]], count.number = true, count.number + 1
    end
  end
end

local function new_count(from)
  return { from = from, met = {}, number = 0, size = nil }
end

---@class livechat.ties.Tie a second, and what of it has been met
local Tie = {}
Tie.__index = Tie

-- The second of a page's last item, which may go on behind it.
local function tie_at_end(view)
  local ids, seconds = view.ids, view.seconds
  local n = #ids
  local first = n
  while first > 1 and seconds[first - 1] == seconds[n] do first = first - 1 end
  local count = new_count(from_place(view, first))
  meet(count, ids, first, n)
  return setmetatable({ second = seconds[n], counts = { count }, first = view.page, idle = 0,
    share = n - first + 1 }, Tie)
end

-- The places of the second's items on a page: all before `first` are newer, all from `stop` on
-- older.
function Tie:range(view)
  local first, stop = 1, #view.ids + 1
  while first < stop and view.seconds[first] > self.second do first = first + 1 end
  while stop > first and view.seconds[stop - 1] < self.second do stop = stop - 1 end
  return first, stop
end

-- Opens another count where the second begins, and closes the open ones where it ends. Returns
-- whether all of its items have been met.
function Tie:count(view, first, stop, ends)
  local counts, met_all = self.counts, false
  if first > 1 or view.before == 0 then
    if #counts == COUNTS then table.remove(counts, 2) end
    counts[#counts + 1] = new_count(from_place(view, first))
    self.first, self.share = view.page, stop - first
  end
  for _, count in ipairs(counts) do
    meet(count, view.ids, first, stop - 1)
    if ends and not count.size then count.size = count.from - from_place(view, stop) end
    met_all = met_all or count.size ~= nil and count.number >= count.size
  end
  return met_all
end

-- The page to read next: from the one where the second begins to the one where it ends, and that
-- one again while it has the larger share and brings new items.
function Tie:turn(view, first, stop, ends, gained)
  local page, begins = view.page, first > 1 or view.before == 0
  if first > #view.ids then return page + 1 end
  if not begins and self.first >= page then return math.max(1, page - 1) end
  if not ends then return page + 1 end
  if self.again and gained and stop - first > self.share then return page end
  self.again = true
  return self.first
end

-- Looks at a page. Returns what the walk goes on with, and the page to read before that.
function Tie:look(view, gained)
  local first, stop = self:range(view)
  local n, last = #view.ids, is_last(view)
  local ends = first <= n and (stop <= n or last)
  -- It began on the page before, and ended there.
  local over = stop == 1 and self.first == view.page - 1 and not self.open
  local met_all = self:count(view, first, stop, ends)
  if ends then self.last = view.page end
  if stop <= n then self.behind = not last and tie_at_end(view) or nil end
  self.idle = (gained or not self.open) and 0 or self.idle + 1
  local patience = PATIENCE * math.max(2, (self.last or view.page) - self.first + 1)
  if met_all or over or self.idle > patience then return self.behind end
  self.open = self.open or ends
  if not self.open then return self end
  return self, self:turn(view, first, stop, ends, gained)
end

--- Goes on with what a walk knows of the second at the end of its last page.
---@param tie livechat.ties.Tie|nil
---@param view livechat.ties.View
---@param gained boolean whether the page has an item that the walk had not met
---@return livechat.ties.Tie|nil tie
---@return integer|nil page to read before the walk goes on
function ties.follow(tie, view, gained)
  local n = #view.ids
  if n == 0 then return nil end
  for i = 1, n do
    if not view.seconds[i] then return nil end
  end
  if tie then return tie:look(view, gained) end
  return not is_last(view) and tie_at_end(view) or nil
end

return ties
