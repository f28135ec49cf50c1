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
 * - A process dies while calls of it are open: beside each lie its owner's number and the moment at
 *   which that process began, so that another process with the same number is not taken for it.
 *   Who uses the throttle looks four times a second whether the owners of calls that have been
 *   open for half a second live, and counts those of the dead from then. Example: at 0 a process
 *   is let go and killed before it sends. At 0.6 another asks, and finds it dead: its call counts
 *   until a period after 0.6, as one does that was sent then.
 * - A process is stopped while calls of it are open: they stay in the window, because it may send
 *   them when it goes on.
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

#include "process.h"
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
#define OPEN_US 500000     /* after that an open call's owner may be dead */
#define BURY_US 250000     /* between looks for dead owners */
#define LOOKS_MAX 64       /* of one such look */

struct lc_shm {
  struct lc_shm_file file;      /* fd -1: memory of its own, without a lock */
  atomic_uint refs;             /* its handle, and its open calls */
  uint64_t owner;               /* this process */
  int64_t buried_us;            /* when dead owners were last looked for */
  struct lc_throttle *throttle; /* in the file, or the memory of its own */
  struct lc_shm_home home;
  int64_t guard_us;
  char *not_forked;          /* a page that the kernel clears in a child */
  _Atomic int64_t looked_us; /* when the file was last seen whole */
  atomic_bool stuck;         /* the lock could not be had lately */
};

/* ---- the lock ------------------------------------------------------------------------------- */

#ifdef __linux__
/* One that died in the lock left the ring whole. */
static int adopt(struct lc_shm *shm, pthread_mutex_t *mutex, int err) {
  if (err != EOWNERDEAD)
    return err;
  lc_throttle_mend(shm->throttle);
  return pthread_mutex_consistent(mutex);
}

static int wait_for_mutex(struct lc_shm *shm, pthread_mutex_t *mutex, int64_t us) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  int64_t ns = until.tv_nsec + us * 1000;
  until.tv_sec += (time_t)(ns / 1000000000);
  until.tv_nsec = (long)(ns % 1000000000);
  return adopt(shm, mutex, pthread_mutex_timedlock(mutex, &until));
}
#else /* no robust mutex: lc_shm_open says so first */
static int adopt(struct lc_shm *shm, pthread_mutex_t *mutex, int err) {
  (void)shm, (void)mutex;
  return err;
}

