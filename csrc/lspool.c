/* SPDX-License-Identifier: MIT */
/* core.spool: files and folders, each function done at once, on the caller's thread. (ldisk.c hands
 * the same to a thread.) */
#include <unistd.h>

#include "ljob.h"

/* The functions of core.spool, and what each gives where it does not fail:
 *   store(drafts, folder, name, data, mode, [folder, folder]) -> true; fails with "exists" also
 *     where one of the two folders has the name
 *   replace(drafts, folder, name, data, mode) -> true
 *   make(folder, mode) -> true                 exists(path) -> boolean
 *   about(path, follow) -> { kind="file"|"folder"|"link"|"other", mode=, owner= }
 *   list(folder) -> { { name=, size=, time=<epoch seconds> }, … } of the regular files whose names
 *     do not begin with a dot, the oldest first
 *   names(folder) -> { name, … } of all that is in it, in no order
 *   look(folder, n) -> listing, of the first n in the folder's own order
 *   more(listing, n) -> there is more; reads n more of them
 *   lock(path) -> lock                         fetch(path) -> text
 *   take(folder, name, [folder, folder]) -> lock, text; removes it, and fails with "missing", where
 *     one of the two folders has the name
 *   sync_folder(folder) -> true: the names in it are on disk
 *   load(path, most) -> text, of a regular file of at most so many bytes; else "toolarge"
 *   open(folder) -> folder                     sweep(folder, before, n) -> there is more
 *   read(lock) -> text                         append(lock, text) -> true
 *   write(lock, text), over its beginning -> true
 *   sync(lock) -> true: what was written is on disk
 *   touch(lock, epoch seconds) -> true         empty(lock) -> true
 *   size(lock) -> bytes                        close(lock) -> true
 *   move(lock, from, to, empty) -> true; closes it in any case */
static int run_verb(lua_State *L) {
  struct lb_job *job = lb_job_make(L, (size_t)lua_tointeger(L, lua_upvalueindex(1)), 1);
  lc_job_run(job->core);
  return lb_job_push(L, job, 1);
}

static void register_verbs(lua_State *L, char first) {
  const struct lb_verb *verb;
  for (size_t n = 0; (verb = lb_verb_at(n)) != NULL; n++) {
    if (first && verb->arguments[0] != first)
      continue;
    lua_pushinteger(L, (lua_Integer)n);
    lua_pushcclosure(L, run_verb, 1);
    lua_setfield(L, -2, verb->name);
  }
}

/* user() -> the number of the user on whose behalf files are opened */
static int spool_user(lua_State *L) {
  lua_pushnumber(L, (lua_Number)geteuid());
  return 1;
}

/* ---- handles ------------------------------------------------------------------------------- */

static int lock_close(lua_State *L) {
  struct lb_lock *lock = luaL_checkudata(L, 1, LB_LOCK);
  int fd = lock->fd;
  lock->fd = -1;
  if (fd >= 0)
    close(fd);
  return 0;
}

/* lock:is_open() -> boolean; false also while a disk's thread has it */
static int lock_is_open(lua_State *L) {
  const struct lb_lock *lock = luaL_checkudata(L, 1, LB_LOCK);
  lua_pushboolean(L, lock->fd >= 0);
  return 1;
}

static int folder_close(lua_State *L) {
  struct lb_folder *folder = luaL_checkudata(L, 1, LB_FOLDER);
  void *core = folder->core;
  folder->core = NULL;
  lc_folder_close(core);
  return 0;
}

static int listing_free(lua_State *L) {
  struct lb_listing *listing = luaL_checkudata(L, 1, LB_LISTING);
  lc_listing_free(&listing->core);
  listing->here = false;
  return 0;
}

/* listing:next() -> name, size, time of the oldest that has been read | nothing */
static int listing_next(lua_State *L) {
  struct lb_listing *listing = luaL_checkudata(L, 1, LB_LISTING);
  struct lc_entry file;
  if (!lc_listing_take(&listing->core, &file))
    return 0;
  lua_pushstring(L, file.name);
  lua_pushnumber(L, (lua_Number)file.size);
  lua_pushnumber(L, (lua_Number)file.epoch_us / 1e6);
  return 3;
}

/* listing:is_open() -> boolean; false also while a disk's thread has it */
static int listing_is_open(lua_State *L) {
  const struct lb_listing *listing = luaL_checkudata(L, 1, LB_LISTING);
  lua_pushboolean(L, listing->here);
  return 1;
}

static const luaL_Reg functions[] = {{"user", spool_user}, {NULL, NULL}};
static const luaL_Reg lock_meta[] = {{"__gc", lock_close}, {"__close", lock_close}, {NULL, NULL}};
static const luaL_Reg lock_methods[] = {
    {"close", lock_close}, {"is_open", lock_is_open}, {NULL, NULL}};
static const luaL_Reg folder_meta[] = {{"__gc", folder_close}, {NULL, NULL}};
static const luaL_Reg listing_meta[] = {{"__gc", listing_free}, {NULL, NULL}};
static const luaL_Reg listing_methods[] = {
    {"next", listing_next}, {"is_open", listing_is_open}, {NULL, NULL}};
static const luaL_Reg none[] = {{NULL, NULL}};

/* A handle's type, with the verbs that begin with one. */
static void open_handle(lua_State *L, const char *name, char letter, const luaL_Reg *of_meta,
                        const luaL_Reg *more) {
  lb_type(L, name, of_meta, none);
  luaL_getmetatable(L, name);
  lua_getfield(L, -1, "__index");
  register_verbs(L, letter);
  lb_register(L, more); /* these also where it is closed already */
  lua_pop(L, 2);
}

void lb_open_spool(lua_State *L) {
  lb_open_job(L);
  open_handle(L, LB_LOCK, 'L', lock_meta, lock_methods);
  open_handle(L, LB_LISTING, 'G', listing_meta, listing_methods);
  lb_type(L, LB_FOLDER, folder_meta, none);
  lua_newtable(L);
  register_verbs(L, 0);
  lb_register(L, functions);
  lua_setfield(L, -2, "spool");
}
