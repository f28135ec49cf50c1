/* SPDX-License-Identifier: MIT */
#include "shm_file.h"
#include "stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "livechat's ring"
#define LAYOUT 3
#define PATIENCE_US 1000000 /* for another process that opens the file */
#ifndef F_OFD_SETLK
#define F_OFD_SETLK F_SETLK
#endif

_Static_assert(sizeof(pthread_mutex_t) <= LC_SHM_IMAGE_SIZE, "room for a mutex");
_Static_assert(sizeof(struct lc_shm_head) % sizeof(int64_t) == 0, "the throttle is aligned");

struct opening {
  const struct lc_shm_options *options;
  struct lc_shm_file *file;
  char *text;
  size_t text_size;
  struct lc_shm_head fresh; /* what the head of a file of now, here, is like */
};

/* ---- what this platform has to give -------------------------------------------------------- */

#ifdef __linux__
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int new_mutex(pthread_mutex_t *mutex) {
  pthread_mutexattr_t attr;
  int err = pthread_mutexattr_init(&attr);
  if (err != 0)
    return err;
  err = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
  if (err == 0)
    err = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
  if (err == 0)
    err = pthread_mutex_init(mutex, &attr);
  pthread_mutexattr_destroy(&attr);
  return err;
}
#else
#define BOOT_ID "" /* macOS has no robust mutex, and lc_shm_open says so first */

static int new_mutex(pthread_mutex_t *mutex) {
  (void)mutex;
  return ENOTSUP;
}
#endif

static int new_image(unsigned char image[LC_SHM_IMAGE_SIZE]) {
  pthread_mutex_t mutex;
  memset(&mutex, 0, sizeof mutex);
  int err = new_mutex(&mutex);
  if (err != 0)
    return err;
  memset(image, 0, LC_SHM_IMAGE_SIZE);
  memcpy(image, &mutex, sizeof mutex);
  pthread_mutex_destroy(&mutex);
  return 0;
}

enum lc_err lc_shm_home(struct lc_shm_home *home) {
  struct stat st;
  *home = (struct lc_shm_home){0};
  if (stat("/proc/self/ns/pid", &st) != 0)
    return LC_ESYS;
  home->pid_namespace = (uint64_t)st.st_ino;
  if (stat("/proc/self/ns/time", &st) == 0) /* Linux 5.6 */
    home->time_namespace = (uint64_t)st.st_ino;
  return LC_OK;
}

/* ---- telling ------------------------------------------------------------------------------- */

/* The one writer of the text. errno stays. */
static enum lc_err fail(struct opening *o, enum lc_err err, const char *format, ...) {
  int saved = errno;
  va_list args;
  va_start(args, format);
  if (o->text_size > 0)
    vsnprintf(o->text, o->text_size, format, args);
  va_end(args);
  for (char *at = o->text; o->text_size > 0 && *at != 0; at++) {
    if ((unsigned char)*at < ' ' || *at == 0x7f) /* a path may hold anything */
      *at = '?';
  }
  errno = saved;
  return err;
}

static enum lc_err fail_to(struct opening *o, const char *what) {
  return fail(o, LC_ESYS, "%s: cannot %s: %s", o->options->path, what, strerror(errno));
}

/* "60" or "0.05", whatever the locale's decimal point. */
static const char *seconds(int64_t us, char text[32]) {
  int n = snprintf(text, 32, "%lld.%06lld", (long long)(us / 1000000), (long long)(us % 1000000));
  while (text[n - 1] == '0')
    text[--n] = 0;
  if (text[n - 1] == '.')
    text[n - 1] = 0;
  return text;
}

static enum lc_err fail_limits(struct opening *o, const struct lc_throttle *has) {
  const struct lc_shm_options *asked = o->options;
  char text[4][32];
  return fail(
      o, LC_EMISMATCH,
      "%s: allows %lu calls per %s s (guard %s s), this one asks for %lu per %s s (guard %s s)",
      asked->path, (unsigned long)has->calls, seconds(has->period_us, text[0]),
      seconds(has->guard_us, text[1]), (unsigned long)asked->calls,
      seconds(asked->period_us, text[2]), seconds(asked->guard_us, text[3]));
}

