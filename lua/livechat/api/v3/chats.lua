-- SPDX-License-Identifier: MIT
--- Chats and customers of the Agent Chat API. [D] docs/service.md
local chat_shape = require "livechat.api.v3.chat_shape"
local json = require "livechat.json"
local wire = require "livechat.api.v3.wire"

local chats = {}

-- ---- as read -----------------------------------------------------------------------------------

local function list(of) return { list = of } end

chats.records = {
  chat = {
    name = "livechat.Chat", id = "id", resource = "chats", part = chat_shape.thread_id,
    methods = { "send", "tag", "untag", "transfer", "close", "follow", "unfollow" },
    shape = chat_shape.chat,
    members = { id = "id", started_timestamp = "time", ended_timestamp = "time", groups = "groups",
      messages = list "chat_line", agents = list "chat_agent", tags = list "string",
      visitor = "visitor", pre_chat_survey = list "survey_item" },
  },
  chat_line = { members = { id = "id", agent_id = "id", timestamp = "time", text = "string",
    author_name = "string" } },
  chat_agent = { members = { login = "id" } },
  visitor = { members = { id = "id", custom_variables = list "custom_variable" } },
  custom_variable = { members = { key = "string" } },
  customer = { name = "livechat.Customer", id = "id", resource = "customers",
    members = { id = "id", created_at = "time" } },
}

chats.answers = {
  chat = { kind = "chat", what = "a chat", id = "id" },
  archives = { kind = "chat", what = "a page of chats", id = "id", within = "chats", page = true,
    next = "next_page_id", total = "found_chats" },
  summaries = { kind = "chat", what = "a page of chats", id = "id", within = "chats_summary",
    page = true, next = "next_page_id", total = "found_chats" },
  customer = { kind = "customer", what = "a customer", id = "id" },
  sent = { what = "the event's id", value = "event_id" },
}

-- ---- lists -------------------------------------------------------------------------------------

local MOST = 100 -- rows of a page; every page is billed

-- The ends of a day, as the service wants a moment.
local BEGIN, END = "T00:00:00.000000+00:00", "T23:59:59.999999+00:00"

local function among(value)
  return value ~= nil and { values = type(value) == "table" and value or json.array { value } }
    or nil
end

--- What is sent for a filter: the place in a list stands alone.
local function question(filters)
  return function(filter)
    if filter.page_id then
      return { page_id = filter.page_id }
    end
    local made = filters(filter)
    return { limit = filter.limit or MOST, sort_order = filter.order,
      filters = next(made) ~= nil and made or nil }
  end
end

local function archive_filters(filter)
  local tags = among(filter.tag)
  if filter.tagged then
    tags = tags or { exists = filter.tagged == 1 }
  end
  return {
    from = filter.date_from and filter.date_from .. BEGIN,
    to = filter.date_to and filter.date_to .. END,
    query = filter.query, agents = among(filter.agent), tags = tags,
    group_ids = filter.group and json.array { filter.group } or nil,
    customer_id = filter.visitor_id, customer_email = filter.visitor_email,
  }
end

local function chat_filters(filter)
  return { active = true, group_ids = filter.group and json.array { filter.group } or nil }
end

local ACTIVE = wire.action("agent", "list_chats", { safe = true, returns = "summaries",
  write = question(chat_filters) })
local ARCHIVES = wire.action("agent", "list_archives", { safe = true, returns = "archives",
  write = question(archive_filters) })

-- Chats that go on are filtered by group alone: what else is asked is not passed over in silence.
local function problem_of(op, filter)
  for _, name in ipairs { "agent", "date_from", "date_to", "query", "tag", "tagged",
    "visitor_email", "visitor_id" } do
    if filter.active == 1 and filter[name] ~= nil then
      return op.invalid(name, "does not go with active: chats that go on are listed by group alone")
    end
  end
end

local function fetch(op, filter, place)
  local problem = problem_of(op, filter)
  if problem then
    return nil, problem
  end
  local asked = op.copy(filter)
  asked.page_id = place or asked.page_id
  return op:perform(op.row, {}, nil, asked)
end

local function list_page(op, _, filter)
  local found, err = fetch(op, filter)
  if not found then
    return nil, err
  end
  return op:page(found, filter)
end

-- One row of an archive is one thread: the same chat may come again.
local function identity(own)
  local thread = chat_shape.thread_id(own)
  return tostring(own.id) .. (thread and "/" .. thread or "")
end

-- ---- rows --------------------------------------------------------------------------------------

