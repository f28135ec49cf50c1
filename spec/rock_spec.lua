-- SPDX-License-Identifier: MIT
-- once: builds the rock for each Lua itself
--- `luarocks make` on a copy of the tree, with no network to reach, and `make install`, each to an
-- empty folder; then a program that sees nothing but that folder and the system's cjson.
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

local folder

--- Runs a command that finds its modules below `tree` and on the system, nowhere else.
local function run(command, version, tree)
  local share, lib = tree .. "/share/lua/" .. version, tree .. "/lib/lua/" .. version
  local paths = "LUA_PATH='%s/?.lua;%s/?/init.lua;;' LUA_CPATH='%s/?.so;;'"
  return succeed(("cd %s && " .. paths .. " %s"):format(folder, share, share, lib, command))
end

local function works(lua, version, tree)
  local file = assert(io.open(folder .. "/works.lua", "w"))
  file:write(WORKS)
  file:close()
  local text = run(lua .. " works.lua", version, tree)
  assert.truthy(text:find("^%d+%.%d+%.%d+"), text)
  -- Lua 5.1 has no searchpath to ask.
  assert.truthy(version == "5.1" or text:find(tree .. "/lib/lua/", 1, true), text)
end

local function same_modules(tree, version)
  succeed(("diff -r lua/livechat %s/share/lua/%s/livechat"):format(tree, version))
end

describe("an installed livechat", function()
  local source
  setup(function()
    folder = succeed("mktemp -d")
    source = folder .. "/source"
    succeed("mkdir " .. source .. " && cp -R bin csrc lua rockspec LICENSE CHANGES.md " .. source)
  end)
  teardown(function() succeed("rm -rf " .. folder) end)

  for _, version in ipairs { "5.1", "5.2", "5.3", "5.4" } do
    it("comes from luarocks make, for Lua " .. version, function()
      local tree = folder .. "/" .. version
      succeed(("cd %s && HOME=%s http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 "
        .. "luarocks --lua-version %s make --deps-mode=none --tree %s rockspec/*.rockspec"):format(
        source, folder, version, tree))
      works("lua" .. version, version, tree)
      if version == "5.1" then works("luajit", version, tree) end
      same_modules(tree, version)
      local usage = run(tree .. "/bin/livechat --help", version, tree)
      assert.truthy(usage:find("^usage: livechat "), usage)
    end)
  end

  it("comes from make install, for every Lua that is built, or for one", function()
    local all, one = folder .. "/all", folder .. "/one"
    succeed("make -s install PREFIX=" .. all)
    for _, version in ipairs { "5.1", "5.2", "5.3", "5.4" } do
      works("lua" .. version, version, all)
      same_modules(all, version)
      run("lua" .. version .. " " .. all .. "/bin/livechat --help", version, all)
    end
    -- With no environment and any user's right to read, by the interpreter that is written in it.
    assert.truthy(succeed("cd / && env -u LUA_PATH -u LUA_CPATH " .. all
      .. "/bin/livechat --version"):find("^livechat %d"))
    succeed("touch " .. all .. "/share/lua/5.4/livechat/old.lua")
    succeed("umask 077 && make -s install LUA_VERSION=5.4 PREFIX=" .. all)
    same_modules(all, "5.4") -- the old file is gone
    assert.equal("", succeed("find " .. all .. "/share/lua/5.4/livechat ! -perm -444"))
    assert.equal("", succeed("find " .. all .. " -type d ! -perm -555"))
    succeed("make -s uninstall PREFIX=" .. all)
    assert.equal("", succeed("find " .. all .. " -type f"))
    succeed("make -s install DESTDIR=" .. one .. " PREFIX=/usr LUA_VERSION=jit")
    assert.truthy(succeed("head -1 " .. one .. "/usr/bin/livechat"):find("^#!/.*luajit$"))
    works("luajit", "5.1", one .. "/usr")
    assert.equal("5.1", succeed("ls " .. one .. "/usr/lib/lua"))
    succeed("test -x " .. one .. "/usr/bin/livechat")
  end)

  it("says what is missing, and which Luas there are", function()
    local ok, text = output("make -s env LUA_VERSION=9")
    assert.is_false(ok)
    assert.truthy(text:find("LUA_VERSION=9: one of 5.1 5.2 5.3 5.4 jit expected", 1, true), text)
    -- A PATH without pkg-config.
    local bare = folder .. "/bare"
    succeed("mkdir " .. bare .. " && for name in make sh uname; do ln -s $(command -v $name) "
      .. bare .. "; done")
    ok, text = output("PATH=" .. bare .. " make -s all")
    assert.is_false(ok)
    assert.truthy(text:find("pkg-config is missing: install it, or say where the headers are: "
      .. "make LUA_VERSION=5.4 LUA_INCDIR=", 1, true), text)
    ok, text = output("make -n -B build/5.3/livechat/core.so LUA_VERSION=5.3 LUA_INCDIR=/x/y")
    assert.is_true(ok)
    assert.truthy(text:find("-I/x/y", 1, true), text)
  end)

  it("runs from a checkout with a Lua that it is built for", function()
    assert.truthy(succeed("here=$PWD && cd / && env -u LUA_PATH -u LUA_CPATH $here/bin/livechat "
      .. "--version"):find("^livechat %d"))
  end)

  it("is built from every C file of the core and the binding", function()
    local rockspec = {}
    local chunk = assert(loadfile("rockspec/livechat-scm-1.rockspec", "t", rockspec))
    if setfenv then setfenv(chunk, rockspec) end -- Lua 5.1
    chunk()
    local listed, seen = {}, {}
    for _, module in pairs(rockspec.build.modules) do
      for _, source_file in ipairs(module.sources) do
        if not seen[source_file] then listed[#listed + 1] = source_file end
        seen[source_file] = true
      end
    end
    table.sort(listed)
    local present = succeed("ls csrc/*.c | grep -v '^csrc/test_' | LC_ALL=C sort")
    assert.equal(present, table.concat(listed, "\n"))
  end)
end)
