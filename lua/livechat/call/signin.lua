-- SPDX-License-Identifier: MIT
--- Signing in by OAuth: an access token that is renewed before it ends, and where the service does
--- not take it any more; by one call at a time, also of several processes that share a file.
local core = require "livechat.core"
local errors = require "livechat.errors"
local json = require "livechat.json"
local options = require "livechat.options"
local read = require "livechat.api.read"
local request = require "livechat.call.request"
local retry = require "livechat.call.retry"
local services = require "livechat.call.services"
local token_store = require "livechat.call.token_store"

local signin = {}

local LONGEST_MARGIN = 300 -- seconds before its end from which a token is renewed
local LOOK = 0.05 -- seconds between two looks at what another call does
local SLICE = 0.25 -- seconds: a long wait in C would keep ^C waiting
local PATIENCE = 10 -- seconds until a renewal that failed is tried again, while the token is good

---@class livechat.SignIn
---@field state livechat.TokenState
---@field store livechat.TokenStore|nil
local SignIn = {}
SignIn.__index = SignIn

---@class livechat.OAuthOptions
---@field client_id string of an app
---@field client_secret? string of a server's app; public ones have none
---@field refresh_token string
---@field store? string the path of a file: shared by the processes that name it

local text = options.is.line "must not be empty or hold control characters"
signin.RULES = { client_id = text, client_secret = text, refresh_token = text,
  store = options.is.path "the path of a file expected" }

---@param given livechat.OAuthOptions
---@param fname string the function to blame for a wrong option
---@param wait? fun(fd: integer, seconds: number) another event loop's way to wait
---@return livechat.SignIn
function signin.new(given, fname, wait)
  options.must_fit(signin.RULES, given, fname, "oauth.")
  for _, name in ipairs { "client_id", "refresh_token" } do
    if not given[name] then
      errors.raise_argument("oauth." .. name, fname, "missing")
    end
  end
  return setmetatable({
    client_id = given.client_id, client_secret = given.client_secret,
    state = { refresh_token = given.refresh_token, seed = core.digest(given.refresh_token) },
    seed = core.digest(given.refresh_token),
    store = given.store and token_store.new(given.store, wait),
  }, SignIn)
end

--- What tells the account from others.
function SignIn:account()
  return self.client_id .. "\n" .. (self.store and self.store.path or self.seed)
end

--- Forgets the secrets.
function SignIn:wipe()
  self.client_secret, self.state, self.unsaved = nil, {}, nil
  if self.held then self.held:close() end
end

-- ---- the renewal -------------------------------------------------------------------------------

-- What the service said, without what is secret.
function SignIn:hide(said)
  for _, secret in pairs { self.client_secret or "", self.state.refresh_token or "",
    self.state.access_token or "" } do
    local from, to = said:find(secret, 1, true)
    while secret ~= "" and from do
      said = said:sub(1, from - 1) .. "***" .. said:sub(to + 1)
      from, to = said:find(secret, from + 3, true)
    end
  end
  return said
end

-- The state that an answer brings; nil where it brings none that could be sent.
function SignIn:state_of(decoded, asked_at)
  if type(decoded) ~= "table" or type(decoded.access_token) ~= "string"
    or not decoded.access_token:find("^[\33-\126]+$") then
    return nil
  end
  local seconds, refresh = tonumber(decoded.expires_in), decoded.refresh_token
  return { access_token = decoded.access_token, seed = self.seed,
    refresh_token = type(refresh) == "string" and refresh ~= "" and refresh
      or self.state.refresh_token,
    ends = asked_at + (seconds and seconds > 0 and seconds < 1e9 and seconds or 3600),
    lasts = seconds }
end

local USED_UP = " (the refresh token was used up, revoked, or is another app's; programs that "
  .. "renew the same one have to share `store`, on one machine)"

function SignIn:failure(conn, state, result, attempt, said)
  local message = result.status and (read.error_text(said.decoded, nil)
    or "the service answered with status " .. result.status) or result.text
  if said.code == "invalid_grant" then message = message .. USED_UP end
  local kind = retry.kind(attempt)
  if result.status and result.status < 300 then
    kind, message = "protocol", "the service's answer has no access token"
  end
  return conn:error(state, { kind = kind, code = said.code, status = result.status,
    outcome = "not_sent", message = "the access token was not renewed: " .. self:hide(message),
    retry_after = retry.retry_after(attempt) })
