/* SPDX-License-Identifier: MIT */
/* Files that come into being whole, and belong to one process at a time.
 *
 * The lock is flock's, on a descriptor that no program started from here inherits: the kernel takes
 * it from a process that dies, in whatever way, at once, and it holds between two descriptors of
 * one process too. A process that forks without exec shares its locks with the child. */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/utsname.h>
#include <sys/vfs.h>
#endif
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, CHUNK = 16384, DRAFT_MODE = 0600 };

static enum lc_err system_error(int why) {
  errno = why;
  return LC_ESYS;
}

/* ---- writing ------------------------------------------------------------------------------- */

static enum lc_err write_all(int fd, const char *data, size_t len) {
  while (len > 0) {
    ssize_t n = write(fd, data, len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return system_error(n < 0 ? errno : EIO);
    data += n;
    len -= (size_t)n;
  }
  return LC_OK;
}

/* The times that the kernel itself writes are coarse: files of one tick would have no order. */
static enum lc_err touch_now(int fd) {
  struct timespec times[2];
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[1] = times[0];
  return futimens(fd, times) == 0 ? LC_OK : LC_ESYS;
}

static enum lc_err write_file(int fd, const void *data, size_t len, unsigned mode, bool synced) {
  if (mode != DRAFT_MODE && fchmod(fd, (mode_t)mode) != 0)
    return LC_ESYS;
  enum lc_err err = write_all(fd, data, len);
  if (err == LC_OK)
    err = touch_now(fd);
  return err == LC_OK && synced && fsync(fd) != 0 ? LC_ESYS : err;
}

/* What fails on the way out must not change what the caller is going to read from errno. */
static void remove_draft(const char *draft) {
  int why = errno;
  unlink(draft);
  errno = why;
}

static void close_fd(int fd) {
  int why = errno;
  close(fd);
  errno = why;
}

enum lc_err lc_draft_write(const char *drafts, const void *data, size_t len, unsigned mode,
                           bool synced, char **draft) {
  static const char form[] = "/XXXXXX";
  size_t n = strlen(drafts);
  *draft = NULL;
  if (n + sizeof form > PATH_SIZE)
    return system_error(ENAMETOOLONG);
  char *path = malloc(n + sizeof form);
  if (path == NULL)
    return LC_ENOMEM;
  memcpy(path, drafts, n);
  memcpy(path + n, form, sizeof form);
  int fd = mkostemp(path, O_CLOEXEC);
  enum lc_err err = fd < 0 ? LC_ESYS : write_file(fd, data, len, mode, synced);
  if (fd >= 0)
    close_fd(fd);
  if (fd >= 0 && err != LC_OK)
    remove_draft(path);
  if (err == LC_OK)
    *draft = path;
  else
    free(path);
  return err;
}

int lc_folder_hold(const char *path) {
  return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Gives the draft its name, unless that is taken and not to be replaced, and takes the draft's
 * away: one call where system and file system know how. */
static enum lc_err settle(const char *draft, int folder, const char *name, bool replace) {
  if (replace)
    return renameat(AT_FDCWD, draft, folder, name) == 0 ? LC_OK : LC_ESYS;
#ifdef RENAME_NOREPLACE
  if (renameat2(AT_FDCWD, draft, folder, name, RENAME_NOREPLACE) == 0)
    return LC_OK;
  if (errno != EINVAL && errno != ENOSYS)
    return LC_ESYS;
#endif
  if (linkat(AT_FDCWD, draft, folder, name, 0) != 0)
    return LC_ESYS;
  unlink(draft);
  return LC_OK;
}

enum lc_err lc_draft_settle(const char *draft, int folder, const char *name, bool replace) {
  enum lc_err err = settle(draft, folder, name, replace);
  if (err != LC_OK)
    remove_draft(draft);
  return err;
}

enum lc_err lc_folder_sync(int fd) {
  return fsync(fd) == 0 ? LC_OK : LC_ESYS;
}

enum lc_err lc_folder_sync_at(const char *path) {
  int fd = lc_folder_hold(path);
  if (fd < 0)
    return LC_ESYS;
  enum lc_err err = lc_folder_sync(fd);
  close_fd(fd);
  return err;
}

static enum lc_err put_file(const char *drafts, const char *folder, const char *name,
                            const void *data, size_t len, unsigned mode, bool replace) {
  char *draft = NULL;
  int fd = lc_folder_hold(folder);
  enum lc_err err = fd < 0 ? LC_ESYS : lc_draft_write(drafts, data, len, mode, true, &draft);
  if (err == LC_OK)
    err = lc_draft_settle(draft, fd, name, replace);
  int why = errno;
  free(draft);
  /* Also where another process's file has the name: the caller that learns so relies on it. */
  bool named = err == LC_OK || (err == LC_ESYS && why == EEXIST);
  if (fd >= 0 && named && lc_folder_sync(fd) != LC_OK) {
    err = LC_ESYS;
    why = errno;
  }
  if (fd >= 0)
    close(fd);
  errno = why;
  return err;
}

enum lc_err lc_file_store(const char *drafts, const char *folder, const char *name,
                          const void *data, size_t len, unsigned mode) {
  return put_file(drafts, folder, name, data, len, mode, false);
}

enum lc_err lc_file_replace(const char *drafts, const char *folder, const char *name,
                            const void *data, size_t len, unsigned mode) {
  return put_file(drafts, folder, name, data, len, mode, true);
}

#ifdef __linux__
/* Before Linux 5.8 syncfs did not tell that the disk had failed. */
static bool syncfs_tells(void) {
  struct utsname system;
  char *end;
  if (uname(&system) != 0)
    return false;
  long major = strtol(system.release, &end, 10);
  long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
  return major > 5 || (major == 5 && minor >= 8);
}

bool lc_folder_syncs_whole(int fd) {
  /* From linux/magic.h, which not every C library brings: ext2 to ext4, XFS, Btrfs, F2FS, tmpfs,
   * overlayfs (which syncs what is below) and ZFS. A network's file system, and one in a process of
   * its own, may take syncfs for done when the server has the data in its memory. */
  static const unsigned long known[] = {0xEF53,     0x58465342, 0x9123683E, 0xF2F52010,
                                        0x01021994, 0x794C7630, 0x2FC12FC1};
  struct statfs about;
  if (!syncfs_tells() || fstatfs(fd, &about) != 0)
    return false;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (((unsigned long)about.f_type & 0xFFFFFFFF) == known[i])
      return true;
  }
  return false;
}

enum lc_err lc_folder_sync_whole(int fd) {
  return syncfs(fd) == 0 ? LC_OK : LC_ESYS;
}
#else
bool lc_folder_syncs_whole(int fd) {
  (void)fd;
  return false;
}

enum lc_err lc_folder_sync_whole(int fd) {
  (void)fd;
  return system_error(ENOSYS);
}
#endif

/* ---- locked files -------------------------------------------------------------------------- */

/* The descriptor's file still has that name: what was renamed or removed meanwhile is not ours. */
static enum lc_err still_there(int fd, const char *path) {
  struct stat mine, named;
  if (fstat(fd, &mine) != 0 || lstat(path, &named) != 0)
    return LC_ESYS;
  if (!S_ISREG(mine.st_mode))
    return system_error(EINVAL);
  if (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev)
    return system_error(ENOENT);
  return LC_OK;
}

enum lc_err lc_file_lock(const char *path, int *fd) {
  *fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (*fd < 0)
    return LC_ESYS;
  enum lc_err err = LC_ESYS;
  if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
    err = still_there(*fd, path);
  if (err != LC_OK) {
    int why = errno;
    close(*fd);
    *fd = -1;
    errno = why;
  }
  return err;
}

enum lc_err lc_file_read(int fd, struct lc_buf *buf) {
  char chunk[CHUNK];
  for (off_t at = 0;;) {
    ssize_t n = pread(fd, chunk, sizeof chunk, at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n < 0 ? LC_ESYS : LC_OK;
    enum lc_err err = lc_buf_add(buf, chunk, (size_t)n);
    if (err != LC_OK)
      return err;
    at += n;
  }
}

enum lc_err lc_file_append(int fd, const void *data, size_t len) {
  struct stat before;
  if (fstat(fd, &before) != 0)
    return LC_ESYS;
  enum lc_err err = write_all(fd, data, len);
  if (err != LC_OK) {
    int why = errno;
    if (ftruncate(fd, before.st_size) != 0)
      why = errno;
    errno = why;
  }
  return err;
}

enum lc_err lc_file_write(int fd, const void *data, size_t len) {
  int flags = fcntl(fd, F_GETFL);
  /* Where O_APPEND is set, Linux appends whatever the place is. */
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_APPEND) != 0)
    return LC_ESYS;
  ssize_t n;
  do
    n = pwrite(fd, data, len, 0);
  while (n < 0 && errno == EINTR);
  int why = n < 0 ? errno : EIO;
  if (fcntl(fd, F_SETFL, flags) != 0)
    return LC_ESYS;
  return n == (ssize_t)len ? LC_OK : system_error(why);
}

