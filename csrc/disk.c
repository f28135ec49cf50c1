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
enum { MORE_MIN_US = 100, MORE_MAX_US = 5000 };

struct lc_disk {
  int pid; /* of the process that made it */
  struct lc_thread *thread;
  pthread_mutex_t lock;   /* of what follows, and of each job's state */
  pthread_cond_t changed; /* there is a job, it is closed, or the thread has ended */
  struct lc_idtable jobs; /* that were neither taken nor dropped */
  struct lc_job *first;   /* that have not begun, by their `next` */
  struct lc_job **last;
  struct lc_disk_load load;
  bool closed;
  bool gone;     /* the thread touches nothing any more */
  bool orphaned; /* the thread frees this */
  void (*ended)(void *owner, uint64_t id);
  void *owner;
  struct lc_commit commit; /* the thread's */
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

/* ---- the thread ----------------------------------------------------------------------------- */

/* All that have not begun; sleeps where there is nothing to do. Under the lock. */
static struct lc_job *next_jobs(struct lc_disk *disk) {
  while (disk->first == NULL && !disk->closed && lc_commit_is_idle(&disk->commit))
    pthread_cond_wait(&disk->changed, &disk->lock);
  struct lc_job *jobs = disk->closed ? NULL : disk->first;
  if (jobs != NULL) {
    disk->first = NULL;
    disk->last = &disk->first;
  }
  for (struct lc_job *job = jobs; job != NULL; job = job->next) {
    if (job->state == WAITING)
      job->state = RUNNING;
  }
  return jobs;
}

static void end_jobs(struct lc_disk *disk, struct lc_job *jobs) {
  struct lc_job *unwanted = NULL;
  pthread_mutex_lock(&disk->lock);
  for (struct lc_job *job = jobs, *next; job != NULL; job = next) {
    next = job->next;
    disk->load.jobs--;
    disk->load.bytes -= job->len;
    lc_job_forget_data(job);
    if (job->state == DROPPED) {
      job->next = unwanted;
      unwanted = job;
      continue;
    }
    job->state = FINISHED;
    if (!disk->closed)
      disk->ended(disk->owner, job->node.id);
  }
  pthread_mutex_unlock(&disk->lock);
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

/* Those who have just been told may send more at once: with an eighth of a turn's time to do so
 * they are in the next turn, and need not wait for the one after it. */
static void wait_for_more(int64_t turn_us) {
  int64_t us = turn_us / 8 < MORE_MAX_US ? turn_us / 8 : MORE_MAX_US;
  struct timespec time = {.tv_nsec = (long)us * 1000};
  if (us >= MORE_MIN_US)
    nanosleep(&time, NULL);
}

static void do_turn(struct lc_disk *disk, struct lc_job *stores) {
  int64_t began_us = lc_clock_us();
  struct lc_job *ended = lc_commit_turn(&disk->commit, stores);
  int64_t turn_us = lc_clock_us() - began_us;
  bool told = ended != NULL;
  end_jobs(disk, ended);
  if (told && !lc_commit_is_idle(&disk->commit))
    wait_for_more(turn_us);
}

static void *run(void *arg) {
  struct lc_disk *disk = arg;
  for (;;) {
    pthread_mutex_lock(&disk->lock);
    struct lc_job *jobs = next_jobs(disk);
    bool over = disk->closed && jobs == NULL && lc_commit_is_idle(&disk->commit);
    bool orphaned = over && disk->orphaned;
    if (over) {
      disk->gone = true;
      pthread_cond_broadcast(&disk->changed);
    }
    pthread_mutex_unlock(&disk->lock);
    if (orphaned)
      destroy(disk);
    if (over)
      return NULL;
    struct lc_job *stores = do_others(disk, jobs);
    if (stores != NULL || !lc_commit_is_idle(&disk->commit))
      do_turn(disk, stores);
  }
}

/* ---- verbs ---------------------------------------------------------------------------------- */

enum lc_err lc_disk_new(struct lc_disk **disk, void (*ended)(void *owner, uint64_t id),
                        void *owner) {
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
  lc_commit_init(&d->commit);
  enum lc_err err = lc_thread_start(&d->thread, "livechat-disk", run, d);
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
    if (disk->first == NULL)
      pthread_cond_signal(&disk->changed);
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
  while (!disk->gone) {
    if (pthread_cond_timedwait(&disk->changed, &disk->lock, &until) != 0)
      break;
  }
  bool gone = disk->gone;
  disk->orphaned = !gone;
  if (!gone)
    lc_thread_leave(disk->thread);
  leave(disk);
  if (!gone)
    return;
  lc_thread_join(disk->thread);
  destroy(disk);
}
