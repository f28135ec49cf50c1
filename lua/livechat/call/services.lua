-- SPDX-License-Identifier: MIT
--- The services that a connection reaches: where each lies, the header lines that it wants, and the
--- credential, of which each has one of its own because a secret goes to one origin alone.
---
--- A service, as a dialect describes it, is a table:
---   name        what `client:request` calls it by
---   option      the option of livechat.new that says where it lies; default "base_url"
---   base_url    where it lies else
---   folder      the path below that where everything is; the option may end with it
---   headers     (options) -> the header lines of every request, by name
---   failure     (status, decoded, headers) -> kind, code, more: what an answer says that failed,
---               also one of status 200; nil leaves it to retry.lua's table by status. `more` are
---               header lines with which the service would take the call
---   token       the path at which it renews access tokens, of one service
---   error_text  (decoded) -> what an answer says, where that is in a form of the service's own
local core = require "livechat.core"
local errors = require "livechat.errors"
local json = require "livechat.json"
local read = require "livechat.api.read"
local request = require "livechat.call.request"

local services = {}

local FNAME = "livechat.new"

---@class livechat.ServicePlace
---@field service table
---@field base string for request.build
---@field base_url string as the caller wrote it
---@field headers table<string, string>
---@field lines table<boolean, string[]> the same as lines, without and with a body
---@field secret userdata

local function make_secret(credential, base_url)
  local secret, _, text
  if credential.access_token then
    secret, _, text = core.secret("bearer", credential.access_token, base_url)
  else
    secret, _, text = core.secret("basic", credential.username, credential.api_key, base_url)
  end
  if not secret then
    local field = credential.access_token and "access_token" or "username"
    errors.raise_argument(field, FNAME, "cannot be sent as a credential: " .. text)
  end
  return secret
end

--- Adds to the header lines of every request. Those that cannot be sent are left out.
---@param more table<string, string>
function services.add_headers(place, more)
  local headers = {}
  for name, value in pairs(place.headers) do headers[name] = value end
  for name, value in pairs(more) do headers[name] = value end
  local lines = { [false] = request.lines(headers, false), [true] = request.lines(headers, true) }
  if lines[true] then
    place.headers, place.lines = headers, lines
  end
end

local function place_of(service, options, user_agent)
  local option = service.option or "base_url"
  local base_url = options[option] or service.base_url
  local base, err = request.base(base_url)
  if not base then
    errors.raise_argument(option, FNAME, err.message)
  end
  if service.folder and base:sub(-#service.folder) ~= service.folder then
    base = base .. service.folder
  end
  local headers = { ["User-Agent"] = options.user_agent or user_agent }
  for name, value in pairs(service.headers(options)) do
    headers[name] = value
  end
  local place = { service = service, base = base, base_url = base_url, headers = {} }
  services.add_headers(place, headers)
  return place
end

--- Where the services of dialects lie. Raises where an option says no such place, or the credential
--- cannot be sent.
---@param dialects table[] each with `service`, and perhaps `services`, a list of others
---@param options livechat.Options resolved
---@return table<table, livechat.ServicePlace> places by the service
function services.places(dialects, options, user_agent)
  local places = {}
  for _, dialect in ipairs(dialects) do
    places[dialect.service] = place_of(dialect.service, options, user_agent)
    for _, service in ipairs(dialect.services or {}) do
      places[service] = place_of(service, options, user_agent)
    end
  end
  if not options.oauth then -- that gets its first token when it is needed
    services.bind(places, options)
  end
  return places
end

-- A token begins with its region and a colon. Copied out of a URL, which writes that as %3A, it is
-- "invalid": said so often in the service's forum. [D] docs/service.md
local function as_written(token)
  return token and token:gsub("^(%a[%w-]*)%%3[Aa]", "%1:", 1) or nil
end

--- Gives every service the credential, each a secret of its own; those that they had are wiped.
---@param credential { access_token?: string, username?: string, api_key?: string }
function services.bind(places, credential)
  local made = {}
  credential = { access_token = as_written(credential.access_token),
    username = credential.username, api_key = as_written(credential.api_key) }
  for service, place in pairs(places) do
    services.add_headers(place, service.headers(credential))
    made[service] = make_secret(credential, place.base_url)
  end
  for service, place in pairs(places) do
    if place.secret then
      place.secret:wipe()
    end
    place.secret = made[service]
  end
end

--- What an error's body says, nil where it says nothing that can be read.
function services.error_text(place, decoded, body)
  local own = place.service.error_text
  return own and own(decoded) or read.error_text(decoded, body)
end

--- The header lines of a request.
---@param more table<string, string>|nil beside, or instead of, the service's own
function services.lines(place, has_body, more)
  if not more then
    return place.lines[has_body]
  end
  local headers = {}
  for name, value in pairs(place.headers) do headers[name] = value end
  for name, value in pairs(more) do headers[name] = value end
  return request.lines(headers, has_body)
end

--- What an answer says, by the service's own words where it has some: some services tell of a
--- failure with a status that says success.
---@return boolean fine
---@return table said { decoded=, problem=<why it cannot be read>, kind=, code=,
---   headers=<with which it would have been taken> }
function services.judge(service, result)
  if not result.status then
    return false, {}
  end
  local said = {}
  local success = result.status >= 200 and result.status < 300
  if result.body ~= "" then
    local text
    said.decoded, text = json.decode(result.body, core.utf8)
    said.problem = success and text and "the answer is not JSON: " .. text or nil
  end
  if service.failure and not (success and said.decoded == nil) then
    said.kind, said.code, said.headers = service.failure(result.status, said.decoded,
      result.headers)
  end
  return success and not said.kind, said
end

return services
