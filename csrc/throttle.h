/* SPDX-License-Identifier: MIT */
/* An exact sliding window in memory that the caller owns.
 *
 * The ring remembers when the last `calls` calls were granted. The next call may go when the
 * oldest of them is a period (and the guard) old: that is the earliest time at which no window of
 * a period holds more than `calls`, so nobody waits that need not. A grant is a promise for a
 * moment that may lie ahead; the caller sleeps until then. A grant that is given back before its
 * moment is granted to whoever asks next.
 *
 * Every change is one aligned 64-bit store, made last: whoever dies in the middle of a change
 * leaves the ring as it was, or with one more grant than was used, never one less. Pure: no clock,
 * lock, allocation or I/O. Moments are any clock's, within +-2^61 us of its zero. */
#ifndef LC_THROTTLE_H
#define LC_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct lc_throttle {
  uint32_t calls; /* slots of the ring are calls + 1: the spare one is written before it counts */
  _Atomic uint32_t given_back; /* 0: surely no grant of the ring was given back */
  int64_t period_us;
  int64_t guard_us;                /* added to the period: what leaves apart may arrive closer */
  _Atomic int64_t paused_until_us; /* a 429 or Retry-After */
  _Atomic uint64_t head;           /* index of the oldest grant; later ones follow in order */
  _Atomic int64_t slot[];          /* moment of a grant in us, times two; bit 0: given back */
};

/* Bytes of a ring for so many calls; 0 where calls is 0 or above 1,000,000. */
size_t lc_throttle_size(uint32_t calls);
/* LC_EINVAL where the size would be 0, for a period below 1 and a guard below 0, and where one of
 * them is above 2^60. */
enum lc_err lc_throttle_init(struct lc_throttle *throttle, uint32_t calls, int64_t period_us,
                             int64_t guard_us);
/* *at_us = the earliest moment at which the caller may send, >= now_us. LC_ETIMEOUT where that lies
 * after latest_us: nothing is granted, *at_us still tells the moment. LC_EINVAL for a now_us out of
 * range. */
enum lc_err lc_throttle_reserve(struct lc_throttle *throttle, int64_t now_us, int64_t latest_us,
                                int64_t *at_us);
/* Gives a grant back that was not used, also when its moment has passed. Of no effect where `calls`
 * later moments have been granted meanwhile. */
void lc_throttle_release(struct lc_throttle *throttle, int64_t at_us);
/* The call of a grant had surely arrived late_us after its moment. What that is beyond the guard
 * is added to the moment, so that arrivals keep the law too, however long a connection took to
 * make. Where `calls` later moments have been granted meanwhile, nobody is granted one before that
 * call has left the window; who sleeps towards one asks for the pause when he wakes. */
void lc_throttle_settle(struct lc_throttle *throttle, int64_t at_us, int64_t late_us);
/* Nobody is granted a moment before until_us. A pause never shortens another. */
void lc_throttle_pause(struct lc_throttle *throttle, int64_t until_us);

struct lc_throttle_state {
  uint32_t used;     /* grants of the last period, those that lie ahead included */
  int64_t wait_us;   /* what the next caller would wait */
  int64_t paused_us; /* what is left of a pause */
};
void lc_throttle_state(const struct lc_throttle *throttle, int64_t now_us,
                       struct lc_throttle_state *state);

#endif
