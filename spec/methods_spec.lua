-- SPDX-License-Identifier: MIT
--- Methods made from rows, and what API version 2 does its own way, over a made-up connection: the
--- service is a function of the call.
local core = require "livechat.core"
local errors = require "livechat.errors"
local methods = require "livechat.api.methods"
local v2 = require "livechat.api.v2"

local accounts = 0

--- A client whose calls `service` answers: (call) -> decoded, or nil and an error. `calls` lists
--- them, as "GET /tickets/{id}".
local function connect(service, options)
  options = options or {}
  accounts = accounts + 1
  local conn = { account = options.account or "account " .. accounts, calls = {}, bodies = {},
    reconcile = options.reconcile }
  function conn.due() return nil end
  function conn.hide(_, text) return text end
  function conn.same_account(a, b) return a == b end
  function conn.sleep() return true end
  function conn:call(spec)
    self.calls[#self.calls + 1] = spec.method .. " " .. spec.path
    self.bodies[#self.bodies + 1] = spec.body or spec.query or {}
    local decoded, err = service(spec, #self.calls)
    if decoded == nil then return nil, err end
    return { decoded = decoded, status = 200, headers = "", body = "", path = spec.path,
      attempts = 1, seconds = 0.1 }
  end
  local client = {}
  methods.attach(client, conn, { options.api or v2 })
  return client, conn
end

local function copy(value)
  if type(value) ~= "table" then return value end
  local made = {}
  for key, member in pairs(value) do made[key] = copy(member) end
  return made
end

--- A service with one ticket. `take(ticket, body)` says what an update does; nil: all of it.
local function one_ticket(take)
  local ticket = { id = "A1", subject = "s", status = "open", tags = { "vip" },
    requester = { mail = "m@x.org", name = "M" },
    events = { { type = "message", message = "first" } } }
  return function(spec)
    if spec.method == "PUT" then
      if take then
        take(ticket, spec.body)
      else
        for name, value in pairs(spec.body) do
          if name == "tag" then
            ticket.tags = copy(value)
          elseif name == "message" then
            table.insert(ticket.events, { type = "message", message = value })
          elseif type(value) == "table" then
            for member, one in pairs(value) do
              ticket[name] = ticket[name] or {}
              ticket[name][member] = one
            end
          else
            ticket[name] = value
          end
        end
      end
    end
    return copy(ticket)
  end, ticket
end

local function add_message(ticket, text)
  table.insert(ticket.events, { type = "message", message = text })
end

describe("tickets:update", function()
  it("is refused only where nothing can have been taken", function()
    local client = connect(one_ticket(function() end))
    local ticket, err = client.tickets:update("A1", { message = "reply", subject = "new" })
    assert.is_nil(ticket)
    assert.equal("refused", err.outcome)
    assert.same({ "message", "subject" }, err.ignored)
    assert.is_nil(err.taken)
  end)

  it("tells what was taken where another field was not", function()
    local client = connect(one_ticket(function(ticket, body)
      add_message(ticket, body.message)
    end))
    local ticket, err = client.tickets:update("A1", { message = "reply", subject = "new" })
    assert.is_nil(ticket)
    assert.equal("rejected", err.kind)
    assert.equal("unknown", err.outcome)
    assert.same({ "subject" }, err.ignored)
    assert.same({ "message" }, err.taken)
    assert.matches("did not take subject; it took message", err.message)
  end)

  it("knows a text that is stored as HTML, or with other blanks", function()
    for _, stored in ipairs { "a &amp; b &lt;c&gt;<br />\"d\"", "a & b <c>\r\n\"d\" ",
      "a &#38; b &lt;c&gt;\n&quot;d&quot;" } do
      local client = connect(one_ticket(function(ticket) add_message(ticket, stored) end))
      assert(client.tickets:update("A1", { message = 'a & b <c>\n"d"' }))
    end
  end)

  it("does not call refused what came as a message of other words", function()
    local client = connect(one_ticket(function(ticket) add_message(ticket, "re***") end))
    local _, err = client.tickets:update("A1", { message = "reply" })
    assert.equal("unknown", err.outcome)
    assert.same({ "message" }, err.ignored)
    assert.is_nil(err.taken)
  end)

  it("takes an older message of the same words for no new one, whatever else is given", function()
    local client = connect(one_ticket(function() end))
    local _, err = client.tickets:update("A1", { message = "first", tags = { "vip" },
      requester = { mail = "m@x.org" } })
    assert.equal("refused", err.outcome)
    assert.same({ "message" }, err.ignored)
  end)
end)

describe("tickets:add_tags and :remove_tags", function()
  it("keep the tags that are there", function()
    local client, conn = connect((one_ticket()))
    assert.same({ "vip", "triage" }, client.tickets:add_tags("A1", { "triage", "vip" }).tags)
    assert.same({ "GET /tickets/{id}", "PUT /tickets/{id}/tags", "GET /tickets/{id}" }, conn.calls)
    assert.same({ "triage" }, client.tickets:remove_tags("A1", { "vip", "other" }).tags)
    assert.same({}, client.tickets:remove_tags("A1", { "triage" }).tags)
  end)

  it("write nothing where nothing is to be changed", function()
    local client, conn = connect((one_ticket()))
    assert(client.tickets:add_tags("A1", { "vip" }))
    assert(client.tickets:remove_tags("A1", { "other" }))
    assert.same({ "GET /tickets/{id}", "GET /tickets/{id}" }, conn.calls)
  end)

  it("write again where another's write took theirs away, and keep what that one wrote", function()
    local service, ticket = one_ticket()
    local writes = 0
    local client = connect(function(spec)
      local answer = service(spec)
      if spec.method == "PUT" then
        writes = writes + 1
        if writes == 1 then ticket.tags = { "vip", "theirs" } end
      end
      return answer
    end)
    assert.same({ "vip", "theirs", "mine" }, client.tickets:add_tags("A1", { "mine" }).tags)
    assert.equal(2, writes)
  end)

  it("end with an error where the service never takes them", function()
    local client, conn = connect(one_ticket(function() end))
    local ticket, err = client.tickets:add_tags("A1", { "mine" })
    assert.is_nil(ticket)
    assert.same({ "rejected", "unknown", "tags" }, { err.kind, err.outcome, err.ignored[1] })
    assert.is_true(#conn.calls < 10)
  end)

  it("clear no tags that cannot be read", function()
    local client, conn = connect(function() return { id = "A1", tags = "a,b" } end)
    local _, err = client.tickets:add_tags("A1", { "mine" })
    assert.same({ "protocol", "not_sent" }, { err.kind, err.outcome })
    assert.equal(1, #conn.calls)
  end)

  it("are methods of a ticket too", function()
    local client = connect((one_ticket()))
    local ticket = client.tickets:get("A1")
    assert.equal(ticket, ticket:add_tags { "x" })
    assert.same({ "vip", "x" }, ticket.tags)
    assert.same({ "x" }, ticket:remove_tags({ "vip" }).tags)
    assert.equal("tags[1]", select(2, ticket:add_tags { "" }).field)
  end)
end)

describe("a table that a record handed out", function()
  it("is sent where it was changed", function()
    local client, conn = connect((one_ticket()))
    local ticket = client.tickets:get("A1")
    ticket.tags[#ticket.tags + 1] = "new"
    ticket.requester.name = "N"
    assert.equal(ticket, ticket:save())
    assert.same({ tag = { "vip", "new" }, requester = { mail = "m@x.org", name = "N" } },
      conn.bodies[#conn.bodies])
    assert.same({ "vip", "new" }, ticket.tags)
    local calls = #conn.calls
    assert.equal(ticket, ticket:save())
    assert.equal(calls, #conn.calls)
  end)

  it("is not sent where it was only read", function()
    local client, conn = connect((one_ticket()))
    local ticket = client.tickets:get("A1")
    assert.equal("vip", ticket.tags[1])
    assert.equal("M", ticket.requester.name)
    assert.equal("first", ticket.events[1].message)
    assert(ticket:save())
    assert.equal(1, #conn.calls)
  end)

  it("shows in totable, and outlives another change of the record", function()
    local client, conn = connect((one_ticket()))
    local ticket = client.tickets:get("A1")
    ticket.tags[1] = "changed"
    assert.same({ "changed" }, ticket:totable().tags)
    assert(ticket:update { subject = "t" })
    assert.same({ "changed" }, ticket.tags)
    assert(ticket:save())
    assert.same({ "changed" }, conn.bodies[#conn.bodies].tag)
  end)

  it("is not lost where it cannot be sent: the error names it and the way out", function()
    local client, conn = connect((one_ticket()))
    local ticket = client.tickets:get("A1")
    ticket.events[1].message = "other words"
    local saved, err = ticket:save()
    assert.is_nil(saved)
    assert.equal("events", err.field)
    assert.equal("cannot be changed with API v2; ticket:discard() drops what is staged",
      err.message)
    ticket:discard()
    assert.equal("first", ticket.events[1].message)
    assert(ticket:save())
    ticket.requester.name = nil
    assert.equal("requester.name", select(2, ticket:save()).field)
    assert.equal(ticket, ticket:discard())
    assert.equal("M", ticket.requester.name)
    assert.equal(1, #conn.calls)
  end)
end)

describe("a save of what the service cannot change", function()
  it("says so, and how to go on", function()
    local client = connect((one_ticket()))
    local ticket = client.tickets:get("A1")
    ticket.status = "solved"
    local _, err = ticket:save()
    assert.same({ "invalid", "status" }, { err.kind, err.field })
    assert.matches("status cannot be changed with API v2; ticket:discard%(%) drops", tostring(err))
    ticket:discard()
    ticket.subjct = "x"
    assert.matches("did you mean 'subject'", tostring(select(2, ticket:save())))
  end)
end)

describe("a create whose answer was lost", function()
  local NEW = { message = "m", subject = "s", requester = { mail = "m@x.org" } }

  -- Tickets as the list shows them, last change first; `applied` and `answered` by the create's
  -- number.
  local function shop(applied, answered)
    local list, count = {}, 0
    return function(spec)
      if spec.method == "POST" then
        count = count + 1
        if applied(count) then
          local now = core.now()
          table.insert(list, 1, { id = ("T%03d"):format(count), subject = "s", date = now,
            modified = now, requester = { mail = "m@x.org" },
            events = { { type = "message", message = "m", date = now } } })
        end
        if answered(count) then return copy(list[1]) end
        return nil, errors.new { kind = "network", message = "lost", outcome = "unknown" }
      end
      local page, from = { total = #list, pages = math.ceil(#list / 25), tickets = {} },
        ((spec.query.page or 1) - 1) * 25
      for i = from + 1, math.min(#list, from + 25) do
        page.tickets[#page.tickets + 1] = copy(list[i])
      end
      return page
    end, list
  end

  local function always() return true end
  local function never() return false end

  it("is found behind the first page", function()
    local service = shop(always, never)
    local clients, seen = {}, {}
    for i = 1, 40 do clients[i] = connect(service, { account = "busy", reconcile = 1 }) end
    for i = 1, 40 do
      local ticket = assert(clients[i].tickets:create(NEW))
      assert.is_nil(seen[ticket.id])
      seen[ticket.id] = true
    end
  end)

  it("is no ticket that another client of the account was given", function()
    local service = shop(function(n) return n == 1 end, function(n) return n == 1 end)
    local options = { account = "shared", reconcile = 0.5 }
    local first = assert(connect(service, options).tickets:create(NEW))
    assert.equal("T001", first.id)
    local ticket, err = connect(service, options).tickets:create(NEW)
    assert.is_nil(ticket)
    assert.equal("unknown", err.outcome)
    assert.equal("T001", connect(service, { account = "other", reconcile = 0.5 })
      .tickets:create(NEW).id)
  end)
end)

describe("a list of which only the first 25,000 can be had", function()
  --- `count` chats, the last to start first; `grow` new ones come before each page.
  local function archive(count, grow, odd)
    local fetched = 0
    return function(spec)
      fetched = fetched + 1
      count = count + (grow or 0)
      local page, list = spec.query.page or 1, {}
      assert(page <= 1000, "beyond the last page")
      for place = (page - 1) * 25 + 1, math.min(count, page * 25) do
        list[#list + 1] = { id = "C" .. count - place,
          started_timestamp = 1500000000 + count - place }
      end
      return { chats = list, total = odd and odd.total or count,
        pages = odd and odd.pages or math.min(1000, math.ceil(count / 25)) }
    end, function() return fetched end
  end

  local function walk(service)
    local client = connect(service)
    local seen, n = {}, 0
    local fine, err = pcall(function()
      for chat in client.chats:each() do
        assert(not seen[chat.id])
        seen[chat.id], n = true, n + 1
      end
    end)
    return n, not fine and err or nil
  end

  it("is walked whole where it has no more", function()
    for _, count in ipairs { 0, 1, 26, 24999, 25000 } do
      local service, fetched = archive(count)
      local n, err = walk(service)
      assert.is_nil(err)
      assert.equal(count, n)
      assert.is_true(fetched() <= math.ceil(count / 25) + 1)
    end
  end)

  it("ends in an error that tells how to ask for less, after all that can be had", function()
    for _, count in ipairs { 25001, 30000, 1000000 } do
      local service, fetched = archive(count)
      local n, err = walk(service)
      assert.equal(25000, n)
      assert.same({ "rejected", "refused" }, { err.kind, err.outcome })
      assert.equal("the list has " .. count .. " items, and the service shows no more than "
        .. "25000: ask for less, with date_from and date_to", err.message)
      assert.equal(1000, fetched())
    end
  end)

  it("does so where it grows over that while it is read, and where it does not count", function()
    local n, err = walk((archive(24990, 1)))
    assert.equal("rejected", err and err.kind)
    assert.is_true(n >= 24000)
    for _, odd in ipairs { { pages = 5000 }, { total = "x", pages = "y" } } do
      n, err = walk((archive(60000, 0, odd)))
      assert.same({ 25000, "rejected" }, { n, err.kind })
    end
  end)

  it("has no last page that ends in silence", function()
    local client = connect((archive(25001)))
    local page = assert(client.chats:list { page = 1000 })
    local next_page, err = page:next()
    assert.is_nil(next_page)
    assert.equal("rejected", err.kind)
    assert.equal("page", select(2, client.chats:list { page = 1001 }).field)
    assert.is_nil(select(2, connect((archive(25000))).chats:list { page = 1000 }:next()))
    assert.equal(2, client.chats:list():next().page)
  end)
end)

describe("a page with odd counts", function()
  local TICKETS = { { id = "A1" }, { id = "A2" } }

  it("raises no error but an object, and comes to an end", function()
    for _, count in ipairs { 2.5, -1, 0, 1e300, 1 / 0, "2.5", "x", true, {} } do
      for _, tickets in ipairs { {}, TICKETS } do
        for _, odd in ipairs { { pages = count, total = 5 }, { pages = 1, total = count },
          { pages = count, total = count }, { pages = count }, { total = count } } do
          local client = connect(function(_, calls)
            assert(calls < 3000, "reads for ever")
            return { tickets = copy(tickets), pages = odd.pages, total = odd.total }
          end)
          local fine, err = pcall(function()
            for ticket in client.tickets:each() do assert(ticket.id) end
          end)
          assert(fine or errors.is(err), tostring(err))
          local page = assert(client.tickets:list())
          assert(page.pages == nil or page.pages % 1 == 0)
          if #page == 0 then assert.is_nil(page:next()) end
          assert.matches("^livechat.Page: %d tickets, page 1", tostring(page))
          assert.equal(#page, #page:totable().tickets)
        end
      end
    end
  end)
end)

describe("a row that is plain data", function()
  it("works as soon as it is written", function()
    local api = copy(v2)
    api.resources.groups = {
      { name = "list", verb = "GET", path = "/groups", safe = true, returns = "groups" },
      { name = "rename", verb = "PUT", path = "/groups/{id}/{name}", returns = "group",
        args = { "name", "id" } },
      { name = "remove", verb = "POST", path = "/groups/remove", returns = "done",
        args = { { "id", "body:group_id" } } },
    }
    api.records.team = { members = { id = "integer" } }
    api.answers.groups = { kind = "team", list = true, id = "id", what = "a list of groups" }
    api.answers.group = { kind = "team", id = "id", what = "a group" }
    api.answers.done = { what = "a result", value = "result" }
    local last
    local client = connect(function(spec)
      last = spec
      if spec.path == "/groups" then return { { id = "7", name = "Sales" } } end
      return { id = 7, result = "done" }
    end, { api = api })
    assert.same({ { id = 7, name = "Sales" } }, client.groups:list())
    assert.same({ id = 7, result = "done" }, client.groups:rename("Support", 7))
    assert.same({ name = "Support", id = 7 }, last.args)
    assert.is_false(last.safe)
    assert.same({ true, "done" }, { client.groups:remove(7) })
    assert.same({ group_id = 7 }, last.body)
  end)
end)
