/* SPDX-License-Identifier: MIT */
/* The throttle against a log: a plain list of the moments granted and not given back. From it alone
 * the test works out the earliest moment allowed: the smallest t, not before the clock nor before
 * the end of a pause, with which no half-open window [s, s + period + guard) holds more than
 * `calls` moments of the list and t. A grant counts from when it was made until it was given back;
 * giving back counts where it had an effect, which the interface promises as long as less than
 * `calls` later moments have been granted.
 *
 * Every grant must be that moment, so none is too early and none later than it need be. */
#define STORED() stored()
static void stored(void);
#include "throttle.c" /* not linked: to see the memory after each of its stores */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 101       /* of the largest ring here */
#define DEATHS_CALLS 8  /* the rings whose owner dies */
#define RECENT_MAX 4096 /* moments that the list looks at: of the last window and ahead */
#define ALL_MAX 400000

static union ring {
  struct lc_throttle throttle;
  char bytes[sizeof(struct lc_throttle) + SLOTS * sizeof(int64_t)];
} ring;

/* What the ring was after each store since `n_deaths` was set to 0. */
static union ring deaths[SLOTS + 2];
static size_t n_deaths;
static bool watching;

static void stored(void) {
  if (watching && n_deaths < sizeof deaths / sizeof deaths[0])
    memcpy(&deaths[n_deaths++], &ring, sizeof ring);
}

static uint64_t random_state = 88172645463325252u;

/* xorshift64; 0 to n - 1. */
static int64_t roll(int64_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (int64_t)(random_state % (uint64_t)n);
}

/* ---- the list ------------------------------------------------------------------------------ */

struct log {
  int64_t recent[RECENT_MAX]; /* in order */
  size_t n;
  size_t calls;
  int64_t window_us;
};

static void log_add(struct log *log, int64_t at_us) {
  size_t i = log->n++;
  for (; i > 0 && log->recent[i - 1] > at_us; i--)
    log->recent[i] = log->recent[i - 1];
  log->recent[i] = at_us;
}

static void log_remove(struct log *log, size_t i) {
  memmove(&log->recent[i], &log->recent[i + 1], (--log->n - i) * sizeof log->recent[0]);
}

/* Moments that no window can share with anything from now on. */
static void log_forget(struct log *log, int64_t now_us) {
  size_t n = 0;
  while (n < log->n && log->recent[n] <= now_us - log->window_us)
    n++;
  memmove(log->recent, log->recent + n, (log->n -= n) * sizeof log->recent[0]);
}

static bool log_allows(const struct log *log, int64_t at_us) {
  for (size_t first = 0; first <= log->n; first++) {
    /* The window that begins with one of the moments, or with the new one. */
    int64_t from = first < log->n ? log->recent[first] : at_us;
    if (at_us < from || at_us >= from + log->window_us)
      continue;
    size_t held = 1;
    for (size_t i = 0; i < log->n; i++)
      held += log->recent[i] >= from && log->recent[i] < from + log->window_us;
    if (held > log->calls)
      return false;
  }
  return true;
}

/* Only when a moment leaves a window can something become allowed. */
static int64_t log_earliest(const struct log *log, int64_t from_us) {
  if (log_allows(log, from_us))
    return from_us;
  for (size_t i = 0; i < log->n; i++) {
    int64_t at_us = log->recent[i] + log->window_us;
    if (at_us > from_us && log_allows(log, at_us))
      return at_us;
  }
  return INT64_MAX;
}

/* ---- random loads -------------------------------------------------------------------------- */

enum { STEADY, BURSTS, OVERLOAD, SPARSE, TIES, DEEP, N_SHAPES };

struct run {
  struct lc_throttle *throttle;
  struct log log;
  int shape;
  int64_t now_us;
  int64_t paused_us;
  int64_t spacing_us; /* of the calls that the throttle would let through */
  int64_t *all;       /* every moment granted, and INT64_MAX for one given back */
  size_t n_all;
  unsigned long wrong, granted, refused, taken_back, reused, moved;
};

