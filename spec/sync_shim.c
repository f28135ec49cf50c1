/* SPDX-License-Identifier: MIT */
/* Loaded before a program's own libraries: a disk that is slow, that fails, or that does not come
 * back, and one that writes down what it is told. What it does is read when it is loaded:
 *
 *   SYNC_MS=5         each sync takes so long
 *   SYNC_FAIL=3       every third fails
 *   SYNC_GATE=path    each waits for as long as there is a file of that name
 *   SYNC_TRACE=path   where to write, a line each: what is written, named, synced
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
  long ms;
  long fail;
  char gate[PATH_MAX];
  char trace[PATH_MAX];
  int trace_fd;
  atomic_long count;
} shim;

ssize_t write(int fd, const void *data, size_t len);
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags);
int syncfs(int fd);

static void copy_env(char *to, const char *name) {
  const char *value = getenv(name);
  snprintf(to, PATH_MAX, "%s", value ? value : "");
}

__attribute__((constructor)) static void begin(void) {
  const char *ms = getenv("SYNC_MS"), *fail = getenv("SYNC_FAIL");
  shim.ms = ms ? strtol(ms, NULL, 10) : 0;
  shim.fail = fail ? strtol(fail, NULL, 10) : 0;
  copy_env(shim.gate, "SYNC_GATE");
  copy_env(shim.trace, "SYNC_TRACE");
  shim.trace_fd = -1;
}

static void trace(const char *what, long n, const char *one, const char *other) {
  char line[3 * PATH_MAX];
  if (!shim.trace[0])
    return;
  int fd = open(shim.trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  int len = snprintf(line, sizeof line, "%s %ld %s %s\n", what, n, one, other);
  if (fd >= 0 && len > 0)
    dprintf(fd, "%s", line);
  if (fd >= 0)
    close(fd);
}

/* Only where it is going to be written down. */
static const char *path_of(int fd, char path[PATH_MAX]) {
  char link[64];
  path[0] = 0;
  if (!shim.trace[0])
    return path;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, PATH_MAX - 1);
  path[n > 0 ? n : 0] = 0;
  return path;
}

static void *real(const char *name) {
  return dlsym(RTLD_NEXT, name);
}

static int slow(const char *name, int fd) {
  char path[PATH_MAX];
  int (*next)(int) = (int (*)(int))(uintptr_t)real(name);
  long n = atomic_fetch_add(&shim.count, 1) + 1;
  trace("syncing", n, name, path_of(fd, path));
  if (shim.ms > 0)
    usleep((useconds_t)shim.ms * 1000);
  while (shim.gate[0] && access(shim.gate, F_OK) == 0)
    usleep(5000);
  if (shim.fail > 0 && n % shim.fail == 0) {
    errno = EIO;
    return -1;
  }
  int result = next(fd);
  if (result == 0)
    trace("synced", n, name, path);
  return result;
}

int fsync(int fd) {
  return slow("fsync", fd);
}

int fdatasync(int fd) {
  return slow("fdatasync", fd);
}

int syncfs(int fd) {
  return slow("syncfs", fd);
}

/* Of a draft: what else is written is not waited for by any sync. */
ssize_t write(int fd, const void *data, size_t len) {
  char path[PATH_MAX];
  ssize_t (*next)(int, const void *, size_t) =
      (ssize_t(*)(int, const void *, size_t))(uintptr_t)real("write");
  ssize_t n = next(fd, data, len);
  if (n > 0 && strstr(path_of(fd, path), "/inbox/tmp/") != NULL)
    trace("wrote", (long)n, path, "");
  return n;
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
  char folder[PATH_MAX];
  int (*next)(int, const char *, int, const char *, unsigned) =
      (int (*)(int, const char *, int, const char *, unsigned))(uintptr_t)real("renameat2");
  int result = next(from_at, from, to_at, to, flags);
  if (result == 0) {
    size_t len = strlen(path_of(to_at, folder));
    snprintf(folder + len, sizeof folder - len, "/%s", to);
    trace("named", 0, from, folder);
  }
  return result;
}
