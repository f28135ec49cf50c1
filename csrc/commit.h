/* SPDX-License-Identifier: MIT */
/* Group commit: one sync for all events that came while the last one was under way.
 *
 * A store is on disk when two things are: first the data, then the name. A turn writes the drafts
 * of those that are new, syncs once, and renames them; the names are synced in the next turn, by
 * the same call as the data of the next ones. Example, with 20 at each time, and a sync of 5 ms:
 *
 *   0 ms   drafts 1-20 written   | syncfs |   5 ms   1-20 renamed
 *   5 ms   drafts 21-40 written  | syncfs |  10 ms   1-20 are on disk; 21-40 renamed
 *  10 ms   drafts 41-60 written  | syncfs |  15 ms   21-40 are on disk; 41-60 renamed
 *
 * so 20 in 5 ms, each within 10. One alone is synced by itself: its file, then the folder. What has
 * a name in the folder has its data on disk, at every moment. */
#ifndef LC_COMMIT_H
#define LC_COMMIT_H

#include "job.h"

struct lc_commit {
  int fd;               /* of the folder of drafts, from the first turn to the last; -1: none */
  bool whole;           /* one syncfs does for all */
  struct lc_job *named; /* that have a name which is not synced yet, by their `next` */
};

void lc_commit_init(struct lc_commit *commit);
bool lc_commit_is_idle(const struct lc_commit *commit);
/* `jobs`: new stores, by their `next`; all of one folder. Gives those that have come to an end. */
struct lc_job *lc_commit_turn(struct lc_commit *commit, struct lc_job *jobs);

#endif
