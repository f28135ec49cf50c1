-- SPDX-License-Identifier: MIT
-- The parts of the local LiveChat that know nothing of it: texts, numbers, dates, names.
local base64 = require "livechat.sandbox.base64"
local dates = require "livechat.sandbox.dates"
local form = require "livechat.sandbox.form"
local hosts = require "livechat.sandbox.hosts"
local random = require "livechat.sandbox.random"
local helper = require "spec.helper"

describe("base64", function()
  it("gives the vectors of RFC 4648, section 10", function()
    for text, expected in pairs({ [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v",
      foob = "Zm9vYg==", fooba = "Zm9vYmE=", foobar = "Zm9vYmFy", ["\0\255\254"] = "AP/+" }) do
      assert.equal(expected, base64.encode(text))
    end
  end)
end)

describe("random numbers", function()
  it("are Park and Miller's: the 10,000th state from 1 is 1043618065", function()
    local draw, last = random.stream(1), nil
    for _ = 1, 10000 do last = draw() end
    assert.equal(1043618065, math.floor(last * 2147483646 + 1.5))
    for _ = 1, 1000 do
      local n = draw(3)
      assert.is_true(n == 1 or n == 2 or n == 3)
    end
  end)
end)

describe("dates", function()
  it("are written in each of the service's ways", function()
    assert.equal("2014-08-18T10:05:05Z", dates.iso(1408356305.9))
    assert.equal("2014-08-18T10:05:05.250Z", dates.iso_milliseconds(1408356305.25))
  end)

  it("know the days of the calendar and no others", function()
    assert.equal(0, dates.day("1970-01-01"))
    assert.equal(1709164800, dates.day("2024-02-29"))
    assert.equal(1798675200, dates.day("2026-12-31"))
    for _, text in ipairs({ "2023-02-29", "2024-13-01", "2024-00-10", "INVALID", "2024-1-1",
      "" }) do
      assert.is_nil(dates.day(text))
    end
  end)
end)

describe("form text", function()
  it("is read with PHP's brackets", function()
    assert.same({ requester = { mail = "a+b@c.d", name = "Zoë Ü" }, groups = { "1", "2" },
      fields = { { name = "x", value = "1" }, { name = "y" } }, a = "last", empty = "", bare = "" },
      form.decode("requester[mail]=a%2Bb%40c.d&requester%5Bname%5D=Zo%C3%AB+%C3%9C&groups[]=1" ..
        "&groups%5B%5D=2&fields[0][name]=x&fields[0][value]=1&fields[1][name]=y&a=first&a=last" ..
        "&empty=&bare"))
    assert.same({ tag = { "b", "a" } }, form.decode("tag[7]=a&tag[2]=b"))
    assert.same({ tag = { ["0"] = "a", x = "b" } }, form.decode("tag[0]=a&tag[x]=b"))
    assert.same({ ["5"] = "x" }, form.decode("5=x"))
    assert.same({}, form.decode(""))
  end)

  it("undoes percent-encoding once", function()
    assert.same({ q = "a%20b" }, form.decode("q=a%2520b"))
  end)

  it("is refused where it is too much, too deep or not UTF-8", function()
    assert.is_table(form.decode(("a[]=1&"):rep(1000)))
    local _, many = form.decode(("a[]=1&"):rep(1001))
    assert.truthy(many:find("too many"))
    local _, deep = form.decode("a" .. ("[x]"):rep(64) .. "=1")
    assert.truthy(deep:find("too deeply"))
    local _, bytes = form.decode("a=%FF")
    assert.truthy(bytes:find("UTF%-8"))
  end)
end)

describe("the file of hosts", function()
  teardown(helper.cleanup)

  it("gives every address of a name, in its order", function()
    local path = helper.folder() .. "/hosts"
    helper.write(path, "# 1.2.3.4 shop\n127.0.0.1\tlocalhost Shop # shop.example\n" ..
      "  ::1 localhost shop\nnonsense\n10.0.0.1 other\n")
    assert.same({ "127.0.0.1", "[::1]" }, hosts.find("SHOP", path))
    assert.same({}, hosts.find("shop.example", path))
    assert.same({ "10.0.0.1" }, hosts.find("other", path))
    assert.same({ "127.0.0.1" }, hosts.find("localhost", path .. ".absent"))
    helper.write(path, "# nameserver 1.1.1.1\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\n" ..
      "nameserver dead\n nameserver 2001:db8::53 \nsearch example\n")
    assert.equal("10.0.0.1 [2001:db8::53]", (hosts.resolver(path):gsub(" ipv6=off$", "")))
    assert.is_nil(hosts.resolver(path .. ".absent"))
  end)
end)
