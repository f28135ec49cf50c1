-- SPDX-License-Identifier: MIT
--- One client over several services: whose method a call is, and where its credential goes.
local compose = require "livechat.api.compose"
local errors = require "livechat.errors"
local helper = require "spec.helper"
local livechat = require "livechat"
local process = require "livechat.nginx_process"

teardown(function() helper.cleanup() end)

local function failing(kind)
  return function() return nil, errors.new { kind = kind, message = kind } end
end

local function method(name, ...)
  local parts = {}
  for _, part in ipairs { ... } do compose.add(parts, name, part[1], part[2]) end
  return compose.methods(parts)[name]
end

describe("a resource of two dialects", function()
  local LIST, GET = { path = "/things" }, { path = "/things/{id}" }

  it("gives the things of both, and none where one could not be asked", function()
    local one, two = function() return { "a" } end, function() return { "b", "c" } end
    assert.same({ "a", "b", "c" }, method("list", { LIST, one }, { LIST, two })({}))
    assert.same({ "b", "c" }, method("list", { LIST, failing "invalid" }, { LIST, two })({}))
    assert.equal("server",
      select(2, method("list", { LIST, one }, { LIST, failing "server" })({})).kind)
    assert.equal("invalid",
      select(2, method("list", { LIST, failing "invalid" }, { LIST, failing "invalid" })({})).kind)
  end)

  it("finds a thing by its id in either, and hides no failure behind the other", function()
    local two = function(_, id) return id end
    assert.equal("x", method("get", { GET, failing "not_found" }, { GET, two })({}, "x"))
    assert.equal("x", method("get", { GET, failing "rejected" }, { GET, two })({}, "x"))
    assert.equal("rejected",
      select(2, method("get", { GET, failing "not_found" }, { GET, failing "rejected" })({})).kind)
    assert.equal("network",
      select(2, method("get", { GET, failing "network" }, { GET, two })({}, "x")).kind)
    assert.equal("not_found",
      select(2, method("get", { GET, failing "not_found" }, { GET, failing "invalid" })({})).kind)
  end)

  it("joins things of one name, and removes a thing where it is", function()
    local one = function() return { { name = "a", x = 1 }, { name = "b" } } end
    local two = function() return { { name = "a", x = 2, y = 2 }, { name = "c" } } end
    local row = { path = "/things", joins = "name" }
    assert.same({ { name = "a", x = 1, y = 2 }, { name = "b" }, { name = "c" } },
      method("list", { LIST, one }, { row, two })({}))
    local calls = 0
    local fine = function()
      calls = calls + 1
      return true
    end
    local each = { path = "/things/{id}", each = true }
    assert.is_true(method("delete", { GET, fine }, { each, fine })({}, "x"))
    assert.is_true(method("delete", { GET, failing "not_found" }, { each, fine })({}, "x"))
    assert.is_true(method("delete", { GET, fine }, { each, failing "not_found" })({}, "x"))
    assert.equal(4, calls)
    local _, err = method("delete", { GET, failing "not_found" }, { each, failing "invalid" })({})
    assert.equal("not_found", err.kind)
    _, err = method("delete", { GET, fine }, { each, failing "server" })({})
    assert.same({ "server", "unknown" }, { err.kind, err.outcome })
  end)

  it("gives a call to the one that knows the field's value", function()
    local function row(...)
      return { path = "/things", by = "sort", fields = { sort = { type = "enum", of = { ... } } } }
    end
    local create = method("create", { row("round"), function() return 1 end },
      { row("square"), function() return 2 end })
    assert.equal(1, create({}, { sort = "round" }))
    assert.equal(2, create({}, { sort = "square" }))
    local _, err = create({}, { sort = "sqare" })
    assert.same({ "invalid", "sort", "is no sort; did you mean 'square'?" },
      { err.kind, err.field, err.message })
    assert.equal(1, create({}, {})) -- it says what is missing
  end)
end)

describe("a field that only the other API has", function()
  it("says so, in the fields, within a table, in a filter", function()
    local function refused(api, resource, verb, ...)
      local client = assert(livechat.new { api = api, username = "a", api_key = "b",
        throttle = false })
      local fine, value, err = pcall(client[resource][verb], client[resource], ...)
      client:close()
      if not fine then err = value end
      return err.field .. " " .. err.message
    end
    local to_v3 = " is a field of API v3; this client speaks v2 (option 'api')"
    local to_v2 = " is a field of API v2; this client speaks v3 (option 'api')"
    local ticket = { message = "m", requester = { mail = "a@example.net" }, priority = 10 }
    assert.equal("priority" .. to_v3, refused("v2", "tickets", "create", ticket))
    assert.equal("silo" .. to_v3, refused("v2", "tickets", "list", { silo = "spam" }))
    assert.equal("silo" .. to_v3, refused("v2", "tickets", "each", { silo = "spam" }))
    assert.equal("source_id" .. to_v2, refused("v3", "tickets", "list", { source_id = "x" }))
    assert.equal("work_scheduler" .. to_v3, refused("v2", "agents", "create",
      { login = "a@example.net", name = "A", work_scheduler = {} }))
    assert.equal("requester.nmae is no field; did you mean 'requester.name'?",
      refused("v3", "tickets", "create", { message = "m", requester = { nmae = "x" } }))
    assert.equal("nonsense is no field", refused("v2", "tickets", "update", "1",
      { nonsense = 1 }):match("^nonsense is no field"))
  end)

  it("is refused too where a method takes a value", function()
    local client = assert(livechat.new { username = "a", api_key = "b", throttle = false })
    local _, err = client.tickets:add_tags("1", { "x" }, { craete_tags = true })
    assert.same({ "invalid", "craete_tags" }, { err.kind, err.field })
    client:close()
  end)
end)

describe("a client of API v3", function()
  it("names the APIs that there are", function()
    local ok, message = pcall(livechat.new, { username = "a", api_key = "b", api = "v4" })
    assert.is_false(ok)
    assert.truthy(message:find("'api' to 'livechat.new' ('v2' or 'v3' expected)", 1, true), message)
  end)

  it("signs in at each of its services, and at no other place", function()
    local sandbox = helper.sandbox { calls = false }
    local client = assert(livechat.new { api = "v3", username = sandbox.account_id,
      api_key = sandbox.api_key, base_url = "http://127.0.0.1:9", retry = false,
      helpdesk_url = sandbox.url })
    assert.is_true(#assert(client.teams:list()) > 0)
    assert.is_true(#assert(client:request { service = "helpdesk", path = "/tags" }) > 0)
    assert.equal("network", select(2, client:request { path = "/" }).kind)
    client:close()
    assert.has_error(function() client.teams:list() end)
  end)

  it("says which API has what the client's has not", function()
    local two = assert(livechat.new { username = "a", api_key = "b" })
    local fine, problem = pcall(function() return two.teams end)
    assert.is_false(fine)
    assert.truthy(problem:find("client.teams is of API v3; this client speaks v2", 1, true))
    assert.is_nil(two.nonsense)
    assert.is_nil(two.tickets.nonsense)
  end)

  it("loads nothing of v3 where v2 is spoken", function()
    local code = [[local l = require "livechat" l.new { username = "a", api_key = "b" }
      for name in pairs(package.loaded) do
        assert(not name:find("api%.helpdesk") and not name:find("api%.v3"), name)
      end]]
    for _, version in ipairs(helper.lua_versions()) do
      local words = { helper.lua_env(version), helper.lua_program(version), "-e",
        process.quote(code) }
      local status, output = helper.run(table.concat(words, " "))
      assert.same({ 0, "" }, { status, output })
    end
  end)
end)
