-- SPDX-License-Identifier: MIT
--- A trial of the house: a third service, of which only spec/trial.lua knows, works by the same
--- client and walk as the first.
local event = require "livechat.events.event"
local json = require "livechat.json"
local receiver_of = require "livechat.events.receiver"
local v2 = require "livechat.api.v2"
local client_of = require "livechat.client"
local helper = require "spec.helper"
local methods = require "livechat.api.methods"
local trial = require "spec.trial"

local SERVER = [[
  server {
    listen 127.0.0.1:$PORT;
    location / {
      content_by_lua_block {
        local cjson = require "cjson"
        ngx.req.read_body()
        local body = cjson.decode(ngx.req.get_body_data() or "{}")
        local function answer(status, value)
          ngx.status = status
          ngx.print(cjson.encode(value))
          return ngx.exit(ngx.OK)
        end
        if ngx.req.get_method() ~= "POST" or ngx.req.get_headers()["X-Trial"] ~= "1" then
          return answer(400, { error = { type = "denied" } })
        end
        local function ticket(n)
          return { key = n, title = "Ticket " .. n, opened_at = 1700000000 + n, labels = { "a" } }
        end
        local path = ngx.var.uri
        if path == "/list_tickets" then
          local first, items = tonumber(body.cursor) or 1, {}
          for n = first, math.min(first + 3, 10) do items[#items + 1] = ticket(n) end
          local more = first + 4 <= 10
          return answer(200, { items = items, next_cursor = more and tostring(first + 4) or nil })
        elseif path == "/get_ticket" and tonumber(body.key) <= 10 then
          return answer(200, { ticket = { ticket(tonumber(body.key)) } })
        elseif path == "/update_ticket" then
          local made = ticket(tonumber(body.ticket_key))
          made.title, made.labels = body.title or made.title, body.labels or made.labels
          return answer(200, made)
        elseif path == "/close_ticket" then
          return answer(200, { done = body.key })
        end
        return answer(400, { error = { type = "missing", message = "no such ticket" } })
      }
    }
  }
]]

local client

setup(function()
  local nginx = helper.nginx { http = SERVER }
  client = assert(client_of.new({ username = "a", api_key = "0123456789", retry = false,
    base_url = "http://127.0.0.1:" .. nginx.port, throttle = false },
    { dialects = function() return { trial } end, attach = methods.attach, user_agent = "trial",
      sources = { getenv = function() end, login = function() end } }))
end)

teardown(function() helper.cleanup() end)

describe("a service that only its own file knows", function()
  it("is walked by cursor", function()
    local keys = {}
    for ticket in client.tickets:each() do keys[#keys + 1] = ticket.key end
    assert.same({ "1", "2", "3", "4", "5", "6", "7", "8", "9", "10" }, keys)
  end)

  it("gives pages that know the next one", function()
    local page, keys = assert(client.tickets:list()), {}
    while page do
      for _, ticket in ipairs(page) do keys[#keys + 1] = ticket.key end
      local err
      page, err = page:next()
      assert.is_nil(err)
    end
    assert.equal(10, #keys)
  end)

  it("has records that read, change and save themselves", function()
    local ticket = assert(client.tickets:get(3))
    assert.equal("trial.Ticket: 3", tostring(ticket))
    assert.equal("2023-11-14T22:13:23.000Z", ticket.opened_at)
    ticket.labels[2] = "b"
    assert(ticket:save())
    assert.same({ "a", "b" }, ticket.labels)
    assert.same({ true, "3" }, { ticket:close() })
    ticket.opened_at = "now"
    assert.equal("cannot be changed with API trial; ticket:discard() drops what is staged",
      select(2, ticket:save()).message)
  end)

  it("says by type what went wrong", function()
    local ticket, err = client.tickets:get(11)
    assert.is_nil(ticket)
    assert.same({ "not_found", "missing", 400, "no such ticket" },
      { err.kind, err.code, err.status, err.message })
  end)

  it("has its webhooks received beside those of the first", function()
    local seen = {}
    local receiver = receiver_of.new({ token = "0123456789", client = client },
      { event.dialect(v2), event.dialect(trial) })
    receiver:on("ticket.opened", function(got)
      seen[#seen + 1] = { got.type, got.id, got.license_id, got.at, got.ticket.title }
      assert(got.ticket:save())
    end)
    receiver:on("ticket_created", function(got) seen[#seen + 1] = got.ticket.id end)
    local body = json.encode { topic = "ticket.opened", code = "0123456789", workspace = "w1",
      delivery = "d1", data = { at = 1700000000, ticket = { key = 3, title = "New" } } }
    assert.equal(200, (receiver:handle(body)))
    assert.equal(200, (receiver:handle(body)))
    assert.equal(401, (receiver:handle((body:gsub("0123456789", "9876543210")))))
    assert.equal(200, (receiver:handle(json.encode { event_type = "ticket_created",
      token = "0123456789", ticket = { id = "A1" } })))
    assert.same({ { "ticket.opened", "d1", "w1", "2023-11-14T22:13:20.000Z", "New" }, "A1" }, seen)
  end)
end)
