-- SPDX-License-Identifier: MIT
--- Finding the ticket whose answer was lost: what matches, when to look, whose a ticket is.
local lost_create = require "livechat.api.lost_create"
local v2 = require "livechat.api.v2.tickets".lost

local NOW = 1400000000

local WANTED = { requester = { mail = "Zoe@Example.org", name = "Zoë" }, subject = "Broken",
  message = "It does not\nwork.", assignee = { id = "a@example.com" } }

-- Epoch numbers, digits, and one ISO form: what core.time does, in short.
local function time(value)
  assert(type(value) == "string" or type(value) == "number")
  if type(value) == "string" and value:find("^2014%-05%-13T16:53:20") then return NOW end
  return tonumber(value)
end

--- The ticket that WANTED makes, with the given members in place of its own; `false` for none.
local function ticket(members)
  local made = { id = "5FUED", date = NOW, modified = NOW, subject = "Broken", status = "open",
    requester = { mail = "zoe@example.org", name = "Zoë" }, opened = { { from = NOW } },
    events = {
      { type = "assignee_changed", date = NOW, to = { id = "a@example.com", name = "A" } },
      { type = "message", date = NOW, message = "It does not\nwork.", is_private = false },
      { type = "message", date = NOW + 9, message = "an answer", is_private = false },
    } }
  for name, value in pairs(members or {}) do made[name] = value or nil end
  return made
end

local function match(tickets, wanted, options)
  options = options or {}
  local found = {}
  lost_create.match(found, tickets, wanted or WANTED, { since = options.since or NOW - 2,
    lost = v2, time = time })
  local registry = options.registry or lost_create.registry(function() return 0 end)
  local oldest = lost_create.oldest(found, registry)
  return oldest and oldest.id
end

local function with(members)
  local copy = {}
  for name, value in pairs(WANTED) do copy[name] = value end
  for name, value in pairs(members) do copy[name] = value or nil end
  return copy
end

local function begin(registry, wanted)
  return registry:begin(v2.fingerprint(wanted))
end

local function message(text)
  return { { type = "message", date = NOW, message = text } }
end

