-- SPDX-License-Identifier: MIT
-- once, on jit: it is long, and the service runs in nginx
-- The local Agent Chat API: lists, chats, members, tags, customers, routing. No sockets.
local json = require "livechat.json"
local account = require "spec.account"
local helper = require "spec.helper"
local today = require "spec.today"

local JANE, NONE = "jane.doe@example.com", json.decode("{}")

local own
before_each(function() own = today.new() end)

--- What a call answers that must work.
local function agent(action, fields, request)
  local status, body = own.agent(action, fields, request)
  assert.equal(200, status, body.error and action .. ": " .. body.error.message)
  return body
end

local function refused(kind, action, fields, request)
  local _, body = own.agent(action, fields, request)
  assert.equal(kind, body.error and body.error.type, action)
  return body.error.message
end

local function start(more)
  local chat = { thread = { events = { { type = "message", text = "Hello" } } } }
  for name, value in pairs(more or {}) do chat[name] = value end
  return agent("start_chat", { chat = chat })
end

describe("list_archives", function()
  it("gives each thread that has ended once, page by page", function()
    local all = agent("list_archives", { limit = 100 })
    assert.is_true(all.found_chats > 20)
    local ids, page = {}, agent("list_archives", { limit = 7 })
    repeat
      for _, chat in ipairs(page.chats) do ids[#ids + 1] = chat.thread.id end
      start() -- what begins meanwhile moves nothing
      page = page.next_page_id and agent("list_archives", { page_id = page.next_page_id }) or nil
    until not page
    assert.equal(all.found_chats, #ids)
    for i, id in ipairs(ids) do
      if all.chats[i] then assert.equal(all.chats[i].thread.id, id) end
    end
  end)

  it("goes back, and from the first to the last", function()
    local first = agent("list_archives", { limit = 5, sort_order = "asc" })
    assert.is_nil(first.previous_page_id)
    local second = agent("list_archives", { page_id = first.next_page_id })
    assert.is_true(first.chats[5].thread.created_at <= second.chats[1].thread.created_at)
    local back = agent("list_archives", { page_id = second.previous_page_id })
    for i = 1, 5 do assert.equal(first.chats[i].thread.id, back.chats[i].thread.id) end
    assert.is_nil(back.previous_page_id)
  end)

  it("takes a page_id alone, for a month", function()
    local id = agent("list_archives", { limit = 5 }).next_page_id
    for _, fields in ipairs({ { limit = 5 }, { sort_order = "asc" }, { filters = NONE } }) do
      fields.page_id = id
      refused("validation", "list_archives", fields)
    end
    refused("validation", "list_archives", { page_id = "x" })
    refused("validation", "list_chats", { page_id = id })
    agent("list_archives", { page_id = id })
    own.control("POST", "options", { advance = 30 * 86400 })
    refused("validation", "list_archives", { page_id = id })
  end)

  it("keeps questions while there is room for them", function()
    own = today.new({ chats = 4 })
    local ids = {}
    for i = 1, 1000 do ids[i] = ("%d"):format(i):rep(60) end
    local filters = { tags = { exclude_values = ids }, agents = { exclude_values = ids } }
    local first = agent("list_archives", { limit = 1, filters = filters }).next_page_id
    local calls = math.ceil(2 ^ 25 / #json.encode(filters))
    for _ = 1, calls - 2 do agent("list_archives", { limit = 1, filters = filters }) end
    agent("list_archives", { page_id = first })
    for _ = 1, 3 do agent("list_archives", { limit = 1, filters = filters }) end
    refused("validation", "list_archives", { page_id = first })
  end)

  it("finds by each filter what the chats themselves say", function()
    local all = {}
    for _, chat in ipairs(agent("list_archives", { limit = 100 }).chats) do
      all[chat.thread.id] = chat
    end
    local function has(list, value)
      for _, each in ipairs(list or {}) do if each == value then return true end end
      return false
    end
    local any = select(2, next(all))
    local login = any.users[2].id
    local customer, from, to = any.users[1], "2025-12-10T00:00:00.000000Z",
      "2025-12-20T01:00:00.000000+01:00"
    local country = customer.visit.geolocation.country_code
    for name, case in pairs({
      tags = { { tags = { values = { "sales", "vip" } } }, function(c)
        return has(c.thread.tags, "sales") or has(c.thread.tags, "vip") end },
      every = { { tags = { values = { "sales", "feedback" }, require_every_value = true } },
        function(c) return has(c.thread.tags, "sales") and has(c.thread.tags, "feedback") end },
      untagged = { { tags = { exists = false } }, function(c) return c.thread.tags == nil end },
      others = { { tags = { exclude_values = { "sales" } } },
        function(c) return not has(c.thread.tags, "sales") end },
      agents = { { agents = { values = { login } } }, function(c)
        return has(c.thread.user_ids, login) end },
      groups = { { group_ids = { 0, 2 } }, function(c)
        return has({ 0, 2 }, c.access.group_ids[1]) end },
      threads = { { thread_ids = { any.thread.id } }, function(c) return c == any end },
      chats = { { chat_ids = { any.id } }, function(c) return c.id == any.id end },
      dates = { { from = from, to = to }, function(c)
        return c.thread.created_at >= from and
          c.thread.created_at < "2025-12-20T00:00:00.000000Z" end },
      customer = { { customer_id = customer.id }, function(c)
        return c.users[1].id == customer.id end },
      mail = { { customer_email = customer.email:upper() }, function(c)
        return c.users[1].email == customer.email end },
      country = { { customer_countries = { values = { country } } }, function(c)
        return c.users[1].visit.geolocation.country_code == country end },
      query = { { query = "BLUE" }, function(c)
        return json.encode(c.thread.events):lower():find("blue") ~= nil end },
      forms = { { event_types = { values = { "filled_form" } } }, function(c)
        return c.thread.events[1].type == "filled_form" end },
      human = { { agent_types = { all_values = { "human" } } }, function() return true end },
      bots = { { agent_types = { any_values = { "chatbot" } } }, function() return false end },
    }) do
      local wanted, found = {}, {}
      for id, chat in pairs(all) do if case[2](chat) then wanted[#wanted + 1] = id end end
      for _, chat in ipairs(agent("list_archives", { limit = 100, filters = case[1] }).chats) do
        found[#found + 1] = chat.thread.id
      end
      table.sort(wanted)
      table.sort(found)
      assert.same(wanted, found, name)
    end
  end)

  it("refuses filters that are none", function()
    for _, filters in ipairs({ { from = "2025-12-10" }, { from = "2025-12-10T00:00:00Z" },
      { to = "2025-13-10T00:00:00.000000Z" }, { unknown = 1 }, { group_ids = "x" },
      { thread_ids = { "x" }, query = "x" }, { tags = { exists = true, values = { "x" } } },
      { event_types = { values = { "x" } } } }) do
      refused("validation", "list_archives", { filters = filters })
    end
    refused("validation", "list_archives", { limit = 101 })
    refused("validation", "list_archives", { pagination = NONE })
  end)
end)

describe("a chat", function()
  it("is started, led and ended, and is v2's", function()
    local made = start({ properties = { space = { name = "value" } },
      access = { group_ids = { 2 } } })
    assert.same({ made.thread_id .. "_2" }, made.event_ids)
    local id = agent("send_event", { chat_id = made.chat_id, event = { type = "message",
      text = "How are you?", custom_id = "c1", properties = { a = { b = 1 } } } }).event_id
    local chat = agent("get_chat", { chat_id = made.chat_id })
    assert.same({ made.chat_id, made.thread_id, true, { 2 }, { space = { name = "value" } } },
      { chat.id, chat.thread.id, chat.thread.active, chat.access.group_ids, chat.properties })
    local event = chat.thread.events[2]
    assert.same({ id, "How are you?", "c1", account.LOGIN, "all" }, { event.id, event.text,
      event.custom_id, event.author_id, event.visibility })
    local _, old = own.call("GET", "/chats/" .. made.thread_id)
    assert.same({ true, "Hello", "How are you?" }, { old.pending, old.messages[1].text,
      old.messages[2].text })
    assert.equal("", old.prechat_survey[1] or "")
    agent("deactivate_chat", { id = made.chat_id })
    chat = agent("get_chat", { chat_id = made.chat_id, thread_id = made.thread_id })
    assert.is_false(chat.thread.active)
    assert.equal("system_message", chat.thread.events[3].type)
    _, old = own.call("GET", "/chats/" .. made.thread_id)
    assert.is_nil(old.pending)
    refused("chat_inactive", "send_event", { chat_id = made.chat_id,
      event = { type = "message", text = "x" } })
    refused("chat_inactive", "deactivate_chat", { id = made.chat_id })
    refused("not_found", "get_chat", { chat_id = "x" })
    refused("not_found", "get_chat", { chat_id = made.chat_id, thread_id = "x" })
  end)

  it("is resumed with a new thread", function()
    local made = start()
    refused("validation", "resume_chat", { chat = { id = made.chat_id } })
    agent("deactivate_chat", { id = made.chat_id })
    own.now = own.now + 60
    local resumed = agent("resume_chat", { chat = { id = made.chat_id, thread = {
      events = { { type = "message", text = "Again" } } } } })
    assert.not_equal(made.thread_id, resumed.thread_id)
    local threads = agent("list_threads", { chat_id = made.chat_id, sort_order = "asc" })
    assert.same({ 2, made.thread_id, resumed.thread_id }, { threads.found_threads,
      threads.threads[1].id, threads.threads[2].id })
    assert.same({ resumed.thread_id, made.thread_id }, { threads.threads[1].next_thread_id,
      threads.threads[2].previous_thread_id })
    local last = agent("get_chat", { chat_id = made.chat_id })
    assert.equal(resumed.thread_id, last.thread.id)
    assert.equal(200, (own.call("GET", "/chats/" .. resumed.thread_id)))
    agent("deactivate_chat", { id = made.chat_id })
    local rows = 0
    for _, chat in ipairs(agent("list_archives", { limit = 100 }).chats) do
      if chat.id == made.chat_id then rows = rows + 1 end
    end
    assert.equal(2, rows) -- one row is one thread
  end)

  it("may be inactive from the start, with who is wanted in it", function()
    local customer = agent("list_archives", { limit = 1 }).chats[1].users[1]
    local made = agent("start_chat", { active = false, chat = { users = {
      { id = customer.id, type = "customer" }, { id = JANE, type = "agent" } } } })
    local chat = agent("get_chat", { chat_id = made.chat_id })
    assert.same({ false, customer.id, account.LOGIN, JANE }, { chat.thread.active,
      chat.users[1].id, chat.users[2].id, chat.users[3].id })
    refused("not_found", "start_chat", { chat = { users = { { id = "x", type = "customer" } } } })
    refused("validation", "start_chat", { chat = { access = { group_ids = { 99 } } } })
  end)

  it("holds events of every kind; v2 shows the messages", function()
    local made = start()
    for _, event in ipairs({ { type = "file", url = "https://files.example.com/x.png" },
      { type = "rich_message", template_id = "cards", elements = { { title = "x" } } },
      { type = "custom", content = { a = 1 } }, { type = "message", text = "x",
        visibility = "agents" }, { type = "system_message", text = "x",
        system_message_type = "test" }, { type = "form", form_id = "1", fields = { { id = "1" } } }
      }) do
      local id = agent("send_event", { chat_id = made.chat_id, event = event }).event_id
      local events = agent("get_chat", { chat_id = made.chat_id }).thread.events
      assert.same({ id, event.type }, { events[#events].id, events[#events].type })
    end
    local _, old = own.call("GET", "/chats/" .. made.thread_id)
    assert.equal(2, #old.messages)
    assert.equal("supervisor", old.messages[2].user_type)
    for _, event in ipairs({ NONE, { type = "message" }, { type = "message", text = "" },
      { type = "message", text = ("x"):rep(16385) }, { type = "filled_form" },
      { type = "message", text = "x", html = "x" }, { type = "file" } }) do
      refused("validation", "send_event", { chat_id = made.chat_id, event = event })
    end
  end)

  it("is seen by those in it; others must come first", function()
    local thread = own.service:start_chat({ agent = JANE }, own.now)
    local id = thread.id:reverse()
    local event = { type = "message", text = "x" }
    refused("missing_access", "send_event", { chat_id = id, event = event })
    refused("missing_access", "deactivate_chat", { id = id })
    agent("add_user_to_chat", { chat_id = id, user_id = account.LOGIN, user_type = "agent",
      visibility = "agents" })
    refused("validation", "add_user_to_chat", { chat_id = id, user_id = account.LOGIN,
      user_type = "agent", visibility = "all" })
    agent("send_event", { chat_id = id, event = event })
    agent("send_event_preview", { chat_id = id, event = event })
    agent("send_typing_indicator", { chat_id = id, is_typing = true })
    agent("send_thinking_indicator", { chat_id = id, title = "Thinking..." })
    agent("remove_user_from_chat", { chat_id = id, user_id = JANE, user_type = "agent" })
    refused("not_found", "remove_user_from_chat", { chat_id = id, user_id = JANE,
      user_type = "agent" })
    local users = agent("get_chat", { chat_id = id }).users
    local present = {}
    for _, user in ipairs(users) do present[user.id] = user.present end
    assert.same({ true, false }, { present[account.LOGIN], present[JANE] })
    agent("deactivate_chat", { id = id })
  end)

  it("is transferred to a group or an agent", function()
    local made = start()
    agent("transfer_chat", { id = made.chat_id, target = { type = "group", ids = { 1 } } })
    local chat = agent("get_chat", { chat_id = made.chat_id })
    assert.same({ 1 }, chat.access.group_ids)
    agent("transfer_chat", { id = made.chat_id, target = { type = "agent", ids = { JANE } } })
    assert.equal(JANE, agent("get_chat", { chat_id = made.chat_id }).users[2].id)
    local anyway = { id = made.chat_id, ignore_requester_presence = true,
      target = { type = "agent", ids = { "omar.haddad@example.com" } } }
    refused("agent_offline", "transfer_chat", anyway)
    anyway.target = { type = "group", ids = { 3 } }
    refused("groups_offline", "transfer_chat", anyway)
    anyway.target = { type = "group", ids = { 99 } }
    refused("group_not_found", "transfer_chat", anyway)
    anyway.target, anyway.ignore_agents_availability = { type = "group", ids = { 3 } }, true
    agent("transfer_chat", anyway)
    local list = agent("list_agents_for_transfer", { chat_id = made.chat_id })
    assert.equal("number", type(list[1].total_active_chats))
  end)

  it("is followed, tagged and untagged", function()
    local made = start()
    agent("follow_chat", { id = made.chat_id })
    assert.is_true(agent("get_chat", { chat_id = made.chat_id }).is_followed)
    agent("unfollow_chat", { id = made.chat_id })
    assert.is_false(agent("get_chat", { chat_id = made.chat_id }).is_followed)
    local tag = { chat_id = made.chat_id, thread_id = made.thread_id, tag = "golden" }
    agent("tag_thread", tag)
    agent("tag_thread", tag)
    local _, old = own.call("GET", "/chats/" .. made.thread_id)
    assert.same({ "golden" }, old.tags)
    assert.same({ "golden" }, agent("get_chat", { chat_id = made.chat_id }).thread.tags)
    agent("untag_thread", tag)
    refused("not_found", "untag_thread", tag)
    own.call("PUT", "/chats/" .. made.thread_id .. "/tags", { json = { tag = { "from-v2" } } })
    assert.same({ "from-v2" }, agent("get_chat", { chat_id = made.chat_id }).thread.tags)
    tag.thread_id = "x"
    refused("not_found", "tag_thread", tag)
  end)

  it("keeps properties of itself, its threads and its events", function()
    local made = start()
    local where = { id = made.chat_id, chat_id = made.chat_id, thread_id = made.thread_id,
      event_id = made.event_ids[1] }
    for kind, names in pairs({ chat = { "id" }, thread = { "chat_id", "thread_id" },
      event = { "chat_id", "thread_id", "event_id" } }) do
      local function change(verb, properties)
        local fields = { properties = properties }
        for _, name in ipairs(names) do fields[name] = where[name] end
        agent(verb .. "_" .. kind .. "_properties", fields)
        local chat = agent("get_chat", { chat_id = made.chat_id })
        local holder = { chat = chat, thread = chat.thread, event = chat.thread.events[1] }
        return holder[kind].properties
      end
      assert.same({ s = { a = 1, b = "x" } }, change("update", { s = { a = 1, b = "x" } }))
      assert.same({ s = { b = "x" } }, change("delete", { s = { "a" } }))
      assert.same({}, change("delete", { s = { "b" } }))
    end
    refused("not_found", "update_event_properties", { chat_id = made.chat_id,
      thread_id = made.thread_id, event_id = "x", properties = NONE })
  end)

  it("is summarized once after its end, and seen", function()
    local made = start()
    local where = { chat_id = made.chat_id, thread_id = made.thread_id }
    agent("request_thread_summary", where)
    agent("request_thread_summary", where)
    agent("deactivate_chat", { id = made.chat_id })
    assert.equal("ok", agent("get_chat", { chat_id = made.chat_id }).thread.summary.status)
    assert.equal(409, (own.agent("request_thread_summary", where)))
    agent("mark_events_as_seen", { chat_id = made.chat_id,
      seen_up_to = "2027-01-15T08:00:00.000000Z" })
    refused("validation", "mark_events_as_seen", { chat_id = made.chat_id, seen_up_to = "x" })
    agent("send_rich_message_postback", { chat_id = made.chat_id, thread_id = made.thread_id,
      event_id = "x", postback = { id = "x", toggled = true } })
    agent("multicast", { recipients = { agents = { all = true } }, content = { a = 1 } })
  end)

  it("takes files of 10 MB", function()
    local function upload(size, field)
      return own.accounts("POST", "/v3.6/agent/action/upload_file", {
        headers = { ["content-type"] = "multipart/form-data; boundary=b" },
        body = ('--b\r\nContent-Disposition: form-data; name="%s"; filename="x.png"\r\n\r\n%s' ..
          "\r\n--b--\r\n"):format(field or "file", ("x"):rep(size)) })
    end
    local status, body = upload(10 * 2 ^ 20)
    assert.same({ 200, "string" }, { status, type(body.url) })
    local made = start()
    agent("send_event", { chat_id = made.chat_id, event = { type = "file", url = body.url } })
    local events = agent("get_chat", { chat_id = made.chat_id }).thread.events
    assert.same({ "x.png", 10 * 2 ^ 20 }, { events[2].name, events[2].size })
    assert.equal(413, (upload(10 * 2 ^ 20 + 1)))
    assert.equal(400, (upload(1, "attachment")))
  end)
end)

describe("list_chats and list_threads", function()
  it("summarize each chat, in 3.7 under other names", function()
    local made = start()
    local list = agent("list_chats", { filters = { active = true } })
    local found
    for _, chat in ipairs(list.chats_summary) do
      assert.is_true(chat.last_thread_summary.active)
      if chat.id == made.chat_id then found = chat end
    end
    assert.equal("Hello", found.last_event_per_type.message.event.text)
    assert.same({ made.thread_id }, { found.last_thread_summary.id })
    list = agent("list_chats", { limit = 100 }, { version = "/v3.7" })
    assert.is_nil(list.chats_summary)
    assert.equal("message", list.chats_info[1].last_thread_info.last_event_per_type.message
      .event.type)
    local seen, page = {}, agent("list_chats", { limit = 10 })
    while page do
      for _, chat in ipairs(page.chats_summary) do
        assert.is_nil(seen[chat.id])
        seen[chat.id] = true
      end
      page = page.next_page_id and agent("list_chats", { page_id = page.next_page_id }) or nil
    end
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    assert.equal(list.found_chats, count)
  end)

  it("page threads, or take as many as hold enough events", function()
    local made = start()
    for _ = 1, 4 do
      agent("deactivate_chat", { id = made.chat_id })
      agent("resume_chat", { chat = { id = made.chat_id } })
    end
    local page, count = agent("list_threads", { chat_id = made.chat_id }), 0
    assert.equal(3, #page.threads)
    while page do
      count = count + #page.threads
      page = page.next_page_id and agent("list_threads", { chat_id = made.chat_id,
        page_id = page.next_page_id }) or nil
    end
    assert.equal(5, count)
    local some = agent("list_threads", { chat_id = made.chat_id, min_events_count = 3 })
    assert.is_true(#some.threads > 1)
    refused("validation", "list_threads", { chat_id = made.chat_id, min_events_count = 3,
      limit = 1 })
    refused("not_found", "list_threads", { chat_id = "x" })
    refused("validation", "list_threads", NONE)
  end)
end)

describe("customers and routing", function()
  it("lead from a chat to its tickets", function()
    local made = start()
    local customer = agent("get_chat", { chat_id = made.chat_id }).users[1]
    assert.equal("customer", customer.type)
    local _, ticket = own.helpdesk("POST", "/tickets", { json = today.ticket({ requester = {
      email = customer.email:upper() } }) })
    customer = agent("get_customer", { id = customer.id })
    assert.equal(ticket.ID, customer.tickets[#customer.tickets].ticket_id)
    assert.equal(made.chat_id, customer.chat_ids[#customer.chat_ids])
    refused("not_found", "get_customer", { id = "x" })
  end)

  it("change who a customer is", function()
    local made = start()
    local id = agent("get_chat", { chat_id = made.chat_id }).users[1].id
    local status, body = own.agent("update_customer", { id = id, name = "Ann", phone_number =
      "+48123456789", session_fields = { { plan = "gold" } } })
    assert.same({ 200, {} }, { status, body })
    local customer = agent("get_customer", { id = id })
    assert.same({ "Ann", "+48123456789", { plan = "gold" } }, { customer.name,
      customer.phone_number, customer.session_fields[#customer.session_fields] })
    local _, old = own.call("GET", "/chats/" .. made.thread_id)
    assert.equal("Ann", old.visitor.name)
    refused("validation", "update_customer", { id = id })
    refused("validation", "update_customer", { id = id, phone_number = "123" })
    agent("ban_customer", { id = id, ban = { days = 3 } })
    local _, bans = own.configuration("list_customer_bans", NONE)
    assert.equal(id, bans.customer_bans[1].customer_id)
    assert.equal(200, (own.configuration("unban_customer", { id = id })))
  end)

  it("set and show routing statuses, which are v2's", function()
    agent("set_routing_status", { status = "not_accepting_chats", agent_id = JANE })
    local _, old = own.call("GET", "/agents/" .. JANE)
    assert.equal("not accepting chats", old.status)
    agent("set_routing_status", { status = "not_accepting_chats" })
    local list = agent("list_routing_statuses", { filters = { group_ids = { 1 } } })
    assert.same({ { agent_id = account.LOGIN, status = "not_accepting_chats" },
      { agent_id = JANE, status = "not_accepting_chats" } }, list)
    refused("validation", "set_routing_status", { status = "offline" })
    refused("validation", "set_routing_status", { status = "accepting chats" })
    refused("not_found", "set_routing_status", { status = "accepting_chats", agent_id = "x" })
  end)
end)

describe("every action", function()
  it("refuses a member that it does not know", function()
    for _, route in ipairs(own.service:routes()) do
      local folder, name = route.path:match("^/(%a+)/action/(.*)$")
      if folder and name ~= "upload_file" and not name:find("^batch_") then
        local call = folder == "agent" and own.agent or own.configuration
        local status, body = call(name, { ["no such member"] = 1 }, { version = "/v3.7" })
        assert.same({ 400, "validation" }, { status, body.error and body.error.type }, name)
      end
    end
  end)
end)

describe("the published samples of the Agent Chat API", function()
  local text = helper.payload("agent_chat_v36_doc_samples.json")
  local read_it = text and it or function(name)
    print("skipped, there is no ../shared/payloads: Agent Chat " .. name)
  end

  -- What the pages show and an account without shops, bots and HelpDesk's older ids has not.
  local ABSENT = { carts = true, omnichannel = true, address = true, avatar = true, state = true,
    group_ids = true, online = true, followed = true, phone_number = true, ["properties"] = true,
    ended_at = true, __priv_lc2_customer_id = true, agent_last_event_created_at = true,
    customer_last_event_created_at = true, events_seen_up_to = true, previous_page_id = true,
    next_page_id = true, previous_thread_id = true, next_thread_id = true, highlights = true,
    previous_accessible_thread_id = true, next_accessible_thread_id = true, summary = true,
    custom_id = true, greetings_shown_count = true, greetings_accepted_count = true,
    tickets = true, title = true, session_fields = true, text_vars = true }
  local function trim(value)
    if type(value) ~= "table" then return value end
    for name in pairs(ABSENT) do value[name] = nil end
    for _, member in pairs(value) do trim(member) end
    return value
  end

  read_it("are answered with their members, and their requests are taken", function()
    local all = json.fold(json.decode(text))
    local made = start()
    agent("set_routing_status", { status = "accepting_chats", agent_id = "zofia.maj@example.com" })
    local customer = agent("get_chat", { chat_id = made.chat_id }).users[1].id
    local given = { chat_id = made.chat_id, id = made.chat_id, thread_id = made.thread_id,
      event_id = made.event_ids[1], user_id = JANE, agent_id = JANE }
    local names = {}
    for name in pairs(all) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      local sample = all[name]
      local request = sample.request
      if name == "resume_chat" then
        request = nil -- the chat of the others is active
      elseif name ~= "upload_file" and name ~= "start_chat" and name ~= "deactivate_chat" then
        for member in pairs(request) do
          if given[member] then request[member] = given[member] end
        end
        if request.id and name:find("customer") then request.id = customer end
        if name == "untag_thread" then request.tag = "support" end
        if request.target then request.target.ids = { 1 } end
        if name == "remove_user_from_chat" then request.ignore_requester_presence = true end
      end
      if request and name ~= "deactivate_chat" then
        local status, body = own.agent(name, next(request) and request or NONE)
        assert.equal(200, status, name .. ": " .. tostring(body.error and body.error.message))
        if sample.response ~= json.null then
          local right, member = helper.covers(trim(sample.response), body)
          assert.is_true(right, name .. ": " .. tostring(member))
        else
          assert.same({}, body)
        end
      end
    end
  end)
end)

describe("the published structures of the Agent Chat API", function()
  local text = helper.payload("agent_chat_v36_structures.json")
  local read_it = text and it or function(name)
    print("skipped, there is no ../shared/payloads: structures " .. name)
  end

  -- The sample's own names and what is not in the sandbox: pictures, shops, other channels.
  local function trim(value, names)
    for name in names:gmatch("%S+") do value[name] = nil end
    return value
  end

  read_it("are written with their members", function()
    local all = {}
    for path, sample in pairs(json.fold(json.decode(text))) do
      all[path:match("([%w]+)%.json$")] = sample
    end
    own.service:start_chat({ agent = account.LOGIN, tags = { "sales" } }, own.now)
    local id = own.service.chats.order[#own.service.chats.order].id:reverse()
    local properties = { property_namespace = { property_name = "property_value" } }
    local postback = { id = "x", thread_id = "x", event_id = "x", type = "phone", value = "1" }
    for _, event in ipairs({
      { type = "message", text = "hello", postback = postback },
      { type = "custom", content = { custom = { nested = "json" } } },
      { type = "file", url = "https://example.com/image25.png", alternative_text = "x" },
      { type = "rich_message", template_id = "cards", elements = all.richMessage.elements },
      { type = "form", form_id = "1", form_type = "prechat", fields = all.form.fields },
      { type = "system_message", text = "x", system_message_type = "routing.assigned",
        text_vars = { agent = "John Doe" } } }) do
      event.properties, event.custom_id, event.visibility = properties, "c", "all"
      agent("send_event", { chat_id = id, event = event })
    end
    local chat = agent("get_chat", { chat_id = id })
    local by_type = {}
    for _, event in ipairs(chat.thread.events) do by_type[event.type] = event end
    trim(all.file, "thumbnail_url thumbnail2x_url content_type size width height")
    trim(all.filledForm, "custom_id properties")
    trim(all.filledForm, "fields")
    for name, kind in pairs({ message = "message", custom = "custom", file = "file",
      richMessage = "rich_message", form = "form", systemMessage = "system_message",
      filledForm = "filled_form" }) do
      local right, member = helper.covers(all[name], by_type[kind])
      assert.is_true(right, name .. ": " .. tostring(member))
    end
    local customer = trim(all.customer, [[avatar phone_number __priv_lc2_customer_id followed online
      agent_last_event_created_at customer_last_event_created_at events_seen_up_to group_ids
      tickets state carts omnichannel address session_fields]])
    customer.visit.ended_at = nil
    agent("mark_events_as_seen", { chat_id = id, seen_up_to = "2027-01-15T08:00:00.000000Z" })
    chat = agent("get_chat", { chat_id = id })
    for name, value in pairs({ [customer] = chat.users[1], [all.agent] = chat.users[2],
      [trim(all.thread, "restricted_access queue queues_duration previous_thread_id " ..
        "next_thread_id properties")] = chat.thread, [all.access] = { access = chat.access } }) do
      local right, member = helper.covers(name, value)
      assert.is_true(right, tostring(member))
    end
  end)
end)
