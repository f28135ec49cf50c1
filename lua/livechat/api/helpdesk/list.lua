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
  local query = { status = filter.status, silo = filter.silo, query = filter.query }
  if filter.status == "spam" then
    query.status, query.silo = nil, "spam"
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

local function matching(found, tests)
  local made = {}
  for _, ticket in ipairs(found) do
    local fits = true
    for _, test in ipairs(tests) do fits = fits and test(ticket) end
    if fits then made[#made + 1] = ticket end
  end
  return made
end

-- ---- the whole list ----------------------------------------------------------------------------

-- What a walk knows: the query, the tests, and how much was read.
---@class livechat.helpdesk.Walk

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
  return { query = query, tests = tests, exact = exact }
end

-- The place behind a page: when its last ticket was created, and its ID.
local function place_after(page)
  local last = page[#page]
  local value = names.text(last.createdAt)
  return type(value) == "string" and value .. "\n" .. names.text(last.ID) or nil
end

-- Whether there is nothing behind a page. One may be shorter than was asked for because the service
-- allows no longer ones, or leaves out what it does not show: then the count tells, and where there
-- is none an empty page. What is of the moment of the place may have been shown before, and is not
-- counted: that costs a call more, and no ticket.
local function is_last(walk, page, total, moment)
  walk.read = walk.read or 0
  for _, ticket in ipairs(page) do
    if names.text(ticket.createdAt) ~= moment then walk.read = walk.read + 1 end
  end
  return #page == 0 or total ~= nil and walk.read >= total and #page < WHOLE
end

-- The next page of a walk, in the wire's form, with `next`.
local function step(op, walk, place)
  local query, moment = op.copy(walk.query), nil
  if place then
    moment, query["next.ID"] = place:match("^([^\n]*)\n(.*)$")
    query["next.value"] = moment
  end
  local page, err, answer = op:perform(op.rows.list, {}, query)
  if not page then
    return nil, err
  end
  local made = matching(page, walk.tests)
  if not is_last(walk, page, tonumber(op.header(answer, "X-Total-Results")), moment) then
    made.next = place_after(page)
    if not made.next then
      return nil, op:protocol_error(answer, "a ticket of the list has no createdAt")
    elseif made.next == place then -- a service that shows the place itself again, and no more
      made.next = nil
    end
  end
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
    for _, ticket in ipairs(page) do made[#made + 1] = ticket end
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
