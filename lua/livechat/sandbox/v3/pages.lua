-- SPDX-License-Identifier: MIT
-- Pages of v3's lists. A page_id stands for a whole question and the place of a row in its order,
-- so that it comes alone. It lives a month, or until newer ones take more room than there is.
local base64 = require "livechat.sandbox.base64"

local pages = {}

local MOST, MONTH = 2 ^ 25, 30 * 86400 -- bytes of questions as they were sent; seconds

local function id_of(count)
  return base64.encode(("%d"):format(1517398131000 + count))
end

local ROOM = 512 -- what a page takes besides its question

local function keep(service, page, now)
  local state = service.v3
  state.page_count = state.page_count + 1
  local id = id_of(state.page_count)
  page.ends = now + MONTH
  state.pages[id], state.page_bytes = page, state.page_bytes + page.bytes + ROOM
  while state.page_bytes > MOST and state.first_page < state.page_count do
    local oldest = id_of(state.first_page)
    state.page_bytes = state.page_bytes - state.pages[oldest].bytes - ROOM
    state.pages[oldest], state.first_page = nil, state.first_page + 1
  end
  return id
end

--- The question and the place that a call asks for.
---@param action string
---@param with string|nil a member that may stand beside page_id
---@return table|nil fields
---@return table|string|nil place nil for the first page or, without fields, an error's type
---@return string|nil message
function pages.read(service, call, action, with)
  local id = call.fields.page_id
  if not id then return call.fields end
  for name in pairs(call.fields) do
    if name ~= "page_id" and name ~= with then
      return nil, "validation", ("`%s` is not allowed with `page_id`"):format(name)
    end
  end
  local page = service.v3.pages[id]
  if not page or page.action ~= action or page.ends <= call.now
    or with and call.fields[with] and call.fields[with] ~= page.fields[with] then
    return nil, "validation", "`page_id` is not valid"
  end
  return page.fields, page
end

local function before(a, b, ascending)
  if not ascending then a, b = b, a end
  if a.time ~= b.time then return a.time < b.time end
  return a.id < b.id
end

--- Sorts rows and takes a page of them.
---@param rows table[] { time=, id=, … }, no two alike
---@param question table { action=, fields=, ascending=, limit=, bytes=<of the first request> }
---@param place table|nil from `read`
---@return table[] shown
---@return string|nil next_page_id
---@return string|nil previous_page_id
function pages.cut(service, rows, question, place, now)
  local ascending, limit, from = question.ascending, question.limit, 1
  table.sort(rows, function(a, b) return before(a, b, ascending) end)
  if place and place.backwards then -- the last rows before the place
    local to = 0
    while rows[to + 1] and before(rows[to + 1], place, ascending) do to = to + 1 end
    from = math.max(1, to - limit + 1)
    limit = to - from + 1
  elseif place then
    while rows[from] and not before(place, rows[from], ascending) do from = from + 1 end
  end
  local shown = {}
  for i = from, math.min(#rows, from + limit - 1) do shown[#shown + 1] = rows[i] end
  local function page(row, backwards)
    return keep(service, { action = question.action, fields = question.fields, time = row.time,
      id = row.id, backwards = backwards, bytes = place and place.bytes or question.bytes }, now)
  end
  local first, last = shown[1], shown[#shown]
  return shown, last and from + #shown <= #rows and page(last, false) or nil,
    first and from > 1 and page(first, true) or nil
end

return pages