enum lc_err lc_file_sync(int fd) {
  return fsync(fd) == 0 ? LC_OK : LC_ESYS;
}

enum lc_err lc_file_touch(int fd, int64_t epoch_us) {
  struct timespec time = {
      .tv_sec = (time_t)(epoch_us / 1000000),
      .tv_nsec = (long)(epoch_us % 1000000) * 1000,
  };
  struct timespec times[2] = {time, time};
  return epoch_us >= 0 && futimens(fd, times) == 0 ? LC_OK : LC_ESYS;
}

enum lc_err lc_file_empty(int fd) {
  return ftruncate(fd, 0) == 0 ? LC_OK : LC_ESYS;
}

enum lc_err lc_file_size(int fd, uint64_t *size) {
  struct stat about;
  if (fstat(fd, &about) != 0)
    return LC_ESYS;
  *size = (uint64_t)about.st_size;
  return LC_OK;
}

enum lc_err lc_file_about(const char *path, bool follow, struct lc_about *about) {
  struct stat found;
  if ((follow ? stat(path, &found) : lstat(path, &found)) != 0)
    return LC_ESYS;
  about->kind = S_ISREG(found.st_mode)   ? LC_KIND_FILE
                : S_ISDIR(found.st_mode) ? LC_KIND_FOLDER
                : S_ISLNK(found.st_mode) ? LC_KIND_LINK
                                         : LC_KIND_OTHER;
  about->mode = (unsigned)found.st_mode & 07777;
  about->owner = (unsigned long)found.st_uid;
  return LC_OK;
}

