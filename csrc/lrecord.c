/* SPDX-License-Identifier: MIT */
/* Records (Ticket, Agent): a userdata over the decoded answer of the service.
 *
 * A member is normalised when it is first read, by the class's `read`, and the result is kept; an
 * assignment is staged until it is sent. What a record keeps is in its table. What may be changed
 * and how it is sent is the business of Lua. */
#include <string.h>

#include "lbind.h"

enum { WIRE = 1, CACHE, STAGED, OWNER, SLOTS = OWNER };

/* Upvalues of a class's metamethods. */
enum { METHODS = 1, READ, CLASS, META };

static const char MARK[] = "livechat.record"; /* in the metatable of every class */

/* Pushes the table of the record at idx; raises for anything else. */
static void check_record(lua_State *L, int idx) {
  bool is = false;
  if (lua_type(L, idx) == LUA_TUSERDATA && lua_getmetatable(L, idx)) {
    lb_rawfield(L, -1, MARK);
    is = lua_toboolean(L, -1) != 0;
    lua_pop(L, 2);
    lb_gettable(L, idx);
    is = is && lua_istable(L, -1);
  }
  if (!is)
    luaL_argerror(L, idx, "record expected");
}

/* Whether it is a record of the running metamethod's own class. */
static bool is_own(lua_State *L, int idx) {
  if (lua_type(L, idx) != LUA_TUSERDATA || !lua_getmetatable(L, idx))
    return false;
  bool own = lua_rawequal(L, -1, lua_upvalueindex(META)) != 0;
  lua_pop(L, 1);
  return own;
}

/* A script can call a metamethod, with anything. */
static void check_own(lua_State *L, int idx) {
  if (!is_own(L, idx))
    luaL_argerror(L, idx, "record expected");
}

/* Pushes table[slot][key] for the key at idx, or nil; `table` is a stack index. */
static void slot_get(lua_State *L, int table, int slot, int key) {
  lua_rawgeti(L, table, slot);
  if (lua_istable(L, -1)) {
    lua_pushvalue(L, key);
    lua_rawget(L, -2);
  } else {
    lua_pushnil(L);
  }
  lua_remove(L, -2);
}

/* table[slot][key] = the value on top (kept there); the table in the slot is made when needed. */
static void slot_set(lua_State *L, int table, int slot, int key) {
  lua_rawgeti(L, table, slot);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, table, slot);
  }
  lua_pushvalue(L, key);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

static int record_index(lua_State *L) {
  check_own(L, 1);
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(METHODS));
  if (!lua_isnil(L, -1))
    return 1;
  lb_gettable(L, 1); /* at 4 */
  static const int kept[] = {STAGED, CACHE};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    slot_get(L, 4, kept[i], 2);
    if (!lua_isnil(L, -1))
      return 1;
    lua_pop(L, 1);
  }
  lua_pushvalue(L, lua_upvalueindex(READ));
  lua_pushvalue(L, 2);
  slot_get(L, 4, WIRE, 2);
  if (lua_isnil(L, -1))
    return 1;
  lua_rawgeti(L, 4, WIRE);
  lua_call(L, 3, 1);
  if (!lua_isnil(L, -1))
    slot_set(L, 4, CACHE, 2);
  return 1;
}

static int record_newindex(lua_State *L) {
  check_own(L, 1);
  luaL_checktype(L, 2, LUA_TSTRING);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(METHODS));
  if (!lua_isnil(L, -1))
    return luaL_error(L, "'%s' is a method of this record, not a field", lua_tostring(L, 2));
  lua_getfield(L, lua_upvalueindex(CLASS), "id");
  if (lua_rawequal(L, -1, 2))
    return luaL_error(L, "'%s' says which record this is, and cannot be changed",
                      lua_tostring(L, 2));
  lua_settop(L, 3);
  lb_gettable(L, 1);
  lua_insert(L, 3);
  slot_set(L, 3, STAGED, 2);
  return 0;
}

static int record_tostring(lua_State *L) {
  check_own(L, 1);
  lua_getfield(L, lua_upvalueindex(CLASS), "name");
  lua_getfield(L, lua_upvalueindex(CLASS), "id");
  lua_gettable(L, 1);
  const char *id = lua_tostring(L, -1);
  lua_pushfstring(L, "%s: %s", lua_tostring(L, -2), id ? id : "(no id)");
  return 1;
}

