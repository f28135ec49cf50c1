/* SPDX-License-Identifier: MIT */
/* The throttle by hand. test_throttle_log.c tries it at random. */
#include "throttle.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static union ring {
  struct lc_throttle throttle;
  char bytes[sizeof(struct lc_throttle) + 8 * sizeof(int64_t) + 8 * sizeof(struct lc_open_call)];
} ring;

static uint64_t random_state = 88172645463325252u;

/* xorshift64; 0 to n - 1. */
static int64_t roll(int64_t n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (int64_t)(random_state % (uint64_t)n);
}

#define SEC 1000000

static enum lc_err start(uint32_t calls, int64_t period_us, int64_t guard_us) {
  memset(&ring, 0x5a, sizeof ring);
  return lc_throttle_init(&ring.throttle, calls, period_us, guard_us);
}

/* When the caller may go; -1 where it would be too late. */
static int64_t ask(int64_t now_us, int64_t latest_us, uint64_t *ticket) {
  int64_t at_us;
  enum lc_err err = lc_throttle_reserve(&ring.throttle, now_us, latest_us, ticket, &at_us);
  return err == LC_OK ? at_us : -1;
}

static int64_t reserve(int64_t now_us, int64_t latest_us) {
  uint64_t ticket = 0;
  return ask(now_us, latest_us, &ticket);
}

static void test_init(void) {
  int64_t most = (int64_t)1 << 60;
  CHECK(lc_throttle_size(0) == 0 && lc_throttle_size(1000001) == 0);
  CHECK(lc_throttle_size(UINT32_MAX) == 0);
  CHECK(lc_throttle_size(1) == sizeof(struct lc_throttle) + 16 + 24);
  CHECK(lc_throttle_size(1000000) == sizeof(struct lc_throttle) + 8000008 + 24000000);
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
  uint64_t ticket = 0;
  CHECK(lc_throttle_reserve(&ring.throttle, 40, 50, &ticket, &at_us) == LC_ETIMEOUT);
  CHECK(at_us == 60 * SEC + SEC / 20 && ticket == 0); /* told, not waiting */
  CHECK(reserve(40, INT64_MAX) == 60 * SEC + SEC / 20);
  CHECK(reserve(40, INT64_MAX) == 60 * SEC + SEC / 20 + 10);
}

/* The example of throttle.h. */
static void test_example(void) {
  uint64_t a = 0, b = 0, c = 0, d = 0;
  const int64_t never = INT64_MAX;
  CHECK(start(3, 60 * SEC, 0) == LC_OK);
  for (int i = 0; i < 3; i++)
    CHECK(reserve(i * 10 * SEC, never) == i * 10 * SEC);
  CHECK(ask(25 * SEC, never, &a) == 60 * SEC && ask(25 * SEC, never, &b) == 70 * SEC);
  CHECK(ask(25 * SEC, never, &c) == 80 * SEC && ask(25 * SEC, never, &d) == 120 * SEC);
  for (int64_t now_us = 25 * SEC; now_us <= 31 * SEC; now_us += LC_BEAT_US) {
    CHECK(ask(now_us, never, &a) == 60 * SEC);
    if (now_us <= 30 * SEC)
      CHECK(ask(now_us, never, &b) == 70 * SEC);
    ask(now_us, never, &c);
    ask(now_us, never, &d);
  }
  CHECK(ask(31 * SEC, never, &c) == 70 * SEC && ask(31 * SEC, never, &d) == 80 * SEC);
  for (int64_t now_us = 31 * SEC; now_us < 60 * SEC; now_us += LC_BEAT_US) {
    CHECK(ask(now_us, never, &a) == 60 * SEC);
    CHECK(ask(now_us, never, &c) == 70 * SEC);
    CHECK(ask(now_us, never, &d) == 80 * SEC);
  }
  CHECK(ask(60 * SEC, never, &a) == 60 * SEC && a == 0);
  CHECK(ask(60 * SEC + 1, never, &c) == 70 * SEC && ask(60 * SEC + 1, never, &d) == 80 * SEC);
  CHECK(reserve(60 * SEC + 2, never) == 120 * SEC);
}

