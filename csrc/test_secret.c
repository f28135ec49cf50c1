/* SPDX-License-Identifier: MIT */
#include "secret.h"
#include "test.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define URL "https://api.livechatinc.com/agents"

static bool same(const char *a, const char *b) {
  return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void test_basic(void) {
  static const struct {
    const char *user, *password, *line;
  } rows[] = {
      /* RFC 7617, 2 and 2.1; RFC 4648, 10 for the three lengths of the tail */
      {"Aladdin", "open sesame", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
      {"test", "123\xc2\xa3", "Authorization: Basic dGVzdDoxMjPCow=="},
      {"", "", "Authorization: Basic Og=="},
      {"f", "", "Authorization: Basic Zjo="},
      {"f", "o", "Authorization: Basic Zjpv"},
      {"f", "oo", "Authorization: Basic Zjpvbw=="},
      {"f", "dal:oo", "Authorization: Basic ZjpkYWw6b28="},
      {"\xfb\xff", "\xfe\xff\xff", "Authorization: Basic +/86/v//"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct lc_secret secret;
    enum lc_err err = lc_secret_basic(&secret, rows[i].user, strlen(rows[i].user), rows[i].password,
                                      strlen(rows[i].password), URL);
    CHECK_WITH(rows[i].line, err == LC_OK && same(secret.line, rows[i].line));
    CHECK_WITH(rows[i].line, same(secret.origin, "https://api.livechatinc.com:443"));
    lc_secret_wipe(&secret);
    CHECK(secret.line == NULL && secret.origin == NULL);
    lc_secret_wipe(&secret);
  }
}

/* A decoder in the other direction, so that every byte at every place is tried. */
static void test_basic_bytes(void) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char password[256];
  size_t n = 0;
  for (int c = 1; c < 256; c++) {
    if (c != '\r' && c != '\n')
      password[n++] = (char)c;
  }
  for (size_t len = 0; len <= n; len++) {
    struct lc_secret secret;
    if (lc_secret_basic(&secret, "u", 1, password, len, URL) != LC_OK)
      break;
    unsigned char plain[300];
    size_t got = 0;
    unsigned bits = 0, have = 0;
    for (const char *at = secret.line + strlen("Authorization: Basic "); *at && *at != '='; at++) {
      bits = bits << 6 | (unsigned)(strchr(digits, *at) - digits);
      have += 6;
      if (have >= 8) {
        have -= 8;
        plain[got++] = (unsigned char)(bits >> have);
      }
    }
    CHECK(got == len + 2 && memcmp(plain, "u:", 2) == 0 && memcmp(plain + 2, password, len) == 0);
    CHECK(strlen(secret.line) % 4 == strlen("Authorization: Basic ") % 4);
    lc_secret_wipe(&secret);
  }
}

static void test_bearer(void) {
  struct lc_secret secret;
  CHECK(lc_secret_bearer(&secret, "dal:A-b_c.~+/=", 14, URL) == LC_OK);
  CHECK(same(secret.line, "Authorization: Bearer dal:A-b_c.~+/="));
  CHECK(same(secret.origin, "https://api.livechatinc.com:443"));
  lc_secret_wipe(&secret);
  CHECK(lc_secret_bearer(&secret, "token and more", 5, URL) == LC_OK);
  CHECK(same(secret.line, "Authorization: Bearer token"));
  lc_secret_wipe(&secret);
  static const char *const bad[] = {"",     " t",   "t ",   "a b",     "a\rb",
                                    "a\nb", "a\tb", "\x7f", "\xc3\xa4"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK_WITH(bad[i], lc_secret_bearer(&secret, bad[i], strlen(bad[i]), URL) == LC_EINVAL);
    CHECK_WITH(bad[i], secret.line == NULL && secret.origin == NULL);
  }
  CHECK(lc_secret_bearer(&secret, "a\0b", 3, URL) == LC_EINVAL);
}

static void test_refused(void) {
  static const struct {
    const char *user;
    size_t user_len;
    const char *password;
    size_t password_len;
    const char *url;
  } rows[] = {
      {"u:v", 3, "p", 1, URL},  {"u\r", 2, "p", 1, URL}, {"u\n", 2, "p", 1, URL},
      {"u\0v", 3, "p", 1, URL}, {"u", 1, "p\r", 2, URL}, {"u", 1, "\np", 2, URL},
      {"u", 1, "p\0q", 3, URL}, {"u", 1, "p\0", 2, URL}, {"u", 1, "p", 1, "ftp://h/"},
      {"u", 1, "p", 1, "h"},    {"u", 1, "p", 1, ""},    {"u", 1, "p", 1, "https://a@h/"},
  };
  struct lc_secret secret;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    memset(&secret, 0xff, sizeof secret); /* what was there before must not matter */
    enum lc_err err = lc_secret_basic(&secret, rows[i].user, rows[i].user_len, rows[i].password,
                                      rows[i].password_len, rows[i].url);
    CHECK_WITH(rows[i].user, err == LC_EINVAL);
    CHECK_WITH(rows[i].user, secret.line == NULL && secret.origin == NULL);
  }
  static const char big[65537] = "";
  CHECK(lc_secret_basic(&secret, big, sizeof big, "p", 1, URL) == LC_ETOOLARGE);
  CHECK(lc_secret_basic(&secret, "u", 1, big, SIZE_MAX, URL) == LC_ETOOLARGE);
  CHECK(lc_secret_bearer(&secret, big, sizeof big, URL) == LC_ETOOLARGE);
  CHECK(secret.line == NULL && secret.origin == NULL);
}

static void test_allows(void) {
  struct lc_secret secret;
  CHECK(lc_secret_basic(&secret, "u", 1, "p", 1, "https://api.example.com/v2") == LC_OK);
  CHECK(lc_secret_allows(&secret, "https://api.example.com/tickets?query=@evil"));
  CHECK(lc_secret_allows(&secret, "HTTPS://API.EXAMPLE.COM:443"));
  static const char *const others[] = {
      "http://api.example.com/",        "https://api.example.com:444/",
      "https://example.com/",           "https://xapi.example.com/",
      "https://api.example.com.evil",   "https://api.example.com@evil/",
      "https://u@api.example.com/",     "https://api.example.co",
      "https://api.example.com\\@evil", "https://api.example.com:443:",
      "http://api.example.com:443/",    "",
  };
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    CHECK_WITH(others[i], !lc_secret_allows(&secret, others[i]));
  lc_secret_wipe(&secret);
  CHECK(!lc_secret_allows(&secret, "https://api.example.com/"));
}

static void test_equal(void) {
  char a[64], b[64];
  memset(a, 'x', sizeof a);
  memset(b, 'x', sizeof b);
  CHECK(lc_equal(a, sizeof a, b, sizeof b));
  CHECK(lc_equal(a, 0, b, 0) && lc_equal(NULL, 0, NULL, 0));
  CHECK(!lc_equal(a, sizeof a, b, sizeof b - 1) && !lc_equal(a, 0, b, 1));
  for (size_t i = 0; i < sizeof b; i++) {
    for (int bit = 0; bit < 8; bit++) {
      b[i] = (char)('x' ^ 1 << bit);
      CHECK(!lc_equal(a, sizeof a, b, sizeof b));
    }
    b[i] = 'x';
  }
}

/* ---- hidden in a text ----------------------------------------------------------------------- */

static bool hides(const struct lc_secret *secret, const char *text, const char *expected) {
  char copy[256];
  size_t len = strlen(text);
  memcpy(copy, text, len + 1);
  return lc_secret_hide(secret, copy, len) && strcmp(copy, expected) == 0;
}

static void test_hide(void) {
  struct lc_secret secret;
  /* dXM6bz9vL29rfm8/eA== stands for us:o?o/ok~o?x */
  CHECK(lc_secret_basic(&secret, "us", 2, "o?o/ok~o?x", 10, URL) == LC_OK);
  CHECK(hides(&secret, "", ""));
  CHECK(hides(&secret, "us and nothing else", "us and nothing else"));
  CHECK(hides(&secret, "o?o/ok~o?x", "**********"));
  CHECK(hides(&secret, "o?o/ok~o?", "o?o/ok~o?"));
  CHECK(hides(&secret, "oo?o/ok~o?xo?o/ok~o?x!", "o********************!"));
  CHECK(hides(&secret, "\"o?o\\/ok~o?x\"", "\"***********\""));
  CHECK(hides(&secret, "o?o\\", "o?o\\"));
  CHECK(hides(&secret, "Basic dXM6bz9vL29rfm8/eA==.", "Basic ********************."));
  CHECK(hides(&secret, "dXM6bz9vL29rfm8\\/eA==", "*********************"));
  for (long n = 1; n < 3; n++) {
    char text[] = "o?o/ok~o?x";
    test_fail_alloc(n);
    CHECK(lc_secret_hide(&secret, text, 10) == !test_alloc_failed());
    CHECK(test_alloc_failed() || strcmp(text, "**********") == 0);
  }
  test_fail_alloc(0);
  lc_secret_wipe(&secret);
  CHECK(!hides(&secret, "text", "text"));
  CHECK(lc_secret_basic(&secret, "user", 4, "short", 5, URL) == LC_OK);
  CHECK(hides(&secret, "a short word, not dXNlcjpzaG9ydA==", "a short word, not ****************"));
  lc_secret_wipe(&secret);
  CHECK(lc_secret_bearer(&secret, "fra:token-1", 11, URL) == LC_OK);
  CHECK(hides(&secret, "Bearer fra:token-1 fra:token-", "Bearer *********** fra:token-"));
  lc_secret_wipe(&secret);
}

/* ---- nothing leaks ------------------------------------------------------------------------- */

static size_t line_size, seen_freed, seen_traces;

/* The header line is the larger block; whatever is in it but zeros is a trace. */
static void watch(void *block) {
  const char *bytes = block;
  seen_freed++;
  if (strncmp(bytes, "https://", 8) == 0)
    return;
  for (size_t i = 0; i < line_size; i++)
    seen_traces += bytes[i] != 0;
}

static void test_wiped(void) {
  struct lc_secret secret;
  CHECK(lc_secret_basic(&secret, "user", 4, "hunter2hunter2", 14, URL) == LC_OK);
  line_size = strlen(secret.line);
  test_on_free = watch;
  lc_secret_wipe(&secret);
  test_on_free = NULL;
  CHECK(seen_freed == 2 && seen_traces == 0);
}

static void test_no_memory(void) {
  struct lc_secret secret;
  for (int bearer = 0; bearer <= 1; bearer++) {
    enum lc_err err;
    long n = 1;
    for (;; n++) {
      test_fail_alloc(n);
      err = bearer ? lc_secret_bearer(&secret, "t", 1, URL)
                   : lc_secret_basic(&secret, "u", 1, "p", 1, URL);
      if (!test_alloc_failed())
        break;
      CHECK(err == LC_ENOMEM && secret.line == NULL && secret.origin == NULL);
    }
    CHECK(err == LC_OK && n == 3);
    test_fail_alloc(1); /* the question must not depend on memory */
    CHECK(lc_secret_allows(&secret, URL));
    CHECK(!test_alloc_failed());
    lc_secret_wipe(&secret);
  }
}

int main(void) {
  test_basic();
  test_basic_bytes();
  test_bearer();
  test_refused();
  test_allows();
  test_equal();
  test_hide();
  test_wiped();
  test_no_memory();
  return test_end();
}
