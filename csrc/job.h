/* SPDX-License-Identifier: MIT */
/* One thing to be done with files, as a value: what it needs, and afterwards what came of it. Run
 * where it is made, or handed to a disk's thread. */
#ifndef LC_JOB_H
#define LC_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "folder.h"
#include "idtable.h"
#include "spool.h"

enum lc_op {
  LC_OP_STORE,   /* path: drafts, folder, name, and two folders or NULL where the name is not to be;
                   data, mode. `yes`: it was in one of those */
  LC_OP_REPLACE, /* path: drafts, folder, name; data, mode */
  LC_OP_MAKE,    /* path: folder; mode */
  LC_OP_SYNC_FOLDER, /* path: folder */
  LC_OP_EXISTS,      /* path; gives `yes` */
  LC_OP_ABOUT,       /* path, flag: follow; gives `about` */
  LC_OP_LIST,        /* path: folder; flag: of anything in it; gives `listing`, of all */
  LC_OP_LOOK,        /* path: folder, size: how many to read of it at first; gives `listing` */
  LC_OP_MORE,        /* `listing`, size: how many to read; gives `yes`: there are more */
  LC_OP_LOCK,        /* path; gives `fd` */
  LC_OP_TAKE,   /* path: folder, name, two folders or NULL. Locks it and reads it: gives `fd` and
                   `text`. `yes`: the name is in one of those folders; it was removed here */
  LC_OP_FETCH,  /* path; gives `text` */
  LC_OP_LOAD,   /* path, size: the most bytes. Of a regular file, which a link may lead to:
                    gives `text` */
  LC_OP_OPEN,   /* path: folder; gives `folder` */
  LC_OP_SWEEP,  /* `folder`, number: older than these microseconds, size: how many to look at;
                   gives `yes`: there are more */
  LC_OP_READ,   /* `fd`, as all below; gives `text` */
  LC_OP_APPEND, /* data */
  LC_OP_WRITE,  /* data, over its beginning */
  LC_OP_SYNC,
  LC_OP_TOUCH, /* number: microseconds */
  LC_OP_EMPTY,
  LC_OP_SIZE, /* gives `size` */
  LC_OP_MOVE, /* path: from, to; flag: and empty it. Closes it, in any case */
  LC_OP_CLOSE
};

#define LC_JOB_PATHS 5

enum lc_step { LC_STEP_NONE, LC_STEP_WRITTEN, LC_STEP_NAMED, LC_STEP_ENDED }; /* of a store */

struct lc_job {
  struct lc_node node; /* its id; the first three are the disk's */
  struct lc_job *next;
  unsigned state;
  size_t tag; /* for who made it */
  enum lc_op op;
  char *path[LC_JOB_PATHS];
  char *data;
  size_t len;
  unsigned mode;
  bool flag;
  int64_t number;
  int fd; /* -1: none; the job's until it is taken from here, and closed with it */
  void *folder;
  enum lc_err err;
  int why; /* errno, where err is LC_ESYS */
  bool yes;
  uint64_t size;
  struct lc_buf text;
  struct lc_about about;
  struct lc_listing listing;
  enum lc_step step; /* this and the draft are the commit's */
  char *draft;
};

struct lc_job *lc_job_new(enum lc_op op); /* NULL: no memory */
enum lc_err lc_job_set_path(struct lc_job *job, size_t place, const char *path);
enum lc_err lc_job_set_data(struct lc_job *job, const void *data, size_t len);
void lc_job_run(struct lc_job *job);
/* What is only needed until it has been run. */
void lc_job_forget_data(struct lc_job *job);
/* Says what came of it. */
void lc_job_end(struct lc_job *job, enum lc_err err, int why);
void lc_job_free(struct lc_job *job); /* NULL is fine */

#endif
