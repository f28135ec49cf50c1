/* SPDX-License-Identifier: MIT */
/* The shim over the Luas, and what both libraries of the binding need. */
#include <math.h>
#include <string.h>

#include "lbind.h"

void lb_settable(lua_State *L, int idx) {
#if LUA_VERSION_NUM == 501
  lua_setfenv(L, idx);
#else
  lua_setuservalue(L, idx);
#endif
}

void lb_gettable(lua_State *L, int idx) {
#if LUA_VERSION_NUM == 501
  lua_getfenv(L, idx);
#else
  lua_getuservalue(L, idx);
#endif
}

void *lb_new(lua_State *L, size_t size, const char *type) {
  void *handle = lua_newuserdata(L, size);
  memset(handle, 0, size);
  luaL_getmetatable(L, type);
  lua_setmetatable(L, -2);
  return handle;
}

void *lb_test(lua_State *L, int idx, const char *type) {
  void *handle = lua_touserdata(L, idx);
  if (!handle || !lua_getmetatable(L, idx))
    return NULL;
  luaL_getmetatable(L, type);
  bool same = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 2);
  return same ? handle : NULL;
}

void lb_register(lua_State *L, const luaL_Reg *functions) {
  for (; functions->name; functions++) {
    lua_pushcfunction(L, functions->func);
    lua_setfield(L, -2, functions->name);
  }
}

void lb_type(lua_State *L, const char *type, const luaL_Reg *meta, const luaL_Reg *methods) {
  luaL_newmetatable(L, type);
  lb_register(L, meta);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "__name");
  lua_newtable(L);
  lb_register(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void lb_rawfield(lua_State *L, int idx, const char *name) {
  if (idx < 0)
    idx += lua_gettop(L) + 1;
  lua_pushstring(L, name);
  lua_rawget(L, idx);
}

lua_Number lb_number(lua_State *L, int idx, const char *name, lua_Number otherwise) {
  lb_rawfield(L, idx, name);
  if (!lua_isnil(L, -1)) {
    if (lua_type(L, -1) != LUA_TNUMBER)
      luaL_error(L, "%s: number expected, got %s", name, luaL_typename(L, -1));
    otherwise = lua_tonumber(L, -1);
  }
  lua_pop(L, 1);
  return otherwise;
}

const char *lb_checkline(lua_State *L, int idx, const char *name, size_t *len) {
  size_t n;
  if (lua_type(L, idx) != LUA_TSTRING) /* a number would become a string in this place alone */
    luaL_error(L, "%s: string expected, got %s", name, luaL_typename(L, idx));
  const char *text = lua_tolstring(L, idx, &n);
  if (strlen(text) != n)
    luaL_error(L, "%s: a NUL byte is not allowed", name);
  if (len)
    *len = n;
  return text;
}

const char *lb_string(lua_State *L, int idx, const char *name) {
  lb_rawfield(L, idx, name);
  if (!lua_isnil(L, -1))
    return lb_checkline(L, -1, name, NULL);
  lua_pop(L, 1);
  return NULL;
}

bool lb_flag(lua_State *L, int idx, const char *name) {
  lb_rawfield(L, idx, name);
  bool flag = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return flag;
}

int64_t lb_units(lua_Number seconds, lua_Number per_second, int64_t max) {
  double units = ceil((double)seconds * (double)per_second);
  if (!(units > 0))
    return 0;
  return units >= (double)max ? max : (int64_t)units;
}

int lb_fail(lua_State *L, enum lc_err err, const char *text) {
  lua_pushnil(L);
  lua_pushstring(L, lc_err_name(err));
  lua_pushstring(L, text && *text ? text : lc_err_name(err));
  return 3;
}

const struct lc_secret *lb_tosecret(lua_State *L, int idx) {
  struct lc_secret *secret = luaL_checkudata(L, idx, LB_SECRET);
  if (!secret->line)
    luaL_error(L, "the credential is wiped");
  return secret;
}
