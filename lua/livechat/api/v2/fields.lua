-- SPDX-License-Identifier: MIT
--- Specs of fields that several resources of API version 2 share: see check.lua.
local fields = {
  FLAG = { type = "flag" },
  EMAIL = { type = "email" },
  DATE = { type = "date" },
  GROUP = { type = "group", min = 0 },
  SCALAR = { type = "scalar" },
  LINE = { type = "string", one_line = true }, -- may be empty
  ZONE = {
    type = "string", like = { "^%u[%w_+/-]*$", "the name of a time zone, as Europe/Paris" },
  },
  LOGIN_STATUS = { "accepting chats", "not accepting chats" },
  STATUS = { "accepting chats", "not accepting chats", "offline" },
}

--- A set of fields with more of them, or with others of their names.
---@param some table
---@param more table|nil
function fields.with(some, more)
  local made = {}
  for name, spec in pairs(some) do
    made[name] = spec
  end
  for name, spec in pairs(more or {}) do
    made[name] = spec
  end
  return made
end

--- One line of text that is not empty.
function fields.text(more)
  return fields.with({ type = "string", one_line = true, min = 1 }, more)
end

--- The same spec where the field must be there.
function fields.needed(spec)
  return fields.with(spec, { required = true })
end

function fields.list(of, more)
  return fields.with({ type = "list", of = of }, more)
end

function fields.enum(...)
  return { type = "enum", of = { ... } }
end

fields.TEXTS = fields.list(fields.text())
fields.GROUPS = fields.list(fields.GROUP)

return fields
