-- SPDX-License-Identifier: MIT
--- What a command found, for people and for programs. On a terminal a table, or the members of one
--- thing below one another; elsewhere the same with tabs and whole; `--json` one document, a list
--- or an object, and `--jsonl` a document a line. In JSON everything is as the library gives it.
local args = require "livechat.cli.args"
local cli_table = require "livechat.cli.table"
local core = require "livechat.core"
local display = require "livechat.cli.display"
local json = require "livechat.json"
local text = require "livechat.text"

local output = {}

-- ---- cells -------------------------------------------------------------------------------------

--- The member at a path: "requester.mail", "events[1].message", "tags[2]".
---@param value any
---@param path string
---@return any
function output.at(value, path)
  for name in path:gmatch("[^.%[%]]+") do
    if type(value) ~= "table" then return nil end
    local member = value[name]
    if member == nil then member = value[tonumber(name)] end
    value = member
  end
  return value
end

local UNITS = { { 60, "s" }, { 3600, "min" }, { 86400, "h" }, { 7 * 86400, "d" } }

--- A moment as people say it: what is near by how far it is, the rest as the local date, with the
--- time where there is room for it.
---@param seconds number epoch
---@param now number epoch
---@param with_time? boolean
---@return string
function output.moment(seconds, now, with_time)
  local apart = math.abs(now - seconds)
  local size = 1
  for _, unit in ipairs(UNITS) do
    if apart < unit[1] then
      local n = math.floor(apart / size)
      if n == 0 then return "now" end
      return (now > seconds and "%d %s ago" or "in %d %s"):format(n, unit[2])
    end
    size = unit[1]
  end
  return os.date(with_time and "%Y-%m-%d %H:%M" or "%Y-%m-%d", math.floor(seconds))
end

local function moment_of(value)
  return value:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$") and core.time(value)
end

local function word_of(value)
  if type(value) ~= "table" then return tostring(value) end
  for _, name in ipairs { "name", "mail", "email", "text", "id" } do
    if type(value[name]) == "string" or type(value[name]) == "number" then
      return tostring(value[name])
    end
  end
  return json.encode(value)
end

--- A value as a cell of a table.
---@param value any
---@param shell livechat.Shell
---@param with_time? boolean
---@return string
function output.cell(value, shell, with_time)
  if value == nil or value == json.null then return "" end
  if type(value) == "string" then
    local moment = shell.is_terminal(1) and moment_of(value)
    return moment and output.moment(moment, shell.now(), with_time) or value
  elseif type(value) ~= "table" then
    return type(value) == "number" and json.encode(value) or tostring(value)
  elseif value[1] == nil and not json.is_array(value) then
    return next(value) == nil and "" or word_of(value)
  end
  local words = {}
  for i, member in ipairs(value) do
    words[i] = word_of(member)
  end
  return table.concat(words, ", ")
end

-- ---- plain values ------------------------------------------------------------------------------

--- Records as plain tables; everything else as it is.
---@param value any
---@return any
function output.plain(value)
  if type(value) == "userdata" and value ~= json.null then return value:totable() end
  if type(value) ~= "table" then return value end
  local made = json.is_array(value) and json.array {} or {}
  for key, member in pairs(value) do
    if type(member) == "table" or type(member) == "userdata" then member = output.plain(member) end
    made[key] = member
  end
  return made
end

