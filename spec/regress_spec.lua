-- SPDX-License-Identifier: MIT
-- A bug each, with its story on top, against a server that answers what a spec wrote down.
local core = require "livechat.core"
local helper = require "spec.helper"
local livechat = require "livechat"

local KEY = "0123456789abcdef"
local SERVER = [[
  server {
    listen 127.0.0.1:$PORT;
    location / {
      content_by_lua_block {
        ngx.req.read_body()
        local line = ngx.req.get_method() .. " " .. ngx.var.request_uri
        local log = io.open("FOLDER/log", "a")
        log:write(line, " ", ngx.req.get_body_data() or "", "\n")
        log:close()
        for _, answer in ipairs(dofile("FOLDER/answers.lua")) do
          if line:find(answer[1], 1, true) == 1 then
            ngx.sleep(answer.delay or 0)
            ngx.status = answer.status or 200
            ngx.header.content_length = #answer[2]
            ngx.print(answer[2])
            return
          end
        end
        ngx.exit(404)
      }
    }
  }
]]
local TICKET = '"id":"A","subject":"s","requester":{"mail":"mary@example.com"}'
local NEW = { message = "It broke.", requester = { mail = "mary@example.com" } }

local folder, url, client

--- What the server answers from now on: a list of { "METHOD /path" as it begins, body, status=,
--- delay= }, and nothing asked yet.
local function answers(list)
  local lines = {}
  for i, answer in ipairs(list) do
    lines[i] = ("{ %q, %q, status = %s, delay = %s },"):format(answer[1], answer[2],
      tostring(answer.status), tostring(answer.delay))
  end
  helper.write(folder .. "/answers.lua", "return {" .. table.concat(lines, "\n") .. "}")
  helper.write(folder .. "/log", "")
end

