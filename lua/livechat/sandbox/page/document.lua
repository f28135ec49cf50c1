-- SPDX-License-Identifier: MIT
-- The page as an HTML document: what view.lua shows, whole, so that it can be read where no script
-- runs. The script writes the same cells into the same places: see page.js, `cell`.
local dates = require "livechat.sandbox.dates"
local text = require "livechat.sandbox.page.text"
local view = require "livechat.sandbox.page.view"

local document = {}

local escape = text.escape
local ACT = "/_sandbox/page/"

-- Cells --------------------------------------------------------------------------------------

-- Today's times without the day; the script writes them in the reader's own zone.
local function time(at, now)
  local today = os.date("!%Y-%m-%d", math.floor(now)) == os.date("!%Y-%m-%d", math.floor(at))
  return ('<time datetime="%s">%s</time>'):format(dates.iso_milliseconds(at),
    os.date(today and "!%H:%M:%S" or "!%Y-%m-%d %H:%M", math.floor(at)))
end

local function word(shown, tone)
  return ('<span class="word" data-tone="%s">%s</span>'):format(tone, escape(shown))
end

local function button(cell)
  local hidden = {}
  for name, value in pairs(cell.fields) do
    hidden[#hidden + 1] = ('<input type="hidden" name="%s" value="%s">'):format(escape(name),
      escape(value))
  end
  local switch = cell.switch ~= nil and (' role="switch" aria-checked="%s"'):format(
    tostring(cell.switch)) or ""
  return ('<form method="post" action="%s%s">%s<button%s aria-label="%s">%s</button></form>')
    :format(ACT, escape(cell.act), table.concat(hidden), switch, escape(cell.label),
      escape(cell.text))
end

local function steps(list, now)
  local items = {}
  for i, step in ipairs(list) do
    items[i] = ("<li>%s %s</li>"):format(word(step.text, step.tone), time(step.at, now))
  end
  return "<ol>" .. table.concat(items) .. "</ol>"
end

local function cell(value, now)
  if type(value) == "string" then return "<bdi>" .. escape(value) .. "</bdi>" end
  if value.at then return time(value.at, now) end
  if value.code then return "<code>" .. escape(value.code) .. "</code>" end
  if value.steps then return steps(value.steps, now) end
  if value.act then return button(value) end
  return word(value.text, value.tone)
end

-- Lists --------------------------------------------------------------------------------------

local function head(columns)
  local cells = {}
  for i, name in ipairs(columns) do
    cells[i] = ('<th scope="col" role="columnheader">%s</th>'):format(escape(name))
  end
  return '<thead role="rowgroup"><tr role="row">' .. table.concat(cells) .. "</tr></thead>"
end

local function body(columns, rows, now)
  local lines = {}
  for i, row in ipairs(rows) do
    local cells = {}
    for n, value in ipairs(row.cells) do
      cells[n] = ('<td role="cell" data-column="%s">%s</td>'):format(escape(columns[n]),
        cell(value, now))
    end
    lines[i] = ('<tr role="row" data-id="%s">%s</tr>'):format(escape(row.id), table.concat(cells))
  end
  return '<tbody role="rowgroup">' .. table.concat(lines) .. "</tbody>"
end

