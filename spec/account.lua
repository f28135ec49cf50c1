-- SPDX-License-Identifier: MIT
--- A caller of the local LiveChat's state machine, for its specs.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local Service = require "livechat.sandbox.service"

local account = {}

account.NOW = 1800000000 -- 2027-01-15T08:00:00Z
account.LOGIN, account.KEY = "john.doe@example.com", "0123456789abcdef0123456789abcdef"
account.BASIC = "Basic " .. base64.encode(account.LOGIN .. ":" .. account.KEY)

--- A service of its own with a clock of its own, `now`: call(method, path, { query=, json=, form=,
--- headers=, body= }) answers status, decoded body and the response itself.
function account.new(options)
  local service = Service.new(options)
  local self = { service = service, now = account.NOW }
  function self.call(method, path, request)
    request = request or {}
    local headers = { authorization = account.BASIC, ["x-api-version"] = "2" }
    local body = request.body
    if request.json then
      headers["content-type"], body = "application/json", json.encode(request.json)
    elseif request.form then
      headers["content-type"], body = "application/x-www-form-urlencoded", request.form
    end
    for name, value in pairs(request.headers or {}) do headers[name] = value or nil end
    local response = service:handle({ method = method, path = path, query = request.query,
      headers = headers, body = body, now = self.now })
    return response.status, json.fold(json.decode(response.body)), response
  end
  function self.control(method, verb, fields)
    local status, value = self.call(method, "/_sandbox/" .. verb, { json = fields })
    return value, status
  end
  function self.ids(query)
    local _, page = self.call("GET", "/tickets", { query = query })
    local ids = {}
    for i, ticket in ipairs(page.tickets) do ids[i] = ticket.id end
    return ids, page
  end
  return self
end

--- What a ticket needs, and `more`.
function account.ticket(more)
  local fields = { message = "It is broken", requester = { mail = "mary@example.net" } }
  for name, value in pairs(more or {}) do fields[name] = value end
  return fields
end

return account
