-- SPDX-License-Identifier: MIT
--- What tickets of API version 2 need besides data: an update that keeps the tags and tells what
--- was taken, tags that are added and removed, a created ticket that is found again, the moments by
--- which a list is walked. Pure: the calls are made by the operation that is handed in.
local json = require "livechat.json"
local trim = require "livechat.text".trim

local tickets = {}

-- ---- texts that the service stores its own way -------------------------------------------------

local ENTITIES = {
  amp = "&", lt = "<", gt = ">", quot = '"', apos = "'", nbsp = " ", ["#39"] = "'",
  ["#039"] = "'", ["#x27"] = "'", ["#34"] = '"', ["#38"] = "&", ["#60"] = "<", ["#62"] = ">",
}

-- What HTML escapes stand for, once.
local function unescaped(text)
  local made = text:gsub("<[bB][rR]%s?/?>\n?", "\n"):gsub("&(#?%w%w?%w?%w?%w?);", ENTITIES)
  return made
end

local function text_of(value)
  return type(value) == "string" and trim((value:gsub("\r\n?", "\n"))) or nil
end

-- Whether two texts are the same but for what a service changes that stores them: the ends of
-- lines, blanks at both ends, HTML's escapes.
local function same_text(a, b)
  a, b = text_of(a), text_of(b)
  if not a or not b then
    return false
  end
  return a == b or trim(unescaped(a)) == trim(unescaped(b)) or trim(unescaped(b)) == a
end

local function address_of(value)
  return type(value) == "string" and value:lower() or nil
end

local function same_address(a, b)
  return address_of(a) == address_of(b) and address_of(a) ~= nil
end

-- ---- tags --------------------------------------------------------------------------------------

-- A ticket's tags as they are sent; nil where they are no list of texts.
local function tags_of(ticket)
  local tags, made = ticket.tags, json.array {}
  if tags ~= nil and not json.is_array(tags) then
    return nil
  end
  for i, tag in ipairs(tags or {}) do
    if type(tag) ~= "string" then
      return nil
    end
    made[i] = tag
  end
  return made
end

local function set_of(list)
  local set = {}
  for _, value in ipairs(type(list) == "table" and list or {}) do
    set[value] = true
  end
  return set
end

local function same_set(a, b)
  a, b = set_of(a), set_of(b)
  for value in pairs(a) do
    if not b[value] then
      return false
    end
  end
  for value in pairs(b) do
    if not a[value] then
      return false
    end
  end
  return true
end

-- ---- update ------------------------------------------------------------------------------------

local function read_ticket(operation, args, what)
  local ticket, err, answer = operation:get(args)
  if not ticket then
    -- What was lost is a read: the change itself was not sent.
    err.outcome = err.outcome == "unknown" and "not_sent" or err.outcome
    return nil, err
  end
  local tags = tags_of(ticket)
  if not tags then
    err = operation:protocol_error(answer, what .. " would clear the ticket's tags, which are not "
      .. "a list of texts")
    err.outcome = "not_sent"
    return nil, err
  end
  return ticket, nil, tags
end

-- What must be known of the ticket before an update, and is sent along: its own tags, which an
-- update without tags clears, and its requester's address, which the service wants.
local function carry(operation, args, fields)
  local mail = fields.requester and fields.requester.mail
  if fields.tags and mail and not fields.message then
    return {}
  end
  local present, err, tags = read_ticket(operation, args, "an update")
  if not present then
    return nil, err
  end
  fields.tags = fields.tags or tags
  local requester = present.requester
  if not mail and type(requester) == "table" and requester.mail then
    fields.requester = fields.requester or {}
    fields.requester.mail = requester.mail
  end
  return present
end

local function events_of(ticket)
  return type(ticket.events) == "table" and ticket.events or {}
end

-- How many messages a ticket has, and how many of them say this.
local function count_messages(ticket, message)
  local all, same = 0, 0
  for _, event in ipairs(events_of(ticket)) do
    if type(event) == "table" and event.message ~= nil then
      all = all + 1
      same = same + (same_text(event.message, message) and 1 or 0)
    end
  end
  return all, same
end

-- Addresses are compared as such.
local SAME = { ["requester.mail"] = same_address, ["assignee.id"] = same_address }

