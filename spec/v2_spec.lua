-- SPDX-License-Identifier: MIT
local core = require "livechat.core"
local json = require "livechat.json"
local request = require "livechat.call.request"
local check_fields = require "livechat.api.check".fields
local check_value = require "livechat.api.check".value
local read = require "livechat.api.read"
local v2 = require "livechat.api.v2"

local reader = read.new(core.timestamp, v2)

local function method(resource, name)
  for _, spec in ipairs(v2.resources[resource]) do
    if spec.name == name then return spec end
  end
end

local function check(resource, name, value)
  local spec = method(resource, name)
  return check_fields(spec.fields or spec.query, value)
end

local function field_of(resource, name, value)
  local made, err = check(resource, name, value)
  assert.equal(made == nil, err ~= nil)
  return err and err.field
end

-- Each member of `alone` put into a copy of `base` must be refused, and named.
local function refuses(resource, name, base, alone)
  for _, case in ipairs(alone) do
    local value = {}
    for key, member in pairs(base) do value[key] = member end
    for key, member in pairs(case[2]) do value[key] = member end
    assert.equal(case[1], field_of(resource, name, value))
  end
end

describe("the data of API version 2", function()
  it("names only types, answers and kinds that there are", function()
    local verbs = { GET = true, POST = true, PUT = true, DELETE = true }
    local function walk(spec, path)
      local known = { string = true, email = true, date = true, time = true, url = true,
        integer = true, group = true, flag = true, enum = true, list = true, object = true,
        map = true, number = true, scalar = true }
      assert.is_true(known[spec.type], path)
      if spec.type == "enum" or spec.type == "list" or spec.type == "map" then
        assert.is_table(spec.of, path)
      end
      if spec.type == "list" or spec.type == "map" then walk(spec.of, path) end
      for name, inner in pairs(spec.fields or {}) do walk(inner, path .. "." .. name) end
    end
    for resource, specs in pairs(v2.resources) do
      for _, spec in ipairs(specs) do
        local path = resource .. ":" .. spec.name
        assert.is_true(verbs[spec.verb], path)
        assert.is_table(v2.answers[spec.returns], path)
        assert.truthy(spec.doc and not spec.doc:find("\n"), path)
        for name, field in pairs(spec.fields or spec.query or {}) do
          walk(field, path .. "." .. name)
        end
        for _, name in ipairs(spec.once or {}) do assert.is_table(spec.fields[name], path) end
        if spec.value then walk(spec.value.spec, path) end
      end
    end
  end)

  it("has every action of the connector, with its verb and path", function()
    local found = {}
    for resource, specs in pairs(v2.resources) do
      for _, spec in ipairs(specs) do
        for operation in (spec.operation or ""):gmatch("%w+") do
          found[operation] = resource .. ":" .. spec.name .. " " .. spec.verb .. " " .. spec.path
        end
      end
    end
    assert.same({
      ListAgents = "agents:list GET /agents",
      CreateAgent = "agents:create POST /agents",
      DeleteAgent = "agents:delete DELETE /agents/{login}",
      ListTickets = "tickets:list GET /tickets",
      GetTicket = "tickets:get GET /tickets/{id}",
      CreateTicket = "tickets:create POST /tickets",
      UpdateTicket = "tickets:update PUT /tickets/{id}/tags",
      WebhookTicketCreated = "webhooks:create POST /webhooks",
      WebhookChatStarted = "webhooks:create POST /webhooks",
      WebhookChatEnded = "webhooks:create POST /webhooks",
      DeleteHook = "webhooks:delete DELETE /webhooks/{id}",
    }, found)
    for _, path in ipairs { "get", "update" } do
      assert.equal("/agents/{login}", method("agents", path).path)
    end
    assert.equal("/tickets/{id}/tags", method("tickets", "tag").path)
    assert.equal("/webhooks", method("webhooks", "list").path)
  end)

  it("must not send a message or a password twice", function()
    assert.same({ "message" }, method("tickets", "update").once)
    assert.same({ "password" }, method("agents", "update").once)
  end)
end)

