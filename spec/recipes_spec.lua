-- SPDX-License-Identifier: MIT
-- once: each recipe is a program of its own
-- Each recipe of docs/recipes/ does what it says, as a program of its own.
local helper = require "spec.helper"
local json = require "livechat.json"

local function code_of(name, language)
  return assert(helper.read("docs/recipes/" .. name .. ".md")
    :match("\n```" .. (language or "lua") .. "\n(.-)\n```"))
end

describe("the recipe", function()
  local sandbox, folder
  setup(function()
    sandbox = helper.sandbox({ seed = 40 })
    folder = helper.folder()
  end)
  teardown(helper.cleanup)

  local function environment(more)
    local words = { helper.lua_env("5.4"), "LIVECHAT_BASE_URL=" .. sandbox.url,
      "LIVECHAT_USERNAME=" .. sandbox.username, "LIVECHAT_API_KEY=" .. sandbox.api_key,
      "THROTTLE=" .. folder .. "/throttle" }
    for name, value in pairs(more or {}) do words[#words + 1] = name .. "=" .. value end
    return table.concat(words, " ")
  end

  --- Runs a recipe; what it printed.
  local function run(name, arguments)
    helper.write(folder .. "/" .. name .. ".lua", code_of(name))
    local status, text = helper.run(("%s lua5.4 %s/%s.lua %s"):format(environment(), folder, name,
      arguments or ""))
    assert.equal(0, status, text)
    return text
  end

  it("export writes every ticket of a day once", function()
    local path = folder .. "/tickets.jsonl"
    local said = tonumber(run("export", path):match("^(%d+) tickets"))
    local seen, count = {}, 0
    for line in helper.read(path):gmatch("[^\n]+") do
      local id = json.decode(line).id
      assert.is_nil(seen[id])
      seen[id], count = true, count + 1
    end
    assert.equal(said, count)
    assert.is_nil(helper.read(path .. ".part"))
  end)

  it("assign leaves no open ticket without an agent", function()
    local assigned = run("assign"):match("^(%d+) assigned, 0 refused")
    assert.truthy(tonumber(assigned) > 0)
    assert.truthy(run("assign"):find("^0 assigned, 0 refused"))
  end)

  it("cron shares a throttle between programs", function()
    local first = tonumber(run("cron", "open"):match("(%d+) of 100 calls used"))
    local second = tonumber(run("cron", "pending"):match("(%d+) of 100 calls used"))
    assert.equal(first + 1, second)
  end)

  it("prometheus counts calls by their results", function()
    local text = run "prometheus"
    assert.truthy(text:find('livechat_attempts_total{method="GET",result="200"} 1', 1, true), text)
    assert.truthy(text:find('livechat_attempts_total{method="GET",result="404"} 1', 1, true), text)
    assert.truthy(text:find("livechat_throttle_used 2", 1, true), text)
  end)

  it("chat-message posts one message, whatever the subject holds", function()
    local chat = helper.nginx({ http = [[server { listen 127.0.0.1:$PORT; location / {
      content_by_lua_block { ngx.req.read_body()
        local file = io.open("]] .. folder .. [[/message", "a")
        file:write(ngx.req.get_body_data(), "\n"); file:close() }
    } }]] })
    helper.write(folder .. "/chat-message.lua", code_of "chat-message")
    helper.write(folder .. "/try.lua", [[
      local handlers = dofile(arg[1])
      handlers.ticket_created { ticket = { id = "ABCDE", subject = "it's $(id) \"broken\" C:\\x",
        requester = { mail = "mary@example.com" } } }]])
    local status, text = helper.run(("%s lua5.4 %s/try.lua %s/chat-message.lua"):format(
      environment { CHAT_WEBHOOK = "http://127.0.0.1:" .. chat.port .. "/x" }, folder, folder))
    assert.equal(0, status, text)
    assert.equal("New ticket ABCDE from mary@example.com: it's $(id) \"broken\" C:\\x",
      json.decode(helper.read(folder .. "/message")).text)
    chat.stop()
    status = helper.run(("%s lua5.4 %s/try.lua %s/chat-message.lua"):format(
      environment { CHAT_WEBHOOK = "http://127.0.0.1:" .. chat.port .. "/x" }, folder, folder))
    assert.is_true(status ~= 0)
  end)

  it("gateway makes a ticket of a form, and says what is wrong with one", function()
    local env = environment():gsub("[%w_]+=", "%0")
    local argv = { "env" }
    for word in env:gmatch("%S+") do argv[#argv + 1] = (word:gsub("'", "")) end
    local paths = { "lua_package_path '" .. helper.root .. "/lua/?.lua;" .. helper.root
      .. "/lua/?/init.lua;;';", "lua_package_cpath '" .. helper.root .. "/build/5.1/?.so;;';" }
    local http = table.concat(paths, "\n") .. "\n"
      .. code_of("gateway", "nginx"):gsub("127%.0%.0%.1:8080", "127.0.0.1:$PORT")
    local nginx = helper.nginx({ before = argv, http = http, main = "env LIVECHAT_BASE_URL;"
      .. "env LIVECHAT_USERNAME; env LIVECHAT_API_KEY; env THROTTLE;" })
    local function post(body)
      return helper.http({ port = nginx.port, path = "/contact", method = "POST", body = body,
        headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } })
    end
    local answer = post "mail=mary%40example.com&message=It+broke"
    assert.equal(200, answer.status, answer.body)
    assert.truthy(answer.body:find("^Thank you%. Your ticket is %w+"), answer.body)
    answer = post "mail=mary&message=It+broke"
    assert.equal(400, answer.status)
    assert.equal("Please look at requester.mail\n", answer.body)
    assert.equal(403, helper.http({ port = nginx.port, path = "/contact" }).status)
  end)
end)
