/* SPDX-License-Identifier: MIT */
/* One HTTP exchange over one libcurl easy handle. */
#ifndef LC_TRANSFER_H
#define LC_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "handle.h"
#include "request.h"

struct lc_response {
  enum lc_err err;       /* LC_OK: status, headers and body are whole */
  char text[256];        /* for an error: one line, no secrets */
  bool sent;             /* false: certainly no byte of the request left */
  int status;            /* for an error: that of the answer's beginning; 0 where there was none */
  struct lc_buf headers; /* the final response's "Name: value" lines, each ended by CR LF */
  struct lc_buf body;
  double seconds;
  int64_t sent_at_us; /* by when the request had been written to the connection, on lc_clock_us;
                         0: it was not, as far as is known */
};

struct lc_transfer { /* the head of it, which is the engine's; the rest is transfer.c's own */
  uint64_t id;
  void *easy; /* the CURL handle while it runs: its CURLOPT_PRIVATE is the transfer */
  struct lc_transfer *next;
};

/* Checks the request and copies it. LC_ECONNECT for a proxy whose address cannot be read. */
enum lc_err lc_transfer_new(struct lc_transfer **transfer, const struct lc_request *request,
                            char *text, size_t text_size);
/* Makes the handle, NULL for want of memory, ready for curl_multi_add_handle. Gives a CURLcode. */
unsigned lc_transfer_begin(struct lc_transfer *transfer, void *easy, const struct lc_libcurl *lib);
/* From any thread: a request that has not begun to leave never will, and true tells so. */
bool lc_transfer_try_cancel(struct lc_transfer *transfer);
/* The result, for a CURLcode; its `seconds` are left to the engine. The caller frees headers and
 * body. */
void lc_transfer_end(struct lc_transfer *transfer, unsigned code, struct lc_response *response);
/* Takes all pointers out of the handle and wipes the copies. false: the handle has settings of this
 * transfer, and cannot serve another. */
bool lc_transfer_free(struct lc_transfer *transfer);

#endif
