/* SPDX-License-Identifier: MIT */
/* The shared file: what is refused, what is created, what a reboot does to it. */
#define _GNU_SOURCE 1 /* unshare, setgroups */
#include "test_shm.h"

#include "shm_file.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

static void test_options(void) {
  static const unsigned modes[] = {0, 0400, 0640, 0644, 0666, 0606, 0700, 01600, 0662};
  struct lc_shm_options options = options_of(5, SEC);
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    options.mode = modes[i];
    CHECK(refused(options) == LC_EINVAL);
  }
  CHECK(refused((struct lc_shm_options){NULL, 0600, 5, SEC, 0}) == LC_EINVAL);
  CHECK(refused((struct lc_shm_options){"", 0600, 5, SEC, 0}) == LC_EINVAL);
  CHECK(refused((struct lc_shm_options){path, 0600, 0, SEC, 0}) == LC_EINVAL);
  CHECK(refused((struct lc_shm_options){path, 0600, 5, 0, 0}) == LC_EINVAL);
  CHECK(refused((struct lc_shm_options){path, 0600, 5, SEC, -1}) == LC_EINVAL);
  CHECK(entries() == 0);
  CHECK(refused((struct lc_shm_options){"/nowhere/x", 0600, 5, SEC, 0}) == LC_ESYS);
  CHECK(errno == ENOENT && strcmp(text, "/nowhere/x: cannot create it: No such file or "
                                        "directory") == 0);
  CHECK(refused((struct lc_shm_options){"/now\nhere\x7f/x", 0600, 5, SEC, 0}) == LC_ESYS);
  CHECK(strncmp(text, "/now?here?/x:", 13) == 0);
  for (size_t size = 0; size < 20; size++) { /* a text without room */
    memset(text, '#', sizeof text);
    struct lc_shm *shm;
    options.mode = 0;
    CHECK(lc_shm_open(&shm, &options, text, size) == LC_EINVAL);
    CHECK(text[size] == '#' && (size == 0 || strlen(text) == size - 1));
  }
}

static void test_one(void) {
  umask(077);
  struct lc_shm_options options = {path, 0660, 3, 100 * SEC, 5 * SEC};
  struct lc_shm *shm, *other;
  struct stat st;
  CHECK(lc_shm_open(&shm, &options, text, sizeof text) == LC_OK && text[0] == 0);
  CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0660 && st.st_nlink == 1);
  CHECK(entries() == 1);
  reserve_n(shm, 2);
  CHECK(lc_shm_open(&other, &options, text, sizeof text) == LC_OK);
  CHECK(used(other) == 2);
  reserve_n(other, 1);
  int64_t at_us = 0, now_us = 0, next_us = 0;
  uint64_t ticket = 0;
  CHECK(lc_shm_reserve(shm, 104 * SEC, &ticket, &at_us, &now_us) == LC_ETIMEOUT && ticket == 0);
  CHECK(at_us - now_us > 104 * SEC && at_us - now_us <= 105 * SEC);
  CHECK(lc_shm_reserve(shm, INT64_MAX, &ticket, &next_us, &now_us) == LC_OK && next_us == at_us);
  CHECK(now_us <= lc_clock_us() && now_us > lc_clock_us() - 10 * SEC);
  CHECK(ticket == 1 && lc_shm_leave(other, ticket) == LC_OK && used(other) == 3);
  CHECK(lc_shm_pause(other, 1000 * SEC) == LC_OK && lc_shm_pause(other, INT64_MAX) == LC_OK);
  ticket = 0;
  CHECK(lc_shm_reserve(shm, 100000 * (int64_t)SEC, &ticket, &at_us, &now_us) == LC_ETIMEOUT);
  lc_shm_close(shm);
  lc_shm_close(other);
  lc_shm_close(NULL);
  unlink(path);
  options.mode = 0600;
  umask(0);
  CHECK(lc_shm_open(&shm, &options, text, sizeof text) == LC_OK);
  CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
  lc_shm_close(shm);
  unlink(path);
}

