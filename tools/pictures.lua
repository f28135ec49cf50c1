-- SPDX-License-Identifier: MIT
-- Takes the pictures for docs/: the local service's page, by a story in a real browser, and what
-- the command shows at a terminal:
--
--     eval "$(make -s env LUA_VERSION=5.4)" && lua5.4 tools/pictures.lua
package.path = "./?.lua;" .. package.path
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local browser = require "spec.browser"
local helper = require "spec.helper"

local function call(sandbox, method, path, fields)
  return assert(helper.http({ url = sandbox.url .. "/v2" .. path, method = method, headers = {
    Authorization = "Basic " .. base64.encode(sandbox.username .. ":" .. sandbox.api_key),
    ["Content-Type"] = "application/json" }, body = fields and json.encode(fields) or nil }))
end

local function play(sandbox, page)
  local receiver = helper.nginx({ http = [[server { listen 127.0.0.1:$PORT; location / {
    content_by_lua_block { met = (met or 0) + 1; return ngx.exit(met % 3 == 1 and 503 or 200) }
  } }]] })
  for event, data in pairs { ticket_created = "ticket", chat_started = "chat" } do
    assert(call(sandbox, "POST", "/webhooks", { event_type = event, data_types = { data },
      url = ("http://127.0.0.1:%d/livechat"):format(receiver.port) }).status == 200)
  end
  local _, list = nil, json.decode(call(sandbox, "GET", "/tickets").body)
  for round = 1, 60 do -- a script at work, with pauses
    local ticket = list.tickets[round % #list.tickets + 1]
    call(sandbox, "GET", "/tickets/" .. ticket.id)
    if round % 3 == 0 then
      call(sandbox, "PUT", "/tickets/" .. ticket.id .. "/tags", { tag = { "triaged" } })
    end
    if round % 20 == 10 then page:click("form[action$='/chats/start'] button") end
    if round == 57 then sandbox.control("POST", "faults", { fault = "http503" }) end
    helper.sleep(round % 7 == 0 and 2.5 or 0.25)
  end
  call(sandbox, "GET", "/tickets/0000")
  page:click("form[action$='/tickets'] button")
  page:wait_text("#said", "was created.")
  call(sandbox, "GET", "/tickets")
  helper.sleep(2.5)
end

-- ---- the terminal ------------------------------------------------------------------------------

local WORDS = {
  [[tickets create --requester.mail mary@example.com --subject "No sound" \
    --message "Since noon." --columns id,subject,status,date]],
  "tickets list --status open --limit 6",
  "reports get chats/total_chats --date_from 2025-12-05 --date_to 2025-12-14 --plot",
}

local STYLE = [[<meta charset="utf-8"><style>body { margin: 0; background: #15191e; color: #d8dee6 }
pre { margin: 0; padding: 22px 26px; font: 15px/1.42 "DejaVu Sans Mono", monospace }
i { font-style: normal; color: #7cc7a2 } b { color: #fff }</style><pre>]]

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- What is seen at a terminal of 88 columns, as a page.
local function terminal(sandbox)
  local out = { STYLE }
  for _, words in ipairs(WORDS) do
    local script = helper.folder() .. "/run"
    helper.write(script, "stty cols 88\nbin/livechat " .. words .. "\n")
    local _, text = helper.run(("env LIVECHAT_BASE_URL=%s LIVECHAT_USERNAME=%s LIVECHAT_API_KEY=%s "
      .. "TERM=xterm script -qec 'sh %s' /dev/null"):format(sandbox.url, sandbox.username,
      sandbox.api_key, script))
    text = escape(text:gsub("\r", "")):gsub("\27%[1m", "<b>"):gsub("\27%[0m", "</b>")
    out[#out + 1] = ("<i>$ livechat %s</i>\n%s\n"):format(escape(words), text)
  end
  return table.concat(out)
end

local ok, problem = xpcall(function()
  local sandbox = helper.sandbox({ seed = 110, speed = 20 })
  local page = browser.start()
  page:debug("Emulation.setScrollbarsHidden", { hidden = true })
  page:look(1180, 900, "light")
  page:open(sandbox.url .. "/")
  page:wait_text("#state", "live")
  play(sandbox, page)
  os.execute("mkdir -p docs")
  for _, scheme in ipairs { "light", "dark" } do
    page:look(1180, 900, scheme)
    helper.sleep(0.5)
    page:picture("docs/page-" .. scheme .. ".png")
  end
  local shown = helper.folder() .. "/terminal.html"
  helper.write(shown, terminal(helper.sandbox({ seed = 40 })))
  page:look(884, 636, "dark")
  page:open("file://" .. shown)
  page:picture("docs/terminal.png")
end, debug.traceback)
helper.cleanup()
assert(ok, problem)
