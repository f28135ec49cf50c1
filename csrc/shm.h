/* SPDX-License-Identifier: MIT */
/* A throttle in a file that processes share, or in memory of its own. */
#ifndef LC_SHM_H
#define LC_SHM_H

#include <stddef.h>
#include <stdint.h>

#include "sending.h"
#include "throttle.h"

/* An lc_throttle, in a file behind a header and a robust process-shared mutex. It lives until it is
 * closed and the last of its open calls has been sent. */
struct lc_shm;

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
/* One of this process, in memory of its own, for one thread; path and mode are not looked at. */
enum lc_err lc_shm_private(struct lc_shm **shm, const struct lc_shm_options *options);
enum lc_err lc_shm_reserve(struct lc_shm *shm, int64_t max_wait_us, uint64_t *ticket,
                           int64_t *at_us, int64_t *now_us);
/* The same; a call that goes is open. *sending is then the caller's, to give it to the engine with
 * the request and to end it, after the throttle is closed too; NULL where it does not go. *again_us
 * is next_end_us of throttle.h. */
enum lc_err lc_shm_reserve_open(struct lc_shm *shm, int64_t max_wait_us, uint64_t *ticket,
                                int64_t *at_us, int64_t *now_us, int64_t *again_us,
                                struct lc_sending **sending);
/* The open call had arrived late_us after it was let go, at the latest. */
enum lc_err lc_shm_close_call(struct lc_shm *shm, struct lc_sending *sending, int64_t late_us);
/* Takes those that are known to have ended out of the table, also of processes that have died. */
enum lc_err lc_shm_sweep(struct lc_shm *shm);
enum lc_err lc_shm_add(struct lc_shm *shm, int64_t ago_us);
enum lc_err lc_shm_leave(struct lc_shm *shm, uint64_t ticket);
enum lc_err lc_shm_release(struct lc_shm *shm, int64_t at_us);
enum lc_err lc_shm_arrived(struct lc_shm *shm, int64_t at_us, int64_t late_us);
enum lc_err lc_shm_pause(struct lc_shm *shm, int64_t wait_us);
enum lc_err lc_shm_state(struct lc_shm *shm, struct lc_throttle_state *state);
void lc_shm_close(struct lc_shm *shm); /* NULL is fine */

#endif
