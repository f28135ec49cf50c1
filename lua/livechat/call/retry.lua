-- SPDX-License-Identifier: MIT
-- What to do after a failed attempt. Pure: clock, random number and headers are arguments.
local trim = require "livechat.text".trim

local retry = {
  --- Seconds. A Retry-After beyond this is not waited for: a program that sleeps for longer looks
  --- dead. The call ends, and its error's `retry_after` tells the caller.
  LONGEST_WAIT = 300,
  DEFAULTS = { attempts = 4, base = 0.5, cap = 30 },
}

local LONGEST_RETRY_AFTER = 86400 -- what a header claims beyond a day is cut to a day

---@class livechat.Attempt
---@field method string
---@field safe boolean whether the call may be repeated although it may have acted
---@field number integer the attempt just made, from 1
---@field status integer|nil nil where no answer came
---@field code string|nil the core's name of what went wrong: "connect", "timeout", …
---@field sent boolean false: certainly no byte of the request left
---@field kind livechat.ErrorKind|nil what the service's own words make of the answer
---@field retry_after string|nil the header as it came
---@field date string|nil the header as it came
---@field now number epoch seconds
---@field random number from 0 to below 1
---@field deadline_left number|nil seconds

-- Dates -------------------------------------------------------------------------------------

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

-- Epoch seconds of a UTC date, by counting days from 1 March 0000.
local function epoch(year, month, day, hour, minute, second)
  if month <= 2 then year, month = year - 1, month + 12 end
  local days = 365 * year + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((153 * (month - 3) + 2) / 5) + day - 1 - 719468
  return days * 86400 + hour * 3600 + minute * 60 + second
end

local FORMS = { -- RFC 9110, 5.6.7: IMF-fixdate, RFC 850, asctime
  "^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$",
  "^%a+, (%d%d)%-(%a%a%a)%-(%d%d) (%d%d):(%d%d):(%d%d) GMT$",
  "^%a%a%a (%a%a%a) ([ %d]%d) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$",
}

local function date_fields(text)
  for form, pattern in ipairs(FORMS) do
    local a, b, c, d, e, f = text:match(pattern)
    if a and form == 3 then return b, a, f, c, d, e end
    if a then return a, b, c, d, e, f end
  end
end

--- Epoch seconds of an HTTP date in any of its three forms, nil for anything else.
---@param text string
---@param now number epoch seconds; tells the century of a year of two digits
---@return number|nil
function retry.http_date(text, now)
  local day, month, year, hour, minute, second = date_fields(text)
  month = MONTHS[month]
  if not month then return nil end
  day, year = tonumber(day), tonumber(year)
  hour, minute, second = tonumber(hour), tonumber(minute), tonumber(second)
  if day < 1 or day > 31 or hour > 23 or minute > 59 or second > 60 then return nil end
  if year >= 100 then return epoch(year, month, day, hour, minute, second) end
  -- Two digits: the latest such year that is not more than 50 years ahead (RFC 9110, 5.6.7).
  local this_year = 1970 + math.floor(now / 31556952)
  year = year + math.floor((this_year + 50 - year) / 100) * 100
  return epoch(year, month, day, hour, minute, second)
end

--- The seconds that the answer's Retry-After asks for, from 0 to a day; nil where there is none or
--- it cannot be read. A date is measured against the answer's own Date, so that a wrong local clock
--- does no harm.
---@param attempt livechat.Attempt
---@return number|nil seconds
function retry.retry_after(attempt)
  local text = attempt.retry_after and trim(attempt.retry_after)
  if not text then return nil end
  -- Not as one number: the host's locale may write it with a comma.
  local whole, rest = text:match("^(%d+)(.*)$")
  local part = whole and (rest == "" or rest:find("^%.%d*$")) and rest:sub(2, 4)
  local seconds = part and tonumber(whole) + (tonumber(part) or 0) / 10 ^ #part
  if not seconds then
    local due = retry.http_date(text, attempt.now)
    if not due then return nil end
    seconds = due - (attempt.date and retry.http_date(attempt.date, attempt.now) or attempt.now)
  end
  return math.max(0, math.min(seconds, LONGEST_RETRY_AFTER))
end

-- Meaning -----------------------------------------------------------------------------------

local KIND_OF_CODE = { timeout = "timeout", protocol = "protocol", toolarge = "protocol",
  cancelled = "cancelled", closed = "closed", invalid = "invalid" }
