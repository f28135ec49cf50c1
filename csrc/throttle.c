/* SPDX-License-Identifier: MIT */
/* An exact sliding window over the last `calls` grants e_1 <= … <= e_N, W = period + guard.
 *
 * The law: of any N + 1 grants in a row the last is at least W after the first. The ring holds the
 * newest N, so a new last one is lawful from e_1 + W on, and nothing else need be known.
 *
 * A grant that was given back keeps its place as a hole. As every other grant is lawful with it,
 * whoever comes may have it: at its own moment where that lies ahead, and at once where it has
 * passed, because moving one grant later among others that stay breaks the law only for rows that
 * begin with it, and those end with grants not yet made. Nor could it be had earlier: a grant e_m
 * ahead of both the clock and the pause was put there by the law alone, e_m = e_(m-N) + W. Holes go
 * first, so none ever leaves the ring while it might be of use.
 *
 * Death: the owner of the memory may die between any two stores. The order of the stores is kept by
 * making each a release; every state between them is the ring before, or one where some grant is
 * later than it was, and then nobody is ever let in too early. */
#include "throttle.h"

#include <stdatomic.h>
#include <stdbool.h>

#define CALLS_MAX 1000000u
#define SPAN_MAX ((int64_t)1 << 60)     /* of a period, of a guard */
#define MOMENT_MAX ((int64_t)1 << 61)   /* of a clock; times two still fits */
#define NEVER (-((int64_t)1 << 62) * 2) /* the word of a call that was not made: W cannot reach */
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

/* The index of e_(i + 1). */
static uint32_t place(const struct lc_throttle *throttle, uint32_t i) {
  uint64_t at = LOAD(throttle->head) + i;
  return (uint32_t)(at > throttle->calls ? at - throttle->calls - 1 : at);
}

static int64_t word_of(const struct lc_throttle *throttle, uint32_t i) {
  return LOAD(throttle->slot[place(throttle, i)]);
}

/* Of negative words too: gcc and clang shift in the sign. */
static int64_t moment_of(const struct lc_throttle *throttle, uint32_t i) {
  return word_of(throttle, i) >> 1;
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
  throttle->period_us = period_us;
  throttle->guard_us = guard_us;
  atomic_init(&throttle->given_back, 0);
  atomic_init(&throttle->paused_until_us, -MOMENT_MAX);
  atomic_init(&throttle->head, 0);
  for (uint32_t i = 0; i <= calls; i++)
    atomic_init(&throttle->slot[i], NEVER);
  return LC_OK;
}

/* The moment of the next grant, and which hole it fills: the earliest one ahead, or the latest one
 * of those that have passed, behind which there is least to move. */
static int64_t next_moment(const struct lc_throttle *throttle, int64_t now_us, uint32_t *hole) {
  int64_t from = max64(now_us, LOAD(throttle->paused_until_us));
  int64_t at_us = from;
  *hole = NONE;
  if (LOAD(throttle->given_back) != 0) {
    for (uint32_t i = throttle->calls; i-- > 0;) {
      if ((word_of(throttle, i) & 1) == 0)
        continue;
      *hole = i;
      at_us = max64(from, moment_of(throttle, i));
      if (at_us == from)
        break;
    }
    if (*hole != NONE)
      return at_us;
  }
  at_us = max64(from, moment_of(throttle, 0) + throttle->period_us + throttle->guard_us);
  /* Matters only where the clock was set back: the order of the ring must hold. */
  return max64(at_us, moment_of(throttle, throttle->calls - 1));
}

static void append(struct lc_throttle *throttle, int64_t at_us) {
  STORE(throttle->slot[place(throttle, throttle->calls)], at_us * 2);
  STORE(throttle->head, place(throttle, 1));
}

/* Grants that lie between the place and its new moment move down, lowest first: meanwhile one of
 * them is there twice, as if the new grant had its moment. A hole among them is none until it is
 * there once. */
static void fill(struct lc_throttle *throttle, uint32_t i, int64_t at_us) {
  int64_t moved = 0;
  for (bool last = false; !last; i++) {
    last = i + 1 == throttle->calls || moment_of(throttle, i + 1) >= at_us;
    int64_t word = last ? at_us * 2 : word_of(throttle, i + 1);
    STORE(throttle->slot[place(throttle, i)], word & ~(int64_t)1);
    if ((moved & 1) != 0)
      STORE(throttle->slot[place(throttle, i - 1)], moved);
    moved = word;
  }
}

enum lc_err lc_throttle_reserve(struct lc_throttle *throttle, int64_t now_us, int64_t latest_us,
                                int64_t *at_us) {
  *at_us = now_us;
  if (now_us < -MOMENT_MAX || now_us > MOMENT_MAX)
    return LC_EINVAL;
  uint32_t hole;
  *at_us = next_moment(throttle, now_us, &hole);
  if (*at_us > latest_us || *at_us > MOMENT_MAX)
    return LC_ETIMEOUT;
  if (hole != NONE) {
    fill(throttle, hole, *at_us);
    return LC_OK;
  }
  if (LOAD(throttle->given_back) != 0)
    STORE(throttle->given_back, 0);
  append(throttle, *at_us);
  return LC_OK;
}

/* Which of the ring's grants has that moment and was not given back. */
static uint32_t find(const struct lc_throttle *throttle, int64_t at_us) {
  if (at_us < -MOMENT_MAX || at_us > MOMENT_MAX)
    return NONE;
  for (uint32_t i = throttle->calls; i-- > 0 && moment_of(throttle, i) >= at_us;)
    if (word_of(throttle, i) == at_us * 2)
      return i;
  return NONE;
}

void lc_throttle_release(struct lc_throttle *throttle, int64_t at_us) {
  uint32_t i = find(throttle, at_us);
  if (i == NONE)
    return;
  STORE(throttle->given_back, 1);
  STORE(throttle->slot[place(throttle, i)], at_us * 2 + 1);
}

void lc_throttle_pause(struct lc_throttle *throttle, int64_t until_us) {
  if (until_us > LOAD(throttle->paused_until_us))
    STORE(throttle->paused_until_us, until_us < MOMENT_MAX ? until_us : MOMENT_MAX);
}

/* As with a hole: the grant moves later among others that stay. */
void lc_throttle_settle(struct lc_throttle *throttle, int64_t at_us, int64_t late_us) {
  int64_t beyond_us = late_us > throttle->guard_us ? late_us - throttle->guard_us : 0;
  if (beyond_us == 0 || beyond_us > SPAN_MAX || at_us < -MOMENT_MAX ||
      at_us > MOMENT_MAX - beyond_us)
    return;
  uint32_t i = find(throttle, at_us);
  if (i != NONE)
    fill(throttle, i, at_us + beyond_us);
  else
    lc_throttle_pause(throttle, at_us + late_us + throttle->period_us);
}

void lc_throttle_state(const struct lc_throttle *throttle, int64_t now_us,
                       struct lc_throttle_state *state) {
  uint32_t hole;
  *state = (struct lc_throttle_state){0};
  if (now_us < -MOMENT_MAX || now_us > MOMENT_MAX)
    return;
  for (uint32_t i = 0; i < throttle->calls; i++) {
    int64_t word = word_of(throttle, i);
    state->used += (word & 1) == 0 && word >> 1 > now_us - throttle->period_us;
  }
  state->wait_us = next_moment(throttle, now_us, &hole) - now_us;
  state->paused_us = max64(0, LOAD(throttle->paused_until_us) - now_us);
}
