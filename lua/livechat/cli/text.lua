-- SPDX-License-Identifier: MIT
--- What the commands share about texts: rows of them, their beginnings, counts.
local display = require "livechat.cli.display"
local text = require "livechat.text"

local cli_text = {}

--- Rows of texts as a table for people.
---@param rows string[][] the first is the head
---@return string
function cli_text.table(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i = 1, #row do
      row[i] = display.visible(row[i])
      widths[i] = math.max(widths[i] or 0, display.width(row[i]))
    end
  end
  for n, row in ipairs(rows) do
    local cells = {}
    for i = 1, #row do
      cells[i] = row[i] .. (" "):rep(widths[i] - display.width(row[i]))
    end
    lines[n] = text.trim_end(table.concat(cells, "  ")) .. "\n"
  end
  return table.concat(lines)
end

--- The beginning of a text, for a cell of a table.
---@param value string
function cli_text.first_line(value)
  value = value:match("^[^\n]*")
  return #value > 100 and text.cut(value, 97) .. "..." or value
end

--- "1 event", "2 events".
---@param n integer
---@param noun string
function cli_text.plural(n, noun)
  return ("%d %s%s"):format(n, noun, n == 1 and "" or "s")
end

--- Says why a command failed; its exit status.
---@return integer 1
function cli_text.fail(shell, message)
  shell.say(tostring(message))
  return 1
end

return cli_text
