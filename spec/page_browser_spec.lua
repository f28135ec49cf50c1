-- SPDX-License-Identifier: MIT
-- once: starts a browser
--- The local service's page in a real browser: a story clicked through, the same without a mouse,
-- without scripts and in the dark; and its stream of events over real HTTP.
local socket = require "socket"
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local browser = require "spec.browser"
local helper = require "spec.helper"

local CREATE = "form[action$='/tickets'] button"
local START = "form[action$='/chats/start'] button"
local END = "form[action$='/chats/end'] button"
local SWITCH = "#faults tbody tr:first-child button"

local function call(sandbox, method, path, fields)
  return assert(helper.http({ url = sandbox.url .. "/v2" .. path, method = method, headers = {
    Authorization = "Basic " .. base64.encode(sandbox.username .. ":" .. sandbox.api_key),
    ["Content-Type"] = "application/json" }, body = fields and json.encode(fields) or nil }))
end

describe("the page in a browser", function()
  local page, sandbox

  setup(function()
    sandbox = helper.sandbox({ seed = 30, chats = 20 })
    page = browser.start()
  end)

  teardown(helper.cleanup)

  before_each(function()
    sandbox.control("POST", "reset")
    page:look(1280, 900, "light")
    page:open(sandbox.url .. "/")
    page:wait_text("#state", "live")
  end)

  after_each(function()
    assert.same({}, page:complaints())
  end)

  it("shows what a person does, and what comes of it", function()
    -- The receiver fails once.
    local receiver = helper.nginx({ http = [[server { listen 127.0.0.1:$PORT; location / {
      content_by_lua_block { met = (met or 0) + 1; return ngx.exit(met == 1 and 503 or 200) } } }]]
    })
    call(sandbox, "POST", "/webhooks", { event_type = "ticket_created", data_types = { "ticket" },
      url = ("http://127.0.0.1:%d/?token=sealed"):format(receiver.port) })
    page:wait_text("#webhooks", "?token=•••")
    page:fill("[name=subject]", "Where is my <b>bicycle</b>?")
    page:click(CREATE)
    assert.truthy(page:wait_text("#said", "was created."):find("^Ticket %w+ was created%.$"))
    page:wait_text("#tickets tbody tr:first-child", "Where is my <b>bicycle</b>?")
    page:wait_text("#deliveries tbody", "503")
    assert.truthy(page:wait_text("#deliveries tbody", "waiting"):find("ticket_created", 1, true))
    page:click("form[action$='/clock'] button[value='20']")
    page:wait_text("#clock-note", "20 seconds ahead")
    page:wait_text("#deliveries tbody", "delivered")
    assert.truthy(page:text("#deliveries ol"):find("^503[^\n]*\n?200"))

    local before = page:text("#chats .count")
    page:click(START)
    page:wait_text("#chats .count", tostring(tonumber(before) + 1))
    local label = page:named("#chats tbody tr:first-child button")
    assert.truthy(label:find("^End the chat with %a+"))
    page:click("#chats tbody tr:first-child button")
    page:wait_text("#said", "has ended.")
    page:wait_text("#chats tbody tr:first-child", "ended")
    page:wait_text("nav", "Webhooks 1")
  end)

  it("shows calls as they come, and the throttle filling", function()
    assert.equal("0 of 100 calls", page:text("#used"))
    for _ = 1, 40 do call(sandbox, "GET", "/tickets") end
    call(sandbox, "GET", "/tickets/none")
    page:wait_text("#used", "41 of 100 calls")
    assert.same({ "41", "410" }, page:run([[const bar = document.getElementById("bar");
      return [bar.getAttribute("aria-valuenow"), bar.firstElementChild.getAttribute("width")] ]]))
    local row = page:text("#calls tbody tr:first-child")
    assert.truthy(row:find("v2%s+GET%s+/tickets/none%s+404"), row)
    assert.equal(10, page:run("return document.querySelectorAll('#calls tbody tr').length"))
    for _ = 1, 62 do call(sandbox, "GET", "/agents") end
    page:wait_text("#used", "100 of 100 calls")
    page:wait_text("#refused", "3 refused with 429")
    page:wait_text("#said", "Calls are being refused with 429.")
    page:wait_text("#note", "the next call is accepted in")
    page:click("form[action$='/clock'] button[value='60']")
    page:wait_text("#used", "0 of 100 calls")
    page:click("#calls .more a")
    page:wait_text("#state", "live")
    page:wait_text("#calls .more", "of 103")
    assert.equal(50, page:run("return document.querySelectorAll('#calls tbody tr').length"))
  end)

  it("switches faults", function()
    page:click(SWITCH)
    page:wait_text("#said", "The fault http500@every is on.")
    page:wait_text("#faults .count", "1")
    assert.same({ "Every call answers 500", "switch" }, { page:named(SWITCH) })
    assert.equal("true", page:run("return document.querySelector(arguments[0]).ariaChecked",
      SWITCH))
    assert.equal(500, call(sandbox, "GET", "/tickets").status)
    page:wait_text("#calls tbody tr:first-child", "http500")
    page:wait_text("#faults tbody tr:first-child", "met once")
    page:click(SWITCH)
    page:wait_text("#faults .count", "0")
    assert.equal(200, call(sandbox, "GET", "/tickets").status)
    page:fill("[name=fault]:not([type=hidden])", "http418@every")
    page:click("#faults form.row button")
    page:wait_text("#faults tbody tr:last-child", "http418@every")
    page:fill("[name=fault]:not([type=hidden])", "no such <i>fault</i>")
    page:click("#faults form.row button")
    page:wait_text("#said", "no such fault: no such <i>fault</i>")
  end)

  it("stands still where it is told to", function()
    page:click("#pause")
    call(sandbox, "GET", "/tickets")
    helper.sleep(0.8)
    assert.equal("0 of 100 calls", page:text("#used"))
    page:click("#pause")
    page:wait_text("#used", "1 of 100 calls")
  end)

  it("needs no mouse", function()
    local function focus(what)
      return page:run("return document.activeElement." .. what)
    end
    page:press("tab")
    assert.equal("Skip to the lists", focus "textContent")
    page:press("enter")
    assert.equal("main", focus "id")
    page:open(sandbox.url .. "/")
    page:wait_text("#state", "live")
    page:press("tab", "tab")
    assert.equal("pause", focus "id")
    for _ = 1, 8 do page:press("tab") end
    assert.equal("subject", focus "name")
    page:press("tab", "enter", "tab", "tab", "tab", "tab", "enter") -- opens the details on its way
    page:wait_text("#said", "was created.")
    assert.equal("Create the ticket", focus "textContent")
    for _ = 1, 30 do
      if focus "ariaLabel" == "Every call answers 500" then break end
      page:press("tab")
    end
    assert.truthy(page:run([[const style = getComputedStyle(document.activeElement);
      return style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2]]))
    page:press("space")
    page:wait_text("#faults .count", "1")
    helper.sleep(0.5) -- the row is written anew, and keeps the focus
    assert.equal("Every call answers 500", focus "ariaLabel")
    assert.equal("true", focus "ariaChecked")
    page:click(START)
    page:run("document.querySelector(arguments[0]).focus()", END)
    page:press("enter") -- the button goes, the focus stays in its list
    page:wait_text("#said", "has ended.")
    helper.sleep(0.5)
    assert.equal("chats", page:run("return document.activeElement.closest('section').id"))
  end)

  it("tells a screen reader what is what", function()
    for selector, expected in pairs { header = "banner", main = "main", nav = "navigation",
      aside = "complementary", ["#bar"] = "meter", ["#said"] = "status", ["#calls"] = "region",
      ["#agents table"] = "table", ["#agents th"] = "columnheader", ["#tickets td"] = "cell",
      ["#tickets tbody tr"] = "row" } do
      local _, role = page:named(selector)
      assert.equal(expected, role, selector)
    end
    assert.equal("Lists", (page:named("nav")))
    assert.truthy(page:named("#agents table"):find("^Agents"))
    assert.equal("0 of 100 calls", page:run("return document.querySelector('#bar').ariaValueText"))
    local nameless = page:run([[return Array.from(document.querySelectorAll(
      "button, a, input:not([type=hidden]), textarea, summary, section, table")).filter((each) =>
        !(each.ariaLabel || each.textContent.trim() || (each.labels && each.labels.length)
          || each.hasAttribute("aria-labelledby"))).length]])
    assert.equal(0, nameless)
    assert.equal(0, page:run([[const ids = Array.from(document.querySelectorAll("[id]"),
      (each) => each.id); return ids.length - new Set(ids).size]]))
    assert.equal("en", page:run("return document.documentElement.lang"))
  end)

  it("can be read in light and dark, and on a small screen", function()
    page:click(START)
    call(sandbox, "GET", "/tickets/none")
    page:wait_text("#calls tbody", "404")
    helper.sleep(2) -- until nothing moves
    local grounds = {}
    for _, scheme in ipairs { "light", "dark" } do
      page:look(1280, 900, scheme)
      helper.sleep(0.3)
      local worst = page:run([[
        const parts = (color) => color.match(/[\d.]+/g).map(Number);
        const light = (color) => parts(color).slice(0, 3).reduce((sum, part, n) => {
          const share = part / 255;
          const linear = share <= .04045 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4;
          return sum + linear * [.2126, .7152, .0722][n];
        }, 0);
        const ground = (element) => {
          const color = getComputedStyle(element).backgroundColor;
          const seen = color !== "rgba(0, 0, 0, 0)" && !color.includes("/");
          return seen || !element.parentElement ? color : ground(element.parentElement);
        };
        let worst = [21, ""];
        for (const element of document.querySelectorAll("body *")) {
          const own = Array.from(element.childNodes).some((node) => node.nodeType === 3
            && node.textContent.trim());
          if (!own || element.closest("noscript, svg") || !element.checkVisibility()) continue;
          const both = [light(getComputedStyle(element).color), light(ground(element))].sort();
          const ratio = (Math.max(...both) + .05) / (Math.min(...both) + .05);
          if (ratio < worst[0]) worst = [ratio, element.outerHTML.slice(0, 120)];
        }
        return worst]])
      assert.is_true(worst[1] >= 4.5, scheme .. ": " .. worst[1] .. " " .. worst[2])
      grounds[scheme] = page:run("return getComputedStyle(document.body).backgroundColor")
    end
    assert.are_not.equal(grounds.light, grounds.dark)
    for _, width in ipairs { 320, 500, 760, 1024 } do
      page:look(width, 700)
      assert.equal(0, page:run([[return document.documentElement.scrollWidth
        - document.documentElement.clientWidth]]), width)
    end
    page:look(320, 700)
    assert.is_true(page:run([[return Array.from(document.querySelectorAll(
      "button, input:not([type=hidden])")).every((each) => {
        const box = each.getBoundingClientRect();
        return !each.checkVisibility() || box.left >= 0 && box.right <= innerWidth })]]))
  end)

  it("runs and moves nothing that others wrote", function()
    page:run("window.hit = 0; window.alert = () => { window.hit++ }")
    local evil = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>" ..
      "\226\128\174\27[2J</table></section>"
    call(sandbox, "POST", "/tickets", { subject = evil, message = ("x"):rep(100000),
      requester = { mail = "a@b.c", name = ("long"):rep(25000) } })
    call(sandbox, "POST", "/agents", { login = "<svg/onload=alert(3)>@x.y", name = evil })
    sandbox.control("POST", "trigger", { event_type = "chat_started", visitor = { name = evil } })
    call(sandbox, "GET", "/" .. "<img/src=x/onerror=alert(4)>")
    sandbox.control("POST", "faults", { fault = "redirect=javascript:alert(5)<b>" })
    for _ = 1, 2 do -- written by the script, then by the service
      page:wait_text("#tickets tbody tr:first-child", "<img src=x onerror=alert(1)>")
      page:wait_text("#agents", "<svg/onload=alert(3)>@x.y")
      page:wait_text("#chats tbody tr:first-child", "[RLO")
      page:wait_text("#calls", "<img/src=x/onerror=alert(4)>")
      page:wait_text("#faults", "javascript:alert(5)")
      assert.same({ 0, 0, 7 }, page:run([[return [window.hit || 0,
        document.querySelectorAll("img, body script, b b, main svg").length,
        document.querySelectorAll("section[id] > table").length] ]]))
      assert.equal(1280, page:run("return innerWidth"))
      assert.equal(0, page:run([[return document.documentElement.scrollWidth
        - document.documentElement.clientWidth]]))
      page:open(sandbox.url .. "/")
      page:wait_text("#state", "live")
    end
  end)

  it("asks no other place for anything", function()
    local places = page:run([[return Array.from(new Set(performance.getEntriesByType("resource")
      .map((entry) => new URL(entry.name).origin)))]])
    assert.same({ sandbox.url }, places)
    assert.equal(0, sandbox.control("GET", "calls").count) -- nor the API, for an icon
  end)

  it("is live wherever one looks, in many tabs and windows", function()
    local first = page:tabs()[1]
    for _, kind in ipairs { "tab", "window", "window", "window", "window", "window" } do
      page:new(kind)
      page:open(sandbox.url .. "/")
      page:wait_text("#state", "live")
    end
    local chats = tostring(tonumber(page:text("#chats .count")) + 1)
    page:click(START) -- the browser has connections left for it
    page:wait_text("#said", "has started.")
    page:wait_text("#chats .count", chats)
    for _, tab in ipairs(page:tabs()) do
      if tab ~= first then
        page:switch(tab)
        page:close_tab()
      end
    end
    page:switch(first)
    page:wait_text("#state", "live")
    page:wait_text("#chats .count", chats)
  end)

  it("works without scripts", function()
    page:debug("Emulation.setScriptExecutionDisabled", { value = true })
    finally(function() page:debug("Emulation.setScriptExecutionDisabled", { value = false }) end)
    page:open(sandbox.url .. "/")
    assert.truthy(page:text("#state"):find("^as it was at %d%d:%d%d:%d%d UTC$"))
    page:click(CREATE)
    page:wait_text("#said", "The ticket was created.")
    assert.truthy(page:text("#tickets tbody tr:first-child"):find("Where is my parcel?", 1, true))
    page:click(START)
    page:wait_text("#said", "A chat has started.")
    page:click(END)
    page:wait_text("#said", "The chat has ended.")
    page:click(SWITCH)
    page:wait_text("#said", "The fault is on.")
    assert.equal(500, call(sandbox, "GET", "/tickets").status)
    page:fill(".row input[name=advance]", "0")
    page:click(".row input[name=advance] ~ button, .row label + button")
    page:wait_text("#said", "By how many seconds?")
    page:complaints() -- of the status 400
    page:click("noscript a")
    page:wait_text("#calls tbody tr:first-child", "http500")
  end)

  it("finds the service again", function()
    local port = helper.free_port()
    local own = assert(require("livechat.sandbox.server").start({ port = port, seed = 1 }))
    page:open(own.url .. "/")
    page:wait_text("#state", "live")
    own.stop()
    page:wait_text("#state", "not connected")
    page:complaints() -- that the connection was refused
    own = assert(require("livechat.sandbox.server").start({ port = port, seed = 2 }))
    helper.defer(own.stop)
    page:wait_text("#state", "live", 20)
    page:wait_text("#tickets .count", "2")
    page:complaints()
  end)
end)

