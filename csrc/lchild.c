/* SPDX-License-Identifier: MIT */
/* The binding of child.c. */
#include <errno.h>
#include <string.h>

#include "child.h"
#include "lbind.h"

#define LB_CHILD "livechat.child"

enum { MAX_WORDS = 64 };

static const int64_t MAX_WAIT_MS = INT64_C(1000) * 365 * 24 * 3600;

struct child {
  struct lc_child *core; /* NULL: closed */
  int signal;
};

/* spawn{ "/path/of/program", "argument", … } -> child | nil, code, text */
static int core_spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  const char *words[MAX_WORDS + 1] = {NULL};
  for (int n = 0;; n++) {
    lua_rawgeti(L, 1, n + 1);
    if (lua_isnil(L, -1))
      break;
    if (n == MAX_WORDS || lua_type(L, -1) != LUA_TSTRING)
      return luaL_error(L, "spawn: at most %d strings expected", (int)MAX_WORDS);
    words[n] = lua_tostring(L, -1); /* the table keeps it alive */
    lua_pop(L, 1);
  }
  if (!words[0])
    return luaL_error(L, "spawn: a program expected");
  struct child *child = lb_new(L, sizeof *child, LB_CHILD);
  enum lc_err err = lc_child_start(&child->core, (char *const *)words);
  return err ? lb_fail(L, err, err == LC_ESYS ? strerror(errno) : NULL) : 1;
}

/* child:wait(seconds) -> status, signal: an exit status, or 128 and a signal's number; and the
 * signal that was passed on, nil where none was | nil, "timeout", signal */
static int child_wait(lua_State *L) {
  struct child *child = luaL_checkudata(L, 1, LB_CHILD);
  if (!child->core)
    return luaL_error(L, "attempt to use a closed child");
  int64_t wait_ms = lb_units(luaL_checknumber(L, 2), 1000, MAX_WAIT_MS);
  int status = 0;
  enum lc_err err = lc_child_wait(child->core, wait_ms, &status, &child->signal);
  if (err == LC_OK)
    lua_pushinteger(L, status);
  else
    lua_pushnil(L);
  if (err != LC_OK)
    lua_pushstring(L, lc_err_name(err));
  if (child->signal != 0)
    lua_pushinteger(L, child->signal);
  else
    lua_pushnil(L);
  return err == LC_OK ? 2 : 3;
}

static int child_close(lua_State *L) {
  struct child *child = luaL_checkudata(L, 1, LB_CHILD);
  struct lc_child *core = child->core;
  child->core = NULL;
  lc_child_free(core);
  return 0;
}

static const luaL_Reg functions[] = {{"spawn", core_spawn}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", child_close}, {"__close", child_close}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"wait", child_wait}, {"close", child_close}, {NULL, NULL}};

void lb_open_child(lua_State *L) {
  lb_type(L, LB_CHILD, meta, methods);
  lb_register(L, functions);
}
