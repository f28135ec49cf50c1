-- SPDX-License-Identifier: MIT
--- One call of a method: what is asked of the connection, and what becomes of its answer.
local helper = require "spec.helper"
local livechat = require "livechat"
local operation = require "livechat.api.operation"
local record = require "livechat.api.record"
local v2 = require "livechat.api.v2"

local function closed_port()
  return ("http://127.0.0.1:%d"):format(helper.free_port())
end

describe("the way of tickets:create", function()
  local function room_at(level)
    local about = debug.getinfo(level, "S")
    return about and (about.source:match("^@.*/livechat/(.*)%.lua$") or about.what)
  end

  --- The rooms that are entered before libcurl has the call, and those that hold it then.
  local function trace(options)
    local entered, holding = {}, {}
    options.username, options.api_key, options.base_url = "a@example.com", "k", closed_port()
    options.retry = false
    local client = assert(livechat.new(options))
    local fields = { message = "Broken", requester = { mail = "mary@example.net" } }
    local first = select(2, client.tickets:create(fields)) -- loads the engine
    debug.sethook(function()
      local about = debug.getinfo(2, "Sn")
      if about.what ~= "C" then
        entered[room_at(3) or ""] = true
      elseif about.name == "submit" then
        debug.sethook()
        local level = 3
        while room_at(level) do
          local room = room_at(level)
          if room:find("/") and holding[#holding] ~= room then holding[#holding + 1] = room end
          level = level + 1
        end
      end
    end, "c")
    local _, err = client.tickets:create(fields)
    debug.sethook()
    client:close()
    assert.same({ "network", "network" }, { first.kind, err.kind })
    local names = {}
    for room in pairs(entered) do
      if room:find("/") or room == "json" or room == "text" then names[#names + 1] = room end
    end
    table.sort(names)
    return table.concat(names, " "), table.concat(holding, " ")
  end

  -- From where a call enters the core to libcurl; each room includes the next one's header.
  local CORE = { "lengine", "engine", "calls", "transfer" }

  it("is at most nine rooms long, from the method to libcurl", function()
    if rawget(_G, "jit") then return end -- whose compiled code calls no hook
    local entered, holding = trace {}
    assert.equal("call/wait call/connection api/operation api/reconcile api/methods", holding)
    local _, rooms = holding:gsub("%S+", "")
    assert.is_true(rooms + #CORE <= 9)
    -- And these besides: what is checked, what is built, what finds it should its answer be lost.
    assert.equal("api/check api/lost_create api/methods api/operation "
      .. "api/reconcile api/v2/tickets call/connection call/request call/services call/turn "
      .. "call/wait json text", entered)
    for i = 2, #CORE do
      local above = helper.read("csrc/" .. CORE[i - 1] .. ".c")
        .. (helper.read("csrc/" .. CORE[i - 1] .. ".h") or "")
      assert.truthy(above:find('#include "' .. CORE[i] .. '.h"', 1, true), CORE[i])
    end
    assert.truthy(helper.read("csrc/transfer.c"):find("#include <curl/curl.h>", 1, true))
  end)
end)

describe("an operation", function()
  local row = { name = "make", verb = "POST", path = "/things", returns = "ticket",
    once = { "message" }, safe = true, gone = "not_found", headers = { ["X-A"] = "b" } }
  local asked, answer, conn

  before_each(function()
    asked = {}
    answer = { decoded = { id = "AB1CD" }, status = 200, body = "{}", path = "/v2/things",
      attempts = 2, seconds = 0.5 }
    conn = {
      due = function() return 17 end,
      hide = function(_, text) return "hidden " .. text end,
      call = function(_, spec)
        asked[#asked + 1] = spec
        if not answer then return nil, "no answer" end
        return answer
      end,
    }
  end)

  local function new()
    return operation.new({ conn = conn, client = false }, record.dialect(v2), { get = row }, row)
  end

  it("holds all its calls to one deadline, unless one is given another", function()
    local op = new()
    conn.due = function() return 99 end
    op:perform(row, {})
    op:perform(row, {}, nil, nil, 5)
    assert.same({ 17, 5 }, { asked[1].due, asked[2].due })
  end)

  it("asks for what its row says", function()
    local op = new()
    op.key = { secret = false, fields = {} }
    assert.equal("AB1CD", op:perform(row, { id = 1 }, { q = "x" }, { subject = "s" }).id)
    assert.same({ service = v2.service, method = "POST", path = "/things", args = { id = 1 },
      query = { q = "x" }, body = { subject = "s" }, safe = true, gone = "not_found",
      headers = row.headers, due = 17, key = op.key }, asked[1])
  end)

  it("is not safe to repeat with a member that adds something each time", function()
    local op = new()
    op:perform(row, {}, nil, { message = "again" })
    op:perform({ verb = "GET", path = "/", returns = "ticket" }, {})
    assert.same({ false, false }, { asked[1].safe, asked[2].safe })
  end)

  it("takes the row that a body chooses, and the body that a row writes", function()
    local op, other = new(), { verb = "PUT", path = "/other", returns = "ticket" }
    op:perform({ choose = function(body) return body.x and other end }, {}, nil, { x = 1 })
    op:perform({ verb = "PUT", path = "/", returns = "ticket",
      write = function(body) return { wrapped = body } end }, {}, nil, { x = 1 })
    assert.same({ "/other", { x = 1 }, { wrapped = { x = 1 } } },
      { asked[1].path, asked[1].body, asked[2].body })
  end)

  it("gives the record of an answer, and the error of one that holds none", function()
    local ticket, err, whole = new():get { id = "AB1CD" }
    assert.same({ "AB1CD", nil, answer }, { ticket.id, err, whole })
    answer = { decoded = 5, status = 200, body = "5", path = "/v2/things", attempts = 2,
      seconds = 0.5 }
    ticket, err = new():send({}, {})
    assert.same({ nil, "protocol", "unknown", "POST", "/v2/things", 200, 2, "hidden 5" },
      { ticket, err.kind, err.outcome, err.method, err.path, err.status, err.attempts, err.body })
    answer = nil
    assert.same({ nil, "no answer" }, { new():get {} })
  end)

  it("has random bytes that differ", function()
    local one, other = operation.new({ conn = conn }, record.dialect(v2), {}, row).random(16),
      operation.new({ conn = conn }, record.dialect(v2), {}, row).random(16)
    assert.matches("^%x+$", one)
    assert.equal(32, #one)
    assert.are_not.equal(one, other)
  end)
end)
