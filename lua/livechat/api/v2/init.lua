-- SPDX-License-Identifier: MIT
--- The service's REST API, version 2, as data: methods, validation and the README's table come from
--- it. Each `rows_*.lua` beside holds the rows of some resources, how their records are read
--- (`records`) and where in the answers they are (`answers`: see read.lua). A row is a method:
---   verb, path        path arguments in braces, in the order of the method's arguments; another
---                     order, or one that goes into the body: args = { "login", { "id", "body" } };
---                     one that may be left out says optional = true
---   query | fields    specs of check.lua, for the table that the method takes last
---   value             the same for a value as the last argument: { name = <in the body>, spec = }
---   options           specs of a table that may stand behind that value
---   defaults          of arguments that may be left out
---   variants          another row for each value of an argument: { by = <its name>, of = <rows>,
---                     what = <the word for them> }
---   returns           what the answer holds, a name of `answers`
---   safe              the call may be sent again although it may have acted
---   once              unless it has one of these fields
---   gone              "not_found" where that is a success, after an attempt that may have acted
---   pick              which of the answer's list is the new one: the fields that it has in common
---   choose, write     functions (fields) -> the row that makes the call; -> what is sent
---   identity          (thing) -> what tells it from others in a walk, where that is not its id
---   walk              "pages" or "cursor": the method `each` gives the whole list
---   moments           by what the walk knows the list's order
---   reach             what of the list can be had: { most = <items>, split = <filters> }
---   run               a function of this folder that makes the calls, where one is not enough
---   lost              how a thing is found whose create was not answered: see lost_create.lua
---   operation         the name that the published connector gives it
---   doc               one line
--- Of `records`, what has a name is given as a record of that name: `id` tells one from another,
--- `resource` has its methods, of which those in `methods` are the record's own as well; `instead`
--- names the method by which a member is changed that no update takes; `part` (wire) tells of which
--- part of the thing a record is, where `get` takes that after the id.
local accounts = require "livechat.api.accounts"

-- ---- the service ------------------------------------------------------------------------------

--- The header lines of every request. The region in front of a token (`fra:…`) is sent on, as the
--- service once asked for it.
---@param options { access_token?: string, api_key?: string }
---@return table<string, string>
local function headers(options)
  local token = options.access_token or options.api_key or ""
  local region = token:match("^(dal):") or token:match("^(fra):")
  return { ["X-API-Version"] = "2", ["X-Region"] = region }
end

local v2 = {
  name = "v2",
  service = { name = "livechat", base_url = "https://api.livechatinc.com", headers = headers },
  services = { accounts },
}

-- ---- the rows ---------------------------------------------------------------------------------

local function add(parts, into)
  for name, part in pairs(parts) do
    assert(into[name] == nil, name)
    into[name] = part
  end
end

--- Loaded when one is first asked for: to reach the service takes none of them.
local function load_rows()
  setmetatable(v2, nil)
  v2.events = require "livechat.api.v2.events"
  -- What all resources share: a call that answers no more than that it was done.
  v2.answers = { result = { what = "a result", value = "result" } }
  v2.records, v2.resources = {}, {}
  for _, rows in ipairs {
    (require "livechat.api.v2.rows_agents"), (require "livechat.api.v2.rows_tickets"),
    (require "livechat.api.v2.rows_webhooks"), (require "livechat.api.v2.rows_chats"),
    (require "livechat.api.v2.rows_goals"), (require "livechat.api.v2.rows_reports"),
  } do
    add(rows.resources, v2.resources)
    add(rows.records, v2.records)
    add(rows.answers, v2.answers)
  end
end

return setmetatable(v2, { __index = function(_, name)
  load_rows()
  return v2[name]
end })
