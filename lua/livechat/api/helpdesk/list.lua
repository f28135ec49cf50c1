-- SPDX-License-Identifier: MIT
--- Lists of tickets: what is asked of HelpDesk, what is filtered here because HelpDesk cannot,
--- pages and cursors. ([D] docs/service.md) Pure: the calls are made by the operation handed in.
local errors = require "livechat.errors"
local json = require "livechat.json"
local names = require "livechat.api.helpdesk.names"

local list = {}

local PAGE, WHOLE = 25, 100 -- tickets: of a page as v2 has it, and the most that there may be

-- ---- the query ---------------------------------------------------------------------------------

local DAYS = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

-- The day after a day of the calendar, which the date of a filter includes and HelpDesk's does not.
local function day_after(text)
  local year, month, day = text:match("^(%d+)%-(%d+)%-(%d+)$")
  year, month, day = tonumber(year), tonumber(month), tonumber(day) + 1
  local leap = month == 2 and year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  if day > DAYS[month] + (leap and 1 or 0) then month, day = month + 1, 1 end
  if month > 12 then year, month = year + 1, 1 end
  return ("%04d-%02d-%02d"):format(year, month, day)
end

local START = "T00:00:00.000Z"

local function dates(query, filter)
  for ours, theirs in pairs { date = "createdDate", modified = "updatedDate" } do
    local from, to = filter[ours .. "_from"], filter[ours .. "_to"]
    query[theirs .. "From"] = from and from .. START
    query[theirs .. "To"] = to and day_after(to) .. START
  end
end

-- A filter's list: one value is a list of one.
local function as_list(value)
  return json.array(type(value) == "table" and value or { value })
end

--- What to ask for.
---@return table|nil query nil where nothing can match
---@return livechat.Error|nil err
local function query_of(op, filter)
  local query = { query = filter.query, silo = filter.silo }
  if filter.status == "spam" then
    query.silo = filter.silo or "spam"
  else
    query.status = filter.status
  end
  if filter.requester and filter.requester.mail then
    query.requester = { email = filter.requester.mail }
  end
  dates(query, filter)
  query.teamIDs = filter.group and as_list(filter.group)
  if filter.tag then
    local ids, err = names.tag_ids(op, { filter.tag })
    if not ids then
      return nil, err.kind ~= "invalid" and err or nil
    end
    query.tagIDs = ids
  end
  return query
end

-- ---- what is looked at here --------------------------------------------------------------------

local function is_agent(ticket, id)
  local assignment = ticket.assignment
  local agent = type(assignment) == "table" and assignment.agent
  if type(agent) ~= "table" then return false end
  return id == nil or names.text(agent.ID) == names.text(id)
end

