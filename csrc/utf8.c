/* SPDX-License-Identifier: MIT */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the character at `at`, which is not ASCII and may have `left` bytes; 0: not UTF-8. */
static size_t utf8_length(const unsigned char *at, size_t left) {
  unsigned char lead = at[0], low = 0x80, high = 0xbf;
  size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4 || left < length)
    return 0;
  if (lead == 0xe0)
    low = 0xa0; /* overlong */
  else if (lead == 0xed)
    high = 0x9f; /* surrogates */
  else if (lead == 0xf0)
    low = 0x90;
  else if (lead == 0xf4)
    high = 0x8f; /* above U+10FFFF */
  if (at[1] < low || at[1] > high)
    return 0;
  for (size_t i = 2; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80)
      return 0;
  }
  return length;
}

static bool has_high_bit(const unsigned char *eight) {
  uint64_t word;
  memcpy(&word, eight, sizeof word);
  return (word & UINT64_C(0x8080808080808080)) != 0;
}

bool lc_utf8(const char *text, size_t len) {
  const unsigned char *at = (const unsigned char *)text, *end = at + len;
  while (at < end) {
    size_t length = 1;
    if (*at >= 0x80)
      length = utf8_length(at, (size_t)(end - at));
    else if (end - at >= 8 && !has_high_bit(at))
      length = 8;
    if (length == 0)
      return false;
    at += length;
  }
  return true;
}
