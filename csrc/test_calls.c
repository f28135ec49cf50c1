/* SPDX-License-Identifier: MIT */
/* The life of a call, where its owner pumps and where a thread does. */
#include "test_http.h"

static const struct test_script scripts[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", TEST_KEEP, 0, 0},
    {"/never", "", TEST_HANG, 0, 0},
    {"/stall", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", TEST_HANG, 0, 0},
};

static void lives(void) {
  struct lc_response got;
  uint64_t id = test_submit("/ok", false);
  CHECK(lc_calls_pending(calls) == 1);
  CHECK(lc_engine_wait(engine, id, 5000) == LC_OK && lc_calls_done(calls, id));
  CHECK(lc_engine_wait(engine, id, 0) == LC_OK);
  CHECK(lc_calls_pending(calls) == 1);
  CHECK(lc_calls_take(calls, id, &got));
  CHECK(got.err == LC_OK && got.status == 200 && strcmp(test_text(&got.body), "hi") == 0);
  CHECK(got.seconds > 0 && got.seconds < 5);
  test_done(&got);
  CHECK(lc_calls_pending(calls) == 0 && !lc_calls_take(calls, id, &got));
  CHECK(lc_calls_done(calls, id) && lc_engine_wait(engine, id, 5000) == LC_ECLOSED);
  CHECK(lc_engine_wait(engine, 0, 5000) == LC_ECLOSED);
  CHECK(lc_engine_wait(engine, id + 1000, 5000) == LC_ECLOSED);
  lc_engine_cancel(engine, id);
  lc_engine_drop(engine, id);
  CHECK(test_submit("/ok", false) > id);
  CHECK(lc_calls_fd(calls, id) == -1);
}

static void waits(void) {
  uint64_t id = test_submit("/never", false);
  int64_t since = lc_clock_us();
  CHECK(lc_engine_wait(engine, id, 50) == LC_ETIMEOUT);
  int64_t took = lc_clock_us() - since;
  CHECK(took >= 49000 && took < 1000000);
  CHECK(!lc_calls_done(calls, id) && lc_engine_wait(engine, id, 0) == LC_ETIMEOUT);
  struct lc_response got;
  CHECK(!lc_calls_take(calls, id, &got));
  lc_engine_drop(engine, id);
  CHECK(lc_calls_pending(calls) == 0);
}

static void cancels(void) {
  bool sent = true;
  uint64_t id = test_submit("/ok", false);
  CHECK(lc_engine_wait(engine, id, 5000) == LC_OK);
  lc_engine_cancel(engine, id);
  CHECK(test_take(id, NULL) == LC_OK); /* done is done */
  const char *paths[] = {"/never", "/stall"};
  for (int i = 0; i < 2; i++) {
    int n = test_http_asked(&server, paths[i]);
    id = test_submit(paths[i], false);
    CHECK(test_until_asked(paths[i], n + 1));
    lc_engine_cancel(engine, id);
    CHECK(lc_calls_done(calls, id) && lc_engine_wait(engine, id, 0) == LC_OK);
    CHECK(test_take(id, &sent) == LC_ECANCELLED && sent);
    for (int tries = 0; tries < 200 && atomic_load(&server.live) > 0; tries++)
      test_sleep_ms(10);
    /* its connection is closed, though the owner does not pump */
    CHECK(atomic_load(&server.live) == 0);
  }
  if (test_threaded)
    return; /* what follows could have begun by itself */
  int n = test_http_asked(&server, "/ok");
  id = test_submit("/ok", false);
  lc_engine_cancel(engine, id);
  CHECK(test_take(id, &sent) == LC_ECANCELLED && !sent);
  lc_engine_pump(engine, 50);
  CHECK(test_http_asked(&server, "/ok") == n);
}

/* A listener whose queue is full: the connection never stands, so nothing can have left. */
static void cancels_while_connecting(void) {
  unsigned port = 0;
  bool sent = true;
  char where[64];
  int full[3], fd = test_bind(&port, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int i = 0; i < 3; i++) {
    full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(full[i], (struct sockaddr *)&address, sizeof address);
  }
  snprintf(where, sizeof where, "http://127.0.0.1:%u/", port);
  struct lc_request asked = test_request("POST", where);
  uint64_t id = 0;
  char text[256];
  CHECK(lc_engine_submit(engine, &asked, &id, text, sizeof text) == LC_OK);
  CHECK(lc_engine_wait(engine, id, 50) == LC_ETIMEOUT);
  lc_engine_cancel(engine, id);
  CHECK(test_take(id, &sent) == LC_ECANCELLED && !(sent && test_tells_sent()));
  for (int i = 0; i < 3; i++)
    close(full[i]);
  close(fd);
}

static void drops(void) {
  int n = test_http_asked(&server, "/stall");
  lc_engine_drop(engine, test_submit("/ok", true));
  uint64_t id = test_submit("/stall", true);
  CHECK(test_until_asked("/stall", n + 1));
  lc_engine_drop(engine, id);
  id = test_submit("/ok", true);
  CHECK(lc_engine_wait(engine, id, 5000) == LC_OK);
  lc_engine_drop(engine, id);
  lc_engine_drop(engine, test_park(true));
  CHECK(lc_calls_pending(calls) == 0);
}

static void parks(void) {
  bool sent = true;
  uint64_t id = test_park(true);
  int fd = lc_calls_fd(calls, id);
  CHECK(fd >= 0 && lc_engine_wait(engine, id, 30) == LC_ETIMEOUT && !test_ready(fd, 0));
  lc_engine_cancel(engine, id);
  CHECK(test_ready(fd, 0) && lc_engine_wait(engine, id, 5000) == LC_OK);
  CHECK(test_take(id, &sent) == LC_ECANCELLED && !sent);
}

static void raises_flags(void) {
  uint64_t id = test_submit("/ok", true);
  int fd = lc_calls_fd(calls, id);
  CHECK(fd >= 0 && lc_engine_wait(engine, id, 5000) == LC_OK);
  CHECK(test_ready(fd, 1000) && test_ready(fd, 0) && lc_calls_fd(calls, id) == fd);
  CHECK(test_take(id, NULL) == LC_OK && lc_calls_fd(calls, id) == -1);
  id = test_park(true); /* which gets the same descriptor: it must be down again */
  CHECK(lc_calls_fd(calls, id) == fd && !test_ready(fd, 0));
  lc_engine_drop(engine, id);
  id = test_park(false);
  CHECK(lc_calls_fd(calls, id) == -1);
  lc_engine_drop(engine, id);
}

static void joins_flags(void) {
  uint64_t group = test_park(true);
  int fd = lc_calls_fd(calls, group);
  uint64_t first = test_submit("/ok", false);
  CHECK(lc_engine_wait(engine, first, 5000) == LC_OK && !test_ready(fd, 0));
  lc_calls_join(calls, first, group); /* done already */
  CHECK(test_ready(fd, 0));
  lc_calls_clear(calls, group);
  CHECK(!test_ready(fd, 0));
  uint64_t second = test_submit("/ok?wait=30", false);
  lc_calls_join(calls, second, group);
  CHECK(!test_ready(fd, 0) && lc_engine_wait(engine, second, 5000) == LC_OK &&
        test_ready(fd, 1000));
  lc_engine_cancel(engine, group);
  lc_calls_clear(calls, group); /* it is done itself: that stays */
  CHECK(test_ready(fd, 0));
  lc_engine_drop(engine, group);
  CHECK(test_take(first, NULL) == LC_OK && test_take(second, NULL) == LC_OK);
}

static void grows(void) {
  uint64_t first = test_park(false), id = 0;
  for (int i = 1; i < 64; i++)
    test_park(false);
  enum lc_err err = LC_OK;
  long n = 1;
  for (; n < 10; n++) {
    test_fail_alloc(n);
    err = lc_calls_add(calls, NULL, true, &id);
    if (!test_alloc_failed())
      break;
    CHECK(err == LC_ENOMEM && lc_calls_pending(calls) == 64);
  }
  CHECK(err == LC_OK && lc_calls_pending(calls) == 65 && n == 3); /* the call, the larger table */
  for (uint64_t i = first; i < first + 65; i++) {
    CHECK(!lc_calls_done(calls, i));
    lc_engine_drop(engine, i);
  }
  CHECK(lc_calls_pending(calls) == 0);
}

/* The table by itself: a transfer that ends when its call already has is the pump's to free. */
static void crosses(void) {
  struct lc_calls *own;
  struct lc_transfer *transfer = NULL;
  struct lc_request asked = test_request("GET", test_url("/ok"));
  struct lc_response got = {0};
  uint64_t id = 0;
  char text[256];
  int fds[2], wait_ms = 1000;
  size_t n;
  CHECK(lc_calls_new(&own) == LC_OK);
  for (int dropped = 0; dropped < 2; dropped++) {
    CHECK(lc_transfer_new(&transfer, &asked, text, sizeof text) == LC_OK);
    CHECK(lc_calls_add(own, transfer, false, &id) == LC_OK);
    CHECK(!lc_calls_before_sleep(own, fds, &n, &wait_ms));
    CHECK(lc_calls_next(own) == transfer && lc_calls_next(own) == NULL);
    CHECK(lc_calls_before_sleep(own, fds, &n, &wait_ms) && n == 1 && lc_calls_after_sleep(own));
    if (dropped)
      lc_calls_drop(own, id);
    else
      lc_calls_cancel(own, id);
    CHECK(!lc_calls_finish(own, transfer, &got));
    CHECK(!lc_calls_before_sleep(own, fds, &n, &wait_ms));
    CHECK(lc_calls_cancelled(own) == transfer && lc_calls_cancelled(own) == NULL);
    CHECK(lc_calls_before_sleep(own, fds, &n, &wait_ms) && n == 1 && lc_calls_after_sleep(own));
    CHECK(lc_calls_take(own, id, &got) == !dropped && (dropped || got.err == LC_ECANCELLED));
    lc_transfer_free(transfer);
  }
  lc_calls_close(own);
  CHECK(!lc_calls_before_sleep(own, fds, &n, &wait_ms) && !lc_calls_after_sleep(own));
  CHECK(lc_calls_add(own, NULL, true, &id) == LC_ECLOSED);
  lc_calls_free(own);
}

#define WAITERS 8

static void *wait_long(void *own) {
  return lc_calls_wait(own, 1, 10000) == LC_ECLOSED ? own : NULL;
}

/* Nothing is freed under those who wait for a call: they leave first. */
static void closes(void) {
  struct lc_calls *own;
  pthread_t threads[WAITERS];
  uint64_t id = 0;
  void *result;
  for (int round = 0; round < 5; round++) {
    CHECK(lc_calls_new(&own) == LC_OK && lc_calls_add(own, NULL, true, &id) == LC_OK);
    for (int i = 0; i < WAITERS; i++)
      CHECK(pthread_create(&threads[i], NULL, wait_long, own) == 0);
    test_sleep_ms(20);
    const void *freed = own;
    lc_calls_close(own);
    lc_calls_free(own);
    for (int i = 0; i < WAITERS; i++)
      CHECK(pthread_join(threads[i], &result) == 0 && result == freed);
  }
}

int main(void) {
  static void (*const tests[])(void) = {lives, waits, cancels,      cancels_while_connecting,
                                        drops, parks, raises_flags, joins_flags,
                                        grows};
  CHECK(test_http_start(&server, scripts, sizeof scripts / sizeof scripts[0]));
  crosses();
  closes();
  for (int i = 0; i < 2; i++) {
    test_threaded = i == 1;
    for (size_t n = 0; n < sizeof tests / sizeof tests[0]; n++) {
      test_open();
      tests[n]();
      test_close();
    }
  }
  test_http_stop(&server);
  return test_end();
}
