-- SPDX-License-Identifier: MIT
--- Rows as a table: fitted to a terminal's width, and whole with tabs between where there is none.
--- A hundred rows decide how wide the columns are; the others follow as they come, so that a list
--- of any length takes the memory of those.
local display = require "livechat.cli.display"
local text = require "livechat.text"

local cli_table = {}

local DECIDING = 100
local GAP = 2
local LEAST = 8 -- columns of a cell; with less, one that was not asked for is left out

local Table = {}
Table.__index = Table

-- What the columns need, taken from the widest ones until the line fits. The first, which tells
-- one row from another, keeps its own as long as it leaves half of the line to the rest.
local function fit(widths, count, columns)
  local room = columns - GAP * (count - 1)
  local total, first = 0, 2
  for i = 1, count do total = total + widths[i] end
  if count == 1 or widths[1] > math.floor(columns / 2) then first = 1 end
  while total > room do
    local widest = first
    for i = first, count do
      if widths[i] > widths[widest] then widest = i end
    end
    if not widths[widest] or widths[widest] <= 1 then break end
    widths[widest], total = widths[widest] - 1, total - 1
  end
end

-- How many columns there are in a line so short.
local function count_fitting(widths, columns)
  local used = -GAP
  for i, width in ipairs(widths) do
    used = used + GAP + (i == 1 and width or math.min(width, LEAST))
    if used > columns then return math.max(1, i - 1) end
  end
  return #widths
end

local function line_of(self, row)
  local cells = {}
  for i = 1, self.count do
    local cell = display.cut(row[i], self.widths[i], self.ellipsis)
    if i < self.count then
      cell = cell .. (" "):rep(self.widths[i] - display.width(cell) + GAP)
    end
    cells[i] = cell
  end
  local line = text.trim_end(table.concat(cells))
  return display.cut(line, self.columns, "") .. "\n"
end

local function decide(self)
  self.widths = {}
  for _, row in ipairs(self.waiting) do
    for i, cell in ipairs(row) do
      self.widths[i] = math.max(self.widths[i] or 0, display.width(cell))
    end
  end
  self.count = self.keeps_all and #self.widths or count_fitting(self.widths, self.columns)
  fit(self.widths, self.count, self.columns)
  for n, row in ipairs(self.waiting) do
    local line = line_of(self, row)
    self.out(n == 1 and self.bold and "\27[1m" .. line:sub(1, -2) .. "\27[0m\n" or line)
  end
  self.waiting = nil
end

--- Takes a row of texts; the first is the head.
---@param row string[]
function Table:add(row)
  local cells = {}
  for i, cell in ipairs(row) do
    cells[i] = display.visible(cell)
  end
  if not self.columns then
    self.out(table.concat(cells, "\t") .. "\n")
  elseif self.waiting then
    table.insert(self.waiting, cells)
    if #self.waiting > DECIDING then decide(self) end
  else
    self.out(line_of(self, cells))
  end
end

--- Writes what waits.
function Table:finish()
  if self.waiting and #self.waiting > 0 then decide(self) end
end

--- A table for what the shell writes to.
---@param shell livechat.Shell
---@param keeps_all? boolean every column is wanted, however short the line
function cli_table.new(shell, keeps_all)
  local columns = shell.is_terminal(1) and shell.columns() or nil
  return setmetatable({ out = shell.out, columns = columns, ellipsis = shell.ellipsis,
    keeps_all = keeps_all, bold = columns and shell.colours(), waiting = columns and {} }, Table)
end

return cli_table
