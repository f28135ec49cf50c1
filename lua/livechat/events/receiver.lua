-- SPDX-License-Identifier: MIT
--- Webhook deliveries: size, decode, verify, identify, stored already? inbox or handlers, status.
---
--- No handler that has succeeded runs again for the same event. Without an inbox that is known for
--- as long as this process lives: each nginx worker is a process of its own, and what holds for all
--- of them is an inbox.
local clients = require "livechat.client"
local core = require "livechat.core"
local dispatch = require "livechat.events.dispatch"
local drain = require "livechat.events.drain"
local errors = require "livechat.errors"
local event = require "livechat.events.event"
local nginx = require "livechat.nginx"
local options = require "livechat.options"
local recent = require "livechat.events.recent"

local FNAME = "livechat.receiver"
local MAX_BODY = 2 ^ 20

---@class livechat.Receiver
local Receiver = {}
Receiver.__index = Receiver

-- ---- verifying -------------------------------------------------------------------------------

--- Compares with each of them, whatever the others gave: the time depends on the lengths alone.
local function equals_one(given, expected)
  local found = 0
  for i = 1, #expected do
    if core.equal(given, expected[i]) then
      found = found + 1
    end
  end
  return found > 0
end

--- The one value of a header; empty where it is missing or there are several.
local function header(headers, wanted)
  local found, count = "", 0
  for name, value in pairs(headers or {}) do
    if type(name) == "string" and name:lower() == wanted then
      local several = type(value) == "table"
      count = count + (several and #value or 1)
      found = several and value[1] or value
    end
  end
  return count == 1 and type(found) == "string" and found or ""
end

local function as_text(value)
  if type(value) == "number" then
    return ("%.0f"):format(value)
  end
  return type(value) == "string" and value or ""
end

--- The one value of a parameter of a query; empty where it is missing or there are several.
local function parameter(query, wanted)
  local found, count = "", 0
  for part in (query or ""):gmatch("[^&]+") do
    local name, value = part:match("^([^=]*)=?(.*)$")
    if name == wanted then
      found, count = value, count + 1
    end
  end
  found = found:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  return count == 1 and found or ""
end

--- All of them are compared, whatever the others gave.
---@return "token"|"basic_auth"|"license_id"|nil wrong the option that does not hold
function Receiver:verify(dialect, wire, headers, query)
  local wrong
  if self.license and not equals_one(as_text(dialect:account_of(wire)), self.license) then
    wrong = "license_id"
  end
  if self.basic then
    local given = header(headers, "authorization"):match("^[Bb][Aa][Ss][Ii][Cc] +(%S+)%s*$")
    if not equals_one(given or "", self.basic) then
      wrong = "basic_auth"
    end
  end
  local given = dialect.secret_in_query and parameter(query, dialect.secret_in_query)
    or not dialect.secret_in_query and as_text(wire[dialect.secret])
  if self.tokens and not equals_one(given, self.tokens) then
    wrong = "token"
  end
  return wrong
end

-- ---- handlers --------------------------------------------------------------------------------

--- Whether events of that type can come: an event that no handler listens to is lost in silence.
---@param kind string an event's type, or "*"
---@return boolean
---@return string|nil problem "is no event", perhaps with the name that was meant
function Receiver:knows(kind)
  local known, names = { ["*"] = true }, {}
  for _, dialect in ipairs(self.dialects) do
    for name in pairs(dialect.names) do
      known[name] = true
      names[#names + 1] = name
    end
  end
  if known[kind] then
    return true
  end
  return false, options.unknown(kind, names, "event")
end

local ON = { allow_unknown = options.is.type "boolean" }

--- Registers a handler. Those of one event run in the order of registration, and one that fails
--- does not keep the others from running.
---@param kind string an event's type, or "*" for every event
---@param handler fun(event: livechat.Event)
---@param given? { allow_unknown?: boolean } true: also for a type that the library does not know
---@return livechat.Receiver
function Receiver:on(kind, handler, given)
  if type(kind) ~= "string" or kind == "" then
    errors.raise_argument(1, "receiver:on", "an event's type or '*' expected")
  elseif type(handler) ~= "function" then
    errors.raise_argument(2, "receiver:on", "function expected, got " .. type(handler))
  elseif given ~= nil and type(given) ~= "table" then
    errors.raise_argument(3, "receiver:on", "table expected, got " .. type(given))
  end
  options.must_fit(ON, given or {}, "receiver:on")
  local known, problem = self:knows(kind)
  if not known and not (given and given.allow_unknown) then
    errors.raise_argument(1, "receiver:on", "'" .. kind .. "' " .. problem
      .. "; { allow_unknown = true } takes it all the same")
  end
  self.dispatcher:add(kind, handler)
  return self
end

Receiver.drain, Receiver.run = drain.drain, drain.run

-- ---- counting --------------------------------------------------------------------------------

---@class livechat.ReceiverStats what happened since this receiver was made, in this process
---@field came integer deliveries
---@field refused table<string, integer> deliveries answered with 400, 401 or 413, by the reason:
--- "too_large", "not_json", "token", "basic_auth", "license_id", "no_event"
---@field known integer deliveries of what was handled or stored already
---@field stored integer events that went into the inbox
---@field not_stored integer deliveries that an inbox in trouble did not take
---@field handled integer events whose handlers all succeeded
---@field failed integer attempts at events with a handler that failed

---@return livechat.ReceiverStats
function Receiver:stats()
  local copy = { refused = {} }
  for name, value in pairs(self.counts) do
    copy[name] = copy[name] or value
  end
  for reason, count in pairs(self.counts.refused) do
    copy.refused[reason] = count
  end
  return copy
end

local function count(self, name)
  self.counts[name] = self.counts[name] + 1
end

--- Refuses a delivery. Its content is not in the trace: it may be a stranger's.
local function refuse(self, status, reason, text)
  local refused = self.counts.refused
  refused[reason] = (refused[reason] or 0) + 1
  local what = status == 401 and "its " .. reason .. " is wrong" or text
  self.dispatcher:trace(reason, "livechat: a delivery was refused with " .. status .. ": " .. what)
  return status, text .. "\n"
end

--- What a delivery gets whose body is not even read, because it is larger than `max_body`.
---@return integer status
---@return string text
function Receiver:refuse_size()
  count(self, "came")
  return refuse(self, 413, "too_large", "larger than " .. self.max_body .. " bytes")
end

-- ---- what this process has handled ------------------------------------------------------------

-- Two generations, each of at most so many ids and seven hours: an id is forgotten seven hours
-- after it was last seen, or later, or when there are too many.
local GENERATION = 50000
local REMEMBER = 7 * 3600

-- Of each id either true, for what was handled, or what has become of it so far.
local function recall(self, id)
  local memory, now = self.memory, core.clock()
  if memory.count >= GENERATION or now - memory.began > REMEMBER then
    memory.old, memory.young, memory.count, memory.began = memory.young, {}, 0, now
  end
  local state = memory.young[id]
  if not state then
    state = memory.old[id] or { succeeded = {} }
    memory.young[id], memory.count = state, memory.count + 1
  end
  return state
end

-- A delivery that handles an event may never come back to it: nginx drops the light thread of a
-- client that went away, a program drops its coroutine. So a delivery does not hold its event by a
-- mark, which would stay, but by a table that nothing but its own stack refers to: when the
-- collector has taken that, the event is free. A coroutine that its program keeps and never resumes
-- holds it no longer than this.
local LONGEST_HOLD = 3600
local COLLECT_FOR = 0.005 -- seconds that a redelivery may spend on finding out
local WEAK = { __mode = "v" }

--- Two whole cycles, because one that is under way may have seen the table already; or a part of
--- that where there is much memory to look through. The next redelivery goes on with it.
local function collect()
  local due, cycles = core.clock() + COLLECT_FOR, 0
  repeat
    cycles = cycles + (collectgarbage("step", 16) and 1 or 0)
  until cycles == 2 or core.clock() > due
end

local function is_held(state)
  local hold = state.hold
  if not hold or not hold.holder or core.clock() - hold.since > LONGEST_HOLD then
    return false
  end
  collect()
  return hold.holder ~= nil
end

local function id_of(self, dialect, wire, members)
  local id, subject = dialect:identify(wire, members)
  return subject and self.recent:name(id, subject) or id
end

--- Without an inbox.
local function handle_now(self, dialect, wire, token)
  local members = self.dispatcher:read(dialect, wire)
  local id = id_of(self, dialect, wire, members)
  local state = recall(self, id)
  if state == true then
    count(self, "known")
    return 200, "handled already\n"
  elseif is_held(state) then -- in another coroutine; if that fails it must come again
    return 500, "it is being handled\n"
  end
  local made, holder = dialect:event(wire, id, {
    client = self.client, token = token, connect = self.connect }, members), {}
  local hold = setmetatable({ holder = holder, since = core.clock() }, WEAK)
  state.hold = hold
  local problem, interrupted = self.dispatcher:run(made, state.succeeded)
  if state.hold == hold and hold.holder == holder then -- else another delivery took it over
    state.hold = nil
  end
  if interrupted then
    error(problem, 0)
  elseif problem then
    count(self, "failed")
    return 500, "a handler failed\n"
  end
  count(self, "handled")
  self.memory.young[id] = true
  return 200, "handled\n"
end

local SLOW = 1 -- seconds

local function store(self, id, text)
  local dispatcher = self.dispatcher
  local stored, problem, reason = self.inbox:store(id, text, function(seconds)
    if seconds > SLOW then
      dispatcher:trace("slow", ("livechat: storing event %s takes long: %.1f s so far")
        :format(id, seconds))
    end
  end)
  if stored then
    count(self, stored)
    return 200, stored == "stored" and "stored\n" or "known already\n"
  end
  count(self, "not_stored")
  local line = "livechat: event " .. id .. " was not stored: " .. problem
  if reason == "busy" then -- as often as there are deliveries
    dispatcher:trace(reason, line)
    return 503, "too much waits to be stored\n"
  end
  dispatcher:report(line)
  return 500, "it could not be stored\n"
end

-- ---- receiving -------------------------------------------------------------------------------

--- The first that the body is an event of; for what is none, the first.
local function dialect_of(self, wire)
  for _, dialect in ipairs(self.dialects) do
    if dialect.is(wire) then
      return dialect
    end
  end
  return self.dialects[1]
end

--- Receives one delivery. Never raises for what is in it.
---@param body string
---@param headers? table<string, string|string[]> names in any case
---@param query? string that of the request's URL, as it came: where HelpDesk's deliveries have the
--- token, as in "token=…"
---@return integer status 200: handled, stored or known; 400: not a webhook; 401: not from the
--- service; 413: larger than max_body; 500: not handled or stored, to be delivered again; 503: the
--- same, because more waits for the inbox's disk than it may
---@return string text one line, for the log of the sender
function Receiver:handle(body, headers, query)
  if type(body) ~= "string" then
    errors.raise_argument("body", "receiver:handle", "string expected, got " .. type(body))
  elseif query ~= nil and type(query) ~= "string" then
    errors.raise_argument("query", "receiver:handle", "string expected, got " .. type(query))
  end
  if #body > self.max_body then
    return self:refuse_size()
  end
  count(self, "came")
  local wire, problem = event.decode(body)
  if not wire then
    return refuse(self, 400, "not_json", "not a webhook: " .. problem)
  end
  local dialect = dialect_of(self, wire)
  local wrong = self:verify(dialect, wire, headers, query)
  if wrong then
    return refuse(self, 401, wrong, "wrong token or credentials")
  end
  problem = dialect:problem(wire)
  if problem then
    return refuse(self, 400, "no_event", "not a webhook: " .. problem)
  end
  local token = dialect.secret and wire[dialect.secret]
  if dialect.secret then wire[dialect.secret] = nil end
  if self.inbox then
    return store(self, id_of(self, dialect, wire), event.pack(dialect, wire))
  end
  return handle_now(self, dialect, wire, type(token) == "string" and token or nil)
end

local TRIES = 4 -- at an event that nothing delivers again

--- Looks for what is new by itself, where no webhook can arrive, and has it handled or stored as an
--- event: for ever, or until something goes wrong, which it raises. Without an inbox an event whose
--- handlers fail is tried again after `poll` seconds, four times in all; with one it is tried until
--- it is stored.
---@param client livechat.Client
---@param given table as `client.tickets:watch` takes it: state, poll, a filter
function Receiver:watch(client, given)
  local conn = clients.connection(client, "receiver:watch")
  local dialect = event.watched(client, self.dialects)
  for thing in client[dialect.watched.resource]:watch(given) do
    local wire = dialect.watched.wire(thing:raw())
    local tries, status = 0, nil
    repeat
      if status and not conn:sleep(given.poll or 60) then -- so that it is not noted as given
        errors.throw(errors.new { kind = "closed", message = "the client was closed in a watch" })
      end
      count(self, "came")
      tries = tries + 1
      if self.inbox then
        status = store(self, dialect:identify(wire), event.pack(dialect, wire))
      else
        status = handle_now(self, dialect, wire)
      end
    until status == 200 or not self.inbox and tries == TRIES
  end
end

-- ---- making ----------------------------------------------------------------------------------

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    for place = 3, 0, -1 do
      local digit = math.floor(bits / 64 ^ place) % 64 + 1
      out[#out + 1] = ALPHABET:sub(digit, digit)
    end
    if not c then out[#out] = "=" end
    if not b then out[#out - 1] = "=" end
  end
  return table.concat(out)
end

local function tokens_of(token)
  local list = type(token) == "table" and token or { token or nil }
  local made = {}
  for i = 1, #list do made[i] = list[i] end
  return #made > 0 and made or nil
end

local function is_token(value)
  local list = tokens_of(value)
  for i = 1, list and #list or 0 do
    if type(list[i]) ~= "string" or list[i] == "" then list = nil break end
  end
  return value == false or list ~= nil,
    "a string, a list of strings or false expected; none may be empty"
end

local function is_basic_auth(value)
  if type(value) ~= "table" or type(value.user) ~= "string" or type(value.password) ~= "string" then
    return false, "{ user=, password= } expected"
  end
  return not value.user:find(":", 1, true) and value.password ~= "",
    "a user without ':' and a password that is not empty expected"
end

local RULES = {
  token = is_token, basic_auth = is_basic_auth,
  license_id = function(value)
    return type(value) == "string" or type(value) == "number",
      "string expected, got " .. type(value)
  end,
  max_body = function(value) return (options.is.whole(value)), "a number of bytes expected" end,
  client = function(value) return type(value) == "table", "a client expected" end,
  inbox = function(value)
    return type(value) == "table" and type(value.store) == "function", "an inbox expected"
  end,
  on_error = options.is.type "function",
}

---@class livechat.ReceiverOptions
---@field token? string|string[]|false the registration's; false accepts any
---@field basic_auth? { user: string, password: string } where the registered URL carries them
---@field license_id? string
---@field max_body? integer bytes; 2^20
---@field client? livechat.Client makes event.ticket a live one
---@field inbox? livechat.Inbox
---@field on_error? fun(text: string, event: livechat.Event|nil) a handler failed (with its
--- traceback), or the inbox; by default the program's error log

--- A receiver of webhook deliveries.
---@param given livechat.ReceiverOptions
---@param dialects livechat.EventDialect[]
---@param connect? fun(token: string, api: string): livechat.Client for events without a client
---@return livechat.Receiver
local function new(given, dialects, connect)
  options.must_fit(RULES, given, FNAME)
  if given.token == nil and given.basic_auth == nil then
    errors.raise_argument("token", FNAME, "neither token nor basic_auth is given: anyone could "
      .. "send events; write token = false to accept them")
  end
  local auth = given.basic_auth
  return setmetatable({
    tokens = tokens_of(given.token),
    basic = auth and { base64(auth.user .. ":" .. auth.password) },
    license = given.license_id and { as_text(given.license_id) },
    max_body = given.max_body or MAX_BODY,
    client = given.client, inbox = given.inbox, dialects = dialects, connect = connect,
    counts = { came = 0, refused = {}, known = 0, stored = 0, not_stored = 0, handled = 0,
      failed = 0 },
    dispatcher = dispatch.new(given.on_error or nginx.log),
    recent = recent.new(),
    memory = { young = {}, old = {}, count = 0, began = core.clock() },
  }, Receiver)
end

return { new = new }
