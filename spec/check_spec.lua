-- SPDX-License-Identifier: MIT
local errors = require "livechat.errors"
local json = require "livechat.json"
local check = require "livechat.api.check"

-- What the error says about one field of one spec; nil where the value is fine.
local function problem(spec, value)
  local _, err = check.fields({ x = spec }, { x = value })
  if err then
    assert.is_true(errors.is(err))
    assert.equal("invalid", err.kind)
    assert.equal("not_sent", err.outcome)
  end
  return err and err.field
end

local function accepts(spec, ...)
  for i = 1, select("#", ...) do
    assert.is_nil(problem(spec, (select(i, ...))), tostring((select(i, ...))))
  end
end

local function refuses(spec, ...)
  for i = 1, select("#", ...) do
    assert.equal("x", problem(spec, (select(i, ...))), tostring((select(i, ...))))
  end
end

describe("check.fields, types", function()
  it("text", function()
    accepts({ type = "string" }, "", "a\nb", "ë", ("x"):rep(1e5))
    refuses({ type = "string" }, 5, true, {}, json.null, "a\0", "\255")
    accepts({ type = "string", one_line = true }, "", "a b", "a\tb")
    refuses({ type = "string", one_line = true }, "a\nb", "a\r")
    accepts({ type = "string", min = 5 }, "12345", "ëëëëë")
    refuses({ type = "string", min = 5 }, "1234", "ëëë", "")
  end)

  it("e-mail addresses, internationalised ones among them", function()
    accepts({ type = "email" }, "a@b", "john.doe+x@my.co", "zoë@exämple.org", "o'neil@x.org",
      "a/b@c")
    refuses({ type = "email" }, "", "a", "@b", "a@", "a b@c", "a@b c", "a@b\n", "a\r\n@b", "a@b@c",
      "John <a@b>", "a@b,c@d", "a@\0", "\255@b", 12, {})
  end)

  it("whole numbers, also as digits", function()
    accepts({ type = "integer" }, 0, -3, 6.0, "6", "-6", 2 ^ 53)
    refuses({ type = "integer" }, 1.5, "six", "", "1.5", "0x10", "1e3", " 6", 1 / 0, -1 / 0, 0 / 0,
      2 ^ 60, true, {}, json.null)
    accepts({ type = "integer", min = 1, max = 3 }, 1, 3, "2")
    refuses({ type = "integer", min = 1, max = 3 }, 0, 4, "4")
    refuses({ type = "integer", max = 3 }, 4)
    assert.equal('{"x":6}', json.encode(check.fields({ x = { type = "integer" } }, { x = "6" })))
    assert.equal('{"x":6}', json.encode(check.fields({ x = { type = "integer" } }, { x = 6.0 })))
  end)

  it("flags, sent as 0 or 1", function()
    for given, sent in pairs { [true] = 1, [false] = 0, [1] = 1, [0] = 0, ["1"] = 1, ["0"] = 0 } do
      assert.equal(sent, check.fields({ x = { type = "flag" } }, { x = given }).x)
    end
    refuses({ type = "flag" }, 2, "yes", "", {}, json.null)
  end)

  it("numbers, also as text, which stays as it is written", function()
    local spec = { type = "number", min = 0 }
    accepts(spec, 0, 19.9, "19.90", "7", 1e15)
    refuses(spec, -1, "-0.5", "19,90", "1e3", "", " 1", "0x10", 1 / 0, 0 / 0, {}, true,
      ("9"):rep(100))
    assert.same({ x = "19.90" }, check.fields({ x = spec }, { x = "19.90" }))
    assert.equal("7", tostring(check.fields({ x = spec }, { x = 7.0 }).x))
  end)

  it("scalars: texts, numbers, booleans", function()
    accepts({ type = "scalar" }, "", "a\nb", 0, 1.5, false)
    refuses({ type = "scalar" }, {}, 1 / 0, 0 / 0, "\255", "a\0", json.null)
  end)

  it("texts that must look like something", function()
    local spec = { type = "string", like = { "^%u%a+$", "a name" } }
    accepts(spec, "Paris")
    refuses(spec, "paris", "", "P1")
    assert.equal("must be a name", select(2, check.fields({ x = spec }, { x = "p" })).message)
  end)

  it("closed enumerations, named in the error", function()
    local spec = { type = "enum", of = { "asc", "desc" } }
    accepts(spec, "asc", "desc")
    refuses(spec, "ASC", "", 1, {}, true)
    local _, err = check.fields({ x = spec }, { x = "up" })
    assert.equal("must be one of 'asc', 'desc'", err.message)
    _, err = check.fields({ x = { type = "string", min = 1 } }, { x = "" })
    assert.equal("must not be empty", err.message)
    _, err = check.fields({ x = { type = "string", min = 5 } }, { x = "" })
    assert.equal("must have at least 5 characters", err.message)
  end)

  it("dates that exist", function()
    accepts({ type = "date" }, "2014-08-18", "2000-02-29", "2024-02-29", "1999-12-31",
      "2014-01-01")
    refuses({ type = "date" }, "2014-8-18", "2023-02-29", "1900-02-29", "2014-13-01", "2014-00-10",
      "2014-04-31", "2014-01-00", "18.08.2014", "2014-08-18T00:00:00Z", " 2014-08-18", "", 20140818)
  end)

  it("times of day", function()
    accepts({ type = "time" }, "00:00", "23:59", "24:00")
    refuses({ type = "time" }, "9:00", "25:00", "10:60", "10:00:00", "", 900)
  end)

  it("http and https URLs", function()
    accepts({ type = "url" }, "https://x.org", "HTTP://x.org:80/a?b=c#d", "https://u:p@x.org/ë")
    refuses({ type = "url" }, "x.org", "ftp://x.org", "javascript:alert(1)", "https://",
      "https:///a", "1https://x.org",
      "https://x.org/a b", "https://x.org\r\nX: y", "", 12, "https://x\0")
  end)

  it("lists, whose elements are named by their place", function()
    local spec = { type = "list", of = { type = "integer", min = 0 } }
    accepts(spec, {}, { 1, 2 }, { "3" })
    refuses(spec, 1, "1", { a = 1 }, { 1, n = 2 }, { [0] = 1 }, { [1.5] = 1 }, { 1, [0] = 1 },
      { 1, [0.5] = 1 })
    assert.equal("x[2]", problem(spec, { 1, -1 }))
    refuses({ type = "list", min = 1, of = { type = "integer" } }, {})
    assert.equal("[]", json.encode(check.fields({ x = spec }, { x = {} }).x))
  end)

  it("maps of given names", function()
    local spec = { type = "map", names = { "monday", "sunday" }, of = { type = "flag" } }
    assert.same({ x = { monday = 1 } }, check.fields({ x = spec }, { x = { monday = true } }))
    assert.equal("x.moonday", problem(spec, { moonday = true }))
    assert.equal("x.sunday", problem(spec, { sunday = 7 }))
    refuses(spec, "monday")
  end)
end)

