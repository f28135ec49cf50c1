-- SPDX-License-Identifier: MIT
--- HelpDesk as it may answer too: a service made up for this, which shares nothing with the local
--- one. Each test says what it answers, as a function of the request.
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"

teardown(function() helper.cleanup() end)

local SERVER = [[
  server {
    listen 127.0.0.1:$PORT;
    client_max_body_size 40m;
    client_body_buffer_size 40m;
    location = /_begin { content_by_lua_block { calls, state = {}, {} } }
    location = /_calls { content_by_lua_block {
      ngx.print(#calls > 0 and require("cjson").encode(calls) or "[]")
      calls = {}
    } }
    location / { content_by_lua_block {
      local cjson = require "cjson"
      ngx.req.read_body()
      local path = ngx.var.uri:gsub("^/v1", "")
      local call = { method = ngx.req.get_method(), path = path, query = ngx.req.get_uri_args() }
      local fine, body = pcall(cjson.decode, ngx.req.get_body_data() or "")
      call.body = fine and body or nil
      calls[#calls + 1] = { call.method .. " " .. path, call.body or false, ngx.var.args or "" }
      local status, said, headers = assert(loadfile("$FOLDER/answer.lua"))()(call, state, cjson)
      for name, value in pairs(headers or {}) do ngx.header[name] = value end
      ngx.status = status
      ngx.print(type(said) == "table" and cjson.encode(said) or said or "")
    } }
  }
]]

local folder, nginx
setup(function()
  folder = helper.folder()
  nginx = helper.nginx { http = (SERVER:gsub("%$FOLDER", folder)) }
end)

--- Has the service answer anew; `answer` is the text of a function's body: call, state, cjson ->
--- status, what it says (a table as JSON), headers.
local function open(answer, more)
  helper.write(folder .. "/answer.lua",
    "return function(call, state, cjson)\n" .. answer .. "\nend")
  helper.http { port = nginx.port, path = "/_begin" }
  local url = "http://127.0.0.1:" .. nginx.port
  local options = { api = "v3", username = "account", api_key = "key", base_url = url,
    helpdesk_url = url .. "/v1", throttle = false, retry = false, reconcile = 1 }
  for name, value in pairs(more or {}) do options[name] = value end
  return assert(livechat.new(options)), function()
    return json.fold(json.decode(helper.http { port = nginx.port, path = "/_calls" }.body))
  end
end

local function create(client)
  return client.tickets:create { message = "It is broken", requester = { mail = "a@example.net" } }
end

local function subjects(client, filter)
  local list = {}
  for ticket in client.tickets:each(filter) do list[#list + 1] = ticket.subject end
  return table.concat(list, " ")
end

describe("HelpDesk with ids that are numbers", function()
  local client, calls
  setup(function()
    client, calls = open [[
      state.ticket = state.ticket or { ID = 12345678901, createdAt = 1767225600000,
        updatedAt = "2026-01-01T01:00:00+01:00", teamIDs = { 7 }, tagIDs = { 3 }, subject = "s",
        assignment = { team = { ID = 7, name = "Sales" }, agent = { ID = 9 } },
        requester = { email = "a@example.net" }, events = { { ID = "1", type = "message",
          date = "2026-01-01T00:00:00Z", message = { text = "m", isPrivate = false } } } }
      if call.path == "/tags" then
        return 200, { { ID = 3, name = "old" }, { ID = "4", name = "new" } }
      elseif call.path == "/agents" then return 200, { { ID = 9, email = "b@example.net" } }
      elseif call.path == "/tickets" then
        return 200, call.query["next.ID"] and "[]" or { state.ticket }
      end
      if call.method == "PATCH" then
        state.ticket.tagIDs = call.body.tagIDs or state.ticket.tagIDs
      end
      return 200, state.ticket ]]
  end)

  it("reads them as text, and sends them as they came", function()
    local ticket = assert(client.tickets:get(12345678901))
    assert.same({ "12345678901", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z" },
      { ticket.id, ticket.date, ticket.modified })
    assert.same({ { id = "7", name = "Sales" } }, ticket.groups)
    assert.same({ "9", "old", "1" }, { ticket.assignee.id, ticket.tags[1], ticket.events[1].id })
    calls()
    assert.same({ "old", "new" }, assert(ticket:add_tags { "new" }).tags)
    for _, call in ipairs(calls()) do
      if call[1] == "PATCH /tickets/12345678901" then
        assert.same({ teamIDs = { 7 }, tagIDs = { 3, "4" },
          assignment = { team = { ID = 7 }, agent = { ID = 9 } } }, call[2])
      end
    end
    assert.same({ "new" }, assert(ticket:remove_tags { "old" }).tags)
  end)

  it("walks by them", function()
    assert.equal("s", subjects(client))
    assert.equal("s", subjects(client, { assignee = "b@example.net" }))
    local found = false
    for _, call in ipairs(calls()) do
      found = found or call[3]:find("next.ID=12345678901", 1, true)
    end
    assert.truthy(found)
  end)
end)

describe("a list of HelpDesk", function()
  -- Tickets 1 to 7, all of one moment but the last.
  local LIST = [[
    local rows = {}
    for i = 1, 7 do
      rows[i] = { ID = "id " .. i, subject = tostring(i), requester = { email = i .. "@a.net" },
        createdAt = i < 7 and "2026-02-30T10:00:00.000001+02:00" or "2026-03-01 10:00:00" }
    end
    local from = 1
    for i = 1, 7 do
      if rows[i].ID == call.query["next.ID"] and rows[i].createdAt == call.query["next.value"] then
        from = i + 1
      end
    end
    local page = {}
    if SIZE == 3 then page[1] = rows[from - 1] end -- the place itself is shown once more
    for i = from, math.min(from + SIZE - 1, 7) do page[#page + 1] = rows[i] end
    return 200, #page > 0 and page or "[]", HEADERS ]]

  it("is walked whole whatever its pages and counts are, over dates that there are not", function()
    for _, size in ipairs { "1", "2", "3", "7", "100" } do
      for _, total in ipairs { "nil", "7", "'x'" } do
        local headers = '{ ["X-Total-Results"] = ' .. total .. " }"
        local client = open((LIST:gsub("SIZE", size):gsub("HEADERS", headers)))
        local list = {}
        for ticket in client.tickets:each() do list[#list + 1] = ticket.subject end
        table.sort(list)
        assert.equal("1234567", table.concat(list), size .. headers)
      end
    end
  end)

  it("is compared where the service does not filter by the requester", function()
    local client = open((LIST:gsub("SIZE", "2"):gsub("HEADERS", '{ ["X-Total-Results"] = 7 }')))
    assert.equal("5", subjects(client, { requester = { mail = "5@A.net" } }))
    local page = assert(client.tickets:list { requester = { mail = "5@A.net" } })
    assert.same({ 1, "5", 1, 1 }, { #page, page[1].subject, page.total, page.pages })
  end)
end)

describe("a success of HelpDesk", function()
  it("is one too with an empty body, an empty object, a page of a gateway", function()
    for i, said in ipairs { '""', '"{}"', '"<html></html>"', '{ message = "created" }' } do
      local client = open("local id = 't" .. i .. [['

        if call.method == "POST" and call.path == "/tickets" then
          state.made = { ID = id, createdAt = os.date("!%Y-%m-%dT%H:%M:%SZ"), subject = "a subject",
            requester = call.body.requester, events = { { ID = 1, type = "message",
              message = { text = call.body.message.text, isPrivate = false } } } }
          return 200, ]] .. said .. [[

        elseif call.method == "POST" and call.path == "/tags" then
          state.tag = { ID = "g1", name = call.body.name }
          return 200, ]] .. said .. [[

        elseif call.method == "POST" and call.path == "/webhooks" then
          state.hook = { ID = "h1", url = call.body.url, eventType = call.body.eventType }
          return 200, ]] .. said .. [[

        elseif call.method == "PATCH" then
          local events = state.made.events
          state.made.tagIDs = call.body.tagIDs
          if call.body.message then
            events[#events + 1] = { ID = #events + 1, type = "message", message = {
              text = call.body.message.text, isPrivate = call.body.isPrivate or false } }
          end
          return 200, ]] .. said .. [[

        elseif call.path == "/tickets" then return 200, { state.made }
        elseif call.path == "/tags" then return 200, state.tag and { state.tag } or "[]"
        elseif call.path == "/webhooks" then return 200, state.hook and { state.hook } or "[]"
        elseif call.method == "DELETE" then return 200, ]] .. said .. [[

        end
        return 200, state.made ]])
      local ticket = assert(create(client))
      assert.equal("t" .. i, ticket.id)
      if not said:find "html" then
        assert.same({ "new" }, assert(ticket:tag({ "new" }, { create_tags = true })).tags)
      end
      local answered = assert(ticket:reply { message = "Why?", private = true })
      assert.same({ 2, "Why?", true }, { #answered.events, answered.events[2].message,
        answered.events[2].is_private })
      assert.equal("h1", assert(client.webhooks:create { event_type = "ticket_created",
        url = "https://example.net/" }).id)
      if not said:find "html" then assert.is_true((client.webhooks:delete("h1"))) end
    end
  end)

  it("is none that says an error, with status 200", function()
    local client = open [[ return 200, { error = { type = "validation", message = "no such team",
      details = { { path = { "teamIDs", "0" }, message = "unknown" } } } } ]]
    for _, call in ipairs { function() return create(client) end,
      function() return client.tickets:get("t1") end, function() return client.tickets:list() end,
      function() return client.tickets:reply("t1", { message = "x" }) end,
      function() return client.webhooks:delete("t1") end } do
      local value, err = call()
      assert.is_nil(value)
      assert.same({ "rejected", "validation", "refused" }, { err.kind, err.code, err.outcome })
      assert.truthy(err.message:find("no such team: teamIDs.0: unknown", 1, true), err.message)
    end
  end)
end)

describe("an error of HelpDesk", function()
  it("tells the kinds of 409 apart by its type", function()
    local client = open [[
      local said = { limit = { error = { type = "limitExceeded", message = "agents count (15)" } },
        mail = { error = "Conflict", details = { "email is known" } },
        other = { error = { type = "transactionMismatch", message = "another ticket's" } } }
      return 409, said[call.path:match("%w+$")] ]]
    for path, wanted in pairs { limit = { "limitExceeded", "agents count (15)" },
      mail = { "Conflict", "Conflict: email is known" },
      other = { "transactionMismatch", "another ticket's" } } do
      local _, err = client:request { service = "helpdesk", method = "POST", path = "/" .. path }
      assert.same({ "rejected", 409, "refused", wanted[1] },
        { err.kind, err.status, err.outcome, err.code })
      assert.truthy(err.message:find(wanted[2], 1, true), err.message)
    end
  end)

  it("is a gateway's page too, after which a change may have been made", function()
    local client, calls = open([[
      if call.method == "GET" and state.down then return 200, "[]" end
      state.down = call.method ~= "GET"
      return 502, "<html><body>Bad Gateway</body></html>", { ["Content-Type"] = "text/html" } ]],
      { retry = { attempts = 3, base = 0.01 } })
    local _, err = client.tickets:get("t1")
    assert.same({ "server", 502, 3 }, { err.kind, err.status, err.attempts })
    calls()
    _, err = create(client)
    assert.same({ "server", "unknown", 502 }, { err.kind, err.outcome, err.status })
    local posts = 0
    for _, call in ipairs(calls()) do posts = posts + (call[1] == "POST /tickets" and 1 or 0) end
    assert.equal(1, posts)
  end)
end)

describe("a ticket that is deleted by its shortID", function()
  it("is found by it where the service deletes by the ID alone", function()
    local client, calls = open [[
      if call.method == "DELETE" and call.path ~= "/tickets/t1" or call.path == "/tickets/none" then
        return 404, { error = { type = "notFound", message = "ticket not found" } }
      end
      return 200, call.method == "GET" and { ID = "t1", shortID = "ABCDE" } or "" ]]
    assert.is_true((client.tickets:delete("ABCDE")))
    local list = calls()
    assert.same({ "DELETE /tickets/ABCDE", "GET /tickets/ABCDE", "DELETE /tickets/t1" },
      { list[1][1], list[2][1], list[3][1] })
    assert.is_true((client.tickets:delete("t1")))
    assert.equal("not_found", select(2, client.tickets:delete("none")).kind)
  end)
end)

describe("a merge whose answer is lost", function()
  it("is found in the parent or in the child, in every form", function()
    for _, way in ipairs { '{ "c1" }', '{ { ID = "c1" } }', "nil" } do
      local client, calls = open([[
        if call.method == "POST" then
          state.merged = true
          return 502, "<html></html>"
        elseif call.method == "PATCH" then state.back = call.body end
        local id = call.path:match("%w+$")
        if id == "c1" then
          return 200, { ID = "c1", parentTicket = state.merged and "p1" or nil }
        end
        return 200, { ID = "p1", teamIDs = { state.merged and not state.back and "d" or "t" },
          childTickets = state.merged and ]] .. way .. [[ or nil,
          assignment = { team = { ID = state.merged and not state.back and "d" or "t" } } } ]])
      local ticket = assert(client.tickets:merge("p1", "c1"))
      assert.same({ "p1", "t" }, { ticket.id, ticket.currentGroup.id })
      local posts = 0
      for _, call in ipairs(calls()) do posts = posts + (call[1]:find "POST" and 1 or 0) end
      assert.equal(1, posts)
    end
  end)
end)
