/* SPDX-License-Identifier: MIT */
/* One HTTP exchange. The request is checked and copied into one block, which the handle points into
 * while it runs and which is overwritten afterwards. The callbacks of libcurl see this struct only:
 * they take no lock and know neither engine nor call.
 *
 * libcurl's text for an error is passed on to the user. It may quote the address of a host or of a
 * proxy: so neither is ever given to libcurl with a user name or password in it. */
#include "transfer.h"
#include "handle.h"
#include "origin.h"
#include "stamp.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Bytes of all header lines of an exchange: those of 1xx answers and trailers too, each line with
 * what libcurl and we keep beside it (RFC 9113, 6.5.2, counts 32 bytes as well). */
#define HEADERS_MAX (256 * 1024)
#define LINE_COST 32

/* Whether the request may leave, or has. Changed by compare-and-swap only: a cancelling thread and
 * the one that is about to send meet here, and exactly one of them wins. */
enum gate {
  GATE_SHUT,    /* nothing has left */
  GATE_UNKNOWN, /* this libcurl (before 7.80) does not say when it begins to send */
  GATE_SENT,
  GATE_CANCELLED
};

struct transfer {
  struct lc_transfer head;
  size_t size; /* of the whole block */
  atomic_int gate;
  bool once;
  bool insecure;
  bool encoded;        /* the final response has a Content-Encoding */
  bool headed;         /* the final response's header is complete: what follows are trailers */
  size_t header_bytes; /* of HEADERS_MAX */
  enum lc_err refused; /* why a callback ended the transfer */
  int64_t send_by_us;
  bool late;          /* not sent, because that had passed */
  int64_t sent_at_us; /* 0: not yet */
  struct lc_sending *sending;
  long timeout_ms;
  long connect_timeout_ms;
  const char *method; /* these point into the block */
  const char *url;
  const char *ca_file;
  struct lc_proxy proxy; /* its address is NULL where there is none */
  const char *secret;
  const char *body; /* NULL: none */
  size_t body_len;
  struct lc_buf headers;
  struct lc_buf content;
  int status;
  char error[CURL_ERROR_SIZE];
  /* libcurl's own list copies each line and never wipes it; this one lies in the block. */
  struct curl_slist *lines;
  struct curl_slist nodes[];
};

/* ---- the request's copy ---------------------------------------------------------------------- */

static size_t size_of(const char *text) {
  return text != NULL ? strlen(text) + 1 : 0;
}

static const char *copy(char **to, const char *text) {
  if (text == NULL)
    return NULL;
  size_t size = strlen(text) + 1;
  char *at = *to;
  memcpy(at, text, size);
  *to += size;
  return at;
}

static void add_line(struct transfer *t, size_t *n, const char *line) {
  struct curl_slist *node = &t->nodes[*n];
  /* libcurl takes `char *` but does not write to it. */
  *node = (struct curl_slist){.data = (char *)(uintptr_t)line};
  if (*n > 0)
    t->nodes[*n - 1].next = node;
  t->lines = t->nodes;
  (*n)++;
}

static void add_lines(struct transfer *t, const struct lc_request *request, char **to) {
  size_t n = 0;
  bool typed = false;
  for (size_t i = 0; i < request->n_headers; i++) {
    char *line = *to;
    copy(to, request->headers[i]);
    size_t len = strlen(line);
    while (line[len - 1] == ' ' || line[len - 1] == '\t')
      line[--len] = 0;
    if (line[len - 1] == ':') /* "Name:" would tell libcurl to leave the header out */
      line[len - 1] = ';';
    typed = typed || strncasecmp(line, "Content-Type", sizeof "Content-Type" - 1) == 0;
    add_line(t, &n, line);
  }
  if (t->secret != NULL)
    add_line(t, &n, t->secret);
  if (!typed)
    add_line(t, &n, "Content-Type:");
  add_line(t, &n, "Expect:");
}

