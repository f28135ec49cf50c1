-- SPDX-License-Identifier: MIT
-- once: a script and nginx, each on its own Lua
--- Every fault of the local service under every kind of call, in a script and in nginx: what comes
--- of it is what the table of docs/faults.md says, within the time-out, and the next call is well.
local embed = require "spec.embed"
local faulty = require "spec.faulty"
local helper = require "spec.helper"
local json = require "livechat.json"

local LONGEST = 5 -- seconds: two attempts of 0.5, their backoff, and 0.5 to look for a lost create

local services

setup(function()
  services = { all = helper.sandbox { calls = false }, written = helper.sandbox { calls = false } }
end)
teardown(helper.cleanup)

--- The rows of an API's table in the page: { fault =, cells = <texts> }.
local function rows(api)
  local list = {}
  local part = (helper.read("docs/faults.md") .. "\n## "):match("\n## " .. api .. "(.-)\n## ")
  for line in part:gmatch "\n(| `[^\n]+)" do
    local cells = {}
    for cell in line:gmatch "| ([^|]+) %f[|]" do cells[#cells + 1] = cell end
    list[#list + 1] = { fault = table.remove(cells, 1):match "`(.-)`", cells = cells }
  end
  return list
end

local function break_both(fault)
  services.all.control("POST", "faults", { fault = fault .. "@every" })
  services.written.control("POST", "faults", { faults = { fault .. "@every/POST",
    fault .. "@every/PUT", fault .. "@every/PATCH" } })
end

local function mend_both()
  for _, service in pairs(services) do service.control("DELETE", "faults") end
end

--- Compares the table with what a program meets, whose functions these are.
local function compare(api, prepare, try)
  local differences, list = {}, rows(api)
  assert.is_true(#list >= 20)
  for _, row in ipairs(list) do
    prepare()
    break_both(row.fault)
    local began = helper.now()
    local texts = try()
    local seconds = helper.now() - began
    mend_both()
    if seconds > LONGEST then
      differences[#differences + 1] = ("`%s` took %.1f s"):format(row.fault, seconds)
    end
    local met = ("| `%s` | %s |"):format(row.fault, table.concat(texts, " | "))
    if table.concat(texts, " | ") ~= table.concat(row.cells, " | ") then
      differences[#differences + 1] = met
    end
  end
  assert.equal("", table.concat(differences, "\n"))
end

local function credentials(service, api)
  return { base_url = service.url, helpdesk_url = service.url, accounts_url = service.url,
    api = api, username = api == "v3" and service.account_id or service.username,
    api_key = service.api_key }
end

for _, api in ipairs { "v2", "v3" } do
  describe("every fault under every call of " .. api, function()
    it("in a script", function()
      local clients, ids = {}, nil
      for name, service in pairs(services) do
        clients[name] = faulty.client(credentials(service, api))
      end
      compare(api, function() ids = faulty.prepare(clients) end, function()
        return faulty.try(clients, ids)
      end)
      for _, client in pairs(clients) do assert(client.tickets:list()) end
    end)

    it("in nginx", function()
      local nginx = embed.start { init = ([[
        package.path = %q .. "/?.lua;" .. package.path
        faulty, json = require "spec.faulty", require "livechat.json"
        clients = {}
        for name, options in pairs(json.decode(%q)) do clients[name] = faulty.client(options) end
      ]]):format(helper.root, json.encode { all = credentials(services.all, api),
        written = credentials(services.written, api) }) }
      compare(api, function() nginx.run "clients.ids = faulty.prepare(clients)" end, function()
        return json.decode(nginx.run "return json.encode(faulty.try(clients, clients.ids))")
      end)
      assert.equal("0", nginx.run "return pending()")
      assert.same({}, nginx.complaints())
    end)
  end)
end
