-- SPDX-License-Identifier: MIT
--- Deliveries of webhooks, and receivers that note what comes of them.
local assert = require "luassert"
local json = require "livechat.json"
local livechat = require "livechat"

local deliveries = { TOKEN = "27f41c8da685c81a890f9e5f8ce48387" }

--- A chat that ended, as its delivery says.
function deliveries.chat_ended()
  return {
    event_type = "chat_ended", event_unique_id = "0123456789abcdef0123456789abcdef",
    token = deliveries.TOKEN,
    license_id = "1520", lc_version = "2",
    chat = {
      id = "PR8G5BAYCT", started_timestamp = 1557766017, ended_timestamp = 1557766317.25,
      url = "https://shop.example.com/", referer = "https://www.example.com/",
      messages = {
        { user_type = "agent", author_name = "John", agent_id = "john.doe@example.com",
          text = "Hello\nthere", json = "{}", timestamp = 1557766017 },
        { user_type = "visitor", author_name = "Mary", text = "Żółć", timestamp = "1557766027" },
      },
      attachments = json.array {}, tags = { "sales" }, groups = { 0, 3 },
      events = { { user_type = "visitor", text = "closed", timestamp = 1557766317,
        type = "closed" } },
      agents = { { name = "John", login = "john.doe@example.com" } },
    },
    visitor = {
      id = "S1557766017.8e5480fb0a", name = "Mary", email = "mary@example.net",
      custom_variables = { { key = "Customer", value = "X1" }, { key = "Items", value = 3 } },
      country = "Poland", city = "Wrocław", language = "pl", timezone = "Europe/Warsaw",
      page_current = "https://shop.example.com/?s=1",
    },
    pre_chat_survey = {
      { id = "135963440121804757", type = "name", label = "Your name", answer = "Mary" },
      { id = "135963440121804758", type = "checkbox", label = "What?",
        answers = { { label = "A", chosen = true }, { label = "B", chosen = false } } },
    },
  }
end

--- A ticket that was created, as its delivery says.
function deliveries.ticket_created()
  return {
    event_type = "ticket_created", token = deliveries.TOKEN, license_id = "1520",
    ticket = {
      id = "CCWWM", subject = "Welcome", status = "open",
      requester = { mail = "mary@example.net", name = "Mary", utc_offset = "Pacific/Fiji",
        ip = "192.0.2.1" },
      assignee = { id = "john.doe@example.com", name = "John" },
      groups = { { id = 0, name = "All operators", inherited = false } }, tags = { "support" },
      source = { type = "lc2", url = json.null, id = "NO4Y5FAERW" },
      events = { { type = "message", author = { id = "mary@example.net", name = "Mary",
        type = "client" }, date = "2014-08-18T10:05:05Z", is_private = false,
        message = "How are you?", source = { type = "lc2", url = json.null } } },
    },
  }
end

--- A receiver that records what its handler of every event got.
function deliveries.recording(options)
  options = options or {}
  if options.token == nil and not options.basic_auth then options.token = deliveries.TOKEN end
  local said = {}
  options.on_error = options.on_error or function(text) said[#said + 1] = text end
  local receiver, got = livechat.receiver(options), {}
  receiver:on("*", function(event) got[#got + 1] = event end)
  return receiver, got, said
end

--- Hands a body to a receiver; what it answers names no token.
function deliveries.deliver(receiver, body, headers)
  local status, text = receiver:handle(type(body) == "table" and json.encode(body) or body, headers)
  assert.equal("string", type(text))
  assert.matches("^[^\n]+\n$", text)
  assert.is_nil(text:find(deliveries.TOKEN, 1, true))
  return status, text
end

return deliveries
