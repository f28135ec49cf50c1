/* SPDX-License-Identifier: MIT */
/* What is in a folder, one by one, or in the order of the files' times. */
#ifndef LC_FOLDER_H
#define LC_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

enum lc_err lc_folder_open(const char *path, void **folder);
/* Of anything in it, also what begins with a dot; until the next call. NULL: there are no more. */
enum lc_err lc_folder_name(void *folder, const char **name);

struct lc_entry {   /* a regular file whose name does not begin with a dot */
  const char *name; /* until the next call; NULL: there are no more */
  uint64_t size;
  int64_t epoch_us; /* its time */
};

enum lc_err lc_folder_next(void *folder, struct lc_entry *entry);
/* Removes what lc_folder_next would give and is older, looking at no more than `n` files; *more:
 * there are more to look at. */
enum lc_err lc_folder_sweep(void *folder, int64_t before_us, size_t n, bool *more);
void lc_folder_close(void *folder); /* NULL is fine */

struct lc_listed {
  size_t name; /* where it begins in `names` */
  uint64_t size;
  int64_t epoch_us;
};

/* A heap, the oldest on top, so that the first can be had before all have been read. */
struct lc_listing {
  struct lc_listed *files;
  size_t n;
  size_t room;
  struct lc_buf names; /* each with its 0 */
  void *folder;        /* that is being read; NULL: none, or it has been read to its end */
};

/* What lc_folder_next gives, or with `all` what lc_folder_name gives, in no order. */
enum lc_err lc_listing_open(struct lc_listing *listing, const char *path);
enum lc_err lc_listing_more(struct lc_listing *listing, size_t n, bool all);
/* Takes out the oldest of what has been read; its name is there until the next lc_listing_more.
 * false: there is none. */
bool lc_listing_take(struct lc_listing *listing, struct lc_entry *entry);
void lc_listing_free(struct lc_listing *listing);

#endif
