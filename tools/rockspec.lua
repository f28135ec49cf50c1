-- SPDX-License-Identifier: MIT
--- Writes the rockspec of the version that lua/livechat/init.lua names, from the one for checkouts:
---
---     lua5.4 tools/rockspec.lua            the file's name, and its text on disk
local function read(path)
  local file = assert(io.open(path, "r"))
  local text = file:read("*a")
  file:close()
  return text
end

-- There is no public repository yet, and a name that another may take is no place to send a user
-- to: example.com leads nowhere. CONTRIBUTING.md, "A release", tells what to set.
local REPOSITORY = "https://git.example.com/livechat.git"

--- The name and the text of the rockspec.
local function rockspec()
  local version = assert(read("lua/livechat/init.lua"):match('_VERSION = "(%d+%.%d+%.%d+)"'))
  local text = read("rockspec/livechat-scm-1.rockspec")
  local function replace(from, to)
    local at, last = text:find(from, 1, true)
    assert(at, "rockspec/livechat-scm-1.rockspec has no " .. from)
    text = text:sub(1, at - 1) .. to .. text:sub(last + 1)
  end
  replace('version = "scm-1"', ('version = "%s-1"'):format(version))
  replace('source = { url = "." } -- for `luarocks make` in a checkout',
    ('source = { url = "git+%s", tag = "v%s" }'):format(REPOSITORY, version))
  return ("rockspec/livechat-%s-1.rockspec"):format(version), text
end

if arg and arg[0] and arg[0]:find("tools/rockspec%.lua$") then
  local path, text = rockspec()
  os.remove(path)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

return rockspec
