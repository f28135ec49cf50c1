-- SPDX-License-Identifier: MIT
--- `livechat completion bash|zsh|fish`: what a shell completes, from the commands' own data.
local args = require "livechat.cli.args"
local help = require "livechat.cli.help"

local SHELLS = { "bash", "zsh", "fish" }

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function commands_of(all)
  local list = {}
  for _, name in ipairs(all.order) do list[#list + 1] = all.single[name] end
  for _, name in ipairs(help.sorted(all.groups)) do
    for _, verb in ipairs(all.groups[name].order) do
      list[#list + 1] = all.groups[name].verbs[verb]
    end
  end
  return list
end

local function first_words(all)
  local words = help.sorted(all.groups)
  for _, name in ipairs(all.order) do words[#words + 1] = name end
  words[#words + 1] = "help"
  return words
end

-- One entry of a case: the words that may follow, one a line.
local function entry(pattern, words)
  return ("    %s) words=%s ;;\n"):format(pattern, quote(table.concat(words, "\n")))
end

-- What follows an option with words of its own, then what else follows the command.
local function command_entries(command)
  local made, words = {}, {}
  for i, option in ipairs(command.options) do
    words[i] = "--" .. option.name
    if option.of then
      made[#made + 1] = entry(quote(command.name .. " --" .. option.name), option.of)
    end
  end
  made[#made + 1] = entry(quote(command.name) .. " | " .. quote(command.name) .. "' '*", words)
  return table.concat(made)
end

local BASH = [[
# Written by `livechat completion bash`.
_livechat() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words= line
  local command=${COMP_WORDS[1]}
  case $command in
    %s) [ "$COMP_CWORD" -le 2 ] || command="$command ${COMP_WORDS[2]}" ;;
  esac
  [ "$COMP_CWORD" -gt 1 ] || command=
  case $previous in --*) command="$command $previous" ;; esac
  case $command in
%s  esac
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in "$current"*) COMPREPLY+=("$(printf %%q "$line")") ;; esac
  done <<EOF
$words
EOF
  [ -n "$words" ] && [ -n "${COMPREPLY[0]}" ] || COMPREPLY=($(compgen -f -- "$current"))
}
]]

local function bash(all)
  local groups, cases = help.sorted(all.groups), {}
  for _, command in ipairs(commands_of(all)) do cases[#cases + 1] = command_entries(command) end
  cases[#cases + 1] = entry("''", first_words(all))
  for _, name in ipairs(groups) do
    cases[#cases + 1] = entry(name, all.groups[name].order)
  end
  return BASH:format(table.concat(groups, " | "), table.concat(cases))
end

local function fish(all)
  local lines = { "# Written by `livechat completion fish`.", "complete -c livechat -f" }
  local function add(condition, rest)
    lines[#lines + 1] = ("complete -c livechat -n %s %s"):format(quote(condition), rest)
  end
  local function first(name, summary)
    add("__fish_use_subcommand", ("-a %s -d %s"):format(name, quote(summary)))
  end
  for _, name in ipairs(all.order) do first(name, all.single[name].summary) end
  for _, name in ipairs(help.sorted(all.groups)) do
    local group = all.groups[name]
    first(name, group.summary)
    for _, verb in ipairs(group.order) do
      add(("__fish_seen_subcommand_from %s; and not __fish_seen_subcommand_from %s"):format(name,
        table.concat(group.order, " ")), ("-a %s -d %s"):format(verb,
        quote(group.verbs[verb].summary)))
    end
  end
  for _, command in ipairs(commands_of(all)) do
    local condition = "__fish_seen_subcommand_from "
      .. command.name:gsub(" ", "; and __fish_seen_subcommand_from ")
    for _, option in ipairs(command.options) do
      local takes = option.value and " -r" or ""
      local words = {}
      for i, word in ipairs(option.of or {}) do words[i] = "'" .. word .. "'" end
      add(condition, ("-l %s -d %s%s%s"):format(option.name, quote(option.help), takes,
        #words > 0 and " -a " .. quote(table.concat(words, " ")):gsub("'\\''", "\"") or ""))
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local writers = { fish = fish }

function writers.bash(all)
  return bash(all) .. "complete -F _livechat livechat\n"
end

function writers.zsh(all)
  return "#compdef livechat\nautoload -U +X bashcompinit && bashcompinit\n" .. bash(all)
    .. "complete -F _livechat livechat\n"
end

return {
  completion = {
    summary = "print what makes a shell complete these commands",
    usage = "bash | zsh | fish", options = {},
    example = "livechat completion bash >~/.local/share/bash-completion/completions/livechat",
    run = function(_, rest, shell)
      local registry = require "livechat.cli.registry" -- which has this file's command, too
      local writer = #rest == 1 and writers[rest[1]]
      if not writer then
        return nil, "one shell of " .. table.concat(SHELLS, ", ") .. " expected"
          .. (rest[1] and args.suggestion(rest[1], SHELLS) or "")
      end
      shell.out(writer(registry.union()))
      return 0
    end,
  },
}