enum lc_err lc_transfer_new(struct lc_transfer **transfer, const struct lc_request *request,
                            char *text, size_t text_size) {
  enum lc_err err = lc_request_check(request, text, text_size);
  if (err != LC_OK)
    return err;
  const char *secret = request->secret != NULL ? request->secret->line : NULL;
  size_t nodes = (request->n_headers + 3) * sizeof(struct curl_slist);
  bool proxied = request->proxy != NULL && request->proxy[0] != 0;
  size_t proxy_room = proxied ? LC_PROXY_ROOM(strlen(request->proxy)) : 0;
  size_t size = sizeof(struct transfer) + nodes + size_of(request->method) + size_of(request->url) +
                size_of(request->ca_file) + proxy_room + size_of(secret) + request->body_len;
  for (size_t i = 0; i < request->n_headers; i++)
    size += size_of(request->headers[i]);
  struct transfer *t = malloc(size);
  if (t == NULL)
    return LC_ENOMEM;
  *t = (struct transfer){.size = size,
                         .once = request->once,
                         .insecure = request->insecure,
                         .send_by_us = request->send_by_us,
                         .sending = request->sending,
                         .timeout_ms = request->timeout_ms,
                         .connect_timeout_ms = request->connect_timeout_ms};
  atomic_init(&t->gate, GATE_SHUT);
  if (t->sending != NULL)
    t->sending->hold(t->sending);
  lc_buf_init(&t->headers, HEADERS_MAX);
  lc_buf_init(&t->content, request->max_response);
  char *to = (char *)t + sizeof *t + nodes;
  t->method = copy(&to, request->method);
  t->url = copy(&to, request->url);
  t->ca_file = copy(&to, request->ca_file);
  if (proxied && !lc_proxy_parse(&t->proxy, request->proxy, to)) {
    snprintf(text, text_size, "the proxy's address cannot be read");
    lc_transfer_free(&t->head);
    return LC_ECONNECT;
  }
  to += proxy_room;
  t->secret = copy(&to, secret);
  add_lines(t, request, &to);
  if (request->body != NULL) {
    t->body = to;
    t->body_len = request->body_len;
    memcpy(to, request->body, request->body_len);
  }
  *transfer = &t->head;
  return LC_OK;
}

/* ---- callbacks ------------------------------------------------------------------------------ */

#if LIBCURL_VERSION_NUM >= 0x075000
/* The connection stands; from here on bytes of the request may leave. libcurl by itself sends again
 * what was lost with a kept connection: not here, where each sending is a slot of a throttle. */
static int on_request(void *user, char *peer_ip, char *own_ip, int peer_port, int own_port) {
  struct transfer *t = user;
  int was = GATE_SHUT;
  (void)peer_ip, (void)own_ip, (void)peer_port, (void)own_port;
  t->late = t->send_by_us != 0 && lc_clock_us() > t->send_by_us;
  if (t->late)
    return 1;
  return atomic_compare_exchange_strong(&t->gate, &was, GATE_SENT) ? 0 : 1;
}
#endif

/* Whether bytes of the request have left. */
static bool has_begun(const struct transfer *t) {
  curl_off_t begun_us = 0;
  long bytes = 0;
  int gate = atomic_load(&t->gate);
  if ((gate != GATE_SENT && gate != GATE_UNKNOWN) || t->head.easy == NULL)
    return false;
  curl_easy_getinfo(t->head.easy, CURLINFO_REQUEST_SIZE, &bytes);
  if (gate == GATE_UNKNOWN)
    curl_easy_getinfo(t->head.easy, CURLINFO_PRETRANSFER_TIME_T, &begun_us);
  return begun_us > 0 || bytes > 0;
}

/* The clock is read after the writing, however long the thread was kept from its processor in
 * between: it had left by then. */
static void mark_sent(struct transfer *t) {
  if (t->sent_at_us != 0)
    return;
  t->sent_at_us = lc_clock_us();
  if (t->sending != NULL)
    t->sending->sent(t->sending, t->sent_at_us);
}

/* libcurl calls it after each step of a transfer. */
static int on_progress(void *user, curl_off_t all_down, curl_off_t down, curl_off_t all_up,
                       curl_off_t up) {
  struct transfer *t = user;
  (void)all_down, (void)down, (void)all_up;
  if (t->sent_at_us == 0 && (uint64_t)up >= t->body_len && has_begun(t))
    mark_sent(t);
  return 0;
}

