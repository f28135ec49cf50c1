-- SPDX-License-Identifier: MIT
--- What the calls of API version 2 give beside agents, tickets and webhooks, by the local service.
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"
local read = require "livechat.api.read"
local reports = require "livechat.api.v2.reports"

local STAMP = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"

local sandbox, client

local function failed(kind, value, err)
  assert.is_nil(value)
  assert.equal(kind, err.kind, tostring(err))
  return err
end

setup(function()
  sandbox = helper.sandbox { seed = 30, calls = false, timezone = "America/New_York" }
  client = assert(livechat.new { username = sandbox.username, api_key = sandbox.api_key,
    base_url = sandbox.url, throttle = false, retry = false })
end)

teardown(function() helper.cleanup() end)

describe("groups", function()
  it("are records that change and end", function()
    local group = assert(client.groups:create { name = "Night", agents = { sandbox.username } })
    assert.equal("livechat.Group: " .. group.id, tostring(group))
    assert.equal("number", type(group.id))
    assert.same({ sandbox.username }, group.agents)
    group.name = "Nights"
    assert.equal(group, assert(group:save()))
    assert.equal("Nights", client.groups:get(group.id).name)
    assert.equal(group, client.groups:get(tostring(group.id)))
    assert.equal("fr", group:update { language = "fr" }.language)
    assert.same({ "name", "Nights" }, { "name", group:reload():totable().name })
    assert.equal("agents", failed("invalid", group:update { agents = {} }).field)
    assert.same({ true, "group removed successfully" }, { group:delete() })
    failed("not_found", client.groups:get(group.id))
  end)

  it("have a status", function()
    for _, value in ipairs { client.status:get(), client.status:get(0), client.status:get "1" } do
      assert.truthy(value.status == "online" or value.status == "offline")
    end
    failed("not_found", client.status:get(99))
    assert.has_error(function() client.status:get {} end)
  end)
end)

describe("tags", function()
  it("may hold anything", function()
    for _, name in ipairs { "a/b", "50% off?", "ü & <b>#1</b>", "+", "…😀", "a b", '"\'' } do
      local tag = assert(client.tags:create { tag = name, group = 0, author = sandbox.username })
      assert.equal(name, tag.name)
      assert.matches(STAMP, tag.creation_date)
      assert.same({ inChats = 0, inTickets = 0 }, tag.count)
      assert.is_true(client.tags:delete(name, { group = 0 }))
      failed("not_found", client.tags:delete(name, { group = 0 }))
    end
  end)

  it("count what carries them", function()
    local tag = assert(client.tags:create { tag = "counted", group = { id = 0 },
      author = sandbox.username })
    local ticket = client.tickets:list()[1]
    assert(ticket:add_tags { tag.name })
    for _, each in ipairs(client.tags:list { group = 0 }) do
      if each.name == tag.name then tag = each end
    end
    assert.equal(1, tag.count.inTickets)
  end)
end)

