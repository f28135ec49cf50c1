/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648, 4), piece by piece: what it is made from may be a secret. */
#ifndef LC_BASE64_H
#define LC_BASE64_H

#include <stddef.h>

#define LC_BASE64_LEN(len) (((len) + 2) / 3 * 4) /* without the 0 */

struct lc_base64 {
  char *to;      /* where it is written, by the caller's choice; begins with bits and n 0 */
  unsigned bits; /* the 0 to 2 bytes that wait for a third */
  unsigned n;
};

void lc_base64_put(struct lc_base64 *enc, const void *data, size_t len);
/* Writes the rest and a 0, and wipes what it remembers. */
void lc_base64_end(struct lc_base64 *enc);
/* What `from` stands for, up to its first '=' or 0; how many bytes, at most 3/4 of its length. */
size_t lc_base64_read(const char *from, unsigned char *to);

#endif
