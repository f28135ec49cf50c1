-- SPDX-License-Identifier: MIT
-- once: kills what it tests, again and again
--- Nothing is lost and nothing is handled twice, whatever is killed at whatever moment: the local
-- service delivers to an nginx of two workers with an inbox, on a disk that takes 5 ms a sync, so
-- that every kill finds groups under way; scripts of every Lua work it off.
local helper = require "spec.helper"
local json = require "livechat.json"

local quote = helper.quote
local EVENTS, ROUNDS = 2000, 25

local DRAINER = [[
local core = require "livechat.core"
local livechat = require "livechat"
local folder = %q
local receiver = livechat.receiver { token = false, inbox = livechat.inbox(folder .. "/inbox") }
local effects = io.open(folder .. "/effects", "a")
effects:setvbuf("no")
receiver:on("*", function(event)
  effects:write(event.id .. "\n")
  -- Written, synced and named, or not at all; the name is taken where the id was recorded before.
  local recorded, word, text = core.spool.store(folder .. "/drafts", folder .. "/ids", event.id,
    event:raw().event_type, 384)
  assert(recorded or word == "exists", text)
end)
receiver:run { poll = 0.02 }
]]

--- Kills a process and its children outright.
local function kill_all(pid)
  local _, children = helper.run("pgrep -P " .. pid)
  helper.kill(pid, "KILL")
  for child in children:gmatch("%d+") do helper.kill(tonumber(child), "KILL") end
  assert(helper.wait_exit(pid))
end

local function count_lines(text)
  local ids, lines, distinct = {}, 0, 0
  for id in text:gmatch("[^\n]+") do
    lines = lines + 1
    distinct = distinct + (ids[id] and 0 or 1)
    ids[id] = true
  end
  return lines, distinct
end

describe("an inbox whose writers and readers are killed", function()
  teardown(helper.cleanup)

  it("loses no event and records each once", function()
    math.randomseed(20240817)
    local began, folder = helper.now(), helper.folder()
    helper.run(("cd %s && mkdir drafts ids"):format(quote(folder)))
    local shim = folder .. "/shim.so"
    assert.equal(0, (helper.run(("${CC:-cc} -shared -fPIC -O1 -D_GNU_SOURCE -o %s spec/sync_shim.c "
      .. "-ldl"):format(quote(shim)))))
    local sandbox = helper.sandbox { speed = 200, delivery_timeout = 2, seed = 0 }
    local slow = { "env", "LD_PRELOAD=" .. shim, "SYNC_MS=5" }
    local nginx = helper.nginx { workers = 2, before = slow, http = ([[
      access_log off;
      lua_package_path "%s/lua/?.lua;%s/lua/?/init.lua;;";
      lua_package_cpath "%s/build/5.1/?.so;;";
      init_by_lua_block {
        local livechat = require "livechat"
        receiver = livechat.receiver {
          token = false, basic_auth = { user = "u", password = "p" },
          inbox = livechat.inbox(%q),
        }
      }
      server {
        listen 127.0.0.1:$PORT;
        location /livechat {
          content_by_lua_block { require("livechat.nginx").serve(receiver) }
        }
      }
    ]]):format(helper.root, helper.root, helper.root, folder .. "/inbox") }
    for kind, data in pairs { chat_ended = "chat", ticket_created = "ticket" } do
      local hook = assert(helper.http { url = sandbox.url .. "/webhooks", method = "POST",
        headers = { ["Content-Type"] = "application/json", ["X-API-Version"] = "2",
          Authorization = "Basic " .. require("livechat.sandbox.base64").encode(
            sandbox.username .. ":" .. sandbox.api_key) },
        body = json.encode { event_type = kind, data_types = { data },
          url = ("http://u:p@127.0.0.1:%d/livechat"):format(nginx.port) } })
      assert.equal(200, hook.status)
    end

    local versions, script, drainers = helper.lua_versions(), folder .. "/drainer.lua", {}
    helper.write(script, DRAINER:format(folder))
    local started = 0
    local function start_drainer(place)
      started = started + 1
      local version = versions[started % #versions + 1]
      local pid, output = helper.spawn({ "sh", "-c", "exec env " .. helper.lua_env(version)
        .. ' "$0" "$1"', helper.lua_program(version), script })
      drainers[place] = { pid = pid, output = output }
    end
    start_drainer(1)
    start_drainer(2)

    local kills = { receiver = 0, drainer = 0 }
    for round = 1, ROUNDS do
      sandbox.control("POST", "trigger", { event_type = round % 2 == 0 and "chat_ended"
        or "ticket_created", count = EVENTS / ROUNDS })
      helper.sleep(math.random() * 0.08)
      kill_all(nginx.pid)
      kills.receiver = kills.receiver + 1
      helper.sleep(math.random() * 0.05)
      nginx.start()
      helper.sleep(math.random() * 0.2)
      local place = round % 2 + 1
      kill_all(drainers[place].pid)
      kills.drainer = kills.drainer + 1
      assert.equal("", helper.read(drainers[place].output))
      start_drainer(place)
    end

    local state
    helper.wait_until(function()
      state = sandbox.control("GET", "state").deliveries
      return state.waiting + state.sending == 0
    end, 60, "the deliveries")
    assert.equal(EVENTS, state.delivered)
    assert.equal(0, state.failed)
    helper.wait_until(function()
      local _, left = helper.run(("cd %s/inbox && ls new failed | grep -c ."):format(quote(folder)))
      return tonumber(left) == 2 -- the two headings
    end, 60, "the inbox to be empty")
    local runs, distinct = count_lines(helper.read(folder .. "/effects"))
    local _, ids = helper.run(("ls %s/ids | wc -l"):format(quote(folder)))
    local _, drafts = helper.run(("ls %s/drafts | wc -l"):format(quote(folder)))
    local _, done = helper.run(("ls %s/inbox/done | wc -l"):format(quote(folder)))
    print(("note: %d events; kill -9: %d times the receiver, %d times a drainer; handled %d times "
      .. "by effect, %d by id, in %.0f s"):format(EVENTS, kills.receiver, kills.drainer, runs,
      tonumber(ids), helper.now() - began))
    assert.equal(EVENTS, distinct)
    assert.equal(EVENTS, tonumber(ids))
    assert.equal(EVENTS, tonumber(done))
    assert.truthy(runs <= EVENTS + kills.drainer, runs)
    assert.truthy(kills.receiver >= 20 and kills.drainer >= 20)
    assert.truthy(tonumber(drafts) <= kills.drainer)
    assert.is_nil(helper.read(nginx.log):find("[error]", 1, true))
    for _, drainer in pairs(drainers) do assert.equal("", helper.read(drainer.output)) end
  end)
end)
