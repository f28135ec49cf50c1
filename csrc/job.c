/* SPDX-License-Identifier: MIT */
#include "job.h"
#include "commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, MAX_TEXT = 1 << 30 };

struct lc_job *lc_job_new(enum lc_op op) {
  struct lc_job *job = calloc(1, sizeof *job);
  if (job != NULL) {
    job->op = op;
    job->fd = -1;
    lc_buf_init(&job->text, MAX_TEXT);
  }
  return job;
}

enum lc_err lc_job_set_path(struct lc_job *job, size_t place, const char *path) {
  free(job->path[place]);
  job->path[place] = strdup(path);
  return job->path[place] != NULL ? LC_OK : LC_ENOMEM;
}

enum lc_err lc_job_set_data(struct lc_job *job, const void *data, size_t len) {
  free(job->data);
  job->data = malloc(len + 1);
  job->len = job->data != NULL ? len : 0;
  if (job->data == NULL)
    return LC_ENOMEM;
  if (len > 0)
    memcpy(job->data, data, len);
  return LC_OK;
}

void lc_job_forget_data(struct lc_job *job) {
  free(job->data);
  job->data = NULL;
}

void lc_job_end(struct lc_job *job, enum lc_err err, int why) {
  job->err = err;
  job->why = why;
}

static void close_file(struct lc_job *job) {
  if (job->fd >= 0)
    close(job->fd);
  job->fd = -1;
}

void lc_job_free(struct lc_job *job) {
  if (job == NULL)
    return;
  for (size_t i = 0; i < LC_JOB_PATHS; i++)
    free(job->path[i]);
  free(job->draft);
  lc_job_forget_data(job);
  close_file(job);
  lc_folder_close(job->folder);
  lc_buf_free(&job->text);
  lc_listing_free(&job->listing);
  free(job);
}

/* ---- running ------------------------------------------------------------------------------- */

static enum lc_err take(struct lc_job *job) {
  char *const *path = job->path;
  char full[PATH_SIZE];
  int n = snprintf(full, sizeof full, "%s/%s", path[0], path[1]);
  if (n < 0 || (size_t)n >= sizeof full) {
    errno = ENAMETOOLONG;
    return LC_ESYS;
  }
  enum lc_err err = lc_file_lock(full, &job->fd);
  if (err != LC_OK)
    return err;
  job->yes = lc_file_is_in(path[2], path[1]) || lc_file_is_in(path[3], path[1]);
  if (job->yes) {
    unlink(full);
    close_file(job);
    errno = ENOENT;
    return LC_ESYS;
  }
  return lc_file_read(job->fd, &job->text);
}

static enum lc_err more(struct lc_job *job) {
  enum lc_err err = lc_listing_more(&job->listing, (size_t)job->size, job->flag);
  job->yes = job->listing.folder != NULL;
  return err;
}

static enum lc_err look(struct lc_job *job) {
  enum lc_err err = lc_listing_open(&job->listing, job->path[0]);
  return err == LC_OK ? more(job) : err;
}

static enum lc_err fetch(struct lc_job *job) {
  int fd = open(job->path[0], O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0)
    return LC_ESYS;
  enum lc_err err = lc_file_read(fd, &job->text);
  int why = errno;
  close(fd);
  errno = why;
  return err;
}

/* A file of the user's: one that never ends, or that is waited for, would hold up the thread. */
static enum lc_err load(struct lc_job *job) {
  int fd = open(job->path[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0)
    return LC_ESYS;
  struct stat about;
  enum lc_err err = LC_ESYS;
  job->text.max = (size_t)job->size;
  if (fstat(fd, &about) == 0) {
    if (S_ISREG(about.st_mode))
      err = lc_file_read(fd, &job->text);
    else
      errno = S_ISDIR(about.st_mode) ? EISDIR : EINVAL;
  }
  int why = errno;
  close(fd);
  errno = why;
  return err;
}

static enum lc_err move(struct lc_job *job) {
  enum lc_err err = rename(job->path[0], job->path[1]) == 0 ? LC_OK : LC_ESYS;
  int why = errno;
  if (err == LC_OK && job->flag)
    lc_file_empty(job->fd); /* what is left in it does no harm */
  close_file(job);
  errno = why;
  return err;
}

static enum lc_err run_on_file(struct lc_job *job) {
  switch (job->op) {
  case LC_OP_READ:
    return lc_file_read(job->fd, &job->text);
  case LC_OP_APPEND:
    return lc_file_append(job->fd, job->data, job->len);
  case LC_OP_WRITE:
    return lc_file_write(job->fd, job->data, job->len);
  case LC_OP_SYNC:
    return lc_file_sync(job->fd);
  case LC_OP_TOUCH:
    return lc_file_touch(job->fd, job->number);
  case LC_OP_EMPTY:
    return lc_file_empty(job->fd);
  case LC_OP_SIZE:
    return lc_file_size(job->fd, &job->size);
  case LC_OP_MOVE:
    return move(job);
  case LC_OP_CLOSE:
    close_file(job);
    return LC_OK;
  default:
    return LC_EINVAL;
  }
}

static enum lc_err run_on_path(struct lc_job *job) {
  switch (job->op) {
  case LC_OP_REPLACE:
    return lc_file_replace(job->path[0], job->path[1], job->path[2], job->data, job->len,
                           job->mode);
  case LC_OP_MAKE:
    return lc_folder_make(job->path[0], job->mode);
  case LC_OP_SYNC_FOLDER:
    return lc_folder_sync_at(job->path[0]);
  case LC_OP_EXISTS:
    job->yes = lc_file_exists(job->path[0]);
    return LC_OK;
  case LC_OP_ABOUT:
    return lc_file_about(job->path[0], job->flag, &job->about);
  case LC_OP_LIST:
    job->size = SIZE_MAX;
    return look(job);
  case LC_OP_LOOK:
    return look(job);
  case LC_OP_MORE:
    return more(job);
  case LC_OP_LOCK:
    return lc_file_lock(job->path[0], &job->fd);
  case LC_OP_TAKE:
    return take(job);
  case LC_OP_FETCH:
    return fetch(job);
  case LC_OP_LOAD:
    return load(job);
  case LC_OP_OPEN:
    return lc_folder_open(job->path[0], &job->folder);
  case LC_OP_SWEEP:
    return lc_folder_sweep(job->folder, job->number, (size_t)job->size, &job->yes);
  default:
    return run_on_file(job);
  }
}

void lc_job_run(struct lc_job *job) {
  if (job->op == LC_OP_STORE) {
    lc_commit(job);
    return;
  }
  enum lc_err err = run_on_path(job);
  lc_job_end(job, err, errno);
}
