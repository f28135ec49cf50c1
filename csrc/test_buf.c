/* SPDX-License-Identifier: MIT */
#include "buf.h"
#include "test.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void test_add(void) {
  struct lc_buf buf;
  lc_buf_init(&buf, 1000);
  CHECK(buf.data == NULL && buf.len == 0);
  CHECK(lc_buf_add(&buf, "", 0) == LC_OK && lc_buf_add(&buf, NULL, 0) == LC_OK);
  CHECK(buf.data == NULL && buf.len == 0);
  CHECK(lc_buf_add(&buf, "one\0", 4) == LC_OK);
  CHECK(lc_buf_add(&buf, "two", 3) == LC_OK);
  CHECK(buf.len == 7 && memcmp(buf.data, "one\0two", 8) == 0);
  char *kept = buf.data;
  lc_buf_reset(&buf);
  CHECK(buf.len == 0 && buf.data == kept && buf.data[0] == 0);
  CHECK(lc_buf_add(&buf, "three", 5) == LC_OK && strcmp(buf.data, "three") == 0);
  lc_buf_free(&buf);
  CHECK(buf.data == NULL && buf.len == 0 && buf.cap == 0 && buf.max == 1000);
  lc_buf_reset(&buf);
  lc_buf_free(&buf);
  lc_buf_wipe(&buf);
  CHECK(buf.data == NULL);
}

static void test_ceiling(void) {
  struct lc_buf buf;
  char chunk[300];
  memset(chunk, 'x', sizeof chunk);
  for (size_t max = 0; max <= 1030; max += 103) {
    lc_buf_init(&buf, max);
    size_t len = 0;
    while (lc_buf_add(&buf, chunk, 100) == LC_OK)
      len += 100;
    CHECK(buf.len == len && len + 100 > max && len <= max);
    CHECK(lc_buf_add(&buf, chunk, max - len + 1) == LC_ETOOLARGE && buf.len == len);
    CHECK(lc_buf_add(&buf, chunk, SIZE_MAX) == LC_ETOOLARGE && buf.len == len);
    CHECK(lc_buf_add(&buf, chunk, max - len) == LC_OK && buf.len == max);
    CHECK(lc_buf_add(&buf, chunk, 1) == LC_ETOOLARGE && buf.len == max);
    CHECK(buf.cap <= max + 1);
    CHECK(max == 0 || buf.data[max] == 0);
    lc_buf_free(&buf);
  }
  lc_buf_init(&buf, SIZE_MAX);
  CHECK(lc_buf_add(&buf, "x", SIZE_MAX) == LC_ETOOLARGE);
  CHECK(lc_buf_add(&buf, chunk, sizeof chunk) == LC_OK && buf.len == sizeof chunk);
  lc_buf_free(&buf);
}

static void test_growth(void) {
  struct lc_buf buf;
  lc_buf_init(&buf, 1 << 20);
  size_t moves = 0;
  for (size_t i = 0; i < 1 << 20; i++) {
    size_t cap = buf.cap;
    char c = (char)(i % 251);
    if (lc_buf_add(&buf, &c, 1) != LC_OK)
      break;
    moves += buf.cap != cap;
  }
  CHECK(buf.len == 1 << 20);
  CHECK(moves < 20);
  size_t wrong = 0;
  for (size_t i = 0; i < buf.len; i++)
    wrong += buf.data[i] != (char)(i % 251);
  CHECK(wrong == 0);
  lc_buf_free(&buf);
}

static void test_no_memory(void) {
  struct lc_buf buf;
  lc_buf_init(&buf, 1 << 20);
  char chunk[1000];
  memset(chunk, 'y', sizeof chunk);
  test_fail_alloc(1);
  CHECK(lc_buf_add(&buf, chunk, sizeof chunk) == LC_ENOMEM);
  CHECK(test_alloc_failed());
  CHECK(buf.data == NULL && buf.len == 0 && buf.cap == 0);
  CHECK(lc_buf_add(&buf, chunk, sizeof chunk) == LC_OK);
  struct lc_buf before = buf;
  test_fail_alloc(1);
  CHECK(lc_buf_add(&buf, chunk, sizeof chunk) == LC_ENOMEM);
  CHECK(test_alloc_failed());
  CHECK(memcmp(&buf, &before, sizeof buf) == 0 && buf.data[999] == 'y' && buf.data[1000] == 0);
  lc_buf_free(&buf);
}

static size_t seen_freed, seen_secret;
static size_t watched_len;

static void watch(void *block) {
  const char *bytes = block;
  seen_freed++;
  for (size_t i = 0; i < watched_len; i++)
    seen_secret += bytes[i] != 0;
}

static void test_wipe(void) {
  struct lc_buf buf;
  lc_buf_init(&buf, 1000);
  CHECK(lc_buf_add(&buf, "a password", 10) == LC_OK);
  lc_buf_reset(&buf);
  CHECK(lc_buf_add(&buf, "short", 5) == LC_OK);
  watched_len = buf.cap;
  memset(buf.data + 6, 'z', buf.cap - 6); /* as if longer texts had been there before */
  test_on_free = watch;
  lc_buf_wipe(&buf);
  test_on_free = NULL;
  CHECK(seen_freed == 1);
  CHECK(seen_secret == 0);
  CHECK(buf.data == NULL && buf.len == 0);
}

int main(void) {
  test_add();
  test_ceiling();
  test_growth();
  test_no_memory();
  test_wipe();
  return test_end();
}
