-- SPDX-License-Identifier: MIT
-- once: runs the command with every Lua itself
--- `livechat RESOURCE VERB …` against the local service, in a shell and at a terminal.
local command = require "spec.command"
local helper = require "spec.helper"
local json = require "livechat.json"

local sandbox, env

setup(function()
  sandbox = helper.sandbox { seed = 30, calls = 100000 }
  env = command.account(sandbox)
end)

teardown(helper.cleanup)

local function control(verb, fields) return sandbox.control("POST", verb, fields) end

local function calls()
  return sandbox.control("GET", "calls").count
end

local function lines(text)
  local list = {}
  for line in text:gmatch("[^\n]+") do list[#list + 1] = line end
  return list
end

describe("a list", function()
  it("is lines with tabs for programs, on every Lua", function()
    for _, version in ipairs(helper.lua_versions()) do
      local status, out, said = command.run("tickets list --limit 2 --columns id,requester.mail",
        env, version)
      assert.same({ 0, "" }, { status, said })
      assert.equal(2, #lines(out))
      assert.truthy(lines(out)[1]:find("^%w+\t[^\t@]+@[^\t]+$"), out)
    end
  end)

  it("is one JSON document, or one a line", function()
    local _, out = command.run("tickets list --all --json", env)
    local list = assert(json.decode(out))
    assert.equal(30, #list)
    local _, streamed = command.run("tickets list --all --jsonl", env)
    assert.equal(30, #lines(streamed))
    assert.same(list[1], json.decode(lines(streamed)[1]))
    local _, page = command.run("tickets list --json", env)
    assert.equal(25, #json.decode(page))
    local _, none = command.run("tickets list --requester.mail none@example.net --json", env)
    assert.equal("[]\n", none)
  end)

  it("filters by the fields' own names", function()
    local _, out = command.run("tickets list --all --status solved --jsonl --columns status", env)
    assert.truthy(#lines(out) > 0)
    for _, line in ipairs(lines(out)) do assert.equal('{"status":"solved"}', line) end
  end)

  it("fits a terminal of any width", function()
    for _, width in ipairs { 1, 10, 40, 80, 200 } do
      local status, shown = command.at_terminal("tickets list --limit 5", {
        LIVECHAT_BASE_URL = env.LIVECHAT_BASE_URL, LIVECHAT_USERNAME = env.LIVECHAT_USERNAME,
        LIVECHAT_API_KEY = env.LIVECHAT_API_KEY, COLUMNS = tostring(width), LC_ALL = "C" })
      assert.equal(0, status)
      local shown_lines = lines(shown:gsub("\27%[%d*m", ""))
      assert.equal(6, #shown_lines, shown)
      for _, line in ipairs(shown_lines) do assert.truthy(#line <= width, line) end
    end
  end)
end)

describe("a change", function()
  it("takes its text from the words, stdin or a file, also with a dash at its start", function()
    local path = helper.folder() .. "/text"
    helper.write(path, "from a file\n")
    for words, text in pairs {
      ["--message '- one'"] = "- one", ["--message=--x"] = "--x",
      ["--message-file " .. path] = "from a file",
      ["--message - < " .. path] = "from a file",
    } do
      local status, out, said = command.run("tickets create --requester.mail a@example.com --json "
        .. words, env)
      assert.same({ 0, "" }, { status, said }, words)
      assert.equal(text, json.decode(out).events[1].message)
    end
  end)

  it("is shown and not sent by --dry-run", function()
    local before = calls()
    local status, out = command.run("tickets create --requester.mail a@example.com --message x "
      .. "--dry-run --json", env)
    assert.equal(0, status)
    assert.same({ method = "POST", url = sandbox.url .. "/tickets",
      body = { message = "x", requester = { mail = "a@example.com" } } }, json.decode(out))
    status, out = command.run("tickets update T1 --subject new --dry-run --json", env)
    assert.equal(0, status)
    assert.same({ subject = "new" }, json.decode(out).body)
    status, out = command.run("tickets update T1 --subject new --tags '' --dry-run --json", env)
    assert.equal(0, status)
    assert.same({ subject = "new", tag = {} }, json.decode(out).body)
    local path = helper.folder() .. "/password"
    helper.write(path, "hunter22\n")
    status, out = command.run("agents create --login a@example.com --name A --dry-run "
      .. "--password - <" .. path, env)
    assert.equal(0, status)
    assert.is_nil(out:find("hunter22", 1, true))
    assert.equal(before, calls())
  end)

  it("takes no secret from its words", function()
    local status, out, said = command.run(
      "agents create --login a@example.com --name A --password hunter22", env)
    assert.same({ 2, "" }, { status, out })
    assert.is_nil(said:find("hunter22", 1, true))
    assert.truthy(said:find("--password would be seen by others", 1, true), said)
  end)

  it("runs over the ids of a file, and tells which failed", function()
    local _, out = command.run("tickets list --columns id --limit 3", env)
    local path = helper.folder() .. "/ids"
    helper.write(path, out .. "\nNOPE\r\n" .. lines(out)[1] .. "\n")
    local status, shown, said = command.run("tickets tag bulk --from " .. path, env)
    assert.same({ 1, "" }, { status, shown })
    assert.truthy(said:find("id NOPE", 1, true), said)
    assert.truthy(said:find("3 of 4 done", 1, true), said)
    for _, id in ipairs(lines(out)) do
      local _, tags = command.run("tickets get --columns tags --json " .. id, env)
      assert.equal('{"tags":["bulk"]}\n', tags)
    end
  end)

  it("asks before it goes over many at a terminal", function()
    local _, out = command.run("tickets list --columns id --limit 2", env)
    local path = helper.folder() .. "/ids"
    helper.write(path, out)
    local status, shown = command.at_terminal("tickets tag asked --from " .. path, env, "n\n")
    assert.equal(1, status)
    assert.truthy(shown:find("for 2 ids: go on? [y/N]", 1, true), shown)
    assert.truthy(shown:find("nothing is changed", 1, true), shown)
    status, shown = command.at_terminal("tickets tag asked --from " .. path, env, "y\n")
    assert.equal(0, status, shown)
    assert.truthy(shown:find("2 of 2 done", 1, true), shown)
  end)
end)

describe("columns", function()
  it("that nothing has are named, with what was meant", function()
    local status, out, said = command.run("tickets list --limit 2 --columns staus,id", env)
    assert.equal(0, status)
    assert.truthy(out:find("^\t%w+\n\t%w+\n$"), out)
    assert.equal("livechat: nothing here has staus; did you mean status?\n", said)
  end)

  it("are what a row of an unforeseen kind has", function()
    local v3 = command.account(sandbox, { LIVECHAT_API = "v3" })
    local _, out = command.run("teams list", v3)
    for line in out:gmatch("[^\n]+") do assert.truthy(line:find("^[%x-]+\t%u"), line) end
  end)
end)

describe("what a customer wrote", function()
  local NASTY = "a\27[2J\7b\nc\tq\226\128\174d\194\155e"

  it("moves nothing on a terminal, and is whole in JSON", function()
    local path = helper.folder() .. "/text"
    helper.write(path, NASTY)
    local _, made = command.run("tickets create --requester.mail n@example.com --requester.name "
      .. "'日本e\204\129' --message-file " .. path .. " --json", env)
    local id = json.decode(made).id
    assert.equal(NASTY, json.decode(made).events[1].message)
    local SHOWN = "a\\x1b[2J\\x07b\\nc\\tq\\u{202e}d\\u{9b}e"
    local _, out = command.run("tickets get " .. id, env)
    assert.truthy(out:find(SHOWN, 1, true), out)
    local _, shown = command.at_terminal("tickets get " .. id, env)
    assert.is_nil(shown:find("\27[2J", 1, true))
    assert.is_nil(shown:find("\7", 1, true))
    assert.truthy(shown:find("\\x1b[2J\\x07b", 1, true), shown)
    local _, list = command.at_terminal("tickets list --limit 2 --columns requester.name,id",
      command.account(sandbox, { COLUMNS = "14", LC_ALL = "C.UTF-8" }))
    assert.truthy(list:find("日本e\204\129", 1, true), list)
  end)
end)

describe("how it ends", function()
  it("is told by the status", function()
    local other = { LIVECHAT_BASE_URL = sandbox.url }
    local wrong = command.account(sandbox, { LIVECHAT_API_KEY = "wrong-key" })
    local down = command.account(sandbox, { LIVECHAT_BASE_URL = "http://127.0.0.1:9" })
    for _, case in ipairs {
      { 0, "tickets list", env, nil }, { 1, "tickets get NOPE", env, "not_found" },
      { 2, "tickets list --status opne", env, "status must be one of" },
      { 2, "tickets list --statsu open", env, "did you mean --status?" },
      { 2, "tickets lst", env, "did you mean tickets list?" },
      { 2, "tickts list", env, "did you mean tickets?" },
      { 2, "tickets", env, "which verb?" }, { 2, "tickets get", env, "missing: ID" },
      { 2, "tickets get a b", env, "no such argument: b" },
      { 2, "tickets create --message x", env, "requester.mail is missing" },
      { 4, "tickets list", other, "not signed in" }, { 4, "tickets list", wrong, "auth" },
      { 1, "tickets list --profile x", down, nil, 4 },
    } do
      local status, out, said = command.run(case[2], case[3])
      assert.equal(case[5] or case[1], status, case[2] .. said)
      if case[1] ~= 0 then assert.equal("", out) end
      assert.truthy(said:find(case[4] or "", 1, true), said)
      assert.is_nil(said:find("wrong-key", 1, true))
      assert.is_nil(said:find("traceback", 1, true), said)
    end
  end)

  it("is silent where the reader of its output goes away", function()
    local _, out, said = command.run("tickets list --all --jsonl | head -n 1", env)
    assert.same({ 1, "" }, { #lines(out), said })
    local status
    status, out, said = command.run("tickets list --all --jsonl >/dev/full", env)
    assert.same({ 1, "" }, { status, out })
    assert.truthy(said:find("No space left", 1, true), said)
  end)

  it("is told where a stream is closed, and no connection gets what is printed", function()
    for redirection, problem in pairs { [">&-"] = "stdout: Bad file descriptor",
      ["<&- --all --jsonl >/dev/full"] = "No space left" } do
      local status, out, said = command.run("tickets list " .. redirection, env)
      assert.same({ 1, "" }, { status, out })
      assert.truthy(said:find(problem, 1, true), said)
    end
    assert.equal(0, (command.run("tickets list --limit 1 <&-", env)))
  end)

  it("is told how far a bulk has come that ^C ends", function()
    local path = helper.folder() .. "/ids"
    helper.write(path, select(2, command.run("tickets list --all --columns id", env)))
    control("faults", { fault = "slow=0.4@every/PUT /tickets*" })
    local before = calls()
    local pid, output = helper.spawn { "sh", "-c", "exec " .. command.prefix(env)
      .. "tickets tag x --yes --from " .. path }
    helper.wait_until(function() return calls() >= before + 2 end, 20, "two calls")
    helper.kill(pid, "INT")
    helper.wait_exit(pid, 10)
    sandbox.control("DELETE", "faults")
    assert.truthy(helper.read(output):find("^livechat: [1-9] of 3%d done\n$"), helper.read(output))
  end)

  it("is 130 after ^C, at once", function()
    control("faults", { fault = "slow=20@every/GET /tickets" })
    for _, version in ipairs { "5.1", "5.4", "jit" } do
      local line = ("exec %s tickets list"):format(command.prefix(env, version))
      local began = helper.now()
      local status, out = helper.run("timeout --preserve-status -s INT 1 sh -c "
        .. helper.quote(line))
      assert.truthy(helper.now() - began < 5)
      assert.same({ 130, "" }, { status, out })
    end
  end)
end)
