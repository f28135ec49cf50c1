/* SPDX-License-Identifier: MIT */
/* The test kit: CHECK counts and goes on, test_end prints the line that `make test` sums up. And an
 * allocator that fails when told to: every C test is linked with
 *
 *   -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=free
 *
 * so that the calls of the files that were compiled, not those of the libraries, come here. To try
 * each failure in turn:
 *
 *   for (long n = 1;; n++) {
 *     test_fail_alloc(n);
 *     err = something();
 *     if (!test_alloc_failed())
 *       break;
 *     CHECK(err == LC_ENOMEM);
 *   }
 *   CHECK(err == LC_OK);
 */
#ifndef LC_TEST_H
#define LC_TEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

static unsigned long test_passed, test_failed;

static inline bool test_check(bool ok, const char *what, const char *label, const char *file,
                              int line) {
  if (ok)
    test_passed++;
  else
    test_failed++;
  if (!ok)
    printf("FAILED %s:%d: %s%s%s\n", file, line, what, label[0] ? "  with " : "", label);
  return ok;
}

/* On the main thread of the test. CHECK_WITH tells in which row of a table. */
#define CHECK(cond) test_check((cond), #cond, "", __FILE__, __LINE__)
#define CHECK_WITH(label, cond) test_check((cond), #cond, (label), __FILE__, __LINE__)

/* What main returns. */
static inline int test_end(void) {
  printf("%lu passed, %lu failed\n", test_passed, test_failed);
  return test_failed > 0;
}

/* ---- the failing allocator ---------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static atomic_long test_alloc_left; /* this many more, then one fails; 0: none fails */
static atomic_bool test_alloc_hit;
static void (*test_on_free)(void *block); /* looks at a block that is about to be freed */

/* From now on the n-th allocation fails, whichever thread makes it. */
static inline void test_fail_alloc(long n) {
  atomic_store(&test_alloc_hit, false);
  atomic_store(&test_alloc_left, n);
}

/* Whether it came to that. Ends the failing. */
static inline bool test_alloc_failed(void) {
  atomic_store(&test_alloc_left, 0);
  return atomic_load(&test_alloc_hit);
}

static inline bool test_alloc_fails(void) {
  long left = atomic_load(&test_alloc_left);
  while (left > 0) {
    if (!atomic_compare_exchange_weak(&test_alloc_left, &left, left - 1))
      continue;
    if (left == 1)
      atomic_store(&test_alloc_hit, true);
    return left == 1;
  }
  return false;
}

void *__wrap_malloc(size_t size) {
  return test_alloc_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
  return test_alloc_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
  return test_alloc_fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text) {
  return test_alloc_fails() ? NULL : __real_strdup(text);
}

void __wrap_free(void *block) {
  if (test_on_free != NULL && block != NULL)
    test_on_free(block);
  __real_free(block);
}

#endif
