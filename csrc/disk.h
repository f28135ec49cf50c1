/* SPDX-License-Identifier: MIT */
/* Threads that wait for a disk, so that their program need not.
 *
 * A thread takes all jobs that wait, and does its stores together (commit.h). While others are at
 * work, stores are gathered for LC_DISK_GATHER_US before the next thread takes them. Each disk has
 * threads of its own, at most LC_DISK_THREADS: one that never comes back holds up nothing but what
 * was given to it. The verbs are for any thread of the process that made it; in a process that
 * forked from it they do nothing. */
#ifndef LC_DISK_H
#define LC_DISK_H

#include "job.h"

struct lc_disk;

struct lc_disk_load {
  size_t jobs; /* that have not come to an end, dropped ones too */
  size_t bytes;
};

/* `ended` is called by a thread with the ids of jobs that have come to an end and were still wanted
 * then; it must not call back into here. Never again after lc_disk_free. */
enum lc_err lc_disk_new(struct lc_disk **disk,
                        void (*ended)(void *owner, const uint64_t *ids, size_t n), void *owner);
/* Owns the job where it succeeds. The caller chooses the id, and no other job has it. */
enum lc_err lc_disk_submit(struct lc_disk *disk, uint64_t id, struct lc_job *job);
/* Gives back a job that has come to an end; NULL: it has not, or there is none of that id. */
struct lc_job *lc_disk_take(struct lc_disk *disk, uint64_t id);
/* It is done all the same, but what comes of it is not wanted. */
void lc_disk_drop(struct lc_disk *disk, uint64_t id);
struct lc_disk_load lc_disk_load(struct lc_disk *disk);
/* Drops what has not begun, and waits for what has, but not for longer than LC_DISK_END_MS: then
 * the last thread, when its disk comes back, frees what they use. NULL is fine. */
void lc_disk_free(struct lc_disk *disk);

#define LC_DISK_END_MS 2000
#define LC_DISK_THREADS 8
#define LC_DISK_GATHER_US 500

#endif