/* Many wait, and none of them is ever seen again. */
static void test_killed(void) {
  struct lc_throttle_state state;
  CHECK(start(5, 4 * SEC, 0) == LC_OK);
  for (int i = 0; i < 5; i++)
    CHECK(reserve(0, 0) == 0);
  for (int i = 0; i < 25; i++)
    CHECK(reserve(i, INT64_MAX) == (i / 5 + 1) * 4 * SEC);
  lc_throttle_state(&ring.throttle, 100, &state);
  CHECK(state.used == 5 && state.wait_us == 24 * SEC - 100);
  lc_throttle_state(&ring.throttle, 25 + LC_LEASE_US, &state);
  CHECK(state.wait_us == 4 * SEC - 25 - LC_LEASE_US);
  CHECK(reserve(SEC, 4 * SEC) == 4 * SEC);
}

static void test_full_queue(void) {
  uint64_t first = 0, other = 0, last = 0;
  CHECK(start(1, 10 * SEC, 0) == LC_OK);
  CHECK(reserve(0, 0) == 0 && ask(0, INT64_MAX, &first) == 10 * SEC);
  for (int i = 1; i < LC_QUEUE_MAX; i++)
    other = 0, ask(0, INT64_MAX, &other);
  CHECK(other == LC_QUEUE_MAX);
  CHECK(ask(1, INT64_MAX, &last) == (LC_QUEUE_MAX + 1) * (int64_t)10 * SEC && last == 0);
  CHECK(ask(10 * SEC, INT64_MAX, &first) == 10 * SEC); /* those behind it have lapsed */
  CHECK(ask(10 * SEC, INT64_MAX, &other) == 20 * SEC && other == LC_QUEUE_MAX);
  CHECK(ask(10 * SEC, INT64_MAX, &last) == 30 * SEC && last == LC_QUEUE_MAX + 1);
}

/* Whatever is in the queue, the ring alone says how many go. */
static void test_odd_queue(void) {
  static int64_t went[20000];
  size_t n = 0;
  int64_t now_us = 0;
  CHECK(start(3, 1000, 0) == LC_OK);
  for (int i = 0; i < 20000; i++) {
    now_us += roll(500);
    uint64_t *words = (uint64_t *)&ring.throttle.queue;
    size_t n_words = sizeof ring.throttle.queue / sizeof *words;
    if (roll(2) == 0)
      words[roll(3) ? roll(20) : roll((int64_t)n_words)] =
          roll(2) ? (uint64_t)roll(2000) : random_state;
    uint64_t ticket = roll(2) ? (uint64_t)roll(100) : 0;
    int64_t at_us;
    if (lc_throttle_reserve(&ring.throttle, now_us, INT64_MAX, &ticket, &at_us) == LC_OK &&
        at_us == now_us)
      went[n++] = now_us;
  }
  unsigned long over = 0;
  for (size_t i = 3; i < n; i++)
    over += went[i] - went[i - 3] < 1000;
  CHECK(over == 0 && n > 1000);
}

static void test_release(void) {
  CHECK(start(2, 10 * SEC, 0) == LC_OK);
  CHECK(reserve(0, 0) == 0 && reserve(5 * SEC, 5 * SEC) == 5 * SEC);
  lc_throttle_release(&ring.throttle, 4 * SEC); /* none went then */
  CHECK(reserve(6 * SEC, 9 * SEC) == -1);
  lc_throttle_release(&ring.throttle, 0);
  CHECK(reserve(6 * SEC, 6 * SEC) == 6 * SEC);
  CHECK(reserve(6 * SEC, 14 * SEC) == -1);
  CHECK(reserve(15 * SEC, 15 * SEC) == 15 * SEC);
  lc_throttle_release(&ring.throttle, 5 * SEC); /* left the ring */
  lc_throttle_release(&ring.throttle, 6 * SEC);
  lc_throttle_release(&ring.throttle, 6 * SEC);
  CHECK(reserve(15 * SEC, 15 * SEC) == 15 * SEC && reserve(15 * SEC, 24 * SEC) == -1);
}