local function flat(value, path, into)
  if type(value) ~= "table" then
    if value ~= json.null then into[#into + 1] = { path, value } end
    return into
  end
  local scalars = true
  for _, member in pairs(value) do
    scalars = scalars and type(member) ~= "table"
  end
  if value[1] ~= nil and scalars then
    into[#into + 1] = { path, value }
    return into
  end
  local names = {}
  for name in pairs(value) do names[#names + 1] = name end
  table.sort(names, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  for _, name in ipairs(names) do
    local longer = type(name) == "number" and ("%s[%d]"):format(path, name)
      or (path == "" and "" or path .. ".") .. name
    flat(value[name], longer, into)
  end
  return into
end

-- ---- lists -------------------------------------------------------------------------------------

-- The columns of a list for which none were asked for: what says most, of what a row has.
local TELLING = { "id", "login", "name", "status", "subject", "event_type", "url", "text",
  "author", "requester.mail", "assignee.name", "visitor.name", "email", "permission", "country",
  "started_timestamp", "ended_timestamp", "modified" }
local MOST = 7

-- Every member of a row that is no table, for rows that none of those tells.
local function columns_of_row(row)
  local columns = {}
  for name, value in pairs(row) do
    if type(value) ~= "table" then columns[#columns + 1] = tostring(name) end
  end
  table.sort(columns, function(a, b)
    if (a == "date") ~= (b == "date") then return a == "date" end
    return a < b
  end)
  return columns
end

-- Columns of rows like this one, which may have other members as well.
local function columns_for(row, may_have)
  local columns = {}
  for _, path in ipairs(TELLING) do
    local name = path:match("^[^.]+")
    local is_there = row[name] ~= nil or may_have[name]
    if is_there and #columns < MOST then columns[#columns + 1] = path end
  end
  return #columns > 1 and columns or columns_of_row(row)
end

local Writer = {}
Writer.__index = Writer

local function chosen(self, value)
  if not self.columns or not self.asked then return value end
  local made = {}
  for _, path in ipairs(self.columns) do
    made[path] = output.at(value, path)
  end
  return made
end

-- Notes which of the columns that were asked for there are.
local function note(self, value)
  self.names = self.names or columns_of_row(value)
  for _, path in ipairs(self.columns) do
    self.seen[path] = self.seen[path] or output.at(value, path) ~= nil
  end
end

--- Takes one thing of the list, a record or a plain value.
function Writer:add(value)
  value = output.plain(value)
  self.n = self.n + 1
  if self.format == "jsonl" then
    self.shell.out(display.json(chosen(self, value)) .. "\n")
  elseif self.format == "json" then
    self.shell.out((self.n == 1 and "[\n" or ",\n") .. display.json(chosen(self, value)))
  elseif type(value) ~= "table" then
    self.shell.out(display.visible(output.cell(value, self.shell)) .. "\n")
  else
    if not self.table then
      self.columns = self.columns or columns_for(value, self.may_have)
      self.table = cli_table.new(self.shell, self.asked)
      if self.shell.is_terminal(1) then
        local head = {}
        for i, path in ipairs(self.columns) do head[i] = path:upper() end
        self.table:add(head)
      end
    end
    local row = {}
    for i, path in ipairs(self.columns) do
      row[i] = output.cell(output.at(value, path), self.shell)
    end
    self.table:add(row)
  end
  if self.asked and type(value) == "table" then note(self, value) end
end

function Writer:finish()
  for _, path in ipairs(self.asked and self.n > 0 and self.columns or {}) do
    if not self.seen[path] then
      self.shell.say("nothing here has " .. path .. args.suggestion(path, self.names))
    end
  end
  if self.format == "json" then
    self.shell.out(self.n == 0 and "[]\n" or "\n]\n")
  elseif self.table then
    self.table:finish()
  elseif self.n == 0 and not self.format and self.shell.is_terminal(1) then
    self.shell.say("nothing was found")
  end
end

---@param shell livechat.Shell
---@param given { json?: boolean, jsonl?: boolean, columns?: string[] }
---@param may_have? table<string, any> by the names of members that things of this kind may have
function output.writer(shell, given, may_have)
  return setmetatable({ shell = shell, n = 0, seen = {}, asked = given.columns ~= nil,
    columns = given.columns, may_have = may_have or {},
    format = given.jsonl and "jsonl" or given.json and "json" or nil }, Writer)
end

-- ---- one thing ---------------------------------------------------------------------------------

-- A text as lines of at most so many columns, broken at blanks where there are any. Each line is
-- looked for in a piece of the text, because the text may be a megabyte long.
local function wrapped(value, columns)
  local lines, from = {}, 1
  while from <= #value do
    local piece = text.cut(value:sub(from, from + 16 * columns), 16 * columns)
    local line = display.cut(piece, columns, "")
    if line == "" then line = piece end
    local blank = #line < #value - from + 1 and line:match("^.*() ")
    if blank and blank > 1 then line = line:sub(1, blank) end
    lines[#lines + 1] = line
    from = from + #line
  end
  return #lines > 0 and lines or { "" }
end

local function show(shell, value)
  local rows, widest = flat(value, "", {}), 0
  local columns = shell.is_terminal(1) and shell.columns() or nil
  for _, row in ipairs(rows) do
    row[1], row[2] = display.visible(row[1]), display.visible(output.cell(row[2], shell, true))
    widest = math.max(widest, display.width(row[1]))
  end
  if not columns then
    for _, row in ipairs(rows) do shell.out(row[1] .. "\t" .. row[2] .. "\n") end
    return
  end
  widest = math.min(widest, math.floor(columns / 2))
  for _, row in ipairs(rows) do
    local name = display.cut(row[1], widest, shell.ellipsis)
    local before = name .. (" "):rep(widest - display.width(name) + 2)
    for _, line in ipairs(wrapped(row[2], math.max(1, columns - widest - 2))) do
      shell.out(before .. line .. "\n")
      before = (" "):rep(widest + 2)
    end
  end
end

--- One thing: a record, a table, or that it was done.
---@param shell livechat.Shell
---@param given table as for output.writer
---@param value any
function output.one(shell, given, value)
  value = output.plain(value)
  if given.columns and type(value) == "table" then
    local made = {}
    for _, path in ipairs(given.columns) do made[path] = output.at(value, path) end
    value = made
  end
  if given.json or given.jsonl then
    shell.out(display.json(value) .. "\n")
  elseif type(value) == "table" then
    show(shell, value)
  else
    shell.out(display.visible(output.cell(value, shell)) .. "\n")
  end
end

return output