describe("v2, what goes out", function()
  it("agents:list", function()
    assert.same({ status = "not accepting chats" },
      check("agents", "list", { status = "not accepting chats" }))
    refuses("agents", "list", {}, { { "status", { status = "busy" } }, { "page", { page = 1 } } })
  end)

  local NOTIFY = { new_visitor = true, incoming_chat = true, returning_visitor = false,
    queued_visitor = 1, visitor_is_typing = 0, new_goal = "1" }

  it("agents:create", function()
    local base = { login = "zoë@exämple.org", name = "Zoë" }
    assert.same(base, check("agents", "create", base))
    assert.equal('{"daily_summary":0,"groups":[0,3],"job_title":"Clerk","login":"a@b.org",'
      .. '"login_status":"accepting chats","max_chats_count":6,"name":"A","notifications":'
      .. '{"incoming_chat":1,"new_goal":1,"new_visitor":1,"queued_visitor":1,'
      .. '"returning_visitor":0,"visitor_is_typing":0},"password":"12345",'
      .. '"permission":"administrator"}',
      json.encode(check("agents", "create", { login = "a@b.org", name = "A", job_title = "Clerk",
        login_status = "accepting chats", permission = "administrator", password = "12345",
        max_chats_count = "6", groups = { 0, "3" }, daily_summary = false,
        notifications = NOTIFY })))
    refuses("agents", "create", base, {
      { "login", { login = "john" } }, { "name", { name = "" } }, { "name", { name = "a\nb" } },
      { "password", { password = "1234" } }, { "permission", { permission = "owner" } },
      { "login_status", { login_status = "offline" } },
      { "max_chats_count", { max_chats_count = -1 } },
      { "max_chats_count", { max_chats_count = "many" } }, { "groups[2]", { groups = { 1, "x" } } },
      { "groups", { groups = 1 } }, { "daily_summary", { daily_summary = 2 } },
      { "notifications.new_goal", { notifications = { new_goal = 2 } } },
      { "notifications.colour", { notifications = { colour = 1 } } },
      { "status", { status = "offline" } }, { "job_titel", { job_titel = "x" } },
    })
    -- The service has defaults for those that are left out.
    for _, part in ipairs { {}, { new_visitor = 1 }, { new_goal = 0, incoming_chat = 1 } } do
      local fields = { login = "a@b.org", name = "A", notifications = part }
      assert.same(part, check("agents", "create", fields).notifications)
    end
    assert.equal("login", field_of("agents", "create", { name = "A" }))
    assert.equal("name", field_of("agents", "create", { login = "a@b.org" }))
  end)

  it("agents:update", function()
    local all = { name = "N", job_title = "J", login_status = "accepting chats", password = "12345",
      current_password = "old", permission = "normal", status = "offline", groups = { 1 },
      notifications = { new_visitor = 1, returning_visitor = 0, queued_visitor = 0,
        visitor_is_typing = 1 }, daily_summary = 1, max_chats_count = 2,
      work_scheduler = { monday = { enabled = 1, start = "09:00", ["end"] = "17:00" } } }
    assert.same(all, check("agents", "update", all))
    refuses("agents", "update", {}, {
      { "login", { login = "a@b.org" } }, { "status", { status = "away" } },
      { "work_scheduler.funday", { work_scheduler = { funday = {} } } },
      { "work_scheduler.monday.start", { work_scheduler = { monday = { start = "9" } } } },
      { "work_scheduler.monday.enabled", { work_scheduler = { monday = { enabled = "no" } } } },
      { "notifications.new_goal", { notifications = { new_goal = 1 } } },
    })
  end)

  it("tickets:list, every filter, as PHP reads it", function()
    local query = request.query(check("tickets", "list", { date_from = "2014-08-18",
      date_to = "2014-08-19", page = 2, assigned = false, order = "asc", status = "open",
      assignee = "jane.doe@mycompany.com", query = "new shoes", requester = { mail = "a@b.org" },
      group = 0, source = "facebook", tag = "sales", tagged = true, source_id = "NO4Y5FAERW",
      agent = { "a@b.org", "c@d.org" } }))
    assert.equal("agent[]=a@b.org&agent[]=c@d.org&assigned=0&assignee=jane.doe@mycompany.com"
      .. "&date_from=2014-08-18&date_to=2014-08-19&group=0&order=asc&page=2&query=new shoes"
      .. "&requester[mail]=a@b.org&source=facebook&source_id=NO4Y5FAERW&status=open&tag=sales"
      .. "&tagged=1", (query:gsub("%%(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
      end)))
    assert.same({ requester = { mail = "a@b.org" } },
      check("tickets", "list", { ["requester.mail"] = "a@b.org" }))
    refuses("tickets", "list", {}, {
      { "date_from", { date_from = "2014-02-30" } }, { "date_to", { date_to = "today" } },
      { "page", { page = 0 } }, { "page", { page = 1.5 } }, { "assigned", { assigned = "yes" } },
      { "order", { order = "up" } }, { "status", { status = "closed" } },
      { "requester.mail", { requester = { mail = "nobody" } } }, { "group", { group = "all" } },
      { "source", { source = "phone" } }, { "tag", { tag = { "a" } } }, { "tag", { tag = "a\nb" } },
      { "tagged", { tagged = 3 } }, { "per_page", { per_page = 100 } },
      { "assignee", { assignee = "a\0b" } }, { "query", { query = "a\r\nb" } },
    })
  end)

  local TICKET = { message = "My new shoes\nare broken", requester = { mail = "m@b.org" } }

  it("tickets:create", function()
    assert.same(TICKET, check("tickets", "create", TICKET))
    local all = { message = "m", subject = "s", requester = { mail = "m@b.org", name = "Mary" },
      assignee = { id = "jane@b.org" }, source = { type = "chat-window", url = "https://x.org" },
      group = { 0, 2 } }
    assert.same(all, check("tickets", "create", all))
    refuses("tickets", "create", TICKET, {
      { "message", { message = "" } }, { "message", { message = "a\0" } },
      { "requester.mail", { requester = {} } },
      { "requester.mail", { requester = { mail = "x" } } },
      { "subject", { subject = "a\nb" } }, { "assignee.id", { assignee = {} } },
      { "source.type", { source = { type = "facebook" } } },
      { "source.url", { source = { type = "mail", url = "https://x.org" } } },
      { "source.url", { source = { url = "https://x.org" } } },
      { "source.url", { source = { type = "chat-window", url = "x.org" } } },
      { "group[1]", { group = { -1 } } }, { "tags", { tags = { "a" } } },
    })
    assert.equal("message", field_of("tickets", "create", { requester = { mail = "m@b.org" } }))
    assert.equal("requester.mail", field_of("tickets", "create", { message = "m" }))
  end)

  it("tickets:update and tickets:tag", function()
    local all = { message = "m", subject = "s", requester = { mail = "m@b.org", name = "Mary" },
      assignee = { id = "jane@b.org" }, source = { type = "lc2" }, tags = { "a", "b c" } }
    assert.same(all, check("tickets", "update", all))
    assert.same({ subject = "s" }, check("tickets", "update", { subject = "s" }))
    refuses("tickets", "update", {}, {
      { "tags", { tags = "a" } }, { "tags[1]", { tags = { "" } } },
      { "status", { status = "open" } },
      { "tag", { tag = { "a" } } }, { "message", { message = "" } },
    })
    local spec = method("tickets", "tag").value.spec
    assert.equal('["a"]', json.encode((check_value(spec, { "a" }, "tags"))))
    assert.equal("[]", json.encode((check_value(spec, {}, "tags"))))
    assert.equal("tags[2]", select(2, check_value(spec, { "a", 5 }, "tags")).field)
  end)

  it("webhooks:create", function()
    local chat = { "chat", "visitor", "pre_chat_survey" }
    for event, allowed in pairs { chat_started = chat, chat_ended = chat,
      chat_changed = { "chat", "visitor" }, visitor_queued = { "visitor" },
      ticket_created = { "ticket" }, canned_response_changed = { "canned_response" } } do
      local hook = { event_type = event, data_types = allowed, url = "https://x.org/hook" }
      assert.same(hook, check("webhooks", "create", hook))
      for _, other in ipairs { "chat", "visitor", "pre_chat_survey", "ticket",
        "canned_response" } do
        local fine = (" " .. table.concat(allowed, " ") .. " "):find(" " .. other .. " ", 1, true)
        hook.data_types = { other }
        assert.equal(not fine and "data_types[1]" or nil, field_of("webhooks", "create", hook))
      end
    end
    local base = { event_type = "chat_started", data_types = { "chat" }, url = "https://x.org" }
    refuses("webhooks", "create", base, {
      { "event_type", { event_type = "chat_begun" } }, { "data_types", { data_types = {} } },
      { "data_types", { data_types = "chat" } }, { "url", { url = "ftp://x.org" } },
      { "url", { url = "https://x.org/\r\n" } },
    })
    for _, missing in ipairs { "event_type", "data_types", "url" } do
      local hook = { event_type = "chat_started", data_types = { "chat" }, url = "https://x.org" }
      hook[missing] = nil
      assert.equal(missing, field_of("webhooks", "create", hook))
    end
  end)
end)

