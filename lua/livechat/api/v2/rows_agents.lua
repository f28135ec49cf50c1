-- SPDX-License-Identifier: MIT
--- Agents, groups and status of API version 2. ([D] docs/service.md)
local fields = require "livechat.api.v2.fields"

local FLAG, LINE, text = fields.FLAG, fields.LINE, fields.text
local needed, enum = fields.needed, fields.enum

-- ---- agents ----------------------------------------------------------------------------------

local DAYS = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }
local TIME = { type = "time" }

local agent = {
  job_title = LINE, daily_summary = FLAG, groups = fields.GROUPS,
  login_status = { type = "enum", of = fields.LOGIN_STATUS },
  permission = enum("administrator", "normal"),
  password = { type = "string", one_line = true, min = 5 },
  max_chats_count = { type = "integer", min = 0 },
}

local agents = {
  {
    name = "list", verb = "GET", path = "/agents", safe = true, returns = "agents",
    operation = "ListAgents",
    query = { status = { type = "enum", of = fields.STATUS } },
    doc = "all agents, of one status where asked",
  },
  {
    name = "get", verb = "GET", path = "/agents/{login}", safe = true, returns = "agent",
    doc = "one agent",
  },
  {
    name = "create", verb = "POST", path = "/agents", returns = "agent",
    operation = "CreateAgent",
    fields = fields.with(agent, {
      login = needed(fields.EMAIL), name = needed(text()),
      notifications = {
        type = "object", -- those that are left out have the service's defaults
        fields = { new_visitor = FLAG, incoming_chat = FLAG, returning_visitor = FLAG,
          queued_visitor = FLAG, visitor_is_typing = FLAG, new_goal = FLAG },
      },
    }),
    doc = "adds an agent; without a password they get an activation e-mail",
  },
  {
    name = "update", verb = "PUT", path = "/agents/{login}", safe = true, returns = "agent",
    fields = fields.with(agent, {
      name = text(), current_password = LINE, status = { type = "enum", of = fields.STATUS },
      notifications = {
        type = "object",
        fields = { new_visitor = FLAG, returning_visitor = FLAG, queued_visitor = FLAG,
          visitor_is_typing = FLAG },
      },
      work_scheduler = {
        type = "map", names = DAYS,
        of = { type = "object", fields = { enabled = FLAG, start = TIME, ["end"] = TIME } },
      },
    }),
    once = { "password" }, -- sent again, current_password would be the wrong one
    doc = "changes what is given; what is left out stays",
  },
  {
    name = "delete", verb = "DELETE", path = "/agents/{login}", safe = true, returns = "result",
    gone = "not_found", operation = "DeleteAgent",
    doc = "removes an agent",
  },
}

-- ---- groups ----------------------------------------------------------------------------------

local group = { name = text(), language = text(), agents = fields.list(text(), { min = 1 }) }

local groups = {
  {
    name = "list", verb = "GET", path = "/groups", safe = true, returns = "groups",
    doc = "all groups; 0 has every agent, and no list of them",
  },
  {
    name = "get", verb = "GET", path = "/groups/{id}", safe = true, returns = "group",
    doc = "one group",
  },
  {
    name = "create", verb = "POST", path = "/groups", returns = "group",
    fields = fields.with(group, { name = needed(group.name), agents = needed(group.agents) }),
    doc = "adds a group of agents, by their logins",
  },
  {
    name = "update", verb = "PUT", path = "/groups/{id}", safe = true, returns = "group",
    fields = group,
    doc = "changes what is given; `agents` replaces the list",
  },
  {
    name = "delete", verb = "DELETE", path = "/groups/{id}", safe = true, returns = "result",
    gone = "not_found",
    doc = "removes a group",
  },
}

local status = {
  {
    -- [D] `group` is a parameter, 0 by default, and the sample has it in the path, as three of the
    -- official clients.
    name = "get", verb = "GET", path = "/status/{group}", safe = true, returns = "status",
    defaults = { group = 0 },
    doc = "whether a group (default 0: all agents) takes chats: `status` is `online` or `offline`",
  },
}

-- ---- what comes back -------------------------------------------------------------------------

return {
  resources = { agents = agents, groups = groups, status = status },
  records = {
    agent = {
      name = "livechat.Agent", id = "login", resource = "agents", methods = { "delete" },
      members = {
        daily_summary = "integer", max_chats_count = "integer", last_logout = "time",
        groups = "groups", group_ids = { list = "integer" }, notifications = { map = "integer" },
        license_id = "id", work_scheduler = { map = "day" },
      },
    },
    day = { members = { enabled = "integer" } },
    agent_group = {
      name = "livechat.Group", id = "id", resource = "groups", methods = { "delete" },
      members = { id = "integer", agents = { list = "text" } },
    },
  },
  answers = {
    agent = { kind = "agent", what = "an agent", id = "login" },
    agents = { kind = "agent", what = "a list of agents", id = "login", list = true },
    group = { kind = "agent_group", what = "a group", id = "id" },
    groups = { kind = "agent_group", what = "a list of groups", id = "id", list = true },
    status = { plain = true, what = "a status", with = "status" },
  },
}