/* ---- a file's content ---------------------------------------------------------------------- */

/* What the head of a file of this boot, made here, is like. */
static enum lc_err make_head(struct opening *o) {
  struct lc_shm_head *fresh = &o->fresh;
  errno = new_image(fresh->mutex_image);
  if (errno != 0)
    return fail_to(o, "share it without a robust mutex");
  memcpy(fresh->magic, MAGIC, sizeof fresh->magic);
  fresh->layout = LAYOUT;
  int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, fresh->boot, sizeof fresh->boot - 1) : -1;
  int saved = errno;
  if (fd >= 0)
    close(fd);
  errno = saved;
  if (n <= 0)
    return fail(o, LC_ESYS, "cannot read %s: %s", BOOT_ID, strerror(errno));
  if (lc_shm_home(&fresh->home) != LC_OK)
    return fail(o, LC_ESYS, "cannot look at /proc/self/ns/pid: %s", strerror(errno));
  return LC_OK;
}

static enum lc_err map(struct opening *o, int fd) {
  void *mapped = mmap(NULL, o->file->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED)
    return fail_to(o, "map it");
  o->file->head = mapped;
  o->file->throttle = (struct lc_throttle *)(o->file->head + 1);
  return LC_OK;
}

/* Zeros behind what must stay. Written, not left as a hole: where the disk is full, this says so,
 * and a store into the mapping would be a SIGBUS. */
static enum lc_err clear(struct opening *o, int fd) {
  static const char zeros[4096];
  size_t at = offsetof(struct lc_shm_head, layout);
  while (at < o->file->size) {
    size_t rest = o->file->size - at;
    ssize_t n = pwrite(fd, zeros, rest < sizeof zeros ? rest : sizeof zeros, (off_t)at);
    if (n < 0 && errno != EINTR)
      return fail_to(o, "write it");
    at += n > 0 ? (size_t)n : 0;
  }
  if (ftruncate(fd, (off_t)o->file->size) != 0)
    return fail_to(o, "set its size");
  return LC_OK;
}

/* The mutex of those who use it from now on. */
static enum lc_err settle_in(struct opening *o) {
  struct lc_shm_head *head = o->file->head;
  memset(head->mutex, 0, sizeof head->mutex);
  errno = new_mutex((pthread_mutex_t *)head->mutex);
  if (errno != 0)
    return fail_to(o, "make its mutex");
  memcpy(head->mutex_image, o->fresh.mutex_image, sizeof head->mutex_image);
  head->home = o->fresh.home;
  return LC_OK;
}

/* A new file, or one of an earlier boot: makes it one of this boot, that as the last thing. */
static enum lc_err set_up(struct opening *o, int fd) {
  enum lc_err err = clear(o, fd);
  if (err == LC_OK)
    err = map(o, fd);
  if (err == LC_OK)
    err = settle_in(o);
  if (err != LC_OK)
    return err;
  const struct lc_shm_options *options = o->options;
  struct lc_shm_head *head = o->file->head;
  lc_throttle_init(o->file->throttle, options->calls, options->period_us, options->guard_us);
  head->layout = LAYOUT;
  memcpy(head->magic, MAGIC, sizeof head->magic);
  atomic_thread_fence(memory_order_seq_cst);
  memcpy(head->boot, o->fresh.boot, sizeof head->boot);
  return LC_OK;
}

/* One of this boot: it is what was asked for, or refused. */
static enum lc_err check_content(struct opening *o, int fd, const struct lc_shm_head *head,
                                 size_t size) {
  const char *path = o->options->path;
  struct lc_throttle has;
  if (head->layout != LAYOUT)
    return fail(o, LC_EMISMATCH, "%s: layout %lu of another version, not %d", path,
                (unsigned long)head->layout, LAYOUT);
  if (pread(fd, &has, sizeof has, (off_t)sizeof *head) != (ssize_t)sizeof has)
    return fail(o, LC_EMISMATCH, "%s: is cut off", path);
  if (has.calls != o->options->calls || has.period_us != o->options->period_us ||
      has.guard_us != o->options->guard_us)
    return fail_limits(o, &has);
  if (size != o->file->size || has.head > has.calls)
    return fail(o, LC_EMISMATCH, "%s: is damaged (%zu bytes, not %zu)", path, size, o->file->size);
  return LC_OK;
}