end

local FORM = { ["Content-Type"] = "application/x-www-form-urlencoded" } -- what OAuth 2 asks for

-- Sends a request for a token, which needs no credential but what is in it.
local function send(conn, state, fields)
  for service, place in pairs(conn.services) do
    if service.token then
      local body, err = request.query(fields)
      local prepared
      if body then
        prepared, err = conn:prepare({ method = "POST", path = service.token, body = body,
          headers = FORM }, place)
      end
      if not prepared then
        return nil, err
      end
      local result = conn:attempt({ strategy = state.strategy, due = state.due, place = place,
        spec = { key = true, headers = FORM } }, prepared) -- what it needs is in its body
      return result, select(2, services.judge(service, result))
    end
  end
  return nil, conn:error(state, { kind = "invalid", field = "oauth", outcome = "not_sent",
    message = "is of another API" })
end

--- Asks the service. Sent again only where the service certainly did not use the token up.
---@return livechat.TokenState|nil
---@return livechat.Error|nil err
function SignIn:exchange(conn, state)
  local number = 0
  while true do
    number = number + 1
    local asked_at = core.now()
    local result, said = send(conn, state, { grant_type = "refresh_token",
      refresh_token = self.state.refresh_token, client_id = self.client_id,
      client_secret = self.client_secret })
    if not result then
      return nil, said
    end
    local success = result.status and result.status >= 200 and result.status < 300
    local renewed = success and self:state_of(said.decoded, asked_at)
    if renewed then
      return renewed
    end
    local attempt = conn:describe(state, result, said)
    attempt.method, attempt.safe, attempt.number = "POST", false, number
    local err = self:failure(conn, state, result, attempt, said)
    local pause = not conn.closed and retry.decide(conn.retry, attempt)
    if not pause or not conn:sleep(pause) then
      return nil, err
    end
  end
end

local function store_error(conn, state, problem)
  return conn:error(state, { kind = "invalid", field = "oauth.store", outcome = "not_sent",
    message = problem })
end

-- A renewal of our own, into room that is on the disk before the service is asked. What could not
-- be written is used by no call; the next one tries to write it again.
function SignIn:renew_here(conn, state)
  local room, problem = self.store:prepare()
  if not room then
    return nil, store_error(conn, state, problem)
  end
  local err
  if not self.unsaved then
    self.unsaved, err = self:exchange(conn, state)
  end
  if not self.unsaved then
    self.store:cancel(room)
    return nil, err
  end
  local done
  done, problem = self.store:write(room, self.unsaved)
  if not done then
    return nil, store_error(conn, state, "the renewed token is not on disk: " .. problem)
  end
  self.state, self.unsaved = self.unsaved, nil
  return true
end

-- What a renewal apart comes to, as text.
function SignIn:told_apart(conn, state)
  local done, err = self:renew_here(conn, state)
  return json.encode { done = done, unsaved = self.unsaved, err = err and { kind = err.kind,
    code = err.code, status = err.status, field = err.field, message = err.message,
    retry_after = err.retry_after } }
end

-- In a process of its own, which holds the lock as well and goes on although this one is killed:
-- else an answer on its way would be lost, and with it a refresh token that is good for once. nil
-- where the program has threads, of which a process made like this would have none, and where
-- other coroutines wait for this one.
function SignIn:renew_apart(conn, state)
  if not state.strategy.blocks or self.unsaved then
    return nil
  end
  local work = core.apart(function() return self:told_apart(conn, state) end)
  if not work then
    return nil
  end
  local told, code
  repeat
    told, code = work:wait(SLICE)
  until told or code ~= "timeout"
  work:close()
  return json.decode(told or "") or {}
end

function SignIn:renew_into_file(conn, state)
  local told = self:renew_apart(conn, state)
  if not told then
    return self:renew_here(conn, state)
  elseif told.done then
    local shared, problem = self.store:read()
    self.state = shared or self.state
    return shared ~= nil or nil, problem and store_error(conn, state, problem)
  end
  self.unsaved = told.unsaved
  local err = told.err or { kind = "network", message = "the access token was not renewed: the "
    .. "process that did so came to no end" }
  err.outcome = "not_sent"
  return nil, conn:error(state, err)
end

