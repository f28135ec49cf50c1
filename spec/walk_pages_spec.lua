-- SPDX-License-Identifier: MIT
--- The walk over a moving list, against a model of the service's list: last change first, whole
-- seconds, an index that lags the writes. Nothing here waits or reads a clock.
local pages = require "livechat.api.walk_pages"
local errors = require "livechat.errors"

local PAGE = 25
local unpack = table.unpack or unpack

-- A generator of its own, so that a seed gives the same run on every Lua.
local function generator(seed)
  local state = (seed * 7919 + 12345) % 2147483646 + 1
  local function pick(n)
    state = state * 16807 % 2147483647
    return math.floor(state / 2147483647 * n) + 1
  end
  for _ = 1, 5 do pick(1) end
  return pick
end

-- The service's list -------------------------------------------------------------------------

local Model = {}
Model.__index = Model

--- `age`: how old the last change is; `apart`: seconds from one change to the next.
local function model(options)
  local list = setmetatable({ now = 1400000000, lag = options.lag or 0, size = options.size or PAGE,
    items = {}, index = {}, pending = {}, first = 1, last = 0, fetches = 0, log = {},
    before = {} }, Model)
  local count = options.count or 0
  for i = 1, count do
    local at = list.now - (options.age or 1000) - (count - i) * (options.apart or 60)
    list:create(not options.matches or options.matches(i), at, options.created or 500)
  end
  return list
end

