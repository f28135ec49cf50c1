-- SPDX-License-Identifier: MIT
-- once, on jit: it is long, and the service runs in nginx
-- HelpDesk's list of tickets: filters, order, pages, and cursors while tickets change. No sockets.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
local today = require "spec.today"

local ticket = today.ticket

local function escape(text)
  return (text:gsub("[^%w]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local function ids(own, query)
  local _, rows, response = own.helpdesk("GET", "/tickets", { query = query })
  local list = {}
  for i, row in ipairs(rows) do list[i] = row.shortID end
  return list, rows, response
end

-- Every row, by cursor; `between(page)` runs after each page.
local function walk(own, query, field, between)
  local seen, rows, after, page = {}, {}, "", 0
  repeat
    local _, list = ids(own, query .. after)
    for _, row in ipairs(list) do
      assert.is_nil(seen[row.ID], "given twice")
      seen[row.ID] = true
      rows[#rows + 1] = row
    end
    local last = list[#list]
    if last then
      after = ("&next.value=%s&next.ID=%s"):format(escape(last[field or "createdAt"]), last.ID)
    end
    page = page + 1
    assert.is_true(page < 1000)
    if between then between(page) end
  until not last
  return rows, seen
end

describe("the list's query", function()
  it("is refused where it is not known", function()
    local own = today.new({ seed = 3 })
    for query, message in pairs({ ["q=x"] = '"q" is not allowed', ["ticket=1"] =
      '"ticket" is not allowed', ["teamIDs=x"] = '"teamIDs" must be an array',
      ["status=spam"] = '"status" must be one of [open, pending, onhold, solved, closed]',
      ["status[]=open"] = '"status" must be one of [open, pending, onhold, solved, closed]',
      ["pageSize=101"] = '"pageSize" is not one of the allowed values',
      ["pageSize=0"] = '"pageSize" is not one of the allowed values',
      ["page=0"] = '"page" is not one of the allowed values',
      ["sortBy=ID"] = '"sortBy" is not one of the allowed values',
      ["order=up"] = '"order" is not one of the allowed values',
      ["silo=bin"] = '"silo" is not one of the allowed values',
      ["createdDateFrom=2026-02-30"] = '"createdDateFrom" must be a valid date',
      ["createdDateTo=-2x"] = '"createdDateTo" must be a valid date',
      ["priority=5"] = '"priority" must be one of [-10, 0, 10, 20]',
      ["requester=a@b.c"] = '"requester" must be of type object with email',
      ["requester[mail]=a@b.c"] = '"requester" must be of type object with email',
      ["next.value=2026-01-01T00:00:00Z"] = '"next.ID" must be a valid ID',
      ["next.value=x&next.ID=AAAAA"] = '"next.value" must be a valid date' }) do
      local status, body = own.helpdesk("GET", "/tickets", { query = query })
      assert.same({ 422, message }, { status, body.error.message }, query)
    end
  end)

  it("counts what matches in the headers, and gives pages", function()
    local own = today.new({ seed = 45 })
    local first, _, response = ids(own, "")
    assert.equal(20, #first)
    local headers = response.headers
    local total = tonumber(headers["X-Total-Results"])
    assert.equal(("%d"):format(math.ceil(total / 20)), headers["X-Total-Pages"])
    local all = ids(own, "pageSize=100")
    assert.equal(total, #all)
    local third = ids(own, "pageSize=7&page=3")
    for i = 1, 7 do assert.equal(all[14 + i], third[i]) end
    assert.same({}, (ids(own, "page=100")))
    local spam = #ids(own, "silo=spam&pageSize=100")
    assert.equal(45, total + spam)
  end)

  it("finds by each filter what the tickets themselves say", function()
    local own = today.new({ seed = 200 })
    local _, all = ids(own, "pageSize=100&eventsScope=full")
    local _, more = ids(own, "pageSize=100&page=2&eventsScope=full")
    for _, row in ipairs(more) do all[#all + 1] = row end
    local team, tag = own.id("/teams", "Sales"), all[1].tagIDs[1] or all[2].tagIDs[1]
    local from, to = all[100].createdAt, all[20].createdAt
    local function has(list, id)
      for _, each in ipairs(list) do if each == id then return true end end
      return false
    end
    local mail = all[5].requester.email
    for query, test in pairs({
      ["status=solved"] = function(t) return t.status == "solved" end,
      ["requester[email]=" .. escape(mail:upper())] =
        function(t) return t.requester.email == mail end,
      ["requester=" .. escape(json.encode({ email = mail }))] =
        function(t) return t.requester.email == mail end,
      ["teamIDs[]=" .. team] = function(t) return has(t.teamIDs, team) end,
      ["teamIDs[]=x&teamIDs[]=" .. team] = function(t) return has(t.teamIDs, team) end,
      ["tagIDs[]=" .. tostring(tag)] = function(t) return has(t.tagIDs, tag) end,
      ["subject=shoes"] = function(t) return t.subject:lower():find("shoes") ~= nil end,
      ["query=" .. escape(all[9].events[1].message.text)] = function(t)
        return t.events[1].message.text == all[9].events[1].message.text
      end,
      ["shortID=" .. all[7].shortID:lower()] = function(t) return t.ID == all[7].ID end,
      ["priority=0&priorityOp=eq"] = function(t) return t.priority == 0 end,
      ["createdDateFrom=" .. from .. "&createdDateTo=" .. to] =
        function(t) return t.createdAt >= from and t.createdAt < to end,
      ["updatedDateFrom=" .. from] = function(t) return t.updatedAt >= from end,
      ["lastMessageTo=" .. to] = function(t) return t.lastMessageAt < to end,
      ["createdDateFrom=-1h"] = function() return false end,
    }) do
      local wanted, found = {}, {}
      for _, each in ipairs(all) do if test(each) then wanted[#wanted + 1] = each.shortID end end
      for page = 1, 2 do
        for _, id in ipairs((ids(own, query .. "&pageSize=100&page=" .. page))) do
          found[#found + 1] = id
        end
      end
      assert.same(wanted, found, query)
    end
  end)

  it("knows relative dates", function()
    local own = today.new()
    own.now = 1772366400 -- 2026-03-01T12:00:00Z
    local starts = { ["2026-03-01T11:30:00Z"] = "A", ["2026-03-01T11:00:00Z"] = "B",
      ["2026-03-01T00:00:00Z"] = "C", ["2026-02-28T12:00:00Z"] = "D",
      ["2026-02-01T00:00:00Z"] = "E", ["2026-01-29T12:00:00Z"] = "F" }
    local names = {}
    for time, name in pairs(starts) do
      local made = own.service.tickets:open({ subject = name, message = "x", groups = { 0 },
        source = { type = "lc2" }, requester = { mail = "a@b.c", name = "" } },
        require("livechat.sandbox.today").time(time) / 1000)
      own.service.tickets:put(made, own.now)
      names[made.id] = name
    end
    for value, expected in pairs({ ["-30n"] = "A", ["-0H"] = "", ["-1H"] = "AB", ["-0D"] = "ABC",
      ["-1d"] = "ABCD", ["-1M"] = "ABCDE", ["-24h"] = "ABCD", ["-0M"] = "ABC",
      ["-1m"] = "ABCD", ["-30d"] = "ABCDE", ["-31d"] = "ABCDEF" }) do
      local found = {}
      for _, id in ipairs((ids(own, "createdDateFrom=" .. value))) do
        found[#found + 1] = names[id]
      end
      table.sort(found)
      assert.equal(expected, table.concat(found), value)
    end
  end)

  it("shows rows without their events, unless it is asked to", function()
    local own = today.new({ seed = 5 })
    local _, rows = ids(own, "")
    assert.is_nil(rows[1].events)
    _, rows = ids(own, "eventsScope=full")
    assert.is_table(rows[1].events)
  end)

  it("shows writes after the lag", function()
    local own = today.new({ lag = 15 })
    own.helpdesk("POST", "/tickets", { json = ticket() })
    assert.equal(0, #ids(own, ""))
    own.now = own.now + 15
    assert.equal(1, #ids(own, ""))
  end)
end)

describe("a cursor", function()
  for _, order in ipairs({ "asc", "desc" }) do
    for _, sort in ipairs({ "createdAt", "updatedAt", "lastMessageAt" }) do
      it("walks by " .. sort .. " " .. order .. " over equal times", function()
        local own = today.new()
        for i = 1, 60 do
          own.now = own.now + (i % 20 == 0 and 1 or 0)
          own.helpdesk("POST", "/tickets", { json = ticket() })
        end
        local rows = walk(own, ("pageSize=7&sortBy=%s&order=%s"):format(sort, order), sort)
        assert.equal(60, #rows)
        for i = 2, 60 do
          local a, b = rows[i - 1], rows[i]
          if order == "desc" then a, b = b, a end
          assert.is_true(a[sort] < b[sort] or a[sort] == b[sort] and a.ID < b.ID)
        end
      end)
    end
  end

  it("goes back as well", function()
    local own = today.new({ seed = 30 })
    local all, rows = ids(own, "pageSize=100")
    local here = rows[15]
    local before = ids(own, ("pageSize=5&prev.value=%s&prev.ID=%s")
      :format(escape(here.createdAt), here.ID))
    for i = 1, 5 do assert.equal(all[9 + i], before[i]) end
    local between = ids(own, ("next.value=%s&next.ID=%s&prev.value=%s&prev.ID=%s")
      :format(escape(rows[10].createdAt), rows[10].ID, escape(here.createdAt), here.ID))
    assert.same({ all[11], all[12], all[13], all[14] }, between)
  end)

  for _, dates in ipairs({ 0, 1, 3, 6, "offset", "mixed" }) do
    it("finds its place from times written with " .. tostring(dates), function()
      local own = today.new({ today = { dates = dates } })
      for _ = 1, 50 do
        own.now = own.now + 0.137
        own.helpdesk("POST", "/tickets", { json = ticket() })
      end
      for _, order in ipairs({ "asc", "desc" }) do
        assert.equal(50, #walk(own, "pageSize=3&order=" .. order))
      end
    end)
  end

  it("gives every ticket that stays once, while others come, change and go", function()
    local own, draw = today.new({ lag = 0 }), random.stream(7)
    local stay = {}
    for i = 1, 300 do
      own.now = own.now + (i % 5 == 0 and 1 or 0)
      local _, made = own.helpdesk("POST", "/tickets", { json = ticket() })
      if i % 3 ~= 0 then stay[made.ID] = true end
    end
    local _, all = own.helpdesk("GET", "/tickets", { query = "pageSize=100&order=asc" })
    for _, order in ipairs({ "asc", "desc" }) do
      local _, seen = walk(own, "pageSize=20&order=" .. order, nil, function(page)
        if page > 15 then return end
        local _, now = own.helpdesk("GET", "/tickets", { query = "pageSize=100&page=" ..
          draw(3) .. "&order=asc" })
        for _, row in ipairs(now) do
          if not stay[row.ID] and draw(10) == 1 then
            own.helpdesk("DELETE", "/tickets/" .. row.ID)
          elseif draw(10) == 1 then
            own.helpdesk("PATCH", "/tickets/" .. row.ID, { json = { priority = 10 } })
          end
        end
        if draw(2) == 1 then own.helpdesk("POST", "/tickets", { json = ticket() }) end
      end)
      for id in pairs(stay) do assert.is_true(seen[id], "missed") end
    end
    assert.is_true(#all == 100)
  end)

  it("walks many tickets in time that grows with them", function()
    local own = today.new({ seed = 5000 })
    local began = os.clock()
    assert.is_true(#walk(own, "pageSize=100&order=asc") > 4000)
    assert.is_true(os.clock() - began < 20)
  end)
end)