static size_t holes(const struct lc_throttle *throttle) {
  size_t n = 0;
  for (uint32_t i = 0; i < throttle->calls; i++)
    n += (size_t)(word_of(throttle, i) & 1);
  return n;
}

static int64_t next_arrival(struct run *run) {
  int64_t d = run->spacing_us;
  switch (run->shape) {
  case STEADY:
    return roll(2 * d + 1);
  case BURSTS:
    return roll(3 * (int64_t)run->log.calls) ? 0 : roll(6 * run->log.window_us);
  case OVERLOAD:
    return roll(d / 2 + 1);
  case SPARSE:
    return roll(6 * d + 1);
  case TIES:
    return roll(3) * d;
  default: /* a queue that grows beyond the ring, then a rest */
    return roll(500) ? roll(d + 1) : 4 * run->log.window_us;
  }
}

static void try_state(struct run *run, int64_t earliest_us) {
  struct lc_throttle_state state;
  lc_throttle_state(run->throttle, run->now_us, &state);
  size_t used = 0;
  for (size_t i = 0; i < run->log.n; i++)
    used += run->log.recent[i] > run->now_us - run->throttle->period_us;
  size_t most = run->log.calls - holes(run->throttle); /* that the ring can know */
  run->wrong += state.used != (used < most ? used : most);
  run->wrong += state.wait_us != earliest_us - run->now_us;
}

static void try_reserve(struct run *run) {
  int64_t from_us = run->now_us > run->paused_us ? run->now_us : run->paused_us;
  int64_t earliest_us = log_earliest(&run->log, from_us);
  int64_t latest_us = run->now_us + roll(2 * run->log.window_us);
  if (run->shape == DEEP && run->log.n < 6 * run->log.calls)
    latest_us = INT64_MAX;
  if (roll(16) == 0)
    try_state(run, earliest_us);
  size_t holes_before = holes(run->throttle);
  int64_t at_us;
  enum lc_err err = lc_throttle_reserve(run->throttle, run->now_us, latest_us, &at_us);
  run->wrong += at_us != earliest_us;
  run->wrong += err != (earliest_us <= latest_us ? LC_OK : LC_ETIMEOUT);
  size_t holes_after = holes(run->throttle);
  run->wrong += holes_before - holes_after != (err == LC_OK && holes_before > 0);
  run->reused += holes_before - holes_after;
  run->refused += err != LC_OK;
  if (err != LC_OK)
    return;
  run->granted++;
  log_add(&run->log, at_us);
  run->all[run->n_all++] = at_us;
}

static void replace(struct run *run, int64_t from_us, int64_t to_us) {
  int64_t *moment = run->all + run->n_all;
  while (*--moment != from_us)
    ;
  *moment = to_us;
}

/* Gives back a random one, or nothing that exists. */
static void try_release(struct run *run) {
  struct log *log = &run->log;
  if (log->n == 0)
    return;
  size_t i = (size_t)roll((int64_t)log->n);
  int64_t at_us = log->recent[i];
  size_t before = holes(run->throttle);
  lc_throttle_release(run->throttle, INT64_MAX / 4);
  run->wrong += holes(run->throttle) != before;
  lc_throttle_release(run->throttle, at_us);
  if (holes(run->throttle) == before) {
    size_t later = 0;
    for (size_t j = 0; j < log->n; j++)
      later += j != i && log->recent[j] >= at_us;
    run->wrong += later + before < log->calls;
    return;
  }
  run->wrong += holes(run->throttle) != before + 1;
  run->taken_back++;
  log_remove(log, i);
  replace(run, at_us, INT64_MAX);
}

