-- SPDX-License-Identifier: MIT
-- once, on jit: it is long, and the service runs in nginx
-- Chats and visitors, judged by what is documented of them. No sockets.
local json = require "livechat.json"
local account = require "spec.account"

local NOW = account.NOW
local JANE = "jane.doe@example.com"

-- The answer of a call that must succeed.
local function get(own, path, query)
  local status, value = own.call("GET", path, { query = query })
  assert.equal(200, status)
  return value
end

local function refused(own, method, path, request, expected)
  local status, body = own.call(method, path, request)
  assert.equal(expected or 400, status)
  if expected then return assert(body.error) end
  assert.is_true(#body.errors > 0)
  for _, text in ipairs(body.errors) do assert.is_string(text) end
  return table.concat(body.errors, " | ")
end

describe("chats", function()
  it("are listed 25 a page, the last to start first, those that ended", function()
    local own = account.new({ chats = 60 })
    local seen, last = {}, math.huge
    for page = 1, 3 do
      local answer = get(own, "/chats", "page=" .. page)
      assert.equal(60, answer.total)
      assert.equal(3, answer.pages)
      assert.equal(page == 3 and 10 or 25, #answer.chats)
      for _, chat in ipairs(answer.chats) do
        assert.is_nil(seen[chat.id])
        seen[chat.id] = true
        assert.is_true(chat.started_timestamp <= last)
        last = chat.started_timestamp
        assert.equal(chat.duration, chat.ended_timestamp - chat.started_timestamp)
      end
    end
    assert.same({}, get(own, "/chats", "page=4").chats)
    local all = get(own, "/chats", "include_pending=1")
    assert.equal(62, all.total)
    assert.is_true(all.chats[1].pending)
    assert.is_nil(all.chats[1].ended)
    for _, page in ipairs({ "0", "-1", "x", "1001", "1.5", "" }) do
      refused(own, "GET", "/chats", { query = "page=" .. page })
    end
  end)

  it("write their dates in a zone, the account's or the one asked for", function()
    local own = account.new({ timezone = "Europe/Berlin" })
    local chat = get(own, "/chats").chats[1]
    assert.equal("Europe/Berlin", chat.timezone)
    local utc = get(own, "/chats", "timezone=UTC").chats[1]
    assert.equal(os.date("!%m/%d/%y %I:%M:%S", chat.started_timestamp),
      (utc.started:match("^%a+, (.*) [ap]m$")))
    assert.equal(os.date("!%m/%d/%y %I:%M:%S", chat.started_timestamp + 3600),
      (chat.started:match("^%a+, (.*) [ap]m$")))
    assert.truthy(refused(own, "GET", "/chats", { query = "timezone=Mars/Base" }):find("timezone"))
    assert.truthy(refused(own, "GET", "/chats",
      { query = "timezone=..%2F..%2Fetc%2Fpasswd" }):find("timezone"))
  end)

  it("are found by every filter", function()
    local own = account.new({ chats = 200, calls = false })
    local all, page = {}, 1
    repeat
      local answer = get(own, "/chats", "page=" .. page)
      for _, chat in ipairs(answer.chats) do all[#all + 1] = chat end
      page = page + 1
    until page > answer.pages
    local function expect(query, test)
      local expected = 0
      for _, chat in ipairs(all) do
        if test(chat) then expected = expected + 1 end
      end
      assert.is_true(expected > 0 and expected < #all, query)
      assert.equal(expected, get(own, "/chats", query).total, query)
    end
    local function any(list, test)
      for _, each in ipairs(list or {}) do
        if test(each) then return true end
      end
      return false
    end
    local function has_tag(tag) return function(each) return each == tag end end
    local one = all[7]
    local day = os.date("!%Y-%m-%d", one.started_timestamp)
    expect("visitor_id=" .. one.visitor.id, function(c) return c.visitor.id == one.visitor.id end)
    expect("query=YOU+ARE+welcome", function(c)
      return any(c.messages, function(m) return m.text == "You are welcome." end)
    end)
    expect("agent=" .. JANE, function(c) return c.agents[1].email == JANE end)
    expect("group=2", function(c) return c.group[1] == 2 end)
    expect("goal=1041", function(c) return any(c.goals, function(g) return g.id == 1041 end) end)
    expect("has_goal=1", function(c) return c.goals ~= nil end)
    expect("has_goal=0", function(c) return c.goals == nil end)
    local function sale(goal) return goal.type == "sales_tracker" end
    expect("has_sale=1", function(c) return any(c.goals, sale) end)
    expect("sale=1071", function(c) return any(c.goals, sale) end)
    expect("queued=1", function(c) return c.queue ~= nil end)
    expect("rate=rated", function(c) return c.rate ~= "not_rated" end)
    expect("rate=not_rated", function(c) return c.rate == "not_rated" end)
    expect("rate=rated_good", function(c) return c.rate == "rated_good" end)
    expect("rate=rated_bad", function(c) return c.rate == "rated_bad" end)
    expect("tag[]=vip", function(c) return any(c.tags, has_tag("vip")) end)
    expect("tag[]=vip&tag[]=support", function(c)
      return any(c.tags, has_tag("vip")) or any(c.tags, has_tag("support"))
    end)
    expect("tagged=0", function(c) return #c.tags == 0 end)
    expect("comment=1", function(c) return c.comment ~= nil end)
    expect("city=K%C3%B6ln", function(c) return c.visitor.city == "Köln" end)
    expect("region=bahia", function(c) return c.visitor.region == "Bahia" end)
    expect("country=India", function(c) return c.visitor.country == "India" end)
    expect("date_from=" .. day, function(c)
      return os.date("!%Y-%m-%d", c.started_timestamp) >= day
    end)
    expect("date_to=" .. day, function(c)
      return os.date("!%Y-%m-%d", c.started_timestamp) <= day
    end)
    expect(("date_from=%s&date_to=%s"):format(day, day), function(c)
      return os.date("!%Y-%m-%d", c.started_timestamp) == day
    end)
    for _, query in ipairs({ "date_from=INVALID", "has_goal=2", "rate=good", "tag=vip", "goal=x",
      "group=99", "tagged=yes", "include_pending=2" }) do
      refused(own, "GET", "/chats", { query = query })
    end
  end)

  it("are got, tagged and sent by mail", function()
    local own = account.new()
    local first = get(own, "/chats").chats[1]
    assert.same(first, get(own, "/chats/" .. first.id .. "/"))
    own.call("POST", "/webhooks", { json = { event_type = "chat_changed",
      data_types = { "chat" }, url = "http://127.0.0.1:1/" } })
    local tags = { "50% off & more", "für später/😀", "<b>\"x\"</b>" }
    local status, tagged = own.call("PUT", "/chats/" .. first.id .. "/tags",
      { json = { tag = tags } })
    assert.equal(200, status)
    assert.same(tags, tagged.tags)
    assert.same(tagged, get(own, "/chats/" .. first.id))
    assert.same(tags,
      json.decode(own.service:due_deliveries(own.now, 9)[1].body).chat.tags)
    local path = "/chats/" .. first.id .. "/send_transcript"
    local _, sent = own.call("POST", path, { form = "to=john.doe%40mycompany.com" })
    assert.same({ result = "E-mail has been sent to john.doe@mycompany.com." }, sent)
    refused(own, "POST", path, { form = "to=INVALID" })
    refused(own, "POST", path)
    refused(own, "PUT", "/chats/" .. first.id .. "/tags", { json = { tag = { 1 } } })
    for _, call in ipairs({ { "GET", "" }, { "PUT", "/tags" }, { "POST", "/send_transcript" } }) do
      refused(own, call[1], "/chats/NOSUCHCHAT" .. call[2], nil, 404)
    end
    own.control("POST", "options", { wrapper = true })
    local _, wrapped = own.call("PUT", "/chats/" .. first.id .. "/tags", { json = {} })
    assert.same({ 1, 1, {} }, { wrapped.total, wrapped.pages, wrapped.chats[1].tags })
  end)

  it("appear when one starts, and end when it ends", function()
    local own = account.new({ chats = 0 })
    own.control("POST", "trigger", { event_type = "chat_started", chat = { id = "ABCDEFGHIJ" },
      visitor = { id = "S1.x", name = "Ada \"L\"" } })
    assert.equal(0, get(own, "/chats").total)
    local chat = get(own, "/chats", "include_pending=1").chats[1]
    assert.equal("ABCDEFGHIJ", chat.id)
    assert.is_true(chat.pending)
    assert.equal("Ada \"L\"", chat.visitor.name)
    assert.equal(1, get(own, "/visitors", "state=chatting&count=1"))
    own.now = NOW + 90
    own.control("POST", "trigger", { event_type = "chat_ended", chat = { id = "ABCDEFGHIJ" } })
    local ended = get(own, "/chats").chats[1]
    assert.equal(90, ended.duration)
    assert.same({ NOW, NOW + 90 }, { ended.started_timestamp, ended.ended_timestamp })
    assert.is_nil(ended.pending)
    assert.equal(0, get(own, "/visitors", "count=1"))
    own.control("POST", "trigger", { event_type = "chat_ended", count = 30 })
    assert.equal(31, get(own, "/chats").total)
    own.control("POST", "reset")
    assert.equal(0, get(own, "/chats").total)
  end)

  it("start and end by the control interface, which tells the webhooks", function()
    local own = account.new({ chats = 0 })
    for event_type in pairs({ chat_started = 1, chat_ended = 1 }) do
      own.call("POST", "/webhooks", { json = { event_type = event_type,
        data_types = { "chat", "visitor" }, url = "http://127.0.0.1:1/" } })
    end
    local started = own.control("POST", "start_chat", { visitor = { name = "Ada" }, group = 2,
      agent = "jane.doe@example.com", text = "Hello <b>?", tags = { "vip" } })
    local event = json.decode(own.service:due_deliveries(own.now, 9)[1].body)
    assert.same({ "chat_started", started.id, "Ada", { 2 }, { "vip" }, "Hello <b>?" },
      { event.event_type, event.chat.id, event.visitor.name, event.chat.groups, event.chat.tags,
        event.chat.messages[2].text })
    assert.equal(started.visitor, event.visitor.id)
    assert.equal("jane.doe@example.com", event.chat.agents[1].login)
    own.now = NOW + 5
    assert.equal(started.id, own.control("POST", "end_chat", { id = started.id }).id)
    event = json.decode(own.service:due_deliveries(own.now, 9)[1].body)
    assert.same({ "chat_ended", started.id, NOW + 5 },
      { event.event_type, event.chat.id, event.chat.ended_timestamp })
    assert.equal(5, get(own, "/chats/" .. started.id).duration)
    for _, id in ipairs({ started.id, "NONE", 5 }) do
      local _, status = own.control("POST", "end_chat", { id = id })
      assert.equal(400, status)
    end
    assert.is_string(own.control("POST", "start_chat", {}).id)
  end)

  it("reach a goal through their visitor", function()
    local own = account.new({ chats = 0 })
    own.control("POST", "trigger", { event_type = "chat_ended", chat = { id = "ABCDEFGHIJ" },
      visitor = { id = "S1.x" } })
    local status, body = own.call("POST", "/goals/1041/mark_as_successful", { form =
      "visitor_id=S1.x&order_id=A1&order_description=Nike+shoes&order_price=199.00" })
    assert.equal(200, status)
    assert.same({ result = "goal marked as successful" }, body)
    local chat = get(own, "/chats", "goal=1041").chats[1]
    assert.same({ id = "A1", description = "Nike shoes", price = "199.00", currency = "" },
      chat.goals[1].order)
    assert.equal(NOW, chat.goals[1].timestamp)
    refused(own, "POST", "/goals/1041/mark_as_successful", { json = {} })
    refused(own, "POST", "/goals/1041/mark_as_successful",
      { json = { visitor_id = "S1.x", order_price = "1,5" } })
    refused(own, "POST", "/goals/1041/mark_as_successful", { json = { visitor_id = "S2" } }, 404)
    refused(own, "POST", "/goals/1/mark_as_successful", { json = { visitor_id = "S1.x" } }, 404)
  end)

  it("are written in each variant", function()
    for variants, check in pairs({
      docs = function(chat) assert.is_number(chat.duration) end,
      strings = function(chat)
        assert.is_string(chat.duration)
        assert.is_string(chat.messages[1].timestamp)
        assert.is_string(chat.group[1])
      end,
      objects = function(chat)
        assert.is_nil(chat.visitor)
        assert.is_string(chat.visitor_id)
        assert.is_string(chat.visitor_name)
      end,
      php = function(chat) assert.is_table(chat.queue) end,
    }) do
      local own = account.new({ variants = variants })
      local answer = get(own, "/chats")
      check(answer.chats[1])
      assert.equal(variants == "strings" and "60" or 60, answer.total)
    end
  end)

  it("are 25,000 within reach, and the total tells of more", function()
    local own = account.new({ chats = 25030, calls = false })
    local last = get(own, "/chats", "page=1000")
    assert.same({ 25030, 1000, 25 }, { last.total, last.pages, #last.chats })
    refused(own, "GET", "/chats", { query = "page=1001" })
    local ids, total = {}, 0
    for page = 1, 1000, 37 do
      for _, chat in ipairs(get(own, "/chats", "page=" .. page).chats) do
        assert.is_nil(ids[chat.id])
        ids[chat.id], total = true, total + 1
      end
    end
    assert.equal(28 * 25, total)
    local days = get(own, "/reports/chats/total_chats", "date_to=2026-01-01")
    local sum = 0
    for _, row in pairs(days) do sum = sum + row.chats end
    assert.equal(25030, sum)
  end)
end)

describe("a long life", function()
  it("forgets the oldest chats and who had them, and counts on", function()
    local own = account.new({ chats = 0, calls = false })
    local service, agent = own.service, { id = account.LOGIN, name = "John" }
    for i = 1, 51500 do
      local visitor = { id = "S" .. i, name = "V", chats = 0, details = {} }
      service.visitors.by_id[visitor.id] = visitor
      service.chats:keep({ id = "C" .. i, visitor = visitor, started = i, ended = i, goals = {},
        agents = { agent }, supervisors = {}, groups = { 0 }, tags = { "vip" },
        rate = "not_rated", messages = { { side = "agent", author = agent, text = "", at = i } } })
    end
    local total = get(own, "/chats").total
    assert.is_true(total >= 50000 and total < 51000)
    local visitors, vip = 0, nil
    for _ in pairs(own.service.visitors.by_id) do visitors = visitors + 1 end
    assert.equal(total, visitors)
    for _, tag in ipairs(get(own, "/tags")) do vip = tag.name == "vip" and tag.count or vip end
    assert.equal(total, vip.inChats)
    local last = get(own, "/chats", "page=1000").chats[25]
    assert.same(last, get(own, "/chats/" .. last.id))
    own.control("POST", "trigger", { event_type = "visitor_queued", count = 1200 })
    visitors = 0
    for _ in pairs(own.service.visitors.by_id) do visitors = visitors + 1 end
    assert.equal(total + 1000, visitors)
    assert.is_false(pcall(account.new, { chats = 50001 }))
  end)
end)

describe("chats that are told of late", function()
  it("stand where they started, in the time of their number", function()
    local own = account.new({ chats = 0, calls = false })
    local service, agent = own.service, { id = account.LOGIN, name = "John" }
    local visitor = { id = "S1", name = "V", chats = 0, details = {} }
    local function keep(id, started)
      service.chats:keep({ id = id, visitor = visitor, started = started, ended = started,
        goals = {}, agents = { agent }, supervisors = {}, groups = { 0 }, tags = {},
        rate = "not_rated", messages = { { side = "agent", author = agent, text = "", at = 1 } } })
    end
    for _, each in ipairs({ { "C", 30 }, { "A", 10 }, { "B", 20 }, { "B2", 20 }, { "D", 30 },
      { "E", 40 }, { "A2", 10 } }) do
      keep(each[1], each[2])
    end
    local ids = {}
    for i, chat in ipairs(get(own, "/chats").chats) do ids[i] = chat.id end
    assert.equal("E D C B2 B A2 A", table.concat(ids, " "))
    local started = os.clock()
    for i = 1, 20000 do keep("N" .. i, 1000) end
    for i = 1, 20000 do keep("L" .. i, 500) end
    assert.equal(40007, get(own, "/chats").total)
    assert.is_true(os.clock() - started < 3)
  end)
end)

describe("visitors", function()
  it("are those on the pages, by state and group, or their number", function()
    local own = account.new()
    local list = get(own, "/visitors")
    assert.equal(8, #list)
    assert.equal(8, get(own, "/visitors", "count=1"))
    assert.equal(8, #get(own, "/visitors", "count=0"))
    local chatting = get(own, "/visitors", "state=chatting")
    assert.equal(2, #chatting)
    assert.same(chatting, get(own, "/visitors/chatting"))
    assert.equal(chatting[1].chat_id, get(own, "/chats/" .. chatting[1].chat_id).id)
    assert.equal(1, #get(own, "/visitors", "state=queued"))
    assert.equal(#get(own, "/visitors", "group[]=1") + #get(own, "/visitors", "group[]=2"),
      #get(own, "/visitors", "group[]=1&group[]=2"))
    refused(own, "GET", "/visitors", { query = "state=asleep" })
    refused(own, "GET", "/visitors", { query = "group[]=99" })
    refused(own, "GET", "/visitors", { query = "count=2" })
    assert.same({}, get(account.new({ chats = 0 }), "/visitors"))
  end)

  it("are a thousand at most, the last to come", function()
    local own = account.new({ chats = 0, calls = false })
    own.control("POST", "trigger", { event_type = "visitor_queued", count = 1500 })
    assert.equal(1000, get(own, "/visitors", "count=1&state=queued"))
  end)

  it("get details with the account's credentials or a webhook's pair", function()
    local own = account.new({ chats = 0 })
    local _, hooks = own.call("POST", "/webhooks", { json = { event_type = "chat_started",
      data_types = { "visitor" }, url = "http://127.0.0.1:1/" } })
    own.control("POST", "trigger", { event_type = "chat_started" })
    local event = json.decode(own.service:due_deliveries(own.now, 1)[1].body)
    assert.equal(hooks.events[1].token, event.token)
    local path = "/visitors/" .. event.visitor.id .. "/details"
    local function details(fields, authorization)
      fields.id = fields.id or "my-app"
      fields.fields = fields.fields or { { name = "Age", value = 36 },
        { name = "Shop", value = "Open", url = "https://shop.example.com/1" } }
      return own.call("POST", path, { json = fields, headers = { authorization = authorization } })
    end
    local status, body = details({ license_id = 1520, token = event.token }, false)
    assert.equal(200, status)
    assert.same({ result = "Visitor details added" }, body)
    assert.equal(200, (details({ license_id = event.license_id, token = event.token }, false)))
    assert.equal(200, (details({}, account.BASIC)))
    for _, pair in ipairs({ { license_id = 1521, token = event.token },
      { license_id = 1520, token = ("0"):rep(32) }, { license_id = 1520 }, {},
      { token = event.token }, { license_id = 1520, token = { event.token } } }) do
      assert.equal(401, (details(pair, false)))
    end
    local form = ("license_id=1520&token=%s&id=my-app&fields[0][name]=Age&fields[0][value]=36")
      :format(event.token)
    assert.equal(200, (own.call("POST", path, { form = form,
      headers = { authorization = false } })))
    local kept = own.control("GET", "visitors").visitors[1]
    assert.equal(event.visitor.id, kept.id)
    assert.same({ fields = { { name = "Age", value = "36" } } }, kept.details["my-app"])
    for _, wrong in ipairs({ { id = "my app" }, { id = "" }, { fields = "x" }, { icon = 5 },
      { fields = { { name = "x" } } }, { fields = { { value = "x" } } } }) do
      assert.equal(400, (details(wrong, account.BASIC)))
    end
    assert.equal(404, (own.call("POST", "/visitors/S0.0/details",
      { json = { id = "x", fields = { { name = "a", value = "b" } } } })))
  end)
end)
