/* SPDX-License-Identifier: MIT */
/* The binding of spool.c: core.spool. What fails gives nil, a word and a text; the words are
 * "exists", "missing", "busy" and, for everything else, that of enum lc_err. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "spool.h"
#include "lbind.h"

#define LB_LOCK "livechat.lock"
#define LB_FOLDER "livechat.folder"
#define LB_TEXT "livechat.text"

static const size_t MAX_TEXT = (size_t)1 << 30;

struct lock {
  int fd; /* -1: closed */
};

struct folder {
  void *core; /* NULL: closed */
};

static int fail(lua_State *L, enum lc_err err) {
  int why = errno;
  if (err != LC_ESYS)
    return lb_fail(L, err, NULL);
  const char *word = why == EEXIST                         ? "exists"
                     : why == ENOENT                       ? "missing"
                     : why == EWOULDBLOCK || why == EAGAIN ? "busy"
                                                           : lc_err_name(err);
  lua_pushnil(L);
  lua_pushstring(L, word);
  lua_pushstring(L, strerror(why));
  return 3;
}

static int answer(lua_State *L, enum lc_err err) {
  if (err != LC_OK)
    return fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

/* A path or name: a NUL would cut it short. */
static const char *check_path(lua_State *L, int idx) {
  size_t len;
  const char *path = luaL_checklstring(L, idx, &len);
  luaL_argcheck(L, strlen(path) == len, idx, "a NUL byte is not allowed");
  return path;
}

/* ---- files and folders --------------------------------------------------------------------- */

static int put_file(lua_State *L, bool replace) {
  const char *drafts = check_path(L, 1), *folder = check_path(L, 2), *name = check_path(L, 3);
  size_t len;
  const char *data = luaL_checklstring(L, 4, &len);
  luaL_argcheck(L, *name && *name != '.' && !strchr(name, '/'), 3, "not the name of a file");
  unsigned mode = (unsigned)luaL_checkinteger(L, 5);
  return answer(L, replace ? lc_file_replace(drafts, folder, name, data, len, mode)
                           : lc_file_store(drafts, folder, name, data, len, mode));
}

/* store(drafts, folder, name, data, mode) -> true | nil, word, text */
static int spool_store(lua_State *L) {
  return put_file(L, false);
}

/* replace(drafts, folder, name, data, mode) -> true | nil, word, text */
static int spool_replace(lua_State *L) {
  return put_file(L, true);
}

/* make(folder, mode) -> true | nil, word, text */
static int spool_make(lua_State *L) {
  return answer(L, lc_folder_make(check_path(L, 1), (unsigned)luaL_checkinteger(L, 2)));
}

/* exists(path) -> boolean */
static int spool_exists(lua_State *L) {
  lua_pushboolean(L, lc_file_exists(check_path(L, 1)));
  return 1;
}

/* about(path, follow) -> { kind="file"|"folder"|"link"|"other", mode=, owner= }
 *                      | nil, word, text */
static int spool_about(lua_State *L) {
  static const char *const kinds[] = {
      [LC_KIND_OTHER] = "other",
      [LC_KIND_FILE] = "file",
      [LC_KIND_FOLDER] = "folder",
      [LC_KIND_LINK] = "link",
  };
  struct lc_about about;
  enum lc_err err = lc_file_about(check_path(L, 1), lua_toboolean(L, 2) != 0, &about);
  if (err != LC_OK)
    return fail(L, err);
  lua_createtable(L, 0, 3);
  lua_pushstring(L, kinds[about.kind]);
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, (lua_Integer)about.mode);
  lua_setfield(L, -2, "mode");
  lua_pushnumber(L, (lua_Number)about.owner);
  lua_setfield(L, -2, "owner");
  return 1;
}

/* user() -> the number of the user on whose behalf files are opened */
static int spool_user(lua_State *L) {
  lua_pushnumber(L, (lua_Number)geteuid());
  return 1;
}

static int folder_close(lua_State *L) {
  struct folder *folder = luaL_checkudata(L, 1, LB_FOLDER);
  lc_folder_close(folder->core);
  folder->core = NULL;
  return 0;
}

static void push_entry(lua_State *L, const struct lc_entry *entry) {
  lua_createtable(L, 0, 3);
  lua_pushstring(L, entry->name);
  lua_setfield(L, -2, "name");
  lua_pushnumber(L, (lua_Number)entry->size);
  lua_setfield(L, -2, "size");
  lua_pushnumber(L, (lua_Number)entry->epoch_us / 1e6);
  lua_setfield(L, -2, "time");
}

/* Adds to the table on top; *more is false at the end. */
static enum lc_err add_next(lua_State *L, void *folder, bool names, int n, bool *more) {
  struct lc_entry entry = {.name = NULL};
  enum lc_err err = names ? lc_folder_name(folder, &entry.name) : lc_folder_next(folder, &entry);
  *more = err == LC_OK && entry.name != NULL;
  if (*more && names)
    lua_pushstring(L, entry.name);
  else if (*more)
    push_entry(L, &entry);
  if (*more)
    lua_rawseti(L, -2, n);
  return err;
}

