-- SPDX-License-Identifier: MIT
-- once: reads the README
-- The README says what the code does: the table of methods comes from the dialect's data, every
-- public name and option is there.
local helper = require "spec.helper"
local livechat = require "livechat"
local v2 = require "livechat.api.v2"

local function read(path)
  local file = assert(io.open(helper.root .. "/" .. path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function add_names(list, fields, prefix, required)
  for name, spec in pairs(fields) do
    local must = required and spec.required
    local inner = spec.type == "list" and spec.of.type == "object" and spec.of
    if spec.type == "object" or inner then
      add_names(list, (inner or spec).fields, prefix .. name .. (inner and "[]." or "."), must)
    else
      list[#list + 1] = (must and "**%s%s**" or "%s%s"):format(prefix, name)
    end
  end
  return list
end

local function names(fields)
  local list = add_names({}, fields, "", true)
  table.sort(list) -- the required ones first
  return table.concat(list, ", ")
end

local ARGUMENT = { query = "filter", fields = "fields" }
local RESOURCES = { "agents", "tickets", "webhooks", "groups", "status", "tags",
  "canned_responses", "chats", "visitors", "goals", "greetings", "reports" }

--- What a method gives, by the answer's kind: a record's name, or the resource's word for a table.
local function returns_of(row, resource)
  local answer = v2.answers[row.returns]
  local record = v2.records[answer.kind] or {}
  local word = record.name and record.name:match("[^.]*$") or resource:gsub("s$", "")
  if answer.page then return "Page" end
  if row.pick or answer.kind and not answer.list then
    return word
  end
  if answer.list then return "list of " .. (record.name and word or resource) end
  return answer.plain and (row.variants and "rows" or "table") or "true, result"
end

local function rows()
  local out = { "| method | call | members of the last argument (**required**) | |",
    "|---|---|---|---|" }
  for _, resource in ipairs(RESOURCES) do
    for _, spec in ipairs(v2.resources[resource]) do
      local arguments = {}
      for name in spec.path:gmatch("{([%w_]+)}") do
        arguments[#arguments + 1] = name
      end
      for kind, word in pairs(ARGUMENT) do
        if spec[kind] then
          arguments[#arguments + 1] = word
        end
      end
      if spec.value then
        arguments[#arguments + 1] = spec.value.name .. (spec.value.spec.of and "s" or "")
      end
      local returns = returns_of(spec, resource)
      out[#out + 1] = ("| `%s:%s(%s)` → %s | %s %s | %s | %s |"):format(resource, spec.name,
        table.concat(arguments, ", "), returns, spec.verb, spec.path,
        names(spec.fields or spec.query or {}), spec.doc)
    end
  end
  return table.concat(out, "\n") .. "\n"
end

describe("the README", function()
  local readme = read("README.md")

  it("has the table of methods that the data gives", function()
    assert.truthy(readme:find(rows(), 1, true), "it should be:\n\n" .. rows())
  end)

  it("names everything public", function()
    for name in pairs(livechat) do
      if name ~= "_VERSION" then
        assert.truthy(readme:find("livechat." .. name, 1, true), name)
      end
    end
  end)

  it("names every option of livechat.new", function()
    local fields = read("lua/livechat/options.lua"):match("@class livechat%.Options\n(.*)$")
    for name in fields:gmatch("%-%-%-@field ([%w_]+)%?") do
      assert.truthy(readme:find("`" .. name .. "[`(]"), name)
    end
  end)

  it("links to nothing that is missing", function()
    for path in readme:gmatch("`(examples/[%w_%.]+)`") do
      assert.truthy(io.open(helper.root .. "/" .. path), path)
    end
  end)
end)

return rows
