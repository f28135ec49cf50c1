/* SPDX-License-Identifier: MIT */
/* The throttle against a log: a plain list of the moments of calls that went and were not taken
 * back, one of those that are open, and one of those who wait. From them alone the test works out
 * when a caller may go: each open call, and each who waits before it and was seen within the lease,
 * is given, in turn, the smallest moment with which no half-open window [s, s + period + guard)
 * holds more than `calls` moments, and then so is the caller. What the throttle says must be that
 * moment, so that none goes too early and none later than it need. */
#define STORED() stored()
static void stored(void);
#include "throttle.c" /* not linked: to see the memory after each of its stores */

#include "test.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 101       /* of the largest ring here */
#define RECENT_MAX 4096 /* moments that the list looks at: of the last window */
#define ALL_MAX 400000
#define WAITERS_MAX 40
#define OPEN_MAX 30
#define RANKS 20 /* of callers that are looked at after a death */

static union ring {
  struct lc_throttle throttle;
  char bytes[sizeof(struct lc_throttle) + SLOTS * (sizeof(int64_t) + sizeof(struct lc_open_call))];
} ring;

static uint64_t random_state = 88172645463325252u;

/* xorshift64; 0 to n - 1. */
static int64_t roll(int64_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (int64_t)(random_state % (uint64_t)n);
}

/* ---- death --------------------------------------------------------------------------------- */

/* When callers of every rank may go: what a process could see that comes after a death. */
struct outlook {
  int64_t at_us[RANKS];
};

static bool watching;
static int64_t watched_us;
static struct outlook deaths[SLOTS + 2];
static size_t n_deaths;
static unsigned long n_died, n_died_moving;

/* As one counts them who finds the throttle after a death. */
static uint32_t counted_open(void) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < ring.throttle.calls; i++)
    n += lc_throttle_open_call(&ring.throttle, i)->owner != 0;
  return n;
}

static struct outlook look(int64_t now_us) {
  struct outlook outlook;
  for (uint32_t i = 0; i < RANKS; i++)
    outlook.at_us[i] = when(&ring.throttle, now_us, i + counted_open());
  return outlook;
}

/* With one call more than there are. */
static struct outlook later(const struct outlook *a, const struct outlook *b) {
  struct outlook outlook = *a;
  for (size_t i = 0; i + 1 < RANKS; i++) {
    if (outlook.at_us[i] < b->at_us[i + 1])
      outlook.at_us[i] = b->at_us[i + 1];
    if (outlook.at_us[i] < a->at_us[i + 1])
      outlook.at_us[i] = a->at_us[i + 1];
  }
  outlook.at_us[RANKS - 1] = INT64_MAX;
  return outlook;
}

static void stored(void) {
  if (watching && n_deaths < sizeof deaths / sizeof deaths[0])
    deaths[n_deaths++] = look(watched_us);
}

static void watch(int64_t now_us) {
  watching = true;
  watched_us = now_us;
  n_deaths = 0;
}

/* Who dies in the middle leaves what was before, what would have been after, or something between:
 * for no caller earlier than both, for none later. `later_for_a_while`: an open call may be in the
 * ring too, and counts twice until it is buried. */
static unsigned long judge_deaths(const struct outlook *before, bool later_for_a_while) {
  unsigned long wrong = 0;
  struct outlook after = look(watched_us), most = later_for_a_while ? later(&after, before) : after;
  watching = false;
  for (size_t d = 0; d < n_deaths; d++) {
    for (size_t i = 0; i < RANKS; i++) {
      int64_t a = before->at_us[i], b = after.at_us[i], c = most.at_us[i];
      int64_t at_us = deaths[d].at_us[i];
      wrong += at_us < (a < b ? a : b) || at_us > (a > c ? a : c);
    }
  }
  n_died += n_deaths;
  n_died_moving += n_deaths > 2;
  return wrong;
}

/* ---- the lists ----------------------------------------------------------------------------- */

struct waiter {
  uint64_t ticket;
  int64_t seen_us;
};

struct open {
  uint32_t place;
  int64_t at_us;
  int64_t sent_us;
};

