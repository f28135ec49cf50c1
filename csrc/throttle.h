/* SPDX-License-Identifier: MIT */
/* An exact sliding-window limiter in memory that the caller owns: no window of a period, wherever
 * it begins, holds more than `calls` calls, and no caller waits that need not.
 *
 * The ring holds the moments of the last `calls` calls that went, oldest first; the queue those
 * who wait (queue.h). Nothing is promised ahead: a caller asks, is let go or told when to ask
 * again, and only what goes is remembered. So a caller that vanishes while it waits leaves
 * nothing behind.
 *
 * A caller before whom r others wait, all present, may go at the moment
 *
 *     max(now, paused_until, oldest(r) + period + guard),     oldest(r): the r-th of the ring,
 *     from 0
 *
 * and where r is `calls` or more, a period and the guard after the caller that is `calls` before
 * it.
 *
 * Example, 3 calls in 60 s, guard 0. Calls went at 0, 10 and 20. At 25 A asks: it may go at 60. B
 * is behind A: 70. C: 80. D is behind three: 60 + 60 = 120. At 30 B is killed. Its lease ends
 * before 31, and when C and D ask the next time they are told 70 and 80. At 60 A asks and goes;
 * the ring is 10, 20, 60. At 65 E asks: behind C and D, 120.
 *
 * Every change of the ring is a row of aligned 64-bit stores between any two of which the ring is
 * the one before, or one whose moments are later: a process that dies in the middle of a change
 * makes others wait longer, never shorter. Pure: no clock, lock, allocation or I/O. Moments are
 * any clock's, within +-2^61 us of its zero. */
#ifndef LC_THROTTLE_H
#define LC_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "queue.h"

struct lc_throttle {
  uint32_t calls; /* slots of the ring are calls + 1: the spare one is written before it counts */
  uint32_t unused;
  int64_t period_us;
  int64_t guard_us;                /* added to the period: what leaves apart may arrive closer */
  _Atomic int64_t paused_until_us; /* a 429 or Retry-After */
  _Atomic uint64_t head;           /* index of the oldest moment; later ones follow in order */
  struct lc_queue queue;
  _Atomic int64_t slot[]; /* moments in us */
};

/* Bytes of a throttle for so many calls; 0 where calls is 0 or above 1,000,000. */
size_t lc_throttle_size(uint32_t calls);
/* LC_EINVAL where the size would be 0, for a period below 1 and a guard below 0, and where one of
 * them is above 2^60. */
enum lc_err lc_throttle_init(struct lc_throttle *throttle, uint32_t calls, int64_t period_us,
                             int64_t guard_us);
/* Asks to go. *ticket is 0 the first time, afterwards what was left in it. LC_OK with
 * *at_us == now_us: the caller goes now, and its ticket is used up. LC_OK with a later *at_us: the
 * caller has to ask again, with its ticket, at that moment or after LC_BEAT_US, whichever comes
 * first. LC_ETIMEOUT where it could not go before latest_us: it no longer waits, *at_us still tells
 * when it could. LC_EINVAL for a now_us out of range. */
enum lc_err lc_throttle_reserve(struct lc_throttle *throttle, int64_t now_us, int64_t latest_us,
                                uint64_t *ticket, int64_t *at_us);
/* The caller no longer waits. */
void lc_throttle_leave(struct lc_throttle *throttle, uint64_t ticket);
/* The call that went at that moment was certainly not sent: forgets it. Of no effect where `calls`
 * later ones went meanwhile. */
void lc_throttle_release(struct lc_throttle *throttle, int64_t at_us);
/* The call that went at that moment had arrived late_us after it, at the latest. What that is
 * beyond the guard is added to the moment, so that no window at the service holds more than
 * `calls` either, however long a connection took to make. */
void lc_throttle_arrived(struct lc_throttle *throttle, int64_t at_us, int64_t late_us);
/* Remembers a call that went without asking. */
void lc_throttle_add(struct lc_throttle *throttle, int64_t at_us);
/* Nobody goes before until_us. A pause never shortens another. */
void lc_throttle_pause(struct lc_throttle *throttle, int64_t until_us);

struct lc_throttle_state {
  uint32_t used;   /* calls that went in the last period */
  int64_t wait_us; /* what the next caller would wait, behind those who wait */
};
void lc_throttle_state(struct lc_throttle *throttle, int64_t now_us,
                       struct lc_throttle_state *state);

#endif
