/* SPDX-License-Identifier: MIT */
/* The register of calls: which there are, what state each is in, and who is told of a change. Any
 * thread may ask and change; libcurl is never called from here. A transfer belongs to its call
 * until that ends early: then it waits among the abandoned for the pump, the only one who may take
 * it out of libcurl's hands. */
#include "calls.h"
#include "notify.h"
#include "stamp.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TABLE_MIN 64 /* a power of two, as all sizes of the table */
#define SPARE_MAX 64 /* flags kept for the next calls */

enum state { QUEUED, RUNNING, DONE, TAKEN };

struct list {
  struct call *first;
  struct call *last;
};

struct call {
  struct call *chain; /* the next of its place in the table */
  struct list *list;  /* where it stands: queued, unreported, or NULL */
  struct call *prev;
  struct call *next;
  uint64_t id;
  uint64_t group; /* the call whose flag also goes up when this one is done; 0: none */
  enum state state;
  int64_t since_us;
  struct lc_flag flag;
  struct lc_transfer *transfer; /* NULL: parked, or done */
  struct lc_response response;
};

struct lc_calls {
  pthread_mutex_t lock; /* of everything below */
  pthread_cond_t changed;
  struct call **table; /* chains, by the low bits of the id */
  size_t table_size;
  size_t n_calls;
  uint64_t last_id;
  struct list queued;
  struct list unreported; /* finished since the dispatcher last looked */
  struct lc_transfer *abandoned;
  struct lc_flag spare[SPARE_MAX];
  size_t n_spare;
  struct lc_flag wake;
  struct lc_door door;
  size_t n_waiters;
  bool asleep; /* the pump sleeps, or is about to */
  bool woken;  /* the flag is up */
  bool closed;
  bool reporting; /* somebody looks, or looked, for what has finished */
  bool knocked;   /* and it has not looked since */
};

/* ---- table and lists. Everything static here is called under the lock ----------------------- */

static struct call **place(struct lc_calls *calls, uint64_t id) {
  return &calls->table[id & (calls->table_size - 1)];
}

static struct call *find(struct lc_calls *calls, uint64_t id) {
  struct call *call = *place(calls, id);
  while (call != NULL && call->id != id)
    call = call->chain;
  return call;
}

static void table_add(struct lc_calls *calls, struct call *call) {
  struct call **at = place(calls, call->id);
  call->chain = *at;
  *at = call;
}

static enum lc_err table_grow(struct lc_calls *calls) {
  size_t old_size = calls->table_size;
  struct call **old = calls->table;
  if (calls->n_calls < old_size)
    return LC_OK;
  struct call **table = calloc(old_size * 2, sizeof(struct call *));
  if (table == NULL)
    return LC_ENOMEM;
  calls->table = table;
  calls->table_size = old_size * 2;
  for (size_t i = 0; i < old_size; i++) {
    for (struct call *next, *call = old[i]; call != NULL; call = next) {
      next = call->chain;
      table_add(calls, call);
    }
  }
  free(old);
  return LC_OK;
}

static void table_remove(struct lc_calls *calls, const struct call *call) {
  struct call **at = place(calls, call->id);
  while (*at != call)
    at = &(*at)->chain;
  *at = call->chain;
  calls->n_calls--;
}

static void list_add(struct list *list, struct call *call) {
  call->list = list;
  call->prev = list->last;
  call->next = NULL;
  *(list->last != NULL ? &list->last->next : &list->first) = call;
  list->last = call;
}

static void list_remove(struct call *call) {
  struct list *list = call->list;
  if (list == NULL)
    return;
  *(call->prev != NULL ? &call->prev->next : &list->first) = call->next;
  *(call->next != NULL ? &call->next->prev : &list->last) = call->prev;
  call->list = NULL;
}

static enum lc_err flag_get(struct lc_calls *calls, struct lc_flag *flag) {
  if (calls->n_spare == 0)
    return lc_flag_open(flag);
  *flag = calls->spare[--calls->n_spare];
  return LC_OK;
}

static void flag_put(struct lc_calls *calls, struct lc_flag *flag) {
  if (flag->fd >= 0 && calls->n_spare < SPARE_MAX) {
    lc_flag_lower(flag);
    calls->spare[calls->n_spare++] = *flag;
  } else {
    lc_flag_close(flag);
  }
}

