#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs every test and ends with the line `N passed, N failed`. `make test` starts it; narrow it with
#   ONLY=word        the suites whose name holds the word    LUA_VERSION=5.3   the specs of that Lua
#   JOBS=2           so many suites at a time; without it as many as there are processors, and up to
#                    twice as many while a processor is idle, since most suites mostly wait
# A spec runs on every Lua. One with a line `-- once` among its first five runs on 5.4 only, with
# `-- once, on jit` on LuaJIT only, with `-- once, alone` while nothing else runs. A suite has
# failed without a summary, with no test, and with an exit status of its own. A line `note: …` that
# a suite prints is always shown.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MAKELEVEL
out=build/test; rm -rf $out; mkdir -p $out
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
most=${JOBS:-$((2 * jobs))}
count=0 shown=0 all_passed=0 all_failed=0 bad=

give_up() { printf '%s\n0 passed, 1 failed\n' "$1"; exit 1; }

run() { # number, name, command: leaves number.log and number.result
  local log=$out/$1.log number=$1 name=$2 child status passed failed pending why start=$SECONDS
  shift 2
  timeout -k 10 600 "$@" >"$log" 2>&1 </dev/null &
  child=$!; trap 'kill $child' TERM; wait $child; status=$?
  read -r passed failed pending why < <(awk '
    /^[0-9]+ success(es)? \/ /        { p = $1; f = $4 + $7; n = $10; summary = 1 }
    /^[0-9]+ passed, [0-9]+ failed$/  { p = $1; f = $3; n = 0; summary = 1 }
    END { print p + 0, f + 0, n + 0, summary ? "" : "no summary" }' "$log")
  [ $((passed + failed + pending)) -gt 0 ] || why=${why:-no test}
  [ $status = 0 ] || [ "$failed" -gt 0 ] || why="${why:+$why, }exit status $status"
  [ -z "$why" ] || failed=$((failed + 1))
  echo "$passed $failed $((SECONDS - start)) $name${why:+: $why}" >"$out/$number.tmp"
  mv "$out/$number.tmp" "$out/$number.result"
}

show() { # what has ended
  local passed failed seconds name log result
  for result in $out/*.result; do
    [ -e "$result" ] || return
    shown=$((shown + 1)) log=${result%.result}.log
    read -r passed failed seconds name <"$result"
    mv "$result" "${result%.result}.shown"
    printf '%5d passed %3d failed %4d s  %s\n' "$passed" "$failed" "$seconds" "$name"
    if [ "$failed" = 0 ]; then
      grep -o 'note: .*' "$log" | sed 's/^/    /'
      awk 'named { print "    skipped: " $0 } { named = /^Pending -> / }' "$log"
    else
      awk '{ print "    " $0 }' "$log"
      bad="$bad  $name\n"
    fi
    all_passed=$((all_passed + passed)) all_failed=$((all_failed + failed))
  done
}

room() { # whether one more suite may run
  local running before after
  running=$(jobs -rp | wc -l)
  [ "$running" -ge "$jobs" ] || return 0
  read -r _ _ _ _ before _ 2>/dev/null </proc/stat # the idle time of all processors, in 1/100 s
  sleep 0.1
  [ "$running" -lt "$most" ] && read -r _ _ _ _ after _ 2>/dev/null </proc/stat || return 1
  [ $((after - before)) -ge 8 ]
}

suite() { # name, command
  case "$1" in *"${ONLY:-}"*) ;; *) return ;; esac
  until room; do show; done
  count=$((count + 1))
  run $count "$@" &
}

spec() { # Lua's version, file, wrapper
  local lua=lua$1
  [ "$1" != jit ] || lua=luajit
  suite "${2%_spec.lua} $lua${3:+ ${3%% *}}" env "${paths[$1]}" "${cpaths[$1]}" \
    ${3:-} $lua "$(command -v busted)" -o plainTerminal "$2"
}

trap 'kill $(jobs -rp) 2>/dev/null; exit 130' INT TERM
tools/deps.sh demo test || give_up "tools/deps.sh: something is missing"
make -s -j"$jobs" all ctests || give_up "make all ctests: the build failed"
declare -A paths cpaths
for v in 5.1 5.2 5.3 5.4 jit; do
  paths[$v]=$(eval "$(make -s env LUA_VERSION=$v)" && echo "LUA_PATH=$LUA_PATH")
  cpaths[$v]=$(eval "$(make -s env LUA_VERSION=$v)" && echo "LUA_CPATH=$LUA_CPATH")
done

for file in csrc/test_*.c; do
  test=$(basename "$file" .c)
  suite "$test asan" "build/asan/$test"
  [ ! -x "build/tsan/$test" ] || suite "$test tsan" "build/tsan/$test"
done
suite luacheck sh -c "luacheck -q --no-color lua spec examples bench tools bin/livechat &&
  echo '1 passed, 0 failed'"
suite "another compiler" sh -c "make -s syntax CC=clang CI=true && echo '1 passed, 0 failed'"
versions=${LUA_VERSION:-5.4 5.3 5.2 5.1 jit} alone=
valgrind="valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite"
for file in spec/*_spec.lua; do
  case "$(head -n 5 "$file" | grep '^-- once')" in
    *alone*) alone="$alone $file" ;;
    *"on jit"*) spec "${versions##* }" "$file" ;;
    ?*) spec "${versions%% *}" "$file" ;;
    *) for v in $versions; do spec "$v" "$file"; done ;;
  esac
done
for v in $versions; do # 5.1 keeps a handle's parent in another place
  case $v in 5.4 | 5.1) ;; *) continue ;; esac
  for file in spec/core*_spec.lua; do spec "$v" "$file" "$valgrind"; done
done
jobs=1 most=1
for file in $alone; do spec "${versions%% *}" "$file"; done
wait; show
[ $count -gt 0 ] || give_up "no suite's name holds '$ONLY'"
[ $shown = $count ] || give_up "$((count - shown)) of $count suites left no result"
printf '%s suites in %s s\n' $count $SECONDS
[ -z "$bad" ] || printf "failed:\n$bad"
echo "$all_passed passed, $all_failed failed" | tee $out/sum
[ "$all_failed" = 0 ]
