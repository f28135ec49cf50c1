-- SPDX-License-Identifier: MIT
local retry = require "livechat.call.retry"

local NOW = 784111777 -- Sun, 06 Nov 1994 08:49:37 GMT
local OPTIONS = { attempts = 4, base = 0.5, cap = 30 }

local function attempt(fields)
  local made = { method = "GET", safe = true, number = 1, sent = true, now = NOW, random = 0.5,
    elapsed = 0 }
  for name, value in pairs(fields) do made[name] = value end
  return made
end

describe("retry.decide", function()
  it("repeats any call that the service did not act on, others only where that is safe", function()
    for _, case in ipairs {
      -- what happened, safe calls are repeated, POST is repeated
      { { status = 429 }, true, true },
      { { status = 503 }, true, true },
      { { status = 500 }, true, false },
      { { status = 502 }, true, false },
      { { status = 504 }, true, false },
      { { status = 520 }, true, false },
      { { code = "connect", sent = false }, true, true },
      { { code = "timeout", sent = false }, true, true },
      { { code = "network", sent = false }, true, true },
      { { code = "timeout" }, true, false },
      { { code = "network" }, true, false },
      { { code = "protocol" }, true, false },
      { { code = "timeout", status = 200 }, true, false }, -- in the middle of the body
      { { code = "network", status = 404 }, true, false },
    } do
      local what, safe, post = case[1], case[2], case[3]
      local label = tostring(what.status or what.code)
      assert.equal(safe, retry.decide(OPTIONS, attempt(what)) ~= nil, label)
      what.safe, what.method = false, "POST"
      local wait, reason = retry.decide(OPTIONS, attempt(what))
      assert.equal(post, wait ~= nil, label)
      assert.equal(not post and "unsafe" or nil, reason, label)
    end
  end)

  it("never repeats what cannot get better", function()
    for _, what in ipairs { { status = 301 }, { status = 400 }, { status = 401 }, { status = 403 },
      { status = 404 }, { status = 409 }, { status = 422 }, { status = 501 }, { status = 505 },
      { code = "toolarge" }, { code = "cancelled" }, { code = "closed" }, { code = "enomem" },
      { code = "invalid", sent = false } } do
      local wait, reason = retry.decide(OPTIONS, attempt(what))
      assert.is_nil(wait)
      assert.equal("final", reason)
    end
  end)

  it("waits with full jitter between nothing and a doubling limit under the cap", function()
    for number, limit in ipairs { 0.5, 1, 2, 4, 8, 16, 30, 30, 30 } do
      for _, random in ipairs { 0, 0.25, 0.999 } do
        assert.near(limit * random, retry.decide({ attempts = 99, base = 0.5, cap = 30 },
          attempt { status = 429, number = number, random = random }), 1e-9)
      end
    end
    assert.equal(15, retry.decide({ attempts = 10000, base = 0.5, cap = 30 },
      attempt { status = 503, number = 5000 }))
  end)

  it("stops after the given attempts and where retries are off", function()
    assert.is_number(retry.decide(OPTIONS, attempt { status = 429, number = 3 }))
    assert.same({ nil, "attempts" },
      { retry.decide(OPTIONS, attempt { status = 429, number = 4 }) })
    assert.same({ nil, "attempts" },
      { retry.decide({ attempts = 1, base = 0, cap = 1 }, attempt { status = 429 }) })
    assert.same({ nil, "off" }, { retry.decide(false, attempt { status = 429 }) })
  end)

  it("lets Retry-After win, uncut by the cap", function()
    assert.equal(7, retry.decide(OPTIONS, attempt { status = 429, retry_after = "7" }))
    assert.equal(120, retry.decide(OPTIONS, attempt { status = 503, retry_after = "120" }))
    assert.equal(0, retry.decide(OPTIONS, attempt { status = 503, retry_after = "0" }))
    assert.equal(0.25, retry.decide(OPTIONS, attempt { status = 429, retry_after = "soon" }))
  end)

  it("ends rather than wait beyond the deadline, or longer than a program would", function()
    assert.same({ nil, "deadline" }, { retry.decide(OPTIONS,
      attempt { status = 429, retry_after = "7", deadline_left = 7 }) })
    assert.equal(7, retry.decide(OPTIONS,
      attempt { status = 429, retry_after = "7", deadline_left = 7.5 }))
    assert.same({ nil, "deadline" }, { retry.decide(OPTIONS,
      attempt { code = "timeout", deadline_left = 0 }) })
    assert.equal(300, retry.decide(OPTIONS, attempt { status = 429, retry_after = "300" }))
    for _, header in ipairs { "301", "86400", "99999999999999999999999" } do
      assert.same({ nil, "too_long" }, { retry.decide(OPTIONS,
        attempt { status = 429, retry_after = header }) })
    end
  end)
end)

