-- SPDX-License-Identifier: MIT
--- Every row of the dialect's data, through the client and the local service: a row that is written
--- works.
local helper = require "spec.helper"
local livechat = require "livechat"
local v2 = require "livechat.api.v2"

local client

--- A value that a field's spec takes; of an object what is required in it.
local function sample(spec)
  local kind = spec.type
  if kind == "enum" then return spec.of[1] end
  if kind == "list" then return { sample(spec.of) } end
  if kind == "map" then return {} end
  if kind == "object" then
    local made = {}
    for name, member in pairs(spec.fields) do
      if member.required then made[name] = sample(member) end
    end
    return made
  end
  return ({ string = "sample", email = "sample@example.com", date = "2014-08-18", time = "09:00",
    url = "https://example.org/", integer = spec.min or 1, group = 0, flag = true })[kind]
end

local function samples(fields)
  local made = {}
  for name, spec in pairs(fields) do
    if spec.required then made[name] = sample(spec) end
  end
  for name, spec in pairs(fields) do -- what a list may hold may depend on the field beside it
    local by = spec.allowed_by
    if by and made[name] then made[name] = { by.of[made[by.field]][1] } end
  end
  return made
end

--- Of an update, which requires nothing: one text.
local function change(fields)
  for _, name in ipairs { "subject", "job_title", "text", "name" } do
    if fields[name] then return { [name] = "changed" } end
  end
  return samples(fields)
end

local function row_of(resource, name)
  for _, row in ipairs(v2.resources[resource]) do
    if row.name == name then return row end
  end
end

--- The id of a thing to try the rows with: a new one where it can be made, else one of the list.
local function thing_of(resource)
  local create, list = row_of(resource, "create"), row_of(resource, "list")
  local thing
  if create then
    thing = assert(client[resource]:create(samples(create.fields)))
  elseif list then
    thing = assert(client[resource]:list())[1]
  end
  return thing and (thing.login or thing.id)
end

local function call(resource, row, thing)
  local arguments = {}
  for _ in row.path:gmatch("{") do arguments[#arguments + 1] = thing end
  if row.value then
    arguments[#arguments + 1] = sample(row.value.spec)
  elseif row.name ~= "create" and row.fields then
    arguments[#arguments + 1] = change(row.fields)
  elseif row.fields then
    local fields = samples(row.fields)
    if fields.login then fields.login = "another@example.com" end
    arguments[#arguments + 1] = fields
  end
  return client[resource][row.name](client[resource], (table.unpack or unpack)(arguments))
end

setup(function()
  local sandbox = helper.sandbox { seed = 30, calls = false }
  client = assert(livechat.new { username = sandbox.username, api_key = sandbox.api_key,
    base_url = sandbox.url, throttle = false, retry = false })
end)

teardown(function() helper.cleanup() end)

describe("every row", function()
  for resource, rows in pairs(v2.resources) do
    it("of " .. resource .. " works", function()
      local thing = thing_of(resource)
      local last
      for _, row in ipairs(rows) do
        if row.name == "delete" then
          last = row
        else
          local value, err = call(resource, row, thing)
          assert(value, resource .. ":" .. row.name .. ": " .. tostring(err))
          if row.walk then
            local count = 0
            for _ in client[resource]:each() do count = count + 1 end
            assert.is_true(count > 0)
          end
        end
      end
      if last then assert(call(resource, last, thing)) end
    end)
  end
end)
