-- SPDX-License-Identifier: MIT
-- once: runs the command as a person does
--- Events without a file of handlers: watch, and listen that hands on.
local command = require "spec.command"
local helper = require "spec.helper"
local json = require "livechat.json"

after_each(helper.cleanup)

-- Starts a command; what it prints, and a signal to it.
local function start(words, env)
  local pid, output = helper.spawn { "sh", "-c", "exec " .. command.prefix(env) .. words }
  return { pid = pid, text = function() return helper.read(output) or "" end,
    wait = function(pattern)
      helper.wait_until(function() return (helper.read(output) or ""):find(pattern) end, 20,
        pattern .. " in " .. words)
    end }
end

local function create(env, subject)
  local status, _, said = command.run("tickets create --requester.mail mary@example.net "
    .. "--message m --subject " .. helper.quote(subject), env)
  assert.equal(0, status, said)
end

local function lines_of(text, pattern)
  return select(2, text:gsub(pattern, ""))
end

describe("livechat watch", function()
  for _, api in ipairs { "v2", "v3" } do
    it("prints what is new once with " .. api .. ", over restarts with a file", function()
      local sandbox = helper.sandbox { seed = 10, calls = 100000 }
      local env = command.account(sandbox, { LIVECHAT_API = api })
      local words = "watch --poll 0.1 --json --state " .. helper.folder() .. "/state"
      local first = start(words, env)
      helper.wait_until(function()
        return sandbox.control("GET", "calls").count > 1
      end, 10, "calls")
      sandbox.control("POST", "faults", { fault = "http500" }) -- passes by itself
      helper.wait_until(function()
        return sandbox.control("GET", "faults").faults[1].done == 1
      end, 10, "the watch to meet it")
      create(env, "a\27[2Jb")
      first.wait('"subject":"a\\u001b%[2Jb"')
      helper.kill(first.pid, "INT")
      helper.wait_exit(first.pid, 10)
      create(env, "while nothing looked")
      local second = start(words, env)
      second.wait "while nothing looked"
      local told = first.text() .. second.text()
      assert.equal(2, lines_of(told, '"subject":'))
      assert.equal(1, lines_of(told, "%[2Jb"))
    end)
  end

  it("runs a file's handlers, and ends where it cannot go on", function()
    local sandbox = helper.sandbox { calls = 100000 }
    local env = command.account(sandbox)
    local path = helper.folder() .. "/handlers.lua"
    helper.write(path, "return { ticket_created = function(event)\n"
      .. "  print('handled ' .. event.ticket.subject .. ' ' .. tostring(event.ticket:reload()))\n"
      .. "  io.stdout:flush()\nend }\n")
    local running = start("watch --poll 0.1 " .. path, env)
    helper.wait_until(function()
      return sandbox.control("GET", "calls").count > 1
    end, 10, "calls")
    create(env, "one")
    running.wait "handled one"
    env.LIVECHAT_API_KEY = "another-key"
    local status, out, said = command.run("watch --poll 0.1", env)
    assert.same({ 4, "" }, { status, out })
    assert.truthy(said:find("auth", 1, true), said)
    for words, problem in pairs { ["watch --poll 0"] = "--poll 0: must be seconds, more than 0",
      ["watch a b"] = "one file of handlers expected", ["watch --state /"] = "cannot keep" } do
      status, out, said = command.run(words, command.account(sandbox))
      assert.same({ 2, "" }, { status, out })
      assert.truthy(said:find(problem, 1, true), said)
    end
  end)
end)

describe("livechat listen --forward-to", function()
  local function listen(words)
    local port = helper.free_port()
    local started = start(("listen --port %d %s"):format(port, words), {})
    started.wait "listening on"
    started.url = ("http://127.0.0.1:%d"):format(port)
    started.port = port
    return started
  end

  local function post(to, body, path)
    return helper.http { port = to.port, method = "POST", path = path or "/", body = body,
      headers = { ["Content-Type"] = "application/json" } }
  end

  local BODY = json.encode { event_type = "ticket_created", event_unique_id = "e1", token = "t",
    license_id = "1", ticket = { id = "T1", subject = "x", events = {}, tags = json.array {} } }

  it("hands each event on as it came, and has what is refused delivered again", function()
    local target = listen("--json --token t")
    local source = listen("--token t --events ticket_created --forward-to " .. target.url
      .. "'/hook?a=b'")
    assert.equal(200, post(source, BODY).status)
    target.wait '"event_unique_id":"e1"'
    assert.truthy(target.text():find('"tags":[]', 1, true), target.text())
    assert.truthy(source.text():find("ticket_created  T1  x", 1, true), source.text())
    -- HelpDesk's have their token in the query.
    assert.equal(200, post(source, json.encode { eventType = "tickets.create",
      payload = { ID = "T2", subject = "y" } }, "/?token=t").status)
    target.wait '"eventType":"tickets.create"'
    -- One of another kind is not handed on; without a target none is taken.
    assert.equal(200, post(source, json.encode { event_type = "chat_ended", token = "t",
      event_unique_id = "e2", chat = { id = "C1" } }).status)
    assert.is_nil(source.text():find("chat_ended", 1, true))
    helper.stop(target.pid)
    assert.equal(500, post(source, (BODY:gsub("e1", "e3"))).status)
    source.wait "not handed on: livechat: network"
    assert.is_nil(source.text():find("traceback", 1, true))
    assert.is_nil(target.text():find("e2", 1, true))
  end)

  it("takes no other URL", function()
    for _, url in ipairs { "example.com", "ftp://x", "http://", "'http://x/?a=1&a=2'" } do
      local status, _, said = command.run("listen --forward-to " .. url, {})
      assert.equal(2, status)
      assert.truthy(said:find("must be an http or https URL", 1, true)
        or said:find("names a twice", 1, true), said)
    end
  end)
end)
