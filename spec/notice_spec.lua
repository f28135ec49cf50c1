-- SPDX-License-Identifier: MIT
--- What a client is told of an endpoint that will be gone.
local notice = require "livechat.call.notice"

describe("livechat.call.notice", function()
  local told, conn

  before_each(function()
    told = {}
    conn = { noticed = {}, on_notice = function(text) told[#told + 1] = text end,
      hide = function(_, text) return (text:gsub("secret", "***")) end }
  end)

  local function answer(path, headers)
    notice.tell(conn, { spec = { method = "GET", path = path } }, { headers = headers })
  end

  it("is told once for each endpoint, by whichever header line says it", function()
    for _ = 1, 3 do
      answer("/a", "Content-Type: x\r\ndeprecation: Sun, 01 Jan 2026 00:00:00 GMT\r\n")
      answer("/b", "Sunset: tomorrow\r\nLegacy: true\r\n")
      answer("/c", "Content-Type: x\r\n")
    end
    assert.same({ "GET /a: the service says Deprecation: Sun, 01 Jan 2026 00:00:00 GMT",
      "GET /b: the service says Legacy: true" }, told)
  end)

  it("shows no credential that the service told back", function()
    answer("/a", "Legacy: secret\r\n")
    assert.same({ "GET /a: the service says Legacy: ***" }, told)
    conn.hide = function() end -- it can no longer be seen to
    answer("/b", "Legacy: secret\r\n")
    assert.equal("GET /b: the service says Legacy: ", told[2])
  end)

  it("needs an answer, and a hook", function()
    answer("/a", nil)
    conn.on_notice = nil
    answer("/a", "Legacy: true\r\n")
    assert.same({ told = {}, noticed = {} }, { told = told, noticed = conn.noticed })
  end)
end)
