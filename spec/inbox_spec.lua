-- SPDX-License-Identifier: MIT
-- Where redis-lua is not installed for this Lua, the one of another does: it is pure Lua.
package.path = package.path .. ";/usr/share/lua/5.3/?.lua"

local core = require "livechat.core"
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"

local quote = helper.quote

local function body_of(id, more)
  local body = { event_type = "chat_started", event_unique_id = id, token = "s3cret",
    chat = { id = "C" .. id, started_timestamp = 0 } }
  for name, value in pairs(more or {}) do body[name] = value end
  return json.encode(body)
end

--- A receiver over the inbox, what its handler got, and what on_error was told.
local function receiver_of(inbox, handler)
  local got, said = {}, {}
  local receiver = livechat.receiver { token = "s3cret", inbox = inbox,
    on_error = function(text) said[#said + 1] = text end }
  receiver:on("*", function(event)
    got[#got + 1] = event
    if handler then handler(event) end
  end)
  return receiver, got, said
end

local function ids_of(events)
  local ids = {}
  for i, event in ipairs(events) do ids[i] = event.id end
  return table.concat(ids, " ")
end

-- What a folder and Redis have in common. `make` gives an inbox, the same at each call, `pass` lets
-- seconds pass for it.
local function behaves_like_an_inbox(make, pass)
  it("stores an event once, and hands it out", function()
    local inbox = make()
    local receiver, got = receiver_of(inbox)
    assert.same({ 200, "stored\n" }, { receiver:handle(body_of "a") })
    assert.same({ 200, "known already\n" }, { receiver:handle(body_of "a") })
    assert.same({ 200, "known already\n" }, { receiver_of(make()):handle(body_of "a") })
    assert.equal(0, #got) -- not before it is drained
    assert.same({ 1, 0 }, { receiver:drain() })
    assert.equal("a", got[1].id)
    assert.equal("Ca", got[1].chat.id)
    assert.equal("1970-01-01T00:00:00.000Z", got[1].chat.started_timestamp)
    assert.is_nil(got[1].token)
    assert.is_nil(got[1]:raw().token)
    assert.same({ 0, 0 }, { receiver:drain() })
    assert.same({ 200, "known already\n" }, { receiver:handle(body_of "a") })
    assert.same({ 0, 0 }, { receiver:drain() })
    assert.equal(1, #got)
  end)

  it("hands out the oldest first, and as many as asked for", function()
    local receiver, got = receiver_of(make())
    for _, id in ipairs { "e5", "e1", "e4", "e2", "e3" } do receiver:handle(body_of(id)) end
    assert.same({ 2, 0 }, { receiver:drain { limit = 2 } })
    receiver:handle(body_of "e0")
    assert.same({ 4, 0 }, { receiver:drain() })
    assert.equal("e5 e1 e4 e2 e3 e0", ids_of(got))
  end)

  it("keeps an event of any content as it came", function()
    local receiver, got = receiver_of(make())
    local text = '{\n"event_type":"odd",\r\n\t"event_unique_id":"o","token":"s3cret",' ..
      '"text":"line\\nend \\u0000 \\ud83d\\ude00 é","big":1e300,"list":[[],{},null]}'
    assert.equal(200, (receiver:handle(text)))
    assert.same({ 1, 0 }, { receiver:drain() })
    assert.equal("line\nend \0 😀 é", got[1].text)
    assert.equal(1e300, got[1].big)
  end)

  it("holds no token", function()
    local inbox = make()
    local receiver = receiver_of(inbox)
    receiver:handle(body_of("a", { other = "seen" }))
    local listed = assert(inbox:list())
    assert.is_nil(listed[1].text:find("s3cret", 1, true))
    assert.truthy(listed[1].text:find("seen", 1, true))
  end)

  it("gives an event to one of those who ask", function()
    local one, other = make(), make()
    assert.equal("stored", one:store("a", "{}"))
    assert.equal("stored", one:store("b", "{}"))
    local a = assert(one:claim())
    local b = assert(other:claim())
    assert.equal("a b", a.id .. " " .. b.id)
    assert.is_nil((one:claim()))
    assert.is_nil((other:claim()))
    assert.is_true(one:done(a))
    assert.is_true(other:done(b))
    assert.is_nil((one:claim()))
    assert.equal("known", one:store("a", "{}"))
  end)

  it("takes an event back as if it had not been claimed", function()
    local inbox = make()
    inbox:store("a", "{}")
    inbox:release(assert(inbox:claim()))
    local claim = assert(inbox:claim())
    assert.equal(1, claim.attempts)
    inbox:done(claim)
  end)

  it("gives an event again after pauses that grow, until its attempts are used up", function()
    local inbox = make()
    local receiver, got, said = receiver_of(inbox, function()
      error("no luck, password=hunter2")
    end)
    receiver:handle(body_of "a")
    for attempt, pause in ipairs { 1, 4, 16, 64 } do
      assert.same({ 0, 1 }, { receiver:drain { attempts = 5 } })
      assert.equal(attempt, #got)
      assert.same({ 0, 0 }, { receiver:drain() })
      pass(pause - 0.5)
      assert.same({ 0, 0 }, { receiver:drain() })
      local listed = inbox:list()[1]
      assert.equal("pending", listed.state)
      assert.equal(attempt, listed.attempts)
      assert.truthy(math.abs(listed.time - core.now() - 0.5) < 0.4, listed.time - core.now())
      pass(0.6)
    end
    assert.same({ 0, 1 }, { receiver:drain { attempts = 5 } })
    assert.equal(5, #got)
    assert.equal(5, #said)
    pass(1e6)
    assert.same({ 0, 0 }, { receiver:drain() })
    local failed = inbox:list()
    assert.equal(1, #failed)
    assert.equal("failed", failed[1].state)
    assert.equal("a", failed[1].id)
    assert.equal(5, failed[1].attempts)
    assert.matches("^livechat.Event: chat_started a: .*_spec.lua:%d+: no luck", failed[1].error)
    assert.matches("stack traceback:\n", failed[1].error)
    assert.is_nil(failed[1].error:find("hunter2", 1, true))
  end)

  it("gives up after ten attempts, and never waits for more than an hour", function()
    local inbox = make()
    local receiver, got = receiver_of(inbox, function() error("no") end)
    receiver:handle(body_of "a")
    for _ = 1, 10 do
      receiver:drain()
      pass(3601)
    end
    receiver:drain()
    assert.equal(10, #got)
    assert.equal("failed", inbox:list()[1].state)
  end)

  it("knows what failed, tries it again on demand, and lets go of it", function()
    local inbox = make()
    local broken = true
    local receiver, got = receiver_of(inbox, function() if broken then error("no") end end)
    for _, id in ipairs { "a", "b" } do receiver:handle(body_of(id)) end
    assert.same({ 0, 2 }, { receiver:drain { attempts = 1 } })
    assert.same({ 200, "known already\n" }, { receiver:handle(body_of "a") })
    local none, message = inbox:retry("c")
    assert.is_nil(none)
    assert.matches("no event c", message)
    assert.is_nil((inbox:purge("c")))
    assert.is_true(inbox:retry("a"))
    assert.same({ 0, 1 }, { receiver:drain { attempts = 2 } })
    assert.equal("pending", inbox:list()[1].state) -- all attempts are new
    assert.is_true(inbox:retry("a")) -- what waits is due now
    broken = false
    assert.same({ 1, 0 }, { receiver:drain { attempts = 2 } })
    assert.equal("a b a a", ids_of(got))
    assert.is_true(inbox:purge("b"))
    assert.same({}, inbox:list())
    assert.same({ 200, "known already\n" }, { receiver:handle(body_of "b") })
    assert.same({ 0, 0 }, { receiver:drain() })
  end)

  it("runs no handler again that succeeded, whoever tries next", function()
    local ran, broken = {}, true
    local function new_receiver()
      local receiver = livechat.receiver { token = false, inbox = make(),
        on_error = function() end }
      for _, name in ipairs { "a", "b", "c" } do
        receiver:on("*", function()
          ran[#ran + 1] = name
          if name == "b" and broken then error("no") end
        end)
      end
      return receiver
    end
    local first = new_receiver()
    first:handle(body_of "x")
    first:drain()
    pass(2)
    new_receiver():drain()
    pass(5)
    broken = false
    assert.same({ 1, 0 }, { new_receiver():drain() })
    assert.equal("a b c b b", table.concat(ran, " "))
  end)

  it("sets aside what is no event, and what ends its process each time", function()
    local inbox = make()
    local receiver, got = receiver_of(inbox)
    inbox:store("a", "{ torn")
    inbox:store("b", '{"event_type":5}')
    assert.same({ 0, 2 }, { receiver:drain() })
    local listed = inbox:list()
    assert.equal("failed failed", listed[1].state .. " " .. listed[2].state)
    assert.matches("^not a webhook: ", listed[1].error)
    assert.equal("not a webhook: wrong type of event_type", listed[2].error)
    assert.equal(0, #got)
  end)

  it("gives an event back that ^C interrupts", function()
    local inbox = make()
    local interrupted = true
    local receiver, got, said = receiver_of(inbox, function()
      if interrupted then error("interrupted!", 0) end
    end)
    receiver:handle(body_of "a")
    local fine, message = pcall(receiver.drain, receiver)
    assert.is_false(fine)
    assert.matches("^interrupted!", message)
    assert.equal(0, #said)
    interrupted = false
    assert.equal(0, inbox:list()[1].attempts)
    assert.same({ 1, 0 }, { receiver:drain() })
    assert.equal(2, #got)
  end)

  it("is shared by processes of every Lua, each event handled by one of them", function()
    local inbox = make()
    for i = 1, 300 do assert.equal("stored", inbox:store("e" .. i, body_of("e" .. i))) end
    local log = helper.folder() .. "/log"
    local pids = {}
    for _, version in ipairs(helper.lua_versions()) do
      pids[#pids + 1] = helper.spawn({ "sh", "-c", helper.lua_env(version) .. ' exec "$0" "$@"',
        helper.lua_program(version), "-e", ([[
        package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
        local livechat = require "livechat"
        local receiver = livechat.receiver { token = false, inbox = %s }
        local log = io.open(%q, "a")
        log:setvbuf("no")
        receiver:on("*", function(event) log:write(event.id .. "\n") end)
        receiver:drain()
      ]]):format(make("source"), log) })
    end
    for _, pid in ipairs(pids) do assert.truthy(helper.wait_exit(pid)) end
    local seen, count = {}, 0
    for id in (helper.read(log) or ""):gmatch("[^\n]+") do
      assert.is_nil(seen[id], id)
      seen[id], count = true, count + 1
    end
    assert.equal(300, count)
    assert.same({}, inbox:list())
  end)

  it("is drained for ever by receiver:run", function()
    local inbox, log = make(), helper.folder() .. "/log"
    local version = helper.lua_version
    local pid, output = helper.spawn({ "sh", "-c", helper.lua_env(version) .. ' exec "$0" "$@"',
      helper.lua_program(version), "-e", ([[
      package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
      local livechat = require "livechat"
      local receiver = livechat.receiver { token = false, inbox = %s }
      local log = io.open(%q, "a")
      log:setvbuf("no")
      receiver:on("*", function(event) log:write(event.id .. "\n") end)
      receiver:run { poll = 0.05 }
    ]]):format(make("source"), log) })
    for i = 1, 3 do
      inbox:store("e" .. i, body_of("e" .. i))
      helper.wait_until(function() return (helper.read(log) or ""):find("e" .. i, 1, true) end, 10,
        "event e" .. i)
    end
    assert.truthy(helper.alive(pid))
    assert.equal("", helper.read(output))
    helper.stop(pid)
  end)
end

describe("an inbox in a folder", function()
  local path
  before_each(function() path = helper.folder() .. "/in box" end)
  after_each(helper.cleanup)

  local pass
  before_each(function()
    local real, ahead = core.now, 0
    core.now = function() return real() + ahead end
    pass = function(seconds) ahead = ahead + seconds end
    helper.defer(function() core.now = real end)
  end)

  behaves_like_an_inbox(function(source)
    return source and ("livechat.inbox(%q)"):format(path) or livechat.inbox(path)
  end, function(seconds) pass(seconds) end)

  local function ls(folder)
    return (select(2, helper.run("cd " .. quote(path) .. " && ls -A " .. folder)):gsub("\n$", ""))
  end

  it("is made when the first event comes", function()
    local inbox = livechat.inbox(path)
    assert.equal("livechat.inbox: " .. path, tostring(inbox))
    assert.is_nil((inbox:claim()))
    assert.same({}, inbox:list())
    assert.is_nil(helper.read(path .. "/new"))
    assert.equal(1, (helper.run("ls " .. quote(path) .. " >/dev/null 2>&1 || exit 1")))
    assert.equal("stored", inbox:store("a", "{}"))
    assert.equal("done\nfailed\nnew\ntmp", ls("."))
    assert.equal("a", ls("new"))
    assert.equal("", ls("tmp"))
    helper.run("rm -rf " .. quote(path))
    assert.equal("stored", inbox:store("a", "{}"))
  end)

  it("is for its owner alone, or for a group", function()
    livechat.inbox(path):store("a", "{}")
    local function modes(at)
      local words = "umask 077; stat -c %a . tmp new done failed new/a | xargs"
      return (select(2, helper.run("cd " .. quote(at) .. " && " .. words)):gsub("%s+$", ""))
    end
    assert.equal("700 700 700 700 700 600", modes(path))
    local shared = helper.folder() .. "/shared"
    livechat.inbox({ path = shared, mode = "0640" }):store("a", "{}")
    assert.equal("2750 2750 2750 2750 2750 640", modes(shared))
  end)

  it("has a file for each event, and an empty one for what was handled", function()
    local receiver = receiver_of(livechat.inbox(path))
    receiver:handle(body_of "a")
    local text = helper.read(path .. "/new/a")
    assert.equal('v2 {"chat":{"id":"Ca","started_timestamp":0},"event_type":"chat_started",'
      .. '"event_unique_id":"a"}\n', text)
    assert.is_nil(text:find("s3cret", 1, true))
    receiver:drain()
    assert.equal("", ls("new"))
    assert.equal("a", ls("done"))
    assert.equal("", helper.read(path .. "/done/a"))
  end)

  it("remembers what was handled for seven hours", function()
    local inbox = livechat.inbox(path)
    local receiver = receiver_of(inbox)
    receiver:handle(body_of "a")
    receiver:drain()
    inbox:sweep(core.now() + 7 * 3600 - 60)
    assert.equal("known", inbox:store("a", "{}"))
    inbox:sweep(core.now() + 7 * 3600 + 600)
    assert.equal("", ls("done"))
    assert.equal("stored", inbox:store("a", body_of "a"))
    -- Draining sweeps by itself.
    receiver:drain()
    assert.equal("a", ls("done"))
    pass(8 * 3600)
    receiver:drain()
    assert.equal("", ls("done"))
  end)

  it("does not look through it at every turn", function()
    local inbox, real, looks = livechat.inbox(path), core.spool.open, 0
    finally(function() core.spool.open = real end)
    core.spool.open = function(folder)
      looks = looks + (folder:find("/done/$") and 1 or 0)
      return real(folder)
    end
    for _ = 1, 5 do inbox:claim() end
    assert.equal(1, looks)
    pass(601)
    inbox:claim()
    assert.equal(2, looks)
  end)

  it("removes what a writer that died has left behind, but not what is being written", function()
    local inbox = livechat.inbox(path)
    inbox:store("a", "{}")
    helper.write(path .. "/tmp/draft", "half")
    inbox:sweep(core.now() + 1000)
    assert.equal("draft", ls("tmp"))
    inbox:sweep(core.now() + 5000)
    assert.equal("", ls("tmp"))
    assert.equal("a", ls("new"))
  end)

  it("does not hand out what was handled while its redelivery was being stored", function()
    for _, folder in ipairs { "done", "failed" } do
      local inbox = livechat.inbox(path .. folder)
      inbox:store("a", "{}")
      local claim = inbox:claim()
      if folder == "done" then inbox:done(claim) else
        inbox:fail(claim, { error = "x", handled = {} })
      end
      helper.write(path .. folder .. "/new/a", "{}\n") -- as between the look and the link
      assert.is_nil((inbox:claim()))
      assert.is_nil(helper.read(path .. folder .. "/new/a"))
    end
  end)

  it("is not held up by a clock that was set back", function()
    local inbox = livechat.inbox(path)
    inbox:store("a", "{}")
    local real = core.now
    finally(function() core.now = real end)
    core.now = function() return real() - 86400 end
    assert.equal("a", assert(inbox:claim()).id)
  end)

  it("makes nothing wait for longer than an hour", function()
    local inbox = livechat.inbox(path)
    inbox:store("a", "{}")
    inbox:later(assert(inbox:claim()), 86400, { error = "x", handled = {} })
    assert.is_nil((inbox:claim()))
    pass(3600)
    assert.truthy(inbox:claim())
  end)

  it("takes an event from a process that dies, counting the attempt", function()
    local inbox = livechat.inbox(path)
    inbox:store("a", body_of "a")
    local ready = helper.folder() .. "/ready"
    for attempt = 1, 3 do
      os.remove(ready)
      local version = helper.lua_version
      local pid = helper.spawn({ "sh", "-c", helper.lua_env(version) .. ' exec "$0" "$@"',
        helper.lua_program(version), "-e", ([[
        local livechat = require "livechat"
        local receiver = livechat.receiver { token = false, inbox = livechat.inbox(%q) }
        receiver:on("*", function() io.open(%q, "w"):close() while true do end end)
        receiver:drain()
      ]]):format(path, ready) })
      helper.wait_until(function() return helper.read(ready) end, 10, "the handler")
      local none, message = inbox:retry("a")
      assert.is_nil(none)
      assert.matches("is being handled now", message)
      assert.is_nil((inbox:claim()))
      helper.kill(pid, "KILL")
      assert.truthy(helper.wait_exit(pid))
      assert.equal(attempt, inbox:list()[1].attempts)
    end
    local receiver, got = receiver_of(inbox)
    assert.same({ 0, 1 }, { receiver:drain { attempts = 3 } })
    assert.equal(0, #got)
    assert.equal("no attempt came to an end", inbox:list()[1].error)
    assert.is_true(inbox:retry("a"))
    assert.same({ 1, 0 }, { receiver:drain { attempts = 3 } })
  end)

  it("says so where the disk is full or cannot be written, and answers 500", function()
    local receiver, _, said = receiver_of(livechat.inbox("/dev/null/inbox"))
    assert.same({ 500, "it could not be stored\n" }, { receiver:handle(body_of "a") })
    assert.equal("livechat: event a was not stored: the inbox /dev/null/inbox: Not a directory",
      said[1])
    local handled, err = receiver:drain()
    assert.is_nil(handled)
    assert.equal("invalid", err.kind)
    assert.matches("^livechat: invalid: the inbox /dev/null/inbox: ", tostring(err))
    if helper.run("id -u | grep -qx 0 && mkdir -p " .. quote(path) ..
      " && mount -t tmpfs -o size=64k tmpfs " .. quote(path)) ~= 0 then
      return pending("no file system can be mounted here")
    end
    helper.defer(function() helper.run("umount -l " .. quote(path)) end)
    receiver, _, said = receiver_of(livechat.inbox(path))
    local stored = 0
    while stored < 100
      and receiver:handle(body_of("e" .. stored, { pad = ("x"):rep(3000) })) == 200 do
      stored = stored + 1
    end
    assert.equal(500, (receiver:handle(body_of("e" .. stored, { pad = ("x"):rep(3000) }))))
    assert.truthy(stored > 5 and stored < 30, stored)
    assert.matches("^livechat: event e%d+ was not stored: the inbox .*: No space left on device$",
      said[1])
    assert.equal("", ls("tmp"))
    assert.equal(stored, select(2, ls("new"):gsub("e%d+", "")))
    -- Handling makes room, and nothing that was answered with 200 is lost.
    assert.same({ stored, 0 }, { receiver:drain() })
    assert.equal(200, (receiver:handle(body_of("later", { pad = ("x"):rep(3000) }))))
    helper.run("mount -o remount,ro " .. quote(path))
    assert.equal(500, (receiver:handle(body_of "ro")))
    assert.matches("Read%-only file system$", said[#said])
  end)

  it("gives the first of a full folder before it has read the rest, and all of it once", function()
    local queue = require "livechat.events.inbox_queue"
    local first, further = queue.FIRST_LOOK, queue.FURTHER
    queue.FIRST_LOOK, queue.FURTHER = 20, 3
    helper.defer(function() queue.FIRST_LOOK, queue.FURTHER = first, further end)
    local inbox, read, held = livechat.inbox(path), 0, {}
    for i = 1, 100 do assert.equal("stored", inbox:store(("e%03d"):format(i), "{}")) end
    inbox = livechat.inbox(path)
    local on, run = inbox.reading.on, inbox.reading.run
    inbox.reading.on = function(self, handle, verb, ...)
      read = read + (verb == "more" and ... or 0)
      return on(self, handle, verb, ...)
    end
    inbox.reading.run = function(self, verb, ...)
      read = read + (verb == "look" and 20 or 0)
      return run(self, verb, ...)
    end
    for i = 1, 100 do
      local claim = assert(inbox:claim(), i)
      assert.is_nil(held[claim.id])
      held[claim.id] = claim
      assert.truthy(i > 1 or read == 23, read)
      if i % 10 == 0 then inbox:later(claim, 100, { error = "x", handled = {} }) end
    end
    assert.is_nil((inbox:claim())) -- the rest is in the hands of a process, or due later
    assert.truthy(read >= 100)
  end)

  it("does not stop at a file that it cannot use, but tells", function()
    local inbox = livechat.inbox(path)
    inbox:store("b", "{}")
    helper.run("ln -s b " .. quote(path .. "/new/link") .. "; mkdir " .. quote(path .. "/new/sub"))
    local claim = assert(inbox:claim())
    assert.equal("b", claim.id)
    inbox:done(claim)
    assert.is_nil((inbox:claim()))
  end)

  it("takes nothing for a name that leads out of it", function()
    for _, id in ipairs { "../x", "..", ".x", "a/b", "", "a\0b" } do
      assert.has_error(function() livechat.inbox(path):store(id, "{}") end)
    end
  end)

  it("does not take another program's folder for an inbox", function()
    local function refused(what, prepare, more)
      local at = helper.folder() .. "/box"
      assert.equal(0, (helper.run(("mkdir -p %s && cd %s && "):format(quote(at), quote(at))
        .. prepare)))
      local options = { path = at }
      for name, value in pairs(more or {}) do options[name] = value end
      local before = select(2, helper.run("cd " .. quote(at) .. " && find . -type f | xargs cat"))
      for _, verb in ipairs { "store", "claim", "list", "exists", "retry", "purge" } do
        local inbox = livechat.inbox(options)
        local value, problem = inbox[verb](inbox, "a", "{}")
        assert.is_nil(value, verb)
        assert.equal("the inbox " .. at .. ": " .. what, problem)
      end
      assert.equal(before, select(2, helper.run("cd " .. quote(at)
        .. " && find . -type f | xargs cat")))
    end
    local CONTENT = "is not an inbox: it holds "
    refused(CONTENT .. "'cur'", "mkdir new tmp cur && echo mail > new/1.host") -- a maildir
    refused(CONTENT .. "'letter'", "echo hello > letter")
    refused(CONTENT .. "'src'", "mkdir src new")
    refused("is not an inbox: its done is not a folder", "mkdir tmp new failed && touch done")
    refused("is not an inbox: its new is not a folder", "mkdir tmp done failed && ln -s /etc new")
    refused("may not be used: everyone may write to it", "chmod 777 .")
    refused("may not be used: everyone may write to its new",
      "mkdir tmp new done failed && chmod 777 new")
    refused("Not a directory", "cd .. && rmdir box && touch box")
    refused("Not a directory", "cd .. && rmdir box && mkfifo box")
    refused("is a link that leads nowhere", "cd .. && rmdir box && ln -s nowhere box")
    if helper.run("id -u | grep -qx 0") ~= 0 then return end
    refused("may not be used: it belongs to another user (12345)", "chown 12345 .")
    refused("may not be used: it belongs to another user (12345)", "mkdir new && chown 12345 .")
    refused("may not be used: its new belongs to another user (12345)",
      "mkdir tmp new done failed && chown 12345 new")
    refused("is a link that another user made",
      "cd .. && mv box other && ln -s other box && chown -h 12345 box")
  end)

  it("takes what is one, or can become one", function()
    for _, prepare in ipairs {
      "true", "mkdir tmp new", "touch .keep", "mkdir lost+found",
      "mkdir tmp new done failed && touch README", -- of an earlier version, and looked after
      "chmod 775 .", "cd .. && mv box other && ln -s other box", "mkdir tmp new done failed"
        .. " && printf '{\"event_type\":\"chat_started\",\"token\":null}\\n' > new/old",
    } do
      local at = helper.folder() .. "/box"
      assert.equal(0, (helper.run(("mkdir -p %s && cd %s && "):format(quote(at), quote(at))
        .. prepare)))
      local receiver = receiver_of(livechat.inbox(at))
      assert.equal(200, (receiver:handle(body_of "a")), prepare)
      assert.same({ prepare:find("new/old") and 2 or 1, 0 }, { receiver:drain() })
      assert.is_true(livechat.inbox(at):exists())
      assert.equal(200, (receiver_of(livechat.inbox(at .. "//")):handle(body_of "b")))
    end
    local at = helper.folder() .. "/open"
    assert.equal("stored", livechat.inbox({ path = at, mode = "0666" }):store("a", "{}"))
    assert.equal("known", livechat.inbox({ path = at, mode = "0666" }):store("a", "{}"))
    assert.is_false(livechat.inbox(at .. "x"):exists())
  end)

  it("leaves a file alone that is no event", function()
    local inbox = livechat.inbox(path)
    inbox:store("a", "{}")
    helper.write(path .. "/new/letter", "Dear all,\n")
    inbox:done(assert(inbox:claim()))
    local none, problem = inbox:claim()
    assert.is_nil(none)
    assert.equal("the inbox " .. path .. ": new/letter is no event", problem)
    assert.equal("Dear all,\n", helper.read(path .. "/new/letter"))
  end)

  it("keeps to a pause that it cannot note", function()
    local inbox = livechat.inbox(path)
    inbox:store("a", "{}")
    local claim = assert(inbox:claim())
    local lock = claim.lock -- as on a disk without room, with the file another user's
    claim.lock = setmetatable({
      append = function() return nil, "enospc", "No space left on device" end,
      touch = function() return nil, "eperm", "Operation not permitted" end,
    }, { __index = function(_, name) return function(_, ...) return lock[name](lock, ...) end end })
    local noted, problem = inbox:later(claim, 4, { error = "x", handled = {} })
    assert.is_nil(noted)
    assert.equal("the inbox " .. path .. ": No space left on device", problem)
    assert.is_nil((inbox:claim()))
    pass(4.1)
    assert.truthy(inbox:claim())
  end)

  it("makes users of a group wait for what failed, whoever stored it", function()
    if helper.run("id -u | grep -qx 0 && command -v setpriv >/dev/null") ~= 0 then
      return pending("only root can be two users")
    end
    local folder = helper.folder()
    local at = folder .. "/shared"
    helper.run(("chmod 711 %s && mkdir %s && chown 23451:23460 %s && chmod 2770 %s"):format(
      quote(folder), quote(at), quote(at), quote(at)))
    local function as(user, code)
      local version = helper.lua_version
      local status, output = helper.run(("%s setpriv --reuid=%d --regid=23460 --clear-groups "
        .. "%s -e %s"):format(helper.lua_env(version), user, helper.lua_program(version), quote(([[
          local livechat = require "livechat"
          local inbox = livechat.inbox { path = %q, mode = "0660" }
          local runs = 0
          local receiver = livechat.receiver { token = false, inbox = inbox,
            on_error = function() end }
          receiver:on("*", function() runs = runs + 1 error("the backend is away") end)
          %s
        ]]):format(at, code))))
      assert.equal(0, status, output)
      return output
    end
    local drain = [[
      for _ = 1, 50 do receiver:drain() end
      local event = inbox:list()[1]
      print(runs, event.state, event.attempts, event.time > os.time() - 1)
    ]]
    assert.equal("200\n", as(23451, ("print((receiver:handle(%q)))"):format(body_of "a")))
    assert.equal("1\tpending\t1\ttrue\n", as(23452, drain))
    assert.equal("0\tpending\t1\ttrue\n", as(23451, drain))
    helper.sleep(1.1)
    assert.equal("1\tpending\t2\ttrue\n", as(23452, drain))
    assert.equal("0\tpending\t2\ttrue\n", as(23452, drain)) -- another process of the same user
    assert.equal("true\n", as(23451, "print((inbox:retry('a')))"))
    assert.equal("1\tpending\t1\ttrue\n", as(23452, drain))
  end)

  it("names a wrong option or argument", function()
    for message, call in pairs {
      ["bad argument 'path' to 'livechat.inbox'"] = function() livechat.inbox(5) end,
      ["bad argument 'path' to 'livechat.inbox' (the"] = function() livechat.inbox("") end,
      ["bad argument 'path' to 'livechat.inbox' (the path"] = function() livechat.inbox {} end,
      ["bad argument 'mode' to 'livechat.inbox'"] = function()
        livechat.inbox { path = "x", mode = "rw" }
      end,
      ["bad argument 'redis' to 'livechat.inbox'"] = function() livechat.inbox { redis = 5 } end,
      ["bad argument 'lease' to 'livechat.inbox'"] = function()
        livechat.inbox { redis = print, lease = 0 }
      end,
      ["bad argument 'stream' to 'livechat.inbox'"] = function()
        livechat.inbox { redis = print, stream = "" }
      end,
      ["bad argument 'path' to 'livechat.inbox' (either"] = function()
        livechat.inbox { redis = print, path = "x" }
      end,
      ["did you mean 'path'"] = function() livechat.inbox { pth = "x" } end,
      ["bad argument 'id' to 'inbox:retry'"] = function() livechat.inbox("x"):retry("../x") end,
      ["bad argument 'id' to 'inbox:purge'"] = function() livechat.inbox("x"):purge() end,
    } do
      local fine, raised = pcall(call)
      assert.is_false(fine)
      assert.matches("inbox_spec.lua:%d+: ", raised)
      assert.truthy(raised:find(message, 1, true), raised)
    end
  end)
end)

describe("an inbox in Redis", function()
  local server, connection, stream, count = nil, nil, nil, 0
  setup(function() server = helper.redis() end)
  teardown(helper.cleanup)
  before_each(function()
    count = count + 1
    stream = "inbox" .. count
    connection = require("redis").connect("127.0.0.1", server.port)
  end)
  after_each(function() connection:quit() end)

  -- Time passes where it is kept: what waits is due sooner.
  local function pass(seconds)
    for _, pair in ipairs(connection:zrange("{" .. stream .. "}:later", 0, -1, "withscores")) do
      connection:zincrby("{" .. stream .. "}:later", -seconds, pair[1])
    end
  end

  behaves_like_an_inbox(function(source)
    if source then
      return ([[livechat.inbox { stream = %q, redis = function()
        return require("redis").connect("127.0.0.1", %d)
      end }]]):format(stream, server.port)
    end
    return livechat.inbox { redis = connection, stream = stream }
  end, pass)

  it("takes an event from who has had it for longer than the lease", function()
    local slow = livechat.inbox { redis = connection, stream = stream, lease = 0.3 }
    local other = livechat.inbox { redis = connection, stream = stream, lease = 0.3 }
    slow:store("a", "{}")
    local claim = assert(slow:claim())
    assert.is_nil((other:claim()))
    helper.sleep(0.35)
    local again = assert(other:claim())
    assert.equal("a", again.id)
    assert.equal(2, again.attempts)
    assert.is_true(slow:done(claim))
    assert.is_true(other:later(again, 0, { error = "x", handled = {} })) -- it is done already
    helper.sleep(0.35)
    assert.is_nil((other:claim()))
    assert.same({}, slow:list())
  end)

  describe("whose lease ran out", function()
    local one, other, claim, again
    before_each(function()
      one = livechat.inbox { redis = connection, stream = stream, lease = 0.2 }
      other = livechat.inbox { redis = connection, stream = stream, lease = 0.2 }
      one:store("a", body_of "a")
      claim = assert(one:claim())
      helper.sleep(0.25)
      again = assert(other:claim())
    end)

    local function is_gone()
      pass(1e6)
      helper.sleep(0.25)
      assert.is_nil((one:claim()))
      assert.same({}, one:list())
      assert.equal("known", one:store("a", "{}"))
    end

    local OVERDUE = "event a was no longer this process's: its handlers took longer than the "
      .. "lease of 0.2 s"

    it("cannot be put back, set aside or given back by who had it", function()
      for _, verb in ipairs { "later", "fail", "release" } do
        local report = { error = "x", handled = {} }
        local fine, text = one[verb](one, claim, verb == "later" and 0 or report, report)
        assert.is_true(fine)
        assert.equal(OVERDUE, text:sub(1, #OVERDUE))
        assert.equal("pending", one:list()[1].state)
        assert.equal(1, #one:list())
      end
      assert.same({ true }, { other:done(again) })
      is_gone()
    end)

    it("is done when either has done it", function()
      assert.same({ true }, { one:done(claim) })
      local fine, text = other:later(again, 0, { error = "x", handled = {} })
      assert.is_true(fine)
      assert.equal(OVERDUE, text:sub(1, #OVERDUE))
      assert.is_true(other:fail(again, { error = "x", handled = {} }))
      assert.is_true(other:done(again))
      is_gone()
    end)

    it("is done also where the other put it back or aside meanwhile", function()
      assert.same({ true }, { other:later(again, 0, { error = "x", handled = {} }) })
      assert.is_true(one:done(claim))
      is_gone()
      for _, verb in ipairs { "later", "fail" } do
        one:store("b", "{}")
        claim = assert(one:claim())
        helper.sleep(0.25)
        again = assert(other:claim())
        if verb == "fail" then other:fail(again, { error = "x", handled = {} }) else
          other:later(again, 0, { error = "x", handled = {} })
          helper.sleep(0.01)
          again = assert(other:claim()) -- it is another entry of the stream by now
        end
        assert.is_true(one:done(claim))
        assert.is_true(other:later(again, 0, { error = "x", handled = {} }))
        is_gone()
        connection:del("{" .. stream .. "}:id:b")
      end
    end)

    it("is told of by the receiver, and is no failure", function()
      assert.is_true(other:done(again))
      local receiver, got, said = receiver_of(one, function() helper.sleep(0.25)
        local taken = assert(other:claim())
        other:done(taken)
      end)
      receiver:handle(body_of "c")
      assert.same({ 1, 0 }, { receiver:drain() })
      assert.equal(1, #got)
      assert.matches("^livechat: event c was no longer this process's", said[1])
      is_gone()
    end)
  end)

  it("loses nothing where Redis breaks a script off", function()
    local inbox = livechat.inbox { redis = connection, stream = stream }
    local receiver = receiver_of(inbox)
    local prefix = "{" .. stream .. "}:"
    local function blocked(key, fn, ...)
      connection:set(key, "of another type")
      local value, problem = fn(...)
      connection:del(key)
      assert.is_nil(value)
      assert.matches("WRONGTYPE", problem)
    end
    blocked(stream, inbox.store, inbox, "a", body_of "a")
    assert.equal("stored", inbox:store("a", body_of "a"))
    local claim = assert(inbox:claim())
    blocked(prefix .. "later", inbox.later, inbox, claim, 0, { error = "x", handled = {} })
    blocked(prefix .. "failed", inbox.fail, inbox, claim, { error = "x", handled = {} })
    assert.equal("pending", inbox:list()[1].state)
    assert.same({ true }, { inbox:fail(claim, { error = "x", handled = {} }) })
    connection:del(stream)
    blocked(stream, inbox.retry, inbox, "a")
    assert.equal("failed", inbox:list()[1].state)
    assert.is_true(inbox:retry("a"))
    -- What is due goes back into the stream, or stays where it is.
    inbox:later(assert(inbox:claim()), 0, { error = "x", handled = {} })
    connection:del(stream)
    helper.sleep(0.01)
    blocked(stream, inbox.claim, inbox)
    assert.same({ 1, 0 }, { receiver:drain() })
    assert.same({}, inbox:list())
    -- A full memory: the event and its id, or neither.
    connection:raw_cmd("*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$9\r\nmaxmemory\r\n$3\r\n1mb")
    for i = 1, 3 do
      local stored, problem = inbox:store("full" .. i, body_of("full" .. i))
      assert.is_nil(stored)
      assert.matches("OOM", problem)
    end
    connection:raw_cmd("*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$9\r\nmaxmemory\r\n$1\r\n0")
    for i = 1, 3 do assert.equal("stored", inbox:store("full" .. i, body_of("full" .. i))) end
    assert.same({ 3, 0 }, { receiver:drain() })
  end)

  it("finds it behind many that are in good hands", function()
    local inbox = livechat.inbox { redis = connection, stream = stream, lease = 1 }
    for i = 1, 50 do
      inbox:store("e" .. i, "{}")
      assert(inbox:claim())
    end
    helper.sleep(1.1)
    for i = 1, 50 do assert.equal("e" .. i, assert(inbox:claim()).id) end
    assert.is_nil((inbox:claim()))
  end)

  it("remembers ids for seven hours, in keys of one slot", function()
    local inbox = livechat.inbox { redis = connection, stream = stream }
    inbox:store("a", "{}")
    local key = "{" .. stream .. "}:id:a"
    local left = connection:ttl(key)
    assert.truthy(left > 7 * 3600 - 10 and left <= 7 * 3600, left)
    connection:expire(key, 100)
    inbox:done(assert(inbox:claim()))
    assert.truthy(connection:ttl(key) > 7 * 3600 - 10)
    local tagged = livechat.inbox { redis = connection, stream = "x{slot}" }
    tagged:store("a", "{}")
    assert.equal(1, connection:exists("x{slot}:id:a") and 1)
  end)

  it("answers 500 while Redis is away, and says so", function()
    local gone = helper.redis()
    local inbox = livechat.inbox { redis = function()
      return require("redis").connect("127.0.0.1", gone.port)
    end }
    local receiver, _, said = receiver_of(inbox)
    assert.equal(200, (receiver:handle(body_of "a")))
    gone.stop()
    assert.equal(500, (receiver:handle(body_of "b")))
    assert.matches("^livechat: event b was not stored: the inbox livechat:inbox of Redis: %S",
      said[1])
    local handled, err = receiver:drain()
    assert.is_nil(handled)
    assert.equal("network", err.kind)
    assert.is_nil((inbox:list()))
    assert.is_nil((inbox:retry("a")))
  end)
end)
