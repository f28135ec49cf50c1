-- SPDX-License-Identifier: MIT
--- Where the services of a connection lie, what header lines they want, what their answers say.
local services = require "livechat.call.services"

local BOTH = { username = "a@example.com", api_key = "k", base_url = "https://one.example.com/v2" }

local function service(name, more)
  local made = { name = name, base_url = "https://" .. name .. ".example.com",
    headers = function() return { ["X-API-Version"] = "2" } end }
  for key, value in pairs(more or {}) do made[key] = value end
  return made
end

local function sorted(lines)
  local list = {}
  for i, line in ipairs(lines) do list[i] = line end
  table.sort(list)
  return list
end

describe("livechat.call.services", function()
  it("lie where an option or the dialect says, each with a secret of its own", function()
    local one, two = service "one", service("two", { option = "two_url" })
    local places = services.places({ { service = one, services = { two } } }, BOTH, "agent/1")
    assert.equal("https://one.example.com/v2", places[one].base_url)
    assert.equal("https://two.example.com", places[two].base_url)
    assert.are_not.equal(places[one].secret, places[two].secret)
    assert.same({ "Accept: application/json", "User-Agent: agent/1", "X-API-Version: 2" },
      sorted(places[one].lines[false]))
    assert.is_true(#places[one].lines[true] > #places[one].lines[false])
  end)

  it("raise for an option that is no place, by the option's name", function()
    for url, option in pairs { ["ftp://x"] = "base_url", ["http://"] = "two_url" } do
      local _, message = pcall(services.places, { { service = service("s", { option = option }) } },
        { username = "a", api_key = "k", [option] = url }, "agent")
      assert.truthy(tostring(message):find("'" .. option .. "'", 1, true), tostring(message))
    end
  end)

  it("are given another credential, and what they had is wiped", function()
    local one = service "one"
    local places = services.places({ { service = one } }, BOTH, "agent")
    local before = places[one].secret
    services.bind(places, { access_token = "token-7d1f" })
    assert.are_not.equal(before, places[one].secret)
    assert.is_nil(before:hide("text"))
    assert.equal("*", (places[one].secret:hide("token-7d1f"):gsub("%*+", "*")))
  end)

  it("take header lines of a call, beside and instead of their own", function()
    local one = service "one"
    local place = services.places({ { service = one } }, BOTH, "agent")[one]
    assert.same({ "Accept: application/json", "User-Agent: mine", "X-A: b", "X-API-Version: 2" },
      sorted((services.lines(place, false, { ["X-A"] = "b", ["User-Agent"] = "mine" }))))
    assert.equal(place.lines[false], services.lines(place, false))
    services.add_headers(place, { ["X-Region"] = "us-south1" })
    assert.same({ "Accept: application/json", "User-Agent: agent", "X-API-Version: 2",
      "X-Region: us-south1" },
      sorted(place.lines[false]))
    services.add_headers(place, { ["X-Bad"] = "a\r\nb" }) -- cannot be sent: left out
    assert.equal("us-south1", place.headers["X-Region"])
    assert.is_nil(place.headers["X-Bad"])
  end)

  it("judge an answer by its status, and by the service's own words", function()
    local plain, own = service "plain", service("own", { failure = function(status, decoded)
      if decoded.error then return "validation", decoded.error, { ["X-Region"] = "fra" } end
      return status == 418 and "unexpected" or nil
    end })
    local function judge(at, status, body)
      local fine, said = services.judge(at, { status = status, body = body })
      return { fine, said.kind, said.code, said.problem and true }
    end
    assert.same({ true }, judge(plain, 200, "[]"))
    assert.same({ true }, judge(plain, 204, ""))
    assert.same({ false }, judge(plain, 302, ""))
    assert.same({ false }, judge(plain, 500, "<html>"))
    assert.same({ true, nil, nil, true }, judge(plain, 200, "<html>"))
    assert.same({ false, "validation", "bad" }, judge(own, 200, '{"error":"bad"}'))
    assert.same({ false, "unexpected" }, judge(own, 418, "{}"))
    assert.same({ true, nil, nil, true }, judge(own, 200, "{"))
    assert.same({ false, {} }, { services.judge(own, { code = "timeout" }) })
  end)
end)
