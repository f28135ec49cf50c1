/* SPDX-License-Identifier: MIT */
/* A server for the tests: it reads a request, looks its target up in a table of scripts, and sends
 * the bytes that stand there, however wrong they are. One thread a connection. It allocates nothing
 * once it runs, so the failing allocator hits only what is tested. */
#ifndef LC_TEST_HTTP_H
#define LC_TEST_HTTP_H

#include "engine.h"
#include "stamp.h"
#include "test.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum test_then {
  TEST_KEEP,  /* wait for the next request */
  TEST_CLOSE, /* say good-bye */
  TEST_RESET, /* RST */
  TEST_HANG,  /* nothing more */
  TEST_DIE    /* read the next request of the connection, whatever it is, and close */
};

struct test_script {
  const char *target; /* path without query; for a proxy what stands in its place */
  const char *bytes;  /* NULL: 200 and the request itself as the body */
  enum test_then then;
  size_t len;  /* of the bytes; 0: they are a string */
  int drip_ms; /* after each byte of the answer */
};

#define TEST_SCRIPTS_MAX 64
#define TEST_CONNECTIONS_MAX 2048
#define TEST_HEAD_MAX 8192

struct test_connection {
  struct test_http *http;
  int fd;
};

struct test_http {
  const struct test_script *scripts;
  size_t n_scripts;
  int listener;
  unsigned port;
  pthread_t thread;
  atomic_bool closing;
  atomic_int live;
  atomic_int connections;
  atomic_int credentials;             /* requests with an Authorization */
  atomic_int together;                /* requests that came with ?with= */
  atomic_int asked[TEST_SCRIPTS_MAX]; /* whole requests that came for each script */
  struct test_connection connection[TEST_CONNECTIONS_MAX];
};

static inline void test_sleep_ms(long ms) {
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Readable within a short while? -1 once the server is to stop. */
static inline int test_readable(struct test_http *http, int fd) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  return atomic_load(&http->closing) ? -1 : poll(&wait, 1, 20);
}

static inline ssize_t test_receive(struct test_http *http, int fd, char *to, size_t size) {
  int ready;
  while ((ready = test_readable(http, fd)) == 0)
    ;
  return ready > 0 ? recv(fd, to, size, 0) : -1;
}

/* The head of a request and the beginning of its body, ended by 0; false where none comes. */
static inline bool test_read_request(struct test_http *http, int fd, char head[TEST_HEAD_MAX]) {
  static const char name[] = "Content-Length: ";
  char trash[4096];
  size_t len = 0;
  const char *end = NULL;
  while (end == NULL) {
    ssize_t n = test_receive(http, fd, head + len, TEST_HEAD_MAX - 1 - len);
    if (n <= 0)
      return false;
    len += (size_t)n;
    head[len] = 0;
    end = strstr(head, "\r\n\r\n");
  }
  const char *length = strstr(head, name);
  size_t body = length != NULL ? strtoul(length + sizeof name - 1, NULL, 10) : 0;
  size_t got = len - (size_t)(end + 4 - head);
  while (got < body) {
    size_t room = TEST_HEAD_MAX - 1 - len;
    char *to = room > 0 ? head + len : trash;
    ssize_t n = test_receive(http, fd, to, room > 0 ? room : sizeof trash);
    if (n <= 0)
      return false;
    got += (size_t)n;
    if (room > 0)
      len += (size_t)n;
  }
  head[len] = 0;
  return true;
}

static inline void test_send(const char *bytes, size_t len, int fd, int drip_ms) {
  size_t step = drip_ms > 0 ? 1 : len;
  for (size_t sent = 0; sent < len;) {
    ssize_t n = send(fd, bytes + sent, len - sent < step ? len - sent : step, MSG_NOSIGNAL);
    if (n <= 0)
      return;
    sent += (size_t)n;
    if (drip_ms > 0)
      test_sleep_ms(drip_ms);
  }
}

static inline void test_echo(const char *head, int fd) {
  char answer[TEST_HEAD_MAX + 256];
  int n = snprintf(answer, sizeof answer,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(head), head);
  test_send(answer, (size_t)n, fd, 0);
}

