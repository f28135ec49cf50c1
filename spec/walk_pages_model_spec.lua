-- SPDX-License-Identifier: MIT
--- The walk over thousands of lists in virtual time: others create, change, solve, reopen, delete
-- tickets while it reads; its own body does too; the list lags the writes; tickets of one second
-- stand in another order in each answer. What matched at the start and is still there has to come,
-- once, and within so many calls.
local pages = require "livechat.api.walk_pages"

local PAGE, DATE = 25, 1700000000
local floor = math.floor

-- A generator of its own, so that a seed gives the same run on every Lua.
local function generator(seed)
  local state = (seed * 7919 + 12345) % 2147483646 + 1
  local function draw()
    state = state * 16807 % 2147483647
    return state / 2147483647
  end
  for _ = 1, 5 do draw() end
  return draw
end

local World = {}
World.__index = World

local function new_world(seed, options)
  local world = setmetatable({ draw = generator(seed), now = DATE, tickets = {}, index = {},
    pending = {}, fetches = 0, options = options, gone = {} }, World)
  for _ = 1, options.count do
    local ticket = world:add(world.now - 30 - world.draw() * (options.spread or 86400), true)
    world.index[ticket.id] = { ticket = ticket, modified = floor(ticket.modified) }
  end
  world:plan_other()
  return world
end

function World:add(created, matches)
  local n = #self.tickets + 1
  local ticket = { n = n, id = ("%05X"):format(n * 7919 % 1048573), created = created,
    modified = created, matches = matches, salt = self.draw() }
  self.tickets[n] = ticket
  return ticket
end

--- A change is shown after the lag, and never before an older one of the same ticket.
function World:change(ticket, matches)
  if ticket.deleted then return end
  ticket.modified, ticket.matches = self.now, matches
  if not matches then self.gone[ticket.id] = true end
  local lag = self.options.lag or 0
  self.pending[#self.pending + 1] = { ticket = ticket, matches = matches,
    modified = floor(self.now), at = self.now + lag }
end

