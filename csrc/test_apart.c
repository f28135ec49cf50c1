/* SPDX-License-Identifier: MIT */
#include "apart.h"
#include "stamp.h"
#include "test.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_result(void) {
  int fd;
  bool is_apart = false;
  struct lc_buf result;
  lc_buf_init(&result, 1 << 20);
  pid_t self = getpid();
  CHECK(lc_apart_begin(&fd, &is_apart) == LC_OK);
  if (is_apart) {
    char text[200000];
    memset(text, getpid() != self && getsid(0) != getsid(self) ? 'x' : '-', sizeof text);
    usleep(100000);
    lc_apart_end(fd, text, sizeof text);
  }
  CHECK(lc_apart_wait(fd, 0, &result) == LC_ETIMEOUT && result.len == 0);
  CHECK(lc_apart_wait(fd, 20000, &result) == LC_OK);
  CHECK(result.len == 200000 && memchr(result.data, '-', result.len) == NULL);
  CHECK(waitpid(-1, NULL, WNOHANG) < 0); /* none of ours is left */
  close(fd);
  lc_buf_free(&result);
}

/* The caller is killed; the work is done all the same. */
static void test_killed(void) {
  int ends[2];
  char byte = 0;
  CHECK(pipe(ends) == 0);
  pid_t caller = fork();
  if (caller == 0) {
    int fd;
    bool is_apart = false;
    if (lc_apart_begin(&fd, &is_apart) != LC_OK)
      _exit(1);
    if (!is_apart)
      kill(getpid(), SIGKILL);
    usleep(100000);
    _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
  }
  close(ends[1]);
  CHECK(waitpid(caller, NULL, 0) == caller);
  CHECK(read(ends[0], &byte, 1) == 1 && byte == 'x');
  close(ends[0]);
}

static void *sleep_on(void *arg) {
  (void)arg;
  usleep(200000);
  return NULL;
}

static void test_threads(void) {
  int fd;
  bool is_apart = false;
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, sleep_on, NULL) == 0);
  CHECK(lc_apart_begin(&fd, &is_apart) == LC_EINVAL && !is_apart);
  pthread_join(thread, NULL);
}

int main(void) {
  test_result();
  test_killed();
  test_threads();
  return test_end();
}