/* A call took its time on the way, and nobody who was promised a moment comes too close to it. */
static void try_settle(struct run *run) {
  size_t i = (size_t)roll((int64_t)run->log.n + 1);
  int64_t at_us = i < run->log.n ? run->log.recent[i] : INT64_MAX;
  if (at_us >= run->now_us || find(run->throttle, at_us) == NONE)
    return;
  int64_t beyond_us = roll(run->now_us - at_us + 1) - run->throttle->guard_us;
  log_remove(&run->log, i);
  if (beyond_us < 0 || !log_allows(&run->log, at_us + beyond_us))
    beyond_us = 0;
  log_add(&run->log, at_us + beyond_us);
  lc_throttle_settle(run->throttle, at_us, beyond_us + run->throttle->guard_us);
  replace(run, at_us, at_us + beyond_us);
  run->moved += beyond_us > 0;
}

static int by_moment(const void *a, const void *b) {
  const int64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* The whole run once more, by the definition. */
static unsigned long windows_over(struct run *run) {
  unsigned long over = 0;
  qsort(run->all, run->n_all, sizeof run->all[0], by_moment);
  for (size_t i = run->log.calls; i < run->n_all && run->all[i] != INT64_MAX; i++)
    over += run->all[i] - run->all[i - run->log.calls] < run->log.window_us;
  return over;
}

static void try_deaths(struct run *run);

/* What happens beside the next arrival. */
static void disturb(struct run *run) {
  if (roll(4) == 0)
    try_release(run);
  if (roll(4) == 0)
    try_settle(run);
  if (roll(60) == 0) { /* many change their minds, and nobody comes for a while */
    for (int64_t i = roll((int64_t)run->log.calls + 1); i >= 0; i--)
      try_release(run);
    run->now_us += roll(run->log.window_us);
  }
  if (roll(5000) == 0) {
    int64_t until_us = run->now_us + roll(3 * run->log.window_us);
    run->paused_us = until_us > run->paused_us ? until_us : run->paused_us;
    lc_throttle_pause(run->throttle, until_us);
  }
}

static unsigned long run_load(int shape, uint32_t calls, size_t arrivals, int64_t *all) {
  static const char *const names[] = {"steady", "bursts", "overload", "sparse", "ties", "deep"};
  static struct run run; /* its list is large */
  int64_t period_us = 1 + roll(1000000), guard_us = roll(3) ? roll(period_us + 1) : 0;
  CHECK(lc_throttle_init(&ring.throttle, calls, period_us, guard_us) == LC_OK);
  run = (struct run){.throttle = &ring.throttle, .shape = shape, .all = all};
  run.log.calls = calls;
  run.log.window_us = period_us + guard_us;
  run.now_us = roll(1000) - 500;
  run.paused_us = INT64_MIN;
  run.spacing_us = run.log.window_us / calls + 1;
  for (size_t i = 0; i < arrivals; i++) {
    run.now_us += next_arrival(&run);
    log_forget(&run.log, run.now_us);
    disturb(&run);
    if (calls <= DEATHS_CALLS && roll(holes(&ring.throttle) > 0 ? 2 : 40) == 0)
      try_deaths(&run);
    else
      try_reserve(&run);
  }
  char label[64];
  snprintf(label, sizeof label, "%s, %u calls", names[shape], calls);
  CHECK_WITH(label, run.wrong == 0);
  CHECK_WITH(label, windows_over(&run) == 0);
  CHECK_WITH(label, run.granted > arrivals / 10 && (shape != SPARSE || run.moved > 20));
  bool queues = shape == BURSTS || shape == OVERLOAD || shape == DEEP;
  CHECK_WITH(label, !queues || (run.taken_back > 100 && run.reused > 100));
  return run.granted + run.refused;
}

/* ---- death --------------------------------------------------------------------------------- */

static unsigned long n_died, n_died_moving;

/* What `n` callers that come at now_us get from a copy of the ring. */
static void harvest(const union ring *from, int64_t now_us, int64_t *at_us, size_t n) {
  static union ring copy;
  memcpy(&copy, from, sizeof copy);
  for (size_t i = 0; i < n; i++)
    lc_throttle_reserve(&copy.throttle, now_us, INT64_MAX, &at_us[i]);
}

/* Makes one reservation and one release, and dies after each store of theirs. Whoever comes after a
 * death inside the reservation gets what the list without it allows, or later, but no later than
 * if it had succeeded. After a death inside the release: what came before it, or after it. */
static void try_deaths(struct run *run) {
  enum { N = 2 * DEATHS_CALLS + 2 };
  static struct log log;
  int64_t dead[N], done[N];
  int64_t later_us = run->now_us + roll(2 * run->spacing_us);
  log = run->log;
  unsigned long reused = run->reused;
  n_deaths = 0;
  watching = true;
  try_reserve(run);
  watching = false;
  harvest(&ring, later_us, done, N);
  for (size_t d = 0; d < n_deaths; d++) {
    harvest(&deaths[d], later_us, dead, N);
    for (size_t i = 0; i < N; i++) {
      run->wrong += !log_allows(&log, dead[i]) || dead[i] > done[i];
      log.recent[log.n++] = dead[i]; /* log_allows does not ask for the order */
    }
    log.n -= N;
  }
  n_died += n_deaths;
  n_died_moving += n_deaths > 1 && run->reused > reused;
  if (run->log.n == 0)
    return;
  harvest(&ring, later_us, done, N);
  n_deaths = 0;
  watching = true;
  try_release(run);
  watching = false;
  for (size_t d = 0; d + 1 < n_deaths; d++) { /* the last store is the release itself */
    harvest(&deaths[d], later_us, dead, N);
    run->wrong += memcmp(dead, done, sizeof dead) != 0;
  }
  n_died += n_deaths;
}

static void test_loads(void) {
  static const struct {
    uint32_t calls;
    size_t arrivals;
  } rings[] = {{1, 38000}, {2, 40000}, {3, 40000}, {5, 30000}, {8, 30000}, {20, 6000}, {100, 3000}};
  int64_t *all = malloc(ALL_MAX * sizeof *all);
  unsigned long arrivals = 0;
  for (size_t i = 0; i < sizeof rings / sizeof rings[0] && all != NULL; i++) {
    for (int shape = 0; shape < N_SHAPES; shape++)
      arrivals += run_load(shape, rings[i].calls, rings[i].arrivals, all);
  }
  free(all);
  CHECK(arrivals >= 1000000);
  CHECK(n_died > 10000 && n_died_moving > 1000);
  printf("note: %lu arrivals, %lu deaths, %lu of them between moves\n", arrivals, n_died,
         n_died_moving);
}

/* ---- by hand ------------------------------------------------------------------------------- */

#define SEC 1000000

static enum lc_err start(uint32_t calls, int64_t period_us, int64_t guard_us) {
  memset(&ring, 0x5a, sizeof ring);
  return lc_throttle_init(&ring.throttle, calls, period_us, guard_us);
}

/* The moment, or -1 where nothing was granted. */
static int64_t reserve(int64_t now_us, int64_t latest_us) {
  int64_t at_us;
  enum lc_err err = lc_throttle_reserve(&ring.throttle, now_us, latest_us, &at_us);
  return err == LC_OK ? at_us : -1;
}

static void test_init(void) {
  int64_t most = (int64_t)1 << 60;
  CHECK(lc_throttle_size(0) == 0 && lc_throttle_size(1000001) == 0);
  CHECK(lc_throttle_size(UINT32_MAX) == 0);
  CHECK(lc_throttle_size(1) == sizeof(struct lc_throttle) + 16);
  CHECK(lc_throttle_size(1000000) == sizeof(struct lc_throttle) + 8000008);
  CHECK(start(0, 1, 0) == LC_EINVAL && start(1000001, 1, 0) == LC_EINVAL);
  CHECK(start(1, 0, 0) == LC_EINVAL && start(1, -1, 0) == LC_EINVAL);
  CHECK(start(1, 1, -1) == LC_EINVAL);
  CHECK(start(1, most + 1, 0) == LC_EINVAL && start(1, INT64_MAX, 0) == LC_EINVAL);
  CHECK(start(1, 1, most + 1) == LC_EINVAL && start(1, 1, INT64_MAX) == LC_EINVAL);
  CHECK(start(1, most, most) == LC_OK);
}

static void test_window(void) {
  struct lc_throttle_state state;
  CHECK(start(3, 60 * SEC, SEC / 20) == LC_OK);
  lc_throttle_state(&ring.throttle, 5, &state);
  CHECK(state.used == 0 && state.wait_us == 0);
  CHECK(reserve(0, 0) == 0 && reserve(10, 10) == 10 && reserve(20, 20) == 20);
  CHECK(reserve(30, 30) == -1 && reserve(30, 60 * SEC + SEC / 20 - 1) == -1);
  lc_throttle_state(&ring.throttle, 30, &state);
  CHECK(state.used == 3 && state.wait_us == 60 * SEC + SEC / 20 - 30);
  lc_throttle_state(&ring.throttle, 60 * SEC + 10, &state);
  CHECK(state.used == 1 && state.wait_us == SEC / 20 - 10);
  int64_t at_us;
  CHECK(lc_throttle_reserve(&ring.throttle, 40, 50, &at_us) == LC_ETIMEOUT);
  CHECK(at_us == 60 * SEC + SEC / 20); /* told, not granted */
  CHECK(reserve(40, INT64_MAX) == 60 * SEC + SEC / 20);
  CHECK(reserve(40, INT64_MAX) == 60 * SEC + SEC / 20 + 10);
}

static void test_give_back(void) {
  CHECK(start(2, 10 * SEC, 0) == LC_OK);
  CHECK(reserve(0, 0) == 0 && reserve(5 * SEC, 5 * SEC) == 5 * SEC);
  CHECK(reserve(6 * SEC, INT64_MAX) == 10 * SEC && reserve(6 * SEC, INT64_MAX) == 15 * SEC);
  lc_throttle_release(&ring.throttle, 5 * SEC); /* left the ring */
  lc_throttle_release(&ring.throttle, 11 * SEC);
  CHECK(holes(&ring.throttle) == 0);
  lc_throttle_release(&ring.throttle, 10 * SEC);
  lc_throttle_release(&ring.throttle, 10 * SEC);
  CHECK(holes(&ring.throttle) == 1);
  CHECK(reserve(8 * SEC, 9 * SEC) == -1);
  CHECK(reserve(8 * SEC, INT64_MAX) == 10 * SEC && ring.throttle.given_back == 1);
  CHECK(reserve(8 * SEC, INT64_MAX) == 20 * SEC && ring.throttle.given_back == 0);
  lc_throttle_release(&ring.throttle, 15 * SEC);
  CHECK(reserve(16 * SEC, 16 * SEC) == 16 * SEC); /* its moment passed; the one at 20 stays */
  CHECK(reserve(16 * SEC, INT64_MAX) == 26 * SEC && reserve(16 * SEC, INT64_MAX) == 30 * SEC);
  lc_throttle_release(&ring.throttle, 26 * SEC); /* when its moment has passed */
  CHECK(reserve(28 * SEC, INT64_MAX) == 28 * SEC && reserve(28 * SEC, INT64_MAX) == 38 * SEC);
}

static void test_pause(void) {
  struct lc_throttle_state state;
  CHECK(start(2, 10 * SEC, 0) == LC_OK);
  lc_throttle_pause(&ring.throttle, 30 * SEC);
  lc_throttle_pause(&ring.throttle, 20 * SEC);
  lc_throttle_state(&ring.throttle, SEC, &state);
  CHECK(state.used == 0 && state.wait_us == 29 * SEC && state.paused_us == 29 * SEC);
  CHECK(reserve(SEC, 29 * SEC) == -1);
  CHECK(reserve(SEC, INT64_MAX) == 30 * SEC && reserve(SEC, INT64_MAX) == 30 * SEC);
  CHECK(reserve(SEC, INT64_MAX) == 40 * SEC);
  lc_throttle_pause(&ring.throttle, 45 * SEC);
  CHECK(reserve(2 * SEC, INT64_MAX) == 45 * SEC);
  lc_throttle_state(&ring.throttle, 46 * SEC, &state);
  CHECK(state.paused_us == 0);
}

static void test_extremes(void) {
  const int64_t end = (int64_t)1 << 61, most = (int64_t)1 << 60;
  CHECK(start(1, most, most) == LC_OK);
  int64_t at_us = 0;
  CHECK(lc_throttle_reserve(&ring.throttle, end + 1, INT64_MAX, &at_us) == LC_EINVAL);
  CHECK(lc_throttle_reserve(&ring.throttle, -end - 1, INT64_MAX, &at_us) == LC_EINVAL);
  CHECK(lc_throttle_reserve(&ring.throttle, INT64_MIN, INT64_MAX, &at_us) == LC_EINVAL);
  CHECK(lc_throttle_reserve(&ring.throttle, -end, INT64_MAX, &at_us) == LC_OK && at_us == -end);
  CHECK(lc_throttle_reserve(&ring.throttle, -end, INT64_MAX, &at_us) == LC_OK && at_us == 0);
  CHECK(lc_throttle_reserve(&ring.throttle, -end, INT64_MAX, &at_us) == LC_OK && at_us == end);
  CHECK(lc_throttle_reserve(&ring.throttle, -end, INT64_MAX, &at_us) == LC_ETIMEOUT);
  CHECK(at_us == 2 * end); /* beyond what a moment may be: nobody lives to see it */
  lc_throttle_release(&ring.throttle, INT64_MIN);
  lc_throttle_release(&ring.throttle, -2 * end);
  lc_throttle_release(&ring.throttle, INT64_MAX);
  CHECK(holes(&ring.throttle) == 0);
  lc_throttle_settle(&ring.throttle, INT64_MIN, INT64_MAX);
  lc_throttle_settle(&ring.throttle, end, most + 1);
  CHECK(reserve(end, INT64_MAX) == -1);
  lc_throttle_release(&ring.throttle, end);
  CHECK(holes(&ring.throttle) == 1);
  struct lc_throttle_state state;
  lc_throttle_state(&ring.throttle, INT64_MAX, &state);
  CHECK(state.used == 0 && state.wait_us == 0);
  CHECK(start(1, 1, 0) == LC_OK);
  lc_throttle_pause(&ring.throttle, INT64_MIN);
  CHECK(reserve(7, 7) == 7);
  lc_throttle_pause(&ring.throttle, INT64_MAX);
  CHECK(reserve(8, INT64_MAX) == end && reserve(8, INT64_MAX) == -1);
}

/* A monotonic clock does not, but if it did: nothing gets looser. */
static void test_clock_set_back(void) {
  CHECK(start(2, 10 * SEC, 0) == LC_OK);
  CHECK(reserve(100 * SEC, INT64_MAX) == 100 * SEC);
  CHECK(reserve(50 * SEC, INT64_MAX) == 100 * SEC && reserve(50 * SEC, INT64_MAX) == 110 * SEC);
  lc_throttle_release(&ring.throttle, 110 * SEC);
  CHECK(reserve(40 * SEC, INT64_MAX) == 110 * SEC && reserve(40 * SEC, INT64_MAX) == 110 * SEC);
}

int main(void) {
  test_init();
  test_window();
  test_give_back();
  test_pause();
  test_extremes();
  test_clock_set_back();
  test_loads();
  return test_end();
}