local KIND_OF_STATUS = { [401] = "auth", [403] = "auth", [404] = "not_found", [429] = "throttled" }

--- The kind of the error that this attempt is, if it is the last one.
---@param attempt livechat.Attempt
---@return livechat.ErrorKind
function retry.kind(attempt)
  local status = attempt.status
  if attempt.code or not status then return KIND_OF_CODE[attempt.code] or "network" end
  if attempt.kind then return attempt.kind end
  if KIND_OF_STATUS[status] then return KIND_OF_STATUS[status] end
  if status >= 500 then return "server" end
  if status >= 400 then return "rejected" end
  return "protocol" -- a redirect, which is never followed, or a 2xx that could not be used
end

local MAY_HAVE_ACTED = { server = true, timeout = true, protocol = true }

--- Whether the service may have acted: "not_sent", "refused" (it answered, and did not act) or
--- "unknown".
---@param attempt livechat.Attempt
---@return "not_sent"|"refused"|"unknown"
function retry.outcome(attempt)
  if attempt.code or not attempt.status then
    return (attempt.sent == false or attempt.code == "connect") and "not_sent" or "unknown"
  end
  local status, kind = attempt.status, attempt.kind
  if kind and status ~= 503 then return MAY_HAVE_ACTED[kind] and "unknown" or "refused" end
  -- 302 and 303 also answer a form that was taken: see the result there.
  local elsewhere = status == 302 or status == 303
  return (status >= 300 and status < 500 and not elsewhere or status == 503) and "refused"
    or "unknown"
end

-- Decision ----------------------------------------------------------------------------------

local KIND_WORTH_REPEATING = { throttled = true, server = true, timeout = true }
local WORTH_REPEATING = { connect = true, network = true, timeout = true, protocol = true }

-- Whether another attempt could do better than this one.
local function is_retryable(attempt)
  if attempt.code or not attempt.status then return WORTH_REPEATING[attempt.code] or false end
  -- 501 and 505 say that the service will never do it.
  local status = attempt.status
  if attempt.kind and status < 500 then return KIND_WORTH_REPEATING[attempt.kind] or false end
  return status == 429 or status >= 500 and status ~= 501 and status ~= 505
end

-- Full jitter.
local function backoff(options, attempt)
  return math.min(options.cap, options.base * 2 ^ (attempt.number - 1)) * attempt.random
end

--- The wait before the next attempt, or nil and the reason why there is none:
--- "final" (nothing to hope for), "unsafe" (it may have acted, and must not act twice), "off",
--- "attempts" (used up), "too_long" (Retry-After is beyond LONGEST_WAIT), "deadline" (the wait
--- would pass it). 429, 503 and what was never sent: any call. Other 5xx, lost connections, cut
--- answers and time-outs: only calls that are safe to repeat. Retry-After wins over the backoff.
---@param options { attempts: integer, base: number, cap: number }|false
---@param attempt livechat.Attempt
---@return number|nil seconds
---@return string|nil reason
function retry.decide(options, attempt)
  if not is_retryable(attempt) then return nil, "final" end
  if not attempt.safe and retry.outcome(attempt) == "unknown" then return nil, "unsafe" end
  if not options then return nil, "off" end
  if attempt.number >= options.attempts then return nil, "attempts" end
  local wait = retry.retry_after(attempt) or backoff(options, attempt)
  if wait > retry.LONGEST_WAIT then return nil, "too_long" end
  if attempt.deadline_left and wait >= attempt.deadline_left then return nil, "deadline" end
  return wait
end

--- For how long everyone who shares the throttle must hold back after this attempt, whether or not
--- it is repeated: after a 429, and after any other failure that came with a Retry-After. At most
--- LONGEST_WAIT, so that one odd header does not stop a fleet for a day. nil: no need.
---@param options { base: number, cap: number }|false
---@param attempt livechat.Attempt
---@return number|nil seconds
function retry.hold(options, attempt)
  local failed = attempt.status and (attempt.kind or attempt.status >= 400)
  local asked = failed and retry.retry_after(attempt)
  if not asked and failed and retry.kind(attempt) == "throttled" then
    asked = backoff(options or retry.DEFAULTS, attempt)
  end
  return asked and math.min(asked, retry.LONGEST_WAIT) or nil
end

return retry