static int wait_for_mutex(struct lc_shm *shm, pthread_mutex_t *mutex, int64_t us) {
  (void)shm, (void)mutex;
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

static bool is_private(const struct lc_shm *shm) {
  return shm->file.head == NULL;
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
  shm->owner = lc_process_mark();
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

static enum lc_err lock_file(struct lc_shm *shm, int64_t *now_us) {
  pthread_mutex_t *mutex = (pthread_mutex_t *)shm->file.head->mutex;
  enum lc_err err = *shm->not_forked != 0 ? LC_OK : check_home(shm);
  *now_us = lc_clock_us();
  if (err == LC_OK &&
      *now_us - atomic_load_explicit(&shm->looked_us, memory_order_relaxed) >= LOOK_US)
    err = check_file(shm, *now_us);
  if (err != LC_OK)
    return err;
  int code = adopt(shm, mutex, pthread_mutex_trylock(mutex));
  if (code == EBUSY && !atomic_load_explicit(&shm->stuck, memory_order_relaxed))
    code = wait_for_mutex(shm, mutex, PATIENCE_US);
  bool stuck = code == EBUSY || code == ETIMEDOUT;
  if (atomic_load_explicit(&shm->stuck, memory_order_relaxed) != stuck)
    atomic_store_explicit(&shm->stuck, stuck, memory_order_relaxed);
  errno = code;
  if (code == 0)
    *now_us = lc_clock_us();
  return code == 0 ? LC_OK : stuck ? LC_EBUSY : LC_ESYS;
}

/* *now_us is the clock inside the lock. */
static enum lc_err lock(struct lc_shm *shm, int64_t *now_us) {
  if (!is_private(shm))
    return lock_file(shm, now_us);
  *now_us = lc_clock_us();
  return LC_OK;
}

static void unlock(struct lc_shm *shm) {
  if (!is_private(shm))
    pthread_mutex_unlock((pthread_mutex_t *)shm->file.head->mutex);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void let_go(struct lc_shm *shm) {
  if (shm == NULL || atomic_fetch_sub(&shm->refs, 1) > 1)
    return;
  int saved = errno;
  if (is_private(shm))
    free(shm->throttle);
  lc_shm_file_close(&shm->file);
  if (shm->not_forked != NULL)
    munmap(shm->not_forked, (size_t)sysconf(_SC_PAGESIZE));
  free(shm);
  errno = saved;
}

static struct lc_shm *make(const struct lc_shm_options *options) {
  struct lc_shm *made = calloc(1, sizeof *made);
  if (made == NULL)
    return NULL;
  made->file.fd = -1;
  made->guard_us = options->guard_us;
  atomic_init(&made->refs, 1);
  atomic_init(&made->looked_us, lc_clock_us());
  atomic_init(&made->stuck, false);
  return made;
}

enum lc_err lc_shm_private(struct lc_shm **shm, const struct lc_shm_options *options) {
  *shm = NULL;
  size_t size = lc_throttle_size(options->calls);
  struct lc_shm *made = size > 0 ? make(options) : NULL;
  if (made != NULL)
    made->throttle = malloc(size);
  enum lc_err err = size == 0                                ? LC_EINVAL
                    : made == NULL || made->throttle == NULL ? LC_ENOMEM
                                                             : LC_OK;
  if (err == LC_OK)
    err = lc_throttle_init(made->throttle, options->calls, options->period_us, options->guard_us);
  if (err != LC_OK) {
    let_go(made);
    return err;
  }
  made->owner = 1; /* it has but one */
  *shm = made;
  return LC_OK;
}

enum lc_err lc_shm_open(struct lc_shm **shm, const struct lc_shm_options *options, char *text,
                        size_t text_size) {
  *shm = NULL;
  struct lc_shm *made = make(options);
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
    let_go(made);
    return err;
  }
  made->throttle = made->file.throttle;
  made->home = made->file.head->home;
  made->owner = lc_process_mark();
  *shm = made;
  return LC_OK;
}

void lc_shm_close(struct lc_shm *shm) {
  let_go(shm);
}

/* ---- open calls ----------------------------------------------------------------------------- */

struct call {
  struct lc_sending sending;
  struct lc_shm *shm;
  int pid;
  atomic_uint refs;
  atomic_bool told; /* its entry knows when it was sent, or that it never will be */
  uint32_t open;
  int64_t at_us;
};

static struct call *to_call(struct lc_sending *sending) {
  return (struct call *)(void *)sending;
}

static void hold(struct lc_sending *sending) {
  atomic_fetch_add(&to_call(sending)->refs, 1);
}

/* Without the lock: one who holds that may be stopped. In a child that a fork made it is not the
 * child's call. */
static void tell(struct call *call, int64_t sent_us) {
  struct lc_shm *shm = call->shm;
  if (call->pid != lc_pid() || atomic_exchange(&call->told, true))
    return;
  int64_t now_us = is_private(shm) ? 0 : lc_clock_us();
  bool whole = is_private(shm) ||
               now_us - atomic_load_explicit(&shm->looked_us, memory_order_relaxed) < LOOK_US ||
               check_file(shm, now_us) == LC_OK;
  if (whole)
    atomic_store_explicit(&lc_throttle_open_call(shm->throttle, call->open)->sent_us, sent_us,
                          memory_order_release);
}

static void sent(struct lc_sending *sending, int64_t by_us) {
  tell(to_call(sending), by_us);
}

static void end(struct lc_sending *sending) {
  struct call *call = to_call(sending);
  if (atomic_fetch_sub(&call->refs, 1) > 1)
    return;
  tell(call, LC_NEVER_SENT);
  let_go(call->shm);
  free(call);
}

static struct call *new_call(struct lc_shm *shm) {
  struct call *call = malloc(sizeof *call);
  if (call == NULL)
    return NULL;
  *call = (struct call){.sending = {hold, sent, end}, .shm = shm, .pid = lc_pid()};
  atomic_init(&call->refs, 1);
  atomic_init(&call->told, false);
  return call;
}

/* Under the lock. A look costs a system call or two for each that may be dead. */
static void bury_the_dead(struct lc_shm *shm, int64_t now_us) {
  struct lc_throttle *throttle = shm->throttle;
  uint64_t living = shm->owner;
  if (is_private(shm) || throttle->n_open == 0 || now_us - shm->buried_us < BURY_US)
    return;
  shm->buried_us = now_us;
  for (uint32_t i = 0, looks = 0; i < throttle->open_end && looks < LOOKS_MAX; i++) {
    const struct lc_open_call *call = lc_throttle_open_call(throttle, i);
    uint64_t owner = call->owner;
    if (owner == 0 || owner == living || call->sent_us != LC_NOT_SENT ||
        now_us - call->at_us < OPEN_US)
      continue;
    looks++;
    if (lc_process_lives(owner))
      living = owner;
    else
      lc_throttle_bury(throttle, i, now_us);
  }
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
  bury_the_dead(shm, *now_us);
  err = lc_throttle_reserve(shm->throttle, *now_us, after(*now_us, max_wait_us), ticket, at_us);
  unlock(shm);
  return err;
}

enum lc_err lc_shm_reserve_open(struct lc_shm *shm, int64_t max_wait_us, uint64_t *ticket,
                                int64_t *at_us, int64_t *now_us, int64_t *again_us,
                                struct lc_sending **sending) {
  *sending = NULL;
  struct call *call = new_call(shm);
  if (call == NULL)
    return LC_ENOMEM;
  enum lc_err err = lock(shm, now_us);
  call->open = LC_NO_CALL;
  if (err == LC_OK) {
    bury_the_dead(shm, *now_us);
    err = lc_throttle_reserve_open(shm->throttle, *now_us, after(*now_us, max_wait_us), ticket,
                                   at_us, shm->owner, &call->open);
    *again_us = shm->throttle->n_open > 0 ? shm->throttle->next_end_us : INT64_MAX;
    unlock(shm);
  }
  if (call->open == LC_NO_CALL) {
    free(call);
    return err;
  }
  atomic_fetch_add(&shm->refs, 1);
  call->at_us = *at_us;
  *sending = &call->sending;
  return err;
}

enum lc_err lc_shm_close_call(struct lc_shm *shm, struct lc_sending *sending, int64_t late_us) {
  int64_t now_us;
  const struct call *call = to_call(sending);
  enum lc_err err = call->shm == shm ? lock(shm, &now_us) : LC_EINVAL;
  if (err != LC_OK)
    return err;
  if (call->pid == lc_pid())
    lc_throttle_close(shm->throttle, call->open, call->at_us, late_us, now_us);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_sweep(struct lc_shm *shm) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_sweep(shm->throttle, now_us);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_add(struct lc_shm *shm, int64_t ago_us) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_add(shm->throttle, now_us - ago_us);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_leave(struct lc_shm *shm, uint64_t ticket) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_leave(shm->throttle, ticket);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_release(struct lc_shm *shm, int64_t at_us) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_release(shm->throttle, at_us);
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
  lc_throttle_arrived(shm->throttle, at_us, late_us);
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_pause(struct lc_shm *shm, int64_t wait_us) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  lc_throttle_pause(shm->throttle, after(now_us, wait_us));
  unlock(shm);
  return LC_OK;
}

enum lc_err lc_shm_state(struct lc_shm *shm, struct lc_throttle_state *state) {
  int64_t now_us;
  enum lc_err err = lock(shm, &now_us);
  if (err != LC_OK)
    return err;
  bury_the_dead(shm, now_us);
  lc_throttle_state(shm->throttle, now_us, state);
  unlock(shm);
  return LC_OK;
}
