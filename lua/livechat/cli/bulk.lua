-- SPDX-License-Identifier: MIT
--- One command over many ids: `--from FILE`, an id a line.
local account = require "livechat.cli.account"
local progress = require "livechat.cli.progress"
local terminal = require "livechat.cli.terminal"
local text = require "livechat.text"

local bulk = {}

bulk.OPTIONS = {
  { name = "from", kind = "text", value = "FILE",
    help = "for each id in it, one a line; - for stdin" },
  { name = "yes", kind = "flag", help = "with --from: do not ask before it begins" },
}

local function read_ids(path)
  local file, problem
  if path == "-" then
    file = io.stdin
  else
    file, problem = io.open(path, "rb")
    if not file then return nil, problem end
  end
  local ids, seen = {}, {}
  for line in file:lines() do
    local id = text.trim(line)
    if id ~= "" and not seen[id] then
      ids[#ids + 1], seen[id] = id, true
    end
  end
  if path ~= "-" then file:close() end
  return ids
end

local function agreed(shell, command, given, count)
  if given.yes or given["dry-run"] or command.reads then return true end
  if not shell.is_terminal(0) or not shell.is_terminal(2) then return true end
  local answer = terminal.ask(shell, ("%s for %d ids: go on? [y/N] "):format(command.name, count),
    false)
  return answer ~= nil and answer:lower():find("^y") ~= nil
end

-- Stops where no other id would fare better.
local function is_final(status)
  return status == account.NOT_SIGNED_IN
end

-- The calls, one after the other; the status. What ends them early, as ^C does, tells how far they
-- have come.
local function each_id(shell, given, command, ids, call)
  local bar, done, worst = progress.new(shell, #ids), 0, 0
  local fine, raised = pcall(function()
    for _, id in ipairs(ids) do
      local status = call(id)
      if status == 0 then
        done = done + 1
      else
        bar:clear()
        shell.say("  " .. command.names[1] .. " " .. id)
        worst = math.max(worst, status == 2 and 1 or status)
      end
      if is_final(status) then break end
      bar:step()
    end
  end)
  bar:clear()
  if not given["dry-run"] then
    shell.say(("%d of %d done"):format(done, #ids))
  end
  if not fine then error(raised, 0) end
  return worst
end

--- Runs the command for each id of the file.
---@param arguments fun(command, given, rest): table|nil, any
---@return integer|nil status
---@return string|nil problem with how it was called
function bulk.run(shell, given, command, rest, arguments)
  local ids, problem = read_ids(given.from)
  if not ids then return nil, "--from " .. tostring(problem) end
  if #ids == 0 then
    shell.say(given.from .. " names no ids")
    return 0
  end
  local function words(id)
    local made = { id }
    for i, each in ipairs(rest) do made[i + 1] = each end
    return made
  end
  local args
  args, problem = arguments(command, given, words(ids[1]))
  if not args then return nil, problem end
  local client, status = account.client(shell, given)
  if not client then return status end
  if not agreed(shell, command, given, #ids) then
    shell.say("nothing is changed")
    return 1
  end
  local quiet = setmetatable({ out = function() end }, { __index = shell })
  local shows = given.json or given.jsonl or given.columns or given["dry-run"]
    or command.reads
  local one = setmetatable({ jsonl = given.json or given.jsonl, json = false }, { __index = given })
  status = each_id(shell, given, command, ids, function(id)
    local here, values = arguments(command, one, words(id))
    return command.call(shows and shell or quiet, one, command, client, here, values)
  end)
  client:close()
  return status
end

return bulk
