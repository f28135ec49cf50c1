-- SPDX-License-Identifier: MIT
--- The arguments of a command, read by its rows of options. A row of an option: `name`, `kind`
--- (below), `value` (its word in the help), `help`, `list` (may be repeated), `of` (the words of an
--- enum), `from_file` (a text that may come from stdin or a file), `secret` (and only from there).
--- Names are the wire's own, so they may hold dots; `-` and `_` are the same in them.
---
--- A value is whatever follows, also where it begins with a dash: a script writes
--- `--message "$text"` with what a customer said, and `--dry-run` must be a text there, which
--- lua-argparse (0.7.1) reads as an option unless it stands behind `=`; so it is not used.
local json = require "livechat.json"
local options = require "livechat.options"

local args = {}

-- How the value of an option is read: nil, and what was expected.
local KINDS = {}

function KINDS.text(value)
  return value ~= "" and value or nil, "must not be empty"
end

function KINDS.any(value)
  return value
end

function KINDS.number(value)
  local number = value:find("^[%d.]+$") and tonumber(value)
  return number or nil, "must be a number"
end

function KINDS.seconds(value)
  local number = KINDS.number(value)
  return number and number > 0 and number or nil, "must be seconds, more than 0"
end

function KINDS.whole(value)
  local number = value:find("^%d+$") and tonumber(value)
  return number and number >= 1 and number < 2 ^ 31 and math.floor(number) or nil,
    "must be a whole number from 1"
end

function KINDS.port(value)
  local number = KINDS.whole(value)
  return number and number < 65536 and number or nil, "must be a port"
end

function KINDS.object(value)
  local decoded = json.decode(value)
  return type(decoded) == "table" and json.fold(decoded) or nil, "must be a JSON object"
end

function KINDS.json(value)
  local decoded = json.decode(value)
  if decoded == nil then return nil, "must be JSON" end
  return json.fold(decoded)
end

function KINDS.switch(value)
  local read = ({ ["true"] = true, ["1"] = true, ["false"] = false, ["0"] = false })[value]
  return read, "must be true or false"
end

function KINDS.names(value)
  local list = {}
  for name in value:gmatch("[^,%s]+") do
    list[#list + 1] = name
  end
  return #list > 0 and list or nil, "must be names with commas between them"
end

function KINDS.word(value, option)
  for _, word in ipairs(option.of) do
    if word == value then return value end
  end
  return nil, "must be " .. table.concat(option.of, " or ")
end

local function key_of(name)
  return (name:gsub("-", "_"):lower())
end

--- "; did you mean X?", or nothing where no name is near.
---@param name string
---@param names string[]
---@param prefix? string
---@return string
function args.suggestion(name, names, prefix)
  local nearest = options.nearest(name, names)
  return nearest and "; did you mean " .. (prefix or "") .. nearest .. "?" or ""
end

local function no_such(known, name, word)
  local names = {}
  for _, option in pairs(known) do
    names[#names + 1] = option.name
  end
  return "no such option: " .. word .. args.suggestion(name, names, "--")
end

local function read_value(option, value)
  local read, expected = KINDS[option.kind](value, option)
  if read == nil then
    return nil, ("--%s %s: %s"):format(option.name, option.secret and "…" or value, expected)
  end
  return read
end

local function set(given, option, value)
  local name = option.name
  if option.list then
    given[name] = given[name] or {}
    table.insert(given[name], value)
  else
    given[name] = value
  end
end

-- `--no-x` for a switch x, and `--x-file PATH` for a text x that may come from a file.
local function derived(known, name)
  local switch = known[key_of(name:match("^no[-_](.+)$") or "")]
  if switch and switch.kind == "switch" then return switch, "no" end
  local text = known[key_of(name:match("^(.+)[-_]file$") or "")]
  if text and text.from_file then return text, "file" end
end

-- The value of an option at words[i]: true for one that stands alone.
local function value_of(option, how, value, words, i)
  local alone = how == "no" or option.kind == "flag" or option.kind == "switch" and not value
  if alone and value then
    return nil, "--" .. option.name .. " takes no value"
  elseif alone then
    return how ~= "no", i
  elseif value == nil then
    i = i + 1
    value = words[i]
  end
  if value == nil then
    return nil, "--" .. option.name .. " needs a value"
  end
  return value, i
end

-- One option, at words[i]; the index of the last word that was used.
local function parse_option(known, given, words, i, shell)
  local name, value = words[i]:match("^%-%-([%w_.%-]+)=(.*)$")
  name = name or words[i]:match("^%-%-([%w_.%-]+)$")
  local option, how = name and known[key_of(name)], nil
  if name and not option then
    option, how = derived(known, name)
  end
  if not option then
    return nil, no_such(known, name or words[i], words[i]:match("^[^=]*"))
  end
  local problem
  value, problem = value_of(option, how, value, words, i)
  if value == nil then return nil, problem end
  i = problem
  if type(value) == "string" and option.from_file then
    value, problem = shell.text_of(option, value, how)
    if not value then return nil, problem end
  end
  if type(value) == "string" then
    value, problem = read_value(option, value)
    if value == nil then return nil, problem end
  end
  set(given, option, value)
  return i
end

--- Splits words into options and the rest, which `--` begins at the latest.
---@param words string[]
---@param specs { name: string, kind: string, list?: boolean }[]
---@param shell? livechat.Shell for texts that come from files
---@return table|nil options
---@return string[]|string rest where there are no options, what is wrong
function args.parse(words, specs, shell)
  local known, given, rest, i = {}, {}, {}, 1
  for _, spec in ipairs(specs) do
    known[key_of(spec.name)] = spec
  end
  while i <= #words do
    if words[i] == "--" then
      for j = i + 1, #words do
        rest[#rest + 1] = words[j]
      end
      break
    elseif words[i]:find("^%-.") then
      local problem
      i, problem = parse_option(known, given, words, i, shell)
      if not i then
        return nil, problem
      end
    else
      rest[#rest + 1] = words[i]
    end
    i = i + 1
  end
  return given, rest
end

return args