function World:show()
  local rest = {}
  for _, change in ipairs(self.pending) do
    if change.at <= self.now then
      self.index[change.ticket.id] = change.matches
        and { ticket = change.ticket, modified = change.modified } or nil
    else
      rest[#rest + 1] = change
    end
  end
  self.pending = rest
end

function World:plan_other()
  local rate = self.options.others or 0
  self.next_other = rate > 0 and self.now - math.log(1 - self.draw()) / rate or math.huge
end

local OTHERS = {
  touch = function(world, ticket) world:change(ticket, ticket.matches) end,
  create = function(world) world:change(world:add(world.now, true), true) end,
  mixed = function(world, ticket)
    local x = world.draw()
    if x < 0.5 then
      world:change(ticket, ticket.matches)
    elseif x < 0.7 then
      world:change(ticket, not ticket.matches)
    elseif x < 0.9 then
      world:change(world:add(world.now, true), true)
    else
      world:change(ticket, false)
      ticket.deleted = true
    end
  end,
}

function World:pick()
  return self.tickets[floor(self.draw() * #self.tickets) + 1]
end

function World:pass(time)
  local till = self.now + time
  while self.next_other <= till do
    self.now = self.next_other
    OTHERS[self.options.mix or "mixed"](self, self:pick())
    self:plan_other()
  end
  self.now = till
  self:show()
end

function World:rows(order)
  local rows = {}
  for _, row in pairs(self.index) do
    row.salt = self.options.ties and self.draw() or row.ticket.salt
    rows[#rows + 1] = row
  end
  -- pairs has no order of its own: the draw must not depend on it.
  table.sort(rows, function(a, b) return a.ticket.n < b.ticket.n end)
  for _, row in ipairs(self.options.ties and rows or {}) do row.salt = self.draw() end
  table.sort(rows, function(a, b)
    if a.modified ~= b.modified then
      if order == "asc" then return a.modified < b.modified end
      return a.modified > b.modified
    end
    return a.salt < b.salt
  end)
  return rows
end

function World:fetch(page, order)
  self.fetches = self.fetches + 1
  assert(self.fetches < 5000, "reads for ever")
  self:pass((self.options.fetch or 0.15) * 2 * self.draw())
  local rows = self:rows(order or self.options.order)
  local answer = { total = #rows, pages = math.ceil(#rows / PAGE), date = floor(self.now) }
  for i = (page - 1) * PAGE + 1, math.min(#rows, page * PAGE) do
    local row = rows[i]
    answer[#answer + 1] = { id = row.ticket.id, ticket = row.ticket, modified = row.modified,
      created = floor(row.ticket.created) }
  end
  if not self.owed then
    self.owed, self.start_pages = {}, answer.pages
    for _, row in ipairs(rows) do self.owed[row.ticket.id] = row.ticket.matches or nil end
    -- What left and came back within the lag is not shown for a while, and not owed.
    self.gone = {}
    for _, change in ipairs(self.pending) do
      if not change.matches then self.gone[change.ticket.id] = true end
    end
  end
  return answer
end

local BODIES = {
  none = function() end,
  touch = function(world, ticket) world:change(ticket, ticket.matches) end,
  leave = function(world, ticket) world:change(ticket, false) end,
  half = function(world, ticket)
    if world.draw() < 0.5 then world:change(ticket, false) end
  end,
  create = function(world)
    if world.draw() < 0.5 then world:change(world:add(world.now, true), true) end
  end,
}

--- One loop; returns how many owed tickets did not come, and the calls for each page of the start.
local function run(seed, options)
  local world, given = new_world(seed, options), {}
  if options.before then world:pass(options.before) end
  local function reader(name) return function(ticket) return ticket[name] end end
  for row in pages.each(function(page, order) return world:fetch(page, order) end, {
    id = reader("id"), modified = reader("modified"), created = reader("created"),
    order = options.order }) do
    assert(not given[row.id], "given twice")
    given[row.id] = true
    world:pass((options.body_time or 0.1) * 2 * world.draw())
    if options.body then BODIES[options.body](world, row.ticket) end
  end
  local missing = 0
  for id in pairs(world.owed) do
    if not given[id] and not world.gone[id] then missing = missing + 1 end
  end
  return missing, world.fetches / world.start_pages
end

--- Runs the seeds; none may lose a ticket, and the mean of the calls is at most `most` a page.
local function runs(count, options, most)
  local calls = 0
  for seed = 1, count do
    local ok, missing, cost = pcall(run, seed, options)
    assert(ok, ("seed %d: %s"):format(seed, tostring(missing)))
    assert(missing == 0, ("seed %d lost %d"):format(seed, missing))
    calls = calls + cost
  end
  calls = calls / count
  assert.is_true(calls <= most, ("%.2f calls for each page"):format(calls))
end

describe("a list that holds still", function()
  it("comes whole where tickets of one second stand in another order each time", function()
    for _, spread in ipairs { 1, 10, 33, 86 } do
      runs(60, { count = 100, spread = spread, ties = true }, 12)
      runs(60, { count = 100, spread = spread, ties = true, order = "asc" }, 12)
    end
  end)

  it("is no whole one where a ticket never shows, and that is an error", function()
    local ok, err = pcall(function()
      for _ in pages.each(function(page)
        local answer = { total = 50, pages = 2, date = DATE }
        for i = 1, PAGE do answer[i] = { id = "T" .. (page == 1 and i or i + 24) } end
        return answer
      end, { id = function(t) return t.id end, modified = function() return DATE - 100 end,
        created = function() end }) do end
    end)
    assert.is_false(ok)
    assert.equal("protocol", err.kind)
    assert.matches("has 50 items, and shows 49", err.message)
  end)

  it("comes whole where the body takes tickets out and seconds have several", function()
    runs(120, { count = 100, spread = 86, ties = true, body = "half" }, 8)
    runs(120, { count = 100, spread = 86, ties = true, body = "touch" }, 8)
    runs(120, { count = 100, spread = 86, ties = true, body = "leave" }, 8)
  end)
end)

describe("a list that changes by one ticket a second", function()
  for _, mix in ipairs { "touch", "create", "mixed" } do
    it("is read whole in less than three calls a page: " .. mix, function()
      runs(60, { count = 250, others = 1, mix = mix }, 3)
      runs(20, { count = 250, others = 1, mix = mix, lag = 15, before = 30 }, 3)
      runs(20, { count = 250, others = 1, mix = mix, body = "touch" }, 5)
    end)
  end

  it("is read whole where each second has several in another order each time", function()
    runs(60, { count = 300, spread = 86, ties = true, others = 1, mix = "touch" }, 3)
    runs(20, { count = 300, spread = 86, ties = true, others = 1, body = "half" }, 3)
    runs(20, { count = 300, ties = true, others = 1, lag = 15, before = 40, body = "half" }, 3)
  end)

  it("is read whole so where the body itself puts ten into each second", function()
    -- The front is then as long as the list, and each of its pages ends in a second of ten.
    runs(5, { count = 300, spread = 86, ties = true, others = 1, body = "touch" }, 10)
    runs(5, { count = 300, ties = true, others = 1, body = "touch", order = "asc" }, 10)
  end)

  it("is read whole so with the oldest change first", function()
    for _, body in ipairs { "none", "half" } do
      runs(15, { count = 300, spread = 86, ties = true, others = 1, order = "asc", body = body }, 4)
    end
  end)

  it("is read whole in as many where it has a thousand, in one order", function()
    for _, order in ipairs { "desc", "asc" } do
      for _, body in ipairs { "none", "half", "leave" } do
        runs(1, { count = 1000, others = 1, body = body, order = order }, 3)
      end
      runs(1, { count = 1000, others = 1, body = "touch", order = order }, 3.3) -- eleven a second
    end
  end)

  it("is read so where the answers are slow", function()
    runs(20, { count = 500, others = 1, fetch = 1.5, mix = "create" }, 3.3)
    runs(20, { count = 500, others = 1, fetch = 1.5 }, 3.3)
  end)

  it("is read whole with the oldest change first", function()
    for _, lag in ipairs { 0, 5, 15 } do
      runs(30, { count = 250, others = 1, order = "asc", lag = lag, before = 30 }, 3)
      runs(30, { count = 250, others = 1, order = "asc", lag = lag, mix = "touch", before = 30 }, 3)
    end
  end)
end)

describe("a list that lags by fifteen seconds to the second", function()
  it("is read whole", function()
    for _, body in ipairs { "touch", "half", "create" } do
      runs(50, { count = 100, others = 2, lag = 15, before = 40, body = body }, 8)
    end
    runs(150, { count = 80, others = 3, lag = 15, before = 40, body_time = 0.01 }, 8)
  end)
end)

describe("a list that never holds still", function()
  it("raises nothing while nothing is missing", function()
    for _, others in ipairs { 5, 20 } do
      runs(8, { count = 250, others = others }, 30)
      runs(8, { count = 250, others = others, mix = "touch" }, 30)
      runs(8, { count = 250, others = others, mix = "create" }, 30)
    end
  end)
end)
