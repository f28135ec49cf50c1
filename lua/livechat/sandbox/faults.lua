-- SPDX-License-Identifier: MIT
--- Faults on request. One is written
--
--     NAME[=ARG][@WHEN][/METHOD[ PATH]]
--
-- NAME   reset-before        the connection is reset, nothing was done
--        truncate[=BYTES]    done; the answer ends after BYTES (half of it) of what it announced
--        slow[=SECONDS]      done; the answer comes after SECONDS (5)
--        drip[=SECONDS]      done; the answer comes byte by byte, SECONDS (0.1) apart
--        huge[=MIB]          nothing done; a valid JSON answer of MIB (128) mebibytes
--        httpNNN[=SECONDS]   nothing done; status NNN (400 to 599), with Retry-After: SECONDS, or,
--                            as httpNNN=date+SECONDS, with the date that is so far away
--        html[=STATUS]       nothing done; a gateway's page with STATUS (200)
--        garbage             nothing done; 200, said to be JSON, and no JSON
--        empty               nothing done; 200 without a body
--        redirect[=URL]      nothing done; 302 to URL (http://127.0.0.1:1/)
--        reset-after-apply, httpNNN-after-apply, html-after-apply, garbage-after-apply,
--        empty-after-apply, redirect-after-apply: the same, after the call was done
-- WHEN   N        the first N calls that match; without WHEN, the first one
--        N-M      the matching calls from the Nth to the Mth
--        every    every matching call
--        pX       each matching call with the probability X, by the sandbox's own seeded numbers
-- METHOD GET, POST, PUT, DELETE or * for any; PATH a path, where * stands for any text: v2's
-- without
--        /v2, v3's without its version, those of HelpDesk and of accounts as they are sent
--
-- for example `http429=2@3/POST /tickets`, `slow=1@every`, `reset-after-apply@p0.1/* /tickets*`.
local json = require "livechat.json"

local faults = {}

local function page(status)
  return ("<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>%d</h1></center>" ..
    "\r\n<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"):format(status, status)
end

local TEXTS = { [429] = "Too many requests", [500] = "Internal server error" }

-- `now` is given where Retry-After is to be a date.
local function http_status(status, seconds, now)
  local gateway = status >= 502 and status <= 504
  local retry_after = seconds and ("%.15g"):format(seconds)
  if now then
    retry_after = os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(now + seconds))
  end
  return {
    status = status,
    headers = { ["Content-Type"] = gateway and "text/html" or nil,
      ["Retry-After"] = retry_after },
    body = gateway and page(status) or json.encode({ error = TEXTS[status] or "Refused" }),
  }
end

local function reset()
  return { status = 0, headers = {}, body = "", wire = "reset" }
end

local function html(status)
  return { status = status or 200, headers = { ["Content-Type"] = "text/html" },
    body = page(status or 200) }
end

local function garbage()
  return { status = 200, headers = {}, body = '{"pages":1,"tickets":[{"id":\1\255 ]' }
end

local function empty()
  return { status = 200, headers = {}, body = "" }
end

local function redirect(url)
  return { status = 302, headers = { Location = url or "http://127.0.0.1:1/" }, body = "" }
end

local function huge(mebibytes)
  return { status = 200, headers = {}, body = "", wire = "huge", amount = mebibytes or 128 }
end

-- `make` replaces the answer; without it the true answer goes out in the way of the name, with
-- `amount` for its argument. `number` says that the argument is one, `date` that it may be one.
local KINDS = {
  ["reset-before"] = { make = reset },
  ["reset-after-apply"] = { make = reset, applies = true },
  truncate = { applies = true, number = true },
  slow = { applies = true, number = true, amount = 5 },
  drip = { applies = true, number = true, amount = 0.1 },
  huge = { make = huge, number = true },
}

local function also_after_apply(name, make, number)
  KINDS[name] = { make = make, number = number }
  KINDS[name .. "-after-apply"] = { make = make, number = number, applies = true }
end

also_after_apply("html", html, true)
also_after_apply("garbage", garbage)
also_after_apply("empty", empty)
also_after_apply("redirect", redirect)
for status = 400, 599 do
  local name = "http" .. status
  also_after_apply(name, function(...) return http_status(status, ...) end, true)
  KINDS[name].date, KINDS[name .. "-after-apply"].date = true, true
end

local function parse_when(fault, when)
  if when == "" then
    fault.from, fault.to = 1, 1
  elseif when == "every" then
    fault.from, fault.to = 1, math.huge
  elseif when:find("^p[01]?%.?%d*$") and tonumber(when:sub(2)) and tonumber(when:sub(2)) <= 1 then
    fault.from, fault.to, fault.probability = 1, math.huge, tonumber(when:sub(2))
  else
    local from, to = when:match("^(%d+)%-(%d+)$")
    fault.from, fault.to = tonumber(from or 1), tonumber(to or when:match("^%d+$"))
    if not fault.to or fault.from < 1 or fault.to < fault.from then return false end
  end
  return true
end

--- Reads the text form.
---@param text string
---@return table|nil fault
---@return string|nil message
function faults.parse(text)
  if type(text) ~= "string" then return nil, "a fault is text, not a " .. type(text) end
  local head, target = text:match("^(.-)/(%u+.*)$")
  if not head then head, target = text:match("^(.-)/(%*.*)$") end
  local what, when = (head or text):match("^([^@]*)@?(.*)$")
  local name, argument = what:match("^([^=]*)=?(.*)$")
  local kind = KINDS[name]
  if not kind then return nil, "no such fault: " .. name end
  local fault = { text = text, name = name, kind = kind, matched = 0, done = 0 }
  fault.method, fault.path = (target or "*"):match("^(%S+) ?(.*)$")
  if argument ~= "" then fault.argument = argument end
  if fault.argument and kind.number then
    local seconds = kind.date and argument:match("^date%+(.*)$")
    fault.date, fault.argument = seconds ~= nil, tonumber(seconds or argument)
    if not fault.argument or fault.argument < 0 then
      return nil, name .. " takes a number, not " .. argument
    end
  end
  if not parse_when(fault, when) then return nil, "no such moment: @" .. when end
  if fault.path ~= "" then
    fault.pattern = "^" .. fault.path:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*")
      .. "$"
  end
  return fault
end

--- Decides whether a call meets this fault, and counts it.
---@param draw fun(): number a random number in [0, 1)
function faults.strikes(fault, method, path, draw)
  if fault.method ~= "*" and fault.method ~= method then return false end
  if fault.pattern and not path:find(fault.pattern) then return false end
  fault.matched = fault.matched + 1
  if fault.matched < fault.from or fault.matched > fault.to then return false end
  if fault.probability and draw() >= fault.probability then return false end
  fault.done = fault.done + 1
  return true
end

--- What the fault makes of an answer; `answer` is nil where it strikes before the call is done.
---@return table response
function faults.spoil(fault, answer, now)
  local kind = fault.kind
  if kind.make then return kind.make(fault.argument, fault.date and now) end
  answer.wire = fault.name
  answer.amount = fault.argument or kind.amount or math.floor(#answer.body / 2)
  return answer
end

return faults
