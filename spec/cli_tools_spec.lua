-- SPDX-License-Identifier: MIT
-- once: runs the command with every Lua itself
--- api, export, doctor, throttle, the local service's commands, help, completions, the manual page.
local command = require "spec.command"
local helper = require "spec.helper"
local json = require "livechat.json"
local registry = require "livechat.cli.registry"

local sandbox, env

setup(function()
  sandbox = helper.sandbox { seed = 60, calls = 100000 }
  env = command.account(sandbox)
end)

teardown(helper.cleanup)

local function count(text)
  return select(2, text:gsub("\n", ""))
end

local function file(contents)
  local path = helper.folder() .. "/file"
  if contents then helper.write(path, contents) end
  return path
end

local function commands()
  return assert(registry.all "v2")
end

describe("livechat api", function()
  it("makes any call, on every Lua", function()
    for _, version in ipairs(helper.lua_versions()) do
      local status, out = command.run("api GET /agents --jsonl", env, version)
      assert.equal(0, status)
      assert.truthy(count(out) >= 5)
      assert.truthy(json.decode(out:match("^[^\n]*")).login)
    end
    local _, out = command.run("api /tickets --all --jsonl", env)
    assert.equal(60, count(out))
    _, out = command.run("api tickets --field status=open", env)
    for _, ticket in ipairs(json.decode(out ~= "" and out or '{"tickets":[]}').tickets) do
      assert.equal("open", ticket.status)
    end
    local status
    status, out = command.run("api post /tickets --field message=x --field "
      .. "requester.mail=a@example.com", env)
    assert.equal(0, status)
    assert.equal("a@example.com", json.decode(out).requester.mail)
    _, out = command.run("api POST /x --dry-run --field a:=[1] --field b.c=d --field b.c=e", env)
    assert.equal("POST " .. sandbox.url .. '/x\n{"a":[1],"b":{"c":["d","e"]}}\n', out)
    local v3 = command.account(sandbox, { LIVECHAT_API = "v3" })
    _, out = command.run("api /tickets --service helpdesk", v3)
    assert.equal("table", type(json.decode(out)[1].requester))
    _, out = command.run("api /tickets --service helpdesk --dry-run", v3)
    assert.equal("GET " .. sandbox.url .. "/v1/tickets\n", out)
    assert.equal(2, (command.run("api /tickets --service helpdsk", v3)))
    _, out = command.run("api POST /x --dry-run --input-file "
      .. file '{"password":"hunter22"}', env)
    assert.is_nil(out:find("hunter22", 1, true))
  end)

  it("tells what it was called with", function()
    for words, message in pairs { [""] = "a method and a path", ["a b c"] = "a method and a path",
      ["GET /x --field y"] = "must be NAME=TEXT", ["GET /x --field y:=z"] = "must be JSON",
      ["POST /x --input 5"] = "must be a JSON object", ["POST /x --all"] = "only with GET",
      ["POST /x --input {} --field a=b"] = "either" } do
      local status, _, said = command.run("api " .. words, env)
      assert.equal(2, status, said)
      assert.truthy(said:find(message, 1, true), said)
    end
  end)
end)

