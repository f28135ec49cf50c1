-- SPDX-License-Identifier: MIT
--- Times as chats show them, by zone; and zones.lua against the local service's own reading of the
--- same files.
local chats = require "livechat.api.v2.chats"
local core = require "livechat.core"
local theirs = require "livechat.sandbox.zones"
local zones = require "livechat.api.v2.zones"

local function shown(text, zone)
  local seconds = chats.shown_time(text, zone)
  return seconds and core.timestamp(seconds)
end

describe("a time as a chat shows it", function()
  it("is a moment by the chat's zone", function()
    for _, case in ipairs {
      { "Wed, 01/23/13 11:40:53 am", "Europe/Warsaw", "2013-01-23T10:40:53.000Z" },
      { "Wed, 01/23/13 12:05:09 pm", "UTC", "2013-01-23T12:05:09.000Z" },
      { "Wed, 01/23/13 12:05:09 am", "UTC", "2013-01-23T00:05:09.000Z" },
      { "Wed, 01/23/13 1:05:09 PM", "America/New_York", "2013-01-23T18:05:09.000Z" },
      { "Tue, 07/23/13 01:05:09 pm", "America/New_York", "2013-07-23T17:05:09.000Z" },
      { "Thu, 02/29/24 11:59:59 pm", "Asia/Kolkata", "2024-02-29T18:29:59.000Z" },
      -- Shown twice: the first; leapt over: counted from the leap.
      { "Sun, 11/02/25 01:30:00 am", "America/New_York", "2025-11-02T05:30:00.000Z" },
      { "Sun, 03/09/25 02:30:00 am", "America/New_York", "2025-03-09T07:30:00.000Z" },
      -- After the last change that the file lists, by the rule at its end.
      { "Fri, 07/01/50 12:00:00 pm", "Europe/Berlin", "2050-07-01T10:00:00.000Z" },
      { "Sat, 01/01/50 12:00:00 am", "Australia/Sydney", "2049-12-31T13:00:00.000Z" },
    } do
      assert.equal(case[3], shown(case[1], case[2]), case[1])
    end
  end)

  it("is none where the zone is not known or the text has another form", function()
    for _, zone in ipairs { "Nowhere/City", "../../../etc/passwd", "/etc/passwd", "europe/paris",
      "", ("X"):rep(1e5), 5, {}, true } do
      assert.is_nil(shown("Wed, 01/23/13 11:40:53 am", zone))
    end
    for _, text in ipairs { "", "Wed, 13/23/13 11:40:53 am", "Wed, 01/23/13 13:40:53 am",
      "Wed, 01/23/13 11:40:53", "01/23/13 11:40:53 am", "2013-01-23 11:40:53" } do
      assert.is_nil(shown(text, "UTC"))
    end
    assert.is_nil(shown("Wed, 01/23/13 11:40:53 am", nil))
  end)

  it("is what the local service's clock shows at that moment", function()
    for _, name in ipairs { "America/New_York", "Europe/London", "Australia/Lord_Howe",
      "Asia/Kathmandu", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia" } do
      local zone = theirs.find(name)
      for _, start in ipairs { 1325376000, 1735689600, 3187296000 } do -- 2012, 2025, 2071
        for hour = 0, 8784, 7 do
          local clock = zone.clock(start + hour * 3600 + 1234)
          local again = zone.clock(zones.seconds(clock, name))
          if again ~= clock then error(name .. " " .. core.timestamp(clock)) end
        end
      end
    end
  end)
end)
