-- SPDX-License-Identifier: MIT
--- What is new in a list, asked for again and again, each thing once over restarts: for a program
--- that cannot receive webhooks. What was given is remembered in a file. It is noted there when the
--- loop asks for the next thing, or is left with `break` (which Lua 5.4 alone tells): a program
--- that is killed while it works on a thing is given that one again, and none is lost.
---
--- The file begins with the moment of the last look and holds a line for each thing that was given.
--- A line is on the disk before the next thing is given. After each look the file is written anew.
---
--- Looked at is what the list shows since the day before the last look, because the service's clock
--- is not ours, and the list may lag. What was created before that was looked at already.
--- Example: the last look was on the 10th at 12:00. The next asks for the 9th and later; of that,
--- what was created after the 9th at 12:00 and is not in the file is new.
local core = require "livechat.core"
local disk = require "livechat.events.disk"
local errors = require "livechat.errors"
local options = require "livechat.options"

local watch = {}

local SLACK = 86400 -- seconds
local HEAD = "livechat watch 1"
local LARGEST = 2 ^ 26 -- bytes of a file: two million things in two days

-- ---- the file ----------------------------------------------------------------------------------

---@class livechat.WatchState
---@field path string
---@field folder string
---@field name string
---@field files livechat.Disk
---@field looked number|nil epoch seconds of the last look; nil before the first
---@field given table<string, number> when what was given was created, by its id

local function throw(state, problem)
  errors.throw(errors.new { kind = "invalid", field = "state", outcome = "not_sent",
    message = "cannot keep what was given: " .. state.path .. ": " .. tostring(problem) })
end

---@return livechat.WatchState
local function load(path, files)
  local folder, name = path:match("^(.*)/([^/]*)$")
  local state = { path = path, folder = folder == "" and "/" or folder or ".", name = name or path,
    files = files, given = {} }
  local text, word, problem = files:run("load", path, LARGEST)
  if not text then
    if word ~= "missing" then throw(state, problem) end
    return state
  end
  local head, lines = text:match("^([^\n]*)\n(.*)$")
  if head ~= HEAD then throw(state, "not a file of a watch") end
  for line in lines:gmatch("([^\n]*)\n") do
    local created, id = line:match("^(%-?%d+) (%S+)%.$") -- one that was cut has no dot
    local looked = line:match("^looked (%d+)%.$")
    if id then state.given[id] = tonumber(created) end
    state.looked = looked and tonumber(looked) or state.looked
  end
  if not state.looked then throw(state, "it does not tell the last look") end
  return state
end

local function line_of(id, created)
  return ("%d %s.\n"):format(math.floor(created), id)
end

