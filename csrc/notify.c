/* SPDX-License-Identifier: MIT */
#include "notify.h"
#include "process.h"

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
#define MSG_NOSIGNAL 0 /* macOS: SO_NOSIGPIPE, set where the reader is accepted */
#endif

/* What fails on the way out must not change what the caller is going to read from errno. */
static void close_fd(int *fd) {
  int saved = errno;
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
  errno = saved;
}

#ifndef __linux__
static int set_flags(int fd) {
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return -1;
  return fcntl(fd, F_SETFL, O_NONBLOCK);
}
#endif

/* ---- event ---------------------------------------------------------------------------------- */

enum lc_err lc_event_open(struct lc_event *event) {
  *event = (struct lc_event){.fd = -1, .set_fd = -1};
#ifdef __linux__
  event->fd = event->set_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return event->fd >= 0 ? LC_OK : LC_ESYS;
#else
  int ends[2];
  if (pipe(ends) != 0)
    return LC_ESYS;
  event->fd = ends[0];
  event->set_fd = ends[1];
  if (set_flags(ends[0]) == 0 && set_flags(ends[1]) == 0)
    return LC_OK;
  lc_event_close(event);
  return LC_ESYS;
#endif
}

void lc_event_set(const struct lc_event *event) {
  uint64_t one = 1;
  ssize_t n;
  do /* EAGAIN: so full that it is set anyway */
    n = write(event->set_fd, &one, sizeof one);
  while (n < 0 && errno == EINTR);
}

void lc_event_clear(const struct lc_event *event) {
  char trash[64];
  ssize_t n;
  do /* an eventfd is clear after one read; a pipe after the read that does not fill */
    n = read(event->fd, trash, sizeof trash);
  while (n == (ssize_t)sizeof trash || (n < 0 && errno == EINTR));
}

void lc_event_close(struct lc_event *event) {
  if (event->set_fd != event->fd)
    close_fd(&event->set_fd);
  event->set_fd = -1;
  close_fd(&event->fd);
}

/* ---- wakeup socket -------------------------------------------------------------------------- */

void lc_wakeup_init(struct lc_wakeup *wakeup) {
  *wakeup = (struct lc_wakeup){.listener = -1, .reader = -1};
}

/* mkdtemp makes the folder 0700: other users cannot even see the socket. */
static int make_folder(char *path) {
  const char *base = getenv("TMPDIR");
  static const char name[] = "/livechat-XXXXXX";
  if (base == NULL || *base == 0 || strlen(base) + sizeof name + strlen("/s") > LC_WAKEUP_PATH)
    base = "/tmp";
  snprintf(path, LC_WAKEUP_PATH, "%s%s", base, name);
  return mkdtemp(path) != NULL ? 0 : -1;
}

static void remove_name(struct lc_wakeup *wakeup) {
  int saved = errno;
  char *slash = strrchr(wakeup->path, '/');
  if (slash != NULL) {
    unlink(wakeup->path);
    *slash = 0;
    rmdir(wakeup->path);
  }
  wakeup->path[0] = 0;
  errno = saved;
}

static int new_socket(void) {
#ifdef __linux__
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
#else
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd >= 0 && set_flags(fd) != 0)
    close_fd(&fd);
  return fd;
#endif
}

static int new_connection(int listener) {
#ifdef __linux__
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
#else
  int fd = accept(listener, NULL, NULL);
  if (fd >= 0 && set_flags(fd) != 0)
    close_fd(&fd);
#ifdef SO_NOSIGPIPE
  if (fd >= 0)
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
  return fd;
#endif
}

enum lc_err lc_wakeup_listen(struct lc_wakeup *wakeup) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  lc_wakeup_close(wakeup);
  wakeup->retry_at_us = 0;
  if (make_folder(wakeup->path) != 0) {
    wakeup->path[0] = 0;
    return LC_ESYS;
  }
  size_t len = strlen(wakeup->path);
  memcpy(wakeup->path + len, "/s", sizeof "/s");
  memcpy(address.sun_path, wakeup->path, len + sizeof "/s");
  wakeup->listener = new_socket();
  if (wakeup->listener >= 0 &&
      bind(wakeup->listener, (struct sockaddr *)&address, sizeof address) == 0 &&
      listen(wakeup->listener, 4) == 0)
    return LC_OK;
  lc_wakeup_close(wakeup);
  return LC_ESYS;
}

static bool is_this_process(int fd) {
#ifdef __linux__
  struct ucred who;
  socklen_t size = sizeof who;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == lc_pid() &&
         who.uid == geteuid();
#else
  uid_t user;
  gid_t group;
  return getpeereid(fd, &user, &group) == 0 && user == geteuid();
#endif
}

int lc_wakeup_fd(const struct lc_wakeup *wakeup, int64_t now_us) {
  return now_us >= wakeup->retry_at_us ? wakeup->listener : -1;
}

bool lc_wakeup_accept(struct lc_wakeup *wakeup, int64_t now_us) {
  while (lc_wakeup_fd(wakeup, now_us) >= 0) {
    int fd = new_connection(wakeup->listener);
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
      continue;
    /* Without a descriptor for it the connection stays in the queue and the listener readable:
     * who polls it meanwhile would never sleep. */
    if (fd < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
      wakeup->retry_at_us = now_us + LC_WAKEUP_RETRY_MS * 1000;
    if (fd < 0)
      return false;
    if (!is_this_process(fd)) {
      close_fd(&fd);
      continue;
    }
    close_fd(&wakeup->listener);
    remove_name(wakeup);
    wakeup->reader = fd;
    return true;
  }
  return false;
}

bool lc_wakeup_signal(struct lc_wakeup *wakeup) {
  ssize_t n = -1;
  if (wakeup->reader < 0)
    return false;
  do
    n = send(wakeup->reader, "!", 1, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n == 1 || errno == EAGAIN || errno == EWOULDBLOCK) /* full: there is plenty to read */
    return true;
  close_fd(&wakeup->reader);
  return false;
}

void lc_wakeup_close(struct lc_wakeup *wakeup) {
  close_fd(&wakeup->listener);
  close_fd(&wakeup->reader);
  remove_name(wakeup);
}
