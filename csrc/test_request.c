/* SPDX-License-Identifier: MIT */
/* What goes out: each request as the server got it, and those that must not be sent. */
#include "test_http.h"

#include <malloc.h>

static const struct test_script scripts[] = {
    {"/echo", NULL, TEST_KEEP, 0, 0},
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", TEST_KEEP, 0, 0},
    {"/never", "", TEST_HANG, 0, 0},
    {"secure.test:443", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", TEST_CLOSE, 0, 0},
    {"http://other.test/", NULL, TEST_KEEP, 0, 0},
};

static int count(const char *text, const char *part) {
  int n = 0;
  while ((text = strstr(text, part)) != NULL) {
    text += strlen(part);
    n++;
  }
  return n;
}

/* ---- what is sent --------------------------------------------------------------------------- */

static const char accepts[] = "Accept: */*\r\nAccept-Encoding: ";

static const struct {
  const char *method;
  const char *body;
  const char *type;
  const char *start;
  const char *end;
} sent[] = {
    {"GET", NULL, NULL, "GET /echo HTTP/1.1\r\n", "\r\n\r\n"},
    {"GET", "{}", NULL, "GET /echo HTTP/1.1\r\n", "\r\nContent-Length: 2\r\n\r\n{}"},
    {"POST", "a=1", NULL, "POST /echo HTTP/1.1\r\n", "\r\nContent-Length: 3\r\n\r\na=1"},
    {"POST", "{}", "Content-Type: application/json", "POST /echo HTTP/1.1\r\n",
     "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
    {"POST", "", NULL, "POST /echo HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n\r\n"},
    {"POST", NULL, NULL, "POST /echo HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n\r\n"},
    {"PUT", NULL, NULL, "PUT /echo HTTP/1.1\r\n", "\r\nContent-Length: 0\r\n\r\n"},
    {"PUT", "x", NULL, "PUT /echo HTTP/1.1\r\n", "\r\nContent-Length: 1\r\n\r\nx"},
    {"PATCH", "x", NULL, "PATCH /echo HTTP/1.1\r\n", "\r\nContent-Length: 1\r\n\r\nx"},
    {"DELETE", NULL, NULL, "DELETE /echo HTTP/1.1\r\n", "\r\n\r\n"},
    {"DELETE", "x", NULL, "DELETE /echo HTTP/1.1\r\n", "\r\nContent-Length: 1\r\n\r\nx"},
    {"BREW", NULL, NULL, "BREW /echo HTTP/1.1\r\n", "\r\n\r\n"},
    {"get", NULL, NULL, "get /echo HTTP/1.1\r\n", "\r\n\r\n"},
};

static void sends(void) {
  for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
    struct lc_request asked = test_request(sent[i].method, test_url("/echo"));
    asked.body = sent[i].body;
    asked.body_len = sent[i].body != NULL ? strlen(sent[i].body) : 0;
    asked.headers = &sent[i].type;
    asked.n_headers = sent[i].type != NULL;
    struct lc_response got = test_call(&asked);
    const char *text = test_text(&got.body);
    size_t end = strlen(sent[i].end);
    CHECK_WITH(sent[i].start, got.err == LC_OK && got.status == 200 && got.sent);
    CHECK_WITH(sent[i].start, strncmp(text, sent[i].start, strlen(sent[i].start)) == 0);
    CHECK_WITH(sent[i].start,
               got.body.len > end && strcmp(text + got.body.len - end, sent[i].end) == 0);
    CHECK_WITH(sent[i].start,
               count(text, "Content-Length") == count(sent[i].end, "Content-Length"));
    CHECK_WITH(sent[i].start, count(text, "Content-Type") == (sent[i].type != NULL));
    CHECK_WITH(sent[i].start,
               count(text, accepts) == 1 && count(text, "\r\nHost: 127.0.0.1:") == 1);
    CHECK_WITH(sent[i].start, !strstr(text, "User-Agent") && !strstr(text, "Expect"));
    test_done(&got);
  }
}

static void sends_headers(void) {
  const char *headers[] = {"X-API-Version: 2", "X-Empty:", "X-Blank: \t ",
                           "User-Agent: livechat/1"};
  struct lc_secret secret;
  CHECK(lc_secret_basic(&secret, "user", 4, "pass", 4, test_url("/")) == LC_OK);
  struct lc_request asked = test_request("GET", test_url("/echo"));
  asked.headers = headers;
  asked.n_headers = 4;
  asked.secret = &secret;
  struct lc_response got = test_call(&asked);
  const char *text = test_text(&got.body);
  CHECK(count(text, "\r\nX-API-Version: 2\r\n") == 1);
  CHECK(count(text, "\r\nX-Empty:") == 1 && count(text, "\r\nX-Blank:") == 1);
  CHECK(count(text, "\r\nUser-Agent: livechat/1\r\n") == 1);
  CHECK(count(text, "\r\nAuthorization: Basic dXNlcjpwYXNz\r\n") == 1);
  test_done(&got);
  asked.secret = NULL; /* nothing of one call is left for the next */
  asked.n_headers = 0;
  got = test_call(&asked);
  CHECK(got.err == LC_OK && !strstr(test_text(&got.body), "X-") &&
        !strstr(test_text(&got.body), "Auth"));
  test_done(&got);
  lc_secret_wipe(&secret);
}

/* libcurl would ask first (Expect) and wait a second for the answer. */
static void sends_much(void) {
  size_t size = 2 << 20;
  char *body = malloc(size);
  memset(body, 'x', size);
  struct lc_request asked = test_request("POST", test_url("/ok"));
  asked.body = body;
  asked.body_len = size;
  int64_t since = lc_clock_us();
  struct lc_response got = test_call(&asked);
  CHECK(got.err == LC_OK && got.status == 200);
  CHECK(lc_clock_us() - since < 900000 && got.seconds > 0 && got.seconds < 0.9);
  test_done(&got);
  free(body);
}

static void refuses(void) {
  static const struct {
    const char *method, *url, *header, *body, *text;
  } rows[] = {
      {"", "http://a.test/", NULL, NULL, "method"},
      {"GE T", "http://a.test/", NULL, NULL, "method"},
      {"GET\r\nX: 1", "http://a.test/", NULL, NULL, "method"},
      {"HEAD", "http://a.test/", NULL, "x", "HEAD"},
      {"GET", "http://a.test/\r\nX: 1", NULL, NULL, "URL"},
      {"GET", "http://a.test/a b", NULL, NULL, "URL"},
      {"GET", "http://user:pass@a.test/", NULL, NULL, "URL"},
      {"GET", "file:///etc/passwd", NULL, NULL, "URL"},
      {"GET", "a.test", NULL, NULL, "URL"},
      {"GET", "", NULL, NULL, "URL"},
      {"GET", "http://a.test/", "X-A: 1\r\nX-B: 2", NULL, "\"X-A\""},
      {"GET", "http://a.test/", "X-A: 1\n", NULL, "\"X-A\""},
      {"GET", "http://a.test/", "X-A: 1\r", NULL, "\"X-A\""},
      {"GET", "http://a.test/", "X A: 1", NULL, "Name: value"},
      {"GET", "http://a.test/", ": 1", NULL, "Name: value"},
      {"GET", "http://a.test/", "X-A;", NULL, "Name: value"},
      {"GET", "http://a.test/", "", NULL, "Name: value"},
      {"GET", "http://a.test/", "content-length: 3", NULL, "content-length"},
      {"GET", "http://a.test/", "Transfer-Encoding: chunked", NULL, "Transfer-Encoding"},
      {"GET", "http://a.test/", "Expect: 100-continue", NULL, "Expect"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lc_request asked = test_request(rows[i].method, rows[i].url);
    asked.headers = &rows[i].header;
    asked.n_headers = rows[i].header != NULL;
    asked.body = rows[i].body;
    asked.body_len = 1;
    struct lc_response got = test_call(&asked);
    CHECK_WITH(rows[i].text, got.err == LC_EINVAL);
    CHECK_WITH(rows[i].text, strstr(got.text, rows[i].text) != NULL && !strchr(got.text, '\n'));
  }
  struct lc_secret secret;
  CHECK(lc_secret_bearer(&secret, "token", 5, "https://api.livechatinc.com") == LC_OK);
  struct lc_request asked = test_request("GET", test_url("/ok"));
  asked.secret = &secret;
  struct lc_response got = test_call(&asked);
  CHECK(got.err == LC_EINVAL && strstr(got.text, "another origin") != NULL);
  lc_secret_wipe(&secret);
  CHECK(lc_calls_pending(calls) == 0);
}

/* ---- secrets, proxies ----------------------------------------------------------------------- */

static int found;

static void look_for_secret(void *block) {
  if (memmem(block, malloc_usable_size(block), "c2VzYW1lIG9wZW4", 15) != NULL)
    found++;
}

static void wipes_secrets(void) {
  struct lc_secret secret;
  CHECK(lc_secret_basic(&secret, "ali", 3, "", 0, test_url("/")) == LC_OK);
  lc_secret_wipe(&secret);
  CHECK(lc_secret_bearer(&secret, "c2VzYW1lIG9wZW4", 15, test_url("/")) == LC_OK);
  struct lc_request asked = test_request("GET", test_url("/ok"));
  asked.secret = &secret;
  found = 0;
  test_on_free = look_for_secret;
  struct lc_response got = test_call(&asked);
  CHECK(got.err == LC_OK);
  test_done(&got);
  asked.url = test_url("/never");
  asked.timeout_ms = 50;
  got = test_call(&asked);
  CHECK(got.err == LC_ETIMEOUT);
  lc_secret_wipe(&secret);
  test_on_free = NULL;
  CHECK(found == 0);
}

static void asks_proxies(void) {
  struct lc_secret secret;
  char proxy[64];
  snprintf(proxy, sizeof proxy, "%s", test_url(""));
  CHECK(lc_secret_bearer(&secret, "t0ken", 5, "https://secure.test") == LC_OK);
  struct lc_request asked = test_request("POST", "https://secure.test/");
  asked.secret = &secret;
  asked.proxy = proxy;
  int before = atomic_load(&server.credentials);
  struct lc_response got = test_call(&asked);
  CHECK(strstr(got.text, "403") != NULL);
  CHECK(!test_tells_sent() || (got.err == LC_ECONNECT && !got.sent));
  CHECK(test_http_asked(&server, "secure.test:443") == 1);
  CHECK(atomic_load(&server.credentials) == before);
  lc_secret_wipe(&secret);
  asked = test_request("GET", "http://other.test/");
  asked.proxy = proxy;
  got = test_call(&asked);
  CHECK(got.err == LC_OK &&
        strstr(test_text(&got.body), "GET http://other.test/ HTTP/1.1\r\n") != NULL);
  test_done(&got);
  asked.proxy = NULL; /* and the next call does without */
  got = test_call(&asked);
  CHECK(got.err == LC_ECONNECT);
}

/* No part of what says who we are to a proxy is in a text, however odd the address is. */
static void hides_proxies(void) {
  static const char *const rows[] = {
      "http://alice:s3cr3t@127.0.0.1:99999",
      "alice:s3cr3t@127.0.0.1:99999",
      "http://alice:s3cr3t",
      "http://alice:s3c/r3t@127.0.0.1:1",
      "odd://alice:s3cr3t@127.0.0.1:1",
      "http://alice:s3cr3t@nope.invalid:1",
      "http://alice:s3cr3t@127.0.0.1:1",
      "socks5://alice:s3cr3t@127.0.0.1:1",
      "https://alice:s3cr3t@127.0.0.1:1",
      "http://alice:s3cr3t@127.0.0.1:1/x",
      "http://alice:s3cr3t@[::1",
      "http://alice:s3cr3t@127.0.0.1:1#",
      "http://alice:s3cr3t%00@127.0.0.1:1",
  };
  char large[600];
  for (size_t i = 0; i <= sizeof rows / sizeof rows[0]; i++) {
    struct lc_request asked = test_request("GET", "https://secure.test/");
    if (i < sizeof rows / sizeof rows[0]) {
      asked.proxy = rows[i];
    } else {
      memset(large, 's', sizeof large);
      memcpy(large, "http://alice:s3cr3t", 19);
      memcpy(large + sizeof large - 7, "@h:9x9", 7);
      asked.proxy = large;
    }
    struct lc_response got = test_call(&asked);
    CHECK_WITH(asked.proxy, got.err == LC_ECONNECT && !got.sent && got.text[0] != 0);
    CHECK_WITH(got.text, strstr(got.text, "alice") == NULL && strstr(got.text, "s3c") == NULL &&
                             strstr(got.text, "r3t") == NULL && strstr(got.text, "sss") == NULL);
    test_done(&got);
  }
}

static void tells_proxies_who_asks(void) {
  char proxy[128];
  snprintf(proxy, sizeof proxy, "http://al%%69ce:s3cr3t@%s", test_url("") + strlen("http://"));
  struct lc_request asked = test_request("GET", "http://other.test/");
  asked.proxy = proxy;
  struct lc_response got = test_call(&asked);
  CHECK(got.err == LC_OK); /* base64("alice:s3cr3t") */
  CHECK(strstr(test_text(&got.body), "Proxy-Authorization: Basic YWxpY2U6czNjcjN0\r\n") != NULL);
  test_done(&got);
}

static void ignores_the_environment(void) {
  static const char *const names[] = {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"};
  struct lc_request asked = test_request("GET", test_url("/echo"));
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    setenv(names[i], "http://alice:s3cr3t@127.0.0.1:1", 1);
  struct lc_response got = test_call(&asked);
  CHECK_WITH(got.text, got.err == LC_OK);
  test_done(&got);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    unsetenv(names[i]);
  /* Nor does it take a proxy away that was asked for. */
  asked = test_request("GET", "http://other.test/");
  asked.proxy = test_url("");
  setenv("no_proxy", "*", 1);
  got = test_call(&asked);
  CHECK_WITH(got.text, got.err == LC_OK);
  test_done(&got);
  unsetenv("no_proxy");
}

int main(void) {
  CHECK(test_http_start(&server, scripts, sizeof scripts / sizeof scripts[0]));
  CHECK(test_engine() == LC_OK);
  sends();
  sends_headers();
  sends_much();
  refuses();
  wipes_secrets();
  asks_proxies();
  hides_proxies();
  tells_proxies_who_asks();
  ignores_the_environment();
  lc_engine_free(engine);
  test_http_stop(&server);
  return test_end();
}
