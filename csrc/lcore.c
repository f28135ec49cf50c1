/* SPDX-License-Identifier: MIT */
/* luaopen_livechat_core: all that needs no libcurl, which takes longer to load than everything else
 * together: the engine is a library of its own, loaded when the first one is made. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "digest.h"
#include "process.h"
#include "stamp.h"
#include "utf8.h"
#include "lbind.h"

/* ---- credentials --------------------------------------------------------------------------- */

/* secret("basic", user, password, url) or ("bearer", token, url) -> secret | nil, code, text */
static int core_secret(lua_State *L) {
  static const char *const schemes[] = {"basic", "bearer", NULL};
  int scheme = luaL_checkoption(L, 1, NULL, schemes);
  size_t user_len, password_len = 0;
  const char *user = luaL_checklstring(L, 2, &user_len);
  const char *password = scheme == 0 ? luaL_checklstring(L, 3, &password_len) : NULL;
  const char *url = lb_checkline(L, scheme == 0 ? 4 : 3, "url", NULL);
  struct lc_secret *secret = lb_new(L, sizeof *secret, LB_SECRET);
  enum lc_err err = scheme == 0
                        ? lc_secret_basic(secret, user, user_len, password, password_len, url)
                        : lc_secret_bearer(secret, user, user_len, url);
  return err ? lb_fail(L, err, NULL) : 1;
}

static int secret_wipe(lua_State *L) {
  lc_secret_wipe(luaL_checkudata(L, 1, LB_SECRET));
  return 0;
}

/* secret:hide(text) -> the text with stars in place of the credential | nil where that cannot be */
static int secret_hide(lua_State *L) {
  const struct lc_secret *secret = luaL_checkudata(L, 1, LB_SECRET);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  char *copy = lua_newuserdata(L, len + 1);
  memcpy(copy, text, len);
  if (lc_secret_hide(secret, copy, len))
    lua_pushlstring(L, copy, len);
  else
    lua_pushnil(L);
  return 1;
}

static int secret_equal(lua_State *L) {
  const struct lc_secret *a = luaL_checkudata(L, 1, LB_SECRET);
  const struct lc_secret *b = luaL_checkudata(L, 2, LB_SECRET);
  lua_pushboolean(L, a->line && b->line && strcmp(a->origin, b->origin) == 0 &&
                         lc_equal(a->line, strlen(a->line), b->line, strlen(b->line)));
  return 1;
}

static int secret_tostring(lua_State *L) {
  const struct lc_secret *secret = luaL_checkudata(L, 1, LB_SECRET);
  lua_pushstring(L, secret->line ? LB_SECRET : LB_SECRET " (wiped)");
  return 1;
}

/* ---- clocks and small things ---------------------------------------------------------------- */

static int core_clock(lua_State *L) {
  lua_pushnumber(L, (lua_Number)lc_clock_us() / 1e6);
  return 1;
}

static int core_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)lc_wall_us() / 1e6);
  return 1;
}

static int core_pid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)lc_pid());
  return 1;
}

/* A number in [0, 1) from the clock's lowest bits and the process: jitter, never a secret. */
static int core_random(lua_State *L) {
  uint64_t x = (uint64_t)lc_clock_us() ^ ((uint64_t)lc_pid() << 40) ^ (uint64_t)(uintptr_t)L;
  x += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64's finaliser */
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  x ^= x >> 31;
  lua_pushnumber(L, (lua_Number)(x >> 11) / (lua_Number)(UINT64_C(1) << 53));
  return 1;
}

/* equal(a, b) -> boolean, in a time that depends on the lengths only */
static int core_equal(lua_State *L) {
  size_t a_len, b_len;
  const char *a = luaL_checklstring(L, 1, &a_len);
  const char *b = luaL_checklstring(L, 2, &b_len);
  lua_pushboolean(L, lc_equal(a, a_len, b, b_len));
  return 1;
}

static bool stamp(lua_State *L, int64_t *epoch_ms) {
  if (lua_type(L, 1) == LUA_TNUMBER)
    return lc_stamp_number((double)lua_tonumber(L, 1), epoch_ms);
  if (lua_type(L, 1) != LUA_TSTRING)
    return false;
  size_t len;
  const char *text = lua_tolstring(L, 1, &len);
  return lc_stamp_parse(text, len, epoch_ms);
}

/* timestamp(any form of the wire) -> "yyyy-MM-ddTHH:mm:ss.fffZ" | nil */
static int core_timestamp(lua_State *L) {
  int64_t epoch_ms;
  char text[LC_STAMP_SIZE];
  if (stamp(L, &epoch_ms) && lc_stamp_format(epoch_ms, text))
    lua_pushstring(L, text);
  else
    lua_pushnil(L);
  return 1;
}

/* time(any form of the wire) -> epoch seconds | nil */
static int core_time(lua_State *L) {
  int64_t epoch_ms;
  if (!stamp(L, &epoch_ms))
    lua_pushnil(L);
  else if (epoch_ms % 1000 == 0)
    lua_pushinteger(L, (lua_Integer)(epoch_ms / 1000));
  else
    lua_pushnumber(L, (lua_Number)epoch_ms / 1000);
  return 1;
}

/* utf8(text) -> boolean */
static int core_utf8(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  lua_pushboolean(L, lc_utf8(text, len));
  return 1;
}

/* base64(text) -> text */
static int core_base64(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  luaL_argcheck(L, len < SIZE_MAX / 4, 1, "too long");
  char *out = lua_newuserdata(L, LC_BASE64_LEN(len) + 1);
  struct lc_base64 enc = {.to = out};
  lc_base64_put(&enc, text, len);
  lc_base64_end(&enc);
  lua_pushlstring(L, out, LC_BASE64_LEN(len));
  return 1;
}

/* digest(text) -> 32 hex digits */
static int core_digest(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  char hex[LC_DIGEST_SIZE];
  lc_digest(text, len, hex);
  lua_pushstring(L, hex);
  return 1;
}

static const luaL_Reg functions[] = {
    {"secret", core_secret},
    {"clock", core_clock},
    {"now", core_now},
    {"pid", core_pid},
    {"random", core_random},
    {"equal", core_equal},
    {"timestamp", core_timestamp},
    {"time", core_time},
    {"digest", core_digest},
    {"utf8", core_utf8},
    {"base64", core_base64},
    {NULL, NULL},
};

static const luaL_Reg secret_meta[] = {
    {"__gc", secret_wipe},
    {"__close", secret_wipe},
    {"__tostring", secret_tostring},
    {NULL, NULL},
};

static const luaL_Reg secret_methods[] = {
    {"wipe", secret_wipe},
    {"equal", secret_equal},
    {"hide", secret_hide},
    {NULL, NULL},
};

LUALIB_API int luaopen_livechat_core(lua_State *L);

__attribute__((visibility("default"))) int luaopen_livechat_core(lua_State *L) {
  lb_type(L, LB_SECRET, secret_meta, secret_methods);
  lua_newtable(L);
  lb_register(L, functions);
  lb_open_throttle(L);
  lb_open_record(L);
  lb_open_spool(L);
  lb_open_disk(L);
  lb_open_child(L);
  lb_open_apart(L);
  return 1;
}
