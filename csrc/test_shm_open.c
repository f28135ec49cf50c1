/* SPDX-License-Identifier: MIT */
/* Calls that are open in a shared throttle: what becomes of them with their processes, and with the
 * handles by which they were let go. */
#include "test_shm.h"

#include <signal.h>
#include <sys/mman.h>

static struct lc_shm *inherited;

/* Lets a call go that is open; NULL where it would have to wait. */
static struct lc_sending *go(struct lc_shm *shm) {
  int64_t at_us, now_us, again_us;
  uint64_t ticket = 0;
  struct lc_sending *sending;
  enum lc_err err = lc_shm_reserve_open(shm, 0, &ticket, &at_us, &now_us, &again_us, &sending);
  CHECK((err == LC_OK) == (sending != NULL) && (err == LC_OK || err == LC_ETIMEOUT));
  return sending;
}

static void send_now(struct lc_sending *sending) {
  sending->sent(sending, lc_clock_us());
}

static void test_life(struct lc_shm *shm) {
  struct lc_sending *first = go(shm), *second = go(shm);
  int64_t wait_us;
  CHECK(first != NULL && second != NULL && go(shm) == NULL && used(shm) == 2);
  second->hold(second);
  second->end(second);
  CHECK(go(shm) == NULL); /* one who holds it may still send it */
  second->end(second);
  second = go(shm); /* never sent */
  CHECK(second != NULL && go(shm) == NULL);
  CHECK(lc_shm_close_call(shm, second, 0) == LC_OK);
  nap(600000);
  CHECK(go(shm) == NULL); /* both are older than a period, and neither is known to be sent */
  send_now(first);
  send_now(second);
  CHECK(lc_shm_close_call(shm, first, 0) == LC_OK && lc_shm_close_call(shm, first, 0) == LC_OK);
  CHECK(wait_of(shm, &wait_us) == LC_OK && wait_us > 300000 && used(shm) == 2);
  nap(500000);
  first->end(first);
  CHECK(used(shm) == 1);
  first = go(shm);
  CHECK(first != NULL && go(shm) == NULL); /* the second is not answered */
  send_now(first);
  lc_shm_close(shm); /* no call is ended by that */
  first->end(first);
  second->end(second);
}

static void test_lives(void) {
  struct lc_shm_options options = options_of(2, SEC / 2);
  struct lc_shm *shm;
  CHECK(lc_shm_private(&shm, &options) == LC_OK);
  test_life(shm);
  shm = open_shm(2, SEC / 2);
  test_life(shm);
  unlink(path);
  CHECK(lc_shm_private(&shm, &(struct lc_shm_options){.calls = 0, .period_us = 1}) == LC_EINVAL);
  CHECK(shm == NULL);
  CHECK(lc_shm_private(&shm, &(struct lc_shm_options){.calls = 1, .period_us = 0}) == LC_EINVAL);
  CHECK(shm == NULL);
}

static void wait_with_open_calls(int n) {
  while (n-- > 0)
    CHECK(go(inherited) != NULL);
  pause();
}

/* One that is stopped may yet send; one that is dead may have sent until it died. */
static void test_owners(void) {
  inherited = open_shm(3, SEC / 2);
  pid_t pid = start(wait_with_open_calls, 3);
  while (used(inherited) < 3)
    nap(1000);
  CHECK(kill(pid, SIGSTOP) == 0);
  nap(1500000);
  CHECK(go(inherited) == NULL && used(inherited) == 3);
  CHECK(kill(pid, SIGKILL) == 0);
  nap(300000);
  CHECK(go(inherited) == NULL); /* found dead here, though it was not waited for: from now on */
  nap(SEC / 2 + 1000);
  struct lc_sending *sending = go(inherited);
  CHECK(sending != NULL);
  sending->end(sending);
  CHECK(waitpid(pid, NULL, 0) == pid);
  lc_shm_close(inherited);
  unlink(path);
}

static struct lc_sending *parents;

static void end_in_child(int argument) {
  (void)argument;
  parents->end(parents);
}

/* A child that a fork made drops what it inherited: the call is its parent's. */
static void test_fork(void) {
  inherited = open_shm(1, SEC / 2);
  parents = go(inherited);
  CHECK(ended_well(start(end_in_child, 0)) && go(inherited) == NULL);
  parents->end(parents);
  struct lc_sending *next = go(inherited);
  CHECK(next != NULL);
  next->end(next);
  lc_shm_close(inherited);
  unlink(path);
}

/* The engine's thread tells of a sending when the file is gone. */
static void test_cut(void) {
  struct lc_shm *shm = open_shm(2, SEC / 2);
  struct lc_sending *sending = go(shm);
  CHECK(truncate(path, 0) == 0);
  nap(2000);
  send_now(sending);
  CHECK(lc_shm_close_call(shm, sending, 0) == LC_EMISMATCH);
  lc_shm_close(shm);
  sending->end(sending);
  unlink(path);
}

int main(void) {
  int descriptors = begin();
  if (descriptors < 0)
    return 1;
  test_lives();
  test_owners();
  test_fork();
  test_cut();
  return end(descriptors);
}
