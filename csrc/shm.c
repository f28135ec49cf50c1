/* SPDX-License-Identifier: MIT */
/* A throttle in a file that processes map. What might go wrong, and what is done about it:
 *
 * - Two create it at once: it is made under another name and linked to its own when it is whole,
 *   which fails where the name is taken. Nobody ever sees half of one.
 * - A holder of the lock dies: the mutex is robust, and the ring is whole between any two stores
 *   (throttle.c), so the next one just goes on.
 * - A reboot: the clock begins anew, and the mutex may be locked by nobody. The file says which
 *   boot it is of. Whoever opens it first after a reboot sets it up anew, in place, under a flock
 *   that every opener takes; the boot's id is written last, so dying there leaves a file of an
 *   earlier boot again. Nobody can have it mapped: no process has outlived the reboot.
 * - Strangers: no link is followed, the owner and the permissions are looked at. Whoever may write
 *   to the file is trusted. */
#define _POSIX_C_SOURCE 200809L
#include "shm.h"
#include "stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "livechat's ring"
#define LAYOUT 1
#define BOOT_SIZE 48
#define IMAGE_SIZE 64

struct file {
  char magic[16]; /* these two stay where they are in every layout to come */
  char boot[BOOT_SIZE];
  uint32_t layout;
  uint32_t reserved;
  unsigned char mutex_image[IMAGE_SIZE]; /* a new mutex, as the C library that made this has them */
  pthread_mutex_t mutex;
  /* struct lc_throttle */
};
_Static_assert(sizeof(pthread_mutex_t) <= IMAGE_SIZE, "room for a mutex");
_Static_assert(sizeof(struct file) % sizeof(int64_t) == 0, "the ring is aligned");

struct lc_shm {
  struct file *file;
  struct lc_throttle *throttle; /* behind the header */
  size_t size;
};