describe("match", function()
  it("knows the ticket by requester, subject and first message", function()
    assert.equal("5FUED", match { ticket() })
    assert.is_nil(match {})
    assert.is_nil(match { ticket { requester = { mail = "zoe@example.com" } } })
    assert.is_nil(match { ticket { requester = false } })
    assert.is_nil(match { ticket { requester = {} } })
    assert.is_nil(match { ticket { subject = "broken" } })
    assert.is_nil(match { ticket { events = message "It does." } })
    assert.is_nil(match({ ticket() }, with { message = "an answer" }))
    assert.is_nil(match { ticket { events = false } })
    assert.is_nil(match { ticket { events = {} } })
    assert.is_nil(match { ticket { events = { "message", 5 } } })
  end)

  it("takes line ends and blanks around a text as the service may write them", function()
    for _, text in ipairs { "It does not\r\nwork.", "It does not\rwork.\n",
      "\n It does not\nwork. " } do
      assert.equal("5FUED", match { ticket { events = message(text) } })
      assert.equal("5FUED", match({ ticket() }, with { message = text }))
    end
    assert.is_nil(match { ticket { events = message "It does not work." } })
    assert.equal("5FUED", match { ticket { subject = " Broken\n" } })
  end)

  it("takes no subject for the one that the service writes", function()
    for _, subject in ipairs { false, "", " " } do
      local wanted = with { subject = subject }
      assert.equal("5FUED", match({ ticket { subject = "(no subject)" } }, wanted))
      assert.equal("5FUED", match({ ticket { subject = "" } }, wanted))
      assert.equal("5FUED", match({ ticket { subject = false } }, wanted))
      assert.is_nil(match({ ticket() }, wanted))
    end
    assert.is_nil(match { ticket { subject = "(no subject)" } })
  end)

  it("takes no ticket that was there before, nor one that does not tell", function()
    assert.equal("5FUED", match({ ticket() }, nil, { since = NOW }))
    assert.is_nil(match({ ticket() }, nil, { since = NOW + 1 }))
    assert.is_nil(match { ticket { date = NOW - 3, modified = NOW + 9 } })
    assert.is_nil(match { ticket { date = false, opened = false,
      events = { { type = "message", message = WANTED.message } } } })
    assert.is_nil(match { ticket { date = "soon", opened = {},
      events = { { type = "message", date = {}, message = WANTED.message } } } })
  end)

  it("reads the creation in every form and place", function()
    for _, date in ipairs { NOW, tostring(NOW), "2014-05-13T16:53:20Z" } do
      assert.equal("5FUED", match { ticket { date = date, opened = false } })
      local elsewhere = ticket { date = false, opened = { { from = date } } }
      assert.equal("5FUED", match { elsewhere })
      elsewhere.opened = nil
      elsewhere.events[2].date = date
      assert.equal("5FUED", match { elsewhere })
    end
    assert.is_nil(match { ticket { date = NOW - 60, opened = { { from = NOW } } } })
    assert.is_nil(match { ticket { date = false, opened = { { from = NOW - 60 } } } })
  end)

  it("takes the oldest that nobody has been given", function()
    local registry = lost_create.registry(function() return 0 end)
    local list = { ticket { id = "C", date = NOW + 2 }, ticket { id = "A" },
      ticket { id = "B", date = NOW + 1 }, ticket { id = "OLD", date = NOW - 60 } }
    for _, id in ipairs { "A", "B", "C" } do
      assert.equal(id, match(list, nil, { registry = registry }))
      registry:finish(begin(registry, WANTED), id)
    end
    assert.is_nil(match(list, nil, { registry = registry }))
  end)

  it("takes the last of a list of one second, which shows the last change first", function()
    assert.equal("A", match { ticket { id = "B" }, ticket { id = "A" } })
  end)

  it("is quick with a message that is mostly blanks", function()
    local text = "a" .. (" "):rep(200000) .. "b"
    local began = os.clock()
    assert.equal("5FUED", match({ ticket { events = message(text) } }, with { message = text }))
    assert.is_true(os.clock() - began < 1)
  end)
end)

describe("filter", function()
  it("asks for the requester's tickets since the day before, by UTC", function()
    assert.same({ requester = { mail = "Zoe@Example.org" }, order = "desc",
      date_from = "2014-05-12" }, v2.filter(WANTED, NOW + 0.5))
  end)
end)

