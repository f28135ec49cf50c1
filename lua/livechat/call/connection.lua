-- SPDX-License-Identifier: MIT
--- The life of a call: reserve a slot of the throttle, submit, wait, retry?, decode.
---
--- A connection is what a client's resources share: credentials, throttle, options. Only this file
--- knows that sending costs a slot.
local core = require "livechat.core"
local errors = require "livechat.errors"
local json = require "livechat.json"
local read = require "livechat.api.read"
local request = require "livechat.call.request"
local retry = require "livechat.call.retry"
local throttle = require "livechat.throttle"
local wait = require "livechat.call.wait"

local connection = {}

local FNAME = "livechat.new"

-- libcurl ends a transfer at its own time-out; this much later it is ended for it.
local GRACE = 5

-- Bytes of the service's words in which the credential is looked for: more than an error keeps.
local HIDDEN_MAX = 16384

---@class livechat.Connection
local Connection = {}
Connection.__index = Connection

-- ---- making and closing ----------------------------------------------------------------------

local function make_secret(options, base_url)
  local secret, _, text
  if options.access_token then
    secret, _, text = core.secret("bearer", options.access_token, base_url)
  else
    secret, _, text = core.secret("basic", options.username, options.api_key, base_url)
  end
  if not secret then
    local field = options.access_token and "access_token" or "username"
    errors.raise_argument(field, FNAME, "cannot be sent as a credential: " .. text)
  end
  return secret
end

--- The header lines of every request, without and with a body.
local function make_lines(service, user_agent, options)
  local headers = { ["User-Agent"] = user_agent }
  for name, value in pairs(service.headers(options)) do
    headers[name] = value
  end
  return { [false] = assert(request.lines(headers, false)),
    [true] = assert(request.lines(headers, true)) }
end

local function make_throttle(option)
  if option == false then
    return nil
  elseif option == nil then
    option = {}
  end
  if type(option) == "userdata" or option.reserve then
    return option
  end
  return throttle.new(option, FNAME)
end

---@param options livechat.Options resolved
---@param api table the dialect's data: `service`
---@param user_agent string
---@return livechat.Connection|nil connection
---@return livechat.Error|nil err
function connection.new(options, api, user_agent)
  local base_url = options.base_url or api.service.base_url
  local base, err = request.base(base_url)
  if not base then
    errors.raise_argument("base_url", FNAME, err.message)
  end
  local limiter
  limiter, err = make_throttle(options.throttle)
  if err then
    return nil, err
  end
  return setmetatable({
    base = base, base_url = base_url, api = api,
    secret = make_secret(options, base_url),
    account = options.username and base .. "\n" .. options.username,
    lines = make_lines(api.service, options.user_agent or user_agent, options),
    timeout = options.timeout, connect_timeout = options.connect_timeout,
    deadline = options.deadline, retry = options.retry, throttle = limiter,
    insecure = options.verify == false, ca_file = options.ca_file, proxy = options.proxy,
    max_response = options.max_response, reconcile = options.reconcile,
    on_wait = options.on_wait, on_attempt = options.on_attempt, on_notice = options.on_notice,
    noticed = {},
    strategy = options.wait and wait.foreign(options.wait),
    calls = setmetatable({}, { __mode = "v" }), -- in flight or asleep, by place
    places = {}, n_places = 0, -- the free ones, and how many there are in all
  }, Connection)
end

--- Wipes the credentials and ends what is in flight with an error of kind `closed`. Idempotent.
function Connection:close()
  self.closed = true
  self.secret:wipe()
  for _, call in pairs(self.calls) do
    call:cancel()
  end
end

--- The same account: the same address and user name, or the same token.
function Connection.same_account(a, b)
  if a == b then
    return true
  end
  if a.account or b.account then
    return a.account == b.account
  end
  return not a.closed and not b.closed and a.secret:equal(b.secret)
end

-- ---- one call --------------------------------------------------------------------------------

