-- SPDX-License-Identifier: MIT
--- Every row of the dialect's data, through the client and the local service over HTTP: a valid
--- call, each field wrong once, each way in which the service was met to write its answers.
local helper = require "spec.helper"
local livechat = require "livechat"
local v2 = require "livechat.api.v2"

local unpack = table.unpack or unpack

local sandbox, client, calls
local made = 0 -- things that must not be there twice

--- What a field must hold that names something of the account, or nothing yet, by its name.
local function known_value(name)
  if name == "login" or name == "tag" then
    made = made + 1
    return name == "login" and ("agent%d@example.com"):format(made) or "tag " .. made
  elseif name == "visitor_id" then
    return client.visitors:list()[1].id
  end
  return ({ author = sandbox.username, agents = { sandbox.username }, agent = sandbox.username,
    timezone = "America/New_York", icon = "example.org/icon.png", state = "chatting" })[name]
end

-- ---- valid values ------------------------------------------------------------------------------

local samples

--- A value that a field's spec takes; of an object what is required in it, or with `whole` all.
local function sample(spec, name, whole)
  local known = known_value(name)
  if known and not (spec.type == "list" and type(known) ~= "table") then return known end
  local kind = spec.type
  if kind == "enum" then return spec.of[1] end
  if kind == "list" then return { sample(spec.of, nil, whole) } end
  if kind == "map" then return whole and { [spec.names[1]] = sample(spec.of, nil, true) } or {} end
  if kind == "object" then return samples(spec.fields, whole) end
  return ({ string = "sample", email = "sample@example.com", date = "2014-08-18", time = "09:00",
    url = "https://example.org/", integer = spec.min or 1, group = 0, flag = true, number = "19.90",
    scalar = "7" })[kind]
end

local function fits(needed, value)
  return type(needed) == "table" and needed[value] or needed == value
end

--- Whether a field may stand, or has to, beside those of one value only.
local function beside(condition, fields)
  for other, needed in pairs(condition or {}) do
    if fields[other] == nil or not fits(needed, fields[other]) then return false end
  end
  return condition ~= nil
end

--- What is required of a set of fields, or with `whole` all that may stand together.
function samples(fields, whole)
  local value = {}
  for name, spec in pairs(fields) do
    if spec.required or whole and not spec.only_with and not spec.required_with then
      value[name] = sample(spec, name, whole)
    end
  end
  for name, spec in pairs(fields) do
    if beside(spec.required_with, value) or whole and beside(spec.only_with, value) then
      value[name] = sample(spec, name, whole)
    end
    local by = spec.allowed_by
    if by and value[name] then value[name] = { by.of[value[by.field]][1] } end
  end
  return value
end

-- ---- wrong values ------------------------------------------------------------------------------

local WRONG = { email = "none", date = "2014-02-30", time = "25:00", url = "ftp://x", enum = "?",
  integer = 1.5, group = -1, flag = "maybe", number = "1,5", scalar = {}, list = "x", map = "x",
  object = "x" }

local function wrong_value(spec)
  if spec.type ~= "string" then return WRONG[spec.type] end
  return spec.min and "" or spec.one_line and "a\nb" or 5
end

