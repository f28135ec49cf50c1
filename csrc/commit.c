/* SPDX-License-Identifier: MIT */
#include "commit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct list { /* by `next`, in the order of arrival */
  struct lc_job *first;
  struct lc_job **last;
};

static void list_init(struct list *list, struct lc_job *first) {
  list->first = first;
  list->last = &list->first;
  while (*list->last != NULL)
    list->last = &(*list->last)->next;
}

static void list_add(struct list *list, struct lc_job *job) {
  job->next = NULL;
  *list->last = job;
  list->last = &job->next;
}

/* Takes the first out; NULL: the list is empty. */
static struct lc_job *list_take(struct list *list) {
  struct lc_job *job = list->first;
  if (job != NULL) {
    list->first = job->next;
    if (list->first == NULL)
      list->last = &list->first;
  }
  return job;
}

struct turn {
  struct lc_commit *commit;
  struct list fresh;
  struct list written;
  struct list named; /* before this turn, so that its sync covers them */
  struct list ended;
};

static void end(struct turn *turn, struct lc_job *job, enum lc_err err, int why) {
  lc_job_end(job, err, why);
  list_add(&turn->ended, job);
}

/* Sorts out what needs no draft: an id that is known. Where it is known from the folder itself its
 * name may be another process's, and not synced: it ends with this turn's sync. */
static void sort_out(struct turn *turn, struct lc_job *jobs) {
  struct list all;
  list_init(&all, jobs);
  for (struct lc_job *job; (job = list_take(&all)) != NULL;) {
    char *const *path = job->path;
    job->yes = lc_file_is_in(path[3], path[2]) || lc_file_is_in(path[4], path[2]);
    if (job->yes) {
      end(turn, job, LC_ESYS, EEXIST);
    } else if (lc_file_is_in(path[1], path[2])) {
      lc_job_end(job, LC_ESYS, EEXIST);
      list_add(&turn->named, job);
    } else {
      list_add(&turn->fresh, job);
    }
  }
}

/* syncfs tells what failed since its descriptor was opened: before the first draft is written. */
static void hold_folder(struct lc_commit *commit, const char *drafts) {
  if (commit->fd >= 0)
    return;
  commit->fd = open(drafts, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  commit->whole = commit->fd >= 0 && lc_folder_syncs_whole(commit->fd);
}

static void write_drafts(struct turn *turn, bool synced) {
  for (struct lc_job *job; (job = list_take(&turn->fresh)) != NULL;) {
    enum lc_err err =
        lc_draft_write(job->path[0], job->data, job->len, job->mode, synced, &job->draft);
    if (err == LC_OK)
      list_add(&turn->written, job);
    else
      end(turn, job, err, errno);
  }
}

static enum lc_err sync_whole(const struct lc_commit *commit) {
#ifdef __linux__
  return syncfs(commit->fd) == 0 ? LC_OK : LC_ESYS;
#else
  (void)commit;
  return LC_EINVAL;
#endif
}

/* Their data has not reached the disk: nothing is left of them. */
static void drop_written(struct turn *turn, enum lc_err err, int why) {
  for (struct lc_job *job; (job = list_take(&turn->written)) != NULL;) {
    unlink(job->draft);
    end(turn, job, err, why);
  }
}

/* Each with what is true of it already: the name is its own, or was taken. */
static void end_named(struct turn *turn, enum lc_err err, int why) {
  for (struct lc_job *job; (job = list_take(&turn->named)) != NULL;) {
    if (err != LC_OK)
      end(turn, job, err, why);
    else
      list_add(&turn->ended, job);
  }
}

/* Gives the names; what has one, or found it taken, waits for the next turn's sync. */
static void settle(struct turn *turn) {
  struct list named;
  list_init(&named, turn->commit->named);
  for (struct lc_job *job; (job = list_take(&turn->written)) != NULL;) {
    enum lc_err err = lc_draft_settle(job->draft, job->path[1], job->path[2], false);
    int why = errno;
    if (err == LC_OK || (err == LC_ESYS && why == EEXIST)) {
      lc_job_end(job, err, why);
      list_add(&named, job);
    } else {
      end(turn, job, err, why);
    }
  }
  turn->commit->named = named.first;
}

void lc_commit_init(struct lc_commit *commit) {
  *commit = (struct lc_commit){.fd = -1};
}

bool lc_commit_is_idle(const struct lc_commit *commit) {
  return commit->named == NULL;
}

struct lc_job *lc_commit_turn(struct lc_commit *commit, struct lc_job *jobs) {
  struct turn turn = {.commit = commit};
  list_init(&turn.fresh, NULL);
  list_init(&turn.written, NULL);
  list_init(&turn.ended, NULL);
  list_init(&turn.named, commit->named);
  commit->named = NULL;
  sort_out(&turn, jobs);
  const struct lc_job *any = turn.fresh.first;
  if (any != NULL)
    hold_folder(commit, any->path[0]);
  bool several = any != NULL && (any->next != NULL || turn.named.first != NULL);
  bool together = several && commit->whole;
  write_drafts(&turn, !together);
  if (together || turn.named.first != NULL) {
    enum lc_err err = together ? sync_whole(commit) : lc_folder_sync(turn.named.first->path[1]);
    int why = errno;
    if (together && err != LC_OK)
      drop_written(&turn, err, why);
    end_named(&turn, err, why);
  }
  settle(&turn);
  if (commit->named == NULL && commit->fd >= 0) {
    close(commit->fd);
    commit->fd = -1;
  }
  return turn.ended.first;
}