function Model:show(change)
  local item, index = change.item, self.index
  if item.shown then
    for i = #index, 1, -1 do
      if index[i] == item then table.remove(index, i) break end
    end
  end
  item.shown = change.matches and change.modified or nil
  if item.shown then index[#index + 1] = item end
end

function Model:settle()
  local pending = self.pending
  while self.first <= self.last and pending[self.first].at <= self.now - self.lag do
    self:show(pending[self.first])
    pending[self.first] = nil
    self.first = self.first + 1
  end
end

--- Changes an item: it moves to the front, or leaves the list.
function Model:put(item, matches)
  item.modified, item.matches = math.floor(self.now), matches
  if not matches then item.left = true end
  self.last = self.last + 1
  self.pending[self.last] = { at = self.now, item = item, matches = matches,
    modified = item.modified }
end

function Model:touch(...)
  for _, n in ipairs { ... } do self:put(self.items[n], self.items[n].matches) end
end

function Model:remove(...)
  for _, n in ipairs { ... } do self:put(self.items[n], false) end
end

--- A new item, or with `at` one that was last changed then, and created some time before.
function Model:create(matches, at, before)
  local n = #self.items + 1
  local item = { n = n, id = ("%05X"):format(n * 7919 % 1048573), matches = matches,
    created = math.floor(at and at - before or self.now), modified = math.floor(at or self.now) }
  self.items[n] = item
  if at then
    self:show { item = item, matches = matches, modified = item.modified }
  else
    self:put(item, matches)
  end
  return item
end

function Model:fetch(page, order)
  self.fetches = self.fetches + 1
  self.log[self.fetches] = page
  local before = self.before[self.fetches] or self.before_each
  if before then before(self) end
  self:settle()
  local answer, total = {}, #self.index
  for place = (page - 1) * self.size + 1, math.min(page * self.size, total) do
    local item = self.index[order == "asc" and place or total - place + 1]
    answer[#answer + 1] = { item = item, id = item.id, created = item.created,
      modified = item.shown }
  end
  answer.total, answer.pages = total, math.ceil(total / self.size)
  answer.date = math.floor(self.now)
  if not self.owed then self:begin(answer, order) end
  return self.edit and self.edit(answer) or answer
end

--- Notes what is owed: what the list shows and what does not leave it from here on. Of tickets
-- created in this very second, those that the first answer shows.
function Model:begin(answer, order)
  self.owed, self.date = {}, answer.date
  for _, item in ipairs(self.items) do item.left = nil end
  for _, item in ipairs(self.index) do
    local old = order == "asc" or item.created < answer.date
    if old and item.matches then self.owed[item] = true end
  end
  for _, ticket in ipairs(answer) do self.owed[ticket.item] = ticket.item.matches or nil end
end

local function reader(name)
  return function(ticket) return ticket[name] end
end

local function each(list, options)
  options = options or {}
  return pages.each(function(page, order) return list:fetch(page, order or options.order) end, {
    id = reader("id"), modified = reader("modified"), created = reader("created"),
    order = options.order, page = options.page })
end

--- Runs the loop and returns the given numbers in order; fails where a ticket comes twice, and
-- where one that is owed did not come.
local function run(list, options, body)
  local given, order = {}, {}
  for ticket in each(list, options) do
    assert(not given[ticket.item], "given twice: " .. ticket.item.n)
    given[ticket.item] = true
    order[#order + 1] = ticket.item.n
    if body then body(ticket.item, #order) end
  end
  for item in pairs(list.owed) do
    assert(given[item] or item.left, "missed: " .. item.n)
  end
  return order
end

local function count_down(from, to)
  local list = {}
  for n = from, to, -1 do list[#list + 1] = n end
  return list
end

-- --------------------------------------------------------------------------------------------

describe("a list that holds still", function()
  it("is given in its order, with each page fetched once and page 1 once more", function()
    local list = model { count = 160 }
    assert.same(count_down(160, 1), run(list))
    assert.same({ 1, 2, 3, 4, 5, 6, 7, 1 }, list.log)
  end)

  it("costs as much where every ticket was changed in this very second", function()
    local list = model { count = 160, age = 0, apart = 0 }
    assert.same(count_down(160, 1), run(list))
    assert.equal(8, list.fetches)
  end)

  it("costs one fetch where it has one page or none", function()
    for _, count in ipairs { 0, 1, PAGE } do
      local list = model { count = count, age = 0 }
      assert.equal(count, #run(list))
      assert.equal(1, list.fetches)
      list = model { count = count, age = 0 }
      assert.equal(count, #run(list, { order = "asc" }))
      assert.equal(1, list.fetches)
    end
  end)

  it("costs its pages with the oldest change first", function()
    local list, order = model { count = 160 }, {}
    for n = 1, 160 do order[n] = n end
    assert.same(order, run(list, { order = "asc" }))
    assert.same({ 1, 2, 3, 4, 5, 6, 7 }, list.log)
  end)

  it("is fetched as the loop needs it", function()
    local list = model { count = 160 }
    local next_ticket = each(list)
    assert.equal(0, list.fetches)
    for i = 1, 51 do
      next_ticket()
      assert.equal(math.ceil(i / PAGE), list.fetches)
    end
  end)

  it("ends for good", function()
    local next_ticket = each(model { count = 1 })
    next_ticket()
    assert.is_nil(next_ticket())
    assert.is_nil(next_ticket())
  end)
end)

describe("answers that differ", function()
  it("may have numbers as strings", function()
    local list = model { count = 105 }
    list.edit = function(answer)
      answer.total, answer.pages = tostring(answer.total), tostring(answer.pages)
    end
    list.before[4] = function() list:remove(unpack(count_down(105, 96))) end
    assert.equal(105, #run(list))
  end)

  it("may have pages of another length", function()
    local list = model { count = 160, size = 10 }
    list.before[8] = function() list:remove(unpack(count_down(160, 131))) end
    assert.equal(160, #run(list))
  end)

  it("may have ids of any length, one of them the end of another", function()
    local list = model { count = 60 }
    for n, item in ipairs(list.items) do item.id = ("1"):rep(n) end
    assert.equal(60, #run(list))
  end)

  it("may lack the number of pages", function()
    local list = model { count = 60 }
    list.edit = function(answer) answer.pages = nil end
    assert.equal(60, #run(list))
    assert.equal(4, list.fetches)
  end)

  it("may lack the total: then all is read again until two readings bring nothing", function()
    for _, what in ipairs { "total", "both" } do
      local list = model { count = 160 }
      list.edit = function(answer)
        answer.total = nil
        if what == "both" then answer.pages = nil end
      end
      list.before[4] = function() list:remove(160) end -- 85 slips to page 3
      assert.equal(160, #run(list))
      assert.is_true(list.fetches <= 4 * 8)
    end
  end)

  it("may lack the times of change and the date", function()
    local list = model { count = 160 }
    list.edit = function(answer)
      answer.date = nil
      for _, ticket in ipairs(answer) do ticket.modified = nil end
    end
    list.before[3] = function() list:touch(1) end
    assert.equal(160, #run(list))
  end)

  it("may be the documentation's: one ticket, one page, a total of 15", function()
    local list = model { count = 1 }
    list.edit = function(answer) answer.total = 15 end
    assert.equal(1, #run(list))
    assert.equal(1, list.fetches)
  end)

  it("may claim more pages than its total fills", function()
    local list = model { count = 3 * PAGE }
    list.edit = function(answer) answer.pages = 7 end
    assert.equal(3 * PAGE, #run(list))
  end)

  it("may state a total that cannot be reached, of a list that never holds still", function()
    local list, pick = model { count = 160 }, generator(1)
    list.edit = function(answer) answer.total = answer.total + 10 end
    list.before_each = function() for _ = 1, 60 do list:touch(pick(160)) end end
    assert.equal(160, #run(list))
    assert.is_true(list.fetches < 150, list.fetches .. " fetches")
  end)
end)

describe("an error", function()
  local function raised(list, options)
    local ok, err = pcall(run, list, options)
    assert.is_false(ok)
    return err
  end

  it("of a fetch is raised as it is, and the next call tries again", function()
    local list, failure = model { count = 60 }, errors.new { kind = "server", message = "no" }
    local failing, order = true, {}
    local next_ticket = pages.each(function(page)
      if page == 2 and failing then return nil, failure end
      return list:fetch(page)
    end, { id = reader("id"), modified = reader("modified"), created = reader("created") })
    for i = 1, PAGE do order[i] = next_ticket().item.n end
    local ok, err = pcall(next_ticket)
    assert.is_false(ok)
    assert.equal(failure, err)
    failing = false
    for ticket in next_ticket do order[#order + 1] = ticket.item.n end
    assert.same(count_down(60, 1), order)
  end)

  it("of kind protocol says that a page in the middle came empty", function()
    local list = model { count = 160 }
    list.edit = function()
      if list.fetches == 4 then return { total = 160, pages = 7 } end
    end
    local err = raised(list)
    assert.equal("protocol", err.kind)
    assert.equal("page 4 of the list's 7 came empty", err.message)
  end)

  it("of kind protocol says that an empty list counts some", function()
    local list = model { count = 0 }
    list.edit = function(answer)
      answer.total, answer.pages = 5, nil
      return answer
    end
    local err = raised(list)
    assert.equal("the list has 5 items, and shows 0 of them", err.message)
  end)

  it("of kind protocol says that a ticket has no id", function()
    local list = model { count = 1 }
    list.edit = function(answer) answer[1].id = nil end
    assert.equal("protocol", raised(list).kind)
  end)

  it("of kind protocol ends the reading of a list that outgrows its reader", function()
    local list = model { count = 60 }
    list.before_each = function()
      assert(list.fetches < 2000)
      for _ = 1, 30 do list:create(true) end
    end
    local err = raised(list)
    assert.equal("protocol", err.kind)
    assert.matches("hold still", err.message)
    assert.is_true(list.fetches <= 20 * 4 + 1001)
  end)
end)

describe("a body that", function()
  it("changes each ticket costs no further fetch", function()
    local list = model { count = 1000 }
    local order = run(list, nil, function(item) list.now = list.now + 0.1 list:touch(item.n) end)
    assert.same(count_down(1000, 1), order)
    assert.equal(41, list.fetches)
  end)

  it("takes each ticket out of the list reads every page about once", function()
    local list = model { count = 1000 }
    local order = run(list, nil, function(item) list:remove(item.n) end)
    assert.equal(1000, #order)
    assert.is_true(list.fetches <= 43, list.fetches .. " fetches")
  end)

  it("takes every fifth out costs less than two and a half fetches a page", function()
    local list = model { count = 1000 }
    local order = run(list, nil, function(item)
      list.now = list.now + 0.1
      if item.n % 5 == 0 then list:remove(item.n) end
    end)
    assert.equal(1000, #order)
    assert.is_true(list.fetches <= 100, list.fetches .. " fetches")
  end)

  it("creates a ticket for each is given none of them, not even in the first second", function()
    for _, age in ipairs { 0, 1000 } do
      local list = model { count = 60, age = age, apart = 0, created = 0 }
      assert.same(count_down(60, 1), run(list, nil, function() list:create(true) end))
    end
  end)

  it("creates a ticket in the first second is given none where the list is older", function()
    local list = model { count = 60 }
    list.before[2] = function() list:remove(1) end
    assert.same(count_down(60, 2), run(list, nil, function() list:create(true) end))
  end)

  it("creates tickets is given those of the start too, where all are of one second", function()
    for _, order in ipairs { "desc", "asc" } do
      local list, given = model { count = 60, age = 0, apart = 0, created = 0 }, {}
      list.before[2] = function()
        for _ = 1, 80 do list:create(true) end
        if order == "asc" then list:touch(unpack(count_down(25, 1))) end
      end
      for _, n in ipairs(run(list, { order = order })) do given[n] = true end
      for n = 1, 60 do assert.is_true(given[n], "missed: " .. n) end
    end
  end)

  it("creates tickets is given none of them where no answer has a date", function()
    local list = model { count = 60 }
    list.edit = function(answer) answer.date = nil end
    assert.same(count_down(60, 1), run(list, nil, function() list:create(true) end))
  end)

  it("changes tickets that have not come yet is given them in the end", function()
    local list = model { count = 160 }
    local order = run(list, nil, function(item) list:touch(161 - item.n) end)
    assert.equal(160, #order)
  end)

  it("keeps no ticket from the collector that it has left", function()
    local list, alive = model { count = 160 }, setmetatable({}, { __mode = "k" })
    list.edit = function(answer)
      for _, ticket in ipairs(answer) do alive[ticket] = true end
    end
    run(list, nil, function(_, number)
      collectgarbage()
      collectgarbage()
      local count = 0
      for _ in pairs(alive) do count = count + 1 end
      assert.is_true(count <= -number % PAGE + 2, count .. " alive after " .. number)
    end)
  end)
end)

describe("where others move the list", function()
  it("a ticket that slips over a page's edge is read", function()
    local list = model { count = 160 }
    list.before[3] = function() list:remove(160, 159) end
    assert.equal(160, #run(list))
  end)

  it("the pages are read on where the total fell by several of them", function()
    local list = model { count = 400 }
    list.before[6] = function() for n = 301, 380 do list:remove(n) end end
    assert.equal(400, #run(list))
    assert.same({ 1, 2, 3, 4, 5, 6, 2, 3, 4, 5 }, { unpack(list.log, 1, 10) })
  end)

  it("a list that loses its oldest ticket at every look is read on", function()
    local list = model { count = 1000 }
    local oldest = 0
    list.before_each = function()
      oldest = oldest + 1
      if oldest < 500 then list:remove(oldest) end
    end
    run(list)
    assert.is_true(list.fetches <= 40 * 5, list.fetches .. " fetches")
  end)

  it("a list that loses its newest ticket at every look is read whole", function()
    local list = model { count = 250 }
    list.before_each = function()
      if list.fetches > 1 and list.fetches < 30 then list:remove(252 - list.fetches) end
    end
    run(list)
    assert.is_true(list.fetches <= 10 * 6, list.fetches .. " fetches")
  end)

  it("changes that the index shows a minute late are found", function()
    local list = model { count = 160, lag = 60 }
    list:touch(unpack(count_down(30, 1)))
    list.now = list.now + 50
    list.before[3] = function() list.now = list.now + 11 end
    assert.equal(160, #run(list))
  end)

  it("a walk with a ticket in and one out between two pages is no still one", function()
    -- Page 1 comes to hold the oldest ticket and all but one of what was read, and page 2 begins
    -- with the new one: the total is the same and nothing on page 2 has been met.
    local list = model { count = 160 }
    list.before[2] = function()
      list.now = list.now + 1
      list:create(true)
      list:touch(unpack(count_down(159, 136)))
      list:remove(160)
      list:touch(1)
    end
    run(list, nil, function(item)
      if item.n < 136 then list:touch(item.n) end
    end)
  end)

  it("the same within one second is found by the last look at page 1", function()
    local list = model { count = 160, age = 0, apart = 0 }
    list.before[2] = function()
      list:create(true)
      list:touch(unpack(count_down(159, 136)))
      list:remove(160)
      list:touch(1)
    end
    run(list)
  end)

  it("and what that look finds has the front read again", function()
    local list, pushed = model { count = 160, age = 0, apart = 0 }, false
    list.before[2] = function()
      list:create(true)
      list:create(true)
      list:touch(2)
      list:touch(unpack(count_down(158, 136)))
      list:remove(160, 159)
      list:touch(1)
    end
    run(list, nil, function(item)
      if item.n < 130 and not pushed then
        pushed = true
        list:touch(item.n)
      end
    end)
    assert.is_true(pushed)
  end)

  it("a gap in front is read before the front counts as read", function()
    -- 2 comes to stand first on page 3, and slips to page 2 when the front has been read so far.
    local list, fronts = model { count = 160 }, 0
    list.before_each = function()
      list.now = list.now + 1
      if list.log[list.fetches] == 1 then fronts = fronts + 1 end
      if list.fetches == 6 then
        list:touch(2)
        list:touch(unpack(count_down(150, 102)))
        list:touch(1)
      end
      if fronts == 2 and list.log[list.fetches] == 3 then
        list:remove(unpack(count_down(140, 131)))
        fronts = 3
      end
    end
    run(list)
    assert.is_true(fronts >= 3)
  end)

  it("one walk that brought nothing does not do where the list still moved", function()
    -- 1 moves ahead of the reader in the first walk, and in the next again.
    local list, fronts = model { count = 160 }, 0
    list.before_each = function()
      list.now = list.now + 1
      if list.log[list.fetches] == 1 then fronts = fronts + 1 end
      if list.fetches == 2 then list:remove(160) end
      if list.fetches == 6 then
        list:touch(1)
        list:touch(unpack(count_down(150, 120)))
      end
      if fronts == 3 and list.log[list.fetches] == 2 then list:touch(1) end
    end
    run(list)
  end)

  it("what the first answer shows is given, whatever the clocks say", function()
    local list = model { count = 20, age = -5, apart = 0, created = 0 }
    assert.equal(20, #run(list))
  end)
end)

describe("with the oldest change first", function()
  it("a body that changes each ticket gets them all", function()
    local list = model { count = 1000 }
    local order = run(list, { order = "asc" }, function(item)
      list.now = list.now + 0.1
      list:touch(item.n)
    end)
    assert.equal(1000, #order)
    assert.is_true(list.fetches <= 40 * 1.6, list.fetches .. " fetches")
    for n = 1, PAGE do assert.equal(n, order[n]) end
  end)

  it("a second reading in doubt follows the first, though that brought nothing", function()
    -- From the eighth look on the oldest ticket leaves before every look: each fall may be a gap.
    local list, oldest = model { count = 160 }, 1
    list.before[3] = function()
      list.now = list.now + 30
      list:touch(100, 101)
    end
    list.before_each = function()
      if list.fetches == 3 then list.before[3](list) end
      if list.fetches >= 8 and oldest < 60 then
        oldest = oldest + 1
        list:remove(oldest)
      end
    end
    local given = run(list, { order = "asc" })
    assert.equal(160, #given)
    local beginnings = 0
    for n = 8, #list.log do
      if list.log[n] == 4 and list.log[n - 1] == 3 then beginnings = beginnings + 1 end
    end
    assert.is_true(beginnings >= 2, table.concat(list.log, " "))
  end)

  it("changes later than the date are no reason to end", function()
    local list = model { count = 160, age = -5, apart = 0 }
    assert.equal(160, #run(list, { order = "asc" }))
  end)

  it("a change from before the loop that shows late is no still list", function()
    local list = model { count = 160, lag = 10 }
    list:touch(1)
    list.now = list.now + 5
    list.before[2] = function() list.now = list.now + 6 end
    run(list, { order = "asc" })
  end)

  it("a ticket in and one out between two pages is no still list", function()
    local list = model { count = 160 }
    list.before[2] = function()
      list.now = list.now + 1
      list:remove(1)
      list:create(true)
    end
    run(list, { order = "asc" })
  end)

  it("tickets that come as fast as they are read are not run after", function()
    local list = model { count = 60 }
    list.before_each = function()
      list.now = list.now + 0.1
      if list.fetches < 300 then for _ = 1, 20 do list:create(true) end end
    end
    local order = run(list, { order = "asc" })
    assert.is_true(#order < 60 + 300, #order .. " given")
    assert.same({ 1, 2, 3, 4 }, { unpack(list.log, 1, 4) })
    local turned = 2
    while list.log[turned] and list.log[turned] ~= 1 do turned = turned + 1 end
    assert.is_true(turned < 20, "read on for " .. turned .. " pages")
  end)
end)

describe("a first page of the caller's", function()
  it("is where a list that holds still begins", function()
    local list = model { count = 160 }
    assert.same(count_down(110, 1), (function()
      local order = {}
      for ticket in each(list, { page = 3 }) do order[#order + 1] = ticket.item.n end
      return order
    end)())
    assert.same({ 3, 4, 5, 6, 7, 1 }, list.log)
  end)

  it("may lie behind the end", function()
    local list = model { count = 160 }
    assert.is_nil(each(list, { page = 9 })())
    assert.equal(1, list.fetches)
  end)

  it("keeps out what stood before it, and nothing else, where the list moves", function()
    for _, order in ipairs { "desc", "asc" } do
      local list, given = model { count = 160 }, {}
      local edge = order == "asc" and 51 or 110
      list.before_each = function()
        list.now = list.now + 1
        local n = list.fetches
        if n == 2 then list:touch(20, 140) list:remove(order == "asc" and 3 or 155) end
        if n == 3 then list:touch(70) list:remove(order == "asc" and 5 or 150) end
      end
      for ticket in each(list, { page = 3, order = order }) do
        assert.is_nil(given[ticket.item.n])
        given[ticket.item.n] = true
      end
      for n = 1, 160 do
        local stood_before = order == "asc" and n < edge or order == "desc" and n > edge
        local moved = n == 20 or n == 140
        if not moved then assert.equal(not stood_before, given[n] or false) end
      end
      assert.is_true(given[order == "asc" and 140 or 20])
    end
  end)
end)

describe("the ids that a loop remembers", function()
  it("take less than 40 bytes each", function()
    local count, pages_count = 0, 1600
    local before
    for _ in pages.each(function(page)
      local answer = { total = pages_count * PAGE, pages = pages_count, date = 1400000000 }
      for i = 1, PAGE do
        answer[i] = ("%05X"):format(((page - 1) * PAGE + i) * 7919 % 1048573)
      end
      return answer
    end, { id = function(id) return id end, modified = function() return 1 end,
      created = function() end }) do
      count = count + 1
      if count == 5000 or count == pages_count * PAGE then
        collectgarbage()
        collectgarbage()
        local now = collectgarbage("count") * 1024
        before = before or now
        local each_took = (now - before) / (count - 5000 + 1)
        assert.is_true(each_took < 40, each_took .. " bytes an id")
      end
    end
    assert.equal(pages_count * PAGE, count)
  end)
end)

-- Random runs --------------------------------------------------------------------------------

local KINDS = { { "touch" }, { "touch", "remove" }, { "touch", "remove", "add" }, { "remove" },
  { "touch", "touch", "touch", "remove", "add", "create" }, { "create" }, { "remove", "add" } }

local CHANGES = {
  touch = function(list, item) list:put(item, item.matches) end,
  remove = function(list, item) list:put(item, false) end,
  add = function(list, item) list:put(item, true) end,
  create = function(list) list:create(true) end,
}

local BODIES = {
  function() end,
  function(list, item) list:put(item, item.matches) end,
  function(list, item) list:put(item, false) end,
  function(list, item, pick) if pick(5) == 1 then list:put(item, false) end end,
  function(list) list:create(true) end,
  function(list, _, pick)
    local other = list.items[pick(#list.items)]
    list:put(other, other.matches)
  end,
}

--- One run: what kind of list, of body and of others' changes it meets is drawn from the seed.
-- `lasting`: whether others go on for ever, which they do with changes that do not add tickets.
local function random_run(seed, lasting)
  local pick = generator(seed)
  local function one_of(list) return list[pick(#list)] end
  local asc = pick(4) == 1
  local size = one_of { PAGE, 2 + pick(5) }
  local tick = one_of { asc and 0.02 or 0, 0.02, 0.3, 2 }
  local list = model { size = size, count = pick(size * one_of { 1, 3, 6, 10 }),
    lag = one_of { 0, 0, 0, 2, 7, 12 }, age = one_of { 0, 1, 20, 1000 },
    apart = one_of { 0, 0.2, 1, 10 }, created = one_of { 0, 300 },
    matches = function() return pick(8) > 1 end }
  local scale = size == PAGE and 1 or 4
  local at_fetch = math.ceil(one_of { 0, 1, 3, 10, 60 } / scale)
  local at_ticket = math.ceil(one_of { 0, 0, 1, 3, 30 } / scale)
  local odds, kinds, body = one_of { 1, 2, 8 }, one_of(KINDS), one_of(BODIES)
  local changes_left = lasting and math.huge or 400
  local function others(most)
    if most == 0 or pick(odds) > 1 then return end
    for _ = 1, math.min(pick(most + 1) - 1, changes_left) do
      list.now = list.now + tick * pick(100) / 100
      CHANGES[one_of(kinds)](list, one_of(list.items))
      changes_left = changes_left - 1
    end
  end
  list.before_each = function()
    if list.owed then others(at_fetch) end
    list.now = list.now + tick
  end
  local grows = kinds[#kinds] == "create" or body == BODIES[5]
  if lasting and grows then return 0 end
  local order = run(list, { order = asc and "asc" or nil }, function(item)
    assert(item.created <= list.date, "created later: " .. item.n)
    others(at_ticket)
    list.now = list.now + tick
    body(list, item, pick)
  end)
  return #order
end

describe("random lists, bodies and changes", function()
  local function runs(from, to, lasting)
    local given = 0
    for seed = from, to do
      local ok, result = pcall(random_run, seed, lasting)
      assert(ok, ("seed %d%s: %s"):format(seed, lasting and ", lasting" or "", tostring(result)))
      given = given + result
    end
    assert.is_true(given > (to - from) * 10)
  end

  it("that settle in the end: all that is owed, once", function()
    runs(1, 4000, false)
  end)

  it("that never settle: all that is owed, once", function()
    runs(1, 2000, true)
  end)
end)
