/* SPDX-License-Identifier: MIT */
#include "json.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

/* On a copy of its very size, so that the sanitizer sees a read behind the end. */
static enum lc_json check(const char *text, size_t len, unsigned depth, const char *member,
                          struct lc_span *value) {
  char *copy = malloc(len > 0 ? len : 1);
  if (copy == NULL)
    return LC_JSON_ENOMEM;
  memcpy(copy, text, len);
  enum lc_json result = lc_json_check(copy, len, depth, member, value);
  free(copy);
  return result;
}

static enum lc_json judge(const char *text) {
  return check(text, strlen(text), 100, NULL, NULL);
}

static const char *const valid[] = {
    "{}",
    "[]",
    "0",
    "-0",
    "12",
    "1.5",
    "1e5",
    "1E+5",
    "-1.25e-3",
    "\"\"",
    "true",
    "false",
    "null",
    " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } ",
    "[[],{},[{}]]",
    "[1,[2,[3]]]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\ud800\\udc00\"",
    "\"\x7f\"",
    "1e999",
    "{\"\":1}",
    "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":1}]}",
};
static const char *const invalid[] = {
    "",
    " ",
    "{",
    "}",
    "[",
    "]",
    "{]",
    "[}",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{\"a\" 1}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1",
    "{\"a\":1 \"b\":1}",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "0x10",
    "NaN",
    "Infinity",
    "-Infinity",
    "tru",
    "truee",
    "nul",
    "True",
    "\"",
    "\"a",
    "\"\\\"",
    "\"\\x41\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\",
    "'a'",
    "\"\n\"",
    "\"\t\"",
    "1 2",
    "{} {}",
    "[] x",
    "/* */ 1",
    "1,",
    "\xef\xbb\xbf{}",
    "\xa0{}",
    "[1]\x0b",
};

static void test_grammar(void) {
  for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
    CHECK_WITH(valid[i], judge(valid[i]) == LC_JSON_OK);
  for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
    CHECK_WITH(invalid[i], judge(invalid[i]) == LC_JSON_SYNTAX);
  CHECK(check("{}\0", 3, 100, NULL, NULL) == LC_JSON_SYNTAX);
  CHECK(check("\"a\0b\"", 5, 100, NULL, NULL) == LC_JSON_SYNTAX);
  CHECK(check("\"\\\0\"", 4, 100, NULL, NULL) == LC_JSON_SYNTAX);
}

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
  char text[16];
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    snprintf(text, sizeof text, "\"%s\"", right[i]);
    CHECK_WITH(text, judge(text) == LC_JSON_OK);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    snprintf(text, sizeof text, "\"%s\"", wrong[i]);
    CHECK_WITH(text, judge(text) == LC_JSON_UTF8);
    snprintf(text, sizeof text, "\"%s", wrong[i]); /* nothing lies behind it */
    CHECK_WITH(text, judge(text) == LC_JSON_UTF8);
    snprintf(text, sizeof text, "{\"%s\":1}", wrong[i]);
    CHECK_WITH(text, judge(text) == LC_JSON_UTF8);
  }
}

static void test_duplicates(void) {
  static const char *const twice[] = {
      "{\"a\":1,\"a\":1}",
      "{\"a\":1,\"b\":2,\"a\":3}",
      "{\"\":1,\"\":2}",
      "{\"a\":1,\"\\u0061\":2}",
      "{\"/\":1,\"\\/\":2}",
      "{\"\\n\":1,\"\\u000A\":2}",
      "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
      "{\"\xe2\x82\xac\":1,\"\\u20AC\":2}",
      "{\"\xf0\x9f\x98\x80\":1,\"\\ud83D\\uDE00\":2}",
      "{\"x\":{\"a\":1,\"a\":2}}",
      "[[{\"x\":[{\"a\":[],\"a\":{}}]}]]",
      "{\"a\":{\"b\":1},\"a\":2}",
  };
  static const char *const once[] = {
      "{\"a\":1,\"A\":2}",
      "{\"a\":1,\"a \":2}",
      "{\"a\":\"a\",\"b\":\"a\"}",
      "{\"\\ud83d\":1,\"\\ude00\":2,\"\\ud83d\\ude00\":3}",
      "{\"\\n\":1,\"n\":2,\"\\\\n\":3}",
      "{\"a\":{\"a\":1,\"b\":2},\"b\":{\"a\":1,\"b\":2}}",
  };
  for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
    CHECK_WITH(twice[i], judge(twice[i]) == LC_JSON_DUPLICATE);
  for (size_t i = 0; i < sizeof once / sizeof *once; i++)
    CHECK_WITH(once[i], judge(once[i]) == LC_JSON_OK);
}

