/* SPDX-License-Identifier: MIT */
/* turn() is the whole pump: the owner's verbs run it, or the engine's own thread does. The multi,
 * its handles and the transfers that have begun belong to the thread that pumps and need no lock;
 * what several threads share is in the call table. */
#include "engine.h"
#include "process.h"
#include "stamp.h"
#include "thread.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MAX 64 /* handles kept for the next calls */
#define CONNECTIONS_MIN 16
#define REST_MS 60000 /* what the thread sleeps where nothing is due earlier */
/* And with transfers under way: libcurl 7.88 can forget that it holds data of an HTTP/2 stream
 * when another begins in the same moment, and then sleeps until the next of its timers (10 s were
 * seen). */
#define REST_RUNNING_MS 100
#define REST_BLIND_MS 10 /* where no descriptor is left to sleep on */

struct lc_engine {
  int pid; /* of the process that made it */
  struct lc_thread *thread;
  bool threaded;
  struct lc_calls *calls;
  CURLM *multi; /* from here on: the pump's */
  void *idle[IDLE_MAX];
  size_t n_idle;
  size_t n_running;
  size_t n_finished;
  size_t max_connections;
  CURLSH *share; /* of TLS sessions: a handle does not live as long as they are good */
  struct lc_libcurl lib;
  struct lc_engine *next; /* of all that have a thread */
};

/* false in a process that forked: the thread is not there, and the connections are the parent's. */
static bool is_owner(const struct lc_engine *engine) {
  return engine->pid == lc_pid();
}

/* Before 7.87 libcurl lets OpenSSL write to connections that the peer has closed: the signal which
 * that raises would end the program. true: it is held back, and allow_sigpipe has to follow. */
static bool block_sigpipe(const struct lc_engine *engine, sigset_t *old) {
  sigset_t set;
  if (!engine->lib.raises_sigpipe)
    return false;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, old);
  return !sigismember(old, SIGPIPE);
}

static void allow_sigpipe(const sigset_t *old) {
  sigset_t set;
  int signal;
  sigpending(&set);
  if (sigismember(&set, SIGPIPE)) {
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigwait(&set, &signal);
  }
  pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* ---- the pump ------------------------------------------------------------------------------- */

/* What libcurl held is the pump's again. */
static void release(struct lc_engine *engine, struct lc_transfer *transfer) {
  void *easy = transfer->easy;
  if (easy != NULL) {
    curl_multi_remove_handle(engine->multi, easy);
    engine->n_running--;
  }
  bool as_new = lc_transfer_free(transfer);
  if (easy != NULL && as_new && engine->lib.keeps_handles && engine->n_idle < IDLE_MAX)
    engine->idle[engine->n_idle++] = easy;
  else if (easy != NULL)
    curl_easy_cleanup(easy);
}

static void free_cancelled(struct lc_engine *engine) {
  struct lc_transfer *transfer = lc_calls_cancelled(engine->calls);
  while (transfer != NULL) {
    struct lc_transfer *next = transfer->next;
    release(engine, transfer);
    transfer = next;
  }
}

static void finish(struct lc_engine *engine, struct lc_transfer *transfer, unsigned code) {
  struct lc_response response;
  lc_transfer_end(transfer, code, &response);
  if (lc_calls_finish(engine->calls, transfer, &response)) {
    engine->n_finished++;
    release(engine, transfer);
  } else { /* its call has ended early: free_cancelled() gets it */
    lc_buf_free(&response.headers);
    lc_buf_free(&response.body);
  }
}

static void begin(struct lc_engine *engine, struct lc_transfer *transfer) {
  void *easy = engine->n_idle > 0 ? engine->idle[--engine->n_idle] : lc_handle_new(&engine->lib);
  unsigned code = lc_transfer_begin(transfer, easy, &engine->lib);
  if (easy != NULL)
    curl_easy_setopt(easy, CURLOPT_SHARE, engine->share);
  if (easy != NULL)
    engine->n_running++;
  if (engine->n_running > engine->max_connections) {
    /* libcurl closes what it has no room to keep when a transfer ends. */
    engine->max_connections *= 2;
    curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, (long)engine->max_connections);
  }
  if (code == CURLE_OK && curl_multi_add_handle(engine->multi, easy) != CURLM_OK)
    code = CURLE_OUT_OF_MEMORY;
  if (code != CURLE_OK)
    finish(engine, transfer, code);
}

static void turn(struct lc_engine *engine) {
  struct lc_transfer *transfer;
  CURLMsg *message;
  sigset_t old;
  int n;
  bool blocked = block_sigpipe(engine, &old);
  free_cancelled(engine);
  while ((transfer = lc_calls_next(engine->calls)) != NULL)
    begin(engine, transfer);
  curl_multi_perform(engine->multi, &n);
  while ((message = curl_multi_info_read(engine->multi, &n)) != NULL) {
    CURLcode code = message->data.result;
    char *user = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
    finish(engine, (struct lc_transfer *)(void *)user, code);
  }
  if (blocked)
    allow_sigpipe(&old);
}