/* Where it was left by processes of another namespace, or with another C library, their mutex is of
 * no use here. The ring is, but for one that another time namespace's clock has filled: then no
 * call goes before all that may be in it is out of the window. */
static enum lc_err take_over(struct opening *o, int fd, const struct lc_shm_head *head) {
  const struct lc_shm_head *fresh = &o->fresh;
  bool same_clock = head->home.time_namespace == fresh->home.time_namespace;
  bool same = same_clock && head->home.pid_namespace == fresh->home.pid_namespace &&
              memcmp(head->mutex_image, fresh->mutex_image, sizeof fresh->mutex_image) == 0;
  if (!same && flock(fd, LOCK_EX | LOCK_NB) != 0)
    return fail(o, errno == EWOULDBLOCK ? LC_EMISMATCH : LC_ESYS,
                "%s: is in use in another PID or time namespace, or with another C library: "
                "containers that share a throttle must share these, or use Redis",
                o->options->path);
  enum lc_err err = same || same_clock ? map(o, fd) : set_up(o, fd);
  if (err == LC_OK && !same)
    err = settle_in(o);
  if (err == LC_OK && !same_clock)
    lc_throttle_pause(o->file->throttle,
                      lc_clock_us() + o->options->period_us + o->options->guard_us);
  return err;
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool in_group(gid_t group) {
  if (group == getegid())
    return true;
  int n = getgroups(0, NULL);
  gid_t *groups = n > 0 ? malloc((size_t)n * sizeof *groups) : NULL;
  bool found = false;
  n = groups != NULL ? getgroups(n, groups) : 0;
  for (int i = 0; i < n; i++)
    found = found || groups[i] == group;
  free(groups);
  return found;
}

static enum lc_err check_file(struct opening *o, const struct stat *st) {
  const char *path = o->options->path;
  unsigned mode = o->options->mode;
  if (!S_ISREG(st->st_mode))
    return fail(o, LC_EMISMATCH, "%s: is not a regular file", path);
  if (st->st_uid != geteuid() && st->st_uid != 0 && !(mode & 060 && in_group(st->st_gid)))
    return fail(o, LC_EMISMATCH, "%s: belongs to user %lu", path, (unsigned long)st->st_uid);
  if ((st->st_mode & 07777 & ~(mode_t)mode) != 0)
    return fail(o, LC_EMISMATCH, "%s: has mode 0%03o, wider than 0%03o", path,
                (unsigned)(st->st_mode & 07777), mode);
  return LC_OK;
}

/* Other openers wait, at most PATIENCE_US. (Not a flock: that marks the users.) */
static enum lc_err lock_opening(struct opening *o, int fd) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int64_t until_us = lc_clock_us() + PATIENCE_US;
  while (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
    if (errno != EINTR && errno != EAGAIN && errno != EACCES)
      return fail_to(o, "lock it");
    if (lc_clock_us() > until_us)
      return fail(o, LC_EBUSY, "%s: another process has been opening it for a second",
                  o->options->path);
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
  return LC_OK;
}

/* Not left to close: a fork meanwhile may have made a copy of fd. */
static void unlock_opening(int fd) {
  struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
  fcntl(fd, F_OFD_SETLK, &whole);
}

static enum lc_err mark_used(struct opening *o, int fd) {
  if (flock(fd, LOCK_SH | LOCK_NB) != 0)
    return fail_to(o, "lock it");
  return LC_OK;
}

static enum lc_err open_locked(struct opening *o, int fd) {
  struct stat st;
  struct lc_shm_head head = {0};
  ssize_t n = pread(fd, &head, sizeof head, 0);
  enum lc_err err;
  if (n < 0 || fstat(fd, &st) != 0)
    return fail_to(o, "read it");
  if (n < (ssize_t)offsetof(struct lc_shm_head, layout) ||
      memcmp(head.magic, MAGIC, sizeof head.magic) != 0)
    return fail(o, LC_EMISMATCH, "%s: is not a throttle's file", o->options->path);
  if (memcmp(head.boot, o->fresh.boot, sizeof head.boot) != 0) {
    err = set_up(o, fd);
  } else {
    err = check_content(o, fd, &head, (size_t)st.st_size);
    if (err == LC_OK)
      err = take_over(o, fd, &head);
  }
  return err == LC_OK ? mark_used(o, fd) : err;
}

static enum lc_err open_file(struct opening *o, int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0)
    return fail_to(o, "look at it");
  enum lc_err err = check_file(o, &st);
  if (err == LC_OK)
    err = lock_opening(o, fd);
  if (err != LC_OK)
    return err;
  err = open_locked(o, fd);
  unlock_opening(fd);
  return err;
}