static void test_mismatch(void) {
  lc_shm_close(open_shm(100, 60 * SEC));
  char expected[512];
  CHECK(refused((struct lc_shm_options){path, 0600, 50, 2500000, 50000}) == LC_EMISMATCH);
  snprintf(expected, sizeof expected,
           "%s: allows 100 calls per 60 s (guard 0 s), this one asks for 50 per 2.5 s "
           "(guard 0.05 s)",
           path);
  CHECK_WITH(text, strcmp(text, expected) == 0);
  CHECK(refused(options_of(101, 60 * SEC)) == LC_EMISMATCH);
  CHECK(strstr(text, "asks for 101 per") != NULL);
  CHECK(refused(options_of(100, 60 * SEC + 1)) == LC_EMISMATCH);
  CHECK(strstr(text, " 60.000001 s") != NULL);
  CHECK(refused((struct lc_shm_options){path, 0600, 100, 60 * SEC, 1}) == LC_EMISMATCH);
  CHECK(refused(options_of(100, 60 * SEC)) == LC_OK);
  unlink(path);
}

static void test_strange_files(void) {
  static const char junk[5000] = "{}";
  struct lc_shm_options options = options_of(5, SEC);
  char elsewhere[400];
  snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", folder);
  CHECK(symlink(elsewhere, path) == 0);
  CHECK(refused(options) == LC_ESYS && errno == ELOOP && strstr(text, "symbolic link") != NULL);
  write_file(elsewhere, junk, 1, 0);
  CHECK(refused(options) == LC_ESYS && errno == ELOOP);
  CHECK(unlink(path) == 0 && unlink(elsewhere) == 0);
  CHECK(mkdir(path, 0700) == 0 && refused(options) == LC_ESYS && rmdir(path) == 0);
  CHECK(mkfifo(path, 0600) == 0 && refused(options) == LC_EMISMATCH && unlink(path) == 0);
  write_file(path, junk, 0, 0);
  CHECK(refused(options) == LC_EMISMATCH);
  write_file(path, junk, sizeof junk, 0);
  CHECK(refused(options) == LC_EMISMATCH && strstr(text, "not a throttle") != NULL);
  struct stat st;
  CHECK(stat(path, &st) == 0 && st.st_size == sizeof junk); /* left alone */
  unlink(path);
}

