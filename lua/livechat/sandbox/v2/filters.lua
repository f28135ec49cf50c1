-- SPDX-License-Identifier: MIT
-- The filters of a list in a query, as one predicate. A maker takes the parameter's value and the
-- service and gives a predicate, or nil and what is wrong with the value.
local json = require "livechat.json"
local dates = require "livechat.sandbox.dates"
local checks = require "livechat.sandbox.v2.checks"

local filters = {}

--- Whether a text holds another, whatever the case of its ASCII letters.
function filters.holds(text, part)
  return type(text) == "string" and text:lower():find(part, 1, true) ~= nil
end

function filters.flag(test)
  return function(value)
    if value ~= "0" and value ~= "1" then return nil, "must be 0 or 1" end
    local wanted = value == "1"
    return function(record) return test(record) == wanted end
  end
end

function filters.text(test)
  return function(value)
    if type(value) ~= "string" then return nil, "must be a text" end
    return function(record) return test(record, value) end
  end
end

--- A text that a record's own text must be, whatever the case of its ASCII letters.
function filters.same(read)
  return filters.text(function(record, value)
    local own = read(record)
    return own ~= nil and own:lower() == value:lower()
  end)
end

function filters.known(values, test)
  return function(value)
    if not checks.contains(values, value) then return nil, "is not known" end
    return function(record) return test(record, value) end
  end
end

function filters.query(in_text)
  return function(value)
    if type(value) ~= "string" then return nil, "must be a text" end
    local part = value:lower()
    return function(record) return in_text(record, part) end
  end
end

function filters.group(value, service)
  local id, message = checks.group(value, service)
  if not id then return nil, message end
  return function(record) return checks.contains(record.groups, id) end
end

--- A list in brackets, one of which a record must have.
function filters.any_of(name, test)
  return function(value)
    if not json.is_array(value) then return nil, "must be given as " .. name .. "[]" end
    return function(record)
      for _, each in ipairs(value) do
        if test(record, each) then return true end
      end
      return false
    end
  end
end

function filters.tagged(record, tag)
  return checks.contains(record.tags, tag)
end

--- Reads a day's parameter.
---@param zone table|nil of zones.lua; nil for UTC
---@return integer|nil first the day's first second
---@return integer|nil after the first second after it
function filters.day(query, name, zone, errors)
  if query[name] == nil then return nil end
  local day = type(query[name]) == "string" and dates.day(query[name])
  if not day then
    errors[#errors + 1] = name .. " must be a day, YYYY-MM-DD"
    return nil
  end
  if not zone then return day, day + 86400 end
  return zone.epoch(day), zone.epoch(day + 86400)
end

--- Reads the filters of a decoded query.
---@param makers table<string, fun(value: any, service: table): function|nil, string|nil>
---@param between fun(from: number, to: number): function
---@param zone table|nil
---@return fun(record: table): boolean|nil matches nil where there is no filter, or after an error
---@return string|nil key the same text for the same filters
---@return string[]|nil errors
function filters.read(service, query, makers, between, zone)
  local tests, key, errors = {}, {}, json.array()
  for name, make in pairs(makers) do
    if query[name] ~= nil then
      local test, message = make(query[name], service)
      if not test then errors[#errors + 1] = name .. " " .. message end
      tests[#tests + 1] = test
      key[#key + 1] = { name, query[name] }
    end
  end
  local from = filters.day(query, "date_from", zone, errors)
  local _, to = filters.day(query, "date_to", zone, errors)
  if from or to then
    tests[#tests + 1] = between(from or -math.huge, to or math.huge)
    key[#key + 1] = { "dates", from or "", to or "" }
  end
  table.sort(errors)
  if #errors > 0 then return nil, nil, errors end
  if #tests == 0 then return nil end
  table.sort(key, function(a, b) return a[1] < b[1] end)
  return function(record)
    for i = 1, #tests do
      if not tests[i](record) then return false end
    end
    return true
  end, json.encode(key)
end

return filters