describe("schedule", function()
  local function waits(limit)
    local list = {}
    for wait in lost_create.schedule(limit) do
      list[#list + 1] = wait
      assert(#list < 100)
    end
    return list
  end

  it("looks soon, then more and more rarely, and the last time at the limit", function()
    assert.same({ 0.25, 0.5, 1, 2, 4, 8, 14.25 }, waits(30))
    assert.same({ 0.25, 0.75 }, waits(1))
    assert.same({ 0.1 }, waits(0.1))
    assert.same({}, waits(0))
    assert.same({}, waits(-1))
  end)

  it("never looks after the limit, nor twice at it", function()
    for i = 1, 2000 do
      local limit, sum, list = i * 0.0317, 0, waits(i * 0.0317)
      for place, wait in ipairs(list) do
        sum = sum + wait
        assert.is_true(wait > math.min(0.05, limit / 2), "a wait of " .. wait)
        assert.is_true(place == #list or sum < limit)
      end
      assert.is_true(math.abs(sum - limit) < 1e-9)
      assert.is_true(#list <= 8)
    end
  end)
end)

describe("since", function()
  it("is the request's moment by the service's clock, early by seconds, never late", function()
    for _, skew in ipairs { 0, -86400, 3600.7, -0.4 } do
      for i = 0, 20 do
        local began, latency = NOW + i * 0.31, i * 0.05
        local now = began + 7.3 + latency
        -- The service writes its Date somewhere in the last `latency` seconds.
        local date = math.floor(now - latency + skew)
        local since = lost_create.since(began, now, date)
        local created = math.floor(began + skew) -- at the earliest
        assert.is_true(since <= created - 1)
        assert.is_true(since >= math.floor(began + skew - latency) - 2)
      end
    end
  end)

  it("trusts the local clock where there is no date", function()
    assert.equal(NOW - 1, lost_create.since(NOW + 0.5, NOW + 9, nil))
  end)
end)

describe("the registry", function()
  local now, registry
  before_each(function()
    now = 0
    registry = lost_create.registry(function() return now end)
  end)

  it("knows whether a create with the same fields may still be answered", function()
    local first, second = begin(registry, WANTED), begin(registry, with { assignee = false })
    local other = begin(registry, with { message = "another" })
    registry:lost(first)
    assert.is_true(registry:is_ambiguous(first))
    registry:lost(other)
    assert.is_false(registry:is_ambiguous(other))
    registry:lost(second)
    assert.is_false(registry:is_ambiguous(first))
    assert.is_false(registry:is_ambiguous(second))
    local third = begin(registry, WANTED)
    assert.is_true(registry:is_ambiguous(first))
    registry:finish(third, "A")
    assert.is_false(registry:is_ambiguous(first))
  end)

  it("takes fields for the same that the service would not tell apart", function()
    local first = begin(registry, WANTED)
    local alike = begin(registry, { requester = { mail = "zoe@example.ORG" }, subject = "Broken ",
      message = "It does not\r\nwork.\n" })
    registry:lost(first)
    assert.is_true(registry:is_ambiguous(first))
    registry:finish(alike)
    assert.is_false(registry:is_ambiguous(first))
    first, alike = begin(registry, with { subject = false }), begin(registry, with { subject = "" })
    registry:lost(first)
    assert.is_true(registry:is_ambiguous(first))
    registry:finish(alike)
  end)

  it("forgets a create that died", function()
    local token = begin(registry, WANTED)
    registry:lost(token)
    begin(registry, WANTED)
    collectgarbage()
    collectgarbage()
    assert.is_false(registry:is_ambiguous(token))
  end)

  it("keeps no message of a create that has ended", function()
    collectgarbage()
    local before = collectgarbage("count")
    for i = 1, 20 do
      local text = ("%d"):format(i % 10):rep(2 ^ 18) .. i
      registry:finish(begin(registry, with { message = text }), "A")
    end
    collectgarbage()
    collectgarbage()
    local kept = collectgarbage("count") - before
    assert.is_true(kept < 5 * 256, kept .. " KiB")
  end)

  it("knows the tickets that were given for ten minutes at least, and not for ever", function()
    registry:finish(begin(registry, WANTED), "A")
    registry:finish(begin(registry, WANTED), nil)
    assert.is_true(registry:is_taken("A"))
    assert.is_false(registry:is_taken("B"))
    now = 599
    registry:finish(begin(registry, WANTED), "B")
    now = 601
    registry:finish(begin(registry, WANTED), "C")
    assert.is_false(registry:is_taken("A"))
    assert.is_true(registry:is_taken("B"))
    assert.is_true(registry:is_taken("C"))
  end)

  it("takes a service that gives an id again for one that was set back", function()
    registry:finish(begin(registry, WANTED), "A", true)
    registry:finish(begin(registry, WANTED), "B", true)
    registry:finish(begin(registry, WANTED), "B")
    assert.is_true(registry:is_taken("A"))
    registry:finish(begin(registry, WANTED), "A", true)
    assert.is_true(registry:is_taken("A"))
    assert.is_false(registry:is_taken("B"))
  end)

  it("does not grow", function()
    local function size()
      collectgarbage()
      collectgarbage()
      return collectgarbage("count") * 1024
    end
    local function creates(count)
      for i = 1, count do
        now = now + 1
        local fields = with { message = ("a message %d"):format(now) }
        if i % 10 == 0 then
          begin(registry, fields) -- dies
        else
          registry:finish(begin(registry, fields), ("T%d"):format(now))
        end
      end
    end
    creates(5000)
    local before = size()
    creates(20000)
    assert.is_true(size() - before < 100000, size() - before .. " bytes")
  end)
end)
