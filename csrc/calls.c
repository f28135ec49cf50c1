/* SPDX-License-Identifier: MIT */
/* libcurl is never called from here. A transfer belongs to its call until that ends early: then it
 * waits in `cancelled` for the pump, the only thread that may take it out of libcurl's hands. */
#include "calls.h"
#include "idtable.h"
#include "notify.h"
#include "process.h"
#include "stamp.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SPARE_MAX 64 /* events kept for the next calls */

enum state { QUEUED, RUNNING, DONE, TAKEN };

static const struct lc_event no_event = {.fd = -1, .set_fd = -1};

struct list {
  struct call *first;
  struct call *last;
};

struct call {
  struct lc_node node; /* its id */
  struct list *list;   /* it is in: queued, unreported, or NULL */
  struct call *prev;
  struct call *next;
  uint64_t group; /* the call whose event is also set when this one is done; 0: none */
  enum state state;
  int64_t since_us;
  struct lc_event event;
  struct lc_transfer *transfer; /* NULL: parked, or done */
  struct lc_response response;
};

struct lc_calls {
  int pid;              /* of the process that made it */
  pthread_mutex_t lock; /* of everything below */
  pthread_cond_t changed;
  struct lc_idtable table;
  uint64_t last_id;
  struct list queued;
  struct list unreported;        /* finished since the dispatcher last asked */
  struct lc_transfer *cancelled; /* by their `next`: the pump takes them out of libcurl */
  struct lc_event spare[SPARE_MAX];
  size_t n_spare;
  struct lc_event wake; /* closed: no other thread pumps */
  struct lc_wakeup wakeup;
  size_t n_waiters;
  bool asleep; /* the pump sleeps, or is about to */
  bool woken;  /* `wake` is set */
  bool closed;
  bool reporting; /* a dispatcher asks, or has asked, for what has finished */
  bool signalled; /* and has not asked since it was signalled */
};

/* Every verb of a caller begins with this. false: another process. */
static bool enter(struct lc_calls *calls) {
  if (calls->pid != lc_pid())
    return false;
  pthread_mutex_lock(&calls->lock);
  return true;
}

static void leave(struct lc_calls *calls) {
  pthread_mutex_unlock(&calls->lock);
}

/* ---- table and lists. From here on everything static is called under the lock ---------------- */

static struct call *find(struct lc_calls *calls, uint64_t id) {
  return (struct call *)lc_idtable_find(&calls->table, id);
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

static enum lc_err event_get(struct lc_calls *calls, struct lc_event *event) {
  if (calls->n_spare == 0)
    return lc_event_open(event);
  *event = calls->spare[--calls->n_spare];
  return LC_OK;
}

static void event_put(struct lc_calls *calls, struct lc_event *event) {
  if (event->fd >= 0 && calls->n_spare < SPARE_MAX) {
    lc_event_clear(event);
    calls->spare[calls->n_spare++] = *event;
  } else {
    lc_event_close(event);
  }
}

/* ---- states --------------------------------------------------------------------------------- */

/* One byte for any number of calls, until the dispatcher has asked. */
static void signal_dispatcher(struct lc_calls *calls) {
  if (!calls->signalled && calls->unreported.first != NULL)
    calls->signalled = lc_wakeup_signal(&calls->wakeup);
}

static void set_group_event(struct lc_calls *calls, const struct call *call) {
  const struct call *group = call->group != 0 ? find(calls, call->group) : NULL;
  if (group != NULL && group->event.fd >= 0)
    lc_event_set(&group->event);
}

static void wake(struct lc_calls *calls) {
  if (calls->asleep && !calls->woken && calls->wake.fd >= 0)
    lc_event_set(&calls->wake);
  calls->woken = calls->asleep && calls->wake.fd >= 0;
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
    if (call->event.fd >= 0)
      lc_event_set(&call->event);
    set_group_event(calls, call);
    if (calls->reporting)
      list_add(&calls->unreported, call);
    signal_dispatcher(calls);
  }
  if (state == TAKEN) {
    lc_idtable_remove(&calls->table, &call->node);
    event_put(calls, &call->event);
  }
  if (state >= DONE && calls->n_waiters > 0)
    pthread_cond_broadcast(&calls->changed);
}

