-- SPDX-License-Identifier: MIT
--- Writes docs/reference.md from the dialects' data: every method, every field and filter with its
--- values, every record's members, every event.
---
---     eval "$(make -s env LUA_VERSION=5.4)" && lua5.4 tools/reference.lua
package.path = "./?.lua;" .. package.path
local dialects = require "tools.dialects"

local HEAD = [[
# Reference: methods, fields, records

*Written by `make pages` from the dialects' data, `lua/livechat/api/`, on which the library itself
runs; do not edit it.*

The names are the service's own. In a path such as `requester.mail` each dot is a table inside a
table: `{ requester = { mail = "mary@example.com" } }`. A field that is not in these tables is
refused before anything is sent, with an error of kind `invalid` whose `field` is the name. A member
of a record that is not in these tables comes through as the service sent it. JSON's `null` is an
absent field.
]]

local function row_of(...)
  return "| " .. table.concat({ ... }, " | ") .. " |"
end

-- How the APIs that a client speaks consist of dialects.
local TITLES = {
  v2 = 'Version 2: `api = "v2"`', v3 = 'Today\'s APIs: `api = "v3"`',
  helpdesk = 'Tickets of today\'s APIs: `api = "v3"`, on HelpDesk',
}

-- A row without a path makes calls of other rows, one without a verb posts an action.
local function call_of(row)
  return row.path and ((row.verb or "POST") .. " " .. row.path) or "several calls"
end

local function methods(out, api, resource)
  local function add(text) out[#out + 1] = text end
  add(("### %s: client.%s\n"):format(api.name, resource))
  add(row_of("method", "gives", "call", "") .. "\n|---|---|---|---|")
  for _, row in ipairs(api.resources[resource]) do
    local arguments = table.concat(dialects.arguments(row), ", ")
    add(row_of(("`%s:%s(%s)`"):format(resource, row.name, arguments),
      (dialects.returns(api, row)), call_of(row), row.doc or ""))
    if row.walk then
      local each = dialects.returns(api, row):gsub("^Page of ", "")
      add(row_of(("`%s:each(%s)`"):format(resource, arguments), "iterator of " .. each,
        call_of(row) .. ", page by page", "each one of the whole list, once"))
      if row.moments and row.moments.created then
        add(row_of(("`%s:watch(options)`"):format(resource), "iterator of " .. each,
          call_of(row) .. ", every `poll` seconds",
          "each new one, once over restarts: [watching](webhooks.md#without-webhooks)"))
      end
    end
  end
  for _, row in ipairs(api.resources[resource]) do
    local fields = dialects.fields(row.fields or row.query)
    if row.value then
      fields = dialects.fields { [row.value.name .. "s"] = row.value.spec }
    end
    for _, option in ipairs(dialects.fields(row.options)) do
      option.text = option.text .. ", in a table of its own at the end"
      fields[#fields + 1] = option
    end
    if #fields > 0 then
      add(("\n**`%s:%s`**\n"):format(resource, row.name))
      add(row_of(dialects.arguments(row).last or "", "value") .. "\n|---|---|")
      for _, field in ipairs(fields) do add(row_of("`" .. field.name .. "`", field.text)) end
    end
  end
  add("")
end

local function record(out, api, kind)
  local data = api.records[kind]
  out[#out + 1] = ("### %s: %s\n"):format(api.name, (kind:gsub("_", " ")))
  if data.name then
    out[#out + 1] = ("`%s`, known by its `%s`.\n"):format(data.name, data.id)
  end
  out[#out + 1] = row_of("member", "value") .. "\n|---|---|"
  for _, name in ipairs(dialects.names(data.members)) do
    out[#out + 1] = row_of("`" .. name .. "`", (dialects.reading(api, data.members[name])))
  end
  out[#out + 1] = ""
end

local function events(out, api)
  local data = api.events.data_types
  out[#out + 1] = ("### %s: events\n"):format(api.name)
  out[#out + 1] = row_of("`event.type`", "it may carry") .. "\n|---|---|"
  for _, name in ipairs(dialects.names(api.events.names)) do
    local carries = type(data) == "table" and data[name]
    local ours = (api.events.ours or {})[name]
    out[#out + 1] = row_of((ours and "`" .. ours .. "` or " or "") .. "`" .. name .. "`",
      type(carries) == "table" and "`" .. table.concat(carries, "` `") .. "`" or "")
  end
  out[#out + 1] = ""
end

--- The whole page.
local function page()
  local out = { HEAD }
  for _, api in ipairs(dialects.all()) do
    out[#out + 1] = ("## %s\n"):format(TITLES[api.name] or api.name)
    for _, resource in ipairs(dialects.names(api.resources)) do methods(out, api, resource) end
    for _, kind in ipairs(dialects.names(api.records)) do record(out, api, kind) end
    if api.events and api.events.names then events(out, api) end
  end
  return (table.concat(out, "\n"):gsub("\n+$", "\n"))
end

if arg and arg[0] and arg[0]:find("tools/reference%.lua$") then
  local text = page() -- before the file is emptied
  local file = assert(io.open("docs/reference.md", "w"))
  file:write(text)
  file:close()
end

return page