-- Writes the file anew, whole or not at all, without what is too old to be listed as new.
local function save(state)
  local lines = { HEAD .. "\n", ("looked %d.\n"):format(math.floor(state.looked)) }
  for id, created in pairs(state.given) do
    if created < state.looked - 2 * SLACK then
      state.given[id] = nil
    else
      lines[#lines + 1] = line_of(id, created)
    end
  end
  local done, _, problem = state.files:run("replace", state.folder, state.folder, state.name,
    table.concat(lines), 384) -- 0600
  if not done then throw(state, problem) end
end

-- Adds that a thing was given.
local function note(state, id, created)
  local files = state.files
  local lock, _, problem = files:run("lock", state.path)
  local done
  if lock then
    done, _, problem = files:on(lock, "append", line_of(id, created))
    if done then done, _, problem = files:on(lock, "sync") end
    files:on(lock, "close")
  end
  if not done then throw(state, problem) end
  state.given[id] = created
end

-- ---- looking -----------------------------------------------------------------------------------

local function name_of(thing)
  return (tostring(thing.id):gsub("[%s%c]", "_"))
end

--- Options of a watch, taken out of a filter. Raises where one is wrong.
local RULES = { state = options.is.path "the path of a file expected",
  poll = options.is.seconds }

local function split(given, fname)
  if type(given) ~= "table" then
    errors.raise_argument("options", fname, "table expected, got " .. type(given))
  end
  local own, filter = {}, {}
  for name, value in pairs(given) do
    local into = RULES[name] and own or filter
    into[name] = value
  end
  options.must_fit(RULES, own, fname)
  if not own.state then
    errors.raise_argument("state", fname, "the path of a file expected, got nil")
  end
  for _, name in ipairs { "date_from", "date_to", "order", "page" } do
    if filter[name] ~= nil then
      errors.raise_argument(name, fname, "a watch looks at what is new")
    end
  end
  return own, filter
end

---@class livechat.Watch
---@field state livechat.WatchState
---@field created fun(wire: table, time: function): number|nil
---@field list fun(): fun(): any a walk over what the list shows since the horizon
---@field began number epoch seconds of this look
---@field horizon number
---@field next_thing function|nil the walk of this look
---@field held { id: string, at: number }|nil what the loop's body has, and is not noted yet
local Watch = {}
Watch.__index = Watch

function Watch:look()
  self.began = core.now()
  self.horizon = (self.state.looked or self.began) - SLACK
  self.next_thing = self.list(os.date("!%Y-%m-%d", math.floor(self.horizon)))
end

-- The next one of a walk that was not given before, its name and when it was created; nil at the
-- end. One that does not tell when it was created is remembered for as long as the list shows it.
function Watch:next_new(next_thing)
  local given = self.state.given
  while true do
    local thing = next_thing()
    if thing == nil then return nil end
    local id, at = name_of(thing), self.created(thing:raw(), core.time)
    if not at and given[id] then given[id] = self.began end
    at = at or self.began
    if at >= self.horizon and not given[id] then return thing, id, at end
  end
end

-- What is there when a watch begins for the first time is not new.
function Watch:begin()
  self:look()
  local next_thing = self.next_thing
  for _, id, at in function() return self:next_new(next_thing) end do
    self.state.given[id] = at
  end
  self:finish()
end

function Watch:finish()
  self.state.looked, self.next_thing = self.began, nil
  save(self.state)
end

-- Notes what the loop's body was given.
function Watch:note_held()
  local held = self.held
  if held then
    note(self.state, held.id, held.at)
    self.held = nil
  end
end

-- The next thing of this look, nil at its end. What goes wrong, and is raised, ends the look too.
function Watch:step()
  local next_thing = self.next_thing
  self.next_thing = nil
  local thing, id, at = self:next_new(next_thing)
  if thing then
    self.held, self.next_thing = { id = id, at = at }, next_thing
    return thing
  end
  self:finish()
end

-- A loop that is left without an error has done with what it was given. (Lua 5.4 closes it.)
local CLOSING = { __close = function(self, err)
  if err == nil then self.watch:note_held() end
end }

--- What is new, in the order of creation where the list has it, for ever. Raises what goes wrong,
--- as io.lines does; it can be called again after that.
---@param here { conn: livechat.Connection, resource: table, methods: table }
---@param created fun(wire: table, time: function): number|nil
---@param given table state (the path of its file), poll (seconds, 60), and a filter of the list
---@return fun(): any
function watch.each(here, created, given, fname)
  local own, filter = split(given, fname)
  local self = setmetatable({ created = created, state = load(own.state, disk.of(here.conn)),
    list = function(day)
      filter.date_from = day
      return here.methods.each(here.resource, filter)
    end }, Watch)
  if not self.state.looked then self:begin() end
  local first = true
  return function()
    self:note_held()
    while true do
      if not self.next_thing then
        if not first and not here.conn:sleep(own.poll or 60) then
          errors.throw(errors.new { kind = "closed", message = "the client was closed in a watch" })
        end
        first = false
        self:look()
      end
      local thing = self:step()
      if thing then return thing end
    end
  end, nil, nil, setmetatable({ watch = self }, CLOSING)
end

return watch