struct opening {
  const struct lc_shm_options *options;
  struct lc_shm *shm;
  char *text;
  size_t text_size;
  char boot[BOOT_SIZE];
  unsigned char image[IMAGE_SIZE];
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

static int lock_mutex(pthread_mutex_t *mutex) {
  int err = pthread_mutex_lock(mutex);
  return err == EOWNERDEAD ? pthread_mutex_consistent(mutex) : err;
}
#else
#define BOOT_ID "" /* macOS has no robust mutex, and lc_shm_open says so first */

static int new_mutex(pthread_mutex_t *mutex) {
  (void)mutex;
  return ENOTSUP;
}

static int lock_mutex(pthread_mutex_t *mutex) {
  (void)mutex;
  return ENOTSUP;
}
#endif

static int new_image(unsigned char image[IMAGE_SIZE]) {
  pthread_mutex_t mutex;
  memset(&mutex, 0, sizeof mutex);
  int err = new_mutex(&mutex);
  if (err != 0)
    return err;
  memset(image, 0, IMAGE_SIZE);
  memcpy(image, &mutex, sizeof mutex);
  pthread_mutex_destroy(&mutex);
  return 0;
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

static enum lc_err read_boot_id(struct opening *o) {
  int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, o->boot, sizeof o->boot - 1) : -1;
  int saved = errno;
  if (fd >= 0)
    close(fd);
  errno = saved;
  if (n > 0)
    return LC_OK;
  return fail(o, LC_ESYS, "cannot read %s: %s", BOOT_ID, strerror(errno));
}

static enum lc_err map(struct opening *o, int fd) {
  void *mapped = mmap(NULL, o->shm->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED)
    return fail_to(o, "map it");
  o->shm->file = mapped;
  o->shm->throttle = (struct lc_throttle *)(o->shm->file + 1);
  return LC_OK;
}

/* Zeros behind what must stay. Written, not left as a hole: where the disk is full, this says so,
 * and a store into the mapping would be a SIGBUS. */
static enum lc_err clear(struct opening *o, int fd) {
  static const char zeros[4096];
  size_t at = offsetof(struct file, layout);
  while (at < o->shm->size) {
    size_t left = o->shm->size - at;
    ssize_t n = pwrite(fd, zeros, left < sizeof zeros ? left : sizeof zeros, (off_t)at);
    if (n < 0 && errno != EINTR)
      return fail_to(o, "write it");
    at += n > 0 ? (size_t)n : 0;
  }
  if (ftruncate(fd, (off_t)o->shm->size) != 0)
    return fail_to(o, "set its size");
  return LC_OK;
}

/* A new file, or one of an earlier boot: makes it one of this boot, that as the last thing. */
static enum lc_err set_up(struct opening *o, int fd) {
  enum lc_err err = clear(o, fd);
  if (err == LC_OK)
    err = map(o, fd);
  if (err != LC_OK)
    return err;
  struct file *file = o->shm->file;
  errno = new_mutex(&file->mutex);
  if (errno != 0)
    return fail_to(o, "make its mutex");
  memcpy(file->mutex_image, o->image, sizeof file->mutex_image);
  const struct lc_shm_options *options = o->options;
  lc_throttle_init(o->shm->throttle, options->calls, options->period_us, options->guard_us);
  file->layout = LAYOUT;
  memcpy(file->magic, MAGIC, sizeof file->magic);
  atomic_thread_fence(memory_order_seq_cst);
  memcpy(file->boot, o->boot, sizeof file->boot);
  return LC_OK;
}

/* The file is locked, and of this boot. */
static enum lc_err take_over(struct opening *o, int fd, const struct file *head, size_t size) {
  const char *path = o->options->path;
  struct lc_throttle limits;
  if (head->layout != LAYOUT || memcmp(head->mutex_image, o->image, sizeof o->image) != 0)
    return fail(o, LC_EMISMATCH, "%s: layout %lu of another version or C library, not %d", path,
                (unsigned long)head->layout, LAYOUT);
  if (pread(fd, &limits, sizeof limits, (off_t)sizeof *head) != (ssize_t)sizeof limits)
    return fail(o, LC_EMISMATCH, "%s: is cut off", path);
  if (limits.calls != o->options->calls || limits.period_us != o->options->period_us ||
      limits.guard_us != o->options->guard_us)
    return fail_limits(o, &limits);
  if (size != o->shm->size || limits.head > limits.calls)
    return fail(o, LC_EMISMATCH, "%s: is damaged (%zu bytes, not %zu)", path, size, o->shm->size);
  return map(o, fd);
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

static enum lc_err open_file(struct opening *o, int fd) {
  struct stat st;
  struct file head = {0};
  if (fstat(fd, &st) != 0)
    return fail_to(o, "look at it");
  enum lc_err err = check_file(o, &st);
  if (err != LC_OK)
    return err;
  while (flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR)
      return fail_to(o, "lock it");
  }
  ssize_t n = pread(fd, &head, sizeof head, 0);
  if (n < 0)
    err = fail_to(o, "read it");
  else if (n < (ssize_t)offsetof(struct file, layout) ||
           memcmp(head.magic, MAGIC, sizeof head.magic) != 0)
    err = fail(o, LC_EMISMATCH, "%s: is not a throttle's file", o->options->path);
  else if (memcmp(head.boot, o->boot, sizeof head.boot) != 0)
    err = set_up(o, fd);
  else if (fstat(fd, &st) != 0)
    err = fail_to(o, "look at it");
  else
    err = take_over(o, fd, &head, (size_t)st.st_size);
  flock(fd, LOCK_UN); /* not left to close: a fork meanwhile may have made a copy of fd */
  return err;
}

/* *taken where the name is somebody's by now. */
static enum lc_err create_file(struct opening *o, bool *taken) {
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
  if (err == LC_OK && link(name, path) != 0) {
    *taken = errno == EEXIST;
    err = fail_to(o, "give it its name");
  }
out:
  saved = errno;
  if (fd >= 0) {
    unlink(name);
    close(fd);
  }
  free(name);
  errno = saved;
  return err;
}

static void unmap(struct lc_shm *shm) {
  if (shm->file != NULL)
    munmap(shm->file, shm->size);
  shm->file = NULL;
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
    if (fd < 0) {
      err = create_file(o, &taken);
    } else {
      err = open_file(o, fd);
      int saved = errno;
      close(fd);
      errno = saved;
    }
    if (err != LC_OK)
      unmap(o->shm);
    if (!taken)
      return err;
  }
  return err; /* somebody creates and removes it all the time */
}

