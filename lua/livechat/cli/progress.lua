-- SPDX-License-Identifier: MIT
--- How far something is, on one line of stderr that is written over; nothing where that is no
--- terminal.
local core = require "livechat.core"

local progress = {}

local PAUSE = 0.2 -- seconds between two writings

local Progress = {}
Progress.__index = Progress

local function remaining(seconds)
  if seconds < 60 then return ("%d s left"):format(math.ceil(seconds)) end
  if seconds < 3600 then return ("%d min left"):format(math.ceil(seconds / 60)) end
  return ("%.1f h left"):format(seconds / 3600)
end

--- One more is done.
function Progress:step()
  self.n = self.n + 1
  local now = core.clock()
  if not self.shown or now - self.told < PAUSE then return end
  self.told = now
  local rate = self.n / math.max(now - self.began, 0.001)
  local line = self.total and ("%d of %d"):format(self.n, self.total) or tostring(self.n)
  line = ("%s, %.1f a second"):format(line, rate)
  if self.total and self.total > self.n then
    line = line .. ", " .. remaining((self.total - self.n) / rate)
  end
  io.stderr:write("\r\27[K", line:sub(1, math.max(1, self.columns - 1)))
  io.stderr:flush()
  self.dirty = true
end

--- Takes the line away.
function Progress:clear()
  if self.dirty then
    io.stderr:write("\r\27[K")
    self.dirty = false
  end
end

---@param shell livechat.Shell
---@param total integer|nil how many there will be, where that is known
function progress.new(shell, total)
  local shown = shell.is_terminal(2)
  local now = core.clock()
  return setmetatable({ n = 0, total = total, began = now, told = now, shown = shown,
    columns = shown and shell.columns() or 80 }, Progress)
end

return progress
