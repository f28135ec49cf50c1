-- SPDX-License-Identifier: MIT
-- The account's chats, whichever API asks for them: those that are going on and those that ended.
--
-- A chat: id, visitor (of visitors.lua), agents and supervisors ({ id=, name= }), groups, tags,
-- rate ("not_rated", "rated_good", "rated_bad"), comment, engagement, greeting and shown (the
-- greeting that led to it, and how often it was shown), url, referrer, started, ended, queue
-- (seconds), survey and postchat, goals ({ id=, name=, at=, order= }), messages ({ side= "agent",
-- "visitor" or "supervisor", author=<{ id=, name= }>, text=, at= }).
local random = require "livechat.sandbox.random"
local Tags = require "livechat.sandbox.tags"

local Chats = {}
Chats.__index = Chats

-- Twice what a list can reach; the oldest go a thousand at a time, so that each costs little.
local MOST, AT_ONCE = 50000, 1000

Chats.MOST = MOST

---@param visitors table Visitors
function Chats.new(visitors)
  return setmetatable({ visitors = visitors, by_id = {}, order = {}, late = {}, tagged = {},
    memo = {}, left_queue = {} }, Chats)
end

--- Every chat, the first to start first; of those that start together, the first to be kept. What
-- was kept too late for its place waits in `late` until the list is read: one pass takes all in.
---@return table[] chats not the caller's to change
function Chats:all()
  local order, late = self.order, self.late
  if #late == 0 then return order end
  for i, chat in ipairs(late) do late[chat] = i end
  table.sort(late, function(a, b)
    if a.started ~= b.started then return a.started < b.started end
    return late[a] < late[b]
  end)
  local merged, at = {}, 1
  for _, chat in ipairs(order) do
    while late[at] and late[at].started < chat.started do
      merged[#merged + 1], at = late[at], at + 1
    end
    merged[#merged + 1] = chat
  end
  for i = at, #late do merged[#merged + 1] = late[i] end
  self.order, self.late = merged, {}
  return merged
end

--- Forgets what was found: a chat has changed.
function Chats:changed()
  self.memo = {}
end

-- Forgets the oldest chats where there are too many.
function Chats:trim()
  if #self.order + #self.late < MOST + AT_ONCE then return end
  local rest = {}
  for i, chat in ipairs(self:all()) do
    if i > AT_ONCE then
      rest[#rest + 1] = chat
    else
      self.by_id[chat.id] = nil
      Tags.count(self.tagged, chat.tags, nil)
      chat.visitor.chats = chat.visitor.chats - 1
      self.visitors:forget(chat.visitor)
    end
  end
  self.order = rest
end

--- Keeps a finished record.
---@return table chat the same
function Chats:keep(chat)
  local last = self.order[#self.order]
  local list = last and last.started > chat.started and self.late or self.order
  list[#list + 1] = chat
  self.by_id[chat.id] = chat
  chat.visitor.chats = chat.visitor.chats + 1
  Tags.count(self.tagged, nil, chat.tags)
  self:trim()
  self:changed()
  return chat
end

local function survey(draw, visitor)
  local function id() return ("%d"):format(100000000 + draw(899999999)) end
  return {
    { id = id(), type = "name", label = "Your name:", answer = visitor.name },
    { id = id(), type = "email", label = "Your e-mail:", answer = visitor.email },
    { id = id(), type = "checkbox", label = "What is it about?", answers = {
      { label = "An order", chosen = true }, { label = "Something else", chosen = false } } },
  }
end

--- Starts a chat of a visitor with an agent, who says hello.
---@param draw fun(n?: integer): number
---@param visitor table
---@param agent table { id=, name= }
---@param wanted table|nil members that the chat shall have
---@return table chat kept
function Chats:start(draw, visitor, agent, now, wanted)
  local started = math.floor(now)
  local chat = { id = random.code(draw, 10), visitor = visitor, agents = { agent },
    supervisors = {}, groups = { 0 }, tags = {}, rate = "not_rated", goals = {},
    url = visitor.page:match("^[^?]*"), referrer = visitor.referrer, started = started,
    engagement = "immediate_start", survey = survey(draw, visitor),
    messages = { { side = "agent", author = agent, text = "Hello. How may I help you?",
      at = started } } }
  for name, value in pairs(wanted or {}) do chat[name] = value end
  visitor.state, visitor.chat = "chatting", chat
  return self:keep(chat)
end

--- Adds a message.
---@param side string "agent", "visitor" or "supervisor"
---@param author table { id=, name= }; of a visitor only the name counts
function Chats:say(chat, side, author, text, at)
  chat.messages[#chat.messages + 1] = { side = side, author = author, text = text,
    at = math.floor(at) }
  self:changed()
end

--- Ends a chat; the visitor closes it.
function Chats:finish(chat, now)
  chat.ended = math.floor(now)
  chat.visitor.state = "chat closed"
  self:changed()
end

---@param tags string[]
function Chats:tag(chat, tags)
  Tags.count(self.tagged, chat.tags, tags)
  chat.tags = tags
  self:changed()
end

--- A chat has reached a goal.
---@param order table { id=, description=, price=, currency= }, texts
function Chats:reach(chat, goal, order, now)
  chat.goals[#chat.goals + 1] = { id = goal.id, name = goal.name, type = goal.type,
    at = math.floor(now), order = order }
  self:changed()
end

--- The chats that match, the first to start first.
---@param matches fun(chat: table): boolean
---@param key string the same text for the same question: the pages of a walk ask it again
---@return table[] chats not the caller's to change
function Chats:find(matches, key)
  if self.memo.key == key then return self.memo.found end
  local found = {}
  for _, chat in ipairs(self:all()) do
    if matches(chat) then found[#found + 1] = chat end
  end
  self.memo = { key = key, found = found }
  return found
end

return Chats
