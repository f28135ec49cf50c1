-- SPDX-License-Identifier: MIT
--- An answer's header lines that say when an endpoint will be gone. [D] docs/service.md
local request = require "livechat.call.request"

local notice = {}

local DEPRECATED = { "Deprecation", "Legacy", "Sunset" }

--- Tells the client's `on_notice` once for each endpoint that the service calls it deprecated.
---@param conn livechat.Connection
---@param state livechat.CallState
function notice.tell(conn, state, result)
  local endpoint = conn.on_notice and state.spec.method .. " " .. state.spec.path
  if not endpoint or conn.noticed[endpoint] or not result.headers then
    return
  end
  for _, name in ipairs(DEPRECATED) do
    local value = request.header(result.headers, name)
    if value then
      conn.noticed[endpoint] = true
      conn.on_notice(endpoint .. ": the service says " .. name .. ": " .. (conn:hide(value) or ""))
      return
    end
  end
end

return notice
