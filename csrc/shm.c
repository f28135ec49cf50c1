/* SPDX-License-Identifier: MIT */
/* A throttle in a file that processes map. What might go wrong, and what is done about it:
 *
 * - Two create it at once: it is made under another name and linked to its own when it is whole,
 *   which fails where the name is taken. No process ever sees half of one.
 * - A holder of the lock dies: the mutex is robust, and the ring is whole between any two stores
 *   (throttle.h), so the next one just goes on.
 * - A holder of the lock is stopped (SIGSTOP, a debugger): the others wait 0.2 s for it, and then
 *   each asks once and is told LC_EBUSY until the lock is free again.
 * - A waiter dies: its ticket lapses (queue.h).
 * - A reboot: the clock begins anew, and the mutex may be held by a process that is no more. The
 *   file says which boot it is of. The process that opens it first after a reboot sets it up anew,
 *   in place, while it holds the opening lock; the boot's id is written last, so dying there leaves
 *   a file of an earlier boot again. No process has it mapped: none has outlived the reboot.
 * - Containers: the kernel tells a robust mutex's owner by its thread's number in a PID
 *   namespace, and takes the living owner of one namespace for the dead one of another where the
 *   numbers are equal (both are often 1). So the file serves one PID namespace at a time: the
 *   header says which, and each user holds a shared flock while it is open. A process of another
 *   namespace takes the file over, its ring included, where no user is left; otherwise it is
 *   refused. A child that moves to another namespace is refused as well.
 * - The file is cut short: a store into what is gone would be a SIGBUS. Its size is looked at again
 *   each millisecond that it is used; what is cut within that millisecond still kills.
 * - The file is removed: processes that come later would share another one. Seen by the same look,
 *   and refused.
 * - Strangers: no link is followed, the owner and the permissions are looked at. Who may write to
 *   the file is trusted. */
#include "shm.h"

#include "shm_file.h"
#include "stamp.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US 200000 /* for the holder of the lock, where others come and go */
#define LOOK_US 1000       /* between looks at the file's size */

struct lc_shm {
  struct lc_shm_file file;
  struct lc_shm_home home;
  int64_t guard_us;
  char *not_forked;          /* a page that the kernel clears in a child */
  _Atomic int64_t looked_us; /* when the file was last seen whole */
  atomic_bool stuck;         /* the lock could not be had lately */
};

/* ---- the lock ------------------------------------------------------------------------------- */

#ifdef __linux__
/* One that died in the lock left the ring whole. */
static int adopt(pthread_mutex_t *mutex, int err) {
  return err == EOWNERDEAD ? pthread_mutex_consistent(mutex) : err;
}

static int wait_for_mutex(pthread_mutex_t *mutex, int64_t us) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  int64_t ns = until.tv_nsec + us * 1000;
  until.tv_sec += (time_t)(ns / 1000000000);
  until.tv_nsec = (long)(ns % 1000000000);
  return adopt(mutex, pthread_mutex_timedlock(mutex, &until));
}
#else /* no robust mutex: lc_shm_open says so first */
static int adopt(pthread_mutex_t *mutex, int err) {
  (void)mutex;
  return err;
}

static int wait_for_mutex(pthread_mutex_t *mutex, int64_t us) {
  (void)mutex;
  (void)us;
  return ENOTSUP;
}

#endif

static char *new_marker(void) {
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return NULL;
#ifdef MADV_WIPEONFORK /* Linux 4.14; before that a child is not recognised */
  madvise(page, size, MADV_WIPEONFORK);
#endif
  *page = 1;
  return page;
}

/* A child that a fork made: in the same namespaces, or what tells a mutex's owner is ambiguous. */
static enum lc_err check_home(struct lc_shm *shm) {
  struct lc_shm_home home;
  enum lc_err err = lc_shm_home(&home);
  if (err != LC_OK)
    return err;
  if (home.pid_namespace != shm->home.pid_namespace ||
      home.time_namespace != shm->home.time_namespace)
    return LC_EMISMATCH;
  *shm->not_forked = 1;
  return LC_OK;
}