describe("canned responses", function()
  it("are records, whatever their text", function()
    local long = ("<b>\"é😀'</b>\n"):rep(6000)
    local response = assert(client.canned_responses:create { text = long, tags = { "long" } })
    assert.equal(long, response:reload().text)
    assert.equal("string", type(response.id))
    response.tags[#response.tags + 1] = "more"
    assert(response:save())
    assert.same({ "long", "more" }, client.canned_responses:get(response.id).tags)
    assert.matches(STAMP, response.modification_date)
    assert.same({ true, "Canned response removed successfully" }, { response:delete() })
  end)
end)

describe("chats", function()
  it("have every time in one form, and the service's own in raw", function()
    local page = assert(client.chats:list { timezone = "America/New_York" })
    assert.matches("^livechat.Page: 25 chats, page 1 of %d, %d+ in all$", tostring(page))
    for _, chat in ipairs(page) do
      assert.equal(chat.started_timestamp, chat.started)
      assert.equal(chat.ended_timestamp, chat.ended)
      assert.matches("^%a%a%a, ", chat:raw().started)
      assert.matches(STAMP, chat.messages[1].date)
      assert.equal(chat.messages[1].timestamp, chat.messages[1].date)
      assert.is_table(chat.group[1])
    end
    local whole = page:totable()
    assert.same({ 1, page.pages, page.total, 25 },
      { whole.page, whole.pages, whole.total, #whole.chats })
    assert.truthy(json.encode(whole))
  end)

  it("are walked, tagged and mailed", function()
    local count, first = 0, nil
    for chat in client.chats:each() do
      first, count = first or chat, count + 1
    end
    assert.equal(client.chats:list().total, count)
    assert.equal(first, assert(first:tag { "sales", "50%" }))
    assert.same({ "sales", "50%" }, client.chats:get(first.id).tags)
    local found = client.chats:list { tag = { "50%" } }
    assert.same({ 1, first.id }, { found.total, found[1].id })
    assert.same({ true, "E-mail has been sent to a@example.com." },
      { first:send_transcript "a@example.com" })
    assert.equal("to", failed("invalid", first:send_transcript "a").field)
    assert.has_error(function() first:send_transcript() end)
    failed("not_found", client.chats:get "NONE")
  end)

  it("say how a member is changed that no save sends", function()
    local chat = client.chats:list()[1]
    chat.tags[#chat.tags + 1] = "x"
    local err = failed("invalid", chat:save())
    assert.equal("tags", err.field)
    assert.matches("tags is changed by chat:tag%(%); chat:discard%(%) drops", tostring(err))
    chat:discard()
    chat.rate = "rated_good"
    assert.matches("rate cannot be changed with API v2", tostring(failed("invalid", chat:save())))
    assert.is_nil(chat.update)
  end)
end)

describe("visitors", function()
  it("are a list, or their number", function()
    local visitors = assert(client.visitors:list())
    assert.is_true(#visitors > 0)
    assert.equal(#visitors, client.visitors:list { count = true })
    assert.equal(visitors[1].page_entered_ts, visitors[1].page_entered)
    assert.same({ true, "Visitor details added" }, { client.visitors:details(visitors[1].id, {
      id = "crm", icon = "example.org/i.png", fields = { { name = "Age", value = 7 },
        { name = "<b>", value = "\"😀\"", url = "https://example.org/" } } }) })
    assert.equal("fields[2].name", failed("invalid", client.visitors:details("S1", { id = "crm",
      fields = { { name = "a", value = 1 }, { value = "b" } } })).field)
    assert.equal("icon", failed("invalid", client.visitors:details("S1", { id = "crm",
      icon = "https://example.org/i.png", fields = { { name = "a", value = 1 } } })).field)
    failed("not_found", client.visitors:details("S1", { id = "crm",
      fields = { { name = "a", value = true } } }))
  end)
end)

describe("goals and greetings", function()
  it("are created by their type", function()
    local goal = assert(client.goals:create { name = "Buy", type = "url", url = "/thanks" })
    assert.same({ "string", 1, "substring" }, { type(goal.id), goal.active, goal.match_type })
    assert.equal("/done", goal:update { url = "/done" }.url)
    for field, fields in pairs {
      url = { name = "a", type = "url" }, type = { name = "a", type = "x" },
      match_type = { name = "a", type = "api", match_type = "exact" },
      custom_variable_value = { name = "a", type = "custom_variable", custom_variable_name = "b" },
      value = { name = "a", type = "url", url = "b", value = 1 },
    } do
      assert.equal(field, failed("invalid", client.goals:create(fields)).field)
    end
    local visitor = client.visitors:list { state = "chatting" }[1] or client.visitors:list()[1]
    for _, price in ipairs { 19.9, "19.90", 0 } do
      assert(goal:reach { visitor_id = visitor.id, order_price = price, order_currency = "EUR" })
    end
    assert.equal("order_price", failed("invalid",
      goal:reach { visitor_id = visitor.id, order_price = "19,90" }).field)
    assert.same({ true, "goal removed successfully" }, { goal:delete() })
  end)

  it("have rules", function()
    local greeting = assert(client.greetings:create { name = "Hello", active = false, rules = {
      { type = "visit_time_site", value = 30, operator = "greater_than" },
      { type = "custom_variable", variable_name = "a", variable_value = "b" },
      { type = "url_funnel", urls = { { url = "/a" }, { url = "/b", operator = "contains" } } } } })
    assert.is_false(greeting.active)
    assert.equal("30", tostring(greeting.rules[1].value))
    greeting.rules[1].value = "60"
    assert(greeting:save())
    assert.equal("60", client.greetings:get(greeting.id).rules[1].value)
    for field, rule in pairs { ["rules[1].value"] = { type = "url_current" },
      ["rules[1].urls"] = { type = "url_funnel" }, ["rules[1].type"] = { value = "a" },
      ["rules[1].urls[1].url"] = { type = "url_funnel", urls = { {} } },
      ["rules[1].variable_name"] = { type = "custom_variable", variable_value = 1 } } do
      assert.equal(field,
        failed("invalid", client.greetings:create { name = "a", rules = { rule } }).field)
    end
    assert.is_true(greeting:delete())
    failed("not_found", greeting:reload())
  end)
end)

describe("reports", function()
  it("are rows in the order of their dates", function()
    local today = os.date "!%Y-%m-%d"
    local rows = assert(client.reports:get("chats/total_chats", { timezone = "America/New_York" }))
    local sum, before = 0, ""
    for _, row in ipairs(rows) do
      assert.is_true(before < row.date)
      sum, before = sum + row.chats, row.date
    end
    assert.equal(client.chats:list().total, sum)
    local hours = assert(client.reports:get("chats/total_chats", { date_from = today,
      date_to = today }))
    assert.same({ 24, "00:00", "23:00" }, { #hours, hours[1].date, hours[24].date })
    local months = assert(client.reports:get("tickets/new_tickets", { group_by = "month" }))
    assert.matches("^%d%d%d%d%-%d%d$", months[1].date)
  end)

  it("have a row for each day on which the clock changes, and each of its hours once", function()
    for _, day in ipairs { "2025-03-09", "2025-11-02" } do
      local hours = assert(client.reports:get("chats/ratings", { date_from = day, date_to = day,
        timezone = "America/New_York" }))
      assert.equal(24, #hours)
      local days = assert(client.reports:get("chats/response_time", { date_from = "2025-03-08",
        date_to = "2025-11-03", timezone = "America/New_York" }))
      assert.equal(241, #days)
      assert.same({ count = 0 }, days[2].avg_response_time)
    end
  end)

  it("have names, and their own filters", function()
    local err = failed("invalid", client.reports:get "chats/total_chat")
    assert.equal("name", err.field)
    assert.matches("did you mean 'chats/total_chats'", err.message)
    assert.equal("weekday", failed("invalid", client.reports:get "chats/agents_occupancy").field)
    assert.equal("group", failed("invalid",
      client.reports:get("chats/not_replied_chats", { group = 1 })).field)
    local rows = assert(client.reports:get("chats/agents_occupancy", { weekday = "mon" }))
    assert.equal("number", type(rows[1].value))
    for _, row in ipairs(assert(client.reports:get "chats/ratings/ranking")) do
      assert.same({ "string", "number" }, { type(row.name), type(row.score) })
    end
  end)
end)

describe("the rows of a report", function()
  local function rows(text)
    return json.encode(reports.rows(read.plain(json.decode(text))))
  end

  it("are in order and have numbers, however the service wrote them", function()
    assert.equal('[{"chats":3,"date":"2013-01"},{"chats":10,"date":"2013-02"}]',
      rows '{"2013-02":{"chats":"10"},"2013-01":{"chats":3}}')
    assert.equal('[{"date":"01:00","hours":1.5},{"date":"02:00"}]',
      rows '{"02:00":{"hours":null},"01:00":{"hours":"1.50"}}')
    assert.equal('[{"date":"2","value":1},{"date":"10","value":0}]', rows '{"10":0,"2":"1"}')
    local ranking = '[{"name":"007","score":0.5},{"name":"8","score":1}]'
    assert.equal(ranking, rows('{"ranking":' .. ranking .. "}"))
    assert.equal(ranking, rows('{"ranking":{"0":{"name":"007","score":"0.5"},'
      .. '"1":{"name":"8","score":"1"}}}'))
    assert.equal("[]", rows "[]")
    assert.equal("[]", rows "{}")
    assert.equal('[{"a":1}]', rows '[{"a":"1"}]')
  end)

  it("keep what is no row beside them", function()
    local made = reports.rows { total = "12", begin = "2013", ["2013-01-01"] = { a = 1 } }
    assert.same({ 1, 12, "2013" }, { #made, made.total, made.begin })
  end)
end)

describe("client:stats", function()
  it("counts what was sent, what failed, and what was waited", function()
    local own = assert(livechat.new { username = sandbox.username, api_key = sandbox.api_key,
      base_url = sandbox.url, throttle = { calls = 2, period = 0.3 }, retry = false })
    for _ = 1, 3 do assert(own.tickets:list()) end
    failed("not_found", own.tickets:get "NONE")
    failed("invalid", own.tickets:create {})
    local stats = own:stats()
    assert.same({ 4, 4, { not_found = 1 } }, { stats.calls, stats.sent, stats.failed })
    assert.is_true(stats.waited >= 0.2 and stats.waited < 5, stats.waited)
    own:close()
    assert.equal(4, own:stats().calls)
  end)
end)