describe("v2, what comes back", function()
  local function ticket(text)
    return reader:read("ticket", reader:find("ticket", json.decode(text)))
  end

  it("a ticket of the REST form and one of the webhook's form", function()
    assert.same({
      id = "5FUED", subject = "shoes", status = "open", modified = "2013-11-18T16:06:42.000Z",
      requester = { mail = "m@b.org", name = "Mary" }, groups = { { id = 0 } },
      source = { type = "mail" }, opened = { { from = "2013-11-15T22:24:20.000Z" } },
      firstResponse = {}, tags = { "sales" }, rate = { score = 5 },
      events = {
        { type = "message", date = "2013-11-15T22:24:20.000Z", is_private = false, message = "hi",
          author = { id = "m@b.org", name = "Mary", type = "client" }, source = { type = "mail" } },
        { type = "assignee_changed", date = "2013-11-15T22:24:30.000Z",
          author = { id = "j@b.org", name = "John" }, to = { id = "k@b.org", name = "Kate" } },
      },
    }, ticket [[{"id":"5FUED","subject":"shoes","status":"open","modified":1384790802,
      "requester":{"mail":"m@b.org","name":"Mary","ip":null},"groups":[0],"assignee":null,
      "source":{"type":"mail","url":null},"opened":[{"from":1384554260,"to":null}],
      "firstResponse":[],"tags":["sales"],"rate":{"score":5.0,"by":null},"events":[
      {"type":"message","author":{"id":"m@b.org","name":"Mary","type":"client"},
       "date":1384554260,"is_private":false,"message":"hi","source":{"type":"mail"}},
      {"to":{"id":"k@b.org","name":"Kate"},"author":{"id":"j@b.org","name":"John"},
       "date":"1384554270","type":"assignee_changed"}]}]])
    assert.same({
      id = "CCWWM", date = "2014-08-18T08:05:05.120Z",
      groups = { { id = 0, name = "All operators", inherited = true } },
      source = { type = "chat-window", id = "NO4Y5FAERW" },
      requester = { mail = "m@b.org", utc_offset = "Pacific/Fiji" },
      events = { { date = "2014-08-18T10:05:05.000Z", is_private = true } },
    }, ticket [[{"id":"CCWWM","date":"2014-08-18T10:05:05.12+02:00","assignee":[],
      "groups":[{"id":0,"name":"All operators","inherited":true}],
      "source":{"type":"chat-window","url":null,"id":"NO4Y5FAERW"},
      "requester":{"mail":"m@b.org","utc_offset":"Pacific/Fiji"},
      "events":[{"date":"2014-08-18T10:05:05Z","is_private":1}]}]])
  end)

  it("a ticket bare, wrapped, and with a numeric id", function()
    assert.equal("5FUED", ticket('{"id":"5FUED"}').id)
    assert.equal("5FUED", ticket('{"pages":1,"total":15,"tickets":[{"id":"5FUED"}]}').id)
    assert.equal("12345678", ticket('{"id":12345678}').id)
    assert.equal("2014-08-18T10:05:05.000Z", ticket('{"id":"A","date":1408356305000}').date)
    assert.is_nil((reader:find("ticket", json.decode('{"pages":0,"total":0,"tickets":[]}'))))
  end)

  it("an agent", function()
    local agent = reader:read("agent", reader:find("agent", json.decode [[{"login":"j@b.org",
      "daily_summary":true,"max_chats_count":"6","groups":[{"id":"1","name":"Sales"}],
      "notifications":{"new_visitor":"1","new_goal":0},"last_logout":1358427204,"status":"busy",
      "work_scheduler":{"monday":{"enabled":"1","start":"09:00","end":"17:00"}},
      "license_id":1011121,"group_ids":[1,"2"],"avatar":null}]]))
    assert.same({ login = "j@b.org", daily_summary = 1, max_chats_count = 6, status = "busy",
      groups = { { id = 1, name = "Sales" } }, notifications = { new_visitor = 1, new_goal = 0 },
      last_logout = "2013-01-17T12:53:24.000Z", license_id = "1011121", group_ids = { 1, 2 },
      work_scheduler = { monday = { enabled = 1, start = "09:00", ["end"] = "17:00" } } }, agent)
    assert.equal("6", tostring(agent.max_chats_count))
  end)

  it("webhooks", function()
    local hooks = reader:find("hooks", json.decode [[{"events":[{"licence":"12345",
      "event_type":"chat_started","data_types":["chat"],"url":"https://x.org","verified":true,
      "token":"t","id":"39612eee"}]}]])
    assert.same({ licence = 12345, event_type = "chat_started", data_types = { "chat" },
      url = "https://x.org", verified = true, token = "t", id = "39612eee" },
      reader:read("hook", hooks[1]))
  end)

  it("what a delivery holds", function()
    assert.same({ id = "PR8G5BAYCT", started_timestamp = "2019-05-13T16:46:57.000Z",
      groups = { { id = 3 } }, tags = {}, agents = { { name = "J", login = "j@b.org" } },
      messages = { { user_type = "agent", text = "hi", timestamp = "2019-05-13T16:46:58.000Z" } } },
      reader:read("chat", json.decode [[{"id":"PR8G5BAYCT","started_timestamp":1557766017,
        "groups":[3],"tags":[],"agents":[{"name":"J","login":"j@b.org"}],
        "messages":[{"user_type":"agent","text":"hi","timestamp":1557766018}]}]]))
    assert.same({ id = "20", answers = { { label = "a", chosen = true } } },
      reader:read("survey_item", json.decode '{"id":20,"answers":[{"label":"a","chosen":1}]}'))
    assert.same({ id = "3181", group = 0, modification_date = "2013-01-22T15:00:13.000Z" },
      reader:read("canned_response",
        json.decode '{"id":3181,"group":"0","modification_date":1358866813}'))
  end)
end)

