-- SPDX-License-Identifier: MIT
-- once
-- Strangers' text is read in time that grows as the text does: nothing that they write, however
-- often they repeat it, may hold a program up.
local cli_text = require "livechat.cli.text"
local core = require "livechat.core"
local errors = require "livechat.errors"
local event = require "livechat.events.event"
local chats = require "livechat.api.v2.chats"
local json = require "livechat.json"
local livechat = require "livechat"
local lost = require "livechat.api.v2.tickets".lost
local read = require "livechat.api.read"
local redis = require "livechat.redis"
local reports = require "livechat.api.v2.reports"
local request = require "livechat.call.request"
local retry = require "livechat.call.retry"
local text = require "livechat.text"

-- What a stranger may repeat: a megabyte of the characters at which the readers stop or skip, one
-- of each class, a quarter of that of the others of those classes, and less of what the readers
-- look for. Even what only copies its text again for each byte shows at a quarter.
local MEGABYTE = { " ", "\n", '"', "\\", ":", "0", "\255" }
local QUARTER = { "\t", "<", "&", "=", "%", "[", "a", "\0" }
local UNITS = { "\r", ">", "'", "/", "]", "{", ",", ".", "-", "\127", "\128", "\195", "é",
  "\194\128",
  '\\"', "\\'", '\\\\"', "a:", ":a", ": ", "\r\n", "\n\n", "a: b\r\n", "://", ":/", "a@", "[0]",
  "token", "token=", '"token":', '"token":"', '"token":[', '\\"token\\":\\"', "authorization ",
  "authorization: ", "page_current=", "<title>", "<title", "</", "%5D", "%2", "%23",
  "redis error: ", "x:1: ", ":1", "1.", "bad argument ", "Mon, ", "interrupted!" }

local receiver = livechat.receiver { token = "0123456789abcdef", max_body = 2 ^ 22,
  on_error = function() end }
receiver:on("chat_started", function(made) error("cannot handle " .. made.visitor.name) end)
local basic = livechat.receiver { basic_auth = { user = "u", password = "p" },
  on_error = function() end }
local secret = assert(core.secret("basic", "john", "0123456789", "https://api.livechatinc.com"))

local function as_json(value)
  local fine, encoded = pcall(json.encode, value)
  return fine and encoded or '"' .. value .. '"'
end

