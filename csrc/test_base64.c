/* SPDX-License-Identifier: MIT */
#include "base64.h"
#include "test.h"

#include <string.h>

int main(void) {
  /* RFC 4648, 10; and the bytes whose digits are the last two. */
  static const struct {
    const char *plain, *text;
  } rows[] = {{"", ""},
              {"f", "Zg=="},
              {"fo", "Zm8="},
              {"foo", "Zm9v"},
              {"foob", "Zm9vYg=="},
              {"fooba", "Zm9vYmE="},
              {"foobar", "Zm9vYmFy"},
              {"\xfb\xff\xfe\xff\xff", "+//+//8="}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    size_t len = strlen(rows[i].plain);
    for (size_t cut = 0; cut <= len; cut++) { /* in two pieces */
      char text[32];
      unsigned char plain[32];
      struct lc_base64 enc = {.to = text};
      lc_base64_put(&enc, rows[i].plain, cut);
      lc_base64_put(&enc, rows[i].plain + cut, len - cut);
      lc_base64_end(&enc);
      CHECK_WITH(rows[i].text, strcmp(text, rows[i].text) == 0);
      CHECK_WITH(rows[i].text, strlen(text) == LC_BASE64_LEN(len) && enc.bits == 0);
      CHECK_WITH(rows[i].text,
                 lc_base64_read(text, plain) == len && memcmp(plain, rows[i].plain, len) == 0);
    }
  }
  return test_end();
}
