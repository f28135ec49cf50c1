-- SPDX-License-Identifier: MIT
-- once: processes of every Lua share one pair
--- Signing in by OAuth in eight processes at once, which share a file.
local helper = require "spec.helper"
local livechat = require "livechat"

local quote = helper.quote
local sandbox, folder

setup(function()
  sandbox = helper.sandbox { calls = false }
  folder = helper.folder()
end)

teardown(function() helper.cleanup() end)

-- A program that calls until a file says that it is enough, and writes what went wrong. (A call
-- that meets the end of two tokens, because the service's clock jumps, is refused rightly.)
local PROGRAM = [[
  local livechat = require "livechat"
  local stop, log, base, store, id, token, secret = ...
  local client = assert(livechat.new { api = "v3", base_url = base, accounts_url = base,
    throttle = { calls = 2, period = 0.05, guard = 0 }, retry = { base = 0.01 },
    oauth = { client_id = id, client_secret = secret, refresh_token = token, store = store } })
  local out = assert(io.open(log, "a"))
  out:setvbuf("no")
  for _ = 1, 1e5 do
    local list, err = client.groups:list()
    if not list and err.attempts ~= 2 then out:write(tostring(err), "\n") end
    if io.open(stop) then break end
  end
  out:write("ended\n")
]]

-- Eight at a time; so many are killed, and another one takes the place.
local LOOP = [[
  begin() {
    case $(($1 %% %d)) in
%s
    esac
    eval "p$(($1 %% 8))=$!"
  }
  for i in 0 1 2 3 4 5 6 7; do begin $i; done
  i=0
  while [ $i -lt %d ]; do
    sleep 0.0$((i %% 5 + 1)); eval "kill -9 \$p$((i %% 8))"; begin $i; i=$((i + 1))
  done
  : >%s
  while [ ! -e %s ]; do sleep 0.05; done
  for p in $p0 $p1 $p2 $p3 $p4 $p5 $p6 $p7; do wait $p || exit 1; done
]]

local function run(public, kills)
  local place = folder .. "/" .. (public and "public" or "server") .. kills
  local pair = sandbox.control("POST", "tokens", { public = public })
  local given = { client_id = public and sandbox.public_client_id or sandbox.client_id,
    client_secret = not public and sandbox.client_secret or nil,
    refresh_token = pair.refresh_token, store = place }
  helper.write(place .. ".log", "")
  helper.write(place .. ".lua", PROGRAM)
  local versions, starts = helper.lua_versions(), {}
  for i, version in ipairs(versions) do
    local words = helper.lua_argv(version, place .. ".lua", place .. ".stop", place .. ".log",
      sandbox.url, given.store, given.client_id, given.refresh_token, given.client_secret)
    for k, word in ipairs(words) do words[k] = quote(word) end
    starts[i] = ("%d) %s & ;;"):format(i - 1, table.concat(words, " "))
  end
  local pid = helper.spawn { "sh", "-c", LOOP:format(#versions, table.concat(starts, "\n"), kills,
    quote(place .. ".killed"), quote(place .. ".stop")) }
  local renewals = 0
  repeat
    helper.sleep(0.4)
    sandbox.control("POST", "options", { advance = 28800 })
    renewals = renewals + 1
    assert(renewals < 300, "the kills come to no end")
  until renewals >= 6 and helper.read(place .. ".killed")
  helper.sleep(0.4)
  helper.write(place .. ".stop", "")
  assert.is_true(helper.wait_exit(pid, 60))
  local wrong, ended = helper.read(place .. ".log"):gsub("ended\n", "")
  assert.same({ "", 8 }, { wrong, ended })
  local client = assert(livechat.new { api = "v3", base_url = sandbox.url, oauth = given,
    accounts_url = sandbox.url, throttle = false })
  assert(client.groups:list())
end

describe("oauth, shared by processes", function()
  -- The service refuses a public app's refresh token that was used before.
  it("uses each refresh token once, whoever of them renews", function()
    run(true, 0)
  end)

  it("loses none although a hundred of them are killed", function()
    run(true, 100)
  end)

  it("keeps its file whole where the refresh token stays, as that of a server's app", function()
    run(false, 20)
  end)
end)
