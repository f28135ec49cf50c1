-- SPDX-License-Identifier: MIT
-- What the script of a v2 account would meet on today's APIs: which agents, groups, tags, canned
-- responses and webhooks have a counterpart there, and what there is none for. It changes nothing.
--
--   lua5.4 examples/migrate.lua
--
-- The v2 account comes from LIVECHAT_USERNAME and LIVECHAT_API_KEY, today's from LIVECHAT_ACCOUNT
-- (the account's id) and LIVECHAT_TOKEN (a personal access token); the services from
-- LIVECHAT_BASE_URL and LIVECHAT_HELPDESK_URL. `make demo` runs it against the local service.
local livechat = require "livechat"

local check = livechat.check
local v2 = check(livechat.new { api = "v2" })
local v3 = check(livechat.new { api = "v3", username = os.getenv "LIVECHAT_ACCOUNT",
  api_key = os.getenv "LIVECHAT_TOKEN" })

local function set_of(list, key_of)
  local set = {}
  for _, each in ipairs(list) do
    local key = key_of(each)
    if type(key) == "string" then set[key:lower()] = each end
  end
  return set
end

local function name_of(thing) return thing.name end

--- Tells of a list how many have a counterpart, and which have none.
local function compare(what, list, key_of, there, advice)
  local missing = {}
  for _, each in ipairs(list) do
    local key = key_of(each)
    if not there[tostring(key):lower()] then missing[#missing + 1] = tostring(key) end
  end
  print(("  %-18s %3d of %3d are there"):format(what, #list - #missing, #list))
  for i, key in ipairs(missing) do
    if i > 5 then
      print(("      … and %d more"):format(#missing - 5))
      break
    end
    print("      none: " .. key)
  end
  if #missing > 0 then print("      " .. advice) end
end

-- ---- agents ------------------------------------------------------------------------------------

print("Agents")
local agents = check(v2.agents:list())
local function login_of(agent) return agent.login end
compare("chats", agents, login_of, set_of(check(v3.agents:list()), login_of),
  "agents:create makes one; it sends no password: people set their own")
local helpdesk = check(v3:request { service = "helpdesk", path = "/agents" })
compare("tickets", agents, login_of, set_of(helpdesk, function(agent) return agent.email end),
  "HelpDesk's own page invites agents, and each needs a seat; assignee.id is refused until then")

-- ---- groups and tags ---------------------------------------------------------------------------

print("\nGroups")
local groups = {}
for _, group in ipairs(check(v2.groups:list())) do
  if group.id ~= 0 then groups[#groups + 1] = group end -- 0 is everyone
end
compare("chats", groups, name_of, set_of(check(v3.groups:list()), name_of),
  "groups:create makes one; ids may differ")
compare("teams of tickets", groups, name_of, set_of(check(v3.teams:list()), name_of),
  "HelpDesk's own page makes teams; `group` of a ticket is a team's ID, which is text")

print("\nTags")
local tags, seen = {}, {}
for _, tag in ipairs(check(v2.tags:list())) do
  if not seen[tag.name] then tags[#tags + 1] = tag end
  seen[tag.name] = true
end
local chats, tickets = {}, {}
for _, tag in ipairs(check(v3.tags:list())) do
  if tag.group_ids then chats[#chats + 1] = tag end
  if tag.id then tickets[#tickets + 1] = tag end
end
compare("chats", tags, name_of, set_of(chats, name_of), "tags:create { tag =, group = } makes one")
compare("tickets", tags, name_of, set_of(tickets, name_of),
  "tags:create { name = } makes one, as does create_tags = true where one is used")

-- ---- canned responses --------------------------------------------------------------------------

print("\nCanned responses")
local shortcuts = {}
for _, canned in ipairs(check(v3.canned_responses:list())) do
  for _, shortcut in ipairs(canned.shortcuts or {}) do
    shortcuts[#shortcuts + 1] = { name = shortcut }
  end
end
local function shortcut_of(canned) return (canned.tags or {})[1] or canned.id end
compare("tickets", check(v2.canned_responses:list()), shortcut_of, set_of(shortcuts, name_of),
  "HelpDesk's own page makes them; this library lists them")

-- ---- webhooks ----------------------------------------------------------------------------------

print("\nWebhooks")
local hooks = check(v2.webhooks:list())
local NOW = {
  chat_changed = "thread_tagged and thread_untagged",
  visitor_queued = "the member `queue` of incoming_chat and chat_transferred",
  canned_response_changed = "nothing",
}
for _, hook in ipairs(hooks) do
  local now = NOW[hook.event_type]
  print(("  %-24s is now %s"):format(hook.event_type, now or hook.event_type .. ", as before"))
end
print(#hooks == 0 and "  none is registered"
  or "  webhooks:create registers each anew; hook.token is what the receiver is given then")

-- ---- what there is none for --------------------------------------------------------------------

print("\nWhat today's APIs have not, and this library names an error for")
for _, name in ipairs { "goals", "greetings", "reports", "visitors", "status" } do
  local here = pcall(function() return v3[name] end)
  print(("  %-18s %s"):format("client." .. name, here and "is there" or "none"))
end
v2:close()
v3:close()