-- Which of the given fields the ticket shows that came back, and which it does not, each sorted.
-- A third list holds those that may have been taken and are not shown as they were sent: a message
-- where there is a new one. What stood there before was not taken. `present` is the ticket before
-- the update, as far as it is known.
local function sort_fields(given, present, ticket)
  local taken, ignored, maybe = {}, {}, false
  local function note(name, shown, before)
    if not shown then
      ignored[#ignored + 1] = name
    elseif not before then
      taken[#taken + 1] = name
    end
  end
  for name, value in pairs(given) do
    if name == "message" then
      local all, same = count_messages(ticket, value)
      local all_before, same_before = count_messages(present, value)
      note(name, same > same_before, false)
      maybe = maybe or all > all_before or ticket.events == nil
    elseif name == "tags" then
      note(name, same_set(value, ticket.tags), present.tags and same_set(value, present.tags))
    elseif type(value) == "table" then
      local shown = type(ticket[name]) == "table" and ticket[name] or {}
      local before = type(present[name]) == "table" and present[name] or {}
      for member, wanted in pairs(value) do
        local path = name .. "." .. member
        local same = SAME[path] or same_text
        note(path, same(shown[member], wanted), same(before[member], wanted))
      end
    else
      note(name, same_text(ticket[name], value), same_text(present[name], value))
    end
  end
  table.sort(taken)
  table.sort(ignored)
  return taken, ignored, maybe
end

--- Changes a ticket, keeps what is not named, and tells which fields were not taken: `refused` only
--- where none of them can have been. ([M] the connector's UpdateTicket)
function tickets.update(operation, args, fields)
  local given = operation.copy(fields)
  local present, err = carry(operation, args, fields)
  if not present then
    return nil, err
  end
  fields.tag, fields.tags = fields.tags, nil
  local ticket, failed, answer = operation:send(args, fields)
  if not ticket then
    return nil, failed
  end
  local taken, ignored, maybe = sort_fields(given, present, ticket)
  if #ignored == 0 then
    return ticket
  end
  local partly = #taken > 0 or maybe
  local text = "the service did not take " .. table.concat(ignored, ", ")
  if #taken > 0 then
    text = text .. "; it took " .. table.concat(taken, ", ")
  elseif maybe then
    text = text .. " as it was sent"
  end
  return nil, operation:error(answer, {
    kind = "rejected", ignored = ignored, taken = #taken > 0 and taken or nil,
    outcome = partly and "unknown" or "refused", message = text,
  })
end

-- ---- tags that are added and removed ---------------------------------------------------------

local TRIES = 3 -- readings after which another's writes are not run after any more

-- Whether the tags are as they shall be: all of `names` in, or none of them.
local function settled(tags, names, wanted)
  local set = set_of(tags)
  for _, name in ipairs(names) do
    if (set[name] or false) ~= wanted then
      return false
    end
  end
  return true
end

local function changed(tags, names, wanted)
  local made, named = json.array {}, set_of(names)
  for _, tag in ipairs(tags) do
    if wanted or not named[tag] then
      made[#made + 1] = tag
    end
  end
  local there = set_of(tags)
  for _, name in ipairs(wanted and names or {}) do
    if not there[name] then
      made[#made + 1] = name
      there[name] = true
    end
  end
  return made
end

-- Reads, changes, writes and looks again, because another may write in between: what is written is
-- the whole list. The service has nothing that would keep two such writes apart.
local function change_tags(operation, args, names, wanted)
  local answer
  for try = 0, TRIES do
    local ticket, err, tags = read_ticket(operation, args, "a change of tags")
    if not ticket then
      err.outcome = try > 0 and "unknown" or err.outcome
      return nil, err
    elseif settled(tags, names, wanted) then
      return ticket
    elseif try < TRIES then
      ticket, err, answer = operation:send(args, { tag = changed(tags, names, wanted) })
      if not ticket then
        return nil, err
      end
    end
  end
  return nil, operation:error(answer, {
    kind = "rejected", ignored = { "tags" }, outcome = "unknown",
    message = "the service did not take tags",
  })
end

--- Adds tags to those that the ticket has.
function tickets.add_tags(operation, args, fields)
  return change_tags(operation, args, fields.tag, true)
end

--- Removes tags from those that the ticket has.
function tickets.remove_tags(operation, args, fields)
  return change_tags(operation, args, fields.tag, false)
end

-- ---- moments -----------------------------------------------------------------------------------

local function seconds_of(value, time)
  local kind = type(value)
  return (kind == "string" or kind == "number") and time(value) or nil
end

local function first_message(ticket)
  for _, event in ipairs(events_of(ticket)) do
    if type(event) == "table" and event.type == "message" then
      return event
    end
  end
end

-- Epoch seconds of a ticket's creation, nil where it does not tell. Not every answer has `date`.
local function created_at(ticket, time)
  local opened, first = ticket.opened, events_of(ticket)[1]
  local stamp = type(opened) == "table" and type(opened[1]) == "table" and opened[1].from
    or type(first) == "table" and first.date
  return seconds_of(ticket.date, time) or seconds_of(stamp, time)
end

--- By what a walk knows the list's order: functions(ticket, time) -> epoch seconds or nil.
tickets.moments = {
  created = created_at,
  modified = function(ticket, time) return seconds_of(ticket.modified, time) end,
}

-- ---- a ticket whose answer was lost ------------------------------------------------------------

local NO_SUBJECT = "(no subject)" -- what the service writes where there is none
local DAY = 86400

local function subject_of(value)
  local text = text_of(value)
  return text ~= nil and text ~= "" and text or NO_SUBJECT
end

tickets.lost = {
  list = "list",
  modified = tickets.moments.modified,

  --- What to ask the list for. The date is by the local clock, with a day of room.
  ---@param began number epoch seconds when the request left, by the local clock
  filter = function(wanted, began)
    return {
      requester = { mail = wanted.requester.mail }, order = "desc",
      date_from = os.date("!%Y-%m-%d", math.floor(began - DAY)),
    }
  end,

  --- Whether a ticket of the list is the one that was asked for: by requester, subject and message.
  same = function(ticket, wanted)
    local requester, message = ticket.requester, first_message(ticket)
    return type(requester) == "table" and message ~= nil
      and same_address(requester.mail, wanted.requester.mail)
      and same_text(subject_of(ticket.subject), subject_of(wanted.subject))
      and same_text(message.message, wanted.message)
  end,

  created = function(ticket, time)
    local opened, first = ticket.opened, first_message(ticket)
    return seconds_of(ticket.date or false, time)
      or seconds_of(type(opened) == "table" and type(opened[1]) == "table" and opened[1].from, time)
      or first and seconds_of(first.date, time) or nil
  end,

  --- What two creates have in common that the service could not tell apart.
  fingerprint = function(wanted)
    return table.concat({ address_of(wanted.requester.mail),
      trim(unescaped(subject_of(wanted.subject))), trim(unescaped(text_of(wanted.message))) }, "\0")
  end,
}

return tickets
