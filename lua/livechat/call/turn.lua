-- SPDX-License-Identifier: MIT
--- A call waits for its turn, until the throttle lets it go, and tells it what became of that.
---
--- Nothing is held meanwhile. The throttle knows by being asked again that the call still waits;
--- one that is killed, or whose hook raises, has left the queue within a second.
local core = require "livechat.core"
local throttle = require "livechat.throttle"

local turn = {}

local SLACK = 1 -- seconds beyond the time-out of connecting, until the engine comes to it
local WAY = 1 -- what takes longer than that many seconds is the service's work
local PATIENCE = 1 -- seconds for another process that holds the throttle's file and does not run

--- The fields of an error: why the throttle lets no call go, or does not tell its state.
---@param err { code: string, message: string, wait: number|nil }
---@return table fields
function turn.failure(err)
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

--- The fields of an error: why the budget lets no call go, or does not tell its state.
---@param err { code: string, message: string, wait: number|nil }
---@return table fields
function turn.budget_failure(err)
  if err.wait then
    return { kind = "throttled", outcome = "not_sent", retry_after = err.wait,
      message = err.message }
  end
  return { kind = "network", outcome = "not_sent",
    message = "the budget is unreachable: " .. err.message }
end

--- What was spent of the budget; where its file is held, asks again, the event loop running.
---@param conn livechat.Connection with a budget
---@return table|nil spent
---@return table|nil err { code=, message= }
function turn.spent(conn)
  local patient_until = core.clock() + PATIENCE
  local spent, err
  repeat
    spent, err = conn.budget:spent()
  until spent or err.code ~= "busy" or core.clock() > patient_until or not conn:sleep(0.005)
  return spent, err
end

--- Counts an attempt that is about to go; where the budget's file is held, asks again, the event
--- loop running.
---@param conn livechat.Connection with a budget
---@param state livechat.CallState
---@return boolean|nil goes
---@return livechat.Error|nil err
function turn.count(conn, state)
  local patient_until, err = core.clock() + PATIENCE
  repeat
    state.counted, err = conn.budget:take()
    if state.counted then
      return true
    end
  until err.code ~= "busy" or core.clock() > patient_until or not conn:sleep(0.005)
  return nil, conn.closed and conn:sleep_error(state, "not_sent")
    or conn:error(state, turn.budget_failure(err))
end

--- Seconds from a reservation on in which its call is sent or never will be.
local function lifetime(conn)
  return math.min(conn.connect_timeout, conn.timeout) + SLACK
end

--- What the engine is told of the throttle: whom it tells of the sending, or, where that is none of
--- its own, as in Redis, until when it may send.
---@param prepared table the request as the engine takes it
function turn.prepare(conn, state, prepared)
  local reservation = state.reservation
  prepared.sending = reservation and reservation.sending
  prepared.send_by = reservation and not reservation.sending
    and state.reserved_at + lifetime(conn) or nil
end

--- Asks once; where the throttle's file is held, again, the event loop running.
local function reserve(conn, state, reservation)
  local patient_until = core.clock() + PATIENCE
  while true do
    state.reserved_at = core.clock()
    local made, err = conn.throttle:reserve(conn.remaining(state), reservation, lifetime(conn))
    if made or err.code ~= "busy" or core.clock() > patient_until or not conn:sleep(0.05) then
      return made, err
    end
  end
end

-- Those who wait wake in the same moments, so that a scheduler or Redis is asked once for all.
local function until_beat()
  local now = core.clock()
  return (math.floor(now / throttle.BEAT) + 1) * throttle.BEAT - now
end

--- Waits until the call may go; state.reservation then tells the throttle's moment.
---@param conn livechat.Connection with a throttle
---@param state livechat.CallState
---@return boolean|nil goes
---@return livechat.Error|nil err
function turn.wait(conn, state)
  local reservation, err, told
  repeat
    reservation, err = reserve(conn, state, reservation)
    if not reservation then
      return nil, conn.closed and conn:sleep_error(state, "not_sent")
        or conn:error(state, turn.failure(err))
    end
    local seconds = reservation.wait
    local slept, problem = conn:may_sleep(state.strategy, seconds), nil
    if slept and seconds > 0 and conn.on_wait and not told then
      told = true
      conn.throttle:release(reservation) -- keeps its place, but is not waited for
      conn.on_wait(seconds)
    elseif slept and seconds > 0 then
      slept, problem = conn:sleep(math.min(seconds, reservation.again or seconds, until_beat()))
    end
    if not slept then
      conn.throttle:release(reservation)
      return nil, conn:sleep_error(state, "not_sent", problem)
    end
  until seconds == 0
  state.reservation = reservation
  return true
end

--- Tells the throttle by when the attempt had arrived, which is open until then. What took long on
--- its way must not come closer to the next ones than it left: the connection that was made first,
--- and what the answer took longer than the quickest before it, which tell how long the way and the
--- service's work are. An answer that takes a second or more was long in the making, and says
--- nothing of the way: that is then as long as of late, which is forgotten by an eighth with each
--- answer.
--- Example: reserved at 0, sent at 0.08 (a TLS handshake), answered at 0.30; the quickest answer so
--- far took 0.05. It had arrived by 0.08 + 0.22 - 0.05 = 0.25.
---@param conn livechat.Connection with a throttle
---@param state livechat.CallState
---@param result table as call:take() of the engine gives it
function turn.record_arrival(conn, state, result)
  local reservation, now = state.reservation, core.clock()
  if not reservation then
    return
  elseif not result.sent then
    conn.throttle:release(reservation)
    return
  end
  local answer = now - (result.sent_at or now)
  local slower, way = math.max(0, answer - (conn.quickest or 0)), conn.way or 0
  if answer >= WAY then
    slower = way
  elseif result.sent_at then
    conn.quickest = math.min(conn.quickest or answer, answer)
    conn.way = math.max(slower, way * 7 / 8)
  end
  conn.throttle:record_arrival(reservation, now - answer + slower - state.reserved_at)
end

return turn
