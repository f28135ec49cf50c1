-- SPDX-License-Identifier: MIT
--- A durable queue of events: a folder in the manner of a maildir. (inbox_redis.lua has the same
--- verbs over Redis Streams.)
---
---   tmp/     what is being written                new/   what is to be handled
---   done/    ids of what was handled, empty       failed/ what no attempt could handle
---
--- An event is one file, whose name is its id. It stays in new/ under that name until it is
--- handled, so that a redelivery finds the name taken. Its first line is the event, every further
--- line tells what happened to it: attempts, why they failed, when the next is due. (The file's
--- time says that too; but only a file's owner may set it, and a group may share an inbox.)
---
--- The process that handles an event holds a lock on its file, which the kernel takes from one
--- that dies. Only the holder moves or removes a file of new/, and looks into done/ and failed/
--- first: a redelivery that was stored while its event went there ends here.
local core = require "livechat.core"
local disk = require "livechat.events.disk"
local errors = require "livechat.errors"
local history = require "livechat.events.history"
local holds = require "livechat.events.holds"
local inbox_folder = require "livechat.events.inbox_folder"
local inbox_queue = require "livechat.events.inbox_queue"
local json = require "livechat.json"
local options = require "livechat.options"
local wait = require "livechat.call.wait"

local is = options.is

local inbox = {
  REMEMBER = 7 * 3600, -- the service delivers an event again for six hours
}

local STALE_DRAFT = 3600
local SWEEP_EVERY = 600
local SLICE, IDLE_SLICE = 10, 2000 -- files that a claim looks at while it sweeps: 20 us; 4 ms
local QUEUE = 10000
local MAX_BYTES = 2 ^ 26 -- of events that wait for the disk

---@class livechat.FolderInbox: livechat.Inbox
---@field path string
---@field own table|nil the strategy of a loop that the library does not recognise
---@field reading livechat.Disk for everything but storing
---@field writing livechat.Disk
---@field queue livechat.InboxQueue
---@field sweeping { path: string, before: number, folder: userdata|nil }[] what is not done yet
local Inbox = { fault = "invalid" } -- the kind of error that a folder in trouble gives
Inbox.__index = Inbox

---@class livechat.Claim
---@field id string
---@field text string the event, as it was stored
---@field attempts integer this one included
---@field handled string[] the handlers that have already succeeded
---@field problem string|nil why the attempt could not be counted

local function explain(self, text)
  return "the inbox " .. self.path .. ": " .. text
end

function Inbox:__tostring()
  return "livechat.inbox: " .. self.path
end

-- ---- storing ---------------------------------------------------------------------------------

--- Looks at the folder before its first use, and again after it was missing.
---@return true|nil
---@return string|nil problem "missing", or a text
local function check(self)
  if not self.checked then
    local files = self.reading
    local found, problem = inbox_folder.check(files, self.path, self.folder_mode)
    if found == "parts" and files:run("exists", self.new) then -- its maker did not finish
      found, problem = inbox_folder.make(files, self.path, self.folder_mode)
    end
    if not found then
      return nil, problem == "missing" and problem or explain(self, problem)
    end
    self.checked = true
  end
  return true
end

--- Whether there is one. One that is only going to be made when the first event comes is not there.
---@return boolean|nil
---@return string|nil message
function Inbox:exists()
  self.checked = false
  local fine, problem = check(self)
  if problem == "missing" then return false end
  return fine, problem
end

--- In JSON a line end is never more than a blank. (Two plain searches take a tenth of the pattern's
--- time.)
local function one_line(text)
  if text:find("\n", 1, true) or text:find("\r", 1, true) then
    text = text:gsub("[\r\n]", " ")
  end
  return text
end

local function store(self, id, line, watch)
  return self.writing:watch(watch, "store", self.drafts, self.new, id, line, self.file_mode,
    self.done_with, self.failed)
end

local function is_too_much(self, line)
  local jobs, bytes = self.writing:load()
  return jobs >= self.queue_size or bytes > 0 and bytes + #line > MAX_BYTES
end

--- Stores an event, unless its id is known: handled less than seven hours ago, or in here. It is
--- on disk when this returns: synced, and its name too, which is what the call takes its time for.
---@param id string letters, digits, "-", "_" and "."
---@param text string JSON
---@param watch? fun(seconds: number) told how long it took; after three seconds, that it takes long
---@return "stored"|"known"|nil
---@return string|nil message
---@return "busy"|nil reason too much waits for the disk already: nothing was begun
function Inbox:store(id, text, watch)
  local line = one_line(text) .. "\n"
  if is_too_much(self, line) then
    return nil, explain(self, "too much waits for the disk"), "busy"
  end
  local usable, unusable = check(self)
  if not usable and unusable ~= "missing" then return nil, unusable end
  local stored, word, problem = store(self, id, line, watch)
  if word == "missing" then -- the first event, or the folder was removed
    self.checked = false
    usable, unusable = check(self)
    if not usable and unusable ~= "missing" then return nil, unusable end
    local made, reason = inbox_folder.make(self.reading, self.path, self.folder_mode)
    if not made then return nil, explain(self, reason) end
    stored, word, problem = store(self, id, line, watch)
  end
  if stored then
    return "stored"
  elseif word == "exists" then
    return "known"
  end
  return nil, explain(self, problem)
end

-- ---- handling --------------------------------------------------------------------------------

local function note(self, lock, entry)
  return self.reading:on(lock, "append", json.encode(entry) .. "\n")
end

local function let_go(self, lock)
  self.reading:on(lock, "close")
end

--- Fills in the claim for one file of new/.
---@return boolean taken
---@return string|nil problem nothing where another process has it, or it is not due, or gone
local function take_file(self, name, claim)
  local lock, text, problem = self.reading:run("take", self.new, name, self.done_with, self.failed)
  if not lock then
    return false, text ~= "busy" and text ~= "missing" and problem or nil
  end
  if not history.is_event(text) then
    let_go(self, lock)
    return false, "new/" .. name .. " is no event"
  end
  local told, now = history.read(text), core.now()
  if told.due and not inbox_queue.is_due(told.due, now) then
    let_go(self, lock)
    self.queue:put_off(name, #text, told.due)
    return false
  end
  -- Counted before it is handled: an event that kills its handler's process must not do so for
  -- ever. On a full disk it is handled uncounted, which may be what makes room.
  claim.id, claim.lock, claim.attempts = name, lock, told.attempts + 1
  claim.text, claim.handled = told.text, told.handled
  local noted, _
  noted, _, problem = note(self, lock, { began = now })
  claim.problem = not noted and explain(self, problem) or nil
  return true
end

--- Takes one file of new/ for this process.
---@return livechat.Claim|nil
---@return string|nil problem
local function take(self, name)
  local claim = holds.add({})
  local taken, problem = take_file(self, name, claim)
  if not taken then
    holds.remove(claim)
  end
  return taken and claim or nil, problem
end

--- The next event that is due, the oldest first, for this process alone; nothing where there is
--- none. It goes back by itself when the process ends.
---@return livechat.Claim|nil
---@return string|nil message
function Inbox:claim()
  local fine, problem = check(self)
  if not fine and problem ~= "missing" then return nil, problem end
  problem = nil
  self:sweep_some(SLICE)
  for _, again in ipairs { false, true } do
    if again then
      local looked, unread = self.queue:look()
      if not looked then return nil, explain(self, unread) end
    end
    local name = self.queue:next()
    while name do
      local claim, why = take(self, name)
      problem = problem or why
      if claim then
        return claim
      end
      name = self.queue:next()
    end
  end
  self:sweep_some(IDLE_SLICE)
  return nil, problem and explain(self, problem)
end

local function move(self, claim, folder, emptied)
  local moved, _, problem = self.reading:on(claim.lock, "move", self.new .. claim.id,
    folder .. claim.id, emptied)
  holds.remove(claim)
  return moved, problem and explain(self, problem)
end

--- The event is handled; its id is remembered, its content is not.
---@param claim livechat.Claim
---@return true|nil
---@return string|nil message
function Inbox:done(claim)
  return move(self, claim, self.done_with, true)
end

--- The event is to be handled again, not sooner than after so many seconds. Where that cannot be
--- noted this process keeps to it all the same.
---@param claim livechat.Claim
---@param seconds number
---@param report livechat.Report
---@return true|nil
---@return string|nil message
function Inbox:later(claim, seconds, report)
  local now = core.now()
  local due = now + math.min(seconds, inbox_queue.FARTHEST)
  local noted, _, problem = note(self, claim.lock, {
    failed = now, due = due, error = report.error, handled = json.array(report.handled),
  })
  self.reading:on(claim.lock, "touch", due)
  self.queue:put_off(claim.id, self.reading:on(claim.lock, "size"), due)
  let_go(self, claim.lock)
  holds.remove(claim)
  return noted, problem and explain(self, problem)
end

--- The event is not tried again by itself.
---@param claim livechat.Claim
---@param report livechat.Report
---@return true|nil
---@return string|nil message with true: the reason could not be noted
function Inbox:fail(claim, report)
  local noted, _, unnoted = note(self, claim.lock, {
    failed = core.now(), error = report.error, handled = json.array(report.handled),
  })
  local moved, problem = move(self, claim, self.failed)
  if not moved then
    return nil, problem
  end
  return true, not noted and explain(self, unnoted) or nil
end

--- Gives an event back as if it had not been claimed.
---@param claim livechat.Claim
---@return true|nil
---@return string|nil message
function Inbox:release(claim)
  local noted, _, problem = note(self, claim.lock, { released = core.now() })
  let_go(self, claim.lock)
  holds.remove(claim)
  return noted, problem and explain(self, problem)
end

-- ---- looking after it -------------------------------------------------------------------------

local function list_folder(self, folder, state, out)
  local found, word, problem = self.reading:run("list", folder)
  if not found then
    return word == "missing" or nil, problem
  end
  for _, entry in ipairs(found) do
    local text = self.reading:run("fetch", folder .. entry.name)
    if text then -- else it was handled meanwhile
      local told = history.read(text)
      out[#out + 1] = {
        id = entry.name, state = state, text = told.text,
        time = state == "pending" and told.due or entry.time,
        attempts = told.attempts, error = told.error,
      }
    end
  end
  return true
end

--- What is in here: { { id=, state="pending"|"failed", time=<epoch seconds: due, or failed>,
--- attempts=, error=<the last>, text= }, … }, the oldest first.
---@return table[]|nil
---@return string|nil message
function Inbox:list()
  local fine, unusable = check(self)
  if not fine then
    return unusable == "missing" and {} or nil, unusable
  end
  local out = {}
  for _, pair in ipairs { { self.new, "pending" }, { self.failed, "failed" } } do
    local listed, problem = list_folder(self, pair[1], pair[2], out)
    if not listed then
      return nil, explain(self, problem)
    end
  end
  return out
end

local function take_named(self, id)
  local fine, unusable = check(self)
  if not fine and unusable ~= "missing" then
    return nil, unusable
  end
  for _, folder in ipairs { self.failed, self.new } do
    local lock, word, problem = self.reading:run("lock", folder .. id)
    if lock then
      return lock, folder
    elseif word == "busy" then
      return nil, "event " .. id .. " is being handled now"
    elseif word ~= "missing" then
      return nil, explain(self, problem)
    end
  end
  return nil, "there is no event " .. id .. " in " .. self.path
end

local function check_id(id, fname)
  if type(id) ~= "string" or not id:find("^[%w_][%w_.-]*$") then
    errors.raise_argument("id", fname, "not an event's id")
  end
end

--- Makes an event due now; one that had failed gets all its attempts again.
---@param id string
---@return true|nil
---@return string|nil message
function Inbox:retry(id)
  check_id(id, "inbox:retry")
  local lock, folder = take_named(self, id)
  if not lock then
    return nil, folder
  end
  local noted, _, problem = note(self, lock, { retried = core.now() })
  if noted and folder == self.failed then
    noted, _, problem = self.reading:on(lock, "move", folder .. id, self.new .. id, false)
  else
    let_go(self, lock)
  end
  return noted, problem and explain(self, problem)
end

--- Takes an event out unhandled. Its id stays known, so that no redelivery brings it back.
---@param id string
---@return true|nil
---@return string|nil message
function Inbox:purge(id)
  check_id(id, "inbox:purge")
  local lock, folder = take_named(self, id)
  if not lock then
    return nil, folder
  end
  local moved, _, problem = self.reading:on(lock, "move", folder .. id, self.done_with .. id, true)
  return moved, problem and explain(self, problem)
end

--- Looks at the next few files of a sweep. What it works on is out of the list meanwhile: another
--- coroutine goes on with the rest, and one that never comes back leaves it to the next sweep.
local function sweep_slice(self, n)
  local part = table.remove(self.sweeping)
  if not part.folder then
    part.folder = self.reading:run("open", part.path)
  end
  if part.folder and self.reading:run("sweep", part.folder, part.before, n) then
    table.insert(self.sweeping, part)
  end
end

local function begin_sweep(self, now)
  self.swept = now
  self.sweeping = {
    { path = self.drafts .. "/", before = now - STALE_DRAFT },
    { path = self.done_with, before = now - inbox.REMEMBER },
  }
end

--- Forgets what was handled long ago and removes drafts whose writer died. `claim` does it from
--- time to time.
---@param now? number
function Inbox:sweep(now)
  begin_sweep(self, now or core.now())
  while #self.sweeping > 0 do
    sweep_slice(self, IDLE_SLICE)
  end
end

--- A part of that, where it is time: however much there is, a claim is not held up by it.
function Inbox:sweep_some(n)
  local now = core.now()
  if not self.swept or now - self.swept >= SWEEP_EVERY or now < self.swept then
    begin_sweep(self, now)
  end
  if #self.sweeping > 0 then
    sweep_slice(self, n)
  end
end

-- ---- making ----------------------------------------------------------------------------------

---@class livechat.InboxOptions
---@field path? string
---@field mode? string of the files, "0600"; "0660" shares them with a group
---@field queue? integer events (10000) of this process that may wait for the disk at once; of one
--- more `store` says at once that there are too many
---@field wait? fun(fd: integer, seconds: number) another event loop's way to wait, as a client's
---@field redis? livechat.Redis instead of a path
---@field stream? string its key there, "livechat:inbox"
---@field lease? number seconds (300) after which who has not finished an event is taken for dead

local RULES = {
  path = { is.path "the path of a folder expected", without = "redis" },
  mode = { is.permissions, with = "path" },
  queue = { is.whole, with = "path" },
  wait = { is.type "function", with = "path" },
  redis = is.redis,
  stream = { is.line "the name of a key expected", with = "redis" },
  lease = { is.seconds, with = "redis" },
}

--- An inbox over a folder, which is made when the first event comes, or over Redis. Nothing is
--- touched here.
---@param given string|livechat.InboxOptions the folder's path, or a table
---@param fname? string the function to blame for a bad option
---@return livechat.Inbox
function inbox.new(given, fname)
  fname = fname or "livechat.inbox"
  if type(given) ~= "string" and type(given) ~= "table" then
    errors.raise_argument("path", fname, "string or table expected, got " .. type(given))
  end
  given = type(given) == "string" and { path = given } or given
  options.must_fit(RULES, given, fname)
  if given.redis ~= nil then
    return require "livechat.events.inbox_redis".new(given)
  elseif given.path == nil then
    errors.raise_argument("path", fname, "the path of a folder expected")
  end
  local path = given.path
  local file_mode, folder_mode = inbox_folder.modes(given.mode or "0600")
  -- Threads for each: what is looked through for the handlers does not hold up what comes in.
  local own = given.wait and wait.foreign(given.wait)
  local writing, reading = disk.new(own), disk.new(own)
  return setmetatable({
    path = path, file_mode = file_mode, folder_mode = folder_mode,
    drafts = path .. "/tmp", new = path .. "/new/", done_with = path .. "/done/",
    failed = path .. "/failed/", queue_size = given.queue or QUEUE,
    writing = writing, reading = reading, queue = inbox_queue.new(reading, path .. "/new/"),
    sweeping = {}, own = own,
  }, Inbox)
end

return inbox
