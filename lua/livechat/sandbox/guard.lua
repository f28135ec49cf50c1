-- SPDX-License-Identifier: MIT
-- Who may use the page and what lies under /_sandbox/: programs on this machine, and the page.
-- Other sites in the same browser may not, whether they ask across origins or have made a name of
-- their own lead to 127.0.0.1 (DNS rebinding).
local guard = {}

local OWN_NAMES = { ["localhost"] = true, ["127.0.0.1"] = true, ["[::1]"] = true }

local function own_name(host)
  return OWN_NAMES[host:lower():gsub(":%d+$", "")] == true
end

--- What speaks against a request, or nil. A program that is no browser sends none of these headers.
---@param headers table with lower-case names
---@return string|nil message
function guard.refusal(headers)
  if headers.host and not own_name(headers.host) then
    return "this service answers to 127.0.0.1, localhost and [::1], not to another name"
  end
  local origin, site = headers.origin, headers["sec-fetch-site"]
  if origin and origin:lower():match("^https?://(.+)$") ~= (headers.host or ""):lower() then
    return "this came from another site"
  end
  if site and site ~= "same-origin" and site ~= "none" then
    return "this came from another site"
  end
end

--- The same for what the page does: it must be seen to come from the page. Every browser says with
-- a form where it came from; the page's own script adds a header that no form can have.
---@param headers table with lower-case names
---@return string|nil message
function guard.refusal_of_act(headers)
  local message = guard.refusal(headers)
  if message then return message end
  if headers.origin or headers["sec-fetch-site"] == "same-origin" or headers["x-sandbox-page"] then
    return nil
  end
  return "this did not come from the page; programs have /_sandbox/ (see control.lua)"
end

return guard
