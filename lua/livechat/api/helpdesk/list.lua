-- SPDX-License-Identifier: MIT
--- Lists of tickets: what is asked of HelpDesk, what is filtered here because HelpDesk cannot,
--- pages and cursors. ([D] api-reference 4.4) Pure: the calls are made by the operation handed in.
local errors = require "livechat.errors"
local json = require "livechat.json"
local names = require "livechat.api.helpdesk.names"

local list = {}

local PAGE, WHOLE = 25, 100 -- tickets: of a page as v2 has it, and the most that there may be

-- ---- the query ---------------------------------------------------------------------------------

-- The day after a day of the calendar, which the date of a filter includes and HelpDesk's does not.
local function day_after(day)
  local year, month, number = day:match("^(%d+)%-(%d+)%-(%d+)$")
  local noon = os.time { year = tonumber(year), month = tonumber(month), day = tonumber(number) + 1,
    hour = 12 }
  return os.date("%Y-%m-%d", noon)
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
  return id == nil or agent.ID == id
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

-- What a walk knows: the query and the tests, and how long a page can be.
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

-- Whether there is nothing behind a page. One may be shorter than was asked for because the service
-- allows no longer ones: the first page tells how long they can be.
local function is_last(walk, page, total)
  local first = walk.size == nil
  walk.size = math.max(walk.size or 0, #page)
  if #page == 0 then return true end
  if first then return #page < WHOLE and total == #page end
  return #page < walk.size
end

-- The next page of a walk, in the wire's form, with `next`.
local function step(op, walk, place)
  local query = op.copy(walk.query)
  if place then
    query["next.value"], query["next.ID"] = place:match("^(%S*) (.*)$")
  end
  local page, err, answer = op:perform(op.rows.list, {}, query)
  if not page then
    return nil, err
  end
  local total, last = tonumber(op.header(answer, "X-Total-Results")), page[#page]
  local made = matching(page, walk.tests)
  if not is_last(walk, page, total) then
    if type(last.createdAt) ~= "string" then
      return nil, op:protocol_error(answer, "a ticket of the list has no createdAt")
    end
    made.next = last.createdAt .. " " .. last.ID
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

--- One page, last change first. What HelpDesk cannot filter is filtered here, over the whole list,
--- which then is one page.
function list.page(op, _, filter)
  local walk, err = begin(op, filter)
  if not walk then
    if err then return nil, err end
    return op:page({ pages = 0, total = 0 }, filter)
  end
  walk.query.sortBy, walk.query.order = "updatedAt", filter.order or "desc"
  if not walk.exact then
    walk.query.sortBy = "createdAt"
    local found
    found, err = all(op, walk)
    if not found then return nil, err end
    if (filter.page or 1) > 1 then found = {} end
    found.pages, found.total = 1, #found
    return op:page(found, filter)
  end
  walk.query.pageSize, walk.query.page = PAGE, filter.page
  local page, answer
  page, err, answer = op:perform(op.rows.list, {}, walk.query)
  if not page then
    return nil, err
  end
  local made = matching(page, walk.tests)
  made.pages = tonumber(op.header(answer, "X-Total-Pages"))
  made.total = tonumber(op.header(answer, "X-Total-Results"))
  return op:page(made, filter)
end

return list
