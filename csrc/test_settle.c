/* SPDX-License-Identifier: MIT */
/* Moving a grant, store by store: whoever dies in between leaves as many grants as there were, none
 * earlier than it was, and no hole that was not there. */
#define STORED() stored()
static void stored(void);
#include "throttle.c" /* not linked: to see the memory after each of its stores */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#define CALLS 6
#define WINDOW 1000

static union ring {
  struct lc_throttle throttle;
  char bytes[sizeof(struct lc_throttle) + (CALLS + 1) * sizeof(int64_t)];
} ring;

struct grants {
  int64_t used[CALLS]; /* in order */
  int64_t holes[CALLS];
  size_t n_used, n_holes;
};

static struct grants before;
static bool watching;
static unsigned long n_stores, n_wrong;

static struct grants read_ring(void) {
  struct grants grants = {.n_used = 0};
  for (uint32_t i = 0; i < CALLS; i++) {
    int64_t word = word_of(&ring.throttle, i);
    if ((word & 1) != 0)
      grants.holes[grants.n_holes++] = word >> 1;
    else
      grants.used[grants.n_used++] = word >> 1;
  }
  return grants;
}

static bool has_hole(const struct grants *grants, int64_t at_us) {
  for (size_t i = 0; i < grants->n_holes; i++)
    if (grants->holes[i] == at_us)
      return true;
  return false;
}

static void stored(void) {
  if (!watching)
    return;
  n_stores++;
  struct grants now = read_ring();
  n_wrong += now.n_used < before.n_used;
  /* The latest are compared: a hole that is lost for a moment is a grant more at the front. */
  for (size_t i = 1; i <= before.n_used && i <= now.n_used; i++)
    n_wrong += now.used[now.n_used - i] < before.used[before.n_used - i];
  for (size_t i = 0; i < now.n_holes; i++)
    n_wrong += !has_hole(&before, now.holes[i]);
}

static int64_t roll(int64_t n) {
  return rand() % n;
}

/* A ring of grants in order, some given back, one of which is moved to where it may be. */
static void try_one(void) {
  int64_t at_us[CALLS], now_us = 0;
  lc_throttle_init(&ring.throttle, CALLS, WINDOW, 0);
  for (int64_t i = roll(CALLS); i >= 0; i--)
    lc_throttle_reserve(&ring.throttle, now_us, INT64_MAX, &at_us[0]);
  for (size_t i = 0; i < CALLS; i++) {
    now_us += roll(3) * 50;
    lc_throttle_reserve(&ring.throttle, now_us, INT64_MAX, &at_us[i]);
  }
  for (size_t i = 0; i < CALLS; i++)
    if (roll(3) == 0)
      lc_throttle_release(&ring.throttle, at_us[i]);
  size_t i = (size_t)roll(CALLS);
  if (find(&ring.throttle, at_us[i]) == NONE)
    return;
  int64_t late_us = roll(8) * 50 + 1;
  before = read_ring();
  watching = true;
  lc_throttle_settle(&ring.throttle, at_us[i], late_us);
  watching = false;
  struct grants after = read_ring();
  n_wrong += after.n_holes != before.n_holes || after.n_used != before.n_used;
  n_wrong += find(&ring.throttle, at_us[i] + late_us) == NONE;
  for (uint32_t k = 1; k < CALLS; k++)
    n_wrong += moment_of(&ring.throttle, k - 1) > moment_of(&ring.throttle, k);
}

/* Where its place in the ring is gone, everyone waits until it has left the window. */
static void test_gone(void) {
  struct lc_throttle_state state;
  int64_t at_us;
  lc_throttle_init(&ring.throttle, CALLS, WINDOW, 10);
  for (int i = 0; i < CALLS + 1; i++)
    lc_throttle_reserve(&ring.throttle, i, INT64_MAX, &at_us);
  CHECK(at_us == WINDOW + 10);
  lc_throttle_settle(&ring.throttle, 0, 10); /* what the guard is for */
  lc_throttle_state(&ring.throttle, 50, &state);
  CHECK(state.paused_us == 0);
  lc_throttle_settle(&ring.throttle, 0, 50);
  lc_throttle_state(&ring.throttle, 50, &state);
  CHECK(state.paused_us == WINDOW);
  lc_throttle_release(&ring.throttle, at_us); /* who slept towards it */
  CHECK(lc_throttle_reserve(&ring.throttle, at_us, INT64_MAX, &at_us) == LC_OK);
  CHECK(at_us == WINDOW + 50);
}

int main(void) {
  test_gone();
  for (int i = 0; i < 20000; i++)
    try_one();
  CHECK(n_wrong == 0);
  CHECK(n_stores > 20000);
  return test_end();
}
