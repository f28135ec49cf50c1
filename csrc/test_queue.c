/* SPDX-License-Identifier: MIT */
#include "queue.h"
#include "test.h"

#include <string.h>

static struct lc_queue queue;

static uint64_t come(uint64_t ticket, int64_t now_us) {
  lc_queue_see(&queue, &ticket, now_us);
  return ticket;
}

static void start(void) {
  memset(&queue, 0, sizeof queue);
}

static void test_order(void) {
  start();
  CHECK(lc_queue_rank(&queue, 0, 5) == 0);
  for (uint64_t i = 1; i <= 4; i++) {
    CHECK(lc_queue_rank(&queue, 0, 5) == i - 1);
    CHECK(come(0, 5) == i);
  }
  for (uint64_t i = 1; i <= 4; i++)
    CHECK(lc_queue_rank(&queue, i, 5) == i - 1);
  lc_queue_leave(&queue, 2);
  lc_queue_leave(&queue, 2); /* not there any more */
  lc_queue_leave(&queue, 9);
  lc_queue_leave(&queue, 0);
  CHECK(queue.n == 3 && lc_queue_rank(&queue, 3, 5) == 1 && lc_queue_rank(&queue, 4, 5) == 2);
  CHECK(come(0, 5) == 5);
}

/* A waiter that was not seen for the lease holds up none; its ticket still tells its place. */
static void test_lease(void) {
  start();
  CHECK(come(0, 0) == 1 && come(0, 0) == 2 && come(0, 0) == 3);
  CHECK(come(1, LC_BEAT_US) == 1 && come(3, LC_BEAT_US) == 3);
  CHECK(lc_queue_rank(&queue, 3, LC_LEASE_US - 1) == 2);
  CHECK(lc_queue_rank(&queue, 3, LC_LEASE_US) == 1 && queue.n == 2);
  CHECK(come(2, LC_LEASE_US) == 2);
  CHECK(lc_queue_rank(&queue, 3, LC_LEASE_US) == 2);
  CHECK(lc_queue_rank(&queue, 0, LC_BEAT_US + LC_LEASE_US) == 1); /* the second alone */
  CHECK(lc_queue_rank(&queue, 0, 2 * LC_LEASE_US) == 0);
}

static void test_clock_set_back(void) {
  start();
  CHECK(come(0, 10 * LC_LEASE_US) == 1);
  CHECK(lc_queue_rank(&queue, 0, LC_LEASE_US) == 0); /* its moment has not come yet */
  CHECK(come(0, LC_LEASE_US) == 2 && lc_queue_rank(&queue, 0, LC_LEASE_US) == 1);
}

static void test_full(void) {
  start();
  for (uint64_t i = 1; i <= LC_QUEUE_MAX; i++)
    CHECK(come(0, 0) == i);
  CHECK(come(0, 0) == 0 && queue.n == LC_QUEUE_MAX);
  CHECK(come(7, 1) == 7); /* one that is there is seen all the same */
  lc_queue_leave(&queue, 7);
  CHECK(come(0, 1) == LC_QUEUE_MAX + 1);
}

/* What a process that died may have left: an entry twice, a count beyond the end. */
static void test_left_behind(void) {
  start();
  CHECK(come(0, 0) == 1 && come(0, 0) == 2);
  queue.waiter[2] = queue.waiter[1];
  queue.n = 3;
  lc_queue_leave(&queue, 2);
  CHECK(lc_queue_rank(&queue, 0, LC_LEASE_US) == 0);
  queue.n = UINT64_MAX;
  CHECK(lc_queue_rank(&queue, 0, 0) <= LC_QUEUE_MAX);
  CHECK(come(0, 0) != 1 && queue.n <= LC_QUEUE_MAX);
}

int main(void) {
  test_order();
  test_lease();
  test_clock_set_back();
  test_full();
  test_left_behind();
  return test_end();
}
