-- SPDX-License-Identifier: MIT
local livechat = require "livechat"
local options = require "livechat.options"

local is = options.is

describe("options.check", function()
  local RULES = {
    calls = is.whole, path = { is.path "a path", without = "redis" },
    mode = { is.permissions, with = "path" }, redis = is.redis,
  }

  it("finds nothing where nothing is wrong", function()
    assert.is_nil(options.check(RULES, {}))
    assert.is_nil(options.check(RULES, { calls = 1, path = "x", mode = "0660" }))
  end)

  it("names the option at fault and what is wrong with it", function()
    for _, case in ipairs {
      { { calls = 0 }, "calls", "a whole number from 1 expected" },
      { { calls = 1.5 }, "calls", "a whole number from 1 expected" },
      { { mode = "0660" }, "mode", "only with path" },
      { { mode = "0999", path = "x" }, "mode",
        'octal permission bits in a string expected, like "0660"' },
      { { path = "x", redis = print }, "path", "either this or redis" },
      { { call = 1 }, "call", "is no option; did you mean 'calls'?" },
      { { nonsense = 1 }, "nonsense", "is no option" },
      { { 5 }, "1", "is no option" },
      { { [("x"):rep(1e6)] = 1 }, ("x"):rep(1e6), "is no option" },
      { "text", "options", "table expected, got string" },
    } do
      local name, problem = options.check(RULES, case[1])
      assert.equal(case[2] .. ": " .. case[3], name .. ": " .. problem)
    end
  end)

  it("says the same of the same mistakes, and where they are", function()
    for _ = 1, 20 do
      assert.equal("r.aaa", (options.check(RULES, { zzz = 1, aaa = 1, calls = 0 }, "r.")))
    end
    local _, problem = options.check(RULES, { cals = 1 }, "r.")
    assert.equal("is no option; did you mean 'r.calls'?", problem)
    assert.equal("r", (options.check(RULES, 1, "r.")))
  end)
end)

describe("a test of a value", function()
  local inf, nan = math.huge, 0 / 0

  it("takes what is meant, and nothing beside it", function()
    for name, case in pairs {
      above_0 = { { 1, 0.5 }, { 0, -1, inf, nan, "1" } },
      seconds = { { 1, 0.5 }, { 0, -1, inf, nan, "1" } },
      seconds_from_0 = { { 0, 1 }, { -1, inf, nan, "0" } },
      whole = { { 1, 2 ^ 40 }, { 0, 1.5, inf, nan, "1" } },
      permissions = { { "0600", "660" }, { "0999", "07777", "", 600 } },
      redis = { { print, { raw_cmd = print } }, { {}, "x", 1, { raw_cmd = 1 } } },
    } do
      for _, value in ipairs(case[1]) do assert.is_true((is[name](value)), name) end
      for _, value in ipairs(case[2]) do assert.is_false((is[name](value)), name) end
    end
    local line, path = is.line "x", is.path "x"
    for _, value in ipairs { "", "a\nb", "a\0", 1, {} } do assert.is_false((line(value))) end
    for _, value in ipairs { "", "a\0", 1, {} } do assert.is_false((path(value))) end
    assert.is_true((line "é a") and (path "a\nb"))
  end)
end)

describe("options.nearest", function()
  it("knows what is meant, and does not guess", function()
    local names = { "requester.mail", "subject", "message" }
    assert.equal("subject", options.nearest("subjcet", names))
    assert.equal("requester.mail", options.nearest("mail", names))
    assert.equal("message", options.nearest("MESSAGE", names))
    for _, name in ipairs { "colour", "", 1, true, ("x"):rep(1e6) } do
      assert.is_nil(options.nearest(name, names))
    end
    assert.is_nil(options.nearest("subject", {}))
  end)
end)

describe("every public function that takes options", function()
  it("says did you mean", function()
    for fname, case in pairs {
      ["livechat.new"] = { function() livechat.new { usrname = "x" } end, "usrname", "username" },
      ["livechat.throttle"] = { function() livechat.throttle { cals = 1 } end, "cals", "calls" },
      ["livechat.gather"] = { function() livechat.gather({}, print, { concurency = 1 }) end,
        "concurency", "concurrency" },
      ["livechat.receiver"] = { function() livechat.receiver { tokn = "x" } end, "tokn", "token" },
      ["livechat.inbox"] = { function() livechat.inbox { pth = "x" } end, "pth", "path" },
    } do
      local fine, text = pcall(case[1])
      assert.is_false(fine)
      assert.truthy(text:find("options_spec.lua:%d+: bad argument '" .. case[2] .. "' to '" .. fname
        .. "' %(is no option; did you mean '" .. case[3] .. "'%?%)$"), text)
    end
  end)
end)