/* Also of a call that the ring has forgotten: what counts is when it was there. */
static void test_arrived(void) {
  CHECK(start(2, 10 * SEC, SEC) == LC_OK);
  CHECK(reserve(0, 0) == 0 && reserve(SEC, SEC) == SEC);
  lc_throttle_arrived(&ring.throttle, 0, SEC); /* what the guard is for */
  CHECK(reserve(11 * SEC, 11 * SEC) == 11 * SEC);
  lc_throttle_arrived(&ring.throttle, 0, 5 * SEC); /* at 5, less the guard: 4 */
  CHECK(reserve(12 * SEC, 14 * SEC) == -1);
  CHECK(reserve(15 * SEC, 15 * SEC) == 15 * SEC);
  lc_throttle_arrived(&ring.throttle, SEC, 3 * SEC); /* before all that count */
  CHECK(reserve(22 * SEC, 22 * SEC) == 22 * SEC);
  lc_throttle_arrived(&ring.throttle, 15 * SEC, 9 * SEC); /* after the one at 22 */
  CHECK(reserve(33 * SEC, 33 * SEC) == 33 * SEC && reserve(33 * SEC, 33 * SEC) == -1);
  CHECK(reserve(34 * SEC, 34 * SEC) == 34 * SEC);
  lc_throttle_add(&ring.throttle, 40 * SEC);
  lc_throttle_add(&ring.throttle, 2 * SEC);
  CHECK(reserve(44 * SEC, 44 * SEC) == -1 && reserve(45 * SEC, 45 * SEC) == 45 * SEC);
}

static void test_pause(void) {
  struct lc_throttle_state state;
  uint64_t ticket = 0;
  CHECK(start(2, 10 * SEC, 0) == LC_OK);
  lc_throttle_pause(&ring.throttle, 30 * SEC);
  lc_throttle_pause(&ring.throttle, 20 * SEC);
  lc_throttle_state(&ring.throttle, SEC, &state);
  CHECK(state.used == 0 && state.wait_us == 29 * SEC);
  CHECK(reserve(SEC, 29 * SEC) == -1);
  CHECK(ask(SEC, INT64_MAX, &ticket) == 30 * SEC && reserve(SEC, INT64_MAX) == 30 * SEC);
  CHECK(reserve(SEC, INT64_MAX) == 40 * SEC);
  lc_throttle_pause(&ring.throttle, 45 * SEC); /* also for one that waits */
  CHECK(ask(30 * SEC, INT64_MAX, &ticket) == 45 * SEC);
  CHECK(ask(45 * SEC, INT64_MAX, &ticket) == 45 * SEC && ticket == 0);
}

static void test_extremes(void) {
  const int64_t end = (int64_t)1 << 61, most = (int64_t)1 << 60;
  CHECK(start(1, most, most) == LC_OK);
  int64_t at_us = 0;
  uint64_t ticket = 0;
  struct lc_throttle *throttle = &ring.throttle;
  CHECK(lc_throttle_reserve(throttle, end + 1, INT64_MAX, &ticket, &at_us) == LC_EINVAL);
  CHECK(lc_throttle_reserve(throttle, -end - 1, INT64_MAX, &ticket, &at_us) == LC_EINVAL);
  CHECK(lc_throttle_reserve(throttle, INT64_MIN, INT64_MAX, &ticket, &at_us) == LC_EINVAL);
  CHECK(lc_throttle_reserve(throttle, -end, INT64_MAX, &ticket, &at_us) == LC_OK && at_us == -end);
  CHECK(reserve(-end, INT64_MAX) == 0 && reserve(-end, INT64_MAX) == end);
  CHECK(lc_throttle_reserve(throttle, -end, INT64_MAX, &ticket, &at_us) == LC_ETIMEOUT);
  CHECK(at_us == 2 * end); /* beyond what a moment may be */
  lc_throttle_release(throttle, INT64_MIN);
  lc_throttle_release(throttle, -2 * end);
  lc_throttle_release(throttle, INT64_MAX);
  lc_throttle_arrived(throttle, INT64_MIN, INT64_MAX);
  lc_throttle_arrived(throttle, end, most + 1);
  lc_throttle_add(throttle, INT64_MAX);
  lc_throttle_add(throttle, INT64_MIN);
  CHECK(reserve(0, 0) == 0 && reserve(end, INT64_MAX) == end && reserve(end, INT64_MAX) == -1);
  struct lc_throttle_state state;
  lc_throttle_state(throttle, INT64_MAX, &state);
  CHECK(state.used == 0 && state.wait_us == 0);
  CHECK(start(1, 1, 0) == LC_OK);
  lc_throttle_pause(throttle, INT64_MIN);
  CHECK(reserve(7, 7) == 7);
  lc_throttle_pause(throttle, INT64_MAX);
  CHECK(reserve(8, INT64_MAX) == end);
  for (int i = 0; i < LC_QUEUE_MAX; i++) /* until the last would have to wait beyond it */
    reserve(8, INT64_MAX);
  CHECK(reserve(8, INT64_MAX) == -1);
}

