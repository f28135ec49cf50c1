-- SPDX-License-Identifier: MIT
-- The service's published sample bodies, read by what reads its answers. They are not part of the
-- project: where their folder is absent, each of these says that it skipped.
local helper = require "spec.helper"
local json = require "livechat.json"
local read = require "livechat.api.read"
local records = require "livechat.api.record"
local v2 = require "livechat.api.v2"

local STAMP = "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$"

--- A spec over one of the files, decoded.
local function over(name, what, check)
  it(what, function()
    local text = helper.payload(name)
    if not text then
      pending(name .. " is absent")
      return
    end
    check(assert(json.decode(text)))
  end)
end

local function sample(list, path)
  for _, entry in ipairs(list) do
    if entry.path == path then
      return entry.sample
    end
  end
  error("no sample of " .. path)
end

local reader = records.dialect(v2).reader

--- The path of the first member of a sample that what was read of it does not have.
local function lost(wire, value, path)
  if wire == json.null then return nil end
  if type(wire) ~= "table" then return value == nil and path or nil end
  if type(value) ~= "table" then return path end
  for key, member in pairs(wire) do
    local found = lost(member, value[key], path .. "." .. tostring(key))
    if found then return found end
  end
end

--- Reads what a sample holds as an answer of that name: records keep it whole.
local function read_whole(name, decoded)
  local answer, count = v2.answers[name], 0
  local value, problem = reader:find(name, decoded)
  assert(value, problem)
  for _, wire in ipairs((answer.list or answer.page) and value or { value }) do
    local thing = records.of(v2, answer.kind, wire)
    if type(thing) == "userdata" then
      assert.equal(wire, thing:raw())
      assert.truthy(tostring(thing):find(tostring(thing[v2.records[answer.kind].id]), 1, true))
      thing = thing:totable()
    end
    assert.is_nil(lost(wire, thing, name))
    count = count + 1
  end
  assert.is_true(count > 0)
  return value
end

