-- SPDX-License-Identifier: MIT
-- once: the large scenarios run as programs of two Luas, and all of them in nginx
--- The table of scenarios (spec/scenarios.lua) as a program of Lua 5.4 and of LuaJIT, and in nginx.
local helper = require "spec.helper"
local scenarios = require "spec.scenarios"

local quote = helper.quote
local NAMES = {}
for name, scenario in pairs(scenarios) do
  if type(scenario) == "table" and scenario.run then NAMES[#NAMES + 1] = name end
end
table.sort(NAMES)

teardown(function() helper.cleanup() end)

local function about(name, api)
  local scenario, its = scenarios[name], scenarios.apis[api]
  local sandbox = helper.sandbox { calls = false, seed = scenario.seed or 0,
    fault = scenario.fault and scenario.fault(its) }
  return { api = api, url = sandbox.url, api_key = sandbox.api_key, username = sandbox.username,
    account = sandbox[its.account] }, sandbox
end

local PROGRAM = [[
  package.path = "./?.lua;" .. package.path
  local words = { ... }
  local told = require("spec.scenarios").run(words[1], { api = words[2], url = words[3],
    api_key = words[4], username = words[5], account = words[6] })
  print("done", told)
]]

local HTTP = [[
  lua_package_path "%s/?.lua;%s/lua/?.lua;%s/lua/?/init.lua;;";
  lua_package_cpath "%s/build/5.1/?.so;;";
  server {
    listen 127.0.0.1:$PORT;
    location /run { content_by_lua_block {
      local about = ngx.req.get_uri_args()
      local told = require("spec.scenarios").run(about.name, about)
      ngx.say("done\t", told)
    } }
    location /idle { content_by_lua_block { ngx.say("idle") } }
  }
]]

-- On HelpDesk every reply is found again; v2 leaves it at saying that it is not known.
local function check(api, name, said)
  assert.equal("done", said:match("^%w+"), said)
  if name:find "replies" and api == "v3" then assert.equal("500", said:match("done%s+(%d+)")) end
end

describe("make demo", function()
  it("triages on both APIs by one script, and tells what a move would meet", function()
    local command = {}
    for _, word in ipairs(helper.lua_argv("5.4", "examples/demo.lua")) do
      command[#command + 1] = quote(word)
    end
    local status, said = helper.run(table.concat(command, " "), 120)
    assert.equal(0, status, said)
    local v2, v3, move = said:match("(%-%-%-%- triage.lua on API v2.*)"
      .. "(%-%-%-%- triage.lua on API v3.*)(%-%-%-%- migrate.lua.*)")
    for _, part in ipairs { v2, v3 } do
      local open, spam = part:match("\n  open     (%d+)\n.*\n  spam     (%d+)\n")
      assert.truthy(tonumber(open) > 0 and tonumber(spam) > 0, part)
      assert.truthy(part:find("%-> .* Parcel arrived open\n"), part)
      assert.truthy(part:find("\n  %d+ assigned and tagged\n"), part)
      assert.truthy(part:find("\n  removed  temp.worker@example.com\n"), part)
    end
    assert.truthy(move:find("\n  tickets +5 of +5 are there\n"), move)
    assert.truthy(move:find("\n  client.goals +none\n"), move)
  end)
end)

for _, api in ipairs { "v2", "v3" } do
  for _, version in ipairs { "5.4", "jit" } do
    describe("a program of " .. version .. " on " .. api, function()
      for _, name in ipairs(NAMES) do
        -- nginx walks by LuaJIT
        if scenarios[name].large and not (version == "jit" and scenarios[name].seed) then
          it(name, function()
            local path = helper.folder() .. "/program.lua"
            helper.write(path, PROGRAM)
            local its, sandbox = about(name, api)
            local command = {}
            for _, word in ipairs(helper.lua_argv(version, path, name, api, its.url, its.api_key,
              its.username, its.account)) do
              command[#command + 1] = quote(word)
            end
            local _, said = helper.run(table.concat(command, " "), 120)
            check(api, name, said)
            sandbox.stop()
          end)
        end
      end
    end)
  end

  describe("nginx on " .. api, function()
    local nginx
    setup(function()
      local root = helper.root
      nginx = helper.nginx { http = HTTP:format(root, root, root, root) }
    end)

    for _, name in ipairs(NAMES) do
      it(name, function()
        local its, sandbox = about(name, api)
        local query = {}
        its.name = name
        for key, value in pairs(its) do
          query[#query + 1] = key .. "=" .. value:gsub("[^%w]", function(char)
            return ("%%%02X"):format(char:byte())
          end)
        end
        local answer = helper.http { port = nginx.port, timeout = 120,
          path = "/run?" .. table.concat(query, "&") }
        assert.equal(200, answer.status, helper.read(nginx.log))
        check(api, name, answer.body)
        sandbox.stop()
      end)
    end
  end)
end
