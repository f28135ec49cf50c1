-- SPDX-License-Identifier: MIT
--- What the APIs of version 3 have in common on the wire: actions, header lines, and how they say
--- what is wrong. [D] docs/service.md
local wire = {}

-- Types beside which an HTTP status says little: some come with 400, some with 200.
local KINDS = {
  authentication = "auth", authorization = "auth", missing_access = "auth",
  not_found = "not_found", group_not_found = "not_found", greeting_not_found = "not_found",
  license_not_found = "not_found", too_many_requests = "throttled", internal = "server",
  service_unavailable = "server", request_timeout = "timeout",
}

-- The region that would have taken the call: goes into a header line.
local function region_of(problem)
  local data = type(problem) == "table" and problem.data
  local region = type(data) == "table" and data.region
  return type(region) == "string" and #region <= 64 and region:match("^[%w._-]+$") or nil
end

--- What an answer says that failed, also one of status 200; see call/services.lua.
---@return livechat.ErrorKind|nil kind
---@return string|nil code the service's own word
---@return table<string, string>|nil headers with which the call would be taken
function wire.failure(status, decoded)
  local problem = type(decoded) == "table" and decoded.error
  local is_envelope = type(problem) == "table"
  local code = is_envelope and problem.type or problem
  code = type(code) == "string" and code ~= "" and code or nil
  if not is_envelope and (not code or status < 300) then
    return nil
  end
  local kind = code and KINDS[code]
  if not kind and (status < 400 or status == 429) then
    kind = status == 429 and "throttled" or "rejected"
  end
  local region = code == "misdirected_request" and region_of(problem)
  return kind, code, region and { ["X-Region"] = region } or nil
end

--- The header lines of every request: the region that a token begins with.
function wire.headers(options)
  local token = options.access_token or options.api_key or ""
  local region = token:match("^(%a[%w-]*):")
  return { ["X-Region"] = region and #region <= 20 and region or nil }
end

--- A row of an action.
---@param folder "configuration"|"agent"
---@param name string of the action
function wire.action(folder, name, row)
  row.verb, row.in_body, row.path = "POST", true, "/v3.6/" .. folder .. "/action/" .. name
  return row
end

--- v2's words for a routing status are spelt with blanks.
function wire.status(text)
  return type(text) == "string" and text:gsub("_", " ") or text
end

return wire
