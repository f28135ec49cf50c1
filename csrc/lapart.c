/* SPDX-License-Identifier: MIT */
/* The binding of apart.c. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "apart.h"
#include "lbind.h"

#define LB_APART "livechat.apart"

enum { MAX_RESULT = 1 << 20, MAX_WAIT_MS = 60000 };

struct apart {
  int fd; /* -1: closed */
  struct lc_buf result;
};

static int apart_close(lua_State *L) {
  struct apart *apart = luaL_checkudata(L, 1, LB_APART);
  int fd = apart->fd;
  apart->fd = -1;
  if (fd >= 0)
    close(fd);
  lc_buf_wipe(&apart->result);
  lc_buf_free(&apart->result);
  return 0;
}

/* In the new process: the function's text is the result, "" where it raises or gives none. */
static void run_apart(lua_State *L, int fd) {
  size_t len = 0;
  lua_gc(L, LUA_GCSTOP, 0); /* nothing of the caller's is finalised here */
  const char *text = lua_pcall(L, 0, 1, 0) == 0 ? lua_tolstring(L, -1, &len) : NULL;
  lc_apart_end(fd, text, text ? len : 0);
}

/* apart(function() -> text) -> work | nil, code, text: the function runs in a process of its own,
 * and to its end although this one is killed. It must not yield. */
static int core_apart(lua_State *L) {
  bool is_apart = false;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  struct apart *apart = lb_new(L, sizeof *apart, LB_APART);
  apart->fd = -1;
  lc_buf_init(&apart->result, MAX_RESULT);
  enum lc_err err = lc_apart_begin(&apart->fd, &is_apart);
  if (is_apart) {
    lua_pushvalue(L, 1);
    run_apart(L, apart->fd);
  }
  return err ? lb_fail(L, err, err == LC_ESYS ? strerror(errno) : NULL) : 1;
}

/* work:wait(seconds) -> text | nil, "timeout" | nil, code, text */
static int apart_wait(lua_State *L) {
  struct apart *apart = luaL_checkudata(L, 1, LB_APART);
  if (apart->fd < 0)
    return luaL_error(L, "attempt to use work that is closed");
  int wait_ms = (int)lb_units(luaL_checknumber(L, 2), 1000, MAX_WAIT_MS);
  enum lc_err err = lc_apart_wait(apart->fd, wait_ms, &apart->result);
  if (err != LC_OK)
    return lb_fail(L, err, err == LC_ESYS ? strerror(errno) : NULL);
  lua_pushlstring(L, apart->result.data ? apart->result.data : "", apart->result.len);
  return 1;
}

static const luaL_Reg functions[] = {{"apart", core_apart}, {NULL, NULL}};
static const luaL_Reg meta[] = {{"__gc", apart_close}, {"__close", apart_close}, {NULL, NULL}};
static const luaL_Reg methods[] = {{"wait", apart_wait}, {"close", apart_close}, {NULL, NULL}};

void lb_open_apart(lua_State *L) {
  lb_type(L, LB_APART, meta, methods);
  lb_register(L, functions);
}