/* ---- open calls ---------------------------------------------------------------------------- */

#define OWNER 7u

/* Lets a call go that is open. */
static uint32_t go(int64_t now_us) {
  int64_t at_us;
  uint64_t ticket = 0;
  uint32_t open;
  CHECK(lc_throttle_reserve_open(&ring.throttle, now_us, now_us, &ticket, &at_us, OWNER, &open) ==
            LC_OK &&
        at_us == now_us && open != LC_NO_CALL);
  return open;
}

static void send(uint32_t open, int64_t sent_us) {
  lc_throttle_open_call(&ring.throttle, open)->sent_us = sent_us;
}

static void arrive(uint32_t open, int64_t at_us, int64_t late_us) {
  lc_throttle_close(&ring.throttle, open, at_us, late_us, at_us + late_us);
}

static uint32_t used(int64_t now_us) {
  struct lc_throttle_state state;
  lc_throttle_state(&ring.throttle, now_us, &state);
  return state.used;
}

/* The second example of throttle.h. */
static void test_stopped(void) {
  CHECK(start(2, 60 * SEC, 0) == LC_OK);
  uint32_t p = go(0), q = go(0);
  CHECK(p != q && used(0) == 2 && reserve(1, 59 * SEC) == -1);
  send(p, 0);
  arrive(p, 0, 0);
  uint32_t a = go(60 * SEC);
  CHECK(used(60 * SEC) == 2);
  send(a, 60 * SEC);
  arrive(a, 60 * SEC, 0);
  CHECK(reserve(61 * SEC, 119 * SEC) == -1);
  CHECK(reserve(119 * SEC, 119 * SEC) == -1);
  send(q, 100 * SEC);
  arrive(q, 0, 100 * SEC);
  CHECK(reserve(119 * SEC, 119 * SEC) == -1 && reserve(120 * SEC, 120 * SEC) == 120 * SEC);
  CHECK(reserve(121 * SEC, 159 * SEC) == -1 && reserve(160 * SEC, 160 * SEC) == 160 * SEC);
}

/* Without an answer in LC_WAY_US it is taken to have arrived when it was sent. */
static void test_no_answer(void) {
  CHECK(start(1, 10 * SEC, SEC / 2) == LC_OK);
  uint32_t open = go(0);
  CHECK(reserve(30 * SEC, 30 * SEC) == -1); /* it may be sent at any time */
  send(open, 30 * SEC);
  CHECK(reserve(31 * SEC - 1, 31 * SEC - 1) == -1 && ring.throttle.n_open == 1);
  CHECK(reserve(31 * SEC, 31 * SEC) == -1 && ring.throttle.n_open == 0);
  int64_t next_us = 40 * SEC + SEC / 4; /* half of the guard is taken off */
  CHECK(reserve(next_us - 1, next_us - 1) == -1 && reserve(next_us, next_us) == next_us);
}

/* Or so much later as those took that were answered lately. */
static void test_way(void) {
  CHECK(start(1, 10 * SEC, 0) == LC_OK);
  uint32_t open = go(0);
  send(open, 0);
  lc_throttle_close(&ring.throttle, open, 0, 8 * SEC / 10, 9 * SEC / 10);
  open = go(20 * SEC);
  send(open, 20 * SEC);
  lc_throttle_close(&ring.throttle, open, 20 * SEC, 0, 21 * SEC - 1);
  open = go(40 * SEC);
  send(open, 40 * SEC);
  lc_throttle_sweep(&ring.throttle, 41 * SEC);
  int64_t next_us = 50 * SEC + 7 * SEC / 10; /* seven eighths of 0.8 */
  CHECK(reserve(next_us - 1, next_us - 1) == -1 && reserve(next_us, next_us) == next_us);
}

