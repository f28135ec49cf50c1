-- SPDX-License-Identifier: MIT
-- What the machine knows about names: /etc/hosts, which nginx's resolver does not read, and the
-- name servers that nginx is to ask about the others.
local hosts = {}

local LARGEST_FILE = 1048576

local function lines_of(path)
  local file = io.open(path, "rb")
  local text = file and file:read(LARGEST_FILE) or ""
  if file then file:close() end
  return text:gmatch("[^\n]+")
end

-- nginx wants brackets around an IPv6 address.
local function written(address)
  return address:find(":", 1, true) and "[" .. address .. "]" or address
end

--- The addresses that a file gives a name, in its order; `localhost` always has one.
---@param name string
---@param path string|nil "/etc/hosts"
---@return string[]
function hosts.find(name, path)
  name = name:lower()
  local found = {}
  for line in lines_of(path or "/etc/hosts") do
    local address, names = line:match("^%s*([%x.:]+)%s+([^#]*)")
    for each in (names or ""):gmatch("%S+") do
      if each:lower() == name then found[#found + 1] = written(address) end
    end
  end
  if name == "localhost" and #found == 0 then found[1] = "127.0.0.1" end
  return found
end

--- What nginx's directive `resolver` takes, or nil where the machine has no name server. Addresses
-- of IPv6 are only looked for where a way leads there.
---@param path string|nil "/etc/resolv.conf"
---@return string|nil
function hosts.resolver(path)
  local servers, outside = {}, false
  for line in lines_of(path or "/etc/resolv.conf") do
    local address = line:match("^%s*nameserver%s+([%x.:]+)%s*$")
    if address and (address:find(":", 1, true) or address:find("^%d+%.%d+%.%d+%.%d+$")) then
      servers[#servers + 1] = written(address)
    end
  end
  for line in lines_of("/proc/net/if_inet6") do
    -- address, index, prefix, scope (00 is global), flags, name
    if line:find("^%x+ %x+ %x+ 00 %x+ +%S") then outside = true end
  end
  if #servers == 0 then return nil end
  return table.concat(servers, " ") .. (outside and "" or " ipv6=off")
end

return hosts
