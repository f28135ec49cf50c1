/* SPDX-License-Identifier: MIT */
/* Jobs (job.h) out of the arguments of a Lua function, and its results out of them. */
#ifndef LC_LJOB_H
#define LC_LJOB_H

#include "job.h"
#include "lbind.h"

#define LB_JOB "livechat.job"
#define LB_LOCK "livechat.lock"
#define LB_FOLDER "livechat.folder"
#define LB_LISTING "livechat.listing"

struct lb_job {
  struct lc_job *core; /* NULL: handed on, or freed */
};

struct lb_lock {
  int fd; /* -1: closed, or with a job that is under way */
};

struct lb_folder {
  void *core; /* NULL: closed, or with a job that is under way */
};

struct lb_listing {
  struct lc_listing core;
  bool here; /* false: closed, or with a job that is under way */
};

struct lb_verb {
  const char *name;
  enum lc_op op;
  /* A letter an argument: p path, n a file's name, q path or nil, d data, m mode, b flag, t epoch
   * seconds, c count, L lock, F folder, G listing. */
  const char *arguments;
  bool flag;
  int (*push)(lua_State *L, struct lc_job *job);
};

void lb_open_job(lua_State *L);
struct lb_job *lb_job_empty(lua_State *L); /* pushes it */

/* NULL: there is none of that number. */
const struct lb_verb *lb_verb_at(size_t n);
/* Pushes the job that verb n makes of the arguments from idx on. A handle among them is without its
 * descriptor until lb_job_push gives that back. */
struct lb_job *lb_job_make(lua_State *L, size_t n, int idx);
/* Pushes what came of it, and frees it; `handle` is where the handle is that it was made with, or
 * 0. The number of results. */
int lb_job_push(lua_State *L, struct lb_job *job, int handle);

#endif
