-- SPDX-License-Identifier: MIT
-- once: builds the rock for each Lua itself
--- `luarocks make` on a copy of the tree, with no network to reach, into an empty folder; then a
-- program that sees nothing but that folder and the system's cjson.
local function output(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1; echo \" $?\"", "r"))
  local text = pipe:read("*a")
  pipe:close()
  local printed, status = text:match("^(.*) (%d+)\n$")
  return status == "0", printed
end

local function succeed(command)
  local ok, text = output(command)
  assert(ok, command .. "\n" .. text)
  return (text:gsub("\n$", ""))
end

local WORKS = [[
local livechat = require "livechat"
assert(livechat.time("2014-08-18T10:05:05Z") == 1408356305)
assert(livechat.timestamp(1408356305) == "2014-08-18T10:05:05.000Z")
local client = livechat.new {
  username = "john.doe@example.com", api_key = "key", base_url = "http://127.0.0.1:1",
  retry = false,
}
local agents, err = client.agents:list()
assert(agents == nil and err.kind == "network" and err.outcome == "not_sent", tostring(err))
assert(client:throttled().used == 1)
client:close()
print(livechat._VERSION, package.searchpath and package.searchpath("livechat.core", package.cpath))
]]

describe("the rock", function()
  local folder, source
  setup(function()
    folder = succeed("mktemp -d")
    source = folder .. "/source"
    succeed("mkdir " .. source .. " && cp -R bin csrc lua rockspec LICENSE CHANGES.md " .. source)
  end)
  teardown(function() succeed("rm -rf " .. folder) end)

  local function build(version)
    local tree = folder .. "/" .. version
    succeed(("cd %s && HOME=%s http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 "
      .. "luarocks --lua-version %s make --deps-mode=none --tree %s rockspec/*.rockspec"):format(
      source, folder, version, tree))
    return tree
  end

  local function run(lua, version, tree)
    local share, lib = tree .. "/share/lua/" .. version, tree .. "/lib/lua/" .. version
    local file = assert(io.open(folder .. "/works.lua", "w"))
    file:write(WORKS)
    file:close()
    local paths = "LUA_PATH='%s/?.lua;%s/?/init.lua;;' LUA_CPATH='%s/?.so;;'"
    return succeed(("cd %s && " .. paths .. " %s works.lua"):format(folder, share, share, lib, lua))
  end

  for _, version in ipairs { "5.1", "5.2", "5.3", "5.4" } do
    it("builds, loads and works on Lua " .. version, function()
      local tree = build(version)
      assert.truthy(run("lua" .. version, version, tree):find("^%d+%.%d+%.%d+"))
      if version == "5.1" then run("luajit", version, tree) end
      succeed(("diff -r %s/lua/livechat %s/share/lua/%s/livechat"):format(source, tree, version))
      local _, usage = output(tree .. "/bin/livechat --help")
      assert.truthy(usage:find("sandbox", 1, true), usage)
    end)
  end

  it("lists every C file of the core and the binding", function()
    local rockspec = {}
    local chunk = assert(loadfile("rockspec/livechat-scm-1.rockspec", "t", rockspec))
    if setfenv then setfenv(chunk, rockspec) end -- Lua 5.1
    chunk()
    local listed = rockspec.build.modules["livechat.core"].sources
    table.sort(listed)
    local present = succeed("ls csrc/*.c | grep -v '^csrc/test_' | LC_ALL=C sort")
    assert.equal(present, table.concat(listed, "\n"))
  end)
end)
