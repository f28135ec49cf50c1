-- SPDX-License-Identifier: MIT
--- The example in a command's help: a call that works, made from the row's own data, so that a row
--- that is added has one.
local fields = require "livechat.cli.fields"
local json = require "livechat.json"

local examples = {}

local SAMPLE = { email = "a@example.com", date = "2024-08-18", time = "09:00",
  url = "https://example.org/", integer = 1, number = 1, group = 0, flag = true, boolean = true }

-- Of a list of texts that only names can tell from others.
local NAMED = { agents = "a@example.com" }

local sample

local function has(set, value)
  return set == value or type(set) == "table" and set[value] ~= nil
end

-- Of an object what it cannot be without, as far as the first words of its enums decide that.
local function sample_object(specs)
  local made = {}
  for name, spec in pairs(specs or {}) do
    if spec.required then made[name] = sample(spec) end
  end
  for name, spec in pairs(specs or {}) do
    for other, value in pairs(spec.required_with or {}) do
      if made[other] ~= nil and has(value, made[other]) then made[name] = sample(spec) end
    end
  end
  return made
end

--- A value that a field takes.
function sample(spec)
  if spec.type == "enum" then return spec.of[1] end
  if spec.type == "list" then return json.array { sample(spec.of) } end
  if spec.type == "object" then return sample_object(spec.fields) end
  return SAMPLE[spec.type] or "text"
end

local function quoted(value)
  return value:find("^[%w@.:/_-]+$") and value or "'" .. value:gsub("'", "'\\''") .. "'"
end

-- Whether a call without the option cannot be, by itself or by what another field's sample says.
local function is_needed(option, specs)
  if option.required then return true end
  for other, value in pairs(option.spec.required_with or {}) do
    local beside = specs[other]
    if beside and beside.required and has(value, sample(beside)) then return true end
  end
  return false
end

-- What follows an option that is needed.
local function value_of(option, specs)
  local spec = option.spec
  if NAMED[option.name] then return NAMED[option.name] end
  local by = spec.allowed_by and specs[spec.allowed_by.field]
  if by and by.of then return quoted(spec.allowed_by.of[by.of[1]][1]) end
  local value = sample(option.list and spec.of or spec)
  return quoted(type(value) == "table" and json.encode(value, true)
    or type(value) == "number" and ("%d"):format(value) or tostring(value))
end

-- The words for a method's arguments: those that must stand there.
local function argument(row, name)
  local of = row.variants and row.variants.by == name and row.variants.of
  if not of then return name:upper() end
  local first
  for each in pairs(of) do
    if not first or each < first then first = each end
  end
  return first
end

-- What a call that needs no option is made for, the first of these that there is.
local MADE_FOR = { "subject", "name", "text", "group" }

local function addition(row, specs)
  if row.walk then return next(specs) and "--all --jsonl" end
  for _, name in ipairs(row.verb ~= "GET" and row.fields and MADE_FOR or {}) do
    if specs[name] then
      return "--" .. name .. " " .. value_of({ name = name, spec = specs[name] }, specs)
    end
  end
end

--- A call of a command with what it needs and one thing more.
---@param command livechat.Command
---@return string
function examples.of(command)
  local row = command.row
  local specs = row.query or row.fields or {}
  local words, needs = { "livechat", command.name }, false
  for i = 1, command.needed do words[#words + 1] = argument(row, command.names[i]) end
  if row.value then
    words[#words + 1] = row.value.spec.type == "list" and "vip" or tostring(sample(row.value.spec))
  end
  for _, option in ipairs(fields.options(specs)) do
    if is_needed(option, specs) then
      needs = true
      words[#words + 1] = "--" .. option.name .. " " .. value_of(option, specs)
    end
  end
  words[#words + 1] = not needs and addition(row, specs) or nil
  return table.concat(words, " ")
end

return examples