--- Every way in which one field of a set is wrong: a list of { path, fields }.
local function wrongs(fields, into, prefix, put)
  for name, spec in pairs(fields) do
    local function add(path, value)
      into[#into + 1] = { path, put(name, value) }
    end
    add(prefix .. name, wrong_value(spec))
    if spec.required then into[#into + 1] = { prefix .. name, put(name, nil), missing = true } end
    local inner = spec.type == "list" and spec.of
    if inner and inner.type ~= "object" then
      add(prefix .. name .. "[1]", { wrong_value(inner) })
    elseif inner or spec.type == "object" then
      local part = samples((inner or spec).fields)
      wrongs((inner or spec).fields, into, prefix .. name .. (inner and "[1]." or "."),
        function(member, value)
          local copy = {}
          for key, each in pairs(part) do copy[key] = each end
          copy[member] = value
          return put(name, inner and { copy } or copy)
        end)
    end
  end
  into[#into + 1] = { prefix .. "no_such_field", put("no_such_field", 1) }
  return into
end

local function wrong_calls(fields)
  local base = samples(fields)
  return wrongs(fields, {}, "", function(name, value)
    local copy = {}
    for key, each in pairs(base) do copy[key] = each end
    copy[name] = value
    return copy
  end)
end

-- ---- calls -------------------------------------------------------------------------------------

local function row_of(resource, name)
  for _, row in ipairs(v2.resources[resource]) do
    if row.name == name then return row end
  end
end

local function id_of(thing)
  return thing and (thing.login or thing.id or thing.name)
end

--- The id of a thing to try the rows with: a new one where it can be made, else one of the list.
local function thing_of(resource)
  local create, list = row_of(resource, "create"), row_of(resource, "list")
  if create then return id_of(assert(client[resource]:create(samples(create.fields)))) end
  return list and id_of(assert(client[resource]:list())[1])
end

--- Of an update, which requires nothing: one text, one list.
local function change(fields)
  for _, name in ipairs { "subject", "job_title", "text", "name" } do
    if fields[name] then return { [name] = "changed" } end
  end
  return samples(fields)
end

--- The arguments in front of the last one.
local function ids_of(row, thing)
  local arguments = {}
  for _ in row.path:gmatch("{") do arguments[#arguments + 1] = thing end
  return arguments
end

local function call(resource, row, arguments, last)
  arguments[#arguments + 1] = last
  return client[resource][row.name](client[resource], unpack(arguments))
end

local function last_of(row, whole)
  if row.value then return sample(row.value.spec, row.value.name) end
  if row.fields and row.name == "update" then return change(row.fields) end
  if row.fields then return samples(row.fields, whole) end
  return row.query and samples(row.query, whole) or nil
end

--- Every row of a resource, those with variants by each of them: function(row, thing or name).
local function each_row(resource, thing, visit)
  local last
  for _, row in ipairs(v2.resources[resource]) do
    if row.variants then
      for name, variant in pairs(row.variants.of) do
        visit(setmetatable({ path = row.path }, { __index = variant }), name)
      end
    elseif row.name == "delete" then
      last = row
    elseif row.defaults then
      visit(row, row.defaults.group)
    else
      visit(row, thing)
    end
  end
  if last then visit(last, thing) end
end

local function try(resource, thing)
  each_row(resource, thing, function(row, id)
    local what = resource .. ":" .. row.name .. " " .. tostring(id)
    local value, err = call(resource, row, ids_of(row, id), last_of(row))
    assert(value, what .. ": " .. tostring(err))
    if type(value) == "userdata" then
      assert.matches("^livechat%.%u%a+: .", tostring(value))
      assert.is_table(value:totable())
      assert.is_table(value:raw())
    end
    if row.walk then
      local count = 0
      for _ in client[resource]:each() do count = count + 1 end
      assert.is_true(count > 0)
    end
  end)
end

local function connect(given)
  given.seed, given.calls = 30, false
  sandbox, calls = helper.sandbox(given), 0
  client = assert(livechat.new { username = sandbox.username, api_key = sandbox.api_key,
    base_url = sandbox.url, throttle = false, retry = false,
    on_attempt = function() calls = calls + 1 end })
end

teardown(function() helper.cleanup() end)

describe("every row", function()
  setup(function() connect {} end)

  for resource in pairs(v2.resources) do
    it("of " .. resource .. " works", function()
      try(resource, thing_of(resource))
    end)

    it("of " .. resource .. " takes every filter together", function()
      each_row(resource, nil, function(row, id)
        if row.query then
          local value, err = call(resource, row, ids_of(row, id), samples(row.query, true))
          assert(value, resource .. ":" .. row.name .. ": " .. tostring(err))
        end
      end)
    end)

    it("of " .. resource .. " names each field that is wrong, and sends nothing", function()
      each_row(resource, "id", function(row, id)
        local fields = row.fields or row.query
        for _, case in ipairs(fields and wrong_calls(fields) or {}) do
          local before = calls
          local value, err = call(resource, row, ids_of(row, id), case[2])
          local what = resource .. ":" .. row.name .. " " .. case[1]
          assert.is_nil(value, what)
          assert.equal("invalid", err.kind, what)
          local inside = case.missing and err.field:find(case[1] .. ".", 1, true) == 1
          assert(inside or err.field == case[1], what .. ": " .. err.field)
          assert.equal(before, calls, what)
        end
      end)
    end)
  end
end)

for _, given in ipairs { { variants = "objects", wrapper = true }, { variants = "strings" },
  { variants = "php" }, { variants = "gaps", wrapper = true } } do
  describe("every row, where the service answers " .. given.variants, function()
    setup(function() connect(given) end)

    for resource in pairs(v2.resources) do
      it("of " .. resource, function() try(resource, thing_of(resource)) end)
    end
  end)
end
