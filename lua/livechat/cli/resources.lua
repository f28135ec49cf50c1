-- SPDX-License-Identifier: MIT
--- `livechat RESOURCE VERB …`: a command for each row of the dialect's data, so that a row that is
--- added is a command.
local account = require "livechat.cli.account"
local bulk = require "livechat.cli.bulk"
local dry_run = require "livechat.cli.dry_run"
local errors = require "livechat.errors"
local examples = require "livechat.cli.examples"
local fields = require "livechat.cli.fields"
local json = require "livechat.json"
local methods = require "livechat.api.methods"
local output = require "livechat.cli.output"
local plot = require "livechat.cli.plot"

local resources = {}

local unpack = table.unpack or unpack

-- ---- options -----------------------------------------------------------------------------------

local FORMAT = {
  { name = "json", kind = "flag", help = "one JSON document" },
  { name = "jsonl", kind = "flag", help = "a JSON document a line" },
  { name = "columns", kind = "names", value = "A,B", help = "these members alone, as id,subject" },
}
local WALK = {
  { name = "limit", kind = "whole", value = "N", help = "at most so many, over as many pages" },
  { name = "all", kind = "flag", help = "every page" },
}
local LIMIT = { { name = "limit", kind = "whole", value = "N", help = "at most so many" } }
local PLOT = {
  { name = "plot", kind = "flag", help = "as bars" },
  { name = "svg", kind = "text", value = "FILE", help = "as lines, into a file for a browser" },
}
local DRY = { { name = "dry-run", kind = "flag", help = "print the request and send nothing" } }

-- Rows of numbers over time are looked at rather than read.
local function is_plotted(resource)
  return resource == "reports"
end

-- Whether a method changes nothing: some APIs have every call sent as POST.
local function reads(row)
  return row.verb == "GET" or row.name == "get" or row.name == "list" or row.name == "state"
end