describe("check.fields, what one field says about another", function()
  local FIELDS = {
    kind = { type = "enum", of = { "a", "b", "c" } },
    must = { type = "string", required_with = { kind = "a" }, only_with = { kind = "a" } },
    some = { type = "string", required_with = { kind = { b = true, c = true } },
      only_with = { kind = { b = true, c = true } } },
  }

  local function told(value)
    local _, err = check.fields(FIELDS, value)
    return err and err.field .. " " .. err.message
  end

  it("is held to", function()
    assert.is_nil(told {})
    assert.is_nil(told { kind = "a", must = "x" })
    assert.is_nil(told { kind = "c", some = "x" })
    assert.equal("must is missing", told { kind = "a" })
    assert.equal("some is missing", told { kind = "b" })
    assert.equal("must only goes with kind = 'a'", told { kind = "b", some = "x", must = "x" })
    assert.equal("must only goes with kind = 'a'", told { must = "x" })
    assert.equal("some only goes with kind = 'b', 'c'", told { kind = "a", must = "", some = "" })
  end)
end)

describe("check.fields, members", function()
  local FIELDS = {
    message = { type = "string", min = 1, required = true },
    subject = { type = "string" },
    job_title = { type = "string" },
    requester = { type = "object", required = true, fields = {
      mail = { type = "email", required = true }, name = { type = "string" } } },
    assignee = { type = "object", fields = { id = { type = "string", required = true } } },
    source = { type = "object", fields = {
      type = { type = "enum", of = { "mail", "chat-window" } },
      url = { type = "url", only_with = { type = "chat-window" } } } },
    kind = { type = "enum", of = { "ticket", "chat" } },
    data = { type = "list", of = { type = "string" },
      allowed_by = { field = "kind",
        of = { ticket = { "ticket" }, chat = { "chat", "visitor" } } } },
  }

  local function with(more)
    local value = { message = "m", requester = { mail = "a@b.org" } }
    for name, member in pairs(more) do value[name] = member end
    return value
  end

  local function field_of(value)
    local _, err = check.fields(FIELDS, value)
    return err and err.field, err and err.message
  end

  it("copies what is fine and shares no table with the caller", function()
    local given = with { assignee = { id = "x" }, data = { "chat" }, kind = "chat" }
    local made = check.fields(FIELDS, given)
    assert.same(given, made)
    for _, name in ipairs { "requester", "assignee", "data" } do
      assert.is_false(rawequal(given[name], made[name]))
    end
  end)

  it("names what is missing, also within an object that is missing", function()
    assert.equal("message", field_of { requester = { mail = "a@b.org" } })
    assert.equal("requester.mail", field_of { message = "m" })
    assert.equal("requester.mail", field_of { message = "m", requester = {} })
    assert.is_nil(field_of(with {}))
    assert.equal("assignee.id", field_of(with { assignee = {} }))
  end)

  it("names what it does not know and what was meant", function()
    for given, meant in pairs { subjet = "subject", Subject = "subject", sbuject = "subject",
      jobTitle = "job_title", mail = "requester.mail", assigneee = "assignee",
      ["requester.mial"] = "requester.mail" } do
      local field, message = field_of(with { [given] = "x" })
      assert.equal(given, field)
      assert.equal("is no field; did you mean '" .. meant .. "'?", message)
    end
    local field, message = field_of(with { requester = { mail = "a@b.org", nam = "x" } })
    assert.equal("requester.nam", field)
    assert.equal("is no field; did you mean 'requester.name'?", message)
    for _, given in ipairs { "colour", "", ("x"):rep(1e5), 1, true } do
      field, message = field_of(with { [given] = "x" })
      assert.equal(tostring(given), field)
      assert.equal("is no field", message)
    end
  end)

  it("gives the same error for the same mistakes", function()
    for _ = 1, 20 do
      assert.equal("aaa", field_of(with { zzz = 1, aaa = 1, mmm = 1, subject = 5 }))
    end
  end)

  it("takes members of an object by their path", function()
    assert.same({ message = "m", requester = { mail = "a@b.org", name = "n" } },
      check.fields(FIELDS, { message = "m", ["requester.mail"] = "a@b.org",
        ["requester.name"] = "n" }))
    assert.same({ message = "m", requester = { mail = "a@b.org", name = "n" } },
      check.fields(FIELDS, with { ["requester.name"] = "n" }))
    local given = with { requester = { mail = "a@b.org" }, ["requester.name"] = "n" }
    check.fields(FIELDS, given)
    assert.is_nil(given.requester.name)
    assert.equal("n", given["requester.name"])
    assert.equal("requester.mail", field_of { message = "m", ["requester.mail"] = "nope" })
    assert.equal("requester.name", field_of { message = "m", requester = "x",
      ["requester.name"] = "n" })
  end)

  it("refuses a table that is none", function()
    assert.equal("requester", field_of { message = "m", requester = "a@b.org" })
    assert.equal("source", field_of(with { source = "mail" }))
  end)

  it("knows which fields only go together", function()
    assert.is_nil(field_of(with { source = { type = "chat-window", url = "https://x.org" } }))
    local field, message = field_of(with { source = { type = "mail", url = "https://x.org" } })
    assert.equal("source.url", field)
    assert.equal("only goes with source.type = 'chat-window'", message)
    assert.equal("source.url", field_of(with { source = { url = "https://x.org" } }))
    assert.is_nil(field_of(with { kind = "chat", data = { "visitor", "chat" } }))
    field, message = field_of(with { kind = "ticket", data = { "ticket", "chat" } })
    assert.equal("data[2]", field)
    assert.equal("must be one of 'ticket' for ticket", message)
  end)

  it("checks one value by itself", function()
    assert.equal(3, (check.value({ type = "integer" }, "3", "page")))
    local _, err = check.value({ type = "list", of = { type = "email" } }, { "x" }, "tags")
    assert.equal("tags[1]", err.field)
  end)
end)
