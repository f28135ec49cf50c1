-- SPDX-License-Identifier: MIT
-- The local service's page as a state machine: what it shows and hides, to whom, and what its
-- buttons do. What a browser makes of it is in page_browser_spec.lua.
local json = require "livechat.json"
local guard = require "livechat.sandbox.guard"
local Reader = require "livechat.sandbox.page.reader"
local text = require "livechat.sandbox.page.text"
local view = require "livechat.sandbox.page.view"
local account = require "spec.account"

local HTML = { accept = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", host = "127.0.0.1:1" }

local function page(own, query)
  local service = own.service
  return service:handle({ method = "GET", path = "/", query = query, headers = HTML,
    now = own.now })
end

-- A button of the page, as a form or as the script presses it.
local function press(own, verb, form, headers)
  local with = { host = "127.0.0.1:1", origin = "http://127.0.0.1:1" }
  for name, value in pairs(headers or {}) do with[name] = value or nil end
  return own.service:handle({ method = "POST", path = "/_sandbox/page/" .. verb, headers = with,
    body = form, now = own.now })
end

local function hook(own, event_type, url)
  local status, answer = own.call("POST", "/webhooks", { json = { event_type = event_type,
    data_types = { event_type == "ticket_created" and "ticket" or "chat" },
    url = url or "http://127.0.0.1:1/" } })
  assert.equal(200, status)
  return answer.events[#answer.events]
end

-- What a reader is sent, decoded; {} where it is sent nothing.
local function look(reader, now)
  local event = reader:next(now)
  if not event then return {} end
  local data = event:match("^retry: 1000\ndata: ([^\n]*)\n\n$")
  assert(data, event)
  return json.fold(assert(json.decode(data)))
end

describe("text for the page", function()
  it("is one line without what moves others about", function()
    for given, expected in pairs {
      ["plain"] = "plain",
      ["two\r\nlines\tand"] = "two lines and",
      ["\27[2J\7bell\0nul\127"] = "␛[2J␇bell␀nul␡",
      ["a\226\128\174b\226\129\167c"] = "a[RLO]b[RLI]c",
      ["\194\155csi"] = "\239\191\189csi",
      ["bad\255utf"] = "bad\239\191\189utf",
      ["\226\128\168x"] = " x",
      [""] = "",
    } do
      assert.equal(expected, text.clean(given))
    end
    assert.equal("", text.clean(nil))
    assert.equal("12", text.clean(12))
  end)

  it("is cut at characters, however long", function()
    assert.equal(("é"):rep(5) .. "…", text.clean(("é"):rep(6), 5))
    assert.equal(("é"):rep(5), text.clean(("é"):rep(5), 5))
    assert.equal("abcde…", text.clean(("abcdefgh"):rep(20000), 5))
    for length = 1, 40 do -- a cut through any character leaves text that can be encoded
      local cut = text.clean(("x"):rep(length % 4) .. ("😀é"):rep(length), 6)
      assert.is_true(json.utf8(cut))
      local _, characters = cut:gsub("[^\128-\191]", "")
      assert.is_true(characters <= 7)
    end
  end)

  it("hides what a URL may keep secret", function()
    for given, expected in pairs {
      ["http://me:pass@host:1/a"] = "http://•••@host:1/a",
      ["http://me:p@ss@host/a"] = "http://•••@host/a",
      ["https://host/a?token=abc&x=1&flag"] = "https://host/a?token=•••&x=•••&•••",
      ["https://host/a?abc"] = "https://host/a?•••",
      ["https://host/a"] = "https://host/a",
    } do
      assert.equal(expected, text.mask_url(given))
    end
  end)

  it("says durations as people do", function()
    assert.equal("1 minute 30 seconds", text.duration(90))
    assert.equal("1 day", text.duration(86400))
    assert.equal("2 hours", text.duration(7200.9))
    assert.equal("no time", text.duration(0))
  end)
end)

describe("the page", function()
  it("is there for those who ask for HTML, and the API stays as it is", function()
    local own = account.new()
    local response = page(own)
    assert.equal(200, response.status)
    assert.equal("text/html; charset=utf-8", response.headers["Content-Type"])
    assert.truthy(response.body:find("<h1>LiveChat sandbox</h1>", 1, true))
    assert.equal(404, (own.call("GET", "/")))
    assert.equal(404, (own.call("POST", "/", { headers = { accept = "text/html" } })))
    assert.equal(200, (own.call("GET", "/tickets", { headers = { accept = "text/html" } })))
  end)

  it("is no call: it counts against no limit and is in no list", function()
    local own = account.new({ calls = 1 })
    for _ = 1, 5 do page(own) end
    press(own, "tickets", "message=x&requester[mail]=a@b.c")
    local calls = own.control("GET", "calls")
    assert.same({ 0, 0, 0 }, { calls.count, #calls.accepted, #calls.refused })
  end)

  it("asks nothing of other places, and lets nothing run but its own files", function()
    local own = account.new()
    local response = page(own)
    local policy = response.headers["Content-Security-Policy"]
    assert.truthy(policy:find("default-src 'none'", 1, true))
    assert.falsy(policy:find("unsafe", 1, true) or policy:find("http", 1, true))
    assert.falsy(response.body:find("<script>", 1, true) or response.body:find(" style=", 1, true)
      or response.body:find("<style", 1, true) or response.body:find(' on%a+="'))
    for _, attribute in ipairs { "href", "src", "action" } do
      for address in response.body:gmatch("%f[%a]" .. attribute .. '="([^"]*)"') do
        assert.truthy(address:find("^[/#]") and not address:find("^//"), address)
      end
    end
    for name, kind in pairs { ["page.js"] = "text/javascript", ["page.css"] = "text/css",
      ["icon.svg"] = "image/svg+xml" } do
      assert.truthy(response.body:find("/_sandbox/page/" .. name, 1, true))
      local _, _, file = own.call("GET", "/_sandbox/page/" .. name)
      assert.equal(kind .. "; charset=utf-8", file.headers["Content-Type"])
      assert.is_true(#file.body > 100)
      local body = file.body:gsub('xmlns="[^"]*"', "")
      assert.falsy(body:find("//%w+%.") or file.body:find("@import", 1, true))
      assert.falsy(file.body:find("innerHTML", 1, true) or file.body:find("outerHTML", 1, true)
        or file.body:find("insertAdjacent", 1, true) or file.body:find("eval", 1, true))
    end
    for _, path in ipairs { "init.lua", "../service.lua", "", "x" } do
      assert.equal(404, (own.call("GET", "/_sandbox/page/" .. path)))
    end
    assert.equal(405, (own.call("DELETE", "/_sandbox/page/page.js")))
  end)

  it("runs nothing that a customer, a caller or an agent wrote", function()
    local evil = [["'><script>alert(1)</script><img src=x onerror=alert(2)>]] ..
      "\226\128\174\27[2J"
    local own = account.new()
    own.call("POST", "/tickets", { json = account.ticket({ subject = evil,
      requester = { mail = "a@b.c", name = evil } }) })
    own.call("POST", "/agents", { json = { login = "<b>@x.y", name = evil } })
    hook(own, "chat_started", "http://127.0.0.1:1/" .. evil:gsub("[%s%c]", "") .. "?" .. "<i>=1")
    own.control("POST", "trigger", { event_type = "chat_started",
      visitor = { name = evil, email = evil }, chat = { id = evil } })
    own.call("GET", "/" .. evil)
    own.control("POST", "faults", { fault = "redirect=" .. evil .. "@every/GET /x" })
    local written = page(own).body
    for _, raw in ipairs { "<script>", "<img", "<i>=", "<b>@", "\226\128\174", "\27" } do
      local at = written:find(raw, 1, true)
      assert.falsy(at, at and written:sub(at - 100, at + 100))
    end
    local _, scripts = written:gsub("&lt;script&gt;", "")
    assert.is_true(scripts >= 6, scripts)
    local reader = Reader.new(own.service, {})
    reader.limits = setmetatable({}, { __index = function() return 10 end })
    local event = reader:next(own.now)
    assert.falsy(event:find("\27", 1, true) or event:sub(14, -3):find("\n", 1, true))
    reader:close()
  end)

  it("shows no credential and no token", function()
    local own = account.new({ access_token = "bearer-of-this-spec" })
    local made = hook(own, "ticket_created",
      "http://me:sealed-password@127.0.0.1:1/?token=sealed-token")
    own.call("GET", "/agents", { query = "key=sealed-query" })
    own.call("POST", "/tickets", { json = account.ticket() })
    for _, delivery in ipairs(own.service:due_deliveries(own.now, 5)) do
      own.service:delivered(delivery, { error = "receive: closed" }, own.now)
    end
    local reader = Reader.new(own.service, setmetatable({}, { __index = function() return 10 end }))
    local shown = page(own).body .. reader:next(own.now)
    reader:close()
    assert.truthy(shown:find("receive: closed", 1, true))
    for _, secret in ipairs { made.token, account.KEY, "bearer-of-this-spec", "sealed",
      account.BASIC:sub(7) } do
      assert.falsy(shown:find(secret, 1, true), secret)
    end
  end)

  it("shows a few rows of many, and the way to more", function()
    local own = account.new({ seed = 3000, chats = 60 })
    local function rows(query)
      local body = page(own, query).body
      local section = body:match('<section id="tickets".-</section>')
      local _, count = section:gsub("<tr role=\"row\" data%-id", "")
      return count, section:match('<p class="more">(.-)</p>'), body
    end
    local count, more = rows()
    assert.same({ 10, '<a href="/?tickets=50#tickets">Show more</a> of 3000' }, { count, more })
    count, more = rows("tickets=50&calls=50")
    assert.same({ 50, '<a href="/?calls=50&amp;tickets=250#tickets">Show more</a> of 3000' },
      { count, more })
    count, more = rows("tickets=250")
    assert.same({ 250, "2750 more are not shown here: ask the API." }, { count, more })
    for _, query in ipairs { "tickets=-5", "tickets=x", "tickets=0", "tickets[]=9", "tickets=nan",
      "tickets=1e-9", "tickets=", "%zz=%" } do
      assert.equal(10, (rows(query)))
    end
    assert.equal(250, (rows("tickets=" .. ("9"):rep(400))))
  end)

  it("shows the last change first, whatever the list lags", function()
    local own = account.new({ lag = 3600, seed = 20 })
    local ids = own.ids()
    local _, made = own.call("POST", "/tickets", { json = account.ticket() })
    own.control("POST", "touch", { ids = { ids[15] } })
    local latest, total = own.service.tickets:latest(3, own.now)
    assert.same({ 21, ids[15], made.id, ids[1] },
      { total, latest[1].id, latest[2].id, latest[3].id })
    own.control("POST", "touch", { ids = { made.id } })
    latest, total = own.service.tickets:latest(3, own.now + 3601)
    assert.same({ 21, made.id, ids[15], ids[1] },
      { total, latest[1].id, latest[2].id, latest[3].id })
  end)

  it("says what is empty", function()
    local body = page(account.new({ chats = 0 })).body
    for _, each in ipairs(view.LISTS) do
      local section = body:match('<section id="' .. each.name .. '".-</section>')
      local none = section:match('<p class="none"([^>]*)>')
      assert.equal(section:find("data-id", 1, true) and " hidden" or "", none)
    end
    assert.truthy(body:find("There is no ticket.", 1, true))
  end)

  it("is readable with a hundred thousand calls, fast", function()
    local own = account.new({ calls = false, seed = 2000 })
    for i = 1, 100000 do
      own.service.calls:arrive(own.now + i / 10000, "GET", "/x", false, 60).status = 200
    end
    own.now = own.now + 10
    local start = os.clock()
    local body = page(own, "calls=250").body
    assert.is_true(os.clock() - start < 1)
    assert.truthy(body:find("100000 calls", 1, true))
    assert.truthy(body:find('data-id="100000"', 1, true))
    assert.falsy(body:find('data-id="99750"', 1, true))
  end)
end)

describe("the throttle's picture", function()
  it("counts the window as the service does", function()
    local own = account.new({ calls = 50, period = 60 })
    local times = {}
    local draw = require("livechat.sandbox.random").stream(7)
    for _ = 1, 300 do
      own.now = own.now + draw() * 3
      local status = own.call("GET", "/agents")
      times[#times + 1] = { at = own.now, accepted = status ~= 429 }
      local used, refused = 0, 0
      for _, each in ipairs(times) do
        if each.at > own.now - 60 then
          if each.accepted then used = used + 1 else refused = refused + 1 end
        end
      end
      local shown = view.build(own.service, "throttle", 0, own.now)
      assert.same({ used, refused }, { shown.used, shown.refused })
      local sums = { 0, 0 }
      for i = 1, 60 do
        sums[1], sums[2] = sums[1] + shown.accepted[i], sums[2] + shown.turned[i]
      end
      -- The columns stand still: the first one may have begun up to one column before the window.
      assert.is_true(sums[1] <= used and sums[1] >= used - 5 and sums[2] <= refused)
      assert.equal(#shown.accepted, 60)
      local wait = tonumber(shown.note:match("in ([%d.]+) s"))
      local entry = own.service.calls.log[#own.service.calls.log]
      if entry.refused then assert.is_true(math.abs(wait - entry.refused) < 0.051) end
    end
  end)

  it("knows a service without a limit", function()
    local own = account.new({ calls = false })
    own.call("GET", "/agents")
    local shown = view.build(own.service, "throttle", 0, own.now)
    assert.same({ "1 call", "There is no limit.", 0 }, { shown.summary, shown.note, shown.limit })
    assert.equal(200, page(own).status)
  end)
end)

describe("a reader", function()
  it("is sent everything once, and then what is new", function()
    local own = account.new({ seed = 5 })
    local reader = assert(Reader.new(own.service, { tickets = 10, calls = 10, faults = 10 }))
    local first = look(reader, own.now)
    local names = 0
    for _ in pairs(first) do names = names + 1 end
    assert.equal(#view.LISTS + 2, names)
    assert.equal(5, #first.tickets.rows)
    assert.same({}, look(reader, own.now))
    own.call("GET", "/agents")
    local more = look(reader, own.now)
    assert.truthy(more.calls and more.throttle)
    assert.falsy(more.tickets or more.agents or more.faults)
    assert.equal("v2", more.calls.rows[1].cells[2])
    own.call("POST", "/tickets", { json = account.ticket() })
    assert.equal(6, look(reader, own.now).tickets.total)
    local later = look(reader, own.now + 61) -- time alone empties the window
    assert.equal(0, later.throttle.used)
    assert.falsy(later.calls)
    reader:close()
  end)

  it("that is slow is sent the last state, not what came between", function()
    local own = account.new({ calls = false })
    local reader = assert(Reader.new(own.service, { calls = 10 }))
    look(reader, own.now)
    for i = 1, 20000 do own.call("GET", "/agents/" .. i) end
    local event = reader:next(own.now)
    assert.is_true(#event < 10000, #event)
    assert.truthy(event:find("/agents/20000", 1, true))
    reader:close()
  end)

  it("is one of a bounded number", function()
    local own = account.new()
    local readers = {}
    repeat readers[#readers + 1] = Reader.new(own.service, {}) until #readers > 63
    assert.equal(64, #readers)
    local status, _, response = own.call("GET", "/_sandbox/page/events")
    assert.same({ 503, nil }, { status, response.reader })
    readers[1]:close()
    readers[1]:close() -- once counts
    status, _, response = own.call("GET", "/_sandbox/page/events")
    assert.equal(200, status)
    assert.equal("text/event-stream; charset=utf-8", response.headers["Content-Type"])
    assert.is_nil(Reader.new(own.service, {}))
    response.reader:close()
    own.control("POST", "reset")
    assert.equal(63, own.service.readers.count)
  end)
end)

describe("a button", function()
  local FORM = "subject=S&message=M&requester[mail]=a@b.c&requester[name]=N"

  it("answers a form with the page, and the script with words", function()
    local own = account.new()
    local response = press(own, "tickets", FORM)
    assert.same({ 303, "/?done=tickets" }, { response.status, response.headers.Location })
    assert.truthy(page(own, "done=tickets").body:find("The ticket was created.", 1, true))
    for _, query in ipairs { "done=<b>", "done=x", "done", "done=tickets&done=x" } do
      assert.truthy(page(own, query).body:find('<p id="said" role="status"></p>', 1, true))
    end
    response = press(own, "tickets", FORM, { ["x-sandbox-page"] = "1" })
    assert.equal(200, response.status)
    local answer = json.decode(response.body)
    assert.truthy(answer.ok and answer.said:find("^Ticket %w+ was created%.$"))
    assert.equal(2, #own.ids())
  end)

  it("says what is wrong with a form, and does nothing", function()
    local own = account.new()
    for verb, forms in pairs { tickets = { "", "message=x", "requester[mail]=a@b.c",
      "message=x&requester=y", "message=x&requester[mail]=nobody",
      "message=%20&requester[mail]=a@b.c", "message=%FF&requester[mail]=a@b.c",
      "message[]=x&requester[mail]=a@b.c" },
      ["chats/end"] = { "", "id=none", "id[]=x" }, ["faults/on"] = { "", "fault=http99",
        "fault[]=x" }, ["faults/off"] = { "" },
      clock = { "", "advance=x", "advance=0", "advance=-1", "advance=1e300", "advance=nan",
        "advance=inf", "advance[]=1" } } do
      for _, form in ipairs(forms) do
        local response = press(own, verb, form)
        assert.same({ 400, "text/html; charset=utf-8" },
          { response.status, response.headers["Content-Type"] }, verb .. " " .. form)
        local said = response.body:match('<p id="said" role="status" data%-tone="bad">([^<]+)</p>')
        assert.truthy(said, verb .. " " .. form)
        response = press(own, verb, form, { ["x-sandbox-page"] = "1" })
        local answer = json.decode(response.body)
        assert.same({ 200, false, said }, { response.status, answer.ok, text.escape(answer.said) })
      end
    end
    local state = own.control("GET", "state")
    assert.same({ 0, 0, 0 }, { state.tickets, #state.faults, own.service.advance })
    assert.equal(404, press(own, "nothing", "").status)
    assert.equal(404, press(own, "", "").status)
  end)

  it("writes a ticket, and the webhooks hear of it", function()
    local own = account.new()
    hook(own, "ticket_created")
    press(own, "tickets", FORM)
    local ticket = own.service.tickets.by_id[own.ids()[1]]
    assert.same({ "S", "a@b.c", "N", "M" }, { ticket.subject, ticket.requester.mail,
      ticket.requester.name, ticket.events[1].message })
    assert.equal(1, own.control("GET", "deliveries").waiting)
  end)

  it("starts and ends chats", function()
    local own = account.new({ chats = 0 })
    hook(own, "chat_started")
    hook(own, "chat_ended")
    press(own, "chats/start", "")
    local chat = own.service.chats.order[1]
    assert.truthy(chat and not chat.ended)
    assert.truthy(page(own).body:find("End the chat with " .. chat.visitor.name, 1, true))
    press(own, "chats/end", "id=" .. chat.id)
    assert.equal(own.now, chat.ended)
    local response = press(own, "chats/end", "id=" .. chat.id, { ["x-sandbox-page"] = "1" })
    assert.truthy(response.body:find("has ended already", 1, true))
    local sent = own.control("GET", "deliveries").deliveries
    assert.same({ "chat_started", "chat_ended", nil },
      { sent[1].event_type, sent[2].event_type, sent[3] })
  end)

  it("switches faults on and off", function()
    local own = account.new()
    press(own, "faults/on", "fault=http500@every")
    press(own, "faults/on", "fault=%20slow=2@3%20")
    press(own, "faults/on", "fault=http418")
    assert.equal(500, (own.call("GET", "/agents")))
    local body = page(own).body
    assert.truthy(body:find('role="switch" aria-checked="true" aria-label="Every call answers 500"',
      1, true))
    assert.truthy(body:find('role="switch" aria-checked="true" aria-label="http418"', 1, true))
    assert.truthy(body:find("<bdi>met once</bdi>", 1, true))
    press(own, "faults/off", "fault=http500@every")
    press(own, "faults/off", "fault=http418")
    local left = own.control("GET", "faults").faults
    assert.same({ "slow=2@3", nil }, { left[1].fault, left[2] })
    for _ = 1, 200 do press(own, "faults/on", "fault=slow") end
    assert.equal(100, #own.control("GET", "faults").faults)
  end)

  it("turns the clock forward, for the limit and the deliveries", function()
    local own = account.new({ calls = 1 })
    own.call("GET", "/agents")
    assert.equal(429, (own.call("GET", "/agents")))
    press(own, "clock", "advance=60")
    assert.equal(200, (own.call("GET", "/agents")))
    assert.truthy(page(own).body:find("The clock is 1 minute ahead.", 1, true))
  end)
end)

describe("other sites", function()
  it("are told by the names of their hosts", function()
    for host, allowed in pairs { ["localhost"] = true, ["LOCALHOST:80"] = true,
      ["127.0.0.1:8080"] = true, ["[::1]"] = true, ["[::1]:8080"] = true,
      ["evil.example"] = false, ["127.0.0.1.evil.example:80"] = false, ["localhost.evil"] = false,
      ["xlocalhost"] = false, ["127.0.0.1x"] = false, ["[::1].evil"] = false, ["[::2]"] = false,
      [""] = false, ["127.0.0.1@evil"] = false, ["localhost:80:evil"] = false,
      ["localhost:x"] = false } do
      assert.equal(allowed, guard.refusal({ host = host }) == nil, host)
      local own = account.new()
      local response = own.service:handle({ method = "GET", path = "/", now = own.now,
        headers = { accept = "text/html", host = host } })
      assert.equal(allowed and 200 or 403, response.status, host)
    end
  end)

  it("may link to the page, and may do and read nothing", function()
    local own = account.new()
    local function ask(method, path, headers)
      headers.host = headers.host or "127.0.0.1:8080"
      return own.service:handle({ method = method, path = path, headers = headers, body = "",
        now = own.now }).status
    end
    local function from(origin, site)
      return { origin = origin, ["sec-fetch-site"] = site, accept = "text/html" }
    end
    assert.equal(200, ask("GET", "/", from(nil, "cross-site")))
    for _, site in ipairs { "cross-site", "same-site" } do
      assert.equal(403, ask("GET", "/_sandbox/page/events", from(nil, site)))
      assert.equal(403, ask("GET", "/_sandbox/state", from(nil, site)))
      assert.equal(403, ask("POST", "/_sandbox/page/chats/start", from(nil, site)))
      assert.equal(403, ask("POST", "/_sandbox/reset", from(nil, site)))
    end
    for _, origin in ipairs { "https://evil.example", "null", "http://127.0.0.1:8081",
      "http://localhost:8080", "http://127.0.0.1:8080.evil.example", "127.0.0.1:8080", "" } do
      assert.equal(403, ask("POST", "/_sandbox/page/chats/start", from(origin)), origin)
      assert.equal(403, ask("POST", "/_sandbox/reset", from(origin)), origin)
    end
    assert.equal(403, ask("POST", "/_sandbox/page/chats/start", {})) -- where from?
    assert.equal(403, ask("POST", "/_sandbox/reset", { host = "evil.example" }))
    assert.equal(62, #own.service.chats.order)
    for _, headers in ipairs { from("http://127.0.0.1:8080", "same-origin"),
      from("https://127.0.0.1:8080"), from(nil, "same-origin"), { ["x-sandbox-page"] = "1" } } do
      assert.truthy(ask("POST", "/_sandbox/page/chats/start", headers) ~= 403)
    end
    assert.equal(200, ask("POST", "/_sandbox/reset", {})) -- a program
  end)
end)