/* Sleeps until libcurl has something to do, another thread wakes the engine, or wait_ms have
 * passed. curl_multi_wait with a descriptor of our own does in every libcurl what curl_multi_poll
 * and curl_multi_wakeup do in newer ones. false: the call table is closed. */
static bool rest(struct lc_engine *engine, int wait_ms) {
  int fds[2];
  struct curl_waitfd waits[2] = {{0}};
  size_t n;
  if (engine->n_running > 0 && wait_ms > REST_RUNNING_MS)
    wait_ms = REST_RUNNING_MS;
  if (lc_calls_before_sleep(engine->calls, fds, &n, &wait_ms)) {
    for (size_t i = 0; i < n; i++)
      waits[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
    if (n > 0)
      curl_multi_wait(engine->multi, waits, (unsigned)n, wait_ms, NULL);
    else
      poll(NULL, 0, wait_ms < REST_BLIND_MS ? wait_ms : REST_BLIND_MS);
  }
  return lc_calls_after_sleep(engine->calls);
}

/* On the owner's thread, until the call has finished, or any where id is 0. */
static enum lc_err drive(struct lc_engine *engine, uint64_t id, int wait_ms) {
  int64_t deadline_us = lc_clock_us() + (int64_t)wait_ms * 1000;
  size_t n_finished = engine->n_finished;
  for (;;) {
    turn(engine);
    if (id == 0 ? engine->n_finished != n_finished : lc_calls_done(engine->calls, id))
      return LC_OK;
    int64_t remaining_us = deadline_us - lc_clock_us();
    if (remaining_us <= 0)
      return LC_ETIMEOUT;
    rest(engine, (int)((remaining_us + 999) / 1000));
  }
}

/* ---- verbs: calls --------------------------------------------------------------------------- */

struct lc_calls *lc_engine_calls(struct lc_engine *engine) {
  return engine->calls;
}

enum lc_err lc_engine_submit(struct lc_engine *engine, const struct lc_request *request,
                             uint64_t *id, char *text, size_t text_size) {
  struct lc_transfer *transfer;
  enum lc_err err = lc_transfer_new(&transfer, request, text, text_size);
  if (err != LC_OK)
    return err;
  err = lc_calls_add(engine->calls, transfer, request->notify, id);
  if (err != LC_OK)
    lc_transfer_free(transfer);
  return err;
}

enum lc_err lc_engine_pump(struct lc_engine *engine, int wait_ms) {
  if (!is_owner(engine))
    return LC_ECLOSED;
  if (engine->threaded)
    return LC_EINVAL;
  drive(engine, 0, wait_ms);
  return LC_OK;
}

enum lc_err lc_engine_wait(struct lc_engine *engine, uint64_t id, int wait_ms) {
  enum lc_err err = lc_calls_wait(engine->calls, id, engine->threaded ? wait_ms : 0);
  return err == LC_ETIMEOUT && !engine->threaded ? drive(engine, id, wait_ms) : err;
}

/* Without a thread the connection of a call that ended early is closed at once: it may be long
 * before the owner pumps again. */
static void free_cancelled_if_owner(struct lc_engine *engine) {
  sigset_t old;
  if (engine->threaded || !is_owner(engine))
    return;
  bool blocked = block_sigpipe(engine, &old);
  free_cancelled(engine);
  if (blocked)
    allow_sigpipe(&old);
}

void lc_engine_cancel(struct lc_engine *engine, uint64_t id) {
  lc_calls_cancel(engine->calls, id);
  free_cancelled_if_owner(engine);
}

void lc_engine_drop(struct lc_engine *engine, uint64_t id) {
  lc_calls_drop(engine->calls, id);
  free_cancelled_if_owner(engine);
}

/* ---- the end of the process ------------------------------------------------------------------ */

struct threads { /* the engines that have one */
  pthread_mutex_t lock;
  struct lc_engine *first;
  bool registered;
};

static struct threads *threads(void) {
  static struct threads all = {.lock = PTHREAD_MUTEX_INITIALIZER};
  return &all;
}

static void stop(struct lc_engine *engine) {
  lc_calls_close(engine->calls);
  if (engine->threaded)
    lc_thread_join(engine->thread);
  engine->threaded = false;
}

/* exit() takes down what a thread may still be using, OpenSSL first of all. What was registered
 * last is called first, so this comes before: libcurl has set up OpenSSL when an engine is made. */
static void stop_all(void) {
  struct threads *all = threads();
  if (pthread_mutex_trylock(&all->lock) != 0) /* a fork caught it locked */
    return;
  for (struct lc_engine *engine = all->first; engine != NULL; engine = engine->next) {
    if (is_owner(engine))
      stop(engine);
  }
  pthread_mutex_unlock(&all->lock);
}

static void list(struct lc_engine *engine) {
  struct threads *all = threads();
  pthread_mutex_lock(&all->lock);
  if (!all->registered)
    all->registered = atexit(stop_all) == 0;
  engine->next = all->first;
  all->first = engine;
  pthread_mutex_unlock(&all->lock);
}

static void unlist(const struct lc_engine *engine) {
  struct threads *all = threads();
  pthread_mutex_lock(&all->lock);
  struct lc_engine **at = &all->first;
  while (*at != NULL && *at != engine)
    at = &(*at)->next;
  if (*at != NULL)
    *at = engine->next;
  pthread_mutex_unlock(&all->lock);
}

/* ---- verbs: the thread ---------------------------------------------------------------------- */

static void *run(void *arg) {
  struct lc_engine *engine = arg;
  do
    turn(engine);
  while (rest(engine, REST_MS));
  return NULL;
}

enum lc_err lc_engine_start(struct lc_engine *engine) {
  if (!is_owner(engine))
    return LC_ECLOSED;
  if (engine->threaded)
    return LC_OK;
  enum lc_err err = lc_calls_share(engine->calls);
  if (err != LC_OK)
    return err;
  err = lc_thread_start(&engine->thread, "livechat", run, engine);
  if (err != LC_OK)
    return err;
  engine->threaded = true;
  list(engine);
  return LC_OK;
}

enum lc_err lc_engine_listen(struct lc_engine *engine, char *path, size_t path_size) {
  if (is_owner(engine) && !engine->threaded)
    return LC_EINVAL;
  return lc_calls_listen(engine->calls, path, path_size);
}

/* ---- verbs: the engine ---------------------------------------------------------------------- */

/* libcurl counts how often it was set up. It is never taken down: other code of this process may
 * use it. Before 7.84 that count has no lock of its own. */
static CURLcode set_up_libcurl(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  pthread_mutex_unlock(&lock);
  return code;
}

static bool is_unix_socket(int fd) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  return getsockname(fd, (struct sockaddr *)&address, &size) == 0 && address.ss_family == AF_UNIX;
}

