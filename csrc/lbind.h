/* SPDX-License-Identifier: MIT */
/* The binding's only header: Lua 5.1 to 5.4 and LuaJIT behind one set of names, which are our own,
 * so that a library built on the headers of 5.1 loads in LuaJIT too. */
#ifndef LC_LBIND_H
#define LC_LBIND_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "secret.h"
#include "sending.h"

#define LB_SECRET "livechat.secret"
#define LB_ENGINE "livechat.engine"
#define LB_CALL "livechat.call"
#define LB_THROTTLE "livechat.throttle"
#define LB_ENDER "livechat.ender"
#define LB_SENDING "livechat.sending"

/* A zeroed userdata that already has its metatable: what __gc sees before the handle is opened is
 * a closed one. */
void *lb_new(lua_State *L, size_t size, const char *type);
/* The userdata at idx where it is of that type, else NULL. */
void *lb_test(lua_State *L, int idx, const char *type);
/* One table belongs to each userdata: what it keeps alive. */
void lb_settable(lua_State *L, int idx); /* pops the table */
void lb_gettable(lua_State *L, int idx); /* pushes it */

/* Registers metatable `type`: metamethods go into it, methods into its __index. */
void lb_type(lua_State *L, const char *type, const luaL_Reg *meta, const luaL_Reg *methods);
void lb_register(lua_State *L, const luaL_Reg *functions);

/* Members of the options table at idx, without its metamethods. A string stays on the stack, which
 * keeps it alive whatever becomes of the table; so does the value of lb_rawfield. */
void lb_rawfield(lua_State *L, int idx, const char *name);
lua_Number lb_number(lua_State *L, int idx, const char *name, lua_Number otherwise);
const char *lb_string(lua_State *L, int idx, const char *name); /* NULL: absent */
bool lb_flag(lua_State *L, int idx, const char *name);
/* The string at idx; raises where it is none or holds a NUL. len may be NULL. */
const char *lb_checkline(lua_State *L, int idx, const char *name, size_t *len);

/* Seconds to whole units, rounded up, clamped to [0, max]: a wait is never cut short. */
int64_t lb_units(lua_Number seconds, lua_Number per_second, int64_t max);

/* nil, name of err, text; the number of results. */
int lb_fail(lua_State *L, enum lc_err err, const char *text);

const struct lc_secret *lb_tosecret(lua_State *L, int idx); /* raises where it is wiped */

/* How another library's thread ends parked calls of an engine. Whoever uses it holds it. */
struct lb_ender {
  void (*end)(void *owner, const uint64_t *ids, size_t n);
  void *owner;
};

/* A call that a throttle let go, for the engine that sends it. */
struct lb_sending {
  struct lc_sending *core; /* NULL: ended */
};

void lb_open_throttle(lua_State *L); /* each adds its functions to the table on top */
void lb_open_record(lua_State *L);
void lb_open_spool(lua_State *L);
void lb_open_disk(lua_State *L);
void lb_open_child(lua_State *L);
void lb_open_apart(lua_State *L);

#endif
