/* SPDX-License-Identifier: MIT */
#include "child.h"
#include "stamp.h"
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct lc_child *start(const char *script) {
  char text[400], name[] = "sh", option[] = "-c", path[] = "/bin/sh";
  snprintf(text, sizeof text, "%s", script);
  char *const argv[] = {path, option, text, name, NULL};
  struct lc_child *child;
  CHECK(lc_child_start(&child, argv) == LC_OK);
  return child;
}

static void test_status(void) {
  static const struct {
    const char *script;
    int status;
  } rows[] = {{"exit 0", 0}, {"exit 3", 3}, {"kill -KILL $$", 128 + SIGKILL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct lc_child *child = start(rows[i].script);
    int status = -1, signal = 0;
    CHECK(lc_child_wait(child, 10000, &status, &signal) == LC_OK);
    CHECK_WITH(rows[i].script, status == rows[i].status && signal == 0);
    CHECK(lc_child_wait(child, 0, &status, &signal) == LC_OK); /* still known */
    CHECK_WITH(rows[i].script, status == rows[i].status);
    lc_child_free(child);
  }
  lc_child_free(NULL);
}

static void test_no_program(void) {
  char path[] = "/nowhere/program";
  char *const argv[] = {path, NULL};
  struct lc_child *child;
  int status = 0, signal = 0;
  CHECK(lc_child_start(&child, argv) == LC_OK);
  CHECK(lc_child_wait(child, 10000, &status, &signal) == LC_OK && status == 127);
  lc_child_free(child);
  test_fail_alloc(1);
  CHECK(lc_child_start(&child, argv) == LC_ENOMEM && child == NULL);
  CHECK(test_alloc_failed());
}

static bool blocked(int signal) {
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  return sigismember(&mask, signal) == 1;
}

/* This process lives on, the child gets the signal, and afterwards all is as before. */
static void test_signals(void) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct lc_child *child = start("trap 'exit 10' INT TERM HUP QUIT; echo >&3; "
                                   "while :; do sleep 0.02; done");
    int status = 0, signal = 0;
    char byte;
    CHECK(read(4, &byte, 1) == 1); /* the trap is set */
    CHECK(blocked(signals[i]));
    CHECK(lc_child_wait(child, 30, &status, &signal) == LC_ETIMEOUT && signal == 0);
    kill(getpid(), signals[i]);
    CHECK(lc_child_wait(child, 10000, &status, &signal) == LC_OK);
    CHECK(status == 10 && signal == signals[i]);
    CHECK(!blocked(signals[i]));
    lc_child_free(child);
  }
}

static void test_child_has_no_mask(void) {
  struct lc_child *child = start("kill -TERM $$; exit 1");
  int status = 0, signal = 0;
  CHECK(lc_child_wait(child, 10000, &status, &signal) == LC_OK && status == 128 + SIGTERM);
  lc_child_free(child);
}

static void test_free_ends_it(void) {
  struct lc_child *child = start("exec sleep 100");
  int64_t began_us = lc_clock_us();
  lc_child_free(child);
  CHECK(lc_clock_us() - began_us < 4000000);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  CHECK(!blocked(SIGTERM));
}

/* Who is killed outright cannot pass anything on: the kernel tells the child. */
static void test_dead_parent(void) {
#ifdef __linux__
  pid_t parent = fork();
  if (parent == 0) {
    start("trap 'echo >&3; exit' TERM; echo >&3; while :; do sleep 0.02; done");
    pause();
    _exit(0);
  }
  char byte;
  CHECK(read(4, &byte, 1) == 1);
  kill(parent, SIGKILL);
  CHECK(waitpid(parent, NULL, 0) == parent);
  CHECK(read(4, &byte, 1) == 1);
#endif
}

int main(void) {
  int ends[2];
  if (!CHECK(pipe(ends) == 0) || !CHECK(dup2(ends[1], 13) == 13 && dup2(ends[0], 14) == 14))
    return test_end();
  close(ends[0]);
  close(ends[1]);
  if (!CHECK(dup2(13, 3) == 3 && dup2(14, 4) == 4)) /* what the scripts write, what we read */
    return test_end();
  test_status();
  test_no_program();
  test_signals();
  test_child_has_no_mask();
  test_free_ends_it();
  test_dead_parent();
  return test_end();
}
