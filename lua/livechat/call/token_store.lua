-- SPDX-License-Identifier: MIT
--- The file in which processes share a token that is renewed. A refresh token may be good for one
--- renewal alone, so that the one which an answer brings must not be lost, whatever happens to the
--- process that was given it.
---
--- Next to the file `token` are `token.lock`, which is held by the process that renews (the kernel
--- gives it back for one that dies), and `token.next`, made before the service is asked: room on
--- the disk that is there already when the answer comes. The answer is written into it, synced, and
--- takes the file's name. Where a process is killed between the two, the next one that holds the
--- lock finds the answer in `token.next` and goes on from there.
---
--- In a plain program a process of its own asks and writes (signin.lua), which goes on although the
--- program is killed. In an event loop what cannot be helped is a process that is killed after the
--- service has used up the token, and before the answer has reached that process.
local core = require "livechat.core"
local disk = require "livechat.events.disk"
local json = require "livechat.json"

local token_store = {}

local SIZE = 16384 -- bytes of a file: room for large tokens
local MODE = 384 -- 0600

---@class livechat.TokenState
---@field refresh_token string
---@field access_token string|nil
---@field ends number|nil when that ends, in epoch seconds
---@field lasts number|nil how long it is good for, in seconds
---@field seed string|nil what the program was given when it began: a digest

---@class livechat.TokenStore
---@field path string
---@field disk livechat.Disk no step on an event loop's thread waits for the file
local Store = {}
Store.__index = Store

---@param path string
---@param wait? fun(fd: integer, seconds: number) another event loop's way to wait
---@return livechat.TokenStore
function token_store.new(path, wait)
  local folder, name = path:match("^(.*)/([^/]*)$")
  return setmetatable({ path = path, folder = folder == "" and "/" or folder or ".",
    name = name or path, disk = disk.new(wait) }, Store)
end

-- What keeps a file from holding a secret.
local function problem_of(about)
  if about.kind ~= "file" then
    return "is no regular file"
  elseif about.owner ~= core.spool.user() or about.mode % 64 ~= 0 then
    return "must be its user's alone (mode 0600)"
  end
end

-- The state in a file, nil where there is none; then a problem, unless the file is missing.
local function state_in(self, path)
  local about, code, text = self.disk:run("about", path, false)
  if not about then
    return nil, code ~= "missing" and path .. ": " .. text or nil
  end
  local problem = problem_of(about)
  if problem then
    return nil, path .. ": " .. problem
  end
  local held
  held, code, text = self.disk:run("fetch", path)
  if not held then
    return nil, code ~= "missing" and path .. ": " .. text or nil
  end
  local state = json.decode(held)
  if type(state) ~= "table" or type(state.refresh_token) ~= "string" then
    return nil, path .. ": holds no token; remove it to begin anew"
  end
  return state
end

--- What the processes share; nil where they share nothing yet.
---@return livechat.TokenState|nil state
---@return string|nil problem
function Store:read()
  return state_in(self, self.path)
end

-- Has what is in `token.next` take the file's name: on disk when this returns.
---@param room userdata its lock, which is closed
local function settle(self, room)
  local done, _, text = self.disk:on(room, "sync")
  if done then
    done, _, text = self.disk:on(room, "move", self.path .. ".next", self.path, false)
  else
    room:close()
  end
  if done then
    done, _, text = self.disk:run("sync_folder", self.folder)
  end
  return done, text
end

-- Finishes what a process that was killed has begun.
local function finish(self)
  if not state_in(self, self.path .. ".next") then
    return true
  end
  local room, _, text = self.disk:run("lock", self.path .. ".next")
  if not room then
    return nil, text
  end
  return settle(self, room)
end

--- The right to renew.
---@return userdata|nil lock to be closed
---@return string|nil problem nil where another process has it
function Store:lock()
  local path = self.path .. ".lock"
  local lock, code, text = self.disk:run("lock", path)
  if code == "missing" then
    local made
    made, code, text = self.disk:run("store", self.folder, self.folder, self.name .. ".lock", "",
      MODE)
    if made or code == "exists" then
      lock, code, text = self.disk:run("lock", path)
    end
  end
  if not lock then
    return nil, code ~= "busy" and path .. ": " .. tostring(text) or nil
  end
  local done
  done, text = finish(self)
  if not done then
    lock:close()
    return nil, path .. ": " .. text
  end
  return lock
end

--- Makes room for a state, with the lock held.
---@return userdata|nil room for `write`
---@return string|nil problem
function Store:prepare()
  local name = self.name .. ".next"
  local made, _, text = self.disk:run("replace", self.folder, self.folder, name,
    (" "):rep(SIZE), MODE)
  local room
  if made then
    room, _, text = self.disk:run("lock", self.folder .. "/" .. name)
  end
  if not room then
    return nil, self.path .. ": " .. text
  end
  return room
end

--- Has a state take the place of what was shared: on disk when this returns.
---@param room userdata of `prepare`, which is closed
---@param state livechat.TokenState
---@return boolean|nil done
---@return string|nil problem
function Store:write(room, state)
  local text = json.encode(state)
  local done, _, problem = self.disk:on(room, "write", text .. (" "):rep(SIZE - #text))
  if not done then
    room:close()
    return nil, problem
  end
  return settle(self, room)
end

--- Gives back what `prepare` made.
function Store:cancel(room)
  room:close()
  os.remove(self.path .. ".next") -- of the folder's cache: no wait for the disk
end

return token_store