/* ---- states --------------------------------------------------------------------------------- */

/* One byte for any number of calls, until the dispatcher has looked. */
static void knock(struct lc_calls *calls) {
  if (!calls->knocked && calls->unreported.first != NULL)
    calls->knocked = lc_door_knock(&calls->door);
}

static void raise_group(struct lc_calls *calls, const struct call *call) {
  const struct call *group = call->group != 0 ? find(calls, call->group) : NULL;
  if (group != NULL && group->flag.fd >= 0)
    lc_flag_raise(&group->flag);
}

static void wake(struct lc_calls *calls) {
  if (calls->asleep && !calls->woken)
    lc_flag_raise(&calls->wake);
  calls->woken = calls->asleep;
}

/* The one place where a call's state changes. */
static void set_state(struct lc_calls *calls, struct call *call, enum state state) {
  list_remove(call);
  call->state = state;
  if (state == QUEUED) {
    list_add(&calls->queued, call);
    wake(calls);
  }
  if (state == DONE) {
    call->response.seconds = (double)(lc_clock_us() - call->since_us) / 1e6;
    if (call->flag.fd >= 0)
      lc_flag_raise(&call->flag);
    raise_group(calls, call);
    if (calls->reporting)
      list_add(&calls->unreported, call);
    knock(calls);
  }
  if (state == TAKEN) {
    table_remove(calls, call);
    flag_put(calls, &call->flag);
  }
  if (state >= DONE && calls->n_waiters > 0)
    pthread_cond_broadcast(&calls->changed);
}

/* Takes the transfer from a call that ends early. true: its request has not left and will not. */
static bool abandon(struct lc_calls *calls, struct call *call) {
  struct lc_transfer *transfer = call->transfer;
  call->transfer = NULL;
  if (transfer == NULL)
    return true;
  transfer->next = calls->abandoned;
  calls->abandoned = transfer;
  wake(calls);
  return lc_transfer_give_up(transfer);
}

/* ---- for the pump --------------------------------------------------------------------------- */

struct lc_transfer *lc_calls_next(struct lc_calls *calls) {
  struct lc_transfer *transfer = NULL;
  pthread_mutex_lock(&calls->lock);
  struct call *call = calls->queued.first;
  if (call != NULL) {
    transfer = call->transfer;
    set_state(calls, call, RUNNING);
  }
  pthread_mutex_unlock(&calls->lock);
  return transfer;
}

bool lc_calls_finish(struct lc_calls *calls, const struct lc_transfer *transfer,
                     const struct lc_response *response) {
  pthread_mutex_lock(&calls->lock);
  struct call *call = find(calls, transfer->id);
  bool wanted = call != NULL && call->transfer == transfer;
  if (wanted) {
    call->transfer = NULL;
    call->response = *response;
    set_state(calls, call, DONE);
  }
  pthread_mutex_unlock(&calls->lock);
  return wanted;
}

struct lc_transfer *lc_calls_abandoned(struct lc_calls *calls) {
  pthread_mutex_lock(&calls->lock);
  struct lc_transfer *first = calls->abandoned;
  calls->abandoned = NULL;
  pthread_mutex_unlock(&calls->lock);
  return first;
}

size_t lc_calls_fall_asleep(struct lc_calls *calls, int fds[2]) {
  size_t n = 0;
  pthread_mutex_lock(&calls->lock);
  if (calls->queued.first == NULL && calls->abandoned == NULL && !calls->closed) {
    calls->asleep = true;
    fds[n++] = calls->wake.fd;
    if (calls->door.listener >= 0)
      fds[n++] = calls->door.listener;
  }
  pthread_mutex_unlock(&calls->lock);
  return n;
}

bool lc_calls_wake_up(struct lc_calls *calls) {
  pthread_mutex_lock(&calls->lock);
  if (calls->woken)
    lc_flag_lower(&calls->wake);
  calls->asleep = calls->woken = false;
  if (lc_door_accept(&calls->door))
    knock(calls);
  bool closed = calls->closed;
  pthread_mutex_unlock(&calls->lock);
  return !closed;
}