--- What happened so far to one call of the user's.
---@class livechat.Life
---@field spec table
---@field path string as it is sent
---@field how table the strategy by which its attempts are awaited
---@field began number on the clock of core.clock
---@field due number|nil
---@field reservation livechat.Reservation|nil the throttle's, for the attempt that is made
---@field moment number when that was made, on the clock of core.clock
---@field number integer attempts made
---@field outcome string|nil the worst of the attempts so far

function Connection:error(life, fields)
  fields.method = life.spec.method
  fields.path = life.path
  fields.attempts = life.number
  fields.seconds = core.clock() - life.began
  if life.unknown then
    fields.outcome = "unknown" -- an earlier attempt may have acted, whatever this one did
  end
  return errors.new(fields)
end

function Connection:closed_error(life, outcome)
  return self:error(life, {
    kind = "closed", outcome = outcome,
    message = self.closed and "the client was closed during the call" or "the worker is exiting",
  })
end

--- Why a call that had to sleep ends there.
function Connection:sleep_error(life, outcome, problem)
  if not problem then
    return self:closed_error(life, outcome)
  end
  return self:error(life, {
    kind = "network", message = "cannot wait: " .. problem, outcome = outcome,
  })
end

--- Time left until the deadline, nil where there is none.
local function left(life)
  return life.due and math.max(0, life.due - core.clock())
end

