-- SPDX-License-Identifier: MIT
--- What the commands share: reading arguments, writing tables.
local json = require "livechat.json"
local text = require "livechat.text"

local cli_text = {}

-- ---- arguments --------------------------------------------------------------------------------

-- How the value of an option is read: nil, and what was expected.
local KINDS = {}

function KINDS.text(value)
  return value ~= "" and value or nil, "must not be empty"
end

function KINDS.number(value)
  local number = tonumber(value)
  return number and number >= 0 and number < math.huge and number or nil, "must be a number"
end

function KINDS.whole(value)
  local number = tonumber(value)
  return number and number >= 1 and number % 1 == 0 and number < 2 ^ 31 and math.floor(number)
    or nil, "must be a whole number from 1"
end

function KINDS.port(value)
  local number = KINDS.whole(value)
  return number and number < 65536 and number or nil, "must be a port"
end

function KINDS.object(value)
  local decoded = json.decode(value)
  return type(decoded) == "table" and json.fold(decoded) or nil, "must be a JSON object"
end

--- One option, at words[i]; the index of the last word that was used.
local function parse_option(known, options, words, i)
  local name, value = words[i]:match("^%-%-([%w-]+)=(.*)$")
  name = name or words[i]:match("^%-%-([%w-]+)$")
  local option = name and known[name]
  if not option then
    return nil, "no such option: " .. words[i]
  elseif option.kind == "flag" then
    options[name] = true
    return not value and i or nil, "--" .. name .. " takes no value"
  elseif not value then
    i = i + 1
    value = words[i]
  end
  if not value then
    return nil, "--" .. name .. " needs a value"
  end
  local read, expected = KINDS[option.kind](value)
  if read == nil then
    return nil, ("--%s %s: %s"):format(name, value, expected)
  elseif option.list then
    options[name] = options[name] or {}
    table.insert(options[name], read)
  else
    options[name] = read
  end
  return i
end

--- Splits words into options and the rest, which `--` begins at the latest.
---@param words string[]
---@param specs { name: string, kind: string, list?: boolean }[]
---@return table|nil options
---@return string[]|string rest where there are no options, what is wrong
function cli_text.parse(words, specs)
  local known, options, rest, i = {}, {}, {}, 1
  for _, spec in ipairs(specs) do
    known[spec.name] = spec
  end
  while i <= #words do
    if words[i] == "--" then
      for j = i + 1, #words do
        rest[#rest + 1] = words[j]
      end
      break
    elseif words[i]:find("^%-.") then
      local problem
      i, problem = parse_option(known, options, words, i)
      if not i then
        return nil, problem
      end
    else
      rest[#rest + 1] = words[i]
    end
    i = i + 1
  end
  return options, rest
end

-- ---- output -----------------------------------------------------------------------------------

local function width_of(value)
  return #value:gsub("[\128-\191]", "")
end

--- Rows of texts as a table for people.
---@param rows string[][] the first is the head
---@return string
function cli_text.table(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i = 1, #row do
      row[i] = text.one_line(row[i])
      widths[i] = math.max(widths[i] or 0, width_of(row[i]))
    end
  end
  for n, row in ipairs(rows) do
    local cells = {}
    for i = 1, #row do
      cells[i] = row[i] .. (" "):rep(widths[i] - width_of(row[i]))
    end
    lines[n] = text.trim_end(table.concat(cells, "  ")) .. "\n"
  end
  return table.concat(lines)
end

--- The beginning of a text, for a cell of a table.
---@param value string
function cli_text.first_line(value)
  value = value:match("^[^\n]*")
  return #value > 100 and text.cut(value, 97) .. "..." or value
end

--- "1 event", "2 events".
---@param n integer
---@param noun string
function cli_text.plural(n, noun)
  return ("%d %s%s"):format(n, noun, n == 1 and "" or "s")
end

return cli_text
