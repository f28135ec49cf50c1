-- SPDX-License-Identifier: MIT
-- The local HelpDesk's tickets, judged by what is documented and was met of the service. No
-- sockets.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local account = require "spec.account"
local helper = require "spec.helper"
local today = require "spec.today"

local ticket = today.ticket

local function error_of(body)
  return body.error.message
end

describe("HelpDesk's access", function()
  it("wants the account's id with the personal access token, or an access token", function()
    local own = today.new({ access_token = "dal:secret" })
    local id = own.service.options.account_id
    for _, header in ipairs({ false, account.BASIC, "Bearer dal:other", "Bearer",
      "Basic " .. base64.encode(id .. ":" .. account.KEY .. "x") }) do
      local status, body = own.helpdesk("GET", "/tickets", { headers = { authorization = header } })
      assert.equal(401, status)
      assert.equal("unauthorized", body.error.type)
    end
    assert.equal(200, (own.helpdesk("GET", "/tickets")))
    assert.equal(200, (own.helpdesk("GET", "/tickets",
      { headers = { authorization = "bearer dal:secret" } })))
  end)

  it("takes a token that holds a colon, and one with the scope alone", function()
    local own = today.new()
    local made = own.control("POST", "tokens", { kind = "personal", token = "us-south1:a:b",
      agent = "jane.doe@example.com", scope = "accounts--my:ro" })
    own.headers.authorization = "Basic " .. base64.encode(made.account_id .. ":us-south1:a:b")
    assert.equal(200, (own.helpdesk("POST", "/tickets", { json = ticket() })))
    local other = own.control("POST", "tokens", { kind = "personal", scope = "chats--all:ro" })
    own.headers.authorization = "Basic " .. base64.encode(other.account_id .. ":" .. other.token)
    assert.equal(403, (own.helpdesk("GET", "/tickets")))
  end)

  it("tells how long an access token lasts, and refuses it afterwards, for v2 too", function()
    local own = today.new()
    local token = own.control("POST", "tokens", { expires_in = 60 }).access_token
    own.headers.authorization = "Bearer " .. token
    local _, _, response = own.helpdesk("GET", "/tickets")
    assert.equal("60", response.headers["x-token-expires-in"])
    local headers = { authorization = "Bearer " .. token }
    assert.equal(200, (own.call("GET", "/agents", { headers = headers })))
    own.control("POST", "options", { advance = 60 })
    assert.equal(401, (own.helpdesk("GET", "/tickets")))
    assert.equal(401, (own.call("GET", "/agents", { headers = headers })))
  end)

  it("knows its paths and methods", function()
    local own = today.new()
    for path, status in pairs({ ["/ticket"] = 404, ["/tickets/x/y/z"] = 404, ["/"] = 404,
      ["/transactions"] = 405, ["/tickets/"] = 404, ["/tickets/AAAAA"] = 404 }) do
      assert.equal(status, (own.helpdesk("GET", path)), path)
    end
    assert.equal(405, (own.helpdesk("PUT", "/tickets/AAAAA")))
  end)

  it("is throttled, spoilt and written down like v2, under its own path", function()
    local own = today.new({ calls = 3, fault = "http500/POST /v1/tickets" })
    assert.equal(500, (own.helpdesk("POST", "/tickets", { json = ticket() })))
    assert.equal(200, (own.helpdesk("POST", "/tickets", { json = ticket() })))
    assert.equal(200, (own.call("GET", "/tickets")))
    local status, body, response = own.helpdesk("GET", "/tickets")
    assert.equal(429, status)
    assert.equal("tooManyRequests", body.error.type)
    assert.is_string(response.headers["Retry-After"])
    own.control("POST", "options", { retry_after = false })
    assert.is_nil(select(3, own.helpdesk("GET", "/tickets")).headers["Retry-After"])
    assert.same({ ["POST /v1/tickets"] = 1, ["GET /tickets"] = 1 },
      own.control("GET", "calls").applied)
  end)
end)

