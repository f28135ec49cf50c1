-- SPDX-License-Identifier: MIT
--- The public face of a client: what is not made from a dialect's data.
local connection = require "livechat.call.connection"
local errors = require "livechat.errors"
local loading = require "livechat.loading"
local options = require "livechat.options"
local read = require "livechat.api.read"
local request = require "livechat.call.request"
local turn = require "livechat.call.turn"

local is = options.is

---@class livechat.Client
---@field agents livechat.Agents
---@field tickets livechat.Tickets
---@field webhooks livechat.Webhooks
---@field groups livechat.Groups
---@field status livechat.Status
---@field tags livechat.Tags
---@field canned_responses livechat.CannedResponses
---@field chats livechat.Chats
---@field visitors livechat.Visitors
---@field goals livechat.Goals
---@field greetings livechat.Greetings
---@field reports livechat.Reports
local Client = {}

local connections = setmetatable({}, { __mode = "k" })

local client = {
  --- How use after close is called.
  CLOSED = "the livechat client is closed",
}

--- The connection behind a client; raises for anything else.
function client.connection(self, fname)
  local conn = connections[self]
  if not conn then
    errors.raise_argument("self", fname, "livechat client expected: call it with a colon")
  end
  return conn
end

-- The same where the client has to be open.
local function open_connection(self, fname)
  local conn = connections[self]
  if not conn then
    errors.raise_argument("self", fname, "livechat client expected: call it with a colon")
  elseif conn.closed then
    errors.raise_argument("self", fname, client.CLOSED)
  end
  return conn
end

-- In place of a resource that cannot be loaded now, because no descriptor is left: its methods give
-- the error, and its loops raise it.
local function without_descriptor(cause)
  local function fail()
    return nil, errors.new { kind = "network", outcome = "not_sent", message = cause }
  end
  local function raise()
    errors.throw(select(2, fail()))
  end
  return setmetatable({}, { __index = function(_, name)
    return (name == "each" or name == "watch") and raise or fail
  end })
end

--- Its resources when it is first asked for one; then what it does not have: a programmer's mistake
--- where another API has it.
function Client.__index(self, name)
  local own, conn = Client[name], connections[self]
  if own ~= nil or not conn or type(name) ~= "string" then
    return own
  elseif conn.attach then
    local fine, problem = pcall(conn.attach)
    if fine then return self[name] end
    local cause, later = loading(problem)
    if later then return without_descriptor(cause) end
    error(problem, 0)
  end
  conn.lacks(name)
end

--- A client over dialects of the service.
---@param wanted livechat.Options
---@param given { dialects: (fun(api: string): table[]), lacks: function, knowing: function,
--- attach: function, user_agent: string, sources: livechat.OptionSources }
--- `dialects`: those of an API, the account's own first; `lacks(api, resource, method)` raises
--- where another API has what this one has not; `knowing(api, fname, field)` gives { other=, own= }
--- where another API has the field; `attach(client, conn, dialects)` gives the client its resources
---@return livechat.Client|nil client
---@return livechat.Error|nil err
function client.new(wanted, given)
  local resolved = options.resolve(wanted, given.sources)
  local dialects = given.dialects(resolved.api)
  local conn, err = connection.new(resolved, dialects, given.user_agent)
  if not conn then
    return nil, err
  end
  function conn.lacks(resource, method)
    if given.lacks then given.lacks(resolved.api, resource, method) end
  end
  function conn.knowing(fname, field)
    return given.knowing and given.knowing(resolved.api, fname, field)
  end
  conn.dialects = dialects
  local self = setmetatable({}, Client)
  connections[self] = conn
  function conn.attach()
    given.attach(self, conn, dialects)
    conn.attach = nil
  end
  if errors.in_nginx then
    conn.attach() -- before the workers fork, which so share it
  end
  return self
end

local REQUEST = {
  service = is.type "string", method = is.type "string", path = is.type "string",
  query = is.type "table",
  body = is.type "table",
}
local SAFE = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true }

