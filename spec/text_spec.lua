-- SPDX-License-Identifier: MIT
local json = require "livechat.json"
local text = require "livechat.text"

describe("text", function()
  it("takes blanks from the ends, and only those", function()
    for given, expected in pairs {
      [""] = "", [" "] = "", [" \t\r\n\v\f"] = "", ["a"] = "a", [" a"] = "a", ["a "] = "a",
      ["\t a  b\n "] = "a  b", ["\0"] = "\0", [" \0 "] = "\0", ["\194\160"] = "\194\160",
      ["à "] = "à",
    } do
      assert.equal(expected, text.trim(given))
    end
    assert.equal("  a", text.trim_end("  a \t\n"))
    assert.equal("", text.trim_end(" \t"))
  end)

  it("leaves nothing that ends a line or moves a cursor", function()
    assert.equal("a b c d", text.one_line("a\nb\0\1\27\127c\194\155d"))
    assert.equal("é\194\160…", text.one_line("é\194\160…"))
  end)

  it("cuts between characters", function()
    for _, char in ipairs { "é", "€", "𝄞" } do
      for kept = 0, #char - 1 do
        assert.equal("aa", text.cut("aa" .. char .. "b", 2 + kept))
      end
      assert.equal("aa" .. char, text.cut("aa" .. char .. "b", 2 + #char))
      assert.equal("aa" .. char, text.cut("aa" .. char, 2 + #char))
    end
    assert.equal(7, #text.cut(("\128"):rep(20), 10)) -- no text at all: cut it, and not to nothing
  end)

  it("reads the title of a page", function()
    assert.equal("502 Bad Gateway",
      text.html_title("<html><TITLE lang=en>\n 502  Bad\tGateway </title>"))
    for _, page in ipairs { "", "<title>", "<title>x", "<title", "<title></title>", "title>x</",
      "<title> \n</title>", "<title><b></title>", "<title>x</title" .. ("x"):rep(5000) } do
      assert.equal(page:find("x</title", 1, true) and "x" or nil, text.html_title(page))
    end
    assert.is_nil(text.html_title(("x"):rep(4090) .. "<title>x</title>"))
  end)
end)

describe("text.redact", function()
  it("blanks every secret member, in every notation", function()
    for _, given in ipairs {
      '{"token":"HUNTER2"}', '{"token" : "HUNTER2", "a":1}', '{"secret_key":"HUNTER2"}',
      '{"api_key":"HUNTER2"}', '{"password":"HUN\\"TER2"}', '{"current_password":"HUNTER2\\\\"}',
      '{"access_token":"HUNTER2"}', '{"refresh_token":"HUNTER2"}', '{"client_secret":"HUNTER2"}',
      '{"TOKEN":"HUNTER2"}', '{"token":2222}', '{"token":["HUNTER2","HUNTER2"]}',
      '{"token":{"value":"HUNTER2"}}', '{"token":["HUNTER2', '{"token":"HUNTER2', '{"token":"',
      '"{\\"token\\":\\"HUNTER2\\"}"', '"{\\"token\\":\\"A\\\\\\"HUNTER2\\"}"',
      "token=HUNTER2&a=1", "a=1&api_key=HUNTER2", "user[password]=HUNTER2", "token='HUNTER2'",
      "user%5Bpassword%5D=HUNTER2", "access_token=HUNTER2 x",
      "Authorization: Basic HUNTER2\r\nX: y",
      "authorization: Bearer HUNTER2", '{"Authorization":"Basic HUNTER2"}',
      '{"page_current":"https://x.org/p?s=HUNTER2"}', '{"page_current":"https:\\/\\/x\\/#HUNTER2"}',
      "page_current=https%3A%2F%2Fx%3Fs%3DHUNTER2&a=1",
      '{"token":"HUNTER2","password":"HUNTER2"}{"token":"HUNTER2"}',
    } do
      local red = text.redact(given)
      assert.is_nil(red:find("HUN", 1, true), given .. " became " .. red)
      assert.is_nil(red:find("TER2", 1, true), given .. " became " .. red)
      assert.is_nil(red:find("2222", 1, true), given .. " became " .. red)
      assert.equal(red, text.redact(red))
    end
  end)

  it("keeps JSON readable and everything else as it was", function()
    assert.same({ token = "***", password = "***", n = 1, api_key = "***", list = { "token" } },
      json.decode(text.redact('{"token":"a\\"b","password":null,"n":1,"api_key":{"a":{}},'
        .. '"list":["token"]}')))
    assert.same({ token = "***", secret = "***", n = 1 },
      json.decode(text.redact [[{"token":"a\\","secret":"\\\"b\"","n":1}]]))
    assert.equal([["{\"token\":\"***\",\"n\":1}"]], text.redact [["{\"token\":\"a\",\"n\":1}"]])
    assert.equal('{"page_current":"https://x.org/p?***","x":"y?z"}',
      text.redact('{"page_current":"https://x.org/p?a=b#c","x":"y?z"}'))
    assert.equal("a=1&token=***&b=2", text.redact("a=1&token=secret&b=2"))
    assert.equal("token=***", text.redact("token=s"))
    assert.equal('{"token":"***"', text.redact('{"token":1'))
    assert.equal("Authorization: ***", text.redact("Authorization: Basic abc"))
    assert.equal("token=***&token=***", text.redact("token=a&token=b"))
    assert.equal('{"token":"***","x":{"y":1}}', text.redact('{"token":7,"x":{"y":1}}'))
    assert.equal("Authorization: ***\r\nX: y", text.redact("Authorization: Basic abc\r\nX: y"))
    for _, given in ipairs { "", "bad token: try again", "token x%5D=y",
      "authorization failed: why", "Unexpected token '<'", '{"tokens":[1,2]}',
      '{"page_current":"https://x.org/p"}', '{"error":"Check your API Key and/or username"}' } do
      assert.equal(given, text.redact(given))
    end
  end)
end)
