-- SPDX-License-Identifier: MIT
--- A caller of today's APIs on the local LiveChat's state machine, for their specs: the account of
-- account.lua, called with its personal access token.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local account = require "spec.account"

local today = {}

--- account.new's, and: helpdesk(method, path, { json=, query=, … }), configuration(action, fields,
-- request), agent(action, fields, request) and accounts(method, path, request), each of which
-- answers status, decoded body and the response itself; `headers` are those of every call.
function today.new(options)
  local given = { calls = false }
  for name, value in pairs(options or {}) do given[name] = value end
  local self = account.new(given)
  local own = self.service.options
  self.headers = { authorization = "Basic " .. base64.encode(own.account_id .. ":" .. own.api_key),
    ["x-api-version"] = false }

  local function call(method, path, request)
    request = request or {}
    local headers = {}
    for name, value in pairs(self.headers) do headers[name] = value end
    for name, value in pairs(request.headers or {}) do headers[name] = value end
    return self.call(method, path, { headers = headers, query = request.query,
      json = request.json, form = request.form, body = request.body })
  end

  function self.helpdesk(method, path, request)
    return call(method, "/v1" .. path, request)
  end
  function self.accounts(method, path, request)
    return call(method, path, request)
  end
  local function action(folder)
    return function(name, fields, request)
      request = request or {}
      request.json = fields or json.decode("{}")
      return call("POST", (request.version or "/v3.6") .. "/" .. folder .. "/action/" .. name,
        request)
    end
  end
  self.configuration, self.agent = action("configuration"), action("agent")

  --- The IDs of the first team of a name and so on, as the service tells them.
  function self.id(path, name)
    local _, list = self.helpdesk("GET", path)
    for _, each in ipairs(list) do
      if each.name == name or each.email == name then return each.ID end
    end
    error("no " .. name .. " in " .. path)
  end
  --- Takes every delivery that is due and has it arrive.
  ---@return table[] { event_type=, target=, body=<decoded> }
  function self.delivered(status)
    local list = {}
    for i, delivery in ipairs(self.service:due_deliveries(self.now, 1000)) do
      list[i] = { event_type = delivery.event_type, target = delivery.target,
        body = json.fold(json.decode(delivery.body)), delivery = delivery }
      self.service:delivered(delivery, { status = status or 200 }, self.now)
    end
    return list
  end
  return self
end

--- What a HelpDesk ticket needs, and `more`.
function today.ticket(more)
  local fields = { message = { text = "It is broken" }, requester = { email = "mary@example.net" } }
  for name, value in pairs(more or {}) do fields[name] = value end
  return fields
end

return today
