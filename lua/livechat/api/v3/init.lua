-- SPDX-License-Identifier: MIT
--- The Configuration and Agent Chat APIs of version 3.6 as data; see v2/init.lua for what the rows
--- say. [D] api-reference 4.2, 4.3
local function headers()
  return {}
end

return {
  name = "v3",
  service = { name = "livechat", base_url = "https://api.livechatinc.com", headers = headers },
  records = {},
  answers = {},
  resources = {},
}
