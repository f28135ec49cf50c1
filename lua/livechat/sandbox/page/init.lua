-- SPDX-License-Identifier: MIT
--- The page at `/`, for people who would rather look than read: what the service holds and what
-- happens in it, as it happens, and a few buttons. It works without scripts too, as it was when it
-- was loaded. It asks nothing of any other place, and says so in its Content-Security-Policy.
--
-- GET  /                        to those who accept text/html; ?tickets=50&calls=50: so many rows
-- GET  /_sandbox/page/FILE      page.js, page.css, icon.svg
-- GET  /_sandbox/page/events    what changes, as server-sent events (reader.lua)
-- POST /_sandbox/page/VERB      a button (actions.lua): answers a form with the page, the script
--                               with {"ok": …, "said": …}
local json = require "livechat.json"
local form = require "livechat.sandbox.form"
local process = require "livechat.nginx_process"
local actions = require "livechat.sandbox.page.actions"
local document = require "livechat.sandbox.page.document"
local guard = require "livechat.sandbox.guard"
local Reader = require "livechat.sandbox.page.reader"
local view = require "livechat.sandbox.page.view"

local page = {}

local PREFIX = "/_sandbox/page/"
local ROWS = { 10, 50, 250 } -- of a list; building 1000 would keep nginx for 50 ms

local HEADERS = {
  ["Cache-Control"] = "no-store",
  ["Content-Security-Policy"] = "default-src 'none'; script-src 'self'; style-src 'self'; " ..
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; " ..
    "frame-ancestors 'none'",
  ["Cross-Origin-Opener-Policy"] = "same-origin",
  ["Cross-Origin-Resource-Policy"] = "same-origin",
  ["Referrer-Policy"] = "same-origin", -- "no-referrer" would hide a form's origin from us, too
  ["X-Content-Type-Options"] = "nosniff",
  ["Vary"] = "Accept",
}

-- Read while the service starts: a worker of nginx waits for no disk.
local HERE = debug.getinfo(1, "S").source:match("^@(.*)init%.lua$")
local FILES = {}
for name, kind in pairs { ["page.js"] = "text/javascript", ["page.css"] = "text/css",
  ["icon.svg"] = "image/svg+xml" } do
  FILES[name] = { kind = kind, body = assert(process.read(HERE .. name), name .. " is missing") }
end

local function respond(status, kind, body, more)
  local response = { status = status, body = body, headers = {} }
  for name, value in pairs(HEADERS) do response.headers[name] = value end
  for name, value in pairs(more or {}) do response.headers[name] = value end
  response.headers["Content-Type"] = kind .. "; charset=utf-8"
  return response
end

-- How many rows of each list the query asks for.
local function limits_of(query)
  local asked, limits = form.decode(query or "") or {}, {}
  for _, each in ipairs(view.LISTS) do
    local wanted = type(asked[each.name]) == "string" and asked[each.name]:match("^%d+$")
    limits[each.name] = ROWS[1]
    for _, rows in ipairs(ROWS) do
      if tonumber(wanted or 0) >= rows then limits[each.name] = rows end
    end
  end
  return limits
end

--- Everything that the page shows, by name.
local function parts(service, limits, now)
  local all = {}
  for name in pairs(view.VALUES) do all[name] = view.build(service, name, 0, now) end
  for _, each in ipairs(view.LISTS) do
    all[each.name] = view.build(service, each.name, limits[each.name], now)
  end
  return all
end

local function show(service, request, now, status, said)
  local limits = limits_of(status == 200 and request.query or "")
  return respond(status, "text/html", document.write(parts(service, limits, now), {
    now = now, limits = limits, fewest = ROWS[1], most = ROWS[#ROWS], said = said,
    failed = status ~= 200 }))
end

local function events(service, request)
  local reader = Reader.new(service, limits_of(request.query))
  if not reader then return respond(503, "text/plain", "too many are looking on\n") end
  local response = respond(200, "text/event-stream", "")
  response.wire, response.reader = "events", reader
  return response
end

local function file(name)
  local found = FILES[name]
  if not found then return respond(404, "text/plain", "there is no such part of the page\n") end
  return respond(200, found.kind, found.body)
end

local function act(service, request, now, verb)
  local scripted = request.headers["x-sandbox-page"] ~= nil
  local fields, message = form.decode(request.body or "")
  local said
  if fields then said, message = actions.RUN[verb](service, fields, now) end
  if scripted then
    return respond(200, "application/json", json.encode({ ok = said ~= nil,
      said = said or message }))
  elseif said then
    return respond(303, "text/plain", said .. "\n", { Location = "/?done=" .. verb })
  end
  return show(service, request, now, 400, message)
end

--- Whether a request is the page's: an API never answers HTML.
---@param request table as for Service:handle
function page.is_asked(request)
  if request.path:sub(1, #PREFIX) == PREFIX then return true end
  return request.path == "/" and (request.method == "GET" or request.method == "HEAD")
    and (request.headers.accept or ""):find("text/html", 1, true) ~= nil
end

--- What a service keeps of those who look on.
page.readers = Reader.none

---@param service table Service
---@param request table as for Service:handle
---@param now number the service's own time
---@return table response
function page.handle(service, request, now)
  local name = request.path ~= "/" and request.path:sub(#PREFIX + 1) or nil
  local verb = request.method == "POST" and name
  local message
  if name then
    message = (verb and guard.refusal_of_act or guard.refusal)(request.headers)
  else
    message = guard.refusal({ host = request.headers.host }) -- a link may come from anywhere
  end
  if message then return respond(403, "text/plain", message .. "\n") end
  if verb then
    if not actions.RUN[verb] then return file("") end
    return act(service, request, now, verb)
  elseif request.method ~= "GET" and request.method ~= "HEAD" then
    return respond(405, "text/plain", "GET or POST\n", { Allow = "GET, HEAD, POST" })
  elseif name == "events" then
    return events(service, request)
  elseif name then
    return file(name)
  end
  local done = (request.query or ""):match("^done=([%w/]+)$")
  return show(service, request, now, 200, actions.DONE[done or ""])
end

return page
