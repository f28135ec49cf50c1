/* SPDX-License-Identifier: MIT */
/* Files that come into being whole, and belong to one process at a time. */
#ifndef LC_SPOOL_H
#define LC_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* Writes a file below the folder `drafts`, syncs it, and gives it the name folder/name unless that
 * is taken (LC_ESYS, EEXIST); in both cases what has the name is on disk when this returns. The
 * file's time is that of the call, to the microsecond. Nothing is left of what failed. */
enum lc_err lc_file_store(const char *drafts, const char *folder, const char *name,
                          const void *data, size_t len, unsigned mode);
/* The same over whatever has the name: a reader finds the old file or the new one, whole. */
enum lc_err lc_file_replace(const char *drafts, const char *folder, const char *name,
                            const void *data, size_t len, unsigned mode);
/* Opens and locks; the caller closes *fd. EWOULDBLOCK: someone has it; ENOENT: it is gone. */
enum lc_err lc_file_lock(const char *path, int *fd);
enum lc_err lc_file_read(int fd, struct lc_buf *buf); /* all of it, from its beginning */
enum lc_err lc_file_append(int fd, const void *data, size_t len); /* all or nothing, not synced */
/* Over its beginning. Of a few bytes a reader finds all or none, also after the writer was killed;
 * not synced. */
enum lc_err lc_file_write(int fd, const void *data, size_t len);
enum lc_err lc_file_touch(int fd, int64_t epoch_us);
enum lc_err lc_file_empty(int fd);
enum lc_err lc_file_size(int fd, uint64_t *size);
bool lc_file_exists(const char *path);

enum lc_kind { LC_KIND_OTHER, LC_KIND_FILE, LC_KIND_FOLDER, LC_KIND_LINK };

struct lc_about {
  enum lc_kind kind;
  unsigned mode; /* permission bits */
  unsigned long owner;
};

/* What has that name; with `follow`, what a symbolic link leads to. */
enum lc_err lc_file_about(const char *path, bool follow, struct lc_about *about);

/* The folder itself, not those above it; fine where it is there. The umask does not matter. */
enum lc_err lc_folder_make(const char *path, unsigned mode);

enum lc_err lc_folder_open(const char *path, void **folder);
/* Of anything in it, also what begins with a dot; until the next call. NULL: there are no more. */
enum lc_err lc_folder_name(void *folder, const char **name);

struct lc_entry {   /* a regular file whose name does not begin with a dot */
  const char *name; /* until the next call; NULL: there are no more */
  uint64_t size;
  int64_t epoch_us; /* its time */
};

enum lc_err lc_folder_next(void *folder, struct lc_entry *entry);
void lc_folder_close(void *folder); /* NULL is fine */

#endif