/* A good file, changed at one place. */
static void test_damage(void) {
  static const struct {
    off_t at; /* in bytes, see struct file in shm.c; -1: size below */
    off_t size;
    const char *tells;
  } rows[] = {
      {0, 0, "not a throttle"},   {64, 0, "another version"},  {-1, 0, "not a throttle"},
      {-1, 63, "not a throttle"}, {-1, 64, "another version"}, {-1, 100, "cut off"},
      {-1, 180, "cut off"},       {-1, 16400, "cut off"},      {-1, 16700, "damaged"},
      {-1, 20000, "damaged"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    lc_shm_close(open_shm(5, SEC));
    if (rows[i].at >= 0)
      write_file(path, "\xa5", 1, rows[i].at);
    else
      CHECK(truncate(path, rows[i].size) == 0);
    CHECK(refused(options_of(5, SEC)) == LC_EMISMATCH);
    CHECK_WITH(text, strstr(text, rows[i].tells) != NULL && strstr(text, path) == text);
    unlink(path);
  }
  struct stat st;
  lc_shm_close(open_shm(5, SEC));
  CHECK(stat(path, &st) == 0);
  int64_t head = 6; /* of a ring whose indices are 0 to 5 */
  write_file(path, &head, sizeof head,
             (off_t)(sizeof(struct lc_shm_head) + offsetof(struct lc_throttle, head)));
  CHECK(refused(options_of(5, SEC)) == LC_EMISMATCH && strstr(text, "damaged") != NULL);
  unlink(path);
}

static void test_permissions(void) {
  struct lc_shm_options options = options_of(5, SEC);
  lc_shm_close(open_shm(5, SEC));
  static const mode_t wider[] = {0660, 0604, 0602, 0620, 0700, 04600};
  for (size_t i = 0; i < sizeof wider / sizeof wider[0]; i++) {
    CHECK(chmod(path, wider[i]) == 0);
    CHECK(refused(options) == LC_EMISMATCH && strstr(text, "wider than 0600") != NULL);
  }
  CHECK(chmod(path, 0600) == 0);
  options.mode = 0660;
  CHECK(refused(options) == LC_OK); /* narrower than asked */
  if (geteuid() == 0) {
    CHECK(chown(path, 65534, getegid()) == 0);
    CHECK(refused(options) == LC_OK); /* another user, our group, and we said that we share it */
    options.mode = 0600;
    CHECK(refused(options) == LC_EMISMATCH && strstr(text, "belongs to user 65534") != NULL);
    options.mode = 0660;
    CHECK(chown(path, 65534, 65534) == 0 && refused(options) == LC_EMISMATCH);
    static const gid_t others[] = {4711, 65534};
    CHECK(setgroups(2, others) == 0 && refused(options) == LC_OK && setgroups(0, NULL) == 0);
  } else {
    printf("note: not root, no other user's files tried\n");
  }
  unlink(path);
}

static void test_no_memory(void) {
  for (int exists = 0; exists <= 1; exists++) {
    struct lc_shm *shm = NULL;
    struct lc_shm_options options = options_of(5, SEC);
    enum lc_err err;
    long n = 1;
    for (;; n++) {
      test_fail_alloc(n);
      err = lc_shm_open(&shm, &options, text, sizeof text);
      if (!test_alloc_failed())
        break;
      CHECK(err == LC_ENOMEM && shm == NULL && strstr(text, path) == text);
      CHECK(entries() == (size_t)exists);
    }
    CHECK(err == LC_OK && n > 1);
    lc_shm_close(shm);
  }
  unlink(path);
}

/* What a quota does. */
static void no_space(int existing) {
  struct rlimit limit = {100, 100};
  signal(SIGXFSZ, SIG_IGN);
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHECK(refused(options_of(500, SEC)) == LC_ESYS && errno == EFBIG);
  CHECK(entries() == (size_t)existing);
}

static void test_no_space(void) {
  CHECK(ended_well(start(no_space, 0)));
  lc_shm_close(open_shm(5, SEC));
  pretend_reboot();
  CHECK(ended_well(start(no_space, 1)));
  struct lc_shm *shm = open_shm(5, SEC); /* what was left half-done is done again */
  CHECK(shm != NULL && used(shm) == 0);
  lc_shm_close(shm);
  unlink(path);
}

/* A small disk, where a store into a hole of a mapped file would be a SIGBUS. */
static void full_disk(int argument) {
  (void)argument;
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("none", folder, "tmpfs", 0, "size=24k") != 0) {
    printf("note: no mounts here, no full disk tried\n");
    return;
  }
  CHECK(refused(options_of(5000, SEC)) == LC_ESYS && errno == ENOSPC);
  CHECK(strstr(text, "cannot write it") != NULL && entries() == 0);
  CHECK(refused(options_of(50, SEC)) == LC_OK);
}

static void test_reboot(void) {
  static const char locked[] = "\xff\xff\xff\xff\xff\xff\xff\xff";
  struct lc_shm *shm = open_shm(5, 1000 * SEC);
  reserve_n(shm, 5);
  lc_shm_close(shm);
  pretend_reboot();
  write_file(path, locked, 8,
             offsetof(struct lc_shm_head, mutex)); /* the mutex, whose owner is no more */
  shm = open_shm(5, 1000 * SEC);
  CHECK(shm != NULL && used(shm) == 0);
  reserve_n(shm, 5);
  lc_shm_close(shm);
  shm = open_shm(5, 1000 * SEC);
  CHECK(shm != NULL && used(shm) == 5);
  lc_shm_close(shm);
  pretend_reboot(); /* no process uses it: what it allowed is no matter any more */
  static const uint32_t calls[] = {5000, 2};
  for (int i = 0; i < 2; i++) {
    shm = open_shm(calls[i], SEC);
    CHECK(shm != NULL && used(shm) == 0);
    lc_shm_close(shm);
    CHECK(refused(options_of(calls[i], SEC)) == LC_OK);
    pretend_reboot();
  }
  unlink(path);
}

