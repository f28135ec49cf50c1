-- SPDX-License-Identifier: MIT
--- A page of a list, as a method gives it: the things, the counts, the way to the next one.
local errors = require "livechat.errors"
local json = require "livechat.json"
local record = require "livechat.api.record"

local page = {}

---@class livechat.Page
---@field page integer
---@field pages integer|nil
---@field total integer|nil
local Page = {}
Page.__index = Page

-- By page: the method that it was listed with, on what, the filter, and how its list is known.
local origins = setmetatable({}, { __mode = "k" })

--- What is told of the rest of a list that cannot be had.
---@param row table with `reach`
---@param total number items that the list has
---@return livechat.Error
function page.beyond_reach(row, total)
  return errors.new {
    kind = "rejected", outcome = "refused", method = row.verb, path = row.path,
    message = ("the list has %.0f items, and the service shows no more than %d: ask for less, with "
      .. "%s"):format(total, row.reach.most, table.concat(row.reach.split, " and ")),
  }
end

local function same_list(a, b)
  for i = 1, math.max(#a, #b) do
    if a[i] ~= b[i] then
      return false
    end
  end
  return true
end

--- The page after this one; nil after the last, nil and an error where it cannot be had.
---@return livechat.Page|nil page
---@return livechat.Error|nil err
function Page:next()
  local origin = origins[self]
  local reach = origin.row.reach
  if reach and (self.total or 0) > reach.most and self.page >= (self.pages or math.huge) then
    return nil, page.beyond_reach(origin.row, self.total)
  end
  if #self == 0 or self.pages and self.page >= self.pages or origin.cursor and not origin.token then
    return nil
  end
  local filter = record.copy(origin.filter)
  if origin.cursor then
    filter[origin.cursor] = origin.token
  else
    filter.page = self.page + 1
  end
  local after, err = origin.list(origin.resource, filter)
  if after and not self.pages and same_list(after, self) then
    return nil -- a service that does not know pages answers the same to every one
  end
  return after, err
end

--- A plain table in the form of the service's answer, ready for cjson.encode: the counts, and the
--- items under their name.
function Page:totable()
  local items = json.array {}
  for i, item in ipairs(self) do
    items[i] = type(item) == "userdata" and item:totable() or record.copy(item)
  end
  return { page = self.page, pages = self.pages, total = self.total, [origins[self].name] = items }
end

function Page:__tostring()
  local text = ("livechat.Page: %d %s, page %.0f"):format(#self, origins[self].name, self.page)
  return text .. (self.pages and (" of %.0f"):format(self.pages) or "")
    .. (self.total and (", %.0f in all"):format(self.total) or "")
end

--- Makes a list of things the page that it is.
---@param here { methods: table, resource: table } of the client's resource
---@param op livechat.Operation which was answered
---@param value table what the reader found: the counts, and the next one's token
---@param filter table that was asked for
---@param made table the things
---@return livechat.Page
function page.of(here, op, value, filter, made)
  local row, answer = op.row, op.dialect.api.answers[op.row.returns]
  made.page = filter.page or 1
  made.pages, made.total = value.pages, value.total
  origins[made] = { list = here.methods[row.name], resource = here.resource, filter = filter,
    row = row, name = answer.within or "items", cursor = row.cursor, token = value.next }
  return setmetatable(made, Page)
end

return page
