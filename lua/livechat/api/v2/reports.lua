-- SPDX-License-Identifier: MIT
--- What reports of API version 2 need besides data: their rows.
local json = require "livechat.json"
local list_of = require "livechat.api.read".list

local reports = {}

-- What is no number although it may look like one.
local TEXTS = { name = true, login = true, begin = true, ["end"] = true, date = true }

-- Numbers that came as text become numbers.
local function with_numbers(value, name)
  if type(value) == "table" then
    local made = json.is_array(value) and json.array {} or {}
    for key, member in pairs(value) do
      made[key] = with_numbers(member, key)
    end
    return made
  elseif type(value) == "string" and not TEXTS[name] and #value < 40
    and value:find("^%-?%d+%.?%d*$") then
    return json.integer(tonumber(value))
  end
  return value
end

-- A label of a row: an hour of one day ("09:00"), an hour, a day, a month, or a number.
local function is_date(label)
  return label:find("^%d%d:%d%d$") or label:find("^%d%d%d%d%-%d%d$")
    or label:find("^%d%d%d%d%-%d%d%-%d%d$") or label:find("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d$")
    or label:find("^%d+$")
end

local function earlier(a, b)
  local x, y = tonumber(a), tonumber(b)
  if x and y and x ~= y then
    return x < y
  end
  return a < b
end

--- The rows of a report, in the order of their dates: each has the members of the answer, a number
--- that stands alone as `value`, and `date`, which is the answer's own name for the row. What the
--- answer has besides rows stands by its name beside them. A list keeps its order.
---@param decoded table without nulls
---@return table
function reports.rows(decoded)
  local rows, labels = json.array {}, {}
  if decoded[1] ~= nil or json.is_array(decoded) then
    return with_numbers(decoded)
  end
  local ranking = list_of(decoded.ranking)
  if ranking then
    rows = json.array(with_numbers(ranking))
  end
  for label, value in pairs(decoded) do
    if is_date(label) then
      labels[#labels + 1] = label
    elseif label ~= "ranking" or not ranking then
      rows[label] = with_numbers(value, label)
    end
  end
  table.sort(labels, earlier)
  for i, label in ipairs(labels) do
    local row = with_numbers(decoded[label], "")
    if type(row) ~= "table" then
      row = { value = row }
    end
    row.date = label
    rows[i] = row
  end
  return rows
end

--- Reads a report.
function reports.get(operation, _, query)
  local decoded, err = operation:result(operation.row, {}, query)
  if not decoded then
    return nil, err
  end
  return reports.rows(decoded)
end

return reports
