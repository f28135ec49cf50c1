/* SPDX-License-Identifier: MIT */
/* A throttle in a file that processes share. */
#ifndef LC_SHM_H
#define LC_SHM_H

#include <stddef.h>
#include <stdint.h>

#include "throttle.h"

struct lc_shm; /* a mapping: an lc_throttle behind a header and a robust process-shared mutex */

struct lc_shm_options {
  const char *path;
  unsigned mode; /* 0600, or 0660: then the file may be that of another user of our group */
  uint32_t calls;
  int64_t period_us;
  int64_t guard_us;
};

/* Opens or creates the file; one of an earlier boot begins anew. LC_EMISMATCH where it has other
 * limits, another layout, wider permissions than `mode` or a strange owner, is none of ours, or is
 * in use in another PID or time namespace (another container). LC_EBUSY where another process has
 * held it for a second. `text` gets one line without a newline for every failure: it names the path
 * and, for limits, both values. Who may write to the file is trusted.
 *
 * The verbs are those of throttle.c, with the clock (lc_clock_us) read inside the lock. They never
 * wait long: LC_EBUSY where another process holds the lock and does not run (it was stopped), and
 * LC_EMISMATCH where the file was cut short or removed while it was in use, or a child moved to
 * another namespace. Threads may share a mapping, and a child that a fork made may go on with its
 * parent's. */
enum lc_err lc_shm_open(struct lc_shm **shm, const struct lc_shm_options *options, char *text,
                        size_t text_size);
enum lc_err lc_shm_reserve(struct lc_shm *shm, int64_t max_wait_us, uint64_t *ticket,
                           int64_t *at_us, int64_t *now_us);
enum lc_err lc_shm_leave(struct lc_shm *shm, uint64_t ticket);
enum lc_err lc_shm_release(struct lc_shm *shm, int64_t at_us);
enum lc_err lc_shm_arrived(struct lc_shm *shm, int64_t at_us, int64_t late_us);
enum lc_err lc_shm_pause(struct lc_shm *shm, int64_t wait_us);
enum lc_err lc_shm_state(struct lc_shm *shm, struct lc_throttle_state *state);
void lc_shm_close(struct lc_shm *shm); /* NULL is fine */

#endif