/* ---- for the callers ------------------------------------------------------------------------ */

enum lc_err lc_calls_add(struct lc_calls *calls, struct lc_transfer *transfer, bool notify,
                         uint64_t *id) {
  struct call *call = calloc(1, sizeof *call);
  if (call == NULL)
    return LC_ENOMEM;
  call->flag = (struct lc_flag){.fd = -1, .raise_fd = -1};
  call->since_us = lc_clock_us();
  call->transfer = transfer;
  pthread_mutex_lock(&calls->lock);
  enum lc_err err = calls->closed ? LC_ECLOSED : table_grow(calls);
  if (err == LC_OK && notify)
    err = flag_get(calls, &call->flag);
  if (err == LC_OK) {
    *id = call->id = ++calls->last_id;
    calls->n_calls++;
    table_add(calls, call);
    if (transfer != NULL)
      transfer->id = call->id;
    set_state(calls, call, transfer != NULL ? QUEUED : RUNNING);
  }
  pthread_mutex_unlock(&calls->lock);
  if (err != LC_OK)
    free(call);
  return err;
}

bool lc_calls_done(struct lc_calls *calls, uint64_t id) {
  pthread_mutex_lock(&calls->lock);
  const struct call *call = find(calls, id);
  bool done = call == NULL || call->state == DONE;
  pthread_mutex_unlock(&calls->lock);
  return done;
}

/* Until the call is done or gone, or the deadline, on the clock of calls->changed, has passed. */
static void sleep_until_done(struct lc_calls *calls, uint64_t id, const struct timespec *deadline) {
  int timed_out = 0;
  calls->n_waiters++;
  while (!timed_out && !calls->closed) {
    const struct call *call = find(calls, id);
    if (call == NULL || call->state == DONE)
      break;
    timed_out = pthread_cond_timedwait(&calls->changed, &calls->lock, deadline);
  }
  calls->n_waiters--;
  if (calls->closed)
    pthread_cond_broadcast(&calls->changed); /* lc_calls_close waits for the last to leave */
}

enum lc_err lc_calls_wait(struct lc_calls *calls, uint64_t id, int wait_ms) {
  enum lc_err err = LC_ECLOSED;
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_sec += wait_ms / 1000;
  deadline.tv_nsec += wait_ms % 1000 * 1000000L;
  deadline.tv_sec += deadline.tv_nsec / 1000000000;
  deadline.tv_nsec %= 1000000000;
  pthread_mutex_lock(&calls->lock);
  if (wait_ms > 0)
    sleep_until_done(calls, id, &deadline);
  const struct call *call = calls->closed ? NULL : find(calls, id);
  if (call != NULL)
    err = call->state == DONE ? LC_OK : LC_ETIMEOUT;
  pthread_mutex_unlock(&calls->lock);
  return err;
}

bool lc_calls_take(struct lc_calls *calls, uint64_t id, struct lc_response *response) {
  pthread_mutex_lock(&calls->lock);
  struct call *call = find(calls, id);
  bool done = call != NULL && call->state == DONE;
  if (done) {
    *response = call->response;
    set_state(calls, call, TAKEN);
  }
  pthread_mutex_unlock(&calls->lock);
  if (done)
    free(call);
  return done;
}

void lc_calls_cancel(struct lc_calls *calls, uint64_t id) {
  pthread_mutex_lock(&calls->lock);
  struct call *call = find(calls, id);
  if (call != NULL && call->state != DONE) {
    bool unsent = abandon(calls, call);
    call->response = (struct lc_response){.err = LC_ECANCELLED, .sent = !unsent};
    snprintf(call->response.text, sizeof call->response.text, "cancelled");
    set_state(calls, call, DONE);
  }
  pthread_mutex_unlock(&calls->lock);
}

static void forget(struct lc_calls *calls, struct call *call) {
  abandon(calls, call);
  set_state(calls, call, TAKEN);
  lc_buf_free(&call->response.headers);
  lc_buf_free(&call->response.body);
  free(call);
}

void lc_calls_drop(struct lc_calls *calls, uint64_t id) {
  pthread_mutex_lock(&calls->lock);
  struct call *call = find(calls, id);
  if (call != NULL)
    forget(calls, call);
  pthread_mutex_unlock(&calls->lock);
}

