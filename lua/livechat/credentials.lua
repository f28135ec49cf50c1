-- SPDX-License-Identifier: MIT
--- Files with secrets: the one that `livechat login` writes, with an account for each profile, and
--- those that `api_key_file` and `access_token_file` name. One that others may read is refused.
local core = require "livechat.core"
local json = require "livechat.json"
local text = require "livechat.text"

local spool = core.spool

local credentials = {}

local PRIVATE_FILE, PRIVATE_FOLDER = 384, 448 -- 0600, 0700
local FOR_OWNER = 64 -- a mode modulo this is what the group and others may
local MAX = 65536
local ROOT = 0

--- Where `livechat login` keeps what it is told: $XDG_CONFIG_HOME/livechat, or ~/.config/livechat.
---@param getenv fun(name: string): string|nil
---@return string|nil folder nil where the environment has neither
function credentials.folder(getenv)
  local config, home = getenv("XDG_CONFIG_HOME"), getenv("HOME")
  if config and config:sub(1, 1) == "/" then return config .. "/livechat" end
  return home and home:sub(1, 1) == "/" and home .. "/.config/livechat" or nil
end

---@param getenv fun(name: string): string|nil
---@return string|nil path
function credentials.path(getenv)
  local folder = credentials.folder(getenv)
  return folder and folder .. "/credentials"
end

--- Why what stands at a path is no file that can be read to its end; nil where it is one.
---@param path string
---@return string|nil problem
function credentials.not_file(path)
  local about, word, problem = spool.about(path, true)
  if not about then return path .. ": " .. (problem or word) end
  return about.kind ~= "file" and path .. ": is no file" or nil
end

--- The contents of a file that only its owner, who is this user or root, may read.
---@param path string
---@return string|nil contents
---@return string|nil problem
---@return boolean|nil missing there is no such file
function credentials.read(path)
  local about, word, problem = spool.about(path, true)
  if not about then
    return nil, path .. ": " .. (problem or word), word == "missing"
  elseif about.kind ~= "file" then
    return nil, path .. ": is no file"
  elseif about.mode % FOR_OWNER ~= 0 then
    return nil, path .. ": others may read it; say chmod 600 " .. path
  elseif about.owner ~= spool.user() and about.owner ~= ROOT then
    return nil, path .. ": belongs to another user"
  end
  local file
  file, problem = io.open(path, "rb")
  if not file then return nil, problem end
  local contents
  contents, problem = file:read(MAX + 1)
  file:close()
  if problem then return nil, path .. ": " .. problem end
  contents = contents or ""
  if #contents > MAX then return nil, path .. ": is too long" end
  return contents
end

--- The secret in a file of its own, without the blanks around it.
---@param path string
---@return string|nil secret
---@return string|nil problem
function credentials.secret(path)
  local contents, problem = credentials.read(path)
  if not contents then return nil, problem end
  local secret = text.trim(contents)
  if secret == "" or secret:find("%c") then return nil, path .. ": must hold one line" end
  return secret
end

---@class livechat.Profile
---@field username? string
---@field api_key? string
---@field access_token? string
---@field base_url? string
---@field api? string

--- What is signed in, by the profile's name.
---@param getenv fun(name: string): string|nil
---@return { default: string, profiles: table<string, livechat.Profile> }|nil
---@return string|nil problem
function credentials.load(getenv)
  local path = credentials.path(getenv)
  if not path then return { default = "default", profiles = {} } end
  local contents, problem, missing = credentials.read(path)
  if missing then return { default = "default", profiles = {} } end
  if not contents then return nil, problem end
  local decoded = json.decode(contents)
  local profiles = type(decoded) == "table" and decoded.profiles
  if type(profiles) ~= "table" or type(decoded.default) ~= "string" then
    return nil, path .. ": is not what livechat login writes"
  end
  for _, profile in pairs(profiles) do
    for _, value in pairs(type(profile) == "table" and profile or { 0 }) do
      if type(value) ~= "string" then return nil, path .. ": is not what livechat login writes" end
    end
  end
  return decoded
end

--- Writes the file anew, as a whole, readable by this user alone.
---@param getenv fun(name: string): string|nil
---@param data { default: string, profiles: table<string, livechat.Profile> }
---@return string|nil path
---@return string|nil problem
function credentials.save(getenv, data)
  local folder = credentials.folder(getenv)
  if not folder then return nil, "neither XDG_CONFIG_HOME nor HOME says where to keep it" end
  local parent = folder:match("^(.*)/")
  for _, each in ipairs { parent, folder } do
    if not spool.exists(each) then
      local made, word, problem = spool.make(each, PRIVATE_FOLDER)
      if not made then return nil, each .. ": " .. (problem or word) end
    end
  end
  local name = ("credentials.%s.new"):format(core.pid())
  local stored, word, problem = spool.store(folder, folder, name, json.encode(data) .. "\n",
    PRIVATE_FILE)
  if not stored then return nil, folder .. ": " .. (problem or word) end
  local path = folder .. "/credentials"
  local renamed
  renamed, problem = os.rename(folder .. "/" .. name, path)
  if not renamed then
    os.remove(folder .. "/" .. name)
    return nil, problem
  end
  return path
end

--- One profile: the one that is named, else that of LIVECHAT_PROFILE, else the one signed in last.
---@param getenv fun(name: string): string|nil
---@param name? string
---@return livechat.Profile|nil profile
---@return string|nil problem nil where nothing is signed in
---@return string|nil name
function credentials.profile(getenv, name)
  local data, problem = credentials.load(getenv)
  if not data then return nil, problem end
  local from_env = getenv("LIVECHAT_PROFILE")
  name = name or from_env ~= "" and from_env or data.default
  return data.profiles[name], nil, name
end

return credentials