static bool limits_are_sane(const struct lc_shm_options *options) {
  union {
    struct lc_throttle throttle;
    char bytes[sizeof(struct lc_throttle) + 2 * sizeof(int64_t)];
  } one; /* of one call: nothing but the size depends on their number */
  return lc_throttle_size(options->calls) > 0 &&
         lc_throttle_init(&one.throttle, 1, options->period_us, options->guard_us) == LC_OK;
}

enum lc_err lc_shm_open(struct lc_shm **shm, const struct lc_shm_options *options, char *text,
                        size_t text_size) {
  struct opening o = {.options = options, .text = text, .text_size = text_size};
  *shm = NULL;
  if (text_size > 0)
    text[0] = 0;
  if (options->path == NULL || options->path[0] == 0)
    return fail(&o, LC_EINVAL, "a shared throttle needs a path");
  if (options->mode != 0600 && options->mode != 0660)
    return fail(&o, LC_EINVAL, "%s: mode must be 0600 or 0660", options->path);
  o.shm = calloc(1, sizeof *o.shm);
  if (o.shm == NULL)
    return fail(&o, LC_ENOMEM, "%s: out of memory", options->path);
  o.shm->size = sizeof(struct file) + lc_throttle_size(options->calls);
  errno = new_image(o.image);
  enum lc_err err = LC_OK;
  if (errno != 0)
    err = fail_to(&o, "share it without a robust mutex");
  else if (!limits_are_sane(options))
    err = fail(&o, LC_EINVAL, "%s: calls, period or guard out of range", options->path);
  if (err == LC_OK)
    err = read_boot_id(&o);
  if (err == LC_OK)
    err = open_or_create(&o);
  if (err != LC_OK)
    lc_shm_close(o.shm);
  else
    *shm = o.shm;
  return err;
}

void lc_shm_close(struct lc_shm *shm) {
  if (shm == NULL)
    return;
  int saved = errno;
  unmap(shm);
  free(shm);
  errno = saved;
}

/* ---- the verbs ----------------------------------------------------------------------------- */

static int64_t after(int64_t now_us, int64_t wait_us) {
  return wait_us > INT64_MAX - now_us ? INT64_MAX : now_us + wait_us;
}

static enum lc_err lock(struct lc_shm *shm) {
  errno = lock_mutex(&shm->file->mutex);
  return errno == 0 ? LC_OK : LC_ESYS;
}

static void unlock(struct lc_shm *shm) {
  pthread_mutex_unlock(&shm->file->mutex);
}

enum lc_err lc_shm_reserve(struct lc_shm *shm, int64_t max_wait_us, int64_t *at_us,
                           int64_t *now_us) {
  enum lc_err err = lock(shm);
  if (err != LC_OK)
    return err;
  *now_us = lc_clock_us();
  err = lc_throttle_reserve(shm->throttle, *now_us, after(*now_us, max_wait_us), at_us);
  unlock(shm);
  return err;
}

enum lc_err lc_shm_release(struct lc_shm *shm, int64_t at_us) {
  enum lc_err err = lock(shm);
  if (err != LC_OK)
    return err;
  lc_throttle_release(shm->throttle, at_us);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_settle(struct lc_shm *shm, int64_t at_us, int64_t late_us) {
  if (late_us <= shm->throttle->guard_us)
    return LC_OK;
  enum lc_err err = lock(shm);
  if (err != LC_OK)
    return err;
  lc_throttle_settle(shm->throttle, at_us, late_us);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_pause(struct lc_shm *shm, int64_t wait_us) {
  enum lc_err err = lock(shm);
  if (err != LC_OK)
    return err;
  lc_throttle_pause(shm->throttle, after(lc_clock_us(), wait_us));
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_state(struct lc_shm *shm, struct lc_throttle_state *state) {
  enum lc_err err = lock(shm);
  if (err != LC_OK)
    return err;
  lc_throttle_state(shm->throttle, lc_clock_us(), state);
  unlock(shm);
  return LC_OK;
}
