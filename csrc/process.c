/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* ---- marks ---------------------------------------------------------------------------------- */

#define THREADS_AT 17 /* places of num_threads and starttime behind the state: see proc(5) */
#define START_AT 19

struct stat_line {
  char state;
  long threads;
  uint32_t start; /* the lower half of it */
};

/* Its second field is the program's name in parentheses, which may hold anything. */
static bool parse(const char *line, struct stat_line *said) {
  const char *at = strrchr(line, ')');
  if (at == NULL || at[1] != ' ' || at[2] == 0)
    return false;
  said->state = at[2];
  at += 3;
  for (int i = 1; i <= START_AT && at != NULL; i++) {
    at = strchr(at, ' ');
    at = at != NULL ? at + 1 : NULL;
    if (at != NULL && i == THREADS_AT)
      said->threads = strtol(at, NULL, 10);
  }
  if (at == NULL)
    return false;
  said->start = (uint32_t)strtoull(at, NULL, 10);
  return true;
}

static bool read_stat(int pid, struct stat_line *said) {
  char path[32], line[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, line, sizeof line - 1) : -1;
  if (fd >= 0)
    close(fd);
  if (n <= 0)
    return false;
  line[n] = 0;
  return parse(line, said);
}

uint64_t lc_process_mark(void) {
  struct stat_line said;
  int pid = lc_pid();
  return (uint64_t)pid << 32 | (read_stat(pid, &said) ? said.start : 0);
}

bool lc_process_lives(uint64_t mark) {
  struct stat_line said;
  int pid = (int)(mark >> 32);
  bool gone = kill(pid, 0) != 0 && errno == ESRCH;
  if (gone || !read_stat(pid, &said)) /* it may be hidden from us */
    return !gone;
  if ((said.state == 'Z' || said.state == 'X') && said.threads <= 1)
    return false;
  return (uint32_t)mark == 0 || said.start == (uint32_t)mark;
}