local function options_of(row, names, specs, answer, resource)
  local list, taken = fields.options(specs), {}
  for i = #list, 1, -1 do
    if row.walk and list[i].name == "limit" then table.remove(list, i) end
  end
  for _, option in ipairs(list) do taken[option.name] = true end
  local is_list = reads(row) and (answer.list or answer.page)
  local groups = { row.walk and WALK or is_list and LIMIT or {},
    #names > 0 and bulk.OPTIONS or {}, is_plotted(resource) and PLOT or {},
    FORMAT, DRY, account.OPTIONS }
  for _, group in ipairs(groups) do
    for _, option in ipairs(group) do
      if not taken[option.name] then list[#list + 1] = option end
    end
  end
  return list
end

-- ---- calls -------------------------------------------------------------------------------------

local function is_list(value)
  return type(value) == "table" and (value[1] ~= nil or json.is_array(value))
end

local function walk(shell, given, command, client, filter)
  local writer, resource = output.writer(shell, given, command.members), client[command.resource]
  local limit, n = given.limit or math.huge, 0
  local problem
  local fine, raised = pcall(function()
    for thing in resource:each(filter) do
      writer:add(thing)
      n = n + 1
      if n >= limit then break end
    end
  end)
  if not fine then
    if not errors.is(raised) then error(raised, 0) end
    problem = raised
  end
  if not problem or given.json or n > 0 then writer:finish() end
  return problem and account.failed(shell, problem) or 0
end

-- Draws rows of numbers; the status.
local function draw(shell, given, command, value)
  local rows = output.plain(value)
  if not is_list(rows) then
    shell.say("this has no rows to plot")
    return 1
  end
  if given.svg then
    local file, problem = io.open(given.svg, "wb")
    local done = file and file:write(plot.svg(rows, "livechat " .. command.name))
      and file:close()
    if not done then
      shell.say("--svg " .. tostring(problem or given.svg .. ": cannot be written"))
      return 1
    end
  end
  if given.plot then
    local columns = shell.is_terminal(1) and shell.columns() or 80
    shell.out(plot.bars(rows, columns, shell.ellipsis == "…"))
  end
  return 0
end

-- Shows what a method gave.
local function show(shell, given, command, value, said)
  local answer = command.answer
  if value == true then
    if given.json or given.jsonl then
      shell.out(json.encode { result = said == nil and json.null or said } .. "\n")
    else
      shell.out("done\n")
    end
    return
  elseif not (is_list(value) or answer.list or answer.page) then
    return output.one(shell, given, value)
  end
  local writer = output.writer(shell, given, command.members)
  for i = 1, math.min(#value, given.limit or math.huge) do
    writer:add(value[i])
  end
  writer:finish()
  local total = answer.page and value.total
  if total and total > #value and shell.is_terminal(1) and not (given.json or given.jsonl) then
    shell.say(("%d of %d: --all shows every one, --limit N so many"):format(#value, total))
  end
end

-- The method's arguments from the command's words; nil, and what is wrong.
local function arguments(command, given, rest)
  local row, args, values = command.row, { n = 0 }, {}
  local takes_list = row.value and row.value.spec.type == "list"
  local least, most = command.needed + (row.value and 1 or 0), #command.names
  if row.value then most = takes_list and math.huge or most + 1 end
  if #rest < least or #rest > most then
    return nil, #rest > most and "no such argument: " .. rest[most + 1]
      or "missing: " .. (command.names[#rest + 1] or row.value.name):upper()
  end
  for i, name in ipairs(command.names) do
    if rest[i] == "" then return nil, name:upper() .. " must not be empty" end
    args[i], values[name] = rest[i], rest[i]
  end
  args.n = #command.names
  if row.value and not takes_list then
    args.n = args.n + 1
    args[args.n] = rest[args.n]
  elseif row.value then
    local list = json.array {}
    for i = least, #rest do
      if rest[i] ~= "" then list[#list + 1] = rest[i] end -- '' alone: an empty list
    end
    args.n = args.n + 1
    args[args.n] = list
  elseif row.fields or row.query or next(command.specs) then
    args.n = args.n + 1
    args[args.n] = fields.collect(command.specs, given)
  end
  return args, values
end

local function call_once(shell, given, command, client, args, values)
  if given["dry-run"] then
    return dry_run.run(shell, given, command, client, args, values)
  elseif command.row.walk and (given.all or given.limit) then
    return walk(shell, given, command, client, args[args.n])
  end
  local resource = client[command.resource]
  local value, said = resource[command.row.name](resource, unpack(args, 1, args.n))
  if value == nil then return account.failed(shell, said) end
  if given.plot or given.svg then return draw(shell, given, command, value) end
  show(shell, given, command, value, said)
  return 0
end

local function run(command, given, rest, shell)
  if given.from then
    return bulk.run(shell, given, command, rest, arguments)
  end
  local args, values = arguments(command, given, rest)
  if not args then return nil, values end
  local client, status = account.client(shell, given)
  if not client then return status end
  status = call_once(shell, given, command, client, args, values)
  client:close()
  return status
end

-- ---- commands ----------------------------------------------------------------------------------

local function word(name)
  return (name:gsub("_", "-"))
end

-- Which members the things may have: those that are read, written and known by.
local function members_of(record, rows)
  local may_have = {}
  for name in pairs(record.members or {}) do may_have[name] = true end
  if record.id then may_have[record.id] = true end
  for _, row in ipairs(rows) do
    for name in pairs(row.fields or {}) do may_have[name] = true end
  end
  return may_have
end

-- The words of two enums.
local function both(first, second)
  local words, has = {}, {}
  for _, list in ipairs { first, second } do
    for _, each in ipairs(list) do
      if not has[each] then words[#words + 1], has[each] = each, true end
    end
  end
  return words
end

-- A field that two dialects have, or one of them: only what both need is needed.
local function joint(known, spec)
  local made = {}
  for name, value in pairs(known and known.type ~= "none" and known or spec) do
    made[name] = value
  end
  made.required = known and spec and known.required and spec.required
  if known and spec and known.type == "enum" and spec.type == "enum" then
    made.of = both(known.of, spec.of)
  end
  return made
end

-- The specs of a method that several dialects have.
local function merge(specs, more)
  local made = {}
  for name, spec in pairs(specs) do made[name] = joint(spec, more[name]) end
  for name, spec in pairs(more) do
    made[name] = made[name] or joint(nil, spec)
  end
  return made
end

local function command_of(api, resource, row, rows)
  local names, _, optional = methods.argument_names(row)
  local words, needed = {}, 0
  for i, name in ipairs(names) do
    local spared = optional[name] or row.defaults and row.defaults[name] ~= nil
    words[i] = spared and "[" .. name:upper() .. "]" or name:upper()
    if not spared then needed = i end
  end
  if row.value then
    words[#words + 1] = row.value.name:upper() .. (row.value.spec.type == "list" and "…" or "")
  end
  local answer = api.answers[row.returns] or {}
  local record = api.records[answer.kind] or {}
  local command = {
    resource = resource, row = row, reads = reads(row),
    names = names, needed = needed, answer = answer,
    id_name = record.id or "id",
    name = word(resource) .. " " .. word(row.name), usage = table.concat(words, " "),
    summary = row.doc or "", specs = row.query or row.fields or {},
    members = members_of(record, rows), call = call_once,
  }
  command.run = function(given, rest, shell) return run(command, given, rest, shell) end
  return command
end

-- What is known once every dialect has had its say.
local function complete(command)
  command.options = options_of(command.row, command.names, command.specs, command.answer,
    command.resource)
  command.example = examples.of(command)
end

local function add(groups, api, resource, rows)
  local group = groups[word(resource)] or { verbs = {}, order = {} }
  groups[word(resource)] = group
  for _, row in ipairs(rows) do
    local verb = word(row.name)
    local known = group.verbs[verb]
    if known then
      known.specs = merge(known.specs, row.query or row.fields or {})
      if not row.by then known.summary = known.summary .. "; " .. (row.doc or "") end
    else
      group.verbs[verb] = command_of(api, resource, row, rows)
      table.insert(group.order, verb)
    end
  end
end

--- The commands of dialects: by resource a group with its verbs, in the order of the rows.
---@param dialects table[] their data
---@return table<string, livechat.CommandGroup>
function resources.commands(dialects)
  local groups = {}
  for _, api in ipairs(dialects) do
    for resource, rows in pairs(api.resources) do add(groups, api, resource, rows) end
  end
  for _, group in pairs(groups) do
    for _, verb in ipairs(group.order) do complete(group.verbs[verb]) end
  end
  return groups
end

return resources
