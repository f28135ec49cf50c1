/* SPDX-License-Identifier: MIT */
#include "folder.h"
#include "spool.h"
#include "stamp.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[64], drafts[80], box[80];

static const char *path_of(const char *name) {
  static char path[200];
  snprintf(path, sizeof path, "%s/%s", box, name);
  return path;
}

static bool holds(const char *name, const char *expected) {
  char text[200] = "";
  int fd = open(path_of(name), O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  close(fd);
  return n == (ssize_t)strlen(expected) && strcmp(text, expected) == 0;
}

static int count(const char *path) {
  void *folder;
  struct lc_entry entry;
  int n = 0;
  if (lc_folder_open(path, &folder) != LC_OK)
    return -1;
  while (lc_folder_next(folder, &entry) == LC_OK && entry.name)
    n++;
  lc_folder_close(folder);
  return n;
}

static enum lc_err store(const char *name, const char *text) {
  return lc_file_store(drafts, box, name, text, strlen(text), 0640);
}

static bool failed(enum lc_err err, int why) {
  return err == LC_ESYS && errno == why;
}

static void test_folders(void) {
  struct stat about;
  mode_t umask_before = umask(077);
  CHECK(lc_folder_make(drafts, 0700) == LC_OK && lc_folder_make(box, 02770) == LC_OK);
  umask(umask_before);
  CHECK(stat(drafts, &about) == 0 && (about.st_mode & 07777) == 0700);
  CHECK(stat(box, &about) == 0 && (about.st_mode & 07777) == 02770);
  CHECK(lc_folder_make(box, 0700) == LC_OK);
  CHECK(stat(box, &about) == 0 && (about.st_mode & 07777) == 02770); /* it was there */
  CHECK(failed(lc_folder_make("/dev/null", 0700), ENOTDIR));
  CHECK(failed(lc_folder_make(path_of("no/where"), 0700), ENOENT));
  void *folder;
  CHECK(failed(lc_folder_open(path_of("no"), &folder), ENOENT) && folder == NULL);
  lc_folder_close(folder);
}

static void test_about(void) {
  struct lc_about about;
  CHECK(lc_file_about(box, false, &about) == LC_OK && about.kind == LC_KIND_FOLDER);
  CHECK(about.mode == 02770 && about.owner == (unsigned long)geteuid());
  CHECK(close(open(path_of(".hidden"), O_CREAT | O_WRONLY, 0640)) == 0);
  CHECK(chmod(path_of(".hidden"), 0604) == 0 && symlink(".hidden", path_of("link")) == 0);
  CHECK(lc_file_about(path_of(".hidden"), false, &about) == LC_OK);
  CHECK(about.kind == LC_KIND_FILE && about.mode == 0604);
  CHECK(lc_file_about(path_of("link"), false, &about) == LC_OK && about.kind == LC_KIND_LINK);
  CHECK(lc_file_about(path_of("link"), true, &about) == LC_OK && about.kind == LC_KIND_FILE);
  CHECK(lc_file_about("/dev/null", false, &about) == LC_OK && about.kind == LC_KIND_OTHER);
  CHECK(failed(lc_file_about(path_of("no"), false, &about), ENOENT));

  void *folder;
  const char *name;
  int n = 0;
  CHECK(lc_folder_open(box, &folder) == LC_OK);
  while (lc_folder_name(folder, &name) == LC_OK && name) {
    CHECK_WITH(name, strcmp(name, ".hidden") == 0 || strcmp(name, "link") == 0);
    n++;
  }
  CHECK(n == 2);
  lc_folder_close(folder);
  CHECK(unlink(path_of("link")) == 0 && unlink(path_of(".hidden")) == 0);
}

static void test_store(void) {
  struct stat about;
  int64_t before = lc_wall_us();
  mode_t umask_before = umask(077);
  CHECK(store("one", "first") == LC_OK);
  umask(umask_before);
  CHECK(holds("one", "first") && count(drafts) == 0 && count(box) == 1);
  CHECK(stat(path_of("one"), &about) == 0 && (about.st_mode & 07777) == 0640 &&
        about.st_nlink == 1);
  CHECK(failed(store("one", "second"), EEXIST));
  CHECK(holds("one", "first") && count(drafts) == 0 && count(box) == 1);
  CHECK(lc_file_store(drafts, box, "empty", NULL, 0, 0600) == LC_OK && holds("empty", ""));
  CHECK(store("two", "2") == LC_OK);

  void *folder;
  struct lc_entry entry;
  int64_t one = 0, two = 0;
  CHECK(symlink("one", path_of("link")) == 0 && mkdir(path_of("sub"), 0700) == 0);
  CHECK(close(open(path_of(".hidden"), O_CREAT | O_WRONLY, 0600)) == 0);
  CHECK(lc_folder_open(box, &folder) == LC_OK);
  while (lc_folder_next(folder, &entry) == LC_OK && entry.name) {
    CHECK_WITH(entry.name, strcmp(entry.name, "one") == 0 || strcmp(entry.name, "two") == 0 ||
                               strcmp(entry.name, "empty") == 0);
    if (strcmp(entry.name, "one") == 0 && CHECK(entry.size == 5))
      one = entry.epoch_us;
    if (strcmp(entry.name, "two") == 0)
      two = entry.epoch_us;
  }
  lc_folder_close(folder);
  CHECK(before <= one && one < two && two <= lc_wall_us());
  CHECK(unlink(path_of("link")) == 0 && unlink(path_of(".hidden")) == 0);
  CHECK(rmdir(path_of("sub")) == 0);
}

static void test_store_fails(void) {
  char nowhere[200];
  snprintf(nowhere, sizeof nowhere, "%s/no", base);
  CHECK(failed(lc_file_store(nowhere, box, "x", "x", 1, 0600), ENOENT));
  CHECK(failed(lc_file_store(drafts, nowhere, "x", "x", 1, 0600), ENOENT));
  CHECK(failed(lc_file_store(drafts, "/dev/null", "x", "x", 1, 0600), ENOTDIR));
  char long_name[400];
  memset(long_name, 'x', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = 0;
  CHECK(failed(store(long_name, "x"), ENAMETOOLONG));
  char long_path[5000];
  memset(long_path, '/', sizeof long_path - 1);
  long_path[sizeof long_path - 1] = 0;
  CHECK(failed(lc_file_store(long_path, box, "x", "x", 1, 0600), ENAMETOOLONG));
  CHECK(count(drafts) == 0 && !lc_file_exists(path_of("x")));

  /* As a disk that fills up in the middle of a write. */
  struct rlimit before, limit;
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  limit = before;
  limit.rlim_cur = 10;
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHECK(failed(store("big", "more than ten bytes"), EFBIG));
  int fd = -1;
  CHECK(store("small", "12345678") == LC_OK && lc_file_lock(path_of("small"), &fd) == LC_OK);
  CHECK(failed(lc_file_append(fd, "9abc", 4), EFBIG));
  CHECK(holds("small", "12345678"));
  CHECK(lc_file_append(fd, "9", 1) == LC_OK && holds("small", "123456789"));
  close(fd);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(count(drafts) == 0 && !lc_file_exists(path_of("big")));
}

static void test_locks(void) {
  int fd, other;
  CHECK(failed(lc_file_lock(path_of("missing"), &fd), ENOENT) && fd == -1);
  CHECK(lc_file_lock(path_of("one"), &fd) == LC_OK && fd >= 0);
  CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
  CHECK(failed(lc_file_lock(path_of("one"), &other), EWOULDBLOCK) && other == -1);
  CHECK(lc_file_lock(path_of("two"), &other) == LC_OK);
  close(other);

  struct lc_buf buf;
  lc_buf_init(&buf, 100000);
  CHECK(lc_file_append(fd, " and", 4) == LC_OK && lc_file_append(fd, " more", 5) == LC_OK);
  CHECK(lc_file_read(fd, &buf) == LC_OK && strcmp(buf.data, "first and more") == 0);
  static char big[50000];
  CHECK(lc_file_append(fd, big, sizeof big) == LC_OK);
  lc_buf_reset(&buf);
  CHECK(lc_file_read(fd, &buf) == LC_OK && buf.len == sizeof big + 14);
  lc_buf_free(&buf);
  lc_buf_init(&buf, 20000);
  CHECK(lc_file_read(fd, &buf) == LC_ETOOLARGE);
  lc_buf_free(&buf);
  uint64_t size;
  CHECK(lc_file_size(fd, &size) == LC_OK && size == sizeof big + 14);
  CHECK(lc_file_empty(fd) == LC_OK && holds("one", ""));
  CHECK(lc_file_size(fd, &size) == LC_OK && size == 0);

  struct stat about;
  CHECK(lc_file_touch(fd, INT64_C(1234567890123456)) == LC_OK && fstat(fd, &about) == 0);
  CHECK(about.st_mtime == 1234567890);
  CHECK(lc_file_touch(fd, -1) == LC_ESYS);

  close(fd);
  CHECK(lc_file_lock(path_of("one"), &fd) == LC_OK);
  close(fd);
  CHECK(symlink("one", path_of("link")) == 0);
  CHECK(failed(lc_file_lock(path_of("link"), &fd), ELOOP) && unlink(path_of("link")) == 0);
  CHECK(mkfifo(path_of("fifo"), 0600) == 0);
  CHECK(failed(lc_file_lock(path_of("fifo"), &fd), EINVAL) && unlink(path_of("fifo")) == 0);
}

/* What another process holds is free as soon as it is dead, however it died. */
static void test_dead_owner(void) {
  int ready[2], fd;
  char byte;
  CHECK(pipe(ready) == 0);
  pid_t child = fork();
  if (child == 0) {
    bool locked = lc_file_lock(path_of("one"), &fd) == LC_OK;
    (void)!write(ready[1], locked ? "y" : "n", 1);
    pause();
    _exit(0);
  }
  CHECK(read(ready[0], &byte, 1) == 1 && byte == 'y');
  CHECK(failed(lc_file_lock(path_of("one"), &fd), EWOULDBLOCK));
  kill(child, SIGKILL);
  CHECK(waitpid(child, NULL, 0) == child);
  CHECK(lc_file_lock(path_of("one"), &fd) == LC_OK);
  close(fd);
  close(ready[0]);
  close(ready[1]);
}

/* Renamed, removed or replaced between open and lock: the name is no longer this file's. The
 * children fight for one file, take it away and put it back; none may meet another inside. */
static void test_moved(void) {
  enum { CHILDREN = 4, ROUNDS = 100 };
  char away[200];
  pid_t children[CHILDREN];
  for (int i = 0; i < CHILDREN; i++) {
    children[i] = fork();
    if (children[i] != 0)
      continue;
    snprintf(away, sizeof away, "%s/away%d", base, i);
    for (int taken = 0; taken < ROUNDS;) {
      int fd;
      if (lc_file_lock(path_of("two"), &fd) != LC_OK)
        continue;
      if (rename(path_of("two"), away) != 0 || lc_file_exists(path_of("two")))
        _exit(1); /* another process moved what we hold */
      if (store("two", "anew") != LC_OK || unlink(away) != 0)
        _exit(2);
      close(fd);
      taken++;
    }
    _exit(0);
  }
  for (int i = 0; i < CHILDREN; i++) {
    int status = -1;
    CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
  }
}

static void test_replace(void) {
  int fd;
  CHECK(lc_file_replace(box, box, "state", "one", 3, 0600) == LC_OK && holds("state", "one"));
  CHECK(lc_file_lock(path_of("state"), &fd) == LC_OK);
  CHECK(lc_file_write(fd, "two", 3) == LC_OK && holds("state", "two"));
  CHECK(lc_file_append(fd, "!", 1) == LC_OK && holds("state", "two!"));
  CHECK(lc_file_replace(box, box, "state", "three", 5, 0600) == LC_OK && holds("state", "three"));
  CHECK(lc_file_write(fd, "old", 3) == LC_OK && holds("state", "three"));
  close(fd);
  struct rlimit limit, none = {0, 0};
  CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
  none.rlim_max = limit.rlim_max;
  CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
  int before = count(box);
  CHECK(lc_file_replace(box, box, "state", "four", 4, 0600) != LC_OK);
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  CHECK(holds("state", "three") && count(box) == before);
  unlink(path_of("state"));
}

static void test_sync(void) {
  int fd = -1, ends[2];
  CHECK(store("synced", "one") == LC_OK && lc_file_lock(path_of("synced"), &fd) == LC_OK);
  CHECK(lc_file_write(fd, "two", 3) == LC_OK && lc_file_sync(fd) == LC_OK);
  CHECK(holds("synced", "two"));
  close(fd);
  CHECK(failed(lc_file_sync(-1), EBADF));
  CHECK(pipe(ends) == 0 && failed(lc_file_sync(ends[1]), EINVAL));
  close(ends[0]);
  close(ends[1]);
  CHECK(lc_folder_sync_at(box) == LC_OK);
  CHECK(failed(lc_folder_sync_at(path_of("none")), ENOENT));
  CHECK(failed(lc_folder_sync_at(path_of("synced")), ENOTDIR));
  unlink(path_of("synced"));
}

int main(void) {
  signal(SIGXFSZ, SIG_IGN);
  snprintf(base, sizeof base, "/tmp/livechat.XXXXXX");
  if (!CHECK(mkdtemp(base) != NULL))
    return test_end();
  snprintf(drafts, sizeof drafts, "%s/tmp", base);
  snprintf(box, sizeof box, "%s/new", base);
  test_folders();
  test_about();
  test_store();
  test_store_fails();
  test_locks();
  test_dead_owner();
  test_moved();
  test_replace();
  test_sync();
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", base);
  CHECK(system(command) == 0);
  return test_end();
}