static enum lc_err check_file(struct lc_shm *shm, int64_t now_us) {
  struct stat st;
  if (fstat(shm->file.fd, &st) != 0)
    return LC_ESYS;
  if ((size_t)st.st_size < shm->file.size || st.st_nlink == 0)
    return LC_EMISMATCH;
  atomic_store_explicit(&shm->looked_us, now_us, memory_order_relaxed);
  return LC_OK;
}

/* *now_us is the clock inside the lock. */
static enum lc_err lock(struct lc_shm *shm, int64_t *now_us) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)shm->file.head->mutex;
  enum lc_err err = *shm->not_forked != 0 ? LC_OK : check_home(shm);
  *now_us = lc_clock_us();
  if (err == LC_OK &&
      *now_us - atomic_load_explicit(&shm->looked_us, memory_order_relaxed) >= LOOK_US)
    err = check_file(shm, *now_us);
  if (err != LC_OK)
    return err;
  int code = adopt(mutex, pthread_mutex_trylock(mutex));
  if (code == EBUSY && !atomic_load_explicit(&shm->stuck, memory_order_relaxed))
    code = wait_for_mutex(mutex, PATIENCE_US);
  bool stuck = code == EBUSY || code == ETIMEDOUT;
  if (atomic_load_explicit(&shm->stuck, memory_order_relaxed) != stuck)
    atomic_store_explicit(&shm->stuck, stuck, memory_order_relaxed);
  errno = code;
  if (code == 0)
    *now_us = lc_clock_us();
  return code == 0 ? LC_OK : stuck ? LC_EBUSY : LC_ESYS;
}

static void unlock(struct lc_shm *shm) {
  pthread_mutex_unlock((pthread_mutex_t *)shm->file.head->mutex);
}

/* ---- opening -------------------------------------------------------------------------------- */

enum lc_err lc_shm_open(struct lc_shm **shm, const struct lc_shm_options *options, char *text,
                        size_t text_size) {
  *shm = NULL;
  struct lc_shm *made = calloc(1, sizeof *made);
  if (made != NULL)
    made->not_forked = new_marker();
  if (made == NULL || made->not_forked == NULL) {
    free(made);
    if (text_size > 0)
      snprintf(text, text_size, "%s: out of memory", options->path != NULL ? options->path : "");
    return LC_ENOMEM;
  }
  enum lc_err err = lc_shm_file_open(&made->file, options, text, text_size);
  if (err != LC_OK) {
    lc_shm_close(made);
    return err;
  }
  made->home = made->file.head->home;
  made->guard_us = options->guard_us;
  atomic_init(&made->looked_us, lc_clock_us());
  atomic_init(&made->stuck, false);
  *shm = made;
  return LC_OK;
}

void lc_shm_close(struct lc_shm *shm) {
  if (shm == NULL)
    return;
  int saved = errno;
  lc_shm_file_close(&shm->file);
  munmap(shm->not_forked, (size_t)sysconf(_SC_PAGESIZE));
  free(shm);
  errno = saved;
}

/* ---- the verbs ----------------------------------------------------------------------------- */

static int64_t after(int64_t now_us, int64_t wait_us) {
  return wait_us > INT64_MAX - now_us ? INT64_MAX : now_us + wait_us;
}

enum lc_err lc_shm_reserve(struct lc_shm *shm, int64_t max_wait_us, uint64_t *ticket,
                           int64_t *at_us, int64_t *now_us) {
  enum lc_err err = lock(shm, now_us);
  if (err != LC_OK)
    return err;
  err =
      lc_throttle_reserve(shm->file.throttle, *now_us, after(*now_us, max_wait_us), ticket, at_us);
  unlock(shm);
  return err;
}

enum lc_err lc_shm_leave(struct lc_shm *shm, uint64_t ticket) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_leave(shm->file.throttle, ticket);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_release(struct lc_shm *shm, int64_t at_us) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_release(shm->file.throttle, at_us);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_arrived(struct lc_shm *shm, int64_t at_us, int64_t late_us) {
  int64_t now_us;
  if (late_us <= shm->guard_us)
    return LC_OK;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_arrived(shm->file.throttle, at_us, late_us);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_pause(struct lc_shm *shm, int64_t wait_us) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_pause(shm->file.throttle, after(now_us, wait_us));
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_state(struct lc_shm *shm, struct lc_throttle_state *state) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_state(shm->file.throttle, now_us, state);
  unlock(shm);
  return LC_OK;
}