struct log {
  int64_t recent[RECENT_MAX]; /* in order */
  size_t n;
  size_t calls;
  int64_t window_us;
  struct waiter waiters[WAITERS_MAX]; /* in order of arrival, the dead among them */
  size_t n_waiters;
  struct open open[OPEN_MAX];
  size_t n_open;
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

/* When a caller may go: with that ticket, or without one. */
static int64_t log_when(const struct log *log, uint64_t ticket, int64_t now_us, int64_t from_us) {
  static struct log ahead;
  ahead = *log;
  for (size_t i = 0; i < log->n_open; i++)
    log_add(&ahead, log_earliest(&ahead, from_us));
  for (size_t i = 0; i < log->n_waiters; i++) {
    const struct waiter *waiter = &log->waiters[i];
    if ((ticket == 0 || waiter->ticket < ticket) && waiter->seen_us > now_us - LC_LEASE_US)
      log_add(&ahead, log_earliest(&ahead, from_us));
  }
  return log_earliest(&ahead, from_us);
}

/* ---- random loads -------------------------------------------------------------------------- */

enum { STEADY, BURSTS, OVERLOAD, SPARSE, TIES, N_SHAPES };

struct run {
  struct lc_throttle *throttle;
  struct log log;
  int shape;
  int64_t now_us;
  int64_t paused_us;
  int64_t way_us;
  int64_t spacing_us; /* of the calls that the throttle would let through */
  int64_t *all;       /* every moment granted, and INT64_MAX for one given back */
  size_t n_all;
  unsigned long wrong, went, waited, refused, lapsed, revived, taken_back, moved, ended[4];
};

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
  default:
    return roll(3) * d;
  }
}

static int64_t from_of(const struct run *run) {
  return run->now_us > run->paused_us ? run->now_us : run->paused_us;
}

static void try_state(struct run *run) {
  struct lc_throttle_state state;
  lc_throttle_state(run->throttle, run->now_us, &state);
  size_t used = 0;
  for (size_t i = 0; i < run->log.n; i++)
    used += run->log.recent[i] > run->now_us - run->throttle->period_us;
  run->wrong += state.used != used + run->log.n_open;
  run->wrong += state.wait_us != log_when(&run->log, 0, run->now_us, from_of(run)) - run->now_us;
}

static void forget_waiter(struct log *log, size_t i) {
  memmove(&log->waiters[i], &log->waiters[i + 1], (--log->n_waiters - i) * sizeof log->waiters[0]);
}

/* The i-th who waits asks again, or a newcomer asks, i == n_waiters. */
static void try_reserve(struct run *run, size_t i) {
  struct log *log = &run->log;
  bool newcomer = i == log->n_waiters;
  uint64_t ticket = newcomer ? 0 : log->waiters[i].ticket, had = ticket;
  int64_t earliest_us = log_when(log, ticket, run->now_us, from_of(run)), at_us;
  int64_t latest_us = roll(4) == 0 ? run->now_us + roll(2 * log->window_us) : INT64_MAX;
  bool late = earliest_us > latest_us && earliest_us > run->now_us;
  struct outlook before = look(run->now_us);
  if (!newcomer)
    run->revived += log->waiters[i].seen_us <= run->now_us - LC_LEASE_US;
  uint32_t open = LC_NO_CALL;
  bool opens = log->n_open < OPEN_MAX && log->n_open + 1 < log->calls && roll(3) == 0;
  watch(run->now_us);
  enum lc_err err =
      opens ? lc_throttle_reserve_open(run->throttle, run->now_us, latest_us, &ticket, &at_us, 1,
                                       &open)
            : lc_throttle_reserve(run->throttle, run->now_us, latest_us, &ticket, &at_us);
  run->wrong += judge_deaths(&before, false);
  run->wrong += at_us != earliest_us || err != (late ? LC_ETIMEOUT : LC_OK);
  bool waits = !late && earliest_us > run->now_us;
  run->wrong += waits ? ticket == 0 || (had != 0 && ticket != had) : ticket != 0;
  if (!waits && !newcomer)
    forget_waiter(log, i);
  run->refused += late;
  if (waits && newcomer)
    i = log->n_waiters++;
  if (waits) {
    log->waiters[i] = (struct waiter){ticket, run->now_us};
    run->waited++;
  } else if (!late && opens) {
    run->wrong += open == LC_NO_CALL;
    log->open[log->n_open++] = (struct open){open, run->now_us, LC_NOT_SENT};
    run->went++;
  } else if (!late) {
    log_add(log, run->now_us);
    run->all[run->n_all++] = run->now_us;
    run->went++;
  }
}