local function asked()
  local list = {}
  for line in helper.read(folder .. "/log"):gmatch("[^\n]+") do
    list[#list + 1] = line
  end
  return list
end

local function connect(options)
  local with = { username = "a@example.com", api_key = KEY, base_url = url, throttle = false,
    retry = false, reconcile = false }
  for name, value in pairs(options or {}) do
    with[name] = value
  end
  return assert(livechat.new(with))
end

local function failed(kind, value, err)
  assert.is_nil(value)
  assert.equal(kind, type(err) == "table" and err.kind, tostring(err))
  return err
end

local function seconds_of(call)
  local began = core.clock()
  local value, err = call()
  return core.clock() - began, value, err
end

setup(function()
  folder = helper.folder()
  local nginx = helper.nginx { http = SERVER:gsub("FOLDER", folder) }
  url = "http://127.0.0.1:" .. nginx.port
end)

teardown(function()
  helper.cleanup()
end)

before_each(function()
  answers {}
  client = connect()
end)

describe("an answer", function()
  -- The body of a wrong answer was encoded anew for the error, and 1e999, which is no number that
  -- JSON can hold, raised. The error has the body as it came.
  it("of the wrong shape with a number beyond all bounds is an error", function()
    answers { { "GET /agents", "[1e999]" }, { "GET /tickets/A", '{"id":[1e999]}' } }
    assert.equal("[1e999]", failed("protocol", client.agents:list()).body)
    failed("protocol", client.tickets:get("A"))
  end)

  -- A DELETE that answered 200 without a body, or with something other than an object, had
  -- succeeded, and was called a protocol error; so were HEAD and an empty POST of client:request.
  it("to what needs none may be empty", function()
    for _, body in ipairs { "", "null", "true", '"gone"', "[]", "{}" } do
      answers { { "DELETE /agents/", body } }
      assert.is_true((client.agents:delete("a@example.com")), body)
    end
    answers { { "HEAD /", "" }, { "POST /", "", status = 201 } }
    assert.is_true((client:request { method = "HEAD", path = "/agents" }))
    local done, response = client:request { method = "POST", path = "/x", body = { a = 1 } }
    assert.is_true(done)
    assert.equal(201, response.status)
    answers { { "GET /agents", "" } }
    assert.truthy(failed("protocol", client.agents:list()).message:find("empty"))
  end)

  -- A list that is null or holds one made the whole answer a protocol error.
  it("may hold null where a list or one of its records is", function()
    answers { { "GET /tickets", '{"pages":0,"total":0,"tickets":null}' } }
    assert.equal(0, #assert(client.tickets:list()))
    answers { { "GET /tickets", '{"pages":1,"total":1,"tickets":[null,{' .. TICKET .. "}]}" } }
    assert.equal("A", assert(client.tickets:list())[1].id)
  end)

  -- The new webhook alone in the wrapper, without a list around it, was not found.
  it("may hold one webhook alone", function()
    local hook = '{"id":"1","url":"https://example.com/a","event_type":"ticket_created"}'
    for _, body in ipairs { hook, '{"events":' .. hook .. "}", '{"events":[' .. hook .. "]}" } do
      answers { { "POST /webhooks", body } }
      assert.equal("1", assert(client.webhooks:create { event_type = "ticket_created",
        data_types = { "ticket" }, url = "https://example.com/a" }).id)
    end
  end)

  -- An id that is a fraction came through as a number, and tickets:each raised of its own inside.
  it("with an id that is a fraction has an id that is text", function()
    answers { { "GET /tickets", '[{"id":1.5},{"id":1e30}]' } }
    local seen = {}
    for ticket in client.tickets:each() do
      seen[#seen + 1] = type(ticket.id)
    end
    assert.same({ "string", "string" }, seen)
  end)

  -- The list of a service that does not know pages was read a thousand times, or for as many pages
  -- as it said, and page:next() never came to an end.
  it("that is the same for every page ends tickets:each and page:next", function()
    local list = '[{"id":"A"},{"id":"B"}]'
    for _, wrapper in ipairs { "%s", '{"tickets":%s}', '{"tickets":%s,"total":100}',
      '{"tickets":%s,"total":1e300,"pages":1e8}' } do
      answers { { "GET /tickets", wrapper:format(list) } }
      local seen = {}
      for ticket in client.tickets:each() do
        seen[#seen + 1] = ticket.id
      end
      assert.same({ "A", "B" }, seen)
      assert.is_true(#asked() < 100)
    end
    answers { { "GET /tickets", list } }
    local page = assert(client.tickets:list())
    assert.same({}, { page:next() })
  end)

  -- What the service told back of the credential stood in message and body.
  it("that tells the credential back is blanked", function()
    local basic = "Basic YUBleGFtcGxlLmNvbTowMTIzNDU2Nzg5YWJjZGVm"
    local text = "the key " .. KEY .. " (" .. basic .. ") is wrong"
    for _, answer in ipairs {
      { "GET /agents", '{"error":"' .. text .. '"}', status = 401 }, { "GET /agents", text },
      { "GET /agents", '{"error":"' .. text .. '"}' },
    } do
      answers { answer }
      local _, err = client.agents:list()
      for name, value in pairs(err) do
        assert.is_nil(tostring(value):find(KEY, 1, true), name)
        assert.is_nil(tostring(value):find("YUBleGFtcGxl", 1, true), name)
      end
      assert.truthy(err.body:find("is wrong", 1, true))
    end
    local bearer = assert(livechat.new { access_token = "fra:token-1", base_url = url })
    answers { { "GET /agents", '{"error":"fra:token-1 expired"}', status = 401 } }
    local _, err = bearer.agents:list()
    assert.equal("*********** expired", err.message)
  end)

  -- A URL with a password, as webhooks have them, was shown in the body of an error.
  it("that tells a URL's password back is blanked", function()
    answers { { "GET /webhooks", '{"error":"no answer from https:\\/\\/hook:hunter2@example.com"}',
      status = 400 } }
    local err = failed("rejected", client.webhooks:list())
    assert.is_nil((err.message .. err.body):find("hunter2"))
    assert.truthy(err.message:find("https://hook:***@example.com", 1, true))
  end)
end)

describe("tickets:update", function()
  local function put_body()
    return asked()[2]:match("^PUT /tickets/A/tags (.*)")
  end

  -- PHP writes a list that it took something out of as an object, and a tag of digits as a number:
  -- both were dropped, and the update cleared the tags.
  it("keeps tags in every form, and clears none that it cannot read", function()
    for wire, sent in pairs {
      ['{"0":"a","10":"c","2":"b"}'] = '["a","b","c"]', ['["a",2024]'] = '["a","2024"]',
      ["null"] = "[]", ["{}"] = "[]",
    } do
      answers { { "GET ", "{" .. TICKET .. ',"tags":' .. wire .. "}" },
        { "PUT ", "{" .. TICKET .. ',"status":"open"}' } }
      assert(client.tickets:update("A", { subject = "s" }))
      assert.truthy(put_body():find('"tag":' .. sent, 1, true), put_body())
    end
    for _, wire in ipairs { '"a,b"', '[["a"]]', '{"a":"b"}', "true" } do
      answers { { "GET ", "{" .. TICKET .. ',"tags":' .. wire .. "}" } }
      failed("protocol", client.tickets:update("A", { subject = "s" }))
      assert.equal(1, #asked(), "nothing but the GET")
    end
  end)

  -- A service that trims a text, knows one end of line, or writes a tag once, was said to have
  -- ignored the field; and an older message of the same words passed for the new one.
  it("knows what was taken", function()
    local before = "{" .. TICKET .. ',"tags":["x"],"events":[{"type":"message","message":"ping"}]}'
    local after = '{"id":"A","subject":"s","requester":{"mail":"Mary@example.com"},'
      .. '"tags":["x","y"],"assignee":{"id":"jane@example.com"},'
      .. '"events":[{"type":"message","message":"ping"},{"type":"message","message":"a\\nb"}]}'
    answers { { "GET ", before }, { "PUT ", after } }
    assert(client.tickets:update("A", { subject = " s ", message = "a\r\nb\n",
      tags = { "y", "x", "y" }, assignee = { id = "Jane@Example.com" },
      requester = { mail = "MARY@example.com" } }))
    local err = failed("rejected", client.tickets:update("A", { message = "ping", subject = "t" }))
    assert.same({ "message", "subject" }, err.ignored)
  end)

  -- Reading the ticket and changing it each had the whole deadline; so had a look for a lost ticket
  -- a second of its own.
  it("ends at one deadline, and so does a create with its look for the ticket", function()
    answers { { "GET ", "{" .. TICKET .. "}", delay = 0.6 },
      { "PUT ", "{" .. TICKET .. "}", delay = 0.6 } }
    local spent, value, err = seconds_of(function()
      return connect({ deadline = 0.9 }).tickets:update("A", { subject = "s" })
    end)
    failed("timeout", value, err)
    assert.is_true(spent < 1.15, spent)
    answers { { "POST ", "{}", status = 500 }, { "GET ", "[]", delay = 3 } }
    spent, value, err = seconds_of(function()
      return connect({ deadline = 0.5, reconcile = 30 }).tickets:create(NEW)
    end)
    assert.equal("unknown", failed("server", value, err).outcome)
    assert.is_true(spent < 0.75, spent)
  end)

  -- A ticket that could not be read before the change left it open whether it was changed.
  it("that could not read the ticket was not sent", function()
    for _, answer in ipairs { { "GET ", "x", status = 500 }, { "GET ", "garbage" },
      { "GET ", "{" .. TICKET .. ',"tags":"x"}' } } do
      answers { answer }
      local _, err = client.tickets:update("A", { subject = "t" })
      assert.equal("not_sent", err.outcome)
    end
    answers {}
    local err = failed("not_found", client.tickets:update("A", { subject = "t" }))
    assert.equal("refused", err.outcome)
  end)

  -- Closed between its two calls, it raised as if it had been begun after close().
  it("that is under way is ended by close with an error of kind closed", function()
    answers { { "GET ", "{" .. TICKET .. "}" } }
    local mine
    mine = connect { on_attempt = function() mine:close() end }
    local err = failed("closed", mine.tickets:update("A", { subject = "t" }))
    assert.equal("not_sent", err.outcome)
  end)

  -- While a lost ticket was looked for, close() ended the look, and the error did not tell.
  it("and a look for a lost ticket as well", function()
    answers { { "POST ", "{}", status = 500 } }
    local mine
    mine = connect { reconcile = 30, on_attempt = function(info)
      if info.method == "GET" then mine:close() end
    end }
    local err = failed("closed", mine.tickets:create(NEW))
    assert.equal("unknown", err.outcome)
  end)
end)

describe("a record", function()
  -- A member of the wire that is named like a method came out of totable as that method.
  it("copies members that are named like its methods", function()
    answers { { "GET ", "{" .. TICKET .. ',"tag":"x","update":{"at":1},"raw":false}' } }
    local ticket = assert(client.tickets:get("A"))
    local copy = ticket:totable()
    assert.equal("x", copy.tag)
    assert.same({ at = 1 }, copy.update)
    assert.is_false(copy.raw)
    assert.equal("function", type(ticket.update))
  end)

  -- A metamethod called by hand with something else read memory that was none of its own.
  it("is checked by its metamethods", function()
    answers { { "GET ", "{" .. TICKET .. "}" } }
    local ticket = assert(client.tickets:get("A"))
    local meta = getmetatable(ticket)
    for _, other in ipairs { {}, "A", io.stdout, setmetatable({}, { __index = ticket }) } do
      for _, name in ipairs { "__index", "__newindex", "__tostring", "__pairs" } do
        assert.is_false((pcall(meta[name], other, "id", 1)), name)
      end
      assert.is_false(meta.__eq(other, ticket))
      assert.is_false(meta.__eq(ticket, other))
      assert.is_false(other == ticket)
    end
  end)

  -- An id could be assigned, and reload then brought another record.
  it("keeps its id", function()
    answers { { "GET ", "{" .. TICKET .. "}" } }
    local ticket = assert(client.tickets:get("A"))
    assert.has_error(function() ticket.id = "B" end)
    assert.equal("A", ticket.id)
  end)

  -- Clients with one address, written with and without a slash at its end, were two accounts.
  it("is the same through an address with a slash at its end", function()
    answers { { "GET ", "{" .. TICKET .. "}" } }
    local one = assert(client.tickets:get("A"))
    assert.is_true(one == assert(connect({ base_url = url .. "/" }).tickets:get("A")))
    assert.is_false(one == assert(connect({ username = "b@example.com" }).tickets:get("A")))
  end)

  -- What an agent's groups read as could not be sent back.
  it("takes groups as it gives them", function()
    answers { { "GET ", '{"login":"a@example.com","groups":[{"id":3,"name":"Sales"}]}' },
      { "PUT ", '{"login":"a@example.com"}' } }
    local agent = assert(client.agents:get("a@example.com"))
    agent.groups = agent.groups
    assert(agent:save())
    assert.equal('PUT /agents/a%40example.com {"groups":[3]}', asked()[2])
  end)

  -- pairs over a page led through its client to the throttle and the credential's handle.
  it("list holds nothing but records and counts", function()
    answers { { "GET ", '{"pages":1,"total":1,"tickets":[{' .. TICKET .. "}]}" } }
    local names = {}
    for name in pairs(assert(client.tickets:list())) do
      names[#names + 1] = tostring(name)
    end
    table.sort(names)
    assert.same({ "1", "page", "pages", "total" }, names)
  end)
end)

describe("a mistake", function()
  -- Use after close raised without a name of what was used.
  it("after close names the function", function()
    client:close()
    for name, call in pairs {
      ["agents:list"] = function() return client.agents:list() end,
      ["tickets:each"] = function() return client.tickets:each() end,
      ["client:request"] = function() return client:request { path = "/x" } end,
      ["client:throttled"] = function() return client:throttled() end,
    } do
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.truthy(message:find("'self' to '" .. name .. "' (the livechat client is closed)", 1,
        true), message)
    end
  end)

  -- A mistake in the limits was blamed on a line of the library.
  it("in the throttle's limits is blamed on who made it", function()
    for _, limits in ipairs { { calls = 0 }, { cals = 1 }, { period = "x" }, { mode = "0600" } } do
      local ok, message = pcall(connect, { throttle = limits })
      assert.is_false(ok)
      assert.truthy(message:find("^spec/regress_spec.lua:%d+: bad argument '%l+' to 'livechat.new"),
        message)
    end
  end)

  -- Any userdata passed for a throttle, and each call raised about it.
  it("with a throttle is found at once", function()
    local ok, message = pcall(connect, { throttle = io.stdout })
    assert.is_false(ok)
    assert.truthy(message:find("'throttle' to 'livechat.new'", 1, true), message)
  end)
end)

describe("a program that forbids unknown globals", function()
  -- Loading the library read the global `utf8`, which Lua 5.1 and 5.2 have not.
  it("may load the library and use it", function()
    local script = helper.folder() .. "/strict.lua"
    helper.write(script, [[
      setmetatable(_G, {
        __index = function(_, name) error("read " .. tostring(name), 2) end,
        __newindex = function(_, name) error("written " .. tostring(name), 2) end,
      })
      local livechat = require "livechat"
      local client = livechat.new { username = "a@example.com", api_key = "k", base_url = ... }
      assert(#assert(client.agents:list()) == 0)
      livechat.gather({ 1 }, function() return client:throttled() end)
    ]])
    answers { { "GET /agents", "[]" } }
    local argv = helper.lua_argv(helper.lua_version, script, url)
    for i, word in ipairs(argv) do
      argv[i] = helper.quote(word)
    end
    local status, output = helper.run(table.concat(argv, " "))
    assert.equal(0, status, output)
  end)
end)

describe("a proxy", function()
  -- libcurl shows the address of a proxy that it cannot read, with its password.
  it("does not show its password", function()
    for _, proxy in ipairs { "http://user:hun/ter2@127.0.0.1:1", "http://user:hunter2",
      "odd://user:hunter2@127.0.0.1:1" } do
      local err = failed("network", connect({ proxy = proxy }).agents:list())
      assert.is_nil(err.message:find("ter2", 1, true))
    end
  end)

  -- One with a NUL in it was found only by the first call, which raised.
  it("is one line", function()
    for _, proxy in ipairs { "http://a\0b", "http://a\nb" } do
      local ok, message = pcall(connect, { proxy = proxy })
      assert.is_false(ok)
      assert.truthy(message:find("'proxy' to 'livechat.new'", 1, true), message)
    end
  end)
end)

describe("livechat.gather", function()
  -- In Lua 5.1 a function that pcall ran, and that ended in a call of the client, could not be seen
  -- on the stack: the call yielded, and pcall does not let that pass.
  it("lets pcall run a function that ends in a call", function()
    answers { { "GET /agents", "[]", delay = 0.05 } }
    local results = livechat.gather({ 1, 2, 3 }, function()
      return pcall(function() return client.agents:list() end)
    end)
    for i = 1, 3 do
      assert.is_true(results[i][1], tostring(results[i][2]))
      assert.same({}, results[i][2])
    end
  end)
end)

describe("the environment", function()
  -- Half a pair beside a token was taken for both, and livechat.new() raised.
  it("may hold a token and half a pair", function()
    local getenv = os.getenv
    finally(function() os.getenv = getenv end) -- luacheck: ignore 122
    for _, half in ipairs { "LIVECHAT_USERNAME", "LIVECHAT_API_KEY" } do
      local values = { LIVECHAT_ACCESS_TOKEN = "fra:t", [half] = "x" }
      os.getenv = function(name) return values[name] end -- luacheck: ignore 122
      assert.truthy(livechat.new())
    end
  end)
end)

describe("livechat.timestamp", function()
  -- Beyond the year 5138 seconds were taken for milliseconds.
  it("is the reverse of livechat.time in every year", function()
    for _, text in ipairs { "0001-01-01T00:00:00.000Z", "5138-11-16T09:46:39.000Z",
      "5138-11-16T09:46:40.000Z", "9999-12-31T23:59:59.000Z" } do
      assert.equal(text, livechat.timestamp(livechat.time(text)))
    end
    for _, none in ipairs { -1e11, 253402300800, 1.7e12, 1 / 0, 0 / 0 } do
      assert.is_nil(livechat.timestamp(none))
    end
  end)
end)
