-- SPDX-License-Identifier: MIT
-- once: reads the sources
--- The rules of the house, checked by reading it: who includes and requires whom, what the style
-- forbids, and what must stand in one place only.
local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function lines(text)
  local list = {}
  for line in (text:gsub("\n?$", "\n", 1)):gmatch("(.-)\n") do list[#list + 1] = line end
  return list
end

local function find(where, test)
  local pipe = assert(io.popen(("find %s %s -type f | LC_ALL=C sort"):format(where, test or "")))
  local list = lines(pipe:read("*a"))
  pipe:close()
  return list
end

local C = find("csrc bench", "-name '*.[ch]'")
local OURS = "-not -path './.git/*' -not -path './build/*' -not -path './debian/lua-livechat/*' "
  .. "-not -path './debian/.debhelper/*'"
local ALL = find(".", OURS)
local SOURCES = find(".", OURS .. " \\( -name '*.[ch]' -o -name '*.lua' -o -name '*.sh' "
  .. "-o -name '*.rockspec' -o -path ./bin/livechat -o -path ./.ci/run -o -name Makefile "
  .. "-o -name .luacheckrc \\)")

local broken

--- Fails with every breach that was noted, not with the first alone.
local function rule(name, check)
  it(name, function()
    broken = {}
    check()
    assert(#broken == 0, "\n" .. table.concat(broken, "\n"))
  end)
end

local function breach(path, line, why)
  broken[#broken + 1] = ("%s%s: %s"):format(path, line and ":" .. line or "", why)
end

local function base(path) return path:match("[^/]+$") end

--- Comments and the contents of literals blanked, lines kept.
local function code_of_c(text)
  local out, from = {}, 1
  while true do
    local at = text:find("[/\"']", from)
    if not at then return table.concat(out) .. text:sub(from) end
    out[#out + 1] = text:sub(from, at - 1)
    local quote, to = text:sub(at, at), at
    if text:sub(at, at + 1) == "/*" then
      to = select(2, text:find("*/", at + 2, true))
      out[#out + 1] = text:sub(at, to):gsub("[^\n]", " ")
    elseif quote == "/" then
      out[#out + 1] = quote
    else
      repeat
        to = to + (text:sub(to, to) == "\\" and 2 or 1)
      until text:sub(to, to) == quote
      out[#out + 1] = quote .. quote
    end
    from = to + 1
  end
end

local function requires(path)
  local list = {}
  for name in read(path):gmatch("require[%s%(]*[\"']([%w%._%-]+)[\"']") do
    list[#list + 1] = name
  end
  return list
end

describe("C", function()
  local function includes(path)
    local list = {}
    for name in read(path):gmatch('#%s*include%s*[<"]([^>"]+)') do list[#list + 1] = name end
    return list
  end

  --- The core's own headers that a file sees, those of its headers included.
  local function sees(path, seen)
    seen = seen or {}
    for name in read(path):gmatch('#%s*include%s*"([%w_]+)%.h"') do
      if not seen[name] then
        seen[name] = true
        sees("csrc/" .. name .. ".h", seen)
      end
    end
    return seen
  end

  local BINDING = "^l[%w_]*%.[ch]$"
  local ROOMS = find("csrc", "-name '*.c' -not -name 'test_*' -not -name 'l*.c'")

  rule("the core never sees Lua, and its headers include but each other and C's own", function()
    for _, path in ipairs(C) do
      local binding, header = base(path):find(BINDING), path:find("%.h$") and path:find("^csrc/")
      for _, name in ipairs(includes(path)) do
        if not binding and (name:find("^lua") or name:find("lauxlib") or name:find("^lbind")) then
          breach(path, nil, "includes " .. name)
        elseif not binding and header and not base(path):find("^test")
          and not name:find("^std%w+%.h$") and not io.open("csrc/" .. name) then
          breach(path, nil, "includes " .. name)
        end
      end
    end
  end)

  rule("every room of the core has its own header, and includes it first", function()
    for _, path in ipairs(ROOMS) do
      if includes(path)[1] ~= base(path):gsub("c$", "h") then
        breach(path, nil, "includes " .. tostring(includes(path)[1]) .. " first")
      end
    end
  end)

  rule("throttle and engine do not know each other", function()
    local sides = { "engine calls idtable transfer handle request notify secret", "throttle shm" }
    for i, side in ipairs(sides) do
      for room in side:gmatch("%a+") do
        for other in sides[3 - i]:gmatch("%a+") do
          if sees("csrc/" .. room .. ".c")[other] then
            breach("csrc/" .. room .. ".c", nil, "includes " .. other .. ".h")
          end
        end
      end
    end
  end)

  rule("throttle.c is pure: no clock, lock, allocation or I/O", function()
    for name in read("csrc/throttle.c"):gmatch('#%s*include%s*[<"]([^>"]+)') do
      if name ~= "throttle.h" and name ~= "string.h" and not name:find("^std[^i]%w+%.h$")
        and name ~= "stdint.h" then
        breach("csrc/throttle.c", nil, "includes " .. name)
      end
    end
    for name in code_of_c(read("csrc/throttle.c")):gmatch("([%w_]+)%s*%(") do
      if name:find("alloc$") or name == "free" or name == "lc_clock_us" or name == "lc_wall_us" then
        breach("csrc/throttle.c", nil, "calls " .. name)
      end
    end
  end)

  rule("a function has at most 60 lines, a file at most 500", function()
    for _, path in ipairs(C) do
      local list, start = lines(code_of_c(read(path))), nil
      if #list > 500 then breach(path, nil, #list .. " lines") end
      for i, line in ipairs(list) do
        if not start and line:find("^[%a_]") then start = i end
        if line:find(";%s*$") and start == i then start = nil end
        if line:find("^}") then
          if line:find("^}%s*$") and start and i - start + 1 > 60 then
            breach(path, start, "a function of " .. i - start + 1 .. " lines")
          end
          start = nil
        end
      end
    end
  end)

  rule("C never calls require", function()
    for _, path in ipairs(C) do
      for i, line in ipairs(lines(read(path))) do
        if line:find('"require"', 1, true) then breach(path, i, line) end
      end
    end
  end)

  rule("no function, type or variable that the style forbids", function()
    local forbidden = {}
    for name in ("strcpy strcat sprintf vsprintf strtok atoi alloca abort exit typedef")
      :gmatch("%a+") do
      forbidden[name] = true
    end
    for _, path in ipairs(C) do
      for i, line in ipairs(lines(code_of_c(read(path)))) do
        for name in line:gmatch("[%a_][%w_]*") do
          if forbidden[name] then breach(path, i, name) end
        end
        local static = line:match("^static%s+(.*)$") -- tests may have variables of the file
        if static and not base(path):find("^test") and not static:find("%(")
          and not static:find("const") and static:find("[;=]") then
          breach(path, i, "a mutable variable: " .. line)
        end
      end
    end
  end)
end)

--- A Lua text with its comments and the contents of its literals taken out, lines kept.
local function code_of_lua(text)
  local out, from = {}, 1
  while true do
    local at = text:find("[%-\"'%[]", from)
    if not at then return table.concat(out) .. text:sub(from) end
    out[#out + 1] = text:sub(from, at - 1)
    local comment = text:sub(at, at + 1) == "--"
    local long = text:match("^%[(=*)%[", comment and at + 2 or at)
    local first, to = text:sub(at, at), at
    if long then
      to = select(2, assert(text:find("]" .. long .. "]", at, true)))
      out[#out + 1] = "''" .. text:sub(at, to):gsub("[^\n]", "")
    elseif comment then
      to = (text:find("\n", at, true) or #text + 1) - 1
    elseif first == '"' or first == "'" then
      repeat
        to = to + (text:sub(to, to) == "\\" and 2 or 1)
      until text:sub(to, to) == first
      out[#out + 1] = "''"
    else
      out[#out + 1] = first
    end
    from = to + 1
  end
end

--- Calls back with the first line and the length of each function of a Lua text.
local function each_function(text, found)
  local open = {}
  for i, line in ipairs(lines(code_of_lua(text))) do
    for word in line:gmatch("[%a_][%w_]*") do
      if word == "function" or word == "if" or word == "do" or word == "repeat" then
        open[#open + 1] = { word, i }
      elseif word == "end" or word == "until" then
        local block = table.remove(open)
        if block[1] == "function" then found(block[2], i - block[2] + 1) end
      end
    end
  end
  assert(#open == 0)
end

describe("Lua", function()
  -- The service as data, what is checked and what is decided: no I/O, no state, no clock.
  local PURE = {}
  for name in ("text errors options json api.ties api.walk_pages api.lost_create call.request "
    .. "call.retry api.check api.read api.walk_cursor api.id_set api.compose api.accounts")
    :gmatch("[%w_.]+") do
    PURE[name] = true
  end

  rule("the pure files require nothing but each other", function()
    for _, path in ipairs(find("lua/livechat", "-name '*.lua' -not -path '*/sandbox/*'")) do
      local name = path:match("^lua/livechat/(.*)%.lua$"):gsub("/", ".")
      if PURE[name] or name:find("^api%.%w+%.") then
        for _, required in ipairs(requires(path)) do
          local other = required:match("^livechat%.(.*)$") or ""
          local allowed = PURE[other] or other:find("^api%.%w+%.")
            or name == "json" and required == "cjson"
          if not allowed then
            breach(path, nil, "requires " .. required)
          end
        end
      end
    end
  end)

  rule("a function has at most 60 lines, a file at most 500", function()
    local count = 0
    for _, path in ipairs(find("lua bench examples", "-name '*.lua'")) do
      local text = read(path)
      if #lines(text) > 500 then breach(path, nil, #lines(text) .. " lines") end
      each_function(text, function(line, length)
        count = count + 1
        if length > 60 then breach(path, line, "a function of " .. length .. " lines") end
      end)
    end
    assert(count > 1000, "functions are not found")
  end)

  rule("no circle, and none dodged by requiring late", function()
    local known, state, way = {}, {}, {}
    for _, path in ipairs(find("lua/livechat", "-name '*.lua'")) do
      known[path:match("^lua/(.*)%.lua$"):gsub("/", "."):gsub("%.init$", "")] = path
    end
    local function visit(name)
      state[name], way[#way + 1] = "on the way", name
      for _, required in ipairs(requires(known[name])) do
        -- A file may name itself in what it hands to an nginx.
        if state[required] == "on the way" and required ~= name then
          breach(known[name], nil, table.concat(way, " > ") .. " > " .. required)
        elseif known[required] and not state[required] then
          visit(required)
        end
      end
      state[name], way[#way] = "done", nil
    end
    for name in pairs(known) do
      if not state[name] then visit(name) end
    end
  end)

  rule("no dialect knows another", function()
    for _, path in ipairs(find("lua/livechat/api", "-mindepth 2 -name '*.lua'")) do
      local own = path:match("^lua/livechat/api/([%w_]+)/")
      for _, name in ipairs(requires(path)) do
        local other = name:match("^livechat%.api%.([%w_]+)")
        if other and other ~= own and (name:find("^livechat%.api%.[%w_]+%.")
          or io.open("lua/livechat/api/" .. other .. "/init.lua")) then
          breach(path, nil, "requires " .. name)
        end
      end
    end
  end)

  rule("no noun of a service outside the dialects' folders", function()
    local nouns = {}
    for noun in ("ticket agent tag webhook greeting goal canned"):gmatch("%a+") do
      nouns[noun], nouns[noun .. "s"] = true, true
    end
    for _, path in ipairs(find("lua/livechat/api lua/livechat/call", "-name '*.lua'")) do
      local dialect = path:find("^lua/livechat/api/[%w_]+/")
      for i, line in ipairs(dialect and {} or lines(read(path))) do
        local code = line:gsub("%-%-.*", ""):gsub("user_agent", ""):gsub("User%-Agent", "")
        for word in code:gmatch("%a+") do
          if nouns[word:lower()] then breach(path, i, line) end
        end
      end
    end
  end)

  rule("only init.lua chooses a dialect from api/, and none knows another", function()
    for _, path in ipairs(find("lua/livechat", "-name '*.lua'")) do
      for _, name in ipairs(requires(path)) do
        local dialect = name:match("^livechat%.api%.(v%d)")
          or name:match("^livechat%.api%.(helpdesk)")
        if dialect and path ~= "lua/livechat/init.lua"
          and path:match("^lua/livechat/api/(%w+)/") ~= dialect then
          breach(path, nil, "requires " .. name)
        end
      end
    end
  end)

  rule("only the webhook endpoint, how calls wait there, and the sandbox's glue say ngx", function()
    local may = { ["lua/livechat/nginx.lua"] = true, ["lua/livechat/call/wait_nginx.lua"] = true,
      ["lua/livechat/sandbox/nginx.lua"] = true }
    for _, path in ipairs(find("lua bin", "-type f")) do
      if not may[path] then
        for i, line in ipairs(lines(read(path))) do
          if line:find("%f[%w_]ngx%f[^%w_]") then breach(path, i, line) end
        end
      end
    end
  end)

  rule("the sandbox shares nothing with the client but json.lua and nginx's process", function()
    for _, path in ipairs(find("lua/livechat/sandbox", "-name '*.lua'")) do
      for _, name in ipairs(requires(path)) do
        if name:find("^livechat") and name ~= "livechat.json" and name ~= "livechat.nginx_process"
          and not name:find("^livechat%.sandbox") then
          breach(path, nil, "requires " .. name)
        end
      end
    end
  end)
end)

describe("specs", function()
  -- Rooms that are tried under another's name, because they are tried together.
  local LUA = { ["api/accounts"] = "signin", ["api/reconcile"] = "lost_create",
    ["call/token_store"] = "signin", ["credentials"] = "cli_account", ["events/disk"] = "inbox",
    ["events/drain"] = "inbox", ["events/history"] = "inbox", ["events/holds"] = "inbox_disk",
    ["events/inbox_folder"] = "inbox", ["events/inbox_queue"] = "inbox",
    ["events/inbox_redis"] = "inbox", ["init"] = "client", ["loading"] = "engine" }
  local CORE = { commit = "disk", job = "disk", shm_file = "shm", thread = "engine" }

  --- The names that a room's spec may have, the last the one that it is asked for by.
  local function names_of(room)
    local folder, name = room:match("^(.*)/([^/]+)$")
    if not folder then return { LUA[room] or room } end
    local dialect = room:match("^api/(%w+)/")
    if dialect then return { dialect } end -- a folder that is one thing: rows, and their habits
    if name == "init" then return { folder:match("[^/]+$") } end
    return { LUA[room] or name, folder:match("[^/]+$") .. "_" .. name, folder == "cli" and "cli" }
  end

  rule("each room of Lua has one of its name, or several whose names begin with it", function()
    local specs = find("spec", "-name '*_spec.lua'")
    for _, path in ipairs(find("lua/livechat", "-name '*.lua' -not -path '*/sandbox/*'")) do
      local found = false
      for _, name in ipairs(names_of(path:match("^lua/livechat/(.*)%.lua$"))) do
        for _, spec in ipairs(name and specs or {}) do
          found = found or base(spec):find(name .. "_", 1, true) == 1
        end
      end
      if not found then breach(path, nil, "has no spec") end
    end
  end)

  rule("each room of the core has one of its name", function()
    for _, path in ipairs(find("csrc", "-name '*.c' -not -name 'test_*' -not -name 'l*.c'")) do
      local room = base(path):gsub("%.c$", "")
      if not io.open("csrc/test_" .. (CORE[room] or room) .. ".c") then
        breach(path, nil, "has no test")
      end
    end
  end)
end)

describe("every file", function()
  rule("says its licence in its first line", function()
    for _, path in ipairs(SOURCES) do
      local list = lines(read(path))
      local first = list[1]:find("^#!") and list[2] or list[1]
      if not first:find("SPDX-License-Identifier: MIT", 1, true) then breach(path, 1, first) end
    end
  end)

  rule("has lines of at most 100 columns, without a blank at the end", function()
    for _, path in ipairs(SOURCES) do
      for i, line in ipairs(lines(read(path))) do
        local _, columns = line:gsub("[^\128-\191]", "")
        local limit = path:find("^%./library/") and 160 or 100 -- a field is one line, generated
        if columns > limit then breach(path, i, columns .. " columns") end
        if line:find("%s$") then breach(path, i, "a blank at the end") end
      end
    end
  end)

  rule("leaves the version to lua/livechat/init.lua, and the past to CHANGES.md", function()
    local version = assert(read("lua/livechat/init.lua"):match('_VERSION = "(%d+%.%d+%.%d+)"'))
    local pattern = "%f[%w.]" .. version:gsub("%.", "%%.") .. "%f[^%w.]"
    for _, path in ipairs(ALL) do
      -- Packages need it in their own files, which are written from there or compared with it.
      if path ~= "./CHANGES.md" and path ~= "./debian/changelog"
        and path ~= ("./rockspec/livechat-%s-1.rockspec"):format(version) then
        for i, line in ipairs(lines(read(path))) do
          local first = path == "./lua/livechat/init.lua" and line:find("_VERSION = ", 1, true)
          if line:find(pattern) and not first then breach(path, i, line) end
        end
      end
    end
  end)

  rule("names no path of one machine and no registry", function()
    -- In two parts each, so that this file does not name them.
    local words = {}
    for _, halves in ipairs {
      { "/wo", "rk/" }, { "/ro", "ot/" }, { ".lib", "rary/" }, { "deb.deb", "ian" },
      { "registry.np", "mjs" }, { "luaro", "cks.org" }, { "py", "pi.org" },
      { "api-ref", "erence" }, -- a page that is not here: docs/service.md is
    } do
      words[#words + 1] = table.concat(halves)
    end
    for _, path in ipairs(ALL) do
      for i, line in ipairs(lines(read(path))) do
        for _, word in ipairs(words) do
          if line:find(word, 1, true) then breach(path, i, line) end
        end
        if line:find("/tmp/%a+/") then breach(path, i, line) end
      end
    end
  end)

  rule("the Makefile has fewer than 150 lines", function()
    local count = #lines(read("Makefile"))
    if count >= 150 then breach("Makefile", nil, count .. " lines") end
  end)
end)
