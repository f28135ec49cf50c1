/* SPDX-License-Identifier: MIT */
#include "apart.h"
#include "stamp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where that cannot be told, false. */
static bool has_one_thread(void) {
  DIR *tasks = opendir("/proc/self/task");
  int n = 0;
  const struct dirent *task;
  while (tasks != NULL && (task = readdir(tasks)) != NULL)
    n += task->d_name[0] != '.';
  if (tasks != NULL)
    closedir(tasks);
  return n == 1;
}

static void leave_the_terminal(void) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; null >= 0 && fd <= 2; fd++)
    dup2(null, fd);
  if (null > 2)
    close(null);
  signal(SIGPIPE, SIG_IGN);
}

enum lc_err lc_apart_begin(int *fd, bool *is_apart) {
  int ends[2];
  if (!has_one_thread())
    return LC_EINVAL;
  if (pipe(ends) != 0)
    return LC_ESYS;
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  pid_t pid = fork();
  if (pid == 0) { /* forks again and ends: no process has to wait for the one that works */
    setsid();
    pid = fork();
    if (pid != 0)
      _exit(pid < 0 ? 1 : 0);
    close(ends[0]);
    leave_the_terminal();
    *fd = ends[1];
    *is_apart = true;
    return LC_OK;
  }
  int why = errno, status = 0;
  close(ends[1]);
  if (pid > 0) {
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
      ;
    *fd = ends[0];
    *is_apart = false;
    return LC_OK; /* where the second fork failed, there is no result */
  }
  close(ends[0]);
  errno = why;
  return LC_ESYS;
}

void lc_apart_end(int fd, const void *result, size_t len) {
  const char *from = result;
  while (len > 0) {
    ssize_t n = write(fd, from, len);
    if (n < 0 && errno != EINTR)
      break;
    if (n > 0) {
      from += n;
      len -= (size_t)n;
    }
  }
  _exit(0);
}

enum lc_err lc_apart_wait(int fd, int wait_ms, struct lc_buf *result) {
  int64_t due_us = lc_clock_us() + (int64_t)wait_ms * 1000;
  char part[4096];
  for (;;) {
    int64_t rest_us = due_us - lc_clock_us();
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    int ready = poll(&readable, 1, rest_us > 0 ? (int)(rest_us / 1000) + 1 : 0);
    if (ready == 0 || (ready < 0 && errno == EINTR))
      return LC_ETIMEOUT;
    ssize_t n = ready < 0 ? -1 : read(fd, part, sizeof part);
    if (n < 0 && errno != EINTR)
      return LC_ESYS;
    if (n == 0)
      return LC_OK;
    if (n > 0 && lc_buf_add(result, part, (size_t)n) != LC_OK)
      return LC_ENOMEM;
  }
}
