/* SPDX-License-Identifier: MIT */
/* Two ways to be told from another thread: a flag for a call of its own (any loop can poll it), and
 * a door for nginx, whose Lua reads nothing but sockets that it connected itself. */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE, set where the peer is let in */
#endif

/* What fails on the way out must not change what the caller is going to read from errno. */
static void close_fd(int *fd) {
  int saved = errno;
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
  errno = saved;
}

static int set_flags(int fd) {
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return -1;
  return fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* ---- flag ----------------------------------------------------------------------------------- */

enum lc_err lc_flag_open(struct lc_flag *flag) {
  *flag = (struct lc_flag){.fd = -1, .raise_fd = -1};
#ifdef __linux__
  flag->fd = flag->raise_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return flag->fd >= 0 ? LC_OK : LC_ESYS;
#else
  int ends[2];
  if (pipe(ends) != 0)
    return LC_ESYS;
  flag->fd = ends[0];
  flag->raise_fd = ends[1];
  if (set_flags(ends[0]) == 0 && set_flags(ends[1]) == 0)
    return LC_OK;
  lc_flag_close(flag);
  return LC_ESYS;
#endif
}

void lc_flag_raise(const struct lc_flag *flag) {
  uint64_t one = 1;
  ssize_t n;
  do /* EAGAIN: so full that it is up anyway */
    n = write(flag->raise_fd, &one, sizeof one);
  while (n < 0 && errno == EINTR);
}

void lc_flag_lower(const struct lc_flag *flag) {
  char trash[64];
  ssize_t n;
  do /* an eventfd is down after one read; a pipe after the read that does not fill */
    n = read(flag->fd, trash, sizeof trash);
  while (n == (ssize_t)sizeof trash || (n < 0 && errno == EINTR));
}

void lc_flag_close(struct lc_flag *flag) {
  if (flag->raise_fd != flag->fd)
    close_fd(&flag->raise_fd);
  flag->raise_fd = -1;
  close_fd(&flag->fd);
}

/* ---- door ----------------------------------------------------------------------------------- */

void lc_door_init(struct lc_door *door) {
  *door = (struct lc_door){.listener = -1, .peer = -1};
}

/* mkdtemp makes the folder 0700: whoever is not this user cannot even see the socket. */
static int make_folder(char *path) {
  const char *base = getenv("TMPDIR");
  static const char name[] = "/livechat-XXXXXX";
  if (base == NULL || *base == 0 || strlen(base) + sizeof name + strlen("/s") > LC_DOOR_PATH)
    base = "/tmp";
  snprintf(path, LC_DOOR_PATH, "%s%s", base, name);
  return mkdtemp(path) != NULL ? 0 : -1;
}

static void remove_name(struct lc_door *door) {
  int saved = errno;
  char *slash = strrchr(door->path, '/');
  if (slash != NULL) {
    unlink(door->path);
    *slash = 0;
    rmdir(door->path);
  }
  door->path[0] = 0;
  errno = saved;
}

enum lc_err lc_door_open(struct lc_door *door) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  lc_door_close(door);
  if (make_folder(door->path) != 0) {
    door->path[0] = 0;
    return LC_ESYS;
  }
  size_t len = strlen(door->path);
  memcpy(door->path + len, "/s", sizeof "/s");
  memcpy(address.sun_path, door->path, len + sizeof "/s");
  door->listener = socket(AF_UNIX, SOCK_STREAM, 0);
  if (door->listener >= 0 && set_flags(door->listener) == 0 &&
      bind(door->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
      listen(door->listener, 4) == 0)
    return LC_OK;
  lc_door_close(door);
  return LC_ESYS;
}

static bool is_this_process(int fd) {
#ifdef __linux__
  struct ucred who;
  socklen_t size = sizeof who;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == getpid() &&
         who.uid == geteuid();
#else
  uid_t user;
  gid_t group;
  return getpeereid(fd, &user, &group) == 0 && user == geteuid();
#endif
}

bool lc_door_accept(struct lc_door *door) {
  while (door->listener >= 0) {
    int fd = accept(door->listener, NULL, NULL);
    if (fd < 0 && errno == EINTR)
      continue;
    if (fd < 0)
      return false;
    if (set_flags(fd) != 0 || !is_this_process(fd)) {
      close_fd(&fd);
      continue;
    }
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
    close_fd(&door->listener);
    remove_name(door);
    door->peer = fd;
    return true;
  }
  return false;
}

bool lc_door_knock(struct lc_door *door) {
  ssize_t n = -1;
  if (door->peer < 0)
    return false;
  do
    n = send(door->peer, "!", 1, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n == 1 || errno == EAGAIN || errno == EWOULDBLOCK) /* full: there is plenty to read */
    return true;
  close_fd(&door->peer);
  return false;
}

void lc_door_close(struct lc_door *door) {
  close_fd(&door->listener);
  close_fd(&door->peer);
  remove_name(door);
}