static int status_of(const char *line, size_t len) {
  const char *at = memchr(line, ' ', len);
  int status = 0;
  if (at == NULL)
    return 0;
  for (at++; at < line + len && *at >= '0' && *at <= '9' && status < 100; at++)
    status = status * 10 + (*at - '0');
  return status;
}

static enum lc_err keep_header(struct transfer *t, const char *line, size_t len) {
  bool folded = *line == ' ' || *line == '\t';
  if (folded && t->headers.len >= 2)
    t->headers.len -= 2; /* the value goes on (RFC 9112, 5.2): the line's end becomes its space */
  else if (folded || memchr(line, ':', len) == NULL)
    return LC_OK;
  static const char encoding[] = "Content-Encoding:";
  if (len >= sizeof encoding && strncasecmp(line, encoding, sizeof encoding - 1) == 0)
    t->encoded = true;
  enum lc_err err = lc_buf_add(&t->headers, line, len);
  return err != LC_OK ? err : lc_buf_add(&t->headers, "\r\n", 2);
}

static size_t on_header(char *line, size_t size, size_t n, void *user) {
  struct transfer *t = user;
  size_t given = size * n;
  size_t len = given;
  while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
    len--;
  t->header_bytes += given + LINE_COST;
  if (t->header_bytes > HEADERS_MAX) {
    t->refused = LC_ETOOLARGE;
    return 0;
  }
  if (t->headed)
    return given;
  mark_sent(t);
  if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* anew after each 1xx */
    lc_buf_reset(&t->headers);
    t->encoded = false;
    t->status = status_of(line, len);
  } else if (len == 0) {
    t->headed = t->status >= 200;
  } else {
    t->refused = keep_header(t, line, len);
  }
  return t->refused == LC_OK ? given : 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *user) {
  struct transfer *t = user;
  curl_off_t declared = -1;
  if (t->content.len == 0 && !t->encoded)
    curl_easy_getinfo(t->head.easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &declared);
  if (declared > 0 && (uint64_t)declared > t->content.max)
    t->refused = LC_ETOOLARGE;
  else
    t->refused = lc_buf_add(&t->content, data, size * n);
  return t->refused == LC_OK ? size * n : 0;
}

/* ---- the handle ----------------------------------------------------------------------------- */

/* A handle keeps its settings, so each of these is set for every transfer. */
static void set_method(struct transfer *t, unsigned *code) {
  CURL *easy = t->head.easy;
  bool head = strcmp(t->method, "HEAD") == 0;
  bool get = strcmp(t->method, "GET") == 0;
  bool post = strcmp(t->method, "POST") == 0;
  /* Methods whose requests mean to carry a body say how long it is even where it is empty
   * (RFC 9110, 8.6). */
  bool body =
      t->body != NULL || post || strcmp(t->method, "PUT") == 0 || strcmp(t->method, "PATCH") == 0;
  bool plain = head || (get && !body) || post;
  lc_must(code, curl_easy_setopt(easy, CURLOPT_NOBODY, 0L));
  if (body) {
    lc_must(code, curl_easy_setopt(easy, CURLOPT_POST, 1L));
    lc_must(code, curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len));
    lc_must(code, curl_easy_setopt(easy, CURLOPT_POSTFIELDS, t->body != NULL ? t->body : ""));
  } else {
    lc_must(code, curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L));
  }
  if (head)
    lc_must(code, curl_easy_setopt(easy, CURLOPT_NOBODY, 1L));
  lc_must(code, curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, plain ? NULL : t->method));
}

/* Settings that few transfers have: they go away with the handle. */
static bool is_special(const struct transfer *t) {
  return t->insecure || t->ca_file != NULL || t->proxy.address != NULL;
}

