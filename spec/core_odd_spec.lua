-- SPDX-License-Identifier: MIT
-- Every function of the two C libraries with arguments that no caller of ours gives: each returns
-- or raises. The run under valgrind (spec/run.sh) finds memory that is not ours to touch.
local core = require "livechat.core"
local new_engine = require "livechat.engine"

local URL = "http://127.0.0.1:1/x"
local unpack = table.unpack or unpack

local function hostile()
  local function fail() error("a metamethod was called") end
  return setmetatable({}, { __index = fail, __newindex = fail, __len = fail, __tostring = fail,
    __eq = fail, __call = fail })
end

local function new_class()
  return core.class { name = "livechat.Odd", id = "id",
    methods = { totable = function() return {} end }, read = function(_, value) return value end,
    same_account = function() return true end }
end

local function nothing() end

local engine = assert(new_engine())
local parked = assert(engine:park())
local finished = assert(engine:park())
finished:cancel()
local secret = assert(core.secret("basic", "john", "password", URL))
local wiped = assert(core.secret("bearer", "token", URL))
wiped:wipe()
local closed = assert(new_engine())
closed:close()
local record = new_class()({ id = "1", name = "x" }, "me")

-- In this order, so that the same run can be had again. `nil` is the first of them, by its place.
local function odd_values()
  return { n = 34, nil, true, false, 0, -1, 0.5, 1, 5, 0 / 0, 1 / 0, -1 / 0, 2 ^ 31, 2 ^ 53, 2 ^ 63,
    -2 ^ 63, 1e308, "", "a", "0x10", "\0", "a\0b", ("x"):rep(100000), ("\255"):rep(1000), {}, { 1 },
    hostile(), nothing, coroutine.create(nothing), io.stdout, secret, wiped, parked, record,
    engine }
end

local seed = 20261124
local function random(n)
  seed = (seed * 1103515245 + 12345) % 2 ^ 31
  return math.floor(seed / 2 ^ 16) % n + 1
end

local function is_long(value)
  return type(value) == "number" and value >= 1
end

local calls = 0

--- `waits`: what it is told to wait for is a time, which must be short.
local function try(fn, waits, ...)
  if waits and (is_long((select(waits, ...))) or is_long(tonumber((select(waits, ...))))) then
    return
  end
  calls = calls + 1
  pcall(fn, ...)
end

local function try_all(fn, waits, self)
  local values = odd_values()
  for i = 1, values.n do
    try(fn, waits, values[i])
    if self then try(fn, waits, self, values[i]) end
  end
  for _ = 1, 60 do
    local n, args = random(4), {}
    for i = 1, n do args[i] = values[random(values.n)] end
    if self and random(4) > 1 then args[1] = self end
    try(fn, waits, unpack(args, 1, n))
  end
end

local function names_of(functions)
  local names = {}
  for name, value in pairs(functions) do
    if type(value) == "function" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

