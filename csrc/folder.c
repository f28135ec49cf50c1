/* SPDX-License-Identifier: MIT */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_NAMES = 1 << 30 };

/* ---- one by one ---------------------------------------------------------------------------- */

enum lc_err lc_folder_open(const char *path, void **folder) {
  *folder = opendir(path);
  return *folder ? LC_OK : LC_ESYS;
}

enum lc_err lc_folder_name(void *folder, const char **name) {
  struct dirent *found;
  do {
    errno = 0;
    found = readdir(folder);
  } while (found && (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0));
  *name = found ? found->d_name : NULL;
  return found == NULL && errno ? LC_ESYS : LC_OK;
}

static int64_t modified_us(const struct stat *about) {
#ifdef __APPLE__
  const struct timespec *time = &about->st_mtimespec;
#else
  const struct timespec *time = &about->st_mtim;
#endif
  return (int64_t)time->tv_sec * 1000000 + time->tv_nsec / 1000;
}

enum lc_err lc_folder_next(void *folder, struct lc_entry *entry) {
  for (;;) {
    struct stat about;
    errno = 0;
    struct dirent *found = readdir(folder);
    entry->name = found ? found->d_name : NULL;
    if (found == NULL)
      return errno ? LC_ESYS : LC_OK;
    if (found->d_name[0] == '.' ||
        fstatat(dirfd(folder), found->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(about.st_mode))
      continue; /* gone meanwhile, or none of ours */
    entry->size = (uint64_t)about.st_size;
    entry->epoch_us = modified_us(&about);
    return LC_OK;
  }
}

void lc_folder_close(void *folder) {
  if (folder)
    closedir(folder);
}

enum lc_err lc_folder_sweep(void *folder, int64_t before_us, size_t n, bool *more) {
  struct lc_entry entry = {.name = NULL};
  enum lc_err err = LC_OK;
  for (*more = true; err == LC_OK && *more && n > 0; n--) {
    err = lc_folder_next(folder, &entry);
    *more = err == LC_OK && entry.name != NULL;
    if (*more && entry.epoch_us < before_us)
      unlinkat(dirfd(folder), entry.name, 0);
  }
  return err;
}

/* ---- listings ------------------------------------------------------------------------------ */

static bool is_before(const struct lc_listing *listing, size_t a, size_t b) {
  const struct lc_listed *one = &listing->files[a], *other = &listing->files[b];
  if (one->epoch_us != other->epoch_us)
    return one->epoch_us < other->epoch_us;
  return one->name < other->name;
}

static void swap(struct lc_listing *listing, size_t a, size_t b) {
  struct lc_listed file = listing->files[a];
  listing->files[a] = listing->files[b];
  listing->files[b] = file;
}

static void sift_up(struct lc_listing *listing, size_t at) {
  for (; at > 0 && is_before(listing, at, (at - 1) / 2); at = (at - 1) / 2)
    swap(listing, at, (at - 1) / 2);
}

static void sift_down(struct lc_listing *listing, size_t at) {
  for (size_t child; (child = 2 * at + 1) < listing->n; at = child) {
    if (child + 1 < listing->n && is_before(listing, child + 1, child))
      child++;
    if (!is_before(listing, child, at))
      return;
    swap(listing, at, child);
  }
}

static enum lc_err add(struct lc_listing *listing, const struct lc_entry *entry) {
  if (listing->n == listing->room) {
    size_t room = listing->room > 0 ? listing->room * 2 : 64;
    struct lc_listed *files = realloc(listing->files, room * sizeof *files);
    if (files == NULL)
      return LC_ENOMEM;
    listing->files = files;
    listing->room = room;
  }
  struct lc_listed *file = &listing->files[listing->n];
  *file = (struct lc_listed){listing->names.len, entry->size, entry->epoch_us};
  enum lc_err err = lc_buf_add(&listing->names, entry->name, strlen(entry->name) + 1);
  if (err == LC_OK)
    sift_up(listing, listing->n++);
  return err;
}

enum lc_err lc_listing_open(struct lc_listing *listing, const char *path) {
  *listing = (struct lc_listing){.files = NULL};
  lc_buf_init(&listing->names, MAX_NAMES);
  return lc_folder_open(path, &listing->folder);
}

enum lc_err lc_listing_more(struct lc_listing *listing, size_t n, bool all) {
  struct lc_entry entry = {.name = NULL};
  enum lc_err err = LC_OK;
  for (; err == LC_OK && n > 0 && listing->folder != NULL; n--) {
    err = all ? lc_folder_name(listing->folder, &entry.name)
              : lc_folder_next(listing->folder, &entry);
    if (err == LC_OK && entry.name != NULL) {
      err = add(listing, &entry);
    } else {
      int why = errno;
      lc_folder_close(listing->folder);
      listing->folder = NULL;
      errno = why;
    }
  }
  return err;
}

bool lc_listing_take(struct lc_listing *listing, struct lc_entry *entry) {
  if (listing->n == 0)
    return false;
  const struct lc_listed *first = &listing->files[0];
  *entry = (struct lc_entry){listing->names.data + first->name, first->size, first->epoch_us};
  swap(listing, 0, --listing->n);
  sift_down(listing, 0);
  return true;
}

void lc_listing_free(struct lc_listing *listing) {
  free(listing->files);
  lc_buf_free(&listing->names);
  lc_folder_close(listing->folder);
  *listing = (struct lc_listing){.files = NULL};
}
