-- SPDX-License-Identifier: MIT
--- A real browser for specs: Debian's Chromium without a screen, driven over W3C WebDriver, which
-- is HTTP and JSON. `helper.cleanup()` ends it.
local mime = require "mime"
local json = require "livechat.json"
local process = require "livechat.nginx_process"
local helper = require "spec.helper"

local browser = {}
browser.__index = browser

local ELEMENT = "element-6066-11e4-a52e-4f735466cecf" -- WebDriver's name for a reference
local KEYS = { tab = "\238\128\132", enter = "\238\128\135", shift = "\238\128\136",
  space = " " }

local function ask(self, method, path, body, seconds)
  local response = assert(helper.http({ port = self.port, method = method, timeout = seconds or 60,
    path = self.session and "/session/" .. self.session .. path or path,
    headers = { ["Content-Type"] = "application/json" }, body = body and json.encode(body) }))
  local value = json.fold(assert(json.decode(response.body))).value
  if response.status ~= 200 then
    error(("%s %s: %s: %s"):format(method, path, value.error, value.message:match("^[^\n]*")), 3)
  end
  return value
end

--- Starts one, with a profile of its own that nothing is left of.
---@return table browser
function browser.start()
  local self = setmetatable({ port = helper.free_port() }, browser)
  local folder = helper.folder()
  local pid = helper.spawn({ "chromedriver", "--port=" .. self.port },
    { env = { TMPDIR = folder } })
  helper.wait_port(self.port, 20)
  local args = json.array { "--headless=new", "--user-data-dir=" .. folder .. "/profile",
    "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1280,900", "--lang=en-GB" }
  -- Its own sandbox wants another user than root, and a kernel that gives namespaces to users.
  if process.output("id -u") == "0" or not process.execute("unshare -Ur true 2>/dev/null") then
    args[#args + 1] = "--no-sandbox"
  end
  -- It ends by itself, too: what is left of a spec that was killed is the driver's child no more.
  local binary = folder .. "/chromium"
  helper.write(binary, '#!/bin/sh\nexec timeout -k 5 600 chromium "$@"\n')
  assert(process.execute("chmod +x " .. helper.quote(binary)))
  local made = ask(self, "POST", "/session", { capabilities = { alwaysMatch = {
    browserName = "chrome", ["goog:loggingPrefs"] = { browser = "ALL" },
    ["goog:chromeOptions"] = { args = args, binary = binary } } } })
  self.session = made.sessionId
  helper.defer(function()
    pcall(ask, self, "DELETE", "", nil, 10)
    helper.stop(pid)
    helper.stop(made.capabilities["goog:processID"]) -- a driver that hangs leaves it behind
  end)
  return self
end

function browser:open(url) ask(self, "POST", "/url", { url = url }) end

--- Runs a script in the page; its `return` value comes back.
function browser:run(script, ...)
  return ask(self, "POST", "/execute/sync", { script = script, args = json.array { ... } })
end

--- The element that a selector finds, as soon as there is one.
function browser:find(selector)
  return helper.wait_until(function()
    local found = ask(self, "POST", "/elements", { using = "css selector", value = selector })
    return found[1] and { browser = self, id = found[1][ELEMENT] }
  end, 10, selector)
end

--- Clicks where a person would: on what is seen there.
function browser:click(selector)
  ask(self, "POST", "/element/" .. self:find(selector).id .. "/click", {})
end

--- Writes into a field, in place of what is there.
function browser:fill(selector, text)
  local path = "/element/" .. self:find(selector).id
  ask(self, "POST", path .. "/clear", {})
  ask(self, "POST", path .. "/value", { text = text })
end

--- The text of an element as it is seen.
function browser:text(selector)
  return ask(self, "GET", "/element/" .. self:find(selector).id .. "/text")
end

--- The name that a screen reader gives to an element, and its role.
---@return string name, string role
function browser:named(selector)
  local path = "/element/" .. self:find(selector).id
  return ask(self, "GET", path .. "/computedlabel"), ask(self, "GET", path .. "/computedrole")
end

--- Waits until an element's text holds some words; returns the whole text.
function browser:wait_text(selector, words, seconds)
  local seen
  local ok = pcall(helper.wait_until, function()
    local fine, text = pcall(self.text, self, selector)
    seen = fine and text or seen
    return fine and text:find(words, 1, true)
  end, seconds or 10)
  if not ok then error(("%s never held %q, but: %s"):format(selector, words, tostring(seen)), 2) end
  return seen
end

--- Presses keys one after another: "tab", "enter", "space", "shift+tab" or a text.
function browser:press(...)
  local steps = json.array()
  local function step(kind, key) steps[#steps + 1] = { type = kind, value = key } end
  for _, name in ipairs { ... } do
    local shift, key = name:match("^(shift)%+(.+)$")
    key = KEYS[key or name] or key or name
    if shift then step("keyDown", KEYS.shift) end
    step("keyDown", key)
    step("keyUp", key)
    if shift then step("keyUp", KEYS.shift) end
  end
  ask(self, "POST", "/actions", { actions = json.array { { type = "key", id = "keyboard",
    actions = steps } } })
end

--- One command of the browser's own debugger.
function browser:debug(command, parameters)
  return ask(self, "POST", "/goog/cdp/execute", { cmd = command, params = parameters })
end

--- Has the page seen in a size, and light or dark.
function browser:look(width, height, scheme)
  self:debug("Emulation.setDeviceMetricsOverride", { width = width, height = height,
    deviceScaleFactor = 1, mobile = false })
  self:debug("Emulation.setEmulatedMedia", { features = json.array {
    { name = "prefers-color-scheme", value = scheme or "light" } } })
end

--- Opens a tab or a window and goes there.
---@param kind string "tab" or "window"
function browser:new(kind)
  self:switch(ask(self, "POST", "/window/new", { type = kind }).handle)
end

function browser:switch(handle) ask(self, "POST", "/window", { handle = handle }) end

--- Every tab of every window.
function browser:tabs() return ask(self, "GET", "/window/handles") end

--- Closes the tab at hand.
function browser:close_tab() ask(self, "DELETE", "/window") end

--- What the browser has complained of: errors of scripts, what a policy refused. Asking forgets it.
---@return string[] messages
function browser:complaints()
  local messages = {}
  for _, entry in ipairs(ask(self, "POST", "/se/log", { type = "browser" })) do
    messages[#messages + 1] = entry.level .. " " .. entry.message
  end
  return messages
end

--- Writes what is seen as a PNG file.
function browser:picture(path)
  helper.write(path, (mime.unb64(ask(self, "GET", "/screenshot"))))
end

return browser
