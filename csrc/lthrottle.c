/* SPDX-License-Identifier: MIT */
/* The binding of throttle.c and shm.c: one handle, over memory of its own or a shared file.
 * Seconds on Lua's side, microseconds on the core's. */
#include <errno.h>
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
  int64_t owed_until_us; /* a pause that the file could not be told of yet; 0: none */
};

/* The place in the queue of one reservation that waits. It is left when that is collected: its
 * coroutine was dropped or closed, or a hook raised. */
struct ticket {
  uint64_t number; /* 0: none */
  struct throttle *throttle;
};

#define LB_TICKET "livechat.ticket_of_throttle"

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

/* nil, { code=, message=, wait= }: the one way in which a verb fails. */
static int fail(lua_State *L, enum lc_err err, int64_t wait_us) {
  const char *text = lc_err_name(err);
  if (err == LC_ETIMEOUT)
    text = "it would wait longer than it may";
  else if (err == LC_EBUSY)
    text = "its file is held by a process that does not go on (is it stopped?)";
  else if (err == LC_EMISMATCH)
    text = "its file was cut short or removed while it was in use, or this process has moved to "
           "another PID or time namespace";
  else if (err == LC_ESYS)
    text = strerror(errno);
  lua_pushnil(L);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, lc_err_name(err));
  lua_setfield(L, -2, "code");
  lua_pushstring(L, text);
  lua_setfield(L, -2, "message");
  if (err == LC_ETIMEOUT) {
    lua_pushnumber(L, (lua_Number)wait_us / 1e6);
    lua_setfield(L, -2, "wait");
  }
  return 2;
}

static void pay(struct throttle *t) {
  int64_t wait_us = t->owed_until_us - lc_clock_us();
  if (wait_us <= 0 || lc_shm_pause(t->shared, wait_us) == LC_OK)
    t->owed_until_us = 0;
}

static enum lc_err ask(struct throttle *t, int64_t max_wait_us, uint64_t *ticket, int64_t *at_us,
                       int64_t *now_us) {
  if (t->shared && t->owed_until_us != 0)
    pay(t);
  if (t->shared)
    return lc_shm_reserve(t->shared, max_wait_us, ticket, at_us, now_us);
  *now_us = lc_clock_us();
  return lc_throttle_reserve(t->own, *now_us, *now_us + max_wait_us, ticket, at_us);
}

/* A member of a reservation; 0 where it has none. */
static lua_Number member(lua_State *L, int idx, const char *name) {
  lua_getfield(L, idx, name);
  lua_Number value = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return value;
}

static void leave(const struct throttle *t, uint64_t ticket) {
  if (t->own)
    lc_throttle_leave(t->own, ticket);
  else if (t->shared)
    lc_shm_leave(t->shared, ticket);
}

static int ticket_gc(lua_State *L) {
  struct ticket *ticket = luaL_checkudata(L, 1, LB_TICKET);
  uint64_t number = ticket->number;
  ticket->number = 0;
  if (number != 0)
    leave(ticket->throttle, number);
  return 0;
}

/* The ticket of the reservation at idx, NULL where it has none. */
static struct ticket *to_ticket(lua_State *L, int idx) {
  lua_getfield(L, idx, "ticket");
  struct ticket *ticket = lb_test(L, -1, LB_TICKET);
  lua_pop(L, 1); /* the reservation keeps it alive */
  return ticket;
}

static void set_ticket(lua_State *L, int idx, struct throttle *t, uint64_t number) {
  struct ticket *ticket = lb_new(L, sizeof *ticket, LB_TICKET);
  ticket->number = number;
  ticket->throttle = t;
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  lb_settable(L, -2);
  lua_setfield(L, idx, "ticket");
}

