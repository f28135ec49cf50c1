-- SPDX-License-Identifier: MIT
--- HelpDesk's API, version 1, as data; see v2/init.lua for what the rows say.
local teams = {
  {
    name = "list", verb = "GET", path = "/teams", safe = true, returns = "teams",
    doc = "all teams",
  },
}

local records = {
  team = { members = { ID = "id" } },
}

local answers = {
  teams = { kind = "team", what = "a list of teams", id = "ID", list = true },
}

return {
  name = "helpdesk",
  service = {
    name = "helpdesk", option = "helpdesk_url", base_url = "https://api.helpdesk.com/v1",
    headers = function() return {} end,
  },
  records = records,
  answers = answers,
  resources = { teams = teams },
}
