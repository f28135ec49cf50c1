-- SPDX-License-Identifier: MIT
local json = require "livechat.json"
local request = require "livechat.call.request"

local BASE = "https://api.livechatinc.com"

local function url(spec)
  spec.method = spec.method or "GET"
  local built, err = request.build(BASE, spec)
  return built and built.url:sub(#BASE + 1), err
end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local PIECES = { "a", "/", "%", "%20", "@", ".", "..", "ë", "€", "𝄞", " ", "+", "&", "=", "?", "#",
  ":", ";", "\\", '"', "<", "~", "_", "-", "0", "{id}", "[", "]", "\t" }

local function random_id()
  local id = {}
  for i = 1, math.random(12) do id[i] = PIECES[math.random(#PIECES)] end
  return table.concat(id)
end

describe("request.base", function()
  it("takes http and https URLs and drops the slash at the end", function()
    for given, base in pairs {
      ["https://api.livechatinc.com"] = "https://api.livechatinc.com",
      ["https://api.livechatinc.com/"] = "https://api.livechatinc.com",
      ["HTTPS://api.livechatinc.com/v2/"] = "https://api.livechatinc.com/v2",
      ["https://gateway.example:8443/a/b//"] = "https://gateway.example:8443/a/b",
      ["http://127.0.0.1:8080"] = "http://127.0.0.1:8080",
      ["http://localhost:8080/"] = "http://localhost:8080",
      ["http://api.localhost"] = "http://api.localhost",
      ["http://[::1]:8080/x"] = "http://[::1]:8080/x",
      ["https://x.org:1"] = "https://x.org:1",
      ["https://x.org:65535"] = "https://x.org:65535",
      ["https://[2001:db8::1]"] = "https://[2001:db8::1]",
    } do
      assert.equal(base, (request.base(given)))
    end
  end)

  it("refuses everything else and names base_url", function()
    for _, given in ipairs { "", "api.livechatinc.com", "ftp://x.org", "file:///etc/passwd",
      "https://", "https:///x", "https://u:p@x.org", "https://x.org\\@y.org", "https://x.org?a=b",
      "https://x.org/#f", "https://x.org/a b", "https://x.org\r\nX: y", "https://x.org\0",
      "https://exämple.org", "https://x.org:port", "https://x.org:0", "https://x.org:65536",
      "https://x.org:", "https://x.org:80x", "1https://x.org", "https://x[::1]",
      "https://[::1", "https://x.org/a/../b", "https://x.org/.", 12, {} } do
      local base, err = request.base(given)
      assert.is_nil(base, tostring(given))
      assert.equal("invalid", err.kind)
      assert.equal("base_url", err.field)
    end
    assert.equal("base_url", select(2, request.base(nil)).field)
  end)

  it("takes http as it is asked for", function()
    assert.equal("http://10.0.0.1:8080/lc", (request.base("http://10.0.0.1:8080/lc/")))
  end)
end)

describe("request.build, path", function()
  it("encodes each segment once", function()
    for id, encoded in pairs {
      ["5FUED"] = "5FUED",
      ["john.doe@mycompany.com"] = "john.doe%40mycompany.com",
      ["zoë@exämple.org"] = "zo%C3%AB%40ex%C3%A4mple.org",
      ["a/b"] = "a%2Fb",
      ["a%20b"] = "a%2520b",
      ["..a"] = "..a",
      ["{id}"] = "%7Bid%7D",
      [12345678] = "12345678",
    } do
      assert.equal("/tickets/" .. encoded .. "/tags",
        (url { path = "/tickets/{id}/tags", args = { id = id } }))
    end
  end)

  it("gives every id back as itself", function()
    math.randomseed(20140818)
    for _ = 1, 1000 do
      local id = random_id()
      local text = url { path = "/agents/{login}", args = { login = id } }
      if id == "." or id == ".." then
        assert.is_nil(text)
      else
        local encoded = text:match("^/agents/([^/?#]+)$")
        assert.equal(id, unescape(encoded))
        assert.is_nil(encoded:find("[^%w%-._~%%]"))
      end
    end
  end)

  it("refuses ids that would change the path or the request", function()
    for _, id in ipairs { "", ".", "..", "a\rb", "a\nb", "a\0b", "\255", true, 1.5, {} } do
      local text, err = url { path = "/agents/{login}", args = { login = id } }
      assert.is_nil(text, tostring(id))
      assert.equal("invalid", err.kind)
      assert.equal("login", err.field)
    end
    local _, err = url { path = "/tickets/{id}", args = { id = "" } }
    assert.equal("must not be empty", err.message)
    assert.equal("id", select(2, url { path = "/tickets/{id}", args = {} }).field)
    assert.equal("id", select(2, url { path = "/tickets/{id}", args = { id = 0 / 0 } }).field)
  end)

  it("takes a path as its caller wrote it, and keeps the escapes in it", function()
    assert.equal("/reports/chats/total_chats", (url { path = "/reports/chats/total_chats" }))
    assert.equal("/tags/a%2Fb", (url { path = "tags/a%2Fb" }))
    assert.equal("/tags/two%20words%C3%AB", (url { path = "/tags/two wordsë" }))
    assert.equal("/x.org/a", (url { path = "//x.org/a" }))
    for _, path in ipairs { "/a?b=c", "/a#b", "/a/../b", "/..", "/./a", "/%2e%2E/a", "/a%2",
      "/100%", "/a\r\nHost: x", "/a\0", "/\255" } do
      local text, err = url { path = path }
      assert.is_nil(text, path)
      assert.equal("path", err.field)
    end
    assert.equal("path", select(2, url {}).field)
  end)
end)

describe("request.build, query", function()
  it("writes PHP's brackets in a stable order", function()
    assert.equal("/tickets?assigned=1&page=2&requester%5Bmail%5D=a%40b.org"
      .. "&tag%5B%5D=x&tag%5B%5D=y%20z",
      (url { path = "/tickets", query = { tag = { "x", "y z" }, requester = { mail = "a@b.org" },
        page = 2.0, assigned = true } }))
    assert.equal("/x?f%5B0%5D%5Bname%5D=n&f%5B0%5D%5Bvalue%5D=0&f%5B1%5D%5Bname%5D=m",
      (url { path = "/x", query = { f = { { name = "n", value = false }, { name = "m" } } } }))
    assert.equal("/x?n=0.25", (url { path = "/x", query = { n = 0.25 } }))
    assert.equal("/x", (url { path = "/x", query = {} }))
    assert.equal("/x", (url { path = "/x", query = { a = json.array {}, b = {}, c = json.null } }))
    assert.equal("/x?q=%26%3D%23%2B%25%C3%AB%09", (url { path = "/x", query = { q = "&=#+%ë\t" } }))
  end)

  it("names the parameter that cannot be sent", function()
    local loop = {}
    loop.x = loop
    for field, query in pairs {
      a = { a = "x\ry" }, b = { b = "x\0" }, c = { c = "\255" }, d = { d = print },
      e = { e = 0 / 0 }, f = { f = 1 / 0 }, ["g.h"] = { g = { h = "\n" } },
      ["t[2]"] = { t = { "x", "\n" } }, m = { m = { 1, x = 2 } }, query = { "x" },
    } do
      local text, err = url { path = "/x", query = query }
      assert.is_nil(text, field)
      assert.equal("invalid", err.kind)
      assert.equal(field, err.field)
    end
    assert.is_nil((url { path = "/x", query = { ["a\nb"] = 1 } }))
    assert.is_nil((url { path = "/x", query = loop }))
  end)
end)

describe("request.build, headers and body", function()
  it("sends tables as JSON, strings as they are, and no body without one", function()
    local built = request.build(BASE, { method = "POST", path = "/tickets",
      body = { message = "ë", requester = { mail = "a@b.org" } },
      headers = { ["X-API-Version"] = "2" } })
    assert.equal('{"message":"ë","requester":{"mail":"a@b.org"}}', built.body)
    assert.same({ "Accept: application/json", "Content-Type: application/json",
      "X-API-Version: 2" }, built.headers)
    built = request.build(BASE, { method = "POST", path = "/x", body = "a=b",
      headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } })
    assert.equal("a=b", built.body)
    assert.same({ "Accept: application/json", "Content-Type: application/x-www-form-urlencoded" },
      built.headers)
    built = request.build(BASE, { method = "GET", path = "/x" })
    assert.is_nil(built.body)
    assert.same({ "Accept: application/json" }, built.headers)
  end)

  it("takes lines that were made before", function()
    local lines = request.lines({ ["X-API-Version"] = "2", ["User-Agent"] = "u/1" }, true)
    assert.same({ "Accept: application/json", "Content-Type: application/json", "User-Agent: u/1",
      "X-API-Version: 2" }, lines)
    local built = request.build(BASE, { method = "GET", path = "/x", lines = lines })
    assert.equal(lines, built.headers)
    assert.equal("X-A", select(2, request.lines({ ["X-A"] = "a\nb" }, false)).field)
  end)

  it("refuses what would break the request apart", function()
    for field, spec in pairs {
      ["X-A"] = { headers = { ["X-A"] = "1\r\nX-B: 2" } },
      ["X-C"] = { headers = { ["X-C"] = "a\0" } },
      ["X:D"] = { headers = { ["X:D"] = "1" } },
      ["X E"] = { headers = { ["X E"] = "1" } },
      body = { body = { f = print } },
    } do
      spec.method, spec.path = "POST", "/x"
      local built, err = request.build(BASE, spec)
      assert.is_nil(built)
      assert.equal("invalid", err.kind)
      assert.equal(field, err.field)
    end
    assert.equal("body", select(2, request.build(BASE, { method = "POST", path = "/x",
      body = 12 })).field)
    for _, method in ipairs { "get", "GET /x", "G\r\nT", "" } do
      assert.equal("method", select(2, request.build(BASE, { method = method, path = "/x" })).field)
    end
  end)
end)

describe("request.header and request.headers", function()
  local BLOCK = "Content-Type: application/json; a  b\r\nRETRY-AFTER:  7 \r\n"
    .. "X-Url: http://a:1/b\r\nEmpty:\r\nVary: a\r\nvary: b\r\n"

  it("find a value in any case", function()
    assert.equal("7", request.header(BLOCK, "Retry-After"))
    assert.equal("http://a:1/b", request.header(BLOCK, "x-url"))
    assert.equal("", request.header(BLOCK, "empty"))
    assert.equal("a", request.header(BLOCK, "Vary"))
    assert.equal("application/json; a  b", request.header(BLOCK, "content-type"))
    assert.is_nil(request.header(BLOCK, "After"))
    assert.is_nil(request.header(BLOCK, "http"))
    assert.is_nil(request.header("", "Vary"))
  end)

  it("give all by their lower-case names", function()
    assert.same({ ["content-type"] = "application/json; a  b", ["retry-after"] = "7",
      ["x-url"] = "http://a:1/b", empty = "", vary = "a, b" }, request.headers(BLOCK))
    assert.same({}, request.headers("garbage"))
  end)
end)
