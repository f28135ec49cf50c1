-- SPDX-License-Identifier: MIT
-- once: what runs is nginx's own Lua
--- Errors where a program cannot show an object: nginx.
local embed = require "spec.embed"
local helper = require "spec.helper"

local nginx

setup(function()
  nginx = embed.start {
    init = [[
      client = livechat.new { username = "u", api_key = "k", retry = false, throttle = false,
        base_url = "http://127.0.0.1:9" }
    ]],
    server = [[
      location /say { content_by_lua_block {
        local _, err = client.tickets:list()
        ngx.say("failed: ", err)
        ngx.say("failed: " .. err)
        ngx.log(ngx.NOTICE, "logged: ", err)
      } }
      location /check { content_by_lua_block {
        livechat.check(client.tickets:list())
      } }
      location /each { content_by_lua_block {
        for _ in client.tickets:each() do end
      } }
      location /caught { content_by_lua_block {
        local fine, err = pcall(function() for _ in client.tickets:each() do end end)
        ngx.say(tostring(fine), " ", err.kind)
        local results = livechat.gather({ 1 }, function()
          for _ in client.tickets:each() do end
        end)
        ngx.say(results[1][2].kind)
        fine, err = pcall(livechat.check, client.tickets:list())
        ngx.say(tostring(fine), " ", err)
      } }
      location /mistake { content_by_lua_block {
        client.tickets:get()
      } }
    ]],
  }
end)
teardown(helper.cleanup)

local function get(path)
  return helper.http { port = nginx.port, path = path }
end

local LINE = "livechat: network: .- %(GET /tickets, attempt 1%)"

describe("in nginx an error object", function()
  it("is said, joined and logged as its text", function()
    local response = get "/say"
    assert.equal(200, response.status, response.body)
    assert.matches("^failed: " .. LINE .. "\nfailed: " .. LINE .. "\n$", response.body)
    assert.matches("logged: " .. LINE, helper.read(nginx.log))
  end)

  it("that nothing catches is a text with the caller's line in the log", function()
    for path, line in pairs { ["/check"] = 2, ["/each"] = 2, ["/mistake"] = 2 } do
      assert.equal(500, get(path).status)
      local log = helper.read(nginx.log)
      local problem = path == "/mistake" and "bad argument 'id' to 'tickets:get'" or LINE
      assert.matches("runtime error: content_by_lua%(nginx.conf:%d+%):" .. line .. ": " .. problem,
        log)
      assert.is_nil(log:find("unknown reason", 1, true), log)
    end
  end)

  it("is an object for what catches it, but a text from livechat.check", function()
    assert.matches("^false network\nnetwork\nfalse .*: " .. LINE .. "\n$", get "/caught".body)
  end)
end)
