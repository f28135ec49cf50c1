/* SPDX-License-Identifier: MIT */
/* core.disk: the verbs of core.spool on a thread of their own. */
#include <errno.h>
#include <string.h>

#include "disk.h"
#include "ljob.h"

#define LB_DISK "livechat.disk"

#define LB_DISK_JOB "livechat.disk.job"

struct disk {
  struct lc_disk *core; /* NULL: closed */
};

struct job {
  struct disk *disk; /* alive: the job's table holds it */
  uint64_t id;       /* 0: taken or dropped */
};

static struct lc_disk *to_disk(lua_State *L) {
  struct disk *disk = luaL_checkudata(L, 1, LB_DISK);
  if (!disk->core)
    luaL_error(L, "attempt to use a closed disk");
  return disk->core;
}

static uint64_t check_id(lua_State *L, int idx) {
  lua_Number id = luaL_checknumber(L, idx);
  luaL_argcheck(L, id >= 1 && id < 9007199254740992.0, idx, "not an id"); /* 2^53 */
  return (uint64_t)id;
}

/* disk(ender) -> disk | nil, code, text. `ender` is engine:ender(): a job has the id of a parked
 * call, and ends that call when it has ended. */
static int disk_new(lua_State *L) {
  const struct lb_ender *ender = luaL_checkudata(L, 1, LB_ENDER);
  struct disk *disk = lb_new(L, sizeof *disk, LB_DISK);
  lua_createtable(L, 1, 0); /* the ender holds the engine, whose calls the thread ends */
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  lb_settable(L, -2);
  enum lc_err err = lc_disk_new(&disk->core, ender->end, ender->owner);
  return err ? lb_fail(L, err, err == LC_ESYS ? strerror(errno) : NULL) : 1;
}

static size_t check_verb(lua_State *L, int idx) {
  const char *name = luaL_checkstring(L, idx);
  const struct lb_verb *verb;
  for (size_t n = 0; (verb = lb_verb_at(n)) != NULL; n++) {
    if (strcmp(verb->name, name) == 0)
      return n;
  }
  return (size_t)luaL_argerror(L, idx, "no function of core.spool");
}

/* disk:submit(id, verb, …) -> job | nil, code, text */
static int disk_submit(lua_State *L) {
  struct lc_disk *core = to_disk(L);
  uint64_t id = check_id(L, 2);
  struct lb_job *made = lb_job_make(L, check_verb(L, 3), 4);
  int handle = 4;
  struct job *job = lb_new(L, sizeof *job, LB_DISK_JOB);
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  lb_settable(L, -2);
  job->disk = lua_touserdata(L, 1);
  enum lc_err err = lc_disk_submit(core, id, made->core);
  if (err) {
    lc_job_end(made->core, err, 0);
    return lb_job_push(L, made, handle);
  }
  made->core = NULL;
  job->id = id;
  return 1;
}

/* The disk where it still knows the job, else NULL. */
static struct lc_disk *disk_of(const struct job *job) {
  return job->disk && job->id ? job->disk->core : NULL;
}

/* job:take(handle) -> what the verb gives, once; nil, "timeout" where it has not come to an end.
 * `handle` is the lock or folder that it was given. */
static int job_take(lua_State *L) {
  struct job *job = luaL_checkudata(L, 1, LB_DISK_JOB);
  struct lc_disk *core = disk_of(job);
  lua_settop(L, 2);
  struct lb_job *taken = lb_job_empty(L);
  taken->core = core ? lc_disk_take(core, job->id) : NULL;
  if (!taken->core)
    return lb_fail(L, core ? LC_ETIMEOUT : LC_ECLOSED, NULL);
  job->id = 0;
  return lb_job_push(L, taken, 2);
}

/* job:drop(): it is done all the same */
static int job_drop(lua_State *L) {
  struct job *job = luaL_checkudata(L, 1, LB_DISK_JOB);
  struct lc_disk *core = disk_of(job);
  if (core)
    lc_disk_drop(core, job->id);
  job->id = 0;
  return 0;
}

/* disk:load() -> jobs, bytes that it has not done yet */
static int disk_load(lua_State *L) {
  struct lc_disk_load load = lc_disk_load(to_disk(L));
  lua_pushnumber(L, (lua_Number)load.jobs);
  lua_pushnumber(L, (lua_Number)load.bytes);
  return 2;
}

static int disk_close(lua_State *L) {
  struct disk *disk = luaL_checkudata(L, 1, LB_DISK);
  struct lc_disk *core = disk->core;
  disk->core = NULL;
  lc_disk_free(core);
  return 0;
}

static const luaL_Reg meta[] = {{"__gc", disk_close}, {"__close", disk_close}, {NULL, NULL}};
static const luaL_Reg methods[] = {
    {"submit", disk_submit}, {"load", disk_load}, {"close", disk_close}, {NULL, NULL}};
static const luaL_Reg job_meta[] = {{"__gc", job_drop}, {"__close", job_drop}, {NULL, NULL}};
static const luaL_Reg job_methods[] = {{"take", job_take}, {"drop", job_drop}, {NULL, NULL}};

void lb_open_disk(lua_State *L) {
  lb_type(L, LB_DISK, meta, methods);
  lb_type(L, LB_DISK_JOB, job_meta, job_methods);
  lua_pushcfunction(L, disk_new);
  lua_setfield(L, -2, "disk");
}
