#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing for the sets named as arguments (demo, test, bench, deb): Debian's
# packages, with apt-get, which is not called where nothing is missing. On any other system it names
# them.
# With lua-posix and lua-md5 luarocks starts no program for each file that it installs.
# A row: set, package ("a|b": either will do, a is installed), the command that shows it elsewhere.
set -eu

missing=
while read -r set package command; do
  case " $* " in *" $set "*) ;; *) continue ;; esac
  if command -v dpkg-query >/dev/null; then
    dpkg-query -W -f '${db:Status-Status}\n' ${package//|/ } 2>/dev/null |
      grep -qx installed && continue
  elif [ "$command" = - ] || command -v "$command" >/dev/null; then
    continue
  fi
  missing="$missing ${package%%|*}"
done <<ROWS
demo make make
demo gcc cc
demo libc6-dev -
demo pkg-config|pkgconf pkg-config
demo libcurl4-openssl-dev|libcurl4-gnutls-dev curl-config
demo lua5.4 lua5.4
demo liblua5.4-dev -
demo liblua5.1-dev|liblua5.1-0-dev -
demo lua-cjson -
demo nginx nginx
demo libnginx-mod-http-lua -
test lua5.1 lua5.1
test lua5.2 lua5.2
test lua5.3 lua5.3
test luajit2|luajit luajit
test liblua5.2-dev -
test liblua5.3-dev -
test lua-busted busted
test lua-check luacheck
test luarocks luarocks
test lua-posix -
test lua-md5 -
test clang clang
test lua-cqueues -
test lua-luv -
test lua-socket -
test lua-redis -
test lua-nginx-redis -
test redis-server redis-server
test procps pgrep
test iproute2 ip
test openssl openssl
test chromium chromium
test chromium-driver chromedriver
test bsdutils script
test valgrind valgrind
bench wrk wrk
deb debhelper dh
deb lintian lintian
ROWS
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
if ! command -v apt-get >/dev/null || ! command -v ${as_root:-env} >/dev/null; then
  echo "$0: missing here (by the names of Debian's packages):$missing" >&2
  echo "Install them with this system's package manager, then run the command again." >&2
  exit 1
fi
echo "installing:$missing"
apt="$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300"
$apt update
$apt install -y --no-install-recommends -o Dpkg::Use-Pty=0 $missing </dev/null >/dev/null
