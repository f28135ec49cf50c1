-- SPDX-License-Identifier: MIT
-- What v3 alone knows: beside the stores' records, kept as long as they are.
local extras = {}

--- v3's state. `pages` has the questions that a page_id stands for, `files` what was uploaded last,
-- by its URL.
function extras.new()
  return { extras = setmetatable({}, { __mode = "k" }), hooks = {}, disabled = {},
    pages = {}, page_bytes = 0, first_page = 1, page_count = 0, company = {}, bans = {},
    domains = {}, phrases = {}, files = {}, file_count = 0 }
end

--- What v3 knows beside a record: an agent, a group or a chat.
---@param record table
---@return table
function extras.of(service, record)
  local all = service.v3.extras
  if not all[record] then all[record] = {} end
  return all[record]
end

return extras