static int list(lua_State *L, bool names) {
  const char *path = check_path(L, 1);
  struct folder *folder = lb_new(L, sizeof *folder, LB_FOLDER);
  enum lc_err err = lc_folder_open(path, &folder->core);
  bool more = err == LC_OK;
  lua_newtable(L);
  for (int n = 1; more; n++)
    err = add_next(L, folder->core, names, n, &more);
  int why = errno;
  lc_folder_close(folder->core);
  folder->core = NULL;
  errno = why;
  return err == LC_OK ? 1 : fail(L, err);
}

/* list(folder) -> { { name=, size=, time=<epoch seconds> }, … } of the regular files whose names do
 * not begin with a dot, in no order | nil, word, text */
static int spool_list(lua_State *L) {
  return list(L, false);
}

/* names(folder) -> { name, … } of all that is in it, in no order | nil, word, text */
static int spool_names(lua_State *L) {
  return list(L, true);
}

/* ---- locks --------------------------------------------------------------------------------- */

static int to_fd(lua_State *L) {
  struct lock *lock = luaL_checkudata(L, 1, LB_LOCK);
  if (lock->fd < 0)
    luaL_error(L, "attempt to use a closed lock");
  return lock->fd;
}

static int lock_close(lua_State *L) {
  struct lock *lock = luaL_checkudata(L, 1, LB_LOCK);
  int fd = lock->fd;
  lock->fd = -1;
  if (fd >= 0)
    close(fd);
  return 0;
}

/* lock(path) -> lock | nil, word, text */
static int spool_lock(lua_State *L) {
  const char *path = check_path(L, 1);
  struct lock *lock = lua_newuserdata(L, sizeof *lock);
  lock->fd = -1;
  luaL_getmetatable(L, LB_LOCK);
  lua_setmetatable(L, -2);
  enum lc_err err = lc_file_lock(path, &lock->fd);
  return err ? fail(L, err) : 1;
}

static int text_free(lua_State *L) {
  lc_buf_free(luaL_checkudata(L, 1, LB_TEXT));
  return 0;
}

/* lock:read() -> text | nil, word, text */
static int lock_read(lua_State *L) {
  int fd = to_fd(L);
  struct lc_buf *buf = lb_new(L, sizeof *buf, LB_TEXT); /* the push below may raise */
  lc_buf_init(buf, MAX_TEXT);
  enum lc_err err = lc_file_read(fd, buf);
  if (err != LC_OK)
    return fail(L, err);
  lua_pushlstring(L, buf->data ? buf->data : "", buf->len);
  lc_buf_free(buf);
  return 1;
}

/* lock:append(text) -> true | nil, word, text */
static int lock_append(lua_State *L) {
  int fd = to_fd(L);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  return answer(L, lc_file_append(fd, text, len));
}

/* lock:write(text), over its beginning -> true | nil, word, text */
static int lock_write(lua_State *L) {
  int fd = to_fd(L);
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  return answer(L, lc_file_write(fd, text, len));
}

/* lock:touch(epoch seconds) -> true | nil, word, text */
static int lock_touch(lua_State *L) {
  int fd = to_fd(L);
  return answer(L, lc_file_touch(fd, lb_units(luaL_checknumber(L, 2), 1e6, INT64_MAX / 2)));
}

/* lock:empty() -> true | nil, word, text */
static int lock_empty(lua_State *L) {
  return answer(L, lc_file_empty(to_fd(L)));
}

/* lock:size() -> bytes | nil, word, text */
static int lock_size(lua_State *L) {
  uint64_t size;
  enum lc_err err = lc_file_size(to_fd(L), &size);
  if (err != LC_OK)
    return fail(L, err);
  lua_pushnumber(L, (lua_Number)size);
  return 1;
}

static const luaL_Reg functions[] = {
    {"store", spool_store}, {"replace", spool_replace}, {"make", spool_make},
    {"exists", spool_exists}, {"about", spool_about}, {"user", spool_user},
    {"list", spool_list}, {"names", spool_names}, {"lock", spool_lock},
    {NULL, NULL},
};

static const luaL_Reg lock_meta[] = {{"__gc", lock_close}, {"__close", lock_close}, {NULL, NULL}};

static const luaL_Reg lock_methods[] = {
    {"read", lock_read},   {"append", lock_append}, {"write", lock_write}, {"touch", lock_touch},
    {"empty", lock_empty}, {"size", lock_size},     {"close", lock_close}, {NULL, NULL},
};

static const luaL_Reg folder_meta[] = {{"__gc", folder_close}, {NULL, NULL}};
static const luaL_Reg text_meta[] = {{"__gc", text_free}, {NULL, NULL}};
static const luaL_Reg none[] = {{NULL, NULL}};

void lb_open_spool(lua_State *L) {
  lb_type(L, LB_LOCK, lock_meta, lock_methods);
  lb_type(L, LB_FOLDER, folder_meta, none);
  lb_type(L, LB_TEXT, text_meta, none);
  lua_newtable(L);
  lb_register(L, functions);
  lua_setfield(L, -2, "spool");
}
