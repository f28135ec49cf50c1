/* SPDX-License-Identifier: MIT */
/* An exact sliding-window limiter in memory that the caller owns: no window of a period, wherever
 * it begins, holds more than `calls` calls, and no caller waits that need not.
 *
 * A call is let go at one moment, is sent at a later one, and is with the service at one later
 * still. Which of them counts makes no difference as long as they lie within the guard. They need
 * not: a connection has to be made first, a process is stopped, the thread that sends gets no
 * processor. So a call is open from the moment it is let go until it is known to have arrived, and
 * an open call may arrive at any time from now on: it is in the window of whoever asks, however
 * long ago it was let go.
 *
 * The ring holds the moments of the last `calls` calls that arrived, oldest first; a table those
 * that are open; the queue those who wait (queue.h). Nothing is promised ahead: a caller asks, is
 * let go or told when to ask again, and only what goes is remembered. So a caller that vanishes
 * while it waits leaves nothing behind.
 *
 * A caller before whom r others wait, all present, while o calls are open, may go at the moment
 *
 *     max(now, paused_until, oldest(r + o) + period + guard),     oldest(i): the i-th of the ring,
 *     from 0
 *
 * and where r + o is `calls` or more, a period and the guard after the caller that is `calls`
 * before it; while that one is open, not before it has arrived.
 *
 * Example, 3 calls in 60 s, guard 0. Calls went at 0, 10 and 20. At 25 A asks: it may go at 60. B
 * is behind A: 70. C: 80. D is behind three: 60 + 60 = 120. At 30 B is killed. Its lease ends
 * before 31, and when C and D ask the next time they are told 70 and 80. At 60 A asks and goes;
 * the ring is 10, 20, 60. At 65 E asks: behind C and D, 120.
 *
 * Example, 2 calls in 60 s, guard 0. P and Q are let go at 0. P is sent at once and answered; the
 * process of Q is stopped just before it sends. At 60 A asks. P has left the window; Q is open, so
 * one call is in it and A goes. At 61 B asks: A and Q make two. At 100 Q's process goes on, sends,
 * and tells 100. B goes at 120, a period after A, and the next at 160, a period after Q. Had Q
 * counted from 0, B would have gone at 61, and 100 would lie in a window with A, Q and B.
 *
 * How an open call ends:
 * - lc_throttle_close: it had arrived by a moment that its caller knows, because it is answered.
 * - Its sender has stored into `sent_us` by when it had been sent, and LC_WAY_US later there is
 *   still no answer. By then it is with the service, which takes its time. How long it was on its
 *   way is taken from those that were answered lately: the longest, less an eighth for each since.
 * - It never will be sent: LC_NEVER_SENT is in its `sent_us`.
 * - Its process has died (lc_throttle_bury): it arrived before now, or never.
 *
 * Every change of the ring is a row of aligned 64-bit stores between any two of which the ring is
 * the one before, or one whose moments are later: a process that dies in the middle of a change
 * makes others wait longer, never shorter. lc_throttle_mend counts the open calls anew after that.
 * Pure: no clock, lock, allocation or I/O. Moments are any clock's, within +-2^61 us of its
 * zero. */
#ifndef LC_THROTTLE_H
#define LC_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "queue.h"

#define LC_WAY_US 1000000                 /* what takes longer is the service's work */
#define LC_NOT_SENT (-((int64_t)1 << 62)) /* as far as is known */
#define LC_NEVER_SENT (LC_NOT_SENT + 1)
#define LC_NO_CALL UINT32_MAX

struct lc_open_call {
  _Atomic int64_t at_us;   /* when it was let go */
  _Atomic int64_t sent_us; /* by when it had been sent; stored by its sender, without a lock */
  _Atomic uint64_t owner;  /* whatever tells a process; 0: the entry is free */
};

struct lc_throttle {
  uint32_t calls; /* slots of the ring are calls + 1: the spare one is written before it counts */
  uint32_t n_open;
  uint32_t open_end;  /* entries from here on are free */
  uint32_t open_free; /* entries before this one are not */
  int64_t period_us;
  int64_t guard_us;                /* added to the period: what leaves apart may arrive closer */
  int64_t way_us;                  /* of late, from a sending to the service */
  int64_t next_end_us;             /* when, at the last sweep, an open call ends unanswered */
  _Atomic int64_t paused_until_us; /* a 429 or Retry-After */
  _Atomic uint64_t head;           /* index of the oldest moment; later ones follow in order */
  struct lc_queue queue;
  _Atomic int64_t slot[]; /* moments in us; then a struct lc_open_call for each of `calls` */
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
/* The same; a call that goes is open until it has ended as above. *open tells which it is, where it
 * goes, and else is LC_NO_CALL. The owner is not 0. A caller that waits should ask at next_end_us
 * too: it may go earlier then than it was told. */
enum lc_err lc_throttle_reserve_open(struct lc_throttle *throttle, int64_t now_us,
                                     int64_t latest_us, uint64_t *ticket, int64_t *at_us,
                                     uint64_t owner, uint32_t *open);
/* The caller no longer waits. */
void lc_throttle_leave(struct lc_throttle *throttle, uint64_t ticket);
/* The call that went at that moment was certainly not sent: forgets it. Of no effect where `calls`
 * later ones went meanwhile. */
void lc_throttle_release(struct lc_throttle *throttle, int64_t at_us);
/* The call that went at that moment had arrived late_us after it, at the latest. What that is
 * beyond the guard is added to the moment, so that no window at the service holds more than
 * `calls` either, however long a connection took to make. */
void lc_throttle_arrived(struct lc_throttle *throttle, int64_t at_us, int64_t late_us);
/* The same for one that is open; not before it was sent, and not after now. Where it was sent
 * LC_WAY_US ago it ends as one without an answer does. Of no effect before its sender has stored
 * when that was, and where it has ended meanwhile: another call may have its entry then. */
void lc_throttle_close(struct lc_throttle *throttle, uint32_t open, int64_t at_us, int64_t late_us,
                       int64_t now_us);
/* Its entry. It stays where it is, and this call's, until its sender has stored into `sent_us`. */
struct lc_open_call *lc_throttle_open_call(struct lc_throttle *throttle, uint32_t open);
/* Its process has died. */
void lc_throttle_bury(struct lc_throttle *throttle, uint32_t open, int64_t now_us);
/* Ends those that were sent long enough ago and those that never will be. */
void lc_throttle_sweep(struct lc_throttle *throttle, int64_t now_us);
/* A process has died while it changed the throttle. */
void lc_throttle_mend(struct lc_throttle *throttle);
/* Remembers a call that went without asking. */
void lc_throttle_add(struct lc_throttle *throttle, int64_t at_us);
/* No call goes before until_us. A pause never shortens another. */
void lc_throttle_pause(struct lc_throttle *throttle, int64_t until_us);

struct lc_throttle_state {
  uint32_t used;   /* calls that went in the last period, and those that are open */
  int64_t wait_us; /* what the next caller would wait, behind those who wait */
};
void lc_throttle_state(struct lc_throttle *throttle, int64_t now_us,
                       struct lc_throttle_state *state);

#endif
