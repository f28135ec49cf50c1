/* SPDX-License-Identifier: MIT */
/* The binding of shm.c: one handle, over memory of its own or a shared file.
 * Seconds on Lua's side, microseconds on the core's. */
#include <errno.h>
#include <string.h>

#include "shm.h"
#include "stamp.h"
#include "lbind.h"

struct throttle {
  struct lc_shm *core; /* NULL: closed */
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
  if (!t->core)
    luaL_error(L, "attempt to use a closed throttle");
  return t;
}

static int64_t to_us(lua_Number seconds) {
  return lb_units(seconds, 1e6, FOREVER_US);
}

static int throttle_close(lua_State *L) {
  struct throttle *t = luaL_checkudata(L, 1, LB_THROTTLE);
  struct lc_shm *core = t->core;
  memset(t, 0, sizeof *t);
  lc_shm_close(core);
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
  char text[512] = "";
  enum lc_err err = options.path ? lc_shm_open(&t->core, &options, text, sizeof text)
                                 : lc_shm_private(&t->core, &options);
  return err ? lb_fail(L, err, options.path ? text : NULL) : 1;
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
  if (wait_us <= 0 || lc_shm_pause(t->core, wait_us) == LC_OK)
    t->owed_until_us = 0;
}

/* A member of a reservation; 0 where it has none. */
static lua_Number member(lua_State *L, int idx, const char *name) {
  lua_getfield(L, idx, name);
  lua_Number value = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return value;
}

static void leave(const struct throttle *t, uint64_t ticket) {
  if (t->core)
    lc_shm_leave(t->core, ticket);
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

static void end_sending(struct lb_sending *sending) {
  struct lc_sending *core = sending->core;
  sending->core = NULL;
  if (core)
    core->end(core);
}

static int sending_gc(lua_State *L) {
  end_sending(luaL_checkudata(L, 1, LB_SENDING));
  return 0;
}

/* The open call of the reservation at idx, NULL where it has none. */
static struct lb_sending *to_sending(lua_State *L, int idx) {
  lua_getfield(L, idx, "sending");
  struct lb_sending *sending = lb_test(L, -1, LB_SENDING);
  lua_pop(L, 1); /* the reservation keeps it alive */
  return sending && sending->core ? sending : NULL;
}

/* Asks, with the place in the queue that the reservation at 3 has, and an open call on top. */
static enum lc_err ask(lua_State *L, struct throttle *t, struct lb_sending *sending,
                       uint64_t *number, int64_t *at_us, int64_t *now_us, int64_t *again_us) {
  int64_t max_wait_us = lua_isnoneornil(L, 2) ? FOREVER_US : to_us(luaL_checknumber(L, 2));
  if (t->owed_until_us != 0)
    pay(t);
  if (!sending)
    return lc_shm_reserve(t->core, max_wait_us, number, at_us, now_us);
  return lc_shm_reserve_open(t->core, max_wait_us, number, at_us, now_us, again_us, &sending->core);
}

/* reserve(max_wait or nil, reservation that waits or nil, open) -> reservation | nil, err */
static int throttle_reserve(lua_State *L) {
  struct throttle *t = to_throttle(L);
  int64_t now_us = 0, at_us = 0, again_us = INT64_MAX;
  lua_settop(L, 4);
  if (!lua_istable(L, 3)) {
    lua_createtable(L, 0, 4);
    lua_replace(L, 3);
  }
  struct ticket *held = to_ticket(L, 3);
  uint64_t number = held ? held->number : 0;
  struct lb_sending *sending = lua_toboolean(L, 4) ? lb_new(L, sizeof *sending, LB_SENDING) : NULL;
  enum lc_err err = ask(L, t, sending, &number, &at_us, &now_us, &again_us);
  if (held)
    held->number = number;
  if (err)
    return fail(L, err, at_us - now_us);
  if (sending && sending->core)
    lua_setfield(L, 3, "sending");
  lua_pushnumber(L, (lua_Number)(at_us - now_us) / 1e6);
  lua_setfield(L, 3, "wait");
  lua_pushnumber(L, (lua_Number)(again_us < at_us ? again_us - now_us : at_us - now_us) / 1e6);
  lua_setfield(L, 3, "again");
  if (at_us > now_us) {
    if (!held && number != 0)
      set_ticket(L, 3, t, number);
  } else {
    lua_pushnumber(L, (lua_Number)at_us);
    lua_setfield(L, 3, "at");
  }
  lua_pushvalue(L, 3);
  return 1;
}

/* release(reservation): it waits no longer, or its call was certainly not sent */
static int throttle_release(lua_State *L) {
  struct throttle *t = to_throttle(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  struct ticket *held = to_ticket(L, 2);
  struct lb_sending *sending = to_sending(L, 2);
  if (held && held->number != 0) { /* it keeps its number, and its place should it ask again */
    leave(t, held->number);
  } else if (sending) {
    end_sending(sending);
    lc_shm_sweep(t->core);
  } else {
    lc_shm_release(t->core, (int64_t)member(L, 2, "at"));
  }
  return 0;
}

/* record_arrival(reservation, seconds): by then, after its moment, its call had arrived */
static int throttle_record_arrival(lua_State *L) {
  struct throttle *t = to_throttle(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  int64_t late_us = to_us(luaL_checknumber(L, 3));
  struct lb_sending *sending = to_sending(L, 2);
  if (sending) {
    lc_shm_close_call(t->core, sending->core, late_us);
    end_sending(sending);
  } else {
    lc_shm_arrived(t->core, (int64_t)member(L, 2, "at"), late_us);
  }
  return 0;
}

/* add(seconds): a call went so long ago without asking */
static int throttle_add(lua_State *L) {
  lc_shm_add(to_throttle(L)->core, to_us(luaL_checknumber(L, 2)));
  return 0;
}

static int throttle_pause(lua_State *L) {
  struct throttle *t = to_throttle(L);
  int64_t wait_us = to_us(luaL_checknumber(L, 2));
  if (lc_shm_pause(t->core, wait_us) == LC_EBUSY && lc_clock_us() + wait_us > t->owed_until_us)
    t->owed_until_us = lc_clock_us() + wait_us;
  return 0;
}

/* state() -> { calls=, period=, used=, wait= } | nil, err */
static int throttle_state(lua_State *L) {
  struct throttle *t = to_throttle(L);
  struct lc_throttle_state state = {0};
  enum lc_err err = lc_shm_state(t->core, &state);
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
  lua_pushstring(L, t->core ? LB_THROTTLE : LB_THROTTLE " (closed)");
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
static const luaL_Reg sending_meta[] = {{"__gc", sending_gc}, {NULL, NULL}};
static const luaL_Reg no_methods[] = {{NULL, NULL}};

void lb_open_throttle(lua_State *L) {
  lb_type(L, LB_TICKET, ticket_meta, no_methods);
  lb_type(L, LB_SENDING, sending_meta, no_methods);
  lb_type(L, LB_THROTTLE, meta, methods);
  lb_register(L, functions);
}