/* {"m0":{},"m1":{},…} of n members; `again` of them is written once more at the end. */
static char *many(int n, int again) {
  size_t size = (size_t)n * 16 + 32, at = 1;
  char *text = malloc(size);
  if (text == NULL)
    return NULL;
  text[0] = '{';
  for (int i = 0; i < n; i++)
    at += (size_t)snprintf(text + at, size - at, "%s\"m%d\":{}", i > 0 ? "," : "", i);
  if (again >= 0)
    at += (size_t)snprintf(text + at, size - at, ",\"m%d\":1", again);
  snprintf(text + at, size - at, "}");
  return text;
}

static void test_many_members(void) {
  for (int n = 1; n < 300; n += 7) {
    char *text = many(n, -1);
    CHECK(text != NULL && judge(text) == LC_JSON_OK);
    free(text);
    for (int again = 0; again < n; again += 1 + n / 3) {
      text = many(n, again);
      CHECK(text != NULL && judge(text) == LC_JSON_DUPLICATE);
      free(text);
    }
  }
}

static void test_no_memory(void) {
  char *text = many(1000, -1);
  if (!CHECK(text != NULL))
    return;
  enum lc_json result;
  long n = 1;
  for (;; n++) {
    test_fail_alloc(n);
    result = lc_json_check(text, strlen(text), 100, NULL, NULL);
    if (!test_alloc_failed())
      break;
    CHECK(result == LC_JSON_ENOMEM);
  }
  CHECK(result == LC_JSON_OK && n > 2);
  free(text);
}

static void test_depth(void) {
  static char deep[20002];
  for (size_t depth = 1; depth <= 10000; depth += depth < 1200 ? 1 : 800) {
    memset(deep, '[', depth);
    memset(deep + depth, ']', depth);
    CHECK(lc_json_check(deep, 2 * depth, 20000, NULL, NULL) ==
          (depth <= LC_JSON_MAX_DEPTH ? LC_JSON_OK : LC_JSON_DEPTH));
    CHECK(lc_json_check(deep, 2 * depth, 3, NULL, NULL) ==
          (depth <= 3 ? LC_JSON_OK : LC_JSON_DEPTH));
    CHECK(lc_json_check(deep, depth, 20000, NULL, NULL) != LC_JSON_OK);
  }
  CHECK(check("1", 1, 0, NULL, NULL) == LC_JSON_OK);
  CHECK(check("{}", 2, 0, "a", NULL) == LC_JSON_DEPTH);
  CHECK(check("{\"a\":[[]],\"b\":[[]]}", 19, 3, NULL, NULL) == LC_JSON_OK);
}

static bool located(const char *text, const char *value) {
  struct lc_span span = {.start = 7, .len = 7};
  if (check(text, strlen(text), 100, "token", &span) != LC_JSON_OK || value == NULL)
    return span.len == 0;
  return span.len == strlen(value) && strncmp(text + span.start, value, span.len) == 0;
}

static void test_member(void) {
  CHECK(located("{\"token\":\"x\"}", "\"x\""));
  CHECK(located(" {\"a\":1, \"token\" : \"x\" , \"b\":2}", "\"x\""));
  CHECK(located("{\"to\\u006ben\":[1, 2]}", "[1, 2]"));
  CHECK(located("{\"a\":{\"token\":1},\"token\":{\"token\":2}}", "{\"token\":2}"));
  CHECK(located("{\"token\":null}", "null"));
  CHECK(located("{\"a\":{\"token\":1}}", NULL));
  CHECK(located("[{\"token\":1}]", NULL));
  CHECK(located("{\"tokens\":1}", NULL));
  CHECK(located("{\"token\":1,\"token\":2}", NULL));
  CHECK(located("{\"token\":1", NULL));
}

/* Every prefix, and every byte replaced: nothing but an answer may come of it. */
static void test_damage(void) {
  static const char text[] =
      "{\"a\":[1,-2.5e+3,{\"\\u00e9\\n\":\"\xf0\x9f\x98\x80\"}],\"token\":null}";
  size_t len = sizeof text - 1;
  for (size_t n = 0; n < len; n++)
    CHECK(check(text, n, 100, "token", NULL) != LC_JSON_OK);
  char copy[sizeof text];
  unsigned long refused = 0;
  for (size_t i = 0; i < len; i++) {
    for (int c = 0; c < 256; c++) {
      memcpy(copy, text, sizeof text);
      copy[i] = (char)c;
      struct lc_span span;
      refused += check(copy, len, 100, "token", &span) != LC_JSON_OK;
      if (span.len != 0 && !CHECK(span.start + span.len <= len))
        return;
    }
  }
  CHECK(refused > 256);
}

int main(void) {
  test_grammar();
  test_utf8();
  test_duplicates();
  test_many_members();
  test_no_memory();
  test_depth();
  test_member();
  test_damage();
  return test_end();
}
