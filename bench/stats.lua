-- SPDX-License-Identifier: MIT
--- Measures two things side by side and says whether a goal is met. A machine drifts by more
-- than the differences that count here, so what is compared runs in turns, and the figure is the
-- median over the turns of what each pair gave.
local stats = { missed = 0 }

---@param values number[]
---@return number
function stats.median(values)
  local sorted = {}
  for i, value in ipairs(values) do sorted[i] = value end
  table.sort(sorted)
  local half = math.floor(#sorted / 2)
  if #sorted % 2 == 1 then return sorted[half + 1] end
  return (sorted[half] + sorted[half + 1]) / 2
end

---@param values number[]
---@param share number 0.99 for the 99th percentile
---@return number
function stats.percentile(values, share)
  local sorted = {}
  for i, value in ipairs(values) do sorted[i] = value end
  table.sort(sorted)
  return sorted[math.max(1, math.ceil(#sorted * share))]
end

--- Runs `a` and `b` in turns, the order changing, after one turn that does not count. Each is given
-- nothing and returns its own figure: microseconds a call, a rate, anything but 0.
---@param turns integer
---@param a fun(): number
---@param b fun(): number
---@return { a: number, b: number, ratio: number, difference: number } medians; a / b and a - b
function stats.paired(turns, a, b)
  local as, bs, ratios, differences = {}, {}, {}, {}
  for turn = 0, turns do
    local x, y
    if turn % 2 == 0 then
      x = a()
      y = b()
    else
      y = b()
      x = a()
    end
    if turn > 0 then
      as[turn], bs[turn], ratios[turn], differences[turn] = x, y, x / y, x - y
    end
  end
  return {
    a = stats.median(as), b = stats.median(bs), ratio = stats.median(ratios),
    difference = stats.median(differences),
  }
end

--- Prints one line: the figure, the goal, and whether it is met.
---@param name string
---@param value number
---@param unit string
---@param goal { at_most: number|nil, at_least: number|nil }|nil nil: for information
---@return boolean met
function stats.report(name, value, unit, goal)
  local line, met = ("%-58s %10.3f %-6s"):format(name, value, unit), true
  if goal then
    met = value == value and value <= (goal.at_most or math.huge)
      and value >= (goal.at_least or -math.huge)
    line = ("%s  goal %s %g: %s"):format(line, goal.at_most and "at most" or "at least",
      goal.at_most or goal.at_least, met and "met" or "MISSED")
  end
  print(line)
  io.stdout:flush()
  if not met then stats.missed = stats.missed + 1 end
  return met
end

--- Ends a bench: with status 1 where a goal was missed.
function stats.finish()
  os.exit(stats.missed == 0 and 0 or 1, true)
end

--- Microseconds a call of a bare C loop over libcurl (bare.c, built by `make bench`).
---@param url string
---@param options { calls: integer, concurrency: integer|nil, ca_file: string|nil,
---  headers: string[]|nil }
---@return number
function stats.bare(url, options)
  local words = { "build/bench/bare", "-n", options.calls, "-c", options.concurrency or 0 }
  if options.ca_file then words[#words + 1] = "-k '" .. options.ca_file .. "'" end
  for _, header in ipairs(options.headers or {}) do words[#words + 1] = "-H '" .. header .. "'" end
  words[#words + 1] = "'" .. url .. "'"
  local pipe = assert(io.popen(table.concat(words, " ")))
  local text = pipe:read("*a")
  pipe:close()
  return assert(tonumber(text), "build/bench/bare gave no figure for " .. url)
end

return stats