/* Takes the transfer from a call that ends early. true: its request has not left and will not. */
static bool cancel_transfer(struct lc_calls *calls, struct call *call) {
  struct lc_transfer *transfer = call->transfer;
  call->transfer = NULL;
  if (transfer == NULL)
    return true;
  transfer->next = calls->cancelled;
  calls->cancelled = transfer;
  wake(calls);
  return lc_transfer_try_cancel(transfer);
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

struct lc_transfer *lc_calls_cancelled(struct lc_calls *calls) {
  pthread_mutex_lock(&calls->lock);
  struct lc_transfer *first = calls->cancelled;
  calls->cancelled = NULL;
  pthread_mutex_unlock(&calls->lock);
  return first;
}

bool lc_calls_before_sleep(struct lc_calls *calls, int fds[2], size_t *n_fds, int *wait_ms) {
  *n_fds = 0;
  pthread_mutex_lock(&calls->lock);
  bool idle = calls->queued.first == NULL && calls->cancelled == NULL && !calls->closed;
  if (idle && calls->wake.fd >= 0) {
    calls->asleep = true;
    fds[(*n_fds)++] = calls->wake.fd;
  }
  if (idle && calls->wakeup.listener >= 0) {
    int fd = lc_wakeup_fd(&calls->wakeup, lc_clock_us());
    if (fd >= 0)
      fds[(*n_fds)++] = fd;
    else if (*wait_ms > LC_WAKEUP_RETRY_MS)
      *wait_ms = LC_WAKEUP_RETRY_MS;
  }
  pthread_mutex_unlock(&calls->lock);
  return idle;
}

bool lc_calls_after_sleep(struct lc_calls *calls) {
  pthread_mutex_lock(&calls->lock);
  if (calls->woken)
    lc_event_clear(&calls->wake);
  calls->asleep = calls->woken = false;
  if (calls->wakeup.listener >= 0 && lc_wakeup_accept(&calls->wakeup, lc_clock_us()))
    signal_dispatcher(calls);
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
  call->event = no_event;
  call->since_us = lc_clock_us();
  call->transfer = transfer;
  if (!enter(calls)) {
    free(call);
    return LC_ECLOSED;
  }
  enum lc_err err = calls->closed ? LC_ECLOSED : lc_idtable_grow(&calls->table);
  if (err == LC_OK && notify)
    err = event_get(calls, &call->event);
  if (err == LC_OK) {
    *id = call->node.id = ++calls->last_id;
    lc_idtable_add(&calls->table, &call->node);
    if (transfer != NULL)
      transfer->id = call->node.id;
    set_state(calls, call, transfer != NULL ? QUEUED : RUNNING);
  }
  leave(calls);
  if (err != LC_OK)
    free(call);
  return err;
}

bool lc_calls_done(struct lc_calls *calls, uint64_t id) {
  if (!enter(calls))
    return true;
  const struct call *call = find(calls, id);
  bool done = call == NULL || call->state == DONE;
  leave(calls);
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
  if (!enter(calls))
    return LC_ECLOSED;
  if (wait_ms > 0)
    sleep_until_done(calls, id, &deadline);
  const struct call *call = calls->closed ? NULL : find(calls, id);
  if (call != NULL)
    err = call->state == DONE ? LC_OK : LC_ETIMEOUT;
  leave(calls);
  return err;
}

bool lc_calls_take(struct lc_calls *calls, uint64_t id, struct lc_response *response) {
  if (!enter(calls))
    return false;
  struct call *call = find(calls, id);
  bool done = call != NULL && call->state == DONE;
  if (done) {
    *response = call->response;
    set_state(calls, call, TAKEN);
  }
  leave(calls);
  if (done)
    free(call);
  return done;
}

void lc_calls_cancel_all(struct lc_calls *calls, const uint64_t *ids, size_t n) {
  if (!enter(calls))
    return;
  for (size_t i = 0; i < n; i++) {
    struct call *call = find(calls, ids[i]);
    if (call == NULL || call->state == DONE)
      continue;
    bool unsent = cancel_transfer(calls, call);
    call->response = (struct lc_response){.err = LC_ECANCELLED, .sent = !unsent};
    snprintf(call->response.text, sizeof call->response.text, "cancelled");
    set_state(calls, call, DONE);
  }
  leave(calls);
}

void lc_calls_cancel(struct lc_calls *calls, uint64_t id) {
  lc_calls_cancel_all(calls, &id, 1);
}

static void forget(struct lc_calls *calls, struct call *call) {
  cancel_transfer(calls, call);
  set_state(calls, call, TAKEN);
  lc_buf_free(&call->response.headers);
  lc_buf_free(&call->response.body);
  free(call);
}

void lc_calls_drop(struct lc_calls *calls, uint64_t id) {
  if (!enter(calls))
    return;
  struct call *call = find(calls, id);
  if (call != NULL)
    forget(calls, call);
  leave(calls);
}

size_t lc_calls_pending(struct lc_calls *calls) {
  if (!enter(calls))
    return 0;
  size_t n = calls->table.n;
  leave(calls);
  return n;
}

int lc_calls_fd(struct lc_calls *calls, uint64_t id) {
  if (!enter(calls))
    return -1;
  const struct call *call = find(calls, id);
  int fd = call != NULL ? call->event.fd : -1;
  leave(calls);
  return fd;
}

void lc_calls_join(struct lc_calls *calls, uint64_t id, uint64_t group) {
  if (!enter(calls))
    return;
  struct call *call = find(calls, id);
  if (call != NULL) {
    call->group = group;
    if (call->state == DONE)
      set_group_event(calls, call);
  }
  leave(calls);
}

void lc_calls_clear(struct lc_calls *calls, uint64_t id) {
  if (!enter(calls))
    return;
  const struct call *call = find(calls, id);
  if (call != NULL && call->event.fd >= 0 && call->state != DONE)
    lc_event_clear(&call->event);
  leave(calls);
}

/* ---- for the dispatcher --------------------------------------------------------------------- */

enum lc_err lc_calls_listen(struct lc_calls *calls, char *path, size_t path_size) {
  if (!enter(calls))
    return LC_ECLOSED;
  enum lc_err err = lc_wakeup_listen(&calls->wakeup);
  if (err == LC_OK && strlen(calls->wakeup.path) >= path_size) {
    lc_wakeup_close(&calls->wakeup);
    err = LC_ETOOLARGE;
  }
  if (err == LC_OK) {
    snprintf(path, path_size, "%s", calls->wakeup.path);
    calls->reporting = true;
    calls->signalled = false;
    wake(calls);
  }
  leave(calls);
  return err;
}

size_t lc_calls_finished(struct lc_calls *calls, uint64_t *ids, size_t n) {
  size_t got = 0;
  if (!enter(calls))
    return 0;
  calls->reporting = true;
  for (struct call *call; got < n && (call = calls->unreported.first) != NULL; got++) {
    ids[got] = call->node.id;
    list_remove(call);
  }
  if (calls->unreported.first == NULL)
    calls->signalled = false;
  leave(calls);
  return got;
}

/* ---- making and closing --------------------------------------------------------------------- */

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
  c->pid = lc_pid();
  lc_event_open(&c->wake); /* without a descriptor for it one thread can do */
  lc_wakeup_init(&c->wakeup);
  return LC_OK;
}

enum lc_err lc_calls_share(struct lc_calls *calls) {
  if (!enter(calls))
    return LC_ECLOSED;
  enum lc_err err = calls->wake.fd >= 0 ? LC_OK : lc_event_open(&calls->wake);
  leave(calls);
  return err;
}

void lc_calls_close(struct lc_calls *calls) {
  pthread_mutex_lock(&calls->lock);
  calls->closed = true;
  wake(calls);
  pthread_cond_broadcast(&calls->changed);
  while (calls->n_waiters > 0)
    pthread_cond_wait(&calls->changed, &calls->lock);
  struct lc_node *node;
  for (size_t from = 0; (node = lc_idtable_first(&calls->table, &from)) != NULL;)
    forget(calls, (struct call *)node);
  pthread_mutex_unlock(&calls->lock);
}

void lc_calls_free(struct lc_calls *calls) {
  if (calls == NULL)
    return;
  while (calls->n_spare > 0)
    lc_event_close(&calls->spare[--calls->n_spare]);
  lc_event_close(&calls->wake);
  lc_wakeup_close(&calls->wakeup);
  pthread_cond_destroy(&calls->changed);
  pthread_mutex_destroy(&calls->lock);
  lc_idtable_free(&calls->table);
  free(calls);
}
