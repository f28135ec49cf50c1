-- SPDX-License-Identifier: MIT
-- once: builds the rock for each Lua itself
--- The rock of this version, packed from its tag in a copy of the repository with no network to
-- reach, installed from what was packed for each Lua, and `make install`, each to an empty folder;
-- then a program that sees nothing but that folder and the system's cjson.
package.path = "./?.lua;" .. package.path
local rockspec = require "tools.rockspec"

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
assert(client:throttled().used == 0) -- what was not sent is no call
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
  local path, wanted = rockspec()
  local version_of = path:match("livechat%-(.-)%-1%.rockspec")
  -- LuaRocks, for a user who has nothing yet, where git finds the repository on this machine.
  local luarocks
  setup(function()
    folder = succeed("mktemp -d")
    local source = folder .. "/source"
    succeed("mkdir " .. source .. " && cp -R bin csrc lua rockspec LICENSE CHANGES.md " .. source)
    succeed(("cd %s && git init -q . && git add -A && git -c user.name=x -c user.email=x@localhost "
      .. "commit -qm x && git tag v%s"):format(source, version_of))
    local file = assert(io.open(folder .. "/.gitconfig", "w"))
    file:write(('[url "file://%s"]\n  insteadOf = %s\n'):format(source,
      wanted:match('url = "git%+(.-)"')))
    file:close()
    luarocks = ("cd %s && HOME=%s http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 "
      .. "luarocks "):format(folder, folder)
    succeed(luarocks .. "pack source/" .. path)
  end)
  teardown(function() succeed("rm -rf " .. folder) end)

  for _, version in ipairs { "5.1", "5.2", "5.3", "5.4" } do
    it("comes from a packed rock, for Lua " .. version, function()
      local tree = folder .. "/" .. version
      succeed(("%s --lua-version %s install --deps-mode=none --tree %s livechat-%s-1.src.rock "
        .. "CFLAGS='-O0 -fPIC'"):format(luarocks, version, tree, version_of))
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
    assert.truthy(succeed("cat " .. all .. "/share/man/man1/livechat.1"):find("^%.TH LIVECHAT 1"))
    succeed("bash -n " .. all .. "/share/bash-completion/completions/livechat")
    for _, file in ipairs { "zsh/site-functions/_livechat",
      "fish/vendor_completions.d/livechat.fish" } do
      assert.truthy(succeed("cat " .. all .. "/share/" .. file):find("add-tags", 1, true), file)
    end
    succeed("touch " .. all .. "/share/lua/5.4/livechat/old.lua")
    succeed("umask 077 && make -s install LUA_VERSION=5.4 PREFIX=" .. all)
    same_modules(all, "5.4") -- the old file is gone
    assert.equal("", succeed("find " .. all .. "/share/lua/5.4/livechat ! -perm -444"))
    assert.equal("", succeed("find " .. all .. " -type d ! -perm -555"))
    succeed("cmp LICENSE " .. all .. "/share/doc/livechat/LICENSE")
    succeed("make -s uninstall PREFIX=" .. all)
    assert.equal("", succeed("find " .. all .. " -type f"))
    succeed("make -s install DESTDIR=" .. one .. " PREFIX=/usr LUA_VERSION=jit")
    assert.truthy(succeed("head -1 " .. one .. "/usr/bin/livechat"):find("^#!/.*luajit$"))
    works("luajit", "5.1", one .. "/usr")
    assert.equal("5.1", succeed("ls " .. one .. "/usr/lib/lua"))
    succeed("test -x " .. one .. "/usr/bin/livechat")
    local libraries = folder .. "/libraries"
    succeed(("make -s install PREFIX=%s LIBDIR=%s LUA_VERSION=5.4"):format(one, libraries))
    succeed("test -f " .. libraries .. "/lua/5.4/livechat/core.so -a ! -e " .. one .. "/lib")
    assert.truthy(succeed("cd / && " .. one .. "/bin/livechat --version"):find("^livechat %d"))
  end)

  it("says what is missing, and which Luas there are", function()
    local ok, text = output("make -s env LUA_VERSION=9")
    assert.is_false(ok)
    assert.truthy(text:find("LUA_VERSION=9: one of 5.1 5.2 5.3 5.4 jit expected", 1, true), text)
    ok, text = output("make -s all PKG_CONFIG=false INCLUDES=/x")
    assert.is_false(ok)
    assert.truthy(text:find("no headers of a Lua from 5.1 to 5.4 are here: run tools/deps.sh demo, "
      .. "or say where they are: make LUA_VERSION=5.4 LUA_INCDIR=", 1, true), text)
    ok, text = output("make -n -B build/5.3/livechat/core.so LUA_VERSION=5.3 LUA_INCDIR=/x/y")
    assert.is_true(ok)
    assert.truthy(text:find("-I/x/y", 1, true), text)
  end)

  it("needs no pkg-config", function()
    -- Nor curl-config: a PATH that has neither.
    local bare = folder .. "/bare"
    succeed("mkdir " .. bare .. " && for name in make sh uname; do ln -s $(command -v $name) "
      .. bare .. "; done")
    for _, version in ipairs { "5.1", "5.2", "5.3", "5.4" } do
      local ok, text = output("PATH=" .. bare .. " make -n -B build/" .. version
        .. "/livechat/engine.so")
      assert.is_true(ok, text)
      assert.truthy(text:find("-I/usr/include/lua" .. version, 1, true), text)
      assert.truthy(text:find(" -lcurl", 1, true), text)
    end
  end)

  it("runs from a checkout with a Lua that it is built for", function()
    assert.truthy(succeed("here=$PWD && cd / && env -u LUA_PATH -u LUA_CPATH $here/bin/livechat "
      .. "--version"):find("^livechat %d"))
  end)

  it("has a rockspec of its version, which is the checkout's with another source", function()
    local file = assert(io.open(path), path .. " is missing: make pages")
    assert.equal(wanted, file:read("*a"), path .. " is out of date: make pages")
    file:close()
    assert.equal(version_of, require("livechat")._VERSION)
    for _, name in ipairs { path, "rockspec/livechat-scm-1.rockspec" } do
      succeed("luarocks lint " .. name)
    end
    assert.equal("2", succeed("ls rockspec/*.rockspec | wc -l"))
  end)

  it("has one version and one address in every package", function()
    assert.equal(version_of,
      succeed("sed -n '1s/^lua-livechat (\\(.*\\)) .*/\\1/p' debian/changelog"))
    -- What opm takes from the main module.
    assert.equal(version_of, succeed("sed -n 's/.*_VERSION = \"\\(.*\\)\"$/\\1/p' "
      .. succeed("sed -n 's/^main_module = //p' dist.ini")))
    local address = wanted:match('url = "git%+(.-)%.git"')
    assert.equal(address, succeed("sed -n 's/^repo_link = //p' dist.ini"))
    assert.equal(address, succeed("sed -n 's/^Homepage: //p' debian/control"))
    assert.equal(address .. ".git", succeed("sed -n 's/^Source: //p' debian/copyright"))
  end)

  it("is built from every C file of the core and the binding", function()
    local read = {}
    local chunk = assert(loadfile("rockspec/livechat-scm-1.rockspec", "t", read))
    if setfenv then setfenv(chunk, read) end -- Lua 5.1
    chunk()
    local listed, seen = {}, {}
    for _, module in pairs(read.build.modules) do
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