/* ---- in use -------------------------------------------------------------------------------- */

static void test_cut_in_use(void) {
  int64_t at_us;
  for (off_t size = 0; size <= 64; size += 64) {
    struct lc_shm *shm = open_shm(5, SEC);
    reserve_n(shm, 1);
    CHECK(truncate(path, size) == 0);
    nap(2000);
    CHECK(reserve(shm, &at_us) == LC_EMISMATCH && lc_shm_pause(shm, SEC) == LC_EMISMATCH);
    CHECK(lc_shm_arrived(shm, at_us, SEC) == LC_EMISMATCH);
    lc_shm_close(shm);
    CHECK(refused(options_of(5, SEC)) == LC_EMISMATCH && unlink(path) == 0);
  }
}

static void test_removed_in_use(void) {
  int64_t at_us;
  struct lc_shm *shm = open_shm(1, 1000 * SEC), *other;
  reserve_n(shm, 1);
  CHECK(unlink(path) == 0);
  other = open_shm(1, 1000 * SEC); /* another throttle */
  nap(2000);
  CHECK(reserve(shm, &at_us) == LC_EMISMATCH);
  reserve_n(other, 1);
  lc_shm_close(shm);
  lc_shm_close(other);
  unlink(path);
}

static struct lc_shm *inherited; /* NULL: closed by all */

/* In a PID namespace of its own, with the same number as process 1. */
static void elsewhere(int argument) {
  int64_t wait_us;
  (void)argument;
  if (unshare(CLONE_NEWPID) != 0) {
    printf("note: no PID namespaces here, none tried\n");
    return;
  }
  pid_t pid = fork();
  if (pid != 0) {
    CHECK(ended_well(pid));
    return;
  }
  test_failed = 0;
  if (inherited != NULL) {
    CHECK(wait_of(inherited, &wait_us) == LC_EMISMATCH);
    CHECK(refused(options_of(2, 1000 * SEC)) == LC_EMISMATCH);
    CHECK_WITH(text, strstr(text, "in use in another PID or time namespace") != NULL);
  } else {
    struct lc_shm *shm = open_shm(2, 1000 * SEC); /* with what it remembers */
    CHECK(shm != NULL && used(shm) == 1);
    reserve_n(shm, 1);
    lc_shm_close(shm);
  }
  fflush(stdout);
  _exit(test_failed > 0);
}

static void at_home(int argument) {
  (void)argument;
  CHECK(used(inherited) == 1);
}

static void test_namespaces(void) {
  inherited = open_shm(2, 1000 * SEC);
  reserve_n(inherited, 1);
  CHECK(ended_well(start(at_home, 0)));
  CHECK(ended_well(start(elsewhere, 0)));
  lc_shm_close(inherited);
  inherited = NULL;
  CHECK(ended_well(start(elsewhere, 0)));
  struct lc_shm *shm = open_shm(2, 1000 * SEC); /* and back */
  CHECK(shm != NULL && used(shm) >= 1);
  lc_shm_close(shm);
  unlink(path);
}

int main(void) {
  int descriptors = begin();
  if (descriptors < 0)
    return 1;
  test_options();
  test_one();
  test_mismatch();
  test_strange_files();
  test_damage();
  test_permissions();
  test_no_memory();
  test_no_space();
  CHECK(ended_well(start(full_disk, 0)));
  test_reboot();
  test_cut_in_use();
  test_removed_in_use();
  test_namespaces();
  return end(descriptors);
}