/* What its caller says of it is held to between the sending and now. */
static void test_close(void) {
  struct lc_throttle *throttle = &ring.throttle;
  static const struct {
    int64_t late_us, now_us, arrived_us;
  } rows[] = {{0, 25, 20},         {20, 25, 20},  {23, 25, 23}, {25, 25, 25}, {70, 25, 25},
              {INT64_MAX, 25, 25}, {-99, 25, 20}, {28, 29, 28}, {28, 30, 20}, {70, 90, 20}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t tenth = SEC / 10, late_us = rows[i].late_us;
    late_us = late_us == INT64_MAX ? late_us : late_us * tenth;
    CHECK(start(1, 10 * SEC, 0) == LC_OK);
    uint32_t open = go(0);
    lc_throttle_close(throttle, open, 0, 5 * SEC, 9 * SEC);
    CHECK(throttle->n_open == 1); /* none says that it was sent */
    send(open, 2 * SEC);
    lc_throttle_close(throttle, open, 1, 5 * SEC, 9 * SEC);
    lc_throttle_close(throttle, open + 1, 0, 5 * SEC, 9 * SEC);
    CHECK(throttle->n_open == 1); /* another call */
    lc_throttle_close(throttle, open, 0, late_us, rows[i].now_us * tenth);
    int64_t next_us = rows[i].arrived_us * tenth + 10 * SEC;
    CHECK(throttle->n_open == 0 && reserve(next_us - 1, next_us - 1) == -1);
    lc_throttle_close(throttle, open, 0, 9 * SEC, 9 * SEC);
    CHECK(reserve(next_us, next_us) == next_us);
  }
}

static void test_never_sent(void) {
  CHECK(start(2, 10 * SEC, 0) == LC_OK);
  uint32_t first = go(0), second = go(0);
  send(first, LC_NEVER_SENT);
  CHECK(used(1) == 1);
  uint32_t third = go(1);
  CHECK(third == first && used(1) == 2);
  send(second, LC_NEVER_SENT);
  arrive(second, 0, SEC);
  send(third, LC_NEVER_SENT);
  lc_throttle_sweep(&ring.throttle, 1);
  CHECK(used(1) == 0 && ring.throttle.open_end == 0);
}

static void test_dead_owner(void) {
  CHECK(start(2, 10 * SEC, 0) == LC_OK);
  uint32_t first = go(0);
  go(0);
  CHECK(lc_throttle_open_call(&ring.throttle, first)->owner == OWNER);
  lc_throttle_bury(&ring.throttle, first, 3 * SEC);
  CHECK(ring.throttle.n_open == 1 && reserve(13 * SEC - 1, 13 * SEC - 1) == -1);
  CHECK(reserve(13 * SEC, 13 * SEC) == 13 * SEC);
}

/* A process that dies in a change leaves counts that are wrong. */
static void test_mend(void) {
  struct lc_throttle *throttle = &ring.throttle;
  CHECK(start(5, 10 * SEC, 0) == LC_OK);
  uint32_t opens[3] = {go(0), go(1), go(2)};
  lc_throttle_open_call(throttle, opens[1])->owner = 0;
  throttle->n_open = 77, throttle->open_end = 1, throttle->open_free = 4;
  lc_throttle_mend(throttle);
  CHECK(throttle->n_open == 2 && throttle->open_end == 3 && throttle->open_free == 0);
  CHECK(go(3) == opens[1] && used(3) == 3);
  send(opens[2], 2), arrive(opens[2], 2, 0);
  CHECK(throttle->n_open == 2 && throttle->open_end == 2 && used(3) == 3);
}

/* A monotonic clock does not, but if it did: nothing gets looser, and none waits for the dead. */
static void test_clock_set_back(void) {
  CHECK(start(2, 10 * SEC, 0) == LC_OK);
  CHECK(reserve(100 * SEC, INT64_MAX) == 100 * SEC);
  CHECK(reserve(50 * SEC, 60 * SEC) == -1 && reserve(100 * SEC, INT64_MAX) == 100 * SEC);
  CHECK(reserve(100 * SEC, INT64_MAX) == 110 * SEC);
  CHECK(reserve(40 * SEC, INT64_MAX) == 110 * SEC);
}

int main(void) {
  test_init();
  test_window();
  test_example();
  test_killed();
  test_full_queue();
  test_odd_queue();
  test_release();
  test_arrived();
  test_pause();
  test_extremes();
  test_clock_set_back();
  test_stopped();
  test_no_answer();
  test_way();
  test_close();
  test_never_sent();
  test_dead_owner();
  test_mend();
  return test_end();
}
