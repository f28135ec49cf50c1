-- SPDX-License-Identifier: MIT
-- once: reads the pages, and runs what they show
-- The pages say what the code does: every public name and option is there, no link leads nowhere,
-- and each snippet of Lua runs against the local service, those of a page one after the other.
local helper = require "spec.helper"
local livechat = require "livechat"

local function pages()
  local _, list = helper.run("ls README.md CONTRIBUTING.md docs/*.md docs/recipes/*.md")
  return list
end

local function blocks(text, language)
  local list = {}
  for code in ("\n" .. text):gmatch("\n```" .. language .. "\n(.-)\n```") do
    list[#list + 1] = code
  end
  return list
end

--- The names by which the headings of a page can be linked to.
local function anchors(text)
  local names = {}
  for heading in ("\n" .. text):gmatch("\n#+ ([^\n]+)") do
    names[heading:lower():gsub("[^%w%- _\128-\255]", ""):gsub(" ", "-")] = true
  end
  return names
end

describe("the pages", function()
  local all = {}
  for path in pages():gmatch("[^\n]+") do all[path] = helper.read(path) end
  local README = all["README.md"]

  it("name everything public, the README first", function()
    for name in pairs(livechat) do
      if name ~= "_VERSION" then
        local shown = README .. all["docs/client.md"]
        assert.truthy(shown:find("livechat." .. name, 1, true), name)
      end
    end
  end)

  it("name every option of livechat.new, the throttle and the receiver", function()
    for class, where in pairs { Options = { "options", "client" },
      ThrottleOptions = { "throttle/init", "throttle" },
      ReceiverOptions = { "events/receiver", "webhooks" } } do
      local source = helper.read("lua/livechat/" .. where[1] .. ".lua")
      local fields = source:match("@class livechat%." .. class .. "\n(.-)\n\n")
      local page, count = all["docs/" .. where[2] .. ".md"], 0
      for name in fields:gmatch("%-%-%-@field ([%w_]+)%?") do
        assert.truthy(page:find("%f[%w_]" .. name .. "%f[^%w_]"), class .. "." .. name)
        count = count + 1
      end
      assert.truthy(count > 5)
    end
  end)

  it("name every kind of error", function()
    for kind in helper.read("lua/livechat/errors.lua"):match("local KINDS = (%b{})")
      :gmatch("([%w_]+) = true") do
      assert.truthy(all["docs/errors.md"]:find("`" .. kind .. "`", 1, true), kind)
    end
  end)

  it("name every member of an error", function()
    local source = helper.read("lua/livechat/errors.lua")
    local fields = source:match("@class livechat.Error\n(.-)\nlocal")
    for name in fields:gmatch("@field ([%w_]+)") do
      assert.truthy(all["docs/errors.md"]:find("[`:.]" .. name .. "[`(]"), name)
    end
  end)

  it("name every method that the types have", function()
    local text = {}
    for _, page in pairs(all) do text[#text + 1] = page end
    text = table.concat(text)
    local types = helper.read("library/livechat.lua")
    for class, name in types:gmatch("\nfunction ([%w_]+)[:.]([%w_]+)") do
      assert.truthy(text:find("[:.]" .. name .. "%f[^%w_]"), class .. ":" .. name)
    end
  end)

  it("lead nowhere that is missing", function()
    for path, text in pairs(all) do
      local folder = path:match("^(.*/)") or ""
      for link in text:gmatch("%]%(([^)#]+)[^)]*%)") do
        local ours = not link:find("^https?://")
        assert.truthy(not ours or helper.read(folder .. link), path .. ": " .. link)
      end
      for link, anchor in text:gmatch("%]%(([^)#:]*)#([^)]+)%)") do
        local target = link == "" and text or helper.read(folder .. link) or ""
        assert.truthy(anchors(target)[anchor], path .. ": " .. link .. "#" .. anchor)
      end
      for file in text:gmatch("`(examples/[%w_%.]+)`") do
        assert.truthy(helper.read(file), path .. ": " .. file)
      end
    end
  end)

  it("leave no page that the README does not lead to", function()
    for path in pairs(all) do
      local name = path:match("^docs/([%w_-]+%.md)$")
      if name then
        assert.truthy(README:find("(docs/" .. name .. ")", 1, true)
          or all["CONTRIBUTING.md"]:find("docs/" .. name, 1, true), path)
      end
    end
  end)
end)

describe("each snippet of", function()
  local sandbox, environment, getenv = nil, nil, os.getenv
  setup(function()
    sandbox = helper.sandbox({ seed = 40, username = "john.doe@example.com" })
    local folder = helper.folder()
    assert(os.execute("mkdir -m 700 '" .. folder .. "/spool'"))
    environment = { LIVECHAT_BASE_URL = sandbox.url, LIVECHAT_API_KEY = sandbox.api_key,
      LIVECHAT_USERNAME = sandbox.username, STATE_FOLDER = folder, SPOOL = folder .. "/spool" }
    os.getenv = function(name) return environment[name] or getenv(name) end -- luacheck: ignore 122
  end)
  teardown(function()
    os.getenv = getenv -- luacheck: ignore 122
    helper.cleanup()
  end)

  --- Runs the snippets of a page as one program: what one of them names, the next ones know.
  local function run(path)
    local printed = {}
    local env = setmetatable({ livechat = livechat, arg = {}, print = function(...)
      for i = 1, select("#", ...) do printed[#printed + 1] = tostring((select(i, ...))) end
    end }, { __index = _G })
    for i, code in ipairs(blocks(helper.read(path), "lua")) do
      code = ("\n" .. code):gsub("\nlocal function ", "\nfunction "):gsub("\nlocal ", "\n")
      local chunk, problem = load(code, "=" .. path, "t", env)
      local fine, err = pcall(assert(chunk, problem))
      assert.is_true(fine, path .. ", snippet " .. i .. ": " .. tostring(err))
    end
    return table.concat(printed, "\n")
  end

  it("start.md", function()
    local shown = run "docs/start.md"
    assert.truthy(shown:find("created %w+: The first one"), shown)
    assert.truthy(shown:find("first, try", 1, true), shown)
    assert.truthy(shown:find("nil\nnot_found\nrefused", 1, true), shown)
  end)

  it("client.md, errors.md, throttle.md, webhooks.md, migrating.md", function()
    run "docs/client.md"
    assert.truthy(run("docs/errors.md"):find("no such ticket; attempts: 1", 1, true))
    assert.truthy(run("docs/throttle.md"):find("of 50000 in ", 1, true))
    assert.truthy(run("docs/webhooks.md"):find("401", 1, true))
    run "docs/migrating.md"
  end)

  it("today.md", function()
    local before = environment
    environment = setmetatable({ LIVECHAT_API = "v3", LIVECHAT_USERNAME = sandbox.account_id,
      LIVECHAT_HELPDESK_URL = sandbox.url, LIVECHAT_ACCOUNTS_URL = sandbox.url },
      { __index = before })
    local shown = run "docs/today.md"
    environment = before
    assert.truthy(shown:find("open\n4\nbroken", 1, true), shown)
  end)

  it("the README", function()
    local shell, loop
    for block in helper.read("README.md"):gmatch("\n\n(    .-)\n\n%S") do
      block = block:gsub("\n    ", "\n"):sub(5)
      if block:find("sandbox --env", 1, true) then shell = block end
      if block:find("client.tickets:each", 1, true) then loop = block end
    end
    shell = assert(shell):gsub("^tools/deps[^\n]*\nmake\n", "")
      :gsub("sandbox %-%-env", "%0 --lifetime 60")
    local status, text = helper.run(shell .. "\nkill $LIVECHAT_SANDBOX_PID")
    assert.equal(0, status, text)
    assert.truthy(text:find("\n%w+\tThe first one\n"), text)
    loop = assert(loop):gsub("livechat.new {.-}", "livechat.new()", 1):gsub("\nlocal ", "\n")
    local env = setmetatable({ print = function() end }, { __index = _G })
    assert(load(loop, "=README", "t", env))()
    assert.equal("It broke.", env.ticket.events[1].message)
  end)
end)