local function text(more)
  local spec = { type = "string", one_line = true, min = 1 }
  for name, value in pairs(more or {}) do spec[name] = value end
  return spec
end

local GROUP = { type = "group", min = 0 }

local function act(name, action, row)
  row.name, row.returns = name, row.returns or "done"
  return wire.action("agent", action, row)
end

local function send(op, _, fields)
  local sent, err = op:perform(op.row, {}, nil, { chat_id = fields.chat_id,
    event = { type = "message", text = fields.text, visibility = fields.to or "all" } })
  if not sent then
    return nil, err
  end
  return op.dialect:one("sent", sent)
end

local function transfer(op, _, fields)
  local target
  if fields.group and not fields.agent then
    target = { type = "group", ids = json.array { fields.group } }
  elseif fields.agent and not fields.group then
    target = { type = "agent", ids = json.array { fields.agent } }
  else
    return nil, op.invalid("group", "or agent: one of the two is needed")
  end
  return op:result(op.row, {}, nil, { id = fields.id, target = target })
end

local CHAT = { { "id", "body" } }
local THREAD = { { "id", "body:chat_id" }, { "thread", "body:thread_id" }, { "tag", "body" } }

chats.resources = {
  act("list", "list_archives", {
    safe = true, returns = "archives", walk = "cursor", cursor = "page_id", identity = identity,
    run = list_page, fetch = fetch,
    choose = function(filter) return filter.active == 1 and ACTIVE or ARCHIVES end,
    query = {
      active = { type = "flag" }, date_from = { type = "date" }, date_to = { type = "date" },
      query = text(), agent = text(), group = GROUP, tag = { type = "list", of = text() },
      tagged = { type = "flag" }, visitor_id = text(), visitor_email = { type = "email" },
      order = { type = "enum", of = { "asc", "desc" } }, page_id = text(),
      limit = { type = "integer", min = 1, max = MOST },
    },
    doc = "a page of ended threads, the latest first; with active = true, of chats that go on",
  }),
  act("get", "get_chat", {
    safe = true, returns = "chat", args = { { "id", "body:chat_id" },
      { "thread", "body:thread_id", optional = true } },
    doc = "one chat with a thread of it, the last one unless another is named",
  }),
  act("send", "send_event", {
    returns = "sent", args = { { "id", "body:chat_id" } }, run = send,
    fields = { text = { type = "string", min = 1, required = true },
      to = { type = "enum", of = { "all", "agents" } } },
    doc = "says something in a chat that one is in; gives true and the event's id",
  }),
  act("tag", "tag_thread", { safe = true, args = THREAD, doc = "tags a thread of a chat" }),
  act("untag", "untag_thread", { safe = true, args = THREAD, doc = "takes a tag away" }),
  act("transfer", "transfer_chat", {
    args = CHAT, run = transfer, fields = { group = GROUP, agent = text() },
    doc = "hands a chat to a group or an agent",
  }),
  act("close", "deactivate_chat", { args = CHAT, doc = "ends a chat" }),
  act("follow", "follow_chat", { safe = true, args = CHAT, doc = "hears of a chat" }),
  act("unfollow", "unfollow_chat", { safe = true, args = CHAT, doc = "hears of it no more" }),
}

-- ---- customers ---------------------------------------------------------------------------------

local GET_CUSTOMER = wire.action("agent", "get_customer", { safe = true, returns = "customer" })

local function update_customer(op, _, fields)
  local body = {}
  for name, value in pairs(fields) do body[name] = value end
  if fields.session_fields then
    body.session_fields = json.array {}
    local names = {}
    for name in pairs(fields.session_fields) do names[#names + 1] = name end
    table.sort(names)
    for i, name in ipairs(names) do
      body.session_fields[i] = { [name] = fields.session_fields[name] }
    end
  end
  local done, err = op:perform(op.row, {}, nil, body)
  if not done then
    return nil, err
  end
  local own = op:perform(GET_CUSTOMER, {}, nil, { id = fields.id })
  return op.dialect:one("customer", own or fields, op.client) -- it is done, whatever is read
end

chats.customers = {
  act("get", "get_customer", { safe = true, returns = "customer", args = CHAT,
    doc = "one customer; `tickets` are those of the helpdesk" }),
  act("update", "update_customer", {
    safe = true, returns = "done", args = CHAT, run = update_customer,
    fields = { name = text(), email = { type = "email" }, avatar = { type = "url" },
      phone_number = text(), session_fields = { type = "map", of = { type = "string" } } },
    doc = "changes what is given; what is left out stays",
  }),
}

return chats