--- Awaits a call, which close() ends meanwhile. Places are used again, because always new keys keep
--- a table busy with making room.
---@return boolean done
function Connection:await(how, call, time)
  local places = self.places
  local place = places[#places]
  if place then
    places[#places] = nil
  else
    place = self.n_places + 1
    self.n_places = place
  end
  self.calls[place] = call
  local done = how.await(call, time)
  self.calls[place] = nil
  places[#places + 1] = place
  return done
end

-- How long a call may sleep; below that, a worker that is to exit does not wait.
local function patience_of(how)
  return how.patience and how.patience() or math.huge
end

--- Sleeps.
---@return boolean slept false: the client was closed meanwhile, the program is to end before that,
---   or there is nothing to sleep on
---@return string|nil problem why there is nothing to sleep on
function Connection:sleep(time)
  local how = wait.current(self.strategy)
  local due = core.clock() + time
  local call, _, text = how.park()
  if not call then
    return false, text
  end
  local rest = time
  while not self.closed and rest > 0 and rest <= patience_of(how) do
    self:await(how, call, math.min(rest, 1))
    rest = due - core.clock()
  end
  call:drop()
  return not self.closed and rest <= 0
end

function Connection:tell_wait(time)
  if self.on_wait then
    self.on_wait(time)
  end
end

--- The fields of an error: why the throttle lets no call go, or does not tell its state.
---@param err { code: string, message: string, wait: number|nil }
function connection.throttle_failure(err)
  if err.wait then
    return {
      kind = "throttled", outcome = "not_sent", retry_after = err.wait,
      message = ("the throttle would make it wait %.3f s, longer than the deadline")
        :format(err.wait),
    }
  elseif err.code == "mismatch" then
    return { kind = "invalid", outcome = "not_sent", field = "throttle", message = err.message }
  end
  return {
    kind = "network", outcome = "not_sent",
    message = "the throttle is unreachable: " .. err.message,
  }
end

--- Asks the throttle once. Its file may be held by a process that was stopped: for a second that is
--- waited for, the event loop running.
function Connection:reserve(life, reservation)
  local patience = core.clock() + 1
  while true do
    life.moment = core.clock()
    local made, err = self.throttle:reserve(left(life), reservation)
    if made or err.code ~= "busy" or core.clock() > patience or not self:sleep(0.05) then
      return made, err
    end
  end
end

-- Those who wait wake in the same moments, so that a scheduler or Redis is asked once for all.
local function until_beat()
  local now = core.clock()
  return (math.floor(now / throttle.BEAT) + 1) * throttle.BEAT - now
end

--- Waits for the throttle. Nothing is held meanwhile: one that is killed, or whose hook raises, has
--- left the queue within a second.
---@return boolean|nil granted
---@return table|nil err
function Connection:admit(life)
  if not self.throttle then
    return true
  end
  local reservation, err, told
  repeat
    reservation, err = self:reserve(life, reservation)
    if not reservation then
      return nil, self.closed and self:closed_error(life, "not_sent")
        or self:error(life, connection.throttle_failure(err))
    end
    local wait_time = reservation.wait
    local slept, problem = not self.closed and wait_time <= patience_of(life.how), nil
    if slept and wait_time > 0 and self.on_wait and not told then
      told = true
      self.throttle:release(reservation) -- keeps its place, but is not waited for
      self:tell_wait(wait_time)
    elseif slept and wait_time > 0 then
      slept, problem = self:sleep(math.min(wait_time, until_beat()))
    end
    if not slept then
      self.throttle:release(reservation)
      return nil, self:sleep_error(life, "not_sent", problem)
    end
  until wait_time == 0
  life.reservation = reservation
  return true
end

--- Tells the throttle by when the attempt had arrived. What took long on its way must not come
--- closer to the next ones than it left: the connection that was made first, and what the answer
--- took longer than the quickest before it, which tell how long the way and the service's work are.
function Connection:settle(life, result)
  if not life.reservation or not result.sent then
    return
  end
  local sent_at = result.sent_at or life.moment
  local answer = core.clock() - sent_at
  local odd = math.max(0, answer - (self.quickest or 0))
  self.quickest = math.min(self.quickest or answer, answer)
  self.throttle:record_arrival(life.reservation, sent_at - life.moment + odd)
end

function Connection:tell_attempt(life, result)
  if self.on_attempt then
    self.on_attempt {
      method = life.spec.method, path = life.path, attempt = life.number,
      status = result.status, error = not result.status and result.kind or nil,
      seconds = result.seconds,
    }
  end
end

--- Sends once and waits for the answer.
---@return table result as call:take() of the engine gives it
function Connection:attempt(life, wire)
  local timeout = math.min(self.timeout, left(life) or math.huge)
  wire.timeout = math.max(timeout, 0.001)
  local call, code, text = life.how.submit(wire)
  if not call then
    return { code = code, text = text, sent = false, seconds = 0 }
  end
  if not self:await(life.how, call, timeout + GRACE) then
    call:cancel()
  end
  local result = call:take()
  if result.code == "cancelled" and not self.closed then
    result.code, result.text = "timeout", "no answer within " .. timeout .. " s"
  end
  return result
end

--- Decodes the body of a 2xx answer; nil where it has none.
---@return any decoded
---@return string|nil problem
local function decode(result)
  if result.body == "" then
    return nil
  end
  local decoded, text = json.decode(result.body, core.utf8)
  if text then
    return nil, "the answer is not JSON: " .. text
  end
  return decoded
end

local DEPRECATED = { "Deprecation", "Legacy", "Sunset" }

--- Tells once for each endpoint that the service calls it deprecated.
function Connection:notice(life, result)
  local endpoint = self.on_notice and life.spec.method .. " " .. life.spec.path
  if not endpoint or self.noticed[endpoint] or not result.headers then
    return
  end
  for _, name in ipairs(DEPRECATED) do
    local value = request.header(result.headers, name)
    if value then
      self.noticed[endpoint] = true
      self.on_notice(endpoint .. ": the service says " .. name .. ": " .. (self:hide(value) or ""))
      return
    end
  end
end

--- What the service wrote, without the credential, should it have told it back; nil where that can
--- no longer be seen to.
---@param text string|nil
---@return string|nil
function Connection:hide(text)
  return text and self.secret:hide(text:sub(1, HIDDEN_MAX))
end

function Connection:failure_message(result, decoded)
  if result.status then
    local text = self:hide(read.error_text(decoded, result.body))
    return text or ("the service answered with status " .. result.status)
  end
  return result.text
end

--- What the decision functions are told of an attempt.
function Connection:describe(life, result)
  return {
    method = life.spec.method, safe = life.spec.safe, number = life.number,
    status = result.status, code = result.code, sent = result.sent,
    retry_after = result.headers and request.header(result.headers, "Retry-After"),
    date = result.headers and request.header(result.headers, "Date"),
    now = core.now(), random = core.random(), elapsed = core.clock() - life.began,
    deadline_left = left(life),
  }
end

function Connection:failure(life, result, attempt)
  if self.closed and result.code then
    return self:closed_error(life, retry.outcome(attempt))
  end
  local decoded = result.status and json.decode(result.body, core.utf8) or nil
  local kind, code
  if result.status and self.api.failure then
    kind, code = self.api.failure(result.status, decoded)
  end
  local fields = {
    kind = kind or retry.kind(attempt), code = code, outcome = retry.outcome(attempt),
    message = self:failure_message(result, decoded), status = result.status,
    body = self:hide(result.body), retry_after = retry.retry_after(attempt),
  }
  return self:error(life, fields)
end

--- A repeated removal that finds nothing: the lost attempt before it did the work.
local function removed_before(life, result)
  return (life.spec.gone or life.spec.method == "DELETE") and result.status == 404 and life.unknown
end

--- After a failed attempt: waits for the next one, or gives the error that ends the call.
---@return boolean|nil again
---@return table|nil err
function Connection:recover(life, result)
  local attempt = self:describe(life, result)
  local err = self:failure(life, result, attempt)
  local hold = retry.hold(self.retry, attempt)
  if hold and self.throttle then
    self.throttle:pause(hold)
  end
  local pause = not self.closed and retry.decide(self.retry, attempt)
  if not pause then
    return nil, err
  end
  life.unknown = life.unknown or err.outcome == "unknown"
  self:tell_wait(pause)
  local slept, problem = self:sleep(pause)
  if not slept then
    return nil, self:sleep_error(life, err.outcome, problem)
  end
  return true
end

function Connection:wire(spec)
  local built, err = request.build(self.base, {
    method = spec.method, path = spec.path, args = spec.args, query = spec.query,
    body = spec.body, lines = self.lines[spec.body ~= nil],
  })
  if not built then
    return nil, err
  end
  return {
    method = built.method, url = built.url, path = built.path, headers = built.headers,
    body = built.body, secret = self.secret, timeout = self.timeout,
    connect_timeout = self.connect_timeout, max_response = self.max_response,
    insecure = self.insecure, ca_file = self.ca_file, proxy = self.proxy, once = not spec.safe,
    notify = false,
  }
end

--- When a call that begins now has to end, on the clock of core.clock; nil where it has no end.
function Connection:due()
  return self.deadline and core.clock() + self.deadline
end

--- Performs one call of the service, through throttle and retries.
---@param spec table { method=, path=, args=, query=, body=, safe=<may be repeated>,
---   due=<on the clock of core.clock> }
---@return table|nil answer { decoded=, status=, headers=<raw lines>, body=, seconds=, attempts= }
---@return table|nil err
function Connection:call(spec)
  local how = wait.current(self.strategy) -- raises where a call cannot wait, before it costs a slot
  local wire, invalid = self:wire(spec)
  if not wire then
    return nil, invalid
  end
  local began, path = core.clock(), wire.path
  local life = {
    spec = spec, path = path, how = how, began = began, number = 0,
    due = spec.due or self:due(),
  }
  if self.closed then
    return nil, self:closed_error(life, "not_sent")
  end
  while true do
    local granted, err = self:admit(life)
    if not granted then
      return nil, err
    end
    life.number = life.number + 1
    local result = self:attempt(life, wire)
    self:settle(life, result)
    result.kind = result.code and retry.kind(result)
    self:tell_attempt(life, result)
    self:notice(life, result)
    if removed_before(life, result) then
      return { status = result.status, headers = result.headers, attempts = life.number,
        path = path, seconds = core.clock() - began }
    end
    if result.status and result.status >= 200 and result.status < 300 then
      local decoded, problem = decode(result)
      if problem then
        return nil, self:error(life, {
          kind = "protocol", message = problem, status = result.status,
          body = self:hide(result.body), outcome = "unknown",
        })
      end
      return {
        decoded = decoded, status = result.status, headers = result.headers, body = result.body,
        path = path, seconds = core.clock() - began, attempts = life.number,
      }
    end
    local again
    again, err = self:recover(life, result)
    if not again then
      return nil, err
    end
  end
end

return connection