/* One who waits leaves, or is gone for good without a word. */
static void try_leave(struct run *run) {
  if (run->log.n_waiters == 0)
    return;
  size_t i = (size_t)roll((int64_t)run->log.n_waiters);
  const struct waiter *waiter = &run->log.waiters[i];
  bool lapsed = waiter->seen_us <= run->now_us - LC_LEASE_US;
  if (!lapsed)
    lc_throttle_leave(run->throttle, waiter->ticket);
  run->lapsed += lapsed;
  forget_waiter(&run->log, i);
}

static void replace(struct run *run, int64_t from_us, int64_t to_us) {
  for (size_t i = run->n_all; i-- > 0;) {
    if (run->all[i] == from_us) {
      run->all[i] = to_us;
      return;
    }
  }
}

/* Takes a random one back, or nothing that exists. */
static void try_release(struct run *run) {
  struct log *log = &run->log;
  if (log->n == 0)
    return;
  size_t i = (size_t)roll((int64_t)log->n);
  int64_t at_us = log->recent[i];
  bool kept = find(run->throttle, at_us) != NONE;
  struct outlook before = look(run->now_us);
  lc_throttle_release(run->throttle, INT64_MAX / 4);
  watch(run->now_us);
  lc_throttle_release(run->throttle, at_us);
  run->wrong += judge_deaths(&before, false);
  if (!kept)
    return;
  run->taken_back++;
  log_remove(log, i);
  replace(run, at_us, INT64_MAX);
}

/* A call took its time on the way. */
static void try_arrived(struct run *run) {
  size_t i = (size_t)roll((int64_t)run->log.n + 1);
  if (i == run->log.n)
    return;
  int64_t at_us = run->log.recent[i];
  int64_t beyond_us = roll(run->now_us - at_us + 1);
  struct outlook before = look(run->now_us);
  watch(run->now_us);
  lc_throttle_arrived(run->throttle, at_us, beyond_us + run->throttle->guard_us);
  run->wrong += judge_deaths(&before, false);
  log_remove(&run->log, i);
  log_add(&run->log, at_us + beyond_us);
  if (beyond_us > 0) /* what went meanwhile could not know of it */
    replace(run, at_us, INT64_MAX);
  run->moved += beyond_us > 0;
}

/* A call is open no longer, and counts from a moment, unless it was never sent. */
static void log_close(struct run *run, size_t i, int64_t arrived_us) {
  struct log *log = &run->log;
  int64_t at_us = log->open[i].at_us;
  if (arrived_us != LC_NEVER_SENT) {
    arrived_us -= run->throttle->guard_us / 2;
    at_us = arrived_us > at_us ? arrived_us : at_us;
    log_add(log, at_us);
    run->all[run->n_all++] = at_us;
  }
  memmove(&log->open[i], &log->open[i + 1], (--log->n_open - i) * sizeof log->open[0]);
}

