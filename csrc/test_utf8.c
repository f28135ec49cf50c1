/* SPDX-License-Identifier: MIT */
#include "utf8.h"
#include "test.h"

#include <string.h>

static void test_utf8(void) {
  static const char *const right[] = {
      "\xc2\x80",     "\xdf\xbf",         "\xe0\xa0\x80",     "\xed\x9f\xbf",       "\xee\x80\x80",
      "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z\xc3\xa9",
  };
  static const char *const wrong[] = {
      "\x80",
      "\xbf",
      "\xc0\x80",
      "\xc1\xbf",
      "\xe0\x9f\xbf",
      "\xed\xa0\x80",
      "\xed\xbf\xbf",
      "\xf0\x8f\xbf\xbf",
      "\xf4\x90\x80\x80",
      "\xf5\x80\x80\x80",
      "\xff",
      "\xc3",
      "\xe2\x82",
      "\xf0\x9f\x98",
      "\xe2\x28\xa1",
      "\xe2\x82\x28",
      "\xf0\x9f\x98\x28",
      "\xf0\x28\x98\x80",
      "\xc3\xc3",
  };
  for (size_t i = 0; i < sizeof right / sizeof *right; i++)
    CHECK_WITH(right[i], lc_utf8(right[i], strlen(right[i])));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK_WITH(wrong[i], !lc_utf8(wrong[i], strlen(wrong[i])));
}

/* Eight bytes are looked at together: a wrong one is found wherever it stands, and so is a
 * character where two such steps meet. */
static void test_utf8_steps(void) {
  char text[32];
  for (size_t len = 0; len <= sizeof text; len++) {
    memset(text, 'a', sizeof text);
    CHECK(lc_utf8(text, len));
    for (size_t i = 0; i < len; i++) {
      text[i] = '\0';
      CHECK(lc_utf8(text, len));
      text[i] = (char)0xa9;
      CHECK(!lc_utf8(text, len));
      text[i] = (char)0xc3;
      CHECK(!lc_utf8(text, len));
      if (i + 1 < len) {
        text[i + 1] = (char)0xa9;
        CHECK(lc_utf8(text, len));
        CHECK(!lc_utf8(text, i + 1));
        text[i + 1] = 'a';
      }
      text[i] = 'a';
    }
  }
}

int main(void) {
  test_utf8();
  test_utf8_steps();
  return test_end();
}