/* reserve(max_wait or nil, reservation that waits or nil) -> reservation | nil, err */
static int throttle_reserve(lua_State *L) {
  struct throttle *t = to_throttle(L);
  int64_t max_wait_us = lua_isnoneornil(L, 2) ? FOREVER_US : to_us(luaL_checknumber(L, 2));
  int64_t now_us = 0, at_us = 0;
  lua_settop(L, 3);
  struct ticket *held = lua_istable(L, 3) ? to_ticket(L, 3) : NULL;
  uint64_t number = held ? held->number : 0;
  enum lc_err err = ask(t, max_wait_us, &number, &at_us, &now_us);
  if (held)
    held->number = number;
  if (err)
    return fail(L, err, at_us - now_us);
  if (!lua_istable(L, 3)) {
    lua_createtable(L, 0, 2);
    lua_replace(L, 3);
  }
  lua_pushnumber(L, (lua_Number)(at_us - now_us) / 1e6);
  lua_setfield(L, 3, "wait");
  if (at_us > now_us) {
    if (!held && number != 0)
      set_ticket(L, 3, t, number);
  } else {
    lua_pushnumber(L, (lua_Number)at_us);
    lua_setfield(L, 3, "at");
  }
  return 1;
}

/* release(reservation): it waits no longer, or its call was certainly not sent */
static int throttle_release(lua_State *L) {
  struct throttle *t = to_throttle(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  struct ticket *held = to_ticket(L, 2);
  int64_t at_us = (int64_t)member(L, 2, "at");
  if (held && held->number != 0) /* it keeps its number, and its place should it ask again */
    leave(t, held->number);
  else if (t->own)
    lc_throttle_release(t->own, at_us);
  else
    lc_shm_release(t->shared, at_us);
  return 0;
}

/* record_arrival(reservation, seconds): by then, after its moment, its call had arrived */
static int throttle_record_arrival(lua_State *L) {
  struct throttle *t = to_throttle(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  int64_t at_us = (int64_t)member(L, 2, "at");
  int64_t late_us = to_us(luaL_checknumber(L, 3));
  if (t->own)
    lc_throttle_arrived(t->own, at_us, late_us);
  else
    lc_shm_arrived(t->shared, at_us, late_us);
  return 0;
}

/* add(seconds): a call went so long ago without asking; for a throttle of this process */
static int throttle_add(lua_State *L) {
  struct throttle *t = to_throttle(L);
  luaL_argcheck(L, t->own, 1, "a throttle of this process expected");
  lc_throttle_add(t->own, lc_clock_us() - to_us(luaL_checknumber(L, 2)));
  return 0;
}

static int throttle_pause(lua_State *L) {
  struct throttle *t = to_throttle(L);
  int64_t wait_us = to_us(luaL_checknumber(L, 2));
  if (t->own)
    lc_throttle_pause(t->own, lc_clock_us() + wait_us);
  else if (lc_shm_pause(t->shared, wait_us) == LC_EBUSY &&
           lc_clock_us() + wait_us > t->owed_until_us)
    t->owed_until_us = lc_clock_us() + wait_us;
  return 0;
}

/* state() -> { calls=, period=, used=, wait= } | nil, err */
static int throttle_state(lua_State *L) {
  struct throttle *t = to_throttle(L);
  struct lc_throttle_state state = {0};
  enum lc_err err = LC_OK;
  if (t->own)
    lc_throttle_state(t->own, lc_clock_us(), &state);
  else
    err = lc_shm_state(t->shared, &state);
  if (err)
    return fail(L, err, 0);
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
    {"reserve", throttle_reserve},
    {"release", throttle_release},
    {"record_arrival", throttle_record_arrival},
    {"add", throttle_add},
    {"pause", throttle_pause},
    {"state", throttle_state},
    {"close", throttle_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {{"throttle", core_throttle}, {NULL, NULL}};

static const luaL_Reg ticket_meta[] = {{"__gc", ticket_gc}, {NULL, NULL}};
static const luaL_Reg ticket_methods[] = {{NULL, NULL}};

void lb_open_throttle(lua_State *L) {
  lb_type(L, LB_TICKET, ticket_meta, ticket_methods);
  lb_type(L, LB_THROTTLE, meta, methods);
  lb_register(L, functions);
}
