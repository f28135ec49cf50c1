/* SPDX-License-Identifier: MIT */
#include "disk.h"
#include "commit.h"
#include "process.h"
#include "stamp.h"
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { WAITING, RUNNING, FINISHED, DROPPED };
enum { CHUNK = 64 };

struct lc_disk {
  int pid;                /* of the process that made it */
  pthread_mutex_t lock;   /* of what follows, and of each job's state */
  pthread_cond_t changed; /* there are jobs, it is closed, or a thread has ended */
  struct lc_idtable jobs; /* that were neither taken nor dropped */
  struct lc_job *first;   /* that have not begun, by their `next` */
  struct lc_job **last;
  int64_t first_us; /* when that came */
  struct lc_disk_load load;
  struct lc_thread *threads[LC_DISK_THREADS];
  size_t n;       /* threads */
  size_t busy;    /* that have jobs */
  size_t n_ended; /* that touch nothing any more */
  bool closed;
  bool orphaned;  /* the last thread frees this */
  size_t telling; /* threads that are in `ended` */
  void (*ended)(void *owner, const uint64_t *ids, size_t n);
  void *owner;
};

static bool enter(struct lc_disk *disk) {
  if (disk->pid != lc_pid())
    return false;
  pthread_mutex_lock(&disk->lock);
  return true;
}

static void leave(struct lc_disk *disk) {
  pthread_mutex_unlock(&disk->lock);
}

/* ---- the threads ---------------------------------------------------------------------------- */

static void *run(void *arg);

/* Under the lock. There is another where all are at work. */
static enum lc_err add_thread(struct lc_disk *disk) {
  if (disk->busy < disk->n || disk->n == LC_DISK_THREADS)
    return LC_OK;
  enum lc_err err = lc_thread_start(&disk->threads[disk->n], "livechat-disk", run, disk);
  disk->n += err == LC_OK;
  return err;
}

/* How long what waits is left for more to come. */
static int64_t gather_us(const struct lc_disk *disk) {
  if (disk->busy == 0 || disk->first->op != LC_OP_STORE)
    return 0;
  return disk->first_us + LC_DISK_GATHER_US - lc_clock_us();
}

static void sleep_us(struct lc_disk *disk, int64_t us) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = until.tv_nsec + us * 1000;
  until.tv_sec += (time_t)(ns / 1000000000);
  until.tv_nsec = (long)(ns % 1000000000);
  pthread_cond_timedwait(&disk->changed, &disk->lock, &until);
}

/* All that have not begun; sleeps where there is nothing to do. NULL: it is closed. Under the
 * lock. */
static struct lc_job *next_jobs(struct lc_disk *disk) {
  while (!disk->closed) {
    int64_t us = disk->first != NULL ? gather_us(disk) : 0;
    if (disk->first != NULL && us <= 0)
      break;
    if (disk->first != NULL)
      sleep_us(disk, us);
    else
      pthread_cond_wait(&disk->changed, &disk->lock);
  }
  if (disk->closed)
    return NULL;
  struct lc_job *jobs = disk->first;
  disk->first = NULL;
  disk->last = &disk->first;
  for (struct lc_job *job = jobs; job != NULL; job = job->next) {
    if (job->state == WAITING)
      job->state = RUNNING;
  }
  return jobs;
}

/* Marks jobs as ended, up to CHUNK of those that are wanted; *rest: the others. Under the lock:
 * from then on a wanted job is its owner's. */
static size_t mark_ended(struct lc_disk *disk, struct lc_job **rest, struct lc_job **unwanted,
                         uint64_t ids[CHUNK]) {
  size_t n = 0;
  for (struct lc_job *job; n < CHUNK && (job = *rest) != NULL;) {
    *rest = job->next;
    disk->load.jobs--;
    disk->load.bytes -= job->len;
    if (job->state == DROPPED) {
      job->next = *unwanted;
      *unwanted = job;
    } else {
      job->state = FINISHED;
      ids[n++] = job->node.id;
    }
  }
  return n;
}

static void end_jobs(struct lc_disk *disk, struct lc_job *jobs) {
  struct lc_job *unwanted = NULL;
  uint64_t ids[CHUNK];
  for (struct lc_job *job = jobs; job != NULL; job = job->next)
    lc_job_forget_data(job);
  while (jobs != NULL) {
    pthread_mutex_lock(&disk->lock);
    size_t n = mark_ended(disk, &jobs, &unwanted, ids);
    bool tell = n > 0 && !disk->closed;
    disk->telling += tell;
    pthread_mutex_unlock(&disk->lock);
    if (!tell)
      continue;
    disk->ended(disk->owner, ids, n);
    pthread_mutex_lock(&disk->lock);
    disk->telling--;
    if (disk->closed)
      pthread_cond_broadcast(&disk->changed);
    pthread_mutex_unlock(&disk->lock);
  }
  for (struct lc_job *job = unwanted, *next; job != NULL; job = next) {
    next = job->next;
    lc_job_free(job);
  }
}

/* Stores are left for the commit, together; everything else is done at once. */
static struct lc_job *do_others(struct lc_disk *disk, struct lc_job *jobs) {
  struct lc_job *stores = NULL, **last = &stores;
  for (struct lc_job *job = jobs, *next; job != NULL; job = next) {
    next = job->next;
    job->next = NULL;
    if (job->op == LC_OP_STORE) {
      *last = job;
      last = &job->next;
    } else {
      lc_job_run(job);
      end_jobs(disk, job);
    }
  }
  return stores;
}

