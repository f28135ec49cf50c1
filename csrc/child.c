/* SPDX-License-Identifier: MIT */
/* A program that is started, watched and ended by this one, with something to be put in order when
 * either is told to end: while it runs, the signals that would end this process are held back and
 * passed on to it. */
#include "child.h"
#include "stamp.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { STEP_MS = 20, GRACE_MS = 5000 };

struct lc_child {
  pid_t pid; /* 0: it has ended */
  int status;
  sigset_t before; /* what was blocked before it was started */
};

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void held_back(sigset_t *set) {
  sigemptyset(set);
  for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
    sigaddset(set, passed_on[i]);
}

static void become(char *const argv[], const sigset_t *mask, pid_t parent) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGTERM); /* also where this process is killed outright */
  if (getppid() != parent)
    _exit(127);
#else
  (void)parent;
#endif
  sigprocmask(SIG_SETMASK, mask, NULL);
  execv(argv[0], argv);
  _exit(127);
}

enum lc_err lc_child_start(struct lc_child **made, char *const argv[]) {
  struct lc_child *child = calloc(1, sizeof *child);
  *made = NULL;
  if (child == NULL)
    return LC_ENOMEM;
  sigset_t set;
  held_back(&set);
  pid_t parent = getpid();
  if (sigprocmask(SIG_BLOCK, &set, &child->before) != 0)
    goto failed;
  child->pid = fork();
  if (child->pid == 0)
    become(argv, &child->before, parent);
  if (child->pid < 0) {
    int why = errno;
    sigprocmask(SIG_SETMASK, &child->before, NULL);
    errno = why;
    goto failed;
  }
  *made = child;
  return LC_OK;
failed:
  free(child);
  return LC_ESYS;
}

/* Takes the signals that have come. Polled, because what waits for a signal with a time-out is not
 * everywhere. */
static int pending_signal(void) {
  sigset_t set;
  if (sigpending(&set) != 0)
    return 0;
  for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
    if (sigismember(&set, passed_on[i]) == 1) {
      sigset_t one;
      int taken = 0;
      sigemptyset(&one);
      sigaddset(&one, passed_on[i]);
      if (sigwait(&one, &taken) == 0)
        return taken;
    }
  }
  return 0;
}

static bool has_ended(struct lc_child *child) {
  if (child->pid == 0)
    return true;
  int status = 0;
  pid_t got = waitpid(child->pid, &status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR))
    return false;
  child->pid = 0;
  child->status = got < 0 ? 127 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  while (pending_signal() != 0) { /* ^C twice: what it asks for has come */
  }
  sigprocmask(SIG_SETMASK, &child->before, NULL);
  return true;
}

static void sleep_ms(int64_t ms) {
  struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  nanosleep(&time, NULL);
}

enum lc_err lc_child_wait(struct lc_child *child, int64_t wait_ms, int *status, int *signal) {
  int64_t due_us = lc_clock_us() + wait_ms * 1000;
  while (!has_ended(child)) {
    int came = pending_signal();
    if (came != 0) {
      *signal = came;
      kill(child->pid, came);
    }
    int64_t left_ms = (due_us - lc_clock_us()) / 1000;
    if (left_ms <= 0)
      return LC_ETIMEOUT;
    sleep_ms(left_ms < STEP_MS ? left_ms : STEP_MS);
  }
  *status = child->status;
  return LC_OK;
}

void lc_child_free(struct lc_child *child) {
  if (child == NULL)
    return;
  int64_t due_us = lc_clock_us() + GRACE_MS * 1000;
  if (!has_ended(child))
    kill(child->pid, SIGTERM);
  while (!has_ended(child)) {
    if (lc_clock_us() > due_us)
      kill(child->pid, SIGKILL);
    sleep_ms(STEP_MS);
  }
  free(child);
}
