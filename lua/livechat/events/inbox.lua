-- SPDX-License-Identifier: MIT
--- A durable queue of events: a folder in the manner of a maildir. (inbox_redis.lua has the same
--- verbs over Redis Streams.)
---
---   tmp/     what is being written                new/   what is to be handled
---   done/    ids of what was handled, empty       failed/ what no attempt could handle
---
--- An event is one file, whose name is its id. It stays in new/ under that name until it is
--- handled, so that a redelivery finds the name taken. Its first line is the event, every further
--- line tells what happened to it: an attempt that began, one that failed, why, and when the next
--- is due. (The file's time says that too, for a look at many files; but only a file's owner may
--- set it, and the users of a group may share an inbox.)
---
--- The process that handles an event holds a lock on its file. The kernel takes the lock from a
--- process that dies, however it dies and whichever process gets its number next. Only the holder
--- moves or removes a file of new/, and looks into done/ and failed/ before it begins: a redelivery
--- that was stored in the moment in which its event went there ends here.
local core = require "livechat.core"
local errors = require "livechat.errors"
local inbox_folder = require "livechat.events.inbox_folder"
local json = require "livechat.json"
local options = require "livechat.options"

local is, spool = options.is, core.spool

local inbox = {
  REMEMBER = 7 * 3600, -- the service delivers an event again for six hours
}

-- No event waits longer than the longest pause between two attempts: a file whose time lies farther
-- ahead was written before the clock was set back.
local FARTHEST = 3600
local STALE_DRAFT = 3600
local SWEEP_EVERY = 600

---@class livechat.FolderInbox: livechat.Inbox
---@field path string
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
    local found, problem = inbox_folder.check(self.path, self.folder_mode)
    if found == "parts" and spool.exists(self.new) then -- a process that made it did not finish
      found, problem = inbox_folder.make(self.path, self.folder_mode)
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
  if problem == "missing" then
    return false
  end
  return fine, problem
end

local function is_known(self, id)
  return spool.exists(self.new .. id) or spool.exists(self.done_with .. id)
    or spool.exists(self.failed .. id)
end

--- In JSON a line end is never more than a blank. (Two plain searches take a tenth of the pattern's
--- time.)
local function one_line(text)
  if text:find("\n", 1, true) or text:find("\r", 1, true) then
    text = text:gsub("[\r\n]", " ")
  end
  return text
end

--- Stores an event, unless its id is known: handled less than seven hours ago, or in here. It is
--- on disk when this returns: synced, and its name too, which is what the call takes its time for.
---@param id string letters, digits, "-", "_" and "."
---@param text string JSON
---@return "stored"|"known"|nil
---@return string|nil message
function Inbox:store(id, text)
  local usable, unusable = check(self)
  if not usable and unusable ~= "missing" then
    return nil, unusable
  elseif is_known(self, id) then
    return "known"
  end
  local line = one_line(text) .. "\n"
  local stored, word, problem = spool.store(self.drafts, self.new, id, line, self.file_mode)
  if word == "missing" then -- the first event, or the folder was removed
    self.checked = false
    usable, unusable = check(self)
    if not usable and unusable ~= "missing" then
      return nil, unusable
    end
    local made, reason = inbox_folder.make(self.path, self.folder_mode)
    if not made then
      return nil, explain(self, reason)
    end
    stored, word, problem = spool.store(self.drafts, self.new, id, line, self.file_mode)
  end
  if stored then
    return "stored"
  elseif word == "exists" then
    return "known"
  end
  return nil, explain(self, problem)
end

-- ---- handling --------------------------------------------------------------------------------

