/* SPDX-License-Identifier: MIT */
#include "digest.h"
#include "test.h"

#include <string.h>

/* The first rows of the vectors that SipHash's authors publish (vectors.h, 128 bits): the n-th is
 * of the bytes 00 01 … of that many. */
static const char *const vectors[] = {
    "a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45",
    "8177228da4a45dc7fca38bdef60affe4", "9c70b60c5267a94e5f33b6b02985ed51",
    "f88164c12d9c8faf7d0f6e7c7bcd5579", "1368875980776f8854527a07690e9627",
    "14eeca338b208613485ea0308fd7a15e", "a1f1ebbed8dbc153c0b84aa61ff08239",
    "3b62a9ba6258f5610f83e264f31497b4", "264499060ad9baabc47f8b02bb6d71ed",
};

static void test_vectors(void) {
  unsigned char bytes[64];
  char hex[LC_DIGEST_SIZE];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (unsigned char)i;
  for (size_t n = 0; n < sizeof vectors / sizeof *vectors; n++) {
    lc_digest(bytes, n, hex);
    CHECK_WITH(vectors[n], strcmp(hex, vectors[n]) == 0);
  }
}

static void test_differences(void) {
  char text[600], a[LC_DIGEST_SIZE], b[LC_DIGEST_SIZE];
  memset(text, 0, sizeof text);
  for (size_t len = 1; len < sizeof text; len += 13) {
    lc_digest(text, len, a);
    lc_digest(text, len - 1, b);
    CHECK(strcmp(a, b) != 0);
    for (size_t i = 0; i < len; i += 5) {
      text[i] ^= 1;
      lc_digest(text, len, b);
      CHECK(strcmp(a, b) != 0);
      text[i] ^= 1;
    }
    lc_digest(text, len, b);
    CHECK(strcmp(a, b) == 0);
  }
}

int main(void) {
  test_vectors();
  test_differences();
  return test_end();
}
