/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "ljob.h"

/* ---- results ------------------------------------------------------------------------------- */

/* What fails gives nil, a word and a text; the words are "exists", "missing", "busy" and, for
 * everything else, that of enum lc_err. */
static int fail(lua_State *L, enum lc_err err, int why) {
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

static int push_true(lua_State *L, struct lc_job *job) {
  (void)job;
  lua_pushboolean(L, 1);
  return 1;
}

static int push_yes(lua_State *L, struct lc_job *job) {
  lua_pushboolean(L, job->yes);
  return 1;
}

static int push_about(lua_State *L, struct lc_job *job) {
  static const char *const kinds[] = {
      [LC_KIND_OTHER] = "other",
      [LC_KIND_FILE] = "file",
      [LC_KIND_FOLDER] = "folder",
      [LC_KIND_LINK] = "link",
  };
  lua_createtable(L, 0, 3);
  lua_pushstring(L, kinds[job->about.kind]);
  lua_setfield(L, -2, "kind");
  lua_pushinteger(L, (lua_Integer)job->about.mode);
  lua_setfield(L, -2, "mode");
  lua_pushnumber(L, (lua_Number)job->about.owner);
  lua_setfield(L, -2, "owner");
  return 1;
}

static int push_list(lua_State *L, struct lc_job *job) {
  struct lc_entry file;
  lua_createtable(L, (int)job->listing.n, 0);
  for (int i = 1; lc_listing_take(&job->listing, &file); i++) {
    lua_pushstring(L, file.name);
    if (!job->flag) {
      lua_createtable(L, 0, 3);
      lua_insert(L, -2);
      lua_setfield(L, -2, "name");
      lua_pushnumber(L, (lua_Number)file.size);
      lua_setfield(L, -2, "size");
      lua_pushnumber(L, (lua_Number)file.epoch_us / 1e6);
      lua_setfield(L, -2, "time");
    }
    lua_rawseti(L, -2, i);
  }
  return 1;
}

static int push_listing(lua_State *L, struct lc_job *job) {
  struct lb_listing *listing = lb_new(L, sizeof *listing, LB_LISTING);
  listing->core = job->listing;
  listing->here = true;
  memset(&job->listing, 0, sizeof job->listing);
  return 1;
}

static int push_lock(lua_State *L, struct lc_job *job) {
  struct lb_lock *lock = lua_newuserdata(L, sizeof *lock);
  lock->fd = -1;
  luaL_getmetatable(L, LB_LOCK);
  lua_setmetatable(L, -2);
  lock->fd = job->fd;
  job->fd = -1;
  return 1;
}

static int push_folder(lua_State *L, struct lc_job *job) {
  struct lb_folder *folder = lb_new(L, sizeof *folder, LB_FOLDER);
  folder->core = job->folder;
  job->folder = NULL;
  return 1;
}

static int push_text(lua_State *L, struct lc_job *job) {
  lua_pushlstring(L, job->text.data ? job->text.data : "", job->text.len);
  return 1;
}

static int push_taken(lua_State *L, struct lc_job *job) {
  return push_lock(L, job) + push_text(L, job);
}

static int push_size(lua_State *L, struct lc_job *job) {
  lua_pushnumber(L, (lua_Number)job->size);
  return 1;
}

/* ---- verbs --------------------------------------------------------------------------------- */

static const struct lb_verb verbs[] = {
    {"store", LC_OP_STORE, "ppndmqq", false, push_true},
    {"replace", LC_OP_REPLACE, "ppndm", false, push_true},
    {"make", LC_OP_MAKE, "pm", false, push_true},
    {"sync_folder", LC_OP_SYNC_FOLDER, "p", false, push_true},
    {"exists", LC_OP_EXISTS, "p", false, push_yes},
    {"about", LC_OP_ABOUT, "pb", false, push_about},
    {"list", LC_OP_LIST, "p", false, push_list},
    {"names", LC_OP_LIST, "p", true, push_list},
    {"look", LC_OP_LOOK, "pc", false, push_listing},
    {"more", LC_OP_MORE, "Gc", false, push_yes},
    {"lock", LC_OP_LOCK, "p", false, push_lock},
    {"take", LC_OP_TAKE, "pnqq", false, push_taken},
    {"fetch", LC_OP_FETCH, "p", false, push_text},
    {"load", LC_OP_LOAD, "pc", false, push_text},
    {"open", LC_OP_OPEN, "p", false, push_folder},
    {"sweep", LC_OP_SWEEP, "Ftc", false, push_yes},
    {"read", LC_OP_READ, "L", false, push_text},
    {"append", LC_OP_APPEND, "Ld", false, push_true},
    {"write", LC_OP_WRITE, "Ld", false, push_true},
    {"sync", LC_OP_SYNC, "L", false, push_true},
    {"touch", LC_OP_TOUCH, "Lt", false, push_true},
    {"empty", LC_OP_EMPTY, "L", false, push_true},
    {"size", LC_OP_SIZE, "L", false, push_size},
    {"move", LC_OP_MOVE, "Lppb", false, push_true},
    {"close", LC_OP_CLOSE, "L", false, push_true},
};

const struct lb_verb *lb_verb_at(size_t n) {
  return n < sizeof verbs / sizeof verbs[0] ? &verbs[n] : NULL;
}

/* ---- arguments ----------------------------------------------------------------------------- */

/* A path or name: a NUL would cut it short. */
static const char *check_path(lua_State *L, int idx) {
  size_t len;
  const char *path = luaL_checklstring(L, idx, &len);
  luaL_argcheck(L, strlen(path) == len, idx, "a NUL byte is not allowed");
  return path;
}

static enum lc_err read_text(lua_State *L, struct lc_job *job, char kind, int idx, size_t *path) {
  size_t len;
  const char *text = kind == 'd' ? luaL_checklstring(L, idx, &len) : NULL;
  if (text)
    return lc_job_set_data(job, text, len);
  if (kind == 'q' && lua_isnoneornil(L, idx)) {
    ++*path;
    return LC_OK;
  }
  text = check_path(L, idx);
  luaL_argcheck(L, kind != 'n' || (*text && *text != '.' && !strchr(text, '/')), idx,
                "not the name of a file");
  return lc_job_set_path(job, (*path)++, text);
}

static void read_lock(lua_State *L, int idx) {
  const struct lb_lock *lock = luaL_checkudata(L, idx, LB_LOCK);
  if (lock->fd < 0)
    luaL_error(L, "attempt to use a closed lock");
}

static void read_folder(lua_State *L, int idx) {
  const struct lb_folder *folder = luaL_checkudata(L, idx, LB_FOLDER);
  if (!folder->core)
    luaL_error(L, "attempt to use a closed folder");
}

static void read_listing(lua_State *L, int idx) {
  const struct lb_listing *listing = luaL_checkudata(L, idx, LB_LISTING);
  if (!listing->here)
    luaL_error(L, "attempt to use a closed listing");
}

/* One argument; what is refused raises, and the collector takes the job. */
static void read_argument(lua_State *L, struct lc_job *job, char kind, int idx, size_t *path) {
  enum lc_err err = LC_OK;
  switch (kind) {
  case 'm':
    job->mode = (unsigned)luaL_checkinteger(L, idx);
    break;
  case 'b':
    job->flag = lua_toboolean(L, idx) != 0;
    break;
  case 't':
    job->number = lb_units(luaL_checknumber(L, idx), 1e6, INT64_MAX / 2);
    break;
  case 'c':
    job->size = (uint64_t)lb_units(luaL_checknumber(L, idx), 1, INT64_MAX / 2);
    break;
  case 'L':
    read_lock(L, idx);
    break;
  case 'F':
    read_folder(L, idx);
    break;
  case 'G':
    read_listing(L, idx);
    break;
  default:
    err = read_text(L, job, kind, idx, path);
  }
  if (err != LC_OK)
    luaL_error(L, "not enough memory");
}

static int job_free(lua_State *L) {
  struct lb_job *job = luaL_checkudata(L, 1, LB_JOB);
  struct lc_job *core = job->core;
  job->core = NULL;
  lc_job_free(core);
  return 0;
}

void lb_open_job(lua_State *L) {
  static const luaL_Reg meta[] = {{"__gc", job_free}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  lb_type(L, LB_JOB, meta, none);
}

struct lb_job *lb_job_empty(lua_State *L) {
  return lb_new(L, sizeof(struct lb_job), LB_JOB);
}

struct lb_job *lb_job_make(lua_State *L, size_t n, int idx) {
  const struct lb_verb *verb = lb_verb_at(n);
  size_t path = 0;
  lua_settop(L, idx - 1 + (int)strlen(verb->arguments));
  struct lb_job *job = lb_job_empty(L);
  job->core = lc_job_new(verb->op);
  if (!job->core)
    luaL_error(L, "not enough memory");
  job->core->tag = n;
  job->core->flag = verb->flag;
  for (int i = 0; verb->arguments[i]; i++)
    read_argument(L, job->core, verb->arguments[i], idx + i, &path);
  if (verb->arguments[0] == 'L') { /* when nothing can be refused any more */
    struct lb_lock *lock = lua_touserdata(L, idx);
    job->core->fd = lock->fd;
    lock->fd = -1;
  } else if (verb->arguments[0] == 'F') {
    struct lb_folder *folder = lua_touserdata(L, idx);
    job->core->folder = folder->core;
    folder->core = NULL;
  } else if (verb->arguments[0] == 'G') {
    struct lb_listing *listing = lua_touserdata(L, idx);
    job->core->listing = listing->core;
    *listing = (struct lb_listing){.here = false};
  }
  return job;
}

static void give_back(lua_State *L, struct lc_job *job, int handle) {
  struct lb_lock *lock = handle ? lb_test(L, handle, LB_LOCK) : NULL;
  struct lb_folder *folder = handle ? lb_test(L, handle, LB_FOLDER) : NULL;
  struct lb_listing *listing = handle ? lb_test(L, handle, LB_LISTING) : NULL;
  if (lock && lock->fd < 0) {
    lock->fd = job->fd;
    job->fd = -1;
  } else if (folder && !folder->core) {
    folder->core = job->folder;
    job->folder = NULL;
  } else if (listing && !listing->here) {
    *listing = (struct lb_listing){job->listing, true};
    memset(&job->listing, 0, sizeof job->listing);
  }
}

int lb_job_push(lua_State *L, struct lb_job *job, int handle) {
  struct lc_job *core = job->core;
  give_back(L, core, handle);
  int n = core->err == LC_OK ? verbs[core->tag].push(L, core) : fail(L, core->err, core->why);
  job->core = NULL;
  lc_job_free(core);
  return n;
}