describe("v2, the published samples", function()
  local PAYLOADS = "../shared/payloads/"

  local function sample(name)
    local file = io.open(PAYLOADS .. name, "rb")
    if not file then pending("no " .. PAYLOADS .. name) end -- leaves the test
    local text = file:read "*a"
    file:close()
    return (assert(json.decode(text)))
  end

  local ANSWERS = {
    ["GET /agents"] = "agents", ["GET /agents/<LOGIN>"] = "agent", ["POST /agents"] = "agent",
    ["PUT /agents/<LOGIN>"] = "agent", ["DELETE /agents/<LOGIN>"] = "result",
    ["GET /tickets"] = "page", ["GET /tickets/<TICKET_ID>"] = "ticket",
    ["POST /tickets"] = "ticket", ["GET /webhooks"] = "hooks", ["POST /webhooks"] = "hooks",
    ["DELETE /webhooks/<ID>"] = "result",
  }

  it("v2_doc_samples.json: every answer of the calls that there are", function()
    local seen = 0
    for _, entry in ipairs(sample "v2_doc_samples.json") do
      local answer = ANSWERS[entry.path]
      if answer then
        seen = seen + 1
        local value = assert(reader:find(answer, entry.sample))
        local list = value[1] and value or { value }
        local kind = ({ agents = "agent", page = "ticket", hooks = "hook" })[answer] or answer
        for i = 1, kind ~= "result" and #list or 0 do
          local record = reader:read(kind, list[i])
          for name in pairs(list[i]) do assert.is_not_nil(record[name], name) end
          assert.is_string(record.login or record.id)
          for _, group in ipairs(record.groups or {}) do assert.is_number(group.id) end
          for _, event in ipairs(record.events or {}) do
            assert.truthy(event.date:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"))
          end
        end
      end
    end
    assert.equal(11, seen)
  end)

  it("v2_rest_fixture_agent.json and v2_rest_fixture_agents.json", function()
    local agent = sample "v2_rest_fixture_agent.json"
    agent = reader:read("agent", assert(reader:find("agent", agent)))
    assert.truthy(agent.last_logout:find("^2013%-"))
    assert.equal(2, #agent.groups)
    for _, one in ipairs(assert(reader:find("agents", sample "v2_rest_fixture_agents.json"))) do
      assert.is_string(reader:read("agent", one).login)
    end
  end)

  it("v2_error_bodies.json: a text in each", function()
    for _, entry in ipairs(sample "v2_error_bodies.json") do
      assert.is_string(read.error_text(entry.body))
    end
  end)

  it("v2_webhook_doc_samples.json: each data type is read", function()
    local kinds = { chat = "chat", visitor = "visitor", ticket = "ticket",
      canned_response = "canned_response" }
    local function walk(value)
      for name, member in pairs(type(value) == "table" and value or {}) do
        if kinds[name] and type(member) == "table" then
          assert.is_table(reader:read(kinds[name], member))
        end
        walk(member)
      end
    end
    walk(sample "v2_webhook_doc_samples.json")
  end)
end)
