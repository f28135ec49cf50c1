-- SPDX-License-Identifier: MIT
--- Signing in by OAuth: an access token that is renewed before it ends, and where the service does
--- not take it any more; by one call at a time, also of several processes that share a file.
local core = require "livechat.core"
local errors = require "livechat.errors"
local options = require "livechat.options"
local read = require "livechat.api.read"
local retry = require "livechat.call.retry"
local services = require "livechat.call.services"
local token_store = require "livechat.call.token_store"

local signin = {}

local LONGEST_MARGIN = 300 -- seconds before its end from which a token is renewed
local LOOK = 0.05 -- seconds between two looks at what another call does

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
---@return livechat.SignIn
function signin.new(given, fname)
  options.must_fit(signin.RULES, given, fname, "oauth.")
  for _, name in ipairs { "client_id", "refresh_token" } do
    if not given[name] then
      errors.raise_argument("oauth." .. name, fname, "missing")
    end
  end
  return setmetatable({
    client_id = given.client_id, client_secret = given.client_secret,
    state = { refresh_token = given.refresh_token, seed = core.digest(given.refresh_token) },
    seed = core.digest(given.refresh_token), store = given.store and token_store.new(given.store),
  }, SignIn)
end

--- What tells the account from others.
function SignIn:account()
  return self.client_id .. "\n" .. (self.store and self.store.path or self.seed)
end

--- Forgets the secrets.
function SignIn:wipe()
  self.client_secret, self.state = nil, {}
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

-- The state that an answer brings; nil where it brings none.
function SignIn:state_of(decoded, asked_at)
  if type(decoded) ~= "table" or type(decoded.access_token) ~= "string"
    or decoded.access_token == "" then
    return nil
  end
  local seconds, refresh = tonumber(decoded.expires_in), decoded.refresh_token
  return { access_token = decoded.access_token, seed = self.seed,
    refresh_token = type(refresh) == "string" and refresh ~= "" and refresh
      or self.state.refresh_token,
    ends = asked_at + (seconds and seconds > 0 and seconds < 1e9 and seconds or 3600),
    lasts = seconds }
end

function SignIn:failure(conn, state, result, attempt, said)
  local message = result.status and (read.error_text(said.decoded, nil)
    or "the service answered with status " .. result.status) or result.text
  local described = type(said.decoded) == "table" and said.decoded.error_description
  if type(described) == "string" then message = message .. ": " .. described end
  return conn:error(state, { kind = retry.kind(attempt), code = said.code, status = result.status,
    outcome = "not_sent", message = "the access token was not renewed: " .. self:hide(message),
    retry_after = retry.retry_after(attempt) })
end

-- Sends a request for a token, which needs no credential but what is in it.
local function send(conn, state, fields)
  for service, place in pairs(conn.services) do
    if service.token then
      local prepared, err = conn:prepare({ method = "POST", path = service.token, body = fields },
        place)
      if not prepared then
        return nil, err
      end
      local result = conn:attempt({ strategy = state.strategy, due = state.due, place = place,
        spec = { key = true } }, prepared) -- what it needs is in its body
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
    local renewed = result.status == 200 and self:state_of(said.decoded, asked_at)
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

--- With the lock held: what another process has renewed, or a renewal of our own.
function SignIn:renew_locked(conn, state, refused)
  local shared, problem = self.store:read()
  if problem then
    return nil, store_error(conn, state, problem)
  elseif shared and shared.seed == self.seed then
    self.state = shared
    if self:is_fresh(refused) then
      return true
    end
  end
  local room
  room, problem = self.store:prepare()
  if not room then
    return nil, store_error(conn, state, problem)
  end
  local renewed, err = self:exchange(conn, state)
  if not renewed then
    self.store:cancel(room)
    return nil, err
  end
  self.state = renewed
  local done
  done, problem = self.store:write(room, renewed)
  if not done then
    return nil, store_error(conn, state, "the renewed token is not on disk: " .. problem)
  end
  return true
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

function SignIn:renew_shared(conn, state, refused)
  local lock, problem = self.store:lock()
  if not lock then
    if problem then
      return nil, store_error(conn, state, problem)
    end
    return false
  end
  local done, err = self:renew_locked(conn, state, refused)
  lock:close() -- of a coroutine that is dropped meanwhile, the collector closes it
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

--- Sees to it that the connection is signed in with a token that is good, renewing it where needed.
---@param conn livechat.Connection
---@param state livechat.CallState
---@return boolean|nil ready
---@return livechat.Error|nil err
function SignIn:ready(conn, state)
  local limit = core.clock() + 4 * conn.timeout
  local step = self.store and self.renew_shared or self.renew_alone
  while not self:is_fresh(state.refused) do
    local done, err = step(self, conn, state, state.refused)
    if conn.closed then
      return nil, conn:closed_error(state, "not_sent")
    elseif done == nil then
      if not self:is_good(state.refused) then
        return nil, err
      end
      break -- there is time left until it ends
    elseif not done then
      local late = core.clock() > math.min(limit, state.due or limit)
      local slept, problem = not late and conn:sleep(LOOK), nil
      if not slept then
        return nil, late and conn:error(state, { kind = "timeout", outcome = "not_sent",
          message = "the access token is renewed by another call, which does not come to an end" })
          or conn:sleep_error(state, "not_sent", problem)
      end
    end
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