--- With the lock held: what another process has renewed, or a renewal of our own.
function SignIn:renew_locked(conn, state, refused)
  local shared, problem
  if not self.unsaved then
    shared, problem = self.store:read()
  end
  if problem then
    return nil, store_error(conn, state, problem)
  elseif shared and shared.seed == self.seed then
    self.state = shared
    if self:is_fresh(refused) then
      return true
    end
  end
  return self:renew_into_file(conn, state)
end

-- One call at a time where there is no file. A call that never comes back, because its coroutine
-- was dropped, holds it no longer than it could have taken.
function SignIn:renew_alone(conn, state, refused)
  if self:is_fresh(refused) then
    return true
  elseif self.busy_until and core.clock() < self.busy_until then
    return false
  end
  self.busy_until = core.clock() + 2 * conn.timeout
  local renewed, err = self:exchange(conn, state)
  self.busy_until = nil
  self.state = renewed or self.state
  return renewed and true or nil, err
end

-- As long as what is renewed is not written, this process alone may go on: to the others the file
-- says a token that was used up.
function SignIn:renew_shared(conn, state, refused)
  local lock, problem = self.held, nil
  self.held = nil
  if not lock then
    lock, problem = self.store:lock()
  end
  if not lock then
    if problem then
      return nil, store_error(conn, state, problem)
    end
    return false
  end
  local done, err = self:renew_locked(conn, state, refused)
  if self.unsaved then
    self.held = lock
  else
    lock:close() -- of a coroutine that is dropped meanwhile, the collector closes it
  end
  return done, err
end

-- ---- the token ---------------------------------------------------------------------------------

-- Whether the token that is known has not ended and was not refused.
function SignIn:is_good(refused)
  local known = self.state
  return known.access_token ~= nil and known.access_token ~= refused
    and core.now() < (known.ends or 0)
end

-- Whether the token that is known may be sent: it does not end soon, and was not refused.
function SignIn:is_fresh(refused)
  local known = self.state
  local margin = math.min(LONGEST_MARGIN, (known.lasts or 3600) / 10)
  return self:is_good(refused) and core.now() < known.ends - margin
end

-- Renews once; false where another call does so, nil where it went wrong.
function SignIn:renew(conn, state)
  local step = self.store and self.renew_shared or self.renew_alone
  local done, err = step(self, conn, state, state.refused)
  self.next_try = done == nil and core.clock() + PATIENCE or nil
  return done, err
end

-- Waits for a call that renews; false where it takes too long, or there is nothing to wait on.
local function wait_for_other(conn, state, limit)
  if core.clock() > math.min(limit, state.due or limit) then
    return nil, conn:error(state, { kind = "timeout", outcome = "not_sent",
      message = "the access token is renewed by another call, which does not come to an end" })
  end
  local slept, problem = conn:sleep(LOOK)
  return slept or nil, not slept and conn:sleep_error(state, "not_sent", problem) or nil
end

-- Until there is a token that may be sent. One that is good, and is to end soon, is used where it
-- cannot be renewed now.
function SignIn:await_token(conn, state)
  local limit = core.clock() + 4 * conn.timeout
  while not self:is_fresh(state.refused) do
    local good = self:is_good(state.refused)
    if good and self.next_try and core.clock() < self.next_try then
      return true
    end
    local renewed, err = self:renew(conn, state)
    if conn.closed then
      return nil, conn:closed_error(state, "not_sent")
    elseif renewed or good then
      return true
    elseif renewed == nil then
      return nil, err
    end
    local waited
    waited, err = wait_for_other(conn, state, limit)
    if not waited then
      return nil, err
    end
  end
  return true
end

--- Sees to it that the connection is signed in with a token that is good, renewing it where needed.
---@param conn livechat.Connection
---@param state livechat.CallState
---@return boolean|nil ready
---@return livechat.Error|nil err
function SignIn:ready(conn, state)
  local ready, err = self:await_token(conn, state)
  if not ready then
    return nil, err
  end
  if self.signed_in ~= self.state.access_token then
    self.signed_in = self.state.access_token
    conn:sign_in { access_token = self.signed_in }
  end
  return true
end

--- After an answer that refuses the token (a 401, or the same in the service's own words): whether
--- the call is to be made again, once, with a renewed one.
---@param attempt livechat.Attempt that failed
---@return boolean
function SignIn.again(_, state, attempt)
  if retry.kind(attempt) ~= "auth" or attempt.status == 403 or state.refused then
    return false
  end
  state.refused = state.sent_with
  return true
end

return signin
