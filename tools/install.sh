#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make install` and `make uninstall` do: tools/install.sh install|uninstall PREFIX VERSION…
# for the Luas that are named (5.1 stands for LuaJIT too); DESTDIR is put before all paths, the C
# modules go to LIBDIR instead of PREFIX/lib, LUA is the program that runs the command. Modes do not
# depend on the umask, and nothing of an earlier version stays.
set -eu
umask 022
action=$1 prefix=$2
shift 2
to="${DESTDIR:-}$prefix" libdir="${LIBDIR:-$prefix/lib}"
lib="${DESTDIR:-}$libdir/lua" doc="$to/share/doc/livechat"

remove() { # version
  rm -rf "$to/share/lua/$1/livechat" "$lib/$1/livechat"
}

place() { # version
  share="$to/share/lua/$1"
  install -d -m 755 "$lib/$1/livechat" "$share"
  install -m 755 "build/$1/livechat/core.so" "build/$1/livechat/engine.so" \
    "$lib/$1/livechat"
  cp -R lua/livechat "$share/livechat"
  find "$share/livechat" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
}

MAN=share/man/man1/livechat.1
BASH=share/bash-completion/completions/livechat
ZSH=share/zsh/site-functions/_livechat
FISH=share/fish/vendor_completions.d/livechat.fish

# What the command says about itself: its manual page and what shells complete. Where this Lua
# cannot run it, because lua-cjson is not there yet, the modules are installed all the same.
place_pages() { # version lua
  unset LUA_PATH_5_2 LUA_PATH_5_3 LUA_PATH_5_4 LUA_CPATH_5_2 LUA_CPATH_5_3 LUA_CPATH_5_4
  export LUA_PATH="lua/?.lua;lua/?/init.lua;${LUA_PATH:-;}"
  export LUA_CPATH="build/$1/?.so;${LUA_CPATH:-;}"
  while read -r file words; do
    # shellcheck disable=SC2086 # two words
    "$2" bin/livechat $words >build/page || { echo "not installed: $to/$file" >&2; continue; }
    install -d -m 755 "$(dirname "$to/$file")"
    install -m 644 build/page "$to/$file"
  done <<ROWS
$MAN man
$BASH completion bash
$ZSH completion zsh
$FISH completion fish
ROWS
}

# The command, for the first of these Luas that has an interpreter here.
command_for() { # version
  for name in ${LUA:-lua$1 $([ "$1" != 5.1 ] || echo luajit)}; do
    lua=$(command -v "$name") || continue
    install -d -m 755 "$to/bin"
    { printf '#!%s\n-- SPDX-License-Identifier: MIT\n' "$lua"
      printf 'local prefix, version = "%s", _VERSION:match "5%%.%%d"\n' "$prefix"
      printf 'package.path = ("%%s/share/lua/%%s/?.lua;%%s/share/lua/%%s/?/init.lua;")\n'
      printf '  :format(prefix, version, prefix, version) .. package.path\n'
      printf 'package.cpath = ("%%s/lua/%%s/?.so;"):format("%s", version)' "$libdir"
      printf ' .. package.cpath\n'
      sed '1,/^\]\]/d' bin/livechat; } >"build/livechat"
    install -m 755 build/livechat "$to/bin/livechat"
    place_pages "$1" "$lua"
    return 0
  done
  return 1
}

for version; do remove "$version"; done
if [ "$action" = uninstall ]; then
  rm -f "$to/bin/livechat" "$to/$MAN" "$to/$BASH" "$to/$ZSH" "$to/$FISH"
  rm -rf "$doc"
  exit 0
fi
[ $# -gt 0 ] || { echo "nothing is built: run make first" >&2; exit 1; }
for version; do place "$version"; done
install -d -m 755 "$doc"
install -m 644 LICENSE "$doc"
newest_first=$(printf '%s\n' "$@" | sort -r)
for version in $newest_first; do
  ! command_for "$version" || exit 0
done
echo "no lua program for $* is here: the modules are installed, bin/livechat is not" >&2
