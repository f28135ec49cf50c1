-- SPDX-License-Identifier: MIT
--- `livechat doctor`: what works on this machine, what does not, and how to mend it.
local account = require "livechat.cli.account"
local client_of = require "livechat.client".connection
local core = require "livechat.core"
local credentials = require "livechat.credentials"
local display = require "livechat.cli.display"
local json = require "livechat.json"
local livechat = require "livechat"
local process = require "livechat.nginx_process"
local request = require "livechat.call.request"
local retry = require "livechat.call.retry"

local CLOCK = 60 -- seconds by which it may be wrong

local checks = {}

-- Each check: "ok", "note" (works, or is not used) or "bad"; what was found; how to mend it.

function checks.versions()
  local lua = rawget(_G, "jit") and rawget(_G, "jit").version or _VERSION
  local fine, cjson = pcall(require, "cjson")
  return "ok", ("livechat %s, %s, lua-cjson %s"):format(livechat._VERSION, lua,
    fine and cjson._VERSION or "?")
end

function checks.libcurl()
  local fine, problem = pcall(require, "livechat.engine")
  if fine then return "ok", "the engine is loaded" end
  return "bad", tostring(problem):match("^[^\n]*"), "install libcurl (Debian: libcurl4)"
end

function checks.credentials(state)
  local shell = state.shell
  local data, problem = credentials.load(shell.getenv)
  if not data then return "bad", problem, "mend the file, or say livechat login again" end
  local told = {}
  local quiet = setmetatable({ say = function(text) told[#told + 1] = text end },
    { __index = shell })
  local client = account.client(quiet, state.given, { deadline = 20, retry = false,
    throttle = false })
  if not client then
    return "bad", told[1] or "not signed in", "say livechat login"
  end
  state.client, state.conn = client, client_of(client, "livechat doctor")
  local name = state.conn.account and state.conn.account:match("\n(.*)$")
  return "ok", name and "of " .. name or "an access token"
end

local function is_certificate(message)
  message = message:lower()
  return message:find("certificate", 1, true) or message:find("ssl", 1, true)
end

-- One list of each service that the API consists of: those that any account may read.
local PROBES = { "agents", "teams" }

local function has_resource(conn, name)
  for _, api in ipairs(conn.dialects) do
    if api.resources[name] then return true end
  end
  return false
end

-- What is wrong where a call failed, and how to mend it.
local function blame(err)
  local said = tostring(err)
  if err.kind == "auth" then
    return said, "the key was refused: say livechat login with a new one"
  elseif err.kind == "network" and is_certificate(said) then
    return said, "install ca-certificates, or name the bundle with ca_file"
  end
  return said, "look at the network, a proxy (option proxy) and LIVECHAT_BASE_URL"
end

function checks.service(state)
  if not state.client then return "note", "not asked: not signed in" end
  local conn = state.conn
  local call = conn.call
  conn.call = function(self, spec) -- keeps the header lines, for what else is looked at
    local answer, err = call(self, spec)
    state.headers = answer and answer.headers or state.headers
    return answer, err
  end
  local began = core.clock()
  for _, name in ipairs(PROBES) do
    local list, err = true, nil
    if has_resource(conn, name) then list, err = state.client[name]:list() end
    if not list and not (err.status and err.status < 500 and err.kind ~= "auth") then
      return "bad", blame(err)
    end
  end
  return "ok", ("%s answers, in %.0f ms (API %s)"):format(conn.base_url,
    (core.clock() - began) * 1000, conn.dialects[1].name)
end

function checks.TLS(state)
  if not state.conn then return "note", "not asked: not signed in" end
  if state.conn.base_url:find("^https:") then
    return state.headers and "ok" or "note",
      state.headers and "the certificate is trusted" or "no answer to tell by"
  end
  local here = state.conn.base_url:find("^http://127%.") or state.conn.base_url:find("localhost")
  return here and "note" or "bad", "plain http: the credentials go in clear text",
    not here and "say https:// in LIVECHAT_BASE_URL" or nil
end

function checks.clock(state)
  local date = state.headers and request.header(state.headers, "Date")
  local theirs = date and retry.http_date(date, core.now())
  if not theirs then return "note", "no answer to compare it with" end
  local off = core.now() - theirs
  if math.abs(off) <= CLOCK then return "ok", "as the service's" end
  return "bad", ("%.0f s %s the service's"):format(math.abs(off), off > 0 and "before" or "behind"),
    "set the time (timedatectl set-ntp true)"
end

function checks.throttle(state)
  local path = state.shell.getenv("LIVECHAT_THROTTLE")
  if not path or path == "" then
    return "note", "each command counts for itself; LIVECHAT_THROTTLE=FILE shares a count"
  elseif not core.spool.exists(path) then
    return "note", path .. " is not there yet: the first call makes it"
  end
  local throttle, err = livechat.throttle { path = path }
  local now = throttle and throttle:state()
  if now then return "ok", ("%s: %d of %d used"):format(path, now.used, now.calls) end
  return "bad", tostring(err or path .. " cannot be read"), "remove the file, or name another"
end

function checks.inbox(state)
  local path = state.shell.getenv("LIVECHAT_INBOX")
  if not path or path == "" then return "note", "LIVECHAT_INBOX names none" end
  local there, problem = livechat.inbox(path):exists()
  if there then return "ok", path end
  if problem then return "bad", problem, "give the folder to the user who runs this" end
  return "note", path .. " is not there yet: the first event makes it"
end

function checks.nginx()
  local nginx, problem = process.find()
  if nginx then return "ok", nginx.binary .. " has the Lua module" end
  return "note", problem, "needed for livechat listen and sandbox alone"
end

-- Whether a Lua finds the core where this one has found it.
local function loads(program, version)
  local path = package.searchpath and package.searchpath("livechat.core", package.cpath)
  if not path then
    for template in package.cpath:gmatch("[^;]+") do
      local name = template:gsub("%?", "livechat/core")
      if not path and process.read(name) then path = name end
    end
  end
  local before, after = (path or ""):match("^(.*/)5%.%d(/livechat/core%.so)$")
  if not before then return nil end
  return process.execute(("%s -e %s >/dev/null 2>&1"):format(program, process.quote(
    ("assert(package.loadlib(%q, 'luaopen_livechat_core'))"):format(before .. version .. after))))
end

function checks.Luas()
  local built, not_built = {}, {}
  for _, row in ipairs { { "lua5.1", "5.1" }, { "lua5.2", "5.2" }, { "lua5.3", "5.3" },
    { "lua5.4", "5.4" }, { "luajit", "5.1" } } do
    if process.execute("command -v " .. row[1] .. " >/dev/null") then
      local list = loads(row[1], row[2]) and built or not_built
      list[#list + 1] = row[1]
    end
  end
  local found = "built for " .. (#built > 0 and table.concat(built, ", ") or "this one")
  if #not_built == 0 then return "ok", found end
  return "note", found .. "; not for " .. table.concat(not_built, ", "),
    "make install LUA_VERSION=… where its headers are"
end

local ORDER = { "versions", "libcurl", "credentials", "service", "TLS", "clock", "throttle",
  "inbox", "nginx", "Luas" }

local function tell(shell, found)
  local mark = found.state == "bad" and "BAD " or found.state == "ok" and "ok  " or "-   "
  shell.out(("%s%-12s %s\n"):format(mark, found.check, display.visible(found.found)))
  if found.mend then shell.out((" "):rep(17) .. "mend: " .. found.mend .. "\n") end
end

local doctor = {
  summary = "tell what works on this machine, what does not, and how to mend it",
  usage = "",
  example = "livechat doctor",
  options = { { name = "json", kind = "flag", help = "for programs" }, account.OPTIONS[1],
    account.OPTIONS[2] },
}

function doctor.run(given, rest, shell)
  if #rest > 0 then return nil, "no argument expected: " .. rest[1] end
  local state, list, bad = { shell = shell, given = given }, json.array {}, false
  for i, name in ipairs(ORDER) do
    local word, text, mend = checks[name](state)
    list[i] = { check = name, state = word, found = text, mend = mend }
    bad = bad or word == "bad"
    if not given.json then tell(shell, list[i]) end
  end
  if given.json then shell.out(json.encode(list) .. "\n") end
  if state.client then state.client:close() end
  return bad and 1 or 0
end

return { doctor = doctor }
