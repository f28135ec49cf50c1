/* SPDX-License-Identifier: MIT */
/* Bytes with a ceiling, and a wipe that gcc -O2 keeps, which deletes a memset before free. */
#define __STDC_WANT_LIB_EXT1__ 1 /* memset_s, macOS */
#include "buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 256 /* most answers of the service fit after one or two doublings */

void lc_wipe(void *data, size_t len) {
  if (len == 0)
    return;
#ifdef __APPLE__
  memset_s(data, len, 0, len);
#else
  explicit_bzero(data, len);
#endif
}

void lc_buf_init(struct lc_buf *buf, size_t max) {
  /* No allocation can be larger than PTRDIFF_MAX, so the sums below cannot wrap. */
  *buf = (struct lc_buf){.max = max < PTRDIFF_MAX ? max : PTRDIFF_MAX - 1};
}

static enum lc_err grow(struct lc_buf *buf, size_t need) {
  size_t limit = buf->max + 1; /* the byte for the 0 does not count */
  size_t cap = buf->cap < BUF_FIRST ? BUF_FIRST : buf->cap * 2;
  if (cap < need)
    cap = need;
  if (cap > limit)
    cap = limit;
  char *data = realloc(buf->data, cap);
  if (data == NULL)
    return LC_ENOMEM;
  buf->data = data;
  buf->cap = cap;
  return LC_OK;
}

enum lc_err lc_buf_add(struct lc_buf *buf, const void *data, size_t len) {
  if (len == 0)
    return LC_OK;
  if (len > buf->max - buf->len)
    return LC_ETOOLARGE;
  size_t need = buf->len + len + 1;
  if (need > buf->cap) {
    enum lc_err err = grow(buf, need);
    if (err != LC_OK)
      return err;
  }
  memcpy(buf->data + buf->len, data, len);
  buf->len += len;
  buf->data[buf->len] = 0;
  return LC_OK;
}

void lc_buf_reset(struct lc_buf *buf) {
  buf->len = 0;
  if (buf->data != NULL)
    buf->data[0] = 0;
}

void lc_buf_free(struct lc_buf *buf) {
  free(buf->data);
  lc_buf_init(buf, buf->max);
}

void lc_buf_wipe(struct lc_buf *buf) {
  lc_wipe(buf->data, buf->cap);
  lc_buf_free(buf);
}