describe("the published samples", function()
  over("v2_doc_samples.json", "of agents are read", function(samples)
    local list = assert(reader:find("agents", sample(samples, "GET /agents")))
    assert.equal("john.doe@mycompany.com", records.of(v2, "agent", list[1]).login)
    for _, path in ipairs { "GET /agents/<LOGIN>", "POST /agents", "PUT /agents/<LOGIN>" } do
      local agent = records.of(v2, "agent", assert(reader:find("agent", sample(samples, path))))
      assert.same({ { id = 1, name = "Sales" }, { id = 2, name = "Technical Support" } },
        agent:totable().groups)
      assert.truthy(agent.last_logout:find(STAMP))
      assert.equal(1, agent.notifications.new_visitor)
    end
    assert.equal("jenny.doe@mycompany.com removed successfully",
      assert(reader:find("result", sample(samples, "DELETE /agents/<LOGIN>"))).result)
  end)

  over("v2_doc_samples.json", "of tickets are read, in the wrapper too", function(samples)
    local page = assert(reader:find("page", sample(samples, "GET /tickets")))
    assert.equal(15, page.total)
    for _, path in ipairs { "GET /tickets/<TICKET_ID>", "POST /tickets" } do
      local wire = assert(reader:find("ticket", sample(samples, path)))
      local ticket = records.of(v2, "ticket", wire)
      assert.equal("5FUED", ticket.id)
      assert.equal("2013-11-18T16:06:42.000Z", ticket.modified)
      assert.equal("2013-11-15T22:24:20.000Z", ticket.opened[1].from)
      assert.same({ { id = 0 } }, ticket.groups)
      assert.equal("assignee_changed", ticket.events[2].type)
      assert.equal("2013-11-15T22:24:30.000Z", ticket.events[2].date)
      assert.is_true(ticket.events[3].is_private)
      assert.same({ "sales", "support", "feedback" }, ticket:totable().tags)
      assert.same({}, ticket.firstResponse)
      assert.equal(wire, ticket:raw())
    end
  end)

  over("v2_doc_samples.json", "of webhooks are read", function(samples)
    for _, path in ipairs { "GET /webhooks", "POST /webhooks" } do
      local hooks = assert(reader:find("hooks", sample(samples, path)))
      local hook = reader:read("hook", hooks[1])
      assert.same({ 12345, true }, { hook.licence, hook.verified })
    end
  end)

  over("v2_webhook_doc_samples.json", "of a ticket in an event are read", function(samples)
    for _, entry in ipairs(samples) do
      if entry.ticket then
        local ticket = records.of(v2, "ticket", entry.ticket)
        assert.equal("2014-08-18T10:05:05.000Z", ticket.events[1].date)
        assert.same({ { id = 0, name = "All operators" } }, ticket.groups)
        assert.same({ type = "lc2", id = "NO4Y5FAERW" }, ticket.source)
        return
      end
    end
    error("no ticket among the samples")
  end)

  local ANSWERS = {
    ["/groups"] = { "groups", "group" }, ["/tags"] = { "tags", "tag" },
    ["/canned_responses"] = { "canned_responses", "canned_response" },
    ["/agents"] = { "agents", "agent" }, ["/tickets"] = { "page", "ticket" },
    ["/webhooks"] = { "hooks", "hooks" }, ["/visitors"] = { "visitors" },
  }

  over("v2_doc_samples.json", "of every call are read without loss", function(samples)
    local read_some = {}
    for _, entry in ipairs(samples) do
      local verb, path, rest = entry.path:match("^(%u+) (/[%l_]+)(.*)$")
      local names, decoded = ANSWERS[path], entry.sample
      if verb == "DELETE" or rest:find("send_transcript") then
        assert(reader:find("result", decoded))
      elseif path == "/status" then
        assert.same({ status = "online" }, reader:find("status", decoded))
      else
        for i = #decoded, 1, -1 do -- the page writes {"...":"..."} for more of the same
          if decoded[i]["..."] then table.remove(decoded, i) end
        end
        read_whole(verb == "GET" and rest == "" and names[1] or names[2] or names[1], decoded)
      end
      read_some[path] = true
    end
    for path in pairs(ANSWERS) do assert.is_true(read_some[path], path) end
  end)

  for name, answer in pairs { agents = "agents", canned_responses = "canned_responses",
    chats = "chat_page", groups = "groups", visitors = "visitors", agent = "agent" } do
    over("v2_rest_fixture_" .. name .. ".json", "of years ago are read without loss: " .. name,
      function(decoded) read_whole(answer, decoded) end)
  end

  over("v2_rest_fixture_chats.json", "of a chat have their times", function(decoded)
    local chat = records.of(v2, "chat", reader:find("chat_page", decoded)[1])
    assert.equal("2013-01-23T10:40:53.000Z", chat.started)
    assert.equal(chat.ended_timestamp, chat.ended)
    assert.equal("2013-01-23T10:41:01.000Z", chat.messages[2].date)
    assert.same({ { id = 0 } }, chat.group)
    chat = records.of(v2, "chat", { id = "A", started = "Wed, 01/23/13 11:40:53 am",
      timezone = "Europe/Warsaw", messages = { { date = "Wed, 01/23/13 11:41:01 am" } } })
    assert.equal("2013-01-23T10:40:53.000Z", chat.started)
    assert.equal("2013-01-23T10:41:01.000Z", chat.messages[1].date)
    assert.equal("2013-01-23T10:41:01.000Z", chat:totable().messages[1].date)
    chat = records.of(v2, "chat", { id = "A", started = "Wed, 01/23/13 11:40:53 am" })
    assert.equal("Wed, 01/23/13 11:40:53 am", chat.started) -- in no zone that is known
  end)

  over("v2_rest_fixture_visitors.json", "of a visitor have no time without a zone",
    function(decoded)
      local visitor = reader:read("visitor", decoded[1])
      assert.equal("2013-01-31 15:51:03", visitor.chat_start_time)
      assert.equal("", reader:read("visitor", decoded[2]).chat_start_time)
      visitor = reader:read("visitor", { last_visit = "2017-02-16 12:36:21",
        last_visit_ts = 1487244981 })
      assert.equal("2017-02-16T11:36:21.000Z", visitor.last_visit)
    end)

  over("v2_error_bodies.json", "of errors give their text", function(samples)
    for _, entry in ipairs(samples) do
      local text = read.error_text(entry.body)
      assert.equal("string", type(text))
      assert.truthy(json.encode(entry.body):find(text, 1, true))
    end
  end)

  for _, name in ipairs { "agent", "agents" } do
    over("v2_rest_fixture_" .. name .. ".json", "of years ago are read: " .. name, function(body)
      local value = assert(reader:find(name, body))
      local agent = records.of(v2, "agent", value[1] or value)
      assert.equal("john.doe@mycompany.com", agent.login)
      assert.is_nil(tostring(agent):find("0000"))
    end)
  end
end)