--- What the lines of a file tell: the event, the attempts, the last error, what has succeeded.
local function read_history(text)
  local first, rest = text:match("^([^\n]*)\n?(.*)$")
  local history = { text = first, attempts = 0, handled = {} }
  for line in rest:gmatch("[^\n]+") do
    local entry = json.decode(line)
    if type(entry) == "table" then
      if entry.began then history.attempts = history.attempts + 1 end
      if entry.released then history.attempts = history.attempts - 1 end
      if entry.retried then history.attempts, history.due = 0, nil end
      history.due = tonumber(entry.due) or history.due
      history.error = entry.error or history.error
      history.handled = type(entry.handled) == "table" and entry.handled or history.handled
    end
  end
  return history
end

local function note(lock, entry)
  return lock:append(json.encode(entry) .. "\n")
end

-- As it is stored today, or was by earlier versions: a JSON object, perhaps behind a word.
local function is_event(text)
  return text:find("^%l?%w* ?[ \t]*{") ~= nil or text:find("^\239\187\191[ \t]*{") ~= nil
end

local function is_due(moment, now)
  return moment <= now or moment > now + FARTHEST
end

--- Takes one file of new/ for this process.
---@return livechat.Claim|nil
---@return string|nil problem nothing where another process has it, or it is not due, or gone
local function take(self, name)
  local lock, word, problem = spool.lock(self.new .. name)
  if not lock then
    return nil, word ~= "busy" and word ~= "missing" and problem or nil
  end
  local text, _
  if spool.exists(self.done_with .. name) or spool.exists(self.failed .. name) then
    os.remove(self.new .. name)
  else
    text, _, problem = lock:read()
  end
  if not text or not is_event(text) then
    lock:close()
    return nil, text and "new/" .. name .. " is no event" or problem
  end
  local claim, now = read_history(text), core.now()
  if claim.due and not is_due(claim.due, now) then
    lock:close()
    self.waiting[name] = { size = #text, due = claim.due }
    return nil
  end
  -- Counted before it is handled: an event that kills its handler's process must not do so for
  -- ever. On a full disk it is handled uncounted, which may be what makes room.
  local noted
  noted, _, problem = note(lock, { began = now })
  claim.id, claim.lock, claim.attempts = name, lock, claim.attempts + 1
  claim.problem = not noted and explain(self, problem) or nil
  return claim
end

--- What is in new/, what is due first before the rest.
local function look(self)
  local found, word, problem = spool.list(self.new)
  if not found then
    return word == "missing" and {} or nil, problem
  end
  local waiting = {}
  for _, entry in ipairs(found) do
    local known = self.waiting[entry.name]
    if known and known.size == entry.size then -- else something has happened to it
      waiting[entry.name], entry.time = known, known.due
    end
  end
  self.waiting = waiting
  table.sort(found, function(a, b) return a.time < b.time end)
  return found
end

--- The next event that is due, the oldest first, for this process alone; nothing where there is
--- none. It goes back by itself when the process ends.
---@return livechat.Claim|nil
---@return string|nil message
function Inbox:claim()
  local fine, problem = check(self)
  if not fine and problem ~= "missing" then
    return nil, problem
  end
  problem = nil
  self:sweep()
  for _, again in ipairs { false, true } do
    if again then
      local found, unread = look(self)
      if not found then
        return nil, explain(self, unread)
      end
      self.queue, self.at = found, 1
    end
    local now = core.now()
    while self.queue[self.at] and is_due(self.queue[self.at].time, now) do
      local claim, why = take(self, self.queue[self.at].name)
      self.at = self.at + 1
      problem = problem or why
      if claim then
        return claim
      end
    end
  end
  return nil, problem and explain(self, problem)
end

local function move(self, claim, folder)
  local moved, problem = os.rename(self.new .. claim.id, folder .. claim.id)
  if not moved then
    claim.lock:close()
    return nil, explain(self, problem)
  end
  return true
end

--- The event is handled; its id is remembered, its content is not.
---@param claim livechat.Claim
---@return true|nil
---@return string|nil message
function Inbox:done(claim)
  local moved, problem = move(self, claim, self.done_with)
  if not moved then
    return nil, problem
  end
  claim.lock:empty()
  claim.lock:close()
  return true
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
  local due = now + math.min(seconds, FARTHEST)
  local noted, _, problem = note(claim.lock, {
    failed = now, due = due, error = report.error, handled = json.array(report.handled),
  })
  claim.lock:touch(due)
  self.waiting[claim.id] = { size = claim.lock:size(), due = due }
  claim.lock:close()
  return noted, problem and explain(self, problem)
end

--- The event is not tried again by itself.
---@param claim livechat.Claim
---@param report livechat.Report
---@return true|nil
---@return string|nil message with true: the reason could not be noted
function Inbox:fail(claim, report)
  local noted, _, unnoted = note(claim.lock, {
    failed = core.now(), error = report.error, handled = json.array(report.handled),
  })
  local moved, problem = move(self, claim, self.failed)
  if not moved then
    return nil, problem
  end
  claim.lock:close()
  return true, not noted and explain(self, unnoted) or nil
end

--- Gives an event back as if it had not been claimed.
---@param claim livechat.Claim
---@return true|nil
---@return string|nil message
function Inbox:release(claim)
  local noted, _, problem = note(claim.lock, { released = core.now() })
  claim.lock:close()
  return noted, problem and explain(self, problem)
end

-- ---- looking after it -------------------------------------------------------------------------

local function list_folder(folder, state, out)
  local found, word, problem = spool.list(folder)
  if not found then
    return word == "missing" or nil, problem
  end
  table.sort(found, function(a, b) return a.time < b.time end)
  for _, entry in ipairs(found) do
    local file = io.open(folder .. entry.name, "rb")
    if file then -- else it was handled meanwhile
      local history = read_history(file:read("*a"))
      file:close()
      out[#out + 1] = {
        id = entry.name, state = state, text = history.text,
        time = state == "pending" and history.due or entry.time,
        attempts = history.attempts, error = history.error,
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
    local listed, problem = list_folder(pair[1], pair[2], out)
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
    local lock, word, problem = spool.lock(folder .. id)
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
  local noted, _, problem = note(lock, { retried = core.now() })
  if noted and folder == self.failed then
    noted, problem = os.rename(folder .. id, self.new .. id)
  end
  lock:close()
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
  local moved, problem = os.rename(folder .. id, self.done_with .. id)
  if moved then
    lock:empty()
  end
  lock:close()
  return moved, problem and explain(self, problem)
end

local function remove_older(folder, moment)
  for _, entry in ipairs(spool.list(folder) or {}) do
    if entry.time < moment then
      os.remove(folder .. entry.name)
    end
  end
end

--- Forgets what was handled long ago and removes drafts whose writer died. `claim` does it from
--- time to time.
---@param now? number
function Inbox:sweep(now)
  now = now or core.now()
  if self.swept and now - self.swept < SWEEP_EVERY and now >= self.swept then
    return
  end
  self.swept = now
  remove_older(self.done_with, now - inbox.REMEMBER)
  remove_older(self.drafts .. "/", now - STALE_DRAFT)
end

-- ---- making ----------------------------------------------------------------------------------

---@class livechat.InboxOptions
---@field path? string
---@field mode? string of the files, "0600"; "0660" shares them with a group
---@field redis? livechat.Redis instead of a path
---@field stream? string its key there, "livechat:inbox"
---@field lease? number seconds (300) after which who has not finished an event is taken for dead

local RULES = {
  path = { is.path "the path of a folder expected", without = "redis" },
  mode = { is.permissions, with = "path" },
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
  return setmetatable({
    path = path, file_mode = file_mode, folder_mode = folder_mode,
    drafts = path .. "/tmp", new = path .. "/new/", done_with = path .. "/done/",
    failed = path .. "/failed/", queue = {}, at = 1,
    waiting = {}, -- what this process knows to be due later, by its id
  }, Inbox)
end

return inbox