static void set_special(struct transfer *t, unsigned *code) {
  CURL *easy = t->head.easy;
  if (t->insecure) {
    lc_must(code, curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L));
    lc_must(code, curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L));
  }
  if (t->ca_file != NULL) {
    lc_must(code, curl_easy_setopt(easy, CURLOPT_CAINFO, t->ca_file));
    lc_may(code, curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
  }
  if (t->proxy.address == NULL)
    return;
  lc_must(code, curl_easy_setopt(easy, CURLOPT_PROXY, t->proxy.address));
  if (t->proxy.user != NULL) {
    lc_must(code, curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, t->proxy.user));
    lc_must(code, curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, t->proxy.password));
  }
}

/* A request that must not go twice also gets HTTP/1.1: HTTP/2 knows refusals after which libcurl
 * sends again (REFUSED_STREAM, HTTP_1_1_REQUIRED). The others wait for a connection that is being
 * made, to share it; without TLS that wait would last until the first answer is there. */
static void set_connection(struct transfer *t, const struct lc_libcurl *lib, unsigned *code) {
  CURL *easy = t->head.easy;
  bool tls = strncasecmp(t->url, "https:", 6) == 0;
  bool http2 = lib->http2 && !t->once;
  long version = http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1;
  lc_must(code, curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, t->once ? 1L : 0L));
  lc_may(code, curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version));
  lc_may(code, curl_easy_setopt(easy, CURLOPT_PIPEWAIT, tls ? 1L : 0L));
}

unsigned lc_transfer_begin(struct lc_transfer *transfer, void *easy, const struct lc_libcurl *lib) {
  struct transfer *t = (struct transfer *)transfer;
  unsigned code = CURLE_OK;
  int was = GATE_SHUT;
  t->head.easy = easy;
  if (easy == NULL)
    return CURLE_OUT_OF_MEMORY;
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_URL, t->url));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->lines));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, t->timeout_ms));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, t->connect_timeout_ms));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_WRITEDATA, t));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_HEADERDATA, t));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_XFERINFODATA, t));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_PRIVATE, t));
  lc_must(&code, curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->error));
  set_method(t, &code);
  set_connection(t, lib, &code);
  set_special(t, &code);
  if (code != CURLE_OK)
    return code;
#if LIBCURL_VERSION_NUM >= 0x075000
  if (curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request) == CURLE_OK &&
      curl_easy_setopt(easy, CURLOPT_PREREQDATA, t) == CURLE_OK)
    return 0;
#endif
  return atomic_compare_exchange_strong(&t->gate, &was, GATE_UNKNOWN) ? 0
                                                                      : CURLE_ABORTED_BY_CALLBACK;
}

bool lc_transfer_try_cancel(struct lc_transfer *transfer) {
  struct transfer *t = (struct transfer *)transfer;
  int was = GATE_SHUT;
  return atomic_compare_exchange_strong(&t->gate, &was, GATE_CANCELLED);
}

/* ---- the result ----------------------------------------------------------------------------- */

static bool was_sent(const struct transfer *t) {
  int gate = atomic_load(&t->gate);
  return gate == GATE_SENT || (gate == GATE_UNKNOWN && has_begun(t));
}

/* Of a transfer of which nothing has left. */
static enum lc_err outcome_unsent(CURLcode code) {
  switch (code) {
  case CURLE_OPERATION_TIMEDOUT:
    return LC_ETIMEOUT;
  case CURLE_OUT_OF_MEMORY:
    return LC_ENOMEM;
  case CURLE_URL_MALFORMAT:
  case CURLE_BAD_FUNCTION_ARGUMENT:
    return LC_EINVAL;
  default:
    return LC_ECONNECT;
  }
}

