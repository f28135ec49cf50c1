-- SPDX-License-Identifier: MIT
-- The local Configuration API: access, agents, groups, tags, webhooks and the rest. No sockets.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local account = require "spec.account"
local helper = require "spec.helper"
local today = require "spec.today"

local JANE = "jane.doe@example.com"

local own
before_each(function() own = today.new() end)

--- What a call does that must work.
local function done(status, body)
  assert.equal(200, status, type(body) == "table" and body.error and body.error.message)
  return body
end

local function refused(kind, status, got, body, message)
  assert.same({ kind, status }, { body.error and body.error.type, got },
    body.error and body.error.message)
  if message then assert.equal(message, body.error.message) end
end

-- A refused call: refused(kind, status, …) with the call's answer first.
local function error_of(kind, status, message)
  return function(got, body) refused(kind, status, got, body, message) end
end

describe("v3's access", function()
  it("wants credentials, and says which are missing", function()
    error_of("authentication", 401, "No `Authorization` header provided")(
      own.configuration("list_agents", {}, { headers = { authorization = false } }))
    for _, header in ipairs({ "Bearer x", account.BASIC, "Basic x" }) do
      error_of("authentication", 401, "Invalid access token")(
        own.configuration("list_agents", {}, { headers = { authorization = header } }))
    end
    done(own.configuration("list_webhook_names", {}, { headers = { authorization = false } }))
  end)

  it("takes its version in the path or in a header, and tells of its end", function()
    for version, header in pairs({ ["3.7"] = "", ["3.6"] = "", ["3.5"] = "Legacy",
      ["3.4"] = "Deprecation" }) do
      local status, _, response = own.configuration("list_agents", {},
        { version = "/v" .. version })
      assert.equal(200, status)
      for _, name in ipairs({ "Legacy", "Deprecation" }) do
        local value = response.headers[name]
        assert.equal(name == header, value ~= nil and value:find("^%d+%-%d+%-%d+$") ~= nil)
      end
    end
    local _, _, response = own.configuration("list_agents", {}, { version = "",
      headers = { ["x-api-version"] = "3.5" } })
    assert.is_string(response.headers.Legacy)
    done(own.configuration("list_agents", {}, { version = "" }))
    for _, version in ipairs({ "/v3.3", "/v3.8", "/v3.10" }) do
      error_of("unsupported_version", 400)(own.configuration("list_agents", {},
        { version = version }))
    end
    error_of("not_found", 404)(own.configuration("list_canned_responses", {}))
    error_of("not_found", 404)(own.configuration("list_everything", {}))
  end)

  it("is told the region after a call without it", function()
    own.control("POST", "options", { region = "fra" })
    local status, body = own.configuration("list_agents", {})
    refused("misdirected_request", 400, status, body, "Wrong region")
    assert.same({ region = "fra" }, body.error.data)
    done(own.configuration("list_agents", {}, { headers = { ["x-region"] = "fra" } }))
    error_of("misdirected_request", 400)(own.configuration("list_agents", {},
      { headers = { ["x-region"] = "dal" } }))
    own.control("POST", "options", { region = "" })
    done(own.configuration("list_agents", {}))
  end)

  it("wants the action's scopes", function()
    local made = own.control("POST", "tokens", { kind = "personal", agent = JANE,
      scope = "agents--my:rw,webhooks.state:ro" })
    own.headers.authorization = "Basic " .. base64.encode(made.account_id .. ":" .. made.token)
    error_of("authorization", 403)(own.configuration("list_agents", {}))
    done(own.configuration("get_agent", { id = JANE }))
    error_of("authorization", 403)(own.configuration("get_agent", { id = account.LOGIN }))
    done(own.configuration("update_agent", { id = JANE, job_title = "x" }))
    error_of("authorization", 403)(own.configuration("update_agent", { id = JANE,
      role = "normal" }))
    error_of("authorization", 403)(own.agent("list_routing_statuses", {}))
    error_of("authorization", 403)(own.agent("list_chats", {}))
  end)

  it("wants a JSON object", function()
    for _, body in ipairs({ "", "[1]", "x", "null", '"x"' }) do
      local request = { version = "/v3.6", body = body, headers = {} }
      local status, answer = own.accounts("POST", "/v3.6/configuration/action/list_agents", request)
      refused("validation", 400, status, answer)
    end
    assert.equal(404, (own.accounts("GET", "/v3.6/configuration/action/list_agents")))
  end)

  it("is throttled in its own words, and can put its errors on 200", function()
    own.control("POST", "options", { calls = 1, retry_after = false })
    done(own.configuration("list_agents", {}))
    local status, body, response = own.configuration("list_agents", {})
    refused("too_many_requests", 429, status, body)
    assert.is_nil(response.headers["Retry-After"])
    own.control("POST", "options", { calls = false, today = { error_status = 200 } })
    status, body = own.configuration("get_agent", { id = "x" })
    refused("not_found", 200, status, body)
    local calls = own.control("GET", "calls").applied
    assert.same({ ["POST /configuration/action/list_agents"] = 1 }, calls)
  end)

  it("answers any error that it is told to, before anything is done", function()
    for kind, status in pairs({ license_expired = 400, internal = 500, service_unavailable = 503,
      request_timeout = 504, ownership_transfer = 400, wrong_product_version = 400,
      license_not_found = 400 }) do
      own.control("POST", "options", { today = { refuse = kind } })
      error_of(kind, status)(own.configuration("create_tag", { name = kind }))
    end
    own.control("POST", "options", { today = json.decode("{}") })
    for _, tag in ipairs(done(own.configuration("list_tags", {}))) do
      assert.is_nil(tag.name:find("license"))
    end
  end)

  it("meets faults by the action's path", function()
    own.control("POST", "faults", { fault = "http503=7/POST /configuration/action/*" })
    local status, _, response = own.configuration("list_agents", {})
    assert.same({ 503, "7" }, { status, response.headers["Retry-After"] })
    done(own.configuration("list_agents", {}))
  end)
end)

