/* SPDX-License-Identifier: MIT */
/* What a reservation costs in the core, and what the clock and the lock in it cost by themselves.
 *
 *   throttle [-n reservations] [-b batches] [-p processes] [-w] clock|local|lock|FILE
 *
 * Of a throttle that lets every call go: 100 in each microsecond.
 * `local` reserves in this process, FILE in that shared file; `clock` only reads the clock of both,
 * `lock` also takes and leaves a robust mutex shared by the processes. Prints one number: the
 * nanoseconds from one reservation of a process to its next, in the median batch. -w: each call is
 * open until it is sent and answered. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "throttle.h"
#include "shm.h"
#include "stamp.h"

struct load {
  const char *what;
  long calls;
  long batches;
  long processes;
  long whole; /* each is also sent and answered */
  struct lc_shm *shared;
  pthread_mutex_t *lock;
};

/* LC_EBUSY: its holder does not run, because there are more processes than cores. */
static int once_shared(const struct load *load) {
  int64_t now_us, at_us, again_us;
  uint64_t ticket = 0;
  struct lc_sending *sending;
  enum lc_err err = LC_EBUSY;
  while (err == LC_EBUSY)
    err = load->whole
              ? lc_shm_reserve_open(load->shared, 0, &ticket, &at_us, &now_us, &again_us, &sending)
              : lc_shm_reserve(load->shared, 0, &ticket, &at_us, &now_us);
  if (err != LC_OK || !load->whole)
    return err != LC_OK;
  sending->sent(sending, now_us);
  while (lc_shm_close_call(load->shared, sending, 0) == LC_EBUSY)
    ;
  sending->end(sending);
  return 0;
}

static int once(const struct load *load) {
  if (load->shared != NULL)
    return once_shared(load);
  if (load->lock != NULL && pthread_mutex_lock(load->lock) != 0)
    return 1;
  lc_clock_us();
  return load->lock != NULL && pthread_mutex_unlock(load->lock) != 0;
}

/* Nanoseconds a reservation; below 0 for a failure. */
static double batch(const struct load *load) {
  int64_t start_us = lc_clock_us();
  for (long i = 0; i < load->calls; i++)
    if (once(load) != 0)
      return -1;
  return (double)(lc_clock_us() - start_us) * 1e3 / (double)load->calls;
}

/* The processes begin together, when the pipe that they read is closed; each writes its figure. */
static double batch_of_processes(const struct load *load, double *figures) {
  int go[2];
  if (pipe(go) != 0)
    return -1;
  for (long i = 0; i < load->processes; i++) {
    if (fork() != 0)
      continue;
    char byte;
    close(go[1]);
    figures[i] = read(go[0], &byte, 1) == 0 ? batch(load) : -1;
    _exit(0);
  }
  close(go[0]);
  close(go[1]);
  while (wait(NULL) > 0)
    ;
  double sum = 0;
  for (long i = 0; i < load->processes; i++) {
    if (figures[i] <= 0)
      return -1;
    sum += figures[i];
  }
  return sum / (double)load->processes;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void *shared_memory(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

/* false: it could not be made. */
static bool prepare(struct load *load) {
  if (strcmp(load->what, "clock") == 0)
    return true;
  if (strcmp(load->what, "lock") == 0) {
    pthread_mutexattr_t kind;
    load->lock = shared_memory(sizeof *load->lock);
    return load->lock != NULL && pthread_mutexattr_init(&kind) == 0 &&
           pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) == 0 &&
           pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0 &&
           pthread_mutex_init(load->lock, &kind) == 0;
  }
  char text[512] = "";
  struct lc_shm_options options = {
      .path = load->what, .mode = 0600, .calls = 100, .period_us = 1, .guard_us = 0};
  if (strcmp(load->what, "local") == 0)
    return lc_shm_private(&load->shared, &options) == LC_OK;
  if (lc_shm_open(&load->shared, &options, text, sizeof text) != LC_OK)
    fprintf(stderr, "throttle: %s\n", text);
  return load->shared != NULL;
}

/* 0 for a failure. */
static double run(const struct load *load) {
  double *figures = shared_memory((size_t)load->processes * sizeof *figures);
  double *times = calloc((size_t)load->batches, sizeof *times);
  double median = 0;
  if (figures == NULL || times == NULL)
    goto out;
  for (long i = -1; i < load->batches; i++) { /* one that does not count */
    double time = load->processes > 1 ? batch_of_processes(load, figures) : batch(load);
    if (time <= 0)
      goto out;
    if (i >= 0)
      times[i] = time;
  }
  qsort(times, (size_t)load->batches, sizeof *times, by_value);
  median = times[load->batches / 2];

out:
  free(times);
  return median;
}

int main(int argc, char **argv) {
  struct load load = {.calls = 1000000, .batches = 5, .processes = 1};
  int option;
  while ((option = getopt(argc, argv, "n:b:p:w")) != -1) {
    long value = option == '?' ? 0 : option == 'w' ? 1 : strtol(optarg, NULL, 10);
    if (value < 1)
      return 2;
    *(option == 'w'   ? &load.whole
      : option == 'n' ? &load.calls
      : option == 'b' ? &load.batches
                      : &load.processes) = value;
  }
  if (optind + 1 != argc) {
    fprintf(stderr, "usage: throttle [-n reservations] [-b batches] [-p processes] [-w] WHAT\n");
    return 2;
  }
  load.what = argv[optind];
  double median = prepare(&load) ? run(&load) : 0;
  lc_shm_close(load.shared);
  if (median <= 0)
    return 1;
  printf("%.1f\n", median);
  return 0;
}
