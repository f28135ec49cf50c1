-- SPDX-License-Identifier: MIT
-- once: looks at the commands' own data
--- Every verb of every resource of every API, as the example in its help calls it, against the
--- local service.
local cli = require "livechat.cli"
local command = require "spec.command"
local helper = require "spec.helper"
local json = require "livechat.json"
local registry = require "livechat.cli.registry"
local terminal = require "livechat.cli.terminal"

local getenv = os.getenv
teardown(function()
  os.getenv = getenv -- luacheck: ignore 122
  helper.cleanup()
end)

-- The words of a line, of which some are quoted.
local function split(line)
  local words = {}
  while line ~= "" do
    local word, rest = line:match("^'([^']*)' ?(.*)$")
    if not word then word, rest = line:match("^(%S+) ?(.*)$") end
    words[#words + 1], line = word, rest
  end
  return words
end

-- Runs a command here, for an account of the environment.
local function run(words, env)
  os.getenv = function(name) return env[name] end -- luacheck: ignore 122
  local shell, out, said = terminal.shell(), {}, {}
  shell.getenv = os.getenv
  function shell.out(text) out[#out + 1] = text end
  function shell.say(text) said[#said + 1] = text end
  function shell.is_terminal() return false end
  local status = cli.main(words, shell)
  return status, table.concat(out), table.concat(said, "\n")
end

local function list_of(resource, env, ...)
  local status, out, said = run({ resource, "list", "--json", ... }, env)
  assert(status == 0, said)
  return json.decode(out)
end

-- What stands for the words in capitals, where that is not the last thing of the resource's list.
local NAMES = {}

function NAMES.v2(env)
  local visitor = list_of("visitors", env)[1].id
  return { VISITOR_ID = visitor, ["after --visitor_id"] = visitor }
end

function NAMES.v3(env)
  local chat = list_of("chats", env, "--active")[1]
  local names = { THREAD = chat.last_thread_summary.id, CHILD_ID = list_of("tickets", env)[1].id,
    ["ID of chats"] = chat.id }
  for _, user in ipairs(chat.users) do
    if user.type == "customer" then names["ID of customers"] = user.id end
  end
  return names
end

local function words_of(each, names, id)
  local words = split((each.example:gsub("^livechat ", ""):gsub(" >>.*", "")))
  for i, word in ipairs(words) do
    if word == "ID" then
      words[i] = names["ID of " .. words[1]] or id
    elseif word:find("%.done$") then
      words[i] = helper.folder() .. "/done"
    elseif word == "a@example.com" and words[i - 1]:find("^%-%-a") then -- one who is there already
      words[i] = "jane.doe@example.com"
    else
      words[i] = names["after " .. tostring(words[i - 1])] or names[word] or word
    end
  end
  return words
end

-- What ends a thing comes last, and what makes it first.
local AT = { create = 0, delete = 2, close = 2 }

local function in_order(verbs)
  local order = {}
  for at = 0, 2 do
    for _, verb in ipairs(verbs) do
      if (AT[verb] or 1) == at then order[#order + 1] = verb end
    end
  end
  return order
end

-- What --dry-run does wrong: whatever it sends, and anything but a request that changes something.
local function not_as_shown(words, env, sandbox)
  local before = sandbox.control("GET", "calls").count
  local dry = { "--dry-run", "--json" }
  for i = #words, 1, -1 do table.insert(dry, 1, words[i]) end
  local status, out, said = run(dry, env)
  local shown, sent = json.decode(out), sandbox.control("GET", "calls").count - before
  local changes = shown and shown.method ~= "GET" and not shown.url:find("/action/[gl][ei][ts]t?_")
  if status == 0 and sent == 0 and changes then return nil end
  return ("%s: status %d, %d sent: %s%s"):format(table.concat(dry, " "), status, sent, out, said)
end

for _, api in ipairs { "v2", "v3" } do
  it("works with API " .. api, function()
    local sandbox = helper.sandbox { seed = 20, calls = 100000 }
    sandbox.control("POST", "trigger", { event_type = "chat_started" })
    local env, wrong = command.account(sandbox, { LIVECHAT_API = api }), {}
    local names = NAMES[api](env)
    names.LOGIN, names.TAG = "a@example.com", "text" -- which the examples make
    for resource, group in pairs(registry.all(api).groups) do
      for _, verb in ipairs(in_order(group.order)) do
        local list = group.verbs.list and list_of(resource, env) or {}
        local id = (list[#list] or {}).id
        if type(id) == "number" then id = ("%d"):format(id) end
        local words = words_of(group.verbs[verb], names, id)
        if not group.verbs[verb].reads and verb ~= "export" then
          wrong[#wrong + 1] = not_as_shown(words, env, sandbox)
        end
        local status, _, said = run(words, env)
        if status ~= 0 then wrong[#wrong + 1] = table.concat(words, " ") .. ": " .. said end
      end
    end
    assert.same({}, wrong)
  end)
end
