-- SPDX-License-Identifier: MIT
--- Calls that an event makes: with the pair that its delivery brought and nothing of the account's,
--- or, after an inbox, which holds no token, with the receiver's client.
local event = require "livechat.events.event"
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"
local receiver_of = require "livechat.events.receiver"
local v2 = require "livechat.api.v2"

local FIELDS = { id = "crm", fields = { { name = "Customer", value = 7 } } }

-- Answers what it was asked, and with status 400 where the set's id says so.
local ECHO = [[
  server {
    listen 127.0.0.1:$PORT;
    location / {
      content_by_lua_block {
        ngx.req.read_body()
        local body = ngx.req.get_body_data() or ""
        if body:find('"id":"bad"', 1, true) then ngx.status = 400 end
        ngx.print(require("cjson").encode { result = ngx.var.uri .. " "
          .. (ngx.var.http_authorization or "none"),
          error = "no: " .. (body:match('"token":"(%w+)"') or "no token") .. " is none" })
        return ngx.exit(ngx.OK)
      }
    }
  }
]]

local sandbox, client, hook, visitor

setup(function()
  sandbox = helper.sandbox { seed = 3, calls = false }
  client = assert(livechat.new { username = sandbox.username, api_key = sandbox.api_key,
    base_url = sandbox.url, throttle = false, retry = false })
  hook = assert(client.webhooks:create { event_type = "chat_started", data_types = { "visitor" },
    url = "http://127.0.0.1:9/" })
  visitor = client.visitors:list()[1]
end)

teardown(function() helper.cleanup() end)

local function delivery(more)
  local body = { event_type = "chat_started", token = hook.token, license_id = hook.licence,
    visitor = { id = visitor.id, name = "M" } }
  for name, value in pairs(more or {}) do body[name] = value end
  return json.encode(body)
end

--- What a handler gets of one delivery by `call`, and everything that could have shown a token.
local function handled(given, body, connect, call)
  local values, shown = nil, {}
  given.token = given.token or hook.token
  given.on_error = function(text) shown[#shown + 1] = text end
  local receiver = receiver_of.new(given, { event.dialect(v2) }, connect)
  receiver:on("chat_started", function(got)
    values = { call(got) }
    shown[#shown + 1] = tostring(got) .. json.encode(got:raw()) .. tostring(values[2])
      .. json.encode(type(values[2]) == "table" and values[2].body or "")
    for name, value in pairs(got) do shown[#shown + 1] = name .. tostring(value) end
  end)
  local status = receiver:handle(body)
  if given.inbox then receiver:drain {} end
  assert.is_nil(table.concat(shown, "\n"):find(given.token, 1, true))
  return values, status, table.concat(shown, "\n")
end

local function details(got)
  return got:visitor_details(FIELDS)
end

describe("event:visitor_details", function()
  it("goes with the delivery's pair, with a client and without one", function()
    local stranger = assert(livechat.new { username = "x@example.com", api_key = "wrong-key-12345",
      base_url = sandbox.url, throttle = false, retry = false })
    assert.equal("auth", select(2, stranger.visitors:details(visitor.id, FIELDS)).kind)
    assert.same({ true, "Visitor details added" },
      handled({ client = stranger }, delivery { event_unique_id = "a1" }, nil, details))
    assert.same({ true, "Visitor details added" },
      handled({}, delivery { event_unique_id = "a2" }, function() return stranger end, details))
  end)

  it("is refused where the pair is not the account's", function()
    local other = ("e"):rep(32)
    local values = handled({ client = client, token = other }, delivery { token = other }, nil,
      details)
    assert.same({ nil, "auth" }, { values[1], values[2].kind })
  end)

  it("sends nothing of the account's, and shows the token nowhere", function()
    local nginx = helper.nginx { http = ECHO }
    local echo = assert(livechat.new { username = "a@example.com", api_key = "0123456789abcdef",
      base_url = "http://127.0.0.1:" .. nginx.port, throttle = false, retry = false })
    assert.same({ true, "/visitors/" .. visitor.id .. "/details none" },
      handled({ client = echo }, delivery { event_unique_id = "b1" }, nil, details))
    local values = handled({ client = echo }, delivery { event_unique_id = "b2" }, nil,
      function(got) return got:visitor_details { id = "bad", fields = FIELDS.fields } end)
    assert.same({ "rejected", 400 }, { values[2].kind, values[2].status })
    assert.matches("^no: .+ is none$", values[2].message)
    assert.is_nil(values[2].message:find("no token", 1, true))
    assert.is_nil(tostring(values[2]):find(hook.token, 1, true))
  end)

  it("takes the client's credentials after an inbox, which holds no token", function()
    local folder = helper.folder()
    local values = handled({ client = client, inbox = livechat.inbox(folder) },
      delivery { event_unique_id = "c1" }, nil, details)
    assert.same({ true, "Visitor details added" }, values)
    local _, _, shown = handled({ inbox = livechat.inbox(helper.folder()) },
      delivery { event_unique_id = "c2" }, nil, details)
    assert.matches("'event:visitor_details' needs a receiver with a client", shown)
  end)

  it("names what is wrong before anything is sent", function()
    local values = handled({ client = client }, delivery { event_unique_id = "d1" }, nil,
      function(got) return got:visitor_details { id = "a", fields = { { name = "" } } } end)
    assert.same({ "invalid", "fields[1].name" }, { values[2].kind, values[2].field })
    values = handled({ client = client },
      delivery { event_unique_id = "d2", visitor = json.null }, nil, details)
    assert.same({ "invalid", "visitor" }, { values[2].kind, values[2].field })
    local _, _, shown = handled({ client = client }, delivery { event_unique_id = "d3" }, nil,
      function(got) return got.visitor_details(FIELDS) end)
    assert.matches("call it with a colon", shown)
  end)
end)
