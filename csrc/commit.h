/* SPDX-License-Identifier: MIT */
/* Group commit: what is stored at one time shares its syncs.
 *
 * A store is on disk when two things are: first the data, then the name. So a group is written as
 * drafts, synced, renamed, and the folder with its names synced: two syncs, however many there are.
 * What has a name in the folder has its data on disk, at every moment: there is nothing to repair
 * after a loss of power.
 *
 * Several threads do so at once, each with a group of its own (disk.h). Example, with 3,200 events
 * a second and a sync of 5 ms: a group takes 10 ms, eight threads begin 800 a second, of 4 events
 * each, and an event is on disk 10 to 12 ms after it came. */
#ifndef LC_COMMIT_H
#define LC_COMMIT_H

#include "job.h"

/* Stores of one folder, by their `next`. All have come to an end when this returns. */
void lc_commit(struct lc_job *jobs);

#endif
