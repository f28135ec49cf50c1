/* SPDX-License-Identifier: MIT */
/* What comes back: answers as they should be, and as they should not. */
#include "test_http.h"

#define OK "HTTP/1.1 200 OK\r\n"

static const char gzip_hello[] =
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n"
    "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0";
static const char gzip_broken[] =
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n"
    "\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x11\x36\x05\0\0\0";
static const char nul_in_head[] = "HTTP/1.1 200 OK\r\nA: a\0b\r\nContent-Length: 2\r\n\r\n[]";
static const char nul_in_body[] = OK "Content-Length: 3\r\n\r\na\0b";

/* These are written by make_large(). */
static char endless[8000];
static char bomb[32768]; /* gzip: 4 MiB of zeros */
static char many_headers[400000];
static char early_flood[400000], trailer_flood[400000], tiny_headers[60000];
static char long_header[200000];

static const struct test_script scripts[] = {
    {"/ok", OK "X-A: 1\r\nContent-Length: 2\r\n\r\nhi", TEST_KEEP, 0, 0},
    {"/nul", nul_in_body, TEST_KEEP, sizeof nul_in_body - 1, 0},
    {"/chunked", OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: 1\r\n\r\n",
     TEST_KEEP, 0, 0},
    {"/gzip", gzip_hello, TEST_KEEP, sizeof gzip_hello - 1, 0},
    {"/early",
     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: "
     "1\r\n\r\n1",
     TEST_KEEP, 0, 0},
    {"/close", "HTTP/1.0 200 OK\r\n\r\nall", TEST_CLOSE, 0, 0},
    {"/empty", "HTTP/1.1 204 No Content\r\nContent-Length: 5000\r\n\r\n", TEST_KEEP, 0, 0},
    {"/same", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n", TEST_KEEP, 0, 0},
    {"/elsewhere", "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n", TEST_KEEP, 0,
     0},
    {"/401", "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", TEST_KEEP,
     0, 0},
    {"/417", "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", TEST_KEEP, 0, 0},
    {"/421", "HTTP/1.1 421 No\r\nContent-Length: 0\r\n\r\n", TEST_KEEP, 0, 0},
    {"/folded", OK "A: 1\r\n 2\r\nB: 3\r\nContent-Length: 0\r\n\r\n", TEST_KEEP, 0, 0},
    {"/fold-first", OK " folded: a\r\nContent-Length: 2\r\n\r\n[]", TEST_CLOSE, 0, 0},
    {"/no-colon", OK "nonsense\r\nContent-Length: 2\r\n\r\n[]", TEST_CLOSE, 0, 0},
    {"/no-name", OK ": nonsense\r\nContent-Length: 2\r\n\r\n[]", TEST_KEEP, 0, 0},
    {"/nul-head", nul_in_head, TEST_CLOSE, sizeof nul_in_head - 1, 0},
    {"/early-flood", early_flood, TEST_HANG, sizeof early_flood - 1, 0},
    {"/trailer-flood", trailer_flood, TEST_HANG, sizeof trailer_flood - 1, 0},
    {"/tiny-headers", tiny_headers, TEST_HANG, sizeof tiny_headers - 1, 0},
    {"/length", OK "Content-Length: 5000\r\n\r\n", TEST_KEEP, 0, 0},
    {"/large", OK "Content-Length: 5000\r\n\r\nx", TEST_HANG, 0, 0},
    {"/endless", endless, TEST_CLOSE, sizeof endless, 0},
    {"/bomb", bomb, TEST_CLOSE, sizeof bomb, 0},
    {"/headers", many_headers, TEST_CLOSE, sizeof many_headers, 0},
    {"/header", long_header, TEST_CLOSE, sizeof long_header, 0},
    {"/bad-length", OK "Content-Length: many\r\n\r\nabc", TEST_CLOSE, 0, 0},
    {"/cut", OK "Content-Length: 100\r\n\r\nabc", TEST_CLOSE, 0, 0},
    {"/cut-chunk", OK "Transfer-Encoding: chunked\r\n\r\n64\r\nabc", TEST_CLOSE, 0, 0},
    {"/cut-head", OK "X-A: 1\r\n", TEST_CLOSE, 0, 0},
    {"/bad-chunk", OK "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", TEST_CLOSE, 0, 0},
    {"/bad-gzip", gzip_broken, TEST_KEEP, sizeof gzip_broken - 1, 0},
    {"/garbage", "\x01\x02 nonsense\r\n\r\nmore\r\n", TEST_CLOSE, 0, 0},
    {"/old", "<html>hello</html>\n", TEST_CLOSE, 0, 0},
    {"/silent", "", TEST_CLOSE, 0, 0},
    {"/reset", "", TEST_RESET, 0, 0},
    {"/reset-body", OK "Content-Length: 100\r\n\r\nabc", TEST_RESET, 0, 0},
    {"/never", "", TEST_HANG, 0, 0},
    {"/stall", OK "Content-Length: 9\r\n\r\nabc", TEST_HANG, 0, 0},
    {"/drip", OK "Content-Length: 2\r\n\r\nhi", TEST_KEEP, 0, 20},
    {"/die", OK "Content-Length: 2\r\n\r\nhi", TEST_DIE, 0, 0},
};

/* ---- what comes back ------------------------------------------------------------------------ */

static void receives(void) {
  static const struct {
    const char *path;
    int status;
    const char *headers;
    const char *body;
    size_t len;
  } rows[] = {
      {"/ok", 200, "X-A: 1\r\nContent-Length: 2\r\n", "hi", 2},
      {"/nul", 200, "Content-Length: 3\r\n", "a\0b", 3},
      {"/chunked", 200, "Transfer-Encoding: chunked\r\n", "hello", 5},
      {"/gzip", 200, "Content-Encoding: gzip\r\nContent-Length: 25\r\n", "hello", 5},
      {"/early", 201, "Content-Length: 1\r\n", "1", 1},
      {"/close", 200, "", "all", 3},
      {"/empty", 204, "Content-Length: 5000\r\n", "", 0},
      {"/same", 304, "Content-Length: 5000\r\n", "", 0},
      {"/elsewhere", 302, "Location: /ok\r\nContent-Length: 0\r\n", "", 0},
      {"/401", 401, "WWW-Authenticate: Basic\r\nContent-Length: 0\r\n", "", 0},
      {"/417", 417, "Content-Length: 0\r\n", "", 0},
      {"/421", 421, "Content-Length: 0\r\n", "", 0},
      {"/folded", 200, "A: 1 2\r\nB: 3\r\nContent-Length: 0\r\n", "", 0},
      {"/drip", 200, "Content-Length: 2\r\n", "hi", 2},
      {"/no-name", 200, ": nonsense\r\nContent-Length: 2\r\n", "[]", 2},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int before = test_http_asked(&server, rows[i].path);
    struct lc_request asked = test_request("GET", test_url(rows[i].path));
    struct lc_response got = test_call(&asked);
    CHECK_WITH(rows[i].path, got.err == LC_OK && got.status == rows[i].status && got.sent);
    CHECK_WITH(rows[i].path, got.text[0] == 0);
    CHECK_WITH(test_text(&got.headers), strcmp(test_text(&got.headers), rows[i].headers) == 0);
    CHECK_WITH(rows[i].path, got.body.len == rows[i].len &&
                                 memcmp(test_text(&got.body), rows[i].body, rows[i].len) == 0);
    CHECK_WITH(rows[i].path, test_http_asked(&server, rows[i].path) == before + 1);
    test_done(&got);
  }
  struct lc_request asked = test_request("HEAD", test_url("/length"));
  struct lc_response got = test_call(&asked);
  CHECK(got.err == LC_OK && got.status == 200 && got.body.len == 0);
  test_done(&got);
}

static void survives(void) {
  static const struct {
    const char *path;
    enum lc_err err;
    long timeout_ms;
    int status;
    const char *text;
  } rows[] = {
      {"/large", LC_ETOOLARGE, 5000, 200, "larger than 1000 bytes"},
      {"/endless", LC_ETOOLARGE, 5000, 200, "larger than 1000 bytes"},
      {"/bomb", LC_ETOOLARGE, 5000, 200, "larger than 1000 bytes"},
      {"/headers", LC_ETOOLARGE, 5000, 200, "header is too large"},
      {"/header", LC_ETOOLARGE, 5000, 200, "header is too large"},
      {"/early-flood", LC_ETOOLARGE, 5000, 103, "header is too large"},
      {"/trailer-flood", LC_ETOOLARGE, 5000, 200, "header is too large"},
      {"/tiny-headers", LC_ETOOLARGE, 5000, 200, "header is too large"},
      {"/fold-first", LC_EPROTOCOL, 5000, 200, ""},
      {"/no-colon", LC_EPROTOCOL, 5000, 200, ""},
      {"/nul-head", LC_EPROTOCOL, 5000, 200, ""},
      {"/bad-length", LC_EPROTOCOL, 5000, 200, ""},
      {"/cut", LC_EPROTOCOL, 5000, 200, "closed"},
      {"/cut-chunk", LC_EPROTOCOL, 5000, 200, "closed"},
      {"/cut-head", LC_EPROTOCOL, 5000, 200, ""},
      {"/bad-chunk", LC_EPROTOCOL, 5000, 200, ""},
      {"/bad-gzip", LC_EPROTOCOL, 5000, 200, ""},
      {"/garbage", LC_EPROTOCOL, 5000, 0, "HTTP/0.9"},
      {"/old", LC_EPROTOCOL, 5000, 0, "HTTP/0.9"},
      {"/silent", LC_ENETWORK, 5000, 0, "Empty reply"},
      {"/reset", LC_ENETWORK, 5000, 0, "reset"},
      {"/reset-body", LC_ENETWORK, 5000, 200, "reset"},
      {"/bad-chunk", LC_EPROTOCOL, 5000, 200, ""}, /* also where the handle had an error before */
      {"/never", LC_ETIMEOUT, 100, 0, "timed out"},
      {"/stall", LC_ETIMEOUT, 100, 200, "timed out"},
      {"/drip", LC_ETIMEOUT, 100, 0, "timed out"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int before = test_http_asked(&server, rows[i].path);
    struct lc_request asked = test_request("POST", test_url(rows[i].path));
    asked.timeout_ms = rows[i].timeout_ms;
    asked.once = true;
    struct lc_response got = test_call(&asked);
    CHECK_WITH(lc_err_name(got.err), got.err == rows[i].err);
    CHECK_WITH(rows[i].path, got.err == rows[i].err && got.status == rows[i].status && got.sent);
    CHECK_WITH(got.text, strstr(got.text, rows[i].text) != NULL && got.text[0] != 0);
    CHECK_WITH(rows[i].path, got.headers.data == NULL && got.body.data == NULL);
    CHECK_WITH(rows[i].path, test_http_asked(&server, rows[i].path) == before + 1);
    test_done(&got);
  }
}

/* A bomb of exactly the ceiling is none, and one byte less of a ceiling makes it one. */
static void counts_decoded_bytes(void) {
  struct lc_request asked = test_request("GET", test_url("/gzip"));
  asked.max_response = 5; /* the encoded body has 25 */
  struct lc_response got = test_call(&asked);
  CHECK(got.err == LC_OK && got.body.len == 5);
  test_done(&got);
  asked.max_response = 4;
  got = test_call(&asked);
  CHECK(got.err == LC_ETOOLARGE);
  asked = test_request("GET", test_url("/ok"));
  asked.max_response = 2;
  got = test_call(&asked);
  CHECK(got.err == LC_OK && got.body.len == 2);
  test_done(&got);
}

static void cannot_connect(void) {
  unsigned port = 0;
  int fd = test_bind(&port, 0);
  char where[64];
  snprintf(where, sizeof where, "http://127.0.0.1:%u/", port);
  close(fd);
  struct lc_request asked = test_request("POST", where);
  struct lc_response got = test_call(&asked);
  CHECK(got.err == LC_ECONNECT && !got.sent && got.text[0] != 0 && got.status == 0);
  /* A query that stands in libcurl's text as well is kept back. */
  asked.url = "http://nope.invalid/?nope.invalid";
  got = test_call(&asked);
  CHECK(got.err == LC_ECONNECT && !got.sent && got.text[0] != 0);
  CHECK_WITH(got.text, strstr(got.text, "nope.invalid") == NULL);
  asked.url = "http://nope.invalid/?a";
  got = test_call(&asked);
  CHECK_WITH(got.text, strstr(got.text, "resolve") != NULL);
  /* A queue that is full: the kernel answers nothing at all. */
  int full[3];
  fd = test_bind(&port, 0);
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (int i = 0; i < 3; i++) {
    full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(full[i], (struct sockaddr *)&address, sizeof address);
  }
  snprintf(where, sizeof where, "http://127.0.0.1:%u/", port);
  asked.url = where;
  asked.connect_timeout_ms = 150;
  got = test_call(&asked);
  CHECK(got.err == LC_ETIMEOUT && !got.sent && got.seconds > 0.1 && got.seconds < 2);
  for (int i = 0; i < 3; i++)
    close(full[i]);
  close(fd);
}

/* ---- once ----------------------------------------------------------------------------------- */

/* The fault: libcurl sends what was lost with a kept connection again, whatever the method, and
 * the throttle does not count it. A call with `once` never takes a kept connection; another fails.
 */
static void sends_once(void) {
  struct lc_request asked = test_request("POST", test_url("/die"));
  struct lc_engine *kept = engine;
  for (int once = test_tells_sent() ? 0 : 1; once < 2; once++) {
    CHECK(test_engine() == LC_OK);
    int before = test_http_asked(&server, "/die");
    asked.once = false; /* leaves a connection that dies of the next request */
    struct lc_response got = test_call(&asked);
    CHECK(got.err == LC_OK && test_http_asked(&server, "/die") == before + 1);
    test_done(&got);
    asked.once = once == 1;
    got = test_call(&asked);
    CHECK(once ? got.err == LC_OK && got.status == 200 : got.err == LC_ENETWORK && got.sent);
    test_done(&got);
    lc_engine_free(engine);
    test_sleep_ms(50); /* what was sent again would be there by now */
    CHECK(test_http_asked(&server, "/die") == before + 2);
  }
  engine = kept;
  calls = lc_engine_calls(kept);
}

static void keeps_connections(void) {
  struct lc_request asked = test_request("GET", test_url("/ok"));
  int before = atomic_load(&server.connections);
  for (int i = 0; i < 20; i++) {
    struct lc_response got = test_call(&asked);
    CHECK(got.err == LC_OK);
    test_done(&got);
  }
  CHECK(atomic_load(&server.connections) - before <= 1);
}

/* The fault: an answer whose first header line is folded made libcurl 7.83.0 to 8.0.1 free a header
 * of the handle's last answer again. */
static void survives_folded_headers(void) {
  char where[256];
  snprintf(where, sizeof where, "%s", test_url("/early"));
  struct lc_request good = test_request("GET", where);
  struct lc_request bad = test_request("GET", test_url("/fold-first"));
  for (int i = 0; i < 40; i++) {
    struct lc_response got = test_call(i % 2 ? &bad : &good);
    CHECK(got.err == (i % 2 ? LC_EPROTOCOL : LC_OK) && got.sent);
    test_done(&got);
  }
}

/* ---- no memory ------------------------------------------------------------------------------ */

/* libcurl's allocations fail in their turn as well (see main). */
static void runs_out_of_memory(void) {
  const char *headers[] = {"X-A: 1", "X-B: 2"};
  struct lc_secret secret;
  CHECK(lc_secret_bearer(&secret, "t0ken", 5, test_url("/")) == LC_OK);
  struct lc_request asked = test_request("POST", test_url("/chunked"));
  asked.headers = headers;
  asked.n_headers = 2;
  asked.secret = &secret;
  asked.body = "{}";
  asked.body_len = 2;
  asked.notify = true;
  struct lc_engine *kept = engine;
  long n = 1;
  int good = 0, plain = 0, other = 0;
  for (bool failed = true; failed && n < 10000; n++) {
    struct lc_response got = {0};
    uint64_t id = 0;
    test_fail_alloc(n);
    got.err = test_engine();
    if (got.err == LC_OK)
      got.err = lc_engine_submit(engine, &asked, &id, got.text, sizeof got.text);
    if (got.err == LC_OK && lc_engine_wait(engine, id, 10000) == LC_OK)
      lc_calls_take(calls, id, &got);
    failed = test_alloc_failed();
    good += got.err == LC_OK;
    plain += got.err == LC_ENOMEM;
    other += got.err != LC_OK && got.err != LC_ENOMEM;
    CHECK(engine == NULL || lc_calls_pending(calls) == 0);
    test_done(&got);
    lc_engine_free(engine);
    engine = NULL;
  }
  engine = kept;
  calls = lc_engine_calls(kept);
  printf("%ld allocations failed: %d calls without memory, %d otherwise, %d made do\n", n - 2,
         plain, other, good - 1);
  CHECK(n > 20 && n < 10000 && plain > n / 2 && good > 0);
  lc_secret_wipe(&secret);
}

/* ---- all ------------------------------------------------------------------------------------ */

struct bits {
  unsigned char *to;
  unsigned n;
};

/* RFC 1951, 3.1.1: Huffman codes begin with their highest bit, everything else with its lowest. */
static void put_code(struct bits *bits, unsigned code, int length) {
  while (length-- > 0) {
    if (code >> length & 1)
      bits->to[bits->n / 8] |= (unsigned char)(1u << bits->n % 8);
    bits->n++;
  }
}

static void repeat(char *to, size_t size, const char *head, const char *line) {
  size_t len = strlen(line), at = strlen(head);
  memcpy(to, head, at);
  memset(to + at, 'x', size - at);
  for (; at + len < size; at += len)
    memcpy(to + at, line, len);
}

static void make_large(void) {
  repeat(early_flood, sizeof early_flood, "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  repeat(trailer_flood, sizeof trailer_flood,
         OK "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", "X-T: yyyyyyyyyyyy\r\n");
  repeat(tiny_headers, sizeof tiny_headers, OK, "a:\r\n");
  static const char head[] = OK "Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03";
  memcpy(bomb, head, sizeof head - 1);
  struct bits bits = {.to = (unsigned char *)bomb + sizeof head - 1};
  put_code(&bits, 6, 3);    /* the last block, with the fixed codes */
  put_code(&bits, 0x30, 8); /* a 0, */
  for (int i = 0; i < 4 * 1024 * 1024 / 258; i++)
    put_code(&bits, 0xc5 << 5, 13); /* and 258 more of what is one byte back */
  memset(endless, 'x', sizeof endless);
  memcpy(endless, OK "\r\n", sizeof OK + 1);
  memset(long_header, 'x', sizeof long_header);
  memcpy(long_header, OK "X-A: ", sizeof OK + 4);
  memset(many_headers, 'x', sizeof many_headers);
  memcpy(many_headers, OK "X-A: ", sizeof OK + 4);
  for (size_t i = 1000; i + 1000 < sizeof many_headers; i += 1000)
    memcpy(many_headers + i, "\r\nX-B: ", 7);
}

int main(void) {
  /* libcurl's allocations can fail, too. */
  CHECK(curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free, realloc, strdup, calloc) == 0);
  make_large();
  CHECK(test_http_start(&server, scripts, sizeof scripts / sizeof scripts[0]));
  CHECK(test_engine() == LC_OK);
  receives();
  survives();
  survives_folded_headers();
  counts_decoded_bytes();
  cannot_connect();
  sends_once();
  keeps_connections();
  runs_out_of_memory();
  lc_engine_free(engine);
  test_http_stop(&server);
  return test_end();
}
