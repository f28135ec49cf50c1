/* SPDX-License-Identifier: MIT */
/* The shared file under many processes, and under processes that die: by SIGKILL at any moment, and
 * after the n-th store into the ring, which is inside the lock and in the middle of a change. */
#define _DEFAULT_SOURCE 1 /* MAP_ANONYMOUS, mkdtemp */
#define STORED() stored()
static void stored(void);
#include "throttle.c" /* not linked: shm.c is given these functions, and the hook with them */

#include "test_shm.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#define WORKERS 8
#define MOMENTS_MAX 100000

static int die_after, stop_after; /* so many more stores; 0: live */

static void stored(void) {
  if (stop_after > 0 && --stop_after == 0)
    raise(SIGSTOP);
  if (die_after > 0 && --die_after == 0)
    raise(SIGKILL);
}

/* What all processes of the test see. */
static struct board {
  atomic_size_t n;
  atomic_int ready;
  atomic_int errors;
  _Atomic int64_t moments[MOMENTS_MAX];
} * board;

static void run_workers(void (*work)(int)) {
  pid_t pids[WORKERS];
  atomic_store(&board->n, 0);
  atomic_store(&board->errors, 0);
  atomic_store(&board->ready, 0);
  for (int i = 0; i < WORKERS; i++)
    pids[i] = start(work, i);
  for (int i = 0; i < WORKERS; i++)
    CHECK(ended_well(pids[i]));
  CHECK(atomic_load(&board->errors) == 0);
}

static void wait_for_all(void) {
  atomic_fetch_add(&board->ready, 1);
  while (atomic_load(&board->ready) < WORKERS)
    nap(100);
}

static void note_moment(int64_t at_us) {
  size_t i = atomic_fetch_add(&board->n, 1);
  if (i < MOMENTS_MAX)
    atomic_store(&board->moments[i], at_us);
}

