-- SPDX-License-Identifier: MIT
--- The state of a call: reserve a slot of the throttle, submit, wait, retry?, decode.
---
--- A connection is what a client's resources share: credentials, throttle, options, whichever of
--- the services a call goes to. Only this file knows that sending costs a slot.
local core = require "livechat.core"
local errors = require "livechat.errors"
local notice = require "livechat.call.notice"
local request = require "livechat.call.request"
local retry = require "livechat.call.retry"
local services = require "livechat.call.services"
local throttle = require "livechat.throttle"
local turn = require "livechat.call.turn"
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
---@param dialects table[] their data; the service of the first is the account's
---@param user_agent string
---@return livechat.Connection|nil connection
---@return livechat.Error|nil err
function connection.new(options, dialects, user_agent)
  local places = services.places(dialects, options, user_agent)
  local main = places[dialects[1].service]
  local by_oauth = options.oauth
    and require "livechat.call.signin".new(options.oauth, FNAME, options.wait)
  local limiter, err = make_throttle(options.throttle)
  local spending
  if not err and options.budget then
    spending, err = require "livechat.throttle.budget".new(options.budget, FNAME)
  end
  if err then
    return nil, err
  end
  return setmetatable({
    main = main, services = places, base_url = main.base_url,
    dialects = dialects, client_id = options.client_id,
    signin = by_oauth,
    account = by_oauth and main.base .. "\n" .. by_oauth:account()
      or options.username and main.base .. "\n" .. options.username,
    username = options.username,
    timeout = options.timeout, connect_timeout = options.connect_timeout,
    deadline = options.deadline, retry = options.retry, throttle = limiter,
    budget = spending,
    insecure = options.verify == false, ca_file = options.ca_file, proxy = options.proxy,
    max_response = options.max_response, reconcile = options.reconcile,
    on_wait = options.on_wait, on_attempt = options.on_attempt, on_notice = options.on_notice,
    noticed = {}, counts = { calls = 0, sent = 0, waited = 0, failed = {} },
    strategy = options.wait and wait.foreign(options.wait),
    calls = setmetatable({}, { __mode = "v" }), -- in flight or asleep, by place
    places = {}, n_places = 0, -- the free ones, and how many there are in all
  }, Connection)
end

--- Wipes the credentials and ends what is in flight with an error of kind `closed`. Idempotent.
function Connection:close()
  self.closed = true
  for _, place in pairs(self.services) do
    if place.secret then place.secret:wipe() end
  end
  if self.signin then self.signin:wipe() end
  for _, call in pairs(self.calls) do
    call:cancel()
  end
end

--- The service of that name, nil where there is none.
---@param name string
---@return table|nil service
function Connection:service(name)
  for service in pairs(self.services) do
    if service.name == name then
      return service
    end
  end
end

--- The row of an action that has no method, and its service, where a dialect has actions.
---@return table|nil service
---@return table|nil row
function Connection:action(folder, name)
  for _, dialect in ipairs(self.dialects) do
    local row = dialect.action and dialect.action(folder, name)
    if row then
      return dialect.service, row
    end
  end
end

--- Signs in anew, at every service. What is in flight has the credential that it left with; the
--- next attempt has this one.
---@param credential { access_token?: string, username?: string, api_key?: string }
function Connection:sign_in(credential)
  services.bind(self.services, credential)
end

--- The same account: the same address and user name, or the same token.
function Connection.same_account(a, b)
  if a == b then
    return true
  end
  if a.account or b.account then
    return a.account == b.account
  end
  return not a.closed and not b.closed and a.main.secret:equal(b.main.secret)
end

-- ---- one call --------------------------------------------------------------------------------

--- What happened so far to one call of the user's.
---@class livechat.CallState
---@field spec table
---@field place livechat.ServicePlace where it goes
---@field path string as it is sent
---@field strategy table by which its attempts are awaited
---@field began number on the clock of core.clock
---@field due number|nil when it has to end, on that clock
---@field reservation livechat.Reservation|nil the throttle's, for the attempt that is made
---@field reserved_at number when that was made, on that clock
---@field number integer attempts made
---@field unknown boolean|nil whether an attempt so far may have acted

function Connection:error(state, fields)
  fields.method = state.spec.method
  fields.path = state.path
  fields.attempts = state.number
  fields.seconds = core.clock() - state.began
  if state.unknown then
    fields.outcome = "unknown" -- an earlier attempt may have acted, whatever this one did
  end
  return errors.new(fields)
end

function Connection:closed_error(state, outcome)
  return self:error(state, {
    kind = "closed", outcome = outcome,
    message = self.closed and "the client was closed during the call" or "the worker is exiting",
  })
end

--- Why a call that had to sleep ends there.
---@param problem string|nil why there was nothing to sleep on
function Connection:sleep_error(state, outcome, problem)
  return not problem and self:closed_error(state, outcome) or self:error(state, {
    kind = "network", message = "cannot wait: " .. problem, outcome = outcome,
  })
end

