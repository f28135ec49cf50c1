/* SPDX-License-Identifier: MIT */
#include "commit.h"

#include <errno.h>
#include <unistd.h>

static void end(struct lc_job *job, enum lc_err err, int why) {
  lc_job_end(job, err, why);
  job->step = LC_STEP_ENDED;
}

/* An id that is known needs no draft. Where it is known from the folder itself its name may be
 * another process's, and not synced: that is waited for all the same. */
static bool is_known(struct lc_job *job) {
  char *const *path = job->path;
  job->yes = lc_file_is_in(path[3], path[2]) || lc_file_is_in(path[4], path[2]);
  if (job->yes) {
    end(job, LC_ESYS, EEXIST);
  } else if (lc_file_is_in(path[1], path[2])) {
    lc_job_end(job, LC_ESYS, EEXIST);
    job->step = LC_STEP_NAMED;
  }
  return job->step != LC_STEP_NONE;
}

/* The number of those that have their data in a file now. */
static size_t write_drafts(struct lc_job *jobs, bool synced) {
  size_t n = 0;
  for (struct lc_job *job = jobs; job != NULL; job = job->next) {
    if (is_known(job))
      continue;
    enum lc_err err =
        lc_draft_write(job->path[0], job->data, job->len, job->mode, synced, &job->draft);
    if (err == LC_OK) {
      job->step = LC_STEP_WRITTEN;
      n++;
    } else {
      end(job, err, errno);
    }
  }
  return n;
}

/* Their data has not reached the disk, or their folder is not there: nothing is left of them. */
static void drop_drafts(struct lc_job *jobs, int why) {
  for (struct lc_job *job = jobs; job != NULL; job = job->next) {
    if (job->step != LC_STEP_WRITTEN)
      continue;
    unlink(job->draft);
    end(job, LC_ESYS, why);
  }
}

static void settle(struct lc_job *jobs, int folder) {
  for (struct lc_job *job = jobs; job != NULL; job = job->next) {
    if (job->step != LC_STEP_WRITTEN)
      continue;
    enum lc_err err = lc_draft_settle(job->draft, folder, job->path[2], false);
    int why = errno;
    end(job, err, why);
    if (err == LC_OK || (err == LC_ESYS && why == EEXIST))
      job->step = LC_STEP_NAMED;
  }
}

/* Those that have a name are done with, as what the sync says. */
static void sync_names(struct lc_job *jobs, int folder) {
  enum lc_err err = LC_OK;
  int why = 0;
  bool synced = false;
  for (struct lc_job *job = jobs; job != NULL; job = job->next) {
    if (job->step != LC_STEP_NAMED)
      continue;
    if (!synced) {
      err = lc_folder_sync(folder);
      why = errno;
      synced = true;
    }
    if (err != LC_OK)
      lc_job_end(job, err, why);
    job->step = LC_STEP_ENDED;
  }
}

void lc_commit(struct lc_job *jobs) {
  /* What syncs all at once tells of failures since its descriptor was opened: before the first
   * draft is written. One job alone has its file synced by itself. */
  int drafts = jobs->next != NULL ? lc_folder_hold(jobs->path[0]) : -1;
  bool together = drafts >= 0 && lc_folder_syncs_whole(drafts);
  size_t n = write_drafts(jobs, !together);
  if (n > 0 && together && lc_folder_sync_whole(drafts) != LC_OK)
    drop_drafts(jobs, errno);
  if (drafts >= 0)
    close(drafts);
  int folder = lc_folder_hold(jobs->path[1]);
  if (folder < 0)
    drop_drafts(jobs, errno);
  else
    settle(jobs, folder);
  sync_names(jobs, folder);
  if (folder >= 0)
    close(folder);
}