/* *taken where another process has the name by now. */
static enum lc_err create_file(struct opening *o, bool *taken, int *made) {
  const char *path = o->options->path;
  enum lc_err err = LC_OK;
  int fd = -1, saved;
  size_t size = strlen(path) + 64;
  char *name = malloc(size);
  if (name == NULL)
    return fail(o, LC_ENOMEM, "%s: out of memory", path);
  do
    snprintf(name, size, "%s.%ld.%lld", path, (long)getpid(), (long long)lc_wall_us());
  while ((fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)) < 0 &&
         errno == EEXIST);
  if (fd < 0) {
    err = fail_to(o, "create it");
    goto out;
  }
  err = fchmod(fd, (mode_t)o->options->mode) == 0 ? LC_OK : fail_to(o, "set its mode");
  if (err == LC_OK)
    err = set_up(o, fd);
  if (err == LC_OK)
    err = mark_used(o, fd);
  if (err == LC_OK && link(name, path) != 0) {
    *taken = errno == EEXIST;
    err = fail_to(o, "give it its name");
  }
out:
  saved = errno;
  if (fd >= 0)
    unlink(name);
  free(name);
  *made = fd;
  errno = saved;
  return err;
}

static enum lc_err open_or_create(struct opening *o) {
  const char *path = o->options->path;
  enum lc_err err = LC_OK;
  for (int tries = 0; tries < 100; tries++) {
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ELOOP)
      return fail(o, LC_ESYS, "%s: is a symbolic link, which is not followed", path);
    if (fd < 0 && errno != ENOENT)
      return fail_to(o, "open it");
    bool taken = false;
    err = fd < 0 ? create_file(o, &taken, &fd) : open_file(o, fd);
    o->file->fd = fd;
    if (err == LC_OK)
      return err;
    lc_shm_file_close(o->file);
    if (!taken)
      return err;
  }
  return err; /* another process creates and removes it all the time */
}

static bool limits_are_sane(const struct lc_shm_options *options) {
  int64_t most = (int64_t)1 << 60; /* as lc_throttle_init says */
  return lc_throttle_size(options->calls) > 0 && options->period_us >= 1 &&
         options->period_us <= most && options->guard_us >= 0 && options->guard_us <= most;
}

enum lc_err lc_shm_file_open(struct lc_shm_file *file, const struct lc_shm_options *options,
                             char *text, size_t text_size) {
  struct opening o = {.options = options, .file = file, .text = text, .text_size = text_size};
  *file = (struct lc_shm_file){.fd = -1};
  if (text_size > 0)
    text[0] = 0;
  if (options->path == NULL || options->path[0] == 0)
    return fail(&o, LC_EINVAL, "a shared throttle needs a path");
  if (options->mode != 0600 && options->mode != 0660)
    return fail(&o, LC_EINVAL, "%s: mode must be 0600 or 0660", options->path);
  if (!limits_are_sane(options))
    return fail(&o, LC_EINVAL, "%s: calls, period or guard out of range", options->path);
  file->size = sizeof(struct lc_shm_head) + lc_throttle_size(options->calls);
  enum lc_err err = make_head(&o);
  return err == LC_OK ? open_or_create(&o) : err;
}

void lc_shm_file_close(struct lc_shm_file *file) {
  int saved = errno;
  if (file->head != NULL)
    munmap(file->head, file->size);
  if (file->fd >= 0)
    close(file->fd);
  file->head = NULL;
  file->throttle = NULL;
  file->fd = -1;
  errno = saved;
}
