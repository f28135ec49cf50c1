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
--- What cannot be helped: a process that is killed after the service has used up the token, and
--- before the answer has reached that process.
local core = require "livechat.core"
local json = require "livechat.json"

local token_store = {}

local spool = core.spool
local SIZE = 16384 -- bytes of a file: room for large tokens
local MOST = 2 ^ 20 -- bytes that are read

---@class livechat.TokenState
---@field refresh_token string
---@field access_token string|nil
---@field ends number|nil when that ends, in epoch seconds
---@field seed string|nil what the program was given when it began: a digest

---@class livechat.TokenStore
---@field path string
local Store = {}
Store.__index = Store

---@param path string
---@return livechat.TokenStore
function token_store.new(path)
  local folder, name = path:match("^(.*)/([^/]*)$")
  return setmetatable({ path = path, folder = folder == "" and "/" or folder or ".",
    name = name or path }, Store)
end

-- The state in a file; nil where it is not there or is no state, and then why.
local function read_state(path)
  local file, problem = io.open(path, "rb")
  if not file then
    return nil, not spool.exists(path) and "missing" or problem
  end
  local text = file:read(MOST)
  file:close()
  local state = text and json.decode(text)
  if type(state) ~= "table" or type(state.refresh_token) ~= "string" then
    return nil, path .. ": holds no token; remove it to begin anew"
  end
  return state
end

-- What keeps a file from holding a secret, nil where there is nothing.
local function problem_of(path)
  local about, code, text = spool.about(path, false)
  if not about then
    return code ~= "missing" and path .. ": " .. text or nil
  elseif about.kind ~= "file" then
    return path .. ": is no regular file"
  elseif about.owner ~= spool.user() or about.mode % 64 ~= 0 then
    return path .. ": must be its user's alone (mode 0600)"
  end
end

--- What the processes share; nil where they share nothing yet.
---@return livechat.TokenState|nil state
---@return string|nil problem
function Store:read()
  local problem = problem_of(self.path)
  if problem then
    return nil, problem
  end
  local state
  state, problem = read_state(self.path)
  return state, problem ~= "missing" and problem or nil
end

--- The right to renew. Finishes what one that was killed has begun.
---@return userdata|nil lock to be closed
---@return string|nil problem nil where another process has it
function Store:lock()
  local path = self.path .. ".lock"
  local lock, code, text = spool.lock(path)
  if code == "missing" then
    local made
    made, code, text = spool.store(self.folder, self.folder, self.name .. ".lock", "", 384) -- 0600
    if made or code == "exists" then
      lock, code, text = spool.lock(path)
    end
  end
  if not lock then
    return nil, code ~= "busy" and path .. ": " .. tostring(text) or nil
  end
  local next_path = self.path .. ".next"
  if spool.exists(next_path) and not problem_of(next_path) and read_state(next_path) then
    local done, problem = os.rename(next_path, self.path)
    if not done then
      lock:close()
      return nil, problem
    end
  end
  return lock
end

--- Makes room for a state, with the lock held.
---@return userdata|nil room for `write`
---@return string|nil problem
function Store:prepare()
  local name = self.name .. ".next"
  local made, _, text = spool.replace(self.folder, self.folder, name, (" "):rep(SIZE), 384) -- 0600
  local room
  if made then
    room, _, text = spool.lock(self.folder .. "/" .. name)
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
  local done, _, problem = room:write(text .. (" "):rep(SIZE - #text))
  if done then
    done, _, problem = room:sync()
  end
  room:close()
  if done then
    done, problem = os.rename(self.path .. ".next", self.path)
  end
  if done then
    done, _, problem = spool.sync_folder(self.folder)
  end
  return done, problem
end

--- Gives back what `prepare` made.
function Store:cancel(room)
  room:close()
  os.remove(self.path .. ".next")
end

return token_store
