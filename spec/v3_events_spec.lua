-- SPDX-License-Identifier: MIT
--- Webhooks of v3: registered by a client, their deliveries received, beside those of v2.
local accounts = require "livechat.api.accounts"
local core = require "livechat.core"
local helper = require "spec.helper"
local json = require "livechat.json"
local livechat = require "livechat"
local operation = require "livechat.api.operation"
local read = require "livechat.api.read"
local records = require "livechat.api.record"
local retry = require "livechat.call.retry"
local v3 = require "livechat.api.v3"

local SECRET = "0123456789abcdef"
local sandbox, client

setup(function()
  sandbox = helper.sandbox { calls = false, seed = 5 }
  client = assert(livechat.new { api = "v3", username = sandbox.account_id,
    api_key = sandbox.api_key, base_url = sandbox.url, helpdesk_url = sandbox.url .. "/v1",
    accounts_url = sandbox.url, client_id = sandbox.client_id, throttle = false, retry = false })
end)

teardown(function() helper.cleanup() end)

local function body(action, payload, more)
  local wire = { webhook_id = "the-hook", secret_key = SECRET, action = action,
    organization_id = "390e44e6-f1e6-0368", payload = payload }
  for name, value in pairs(more or {}) do wire[name] = value end
  return json.encode(wire)
end