--- Seconds until the deadline, nil where there is none.
function Connection.remaining(state)
  return state.due and math.max(0, state.due - core.clock())
end

--- Awaits a call, which close() ends meanwhile. Places are used again, because always new keys keep
--- a table busy with making room.
---@return boolean done
function Connection:await(strategy, call, seconds)
  local places = self.places
  local place = places[#places]
  if place then
    places[#places] = nil
  else
    place = self.n_places + 1
    self.n_places = place
  end
  self.calls[place] = call
  local done = strategy.await(call, seconds)
  self.calls[place] = nil
  places[#places + 1] = place
  return done
end

--- Whether it may sleep so long: the client is open, and the program does not end before.
function Connection:may_sleep(strategy, seconds)
  return not self.closed and (not strategy.patience or seconds <= strategy.patience())
end

--- Sleeps.
---@return boolean slept false: the client was closed meanwhile, the program is to end before that,
---   or there is nothing to sleep on
---@return string|nil problem why there is nothing to sleep on
function Connection:sleep(seconds)
  local strategy = wait.current(self.strategy)
  local due = core.clock() + seconds
  local call, _, text = strategy.park()
  if not call then
    return false, text
  end
  local rest = seconds
  while rest > 0 and self:may_sleep(strategy, rest) do
    self:await(strategy, call, math.min(rest, 1))
    rest = due - core.clock()
  end
  call:drop()
  self.counts.waited = self.counts.waited + seconds - math.max(0, rest)
  return not self.closed and rest <= 0
end

function Connection:tell_attempt(state, result, attempt)
  if self.on_attempt then
    self.on_attempt {
      method = state.spec.method, path = state.path, attempt = state.number,
      status = result.status, error = not result.status and retry.kind(attempt) or nil,
      seconds = result.seconds,
    }
  end
end

--- Sends once and waits for the answer.
---@return table result as call:take() of the engine gives it
function Connection:attempt(state, prepared)
  self.counts.sent = self.counts.sent + 1
  local timeout = math.min(self.timeout, Connection.remaining(state) or math.huge)
  prepared.timeout = math.max(timeout, 0.001)
  prepared.headers = services.lines(state.place, prepared.body ~= nil, state.spec.headers)
  prepared.secret = not state.spec.key and state.place.secret or nil -- as it is now: see sign_in
  turn.prepare(self, state, prepared)
  local call, code, text = state.strategy.submit(prepared)
  if not call then
    return { code = code, text = text, sent = false, seconds = 0 }
  end
  if not self:await(state.strategy, call, timeout + GRACE) then
    call:cancel()
  end
  local result = call:take()
  if result.code == "cancelled" and not self.closed then
    result.code, result.text = "timeout", "no answer within " .. timeout .. " s"
  end
  return result
end

--- What the service wrote, without the credential, should it have told it back; nil where that can
--- no longer be seen to.
---@param text string|nil
---@param key? livechat.Key what the call went with instead
---@return string|nil
function Connection:hide(text, key)
  local secret = self.main.secret -- none before the first token came
  text = text and text:sub(1, HIDDEN_MAX)
  text = text and secret and secret:hide(text) or not secret and text or nil
  return text and key and key.secret:hide(text) or not key and text or nil
end

--- A key that goes in the body of a call instead of the account's credentials.
---@class livechat.Key
---@field secret userdata what no error may show
---@field fields table<string, any>

---@param token string visible ASCII
---@param fields table<string, any> what is added to the body
---@return livechat.Key
function Connection:key(token, fields)
  return { secret = assert(core.secret("bearer", token, self.base_url)), fields = fields }
end

--- What the decision functions are told of an attempt.
---@return livechat.Attempt
function Connection:describe(state, result, said)
  local headers = result.headers
  return {
    method = state.spec.method, safe = state.spec.safe, number = state.number,
    status = result.status, code = result.code, sent = result.sent, kind = said.kind,
    retry_after = headers and request.header(headers, "Retry-After"),
    date = headers and request.header(headers, "Date"),
    now = core.now(), random = core.random(), deadline_left = Connection.remaining(state),
  }
end

--- The error of a failed attempt, if it is the last one.
function Connection:failure(state, result, attempt, said)
  local outcome = retry.outcome(attempt)
  if self.closed and result.code then
    return self:closed_error(state, outcome)
  end
  local message = result.text
  if result.status then
    message = self:hide(services.error_text(state.place, said.decoded, result.body), state.spec.key)
      or "the service answered with status " .. result.status
  end
  return self:error(state, {
    kind = retry.kind(attempt), code = said.code, outcome = outcome, message = message,
    status = result.status, body = self:hide(result.body, state.spec.key),
    retry_after = retry.retry_after(attempt),
  })
end

--- After a failed attempt: waits for the next one, or gives the error that ends the call.
---@return boolean|nil again
---@return table|nil err
function Connection:recover(state, result, attempt, said)
  local err = self:failure(state, result, attempt, said)
  local pause = not self.closed and retry.decide(self.retry, attempt)
  if not pause then
    return nil, err
  end
  state.unknown = state.unknown or err.outcome == "unknown"
  if self.on_wait then
    self.on_wait(pause)
  end
  local slept, problem = self:sleep(pause)
  if not slept then
    return nil, self:sleep_error(state, err.outcome, problem)
  end
  return true
end

--- The request of a call as the engine takes it.
function Connection:prepare(spec, place)
  local built, err = request.build(place.base, {
    method = spec.method, path = spec.path, args = spec.args, query = spec.query,
    body = spec.body, lines = services.lines(place, spec.body ~= nil, spec.headers),
  })
  if not built then
    return nil, err
  end
  return {
    method = built.method, url = built.url, path = built.path, headers = built.headers,
    body = built.body, timeout = self.timeout,
    connect_timeout = self.connect_timeout, max_response = self.max_response,
    insecure = self.insecure, ca_file = self.ca_file, proxy = self.proxy, once = not spec.safe,
    notify = false,
  }
end

--- When a call that begins now has to end, on the clock of core.clock; nil where it has no end.
function Connection:due()
  return self.deadline and core.clock() + self.deadline
end

--- Everyone who shares the throttle is told of an attempt before any hook runs, which may raise.
function Connection:tell_throttle(state, result, attempt)
  turn.record_arrival(self, state, result)
  local hold = attempt and retry.hold(self.retry, attempt)
  if hold then
    self.throttle:pause(hold)
  end
end

--- The answer of a call that succeeded; nil where its body cannot be read.
---@return table|nil answer
---@return livechat.Error|nil err
function Connection:answer(state, result, decoded, problem)
  if problem then
    return nil, self:error(state, {
      kind = "protocol", message = problem, status = result.status,
      body = self:hide(result.body, state.spec.key), outcome = "unknown",
    })
  end
  return {
    decoded = decoded, status = result.status, headers = result.headers, body = result.body,
    path = state.path, seconds = core.clock() - state.began, attempts = state.number,
  }
end

--- The service takes the call only with other header lines, and says with which: once more, with
--- those, which every later call of the service has from then on.
---@return boolean again
function Connection:redirect(state, said)
  if not said.headers or state.redirected or self.closed then
    return false
  end
  state.redirected = true
  services.add_headers(state.place, said.headers)
  return true
end

--- Until there is a token and throttle and budget let the next attempt go.
---@return boolean|nil goes
---@return livechat.Error|nil err
function Connection:await_turn(state)
  local goes, err = true, nil
  if self.signin then
    goes, err = self.signin:ready(self, state)
  end
  if goes and self.throttle then
    goes, err = turn.wait(self, state)
  end
  if goes and self.budget then
    goes, err = turn.count(self, state)
    if not goes and state.reservation then
      self.throttle:release(state.reservation)
    end
  end
  return goes, err
end

-- Performs one call, as below.
local function perform(self, spec)
  local strategy = wait.current(self.strategy) -- raises where a call cannot wait
  local place = spec.service and self.services[spec.service] or self.main
  local prepared, err = self:prepare(spec, place)
  if not prepared then
    return nil, err
  end
  local state = {
    spec = spec, place = place, path = prepared.path, strategy = strategy, began = core.clock(),
    number = 0, due = spec.due or self:due(),
  }
  if self.closed then
    return nil, self:closed_error(state, "not_sent")
  end
  local again
  repeat
    again, err = self:await_turn(state)
    if not again then
      return nil, err
    end
    state.number = state.number + 1
    state.sent_with = self.signin and self.signin.signed_in
    local result = self:attempt(state, prepared)
    if state.counted and result.sent == false then
      self.budget:give_back(state.counted)
    end
    local fine, said = services.judge(place.service, result)
    local attempt = not fine and self:describe(state, result, said) or nil
    if self.throttle then
      self:tell_throttle(state, result, attempt)
    end
    self:tell_attempt(state, result, attempt)
    notice.tell(self, state, result)
    if fine then
      return self:answer(state, result, said.decoded, said.problem)
    elseif state.unknown and spec.gone and retry.kind(attempt) == spec.gone then
      return self:answer(state, result) -- the lost attempt did it
    end
    again = self:redirect(state, said) or self.signin and self.signin:again(state, attempt)
    if not again then
      again, err = self:recover(state, result, attempt, said)
    end
  until not again
  return nil, err
end

--- Performs one call of a service, through throttle and retries.
---@param spec table { service=<of the dialects' data; default the first>, method=, path=, args=,
---   query=, body=, headers=<beside the service's>, safe=<may be repeated>, gone=<the
---   kind of failure that is a success after an attempt that may have acted>,
---   key=<livechat.Key: goes without the account's credentials>, due=<on the clock of core.clock> }
---@return table|nil answer { decoded=, status=, headers=<raw lines>, body=, seconds=, attempts= }
---@return table|nil err
function Connection:call(spec)
  local counts = self.counts
  counts.calls = counts.calls + 1
  local answer, err = perform(self, spec)
  if not answer then
    counts.failed[err.kind] = (counts.failed[err.kind] or 0) + 1
  end
  return answer, err
end

return connection