size_t lc_calls_pending(struct lc_calls *calls) {
  pthread_mutex_lock(&calls->lock);
  size_t n = calls->n_calls;
  pthread_mutex_unlock(&calls->lock);
  return n;
}

int lc_calls_fd(struct lc_calls *calls, uint64_t id) {
  pthread_mutex_lock(&calls->lock);
  const struct call *call = find(calls, id);
  int fd = call != NULL ? call->flag.fd : -1;
  pthread_mutex_unlock(&calls->lock);
  return fd;
}

void lc_calls_join(struct lc_calls *calls, uint64_t id, uint64_t group) {
  pthread_mutex_lock(&calls->lock);
  struct call *call = find(calls, id);
  if (call != NULL) {
    call->group = group;
    if (call->state == DONE)
      raise_group(calls, call);
  }
  pthread_mutex_unlock(&calls->lock);
}

void lc_calls_clear(struct lc_calls *calls, uint64_t id) {
  pthread_mutex_lock(&calls->lock);
  const struct call *call = find(calls, id);
  if (call != NULL && call->flag.fd >= 0 && call->state != DONE)
    lc_flag_lower(&call->flag);
  pthread_mutex_unlock(&calls->lock);
}

/* ---- for the dispatcher --------------------------------------------------------------------- */

enum lc_err lc_calls_listen(struct lc_calls *calls, char *path, size_t path_size) {
  pthread_mutex_lock(&calls->lock);
  enum lc_err err = lc_door_open(&calls->door);
  if (err == LC_OK && strlen(calls->door.path) >= path_size) {
    lc_door_close(&calls->door);
    err = LC_ETOOLARGE;
  }
  if (err == LC_OK) {
    snprintf(path, path_size, "%s", calls->door.path);
    calls->reporting = true;
    calls->knocked = false;
    wake(calls);
  }
  pthread_mutex_unlock(&calls->lock);
  return err;
}

size_t lc_calls_finished(struct lc_calls *calls, uint64_t *ids, size_t n) {
  size_t got = 0;
  pthread_mutex_lock(&calls->lock);
  calls->reporting = true;
  for (struct call *call; got < n && (call = calls->unreported.first) != NULL; got++) {
    ids[got] = call->id;
    list_remove(call);
  }
  if (calls->unreported.first == NULL)
    calls->knocked = false;
  pthread_mutex_unlock(&calls->lock);
  return got;
}

/* ---- the register --------------------------------------------------------------------------- */

enum lc_err lc_calls_new(struct lc_calls **calls) {
  pthread_condattr_t attr;
  struct lc_calls *c = *calls = calloc(1, sizeof *c);
  if (c == NULL)
    return LC_ENOMEM;
  pthread_mutex_init(&c->lock, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&c->changed, &attr);
  pthread_condattr_destroy(&attr);
  lc_door_init(&c->door);
  enum lc_err err = lc_flag_open(&c->wake);
  c->table_size = TABLE_MIN;
  c->table = calloc(TABLE_MIN, sizeof(struct call *));
  if (err == LC_OK && c->table == NULL)
    err = LC_ENOMEM;
  if (err != LC_OK) {
    lc_calls_free(c);
    *calls = NULL;
  }
  return err;
}

void lc_calls_close(struct lc_calls *calls) {
  pthread_mutex_lock(&calls->lock);
  calls->closed = true;
  wake(calls);
  pthread_cond_broadcast(&calls->changed);
  while (calls->n_waiters > 0)
    pthread_cond_wait(&calls->changed, &calls->lock);
  for (size_t i = 0; i < calls->table_size; i++) {
    while (calls->table[i] != NULL)
      forget(calls, calls->table[i]);
  }
  pthread_mutex_unlock(&calls->lock);
}

void lc_calls_free(struct lc_calls *calls) {
  if (calls == NULL)
    return;
  while (calls->n_spare > 0)
    lc_flag_close(&calls->spare[--calls->n_spare]);
  lc_flag_close(&calls->wake);
  lc_door_close(&calls->door);
  pthread_cond_destroy(&calls->changed);
  pthread_mutex_destroy(&calls->lock);
  free(calls->table);
  free(calls);
}
