-- SPDX-License-Identifier: MIT
-- once, on jit: it is long, and the service runs in nginx
-- What other clients send: Microsoft's connector to the letter, the documentation's samples, and
-- what no client should. No sockets.
local base64 = require "livechat.sandbox.base64"
local form = require "livechat.sandbox.form"
local account = require "spec.account"

local LOGIN = account.LOGIN

describe("the connector", function()
  local HOOKS = { { "ticket_created", "event_type=ticket_created&data_types%5B%5D=ticket",
    { "ticket" } }, { "chat_starts", "event_type=chat_started",
    { "chat", "visitor", "pre_chat_survey" } }, { "chat_ends", "event_type=chat_ended",
    { "chat", "visitor", "pre_chat_survey" } } }

  -- Its gateway has no X-API-Version for the three triggers.
  it("registers its webhooks with parameters in the query, on paths of its own", function()
    local own = account.new()
    for i, hook in ipairs(HOOKS) do
      local path = "/" .. hook[1] .. "_webhook/webhooks"
      local status, body = own.call("POST", path, { query = hook[2],
        json = { url = "https://callback.example/" .. i },
        headers = { ["x-api-version"] = false } })
      assert.equal(200, status, path)
      local made = body.events[#body.events]
      assert.same(hook[3], made.data_types)
      assert.equal(hook[2]:match("event_type=([%l_]+)"), made.event_type)
      assert.equal("https://callback.example/" .. i, made.url)
      assert.equal(200, (own.call("DELETE", "/webhooks/" .. made.id)))
    end
    assert.equal(404, (own.call("POST", "/other_webhook/webhooks", { json = {} })))
    assert.equal(404, (own.call("POST", "/chat_ends_webhook/tickets", { json = {} })))
    local status, body = own.call("POST", "/webhooks", { query = "event_type=chat_started",
      json = { url = "https://callback.example/" } })
    assert.equal(400, status)
    assert.truthy(body.errors[1]:find("data_types"))
    assert.equal("POST /webhooks", own.control("GET", "calls").log[1].method .. " " ..
      own.control("GET", "calls").log[1].path)
  end)

  it("creates an agent with a count that is a text, and updates a ticket by its tags", function()
    local own = account.new()
    local status, agent = own.call("POST", "/agents", { json = { login = "new@example.com",
      name = "New", login_status = "accepting chats", job_title = "Boss", permission = "normal",
      password = "12345", max_chats_count = "4" } })
    assert.equal(200, status)
    assert.equal(4, agent.max_chats_count)
    local _, ticket = own.call("POST", "/tickets", { json = account.ticket() })
    local _, updated = own.call("PUT", "/tickets/" .. ticket.id .. "/tags", { json = {
      message = "More", requester = { mail = "mary@example.net", name = "Mary" }, subject = "New",
      assignee = { id = LOGIN }, source = { type = "chat-window", url = "https://x.example" } } })
    assert.same({ "New", "Mary", {} }, { updated.subject, updated.requester.name, updated.tags })
  end)
end)

describe("any client", function()
  it("may write a slash at the end, /v2 in front, and parameters in the query", function()
    local own = account.new({ seed = 1 })
    local id = own.ids()[1]
    for _, path in ipairs({ "/agents/", "/agents//", "/v2/agents/", "/agents/" .. LOGIN .. "/",
      "/v2/tickets/" .. id .. "/", "/status/0/", "/chats/", "/reports/chats/total_chats/",
      "/groups/1/" }) do
      assert.equal(200, (own.call("GET", path)), path)
    end
    local status, ticket = own.call("POST", "/tickets/", { query =
      "requester[mail]=a@b.c&subject=From+the+query&group[]=2", json = { message = "x",
      subject = "From the body" } })
    assert.equal(200, status)
    assert.same({ "a@b.c", "From the body", { 2 } },
      { ticket.requester.mail, ticket.subject, ticket.groups })
    assert.equal(200, (own.call("PUT", "/tickets/" .. id .. "/tags/",
      { query = "tag[]=a&tag[]=b" })))
    local _, tagged = own.call("GET", "/tickets/" .. id)
    assert.same({ "a", "b" }, tagged.tags)
    assert.equal(200, (own.call("DELETE", "/tags/sales/", { query = "group=1" })))
    assert.equal(400, (own.call("POST", "/tickets", { query = "message=%FF" })))
  end)

  it("may give an API key or a token, by the login or the account's id", function()
    local own = account.new({ account_id = "9b6f", api_key = "us-south1:pat:x", username = "me@x" })
    for header, expected in pairs({
      ["Basic " .. base64.encode("9b6f:us-south1:pat:x")] = 200,
      ["Basic " .. base64.encode("me@x:us-south1:pat:x")] = 200,
      ["Basic " .. base64.encode("9b6f:us-south1")] = 401,
      ["Bearer dal:0123456789abcdef0123456789abcdef"] = 200,
      ["Bearer us-south1:pat:x"] = 401,
      ["Bearer"] = 401 }) do
      assert.equal(expected, (own.call("GET", "/agents", { headers = { authorization = header } })))
    end
  end)

  it("may give some notifications or none, and the others keep their defaults", function()
    local own = account.new()
    local all = { new_visitor = 1, returning_visitor = 1, queued_visitor = 1,
      visitor_is_typing = 0, new_goal = 1 }
    local function created(login, request)
      request.json = request.json and { login = login, name = "x", notifications = request.json }
      local status, agent = own.call("POST", "/agents", request)
      assert.equal(200, status)
      return agent.notifications
    end
    assert.same(all, created("a@b.c", { json = {} }))
    all.visitor_is_typing, all.new_goal = 1, 0
    assert.same(all, created("b@b.c", { json = { visitor_is_typing = 1, new_goal = 0 } }))
    assert.same(all, created("c@b.c", { form = "login=c@b.c&name=x&notifications[new_goal]=0" ..
      "&notifications[visitor_is_typing]=1" }))
  end)

  it("may change a part of a day, or one day of the week", function()
    local own = account.new()
    local path = "/agents/jane.doe@example.com"
    local function put(request)
      local status, agent = own.call("PUT", path, request)
      assert.equal(200, status)
      return agent.work_scheduler
    end
    assert.is_nil(select(2, own.call("GET", path)).work_scheduler)
    local week = put({ json = { work_scheduler = { friday = { start = "10:30" } } } })
    assert.same({ enabled = 1, start = "10:30", ["end"] = "17:00" }, week.friday)
    assert.same({ enabled = 1, start = "09:00", ["end"] = "17:00" }, week.monday)
    week = put({ form = "work_scheduler[sunday][enabled]=1&work_scheduler[sunday][end]=12:00" })
    assert.same({ enabled = 1, start = "09:00", ["end"] = "12:00" }, week.sunday)
    assert.equal("10:30", week.friday.start)
    assert.same(week, put({ json = { name = "Jane" } }))
    assert.same(week, select(2, own.call("GET", path)).work_scheduler)
    for _, wrong in ipairs({ { monday = { start = "24:00" } }, { monday = { start = "9:00" } },
      { monday = { start = "09:60" } }, { monday = { enabled = 2 } }, { monday = { from = "x" } },
      { monday = "x" }, { someday = {} }, "x" }) do
      assert.equal(400, (own.call("PUT", path, { json = { work_scheduler = wrong } })))
    end
    assert.same(week, select(2, own.call("GET", path)).work_scheduler)
  end)

  it("may have blanks and line ends after an ampersand, and brackets in JSON", function()
    assert.same({ a = "1", b = { c = "2" }, d = { "3", "4" } },
      form.decode("a=1&\r\n  b[c]=2&\td[]=3& d[]=4&  &=x"))
    local own = account.new()
    local status, agent = own.call("POST", "/agents", { json = { login = "a@b.c", name = "x",
      ["groups[0]"] = 1, ["groups[1]"] = 3, ["notifications[new_goal]"] = 0 } })
    assert.equal(200, status)
    assert.equal(2, #agent.groups)
    assert.equal(0, agent.notifications.new_goal)
  end)

  it("gets as it gave them texts with markup, quotes, emoji and 100 KB", function()
    local own = account.new({ calls = false })
    local texts = { "<script>alert(\"x\")</script> & 'more' \\ / \n\t😀 \226\128\168",
      ("ä😀<"):rep(14000), ("\\\""):rep(51200) }
    for _, text in ipairs(texts) do
      for _, kind in ipairs({ "json", "form" }) do
        local fields = { json = account.ticket({ message = text, subject = "x" }) }
        if kind == "form" then
          fields = { form = "requester[mail]=a@b.c&message=" .. text:gsub("[^%w]", function(c)
            return ("%%%02x"):format(c:byte())
          end) }
        end
        local status, ticket = own.call("POST", "/tickets", fields)
        assert.equal(200, status)
        assert.is_true(ticket.events[1].message == text)
      end
      local _, made = own.call("POST", "/canned_responses", { json = { text = text, tags = {} } })
      local _, read = own.call("GET", "/canned_responses/" .. made.id)
      assert.is_true(read.text == text)
    end
  end)
end)

describe("a stranger's bytes", function()
  it("that are no text are refused, and written down as what they were", function()
    local own = account.new()
    assert.equal(404, (own.call("GET", "/\255\254" .. ("x"):rep(5000))))
    assert.equal(400, (own.call("GET", "/agents/\255", { query = "a=\255&b=ü" })))
    assert.equal(404, (own.call("GET", "/agents/%FF")))
    assert.equal(404, (own.call("DELETE", "/tags/%FF%00")))
    local log = own.control("GET", "calls").log
    assert.equal(4, #log)
    assert.equal("/%FF%FE", log[1].path:sub(1, 7))
    assert.is_true(#log[1].path < 4200)
    assert.same({ "/agents/%FF", "a=%FF&b=%C3%BC" }, { log[2].path, log[2].query })
  end)

  -- Each of these took seconds or for ever with a pattern that tries again from every place.
  it("take the time of their length", function()
    local own = account.new({ calls = false })
    local long = 300000
    local function timed(what, run)
      local started = os.clock()
      run()
      assert.is_true(os.clock() - started < 1.5, what)
    end
    for _, character in ipairs({ "[", "]", " ", "%", "&", "=", "+", "/", "\\", "\"", "{", "a", "0",
      "\n", "@", ".", ":" }) do
      local text = character:rep(long)
      timed("form of " .. character, function()
        own.call("POST", "/tickets", { form = text })
        own.call("POST", "/tickets", { form = "a" .. text .. "=1" })
        own.call("POST", "/tickets", { form = "message=" .. text .. "&requester[mail]=" .. text })
        own.call("POST", "/agents", { form = "login=" .. text .. "&name=" .. text })
      end)
      timed("JSON of " .. character, function()
        own.call("POST", "/tickets", { body = text,
          headers = { ["content-type"] = "application/json" } })
        own.call("POST", "/tickets", { json = { message = text, requester = { mail = text },
          subject = text } })
        own.call("POST", "/webhooks", { json = { url = "http://" .. text, event_type = text,
          data_types = { text } } })
        own.call("POST", "/webhooks", { json = { url = "http://x" .. text, event_type = text } })
      end)
      timed("path of " .. character, function()
        own.call("GET", "/" .. text)
        own.call("GET", "/tickets/" .. text)
        own.call("GET", "/tickets", { query = text })
        own.call("GET", "/tickets", { query = "query=" .. text })
        own.call("GET", "/chats", { query = "timezone=" .. text .. "&date_from=" .. text })
        own.call("GET", "/agents", { headers = { authorization = "Basic " .. text .. "x" } })
        own.call("GET", "/agents", { headers = { authorization = text } })
      end)
    end
    timed("many parameters", function()
      own.call("POST", "/tickets", { form = ("tag[]=1&"):rep(100000) })
      own.call("POST", "/tickets", { form = "a" .. ("[b]"):rep(300000) .. "=1" })
    end)
  end)
end)