describe("the page's events over HTTP", function()
  local sandbox

  setup(function() sandbox = helper.sandbox({ seed = 2000, calls = false }) end)
  teardown(helper.cleanup)

  local function listen(query)
    local sock = assert(socket.connect("127.0.0.1", sandbox.port))
    sock:settimeout(5)
    assert(sock:send(("GET /_sandbox/page/events%s HTTP/1.1\r\nHost: localhost\r\n\r\n"):format(
      query or "")))
    return sock
  end

  -- The next event, decoded.
  local function event(sock)
    repeat
      local line = assert(sock:receive("*l"))
      local data = line:match("^data: (.*)$")
      if data then return json.fold(assert(json.decode(data))) end
    until false
  end

  it("come soon, also while another reader does not read", function()
    local slow = {}
    for i = 1, 40 do slow[i] = listen("?tickets=250&calls=250") end
    local quick = listen()
    assert.equal(2000, event(quick).tickets.total)
    for round = 1, 5 do
      local ids, began = {}, helper.now()
      for i = 1, 50 do
        ids[i] = json.decode(call(sandbox, "POST", "/tickets", { message = "x",
          requester = { mail = "a@b.c" } }).body).id
      end
      assert.is_true(helper.now() - began < 5)
      local last
      repeat
        local parts = event(quick)
        last = parts.tickets and parts.tickets.rows[1].id or last
      until last == ids[50]
      assert.is_true(helper.now() - began < 8, round)
    end
    for _, sock in ipairs(slow) do sock:close() end
    quick:close()
  end)

  it("are for a bounded number of readers, and those who leave make room", function()
    local readers, status = {}
    repeat
      readers[#readers + 1] = listen()
      status = readers[#readers]:receive("*l")
    until not status:find(" 200 ", 1, true) or #readers == 100
    assert.truthy(status:find(" 503 ", 1, true), status)
    for _, sock in ipairs(readers) do sock:close() end
    helper.wait_until(function()
      call(sandbox, "GET", "/agents") -- something to tell them
      local sock = listen()
      local line = sock:receive("*l")
      sock:close()
      return line:find(" 200 ", 1, true)
    end, 5, "room for a reader")
  end)
end)
