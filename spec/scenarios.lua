-- SPDX-License-Identifier: MIT
--- What a script does, from the same source on both APIs, in a program and in nginx. Each scenario
--- is given a client of an account of its own, and what the service goes by there. `seed` is how
--- many tickets the account has, `fault` what the service does wrong; `large` ones take seconds.
local livechat = require "livechat"

-- What is particular about an API: how one signs in, and how its service names the calls.
local APIS = {
  v2 = { account = "username", create = "POST /tickets", change = "PUT /tickets/*" },
  v3 = { account = "account_id", create = "POST /v1/tickets", change = "PATCH /v1/tickets/*" },
}

local function equal(wanted, got)
  if wanted ~= got then
    error(("%s expected, got %s"):format(tostring(wanted), tostring(got)), 2)
  end
end

local function create(client, subject, mail)
  return livechat.check(client.tickets:create { subject = subject or "Parcel",
    message = "It is open", requester = { mail = mail or "mary@example.net", name = "Mary" } })
end

local function count(client, filter)
  local seen, n = {}, 0
  for ticket in client.tickets:each(filter) do
    assert(not seen[ticket.id], "a ticket was given twice")
    seen[ticket.id], n = ticket, n + 1
  end
  return n, seen
end

local function times_said(ticket, text)
  local n = 0
  for _, event in ipairs(ticket.events) do n = n + (event.message == text and 1 or 0) end
  return n
end

local scenarios = { apis = APIS }

scenarios["a ticket is created and found"] = { run = function(client)
  local ticket = create(client)
  local found = livechat.check(client.tickets:get(ticket.id))
  assert(found == ticket)
  equal("Parcel open mary@example.net Mary It is open", table.concat({ found.subject, found.status,
    found.requester.mail, found.requester.name, found.events[1].message }, " "))
  equal(1, #livechat.check(client.tickets:list { requester = { mail = "Mary@example.net" } }))
  equal(0, #livechat.check(client.tickets:list { requester = { mail = "m@example.net" } }))
end }

scenarios["a ticket is answered, assigned, tagged and solved"] = { run = function(client, about)
  local ticket = create(client)
  ticket = livechat.check(ticket:update { assignee = { id = about.username } })
  equal("John Doe", ticket.assignee.name)
  ticket = livechat.check(ticket:update { message = "Which cup?" })
  equal(1, times_said(ticket, "Which cup?"))
  ticket = livechat.check(ticket:add_tags({ "triage" }, { create_tags = true }))
  ticket = livechat.check(ticket:add_tags({ "cups" }, { create_tags = true }))
  equal("triage cups", table.concat(ticket.tags, " "))
  ticket = livechat.check(ticket:remove_tags { "triage" })
  equal("cups John Doe", ticket.tags[1] .. " " .. ticket.assignee.name)
  ticket.subject = "Cups"
  equal("Cups", livechat.check(ticket:save()).subject)
  equal(1, #livechat.check(client.tickets:list { tag = "cups", assigned = true }))
end }

scenarios["a list is walked whole while the loop changes it"] = { run = function(client)
  for i = 1, 60 do create(client, "Parcel " .. i) end
  local before = count(client)
  local seen, n = {}, 0
  for ticket in client.tickets:each { status = "open" } do
    assert(not seen[ticket.id], "a ticket was given twice")
    seen[ticket.id], n = true, n + 1
    if n % 3 == 0 then
      livechat.check(ticket:update { subject = "Seen " .. n })
      create(client, "Later " .. n)
    end
  end
  assert(before == 60 and n >= 60)
end }

scenarios["5,000 tickets are walked while they change"] = { seed = 5000, large = true,
  run = function(client)
    local before, there = count(client)
    equal(5000, before)
    local seen, n = {}, 0
    for ticket in client.tickets:each() do
      assert(not seen[ticket.id], "a ticket was given twice")
      seen[ticket.id], n = true, n + 1
      if n % 100 == 0 then
        local done, err = ticket:update { subject = "Seen " .. n }
        assert(done or ticket.status == "spam", err) -- spam cannot be changed on HelpDesk
        create(client, "Later " .. n)
      end
    end
    for id in pairs(there) do assert(seen[id], "a ticket was not given") end
  end }

scenarios["a lost answer makes no second ticket"] = {
  fault = function(api) return "reset-after-apply@3/" .. api.create end,
  run = function(client)
    for i = 1, 4 do equal("Parcel " .. i, create(client, "Parcel " .. i).subject) end
    equal(4, (count(client)))
  end }

local function numbers(n)
  local list = {}
  for i = 1, n do list[i] = i end
  return list
end

scenarios["of 500 creates whose answers are lost by half, none is made twice"] = { large = true,
  fault = function(api) return "reset-after-apply@p0.5/" .. api.create end,
  run = function(client)
    local results = livechat.gather(numbers(500), function(i)
      return create(client, "Parcel " .. i, ("mary%d@example.net"):format(i)).id
    end, { concurrency = 25 })
    local n, there = count(client)
    equal(500, n)
    for i = 1, 500 do equal("Parcel " .. i, there[results[i][1]].subject) end
  end }

scenarios["of 500 replies whose answers are lost by half, none is sent twice"] = { large = true,
  fault = function(api) return "reset-after-apply@p0.5/" .. api.change end,
  run = function(client)
    local ids = {}
    for i = 1, 50 do ids[i] = create(client, "Parcel " .. i, "mary@example.net").id end
    local results = livechat.gather(numbers(500), function(i)
      return client.tickets:update(ids[i % 50 + 1], { message = "Answer " .. i })
    end, { concurrency = 25 })
    local fine = 0
    for i = 1, 50 do ids[i] = livechat.check(client.tickets:get(ids[i])) end
    for i, result in ipairs(results) do
      fine = fine + (result[1] and 1 or 0)
      assert(result[1] or result[2].outcome == "unknown", result[2])
      equal(1, times_said(ids[i % 50 + 1], "Answer " .. i))
    end
    return fine
  end }

scenarios["a mistake is found before anything is sent"] = { run = function(client)
  local value, err = client.tickets:create { message = "m", requester = { mail = "nobody" } }
  equal(nil, value)
  equal("invalid requester.mail not_sent", err.kind .. " " .. err.field .. " " .. err.outcome)
  equal("not_found", select(2, client.tickets:get("zzzzz")).kind)
end }

--- Runs a scenario.
---@param name string
---@param about { api: string, url: string, username: string, account: string, api_key: string }
---@return any what it has to tell
function scenarios.run(name, about)
  local client = livechat.check(livechat.new { api = about.api, username = about.account,
    api_key = about.api_key, base_url = about.url, helpdesk_url = about.url .. "/v1",
    accounts_url = about.url, throttle = false, retry = false, reconcile = 20 })
  local told = scenarios[name].run(client, about)
  client:close()
  return told
end

return scenarios