static void destroy(struct lc_disk *disk) {
  struct lc_node *node;
  for (size_t from = 0; (node = lc_idtable_first(&disk->jobs, &from)) != NULL;) {
    struct lc_job *job = (struct lc_job *)node;
    lc_idtable_remove(&disk->jobs, node);
    if (job->state == FINISHED)
      lc_job_free(job);
  }
  for (struct lc_job *job = disk->first, *next; job != NULL; job = next) {
    next = job->next;
    lc_job_free(job);
  }
  lc_idtable_free(&disk->jobs);
  pthread_cond_destroy(&disk->changed);
  pthread_mutex_destroy(&disk->lock);
  free(disk);
}

static void *run(void *arg) {
  struct lc_disk *disk = arg;
  struct lc_job *jobs;
  pthread_mutex_lock(&disk->lock);
  while ((jobs = next_jobs(disk)) != NULL) {
    disk->busy++;
    add_thread(disk); /* where there can be none, those that there are do */
    pthread_mutex_unlock(&disk->lock);
    struct lc_job *stores = do_others(disk, jobs);
    if (stores != NULL)
      lc_commit(stores);
    end_jobs(disk, stores);
    pthread_mutex_lock(&disk->lock);
    disk->busy--;
  }
  bool last = ++disk->n_ended == disk->n && disk->orphaned;
  pthread_cond_broadcast(&disk->changed);
  pthread_mutex_unlock(&disk->lock);
  if (last)
    destroy(disk);
  return NULL;
}

/* ---- verbs ---------------------------------------------------------------------------------- */

enum lc_err lc_disk_new(struct lc_disk **disk,
                        void (*ended)(void *owner, const uint64_t *ids, size_t n), void *owner) {
  pthread_condattr_t attr;
  struct lc_disk *d = *disk = calloc(1, sizeof *d);
  if (d == NULL)
    return LC_ENOMEM;
  pthread_mutex_init(&d->lock, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&d->changed, &attr);
  pthread_condattr_destroy(&attr);
  d->pid = lc_pid();
  d->last = &d->first;
  d->ended = ended;
  d->owner = owner;
  pthread_mutex_lock(&d->lock);
  enum lc_err err = add_thread(d);
  pthread_mutex_unlock(&d->lock);
  if (err != LC_OK) {
    int why = errno;
    destroy(d);
    *disk = NULL;
    errno = why;
  }
  return err;
}

enum lc_err lc_disk_submit(struct lc_disk *disk, uint64_t id, struct lc_job *job) {
  if (!enter(disk))
    return LC_ECLOSED;
  enum lc_err err = disk->closed ? LC_ECLOSED : lc_idtable_grow(&disk->jobs);
  if (err == LC_OK) {
    job->node.id = id;
    job->state = WAITING;
    job->next = NULL;
    lc_idtable_add(&disk->jobs, &job->node);
    if (disk->first == NULL) {
      disk->first_us = lc_clock_us();
      pthread_cond_signal(&disk->changed);
    }
    *disk->last = job;
    disk->last = &job->next;
    disk->load.jobs++;
    disk->load.bytes += job->len;
  }
  leave(disk);
  return err;
}

struct lc_job *lc_disk_take(struct lc_disk *disk, uint64_t id) {
  if (!enter(disk))
    return NULL;
  struct lc_job *job = (struct lc_job *)lc_idtable_find(&disk->jobs, id);
  if (job != NULL && job->state != FINISHED)
    job = NULL;
  if (job != NULL)
    lc_idtable_remove(&disk->jobs, &job->node);
  leave(disk);
  return job;
}

void lc_disk_drop(struct lc_disk *disk, uint64_t id) {
  if (!enter(disk))
    return;
  struct lc_job *job = (struct lc_job *)lc_idtable_find(&disk->jobs, id);
  bool finished = job != NULL && job->state == FINISHED;
  if (job != NULL) {
    lc_idtable_remove(&disk->jobs, &job->node);
    job->state = DROPPED;
  }
  leave(disk);
  if (finished)
    lc_job_free(job);
}

struct lc_disk_load lc_disk_load(struct lc_disk *disk) {
  struct lc_disk_load load = {0, 0};
  if (enter(disk)) {
    load = disk->load;
    leave(disk);
  }
  return load;
}

void lc_disk_free(struct lc_disk *disk) {
  struct timespec until;
  if (disk == NULL || !enter(disk))
    return;
  disk->closed = true;
  pthread_cond_broadcast(&disk->changed);
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += LC_DISK_END_MS / 1000;
  while (disk->n_ended < disk->n) {
    if (pthread_cond_timedwait(&disk->changed, &disk->lock, &until) != 0)
      break;
  }
  while (disk->telling > 0)
    pthread_cond_wait(&disk->changed, &disk->lock);
  disk->orphaned = disk->n_ended < disk->n;
  bool orphaned = disk->orphaned;
  for (size_t i = 0; i < disk->n && orphaned; i++)
    lc_thread_leave(disk->threads[i]);
  leave(disk);
  if (orphaned)
    return;
  for (size_t i = 0; i < disk->n; i++)
    lc_thread_join(disk->threads[i]);
  destroy(disk);
}
