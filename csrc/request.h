/* SPDX-License-Identifier: MIT */
/* What may be sent. */
#ifndef LC_REQUEST_H
#define LC_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "secret.h"
#include "sending.h"

struct lc_request { /* everything is copied by lc_engine_submit */
  const char *method;
  const char *url;
  const char *const *headers; /* "Name: value" */
  size_t n_headers;
  const void *body; /* NULL: none */
  size_t body_len;
  const struct lc_secret *secret; /* NULL: none. Only ever sent to its own origin. */
  long timeout_ms;                /* of the whole transfer, connecting included; 0: none */
  long connect_timeout_ms;
  size_t max_response; /* ceiling of the decoded body */
  bool insecure;       /* do not verify the peer */
  const char *ca_file; /* NULL: the system's */
  const char *proxy;   /* NULL or "": none, whatever the environment says */
  bool once;           /* may have acted where it fails: takes a new connection, because a kept one
                          may turn out to be dead. (No request is ever sent twice by itself; libcurl
                          before 7.80 does so with one that is not `once`.) */
  bool notify;         /* lc_calls_fd() will be asked for */
  int64_t send_by_us;  /* on lc_clock_us: it is not sent later (libcurl 7.80); 0: whenever */
  struct lc_sending *sending; /* who wants to be told of it; held meanwhile. NULL: none */
};

/* LC_EINVAL for a method that is no token, a URL without an origin (lc_origin), a header that is
 * not one "Name: value" line or frames the message, and a secret of another origin; `text` says
 * which. */
enum lc_err lc_request_check(const struct lc_request *request, char *text, size_t text_size);

#endif
