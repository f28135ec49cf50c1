-- SPDX-License-Identifier: MIT
--- Which folder is an inbox: one that has the four folders of one, or nothing yet, and that no
--- stranger can have prepared or can change. What is in a folder is handled and then removed, so
--- that one of another program must not be taken for an inbox because its path was mistyped; a
--- mailbox in the manner of a maildir has a `new` and a `tmp` too.
local core = require "livechat.core"

local spool = core.spool

local inbox_folder = {}

local NAMES = { "tmp", "new", "done", "failed" }
local OURS = { tmp = true, new = true, done = true, failed = true, ["lost+found"] = true }
local ROOT = 0

--- Whether strangers may take away what is in it, which a sticky bit forbids.
local function is_open(mode)
  return mode % 4 >= 2 and math.floor(mode / 512) % 2 == 0
end

local function group_may_write(mode)
  return math.floor(mode / 8) % 4 >= 2
end

--- The folder that a path leads to, also over a link, unless that was made by a stranger.
---@return table|nil about
---@return string|nil problem "missing", or a text
local function folder_at(files, path, me)
  local about, word, text = files:run("about", path)
  if about and about.kind == "link" then
    local owner = about.owner
    about, word, text = files:run("about", path, true)
    if not about and word == "missing" then
      return nil, "is a link that leads nowhere"
    elseif about and owner ~= me and owner ~= ROOT and owner ~= about.owner then
      return nil, "is a link that another user made"
    end
  end
  if not about then
    return nil, word == "missing" and word or text
  end
  return about.kind == "folder" and about or nil, "Not a directory"
end

--- Whether all four are there. Where strangers may make folders, none may be one of theirs.
local function has_folders(files, path, mode, owner, me)
  local count = 0
  for _, name in ipairs(NAMES) do
    local about, word, text = files:run("about", path .. "/" .. name)
    if not about and word ~= "missing" then
      return nil, text
    elseif about and about.kind ~= "folder" then
      return nil, "is not an inbox: its " .. name .. " is not a folder"
    elseif about and is_open(about.mode) and not is_open(mode) then
      return nil, "may not be used: everyone may write to its " .. name
    elseif about and about.owner ~= owner and about.owner ~= me and about.owner ~= ROOT
      and not group_may_write(about.mode) then
      return nil, ("may not be used: its %s belongs to another user (%d)"):format(name, about.owner)
    end
    count = count + (about and 1 or 0)
  end
  return count == #NAMES
end

local function holds_other(files, path)
  local names, _, text = files:run("names", path)
  if not names then
    return text
  end
  table.sort(names)
  for _, name in ipairs(names) do
    if not OURS[name] and name:sub(1, 1) ~= "." then
      return "is not an inbox: it holds '" .. name:gsub("%c", "?") .. "'"
    end
  end
  return nil
end

--- Looks at what is there before it is used.
---@param files livechat.Disk
---@param path string
---@param mode integer that of the folders which are made here
---@return "whole"|"parts"|nil found "parts": not all four folders are there
---@return string|nil problem "missing" where there is nothing, else a text
function inbox_folder.check(files, path, mode)
  local me = spool.user()
  path = path:match("^(.*[^/])/*$") or path -- lstat would follow a link with a slash behind it
  local about, problem = folder_at(files, path, me)
  if not about then
    return nil, problem
  elseif is_open(about.mode) and not is_open(mode) then
    return nil, "may not be used: everyone may write to it"
  end
  local complete
  complete, problem = has_folders(files, path, mode, about.owner, me)
  if complete == nil then
    return nil, problem
  end
  local ours = about.owner == me or about.owner == ROOT and not complete
  local shared = group_may_write(about.mode) or me == ROOT and complete or about.owner == ROOT
  if not ours and not shared then
    return nil, ("may not be used: it belongs to another user (%d)"):format(about.owner)
  end
  problem = not complete and holds_other(files, path) or nil
  return not problem and (complete and "whole" or "parts") or nil, problem
end

--- "0660" gives files 0660 and folders 2770: who may read may enter, and a group keeps what it
--- shares.
---@param mode string as options.is.permissions knows it
---@return integer of_files
---@return integer of_folders
function inbox_folder.modes(mode)
  local digits = mode:sub(-3)
  local folder = digits:gsub("[46]", { ["4"] = "5", ["6"] = "7" })
  local shared = digits:sub(2, 2) ~= "0" and "2" or ""
  return tonumber(digits, 8), tonumber(shared .. folder, 8)
end

--- Makes what is missing of it.
---@param files livechat.Disk
---@param path string
---@param mode integer
---@return true|nil
---@return string|nil message
function inbox_folder.make(files, path, mode)
  local made, _, text = files:run("make", path, mode)
  for i = 1, made and #NAMES or 0 do
    made, _, text = files:run("make", path .. "/" .. NAMES[i], mode)
    if not made then break end
  end
  return made, text
end

return inbox_folder
