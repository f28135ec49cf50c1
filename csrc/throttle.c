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

static int64_t min64(int64_t a, int64_t b) {
  return a < b ? a : b;
}

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
  return sizeof(struct lc_throttle) + (calls + (size_t)1) * sizeof(int64_t) +
         calls * sizeof(struct lc_open_call);
}

enum lc_err lc_throttle_init(struct lc_throttle *throttle, uint32_t calls, int64_t period_us,
                             int64_t guard_us) {
  if (lc_throttle_size(calls) == 0 || period_us < 1 || period_us > SPAN_MAX || guard_us < 0 ||
      guard_us > SPAN_MAX)
    return LC_EINVAL;
  throttle->calls = calls;
  throttle->n_open = throttle->open_end = throttle->open_free = 0;
  throttle->way_us = 0;
  throttle->next_end_us = INT64_MAX;
  throttle->period_us = period_us;
  throttle->guard_us = guard_us;
  atomic_init(&throttle->paused_until_us, -MOMENT_MAX);
  atomic_init(&throttle->head, 0);
  throttle->queue.last_ticket = 0;
  throttle->queue.n = 0;
  throttle->queue.lapses_us = 0;
  for (uint32_t i = 0; i <= calls; i++)
    atomic_init(&throttle->slot[i], NEVER);
  for (uint32_t i = 0; i < calls; i++)
    atomic_init(&lc_throttle_open_call(throttle, i)->owner, 0);
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

/* ---- open calls ---------------------------------------------------------------------------- */

struct lc_open_call *lc_throttle_open_call(struct lc_throttle *throttle, uint32_t open) {
  return (struct lc_open_call *)(void *)&throttle->slot[throttle->calls + 1] + open;
}

static bool is_open(struct lc_throttle *throttle, uint32_t open) {
  return open < throttle->open_end && LOAD(lc_throttle_open_call(throttle, open)->owner) != 0;
}

/* The owner is stored last: the entry counts from then on. */
static uint32_t open_call(struct lc_throttle *throttle, int64_t at_us, uint64_t owner) {
  uint32_t i = throttle->open_free;
  while (is_open(throttle, i))
    i++;
  struct lc_open_call *call = lc_throttle_open_call(throttle, i);
  if (i >= throttle->open_end)
    throttle->open_end = i + 1;
  throttle->open_free = i + 1;
  throttle->n_open++;
  STORE(call->at_us, at_us);
  STORE(call->sent_us, LC_NOT_SENT);
  STORE(call->owner, owner);
  return i;
}

static void free_entry(struct lc_throttle *throttle, uint32_t open) {
  STORE(lc_throttle_open_call(throttle, open)->owner, 0);
  throttle->n_open--;
  if (open < throttle->open_free)
    throttle->open_free = open;
  while (throttle->open_end > 0 && !is_open(throttle, throttle->open_end - 1))
    throttle->open_end--;
}

/* Puts a moment into its place; the oldest is forgotten. First the newest stands there twice, and
 * then those after the new one each get the moment of the one before: so every place holds, until
 * it is right, one that is later. */
static void insert(struct lc_throttle *throttle, int64_t at_us) {
  if (at_us <= moment(throttle, 0))
    return;
  append(throttle, max64(at_us, newest(throttle)));
  uint32_t i = throttle->calls - 1;
  for (; i > 0 && moment(throttle, i - 1) > at_us; i--)
    STORE(throttle->slot[place(throttle, i)], moment(throttle, i - 1));
  STORE(throttle->slot[place(throttle, i)], at_us);
}

/* It had arrived late_us after it was let go, at the latest; of that half of the guard is taken,
 * because the other half is for what is not known so well. It is in the ring before it leaves the
 * table: who dies in between leaves it in both. */
static void end_call(struct lc_throttle *throttle, uint32_t open, int64_t late_us) {
  int64_t at_us = LOAD(lc_throttle_open_call(throttle, open)->at_us);
  int64_t covered_us = throttle->guard_us / 2;
  int64_t beyond_us = max64(late_us, covered_us) - covered_us;
  insert(throttle, at_us + min64(beyond_us, MOMENT_MAX - at_us));
  free_entry(throttle, open);
}

void lc_throttle_sweep(struct lc_throttle *throttle, int64_t now_us) {
  throttle->next_end_us = INT64_MAX;
  for (uint32_t i = 0; i < throttle->open_end; i++) {
    struct lc_open_call *call = lc_throttle_open_call(throttle, i);
    int64_t sent_us = atomic_load_explicit(&call->sent_us, memory_order_acquire);
    if (!is_open(throttle, i) || sent_us == LC_NOT_SENT)
      continue;
    if (sent_us == LC_NEVER_SENT)
      free_entry(throttle, i);
    else if (now_us - sent_us >= LC_WAY_US)
      end_call(throttle, i, sent_us - LOAD(call->at_us) + throttle->way_us);
    else
      throttle->next_end_us = min64(throttle->next_end_us, sent_us + LC_WAY_US);
  }
}

void lc_throttle_close(struct lc_throttle *throttle, uint32_t open, int64_t at_us, int64_t late_us,
                       int64_t now_us) {
  if (!is_open(throttle, open) || LOAD(lc_throttle_open_call(throttle, open)->at_us) != at_us)
    return;
  int64_t sent_us = LOAD(lc_throttle_open_call(throttle, open)->sent_us);
  if (sent_us == LC_NEVER_SENT)
    free_entry(throttle, open);
  if (sent_us == LC_NEVER_SENT || sent_us == LC_NOT_SENT)
    return;
  int64_t sent_late_us = sent_us - at_us;
  if (now_us - sent_us < LC_WAY_US) {
    int64_t way_us = max64(min64(late_us, now_us - at_us), sent_late_us) - sent_late_us;
    throttle->way_us = max64(way_us, throttle->way_us - throttle->way_us / 8);
    end_call(throttle, open, sent_late_us + way_us);
  } else {
    end_call(throttle, open, sent_late_us + throttle->way_us);
  }
}

void lc_throttle_bury(struct lc_throttle *throttle, uint32_t open, int64_t now_us) {
  if (is_open(throttle, open))
    end_call(throttle, open, now_us - LOAD(lc_throttle_open_call(throttle, open)->at_us));
}

void lc_throttle_mend(struct lc_throttle *throttle) {
  throttle->n_open = throttle->open_free = 0;
  throttle->open_end = throttle->calls;
  for (uint32_t i = 0; i < throttle->calls; i++)
    throttle->n_open += is_open(throttle, i);
  while (throttle->open_end > 0 && !is_open(throttle, throttle->open_end - 1))
    throttle->open_end--;
}

/* ---- asking -------------------------------------------------------------------------------- */

/* When a caller may go: an open call counts as one that is before it. */
static int64_t when_behind(struct lc_throttle *throttle, int64_t now_us, uint64_t ticket) {
  uint32_t rank = lc_queue_rank(&throttle->queue, ticket, now_us);
  int64_t at_us = when(throttle, now_us, rank + throttle->n_open);
  if (at_us == now_us || throttle->n_open == 0)
    return at_us;
  lc_throttle_sweep(throttle, now_us);
  return when(throttle, now_us, rank + throttle->n_open);
}

/* owner 0: the call has arrived when it is let go. */
static enum lc_err ask(struct lc_throttle *throttle, int64_t now_us, int64_t latest_us,
                       uint64_t *ticket, int64_t *at_us, uint64_t owner, uint32_t *open) {
  *at_us = now_us;
  if (now_us < -MOMENT_MAX || now_us > MOMENT_MAX)
    return LC_EINVAL;
  *at_us = when_behind(throttle, now_us, *ticket);
  if (*at_us == now_us || *at_us > latest_us || *at_us > MOMENT_MAX) {
    lc_queue_leave(&throttle->queue, *ticket);
    *ticket = 0;
    if (*at_us != now_us)
      return LC_ETIMEOUT;
    if (owner == 0)
      append(throttle, now_us);
    else
      *open = open_call(throttle, now_us, owner);
    return LC_OK;
  }
  lc_queue_see(&throttle->queue, ticket, now_us);
  return LC_OK;
}

enum lc_err lc_throttle_reserve(struct lc_throttle *throttle, int64_t now_us, int64_t latest_us,
                                uint64_t *ticket, int64_t *at_us) {
  return ask(throttle, now_us, latest_us, ticket, at_us, 0, NULL);
}

enum lc_err lc_throttle_reserve_open(struct lc_throttle *throttle, int64_t now_us,
                                     int64_t latest_us, uint64_t *ticket, int64_t *at_us,
                                     uint64_t owner, uint32_t *open) {
  *open = LC_NO_CALL;
  return ask(throttle, now_us, latest_us, ticket, at_us, owner, open);
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
  state->wait_us = when_behind(throttle, now_us, 0) - now_us;
  state->used = throttle->n_open;
  for (uint32_t i = throttle->calls; i-- > 0 && moment(throttle, i) > now_us - throttle->period_us;)
    state->used++;
}