describe("webhooks of v3", function()
  it("are registered once, with a secret, under our names and the wire's", function()
    local made = assert(client.webhooks:create { event_type = "chat_started",
      data_types = { "chat" }, url = "https://example.com/hook" })
    assert.same({ "incoming_chat", "chat_started", 64 }, { made.action, made.event_type,
      #made.token })
    local again = assert(client.webhooks:create { event_type = "incoming_chat",
      url = "https://example.com/hook", secret = made.token })
    assert.equal(made.id, again.id)
    assert.equal(made.token, again.token)
    local other = assert(client.webhooks:create { event_type = "incoming_event", type = "license",
      url = "https://example.com/hook", secret = SECRET, filters = { author_type = "customer" } })
    assert.equal(SECRET, other.token)
    local types = {}
    for _, hook in ipairs(assert(client.webhooks:list())) do types[hook.id] = hook.event_type end
    assert.same({ [made.id] = "chat_started", [other.id] = "incoming_event" }, types)
    assert(client.webhooks:delete(made.id))
    assert(client.webhooks:delete(other.id))
    assert.equal(0, #assert(client.webhooks:list()))
  end)

  -- What the service's list does not show, and what an answer that was lost does not.
  it("are registered once where neither secret nor answer is seen", function()
    local hooks, registered, mode = {}, 0, "fine"
    local conn = { client_id = "app" }
    function conn:call(spec)
      assert.equal("app", spec.body.owner_client_id)
      local name = spec.path:match("[^/]*$")
      if name == "list_webhooks" then return { decoded = json.decode(json.encode(hooks)) } end
      registered = registered + 1
      hooks[#hooks + 1] = { id = "H" .. registered, action = spec.body.action,
        url = spec.body.url, type = spec.body.type }
      if mode == "lost" then return nil, { kind = "timeout", outcome = "unknown" } end
      return { decoded = mode == "fine" and { id = hooks[#hooks].id } or nil }
    end
    function conn.due() end
    local row
    for _, each in ipairs(v3.resources.webhooks) do
      if each.name == "create" then row = each end
    end
    local op = operation.new({ conn = conn }, records.dialect(v3), {}, row)
    local function create(event_type)
      return row.run(op, nil, { event_type = event_type, url = "https://a.example/" })
    end
    for event_type, given in pairs { chat_started = "fine", chat_ended = "lost",
      incoming_event = "silent" } do
      mode = given
      local made = assert(create(event_type))
      assert.equal(64, #made.token)
      local again = assert(create(event_type))
      assert.same({ made.id, made.token }, { again.id, again.token })
    end
    assert.equal(3, registered)
  end)

  it("are switched off and on", function()
    assert.is_true((client.webhooks:disable()))
    assert.same({ enabled = false }, (client.webhooks:state()))
    assert.is_true((client.webhooks:enable()))
    assert.same({ enabled = true }, (client.webhooks:state()))
  end)

  it("need an app, and say so", function()
    local bare = assert(livechat.new { api = "v3", username = "a", api_key = "b",
      base_url = sandbox.url, throttle = false })
    local made, err = bare.webhooks:create { event_type = "chat_ended", url = "https://a.example" }
    assert.is_nil(made)
    assert.same({ "invalid", "client_id" }, { err.kind, err.field })
  end)
end)

describe("deliveries of v3", function()
  local function receive(options)
    local seen = {}
    local given = { token = SECRET, on_error = function() end }
    for name, value in pairs(options or {}) do given[name] = value end
    local receiver = livechat.receiver(given)
    return receiver, seen
  end

  local function note(seen, name)
    return function(event) seen[#seen + 1] = name .. ":" .. event.type end
  end

  it("go to handlers of our name and of the wire's, once each", function()
    local receiver, seen = receive()
    receiver:on("chat_ended", note(seen, "ours")):on("chat_deactivated", note(seen, "wire"))
    receiver:on("incoming_chat", note(seen, "other")):on("*", note(seen, "all"))
    local text = body("chat_deactivated", { chat_id = "C1", thread_id = "T1" })
    assert.equal(200, (receiver:handle(text)))
    assert.equal(200, (receiver:handle(text)))
    assert.same({ "ours:chat_ended", "wire:chat_ended", "all:chat_ended" }, seen)
    assert.equal(1, receiver:stats().known)
  end)

  it("are told from each other, and known again whoever is in the chat", function()
    local receiver, ids = receive()
    receiver:on("*", function(event) ids[#ids + 1] = event.id end)
    local function send(...) return (receiver:handle(body(...))) end
    local payload = { chat_id = "C1", thread_id = "T1", event = { id = "E1", text = "a" } }
    assert.equal(200, send("incoming_event", payload,
      { additional_data = { chat_presence_user_ids = { "a" } } }))
    assert.equal(200, send("incoming_event", payload, { additional_data = json.array {} }))
    assert.equal(200, send("incoming_event", payload, { webhook_id = "another" }))
    assert.equal(1, #ids)
    for _, other in ipairs { { "event_updated", payload }, { "incoming_event", { chat_id = "C1",
      thread_id = "T1", event = { id = "E2", text = "a" } } }, { "incoming_event", { chat_id = "C1",
      thread_id = "T2", event = { id = "E1", text = "a" } } }, { "thread_tagged", { chat_id = "C1",
      thread_id = "T1", tag = "a" } }, { "thread_tagged", { chat_id = "C1", thread_id = "T1",
      tag = "b" } } } do
      assert.equal(200, send(other[1], other[2]))
    end
    assert.equal(6, #ids)
    local known = {}
    for _, id in ipairs(ids) do
      assert.is_nil(known[id])
      known[id] = true
    end
  end)

  -- A tag that is set, taken away and set again: the first and the last delivery say the same.
  it("are never taken for one, and a redelivery is, where they say the same", function()
    local receiver, seen = receive()
    receiver:on("*", function(event) seen[#seen + 1] = event.id end)
    local function send(...) return select(2, receiver:handle(body(...))) end
    local tag = { chat_id = "C1", thread_id = "T1", tag = "vip" }
    assert.equal("handled\n", send("thread_tagged", tag))
    assert.equal("handled already\n", send("thread_tagged", tag))
    assert.equal("handled\n", send("thread_tagged", { chat_id = "C1", tag = "b" }))
    assert.equal("handled already\n", send("thread_tagged", tag)) -- of another subject
    assert.equal("handled\n", send("thread_untagged", tag))
    assert.equal("handled\n", send("thread_tagged", tag))
    for _, status in ipairs { "accepting chats", "not accepting chats", "accepting chats" } do
      assert.equal("handled\n", send("routing_status_set", { agent_id = "a", status = status }))
    end
    local user = { chat_id = "C1", user = { id = "a@example.com", type = "agent" } }
    assert.equal("handled\n", send("user_added_to_chat", user))
    assert.equal("handled\n", send("user_removed_from_chat", { chat_id = "C1",
      user_id = "a@example.com" }))
    assert.equal("handled\n", send("user_added_to_chat", user))
    local known = {}
    for _, id in ipairs(seen) do
      assert.is_nil(known[id])
      known[id] = true
    end
  end)

  it("that say the same are two where minutes lie between", function()
    local recent = require "livechat.events.recent"
    local clock, now = core.clock, 0
    core.clock = function() return now end
    finally(function() core.clock = clock end)
    local ids = recent.new()
    local first = ids:name("tagged", "C1")
    now = 100
    assert.equal(first, ids:name("tagged", "C1"))
    now = 121
    assert.are_not.equal(first, ids:name("tagged", "C1"))
    for i = 1, 30000 do ids:name("x", tostring(i)) end
    assert.is_nil(ids.old["1"] or ids.young["1"]) -- of so many, the first are forgotten
    assert.truthy(ids.old["20001"] or ids.young["20001"])
  end)

  it("go on where a handler failed, also of what has no id", function()
    local receiver, seen = receive()
    local broken = true
    receiver:on("thread_tagged", note(seen, "first"))
    receiver:on("thread_tagged", function() assert(not broken) end)
    local text = body("thread_tagged", { chat_id = "C1", thread_id = "T1", tag = "vip" })
    assert.equal(500, (receiver:handle(text)))
    broken = false
    assert.equal(200, (receiver:handle(text)))
    assert.same({ "first:thread_tagged" }, seen)
  end)

  it("of a message are known by its id, whatever else they say", function()
    local receiver, seen = receive()
    receiver:on("incoming_event", note(seen, "all"))
    local payload = { chat_id = "C1", thread_id = "T1", event = { id = 7, text = "a" } }
    assert.equal(200, (receiver:handle(body("incoming_event", payload))))
    payload.event = { id = "7", text = "a", properties = {} }
    assert.equal(200, (receiver:handle(body("incoming_event", payload))))
    assert.equal(1, #seen)
  end)

  it("are refused with a wrong secret, wherever the right one stands", function()
    local receiver, seen = receive()
    receiver:on("*", note(seen, "all"))
    for _, more in ipairs { { secret_key = "wrong" }, { secret_key = json.null },
      { secret_key = "x", token = SECRET }, { secret_key = { SECRET } } } do
      assert.equal(401, (receiver:handle(body("thread_tagged", { chat_id = "C1" }, more))))
    end
    assert.same({}, seen)
  end)

  it("have what v2's events have", function()
    local receiver, got = receive { license_id = "390e44e6-f1e6-0368" }, nil
    receiver:on("chat_started", function(event) got = event end)
    local users = { { id = "c1", type = "customer", name = "Mary", email = "m@example.com",
      session_fields = { { plan = "gold" } }, last_visit = { geolocation = { city = "Oslo" } } },
      { id = "a@example.com", type = "agent", name = "Ann" } }
    local form = { type = "filled_form", form_type = "prechat", id = "e1", fields = {
      { id = 1, type = "name", label = "Name", answer = "Mary" },
      { id = "2", type = "group_chooser", label = "Where", answer = { id = 7, label = "Sales",
        group_id = "3" } },
      { id = "3", type = "checkbox", label = "What", answers = { { id = "0", label = "a" } } },
      { id = "4", type = "email", label = "Old", value = "m@example.com" } } }
    local message = { id = "e2", type = "message", text = "Hi", author_id = "c1",
      created_at = "2026-05-07T07:11:28.288340Z" }
    assert.equal(200, (receiver:handle(body("incoming_chat", { chat = { id = "C9", users = users,
      access = { group_ids = { 0, 3 } }, thread = { id = "T9", active = true,
        created_at = "2026-05-07T09:11:28+02:00", events = { form, message }, tags = { "t" } } } },
      { additional_data = json.null }))))
    assert.same({ "chat_started", "incoming_chat", "390e44e6-f1e6-0368" },
      { got.type, got.wire_type, got.license_id })
    assert.same({ "C9", "2026-05-07T07:11:28.000Z", "t", 0, 3 }, { got.chat.id,
      got.chat.started_timestamp, got.chat.tags[1], got.chat.groups[1].id, got.chat.groups[2].id })
    assert.is_nil(got.chat.ended_timestamp)
    assert.same({ "Mary", "Oslo", "plan", "gold" }, { got.visitor.name, got.visitor.city,
      got.visitor.custom_variables[1].key, got.visitor.custom_variables[1].value })
    assert.same({ { id = "1", type = "name", label = "Name", answer = "Mary" },
      { id = "2", type = "group_chooser", label = "Where", answer = "Sales" },
      { id = "3", type = "checkbox", label = "What", answers = { { label = "a", chosen = true } } },
      { id = "4", type = "email", label = "Old", answer = "m@example.com" } }, got.pre_chat_survey)
    assert.same({ "Hi", "Mary", "visitor" }, { got.chat.messages[1].text,
      got.chat.messages[1].author_name, got.chat.messages[1].user_type })
    assert.is_nil(got:raw().secret_key)
    assert.equal("C9", got:raw().payload.chat.id)
  end)

  it("come with a list, without anything, and from before 3.4", function()
    local receiver, got = receive(), {}
    receiver:on("*", function(event) got[#got + 1] = event end)
    assert.equal(200, (receiver:handle(body("auto_accesses_updated", { { id = "A1" } }))))
    assert.equal("A1", got[1].payload[1].id)
    assert.equal(200, (receiver:handle(body("agent_deleted", { id = "a@example.com" },
      { organization_id = json.null, license_id = 104130623 }))))
    assert.same({ "104130623", "a@example.com" }, { got[2].license_id, got[2].payload.id })
    assert.equal(200, (receiver:handle(body("tag_created", nil))))
    assert.equal(3, #got)
    assert.equal(400, (receiver:handle(body("", { id = "x" }))))
  end)

  it("of a chat's end have the chat, read before the handlers run", function()
    local archived = assert(client.chats:list { limit = 1 })[1]
    local receiver, got = receive { client = client }, nil
    receiver:on("chat_ended", function(event) got = event end)
    local text = body("chat_deactivated", { chat_id = archived.id,
      thread_id = archived.thread.id })
    assert.equal(200, (receiver:handle(text)))
    assert.equal(archived.ended_timestamp, got.chat.ended_timestamp)
    assert.truthy(got.visitor.id)
    local told
    local failing, seen = receive { client = client, on_error = function(line) told = line end }
    failing:on("chat_ended", note(seen, "ours"))
    assert.equal(500, (failing:handle(body("chat_deactivated", { chat_id = "NONE",
      thread_id = "T" }))))
    assert.same({}, seen)
    assert.truthy(told:find("not_found", 1, true))
    local bare, ids = receive()
    bare:on("chat_ended", function(event) ids[1] = event.chat end)
    assert.equal(200, (bare:handle(text)))
    assert.same({ id = archived.id, thread_id = archived.thread.id }, ids[1])
  end)

  it("are stored and drained as they are handled at once", function()
    local inbox = assert(livechat.inbox(helper.folder() .. "/inbox"))
    local receiver, seen = receive { inbox = inbox }
    receiver:on("chat_deactivated", note(seen, "wire"))
    local text = body("chat_deactivated", { chat_id = "C1", thread_id = "T1" })
    assert.equal(200, (receiver:handle(text)))
    assert.equal(200, (receiver:handle(text)))
    assert.same({ 1, 0 }, { receiver:drain() })
    assert.same({ "wire:chat_ended" }, seen)
  end)

  it("of the local service are all known", function()
    local hooks = require "livechat.sandbox.v3.hooks"
    local receiver = receive()
    for _, name in ipairs(hooks.NAMES) do
      receiver:on(name, function() end)
    end
    receiver:on("auto_access_added", function() end) -- as the samples call one of them
    assert.equal(38, #hooks.NAMES)
    assert.has_error(function() receiver:on("chat_deactivate", function() end) end)
  end)
end)

describe("published samples of v3", function()
  it("are received without loss", function()
    local text = helper.payload("v3_webhook_doc_samples.json")
    if not text then return pending("v3_webhook_doc_samples.json is absent") end
    local list = json.decode(text)
    local got = {}
    local receiver = livechat.receiver { token = false }
    receiver:on("*", function(event) got[#got + 1] = event end)
    for i, wire in ipairs(list) do
      assert.equal(200, (receiver:handle(json.encode(wire))))
      local event = got[i]
      assert.equal(wire.action, event.wire_type)
      for name in pairs(wire.payload[1] == nil and wire.payload or {}) do
        assert.truthy(event[name] ~= nil or wire.payload[name] == json.null, name)
      end
      assert.same(json.fold(wire.payload), event.payload)
      wire.secret_key = nil
      assert.same(json.fold(wire), event:raw())
    end
    assert.equal(#list, #got)
  end)

  it("of chats, agents, groups and tags are read without loss", function()
    local chats = helper.payload("agent_chat_v36_doc_samples.json")
    local configuration = helper.payload("v3_configuration_doc_samples.json")
    if not chats or not configuration then return pending("the samples are absent") end
    chats, configuration = json.decode(chats), json.decode(configuration)
    local dialect = records.dialect(v3)
    local function check(answer, decoded)
      local value = assert(dialect.reader:find(answer, decoded))
      local kind = v3.answers[answer].kind
      local list = v3.answers[answer].list or v3.answers[answer].page
      for _, wire in ipairs(list and value or { value }) do
        local own = dialect:thing(kind, wire)
        for name in pairs(wire) do
          assert.truthy(own[name] ~= nil or wire[name] == json.null, answer .. " " .. name)
        end
      end
    end
    check("summaries", chats.list_chats.response)
    check("archives", chats.list_archives.response)
    check("chat", chats.get_chat.response)
    check("customer", chats.get_customer.response)
    check("statuses", chats.list_routing_statuses.response)
    check("hooks", configuration["payloads/management/v3.6/configuration-api/responses/"
      .. "webhooks/listWebhooks.json"])
    local prefix = "payloads/management/v3.6/configuration-api/responses/"
    for name, answer in pairs { ["agents/getAgent"] = "agent", ["agents/listAgents"] = "agents",
      ["groups/getGroup"] = "own_group", ["groups/listGroups"] = "own_groups",
      ["groups/createGroup"] = "own_group", ["tags/listTags"] = "tags" } do
      check(answer, configuration[prefix .. name .. ".json"])
    end
  end)
end)

describe("an agent of v3", function()
  it("keeps all spans of a day, read and written", function()
    local agents = require "livechat.api.v3.agents"
    local function span(day, from, to, enabled)
      return { day = day, enabled = enabled ~= false, start = from, ["end"] = to }
    end
    local wire = { id = "a@example.com", work_scheduler = { timezone = "Europe/Warsaw", schedule = {
      span("monday", "08:30", "12:30"), span("monday", "13:30", "16:30"),
      span("friday", "07:30", "21:30", false) } } }
    local own = records.dialect(v3):thing("agent", wire)
    assert.same({ monday = { enabled = 1, start = "08:30", ["end"] = "12:30",
      more = { { enabled = 1, start = "13:30", ["end"] = "16:30" } } },
      friday = { enabled = 0, start = "07:30", ["end"] = "21:30" } }, own.work_scheduler)
    local sent = agents.body({ work_scheduler = { friday = { enabled = 1, start = "09:00",
      ["end"] = "10:00" } } }, wire)
    assert.same({ timezone = "Europe/Warsaw", schedule = { span("monday", "08:30", "12:30"),
      span("monday", "13:30", "16:30"), span("friday", "09:00", "10:00") } }, sent.work_scheduler)
    sent = agents.body({ work_scheduler = own.work_scheduler }, { id = "a@example.com" })
    assert.same(wire.work_scheduler.schedule, sent.work_scheduler.schedule)
  end)
end)

describe("an error of v3", function()
  it("is what its type says, whatever the status", function()
    local KINDS = { authentication = "auth", authorization = "auth", missing_access = "auth",
      not_found = "not_found", group_not_found = "not_found", license_not_found = "not_found",
      too_many_requests = "throttled", internal = "server", service_unavailable = "server",
      request_timeout = "timeout" }
    local types = {}
    for name in ("agent_offline authentication authorization chat_inactive entity_too_large"
      .. " internal license_expired license_not_found limit_reached"
      .. " misdirected_request missing_access not_found request_timeout"
      .. " service_unavailable too_many_requests unsupported_version validation"
      .. " wrong_product_version already_exists group_not_found ownership_transfer"
      .. " something_new"):gmatch("%S+") do types[#types + 1] = name end
    for _, name in ipairs(types) do
      for _, status in ipairs { 200, 400 } do
        local kind, code = v3.service.failure(status, { error = { type = name, message = "m" } })
        local told = kind or retry.kind { status = status }
        assert.same({ KINDS[name] or "rejected", name }, { told, code })
      end
    end
    local kind, code, headers = v3.service.failure(400, { error = { type = "misdirected_request",
      message = "Wrong region", data = { region = "fra-a" } } })
    assert.same({ "rejected", "misdirected_request", { ["X-Region"] = "fra-a" } },
      { kind or retry.kind { status = 400 }, code, headers })
    for _, of_no_type in ipairs { {}, { message = "m" }, { type = 1 }, { type = "" } } do
      assert.equal("rejected", (v3.service.failure(200, { error = of_no_type })))
    end
    assert.is_nil((v3.service.failure(200, { error = "text" })))
    assert.is_nil((v3.service.failure(200, { chats = {} })))
    assert.is_nil((v3.service.failure(502, nil)))
  end)

  it("of the accounts API is a text, and says more", function()
    for code, of in pairs { unauthorized = { 401, "auth" }, unauthorized_client = { 401, "auth" },
      access_denied = { 403, "auth" }, invalid_grant = { 400, "auth" },
      invalid_client = { 422, "auth" }, invalid_scope = { 400, "auth" },
      invalid_request = { 422, "rejected" }, conflict = { 409, "rejected" },
      resource_not_found = { 404, "not_found" }, temporarily_unavailable = { 429, "throttled" },
      server_error = { 500, "server" }, join_link_expired = { 410, "rejected" },
      not_implemented = { 501, "server" } } do
      local said = { error = code, error_description = "It is so.", sub_error = json.null }
      local kind, told = accounts.failure(of[1], said)
      assert.same({ of[2], code }, { kind or retry.kind { status = of[1] }, told })
      assert.equal(code .. ": It is so.", read.error_text(said))
    end
    assert.is_nil((accounts.failure(200, { error = "x" })))
    assert.is_nil((accounts.failure(404, { error = { type = "x" } })))
  end)
end)
