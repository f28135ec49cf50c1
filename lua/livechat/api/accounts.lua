-- SPDX-License-Identifier: MIT
--- The accounts API, beside every other one: it renews access tokens, and knows names and avatars.
--- [D] docs/service.md
local accounts = {
  name = "accounts", option = "accounts_url", base_url = "https://accounts.livechat.com",
  token = "/v2/token",
}

-- What is wrong, where a text says so: some of it comes with 400 and 422 as well.
local KINDS = {
  unauthorized = "auth", unauthorized_client = "auth", invalid_client = "auth",
  invalid_grant = "auth", access_denied = "auth", invalid_scope = "auth",
  resource_not_found = "not_found", temporarily_unavailable = "throttled", server_error = "server",
}

--- What an answer says that failed; see call/services.lua.
---@return livechat.ErrorKind|nil kind
---@return string|nil code the service's own word
function accounts.failure(status, decoded)
  local code = type(decoded) == "table" and decoded.error
  if type(code) ~= "string" or code == "" or status < 300 then
    return nil
  end
  return KINDS[code], code
end

function accounts.headers()
  return {}
end

return accounts