describe("agents", function()
  it("are made, read, changed and removed, and are v2's", function()
    local fields = { id = "new@example.com", name = "New", role = "viceowner", mobile = "+1",
      groups = { { id = 1, priority = "first" } }, notifications = { "new_goal", "ticket" },
      max_chats_count = 20, email_subscriptions = { "weekly_summary" }, awaiting_approval = true,
      work_scheduler = { timezone = "Europe/Warsaw", schedule = { { day = "monday",
        enabled = true, start = "08:30", ["end"] = "12:30" } } } }
    assert.same({ id = "new@example.com" }, done(own.configuration("create_agent", fields)))
    local all = { "work_scheduler", "groups", "email_subscriptions", "notifications", "job_title",
      "mobile", "max_chats_count", "suspended", "awaiting_approval", "last_logout" }
    local agent = done(own.configuration("get_agent", { id = "new@example.com", fields = all }))
    assert.same({ "viceowner", "not accepting chats", "New", 20, true }, { agent.role,
      agent.login_status, agent.name, agent.max_chats_count, agent.awaiting_approval })
    assert.same({ fields.groups, fields.notifications, fields.email_subscriptions },
      { agent.groups, agent.notifications, agent.email_subscriptions })
    assert.same(fields.work_scheduler.schedule[1], agent.work_scheduler.schedule[1])
    assert.is_nil(agent.last_logout)
    local _, old = own.call("GET", "/agents/new@example.com")
    assert.same({ "administrator", 20, 1, 0 }, { old.permission, old.max_chats_count,
      old.notifications.new_goal, old.daily_summary })
    assert.is_nil(old.notifications.ticket)
    assert.same({}, done(own.configuration("update_agent", { id = "new@example.com",
      job_title = "Hero", role = "normal" })))
    agent = done(own.configuration("get_agent", { id = "new@example.com",
      fields = { "job_title" } }))
    assert.same({ "Hero", "normal" }, { agent.job_title, agent.role })
    assert.same({}, done(own.configuration("delete_agent", { id = "new@example.com" })))
    assert.equal(404, (own.call("GET", "/agents/new@example.com")))
    error_of("not_found", 404)(own.configuration("get_agent", { id = "new@example.com" }))
  end)

  it("are listed, bare where the option says so", function()
    local list = done(own.configuration("list_agents", { fields = { "job_title" },
      filters = { group_ids = { 3 } } }))
    assert.equal(2, #list)
    assert.is_string(list[1].job_title)
    assert.equal(5, #done(own.configuration("list_agents", {})))
    own.control("POST", "options", { today = { lists = "bare", success = "empty" } })
    list = done(own.configuration("list_agents", {}))
    assert.same({ "string", "nil", "nil" }, { type(list[1].id), type(list[1].name),
      type(list[1].role) })
    local _, _, response = own.configuration("update_agent", { id = JANE, job_title = "x" })
    assert.equal("", response.body)
  end)

  it("take two minutes to be seen, where the option says so", function()
    own.control("POST", "options", { today = { spread = 120 } })
    done(own.configuration("create_agent", { id = "new@example.com", name = "New" }))
    error_of("not_found", 404)(own.configuration("get_agent", { id = "new@example.com" }))
    assert.equal(5, #done(own.configuration("list_agents", {})))
    done(own.configuration("update_agent", { id = JANE, job_title = "Hero" }))
    local function title()
      return done(own.configuration("get_agent", { id = JANE, fields = { "job_title" } })).job_title
    end
    assert.equal("Support Agent", title())
    own.now = own.now + 120
    assert.equal("Hero", title())
    assert.equal(6, #done(own.configuration("list_agents", {})))
  end)

  it("are refused where a member is wrong", function()
    local function create(more)
      local fields = { id = "new@example.com", name = "New" }
      for name, value in pairs(more) do fields[name] = value end
      return own.configuration("create_agent", fields)
    end
    for message, more in pairs({ ["`password` is not allowed"] = { password = "secret" },
      ["`avatar` is not allowed"] = { avatar = "x" },
      ["`id` must be a valid email"] = { id = "x" },
      ["`role` must be one of [viceowner, administrator, normal]"] = { role = "owner" },
      ["`max_chats_count` must be less than or equal to 20"] = { max_chats_count = 21 },
      ["`groups[0].priority` is required"] = { groups = { { id = 1 } } },
      ["`work_scheduler.timezone` is required"] = { work_scheduler = { schedule = { } } } }) do
      error_of("validation", 400, message)(create(more))
    end
    error_of("validation", 400, "`name` is not allowed")(
      own.configuration("update_agent", { id = JANE, name = "x" }))
    error_of("validation", 400, "`id` is required")(own.configuration("get_agent", {}))
    error_of("already_exists", 409)(create({ id = JANE }))
    error_of("group_not_found", 404)(create({ groups = { { id = 99, priority = "normal" } } }))
    error_of("validation", 400)(own.configuration("delete_agent", { id = account.LOGIN }))
    own.control("POST", "options", { seats = 5 })
    error_of("limit_reached", 400)(create({}))
  end)

  it("are suspended, and then do nothing", function()
    done(own.configuration("suspend_agent", { id = JANE }))
    local made = own.control("POST", "tokens", { kind = "personal", agent = JANE })
    local headers = { authorization = "Basic " ..
      base64.encode(made.account_id .. ":" .. made.token) }
    error_of("authorization", 403)(own.configuration("list_agents", {}, { headers = headers }))
    assert.equal(1, #done(own.configuration("list_agents", { filters = { suspended = true } })))
    done(own.configuration("unsuspend_agent", { id = JANE }))
    done(own.configuration("list_agents", {}, { headers = headers }))
    done(own.configuration("approve_agent", { id = JANE }))
    done(own.configuration("request_agent_unsuspension", {}))
  end)

  it("are changed in batches, each with its own answer", function()
    local answer = done(own.configuration("batch_delete_agents", { requests = {
      { id = JANE }, { id = "x" }, json.decode("{}") } }))
    assert.same({}, answer.responses[1])
    assert.equal("not_found", answer.responses[2].error.type)
    assert.same({ type = "validation", message = "`id` is required" }, answer.responses[3].error)
    done(own.configuration("batch_create_agents", { requests = {
      { id = "a@example.com", name = "A" }, { id = "b@example.com", name = "B" } } }))
    for _, name in ipairs({ "update", "suspend", "unsuspend", "approve" }) do
      answer = done(own.configuration("batch_" .. name .. "_agents",
        { requests = { { id = "a@example.com" } } }))
      assert.same({ {} }, answer.responses, name)
    end
    error_of("validation", 400)(own.configuration("batch_update_agents", {}))
  end)
end)

describe("groups and tags", function()
  it("are made, read, changed and removed, and are v2's", function()
    local id = done(own.configuration("create_group", { name = "Night", language_code = "de",
      agent_priorities = { [JANE] = "first" } })).id
    local group = done(own.configuration("get_group", { id = id,
      fields = { "agent_priorities", "routing_status" } }))
    assert.same({ id = id, name = "Night", language_code = "de", routing_status = "accepting_chats",
      agent_priorities = { [JANE] = "first" } }, group)
    local _, old = own.call("GET", "/groups/" .. id)
    assert.same({ JANE }, old.agents)
    done(own.configuration("update_group", { id = id, name = "Day", agent_priorities =
      { [account.LOGIN] = "last" } }))
    _, old = own.call("GET", "/groups/" .. id)
    assert.same({ "Day", { account.LOGIN } }, { old.name, old.agents })
    local list = done(own.configuration("list_groups", { fields = { "routing_status" } }))
    assert.same({ 0, "General" }, { list[1].id, list[1].name })
    done(own.configuration("delete_group", { id = id }))
    error_of("group_not_found", 404)(own.configuration("get_group", { id = id }))
    error_of("validation", 400)(own.configuration("delete_group", { id = 0 }))
    error_of("not_found", 404)(own.configuration("create_group", { name = "x",
      agent_priorities = { ["x@y.z"] = "first" } }))
    error_of("validation", 400)(own.configuration("create_group", { name = "x" }))
  end)

  it("name things once, without minding the case", function()
    done(own.configuration("create_tag", { name = "Golden", group_ids = { 0, 1 } }))
    error_of("already_exists", 409)(own.configuration("create_tag", { name = "golden" }))
    error_of("not_found", 404)(own.configuration("update_tag", { name = "golden",
      group_ids = { 1 } }))
    local function groups()
      for _, tag in ipairs(done(own.configuration("list_tags", {}))) do
        if tag.name == "Golden" then return tag.group_ids, tag end
      end
    end
    assert.same({ 0, 1 }, (groups()))
    local _, tag = groups()
    assert.same({ account.LOGIN, "2027-01-15T08:00:00.000000Z" }, { tag.author_id,
      tag.created_at })
    done(own.configuration("update_tag", { name = "Golden", group_ids = { 2 } }))
    assert.same({ 2 }, (groups()))
    local here = done(own.configuration("list_tags", { filters = { group_ids = { 1 } } }))
    for _, each in ipairs(here) do assert.not_equal("Golden", each.name) end
    error_of("validation", 400)(own.configuration("list_tags", { filters = json.decode("{}") }))
    error_of("group_not_found", 404)(own.configuration("create_tag", { name = "x",
      group_ids = { 99 } }))
    assert.is_string(own.id("/tags", "Golden"))
    done(own.configuration("delete_tag", { name = "Golden" }))
    error_of("not_found", 404)(own.configuration("delete_tag", { name = "Golden" }))
  end)
end)

describe("webhooks of v3", function()
  local client
  before_each(function() client = own.service.options.client_id end)

  local function register(more)
    local fields = { action = "incoming_chat", secret_key = "s3cret", type = "license",
      url = "http://127.0.0.1:1/hook", owner_client_id = client }
    for name, value in pairs(more or {}) do fields[name] = value end
    return own.configuration("register_webhook", fields)
  end

  it("are registered again and again, three at most", function()
    local ids = {}
    for i = 1, 3 do ids[i] = done(register()).id end
    error_of("limit_reached", 400)(register())
    done(register({ action = "chat_deactivated" }))
    local list = done(own.configuration("list_webhooks", { owner_client_id = client }))
    assert.equal(4, #list)
    assert.same({ ids[1], "incoming_chat", client, "license", "http://127.0.0.1:1/hook" },
      { list[1].id, list[1].action, list[1].owner_client_id, list[1].type, list[1].url })
    assert.is_nil(list[1].secret_key)
    done(own.configuration("unregister_webhook", { id = ids[1], owner_client_id = client }))
    error_of("not_found", 404)(own.configuration("unregister_webhook", { id = ids[1],
      owner_client_id = client }))
    done(register())
  end)

  it("are checked", function()
    for message, more in pairs({ ["`owner_client_id` is not a client of the organization"] =
      { owner_client_id = "x" }, ["`secret_key` is not allowed to be empty"] = { secret_key = "" },
      ["`url` must be a valid URL"] = { url = "x" }, ["`extra` is not allowed"] = { extra = 1 },
      ["`filters.author_type` is not allowed"] = { filters = { author_type = "agent" } },
      ["`filters.chat_presence` must have values or exclude_values"] =
        { filters = { chat_presence = { user_ids = json.decode("{}") } } },
      ["`additional_data` is not allowed"] = { action = "agent_created",
        additional_data = { "chat_properties" } } }) do
      error_of("validation", 400, message)(register(more))
    end
    error_of("validation", 400)(register({ action = "incoming_customer" }))
    error_of("validation", 400)(register({ url = "http://x/" .. ("x"):rep(500) }))
    local token = own.control("POST", "tokens", { public = true })
    own.headers.authorization = "Bearer " .. token.access_token
    error_of("authorization", 403)(register())
  end)

  it("have 38 names", function()
    local list = done(own.configuration("list_webhook_names", { version = "3.6" }))
    assert.equal(38, #list)
    local names = {}
    for _, each in ipairs(list) do names[each.action] = each end
    assert.same({ "agent_ids", "source_type" }, names.agent_deleted.filters)
    assert.same({ "chat_properties", "chat_presence_user_ids" },
      names.incoming_chat.additional_data)
    assert.is_nil(names.group_created.additional_data)
  end)

  it("are switched off and on", function()
    done(register({ action = "agent_created" }))
    local function create(id)
      done(own.configuration("create_agent", { id = id, name = "x" }))
      return #own.delivered()
    end
    assert.equal(1, create("a@example.com"))
    done(own.configuration("disable_license_webhooks", { owner_client_id = client }))
    assert.same({ license_webhooks_enabled = false }, done(own.configuration(
      "get_license_webhooks_state", { owner_client_id = client })))
    assert.equal(0, create("b@example.com"))
    done(own.configuration("enable_license_webhooks", { owner_client_id = client }))
    assert.equal(1, create("c@example.com"))
    error_of("validation", 400)(own.configuration("enable_license_webhooks", {}))
  end)
end)

describe("the rest of the Configuration API", function()
  it("tells of the company, the plan and the license", function()
    done(own.configuration("update_company_details", { company = "Shoes Ltd" }))
    assert.equal("Shoes Ltd", done(own.configuration("get_company_details", {})).company)
    error_of("validation", 400)(own.configuration("update_company_details", { x = "y" }))
    assert.same({ license_id = 1520 }, done(own.configuration("get_license_id", {})))
    local organization = done(own.configuration("get_organization_id", {}))
    assert.same(organization.organization_id,
      select(2, own.accounts("GET", "/v2/organizations/my")).organization_id)
    for _, name in ipairs({ "check_product_limits_for_plan", "get_product_source",
      "list_channels", "list_customer_bans" }) do
      done(own.configuration(name, {}))
    end
    done(own.configuration("reactivate_email", { agent_id = JANE }))
    error_of("not_found", 404)(own.configuration("unban_customer", { id = "x" }))
  end)

  it("has canned responses, domains and translations in 3.7", function()
    local function call(name, fields)
      return own.configuration(name, fields, { version = "/v3.7" })
    end
    local heard = own.call("POST", "/webhooks", { json = { event_type = "canned_response_changed",
      data_types = { "canned_response" }, url = "http://127.0.0.1:1/" } })
    assert.equal(200, heard)
    local id = done(call("create_canned_response", { text = "Hello <b>you</b>", tags = { "x" },
      group_id = 1, is_private = false })).id
    assert.equal(1, #own.delivered())
    local _, old = own.call("GET", ("/canned_responses/%d"):format(id))
    assert.equal("Hello you", old.text)
    done(call("update_canned_response", { id = id, is_private = true }))
    local function count(fields) return done(call("list_canned_responses", fields)) end
    local with = count({ include_private = true }).found_canned_responses
    assert.equal(with - 1, count({}).found_canned_responses)
    local page, seen = count({ limit = 2, include_private = true }), 0
    while page do
      seen = seen + #page.canned_responses
      page = page.next_page_id and count({ page_id = page.next_page_id }) or nil
    end
    assert.equal(with, seen)
    error_of("validation", 400)(call("list_canned_responses", { page_id = "x" }))
    error_of("validation", 400)(call("list_canned_responses", { page_id = "x", limit = 1 }))
    done(call("delete_canned_response", { id = id }))
    error_of("not_found", 404)(call("delete_canned_response", { id = id }))
    done(call("add_allowed_domain", { domain = "example.com" }))
    assert.same({ domains = { "example.com" } }, done(call("list_allowed_domains", {})))
    done(call("delete_allowed_domain", { domain = "example.com" }))
    done(call("update_translations", { group_id = 0, language = "en",
      phrases = { Welcome_title = "Hi" } }))
    assert.same({ phrases = { Welcome_title = "Hi" } }, done(call("list_translations",
      { group_id = 0, language = "en" })))
  end)
end)

describe("the published samples of the Configuration API", function()
  local text = helper.payload("v3_configuration_doc_samples.json")
  local read_it = text and it or function(name)
    print("skipped, there is no ../shared/payloads: Configuration " .. name)
  end

  read_it("have their members here", function()
    local samples = {}
    for path, sample in pairs(json.fold(json.decode(text))) do
      samples[path:match("([%w]+)%.json$")] = sample
    end
    local client = own.service.options.client_id
    done(own.configuration("register_webhook", { action = "chat_deactivated", secret_key = "s",
      type = "license", url = "http://127.0.0.1:1/", owner_client_id = client,
      description = "Test webhook", filters = { chat_presence = { user_ids = {
        values = { "johndoe@mail.com" } }, my_bots = true } } }))
    samples.listAgents[2].avatar_path, samples.listAgents[2].summaries = nil, nil
    samples.listAgents[1].avatar_path, samples.listAgents[1].summaries = nil, nil
    samples.listAgents[2].last_logout = nil
    for name, call in pairs({
      createAgent = { "create_agent", { id = "new@example.com", name = "x" } },
      getAgent = { "get_agent", { id = JANE } },
      listAgents = { "list_agents", { fields = { "job_title", "max_chats_count" } } },
      createGroup = { "create_group", { name = "x", agent_priorities = { [JANE] = "first" } } },
      getGroup = { "get_group", { id = 1, fields = { "agent_priorities", "routing_status" } } },
      listGroups = { "list_groups", { fields = { "routing_status" } } },
      listTags = { "list_tags", {} }, getWebhooksState = { "get_license_webhooks_state",
        { owner_client_id = client } }, listWebhookNames = { "list_webhook_names", {} },
      listWebhooks = { "list_webhooks", { owner_client_id = client } },
      getLicenseID = { "get_license_id", {} }, getOrganizationID = { "get_organization_id", {} },
      getProductSource = { "get_product_source", {} }, listChannels = { "list_channels", {} },
    }) do
      local answer = done(own.configuration(call[1], call[2]))
      if name == "getGroup" then samples[name].agent_priorities = { [account.LOGIN] = "normal" } end
      local right, member = helper.covers(samples[name], answer)
      assert.is_true(right, name .. ": " .. tostring(member))
    end
  end)
end)

describe("odd bytes", function()
  local odd = "\255\254%00"

  it("are answered, not tripped over", function()
    for _, path in ipairs({ "/v1/tickets/%FF%FE", "/v1/transactions/%FF/attachments",
      "/v2/accounts/%FF", "/v2/accounts/me/organization_settings/%FF", "/v2/organizations/%FF",
      "/globalmapper/organization_id/%FF/region", "/v3.6/configuration/action/%FF" }) do
      for _, method in ipairs({ "GET", "POST", "PATCH" }) do
        local status = own.accounts(method, path, { headers = { ["x-api-version"] = odd } })
        assert.is_true(status >= 400 and status < 500, method .. " " .. path)
      end
    end
    error_of("unsupported_version", 400)(own.configuration("list_agents", {}, { version = "",
      headers = { ["x-api-version"] = odd } }))
    local _, transaction = own.helpdesk("POST", "/transactions", { json = { type = "ticket" } })
    local status = own.helpdesk("POST", "/transactions/" .. transaction.ID .. "/attachments", {
      headers = { ["content-type"] = "multipart/form-data; boundary=b" },
      body = '--b\r\nContent-Disposition: form-data; name="attachments"; filename="\255\254"\r\n' ..
        "Content-Type: \255\r\n\r\nx\r\n--b--\r\n" })
    assert.equal(200, status)
  end)

  it("and depths are kept within what can be written", function()
    local function nested(depth)
      return ("["):rep(depth) .. ("]"):rep(depth)
    end
    local made = done(own.agent("start_chat", {}))
    local function send(content)
      return own.accounts("POST", "/v3.6/agent/action/send_event", {
        headers = { ["content-type"] = "application/json" },
        body = ('{"chat_id":"%s","event":{"type":"custom","content":%s}}')
          :format(made.chat_id, content) })
    end
    assert.same({ 200, 400, 400 }, { (send(nested(60))), (send(nested(900))), (send("1e999")) })
    assert.equal(200, (own.agent("get_chat", { chat_id = made.chat_id })))
    assert.equal(200, (own.agent("list_chats", {})))
  end)
end)
