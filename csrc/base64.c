/* SPDX-License-Identifier: MIT */
#include "base64.h"
#include "buf.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void lc_base64_put(struct lc_base64 *enc, const void *data, size_t len) {
  const unsigned char *bytes = data;
  for (size_t i = 0; i < len; i++) {
    enc->bits = enc->bits << 8 | bytes[i];
    if (++enc->n < 3)
      continue;
    for (int shift = 18; shift >= 0; shift -= 6)
      *enc->to++ = digits[enc->bits >> shift & 63];
    enc->bits = 0;
    enc->n = 0;
  }
}

void lc_base64_end(struct lc_base64 *enc) {
  unsigned missing = enc->n > 0 ? 3 - enc->n : 0;
  if (missing > 0) {
    lc_base64_put(enc, "\0\0", missing);
    memset(enc->to - missing, '=', missing);
  }
  *enc->to = 0;
  lc_wipe(enc, sizeof *enc);
}

size_t lc_base64_read(const char *from, unsigned char *to) {
  size_t n = 0;
  uint32_t bits = 0;
  int n_bits = 0;
  for (const char *at; *from != 0 && (at = strchr(digits, *from)) != NULL; from++) {
    bits = bits << 6 | (uint32_t)(at - digits);
    n_bits += 6;
    if (n_bits >= 8) {
      n_bits -= 8;
      to[n++] = (unsigned char)(bits >> n_bits);
    }
  }
  lc_wipe(&bits, sizeof bits);
  return n;
}