/* Each waits until it is one of n that have come; not for ever. */
static inline bool test_gather(struct test_http *http, int n) {
  int whole = (atomic_fetch_add(&http->together, 1) / n + 1) * n;
  for (int ms = 0; atomic_load(&http->together) < whole; ms += 20) {
    if (ms == 40000 || atomic_load(&http->closing))
      return false;
    test_sleep_ms(20);
  }
  return true;
}

/* "GET /a?wait=20 HTTP/1.1": the script for /a, 20 ms later; ?with=20: when twenty have come. */
static inline const struct test_script *test_find(struct test_http *http, const char *head) {
  const char *target = strchr(head, ' ');
  if (target == NULL)
    return NULL;
  target++;
  size_t len = strcspn(target, "? ");
  const char *wait = strstr(target, "?wait=");
  if (wait != NULL && wait < strchr(target, '\r'))
    test_sleep_ms(strtol(wait + 6, NULL, 10));
  const char *with = strstr(target, "?with=");
  if (with != NULL && with < strchr(target, '\r') &&
      !test_gather(http, (int)strtol(with + 6, NULL, 10)))
    return NULL;
  for (size_t i = 0; i < http->n_scripts; i++) {
    const char *name = http->scripts[i].target;
    if (strlen(name) == len && memcmp(name, target, len) == 0)
      return &http->scripts[i];
  }
  return NULL;
}

/* false: the connection is to end. */
static inline bool test_answer(struct test_http *http, int fd, const char *head, bool *dying) {
  const struct test_script *script = test_find(http, head);
  if (script == NULL)
    return false;
  atomic_fetch_add(&http->asked[script - http->scripts], 1);
  if (strstr(head, "\r\nAuthorization: ") != NULL)
    atomic_fetch_add(&http->credentials, 1);
  if (*dying)
    return false;
  *dying = script->then == TEST_DIE;
  if (script->bytes == NULL)
    test_echo(head, fd);
  else
    test_send(script->bytes, script->len > 0 ? script->len : strlen(script->bytes), fd,
              script->drip_ms);
  if (script->then == TEST_RESET)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
  char trash[16];
  if (script->then == TEST_HANG) {
    while (test_receive(http, fd, trash, sizeof trash) > 0)
      ;
  }
  return script->then == TEST_KEEP || script->then == TEST_DIE;
}

static inline void *test_serve(void *arg) {
  const struct test_connection *own = arg;
  struct test_http *http = own->http;
  char head[TEST_HEAD_MAX];
  bool dying = false;
  while (test_read_request(http, own->fd, head) && test_answer(http, own->fd, head, &dying))
    ;
  close(own->fd);
  atomic_fetch_sub(&http->live, 1);
  return NULL;
}

static inline void *test_listen(void *arg) {
  struct test_http *http = arg;
  pthread_attr_t attr;
  int ready;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, 512 * 1024);
  while ((ready = test_readable(http, http->listener)) >= 0) {
    int n = atomic_load(&http->connections);
    int fd = ready > 0 && n < TEST_CONNECTIONS_MAX
                 ? accept4(http->listener, NULL, NULL, SOCK_CLOEXEC)
                 : -1;
    if (fd < 0)
      continue;
    pthread_t thread;
    http->connection[n] = (struct test_connection){http, fd};
    atomic_fetch_add(&http->connections, 1);
    atomic_fetch_add(&http->live, 1);
    if (pthread_create(&thread, &attr, test_serve, &http->connection[n]) != 0) {
      close(fd);
      atomic_fetch_sub(&http->live, 1);
    }
  }
  pthread_attr_destroy(&attr);
  return NULL;
}

/* A bound socket on a free port of loopback, or -1. */
static inline int test_bind(unsigned *port, int backlog) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, backlog) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    return -1;
  *port = ntohs(address.sin_port);
  return fd;
}

static inline bool test_http_start(struct test_http *http, const struct test_script *scripts,
                                   size_t n_scripts) {
  memset(http, 0, sizeof *http);
  http->scripts = scripts;
  http->n_scripts = n_scripts;
  http->listener = test_bind(&http->port, 512);
  return n_scripts <= TEST_SCRIPTS_MAX && http->listener >= 0 &&
         pthread_create(&http->thread, NULL, test_listen, http) == 0;
}

