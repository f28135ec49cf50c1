-- SPDX-License-Identifier: MIT
--- What is new in a list, asked for again and again, each thing once over restarts: for a program
--- that cannot receive webhooks. What was given is remembered in a file, which is written before a
--- thing is given, so that none is given twice; a process that is killed while it works on one does
--- not get that one again.
---
--- Looked at is what the list shows since the day before the last look, because the service's clock
--- is not ours, and the list may lag. What was created before that was looked at already.
--- Example: the last look was on the 10th at 12:00. The next asks for the 9th and later; of that,
--- what was created after the 9th at 12:00 and is not in the file is new.
local core = require "livechat.core"
local errors = require "livechat.errors"
local options = require "livechat.options"

local watch = {}

local SLACK = 86400 -- seconds
local HEAD = "livechat watch 1"

-- ---- the file ----------------------------------------------------------------------------------

---@class livechat.WatchState
---@field path string
---@field looked number|nil epoch seconds of the last look; nil before the first
---@field given table<string, number> when what was given was created, by its id

local function io_error(path, problem)
  return errors.new { kind = "invalid", field = "state", outcome = "not_sent",
    message = "cannot keep what was given: " .. path .. ": " .. tostring(problem) }
end

local function load(path)
  local state = { path = path, given = {} }
  local file, problem, code = io.open(path, "rb")
  if not file then
    if code ~= 2 then errors.throw(io_error(path, problem)) end -- ENOENT: the first time
    return state
  end
  local first = file:read("*l")
  if first ~= nil and first ~= HEAD then
    file:close()
    errors.throw(io_error(path, "not a file of a watch"))
  end
  for line in file:lines() do
    local created, id = line:match("^(%-?%d+) (%S+)%.$") -- one that was cut has no dot
    local looked = line:match("^looked (%d+)%.$")
    if id then state.given[id] = tonumber(created) end
    state.looked = looked and tonumber(looked) or state.looked
  end
  file:close()
  return state
end

local function line_of(id, created)
  return ("%d %s.\n"):format(math.floor(created), id)
end

-- Writes the file anew, whole or not at all, without what is too old to be listed as new.
local function save(state)
  local path = state.path .. ".new"
  local file, problem = io.open(path, "wb")
  local fine = file
  if file then
    fine, problem = file:write(HEAD, "\n", ("looked %d.\n"):format(math.floor(state.looked)))
    for id, created in pairs(state.given) do
      if created < state.looked - 2 * SLACK then
        state.given[id] = nil
      elseif fine then
        fine, problem = file:write(line_of(id, created))
      end
    end
    local closed, why = file:close()
    fine, problem = fine and closed, problem or why
  end
  if fine then fine, problem = os.rename(path, state.path) end
  if not fine then errors.throw(io_error(state.path, problem)) end
end

local function note(state, id, created)
  local file, problem = io.open(state.path, "ab")
  local fine = file
  if file then
    fine, problem = file:write(line_of(id, created))
    local closed, why = file:close()
    fine, problem = fine and closed, problem or why
  end
  if not fine then errors.throw(io_error(state.path, problem)) end
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

--- What is new, in the order of creation where the list has it, for ever. Raises what goes wrong,
--- as io.lines does; it can be called again after that.
---@param here { conn: livechat.Connection, resource: table, methods: table }
---@param created fun(wire: table, time: function): number|nil
---@param given table state (the path of its file), poll (seconds, 60), and a filter of the list
---@return fun(): any
function watch.each(here, created, given, fname)
  local own, filter = split(given, fname)
  local state = load(own.state)
  local next_thing, began, horizon

  local function look()
    began = core.now()
    horizon = (state.looked or began) - SLACK
    filter.date_from = os.date("!%Y-%m-%d", math.floor(horizon))
    next_thing = here.methods.each(here.resource, filter)
  end

  -- The next one of the list that was not given before; nil at its end.
  local function next_new()
    while true do
      local thing = next_thing()
      if thing == nil then return nil end
      local at = created(thing:raw(), core.time)
      if at and at >= horizon and not state.given[name_of(thing)] then return thing, at end
    end
  end

  -- What is there when a watch begins for the first time is not new.
  local function begin()
    look()
    for thing, at in next_new do state.given[name_of(thing)] = at end
    state.looked = began
    save(state)
    next_thing = nil
  end

  local function rest()
    if not here.conn:sleep(own.poll or 60) then
      errors.throw(errors.new { kind = "closed", message = "the client was closed in a watch" })
    end
  end

  if not state.looked then begin() end
  local first = true
  return function()
    while true do
      if not next_thing then
        if not first then rest() end
        first = false
        look()
      end
      local fine, thing, at = pcall(next_new)
      if not fine then
        next_thing = nil
        error(thing, 0)
      elseif thing then
        note(state, name_of(thing), at)
        return thing
      end
      state.looked, next_thing = began, nil
      save(state)
    end
  end
end

return watch
