/* SPDX-License-Identifier: MIT */
/* Bytes with a ceiling. */
#ifndef LC_BUF_H
#define LC_BUF_H

#include <stddef.h>

#include "err.h"

struct lc_buf {
  char *data; /* NULL until something was added; otherwise data[len] is 0 */
  size_t len;
  size_t cap;
  size_t max; /* len never passes it */
};

void lc_buf_init(struct lc_buf *buf, size_t max);
/* All or nothing: LC_ETOOLARGE and LC_ENOMEM leave the buffer as it was. */
enum lc_err lc_buf_add(struct lc_buf *buf, const void *data, size_t len);
void lc_buf_reset(struct lc_buf *buf); /* empty, keeps the memory */
void lc_buf_free(struct lc_buf *buf);
/* Overwrites the memory, then frees it. A block that the buffer outgrew earlier is not reached:
 * what must leave no trace is put in by one lc_buf_add. */
void lc_buf_wipe(struct lc_buf *buf);

/* Overwrites memory in a way that the compiler keeps. */
void lc_wipe(void *data, size_t len);

#endif
