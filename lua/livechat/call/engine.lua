-- SPDX-License-Identifier: MIT
--- Makes an engine. Its library is loaded with the first one: libcurl takes longer to load than
--- everything else together.

local cause = require "livechat.loading"

---@param threaded boolean whether it runs on a thread of its own; else the caller drives it
---@return userdata|nil engine
---@return string|nil code where there is no descriptor, memory or thread left for it
---@return string|nil text
return function(threaded)
  local fine, new = pcall(require, "livechat.engine")
  if not fine then
    return nil, "system", (cause(new))
  end
  local engine, code, text = new()
  if engine and threaded then
    local started
    started, code, text = engine:start()
    if not started then
      engine:close()
      engine = nil
    end
  end
  return engine, code, text
end
