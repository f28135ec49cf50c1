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

/* The steps of that, for a caller who syncs many files at once. A draft is a file that has no name
 * to be found by yet: *draft is its path, the caller's to free. */
enum lc_err lc_draft_write(const char *drafts, const void *data, size_t len, unsigned mode,
                           bool synced, char **draft);
/* Gives it its name, unless that is taken and not to be replaced; the draft is gone in any case.
 * What is in a folder is there after a loss of power when the folder has been synced since. */
enum lc_err lc_draft_settle(const char *draft, int folder, const char *name, bool replace);
/* A folder's descriptor, the caller's to close; -1: errno says why. */
int lc_folder_hold(const char *path);
enum lc_err lc_folder_sync(int fd);
enum lc_err lc_folder_sync_at(const char *path);
/* Whether one lc_folder_sync_whole makes all of this folder's file system durable, and tells of
 * what has failed since the descriptor was opened. */
bool lc_folder_syncs_whole(int fd);
enum lc_err lc_folder_sync_whole(int fd);

/* Opens and locks; the caller closes *fd. EWOULDBLOCK: someone has it; ENOENT: it is gone. */
enum lc_err lc_file_lock(const char *path, int *fd);
enum lc_err lc_file_read(int fd, struct lc_buf *buf); /* all of it, from its beginning */
enum lc_err lc_file_append(int fd, const void *data, size_t len); /* all or nothing, not synced */
/* Over its beginning. Of a few bytes a reader finds all or none, also after the writer was killed;
 * not synced. */
enum lc_err lc_file_write(int fd, const void *data, size_t len);
enum lc_err lc_file_sync(int fd);
enum lc_err lc_file_touch(int fd, int64_t epoch_us);
enum lc_err lc_file_empty(int fd);
enum lc_err lc_file_size(int fd, uint64_t *size);
bool lc_file_exists(const char *path);
bool lc_file_is_in(const char *folder, const char *name); /* NULL: no folder */

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

#endif
