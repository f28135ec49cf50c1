/* SPDX-License-Identifier: MIT */
/* SipHash-2-4, 128 bits: Aumasson and Bernstein, "SipHash: a fast short-input PRF". */
#include "digest.h"

#include <stdint.h>

struct sip {
  uint64_t v[4];
};

static uint64_t rotate(uint64_t x, int bits) {
  return x << bits | x >> (64 - bits);
}

static void mix(struct sip *sip, int rounds) {
  uint64_t *v = sip->v;
  for (; rounds > 0; rounds--) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
  }
}

static void add(struct sip *sip, uint64_t word) {
  sip->v[3] ^= word;
  mix(sip, 2);
  sip->v[0] ^= word;
}

static uint64_t little_endian(const unsigned char *bytes, size_t n) {
  uint64_t word = 0;
  while (n > 0)
    word = word << 8 | bytes[--n];
  return word;
}

static void write_hex(uint64_t word, char *hex) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < 8; i++, word >>= 8) {
    *hex++ = digits[word >> 4 & 15];
    *hex++ = digits[word & 15];
  }
}

void lc_digest(const void *data, size_t len, char hex[LC_DIGEST_SIZE]) {
  static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
  struct sip sip = {{
      key[0] ^ UINT64_C(0x736f6d6570736575),
      key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
      key[0] ^ UINT64_C(0x6c7967656e657261),
      key[1] ^ UINT64_C(0x7465646279746573),
  }};
  const unsigned char *bytes = data;
  size_t left = len;
  for (; left >= 8; left -= 8, bytes += 8)
    add(&sip, little_endian(bytes, 8));
  add(&sip, little_endian(bytes, left) | (uint64_t)len << 56);
  sip.v[2] ^= 0xee;
  mix(&sip, 4);
  write_hex(sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3], hex);
  sip.v[1] ^= 0xdd;
  mix(&sip, 4);
  write_hex(sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3], hex + 16);
  hex[LC_DIGEST_SIZE - 1] = 0;
}
