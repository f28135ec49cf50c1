-- SPDX-License-Identifier: MIT
-- HelpDesk's webhooks and settings, and what one API sees of what another one did. No sockets.
local json = require "livechat.json"
local account = require "spec.account"
local today = require "spec.today"

local ticket = today.ticket

describe("HelpDesk's webhooks", function()
  local own
  before_each(function() own = today.new() end)

  local function hook(event_type, url)
    local status, made = own.helpdesk("POST", "/webhooks", { json = { eventType = event_type,
      url = url or "http://127.0.0.1:1/hook?token=secret" } })
    assert.equal(200, status)
    return made
  end

  it("are made, shown, changed and removed", function()
    local made = hook("tickets.create")
    assert.same({ "tickets.create", json.null, "agent" }, { made.eventType, made.name,
      made.createdByType })
    assert.is_nil(made.secret)
    assert.same({ made }, (select(2, own.helpdesk("GET", "/webhooks"))))
    assert.same(made, (select(2, own.helpdesk("GET", "/webhooks/" .. made.ID))))
    local _, changed = own.helpdesk("PATCH", "/webhooks/" .. made.ID, { json = { name = "x" } })
    assert.same({ "x", made.url }, { changed.name, changed.url })
    local status, body = own.helpdesk("DELETE", "/webhooks/" .. made.ID)
    assert.same({ 200, {} }, { status, body })
    assert.equal(404, (own.helpdesk("GET", "/webhooks/" .. made.ID)))
    assert.equal(404, (own.helpdesk("DELETE", "/webhooks/" .. made.ID)))
    for _, fields in ipairs({ { url = "http://x/" }, { eventType = "tickets.create" },
      { url = "ftp://x/", eventType = "tickets.create" }, { url = "http://x/", eventType = "x" },
      { url = "http://x/", eventType = "tickets.create", secret = "x" } }) do
      assert.equal(422, (own.helpdesk("POST", "/webhooks", { json = fields })))
    end
  end)

  it("hear of a new ticket, whichever API made it, and registering twice is heard twice", function()
    hook("tickets.create")
    hook("tickets.create")
    local _, made = own.helpdesk("POST", "/tickets", { json = ticket() })
    local arrived = own.delivered()
    assert.equal(2, #arrived)
    local body = arrived[1].body
    assert.same({ "tickets.create", "2027-01-15T08:00:00.000Z", made.ID },
      { body.eventType, body.createdAt, body.payload.ID })
    assert.is_nil(body.payload.silo)
    assert.equal(1, #body.payload.events)
    assert.equal("/hook?token=secret", arrived[1].target.path)
    own.call("POST", "/tickets", { json = account.ticket() })
    assert.equal(2, #own.delivered())
    own.control("POST", "trigger", { event_type = "ticket_created" })
    assert.equal(2, #own.delivered())
  end)

  it("hear of each change of its kind", function()
    local _, made = own.helpdesk("POST", "/tickets", { json = ticket() })
    local _, tag = own.helpdesk("POST", "/tags", { json = { name = "golden" } })
    local agent = own.id("/agents", "jane.doe@example.com")
    for _, name in ipairs({ "tickets.update", "tickets.statusChange", "tickets.events.status",
      "tickets.events.priority", "tickets.events.assignment", "tickets.events.message",
      "tickets.events.tags", "tickets.events.followers" }) do
      hook(name)
    end
    for kind, fields in pairs({ message = { message = { text = "x" } },
      priority = { priority = 10 }, status = { status = "pending" }, tags = { tagIDs = { tag.ID } },
      followers = { followers = { agent } },
      assignment = { assignment = { agent = { ID = agent } } } }) do
      own.helpdesk("PATCH", "/tickets/" .. made.ID, { json = fields })
      local heard, count = {}, 0
      for _, each in ipairs(own.delivered()) do
        heard[each.event_type], count = each.body.payload, count + 1
      end
      assert.equal(made.ID, heard["tickets.update"].ID)
      local payload = heard["tickets.events." .. kind]
      assert.equal(kind, payload.event.type)
      assert.same(payload.ticket.events[#payload.ticket.events], payload.event)
      assert.equal(kind == "status", heard["tickets.statusChange"] ~= nil)
      assert.equal(kind == "status" and 3 or 2, count)
    end
  end)

  it("hear of what v2 changes", function()
    hook("tickets.events.tags")
    hook("tickets.events.message")
    hook("tickets.events.assignment")
    local _, made = own.call("POST", "/tickets", { json = account.ticket() })
    own.call("PUT", "/tickets/" .. made.id .. "/tags", { json = { tag = { "a" }, message = "x",
      requester = { mail = "mary@example.net" }, assignee = { id = "jane.doe@example.com" } } })
    local heard = {}
    for _, each in ipairs(own.delivered()) do heard[each.event_type] = each.body.payload.event end
    assert.equal("x", heard["tickets.events.message"].message.text)
    assert.equal("Jane Doe", heard["tickets.events.assignment"].assignment.new.agent.name)
    assert.equal(1, #heard["tickets.events.tags"].tags.new)
  end)

  it("are tried again for a day, after any answer but 2xx", function()
    hook("tickets.create")
    own.helpdesk("POST", "/tickets", { json = ticket() })
    local began, times = own.now, 0
    repeat
      local list = own.delivered(500)
      times = times + #list
      local wait = own.service:delivery_wait(own.now)
      if wait then own.now = own.now + wait end
    until not wait
    assert.equal(14, times)
    assert.is_true(own.now - began > 80000 and own.now - began < 90000)
    own.helpdesk("POST", "/tickets", { json = ticket() })
    assert.equal(1, #own.delivered(204))
    assert.is_nil(own.service:delivery_wait(own.now))
  end)

  it("are triggered, with what the caller wants changed", function()
    for _, name in ipairs({ "tickets.create", "tickets.update", "tickets.statusChange",
      "tickets.events.status", "tickets.events.priority", "tickets.events.assignment",
      "tickets.events.message", "tickets.events.tags", "tickets.events.followers" }) do
      local made = hook(name)
      local answer = own.control("POST", "trigger", { event_type = name, extra = "x" })
      assert.equal(1, answer.deliveries, name)
      local body = own.delivered()[1].body
      assert.equal("x", body.payload.extra, name)
      assert.equal(answer.ids[1], (body.payload.ticket or body.payload).ID)
      own.helpdesk("DELETE", "/webhooks/" .. made.ID)
    end
    local body, status = own.control("POST", "trigger", { event_type = "tickets.other" })
    assert.equal(400, status, body.error)
  end)
end)

describe("HelpDesk's agents, teams, tags and fields", function()
  it("are those of v2", function()
    local own = today.new()
    local _, agents = own.helpdesk("GET", "/agents")
    local _, logins = own.call("GET", "/agents")
    assert.equal(#logins, #agents)
    for i, agent in ipairs(agents) do
      assert.same({ logins[i].login, logins[i].name }, { agent.email, agent.name })
    end
    assert.equal(own.service.options.account_id, agents[1].accountID)
    own.helpdesk("POST", "/teams", { json = { name = "Night" } })
    local _, groups = own.call("GET", "/groups")
    assert.equal("Night", groups[#groups].name)
    own.call("POST", "/tags", { json = { tag = "from-v2", author = account.LOGIN, group = 1 } })
    local tag = own.id("/tags", "from-v2")
    local _, list = own.helpdesk("GET", "/tags")
    for _, each in ipairs(list) do
      if each.ID == tag then assert.equal(own.id("/teams", "Sales"), each.teamID) end
    end
    assert.equal(200, (own.helpdesk("DELETE", "/tags/" .. tag)))
    assert.equal(404, (own.helpdesk("DELETE", "/tags/" .. tag)))
    assert.equal(200, (own.helpdesk("GET", "/cannedResponses")))
  end)

  it("are invited while there are seats, once each", function()
    local own = today.new({ seats = 6 })
    local team = own.id("/teams", "Sales")
    local status, made = own.helpdesk("POST", "/agents", { json = { email = "new@example.com",
      name = "New", roles = { "viewer" }, teamIDs = { team }, jobTitle = "x" } })
    assert.same({ 200, "invited", { "viewer" }, { team } }, { status, made.status, made.roles,
      made.teamIDs })
    local body
    status, body = own.helpdesk("POST", "/agents", { json = { email = "new@example.com" } })
    assert.same({ 409, "alreadyExists" }, { status, body.error.type })
    status, body = own.helpdesk("POST", "/agents", { json = { email = "one.more@example.com" } })
    assert.same({ 409, "limitExceeded",
      "agents count (7) is greater than subscription allows (6)" },
      { status, body.error.type, body.error.message })
    assert.equal(422, (own.helpdesk("POST", "/agents", { json = { email = "x@example.com",
      status = "active" } })))
    local other = own.id("/teams", "Invoicing")
    local _, changed = own.helpdesk("PATCH", "/agents/" .. made.ID,
      { json = { teamIDs = { other } } })
    assert.same({ other }, changed.teamIDs)
    assert.equal(200, (own.helpdesk("DELETE", "/agents/" .. made.ID)))
    assert.equal(404, (own.helpdesk("GET", "/agents/" .. made.ID)))
    assert.equal(403, (own.helpdesk("DELETE", "/agents/" .. own.id("/agents", account.LOGIN))))
  end)

  it("have names of their own", function()
    local own = today.new()
    own.helpdesk("POST", "/tags", { json = { name = "golden" } })
    assert.equal(409, (own.helpdesk("POST", "/tags", { json = { name = "golden" } })))
    assert.equal(422, (own.helpdesk("POST", "/tags", { json = { name = "x", teamID = "y" } })))
    local field = { apiKey = "size", displayName = "Size", type = "singleLine" }
    assert.equal(200, (own.helpdesk("POST", "/customFields", { json = field })))
    assert.equal(409, (own.helpdesk("POST", "/customFields", { json = field })))
    assert.equal(2, #select(2, own.helpdesk("GET", "/customFields")))
    assert.equal(422, (own.helpdesk("POST", "/tickets", { json = ticket({ customFields = {
      size = ("x"):rep(121) } }) })))
    assert.equal(own.id("/teams", "All operators"),
      select(2, own.helpdesk("GET", "/licenses")).defaultTeamID)
  end)
end)

describe("one ticket", function()
  it("is the same through v2 and HelpDesk", function()
    local own = today.new()
    local _, old = own.call("POST", "/tickets", { json = account.ticket({ group = { 2 },
      subject = "From v2", assignee = { id = "jane.doe@example.com" } }) })
    local _, made = own.helpdesk("GET", "/tickets/" .. old.id)
    assert.same({ old.id, "From v2", "mary@example.net", "jane.doe@example.com" }, { made.shortID,
      made.subject, made.requester.email,
      (select(2, own.helpdesk("GET", "/agents/" .. made.assignment.agent.ID))).email })
    assert.equal("Technical Support", made.assignment.team.name)
    own.helpdesk("PATCH", "/tickets/" .. made.ID, { json = { status = "closed", priority = 20,
      message = { text = "Done" }, teamIDs = made.teamIDs,
      assignment = { team = made.assignment.team and { ID = made.assignment.team.ID } } } })
    _, old = own.call("GET", "/tickets/" .. old.id)
    assert.same({ "solved", "Done", 3 }, { old.status, old.events[3].message, #old.events })
    own.call("PUT", "/tickets/" .. old.id .. "/tags", { json = { tag = { "a" } } })
    _, made = own.helpdesk("GET", "/tickets/" .. old.id)
    assert.same({ "closed", 1, 20 }, { made.status, #made.tagIDs, made.priority })
    -- What the ticket has it may keep, though v2 has made a tag of it alone, and removed its group.
    own.call("DELETE", "/groups/2")
    local status, kept = own.helpdesk("PATCH", "/tickets/" .. old.id, { json = {
      tagIDs = made.tagIDs, teamIDs = made.teamIDs, subject = "x",
      assignment = { team = { ID = made.teamIDs[1] } } } })
    assert.same({ 200, made.teamIDs, made.tagIDs }, { status, kept.teamIDs, kept.tagIDs })
    assert.equal(422, (own.helpdesk("POST", "/tickets",
      { json = ticket({ tagIDs = made.tagIDs }) })))
    local _, new = own.helpdesk("POST", "/tickets", { json = ticket() })
    assert.equal("It is broken", select(2, own.call("GET", "/tickets/" .. new.shortID))
      .events[1].message)
  end)
end)

describe("the option today", function()
  it("is checked", function()
    for _, wrong in ipairs({ "x", { dates = 7 }, { dates = "x" }, { ids = "x" }, { unknown = 1 },
      { totals = "x" }, { created = 204 } }) do
      assert.has_error(function() today.new({ today = wrong }) end)
    end
  end)

  it("changes how success and errors are written", function()
    local own = today.new()
    local function set(fields) own.control("POST", "options", { today = fields }) end
    local function delete()
      local _, made = own.helpdesk("POST", "/tickets", { json = ticket() })
      local status, _, response = own.helpdesk("DELETE", "/tickets/" .. made.ID)
      return status, response.body
    end
    assert.same({ 200, "{}" }, { delete() })
    set({ success = "empty" })
    assert.same({ 200, "" }, { delete() })
    set({ success = "no_content" })
    assert.same({ 204, "" }, { delete() })
    set({ created = 201 })
    assert.equal(201, (own.helpdesk("POST", "/tickets", { json = ticket() })))
    local shapes = { object = "error", text = "error", list = "error", message = "message",
      errors = "errors", validation = "validation" }
    for shape, member in pairs(shapes) do
      set({ errors = shape })
      local status, body = own.helpdesk("POST", "/tickets", { json = ticket({ q = 1 }) })
      assert.equal(422, status)
      assert.is_truthy(body[member], shape)
      assert.truthy(json.encode(body):find('\\"q\\" is not allowed', 1, true), shape)
    end
    set({ impossible = true })
    local count = 0
    for _ = 1, 20 do
      local _, made = own.helpdesk("POST", "/tickets", { json = ticket() })
      if made.updatedAt:find("-22-17", 1, true) then count = count + 1 end
      assert.equal("2027-01-15T08:00:00.000Z", made.createdAt)
    end
    assert.is_true(count > 0 and count < 20)
    set({ ids = "text", totals = false, lists = "bare" })
    local _, made = own.helpdesk("POST", "/tickets", { json = ticket() })
    assert.same({ "1520", "1" }, { made.licenseID, made.events[1].ID })
    local _, _, response = own.helpdesk("GET", "/tickets")
    assert.is_nil(response.headers["X-Total-Results"])
    local _, agents = own.helpdesk("GET", "/agents")
    assert.same({ json.null }, { agents[1].name })
    assert.is_nil(agents[1].roles)
  end)
end)
