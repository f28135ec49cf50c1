-- SPDX-License-Identifier: MIT
-- Takes the pictures of the local service's page for docs/, by a story in a real browser:
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
end, debug.traceback)
helper.cleanup()
assert(ok, problem)
