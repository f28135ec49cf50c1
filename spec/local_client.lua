-- SPDX-License-Identifier: MIT
--- Clients of a local service that is this spec's own, and what it saw of them.
local assert = require "luassert"
local helper = require "spec.helper"
local livechat = require "livechat"

local local_client = {}

local sandbox

--- For a spec's setup.
function local_client.start()
  sandbox = helper.sandbox { seed = 60, calls = false }
  return sandbox
end

--- For before_each: the service as it was at its start.
---@return livechat.Client
function local_client.fresh()
  sandbox.control("POST", "reset")
  sandbox.control("DELETE", "calls")
  return local_client.connect()
end

---@param options? table those of livechat.new, beside or instead of these
---@return livechat.Client
function local_client.connect(options)
  local with = {
    username = sandbox.username, api_key = sandbox.api_key, base_url = sandbox.url,
    throttle = false, retry = { base = 0.01 }, timeout = 10, reconcile = 2,
  }
  for name, value in pairs(options or {}) do
    with[name] = value
  end
  return assert(livechat.new(with))
end

--- Faults of the service from now on, each as faults.lua says how one is written.
function local_client.fault(...)
  sandbox.control("POST", "faults", { faults = { ... } })
end

--- Which calls came: accepted, refused, applied.
function local_client.calls()
  return sandbox.control("GET", "calls")
end

--- What a call gave is an error of that kind; gives the error.
function local_client.failed(kind, value, err)
  assert.is_nil(value)
  assert.truthy(type(err) == "table" and err.kind, "an error object expected")
  assert.equal(kind, err.kind, tostring(err))
  return err
end

return local_client