/* Of one whose request has left: what went wrong then is the peer's doing, or the network's. */
static enum lc_err outcome_sent(const struct transfer *t, CURLcode code) {
  switch (code) {
  case CURLE_OK: /* without a status it was HTTP/0.9, which old libcurls let through */
    return t->headed ? LC_OK : LC_EPROTOCOL;
  case CURLE_OPERATION_TIMEDOUT:
    return LC_ETIMEOUT;
  case CURLE_OUT_OF_MEMORY: /* also what libcurl calls a header line beyond its own ceiling */
    return t->status == 0 || t->headed ? LC_ENOMEM : LC_ETOOLARGE;
  case CURLE_FILESIZE_EXCEEDED:
    return LC_ETOOLARGE;
  case CURLE_GOT_NOTHING:
  case CURLE_SEND_ERROR:
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_ABORTED_BY_CALLBACK:
    return LC_ENETWORK;
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
    return t->status != 0 ? LC_EPROTOCOL : LC_ENETWORK;
  case CURLE_RECV_ERROR: /* also of a chunk that is none, of which only the text tells */
    return t->headed && strstr(t->error, "chunked-encoding") != NULL ? LC_EPROTOCOL : LC_ENETWORK;
  default: /* not HTTP, a header that is none, a body that is cut or wrongly encoded, … */
    return LC_EPROTOCOL;
  }
}

static enum lc_err outcome(const struct transfer *t, CURLcode code, bool sent) {
  if (t->refused != LC_OK)
    return t->refused;
  return sent || code == CURLE_OK ? outcome_sent(t, code) : outcome_unsent(code);
}

/* libcurl's texts are not known to hold a credential or a query: this sees to it. */
static bool tells_secrets(const struct transfer *t, const char *text) {
  const char *query = strchr(t->url, '?');
  const char *value = t->secret != NULL ? strrchr(t->secret, ' ') : NULL;
  return (query != NULL && query[1] != 0 && strstr(text, query + 1) != NULL) ||
         (value != NULL && value[1] != 0 && strstr(text, value + 1) != NULL);
}

static void explain(const struct transfer *t, CURLcode code, struct lc_response *response) {
  char *text = response->text;
  size_t size = sizeof response->text;
  if (response->err == LC_ETOOLARGE && t->headed && t->header_bytes <= HEADERS_MAX)
    snprintf(text, size, "the response is larger than %zu bytes", t->content.max);
  else if (response->err == LC_ETOOLARGE)
    snprintf(text, size, "the response's header is too large");
  else if (response->err == LC_ENOMEM)
    snprintf(text, size, "not enough memory");
  else if (code == CURLE_OK)
    snprintf(text, size, "the answer is not HTTP");
  else if (t->late)
    snprintf(text, size, "it took longer to connect than the throttle lets a call wait");
  else if (code == CURLE_ABORTED_BY_CALLBACK)
    snprintf(text, size, "the connection was lost, and the request must not be sent twice");
  else if (t->error[0] != 0 && !tells_secrets(t, t->error))
    snprintf(text, size, "%s", t->error);
  else
    snprintf(text, size, "%s", curl_easy_strerror(code));
  for (char *at = text; *at != 0; at++) { /* a server's words may be in it */
    if (*at < ' ' || *at > '~')
      *at = ' ';
  }
}

void lc_transfer_end(struct lc_transfer *transfer, unsigned code, struct lc_response *response) {
  struct transfer *t = (struct transfer *)transfer;
  bool sent = was_sent(t);
  if (sent)
    mark_sent(t);
  *response = (struct lc_response){.sent = sent, .status = t->status, .sent_at_us = t->sent_at_us};
  response->err = outcome(t, (CURLcode)code, response->sent);
  if (response->err != LC_OK) {
    explain(t, (CURLcode)code, response);
    return;
  }
  response->headers = t->headers;
  response->body = t->content;
  lc_buf_init(&t->headers, 0);
  lc_buf_init(&t->content, 0);
}

bool lc_transfer_free(struct lc_transfer *transfer) {
  struct transfer *t = (struct transfer *)transfer;
  CURL *easy = t->head.easy;
  bool as_new = !is_special(t);
  if (t->sending != NULL) {
    if (was_sent(t)) /* whatever libcurl held of it, it has no longer */
      mark_sent(t);
    t->sending->end(t->sending);
  }
  if (easy != NULL) {
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
  }
  lc_buf_free(&t->headers);
  lc_buf_free(&t->content);
  lc_wipe(t, t->size);
  free(t);
  return as_new;
}
