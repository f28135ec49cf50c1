-- SPDX-License-Identifier: MIT
--- `livechat RESOURCE export`: a whole list as JSON lines. With `--resume FILE` it can be broken
--- off and begun again: the file has the id of each thing that was written out, and what it names
--- is not written again. A thing's line is out before its id is in the file, so that a kill between
--- the two repeats one line and loses none.
local account = require "livechat.cli.account"
local display = require "livechat.cli.display"
local errors = require "livechat.errors"
local fields = require "livechat.cli.fields"
local json = require "livechat.json"
local output = require "livechat.cli.output"
local progress = require "livechat.cli.progress"
local terminal = require "livechat.cli.terminal"

local export = {}

-- ---- what was written out ----------------------------------------------------------------------

local Done = {}
Done.__index = Done

local function read_done(path)
  local file = io.open(path, "rb")
  local text = file and file:read("*a") or ""
  if file then file:close() end
  local ids, head, n = {}, nil, 0
  for line in text:gmatch("([^\n]*)\n") do -- what has no end was broken off
    if not head then
      head = line
    else
      ids[line], n = true, n + 1
    end
  end
  return ids, head, n, text ~= "" and text:sub(-1) ~= "\n"
end

--- Opens the file, new or of an earlier run of the same export.
local function open_done(path, head)
  local ids, was, n, broken = read_done(path)
  if was and was ~= head then
    return nil, "--resume " .. path .. ": belongs to another export: " .. was
  end
  local file, problem = io.open(path, "ab")
  if not file then return nil, "--resume " .. problem end
  if broken then file:write("\n") end
  if not was then file:write(head, "\n") end
  file:flush()
  return setmetatable({ ids = ids, file = file, n = n }, Done)
end

function Done:add(id)
  if not (self.file:write(id, "\n") and self.file:flush()) then
    error("stdout: the file of --resume cannot be written", 0)
  end
end

-- ---- the walk ----------------------------------------------------------------------------------

local function total_of(shell, resource, filter)
  if not shell.is_terminal(2) then return nil end
  local page = resource:list(filter)
  return page and page.total
end

local function write_all(shell, given, resource, filter, id_name, done)
  local bar = progress.new(shell, total_of(shell, resource, filter))
  local limit, n = given.limit or math.huge, 0
  local fine, raised = pcall(function()
    for thing in resource:each(filter) do
      local id = tostring(thing[id_name])
      if not (done and done.ids[id]) then
        shell.out(display.json(output.plain(thing)) .. "\n")
        n = n + 1
        if done then
          terminal.flush()
          done:add(id)
        end
      end
      bar:step()
      if n >= limit then break end
    end
  end)
  bar:clear()
  if raised == terminal.CLOSED then error(raised, 0) end
  shell.say(("%d written%s"):format(n, done and done.n > 0 and ", " .. done.n .. " before" or ""))
  if not fine and not errors.is(raised) then error(raised, 0) end
  terminal.flush()
  return not fine and raised or nil
end

local function run(command, given, rest, shell)
  if #rest > 0 then return nil, "no argument expected: " .. rest[1] end
  local filter, done = fields.collect(command.specs, given), nil
  if given.resume then
    local problem
    done, problem = open_done(given.resume,
      "livechat " .. command.name .. " " .. json.encode(filter))
    if not done then return nil, problem end
  end
  local client, status = account.client(shell, given)
  if not client then return status end
  local err = write_all(shell, given, client[command.resource], filter, command.id_name, done)
  client:close()
  if err and done then shell.say("say it again with the same --resume to go on") end
  return err and account.failed(shell, err) or 0
end

--- Gives a resource whose list can be walked the verb `export`.
---@param name string of the resource
---@param group livechat.CommandGroup
function export.add(name, group)
  local list = group.verbs.list
  if not list or not list.row.walk then return end
  local command = { name = name .. " export", resource = list.resource, specs = list.specs,
    usage = "", summary = "write the whole list as JSON lines, in as many runs as it takes",
    example = ("livechat %s export --resume %s.done >>%s.jsonl"):format(name, name, name) }
  command.id_name = list.id_name
  command.options = { { name = "resume", kind = "text", value = "FILE",
    help = "what is written out already; kept up to date" },
    { name = "limit", kind = "whole", value = "N", help = "at most so many in this run" } }
  for _, option in ipairs(fields.options(list.specs)) do
    if option.name ~= "page" and option.name ~= "limit" then
      table.insert(command.options, option)
    end
  end
  for _, option in ipairs(account.OPTIONS) do table.insert(command.options, option) end
  command.run = function(given, rest, shell) return run(command, given, rest, shell) end
  group.verbs.export = command
  table.insert(group.order, "export")
end

return export
