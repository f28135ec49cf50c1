/* SPDX-License-Identifier: MIT */
/* Who waits for the throttle, first come, first served.
 *
 * A waiter is a number, its ticket, and the moment at which it was last seen: a call that waits
 * asks again at least every LC_BEAT_US. One that was not seen for LC_LEASE_US (its coroutine was
 * dropped, its light thread or its process was killed) is no longer counted, and so holds no
 * other up. If it was only slow and asks after all, its ticket still tells its place among those
 * that wait.
 *
 * Pure, and of a fixed size: it lies in memory that processes share. A process that dies while it
 * changes the queue may leave an entry twice or in a wrong place; such an entry is not seen again,
 * and leaves after the lease. The queue decides who goes first, never how many go. */
#ifndef LC_QUEUE_H
#define LC_QUEUE_H

#include <stdint.h>

#define LC_QUEUE_MAX 1024
#define LC_BEAT_US 250000
#define LC_LEASE_US 700000

struct lc_waiter {
  uint64_t ticket;
  int64_t seen_us;
};

struct lc_queue {
  uint64_t last_ticket; /* the latest that was given; the first is 1 */
  uint64_t n;
  int64_t lapses_us;                     /* before that moment no entry is out of its lease */
  struct lc_waiter waiter[LC_QUEUE_MAX]; /* in the order of their tickets */
};

/* How many wait before that ticket; 0, no ticket yet: how many wait. */
uint32_t lc_queue_rank(struct lc_queue *queue, uint64_t ticket, int64_t now_us);
/* The ticket, a new one where it is 0, was seen. Where the queue is full it is not noted, and
 * *ticket stays 0. */
void lc_queue_see(struct lc_queue *queue, uint64_t *ticket, int64_t now_us);
void lc_queue_leave(struct lc_queue *queue, uint64_t ticket);

#endif