bool lc_file_exists(const char *path) {
  struct stat any;
  return lstat(path, &any) == 0;
}

bool lc_file_is_in(const char *folder, const char *name) {
  char path[PATH_SIZE];
  if (folder == NULL)
    return false;
  int n = snprintf(path, sizeof path, "%s/%s", folder, name);
  return n >= 0 && (size_t)n < sizeof path && lc_file_exists(path);
}

/* ---- folders ------------------------------------------------------------------------------- */

/* So that a new folder is still there after a loss of power, with all that was synced in it. */
static enum lc_err sync_parent(const char *path) {
  char parent[PATH_SIZE];
  int n = snprintf(parent, sizeof parent, "%s/..", path);
  if (n < 0 || (size_t)n >= sizeof parent)
    return system_error(ENAMETOOLONG);
  return lc_folder_sync_at(parent);
}

enum lc_err lc_folder_make(const char *path, unsigned mode) {
  if (mkdir(path, 0700) != 0) {
    struct stat present;
    if (errno != EEXIST || stat(path, &present) != 0)
      return LC_ESYS;
    return S_ISDIR(present.st_mode) ? LC_OK : system_error(ENOTDIR);
  }
  return chmod(path, (mode_t)mode) == 0 ? sync_parent(path) : LC_ESYS; /* whatever the umask */
}
