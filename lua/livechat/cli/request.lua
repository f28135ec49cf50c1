-- SPDX-License-Identifier: MIT
--- `livechat api METHOD PATH`: whatever else the service has.
local account = require "livechat.cli.account"
local client_of = require "livechat.client".connection
local display = require "livechat.cli.display"
local dry_run = require "livechat.cli.dry_run"
local json = require "livechat.json"
local output = require "livechat.cli.output"

local MOST_PAGES = 100000

local function put(into, path, value)
  local place, outer, last = into, path:match("^(.*)%.([^.]+)$")
  for name in (outer or ""):gmatch("[^.]+") do
    if type(place[name]) ~= "table" then place[name] = {} end
    place = place[name]
  end
  local name = last or path
  if place[name] == nil then
    place[name] = value
  elseif json.is_array(place[name]) then
    table.insert(place[name], value)
  else
    place[name] = json.array { place[name], value } -- said twice: a list
  end
end

-- "k=v" is a text, "k:=v" JSON.
local function fields_of(list)
  local made = {}
  for _, field in ipairs(list or {}) do
    local name, typed, value = field:match("^([^:=]+)(:?)=(.*)$")
    if not name then return nil, "--field " .. field .. ": must be NAME=TEXT or NAME:=JSON" end
    if typed == ":" then
      value = json.decode(value)
      if value == nil then return nil, "--field " .. name .. ": must be JSON" end
      value = json.fold(value)
    end
    put(made, name, value)
  end
  return made
end

local function body_of(given)
  if not given.input then return nil end
  local body = json.decode(given.input)
  if type(body) ~= "table" then return nil, "--input: must be a JSON object or list" end
  return json.fold(body)
end

-- The one list in an answer, or the answer where it is one.
local function items_of(decoded)
  if type(decoded) ~= "table" then return nil end
  if decoded[1] ~= nil or json.is_array(decoded) then return decoded end
  local found
  for _, value in pairs(decoded) do
    if type(value) == "table" and (value[1] ~= nil or json.is_array(value)) then
      if found then return nil end
      found = value
    end
  end
  return found
end

local function every_page(shell, given, client, spec)
  local writer = output.writer(shell, { jsonl = given.jsonl, json = not given.jsonl })
  spec.query = spec.query or {}
  local first = tonumber(spec.query.page) or 1
  for page = first, first + MOST_PAGES do
    spec.query.page = page
    local decoded, err = client:request(spec)
    if not decoded then return account.failed(shell, err) end
    local items = items_of(decoded)
    if not items then
      shell.say("the answer has no one list: leave --all out")
      return 1
    end
    for i = 1, #items do writer:add(items[i]) end
    local pages = tonumber(decoded.pages)
    if #items == 0 or not pages or page >= pages then break end
  end
  writer:finish()
  return 0
end

local function show_request(shell, given, client, spec)
  local conn = client_of(client, "livechat api")
  local service = spec.service and conn:service(spec.service)
  local prepared, err = conn:prepare(spec, service and conn.services[service] or conn.main)
  if not prepared then return account.failed(shell, err) end
  dry_run.show(shell, given, prepared)
  return 0
end

local function call(shell, given, client, spec)
  if given["dry-run"] then
    return show_request(shell, given, client, spec)
  elseif given.all then
    return every_page(shell, given, client, spec)
  end
  local decoded, err = client:request(spec)
  if decoded == nil then return account.failed(shell, err) end
  local items = given.jsonl and items_of(decoded) or nil
  for i = 1, items and #items or 0 do shell.out(display.json(items[i]) .. "\n") end
  if not items and decoded ~= true then shell.out(display.json(decoded) .. "\n") end
  return 0
end

local api = {
  summary = "make any call of the service: its answer as JSON",
  usage = "[METHOD] PATH",
  example = "livechat api GET /tickets --field status=open --all --jsonl",
  options = {
    { name = "field", kind = "any", value = "NAME=TEXT", list = true,
      help = "of the query, or of the body where the method has one; NAME:=JSON" },
    { name = "input", kind = "any", value = "JSON", from_file = true,
      help = "the body; - reads stdin, --input-file PATH a file" },
    { name = "service", kind = "text", value = "NAME",
      help = "with --api v3: helpdesk or accounts; default livechat" },
    { name = "all", kind = "flag", help = "every page of a list, its items alone" },
    { name = "jsonl", kind = "flag", help = "the items of a list, one a line" },
    { name = "dry-run", kind = "flag", help = "print the request and send nothing" },
    account.OPTIONS[1], account.OPTIONS[2],
  },
}

function api.run(given, rest, shell)
  local method, path = (rest[1] or ""):upper(), rest[2]
  if #rest == 1 then method, path = "GET", rest[1] end
  if not path or #rest > 2 then return nil, "a method and a path expected: GET /agents" end
  if not method:find("^%u+$") then return nil, "no such method: " .. method end
  if given.all and method ~= "GET" then return nil, "--all: only with GET" end
  local fields, problem = fields_of(given.field)
  local body
  if fields then body, problem = body_of(given) end
  if problem then return nil, problem end
  if body and next(fields) then return nil, "either --input or --field" end
  local in_query = method == "GET" or method == "HEAD" or method == "DELETE"
  local spec = { service = given.service, method = method, path = path,
    query = in_query and fields or nil,
    body = body or not in_query and next(fields) and fields or nil }
  local client, status = account.client(shell, given)
  if not client then return status end
  if given.service and not client_of(client, "livechat api"):service(given.service) then
    client:close()
    return nil, "--service " .. given.service .. ": this API has none of that name"
  end
  status = call(shell, given, client, spec)
  client:close()
  return status
end

return { api = api }
