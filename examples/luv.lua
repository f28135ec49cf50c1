-- SPDX-License-Identifier: MIT
-- The client in a program whose loop is libuv's: calls wait in coroutines, and the loop goes on.
-- Needs luv (Debian: lua-luv), and LIVECHAT_USERNAME, LIVECHAT_API_KEY and, for the local service,
-- LIVECHAT_BASE_URL.
local livechat = require "livechat"
local uv = require "luv"

--- Lets the running coroutine stand still until fd is readable or the time is up.
local function wait(fd, seconds)
  local co = coroutine.running()
  local poll, timer = uv.new_poll(fd), uv.new_timer()
  local function go_on()
    poll:close()
    timer:close()
    assert(coroutine.resume(co))
  end
  poll:start("r", go_on)
  timer:start(math.ceil(seconds * 1000), 0, go_on)
  coroutine.yield()
end

local client = assert(livechat.new { wait = wait })

-- Something else that the program does.
local ticks, ticker = 0, uv.new_timer()
ticker:start(0, 5, function() ticks = ticks + 1 end)

coroutine.wrap(function()
  local page = assert(client.tickets:list { status = "open" })
  local results = livechat.gather(page, function(ticket)
    return assert(client.tickets:get(ticket.id))
  end)
  for _, result in ipairs(results) do
    local ticket, err = result[1], result[2]
    print(err or ticket.id .. "  " .. ticket.subject)
  end
  print(("%d of %d tickets, and the loop ticked %d times meanwhile"):format(#results, page.total,
    ticks))
  client:close()
  ticker:close()
end)()

uv.run()
