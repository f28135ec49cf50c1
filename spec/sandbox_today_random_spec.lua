-- SPDX-License-Identifier: MIT
-- once, on jit: it is long, and the service runs in nginx
-- Calls with bodies drawn at random, and mended as the answers say: none is tripped over, and what
-- they leave behind can be read through every API.
local json = require "livechat.json"
local random = require "livechat.sandbox.random"
local today = require "spec.today"

local NONE = json.decode("{}")

local MEMBERS = {}
for name in ([[id name role groups fields filters chat chat_id thread_id event_id event type text
  users access group_ids properties tag tags target ids limit page_id sort_order priority status
  requester email message teamIDs tagIDs assignment agent team ID followers cc customFields author
  subject isPrivate url eventType action secret_key owner_client_id agent_priorities requests
  session_fields postback content elements thread events active silo rating childTicketID avatar_url
  grant_type refresh_token client_id values exclude_values exists from to]]):gmatch("%S+") do
  MEMBERS[#MEMBERS + 1] = name
end
local WORDS = { "open", "pending", "agent", "client", "message", "custom", "all", "normal", "first",
  "incoming_chat", "license", "customer", "group", "asc", "2027-01-15T08:00:00.000000Z",
  "accepting_chats", "jane.doe@example.com", "http://127.0.0.1:1/", "a@b.c", "solved", "trash",
  "Zoë 😟", "" }
local WAYS = { NONE, { ids = "text", dates = "mixed", errors = "mixed" },
  { lists = "bare", success = "empty", totals = false, deliveries = "2019", spread = 60 },
  { dates = "offset", impossible = true, created = 201, success = "no_content" } }

-- Every text that an answer holds may be part of a question.
local function harvest(pool, value)
  if type(value) == "string" and #value < 80 and #pool < 3000 then
    pool[#pool + 1] = value
  elseif type(value) == "table" then
    for _, member in pairs(value) do harvest(pool, member) end
  end
end

local function value_of(draw, pool, depth)
  local kind = depth < 4 and draw(12) or draw(10)
  if kind <= 5 then return pool[draw(#pool)] end
  if kind == 6 then return draw(30) - 5 end
  if kind == 7 then return draw() * 1e6 end
  if kind == 8 then return draw(2) == 1 end
  if kind <= 10 then return json.null end
  local result = kind == 11 and json.array() or {}
  for i = 1, draw(4) - 1 do
    result[kind == 11 and i or MEMBERS[draw(#MEMBERS)]] = value_of(draw, pool, depth + 1)
  end
  return result
end

-- Sets the member of a body that an answer names: "filters.tags[0].values".
local function mend(body, path, value)
  local at, last = body, nil
  for name in path:gsub("%[(%d+)%]", ".%1"):gmatch("[^.]+") do
    local key = name:find("^%d+$") and math.floor(tonumber(name)) + 1 or name
    if last then
      if type(at[last]) ~= "table" or (type(key) == "number") ~= json.is_array(at[last]) then
        at[last] = type(key) == "number" and json.array() or {}
      end
      at = at[last]
    end
    last = key
  end
  at[last] = value
end

local function named(answer)
  local text = type(answer) == "table" and json.encode(answer) or ""
  return text:match("`([%w_.%[%]]+)` ") or text:match('\\"([%w_.%[%]]+)\\" ')
    or text:match('"([%w_]+)":"is required"')
end

local function percent(text)
  return (text:gsub("[^%w]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local function hooks(own)
  for _, each in ipairs(select(2, own.configuration("list_webhook_names", NONE))) do
    own.configuration("register_webhook", { action = each.action, secret_key = "x",
      url = "http://127.0.0.1:1/", owner_client_id = own.service.options.client_id,
      type = "license", additional_data = each.additional_data })
  end
  for _, name in ipairs({ "tickets.create", "tickets.update", "tickets.events.message" }) do
    own.helpdesk("POST", "/webhooks", { json = { eventType = name, url = "http://127.0.0.1:1/" } })
  end
end

local function attempt(own, route, draw, pool)
  local path = route.path:gsub("{%w+}", function() return percent(pool[draw(#pool)]) end)
  if route.api == "v3" then path = "/v3." .. 3 + draw(4) .. path end
  local body = {}
  for _ = 1, 10 do
    local right, text = pcall(json.encode, next(body) and body or NONE)
    if not right then return end -- the mending has left what JSON cannot say
    local status, answer = own.call(route.method, path, { body = route.method ~= "GET" and text,
      query = route.method == "GET" and draw(2) == 1 and
        MEMBERS[draw(#MEMBERS)] .. "=" .. percent(pool[draw(#pool)]) or nil,
      headers = { authorization = own.headers.authorization, ["x-api-version"] = "2",
        ["content-type"] = "application/json" } })
    assert.is_true(status < 500, route.method .. " " .. path .. " " .. text)
    if status < 300 then return harvest(pool, answer) end
    local member = named(answer)
    if not member then return end
    mend(body, member, not json.encode(answer):find("is not allowed", 1, true)
      and value_of(draw, pool, 0) or nil)
  end
end

describe("calls drawn at random", function()
  for seed = 1, 3 do
    it("are answered, and leave nothing that cannot be read: " .. seed, function()
      local own, draw, pool = today.new({ seed = 20 }), random.stream(seed), {}
      for _, word in ipairs(WORDS) do pool[#pool + 1] = word end
      for _, path in ipairs({ "/teams", "/tags", "/agents", "/tickets" }) do
        harvest(pool, select(2, own.helpdesk("GET", path)))
      end
      harvest(pool, select(2, own.agent("list_archives", NONE)))
      hooks(own)
      local routes = own.service:routes()
      for i = 1, 1500 do
        local route = routes[draw(#routes)]
        if i % 100 == 0 then
          own.control("POST", "options", { today = WAYS[draw(#WAYS)], advance = draw(100) })
        end
        -- v2 lets the owner be removed, whose token makes every call.
        if route.api ~= "v2" or route.method ~= "DELETE" then attempt(own, route, draw, pool) end
      end
      local everything = { "work_scheduler", "groups", "email_subscriptions", "notifications",
        "job_title", "mobile", "max_chats_count", "suspended", "awaiting_approval", "last_logout" }
      for _, answer in ipairs({ { own.helpdesk("GET", "/tickets", { query =
        "eventsScope=full&pageSize=100" }) }, { own.agent("list_archives", { limit = 100 }) },
        { own.agent("list_chats", { limit = 100 }) }, { own.accounts("GET", "/v2/accounts") },
        { own.configuration("list_agents", { fields = everything }) },
        { own.call("GET", "/tickets") }, { own.call("GET", "/chats",
          { query = "include_pending=1" }) }, { own.call("GET", "/agents") },
        { own.call("GET", "/groups") } }) do
        assert.equal(200, answer[1])
      end
    end)
  end
end)