-- Each reads a text of a stranger's wherever it may stand.
local READERS = {
  trim = text.trim, trim_end = text.trim_end, one_line = text.one_line,
  html_title = text.html_title, redact = text.redact,
  trim_between = function(value) return text.trim("a" .. value .. "b") end,
  trim_end_between = function(value) return text.trim_end("a" .. value .. "b") end,
  cut = function(value) return text.cut(value, #value - 1) end,
  title_of_blanks = function(value) return text.html_title("<title>" .. value) end,
  redact_quoted = function(value) return text.redact('"token":"' .. value) end,
  redact_escaped = function(value) return text.redact('\\"token\\":\\"' .. value) end,
  redact_form = function(value) return text.redact("password='" .. value) end,
  redact_list = function(value) return text.redact('{"token":[' .. value) end,
  redact_url = function(value) return text.redact("://" .. value .. ":" .. value) end,
  error_object = function(value)
    return tostring(errors.new { kind = "server", message = value, body = value, path = value })
  end,
  error_text = function(value) return read.error_text(nil, value) end,
  error_member = function(value) return read.error_text({ error = { value, value } }) end,
  header = function(value) return request.header(value, "Date") end,
  header_value = function(value) return request.header("Date: a" .. value .. "b\r\n", "Date") end,
  header_name = function(value) return request.header(value .. ": a\r\n", "Date") end,
  headers = request.headers,
  headers_value = function(value) return request.headers("X: a" .. value .. "b\r\n") end,
  base = request.base,
  base_path = function(value) return request.base("https://h/" .. value .. "b") end,
  base_host = function(value) return request.base("https://" .. value) end,
  path = function(value)
    return request.build("http://h", { method = "GET", path = "/" .. value .. "b" })
  end,
  id = function(value)
    return request.build("http://h", { method = "GET", path = "/{id}", args = { id = value } })
  end,
  query = function(value) return request.query { a = value, [value:sub(1, 50)] = "b" } end,
  retry_after = function(value) return retry.retry_after { retry_after = value, now = 0 } end,
  retry_after_number = function(value)
    return retry.retry_after { retry_after = "1" .. value .. "b", now = 0 }
  end,
  retry_after_date = function(value)
    return retry.retry_after { retry_after = "Sun, 06 Nov 1994 08:49:37 GMT", date = value,
      now = 0 }
  end,
  lost_same = function(value)
    local mail = { mail = value }
    return lost.same({ requester = mail, subject = value .. "x",
      events = { { type = "message", message = value .. "x" } } },
      { requester = mail, subject = value .. "x", message = "x" .. value })
  end,
  lost_print = function(value)
    return lost.fingerprint { requester = { mail = value }, subject = value, message = value }
  end,
  shown_time = function(value)
    return chats.shown_time(value, "UTC"),
      chats.shown_time("Wed, 01/23/13 11:40:53 am", "A" .. value)
  end,
  report = function(value)
    return reports.rows { [value] = { a = value }, ranking = { [value] = value }, b = "1" .. value }
  end,
  utf8 = json.utf8,
  core_utf8 = core.utf8,
  decode = json.decode,
  decode_string = function(value) return json.decode('"' .. value .. '"') end,
  encode = function(value) return pcall(json.encode, { value }) end,
  decode_marked = function(value) return json.decode('["' .. value .. '",[],[ ]]') end,
  stored = function(value) return event.unpack(value), event.unpack("v2 " .. value) end,
  event_form = function(value)
    return receiver:handle('{"event_type":"chat_started","token":"0123456789abcdef","visitor":"'
      .. value .. '"}')
  end,
  time = function(value) return core.time(value), core.timestamp("2026-01-01" .. value) end,
  digest = core.digest,
  hide = function(value) return secret:hide(value) end,
  body = function(value) return receiver:handle(value) end,
  event = function(value)
    return receiver:handle('{"event_type":"chat_started","token":"0123456789abcdef","chat":{"id":'
      .. as_json(value) .. '},"visitor":{"name":' .. as_json("password='" .. value) .. "}}")
  end,
  authorization = function(value)
    return basic:handle('{"event_type":"x"}', { authorization = "Basic " .. value .. "b" })
  end,
  token = function(value)
    return receiver:handle('{"event_type":"chat_started","token":' .. as_json(value) .. "}")
  end,
  redis_reply = function(value)
    return redis.command({ network = {}, raw_cmd = function() error(value, 0) end }, "GET", "x")
  end,
  redis_raised = function(value)
    return redis.command({ network = {}, raw_cmd = function() error("x:" .. value, 0) end }, "GET")
  end,
  table_of_texts = function(value) return cli_text.table { { value, "a" .. value .. "b" } } end,
  first_line = cli_text.first_line,
}

local function seconds(fn, argument)
  local began = os.clock()
  fn(argument)
  return os.clock() - began
end

-- Four times the text may take four times as long; what is quadratic takes sixteen times as long.
-- Small texts first, so that what is quadratic fails in seconds, and what took 20 ms only because
-- the machine was busy is measured again.
local function growth(fn, unit, most)
  local before
  for _, size in ipairs { 1024, 4096, 16384, 65536, 262144, 1048576 } do
    if size > most then break end
    local given = unit:rep(math.floor(size / #unit))
    local time = seconds(fn, given)
    for _ = 1, 3 do
      if not before or time < 0.02 or time < 9 * math.max(before, 0.002) then break end
      time = math.min(time, seconds(fn, given))
      before = math.max(before, seconds(fn, given:sub(1, #given / 4)))
    end
    if before and time > 0.02 and time > 9 * math.max(before, 0.002) then
      return ("%d bytes of %q: %.3f s, a quarter of it %.3f s"):format(#given, unit, time, before)
    end
    before = time
  end
end

describe("strangers' text is read in time that grows as the text does by", function()
  local names = {}
  for name in pairs(READERS) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    it(name, function()
      local fn, problem = READERS[name], nil
      for _, unit in ipairs(MEGABYTE) do problem = problem or growth(fn, unit, 2 ^ 20) end
      for _, unit in ipairs(QUARTER) do problem = problem or growth(fn, unit, 2 ^ 18) end
      for _, unit in ipairs(UNITS) do problem = problem or growth(fn, unit, 2 ^ 16) end
      assert.is_nil(problem, problem)
    end)
  end

  it("which can be seen of a function that is quadratic", function()
    assert.truthy(growth(function(value) return value:match("^%s*(.*%S)") end, " ", 2 ^ 20))
    assert.truthy(growth(function(value) return (value .. "x"):gsub("%s+$", "") end, "\t", 2 ^ 20))
    assert.truthy(growth(function(value) -- copies, with a tiny price for each byte
      local copy = ""
      for i = 1, #value do copy = copy .. value:sub(i, i) end
      return copy
    end, "a", 2 ^ 18))
  end)
end)