describe("HelpDesk's POST /tickets", function()
  it("answers the ticket with every member", function()
    local own = today.new()
    local team, agent = own.id("/teams", "Sales"), own.id("/agents", "jane.doe@example.com")
    local _, tag = own.helpdesk("POST", "/tags", { json = { name = "golden", teamID = json.null } })
    local status, made = own.helpdesk("POST", "/tickets", { json = ticket({ subject = "Shoes",
      status = "pending", priority = 10, teamIDs = { team }, tagIDs = { tag.ID },
      assignment = { team = { ID = team }, agent = { ID = agent } }, followers = { agent },
      customFields = { ["order-id"] = "17" }, cc = { { email = "c@example.net" } },
      author = { type = "client" } }) })
    assert.equal(200, status)
    assert.truthy(made.ID:find("^%x+%-%x+%-4%x+%-%x+%-%x+$"))
    assert.truthy(made.shortID:find("^%w%w%w%w%w$"))
    assert.same({ "pending", 10, "Shoes", "tickets", "client" }, { made.status, made.priority,
      made.subject, made.silo, made.createdByType })
    assert.same({ { team }, { tag.ID }, { agent } }, { made.teamIDs, made.tagIDs, made.followers })
    assert.same({ team = { ID = team, name = "Sales" }, agent = { ID = agent, name = "Jane Doe" } },
      made.assignment)
    assert.same({ email = "mary@example.net", name = "" }, made.requester)
    assert.equal("2027-01-15T08:00:00.000Z", made.createdAt)
    assert.equal(json.null, made.parentTicket)
    assert.same({ "message", "assignment" }, { made.events[1].type, made.events[2].type })
    assert.same({ 1, "client", "It is broken" }, { made.events[1].ID, made.events[1].author.type,
      made.events[1].message.text })
    assert.same({}, made.events[2].assignment.old)
    local _, again = own.helpdesk("GET", "/tickets/" .. made.shortID:lower())
    assert.same(made, again)
    assert.same(made, (select(2, own.helpdesk("GET", "/tickets/" .. made.ID:upper()))))
  end)

  it("refuses what it does not know, with the member's path", function()
    local own = today.new()
    local team = own.id("/teams", "Sales")
    for message, fields in pairs({
      ['"silo" is not allowed'] = ticket({ silo = "tickets" }),
      ['"isPrivate" is not allowed'] = ticket({ isPrivate = true }),
      ['"message.html" is not allowed'] = ticket({ message = { text = "x", html = "x" } }),
      ['"message.text" is required'] = ticket({ message = json.decode("{}") }),
      ['"message.text" is not allowed to be empty'] = ticket({ message = { text = "" } }),
      ['"message" must be of type object'] = ticket({ message = "x" }),
      ['"requester" is required'] = { message = { text = "x" } },
      ['"requester.email" must be a valid email'] = ticket({ requester = { email = "x" } }),
      ['"requester.mail" is not allowed'] = ticket({ requester = { email = "a@b.c", mail = "x" } }),
      ['"status" must be one of [open, pending, onhold, solved, closed]'] =
        ticket({ status = "spam" }),
      ['"priority" must be one of [-10, 0, 10, 20]'] = ticket({ priority = 5 }),
      ['"tagIDs[0]" must be the ID of a tag'] = ticket({ tagIDs = { "vip" } }),
      ['"teamIDs[0]" must be the ID of a team'] = ticket({ teamIDs = { "1" } }),
      ['"assignment.team" must be one of teamIDs'] = ticket({ teamIDs = { team } }),
      ['"assignment.agent.ID" must be the ID of an agent'] =
        ticket({ assignment = { agent = { ID = "jane.doe@example.com" } } }),
      ['"customFields.size" is not allowed'] = ticket({ customFields = { size = "1" } }),
      ['"author.type" must be one of [agent, client]'] = ticket({ author = { type = "system" } }),
    }) do
      local status, body = own.helpdesk("POST", "/tickets", { json = fields })
      assert.same({ 422, message }, { status, error_of(body) })
    end
    assert.same({ total = 0 }, { total = #own.control("GET", "tickets").ids })
  end)

  it("wants JSON", function()
    local own = today.new()
    for _, request in ipairs({ { form = "subject=x" }, { json = { 1 } },
      { body = "{", headers = { ["content-type"] = "application/json" } },
      { body = "null", headers = { ["content-type"] = "application/json" } } }) do
      assert.equal(400, (own.helpdesk("POST", "/tickets", request)))
    end
  end)

  it("takes a tag only for its own team", function()
    local own = today.new()
    local sales, support = own.id("/teams", "Sales"), own.id("/teams", "Technical Support")
    local _, tag = own.helpdesk("POST", "/tags", { json = { name = "golden", teamID = sales } })
    local function create(team)
      return (own.helpdesk("POST", "/tickets", { json = ticket({ tagIDs = { tag.ID },
        teamIDs = { team }, assignment = { team = { ID = team }, agent = json.null } }) }))
    end
    assert.same({ 200, 422 }, { create(sales), create(support) })
  end)
end)

describe("HelpDesk's PATCH /tickets/{id}", function()
  local own, made, team
  before_each(function()
    own = today.new()
    team = own.id("/teams", "Sales")
    made = select(2, own.helpdesk("POST", "/tickets", { json = ticket({ teamIDs = { team },
      assignment = { team = { ID = team }, agent = json.null } }) }))
    own.now = own.now + 60
  end)
  local function patch(fields)
    local status, body = own.helpdesk("PATCH", "/tickets/" .. made.ID, { json = fields })
    return body, status
  end
  local function last(body)
    return body.events[#body.events]
  end

  it("replies, and writes notes", function()
    local reply = last(patch({ message = { text = "Soon" } }))
    assert.same({ "message", false, "agent" }, { reply.type, reply.message.isPrivate,
      reply.author.type })
    local note = last(patch({ message = { text = "Hm" }, isPrivate = true,
      author = { type = "agent" } }))
    assert.is_true(note.message.isPrivate)
    local answer = last(patch({ message = { text = "Thanks" }, author = { type = "client" } }))
    assert.same({ "client", "mary@example.net" }, { answer.author.type, answer.author.email })
    local _, status = patch({ message = { text = "x" }, isPrivate = true,
      author = { type = "client" } })
    assert.equal(422, status)
    assert.equal(422, (select(2, patch({ isPrivateNote = true, message = { text = "x" } }))))
    assert.equal(422, (select(2, patch({ isPrivate = true }))))
    assert.equal(422, (select(2, patch(json.decode("{}")))))
  end)

  it("replaces the tags, and keeps the history of each change", function()
    local _, a = own.helpdesk("POST", "/tags", { json = { name = "a" } })
    local _, b = own.helpdesk("POST", "/tags", { json = { name = "b" } })
    assert.same({ a.ID, b.ID }, patch({ tagIDs = { a.ID, b.ID } }).tagIDs)
    local body = patch({ tagIDs = { b.ID }, priority = 20, subject = "New",
      teamIDs = { team }, assignment = { team = { ID = team } } })
    assert.same({ { b.ID }, 20, "New" }, { body.tagIDs, body.priority, body.subject })
    local kinds = {}
    for i, event in ipairs(body.events) do kinds[i] = event.type end
    assert.same({ "message", "tags", "assignment", "tags", "assignment", "priority" },
      { kinds[1], kinds[2], kinds[3], kinds[4], kinds[6], kinds[5] })
    assert.same({ old = { a.ID, b.ID }, new = { b.ID } }, body.events[4].tags)
    assert.same({ old = 0, new = 20 }, body.events[5].priority)
  end)

  it("moves the team where status or tags change without teamIDs and assignment", function()
    local stays = patch({ status = "pending", teamIDs = { team },
      assignment = { team = { ID = team } } })
    assert.same({ "pending", { team } }, { stays.status, stays.teamIDs })
    assert.same({ team }, patch({ message = { text = "x" } }).teamIDs)
    assert.same({ team }, patch({ status = "pending" }).teamIDs) -- nothing changes
    for _, fields in ipairs({ { status = "solved", teamIDs = { team },
      assignment = { team = { ID = team } } }, { status = "open" } }) do
      patch(fields)
    end
    local moved = select(2, own.helpdesk("GET", "/tickets/" .. made.ID))
    assert.same({ own.id("/teams", "All operators") }, moved.teamIDs)
    assert.equal("All operators", moved.assignment.team.name)
  end)

  it("gives a ticket to an agent and back to the queue", function()
    local agent = own.id("/agents", "jane.doe@example.com")
    local given = patch({ assignment = { team = { ID = team }, agent = { ID = agent } } })
    assert.equal("Jane Doe", given.assignment.agent.name)
    local queued = patch({ assignment = { team = { ID = team }, agent = json.null } })
    assert.equal(json.null, queued.assignment.agent)
    local event = last(queued).assignment
    assert.same({ "Jane Doe", json.null }, { event.old.agent.name, event.new.agent })
  end)

  it("mails the requester what an agent writes, and nothing else", function()
    own = today.new()
    local function count() return own.control("GET", "mails").count end
    made = select(2, own.helpdesk("POST", "/tickets", { json = ticket() }))
    assert.equal(1, count())
    own.helpdesk("POST", "/tickets", { json = ticket({ author = { type = "client" } }) })
    patch({ message = { text = "note" }, isPrivate = true })
    patch({ message = { text = "x" }, author = { type = "client" } })
    patch({ status = "pending" })
    assert.equal(1, count())
    patch({ message = { text = "Soon" } })
    local mails = own.control("GET", "mails").mails
    assert.same({ 2, "mary@example.net", made.shortID, "Soon" }, { #mails, mails[2].to,
      mails[2].ticket, mails[2].text })
  end)

  it("leaves what it is not given", function()
    local _, before = own.helpdesk("GET", "/tickets/" .. made.ID)
    local after = patch({ subject = "New" })
    assert.equal("2027-01-15T08:01:00.000Z", after.updatedAt)
    for name, value in pairs(before) do
      if name ~= "subject" and name ~= "updatedAt" then assert.same(value, after[name], name) end
    end
  end)
end)

describe("HelpDesk's other calls about a ticket", function()
  it("throw it away, and bring it back", function()
    local own = today.new()
    local _, made = own.helpdesk("POST", "/tickets", { json = ticket() })
    local status, body = own.helpdesk("DELETE", "/tickets/" .. made.ID)
    assert.same({ 200, {} }, { status, body })
    assert.equal(404, (own.helpdesk("DELETE", "/tickets/" .. made.ID)))
    assert.equal("trash", select(2, own.helpdesk("GET", "/tickets/" .. made.ID)).silo)
    assert.equal(422, (own.helpdesk("PATCH", "/tickets/" .. made.ID, { json = { subject = "x" } })))
    assert.equal(404, (own.call("GET", "/tickets/" .. made.shortID)))
    assert.same({}, (select(2, own.helpdesk("GET", "/tickets"))))
    assert.equal(1, #select(2, own.helpdesk("GET", "/tickets", { query = "silo=trash" })))
    own.helpdesk("PUT", "/tickets/" .. made.ID .. "/silo", { json = { silo = "tickets" } })
    assert.equal(200, (own.call("GET", "/tickets/" .. made.shortID)))
    own.helpdesk("PUT", "/tickets/" .. made.ID .. "/silo", { json = { silo = "spam" } })
    assert.equal("spam", select(2, own.call("GET", "/tickets/" .. made.shortID)).status)
  end)

  it("merge two, and move the team", function()
    local own = today.new()
    local team = own.id("/teams", "Sales")
    local given = ticket({ teamIDs = { team },
      assignment = { team = { ID = team }, agent = json.null } })
    local _, parent = own.helpdesk("POST", "/tickets", { json = given })
    local _, child = own.helpdesk("POST", "/tickets", { json = given })
    local path = "/tickets/" .. parent.ID .. "/childTickets"
    local status, merged = own.helpdesk("POST", path, { json = { childTicketID = child.ID } })
    assert.same({ 200, { child.ID } }, { status, merged.childTickets })
    assert.equal("All operators", merged.assignment.team.name)
    local _, after = own.helpdesk("GET", "/tickets/" .. child.ID)
    assert.same({ parent.ID, "closed", { team } }, { after.parentTicket, after.status,
      after.teamIDs })
    for _, id in ipairs({ parent.ID, child.ID }) do
      assert.equal(422, (own.helpdesk("POST", path, { json = { childTicketID = id } })))
    end
    assert.equal(404, (own.helpdesk("POST", path, { json = { childTicketID = "nope" } })))
  end)

  it("rate it, tag it, follow it", function()
    local own = today.new()
    local _, made = own.helpdesk("POST", "/tickets", { json = ticket() })
    local path, agent = "/tickets/" .. made.ID, own.id("/agents", "jane.doe@example.com")
    local _, tag = own.helpdesk("POST", "/tags", { json = { name = "a" } })
    local _, rated = own.helpdesk("POST", path .. "/rating", { json = { rating = "great" } })
    assert.equal("great", rated.rating.value)
    local _, tagged = own.helpdesk("POST", path .. "/tags", { json = { tagIDs = { tag.ID } } })
    assert.same({ tag.ID }, tagged.tagIDs)
    local _, twice = own.helpdesk("POST", path .. "/tags", { json = { tagIDs = { tag.ID } } })
    assert.same({ tag.ID }, twice.tagIDs)
    local _, none = own.helpdesk("DELETE", path .. "/tags", { json = { tagIDs = { tag.ID } } })
    assert.same({}, none.tagIDs)
    local _, followed = own.helpdesk("POST", path .. "/followers",
      { json = { followers = { agent } } })
    assert.same({ agent }, followed.followers)
    local _, left = own.helpdesk("DELETE", path .. "/followers",
      { json = { followers = { agent } } })
    assert.same({}, left.followers)
    assert.equal("It is broken", select(2, own.helpdesk("GET", path .. "/message")).text)
  end)
end)

describe("HelpDesk's attachments", function()
  local function multipart(...)
    local parts = {}
    for i, file in ipairs({ ... }) do
      parts[i] = ('--xyz\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\n' ..
        "Content-Type: text/plain\r\n\r\n%s\r\n"):format(file[1], file[2], file[3])
    end
    return { body = table.concat(parts) .. "--xyz--\r\n",
      headers = { ["content-type"] = "multipart/form-data; boundary=xyz" } }
  end

  it("go into a transaction, and the transaction into one ticket", function()
    local own = today.new()
    local _, transaction = own.helpdesk("POST", "/transactions", { json = { type = "ticket" } })
    local path = "/transactions/" .. transaction.ID .. "/attachments"
    local status = own.helpdesk("POST", path, multipart({ "attachments", "a.txt", "1\r\n--2" },
      { "attachments", 'b \\"c\\".txt', "" }))
    assert.equal(200, status)
    local made
    status, made = own.helpdesk("POST", "/tickets",
      { json = ticket({ transactionID = transaction.ID }) })
    assert.equal(200, status)
    local files = made.events[2].attachments.files
    assert.same({ "a.txt", 6, "text/plain" }, { files[1].name, files[1].size, files[1].type })
    assert.same({ 'b "c".txt', 0 }, { files[2].name, files[2].size })
    status = own.helpdesk("PATCH", "/tickets/" .. made.ID,
      { json = { message = { text = "x" }, transactionID = transaction.ID } })
    assert.equal(409, status)
    assert.equal(200, (own.helpdesk("DELETE", "/tickets/" .. made.ID .. "/attachments")))
  end)

  it("belong to the ticket that the transaction names, for a day", function()
    local own = today.new()
    local _, one = own.helpdesk("POST", "/tickets", { json = ticket() })
    local _, other = own.helpdesk("POST", "/tickets", { json = ticket() })
    local _, transaction = own.helpdesk("POST", "/transactions", { json = { ticketID = one.ID } })
    own.helpdesk("POST", "/transactions/" .. transaction.ID .. "/attachments",
      multipart({ "attachments", "a.txt", "1" }))
    local fields = { message = { text = "x" }, transactionID = transaction.ID }
    local status, body = own.helpdesk("PATCH", "/tickets/" .. other.ID, { json = fields })
    assert.same({ 409, "transactionConflict" }, { status, body.error.type })
    own.control("POST", "options", { advance = 86400 })
    assert.equal(404, (own.helpdesk("PATCH", "/tickets/" .. one.ID, { json = fields })))
  end)

  it("are refused where they are too large, too many or nothing of the kind", function()
    local own = today.new()
    local _, transaction = own.helpdesk("POST", "/transactions", { json = { type = "ticket" } })
    local path = "/transactions/" .. transaction.ID .. "/attachments"
    local large = ("x"):rep(10 * 2 ^ 20 + 1)
    assert.equal(413, (own.helpdesk("POST", path, multipart({ "attachments", "a", large }))))
    assert.equal(422, (own.helpdesk("POST", path, multipart({ "file", "a", "x" }))))
    local many = {}
    for i = 1, 21 do many[i] = { "attachments", "a", "x" } end
    local unpack = table.unpack or unpack
    assert.equal(422, (own.helpdesk("POST", path, multipart(unpack(many)))))
    for _, body in ipairs({ "", "--xyz", "--xyz\r\n\r\n", "--xyz\r\n\r\nx\r\n--xyz--",
      "--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xyz--", ("--xyz\r\n"):rep(9) }) do
      assert.equal(400, (own.helpdesk("POST", path, { body = body,
        headers = { ["content-type"] = "multipart/form-data; boundary=xyz" } })))
    end
    -- A hundred parts with a long line that is no header: each is looked through once.
    local part = '--xyz\r\nContent-Disposition: form-data; name="attachments"; filename="a"\r\n' ..
      ("a"):rep(3900) .. "\r\n\r\nx\r\n"
    local began = os.clock()
    assert.equal(422, (own.helpdesk("POST", path, { body = part:rep(100) .. "--xyz--",
      headers = { ["content-type"] = "multipart/form-data; boundary=xyz" } })))
    assert.is_true(os.clock() - began < 1)
    assert.equal(404, (own.helpdesk("POST", "/transactions/x/attachments",
      multipart({ "attachments", "a", "x" }))))
  end)
end)

describe("the published sample of a ticket", function()
  local text = helper.payload("helpdesk_ticket_doc_sample.json")
  local read_it = text and it or function(name)
    print("skipped, there is no ../shared/payloads: HelpDesk " .. name)
  end

  read_it("has its members here", function()
    local own = today.new()
    local agent = own.id("/agents", "jane.doe@example.com")
    local _, made = own.helpdesk("POST", "/tickets", { json = ticket({ priority = -10,
      subject = "x", followers = { agent }, assignment = { agent = { ID = agent } },
      customFields = { ["order-id"] = "1234" } }) })
    local sample = json.fold(json.decode(text))
    sample.tagIDs = nil
    local right, name = helper.covers(sample, made)
    assert.is_true(right, name)
  end)
end)
