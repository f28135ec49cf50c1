-- SPDX-License-Identifier: MIT
-- once: runs the command with every Lua itself
--- The commands about events, as somebody runs them in a shell.
local helper = require "spec.helper"
local json = require "livechat.json"

local quote = helper.quote
local ENDS = { "LIVECHAT_USERNAME", "LIVECHAT_API_KEY", "LIVECHAT_ACCESS_TOKEN",
  "LIVECHAT_BASE_URL", "LIVECHAT_INBOX", "LIVECHAT_WEBHOOK_TOKEN" }

local function environment(more, version)
  local words = "env -u " .. table.concat(ENDS, " -u ") .. " " .. helper.lua_env(version or "5.4")
  for name, value in pairs(more or {}) do words = words .. " " .. name .. "=" .. quote(value) end
  return words
end

--- Runs the command to its end; stdout and stderr apart.
local function livechat(words, more, version)
  local said = helper.folder() .. "/stderr"
  local line = ("%s %s bin/livechat %s 2>%s"):format(environment(more, version),
    helper.lua_program(version or "5.4"), words, quote(said))
  local status, out = helper.run(line)
  return status, out, helper.read(said)
end

--- Starts it in the background.
local function spawn(words, more)
  local argv = { "sh", "-c", "exec " .. environment(more) .. ' "$0" "$@"', "lua5.4",
    "bin/livechat" }
  for _, word in ipairs(words) do argv[#argv + 1] = word end
  local pid, output = helper.spawn(argv)
  return { pid = pid, text = function() return helper.read(output) or "" end,
    wait = function(pattern, seconds)
      helper.wait_until(function() return helper.read(output):find(pattern) end, seconds or 10,
        "'" .. pattern .. "' in:\n" .. helper.read(output))
    end }
end

--- A folder whose path names a version of Lua, with this tree in it.
local function odd_tree()
  local folder = helper.folder() .. "/app-5.4 lua/5.4"
  helper.run(("mkdir -p %s && ln -s %s %s/tree"):format(quote(folder), quote(helper.root),
    quote(folder)))
  return folder .. "/tree"
end

local function write_handlers(text)
  local path = helper.folder() .. "/handlers.lua"
  helper.write(path, text)
  return path
end

local function inbox_with(ids)
  local path = helper.folder() .. "/inbox"
  local inbox = require("livechat").inbox(path)
  for _, id in ipairs(ids) do
    assert(inbox:store(id, json.encode { event_type = "chat_started", chat = { id = "C" .. id } }))
  end
  return path
end

describe("livechat", function()
  after_each(helper.cleanup)

  it("tells how it is called, on every Lua", function()
    for _, version in ipairs(helper.lua_versions()) do
      local status, out, said = livechat("--help", nil, version)
      assert.same({ 0, "" }, { status, said })
      for _, name in ipairs { "listen", "drain", "inbox", "sandbox", "trigger" } do
        assert.truthy(out:find("\n  " .. name .. " ", 1, true), out)
        local told, about = livechat(name .. " --help", nil, version)
        assert.equal(0, told)
        assert.truthy(about:find("usage: livechat " .. name .. " [OPTIONS]", 1, true), about)
      end
      status, out = livechat("--version", nil, version)
      assert.equal(0, status)
      assert.equal("livechat " .. require("livechat")._VERSION .. "\n", out)
    end
  end)

  it("ends with 2 where it was called in a wrong way", function()
    local handlers = write_handlers "return { chat_ended = print }"
    for words, message in pairs {
      [""] = "usage: livechat",
      ["tickts"] = "no such command: tickts",
      ["drain"] = "one file of handlers expected",
      ["drain a b"] = "one file of handlers expected",
      ["drain " .. handlers] = "which inbox?",
      ["drain --limit 0 --inbox x " .. handlers] = "--limit 0: must be a whole number from 1",
      ["drain --limt 1 x"] = "no such option: --limt",
      ["drain x --limit"] = "--limit needs a value",
      ["drain --watch=1 x"] = "--watch takes no value",
      ["drain -x"] = "no such option: -x",
      ["drain --redis nowhere x"] = "--redis nowhere: must be HOST:PORT",
      ["inbox"] = "list, retry or purge?",
      ["inbox look"] = "list, retry or purge?",
      ["inbox list x --inbox y"] = "list, retry or purge?",
      ["inbox retry --inbox x"] = "which events?",
      ["inbox purge --inbox x --all a"] = "either ids or --all",
      ["listen a b"] = "one file of handlers expected",
      ["listen --port 70000 x"] = "--port 70000: must be a port",
      ["listen --port x y"] = "--port x: must be a port",
      ["listen --register example.com x"] = "must be an http or https URL",
      ["listen --register http://example.com x"] = "set LIVECHAT_USERNAME",
      ["sandbox x"] = "no argument expected",
      ["sandbox --fault nonsense"] = "option fault is wrong: no such fault",
      ["trigger"] = "one event expected",
      ["trigger chat_started"] = "which service?",
      ["trigger chat_started --data x"] = "must be a JSON object",
      ["trigger chat_started --url nonsense"] = "'base_url'",
    } do
      local status, out, said = livechat(words)
      assert.equal(2, status, words .. ": " .. said)
      assert.equal("", out)
      assert.truthy(said:find(message, 1, true), words .. ": " .. said)
      assert.is_nil(said:find("stack traceback", 1, true))
    end
  end)
end)

describe("livechat drain and inbox", function()
  after_each(helper.cleanup)

  it("work an inbox off, on every Lua", function()
    for _, version in ipairs(helper.lua_versions()) do
      local path = inbox_with { "a", "b", "c" }
      local handlers = write_handlers [[
        return { chat_started = function(event) print("got " .. event.chat.id) end }
      ]]
      local status, out = livechat(("drain --inbox %s --limit 2 %s"):format(quote(path), handlers),
        nil, version)
      assert.same({ 0, "got Ca\ngot Cb\n2 events handled, 0 failed\n" }, { status, out })
      status, out = livechat("drain --json " .. handlers, { LIVECHAT_INBOX = path }, version)
      assert.same({ 0, 'got Cc\n{"failed":0,"handled":1}\n' }, { status, out })
    end
  end)

  it("show what failed, why, and mend it", function()
    local path = inbox_with { "a", "b" }
    local inbox = "--inbox " .. quote(path)
    local bad = write_handlers 'return { ["*"] = function() error("out of luck") end }'
    local status, out, said = livechat(("drain %s --attempts=1 %s"):format(inbox, bad))
    assert.same({ 1, "0 events handled, 2 failed\n" }, { status, out })
    assert.matches("^livechat: .*chat_started a: .*handlers.lua:1: out of luck\n", said)
    status, out = livechat("inbox list " .. inbox)
    assert.equal(0, status)
    local lines = {}
    for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
    assert.equal(3, #lines)
    assert.matches("^ID  STATE   ATTEMPTS  TIME +EVENT +ERROR$", lines[1])
    assert.matches("^a   failed  1         2%d%d%d%-.*Z  chat_started  .*out of luck$", lines[2])
    status, out = livechat("inbox list --json " .. inbox)
    local listed = assert(json.decode(out))
    assert.equal(0, status)
    assert.equal("b failed Cb", table.concat({ listed[2].id, listed[2].state,
      listed[2].event.chat.id }, " "))
    assert.matches("stack traceback", listed[2].error)

    status, out, said = livechat("inbox retry nobody ../x a " .. inbox)
    assert.same({ 1, "" }, { status, out })
    assert.matches("there is no event nobody", said)
    assert.matches("not an event's id", said)
    assert.matches("livechat: 1 event to be handled again\n$", said)
    status, out, said = livechat("inbox purge --all " .. inbox)
    assert.same({ 0, "" }, { status, out })
    assert.equal("livechat: 1 event removed\n", said)
    local good = write_handlers 'return { ["*"] = function(event) print(event.id) end }'
    assert.equal("a\n1 event handled, 0 failed\n",
      (select(2, livechat(("drain %s %s"):format(inbox, good)))))
    status, out, said = livechat("inbox list " .. inbox)
    assert.same({ 0, "", "livechat: the inbox is empty\n" }, { status, out, said })
    assert.equal("[]\n", (select(2, livechat("inbox list --json " .. inbox))))
  end)

  it("tell what is wrong with a file of handlers", function()
    local path = inbox_with { "a" }
    for text, message in pairs {
      ["return {"] = "handlers.lua:1: ", ["error('early')"] = "early", [""] = "must return a table",
      ["return 5"] = "must return a table", ["return {}"] = "must return a table",
      ["return { x = 5 }"] = "not a number under x",
      ["return { print }"] = "not a function under 1",
      ["return { ticket_creatd = print }"] = "handlers.lua: 'ticket_creatd' is no event; did you "
        .. "mean 'ticket_created'?",
      ["return { allow_unknown = false, x = print }"] = "'x' is no event",
      ["return { x = print, allow_unknown = 5 }"] = "not a number under allow_unknown",
      ["error(setmetatable({}, { __tostring = error }))"] = "cannot be shown",
    } do
      local status, out, said = livechat(("drain --inbox %s %s"):format(quote(path),
        write_handlers(text)))
      assert.same({ 1, "" }, { status, out })
      assert.truthy(said:find(message, 1, true), said)
    end
    local status, _, said = livechat(("drain --inbox %s /nowhere.lua"):format(quote(path)))
    assert.equal(1, status)
    assert.matches("cannot open", said)
  end)

  it("fail where the inbox cannot be used", function()
    local handlers = write_handlers "return { chat_ended = print }"
    for _, words in ipairs { "drain " .. handlers, "inbox list", "inbox retry --all",
      "inbox purge a" } do
      local status, out, said = livechat(words .. " --inbox /dev/null")
      assert.same({ 1, "" }, { status, out })
      assert.matches("the inbox /dev/null: Not a directory", said)
    end
  end)

  it("tell where there is no inbox", function()
    local path = helper.folder() .. "/inbx"
    local handlers = write_handlers "return { allow_unknown = true, something_new = print }"
    for _, words in ipairs { "drain " .. handlers, "inbox list", "inbox list --json",
      "inbox retry --all", "inbox purge a" } do
      local status, out, said = livechat(words .. " --inbox " .. quote(path))
      assert.same({ 1, "", "livechat: there is no inbox " .. path .. "\n" }, { status, out, said })
    end
    local program = spawn { "drain", "--inbox", path, "--watch", "--poll", "0.05", handlers }
    program.wait("there is no inbox [^\n]* yet: waiting for it\n")
    require("livechat").inbox(path):store("late", '{"event_type":"something_new"}')
    program.wait("livechat.Event: something_new late\n")
    helper.kill(program.pid, "INT")
    assert.truthy(helper.wait_exit(program.pid))
  end)

  it("tell when the next attempt is due", function()
    local path = inbox_with { "a" }
    local bad = write_handlers 'return { ["*"] = function() error("out of luck", 0) end }'
    local inbox = "--inbox " .. quote(path)
    assert.matches("\na   pending  0         now   chat_started\n$",
      (select(2, livechat("inbox list " .. inbox))))
    livechat(("drain %s %s"):format(inbox, bad))
    assert.matches("\na   pending  1         next 2%d%d%d%-[^ ]*Z  chat_started  out of luck\n$",
      (select(2, livechat("inbox list " .. inbox))))
    local listed = json.decode((select(2, livechat("inbox list --json " .. inbox))))
    assert.equal(listed[1].time, listed[1].next)
  end)

  it("may be about Redis", function()
    local server = helper.redis()
    local where = "--redis 127.0.0.1:" .. server.port .. " --stream events"
    package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
    local inbox = require("livechat").inbox { stream = "events", redis = function()
      return require("redis").connect("127.0.0.1", server.port)
    end }
    for _, id in ipairs { "a", "b" } do inbox:store(id, '{"event_type":"chat_started"}') end
    local bad = write_handlers [[return { ["*"] = function(event)
      if event.id == "a" then error("no") end
    end }]]
    assert.equal(1, (livechat(("drain %s --attempts 1 %s"):format(where, bad), nil, "5.3")))
    local status, out = livechat("inbox list " .. where, nil, "5.3")
    assert.equal(0, status)
    assert.matches("\na   failed  1  ", out)
    assert.equal(0, (livechat("inbox purge a " .. where, nil, "5.3")))
    assert.equal("[]\n", (select(2, livechat("inbox list --json " .. where, nil, "5.3"))))
  end)

  it("wait for more with --watch", function()
    local path = inbox_with { "a" }
    local handlers = write_handlers [[
      io.stdout:setvbuf("no")
      return { ["*"] = function(event) print("got " .. event.id) end }
    ]]
    local program = spawn { "drain", "--inbox", path, "--watch", "--poll", "0.05", handlers }
    program.wait("got a")
    require("livechat").inbox(path):store("late", '{"event_type":"x"}')
    program.wait("got late")
    helper.kill(program.pid, "INT")
    assert.truthy(helper.wait_exit(program.pid))
  end)
end)

describe("livechat listen", function()
  after_each(helper.cleanup)

  local function post(port, body)
    return assert(helper.http { port = port, path = "/", method = "POST",
      body = json.encode(body) }).status
  end

  it("receives, prints each event as one line and runs the handlers", function()
    local port = helper.free_port()
    local handlers = write_handlers [[
      return {
        ticket_created = function(event) print("  handler: " .. event.ticket.subject) end,
        chat_started = function() error("no luck") end,
      }
    ]]
    local program = spawn({ "listen", "--port", tostring(port), handlers })
    program.wait("listening on http://127%.0%.0%.1:" .. port .. "/")
    assert.matches("events are taken from anyone", program.text())
    assert.equal(200, post(port, { event_type = "ticket_created", ticket = { id = "ABCDE",
      subject = "Late\nparcel", requester = { mail = "mary@example.net" } } }))
    assert.matches("\n2%d%d%d%-[^\n]+Z  ticket_created  ABCDE  Late parcel  mary@example.net\n"
      .. "  handler: Late\nparcel\n", program.text())
    assert.equal(500, post(port, { event_type = "chat_started", chat = { id = "C1" },
      visitor = { id = "S1", name = "Mary" } }))
    program.wait("handlers.lua:3: no luck")
    assert.matches("Z  chat_started  C1  Mary  S1\n", program.text())
    assert.equal(200, post(port, { event_type = "visitor_queued", visitor = { id = "S1.2" } }))
    assert.equal(200, post(port, { event_type = "canned_response_changed",
      canned_response = { id = 7, text = "Hi" } }))
    assert.matches("Z  visitor_queued  S1.2\n.*Z  canned_response_changed  7  Hi\n", program.text())
    helper.kill(program.pid, "TERM")
    assert.truthy(helper.wait_exit(program.pid))
    assert.is_nil((helper.connect(port)))
  end)

  it("finds its modules wherever they lie", function()
    local port, tree = helper.free_port(), odd_tree()
    local program = spawn({ "listen", "--port", tostring(port), write_handlers [[
      local source = debug.getinfo(require("livechat").new, "S").source
      return { ["*"] = function() print("from " .. source) end }
    ]] }, { LUA_PATH = tree .. "/lua/?.lua;" .. tree .. "/lua/?/init.lua;;",
      LUA_CPATH = tree .. "/build/5.4/?.so;;" })
    program.wait("listening on")
    assert.equal(200, post(port, { event_type = "chat_ended", chat = { id = "C" } }))
    assert.truthy(program.text():find("from @" .. tree .. "/lua/livechat/init.lua", 1, true),
      program.text())
  end)

  it("tells LuaJIT where the modules of this Lua have their like", function()
    local listen = require "livechat.cli.listen"
    local own = debug.getinfo(listen.run, "S").source:match("^@(.*)livechat/cli/listen%.lua$")
    local path, cpath = listen.paths("/usr/share/lua/5.4/?.lua;/srv/lua/5.4/app-5.3/?.lua;./?.lua",
      "/usr/lib/lua/5.4/?.so;/home/5.4/?.so;/usr/lib/lua/5.4/loadall.so")
    assert.equal(own .. "?.lua;" .. own .. "?/init.lua;/usr/share/lua/5.1/?.lua;"
      .. "/usr/share/lua/5.4/?.lua;/srv/lua/5.4/app-5.3/?.lua;./?.lua", path)
    assert.equal("/usr/lib/lua/5.1/?.so;/home/5.4/?.so;/usr/lib/lua/5.4/loadall.so", cpath)
  end)

  it("ends without a word at ^C, also at the second and third", function()
    for _, times in ipairs { 1, 2, 3 } do
      local program = spawn({ "listen", "--port", tostring(helper.free_port()),
        write_handlers "return { chat_ended = print }" })
      program.wait("listening on")
      local before = program.text()
      for _ = 1, times do helper.kill(program.pid, "INT") end
      assert.truthy(helper.wait_exit(program.pid, 10))
      assert.equal(before, program.text())
    end
  end)

  it("describes an event whatever its members are", function()
    local describe = require("livechat.cli.listen").describe
    local receiver, got = require("livechat").receiver { token = false,
      on_error = function() end }, nil
    receiver:on("*", function(event) got = describe(event) end)
    local odd = { 5, true, "x", { 1 }, {}, { id = {} }, { id = { 1 }, name = true },
      { requester = 5, subject = {} }, { requester = { mail = {} } }, 1e300 }
    for _, member in ipairs { "ticket", "chat", "visitor", "canned_response" } do
      for i, value in ipairs(odd) do
        assert.equal(200, (receiver:handle(json.encode { event_type = "a\nb", [member] = value,
          event_unique_id = member .. i })))
        assert.matches("^a b[^%c]*$", got)
      end
    end
  end)

  it("knows the service by a token, and prints JSON", function()
    local port = helper.free_port()
    local program = spawn({ "listen", "--port", tostring(port), "--json", "--token", "one",
      "--token=two", write_handlers "return { chat_ended = print }" })
    program.wait("listening on")
    assert.equal(401, post(port, { event_type = "y" }))
    assert.equal(401, post(port, { event_type = "y", token = "three" }))
    assert.equal(200, post(port, { event_type = "y", token = "two" }))
    assert.truthy(program.text():find('\n{"event_type":"y"}\n', 1, true), program.text())
    assert.is_nil(program.text():find("two", 1, true))
    assert.is_nil(program.text():find("anyone", 1, true))
  end)

  local function account(sandbox)
    return { LIVECHAT_USERNAME = sandbox.username, LIVECHAT_API_KEY = sandbox.api_key,
      LIVECHAT_BASE_URL = sandbox.url }
  end

  local function folders()
    return (select(2, helper.run('ls -d "${TMPDIR:-/tmp}"/livechat.*/settings.json '
      .. '"${TMPDIR:-/tmp}"/livechat.*/ready 2>/dev/null')))
  end

  it("registers webhooks for what it handles, and removes them on ^C and TERM", function()
    local sandbox = helper.sandbox { speed = 1000 }
    local before = folders()
    for _, signal in ipairs { "INT", "TERM", "HUP" } do
      local port = helper.free_port()
      local url = "http://127.0.0.1:" .. port .. "/hook?x=1"
      local program = spawn({ "listen", "--port", tostring(port), "--register", url,
        write_handlers [[return {
          ticket_created = function(event)
            local ticket = assert(event.ticket:tag { "seen" })
            print("tagged " .. ticket.id .. " " .. ticket.tags[1])
          end,
          chat_ended = function() end,
        }]] }, account(sandbox))
      program.wait("registered 2 webhooks for " .. url:gsub("%p", "%%%0") .. "\n")
      assert.equal(2, sandbox.control("GET", "state").webhooks)
      assert.equal(401, post(port, { event_type = "ticket_created" }))
      assert.equal(1, sandbox.control("POST", "trigger", { event_type = "ticket_created" })
        .deliveries)
      program.wait("ticket_created  [A-Z0-9]+  Sent by the sandbox  mary.brown@example.net\n")
      program.wait("tagged [A-Z0-9]+ seen\n")
      sandbox.control("POST", "trigger", { event_type = "chat_ended" })
      program.wait("Z  chat_ended  ")
      assert.is_nil(program.text():find("livechat-listen", 1, true)) -- nor its password
      helper.kill(program.pid, signal)
      assert.truthy(helper.wait_exit(program.pid))
      assert.matches("removed 2 webhooks\n$", program.text())
      assert.equal(0, sandbox.control("GET", "state").webhooks)
    end
    assert.equal(0, sandbox.control("GET", "deliveries").failed)
    assert.equal(before, folders())
  end)

  it("uses the credentials of the URL, and registers all events for '*'", function()
    local sandbox = helper.sandbox()
    local port = helper.free_port()
    local program = spawn({ "listen", "--port", tostring(port), "--register",
      "http://us%40er:pass%20word@127.0.0.1:" .. port .. "/", write_handlers [[
        return { ["*"] = function() end }
      ]] }, account(sandbox))
    program.wait("registered 6 webhooks")
    assert.is_nil(program.text():find("pass", 1, true))
    sandbox.control("POST", "trigger", { event_type = "visitor_queued" })
    program.wait("Z  visitor_queued  ")
    helper.kill(program.pid, "TERM")
    assert.truthy(helper.wait_exit(program.pid))
    assert.equal(0, sandbox.control("GET", "state").webhooks)
  end)

  it("takes nginx along when it is killed outright, and clears up the next time", function()
    local sandbox = helper.sandbox()
    local port = helper.free_port()
    local words = { "listen", "--port", tostring(port), "--register",
      "http://127.0.0.1:" .. port .. "/", write_handlers "return { chat_ended = print }" }
    local program = spawn(words, account(sandbox))
    program.wait("registered 1 webhooks?")
    helper.kill(program.pid, "KILL")
    helper.wait_until(function()
      local connection = helper.connect(port)
      if connection then connection:close() end
      return not connection
    end)
    assert.equal(1, sandbox.control("GET", "state").webhooks)
    program = spawn(words, account(sandbox))
    program.wait("registered 1 webhooks?")
    assert.equal(1, sandbox.control("GET", "state").webhooks)
    helper.kill(program.pid, "TERM")
    assert.truthy(helper.wait_exit(program.pid))
    assert.equal(0, sandbox.control("GET", "state").webhooks)
  end)

  it("says what keeps it from listening", function()
    local handlers = write_handlers "return { chat_ended = print }"
    local taken = helper.sandbox()
    local before = folders()
    local status, _, said = livechat(("listen --port %d %s"):format(taken.port, handlers))
    assert.equal(1, status)
    assert.matches("Address already in use", said)
    assert.matches("livechat: nginx did not start", said)
    status, _, said = livechat("listen " .. write_handlers "return {")
    assert.equal(1, status)
    assert.matches("handlers.lua:1:.*unexpected symbol.*livechat: nginx did not start", said)
    local wrong = account(taken)
    wrong.LIVECHAT_API_KEY = "wrong"
    status, _, said = livechat(("listen --port %d --register http://127.0.0.1:1/ %s"):format(
      helper.free_port(), handlers), wrong)
    assert.equal(1, status)
    assert.matches("livechat: not registered: livechat: auth: ", said)
    assert.equal(before, folders())
  end)
end)

describe("livechat sandbox and trigger", function()
  after_each(helper.cleanup)

  it("run a local service and have it send events", function()
    local port, hook_port = helper.free_port(), helper.free_port()
    local service = spawn({ "sandbox", "--port", tostring(port), "--seed", "3", "--speed=1000",
      "--username", "me@example.com", "--api-key", "k", "--token", "t0ken" })
    service.wait("127%.0%.0%.1:" .. port)
    local url = "http://127.0.0.1:" .. port
    local status, out = livechat("trigger chat_started --url " .. url)
    assert.same({ 0, "1 event, sent to 0 webhooks\n" }, { status, out })
    local listener = spawn({ "listen", "--port", tostring(hook_port), "--register",
      "http://127.0.0.1:" .. hook_port, "examples/handlers.lua" }, { LIVECHAT_BASE_URL = url,
      LIVECHAT_USERNAME = "me@example.com", LIVECHAT_API_KEY = "k" })
    listener.wait("registered 2 webhooks")
    status, out = livechat("trigger ticket_created --json --count 2 --data "
      .. quote '{"ticket":{"subject":"I want a refund"}}', { LIVECHAT_BASE_URL = url })
    assert.equal(0, status)
    local answer = assert(json.decode(out))
    assert.equal("2 2", ("%d %d"):format(answer.events, answer.deliveries))
    listener.wait("  " .. answer.ids[2] .. " from mary.brown@example.net\n")
    assert.truthy(listener.text():find("I want a refund", 1, true))
    helper.wait_until(function() -- the handler tells of the ticket before it tags it
      local tagged = assert(helper.http { url = url .. "/tickets/" .. answer.ids[2], headers = {
        ["X-API-Version"] = "2", Authorization = "Basic bWVAZXhhbXBsZS5jb206aw==" } }).body
      return tagged:find('"refund"', 1, true)
    end, 10, "the tag")
    assert.equal(0, (livechat("trigger chat_ended --url " .. url)))
    listener.wait(" wrote %d lines\n")
    local said
    status, out, said = livechat("trigger nonsense --url " .. url)
    assert.same({ 1, "" }, { status, out })
    assert.matches("event_type must be the name of an event", said)
    assert.equal(1, (livechat("trigger chat_ended --url http://127.0.0.1:" .. helper.free_port())))
    helper.kill(listener.pid, "TERM")
    assert.truthy(helper.wait_exit(listener.pid))
  end)
end)
