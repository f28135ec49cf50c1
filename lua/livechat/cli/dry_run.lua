-- SPDX-License-Identifier: MIT
--- `--dry-run`: what a command would send, and nothing is sent. A method that reads before it
--- changes is given things that have no more than their ids; what it then would send is what the
--- command's own words decide, and a line on stderr tells that more may be kept.
local account = require "livechat.cli.account"
local check = require "livechat.api.check"
local client_of = require "livechat.client".connection
local display = require "livechat.cli.display"
local errors = require "livechat.errors"
local json = require "livechat.json"
local text = require "livechat.text"

local unpack = table.unpack or unpack

local dry_run = {}

--- Writes a request out, without its secrets.
---@param shell livechat.Shell
---@param given { json?: boolean, jsonl?: boolean }
---@param request { method: string, url: string, body?: string }
function dry_run.show(shell, given, request)
  local shown = request.body and text.redact(request.body)
  if given.json or given.jsonl then
    shell.out(display.json { method = request.method, url = request.url,
      body = shown and json.decode(shown) } .. "\n")
  else
    shell.out(request.method .. " " .. request.url .. "\n")
    if shown then shell.out(display.visible(shown) .. "\n") end
  end
end

local function is_read(request)
  return request.method == "GET" or request.url:find("/action/get_", 1, true) ~= nil
    or request.url:find("/action/list_", 1, true) ~= nil
end

-- What stands for what is read.
local function nothing_known(args, body, is_list)
  if is_list then return json.array {} end
  local id = args.id or args.login or body and body.id
  return { id = id, ID = id }
end

-- Calls the method with a client that makes its requests and sends none: the first of them, and
-- the error where it comes to none.
local function first_request(client, command, args, rehearse)
  local conn, taken = client_of(client, "livechat"), {}
  conn.prepare, conn.rehearse = nil, rehearse -- those of an earlier id
  local prepare = conn.prepare
  conn.prepare = function(self, spec, place)
    local prepared, err = prepare(self, spec, place)
    taken.place = taken.place or place
    if not prepared then return nil, err end
    taken.request = taken.request or prepared
    return nil, errors.new { kind = "cancelled", message = "nothing is sent", outcome = "not_sent" }
  end
  local resource = client[command.resource]
  local fine, value, err = pcall(resource[command.row.name], resource, unpack(args, 1, args.n))
  if not fine and not rehearse then error(value, 0) end -- what was made up may not do
  function taken.prepare(spec) return prepare(conn, spec, taken.place) end
  return taken, err
end

local function is_empty(value)
  return type(value) == "table" and next(value) == nil
end

-- A rehearsed request without the empty lists that stand for what was not read, unless the
-- command's words ask for an empty one.
local function without_made_up(request, fields)
  local body = request and request.body and json.decode(request.body)
  if type(body) ~= "table" or type(fields) ~= "table" or is_empty(fields) then return request end
  for _, value in pairs(fields) do
    if is_empty(value) then return request end
  end
  for name, value in pairs(body) do
    if is_empty(value) then body[name] = nil end
  end
  return { method = request.method, url = request.url, body = json.encode(body) }
end

-- The request of the method's own row, as far as the command's words decide it.
local function own_request(command, args, values, prepare)
  local row = command.row
  if not row.verb then return nil end
  local body = check.fields(command.specs, row.fields and args[args.n] or {})
  if row.value then body = { [row.value.name] = args[args.n] } end
  return body and prepare { method = row.verb, path = row.path, args = values, body = body }
end

--- Shows what a command would send; the status.
---@param shell livechat.Shell
---@param given table the command's options
---@param command livechat.Command of a resource
---@param client livechat.Client
---@param args table the method's arguments
---@param values table<string, string> those of its path
---@return integer
function dry_run.run(shell, given, command, client, args, values)
  local taken, err = first_request(client, command, args)
  local request = taken.request
  if not request then return account.failed(shell, err) end
  if is_read(request) and not command.reads then
    local rehearsed = first_request(client, command, args, nothing_known).request
    if not rehearsed or is_read(rehearsed) then
      rehearsed = own_request(command, args, values, taken.prepare)
    end
    shell.say("what is there already is read first, and kept in what is sent: "
      .. request.method .. " " .. request.url)
    request = without_made_up(rehearsed, args[args.n]) or request
  end
  dry_run.show(shell, given, request)
  return 0
end

return dry_run