/* One that is open is sent, answered, given up, or its process dies. */
static void try_open(struct run *run) {
  struct log *log = &run->log;
  if (log->n_open == 0)
    return;
  size_t i = (size_t)roll((int64_t)log->n_open);
  struct open *open = &log->open[i];
  struct outlook before = look(run->now_us);
  int64_t way_us = roll(run->now_us - open->at_us + 1);
  int kind = (int)roll(4);
  watch(run->now_us);
  if (kind == 0) {
    lc_throttle_open_call(run->throttle, open->place)->sent_us = open->at_us;
    lc_throttle_close(run->throttle, open->place, open->at_us, way_us, run->now_us);
    if (run->now_us - open->at_us >= LC_WAY_US)
      way_us = run->way_us;
    else
      run->way_us = run->way_us - run->way_us / 8 > way_us ? run->way_us - run->way_us / 8 : way_us;
    log_close(run, i, open->at_us + way_us);
  } else if (kind == 1) {
    lc_throttle_open_call(run->throttle, open->place)->sent_us = LC_NEVER_SENT;
    lc_throttle_sweep(run->throttle, run->now_us);
    log_close(run, i, LC_NEVER_SENT);
  } else if (kind == 2) {
    lc_throttle_bury(run->throttle, open->place, run->now_us);
    log_close(run, i, run->now_us);
  } else if (open->at_us + way_us + LC_WAY_US <= run->now_us) {
    lc_throttle_open_call(run->throttle, open->place)->sent_us = open->at_us + way_us;
    lc_throttle_sweep(run->throttle, run->now_us);
    log_close(run, i, open->at_us + way_us + run->way_us);
  } else {
    return;
  }
  run->wrong += judge_deaths(&before, true);
  run->ended[kind]++;
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

static void step(struct run *run) {
  size_t n = run->log.n_waiters;
  int64_t dice = roll(100);
  if (n == WAITERS_MAX)
    try_leave(run);
  else if (dice < 40)
    try_reserve(run, n);
  else if (dice < 80)
    try_reserve(run, (size_t)roll((int64_t)n + 1));
  else if (dice < 84)
    try_leave(run);
  else if (dice < 88)
    try_release(run);
  else if (dice < 92)
    try_arrived(run);
  else if (dice < 96)
    try_open(run);
  else
    try_state(run);
  if (roll(5000) == 0) {
    int64_t until_us = run->now_us + roll(3 * run->log.window_us);
    run->paused_us = until_us > run->paused_us ? until_us : run->paused_us;
    lc_throttle_pause(run->throttle, until_us);
  }
}

static unsigned long run_load(int shape, uint32_t calls, size_t arrivals, int64_t *all) {
  static const char *const names[] = {"steady", "bursts", "overload", "sparse", "ties"};
  static struct run run; /* its list is large */
  int64_t period_us = 1 + roll(3000000), guard_us = roll(3) ? roll(period_us + 1) : 0;
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
    step(&run);
  }
  char label[64];
  snprintf(label, sizeof label, "%s, %u calls", names[shape], calls);
  CHECK_WITH(label, run.wrong == 0);
  CHECK_WITH(label, windows_over(&run) == 0);
  CHECK_WITH(label, run.went > arrivals / 20 && (shape != STEADY || run.moved > 20));
  CHECK_WITH(label, shape != OVERLOAD || (run.waited > 100 && run.refused > 20));
  CHECK_WITH(label, shape == TIES || run.taken_back > 20);
  CHECK_WITH(label, calls < 2 || (run.ended[0] > 5 && run.ended[1] > 5 && run.ended[2] > 5));
  CHECK_WITH(label, shape != OVERLOAD || calls > 20 || (run.lapsed > 0 && run.revived > 0));
  return run.went + run.waited + run.refused;
}

static void test_loads(void) {
  static const struct {
    uint32_t calls;
    size_t arrivals;
  } rings[] = {{1, 80000}, {2, 60000}, {3, 50000}, {5, 40000}, {8, 30000}, {20, 8000}, {100, 4000}};
  int64_t *all = malloc(ALL_MAX * sizeof *all);
  unsigned long asked = 0;
  for (size_t i = 0; i < sizeof rings / sizeof rings[0] && all != NULL; i++) {
    for (int shape = 0; shape < N_SHAPES; shape++)
      asked += run_load(shape, rings[i].calls, rings[i].arrivals, all);
  }
  free(all);
  CHECK(asked >= 1000000);
  CHECK(n_died > 10000 && n_died_moving > 1000);
  printf("note: asked %lu times, %lu deaths, %lu of them between moves\n", asked, n_died,
         n_died_moving);
}

int main(void) {
  test_loads();
  return test_end();
}
