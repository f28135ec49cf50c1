-- SPDX-License-Identifier: MIT
--- What the file of an event tells: its first line is the event, each further line what happened to
--- it since.
local json = require "livechat.json"

local history = {}

---@param text string
---@return { text: string, attempts: integer, handled: string[], due: number|nil, error: any }
function history.read(text)
  local first, rest = text:match("^([^\n]*)\n?(.*)$")
  local told = { text = first, attempts = 0, handled = {} }
  for line in rest:gmatch("[^\n]+") do
    local entry = json.decode(line)
    if type(entry) == "table" then
      if entry.began then told.attempts = told.attempts + 1 end
      if entry.released then told.attempts = told.attempts - 1 end
      if entry.retried then told.attempts, told.due = 0, nil end
      told.due = tonumber(entry.due) or told.due
      told.error = entry.error or told.error
      told.handled = type(entry.handled) == "table" and entry.handled or told.handled
    end
  end
  return told
end

--- Whether it is an event, as it is stored today, or was by earlier versions: a JSON object,
--- perhaps behind a word.
function history.is_event(text)
  return text:find("^%l?%w* ?[ \t]*{") ~= nil or text:find("^\239\187\191[ \t]*{") ~= nil
end

return history
