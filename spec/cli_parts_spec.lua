-- SPDX-License-Identifier: MIT
--- The command's pure parts: texts made visible and measured, arguments, tables, plots.
local args = require "livechat.cli.args"
local cli_table = require "livechat.cli.table"
local display = require "livechat.cli.display"
local json = require "livechat.json"
local output = require "livechat.cli.output"
local plot = require "livechat.cli.plot"

local function shell(columns)
  local made, parts = { ellipsis = "…" }, {}
  function made.out(text) parts[#parts + 1] = text end
  function made.text() return table.concat(parts) end
  function made.is_terminal() return columns ~= nil end
  function made.columns() return columns end
  function made.colours() return false end
  function made.now() return 1800000000 end
  return made
end

describe("a text on a terminal", function()
  it("shows what would move it", function()
    for text, shown in pairs {
      ["plain"] = "plain", ["a\27[2Jb\7\n\r\tc\0d\127"] = "a\\x1b[2Jb\\x07\\n\\r\\tc\\x00d\\x7f",
      ["é日本😀"] = "é日本😀", ["x\226\128\174y"] = "x\\u{202e}y",
      ["\194\155x"] = "\\u{9b}x", ["\243\160\129\129"] = "\\u{e0041}",
      ["\128a\129"] = "\\x80a\\x81", ["é\128z"] = "é\\x80z", ["\255\254"] = "\\xff\\xfe",
      ["\237\160\128"] = "\\xed\\xa0\\x80", ["a\195"] = "a\\xc3", ["\192\175"] = "\\xc0\\xaf",
      ["\195\40"] = "\\xc3(", ["\226\130"] = "\\xe2\\x82",
    } do
      assert.equal(shown, display.visible(text))
    end
  end)

  it("moves nothing as JSON either, and is the same to a reader", function()
    for text, written in pairs { ["\194\155x\226\128\174"] = '"\\u009bx\\u202e"',
      ["\243\160\129\129"] = '"\\udb40\\udc41"', ["\127\27"] = '"\\u007f\\u001b"',
      ["日本é…"] = '"日本é…"' } do
      assert.equal(written, display.json(text))
      assert.equal(text, json.decode("[" .. written .. "]")[1])
    end
  end)

  it("is measured by its columns, and cut between them", function()
    for text, columns in pairs { [""] = 0, abc = 3, ["é"] = 1, ["e\204\129"] = 1, ["日本"] = 4,
      ["😀"] = 2, ["a\226\128\141b"] = 2 } do
      assert.equal(columns, display.width(text))
    end
    assert.equal("日…", display.cut("日本語", 4, "…"))
    assert.equal("日…", display.cut("日本語", 3, "…"))
    assert.equal("…", display.cut("日本", 1, "…"))
    assert.equal("e\204\129…", display.cut("e\204\129e\204\129x", 2, "…"))
    assert.equal("ab...", display.cut("abcdefgh", 5, "..."))
    assert.equal("", display.cut("abc", 0, "…"))
  end)

  it("takes linear time", function()
    local began = os.clock()
    for _, part in ipairs { "\27", "\128", "\195", "e\204\129", "日", " " } do
      local shown = display.visible(part:rep(100000))
      display.cut(shown, 40, "…")
      local made = shell(40)
      output.one(made, {}, { text = part:rep(100000) })
    end
    assert.truthy(os.clock() - began < 10)
  end)
end)

describe("a table", function()
  it("has no line wider than the terminal, and decides by its first rows", function()
    for _, columns in ipairs { 1, 5, 20, 40, 100 } do
      local made = shell(columns)
      local rows = cli_table.new(made)
      rows:add { "ID", "SUBJECT", "NAME" }
      for i = 1, 300 do rows:add { "T" .. i, ("日本"):rep(i % 30), "e\204\129" .. i } end
      rows:finish()
      local count = 0
      for line in made.text():gmatch("([^\n]*)\n") do
        count = count + 1
        assert.truthy(display.width(line) <= columns, line)
      end
      assert.equal(301, count)
    end
  end)

  it("takes no memory for the rows that are out, and holds none back from a pipe", function()
    for _, given in ipairs { {}, { json = true }, { jsonl = true } } do
      for _, columns in ipairs { 80, false } do
        local made, lines = shell(columns or nil), 0
        function made.out(text) lines = lines + select(2, text:gsub("\n", "")) end
        local writer = output.writer(made, given, { id = true, subject = true })
        collectgarbage()
        local before = collectgarbage "count"
        for i = 1, 20000 do
          writer:add { id = "T" .. i, subject = "日本" .. i % 100 }
          if i == 1 and not columns then assert.truthy(lines == 1) end
        end
        collectgarbage()
        assert.truthy(collectgarbage "count" - before < 300)
        writer:finish()
        assert.truthy(lines >= 20000)
      end
    end
  end)

  it("says moments as people do", function()
    local now = 1800000000
    assert.equal("now", output.moment(now, now))
    assert.equal("5 s ago", output.moment(now - 5, now))
    assert.equal("2 min ago", output.moment(now - 150, now))
    assert.equal("in 3 h", output.moment(now + 3 * 3600 + 5, now))
    assert.equal("6 d ago", output.moment(now - 6 * 86400, now))
    assert.truthy(output.moment(now - 40 * 86400, now):find("^%d%d%d%d%-%d%d%-%d%d$"))
  end)
end)

describe("arguments", function()
  local SPECS = { { name = "requester.mail", kind = "any" }, { name = "tagged", kind = "switch" },
    { name = "tags", kind = "any", list = true }, { name = "dry-run", kind = "flag" } }

  it("are read by the rows of options", function()
    local given, rest = args.parse({ "a", "--requester.mail", "-x", "--tags=b", "--tags", "",
      "--no-tagged", "--dry_run", "--", "--tagged" }, SPECS)
    assert.same({ ["requester.mail"] = "-x", tags = { "b", "" }, tagged = false,
      ["dry-run"] = true }, given)
    assert.same({ "a", "--tagged" }, rest)
    local _, problem = args.parse({ "--requester.mial", "x" }, SPECS)
    assert.equal("no such option: --requester.mial; did you mean --requester.mail?", problem)
    _, problem = args.parse({ "--tagged=maybe" }, SPECS)
    assert.equal("--tagged maybe: must be true or false", problem)
  end)
end)

describe("a plot", function()
  local ROWS = { { date = "2026-01-01", chats = 4, rate = { good = 1 } },
    { date = "2026-01-02", chats = 8, rate = { good = 0.5 } }, { date = "<x>" } }

  it("is bars as wide as the terminal", function()
    assert.equal("chats\n2026-01-01 4 ###########\n2026-01-02 2 ######\n",
      plot.bars({ { date = "2026-01-01", chats = 4 }, { date = "2026-01-02", chats = 2 } }, 24))
    for _, columns in ipairs { 10, 40, 80 } do
      for line in plot.bars(ROWS, columns, true):gmatch("[^\n]+") do
        assert.truthy(display.width(line) <= math.max(columns, 20), line)
      end
    end
    assert.truthy(plot.bars(ROWS, 40, true):find("rate.good", 1, true))
    assert.equal("", plot.bars({}, 40, true))
  end)

  it("is an SVG document in which nothing runs", function()
    local svg = plot.svg(ROWS, "a & b")
    assert.truthy(svg:find("^<svg xmlns="))
    assert.truthy(svg:find("&lt;x&gt;", 1, true))
    assert.truthy(svg:find("a &amp; b", 1, true))
    assert.equal(2, select(2, svg:gsub("<polyline", "")))
  end)
end)