-- What is not shown, and the way to more of it.
local function rest(each, list, about)
  local hidden = list.total - #list.rows
  if hidden <= 0 then return "" end
  local limit, names = about.limits[each.name], {}
  if limit >= about.most then
    return ("%s more are not shown here: ask the API."):format(hidden)
  end
  for _, other in ipairs(view.LISTS) do
    local wanted = about.limits[other.name] * (other == each and 5 or 1)
    if wanted > about.fewest then
      names[#names + 1] = ("%s=%d"):format(other.name, math.min(wanted, about.most))
    end
  end
  return ('<a href="/?%s#%s">Show more</a> of %d'):format(table.concat(names, "&amp;"),
    each.name, list.total)
end

local function section(each, list, about, before)
  return ([[
<section id="%s" aria-labelledby="%s-title">
<h2 id="%s-title" tabindex="-1">%s <span class="count" data-count="%s">%d</span></h2>
%s<table role="table" aria-labelledby="%s-title">%s%s</table>
<p class="none"%s>%s</p>
<p class="more">%s</p>
</section>
]]):format(each.name, each.name, each.name, escape(each.title), each.name,
    list.count or list.total, before or "", each.name, head(each.columns),
    body(each.columns, list.rows, about.now), #list.rows > 0 and " hidden" or "",
    escape(each.none), rest(each, list, about))
end

-- The throttle -------------------------------------------------------------------------------

-- The calls of each sixtieth of the window, those refused on top: two paths in a box of 60 by 20.
local function columns(shown)
  local most, accepted, turned = 4, {}, {}
  for i, count in ipairs(shown.accepted) do most = math.max(most, count + shown.turned[i]) end
  for i, count in ipairs(shown.accepted) do
    local high, on_top = 20 * count / most, 20 * shown.turned[i] / most
    accepted[i] = ("M%.2f 20v-%.2fh.7v%.2fz"):format(i - 0.85, high, high)
    turned[i] = ("M%.2f %.2fv-%.2fh.7v%.2fz"):format(i - 0.85, 20 - high, on_top, on_top)
  end
  return ('<path class="accepted" d="%s"/><path class="turned" d="%s"/>'):format(
    table.concat(accepted), table.concat(turned))
end

local function throttle(shown)
  local share = shown.limit > 0 and math.min(1000, math.floor(1000 * shown.used / shown.limit)) or 0
  return ([[
<section id="throttle" aria-labelledby="throttle-title">
<h2 id="throttle-title">Throttle <span class="window" id="window">%s</span></h2>
<p class="figures"><strong id="used">%s</strong>
<span id="refused" data-some="%s"><b>%d</b> refused with 429</span></p>
<svg class="bar" id="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="meter"
 aria-labelledby="throttle-title" aria-valuemin="0" aria-valuemax="%d" aria-valuenow="%d"
 aria-valuetext="%s"><rect width="%d" height="10"/></svg>
<p id="note">%s</p>
<div class="chart" aria-hidden="true">
<svg id="columns" viewBox="0 0 60 20" preserveAspectRatio="none">%s</svg>
<p><span id="since">%s</span><span>now</span></p></div>
</section>
]]):format(escape(shown.window), escape(shown.summary), tostring(shown.refused > 0),
    shown.refused, shown.limit, math.min(shown.used, shown.limit),
    escape(shown.summary), share, escape(shown.note), columns(shown), escape(shown.since))
end

-- Buttons ------------------------------------------------------------------------------------

local TICKET = [[
<section aria-labelledby="write-title"><h2 id="write-title">Write a ticket</h2>
<form method="post" action="/_sandbox/page/tickets" novalidate>
<label>Subject <input name="subject" value="Where is my parcel?" autocomplete="off"></label>
<details><summary>Message and sender</summary>
<label>Message
<textarea name="message" rows="3">It should have been here on Friday.</textarea></label>
<label>Name <input name="requester[name]" value="Mary Brown" autocomplete="off"></label>
<label>E-mail <input name="requester[mail]" type="email" value="mary.brown@example.net"
 autocomplete="off"></label></details>
<button class="main">Create the ticket</button></form></section>
<section aria-labelledby="chat-title"><h2 id="chat-title">Chat</h2>
<form method="post" action="/_sandbox/page/chats/start"><button>Start a chat</button></form>
</section>
]]

local CLOCK = [[
<section aria-labelledby="clock-title"><h2 id="clock-title">Clock</h2>
<p id="clock-note">%s</p>
<form method="post" action="/_sandbox/page/clock"><div class="row" role="group"
 aria-label="Turn the clock forward by">
<button name="advance" value="20">+20 s</button>
<button name="advance" value="60">+1 min</button>
<button name="advance" value="3600">+1 h</button>
<button name="advance" value="21600">+6 h</button></div></form>
<form class="row" method="post" action="/_sandbox/page/clock" novalidate>
<label>Seconds <input name="advance" inputmode="decimal" value="90" autocomplete="off"></label>
<button>Turn forward</button></form></section>
]]

local FAULT = [[
<form class="row" method="post" action="/_sandbox/page/faults/on">
<label>Another fault <input name="fault" value="http500@2/POST /tickets" autocomplete="off"
 autocapitalize="off" spellcheck="false"></label><button>Add</button></form>
]]

local TOP = [[
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>LiveChat sandbox</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/_sandbox/page/icon.svg">
<link rel="stylesheet" href="/_sandbox/page/page.css">
<script src="/_sandbox/page/page.js" type="module"></script></head>
<body data-events="/_sandbox/page/events?%s">
<a class="skip" href="#main">Skip to the lists</a>
<header><h1>LiveChat sandbox</h1>
<p id="state" class="word" data-tone="quiet">as it was at %s UTC</p>
<noscript><p><a href="/">Load again</a></p></noscript>
<button id="pause" aria-pressed="false" hidden>Pause</button></header>
<p id="said" role="status"%s>%s</p>
]]

local function names_of_limits(limits)
  local names = {}
  for _, each in ipairs(view.LISTS) do names[#names + 1] = each.name .. "=" .. limits[each.name] end
  return table.concat(names, "&amp;")
end

local function navigation(parts)
  local links = {}
  for i, each in ipairs(view.LISTS) do
    local list = parts[each.name]
    links[i] = ('<li><a href="#%s">%s <b data-count="%s">%d</b></a></li>'):format(each.name,
      escape(each.title), each.name, list.count or list.total)
  end
  return '<nav aria-label="Lists"><ul>' .. table.concat(links) .. "</ul></nav>\n"
end

--- Writes the document.
---@param parts table what view.lua built, by name
---@param about table { now=, limits=<rows by list>, fewest=, most=<rows>, said=<words>|nil,
--- failed=<whether they tell of a failure> }
---@return string
function document.write(parts, about)
  local out = { TOP:format(names_of_limits(about.limits),
    os.date("!%H:%M:%S", math.floor(about.now)), about.failed and ' data-tone="bad"' or "",
    escape(about.said or "")), throttle(parts.throttle), navigation(parts),
    '<div class="sides"><aside aria-label="Try something">\n', TICKET,
    CLOCK:format(escape(parts.clock.note)) }
  local lists = {}
  for _, each in ipairs(view.LISTS) do
    if each.name == "faults" then
      out[#out + 1] = section(each, parts.faults, about, FAULT)
    else
      lists[#lists + 1] = section(each, parts[each.name], about)
    end
  end
  out[#out + 1] = '</aside>\n<main id="main" tabindex="-1">\n'
  out[#out + 1] = table.concat(lists)
  out[#out + 1] = "</main></div>\n</body></html>\n"
  return table.concat(out)
end

return document
