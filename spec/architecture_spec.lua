-- SPDX-License-Identifier: MIT
-- once: reads the tree
-- docs/architecture.md has a line for every file of the library and the core, and none for a file
-- that is not there.
local helper = require "spec.helper"

--- The names that the page gives, by their folder.
local function listed()
  local folders, folder = {}, nil
  for line in helper.read("docs/architecture.md"):gmatch("[^\n]+") do
    local heading, name = line:match("^## (.*)$"), line:match("^%- `([%w_.]+)` %S")
    if heading then
      folder = heading:match("/$") and heading or nil
      if folder then folders[folder] = {} end
    elseif folder and name then
      assert(not folders[folder][name], folder .. name .. " has two lines")
      folders[folder][name] = true
    end
  end
  return folders
end

--- The files that there are; a .c and its .h are one room.
local function present()
  local folders = {}
  local _, files = helper.run("find lua/livechat csrc -type f ! -name 'test*'")
  for path in files:gmatch("[^\n]+") do
    local folder, name = path:match("^(.*/)([^/]+)$")
    if folder == "csrc/" then name = name:gsub("%.[ch]$", "") end
    folders[folder] = folders[folder] or {}
    folders[folder][name] = true
  end
  return folders
end

describe("docs/architecture.md", function()
  it("has one line for every file, and every line has its file", function()
    local page, tree = listed(), present()
    local wrong = {}
    for folder, names in pairs(tree) do
      for name in pairs(names) do
        if not (page[folder] or {})[name] then wrong[#wrong + 1] = folder .. name .. ": no line" end
      end
    end
    for folder, names in pairs(page) do
      for name in pairs(names) do
        if not (tree[folder] or {})[name] then wrong[#wrong + 1] = folder .. name .. ": no file" end
      end
    end
    table.sort(wrong)
    assert.same({}, wrong)
    assert.truthy(page["lua/livechat/"]["init.lua"] and page["csrc/"].engine)
  end)
end)
