-- SPDX-License-Identifier: MIT
-- once, on jit: it is long, and the service runs in nginx
-- The local LiveChat's list of tickets, its seed, and the ways in which it writes records.
local json = require "livechat.json"
local dates = require "livechat.sandbox.dates"
local random = require "livechat.sandbox.random"
local account = require "spec.account"
local helper = require "spec.helper"

local NOW, LOGIN = account.NOW, account.LOGIN

describe("the list of tickets", function()
  it("has 25 a page, the last change first", function()
    local own = account.new({ seed = 60 })
    local status, page = own.call("GET", "/tickets")
    assert.equal(200, status)
    assert.equal(3, page.pages)
    assert.equal(60, page.total)
    assert.equal(25, #page.tickets)
    local last, all = math.huge, {}
    for number = 1, 3 do
      local _, each = own.call("GET", "/tickets", { query = "page=" .. number })
      for _, ticket in ipairs(each.tickets) do
        assert.is_true(ticket.modified < last)
        last = ticket.modified
        all[#all + 1] = ticket.id
      end
    end
    assert.equal(60, #all)
    local ascending = own.ids("order=asc&page=3")
    assert.equal(10, #ascending)
    assert.equal(all[1], ascending[10])
    local _, beyond = own.call("GET", "/tickets", { query = "page=4" })
    assert.same({ pages = 3, total = 60, tickets = {} }, beyond)
    local _, _, none = account.new().call("GET", "/tickets")
    assert.equal('{"pages":0,"tickets":[],"total":0}', none.body)
  end)

  it("moves a changed ticket to the front", function()
    local own = account.new({ seed = 60 })
    local ids = own.ids("page=2")
    own.call("PUT", "/tickets/" .. ids[7] .. "/tags", { json = { tag = { "x" } } })
    assert.equal(ids[7], own.ids()[1])
    local _, page = own.ids()
    assert.equal(60, page.total)
    own.control("POST", "touch", { ids = { ids[9] } })
    assert.equal(ids[9], own.ids()[1])
    assert.equal(ids[9], own.control("GET", "tickets").ids[1])
    local _, status = own.control("POST", "touch", { ids = { "NONE0" } })
    assert.equal(400, status)
  end)

  -- Every filter against the same question asked of the tickets themselves.
  local function same_as(query, wanted)
    local own = account.new({ seed = 200, calls = false })
    local expected, found = {}, {}
    for page = 1, 8 do
      local _, all = own.call("GET", "/tickets", { query = "page=" .. page })
      for _, ticket in ipairs(all.tickets) do
        if wanted(ticket) then expected[#expected + 1] = ticket.id end
      end
    end
    for page = 1, 8 do
      for _, id in ipairs(own.ids(query .. "&page=" .. page)) do found[#found + 1] = id end
    end
    assert.is_true(#expected > 0 and #expected < 200, #expected .. " of 200 match " .. query)
    assert.same(expected, found)
  end

  local function has(list, value)
    for _, each in ipairs(list) do
      if each == value then return true end
    end
    return false
  end

  it("filters by what a ticket is", function()
    same_as("assigned=1", function(t) return t.assignee ~= nil end)
    same_as("assigned=0", function(t) return t.assignee == nil end)
    for _, status in ipairs({ "open", "pending", "solved", "spam" }) do
      same_as("status=" .. status, function(t) return t.status == status end)
    end
    for _, source in ipairs({ "lc2", "mail", "facebook", "agent-app-manual", "chat-window" }) do
      same_as("source=" .. source, function(t) return t.source.type == source end)
    end
    same_as("assignee=jane.doe%40example.com", function(t)
      return t.assignee and t.assignee.id == "jane.doe@example.com"
    end)
    same_as("agent[]=jane.doe@example.com&agent[]=omar.haddad@example.com", function(t)
      return t.assignee and (t.assignee.name == "Jane Doe" or t.assignee.name == "Omar Haddad")
    end)
    same_as("group=2", function(t) return has(t.groups, 2) end)
    same_as("tag=vip", function(t) return has(t.tags, "vip") end)
    same_as("tagged=0", function(t) return #t.tags == 0 end)
    same_as("tagged=1", function(t) return #t.tags > 0 end)
    same_as("status=open&assigned=0&tagged=1", function(t)
      return t.status == "open" and not t.assignee and #t.tags > 0
    end)
  end)

  it("filters by text, requester and related chat", function()
    same_as("query=PARCEL", function(t)
      local text = t.subject
      for _, event in ipairs(t.events) do text = text .. (event.message or "") end
      return text:lower():find("parcel", 1, true)
    end)
    same_as("query=warehouse", function(t)
      for _, event in ipairs(t.events) do
        if event.message and event.message:find("warehouse", 1, true) then return true end
      end
    end)
    same_as("query=Tanaka", function(t) return t.requester.name == "Hiro Tanaka" end)
    same_as("query=urgent", function(t) return has(t.tags, "urgent") end)
    local own = account.new({ seed = 200 })
    local _, page = own.call("GET", "/tickets", { query = "source=chat-window" })
    local ticket = page.tickets[3]
    assert.same({ ticket.id }, own.ids("source_id=" .. ticket.source.id))
    assert.same({ ticket.id }, own.ids("query=" .. ticket.id:lower()))
    assert.is_true(has(own.ids("requester%5Bmail%5D=" .. ticket.requester.mail:upper()), ticket.id))
    own.call("POST", "/tickets", { json = account.ticket({
      requester = { mail = "Me@Here.org" } }) })
    assert.equal(1, #own.ids("requester[mail]=me@here.org"))
    assert.same({}, own.ids("requester[mail]=nobody@example.org"))
    assert.same({}, own.ids("assignee=nobody@example.org"))
  end)

  it("filters by days on which anything happened", function()
    local function days(from, to)
      local query = (from and "date_from=" .. from or "") .. (to and "&date_to=" .. to or "")
      from = from and dates.day(from) or 0
      to = to and dates.day(to) + 86400 or math.huge
      same_as(query, function(ticket)
        local times = { ticket.date, ticket.modified }
        for _, event in ipairs(ticket.events) do times[#times + 1] = event.date end
        for _, time in ipairs(times) do
          if time >= from and time < to then return true end
        end
      end)
    end
    days("2026-01-01", nil)
    days(nil, "2025-12-28")
    days("2025-12-29", "2025-12-29")
    local own = account.new()
    own.call("POST", "/tickets", { json = account.ticket() })
    assert.equal(1, #own.ids("date_from=2027-01-15&date_to=2027-01-15"))
    assert.equal(0, #own.ids("date_from=2027-01-16"))
    assert.equal(0, #own.ids("date_to=2027-01-14"))
    own.now = NOW + 3 * 86400
    own.control("POST", "touch", { ids = own.ids() })
    assert.equal(1, #own.ids("date_from=2027-01-18&date_to=2027-01-18"))
    assert.equal(0, #own.ids("date_from=2027-01-16&date_to=2027-01-17"))
  end)

  it("refuses what is no filter's value with a list under errors", function()
    local own = account.new({ seed = 1 })
    for _, query in ipairs({ "order=INVALID", "page=0", "page=-1", "page=x", "page=1.5", "page[]=1",
      "status=INVALID", "assigned=2", "tagged=yes", "source=carrier-pigeon", "group=x", "group=99",
      "date_from=INVALID", "date_to=2025-02-30", "requester=a@b.c", "agent=a@b.c", "tag[]=x",
      "query[]=x", "assignee[]=x" }) do
      local status, body = own.call("GET", "/tickets", { query = query })
      assert.equal(400, status)
      assert.equal(1, (body.errors[1]:find(query:match("^%a+[_%a]*"))))
    end
    assert.equal(200, (own.call("GET", "/tickets", { query = "unknown=1" })))
  end)

  it("lags writes when asked to, and a ticket by its id never does", function()
    local own = account.new({ seed = 30, lag = 15 })
    local old = own.ids("page=2")[5]
    local _, new = own.call("POST", "/tickets", { json = account.ticket() })
    own.now = NOW + 1
    own.call("PUT", "/tickets/" .. old .. "/tags", { json = { tag = { "first" } } })
    own.now = NOW + 2
    own.call("PUT", "/tickets/" .. old .. "/tags", { json = { tag = { "second" } } })
    assert.equal(200, (own.call("GET", "/tickets/" .. new.id)))
    own.now = NOW + 14.9
    local _, early = own.ids()
    assert.equal(30, early.total)
    assert.equal(5, #own.ids("page=2"))
    own.now = NOW + 15
    local ids, page = own.ids()
    assert.equal(new.id, ids[1])
    assert.equal(31, page.total)
    assert.same({}, own.ids("tag=first"))
    own.now = NOW + 16
    assert.same({ old }, own.ids("tag=first"))
    own.now = NOW + 17
    assert.same({}, own.ids("tag=first"))
    assert.same({ old }, own.ids("tag=second"))
    ids, page = own.ids()
    assert.equal(old, ids[1])
    assert.equal(31, page.total)
  end)

  it("shows a ticket as it was while it lags", function()
    local own = account.new({ lag = 15 })
    local _, made = own.call("POST", "/tickets", { json = account.ticket() })
    own.now = NOW + 15
    own.ids()
    own.call("PUT", "/tickets/" .. made.id .. "/tags", { json = { tag = { "t" }, message = "More",
      requester = { mail = "other@example.net" } } })
    assert.same(made, ({ own.ids() })[2].tickets[1])
  end)

  it("stays right over any writes, with and without a filter", function()
    local own = account.new({ seed = 100, calls = false })
    local draw = random.stream(7)
    for _ = 1, 300 do
      local ids = own.control("GET", "tickets").ids
      own.now = own.now + 1
      local picked = ids[draw(#ids)]
      if draw(10) == 1 then
        own.call("POST", "/tickets", { json = account.ticket() })
      else
        own.call("PUT", "/tickets/" .. picked .. "/tags",
          { json = { tag = draw(2) == 1 and { "odd" } or {} } })
      end
      own.ids("tag=odd")
    end
    local ids, listed, odd = own.control("GET", "tickets").ids, {}, {}
    for page = 1, math.ceil(#ids / 25) do
      local _, each = own.call("GET", "/tickets", { query = "page=" .. page })
      for _, ticket in ipairs(each.tickets) do
        listed[#listed + 1] = ticket.id
        if has(ticket.tags, "odd") then odd[#odd + 1] = ticket.id end
      end
    end
    assert.same(ids, listed)
    local _, page = own.ids("tag=odd")
    assert.equal(#odd, page.total)
    assert.is_true(#odd > 20)
  end)
end)

describe("the seed", function()
  it("gives the same tickets every time, all different from each other", function()
    local _, one = account.new({ seed = 60 }).ids()
    local _, two = account.new({ seed = 60 }).ids()
    local _, other = account.new({ seed = 60, random_seed = 2 }).ids()
    assert.same(one, two)
    assert.not_same(one, other)
    assert.equal(1767225600, one.tickets[1].modified)
    local own = account.new()
    own.control("POST", "seed", { tickets = 60 })
    assert.same(one, ({ own.ids() })[2])
  end)

  it("holds a hundred thousand, every page at hand", function()
    local own = account.new({ seed = 100000, calls = false })
    local started = os.clock()
    for page = 3991, 4000 do
      local ids, answer = own.ids("page=" .. page)
      assert.equal(25, #ids)
      assert.equal(4000, answer.pages)
    end
    local deep = os.clock() - started
    started = os.clock()
    for page = 1, 10 do own.ids("page=" .. page) end
    assert.is_true(deep < 5 * (os.clock() - started) + 0.05)
  end)
end)

describe("variants", function()
  local function answers(variants)
    local own = account.new({ seed = 40, variants = variants })
    local _, ticket = own.call("POST", "/tickets", { json = account.ticket({
      source = { type = "chat-window" } }) })
    own.now = NOW + 1.5
    _, ticket = own.call("PUT", "/tickets/" .. ticket.id .. "/tags", { json = { tag = { "t" } } })
    local _, agent, response = own.call("GET", "/agents/" .. LOGIN)
    local _, page = own.call("GET", "/tickets")
    return ticket, agent, page, response.body, own
  end

  it("docs: epoch integers, groups as integers, nothing null", function()
    local ticket, agent, page = answers("docs")
    assert.equal(NOW + 1, ticket.modified)
    assert.equal(NOW, ticket.events[1].date)
    assert.same({ 0 }, ticket.groups)
    assert.is_nil(ticket.source.url)
    assert.equal(6, agent.max_chats_count)
    assert.equal(41, page.total)
  end)

  it("objects: ISO dates, groups as objects, a null URL", function()
    local ticket, agent = answers("objects")
    assert.equal("2027-01-15T08:00:01Z", ticket.modified)
    assert.equal("2027-01-15T08:00:00Z", ticket.opened[1].from)
    assert.same({ { id = 0, name = "All operators" } }, ticket.groups)
    assert.equal(json.null, ticket.source.url)
    assert.equal(json.null, ticket.events[1].source.url)
    assert.equal(1520, agent.license_id)
  end)

  it("strings: every number as digits", function()
    local ticket, agent, page = answers("strings")
    assert.equal(("%d"):format(NOW + 1), ticket.modified)
    assert.same({ "0" }, ticket.groups)
    assert.equal("6", agent.max_chats_count)
    assert.equal("1", agent.groups[1].id)
    assert.equal("1", agent.notifications.new_goal)
    assert.equal("41", page.total)
    assert.equal("2", page.pages)
  end)

  it("php: milliseconds, [] for {}, null for what is absent, a key in an agent", function()
    local ticket, agent, _, body, own = answers("php")
    assert.equal("2027-01-15T08:00:01.500Z", ticket.modified)
    assert.equal(json.null, ticket.assignee)
    assert.equal(json.null, ticket.source.id)
    assert.is_string(agent.api_key)
    assert.truthy(body:find('"work_scheduler":[]', 1, true))
    local _, _, response = own.call("GET", "/tickets/" .. ticket.id)
    assert.truthy(response.body:find('"firstResponse":[]', 1, true))
  end)

  it("mixed: all of them in one page", function()
    local _, _, page = answers("mixed")
    local kinds = {}
    for _, ticket in ipairs(page.tickets) do
      local modified = ticket.modified
      kinds[type(modified) == "number" and "number" or modified:gsub("%d+", "9")] = true
    end
    assert.same({ number = true, ["9"] = true, ["9-9-9T9:9:9Z"] = true, ["9-9-9T9:9:9.9Z"] = true },
      kinds)
  end)

  it("wrapper: a single ticket in a page of its own", function()
    local own = account.new({ wrapper = true })
    local _, created = own.call("POST", "/tickets", { json = account.ticket() })
    local id = created.tickets[1].id
    assert.equal(1, created.total)
    local _, got = own.call("GET", "/tickets/" .. id)
    assert.same(created, got)
    local _, tagged = own.call("PUT", "/tickets/" .. id .. "/tags", { json = { tag = { "t" } } })
    assert.same({ "t" }, tagged.tickets[1].tags)
  end)
end)

describe("published samples", function()
  local samples = helper.payload("v2_doc_samples.json")
  local read_it = samples and it or function(name)
    print("skipped, there is no ../shared/payloads: published samples " .. name)
  end

  local function sample_of(path)
    for _, sample in ipairs(json.decode(samples)) do
      if sample.path == path then return sample.sample end
    end
    error("no sample of " .. path)
  end

  read_it("have no member that this service lacks", function()
    local own = account.new({ seed = 200, calls = false })
    local jane = "/agents/jane.doe@example.com"
    local updated = select(2, own.call("PUT", jane, { json = { work_scheduler = {
      sunday = { enabled = 0, start = "11:00", ["end"] = "17:00" },
      monday = { enabled = 1, start = "09:00", ["end"] = "17:00" },
      saturday = { enabled = 0, start = "09:00", ["end"] = "17:00" } } } }))
    local hook = { event_type = "chat_started", data_types = { "chat", "visitor" },
      url = "http://x" }
    local cases = {
      ["GET /agents"] = select(2, own.call("GET", "/agents")),
      ["GET /agents/<LOGIN>"] = select(2, own.call("GET", "/agents/" .. LOGIN)),
      ["POST /agents"] = select(2, own.call("POST", "/agents", { json = { login = "a@b.c",
        name = "A" } })),
      ["PUT /agents/<LOGIN>"] = updated,
      ["POST /webhooks"] = select(2, own.call("POST", "/webhooks", { json = hook })),
      ["GET /webhooks"] = select(2, own.call("GET", "/webhooks")),
      ["DELETE /agents/<LOGIN>"] = select(2, own.call("DELETE", jane)),
    }
    for path, ours in pairs(cases) do assert.is_true(helper.covers(sample_of(path), ours), path) end
    local found, sample = false, sample_of("GET /tickets")
    for page = 1, 8 do
      found = found or helper.covers(sample, select(2, own.call("GET", "/tickets",
        { query = "page=" .. page })))
    end
    assert.is_true(found)
  end)
end)
