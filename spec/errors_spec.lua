-- SPDX-License-Identifier: MIT
local errors = require "livechat.errors"
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"

teardown(helper.cleanup)

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

describe("an error object", function()
  local err = errors.new { kind = "server", message = "down", status = 500 }

  it("is a list of one text, which nginx can print, and tells the rest by name", function()
    assert.equal("livechat: server: down (status 500)", err:text())
    assert.equal(err:text(), tostring(err))
    assert.equal(err:text(), table.concat(err))
    assert.equal(err:text(), next(err) and err[1])
    assert.equal(1, next(err))
    assert.is_nil(next(err, 1))
    assert.is_nil(err.nothing)
  end)

  it("keeps its text right when a field is set", function()
    local own = errors.new { kind = "server", message = "down" }
    own.attempts, own.done = 2, { "name" }
    assert.equal("livechat: server: down (attempt 2)", own:text())
    assert.same({ "name" }, own.done)
    assert.equal(2, own.attempts)
    assert.equal(1, next(own))
    assert.is_nil(next(own, 1))
  end)
end)

-- The place of the line behind the call of this.
local function next_line()
  local about = debug.getinfo(2, "Sl")
  return about.short_src .. ":" .. about.currentline + 1 .. ": "
end

describe("a programmer's mistake", function()
  local client

  setup(function()
    client = livechat.new { username = "u", api_key = "k", base_url = "http://127.0.0.1:9" }
  end)
  teardown(function() client:close() end)

  local function is_blamed(place, fine, text)
    assert.is_false(fine)
    assert.equal(place, text:sub(1, #place), text)
    assert.truthy(text:find("^bad argument '[%w_.]+' to '[%w_.:]+' %(.+%)$", #place + 1), text)
  end

  it("is blamed on the line that made it, through whichever functions it is found", function()
    local inbox = livechat.inbox "/nowhere"
    local receiver = livechat.receiver { token = "t" }
    local mistakes = {
      function() return next_line(), pcall(function()
        livechat.new { username = 1 } end) end,
      function() return next_line(), pcall(function()
        livechat.new { username = "u", api_key = "k", throttle = { calls = -1 } } end) end,
      function() return next_line(), pcall(function()
        livechat.new { username = "u", api_key = "k", base_url = "ftp://x" } end) end,
      function() return next_line(), pcall(function()
        livechat.throttle { mode = "no", path = "x" } end) end,
      function() return next_line(), pcall(function()
        livechat.receiver { token = {} } end) end,
      function() return next_line(), pcall(function()
        livechat.inbox { path = "x", mode = 0 } end) end,
      function() return next_line(), pcall(function()
        inbox:retry {} end) end,
      function() return next_line(), pcall(function()
        receiver:handle(nil) end) end,
      function() return next_line(), pcall(function()
        livechat.gather({}, print, { concurrency = 0 }) end) end,
      function() return next_line(), pcall(function()
        livechat.time {} end) end,
      function() return next_line(), pcall(function()
        client.tickets:get {} end) end,
      function() return next_line(), pcall(function()
        client.tickets.get "5FUED" end) end,
      function() return next_line(), pcall(function()
        client.tickets:each "open" end) end,
      function() return next_line(), pcall(function()
        client:request { path = 1 } end) end,
      function() return next_line(), pcall(function()
        client.request { path = "/" } end) end,
    }
    for _, mistake in ipairs(mistakes) do
      is_blamed(mistake())
    end
  end)

  it("is blamed on a record's user, and not on the record's methods", function()
    local ticket
    local receiver = livechat.receiver { token = false, client = client }
    receiver:on("ticket_created", function(event) ticket = event.ticket end)
    assert.equal(200, (receiver:handle('{"event_type":"ticket_created","ticket":{"id":"A"}}')))
    is_blamed(next_line(), pcall(function()
      ticket:tag "vip" end))
    is_blamed(next_line(), pcall(function()
      ticket:update "vip" end))
  end)

  it("is blamed through pcall, a coroutine, a callback and a chunk without a file", function()
    is_blamed(next_line(), -- pcall itself is the caller
      pcall(livechat.time))
    is_blamed(next_line(), coroutine.resume(coroutine.create(function()
      livechat.time() end)))
    local results = livechat.gather({ 1 }, function() livechat.time() end)
    assert.matches("errors_spec.lua:%d+: bad argument", results[1][2])
    local chunk = assert((rawget(_G, "loadstring") or load)(
      "local livechat = ...\n\nlivechat.time()", "=(command line)"))
    is_blamed("(command line):3: ", pcall(chunk, livechat))
  end)

  it("is blamed on no line where the stack shows none", function()
    local fine, text = coroutine.resume(coroutine.create(livechat.time))
    assert.is_false(fine)
    assert.matches("^bad argument 'timestamp'", text)
    -- A tail call takes the place of its caller: then that one's caller is named, not the library.
    local function tail() return livechat.time() end
    fine, text = pcall(function()
      local _ = tail()
    end)
    assert.is_false(fine)
    assert.matches("^[^:]*errors_spec.lua:%d+: bad argument", text)
  end)

  it("is blamed on the caller where the library is one file, or has lost its names", function()
    local file = assert(io.open(package.searchpath and package.searchpath("livechat.errors",
      package.path) or "lua/livechat/errors.lua"))
    local source = file:read("*a")
    file:close()
    for _, name in ipairs { "=bundle", "@bundle.lua", source } do
      local bundled = assert((rawget(_G, "loadstring") or load)(source, name))()
      is_blamed(next_line(), pcall(function()
        bundled.raise_argument("x", "f", "m") end))
    end
  end)

  it("is said on one line", function()
    local _, text = pcall(errors.raise_argument, 1, "tickets:get", "string expected, got\nnil")
    assert.truthy(text:find("bad argument #1 to 'tickets:get' (string expected, got nil)", 1, true))
  end)

  it("is told of a colon in the place of a dot", function()
    for _, name in ipairs { "new", "throttle", "receiver", "inbox", "gather", "check", "time",
      "timestamp" } do
      local _, text = pcall(function() livechat[name](livechat, {}) end)
      assert.matches("errors_spec.lua:%d+: 'livechat:" .. name .. "' is called with a colon: write "
        .. "livechat." .. name, text)
    end
  end)
end)

describe("livechat.check", function()
  local err = errors.new { kind = "network", message = "no way" }
  local shows = helper.lua_version ~= "5.1" and helper.lua_version ~= "5.2"

  it("gives back what it is given", function()
    assert.same({ n = 3, 1, nil, 3 }, { n = select("#", livechat.check(1, nil, 3)),
      livechat.check(1, nil, 3) })
    assert.equal(0, livechat.check(0))
  end)

  it("raises the object where this Lua shows it, and else its text with the line", function()
    for _, value in ipairs { false, "nil" } do
      local place = next_line()
      local _, raised = pcall(function() livechat.check(value ~= "nil" and value, err) end)
      if shows then
        assert.equal(err, raised)
      else
        assert.equal(place .. "livechat: network: no way", raised)
      end
    end
  end)

  it("raises a text with the line, and anything else as it is", function()
    local _, raised = pcall(function() livechat.check(nil, "no way") end)
    assert.matches("^[^:]*errors_spec.lua:%d+: no way$", raised)
    _, raised = pcall(function() livechat.check(nil) end)
    assert.matches("^[^:]*errors_spec.lua:%d+: check failed$", raised)
    local other = {}
    _, raised = pcall(function() livechat.check(nil, other) end)
    assert.equal(other, raised)
  end)

  it("ends a program with a text that can be read, on this Lua", function()
    local folder = helper.folder()
    local program = [[
      local livechat = require "livechat"
      local client = livechat.new { username = "u", api_key = "k", retry = false,
        base_url = "http://127.0.0.1:9", throttle = false }
      if arg[1] == "caught" then
        local fine, err = pcall(function() for _ in client.tickets:each() do end end)
        print(fine, err.kind)
        fine, err = coroutine.resume(coroutine.create(function()
          for _ in client.tickets:each() do end
        end))
        print(fine, err.kind)
      elseif arg[1] == "each" then
        for _ in client.tickets:each() do end
      else
        livechat.check(client.tickets:list())
      end]]
    helper.write(folder .. "/x.lua", program)
    local run = helper.lua_env(helper.lua_version) .. " "
      .. helper.lua_program(helper.lua_version) .. " " .. folder .. "/x.lua "
    for _, how in ipairs { "check", "each" } do
      local status, output = helper.run(run .. how)
      assert.equal(1, status)
      assert.truthy(output:find("livechat: network: ", 1, true), output)
      assert.truthy(shows or output:find("x.lua:%d+: livechat: network: "), output)
    end
    local status, output = helper.run(run .. "caught")
    assert.equal("0\nfalse\tnetwork\nfalse\tnetwork", status .. "\n" .. (output:gsub("\n$", "")))
  end)
end)