/* libcurl 7.68 and later make a pair of Unix sockets for curl_multi_wakeup, which is not used here:
 * open in every program that this one executes. They are found among the lowest descriptors that
 * are free before and are not afterwards: that is where the kernel puts them. */
static CURLM *new_multi(void) {
  enum { SEEN = 64 };
  bool taken[SEEN];
  int first = fcntl(0, F_DUPFD_CLOEXEC, 0);
  if (first < 0)
    first = 0;
  else
    close(first);
  for (int i = 0; i < SEEN; i++)
    taken[i] = fcntl(first + i, F_GETFD) >= 0;
  CURLM *multi = curl_multi_init();
  for (int i = 0; i < SEEN; i++) {
    if (!taken[i] && is_unix_socket(first + i))
      fcntl(first + i, F_SETFD, FD_CLOEXEC);
  }
  return multi;
}

enum lc_err lc_engine_new(struct lc_engine **engine) {
  *engine = NULL;
  if (set_up_libcurl() != CURLE_OK)
    return LC_ENOMEM;
  struct lc_engine *e = calloc(1, sizeof *e);
  if (e == NULL)
    return LC_ENOMEM;
  enum lc_err err = lc_calls_new(&e->calls);
  e->multi = err == LC_OK ? new_multi() : NULL;
  if (err == LC_OK && e->multi == NULL)
    err = LC_ENOMEM;
  if (err != LC_OK) {
    lc_calls_free(e->calls);
    free(e);
    return err;
  }
  e->pid = lc_pid();
  e->max_connections = CONNECTIONS_MIN;
  lc_libcurl_look(&e->lib, 0);
  e->share = curl_share_init(); /* it does without */
  curl_share_setopt(e->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MIN);
  curl_multi_setopt(e->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
  *engine = e;
  return LC_OK;
}

/* In a child of the process that made the engine nothing is done at all: closing a connection would
 * say good-bye in the parent's name, and the child may have closed a descriptor and used its number
 * again. */
void lc_engine_free(struct lc_engine *engine) {
  sigset_t old;
  if (engine == NULL || !is_owner(engine))
    return;
  unlist(engine);
  stop(engine);
  bool blocked = block_sigpipe(engine, &old);
  free_cancelled(engine);
  while (engine->n_idle > 0)
    curl_easy_cleanup(engine->idle[--engine->n_idle]);
  curl_multi_cleanup(engine->multi);
  curl_share_cleanup(engine->share);
  if (blocked)
    allow_sigpipe(&old);
  lc_calls_free(engine->calls);
  free(engine);
}
