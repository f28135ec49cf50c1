-- SPDX-License-Identifier: MIT
-- once: makes a locale, for every Lua
--- A program that changes its locale.
local helper = require "spec.helper"

describe("a host that changes its locale", function()
  teardown(helper.cleanup)

  -- cjson reads no fraction after a change to a locale with a decimal comma, and neither did
  -- Retry-After in Lua 5.1 and 5.2.
  it("is followed, in every Lua", function()
    local folder = helper.folder()
    local status = helper.run("localedef -i de_DE -f UTF-8 " .. folder .. "/de_DE.UTF-8")
    if status ~= 0 then
      pending("no localedef, or no source of a locale")
      return
    end
    local script = folder .. "/comma.lua"
    helper.write(script, [[
      local json, retry = require "livechat.json", require "livechat.call.retry"
      assert(json.decode("[0.5]")[1] == 0.5)
      assert(os.setlocale("de_DE.UTF-8"))
      assert(assert(json.decode("[0.5]"))[1] == 0.5)
      assert(retry.retry_after { retry_after = "0.25", now = 0 } == 0.25)
      assert(json.encode { 1.5 } == "[1.5]")
      assert(os.setlocale("C"))
      assert(assert(json.decode("[0.5]"))[1] == 0.5)
      assert(json.decode("[0,5") == nil)
    ]])
    for _, version in ipairs(helper.lua_versions()) do
      local argv = helper.lua_argv(version, script)
      for i, word in ipairs(argv) do argv[i] = helper.quote(word) end
      local code, output = helper.run("LOCPATH=" .. helper.quote(folder) .. " " ..
        table.concat(argv, " "))
      assert.equal(0, code, version .. ": " .. output)
    end
  end)
end)