static inline int test_http_asked(struct test_http *http, const char *target) {
  for (size_t i = 0; i < http->n_scripts; i++) {
    if (strcmp(http->scripts[i].target, target) == 0)
      return atomic_load(&http->asked[i]);
  }
  return -1;
}

static inline void test_http_stop(struct test_http *http) {
  atomic_store(&http->closing, true);
  pthread_join(http->thread, NULL);
  for (int i = 0; i < 500 && atomic_load(&http->live) > 0; i++)
    test_sleep_ms(10);
  close(http->listener);
}

/* ---- and a client --------------------------------------------------------------------------- */

static struct test_http server;
static struct lc_engine *engine;
static struct lc_calls *calls; /* the engine's */

static inline const char *test_url(const char *path) {
  static char text[256];
  snprintf(text, sizeof text, "http://127.0.0.1:%u%s", server.port, path);
  return text;
}

static inline struct lc_request test_request(const char *method, const char *where) {
  return (struct lc_request){
      .method = method, .url = where, .timeout_ms = 5000, .max_response = 1000};
}

/* Before 7.80 libcurl does not say when a request begins to leave: there `sent` errs on the safe
 * side, and a request that is not `once` goes again by itself. */
static inline bool test_tells_sent(void) {
  return curl_version_info(CURLVERSION_NOW)->version_num >= 0x075000;
}

static bool test_threaded; /* the engine under test */

static inline enum lc_err test_engine(void) {
  enum lc_err err = lc_engine_new(&engine);
  calls = err == LC_OK ? lc_engine_calls(engine) : NULL;
  return err;
}

/* What the submit says, or the result of the call. The caller frees it. */
static inline struct lc_response test_call(const struct lc_request *asked) {
  struct lc_response response = {0};
  uint64_t id = 0;
  response.err = lc_engine_submit(engine, asked, &id, response.text, sizeof response.text);
  if (response.err != LC_OK)
    return response;
  CHECK_WITH(asked->url, lc_engine_wait(engine, id, 10000) == LC_OK);
  CHECK_WITH(asked->url, lc_calls_take(calls, id, &response));
  return response;
}

static inline void test_done(struct lc_response *response) {
  lc_buf_free(&response->headers);
  lc_buf_free(&response->body);
}

static inline const char *test_text(const struct lc_buf *buf) {
  return buf->data != NULL ? buf->data : "";
}

static inline void test_open(void) {
  CHECK(test_engine() == LC_OK);
  CHECK(!test_threaded || lc_engine_start(engine) == LC_OK);
}

static inline void test_close(void) {
  lc_engine_free(engine);
  engine = NULL;
}

static inline uint64_t test_submit(const char *path, bool notify) {
  uint64_t id = 0;
  char text[256] = "";
  struct lc_request asked = test_request("GET", test_url(path));
  asked.notify = notify;
  CHECK_WITH(text, lc_engine_submit(engine, &asked, &id, text, sizeof text) == LC_OK && id != 0);
  return id;
}

static inline uint64_t test_park(bool notify) {
  uint64_t id = 0;
  CHECK(lc_calls_add(calls, NULL, notify, &id) == LC_OK && id != 0);
  return id;
}

/* Takes a finished call and tells what became of it. */
static inline enum lc_err test_take(uint64_t id, bool *sent) {
  struct lc_response got = {0};
  if (!CHECK(lc_calls_take(calls, id, &got)))
    return LC_ESYS;
  enum lc_err err = got.err;
  if (sent != NULL)
    *sent = got.sent;
  test_done(&got);
  return err;
}

static inline bool test_ready(int fd, int wait_ms) {
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  return poll(&wait, 1, wait_ms) == 1;
}

/* Pumps, or lets the thread do it, until the server has got n requests for this. */
static inline bool test_until_asked(const char *path, int n) {
  for (int i = 0; i < 500 && test_http_asked(&server, path) < n; i++) {
    if (test_threaded)
      test_sleep_ms(10);
    else
      lc_engine_pump(engine, 10);
  }
  return test_http_asked(&server, path) >= n;
}

#endif