static int by_moment(const void *a, const void *b) {
  const int64_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Windows of a period that hold more than `calls` of the moments noted. */
static size_t windows_over(size_t calls, int64_t period_us) {
  static int64_t moments[MOMENTS_MAX];
  size_t n = 0, over = 0;
  for (size_t i = 0; i < atomic_load(&board->n) && i < MOMENTS_MAX; i++) {
    moments[n] = atomic_exchange(&board->moments[i], 0);
    n += moments[n] != 0; /* 0: killed on the way to noting it */
  }
  qsort(moments, n, sizeof moments[0], by_moment);
  for (size_t i = calls; i < n; i++)
    over += moments[i] - moments[i - calls] < period_us;
  return over;
}

/* ---- many processes ------------------------------------------------------------------------ */

#define CALLS 50
#define PERIOD 200000 /* us */
#define WINDOWS 12

/* The moment at which this caller went; 0 where it could not before end_us. */
static int64_t go(struct lc_shm *shm, int64_t end_us) {
  int64_t at_us = 0, now_us = 0;
  uint64_t ticket = 0;
  for (;;) {
    enum lc_err err = lc_shm_reserve(shm, end_us - lc_clock_us(), &ticket, &at_us, &now_us);
    atomic_fetch_add(&board->errors, err != LC_OK && err != LC_ETIMEOUT && err != LC_EBUSY);
    if (err == LC_ETIMEOUT)
      return 0;
    if (err == LC_OK && at_us == now_us)
      return at_us;
    if (err == LC_OK)
      nap(at_us - now_us < LC_BEAT_US ? at_us - now_us : LC_BEAT_US);
  }
}

static void hammer(int worker) {
  (void)worker;
  struct lc_shm *shm = open_shm(CALLS, PERIOD);
  wait_for_all();
  int64_t end_us = lc_clock_us() + (2 * WINDOWS - 1) * PERIOD / 2, at_us;
  while ((at_us = go(shm, end_us)) != 0)
    note_moment(at_us);
  lc_shm_close(shm);
}

static void test_hammer(void) {
  run_workers(hammer);
  size_t n = atomic_load(&board->n);
  printf("note: %zu moments granted, at least %d possible, %d processes\n", n, WINDOWS * CALLS,
         WORKERS);
  CHECK(n >= WINDOWS * CALLS * 99 / 100);
  CHECK(windows_over(CALLS, PERIOD) == 0);
  unlink(path);
}

static void grab(int worker) {
  (void)worker;
  wait_for_all();
  struct lc_shm *shm = open_shm(20, 1000 * SEC);
  int64_t at_us;
  enum lc_err err;
  while ((err = reserve(shm, &at_us)) == LC_OK || err == LC_EBUSY)
    if (err == LC_OK)
      note_moment(at_us);
  lc_shm_close(shm);
}

/* All come at once to a file that is not there, and to one of an earlier boot. */
static void test_races(void) {
  for (int i = 0; i < 40; i++) {
    run_workers(grab);
    CHECK(atomic_load(&board->n) == 20);
    CHECK(entries() == 1);
    if (i % 2 != 0)
      unlink(path);
    else
      pretend_reboot();
  }
  lc_shm_close(open_shm(20, 1000 * SEC));
  run_workers(grab);
  CHECK(atomic_load(&board->n) == 20);
  run_workers(grab); /* processes come and go, the window is remembered */
  CHECK(atomic_load(&board->n) == 0);
  unlink(path);
}

/* ---- death --------------------------------------------------------------------------------- */

static struct lc_shm *inherited;

static void die_reserving(int store) {
  int64_t at_us;
  die_after = store;
  reserve(inherited, &at_us);
}

static void die_pausing(int store) {
  die_after = store;
  lc_shm_pause(inherited, 150 * SEC);
}

static void die_releasing(int store) {
  int64_t at_us = 0;
  CHECK(reserve(inherited, &at_us) == LC_OK);
  die_after = store;
  lc_shm_release(inherited, at_us);
}

static void die_opening(int store) {
  int64_t at_us, now_us, again_us;
  uint64_t ticket = 0;
  struct lc_sending *sending;
  die_after = store;
  lc_shm_reserve_open(inherited, 0, &ticket, &at_us, &now_us, &again_us, &sending);
}

static bool killed(pid_t pid) {
  int status;
  return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Each holds the lock, inherited by fork, and the ring is in the middle of a change. */
static void test_death_in_change(void) {
  static const struct {
    void (*work)(int);
    int store;
    uint32_t used; /* of three, one of which was reserved before */
  } rows[] = {
      {die_reserving, 1, 1}, /* written to the spare slot, of no effect */
      {die_reserving, 2, 2}, /* granted, and never used */
      {die_pausing, 1, 1},   {die_releasing, 1, 2}, {die_releasing, 2, 1}, {die_releasing, 3, 1},
      {die_opening, 1, 1},   {die_opening, 2, 1},   {die_opening, 3, 2},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    inherited = open_shm(3, 1000 * SEC);
    reserve_n(inherited, 1);
    CHECK(killed(start(rows[i].work, rows[i].store)));
    CHECK(used(inherited) == rows[i].used);
    int64_t wait_us = 0;
    CHECK(wait_of(inherited, &wait_us) == LC_OK);
    CHECK(rows[i].work == die_pausing ? wait_us > 140 * SEC && wait_us <= 150 * SEC : wait_us == 0);
    if (rows[i].work != die_pausing)
      reserve_n(inherited, 3 - rows[i].used);
    CHECK(reserve(inherited, &wait_us) == LC_ETIMEOUT);
    lc_shm_close(inherited);
    unlink(path);
  }
}

static void reserve_for_ever(int worker) {
  struct lc_shm *shm = worker % 2 ? inherited : open_shm(CALLS, PERIOD);
  for (;;) {
    int64_t at_us = go(shm, INT64_MAX / 2);
    if (at_us % 3 == 0)
      lc_shm_release(shm, at_us); /* and so it is not noted */
    else
      note_moment(at_us);
  }
}

static void test_kills(void) {
  pid_t pids[WORKERS];
  inherited = open_shm(CALLS, PERIOD);
  atomic_store(&board->n, 0);
  atomic_store(&board->errors, 0);
  for (int i = 0; i < WORKERS; i++)
    pids[i] = start(reserve_for_ever, i);
  for (int i = 0; i < 200; i++) {
    int victim = rand() % WORKERS;
    nap(rand() % 5000);
    CHECK(kill(pids[victim], SIGKILL) == 0 && killed(pids[victim]));
    pids[victim] = start(reserve_for_ever, victim);
  }
  for (int i = 0; i < WORKERS; i++)
    CHECK(kill(pids[i], SIGKILL) == 0 && killed(pids[i]));
  printf("note: 200 holders killed, %zu moments\n", atomic_load(&board->n));
  CHECK(atomic_load(&board->errors) == 0);
  CHECK(atomic_load(&board->n) > CALLS);
  CHECK(windows_over(CALLS, PERIOD) == 0);
  nap(LC_LEASE_US); /* none of those who waited holds up another for longer */
  int64_t wait_us = 0;
  CHECK(wait_of(inherited, &wait_us) == LC_OK && wait_us == 0);
  lc_shm_close(inherited);
  unlink(path);
}

/* ---- stopped ------------------------------------------------------------------------------- */

static void stop_reserving(int store) {
  int64_t at_us;
  stop_after = store;
  CHECK(reserve(inherited, &at_us) == LC_OK);
}

/* A process is stopped while it holds the lock: the others do not wait for it. */
static void test_stopped(void) {
  int status;
  int64_t at_us, from_us;
  inherited = open_shm(3, 1000 * SEC);
  pid_t pid = start(stop_reserving, 1);
  CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
  from_us = lc_clock_us();
  CHECK(reserve(inherited, &at_us) == LC_EBUSY);
  CHECK(lc_clock_us() - from_us < SEC);
  from_us = lc_clock_us();
  for (int i = 0; i < 100; i++)
    CHECK(reserve(inherited, &at_us) == LC_EBUSY && lc_shm_pause(inherited, 1) == LC_EBUSY);
  CHECK(lc_clock_us() - from_us < SEC);
  lc_shm_close(open_shm(3, 1000 * SEC)); /* opening does not need it */
  CHECK(kill(pid, SIGCONT) == 0 && ended_well(pid));
  CHECK(used(inherited) == 1);
  reserve_n(inherited, 2);
  lc_shm_close(inherited);
  unlink(path);
}

/* ---- threads ------------------------------------------------------------------------------- */

static int64_t threads_end_us;

static void *reserve_in_thread(void *shm) {
  int64_t at_us;
  while ((at_us = go(shm, threads_end_us)) != 0)
    note_moment(at_us);
  return NULL;
}

static void test_threads(void) {
  pthread_t threads[4];
  struct lc_shm *shm = open_shm(CALLS, PERIOD);
  atomic_store(&board->n, 0);
  threads_end_us = lc_clock_us() + 9 * PERIOD / 2;
  for (int i = 0; i < 4; i++)
    CHECK(pthread_create(&threads[i], NULL, reserve_in_thread, shm) == 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  CHECK(atomic_load(&board->n) >= 5 * CALLS && windows_over(CALLS, PERIOD) == 0);
  lc_shm_close(shm);
  unlink(path);
}

int main(void) {
  int descriptors = begin();
  void *shared =
      mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (descriptors < 0 || shared == MAP_FAILED)
    return 1;
  board = shared;
  test_races();
  test_death_in_change();
  test_hammer();
  test_kills();
  test_stopped();
  test_threads();
  return end(descriptors);
}