--- Tests of tickets in the wire's form for what HelpDesk does not filter by, or perhaps does not.
---@return (fun(ticket: table): boolean)[]|nil tests
---@return livechat.Error|nil err
---@return boolean|nil exact whether HelpDesk's own pages may be given: it is known to filter so
local function tests_of(op, filter)
  local tests, exact = {}, true
  if filter.requester and filter.requester.mail then
    local mail = filter.requester.mail:lower()
    tests[#tests + 1] = function(ticket)
      local requester = ticket.requester
      return type(requester) == "table" and type(requester.email) == "string"
        and requester.email:lower() == mail
    end
  end
  if filter.assignee then
    local agent, err = names.agent(op, filter.assignee, "assignee")
    if not agent then return nil, err end
    exact = false
    tests[#tests + 1] = function(ticket) return is_agent(ticket, agent.ID) end
  end
  if filter.assigned then
    exact = false
    tests[#tests + 1] = function(ticket) return is_agent(ticket) == (filter.assigned == 1) end
  end
  if filter.tagged then
    exact = false
    tests[#tests + 1] = function(ticket)
      local tags = ticket.tagIDs
      return (type(tags) == "table" and tags[1] ~= nil) == (filter.tagged == 1)
    end
  end
  return tests, nil, exact
end

-- Those of a page that pass the tests, and lie where they were asked for.
local function matching(found, tests, silo)
  local made = {}
  for _, ticket in ipairs(found) do
    local fits = silo == nil or type(ticket.silo) ~= "string" or ticket.silo == silo
    for _, test in ipairs(tests) do fits = fits and test(ticket) end
    if fits then made[#made + 1] = ticket end
  end
  return made
end

-- ---- the whole list ----------------------------------------------------------------------------

-- What a walk knows: the query, the tests, the silos that are read one after the other, and how
-- much of the present one was read.
---@class livechat.helpdesk.Walk

-- Where tickets lie that a filter means. HelpDesk shows one silo at a time: what needs work is in
-- the first, what is done with may be archived, and spam is v2's status.
local function silos_of(filter)
  if filter.silo or filter.status == "spam" then
    return { filter.silo or "spam" }
  elseif filter.status == nil then
    return { "tickets", "archive", "spam" }
  elseif filter.status == "solved" or filter.status == "closed" then
    return { "tickets", "archive" }
  end
  return { "tickets" }
end

local function begin(op, filter)
  local query, err = query_of(op, filter)
  if not query then
    return nil, err
  end
  local tests, exact
  tests, err, exact = tests_of(op, filter)
  if not tests then
    return nil, err
  end
  query.sortBy, query.order, query.pageSize = "createdAt", filter.order or "asc", WHOLE
  return { query = query, tests = tests, exact = exact, silos = silos_of(filter), silo = 1,
    read = 0 }
end

-- The place behind a page: the silo, when its last ticket was created, and its ID.
local function place_after(walk, page)
  local last = page[#page]
  local value = names.text(last.createdAt)
  return type(value) == "string" and ("%d\n%s\n%s"):format(walk.silo, value, names.text(last.ID))
    or nil
end

-- Whether there is nothing behind a page. One may be shorter than was asked for because the service
-- allows no longer ones, or leaves out what it does not show: then the count tells, and where there
-- is none an empty page. What is of the moment of the place may have been shown before, and is not
-- counted: that costs a call more, and no ticket.
local function is_last(walk, page, total, moment)
  for _, ticket in ipairs(page) do
    if names.text(ticket.createdAt) ~= moment then walk.read = walk.read + 1 end
  end
  return #page == 0 or total ~= nil and walk.read >= total and #page < WHOLE
end

-- The query for the page behind a place, and the moment of the place.
local function query_at(op, walk, place)
  local query = op.copy(walk.query)
  local silo, moment, id = (place or "1"):match("^(%d+)\n?([^\n]*)\n?(.*)$")
  silo = tonumber(silo)
  if silo ~= walk.silo then walk.silo, walk.read = silo, 0 end
  query.silo = walk.silos[silo]
  if moment ~= "" then query["next.value"], query["next.ID"] = moment, id end
  return query, moment
end

-- The next page of a walk, in the wire's form, with `next`.
local function step(op, walk, place)
  local query, moment = query_at(op, walk, place)
  local page, err, answer = op:perform(op.rows.list, {}, query)
  if not page then
    return nil, err
  end
  local made, after = matching(page, walk.tests, query.silo), nil
  if not is_last(walk, page, tonumber(op.header(answer, "X-Total-Results")), moment) then
    after = place_after(walk, page)
    if not after then
      return nil, op:protocol_error(answer, "a ticket of the list has no createdAt")
    end
  end
  if after == nil or after == place then -- or a service that shows the place itself, and no more
    after = walk.silos[walk.silo + 1] and tostring(walk.silo + 1) or nil
  end
  made.next = after
  return made
end

local walks = setmetatable({}, { __mode = "k" }) -- by the filter of the loop

--- A page of `each`, from a place on.
function list.fetch(op, filter, place)
  local walk = place and walks[filter]
  if not walk then
    local err
    walk, err = begin(op, filter)
    if not walk then
      if err then return nil, err end
      return {}
    end
    walks[filter] = walk
  end
  return step(op, walk, place)
end

-- Every ticket that matches.
local function all(op, walk)
  local made, place, seen = {}, nil, {}
  repeat
    local page, err = step(op, walk, place)
    if not page then
      return nil, err
    elseif page.next and seen[page.next] then
      return nil, errors.new { kind = "protocol", message = "the list's cursor goes in a circle" }
    end
    for _, ticket in ipairs(page) do
      local id = "\0" .. names.text(ticket.ID)
      if not seen[id] then made[#made + 1] = ticket end
      seen[id] = true
    end
    place = page.next
    seen[place or ""] = true
  until not place
  return made
end

-- The whole list as one page, oldest first.
local function whole_page(op, walk, filter)
  walk.query.sortBy, walk.query.pageSize, walk.query.page = "createdAt", WHOLE, nil
  local found, err = all(op, walk)
  if not found then
    return nil, err
  end
  if (filter.page or 1) > 1 then found = {} end
  found.pages, found.total = 1, #found
  return op:page(found, filter)
end

--- One page, last change first. What HelpDesk cannot filter, or does not although it was asked to,
--- is filtered here, over the whole list, which then is one page.
function list.page(op, _, filter)
  local walk, err = begin(op, filter)
  if not walk then
    if err then return nil, err end
    return op:page({ pages = 0, total = 0 }, filter)
  end
  walk.query.sortBy, walk.query.order = "updatedAt", filter.order or "desc"
  if not walk.exact then
    return whole_page(op, walk, filter)
  end
  walk.query.pageSize, walk.query.page = PAGE, filter.page
  local page, answer
  page, err, answer = op:perform(op.rows.list, {}, walk.query)
  if not page then
    return nil, err
  end
  local made = matching(page, walk.tests)
  if #made < #page then
    return whole_page(op, walk, filter)
  end
  made.pages = tonumber(op.header(answer, "X-Total-Pages"))
  made.total = tonumber(op.header(answer, "X-Total-Results"))
  return op:page(made, filter)
end

return list
