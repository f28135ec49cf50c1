-- SPDX-License-Identifier: MIT
--- Rows with numbers as bars in a terminal, and as lines in an SVG file. Pure.
local display = require "livechat.cli.display"

local plot = {}

local BLOCKS = { "▏", "▎", "▍", "▌", "▋", "▊", "▉" } -- eighths of a column
local COLOURS = { "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf" }
local WIDTH, HEIGHT, MARGIN = 800, 300, 40

local function add(series, by_name, name, i, value)
  if type(value) ~= "number" then return end
  if not by_name[name] then
    by_name[name] = { name = name, values = {} }
    series[#series + 1] = by_name[name]
  end
  by_name[name].values[i] = value
end

--- The numbers in rows, each member a series; those within objects by their paths.
---@param rows table[]
---@return { name: string, values: table<integer, number> }[] series by name
---@return string[] labels
function plot.series(rows)
  local series, by_name, labels = {}, {}, {}
  for i, row in ipairs(rows) do
    labels[i] = display.visible(tostring(row.date or row.name or row.id or i))
    for name, value in pairs(row) do
      add(series, by_name, tostring(name), i, value)
      for inner, number in pairs(type(value) == "table" and value or {}) do
        add(series, by_name, name .. "." .. tostring(inner), i, number)
      end
    end
  end
  table.sort(series, function(a, b) return a.name < b.name end)
  return series, labels
end

local function most(values, count)
  local found = 0
  for i = 1, count do found = math.max(found, values[i] or 0) end
  return found
end

local function bar(value, top, columns, blocks)
  local length = top > 0 and math.max(0, value) / top * columns or 0
  local full = math.floor(length)
  local part = math.floor((length - full) * 8)
  if not blocks then return ("#"):rep(math.floor(length + 0.5)) end
  return ("█"):rep(full) .. (BLOCKS[part] or "")
end

local function number(value)
  return value % 1 == 0 and ("%.0f"):format(value) or ("%.2f"):format(value)
end

--- Bars, a line for each row; one block for each series.
---@param rows table[]
---@param columns integer of the terminal
---@param blocks boolean whether it shows more than ASCII
---@return string
function plot.bars(rows, columns, blocks)
  local series, labels = plot.series(rows)
  local lines, widest = {}, 0
  for _, label in ipairs(labels) do widest = math.max(widest, display.width(label)) end
  widest = math.min(widest, math.floor(columns / 2))
  for _, one in ipairs(series) do
    local top = most(one.values, #rows)
    local digits = 0
    for i = 1, #rows do digits = math.max(digits, #number(one.values[i] or 0)) end
    local room = math.max(1, columns - widest - digits - 2)
    lines[#lines + 1] = display.cut(display.visible(one.name), columns, "")
    for i, label in ipairs(labels) do
      label = display.cut(label, widest, "")
      local value = one.values[i] or 0
      lines[#lines + 1] = ("%s%s %s%s %s"):format(label, (" "):rep(widest - display.width(label)),
        (" "):rep(digits - #number(value)), number(value), bar(value, top, room, blocks))
    end
  end
  return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
end

local function escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
    ['"'] = "&quot;" }))
end

local function points(values, count, top)
  local list = {}
  for i = 1, count do
    local x = MARGIN + (count > 1 and (i - 1) / (count - 1) or 0.5) * (WIDTH - 2 * MARGIN)
    local y = HEIGHT - MARGIN - (values[i] or 0) / top * (HEIGHT - 2 * MARGIN)
    list[i] = ("%d,%d"):format(math.floor(x + 0.5), math.floor(y + 0.5)) -- no locale's comma
  end
  return table.concat(list, " ")
end

--- The same as an SVG document: a line for each series.
---@param rows table[]
---@param title string
---@return string
function plot.svg(rows, title)
  local series, labels = plot.series(rows)
  local top = 0
  for _, one in ipairs(series) do top = math.max(top, most(one.values, #rows)) end
  top = top > 0 and top or 1
  local parts = {
    ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" '
      .. 'font-size="12" role="img">'):format(WIDTH, HEIGHT + 16 * #series),
    "<title>" .. escape(title) .. "</title>",
    ('<path d="M%d %dV%dH%d" fill="none" stroke="#888"/>'):format(MARGIN, MARGIN, HEIGHT - MARGIN,
      WIDTH - MARGIN),
    ('<text x="%d" y="%d" text-anchor="end">%s</text>'):format(MARGIN - 4, MARGIN + 4, number(top)),
    ('<text x="%d" y="%d">%s</text>'):format(MARGIN, HEIGHT - MARGIN + 16, escape(labels[1] or "")),
    ('<text x="%d" y="%d" text-anchor="end">%s</text>'):format(WIDTH - MARGIN,
      HEIGHT - MARGIN + 16, escape(labels[#labels] or "")),
  }
  for i, one in ipairs(series) do
    local colour = COLOURS[(i - 1) % #COLOURS + 1]
    parts[#parts + 1] = ('<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>')
      :format(points(one.values, #rows, top), colour)
    parts[#parts + 1] = ('<text x="%d" y="%d" fill="%s">%s</text>'):format(MARGIN,
      HEIGHT + 16 * i - 8, colour, escape(display.visible(one.name)))
  end
  parts[#parts + 1] = "</svg>\n"
  return table.concat(parts, "\n")
end

return plot
