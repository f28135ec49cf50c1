-- SPDX-License-Identifier: MIT
-- v2's calls about tags. A handler answers a value, or nil, a status and a body.
local json = require "livechat.json"
local views = require "livechat.sandbox.v2.views"
local checks = require "livechat.sandbox.v2.checks"

local tags = {}

local FIELDS = { author = checks.login, tag = checks.text, group = checks.group }

local function view(service, tag)
  local style = views.style(service, tag.name)
  return { name = tag.name, author = tag.author, creation_date = style.date(tag.created),
    group = style.number(tag.group),
    count = { inChats = style.number(service.chats.tagged[tag.name] or 0),
      inTickets = style.number(service.tickets.tagged[tag.name] or 0) } }
end

--- GET /tags
function tags.list(service, call)
  local taken, errors = checks.take(service, call.query, { group = checks.group })
  if #errors > 0 then return nil, 400, { errors = errors } end
  local list = json.array()
  for _, tag in ipairs(service.tags.list_of) do
    if not taken.group or tag.group == taken.group then list[#list + 1] = view(service, tag) end
  end
  return list
end

--- POST /tags
function tags.create(service, call)
  local taken, errors = checks.take(service, call.fields, FIELDS, { "author", "tag", "group" })
  local author = service.agents.by_login[taken.author]
  if author and author.permission == "normal" then
    errors[#errors + 1] = "author must be the owner or an administrator"
  end
  if taken.tag and taken.group and service.tags:find(taken.tag, taken.group) then
    errors[#errors + 1] = "tag is there already"
  end
  if #errors > 0 then return nil, 400, { errors = errors } end
  local what = service.tags:find(taken.tag) and "tag_updated" or "tag_created"
  local tag = service.tags:add({ name = taken.tag, author = taken.author, group = taken.group,
    created = math.floor(call.now) })
  service:tell(what, tag, call.now)
  return view(service, tag)
end

--- DELETE /tags/{tag}: what carries the tag keeps it. Without a group, as PHP clients ask, it is
-- taken from the first group that has it.
function tags.delete(service, call)
  local taken, errors = checks.take(service, call.fields, { group = checks.group })
  if #errors > 0 then return nil, 400, { errors = errors } end
  local tag = service.tags:find(call.id, taken.group)
  if not tag then return nil, 404, { error = "Tag not found" } end
  service.tags:remove(call.id, taken.group)
  service:tell(service.tags:find(call.id) and "tag_updated" or "tag_deleted", tag, call.now)
  return { ok = true }
end

return tags
