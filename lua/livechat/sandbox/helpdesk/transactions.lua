-- SPDX-License-Identifier: MIT
-- HelpDesk's attachments: files go into a transaction, the transaction into one ticket, within a
-- day. Their contents are not kept.
local random = require "livechat.sandbox.random"
local json = require "livechat.json"
local multipart = require "livechat.sandbox.multipart"
local schema = require "livechat.sandbox.schema"
local Identities = require "livechat.sandbox.identities"

local transactions = {}

local LIFETIME, MOST_FILES, LARGEST = 86400, 20, 10 * 2 ^ 20

local FIELDS = schema.object({ type = schema.one_of({ "ticket" }), ticketID = schema.text(64) })

local function not_found()
  return nil, 404, { type = "notFound", message = "transaction not found" }
end

local function find(service, id, now)
  local transaction = service.helpdesk.transactions[id]
  return transaction and transaction.until_time > now and transaction or nil
end

--- POST /transactions
function transactions.create(service, call)
  local path, message = FIELDS(call.fields)
  if path then return nil, 422, { path = path, message = message } end
  local ticket = call.fields.ticketID
  if ticket then
    ticket = Identities.ticket_id(ticket)
    if not service.tickets.by_id[ticket] then
      return nil, 404, { type = "notFound", message = "ticket not found" }
    end
  end
  local state = service.helpdesk
  state.transaction_count = (state.transaction_count or 0) + 1
  local id = service.identities:of("transaction", state.transaction_count)
  state.transactions[id] = { ticket = ticket, files = json.array(),
    until_time = call.now + LIFETIME }
  return { ID = id }, nil, nil, "created"
end

--- POST /transactions/{id}/attachments: several files in the field `attachments`.
function transactions.attach(service, call)
  local transaction = find(service, call.id, call.now)
  if not transaction then return not_found() end
  local parts, message = multipart.read(call.request)
  if not parts then return nil, 400, { message = message } end
  local files = {}
  for _, part in ipairs(parts) do
    if part.field ~= "attachments" or not part.name then
      return nil, 422, { path = part.field, message = "is not allowed" }
    elseif part.size > LARGEST then
      return nil, 413, { type = "entityTooLarge", message = "a file is larger than 10 MB" }
    end
    local token = random.hex(service.draw, 32)
    files[#files + 1] = { cid = random.hex(service.draw, 16), name = part.name, size = part.size,
      type = part.type, token = token, url = "https://files.example.com/" .. token }
  end
  if #files == 0 then return nil, 422, { path = "attachments", message = "is required" } end
  if #transaction.files + #files > MOST_FILES then
    return nil, 422, { path = "attachments",
      message = "must contain less than or equal to 20 items" }
  end
  for _, file in ipairs(files) do transaction.files[#transaction.files + 1] = file end
  return { ID = call.id, attachments = transaction.files }, nil, nil, "created"
end

--- What a transaction brings to a ticket; see `take`.
---@param ticket string|nil the store's id, nil for a ticket that is being made
---@return table[]|nil files
---@return integer|nil status
---@return table|nil wrong
function transactions.files(service, id, ticket, now)
  local transaction = find(service, id, now)
  if not transaction then return not_found() end
  if transaction.taken or transaction.ticket and transaction.ticket ~= ticket then
    return nil, 409, { type = "transactionConflict",
      message = "the transaction belongs to another ticket" }
  end
  return transaction.files
end

--- The transaction has been used: it brings its files once.
function transactions.take(service, id)
  service.helpdesk.transactions[id].taken = true
end

return transactions
