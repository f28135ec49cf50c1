-- SPDX-License-Identifier: MIT
-- What v2 has besides agents, tickets and webhooks, judged by what is documented of it. No sockets.
local json = require "livechat.json"
local account = require "spec.account"
local helper = require "spec.helper"

local NOW, LOGIN = account.NOW, account.LOGIN
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

describe("groups", function()
  it("have the agents that say they are in them", function()
    local own = account.new()
    local list = get(own, "/groups")
    assert.equal(4, #list)
    assert.same({ id = 0, name = "All operators", language = "en", status = "accepting chats" },
      list[1])
    assert.same({ LOGIN, JANE }, list[2].agents)
    own.call("PUT", "/agents/" .. JANE, { json = { groups = { 3 } } })
    assert.same({ LOGIN }, get(own, "/groups/1").agents)
    assert.same({ JANE, "zofia.maj@example.com", "omar.haddad@example.com" },
      get(own, "/groups/3").agents)
    own.call("DELETE", "/agents/" .. JANE)
    assert.equal(2, #get(own, "/groups/3").agents)
  end)

  it("have the best status of their agents, and so has /status", function()
    local own = account.new()
    assert.equal("offline", get(own, "/groups/3").status)
    assert.same({ status = "offline" }, get(own, "/status/3"))
    assert.same({ status = "offline" }, get(own, "/status", "group=3"))
    assert.same({ status = "online" }, get(own, "/status"))
    assert.same({ status = "online" }, get(own, "/status/1/"))
    for _, login in ipairs({ LOGIN, JANE }) do
      own.call("PUT", "/agents/" .. login, { form = "status=not+accepting+chats" })
    end
    assert.equal("not accepting chats", get(own, "/groups/0").status)
    assert.same({ status = "offline" }, get(own, "/status", "group=0"))
    refused(own, "GET", "/status", { query = "group=x" })
    refused(own, "GET", "/status/99", nil, 404)
  end)

  it("are created, changed and removed, and the agents follow", function()
    local own = account.new()
    local status, made = own.call("POST", "/groups",
      { form = "name=Human+Resources&agents[0]=" .. JANE .. "&agents[1]=" .. LOGIN })
    assert.equal(200, status)
    assert.same({ id = 4, name = "Human Resources", language = "en", status = "accepting chats",
      agents = { LOGIN, JANE } }, made)
    assert.same({ { id = 1, name = "Sales" }, { id = 4, name = "Human Resources" } },
      get(own, "/agents/" .. JANE).groups)
    local _, changed = own.call("PUT", "/groups/4", { json = { name = "HR",
      ["agents[0]"] = "omar.haddad@example.com" } })
    assert.same({ "omar.haddad@example.com" }, changed.agents)
    assert.equal("HR", get(own, "/groups/4").name)
    assert.equal("en", changed.language)
    assert.equal(1, #get(own, "/agents/" .. JANE).groups)
    local _, gone = own.call("DELETE", "/groups/4")
    assert.same({ result = "group removed successfully" }, gone)
    assert.same({ { id = 3, name = "Invoicing" } },
      get(own, "/agents/omar.haddad@example.com").groups)
    refused(own, "GET", "/groups/4", nil, 404)
    local _, next_one = own.call("POST", "/groups", { json = { name = "X", agents = { LOGIN } } })
    assert.equal(5, next_one.id)
  end)

  it("leave an agent of none in group 0, and keep their name for old tickets", function()
    local own = account.new({ variants = "objects" })
    local _, ticket = own.call("POST", "/tickets", { json = account.ticket({ group = { 1 } }) })
    own.call("DELETE", "/groups/1")
    assert.same({ { id = 0, name = "All operators" } }, get(own, "/agents/" .. JANE).groups)
    assert.same({ { id = 1, name = "Sales" } }, get(own, "/tickets/" .. ticket.id).groups)
    refused(own, "POST", "/agents", { json = { login = "a@b.c", name = "x", groups = { 1 } } })
  end)

  it("are refused where something is missing or wrong", function()
    local own = account.new()
    assert.truthy(refused(own, "POST", "/groups", { json = { name = "x" } }):find("agents"))
    assert.truthy(refused(own, "POST", "/groups", { json = { agents = { LOGIN } } }):find("name"))
    for _, agents in ipairs({ {}, { "nobody@example.com" }, "x", { 1 }, { a = LOGIN } }) do
      assert.truthy(refused(own, "POST", "/groups",
        { json = { name = "x", agents = agents } }):find("agents"))
    end
    for _, method in ipairs({ "PUT", "DELETE" }) do
      refused(own, method, "/groups/0", { json = { name = "x" } })
      refused(own, method, "/groups/77", nil, 404)
      refused(own, method, "/groups/x", nil, 404)
    end
  end)
end)

describe("tags", function()
  it("count the tickets and chats that carry them", function()
    local own = account.new({ chats = 0 })
    local function counts(name)
      for _, tag in ipairs(get(own, "/tags")) do
        if tag.name == name then return { tag.count.inChats, tag.count.inTickets } end
      end
    end
    assert.same({ 0, 0 }, counts("sales"))
    local _, ticket = own.call("POST", "/tickets", { json = account.ticket() })
    own.call("PUT", "/tickets/" .. ticket.id .. "/tags", { json = { tag = { "sales", "vip" } } })
    assert.same({ 0, 1 }, counts("sales"))
    own.control("POST", "touch", { ids = { ticket.id } })
    assert.same({ 0, 1 }, counts("sales"))
    own.control("POST", "trigger", { event_type = "chat_started", chat = { id = "CHATCHAT01" } })
    own.call("PUT", "/chats/CHATCHAT01/tags", { form = "tag[]=sales&tag[]=sales" })
    assert.same({ 1, 1 }, counts("sales"))
    own.call("PUT", "/tickets/" .. ticket.id .. "/tags", { json = { tag = { "vip" } } })
    own.call("PUT", "/chats/CHATCHAT01/tags", { json = { tag = {} } })
    assert.same({ 0, 0 }, counts("sales"))
    assert.same({ 0, 1 }, counts("vip"))
  end)

  it("agree with the lists of chats and tickets from the start", function()
    local own = account.new({ seed = 40, calls = false })
    for _, tag in ipairs(get(own, "/tags")) do
      local name = tag.name:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
      local chats = get(own, "/chats", "include_pending=1&tag%5B%5D=" .. name)
      assert.equal(chats.total, tag.count.inChats)
      assert.equal(get(own, "/tickets", "tag=" .. name).total, tag.count.inTickets)
    end
  end)

  it("are created by those who may, listed by group and removed from one", function()
    local own = account.new({ chats = 0 })
    local status, tag = own.call("POST", "/tags",
      { form = "tag=a%2Fb+%26+c&author=" .. LOGIN .. "&group=1" })
    assert.equal(200, status)
    assert.same({ name = "a/b & c", author = LOGIN, group = 1, creation_date = NOW,
      count = { inChats = 0, inTickets = 0 } }, tag)
    own.call("POST", "/tags", { json = { tag = "a/b & c", author = JANE, group = 2 } })
    assert.truthy(refused(own, "POST", "/tags", { json = { tag = "a/b & c", author = JANE,
      group = 2 } }):find("tag"))
    assert.truthy(refused(own, "POST", "/tags", { json = { tag = "new", group = 1,
      author = "peter.novak@example.com" } }):find("author"))
    for _, missing in ipairs({ "tag", "author", "group" }) do
      local fields = { tag = "new", author = LOGIN, group = 1 }
      fields[missing] = nil
      assert.truthy(refused(own, "POST", "/tags", { json = fields }):find(missing))
    end
    for _, each in ipairs(get(own, "/tags", "group=1")) do assert.equal(1, each.group) end
    refused(own, "GET", "/tags", { query = "group=99" })
    local path = "/tags/a%2Fb%20%26%20c"
    refused(own, "DELETE", path, { json = { group = 3 } }, 404)
    local _, gone = own.call("DELETE", path, { json = { group = 2 } })
    assert.same({ ok = true }, gone)
    assert.equal(200, (own.call("DELETE", path)))
    refused(own, "DELETE", path, nil, 404)
  end)
end)

describe("canned responses", function()
  it("are listed by group, created, changed and removed", function()
    local own = account.new()
    assert.equal(2, #get(own, "/canned_responses"))
    assert.equal(2, #get(own, "/canned_responses", "group=1"))
    assert.same({}, get(own, "/canned_responses", "group=3"))
    local status, made = own.call("POST", "/canned_responses",
      { form = "text=Have+a+great+day,+goodbye.&tags[]=cu&tags[]=bye" })
    assert.equal(200, status)
    assert.same({ id = 3191, group = 0, text = "Have a great day, goodbye.", creation_date = NOW,
      created_by = LOGIN, tags = { "cu", "bye" } }, made)
    own.now = NOW + 60
    local _, changed = own.call("PUT", "/canned_responses/3191", { json = { tags = { "bye" } } })
    made.tags, made.modification_date, made.modified_by = { "bye" }, NOW + 60, LOGIN
    assert.same(made, changed)
    assert.same(made, get(own, "/canned_responses/3191"))
    local _, gone = own.call("DELETE", "/canned_responses/3191")
    assert.same({ result = "Canned response removed successfully" }, gone)
    refused(own, "GET", "/canned_responses/3191", nil, 404)
    for _, fields in ipairs({ { text = "x" }, { tags = { "x" } }, { text = "", tags = {} },
      { text = "x", tags = "y" }, { text = "x", tags = { 1 } },
      { text = "x", tags = {}, group = 99 } }) do
      refused(own, "POST", "/canned_responses", { json = fields })
    end
  end)

  it("tell the webhooks of each change", function()
    local own = account.new()
    own.call("POST", "/webhooks", { json = { event_type = "canned_response_changed",
      data_types = { "canned_response" }, url = "http://127.0.0.1:1/" } })
    own.call("POST", "/canned_responses", { json = { text = "x", tags = { "t" } } })
    own.call("PUT", "/canned_responses/3191", { json = { text = "y" } })
    own.call("PUT", "/canned_responses/3191", { json = { text = 5 } })
    own.call("DELETE", "/canned_responses/3191")
    local texts = {}
    for i, delivery in ipairs(own.service:due_deliveries(own.now, 9)) do
      texts[i] = json.decode(delivery.body).canned_response.text
    end
    assert.same({ "x", "y", "y" }, texts)
  end)
end)

describe("goals", function()
  it("are listed, made, changed and removed", function()
    local own = account.new()
    local list = get(own, "/goals")
    assert.same({ id = 1041, name = "purchase", active = 1, type = "url" }, list[1])
    assert.equal(1, #get(own, "/goals", "type=sales_tracker"))
    refused(own, "GET", "/goals", { query = "type=x" })
    assert.same({ id = 1061, name = "full basket", active = 0, type = "custom_variable",
      custom_variable_name = "basket", custom_variable_value = "full" }, get(own, "/goals/1061"))
    local status, made = own.call("POST", "/goals", { form =
      "name=new%20goal&  type=url&\n  url=http://www.mystore.com/thank_you&\r\n\tmatch_type=exact"
    })
    assert.equal(200, status)
    assert.same({ id = 1081, name = "new goal", active = 1, type = "url", match_type = "exact",
      url = "http://www.mystore.com/thank_you" }, made)
    local _, paused = own.call("PUT", "/goals/1081", { json = { name = "paused", active = 0 } })
    made.name, made.active = "paused", 0
    assert.same(made, paused)
    assert.same(made, get(own, "/goals/1081"))
    local _, other = own.call("PUT", "/goals/1081", { json = { type = "api" } })
    assert.same({ id = 1081, name = "paused", active = 0, type = "api" }, other)
    refused(own, "PUT", "/goals/1081", { json = { type = "custom_variable" } })
    local _, gone = own.call("DELETE", "/goals/1081")
    assert.same({ result = "goal removed successfully" }, gone)
    refused(own, "DELETE", "/goals/1081", nil, 404)
    for _, fields in ipairs({ {}, { name = "x" }, { type = "api" }, { name = "x", type = "url" },
      { name = "x", type = "y" }, { name = "x", type = "custom_variable",
      custom_variable_name = "n" }, { name = "x", type = "url", url = "u", match_type = "like" },
      { name = "x", type = "api", active = 2 },
      { name = "x", type = "sales_tracker", value_type = "some" } }) do
      refused(own, "POST", "/goals", { json = fields })
    end
  end)
end)

describe("greetings", function()
  it("are listed, made, changed and removed, with every kind of rule", function()
    local own = account.new()
    assert.equal(2, #get(own, "/greetings"))
    assert.equal(1, #get(own, "/greetings", "group=1"))
    refused(own, "GET", "/greetings", { query = "group=99" })
    local status, made = own.call("POST", "/greetings", { query = "group=1", form =
      "name=my+custom+invitation&rules[0][type]=visit_time_page&rules[0][value]=15" ..
      "&rules[0][operator]=greater_than&rules[1][type]=custom_variable" ..
      "&rules[1][variable_name]=cart&rules[1][variable_value]=true&rules[2][type]=url_funnel" ..
      "&rules[2][urls][0][url]=shop/shoes&rules[2][urls][1][url]=cart" ..
      "&rules[2][urls][1][operator]=contains" })
    assert.equal(200, status)
    assert.same({ id = 2311, active = true, name = "my custom invitation",
      rules = {
        { id = 8211, type = "visit_time_page", value = "15", operator = "greater_than",
          condition = "and" },
        { id = 8221, type = "custom_variable", variable_name = "cart", variable_value = "true",
          operator = "equals", condition = "and" },
        { id = 8231, type = "url_funnel", condition = "and", urls = {
          { url = "shop/shoes", operator = "equals" }, { url = "cart", operator = "contains" } } },
      }, properties = { active = "1",
        ["greeting-message_text"] = "Hello, would you like to talk about our products?" } }, made)
    assert.equal(2, #get(own, "/greetings", "group=1"))
    local _, as_json = own.call("POST", "/greetings", { json = { name = "x", active = false,
      subtype = "announcement", rules = { { type = "visit_time_site", value = 15 },
      { type = "custom", variable_name = "empty", variable_value = true } } } })
    assert.is_false(as_json.active)
    assert.equal("15", as_json.rules[1].value)
    assert.same({ "custom_variable", "true" },
      { as_json.rules[2].type, as_json.rules[2].variable_value })
    local path = "/greetings/" .. made.id
    own.call("PUT", path, { form = "name=shoes&properties[greeting-message_text]=Hello" })
    local _, off = own.call("PUT", path, { form = "active=0" })
    assert.same({ "shoes", false, "0", "Hello" }, { off.name, off.active, off.properties.active,
      off.properties["greeting-message_text"] })
    assert.same(off, get(own, path))
    local _, gone = own.call("DELETE", path)
    assert.same({ ok = true }, gone)
    refused(own, "GET", path, nil, 404)
    for _, rules in ipairs({ {}, "x", { 5 }, { { type = "x", value = "1" } },
      { { type = "url_current" } }, { { type = "url_current", value = "x", operator = "is" } },
      { { type = "custom_variable", variable_name = "x" } }, { { type = "url_funnel" } },
      { { type = "url_funnel", urls = { { operator = "equals" } } } } }) do
      assert.truthy(refused(own, "POST", "/greetings",
        { json = { name = "x", rules = rules } }):find("rules"))
    end
    refused(own, "POST", "/greetings", { json = { rules = { { type = "url_current",
      value = "x" } } } })
  end)
end)

describe("published samples of the rest", function()
  local text = helper.payload("v2_doc_samples.json")

  it("have no member that this service lacks, nor one of another type", function()
    if not text then return pending("v2_doc_samples.json is absent") end
    local own = account.new({ calls = false })
    local chat = get(own, "/chats").chats[1].id
    local function of(method, path, fields)
      return select(2, own.call(method, path, { json = fields }))
    end
    local ours = {
      ["POST /chats/<THREAD_ID>/send_transcript"] = of("POST", "/chats/" .. chat ..
        "/send_transcript", { to = "a@b.c" }),
      ["POST /canned_responses"] = of("POST", "/canned_responses", { text = "x", tags = { "y" } }),
      ["GET /canned_responses/<CANNED_RESPONSE_ID>"] = get(own, "/canned_responses/3151"),
      ["PUT /canned_responses/<CANNED_RESPONSE_ID>"] = of("PUT", "/canned_responses/3151",
        { text = "z" }),
      ["DELETE /canned_responses/<CANNED_RESPONSE_ID>"] = of("DELETE", "/canned_responses/3161"),
      ["GET /groups"] = get(own, "/groups"), ["GET /groups/<GROUP_ID>"] = get(own, "/groups/1"),
      ["POST /groups"] = of("POST", "/groups", { name = "x", agents = { LOGIN } }),
      ["PUT /groups/<GROUP_ID>"] = of("PUT", "/groups/4", { name = "y" }),
      ["DELETE /groups/<GROUP_ID>"] = of("DELETE", "/groups/4"),
      ["GET /status"] = get(own, "/status"), ["GET /tags"] = get(own, "/tags"),
      ["POST /tags"] = of("POST", "/tags", { tag = "n", author = LOGIN, group = 1 }),
      ["DELETE /tags/<TAG>"] = of("DELETE", "/tags/n", { group = 1 }),
      ["GET /visitors"] = get(own, "/visitors", "state=chatting"),
    }
    local seen = 0
    for _, sample in ipairs(json.decode(text)) do
      if ours[sample.path] then
        local covered, name = helper.covers(sample.sample, ours[sample.path])
        assert.is_true(covered, sample.path .. " " .. tostring(name))
        seen = seen + 1
      end
    end
    assert.equal(15, seen)
  end)

  it("of 2013 are covered too", function()
    local own = account.new({ chats = 200, variants = "objects", calls = false })
    for file, value in pairs({ ["v2_rest_fixture_groups.json"] = get(own, "/groups"),
      ["v2_rest_fixture_visitors.json"] = get(own, "/visitors") }) do
      local sample = helper.payload(file)
      if not sample then return pending(file .. " is absent") end
      local covered, name = helper.covers(json.decode(sample), value)
      assert.is_true(covered, file .. " " .. tostring(name))
    end
  end)
end)

describe("variants of answers", function()
  it("gaps: every list of a record is an object, where it holds anything", function()
    local own = account.new({ seed = 5, variants = "gaps" })
    own.call("POST", "/webhooks", { json = { event_type = "chat_ended",
      data_types = { "chat", "pre_chat_survey" }, url = "http://127.0.0.1:1/" } })
    local page = get(own, "/tickets")
    assert.equal(5, #page.tickets)
    for _, ticket in ipairs(page.tickets) do
      assert.is_nil(ticket.events[1])
      assert.equal("message", ticket.events["0"].type)
      assert.is_number(ticket.groups["0"])
    end
    assert.equal(5, #get(own, "/agents"))
    assert.same({ ["0"] = 1, ["2"] = 2 }, get(own, "/agents")[1].group_ids)
    local _, _, empty = own.call("PUT", "/tickets/" .. page.tickets[1].id .. "/tags",
      { json = {} })
    assert.truthy(empty.body:find('"tags":[]', 1, true))
    local chat = get(own, "/chats").chats[1]
    assert.is_string(chat.messages["0"].text)
    own.control("POST", "trigger", { event_type = "chat_ended" })
    local event = json.decode(own.service:due_deliveries(own.now, 1)[1].body)
    assert.same({ ["0"] = "sales", ["2"] = "feedback" }, event.chat.tags)
    assert.equal("name", event.pre_chat_survey["0"].type)
    assert.is_string(get(own, "/webhooks").events[1].data_types["0"])
  end)

  it("errors: each body that was met is there", function()
    local own = account.new()
    local _, list = own.call("POST", "/agents", { json = {} })
    assert.is_string(list.errors[1])
    local _, under_error = own.call("POST", "/tickets", { json = {} })
    assert.is_string(under_error.error[1])
    own.control("POST", "options", { errors = "text" })
    local _, text = own.call("POST", "/agents", { json = {} })
    assert.equal(table.concat(list.errors, ". "), text.errors)
    assert.same(under_error, select(2, own.call("POST", "/tickets", { json = {} })))
    local _, wrong = own.call("GET", "/agents", { headers = { authorization = false } })
    assert.is_string(wrong.error)
    own.control("POST", "faults", { fault = "http500" })
    assert.same({ error = "Internal server error" }, select(2, own.call("GET", "/agents")))
    local samples = helper.payload("v2_error_bodies.json")
    if not samples then return pending("v2_error_bodies.json is absent") end
    local seen = 0
    for _, sample in ipairs(json.decode(samples)) do
      for _, body in ipairs({ list, under_error, text, wrong,
        { error = "Internal server error" } }) do
        if helper.covers(sample.body, body) then seen = seen + 1 break end
      end
    end
    assert.equal(#json.decode(samples), seen)
  end)
end)

describe("the list of calls", function()
  it("names each once, and each answers", function()
    local own = account.new({ seed = 1, calls = false })
    local ids = { agents = JANE, tickets = own.ids()[1], groups = "1", canned_responses = "3151",
      goals = "1041", greetings = "2291", tags = "vip", status = "0",
      chats = get(own, "/chats").chats[1].id, visitors = get(own, "/visitors")[1].id }
    ids.webhooks = select(2, own.call("POST", "/webhooks", { json = { event_type = "chat_ended",
      data_types = { "chat" }, url = "http://127.0.0.1:1/" } })).events[1].id
    local routes, seen, deletes = own.control("GET", "routes").routes, {}, {}
    assert.is_true(#routes > 60)
    local function answers(route)
      local resource = route.path:match("^/([%l_]+)")
      local path = route.path:gsub("{%l+}", ids[resource] or "x")
      local status = own.call(route.method, path, { query = "weekday=mon", json = {} })
      assert.is_true(status == 200 or status == 400, route.method .. " " .. path)
    end
    for _, route in ipairs(routes) do
      local name = route.method .. " " .. route.path
      assert.is_nil(seen[name])
      seen[name] = true
      if route.api == "v2" and route.method == "DELETE" then
        deletes[#deletes + 1] = route
      elseif route.api == "v2" then
        answers(route)
      end
    end
    for _, route in ipairs(deletes) do answers(route) end
  end)
end)
