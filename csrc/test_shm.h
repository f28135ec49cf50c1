/* SPDX-License-Identifier: MIT */
/* What the tests of shm.c share: a folder of their own, and processes that end. */
#ifndef LC_TEST_SHM_H
#define LC_TEST_SHM_H

#include "shm.h"
#include "stamp.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SEC 1000000

static char folder[256], path[300], text[512];

static inline struct lc_shm_options options_of(uint32_t calls, int64_t period_us) {
  return (struct lc_shm_options){path, 0600, calls, period_us, 0};
}

static inline struct lc_shm *open_shm(uint32_t calls, int64_t period_us) {
  struct lc_shm_options options = options_of(calls, period_us);
  struct lc_shm *shm = NULL;
  if (lc_shm_open(&shm, &options, text, sizeof text) != LC_OK)
    printf("%s\n", text);
  return shm;
}

/* The error of opening, and nothing is opened. */
static inline enum lc_err refused(struct lc_shm_options options) {
  struct lc_shm *shm = (struct lc_shm *)(void *)folder;
  enum lc_err err = lc_shm_open(&shm, &options, text, sizeof text);
  CHECK_WITH(text, (shm == NULL) == (err != LC_OK) && (text[0] != 0) == (err != LC_OK));
  lc_shm_close(err == LC_OK ? shm : NULL);
  return err;
}

static inline uint32_t used(struct lc_shm *shm) {
  struct lc_throttle_state state = {.used = UINT32_MAX};
  return lc_shm_state(shm, &state) == LC_OK ? state.used : UINT32_MAX;
}

/* One call that goes now. */
static inline enum lc_err reserve(struct lc_shm *shm, int64_t *at_us) {
  int64_t now_us = 0;
  uint64_t ticket = 0;
  enum lc_err err = lc_shm_reserve(shm, 0, &ticket, at_us, &now_us);
  CHECK(err != LC_OK || *at_us == now_us);
  return err;
}

/* What a newcomer would wait, or the error. */
static inline enum lc_err wait_of(struct lc_shm *shm, int64_t *wait_us) {
  struct lc_throttle_state state = {0};
  enum lc_err err = lc_shm_state(shm, &state);
  *wait_us = state.wait_us;
  return err;
}

static inline void reserve_n(struct lc_shm *shm, uint32_t n) {
  int64_t at_us;
  for (; n > 0; n--)
    CHECK(reserve(shm, &at_us) == LC_OK);
}

static inline void nap(int64_t us) {
  struct timespec time = {(time_t)(us / SEC), (long)(us % SEC) * 1000};
  nanosleep(&time, NULL);
}

static inline size_t entries(void) {
  size_t n = 0;
  DIR *dir = opendir(folder);
  while (dir != NULL && readdir(dir) != NULL)
    n++;
  if (dir != NULL)
    closedir(dir);
  return n - 2; /* . and .. */
}

static inline void write_file(const char *name, const void *data, size_t len, off_t at) {
  int fd = open(name, O_WRONLY | O_CREAT, 0600);
  CHECK(fd >= 0 && pwrite(fd, data, len, at) == (ssize_t)len);
  close(fd);
}

/* Where csrc/shm.c keeps the boot's id, for good. */
static inline void pretend_reboot(void) {
  write_file(path, "00000000-1111-2222-3333-444444444444", 36, 16);
}

/* The child does this and ends, with its count of failures. */
static inline pid_t start(void (*work)(int), int argument) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    test_failed = 0;
    work(argument);
    fflush(stdout);
    _exit(test_failed > 0);
  }
  return pid;
}

static inline bool ended_well(pid_t pid) {
  int status;
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A folder for the file, and the number of descriptors that are open. -1: no folder. */
static inline int begin(void) {
  const char *parent = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/livechat-shm-XXXXXX", parent != NULL ? parent : "/tmp");
  if (mkdtemp(folder) == NULL)
    return -1;
  snprintf(path, sizeof path, "%s/throttle", folder);
  alarm(120); /* a lock that is never given back must not stop the tests */
  int descriptors = dup(0);
  close(descriptors);
  return descriptors;
}

static inline size_t mapped(void) {
  size_t n = 0;
  char line[512];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    n += strstr(line, folder) != NULL;
  if (maps != NULL)
    fclose(maps);
  return n;
}

static inline int end(int descriptors) {
  CHECK(mapped() == 0);
  CHECK(dup(0) == descriptors); /* none was left open */
  CHECK(rmdir(folder) == 0);    /* nothing was left behind */
  return test_end();
}

#endif