describe("livechat tickets export", function()
  it("goes on where it was broken off", function()
    local done = helper.folder() .. "/done"
    local all = {}
    for run = 1, 4 do
      local status, out, said = command.run("tickets export --status open --resume " .. done
        .. (run < 4 and " --limit 10" or ""), env)
      assert.equal(0, status, said)
      if run == 2 then -- a kill in the middle of a line of the file
        local file_text = helper.read(done)
        helper.write(done, file_text:sub(1, -3))
        local last = out:match("([^\n]*)\n$")
        out = out:sub(1, -#last - 2)
      end
      for line in out:gmatch("[^\n]+") do all[#all + 1] = json.decode(line).id end
    end
    local _, listed = command.run("tickets list --all --status open --columns id", env)
    local seen = {}
    for _, id in ipairs(all) do
      assert.is_nil(seen[id], id)
      seen[id] = true
    end
    assert.equal(count(listed), #all)
    local status, _, said = command.run("tickets export --resume " .. done, env)
    assert.equal(2, status)
    assert.truthy(said:find("belongs to another export", 1, true), said)
  end)
end)

describe("livechat doctor", function()
  it("finds what is well", function()
    local status, out = command.run("doctor --json", env)
    local found = {}
    for _, check in ipairs(json.decode(out)) do found[check.check] = check.state end
    assert.equal(0, status, out)
    for _, name in ipairs { "versions", "libcurl", "credentials", "service", "clock", "Luas" } do
      assert.equal("ok", found[name], name)
    end
  end)

  it("finds what is ill, and tells how to mend it", function()
    for _, case in ipairs {
      { {}, "credentials", "livechat login" },
      { { LIVECHAT_API_KEY = "wrong-key" }, "service", "a new one" },
      { { LIVECHAT_BASE_URL = "http://127.0.0.1:9" }, "service", "network" },
      { { LIVECHAT_BASE_URL = "http://192.0.2.1", LIVECHAT_API_KEY = "k" }, "TLS", "https://" },
      { { LIVECHAT_THROTTLE = file "not a throttle" }, "throttle", "remove the file" },
    } do
      local given = next(case[1]) and command.account(sandbox, case[1]) or {}
      local status, out = command.run("doctor --json", given)
      assert.equal(1, status, out)
      assert.is_nil(out:find("wrong-key", 1, true))
      for _, check in ipairs(json.decode(out)) do
        if check.check == case[2] then
          assert.equal("bad", check.state, out)
          assert.truthy(check.mend:find(case[3], 1, true), check.mend)
        end
      end
    end
  end)
end)

describe("livechat throttle", function()
  it("shows what processes share", function()
    local path = helper.folder() .. "/throttle"
    local status, _, said = command.run("throttle --path " .. path, env)
    assert.equal(1, status)
    assert.truthy(said:find("there is no throttle", 1, true))
    local shared = command.account(sandbox, { LIVECHAT_THROTTLE = path })
    for _ = 1, 3 do assert.equal(0, (command.run("agents list", shared))) end
    local _, out = command.run("throttle --json", shared)
    local state = json.decode(out)
    assert.same({ 100, 60, 3 }, { state.calls, state.period, state.used })
    status, out = helper.run("timeout --preserve-status -s INT 2 "
      .. command.prefix(shared) .. "throttle --watch --every 0.2")
    assert.equal(130, status)
    assert.truthy(count(out) >= 3, out)
  end)
end)

describe("livechat spent", function()
  it("shows what a budget has left", function()
    local livechat = require "livechat"
    local path = helper.folder() .. "/budget"
    local status, _, said = command.run("spent --calls 5 --path " .. path, {})
    assert.equal(1, status)
    assert.truthy(said:find("there is no budget", 1, true), said)
    local client = assert(livechat.new { username = sandbox.username, api_key = sandbox.api_key,
      base_url = sandbox.url, budget = { calls = 5, path = path } })
    assert(client.agents:list())
    client:close()
    local out
    status, out, said = command.run("spent --calls 5 --price 1 --json --path " .. path, {})
    assert.same({ 0, "" }, { status, said })
    assert.same({ 1, 5 }, { json.decode(out).calls, json.decode(out).limit })
  end)
end)

describe("the local service's commands", function()
  it("give a shell what a client needs", function()
    local line = ("eval \"$(%s sandbox --env --empty --lifetime 60)\"; %s tickets list --json; "
      .. "kill $LIVECHAT_SANDBOX_PID"):format(command.prefix {},
      (command.prefix {}:gsub("%-u [%w_]+ ", ""):gsub("^env %-u [%w_]+", "env")))
    local status, out = helper.run(line)
    assert.equal(0, status, out)
    assert.truthy(out:find("[]", 1, true), out)
  end)

  it("begin with data of the last days", function()
    local bare = command.prefix {}:gsub("%-u [%w_]+ ", ""):gsub("^env %-u [%w_]+", "env")
    local status, out = helper.run(("eval \"$(%s sandbox --env --lifetime 60)\"; "
      .. "%s reports get chats/total_chats --json; kill $LIVECHAT_SANDBOX_PID"):format(
      command.prefix {}, bare))
    assert.equal(0, status, out)
    local sum = 0
    for _, row in ipairs(json.decode((out:match("%[.*%]")))) do sum = sum + row.chats end
    assert.is_true(sum > 5, out)
  end)

  it("name the events and the faults that there are", function()
    local _, out = command.run("trigger --list", {})
    assert.truthy(out:find("ticket_created\n", 1, true))
    _, out = command.run("sandbox --help", {})
    for _, word in ipairs { "FAULT is", "@WHEN", "reset-after-apply", "every" } do
      assert.truthy(out:find(word, 1, true), word)
    end
  end)
end)

describe("help", function()
  local all = commands()

  it("has a summary and an example for every command", function()
    local function check(each)
      assert.truthy(#each.summary > 3, each.name)
      assert.truthy(each.example:find("livechat " .. each.name, 1, true), each.name)
      for _, option in ipairs(each.options) do
        assert.equal("string", type(option.help), each.name .. " " .. option.name)
      end
    end
    for _, name in ipairs(all.order) do check(all.single[name]) end
    for _, group in pairs(all.groups) do
      for _, verb in ipairs(group.order) do check(group.verbs[verb]) end
    end
  end)

  it("names the API that has what another one lacks", function()
    for words, said in pairs { ["customers get X"] = "no such command: customers; --api v3 has it",
      ["chats send X"] = "no such command: chats send; --api v3 has it",
      ["reports get --api v3"] = "no such command: reports; --api v2 has it",
      ["--api v3 chats list"] = "a command comes before its options",
      ["tickets list --api v4"] = "--api v4: must be v2 or v3" } do
      local status, out, told = command.run(words, env)
      assert.same({ 2, "" }, { status, out })
      assert.truthy(told:find(said, 1, true), told)
    end
    local _, told, status
    status, _, told = command.run("tickets list", command.account(sandbox, { LIVECHAT_API = "v9" }))
    assert.equal(2, status)
    assert.truthy(told:find("api: 'v2' or 'v3' expected", 1, true), told)
    assert.equal(0, (command.run("help doctor", { LIVECHAT_API = "v9" })))
    for _, words in ipairs { "help chats --api v3", "chats --help --api=v3" } do
      assert.truthy(select(2, command.run(words, {})):find("\n  untag ", 1, true))
    end
    -- A text of "--api" is a text, whatever it looks like.
    local made
    status, made = command.run("tickets create --requester.mail a@example.com --subject v3 "
      .. "--message --api --json", env)
    assert.equal(0, status)
    assert.equal("--api", json.decode(made).events[1].message)
  end)

  it("is there for every command and group, by either spelling", function()
    for _, words in ipairs { "help", "--help", "help tickets", "tickets --help",
      "help tickets list", "tickets list --help", "help doctor", "doctor -h" } do
      local status, out, said = command.run(words, {})
      assert.same({ 0, "" }, { status, said }, words)
      assert.truthy(out:find("^usage: livechat"), out)
    end
  end)

  it("fills the completions and the manual page", function()
    for _, shell in ipairs { "bash", "zsh", "fish" } do
      local status, out = command.run("completion " .. shell, {})
      assert.equal(0, status)
      for _, word in ipairs { "add-tags", "doctor", "requester.mail", "untag" } do
        assert.truthy(out:find(word, 1, true), shell .. " " .. word)
      end
    end
    local _, script = command.run("completion bash", {})
    local path = file(script)
    local _, out = helper.run("bash -c " .. helper.quote(". " .. path .. [[

      complete_it() {
        COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _livechat; echo "${COMPREPLY[*]}"
      }
      complete_it livechat ticke
      complete_it livechat tickets up
      complete_it livechat tickets list --stat
      complete_it livechat agents list --status acc]]))
    assert.equal("tickets\nupdate\n--status\naccepting\\ chats", (out:gsub("\n$", "")))
    local _, page = command.run("man", {})
    assert.truthy(page:find("^%.TH LIVECHAT 1"), page:sub(1, 100))
    assert.truthy(page:find("\n.SS livechat chats untag", 1, true))
    if (helper.run("command -v groff")) == 0 then
      local status, complaints = helper.run("groff -man -ww -Tutf8 " .. file(page)
        .. " 2>&1 >/dev/null")
      assert.same({ 0, "" }, { status, complaints })
    end
  end)
end)
