/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

struct known {
  atomic_int pid; /* 0: to be asked for */
  atomic_bool kept;
};

static struct known *known(void) {
  static struct known process;
  return &process;
}

static void on_fork(void) {
  atomic_store_explicit(&known()->pid, 0, memory_order_relaxed);
}

static void watch_forks(void) {
  atomic_store(&known()->kept, pthread_atfork(NULL, NULL, on_fork) == 0);
}

int lc_pid(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  struct known *process = known();
  int pid = atomic_load_explicit(&process->pid, memory_order_relaxed);
  if (pid != 0)
    return pid;
  pthread_once(&once, watch_forks);
  pid = (int)getpid();
  if (atomic_load(&process->kept))
    atomic_store_explicit(&process->pid, pid, memory_order_relaxed);
  return pid;
}