--- Anything else that the service has, through the same throttle, retries and errors.
---@param spec { service?: string, method: string, path: string, query?: table, body?: table }
---   service: the name of one of an API's that has several ("helpdesk"); default the first
---@return any decoded the answer (true where it has no body), or nil
---@return table response { status=, headers=<lower-case names>, seconds=, attempts= }, or the error
function Client:request(spec)
  local conn = open_connection(self, "client:request")
  options.must_fit(REQUEST, spec, "client:request")
  local method = (spec.method or "GET"):upper()
  if not spec.path then
    errors.raise_argument("path", "client:request", "string expected, got nil")
  end
  local service = spec.service and conn:service(spec.service)
  if spec.service and not service then
    errors.raise_argument("service", "client:request", "this client has none of that name")
  end
  local answer, err = conn:call {
    service = service, method = method, path = spec.path, query = spec.query, body = spec.body,
    safe = SAFE[method] or false, gone = method == "DELETE" and "not_found" or nil,
  }
  if not answer then
    return nil, err
  end
  local decoded = read.plain(answer.decoded)
  return decoded == nil and true or decoded, {
    status = answer.status, headers = request.headers(answer.headers),
    seconds = answer.seconds, attempts = answer.attempts,
  }
end

--- An action of the service's that has no method of its own, where its API consists of actions.
---@param folder string as "configuration" or "agent"
---@param action string as "list_bots"
---@param payload? table
---@return any decoded the answer (true where it has no body), or nil
---@return livechat.Error|nil err
function Client:call(folder, action, payload)
  local conn = open_connection(self, "client:call")
  if type(folder) ~= "string" or type(action) ~= "string" then
    errors.raise_argument(type(folder) ~= "string" and 1 or 2, "client:call", "string expected")
  elseif payload ~= nil and type(payload) ~= "table" then
    errors.raise_argument(3, "client:call", "table expected, got " .. type(payload))
  end
  local service, row = conn:action(folder, action)
  if not row then
    errors.raise_argument(1, "client:call", "this client's API has no such action")
  end
  local answer, err = conn:call { service = service, method = row.verb, path = row.path,
    body = payload or {}, safe = row.safe ~= nil }
  if not answer then
    return nil, err
  end
  local decoded = read.plain(answer.decoded)
  return decoded == nil and true or decoded
end

--- The throttle's state now: `used` calls of `calls` in the last `period` seconds, and the `wait`
--- (seconds) that a call would have. Without a throttle only `used` and `wait`, both 0.
---@return { calls: integer, period: number, used: integer, wait: number }|nil state
---@return livechat.Error|nil err
function Client:throttled()
  local conn = open_connection(self, "client:throttled")
  if not conn.throttle then
    return { used = 0, wait = 0 }
  end
  local state, err = conn.throttle:state()
  if not state then
    return nil, errors.new(turn.failure(err))
  end
  return state
end

--- What was spent of the budget in this calendar month (UTC) by all who share it; `cost` where the
--- budget was told a price for 1000 calls.
---@return { calls: integer, limit: integer, month: string, cost: number|nil }|nil spent
---@return livechat.Error|nil err
function Client:spent()
  local conn = open_connection(self, "client:spent")
  if not conn.budget then
    return nil, errors.invalid("budget", "was not given to livechat.new")
  end
  local spent, err = turn.spent(conn)
  if not spent then
    return nil, errors.new(turn.budget_failure(err))
  end
  return spent
end

---@class livechat.ClientStats what this client has done since it was made
---@field calls integer calls that were to be made; what was found to be wrong before is none
---@field sent integer attempts at them
---@field waited number seconds that they waited for the throttle and before another attempt
---@field failed table<livechat.ErrorKind, integer> calls that ended with an error, by its kind

--- Also of a client that is closed.
---@return livechat.ClientStats
function Client:stats()
  local counts = client.connection(self, "client:stats").counts
  local copy = { calls = counts.calls, sent = counts.sent, waited = counts.waited, failed = {} }
  for kind, count in pairs(counts.failed) do
    copy.failed[kind] = count
  end
  return copy
end

--- Wipes the credentials from memory and ends what is in flight with an error of kind `closed`.
--- Idempotent; `__close` and the collector do the same.
function Client:close()
  client.connection(self, "client:close"):close()
end

Client.__gc = function(self)
  local conn = connections[self]
  if conn then
    conn:close()
  end
end
Client.__close = Client.__gc

function Client:__tostring()
  local conn = connections[self]
  return "livechat.client: " .. conn.base_url .. (conn.closed and " (closed)" or "")
end

return client
