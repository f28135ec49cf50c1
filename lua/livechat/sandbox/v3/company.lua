-- SPDX-License-Identifier: MIT
-- The Configuration API's other actions: the company, the plan, bans.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local today = require "livechat.sandbox.today"

local object, text = schema.object, schema.text

local DETAILS = {}
for name in ("audience chat_purpose city company company_size country invoice_email " ..
  "invoice_name industry nip phone postal_code province state street url"):gmatch("%S+") do
  DETAILS[name] = text(500)
end
DETAILS = object(DETAILS)

local NONE = object({})

local function details(service)
  local result = { company = "Example Ltd", country = "Poland" }
  for name, value in pairs(service.v3.company) do result[name] = value end
  return result
end

local function update(service, call)
  for name, value in pairs(call.fields) do service.v3.company[name] = value end
  return today.NOTHING
end

local function limits(service)
  local seats = service.options.seats or 400
  return json.array({
    { resource = "groups", limit_balance = math.max(0, 80 - #service.groups.list_of) },
    { resource = "agents", limit_balance = math.max(0, seats - #service.agents.list_of) } })
end

local function bans(service)
  local result = json.array()
  for id, expires in pairs(service.v3.bans) do
    result[#result + 1] = { customer_id = id, expires_at = today.date(service, expires, 6, id) }
  end
  table.sort(result, function(a, b) return a.customer_id < b.customer_id end)
  return { customer_bans = result, total_records = #result }
end

local function unban(service, call)
  if not service.v3.bans[call.fields.id] then return nil, "not_found", "Customer is not banned" end
  service.v3.bans[call.fields.id] = nil
  return today.NOTHING
end

local function reactivate(service, call)
  if not service.agents.by_login[call.fields.agent_id] then
    return nil, "not_found", "Agent not found"
  end
  return today.NOTHING
end

return {
  get_company_details = { details, NONE, scopes = "" },
  update_company_details = { update, DETAILS, scopes = "" },
  check_product_limits_for_plan = { limits, NONE, scopes = "" },
  get_license_id = { function(service)
    return { license_id = today.id(service, service.options.license_id) }
  end, NONE, scopes = "" },
  get_organization_id = { function(service)
    return { organization_id = service.identities:of("organization", service.options.license_id) }
  end, NONE, scopes = "" },
  get_product_source = { function()
    return { source_id = "create_account_link", source_type = "accounts",
      source_url = "https://accounts.livechat.com" }
  end, NONE, scopes = "" },
  list_channels = { function(service)
    return json.array({ { channel_type = "code", channel_subtype = "",
      first_activity_timestamp = today.date(service, 1577836800, 0, "channel") } })
  end, NONE, scopes = "" },
  list_customer_bans = { bans, NONE, scopes = "customers.ban:rw" },
  unban_customer = { unban, object({ ["id*"] = text(64, 1) }), scopes = "customers.ban:rw" },
  reactivate_email = { reactivate, object({ ["agent_id*"] = text(254, 1) }),
    scopes = "agents--all:rw" },
}
