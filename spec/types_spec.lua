-- SPDX-License-Identifier: MIT
-- once: compares two descriptions of one library
-- library/livechat.lua and docs/reference.md are what the tools write, and what the definitions say
-- is what runs.
package.path = "./?.lua;" .. package.path
local definitions = require "tools.types"
local dialects = require "tools.dialects"
local errors = require "livechat.errors"
local helper = require "spec.helper"
local livechat = require "livechat"
local record = require "livechat.api.record"
local reference = require "tools.reference"

local TEXT = helper.read("library/livechat.lua")

--- The functions of a class, as the definitions name them.
local function functions_of(class)
  local names = {}
  for name in TEXT:gmatch("\nfunction " .. class .. "[.:]([%w_]+)%(") do names[name] = true end
  return names
end

local function functions_in(owner)
  local names = {}
  for name, value in pairs(owner) do
    if type(value) == "function" and not name:find("^__") then names[name] = true end
  end
  return names
end

local function camel(name)
  return (("_" .. name):gsub("_(%w)", string.upper))
end

describe("the definitions for the language server", function()
  it("are what `make pages` writes, as docs/reference.md is", function()
    assert.truthy(definitions() == TEXT, "library/livechat.lua is out of date: make pages")
    assert.truthy(reference() == helper.read("docs/reference.md"),
      "docs/reference.md is out of date: make pages")
  end)

  it("are Lua, and name no class that they do not define", function()
    assert(loadfile("library/livechat.lua"))
    local defined = {}
    for name in TEXT:gmatch("%-%-%-@class (livechat%.%u%w*)") do defined[name] = true end
    for name in TEXT:gmatch("%-%-%-@alias (livechat%.%u%w*)") do defined[name] = true end
    for name in TEXT:gmatch("livechat%.%u%w*") do assert.truthy(defined[name], name) end
  end)

  it("have every function of the module and the client, and no other", function()
    assert.same(functions_in(livechat), functions_of "livechat")
    local client = livechat.new { username = "u", api_key = "k", base_url = "http://127.0.0.1:1" }
    local own = {}
    for name in helper.read("lua/livechat/client.lua"):gmatch("\nfunction Client:(%l[%w_]*)%(") do
      assert.is_function(client[name], name)
      own[name] = true
    end
    client:close()
    assert.same(own, functions_of "Client")
    local receiver = livechat.receiver { token = "t" }
    for name in pairs(functions_of "Receiver") do assert.is_function(receiver[name], name) end
    for _, name in ipairs { "on", "handle", "drain", "run", "stats" } do
      assert.is_true(functions_of("Receiver")[name], name)
    end
  end)

  it("have every method of every resource", function()
    for _, api in ipairs(dialects.all()) do
      for resource, rows in pairs(api.resources) do
        local names = functions_of(camel(resource))
        for _, row in ipairs(rows) do
          assert.is_true(names[row.name], resource .. ":" .. row.name)
          if row.walk then assert.is_true(names.each, resource .. ":each") end
        end
        local field = "---@field " .. resource .. " livechat." .. camel(resource)
        assert.truthy(TEXT:find(field, 1, true), field)
      end
    end
  end)

  it("have every method and member of every record", function()
    local had = {} -- by class: the methods that a record of it has in some dialect
    for _, api in ipairs(dialects.all()) do
      for kind, data in pairs(api.records) do
        if data.name then
          local made = record.of(api, kind, { [data.id] = "1" })
          had[data.name] = had[data.name] or {}
          for name in pairs(functions_of(data.name:match "[^.]*$")) do
            had[data.name][name] = had[data.name][name] or type(made[name]) == "function"
          end
          for _, name in ipairs(data.methods or {}) do
            assert.is_true(functions_of(data.name:match "[^.]*$")[name], name)
          end
        end
        for name in pairs(kind ~= "event" and data.members or {}) do
          local class = TEXT:match("%-%-%-@class " .. dialects.class(api, kind):gsub("%.", "%%.")
            .. "\n(%-%-%-@field.-)\n\n")
          assert.truthy(class and class:find("@field " .. name .. "? ", 1, true),
            kind .. "." .. name)
        end
      end
    end
    for class, names in pairs(had) do
      for name, is_there in pairs(names) do assert.is_true(is_there, class .. ":" .. name) end
    end
  end)

  it("have every kind of error", function()
    local list = TEXT:match("@alias livechat%.ErrorKind\n(.-)\n\n")
    local known = 0
    for kind in list:gmatch('| "([%w_]+)"') do
      assert.equal(kind, errors.new { kind = kind, message = "x" }.kind)
      known = known + 1
    end
    local source = helper.read("lua/livechat/errors.lua"):match("local KINDS = (%b{})")
    assert.equal(select(2, source:gsub("= true", "")), known)
  end)
end)