describe("retry.retry_after", function()
  local function after(header, date, now)
    return retry.retry_after(attempt { status = 429, retry_after = header, date = date,
      now = now or NOW })
  end

  it("reads seconds", function()
    assert.equal(120, after("120"))
    assert.equal(120, after(" 120 "))
    assert.equal(1.5, after("1.5"))
    assert.equal(86400, after("99999999999999999999"))
  end)

  it("reads the three forms of an HTTP date", function()
    for _, header in ipairs { "Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT",
      "Sun Nov  6 08:50:37 1994" } do
      assert.equal(60, after(header))
      for _, date in ipairs { "Sun, 06 Nov 1994 08:50:07 GMT", "Sunday, 06-Nov-94 08:50:07 GMT",
        "Sun Nov  6 08:50:07 1994" } do
        assert.equal(30, after(header, date, NOW + 12345678)) -- a clock that is months ahead
      end
    end
  end)

  it("reads dates as the system does, leap years and two-digit years among them", function()
    for _, text in ipairs { "2000-02-29", "2024-03-01", "2023-12-31", "2100-03-01",
      "1970-01-01" } do
      local year, month, day = text:match("(%d+)-(%d+)-(%d+)")
      local time = os.time { year = year, month = month, day = day, hour = 12 }
      local offset = os.time(os.date("*t", time)) - os.time(os.date("!*t", time))
      assert.equal(30, after(os.date("!%a, %d %b %Y %H:%M:30 GMT", time + offset), nil,
        time + offset))
    end
    assert.equal(1, after("Sat, 31 Dec 2016 23:59:60 GMT", "Sat, 31 Dec 2016 23:59:59 GMT"))
    local y2026 = 1790000000
    assert.equal(5, after("Monday, 21-Sep-26 13:33:25 GMT", "Mon, 21 Sep 2026 13:33:20 GMT", y2026))
    assert.equal(0, after("Thursday, 01-Jan-77 00:00:00 GMT", nil, y2026)) -- 1977, not 2077
    assert.equal(86400, after("Thursday, 01-Jan-76 00:00:00 GMT", nil, y2026)) -- 2076
  end)

  it("takes a date that has passed for now, and nothing for what it cannot read", function()
    assert.equal(0, after("Sun, 06 Nov 1994 08:48:37 GMT"))
    assert.equal(60, after("Sun, 06 Nov 1994 08:50:37 GMT", "yesterday"))
    for _, header in ipairs { "", "-5", "soon", "1e3", "0x10", "Sun, 06 Nov 1994 08:50:37 CET",
      "Sun, 06 Foo 1994 08:50:37 GMT", "Sun, 32 Nov 1994 08:50:37 GMT", "inf", "nan",
      "Sun, 06 Nov 1994 25:50:37 GMT", "1994-11-06T08:50:37Z", "12 13",
      "x Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:50:37 GMT x",
      "0 Sunday, 06-Nov-94 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT x",
      "x Sun Nov  6 08:50:37 1994", "Sun Nov  6 08:50:37 1994 x", "Sun, 06 Nov 1994 08:61:37 GMT",
      "Sun, 06 Nov 1994 08:50:61 GMT" } do
      assert.is_nil(after(header), header)
    end
    assert.is_nil(after(nil))
  end)
end)

describe("retry.kind and retry.outcome", function()
  it("say what a last attempt means", function()
    for _, case in ipairs {
      { { status = 400 }, "rejected", "refused" },
      { { status = 401 }, "auth", "refused" },
      { { status = 403 }, "auth", "refused" },
      { { status = 404 }, "not_found", "refused" },
      { { status = 408 }, "rejected", "refused" },
      { { status = 422 }, "rejected", "refused" },
      { { status = 429 }, "throttled", "refused" },
      { { status = 500 }, "server", "unknown" },
      { { status = 502 }, "server", "unknown" },
      { { status = 503 }, "server", "refused" },
      { { status = 300 }, "protocol", "refused" },
      { { status = 301 }, "protocol", "refused" }, { { status = 308 }, "protocol", "refused" },
      { { status = 302 }, "protocol", "unknown" }, { { status = 303 }, "protocol", "unknown" },
      { { code = "network", status = 404 }, "network", "unknown" },
      { { status = 200 }, "protocol", "unknown" },
      { { code = "connect", sent = false }, "network", "not_sent" },
      { { code = "network", sent = false }, "network", "not_sent" },
      { { code = "network" }, "network", "unknown" },
      { { code = "timeout", sent = false }, "timeout", "not_sent" },
      { { code = "timeout" }, "timeout", "unknown" },
      { { code = "protocol" }, "protocol", "unknown" },
      { { code = "toolarge" }, "protocol", "unknown" },
      { { code = "cancelled" }, "cancelled", "unknown" },
      { { code = "closed", sent = false }, "closed", "not_sent" },
      { { code = "timeout", status = 200 }, "timeout", "unknown" }, -- in the middle of the body
      { { code = "sys", sent = false }, "network", "not_sent" },
    } do
      local what, kind, outcome = case[1], case[2], case[3]
      local label = tostring(what.status or what.code)
      assert.equal(kind, retry.kind(attempt(what)), label)
      assert.equal(outcome, retry.outcome(attempt(what)), label)
    end
  end)
end)

describe("retry.hold", function()
  it("holds all callers back after a 429, and after a failure that says for how long", function()
    assert.equal(7, retry.hold(OPTIONS, attempt { status = 429, retry_after = "7" }))
    assert.equal(7, retry.hold(false, attempt { status = 503, retry_after = "7" }))
    assert.equal(300, retry.hold(OPTIONS, attempt { status = 429, retry_after = "86400" }))
    assert.equal(0.5, retry.hold(OPTIONS, attempt { status = 429, number = 2 }))
    assert.equal(0.5, retry.hold(false, attempt { status = 429, number = 2 }))
    assert.equal(7, retry.hold(OPTIONS, attempt { status = 500, retry_after = "7" }))
    assert.equal(7, retry.hold(OPTIONS, attempt { status = 403, retry_after = "7" }))
    for _, what in ipairs { { status = 503 }, { status = 503, retry_after = "soon" },
      { status = 200, retry_after = "7" }, { code = "timeout" } } do
      assert.is_nil(retry.hold(OPTIONS, attempt(what)))
    end
  end)
end)
