-- SPDX-License-Identifier: MIT
--- Files that go with a ticket or a reply: looked at before anything is sent, then sent into a
--- transaction, which the ticket names. ([D] docs/service.md) The calls are made by the operation
--- that is handed in.
local errors = require "livechat.errors"

local attachments = {}

local MOST, LARGEST = 20, 10 * 2 ^ 20 -- files; bytes of one

local function invalid(i, message)
  return nil, errors.invalid(("attachments[%d]"):format(i), message)
end

-- One file, given as a path or as it is in memory.
local function file_of(op, each, i)
  local file, problem, larger = each, nil, nil
  if type(each) == "string" then
    file = { name = each:match("[^/]+$") or each }
    file.data, problem, larger = op:load(each, LARGEST)
  end
  if larger or file.data and #file.data > LARGEST then
    return invalid(i, "is larger than 10 MB")
  elseif not file.data then
    return invalid(i, "cannot be read: " .. each .. ": " .. tostring(problem))
  elseif file.name == "" or file.name:find("%c") then
    return invalid(i, "has a name that is empty or holds control characters")
  end
  return { name = file.name, data = file.data }
end

--- The files as they are sent.
---@param op livechat.Operation
---@param given (string|{ name: string, data: string })[]|nil paths, or files that are in memory
---@return { name: string, data: string }[]|nil files
---@return livechat.Error|nil err
function attachments.read(op, given)
  if not given or #given == 0 then
    return nil
  elseif #given > MOST then
    return nil, errors.invalid("attachments", ("must be at most %d files"):format(MOST))
  end
  local files = {}
  for i, each in ipairs(given) do
    local file, err = file_of(op, each, i)
    if not file then
      return nil, err
    end
    files[i] = file
  end
  return files
end

-- multipart/form-data (RFC 7578): a boundary of 128 random bits is in none of the files.
local function form(files, boundary)
  local parts = {}
  for _, file in ipairs(files) do
    parts[#parts + 1] = "--" .. boundary
      .. '\r\nContent-Disposition: form-data; name="attachments"; filename="'
      .. file.name:gsub('["\\]', "\\%0") .. '"\r\nContent-Type: application/octet-stream\r\n\r\n'
    parts[#parts + 1] = file.data
    parts[#parts + 1] = "\r\n"
  end
  parts[#parts + 1] = "--" .. boundary .. "--\r\n"
  return table.concat(parts)
end

local BEGIN = { verb = "POST", path = "/transactions", safe = true, returns = "transaction" }

--- Sends files; the transaction's ID. What fails here has changed no ticket.
---@param op livechat.Operation
---@param files { name: string, data: string }[]
---@param ticket string|nil the ID of the one that they are for
---@return string|nil id
---@return livechat.Error|nil err
function attachments.send(op, files, ticket)
  local transaction, err = op:perform(BEGIN, {}, nil, { ticketID = ticket, type = "ticket" })
  if transaction then
    local boundary = "livechat-" .. op.random(16)
    local sent
    sent, err = op:perform({ verb = "POST", path = "/transactions/{id}/attachments",
      returns = "anything",
      headers = { ["Content-Type"] = "multipart/form-data; boundary=" .. boundary } },
      { id = transaction.ID }, nil, form(files, boundary))
    if sent then return transaction.ID end
  end
  if err.outcome == "unknown" then err.outcome = "not_sent" end
  return nil, err
end

return attachments
