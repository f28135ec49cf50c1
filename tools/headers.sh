#!/bin/sh
# SPDX-License-Identifier: MIT
# The compiler's flags for the headers of a Lua (5.1 … 5.4), nothing where there are none:
# pkg-config's, by whichever name it calls that Lua, or the folder where they usually lie. 5.1 may
# be LuaJIT's. PKG_CONFIG=false looks in the folders alone, INCLUDES names others.
version=$1 short=${1%.*}${1#*.}
[ "$version" = 5.1 ] && jit=luajit
for name in "lua$version" "lua-$version" "lua$short" $jit; do
  "${PKG_CONFIG:-pkg-config}" --exists "$name" 2>/dev/null || continue
  "${PKG_CONFIG:-pkg-config}" --cflags "$name"
  exit
done
for include in ${INCLUDES:-/usr/include /usr/local/include /opt/homebrew/include}; do
  for name in "lua$version" "lua-$version" "lua/$version" "lua$short" ${jit:+luajit-2.1}; do
    [ -f "$include/$name/lua.h" ] || continue
    echo "-I$include/$name"
    exit
  done
done
