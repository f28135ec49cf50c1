-- SPDX-License-Identifier: MIT
-- The Agent Chat API's actions that read chats. A handler answers a value, or nil, an error's type
-- and its message.
local json = require "livechat.json"
local schema = require "livechat.sandbox.schema"
local chat_views = require "livechat.sandbox.v3.chat_views"
local filters = require "livechat.sandbox.v3.archive_filters"
local pages = require "livechat.sandbox.v3.pages"

local object, text = schema.object, schema.text

local ID = text(64, 1)
local ORDER = schema.one_of({ "asc", "desc" })
local LIMIT = schema.integer(1, 100)

local function row_of(service, thread)
  return { time = chat_views.shown(service, thread.started, thread.id), id = thread.id,
    thread = thread }
end

local function question(action, fields, limit, call)
  return { action = action, fields = fields, limit = fields.limit or limit,
    bytes = #call.request.body, ascending = fields.sort_order == "asc" }
end

-- Every thread as it is wanted, through `write`.
local function answer(rows, write)
  local result = json.array()
  for i, row in ipairs(rows) do result[i] = write(row.thread) end
  return result
end

local function list_archives(service, call)
  local fields, place, message = pages.read(service, call, "list_archives")
  if not fields then return nil, place, message end
  local wanted = fields.filters or {}
  message = filters.conflict(wanted)
  if message then return nil, "validation", message end
  local rows = {}
  for _, thread in ipairs(service.chats.order) do
    if thread.ended and filters.fits(service, thread, wanted) then
      rows[#rows + 1] = row_of(service, thread)
    end
  end
  local asked = question("list_archives", fields, 10, call)
  if wanted.thread_ids then asked.limit = #wanted.thread_ids end
  local shown, next_id, previous_id = pages.cut(service, rows, asked, place, call.now)
  return { found_chats = #rows, next_page_id = next_id, previous_page_id = previous_id,
    chats = answer(shown, function(thread)
      return chat_views.chat(service, thread, call.login)
    end) }
end

-- A row is a chat: its last thread.
local function list_chats(service, call)
  local fields, place, message = pages.read(service, call, "list_chats")
  if not fields then return nil, place, message end
  local rows = {}
  for _, thread in ipairs(service.chats.order) do
    local threads = chat_views.threads(service, chat_views.chat_id(service, thread))
    if threads[#threads] == thread and filters.fits(service, thread, fields.filters) then
      rows[#rows + 1] = row_of(service, thread)
    end
  end
  local shown, next_id, previous_id = pages.cut(service, rows,
    question("list_chats", fields, 10, call), place, call.now)
  local name = call.version == "3.7" and "chats_info" or "chats_summary"
  return { found_chats = #rows, next_page_id = next_id, previous_page_id = previous_id,
    [name] = answer(shown, function(thread)
      return chat_views.summary(service, thread, call.login, call.version)
    end) }
end

-- Threads until they hold so many events together.
local function with_events(service, threads, count)
  local result = {}
  for i = #threads, 1, -1 do
    result[#result + 1] = row_of(service, threads[i])
    count = count - #chat_views.events(service, threads[i])
    if count <= 0 then break end
  end
  return result
end

local function list_threads(service, call)
  local fields, place, message = pages.read(service, call, "list_threads", "chat_id")
  if not fields then return nil, place, message end
  if fields.min_events_count and (fields.limit or fields.filters or fields.sort_order) then
    return nil, "validation", "`min_events_count` must come alone"
  end
  if not fields.chat_id then return nil, "validation", "`chat_id` is required" end
  local threads, rows = chat_views.threads(service, fields.chat_id), {}
  if not threads[1] then return nil, "not_found", "Chat not found" end
  local function write(thread) return chat_views.thread(service, thread) end
  if fields.min_events_count then
    rows = with_events(service, threads, fields.min_events_count)
    return { threads = answer(rows, write), found_threads = #threads }
  end
  for _, thread in ipairs(threads) do
    if filters.fits(service, thread, fields.filters) then
      rows[#rows + 1] = row_of(service, thread)
    end
  end
  local shown, next_id, previous_id = pages.cut(service, rows,
    question("list_threads", fields, 3, call), place, call.now)
  return { threads = answer(shown, write), found_threads = #rows, next_page_id = next_id,
    previous_page_id = previous_id }
end

local function get_chat(service, call)
  local threads = chat_views.threads(service, call.fields.chat_id)
  local thread = threads[#threads]
  if not thread then return nil, "not_found", "Chat not found" end
  if call.fields.thread_id then
    thread = nil
    for _, each in ipairs(threads) do
      if each.id == call.fields.thread_id then thread = each end
    end
    if not thread then return nil, "not_found", "Thread not found" end
  end
  return chat_views.chat(service, thread, call.login)
end

local READ = "chats--all:ro chats--access:ro"

return {
  list_chats = { list_chats, object({ filters = filters.CHATS, sort_order = ORDER, limit = LIMIT,
    page_id = ID }), scopes = READ },
  list_archives = { list_archives, object({ filters = filters.ARCHIVES, sort_order = ORDER,
    limit = LIMIT, page_id = ID, highlights = object({ pre_tag = text(100),
      post_tag = text(100) }) }), scopes = READ },
  list_threads = { list_threads, object({ chat_id = ID, sort_order = ORDER, limit = LIMIT,
    page_id = ID, min_events_count = schema.integer(1, 100), filters = filters.THREADS }),
    scopes = READ },
  get_chat = { get_chat, object({ ["chat_id*"] = ID, thread_id = ID }), scopes = READ },
}
