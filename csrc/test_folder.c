/* SPDX-License-Identifier: MIT */
#include "folder.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64];

static const char *path_of(const char *name) {
  static char path[200];
  snprintf(path, sizeof path, "%s/%s", base, name);
  return path;
}

static int count(void) {
  struct lc_listing listing;
  enum lc_err err = lc_listing_open(&listing, base);
  int n = err == LC_OK && lc_listing_more(&listing, SIZE_MAX, false) == LC_OK ? (int)listing.n : -1;
  lc_listing_free(&listing);
  return n;
}

static void empty(void) {
  void *folder;
  bool more = true;
  if (CHECK(lc_folder_open(base, &folder) == LC_OK))
    CHECK(lc_folder_sweep(folder, INT64_MAX, 1000000, &more) == LC_OK && !more);
  lc_folder_close(folder);
}

/* The oldest first, of what has been read; all of it in the end. */
static void test_listing(void) {
  enum { FILES = 500 };
  struct lc_listing listing;
  struct lc_entry entry;
  char name[16];
  for (int i = 0; i < FILES; i++) {
    snprintf(name, sizeof name, "%d", i * 7 % FILES);
    CHECK(close(open(path_of(name), O_CREAT | O_WRONLY, 0600)) == 0);
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000 + i * 7 % FILES / 2}};
    CHECK(utimensat(AT_FDCWD, path_of(name), times, 0) == 0);
  }
  CHECK(lc_listing_open(&listing, base) == LC_OK && !lc_listing_take(&listing, &entry));
  CHECK(lc_listing_more(&listing, 100, false) == LC_OK && listing.n == 100 && listing.folder);
  int64_t last = 0;
  int taken = 0;
  bool seen[FILES] = {false}, sorted = true;
  for (; taken < 50 && lc_listing_take(&listing, &entry); taken++) {
    sorted = sorted && entry.epoch_us >= last && !seen[strtol(entry.name, NULL, 10)];
    seen[strtol(entry.name, NULL, 10)] = true;
    last = entry.epoch_us;
  }
  CHECK(taken == 50 && sorted);
  CHECK(lc_listing_more(&listing, SIZE_MAX, false) == LC_OK && listing.folder == NULL);
  CHECK(lc_listing_more(&listing, 1, false) == LC_OK && listing.n == FILES - 50);
  for (last = 0; lc_listing_take(&listing, &entry); taken++) {
    sorted = sorted && entry.epoch_us >= last && !seen[strtol(entry.name, NULL, 10)];
    seen[strtol(entry.name, NULL, 10)] = true;
    last = entry.epoch_us;
  }
  CHECK(taken == FILES && sorted && last == INT64_C(1000000) * (1000 + (FILES - 1) / 2));
  lc_listing_free(&listing);
  CHECK(lc_listing_open(&listing, "/nowhere/at/all") == LC_ESYS && errno == ENOENT);
  lc_listing_free(&listing);
  empty();
}

static void test_sweep(void) {
  void *folder;
  bool more = true;
  char name[16];
  int turns = 0;
  for (int i = 0; i < 25; i++) {
    snprintf(name, sizeof name, "f%d", i);
    CHECK(close(open(path_of(name), O_CREAT | O_WRONLY, 0600)) == 0);
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    CHECK(i % 5 == 0 || utimensat(AT_FDCWD, path_of(name), old, 0) == 0);
  }
  CHECK(lc_folder_open(base, &folder) == LC_OK);
  for (; more && turns < 10; turns++)
    CHECK(lc_folder_sweep(folder, INT64_C(2000000000), 10, &more) == LC_OK);
  lc_folder_close(folder);
  CHECK(turns == 3 && count() == 5);
  empty();
}

static void test_no_memory(void) {
  struct lc_listing listing;
  CHECK(close(open(path_of("f"), O_CREAT | O_WRONLY, 0600)) == 0);
  for (long n = 1; n < 100; n++) {
    test_fail_alloc(n);
    enum lc_err err = lc_listing_open(&listing, base);
    if (err == LC_OK)
      err = lc_listing_more(&listing, 10, false);
    bool failed = test_alloc_failed();
    CHECK(err == (failed ? LC_ENOMEM : LC_OK) && listing.n == (failed ? 0 : 1));
    lc_listing_free(&listing);
    if (!failed)
      break;
  }
  empty();
}

int main(void) {
  snprintf(base, sizeof base, "/tmp/livechat.XXXXXX");
  if (!CHECK(mkdtemp(base) != NULL))
    return test_end();
  test_listing();
  test_sweep();
  test_no_memory();
  CHECK(rmdir(base) == 0);
  return test_end();
}