/* The same kind, the same id, the same account: the last is for the class to say. */
static int record_eq(lua_State *L) {
  lua_settop(L, 2);
  lua_pushboolean(L, 0);
  if (!is_own(L, 1) || !is_own(L, 2))
    return 1;
  for (int record = 1; record <= 2; record++) {
    lua_getfield(L, lua_upvalueindex(CLASS), "id");
    lua_gettable(L, record);
  }
  if (lua_isnil(L, -1) || !lua_rawequal(L, -1, -2)) {
    lua_settop(L, 3);
    return 1;
  }
  lua_getfield(L, lua_upvalueindex(CLASS), "same_account");
  for (int record = 1; record <= 2; record++) {
    lb_gettable(L, record);
    lua_rawgeti(L, -1, OWNER);
    lua_remove(L, -2);
  }
  lua_call(L, 2, 1);
  return 1;
}

static int record_pairs(lua_State *L) {
  check_own(L, 1);
  lua_getglobal(L, "next");
  lua_getfield(L, lua_upvalueindex(METHODS), "totable");
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  lua_pushnil(L);
  return 3;
}

static const luaL_Reg meta[] = {
    {"__index", record_index},       {"__newindex", record_newindex}, {"__eq", record_eq},
    {"__tostring", record_tostring}, {"__pairs", record_pairs},       {NULL, NULL},
};

/* Upvalue 1: the class's metatable. new(wire, owner) -> record */
static int class_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  lua_newuserdata(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_setmetatable(L, -2);
  lua_createtable(L, SLOTS, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, WIRE);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, CACHE); /* the slots stay in the array part */
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, STAGED);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, OWNER);
  lb_settable(L, -2);
  return 1;
}

static void check_member(lua_State *L, const char *name, int type) {
  lb_rawfield(L, 1, name);
  if (lua_type(L, -1) != type)
    luaL_error(L, "class: %s: %s expected, got %s", name, lua_typename(L, type),
               luaL_typename(L, -1));
  lua_pop(L, 1);
}

/* class{ name=, id=, methods=, read=function(key, value, wire), same_account=function(a, b) }
 * -> new, a function(wire, owner) that makes a record. `read` gives the normalised value or nil. */
static int core_class(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  check_member(L, "name", LUA_TSTRING);
  check_member(L, "id", LUA_TSTRING);
  check_member(L, "methods", LUA_TTABLE);
  check_member(L, "read", LUA_TFUNCTION);
  check_member(L, "same_account", LUA_TFUNCTION);
  lua_newtable(L); /* at 2 */
  lua_pushboolean(L, 1);
  lua_setfield(L, 2, MARK);
  lb_rawfield(L, 1, "name");
  lua_setfield(L, 2, "__name");
  for (const luaL_Reg *reg = meta; reg->name; reg++) {
    lb_rawfield(L, 1, "methods");
    lb_rawfield(L, 1, "read");
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, reg->func, 4);
    lua_setfield(L, 2, reg->name);
  }
  lua_pushcclosure(L, class_new, 1);
  return 1;
}

/* record_get(record) -> wire, staged or nil, owner, what was read or nil. The tables in the last
 * are those that the caller of a read was given, and may have changed. */
static int core_record_get(lua_State *L) {
  lua_settop(L, 1);
  check_record(L, 1); /* its table is at 2 */
  static const int slots[] = {WIRE, STAGED, OWNER, CACHE};
  for (int i = 0; i < SLOTS; i++) {
    lua_rawgeti(L, 2, slots[i]);
    if (lua_isboolean(L, -1)) {
      lua_pop(L, 1);
      lua_pushnil(L);
    }
  }
  return SLOTS;
}

/* record_set(record, wire, keep): takes over a new answer; what was staged is gone unless `keep` */
static int core_record_set(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  check_record(L, 1); /* its table is at 4 */
  lua_pushvalue(L, 2);
  lua_rawseti(L, 4, WIRE);
  lua_pushboolean(L, 0);
  lua_rawseti(L, 4, CACHE);
  if (!lua_toboolean(L, 3)) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, 4, STAGED);
  }
  return 0;
}

static const luaL_Reg functions[] = {
    {"class", core_class},
    {"record_get", core_record_get},
    {"record_set", core_record_set},
    {NULL, NULL},
};

void lb_open_record(lua_State *L) {
  lb_register(L, functions);
}
