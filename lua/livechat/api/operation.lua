-- SPDX-License-Identifier: MIT
--- One call of a method: what is sent, and the useful part of its answer. The functions of a
--- dialect's folder that make several calls of one are handed such an operation, which holds them
--- to one deadline.
local core = require "livechat.core"
local disk = require "livechat.events.disk"
local errors = require "livechat.errors"
local reconcile = require "livechat.api.reconcile"
local request = require "livechat.call.request"

---@class livechat.Operation
---@field client livechat.Client
---@field conn livechat.Connection
---@field dialect livechat.Dialect
---@field row table the method's, of the dialect's data
---@field rows table<string, table> those of the same resource, by name
---@field key livechat.Key|nil what its calls go with instead of the account's credentials
--- `conn.rehearse`, where there is one, stands in for what is read: see cli/dry_run.lua.
---@field due number|nil when the whole has to end, on the clock of core.clock
local Operation = { invalid = errors.invalid }
Operation.__index = Operation

local operation = {}

---@param here { client: livechat.Client, conn: livechat.Connection }
---@return livechat.Operation
function operation.new(here, dialect, rows, row)
  return setmetatable({
    client = here.client, conn = here.conn, dialect = dialect, rows = rows, row = row,
    due = here.conn:due(), copy = dialect.copy,
  }, Operation)
end

-- Whether the call may be repeated although it may have acted.
local function is_safe(row, body)
  for _, name in ipairs(row.once or {}) do
    if body and body[name] ~= nil then
      return false
    end
  end
  return row.safe or false
end

-- Whether a call changes nothing: some APIs have every call sent as POST.
local function reads(row)
  return row.verb == "GET" or row.path:find("/action/get_", 1, true) ~= nil
    or row.path:find("/action/list_", 1, true) ~= nil
end

--- What is wrong with an answer; `fields` are those that it does not tell itself.
---@return livechat.Error
function Operation:error(answer, fields)
  fields.method, fields.path, fields.status = answer.method, answer.path, answer.status
  fields.attempts, fields.seconds = answer.attempts, answer.seconds
  return errors.new(fields)
end

--- An answer that is not what was asked for: the call may have acted all the same.
---@return livechat.Error
function Operation:protocol_error(answer, problem)
  return self:error(answer, {
    kind = "protocol", message = problem, body = self.conn:hide(answer.body, self.key),
    outcome = "unknown",
  })
end

--- Has done what a kind needs before things of it are made: a record's `prepare`.
function Operation:prepare(name, value)
  local record = self.dialect.api.records[self.dialect.api.answers[name].kind]
  if record and record.prepare then
    record.prepare(self, value)
  end
end

--- What a value in the wire's form stands for.
---@param name string of the dialect's answers
function Operation:made(name, value)
  self:prepare(name, value)
  return self.dialect:one(name, value, self.client)
end

--- Performs the call of a row: the answer's useful part in the wire's form, or nil and an error.
---@param row table
---@param args table<string, string|number> those of its path
---@param query table|nil
---@param body table|nil
---@param due number|nil default the operation's own
---@return table|nil value
---@return livechat.Error|nil err
---@return table|nil answer the whole of it
function Operation:perform(row, args, query, body, due)
  row = row.choose and row.choose(body or {}) or row
  if self.conn.rehearse and reads(row) then
    local kind = self.dialect.api.answers[row.returns] or {}
    return self.conn.rehearse(args, body, kind.list or kind.page), nil, { headers = {} }
  end
  body = row.write and row.write(body or {}) or body
  local answer, err = self.conn:call {
    service = row.service or self.dialect.api.service, method = row.verb, path = row.path,
    args = args, query = query, body = body,
    safe = is_safe(row, body), gone = row.gone, headers = row.headers, due = due or self.due,
    key = self.key,
  }
  if not answer then
    return nil, err
  end
  answer.method = row.verb
  local value, problem = self.dialect.reader:find(row.returns, answer.decoded)
  if not value then
    return nil, self:protocol_error(answer, problem)
  end
  self:prepare(row.returns, value)
  return value, nil, answer
end

--- The method's own call with a body, which makes a thing: found where its answer was lost.
function Operation:create(args, body)
  return reconcile.create(self, args, body)
end

Operation.once = reconcile.once

--- Seconds of a clock that only goes forward.
Operation.clock = core.clock
--- Epoch seconds of a moment in any form of the wire, nil for what is none.
Operation.time = core.time

--- A header of an answer, nil where it has none.
function Operation.header(answer, name)
  return answer and request.header(answer.headers, name)
end

--- What is in a file of the caller's. In an event loop no step of it waits for the disk.
---@param path string
---@param most integer bytes
---@return string|nil text
---@return string|nil problem
---@return boolean|nil larger it has more than `most` bytes
function Operation:load(path, most)
  local text, word, problem = disk.of(self.conn):run("load", path, most)
  return text, problem, word == "toolarge"
end

--- So many random bytes that cannot be guessed, in hexadecimal.
function Operation.random(bytes)
  local file = assert(io.open("/dev/urandom", "rb"))
  local text = file:read(bytes)
  file:close()
  return (text:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- Performs the call and gives what its answer stands for, and the answer.
---@return any value
---@return livechat.Error|nil err
---@return table|nil answer
function Operation:result(row, args, query, body)
  local value, err, answer = self:perform(row, args, query, body)
  if not value then
    return nil, err
  end
  return self.dialect:one(row.returns, value, self.client), nil, answer
end

--- Sends the method's own call with a body: the record of its answer, or nil and an error.
function Operation:send(args, body)
  return self:result(self.row, args, nil, body)
end

--- Reads the thing by the `get` of its resource.
function Operation:get(args)
  return self:result(self.rows.get, args)
end

return operation
