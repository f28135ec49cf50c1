-- SPDX-License-Identifier: MIT
-- once, on jit: it is long, and the service runs in nginx
-- Reports, each judged against what the lists of chats and tickets say. No sockets.
local json = require "livechat.json"
local zones = require "livechat.sandbox.zones"
local dates = require "livechat.sandbox.dates"
local account = require "spec.account"
local helper = require "spec.helper"

local NOW, LOGIN = account.NOW, account.LOGIN

local function report(own, name, query)
  local status, rows = own.call("GET", "/reports/" .. name, { query = query })
  assert.equal(200, status, name)
  return rows
end

local function sum(rows, member)
  local total = 0
  for _, row in pairs(rows) do total = total + row[member] end
  return total
end

local function count(rows)
  local total = 0
  for _ in pairs(rows) do total = total + 1 end
  return total
end

local DECEMBER = "date_from=2025-12-01&date_to=2025-12-31"

describe("reports of chats", function()
  local own, all

  setup(function()
    own, all = account.new({ chats = 300, calls = false }), {}
    for page = 1, 12 do
      local _, answer = own.call("GET", "/chats", { query = "page=" .. page })
      for _, chat in ipairs(answer.chats) do all[#all + 1] = chat end
    end
    assert.equal(300, #all)
  end)

  local function number_of(test)
    local total = 0
    for _, chat in ipairs(all) do
      if test(chat) then total = total + 1 end
    end
    return total
  end

  it("have a row for each day, and their sum is the list's", function()
    local rows = report(own, "chats/total_chats", DECEMBER)
    assert.equal(31, count(rows))
    assert.equal(300, sum(rows, "chats"))
    for day, row in pairs(rows) do
      local _, list = own.call("GET", "/chats",
        { query = ("date_from=%s&date_to=%s"):format(day, day) })
      assert.equal(list.total, row.chats)
    end
    assert.same(rows, report(own, "chats", DECEMBER))
    local whole = report(own, "chats/total_chats")
    assert.equal(300, sum(whole, "chats"))
    assert.same({ chats = 0 }, whole[os.date("!%Y-%m-%d", NOW)])
  end)

  it("have something to show wherever the history ends", function()
    local recent = account.new { chats = 62, seed = 5, history_ends = NOW }
    assert.is_true(sum(report(recent, "chats/total_chats"), "chats") > 5) -- of the last seven days
    local _, page = recent.call("GET", "/tickets")
    assert.equal(NOW, page.tickets[1].modified)
  end)

  it("have hours of one day, months of many", function()
    local rows = report(own, "chats/total_chats", "date_from=2025-12-08&date_to=2025-12-08")
    assert.equal(24, count(rows))
    assert.is_number(rows["00:00"].chats and rows["23:00"].chats)
    local one = account.new({ chats = 0 })
    one.control("POST", "trigger", { event_type = "chat_ended", count = 3 })
    assert.same({ [os.date("!%Y-%m-%d", NOW)] = { chats = 3 } }, report(one, "chats/total_chats"))
    local day = report(own, "chats/total_chats",
      "date_from=2025-12-08&date_to=2025-12-08&group_by=day")
    assert.equal(day["2025-12-08"].chats, sum(rows, "chats"))
    local months = report(own, "chats/ratings",
      "date_from=2025-11-20&date_to=2026-01-03&group_by=month")
    assert.same({ begin = "2025-11-20", ["end"] = "2025-11-30", good = 0, bad = 0, chats = 0 },
      months["2025-11"])
    local december = months["2025-12"]
    assert.same({ "2025-12-01", "2025-12-31", 300 },
      { december.begin, december["end"], december.chats })
    assert.same({ "2026-01-01", "2026-01-03" }, { months["2026-01"].begin,
      months["2026-01"]["end"] })
    assert.equal(48, count(report(own, "chats/total_chats",
      "date_from=2025-12-08&date_to=2025-12-09&group_by=hour")))
  end)

  it("count what the chats say", function()
    local engagement = report(own, "chats/engagement", DECEMBER)
    for _, name in ipairs({ "auto_invite", "manual_invite", "immediate_start" }) do
      assert.equal(number_of(function(chat) return chat.engagement == name end),
        sum(engagement, "chats_from_" .. name))
    end
    local rated = report(own, "chats/ratings", DECEMBER)
    assert.equal(number_of(function(chat) return chat.rate == "rated_good" end), sum(rated, "good"))
    assert.equal(number_of(function(chat) return chat.rate == "rated_bad" end), sum(rated, "bad"))
    local missed = report(own, "chats/not_replied_chats", DECEMBER)
    assert.equal(number_of(function(chat)
      for i = 2, #chat.messages do
        if chat.messages[i].user_type == "agent" then return false end
      end
      return true
    end), sum(missed, "not_replied"))
    local goals = 0
    for _, chat in ipairs(all) do goals = goals + #(chat.goals or {}) end
    assert.equal(goals, sum(report(own, "chats/goals"), "goals"))
    assert.is_true(sum(report(own, "chats/goals", "goal=1041"), "goals") < goals)
    assert.equal(sum(report(own, "chats/goals", "goal=1071"), "goals"),
      sum(report(own, "chats/goals", "sales_tracker=1071&currency=EUR"), "goals"))
    assert.equal(0, sum(report(own, "chats/goals", "sales_tracker=1041"), "goals"))
    assert.equal(0, sum(report(own, "chats/goals", "currency=USD"), "goals"))
    local greetings = report(own, "chats/greetings", DECEMBER)
    assert.equal(sum(engagement, "chats_from_auto_invite"), sum(greetings, "accepted"))
    assert.is_true(sum(greetings, "displayed") > sum(greetings, "accepted"))
    assert.is_true(sum(report(own, "chats/greetings", "greeting=2291"), "accepted") <
      sum(greetings, "accepted"))
  end)

  it("count by agent, group and tag", function()
    for query, test in pairs({
      ["agent=" .. LOGIN] = function(chat) return chat.agents[1].email == LOGIN end,
      ["group=2"] = function(chat) return chat.group[1] == 2 end,
      ["tag[]=vip"] = function(chat) return chat.tags[1] == "vip" end,
      ["agent=nobody"] = function() return false end }) do
      assert.equal(number_of(test), sum(report(own, "chats/total_chats", query), "chats"))
    end
    local both = report(own, "chats/not_replied_chats", "groups[]=1&groups[]=2&agents[]=" .. LOGIN)
    local one = report(own, "chats/not_replied_chats", "groups[]=1&agents[]=" .. LOGIN)
    assert.is_true(sum(both, "not_replied") >= sum(one, "not_replied"))
  end)

  it("tell of the queue and its waiting times", function()
    local queued = number_of(function(chat) return chat.queue ~= nil end)
    local rows = report(own, "chats/queued_visitors", DECEMBER)
    local entered, left, total = 0, 0, 0
    for _, row in pairs(rows) do
      entered, left = entered + row.entered_chat.count, left + row.left_queue.count
      total = total + row.queued.count
    end
    assert.equal(queued, entered)
    assert.equal(total, entered + left)
    assert.is_true(left > 0)
    local waiting = report(own, "chats/queued_visitors/waiting_times",
      "date_from=2025-12-01&group_by=month")["2025-12"]
    local least, most = math.huge, 0
    for _, chat in ipairs(all) do
      local duration = chat.queue and chat.queue.duration
      least, most = math.min(least, duration or least), math.max(most, duration or most)
    end
    assert.same({ seconds = least }, waiting.entered_chat.min)
    assert.same({ seconds = most }, waiting.entered_chat.max)
    local none = report(own, "chats/queued_visitors/waiting_times",
      "date_from=2020-01-01&date_to=2020-01-01&group_by=day")["2020-01-01"].queued
    assert.same({ count = 0, min = { seconds = json.null }, max = { seconds = json.null },
      average = { seconds = json.null } }, none)
  end)

  it("tell how long agents took", function()
    local first = report(own, "chats/first_response_time", "date_from=2025-12-01&group_by=month")
    local later = report(own, "chats/response_time", "date_from=2025-12-01&group_by=month")
    local december = first["2025-12"].first_response_time
    assert.is_true(december.count > 200 and december.seconds > 1)
    assert.is_true(later["2025-12"].avg_response_time.count > december.count)
    assert.same({ count = 0, seconds = json.null },
      report(own, "chats/response_time", "date_from=2020-01-01&date_to=2020-01-02")
        ["2020-01-01"].avg_response_time)
    local seconds = 0
    for _, chat in ipairs(all) do seconds = seconds + chat.duration end
    local hours = sum(report(own, "chats/chatting_time", DECEMBER), "hours")
    assert.is_true(math.abs(hours - seconds / 3600) < 0.2)
    local minutes = report(own, "chats/chatting_time", "date_from=2025-12-08&date_to=2025-12-08")
    assert.equal(24, count(minutes))
    assert.is_number(minutes["12:00"].minutes)
    local available = report(own, "availability", DECEMBER)
    for _, row in pairs(available) do assert.is_true(row.hours >= 0 and row.hours <= 24.2) end
  end)

  it("tell how many went on at once, of four days of a week", function()
    local rows = report(own, "chats/agents_occupancy", "weekday=mon&date_to=2025-12-31")
    assert.equal(96, count(rows))
    local most = 0
    for label, number in pairs(rows) do
      local day = dates.day(label:match("^(%S+) %d%d:00$"))
      assert.equal("Mon", os.date("!%a", day))
      most = math.max(most, number)
    end
    assert.is_true(most >= 1)
    for _, query in ipairs({ "", "weekday=monday" }) do
      local status, body = own.call("GET", "/reports/chats/agents_occupancy", { query = query })
      assert.equal(400, status)
      assert.truthy(body.errors[1]:find("weekday"))
    end
  end)

  it("rank agents by the documentation's own score", function()
    local ranking = report(own, "chats/ratings/ranking").ranking
    local total, last = 0, 1
    for _, row in ipairs(ranking) do
      assert.equal(row.total, row.good + row.bad)
      assert.is_true(row.score <= last)
      total, last = total + row.total, row.score
    end
    assert.equal(number_of(function(chat) return chat.rate ~= "not_rated" end), total)
    assert.same(ranking, report(own, "ratings/ranking").ranking)
    local without = account.new({ chats = 300, calls = false })
    without.call("DELETE", "/agents/jane.doe@example.com")
    local left = 0
    for _, row in ipairs(report(without, "chats/ratings/ranking").ranking) do
      assert.not_equal("jane.doe@example.com", row.name)
      left = left + row.total
    end
    assert.is_true(left < total)
    local none = account.new({ chats = 0 })
    local _, _, empty = none.call("GET", "/reports/chats/ratings/ranking")
    assert.equal('{"ranking":[]}', empty.body)
    none.service.chats:start(none.service.draw, none.service.visitors:come(none.service.draw, NOW),
      { id = LOGIN, name = "J" }, NOW)
    for _, sample in ipairs({ { 2502, 426, 0.83615 }, { 2164, 443, 0.80943 },
      { 1070, 215, 0.80297 } }) do
      local many = account.new({ chats = 0 })
      local visitor = many.service.visitors:come(many.service.draw, NOW)
      for i = 1, sample[1] + sample[2] do
        local chat = many.service.chats:start(many.service.draw, visitor,
          { id = LOGIN, name = "J" }, NOW, { id = "C" .. i })
        chat.ended, chat.rate = NOW, i <= sample[1] and "rated_good" or "rated_bad"
      end
      local row = report(many, "chats/ratings/ranking").ranking[1]
      assert.is_true(math.abs(row.score - sample[3]) < 0.0005)
    end
  end)

  it("refuse what they cannot read, and a period without bounds", function()
    for _, query in ipairs({ "date_from=yesterday", "date_to=2025-13-01", "timezone=Mars",
      "group_by=week", "group=99", "tag=vip", "date_from=2025-12-02&date_to=2025-12-01",
      "date_from=0001-01-01", "date_from=1900-01-01&date_to=2025-12-31&group_by=hour" }) do
      local status, body = own.call("GET", "/reports/chats/total_chats", { query = query })
      assert.equal(400, status, query)
      assert.is_string(body.errors[1])
    end
  end)
end)

describe("reports of tickets", function()
  it("count what the tickets say", function()
    local own = account.new({ seed = 120, calls = false })
    local all = {}
    for page = 1, 5 do
      local _, answer = own.call("GET", "/tickets", { query = "page=" .. page })
      for _, ticket in ipairs(answer.tickets) do all[#all + 1] = ticket end
    end
    assert.equal(120, sum(report(own, "tickets/new_tickets"), "new_tickets"))
    local solved, mail, answered = 0, 0, 0
    for _, ticket in ipairs(all) do
      if ticket.status == "solved" then solved = solved + 1 end
      if ticket.source.type == "mail" then mail = mail + 1 end
      for _, event in ipairs(ticket.events) do
        if event.type == "message" and event.author.type == "agent" and not event.is_private then
          answered = answered + 1
          break
        end
      end
    end
    assert.equal(solved, sum(report(own, "tickets/solved_tickets"), "solved_tickets"))
    assert.equal(solved, sum(report(own, "tickets/resolution_time"), "count"))
    assert.equal(answered, sum(report(own, "tickets/first_response_time"), "count"))
    assert.equal(mail, sum(report(own, "tickets/ticket_sources"), "tickets_from_mail"))
    local rated = report(own, "tickets/ratings")
    local ranked = 0
    for _, row in ipairs(report(own, "tickets/ratings/ranking").ranking) do
      ranked = ranked + row.total
    end
    assert.is_true(ranked > 0 and ranked <= sum(rated, "good") + sum(rated, "bad"))
    own.call("POST", "/tickets", { json = account.ticket() })
    assert.same({ new_tickets = 1 },
      report(own, "tickets/new_tickets", "group_by=day")[os.date("!%Y-%m-%d", NOW)])
  end)
end)

describe("days on which the clock changes", function()
  -- Ten minutes past each hour of three days around the change.
  local function with_chats(zone, day)
    local own = account.new({ chats = 0, calls = false })
    local first, visitor = zones.find(zone).epoch(dates.day(day) - 86400), nil
    for hour = 0, 71 do
      visitor = visitor or own.service.visitors:come(own.service.draw, first)
      local chat = own.service.chats:start(own.service.draw, visitor, { id = LOGIN, name = "J" },
        first + hour * 3600 + 600, { id = "C" .. hour })
      chat.ended = chat.started + 60
    end
    return own
  end

  it("have 23 or 25 hours and one row", function()
    for _, case in ipairs({ { "Europe/Berlin", "2026-03-29", 23 },
      { "Europe/Berlin", "2026-10-25", 25 }, { "America/New_York", "2026-03-08", 23 },
      { "America/New_York", "2026-11-01", 25 }, { "Asia/Kolkata", "2026-03-29", 24 } }) do
      local zone, day, hours = case[1], case[2], case[3]
      local own = with_chats(zone, day)
      local query = ("timezone=%s&date_from=%s&date_to=%s"):format(zone:gsub("/", "%%2F"), day, day)
      local by_day = report(own, "chats/total_chats", query .. "&group_by=day")
      assert.same({ [day] = { chats = hours } }, by_day)
      local by_hour = report(own, "chats/total_chats", query)
      assert.equal(24, count(by_hour))
      assert.equal(hours, sum(by_hour, "chats"))
      if hours == 23 then assert.equal(0, by_hour["02:00"].chats) end
      if hours == 25 then
        assert.equal(2, by_hour[zone == "Europe/Berlin" and "02:00" or "01:00"].chats)
      end
      local _, list = own.call("GET", "/chats", { query = query })
      assert.equal(hours, list.total)
    end
  end)

  it("are the machine's own, whatever the year and the hemisphere", function()
    local function of_machine(zone, times)
      local pipe = io.popen(("for t in %s; do TZ=%s date -d @$t +%%Y-%%m-%%dT%%H:%%M:%%S; done")
        :format(table.concat(times, " "), helper.quote(zone)))
      local list = {}
      for line in pipe:lines() do list[#list + 1] = line end
      pipe:close()
      return list
    end
    local times = {}
    for i = 0, 39 do times[i + 1] = ("%d"):format(-1500000000 + i * 137000003) end
    for _, name in ipairs({ "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
      "Africa/Casablanca", "Europe/Dublin", "America/St_Johns", "Pacific/Apia" }) do
      local zone, ours = zones.find(name), {}
      for i, time in ipairs(times) do
        ours[i] = os.date("!%Y-%m-%dT%H:%M:%S", math.floor(zone.clock(tonumber(time))))
      end
      assert.same(of_machine(name, times), ours, name)
    end
  end)

  it("are of no file but a zone's", function()
    for _, name in ipairs({ "../../etc/passwd", "/etc/passwd", "Europe", "Europe/../Europe/Berlin",
      "Nowhere/Land", "", ("A"):rep(100), 5, "Europe/Berlin\0", "zone.tab", "Zone.tab" }) do
      assert.is_nil(zones.find(name))
    end
    assert.is_nil(zones.find(nil))
  end)
end)
