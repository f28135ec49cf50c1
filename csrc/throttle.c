/* SPDX-License-Identifier: MIT */
#include "throttle.h"

#include <stdatomic.h>
#include <stdbool.h>

#define CALLS_MAX 1000000u
#define SPAN_MAX ((int64_t)1 << 60)   /* of a period, of a guard */
#define MOMENT_MAX ((int64_t)1 << 61) /* of a clock; two of them can be added */
#define NEVER (-((int64_t)1 << 62))   /* a call that was not made: no window reaches it */
#define NONE UINT32_MAX

/* A test looks at the memory after every store, to die there. */
#ifndef STORED
#define STORED() ((void)0)
#endif
#define STORE(object, value)                                                                       \
  do {                                                                                             \
    atomic_store_explicit(&(object), (value), memory_order_release);                               \
    STORED();                                                                                      \
  } while (0)
#define LOAD(object) atomic_load_explicit(&(object), memory_order_relaxed)

static int64_t max64(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t window(const struct lc_throttle *throttle) {
  return throttle->period_us + throttle->guard_us;
}

/* The index of the i-th moment, 0 the oldest; i == calls is the spare slot. */
static uint32_t place(const struct lc_throttle *throttle, uint32_t i) {
  uint64_t at = LOAD(throttle->head) + i;
  return (uint32_t)(at > throttle->calls ? at - throttle->calls - 1 : at);
}

static int64_t moment(const struct lc_throttle *throttle, uint32_t i) {
  return LOAD(throttle->slot[place(throttle, i)]);
}

static int64_t newest(const struct lc_throttle *throttle) {
  return moment(throttle, throttle->calls - 1);
}

size_t lc_throttle_size(uint32_t calls) {
  if (calls == 0 || calls > CALLS_MAX)
    return 0;
  return sizeof(struct lc_throttle) + (calls + (size_t)1) * sizeof(int64_t);
}

enum lc_err lc_throttle_init(struct lc_throttle *throttle, uint32_t calls, int64_t period_us,
                             int64_t guard_us) {
  if (lc_throttle_size(calls) == 0 || period_us < 1 || period_us > SPAN_MAX || guard_us < 0 ||
      guard_us > SPAN_MAX)
    return LC_EINVAL;
  throttle->calls = calls;
  throttle->unused = 0;
  throttle->period_us = period_us;
  throttle->guard_us = guard_us;
  atomic_init(&throttle->paused_until_us, -MOMENT_MAX);
  atomic_init(&throttle->head, 0);
  throttle->queue.last_ticket = 0;
  throttle->queue.n = 0;
  throttle->queue.lapses_us = 0;
  for (uint32_t i = 0; i <= calls; i++)
    atomic_init(&throttle->slot[i], NEVER);
  return LC_OK;
}

/* When a caller behind `rank` others may go. The newest moment is ahead of the clock only where the
 * clock was set back; the ring's order must hold then too. */
static int64_t when(const struct lc_throttle *throttle, int64_t now_us, uint32_t rank) {
  int64_t from_us = max64(max64(now_us, LOAD(throttle->paused_until_us)), newest(throttle));
  int64_t at_us = max64(from_us, moment(throttle, rank % throttle->calls) + window(throttle));
  int64_t rounds = rank / throttle->calls;
  int64_t room = (2 * MOMENT_MAX - at_us) / window(throttle);
  return rounds <= room ? at_us + rounds * window(throttle) : 2 * MOMENT_MAX;
}

static void append(struct lc_throttle *throttle, int64_t at_us) {
  STORE(throttle->slot[place(throttle, throttle->calls)], at_us);
  STORE(throttle->head, place(throttle, 1));
}

enum lc_err lc_throttle_reserve(struct lc_throttle *throttle, int64_t now_us, int64_t latest_us,
                                uint64_t *ticket, int64_t *at_us) {
  *at_us = now_us;
  if (now_us < -MOMENT_MAX || now_us > MOMENT_MAX)
    return LC_EINVAL;
  *at_us = when(throttle, now_us, lc_queue_rank(&throttle->queue, *ticket, now_us));
  if (*at_us == now_us || *at_us > latest_us || *at_us > MOMENT_MAX) {
    lc_queue_leave(&throttle->queue, *ticket);
    *ticket = 0;
    if (*at_us != now_us)
      return LC_ETIMEOUT;
    append(throttle, now_us);
    return LC_OK;
  }
  lc_queue_see(&throttle->queue, ticket, now_us);
  return LC_OK;
}

void lc_throttle_leave(struct lc_throttle *throttle, uint64_t ticket) {
  lc_queue_leave(&throttle->queue, ticket);
}

/* Which of the ring's calls went at that moment. */
static uint32_t find(const struct lc_throttle *throttle, int64_t at_us) {
  if (at_us < -MOMENT_MAX || at_us > MOMENT_MAX)
    return NONE;
  for (uint32_t i = throttle->calls; i-- > 0 && moment(throttle, i) >= at_us;)
    if (moment(throttle, i) == at_us)
      return i;
  return NONE;
}

/* Those before it move up by one, nearest first: meanwhile one of them is there twice. */
void lc_throttle_release(struct lc_throttle *throttle, int64_t at_us) {
  uint32_t i = find(throttle, at_us);
  if (i == NONE)
    return;
  for (; i > 0; i--)
    STORE(throttle->slot[place(throttle, i)], moment(throttle, i - 1));
  STORE(throttle->slot[place(throttle, 0)], NEVER);
}

/* The i-th moment becomes a later one. Those in between move down by one, lowest first: meanwhile
 * one of them is there twice, which is later than what stood there. */
static void put_off(struct lc_throttle *throttle, uint32_t i, int64_t until_us) {
  for (; i + 1 < throttle->calls && moment(throttle, i + 1) < until_us; i++)
    STORE(throttle->slot[place(throttle, i)], moment(throttle, i + 1));
  STORE(throttle->slot[place(throttle, i)], until_us);
}

void lc_throttle_add(struct lc_throttle *throttle, int64_t at_us) {
  if (at_us >= -MOMENT_MAX && at_us <= MOMENT_MAX && at_us > moment(throttle, 0))
    put_off(throttle, 0, at_us);
}

/* A call that the ring has forgotten comes back into it, where it arrived after the oldest there.
 * */
void lc_throttle_arrived(struct lc_throttle *throttle, int64_t at_us, int64_t late_us) {
  int64_t beyond_us = late_us > throttle->guard_us ? late_us - throttle->guard_us : 0;
  if (beyond_us == 0 || beyond_us > SPAN_MAX || at_us < -MOMENT_MAX ||
      at_us > MOMENT_MAX - beyond_us)
    return;
  uint32_t i = find(throttle, at_us);
  if (i != NONE)
    put_off(throttle, i, at_us + beyond_us);
  else
    lc_throttle_add(throttle, at_us + beyond_us);
}

void lc_throttle_pause(struct lc_throttle *throttle, int64_t until_us) {
  if (until_us > LOAD(throttle->paused_until_us))
    STORE(throttle->paused_until_us, until_us < MOMENT_MAX ? until_us : MOMENT_MAX);
}

void lc_throttle_state(struct lc_throttle *throttle, int64_t now_us,
                       struct lc_throttle_state *state) {
  *state = (struct lc_throttle_state){0};
  if (now_us < -MOMENT_MAX || now_us > MOMENT_MAX)
    return;
  for (uint32_t i = throttle->calls; i-- > 0 && moment(throttle, i) > now_us - throttle->period_us;)
    state->used++;
  state->wait_us = when(throttle, now_us, lc_queue_rank(&throttle->queue, 0, now_us)) - now_us;
}
