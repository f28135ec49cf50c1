/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <stdbool.h>
#include <string.h>

/* As many as there can be, whatever a process that died has left. */
static uint32_t length(const struct lc_queue *queue) {
  return queue->n < LC_QUEUE_MAX ? (uint32_t)queue->n : LC_QUEUE_MAX;
}

/* The first place whose ticket is not before this one. */
static uint32_t place_of(const struct lc_queue *queue, uint64_t ticket) {
  uint32_t low = 0, high = length(queue);
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (queue->waiter[middle].ticket < ticket)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool has(const struct lc_queue *queue, uint32_t place, uint64_t ticket) {
  return place < length(queue) && queue->waiter[place].ticket == ticket;
}

/* A moment ahead of the clock, which was set back, is out of its lease too. */
static void drop_lapsed(struct lc_queue *queue, int64_t now_us) {
  uint32_t kept = 0, n = length(queue);
  int64_t oldest_us = now_us;
  for (uint32_t i = 0; i < n; i++) {
    struct lc_waiter waiter = queue->waiter[i];
    if (waiter.seen_us > now_us || waiter.seen_us <= now_us - LC_LEASE_US)
      continue;
    if (waiter.seen_us < oldest_us)
      oldest_us = waiter.seen_us;
    queue->waiter[kept++] = waiter;
  }
  queue->n = kept;
  queue->lapses_us = oldest_us + LC_LEASE_US;
}

uint32_t lc_queue_rank(struct lc_queue *queue, uint64_t ticket, int64_t now_us) {
  if (queue->n == 0)
    return 0;
  if (now_us >= queue->lapses_us || now_us < queue->lapses_us - LC_LEASE_US)
    drop_lapsed(queue, now_us);
  return ticket == 0 ? length(queue) : place_of(queue, ticket);
}

void lc_queue_see(struct lc_queue *queue, uint64_t *ticket, int64_t now_us) {
  uint32_t n = length(queue);
  uint32_t place = *ticket == 0 ? n : place_of(queue, *ticket);
  if (!has(queue, place, *ticket)) {
    if (n == LC_QUEUE_MAX)
      return;
    if (*ticket == 0)
      *ticket = ++queue->last_ticket;
    if (n == 0)
      queue->lapses_us = now_us + LC_LEASE_US;
    memmove(&queue->waiter[place + 1], &queue->waiter[place],
            (n - place) * sizeof queue->waiter[0]);
    queue->n = n + 1;
  }
  queue->waiter[place] = (struct lc_waiter){*ticket, now_us};
}

void lc_queue_leave(struct lc_queue *queue, uint64_t ticket) {
  uint32_t n = length(queue), place = ticket == 0 ? n : place_of(queue, ticket);
  if (!has(queue, place, ticket))
    return;
  memmove(&queue->waiter[place], &queue->waiter[place + 1],
          (n - place - 1) * sizeof queue->waiter[0]);
  queue->n = n - 1;
}
