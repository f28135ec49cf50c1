-- SPDX-License-Identifier: MIT
--- A call waits for its turn: until the throttle lets it go.
---
--- Nothing is held meanwhile. The throttle knows by being asked again that the call still waits;
--- one that is killed, or whose hook raises, has left the queue within a second.
local core = require "livechat.core"
local throttle = require "livechat.throttle"

local turn = {}

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

--- Asks once; where the throttle's file is held, again, the event loop running.
local function reserve(conn, state, reservation)
  local patient_until = core.clock() + PATIENCE
  while true do
    state.reserved_at = core.clock()
    local made, err = conn.throttle:reserve(conn.remaining(state), reservation)
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
      slept, problem = conn:sleep(math.min(seconds, until_beat()))
    end
    if not slept then
      conn.throttle:release(reservation)
      return nil, conn:sleep_error(state, "not_sent", problem)
    end
  until seconds == 0
  state.reservation = reservation
  return true
end

return turn