describe("odd arguments", function()
  before_each(function() calls = 0 end)
  after_each(function()
    collectgarbage()
    assert.is_true(calls > 50)
  end)

  it("do no harm to the functions of the core", function()
    for _, name in ipairs(names_of(core)) do
      if name ~= "spawn" then try_all(core[name]) end -- which would start programs
    end
    try_all(new_engine)
  end)

  it("do no harm to the methods and metamethods of its handles", function()
    local waits = { wait = 2, pump = 2 }
    for _, handle in ipairs { secret, wiped, parked, finished, engine, closed, record } do
      local meta = getmetatable(handle)
      for _, name in ipairs(names_of(meta)) do
        -- What ends a handle is tried with other selves only, until the last test.
        try_all(meta[name], waits[name], name ~= "__gc" and name ~= "__close" and handle or nil)
      end
      if type(meta.__index) == "table" then
        for _, name in ipairs(names_of(meta.__index)) do
          local ends = name == "close" or name == "wipe" or name == "drop" or name == "start"
          try_all(meta.__index[name], waits[name], not ends and handle or nil)
        end
      end
    end
  end)

  it("do no harm as options", function()
    engine = assert(new_engine()) -- the last one may have been closed by now
    local names = { "method", "url", "headers", "body", "secret", "timeout", "connect_timeout",
      "max_response", "insecure", "ca_file", "proxy", "once", "notify" }
    local values = odd_values()
    for _, name in ipairs(names) do
      for i = 1, values.n do
        local options = { method = "GET", url = URL, timeout = 0.01 }
        options[name] = values[i]
        try(function() engine:submit(options):drop() end)
        options = { method = "GET", url = URL, timeout = 0.01, headers = { "A: b", values[i] } }
        try(function() engine:submit(options):drop() end)
      end
    end
    for _, name in ipairs { "calls", "period", "guard", "mode" } do
      for i = 1, values.n do
        try(function() core.throttle { [name] = values[i] }:reserve(0) end)
      end
    end
    for _, name in ipairs { "name", "id", "methods", "read", "same_account" } do
      for i = 1, values.n do
        local class = { name = "n", id = "id", methods = {}, read = nothing,
          same_account = nothing }
        class[name] = values[i]
        try(function()
          local made = core.class(class)({ id = "1" })
          return made.id, made.x, made == made, tostring(made)
        end)
      end
    end
    assert.equal(0, engine:pending())
  end)

  it("do no harm to what is ended", function()
    for _, handle in ipairs { parked, finished, secret, engine } do
      local meta = getmetatable(handle)
      for _, name in ipairs { "drop", "wipe", "close" } do
        if meta.__index[name] then meta.__index[name](handle) end
      end
      for _, name in ipairs(names_of(meta.__index)) do
        try_all(meta.__index[name], (name == "wait" or name == "pump") and 2, handle)
      end
    end
  end)
end)

describe("the binding", function()
  -- A number became a string in its place on the stack alone, which was freed before it was sent.
  it("takes no number for a line of a header, and no other type for a text", function()
    local own = assert(new_engine())
    for _, headers in ipairs { { 12345.5 }, { "A: b", 1 }, { {} }, "A: b", 5 } do
      assert.has_error(function() own:submit { method = "GET", url = URL, headers = headers } end)
    end
    assert.has_error(function() own:submit { method = "GET", url = URL, body = 1 } end)
    assert.has_error(function() own:submit { method = 1, url = URL } end)
    assert.equal(0, own:pending())
    own:close()
  end)

  -- What a metamethod gives is held by nothing.
  it("reads options without their metamethods", function()
    local own = assert(new_engine())
    local options = setmetatable({ method = "GET" }, { __index = { url = URL } })
    assert.has_error(function() own:submit(options) end, "submit: method and url are required")
    own:close()
  end)

  it("looks at a record, whatever stands behind it", function()
    local wire, staged, owner = core.record_get(new_class()({ id = "1", name = "x" }, "me"), 5)
    assert.same({ id = "1", name = "x" }, wire)
    assert.is_nil(staged)
    assert.equal("me", owner)
  end)

  it("knows a record by its own class, not by what its metatable seems to hold", function()
    local any = rawget(_G, "newproxy") and newproxy(true) or io.stdout
    if any ~= io.stdout then
      setmetatable(getmetatable(any), { __index = function() return true end })
      getmetatable(any)["livechat.record"] = true
    end
    pcall(core.record_get, any)
    pcall(core.record_set, any, {})
    assert.has_error(function() core.record_get(io.stdout) end)
  end)

  it("makes no class without what its records need", function()
    for _, name in ipairs { "name", "id", "methods", "read", "same_account" } do
      local class = { name = "n", id = "id", methods = {}, read = nothing, same_account = nothing }
      class[name] = nil
      assert.has_error(function() core.class(class) end)
    end
  end)
end)
