-- SPDX-License-Identifier: MIT
local errors = require "livechat.errors"
local json = require "livechat.json"

describe("errors.new", function()
  it("makes an object that says everything on one line", function()
    local err = errors.new { kind = "not_found", message = "no\nticket\0\27[31m", method = "GET",
      path = "/tickets/5FUED", status = 404, attempts = 4 }
    assert.equal("livechat: not_found: no ticket [31m (GET /tickets/5FUED, status 404, attempt 4)",
      tostring(err))
    assert.equal("not_found", err.kind)
    assert.equal(404, err.status)
    assert.equal("failed: livechat: closed: x", "failed: " .. errors.new { kind = "closed",
      message = "x" })
    assert.equal("livechat: closed: x!", errors.new { kind = "closed", message = "x" } .. "!")
  end)

  it("knows its own from other values", function()
    assert.is_true(errors.is(errors.invalid("subject", "must be a string")))
    for _, value in ipairs { "text", 12, true, {}, setmetatable({}, {}) } do
      assert.is_false(errors.is(value))
    end
    assert.is_false(errors.is(nil))
  end)

  it("takes every kind of the contract and no other", function()
    for _, kind in ipairs { "invalid", "auth", "not_found", "rejected", "throttled", "server",
      "network", "timeout", "protocol", "cancelled", "closed" } do
      assert.equal("livechat: " .. kind .. ": m (GET)",
        tostring(errors.new { kind = kind, message = "m", method = "GET" }))
    end
    assert.has_error(function() errors.new { kind = "oops", message = "x" } end)
  end)

  it("leaves the caller's table alone", function()
    local fields = { kind = "server", message = "m", body = ("x"):rep(5000) }
    errors.new(fields)
    assert.equal(5000, #fields.body)
    assert.is_nil(getmetatable(fields))
  end)

  it("keeps 4 KiB of the body, whole characters, secrets blanked", function()
    local err = errors.new { kind = "server", message = "m",
      body = '{"token":"0123456789abcdef","x":"' .. ("é"):rep(4000) }
    assert.is_true(#err.body <= 4096 and #err.body > 4080)
    assert.is_true(json.utf8(err.body))
    assert.is_nil(err.body:find("0123456789abcdef", 1, true))
    for _, text in ipairs { ("a"):rep(4095) .. "é", ("a"):rep(4094) .. "€",
      ("a"):rep(4095) .. "𝄞" } do
      local body = errors.new { kind = "server", message = "m", body = text }.body
      assert.equal(text:match("^a+"), body)
    end
    for _, text in ipairs { ("a"):rep(4096), ("a"):rep(4094) .. "é", ("a"):rep(4093) .. "€",
      ("a"):rep(4092) .. "𝄞",
      ("a"):rep(4093) .. "\224\160\128", ("a"):rep(4092) .. "\240\144\128\128" } do
      assert.equal(text, errors.new { kind = "server", message = "m", body = text .. "b" }.body)
      assert.equal(text, errors.new { kind = "server", message = "m", body = text }.body)
    end
  end)

  it("shows no secret that the cut of the body splits", function()
    for length = 4040, 4110 do
      local err = errors.new { kind = "server", message = "m",
        body = '{"x":"' .. ("y"):rep(length) .. '","token":"SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"}' }
      assert.is_nil(err.body:find("S", 1, true))
    end
  end)

  it("blanks the message too", function()
    local err = errors.new { kind = "rejected", message = 'bad {"api_key":"hunter2"}' }
    assert.is_nil(tostring(err):find("hunter2", 1, true))
  end)
end)

describe("errors.invalid", function()
  it("names the field and that nothing was sent", function()
    local err = errors.invalid("requester.mail", "is missing")
    assert.equal("livechat: invalid: requester.mail is missing", tostring(err))
    assert.equal("invalid", err.kind)
    assert.equal("requester.mail", err.field)
    assert.equal("not_sent", err.outcome)
  end)
end)

describe("errors.argument", function()
  local function raise(...)
    return pcall(function(...)
      local function public(...) errors.argument(...) end
      public(...) -- the line that the message names
    end, ...)
  end

  it("raises the argument's and the function's name at the caller's place", function()
    local _, text = raise("username", "livechat.new", "string expected, got number")
    assert.truthy(text:find("errors_spec.lua:%d+: bad argument 'username' to 'livechat.new' "
      .. "%(string expected, got number%)$"), text)
    _, text = raise(1, "tickets:get", "string expected, got\nnil")
    assert.truthy(text:find("bad argument #1 to 'tickets:get' (string expected, got nil)", 1, true),
      text)
  end)

  it("counts levels as error does", function()
    local lines = {}
    for level = 1, 2 do
      local _, text = raise("x", "f", "m", level)
      lines[level] = tonumber(text:match(":(%d+):"))
    end
    assert.equal(lines[1] + 1, lines[2])
  end)
end)
