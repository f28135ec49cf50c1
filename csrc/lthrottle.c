/* SPDX-License-Identifier: MIT */
/* The binding of throttle.c and shm.c: one handle, over memory of its own or a shared file.
 * Seconds on Lua's side, microseconds on the core's. */
#include <stdlib.h>
#include <string.h>

#include "shm.h"
#include "stamp.h"
#include "lbind.h"

struct throttle {
  struct lc_throttle *own; /* exactly one of the two while open */
  struct lc_shm *shared;
  uint32_t calls;
  int64_t period_us;
};

static const int64_t FOREVER_US = INT64_MAX / 4;

static struct throttle *to_throttle(lua_State *L) {
  struct throttle *t = luaL_checkudata(L, 1, LB_THROTTLE);
  if (!t->own && !t->shared)
    luaL_error(L, "attempt to use a closed throttle");
  return t;
}

static int64_t to_us(lua_Number seconds) {
  return lb_units(seconds, 1e6, FOREVER_US);
}

static int throttle_close(lua_State *L) {
  struct throttle *t = luaL_checkudata(L, 1, LB_THROTTLE);
  struct throttle old = *t;
  memset(t, 0, sizeof *t);
  free(old.own);
  lc_shm_close(old.shared);
  return 0;
}

/* throttle{ calls=, period=, guard=, path=, mode= } -> throttle | nil, code, text */
static int core_throttle(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  struct lc_shm_options options = {
      .path = lb_string(L, 1, "path"),
      .mode = (unsigned)lb_number(L, 1, "mode", 0600),
      .calls = (uint32_t)lb_number(L, 1, "calls", 100),
      .period_us = to_us(lb_number(L, 1, "period", 60)),
      .guard_us = to_us(lb_number(L, 1, "guard", 0.05)),
  };
  struct throttle *t = lb_new(L, sizeof *t, LB_THROTTLE);
  t->calls = options.calls;
  t->period_us = options.period_us;
  if (options.path) {
    char text[512] = "";
    enum lc_err err = lc_shm_open(&t->shared, &options, text, sizeof text);
    return err ? lb_fail(L, err, text) : 1;
  }
  size_t size = lc_throttle_size(options.calls);
  t->own = size ? calloc(1, size) : NULL;
  if (!t->own)
    return lb_fail(L, size ? LC_ENOMEM : LC_EINVAL, NULL);
  enum lc_err err = lc_throttle_init(t->own, options.calls, options.period_us, options.guard_us);
  return err ? lb_fail(L, err, NULL) : 1;
}

/* reserve(max_wait or nil) -> wait, grant | nil, the wait it would take | nil, code, text */
static int throttle_reserve(lua_State *L) {
  struct throttle *t = to_throttle(L);
  int64_t max_wait_us = lua_isnoneornil(L, 2) ? FOREVER_US : to_us(luaL_checknumber(L, 2));
  int64_t now_us = 0, at_us = 0;
  enum lc_err err;
  if (t->own) {
    now_us = lc_clock_us();
    err = lc_throttle_reserve(t->own, now_us, now_us + max_wait_us, &at_us);
  } else {
    err = lc_shm_reserve(t->shared, max_wait_us, &at_us, &now_us);
  }
  if (err && err != LC_ETIMEOUT)
    return lb_fail(L, err, NULL);
  if (err)
    lua_pushnil(L);
  lua_pushnumber(L, (lua_Number)(at_us - now_us) / 1e6);
  if (err)
    return 2;
  lua_pushnumber(L, (lua_Number)at_us);
  return 2;
}

static int throttle_release(lua_State *L) {
  struct throttle *t = to_throttle(L);
  int64_t at_us = (int64_t)luaL_checknumber(L, 2);
  if (t->own)
    lc_throttle_release(t->own, at_us);
  else
    lc_shm_release(t->shared, at_us);
  return 0;
}

/* settle(grant, seconds): by then, after the grant's moment, its call had arrived */
static int throttle_settle(lua_State *L) {
  struct throttle *t = to_throttle(L);
  int64_t at_us = (int64_t)luaL_checknumber(L, 2);
  int64_t late_us = to_us(luaL_checknumber(L, 3));
  if (t->own)
    lc_throttle_settle(t->own, at_us, late_us);
  else
    lc_shm_settle(t->shared, at_us, late_us);
  return 0;
}

static int throttle_pause(lua_State *L) {
  struct throttle *t = to_throttle(L);
  int64_t wait_us = to_us(luaL_checknumber(L, 2));
  if (t->own)
    lc_throttle_pause(t->own, lc_clock_us() + wait_us);
  else
    lc_shm_pause(t->shared, wait_us);
  return 0;
}

static enum lc_err get_state(const struct throttle *t, struct lc_throttle_state *state) {
  memset(state, 0, sizeof *state);
  if (t->shared)
    return lc_shm_state(t->shared, state);
  lc_throttle_state(t->own, lc_clock_us(), state);
  return LC_OK;
}

/* paused() -> seconds, 0 where nothing is known of a pause */
static int throttle_paused(lua_State *L) {
  struct throttle *t = to_throttle(L);
  struct lc_throttle_state state;
  get_state(t, &state);
  lua_pushnumber(L, (lua_Number)state.paused_us / 1e6);
  return 1;
}

/* state() -> { calls=, period=, used=, wait= } | nil, code, text */
static int throttle_state(lua_State *L) {
  struct throttle *t = to_throttle(L);
  struct lc_throttle_state state;
  enum lc_err err = get_state(t, &state);
  if (err)
    return lb_fail(L, err, NULL);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)t->calls);
  lua_setfield(L, -2, "calls");
  lua_pushnumber(L, (lua_Number)t->period_us / 1e6);
  lua_setfield(L, -2, "period");
  lua_pushinteger(L, (lua_Integer)state.used);
  lua_setfield(L, -2, "used");
  lua_pushnumber(L, (lua_Number)state.wait_us / 1e6);
  lua_setfield(L, -2, "wait");
  return 1;
}

static int throttle_tostring(lua_State *L) {
  const struct throttle *t = luaL_checkudata(L, 1, LB_THROTTLE);
  lua_pushstring(L, t->own || t->shared ? LB_THROTTLE : LB_THROTTLE " (closed)");
  return 1;
}

static const luaL_Reg meta[] = {
    {"__gc", throttle_close},
    {"__close", throttle_close},
    {"__tostring", throttle_tostring},
    {NULL, NULL},
};

static const luaL_Reg methods[] = {
    {"reserve", throttle_reserve}, {"release", throttle_release},
    {"settle", throttle_settle},   {"pause", throttle_pause},
    {"paused", throttle_paused},   {"state", throttle_state},
    {"close", throttle_close},     {NULL, NULL},
};

static const luaL_Reg functions[] = {{"throttle", core_throttle}, {NULL, NULL}};

void lb_open_throttle(lua_State *L) {
  lb_type(L, LB_THROTTLE, meta, methods);
  lb_register(L, functions);
}
