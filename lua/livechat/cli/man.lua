-- SPDX-License-Identifier: MIT
--- The manual page, from the same data as --help.
local account = require "livechat.cli.account"
local help = require "livechat.cli.help"
local livechat = require "livechat"

-- Letters beyond ASCII by their numbers: not every roff reads UTF-8.
local function numbered(char)
  local lead = char:byte()
  local code = lead < 0xe0 and lead - 0xc0 or lead < 0xf0 and lead - 0xe0 or lead - 0xf0
  for i = 2, #char do code = code * 64 + char:byte(i) - 0x80 end
  return ("\\[u%04X]"):format(code)
end

local function escape(text)
  text = text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("[\192-\244][\128-\191]+", numbered)
  return (text:gsub("\n([.'])", "\n\\&%1"):gsub("^([.'])", "\\&%1"))
end

local HEAD = [[
.TH LIVECHAT 1 "" "livechat %s" "User Commands"
.SH NAME
livechat \- LiveChat's helpdesk in a shell
.SH SYNOPSIS
.B livechat
.I RESOURCE VERB
[\fIOPTIONS\fR] [\fIARGUMENTS\fR]
.br
.B livechat
.I COMMAND
[\fIOPTIONS\fR] [\fIARGUMENTS\fR]
.SH DESCRIPTION
Each method of each resource of the service is a command. On a terminal it prints a table, fitted
to its width; elsewhere the same with tabs between, whole. What customers wrote is printed so that
it moves nothing: control characters stand as \ex1b, marks of direction as \eu{202e}.
]]

local TAIL = [[
.SH EXIT STATUS
0; 1 where something failed; 2 for a mistake in how it was called; 4 without an account;
130 after an interrupt.
.SH ENVIRONMENT
.TP
.B LIVECHAT_USERNAME LIVECHAT_API_KEY LIVECHAT_ACCESS_TOKEN
the credentials, before those of
.B livechat login
.TP
.B LIVECHAT_BASE_URL LIVECHAT_API LIVECHAT_PROFILE
the service, its dialect, and the profile of
.B livechat login
.TP
.B LIVECHAT_THROTTLE LIVECHAT_INBOX LIVECHAT_WEBHOOK_TOKEN
the file of a shared throttle, the folder of an inbox, the token that webhooks carry
.TP
.B NO_COLOR COLUMNS
no bold heads; the width of a table at a terminal
.SH FILES
.TP
.I $XDG_CONFIG_HOME/livechat/credentials
what
.B livechat login
keeps, mode 0600
]]

local function command_page(command)
  local lines = { ".SS " .. escape(help.usage(command)), escape(command.summary) }
  for _, option in ipairs(command.options) do
    lines[#lines + 1] = ".TP\n.B " .. escape(help.option(option)) .. "\n" .. escape(option.help)
  end
  if command.more then
    lines[#lines + 1] = ".PP\n.nf\n" .. escape((command.more:gsub("\n$", ""))) .. "\n.fi"
  end
  lines[#lines + 1] = ".PP\nExample:\n.PP\n.RS\n.nf\n" .. escape(command.example) .. "\n.fi\n.RE"
  return table.concat(lines, "\n") .. "\n"
end

local OTHER = [[
.SH WITH --api %s
These commands are only there with
.BR \-\-api\ %s ,
or are called in another way there.
]]

local function single_pages(all)
  local parts = {}
  for _, name in ipairs(all.order) do parts[#parts + 1] = command_page(all.single[name]) end
  return table.concat(parts)
end

-- The pages of a resource's verbs, but those that are `known`.
local function group_pages(group, known)
  local parts = {}
  for _, verb in ipairs(group.order) do
    local text = command_page(group.verbs[verb])
    if not known[text] then parts[#parts + 1] = text end
    known[text] = true
  end
  return table.concat(parts)
end

-- The first API whole, of another one what is not the same.
local function page(registry)
  local parts, known = { HEAD:format(livechat._VERSION), ".SH COMMANDS\n" }, {}
  for i, api in ipairs(account.APIS) do
    local all = registry.all(api)
    parts[#parts + 1] = i == 1 and single_pages(all) or OTHER:format(api, api)
    for _, name in ipairs(help.sorted(all.groups)) do
      parts[#parts + 1] = i == 1 and ".SH " .. escape(name:upper()) .. "\n" or nil
      parts[#parts + 1] = group_pages(all.groups[name], known)
    end
  end
  parts[#parts + 1] = TAIL
  return table.concat(parts)
end

return {
  man = {
    summary = "print the manual page", usage = "", options = {},
    example = "livechat man | man -l -",
    run = function(_, rest, shell)
      if #rest > 0 then return nil, "no argument expected: " .. rest[1] end
      shell.out(page(require "livechat.cli.registry"))
      return 0
    end,
  },
}
